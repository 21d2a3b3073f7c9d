"""One run on two ranks, as torchrun starts them, is the run of one process with the same views: gloo, on the CPU."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.runtime.distributed import World
from carv3d.runtime.errors import UserError
from carv3d.text3d import build

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "diffusion"))

import rank_steps
import tiny_pipeline as tiny
from test_train import same

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
HERE = Path(__file__).parent
PATIENCE_S = 1200  # with a machine that has other things to do; each command takes seconds on a free one


def apart(a: torch.Tensor, b: torch.Tensor) -> float:
    """Largest difference, as a share of the largest entry."""
    return (a - b).abs().max().item() / max(b.abs().max().item(), 1e-30)


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict:
    """name -> [one process's, rank 0's, rank 1's]."""
    out = tmp_path_factory.mktemp("ranks")
    sd15 = str(tiny.built("sd15", tmp_path_factory.mktemp("pipelines")))
    command = [*TORCHRUN, str(HERE / "rank_steps.py"), str(out), sd15]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    alone = rank_steps.everything(World(), sd15)
    made = [torch.load(out / f"rank{rank}.pt", weights_only=False) for rank in range(2)]
    return {name: [alone.get(name), *(each[name] for each in made)] for name in made[0]}


@pytest.mark.parametrize("name", [*rank_steps.CASES, "vsd"])
def test_two_ranks_give_the_gradient_of_one_process(found, name):
    """The same bits on both ranks; summed in another order than in one process. Of VSD, the LoRA's gradient too."""
    alone, first, second = found[name]
    assert same(first["gradient"], second["gradient"]) and same(first["first"], second["first"])
    assert any(g.any() for g in alone["gradient"]) and bool(alone["finite"])
    worst = max(apart(mine, whole) for mine, whole in zip(first["gradient"], alone["gradient"], strict=True))
    print(f"{name}: gradient apart by {worst:.1e} of its largest entry")
    assert worst < 1e-5
    for number in ("grad_norm", "draw_norm", "loss_lora"):
        assert float(first[number]) == pytest.approx(float(alone[number]), rel=1e-5)
    assert first["first"]["ledger"] == alone["first"]["ledger"]
    assert first["last"]["ledger"] == second["last"]["ledger"] == alone["last"]["ledger"]


@pytest.mark.parametrize("wrong", ["Same", "Apart"])
def test_control_ranks_that_share_wrongly_give_another_gradient(found, wrong):
    _, first, _ = found[wrong]
    assert apart(first["gradient"][0], found["image"][0]["gradient"][0]) > 1e-2


@pytest.mark.parametrize("name", [*rank_steps.CASES, "vsd"])
def test_the_union_over_ranks_is_what_one_process_draws(found, name):
    alone, first, second = (each["drawn"] for each in found[name])
    for what in ("timestep", "weight", "noise", "azimuth_deg", "elevation_deg", "background"):
        assert torch.equal(torch.cat([first[what], second[what]]), alone[what])
        assert what in ("weight", "background") or not torch.equal(first[what], second[what])


def test_at_one_draw_a_view_the_ranks_share_the_strata(found):
    """Four views, two ranks, K = 1: each quarter of the timesteps is met once."""
    _, first, second = (each["drawn"]["timestep"] for each in found["image"])
    low, high = 20, 980  # objective.t_min and t_max of 1000, in the first step
    both = torch.cat([first, second]).flatten()
    assert both.min() >= low and both.max() <= high
    assert sorted(((both - low) * 4 // (high + 1 - low)).tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", [*rank_steps.CASES, "vsd"])
def test_what_later_steps_rest_on_is_the_whole_steps(found, name):
    """The adaptive proposal's averages, and the learner's; the evidence for density control."""
    states = [each["first"] for each in found[name]]
    fitted = [[s["adaptive"], *([s["learner"]["adaptive"]] if s["learner"] else [])] for s in states]
    for mine, whole in zip(fitted[1], fitted[0], strict=True):
        assert torch.equal(mine["slow"][1], whole["slow"][1]) and whole["slow"][1].sum() > 0  # numbers of draws
        assert apart(mine["slow"][0], whole["slow"][0]) < 1e-5
    if name == "gaussians":
        alone, first, _ = (s["scenes"][0] for s in states)
        assert torch.equal(first["seen"], alone["seen"]) and alone["seen"].max() == 4
        assert apart(first["signal"], alone["signal"]) < 1e-4


def test_gaussians_grow_alike_on_all_ranks(found):
    alone, first, second = (each["last"]["scenes"][0] for each in found["gaussians"])
    assert same(first, second) and len(alone["means"]) == len(first["means"]) != 200


def test_a_step_that_is_not_finite_on_one_rank_is_masked_on_all(found):
    for each in found["broken 1"][1:]:
        assert not each["finite"] and not each["moved"]
    for each in found["broken -1"][1:]:
        assert each["finite"] and each["moved"]


def test_k_is_chosen_alike_on_all_ranks(found):
    """From the first one's times, and from what one process would measure."""
    alone, first, second = found["chosen"]
    assert first == second and first["ledger"] == alone["ledger"]
    ours, theirs = ({(b, k): pairs for b, k, pairs in one["decision"]["found"]} for one in (first, alone))
    assert ours.keys() == theirs.keys() and len(ours) == 2
    for way, pairs in ours.items():
        assert pairs["variance"] == pytest.approx(theirs[way]["variance"], rel=0.05)


def test_the_first_ranks_clock_decides(found):
    _, first, second = found["hurried"]
    assert first == second == 3


def test_ranks_agree_on_flags_values_means_and_parameters(found):
    _, first, second = found["words"]
    assert first == second
    assert first[:4] == [True, False, "of 0", {"a": 0.5, "b": 3.0}] and "different parameters" in first[4]


def test_ranks_whose_backends_differ_do_not_begin():
    """As where one rank could compile a package and another could not, and ``auto`` chose by that."""
    class Other(World):
        def first(self, value):
            return [each.replace("numba", "torch") for each in value]

    trainer = rank_steps.trainer_of(World(), *rank_steps.SMALL, *rank_steps.IMAGE)
    trainer.scenes[0].backends = "rasteriser numba (fastest on cpu)"
    trainer.require_agreement()
    trainer.world = Other()
    with pytest.raises(UserError, match="the ranks chose different backends, this one rasteriser numba"):
        trainer.require_agreement()


def test_a_rank_that_has_left_has_no_thread_that_shared(found):
    """Such a thread may still hold a tensor, and aborts the process if it lets go of it while the interpreter ends. Each
    group has two; those of torch's default group, which was asked for nothing, stay if a later import keeps that."""
    for before, _, after in found["workers"][1:]:
        assert after <= 2 and before - after >= 2


# --- the command ---

RUN = ["train", *rank_steps.SMALL, *rank_steps.IMAGE, "data.batch_size=2", "log.every_n_steps=1", "estimator.k=auto",
       "estimator.measure_every=4", "estimator.cost={a_ms: 9, b_ms: 1}", "budget.evaluations=2",
       "checkpoint.every_n_train_steps=2"]


def torchrun(*arguments: str, cwd: Path, entry: tuple[str, ...] = ("-m", "carv3d")) -> subprocess.CompletedProcess:
    return subprocess.run([*TORCHRUN, *entry, *arguments], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_S)


def the_run(root: Path) -> Run:
    (folder,) = (root / "outputs" / "carv3d").iterdir()
    return Run(folder)


def picture(run: Run) -> torch.Tensor:
    return build.trained_scenes(run.config(), checkpoint.newest(run.ckpts))[0][0].logits.detach()


def without_times(lines: list[dict]) -> list[dict]:
    timed = ("wall_s", "step_ms", "peak_mem_mib")
    return [{k: {"seconds": None} | v if k == "cost" else v for k, v in line.items() if k not in timed}
            for line in lines]


def test_a_run_on_two_ranks_is_that_of_one_process_and_resumes(tmp_path):
    """It stops at the same step of a budget, scores at the same points, and leaves one folder and one summary. Stopped
    at another step and gone on with from there, by the script's other name, it ends to the bit where it would have."""
    roots = [tmp_path / name for name in ("alone", "ranks", "parts")]
    for root in roots:
        root.mkdir()
    budget = "budget.renders=20"  # 2 a step, ten steps, of which the last measure for K
    alone = subprocess.run([sys.executable, "-m", "carv3d", *RUN, budget], cwd=roots[0], capture_output=True, text=True)
    assert alone.returncode == 0, alone.stderr
    done = torchrun(*RUN, budget, cwd=roots[1])
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("run folder") == 1 and len(done.stdout.splitlines()) == 1
    part = torchrun(*RUN, "trainer.max_steps=3", cwd=roots[2])
    assert part.returncode == 0, part.stderr
    parts = the_run(roots[2])
    gone_on = torchrun("--resume", str(parts.folder), "trainer.max_steps=500", budget, cwd=roots[2],
                       entry=(str(HERE.parent / "scripts" / "train.py"),))
    assert gone_on.returncode == 0, gone_on.stderr

    one, two = the_run(roots[0]), the_run(roots[1])
    for run in (one, two, parts):
        assert (run.summary()["status"], run.summary()["step"], run.summary()["stopped_by"]) == (
            "finished", 10, "budget.renders")
        assert run.summary()["ledger"] == one.summary()["ledger"]
        assert [line["step"] for line in run.metrics() if "quality" in line][-1] == 10
    assert json.loads((two.folder / "env.json").read_text())["ranks"] == 2
    for mine, whole in zip(two.metrics(), one.metrics(), strict=True):
        assert mine.keys() == whole.keys() and mine["step"] == whole["step"]
        if "grad_norm" in whole:
            assert all(mine[name] == pytest.approx(whole[name], rel=1e-3) for name in ("grad_norm", "draw_norm", "k"))
    difference = (picture(two) - picture(one)).abs().mean().item()
    print(f"logits apart by {difference:.1e} after ten steps of Adam")
    assert difference < 1e-4
    assert torch.equal(picture(parts), picture(two))


@pytest.mark.parametrize("arguments,words", [
    ([*RUN, "data.batch_size=3"], "data.batch_size: 3 given with 2 ranks, which share the views of a step evenly; "
                                  "allowed: multiples of 2"),
    ([*RUN, "scene.type=cube"], "scene.type"),
])
def test_a_mistake_is_said_once(tmp_path, arguments, words):
    """By the first rank, which ends with status 2; torchrun says the rest."""
    done = torchrun(*arguments, cwd=tmp_path)
    said = [line for line in done.stderr.splitlines() if "carv3d: error:" in line]
    assert done.returncode != 0 and len(said) == 1 and words in said[0], done.stderr
    assert "exitcode  : 2" in done.stderr and not list(tmp_path.iterdir())


def ranks_of(torchrun: int) -> dict[str, int]:
    """rank -> process."""
    children = Path(f"/proc/{torchrun}/task/{torchrun}/children").read_text().split()
    return {variable[5:]: int(child) for child in children
            for variable in Path(f"/proc/{child}/environ").read_text().split("\0") if variable.startswith("RANK=")}


def test_a_signal_to_one_rank_stops_all_after_the_same_step(tmp_path):
    """The other one saves and renders to the end; were the ranks not to agree, it would wait for a step in vain."""
    process = subprocess.Popen([*TORCHRUN, "-m", "carv3d", *RUN, "trainer.max_steps=100000"], cwd=tmp_path,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + PATIENCE_S
    while not list(tmp_path.glob("outputs/carv3d/*/ckpts/step-*.ckpt")):
        assert time.monotonic() < deadline and process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    os.kill(ranks_of(process.pid)["1"], signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE_S)
    run = the_run(tmp_path)
    assert run.summary()["status"] == "interrupted" and (run.save / "preview.png").exists(), err
    assert checkpoint.step_of(checkpoint.newest(run.ckpts)) == run.summary()["step"] >= 2
    assert process.returncode != 0 and "exitcode  : 130" in err and "rank      : 0" in err, err
