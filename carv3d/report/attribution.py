"""What runs of ``carv3d attribute`` have found: linear datamodelling scores by what runs differ in, and their cost."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from carv3d.config.attribution import BESIDE, METHODS
from carv3d.report import figures, markup, seeds
from carv3d.report.markup import Html, table, text, words
from carv3d.report.numbers import Number, interval, plain, several
from carv3d.report.seeds import bullets, count, label, named, stacked
from carv3d.report.study import RunOf, Study

K, METHOD = "attribute.k", "attribute.method"
OF_MODELS = (*METHODS, BESIDE)  # scores that ask a model; others are baselines, nearest by something
COUNTED = ("sets", "draws", "gradients")  # of a run's ledger
CSV_HEAD = ("id", "group", "method", "ranks", "value", "low", "high", "lead", "lead_low", "lead_high", "ceiling")


@dataclass(frozen=True)
class Row(seeds.Row):
    """method: that ranks."""

    k: int
    method: str

    @property
    def name(self) -> str:
        return ", ".join([*named(self.axes, K, METHOD), f"K {self.k}"])

    def each(self, group: str, method: str, kind: str = "lds") -> list[tuple[float, float, float]]:
        """Of the runs that have it: value, low and high. kind: lds, or difference."""
        return [found[method] for run in self.runs
                if method in (found := run.summary["lds"].get(group, {kind: {}})[kind])]

    def number(self, group: str, method: str, kind: str = "lds") -> Number | None:
        """The mean over runs. Its ends are the means of theirs, as all rest on the same queries: of values that go
        together the mean has the mean of the standard errors, and of others less."""
        found = self.each(group, method, kind)
        if not found:
            return None
        value, low, high = (statistics.fmean(column) for column in zip(*found))
        return Number(value, low, high)


def rows(study: Study) -> list[Row]:
    """The runs that are done, in the order of the sweep."""
    def asked(run: RunOf) -> tuple[int, str]:
        assert run.config is not None
        return run.config.attribute.k, run.config.attribute.method

    return [Row(axes, runs, *asked(runs[0])) for axes, runs in seeds.grouped(study, asked)]


def groups(found: list[Row]) -> dict[str, list[Row]]:
    """Of queries, by name, with the rows whose ranking method has a score there."""
    names = dict.fromkeys(name for row in found for run in row.runs for name in run.summary["lds"])
    every = {name: [row for row in found if row.each(name, row.method)] for name in names}
    return {name: within for name, within in every.items() if within}


def section(study: Study, folder: Path) -> list[str]:
    """The part of the page that is of attribution; its figures go into ``folder``."""
    found = rows(study)
    by_group = groups(found)
    body = [_headline(name, within) for name, within in by_group.items()]
    if by_group:
        body.append(_explained(study, found))
    if missing := sum(not run.summary["lds"] for row in found for run in row.runs):
        whom = "No retrained models are known for " + ("these runs" if not by_group else f"{missing} of the runs")
        body.append(f"<p>{whom} (attribute.evaluate trains some), so nothing says how well their scores predict what "
                    "retraining does; what they cost is below, and the pictures are in each run's own index.html.</p>")
    for number, (name, within) in enumerate(by_group.items(), 1):
        body += [f"<h2>Scores: {text(name)}</h2>", _table(name, within, number)]
        if drawn := _figure(name, within, folder, f"figures/lds_{number}"):
            body.append(drawn)
    return [*body, "<h2>All runs</h2>", _cells(study, list(by_group))]


def lines(study: Study) -> Iterator[str]:
    """What is said of the scores on the command line, one row after another."""
    for group, within in groups(rows(study)).items():
        for row in within:
            known = [f"{row.method} {plain(row.number(group, row.method), 3)}"]
            known += [f"{name} {number.value:.3f}" for name in _methods(group, [row])
                      if name not in OF_MODELS and (number := row.number(group, name))]
            known += [f"ceiling {level:.3f}"] if (level := _ceiling(group, [row])) is not None else []
            yield f"{group}: {row.name}: {', '.join(known)}"


def flat(study: Study) -> Iterator[tuple[object, ...]]:
    """Every score of every run, as ``CSV_HEAD`` says; lead: of the ranking method over this one."""
    for row in rows(study):
        for run in row.runs:
            for group, known in run.summary["lds"].items():
                for method, value in known["lds"].items():
                    lead = known["difference"].get(method, ("", "", ""))
                    yield (run.id, group, method, method == row.method, *value, *lead, known["ceiling"])


# --- words ------------------------------------------------------------------------------------------------------------

def _ceiling(group: str, within: list[Row]) -> float | None:
    found = [level for row in within for run in row.runs
             if (level := run.summary["lds"].get(group, {"ceiling": None})["ceiling"]) is not None]
    return statistics.fmean(found) if found else None


def _headline(group: str, within: list[Row]) -> str:
    """The best row, out of how many: the best of many is flattered. And who would have ranked better."""
    number, best = max(((number, row) for row in within if (number := row.number(group, row.method))),
                       key=lambda found: found[0].value)
    over = interval(number, 3).replace("interval", "interval over the queries")
    said = [f"On <i>{text(group)}</i> the ranking method ({text(best.method)}; {text(best.name)}"
            + f"; the best of {len(within)}" * (len(within) > 1) + ") reaches a linear datamodelling score of "
            f"<b>{number.value:.3f}</b> ({over or 'no interval is known'}; n = "
            f"{several(len(best.each(group, best.method)), 'run')})"]
    for name in _methods(group, within):
        if name not in OF_MODELS and (lead := best.number(group, name, "difference")) is not None:
            said.append(f", {text(plain(lead, 3))} above the pictures nearest by {text(name)}")
    if (level := _ceiling(group, within)) is not None:
        said.append(f". A perfect one would reach {level:.3f}")
    for name in _methods(group, within):
        others = [(other.value, own.value) for row in within if name in OF_MODELS and name != row.method
                  and (other := row.number(group, name)) and (own := row.number(group, row.method))]
        if len(others) == len(within) and all(other > own for other, own in others):
            low, high = min(others)[0], max(others)[0]
            said.append(f". {text(name)}, which did not rank, has more in every run: "
                        + (f"{low:.3f} to {high:.3f}" if low < high else f"{low:.3f}"))
    return f"<p class=\"lead\">{''.join(said)}.</p>"


def _explained(study: Study, found: list[Row]) -> str:
    said = ["The <b>linear datamodelling score</b>: over random halves of the training pictures, the rank correlation "
            "between the summed scores of a half's pictures and minus the loss on the query of models trained on that "
            "half. The ceiling is what a perfect score could have, given that two trainings differ.",
            "Intervals are 95 %, by bootstrap over the queries of a group; the halves stay as they are. Where two runs "
            "have the same queries, intervals that overlap say little of their difference. A lead over the pictures "
            "that are nearest is taken query by query."]
    configs = [run.config.attribute for row in found for run in row.runs if run.config]
    if any(own.damping == "auto" for own in configs):
        said.append("Runs whose damping is auto are scored on the halves that have not chosen it, every other one.")
    if any(len(row.runs) > 1 for row in found):
        said.append("Means over seeds. Seeds have their queries in common, so that more of them narrow no interval: "
                    "its ends are means, too. The small points in the figures are the seeds' own.")
    said.append("Seconds: of gradients and their inner products, "
                + ("by runs that shared the machine, so that they do not compare strictly." if study.shared_machine
                   else "one run at a time.")
                + " Gradients of own pictures may come from a cache, and then cost little." * any(
                    own.data and own.cache != "off" for own in configs))
    return bullets(said)


# --- tables and the figure --------------------------------------------------------------------------------------------

def _ranking(within: list[Row]) -> list[str]:
    return list(dict.fromkeys(row.method for row in within))


def _methods(group: str, within: list[Row]) -> list[str]:
    """Those that rank first, baselines last."""
    known = [name for row in within for run in row.runs for name in run.summary["lds"].get(group, {"lds": {}})["lds"]]
    ranking = _ranking(within)
    return sorted(dict.fromkeys([*ranking, *known]), key=lambda name: (name not in ranking, name not in OF_MODELS))


def _axes(found: list[Row]) -> list[str]:
    return [key for key in dict.fromkeys(key for row in found for key in row.axes) if key != K]


def _table(group: str, within: list[Row], number: int) -> str:
    axes, methods = _axes(within), _methods(group, within)
    leads = [name for name in methods if name not in OF_MODELS
             and any(row.number(group, name, "difference") for row in within)]
    heads = {name: Html(f"nearest<br>by {text(name)}") for name in methods if name not in OF_MODELS}
    if len(ranking := _ranking(within)) == 1:
        heads[ranking[0]] = Html(f"{text(ranking[0])}<br>(ranks)")
    head = [*(Html(f"<th scope=\"col\" class=\"text\">{text(label(key))}</th>") for key in axes), "K",
            *(heads.get(name, name) for name in methods), *(Html(f"lead over<br>{text(name)}") for name in leads),
            "gradients", "seconds"]
    body = []
    for row in within:
        seconds = row.spent("seconds", "score")
        body.append([
            *(words(row.axes.get(key, "")) for key in axes), row.k,
            *(stacked(row.number(group, name), name == row.method) for name in methods),
            *(stacked(row.number(group, name, "difference")) for name in leads),
            count(row.spent("ledger", "gradients")), "–" if seconds is None else f"{seconds:.1f}"])
    return table(head, body, f"scores_{number}", f"scores on {group}")


def _along(within: list[Row]) -> str | None:
    """The option to draw scores against: K, or else the first axis whose values are numbers, and several."""
    for key in (K, *_axes(within)):
        values = [row.coordinate(key) for row in within]
        if None not in values and len(set(values)) > 1:
            return key
    return None


def _figure(group: str, within: list[Row], folder: Path, file: str) -> str | None:
    """Scores by K, one line for whatever else the runs differ in; None where there is nothing to draw them against."""
    if (key := _along(within)) is None:
        return None
    drawn: dict[str, list[figures.Mark]] = {}
    for row in sorted(within, key=lambda row: row.coordinate(key) or 0):
        number, at = row.number(group, row.method), row.coordinate(key)
        name = ", ".join(named(row.axes, key)) or row.method
        assert number is not None and at is not None  # of these rows all have both
        drawn.setdefault(name, []).append((at, number, [value for value, _, _ in row.each(group, row.method)]))
    levels = {} if (level := _ceiling(group, within)) is None else {"ceiling": level}
    for other in _methods(group, within):
        if other not in OF_MODELS:
            levels[f"nearest by {other}"] = statistics.fmean(
                number.value for row in within if (number := row.number(group, other)))
    option = "K, draws in a set" if key == K else key
    with figures.names_as_they_are():
        svg = figures.save(figures.by_option(drawn, option, levels), folder, file)
    bars = figures.any_interval(number for marks in drawn.values() for _, number, _ in marks)
    said = ("Bars are 95 % intervals over the queries. Points that have these in common may be off together: their "
            "bars say little of how they differ." if bars else "No intervals are known.")
    of = " and ".join(_ranking(within))
    return markup.figure(svg, f"Linear datamodelling score of {of} by {option}, on {group}. {said}", file)


def _cells(study: Study, by_group: list[str]) -> str:
    def columns(run: RunOf) -> list[object]:
        ledger = run.summary.get("ledger") or {}
        seconds = (run.summary.get("seconds") or {}).get("score")
        known = [(run.summary.get("lds") or {}).get(name, {"lds": {}})["lds"] for name in by_group]
        method = run.config.attribute.method if run.config else ""
        return [*(ledger.get(name, "") for name in COUNTED), "" if seconds is None else f"{seconds:.1f}",
                *(f"{found[method][0]:.3f}" if method in found else "" for found in known)]

    return seeds.cells(study, "attributed", [*COUNTED, "seconds", *(f"LDS {name}" for name in by_group)], columns)
