"""The ledger of a sweep: one SQLite file that any number of sweep processes read and write at once.

Every change is one ``BEGIN IMMEDIATE`` transaction, so a kill -9 at any moment leaves the state before it or the one
after. The journal is SQLite's rollback journal, not WAL: WAL needs memory shared among the writers and so cannot work
in a folder that several machines share, and a ledger sees a few writes a minute.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from carv3d.runtime.errors import UserError
from carv3d.runtime.types import Record

STATES = ("pending", "running", "interrupted", "done", "failed")
OPEN = ("pending", "interrupted")  # claimable
LOST_S = 300.0  # without a heartbeat, after which an owner on another machine is given up
_SCHEMA = """
create table if not exists cells (
    id text primary key, position integer not null, name text not null, axes text not null, overrides text not null,
    state text not null default 'pending', attempts integer not null default 0,
    restarts integer not null default 0, chunk integer,
    host text, pid integer, started text, heartbeat real, workers integer,
    run text, failure text, detail text, result text)
"""
"""restarts: ends by a kill, which are bounded. chunk: estimator.chunk since memory ran out. run: the run folder in the
sweep's. result: summary numbers as JSON."""

T = TypeVar("T")


@dataclass(frozen=True)
class Owner:
    """A process that cannot be mistaken for a later one with its number: started is when it began, as the kernel
    tells it."""

    host: str
    pid: int
    started: str

    @classmethod
    def me(cls) -> Owner:
        return cls(socket.gethostname(), os.getpid(), start_of(os.getpid()))

    def gone(self, heartbeat: float) -> bool:
        """Whether the process has ended: known on its own machine, elsewhere concluded from an old heartbeat."""
        if self.host != socket.gethostname():
            return time.time() - heartbeat > LOST_S
        return start_of(self.pid) != self.started


def start_of(pid: int) -> str:
    """When a living process began, with the boot it began in; empty if there is none. Where the kernel has no /proc,
    only whether it lives is known."""
    if not Path("/proc/self/stat").exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return ""
        except PermissionError:
            pass
        return "alive"
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
    return "" if stat[0] in "ZX" else f"{boot} {stat[19]}"  # a zombie does nothing any more


def _object(text: str | None) -> Record:
    found = json.loads(text or "{}")
    if not isinstance(found, dict):
        raise ValueError("a row of it holds what is no mapping")
    return found


class CellLedger:
    """Use as a context manager. A method is one transaction."""

    def __init__(self, path: Path, reading: bool = False):
        """reading: nothing is written, and it may lie where nothing can be."""
        self.path, self.owner = path, Owner.me()
        try:
            where = f"{path.absolute().as_uri()}?mode={'ro' if reading else 'rwc'}"
            self._db = sqlite3.connect(where, timeout=60.0, isolation_level=None, uri=True)
            self._db.row_factory = sqlite3.Row
            if not reading:
                self._db.execute("pragma synchronous = full")
                with self._transaction():
                    self._db.execute(_SCHEMA)
        except sqlite3.Error as error:
            raise UserError(f"{path} cannot be used as a sweep's ledger ({error}); move it away, or give the sweep "
                            "another name") from None

    def __enter__(self) -> CellLedger:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def add(self, cells: Iterable[tuple[str, str, Record, Record]]) -> None:
        """Enter cells (id, name, axes, overrides) in the order in which they are to run; what is known of one stays."""
        with self._transaction():
            for position, (id, name, axes, overrides) in enumerate(cells):
                self._db.execute(
                    "insert into cells (id, position, name, axes, overrides) values (?, ?, ?, ?, ?) on conflict (id) "
                    "do update set position = excluded.position, name = excluded.name, axes = excluded.axes, "
                    "overrides = excluded.overrides",
                    (id, position, name, json.dumps(axes), json.dumps(overrides)))

    def rows(self, ids: Iterable[str] | None = None) -> list[Record]:
        """Everything about the cells (those named, or all), in their order."""
        wanted = None if ids is None else set(ids)
        try:
            found = map(dict, self._db.execute("select * from cells order by position, id").fetchall())
            return [{**row, **{name: _object(row[name]) for name in ("axes", "overrides", "result")}} for row in found
                    if wanted is None or row["id"] in wanted]
        except (sqlite3.Error, LookupError, ValueError, TypeError) as error:
            raise UserError(f"{self.path} cannot be read as a sweep's ledger ({error}); is it damaged?") from None

    def claim(self, ids: set[str], take: Callable[[str, str | None], T | None], workers: int,
              alone: bool = False) -> tuple[Record, T] | None:
        """The next open cell, entered as ours, with what ``take(id, run)`` gave for it (None: it is not free yet).

        Cells of owners that are gone become interrupted first. alone: nothing while anybody runs a cell.
        """
        with self._transaction():
            running = self._db.execute("select * from cells where state = 'running'").fetchall()
            lost = [row["id"] for row in running
                    if Owner(row["host"], row["pid"], row["started"]).gone(row["heartbeat"])]
            for id in lost:
                self._db.execute("update cells set state = 'interrupted', failure = 'interrupted', "
                                 "detail = 'the sweep that ran it is gone' where id = ?", (id,))
            if alone and len(running) > len(lost):
                return None
            found = self._db.execute("select * from cells where state in (?, ?) order by position, id", OPEN).fetchall()
            for row in found:
                if row["id"] in ids and (taken := take(row["id"], row["run"])) is not None:
                    own = self.owner
                    self._db.execute(
                        "update cells set state = 'running', attempts = attempts + 1, host = ?, pid = ?, started = ?, "
                        "heartbeat = ?, workers = ?, failure = null, detail = null where id = ?",
                        (own.host, own.pid, own.started, time.time(), workers, row["id"]))
                    return {**dict(row), "attempts": row["attempts"] + 1}, taken
        return None

    def update(self, id: str, **values: object) -> None:
        """Set columns of a cell of ours; one that another owner was given meanwhile is left to it."""
        if "result" in values:
            values["result"] = json.dumps(values["result"])
        own = self.owner
        with self._transaction():
            self._db.execute(
                f"update cells set {', '.join(f'{name} = ?' for name in values)} "
                "where id = ? and state = 'running' and host = ? and pid = ? and started = ?",
                (*values.values(), id, own.host, own.pid, own.started))

    def beat(self) -> None:
        """Say that this process is alive."""
        own = self.owner
        with self._transaction():
            self._db.execute("update cells set heartbeat = ? where state = 'running' and host = ? and pid = ? "
                             "and started = ?", (time.time(), own.host, own.pid, own.started))

    def reopen(self, ids: set[str]) -> None:
        """Failed cells become pending, with all their retries."""
        with self._transaction():
            for id in ids:
                self._db.execute("update cells set state = 'pending', restarts = 0 where id = ? and state = 'failed'",
                                 (id,))
