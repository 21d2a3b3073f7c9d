"""What a PLY file holds, by its header alone."""

from __future__ import annotations

from pathlib import Path


def kind(path: Path) -> str | None:
    """splats or points; None if it is no PLY file."""
    with open(path, "rb") as file:
        header = file.read(1 << 13).partition(b"end_header")[0]
    if not header.startswith(b"ply"):
        return None
    return "splats" if b" f_dc_0" in header else "points"
