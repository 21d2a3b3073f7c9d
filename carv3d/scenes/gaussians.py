"""3D Gaussians as a scene (Kerbl et al., 2023)."""

from __future__ import annotations

from dataclasses import asdict, replace

import torch
from torch import Tensor, nn

from carv3d.cameras import Cameras, RenderOut, orbit
from carv3d.config.scenes import GaussiansConfig
from carv3d.config.traits import GaussiansTraits
from carv3d.runtime.devices import moved
from carv3d.runtime.types import Record, State
from carv3d.scenes import density, starts
from carv3d.scenes.base import BACK, WHOLE, Points, Scene, Total
from carv3d.scenes.density import Evidence, Rules
from carv3d.scenes.kernels.backends import choose
from carv3d.scenes.kernels.splats.rasterise import rasterise
from carv3d.scenes.kernels.splats.rules import Raster
from carv3d.scenes.splats import Splats

RATES = {"means": "means", "log_scales": "scales", "quaternions": "quaternions", "opacity_logits": "opacity",
         "sh": "sh"}  # parameter -> the name of its rate


class Gaussians(GaussiansTraits, Scene):
    """N Gaussians, whose number may change.

    start: what training begins with. bound: half the side of the box that ``field`` is asked about, world units; the
    Gaussians may leave it. antialias: see kernels.splatting. raster_backend: auto, torch, numba or gsplat.

    rules: of density control; None leaves the number as it is.

    raster: the last image drawn with gradients, for density control: its radii, and after a backward pass
    ``raster.screen.grad``; size: its width and height, views: how many it is a part of. evidence: what such images
    have said since the number last changed.
    """

    def __init__(
        self, start: Splats, *, bound: float, antialias: bool, raster_backend: str, rules: Rules | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__()
        if bound <= 0:
            raise ValueError(f"bound must be positive, got {bound}")
        device = torch.device(device)
        self.raster_backend, why = choose("scene.gaussians.raster_backend", raster_backend, device,
                                          {"cpu": ("numba",), "cuda": ("gsplat",)})
        self.backends = f"rasteriser {self.raster_backend} ({why})"
        self.bound, self.antialias = bound, antialias
        self.rules, self.size, self.views = rules, (0, 0), 0
        self.raster: Raster | None = None
        self._first: Tensor | None = None
        for name, tensor in start.tensors().items():
            setattr(self, name, nn.Parameter(tensor.detach().to(device, torch.float32).clone()))
        for name, tensor in Evidence.none(len(start), device).tensors().items():
            self.register_buffer(name, tensor)

    compiled = "gaussians"
    means: Tensor
    log_scales: Tensor
    quaternions: Tensor
    opacity_logits: Tensor
    sh: Tensor
    signal: Tensor
    seen: Tensor

    @classmethod
    def make(cls, options: GaussiansConfig, *, device: torch.device, generator: torch.Generator,
             points: Points | None = None) -> Gaussians:
        start = starts.first(options, generator, points)
        return cls(start, bound=options.bound, antialias=options.antialias, raster_backend=options.raster_backend,
                   rules=Rules(**asdict(options.density)), device=device)

    @classmethod
    def blank(cls, options: GaussiansConfig, *, device: torch.device) -> Gaussians:
        """What they started from need not be there any more."""
        return cls.make(replace(options, init="blob", count=1), device=device,
                        generator=torch.Generator().manual_seed(0))

    @classmethod
    def rehearse(cls) -> None:
        generator, camera = torch.Generator().manual_seed(0), orbit([0.0], 0.0, 2.0, 40.0, 4, 4)
        start = starts.surround(*starts.ball(8, 0.5, generator), opacity=0.5, size=1.0, degree=1)
        scene = cls(start, bound=1.0, antialias=True, raster_backend="auto")
        scene.render(camera, torch.zeros(1, 3)).rgb.sum().backward()

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.signal, self.seen)

    @evidence.setter
    def evidence(self, new: Evidence) -> None:
        for name, tensor in new.tensors().items():
            setattr(self, name, tensor)

    @property
    def splats(self) -> Splats:  # type: ignore[override]
        """The parameters as they are, not copies."""
        return Splats(self.means, self.log_scales, self.quaternions, self.opacity_logits, self.sh)

    def render(self, cameras: Cameras, background: Tensor, generator: torch.Generator | None = None,
               part: slice = WHOLE) -> RenderOut:
        """Render B views on background [B,3], or a part of them; the generator is not used, nothing here is random.

        Colours are cut at 1 only where no gradient is wanted: a cut would leave the too bright without one.
        """
        views = len(cameras)
        if background.shape != (views, 3):
            raise ValueError(f"background must be [{views},3], got {tuple(background.shape)}")
        cameras, background = cameras[part], background[part]
        raster = rasterise(self.splats, cameras.to(self.device), backend=self.raster_backend, antialias=self.antialias)
        rgb = raster.rgb + (1 - raster.opacity) * moved(background, self.device)[:, None, None]
        if torch.is_grad_enabled():
            self.raster, self.size, self.views = raster, (cameras.width, cameras.height), views
        else:
            rgb = rgb.clamp_max(1)
        depth = raster.depth / raster.opacity.clamp_min(1e-6)
        return RenderOut(rgb, raster.opacity, depth, {"gaussians": float(len(self.means))})

    def parameter_groups(self, lr: dict[str, float]) -> list[Record]:
        """One group for each parameter, with the rates lr["means"], "scales", "quaternions", "opacity" and "sh"."""
        return [{"name": name, "params": [getattr(self, name)], "lr": lr[rate]} for name, rate in RATES.items()]

    @property
    def work(self) -> float:  # type: ignore[override]
        """300 operations to project one; a quadratic form, an exponential and a blend at each pixel it may cover."""
        width, height = self.size
        if self.raster is None:
            return 0.0
        covered = (self.raster.radii.float().square() * torch.pi).clamp_max(width * height).sum(1).mean()
        return BACK * (300.0 * len(self.means) + 30 * float(covered))

    def wants_halves(self, step: int) -> bool:
        return self.rules is not None and self.rules.gathers(step)

    @property
    def half_seen(self) -> bool:
        """Whether the first half of a gradient was observed and the second is awaited."""
        return self._first is not None

    def observe(self, total: Total) -> None:
        """After the first half's backward, keep its screen-space gradient; after the second's, add to the evidence."""
        assert self.raster is not None and self.raster.screen.grad is not None  # a render and a backward came before
        gradient = self.raster.screen.grad
        if self._first is None:
            self._first = gradient.clone()
            return
        first, self._first = self._first, None
        share = 2 * self.views  # each view's own loss, from each half alone
        none = Evidence.none(len(self.means), self.device)
        news = none.add(share * first, share * (gradient - first), self.raster.radii, *self.size)
        total([news.signal, news.seen])
        self.evidence = Evidence(self.signal + news.signal, self.seen + news.seen)

    @torch.no_grad()
    def update(self, step: int, generator: torch.Generator, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Density control, in the steps that its rules name; the optimiser's state follows its Gaussians."""
        rules = self.rules
        if rules is None:
            return
        if rules.changes(step):
            change = density.decide(self.splats, self.evidence, rules)
            splats, rows = density.apply(self.splats, change, generator)
            self._replace(splats.tensors(), rows, optimizer)
            self.evidence = Evidence.none(len(splats), self.device)
        if rules.resets(step):
            lowered = density.reset_opacity(self.opacity_logits, rules.reset_to)
            every = torch.arange(len(lowered), device=self.device)
            self._replace({"opacity_logits": lowered}, every.fill_(-1), optimizer)

    def _replace(self, tensors: dict[str, Tensor], rows: Tensor, optimizer: torch.optim.Optimizer | None) -> None:
        """New values, as new parameters (autograd remembers the shape of the old), in the places of the old ones in the
        optimiser. rows: see density.carry."""
        for name, value in tensors.items():
            old, new = getattr(self, name), nn.Parameter(value)
            setattr(self, name, new)
            for group in optimizer.param_groups if optimizer else []:
                group["params"] = [new if parameter is old else parameter for parameter in group["params"]]
            if optimizer and old in optimizer.state:
                optimizer.state[new] = {key: density.carry(kept, rows) if torch.is_tensor(kept) and kept.ndim else kept
                                        for key, kept in optimizer.state.pop(old).items()}

    def field(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Density [P] (see kernels.splat_field), 1 / world unit, and the view-independent colour [P,3] in [0,1] at
        points [P,3], world units; without gradient."""
        found = self._field(points, colour=True)
        return found[:, 0], found[:, 1:].clamp_max(1)

    def density(self, points: Tensor) -> Tensor:
        """Density alone, [P]."""
        return self._field(points, colour=False)[:, 0]

    @torch.no_grad()
    def _field(self, points: Tensor, colour: bool) -> Tensor:
        from carv3d.scenes.kernels.splats import field as splat_field

        if self.raster_backend == "torch":
            return splat_field.field_torch(points, self.splats)
        on_host = Splats(**{name: tensor.cpu() for name, tensor in self.splats.tensors().items()})
        return splat_field.Field(on_host)(points.cpu(), colour).to(points.device)

    def _load_from_state_dict(self, state_dict: State, prefix: str, *rest: object) -> None:
        """A checkpoint may hold another number of Gaussians; the parameters stay the same objects."""
        for name in (*RATES, "signal", "seen"):
            saved, own = state_dict.get(prefix + name), getattr(self, name)
            if saved is not None and saved.shape[1:] == own.shape[1:] and len(saved) != len(own):
                own.data, own.grad = own.data.new_empty(saved.shape), None
        super()._load_from_state_dict(state_dict, prefix, *rest)
