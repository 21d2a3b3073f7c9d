"""Variance and cost of a live run: replicate sets pulled back to scene parameters, timers, and the choice of K."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from carv3d import carv
from carv3d.cameras import Cameras
from carv3d.carv.allocate import Cost
from carv3d.carv.choose_k import REFERENCES, Account, allowed, decide
from carv3d.carv.noise import noise_mode
from carv3d.carv.variance import Sketch, between_items, set_variance
from carv3d.runtime import rng
from carv3d.text3d import views

if TYPE_CHECKING:
    from carv3d.text3d.trainer import Trainer

CAMERAS, REPLICATES = 6, 2
SKETCH = 1024


@dataclass(frozen=True)
class SetKind:
    """How one set of draws of one view is made."""

    k: int
    proposal: carv.Proposal
    stratified: bool
    noise: str


def replicates(trainer: Trainer, step: int, cameras: Cameras, background: Tensor, kinds: dict[str, SetKind],
               count: int, purpose: str, sketch: Sketch | None = None) -> dict[str, Tensor]:
    """Parameter gradients of ``count`` independent sets of each kind for each view, sketched: name -> [views,count,m].

    Each view is rendered and encoded once. What it cost goes into the trainer's ledger; nothing is trained.
    """
    config, device = trainer.config, trainer.device
    parameters = [p for group in trainer.optimizer.param_groups for p in group["params"]]
    sketch = sketch or Sketch.make(sum(p.numel() for p in parameters), SKETCH,
                                   rng.generator(config.seed, "sketch", 0, device))
    out: dict[str, list[Tensor]] = {name: [] for name in kinds}
    for c in range(len(cameras)):
        view, colour = cameras[slice(c, c + 1)].to(device), background[c : c + 1].to(device)
        rendered = trainer.scene.render(view, colour, rng.generator(config.seed, f"{purpose} render {c}", step))
        latents = trainer.teacher.encode(rendered.rgb)
        condition = trainer.teacher.condition(view.azimuth_deg, view.elevation_deg, colour)
        value = trainer.value(condition, view, latents.detach())
        trainer.count(renders=1, encodes=1)
        for name, kind in kinds.items():
            for r in range(count):
                label = f"{purpose} {name} {c} {r}"
                draws = carv.draw(1, kind.k, tuple(latents.shape[1:]), kind.proposal, stratified=kind.stratified,
                                  noise=kind.noise, time_generator=rng.generator(config.seed, f"{label} t", step),
                                  noise_generator=rng.generator(config.seed, f"{label} e", step, device))
                mean = trainer.estimate(value, draws).mean
                grads = torch.autograd.grad(latents, parameters, mean, retain_graph=True, allow_unused=True)
                flat = torch.cat([torch.zeros_like(p).flatten() if g is None else g.flatten()
                                  for p, g in zip(parameters, grads)])
                out[name].append(sketch(flat))
                trainer.count(draws=kind.k)
    return {name: torch.stack(rows).unflatten(0, (len(cameras), count)).cpu() for name, rows in out.items()}


def measure(trainer: Trainer, step: int, account: Account) -> Account:
    """One periodic measurement: iid cameras, replicate sets of one draw and of structured draws."""
    config = trainer.config.estimator
    proposal, guidance = trainer.proposal(step), trainer.config.objective.guidance_scale
    kinds = {k: SetKind(k, proposal, config.stratified and k > 1, noise_mode(config.noise, k, guidance))
             for k in (1, *REFERENCES)}
    sets = replicates(trainer, step, *views.sample(trainer.config, step, CAMERAS, "account"),
                      {str(k): kind for k, kind in kinds.items()}, REPLICATES, "account")
    found = [set_variance(sets[str(k)]).mean().item() for k in kinds]
    return account.add(*found, between_items(sets[str(REFERENCES[-1])]).mean().item())


def choose_k(trainer: Trainer, step: int) -> dict[str, Any]:
    """Measure variance on the scene as it is, and set K for the steps that follow; returns the decision's record.

    All processes measure the same, so that they stay in step; what the first one found decides.
    """
    estimator, items = trainer.config.estimator, trainer.config.data.batch_size
    given = estimator.cost
    cost = (Cost(given.c0_ms, given.a_ms, given.b_ms) if given.source == "given"
            else trainer.timer.cost(items, trainer.k))
    trainer.account, cost = trainer.world.first((measure(trainer, step, trainer.account), cost))
    decision = decide(trainer.account, cost, items, trainer.k, allowed(estimator.noise))
    trainer.k = decision["k"]
    return decision
