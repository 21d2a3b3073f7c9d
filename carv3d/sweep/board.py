"""How a sweep stands: on stderr while it runs, as a table and cells.csv when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from carv3d.config.schema import Config
from carv3d.runtime.errors import one_line, printable
from carv3d.runtime.progress import duration, on_terminal, say
from carv3d.runtime.types import Record
from carv3d.sweep.plan import Cell

if TYPE_CHECKING:
    from rich.live import Live


class Board:
    """A table on a terminal; elsewhere a line for each start and end. Use as a context manager."""

    def __init__(self, rows: list[Record], slots: int, steps: Callable[[Config], int] = lambda config: 1,
                 every_s: float = 0.5):
        """steps: of a cell's run, at most."""
        self.slots, self.steps, self.every_s = slots, steps, every_s
        self._live: Live | None = None
        self._waiting = False
        self.know(rows)

    def __enter__(self) -> Board:
        self._began, self._shown, self._ended = time.monotonic(), 0.0, 0
        if on_terminal():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
            self._live.start()
        say(f"{self._counts()} of {len(self.states)} cells")
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def know(self, rows: list[Record]) -> None:
        self.states = {row["id"]: row["state"] for row in rows}

    def started(self, cell: Cell, attempt: int, resumed: bool) -> None:
        self.states[cell.id], self._waiting = "running", False
        again = f", attempt {attempt}" if attempt > 1 else ""
        self.tell(f"{'resumed' if resumed else 'started'} {cell.name}{again}")

    def ended(self, cell: Cell, state: str, why: str) -> None:
        self.states[cell.id] = state
        self._ended += state in ("done", "failed")
        self.tell(f"{state} {cell.name}{f': {why}' if why else ''}; {self._counts()}{self._eta(0.0)}")

    def waiting(self, count: int) -> None:
        if not self._waiting:
            self.tell(f"waiting for {count} cells that other processes run")
        self._waiting = True

    def show(self, positions: Callable[[], dict[int, tuple[Cell, int]]]) -> None:
        """positions: slot -> cell and step, asked for only when they are shown."""
        now = time.monotonic()
        if self._live is None or now - self._shown < self.every_s:
            return
        from rich.table import Table
        from rich.text import Text

        self._shown, running = now, positions()
        share = {slot: step / self.steps(cell.config) for slot, (cell, step) in running.items()}
        table = Table(title=f"{self._counts()}{self._eta(sum(share.values()))}")
        for column in ("worker", "cell", "step", "of at most"):
            table.add_column(column)
        for slot, (cell, step) in sorted(running.items()):
            table.add_row(str(slot), Text(one_line(cell.name)), str(step), str(self.steps(cell.config)))
        self._live.update(table, refresh=True)

    def tell(self, text: str) -> None:
        self._live.console.print(printable(text), markup=False, highlight=False) if self._live else say(text)

    def _counts(self) -> str:
        names = ("done", "running", "interrupted", "pending", "failed")
        counted = {name: sum(state == name for state in self.states.values()) for name in names}
        return ", ".join(f"{count} {name}" for name, count in counted.items() if count) or "no cells"

    def _eta(self, partly: float) -> str:
        """From the cells that this process has ended, and shares of those it runs."""
        left = sum(state not in ("done", "failed") for state in self.states.values())
        done = self._ended + partly
        if not left or done <= 0:
            return ""
        return f", eta {duration((time.monotonic() - self._began) / done * max(left - partly, 0))}"


