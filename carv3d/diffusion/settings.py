"""What a user says of a teacher's model, whatever its family."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from carv3d.diffusion.additions import Additions


@dataclass(frozen=True)
class Settings:
    """variant: of the weights. use_ema: the UNet in unet_ema. dtype: of the denoiser. encode_dtype: of the encoder's
    products. compiled: the denoiser, by torch.compile. checkpoint_encode: the encoder's activations are made again on
    the way back. size: pixels a side, 0 for the model's own. shift: of a flow model's timesteps, 0 for its own.
    told_guidance: what a network with an embedding of guidance is told. vae: a folder of another one."""

    variant: str = ""
    use_ema: bool = False
    dtype: torch.dtype = torch.float32
    encode_dtype: torch.dtype = torch.float32
    compiled: bool = False
    checkpoint_encode: bool = False
    size: int = 0
    shift: float = 0.0
    told_guidance: float = 3.5
    additions: Additions = Additions()
    vae: Path | None = None
