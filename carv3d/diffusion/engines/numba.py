"""carv3d's own networks by its own compiled loops."""

from __future__ import annotations

import torch
from torch import Tensor

from carv3d.diffusion import networks
from carv3d.diffusion.engines import compiled
from carv3d.diffusion.engines.base import Engine, converting
from carv3d.diffusion.loading import Network
from carv3d.runtime.errors import UserError


class Numba(Engine):
    """One for every number of rows; float32. It encodes as well, where no gradient is recorded."""

    name = "numba"

    def __init__(self, teacher: Network):
        super().__init__(teacher)
        unet, vae, plain = teacher.denoiser, teacher.vae, teacher.encode_dtype == torch.float32
        if not isinstance(unet, networks.UNet) or unet.dtype != torch.float32 or not compiled.fits(
                unet, teacher.latent_shape[1:]):
            raise UserError("teacher.engine: numba given, which runs the networks that ship with carv3d alone, in "
                            "float32; give teacher.type=bundled with teacher.dtype=float32, or teacher.engine=torch")
        with converting(self.name):
            self._network = compiled.UNet(unet)
            if plain and isinstance(vae, networks.Vae) and compiled.fits(vae, teacher.image_size):
                self.encoder = compiled.Encoder(vae)

    @torch.no_grad()
    def run(self, inputs: list[Tensor]) -> Tensor:
        seen, time, text, *shift = inputs
        return self._network(seen, time, text, shift[0] if shift else None)

    def prepare(self, count: int) -> None:
        self.check(count)
        if self.encoder is not None:
            image = torch.rand(2, 3, *self.teacher.image_size, generator=torch.Generator().manual_seed(0)) * 2 - 1
            with torch.no_grad():
                self.near(self.teacher.vae.encode(image).latent_dist.mean, self.encoder(image))
