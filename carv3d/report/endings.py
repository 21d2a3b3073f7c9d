"""What runs of carv3d train have at their ends, whatever they cost: every score by variant, beside the baseline's."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from carv3d.carv.effects import Cells
from carv3d.report.figures import named
from carv3d.report.markup import Html, table, text, words
from carv3d.report.numbers import Number, fitted, several
from carv3d.report.seeds import count, stacked
from carv3d.report.study import RunOf, Study

RIGHT = "retrieval_top1"  # whether a scene looks more like its prompt than like any other


@dataclass(frozen=True)
class Ending:
    """Of a variant's runs that are done. scores: means by name. above: these less the baseline's, run by run of the
    same prompt and seed. right: how many runs' prompts were recognised, of how many that were tried. steps, seconds:
    means, None where they are not known."""

    name: str
    runs: int
    scores: dict[str, Number]
    above: dict[str, Number]
    right: tuple[int, int]
    steps: float | None
    seconds: float | None


def scores(runs: list[RunOf]) -> list[str]:
    """Those that any run ends with and that are numbers."""
    return list(dict.fromkeys(name for run in runs for name, value in (run.summary.get("quality") or {}).items()
                              if isinstance(value, float)))


def found(study: Study, baseline: str) -> list[Ending]:
    """One for each variant with a run that is done, in the order of the sweep."""
    own = {name: [run for run in study.runs if run.variant == name and run.status == "done"] for name in study.variants}
    shared, out = study.shares_numbers, []
    for name, runs in own.items():
        values = {score: _cells(runs, score) for score in scores(runs)}
        above = {} if name == baseline else {
            score: difference for score, cells in values.items()
            if (difference := fitted(_less(cells, _cells(own.get(baseline, []), score)), shared))}
        asked = [bool(run.summary["quality"][RIGHT]) for run in runs if RIGHT in (run.summary.get("quality") or {})]
        if runs:
            out.append(Ending(name, len(runs), {score: number for score, cells in values.items()
                                                if (number := fitted(cells, shared))}, above,
                              (sum(asked), len(asked)), _mean(run.summary.get("step") for run in runs),
                              _mean((run.summary.get("seconds") or {}).get("train") for run in runs)))
    return out


def _cells(runs: list[RunOf], score: str) -> Cells:
    known = ((run, (run.summary.get("quality") or {}).get(score)) for run in runs)
    return {(run.prompt, run.seed): value for run, value in known if isinstance(value, float)}


def _less(cells: Cells, others: Cells) -> Cells:
    return {cell: value - others[cell] for cell, value in cells.items() if cell in others}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def section(endings: list[Ending], baseline: str, prefix: str) -> list[str]:
    """The table of all scores; nothing where there are none. prefix: of its name."""
    every = list(dict.fromkeys(score for ending in endings for score in ending.scores))
    if not every:
        return []
    compared = [score for score in every if any(score in ending.above for ending in endings)]
    asked = any(ending.right[1] for ending in endings)
    head = ["variant", *(f"{named(score)[0]}{',' * bool(named(score)[1])}{named(score)[1]}" for score in every),
            *(Html(f"{text(named(score)[0])},<br>less {text(baseline)}'s") for score in compared),
            *[Html("prompt<br>recognised")] * asked, "steps",
            "seconds", Html("<th scope=\"col\" class=\"text\">n</th>")]
    body: list[list[object]] = []
    for ending in endings:
        own = Html(text(ending.name) + " (baseline)" * (ending.name == baseline and len(endings) > 1))
        body.append([own, *(stacked(ending.scores.get(score), digits=_digits(score)) for score in every),
                     *("" if ending.name == baseline else stacked(ending.above.get(score), False, _digits(score), "+")
                       for score in compared),
                     *["–" if not ending.right[1] else f"{ending.right[0]} of {ending.right[1]}"] * asked,
                     count(ending.steps), count(ending.seconds, 1), _n(ending)])
    return ["<h2>Where the runs end</h2>", table(head, body, f"{prefix}ends", "scores at the end of the runs"),
            "<p class=\"quiet\">Means over the runs that are done, each at its own end, whatever it had cost by then."
            + " Differences are taken run by run of the same prompt and seed." * bool(compared) + "</p>"]


def _digits(score: str) -> int:
    return 2 if named(score)[1] else 3


def _n(ending: Ending) -> Html:
    number = next(iter(ending.scores.values()), None)
    spread = f"{several(number.prompts, 'prompt')}, {several(number.seeds, 'seed')}" if number else ""
    return words(Html(f"{several(ending.runs, 'run')}<br><span class=\"ci\">{spread}</span>"))
