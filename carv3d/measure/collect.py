"""What a scene's gradient variance is made of, what a step costs, and what each way of drawing brings: measured.

Everything is in the space of scene parameters. A set's variance comes from replicates of the WHOLE set (``contrasts``),
so it holds whatever the set's inner structure; only the variance between renders, which compares gradients of different
views, goes through a count sketch. Intervals are bootstraps over the independent unit, the camera (or the batch).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy
import torch
from torch import Tensor

from carv3d import carv
from carv3d.carv import Design, adapt
from carv3d.carv.variance import Sketch
from carv3d.config.options import constant
from carv3d.measure.records import SCOPE_BATCH, TIMED_ITEMS, CameraRow, Measured
from carv3d.runtime import devices, rng
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import Progress
from carv3d.text3d import views
from carv3d.text3d.batch import Batch
from carv3d.text3d.step import train_step
from carv3d.text3d.trainer import Trainer, preserved, with_options
from carv3d.text3d.views import Views

FIT_VIEWS, FIT_DRAWS = 48, 128  # behind the adaptive and the oracle proposal, apart from all that is measured
ADAPT_STEPS, ADAPT_DRAWS = 96, 8  # how the adaptive proposal meets its share of them
NORM_BINS = 40  # of equal mass under p, for the oracle
ROUNDS = 12  # whole steps timed, each at every K, this often
BATCH = 8  # views of the batches on which camera strata are judged, besides the run's own
SKETCH = 8192


def sample(trainer: Trainer, step: int, items: int, label: str, strata: bool = False) -> Views:
    """The views of so many items of the trainer's teacher."""
    together = trainer.teacher.views_per_item
    return views.sample(trainer.config, step, items * together, label, strata, together=together)


def one(looked_at: Views, trainer: Trainer, item: int) -> Views:
    """Those of one item."""
    together = trainer.teacher.views_per_item
    return looked_at[item * together:(item + 1) * together]


class LabelledBatch(Batch):
    """A batch of the first scene whose random numbers are named by a label."""

    def __init__(self, trainer: Trainer, step: int, looked_at: Views, label: str):
        self.trainer, self.step, self.label = trainer, step, label
        super().__init__(trainer, trainer.scene, looked_at, self._generator("render"))

    def _generator(self, what: str, device: torch.device | str = "cpu") -> torch.Generator:
        return rng.generator(self.trainer.config.run_seed, f"{self.label} {what}", self.step, device)

    def draw(self, rows: int, k: int, proposal: carv.Proposal, stratified: bool, noise: str, label: str) -> carv.Draws:
        return carv.draw(rows, k, self.shape, proposal, stratified=stratified, noise=noise,
                         time_generator=self._generator(f"{label} t"),
                         noise_generator=self._generator(f"{label} e", self.trainer.device))


def measure(trainer: Trainer, measured: Measured) -> None:
    """Fill ``measured`` from the scene as it is, phase by phase; an interrupt leaves what is complete.

    The trainer ends as it began, to the bit. UserError if the scene's gradients are not finite.
    """
    sketch = Sketch.make(sum(p.numel() for p in trainer.parameters), SKETCH,
                         rng.generator(trainer.config.run_seed, "measure sketch", 0, trainer.device))
    fit_proposals(trainer, measured)
    time_steps(trainer, measured)
    measure_cameras(trainer, measured, sketch)
    measure_strata(trainer, measured, sketch)
    measure_scope(trainer, measured)


def fit_proposals(trainer: Trainer, measured: Measured) -> None:
    """The four proposals; the adaptive one from replayed steps' worth of draws, the oracle from the others."""
    step = measured.step
    target = trainer.sampler.proposal(trainer.target(step)).target
    base = trainer.weight.cpu().double()
    plain = carv.make_proposal(target)
    looked_at = sample(trainer, step, FIT_VIEWS, "measure fit")
    state, timesteps, norms = adapt.start("measure"), [], []
    share = ADAPT_STEPS // FIT_VIEWS * ADAPT_DRAWS
    for c in _bar(f"step {step}: proposals", range(FIT_VIEWS)):
        with torch.no_grad():
            batch = LabelledBatch(trainer, step, one(looked_at, trainer, c), f"measure fit {c}")
            draws = batch.draw(1, FIT_DRAWS, plain, True, "iid", "uniform")
            norm = batch.estimate_sets(draws).squared_norm
        for part in range(0, share, ADAPT_DRAWS):
            some = slice(part, part + ADAPT_DRAWS)  # slots are shuffled: any slice is a plain sample
            state = adapt.observe(state, draws.timestep[:, some], norm[:, some], base, state.signature)
        timesteps.append(draws.timestep[0, share:].cpu())
        norms.append(norm[0, share:].cpu().double())
    timestep, norm = torch.cat(timesteps), torch.cat(norms)
    if not torch.isfinite(norm).all():
        raise UserError(f"the teacher's residual at step {step} is not finite; what diverged cannot be measured")
    mass = target.cumsum(0) - target / 2  # bins of equal mass, then linear between their centres
    bins = (mass * NORM_BINS).long().clamp(max=NORM_BINS - 1)
    sums = torch.zeros(NORM_BINS, dtype=torch.float64).index_add(0, bins[timestep], norm)
    binned = (sums / bins[timestep].bincount(minlength=NORM_BINS)).sqrt()
    centres = (torch.arange(NORM_BINS) + 0.5) / NORM_BINS
    measured.rms = torch.from_numpy(numpy.interp(mass.numpy(), centres.numpy(), binned.numpy()))
    measured.proposals = {"uniform": plain, "weight": carv.make_proposal(target, base),
                          "adaptive": adapt.propose(state, target, base),
                          "oracle": carv.make_proposal(target, measured.rms)}


def time_steps(trainer: Trainer, measured: Measured) -> None:
    """Whole training steps, Adam included, at every (B,K); a rate of 0 keeps the scene where it is."""
    step, settings = measured.step, measured.settings
    together = trainer.teacher.views_per_item
    items = sorted({*TIMED_ITEMS, trainer.config.data.first_batch // together})
    still = {(b, k): trainer.variant(with_options(trainer.config, optimizer={"lr_scale": constant(0.0)},
                                                  data={"batch_size": b * together}, estimator={"k": k}))
             for b, k in itertools.product(items, settings.k)}
    with preserved(trainer):
        for turn in _bar(f"step {step}: costs", range(-1, ROUNDS)):  # the first turn warms up
            for (b, k), variant in still.items():
                step_ms, update_ms = _timed(variant, step + turn + 1)
                if turn >= 0:
                    measured.timings.setdefault((b, k), []).append(step_ms)
                    measured.housekeeping.append(update_ms)


def _timed(trainer: Trainer, step: int) -> tuple[float, float]:
    """Milliseconds of a step without the scene's update, and of the update, which is expensive once in many steps."""
    marks = {"start": devices.now_ms(trainer.device)}

    def mark(station: str) -> None:
        if station in ("optimiser", "update"):
            marks[station] = devices.now_ms(trainer.device)

    train_step(trainer, step, mark)
    update = marks["update"] - marks["optimiser"]
    return devices.now_ms(trainer.device) - marks["start"] - update, update


def measure_cameras(trainer: Trainer, measured: Measured, sketch: Sketch) -> None:
    """Every design of a set at iid cameras: within variances, the noise component, two halves for the between one."""
    step, settings = measured.step, measured.settings
    looked_at = sample(trainer, step, settings.cameras, "measure")
    longest = max(settings.k)
    for c in _bar(f"step {step}: cameras", range(settings.cameras)):
        batch = LabelledBatch(trainer, step, one(looked_at, trainer, c), f"measure {c}")
        within: dict[Design, float] = {}
        halves = torch.zeros(())
        for design in settings.designs:
            how = (measured.proposals[design.proposal], design.stratified, design.noise)
            means = batch.set_means(batch.draw(settings.sets(design.k), design.k, *how, " ".join(map(str, design))))
            within[design] = batch.variance(means, settings.replicates - 1)
            halves = halves + torch.stack([means[0::2].mean(0), means[1::2].mean(0)])
        draws = batch.draw(settings.replicates, longest, measured.proposals["uniform"], False, "iid", "nested")
        same = carv.Draws(draws.timestep[:1].expand_as(draws.timestep), draws.weight[:1].expand_as(draws.weight),
                          draws.noise)
        noise = longest * batch.variance(batch.set_means(same), settings.replicates - 1)
        row = CameraRow(within, noise, batch.sketches(halves / len(settings.designs), sketch))
        if not all(map(math.isfinite, (noise, *within.values()))):
            raise UserError(f"the scene's gradient at step {step} is not finite; what diverged cannot be measured")
        measured.cameras.append(row)


def measure_strata(trainer: Trainer, measured: Measured, sketch: Sketch) -> None:
    """Batches with camera strata, each estimated twice from low-noise sets."""
    step, settings = measured.step, measured.settings
    noise = "antithetic" if max(settings.k) % 2 == 0 else "iid"
    for items in sorted({trainer.config.data.first_batch // trainer.teacher.views_per_item, BATCH} - {1}):
        done: list[Tensor] = measured.strata.setdefault(items, [])
        for n in _bar(f"step {step}: camera strata, B={items}", range(settings.batches)):
            label = f"measure strata {items} {n}"
            batch = LabelledBatch(trainer, step, sample(trainer, step, items, label, strata=True), label)
            draws = batch.draw(2 * items, max(settings.k), measured.proposals["oracle"], True, noise, "halves")
            done.append(batch.sketches(batch.set_means(draws), sketch))


def measure_scope(trainer: Trainer, measured: Measured) -> None:
    """Batches of iid cameras with K strata for each view, and with the same number of draws under strata over all."""
    step, settings = measured.step, measured.settings
    for n in _bar(f"step {step}: strata per render and global", range(settings.batches)):
        label = f"measure scope {n}"
        batch = LabelledBatch(trainer, step, sample(trainer, step, SCOPE_BATCH, label), label)
        for k in settings.k:
            rows, proposal = settings.sets(k) * SCOPE_BATCH, measured.proposals["uniform"]
            each = batch.draw(rows, k, proposal, k > 1, "iid", f"each {k}")
            shared = batch.draw(settings.sets(k), SCOPE_BATCH * k, proposal, True, "iid", f"shared {k}")
            parts = (shared.timestep, shared.weight, shared.noise)
            shared = carv.Draws(*(part.reshape(rows, k, *part.shape[2:]) for part in parts))
            mine, theirs = (batch.variance(batch.set_means(draws), settings.replicates - 1) for draws in (each, shared))
            measured.scope.setdefault(k, []).append((mine, theirs))


def _bar(label: str, numbers: range) -> Iterator[int]:
    with Progress(label, len(numbers)) as bar:
        for number in numbers:
            yield number
            bar.add()
