"""VSD's score of the particles' renders: LoRA layers in the teacher's own network."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from carv3d.diffusion.adapters import Switch, fresh_layers
from carv3d.diffusion.diffusers_teacher import DiffusersTeacher, rows
from carv3d.diffusion.loading import prefer_trained_attention
from carv3d.diffusion.teacher import Condition
from carv3d.runtime.rng import generator

NAME = "particles"


class LoRAScore(nn.Module):
    """eps_phi(z_t, t, camera, y) of ProlificDreamer (arXiv 2305.16213, section 4): the teacher with LoRA
    (arXiv 2106.09685) on its attention layers, and the camera's matrix embedded beside the timestep.

    One network serves both scores: the layers are switched off wherever the teacher itself is asked. They are float32
    whatever the network's precision is, and start without effect, as does the camera. rank: of the LoRA matrices.
    """

    def __init__(self, teacher: DiffusersTeacher, rank: int, seed: int):
        super().__init__()
        network, self._teacher = teacher.denoiser, [teacher]  # in a list: no submodule, its weights are not this one's
        draws = generator(seed, "lora init")
        named = {name.replace(".", "/"): p for name, p in fresh_layers(network, rank, draws, NAME).items()}
        self.layers = nn.ParameterDict(named)
        width = teacher.time_width
        first, last = nn.Linear(16, width), nn.Linear(width, width)
        self.camera = nn.Sequential(first, nn.SiLU(), last).to(teacher.device)
        with torch.no_grad():
            first.weight.copy_(torch.randn(first.weight.shape, generator=draws) / 4)
            for zero in (first.bias, last.weight, last.bias):
                zero.zero_()
        self._matrices: Tensor | None = None
        teacher.time_embedding.register_forward_hook(self._add_camera)
        self._switch = Switch(network)
        prefer_trained_attention(network)

    def forward(self, noisy: Tensor, timestep: Tensor, condition: Condition, view: Tensor, c2w: Tensor) -> Tensor:
        """eps for noisy latents [n,c,h,w] at timesteps [n] of views [n] into the condition and the matrices [B,4,4]."""
        return self._teacher[0].to_eps(noisy, self._answer(noisy, timestep, condition, view, c2w), timestep)

    def loss(self, clean: Tensor, noise: Tensor, timestep: Tensor, condition: Condition, view: Tensor,
             c2w: Tensor) -> Tensor:
        """Each row's squared error of what the network predicts (noise, v or flow), summed over the latent: [n].

        A sum, as in the paper, and not a mean: gradients stay far above the smallest float16.
        """
        teacher = self._teacher[0]
        noisy = teacher.schedule.add_noise(clean[view], noise, timestep)
        target = teacher.from_eps(noisy, noise, timestep)
        return (self._answer(noisy, timestep, condition, view, c2w) - target).square().flatten(1).sum(1)

    def _answer(self, noisy: Tensor, timestep: Tensor, condition: Condition, view: Tensor, c2w: Tensor) -> Tensor:
        teacher = self._teacher[0]
        with self._active(c2w[view]):
            return teacher.ask(noisy, timestep, rows(condition.text, view),
                               teacher.shift_of(noisy, timestep, condition, view))

    @contextlib.contextmanager
    def _active(self, matrices: Tensor) -> Iterator[None]:
        self._matrices = matrices
        try:
            with self._switch.on():
                yield
        finally:
            self._matrices = None

    def _add_camera(self, module: nn.Module, inputs: object, output: Tensor) -> Tensor | None:
        if self._matrices is None:
            return None
        return output + self.camera(self._matrices.flatten(1).float()).to(output.dtype)
