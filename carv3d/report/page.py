"""The report as one HTML page that needs nothing beside it: figures and videos are inside, no network, no library."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from carv3d.report import files, markup, reading, shots, tables, training
from carv3d.report.files import COUNTED
from carv3d.report.markup import Html, table, text, words
from carv3d.report.multipliers import Summary
from carv3d.report.parts import present
from carv3d.report.study import Study, environment
from carv3d.runtime.files import write_text


def write(study: Study, summaries: dict[str, Summary], quality: str, folder: Path) -> Path:
    """index.html, the figures, the tables and the numbers as CSV into ``folder``; returns the page's path.

    summaries: setting -> its numbers, of runs of carv3d train alone.
    """
    trained, others = study.of(reading.COMMANDS[0]), present(study)
    written = files.write(study, summaries, folder)
    body = [f"<h1>{text(study.title)}</h1>", _facts(study)]
    settings = trained.by_setting()
    for prefix, (setting, within) in zip(_prefixes(settings), settings.items()):
        body += [f"<h1 class=\"setting\">{text(setting)}</h1>"] if setting else []
        body += training.section(within, summaries[setting], folder, prefix)
        body.append(shots.section(within))
    body += ["<h2>All runs</h2>", _cells(trained, quality)] if trained.runs else []
    for part, own in others:
        body += [f"<h1 class=\"setting\">{text(part.title)}</h1>"] * bool(trained.runs or len(others) > 1)
        body += part.section(own, folder)
    body.append(_beside(written))
    page = markup.page(study.title, "carv3d report", filter(None, body))
    tables.write(page, folder / "tables")
    write_text(folder / "index.html", page)
    return folder / "index.html"


def _prefixes(settings: Iterable[str]) -> list[str]:
    """Of the files of each setting: its name as far as file names may hold it, no two alike."""
    out: list[str] = []
    for setting in settings:
        slug = re.sub(r"[^a-zA-Z0-9.]+", "_", setting).strip("_.").lower()[:80] if setting else ""
        known = [f"{slug}_{n}_" if n else f"{slug}_" if slug else "" for n in range(len(out) + 1)]
        out.append(next(each for each in known if each not in out))
    return out


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
    return table([Html(f"<button>{text(name)}</button>") for name in head], rows, "cells", "all runs", sortable=True)


def _beside(written: list[str]) -> str:
    """What else was written, for those who compute with it or set it in a paper."""
    csvs = " ".join(f"<a href=\"{name}\">{name}</a>" for name in written)
    return (f"<div class=\"files\"><h2>Files beside this page</h2><p>Every number: {csvs}</p><p>Every figure in "
            "figures/ as SVG, PDF (fonts embedded) and PNG, every table in tables/ as LaTeX (booktabs) and Markdown: "
            "the links below each. The page itself needs none of them.</p></div>")
