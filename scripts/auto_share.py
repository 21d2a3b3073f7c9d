"""What estimator.k=auto and data.batch_size=auto keep of the best fixed setting, and what their measurements cost.

usage: python scripts/auto_share.py REPORT_DIR [RUN_DIR ...]

REPORT_DIR: where `carv3d report` wrote a comparison's states.csv; estimators whose name begins with "auto" are held
against the fixed one that is best over all states, which flatters that one; "auto K..." against those with as many
views.
The figure is the one that a run chooses by, the second moment of a step's gradient in Adam's space times a step's cost
(the report's). Shares are geometric means over states, 95 % intervals by prompts (carv3d.carv.effects.nested). RUN_DIR:
runs that chose; the time that their measurements took beyond as many steps in the way that was then chosen, over that
of all their steps.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import statistics
from pathlib import Path

from carv3d.carv.effects import nested

State = dict[str, dict[str, str]]  # estimator -> its line of states.csv


def read(path: Path) -> list[State]:
    states: dict[tuple[str, str], State] = {}
    with open(path, newline="") as handle:
        for row in csv.DictReader(handle):
            states.setdefault((row["id"], row["step"]), {})[row["estimator"]] = row
    return list(states.values())


def figures(state: State) -> dict[str, float]:
    """Estimator -> logarithm of second moment x cost; the gradient's squared norm is that of all, pooled."""
    known = [(float(row["adam_signal"]), 1 / float(row["adam_variance"])) for row in state.values()]
    signal = max(sum(found * weight for found, weight in known) / sum(weight for _, weight in known), 0.0)
    return {name: math.log((signal + float(row["adam_variance"])) * float(row["step_ms"]))
            for name, row in state.items()}


def views(row: dict[str, str]) -> str:
    return row["draws"].split(",")[0]


def shares(states: list[State]) -> None:
    tables = [figures(state) for state in states]
    names = [name for name in states[0] if all(name in state for state in states)]
    fixed = [name for name in names if not name.startswith("auto")]
    for name in names:
        if name in fixed:
            continue
        rivals = [rival for rival in fixed
                  if not name.startswith("auto K") or views(states[0][rival]) == views(states[0][name])]
        best = min(rivals, key=lambda rival: statistics.fmean(table[rival] for table in tables))
        kept = {(state[name]["prompt"], n): table[best] - table[name]
                for n, (state, table) in enumerate(zip(states, tables))}
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
        chosen.append(f"{decision['b']} x {decision['k']}")
    summary = json.loads((run / "summary.json").read_text())
    return extra / 1000 / summary["seconds"]["train"], chosen


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("runs", type=Path, nargs="*")
    args = parser.parse_args(argv)
    shares(read(args.report / "states.csv"))
    for run in args.runs:
        share, chosen = overhead(run)
        print(f"{run.name}: {100 * share:.1f} % of its steps' time; chose {', '.join(chosen)} (views x draws)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
