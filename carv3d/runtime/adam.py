"""The optimiser of scenes."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch

_step = inspect.unwrap(torch.optim.Adam.step)


class Adam(torch.optim.Adam):
    """torch's Adam (arXiv 1412.6980), its methods without what torch puts around them for programs that compile their
    optimiser: the first call of each would import the compiler, which takes longer than to import torch itself."""

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)
    state_dict = inspect.unwrap(torch.optim.Optimizer.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Optimizer.load_state_dict)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        _step(self, closure)
