"""What the Gaussians start from: a ball of random points, a point cloud, a density field."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from carv3d.config.scenes import GaussiansConfig
from carv3d.runtime.errors import UserError, one_line
from carv3d.runtime.progress import say
from carv3d.scenes import ply
from carv3d.scenes.splats import MAX_DEGREE, SH_C0, Splats

Points = tuple[Tensor, ...]  # points [N,3], world units, their colours [N,3] in [0,1]; perhaps their distance [N]
NEIGHBOURS = 3  # whose mean distance is a Gaussian's size (Kerbl et al., 2023, section 5.1)
CHUNK_PAIRS = 1 << 24
CANDIDATES = 96  # per axis: points of a field that are looked at


def ball(count: int, radius: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Points [N,3], uniform in the ball around the origin, and colours [N,3] close to grey."""
    direction = torch.nn.functional.normalize(torch.randn(count, 3, generator=generator), dim=-1)
    points = direction * radius * torch.rand(count, 1, generator=generator) ** (1 / 3)
    return points, 0.5 + 0.02 * torch.randn(count, 3, generator=generator)


def neighbour_distance(points: Tensor) -> Tensor:
    """Mean distance [N] to the nearest NEIGHBOURS other points; 0 for a point alone."""
    nearest = min(NEIGHBOURS, len(points) - 1)
    if nearest < 1:
        return points.new_zeros(len(points))
    rows = points.split(max(CHUNK_PAIRS // len(points), 1))
    found = [torch.cdist(row, points, compute_mode="donot_use_mm_for_euclid_dist").topk(nearest + 1, largest=False)[0]
             for row in rows]
    return torch.cat(found)[:, 1:].mean(-1)


def surround(points: Tensor, colours: Tensor, *, opacity: float, size: float, degree: int) -> Splats:
    """Round Gaussians at points [N,3] with colours [N,3] in [0,1]; their standard deviation is ``size`` times the mean
    distance to the nearest neighbours."""
    scale = size * neighbour_distance(points).clamp_min(1e-4)
    sh = points.new_zeros(len(points), (degree + 1) ** 2, 3)
    sh[:, 0] = (colours - 0.5) / SH_C0
    turn = points.new_tensor([1.0, 0, 0, 0]).repeat(len(points), 1)
    logits = torch.logit(torch.full_like(scale, opacity))
    return Splats(points, scale.log()[:, None].repeat(1, 3), turn, logits, sh)


def with_degree(splats: Splats, degree: int) -> Splats:
    """The same Gaussians with harmonics up to ``degree``: cut, or filled with zeros."""
    if not 0 <= degree <= MAX_DEGREE:
        raise ValueError(f"degree must lie in 0..{MAX_DEGREE}, got {degree}")
    sh = splats.sh.new_zeros(len(splats), (degree + 1) ** 2, 3)
    shared = min(sh.shape[1], splats.sh.shape[1])
    sh[:, :shared] = splats.sh[:, :shared]
    return Splats(splats.means, splats.log_scales, splats.quaternions, splats.opacity_logits, sh)


def subset(count: int, total: int, generator: torch.Generator) -> Tensor:
    """Indices of at most ``count`` of ``total``, chosen at random, in their order."""
    return torch.randperm(total, generator=generator)[:count].sort()[0]


@torch.no_grad()
def sample_field(
    density: Callable[[Tensor], Tensor], field: Callable[[Tensor], tuple[Tensor, Tensor]], bound: float, step: float,
    count: int, generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Points [N,3] of [-bound, bound]^3 drawn by their opacity 1 - exp(-density step), and their colours [N,3].

    density: points [P,3] -> [P], per world unit. field: points -> (density, colours [P,3]). One jittered candidate in
    each cell of a grid; no candidate is taken twice, so N is smaller than ``count`` where few have any opacity.
    """
    axis = torch.arange(CANDIDATES, dtype=torch.float32)
    corner = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).view(-1, 3)
    inside = corner + torch.rand(corner.shape, generator=generator)
    points = inside * (2 * bound / CANDIDATES) - bound
    opacity = 1 - torch.exp(-density(points).cpu() * step)
    opacity = torch.where(opacity > 0.01, opacity, 0.0)
    # the largest keys log(u) / weight are a draw without replacement (Efraimidis and Spirakis, 2006)
    keys = torch.rand(len(points), generator=generator, dtype=torch.float64).log() / opacity.double()
    chosen = keys.topk(min(count, int((opacity > 0).sum())))[1].sort()[0]
    points = points[chosen]
    return points, field(points)[1].cpu() if len(points) else torch.zeros(0, 3)


def first(options: GaussiansConfig, generator: torch.Generator, points: Points | None) -> Splats:
    """The Gaussians that training starts from. points: of the run that ``options.init`` names."""
    path, what = Path(options.init).expanduser(), options.init_kind if points is None else "run"
    if what == "blob":
        points = ball(options.count, options.init_radius, generator)
    elif what in ("splats", "points"):
        try:
            found = _of_file(path, what, options, generator)
        except UserError as error:
            raise UserError(f"scene.gaussians.init: {error}") from None
        if isinstance(found, Splats):
            return found
        points = found
    if points is None:
        raise ValueError(f"init names a run, {options.init}: its points are needed")
    return surround(*points, opacity=options.init_opacity, size=options.init_size, degree=options.sh_degree)


def _of_file(path: Path, what: str, options: GaussiansConfig, generator: torch.Generator) -> Splats | Points:
    """Splats or points of a file, cut to the number and the degree that the configuration has, which is announced."""
    def chosen(total: int) -> Tensor:
        if total > options.count:
            say(one_line(f"notice: {path.name}: {options.count:,} of {total:,} taken, at random; "
                         "scene.gaussians.count takes more"))
        return subset(options.count, total, generator)

    if what == "points":
        places, colours = ply.read_points(path, say, options.bound)
        rows = chosen(len(places))
        return places[rows], colours[rows]
    splats = ply.read_splats(path, say, options.bound)
    if splats.degree > options.sh_degree:
        say(one_line(f"notice: {path.name}: harmonics of degree {splats.degree} cut to {options.sh_degree}; "
                     "scene.gaussians.sh_degree keeps more"))
    return with_degree(splats[chosen(len(splats))], options.sh_degree)
