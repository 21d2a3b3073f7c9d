"""How a folder is guided unless told otherwise, and whether it was distilled to a few steps, as far as that can be told
without its weights."""

from __future__ import annotations

import re
from pathlib import Path

from carv3d.diffusion.families.table import of
from carv3d.diffusion.folder import as_object, views_in
from carv3d.runtime.types import Record

PLAIN = 100.0  # DreamFusion's scale with Stable Diffusion, as threestudio's recipes have it
TOGETHER = 50.0  # MVDream's, with its four views
_NAMES = re.compile(r"turbo|lightning|schnell|hyper-?sd|(?<![a-z])lcm(?![a-z])", re.IGNORECASE)
_SOLVERS = ("LCMScheduler", "TCDScheduler")  # of consistency models, which alone are sampled with these


def guidance(folder: Path, given: str) -> float:
    """What objective.guidance_scale=auto means for sds: the family's; 1, one branch, for a model of few steps, whose
    distillation has guidance in it. given: teacher.path."""
    family = of(str(_index(folder).get("_class_name")))
    plain = TOGETHER if views_in(_index(folder)) > 1 else PLAIN
    return 1.0 if distilled(folder, given) else family.guidance if family else plain


def distilled(folder: Path, given: str) -> str:
    """Why a model is taken for one that was distilled to a few steps; empty for others."""
    index = _index(folder)
    family = of(str(index.get("_class_name")))
    scheduler = as_object(folder / "scheduler" / "scheduler_config.json", str(folder)).get("_class_name")
    if index.get("is_distilled"):
        return "is_distilled in its model_index.json"
    if scheduler in _SOLVERS:
        return f"its scheduler is a {scheduler}"
    if family and family.name == "FLUX.1" and _config(folder, family.denoiser).get("guidance_embeds") is False:
        return "no guidance_embeds, as FLUX.1 schnell"
    for name in (Path(given).name, Path(str(index.get("_name_or_path") or "")).name):
        if found := _NAMES.search(name):
            return f"its name says {found[0]}"
    return ""


def warning(folder: Path, given: str) -> str:
    """What is said of a model of few steps; empty for others."""
    if not (why := distilled(folder, given)):
        return ""
    return (f"teacher: {given} is distilled to a few steps ({why}): score distillation from such a model tends to "
            "degenerate (threestudio#365), its base serves better; without objective.guidance_scale it is not guided")


def _index(folder: Path) -> Record:
    return as_object(folder / "model_index.json", str(folder))


def _config(folder: Path, part: str) -> Record:
    return as_object(folder / part / "config.json", str(folder))
