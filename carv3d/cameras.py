"""Cameras and rays: every axis convention of carv3d, stated once.

World: right-handed, z up. Azimuth 0 is the front, along +x, and grows towards +y (so azimuth 90 looks at the object's
left side: an object faces +x). Elevation is positive upwards. Cameras look at the origin. ``c2w`` is camera-to-world in
OpenGL axes: columns right, up, back, position; the camera looks along its own -z. Pixel (row 0, column 0) is the top
left; its centre lies at (0.5, 0.5). ``fovy`` spans the height of the image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from carv3d.runtime.devices import moved
from carv3d.runtime.types import State


@dataclass(frozen=True)
class Cameras:
    """B pinhole cameras that share one image size.

    azimuth_deg, elevation_deg, distance, fovy_deg: [B] float32. width, height: pixels.
    """

    azimuth_deg: Tensor
    elevation_deg: Tensor
    distance: Tensor
    fovy_deg: Tensor
    width: int
    height: int

    def __len__(self) -> int:
        return self.azimuth_deg.shape[0]

    def __getitem__(self, index: slice | Tensor) -> Cameras:
        """A subset of the cameras, by slice or index tensor."""
        return self._each(lambda values: values[index])

    def to(self, device: torch.device | str) -> Cameras:
        return self._each(lambda values: moved(values, device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Cameras:
        """The cameras with all that is a tensor of theirs changed."""
        changed: State = {name: change(value) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **changed)

    @property
    def focal_px(self) -> Tensor:
        """Focal length in pixels, [B]; the same along both image axes."""
        return 0.5 * self.height / torch.tan(torch.deg2rad(self.fovy_deg) / 2)

    @property
    def c2w(self) -> Tensor:
        """Camera-to-world matrices [B,4,4]; well defined at the poles too."""
        azimuth, elevation = torch.deg2rad(self.azimuth_deg), torch.deg2rad(self.elevation_deg)
        ca, sa, ce, se = azimuth.cos(), azimuth.sin(), elevation.cos(), elevation.sin()
        zero, one = torch.zeros_like(ca), torch.ones_like(ca)
        right = torch.stack([-sa, ca, zero], -1)
        up = torch.stack([-se * ca, -se * sa, ce], -1)
        back = torch.stack([ce * ca, ce * sa, se], -1)
        top = torch.stack([right, up, back, back * self.distance[:, None]], -1)
        bottom = torch.stack([zero, zero, zero, one], -1)[:, None]
        return torch.cat([top, bottom], 1)

    def rays(self) -> tuple[Tensor, Tensor]:
        """Ray origins and unit directions through the pixel centres, both [B,H,W,3]."""
        device, dtype = self.distance.device, self.distance.dtype
        column = torch.arange(self.width, device=device, dtype=dtype) + 0.5 - self.width / 2
        row = self.height / 2 - 0.5 - torch.arange(self.height, device=device, dtype=dtype)
        focal, c2w = self.focal_px[:, None], self.c2w
        right, up, back = (c2w[:, None, :3, axis] for axis in range(3))  # [B,1,3] each
        across, along = right * column[:, None], up * row[:, None] - back * focal[..., None]  # [B,W,3], [B,H,3]
        length = (column.square() + (row.square() + focal.square())[..., None]).sqrt()  # [B,H,W]
        directions = (across[:, None] + along[:, :, None]) / length[..., None]
        return c2w[:, None, None, :3, 3].expand_as(directions), directions


@dataclass(frozen=True)
class PlacedCameras(Cameras):
    """Cameras that stand anywhere and look anywhere, as a person moves one. pose: [B,4,4], their ``c2w``; angles and
    distance are those of where they stand."""

    pose: Tensor

    @property
    def c2w(self) -> Tensor:
        return self.pose


def placed(pose: Tensor, fovy_deg: Tensor, width: int, height: int) -> PlacedCameras:
    """The cameras of matrices ``c2w`` [B,4,4] float32, fovy_deg [B]."""
    x, y, z = pose[:, :3, 3].unbind(-1)
    level = torch.hypot(x, y)
    return PlacedCameras(torch.rad2deg(torch.atan2(y, x)), torch.rad2deg(torch.atan2(z, level)), torch.hypot(level, z),
                         fovy_deg, width, height, pose)


def orbit(
    azimuth_deg: list[float] | Tensor,
    elevation_deg: float | list[float] | Tensor,
    distance: float | list[float] | Tensor,
    fovy_deg: float | list[float] | Tensor,
    width: int,
    height: int,
) -> Cameras:
    """Cameras on an orbit; scalars are shared by all views. Lengths must agree with ``azimuth_deg`` [B]."""
    azimuth = torch.as_tensor(azimuth_deg, dtype=torch.float32).reshape(-1)

    def each(value: float | list[float] | Tensor, name: str) -> Tensor:
        tensor = torch.as_tensor(value, dtype=torch.float32).reshape(-1)
        if tensor.numel() not in (1, azimuth.numel()):
            raise ValueError(f"{name} must have 1 or {azimuth.numel()} values, got {tensor.numel()}")
        return tensor.expand(azimuth.numel()).clone()

    return Cameras(
        azimuth, each(elevation_deg, "elevation_deg"), each(distance, "distance"), each(fovy_deg, "fovy_deg"),
        width, height,
    )


def turntable(frames: int, elevation_deg: float, distance: float, fovy_deg: float, size: int) -> Cameras:
    """One full turn from azimuth 0 without a repeated frame."""
    return orbit(torch.arange(frames) * (360.0 / frames), elevation_deg, distance, fovy_deg, size, size)


def sample_cameras(
    batch: int,
    width: int,
    height: int,
    elevation_range: Sequence[float],
    distance_range: Sequence[float],
    fovy_range: Sequence[float],
    generator: torch.Generator,
    strata: bool = False,
    turn: float | None = None,
) -> Cameras:
    """Random cameras: azimuth uniform on the circle, the rest uniform in their ranges.

    strata: one camera in each of B equal azimuth sectors, the sectors under one random offset and in random order, so
    that each camera by itself is still uniform and no position in the batch means a sector.
    turn: the azimuth of all B, as a share of the circle, instead of a random one (see ``golden_turn``).
    """
    uniform = camera_points(batch, generator, strata)
    if turn is not None:
        uniform[0] = turn
    return cameras_at(uniform, width, height, elevation_range, distance_range, fovy_range)


def camera_points(batch: int, generator: torch.Generator, strata: bool = False) -> Tensor:
    """Random points [4,B] float64 for ``cameras_at``; strata as in ``sample_cameras``."""
    uniform = torch.rand(4, batch, generator=generator, dtype=torch.float64)
    if strata:
        offset = torch.rand((), generator=generator, dtype=torch.float64)
        order = torch.randperm(batch, generator=generator)
        uniform[0] = ((order + uniform[0]) / batch + offset) % 1.0
    return uniform


def cameras_at(uniform: Tensor, width: int, height: int, elevation_range: Sequence[float],
               distance_range: Sequence[float], fovy_range: Sequence[float]) -> Cameras:
    """The cameras of points [4,B] in the unit cube: azimuth over the circle, elevation, distance and fovy over their
    ranges."""

    def between(u: Tensor, bounds: Sequence[float]) -> Tensor:
        return (bounds[0] + u * (bounds[1] - bounds[0])).float()

    return Cameras(
        (uniform[0] * 360.0 - 180.0).float(), between(uniform[1], elevation_range), between(uniform[2], distance_range),
        between(uniform[3], fovy_range), width, height,
    )


def golden_turn(step: int, offset: float) -> float:
    """Point ``step`` of the golden-ratio sequence shifted by a random ``offset``, in [0,1).

    Any run of consecutive steps is spread evenly over the circle. With the offset uniform, each point by itself is
    uniform too, but given the steps before it is not random at all.
    """
    return (offset + step * (math.sqrt(5) - 1) / 2) % 1.0


@dataclass(frozen=True)
class Marched:
    """What B views of a density field were composited from: N samples, packed ray after ray.

    density: [N], 1 / world unit, with its graph. points: [N,3], the samples' middles. t_start, t_end: [N], world units
    along the ray. ray: int64 [N], never falling. first: int64 [R+1], the samples of ray r are first[r]:first[r+1].
    directions: [R,3], unit, R = B x H x W.
    """

    density: Tensor
    points: Tensor
    t_start: Tensor
    t_end: Tensor
    ray: Tensor
    first: Tensor
    directions: Tensor


@dataclass
class RenderOut:
    """B rendered views.

    rgb: [B,H,W,3] composited on the background, in [0,1]. opacity: [B,H,W,1] in [0,1]. depth: [B,H,W,1], expected
    distance along the ray divided by opacity, world units, 0 where nothing was hit. stats: scalars for the log.
    marched: of a density field rendered with gradients, its samples.
    """

    rgb: Tensor
    opacity: Tensor
    depth: Tensor
    stats: dict[str, float] = field(default_factory=dict)
    marched: Marched | None = None
