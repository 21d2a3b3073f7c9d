"""carv3d doctor --cuda: what it says of a GPU, its driver and PyTorch, here of ones that are pretended."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from carv3d.cli import main
from carv3d.commands import doctor_cuda
from carv3d.scenes.kernels import backends


@pytest.fixture
def gpu(monkeypatch):
    """A GPU that PyTorch sees; the packages that work on it are chosen by the test."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "A card")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_80", "sm_90"])
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(doctor_cuda.shutil, "which", lambda name: {"g++": "/usr/bin/g++", "nvcc": "/cuda/nvcc"}.get(name))
    said = {"/cuda/nvcc": "Cuda compilation tools, release 13.0, V13.0.88\n", "nvidia-smi": "580.1\n580.1\n"}
    monkeypatch.setattr(doctor_cuda, "_output", lambda command: said[command[0]])
    monkeypatch.setattr(doctor_cuda, "compiles_as_cpp20", lambda: False)
    works: set[str] = set()
    monkeypatch.setattr(backends, "probe_one", lambda name: backends.Probe(name, name in works, "a note"))
    return works, said


def report(capsys) -> str:
    assert main(["doctor", "--cuda"]) == 0
    return capsys.readouterr().out


def test_what_works_needs_nothing(gpu, capsys):
    gpu[0].update(doctor_cuda.USES)
    text = report(capsys)
    assert "built for CUDA 13.0" in text and "driver          580.1\n" in text and "A card, sm_90\n" in text
    assert "nvcc            13.0 (/cuda/nvcc)" in text and "not usable" not in text and "pip install" not in text


def test_what_does_not_work_comes_with_its_commands(gpu, capsys, monkeypatch):
    monkeypatch.setattr(doctor_cuda, "package_version", lambda name: None)
    text = report(capsys)
    for words in ('pip install "gsplat>=1.5,<1.6"', "pip install nerfacc", "NVlabs/tiny-cuda-nn", "minutes of one core"):
        assert words in text
    assert "must be on the PATH" not in text and "apt install g++" not in text  # both are there
    monkeypatch.setattr(doctor_cuda, "package_version", lambda name: "1.5.3")
    assert "pip install nerfacc" not in report(capsys)  # it is installed, and does not work


def test_a_pytorch_that_nerfacc_does_not_compile_with_is_said(gpu, capsys, monkeypatch):
    assert "does not compile" not in report(capsys)
    monkeypatch.setattr(doctor_cuda, "compiles_as_cpp20", lambda: True)
    monkeypatch.setattr(doctor_cuda, "package_version", lambda name: "0.5.3")
    text = report(capsys)
    assert "nerfacc 0.5.3 does not compile as C++20" in text and "give render_backend=auto" in text


def test_which_standard_is_read_from_pytorch_itself():
    from torch.utils import cpp_extension

    source = Path(cpp_extension.__file__).read_text(encoding="utf-8")
    assert "-std=c++17']" in source or "-std=c++20']" in source  # else this PyTorch says it in another way
    assert doctor_cuda.compiles_as_cpp20() == ("-std=c++20']" in source)


@pytest.mark.parametrize("release", ["12.8", None])
def test_a_compiler_of_another_cuda_is_named(gpu, capsys, monkeypatch, release):
    gpu[1]["/cuda/nvcc"] = f"release {release}," if release else ""
    monkeypatch.setattr(doctor_cuda.shutil, "which", lambda name: "/cuda/nvcc" if name == "nvcc" and release else None)
    text = report(capsys)
    assert "nvcc of CUDA 13 must be on the PATH (PyTorch was built for 13.0)" in text and "apt install g++" in text


def test_a_gpu_that_is_newer_than_pytorch_is_said(gpu, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (12, 0))
    assert "sm_120; this PyTorch was built for sm_80, sm_90 alone: install a newer one" in report(capsys)


@pytest.mark.parametrize(("built", "device", "runs"), [
    ("sm_80", (8, 6), True), ("sm_86", (8, 0), False), ("sm_80", (9, 0), False), ("compute_80", (9, 0), True),
    ("sm_90a", (9, 0), True), ("sm_120", (12, 0), True), ("compute_120", (9, 0), False), ("gfx90a", (9, 0), False),
])
def test_which_code_runs_on_which_device(built, device, runs):
    assert doctor_cuda.runs_on(built, *device) == runs


def test_without_cuda_it_says_how_to_come_by_it(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "this PyTorch has none" in report(capsys)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert "see whether nvidia-smi lists it" in report(capsys)
