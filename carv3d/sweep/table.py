"""A sweep as a table for people and as cells.csv."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from carv3d.runtime.errors import one_line
from carv3d.runtime.files import write_text
from carv3d.runtime.types import Record

CLOCKS = ("score", "train")  # seconds of what a run is for: the first that there is
OWN = {"stopped_by": "stopped_by", "outputs": "outputs_per_step", "k": "k"}  # of a result, by what its column is called


def _clock(rows: list[Record]) -> str:
    held = _names(rows, "seconds")
    return next((clock for clock in CLOCKS if clock in held), CLOCKS[-1])


def _names(rows: list[Record], part: str) -> list[str]:
    """Of what the results hold in a part of theirs."""
    return list(dict.fromkeys(name for row in rows for name in row["result"].get(part) or {}))


def write_csv(path: Path, rows: list[Record]) -> None:
    """One line per cell, done or not, with columns for whatever the results hold."""
    quality, clock = _names(rows, "quality"), _clock(rows)
    counts = [name for name in _names(rows, "ledger") if name != "steps"]  # which are the run's step
    own = [name for name in OWN if any(name in row["result"] for row in rows)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["id", "name", "overrides", "status", "failure", "detail", "attempts", "workers", "step",
                     *(OWN[name] for name in own), *counts, f"{clock}_s", *quality, "run"])
    for row in rows:
        result = row["result"]
        scores, ledger = result.get("quality") or {}, result.get("ledger") or {}
        writer.writerow([row["id"], row["name"], json.dumps(row["overrides"]), row["state"], row["failure"],
                         row["detail"], row["attempts"], row["workers"], result.get("step"),
                         *(result.get(name) for name in own), *(ledger.get(name) for name in counts),
                         (result.get("seconds") or {}).get(clock), *(scores.get(name) for name in quality),
                         row["run"]])
    write_text(path, out.getvalue())


def table(rows: list[Record]) -> str:
    """For people: a line per cell, with psnr or whatever its first score is."""
    clock, names = _clock(rows), _names(rows, "quality")
    score = names[0] if names and "psnr" not in names else "psnr"
    lines = [("cell", "state", "step", f"{clock} s", score, "run")]
    for row in rows:
        result = row["result"]
        value = (result.get("quality") or {}).get(score)
        seconds = (result.get("seconds") or {}).get(clock)
        lines.append((one_line(row["name"]), row["state"] + (f" ({row['failure']})" if row["failure"] else ""),
                      str(result.get("step") or ""), "" if seconds is None else f"{seconds:.1f}",
                      "" if value is None else f"{value:.2f}" if score == "psnr" else f"{value:.3g}",
                      row["run"] or ""))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in lines)
