"""Cells as tasks of Ray: the executor of a sweep on several machines.

A task occupies cores, and a GPU, of a node and runs the trainer there as a child process. Ray chooses the node, and
runs the task again elsewhere when its node or its worker process is lost; the trainer then goes on from its run's last
checkpoint.

Whoever trains a cell holds the cell's lock. The sweep holds it while it claims the cell and gives it up when it hands
the cell to Ray; from then on the ledger's row keeps other sweeps away, until that sweep is known to be gone. The task
takes the lock on its node, waiting for any trainer that still lives, and the trainer inherits it. The lock file says
whose claim is the last, so that a task of an earlier one starts nothing, nor one whose node sees another file there.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import socket
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import IO

import carv3d
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import say
from carv3d.sweep.executor import RESTARTS, Attempt, Job, locked, spawn

POLL_S, KILL_S, CONNECT_S = 0.1, 60.0, 10.0
OBJECTS = 80 * 2**20  # bytes of shared memory of a cluster of this machine alone: tasks return a number
STARTED = "ray: a trainer on "  # begins a line in the log for each


class Ray:
    """``slots`` trainers at a time over the whole cluster: that of RAY_ADDRESS, or the one that ``ray start`` began on
    this machine, or one of this machine alone, for as long as the sweep lives."""

    def __init__(self, slots: int, command: tuple[str, ...] | None = None, cuda: bool = True):
        """command: of the trainer; default: carv3d of the Python that the node's Ray runs in."""
        self._ray = ray = _connect()
        self.slots, self.command = slots, command
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cpus, gpus = ([int(node.get(kind, 0)) for node in nodes] for kind in ("CPU", "GPU"))
        self.gpus = int(cuda and any(gpus))
        self.cpus = cpus_each(list(zip(cpus, gpus)), slots, self.gpus)
        self._task = ray.remote(_train).options(
            num_cpus=self.cpus, num_gpus=self.gpus, max_retries=RESTARTS, scheduling_strategy="SPREAD")
        say(f"ray: {ray.get_runtime_context().gcs_address}: {len(nodes)} nodes, {sum(cpus)} CPUs, {sum(gpus)} GPUs; to "
            f"each of {slots} trainers at a time {self.cpus} CPUs, {self.gpus} GPUs")

    def start(self, slot: int, attempt: Attempt, log: Path, lock: IO) -> Job:
        claim = uuid.uuid4().hex
        lock.truncate(0)
        lock.write(claim)
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_UN)
        log.touch()  # a task that is cancelled before it runs makes none
        place = Place(os.getcwd(), log, Path(lock.name), claim, carv3d.__version__)
        return _Task(self._ray, self._task.remote(place, attempt, self.command, self.cpus), log, lock)


@dataclass(frozen=True)
class Place:
    """Where the sweep works, which a node must see as the sweep does."""

    cwd: str
    log: Path
    lock: Path
    claim: str  # what the lock file says, until the cell is claimed again
    version: str  # of carv3d


class _Task:
    def __init__(self, ray: ModuleType, reference: object, log: Path, lock: IO):
        self._ray, self._reference, self._log, self._lock = ray, reference, log, lock
        self._after = log.stat().st_size
        self._code: int | None = None

    @property
    def restarts(self) -> int:
        """From the log, which tells of those too whose node was lost."""
        with open(self._log, "rb") as handle:
            handle.seek(self._after)
            return max(0, handle.read().count(STARTED.encode()) - 1)

    def poll(self) -> int | None:
        """The end of the task is not enough: a trainer lives as long as its lock."""
        if self._code is None and self._ray.wait([self._reference], timeout=0)[0] and locked(self._lock):
            self._code = self._result()
        return self._code

    def interrupt(self) -> None:
        self._ray.cancel(self._reference)

    def kill(self) -> None:
        self._ray.cancel(self._reference, force=True)
        deadline = time.monotonic() + KILL_S  # of a node that cannot be reached the end is not seen
        while not locked(self._lock) and time.monotonic() < deadline:
            time.sleep(POLL_S)

    def _result(self) -> int:
        errors = self._ray.exceptions
        try:
            return self._ray.get(self._reference)
        except errors.RayTaskError as error:  # not the trainer's, whose end is a value
            cause = error.cause
            raise UserError(str(cause) if isinstance(cause, UserError) else f"a node of the Ray cluster cannot run "
                            f"carv3d ({type(cause).__name__}: {' '.join(str(cause).split())}); install carv3d "
                            f"{carv3d.__version__} on every node, then give the same command again") from None
        except errors.TaskCancelledError:
            return -signal.SIGINT
        except errors.RayError as error:
            memory = isinstance(error, errors.OutOfMemoryError)
            with open(self._log, "a", encoding="utf-8") as messages:
                why = "out of memory" if memory else type(error).__name__
                messages.write(f"ray: {why}: {' '.join(str(error).split())[:300]}\n")
            return 1 if memory else -signal.SIGKILL


def _train(place: Place, attempt: Attempt, command: tuple[str, ...] | None, cpus: int) -> int:
    """On the node: the trainer, from start to end; its exit status. Here ray.cancel comes as SIGINT."""
    stop: list[int] = []
    before = signal.signal(signal.SIGINT, lambda *_: stop.append(1))
    try:
        with _lock(place) as lock:
            while not locked(lock):
                if stop:
                    return 130
                time.sleep(POLL_S)
            if lock.read() != place.claim:
                raise UserError(f"{_here()} sees another {place.lock}, or another sweep has taken the cell over; "
                                "exp_root_dir must be one folder that all nodes share")
            if attempt.finished():  # and the node was lost before it could say so
                return 0
            return _watch(place, [*(command or (sys.executable, "-m", "carv3d")), *attempt.arguments()], cpus, lock,
                          stop)
    finally:
        signal.signal(signal.SIGINT, before)


def _lock(place: Place) -> IO:
    """The cell's lock file, opened; UserError where this node is not like the sweep's."""
    if carv3d.__version__ != place.version:
        raise UserError(f"{_here()} has carv3d {carv3d.__version__}, the sweep {place.version}; install one version "
                        "on every node")
    try:
        os.chdir(place.cwd)
        return open(place.lock, "r+", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{_here()} cannot open {error.filename} ({error.strerror}); the nodes must share exp_root_dir "
                        "and the folder that the sweep is started in; put that right, then give the same command again"
                        ) from None


def _watch(place: Place, command: list[str], cpus: int, lock: IO, stop: list[int]) -> int:
    # Ray's numbers of the GPUs are in the order of the bus; CUDA's own order is that of speed
    environment = {**os.environ, "OMP_NUM_THREADS": str(cpus), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    with open(place.log, "ab") as messages:
        messages.write(f"{STARTED}{_here()}\n".encode())
        messages.flush()
        process = spawn(command, environment, messages, lock)
        asked = False
        try:
            while (code := process.poll()) is None:
                if stop and not asked:
                    asked = True
                    process.send_signal(signal.SIGINT)
                time.sleep(POLL_S)
            return code
        finally:
            process.kill()
            process.wait()


def _here() -> str:
    return f"node {socket.gethostname()}"


def _connect() -> ModuleType:
    """Ray, connected to a cluster; UserError where there is no Ray, or no cluster at the address given."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_task_oom_retries", "0")  # the sweep halves the chunk instead; read by what ray loads
    try:
        import ray
    except ImportError:
        raise UserError('--executor ray given, but Ray is not installed; allowed: pip install "carv3d[ray]" first, or '
                        "--executor local") from None
    address = os.environ.get("RAY_ADDRESS", "")
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR, "include_dashboard": False}
    _check(address)
    try:
        ray.init(address="auto", **quiet)
    except ray.exceptions.AuthenticationError as error:
        raise UserError(f"the Ray cluster refuses this machine ({str(error).splitlines()[0]}); set RAY_AUTH_MODE=token "
                        "here and on every node, all with the same ~/.ray/auth_token") from None
    except ConnectionError as error:
        if address:
            raise UserError(f"RAY_ADDRESS {address} given: {error}; start the sweep on a machine of that cluster, or "
                            "unset RAY_ADDRESS") from None
        say("ray: no cluster on this machine (ray start begins one); one of this machine alone, for this sweep")
        ray.init(address="local", object_store_memory=OBJECTS, **quiet)
    return ray


def _check(address: str) -> None:
    """UserError for an address that Ray would try for minutes."""
    if "://" in address:
        raise UserError(f"RAY_ADDRESS {address} given; allowed: host:port, auto or local; start the sweep on a machine "
                        "of the cluster")
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
        except OSError as error:
            raise UserError(f"RAY_ADDRESS {address} given: no answer there ({error.strerror or error}); give the "
                            "address that ray start --head printed, or unset RAY_ADDRESS") from None


def cpus_each(nodes: list[tuple[int, int]], slots: int, gpus: int) -> int:
    """The most CPUs that each of so many trainers can have at a time on nodes with these (CPUs, GPUs); at least 1, of
    which then fewer run at a time."""
    def fit(cpus: int) -> int:
        return sum(min(own // cpus, own_gpus) if gpus else own // cpus for own, own_gpus in nodes)

    return next((cpus for cpus in range(max((own for own, _ in nodes), default=1), 1, -1) if fit(cpus) >= slots), 1)
