"""The optimiser of scenes."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable

import torch

from carv3d.runtime.types import Record

EVERY = 16  # steps between looks at a group's gradients, after the first few: each waits for the device
_step = inspect.unwrap(torch.optim.Adam.step)


class Adam(torch.optim.Adam):
    """torch's Adam (arXiv 1412.6980), with an epsilon that a group can tie to its gradients. ``floor`` of a group: its
    ``eps`` is at least so many times the largest root mean square that gradients of its parameters have had, by Adam's
    own average, bias corrected. An entry whose gradient is far below that moves in proportion to it, where Adam alone
    would move it as far as any other; and as gradients become less, so do steps.

    The methods are without what torch puts around them for programs that compile their optimiser: the first call of
    each would import the compiler, which takes longer than to import torch itself.
    """

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)
    state_dict = inspect.unwrap(torch.optim.Optimizer.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Optimizer.load_state_dict)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        _step(self, closure)
        for group in self.param_groups:
            if floor := group.get("floor", 0.0):
                group["steps"] = steps = group.get("steps", 0) + 1
                if steps & (steps - 1) == 0 or steps % EVERY == 0:
                    group["eps"] = max(group["eps"], floor * self._size(group))

    def _size(self, group: Record) -> float:
        """Root mean square of a group's gradients, waiting for the device; 0 before there was one."""
        states = [self.state[p] for p in group["params"] if self.state.get(p)]
        left = [1 - group["betas"][1] ** float(state["step"]) for state in states]
        squares = sum(float(state["exp_avg_sq"].sum()) / share for state, share in zip(states, left) if share)
        return math.sqrt(squares / max(sum(state["exp_avg_sq"].numel() for state in states), 1))
