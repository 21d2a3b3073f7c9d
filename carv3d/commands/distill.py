"""carv3d distill: a denoiser becomes a generator of one evaluation."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import IO

import torch

import carv3d
from carv3d import config as configuration
from carv3d.commands import session, students
from carv3d.config.schema import Config
from carv3d.onestep import account, folder, results, world
from carv3d.onestep.latent import Latent
from carv3d.onestep.settle import settle
from carv3d.onestep.student import Student
from carv3d.onestep.world import World
from carv3d.runs import budget, checkpoint, trackers
from carv3d.runs.clock import Clock
from carv3d.runs.environment import environment, peak_memory_mib
from carv3d.runs.folder import Run
from carv3d.runs.stopping import StopSignal, hold
from carv3d.runs.tracking import Tracking
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import convenient
from carv3d.runtime.progress import Progress, say
from carv3d.runtime.types import Record, State

CHOSEN_AT = 50  # updates after which k=auto chooses: before, the fake score is the teacher still
FREE_ON_RESUME = ("distill.evaluate_every", "checkpoint", "log", "budget", "exp_root_dir", "name", "tag")
GROUP = "distill"


def main(args: Namespace) -> int:
    clock = Clock()
    clock.seconds["start"] = time.perf_counter() - carv3d.STARTED
    words = students.spelt(args.overrides)
    if args.resume:
        run, config, lock, path, state = session.resumed(args, "distill", words, FREE_ON_RESUME, settle)
        trackers.require(config.log)
        work = Distillation(config, clock)
        if path:
            with checkpoint.fitting(path):
                work.load(state)
            say(f"resuming after update {work.done}")
        run.rewrite_config(config)
        run.truncate_metrics(work.done)
    else:
        config = configuration.load(args.config, words)
        configuration.check_new(config)
        settle(config)
        trackers.require(config.log)
        config.name = GROUP if config.name == Config().name else config.name
        config.tag = config.tag or students.title(config)
        work = Distillation(config, clock)
        _ = work.world  # what it is judged by, before there is a folder
        run = Run.create(config, environment(work.denoiser.device.type, "") | {"command": "distill"})
        lock = hold(run)
    return _run(run, lock, work)


def _run(run: Run, lock: IO[str], work: Distillation) -> int:
    def whole(stop: StopSignal) -> bool:
        ended = work.train(run, stop, tracking)
        work.finish(run, "finished" if ended else "interrupted")
        return ended

    with Tracking(run, work.config.log) as tracking:
        return session.guarded(run, lock, whole)


class Distillation:
    """A teacher's student in training. done: updates so far."""

    def __init__(self, config: Config, clock: Clock):
        self.config, self.clock, self.done = config, clock, 0
        clock.lap("load")
        self.denoiser = students.denoiser(config)
        clock.lap("teacher")
        self.student = Student(self.denoiser, config.distill, config.seed)
        if config.distill.prompts:
            say(f"{self.student.bytes / 2**30:.1f} GiB of weights, gradients and moments; what networks keep on their "
                "way comes on top (lower it by distill.chunk, distill.fake_rank)")
        self._world: World | None = None

    @property
    def world(self) -> World:
        if self._world is None:
            self._world = students.judged(self.config, self.denoiser)
            self.clock.lap("evaluation")
        return self._world

    def train(self, run: Run, stop: StopSignal, tracking: Tracking) -> bool:
        """The updates that are missing. Returns whether they ended by themselves."""
        config, own = self.config, self.config.distill
        with Progress("distill", own.steps, self.done) as bar:
            while not self._ended():
                if stop():
                    self._save(run)
                    return False
                if self.done == CHOSEN_AT and own.k == "auto":
                    self._choose()
                before = self._progress()
                found = self.student.step(self.done, before)
                self.done += 1
                bar.to(self.done)
                self.clock.lap("train")
                last, points = self._ended(), config.budget.evaluations
                scored = last or (int(before * points) < int(self._progress() * points) if points else
                                  own.evaluate_every and self.done % own.evaluate_every == 0)
                if scored or self.done % config.log.every_n_steps == 0:
                    run.log(self._line(found) | (self._scores(run) if scored else {}))
                    tracking.look()
                    self.clock.lap("evaluation")
                every = config.checkpoint.every_n_train_steps
                if last or every and self.done % every == 0:
                    self._save(run)
        return True

    def _choose(self) -> None:
        """Outputs and K from here on."""
        say("measuring variance and cost for the choice of K")
        outputs, k = account.choose(self.student)
        self.student.reshape(outputs, k)
        say(f"from here on {outputs} outputs in a step, {k} draw{'s' * (k > 1)} of each")
        self.clock.lap("train")

    def _progress(self) -> float:
        """The share of the training that is behind, by updates or by what a budget counts, whichever is more."""
        cost = self._cost()
        shares = [cost[unit] / limit for unit, limit in budget.limits(self.config.budget).items()]
        return min(1.0, max(self.done / self.config.distill.steps, *shares, 0.0))

    def _ended(self) -> bool:
        return self._progress() >= 1

    def _cost(self) -> dict[str, float]:
        ledger = self.student.ledger
        return {"seconds": self.clock.seconds.get("train", 0.0),
                "teacher_evals": ledger.teacher_evals + ledger.fake_evals}

    def _line(self, found: dict[str, torch.Tensor]) -> Record:
        return {"step": self.done, "seconds": self.clock.seconds["train"], **vars(self.student.ledger),
                **{name: float(value) for name, value in found.items()}}

    def _scores(self, run: Run) -> dict[str, float]:
        """Of the student as it stands; what it makes is in save/preview.png."""
        made = self._made()
        with convenient("preview"):
            results.preview(run.folder, self.world.looked_at({"student": made}))
        return self.world.judge(made) | self.student.lag()

    def _made(self) -> torch.Tensor:
        return self.student.made(self.student.average, self.world.start)

    def finish(self, run: Run, status: str) -> None:
        own = self.student.own
        summary: Record = {"status": status, "step": self.done, "outputs": own.outputs, "k": own.k,
                           "ledger": vars(self.student.ledger), "warnings": self._warnings()}
        there, rows = self.world, {}
        for steps in world.STEPS:
            with Progress(f"teacher, {steps} step{'s' * (steps > 1)}", there.evaluations * steps) as bar:
                rows[bar.label] = there.teacher(steps, bar.to)
        rows["student"] = self._made()
        scores = {name: there.judge(values) for name, values in rows.items()}
        summary["quality"], summary["teacher"] = scores["student"], {
            name: row for name, row in scores.items() if name != "student"}
        curve = [line for line in run.metrics() if {there.main, "loss_fresh_fake", "loss_fresh_teacher"} <= line.keys()]
        with convenient("page"):
            summary["artefacts"] = results.write(run.folder, there.looked_at(rows), there.words, curve, scores,
                                                 there.main, there.meant, vars(self.student.ledger))
        self.clock.lap("results")
        if isinstance(self.denoiser, Latent):
            with convenient("student"):
                folder.save(self.denoiser, self.student.average, run.save / folder.NAME)
                summary.setdefault("artefacts", {})["student"] = f"save/{folder.NAME}"
        summary |= {"seconds": self.clock.seconds, "peak_mem_mib": round(peak_memory_mib(), 1)}
        run.write_summary(summary)
        for name, row in scores.items():
            say(f"{name}: " + ", ".join(f"{key} {value:.3f}" for key, value in row.items()))
        say("seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in self.clock.seconds.items()))

    def _warnings(self) -> list[str]:
        skipped = self.student.ledger.skipped
        return [f"{skipped} updates were left out, as their gradients were not finite; lower distill.lr, or give "
                "teacher.dtype=float32"] * bool(skipped)

    def _save(self, run: Run) -> None:
        checkpoint.save(run.ckpts, self.done, {
            "student": self.student.state(), "seconds": self.clock.seconds, "teacher": self.denoiser.identity,
            "config": configuration.dump(self.config)}, self.config.checkpoint.keep, [self.done])
        self.clock.lap("checkpoint")

    def load(self, state: State) -> None:
        if state["teacher"] != self.denoiser.identity:
            raise UserError("the teacher's weights or the prompts are no longer what the run began with; put them "
                            "back, or start a new run")
        self.student.load_state(state["student"])
        self.done = state["step"]
        before = state["seconds"]
        self.clock.seconds = {name: before.get(name, 0.0) + self.clock.seconds.get(name, 0.0)
                              for name in {**before, **self.clock.seconds}}
