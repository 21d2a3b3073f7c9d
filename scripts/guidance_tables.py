"""The tables of docs/guidance.md from docs/guidance/*.csv, as Markdown on stdout.

usage: python scripts/guidance_tables.py [REPORT]

kappa.csv is scripts/study_guidance.py's; differences.csv, multipliers.csv, runs.csv and remedies.csv (runs.csv of the
sweep guidance_remedies) are those of `carv3d report`. REPORT: another folder with such files.
"""

from __future__ import annotations

import csv
import re
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from carv3d.carv.effects import nested

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "guidance"
TEACHERS, GUIDANCE = ("bundled", "flow", "exact"), ("1", "2", "7.5", "25", "100")
KAPPAS = ("K 1: importance (weight)", "K 1: importance (adaptive)", "K 2: strata", "K 2: weight + strata",
          "K 2: strata + pairs", "K 2: adaptive + strata + pairs", "K 4: adaptive + strata + pairs")
MODES = ("K 2: antithetic over iid", "K 3: zero_sum over iid", "K 4: zero_sum over antithetic",
         "K 8: zero_sum over antithetic")
GAINS = ("reuse", "paper: weight + strata", "all: adaptive + strata + pairs")
VARIANTS = ("reuse", "paper", "all", "all, K 4", "fresh")
Rows = list[dict[str, str]]


def read(folder: Path, name: str) -> Rows:
    path = folder / f"{name}.csv"
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines())) if path.exists() else []


def state(setting: str) -> tuple[str, str]:
    """Teacher and guidance of a report's setting."""
    found = re.search(r"type (\w+), guidance_scale ([\d.]+)", setting)
    assert found, setting
    return found[1], f"{float(found[2]):g}"


def shown(row: dict[str, str], before: str = "", digits: int = 2) -> str:
    value, low, high = (float(row[f"{before}{name}"]) for name in ("value", "low", "high"))
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def table(head: list[str], rows: Iterator[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def states() -> Iterator[tuple[str, str]]:
    return ((teacher, guidance) for teacher in TEACHERS for guidance in GUIDANCE)


def of_kappa(rows: Rows) -> Iterator[str]:
    found = {(row["teacher"], row["guidance"], row["remedy"], row["quantity"]): row for row in rows}

    def line(state: tuple[str, str], quantities: list[str]) -> list[str]:
        return [", ".join(state), *(shown(found[*state, "none", quantity]) for quantity in quantities)]

    kappas = ["rho", "noise in within", *(f"kappa, {name}" for name in KAPPAS)]
    yield table(["teacher, guidance", "rho", "share of noise", *KAPPAS], (line(each, kappas) for each in states()))
    yield table(["teacher, guidance", *(mode.replace("_", "-") for mode in MODES)],
                (line(each, list(MODES)) for each in states()))
    for cost in ("1", "5"):
        best = {(each, name): float(found[*each, "none", f"R {cost}: {name}, best K"]["value"])
                for each in states() for name in GAINS}
        yield table([f"R {cost}: teacher, guidance", *GAINS], (
            [", ".join(each), *(f"{shown(found[*each, 'none', f'R {cost}: {name}'])}, K {best[each, name]:.0f}"
                                for name in GAINS)] for each in states()))


def of_sweep(multipliers: Rows, differences: Rows, runs: Rows, remedies: Rows) -> Iterator[str]:
    worth = {(*state(row["setting"]), row["name"]): row for row in multipliers}
    yield table(["teacher, guidance", "R", "rho", *VARIANTS], (
        [", ".join(each), f"{float(worth[*each, 'plain']['r']):.2f}", f"{float(worth[*each, 'plain']['rho']):.2f}",
         *(shown(worth[*each, name], "moment_") for name in VARIANTS)] for each in states()))
    ahead = {state(row["setting"]): row for row in differences
             if row["unit"] == "seconds" and row["name"] == "all" and row["share"] == "1.0"}
    scores: dict[tuple[str, str, str], dict[tuple[str, int], dict[str, str]]] = {}
    for row in [*runs, *remedies]:
        scores.setdefault((*state(row["setting"]), row["variant"]), {})[row["prompt"], int(row["seed"])] = row

    def quality(*key: str) -> str:
        if key not in scores:
            return "–"
        those = scores[key].values()
        right = sum(row["retrieval_top1"] == "True" for row in those)
        return f"{statistics.mean(float(row['psnr']) for row in those):.1f} ({right} of {len(those)})"

    def more(teacher: str, guidance: str, variant: str) -> str:
        mine, plain = scores.get((teacher, guidance, variant)), scores[teacher, guidance, "all"]
        if mine is None:
            return "–"
        mean = nested({cell: float(mine[cell]["psnr"]) - float(plain[cell]["psnr"]) for cell in mine})
        return f"{mean.value:+.1f} [{mean.low:.1f}, {mean.high:.1f}]"

    yield table(["teacher, guidance", "plain", "all", "all above plain at equal seconds", "rescaled", "above all",
                 "bounded", "above all"], (
        [", ".join(each), quality(*each, "plain"), quality(*each, "all"), shown(ahead[each], digits=1),
         quality(*each, "rescale"), more(*each, "rescale"), quality(*each, "limit"), more(*each, "limit")]
        for each in states()))


def main(argv: list[str]) -> int:
    folder = Path(argv[0]) if argv else FOLDER
    if kappa := read(folder, "kappa"):
        print("\n".join(of_kappa(kappa)))
    if multipliers := read(folder, "multipliers"):
        print("\n".join(of_sweep(multipliers, *(read(folder, name) for name in ("differences", "runs", "remedies")))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
