"""What shows a run to people: the names of its page and its picture, the step of a page, and its scores in words."""

from __future__ import annotations

import re
from pathlib import Path

PAGE, POSTER = "view.html", "view.png"  # in save/
_TOLD = {"psnr": "PSNR {:.1f} dB", "clip_score": "CLIP score {:.3f}", "volume_iou": "volume IoU {:.2f}"}


def step_of(page: Path) -> int | None:
    """The step whose scene a page shows; None where there is no such page."""
    try:
        with open(page, "rb") as file:
            found = re.search(rb'name="carv3d-step" content="(\d{1,12})"', file.read(1000))
    except OSError:
        return None
    return int(found[1]) if found else None


def told(quality: object) -> list[str]:
    """Those of a summary's scores that people look at first; none of what is no score."""
    found = quality if isinstance(quality, dict) else {}
    return [words.format(found[name]) for name, words in _TOLD.items()
            if isinstance(found.get(name), (int, float)) and not isinstance(found[name], bool)]
