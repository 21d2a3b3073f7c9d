"""The report as one HTML page that needs nothing beside it: figures and videos are inside, no network, no library."""

from __future__ import annotations

import re
from pathlib import Path

from carv3d.report import files, markup, reading, training
from carv3d.report.files import COUNTED
from carv3d.report.markup import Html, data, table, text, words
from carv3d.report.multipliers import Summary
from carv3d.report.parts import present
from carv3d.report.study import RunOf, Study, environment
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import read_bytes, write_text

VIDEO_PROMPTS = 3  # rows of videos, at most
LARGEST = 64 << 20  # bytes of a video or picture that comes into the page


def write(study: Study, summaries: dict[str, Summary], quality: str, folder: Path) -> Path:
    """index.html, the figures as PNG and the numbers as CSV into ``folder``; returns the page's path.

    summaries: setting -> its numbers, of runs of carv3d train alone.
    """
    trained, others = study.of(reading.COMMANDS[0]), present(study)
    files.write(study, summaries, folder)
    body = [f"<h1>{text(study.title)}</h1>", _facts(study)]
    for setting, within in trained.by_setting().items():
        body += [f"<h1 class=\"setting\">{text(setting)}</h1>"] if setting else []
        body += training.section(within, summaries[setting], folder, f"{_slug(setting)}_" if setting else "")
        body.append(_shots(within))
    body += ["<h2>All runs</h2>", _cells(trained, quality)] if trained.runs else []
    for part, own in others:
        body += [f"<h1 class=\"setting\">{text(part.title)}</h1>"] * bool(trained.runs or len(others) > 1)
        body += part.section(own, folder)
    page = markup.page(study.title, "carv3d report", filter(None, body))
    write_text(folder / "index.html", page)
    return folder / "index.html"


def _slug(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9.]+", "_", text).strip("_")


# --- words ------------------------------------------------------------------------------------------------------------

def _facts(study: Study) -> str:
    done = sum(run.status == "done" for run in study.runs)
    known = environment(study)
    parts = [f"{done} of {len(study.runs)} runs done"]
    counts = {"prompt": len(study.of(reading.COMMANDS[0]).prompts), "seed": len({run.seed for run in study.runs})}
    parts += [f"{count} {what}{'s' * (count > 1)}" for what, count in counts.items() if count]
    parts += [f"{name.replace('_', ' ')} {value}" for name, value in known.items() if value and name != "git_commit"]
    commits = [commit[:12] for commit in known.get("git_commit", "").split(" | ") if commit]
    parts += [f"commit {' | '.join(commits)}"] * bool(commits)
    return f"<p class=\"quiet\">{text('; '.join(parts))}.</p>"


# --- tables -----------------------------------------------------------------------------------------------------------

def _cells(study: Study, quality: str) -> str:
    first = ["setting"] if len(study.by_setting()) > 1 else []
    head = [*first, "variant", "prompt", "seed", "state", "steps", *COUNTED, "seconds", quality, "run"]
    rows = []
    for run in study.runs:
        score, ledger = reading.number((run.summary.get("quality") or {}).get(quality)), run.summary.get("ledger") or {}
        seconds = (run.summary.get("seconds") or {}).get("train")
        rows.append([*(getattr(run, name) for name in (*first, "variant")), words(run.prompt), run.seed,
                     words(run.status + (f" ({run.failure})" if run.failure else "")),
                     run.summary.get("step") or "", *(ledger.get(name, "") for name in COUNTED),
                     "" if seconds is None else f"{seconds:.1f}", "" if score is None else f"{score:.2f}",
                     words(run.folder.name if run.folder else "")])
    return table([Html(f"<button>{text(name)}</button>") for name in head], rows, "class=\"sortable\" id=\"cells\"")


# --- images ---------------------------------------------------------------------------------------------------------

def _shots(study: Study) -> str:
    """Per prompt, the first seed's scene of each variant: its video, or its images where there is no video."""
    out: list[str] = []
    for prompt in study.prompts:
        runs: dict[str, RunOf] = {}
        for run in study.runs:
            if run.prompt == prompt and run.status == "done" and run.folder and _shot(run):
                runs.setdefault(run.variant, run)
        if runs and len(out) < VIDEO_PROMPTS:
            out.append(f"<h3>{text(prompt)}</h3><div class=\"shots\">" + "".join(
                f"<figure>{_shot(run)}<figcaption>{text(run.variant)}: {text(_spent(run))}</figcaption></figure>"
                for run in runs.values()) + "</div>")
    head = "<h2>Side by side</h2><p class=\"quiet\">The first seed, at the end of each run, with what it had cost.</p>"
    return head + "".join(out) if out else ""


def _shot(run: RunOf) -> str:
    if run.folder is None:
        return ""
    name = text(f"{run.variant}, {run.prompt}")
    if video := _small(run.folder / "save" / "turntable.mp4"):
        return (f"<video autoplay loop muted playsinline controls aria-label=\"{name}\" "
                f"src=\"{data('video/mp4', video)}\"></video>")
    preview = _small(run.folder / "save" / "preview.png")
    return f"<img alt=\"{name}\" src=\"{data('image/png', preview)}\">" if preview else ""


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
