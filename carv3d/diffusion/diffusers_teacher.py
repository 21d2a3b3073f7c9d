"""Text-to-image models in the folders of diffusers as teachers: what all families have in common.

A family's class (``families``) says how its network is told a prompt, shown an image and asked; the branches of
guidance, view words and their blends, Perp-Neg and the conversion to noise are here.
"""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from carv3d.cameras import Cameras
from carv3d.diffusion.guidance import perp_neg
from carv3d.diffusion.linear_encoder import LinearEncoder
from carv3d.diffusion.loading import Network
from carv3d.diffusion.offload import Turns, by_layers
from carv3d.diffusion.schedule import NoiseSchedule
from carv3d.diffusion.teacher import Teacher
from carv3d.diffusion.view_vector import GROUPS, ViewEmbedding
from carv3d.lights import Light

Angles = Callable[[Tensor, Tensor], Tensor]
Text: TypeAlias = Mapping[str, Tensor]  # what a network is told of prompts, by name, one row a prompt
Ask: TypeAlias = Callable[[Tensor, Tensor, Text, Tensor | None], Tensor]  # as DiffusersTeacher.respond


def rows(text: Text, index: Tensor) -> dict[str, Tensor]:
    """Some prompts, by number."""
    return {name: value[index] for name, value in text.items()}


@dataclass(frozen=True)
class TextCondition:
    """text: one row per view. negatives: [B,M] Perp-Neg's weights, or None. shift: [B,...], what is told of each view
    beside words (``DiffusersTeacher.beside_words``), or None."""

    text: Text
    negatives: Tensor | None
    shift: Tensor | None = None


@dataclass(frozen=True)
class Levels:
    """The noise levels of a model. kind: what it predicts (``NoiseSchedule.said``). times: [T], what it is told of
    each timestep."""

    schedule: NoiseSchedule
    kind: str
    times: Tensor


class DiffusersTeacher(Teacher):
    """A frozen network over latents, with what it is told of its prompts.

    embeddings: V+1 rows, one per view word (one in all without view words) and last the empty or negative prompt.
    weights_of: (azimuth, elevation) in degrees, [B] each -> each word's share of a camera's prompt [B,V].
    negatives_of: the same -> weights [B,M] of the first M prompts as Perp-Neg's negatives, or None.
    image_size: height and width that are encoded. encode_dtype: of the VAE encoder's products; its weights and sums
    stay in float32, since a gradient passes through it (autocast). offload: none; model, denoiser and VAE take turns on
    the device; layers, the denoiser's blocks do.
    """

    ENGINES: ClassVar[tuple[str, ...]] = ()  # those of ``engines`` that were seen to answer as torch does
    image_size: tuple[int, int]
    stand_in: LinearEncoder | None = None  # on the way back through the encoder; None: the encoder itself
    engine: Ask | None = None  # what answers ``predict`` where no gradient is recorded (``engines``); None: torch
    encoder: Callable[[Tensor], Tensor] | None = None  # what encodes images there, as ``latents``' VAE would; likewise
    view: ViewEmbedding | None = None  # what tells the network of views beside words, if it learned that
    groups: Collection[str] = tuple(GROUPS)  # which of ``view_vector`` it is told

    def __init__(self, denoiser: Network, vae: Network | None, levels: Levels, embeddings: Text, *, weights_of: Angles,
                 negatives_of: Angles | None = None, encode_dtype: torch.dtype = torch.float32, description: str,
                 device: torch.device | str = "cpu", offload: str = "none"):
        self.device = torch.device(device)
        self.denoiser = (denoiser if offload == "layers" else denoiser.to(self.device)).eval().requires_grad_(False)
        self.vae: Network = None if vae is None else vae.to(self.device).eval().requires_grad_(False)
        for part in ("decoder", "post_quant_conv"):  # nothing is decoded in training
            if getattr(self.vae, part, None) is not None:
                setattr(self.vae, part, None)
        self.schedule, self.prediction_type = levels.schedule.to(self.device), levels.kind
        self.times = levels.times.to(self.device)
        self.embeddings = {name: self._held(value) for name, value in embeddings.items()}
        self.weights_of, self.negatives_of, self.description = weights_of, negatives_of, description
        self.encode_dtype = encode_dtype
        self.turns: Turns | None = None
        if offload == "model":
            self.turns = Turns({"denoiser": self.denoiser, "vae": self.vae}, "denoiser", self.device)
            self.turns.before("denoiser", self.denoiser)
        elif offload == "layers":
            by_layers(self.denoiser, self.device)

    def _held(self, value: Tensor) -> Tensor:
        return value.to(self.device, self.denoiser.dtype if value.is_floating_point() else None)

    # --- what a family says ---

    @abstractmethod
    def latents(self, image: Tensor) -> Tensor:
        """Images [B,3,H,W] in [-1,1] -> latents as the network expects them."""

    @abstractmethod
    def answer(self, noisy: Tensor, time: Tensor, text: Text) -> Tensor:
        """The network's prediction [n,c,h,w] for rows of latents as it sees them, in its own precision, at ``time``
        [n] (of ``times``)."""

    @property
    def time_embedding(self) -> nn.Module:
        """The module whose answer [n,D] tells the network the time; what else is told of a view can be added to it."""
        found: nn.Module = self.denoiser.time_embedding
        return found

    # --- what follows ---

    def encode(self, rgb: Tensor) -> Tensor:
        """Resize to the model's own resolution, then the posterior mean, shifted and scaled as the network expects."""
        image = rgb.permute(0, 3, 1, 2)
        if image.shape[2:] != self.image_size:
            image = F.interpolate(image, self.image_size, mode="bilinear", antialias=True, align_corners=False)
        if self.turns:
            self.turns.take("vae")
        half, image = self.encode_dtype != torch.float32, 2 * image - 1
        with torch.autocast(self.device.type, self.encode_dtype) if half else contextlib.nullcontext():
            if self.stand_in is None:
                found = self.latents(image)
            else:
                with torch.no_grad():
                    found = self.latents(image)
                found = self.stand_in.carried(found.to(image.dtype), image)
        return self.turns.returning("vae", found.to(rgb.dtype)) if self.turns else found.to(rgb.dtype)

    def condition(self, cameras: Cameras, background: Tensor, light: Light | None = None) -> TextCondition:
        """What the network reads for each of B views, and the vector of them if it is one that takes it."""
        azimuth, elevation = cameras.azimuth_deg, cameras.elevation_deg
        weights = self.weights_of(azimuth, elevation).to(self.device)
        text = {name: _blended(value[:-1], weights) for name, value in self.embeddings.items()}
        negatives = self.negatives_of(azimuth, elevation).to(self.device) if self.negatives_of else None
        return TextCondition(text, negatives, self.beside_words(cameras, background, light))

    def embed_views(self, view: ViewEmbedding | None, groups: Collection[str]) -> None:
        """Take the embedding of views that a folder has, if it has one."""
        self.view, self.groups = view.to(self.device) if view else None, groups
        self._asked_about: Tensor | None = None
        if view:
            self.time_embedding.register_forward_hook(self._add_view)

    @torch.no_grad()
    def beside_words(self, cameras: Cameras, background: Tensor, light: Light | None) -> Tensor | None:
        """What is told of each view beside words, from ``groups``: [B,D], what it adds to ``time_embedding``, or what
        ``shift_of`` makes that of. None without an embedding."""
        if self.view is None:
            return None
        vector = self.view.vector(cameras, background, light, self.groups, self.views_per_item)
        return self.view(vector.to(self.device))

    def shift_of(self, noisy: Tensor, timestep: Tensor, condition: TextCondition, view: Tensor) -> Tensor | None:
        """[n,D], what is added to ``time_embedding`` for rows of these views; None for nothing."""
        return None if condition.shift is None else condition.shift[view]

    def evaluations(self, branches: tuple[str, ...]) -> int:
        """One a branch for each view; Perp-Neg needs the empty prompt's and the negatives'."""
        return len(self._asked(branches)) * self.views_per_item

    def _asked(self, branches: tuple[str, ...]) -> tuple[str, ...]:
        if self.negatives_of is None or "cond" not in branches:
            return branches
        return ("uncond", "cond", "front", "side")

    def predict(self, noisy: Tensor, timestep: Tensor, condition: TextCondition, view: Tensor,
                branches: tuple[str, ...]) -> dict[str, Tensor]:
        """All branches in one batch; whatever the model predicts is returned as eps, in the dtype of ``noisy``."""
        fixed = {"uncond": -1, "front": 0, "side": 1}
        asked, count = self._asked(branches), len(view)
        told = [rows(condition.text, view) if name == "cond" else
                {key: value[fixed[name]].expand(count, *value.shape[1:]) for key, value in self.embeddings.items()}
                for name in asked]
        text = {key: torch.cat([each[key] for each in told]) for key in told[0]}
        shift = self.shift_of(noisy, timestep, condition, view)
        shift = None if shift is None else shift.repeat(len(asked), 1)
        repeated = noisy.repeat(len(asked), *[1] * (noisy.ndim - 1)), timestep.repeat(len(asked))
        if self.engine is not None and not torch.is_grad_enabled():
            out = self.engine(*self._seen(*repeated), text, shift).to(noisy.dtype)
        else:
            out = self.ask(*repeated, text, shift)
        eps = {name: self.to_eps(noisy, part, timestep)
               for name, part in zip(asked, out.chunk(len(asked)), strict=True)}
        if asked != branches and condition.negatives is not None:
            eps["cond"] = perp_neg(eps["cond"], eps["uncond"], [eps["front"], eps["side"]], condition.negatives[view])
        return {name: eps[name] for name in branches}

    def ask(self, noisy: Tensor, timestep: Tensor, text: Text, shift: Tensor | None = None) -> Tensor:
        """The network's own prediction (noise, v, image or flow) for rows of latents, of text and of what is told
        beside words, in ``noisy``'s dtype. Always by torch's modules, so that hooks and gradients have their way."""
        return self.respond(*self._seen(noisy, timestep), text, shift).to(noisy.dtype)

    @contextlib.contextmanager
    def by_modules(self) -> Iterator[None]:
        engine, self.engine = self.engine, None
        try:
            yield
        finally:
            self.engine = engine

    def respond(self, seen: Tensor, time: Tensor, text: Text, shift: Tensor | None) -> Tensor:
        """``answer``, with what is told beside words."""
        if self.view is None:
            return self.answer(seen, time, text)
        self._asked_about = shift
        try:
            return self.answer(seen, time, text)
        finally:
            self._asked_about = None

    def _add_view(self, module: nn.Module, inputs: object, output: Tensor) -> Tensor | None:
        return None if self._asked_about is None else output + self._asked_about.to(output.dtype)

    def _seen(self, noisy: Tensor, timestep: Tensor) -> tuple[Tensor, Tensor]:
        """Latents and times as the network sees them."""
        seen = self.schedule.straight(noisy, timestep) if self.prediction_type == "flow" else noisy
        return seen.to(self.denoiser.dtype), self.times[timestep]

    @property
    def tells_views(self) -> bool:
        """Whether the network is told of views beside words."""
        return self.view is not None

    @property
    def time_width(self) -> int:
        """D of ``time_embedding``."""
        return [m.out_features for m in self.time_embedding.modules() if isinstance(m, nn.Linear)][-1]

    def prepare(self) -> None:
        """Nothing is left to prepare: prompts are encoded on loading."""

    def to_eps(self, noisy: Tensor, out: Tensor, timestep: Tensor) -> Tensor:
        """The model's own prediction as noise."""
        return self.schedule.eps_said(self.prediction_type, noisy, out, timestep)

    def from_eps(self, noisy: Tensor, eps: Tensor, timestep: Tensor) -> Tensor:
        """Noise as what the model predicts; the inverse of ``to_eps``."""
        return self.schedule.said(self.prediction_type, noisy, eps, timestep)


def _blended(words: Tensor, weights: Tensor) -> Tensor:
    """Rows of ``words`` [V,...] by their shares [B,V]; exactly a row where one word has all. Of a mask: whatever any of
    the words that have a share has."""
    chosen = words[weights.argmax(1)]
    if not words.is_floating_point():
        share = (weights > 0).reshape(*weights.shape, *[1] * (words.ndim - 1))
        return (share * words[None]).amax(1).to(words.dtype)
    shared = torch.einsum("bv,v...->b...", weights, words.float()).to(words.dtype)
    return torch.where((weights.amax(1) == 1.0).reshape(-1, *[1] * (words.ndim - 1)), chosen, shared)
