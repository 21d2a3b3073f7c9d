"""Names of scenes, objectives and teachers -> what they say of themselves, and their classes.

A name is a built-in one, an entry point of the groups carv3d.scenes, carv3d.objectives and carv3d.teachers, or
``module:Class``, found from the working directory too. Nothing is searched for: only what is named is imported.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, fields, is_dataclass, make_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from carv3d.config import traits
from carv3d.config.options import PLAIN, NoOptions, kind_of, option
from carv3d.config.schema import Config, OptimizerConfig
from carv3d.runtime.errors import UserError


@dataclass(frozen=True)
class Group:
    """One kind of component. base: what its classes inherit. made_as: how its classes are called, where they have no
    ``make`` of their own. built_in: name -> its traits and its class."""

    section: str
    base: str
    made_as: str
    built_in: dict[str, tuple[type, str]]

    @property
    def option(self) -> str:
        return f"{self.section}.type"

    @property
    def entry_points(self) -> str:
        return f"carv3d.{self.section}s"


GROUPS = {group.section: group for group in (
    Group("scene", "carv3d.scenes.base.Scene", "options, *, device, generator", {
        "nerf": (traits.NerfTraits, "carv3d.scenes.nerf:NeRF"),
        "sdf": (traits.SdfTraits, "carv3d.scenes.sdf:Sdf"),
        "gaussians": (traits.GaussiansTraits, "carv3d.scenes.gaussians:Gaussians"),
        "image": (traits.ImageTraits, "carv3d.scenes.image:Image")}),
    Group("objective", "carv3d.objectives.base.Objective", "options, setting", {
        "sds": (traits.SdsTraits, "carv3d.objectives.sds:SDS"),
        "vsd": (traits.VsdTraits, "carv3d.objectives.vsd:VSD"),
        "csd": (traits.CsdTraits, "carv3d.objectives.csd:CSD"),
        "rfds_rev": (traits.SdsTraits, "carv3d.objectives.rfds_rev:RFDSRev")}),
    Group("teacher", "carv3d.diffusion.teacher.Teacher", "options, *, config, device", {
        "bundled": (traits.BundledTraits, "carv3d.teachers:Bundled"),
        "flow": (traits.FlowTraits, "carv3d.teachers:Flow"),
        "toybox": (traits.ToyboxTraits, "carv3d.teachers:Toybox"),
        "exact": (traits.ExactTraits, "carv3d.teachers:Exact"),
        "diffusers": (traits.DiffusersTraits, "carv3d.teachers:Diffusers"),
        "stable-diffusion": (traits.DiffusersTraits, "carv3d.teachers:Diffusers")}),  # the same by its old name
)}


def said(section: str, name: str) -> Any:
    """What the component of this type says of itself, as a class. UserError for a type that is not there."""
    known = GROUPS[section].built_in.get(name)
    return known[0] if known else _foreign(section, name)


def component(section: str, name: str) -> Any:
    """The class of this type."""
    known = GROUPS[section].built_in.get(name)
    return _imported(*known[1].split(":")) if known else _foreign(section, name)


def scene(config: Config) -> type[traits.SceneTraits]:
    """What the configured scene's class says of itself."""
    found: type[traits.SceneTraits] = said("scene", config.scene.type)
    return found


def objective(config: Config) -> type[traits.ObjectiveTraits]:
    """What the configured objective's class says of itself."""
    found: type[traits.ObjectiveTraits] = said("objective", config.objective.type)
    return found


def teacher(config: Config) -> type[traits.TeacherTraits]:
    """What the configured teacher's class says of itself."""
    found: type[traits.TeacherTraits] = said("teacher", config.teacher.type)
    return found


def guidance(config: Config) -> float | None:
    """What objective.guidance_scale=auto means for the configured teacher; None where only its weights will tell."""
    found: float | None = component("teacher", config.teacher.type).guidance(config.teacher.path)
    return found


def options(config: Config, section: str) -> Any:
    """The options of the configured component: of a built-in one in the section of its name, such as scene.nerf; of
    others in SECTION.options."""
    node = getattr(config, section)
    built_in = node.type in GROUPS[section].built_in
    return getattr(node, node.type, node.options) if built_in else node.options


def learning_rates(config: Config) -> dict[str, float]:
    """Name of a parameter group -> its rate: optimizer.rates.NAME, or optimizer.lr_NAME where there is that option with
    the default that the scene declares."""
    own = config.optimizer
    return {name: getattr(own.rates, name) if hasattr(own.rates, name) else getattr(own, f"lr_{name}")
            for name in scene(config).rates}


def open_sections(types: dict[str, str]) -> dict[str, type]:
    """Sections whose options the components of these types (section -> type) declare -> their dataclasses."""
    out: dict[str, type] = {}
    for section, name in types.items():
        own = name in GROUPS[section].built_in
        out[f"{section}.options"] = NoOptions if own else said(section, name).Options
    plain = {name.removeprefix("lr_"): rate for name, rate in vars(OptimizerConfig()).items()}
    declared = said("scene", types["scene"]).rates.items()
    out["optimizer.rates"] = _rates(tuple((name, rate) for name, rate in declared if plain.get(name) != rate))
    return out


@lru_cache
def _rates(declared: tuple[tuple[str, float], ...]) -> type:
    """The section optimizer.rates of a scene that declares rates (name, default) of its own."""
    return make_dataclass("Rates", [(name, "float", option(rate, f"Adam's rate for the scene's {name}", gt=0))
                                    for name, rate in declared]) if declared else NoOptions


def foreign(config: Config) -> dict[str, dict[str, str]]:
    """Each configured component that is not built in: its option -> class, and hash of the module that holds it."""
    found = {}
    for section, group in GROUPS.items():
        name = getattr(config, section).type
        if name not in group.built_in:
            cls = _foreign(section, name)
            source = Path(inspect.getfile(cls)).read_bytes()
            found[group.option] = {"class": f"{cls.__module__}:{cls.__qualname__}",
                                   "sha256": hashlib.sha256(source).hexdigest()}
    return found


_barred: ContextVar[Path | None] = ContextVar("barred", default=None)


@contextlib.contextmanager
def no_modules_of(folder: Path) -> Iterator[None]:
    """Within this no class is imported from a folder: a run from elsewhere may name classes, and bring none."""
    token = _barred.set(folder.resolve())
    try:
        yield
    finally:
        _barred.reset(token)


def _check_place(option: str, module: str) -> None:
    """UserError for a module that lies in a barred folder; nothing of it is run to find that out."""
    barred, spec = _barred.get(), importlib.util.find_spec(module.partition(".")[0])
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    if barred and any(place and Path(place).resolve().is_relative_to(barred) for place in places):
        raise UserError(f"{option}: the module {module} lies in the run's own folder, {barred}, and would be run; if "
                        "you trust it, move it beside you")


@lru_cache(maxsize=32)
def _foreign(section: str, name: str) -> Any:
    """A class from outside the package; UserError in one line, before anything is made, where it cannot serve."""
    group = GROUPS[section]
    if ":" in name:
        module, _, attribute = name.partition(":")
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
    else:
        entry = {each.name: each for each in importlib.metadata.entry_points(group=group.entry_points)}.get(name)
        if entry is None:
            near = difflib.get_close_matches(name, group.built_in, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UserError(f"{group.option}: {name!r} given; allowed: {', '.join(group.built_in)}, an entry point of "
                            f"{group.entry_points}, or module:Class{hint}")
        module, attribute = entry.module, entry.attr
    try:
        _check_place(group.option, module)
        cls = _imported(module, attribute)
    except UserError:
        raise
    except Exception as error:  # a module of the user's can raise anything at all
        reason = (str(error).splitlines() or [""])[0]
        raise UserError(f"{group.option}: {name} cannot be imported ({type(error).__name__}: {reason}); a module is "
                        f"looked for in {os.getcwd()} and among the installed packages") from error
    if not inspect.isclass(cls) or not issubclass(cls, _imported(*group.base.rsplit(".", 1))):
        raise UserError(f"{group.option}: {name} is not a class that inherits {group.base}, which says what it must do")
    if missing := sorted(getattr(cls, "__abstractmethods__", ())):
        raise UserError(f"{group.option}: {name} lacks {', '.join(missing)}; {group.base} says what each must do")
    made: Any = cls  # what is known of it is its traits
    _check_calls(f"{group.option}: {name}", made, group)
    _check_options(f"{group.option}: {name}", made.Options)
    if section == "scene" and not (made.rates and all(key.isidentifier() and rate > 0
                                                      for key, rate in made.rates.items())):
        raise UserError(f"{group.option}: {name} has rates {made.rates}; allowed: {{NAME: RATE}}, RATE > 0, for each "
                        "parameter or module that trains, by the name of its attribute")
    return made


def _check_calls(where: str, cls: Any, group: Group) -> None:
    """UserError unless what the class must define, and the class itself, can be called as they will be."""
    base = _imported(*group.base.rsplit(".", 1))
    for name in sorted(base.__abstractmethods__):
        if inspect.isfunction(wanted := getattr(base, name)):
            _check_call(f"{where}.{name}", getattr(cls, name), ", ".join(inspect.signature(wanted).parameters))
    if not hasattr(base, "make") or cls.make.__func__ is base.make.__func__:
        _check_call(where, cls, group.made_as)


def _check_call(where: str, called: Any, arguments: str) -> None:
    """arguments: names divided by commas; those after a star are given by name."""
    positional, _, named = arguments.partition(", *, ")
    signature = inspect.signature(called)
    try:
        signature.bind(*positional.split(", "), **dict.fromkeys(named.split(", ") if named else ()))
    except TypeError:
        raise UserError(f"{where} takes ({', '.join(signature.parameters)}); it is called with ({arguments})") from None


def _check_options(where: str, cls: Any) -> None:
    """UserError unless it is a dataclass of fields that the configuration can hold."""
    if not is_dataclass(cls):
        raise UserError(f"{where}: Options is no dataclass; make it one, of fields by carv3d.config.option")
    for item in fields(cls):
        if kind_of(item) not in PLAIN and kind_of(item) != "Schedule" or "help" not in item.metadata:
            raise UserError(f"{where}: Options.{item.name} is a {kind_of(item)}; allowed: {', '.join(PLAIN)} and "
                            "Schedule, each made by carv3d.config.option")


def _imported(module: str, attribute: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found
