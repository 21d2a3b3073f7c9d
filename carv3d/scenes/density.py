"""Density control of 3D Gaussians (Kerbl et al., arXiv 2308.04079, section 5.2): pure functions of parameters,
optimiser state and evidence.

The published rule grows where the norm of the screen-space gradient passes a threshold. Under score distillation that
norm is mostly the noise of the few draws behind it: E |g + n|^2 = |g|^2 + V / K, so the rule grows less the better the
gradient is. Here each observation holds two independent halves of one gradient, and their inner product, whose
expectation is |g|^2 at every K, takes the place of the squared norm.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from carv3d.scenes.splats import Splats

SPLIT_SHRINK = 1.6  # of a split Gaussian's scales, as published


@dataclass(frozen=True)
class Evidence:
    """What the views since the last change said about N Gaussians.

    signal: [N], sum over observations of the inner product of two independent screen-space gradients, in units of half
    the image's side. seen: [N], number of observations.
    """

    signal: Tensor
    seen: Tensor

    @staticmethod
    def none(count: int, device: torch.device | str = "cpu") -> Evidence:
        return Evidence(torch.zeros(count, device=device), torch.zeros(count, device=device))

    def add(self, first: Tensor, second: Tensor, radii: Tensor, width: int, height: int) -> Evidence:
        """The evidence with B views more.

        first, second: [B,N,2], gradients of each view's own loss in pixels, from independent draws. radii: [B,N],
        0 where a Gaussian was not seen.
        """
        half = first.new_tensor([width / 2, height / 2])
        product = ((first * half) * (second * half)).sum(-1)
        visible = radii > 0
        return Evidence(self.signal + (product * visible).sum(0), self.seen + visible.sum(0))

    def tensors(self) -> dict[str, Tensor]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def squared_gradient(self) -> Tensor:
        """[N], unbiased for the mean squared norm of the noiseless gradient over the views that saw a Gaussian."""
        return self.signal / self.seen.clamp_min(1)


@dataclass(frozen=True)
class Rules:
    """When and by what measure the number of Gaussians changes; options of the configuration, same names.

    start, stop, every: a change after each ``every`` steps from start to stop; 0: none. evidence_every: steps between
    observations. threshold: the gradient from which a Gaussian grows, see ``decide``. split_above: scale, world units,
    from which growing means splitting. prune_below: opacity. prune_above: scale. reset_every, reset_to: see
    ``reset_opacity``; 0: never. cap: on the count.
    """

    start: int
    stop: int
    every: int
    evidence_every: int
    threshold: float
    split_above: float
    prune_below: float
    prune_above: float
    reset_every: int
    reset_to: float
    cap: int

    def gathers(self, step: int) -> bool:
        return self.every > 0 and self.start - self.every <= step < self.stop and step % self.evidence_every == 0

    def changes(self, step: int) -> bool:
        return self.every > 0 and self.start <= step + 1 <= self.stop and (step + 1) % self.every == 0

    def resets(self, step: int) -> bool:
        return self.reset_every > 0 and step + 1 < self.stop and (step + 1) % self.reset_every == 0


@dataclass(frozen=True)
class Change:
    """masks over N: what to copy in place, what to replace by two smaller ones, what to take away."""

    clone: Tensor
    split: Tensor
    prune: Tensor


def decide(splats: Splats, evidence: Evidence, rules: Rules) -> Change:
    """Which Gaussians to clone, split and prune. The count that results is at most ``rules.cap`` unless it was above it
    already; where not all can grow, the strongest do."""
    scale = splats.log_scales.amax(1).exp()
    prune = (splats.opacity_logits.sigmoid() < rules.prune_below) | (scale > rules.prune_above)
    strength = evidence.squared_gradient
    grow = (strength > rules.threshold**2) & ~prune
    room = max(rules.cap - int((~prune).sum()), 0)  # each that grows adds one
    if int(grow.sum()) > room:
        ranked = strength.masked_fill(~grow, -torch.inf).argsort(descending=True, stable=True)
        grow = torch.zeros_like(grow)
        grow[ranked[:room]] = True
    large = scale > rules.split_above
    return Change(grow & ~large, grow & large, prune)


def apply(splats: Splats, change: Change, generator: torch.Generator) -> tuple[Splats, Tensor]:
    """The Gaussians after a change, and for each the row [N'] it keeps its optimiser state from, -1 for a new one.

    A clone and its original share the original's opacity, 1 - sqrt(1 - o) each (Rota Bulo, Porzi, Kontschieder,
    arXiv 2404.06109), so that what was rendered stays as it was. The halves of a split are drawn from
    the Gaussian itself.
    """
    device = splats.means.device
    keep = (~change.prune & ~change.split).nonzero()[:, 0]
    clone, split = change.clone.nonzero()[:, 0], change.split.nonzero()[:, 0]
    logits = splats.opacity_logits.clone()
    if len(clone):
        transparency = (-logits[clone]).sigmoid().sqrt()
        logits[clone] = (1 - transparency).clamp(1e-6, 1 - 1e-6).logit()
    splats = Splats(**{**splats.tensors(), "opacity_logits": logits})
    halves = splats[split.repeat(2)]
    offset = torch.randn(halves.means.shape, generator=generator).to(device) * halves.log_scales.exp()
    halves = Splats(**{**halves.tensors(), "means": halves.means + rotate(halves.quaternions, offset),
                       "log_scales": halves.log_scales - torch.tensor(SPLIT_SHRINK).log().item()})
    parts = [splats[keep], splats[clone], halves]
    rows = torch.cat([keep, torch.full((len(clone) + len(halves),), -1, device=device)])
    return Splats(**{name: torch.cat([getattr(part, name) for part in parts]) for name in splats.tensors()}), rows


def carry(state: Tensor, rows: Tensor) -> Tensor:
    """Optimiser state [N,...] of the Gaussians after a change [N',...]: kept rows move along, new ones start at 0."""
    fresh = (rows < 0).reshape(-1, *[1] * (state.ndim - 1))
    return state[rows.clamp_min(0)].masked_fill(fresh, 0.0)


def reset_opacity(opacity_logits: Tensor, most: float) -> Tensor:
    """No opacity above ``most``: what the views need grows back, floaters do not (section 5.2 of 3DGS)."""
    return opacity_logits.clamp_max(torch.tensor(most, dtype=torch.float64).logit().item())


def rotate(quaternions: Tensor, vectors: Tensor) -> Tensor:
    """vectors [N,3] turned by quaternions [N,4], wxyz, of any length."""
    unit = torch.nn.functional.normalize(quaternions, dim=-1)
    w, axis = unit[:, :1], unit[:, 1:]
    across = 2 * torch.linalg.cross(axis, vectors)
    return vectors + w * across + torch.linalg.cross(axis, across)
