"""The built-in teachers: what each checks before a run folder exists, and how each is made from a configuration.

Heavy imports stay inside the functions, so that a sweep can check its cells without torch.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from carv3d.config import registry
from carv3d.config.schema import Config, TeacherConfig
from carv3d.config.traits import BundledTraits, DiffusersTraits, ExactTraits, FlowTraits, ToyboxTraits
from carv3d.runtime import devices
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import expanded

if TYPE_CHECKING:
    import torch

    from carv3d.diffusion.diffusers_teacher import DiffusersTeacher
    from carv3d.diffusion.footprint import Footprint
    from carv3d.diffusion.settings import Settings
    from carv3d.diffusion.teacher import Teacher
    from carv3d.runtime.distributed import World

LONG = 100  # steps of a run from which on teacher.engine=auto measures: a conversion costs as much as some dozen save
COMPILERS = ("g++", "clang++")  # one of which torch.compile needs on a CPU


def teacher(config: Config) -> Teacher:
    """The configured teacher, on the configured device."""
    return registry.component("teacher", config.teacher.type).make(config, devices.device(config.device))


def settle(config: Config) -> None:
    """UserError for a prompt that the teacher does not know, or weights that are not there; paths become absolute."""
    registry.component("teacher", config.teacher.type).settle(config)


class Exact(ExactTraits):
    """teacher.type=exact: the optimal denoiser of a finite set of renders of the toybox."""

    @staticmethod
    def settle(config: Config) -> None:
        _settle_toybox(config)

    @staticmethod
    def make(config: Config, device: torch.device) -> Teacher:
        return _exact_teacher(config, device)


class _Diffusion:
    """A folder of diffusers."""

    @staticmethod
    def make(config: Config, device: torch.device) -> Teacher:
        return _diffusion_teacher(config, device)


class Bundled(_Diffusion, BundledTraits):
    """teacher.type=bundled: the model that ships with carv3d, trained on the toybox."""

    @staticmethod
    def settle(config: Config) -> None:
        _settle_toybox(config)
        settle_weights(config)


class Flow(Bundled, FlowTraits):
    """teacher.type=flow: the flow model that ships with carv3d, trained on the toybox."""


class Toybox(Bundled, ToyboxTraits):
    """teacher.type=toybox: the weights that teacher.path names, of a model that was trained on the toybox."""


class Diffusers(_Diffusion, DiffusersTraits):
    """teacher.type=diffusers: the weights that teacher.path names, of any family in ``diffusion.families``."""

    @staticmethod
    def settle(config: Config) -> None:
        settle_weights(config)
        if config.objective.guidance_scale == "auto":  # a path that was no folder yet
            from carv3d.diffusion.families.distilled import guidance

            config.objective.guidance_scale = guidance(weights_folder(config), config.teacher.path)

    @staticmethod
    def guidance(path: str) -> float | None:
        """Of a folder; None where that is none yet, as a model on the hub or in one file."""
        from carv3d.diffusion.families.distilled import guidance

        if not path:
            return DiffusersTraits.default_guidance
        with contextlib.suppress(OSError, RuntimeError, ValueError, UserError):
            return guidance(Path(path).expanduser(), path)
        return None


def _settle_toybox(config: Config) -> None:
    from carv3d.toybox import words

    words.check(config.prompt, {name: getattr(config.prompts, name) for name in (
        "negative", "front", "side", "back", "overhead")})


def settle_weights(config: Config) -> None:
    """UserError where the weights of a diffusion teacher are not there, or cannot be used as the options say."""
    from carv3d.diffusion.weights import VIEW

    if config.teacher.path:
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # no path at all: the next line says so
            folder = Path(config.teacher.path).expanduser()
            config.teacher.path = str(folder.absolute()) if folder.exists() else config.teacher.path
    if config.teacher.base:
        config.teacher.base = str(expanded(config.teacher.base, "teacher.base").absolute())
    folder = weights_folder(config)
    if config.teacher.told != TeacherConfig().told and not (folder / VIEW).is_file():
        raise UserError(f"teacher.told: [{', '.join(config.teacher.told)}] given, but {folder} has no {VIEW}, so it "
                        "can be told nothing beside words; leave teacher.told as it is")
    _check_family(config, folder)
    _settle_additions(config)
    if config.teacher.quantize != "none":
        from carv3d.diffusion import quantize

        device = devices.device(config.device)
        quantize.check(config.teacher.quantize, device, _settings(config, folder, device).dtype)
    _settle_engine(config)
    on_cpu = config.teacher.compile and devices.device(config.device).type == "cpu"
    if on_cpu and not any(map(shutil.which, COMPILERS)):
        raise UserError(f"teacher.compile: true given, but none of {', '.join(COMPILERS)} is here; install a C++ "
                        "compiler, or leave it false")


def _settle_engine(config: Config) -> None:
    """UserError for a named engine that is not here."""
    if config.teacher.engine not in ("auto", "torch"):
        from carv3d.diffusion.engines.packages import require

        if devices.device(config.device).type == "cpu":
            require(config.teacher.engine)


def take_engine(config: Config, teacher: Teacher, counts: Sequence[int], world: World) -> None:
    """Have ``teacher`` asked by teacher.engine where no gradient is recorded, in calls of ``counts`` rows. auto becomes
    the engine that is taken: the fastest for the most of them, of all ranks the first one's choice; torch in a short
    run, with options and objectives that are torch's alone, or off the CPU. UserError for a named engine that cannot
    run this network."""
    from carv3d.diffusion.diffusers_teacher import DiffusersTeacher
    from carv3d.diffusion.engines import choice
    from carv3d.runtime.progress import say

    given = config.teacher
    if not isinstance(teacher, DiffusersTeacher) or teacher.device.type != "cpu":
        if given.engine not in ("auto", "torch"):
            say(f"teacher.engine: {given.engine} answered so far; on this device torch does")
        given.engine = "torch"
        return
    if given.engine == "auto":
        measured = _measured(config) and world.rank == 0
        given.engine = world.first(choice.fastest(teacher, max(counts)) if measured else "torch")
    said = given.engine
    if given.engine != "torch":
        teacher.engine = engine = choice.made(given.engine, teacher, *counts)
        teacher.encoder = engine.encoder
        said = engine.says()
    teacher.description += f"; engine: {said}"


def _measured(config: Config) -> bool:
    """Whether teacher.engine=auto is more than torch."""
    given = config.teacher
    plain = given.quantize == given.offload == "none" and not given.compile and given.dtype != "float16"
    alone = not registry.objective(config).learns  # else the difference of two answers, which must round alike
    return plain and alone and config.trainer.max_steps >= LONG


def asked_by_loops(config: Config) -> bool:
    """Whether carv3d's own loops, which are compiled once, will run the teacher's network, if they are fast here."""
    import torch

    given, device = config.teacher, devices.device(config.device)
    said = registry.teacher(config)
    own = said.stand_ins and not said.located and said.folder == BundledTraits.folder
    if not own or device.type != "cpu" or given.engine not in ("auto", "numba"):
        return False
    settings = _settings(config, weights_folder(config), device)
    return given.engine == "numba" or settings.dtype == torch.float32 and _measured(config)


def stable_diffusion_folder(config: Config, command: str) -> Path:
    """The weights of a command that knows Stable Diffusion 1 and 2 alone, of one view; UserError for others."""
    from carv3d.diffusion.families.check import family_of
    from carv3d.diffusion.folder import require_one

    folder = weights_folder(config)
    if family := family_of(folder):
        raise UserError(f"teacher.path: {config.teacher.path or folder} holds {family.name}, which {command} cannot "
                        "use; give a folder of Stable Diffusion 1 or 2 (StableDiffusionPipeline)")
    require_one(folder, config.teacher.path or str(folder), command)
    return folder


def _check_family(config: Config, folder: Path) -> None:
    """UserError for an option that has no effect on the family of ``folder``, or for a size that it does not take."""
    from carv3d.diffusion.families.check import family_of, tells_guidance

    family, plain = family_of(folder), TeacherConfig()
    name = family.name if family else "Stable Diffusion 1 or 2"
    for option, meant_for in (("size", family is not None), ("shift", family is not None and family.flow),
                              ("told_guidance", family is not None and tells_guidance(folder, family)),
                              ("textual_inversion", family is None or family.words)):
        if (given := getattr(config.teacher, option)) != getattr(plain, option) and not meant_for:
            raise UserError(f"teacher.{option}: {given} given, which has no effect on {name}; leave it "
                            f"{getattr(plain, option)}")
    if family:
        from carv3d.diffusion.families.base import check_size

        check_size(folder, family, config.teacher.size)


def _settle_additions(config: Config) -> None:
    """UserError for what is added to a model, where it is not there; paths become absolute."""
    from carv3d.diffusion import additions

    given = config.teacher
    additions.given(given.lora, given.textual_inversion, given.fuse_lora)
    for name in ("lora", "textual_inversion"):
        setattr(given, name, [additions.absolute(each, f"teacher.{name}") for each in getattr(given, name)])
    if not given.fuse_lora and (not given.lora or registry.objective(config).learns):
        raise UserError("teacher.fuse_lora: false given " + (
            f"with objective.type {config.objective.type}, whose own layers are switched with all others; leave it true"
            if given.lora else "without teacher.lora; leave it true"))
    if folder := _vae(config):
        given.vae = str(folder.absolute())


def _vae(config: Config) -> Path | None:
    """The folder of another VAE, if one is given."""
    if not (given := config.teacher.vae):
        return None
    folder = expanded(given, "teacher.vae")
    if not any((folder / name).is_file() for name in ("config.json", "vae/config.json")):
        raise UserError(f"teacher.vae: {given} holds no config.json of a VAE; give a folder that save_pretrained "
                        "wrote, of the VAE or of a whole model")
    return folder


def _exact_teacher(config: Config, device: torch.device) -> Teacher:
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
        device=device,
        description=f"exact score of {exact.set_size} renders per view word of '{grammar.caption(spec)}'",
    )


def _diffusion_teacher(config: Config, device: torch.device) -> Teacher:
    from carv3d.diffusion import stable_diffusion
    from carv3d.diffusion.families.check import family_of
    from carv3d.diffusion.prompts import perp_neg_weights, view_weights
    from carv3d.runtime.progress import say

    given, own, folder = config.teacher, config.prompts, weights_folder(config)
    family, settings = family_of(folder), _settings(config, folder, device)
    weights_of = partial(view_weights, views=config.data.views, interpolate=own.interpolate or own.perp_neg > 0,
                         front_deg=own.front_deg, back_deg=own.back_deg, overhead_deg=own.overhead_deg)
    perp_neg = partial(perp_neg_weights, scale=own.perp_neg, overhead_deg=own.overhead_deg)
    negatives_of = perp_neg if own.perp_neg else None
    if family is None:
        return _carried(config, settings, stable_diffusion.load(
            folder, view_prompts(config), negative=own.negative, weights_of=weights_of, negatives_of=negatives_of,
            told=given.told, settings=settings, device=device, announce=say,
            own=not (registry.teacher(config).located or registry.objective(config).learns)))
    from carv3d.diffusion.families import base, text

    told = text.encode(folder, family, view_prompts(config), own.negative, variant=given.variant, device=device,
                       additions=settings.additions, announce=say)
    return _carried(config, settings, base.load(folder, family, told, settings, weights_of=weights_of,
                                                negatives_of=negatives_of, told=given.told, device=device))


def _carried(config: Config, settings: Settings, made: DiffusersTeacher) -> DiffusersTeacher:
    """The teacher, with a linear way back through its encoder where that is asked for: of the bundled one its own, else
    fitted on pictures of the toybox, once for each VAE and size."""
    from carv3d.diffusion import linear_encoder
    from carv3d.runtime.progress import say

    if settings.linear:
        if registry.teacher(config).stand_ins and not settings.vae:
            found = linear_encoder.load(weights_folder(config) / linear_encoder.FILE)
        else:
            from carv3d.toybox import sets

            found = linear_encoder.fitted(made, sets.unfinished_pictures, say)
        made.stand_in = found.to(made.device)
    return made


def _settings(config: Config, folder: Path, device: torch.device) -> Settings:
    """What the options say of the model in ``folder``, on a device."""
    from carv3d.diffusion import additions, linear_encoder, loading, small_encoder
    from carv3d.diffusion.families.check import family_of
    from carv3d.diffusion.settings import Settings

    given, family = config.teacher, family_of(folder)
    names = {"auto": loading.fastest_dtype(device, family.half if family else "float16"), **loading.DTYPES}
    encoder_names = {**names, "auto": loading.encoder_dtype(device)}
    stand_ins = registry.teacher(config).stand_ins and not (given.checkpoint_encode or given.tile_encode)
    linear, small = (stand_ins and (folder / name).is_file() for name in (linear_encoder.FILE, small_encoder.FILE))
    return Settings(given.variant, given.use_ema, names[given.dtype], encoder_names[given.encode_dtype], given.compile,
                    given.checkpoint_encode, given.size, given.shift, given.told_guidance,
                    additions.given(given.lora, given.textual_inversion, given.fuse_lora), _vae(config), given.quantize,
                    given.offload, given.tile_encode,
                    linear=given.encode_gradient == "linear" or given.encode_gradient == "auto" and linear,
                    small=given.encoder == "small" or given.encoder == "auto" and small and not given.vae)


def footprint(config: Config, views: int, rows: int) -> Footprint:
    """What a located teacher takes, counted; its weights are not loaded."""
    from carv3d.diffusion.footprint import of_folder

    folder, device = weights_folder(config), devices.device(config.device)
    return of_folder(folder, _settings(config, folder, device), views=views, rows=rows, device=device)


def sized(config: Config) -> bool:
    """Whether teacher.size means anything to a located teacher."""
    from carv3d.diffusion.families.check import family_of

    return family_of(weights_folder(config)) is not None


def meant(config: Config) -> str:
    """The prompt as the teacher takes it: of the toybox's the one way to write it."""
    from carv3d.toybox import grammar

    return grammar.caption(grammar.parse(config.prompt)) if registry.teacher(config).toybox else config.prompt.strip()


def view_prompts(config: Config) -> list[str]:
    """The prompt of each view word, by hand where one is given; a single one without view words."""
    from carv3d.diffusion.prompts import VIEWS, view_prompt

    prompt = meant(config)
    by_hand = {name: getattr(config.prompts, name).strip() for name in ("front", "side", "back", "overhead")}
    return [by_hand.get(view.name if view else "", "") or view_prompt(prompt, view)
            for view in VIEWS[config.data.views] or (None,)]


def weights_folder(config: Config) -> Path:
    """Where the weights of a diffusion teacher lie, fetched if need be; UserError if that is no complete model."""
    given, said = config.teacher, registry.teacher(config)
    if not said.located:
        from carv3d.diffusion.weights import bundled

        return bundled(said.folder)
    return _located(given.path, given.base, given.revision, given.variant, given.offline, given.use_ema)


@lru_cache(maxsize=4)
def _located(path: str, base: str, revision: str, variant: str, offline: bool, use_ema: bool) -> Path:
    from carv3d.diffusion import weights
    from carv3d.runtime.progress import say

    return weights.locate(path, base=base, revision=revision, variant=variant, offline=offline, use_ema=use_ema,
                          announce=say)
