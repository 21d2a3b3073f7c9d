"""scripts/on_gpu.py with nothing but a CPU, and compile_cuda.py with a compiler that is pretended."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

import on_gpu

ROOT = Path(__file__).parents[1]


def test_every_part_runs_at_toy_size_and_is_not_run_again(tmp_path):
    command = [sys.executable, str(ROOT / "scripts/on_gpu.py"), "--pretend", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.rstrip().endswith("every part done"), done.stdout + done.stderr
    for name in on_gpu.PARTS:
        found = json.loads((tmp_path / f"{name}.json").read_text())
        assert found["ok"] and found["commands"] and found["environment"]["git_commit"]
    waits = json.loads((tmp_path / "waits.json").read_text())["commands"][0]["found"]
    assert waits == {"steps": 1, "waits": {}, "per_step": 0.0}
    assert not (tmp_path / "teachers" / "sd21-base").exists()
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0 and "seconds" not in again.stdout and "done," not in again.stdout


def test_a_part_that_fails_stops_no_other_and_is_tried_again(tmp_path, monkeypatch, capsys):
    def broken(part):
        part.run("a slip", ["-c", "import nothing_of_this_name"], 60)

    def slow(part):
        part.run("too long", ["-c", "import time; print('so far', flush=True); time.sleep(60)"], 2)

    def fine(part):
        part.run("fine", ["-c", "print('{\"a\": 1}')"], 60)

    monkeypatch.setattr(on_gpu, "PARTS", {"broken": (broken, 60), "slow": (slow, 60), "fine": (fine, 60)})
    monkeypatch.setattr(sys, "argv", ["on_gpu.py", "--pretend", "--out", str(tmp_path)])
    assert on_gpu.main() == 1 and "not every part is done" in capsys.readouterr().out
    rows = {name: json.loads((tmp_path / f"{name}.json").read_text())["commands"][0] for name in on_gpu.PARTS}
    assert rows["broken"]["status"] == 1 and "nothing_of_this_name" in rows["broken"]["stderr"]
    assert rows["slow"]["status"] == -1 and "so far" in rows["slow"]["stdout"] and rows["fine"]["found"] == {"a": 1}
    assert on_gpu.main() == 1
    out = capsys.readouterr().out
    assert "a slip: failed (1)" in out and "too long: out of time" in out and "fine: done" not in out


NVCC = """#!/bin/sh
case "$1" in --version) echo "Cuda compilation tools, release 13.0, V13"; exit 0;; esac
for last; do :; done
case "$*" in *bad.cu*) echo "bad.cu(3): error: no instance of a function" >&2; exit 1;; esac
echo "$@" > "$last"
"""


def test_what_compiles_and_what_does_not_is_told_for_each_file(tmp_path):
    torch, package, out = tmp_path / "torch", tmp_path / "lib/nerfacc", tmp_path / "out"
    for folder in (torch / "utils", torch / "include", package / "cuda/csrc"):
        folder.mkdir(parents=True)
    (torch / "version.py").write_text("__version__ = '9.8.7+cpu'\n")
    (torch / "utils/cpp_extension.py").write_text("cuda_cflags = ['-std=c++20']\n")
    (package / "__init__.py").write_text("raise ImportError('importing may compile')\n")
    for name in ("good.cu", "bad.cu"):
        (package / "cuda/csrc" / name).write_text("\n")
    nvcc = tmp_path / "nvcc"
    nvcc.write_text(NVCC)
    nvcc.chmod(0o755)
    command = [sys.executable, str(ROOT / "scripts/compile_cuda.py"), "--package", "nerfacc", "--arch", "80", "90",
               "--torch", str(torch), "--nvcc", str(nvcc), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(tmp_path / "lib"), "PATH": "/bin"})
    assert done.returncode == 1 and done.stdout.startswith("nvcc 13.0, torch 9.8.7+cpu (c++20), sm_80, sm_90")
    rows = {row["file"]: row for row in map(json.loads, (out / "compile.jsonl").read_text().splitlines())}
    assert rows["good.cu"]["ok"] and not rows["bad.cu"]["ok"] and "no instance of a function" in rows["bad.cu"]["error"]
    said = (out / "nerfacc/csrc-good.cu.o").read_text()
    assert "-gencode=arch=compute_80,code=sm_80 -gencode=arch=compute_90,code=sm_90" in said and "-std=c++20" in said
    assert "-DC10_CUDA_NO_CMAKE_CONFIGURE_FILE" in said  # which a CPU wheel needs
    (package / "cuda/csrc/bad.cu").write_text("mended\n")
    (package / "cuda/csrc/bad.cu").rename(package / "cuda/csrc/mended.cu")
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(tmp_path / "lib"), "PATH": "/bin"})
    assert done.returncode == 0 and "good.cu" not in done.stdout and "everything compiled" in done.stdout
