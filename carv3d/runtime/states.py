"""What a checkpoint gives, held against what takes it up: a file may be whole and still hold something else."""

from __future__ import annotations

import torch
from torch import Tensor

from carv3d.runtime.types import State


def require_alike(own: object, given: object, what: str) -> None:
    """ValueError unless ``given`` is of the kind of ``own``: same keys, same types, tensors of the same size and
    finite."""
    if isinstance(own, dict):
        if not isinstance(given, dict) or own.keys() != given.keys():
            raise ValueError(f"{what} has other entries")
        for name in own:
            require_alike(own[name], given[name], f"{what}.{name}")
    elif isinstance(own, Tensor):
        if not isinstance(given, Tensor) or own.shape != given.shape or own.dtype != given.dtype:
            raise ValueError(f"{what} has another size or type")
        if given.is_floating_point() and not bool(torch.isfinite(given).all()):
            raise ValueError(f"{what} is not finite")
    elif isinstance(own, float):
        if isinstance(given, bool) or not isinstance(given, (int, float)):
            raise ValueError(f"{what} is no number")
    elif type(own) is not type(given):
        raise ValueError(f"{what} is no {type(own).__name__}")


def load_optimizer(optimizer: torch.optim.Optimizer, state: State) -> None:
    """Take up an optimiser's state; ValueError where it is of parameters of another size, or lacks a part."""
    optimizer.load_state_dict(state)
    for parameter, moments in optimizer.state.items():
        if not {"step", "exp_avg", "exp_avg_sq"} <= moments.keys():
            raise ValueError("the optimiser's state lacks a part")
        for name, value in moments.items():
            if not isinstance(value, Tensor) or value.shape != (() if name == "step" else parameter.shape):
                raise ValueError(f"the optimiser's {name} has another size than its parameter")
    wanted = {"lr", "betas", "eps", "weight_decay"}
    if any(not wanted <= group.keys() for group in optimizer.param_groups):
        raise ValueError("the optimiser's groups lack a part")
