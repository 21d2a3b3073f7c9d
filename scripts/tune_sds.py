"""Which settings of score distillation suit a teacher: variants x prompts, one line of means per variant.

usage: python scripts/tune_sds.py FILE.yaml [--name tune] [--workers 2] [--only VARIANT ...] [--first N]
       [--overrides key=value ...]

FILE names ``prompts`` (none of them in toybox20, which is kept for the final table), ``seeds`` and ``variants``: a list
of key=value each. Runs that are finished are not run again. Markdown on stdout: means, best F-score first.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

import yaml
from runs import Cell, train

from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import say

SCORES = ("fscore_1", "fscore_2", "normal_consistency", "volume_iou", "mask_iou", "psnr")  # means of these


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--name", default="tune")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="*", metavar="VARIANT")
    parser.add_argument("--first", type=int, metavar="N", help="only the first N prompts")
    parser.add_argument("--exp-root-dir", type=Path, default=Path("outputs"))
    parser.add_argument("--overrides", nargs="*", metavar="key=value", default=[])
    args = parser.parse_args()
    plan = yaml.safe_load(args.file.read_text(encoding="utf-8"))
    variants = {name: keys or [] for name, keys in plan["variants"].items() if args.only is None or name in args.only}
    cells = {name: [Cell(f"{args.name}-{name}", prompt, seed, (*args.overrides, *keys))
                    for prompt in plan["prompts"][: args.first] for seed in range(plan["seeds"])]
             for name, keys in variants.items()}
    try:
        runs = train([cell for part in cells.values() for cell in part], args.exp_root_dir, args.workers)
    except UserError as error:
        say(f"error: {error}")
        return 2
    rows = []
    for name, part in cells.items():
        summaries = [runs[cell].summary() for cell in part]
        q = [summary["quality"] for summary in summaries]
        means = {score: statistics.mean(x[score] for x in q) for score in SCORES}
        rows.append((means["fscore_1"], name, sum(x["retrieval_top1"] for x in q), len(q), means,
                     statistics.median(s["seconds"]["train"] for s in summaries)))
    lines = [f"| variant | settings | right | {' | '.join(SCORES)} | train s ({args.workers} at a time) |",
             "|---" * (len(SCORES) + 4) + "|"]
    for _, name, right, count, means, seconds in sorted(rows, reverse=True, key=lambda row: row[0]):
        settings, cells = " ".join(variants[name]) or "defaults", (f"{mean:.3f}" for mean in means.values())
        lines.append(f"| {name} | {settings} | {right} of {count} | {' | '.join(cells)} | {seconds:.0f} |")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
