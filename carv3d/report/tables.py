"""The tables of a page as files for papers: LaTeX (booktabs) and Markdown, cell by cell what the page shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from carv3d.runtime.files import make_folder, write_text

LONG = 40  # rows from which on a table is one of several pages
LATEX = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
         "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
         "|": r"\textbar{}", "`": r"\textasciigrave{}", "\"": "{''}", "[": "{[}", "]": "{]}", "*": "{*}",
         "–": "--", "∞": r"$\infty$", "†": r"\dag{}", "→": r"$\rightarrow$", "±": r"$\pm$"}
"""What letters of text are in LaTeX. Brackets and stars stand in braces since a line that begins with one would give
the line break before it an argument."""
MARKDOWN = {**{letter: f"\\{letter}" for letter in "\\`*_{}[]|~$#!"}, "&": "&amp;", "<": "&lt;", ">": "&gt;"}
PACKAGES = "% needs \\usepackage{booktabs}"


@dataclass
class Cell:
    """lines: of its text. left: whether these are words."""

    lines: list[str] = field(default_factory=lambda: [""])
    left: bool = False


@dataclass
class Table:
    """Rows of cells, the head's first. name: its id on the page."""

    name: str
    rows: list[list[Cell]] = field(default_factory=list)


class _Reader(HTMLParser):
    """Tables with an id, of pages that ``carv3d.report.markup`` has made."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Table] = []
        self._table: Table | None = None
        self._cell: Cell | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "table" and known.get("id"):
            self._table = Table(str(known["id"]))
            self.found.append(self._table)
        if self._table is None:
            return
        if tag == "tr":
            self._table.rows.append([])
        elif tag in ("td", "th"):
            self._cell = Cell(left=known.get("class") == "text" or not self._table.rows[-1])
            self._table.rows[-1].append(self._cell)
        elif tag == "br" and self._cell:
            self._cell.lines.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._table = None
        elif tag in ("td", "th"):
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell:
            self._cell.lines[-1] += data


def read(page: str) -> list[Table]:
    """The tables of a page that have a name."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.found


def write(page: str, folder: Path) -> None:
    """Each named table of a page into ``folder``, as NAME.tex and NAME.md."""
    for table in read(page):
        make_folder(folder, "--out")
        write_text(folder / f"{table.name}.tex", latex(table))
        write_text(folder / f"{table.name}.md", markdown(table))


def latex(table: Table) -> str:
    """A tabular by booktabs, or a longtable of many rows. What stands in several lines of a cell does so here, too."""
    head, *body = table.rows
    long = len(body) > LONG
    left = [any(column) for column in zip(*([cell.left for cell in row] for row in body or [head]))]
    kind, columns = "longtable" if long else "tabular", "".join("l" if each else "r" for each in left)
    packages = PACKAGES.replace("{booktabs}", "{booktabs,longtable}") if long else PACKAGES
    lines = [packages, f"\\begin{{{kind}}}{{{columns}}}", "\\toprule", _row(head, left), "\\midrule",
             *["\\endhead"] * long, *(_row(row, left) for row in body), "\\bottomrule", f"\\end{{{kind}}}"]
    return "\n".join(lines) + "\n"


def _row(row: list[Cell], left: list[bool]) -> str:
    return " & ".join(_stack(cell, words) for cell, words in zip(row, left)) + r" \\"


def _stack(cell: Cell, left: bool) -> str:
    lines = [in_latex(line.strip()) for line in cell.lines]
    stacked = r" \\ ".join(lines)
    return stacked if len(lines) == 1 else f"\\shortstack[{'l' if left else 'r'}]{{{stacked}}}"


def in_latex(words: str) -> str:
    """Text that LaTeX sets as it is: a minus before a digit is one, and hyphens side by side stay as many."""
    letters = "".join(LATEX.get(letter, letter) for letter in words.replace("--", "-\0-").replace("--", "-\0-"))
    return re.sub(r"(?<![\w\0-])-(?=\d)", "$-$", letters).replace("\0", "{}")


def markdown(table: Table) -> str:
    """A table with pipes, what stands in several lines of a cell on one."""
    head, *body = table.rows
    left = [any(column) for column in zip(*([cell.left for cell in row] for row in body or [head]))]
    return "\n".join(_lines(head, body, left)) + "\n"


def _lines(head: list[Cell], body: list[list[Cell]], left: list[bool]) -> Iterator[str]:
    for i, row in enumerate((head, *body)):
        yield f"| {' | '.join(in_markdown(' '.join(filter(None, map(str.strip, cell.lines)))) for cell in row)} |"
        if i == 0:
            yield f"|{'|'.join(' :--- ' if each else ' ---: ' for each in left)}|"


def in_markdown(words: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(MARKDOWN.get(letter, letter) for letter in words)
