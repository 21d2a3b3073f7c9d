"""The configuration as a user gives it: YAML and ``key=value``, merged over the defaults, checked, written back.

The options themselves are the dataclasses of ``carv3d.schema``; ``configs/base.yaml`` is ``dump(Config())``. Nothing
here touches the file system except ``load`` reading the named file.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from carv3d import schema
from carv3d.errors import UserError
from carv3d.schema import CompareConfig, Config, CostConfig, PromptsConfig, Schedule, constant

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


_TYPES = {name: cls for name, cls in vars(schema).items() if dataclasses.is_dataclass(cls)}
_PLAIN = {"int": int, "float": float, "bool": bool, "str": str, "list[float]": list, "list[int]": list,
          "list[str]": list}


def _is_schedule(kind: dataclasses.Field) -> bool:
    return kind.type == "Schedule"


def keys(cls: type = Config, prefix: str = "") -> list[str]:
    """Every leaf of the configuration, as dotted keys."""
    out = []
    for item in dataclasses.fields(cls):
        inner = _TYPES.get(item.type)
        out += keys(inner, f"{prefix}{item.name}.") if inner not in (None, Schedule) else [prefix + item.name]
    return out


def field_of(key: str) -> dataclasses.Field:
    cls, found = Config, None
    for part in key.split("."):
        found = {f.name: f for f in dataclasses.fields(cls)}.get(part) if cls else None
        if found is None:
            known = keys()
            near = difflib.get_close_matches(key, known, 1, 0.5) or [
                k for k in known if k.rsplit(".", 1)[-1] == key.rsplit(".", 1)[-1]]
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UserError(f"{key}: no such key{hint} carv3d train --dry-run prints all of them")
        cls = _TYPES.get(found.type)
    return found


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


def _check_bounds(key: str, value: Any, item: dataclasses.Field) -> None:
    meta = item.metadata
    for x in value if isinstance(value, list) else [value]:
        bad = (
            meta["choices"] is not None and x not in meta["choices"]
            or meta["ge"] is not None and x < meta["ge"]
            or meta["gt"] is not None and x <= meta["gt"]
            or meta["le"] is not None and x > meta["le"]
        )
        if bad:
            near = difflib.get_close_matches(str(x), [str(c) for c in meta["choices"] or ()], 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UserError(f"{key}: {x!r} given; allowed: {_allowed(item)}{hint}")
    if meta["length"] is not None and len(value) != meta["length"]:
        raise UserError(f"{key}: {len(value)} values given; allowed: {_allowed(item)}")
    if meta["ordered"] and sorted(value) != value:
        raise UserError(f"{key}: {value!r} given; the lower bound comes first")


def _check_schedule(key: str, schedule: Schedule, item: dataclasses.Field) -> None:
    if len(schedule.values) != len(schedule.steps):
        raise UserError(f"{key}: {len(schedule.values)} values and {len(schedule.steps)} steps; give one per step")
    if any(b <= a for a, b in zip(schedule.steps, schedule.steps[1:])):
        raise UserError(f"{key}.steps: {schedule.steps} given; allowed: strictly increasing")
    _check_bounds(key, schedule.values, item)


def _allowed(item: dataclasses.Field) -> str:
    meta = item.metadata
    if meta.get("choices"):
        listed = "a list of some of " if item.type == "list[str]" else ""
        return listed + ", ".join(map(str, meta["choices"]))
    words = {"int": "a whole number", "int | str": "auto or a whole number", "float": "a number",
             "float | str": "auto or a number", "bool": "true or false", "str": "text",
             "list[float]": "a list of numbers", "list[int]": "a list of whole numbers",
             "Schedule": "a number or a schedule"}
    text = words.get(item.type, str(item.type))
    if meta.get("length"):
        text = text.replace("a list of", str(meta["length"]))
    bounds = [f"{sign} {meta[name]:g}" for name, sign in (("ge", ">="), ("gt", ">"), ("le", "<="))
              if meta.get(name) is not None]
    return " ".join([text, " and ".join(bounds)]) if bounds else text


def _check_relations(config: Config) -> None:
    """Rules that tie fields together."""
    teacher = config.teacher
    for name in ("path", "revision", "variant"):
        if getattr(teacher, name) and teacher.type != "stable-diffusion":
            raise UserError(f"teacher.{name}: {getattr(teacher, name)} given with teacher.type {teacher.type}; it "
                            "needs teacher.type=stable-diffusion")
    for name in ("dtype", "encode_dtype"):
        if getattr(teacher, name) != "auto" and teacher.type == "exact":
            raise UserError(f"teacher.{name}: {getattr(teacher, name)} given with teacher.type exact, which works in "
                            "float32")
    for name in ("compile", "checkpoint_encode"):
        if getattr(teacher, name) and teacher.type == "exact":
            raise UserError(f"teacher.{name}: true given with teacher.type exact, which has no network; allowed: "
                            "teacher.type=bundled, stable-diffusion")
    if config.objective.type == "vsd" and teacher.type == "exact":
        raise UserError("objective.type: vsd given with teacher.type exact, which has no layers to adapt; allowed: "
                        "teacher.type=bundled, stable-diffusion")
    prompts, plain = config.prompts, PromptsConfig()
    if teacher.type == "exact" and prompts != plain:
        name = next(f.name for f in dataclasses.fields(plain) if getattr(prompts, f.name) != getattr(plain, f.name))
        raise UserError(f"prompts.{name}: {getattr(prompts, name)} given with teacher.type exact, which reads no text; "
                        "allowed: teacher.type=bundled, stable-diffusion")
    for name in ("front", "side", "back", "overhead", "front_deg", "back_deg", "perp_neg"):
        if config.data.views != 4 and getattr(prompts, name) != getattr(plain, name):
            raise UserError(f"prompts.{name}: {getattr(prompts, name)} given with data.views {config.data.views}; it "
                            "needs data.views=4, the field's front, side, back and overhead")
    for name in ("front_deg", "back_deg"):
        if (prompts.interpolate or prompts.perp_neg) and getattr(prompts, name) != getattr(plain, name):
            raise UserError(f"prompts.{name}: {getattr(prompts, name):g} given with prompts.interpolate or perp_neg, "
                            "where views blend and no word ends; leave it out")
    if prompts.overhead_deg != plain.overhead_deg and config.data.views == 1:
        raise UserError(f"prompts.overhead_deg: {prompts.overhead_deg:g} given with data.views 1, which has no view "
                        "words; allowed: data.views=4, 8")
    if prompts.interpolate and config.data.views == 1:
        raise UserError("prompts.interpolate: true given with data.views 1; allowed: data.views=4, 8")
    if prompts.front_deg + prompts.back_deg > 180:
        raise UserError(f"prompts.front_deg: {prompts.front_deg:g} given with prompts.back_deg {prompts.back_deg:g}; "
                        "together they must leave room within 180 degrees")
    if config.data.camera_sequence and config.data.batch_size > 1:
        raise UserError(f"data.camera_sequence: true given with data.batch_size {config.data.batch_size}; it is for "
                        "batch_size 1, larger batches have data.camera_strata")
    k, noise, cost = config.estimator.k, config.estimator.noise, config.estimator.cost
    if k != "auto" and (noise == "antithetic" and k % 2 or noise == "zero_sum" and k < 2):
        raise UserError(f"estimator.noise: {noise} given with estimator.k {k}; antithetic needs an even K, "
                        "zero_sum K >= 2")
    if cost.source == "given" and cost.a_ms + cost.b_ms <= 0:
        raise UserError(f"estimator.cost: a_ms {cost.a_ms:g} and b_ms {cost.b_ms:g} given; one must be positive")
    if config.budget.evaluations and not (teacher.toybox or config.quality.clip):
        raise UserError(f"budget.evaluations: {config.budget.evaluations} given with teacher.type {teacher.type}, "
                        "whose prompts have no ground truth; allowed: teacher.type=bundled, exact, or with the "
                        "score of a CLIP model, quality.clip=FOLDER")
    if bool(config.compare.points) != bool(config.compare.estimators):
        raise UserError(f"compare.points: {config.compare.points} given with {len(config.compare.estimators)} "
                        "compare.estimators; give both, or neither")
    if config.compare.points and config.objective.type == "vsd":
        raise UserError(f"compare.points: {config.compare.points} given with objective.type vsd, whose own score "
                        "learns with every step and so has no state to compare on; allowed: objective.type=sds, csd")
    estimators(config)
    steps = {0, config.trainer.max_steps} | set(config.objective.t_min.steps) | set(config.objective.t_max.steps)
    for step in sorted(steps):
        low, high = config.objective.t_min.at(step), config.objective.t_max.at(step)
        if low >= high:
            raise UserError(f"objective.t_min: {low:g} given with objective.t_max {high:g} at step {step}; "
                            "t_min must be below t_max")
    if config.scene.type != "gaussians":
        for name in ("lambda_needle", "lambda_faint", "lambda_size"):
            if getattr(config.loss, name) != constant(0.0):
                raise UserError(f"loss.{name}: given with scene.type {config.scene.type}, which has no Gaussians; "
                                "it needs scene.type=gaussians")
    own = config.scene.gaussians
    if own.density.every and own.density.start > own.density.stop:
        raise UserError(f"scene.gaussians.density.start: {own.density.start} given with stop {own.density.stop}; start "
                        "must not be above it; scene.gaussians.density.every=0 keeps the number as it is")
    if own.density.every and own.density.cap < own.count:
        raise UserError(f"scene.gaussians.density.cap: {own.density.cap} given with scene.gaussians.count {own.count}; "
                        "the cap must not be below it")
    check_formats(config.export.formats, config.scene.type, "export.formats")


def check_formats(formats: list[str], scene: str, option: str) -> None:
    """UserError for a file that a type of scene cannot give. option: the name by which the user gave the formats."""
    if formats and scene == "image":
        raise UserError(f"{option}: {', '.join(formats)} given with scene.type image, a flat picture; allowed: none; "
                        "carv3d render shows it")
    if "ply" in formats and scene == "nerf":
        raise UserError(f"{option}: ply given with scene.type nerf, which has no Gaussians to write; allowed: glb, obj")


# --- writing -------------------------------------------------------------------------------------------------------

def dump(config: Config) -> str:
    """YAML with every field and its comment; ``load`` of it gives the same configuration."""
    return "\n".join(_dump(config, 0)) + "\n"


def _dump(node: Any, depth: int) -> list[str]:
    lines, pad = [], "  " * depth
    for item in dataclasses.fields(node):
        value = getattr(node, item.name)
        if isinstance(value, Schedule):
            text = (flow(value.values[0]) if len(value.values) == 1 else
                    f"{{values: {flow(value.values)}, steps: {flow(value.steps)}, "
                    f"interpolation: {value.interpolation}}}")
        elif dataclasses.is_dataclass(value):
            lines += [f"{pad}{item.name}:"] + _dump(value, depth + 1)
            continue
        else:
            text = flow(value)
        choices = item.metadata["choices"]
        comment = item.metadata["help"] + (f" ({' | '.join(map(str, choices))})" if choices else "")
        lines.append(f"{pad}{item.name}: {text}".ljust(44) + f"  # {comment}")
    return lines


def flow(value: Any) -> str:
    """A scalar or flat list as YAML on one line, numbers as Python reads them back exactly."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**9, allow_unicode=True).strip()
    return text.removesuffix("\n...").strip()
