"""The configuration as a user gives it: YAML and ``key=value``, merged over the defaults, checked, written back.

The options themselves are the dataclasses of ``carv3d.schema``; ``configs/base.yaml`` is ``dump(Config())``. Nothing
here touches the file system except ``load`` reading the named file.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from carv3d.config.checks import _allowed, _check_bounds, _check_relations, _check_schedule
from carv3d.config.fields import _PLAIN, _TYPES, _is_schedule, field_of, keys
from carv3d.config.schema import CompareConfig, Config, CostConfig, constant
from carv3d.runtime.errors import UserError

GUIDANCE_SCALE = {"exact": 1.0, "bundled": 2.0, "stable-diffusion": 100.0, "vsd": 7.5, "csd": 1.0}
"""What objective.guidance_scale=auto means: SDS by teacher, the others by objective; a loaded configuration holds the
number."""
DRAWING = ("data.batch_size", "data.camera_strata")  # options of the estimator beside its own section


def load(file: str | Path | None = None, overrides: list[str] | tuple[str, ...] = ()) -> Config:
    """Defaults, then the YAML file, then ``key=value`` overrides; checked to the leaves.

    Raises UserError with one line for an unknown key, a wrong type, a value out of range or an unreadable file.
    """
    return _merge([_read(Path(file))] if file is not None else [], overrides)


def parse(text: str) -> Config:
    """The configuration that ``dump`` wrote."""
    return _merge([yaml.safe_load(text)], ())


def changed(config: Config, overrides: list[str] | tuple[str, ...]) -> Config:
    """A configuration with ``key=value`` overrides over it, checked as ``load`` does."""
    return _merge([dataclasses.asdict(config)], overrides)


def estimators(config: Config) -> dict[str, Config]:
    """What compare.estimators names: name -> the configuration with that estimator and nothing left to compare."""
    alone, found = dataclasses.replace(config, compare=CompareConfig()), {}
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


def _merge(files: list[dict], overrides: list[str] | tuple[str, ...]) -> Config:
    tree = OmegaConf.create(dataclasses.asdict(Config()))
    for source in files + [dict(map(split, overrides))]:
        for key, value in leaves(source):
            OmegaConf.update(tree, key, _shorthand(key, value), merge=False)
    try:
        resolved = OmegaConf.to_container(tree, resolve=True)
    except OmegaConfBaseException as error:
        raise UserError(f"the configuration cannot be resolved: {str(error).splitlines()[0]}") from None
    config = _typed(Config, resolved, "")
    if config.objective.guidance_scale == "auto":
        kind = config.objective.type
        config.objective.guidance_scale = GUIDANCE_SCALE[config.teacher.type if kind == "sds" else kind]
    _check_relations(config)
    estimators(config)
    return config


def _read(path: Path) -> dict:
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise UserError(f"--config {path}: cannot be read ({error.strerror}); give the path of a YAML file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"--config {path}: not YAML: {' '.join(str(error).split())}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f"--config {path}: holds a {type(content).__name__}; a YAML mapping of keys is needed")
    return content


def split(argument: str) -> tuple[str, Any]:
    """``a.b=1`` -> ("a.b", 1). Text fields take what follows the first = as it stands."""
    key, separator, raw = argument.partition("=")
    if not separator or not key:
        raise UserError(f"'{argument}' is not understood; write key=value, for example trainer.max_steps=200")
    kind = field_of(key)
    if kind.type in ("str", str):
        return key, raw
    try:
        return key, yaml.safe_load(raw)
    except yaml.YAMLError:
        raise UserError(f"{key}={raw}: the value is not understood; allowed: {_allowed(kind)}") from None


def leaves(tree: dict, prefix: str = "") -> list[tuple[str, Any]]:
    """Dotted keys of a nested mapping; what has a shorthand counts as one leaf."""
    out = []
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and value and field_of(path).type not in ("Schedule", "CostConfig"):
            out += leaves(value, path + ".")
        else:
            out.append((path, value))
    return out


def _shorthand(key: str, value: Any) -> Any:
    kind = field_of(key)
    if _is_schedule(kind):
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return dataclasses.asdict(constant(value))
        if not isinstance(value, dict) and not (isinstance(value, str) and "${" in value):
            raise UserError(f"{key}: {value!r} is not a schedule; allowed: a number, or {{values: [..], steps: [..], "
                            "interpolation: linear|step}")
        if isinstance(value, dict):
            unknown = [k for k in value if k not in ("values", "steps", "interpolation")]
            if unknown or "values" not in value:
                raise UserError(f"{key}: a schedule has values, steps and interpolation; got {sorted(value)}")
            value = {"steps": [0], "interpolation": "linear", **value}
    elif kind.type == "CostConfig":
        if value == "measured":
            value = dataclasses.asdict(CostConfig())
        elif isinstance(value, dict) and "source" not in value and value.keys() <= {"a_ms", "b_ms", "c0_ms"}:
            value = {"source": "given", "c0_ms": 0.0, **value}
            if "a_ms" not in value or "b_ms" not in value:
                raise UserError(f"{key}: {value!r} given; allowed: measured, or {{a_ms: .., b_ms: .., c0_ms: ..}}")
        elif not isinstance(value, dict) or not value.keys() <= {"source", "a_ms", "b_ms", "c0_ms"}:
            raise UserError(f"{key}: {value!r} given; allowed: measured, or {{a_ms: .., b_ms: .., c0_ms: ..}}")
    elif kind.type in _TYPES and not isinstance(value, dict):
        raise UserError(f"{key}: {value!r} given; allowed: keys {', '.join(k for k in keys(_TYPES[kind.type]))}")
    return value


def _typed(cls: type, tree: dict, prefix: str) -> Any:
    values = {}
    for item in dataclasses.fields(cls):
        key, value = prefix + item.name, tree[item.name]
        if item.type in _TYPES:
            values[item.name] = _typed(_TYPES[item.type], _shorthand(key, value), key + ".")
            if item.type == "Schedule":
                _check_schedule(key, values[item.name], item)
        else:
            values[item.name] = _coerce(key, value, item)
    return cls(**values)


def _coerce(key: str, value: Any, item: dataclasses.Field) -> Any:
    def number(x: Any, whole: bool) -> Any:
        if isinstance(x, str):  # YAML 1.1 reads 1e-3 as text
            try:
                x = float(x)
            except ValueError:
                pass
        if isinstance(x, bool) or not isinstance(x, (int, float)) or (whole and x != int(x)) or not math.isfinite(x):
            raise UserError(f"{key}: {value!r} given; allowed: {_allowed(item)}")
        return int(x) if whole else float(x)

    expected = item.type
    if expected in ("int | str", "float | str") and value == "auto":
        return value
    if expected in ("list[float]", "list[int]"):
        if not isinstance(value, list) or not value:
            raise UserError(f"{key}: {value!r} given; allowed: {_allowed(item)}")
        value = [number(x, expected == "list[int]") for x in value]
    elif expected == "list[str]":
        value = [value] if isinstance(value, str) else value
        if not isinstance(value, list):
            raise UserError(f"{key}: {value!r} given; allowed: {_allowed(item)}")
        value = list(dict.fromkeys(value))
    elif expected in ("int", "float", "int | str", "float | str"):
        value = number(value, expected.startswith("int"))
    elif expected == "str":
        value = "" if value is None else str(value)
    elif not isinstance(value, _PLAIN[expected]):
        raise UserError(f"{key}: {value!r} given; allowed: {_allowed(item)}")
    _check_bounds(key, value, item)
    return value


# --- writing -------------------------------------------------------------------------------------------------------


