"""A plain trainable image as a scene: the cheapest scene, for experiments on estimators."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from carv3d.cameras import Cameras, RenderOut
from carv3d.config.scenes import ImageConfig
from carv3d.config.traits import ImageTraits
from carv3d.runtime.types import Record
from carv3d.scenes.base import BACK, WHOLE, Scene


class Image(ImageTraits, Scene):
    """One image of size x size pixels, seen the same by every camera.

    logits: [1,3,S,S], the image is their sigmoid; they start as Gaussian noise of standard deviation ``options.std``,
    drawn from the generator.
    """

    def __init__(self, options: ImageConfig, *, device: torch.device | str = "cpu", generator: torch.Generator) -> None:
        super().__init__()
        if (size := options.size) < 1:
            raise ValueError(f"size must be at least 1, got {size}")
        self.logits = nn.Parameter((torch.randn(1, 3, size, size, generator=generator) * options.std).to(device))

    def render(self, cameras: Cameras, background: Tensor, generator: torch.Generator | None = None,
               part: slice = WHOLE) -> RenderOut:
        """The image, resized bilinearly to H x W, B times; opacity one, depth zero, background and jitter unused."""
        views, height, width = len(cameras[part]), cameras.height, cameras.width
        image = self.logits.sigmoid()
        if image.shape[-2:] != (height, width):
            image = F.interpolate(image, (height, width), mode="bilinear", antialias=True)
        self.work = BACK * 3 * height * width * 8.0  # each channel from four neighbours
        rgb = image.expand(views, -1, -1, -1).permute(0, 2, 3, 1)
        flat = rgb.new_zeros(views, height, width, 1)
        return RenderOut(rgb, flat + 1, flat)

    def parameter_groups(self, lr: dict[str, float]) -> list[Record]:
        """One group ``image`` with the rate lr["image"]."""
        return [{"name": "image", "params": [self.logits], "lr": lr["image"]}]
