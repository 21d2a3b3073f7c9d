"""Distil a small encoder from the VAE's of a teacher that was trained on the toybox (``diffusion.small_encoder``).

usage: python scripts/train_encoder.py [--teacher carv3d/bundled] [--out outputs/encoder] [key=value ...]

It learns the latents of pictures as scenes in training look: objects, fog, two at once (``sets.unfinished_pictures``),
some in grey, some rendered at half the size; what an object is called plays no part. Two stages, each kept in --out and
never done twice: ``pictures``, with their latents, and ``encoder``. Run the same command again and it goes on from the
last checkpoint, bit for bit. The last lines say how much of the latents' variance it explains on pictures that it did
not see, and which file goes beside the VAE.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from teacher_loop import Optimiser, optimise, save
from torch import Tensor

from carv3d.diffusion import networks, small_encoder
from carv3d.diffusion.small_encoder import Shape, SmallEncoder
from carv3d.runtime import rng
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import write_bytes
from carv3d.runtime.progress import Progress, say
from carv3d.toybox import sets

CHUNK = 64  # pictures rendered and encoded at a time


@dataclass
class Settings:
    seed: int = 0
    pictures: int = 19200
    held: int = 512  # pictures that are not learnt from, besides
    grey: float = 0.3  # share of pictures without colour
    low: float = 0.35  # share of pictures rendered at half the size, as the first steps of a run are
    wide: int = 32
    deep: int = 48
    train: Optimiser = field(default_factory=lambda: Optimiser(
        15000, 32, 2e-3, cooldown=12000, weight_decay=1e-4, ema=0.998))


def drawn(settings: Settings, seed: int, size: int) -> Tensor:
    """CHUNK pictures [CHUNK,3,size,size] in [-1,1]."""
    made = sets.unfinished_pictures(CHUNK, size, seed)
    grey, low = torch.rand(2, CHUNK, 1, 1, 1, generator=rng.generator(seed, "kinds"))
    half = F.interpolate(made, scale_factor=0.5, mode="bilinear", antialias=True, align_corners=False)
    half = F.interpolate(half, (size, size), mode="bilinear", antialias=True, align_corners=False)
    made = torch.where(low < settings.low, half, made)
    return torch.where(grey < settings.grey, made.mean(1, keepdim=True), made)


@torch.no_grad()
def encoded(settings: Settings, path: Path, vae: Any, size: int) -> dict[str, Tensor]:
    """pictures: uint8 [N,3,size,size]; means [N,c,h,w]: of their latents."""
    if path.exists():
        found: dict[str, Tensor] = torch.load(path, weights_only=True)
        return found
    pictures, means, total = [], [], settings.pictures + settings.held
    with Progress("pictures", total) as progress:
        for number in range(-(-total // CHUNK)):
            made = ((drawn(settings, settings.seed + 10_000 + number, size) + 1) * 127.5).round().to(torch.uint8)
            pictures.append(made)
            means.append(vae.encode(_image(made)).latent_dist.mean)
            progress.add(CHUNK)
    found = {"pictures": torch.cat(pictures)[:total], "means": torch.cat(means)[:total]}
    save(path, found)
    return found


def _image(pictures: Tensor) -> Tensor:
    return pictures.float() / 127.5 - 1


def run(settings: Settings, teacher: Path, out: Path, stop: int | None = None) -> Path:
    """Both stages; the file with the weights, float16."""
    from safetensors.torch import save as packed

    out.mkdir(parents=True, exist_ok=True)
    unet, vae, _ = networks.load(teacher, torch.float32)
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    data = encoded(settings, out / "pictures.pt", vae, unet.config.sample_size * factor)
    held, variance = settings.held, data["means"].var(0, correction=0).mean()
    torch.manual_seed(settings.seed)
    model = SmallEncoder(Shape(data["means"].shape[1], factor, settings.wide, settings.deep))
    for last in (model.before.second, model.after.second, *(each.second for each in model.below), model.out):
        torch.nn.init.zeros_(last.weight)  # it begins as the linear function alone
    say(f"encoder: {sum(p.numel() for p in model.parameters())} parameters")

    def loss_of(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        generator = rng.generator(settings.seed, "encoder", step)
        pick = held + torch.randint(settings.pictures, (settings.train.batch,), generator=generator)
        error = model(_image(data["pictures"][pick])).float() - data["means"][pick]
        return error.square().mean() / variance, {}

    average = optimise("encoder", out / "encoder", settings.train, model, torch.device("cpu"), loss_of, stop)
    half = {name: value.half() for name, value in average.items()}
    model.load_state_dict({name: value.float() for name, value in half.items()})
    with torch.no_grad():
        parts = zip(data["pictures"][:held].split(CHUNK), data["means"][:held].split(CHUNK), strict=True)
        error = torch.cat([(model(_image(x)) - mean).square().mean((1, 2, 3)) for x, mean in parts]) / variance
    say(f"of {held} pictures that it did not see it explains {100 * (1 - error.mean()):.3f} % of the latents' "
        f"variance; of the worst one {100 * (1 - error.max()):.2f} %")
    path = out / Path(small_encoder.FILE).name
    write_bytes(path, packed(half))
    say(f"saved {path}; it goes to {small_encoder.FILE} in the teacher's folder")
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teacher", type=Path, default=Path(__file__).parents[1] / "carv3d" / "bundled")
    parser.add_argument("--out", type=Path, default=Path("outputs/encoder"))
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    given = parser.parse_args()
    try:
        tree = OmegaConf.merge(OmegaConf.structured(Settings), OmegaConf.from_dotlist(given.overrides))
        run(OmegaConf.to_object(tree), given.teacher, given.out)
    except OmegaConfBaseException as error:
        print(f"train_encoder.py: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    except UserError as error:
        print(f"train_encoder.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
