"""The way back through a VAE's encoder by a linear stand-in.

Latents are nearly a linear function of the pixels around them. A ``LinearEncoder`` is that function, fitted by least
squares; on the way forward the latents stay the encoder's own, to the bit, and on the way back the gradient passes
through the stand-in's transpose in place of the encoder's. Where the residual in the latents is zero, so is either
gradient: the scene that a teacher asks for is the same, the direction towards it another one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

RIDGE = 4e-4  # weight of the squared coefficients, beside the mean squared error per latent number
ROWS = 60_000  # positions of latents that a fit looks at, at the least


@dataclass(frozen=True)
class LinearEncoder:
    """kernel: [c,3,k,k], of a convolution with stride ``factor`` and as much padding as keeps k in the middle.
    explained: of the latents' variance on pictures that it was not fitted to."""

    kernel: Tensor
    factor: int
    explained: float

    @property
    def padding(self) -> int:
        return (self.kernel.shape[-1] - self.factor) // 2

    def to(self, device: torch.device | str) -> LinearEncoder:
        return LinearEncoder(self.kernel.to(device), self.factor, self.explained)

    def carried(self, latents: Tensor, image: Tensor) -> Tensor:
        """``latents`` [B,c,h,w] as they are, with a way back to the image [B,3,H,W] that they were made of."""
        carried: Tensor = _Carried.apply(latents, image, self)
        return carried

    def save(self, path: Path) -> None:
        from safetensors.torch import save

        from carv3d.runtime.files import write_bytes

        write_bytes(path, save({"kernel": self.kernel.cpu().contiguous(), "factor": torch.tensor(self.factor),
                                "explained": torch.tensor(self.explained)}))


def load(path: Path) -> LinearEncoder:
    from safetensors.torch import load_file

    held = load_file(path)
    return LinearEncoder(held["kernel"], int(held["factor"]), float(held["explained"]))


class _Carried(torch.autograd.Function):
    @staticmethod
    def forward(ctx, latents: Tensor, image: Tensor, stand_in: LinearEncoder) -> Tensor:
        ctx.stand_in = stand_in
        return latents.clone()

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[None, Tensor, None]:
        own = ctx.stand_in
        return None, F.conv_transpose2d(grad, own.kernel.to(grad.dtype), stride=own.factor, padding=own.padding), None


def fit(encode: Callable[[Tensor], Tensor], pictures: Iterable[Tensor]) -> LinearEncoder:
    """By least squares, on batches of pictures [N,3,H,W] in [-1,1] whose latents are ``encode`` of them; the last one
    of them is left out, and says how much is explained. A pixel counts up to one latent's width beyond a latent's own.
    ValueError where latents are no grid over the pictures."""
    products = sums = torch.zeros(1, 1, dtype=torch.double)
    held: tuple[Tensor, Tensor] | None = None
    for batch in pictures:
        latents = encode(batch)
        factor = batch.shape[-1] // latents.shape[-1]
        if latents.ndim != 4 or any(side != factor * own for side, own in zip(batch.shape[2:], latents.shape[2:])):
            raise ValueError(f"latents {tuple(latents.shape)} are no grid over pictures {tuple(batch.shape)}")
        if held is not None:
            rows = _patches(held[0], factor).double()
            products, sums = products.to(rows) + rows.T @ rows, sums.to(rows) + rows.T @ _columns(held[1]).double()
        held = batch, latents
    assert held is not None
    ridge = RIDGE * products[-1, -1] * torch.eye(len(products), dtype=torch.double, device=products.device)
    weights = torch.linalg.solve(products + ridge, sums)
    picture, latents = held
    left = (_patches(picture, factor).double() @ weights - _columns(latents).double()).square().mean()
    side = 3 * factor
    kernel = weights[:-1].T.reshape(-1, 3, side, side).float().contiguous()
    return LinearEncoder(kernel, factor, float(1 - left / _columns(latents).double().var(0, correction=0).mean()))


def batches(image_size: tuple[int, int], factor: int, at_once: int) -> int:
    """How many batches of ``at_once`` pictures a fit needs, with one to be left out."""
    rows = at_once * (image_size[0] // factor) * (image_size[1] // factor)
    return math.ceil(ROWS / rows) + 1


def _patches(image: Tensor, factor: int) -> Tensor:
    """The pixels around each latent, and a one: [rows, 3 k k + 1]."""
    found = F.unfold(image, 3 * factor, padding=factor, stride=factor).transpose(1, 2).flatten(0, 1)
    return torch.cat([found, torch.ones_like(found[:, :1])], 1)


def _columns(latents: Tensor) -> Tensor:
    return latents.flatten(2).transpose(1, 2).flatten(0, 1)
