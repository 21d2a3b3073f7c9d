"""The options of the built-in scenes; ``schema`` holds all others."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from carv3d.config.options import Schedule, option
from carv3d.runtime import ply_header
from carv3d.runtime.errors import UserError


@dataclass
class FieldConfig:
    """What every scene on a hash grid with an occupancy grid has."""

    bound: float = option(1.0, "half the side of the scene's box, world units", ge=1e-3, le=1e3)
    levels: int = option(8, "resolutions of the hash grid", ge=1, le=24)
    features: int = option(4, "features per row of the hash grid; the compiled CPU form has 4, those on CUDA 1, 2, "
                          "4 or 8", ge=1, le=8)
    table_size: int = option(16384, "largest number of rows of a level, a power of two", ge=8, le=2**24)
    base_resolution: int = option(8, "cells per axis of the first level", ge=1, le=65536)
    finest_resolution: int = option(128, "cells per axis of the last level", ge=1, le=65536)
    hidden: int = option(32, "width of the MLP's hidden layers, a multiple of 4", ge=4, le=256)
    layers: int = option(1, "hidden layers of the MLP", ge=1, le=8)
    occupancy_resolution: int = option(64, "cells per axis of the occupancy grid", ge=4, le=512)
    occupancy_every: int = option(16, "steps between updates of the occupancy grid", ge=1)
    occupancy_threshold: float = option(0.01, "optical thickness of one step above which a cell counts", gt=0, le=1e6)
    occupancy_decay: float = option(0.8, "factor on the running maximum of thickness at each update", ge=0, le=1)
    samples_per_ray: int = option(128, "samples on a ray along the diagonal of the box", ge=8, le=4096)
    encoding_backend: str = option("auto", "hash grid: auto is numba on a CPU, triton on CUDA, torch where they do not "
                                   "work; no other one reads what tinycudann trained",
                                   choices=("auto", "torch", "numba", "triton", "tinycudann"))
    render_backend: str = option("auto", "ray marching and compositing: auto is numba on a CPU, triton on CUDA, torch "
                                 "where they do not work",
                                 choices=("auto", "torch", "numba", "triton", "nerfacc"))

    def check(self, where: str) -> None:
        """UserError for options that contradict one another; where: the section's name."""
        if self.table_size & (self.table_size - 1):
            near = 1 << (self.table_size.bit_length() - 1)
            raise UserError(f"{where}.table_size: {self.table_size} given; allowed: powers of two, such as {near} and "
                            f"{2 * near}")
        if self.hidden % 4:
            raise UserError(f"{where}.hidden: {self.hidden} given; allowed: multiples of 4, such as "
                            f"{self.hidden // 4 * 4 + 4}")
        if self.base_resolution > self.finest_resolution:
            raise UserError(f"{where}.base_resolution: {self.base_resolution} given with {where}.finest_resolution "
                            f"{self.finest_resolution}; the base must not be above it")
        if self.encoding_backend == "numba" and self.features != 4:
            raise UserError(f"{where}.encoding_backend: numba given with {where}.features {self.features}; its "
                            "compiled form has 4 features; give torch, or auto")
        if self.encoding_backend in ("triton", "tinycudann") and self.features not in (1, 2, 4, 8):
            raise UserError(f"{where}.encoding_backend: {self.encoding_backend} given with {where}.features "
                            f"{self.features}; it has 1, 2, 4 or 8 features; give torch, or auto")


@dataclass
class NerfConfig(FieldConfig):
    blob_scale: float = option(5.0, "initial log density: blob_scale (1 - |x| / blob_std) is added to it", ge=0, le=80)
    blob_std: float = option(0.5, "radius of the initial blob, world units", ge=1e-6, le=1e6)


@dataclass
class SdfConfig(FieldConfig):
    init: str = option("sphere", "sphere; or the folder or a checkpoint of a NeRF run, whose surface and colours the "
                       "scene then starts with")
    init_points: int = option(2**17, "of that run, at which the scene is fitted to it", ge=1024, le=2**22)
    radius: float = option(0.5, "of the sphere it starts as, world units", gt=0, le=1e3)
    reach: float = option(0.1, "world units that the surface moves by for each unit of the network's output", gt=0,
                          le=1e3)
    beta: Schedule = option(Schedule([0.1, 0.05, 0.01], [0, 320, 616]), "half the thickness of the surface's fog, "
                            "world units (VolSDF's beta); stretch it for longer runs", ge=1e-4, le=1e3)
    active_levels: Schedule = option(Schedule([4.0, 8.0], [0, 320]), "how many of the hash grid's levels are in use, "
                                     "coarsest first", ge=1, le=24)
    eikonal_points: int = option(2048, "points a step at which loss.lambda_eikonal asks for a slope of 1", ge=1,
                                 le=2**20)

    @property
    def blob_scale(self) -> float:
        """The sphere as a blob: radius (1 - |x| / radius) is minus the distance to it."""
        return self.radius

    @property
    def blob_std(self) -> float:
        return self.radius

    @property
    def init_kind(self) -> str:
        """What ``init`` names: sphere or run; UserError if that is nothing to start from."""
        path = Path(self.init).expanduser()
        if self.init == "sphere":
            return "sphere"
        if not path.is_dir() and not (path.exists() and path.suffix == ".ckpt"):
            raise UserError(f"scene.sdf.init: {self.init} {'is no run' if path.exists() else 'does not exist'}; give "
                            "sphere, or the folder or a checkpoint of a NeRF run")
        return "run"


@dataclass
class DensityConfig:
    every: int = option(50, "steps between changes of the number of Gaussians; 0: it stays", ge=0)
    start: int = option(100, "first step of a change", ge=0)
    stop: int = option(350, "last step of a change", ge=0)
    evidence_every: int = option(2, "steps between those whose gradient comes in two halves, which tells it from "
                                "noise", ge=1)
    threshold: float = option(0.15, "root mean square gradient of the projected mean, in units of half an image, from "
                              "which a Gaussian is cloned or split; without the noise, so the same at every K", gt=0)
    split_above: float = option(0.05, "scale, world units, above which growing means splitting", gt=0)
    prune_below: float = option(0.01, "opacity below which a Gaussian is taken away", ge=0, le=1)
    prune_above: float = option(0.5, "scale, world units, above which one is taken away", gt=0)
    reset_every: int = option(0, "steps between resets of the opacity; 0: never", ge=0)
    reset_to: float = option(0.1, "most opacity after a reset", gt=0, le=0.99)
    cap: int = option(20000, "most Gaussians", ge=1)


@dataclass
class GaussiansConfig:
    count: int = option(2000, "Gaussians to begin with; the most that are taken from a file or a run", ge=1, le=10**7)
    init: str = option("blob", "blob: random points in a ball; else a path: a point cloud or splats in a .ply file, "
                       "splats in a .splat file, or the folder or a checkpoint of a NeRF run")
    init_radius: float = option(0.5, "blob: radius of the ball, world units", gt=0)
    init_size: float = option(1.0, "first standard deviation over the mean distance to three neighbours", gt=0)
    init_opacity: float = option(0.1, "opacity at the start; splats from a file keep theirs", gt=0, le=0.99)
    bound: float = option(1.0, "half the side of the box that is exported, world units", gt=0)
    sh_degree: int = option(0, "degree of the colour's spherical harmonics; 0: the same colour from every side",
                            ge=0, le=3)
    antialias: bool = option(True, "keep what a Gaussian covers when it is thinner than a pixel (Mip-Splatting)")
    raster_backend: str = option("auto", "rasteriser: auto takes the fastest that works here",
                                 choices=("auto", "torch", "numba", "gsplat"))
    density: DensityConfig = field(default_factory=DensityConfig)

    @property
    def init_kind(self) -> str:
        """What ``init`` names: blob, points, splats or run; UserError if that is nothing to start from."""
        if self.init == "blob":
            return "blob"
        path = Path(self.init).expanduser()
        wanted = "give blob, a .ply or .splat file, or a NeRF run's folder"
        if not path.exists():
            raise UserError(f"scene.gaussians.init: {self.init} does not exist; {wanted}")
        if path.is_dir() or path.suffix == ".ckpt":
            return "run"
        try:
            kind = ply_header.kind(path)
        except UserError as error:
            raise UserError(f"scene.gaussians.init: {error}") from None
        if kind is None:
            raise UserError(f"scene.gaussians.init: {self.init} is neither a PLY or .splat file nor a run; {wanted}")
        return kind

    def check(self, where: str) -> None:
        """UserError for options that contradict one another; where: the section's name."""
        own = self.density
        if own.every and own.start > own.stop:
            raise UserError(f"{where}.density.start: {own.start} given with stop {own.stop}; start must not be above "
                            f"it; {where}.density.every=0 keeps the number as it is")
        if own.every and own.cap < self.count:
            raise UserError(f"{where}.density.cap: {own.cap} given with {where}.count {self.count}; the cap must not "
                            "be below it")


@dataclass
class ImageConfig:
    size: int = option(64, "side of the trainable image, pixels", ge=8, le=1024)
    std: float = option(0.1, "standard deviation of the random logits that the image starts from", ge=0)
