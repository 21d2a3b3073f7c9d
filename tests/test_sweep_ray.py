"""Sweeps on a Ray cluster: two worker nodes on this machine, of which one is killed while it trains.

Ray is the extra [ray]; without it the tests that need a cluster are skipped.
"""

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

import carv3d
from carv3d.cli import main
from carv3d.runtime.errors import UserError
from carv3d.sweep import ray_cluster as sweep_ray
from carv3d.sweep.executor import Attempt, locked

sys.path.insert(0, str(Path(__file__).parent))
from test_sweep import ROOT, STUB, Stubs, write  # noqa: E402

ray_needed = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason='pip install "carv3d[ray]"')
NODE_S = 600.0  # to start a node, or to see one lost, on a machine with other things to do
PATIENT = {"RAY_agent_register_timeout_ms": "300000", "RAY_worker_register_timeout_seconds": "300",
           "RAY_health_check_period_ms": "1000", "RAY_health_check_timeout_ms": "60000"}
DRIVER = """
import json, os, sys
from pathlib import Path
from carv3d.commands.sweep import planned
from carv3d.sweep import engine as sweep
from carv3d.runtime.errors import UserError
from carv3d.sweep.ray_cluster import Ray
file, workers, stub, *options = sys.argv[1:]
given = [f"{name}={os.environ[name]}" for name in ("STUB", "STUB_STEP_S")]
try:
    ray = Ray(int(workers), ("env", *given, sys.executable, stub), cuda=False)
    if "elsewhere" in options:
        os.getcwd = lambda: "/nowhere"
    sys.exit(sweep.run(planned(Path(file)), ray, "--retry" in options))
except UserError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""


# --- on a node, without Ray ----------------------------------------------------------------------------------------

@pytest.fixture
def place(tmp_path):
    """As the sweep hands a cell over: the claim written, the lock given up."""
    (tmp_path / "lock").write_text("mine")
    return sweep_ray.Place(str(tmp_path), tmp_path / "log", tmp_path / "lock", "mine", carv3d.__version__)


def attempt(folder: Path, code: str = "") -> tuple[Attempt, tuple[str, ...]]:
    return Attempt(folder, "cell", (code,)), (sys.executable, "-c")


def test_the_exit_status_and_the_cores_of_a_trainer(place, tmp_path):
    code = "import os, sys; print(os.environ['OMP_NUM_THREADS'], file=sys.stderr); sys.exit(3)"
    assert sweep_ray._train(place, *attempt(tmp_path, code), 5) == 3
    first, second = place.log.read_text().splitlines()
    assert first == f"{sweep_ray.STARTED}node {socket.gethostname()}" and second == "5"
    assert locked(open(place.lock))


def test_a_task_waits_for_the_trainer_that_still_lives(place, tmp_path):
    """The control: while it does, nothing has started."""
    held, seen = open(place.lock), []
    assert locked(held)
    threading.Timer(0.5, lambda: (seen.append(place.log.exists()), held.close())).start()
    assert sweep_ray._train(place, *attempt(tmp_path), 1) == 0 and seen == [False] and place.log.exists()


def test_a_task_of_an_earlier_claim_starts_nothing(place, tmp_path):
    place.lock.write_text("another's")
    with pytest.raises(UserError, match="another sweep has taken the cell over"):
        sweep_ray._train(place, *attempt(tmp_path), 1)
    assert not place.log.exists()


@pytest.mark.parametrize("name,word", [("lock", "share exp_root_dir"), ("cwd", "share exp_root_dir"),
                                       ("version", "one version")])
def test_a_node_that_is_not_like_the_sweeps_starts_nothing(place, tmp_path, name, word):
    other = sweep_ray.Place(**{**vars(place), name: tmp_path / "nowhere" / "lock"})
    with pytest.raises(UserError, match=f"^node {socket.gethostname()} .*{word}"):
        sweep_ray._train(other, *attempt(tmp_path), 1)
    assert not place.log.exists() and not (tmp_path / "nowhere").exists()


def test_a_task_whose_node_was_lost_after_its_trainer_had_ended(place, tmp_path):
    run = tmp_path / "cell@1"
    run.mkdir()
    (run / "config.yaml").touch()
    (run / "summary.json").write_text('{"status": "finished"}')
    assert sweep_ray._train(place, *attempt(tmp_path), 1) == 0 and not place.log.exists()


def test_interrupting_a_task_asks_its_trainer_to_end(place, tmp_path):
    """Also where SIGINT is blocked, as it is in what Ray starts."""
    code = ("import signal, sys, time; signal.signal(signal.SIGINT, lambda *_: sys.exit(130)); "
            "open('ready', 'w'); time.sleep(60)")

    def interrupt():
        while not (tmp_path / "ready").exists():
            time.sleep(0.05)
        signal.raise_signal(signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    threading.Thread(target=interrupt).start()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # of this thread; the other has what it began with
    try:
        assert sweep_ray._train(place, *attempt(tmp_path, code), 1) == 130
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize("nodes,slots,gpus,each", [
    ([(0, 0), (4, 0), (4, 0)], 1, 0, 4), ([(4, 0), (4, 0)], 2, 0, 4), ([(4, 0), (4, 0)], 3, 0, 2),
    ([(8, 0), (2, 0)], 4, 0, 2), ([(8, 0), (2, 0)], 3, 0, 2), ([(2, 0)], 5, 0, 1), ([(0, 0)], 1, 0, 1), ([], 1, 0, 1),
    ([(16, 4), (16, 0)], 4, 1, 4), ([(16, 4), (16, 4)], 8, 1, 4)])
def test_cores_are_divided_so_that_the_trainers_fit(nodes, slots, gpus, each):
    assert sweep_ray.cpus_each(nodes, slots, gpus) == each


# --- mistakes ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("missing,address,words", [
    (True, "", ["--executor ray", "not installed", 'pip install "carv3d[ray]"', "--executor local"]),
    pytest.param(False, "ray://here:1", ["RAY_ADDRESS ray://here:1", "host:port"], marks=ray_needed),
    pytest.param(False, "127.0.0.1:9", ["RAY_ADDRESS 127.0.0.1:9", "no answer"], marks=ray_needed),
])
def test_no_ray_ends_in_one_line(capsys, tmp_path, monkeypatch, missing, address, words):
    if missing:
        monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("RAY_ADDRESS", address)
    path = write(tmp_path, "prompts: [a red cube]")
    assert main(["sweep", str(path), "--executor", "ray", f"exp_root_dir={tmp_path / 'out'}"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and all(word in err for word in words), err
    assert list(tmp_path.iterdir()) == [path]


# --- on a cluster --------------------------------------------------------------------------------------------------

class Cluster:
    """Nodes begun by ``ray start``, each a process group of its own."""

    def __init__(self, folder: Path):
        self.folder, self.nodes, self.address = folder, [], ""

    def begin(self, workers: int) -> None:
        with socket.socket() as free:
            free.bind(("", 0))
            port = free.getsockname()[1]
        said = self.add("--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false",
                        f"--temp-dir={self.folder}")
        self.address = f"{said.split('Local node IP: ')[1].split()[0]}:{port}"
        for _ in range(workers):
            self.add_worker()

    def add_worker(self) -> None:
        self.add(f"--address={self.address}", "--num-cpus=1")

    def add(self, *options: str) -> str:
        """A node; returns what it said, when it is up."""
        log = self.folder / f"node-{len(self.nodes)}.log"
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        with open(log, "w") as out:
            self.nodes.append(subprocess.Popen(
                [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats",
                 "--object-store-memory=80000000", "--include-log-monitor=false", *options],
                env={**os.environ, **PATIENT, "PYTHONPATH": path}, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True))
        deadline = time.monotonic() + NODE_S
        while "Ray runtime started" not in (said := log.read_text()):
            assert self.nodes[-1].poll() is None and time.monotonic() < deadline, said
            time.sleep(0.1)
        return said

    def of(self, pid: int) -> subprocess.Popen:
        """The node that a process descends from."""
        nodes = {node.pid: node for node in self.nodes}
        while pid not in nodes:
            assert pid > 1
            pid = parent(pid)
        return nodes[pid]

    def end(self) -> None:
        for node in self.nodes:
            kill(node)


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def kill(node: subprocess.Popen, all_of_it: bool = True) -> None:
    """As a machine that loses its power; or Ray there alone, so that the trainer has yet to learn of it."""
    family = {node.pid}
    for pid in sorted(int(path.name) for path in Path("/proc").glob("[0-9]*")):
        with contextlib.suppress(OSError):
            if all_of_it and parent(pid) in family:
                family.add(pid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(node.pid, signal.SIGKILL)  # first, or Ray would tell of the death of the others
    for pid in family - {node.pid}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    node.wait()


@pytest.fixture(scope="module")
def cluster():
    folder = Path(tempfile.mkdtemp(prefix="r"))  # short: Ray's sockets lie in it
    os.environ["RAY_AUTH_MODE"] = "disabled"  # whether or not this user has a token, which only some nodes would want
    made = Cluster(folder)
    try:
        made.begin(2)
        yield made
    finally:
        made.end()
        os.environ.pop("RAY_AUTH_MODE")
        shutil.rmtree(folder, ignore_errors=True)


class RayStubs(Stubs):
    """A sweep of stubs on the cluster, one to a node; each takes seconds, so that something can happen to it."""

    wait_s = NODE_S

    def __init__(self, folder: Path, cluster: Cluster, cells: int = 4):
        super().__init__(folder, cells)
        self.cluster = cluster

    def start(self, workers: int = 2, *options: str, faults: dict[str, str] | None = None,
              step_s: float = 0.1) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "-c", DRIVER, str(self.file), str(workers), str(STUB), *options],
                                stderr=subprocess.PIPE, text=True,
                                env={**os.environ, "STUB": json.dumps(faults or {}), "STUB_STEP_S": str(step_s),
                                     "PYTHONPATH": str(ROOT), "RAY_ADDRESS": self.cluster.address})

    def wait_for_a_checkpoint(self, seed: int) -> int:
        """Returns the stub's process."""
        pid = self.wait_for_a_start(seed)
        deadline = time.monotonic() + NODE_S
        while not any(run.exists() for run in self.home.glob(f"s/*_{seed}-*@*/state.json")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return pid


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Stubs:
    """Without Ray: what a cell gives does not depend on where it runs."""
    stubs = Stubs(tmp_path_factory.mktemp("sweep"), cells=4)
    code, err = stubs.run()
    assert code == 0, err
    return stubs


@ray_needed
def test_ends_of_trainers_are_no_business_of_rays(tmp_path, cluster):
    """A config error is not tried again, memory and kills are the sweep's; a node unlike the sweep's ends it."""
    stubs = RayStubs(tmp_path, cluster)
    code, err = stubs.run(2, "elsewhere")
    assert code == 2 and "cannot open /nowhere" in err and "share exp_root_dir" in err, err
    assert {row["state"] for row in stubs.rows()} <= {"pending", "interrupted"} and not list(tmp_path.glob("starts-*"))
    before = [row["attempts"] for row in stubs.rows()]
    code, err = stubs.run(faults={"0": "config", "1": "memory once", "2": "killed once"}, step_s=0.03)
    rows = stubs.rows()
    assert code == 1 and "3 nodes, 2 CPUs" in err, err
    assert [(row["state"], row["failure"]) for row in rows] == [("failed", "config"), *[("done", None)] * 3], err
    assert rows[0]["detail"] == "prompt: no such thing; give another"
    assert [row["attempts"] - earlier for row, earlier in zip(rows, before)] == [1, 2, 2, 1]
    assert [len(stubs.starts(seed)) for seed in range(4)] == [1, 2, 2, 1]
    assert {start[2] for seed in range(4) for start in stubs.starts(seed)} == {"1"}  # cores, of two nodes with one each


@ray_needed
def test_ctrl_c_saves_and_kill_9_of_the_sweep_loses_nothing(tmp_path, cluster, undisturbed):
    stubs = RayStubs(tmp_path, cluster)
    process = stubs.start()
    stubs.wait_for_a_checkpoint(0)
    process.send_signal(signal.SIGINT)
    err = process.communicate(timeout=NODE_S)[1]
    states = [row["state"] for row in stubs.rows()]
    assert process.returncode == 130 and "interrupted" in states, (states, err)
    assert set(states) <= {"interrupted", "done", "pending"}, states
    summaries = [json.loads(path.read_text()) for path in tmp_path.glob("s/*@*/summary.json")]
    assert summaries and all(summary["step"] > 0 for summary in summaries)
    process, count = stubs.start(), len(stubs.starts(1))
    stubs.wait_for_a_start(1, count + 1)
    process.kill()
    process.communicate()
    code, err = stubs.run()
    assert code == 0, err
    assert int(stubs.starts(0)[-1][3]) > 0  # went on, did not begin again
    stubs.check_complete(undisturbed)


@ray_needed
@pytest.mark.parametrize("whole", [True, False], ids=["the machine", "Ray on it"])
def test_a_node_lost_in_mid_sweep(tmp_path, cluster, undisturbed, whole):
    """Ray runs its cell again on the other node, where it goes on from the checkpoint. Where Ray alone is gone, the
    trainer may live on for a while, and even end well; the next one waits for it."""
    stubs = RayStubs(tmp_path, cluster)
    process = stubs.start(step_s=0.2)
    pid = stubs.wait_for_a_checkpoint(1)
    kill(cluster.of(pid), whole)
    err = process.communicate(timeout=2 * NODE_S)[1]
    assert process.returncode == 0, err
    lost, starts = stubs.rows()[1], stubs.starts(1)
    assert (lost["attempts"], lost["restarts"]) == (len(starts), len(starts) - 1), lost  # one the sweep's, then Ray's
    log = next(tmp_path.glob(f"s/logs/*{lost['id']}.log")).read_text()
    assert log.count(sweep_ray.STARTED) == len(starts) and starts[0][3] == "0"
    assert len(starts) == 2 or not whole
    assert all(int(start[3]) >= 4 for start in starts[1:])  # the first checkpoint's step
    stubs.check_complete(undisturbed)
    cluster.add_worker()


def test_control_a_second_trainer_on_a_cell_is_seen(tmp_path):
    """What the tests above would find if two nodes trained one cell."""
    config = write(tmp_path, "seed: 0\n", "0.yaml")
    command = [sys.executable, str(STUB), "train", "--config", str(config), f"exp_root_dir={tmp_path}", "name=s"]
    both = [subprocess.Popen([*command, f"tag={i}"], env={**os.environ, "STUB_STEP_S": "0.2"}) for i in range(2)]
    assert sorted(process.wait(NODE_S) for process in both) == [0, 1] and (tmp_path / "violations").exists()
