"""Progress on a terminal, plain lines otherwise; all of it on stderr, so that stdout carries results only."""

from __future__ import annotations

import sys
import time
from typing import Any

from carv3d.runtime.types import Record

_hushed = False


def hush() -> None:
    """This process says nothing from here on: of several that work on one run, one speaks."""
    global _hushed
    _hushed = True


def say(text: str) -> None:
    """One line for the user."""
    if not _hushed:
        print(text, file=sys.stderr, flush=True)


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
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                            TextColumn("eta"), TimeRemainingColumn(), TextColumn("{task.fields[text]}"),
                            console=Console(stderr=True))
            self._task = self._bar.add_task(self.label, total=self.total, completed=self.done, text="")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()
        elif self.done > self.first:
            self._line()

    def add(self, count: int = 1) -> None:
        self.to(self.done + count)

    def to(self, done: int, **fields: object) -> None:
        self.done = done
        self.fields.update(fields)
        if self._bar:
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
