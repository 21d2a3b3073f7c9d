"""Train every prompt of the toybox20 list and write the table of its scores as Markdown on stdout.

usage: python scripts/eval_toybox20.py [--seeds 2] [--name toybox20] [--workers 1] [key=value ...]

Each run is a ``carv3d train`` of its own, without video. Runs of that --name that are finished already are not run
again, so an interrupted evaluation goes on where it stopped. Seconds mean something with one worker only.
"""

from __future__ import annotations

import statistics
import sys

from runs import Cell, arguments, train

from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import say
from carv3d.toybox.grammar import parse
from carv3d.toybox.lists import held_out, toybox20


def table(rows: list[tuple[str, int, dict]]) -> str:
    lines = ["| prompt | seed | retrieval | rank | mask IoU | PSNR dB | train s | peak MiB | warnings |",
             "|---|---|---|---|---|---|---|---|---|"]
    for prompt, seed, summary in rows:
        q = summary["quality"]
        mark = " (held out)" if held_out(parse(prompt)) else ""
        lines.append(f"| {prompt}{mark} | {seed} | {'right' if q['retrieval_top1'] else q['nearest_prompt']} | "
                     f"{q['retrieval_rank']} | {q['mask_iou']:.3f} | {q['psnr']:.2f} | "
                     f"{summary['seconds']['train']:.1f} | "
                     f"{summary['peak_mem_mib']:.0f} | {'; '.join(summary['warnings'])} |")
    lines.append("")
    for label, wanted in (("all", (False, True)), ("seen", (False,)), ("held out", (True,))):
        lines.append(totals(label, [s for prompt, _, s in rows if held_out(parse(prompt)) in wanted]))
    return "\n".join(lines)


def totals(label: str, summaries: list[dict]) -> str:
    """One line over some runs."""
    quality = [summary["quality"] for summary in summaries]
    right = sum(q["retrieval_top1"] for q in quality)
    return (f"{label}: {right} of {len(quality)} retrieved right ({100 * right / len(quality):.1f} %); mean mask IoU "
            f"{statistics.mean(q['mask_iou'] for q in quality):.3f}; mean PSNR "
            f"{statistics.mean(q['psnr'] for q in quality):.2f} dB; median training "
            f"{statistics.median(s['seconds']['train'] for s in summaries):.1f} s.  ")


def main() -> int:
    args = arguments(__doc__.splitlines()[0], "toybox20")
    cells = [Cell(args.name, prompt, seed, tuple(args.overrides))
             for seed in range(args.seeds) for prompt in toybox20()]
    try:
        runs = train(cells, args.exp_root_dir, args.workers)
    except UserError as error:
        say(f"error: {error}")
        return 2
    print(table([(cell.prompt, cell.seed, runs[cell].summary()) for cell in cells]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
