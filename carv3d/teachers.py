"""Configuration -> teacher. Heavy imports stay inside each branch."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from carv3d.config.schema import Config
from carv3d.runtime import devices
from carv3d.runtime.errors import UserError

if TYPE_CHECKING:
    import torch

    from carv3d.diffusion.teacher import Teacher

COMPILERS = ("g++", "clang++")  # one of which torch.compile needs on a CPU


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
        views=config.data.views, present=list(seen) if config.data.views > 1 else [0], size=64,
        device=devices.device(config.device),
        description=f"exact score of {exact.set_size} renders per view word of '{grammar.caption(spec)}'",
    )


def _diffusion_teacher(config: Config) -> Teacher:
    from carv3d.diffusion import loading, stable_diffusion
    from carv3d.diffusion.prompts import perp_neg_weights, view_weights
    from carv3d.runtime.progress import say

    where, given, own = devices.device(config.device), config.teacher, config.prompts
    names = {"auto": loading.fastest_dtype(where), **loading.DTYPES}
    encoder_names = {**names, "auto": loading.encoder_dtype(where)}
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
    from carv3d.runtime.progress import say

    return weights.locate(path, revision=revision, variant=variant, offline=offline, announce=say)


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
