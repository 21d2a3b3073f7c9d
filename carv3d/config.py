"""The configuration: dataclasses typed to the leaves, merged from YAML and ``key=value``, checked, written back.

Each field carries its default, one comment and its bounds here and nowhere else; ``configs/base.yaml`` is
``dump(Config())``. Nothing in this module touches the file system except ``load`` reading the named file.
"""

from __future__ import annotations

import bisect
import dataclasses
import difflib
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from carv3d.errors import UserError


def option(default: Any, help: str, *, ge: float | None = None, gt: float | None = None, le: float | None = None,
           choices: tuple | None = None, ordered: bool = False, length: int | None = None) -> Any:
    """A field with its comment and its allowed values (each item's, for a list)."""
    meta = dict(help=help, ge=ge, gt=gt, le=le, choices=choices, ordered=ordered, length=length)
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=meta)
    if dataclasses.is_dataclass(default):
        return field(default_factory=lambda: dataclasses.replace(default), metadata=meta)
    return field(default=default, metadata=meta)


@dataclass
class Schedule:
    """A number as a function of the step: ``values[i]`` at ``steps[i]``, held before the first and after the last.

    In YAML and on the command line a plain number stands for a constant.
    """

    values: list[float] = option([0.0], "one value per entry of steps")
    steps: list[int] = option([0], "increasing step numbers", ge=0)
    interpolation: str = option("linear", "between two entries", choices=("linear", "step"))

    def at(self, step: int) -> float:
        i = bisect.bisect_right(self.steps, step) - 1
        if i < 0:
            return self.values[0]
        if i + 1 == len(self.steps) or self.interpolation == "step":
            return self.values[i]
        share = (step - self.steps[i]) / (self.steps[i + 1] - self.steps[i])
        return self.values[i] + share * (self.values[i + 1] - self.values[i])


def constant(value: float) -> Schedule:
    return Schedule([value], [0])


@dataclass
class DataConfig:
    batch_size: int = option(2, "B: views rendered per step", ge=1)
    width: Schedule = option(Schedule([32, 64], [0, 150], "step"), "picture width in training, pixels", ge=8, le=4096)
    height: Schedule = option(Schedule([32, 64], [0, 150], "step"), "picture height in training, pixels", ge=8, le=4096)
    elevation_range: list[float] = option([-5.0, 35.0], "degrees", ge=-90, le=90, ordered=True, length=2)
    camera_distance_range: list[float] = option([2.5, 2.8], "world units; the scene fills [-1,1]", gt=1, ordered=True,
                                                length=2)
    fovy_range: list[float] = option([38.0, 42.0], "vertical field of view, degrees", gt=1, le=120, ordered=True,
                                     length=2)
    views: int = option(8, "view words: 1 none, 4 the field's, 8 named azimuths and overhead", choices=(1, 4, 8))
    camera_strata: bool = option(True, "one camera per azimuth sector of the batch (matters for batch_size > 1)")
    background: str = option("random", "behind the scene in training: one colour a view, or fixed",
                             choices=("random", "white", "black", "grey"))


@dataclass
class NerfConfig:
    bound: float = option(1.0, "half the side of the scene's box, world units", gt=0)
    levels: int = option(8, "resolutions of the hash grid", ge=1, le=24)
    features: int = option(4, "features per row of the hash grid; the compiled CPU form has 4", ge=1, le=8)
    table_size: int = option(16384, "largest number of rows of a level, a power of two", ge=8, le=2**24)
    base_resolution: int = option(8, "cells per axis of the first level", ge=1)
    finest_resolution: int = option(128, "cells per axis of the last level", ge=1)
    hidden: int = option(32, "width of the MLP's hidden layers, a multiple of 4", ge=4, le=256)
    layers: int = option(1, "hidden layers of the MLP", ge=1, le=8)
    blob_scale: float = option(5.0, "initial log density: blob_scale (1 - |x| / blob_std) is added to it", ge=0)
    blob_std: float = option(0.5, "radius of the initial blob, world units", gt=0)
    occupancy_resolution: int = option(64, "cells per axis of the occupancy grid", ge=4, le=512)
    occupancy_every: int = option(16, "steps between updates of the occupancy grid", ge=1)
    occupancy_threshold: float = option(0.01, "optical thickness of one step above which a cell counts", gt=0)
    occupancy_decay: float = option(0.8, "of the running maximum of thickness, per update", ge=0, le=1)
    samples_per_ray: int = option(128, "steps along the diagonal of the box", ge=8, le=4096)
    encoding_backend: str = option("auto", "hash grid: auto takes the fastest that works here",
                                   choices=("auto", "torch", "numba", "tinycudann"))
    render_backend: str = option("auto", "ray marching and compositing: auto takes the fastest that works here",
                                 choices=("auto", "torch", "numba", "nerfacc"))


@dataclass
class ImageConfig:
    size: int = option(64, "side of the trainable picture, pixels", ge=8, le=1024)
    std: float = option(0.1, "of the random logits it starts from", ge=0)


@dataclass
class SceneConfig:
    type: str = option("nerf", "what is trained", choices=("nerf", "image"))
    nerf: NerfConfig = field(default_factory=NerfConfig)
    image: ImageConfig = field(default_factory=ImageConfig)


@dataclass
class ExactConfig:
    set_size: int = option(256, "pictures per view word in the finite data set", ge=2, le=4096)
    unconditional_size: int = option(1024, "pictures of the unconditional set (rendered if guidance_scale != 1)",
                                     ge=2, le=16384)


@dataclass
class TeacherConfig:
    type: str = option("exact", "exact: the optimal denoiser of a finite set of toybox renders", choices=("exact",))
    exact: ExactConfig = field(default_factory=ExactConfig)


@dataclass
class ObjectiveConfig:
    type: str = option("sds", "score distillation (DreamFusion, arXiv 2209.14988)", choices=("sds",))
    guidance_scale: float = option(1.0, "s in uncond + s (cond - uncond); 1 is the plain conditional score", ge=0,
                                   le=1000)
    weighting: str = option("sds", "w(t) on the residual: sds sigma^2, uniform 1, fantasia3d alpha sigma^2, "
                            "x0 sigma/alpha", choices=("sds", "uniform", "fantasia3d", "x0"))
    t_min: Schedule = option(constant(0.02), "lowest noise level, as a share of the teacher's steps", ge=0, le=1)
    t_max: Schedule = option(constant(0.98), "highest noise level, as a share of the teacher's steps", ge=0, le=1)


@dataclass
class CostConfig:
    """``estimator.cost=measured``, or ``{a_ms: .., b_ms: .., c0_ms: ..}``, which sets source to given."""

    source: str = option("measured", "measured: from this run's timers; given: the three numbers below",
                         choices=("measured", "given"))
    a_ms: float = option(0.0, "given: cost of a render, its encode and its backward", ge=0)
    b_ms: float = option(0.0, "given: cost of a teacher draw", ge=0)
    c0_ms: float = option(0.0, "given: cost of a step besides", ge=0)


@dataclass
class EstimatorConfig:
    k: int | str = option(4, "K: teacher draws per rendered view, or auto: chosen from measured variance and cost",
                          ge=1, le=1024)
    importance_sampling: bool = option(True, "draw timesteps from a proposal q(t), weights p/q; off: q = p")
    proposal: str = option("weight", "q(t): weight, proportional to p(t) times the weight on the residual (CARV); "
                           "adaptive, fitted to past draws; table, from estimator.table",
                           choices=("weight", "adaptive", "table"))
    table: list[float] = option([1.0], "q/p up to a constant, one number per equal range of timesteps", gt=0)
    stratified: bool = option(True, "one timestep per stratum of q, strata shuffled over views")
    noise: str = option("auto", "how a view's K noises vary together; auto: iid at odd K, else antithetic at "
                        "guidance_scale <= 7.5 and zero_sum above", choices=("auto", "iid", "antithetic", "zero_sum"))
    chunk: int = option(0, "draws per view in one teacher call; 0: all K at once", ge=0)
    measure_every: int = option(200, "steps between variance measurements for k=auto", ge=1)
    cost: CostConfig = field(default_factory=CostConfig)


@dataclass
class LossConfig:
    lambda_sparsity: Schedule = option(constant(0.0), "mean opacity", ge=0)
    lambda_opaque: Schedule = option(constant(0.0), "binary entropy of opacity: all or nothing", ge=0)


@dataclass
class OptimizerConfig:
    lr_encoding: float = option(0.02, "Adam's rate for the hash grid", gt=0)
    lr_mlp: float = option(0.003, "Adam's rate for the small MLP", gt=0)
    lr_image: float = option(0.05, "Adam's rate for the image scene", gt=0)
    lr_scale: Schedule = option(constant(1.0), "multiplies every rate", ge=0)
    betas: list[float] = option([0.9, 0.99], "Adam's moving averages", ge=0, le=0.999999, length=2)
    eps: float = option(1e-15, "Adam's epsilon", gt=0)
    clip_grad_norm: float = option(0.0, "largest norm of the averaged gradient; 0: no clipping", ge=0)


@dataclass
class TrainerConfig:
    max_steps: int = option(500, "optimiser steps", ge=1)
    preview_every: int = option(100, "steps between pictures save/it{N}.png; 0: none", ge=0)


@dataclass
class CheckpointConfig:
    every_n_train_steps: int = option(100, "steps between checkpoints; 0: only the last", ge=0)
    keep: int = option(2, "newest checkpoints kept", ge=1)


@dataclass
class LogConfig:
    every_n_steps: int = option(10, "steps between lines of metrics.jsonl", ge=1)
    tensorboard: bool = option(False, "also write tb_logs/ (needs the package tensorboard)")


@dataclass
class ExportConfig:
    video: bool = option(True, "save/turntable.mp4 and save/preview.png at the end")
    video_frames: int = option(120, "frames of one full turn", ge=1, le=10000)
    video_fps: int = option(30, "frames per second", ge=1, le=240)
    video_size: int = option(0, "side in pixels; 0: 512 on CUDA, 256 on a CPU", ge=0, le=4096)
    video_elevation: float = option(15.0, "degrees", ge=-90, le=90)


@dataclass
class Config:
    prompt: str = option("", "what to make (required); carv3d prompts lists what the embedded teacher knows")
    name: str = option("carv3d", "first folder under exp_root_dir")
    tag: str = option("", "second folder, before @ and the time; empty: the prompt with _ for spaces")
    exp_root_dir: str = option("outputs", "where runs are written")
    seed: int = option(0, "every random number derives from seed, step and purpose", ge=0)
    device: str = option("auto", "auto: CUDA when present", choices=("auto", "cpu", "cuda"))
    data: DataConfig = field(default_factory=DataConfig)
    scene: SceneConfig = field(default_factory=SceneConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    estimator: EstimatorConfig = field(default_factory=EstimatorConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    log: LogConfig = field(default_factory=LogConfig)
    export: ExportConfig = field(default_factory=ExportConfig)


# --- reading -------------------------------------------------------------------------------------------------------

def load(file: str | Path | None = None, overrides: list[str] | tuple[str, ...] = ()) -> Config:
    """Defaults, then the YAML file, then ``key=value`` overrides; checked to the leaves.

    Raises UserError with one line for an unknown key, a wrong type, a value out of range or an unreadable file.
    """
    return _merge([_read(Path(file))] if file is not None else [], overrides)


def parse(text: str) -> Config:
    """The configuration that ``dump`` wrote."""
    return _merge([yaml.safe_load(text)], ())


def _merge(files: list[dict], overrides: list[str] | tuple[str, ...]) -> Config:
    tree = OmegaConf.create(dataclasses.asdict(Config()))
    for source in files + [dict(map(_split, overrides))]:
        for key, value in _leaves(source):
            OmegaConf.update(tree, key, _shorthand(key, value), merge=False)
    try:
        resolved = OmegaConf.to_container(tree, resolve=True)
    except OmegaConfBaseException as error:
        raise UserError(f"the configuration cannot be resolved: {str(error).splitlines()[0]}") from None
    config = _typed(Config, resolved, "")
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


def _split(argument: str) -> tuple[str, Any]:
    """``a.b=1`` -> ("a.b", 1). Text fields take what follows the first = as it stands."""
    key, separator, raw = argument.partition("=")
    if not separator or not key:
        raise UserError(f"'{argument}' is not understood; write key=value, for example trainer.max_steps=200")
    kind = _field_of(key)
    if kind.type in ("str", str):
        return key, raw
    try:
        return key, yaml.safe_load(raw)
    except yaml.YAMLError:
        raise UserError(f"{key}={raw}: the value is not understood; allowed: {_allowed(kind)}") from None


def _leaves(tree: dict, prefix: str = "") -> list[tuple[str, Any]]:
    """Dotted keys of a nested mapping; what has a shorthand counts as one leaf."""
    out = []
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and value and _field_of(path).type not in ("Schedule", "CostConfig"):
            out += _leaves(value, path + ".")
        else:
            out.append((path, value))
    return out


_TYPES = {cls.__name__: cls for cls in list(globals().values()) if dataclasses.is_dataclass(cls)}
_PLAIN = {"int": int, "float": float, "bool": bool, "str": str, "list[float]": list, "list[int]": list}


def _is_schedule(kind: dataclasses.Field) -> bool:
    return kind.type == "Schedule"


def keys(cls: type = Config, prefix: str = "") -> list[str]:
    """Every leaf of the configuration, as dotted keys."""
    out = []
    for item in dataclasses.fields(cls):
        inner = _TYPES.get(item.type)
        out += keys(inner, f"{prefix}{item.name}.") if inner not in (None, Schedule) else [prefix + item.name]
    return out


def _field_of(key: str) -> dataclasses.Field:
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
    kind = _field_of(key)
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
    if expected == "int | str" and value == "auto":
        return value
    if expected in ("list[float]", "list[int]"):
        if not isinstance(value, list) or not value:
            raise UserError(f"{key}: {value!r} given; allowed: {_allowed(item)}")
        value = [number(x, expected == "list[int]") for x in value]
    elif expected in ("int", "float", "int | str"):
        value = number(value, expected != "float")
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
        return ", ".join(map(str, meta["choices"]))
    words = {"int": "a whole number", "int | str": "auto or a whole number", "float": "a number", "bool": "true or false", "str": "text",
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
    k, noise, cost = config.estimator.k, config.estimator.noise, config.estimator.cost
    if k != "auto" and (noise == "antithetic" and k % 2 or noise == "zero_sum" and k < 2):
        raise UserError(f"estimator.noise: {noise} given with estimator.k {k}; antithetic needs an even K, "
                        "zero_sum K >= 2")
    if cost.source == "given" and cost.a_ms + cost.b_ms <= 0:
        raise UserError(f"estimator.cost: a_ms {cost.a_ms:g} and b_ms {cost.b_ms:g} given; one must be positive")
    steps = {0, config.trainer.max_steps} | set(config.objective.t_min.steps) | set(config.objective.t_max.steps)
    for step in sorted(steps):
        low, high = config.objective.t_min.at(step), config.objective.t_max.at(step)
        if low >= high:
            raise UserError(f"objective.t_min: {low:g} given with objective.t_max {high:g} at step {step}; "
                            "t_min must be below t_max")


# --- writing -------------------------------------------------------------------------------------------------------

def dump(config: Config) -> str:
    """YAML with every field and its comment; ``load`` of it gives the same configuration."""
    return "\n".join(_dump(config, 0)) + "\n"


def _dump(node: Any, depth: int) -> list[str]:
    lines, pad = [], "  " * depth
    for item in dataclasses.fields(node):
        value = getattr(node, item.name)
        if isinstance(value, Schedule):
            text = (_flow(value.values[0]) if len(value.values) == 1 else
                    f"{{values: {_flow(value.values)}, steps: {_flow(value.steps)}, "
                    f"interpolation: {value.interpolation}}}")
        elif dataclasses.is_dataclass(value):
            lines += [f"{pad}{item.name}:"] + _dump(value, depth + 1)
            continue
        else:
            text = _flow(value)
        choices = item.metadata["choices"]
        comment = item.metadata["help"] + (f" ({' | '.join(map(str, choices))})" if choices else "")
        lines.append(f"{pad}{item.name}: {text}".ljust(44) + f"  # {comment}")
    return lines


def _flow(value: Any) -> str:
    """A scalar or flat list as YAML on one line, numbers as Python reads them back exactly."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**9, allow_unicode=True).strip()
    return text.removesuffix("\n...").strip()
