"""Hooks of mkdocs.yml: what pages link to outside docs/ joins the site, as pages below source/.

The pages are written for a plain viewer of the repository, where ../configs/base.yaml is a file and guidance/ a folder.
Text becomes a page with its lines, Markdown a page with its own links followed, a folder a list of its files.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LINK = re.compile(r"\]\(([^)\s#:]+)(#[^)\s]*)?\)")
LANGUAGES = {".py": "python", ".yaml": "yaml", ".sh": "bash", ".csv": "text", ".toml": "toml", ".ipynb": "json"}
UNSEARCHED = "---\nsearch:\n  exclude: true\n---\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add every file and folder that pages, and pages so added, lead to."""
    docs = Path(config.docs_dir)
    waiting = [docs / file.src_uri for file in files.documentation_pages()]
    added: dict[str, str] = {}
    while waiting:
        page = waiting.pop()
        for target in _targets(page):
            uri = _uri(target, docs)
            if files.get_file_from_path(uri) is None and uri not in added:
                added[uri] = _content(target, docs, uri)
                waiting.append(target)
    for uri, content in added.items():
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links as the site has them. What has no place there stays, for mkdocs to refuse."""
    docs, here = Path(config.docs_dir), page.file.src_uri
    if here.startswith("source/"):
        return markdown  # made with links of the site
    return _linked(markdown, docs / here, docs, here)


def _targets(page: Path) -> list[Path]:
    """The files and folders that a file's text, or a folder, leads to."""
    if page.is_dir():
        return [path for path in sorted(page.iterdir()) if not path.name.startswith((".", "__"))]
    if page.suffix != ".md":
        return []
    found = [page.parent / link[1] for link in LINK.finditer(page.read_text(encoding="utf-8"))]
    return [Path(os.path.normpath(path)) for path in found if path.exists()]


def _uri(target: Path, docs: Path) -> str:
    """Where a file or folder of the repository has its place in the site's sources."""
    if target.is_file() and target.is_relative_to(docs):
        return target.relative_to(docs).as_posix()
    place = f"source/{target.relative_to(docs.parent).as_posix()}"
    return place if target.suffix == ".md" else f"{place}.md"


def _content(target: Path, docs: Path, uri: str) -> str:
    name = target.relative_to(docs.parent).as_posix()
    if target.is_dir():
        rows = [f"- [{path.name}]({_between(uri, _uri(path, docs))})" for path in _targets(target)]
        return f"{UNSEARCHED}# {name}/\n\n" + "\n".join(rows) + "\n"
    text = target.read_text(encoding="utf-8")
    if target.suffix == ".md":
        return UNSEARCHED + _linked(text, target, docs, uri)
    return f"{UNSEARCHED}# {name}\n\n~~~~~~{LANGUAGES.get(target.suffix, 'text')}\n{text}\n~~~~~~\n"


def _linked(text: str, path: Path, docs: Path, here: str) -> str:
    """A page's text with its links, which are written for its place in the repository, for the place ``here``."""
    def link(found: re.Match[str]) -> str:
        target = Path(os.path.normpath(path.parent / found[1]))
        if not target.exists():
            return found[0]
        return f"]({_between(here, _uri(target, docs))}{found[2] or ''})"

    return LINK.sub(link, text)


def _between(page: str, other: str) -> str:
    return os.path.relpath(other, os.path.dirname(page) or ".").replace(os.sep, "/")
