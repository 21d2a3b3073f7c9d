"""What estimator.k=auto and data.batch_size=auto keep of the best fixed setting, and what their measurements cost.

usage: python scripts/auto_share.py REPORT_DIR [RUN_DIR ...]

REPORT_DIR: where `carv3d report` wrote a comparison's states.csv; estimators whose name begins with "auto" are held
against the fixed one that is best over all states, which flatters that one. The figure is the one that a run chooses
by: with B, the second moment of the mean that Adam's first moment makes, |g|^2 + memory variance, times a step's cost;
otherwise, among those with as many views, variance in Adam's space times cost. Shares are geometric means over states,
95 % intervals by prompts (carv3d.carv.effects.nested). RUN_DIR: runs that chose; the time that their measurements took
beyond as many steps in the way that was then chosen, over that of all their steps.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import statistics
from pathlib import Path

from carv3d.carv.effects import nested

Rows = dict[tuple[str, str, int], dict[str, str]]  # of one estimator: (setting, prompt, step) -> its line


def read(path: Path) -> dict[str, dict[str, Rows]]:
    """Setting -> estimator -> its states."""
    settings: dict[str, dict[str, Rows]] = {}
    with open(path, newline="") as handle:
        for row in csv.DictReader(handle):
            key = row.get("setting", ""), row["prompt"], int(row["step"])
            settings.setdefault(key[0], {}).setdefault(row["estimator"], {})[key] = row
    return settings


def moment(row: dict[str, str]) -> float:
    return math.log(float(row["step_ms"]) * (max(float(row["adam_signal"]), 0.0) + float(row["memory_variance"])))


def variance(row: dict[str, str]) -> float:
    return math.log(float(row["step_ms"]) * float(row["adam_variance"]))


def views(row: dict[str, str]) -> str:
    return row["draws"].split(",")[0]


def shares(estimators: dict[str, Rows]) -> None:
    fixed = {name: rows for name, rows in estimators.items() if not name.startswith("auto")}
    for name, rows in estimators.items():
        if name in fixed:
            continue
        batches = {views(row) for row in rows.values()}
        both = len(batches) > 1 or "B" in name
        figure = moment if both else variance
        rivals = {n: r for n, r in fixed.items() if both or {views(row) for row in r.values()} == batches}
        best = min(rivals, key=lambda n: statistics.fmean(figure(rivals[n][key]) for key in rows))
        kept = {(f"{key[1]}", key[2]): figure(rivals[best][key]) - figure(row) for key, row in rows.items()}
        found = nested(kept)
        print(f"{name}: {math.exp(found.value):.3f} [{math.exp(found.low):.3f}, {math.exp(found.high):.3f}] of {best}, "
              f"{len(kept)} states")


def overhead(run: Path) -> tuple[float, list[str]]:
    """Share of a run's step time that its measurements took beyond steps of the chosen way, and the choices."""
    extra, chosen = 0.0, []
    for line in map(json.loads, (run / "metrics.jsonl").read_text().splitlines()):
        decision = line.get("decision")
        if not decision or "ways" not in decision:
            continue
        ms = {(items, k): found["ms"] for items, k, found in decision["found"]}
        usual = statistics.median(ms[decision["b"], decision["k"]])
        extra += 2 * sum(one - usual for times in ms.values() for one in times)
        chosen.append(f"{decision['b']}x{decision['k']}")
    summary = json.loads((run / "summary.json").read_text())
    return extra / 1000 / summary["seconds"]["train"], chosen


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("runs", type=Path, nargs="*")
    args = parser.parse_args(argv)
    for setting, estimators in read(args.report / "states.csv").items():
        print(f"\n{setting or 'the only setting'}")
        shares(estimators)
    for run in args.runs:
        share, chosen = overhead(run)
        print(f"{run.name}: {100 * share:.1f} % of its steps' time; chose {' '.join(chosen)} (B x K)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
