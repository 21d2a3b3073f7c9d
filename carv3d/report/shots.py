"""The scenes side by side on a report's page: each run's video, with a picture in its stead, or its picture alone."""

from __future__ import annotations

from pathlib import Path

from carv3d.report import reading
from carv3d.report.files import COUNTED
from carv3d.report.markup import data, text
from carv3d.report.study import RunOf, Study
from carv3d.runs.shown import POSTER
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import read_bytes

PROMPTS = 3  # rows, at most
LARGEST = 64 << 20  # bytes of a video or picture that comes into the page
VIDEO, PICTURES = "turntable.mp4", (POSTER, "preview.png")  # in save/; the first picture that is there


def section(study: Study) -> str:
    """Per prompt, the first seed's scene of each variant; nothing where there are no pictures."""
    out: list[str] = []
    for prompt in study.prompts:
        runs: dict[str, tuple[RunOf, str]] = {}
        for run in study.runs:
            if len(out) < PROMPTS and run.prompt == prompt and run.status == "done" and run.variant not in runs and (
                    shown := _shot(run)):
                runs[run.variant] = run, shown
        if runs:
            out.append(f"<h3>{text(prompt)}</h3><div class=\"shots\">" + "".join(
                f"<figure>{shown}<figcaption>{text(run.variant)}: {text(_spent(run))}</figcaption></figure>"
                for run, shown in runs.values()) + "</div>")
    left = len(study.prompts) - len(out)
    note = "The first seed of each, at the end of its run, with what it had cost." + (
        f" Of {len(study.prompts)} prompts the first {len(out)} with pictures." * bool(left))
    return f"<h2>Side by side</h2><p class=\"quiet\">{note}</p>" + "".join(out) if out else ""


def _shot(run: RunOf) -> str:
    """A video stands still in print, and wherever it does not play: then there is its picture."""
    if run.folder is None:
        return ""
    save, name = run.folder / "save", text(f"{run.variant}, {run.prompt}")
    picture = next(filter(None, (_small(save / file) for file in PICTURES)), b"")
    source = f"\"{data('image/png', picture)}\""
    if video := _small(save / VIDEO):
        turning = (f"autoplay loop muted playsinline controls aria-label=\"{name}, turning\" "
                   f"src=\"{data('video/mp4', video)}\"></video>")
        return (f"<video class=\"posed\" poster={source} {turning}<img class=\"still\" alt=\"{name}\" src={source}>"
                if picture else f"<video {turning}")
    return f"<img alt=\"{name}\" src={source}>" if picture else ""


def _small(path: Path) -> bytes:
    """A file's content; none where there is no file, it cannot be read, or no page should hold it."""
    try:
        return read_bytes(path) if path.is_file() and path.stat().st_size <= LARGEST else b""
    except (OSError, UserError):
        return b""


def _spent(run: RunOf) -> str:
    ledger, seconds = run.summary.get("ledger") or {}, (run.summary.get("seconds") or {}).get("train")
    psnr = reading.number((run.summary.get("quality") or {}).get("psnr"))
    parts = [] if psnr is None else [f"{psnr:.1f} dB"]
    parts.append(f"{run.summary.get('step')} steps")
    parts += [] if seconds is None else [f"{seconds:.0f} s"]
    return ", ".join([*parts, *(f"{ledger[n]} {n.replace('_', ' ')}" for n in COUNTED[:1] if n in ledger)])
