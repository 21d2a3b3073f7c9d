"""Latent diffusion models in the Stable Diffusion format as what is distilled. They are told words alone: what a view
embedding beside the words would say is left unsaid, so that the student is a text-to-image model as any other."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from carv3d.config.schema import TeacherConfig
from carv3d.diffusion import adapters, loading
from carv3d.diffusion.folder import files, unet_name
from carv3d.diffusion.guidance import branches, guide
from carv3d.diffusion.loading import Network
from carv3d.diffusion.schedule import NoiseSchedule
from carv3d.diffusion.text import states
from carv3d.onestep.networks import Denoiser
from carv3d.runtime.fingerprint import fingerprint
from carv3d.runtime.progress import say
from carv3d.runtime.rng import generator

EPS_START = 0.7  # of the timesteps: where an eps-teacher's copy is asked; later, 1/alpha amplifies what it cannot tell
ADAPTER, DECODED = "fake", 16  # of LoRA layers; latents decoded at a time


class Layers(nn.Module):
    """The teacher's UNet with LoRA layers, float32, that have an effect only here."""

    def __init__(self, unet: Network, rank: int, draws: torch.Generator):
        super().__init__()
        named = adapters.fresh_layers(unet, rank, draws, ADAPTER, (*adapters.ATTENTION, *adapters.CONVOLUTIONS))
        self.layers = nn.ParameterDict({name.replace(".", "/"): p for name, p in named.items()})
        self._unet, self._switch = [unet], adapters.Switch(unet)  # in a list: no submodule, its weights are frozen

    def forward(self, *inputs: Tensor, **options: bool) -> tuple[Tensor]:
        with self._switch.on():
            out: tuple[Tensor] = self._unet[0](*inputs, **options)
        return out


class Latent(Denoiser):
    """A UNet over the latents of a VAE. words: the prompts, by number. guidance: of the teacher (classifier-free, arXiv
    2207.12598); 1 asks for no other branch. start: another timestep than its own, or 0. dtype: of the networks'
    products; what is trained stays float32."""

    def __init__(self, folder: Path, words: Sequence[str], given: TeacherConfig, guidance: float, start: int,
                 dtype: torch.dtype, device: torch.device):
        self.folder, self.variant, self.component = folder, given.variant, unet_name(given.use_ema)
        self.words, self.guidance, self.dtype, self.device = list(words), guidance, dtype, device
        found = fingerprint(files(folder, given.variant, given.use_ema))
        self.identity = hashlib.sha256("\n".join([found, *words]).encode()).hexdigest()
        plan = loading.scheduler(folder)
        self.schedule = NoiseSchedule(plan.alphas_cumprod.double().to(device))
        self.kind = plan.config.prediction_type
        last = self.schedule.timesteps - 1
        self.start = start or (round(EPS_START * last) if self.kind == "epsilon" else last)
        embedded = states(folder, [*words, ""], variant=given.variant, device=device, announce=say)
        self.embeddings, self.prompts = embedded.to(device, dtype), len(words)
        self._unet: Network = loading.model(folder, self.component, given.variant, torch.float32)  # stays on the CPU
        self._unet.eval().requires_grad_(False)
        if device.type == "cpu":
            loading.plain_attention(self._unet)
        with loading.quiet():  # of a cast that is meant
            self.teacher: nn.Module = copy.deepcopy(self._unet).to(device, dtype)
        self.vae = loading.model(folder, "vae", given.variant, torch.float32).to(device).eval().requires_grad_(False)
        self.vae.encoder = self.vae.quant_conv = None  # nothing is encoded
        size, channels = self._unet.config.sample_size, self._unet.config.in_channels
        height, width = (size, size) if isinstance(size, int) else size
        self.shape = (channels, height, width)

    def ask(self, network: nn.Module, noisy: Tensor, timestep: Tensor, prompt: Tensor) -> Tensor:
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            out: Tensor = network(noisy, timestep, self.embeddings[prompt], return_dict=False)[0]
        return out.float()

    def copy(self) -> nn.Module:
        made: nn.Module = copy.deepcopy(self._unet).to(self.device)
        return made.requires_grad_(True)

    def fake(self, rank: int, seed: int) -> nn.Module:
        return Layers(self.teacher, rank, generator(seed, "fake layers")) if rank else self.copy()

    @property
    def branches(self) -> int:
        return len(branches(self.guidance))

    def real(self, noisy: Tensor, timestep: Tensor, prompt: Tensor) -> Tensor:
        told = {"cond": prompt, "uncond": torch.full_like(prompt, self.prompts)}
        return guide({name: self.clean(self.teacher, noisy, timestep, told[name]) for name in branches(self.guidance)},
                     self.guidance)

    @torch.no_grad()
    def pictures(self, outputs: Tensor) -> Tensor:
        own = self.vae.config
        parts = [self.vae.decode(part / own.scaling_factor + (own.shift_factor or 0.0), return_dict=False)[0]
                 for part in outputs.to(self.device).split(DECODED)]
        return (torch.cat(parts) / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).cpu()
