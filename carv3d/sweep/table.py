"""A sweep as a table for people and as cells.csv."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from carv3d.runtime.errors import one_line
from carv3d.runtime.files import write_text
from carv3d.runtime.types import Record

COUNTS = {"train": ("renders", "encodes", "draws", "teacher_evals", "lora_draws", "nonfinite_steps"),
          "score": ("sets", "draws", "gradients")}  # of the ledger, by the clock that its runs have


def _clock(rows: list[Record]) -> str:
    """Of a sweep's runs: train, or score where they attribute."""
    return "score" if any("score" in (row["result"].get("seconds") or {}) for row in rows) else "train"


def _quality_names(rows: list[Record]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row["result"].get("quality") or {}))


def write_csv(path: Path, rows: list[Record]) -> None:
    """One line per cell, done or not."""
    quality, clock = _quality_names(rows), _clock(rows)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["id", "name", "overrides", "status", "failure", "detail", "attempts", "workers", "step",
                     "stopped_by", *COUNTS[clock], f"{clock}_s", *quality, "run"])
    for row in rows:
        result = row["result"]
        scores, ledger = result.get("quality") or {}, result.get("ledger") or {}
        writer.writerow([row["id"], row["name"], json.dumps(row["overrides"]), row["state"], row["failure"],
                         row["detail"], row["attempts"], row["workers"], result.get("step"), result.get("stopped_by"),
                         *(ledger.get(name) for name in COUNTS[clock]), (result.get("seconds") or {}).get(clock),
                         *(scores.get(name) for name in quality), row["run"]])
    write_text(path, out.getvalue())


def table(rows: list[Record]) -> str:
    """For people: a line per cell, with psnr or whatever its first score is."""
    clock, names = _clock(rows), _quality_names(rows)
    score = names[0] if names and "psnr" not in names else "psnr"
    lines = [("cell", "state", "step", f"{clock} s", score, "run")]
    for row in rows:
        result = row["result"]
        value = (result.get("quality") or {}).get(score)
        seconds = (result.get("seconds") or {}).get(clock)
        lines.append((one_line(row["name"]), row["state"] + (f" ({row['failure']})" if row["failure"] else ""),
                      str(result.get("step") or ""), "" if seconds is None else f"{seconds:.1f}",
                      "" if value is None else f"{value:.3g}" if clock == "score" else f"{value:.2f}",
                      row["run"] or ""))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in lines)
