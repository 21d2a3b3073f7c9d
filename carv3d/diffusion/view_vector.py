"""What a teacher can be told of a view beside words: camera, background and light, as one vector.

The bundled teacher's UNet takes it as ``class_labels`` (diffusers' ``class_embed_type: projection``). Each group starts
with a flag; a group of zeros means that nothing is said of it, as in training in a share of the images.
"""

from __future__ import annotations

import torch
from torch import Tensor

from carv3d.cameras import Cameras
from carv3d.diffusion.folder import VECTOR
from carv3d.lights import Light

HARMONICS = (1, 2, 4)
MIDDLE_DISTANCE, MIDDLE_FOVY_DEG = 2.65, 40.0
CAMERA, BACKGROUND, LIGHT = slice(0, 15), slice(15, 19), slice(19, 26)
GROUPS = {"camera": CAMERA, "background": BACKGROUND, "light": LIGHT}


def view_vector(cameras: Cameras, background: Tensor, light: Light | None = None) -> Tensor:
    """[B,VECTOR] float32 on the device of the cameras. background: [B,3] in [0,1]. light: None where not known."""
    azimuth, elevation = torch.deg2rad(cameras.azimuth_deg), torch.deg2rad(cameras.elevation_deg)
    out = torch.zeros(len(azimuth), VECTOR, device=azimuth.device)
    known = torch.ones_like(azimuth)
    waves = [wave(k * angle) for angle in (azimuth, elevation) for k in HARMONICS for wave in (torch.cos, torch.sin)]
    out[:, CAMERA] = torch.stack([known, *waves, (cameras.distance - MIDDLE_DISTANCE) / 0.25,
                                  (cameras.fovy_deg - MIDDLE_FOVY_DEG) / 3.0], -1)
    out[:, BACKGROUND] = torch.cat([known[:, None], 2.0 * background.to(out) - 1.0], -1)
    if light is not None:
        lit = (light.ambient < 1).to(out)
        flags = torch.stack([known, lit, light.plain.to(out), light.ambient.to(out)], -1)
        out[:, LIGHT] = torch.cat([flags, lit[:, None] * light.towards.to(out)], -1)
    return out
