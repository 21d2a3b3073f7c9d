"""Budgets: a run stops at the step where one is reached, resumed or not; quality is scored at points of equal cost."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from carv3d import config as configuration
from carv3d.commands.dry_run import estimate
from carv3d.runs import budget, checkpoint
from carv3d.runs.clock import Clock
from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError
from carv3d.text3d import build, loop
from carv3d.text3d.trainer import Trainer

sys.path.insert(0, str(Path(__file__).parent))  # helpers of the tests
from watching import watching  # noqa: E402

SMALL = ["prompt=a red mushroom", "data.width=16", "data.height=16", "teacher.type=exact", "teacher.exact.set_size=8", "data.views=4",
         "data.batch_size=2", "estimator.k=4",
         "scene.type=image", "scene.image.size=16", "export.video=false", "trainer.preview_every=0",
         "trainer.max_steps=30"]


def trainer_of(*overrides: str) -> Trainer:
    trainer = build.trainer(configuration.load(None, [*SMALL, *overrides]))
    trainer.teacher.prepare()
    return trainer


def run(trainer: Trainer, first: int = 0, clock: Clock | None = None, stop=lambda: False,
        **hooks) -> tuple[int, list[int]]:
    """Steps done, and those at which quality was asked for."""
    scored: list[int] = []
    watcher = watching(**{"evaluate": scored.append} | hooks)
    return loop.train(trainer, first, [watcher], stop, clock), scored


@pytest.mark.parametrize("overrides,steps", [
    (["budget.renders=7"], 4),  # 2 a step: 6 do not reach it
    (["budget.renders=8"], 4),
    (["budget.draws=17"], 3),  # 2 x 4 a step
    (["budget.draws=16", "estimator.k=1"], 8),
    (["budget.teacher_evals=16"], 2),
    (["budget.teacher_evals=16", "objective.guidance_scale=3", "teacher.exact.unconditional_size=8"], 1),  # two rows
    (["budget.teacher_evals=16", "budget.renders=2"], 1),
    (["budget.renders=1000"], 30),
])
def test_a_run_stops_at_the_first_step_that_reaches_a_budget(overrides, steps):
    trainer = trainer_of(*overrides)
    done, _ = run(trainer)
    assert done == trainer.ledger["steps"] == steps
    ended = budget.stopped_by(trainer.config, done, budget.spent(trainer.ledger, 0.0))
    assert ended == ("trainer.max_steps" if steps == 30 else min(o.split("=")[0] for o in overrides if "budget" in o))


AUTO = ["estimator.k=auto", "estimator.measure_every=3", "estimator.cost={a_ms: 9, b_ms: 1}", "budget.draws=70",
        "budget.evaluations=5"]


@pytest.mark.parametrize("overrides", [["budget.renders=31", "budget.evaluations=4"], AUTO])
@pytest.mark.parametrize("cut", [1, 7])
def test_resumed_it_stops_at_the_same_step_with_the_same_points(overrides, cut):
    whole = trainer_of(*overrides)
    done, points = run(whole)
    assert cut < done < 30 and len(points) > 2 and points[-1] == done
    first = trainer_of(*overrides)
    count = itertools.count(1)
    assert run(first, stop=lambda: next(count) == cut)[0] == cut
    state, second = first.state(), trainer_of(*overrides)
    second.load_state(state)
    again, rest = run(second, cut)
    assert again == done and [p for p in points if p > cut] == rest and second.ledger == whole.ledger
    assert torch.equal(second.scene.state_dict()["logits"], whole.scene.state_dict()["logits"])


def test_scoring_along_the_run_changes_nothing():
    plain, scored = trainer_of("budget.renders=12"), trainer_of("budget.renders=12", "budget.evaluations=3")
    assert run(plain) == (6, []) and run(scored) == (6, [2, 4, 6])
    assert torch.equal(plain.scene.state_dict()["logits"], scored.scene.state_dict()["logits"])


@pytest.mark.parametrize("overrides,points", [
    (["trainer.max_steps=10", "budget.evaluations=4"], [3, 5, 8, 10]),  # without a budget: of the steps
    (["budget.draws=80", "budget.evaluations=2"], [5, 10]),
    (["budget.draws=80", "budget.renders=12", "budget.evaluations=2"], [3, 6]),  # the budget that ends first
    (["budget.draws=24", "budget.evaluations=7"], [1, 2, 3]),  # more points than steps: one a step
    (["budget.draws=80", "trainer.max_steps=7", "budget.evaluations=2"], [5]),
])
def test_points_are_evenly_spread_over_the_cost(overrides, points):
    assert run(trainer_of(*overrides))[1] == points


def test_seconds_are_those_of_steps_alone(monkeypatch):
    """A clock that only moves when something is done: a step takes 2, every hook 1000. Steps measure for K besides."""
    now = [0.0]
    step = loop.train_step

    def takes(seconds, call=lambda *_: None):
        def timed(*args):
            now[0] += seconds
            return call(*args)
        return timed

    monkeypatch.setattr("carv3d.runs.clock.time.perf_counter", lambda: now[0])
    monkeypatch.setattr(loop, "train_step", takes(2, step))
    trainer = trainer_of("estimator.k=auto", "estimator.measure_every=2", "estimator.cost={a_ms: 9, b_ms: 1}",
                         "budget.seconds=12.5", "budget.evaluations=2", "log.every_n_steps=1",
                         "checkpoint.every_n_train_steps=1", "trainer.preview_every=1")
    hooks = {name: takes(1000) for name in ("log", "decision", "progress", "preview", "checkpoint")}
    scored: list[int] = []
    clock = Clock()
    done, _ = run(trainer, 0, clock, evaluate=takes(1000, scored.append), **hooks)
    assert done == 7 and clock.seconds["train"] == 14 and scored == [4, 7] and trainer.probe.queue
    resumed = Clock({"train": 9.0})
    second = trainer_of("budget.seconds=12.5")
    assert run(second, 3, resumed)[0] == 5 and resumed.seconds["train"] == 13  # it goes on counting


def test_the_rows_of_vsds_own_score_count():
    ledger = {"renders": 1, "draws": 2, "teacher_evals": 6, "lora_draws": 5}
    assert budget.spent(ledger, 1.5) == {"seconds": 1.5, "renders": 1, "draws": 2, "teacher_evals": 11}


def test_evaluations_need_a_ground_truth():
    with pytest.raises(UserError, match="budget.evaluations: 3 given with teacher.type stable-diffusion"):
        configuration.load(None, ["budget.evaluations=3", "teacher.type=stable-diffusion", "teacher.path=x"])


def test_the_estimate_of_a_dry_run_knows_the_budget():
    lines = estimate(configuration.load(None, [*SMALL, "budget.draws=33"])).lines
    assert [line.split(":")[0] for line in lines] == ["# 5 steps at 16x16"]


def cli(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "carv3d", *arguments], cwd=cwd, capture_output=True, text=True)


def test_the_command_says_what_stopped_a_run(tmp_path):
    done = cli("train", *SMALL, "budget.renders=11", "budget.evaluations=2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = Run(tmp_path / done.stdout.splitlines()[-1])
    summary, lines = run.summary(), run.metrics()
    assert (summary["status"], summary["step"], summary["stopped_by"]) == ("finished", 6, "budget.renders")
    scored = [line for line in lines if "quality" in line]
    assert [line["step"] for line in scored] == [3, 6] and scored[-1]["quality"] == summary["quality"]
    assert [line["cost"]["renders"] for line in scored] == [6, 12] and scored[1]["cost"]["teacher_evals"] == 48
    assert scored[1]["cost"]["seconds"] == pytest.approx(summary["seconds"]["train"], abs=1e-3)
    refused = cli("train", "--resume", str(run.folder), cwd=tmp_path)
    assert refused.returncode == 2 and "used up budget.renders; give a larger budget.renders" in refused.stderr
    before = {path: path.read_bytes() for path in checkpoint.listing(run.ckpts)}

    # as if killed after its last checkpoint and before its summary: the end is made again, no step is
    run.write_summary({"status": "running"})
    again = cli("train", "--resume", str(run.folder), "budget.evaluations=2", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    after = run.summary()
    assert {path: path.read_bytes() for path in checkpoint.listing(run.ckpts)} == before
    assert (after["status"], after["step"], after["quality"], after["stopped_by"]) == (
        "finished", 6, summary["quality"], "budget.renders")
    assert [json.dumps(line) for line in run.metrics()] == [json.dumps(line) for line in lines]
