"""Progress on a terminal, plain lines otherwise; all of it on stderr, so that stdout carries results only.

A terminal gets no command from what is said: names come from files of other people's. A stream that is closed or full
costs what would have been said, and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import textwrap
import time
from typing import Any

from carv3d.runtime.errors import UserError, printable
from carv3d.runtime.types import Record, Value

_hushed = False
_quiet = False
_collected: Record | None = None  # what --json prints at the end


def hush() -> None:
    """This process says nothing from here on: of several that work on one run, one speaks."""
    global _hushed
    _hushed = True


def settle(quiet: bool, as_json: bool) -> None:
    """quiet: warnings and errors alone are said. as_json: results are kept for ``collected``."""
    global _quiet, _collected
    _quiet, _collected = quiet, {"results": []} if as_json else None


def collected() -> Record | None:
    """The results so far, where they are kept."""
    return _collected


def say(text: str) -> None:
    """One line for the user, on a terminal broken between words."""
    if _hushed or sys.stderr is None:  # None: it was closed before we began
        return
    if _quiet and not text.startswith(("warning: ", "carv3d: ")):
        return
    text = printable(text)
    if on_terminal():
        width = shutil.get_terminal_size().columns
        text = textwrap.fill(text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        sys.stderr = open(os.devnull, "w")  # else what is left in its buffer fails again when Python ends


def result(text: object, **facts: Value) -> None:
    """What was asked for, on stdout. facts: what --json tells beside it. UserError where it cannot be written; by then
    all work must be saved."""
    if _collected is not None:
        _collected["results"].append(str(text))
        _collected.update(facts)
        return
    put(printable(str(text)))


def put(text: str) -> None:
    """Text on stdout; UserError where it cannot be written."""
    try:
        print(text, flush=True)
    except BrokenPipeError:  # nobody reads any more, as after | head
        raise
    except (OSError, ValueError) as error:
        raise UserError(f"stdout cannot be written ({error}); what was made is in its files") from None


def on_terminal() -> bool:
    """Whether somebody watches what is said."""
    with contextlib.suppress(AttributeError, OSError, ValueError):  # of a stream of another kind, or one that is closed
        return not _quiet and sys.stderr is not None and sys.stderr.isatty()
    return False


def duration(seconds: float) -> str:
    seconds = round(seconds)
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


class Progress:
    """A bar with ETA on a terminal; elsewhere a line every ``every_s`` seconds and at the end.

    Use as a context manager; ``to(n, **fields)`` sets the position, ``add(n)`` moves it.
    """

    def __init__(self, label: str, total: int, done: int = 0, every_s: float = 10.0):
        self.label, self.total, self.done, self.first = label, total, done, done
        self.every_s = every_s
        self.fields: Record = {}
        self._bar: Any = None

    def __enter__(self) -> Progress:
        self.started = self._said = time.perf_counter()
        if on_terminal():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                            TextColumn("eta"), TimeRemainingColumn(),
                            TextColumn("{task.fields[text]}", markup=False),
                            console=Console(stderr=True))
            self._task = self._bar.add_task(self.label, total=self.total, completed=self.done, text="")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            with contextlib.suppress(OSError):
                self._bar.stop()
        elif self.done > self.first:
            self._line()

    def add(self, count: int = 1) -> None:
        self.to(self.done + count)

    def to(self, done: int, **fields: object) -> None:
        self.done = done
        self.fields.update(fields)
        if self._bar:
            with contextlib.suppress(OSError):
                self._bar.update(self._task, completed=done, text=self._text())
        elif time.perf_counter() - self._said >= self.every_s and done < self.total:
            self._line()

    def _text(self) -> str:
        return "  ".join(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
                         for name, value in self.fields.items())

    def _line(self) -> None:
        now = time.perf_counter()
        self._said = now
        spent = now - self.started
        left = spent / max(self.done - self.first, 1) * (self.total - self.done)
        say(f"{self.label} {self.done}/{self.total}  {duration(spent)}  eta {duration(left)}  {self._text()}".rstrip())
