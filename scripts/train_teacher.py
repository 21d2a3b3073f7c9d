"""Train a text-to-image teacher on the toybox and save it as a Stable-Diffusion-format folder.

usage: python scripts/train_teacher.py [--config configs/teacher/bundled.yaml] [--out outputs/teacher] [key=value ...]

Four stages, each kept in --out and never done twice: ``autoencoder`` (AutoencoderKL on random renders), ``latents``
(captioned renders, encoded once), ``denoiser`` (CLIP text encoder and UNet, trained together), ``export`` (fp16
safetensors in --out/teacher, loss curves in --out/loss.png). Run the same command again and an interrupted stage goes
on from its last checkpoint, bit for bit: all randomness is a function of the seed and the step. No caption shows a
held-out object.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import Tensor

from carv3d.cameras import Cameras
from carv3d.diffusion import linear_encoder
from carv3d.diffusion.loading import fastest_dtype
from carv3d.diffusion.prompts import VIEWS, view_index, view_prompt
from carv3d.diffusion.view_vector import BACKGROUND, CAMERA, LIGHT, WIDTH, taken_out, view_vector
from carv3d.lights import Light, light
from carv3d.runs import checkpoint
from carv3d.runtime import rng
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import write_text
from carv3d.runtime.progress import Progress, say
from carv3d.toybox import sets
from carv3d.toybox.grammar import BASES, COLOURS, KINDS, TOPS, Spec, caption
from carv3d.toybox.lists import held_out
from carv3d.toybox.sets import jittered
from carv3d.toybox.tracer import render

CHUNK = 512  # pictures rendered and encoded at a time


@dataclass
class Data:
    pictures: int = 294912  # captioned renders that the denoiser learns from
    autoencoder_pictures: int = 49152  # renders that the autoencoder learns from, composited anew at each use
    size: int = 64
    forms: list[float] = field(default_factory=lambda: [0.45, 0.25, 0.30])  # single objects, two colours, stacked
    elevations: list[list[float]] = field(  # probability, from, to (degrees)
        default_factory=lambda: [[0.8, -15.0, 60.0], [0.2, 60.0, 89.0]])
    distance: list[float] = field(default_factory=lambda: [2.3, 3.0])
    fovy: list[float] = field(default_factory=lambda: [36.0, 44.0])
    lights: list[float] = field(default_factory=lambda: [0.15, 0.35, 0.35, 0.15])  # see ``lit``
    light_elevation: list[float] = field(default_factory=lambda: [-10.0, 85.0])  # of a light that the vector names
    ambient: list[float] = field(default_factory=lambda: [0.1, 0.5])  # its share of light from everywhere
    without_view: float = 0.15  # captions without a view word
    with_height: float = 0.5  # of the others: the height named beside the azimuth
    plain_side: float = 0.25  # of the side views without a height: "side view", whichever side
    without_caption: float = 0.10  # empty captions, for classifier-free guidance
    without_camera: float = 0.15  # vectors that do not tell the camera
    without_background: float = 0.15  # vectors that do not tell the background


@dataclass
class Optimiser:
    steps: int = 0
    batch: int = 0
    lr: float = 1e-3
    warmup: int = 200
    cooldown: int = 1000  # last steps, in which the rate falls to zero
    clip: float = 1.0
    weight_decay: float = 0.01
    ema: float = 0.999
    checkpoint_every: int = 500


@dataclass
class Autoencoder:
    channels: list[int] = field(default_factory=lambda: [24, 48, 96])
    latent_channels: int = 4
    norm_groups: int = 8
    kl: float = 5e-4  # weight of the mean KL per latent number, beside the mean error per picture number
    train: Optimiser = field(default_factory=lambda: Optimiser(4000, 16, cooldown=1500))


@dataclass
class Denoiser:
    channels: list[int] = field(default_factory=lambda: [96, 128, 128])
    attention: list[bool] = field(default_factory=lambda: [False, True, False])
    heads: int = 4
    norm_groups: int = 16
    text_width: int = 128
    text_layers: int = 3
    text_length: int = 24
    prediction: str = "v_prediction"
    compile: bool = False  # by torch.compile
    train: Optimiser = field(default_factory=lambda: Optimiser(9000, 64, warmup=300, cooldown=2500))


@dataclass
class Settings:
    seed: int = 0
    device: str = "auto"
    data: Data = field(default_factory=Data)
    autoencoder: Autoencoder = field(default_factory=Autoencoder)
    denoiser: Denoiser = field(default_factory=Denoiser)


# ---------------------------------------------------------------------------------------------------------------- data


def draw_spec(draw: random.Random, forms: list[float]) -> Spec:
    """One object of the grammar that is not held out: its form first, then its kinds, then its colours, evenly."""
    while True:
        form = draw.choices(("single", "two", "stack"), forms)[0]
        colour, other = draw.choice(list(COLOURS)), draw.choice(list(COLOURS))
        if form == "stack":
            spec = Spec(draw.choice(TOPS), colour, under=Spec(draw.choice(BASES), other))
        else:
            spec = Spec(draw.choice(list(KINDS)), colour, other if form == "two" else None)
        if not held_out(spec):
            return spec


class Pictures(NamedTuple):
    """N renders: captions with a view word and without, premultiplied rgba [N,size,size,4], how each was seen and lit,
    and whether the vector tells the light, [N] bool."""

    viewed: list[str]
    plain: list[str]
    rgba: Tensor
    cameras: Cameras
    light: Light
    told: Tensor


def lit(data: Data, u: Tensor) -> tuple[Light, Tensor]:
    """N lights from uniform numbers [N,8], and whether the vector tells them: in the shares ``data.lights``, near the
    evaluation light (untold); none, so that albedo is seen; from anywhere; from anywhere on plain grey."""
    share = torch.tensor(data.lights).cumsum(0)
    kind = torch.bucketize(u[:, 0] * share[-1], share[:-1])
    near, told = jittered(u[:, 3:8]), kind > 0
    low, high = data.light_elevation
    ambient = data.ambient[0] + u[:, 3] * (data.ambient[1] - data.ambient[0])
    return light(
        torch.where(told, 360.0 * u[:, 1], near.azimuth_deg), torch.where(told, low + (high - low) * u[:, 2],
                                                                          near.elevation_deg),
        torch.where(told[:, None], 1.0, near.gain),
        torch.where(kind == 0, near.ambient, torch.where(kind == 1, 1.0, ambient)), kind == 3), told


def viewed_caption(data: Data, text: str, azimuth: Tensor, elevation: Tensor, draw: random.Random) -> str:
    """The caption with the name of its view: azimuth and height, the azimuth alone, or any side."""
    views = 24 if draw.random() < data.with_height else 8
    view = VIEWS[views][int(view_index(azimuth[None], elevation[None], views))]
    any_side = view.name.endswith("side") and views == 8 and draw.random() < data.plain_side
    return f"{text}, side view" if any_side else view_prompt(text, view)


def captioned(data: Data, count: int, seed: int) -> Iterator[Pictures]:
    """Chunks of captioned renders."""
    for first in range(0, count, CHUNK):
        n = min(CHUNK, count - first)
        generator, draw = rng.generator(seed, "renders", first), random.Random(f"{seed}/captions/{first}")
        u = torch.rand(n, 12, generator=generator)
        share = torch.tensor([row[0] for row in data.elevations])
        low, high = (torch.tensor([row[i] for row in data.elevations]) for i in (1, 2))
        band = torch.multinomial(share, n, True, generator=generator)
        between = lambda bounds, x: bounds[0] + x * (bounds[1] - bounds[0])  # noqa: E731
        azimuth, elevation = 360.0 * u[:, 0], low[band] + u[:, 1] * (high - low)[band]
        cameras = Cameras(azimuth, elevation, between(data.distance, u[:, 2]), between(data.fovy, u[:, 3]),
                          data.size, data.size)
        lights, told = lit(data, u[:, 4:])
        specs = [draw_spec(draw, data.forms) for _ in range(n)]
        plain = [caption(spec) for spec in specs]
        viewed = [viewed_caption(data, text, azimuth[i], elevation[i], draw) for i, text in enumerate(plain)]
        yield Pictures(viewed, plain, render(specs, cameras, lights).rgba, cameras, lights, told)


def backgrounds(count: int, generator: torch.Generator) -> Tensor:
    """[count,3]: seven in ten any colour, two in ten any grey, the rest black, mid-grey or white."""
    device = generator.device
    colour = torch.rand(count, 3, generator=generator, device=device)
    kind = torch.rand(count, 1, generator=generator, device=device)
    grey = torch.rand(count, 1, generator=generator, device=device)
    fixed = torch.randint(3, (count, 1), generator=generator, device=device) / 2
    return torch.where(kind < 0.7, colour, torch.where(kind < 0.9, grey, fixed).expand(-1, 3))


def composite(rgba: Tensor, background: Tensor) -> Tensor:
    """Premultiplied RGBA [N,H,W,4] on colours [N,3] -> [N,3,H,W] in [-1,1]."""
    rgb = rgba[..., :3] + background[:, None, None] * (1.0 - rgba[..., 3:])
    return rgb.permute(0, 3, 1, 2) * 2.0 - 1.0


def unfinished(rgba: Tensor, generator: torch.Generator) -> Tensor:
    """Half of the pictures made to look like scenes in training, which the encoder must take in its stride: fog,
    two objects blended, or half the resolution. [N,H,W,4] -> same."""
    n = len(rgba)
    kind = torch.rand(n, 1, 1, 1, generator=generator, device=rgba.device)
    strength = torch.rand(n, 1, 1, 1, generator=generator, device=rgba.device)
    blurred = F.interpolate(F.avg_pool2d(rgba.permute(0, 3, 1, 2), 2), scale_factor=2, mode="bilinear")
    out = torch.where(kind < 0.15, rgba * strength, rgba)
    out = torch.where((kind >= 0.15) & (kind < 0.3), torch.lerp(rgba, rgba.roll(1, 0), strength), out)
    return torch.where((kind >= 0.3) & (kind < 0.5), blurred.permute(0, 2, 3, 1), out)


# ------------------------------------------------------------------------------------------------------------ networks


def make_tokenizer(length: int):
    """A CLIPTokenizer whose byte-pair merges make one token of every word of the grammar and of the views.

    Ties between pairs are broken by their text: the same vocabulary every time, or token ids kept earlier would change
    their meaning.
    """
    from transformers import CLIPTokenizer

    words = set("a an with on top of view side ,".split()) | set(COLOURS) | set(KINDS)
    words |= {kind.part for kind in KINDS.values()} | {w for view in (*VIEWS[8], *VIEWS[24]) for w in view.name.split()}
    split = [[*word[:-1], f"{word[-1]}</w>"] for word in sorted(words)]
    merges: list[tuple[str, str]] = []
    while pairs := Counter(pair for parts in split for pair in pairwise(parts)):
        merges.append(min(pairs, key=lambda pair: (-pairs[pair], pair)))
        split = [_merged(parts, merges[-1]) for parts in split]
    characters = [chr(code) for code in range(33, 127)]  # any printable text can be tokenised
    tokens = ["<|startoftext|>", "<|endoftext|>", *characters, *(f"{c}</w>" for c in characters), *map("".join, merges)]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=length)


def _merged(parts: list[str], pair: tuple[str, str]) -> list[str]:
    out: list[str] = []
    for part in parts:
        if out and (out[-1], part) == pair:
            out[-1] += part
        else:
            out.append(part)
    return out


def make_autoencoder(settings: Settings):
    from diffusers import AutoencoderKL

    own = settings.autoencoder
    levels = len(own.channels)
    return AutoencoderKL(
        sample_size=settings.data.size, latent_channels=own.latent_channels, block_out_channels=own.channels,
        layers_per_block=1, norm_num_groups=own.norm_groups, down_block_types=["DownEncoderBlock2D"] * levels,
        up_block_types=["UpDecoderBlock2D"] * levels)


def make_text_encoder(settings: Settings, tokenizer):
    from transformers import CLIPTextConfig, CLIPTextModel

    own = settings.denoiser
    return CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=own.text_width, intermediate_size=4 * own.text_width,
        projection_dim=own.text_width, num_hidden_layers=own.text_layers, num_attention_heads=4,
        max_position_embeddings=own.text_length, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id))


def make_unet(settings: Settings):
    from diffusers import UNet2DConditionModel

    own, factor = settings.denoiser, 2 ** (len(settings.autoencoder.channels) - 1)
    blocks = ["CrossAttn" if attention else "" for attention in own.attention]
    return UNet2DConditionModel(
        sample_size=settings.data.size // factor, in_channels=settings.autoencoder.latent_channels,
        out_channels=settings.autoencoder.latent_channels, block_out_channels=own.channels, layers_per_block=1,
        down_block_types=[f"{b}DownBlock2D" for b in blocks], up_block_types=[f"{b}UpBlock2D" for b in blocks[::-1]],
        cross_attention_dim=own.text_width, attention_head_dim=own.heads, norm_num_groups=own.norm_groups,
        class_embed_type="projection", projection_class_embeddings_input_dim=WIDTH)


def make_scheduler(settings: Settings):
    """Stable Diffusion's own noise levels."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
                         set_alpha_to_one=False, steps_offset=1, prediction_type=settings.denoiser.prediction)


# ------------------------------------------------------------------------------------------------------------ training


def rate(own: Optimiser, step: int) -> float:
    """Learning rate: linear warm-up, constant, linear fall to zero."""
    return own.lr * min(1.0, (step + 1) / max(own.warmup, 1), (own.steps - step) / max(own.cooldown, 1))


def precision(device: torch.device) -> torch.autocast:
    """bfloat16 products on a GPU and on a CPU that has units for them; elsewhere they are many times slower."""
    fast = device.type == "cuda" or fastest_dtype(device) == torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


def optimise(name: str, folder: Path, own: Optimiser, model: torch.nn.Module, device: torch.device,
             loss_of: Callable[[int], tuple[Tensor, dict[str, Tensor]]], stop: int | None = None) -> dict[str, Tensor]:
    """AdamW on ``loss_of(step)`` from the newest checkpoint to ``own.steps``; returns the averaged weights (EMA).

    Appends a line to folder/loss.csv every 25 steps. stop: leave early, as an interruption would (for tests).
    """
    folder.mkdir(parents=True, exist_ok=True)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=own.lr, weight_decay=own.weight_decay, betas=(0.9, 0.99),
                                  fused=device.type == "cuda")
    average = {key: value.detach().clone() for key, value in model.state_dict().items()}
    first = 0
    if checkpoint.listing(folder / "ckpts"):
        state = checkpoint.load(checkpoint.newest(folder / "ckpts"), device)
        first = state["step"]
        model.load_state_dict(state["model"])
        average = state["average"]
        optimiser.load_state_dict(state["optimiser"])
    recent: list[dict[str, Tensor]] = []
    last, began = own.steps if stop is None else min(stop, own.steps), time.perf_counter()
    with Progress(name, own.steps, first, every_s=30) as progress:
        for step in range(first, last):
            for group in optimiser.param_groups:
                group["lr"] = rate(own, step)
            with precision(device):
                loss, shown = loss_of(step)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, own.clip)
            optimiser.step()
            decay = min(own.ema, (1 + step) / (10 + step))
            with torch.no_grad():
                weights = model.state_dict()
                torch._foreach_lerp_([average[k] for k in weights], list(weights.values()), 1.0 - decay)
            recent.append({"loss": loss.detach(), **shown})
            done = step + 1
            if done % 25 == 0 or done == last:
                mean = {key: torch.stack([row[key] for row in recent]).mean().item() for key in recent[0]}
                seconds = (time.perf_counter() - began) / len(recent)
                recent, began = [], time.perf_counter()
                log(folder / "loss.csv", {"step": done, **mean, "seconds": seconds})
                progress.to(done, **mean)
            if done % own.checkpoint_every == 0 or done == last:
                checkpoint.save(folder / "ckpts", done, {"model": model.state_dict(), "average": average,
                                                         "optimiser": optimiser.state_dict()}, keep=2)
    return average


def log(path: Path, row: dict[str, float]) -> None:
    """Append a row; rows of steps that a resumed run does again are dropped first."""
    rows = []
    if path.exists():
        with path.open(newline="") as file:
            rows = [old for old in csv.DictReader(file) if int(old["step"]) < row["step"]]
    rows.append({k: v if k == "step" else f"{v:.6g}" for k, v in row.items()})
    write_text(path, "\n".join([",".join(row), *(",".join(str(r[k]) for k in row) for r in rows)]) + "\n")


def train_autoencoder(settings: Settings, folder: Path, device: torch.device) -> Any:
    own, data = settings.autoencoder, settings.data
    torch.manual_seed(settings.seed)
    model = make_autoencoder(settings).to(device)
    if (folder / "weights.pt").exists():
        model.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
        return model
    say(f"autoencoder: rendering {data.autoencoder_pictures} pictures")
    pool = torch.cat([(made.rgba * 255).round().to(torch.uint8)
                      for made in captioned(data, data.autoencoder_pictures, settings.seed + 1)]).to(device)

    def loss_of(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        generator = rng.generator(settings.seed, "autoencoder", step, device)
        pick = torch.randint(len(pool), (own.train.batch,), generator=generator, device=device)
        rgba = pool[pick].float() / 255.0
        x = composite(unfinished(rgba, generator), backgrounds(len(rgba), generator))
        posterior = model.encode(x).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=generator, device=device)
        error = model.decode(posterior.mean + posterior.std * noise).sample.float() - x
        squared, divergence = error.square().mean(), posterior.kl().mean() / posterior.mean[0].numel()
        return error.abs().mean() + squared + own.kl * divergence, {
            "psnr": 10.0 * torch.log10(4.0 / squared.detach()), "std": posterior.std.detach().float().mean(),
            "spread": posterior.mean.detach().float().std()}

    average = optimise("autoencoder", folder, own.train, model, device, loss_of)
    model.load_state_dict(average)
    save(folder / "weights.pt", average)
    return model


@torch.no_grad()
def encode_latents(settings: Settings, path: Path, autoencoder: Any, tokenizer: Any, device: torch.device) -> dict:
    """Latents [N,4,16,16] (fp16, unit variance), their scale, the token ids of each caption and the vector [N,32] of
    each view (fp16, ``view_vector``)."""
    if path.exists():
        return torch.load(path, weights_only=True)
    autoencoder.eval().requires_grad_(False)
    latents, viewed_ids, plain_ids, vectors = [], [], [], []
    ids = lambda texts: torch.tensor(tokenizer(  # noqa: E731
        texts, padding="max_length", max_length=settings.denoiser.text_length)["input_ids"])
    with Progress("latents", settings.data.pictures) as progress:
        for made in captioned(settings.data, settings.data.pictures, settings.seed):
            colour = backgrounds(len(made.rgba), rng.generator(settings.seed, "backgrounds", len(latents)))
            with precision(device):
                mean = autoencoder.encode(composite(made.rgba, colour).to(device)).latent_dist.mean
            vector = view_vector(made.cameras, colour, made.light)
            vector[~made.told, LIGHT] = 0.0
            latents.append(mean.float().cpu())
            viewed_ids.append(ids(made.viewed))
            plain_ids.append(ids(made.plain))
            vectors.append(vector.half())
            progress.add(len(made.rgba))
    every = torch.cat(latents)
    scale = 1.0 / every.std().item()
    out = {"latents": (every * scale).half(), "viewed": torch.cat(viewed_ids), "plain": torch.cat(plain_ids),
           "vectors": torch.cat(vectors), "empty": ids([""])[0], "scale": torch.tensor(scale)}
    save(path, out)
    return out


def train_denoiser(settings: Settings, folder: Path, data: dict, tokenizer: Any, device: torch.device,
                   stop: int | None = None) -> torch.nn.ModuleDict:
    from diffusers.models.attention_processor import AttnProcessor

    own = settings.denoiser
    torch.manual_seed(settings.seed)
    text, unet = make_text_encoder(settings, tokenizer), make_unet(settings)
    model = torch.nn.ModuleDict({"text_encoder": text, "unet": unet}).to(device)
    if device.type == "cpu":
        unet.set_attn_processor(AttnProcessor())  # on a CPU the fused kernel's backward pass is several times slower
    abar = make_scheduler(settings).alphas_cumprod.to(device)
    data = {key: value.to(device) for key, value in data.items()}
    count, steps, own_data, n = len(data["latents"]), len(abar), settings.data, own.train.batch
    forward = torch.compile(unet) if own.compile else unet

    def loss_of(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        generator = rng.generator(settings.seed, "denoiser", step, device)
        rand = partial(torch.rand, generator=generator, device=device)
        pick = torch.randint(count, (n,), generator=generator, device=device)
        ids = torch.where(rand(n, 1) < own_data.without_view, data["plain"][pick], data["viewed"][pick])
        ids = torch.where(rand(n, 1) < own_data.without_caption, data["empty"], ids)
        vector = data["vectors"][pick].float()
        for group, share in ((CAMERA, own_data.without_camera), (BACKGROUND, own_data.without_background)):
            vector[:, group] *= rand(n, 1) >= share
        t = ((torch.randperm(n, generator=generator, device=device) + rand(n)) / n * steps).long().clamp(max=steps - 1)
        noise = torch.randn(n, *data["latents"].shape[1:], generator=generator, device=device)
        x = data["latents"][pick].float()
        signal, sigma = abar[t].sqrt().view(-1, 1, 1, 1), (1.0 - abar[t]).sqrt().view(-1, 1, 1, 1)
        target = noise if own.prediction == "epsilon" else signal * noise - sigma * x
        out = forward(signal * x + sigma * noise, t, text(input_ids=ids).last_hidden_state, class_labels=vector,
                      return_dict=False)[0].float()
        return (out - target).square().mean(), {}

    average = optimise("denoiser", folder, own.train, model, device, loss_of, stop)
    model.load_state_dict(average)
    return model


def save(path: Path, content: Any) -> None:
    temporary = path.with_name(f".{path.name}.part")
    torch.save(content, temporary)
    temporary.replace(path)


def export(settings: Settings, out: Path, autoencoder: Any, model: torch.nn.ModuleDict, tokenizer: Any,
           scale: float) -> None:
    """The Stable-Diffusion-format folder, fp16 safetensors, with the embedding of views as a component of its own."""
    from diffusers import StableDiffusionPipeline

    autoencoder.register_to_config(scaling_factor=scale)
    view = taken_out(model["unet"])
    pipeline = StableDiffusionPipeline(
        vae=autoencoder, text_encoder=model["text_encoder"], tokenizer=tokenizer, unet=model["unet"],
        scheduler=make_scheduler(settings), safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipeline.to(torch.float16).save_pretrained(out, safe_serialization=True)
    view.save(out)
    factor = 2 ** (len(settings.autoencoder.channels) - 1)
    pictures = (sets.unfinished_pictures(32, settings.data.size, seed) for seed in range(
        -(-linear_encoder.ROWS // (32 * (settings.data.size // factor) ** 2)) + 1))
    linear_encoder.fit(lambda image: autoencoder.encode(image.to(autoencoder.device, autoencoder.dtype)
                                                        ).latent_dist.mean.float().cpu() * scale, pictures
                       ).save(out / linear_encoder.FILE)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    say(f"saved {out}: {size / 1e6:.1f} MB")


def plot_curves(out: Path) -> None:
    """out/loss.png: what each stage logged, means over 25 steps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
    curves = (("autoencoder", "psnr", "reconstruction PSNR, dB"), ("denoiser", "loss", "error of the prediction"))
    for axis, (stage, column, label) in zip(axes, curves, strict=True):
        with (out / stage / "loss.csv").open(newline="") as file:
            rows = [(int(row["step"]), float(row[column])) for row in csv.DictReader(file)]
        axis.plot(*zip(*rows, strict=True), color="black", linewidth=0.8)
        axis.set(title=stage, xlabel="step", ylabel=label, yscale="log" if column == "loss" else "linear")
        axis.grid(alpha=0.3)
    figure.savefig(out / "loss.png", dpi=110)
    pyplot.close(figure)


def load_settings(file: Path, overrides: list[str]) -> Settings:
    """Defaults, then the YAML file, then key=value. UserError names an unknown key or a wrong value."""
    try:
        tree = OmegaConf.merge(OmegaConf.structured(Settings), OmegaConf.load(file), OmegaConf.from_dotlist(overrides))
        return OmegaConf.to_object(tree)
    except OSError as error:
        raise UserError(f"--config {file}: cannot be read ({error.strerror}); give the path of a YAML file") from None
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or "a key"
        raise UserError(f"{key}: {str(error).splitlines()[0]}; configs/teacher/bundled.yaml lists the keys") from None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=Path("configs/teacher/bundled.yaml"))
    parser.add_argument("--out", type=Path, default=Path("outputs/teacher"))
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    args = parser.parse_args()
    try:
        settings = load_settings(args.config, args.overrides)
        run(settings, args.out)
    except UserError as error:
        say(f"error: {error}")
        return 2
    return 0


def run(settings: Settings, out: Path) -> None:
    name = settings.device
    device = torch.device("cuda" if name == "auto" and torch.cuda.is_available() else "cpu" if name == "auto" else name)
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "settings.yaml", OmegaConf.to_yaml(settings))
    tokenizer = make_tokenizer(settings.denoiser.text_length)
    autoencoder = train_autoencoder(settings, out / "autoencoder", device)
    data = encode_latents(settings, out / "latents.pt", autoencoder, tokenizer, device)
    model = train_denoiser(settings, out / "denoiser", data, tokenizer, device)
    export(settings, out / "teacher", autoencoder, model, tokenizer, float(data["scale"]))
    plot_curves(out)


if __name__ == "__main__":
    sys.exit(main())
