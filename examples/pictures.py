"""A teacher of your own: your images around an object, with a score in closed form and no network.

    python -m carv3d train teacher.type=pictures:Pictures teacher.options.images=[front.png,back.png] prompt="my mug"

The images are of equally spaced azimuths, the first one of the front, the second towards the object's left side. Seen
from a camera, the data are a Gaussian around the image of the nearest azimuth, N(mu, s^2) at every pixel, so at noise
level t the law of z is N(alpha mu, alpha^2 s^2 + sigma^2) and eps_hat = sigma (z - alpha mu) / (alpha^2 s^2 + sigma^2).
Without a prompt ("uncond") the data are N(0, 1), and eps_hat = sigma z. Latents are the images themselves in [-1,1].
An image with transparency lies on the background that the camera was given. It knows no elevation and reads no prompt.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from carv3d.cameras import Cameras
from carv3d.config import Config, option
from carv3d.diffusion.schedule import scaled_linear
from carv3d.diffusion.teacher import Teacher
from carv3d.lights import Light
from carv3d.runtime.errors import UserError


class Pictures(Teacher):
    @dataclass
    class Options:
        images: list[str] = option([], "files, one for each of equally spaced azimuths, the front first")
        size: int = option(64, "side to which all images are brought, pixels", ge=8, le=1024)
        spread: float = option(0.1, "standard deviation of the data around an image, in [-1,1]", gt=0)

    description = "a Gaussian around each of your images"

    @classmethod
    def settle(cls, config: Config) -> None:
        """Before a run folder exists: UserError for files that are not there; paths become absolute."""
        files = config.teacher.options.images
        if not files or (missing := [name for name in files if not Path(name).is_file()]):
            raise UserError(f"teacher.options.images: {', '.join(missing) if files else 'none'} given; give files that "
                            "exist, as in [front.png,back.png]")
        config.teacher.options.images = [str(Path(name).absolute()) for name in files]

    def __init__(self, options: Options, *, config: Config, device: torch.device) -> None:
        self.schedule, self.latent_shape = scaled_linear().to(device), (3, options.size, options.size)
        self.spread = options.spread
        images = [Image.open(name).convert("RGBA").resize((options.size, options.size)) for name in options.images]
        pixels = torch.stack([torch.from_numpy(np.array(image)) for image in images]).permute(0, 3, 1, 2) / 255
        self.rgb, self.opacity = pixels[:, :3].to(device), pixels[:, 3:].to(device)  # [V,3,S,S] and [V,1,S,S]

    def encode(self, rgb: Tensor) -> Tensor:
        """Images [B,H,W,3] in [0,1] -> [B,3,S,S] in [-1,1], bilinear."""
        image = rgb.permute(0, 3, 1, 2)
        if image.shape[2:] != self.latent_shape[1:]:
            image = F.interpolate(image, self.latent_shape[1:], mode="bilinear", antialias=True)
        return 2 * image - 1

    def condition(self, cameras: Cameras, background: Tensor, light: Light | None = None) -> Tensor:
        """mu of B views [B,3,S,S]."""
        nearest = (cameras.azimuth_deg * len(self.rgb) / 360).round().long() % len(self.rgb)
        opacity = self.opacity[nearest]
        return 2 * (opacity * self.rgb[nearest] + (1 - opacity) * background[:, :, None, None]) - 1

    def predict(self, noisy: Tensor, timestep: Tensor, condition: Tensor, view: Tensor,
                branches: tuple[str, ...]) -> dict[str, Tensor]:
        alpha, sigma = self.schedule.alpha_sigma(timestep, noisy)
        variance = (alpha * self.spread).square() + sigma.square()
        eps = {"cond": sigma * (noisy - alpha * condition[view]) / variance, "uncond": sigma * noisy}
        return {name: eps[name] for name in branches}
