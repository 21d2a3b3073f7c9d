"""Packages that compile themselves at first use: one process at a time, said once, stdout left alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# A package that builds as gsplat does: it takes away a build folder in which nothing is finished, and fails if its own
# was taken away meanwhile.
PACKAGE = """
import os, shutil, subprocess, sys, time
folder = os.environ["BUILDS"]
if not os.path.exists(f"{folder}/done.so"):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    own = f"{folder}/{os.getpid()}.o"
    for _ in range(20):
        open(own, "a").close()
        time.sleep(0.02)
        if os.listdir(folder) != [os.path.basename(own)]:
            raise ImportError("another process has been here")
    print("compiling", flush=True)
    subprocess.run([sys.executable, "-c", "print('nvcc says hello')"])
    open(os.environ["COUNT"], "a").write("built\\n")
    open(f"{folder}/done.so", "w").close()
"""
PROCESS = """
import contextlib, os, sys, time
from carv3d.scenes.kernels.building import built_once
open(os.environ["READY"] + str(os.getpid()), "w").close()
folder, name = os.path.split(os.environ["READY"])
while sum(each.startswith(name) for each in os.listdir(folder)) < int(sys.argv[1]): time.sleep(0.001)
with {lock}:
    import slow_package
print("works")
"""
LOCK, NONE = 'built_once("slow_package", "1.0-sm90")', "contextlib.nullcontext()"


def race(folder, lock: str, count: int = 2) -> tuple[list[tuple[str, str, int]], int]:
    """Several processes import the package at once: each one's output, messages and status, and the builds."""
    folder.mkdir()
    (folder / "slow_package.py").write_text(PACKAGE)
    environment = {**os.environ, "BUILDS": str(folder / "builds"), "COUNT": str(folder / "count"),
                   "XDG_CACHE_HOME": str(folder / "cache"), "READY": str(folder / "ready"),
                   "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}
    each = [subprocess.Popen([sys.executable, "-c", PROCESS.format(lock=lock), str(count)], env=environment, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(count)]
    out = [(*process.communicate(timeout=60), process.returncode) for process in each]
    counted = folder / "count"
    return out, counted.read_text().count("built") if counted.exists() else 0


def test_processes_that_start_together_build_once(tmp_path):
    ends, builds = race(tmp_path / "a", LOCK)
    assert builds == 1 and [status for *_, status in ends] == [0, 0]
    assert [out for out, *_ in ends] == ["works\n", "works\n"]  # what the compiler prints is no result
    said = "".join(err for _, err, _ in ends)
    assert "nvcc says hello" in said and "compiling" in said
    assert said.count("setting up slow_package's CUDA kernels") == 1
    assert said.count("waiting for another process that sets up slow_package") == 1
    again, builds = race_again(tmp_path / "a")
    assert builds == 1 and again == ("works\n", "", 0)


def race_again(folder) -> tuple[tuple[str, str, int], int]:
    environment = {**os.environ, "BUILDS": str(folder / "builds"), "COUNT": str(folder / "count"),
                   "XDG_CACHE_HOME": str(folder / "cache"), "READY": str(folder / "ready"),
                   "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}
    done = subprocess.run([sys.executable, "-c", PROCESS.format(lock=LOCK), "0"], env=environment, text=True,
                          capture_output=True)
    return (done.stdout, done.stderr, done.returncode), (folder / "count").read_text().count("built")


def test_control_without_the_lock_they_destroy_each_other(tmp_path):
    ends, _ = race(tmp_path / "b", NONE)
    told = "".join(err for _, err, _ in ends)
    assert any(status for *_, status in ends) and ("another process has been here" in told or "FileExistsError" in told)


@pytest.mark.parametrize("fails", [False, True])
def test_stdout_is_there_again_afterwards(tmp_path, monkeypatch, capfd, fails):
    from carv3d.scenes.kernels.building import built_once

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    try:
        with built_once("thing", "1"):
            os.write(1, b"from a compiler\n")
            if fails:
                raise ImportError("no nvcc")
    except ImportError:
        pass
    os.write(1, b"a result\n")
    out, err = capfd.readouterr()
    assert out == "a result\n" and "from a compiler" in err
    assert (tmp_path / "carv3d/kernels/thing-1").exists() != fails  # a build that failed is announced again


def test_a_cache_that_cannot_be_written_costs_a_line(tmp_path, monkeypatch, capfd):
    from carv3d.scenes.kernels.building import built_once

    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with built_once("thing", "1"):
        pass
    assert "may be built by several processes at once" in capfd.readouterr().err
