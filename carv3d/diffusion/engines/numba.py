"""carv3d's own networks by its own compiled loops (``loops``)."""

from __future__ import annotations

import torch
from torch import Tensor

from carv3d.diffusion import networks
from carv3d.diffusion.diffusers_teacher import DiffusersTeacher
from carv3d.diffusion.engines.base import Engine, converting
from carv3d.diffusion.engines.loops import networks as loops
from carv3d.diffusion.small_encoder import SmallEncoder
from carv3d.runtime.errors import UserError

MOST = 48  # rows of one call, each of which takes 1.5 MiB of room with the bundled network


class Numba(Engine):
    """For any number of rows, in float32. It runs a small encoder too."""

    name = "numba"

    def __init__(self, teacher: DiffusersTeacher):
        super().__init__(teacher)
        if not runs(teacher):
            raise UserError("teacher.engine: numba given, which runs the networks that ship with carv3d alone, in "
                            "float32; give teacher.type=bundled with teacher.dtype=float32, or teacher.engine=auto")
        with converting(self.name):
            states = next(iter(teacher.embeddings.values()))
            self._network = loops.UNet(teacher.denoiser, teacher.latent_shape[1:], states.shape[1])
            if isinstance(teacher.vae, SmallEncoder) and teacher.stand_in and teacher.encode_dtype == torch.float32:
                self.encoder = loops.SmallEncoder(teacher.vae, teacher.image_size)

    @torch.no_grad()
    def run(self, inputs: list[Tensor]) -> Tensor:
        answers = []
        for seen, time, text, *shift in zip(*(each.split(MOST) for each in inputs), strict=True):
            answers.append(self._network(seen, time, text, shift[0] if shift else None))
        return torch.cat(answers)

    def prepare(self, *counts: int) -> None:
        for count in counts:
            self.check(count)
        self.check_encoder(2)


def runs(teacher: DiffusersTeacher) -> bool:
    """Whether its network is one of carv3d's own, of whole registers and tiles."""
    unet = teacher.denoiser
    return (isinstance(unet, networks.UNet) and unet.dtype == torch.float32
            and loops.fits(unet, teacher.latent_shape[1:]))
