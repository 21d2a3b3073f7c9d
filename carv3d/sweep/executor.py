"""Where the cells of a sweep run: an executor starts a trainer and gives a handle on it."""

from __future__ import annotations

import ctypes
import glob
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from carv3d.runs.folder import Run
from carv3d.runtime.files import lock as lock_file
from carv3d.runtime.threads import SLOTS

RESTARTS = 5  # of a cell whose trainer was killed or whose machine was lost, before it counts as failed


@dataclass(frozen=True)
class Attempt:
    """What a trainer is told: to begin a cell, or to go on with the run that there is.

    Which of the two is asked where and when a trainer starts: that may be another machine, after one was lost.
    """

    folder: Path  # the sweep's
    tag: str  # the run folder's name up to @
    begin: tuple[str, ...]  # arguments for a run from the start, the command first

    def run(self) -> Path | None:
        """The run folder, if the cell has got as far as having one."""
        found = sorted(self.folder.glob(f"{glob.escape(self.tag)}@*/config.yaml"))
        return found[-1].parent if found else None

    def finished(self) -> bool:
        run = self.run()
        return run is not None and Run(run).summary().get("status") == "finished"

    def arguments(self) -> list[str]:
        run = self.run()
        return [self.begin[0], "--resume", str(run)] if run else list(self.begin)


class Job(Protocol):
    """A trainer that was started."""

    @property
    def restarts(self) -> int:
        """How often the executor has started it again by itself."""

    def poll(self) -> int | None:
        """Its exit status, minus the signal that ended it, or None while it runs."""

    def interrupt(self) -> None:
        """Ask it to save and end."""

    def kill(self) -> None:
        """End it at once; returns when it has ended."""


class Executor(Protocol):
    """``slots`` trainers at a time. A trainer holds what ``lock`` holds for as long as it lives, whatever becomes of
    the sweep."""

    slots: int

    def start(self, slot: int, attempt: Attempt, log: Path, lock: IO) -> Job:
        """Run ``carv3d`` with the attempt's arguments in a slot that is free; its messages are appended to ``log``."""


class Processes:
    """Each trainer a process of this machine, the cores divided among the slots, one CUDA device to a slot; where the
    devices are fewer, each trainer takes its part of one's memory.

    A child is in a session of its own, so that Ctrl-C reaches the sweep alone. On Linux it dies with the sweep;
    elsewhere the lock that it inherits tells the next sweep that it lives.
    """

    def __init__(self, slots: int, command: tuple[str, ...] = (sys.executable, "-m", "carv3d"), cuda: bool = True):
        self.slots, self.command = slots, command
        self.devices = _cuda_devices() if cuda else []

    def environment(self, slot: int) -> dict[str, str]:
        own: dict[str, str] = {}
        if self.slots > 1:
            own["OMP_NUM_THREADS"] = str(max(1, _cores() // self.slots))
        if self.devices:
            own["CUDA_VISIBLE_DEVICES"] = self.devices[slot % len(self.devices)]
            own[SLOTS] = str(-(-self.slots // len(self.devices)))
        return {**os.environ, **own}

    def start(self, slot: int, attempt: Attempt, log: Path, lock: IO) -> Job:
        with open(log, "ab") as messages:
            return _Process(spawn([*self.command, *attempt.arguments()], self.environment(slot), messages, lock))


class _Process:
    restarts = 0

    def __init__(self, process: subprocess.Popen):
        self._process = process

    def poll(self) -> int | None:
        return self._process.poll()

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def locked(handle: IO) -> bool:
    """Whether the file is locked for this handle, now if it was not before."""
    return lock_file(handle.fileno())


def spawn(command: list[str], environment: dict[str, str], messages: IO, lock: IO) -> subprocess.Popen:
    """A trainer in a session of its own, which inherits the lock and, on Linux, dies with the thread that calls."""
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=messages, start_new_session=True, pass_fds=(lock.fileno(),),
                            preexec_fn=_first_in_child())


def _first_in_child() -> Callable[[], None]:
    """So that SIGINT reaches it, which Ray's processes block, and that on Linux the kernel kills it when the thread
    that started it ends."""
    linux = sys.platform.startswith("linux")
    libc, parent, death_signal = ctypes.CDLL(None) if linux else None, os.getpid(), 1  # PR_SET_PDEATHSIG

    def first() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        if libc:
            libc.prctl(death_signal, signal.SIGKILL)
            if os.getppid() != parent:  # it ended before the line above
                os._exit(1)

    return first


def _cores() -> int:
    """Those that OMP_NUM_THREADS leaves us, else those this process may use."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given):
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cuda_devices() -> list[str]:
    """As CUDA_VISIBLE_DEVICES names them, or by their own names: numbers are nvidia-smi's in the order of the slots and
    CUDA's in that of speed. Without torch, which a sweep does not load."""
    if (given := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name.strip() for name in given.split(",") if name.strip() not in ("", "-1")]
    try:
        found = subprocess.run(["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"], capture_output=True,
                               text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return found.stdout.split() if found.returncode == 0 else []
