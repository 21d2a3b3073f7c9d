"""Latent diffusion models in the Stable Diffusion format of diffusers as teachers: SD 1.5, SD 2.1, the bundled one.

Components are loaded one by one: the text encoder lives only while prompts are encoded that the cache does not hold,
and the VAE's decoder is never kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from carv3d.cameras import Cameras
from carv3d.diffusion import joint_views, networks, pose, small_encoder, view_vector
from carv3d.diffusion.adapters import add_to_stable_diffusion
from carv3d.diffusion.diffusers_teacher import Angles, DiffusersTeacher, Levels, Text, TextCondition
from carv3d.diffusion.folder import as_object, unet_name, views_in
from carv3d.diffusion.loading import Network, model, scheduler, tile, vae_of
from carv3d.diffusion.quantize import quantize
from carv3d.diffusion.schedule import NoiseSchedule
from carv3d.diffusion.settings import Settings
from carv3d.diffusion.text import encode_prompts
from carv3d.diffusion.view_vector import GROUPS
from carv3d.diffusion.weights import POSE
from carv3d.lights import Light
from carv3d.runtime.errors import UserError


class StableDiffusionTeacher(DiffusersTeacher):
    """A frozen UNet over VAE latents, with the embeddings of its prompts.

    embeddings: [V+1,L,D]; see ``DiffusersTeacher``. latent_shape follows the model.
    """

    ENGINES: ClassVar[tuple[str, ...]] = ("numba", "openvino", "onnxruntime")

    def __init__(self, unet: Network, vae: Network, scheduler: Network, embeddings: Tensor, *, weights_of: Angles,
                 negatives_of: Angles | None = None, encode_dtype: torch.dtype = torch.float32, description: str,
                 device: torch.device | str = "cpu", offload: str = "none"):
        schedule = NoiseSchedule(scheduler.alphas_cumprod.double())
        levels = Levels(schedule, scheduler.config.prediction_type, torch.arange(schedule.timesteps))
        super().__init__(unet, vae, levels, {"states": embeddings}, weights_of=weights_of, negatives_of=negatives_of,
                         encode_dtype=encode_dtype, description=description, device=device, offload=offload)
        height, width = _sides(unet)
        self.latent_shape = (unet.config.in_channels, height, width)
        factor = 2 ** (len(vae.config.block_out_channels) - 1)
        self.image_size = (height * factor, width * factor)
        self._scale, self._shift = vae.config.scaling_factor, vae.config.shift_factor or 0.0

    def latents(self, image: Tensor) -> Tensor:
        if self.encoder is not None and not torch.is_grad_enabled():
            mean = self.encoder(image)
        else:
            mean = self.vae.encode(image.to(self.vae.dtype)).latent_dist.mean
        return (mean - self._shift) * self._scale

    def answer(self, noisy: Tensor, time: Tensor, text: Text) -> Tensor:
        out: Tensor = self.denoiser(noisy, time, text["states"], return_dict=False)[0]
        return out


class JointTeacher(StableDiffusionTeacher):
    """One that looks at several views together (``joint_views``), which no engine was seen to do."""

    ENGINES = ()


class PosedTeacher(StableDiffusionTeacher):
    """One of several views that find out together which way the object faces (``pose``), of which each is told; in the
    UNet they do not meet. Of one view, it finds out alone."""

    finder: pose.Pose

    @torch.no_grad()
    def beside_words(self, cameras: Cameras, background: Tensor, light: Light | None) -> Tensor | None:
        """The vectors themselves, [B,32]."""
        if self.view is None:
            return None
        vector = self.view.vector(cameras, background, light, self.groups)
        return view_vector.of_first(vector, self.views_per_item).to(self.device)

    def shift_of(self, noisy: Tensor, timestep: Tensor, condition: TextCondition, view: Tensor) -> Tensor | None:
        if self.view is None or condition.shift is None:
            return None
        time, states = timestep / self.schedule.timesteps, condition.text["states"][view].float()
        return self.view(self.finder.completed(noisy.float(), time, states, condition.shift[view], self.views_per_item))


def _sides(unet: Network) -> tuple[int, int]:
    """Latents of a picture, down and across."""
    size = unet.config.sample_size
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def load(folder: Path, prompts: Sequence[str], *, weights_of: Angles, negatives_of: Angles | None = None,
         told: Collection[str] = tuple(GROUPS), negative: str = "", settings: Settings = Settings(),
         own: bool = False, device: torch.device | str = "cpu", announce: Callable[[str], None] = lambda line: None
         ) -> StableDiffusionTeacher:
    """A teacher from a folder that ``weights.locate`` accepted.

    prompts: one per column of ``weights_of``; negative: the prompt of the unconditional branch; see
    ``StableDiffusionTeacher``. own: the bundled folder, and nothing will be put into its networks: carv3d's own ones,
    unless the settings ask for what they have not. UserError where the files do not fit.
    """
    embeddings = encode_prompts(folder, [*prompts, negative], variant=settings.variant, device=device,
                                additions=settings.additions, announce=announce)
    levels: Network
    if own and settings.plain:
        unet, vae, levels = networks.load(folder, settings.dtype)
    else:
        unet = model(folder, unet_name(settings.use_ema), settings.variant, settings.dtype)
        vae, levels = vae_of(folder, settings.vae, settings.variant), scheduler(folder)
    if settings.small:
        vae = small_encoder.load(folder, vae.config)
    add_to_stable_diffusion(unet, "unet", folder, settings.additions)
    if torch.device(device).type == "cuda":  # on a CPU it gains nothing
        unet, vae = (part.to(memory_format=torch.channels_last) for part in (unet, vae))
    if settings.compiled:
        unet.compile()
    if settings.checkpoint_encode:
        vae.enable_gradient_checkpointing()
    said = settings.of(unet)
    if settings.quantize != "none":
        quantize(unet, settings.quantize, torch.device(device))
    together = views_in(as_object(folder / "model_index.json", str(folder)))
    finder = pose.load(folder, (unet.config.in_channels, *_sides(unet)), embeddings.shape[-1])
    cls = PosedTeacher if finder is not None else JointTeacher if together > 1 else StableDiffusionTeacher
    made = cls(
        unet, vae, levels, embeddings, weights_of=weights_of, negatives_of=negatives_of,
        encode_dtype=settings.encode_dtype, device=device, offload=settings.offload,
        description=f"UNet of {said}, {folder}" + (f", {together} views together" if together > 1 else ""))
    made.views_per_item = together
    made.embed_views(view_vector.load(folder, made.time_width), told)
    if isinstance(made, PosedTeacher) and finder is not None:
        if made.view is None or made.view.by_matrix:
            raise UserError(f"teacher.path: {folder} has a {POSE}, but no embedding of views that could be told of it; "
                            "copy the whole folder again")
        made.finder = finder.to(made.device)
    elif together > 1:
        joint_views.join(unet, together)
    if settings.tile_encode:
        tile(vae, made.image_size)
    return made
