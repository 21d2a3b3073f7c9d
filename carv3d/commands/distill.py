"""carv3d distill: a denoiser becomes a generator of one evaluation."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import IO

import torch

import carv3d
from carv3d import config as configuration
from carv3d import digits
from carv3d.commands import session
from carv3d.config.schema import Config
from carv3d.onestep import quality, results
from carv3d.onestep.networks import Digits
from carv3d.onestep.settle import settle
from carv3d.onestep.student import Student
from carv3d.runs import checkpoint
from carv3d.runs.clock import Clock
from carv3d.runs.environment import environment, peak_memory_mib
from carv3d.runs.folder import Run
from carv3d.runs.stopping import StopSignal, hold
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import convenient
from carv3d.runtime.progress import Progress, say
from carv3d.runtime.rng import generator
from carv3d.runtime.types import Record, State

FREE_ON_RESUME = ("distill.evaluate_every", "checkpoint", "log.every_n_steps", "exp_root_dir", "name", "tag")
GROUP, TAG = "distill", "digits"
STEPS = (1, 4, 50)  # of DDIM, that the teacher is shown with beside the student


def main(args: Namespace) -> int:
    clock = Clock()
    clock.seconds["start"] = time.perf_counter() - carv3d.STARTED
    if args.resume:
        run, config, lock, path, state = session.resumed(args, "distill", args.overrides, FREE_ON_RESUME, settle)
        work = Distillation(config, clock)
        if path:
            with checkpoint.fitting(path):
                work.load(state)
            say(f"resuming after update {work.done}")
        run.rewrite_config(config)
        run.truncate_metrics(work.done)
    else:
        config = configuration.load(args.config, args.overrides)
        configuration.check_new(config)
        settle(config)
        config.name = GROUP if config.name == Config().name else config.name
        config.tag = config.tag or TAG
        if config.distill.start >= digits.STEPS:
            raise UserError(f"distill.start: {config.distill.start} given; the teacher's timesteps are 0 to "
                            f"{digits.STEPS - 1}")
        work = Distillation(config, clock)
        run = Run.create(config, environment("cpu", "") | {"command": "distill"})
        lock = hold(run)
    return _run(run, lock, work)


def _run(run: Run, lock: IO[str], work: Distillation) -> int:
    def whole(stop: StopSignal) -> bool:
        ended = work.train(run, stop)
        work.finish(run, "finished" if ended else "interrupted")
        return ended

    return session.guarded(run, lock, whole)


class Distillation:
    """The embedded world: a teacher of the digits is trained first, then the student. done: updates so far."""

    def __init__(self, config: Config, clock: Clock):
        self.config, self.clock, self.done = config, clock, 0
        clock.lap("load")
        self.pictures, recipe = digits.load()[0], digits.Recipe()
        with Progress("teacher", recipe.steps) as bar:
            teacher = digits.train(self.pictures, torch.arange(len(self.pictures))[None], recipe, config.seed, bar.to)
        self.denoiser = Digits(teacher.requires_grad_(False))
        self.denoiser.start = config.distill.start or self.denoiser.start
        self.student = Student(self.denoiser, config.distill, config.seed)
        clock.lap("teacher")
        self.features = quality.Features(self.pictures)
        self.noise = torch.randn(len(self.pictures), *self.denoiser.shape,
                                 generator=generator(config.seed, "distill: evaluation"))
        clock.lap("evaluation")

    def train(self, run: Run, stop: StopSignal) -> bool:
        """The updates that are missing. Returns whether they ended by themselves."""
        config, own = self.config, self.config.distill
        with Progress("distill", own.steps, self.done) as bar:
            while self.done < own.steps:
                if stop():
                    self._save(run)
                    return False
                found = self.student.step(self.done)
                self.done += 1
                bar.to(self.done)
                self.clock.lap("train")
                last = self.done == own.steps
                scored = last or own.evaluate_every and self.done % own.evaluate_every == 0
                if scored or self.done % config.log.every_n_steps == 0:
                    run.log(self._line(found) | (self._scores() if scored else {}))
                    self.clock.lap("evaluation")
                every = config.checkpoint.every_n_train_steps
                if last or every and self.done % every == 0:
                    self._save(run)
        return True

    def _line(self, found: dict[str, torch.Tensor]) -> Record:
        return {"step": self.done, "seconds": self.clock.seconds["train"], **vars(self.student.ledger),
                **{name: float(value) for name, value in found.items()}}

    @torch.no_grad()
    def _scores(self) -> dict[str, float]:
        return quality.scores(self._made(), self.pictures.values, self.features)

    @torch.no_grad()
    def _made(self) -> torch.Tensor:
        return self.denoiser.generate(self.student.average, self.noise).clamp(-1, 1)

    def finish(self, run: Run, status: str) -> None:
        summary: Record = {"status": status, "step": self.done, "ledger": vars(self.student.ledger), "warnings": []}
        rows = {f"teacher, {steps} step{'s' * (steps > 1)}": self.denoiser.sample(self.noise, steps) for steps in STEPS}
        rows["student"] = self._made()
        scores = {name: quality.scores(values, self.pictures.values, self.features) for name, values in rows.items()}
        summary["quality"], summary["teacher"] = scores["student"], {
            name: row for name, row in scores.items() if name != "student"}
        curve = [line for line in run.metrics() if "frechet" in line]
        with convenient("page"):
            summary["artefacts"] = results.write(run.folder, {"data": self.pictures.values, **rows}, 8, curve, scores,
                                                 vars(self.student.ledger))
        self.clock.lap("results")
        summary |= {"seconds": self.clock.seconds, "peak_mem_mib": round(peak_memory_mib(), 1)}
        run.write_summary(summary)
        for name, row in scores.items():
            say(f"{name}: " + ", ".join(f"{key} {value:.3f}" for key, value in row.items()))
        say("seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in self.clock.seconds.items()))

    def _save(self, run: Run) -> None:
        checkpoint.save(run.ckpts, self.done, {
            "student": self.student.state(), "seconds": self.clock.seconds,
            "config": configuration.dump(self.config)}, self.config.checkpoint.keep, [self.done])
        self.clock.lap("checkpoint")

    def load(self, state: State) -> None:
        self.student.load_state(state["student"])
        self.done = state["step"]
        before = state["seconds"]
        self.clock.seconds = {name: before.get(name, 0.0) + self.clock.seconds.get(name, 0.0)
                              for name in {**before, **self.clock.seconds}}
