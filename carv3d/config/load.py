"""The configuration as a user gives it: YAML and ``key=value``, merged over the defaults and checked to the leaves.

The options themselves are the dataclasses of ``schema``; ``configs/base.yaml`` is ``dump(Config())``. Nothing here
touches the file system except ``load`` reading the named file, and the import of a component that it names.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from carv3d.config import registry, threestudio, yaml_text
from carv3d.config.checks import allowed_values, check_bounds, check_relations, check_schedule
from carv3d.config.fields import SECTIONS, Sections, field_of, keys
from carv3d.config.options import SCHEDULED, TEXTS, Field, Schedule, constant, kind_of
from carv3d.config.schema import CompareConfig, Config, CostConfig
from carv3d.config.words import ALIASES
from carv3d.runtime.errors import UserError, shown
from carv3d.runtime.files import read_text
from carv3d.runtime.types import Record, Value

DRAWING = (  # options of the estimator beside its own section
    "data.batch_size", "data.batch_range", "data.camera_strata", "data.view_sequence")
KEPT_BEFORE: Record = {  # how runs were before there was an option for it
    "seed_per_prompt": False, "light": {"colour": "baked"}, "optimizer": {"floor_encoding": 0.0},
    "teacher": {"engine": "torch", "encoder": "vae", "encode_gradient": "exact"}}
GENTLE = 2.0  # guidance up to which noise is so small that one draw a view is the default; docs/guidance.md
Overrides = list[str] | tuple[str, ...]


class _Raw(str):
    """What stands after the = of an argument, still to be read as its option's type."""


def load(file: str | Path | Sequence[str | Path] | None = None, overrides: Overrides = (), *, kept: bool = False
         ) -> Config:
    """Defaults, then the YAML file, or several, of which later ones count, then ``key=value`` overrides; checked to the
    leaves.

    kept: the file is a run's, as ``dump`` wrote it: what it does not name was not yet an option (``KEPT_BEFORE``).
    Raises UserError with one line for an unknown key, a wrong type, a value out of range or an unreadable file.
    """
    paths = [file] if isinstance(file, str | Path) else file or []
    return _merge([KEPT_BEFORE] * kept + [_renamed(_read(Path(path))) for path in paths], overrides)


def parse(text: str) -> Config:
    """The configuration that ``dump`` wrote, then or earlier."""
    return _merge([KEPT_BEFORE, _renamed(yaml_text.read(text, "the configuration"))], ())


def _renamed(tree: Record) -> Record:
    """A configuration with the options of today for those that there were once."""
    data = tree.get("data")
    if isinstance(data, dict) and "camera_sequence" in data:
        data = {"view_sequence": "azimuth" if _truth(data["camera_sequence"]) is True else "off", **data}
        del data["camera_sequence"]
        tree = {**tree, "data": data}
    return tree


def changed(config: Config, overrides: Overrides) -> Config:
    """A configuration with ``key=value`` overrides over it, checked as ``load`` does."""
    return _merge([dataclasses.asdict(config)], overrides)


def estimators(config: Config) -> dict[str, Config]:
    """What compare.estimators names: name -> the configuration with that estimator and nothing left to compare."""
    alone = dataclasses.replace(config, compare=CompareConfig())
    found: dict[str, Config] = {}
    for text in config.compare.estimators:
        name, colon, rest = (part.strip() for part in text.partition(":"))
        arguments = [part.strip() for part in rest.split(";") if part.strip()]
        if not name or not colon or name in found:
            raise UserError(f"compare.estimators: {text!r} given; allowed: a name of its own, a colon, and key=value "
                            "divided by semicolons, as in 'plain: estimator.k=1; data.batch_size=2'")
        for key in (split(argument)[0] for argument in arguments):
            if not of_estimator(key):
                raise UserError(f"compare.estimators: {name}: {key} given; allowed: estimator.*, "
                                f"{', '.join(DRAWING)}, since all are measured on one scene and one objective")
        try:
            found[name] = changed(alone, arguments)
        except UserError as error:
            raise UserError(f"compare.estimators: {name}: {error}") from None
    return found


def of_estimator(key: str) -> bool:
    """Whether an option changes how the gradient is drawn, and neither what is trained nor towards what."""
    return key.startswith("estimator.") or key in DRAWING


def split(argument: str) -> tuple[str, str]:
    """``a.b=1`` -> ("a.b", "1"), cut at the first =, a short name spelled out; UserError unless there is such a key."""
    key, separator, raw = argument.partition("=")
    if not separator or not key:
        raise UserError(f"{shown(argument)} is not understood; write key=value, for example trainer.max_steps=200")
    key = ALIASES.get(key, key)
    field_of(key)
    return key, raw


def pairs(tree: Record, prefix: str = "") -> list[tuple[str, Value]]:
    """Dotted keys and values of a nested mapping, as files hold it; what has a shorthand counts as one value."""
    out = []
    for key, value in tree.items():
        path = f"{prefix}{key}"
        kind = kind_of(field_of(path))
        section = kind == "Open" or kind in SECTIONS and kind not in ("Schedule", "CostConfig")
        if section and (isinstance(value, dict) or value in (None, "")):  # an empty section says nothing
            out += pairs(value or {}, path + ".")
        else:
            out.append((path, value))
    return out


def _merge(files: list[Record], overrides: Overrides) -> Config:
    given = [pair for source in files for pair in pairs(source)]
    given += [(key, _Raw(raw)) for key, raw in map(split, overrides)]
    said = {key for key, _ in given}
    types = {section: getattr(getattr(Config(), section), "type") for section in registry.GROUPS}
    types |= {key.removesuffix(".type"): str(value) for key, value in given if key.removesuffix(".type") in types}
    for section in ("teacher", "scene"):
        given = [*registry.said(section, types[section]).defaults.items(), *given]
    sections = registry.open_sections(types)
    tree = OmegaConf.create(dataclasses.asdict(Config()))
    for section, cls in sections.items():
        OmegaConf.update(tree, section, dataclasses.asdict(cls()), merge=False)
    texts: Record = {}  # never interpolated: they are what was written
    for key, value in given:
        value = _read_as(key, value, sections)
        if kind_of(field_of(key, sections)) in TEXTS:
            texts[key] = value
        else:
            _check_references(key, value)
            OmegaConf.update(tree, key, _shorthand(key, value, sections), merge=False)
    try:
        resolved = cast(Record, OmegaConf.to_container(tree, resolve=True))
    except OmegaConfBaseException as error:
        raise UserError(f"the configuration cannot be resolved: {str(error).splitlines()[0]}") from None
    for key, value in texts.items():
        *path, name = key.split(".")
        functools.reduce(operator.getitem, path, resolved)[name] = value
    config: Config = _typed(Config, resolved, "", sections)
    if config.objective.guidance_scale == "auto":
        own = registry.objective(config).default_guidance
        found = registry.guidance(config) if own is None else own
        config.objective.guidance_scale = "auto" if found is None else found
    scale = config.objective.guidance_scale
    if not isinstance(scale, str) and scale > GENTLE and "estimator.k" not in said:
        config.estimator.k = 2
    if config.light.colour == "auto":
        config.light.colour = "albedo" if registry.teacher(config).told_light else "baked"
    check_relations(config)
    estimators(config)
    return config


def _read(path: Path) -> Record:
    content = yaml_text.read(read_text(path, "--config", "give the path of a YAML file"), f"--config {path}")
    if not isinstance(content, dict):
        raise UserError(f"--config {path}: holds a {'list' if isinstance(content, list) else 'single value'}; a YAML "
                        "mapping of keys is needed")
    if threestudio.recognised(content):
        raise UserError(f"--config {path}: a configuration of threestudio's; python launch.py --config {path} --train "
                        "says what becomes of its keys, and trains")
    return content


def _read_as(key: str, value: Value, sections: Sections) -> Value:
    """A value from a file as it is; an argument's text as YAML, but for a text field, which it is as it stands."""
    item = field_of(key, sections)
    if not isinstance(value, _Raw):
        return value
    if kind_of(item) == "str" or not value.strip():
        return str(value)
    try:
        return yaml_text.read(value, key)
    except yaml_text.NotYaml:
        raise UserError(f"{key}: {shown(str(value))} given; allowed: {allowed_values(item)}") from None


def _check_references(key: str, value: Value) -> None:
    """UserError for anything that looks like an interpolation and is not another option's value, alone."""
    if isinstance(value, (list, dict)):
        for child in value.values() if isinstance(value, dict) else value:
            _check_references(key, child)
    elif isinstance(value, str) and "${" in value:
        found = re.fullmatch(r"\$\{([\w.]+)\}", value)
        if not found:
            raise UserError(f"{key}: {shown(value)} given; allowed: a value, or ${{KEY}} for that of another option")
        field_of(found[1])


def _shorthand(key: str, value: Value, sections: Sections) -> Value:
    kind = kind_of(field_of(key, sections))
    if kind == "Schedule" or kind == SCHEDULED and isinstance(value, dict):
        return _schedule(key, value)
    if kind == "CostConfig":
        return _cost(key, value)
    if kind in SECTIONS and not isinstance(value, dict):
        raise UserError(f"{key}: {shown(value)} given; allowed: keys {', '.join(keys(SECTIONS[kind]))}")
    if kind == "Open" and not isinstance(value, dict):
        raise UserError(f"{key}: {shown(value)} given; allowed: keys "
                        f"{', '.join(f.name for f in dataclasses.fields(sections[key])) or 'none'}")
    return value


def _schedule(key: str, value: Value) -> Value:
    """A number as a constant schedule; a mapping with what it leaves out."""
    if isinstance(value, str) and "${" in value:
        return value
    if not isinstance(value, (list, dict, bool)) and (number := yaml_text.number(value)) is not None:
        return dataclasses.asdict(constant(number))
    if not isinstance(value, dict):
        raise UserError(f"{key}: {shown(value)} is not a schedule; allowed: a number, or {{values: [..], steps: [..], "
                        "interpolation: linear|step}")
    if any(k not in ("values", "steps", "interpolation") for k in value) or "values" not in value:
        raise UserError(f"{key}: a schedule has values, steps and interpolation; got {sorted(value)}")
    return {"steps": [0], "interpolation": "linear", **value}


def _cost(key: str, value: Value) -> Value:
    """measured, or given numbers, with the source named."""
    if value == "measured":
        return dataclasses.asdict(CostConfig())
    if isinstance(value, dict) and value.keys() <= {"source", "a_ms", "b_ms", "c0_ms"}:
        if "source" in value or {"a_ms", "b_ms"} <= value.keys():
            return {**dataclasses.asdict(CostConfig()), "source": "given", **value}
    raise UserError(f"{key}: {shown(value)} given; allowed: measured, or {{a_ms: .., b_ms: .., c0_ms: ..}}")


def _typed(cls: type, tree: Record, prefix: str, sections: Sections) -> Value:
    values = {}
    for item in dataclasses.fields(cls):
        key, value = prefix + item.name, tree[item.name]
        kind = kind_of(item)
        inner = sections[key] if kind == "Open" else SECTIONS.get(kind)
        if inner is not None:
            values[item.name] = _typed(inner, _shorthand(key, value, sections), key + ".", sections)
            if kind == "Schedule":
                check_schedule(key, values[item.name], item)
        elif kind == SCHEDULED and isinstance(value, dict):
            values[item.name] = _whole(key, _typed(Schedule, _schedule(key, value), key + ".", sections), item)
        else:
            values[item.name] = _coerce(key, value, item)
    return cls(**values)


def _number(key: str, value: Value, item: Field, whole: bool) -> float | int:
    number = yaml_text.number(value)
    if number is None or whole and number != int(number):
        raise UserError(f"{key}: {shown(value)} given; allowed: {allowed_values(item)}")
    return int(number) if whole else float(number)


def _truth(value: Value) -> Value:
    """true and false, as YAML and people write them."""
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    return words.get(value.lower(), value) if isinstance(value, str) else value


def _text(key: str, value: Value) -> str:
    """UserError unless it is text that a file can hold."""
    if value is None:
        return ""
    if not isinstance(value, str):
        what = "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else shown(value)
        raise UserError(f"{key}: {what} given; allowed: text, in quotes where YAML would read it otherwise")
    if bad := next((c for c in value if c == "\0" or 0xD800 <= ord(c) < 0xE000), None):
        raise UserError(f"{key}: {shown(value)} given, with the character {bad!r}; allowed: text in UTF-8")
    return str(value)


def _whole(key: str, schedule: Schedule, item: Field) -> Schedule | int:
    """A schedule of whole numbers, or the only one."""
    check_schedule(key, schedule, item)
    schedule.values = [_number(f"{key}.values", value, item, True) for value in schedule.values]
    return schedule if len(schedule.values) > 1 else int(schedule.values[0])


def _coerce(key: str, value: Value, item: Field) -> Value:
    expected = kind_of(item)
    if expected in ("int | str", "float | str", SCHEDULED) and value == "auto":
        return "auto"
    wrong = UserError(f"{key}: {shown(value)} given; allowed: {allowed_values(item)}")
    if expected in ("list[float]", "list[int]"):
        if not isinstance(value, list) or not value:
            raise wrong
        value = [_number(key, x, item, expected == "list[int]") for x in value]
    elif expected == "list[str]":
        value = [value] if isinstance(value, str) else value
        if not isinstance(value, list):
            raise wrong
        value = [_text(key, each) for each in value]
        value = list(dict.fromkeys(value)) if item.metadata["choices"] else value
    elif expected in ("int", "float", "int | str", "float | str", SCHEDULED):
        value = _number(key, value, item, expected.startswith("int"))
    elif expected == "str":
        value = _text(key, value)
    elif not isinstance(value := _truth(value), bool):
        raise wrong
    check_bounds(key, value, item)
    return value
