"""Signals that stop a run, and the lock that keeps a second trainer out of its folder."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import IO

from carv3d.runs.folder import Run
from carv3d.runtime import files
from carv3d.runtime.distributed import World
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import say


def hold(run: Run) -> IO[str]:
    """Hold the run folder against a second trainer; released when the process ends, however it ends."""
    path = run.folder / ".lock"
    try:
        file = files.open_lock(path)
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({files.reason(error)}); the folder must be one you may write to, "
                        "and .lock no link") from None
    if not files.lock(file):
        os.close(file)
        raise UserError(f"{run.folder} is being trained by another process; wait for it or stop it")
    return os.fdopen(file, "r+", encoding="utf-8")


class StopSignal:
    """First SIGINT or SIGTERM: finish the step, then save and render. Second: stop at once. Of several ranks, all stop
    where one was told to."""

    def __init__(self) -> None:
        self.received: int | None = None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._first)

    def __call__(self) -> bool:
        return self.received is not None

    def ask(self) -> None:
        """As the first signal, from a thread of this process."""
        self.received = self.received or signal.SIGTERM

    def of_any(self, world: World) -> bool:
        agreed = world.any(self())  # and not self() below: a signal between the two would part the ranks
        if agreed and not self():
            self.received = signal.SIGTERM
        return agreed

    def _first(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, self._second)
        say("stopping after this step: saving and rendering (once more to stop at once)")

    def _second(self, number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt
