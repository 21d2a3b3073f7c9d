"""Rows of a table: runs that differ in their seed alone. What the pages on attribution and on distillation share."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from carv3d.config.fields import leaves
from carv3d.report import reading
from carv3d.report.markup import Html, table, text, words
from carv3d.report.numbers import Number, fitted, plain
from carv3d.report.study import RunOf, Study

SEED = "seed"
K = ("attribute.k", "distill.k")  # called K everywhere


@dataclass(frozen=True)
class Row:
    """Runs that differ in their seed alone. axes: of the sweep, by configuration key, without the seed."""

    axes: dict[str, str]
    runs: list[RunOf]

    def spent(self, section: str, name: str) -> float | None:
        """The mean over runs of a number in ``ledger`` or ``seconds``."""
        found = [run.summary[section][name] for run in self.runs if name in run.summary[section]]
        return statistics.fmean(found) if found else None

    def option(self, key: str) -> object:
        """The value of an option."""
        config = self.runs[0].config
        return leaves(config).get(key) if config else None

    def coordinate(self, key: str) -> float | None:
        """The value of an option, where it is a number."""
        return reading.number(self.option(key))


def grouped(study: Study, beside: Callable[[RunOf], Hashable] = lambda run: None
            ) -> list[tuple[dict[str, str], list[RunOf]]]:
    """The runs that are done by their axes, in the order of the sweep. beside: what else tells rows apart."""
    found: dict[Hashable, tuple[dict[str, str], list[RunOf]]] = {}
    for run in study.runs:
        if run.status == "done" and run.config:
            axes = {key: value for key, value in run.axes.items() if key != SEED}
            found.setdefault((*axes.items(), beside(run)), (axes, []))[1].append(run)
    return list(found.values())


# --- numbers over seeds -----------------------------------------------------------------------------------------------

BySeed = dict[int, float]


def by_seed(runs: Iterable[RunOf], of: Callable[[RunOf], float | None]) -> BySeed:
    """A number of each seed that has one: the mean over that seed's runs."""
    found: dict[int, list[float]] = {}
    for run in runs:
        if (value := of(run)) is not None:
            found.setdefault(run.seed, []).append(value)
    return {seed: statistics.fmean(values) for seed, values in found.items()}


def mean(values: BySeed) -> Number | None:
    """Over seeds, with an interval by Student's t; None where there are none."""
    return fitted({("", seed): value for seed, value in values.items()}, shared=False)


def paired(values: BySeed, others: BySeed) -> BySeed:
    """values less others, of the seeds that have both."""
    return {seed: value - others[seed] for seed, value in values.items() if seed in others}


# --- words and tables -------------------------------------------------------------------------------------------------

def label(key: str) -> str:
    return "K" if key in K else key.rsplit(".")[-1]


def named(axes: dict[str, str], *without: str) -> list[str]:
    return [value if key == "variant" else f"{label(key)} {value}" for key, value in axes.items() if key not in without]


def stacked(number: Number | None, bold: bool = False, digits: int = 3, sign: str = "",
            below: Iterable[str] = ()) -> Html:
    """The interval, and what else, under the value, so that many columns stand beside one another."""
    value, _, interval = plain(number, digits, sign).partition(" ")
    shown = f"<b>{text(value)}</b>" if bold else text(value)
    return Html(shown + "".join(f"<br><span class=\"ci\">{text(line)}</span>" for line in (interval, *below) if line))


def count(value: float | None, digits: int = 0) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:,.{digits}f}"


def bullets(said: Iterable[str]) -> str:
    return "<ul class=\"quiet\">" + "".join(f"<li>{each}</li>" for each in said) + "</ul>"


def cells(study: Study, id: str, heads: Sequence[str], columns: Callable[[RunOf], Sequence[object]]) -> str:
    """All runs, one a line, sortable: axes, seed and state, then what ``columns`` says under ``heads``, and the folder.
    """
    seeds = len({run.seed for run in study.runs}) > 1
    axes = [key for key in dict.fromkeys(key for run in study.runs for key in run.axes) if key != SEED]
    head = [*map(label, axes), *(["seed"] * seeds), "state", *heads, "run"]
    body = [[*(words(run.axes.get(key, "")) for key in axes), *([run.seed] * seeds),
             words(run.status + (f" ({run.failure})" if run.failure else "")), *columns(run),
             words(run.folder.name if run.folder else "")] for run in study.runs]
    return table([Html(f"<button>{text(name)}</button>") for name in head], body, id, "all runs", sortable=True)
