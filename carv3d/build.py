"""Configuration -> objects: the only tables of names and constructors. Heavy imports stay inside each branch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from carv3d.errors import UserError
from carv3d.schema import Config

if TYPE_CHECKING:
    import torch

    from carv3d.diffusion.teacher import Teacher
    from carv3d.scenes.base import Scene
    from carv3d.train import Trainer


def device(config: Config) -> torch.device:
    import torch

    if config.device == "cuda" and not torch.cuda.is_available():
        raise UserError("device: cuda given, but this PyTorch sees no CUDA device; allowed here: auto, cpu")
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(config.device)


def scene(config: Config) -> Scene:
    from carv3d import rng

    options = {"device": device(config), "generator": rng.generator(config.seed, "scene init")}
    if config.scene.type == "nerf":
        from carv3d.scenes.nerf import NeRF

        return NeRF(**dataclasses.asdict(config.scene.nerf), **options)
    from carv3d.scenes.image import Image

    return Image(**dataclasses.asdict(config.scene.image), **options)


def trained_scene(config: Config, path: Path) -> tuple[Scene, torch.device, int]:
    """The scene of a checkpoint, its device and its step; loads no teacher."""
    from carv3d import checkpoint

    where = device(config)
    state = checkpoint.load(path, where)
    made = scene(config)
    made.load_state_dict(state["trainer"]["scene"])
    return made, where, state["step"]


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
    from carv3d.diffusion.prompts import VIEWS, view_prompt
    from carv3d.progress import say
    from carv3d.toybox import grammar

    prompt = grammar.caption(grammar.parse(config.prompt)) if config.teacher.toybox else config.prompt.strip()
    where, name = device(config), config.teacher.dtype
    dtype = stable_diffusion.fastest_dtype(where) if name == "auto" else stable_diffusion.DTYPES[name]
    return stable_diffusion.load(
        weights_folder(config), [view_prompt(prompt, view) for view in VIEWS[config.data.views] or (None,)],
        views=config.data.views, variant=config.teacher.variant, dtype=dtype, device=where, announce=say)


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


def trainer(config: Config) -> Trainer:
    import torch

    from carv3d.train import Trainer

    made = scene(config)
    rates = {"encoding": config.optimizer.lr_encoding, "mlp": config.optimizer.lr_mlp,
             "image": config.optimizer.lr_image}
    # fused: it alone skips an update on the device (found_inf) without a host sync
    optimizer = torch.optim.Adam(made.parameter_groups(rates), betas=tuple(config.optimizer.betas),
                                 eps=config.optimizer.eps, fused=True)
    return Trainer(config, made, teacher(config), optimizer, device(config))


def settle(config: Config) -> None:
    """UserError for a missing prompt, one that the teacher does not know, or a teacher that is not there; loads nothing
    heavy. A teacher's folder becomes an absolute path, so that the run can be resumed from anywhere."""
    if not config.prompt.strip():
        raise UserError('prompt: none given; give one, for example prompt="a red mushroom" (carv3d prompts lists them)')
    if config.teacher.toybox:
        from carv3d.toybox import grammar

        grammar.parse(config.prompt)
    if config.teacher.type != "exact":
        weights_folder(config)
    if config.teacher.path and (folder := Path(config.teacher.path).expanduser()).is_dir():
        config.teacher.path = str(folder.absolute())


def set_up_kernels(config: Config, announce: Callable[[str], None], truth: bool = False) -> None:
    """Compile the CPU kernels that will run; announced, cached, once per machine. truth: with the toybox's tracer, if
    the prompt has a ground truth there."""
    if device(config).type == "cpu":
        from carv3d.scenes.kernels.backends import compile_kernels

        compile_kernels(announce)
    if truth and config.teacher.toybox:
        from carv3d.toybox import tracer

        tracer.compile_kernels(announce)
