"""Sweeps and runs as they lie on disk -> one table of runs with their curves and compared estimators. Reads only."""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from carv3d import config as configuration
from carv3d.carv.noise import noise_mode
from carv3d.config.fields import NAMING, leaves
from carv3d.config.schema import Config
from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError
from carv3d.runtime.types import Record
from carv3d.sweep.ledger import CellLedger

UNITS = ("seconds", "renders", "teacher_evals")


@dataclass(frozen=True)
class Point:
    """Quality at one moment of a run. cost: what was spent by then, by unit."""

    step: int
    cost: dict[str, float]
    quality: Record


@dataclass(frozen=True)
class Way:
    """How an estimator draws, resolved: what two of them may differ in."""

    views: int
    k: int
    importance: str
    stratified: bool
    noise: str
    cameras: bool

    @classmethod
    def of(cls, config: Config, k: int) -> Way:
        """k: in use, where the configuration says auto. One draw has no noise mode, one view no camera strata."""
        estimator, views = config.estimator, config.data.batch_size
        return cls(views, k, estimator.proposal if estimator.importance_sampling else "off",
                   estimator.stratified and views * k > 1,
                   noise_mode(estimator.noise, k, float(config.objective.guidance_scale)) if k > 1 else "iid",
                   config.data.camera_strata and views > 1)

    @property
    def plain(self) -> bool:
        return self == Way(self.views, self.k, "off", False, "iid", False)


@dataclass(frozen=True)
class State:
    """Estimators compared on one state. by_name: name -> variance, signal, step_ms, items, k. ways: how each draws."""

    cell: str
    prompt: str
    step: int
    by_name: dict[str, dict[str, float]]
    ways: dict[str, Way]


@dataclass
class RunOf:
    """A run, or a cell that has got none yet. variant: what is compared. setting: what variants are compared within,
    the sweep's other axes but for prompt and seed."""

    id: str
    setting: str
    variant: str
    prompt: str
    seed: int
    status: str
    folder: Path | None
    workers: int | None = None
    failure: str = ""
    curve: list[Point] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    summary: Record = field(default_factory=dict)
    config: Config | None = None


@dataclass
class Study:
    """title: for people. runs: in the order of the sweep."""

    title: str
    runs: list[RunOf]

    @property
    def variants(self) -> list[str]:
        return list(dict.fromkeys(run.variant for run in self.runs))

    @property
    def prompts(self) -> list[str]:
        return list(dict.fromkeys(run.prompt for run in self.runs))

    def by_setting(self) -> dict[str, Study]:
        """The runs of each setting; only what is within one is compared."""
        names = dict.fromkeys(run.setting for run in self.runs)
        return {name: Study(self.title, [run for run in self.runs if run.setting == name]) for name in names}

    @property
    def states(self) -> list[State]:
        return [state for run in self.runs for state in run.states]

    @property
    def shared_machine(self) -> bool:
        """Whether several trainers ran at a time, so that their own seconds do not compare."""
        return any((run.workers or 1) > 1 for run in self.runs)

    def step_ms(self) -> dict[str, float]:
        """Variant -> median cost of its step where it was compared, for the variants that were."""
        found: dict[str, list[float]] = {}
        for state in self.states:
            for name, numbers in state.by_name.items():
                found.setdefault(name, []).append(numbers["step_ms"])
        return {name: statistics.median(values) for name, values in found.items()}


def collect(paths: Iterable[str]) -> Study:
    """Sweeps (their folders or their YAML files) and runs (their folders); UserError for anything else."""
    runs: list[RunOf] = []
    titles, loose = [], []
    for path in map(Path, paths):
        path = _folder_of_plan(path) if path.suffix in (".yaml", ".yml") else path.expanduser()
        if (path / "ledger.sqlite").is_file():
            runs += _sweep(path)
            titles.append(path.name)
        elif (path / "config.yaml").is_file():
            loose.append(path)
        else:
            raise UserError(f"{path} is neither a sweep nor a run (no ledger.sqlite and no config.yaml in it); give a "
                            "sweep's file or folder, or run folders like outputs/NAME/TAG@TIME")
    if loose:
        runs += _loose(loose)
        titles.append(f"{len(loose)} runs")
    unique = {run.id: run for run in runs}
    return Study(", ".join(titles), list(unique.values()))


def _folder_of_plan(path: Path) -> Path:
    from carv3d.sweep import plan as sweep_plan

    return sweep_plan.load(path, (sweep_plan.READING,)).folder


def _sweep(folder: Path) -> list[RunOf]:
    with CellLedger(folder / "ledger.sqlite") as ledger:
        rows = ledger.rows()
    out = []
    for row in rows:
        axes = row["axes"]
        other = ", ".join(f"{key.rsplit('.')[-1]} {value}" for key, value in axes.items()
                          if key not in ("variant", "prompt", "seed"))
        setting, variant = (other, axes["variant"]) if "variant" in axes else ("", other or "all")
        run = RunOf(row["id"], setting, variant, str(axes.get("prompt", "")), axes.get("seed", 0), row["state"],
                    folder / row["run"] if row["run"] else None, row["workers"], row["failure"] or "")
        out.append(_read(run))
    return out


def _loose(folders: list[Path]) -> list[RunOf]:
    """Runs that no sweep has made: what they differ in tells them apart."""
    read = [_read(RunOf(folder.name, "", "all", "", 0, "running", folder)) for folder in folders]
    flat = {run.id: {k: v for k, v in leaves(run.config).items() if k not in (*NAMING, "prompt", "seed")}
            for run in read if run.config}
    every = list(flat.values())
    differing = [key for key in dict.fromkeys(key for one in every for key in one)
                 if any(one.get(key) != every[0].get(key) for one in every)]
    for run in read:
        if values := flat.get(run.id):
            shown = {key.rsplit(".")[-1]: values[key] for key in differing if key in values}
            run.variant = ", ".join(f"{key} {configuration.flow(value)}" for key, value in shown.items()) or "all"
            run.status = run.summary.get("status", "running").replace("finished", "done")
    return read


def _read(run: RunOf) -> RunOf:
    """Fill in what its folder holds."""
    if run.folder is None or not (run.folder / "config.yaml").is_file():
        return run
    kept = Run(run.folder)
    try:
        run.config, run.summary = kept.config(), kept.summary()
    except UserError as error:  # a class of the user's that is not here, say: one run never costs a report its page
        run.status, run.failure = "unreadable", str(error)
        return run
    run.prompt, run.seed = run.config.prompt, run.config.seed
    for record in kept.metrics():
        if "quality" in record:
            quality = record["quality"] or {}
            run.curve.append(Point(record["step"], record["cost"], quality))
        elif "compare" in record:
            configs = configuration.estimators(run.config)
            ways = {name: Way.of(configs[name], numbers["k"]) for name, numbers in record["compare"].items()}
            run.states.append(State(run.id, run.prompt, record["step"], record["compare"], ways))
    return run


def environment(study: Study) -> Record:
    """Of the first run that has one; the fields in which runs differ hold all their values."""
    found = [json.loads((run.folder / "env.json").read_text()) for run in study.runs
             if run.folder and (run.folder / "env.json").is_file()]
    keys = ("carv3d", "git_commit", "python", "device", "gpu", "cpu", "cpu_threads", "backends")
    out = {key: " | ".join(dict.fromkeys(str(env[key]) for env in found if env.get(key) is not None)) for key in keys}
    torch = dict.fromkeys(env["packages"]["torch"] for env in found)
    return {name: text for name, text in (out | {"torch": " | ".join(torch)}).items() if text}


def pairs(study: Study) -> Iterable[tuple[str, str, str]]:
    """Estimators that differ in one thing alone: what, without, with (fewer before more; between two of a kind, as
    listed). One that draws differently on different states, as k=auto may, is none of them."""
    every: dict[str, set[Way]] = {}
    for state in study.states:
        for name, way in state.ways.items():
            every.setdefault(name, set()).add(way)
    fixed = [(name, next(iter(ways))) for name, ways in every.items() if len(ways) == 1]
    for (a, left), (b, right) in itertools.combinations(fixed, 2):
        differing = [name for name in ("views", "k", "importance", "stratified", "noise", "cameras")
                     if getattr(left, name) != getattr(right, name)]
        if len(differing) == 1:
            before, after = (_more(getattr(way, differing[0])) for way in (left, right))
            yield (differing[0], a, b) if before <= after else (differing[0], b, a)


def _more(value: bool | int | str) -> int:
    return value not in ("off", "iid") if isinstance(value, str) else value
