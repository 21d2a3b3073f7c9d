"""A teacher that knows the answer, and how far the bundled one is from it.

    python scripts/truth.py "a green mug" [...] [--views 512]
    cd scripts; python -m carv3d train teacher.type=truth:Truth teacher.options.latents=true prompt="a green mug"

What the bundled teacher is told of a view, the prompt, the camera, the background and the light, leaves one picture:
the toybox's own render. So the optimal denoiser is known: its mean is that picture, in the latents of the bundled VAE
or, with latents=false, in pixels. A scene trained by it with latents=true suffers from the VAE and the recipe alone;
with latents=false, from the recipe alone; what the bundled teacher does worse is its network's.

The first command asks the network for its estimate of the clean latents at all noise levels: Markdown on stdout, root
mean square errors over the standard deviation of the latents, by noise level, by the view's height and by its azimuth.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from dataclasses import dataclass

import torch
from torch import Tensor

from carv3d import config as configuration
from carv3d import teachers
from carv3d.cameras import Cameras
from carv3d.config import Config, option
from carv3d.diffusion.schedule import scaled_linear
from carv3d.diffusion.teacher import Teacher
from carv3d.lights import Light
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import say
from carv3d.runtime.threads import share_cores
from carv3d.text3d import views
from carv3d.toybox import grammar
from carv3d.toybox.grammar import Spec
from carv3d.toybox.tracer import render

LEVELS = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)  # noise levels, shares of the teacher's steps
HEIGHTS = {"low": (-15.0, 15.0), "level": (15.0, 35.0), "high": (35.0, 60.0), "overhead": (60.0, 90.0)}
SIDES = {"front": 0.0, "left": 90.0, "back": 180.0, "right": 270.0}


def truth(spec: Spec, cameras: Cameras, background: Tensor, light: Light | None) -> Tensor:
    """The toybox's renders [B,64,64,3] on background [B,3]."""
    cameras = dataclasses.replace(cameras, width=64, height=64)
    rgba = render([spec] * len(cameras), cameras.to("cpu"), light.to("cpu") if light else None).rgba
    return rgba[..., :3] + (1 - rgba[..., 3:]) * background.cpu()[:, None, None]


class Truth(Teacher):
    @dataclass
    class Options:
        latents: bool = option(True, "noise is in the latents of the bundled VAE; false: in the pixels, in [-1,1]")

    toybox = told_light = True
    description = "the toybox's own render of each view"

    @classmethod
    def settle(cls, config: Config) -> None:
        grammar.parse(config.prompt)

    def __init__(self, options: Options, *, config: Config, device: torch.device) -> None:
        self.spec, self.own = grammar.parse(config.prompt), None
        self.schedule, self.latent_shape = scaled_linear().to(device), (3, 64, 64)
        if options.latents:
            plain = dataclasses.replace(config.teacher, type="bundled")
            self.own = teachers.teacher(dataclasses.replace(config, teacher=plain))
            self.schedule, self.latent_shape = self.own.schedule, self.own.latent_shape

    def encode(self, rgb: Tensor) -> Tensor:
        if self.own:
            return self.own.encode(rgb)
        image = torch.nn.functional.interpolate(rgb.permute(0, 3, 1, 2), (64, 64), mode="bilinear", antialias=True)
        return 2 * image - 1

    @torch.no_grad()
    def condition(self, cameras: Cameras, background: Tensor, light: Light | None = None) -> Tensor:
        return self.encode(truth(self.spec, cameras, background, light).to(background))

    def predict(self, noisy: Tensor, timestep: Tensor, condition: Tensor, view: Tensor,
                branches: tuple[str, ...]) -> dict[str, Tensor]:
        alpha, sigma = self.schedule.alpha_sigma(timestep, noisy)
        return dict.fromkeys(branches, (noisy - alpha * condition[view]) / sigma)


@torch.no_grad()
def errors(prompt: str, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Squared errors [count,L] of the clean latents' estimates at LEVELS, over the latents' variance, and azimuths and
    elevations [count], degrees, of ``count`` views as in training."""
    config = configuration.load(None, [f"prompt={prompt}", "data.width=64", "data.height=64"])
    bundled, known = teachers.teacher(config), Truth(Truth.Options(), config=config, device=torch.device("cpu"))
    drawn = views.sample(config, 0, count, seed=0)
    noise, found = torch.Generator().manual_seed(0), []
    clean = known.condition(drawn.cameras, drawn.background, drawn.light)
    told = bundled.condition(drawn.cameras, drawn.background, drawn.light)
    for level in LEVELS:
        timestep = torch.full((count,), int(level * bundled.schedule.timesteps))
        alpha, sigma = bundled.schedule.alpha_sigma(timestep, clean)
        noisy = alpha * clean + sigma * torch.randn(clean.shape, generator=noise)
        rows = torch.arange(count).split(64)
        eps = torch.cat([bundled.predict(noisy[row], timestep[row], told, row, ("cond",))["cond"] for row in rows])
        found.append((((noisy - sigma * eps) / alpha - clean).square().mean((1, 2, 3)) / clean.var()))
    return torch.stack(found, 1), drawn.cameras.azimuth_deg % 360, drawn.cameras.elevation_deg


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prompts", nargs="+")
    parser.add_argument("--views", type=int, default=512)
    args = parser.parse_args()
    share_cores()
    print("| prompt | views | " + " | ".join(f"t {level:g}" for level in LEVELS) + " |")
    print("|---" * (len(LEVELS) + 2) + "|")
    try:
        for prompt in args.prompts:
            error, azimuth, elevation = errors(prompt, args.views)
            parts = {"all": torch.ones_like(azimuth, dtype=torch.bool)}
            parts |= {name: (elevation >= low) & (elevation < high) for name, (low, high) in HEIGHTS.items()}
            parts |= {name: ((azimuth - side + 180) % 360 - 180).abs() < 45 for name, side in SIDES.items()}
            for name, chosen in parts.items():
                cells = error[chosen].mean(0).sqrt().tolist()
                print(f"| {prompt} | {name} ({int(chosen.sum())}) | " + " | ".join(f"{x:.3f}" for x in cells) + " |")
    except UserError as fault:
        say(f"error: {fault}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
