"""What a user says of a teacher's model, whatever its family."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from carv3d.diffusion.additions import Additions
from carv3d.diffusion.loading import Network


@dataclass(frozen=True)
class Settings:
    """variant: of the weights. use_ema: the UNet in unet_ema. dtype: of the denoiser. encode_dtype: of the encoder's
    products. compiled: the denoiser, by torch.compile. checkpoint_encode: the encoder's activations are made again on
    the way back. size: pixels a side, 0 for the model's own. shift: of a flow model's timesteps, 0 for its own.
    told_guidance: what a network with an embedding of guidance is told. vae: a folder of another one. quantize: the
    denoiser's weights in fewer bits, after LoRA layers were added to them; "none", or a name of ``quantize``. offload:
    as ``DiffusersTeacher`` takes it. tile_encode: images are encoded in tiles (``loading.tile``). linear:
    the way back through the encoder (``linear_encoder``). small: what encodes (``small_encoder``)."""

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
    quantize: str = "none"
    offload: str = "none"
    tile_encode: bool = False
    linear: bool = False
    small: bool = False

    @property
    def plain(self) -> bool:
        """Whether they leave the networks as their files give them, whole and on the device."""
        return not (self.variant or self.use_ema or self.compiled or self.checkpoint_encode or self.tile_encode
                    or self.additions.loras or self.vae or self.quantize != "none" or self.offload != "none")

    def of(self, denoiser: Network) -> str:
        """Its size and precision, for people."""
        million = sum(p.numel() for p in denoiser.parameters()) / 1e6
        fewer = "" if self.quantize == "none" else f" with weights in {self.quantize}"
        return f"{million:.1f} M parameters in {str(self.dtype).removeprefix('torch.')}{fewer}"
