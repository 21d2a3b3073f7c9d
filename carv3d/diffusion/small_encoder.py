"""A small network in place of a VAE's encoder, distilled from it: a twelfth of its operations for nearly its latents.

A linear function of the pixels around a latent explains most of it (``linear_encoder``); two residual blocks at the
latents' resolution, and two at half of it, add what is left. scripts/train_encoder.py trains it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from carv3d.diffusion.loading import one_line
from carv3d.diffusion.networks import Encoded, Posterior

FILE = "vae/small_encoder.safetensors"  # of the bundled model, in its folder


class Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.second(F.silu(self.first(F.silu(x))))
        return x + added


@dataclass(frozen=True)
class Shape:
    """latents: channels of a latent. factor: pixels a side of one. wide, deep: channels at the latents' resolution, and
    at half of it."""

    latents: int = 4
    factor: int = 4
    wide: int = 32
    deep: int = 48


class SmallEncoder(nn.Module):
    """Encodes as the VAE whose configuration it has. Images [n,3,H,W] in [-1,1], H and W multiples of twice the factor.
    """

    def __init__(self, shape: Shape, config: Any = None):
        super().__init__()
        factor, wide, deep = shape.factor, shape.wide, shape.deep
        self.config = config
        self.linear = nn.Conv2d(3, shape.latents, 3 * factor, factor, factor)
        self.inner = nn.Conv2d(3, wide, 2 * factor, factor, factor // 2)
        self.before = Residual(wide)
        self.down = nn.Conv2d(wide, deep, 2, 2)
        self.below = nn.Sequential(Residual(deep), Residual(deep))
        self.up = nn.Conv2d(deep, wide, 1)
        self.after = Residual(wide)
        self.out = nn.Conv2d(wide, shape.latents, 3, padding=1)

    @property
    def dtype(self) -> torch.dtype:
        return self.out.weight.dtype

    def forward(self, image: Tensor) -> Tensor:
        """The means of the latents, [n,c,H/factor,W/factor]."""
        x = self.before(self.inner(image))
        deep = self.up(F.silu(self.below(self.down(x))))
        x = self.after(x + F.interpolate(deep, scale_factor=2.0))
        added: Tensor = self.out(F.silu(x))
        return added + self.linear(image)

    def encode(self, image: Tensor) -> Encoded:
        return Encoded(Posterior(self(image)))


def load(folder: Path, config: Any) -> SmallEncoder:
    """The one beside a VAE in a model's folder, in place of the VAE. config: the VAE's. UserError where it does not
    fit."""
    from safetensors.torch import load_file

    said = vars(config) if isinstance(config, SimpleNamespace) else config
    with one_line(folder, "vae"):
        held = load_file(folder / FILE)
        wide, _, double, _ = held["inner.weight"].shape
        shape = Shape(len(held["out.bias"]), double // 2, wide, len(held["down.bias"]))
        with torch.device("meta"):
            made = SmallEncoder(shape, SimpleNamespace(**said))
        made.load_state_dict({name: value.float() for name, value in held.items()}, assign=True)
    return made.eval().requires_grad_(False)
