"""The training's end of trackers: starts the process that follows the run, and says when there is something new."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

from carv3d.config.schema import LogConfig
from carv3d.runs.folder import Run
from carv3d.runs.trackers import wanted
from carv3d.runtime.files import convenient
from carv3d.runtime.progress import say

WAIT_S = 60.0  # at a run's end, for what was not told yet
CODE = ("import sys; sys.path[:] = sys.argv.pop(1).split(chr(10)); "  # the same modules as here, none of a folder's
        "from carv3d.runs.follower import main; main()")


class Tracking:
    """Use as a context manager around all that a run writes, its summary included. Without trackers it does nothing."""

    def __init__(self, run: Run, log: LogConfig):
        self.run, self.names = run, wanted(log)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Tracking:
        if self.names:
            with convenient("trackers"):
                self._process = subprocess.Popen(
                    [sys.executable, "-c", CODE, "\n".join(sys.path), str(self.run.folder.absolute()), *self.names],
                    stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
                os.set_blocking(self._stdin, False)
        return self

    def look(self) -> None:
        """There is something new in the run folder. Never waits."""
        if self._process:
            with contextlib.suppress(OSError):  # full: it has not got to what it was told before; or it has failed
                os.write(self._stdin, b".")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._process is None:
            return
        assert self._process.stdin
        self._process.stdin.close()
        log = self.run.folder / "trackers" / "log.txt"
        try:
            status = self._process.wait(0 if kind is KeyboardInterrupt else WAIT_S)
        except subprocess.TimeoutExpired:
            say(f"warning: {', '.join(self.names)}: not told all yet; this goes on without this command ({log})")
        else:
            if status:
                say(f"warning: the trackers' process ended with status {status}; see {log}")

    @property
    def _stdin(self) -> int:
        assert self._process and self._process.stdin
        return self._process.stdin.fileno()
