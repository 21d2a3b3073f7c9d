"""Retrained models: made where a user asks for them, kept as they come, and what they say of scores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from carv3d.attribution import estimators, lds
from carv3d.attribution.world import Truth, World
from carv3d.carv.bootstrap import Bootstrap, interval
from carv3d.config.attribution import AttributeConfig, LdsConfig
from carv3d.runtime.files import write_bytes
from carv3d.runtime.rng import generator
from carv3d.runtime.types import Record

DAMPINGS = tuple(10 ** (power / 2) for power in range(-6, 5))  # of which damping=auto takes one


def retrained(world: World, own: LdsConfig, seed: int, path: Path, report: Callable[[int], None],
              stop: Callable[[], bool]) -> Truth | None:
    """Losses of own.seeds models for each of own.subsets halves, those that ``path`` lacks trained now and written to
    it as they come, in place of others that it holds; None if ``stop`` came first. report: called with numbers of
    models' steps."""
    assert world.retrain is not None
    members, made = lds.subsets(len(world.training), own.subsets, seed), f"{world.digest} {own}"
    losses = _known(path, members, (own.subsets, own.seeds, len(world.queries)), made)
    for number in range(own.seeds):
        for part in estimators.chunks(own.subsets, world.retrain.together):
            if losses[part, number].isnan().any():
                if stop():
                    return None
                losses[part, number] = world.retrain.losses(members[part], number, report)
                write_bytes(path, save({"members": members, "losses": losses}, {"made": made}))
            else:
                report(len(members[part]) * world.retrain.steps)
    return Truth(members, losses)


def _known(path: Path, members: Tensor, shape: tuple[int, int, int], made: str) -> Tensor:
    """What was written of these retrainings before, NaN where they are missing."""
    from safetensors import safe_open

    empty = torch.full(shape, torch.nan)
    try:
        found = load_file(path)
        with safe_open(path, "pt") as file:
            same = (file.metadata() or {}).get("made") == made and torch.equal(found["members"], members)
        losses = found["losses"]
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError):
        return empty
    return losses if same and losses.shape == empty.shape and losses.dtype == empty.dtype else empty


def damping(config: AttributeConfig, truth: Truth | None, queries: Tensor, training: Tensor) -> float:
    """The kernel's. auto: of DAMPINGS that with the best linear datamodelling score, by mean gradients [Q,d] and [N,d],
    on the first of every two subsets, which are then not scored on."""
    if config.damping != "auto":
        return float(config.damping)
    assert truth is not None  # the configuration's own check
    half = truth.half(0)
    products, losses = queries @ training.T, half.losses.mean(1)
    return max(DAMPINGS, key=lambda each: float(
        lds.lds(estimators.kernel(products, queries, training, each), half.members, losses).mean()))


def predicted(world: World, truth: Truth, found: dict[str, Tensor], seed: int) -> Record:
    """Of each group of queries: each score's LDS with its interval over queries, and the ceiling."""
    out: Record = {}
    losses = truth.losses.mean(1)
    for group, part in world.groups.items():
        each = {name: lds.lds(scores[part], truth.members, losses[:, part]) for name, scores in found.items()}
        boot = Bootstrap(len(next(iter(each.values()))), generator(seed, "attribution: bootstrap"))
        first = next(iter(each))
        out[group] = {"ceiling": lds.ceiling(truth.losses[..., part]),
                      "lds": {name: _mean(boot, values) for name, values in each.items()},
                      "difference": {name: _mean(boot, each[first] - values)
                                     for name, values in each.items() if name != first}}
    return out


def _mean(boot: Bootstrap, values: np.ndarray) -> Record:
    """With its interval over queries, of which one alone gives none."""
    if len(values) < 2:
        return {"value": float(values[0]), "low": None, "high": None}
    return interval(boot.mean(values.tolist()), len(values))
