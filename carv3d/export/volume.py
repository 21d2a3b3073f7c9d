"""How solid a scene is on a grid, and how solid it is where its surface lies."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor

from carv3d.cameras import Cameras, RenderOut, orbit
from carv3d.runtime.errors import UserError
from carv3d.scenes.base import Scene

CHUNK_POINTS = 1 << 20
PATH = 0.05  # share of the box's side: solidity is the opacity of that length of path
NEAR = 4.0  # cells of the grid, see ``_depths``
BLUR = 0.008  # standard deviation of the blur of solidity, share of the box's side; see ``solidity``
VIEW_PIXELS = 64
RAY_SAMPLES = 128
LEVELS = [(i + 0.5) / 48 for i in range(48)]
PLATEAU = 0.005  # silhouettes whose agreement is this near the best count as equally good
AGREES = 0.9  # silhouettes that overlap by more than this share need no other threshold
FILLED = 0.85  # share of the box, or of each of its sides, above which a surface is only the box's own


class Field(Protocol):
    """A scene that has a surface: NeRF and Gaussians do."""

    bound: float  # half the side of the box that holds the scene, world units

    def field(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Density [N], 1 / world unit, and colour [N,3] in [0,1] at points [N,3]."""

    def density(self, points: Tensor) -> Tensor:
        """Density [N] at points [N,3], without gradient."""

    def render(self, cameras: Cameras, background: Tensor, generator: torch.Generator | None = None) -> RenderOut:
        """See ``scenes.base.Scene``."""


@dataclass(frozen=True)
class Solidity:
    """grid: [N,N,N] in [0,1] at points that span the box, ends included, on the CPU. path: the length whose opacity it
    is, world units. bound: half the side of the box. seen: smallest and largest density met, or distance. surface: the
    level at which the surface is known to lie, where the scene knows its distance; None: it is to be found."""

    grid: Tensor
    path: float
    bound: float
    seen: tuple[float, float]
    surface: float | None = None

    def threshold(self, level: float) -> float:
        """The density whose solidity is ``level``; where the surface is known, its distance to itself, 0."""
        return -math.log1p(-level) / self.path if self.surface is None else 0.0


@dataclass(frozen=True)
class Level:
    """value: the solidity at the surface. iou: of its silhouettes with the rendered ones. opacity: above which a
    rendered pixel was taken to show the object."""

    value: float
    iou: float
    opacity: float


@torch.no_grad()
def solidity(scene: Field, resolution: int, device: torch.device, progress: Callable[[int], None]) -> Solidity:
    """1 - exp(-density path) on a grid, blurred; of a scene that knows its distance, how deep below the surface.

    Density itself will not do: trained on images it reaches from 1e-6 to 1e5, with spikes and pits inside the fog
    that an image averages. Solidity is bounded, and one blur over it averages likewise.
    """
    from scipy import ndimage

    path = PATH * 2 * scene.bound
    if knows_distance(scene):
        return _depths(scene, resolution, device, progress)
    out = _on_grid(scene.density, scene.bound, resolution, device, progress)
    seen = out.min().item(), out.max().item()
    out = out.mul_(-path).expm1_().neg_()
    _require_finite(out, "density")
    array = out.numpy()
    ndimage.gaussian_filter(array, BLUR * (resolution - 1), output=array, mode="nearest", truncate=3)
    return Solidity(out, path, scene.bound, seen)


def knows_distance(scene: Field) -> TypeGuard[Scene]:
    """Whether it has a signed distance, whose zero is its surface: see ``scenes.base.Scene.distance``."""
    return isinstance(scene, Scene) and type(scene).distance is not Scene.distance


def _depths(scene: Scene, resolution: int, device: torch.device, progress: Callable[[int], None]) -> Solidity:
    """The distance as it is, no blur, falling from 1 to 0 within NEAR cells on either side of the surface, at 1/2."""
    out = _on_grid(scene.distance, scene.bound, resolution, device, progress)
    _require_finite(out, "distance")
    seen = out.min().item(), out.max().item()
    reach = NEAR * 2 * scene.bound / (resolution - 1)
    return Solidity(out.div_(-2 * reach).add_(0.5).clamp_(0, 1), PATH * 2 * scene.bound, scene.bound, seen, 0.5)


def _on_grid(asked: Callable[[Tensor], Tensor], bound: float, resolution: int, device: torch.device,
             progress: Callable[[int], None]) -> Tensor:
    """What ``asked`` gives for points [P,3], on a grid [N,N,N] that spans the box, ends included, on the CPU."""
    axis = torch.linspace(-bound, bound, resolution)
    plane = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).view(-1, 2)
    slabs = max(1, CHUNK_POINTS // len(plane))
    out = torch.empty(resolution, resolution, resolution)
    for start in range(0, resolution, slabs):
        x = axis[start:start + slabs]
        points = torch.cat([x.repeat_interleave(len(plane))[:, None], plane.repeat(len(x), 1)], 1)
        out[start:start + slabs] = asked(points.to(device)).float().cpu().view(len(x), resolution, resolution)
        progress(len(x))
    return out


def _require_finite(grid: Tensor, what: str) -> None:
    if not torch.isfinite(grid).all():
        raise UserError(f"the scene has no surface: its {what} is not finite; lower the learning rates and train again")


def cameras(distance: float, fovy_deg: float, elevations_deg: Sequence[float]) -> Cameras:
    """Twelve views all around, in three rings between two elevations, that the surface has to agree with."""
    low, high = elevations_deg
    return orbit(torch.arange(12) * 30.0, [low + (high - low) / 2 * (i % 3) for i in range(12)], distance, fovy_deg,
                 VIEW_PIXELS, VIEW_PIXELS)


def find_level(solid: Solidity, views: Cameras, rendered: RenderOut) -> Level:
    """The solidity whose silhouettes agree best with what the scene renders.

    rendered: the scene's own renders of ``views``. A pixel shows the object where its opacity passes 0.5. In thick fog
    that is the whole box, or a shape that no surface has; then the threshold that separates the opacities best (Otsu
    1979) is tried too. Among levels whose silhouettes agree equally well, the one whose first crossing along the rays
    is nearest to the rendered depth wins. Where the surface is known, its level alone is looked at. UserError if no
    view shows anything, or all show only the box.
    """
    highest, first, hit = _crossings(solid, views)
    levels = torch.tensor(_levels(solid))
    opacity, depth = rendered.opacity.flatten()[hit], rendered.depth.flatten()[hit]
    span = (f"{'densities' if solid.surface is None else 'distances'} from {solid.seen[0]:.3g} to "
            f"{solid.seen[1]:.3g} were met in it")
    if (opacity > 0.5).float().mean() < 1e-3:
        raise UserError(f"the scene has no surface: it is blank, its largest opacity in {len(views)} views is "
                        f"{opacity.max():.2g}, more than 0.5 is needed; {span}; train longer or with another seed")
    found = []
    for threshold in dict.fromkeys((0.5, max(0.5, _otsu(opacity)))):
        shown = opacity[:, None] > threshold
        inside = highest[:, None] > levels
        both = inside & shown
        iou = both.sum(0) / (inside | shown).sum(0)
        apart = (first - depth[:, None]).abs().clamp_max(0.25 * solid.bound)
        apart = torch.where(both, apart, 0.0).sum(0) / both.sum(0)
        apart[(iou < iou.max() - PLATEAU) | ~both.any(0)] = math.inf
        best = int(apart.argmin())
        if not only_the_box(solid.grid > levels[best].item()):
            found.append(Level(levels[best].item(), iou[best].item(), threshold))
        if found and found[-1].iou > AGREES:
            break
    if found:
        return max(found, key=lambda level: level.iou)
    raise UserError(f"the scene has no surface: it fills its whole box, mean opacity {opacity.mean():.2g} over the "
                    f"pixels that show the box; {span}; raise loss.lambda_sparsity and train again")


def _levels(solid: Solidity) -> list[float]:
    """Those among which the surface's is sought."""
    return LEVELS if solid.surface is None else [solid.surface]


def only_the_box(inside: Tensor) -> bool:
    """Whether a solid [X,Y,Z] fills its box, or covers all six sides of it."""
    sides = [inside.select(axis, index).float().mean() for axis in range(3) for index in (0, -1)]
    return bool(inside.float().mean() > FILLED or min(sides) > FILLED)


def _crossings(solid: Solidity, views: Cameras) -> tuple[Tensor, Tensor, Tensor]:
    """Rays against all levels at once: the highest solidity met [R], the distance at which each level is first met
    [R,L] (inf: never), and which of all pixels the R rays belong to (those that meet the box), [B H W]."""
    levels, bound = torch.tensor(_levels(solid)), solid.bound
    origins, directions = (x.reshape(-1, 3) for x in views.rays())
    ends = (torch.tensor([[[-bound]], [[bound]]]) - origins) / directions  # [2,R,3]
    near, far = ends.amin(0).amax(1).clamp_min(0), ends.amax(0).amin(1)
    hit = near < far
    origins, directions, near, far = origins[hit], directions[hit], near[hit], far[hit]
    highest, first = [], []
    for part in torch.arange(len(near)).split(CHUNK_POINTS // RAY_SAMPLES):
        along = (torch.arange(RAY_SAMPLES) + 0.5) / RAY_SAMPLES
        distance = near[part, None] + (far - near)[part, None] * along
        points = origins[part, None] + distance[..., None] * directions[part, None]
        value = F.grid_sample(solid.grid[None, None], (points.flip(-1) / bound)[None, None], align_corners=True,
                              padding_mode="border")[0, 0, 0].cummax(1).values
        index = torch.searchsorted(value, levels.expand(len(part), -1).contiguous(), right=True)
        met = distance.gather(1, index.clamp_max(RAY_SAMPLES - 1))
        first.append(torch.where(index < RAY_SAMPLES, met, math.inf))
        highest.append(value[:, -1])
    return torch.cat(highest), torch.cat(first), hit


def _otsu(values: Tensor) -> float:
    """The threshold in [0,1] that leaves the least variance on its two sides (Otsu 1979), from 256 bins."""
    share = torch.histc(values, 256, 0, 1) / max(len(values), 1)
    centre = (torch.arange(256) + 0.5) / 256
    below, sum_below = share.cumsum(0), (share * centre).cumsum(0)
    between = (sum_below[-1] * below - sum_below).square() / (below * (1 - below)).clamp_min(1e-9)
    best = (between >= between.max() - 1e-9).nonzero()  # an empty gap gives a run of equals: take its middle
    return (best.float().mean().item() + 1) / 256
