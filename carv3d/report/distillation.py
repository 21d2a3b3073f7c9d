"""What runs of ``carv3d distill`` have found: how good their students are by what runs differ in, and their cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy

from carv3d.config.onestep import MAIN, SCORES
from carv3d.report import figures, markup, reading, seeds
from carv3d.report.curves import Line
from carv3d.report.markup import Html, table, text
from carv3d.report.numbers import Number, interval, plain, several
from carv3d.report.seeds import BySeed, bullets, by_seed, count, label, named, paired, stacked
from carv3d.report.study import RunOf, Study
from carv3d.runtime.errors import one_line

COUNTED = ("outputs", "updates", "teacher_evals", "fake_evals")  # of a run's ledger
TEACHER = "teacher, 4 steps"  # that a student is compared with
JUDGED_BY = {"frechet": (), "wasserstein": ("distill.prompts", "distill.guidance", "distill.samples", "teacher.type",
                                            "teacher.path", "teacher.base", "teacher.revision", "teacher.variant",
                                            "teacher.use_ema")}
"""Options that two runs must have in common for their scores to compare, by the score: Fréchet distances are from the
digits, sliced Wasserstein distances from samples of the teacher."""


@dataclass(frozen=True)
class Row(seeds.Row):
    """Students that differ in their seed alone."""

    @property
    def name(self) -> str:
        return ", ".join(named(self.axes)) or f"outputs {self.used('outputs')}, K {self.used('k')}"

    def used(self, name: str) -> str:
        """Outputs in a step, or draws of each, as they were at the end; several where seeds have chosen their own."""
        found = sorted({run.summary[name] for run in self.runs if run.summary[name] is not None})
        return "/".join(map(str, found)) or "–"

    def student(self, score: str) -> BySeed:
        return by_seed(self.runs, lambda run: quality(run).get(score))

    def teacher(self, steps: str, score: str) -> BySeed:
        return by_seed(self.runs, lambda run: run.summary["teacher"].get(steps, {}).get(score))

    def over_teacher(self, score: str) -> Number | None:
        """The teacher's score less the student's, seed by seed."""
        return seeds.mean(paired(self.teacher(TEACHER, score), self.student(score)))

    def over(self, other: Row, score: str) -> Number | None:
        """Another row's score less this one's, seed by seed."""
        return seeds.mean(paired(other.student(score), self.student(score)))

    def updates(self) -> float | None:
        number = seeds.mean(by_seed(self.runs, lambda run: run.summary["step"]))
        return number.value if number else None


@dataclass(frozen=True)
class Group:
    """Rows whose scores compare. main: the score that is drawn, of which less is better."""

    name: str
    main: str
    rows: list[Row]

    @property
    def first(self) -> Row:
        return self.rows[0]

    @property
    def scores(self) -> list[str]:
        return [score for score in SCORES if any(row.student(score) for row in self.rows)]

    @property
    def teachers(self) -> list[str]:
        return list(dict.fromkeys(name for row in self.rows for run in row.runs for name in run.summary["teacher"]))

    def teacher(self, steps: str, score: str) -> Number | None:
        """Over seeds, each the mean over the rows that have it."""
        return seeds.mean(by_seed((run for row in self.rows for run in row.runs),
                                  lambda run: run.summary["teacher"].get(steps, {}).get(score)))


def quality(run: RunOf) -> dict[str, float]:
    """The scores of a run's student."""
    return reading.distances(run.summary.get("quality"))


def groups(study: Study) -> list[Group]:
    """The runs that are done and have scores, in the order of the sweep."""
    found: dict[tuple[str, tuple[object, ...]], list[Row]] = {}
    for axes, runs in seeds.grouped(study, _main):
        if main := _main(runs[0]):
            row = Row(axes, runs)
            found.setdefault((main, tuple(map(row.option, JUDGED_BY[main]))), []).append(row)
    out = []
    for (main, values), rows in found.items():
        others = [each for name, each in found if name == main]
        own = [one_line(f"{label(key)} {value}") for i, (key, value) in enumerate(zip(JUDGED_BY[main], values))
               if any(each[i] != value for each in others)]
        out.append(Group(", ".join([SCORES[main], *own]), main, rows))
    return out


def _main(run: RunOf) -> str:
    return next((name for name in MAIN if name in quality(run)), "")


def section(study: Study, folder: Path) -> list[str]:
    """The part of the page that is of distillation; its figures go into ``folder``."""
    found = groups(study)
    body = [_headline(group) for group in found]
    if found:
        body.append(_explained(study, found))
    scoreless = [run for run in study.runs if run.status == "done" and not _main(run)]
    if scoreless or not found:
        whom = f"{len(scoreless)} of the runs that are done" if found else "These runs"
        body.append(f"<p>{whom} {'has' if found and len(scoreless) == 1 else 'have'} no scores of a student, and "
                    "nothing is said of them but what is below.</p>")
    for number, group in enumerate(found, 1):
        body += [f"<h2>Scores: {text(group.name)}</h2>", _table(group, number), *_figures(group, folder, number)]
    return [*body, "<h2>All runs</h2>", _cells(study)]


def lines(study: Study) -> Iterator[str]:
    """What is said of the scores on the command line, one row after another."""
    for group in groups(study):
        for row in group.rows:
            main, seconds = group.main, row.spent("seconds", "train")
            said = [f"student {plain(seeds.mean(row.student(main)), 3)}"]
            if lead := row.over_teacher(main):
                said.append(f"{TEACHER} less it {plain(lead, 3)}")
            if row is not group.first and (lead := row.over(group.first, main)):
                said.append(f"{group.first.name} less it {plain(lead, 3)}")
            said += [f"{seconds:.1f} s"] if seconds is not None else []
            yield f"{group.name}: {row.name}: {'; '.join(said)}"


def flat(study: Study) -> tuple[list[str], list[list[object]]]:
    """Head and lines of distillation.csv: a run with scores a line, the teacher's beside the student's."""
    runs = [(row, run) for group in groups(study) for row in group.rows for run in row.runs]
    scores = [name for name in SCORES if any(name in quality(run) for _, run in runs)]
    teachers = list(dict.fromkeys((steps, name) for _, run in runs for steps, known in run.summary["teacher"].items()
                                  for name in known))
    head = ["id", "row", "seed", "step", "outputs_per_step", "k", *COUNTED, "train_s", *scores,
            *(f"{steps}: {name}" for steps, name in teachers)]
    return head, [[run.id, row.name, run.seed, *(run.summary[name] for name in ("step", "outputs", "k")),
                   *(run.summary["ledger"].get(name) for name in COUNTED), run.summary["seconds"].get("train"),
                   *(quality(run).get(name) for name in scores),
                   *(run.summary["teacher"].get(steps, {}).get(name) for steps, name in teachers)] for row, run in runs]


# --- words ------------------------------------------------------------------------------------------------------------

def _headline(group: Group) -> str:
    """The row with the lowest mean, and what the seeds say of its differences from another row and from the teacher."""
    main = group.main
    ranked = sorted(((number.value, i, row) for i, row in enumerate(group.rows)
                     if (number := seeds.mean(row.student(main)))))
    best = ranked[0][2]
    number = seeds.mean(best.student(main))
    assert number is not None  # it is one of those that were ranked
    said = [f"{text(group.name)}: " + f"the lowest mean of {len(ranked)} is that of " * (len(ranked) > 1)
            + f"<i>{text(best.name)}</i>, <b>{number.value:.3f}</b> ({interval(number, 3) or 'no interval: one seed'}; "
            f"n = {several(len(best.student(main)), 'seed')})."]
    if len(ranked) > 1:
        rival = group.first if best is not group.first else ranked[1][2]
        said.append(_compared(rival.name, paired(rival.student(main), best.student(main))))
    if len(ranked) > 2:
        said.append("The lowest of several means is flattered by having been picked.")
    said.append(_compared(TEACHER, paired(best.teacher(TEACHER, main), best.student(main))))
    return f"<p class=\"lead\">{' '.join(filter(None, said))}</p>"


def _compared(name: str, differences: BySeed) -> str:
    """What seeds say of a difference, and no more than that."""
    number, many = seeds.mean(differences), len(differences)
    if number is None:
        return ""
    less, way = f"{text(name)} less it: {text(plain(number, 3))}", "better" if number.value > 0 else "worse"
    if many < 2:
        return f"{less}, on one seed: how much of this is chance is not known."
    if number.low <= 0 <= number.high:
        return f"{less}; the interval covers 0: no difference was seen."
    return f"{less}: it is {way}."


MEANT = {
    "frechet": "Scores are of the student, of as many samples as there are pictures. <b>Fréchet distance</b>: from the "
               "data, between Gaussians in the features of a small classifier, lower is better. Precision: the share "
               "of samples within the data's support; coverage: the share of the data that samples come near. Nearest "
               "picture: how far a sample lies from the data; a copy would have 0.",
    "wasserstein": "<b>Sliced Wasserstein distance</b>: in latent space, from samples that the teacher made in its "
                   "most steps of the same prompts and other noise, lower is better; what the teacher itself has in as "
                   "many is what chance leaves. Diversity: how far samples of a prompt lie apart, the teacher's being "
                   "1; a student may exceed it, as those samples can be narrower than what the teacher was trained "
                   "on (arXiv 2305.08891). Only rows whose teacher, prompts, guidance and samples are the same "
                   "are compared."}


def _explained(study: Study, found: list[Group]) -> str:
    said = [MEANT[main] for main in dict.fromkeys(group.main for group in found)]
    if any(len(row.student(group.main)) > 1 for group in found for row in group.rows):
        said += [
            "Means over seeds, with 95 % intervals by Student's t; none is given for a single seed.",
            "Differences are taken seed by seed, so that what a seed (its teacher, its samples) does to both cancels; "
            "above 0 the row is better. The same seeds stand behind all rows, so that differences of several rows are "
            "off together: that many of them lie on one side of 0 is no more evidence than one."]
    else:
        said.append("One seed each: no interval is given, and how much of a difference is chance is not known.")
    alone = all(run.workers for group in found for row in group.rows for run in row.runs)
    said.append("Seconds: of the student's training alone, "
                + ("by runs that shared the machine, so that they do not compare strictly." if study.shared_machine
                   else "one run at a time." if alone
                   else "by each run's own clock; whether it had the machine to itself is not known.")
                + " Outputs: made by the generator, those for the fake score included. Rows: through the teacher, and "
                "through the fake score with what it learns from.")
    return bullets(said)


# --- tables and figures -----------------------------------------------------------------------------------------------

def _table(group: Group, number: int) -> str:
    main, scores = group.main, group.scores
    others = len(group.rows) > 1
    head = ["student or teacher", Html("outputs<br>a step"), "K",
            *(Html("<br>".join(SCORES[name].rsplit(" ", 1))) for name in scores),
            Html("teacher, 4 steps,<br>less it"), *([Html("the first row<br>less it")] * others), "updates", "outputs",
            Html("rows,<br>teacher"), Html("rows,<br>fake score"), "seconds", "seeds"]
    body: list[list[object]] = []
    for row in group.rows:
        lead = stacked(row.over(group.first, main)) if row is not group.first else "–"
        body.append([
            row.name, row.used("outputs"), row.used("k"),
            *(stacked(seeds.mean(row.student(name)), name == main) for name in scores),
            stacked(row.over_teacher(main)), *([lead] * others), count(row.updates()),
            *(count(row.spent("ledger", name)) for name in ("outputs", "teacher_evals", "fake_evals")),
            count(row.spent("seconds", "train"), 1), len(row.student(main))])
    empty = [""] * (6 + others + 1)
    for steps in group.teachers:
        body.append([steps, "", "", *(stacked(group.teacher(steps, name)) for name in scores), *empty])
    return table(head, body, f"students_{number}", f"scores: {group.name}")


Curve = Callable[[dict[str, float]], "float | None"]
COSTS: dict[str, tuple[str, Curve]] = {
    "seconds": ("seconds of training", lambda point: point["seconds"]),
    "rows": ("rows through networks (teacher, fake score, generator)",
             lambda point: point["teacher_evals"] + point["fake_evals"] + point["outputs"])}


def _curves(group: Group, cost: Curve, value: str) -> dict[str, list[Line]]:
    """By row, of each run that has any."""
    out: dict[str, list[Line]] = {}
    for row in group.rows:
        for run in row.runs:
            points = [(at, point[value]) for point in run.learned
                      if point.get(value, 0) > 0 and (at := cost(point)) is not None and at >= 0]
            if points:
                out.setdefault(row.name, []).append(_rising(points))
    return out


def _rising(points: Iterable[tuple[float, float]]) -> Line:
    xs, ys = zip(*sorted(points))
    return numpy.array(xs, float), numpy.array(ys, float)


def _figures(group: Group, folder: Path, number: int) -> Iterator[str]:
    what = SCORES[group.main]
    levels = {name: known.value for name in group.teachers
              if (known := group.teacher(name, group.main)) and known.value > 0}
    several = any(len(row.runs) > 1 for row in group.rows)
    seeds_are = ("Bold: the mean over seeds, as far as all go; thin: each seed." if several else
                 "One seed a line, no interval.")
    with figures.names_as_they_are():
        for name, (axis, cost) in COSTS.items():
            if drawn := _curves(group, cost, group.main):
                figure = figures.over_cost(drawn, axis, what, levels)
                file = f"figures/student_{name}_{number}"
                said = f"{what} of the student against {axis}; lower is better. {seeds_are}"
                said += " Dashed: the teacher by steps of its sampler." * bool(levels)
                yield markup.figure(figures.save(figure, folder, file), said, file)
        if drawn := _curves(group, lambda point: point["step"], reading.FRESH[0]):
            beside = "the teacher on the same", _curves(group, lambda point: point["step"], reading.FRESH[1])
            figure = figures.over_cost(drawn, "updates of the generator", "denoising loss, fresh outputs", {}, beside)
            file = f"figures/fake_score_{number}"
            svg = figures.save(figure, folder, file)
            yield markup.figure(svg, f"The fake score's denoising loss on outputs that it has not learned from. "
                                f"{seeds_are} Dashed: the teacher's on the same outputs. How far the fake score's lies "
                                "above its optimum is not known; as the outputs become what the teacher expects, the "
                                "two come together.", file)


def _cells(study: Study) -> str:
    scores = [name for name in SCORES if any(name in quality(run) for run in study.runs)]
    steps = list(dict.fromkeys(name for run in study.runs for name in run.summary.get("teacher") or {}))

    def columns(run: RunOf) -> Sequence[object]:
        known, teacher, main = quality(run), run.summary.get("teacher") or {}, _main(run)
        values = [*(known.get(name) for name in scores), *(teacher.get(name, {}).get(main) for name in steps)]
        ledger, seconds = run.summary.get("ledger") or {}, (run.summary.get("seconds") or {}).get("train", math.nan)
        return [*("" if (number := run.summary.get(name)) is None else number for name in ("outputs", "k", "step")),
                *(ledger.get(name, "") for name in COUNTED[:1] + COUNTED[2:]), _number(seconds, 1),
                *(_number(value, 3) for value in values)]

    return seeds.cells(study, "distilled", ["outputs a step", "K", "updates", "outputs", "rows, teacher",
                                            "rows, fake score", "seconds", *scores, *steps], columns)


def _number(value: float | None, digits: int) -> str:
    """That sorts as one; nothing where there is none."""
    return "" if value is None or math.isnan(value) else f"{value:.{digits}f}"
