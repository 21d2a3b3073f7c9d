"""The numbers of a report as CSV, for people who compute with them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from carv3d.report import reading, training
from carv3d.report.curves import SHARES
from carv3d.report.multipliers import FIGURES, Row, Summary
from carv3d.report.numbers import Number
from carv3d.report.parts import present
from carv3d.report.reading import ADAM, UNITS
from carv3d.report.study import Study
from carv3d.runtime.files import write_text

COUNTED = ("renders", "draws", "teacher_evals")
FIELDS = ("value", "low", "high", "bound", "prompts", "seeds", "count")  # of a Number
OF_TRAINING = [f"{name}.csv" for name in ("differences", "levels", "multipliers", "pairs", "curves", "states")]
Lines = Iterable[Sequence[object]]


def write(study: Study, summaries: dict[str, Summary], folder: Path) -> list[str]:
    """runs.csv; of training, differences.csv, levels.csv, multipliers.csv and pairs.csv, and curves.csv and states.csv,
    from which all else follows; of every other command, one of its own. Returns their names."""
    trained = study.of(reading.COMMANDS[0])
    _csv(folder / "runs.csv", *_runs(study, trained))
    if trained.runs:
        rows = [(setting, summary, row) for setting, summary in summaries.items() for row in summary.rows]
        _csv(folder / "differences.csv", ["setting", "unit", "name", "share", *FIELDS, "least_prompt", "least",
                                          "spent"], _differences(rows))
        _csv(folder / "levels.csv", ["setting", "unit", "name", "level", *FIELDS, "pairs"],
             ([setting, unit, row.name, level, *_flat(ratio.number), ratio.pairs] for setting, _, row in rows
              for unit, one in row.curves.items() for level, ratio in one.ratios.items()))
        heads = [f"{what}_{field}" for what in FIGURES for field in FIELDS]
        _csv(folder / "multipliers.csv", ["setting", "name", "draws", "other_batch", *heads, "r", "rho"],
             ([setting, row.name, training.way(row.way, row.ks), summary.other_batch(row),
               *(x for what in FIGURES for x in _flat(row.figures[what])), summary.r, summary.rho]
              for setting, summary, row in rows))
        _csv(folder / "pairs.csv", ["setting", "what", "without", "with", "by", *FIELDS],
             ([setting, what, a, b, summary.judge, *_flat(number)] for setting, summary in summaries.items()
              for what, a, b, number in summary.pairs))
        _write_sources(trained, folder)
    for part, own in present(study):
        _csv(folder / part.file, *part.flat(own))
    return ["runs.csv", *OF_TRAINING * bool(trained.runs), *(part.file for part, _ in present(study))]


def _csv(path: Path, head: Sequence[str], rows: Lines) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    write_text(path, out.getvalue())


def _flat(number: Number | None) -> list[object]:
    return ["" if number is None else getattr(number, name) for name in FIELDS]


def _differences(rows: list[tuple[str, Summary, Row]]) -> Iterator[list[object]]:
    """The share "all" is the mean over the whole way, "end" is where each run ends, with what
    the variant has spent there over the baseline."""
    for setting, _, row in rows:
        for unit, one in row.curves.items():
            for share in SHARES:
                if share in one.differences:
                    yield [setting, unit, row.name, share, *_flat(one.differences[share]), *one.least[share], ""]
            yield [setting, unit, row.name, "all", *_flat(one.area), "", "", ""]
            yield [setting, unit, row.name, "end", *_flat(one.end), "", "", one.spent]


def _runs(study: Study, trained: Study) -> tuple[list[str], list[list[object]]]:
    """Head and rows of runs.csv, with the counts of those commands whose runs there are."""
    others = present(study)
    runs = [*trained.runs, *(run for _, own in others for run in own.runs)]
    kinds = [(COUNTED, "train")] * bool(trained.runs) + [(part.counted, part.clock) for part, _ in others]
    counts = list(dict.fromkeys(name for names, _ in kinds for name in names))
    clocks = list(dict.fromkeys(clock for _, clock in kinds))
    names = list(dict.fromkeys(name for run in runs for name in (run.summary.get("quality") or {})))
    own, ended = ["id", "setting", "variant", "prompt", "seed", "status", "failure", "workers"], ["step", "stopped_by"]
    return [*own, *ended, *counts, *(f"{clock}_s" for clock in clocks), *names], [
        [*(getattr(run, name) for name in own), *map(run.summary.get, ended),
         *((run.summary.get("ledger") or {}).get(n) for n in counts),
         *((run.summary.get("seconds") or {}).get(clock) for clock in clocks),
         *((run.summary.get("quality") or {}).get(n) for n in names)] for run in runs]


def _write_sources(study: Study, folder: Path) -> None:
    scores = list(dict.fromkeys(name for run in study.runs for point in run.curve for name in point.quality))
    _csv(folder / "curves.csv", ["id", "setting", "variant", "prompt", "seed", "step", *UNITS, *scores],
         ([run.id, run.setting, run.variant, run.prompt, run.seed, point.step, *(point.cost[unit] for unit in UNITS),
           *(point.quality.get(name) for name in scores)] for run in study.runs for point in run.curve))
    measured = ("replicates", "variance", "signal", "step_ms", *ADAM)
    _csv(folder / "states.csv", ["id", "prompt", "seed", "step", "estimator", "draws", *measured],
         ([state.cell, state.prompt, state.seed, state.step, name, training.way(state.ways[name], [state.ways[name].k]),
           *map(numbers.get, measured)] for state in study.states for name, numbers in state.by_name.items()))
