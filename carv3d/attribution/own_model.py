"""A world of the user's own: a diffusion model, the pictures that it was tuned on, and queries."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.func import functional_call

from carv3d.attribution import estimators, tune
from carv3d.attribution.cache import Cached
from carv3d.attribution.functional import BYTES, Functional, Model, Parameters, Samples, Sketches, at_once
from carv3d.attribution.gradients import Source
from carv3d.attribution.pictures import Item
from carv3d.attribution.world import Retrain, World
from carv3d.config.attribution import AttributeConfig
from carv3d.config.schema import TeacherConfig
from carv3d.diffusion import adapters, additions, loading, stable_diffusion
from carv3d.diffusion.folder import unet_name
from carv3d.diffusion.settings import Settings
from carv3d.diffusion.stable_diffusion import StableDiffusionTeacher
from carv3d.diffusion.weight_files import choose
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import make_folder
from carv3d.runtime.fingerprint import fingerprint
from carv3d.runtime.progress import Progress, say
from carv3d.runtime.rng import generator

Embed = Callable[[Tensor], Tensor]  # pictures [n,H,W,3] in [0,1] -> [n,d] of length 1
ADAPTER, SHOWN, AT_ONCE = "attributed", 96, 32  # of LoRA layers; side of what is shown; pictures encoded at a time


class Adapted(Model):
    """A teacher's UNet over some of its parameters. told: the text's embedding; views are not told of."""

    def __init__(self, teacher: StableDiffusionTeacher, parameters: dict[str, Tensor], identity: str):
        self.teacher, self.schedule, self.identity = teacher, teacher.schedule, identity
        self.parameters = {name: p.detach() for name, p in parameters.items()}
        loading.plain_attention(teacher.denoiser)
        pixels = teacher.latent_shape[1] * teacher.latent_shape[2]
        self.activations = 400 * pixels ** 2 + 200_000 * pixels  # SD 1.5: attention of 4,096 to 4,096 at full size

    def predict(self, parameters: Parameters, noisy: Tensor, timestep: Tensor, told: Tensor) -> Tensor:
        unet = self.teacher.denoiser
        out: Tensor = functional_call(unet, dict(parameters), (noisy.to(unet.dtype), timestep, told),
                                      {"return_dict": False})[0]
        return out.to(noisy.dtype)

    def wanted(self, noisy: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        return self.teacher.from_eps(noisy, noise, timestep)


def model(folder: Path, own: AttributeConfig, given: TeacherConfig, captions: Sequence[str], device: torch.device
          ) -> Adapted:
    """The model of ``folder`` with the LoRA layers of ``own.lora``, and the embeddings of ``captions`` in
    ``model.teacher.embeddings``. UserError where files do not fit."""
    dtype = loading.DTYPES.get(given.dtype, torch.float32)
    teacher = stable_diffusion.load(folder, captions, weights_of=no_views, device=device, announce=say,
                                    settings=Settings(given.variant, given.use_ema, dtype))
    weights = choose(folder, unet_name(given.use_ema), given.variant)
    sources = [(path.name, path) for path in weights.files]
    if own.lora:
        path = additions.located(own.lora, "attribute.lora")
        sources.append(("lora", path))
        layers, others = adapters.read_layers(teacher.denoiser, path, "attribute.lora", ADAPTER)
        parameters: dict[str, Tensor] = dict(layers)
        if others:
            say(f"warning: {others} tensors of {path.name} are a text encoder's and have no effect here: captions are "
                "read by the model's own text encoder")
    else:
        parameters = {name: p for name, p in teacher.denoiser.named_parameters()
                      if not own.parameters or any(part in name for part in own.parameters)}
        if not parameters:
            raise UserError(f"attribute.parameters: {', '.join(own.parameters)} given, in no name of a parameter; "
                            f"names are as {next(iter(dict(teacher.denoiser.named_parameters())))}")
    identity = hashlib.sha256(f"{fingerprint(sources)} {sorted(parameters)} {dtype}".encode()).hexdigest()
    return Adapted(teacher, parameters, identity)


def no_views(azimuth_deg: Tensor, elevation_deg: Tensor) -> Tensor:
    raise AssertionError("pictures have no cameras")


def world(title: str, folder: Path, own: AttributeConfig, given: TeacherConfig, seed: int, training: Sequence[Item],
          queries: Sequence[Item], cache: Path | None, device: torch.device, embed: Embed | None = None) -> World:
    """cache: where gradients are kept, if they are. embed: of CLIP, whose likeness is shown beside that of pixels."""
    captions = list(dict.fromkeys(item.caption for item in (*training, *queries)))
    made = model(folder, own, given, captions, device)
    told = made.teacher.embeddings["states"][:-1].float().cpu()
    numbers = {caption: number for number, caption in enumerate(captions)}
    small = min(SHOWN, *made.teacher.image_size)
    with Progress("pictures", len(training) + len(queries)) as bar:
        there, seen = (_encoded(made.teacher, items, small, embed, bar.add) for items in (training, queries))
    made.teacher.vae = None  # nothing more is encoded
    samples, asked = (Samples(each.latents, told, torch.tensor([numbers[item.caption] for item in items]))
                      for items, each in ((training, there), (queries, seen)))
    shown = {"training": there.shown, "queries": seen.shown}
    baselines = {"pixels": _likeness(seen.shown, there.shown)}
    if there.embedded is not None and seen.embedded is not None:
        baselines["clip"] = seen.embedded @ there.embedded.T

    _check_room(own, made, samples, asked, cache)

    def sources(config: AttributeConfig) -> tuple[Source, Source]:
        sketches = Sketches.of(made, config.sketch, seed)
        both = [Functional(made, each, config.output, sketches, config.chunk) for each in (asked, samples)]
        if cache is None:
            return both[0], both[1]
        make_folder(cache, "attribute.cache")
        return both[0], Cached(both[1], cache)

    def losses(members: Tensor, number: int, report: Callable[[int], None]) -> Tensor:
        start = fresh(made.parameters, generator(seed, "attribution: start", number))
        recipe = tune.Recipe(own.lds.steps, own.lds.batch, own.lds.lr)
        found = tune.trained(made, start, samples, members, recipe, number + 1, report)
        return torch.stack([tune.losses(made, {name: p[m] for name, p in found.items()}, asked)
                            for m in range(len(members))])

    return World(title, [item.name for item in training], [item.name for item in queries],
                 {"queries": slice(0, len(queries))}, tuple(samples.values.shape[1:]),
                 made.schedule.timesteps, baselines,
                 lambda which, number: shown[which][number].float() / 255, sources,
                 hashlib.sha256(f"{made.identity} {samples.digest()} {asked.digest()}".encode()).hexdigest(),
                 retrain=Retrain(losses, own.lds.steps, tune.together(own.lds.batch)))


def _check_room(own: AttributeConfig, made: Adapted, samples: Samples, asked: Samples, cache: Path | None) -> None:
    """Says what memory and disk it will take, beside the model; UserError where there is less."""
    wide, training, queries = own.sketch or made.length, len(samples), len(asked)
    memory = {"pictures and captions": samples.values.nbytes + samples.told.nbytes,
              "a chunk of gradients": (BYTES * made.length + made.activations) * at_once(made, own.chunk),
              "sketches": 12 * made.length * bool(own.sketch),
              "gradients of a block": 6 * wide * own.k * (queries + estimators.PICTURES),
              "mean gradients": 12 * wide * (queries + training),
              "the kernel": 16 * min(training, wide) ** 2,
              "scores": 4 * queries * training * len((*estimators.OF_DRAWS, *estimators.OF_MEANS)) * (own.sets + 2)}
    disk = 2 * wide * training * own.k * own.sets if cache else 0
    say(f"gradients of {made.length:,} numbers; about {sum(memory.values()) / 2**30:.1f} GiB of memory beside the model"
        + (f", {disk / 2**30:.1f} GiB of disk in {cache}" if cache else ""))
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if sum(memory.values()) > there:
        largest = max(memory, key=lambda name: memory[name])
        raise UserError(f"attribute: about {sum(memory.values()) / 2**30:.0f} GiB of memory are needed, most for "
                        f"{largest}, and this machine has {there / 2**30:.0f}; give a lower attribute.sketch, k or "
                        "chunk, or fewer parameters by attribute.parameters")
    if cache is not None:
        free = shutil.disk_usage(next(path for path in (cache, *cache.parents) if path.exists())).free
        if disk > free:
            raise UserError(f"attribute.cache: {disk / 2**30:.1f} GiB are needed in {cache}, where {free / 2**30:.1f} "
                            "are free; give another folder, a lower attribute.sketch, or attribute.cache=off")


def fresh(parameters: Parameters, draw: torch.Generator) -> dict[str, Tensor]:
    """LoRA layers as they are before training: without effect."""
    return {name: (torch.randn(p.shape, generator=draw).to(p.device) / p[0].numel() ** 0.5 if "lora_A" in name
                   else torch.zeros_like(p)) for name, p in parameters.items()}


@dataclass(frozen=True)
class Seen:
    """latents: [N,c,h,w], means of the encoder's posterior. shown: [N,s,s,3] uint8. embedded: [N,d] of length 1, or
    None."""

    latents: Tensor
    shown: Tensor
    embedded: Tensor | None


@torch.no_grad()
def _encoded(teacher: StableDiffusionTeacher, items: Sequence[Item], small: int, embed: Embed | None,
             report: Callable[[int], None]) -> Seen:
    latents, shown, embedded = [], [], []
    for start in range(0, len(items), AT_ONCE):
        rgb = torch.stack([item.load(teacher.image_size) for item in items[start:start + AT_ONCE]])
        latents.append(teacher.encode(rgb.to(teacher.device)).float().cpu())
        embedded += [embed(rgb).cpu()] if embed else []
        images = rgb.permute(0, 3, 1, 2)
        if images.shape[2:] != (small, small):
            images = torch.nn.functional.interpolate(images, (small, small), mode="bilinear", antialias=True,
                                                     align_corners=False)
        shown.append((images.permute(0, 2, 3, 1).clamp(0, 1) * 255).round().byte())
        report(len(rgb))
    return Seen(torch.cat(latents), torch.cat(shown), torch.cat(embedded) if embed else None)


def _likeness(queries: Tensor, training: Tensor) -> Tensor:
    """Minus the mean squared distance of pictures [Q,h,w,3] and [N,h,w,3] uint8, [Q,N]."""
    flat = queries.flatten(1).float() / 255
    parts = [torch.cdist(flat, part.flatten(1).float() / 255).square() for part in training.split(256)]
    return -torch.cat(parts, 1) / flat.shape[1]
