"""The choice of K on a live run: replicate sets pulled back to scene parameters, and the decision that follows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import torch
from torch import Tensor

from carv3d import carv
from carv3d.carv.allocate import Cost
from carv3d.carv.choose_k import REFERENCES, Account, allowed, decide
from carv3d.carv.variance import Sketch, between_items, set_variance
from carv3d.runtime import rng
from carv3d.runtime.types import Record
from carv3d.scenes.base import Scene
from carv3d.text3d import views
from carv3d.text3d.batch import Batch
from carv3d.text3d.trainer import Trainer
from carv3d.text3d.views import Views

CAMERAS, REPLICATES = 6, 2
SKETCH = 1024


def replicates(trainer: Trainer, scene: Scene, step: int, looked_at: Views,
               designs: Mapping[str, carv.Design], proposals: Mapping[str, carv.Proposal], count: int, purpose: str,
               seed: int, sketch: Sketch | None = None) -> dict[str, Tensor]:
    """Parameter gradients of ``count`` independent sets of each design for each view, sketched.

    Returns: name -> [views,count,m]. Each view is rendered and encoded once. proposals: by the names that designs call
    them. What it cost goes into the
    trainer's ledger; nothing is trained.
    """
    sketch = sketch or Sketch.make(sum(p.numel() for p in trainer.parameters), SKETCH,
                                   rng.generator(seed, "sketch", 0, trainer.device))
    out: dict[str, list[Tensor]] = {name: [] for name in designs}
    for c in range(len(looked_at)):
        batch = Batch(trainer, scene, looked_at[c : c + 1], rng.generator(seed, f"{purpose} render {c}", step))
        trainer.ledger.spend(scene, renders=1, encodes=1)
        for (name, design), r in itertools.product(designs.items(), range(count)):
            label = f"{purpose} {name} {c} {r}"
            draws = carv.draw(1, design.k, batch.shape, proposals[design.proposal], stratified=design.stratified,
                              noise=design.noise, time_generator=rng.generator(seed, f"{label} t", step),
                              noise_generator=rng.generator(seed, f"{label} e", step, trainer.device))
            grads = batch.pull(batch.estimates([draws])[0].mean)
            out[name].append(sketch(torch.cat([g.flatten() for g in grads])))
            trainer.ledger.spend(scene, draws=design.k)
    return {name: torch.stack(rows).unflatten(0, (len(looked_at), count)).cpu() for name, rows in out.items()}


def measure(trainer: Trainer, step: int, seed: int) -> Account:
    """The trainer's account after one more measurement: iid cameras, replicate sets of one draw and of several."""
    sampler = trainer.sampler
    designs = {str(k): sampler.design(k) for k in (1, *REFERENCES)}
    proposals = {"own": sampler.proposal(trainer.target(step))}
    looked_at = views.sample(trainer.config, step, CAMERAS, "account", seed=seed)
    sets = replicates(trainer, trainer.turn(step)[1], step, looked_at, designs, proposals, REPLICATES, "account", seed)
    one, two, eight = (set_variance(sets[name]).mean().item() for name in designs)
    return trainer.account.add(one, two, eight, between_items(sets[str(REFERENCES[-1])]).mean().item())


def choose_k(trainer: Trainer, step: int, seed: int | None = None) -> Record:
    """Measure variance on the scene as it is, and set K for the steps that follow; returns the decision's record.

    All processes measure the same, so that they stay in step; what the first one found decides. seed: of the
    measurement's random numbers; the run's own by default.
    """
    seed = trainer.config.seed if seed is None else seed
    estimator, items = trainer.config.estimator, trainer.config.data.batch_size
    given, k = estimator.cost, trainer.sampler.k
    cost = (Cost(given.c0_ms, given.a_ms, given.b_ms) if given.source == "given" else trainer.timer.cost(items, k))
    account, cost = trainer.world.first((measure(trainer, step, seed), cost))
    decision = decide(account, cost, items, k, allowed(estimator.noise))
    trainer.take(account, decision["k"])
    return decision
