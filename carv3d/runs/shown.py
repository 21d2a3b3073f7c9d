"""What shows a run to people: the names of its page and its picture, the step of a page, and its scores in words."""

from __future__ import annotations

import re
from pathlib import Path

from carv3d.runtime.types import Value

PAGE, POSTER = "view.html", "view.png"  # in save/
_TOLD = {"psnr": "PSNR {:.1f} dB", "clip_score": "CLIP score {:.3f}", "volume_iou": "volume IoU {:.2f}"}
_IN_WORDS = {"psnr": "PSNR {:.1f} dB against the true pictures", "mask_iou": "silhouettes agree to {:.0%}",
             "volume_iou": "the volume to {:.0%}", "clip_score": "CLIP score {:.3f}"}


def step_of(page: Path) -> int | None:
    """The step whose scene a page shows; None where there is no such page."""
    try:
        with open(page, "rb") as file:
            found = re.search(rb'name="carv3d-step" content="(\d{1,12})"', file.read(1000))
    except OSError:
        return None
    return int(found[1]) if found else None


def told(quality: object, words: dict[str, str] = _TOLD) -> list[str]:
    """Those of a summary's scores that people look at first; none of what is no score."""
    found = quality if isinstance(quality, dict) else {}
    return [form.format(found[name]) for name, form in words.items()
            if isinstance(found.get(name), (int, float)) and not isinstance(found[name], bool)]


def in_words(quality: dict[str, Value], prompt: str) -> str:
    """The same as a sentence, and what of all prompts the scene is nearest to."""
    said = told(quality, _IN_WORDS)
    if (right := quality.get("retrieval_top1")) is not None:
        said.insert(0, f"looks like {prompt!r} and like nothing else" if right
                    else f"looks more like {quality.get('nearest_prompt')!r}")
    return ", ".join(said)
