"""The weighted mean over each item's draws, in chunks that fit memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from carv3d.carv.draws import Draws, join

ValueFn = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Estimate:
    """mean: [B,...] float32, (1/K) sum_k (p/q) f. squared_norm: [B,K] float32, ||f||^2 of each draw, unweighted.
    finite: scalar bool tensor on the device; reading it is the caller's choice of when to wait for the device."""

    mean: Tensor
    squared_norm: Tensor
    finite: Tensor


def estimate(value_fn: ValueFn, draws: Draws, chunk: int = 0, check: bool = False,
             control: ValueFn | None = None) -> Estimate:
    """Estimate E_t,noise[f] for each of B items from its K draws (CARV, arXiv 2605.21489, Eq. 13).

    value_fn(item_index [n], timestep [n], noise [n,...]) -> [n,...] is called on n = B x (at most ``chunk``) rows at a
    time; chunk 0 means all K. Draws are added one by one in float32, so that the result does not depend on ``chunk``
    wherever value_fn does not. No self-normalised weights and no clipping: both would bias the mean.
    control: a control variate of value_fn's signature and shape, subtracted from each value. Its expectation over
    p(t) and the noise must be zero, and whatever it was fitted on must be past data, never these draws.
    ValueError if value_fn returns the wrong number of rows; with ``check``, FloatingPointError naming non-finite draws.
    """
    return estimate_parts(value_fn, [draws], chunk, check, control)[0]


def estimate_parts(value_fn: ValueFn, parts: Sequence[Draws], chunk: int = 0, check: bool = False,
                   control: ValueFn | None = None) -> list[Estimate]:
    """``estimate`` of each of several sets of as many draws of the same items, asked for together: ``chunk`` counts the
    draws of all."""
    draws, each = join(parts) if len(parts) > 1 else parts[0], parts[0].per_item
    totals: list[Tensor] = []
    norms: list[Tensor] = []
    for index, part in _chunks(draws, chunk):
        rows = (index, part.timestep.flatten(), part.noise.flatten(0, 1))
        values = _checked(value_fn(*rows), rows[2])
        if control is not None:
            values = values - control(*rows)
        values = values.float().unflatten(0, (part.items, part.per_item))
        weight = part.weight.reshape(*part.weight.shape, *[1] * (values.ndim - 2))
        for k in range(part.per_item):
            value = values[:, k]
            if len(norms) % each:
                totals[-1] = torch.addcmul(totals[-1], weight[:, k], value)
            else:
                totals.append(weight[:, k] * value)
            norms.append(value.reshape(part.items, -1).square().sum(1))
    means = [total / each for total in totals]
    squared_norms = torch.stack(norms, 1).split(each, 1)
    found = [Estimate(mean, squared_norm, torch.isfinite(mean).all())
             for mean, squared_norm in zip(means, squared_norms, strict=True)]
    if check and not all(one.finite for one in found):
        bad = (~torch.isfinite(torch.cat(squared_norms, 1))).nonzero().tolist()
        raise FloatingPointError(f"non-finite values in draws (item, k): {bad[:8]}")
    return found


@dataclass(frozen=True)
class LossEstimate:
    """mean: [B] float32, detached. residual: [B,K] float32, each draw's loss, unweighted: a proxy for the squared norm
    of its parameter gradient, which would cost a backward a draw. finite: scalar bool tensor on the device."""

    mean: Tensor
    residual: Tensor
    finite: Tensor


def estimate_loss(loss_fn: ValueFn, draws: Draws, chunk: int = 0, items: int = 0) -> LossEstimate:
    """The same weighted mean for a trainable loss: backpropagates the mean over items of (1/K) sum_k (p/q) loss.

    loss_fn(item_index [n], timestep [n], noise [n,...]) -> [n], with a graph. Each chunk's graph is freed before the
    next is built; gradients accumulate in the parameters. items: what the mean is over, where these draws are a rank's
    part of theirs; the parts' gradients then add up to the whole's. ValueError if loss_fn does not return one loss per
    row.
    """
    losses = []
    for index, part in _chunks(draws, chunk):
        noise = part.noise.flatten(0, 1)
        loss = _checked(loss_fn(index, part.timestep.flatten(), noise), noise)
        if loss.ndim != 1:
            raise ValueError(f"loss_fn must return one loss per row, shape ({len(noise)},), got {tuple(loss.shape)}")
        ((loss.float() * part.weight.flatten()).sum() / ((items or draws.items) * draws.per_item)).backward()
        losses.append(loss.detach().float().unflatten(0, (part.items, part.per_item)))
    residual = torch.cat(losses, 1)
    mean = (residual * draws.weight).mean(1)
    return LossEstimate(mean, residual, torch.isfinite(mean).all())


def _chunks(draws: Draws, chunk: int) -> Iterator[tuple[Tensor, Draws]]:
    """Parts of at most ``chunk`` draws per item, each with the item index of its flattened rows."""
    items = torch.arange(draws.items, device=draws.noise.device)
    for start in range(0, draws.per_item, chunk or draws.per_item):
        part = draws.part(draws=slice(start, start + (chunk or draws.per_item)))
        yield items.repeat_interleave(part.per_item), part


def _checked(values: Tensor, noise: Tensor) -> Tensor:
    if values.shape[:1] != noise.shape[:1]:
        raise ValueError(f"value_fn must return {len(noise)} rows for noise of shape {tuple(noise.shape)}, "
                         f"got shape {tuple(values.shape)}")
    return values
