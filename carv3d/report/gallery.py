"""Many runs of carv3d train on one page, with their pictures and scores, and what of each run's files is served."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from carv3d.report import reading
from carv3d.report.markup import Html, text
from carv3d.report.serving import KINDS, Answer, Page
from carv3d.runs.folder import Run
from carv3d.runs.shown import PAGE, POSTER, told
from carv3d.runtime.errors import UserError, one_line
from carv3d.runtime.types import Record

PREVIEW, VIDEO = "preview.png", "turntable.mp4"
PROGRAM = re.compile(r"viewer-[0-9a-f]{12}\.js")
SERVED = set(KINDS) - {".html", ".js"}  # of the files in a run's save/; pages and programs are named above
_STYLE = """
:root{color-scheme:light dark;--ink:#1a1a1a;--quiet:#555;--paper:#fff;--stage:#f1f1ee;--on:#0b5c8f}
@media (prefers-color-scheme:dark){:root{--ink:#eee;--quiet:#aaa;--paper:#161616;--stage:#242424;--on:#7cc4f0}}
*{box-sizing:border-box}
body{font:16px/1.45 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:80rem;color:var(--ink);
background:var(--paper)}
h1{font-size:1.5rem;margin:.3rem 0 0}h2{font-size:1.15rem;margin:1.8rem 0 .6rem;overflow-wrap:anywhere}
p{margin:.15rem 0;font-size:.85rem;color:var(--quiet);overflow-wrap:anywhere}
.runs{display:grid;gap:1.2rem 1rem;grid-template-columns:repeat(auto-fill,minmax(10rem,1fr));padding:0;margin:0;
list-style:none}
.runs b{display:block;font-weight:600;line-height:1.25;margin:.45rem 0 .1rem;overflow-wrap:anywhere}
.shot{display:flex;align-items:center;justify-content:center;aspect-ratio:1;background:var(--stage);border-radius:.5rem;
overflow:hidden;color:var(--quiet);font-size:.85rem}
.shot img{width:100%;height:100%;object-fit:contain}
.shot .sheet{width:128px;height:128px;object-fit:none;object-position:-52px 0}
a{color:var(--on)}.runs a:first-child{text-decoration:none;color:inherit;display:block}
.runs p a{display:inline-block;padding:.35rem .4rem .35rem 0}
:focus-visible{outline:3px solid var(--on);outline-offset:2px}
"""


def find(root: Path) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Every run folder in ``root`` or in a folder of it, with its path's parts from there. Links that lead out of
    ``root`` are none of it."""
    real = os.path.realpath(root)
    for config in sorted([*root.glob("*/config.yaml"), *root.glob("*/*/config.yaml")]):
        folder = config.parent
        if Path(os.path.realpath(folder)).is_relative_to(real):
            yield folder.relative_to(root).parts, folder


class Site:
    """What is served of a folder of runs, or of one run.

    root: a run's folder, a sweep's, or one of several such. make: sees that a run has its page; UserError where it
    cannot have one. It is called for one run at a time.
    """

    def __init__(self, root: Path, make: Callable[[Run], object]):
        self.root, self._make, self._turn = root.absolute(), make, threading.Lock()
        self.single = (self.root / "config.yaml").is_file()

    def _folders(self) -> Iterator[tuple[tuple[str, ...], Path]]:
        return iter([((self.root.name,), self.root)]) if self.single else find(self.root)

    def runs(self) -> dict[tuple[str, ...], Run]:
        """Path -> run, as they lie there now; those alone that carv3d train has made and that may be opened."""
        found = {path: _opened(folder) for path, folder in self._folders()}
        return {path: run for path, run in found.items() if run}

    def first(self) -> str:
        """Where to begin, relative to the root."""
        return "/".join(map(quote, (self.root.name, "save", PAGE))) if self.single else ""

    def __call__(self, parts: tuple[str, ...]) -> Answer:
        """What a request for a path gets."""
        if parts == ("",):
            if self.single:
                return Page(b"", status=302, moved="/".join((self.root.name, "save", PAGE)))
            return Page(gallery(self.root.name or str(self.root), self.runs()).encode("utf-8", "replace"))
        if PROGRAM.fullmatch(parts[-1]):
            beside = next((folder.parent for path, folder in self._folders() if path[:-1] == parts[:-1]), None)
            return _inside(beside, parts[-1]) if beside else None
        folder = next((folder for path, folder in self._folders() if (*path, "save") == parts[:-1]), None)
        if folder is None or (run := _opened(folder)) is None:
            return None
        if parts[-1] == PAGE:
            with self._turn:
                self._make(run)
            return _inside(run.save, PAGE)
        return _inside(run.save, parts[-1]) if Path(parts[-1]).suffix in SERVED else None


def _opened(folder: Path) -> Run | None:
    try:
        return Run(folder).checked().made_by("train")
    except (UserError, OSError):
        return None


def _inside(folder: Path, name: str) -> Path | None:
    """A file that lies in a folder itself, by its real place; None where there is none of that name."""
    path = folder / name
    within = name == os.path.basename(name) and not name.startswith(".") and "\0" not in name
    return path if within and os.path.isfile(path) and (
        os.path.realpath(path) == os.path.join(os.path.realpath(folder), name)) else None


def gallery(title: str, runs: dict[tuple[str, ...], Run]) -> str:
    """The page of many runs, those of a sweep together."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for path, run in runs.items():
        groups.setdefault(path[:-1], []).append(_card(path, run, reading.summary(run.summary())))
    body = [f"<h1>{text(one_line(title))}</h1><p>{len(runs)} run{'s' * (len(runs) != 1)}. A page that is not there yet "
            "is made when it is opened.</p>"]
    for group, cards in groups.items():
        body.append((f"<h2>{text(one_line('/'.join(group)))}</h2>" if group else "")
                    + "<ul class=\"runs\">" + "\n".join(cards) + "</ul>")
    return ("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><link rel=\"icon\" href=\"data:,\">"
            f"<title>{text(one_line(title))} · carv3d view</title><style>{_STYLE}</style></head>\n<body>\n<main>\n"
            + "\n".join(body) + "\n</main>\n</body></html>\n")


def _card(path: tuple[str, ...], run: Run, known: Record) -> str:
    base = "/".join(map(quote, (*path, "save")))
    prompt = run.summary().get("prompt")
    name = one_line(prompt) if isinstance(prompt, str) and prompt else one_line(path[-1])
    facts = [known.get("status", "no summary yet")] + ([] if known["step"] is None else [f"step {known['step']:,}"])
    facts += told(known["quality"])
    links = [f"<a href=\"{base}/{VIDEO}\">video</a>"] if (run.save / VIDEO).is_file() else []
    return (f"<li><a href=\"{base}/{PAGE}\"><span class=\"shot\">{_shot(run, base)}</span><b>{text(name)}</b></a>"
            f"<p>{text(', '.join(facts))}</p><p>{text(one_line(path[-1]))}</p><p>{' '.join(links)}</p></li>")


def _shot(run: Run, base: str) -> Html:
    """Its picture, without words of its own: the name stands below it in the same link."""
    for file, kind in ((POSTER, ""), (PREVIEW, " class=\"sheet\"")):  # of a sheet its first view
        if (run.save / file).is_file():
            return Html(f"<img loading=\"lazy\" alt=\"\"{kind} src=\"{base}/{file}\">")
    return text("no picture yet")
