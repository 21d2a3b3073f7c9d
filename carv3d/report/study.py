"""Sweeps and runs as they lie on disk -> one table of runs with their curves and compared estimators. Reads only."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from carv3d import config as configuration
from carv3d.carv.allocate import step_cost
from carv3d.carv.noise import noise_mode
from carv3d.config.fields import NAMING, leaves
from carv3d.config.schema import Config
from carv3d.report import reading
from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError, one_line
from carv3d.runtime.files import expanded, read_object
from carv3d.runtime.types import Record
from carv3d.sweep.ledger import CellLedger


@dataclass(frozen=True)
class Point:
    """Quality at one moment of a run. cost: what was spent by then, by unit."""

    step: int
    cost: dict[str, float]
    quality: Record


@dataclass(frozen=True)
class Price:
    """Milliseconds of a step, of each of its renders and of each of its draws."""

    step: float
    render: float = 0.0
    draw: float = 0.0

    def seconds(self, point: Point) -> float:
        """What a run has spent by a point, at this price."""
        spent = self.step * point.step
        if self.render or self.draw:
            spent += self.render * point.cost.get("renders", 0.0) + self.draw * point.cost.get("draws", 0.0)
        return spent / 1e3


@dataclass(frozen=True)
class Way:
    """How an estimator draws, resolved: what two of them may differ in. halves: whether some of its steps have their
    gradient in two independent halves, as those of Gaussians do, each of ceil(K/2) draws a view."""

    views: int
    k: int
    importance: str
    stratified: bool
    noise: str
    cameras: str
    halves: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, config: Config, k: int, items: int = 0, step: int = 0) -> Way:
        """k, items: in use, where the configuration says auto. step: of the state, whose next two steps count. One draw
        has no noise mode, one view no camera strata."""
        estimator, views, data = config.estimator, items or config.data.first_batch, config.data
        return cls(views, k, estimator.proposal if estimator.importance_sampling else "off",
                   estimator.stratified and views * k > 1,
                   noise_mode(estimator.noise, k) if k > 1 else "iid",
                   data.view_sequence if data.view_sequence != "off" else
                   "strata" if data.camera_strata and views > 1 else "off",
                   any(_in_halves(config, at) for at in (step, step + 1)))

    @property
    def plain(self) -> bool:
        return self == Way(self.views, self.k, "off", False, "iid", "off")


def _in_halves(config: Config, step: int) -> bool:
    """Gaussians tell their gradient from its noise by these, as ``carv3d.scenes.density`` says."""
    own = config.scene.gaussians.density
    return (config.scene.type == "gaussians" and own.every > 0 and own.start - own.every <= step < own.stop
            and step % own.evidence_every == 0)


@dataclass(frozen=True)
class State:
    """Estimators compared on one state of the run ``cell``. by_name: name -> what ``reading.compared`` says. ways: how
    each draws."""

    cell: str
    prompt: str
    seed: int
    step: int
    by_name: dict[str, dict[str, float]]
    ways: dict[str, Way]


@dataclass
class RunOf:
    """A run, or a cell that has got none yet. variant: what is compared. setting: what variants are compared within,
    the sweep's other axes but for prompt and seed. axes: all that it was made to differ in from its neighbours, by
    configuration key, the variant and the sweep's name among them. command: of carv3d, whose run it is. learned: cost,
    scores and losses of a student along its way."""

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
    learned: list[dict[str, float]] = field(default_factory=list)
    summary: Record = field(default_factory=dict)
    config: Config | None = None
    axes: dict[str, str] = field(default_factory=dict)
    command: str = reading.COMMANDS[0]


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

    def of(self, command: str) -> Study:
        return Study(self.title, [run for run in self.runs if run.command == command])

    def by_setting(self) -> dict[str, Study]:
        """The runs of each setting; only what is within one is compared."""
        names = dict.fromkeys(run.setting for run in self.runs)
        return {name: Study(self.title, [run for run in self.runs if run.setting == name]) for name in names}

    @property
    def first(self) -> str:
        """The first variant that has been run, or else the first: what the others are compared with by default."""
        return next((run.variant for run in self.runs if run.status == "done"), self.variants[0])

    @property
    def states(self) -> list[State]:
        return [state for run in self.runs for state in run.states]

    @property
    def shares_numbers(self) -> bool:
        """Whether runs of one seed share their random numbers whatever their prompt, so that prompts and seeds are
        crossed: where any was made so, as were all that do not say."""
        return not all(getattr(run.config, "seed_per_prompt", False) for run in self.runs if run.status == "done")

    @property
    def shared_machine(self) -> bool:
        """Whether several trainers ran at a time, so that their own seconds do not compare."""
        return any((run.workers or 1) > 1 for run in self.runs)

    def prices(self) -> dict[str, Price]:
        """Variant -> what its runs are priced at, for the variants that were compared: the median cost of a step, or
        where a run chooses B or K along its way, costs of a step, a render and a draw that fit all steps compared."""
        found: dict[str, list[float]] = {}
        points = []
        for state in self.states:
            for name, numbers in state.by_name.items():
                found.setdefault(name, []).append(numbers["step_ms"])
                points.append((state.ways[name].views, state.ways[name].k, numbers["step_ms"]))
        chosen = {run.variant for run in self.runs if run.config is not None
                  and "auto" in (run.config.estimator.k, run.config.data.batch_size)}
        prices = {name: Price(statistics.median(values)) for name, values in found.items()}
        if len({items for items, _, _ in points}) > 1 and len({k for _, k, _ in points}) > 1:
            cost = step_cost(points)
            prices |= {name: Price(cost.c0, cost.a, cost.b) for name in chosen & prices.keys()}
        return prices


def collect(paths: Iterable[str]) -> Study:
    """Sweeps (their folders or their YAML files) and runs (their folders); UserError for anything else."""
    runs: list[RunOf] = []
    sweeps: list[tuple[str, list[RunOf]]] = []
    loose = []
    for path in (expanded(each, "SWEEP_OR_RUN") for each in paths):
        path = folder_of_plan(path) if path.suffix in (".yaml", ".yml") else path
        if (path / "ledger.sqlite").is_file():
            sweeps.append((path.name, _sweep(path)))
        elif (path / "config.yaml").is_file():
            loose.append(path)
        else:
            raise UserError(f"{path} is neither a sweep nor a run (no ledger.sqlite and no config.yaml in it); give a "
                            "sweep's file or folder, or run folders like outputs/NAME/TAG@TIME")
    for name, found in sweeps:
        runs += found
        for run in found if len(sweeps) > 1 else ():
            run.axes = {"sweep": one_line(name), **run.axes}
    titles = [name for name, _ in sweeps]
    if loose:
        runs += _loose(loose)
        titles.append(f"{len(loose)} runs")
    unique = {run.id: run for run in runs}
    if not unique:
        raise UserError(f"{', '.join(titles)}: no runs in it yet; carv3d sweep FILE makes them")
    return Study(", ".join(titles), list(unique.values()))


def folder_of_plan(path: Path) -> Path:
    from carv3d.sweep import plan as sweep_plan

    return sweep_plan.load(path, (sweep_plan.READING,)).folder


def _sweep(folder: Path) -> list[RunOf]:
    with CellLedger(folder / "ledger.sqlite", reading=True) as ledger:
        rows = ledger.rows()
    out = []
    for row in rows:
        axes = {key: one_line(str(value)) for key, value in row["axes"].items()}
        other = ", ".join(f"{key.rsplit('.')[-1]} {value}" for key, value in axes.items()
                          if key not in ("variant", "prompt", "seed"))
        setting, variant = (other, axes["variant"]) if "variant" in axes else ("", other or "all")
        within = row["run"] and Path(row["run"]).name == row["run"]
        seed = reading.number(row["axes"].get("seed"))
        run = RunOf(str(row["id"]), setting, variant, axes.get("prompt", ""), int(seed or 0), one_line(row["state"]),
                    folder / row["run"] if within else None, row["workers"], one_line(row["failure"] or ""), axes=axes)
        out.append(_read(run))
    told = next((run.command for run in out if run.command != reading.COMMANDS[0]), reading.COMMANDS[0])
    for run in out:  # a sweep has one command, also where a run cannot tell
        run.command = told
    return out


def _loose(folders: list[Path]) -> list[RunOf]:
    """Runs that no sweep has made: what they differ in tells them apart."""
    read = [_read(RunOf(folder.name, "", "all", "", 0, "running", folder)) for folder in folders]
    for command in reading.COMMANDS:
        _tell_apart([run for run in read if run.command == command])
    return read


def _tell_apart(read: list[RunOf]) -> None:
    """Give runs of one command their axes."""
    flat = {run.id: {k: v for k, v in leaves(run.config).items() if k not in (*NAMING, "prompt", "seed")}
            for run in read if run.config}
    every = list(flat.values())
    differing = [key for key in dict.fromkeys(key for one in every for key in one)
                 if any(one.get(key) != every[0].get(key) for one in every)]
    for run in read:
        if values := flat.get(run.id):
            shown = {key.rsplit(".")[-1]: values[key] for key in differing if key in values}
            run.variant = one_line(", ".join(f"{key} {configuration.flow(value)}" for key, value in shown.items())
                                   or "all")
            run.axes = {key: one_line(str(configuration.flow(values[key]))) for key in differing if key in values}
            run.status = run.summary.get("status", "running").replace("finished", "done")


def _read(run: RunOf) -> RunOf:
    """Fill in what its folder holds. One that cannot be read never costs a report its page."""
    if run.folder is None or not (run.folder / "config.yaml").is_file():
        return run
    kept = Run(run.folder)
    try:
        kept.checked()
        run.config, run.summary, lines = kept.config(), reading.summary(kept.summary()), kept.metrics()
        run.command = reading.command(kept.environment())
        run.failure = "; ".join([*([run.failure] if run.failure else []), *kept.damaged()])
    except UserError as error:  # a class of the user's that is not here, a link that leads out, a file without rights
        run.status, run.failure = "unreadable", str(error)
        return run
    run.prompt, run.seed = one_line(run.config.prompt), run.config.seed
    configs = configuration.estimators(run.config)
    for record in lines:
        if (found := reading.point(record)) is not None:
            run.curve.append(Point(record["step"], *found))
        elif (by_name := reading.compared(record)) is not None and by_name.keys() <= configs.keys():
            ways = {one_line(name): Way.of(configs[name], int(numbers["k"]), int(numbers["items"]), record["step"])
                    for name, numbers in by_name.items()}
            shown = {one_line(name): numbers for name, numbers in by_name.items()}
            run.states.append(State(run.id, run.prompt, run.seed, record["step"], shown, ways))
        elif (known := reading.learned(record)) is not None:
            run.learned.append(known)
    return run


def environment(study: Study) -> Record:
    """Of the first run that has one; the fields in which runs differ hold all their values."""
    found = [reading.environment(read_object(run.folder / "env.json")) for run in study.runs
             if run.folder and run.status != "unreadable"]
    return {key: " | ".join(dict.fromkeys(env[key] for env in found if key in env))
            for key in dict.fromkeys(key for env in found for key in env)}


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
