"""The loop as a whole: a run improves, stops, is killed, resumes to the bit, survives a full disk and bad numbers."""

import contextlib
import io
import json
import math
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from carv3d import config as configuration
from carv3d.cli import main
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.runtime import rng
from carv3d.text3d import build
from carv3d.text3d.loop import Observer, train
from carv3d.text3d.step import train_step

sys.path.insert(0, str(Path(__file__).parent))  # helpers of the tests
from watching import watching  # noqa: E402

PATIENCE_S = 1200  # with a machine that has other things to do; all that is waited for takes seconds on a free one
SMALL = ["prompt=a red mushroom", "data.width=16", "data.height=16", "teacher.type=exact", "teacher.exact.set_size=16", "data.views=4", "export.video=false",
         "data.batch_size=2", "estimator.k=4", "quality.shape=false",
         "trainer.preview_every=0", "scene.nerf.levels=4", "scene.nerf.occupancy_resolution=16",
         "scene.nerf.table_size=2048", "scene.nerf.samples_per_ray=32"]


def cli(*arguments: str, cwd: Path, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "carv3d", *arguments], cwd=cwd, capture_output=True, text=True, **kwargs)


def here(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    """As ``cli`` in this process, which has loaded what takes most of a small run's time."""
    out, err, before = io.StringIO(), io.StringIO(), os.getcwd()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    os.chdir(cwd)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(list(arguments))
    finally:
        os.chdir(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def start(*arguments: str, cwd: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", "carv3d", *arguments], cwd=cwd, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def the_run(root: Path) -> Path:
    (folder,) = (root / "outputs" / "carv3d").iterdir()
    return folder


def wait_for_step(root: Path, step: int, process: subprocess.Popen) -> None:
    """Until metrics.jsonl has the line of ``step``."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        metrics = list(root.glob("outputs/carv3d/*/metrics.jsonl"))
        if metrics and len(metrics[0].read_text().splitlines()) >= step:
            return
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.005)
    raise AssertionError(f"step {step} was not reached")


def final_state(run: Path) -> dict:
    return checkpoint.load(checkpoint.newest(run / "ckpts"))["trainer"]


def same(a, b) -> bool:
    """Equal to the last bit, through nested containers."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


RUN = [*SMALL, "estimator.k={values: [2, 4], steps: [0, 20], interpolation: step}", "trainer.max_steps=40",
       "checkpoint.every_n_train_steps=7", "log.every_n_steps=1"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("undisturbed")
    done = cli("train", *RUN, cwd=root)
    assert done.returncode == 0, done.stderr
    return the_run(root)


def test_a_run_leaves_what_it_promises(undisturbed):
    assert [path.name for path in undisturbed.parents[2].iterdir()] == ["outputs"]  # and nothing beside it
    names = {path.name for path in undisturbed.iterdir()}
    assert {"config.yaml", "cmd.txt", "env.json", "metrics.jsonl", "summary.json", "ckpts", "save"} <= names
    lines = Run(undisturbed).metrics()
    assert [line["step"] for line in lines] == list(range(1, 41))
    last = lines[-1]
    assert (last["renders"], last["encodes"], last["draws"], last["teacher_evals"], last["k"]) == (80, 80, 240, 240, 4)
    assert [line["k"] for line in lines] == [2] * 20 + [4] * 20
    assert {"wall_s", "grad_norm", "peak_mem_mib"} <= last.keys()
    summary = json.loads((undisturbed / "summary.json").read_text())
    assert summary["status"] == "finished" and summary["ledger"]["draws"] == 240
    assert {"start", "train", "evaluation", "video"} <= summary["seconds"].keys()
    assert {"psnr", "mask_iou", "retrieval_top1"} <= summary["quality"].keys()
    assert "fscore_1" not in summary["quality"]  # quality.shape=false; with it: diffusion/test_stable_diffusion.py
    for artefact in summary["artefacts"].values():
        assert (undisturbed / artefact).exists()
    assert len(checkpoint.listing(undisturbed / "ckpts")) == 2
    environment = json.loads((undisturbed / "env.json").read_text())
    assert environment["device"] == "cpu" and "numba" in environment["backends"]


def test_killed_again_and_again_and_resumed_ends_the_same(tmp_path, undisturbed):
    """Before the first checkpoint, between two and after several; the last time in another process than it began in."""
    resumed = ()
    for step in (3, 15, 29):
        process = start("train", *(resumed or RUN), cwd=tmp_path)
        wait_for_step(tmp_path, step, process)
        process.kill()
        process.communicate()
        run = the_run(tmp_path)
        assert checkpoint.listing(run / "ckpts") or step == 3
        resumed = ("--resume", str(run))
    done = cli("train", *resumed, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(run)
    assert same(final_state(run), final_state(undisturbed))
    timed = ("wall_s", "step_ms", "peak_mem_mib")
    strip = [{k: v for k, v in line.items() if k not in timed} for line in Run(run).metrics()]
    assert strip == [{k: v for k, v in line.items() if k not in timed} for line in Run(undisturbed).metrics()]
    assert not list(run.rglob("*.part*"))


def test_control_another_seed_does_not_end_the_same(tmp_path, undisturbed):
    done = here("train", *RUN, "seed=1", cwd=tmp_path)
    assert done.returncode == 0 and not same(final_state(the_run(tmp_path)), final_state(undisturbed))


def test_sigint_finishes_the_step_saves_renders_and_exits_130(tmp_path):
    process = start("train", *SMALL, "trainer.max_steps=100000", "log.every_n_steps=1", cwd=tmp_path)
    wait_for_step(tmp_path, 5, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    run = the_run(tmp_path)
    assert process.returncode == 130, err
    assert out.splitlines()[-1] == str(run.relative_to(tmp_path))
    summary = json.loads((run / "summary.json").read_text())
    assert summary["status"] == "interrupted" and (run / "save" / "preview.png").exists()
    assert checkpoint.step_of(checkpoint.newest(run / "ckpts")) == summary["step"] >= 5


def test_a_second_trainer_on_the_same_run_is_refused(tmp_path):
    process = start("train", *SMALL, "trainer.max_steps=100000", "log.every_n_steps=1", cwd=tmp_path)
    wait_for_step(tmp_path, 2, process)
    second = here("train", "--resume", str(the_run(tmp_path)), cwd=tmp_path)
    process.kill()
    process.communicate()
    assert second.returncode == 2 and "being trained by another process" in second.stderr


def test_a_full_disk_loses_nothing(tmp_path, undisturbed):
    """A file-size limit stands in for a full disk: the next checkpoint cannot be written, the earlier one stays."""
    first = cli("train", *RUN, "trainer.max_steps=14", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    run = the_run(tmp_path)
    before = {path: path.read_bytes() for path in checkpoint.listing(run / "ckpts")}

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    full = cli("train", "--resume", str(run), "trainer.max_steps=40", cwd=tmp_path, preexec_fn=limit)
    assert full.returncode == 2 and "cannot be written" in full.stderr and "Traceback" not in full.stderr, full.stderr
    assert {path: path.read_bytes() for path in checkpoint.listing(run / "ckpts")} == before
    assert not list(run.rglob("*.part*"))
    done = cli("train", "--resume", str(run), cwd=tmp_path)
    assert done.returncode == 0 and same(final_state(run), final_state(undisturbed)), done.stderr


def test_a_damaged_checkpoint_is_refused_and_the_newest_good_one_named(tmp_path):
    assert here("train", *RUN, "trainer.max_steps=14", cwd=tmp_path).returncode == 0
    run = the_run(tmp_path)
    older, newest = checkpoint.listing(run / "ckpts")
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 0xFF
    newest.write_bytes(content)
    refused = here("train", "--resume", str(run), "trainer.max_steps=20", cwd=tmp_path)
    assert refused.returncode == 2 and str(older) in refused.stderr and "damaged" in refused.stderr, refused.stderr
    newest.write_bytes(content[:1000])
    refused = here("render", str(run), "--views", "1", cwd=tmp_path)
    assert refused.returncode == 2 and str(older) in refused.stderr, refused.stderr
    done = here("train", "--resume", str(older), "trainer.max_steps=20", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_resume_refuses_another_objective_and_a_finished_run(undisturbed):
    root = undisturbed.parent
    changed = here("train", "--resume", str(undisturbed), "estimator.k=8", cwd=root)
    assert changed.returncode == 2 and "estimator.k" in changed.stderr
    finished = here("train", "--resume", str(undisturbed), cwd=root)
    assert finished.returncode == 2 and "already at step 40 of 40" in finished.stderr


def small_trainer(*overrides: str):
    trainer = build.trainer(configuration.load(None, [*SMALL, *overrides]))
    trainer.teacher.prepare()
    return trainer


def test_a_short_run_improves_the_score():
    from carv3d.quality.scores import evaluate

    trainer = small_trainer()
    before = evaluate(trainer.config, trainer.scene, trainer.device, geometry=False)
    for step in range(120):
        train_step(trainer, step)
    after = evaluate(trainer.config, trainer.scene, trainer.device, geometry=False)
    assert after["psnr"] > before["psnr"] + 2 and after["mask_iou"] > before["mask_iou"] + 0.1, (before, after)


def test_the_image_scene_trains():
    trainer = small_trainer("scene.type=image", "data.width=64", "data.height=64", "data.background=white", "data.views=1")
    first = train_step(trainer, 0).metrics["draw_norm"]
    for step in range(1, 60):
        last = train_step(trainer, step).metrics["draw_norm"]
    assert last < 0.5 * first


def test_a_non_finite_gradient_masks_the_step_and_keeps_its_draws(tmp_path):
    from carv3d.text3d.loop import train

    trainer = small_trainer("trainer.max_steps=6", "estimator.noise=iid")
    predict, calls, kept = trainer.teacher.predict, [], []

    def broken(*args):
        calls.append(1)
        out = predict(*args)
        if len(calls) == 3:
            out["cond"][0, 0, 0, 0] = torch.nan
        return out

    trainer.teacher.predict = broken
    states = []
    train(trainer, 0, [watching(
        progress=lambda step: states.append(trainer.state()["optimizer"]["state"][0]["step"].clone()),
        keep_replay=lambda step, draws: kept.append((step, draws)))])
    assert trainer.ledger["nonfinite_steps"] == 1 and [step for step, _ in kept] == [2]
    assert [int(s) for s in states] == [1, 2, 2, 3, 4, 5]
    assert all(torch.isfinite(p).all() for p in trainer.scene.parameters())
    again = rng.generator(trainer.config.run_seed, "noise", 2)
    assert torch.equal(kept[0][1]["noise"], torch.randn(kept[0][1]["noise"].shape, generator=again))


def test_k_does_not_change_the_scale_of_the_gradient():
    """Mean gradient norm of 64 steps at K=16 against K=1: noise makes K=1 larger, a missing 1/K would make K=16 16x."""
    norms = {}
    for k in (1, 16):
        trainer = small_trainer(f"estimator.k={k}", "optimizer.lr_scale=0")
        norms[k] = sum(train_step(trainer, step).metrics["grad_norm"].item() for step in range(32))
    assert 0.3 < norms[16] / norms[1] < 1.5


def test_chunks_do_not_change_the_step():
    states = []
    for chunk in (0, 1, 3):
        trainer = small_trainer(f"estimator.chunk={chunk}", "estimator.k=4")
        for step in range(3):
            train_step(trainer, step)
        states.append(trainer.scene.state_dict())
    for other in states[1:]:
        assert all(torch.allclose(states[0][k].float(), other[k].float(), rtol=1e-4, atol=1e-5) for k in states[0])


@pytest.mark.parametrize("k, asked", [(1, 2), (4, 4), (5, 6)])
def test_a_scene_that_asks_gets_its_gradient_in_two_independent_halves(k, asked):
    """Each half is the mean over its own draws; the step's gradient is their mean, as from all draws together."""
    import carv3d.carv as carv
    from carv3d.text3d import views

    trainer = small_trainer("scene.type=image", f"estimator.k={k}", "data.width=64", "data.height=64",
                            "optimizer.lr_scale=0")
    seen = []
    trainer.scene.wants_halves = lambda turn: True
    trainer.scene.observe = lambda total: seen.append(trainer.scene.logits.grad.clone())
    out = train_step(trainer, 0)
    assert trainer.ledger["draws"] == 2 * asked and out.metrics["k"] == k and len(seen) == 2
    draws = carv.Draws(*(out.replay[name] for name in ("timestep", "weight", "noise")))
    assert draws.per_item == asked and draws.noise.unique(dim=1).shape[1] == asked
    looked_at = views.sample(trainer.config, 0, 2, strata=True)
    cameras, background, light = looked_at.cameras, looked_at.background, looked_at.light
    condition = trainer.teacher.condition(cameras, background, light)
    value = trainer.objective.value(condition, out.replay["latents"], cameras.c2w)

    def pulled_back(part: carv.Draws) -> torch.Tensor:
        latents = trainer.teacher.encode(trainer.scene.render(cameras, background).rgb)
        return torch.autograd.grad(latents, trainer.scene.logits, carv.estimate(value, part).mean / 2)[0]

    half = asked // 2
    first, second = (pulled_back(draws.part(draws=part)) for part in (slice(half), slice(half, None)))
    assert torch.allclose(seen[0], first / 2, rtol=1e-3, atol=1e-6)
    assert torch.allclose(seen[1] - seen[0], second / 2, rtol=1e-3, atol=1e-6)
    assert torch.allclose(trainer.scene.logits.grad, pulled_back(draws), rtol=1e-3, atol=1e-6)
    assert not torch.allclose(first, second, rtol=1e-1)


GROWING = ("scene.type=gaussians", "scene.gaussians.count=300", "scene.gaussians.density.every=4",
           "scene.gaussians.density.start=4", "scene.gaussians.density.stop=16",
           "scene.gaussians.density.threshold=0.01", "scene.gaussians.density.prune_below=0.09",
           "scene.gaussians.density.reset_every=10", "scene.gaussians.density.reset_to=0.095")


@pytest.mark.parametrize("rate", [1, 0])
def test_gaussians_grow_and_the_optimiser_follows(rate):
    """Adam's state keeps the shape of its parameters, and no update is lost on a step that changes the number: those
    that stay have moved. Control: without a learning rate they have not."""
    trainer = small_trainer(*GROWING, f"optimizer.lr_scale={rate}")
    counts, still = [], []
    for step in range(20):
        before = {name: p.detach().clone() for name, p in trainer.scene.named_parameters()}
        train_step(trainer, step)
        counts.append(len(trainer.scene.means))
        parameters = {group["name"]: group["params"][0] for group in trainer.optimizer.param_groups}
        for name, own in trainer.scene.named_parameters():
            assert parameters[name] is own
            state = trainer.optimizer.state[own]
            assert state["exp_avg"].shape == state["exp_avg_sq"].shape == own.shape and int(state["step"]) == step + 1
        if len(before["means"]) != counts[-1]:  # new ones have no momentum yet
            kept = trainer.scene.means[trainer.optimizer.state[trainer.scene.means]["exp_avg"].any(1)]
            still.append((kept[:, None] == before["means"]).all(-1).any(1).float().mean().item())
        assert len(trainer.optimizer.state) == 5
    assert counts[3] != 300 and counts[-1] == counts[15] and still
    assert (max(still) < 0.5 and len(set(counts)) >= 4) if rate else min(still) == 1
    assert trainer.scene.opacity_logits.isfinite().all()


def test_evidence_is_the_product_of_the_halves_screen_gradients():
    """Each half's gradient of a view's own loss, pulled back by itself from the step's own draws, in half pictures."""
    import carv3d.carv as carv
    from carv3d.text3d import views

    trainer = small_trainer("scene.type=gaussians", "scene.gaussians.count=300", "estimator.k=4",
                            "scene.gaussians.density.start=0", "optimizer.lr_scale=0")
    scene = trainer.scene
    out = train_step(trainer, 0)
    draws = carv.Draws(*(out.replay[name] for name in ("timestep", "weight", "noise")))
    looked_at = views.sample(trainer.config, 0, 2, strata=True)
    cameras, background, light = looked_at.cameras, looked_at.background, looked_at.light
    condition = trainer.teacher.condition(cameras, background, light)
    value = trainer.objective.value(condition, out.replay["latents"], cameras.c2w)
    half = torch.tensor([cameras.width, cameras.height]) / 2
    pulled = []
    for part in (slice(2), slice(2, None)):
        latents = trainer.teacher.encode(scene.render(cameras, background).rgb)
        latents.backward(carv.estimate(value, draws.part(draws=part)).mean)  # each view's own, not their mean
        pulled.append(scene.raster.screen.grad * half)
    expected = (pulled[0] * pulled[1]).sum(-1).sum(0)
    assert torch.allclose(scene.evidence.signal, expected, rtol=1e-2, atol=1e-3 * expected.abs().max().item())
    assert expected.abs().max() > 0 and scene.evidence.seen.max() == 2


def test_growing_gaussians_resume_to_the_bit():
    """Stopped between two changes, in the middle of gathering evidence for the next, and at a change."""
    def run(*stops):
        trainer = small_trainer(*GROWING)
        for step in range(18):
            if step in stops:
                saved = trainer.state()
                buffer = io.BytesIO()
                torch.save(saved, buffer)
                trainer = small_trainer(*GROWING)
                trainer.load_state(torch.load(io.BytesIO(buffer.getvalue()), weights_only=True))
            train_step(trainer, step)
        return trainer.scene.state_dict()

    undisturbed = run()
    assert len(undisturbed["means"]) != 300 and same(undisturbed, run(7, 8)) and same(undisturbed, run(14))


@pytest.mark.parametrize("name", ["needle", "faint", "size"])
def test_regularisers_of_gaussians_lower_what_they_name(name):
    from carv3d.text3d import regularisers as losses

    def final(weight):
        trainer = small_trainer("scene.type=gaussians", "scene.gaussians.count=300", f"loss.lambda_{name}={weight}",
                                "scene.gaussians.density.every=0", "optimizer.lr_scales=0.05")
        with torch.no_grad():
            trainer.scene.log_scales[:, 0] += 1.5
        for step in range(8):
            train_step(trainer, step)
        return losses.OF_SPLATS[name](trainer.scene.splats).mean()

    assert final(1e4) < 0.97 * final(0.0)


AUTO = [*SMALL, "estimator.k=auto", "estimator.proposal=adaptive", "estimator.measure_every=5", "trainer.max_steps=50",
        "checkpoint.every_n_train_steps=4", "log.every_n_steps=1"]


def test_chosen_k_resumes_to_the_bit_with_given_costs(tmp_path):
    """K, the proposal and what a measurement has seen so far travel with the checkpoint; the kill falls into one."""
    given = [*AUTO, "estimator.cost={a_ms: 20, b_ms: 0.5}"]
    roots = [tmp_path / name for name in ("whole", "killed")]
    for root in roots:
        root.mkdir()
    assert cli("train", *given, cwd=roots[0]).returncode == 0
    process = start("train", *given, cwd=roots[1])
    wait_for_step(roots[1], 13, process)
    process.kill()
    process.communicate()
    done = cli("train", "--resume", str(the_run(roots[1])), cwd=roots[1])
    assert done.returncode == 0, done.stderr
    whole, killed = (the_run(root) for root in roots)

    def undated(state):  # milliseconds are a clock's
        probe = state["probe"]
        probe["found"] = [[way, numbers[:2]] for way, numbers in probe["found"]]
        return state

    assert same(undated(final_state(whole)), undated(final_state(killed)))
    decisions = [[{**line["decision"], "found": None} for line in Run(run).metrics() if "decision" in line]
                 for run in (whole, killed)]
    assert decisions[0] == decisions[1] and len(decisions[0]) == 2
    ks = [line["k"] for line in Run(whole).metrics() if "k" in line]
    assert ks[4] == 2 and set(ks[5:21]) == {1, 2} and ks[21] == decisions[0][0]["k"]


class Decisions(Observer):
    def __init__(self):
        self.records = []

    def decision(self, step, record):
        self.records.append(json.loads(json.dumps(record)))


def decisions(*overrides):
    """Of a run of 100 steps, which measures after 5 and whenever it can."""
    trainer, seen = small_trainer("estimator.measure_every=5", "trainer.max_steps=100", *overrides), Decisions()
    train(trainer, 0, [seen])
    return trainer, seen.records


def test_every_decision_can_be_replayed_from_its_inputs():
    """And a measurement costs nothing beside the steps of the run, whose draws are counted as they were."""
    from carv3d.carv.choose_k import Way, replay

    trainer, records = decisions("estimator.k=auto", "data.batch_size=auto", "data.batch_range=[2, 8]")
    assert len(records) > 1 and [tuple(replay(one)) for one in records] == [(one["b"], one["k"]) for one in records]
    assert {(way["b"], way["k"]) for way in records[0]["ways"]} == {(4, 1), (4, 2)}
    assert {way["b"] for way in records[1]["ways"]} == {2, 4, 8}
    ledger = trainer.ledger
    assert ledger["steps"] == 100 and ledger["renders"] == ledger["encodes"] == trainer.viewed
    assert ledger["renders"] > 5 * 4 + 8 * (4 + 4)  # before and in the first measurement
    trainer.probe.present, trainer.probe.queue = Way(8, 1), []
    train_step(trainer, 100)
    rates = [group["lr"] for group in trainer.optimizer.param_groups]  # with the root of B over the first one
    assert rates == pytest.approx([math.sqrt(2) * rate for rate in trainer.base_lr])


@pytest.mark.parametrize("a_ms,b_ms,expected", [(0.0, 1.0, {1}), (1000.0, 0.001, {4, 8, 16})])
def test_k_follows_the_cost(a_ms, b_ms, expected):
    """Where renders are free K goes to 1; where draws are free it goes up only if a gain is seen, and never down."""
    trainer, records = decisions(
        "estimator.k=auto", f"estimator.cost={{a_ms: {a_ms}, b_ms: {b_ms}}}", "estimator.noise=iid",
        "estimator.importance_sampling=false", "estimator.stratified=false", "data.batch_size=1")
    assert trainer.probe.present.k == records[-1]["k"] and records[-1]["k"] in expected


def test_growing_gaussians_are_measured_by_the_pairs_that_lie_between():
    """Of a pair in which the scene grew nothing is known; the others count."""
    trainer, records = decisions("estimator.k=auto", "scene.type=gaussians", "scene.gaussians.count=60",
                                 "scene.gaussians.density.start=2", "scene.gaussians.density.every=8",
                                 "scene.gaussians.density.stop=60")
    assert len(trainer.scene.splats.means) != 60 and len(records) >= 2
    assert all(len(found["variance"]) >= 2 for one in records for *_, found in one["found"])


def test_named_noise_modes_limit_the_choice_of_k():
    from carv3d.carv.choose_k import allowed
    from carv3d.carv.noise import noise_mode

    assert allowed("auto") == allowed("iid") == (1, 2, 4, 8, 16)
    assert allowed("antithetic") == allowed("zero_sum") == (2, 4, 8, 16)
    assert [noise_mode("auto", k) for k in (1, 2, 3, 4)] == ["iid", "antithetic", "zero_sum", "antithetic"]
    assert [noise_mode("antithetic", k) for k in (1, 2, 3)] == ["iid", "antithetic", "iid"]
    assert noise_mode("iid", 4) == "iid" and noise_mode("zero_sum", 4) == "zero_sum"


@pytest.mark.parametrize("override", ["estimator.proposal=weight", "estimator.noise=zero_sum", "estimator.noise=antithetic",
                                      "estimator.proposal=table", "estimator.importance_sampling=false"])
def test_every_estimator_option_has_an_effect(override):
    """The parameters after four steps differ from the default's."""
    def final(*overrides):
        trainer = small_trainer("estimator.noise=iid", "estimator.table=[1,2,3]", *overrides)
        for step in range(4):
            train_step(trainer, step)
        return trainer.scene.state_dict()

    assert not same(final(), final(override)) and same(final(), final())
