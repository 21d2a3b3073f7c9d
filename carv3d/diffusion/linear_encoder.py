"""The way back through a VAE's encoder by a linear stand-in.

Latents are nearly a linear function of the pixels around them. A ``LinearEncoder`` is that function, fitted by least
squares; on the way forward the latents stay the encoder's own, to the bit, and on the way back the gradient passes
through the stand-in's transpose in place of the encoder's. Where the residual in the latents is zero, so is either
gradient: the scene that a teacher asks for is the same, the direction towards it another one.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from carv3d.runtime.errors import UserError
from carv3d.runtime.files import cache_folder, make_folder, write_bytes

FILE = "vae/linear_encoder.safetensors"  # of the bundled model, in its folder
RIDGE = 4e-4  # weight of the squared coefficients, beside the mean squared error per latent number
AT_ONCE = 32  # pictures
ROWS = 60_000  # positions of latents that a fit looks at, at the least


class Encodes(Protocol):
    """What is asked of a teacher."""

    vae: nn.Module | None
    device: torch.device
    image_size: tuple[int, int]
    latent_shape: tuple[int, int, int]

    def latents(self, image: Tensor) -> Tensor: ...


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

        write_bytes(path, save({"kernel": self.kernel.cpu().contiguous(), "factor": torch.tensor(self.factor),
                                "explained": torch.tensor(self.explained)}))


def load(path: Path) -> LinearEncoder:
    from safetensors.torch import load_file

    held = load_file(path)
    return LinearEncoder(held["kernel"], int(held["factor"]), float(held["explained"]))


def blank(teacher: Encodes) -> LinearEncoder:
    """One of the shape that a teacher's has, without content."""
    factor = teacher.image_size[0] // teacher.latent_shape[-2]
    kernel = torch.empty(teacher.latent_shape[0], 3, 3 * factor, 3 * factor, device=teacher.device)
    return LinearEncoder(kernel, factor, 0.0)


class _Carried(torch.autograd.Function):
    @staticmethod
    def forward(ctx, latents: Tensor, image: Tensor, stand_in: LinearEncoder) -> Tensor:
        ctx.stand_in = stand_in
        return latents.clone()

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[None, Tensor, None]:
        own = ctx.stand_in
        return None, F.conv_transpose2d(grad, own.kernel.to(grad.dtype), stride=own.factor, padding=own.padding), None


@torch.no_grad()
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
    if held is None:
        raise ValueError("there are no pictures")
    ridge = RIDGE * products[-1, -1] * torch.eye(len(products), dtype=torch.double, device=products.device)
    weights = torch.linalg.solve(products + ridge, sums)
    picture, latents = held
    left = (_patches(picture, factor).double() @ weights - _columns(latents).double()).square().mean()
    side = 3 * factor
    kernel = weights[:-1].T.reshape(-1, 3, side, side).float().contiguous()
    return LinearEncoder(kernel, factor, float(1 - left / _columns(latents).double().var(0, correction=0).mean()))


def fitted(teacher: Encodes, pictures: Callable[[int, int, int], Tensor],
           announce: Callable[[str], None] = lambda line: None) -> LinearEncoder:
    """Of a teacher's encoder at its own size, kept in the user's cache by the encoder's content. pictures: (count,
    size, seed) -> [count,3,size,size] in [-1,1]. UserError where latents are no grid over images."""
    from safetensors import SafetensorError

    path = cache_folder("linear_encoders") / f"{_content(teacher)}.safetensors"
    with contextlib.suppress(OSError, KeyError, ValueError, RuntimeError, SafetensorError):  # none, or a damaged one
        return load(path)
    announce("fitting a linear function to the VAE's encoder (once, then cached)")
    height, width = teacher.image_size
    positions = teacher.latent_shape[-2] * teacher.latent_shape[-1]
    count = min(AT_ONCE, max(1, ROWS // positions))

    def batches() -> Iterator[Tensor]:
        for seed in range(math.ceil(ROWS / (count * positions)) + 1):
            yield F.interpolate(pictures(count, max(height, width), seed), (height, width)).to(teacher.device)

    try:
        found = fit(teacher.latents, batches())
    except ValueError as error:
        raise UserError(f"teacher.encode_gradient: linear given, but {error}; give exact") from error
    announce(f"it explains {100 * found.explained:.1f} % of the latents' variance")
    with contextlib.suppress(UserError):  # without a cache the result is the same, only later
        make_folder(path.parent, "XDG_CACHE_HOME")
        found.save(path)
    return found


def _content(teacher: Encodes) -> str:
    """A hash of all that decides what is fitted."""
    total = hashlib.sha256(f"{type(teacher).__qualname__} {teacher.image_size} {teacher.latent_shape} {RIDGE} {ROWS} "
                           f"{AT_ONCE}".encode())
    for name, value in teacher.vae.state_dict().items() if teacher.vae is not None else ():
        total.update(name.encode())
        total.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return total.hexdigest()[:40]


def _patches(image: Tensor, factor: int) -> Tensor:
    """The pixels around each latent, and a one: [rows, 3 k k + 1]."""
    found = F.unfold(image, 3 * factor, padding=factor, stride=factor).transpose(1, 2).flatten(0, 1)
    return torch.cat([found, torch.ones_like(found[:, :1])], 1)


def _columns(latents: Tensor) -> Tensor:
    return latents.flatten(2).transpose(1, 2).flatten(0, 1)
