"""A radiance field without view dependence: hash grid, small MLP, occupancy grid (arXiv 2003.08934, 2201.05989)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from carv3d.cameras import Cameras, Marched, RenderOut, orbit
from carv3d.config.scenes import NerfConfig, SdfConfig
from carv3d.config.traits import NerfTraits
from carv3d.runtime.devices import constant, moved
from carv3d.runtime.errors import UserError
from carv3d.runtime.types import Record, State
from carv3d.scenes.base import BACK, WHOLE, Scene
from carv3d.scenes.kernels.backends import choose, probe_one
from carv3d.scenes.kernels.rays import baked, forms, fused, fused_back, volume
from carv3d.scenes.kernels.rays.fused import Field
from carv3d.scenes.kernels.rays.hash_grid import HashGrid
from carv3d.scenes.kernels.rays.levels import TRITON_FEATURES
from carv3d.scenes.kernels.rays.marching import Grid, Rays, grown
from carv3d.scenes.kernels.rays.rows import FEATURES

HIDDEN_BELOW = 1e-4  # samples behind this transmittance are neither rendered nor trained (nerfacc's early_stop_eps)
CORNERS = ((1.0, 1.0, 1.0), (1.0, -1.0, -1.0), (-1.0, 1.0, -1.0), (-1.0, -1.0, 1.0))  # of a tetrahedron
ORIENTED = 2048  # samples a step whose normals loss.lambda_orient looks at
CLOSER = 2  # samples of a picture to look at, in place of one in training
BAKED_FROM = 1 << 20  # rays, from which a table is sooner made and read than the network asked
CHUNK_RAYS = 1 << 14  # bounds the memory of a render without gradients where the fused kernel does not run


def blob(points: Tensor, scale: float, std: float) -> Tensor:
    """What is added to the log density so that training starts from a soft ball at the origin: scale (1 - |x| / std).

    points: [N,3]. Returns [N]. The density blob of DreamFusion (arXiv 2209.14988, appendix A.2) in the form of Magic3D
    (arXiv 2211.10440), but on the logarithm, as our density is an exponential: in 200-step fits to a ball it gave 37 dB
    where softplus gave 32, and opaque surfaces that leave a quarter of the samples visible.
    """
    return scale * (1 - points.norm(dim=-1) / std)


class NeRF(NerfTraits, Scene):
    """Density and colour in [-bound, bound]^3. options: see ``config.schema.NerfConfig``. generator: draws the initial
    parameters."""

    compiled, section = "scene", "scene.nerf"

    def __init__(self, options: NerfConfig | SdfConfig, *, device: torch.device | str = "cpu",
                 generator: torch.Generator) -> None:
        super().__init__()
        device, own = torch.device(device), options
        if min(own.bound, own.hidden, own.layers, own.samples_per_ray, own.occupancy_resolution, own.occupancy_every,
               own.blob_std) <= 0:
            raise ValueError("bound, hidden, layers, samples_per_ray, occupancy_* and blob_std must be positive")
        self._choose_backends(own, device)
        self.bound, self.step = own.bound, 2 * math.sqrt(3) * own.bound / own.samples_per_ray
        self.blob_scale, self.blob_std = own.blob_scale, own.blob_std
        self.occupancy_every, self.occupancy_decay = own.occupancy_every, own.occupancy_decay
        self.occupancy_threshold = own.occupancy_threshold
        self.encoding = HashGrid(
            own.levels, own.features, own.table_size, own.base_resolution, own.finest_resolution,
            self.encoding_backend, generator)
        widths = [own.levels * own.features, *[own.hidden] * own.layers, 4]
        self.mlp = nn.ParameterList(
            (torch.rand(wide, narrow, generator=generator) * 2 - 1) / math.sqrt(narrow)
            for narrow, wide in zip(widths[:-1], widths[1:], strict=True)
        )
        cells = (own.occupancy_resolution,) * 3
        self.register_buffer("thickness", torch.zeros(cells))  # running maximum of density * step
        self.register_buffer("occupied", torch.ones(cells, dtype=torch.bool))
        self.to(device)

    thickness: Tensor
    occupied: Tensor
    _table: baked.Table | None = None
    _known: tuple[object, Grid] | None = None

    def _choose_backends(self, own: NerfConfig | SdfConfig, device: torch.device) -> None:
        encoding, handled = own.encoding_backend, {"cpu": (FEATURES,), "cuda": TRITON_FEATURES}
        if own.features not in handled.get(device.type, ()) and encoding == "auto":
            encoding = "torch"
        self.encoding_backend, why_encoding = choose(
            f"{self.section}.encoding_backend", encoding, device, {"cpu": ("numba",), "cuda": ("triton", "tinycudann")})
        self.render_backend, why_render = choose(
            f"{self.section}.render_backend", own.render_backend, device,
            {"cpu": ("numba",), "cuda": ("triton", "nerfacc")})
        self.marching = self.render_backend
        if self.render_backend == "nerfacc":  # which only composites
            self.marching = "triton" if probe_one("triton").works else "torch"
            why_render += f", marching {self.marching}"
        self.backends = (
            f"encoding {self.encoding_backend} ({why_encoding}), render {self.render_backend} ({why_render})"
        )

    @classmethod
    def blank(cls, options: NerfConfig | SdfConfig, *, device: torch.device) -> NeRF:
        """UserError for a checkpoint of tinycudann's where that does not work: ``auto`` never means it, so that only
        a run that named it can have one."""
        if options.encoding_backend == "tinycudann":
            if device.type != "cuda" or not probe_one("tinycudann").works:
                raise UserError(f"{cls.section}.encoding_backend: trained with tinycudann, whose hash grid nothing "
                                f"else reads; needed: device=cuda and tinycudann (carv3d doctor --cuda says how)")
        return cls(options, device=device, generator=torch.Generator().manual_seed(0))

    @classmethod
    def rehearse(cls) -> None:
        generator, camera = torch.Generator().manual_seed(0), orbit([0.0], 0.0, 2.0, 40.0, 4, 4)
        scene = cls(cls.Options(occupancy_resolution=8), generator=generator)
        scene.update(0, generator)
        scene.render(camera, torch.zeros(1, 3), generator).rgb.sum().backward()
        with torch.no_grad():
            scene.render(camera, torch.zeros(1, 3))

    @property
    def fused(self) -> bool:
        """Whether renders run in the fused kernel."""
        return self.encoding_backend == self.render_backend == "numba"

    def field(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Density [N] and colour [N,3] in [0,1] at points [N,3], world units; zero density is not forced outside."""
        first, colour = self.network(points)
        return self.as_density(first), colour.sigmoid()

    def network(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Log density [N], and colour [N,3] before the sigmoid, at points [N,3]."""
        hidden = self.encoding((points / (2 * self.bound) + 0.5).clamp(0, 1), self.levels)
        for index, weight in enumerate(self.weights()):
            hidden = F.linear(F.relu(hidden) if index else hidden, weight)
        return hidden[:, 0] + blob(points, self.blob_scale, self.blob_std), hidden[:, 1:]

    @property
    def levels(self) -> int:
        """How many of the hash grid are in use."""
        return len(self.encoding.resolution)

    @property
    def spacing(self) -> float:
        """A cell of the finest level in use, world units."""
        return 2 * self.bound / int(self.encoding.resolution[self.levels - 1])

    def gradient(self, points: Tensor) -> Tensor:
        """Gradient [N,3] of the network's first value at points [N,3], from differences over a cell of the finest level
        in use (Neuralangelo, arXiv 2306.03092, section 3.2), at a tetrahedron's corners: four evaluations where central
        differences take six. Differentiable to the parameters."""
        corners = constant(CORNERS, points.device).to(points)
        around = (points[:, None] + corners * self.spacing).view(-1, 3)
        return (self.network(around)[0].view(-1, 4, 1) * corners).sum(1) / (4 * self.spacing)

    def weights(self) -> tuple[Tensor, ...]:
        """The MLP's matrices."""
        return tuple(self.mlp)

    def as_density(self, first: Tensor) -> Tensor:
        """Density [N] from the network's first value [N]."""
        return first.clamp_max(fused.RAW_MOST).exp()

    @torch.no_grad()
    def density(self, points: Tensor) -> Tensor:
        """Density [N] at points [N,3] within the box, without gradient."""
        if self.fused:
            return fused.density(points, self._field())
        return torch.cat([self.field(part)[0] for part in points.split(CHUNK_RAYS * 16)])

    def render(self, cameras: Cameras, background: Tensor, generator: torch.Generator | None = None,
               part: slice = WHOLE) -> RenderOut:
        """Render B views on background [B,3], or a part of them; with a generator, samples start at random offsets.

        Without gradients (torch.no_grad) on the CPU this is the fused kernel, whose memory does not grow with samples.
        """
        views, height, width = len(cameras), cameras.height, cameras.width
        if background.shape != (views, 3):
            raise ValueError(f"background must be [{views},3], got {tuple(background.shape)}")
        jitter = torch.zeros(views, height * width)
        if generator is not None:
            jitter = torch.rand(jitter.shape, generator=generator)
        cameras, background, jitter = cameras[part], background[part], jitter[part]
        views = len(cameras)
        if torch.is_grad_enabled():
            rgb, opacity, depth, marched = self._render_rays(self._rays(cameras, jitter.flatten()))
            stats = {"samples_per_ray": len(marched.ray) / len(marched.directions)}
            self.work = self._work(stats["samples_per_ray"] * height * width)
        else:
            parts = [self._infer_rays(self._rays(cameras[i:i + 1], jitter[i])) for i in range(views)]
            rgb, opacity, depth = (torch.cat(part) for part in zip(*parts, strict=True))
            stats, marched = {}, None
        shape = (views, height, width, -1)
        rgb, opacity, depth = rgb.view(shape), opacity.view(shape), depth.view(shape)
        rgb = rgb + (1 - opacity) * moved(background, self.device)[:, None, None]
        return RenderOut(rgb, opacity, depth / opacity.clamp_min(1e-6), stats, marched)

    @contextmanager
    def closer(self, rays: int = 0) -> Iterator[None]:
        """From BAKED_FROM rays on they are traced through a table (``kernels.rays.baked``) on a CPU, where it is not
        too large, which is what the video, and no score, is made of."""
        whole, self.step = self.step, self.step / CLOSER
        if self.fused and rays >= BAKED_FROM:
            with torch.no_grad():
                finest = int(self.encoding.resolution[self.levels - 1])
                self._table = baked.bake(self._grid(), finest, self.network, self._field().beta)
        try:
            yield
        finally:
            self.step, self._table = whole, None

    def parameter_groups(self, lr: dict[str, float]) -> list[Record]:
        """Groups ``encoding`` and ``mlp`` with the rates lr["encoding"] and lr["mlp"]."""
        return [
            {"name": "encoding", "params": list(self.encoding.parameters()), "lr": lr["encoding"]},
            {"name": "mlp", "params": list(self.mlp), "lr": lr["mlp"]},
        ]

    def penalties(self, names: Collection[str], generator: torch.Generator, out: RenderOut) -> dict[str, Tensor]:
        """orient: of normals that face away from the camera, Ref-NeRF's loss (arXiv 2112.03907, eq. 11): on each ray,
        sum w max(0, n d)^2 over its samples' weights w, normals n and the ray's direction d; an unbiased estimate of
        its mean over the rays that have samples (as in threestudio), from ORIENTED samples drawn in proportion to their
        weights, which get no gradient."""
        if "orient" not in names or out.marched is None or not len(out.marched.ray):
            return {}
        marched = out.marched
        weights = volume.weights(marched).detach()
        total = weights.cumsum(0)
        drawn = moved(torch.rand(ORIENTED, generator=generator), self.device) * total[-1]
        chosen = torch.searchsorted(total, drawn).clamp_max(len(total) - 1)
        normal = -F.normalize(self.gradient(marched.points[chosen]), dim=-1, eps=1e-6)
        away = (normal * marched.directions[marched.ray[chosen]]).sum(-1).clamp_min(0).square()
        return {"orient": away * (total[-1] / (marched.first.diff() > 0).sum())}

    @torch.no_grad()
    def update(self, step: int, generator: torch.Generator, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Every ``occupancy_every`` steps, look at one random point of each cell (arXiv 2201.05989, appendix E.2).

        A cell is occupied if the running maximum of its thickness, or of a neighbour's, passes the threshold or the
        mean over the box, whichever is lower (nerfacc's rule; the neighbours let an object grow, and cover what the
        random points missed).
        """
        if step % self.occupancy_every:
            return
        size = self.occupied.shape[0]
        axis = torch.arange(size, dtype=torch.float32)
        corner = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1)
        inside = corner + torch.rand(corner.shape, generator=generator)
        points = (inside.view(-1, 3) * (2 * self.bound / size) - self.bound).to(self.device)
        now = self.density(points).view(size, size, size) * self.step
        self.thickness.copy_(torch.maximum(self.thickness * self.occupancy_decay, now))
        threshold = self.thickness.mean().clamp_max(self.occupancy_threshold)
        self.occupied.copy_(grown(self.thickness > threshold))

    def _rays(self, cameras: Cameras, jitter: Tensor) -> Rays:
        origins, directions = cameras.to(self.device).rays()
        return Rays(origins.reshape(-1, 3), directions.reshape(-1, 3), moved(jitter, self.device))

    def _work(self, samples: float) -> float:
        """Operations for so many samples and back: interpolation at every level, the MLP, compositing."""
        interpolation = self.levels * 8 * (3 + 2 * self.encoding.features)
        return BACK * samples * (interpolation + 2 * sum(weight.numel() for weight in self.mlp) + 20)

    def _load_from_state_dict(self, state_dict: State, prefix: str, *rest: object) -> None:
        """UserError for the parameters of a hash grid that the backend here does not read."""
        native = self.encoding_backend == "tinycudann"
        if not native and f"{prefix}encoding.native.params" in state_dict:
            raise UserError(f"{self.section}.encoding_backend: trained with tinycudann, whose hash grid "
                            f"{self.encoding_backend} does not read; needed: device=cuda, tinycudann, and "
                            f"{self.section}.encoding_backend=tinycudann")
        if native and f"{prefix}encoding.table" in state_dict:
            raise UserError(f"{self.section}.encoding_backend: trained with torch, numba or triton, whose hash grid "
                            f"tinycudann does not read; give {self.section}.encoding_backend=auto")
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def _grid(self) -> Grid:
        """The cells as they are, which keeps what it has found out about them until they change."""
        state = self.occupied.data_ptr(), self.occupied._version, self.step
        if self._known is None or self._known[0] != state:
            self._known = state, Grid(self.occupied, self.bound, self.step)
        return self._known[1]

    def _field(self) -> Field:
        return Field(
            self.encoding.table, self.encoding.resolution, self.encoding.row, self.weights(), self.bound,
            self.blob_scale, self.blob_std,
        )

    def _render_rays(self, rays: Rays) -> tuple[Tensor, Tensor, Tensor, Marched]:
        if self.fused:
            rgb, opacity, depth, density, samples = fused_back.render(rays, self._grid(), self._field(), HIDDEN_BELOW)
        else:
            samples = forms.marcher(self.marching)(rays, self._grid())
            density, colour = self.field(samples.points)
            rgb, opacity, depth = forms.renderer(self.render_backend)(density, colour, samples)
        return rgb, opacity, depth, Marched(
            density, samples.points, samples.t_start, samples.t_end, samples.ray, samples.first, rays.directions)

    def _infer_rays(self, rays: Rays) -> tuple[Tensor, Tensor, Tensor]:
        if self._table:
            return baked.trace(rays, self._grid(), self._table, HIDDEN_BELOW)
        if self.fused:
            return fused.trace(rays, self._grid(), self._field(), HIDDEN_BELOW)
        fields = (rays.origins, rays.directions, rays.jitter)
        chunks = [Rays(*part) for part in zip(*(x.split(CHUNK_RAYS) for x in fields), strict=True)]
        parts = [self._render_rays(chunk)[:3] for chunk in chunks]
        rgb, opacity, depth = (torch.cat(part) for part in zip(*parts, strict=True))
        return rgb, opacity, depth
