"""The first paragraphs of a page on runs of carv3d train: what was found, in plain English, each number with its
interval and with how many runs stand behind it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from carv3d.report.curves import SHARES
from carv3d.report.endings import Ending
from carv3d.report.figures import named
from carv3d.report.markup import Html, text
from carv3d.report.multipliers import Row, Summary
from carv3d.report.numbers import Number, behind, interval
from carv3d.report.reading import UNITS
from carv3d.report.training_figures import JUDGED

SECONDS = UNITS[0]
BY = {"picture": "By the noise in its pictures", "memory": "By the noise in the space that Adam steps in",
      "moment": "By the second moment of its gradient there"}


def best(summary: Summary) -> tuple[Row, int] | None:
    """The row that the headline is of, and out of how many: the best by the first figure that any row has."""
    def difference(row: Row) -> Number | None:
        return row.curves[SECONDS].differences.get(SHARES[-1]) if SECONDS in row.curves else None

    for found in (difference, *((lambda row, what=what: row.figures[what]) for what in JUDGED)):
        if known := [(number.value, i, row) for i, row in enumerate(summary.others) if (number := found(row))]:
            return max(known, key=lambda each: (each[0], -each[1]))[2], len(known)
    return None


def told(number: Number, what: str, unit: str = "", sign: str = "") -> str:
    """A number in bold, its interval, and what is behind it."""
    return (f"<b>{text(number.bound)}{number.value:{sign}.2f}{text(unit)}</b> "
            f"({text('; '.join(filter(None, (interval(number), behind(number, what)))))})")


def headline(summary: Summary, endings: list[Ending]) -> Iterator[str]:
    """Sentence by sentence, as HTML. It is of the same variant in all figures, so that none is chosen for itself."""
    found = best(summary)
    if found is None or SECONDS not in found[0].curves:
        yield from at_the_end(summary, endings)
    if found is None:
        return
    row, many = found
    (score, unit), name, base = named(summary.quality), f"<i>{text(row.name)}</i>", f"<i>{text(summary.baseline)}</i>"
    flattered = f" It is the best of {many} by this figure, and the best of several is flattered." * (many > 1)
    if one := row.curves.get(SECONDS):
        if number := one.differences.get(SHARES[-1]):
            prompt, value = one.least[SHARES[-1]]
            least = (f" The prompt that gains least is “{text(prompt)}”: {value:+.2f}{text(unit)}."
                     * (number.prompts > 1))
            yield (f"After as much training time as the runs of {base} took, the {text(score)} of {name} is "
                   f"{told(number, 'pair', unit, '+')} relative to {base}’s{_covers(number)}.{least}{flattered}")
            flattered = ""
        if one.area:
            yield (f"Averaged over the whole of training that both have, the difference is "
                   f"{told(one.area, 'pair', unit, '+')}.")
        if reached := {level: ratio for level, ratio in one.ratios.items() if ratio.told}:
            yield f"{base}’s training time over that of {name}, until a quality is reached: " + "; ".join(
                f"{text(score)} {level:g}{text(unit)}, {told(ratio.number, 'pair')}"
                + f", of {ratio.pairs} pairs in all" * (ratio.pairs != ratio.number.count)
                for level, ratio in reached.items()) + "."
    for what, begin in BY.items():
        if number := row.figures[what]:
            yield (f"{begin}, {name}’s compute is worth {told(number, 'state')} times {base}’s{_batch(summary, row)}."
                   + flattered)
            flattered = ""
    if number := row.figures["work"]:
        yield (f"By the raw variance of its gradient, as in the paper, {name}’s compute is worth "
               f"{told(number, 'state')} times {base}’s{_batch(summary, row)}.{flattered}")


def at_the_end(summary: Summary, endings: list[Ending]) -> Iterator[str]:
    """Where no cost is compared: how good the runs are when they end."""
    score, unit = named(summary.quality)
    known = [ending for ending in endings if summary.quality in ending.scores]
    if not known:
        if endings:
            yield "No score is known of these runs, so that nothing is said of how good they are."
        return
    top = max(known, key=lambda ending: ending.scores[summary.quality].value)
    name = f"<i>{text(top.name)}</i>"
    if len(known) == 1:
        of = "" if len(endings) == 1 else f" of {name}, the only one with this score"
        yield f"When training ends, the {text(score)}{of} is {told(top.scores[summary.quality], 'run', unit)}."
        return
    yield (f"When training ends, {name} has the highest mean {text(score)} of {len(known)}: "
           f"{told(top.scores[summary.quality], 'run', unit)}. Its runs need not have cost what the others’ did, and "
           "the best of several is flattered.")
    for ending in known if top.name == summary.baseline else (top,):
        if number := ending.above.get(summary.quality):
            yield (f"Relative to <i>{text(summary.baseline)}</i>, run by run, the {text(score)} of "
                   f"<i>{text(ending.name)}</i> is {told(number, 'pair', unit, '+')}{_covers(number)}.")


def _covers(number: Number) -> Html:
    return Html("; the interval covers 0, so no difference was seen" if number.low <= 0 <= number.high else
                "; how much of it is chance is not known" if math.isnan(number.low) else "")


def _batch(summary: Summary, row: Row) -> str:
    return f"; its steps have {row.way.views} views, {text(summary.baseline)}’s {summary.views}" if (
        row.way and summary.other_batch(row)) else ""
