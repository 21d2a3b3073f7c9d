"""Train every prompt of the toybox20 list and write the table of its scores as Markdown on stdout.

usage: python scripts/eval_toybox20.py [--seeds 2] [--name toybox20] [key=value ...]

Each run is a ``carv3d train`` of its own, without video. Runs of that --name that are finished already are not run
again, so an interrupted evaluation goes on where it stopped.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

from carv3d.progress import say
from carv3d.toybox.grammar import parse
from carv3d.toybox.lists import held_out, toybox20


def finished(name: str, root: Path) -> dict[tuple[str, int], dict]:
    """Summaries of the finished runs under a name, by (prompt, seed)."""
    from carv3d.runs import Run

    found = {}
    for path in sorted(root.joinpath(name).glob("*/summary.json")):
        run = Run(path.parent)
        if run.summary().get("status") == "finished":
            found[run.summary()["prompt"], run.config().seed] = run.summary()
    return found


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
    quality = [summary["quality"] for _, _, summary in rows]
    right = sum(q["retrieval_top1"] for q in quality)
    lines.append(f"\n{right} of {len(rows)} retrieved right ({100 * right / len(rows):.1f} %); mean mask IoU "
                 f"{statistics.mean(q['mask_iou'] for q in quality):.3f}; mean PSNR "
                 f"{statistics.mean(q['psnr'] for q in quality):.2f} dB; median training "
                 f"{statistics.median(s['seconds']['train'] for _, _, s in rows):.1f} s.")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--name", default="toybox20")
    parser.add_argument("--exp-root-dir", type=Path, default=Path("outputs"))
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    args = parser.parse_args()
    cells = [(prompt, seed) for seed in range(args.seeds) for prompt in toybox20()]
    for i, (prompt, seed) in enumerate(cells):
        if (prompt, seed) in finished(args.name, args.exp_root_dir):
            continue
        say(f"{i + 1}/{len(cells)}: {prompt}, seed {seed}")
        done = subprocess.run([sys.executable, "-m", "carv3d", "train", f"prompt={prompt}", f"seed={seed}",
                               f"name={args.name}", f"exp_root_dir={args.exp_root_dir}", "export.video=false",
                               "trainer.preview_every=0", *args.overrides], stdout=subprocess.DEVNULL)
        if done.returncode:
            return done.returncode
    summaries = finished(args.name, args.exp_root_dir)
    print(table([(prompt, seed, summaries[prompt, seed]) for prompt, seed in cells]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
