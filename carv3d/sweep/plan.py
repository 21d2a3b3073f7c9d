"""A sweep's YAML file -> its cells, each a whole configuration with a stable id. Reads files, writes none.

Keys of the file::

    name: k_toggle               # folder under exp_root_dir; default: the file's own name
    base: ../base.yaml           # a configuration, relative to this file; optional
    overrides: {trainer.max_steps: 60}            # over base, for every cell
    variants: {off: {estimator.k: 1}, on: {estimator.k: 4}}
    grid: {estimator.k: [1, 4], data.batch_size: [1, 2]}      # every combination
    zip: {data.width: [32, 64], data.height: [32, 64]}        # side by side, lists of one length
    prompts: [a red mushroom, a blue car]         # or a text file, one a line, relative to this one
    seeds: 3                                      # 0, 1, 2; or a list
    compare: {points: 3, replicates: 8}           # the variants' variance and cost, on states of the first one's runs
    command: train               # of carv3d, that a cell is a run of; default: the first there is

``compare`` may also hold ``estimators``, more of the same form as variants, that are measured and not trained; it goes
into the cells of the first variant and the first seed. A key may appear on one axis only. What is given on the command
line holds for every cell.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import itertools
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from carv3d import config as configuration
from carv3d.config import yaml_text
from carv3d.config.fields import NAMING, leaves
from carv3d.config.options import TEXTS, kind_of
from carv3d.config.schema import Config
from carv3d.runtime.errors import UserError, shown
from carv3d.runtime.files import expanded, read_text
from carv3d.runtime.types import Record, Value

KEYS = ("name", "base", "overrides", "variants", "grid", "zip", "prompts", "seeds", "compare", "command")


@dataclass(frozen=True)
class Application:
    """What a sweep's cells are runs of. command: of carv3d; it takes --config, --resume and key=value, and its runs lie
    in folders as ``runs.folder`` says. settle: UserError for a configuration that cannot run, before any does. kept:
    what of a run's summary becomes its cell's result. meant: the prompt as the teacher takes it, by which two ways to
    write one are the same cell. steps: of a run, at most. chunk: the option that says how much goes through a network
    together, halved where memory runs out; empty: there is none. whole: how much that is as configured."""

    command: str
    settle: Callable[[Config], None]
    kept: tuple[str, ...]
    meant: Callable[[Config], str] = lambda config: config.prompt
    steps: Callable[[Config], int] = lambda config: config.trainer.max_steps
    chunk: str = ""
    whole: Callable[[Config], int] = lambda config: 1


MOST_SEEDS, MOST_CELLS = 100_000, 100_000
READING = Application("", lambda config: None, ())  # for those who only look at what has run


@dataclass(frozen=True)
class Cell:
    """One run. axes: what tells it from its neighbours, by axis. overrides: the same as configuration keys."""

    id: str
    axes: Record
    overrides: Record
    config: Config

    @property
    def name(self) -> str:
        return ", ".join(str(v) if k in ("variant", "prompt") else f"{k.rsplit('.')[-1]} {v}"
                         for k, v in self.axes.items()) or "the only cell"

    @property
    def tag(self) -> str:
        """The run folder's name up to @."""
        return f"{re.sub(r'[^a-zA-Z0-9.]+', '_', self.name).strip('_')[:60]}-{self.id}"


@dataclass(frozen=True)
class Plan:
    """name and root: the sweep lies in ``root/name``."""

    name: str
    root: Path
    cells: tuple[Cell, ...]
    application: Application

    @property
    def folder(self) -> Path:
        return self.root / self.name


def load(path: Path, applications: Sequence[Application], overrides: list[str] | tuple[str, ...] = ()) -> Plan:
    """The plan in a file; UserError, naming the cell, for whatever one of its configurations gets wrong.

    applications: those whose command the file may name; the first is meant where it names none.
    """
    content = _read(path)
    application = _application(path, content, applications)
    base = _base(path, content)
    common = _flat(f"{path}: overrides", content.get("overrides"), NAMING[:2])
    axes = [axis for axis in (_variants(path, content), *_grid(path, content), _zip(path, content),
                              _prompts(path, content), _seeds(path, content)) if axis]
    _check_apart(path, axes, overrides)
    first = {key: value for axis in axes for key, value in axis[0][0].items() if key in ("variant", "seed")}
    comparing = _comparing(path, content, base, lambda keys: [*map(_argument, (common | keys).items()), *overrides])
    if (count := math.prod(map(len, axes))) > MOST_CELLS:
        raise UserError(f"{path}: {count} cells; allowed: {MOST_CELLS}; divide the sweep")
    cells: dict[str, Cell] = {}
    for chosen in itertools.product(*axes):
        labels = {key: value for label, _ in chosen for key, value in label.items()}
        keys = {key: value for _, values in chosen for key, value in values.items()}
        if comparing and first.items() <= labels.items():
            keys |= comparing
        cell = _cell(labels, keys, base, [*map(_argument, (common | keys).items()), *overrides], application)
        if other := cells.get(cell.id):
            raise UserError(f"{path}: the cells '{other.name}' and '{cell.name}' are the same run; take one away")
        cells[cell.id] = cell
    name, roots = _name(path, content), {cell.config.exp_root_dir for cell in cells.values()}
    return Plan(name, Path(roots.pop()).expanduser(), tuple(cells.values()), application)


def _cell(axes: Record, keys: Record, base: Path | None, arguments: list[str],
          application: Application) -> Cell:
    cell = Cell("", axes, keys, Config())
    try:
        config = configuration.load(base, arguments)
        given = copy.deepcopy(config)  # settling makes paths absolute
        application.settle(config)
        given.prompt = application.meant(config)
    except UserError as error:
        raise UserError(f"cell '{cell.name}': {error}" if axes else str(error)) from None
    return dataclasses.replace(cell, id=_identity(given), config=config)


def _identity(config: Config) -> str:
    """A hash of what a run computes: the leaves that differ from the defaults, so that neither the order nor the place
    in which they are given counts, and a key that carv3d gains later changes no id."""
    given, plain = leaves(config), leaves(Config())
    changed = {key: given[key] for key in sorted(given) if given[key] != plain.get(key, plain) and key not in NAMING}
    return hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()[:10]


# --- the file ------------------------------------------------------------------------------------------------------

def _read(path: Path) -> Record:
    content = yaml_text.read(read_text(path, "sweep", "give the path of a YAML file"), f"sweep {path}")
    if not isinstance(content, dict):
        raise UserError(f"sweep {path}: holds a {'list' if isinstance(content, list) else 'single value'}; a mapping "
                        f"with some of {', '.join(KEYS)} is needed")
    if unknown := [key for key in content if key not in KEYS]:
        raise UserError(f"sweep {path}: {unknown[0]}: no such key; allowed: {', '.join(KEYS)}")
    return content


def _name(path: Path, content: Record) -> str:
    name = content.get("name", path.stem)
    if not isinstance(name, str) or not re.fullmatch(r"[\w.-]+", name) or name.startswith("."):
        raise UserError(f"{path}: name: {name!r} given; allowed: letters, digits, _ - and ., not first")
    return name


def _application(path: Path, content: Record, applications: Sequence[Application]) -> Application:
    if applications == (READING,):
        return READING
    by_command = {each.command: each for each in applications}
    given = content.get("command", applications[0].command)
    if given not in by_command:
        raise UserError(f"{path}: command: {shown(given)} given; allowed: {', '.join(by_command)}")
    return by_command[given]


def _base(path: Path, content: Record) -> Path | None:
    if (given := content.get("base")) is None:
        return None
    if not isinstance(given, str):
        raise UserError(f"{path}: base: {shown(given)} given; allowed: the path of a configuration, relative to this "
                        "file")
    return path.parent / expanded(given, f"{path}: base")


def _flat(where: str, given: Value, own: tuple[str, ...] = NAMING) -> Record:
    """Dotted keys of a mapping, every one of which exists and is not the sweep's own."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise UserError(f"{where}: {shown(given)} given; allowed: a mapping of configuration keys to values")
    out = dict(configuration.pairs({str(key): value for key, value in given.items()}))
    for key in out:
        configuration.field_of(key)
        if key in own:
            raise UserError(f"{where}: {key} given; a sweep names its runs itself, leave it out")
    return {key: _meant(key, value) for key, value in out.items()}


def _argument(item: tuple[str, Value]) -> str:
    key, value = item
    text = configuration.field_of(key).type == "str"
    return f"{key}={('' if value is None else value) if text else configuration.flow(value)}"


Axis = list[tuple[Record, Record]]  # of each point: labels, configuration keys


def _variants(path: Path, content: Record) -> Axis:
    given = content.get("variants")
    if given is None:
        return []
    if not isinstance(given, dict) or not given:
        raise UserError(f"{path}: variants: {shown(given)} given; allowed: a mapping of names to overrides")
    return [({"variant": name}, _flat(f"{path}: variants: {name}", keys)) for name, keys in given.items()]


def _lists(path: Path, content: Record, axis: str) -> dict[str, list]:
    given = content.get(axis)
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise UserError(f"{path}: {axis}: {shown(given)} given; allowed: a mapping of configuration keys to lists")
    for key, values in given.items():
        configuration.field_of(str(key))
        if key in NAMING:
            raise UserError(f"{path}: {axis}: {key} given; a sweep names its runs itself, leave it out")
        if not isinstance(values, list) or not values:
            raise UserError(f"{path}: {axis}: {key}: {shown(values)} given; allowed: a list of values, not empty")
    return {key: [_meant(key, value) for value in values] for key, values in given.items()}


def _grid(path: Path, content: Record) -> list[Axis]:
    return [[({key: value}, {key: value}) for value in values]
            for key, values in _lists(path, content, "grid").items()]


def _zip(path: Path, content: Record) -> Axis:
    given = _lists(path, content, "zip")
    if len({len(values) for values in given.values()}) > 1:
        raise UserError(f"{path}: zip: lists of {', '.join(f'{len(v)} ({k})' for k, v in given.items())} given; they "
                        "must be equally long")
    rows = [dict(zip(given, row)) for row in zip(*given.values())]
    return [(row, row) for row in rows]


def _prompts(path: Path, content: Record) -> Axis:
    given = content.get("prompts")
    if isinstance(given, str):
        file = path.parent / expanded(given, f"{path}: prompts")
        text = read_text(file, f"{path}: prompts:", "give a list, or a text file with one prompt a line")
        lines = [line.strip() for line in text.splitlines()]
        given = [line for line in lines if line and not line.startswith("#")]
    if given is not None and (not isinstance(given, list) or not given or not all(isinstance(p, str) for p in given)):
        raise UserError(f"{path}: prompts: {shown(given)} given; allowed: a list of prompts, or a text file of them")
    return [({"prompt": prompt}, {"prompt": prompt}) for prompt in given or []]


def _seeds(path: Path, content: Record) -> Axis:
    given = content.get("seeds")
    if given is None:
        return []
    count = _plain(given)
    seeds = range(count) if isinstance(count, int) and 1 <= count <= MOST_SEEDS else count
    if not isinstance(seeds, (range, list)) or not seeds or not all(isinstance(seed, int) for seed in seeds):
        raise UserError(f"{path}: seeds: {shown(given)} given; allowed: how many, >= 1 and <= {MOST_SEEDS}, or "
                        "a list of whole numbers")
    return [({"seed": seed}, {"seed": seed}) for seed in seeds]


def _meant(key: str, value: Value) -> Value:
    """The value of an option as people write it: of text options the text, of others numbers and truth as such."""
    return value if kind_of(configuration.field_of(key)) in TEXTS else _plain(value)


def _plain(value: Value) -> Value:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if not isinstance(value, str):
        return value
    number = yaml_text.number(value)
    return {"true": True, "false": False}.get(value.lower(), value) if number is None else number


def _comparing(path: Path, content: Record, base: Path | None,
               arguments: Callable[[Record], list[str]]) -> Record:
    """The section compare of the cells that carry it: the variants and the estimators named besides, each by the
    options in which it differs from the first variant, whose scenes they meet. arguments: of a cell with these keys."""
    given = content.get("compare")
    if given is None:
        return {}
    known = {"points", "replicates", "window", "estimators"}
    if not isinstance(given, dict) or _plain(given.get("points")) in (None, 0, "") or not given.keys() <= known:
        raise UserError(f"{path}: compare: {shown(given)} given; allowed: points, above 0, replicates, window, and "
                        "estimators")
    variants, besides = content.get("variants") or {}, given.get("estimators") or {}
    if not variants:
        raise UserError(f"{path}: compare: given without variants; it compares on the states of the first of these")
    if not isinstance(besides, dict) or any(name in variants for name in besides):
        raise UserError(f"{path}: compare: estimators: {besides!r} given; allowed: names that no variant has, each "
                        "with overrides")
    resolved = {}
    for name, keys in (variants | besides).items():
        flat = _flat(f"{path}: {name}", keys)
        if name in besides and (wrong := [key for key in flat if not configuration.of_estimator(key)]):
            raise UserError(f"{path}: compare: estimators: {name}: {wrong[0]} given; it is no option of the estimator")
        config = configuration.load(base, arguments(flat))
        resolved[name] = {key: value for key, value in leaves(config).items() if configuration.of_estimator(key)}
    of_first = next(iter(resolved.values()))
    listed = []
    for name, own in resolved.items():
        differing = [_argument((key, value)) for key, value in own.items() if value != of_first[key]]
        listed.append(f"{name}: {'; '.join(differing)}")
    return {f"compare.{key}": given[key] for key in ("points", "replicates", "window") if key in given} | {
        "compare.estimators": listed}


def _check_apart(path: Path, axes: list[Axis], overrides: list[str] | tuple[str, ...]) -> None:
    """UserError for a key on two axes, or one on an axis and on the command line: one would silently win."""
    seen: set[str] = set()
    for axis in axes:
        keys = {key for _, values in axis for key in values}
        if twice := sorted(keys & seen):
            raise UserError(f"{path}: {twice[0]} is on two axes; leave it on one of them")
        seen |= keys
    for argument in overrides:
        key = configuration.split(argument)[0]
        if key in seen:
            raise UserError(f"{argument}: {key} is an axis of {path}; change it there")
        if key in NAMING[:2]:
            raise UserError(f"{argument}: a sweep names its runs itself; allowed: name in {path}, exp_root_dir")
