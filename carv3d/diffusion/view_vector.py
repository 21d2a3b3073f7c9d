"""What a teacher can be told of a view beside words: camera, background and light, as one vector.

A folder in the Stable Diffusion format may hold one component more, ``view``: a small network from the vector to what
is added to the UNet's timestep embedding. Each group of the vector starts with a flag; a group of zeros means that
nothing is said of it, as in training in a share of the images. What a vector of zeros adds is part of the UNet itself
(the bias behind its timestep embedding), so that plain diffusers, which knows no ``view``, runs the folder as a model
of text.

MVDream (arXiv 2308.16512) is told the camera's matrix instead, 16 numbers: an embedding that takes so many reads
``camera_matrix``.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import torch
from torch import Tensor, nn

from carv3d.cameras import Cameras
from carv3d.diffusion.loading import Network, check_finite, one_line
from carv3d.lights import Light

HARMONICS = (1, 2, 4)
MIDDLE_DISTANCE, MIDDLE_FOVY_DEG = 2.65, 40.0
CAMERA, BACKGROUND, LIGHT = slice(0, 15), slice(15, 19), slice(19, 26)
AZIMUTH, TOWARDS = slice(1, 7), slice(23, 25)  # of the camera's its azimuth, of the light's its horizontal direction
TURN = slice(26, 32)  # of what looks at several views together: azimuths from that of the first
GROUPS = {"camera": CAMERA, "background": BACKGROUND, "light": LIGHT}
WIDTH = 32  # of the vector
MATRIX = 16  # numbers of a camera's matrix
COMPONENT, WEIGHTS = "view", "model.safetensors"


def view_vector(cameras: Cameras, background: Tensor, light: Light | None = None) -> Tensor:
    """[B,32] float32 on the device of the cameras. background: [B,3] in [0,1]. light: None where not known."""
    azimuth, elevation = torch.deg2rad(cameras.azimuth_deg), torch.deg2rad(cameras.elevation_deg)
    out = torch.zeros(len(azimuth), WIDTH, device=azimuth.device)
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


def of_first(vector: Tensor, views: int) -> Tensor:
    """What is told, [n,32], of views that are looked at together, ``views`` in a row: instead of azimuths those from
    the first of them, at places of their own, and the light's direction likewise, so that nothing says which way an
    object faces. Where the camera is not told, no azimuth is."""
    waves = vector[:, AZIMUTH].unflatten(1, (-1, 2))
    first = waves[::views].repeat_interleave(views, 0) * waves.new_tensor([1.0, -1.0])  # turned back by it
    out = vector.clone()
    out[:, AZIMUTH] = 0.0
    out[:, TURN] = turned(waves, first).flatten(1)
    out[:, TOWARDS] = turned(vector[:, None, TOWARDS], first[:, :1])[:, 0]
    return out


def turned(waves: Tensor, by: Tensor) -> Tensor:
    """(cos, sin) [...,2] of the sum of two angles; or vectors of the plane, turned."""
    (c, s), (d, t) = waves.unbind(-1), by.unbind(-1)
    return torch.stack([c * d - s * t, s * d + c * t], -1)


def camera_matrix(cameras: Cameras) -> Tensor:
    """[B,16]: the rows of ``Cameras.c2w`` with its position on the unit sphere, as MVDream's normalize_camera has it in
    the same axes (z up, azimuth 0 along +x, OpenGL's camera)."""
    matrix = cameras.c2w.clone()
    matrix[:, :3, 3] /= matrix[:, :3, 3].norm(dim=1, keepdim=True) + 1e-8
    return matrix.flatten(1)


class ViewEmbedding(nn.Module):
    """From vectors [n,inputs] to what they add to the UNet's timestep embedding, [n,D], over what zeros add."""

    def __init__(self, width: int, inputs: int = WIDTH) -> None:
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(inputs, width), nn.Linear(width, width)

    @property
    def by_matrix(self) -> bool:
        """Whether it reads the camera's matrix."""
        return self.linear_1.in_features == MATRIX

    def vector(self, cameras: Cameras, background: Tensor, light: Light | None, groups: Collection[str],
               together: int = 1) -> Tensor:
        """What it reads of B views, on the device of the cameras: of ``view_vector`` the groups alone. together: how
        many are looked at together (``of_first``); of matrices each is its own."""
        if self.by_matrix:
            return camera_matrix(cameras) * ("camera" in groups)
        vector = view_vector(cameras, background, light)
        for name, group in GROUPS.items():
            if name not in groups:
                vector[:, group] = 0.0
        return of_first(vector, together) if together > 1 else vector

    def forward(self, vector: Tensor) -> Tensor:
        return self.whole(vector) - self.whole(torch.zeros_like(vector[:1]))

    def whole(self, vector: Tensor) -> Tensor:
        """[n,inputs] -> [n,D], with what zeros add."""
        out: Tensor = self.linear_2(nn.functional.silu(self.linear_1(vector)))
        return out

    def save(self, folder: Path) -> None:
        """As the component of a teacher's folder, in float16."""
        from safetensors.torch import save_file

        (folder / COMPONENT).mkdir(exist_ok=True)
        save_file({name: tensor.half().contiguous() for name, tensor in self.state_dict().items()},
                  folder / COMPONENT / WEIGHTS)


def load(folder: Path, width: int) -> ViewEmbedding | None:
    """Of a teacher's folder whose UNet has timestep embeddings [n,width]; None where it has no such component,
    UserError where it does not fit."""
    path = folder / COMPONENT / WEIGHTS
    if not path.is_file():
        return None
    from safetensors.torch import load_file

    with one_line(folder, COMPONENT):
        weights = {name: tensor.float() for name, tensor in load_file(path).items()}
        first = weights.get("linear_1.weight", torch.zeros(0, WIDTH))
        made = ViewEmbedding(width, MATRIX if first.shape[-1] == MATRIX else WIDTH)
        made.load_state_dict(weights)
        check_finite(made, folder, COMPONENT, torch.float32)
    return made.eval().requires_grad_(False)


def taken_out(unet: Network) -> ViewEmbedding:
    """The embedding that a UNet was trained with as diffusers' ``class_embedding``, out of that UNet, whose timestep
    embedding then holds what zeros add."""
    trained, time = unet.class_embedding, unet.time_embedding
    made = ViewEmbedding(trained.linear_2.out_features).to(time.linear_2.bias.device)
    made.load_state_dict(trained.state_dict())
    with torch.no_grad():
        time.linear_2.bias += made.whole(torch.zeros(1, WIDTH, device=time.linear_2.bias.device))[0]
    unet.class_embedding = None
    unet.register_to_config(class_embed_type=None, projection_class_embeddings_input_dim=None)
    return made
