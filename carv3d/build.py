"""Configuration -> objects: the only tables of names and constructors. Heavy imports stay inside each branch."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from carv3d.errors import UserError
from carv3d.schema import Config

if TYPE_CHECKING:
    import torch

    from carv3d.diffusion.teacher import Teacher
    from carv3d.distributed import World
    from carv3d.scenes.base import Scene
    from carv3d.scenes.splats import Splats
    from carv3d.train import Trainer

COMPILERS = ("g++", "clang++")  # one of which torch.compile needs on a CPU


def device(config: Config) -> torch.device:
    import torch

    if config.device == "cuda" and not torch.cuda.is_available():
        raise UserError("device: cuda given, but this PyTorch sees no CUDA device; allowed here: auto, cpu")
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(config.device)


def scene(config: Config, particle: int = 0) -> Scene:
    from carv3d import rng

    purpose = f"scene init {particle}" if particle else "scene init"
    options = {"device": device(config), "generator": rng.generator(config.seed, purpose)}
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
        from carv3d.runs import Run

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
    from carv3d import checkpoint
    from carv3d.runs import Run
    from carv3d.scenes import starts

    run = Run.open(path)
    other = run.config([f"device={device(config).type}"])
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
    from carv3d import checkpoint

    where = device(config)
    state = checkpoint.load(path, where)
    # what Gaussians started from need not be there any more
    own = dataclasses.replace(config.scene.gaussians, init="blob", count=1)
    config = dataclasses.replace(config, scene=dataclasses.replace(config.scene, gaussians=own))
    scenes = []
    for saved in state["trainer"]["scenes"]:
        scenes.append(scene(config))
        scenes[-1].load_state_dict(saved)
    return scenes, where, state["step"]


def teacher(config: Config) -> Teacher:
    return _exact_teacher(config) if config.teacher.type == "exact" else _diffusion_teacher(config)


def _exact_teacher(config: Config) -> Teacher:
    import torch

    from carv3d.diffusion.exact import ExactTeacher
    from carv3d.diffusion.prompts import VIEWS
    from carv3d.diffusion.schedule import scaled_linear
    from carv3d.toybox import grammar, sets

    spec = grammar.parse(config.prompt)
    ranges = (config.data.elevation_range, config.data.camera_distance_range, config.data.fovy_range)
    seen = {i: view for i, view in enumerate(VIEWS[max(config.data.views, 4)]) if view.elevation_range(ranges[0])}
    exact = config.teacher.exact

    def conditional(index: int) -> torch.Tensor:
        if config.data.views > 1:
            return sets.view_set(spec, seen[index], *ranges, count=exact.set_size)
        return torch.cat([sets.view_set(spec, view, *ranges, count=exact.set_size) for view in seen.values()])

    return ExactTeacher(
        scaled_linear(), conditional, partial(sets.unconditional_set, *ranges, count=exact.unconditional_size),
        views=config.data.views, present=list(seen) if config.data.views > 1 else [0], size=64, device=device(config),
        description=f"exact score of {exact.set_size} renders per view word of '{grammar.caption(spec)}'",
    )


def _diffusion_teacher(config: Config) -> Teacher:
    from carv3d.diffusion import stable_diffusion
    from carv3d.diffusion.prompts import perp_neg_weights, view_weights
    from carv3d.progress import say

    where, given, own = device(config), config.teacher, config.prompts
    names = {"auto": stable_diffusion.fastest_dtype(where), **stable_diffusion.DTYPES}
    encoder_names = {**names, "auto": stable_diffusion.encoder_dtype(where)}
    weights_of = partial(view_weights, views=config.data.views, interpolate=own.interpolate or own.perp_neg > 0,
                         front_deg=own.front_deg, back_deg=own.back_deg, overhead_deg=own.overhead_deg)
    negatives_of = partial(perp_neg_weights, scale=own.perp_neg, overhead_deg=own.overhead_deg)
    return stable_diffusion.load(
        weights_folder(config), view_prompts(config), negative=own.negative, weights_of=weights_of,
        negatives_of=negatives_of if own.perp_neg else None, variant=given.variant, dtype=names[given.dtype],
        encode_dtype=encoder_names[given.encode_dtype], device=where, compiled=given.compile,
        checkpoint_encode=given.checkpoint_encode, announce=say)


def view_prompts(config: Config) -> list[str]:
    """The prompt of each view word, by hand where one is given; a single one without view words."""
    from carv3d.diffusion.prompts import VIEWS, view_prompt
    from carv3d.toybox import grammar

    prompt = grammar.caption(grammar.parse(config.prompt)) if config.teacher.toybox else config.prompt.strip()
    by_hand = {name: getattr(config.prompts, name).strip() for name in ("front", "side", "back", "overhead")}
    return [by_hand.get(view.name if view else "", "") or view_prompt(prompt, view)
            for view in VIEWS[config.data.views] or (None,)]


def weights_folder(config: Config) -> Path:
    """Where the weights of a diffusion teacher lie, fetched if need be; UserError if that is no complete model."""
    given = config.teacher
    if given.type == "bundled":
        from carv3d.diffusion.weights import bundled

        return bundled()
    return _located(given.path, given.revision, given.variant, given.offline)


@lru_cache(maxsize=4)
def _located(path: str, revision: str, variant: str, offline: bool) -> Path:
    from carv3d.diffusion import weights
    from carv3d.progress import say

    return weights.locate(path, revision=revision, variant=variant, offline=offline, announce=say)


def trainer(config: Config, world: World | None = None) -> Trainer:
    """world: the processes that share the run; one alone by default."""
    import torch

    from carv3d.distributed import World
    from carv3d.train import Trainer

    world = world or World()
    own, made = config.objective.vsd, teacher(config)
    scenes = [scene(config, particle) for particle in range(own.particles if config.objective.type == "vsd" else 1)]
    learner = None
    if config.objective.type == "vsd":
        from carv3d.diffusion.lora import LoRAScore
        from carv3d.memory import Chunks
        from carv3d.vsd import Learner

        learner = Learner(LoRAScore(made, own.rank, config.seed), own, made.schedule.timesteps, config.seed,
                          Chunks("LoRA", config.estimator.chunk, device(config)), world)
    rates = {name: getattr(config.optimizer, f"lr_{name}") for name in
             ("encoding", "mlp", "means", "scales", "quaternions", "opacity", "sh", "image")}
    # fused: it alone skips an update on the device (found_inf) without a host sync
    optimizer = torch.optim.Adam([group for one in scenes for group in one.parameter_groups(rates)],
                                 betas=tuple(config.optimizer.betas), eps=config.optimizer.eps, fused=True)
    return Trainer(config, scenes, made, optimizer, device(config), learner, world)


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
    if config.teacher.compile and device(config).type == "cpu" and not any(map(shutil.which, COMPILERS)):
        raise UserError(f"teacher.compile: true given, but none of {', '.join(COMPILERS)} is here; install a C++ "
                        "compiler, or leave it false")
    if config.teacher.path and (folder := Path(config.teacher.path).expanduser()).is_dir():
        config.teacher.path = str(folder.absolute())
    if config.scene.type == "gaussians" and _init_kind(config) != "blob":
        config.scene.gaussians.init = str(Path(config.scene.gaussians.init).expanduser().absolute())


def settle_quality(config: Config) -> None:
    """UserError for a CLIP model that is not there; its path becomes absolute."""
    if config.quality.clip:
        from carv3d.diffusion.weights import clip_folder

        config.quality.clip = str(clip_folder(config.quality.clip).absolute())


def _known(name: str, text: str) -> None:
    """UserError unless the bundled teacher knows every word of one of ``prompts``: a toybox prompt, a view, or both."""
    from carv3d.diffusion.prompts import VIEWS
    from carv3d.toybox import grammar

    views = {f"{view.name} view" for view in VIEWS[8]} | {"side view"}
    what, _, view = (part.strip() for part in text.partition(","))
    if what not in views and view not in views | {""}:
        raise UserError(f"prompts.{name}: '{view}' given after the comma; allowed with the bundled teacher: "
                        f"{', '.join(sorted(views))}")
    if what in views and not view:
        return
    try:
        grammar.parse(what)
    except UserError as error:
        raise UserError(f"prompts.{name}: {error}") from None


def set_up_kernels(config: Config, announce: Callable[[str], None], truth: bool = False) -> None:
    """Compile the CPU kernels that will run; announced, cached, once per machine. truth: with the toybox's tracer, if
    the prompt has a ground truth there."""
    if device(config).type == "cpu":
        from carv3d.scenes.kernels.backends import compile_kernels

        compile_kernels(announce, config.scene.type)
    if truth and config.teacher.toybox:
        from carv3d.toybox import tracer

        tracer.compile_kernels(announce)
