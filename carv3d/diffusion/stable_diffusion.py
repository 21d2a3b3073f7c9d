"""Latent diffusion models in the Stable Diffusion format of diffusers as teachers: SD 1.5, SD 2.1, the bundled one.

The package's only file that imports diffusers or transformers. Components are loaded one by one: the text encoder lives
only while prompts are encoded that the cache does not hold, and the VAE's decoder is never kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from carv3d.cameras import Cameras
from carv3d.diffusion import view_vector
from carv3d.diffusion.folder import unet_name
from carv3d.diffusion.guidance import perp_neg
from carv3d.diffusion.loading import Network, model, scheduler
from carv3d.diffusion.schedule import NoiseSchedule
from carv3d.diffusion.teacher import Teacher
from carv3d.diffusion.text import encode_prompts
from carv3d.diffusion.view_vector import GROUPS, ViewEmbedding
from carv3d.lights import Light

Angles = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class TextCondition:
    """text: [B,L,D] embeddings, one per view. negatives: [B,M] Perp-Neg's weights, or None. shift: [B,D], what
    is told of each view beside words (``view_vector``), or None."""

    text: Tensor
    negatives: Tensor | None
    shift: Tensor | None = None


class StableDiffusionTeacher(Teacher):
    """A frozen UNet over VAE latents, with the embeddings of its prompts.

    embeddings: [V+1,L,D], one row per view word (one in all without view words) and last the empty or negative prompt.
    weights_of: (azimuth, elevation) in degrees, [B] each -> each word's share of a camera's prompt [B,V].
    negatives_of: the same -> weights [B,M] of the first M prompts as Perp-Neg's negatives, or None.
    view: the folder's embedding of views, if it has one; told: which groups of ``view_vector`` it is given.
    encode_dtype: of the VAE encoder's products; its weights and sums stay in float32, since a gradient passes through
    it (autocast). latent_shape follows the model.
    """

    def __init__(self, unet: Network, vae: Network, scheduler: Network, embeddings: Tensor, *, weights_of: Angles,
                 negatives_of: Angles | None = None, view: ViewEmbedding | None = None,
                 told: Collection[str] = tuple(GROUPS), encode_dtype: torch.dtype = torch.float32, description: str,
                 device: torch.device | str = "cpu"):
        self.device = torch.device(device)
        self.unet = unet.to(self.device).eval().requires_grad_(False)
        self.vae = vae.to(self.device).eval().requires_grad_(False)
        self.vae.decoder = self.vae.post_quant_conv = None  # nothing is decoded in training
        self.schedule = NoiseSchedule(scheduler.alphas_cumprod.double().to(self.device))
        self.prediction_type = scheduler.config.prediction_type
        self.embeddings = embeddings.to(self.device, unet.dtype)
        self.weights_of, self.negatives_of, self.description = weights_of, negatives_of, description
        self.encode_dtype, self.told = encode_dtype, told
        self.view = view.to(self.device) if view else None
        self._asked_about: Tensor | None = None
        if self.view:
            unet.time_embedding.register_forward_hook(self._add_view)
        size = unet.config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        self.latent_shape = (unet.config.in_channels, height, width)
        factor = 2 ** (len(vae.config.block_out_channels) - 1)
        self.image_size = (height * factor, width * factor)
        self._scale, self._shift = vae.config.scaling_factor, vae.config.shift_factor or 0.0

    def encode(self, rgb: Tensor) -> Tensor:
        """Resize to the model's own resolution, then the posterior mean, shifted and scaled as the UNet expects."""
        image = rgb.permute(0, 3, 1, 2)
        if image.shape[2:] != self.image_size:
            image = F.interpolate(image, self.image_size, mode="bilinear", antialias=True, align_corners=False)
        with torch.autocast(self.device.type, self.encode_dtype, enabled=self.encode_dtype != torch.float32):
            mean = self.vae.encode((2 * image - 1).to(self.vae.dtype)).latent_dist.mean
        return ((mean - self._shift) * self._scale).to(rgb.dtype)

    def condition(self, cameras: Cameras, background: Tensor, light: Light | None = None) -> TextCondition:
        """What the UNet reads for each of B views, and the vector of them if it is one that takes it."""
        azimuth, elevation = cameras.azimuth_deg, cameras.elevation_deg
        weights = self.weights_of(azimuth, elevation).to(self.device)
        words = self.embeddings[:-1]
        chosen = words[weights.argmax(1)]  # exactly a row where one word has all
        shared = torch.einsum("bv,vld->bld", weights, words.float()).to(words.dtype)
        text = torch.where((weights.amax(1) == 1.0)[:, None, None], chosen, shared)
        negatives = self.negatives_of(azimuth, elevation).to(self.device) if self.negatives_of else None
        return TextCondition(text, negatives, self._embedded(cameras, background, light))

    @torch.no_grad()
    def _embedded(self, cameras: Cameras, background: Tensor, light: Light | None) -> Tensor | None:
        """[B,D], from the groups in ``told``; None where the folder has no embedding of views."""
        if self.view is None:
            return None
        vector = view_vector.view_vector(cameras, background, light).to(self.device)
        for name, group in GROUPS.items():
            if name not in self.told:
                vector[:, group] = 0.0
        return self.view(vector)

    def evaluations(self, branches: tuple[str, ...]) -> int:
        """Rows that the UNet answers for a draw: one a branch; Perp-Neg needs the empty prompt's and the negatives'."""
        return len(self._asked(branches))

    def _asked(self, branches: tuple[str, ...]) -> tuple[str, ...]:
        if self.negatives_of is None or "cond" not in branches:
            return branches
        return ("uncond", "cond", "front", "side")

    def predict(self, noisy: Tensor, timestep: Tensor, condition: TextCondition, view: Tensor,
                branches: tuple[str, ...]) -> dict[str, Tensor]:
        """All branches in one batch; whatever the model predicts is returned as eps, in the dtype of ``noisy``."""
        fixed = {"uncond": -1, "front": 0, "side": 1}
        asked = self._asked(branches)
        text = torch.cat([condition.text[view] if name == "cond" else
                          self.embeddings[fixed[name]].expand(len(view), -1, -1) for name in asked])
        shift = None if condition.shift is None else condition.shift[view].repeat(len(asked), 1)
        out = self.ask(noisy.repeat(len(asked), *[1] * (noisy.ndim - 1)), timestep.repeat(len(asked)), text, shift)
        eps = {name: self.to_eps(noisy, part, timestep)
               for name, part in zip(asked, out.chunk(len(asked)), strict=True)}
        if asked != branches and condition.negatives is not None:
            eps["cond"] = perp_neg(eps["cond"], eps["uncond"], [eps["front"], eps["side"]], condition.negatives[view])
        return {name: eps[name] for name in branches}

    def ask(self, noisy: Tensor, timestep: Tensor, text: Tensor, shift: Tensor | None = None) -> Tensor:
        """The UNet's own prediction (noise, v or image) for rows of latents, embeddings of text and of views, in
        ``noisy``'s dtype."""
        self._asked_about = shift
        try:
            return self.unet(noisy.to(self.unet.dtype), timestep, text, return_dict=False)[0].to(noisy.dtype)
        finally:
            self._asked_about = None

    def _add_view(self, module: nn.Module, inputs: object, output: Tensor) -> Tensor | None:
        return None if self._asked_about is None else output + self._asked_about.to(output.dtype)

    def prepare(self) -> None:
        """Nothing is left to prepare: prompts are encoded on loading."""

    def to_eps(self, noisy: Tensor, out: Tensor, timestep: Tensor) -> Tensor:
        """The model's own prediction as noise."""
        return self.schedule.eps_said(self.prediction_type, noisy, out, timestep)

    def from_eps(self, noisy: Tensor, eps: Tensor, timestep: Tensor) -> Tensor:
        """Noise as what the model predicts; the inverse of ``to_eps``."""
        return self.schedule.said(self.prediction_type, noisy, eps, timestep)


def load(folder: Path, prompts: Sequence[str], *, weights_of: Angles, negatives_of: Angles | None = None,
         told: Collection[str] = tuple(GROUPS), negative: str = "", variant: str = "", use_ema: bool = False,
         dtype: torch.dtype = torch.float32, encode_dtype: torch.dtype = torch.float32,
         device: torch.device | str = "cpu", compiled: bool = False, checkpoint_encode: bool = False,
         announce: Callable[[str], None] = lambda line: None) -> StableDiffusionTeacher:
    """A teacher from a folder that ``weights.locate`` accepted.

    prompts: one per column of ``weights_of``; negative: the prompt of the unconditional branch; see
    ``StableDiffusionTeacher``. use_ema: the UNet in unet_ema. dtype: of the UNet. compiled: by torch.compile.
    checkpoint_encode: the encoder's activations are made again on the way back. UserError where the files do not fit.
    """
    embeddings = encode_prompts(folder, [*prompts, negative], variant=variant, device=device, announce=announce)
    unet, vae = model(folder, unet_name(use_ema), variant, dtype), model(folder, "vae", variant, torch.float32)
    if torch.device(device).type == "cuda":  # on a CPU it gains nothing
        unet, vae = (part.to(memory_format=torch.channels_last) for part in (unet, vae))
    if compiled:
        unet.compile()
    if checkpoint_encode:
        vae.enable_gradient_checkpointing()
    million = sum(p.numel() for p in unet.parameters()) / 1e6
    return StableDiffusionTeacher(
        unet, vae, scheduler(folder), embeddings, weights_of=weights_of, negatives_of=negatives_of,
        view=view_vector.load(folder, unet.time_embedding.linear_2.out_features), told=told,
        encode_dtype=encode_dtype, device=device,
        description=f"UNet of {million:.1f} M parameters in {str(dtype).removeprefix('torch.')}, {folder}")


