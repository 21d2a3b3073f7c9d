"""Configuration -> objects. Heavy imports stay inside the functions: a sweep checks its cells without torch."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from carv3d import teachers
from carv3d.config import registry
from carv3d.config.schema import Config
from carv3d.runs.folder import Run
from carv3d.runtime import devices
from carv3d.runtime.errors import UserError
from carv3d.runtime.kernel_cache import compile_once, compiled_beside
from carv3d.runtime.progress import say

COMPILE = {  # what another process runs to compile the kernels of a name
    "teacher": "from carv3d.diffusion.engines.loops import program; program.compile_kernels(lambda line: None)",
    "toybox": "from carv3d.toybox import tracer; tracer.compile_kernels(lambda line: None)"}

if TYPE_CHECKING:
    import torch

    from carv3d.diffusion.teacher import Teacher
    from carv3d.runtime.distributed import World
    from carv3d.scenes.base import Scene
    from carv3d.scenes.starts import Points
    from carv3d.text3d.trainer import Trainer


def scene(config: Config, particle: int = 0) -> Scene:
    """A fresh scene; of several particles, each with random numbers of its own."""
    from carv3d.runtime import rng

    cls, options = registry.component("scene", config.scene.type), registry.options(config, "scene")
    generator = rng.generator(config.run_seed, f"scene init {particle}" if particle else "scene init")
    points = None
    if source := registry.scene(config).starts_from(options):
        points = _start_of_run(config, Path(source[0]).expanduser(), source[1], generator)
    return cls.make(options, device=devices.device(config.device), generator=generator, points=points)


def blank(config: Config) -> Scene:
    """A scene to load a checkpoint into."""
    cls, options = registry.component("scene", config.scene.type), registry.options(config, "scene")
    made: Scene = cls.blank(options, device=devices.device(config.device))
    return made


def _start_of_run(config: Config, path: Path, count: int, generator: torch.Generator) -> Points:
    """Points and colours of another run's scene, where it is opaque; for a signed scene, with their distance to its
    surface."""
    from carv3d.runs import checkpoint
    from carv3d.scenes import starts
    from carv3d.text3d import distances

    run = Run.open(path)
    other = run.config([f"device={devices.device(config.device).type}"])
    scenes, where, _ = trained_scenes(other, checkpoint.named(path, run.ckpts))
    one = scenes[0]
    if registry.scene(config).signed:
        try:
            return distances.around(other, one, where, count, generator)
        except UserError as error:
            raise UserError(f"scene.{config.scene.type}.init: {path}: {error}") from None
    points, colours = starts.sample_field(
        lambda points: one.density(points.to(where)), lambda points: one.field(points.to(where)), one.bound, one.step,
        count, generator)
    if not len(points):
        raise UserError(f"scene.gaussians.init: the scene of {path} is empty; give blob or another run")
    return points, colours


def trained_scenes(config: Config, path: Path) -> tuple[list[Scene], torch.device, int]:
    """The scenes of a checkpoint, one per particle, their device and step; loads no teacher."""
    from carv3d.runs import checkpoint

    where = devices.device(config.device)
    state = checkpoint.load(path, where)
    scenes: list[Scene] = []
    with checkpoint.fitting(path):
        for saved in state["trainer"]["scenes"]:
            scenes.append(blank(config))
            scenes[-1].load_state_dict(saved)
        if not scenes:
            raise ValueError("no scene in it")
    return scenes, where, state["step"]


def trainer(config: Config, world: World | None = None, begun: bool = False) -> Trainer:
    """world: the processes that share the run; one alone by default. begun: a checkpoint will be loaded into it, so
    that nothing is needed that a fresh scene would start from."""
    from carv3d.diffusion.guidance import Remedy
    from carv3d.objectives.base import Setting
    from carv3d.runtime.adam import Adam
    from carv3d.runtime.distributed import World
    from carv3d.runtime.memory import Chunks
    from carv3d.text3d.trainer import Trainer

    world, where = world or World(), devices.device(config.device)
    made = teachers.teacher(config)
    _check_together(config, made.views_per_item, world.size)
    teachers.take_engine(config, made, _rows(config, made, world), world)
    own = registry.options(config, "objective")
    scenes = [blank(config) if begun else scene(config, particle)
              for particle in range(own.particles if registry.objective(config).particles else 1)]
    objective = registry.component("objective", config.objective.type)(own, Setting(
        made, made.schedule.weighting(config.objective.weighting), float(config.objective.guidance_scale),
        config.run_seed, Chunks("LoRA", config.estimator.chunk, where), world,
        Remedy(config.objective.rescale, config.objective.x0_limit)))
    rates = registry.learning_rates(config)
    # fused: it alone skips an update on the device (found_inf) without a host sync
    first, second = config.optimizer.betas
    groups = [group for one in scenes for group in one.parameter_groups(rates)]
    for group in groups:
        group["floor"] = config.optimizer.floor_encoding if group.get("name") == "encoding" else 0.0
    optimizer = Adam(groups, betas=(first, second), eps=config.optimizer.eps, fused=True)
    trainer = Trainer.of(config, scenes, made, objective, optimizer, where, world)
    _check_weighting(trainer, made.schedule.weighting(config.objective.weighting).cpu())
    return trainer


def _check_together(config: Config, together: int, ranks: int) -> None:
    """UserError for an objective or a number of views that a teacher of several views at a time cannot have."""
    if together == 1:
        return
    if registry.objective(config).learns:
        raise UserError(f"objective.type: {config.objective.type} given, which learns from one view at a time, with a "
                        f"teacher that looks at {together} together; give sds, csd or rfds_rev")
    least = together * ranks
    if all(size % least for size in config.data.sizes):
        given = " or ".join(map(str, config.data.sizes))
        raise UserError(f"data.batch_size: {given} given with a teacher that looks at {together} views together"
                        + (f", on {ranks} ranks" if ranks > 1 else "") + f"; allowed: multiples of {least}")


def _rows(config: Config, teacher: Teacher, world: World) -> list[int]:
    """Of latents in one call of the teacher, as steps make it: what its speed is measured at."""
    from carv3d.diffusion.guidance import branches
    from carv3d.text3d.trainer import FIRST_K

    own = config.estimator
    most = own.chunk if isinstance(own.chunk, int) and own.chunk else math.inf
    needed = ("uncond", "cond") if config.objective.type == "csd" else branches(float(config.objective.guidance_scale))
    items = config.data.first_batch // (world.size * teacher.views_per_item)
    each = max(items, 1) * teacher.evaluations(needed)
    return [int(min(k, most)) * each for k in own.ks() or [FIRST_K]]


def _check_weighting(trainer: Trainer, weight: torch.Tensor) -> None:
    """UserError where w(t), [T], is infinite at a noise level that the run will draw; or nothing, if draws go by it."""
    own, estimator = trainer.config.objective, trainer.config.estimator
    least = 0.0 if estimator.importance_sampling and estimator.proposal == "weight" else -1.0
    for step in {0, trainer.config.trainer.max_steps, *own.t_min.steps, *own.t_max.steps}:  # linear in between
        drawn = weight[trainer.target(step) > 0]
        bad = drawn[~(drawn.isfinite() & (drawn > least))]
        if len(bad):
            raise UserError(f"objective.weighting: {own.weighting} given; a noise level that this run draws has the "
                            f"weight {float(bad[0]):g} (the teacher's last step is pure noise?); allowed: a lower "
                            "objective.t_max, or another weighting")


def settle(config: Config, begun: bool = False) -> None:
    """UserError for a missing prompt, one that the teacher does not know, or files that are not there; loads nothing
    heavy. Paths of folders and files become absolute, so that the run can be resumed from anywhere.

    begun: it goes on from a checkpoint. What a scene started from is then no longer needed, and a CLIP model that is
    gone costs its score alone."""
    if not config.prompt.strip():
        raise UserError('prompt: none given; give one, for example prompt="a red mushroom" (carv3d prompts lists them)')
    teachers.settle(config)
    if not begun and config.teacher.engine not in ("auto", "torch") and devices.device(config.device).type != "cpu":
        raise UserError(f"teacher.engine: {config.teacher.engine} given on a {devices.device(config.device).type} "
                        "device; engines run on a CPU; give device=cpu, or leave teacher.engine auto")
    settle_quality(config, needed=not begun)
    said, options = registry.scene(config), registry.options(config, "scene")
    if begun:
        with contextlib.suppress(UserError):
            said.settle(options)
        return
    said.settle(options)
    if source := said.starts_from(options):
        other = Run.open(source[0]).config()
        if registry.scene(other).gaussians or not registry.scene(other).formats:
            raise UserError(f"scene.{config.scene.type}.init: {source[0]} is a run with scene.type "
                            f"{other.scene.type}; its type must be nerf or sdf")


def settle_quality(config: Config, needed: bool = True) -> None:
    """UserError for a CLIP model that is not there, or a line where it is not needed; its path becomes absolute."""
    if config.quality.clip:
        from carv3d.quality.clip import clip_folder

        try:
            config.quality.clip = str(clip_folder(config.quality.clip).absolute())
        except UserError as error:
            if needed:
                raise
            say(f"going on without clip_score: {error}")


def set_up_kernels(config: Config, announce: Callable[[str], None], truth: bool = False) -> None:
    """Compile the CPU kernels that will run; announced, cached, once per machine. truth: with what a run has beside
    its scene: the loops that run the teacher's network, and the toybox's tracer if the prompt has a ground truth there.
    """
    cls = registry.component("scene", config.scene.type)
    scene = cls.compiled and devices.device(config.device).type == "cpu"
    needed = {"teacher": truth and teachers.asked_by_loops(config), "toybox": truth and registry.teacher(config).toybox}
    with compiled_beside({name: code for name, code in COMPILE.items() if scene and needed[name]}):
        if scene:
            compile_once(cls.compiled, cls.rehearse, announce)
    if needed["teacher"]:
        from carv3d.diffusion.engines.loops import program

        program.compile_kernels(announce)
    if needed["toybox"]:
        from carv3d.toybox import tracer

        tracer.compile_kernels(announce)
