"""The engine of a sweep: it claims cells, runs a trainer for each, and enters what became of it.

Running a sweep again goes on with what is missing: done cells stay, interrupted ones resume from their checkpoints,
failed ones are left unless ``retry``. Any number of sweep processes may work on one ledger; they share the cells. A
cell is claimed in one transaction, and its lock, inherited by the trainer, is held until that trainer has ended.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from carv3d import config as configuration
from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import make_folder, open_lock, storing, write_text
from carv3d.runtime.progress import say
from carv3d.runtime.types import Record
from carv3d.sweep.board import Board
from carv3d.sweep.executor import RESTARTS, Attempt, Executor, Job, locked
from carv3d.sweep.ledger import OPEN, CellLedger
from carv3d.sweep.plan import Application, Cell, Plan
from carv3d.sweep.table import write_csv

POLL_S, CLAIM_S, BEAT_S = 0.05, 0.5, 20.0
MEMORY = ("OutOfMemoryError", "out of memory", "MemoryError", "can't allocate memory")


@dataclass
class Running:
    """A cell of ours and its trainer. after: where this attempt's messages begin in the log."""

    cell: Cell
    row: Record
    attempt: Attempt
    job: Job
    lock: IO
    log: Path
    after: int


def check(plan: Plan, workers: int) -> None:
    """UserError where several workers would spoil what is compared."""
    timed = next((cell for cell in plan.cells if cell.config.budget.seconds), None)
    if timed and workers > 1:
        raise UserError(f"--workers {workers} given with budget.seconds {timed.config.budget.seconds:g}; seconds are "
                        "compared only where one trainer has the machine to itself; allowed: --workers 1")


def run(plan: Plan, executor: Executor, retry: bool = False) -> int:
    """Work until every cell of the plan is done or failed; the exit status: 1 if one failed, 130 if stopped."""
    check(plan, executor.slots)
    for folder in (plan.folder, plan.folder / ".locks", plan.folder / "cells", plan.folder / "logs"):
        make_folder(folder, "exp_root_dir")
    try:
        with CellLedger(plan.folder / "ledger.sqlite") as ledger:
            ledger.add((cell.id, cell.name, cell.axes, cell.overrides) for cell in plan.cells)
            ids = {cell.id for cell in plan.cells}
            if retry:
                ledger.reopen(ids)
            stopped = Engine(plan, executor, ledger).work()
            rows = ledger.rows(ids)
    except sqlite3.Error as error:
        raise UserError(f"{plan.folder / 'ledger.sqlite'}: {error}; what was entered before is untouched; give the "
                        "same command again once that is put right") from None
    write_csv(plan.folder / "cells.csv", rows)
    if stopped:
        say("stopped; the same command goes on with what is missing")
        return 130
    return 1 if any(row["state"] == "failed" for row in rows) else 0


class Engine:
    """One sweep process at work."""

    def __init__(self, plan: Plan, executor: Executor, ledger: CellLedger):
        self.plan, self.executor, self.ledger = plan, executor, ledger
        self.cells = {cell.id: cell for cell in plan.cells}
        self.alone = any(cell.config.budget.seconds for cell in plan.cells)
        self.running: dict[int, Running] = {}
        self.signals = 0

    def work(self) -> bool:
        """Until nothing is left; True if it was stopped by a signal. First: trainers save and end. Second: at once."""
        before = {number: signal.signal(number, self._signal) for number in (signal.SIGINT, signal.SIGTERM)}
        asked, beaten, tried = False, 0.0, 0.0
        try:
            with Board(self.ledger.rows(self.cells), self.executor.slots, self.plan.application.steps) as board:
                while True:
                    ended = self._reap(board)
                    now = time.monotonic()
                    if self.signals and not asked:
                        asked = True
                        board.tell("stopping: trainers save and end (once more to stop at once)")
                        for each in self.running.values():
                            each.job.interrupt()
                    if self.signals > 1 or asked and not self.running:
                        break
                    if not asked and (ended or now - tried >= CLAIM_S):
                        tried = now
                        self._fill(board)
                        if not self.running and not self._open(board):
                            break
                    if now - beaten >= BEAT_S:
                        beaten = now
                        self.ledger.beat()
                    board.show(lambda: {slot: self._position(each) for slot, each in self.running.items()})
                    time.sleep(POLL_S)
        finally:
            self._abandon()
            for number, handler in before.items():
                signal.signal(number, handler)
        return self.signals > 0

    def _signal(self, number: int, frame: FrameType | None) -> None:
        self.signals += 1

    def _abandon(self) -> None:
        """End at once what still runs."""
        for each in self.running.values():
            each.job.kill()
        for each in self.running.values():
            self._enter(each, -signal.SIGKILL, stopping=True)
        self.running.clear()

    def _open(self, board: Board) -> bool:
        """Whether anything is left, be it with others; they may end without it."""
        rows = self.ledger.rows(self.cells)
        board.know(rows)
        left = [row for row in rows if row["state"] in (*OPEN, "running")]
        if left:
            board.waiting(len(left))
        return bool(left)

    # --- starting ---

    def _fill(self, board: Board) -> None:
        """Give every free slot a cell, as long as there are any."""
        for slot in range(self.executor.slots):
            while slot not in self.running and not self.signals:
                claimed = self.ledger.claim(set(self.cells), self._take, self.executor.slots, self.alone)
                if claimed is None:
                    return
                self._start(slot, *claimed, board)

    def _take(self, id: str, run: str | None) -> IO | None:
        """The cell's lock, unless a trainer lives that holds it, or that holds the run folder."""
        lock = _hold(self.plan.folder / ".locks" / id)
        if lock is None or run is None or not (folder := self.plan.folder / run).is_dir():
            return lock
        if (inner := _hold(folder / ".lock")) is None:
            lock.close()
            return None
        inner.close()  # the trainer takes it itself
        return lock

    def _start(self, slot: int, row: Record, lock: IO, board: Board) -> None:
        cell = self.cells[row["id"]]
        attempt = self._attempt(cell, row["chunk"])
        folder = attempt.run()
        if folder and attempt.finished():  # whoever ran it could not enter it any more
            self._finished(cell, folder)
            lock.close()
            board.ended(cell, "done", "")
            return
        if folder:
            self.ledger.update(cell.id, run=folder.name)
        else:
            write_text(self._config(cell), configuration.dump(cell.config))
        log = self.plan.folder / "logs" / f"{cell.tag}.log"
        after = log.stat().st_size if log.exists() else 0
        job = self.executor.start(slot, attempt, log, lock)
        self.running[slot] = Running(cell, row, attempt, job, lock, log, after)
        board.started(cell, row["attempts"], bool(folder))

    def _attempt(self, cell: Cell, chunk: int | None) -> Attempt:
        tag = f"{cell.tag}-chunk{chunk}" if chunk else cell.tag
        begin = [self.plan.application.command, "--config", str(self._config(cell)), f"name={self.plan.name}",
                 f"exp_root_dir={self.plan.root}", f"tag={tag}"]
        return Attempt(self.plan.folder, tag,
                       (*begin, f"{self.plan.application.chunk}={chunk}") if chunk else tuple(begin))

    def _config(self, cell: Cell) -> Path:
        return self.plan.folder / "cells" / f"{cell.id}.yaml"

    # --- ending ---

    def _reap(self, board: Board) -> bool:
        """Enter the trainers that have ended; whether there were any."""
        ended = [(slot, code) for slot, each in self.running.items() if (code := each.job.poll()) is not None]
        for slot, code in ended:
            each = self.running.pop(slot)
            board.ended(each.cell, *self._enter(each, code, self.signals > 0))
        return bool(ended)

    def _enter(self, each: Running, code: int, stopping: bool) -> tuple[str, str]:
        """What became of an attempt, into the ledger; returns the state and why."""
        cell, row, folder = each.cell, each.row, each.attempt.run()
        counts = {key: row[key] + each.job.restarts for key in ("attempts", "restarts")}
        with open(each.log, "rb") as handle:
            handle.seek(each.after)
            text = handle.read().decode(errors="replace").strip()
        detail = text.splitlines()[-1].removeprefix("carv3d: error: ")[:400] if text else f"exit status {code}"
        try:
            if code == 0 and folder and each.attempt.finished():
                self._finished(cell, folder, **counts)
                return "done", ""
            kind = failure_kind(code, text, stopping)
            values: Record = {**counts, "failure": kind, "detail": detail,
                                      "run": folder.name if folder else None}
            if kind == "interrupted" and stopping:
                state = "interrupted"
            elif kind in ("interrupted", "killed"):
                values["restarts"] += 1
                state = "interrupted" if values["restarts"] <= RESTARTS else "failed"
            elif kind == "memory" and (chunk := smaller_chunk(self.plan.application, cell, row["chunk"])):
                values |= {"chunk": chunk, "run": None}  # another rounding, so another run from the start
                state = "pending"
            else:
                state = "failed"
            self.ledger.update(cell.id, **values, state=state)
            return state, f"{kind}: {detail}"
        finally:
            each.lock.close()

    def _finished(self, cell: Cell, folder: Path, **counts: int) -> None:
        summary = Run(folder).summary()
        self.ledger.update(cell.id, **counts, run=folder.name, failure=None, detail=None,
                           result={key: summary.get(key) for key in self.plan.application.kept}, state="done")

    def _position(self, each: Running) -> tuple[Cell, int]:
        """A running cell and its step, from the last line of its metrics."""
        try:
            with open((each.attempt.run() or Path()) / "metrics.jsonl", "rb") as handle:
                handle.seek(max(0, handle.seek(0, 2) - 4096))
                return each.cell, json.loads(handle.read().splitlines()[-1])["step"]
        except (OSError, TypeError, LookupError, ValueError):
            return each.cell, 0


def failure_kind(code: int, text: str, stopping: bool) -> str:
    """interrupted, killed, config, memory or crash, from the exit status and the messages of a trainer."""
    if code == 2 and "error: out of memory;" not in text:
        return "config"
    if stopping or code in (130, -signal.SIGINT):
        return "interrupted"
    if code < 0:
        return "killed"
    return "memory" if any(word in text for word in MEMORY) else "crash"


def smaller_chunk(application: Application, cell: Cell, now: int | None) -> int:
    """Half of what went through a network together; 0 if that was one, or nothing divides it."""
    return (now or application.whole(cell.config)) // 2 if application.chunk else 0


def _hold(path: Path) -> IO | None:
    """The file, locked, or None if another process has it."""
    with storing(path, "opened"):
        handle = os.fdopen(open_lock(path), "r+", encoding="utf-8")
    if locked(handle):
        return handle
    handle.close()
    return None
