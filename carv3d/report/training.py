"""What one setting of a sweep of carv3d train has found: words, tables and figures of its page, most telling first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy

from carv3d.report import endings, figures, markup, training_figures
from carv3d.report.curves import SHARES
from carv3d.report.endings import Ending
from carv3d.report.figures import UNIT_NAMES
from carv3d.report.headline import SECONDS, best, headline
from carv3d.report.levels import LAST, Ratio
from carv3d.report.markup import Html, table, text, words
from carv3d.report.multipliers import Row, Summary
from carv3d.report.numbers import counted, plain
from carv3d.report.seeds import bullets, stacked
from carv3d.report.study import Study, Way
from carv3d.report.training_figures import JUDGED


def section(study: Study, summary: Summary, folder: Path, prefix: str) -> list[str]:
    """prefix: of the names of its figures and tables, whose files go into ``folder``."""
    with figures.names_as_they_are():
        images = _figures(study, summary, folder, prefix)
    ended = endings.found(study, summary.baseline)
    told = "".join(f"<p class=\"lead\">{line}</p>" for line in headline(summary, ended))
    drawn = {unit: [images[name] for kind in ("difference", "curve") if (name := f"{kind}_{unit}") in images]
             for unit in UNIT_NAMES}
    body = [told, _explained(study, summary, ended)]
    if drawn[SECONDS]:
        body += [f"<h2>Quality at equal {UNIT_NAMES[SECONDS]}</h2>", _equal(summary, SECONDS, prefix), *drawn[SECONDS]]
    if levels := _levels(summary, SECONDS, prefix):
        body += [f"<h2>{UNIT_NAMES[SECONDS].capitalize()} to a quality</h2>", levels]
    if study.states:
        body += ["<h2>Effective compute</h2>", _multipliers(summary, prefix)]
    body += [images[name] for name in ("multipliers", "along", "decomposition") if name in images]
    for unit in list(UNIT_NAMES)[1:]:
        if drawn[unit]:
            body += [f"<h2>Quality at equal {UNIT_NAMES[unit]}</h2>", _equal(summary, unit, prefix), *drawn[unit],
                     _levels(summary, unit, prefix)]
    return body + endings.section(ended, summary.baseline, prefix)


# --- words ------------------------------------------------------------------------------------------------------------

def lines(study: Study, summary: Summary) -> Iterator[str]:
    """What is said on the command line, one row after another."""
    score, unit = figures.named(summary.quality)
    ended = {ending.name: ending for ending in endings.found(study, summary.baseline)}
    for row in summary.others or summary.rows:
        said = []
        if (one := row.curves.get(SECONDS)) and (number := one.differences.get(SHARES[-1])):
            said.append(f"at equal seconds {plain(number, sign='+')}{unit}")
        elif (ending := ended.get(row.name)) and (number := ending.above.get(summary.quality)):
            said.append(f"where the runs end {plain(number, sign='+')}{unit} ({counted(number, 'pair')})")
        elif ending and not summary.others and (number := ending.scores.get(summary.quality)):
            said.append(f"{score} {plain(number)}{unit} where the runs end ({counted(number, 'run')})")
        said += [f"{JUDGED[what].removeprefix('effective compute ')} {plain(number)}" for what in JUDGED
                 if (number := row.figures[what]) and row.name != summary.baseline]
        yield f"{row.name}: {', '.join(said) or 'nothing to compare'}"


def _explained(study: Study, summary: Summary, ended: list[Ending]) -> str:
    base = text(summary.baseline)
    intervals = figures.any_interval(number for ending in ended for number in ending.scores.values())
    design = ("Runs of one seed share cameras, timesteps and noise here whatever their prompt, so prompts and seeds "
              "are crossed, and both random (states: prompts, and seeds by step). With one seed, what another would do "
              "is in no interval" if summary.shared else
              "Runs of one seed on different prompts are independent here: prompts are random, and seeds within each")
    lines = [f"Intervals are 95 %, by Student's t. {design}. Of one prompt they are over its seeds, and of one run "
             "there is none."] * bool(intervals or best(summary))
    if any(row.curves for row in summary.rows):
        lines += [
            f"<b>Quality at equal cost</b>: the variant's less {base}'s, run by run of the same prompt and seed, once "
            f"the given share of what {base}'s run costs is spent. Whole way: the mean of that from the first to the "
            "last moment that both have.",
            f"<b>To a quality</b>: {base}'s cost over the variant's, where each run's curve, smoothed by isotonic "
            "regression, first has a quality named beforehand; no curve reaches more than the mean of its last "
            f"{LAST} evaluations. A pair of which one run never gets there, or begins there, has a bound; &lt; and "
            "&gt; mark means with such bounds, and where these go both ways only pairs count of which both runs pass. "
            "Below each, how many pairs count; of fewer than half no mean is given."]
    if study.states:
        lines += [
            f"<b>Effective compute</b>: variance of the gradient x cost of the whole step, {base} over the variant, "
            f"both on the same states of {base}'s runs. <i>In the picture</i>: of what Adam's update would change in "
            "rendered views. <i>In Adam's space</i>: gradients are divided by the root of Adam's second moment and "
            "averaged over its memory, as the scene is moved by them. <i>Second moment</i>: "
            "squared signal + variance of one step there, x cost: what a step's noise costs where it does not average "
            "out. <i>Raw variance</i>: of the gradient as it is, nearly all of which may lie in a few large "
            "parameters; for comparison with the paper.",
            "<b>R</b> is the cost of a render, its encoding and its backward over that of a teacher draw; <b>rho</b> "
            "the raw variance of a draw within a render over that between renders. A step's fixed cost is told from a "
            "render's where batches of two sizes were compared, and else counts to R. Reuse alone brings at most 1 + "
            "rho."]
    if summary.priced:
        lines.append("Several trainers shared this machine, so their own seconds do not compare: here a run's seconds "
                     "are its steps times the median cost of its variant's step, measured in turn with all others; of "
                     "runs that choose B or K, its steps, renders and draws times what these cost there.")
    elif study.shared_machine:
        lines.append("Several trainers shared this machine, and no cost of a step was compared: seconds are the runs' "
                     "own, and do not compare strictly.")
    elif any(run.curve for run in study.runs):
        lines.append("One trainer ran at a time; seconds are the runs' own, of training alone.")
    return bullets(lines) if lines else ""


# --- tables -----------------------------------------------------------------------------------------------------------

def way(drawn: Way | None, ks: list[int]) -> str:
    """How an estimator draws, in words: B views of K draws, and so on."""
    if drawn is None:
        return ""
    halves = 2 * math.ceil(drawn.k / 2)
    parts = [f"B {drawn.views}", "K " + "/".join(map(str, ks))
             + f" ({halves} in halves)" * (drawn.halves and halves != drawn.k)]
    kind = {"off": "", "adaptive": "importance"}.get(drawn.importance, f"importance ({drawn.importance})")
    parts += [kind] * bool(kind)
    parts += ["strata"] * drawn.stratified + [drawn.noise.replace("_", "-")] * (drawn.noise != "iid")
    views = {"off": [], "strata": ["camera strata"], "azimuth": ["azimuths in sequence"], "all": ["views in sequence"]}
    return ", ".join(parts + views[drawn.cameras])


def _component(value: float | None) -> str:
    return "–" if value is None else "∞" if math.isinf(value) else f"{value:.2f}"


def _first(summary: Summary, row: Row) -> Html:
    return Html(text(row.name) + " (baseline)" * (row.name == summary.baseline))


def _equal(summary: Summary, unit: str, prefix: str) -> str:
    """Differences of quality; in the baseline's row its own quality, the mean over its runs."""
    score, of_score = figures.named(summary.quality)
    own = list(summary.lines[unit].get(summary.baseline, {}).values())
    head = [f"{score} above {summary.baseline}'s{',' * bool(of_score)}{of_score}",
            *(f"{share:.0%}" for share in SHARES), "whole way", "at its end",
            Html("<th scope=\"col\" class=\"text\">least, and of what</th>")]
    body: list[list[object]] = []
    for row in summary.rows:
        if row.name == summary.baseline and own:
            means = [numpy.mean([numpy.interp(share * xs[-1], xs, ys) for xs, ys in own]) for share in SHARES]
            body.append([_first(summary, row), *(f"{value:.2f}" for value in means), "", "", words(f"{len(own)} runs")])
        elif one := row.curves.get(unit):
            most = one.area.count if one.area else 0
            cells = [stacked(number, digits=2, sign="+", below=[
                f"least {one.least[share][1]:+.2f}", *([f"{number.count} pairs"] * (number.count != most))])
                if (number := one.differences.get(share)) else "–" for share in SHARES]
            last = max(one.least, default=None)
            of = text(one.least[last][0] if last else ""), text(counted(one.area, "pair") if one.area else "")
            body.append([_first(summary, row), *cells, stacked(one.area, digits=2, sign="+"),
                         stacked(one.end, digits=2, sign="+", below=[f"at {one.spent:.0%}"]),
                         Html(f"<td class=\"text\">{of[0]}<br><span class=\"ci\">{of[1]}</span></td>")])
    note = (f"At shares of {text(summary.baseline)}'s {UNIT_NAMES[unit]}; in its own row, its quality. At its end: "
            "where each run ends, at whatever share of it.")
    label = f"quality at equal {UNIT_NAMES[unit]}"
    return table(head, body, f"{prefix}equal_{unit}", label) + f"<p class=\"quiet\">{note}</p>"


def _levels(summary: Summary, unit: str, prefix: str) -> str:
    """Nothing where no level has a mean."""
    ratios = {row.name: row.curves[unit].ratios for row in summary.others if unit in row.curves}
    levels = [level for level in summary.levels
              if any(level in found and found[level].told for found in ratios.values())]
    if not levels:
        return ""
    score, of_score = figures.named(summary.quality)
    head = [f"{UNIT_NAMES[unit]}, {summary.baseline}'s over the variant's",
            *(f"{score} {level:g}{of_score}" for level in levels)]
    body = [[_first(summary, row), *(_ratio(ratios[row.name].get(level)) for level in levels)]
            for row in summary.others if row.name in ratios]
    return table(head, body, f"{prefix}levels_{unit}", f"{UNIT_NAMES[unit]} to a quality")


def _ratio(found: Ratio | None) -> Html:
    if found is None:
        return text("–")
    return stacked(found.number if found.told else None, digits=2,
                   below=[f"{found.number.count} of {found.pairs} pairs"])


def _multipliers(summary: Summary, prefix: str) -> str:
    kinds = [what for what in JUDGED if any(row.figures[what] for row in summary.rows)]
    titles = {"picture": "in the picture", "memory": "Adam's space", "moment": "second moment", "work": "raw variance"}
    head = ["estimator", *(Html(titles[what]) for what in kinds), "less variance", "step cost", "R", "rho", "views",
            Html("<th scope=\"col\" class=\"text\">draws</th>"), Html("<th scope=\"col\" class=\"text\">n</th>")]
    rows: list[list[object]] = []
    for row in summary.rows:
        own = row.name == summary.baseline
        if row.way is None:
            continue
        mark = "†" * summary.other_batch(row)
        numbers = ["1" if own else stacked(row.figures[what], digits=2) for what in (*kinds, "variance", "cost")]
        rows.append([_first(summary, row), *numbers, _component(summary.r), _component(summary.rho),
                     f"{row.way.views}{mark}", words(way(row.way, row.ks)),
                     words(counted(row.figures["work"], "state") if row.figures["work"] else "")])
    marked = any(summary.other_batch(row) for row in summary.rows)
    return table(head, rows, f"{prefix}multipliers", "effective compute") + (
        f"<p class=\"quiet\">How many times {text(summary.baseline)}'s compute each one's is worth; less variance: how "
        f"many times less than {text(summary.baseline)}'s, raw; step cost: how many times its."
        + f" †: a batch of another size than {text(summary.baseline)}'s is compared." * marked + "</p>")


# --- figures ----------------------------------------------------------------------------------------------------------

def _figures(study: Study, summary: Summary, folder: Path, prefix: str) -> dict[str, str]:
    """Name -> the figure as HTML; each is written as files, too."""
    out: dict[str, str] = {}
    for name, drawn in _drawn(study, summary):
        if drawn is not None:
            figure, caption = drawn
            file = f"figures/{prefix}{name}"
            out[name] = markup.figure(figures.save(figure, folder, file), caption, file)
    return out


def _drawn(study: Study, summary: Summary) -> Iterable[tuple[str, training_figures.Drawn | None]]:
    for unit, every in summary.lines.items():
        if every:
            yield f"difference_{unit}", training_figures.differences(summary, unit)
            yield f"curve_{unit}", training_figures.curves(summary, unit)
    yield "multipliers", training_figures.multipliers(summary)
    yield "along", training_figures.along(study, summary)
    yield "decomposition", training_figures.decomposition(summary)
