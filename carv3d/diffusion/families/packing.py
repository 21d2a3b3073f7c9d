"""Patches of 2 x 2 latents as tokens of a transformer, and where they stand."""

from __future__ import annotations

import torch
from torch import Tensor

from carv3d.diffusion.families.base import FamilyTeacher
from carv3d.diffusion.loading import Network
from carv3d.runtime.types import Record

SIDE = 1024  # pixels of the images that pipelines of such models make, which no configuration says


class Packed(FamilyTeacher):
    """A teacher whose transformer takes a patch as a token."""

    @classmethod
    def step(cls, config: Network, vae: Network) -> int:
        return 2 * cls.factor(vae)

    @classmethod
    def channels(cls, config: Network) -> int:
        return int(config.in_channels) // 4

    @classmethod
    def sides(cls, config: Network, vae: Network, index: Record) -> tuple[int, int]:
        return SIDE, SIDE


def packed(latents: Tensor) -> Tensor:
    """[n,c,h,w] -> [n,hw/4,4c]: a token a patch, line by line; of each channel the four of a patch together."""
    n, c, h, w = latents.shape
    return latents.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(n, h * w // 4, 4 * c)


def unpacked(tokens: Tensor, height: int, width: int) -> Tensor:
    """The inverse, for latents of this height and width."""
    n, _, c = tokens.shape
    apart = tokens.reshape(n, height // 2, width // 2, c // 4, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return apart.reshape(n, c // 4, height, width)


def patched(latents: Tensor) -> Tensor:
    """[n,c,h,w] -> [n,4c,h/2,w/2]: patches as channels."""
    n, c, h, w = latents.shape
    return latents.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(n, 4 * c, h // 2, w // 2)


def places(height: int, width: int, columns: int, device: torch.device) -> Tensor:
    """Line and column of each token of an image, [height width,columns], as the second and the third of its ids."""
    ids = torch.zeros(height, width, columns, dtype=torch.long, device=device)
    ids[..., 1] = torch.arange(height, device=device)[:, None]
    ids[..., 2] = torch.arange(width, device=device)
    return ids.reshape(height * width, columns)
