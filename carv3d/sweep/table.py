"""A sweep as a table for people and as cells.csv."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from carv3d.runtime.errors import one_line
from carv3d.runtime.files import write_text
from carv3d.runtime.types import Record

COUNTS = ("renders", "encodes", "draws", "teacher_evals", "lora_draws", "nonfinite_steps")


def _quality_names(rows: list[Record]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row["result"].get("quality") or {}))


def write_csv(path: Path, rows: list[Record]) -> None:
    """One line per cell, done or not."""
    quality = _quality_names(rows)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["id", "name", "overrides", "status", "failure", "detail", "attempts", "workers", "step",
                     "stopped_by", *COUNTS, "train_s", *quality, "run"])
    for row in rows:
        result = row["result"]
        scores, ledger = result.get("quality") or {}, result.get("ledger") or {}
        writer.writerow([row["id"], row["name"], json.dumps(row["overrides"]), row["state"], row["failure"],
                         row["detail"], row["attempts"], row["workers"], result.get("step"), result.get("stopped_by"),
                         *(ledger.get(name) for name in COUNTS), (result.get("seconds") or {}).get("train"),
                         *(scores.get(name) for name in quality), row["run"]])
    write_text(path, out.getvalue())


def table(rows: list[Record]) -> str:
    """For people: a line per cell."""
    lines = [("cell", "state", "step", "train s", "psnr", "run")]
    for row in rows:
        result = row["result"]
        psnr = (result.get("quality") or {}).get("psnr")
        seconds = (result.get("seconds") or {}).get("train")
        lines.append((one_line(row["name"]), row["state"] + (f" ({row['failure']})" if row["failure"] else ""),
                      str(result.get("step") or ""), "" if seconds is None else f"{seconds:.1f}",
                      "" if psnr is None else f"{psnr:.2f}", row["run"] or ""))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in lines)
