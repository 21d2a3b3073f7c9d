"""Variance and cost of a live run: replicate sets pulled back to scene parameters, timers, and the choice of K."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from carv3d import carv, rng, views
from carv3d.carv import noise as noises
from carv3d.carv.allocate import Cost, best_k, work
from carv3d.carv.variance import Sketch, between_items, set_variance
from carv3d.scenes.cameras import Cameras

if TYPE_CHECKING:
    from carv3d.train import Trainer

CHOICES = (1, 2, 4, 8, 16)
REFERENCES = (2, 8)  # sizes of the structured sets that are measured; kappa at other K is interpolated in log K
CAMERAS, REPLICATES = 6, 2
SKETCH = 1024
MEMORY = 0.7  # of the moving averages, per measurement
HYSTERESIS = 0.9  # K changes only where the predicted variance x cost falls below this share of the current one


@dataclass(frozen=True)
class SetKind:
    """How one set of draws of one view is made."""

    k: int
    proposal: carv.Proposal
    stratified: bool
    noise: str


def noise_mode(name: str, k: int, guidance_scale: float) -> str:
    """What ``estimator.noise`` means for K draws: auto is iid at odd K, else antithetic at guidance <= 7.5, else
    zero_sum (at high guidance the even part of the score dominates, which antithetic pairs double)."""
    if name != "auto":
        return name if noises.allows(name, k) else "iid"
    return "iid" if k % 2 else "antithetic" if guidance_scale <= 7.5 else "zero_sum"


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


@dataclass(frozen=True)
class Account:
    """Moving averages of what one measurement after another found: numerators only, ratios come after.

    within: variance of one iid draw, W. within_2, within_8: of structured sets of 2 and of 8. between: S_B. weight:
    total weight of the averages, 0 before the first measurement.
    """

    within: float = 0.0
    within_2: float = 0.0
    within_8: float = 0.0
    between: float = 0.0
    weight: float = 0.0

    def add(self, within: float, within_2: float, within_8: float, between: float) -> Account:
        new = (within, within_2, within_8, between, 1.0)
        old = (self.within, self.within_2, self.within_8, self.between, self.weight)
        return Account(*(MEMORY * a + b for a, b in zip(old, new, strict=True)))

    def kappa(self, k: int) -> float:
        """K V(K) / W of the sets that a run draws; 1 means no better than iid. Flat beyond 8."""
        if k == 1 or self.within <= 0:
            return 1.0
        measured = zip(REFERENCES, (self.within_2, self.within_8), strict=True)
        two, eight = (max(n * v / self.within, 1e-3) for n, v in measured)
        return two * (eight / two) ** min(math.log(k / 2) / math.log(4), 1.0)

    def set_variance(self, k: int) -> float:
        """V(K), the within variance of one view's set of K."""
        return self.kappa(k) * self.within / self.weight / k

    @property
    def rho(self) -> float:
        """W / S_B, infinite where no between variance is seen."""
        return self.within / self.between if self.between > 0 else float("inf")


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


def allowed(noise: str) -> tuple[int, ...]:
    """The K that ``estimator.k=auto`` may choose: those that a named noise mode allows."""
    return tuple(k for k in CHOICES if noise == "auto" or noises.allows(noise, k))


def decide(account: Account, cost: Cost, items: int, current: int, choices: Sequence[int]) -> dict[str, Any]:
    """The next K and the inputs it follows from: a pure function, so a decision in metrics.jsonl can be replayed."""
    between = max(account.between / account.weight, 0.0)
    spent = {k: work(between, account.set_variance(k), items, k, cost) for k in {*choices, current}}
    best = best_k(between, {k: account.set_variance(k) for k in choices}, items, cost)
    better = spent[best] < HYSTERESIS * spent[current]
    return {"k": best if better or current not in choices else current, "best_k": best, "current_k": current,
            "rho": account.rho if account.between > 0 else None, "kappa": {k: account.kappa(k) for k in choices},
            "r": cost.r, "items": items,
            "account": asdict(account), "cost": asdict(cost), "choices": list(choices)}


def replay(decision: dict[str, Any]) -> int:
    """The K that a recorded decision leads to, from its recorded inputs."""
    return decide(Account(**decision["account"]), Cost(**decision["cost"]), decision["items"], decision["current_k"],
                  decision["choices"])["k"]


UPSTREAM, DRAWING = ("render", "encode", "backward"), ("draws", "estimate")


@dataclass
class StationTimer:
    """Milliseconds per station of the step, as moving averages; called as ``mark`` of train_step.

    On CUDA it records events and reads them when asked, so that no step waits for the device.
    """

    device: torch.device
    ms: dict[str, float] = field(default_factory=dict)
    _last: Any = None
    _events: list[tuple[str, Any, Any]] = field(default_factory=list)

    def start(self) -> None:
        self._last = self._now()

    def __call__(self, station: str) -> None:
        now = self._now()
        if self.device.type == "cuda":
            self._events.append((station, self._last, now))
        else:
            self._add(station, 1e3 * (now - self._last))
        self._last = now

    def _now(self) -> Any:
        if self.device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            return event
        return time.perf_counter()

    def _add(self, station: str, ms: float) -> None:
        self.ms[station] = ms if station not in self.ms else 0.95 * self.ms[station] + 0.05 * ms

    def cost(self, items: int, draws: int) -> Cost:
        """The step's cost model from the averages so far; waits for the device on CUDA."""
        if self._events:
            torch.cuda.synchronize(self.device)
            for station, first, last in self._events:
                self._add(station, first.elapsed_time(last))
            self._events.clear()
        upstream = sum(self.ms.get(s, 0.0) for s in UPSTREAM)
        drawing = sum(self.ms.get(s, 0.0) for s in DRAWING)
        return Cost(max(sum(self.ms.values()) - upstream - drawing, 0.0), upstream / items,
                    max(drawing / (items * draws), 1e-9))


