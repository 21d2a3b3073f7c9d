"""The space that Adam steps in: what a gradient counts for once each entry is divided as the optimiser divides it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from carv3d.text3d.trainer import Trainer

DAMPING = 0.01  # share of a tensor's mean second moment that is added to each entry's


def scale(trainer: Trainer, second_moment: Tensor | None = None) -> Tensor:
    """Of each parameter, [P]: one over Adam's epsilon and the root of the gradient's second moment, damped, so that an
    entry which is seldom reached does not count for more than all others. second_moment: [P]; Adam's own average by
    default."""
    if second_moment is None:
        second_moment = torch.cat([_averaged(trainer, p).flatten() for p in trainer.parameters])
    parts = second_moment.split([p.numel() for p in trainer.parameters])
    return 1 / (torch.cat([_damped(part) for part in parts]).sqrt() + epsilon(trainer))


def epsilon(trainer: Trainer) -> Tensor:
    """Adam's epsilon for each parameter, [P]."""
    return torch.cat([torch.full((p.numel(),), group["eps"], device=trainer.device)
                      for group in trainer.optimizer.param_groups for p in group["params"]])


def _averaged(trainer: Trainer, parameter: Tensor) -> Tensor:
    """Adam's average of squared gradients, bias corrected; 0 before the first."""
    state: Any = trainer.optimizer.state.get(parameter)
    if not state:
        return torch.zeros_like(parameter)
    left = 1 - trainer.config.optimizer.betas[1] ** state["step"].to(parameter.device)
    averaged: Tensor = state["exp_avg_sq"] / left.clamp(min=torch.finfo(torch.float32).tiny)
    return averaged


def _damped(second_moment: Tensor) -> Tensor:
    """A tensor's second moments and a share of their mean, above 0."""
    return second_moment + DAMPING * second_moment.mean() + torch.finfo(torch.float32).tiny
