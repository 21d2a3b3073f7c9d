"""Configuration -> objects: the only tables of names and constructors. Heavy imports stay inside each branch."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from carv3d.config.schema import Config
from carv3d.runtime import devices
from carv3d.runtime.errors import UserError
from carv3d.runtime.kernel_cache import compile_once
from carv3d.teachers import COMPILERS, _known, teacher, weights_folder

if TYPE_CHECKING:
    import torch

    from carv3d.runtime.distributed import World
    from carv3d.scenes.base import Scene
    from carv3d.scenes.splats import Splats
    from carv3d.text3d.trainer import Trainer


def scene(config: Config, particle: int = 0) -> Scene:
    from carv3d.runtime import rng

    purpose = f"scene init {particle}" if particle else "scene init"
    options = {"device": devices.device(config.device), "generator": rng.generator(config.seed, purpose)}
    if config.scene.type == "nerf":
        from carv3d.scenes.nerf import NeRF

        return NeRF(**dataclasses.asdict(config.scene.nerf), **options)
    if config.scene.type == "gaussians":
        from carv3d.scenes.density import Rules
        from carv3d.scenes.gaussians import Gaussians

        own = config.scene.gaussians
        return Gaussians(_first_splats(config, options["generator"]), bound=own.bound, antialias=own.antialias,
                         raster_backend=own.raster_backend, rules=Rules(**dataclasses.asdict(own.density)),
                         device=options["device"])
    from carv3d.scenes.image import Image

    return Image(**dataclasses.asdict(config.scene.image), **options)


def _init_kind(config: Config) -> str:
    """What scene.gaussians.init names: blob, points, splats or run; UserError if that is nothing to start from."""
    given = config.scene.gaussians.init
    if given == "blob":
        return "blob"
    path = Path(given).expanduser()
    if not path.exists():
        raise UserError(f"scene.gaussians.init: {given} does not exist; give blob, a .ply file, or a NeRF run's folder")
    if path.is_dir() or path.suffix == ".ckpt":
        from carv3d.runs.folder import Run

        if (kind := Run.open(path).config().scene.type) != "nerf":
            raise UserError(f"scene.gaussians.init: {given} is a run with scene.type {kind}; its type must be nerf")
        return "run"
    with open(path, "rb") as file:
        header = file.read(1 << 13).partition(b"end_header")[0]
    if not header.startswith(b"ply"):
        raise UserError(f"scene.gaussians.init: {given} is neither a PLY file nor a run; give blob, a .ply file, or a "
                        "NeRF run's folder")
    return "splats" if b" f_dc_0" in header else "points"


def _first_splats(config: Config, generator: torch.Generator) -> Splats:
    """The Gaussians that training starts from."""
    from carv3d.scenes import starts

    own, kind = config.scene.gaussians, _init_kind(config)
    path = Path(own.init).expanduser()
    if kind == "splats":
        from carv3d.export import splat

        splats = starts.with_degree(splat.read(path), own.sh_degree)
        return splats[starts.subset(own.count, len(splats), generator)]
    if kind == "blob":
        points, colours = starts.ball(own.count, own.init_radius, generator)
    elif kind == "points":
        points, colours = starts.read_points(path)
        chosen = starts.subset(own.count, len(points), generator)
        points, colours = points[chosen], colours[chosen]
    else:
        points, colours = _points_of_run(config, path, generator)
    return starts.surround(points, colours, opacity=own.init_opacity, size=own.init_size, degree=own.sh_degree)


def _points_of_run(config: Config, path: Path, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Points and colours of a trained NeRF, where it is opaque."""
    from carv3d.runs import checkpoint
    from carv3d.runs.folder import Run
    from carv3d.scenes import starts

    run = Run.open(path)
    other = run.config([f"device={devices.device(config.device).type}"])
    scenes, where, _ = trained_scenes(other, path if path.suffix == ".ckpt" else checkpoint.newest(run.ckpts))
    one = scenes[0]
    points, colours = starts.sample_field(
        lambda points: one.density(points.to(where)), lambda points: one.field(points.to(where)), one.bound, one.step,
        config.scene.gaussians.count, generator)
    if not len(points):
        raise UserError(f"scene.gaussians.init: the scene of {path} is empty; give blob or another run")
    return points, colours


def trained_scenes(config: Config, path: Path) -> tuple[list[Scene], torch.device, int]:
    """The scenes of a checkpoint, one per particle, their device and step; loads no teacher."""
    from carv3d.runs import checkpoint

    where = devices.device(config.device)
    state = checkpoint.load(path, where)
    # what Gaussians started from need not be there any more
    own = dataclasses.replace(config.scene.gaussians, init="blob", count=1)
    config = dataclasses.replace(config, scene=dataclasses.replace(config.scene, gaussians=own))
    scenes = []
    for saved in state["trainer"]["scenes"]:
        scenes.append(scene(config))
        scenes[-1].load_state_dict(saved)
    return scenes, where, state["step"]


def trainer(config: Config, world: World | None = None) -> Trainer:
    """world: the processes that share the run; one alone by default."""
    import torch

    from carv3d.runtime.distributed import World
    from carv3d.text3d.trainer import Trainer

    world = world or World()
    own, made = config.objective.vsd, teacher(config)
    scenes = [scene(config, particle) for particle in range(own.particles if config.objective.type == "vsd" else 1)]
    learner = None
    if config.objective.type == "vsd":
        from carv3d.diffusion.lora import LoRAScore
        from carv3d.objectives.learner import Learner
        from carv3d.runtime.memory import Chunks

        learner = Learner(LoRAScore(made, own.rank, config.seed), own, made.schedule.timesteps, config.seed,
                          Chunks("LoRA", config.estimator.chunk, devices.device(config.device)), world)
    rates = {name: getattr(config.optimizer, f"lr_{name}") for name in
             ("encoding", "mlp", "means", "scales", "quaternions", "opacity", "sh", "image")}
    # fused: it alone skips an update on the device (found_inf) without a host sync
    optimizer = torch.optim.Adam([group for one in scenes for group in one.parameter_groups(rates)],
                                 betas=tuple(config.optimizer.betas), eps=config.optimizer.eps, fused=True)
    return Trainer(config, scenes, made, optimizer, devices.device(config.device), learner, world)


def settle(config: Config) -> None:
    """UserError for a missing prompt, one that the teacher does not know, or a teacher that is not there; loads nothing
    heavy. Paths of folders and files become absolute, so that the run can be resumed from anywhere."""
    if not config.prompt.strip():
        raise UserError('prompt: none given; give one, for example prompt="a red mushroom" (carv3d prompts lists them)')
    if config.teacher.toybox:
        from carv3d.toybox import grammar

        grammar.parse(config.prompt)
        for name in ("negative", "front", "side", "back", "overhead"):
            if text := getattr(config.prompts, name):
                _known(name, text)
    if config.teacher.type != "exact":
        weights_folder(config)
    settle_quality(config)
    if config.teacher.compile and devices.device(config.device).type == "cpu" and not any(map(shutil.which, COMPILERS)):
        raise UserError(f"teacher.compile: true given, but none of {', '.join(COMPILERS)} is here; install a C++ "
                        "compiler, or leave it false")
    if config.teacher.path and (folder := Path(config.teacher.path).expanduser()).is_dir():
        config.teacher.path = str(folder.absolute())
    if config.scene.type == "gaussians" and _init_kind(config) != "blob":
        config.scene.gaussians.init = str(Path(config.scene.gaussians.init).expanduser().absolute())


def settle_quality(config: Config) -> None:
    """UserError for a CLIP model that is not there; its path becomes absolute."""
    if config.quality.clip:
        from carv3d.quality.clip import clip_folder

        config.quality.clip = str(clip_folder(config.quality.clip).absolute())


def set_up_kernels(config: Config, announce: Callable[[str], None], truth: bool = False) -> None:
    """Compile the CPU kernels that will run; announced, cached, once per machine. truth: with the toybox's tracer, if
    the prompt has a ground truth there."""
    if devices.device(config.device).type == "cpu":
        from carv3d.text3d.build import compile_kernels

        compile_kernels(announce, config.scene.type)
    if truth and config.teacher.toybox:
        from carv3d.toybox import tracer

        tracer.compile_kernels(announce)


def compile_kernels(announce: Callable[[str], None], scene: str = "nerf") -> None:
    """Compile the CPU kernels of a scene (nerf or gaussians; image has none) on tiny inputs, announcing it in one line,
    unless the cache already holds them."""
    import torch

    from carv3d.cameras import orbit

    camera = orbit([0.0], 0.0, 2.0, 40.0, 4, 4)
    generator = torch.Generator().manual_seed(0)

    def nerf() -> None:
        from carv3d.scenes.nerf import NeRF

        scene = NeRF(occupancy_resolution=8, generator=generator)
        scene.update(0, generator)
        scene.render(camera, torch.zeros(1, 3), generator).rgb.sum().backward()
        with torch.no_grad():
            scene.render(camera, torch.zeros(1, 3))

    def gaussians() -> None:
        from carv3d.scenes import starts
        from carv3d.scenes.gaussians import Gaussians

        start = starts.surround(*starts.ball(8, 0.5, generator), opacity=0.5, size=1.0, degree=1)
        Gaussians(start, bound=1.0, antialias=True, raster_backend="auto").render(
            camera, torch.zeros(1, 3)).rgb.sum().backward()

    if scene in ("nerf", "gaussians"):
        name, run = ("scene", nerf) if scene == "nerf" else ("gaussians", gaussians)
        compile_once(name, run, announce)
