"""Sweeps: the same cells from the same file, each run once, whatever is killed and whoever works on them."""

import csv
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from carv3d.cli import main
from carv3d.commands.sweep import planned
from carv3d.sweep import engine as sweep
from carv3d.sweep.executor import Processes
from carv3d.sweep.ledger import CellLedger, Owner, start_of

ROOT = Path(__file__).parent.parent
PATIENCE_S = 600  # with a machine that has other things to do; all that is waited for takes seconds on a free one
SLOW = 0.1  # seconds a step of stubs to which something shall happen: on a busy machine quick ones may end before it does
STUB = Path(__file__).with_name("sweep_stub.py")
DRIVER = """
import sys
from pathlib import Path
from carv3d.commands.sweep import planned
from carv3d.sweep import engine as sweep
from carv3d.sweep.executor import Processes
file, workers, stub, *options = sys.argv[1:]
plan = planned(Path(file))
sys.exit(sweep.run(plan, Processes(int(workers), (sys.executable, stub), cuda=False), "--retry" in options))
"""


def write(folder: Path, text: str, name: str = "plan.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def ids(path: Path, *overrides: str) -> dict[frozenset, str]:
    """By what tells a cell from its neighbours, as configuration values."""
    return {frozenset((key, str(cell.config.optimizer.eps) if "eps" in key else value)
                      for key, value in cell.axes.items()): cell.id for cell in planned(path, overrides).cells}


# --- the plan ------------------------------------------------------------------------------------------------------

PLAN = """
overrides: {data: {width: 32, height: 32}, trainer.max_steps: 60}
variants: {one: {estimator.k: 1}, many: {estimator.k: 8}}
grid: {optimizer.eps: [1.0e-15, 1.0e-8]}
prompts: [a red mushroom, a blue car]
seeds: 2
"""
SHUFFLED = """
seeds: [1, 0]
prompts: [a blue car, a red mushroom]
grid: {optimizer.eps: [1e-8, 1.0e-15]}
variants: {many: {estimator: {k: 8}}, one: {estimator: {k: 1}}}
overrides: {trainer: {max_steps: 60}, data.height: 32, data.width: 32, export.up: auto}
"""


def test_every_combination_is_a_cell(tmp_path):
    plan = planned(write(tmp_path, PLAN), ["estimator.stratified=false"])
    assert plan.name == "plan" and len(plan.cells) == len({cell.id for cell in plan.cells}) == 2 * 2 * 2 * 2
    last = plan.cells[-1]
    assert last.axes == {"variant": "many", "optimizer.eps": 1e-8, "prompt": "a blue car", "seed": 1}
    config = last.config
    assert (config.estimator.k, config.optimizer.eps, config.prompt, config.seed) == (8, 1e-8, "a blue car", 1)
    assert config.data.width.values == [32] and config.trainer.max_steps == 60 and not config.estimator.stratified


def test_ids_do_not_depend_on_order_or_spelling(tmp_path):
    """Nor on where the runs lie; the control: they do depend on what a run computes."""
    given = ids(write(tmp_path, PLAN))
    assert ids(write(tmp_path, SHUFFLED, "other.yaml"), f"exp_root_dir={tmp_path}") == given and len(given) == 16
    assert not set(ids(tmp_path / "plan.yaml", "trainer.max_steps=61").values()) & set(given.values())


def test_zip_goes_side_by_side_and_files_are_found_beside_the_plan(tmp_path):
    (tmp_path / "sub").mkdir()
    write(tmp_path, "estimator.k: 2\nseed: 7\n", "base.yaml")
    write(tmp_path / "sub", "# held out\na red mushroom\n\na blue car\n", "prompts.txt")
    plan = planned(write(tmp_path / "sub", """
name: other
base: ../base.yaml
zip: {data.width: [16, 24], data.height: [8, 40]}
prompts: prompts.txt
"""))
    found = [(c.config.data.width.values[0], c.config.data.height.values[0], c.config.prompt) for c in plan.cells]
    prompts = "a red mushroom", "a blue car"
    assert found == [(w, h, prompt) for w, h in ((16, 8), (24, 40)) for prompt in prompts]
    assert {(c.config.estimator.k, c.config.seed) for c in plan.cells} == {(2, 7)} and plan.name == "other"


def test_the_example_is_a_sweep(monkeypatch):
    plan = planned(ROOT / "configs" / "sweeps" / "k_toggle.yaml")
    assert len(plan.cells) == 4 and {cell.config.estimator.k for cell in plan.cells} == {1, 4}
    assert all(cell.config.data.width.values == [32] and cell.config.budget.teacher_evals for cell in plan.cells)


CELLS = {"attribution": 12, "distillation": 54, "effective_compute": 168, "effective_compute_auto": 6,
         "effective_compute_dear": 32, "effective_compute_dear_tuning": 24, "effective_compute_falling": 32,
         "effective_compute_falling_tuning": 24, "effective_compute_gaussians": 32,
         "effective_compute_gaussians_tuning": 32, "effective_compute_quick": 24, "effective_compute_tuning": 56,
         "effective_compute_variance": 8, "flow_teacher": 24, "guidance": 120, "guidance_remedies": 48, "k_toggle": 4}


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "sweeps").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_sweep_that_is_shipped_has_the_cells_it_promises(path):
    assert len(planned(path).cells) == CELLS[path.stem]


@pytest.mark.parametrize("text,words", [
    ("[1, 2]", ["list", "mapping"]),
    ("a: b: c", ["not YAML"]),
    ("sedes: 3", ["sedes", "no such key", "seeds"]),
    ("name: a/b\nprompts: [a red cube]", ["name", "'a/b'"]),
    ("base: [x]", ["base", "path"]),
    ("base: nowhere.yaml\nprompts: [a red cube]", ["nowhere.yaml", "cannot be read"]),
    ("prompts: [a red mushrom]", ["a red mushrom", "'a red mushroom'"]),
    ("seeds: 2", ["prompt", "none given"]),
    ("prompts: []", ["prompts", "list of prompts"]),
    ("prompts: nowhere.txt", ["nowhere.txt", "cannot be read"]),
    ("prompts: [a red cube]\nseeds: 0", ["seeds: 0", ">= 1"]),
    ("prompts: [a red cube]\nseeds: [x]", ["seed", "'x'", "whole number"]),
    ("prompts: [a red cube]\nseeds: [1, 1]", ["seed 1", "the same run"]),
    ("prompts: [a red cube]\nvariants: {a: {}, b: {data.batch_size: 3}}", ["'a, a red cube'", "'b, a red cube'", "same"]),
    ("prompts: [a red cube]\nvariants: [a]", ["variants", "mapping"]),
    ("prompts: [a red cube]\nvariants: {a: [k=1]}", ["variants: a", "mapping"]),
    ("prompts: [a red cube]\nvariants: {a: {tag: x}}", ["variants: a", "tag", "leave it out"]),
    ("prompts: [a red cube]\noverrides: {estimator.kk: 1}", ["estimator.kk", "estimator.k?"]),
    ("prompts: [a red cube]\noverrides: {name: x}", ["overrides", "name"]),
    ("prompts: [a red cube]\ngrid: {estimator.k: 4}", ["grid: estimator.k", "list"]),
    ("prompts: [a red cube]\ngrid: {estimator.kk: [4]}", ["estimator.kk"]),
    ("prompts: [a red cube]\ngrid: {exp_root_dir: [a, b]}", ["exp_root_dir"]),
    ("prompts: [a red cube]\ngrid: {estimator.k: [1, 0]}", ["cell 'k 0, a red cube'", "estimator.k", ">= 1"]),
    ("prompts: [a red cube]\nzip: {estimator.k: [1, 2], data.batch_size: [1]}", ["2 (estimator.k)", "1 (data.batch"]),
    ("prompts: [a red cube]\nseeds: 2\ngrid: {seed: [1]}", ["seed is on two axes"]),
])
def test_mistakes_in_the_file_end_in_one_line(capsys, tmp_path, monkeypatch, text, words):
    path = write(tmp_path, text)
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", str(path)]) == 2
    out = capsys.readouterr()
    assert out.out == "" and out.err.count("\n") == 1 and all(word in out.err for word in words), out.err
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("arguments,words", [
    (["nowhere.yaml"], ["nowhere.yaml", "cannot be read"]),
    (["plan.yaml", "--workers", "0"], ["--workers", "from 1"]),
    (["plan.yaml", "--workers", "2", "seed=1"], ["seed is an axis"]),
    (["plan.yaml", "tag=x"], ["tag=x", "names its runs itself"]),
    (["plan.yaml", "--workers", "2", "budget.seconds=5"], ["--workers 2", "budget.seconds 5", "--workers 1"]),
    (["plan.yaml", "--executor", "slurm"], ["--executor", "slurm", "local", "ray"]),
    (["plan.yaml", "--resume", "exp_root_dir=here"], ["--resume", "here/plan/ledger.sqlite", "leave --resume out"]),
    (["plan.yaml", "--wokers", "2", "trainer.max_steps=5"], ["--wokers", "--help"]),
])
def test_mistakes_on_the_command_line_end_in_one_line(capsys, tmp_path, monkeypatch, arguments, words):
    path = write(tmp_path, PLAN)
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", *arguments]) == 2
    out = capsys.readouterr()
    assert out.out == "" and out.err.count("\n") == 1 and all(word in out.err for word in words), out.err
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_no_ledger(capsys, tmp_path):
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan" / "ledger.sqlite").write_text("something else, and long enough to be read as a header" * 40)
    assert main(["sweep", str(write(tmp_path, PLAN)), f"exp_root_dir={tmp_path}"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "ledger.sqlite" in err and "another name" in err


def test_dry_run_prints_the_cells_and_a_cost_and_writes_nothing(capsys, tmp_path, monkeypatch):
    path = write(tmp_path, """
overrides: {scene.type: image, scene.image.size: 16, data: {width: 16, height: 16}, teacher.type: exact,
            teacher.exact.set_size: 8, trainer.max_steps: 40, budget.draws: 64}
grid: {estimator.k: [1, 2]}
prompts: [a red cube]
seeds: 2
""")
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", str(path), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert all(cell.id in out and cell.name in out for cell in planned(path).cells)
    assert out.count("# 2 cells like") == 2 and "estimate" in out and list(tmp_path.iterdir()) == [path]


# --- the ledger ----------------------------------------------------------------------------------------------------

CLAIMER = """
import sys
from pathlib import Path
from carv3d.sweep.ledger import CellLedger
ids = {f"{i:03d}" for i in range(60)}
with CellLedger(Path(sys.argv[1])) as ledger:
    while claimed := ledger.claim(ids, lambda id, run: id, 1):
        print(claimed[1])
        ledger.update(claimed[1], state="done", result={"step": int(claimed[1])})
"""


def test_no_cell_is_claimed_twice_by_many_processes(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with CellLedger(path) as ledger:
        ledger.add((f"{i:03d}", f"cell {i}", {"seed": i}, {"seed": i}) for i in range(60))
    claimers = [subprocess.Popen([sys.executable, "-c", CLAIMER, str(path)], stdout=subprocess.PIPE, text=True)
                for _ in range(6)]
    claimed = [claimer.communicate(timeout=PATIENCE_S)[0].split() for claimer in claimers]
    everything = [id for each in claimed for id in each]
    assert sorted(everything) == [f"{i:03d}" for i in range(60)]
    with CellLedger(path) as ledger:
        rows = ledger.rows()
    assert all(row["attempts"] == 1 and row["state"] == "done" and row["result"] == {"step": row["overrides"]["seed"]}
               for row in rows) and len(rows) == 60


@pytest.fixture
def ledger(tmp_path):
    with CellLedger(tmp_path / "ledger.sqlite") as ledger:
        ledger.add([("a", "cell a", {}, {}), ("b", "cell b", {}, {})])
        yield ledger


def claim(ledger, *ids, alone=False):
    found = ledger.claim(set(ids) or {"a", "b"}, lambda id, run: id, 1, alone)
    return found and found[1]


def test_a_cell_returns_when_its_owner_is_gone_and_only_then(ledger):
    me = ledger.owner
    assert claim(ledger) == "a" and claim(ledger) == "b" and claim(ledger) is None
    for owner, beat, free in [(me, 0, False),
                              (Owner(me.host, me.pid, "an earlier process of this number"), time.time(), True),
                              (Owner(me.host, 2**22 + 1, me.started), time.time(), True),
                              (Owner("elsewhere", 1, "x"), time.time(), False),
                              (Owner("elsewhere", 1, "x"), time.time() - 1000, True)]:
        ledger._db.execute("update cells set state = 'running', host = ?, pid = ?, started = ?, heartbeat = ? "
                           "where id = 'a'", (owner.host, owner.pid, owner.started, beat))
        assert (claim(ledger) == "a") == free, owner


def test_a_cell_given_to_another_owner_is_not_written_over(ledger):
    assert claim(ledger) == "a"
    ledger._db.execute("update cells set pid = pid + 1 where id = 'a'")
    ledger.update("a", state="failed")
    assert ledger.rows(["a"])[0]["state"] == "running"


def test_alone_means_that_nobody_else_runs(ledger):
    assert claim(ledger, alone=True) == "a" and claim(ledger, alone=True) is None and claim(ledger) == "b"


def test_a_process_that_ended_is_gone():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = Owner(socket.gethostname(), child.pid, start_of(child.pid))
    assert not owner.gone(0)
    child.kill()
    child.wait()
    assert owner.gone(time.time())


def test_failed_cells_are_left_until_they_are_reopened(ledger):
    assert claim(ledger, "a") == "a"
    ledger.update("a", state="failed")
    ledger.add([("a", "cell a", {}, {}), ("c", "cell c", {}, {})])
    assert claim(ledger, "a") is None
    ledger.reopen({"a"})
    assert claim(ledger, "a") == "a" and [row["id"] for row in ledger.rows()] == ["a", "b", "c"]


# --- running, with a stub for the trainer --------------------------------------------------------------------------

class Stubs:
    """A sweep of stubs in a folder of its own."""

    wait_s = PATIENCE_S

    def __init__(self, folder: Path, cells: int = 6, extra: str = ""):
        self.home = folder
        self.file = write(folder, f"name: s\noverrides: {{exp_root_dir: {folder}, estimator.k: 4}}\n"
                          f"prompts: [a red cube]\nseeds: {cells}\n{extra}")

    def start(self, workers: int = 2, *options: str, faults: dict[str, str] | None = None,
              step_s: float = 0.03) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "-c", DRIVER, str(self.file), str(workers), str(STUB), *options],
                                stderr=subprocess.PIPE, text=True,
                                env={**os.environ, "STUB": json.dumps(faults or {}), "STUB_STEP_S": str(step_s),
                                     "PYTHONPATH": str(ROOT)})

    def run(self, *args, **kwargs) -> tuple[int, str]:
        process = self.start(*args, **kwargs)
        err = process.communicate(timeout=self.wait_s)[1]
        return process.returncode, err

    def rows(self) -> list[dict]:
        with CellLedger(self.home / "s" / "ledger.sqlite") as ledger:
            return ledger.rows()

    def starts(self, seed: int) -> list[list[str]]:
        path = self.home / f"starts-{seed}"
        return [line.split(" ") for line in path.read_text().splitlines()] if path.exists() else []

    def wait_for_a_start(self, seed: int, count: int = 1) -> int:
        """Returns the stub's process."""
        deadline = time.monotonic() + self.wait_s
        while len(self.starts(seed)) < count:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return int(self.starts(seed)[-1][0])

    def results(self) -> list[dict]:
        """What the undisturbed and the disturbed must agree on."""
        return [{key: row[key] for key in ("id", "state", "name", "result")} for row in self.rows()]

    def check_complete(self, undisturbed: "Stubs") -> None:
        assert self.results() == undisturbed.results()
        assert not (self.home / "violations").exists()
        assert len(list((self.home / "s").glob("*@*"))) == len(self.rows())  # one run folder a cell
        with open(self.home / "s" / "cells.csv") as handle:
            table = list(csv.DictReader(handle))
        assert [line["id"] for line in table] == [row["id"] for row in self.rows()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Stubs:
    stubs = Stubs(tmp_path_factory.mktemp("sweep"))
    code, err = stubs.run()
    assert code == 0, err
    return stubs


def test_an_undisturbed_sweep(undisturbed):
    rows = undisturbed.rows()
    assert [row["state"] for row in rows] == ["done"] * 6 and {row["attempts"] for row in rows} == {1}
    assert {row["workers"] for row in rows} == {2} and {row["result"]["step"] for row in rows} == {20}
    assert len({row["result"]["quality"]["state"] for row in rows}) == 6
    assert all(len(undisturbed.starts(seed)) == 1 for seed in range(6))
    assert undisturbed.starts(0)[0][2] == str(max(1, len(os.sched_getaffinity(0)) // 2))
    with open(undisturbed.home / "s" / "cells.csv") as handle:
        line = next(csv.DictReader(handle))
    shown = [line[key] for key in ("status", "step", "renders", "psnr", "train_s")]
    assert shown == ["done", "20", "40", "10.0", "1.0"]
    assert json.loads(line["overrides"]) == {"prompt": "a red cube", "seed": 0}
    assert (undisturbed.home / "s" / line["run"] / "summary.json").exists()
    undisturbed.check_complete(undisturbed)


def test_again_runs_nothing(undisturbed):
    assert undisturbed.run()[0] == 0
    assert all(len(undisturbed.starts(seed)) == 1 for seed in range(6))


def test_kill_9_of_the_sweep_at_random_moments(tmp_path, undisturbed):
    stubs, draws = Stubs(tmp_path), random.Random(1)
    killed = 0
    for _ in range(6):
        started = sum(len(stubs.starts(seed)) for seed in range(6))
        process = stubs.start(step_s=SLOW)
        while sum(len(stubs.starts(seed)) for seed in range(6)) <= started and process.poll() is None:
            time.sleep(0.005)
        time.sleep(draws.uniform(0.0, 0.35))
        killed += process.poll() is None
        process.kill()
        process.communicate()
    assert killed >= 5  # on a slow machine the last may come when all is done
    code, err = stubs.run()
    assert code == 0, err
    stubs.check_complete(undisturbed)


def test_kill_9_of_workers_at_random_moments(tmp_path, undisturbed):
    stubs, draws = Stubs(tmp_path), random.Random(2)
    process = stubs.start(step_s=SLOW)
    for victim in draws.sample(range(6), 3) + draws.sample(range(6), 2):
        if process.poll() is None:
            pid = stubs.wait_for_a_start(victim)
            time.sleep(draws.uniform(0.0, 0.2))
            try:
                if b"sweep_stub" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
    err = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 0 and "killed" in err, err
    assert sum(row["attempts"] for row in stubs.rows()) == 6 + sum(row["restarts"] for row in stubs.rows()) > 6
    stubs.check_complete(undisturbed)


def test_retries_go_by_what_failed(tmp_path):
    stubs = Stubs(tmp_path)
    faults = {"0": "config", "1": "memory", "2": "memory once", "3": "killed once", "4": "crash"}
    code, err = stubs.run(faults=faults)
    rows = stubs.rows()
    assert code == 1, err
    assert [row["state"] for row in rows] == ["failed", "failed", "done", "done", "failed", "done"], err
    assert [row["failure"] for row in rows] == ["config", "memory", None, None, "crash", None]
    assert rows[0]["detail"] == "prompt: no such thing; give another" and rows[4]["detail"].startswith("ZeroDivision")
    assert [row["attempts"] for row in rows] == [1, 3, 2, 2, 1, 1]
    assert [start[1] for start in stubs.starts(1)] == ["", "2", "1"]  # K is 4
    assert rows[2]["run"].split("@")[0].endswith("-chunk2")
    stubs.run()
    assert [len(stubs.starts(seed)) for seed in range(6)] == [1, 3, 2, 2, 1, 1]  # failed cells are left
    assert stubs.run(2, "--retry")[0] == 0
    assert [row["state"] for row in stubs.rows()] == ["done"] * 6


def test_a_trainer_that_is_always_killed_is_given_up(tmp_path, monkeypatch):
    """In process, with an executor of one's own: what a scheduler for clusters would have to be."""
    class Doomed:
        slots, started, restarts = 1, 0, 0

        def start(self, slot, attempt, log, lock):
            self.started += 1
            log.touch()
            return self

        def poll(self):
            return -signal.SIGKILL

        def interrupt(self): ...

        def kill(self): ...

    doomed = Doomed()
    assert sweep.run(planned(Stubs(tmp_path, cells=1).file), doomed) == 1
    with CellLedger(tmp_path / "s" / "ledger.sqlite") as ledger:
        (row,) = ledger.rows()
    assert doomed.started == row["attempts"] == sweep.RESTARTS + 1
    assert (row["state"], row["failure"]) == ("failed", "killed")


def test_ctrl_c_saves_and_the_same_command_goes_on(tmp_path, undisturbed):
    stubs = Stubs(tmp_path)
    process = stubs.start(step_s=SLOW)
    stubs.wait_for_a_start(0), stubs.wait_for_a_start(1)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=PATIENCE_S)[1]
    states = [row["state"] for row in stubs.rows()]
    assert process.returncode == 130 and "goes on with what is missing" in err
    assert "interrupted" in states and set(states) <= {"interrupted", "done", "pending"}, (states, err)
    assert stubs.run()[0] == 0
    stubs.check_complete(undisturbed)


def test_ctrl_c_twice_stops_at_once(tmp_path):
    stubs = Stubs(tmp_path)
    process = stubs.start(faults={"0": "stubborn"})
    pid = stubs.wait_for_a_start(0)
    process.send_signal(signal.SIGINT)
    for line in process.stderr:
        if "once more" in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130 and start_of(pid) == "" and stubs.rows()[0]["state"] == "interrupted"


def test_two_sweeps_share_one_ledger(tmp_path, undisturbed):
    stubs = Stubs(tmp_path)
    both = [stubs.start(1), stubs.start(1)]
    errors = [process.communicate(timeout=PATIENCE_S)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    assert all(len(stubs.starts(seed)) == 1 for seed in range(6))
    assert {row["pid"] for row in stubs.rows()} == {process.pid for process in both}
    stubs.check_complete(undisturbed)


def test_a_trainer_that_outlived_its_sweep_is_waited_for(tmp_path):
    """Its lock is what tells, wherever the kernel does not end it with the sweep."""
    stubs = Stubs(tmp_path, cells=2)
    (first, second) = planned(stubs.file).cells
    (tmp_path / "s" / ".locks").mkdir(parents=True)
    held = sweep._hold(tmp_path / "s" / ".locks" / first.id)
    process = stubs.start()
    stubs.wait_for_a_start(1)
    for line in process.stderr:
        if "waiting for 1" in line:
            break
    assert not stubs.starts(0)
    held.close()
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0 and len(stubs.starts(0)) == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a trainer outlives its sweep")
def test_a_trainer_dies_with_its_sweep(tmp_path):
    stubs = Stubs(tmp_path)
    process = stubs.start(faults={"0": "stubborn"})
    pid = stubs.wait_for_a_start(0)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + PATIENCE_S
    while start_of(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert start_of(pid) == ""


def test_cores_and_devices_are_divided(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    three = Processes(3)
    assert [three.environment(i)["CUDA_VISIBLE_DEVICES"] for i in range(3)] == ["2", "3", "2"]
    assert three.environment(0)["OMP_NUM_THREADS"] == "2" and Processes(1).environment(0)["OMP_NUM_THREADS"] == "7"
    assert Processes(2, cuda=False).environment(1)["CUDA_VISIBLE_DEVICES"] == "2,3"
    assert [Processes(n).environment(0)["CARV3D_DEVICE_SLOTS"] for n in (1, 2, 3, 5)] == ["1", "1", "2", "3"]
    assert "CARV3D_DEVICE_SLOTS" not in Processes(2, cuda=False).environment(0)


def test_devices_are_named_so_that_no_order_is_meant(monkeypatch, tmp_path):
    """nvidia-smi numbers the GPUs by their places on the bus, CUDA by their speed: a number would mean another one."""
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\ncase \"$1\" in *uuid*) echo GPU-aa; echo GPU-bb;; *) echo 0; echo 1;; esac\n")
    smi.chmod(0o755)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert Processes(2).devices == ["GPU-aa", "GPU-bb"]


# --- running, with the real trainer --------------------------------------------------------------------------------

REAL = """
name: real
overrides: {exp_root_dir: ROOT, scene.type: image, scene.image.size: 16, data: {width: 16, height: 16},
            teacher.type: exact, teacher.exact.set_size: 8, trainer: {max_steps: 400, preview_every: 0},
            export.video: false,
            budget: {teacher_evals: 480, evaluations: 2}, checkpoint.every_n_train_steps: 5, log.every_n_steps: 1}
prompts: [a red mushroom]
"""


def same(a, b) -> bool:
    """Equal to the last bit, through nested containers."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a.equal(b) if hasattr(a, "equal") else a == b


def test_the_real_trainer_killed_with_its_sweep_ends_the_same_to_the_bit(tmp_path):
    from carv3d.runs import checkpoint
    from carv3d.runs.folder import Run

    ended = []
    for name, kills in (("whole", 0), ("killed", 1)):
        root = tmp_path / name
        root.mkdir()
        plan = write(root, REAL.replace("ROOT", str(root)))
        command = [sys.executable, "-m", "carv3d", "sweep", str(plan), "--workers", "1"]
        for _ in range(kills):
            process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            while process.poll() is None and not any(
                    checkpoint.step_of(path) >= 20 for path in root.glob("real/*/ckpts/step-*.ckpt")):
                time.sleep(0.01)
            assert process.poll() is None, process.communicate()
            process.kill()
            process.communicate()
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == str(root / "real" / "cells.csv")
        (folder,) = root.glob("real/*@*")
        with CellLedger(root / "real" / "ledger.sqlite") as ledger:
            (row,) = ledger.rows()
        assert row["attempts"] == 1 + kills and row["result"]["stopped_by"] == "budget.teacher_evals"
        ended.append((checkpoint.load(checkpoint.newest(folder / "ckpts"))["trainer"], row["result"]["quality"],
                      [{"step": m["step"], "quality": m["quality"]} for m in Run(folder).metrics() if "quality" in m]))
    assert same(*ended) and ended[0][0]["ledger"]["teacher_evals"] == 480 and len(ended[0][2]) == 2
