"""The weighted mean over each item's draws, in chunks that fit memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from carv3d.carv.draws import Draws

ValueFn = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Estimate:
    """mean: [B,...] float32, (1/K) sum_k (p/q) f. squared_norm: [B,K] float32, ||f||^2 of each draw, unweighted.
    finite: scalar bool tensor on the device; reading it is the caller's choice of when to wait for the device."""

    mean: Tensor
    squared_norm: Tensor
    finite: Tensor


def estimate(value_fn: ValueFn, draws: Draws, chunk: int = 0, check: bool = False) -> Estimate:
    """Estimate E_t,noise[f] for each of B items from its K draws (CARV, arXiv 2605.21489, Eq. 13).

    value_fn(item_index [n], timestep [n], noise [n,...]) -> [n,...] is called on n = B x (at most ``chunk``) rows at a
    time; chunk 0 means all K. Draws are added one by one in float32, so that the result does not depend on ``chunk``
    wherever value_fn does not. No self-normalised weights and no clipping: both would bias the mean.
    ValueError if value_fn returns the wrong number of rows; with ``check``, FloatingPointError naming non-finite draws.
    """
    items, per_item = draws.items, draws.per_item
    index = torch.arange(items, device=draws.noise.device)
    total: Tensor | None = None
    norms = []
    step = chunk or per_item
    for start in range(0, per_item, step):
        part = slice(start, min(start + step, per_item))
        width = part.stop - part.start
        values = value_fn(index.repeat_interleave(width), draws.timestep[:, part].flatten(),
                          draws.noise[:, part].flatten(0, 1))
        if values.shape[:1] != (items * width,):
            raise ValueError(f"value_fn must return {items * width} rows for noise of shape "
                             f"{tuple(draws.noise[:, part].flatten(0, 1).shape)}, got shape {tuple(values.shape)}")
        values = values.float().unflatten(0, (items, width))
        norms.append(values.flatten(2).square().sum(-1) if values.ndim > 2 else values.square())
        weight = draws.weight[:, part].reshape(items, width, *[1] * (values.ndim - 2))
        for k in range(width):
            term = weight[:, k] * values[:, k]
            total = term if total is None else total + term
    squared_norm = torch.cat(norms, 1)
    mean = total / per_item
    finite = torch.isfinite(mean).all()
    if check and not finite:
        bad = (~torch.isfinite(squared_norm)).nonzero().tolist()
        raise FloatingPointError(f"non-finite values in draws (item, k): {bad[:8]}")
    return Estimate(mean, squared_norm, finite)
