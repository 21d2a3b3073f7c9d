"""carv3d doctor --cuda: what of the GPU's road works here, and the exact commands that bring the rest."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from carv3d.runs.environment import package_version

PIP = "python -m pip install"
TINYCUDANN = f'{PIP} --no-build-isolation "git+https://github.com/NVlabs/tiny-cuda-nn/#subdirectory=bindings/torch"'
USES = {"triton": "the NeRF's hash grid, marching and compositing (scene.nerf, scene.sdf: auto)",
        "gsplat": "the Gaussians' rasteriser (scene.gaussians: auto; torch in its place is slow)",
        "nerfacc": "compositing, by name alone (render_backend=nerfacc)",
        "tinycudann": "a hash grid of its own, by name alone (encoding_backend=tinycudann)"}


def lines() -> list[str]:
    """The report: GPU, driver and PyTorch; then each backend, whether it works, what for, and what to do."""
    import torch

    out = [*_torch(), f"nvcc            {_nvcc() or 'not found'}",
           f"C++ compiler    {shutil.which('g++') or 'not found'}"]
    if not torch.cuda.is_available():
        return [*out, *_no_device()]
    from carv3d.scenes.kernels.backends import probe_one

    for name, use in USES.items():
        found = probe_one(name)
        out.append(f"{name:16s}{'works' if found.works else 'not usable'}: {found.note}")
        out.append(f"{'':16s}for {use}")
        out += [f"{'':16s}{step}" for step in ([] if found.works else remedy(name))]
    return out


def _torch() -> list[str]:
    import torch

    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "a CPU build"
    out = [f"PyTorch         {torch.__version__}, {built}", f"driver          {_driver() or 'none found (nvidia-smi)'}"]
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        major, minor = torch.cuda.get_device_capability(index)
        own, known = f"sm_{major}{minor}", torch.cuda.get_arch_list()
        new = "" if any(runs_on(arch, major, minor) for arch in known) else (
            f"; this PyTorch was built for {', '.join(known)} alone: install a newer one")
        out.append(f"cuda:{index}          {torch.cuda.get_device_name(index)}, {own}{new}")
    return out


def runs_on(built: str, major: int, minor: int) -> bool:
    """Whether code built for an architecture, as torch.cuda.get_arch_list names them, runs on a device: machine code
    (sm_XY) within a generation, on the same or a later one; PTX (compute_XY) on any later device."""
    kind, _, number = built.partition("_")
    digits = re.match(r"\d+", number)
    if not digits:
        return False
    theirs = divmod(int(digits[0]), 10)
    return theirs <= (major, minor) and (kind == "compute" or theirs[0] == major)


def _no_device() -> list[str]:
    import torch

    if not torch.version.cuda:
        return ["", "no CUDA here: this PyTorch has none. On Linux with an NVIDIA GPU:",
                f"  {PIP} --force-reinstall torch      (pytorch.org's install selector names the build of each driver)"]
    return ["", "no CUDA device is seen, though this PyTorch could use one: see whether nvidia-smi lists it, whether",
            "the driver is new enough for this build, and what CUDA_VISIBLE_DEVICES says"]


def remedy(name: str) -> list[str]:
    """What to do, a command or a sentence a line."""
    import torch

    cuda = torch.version.cuda or "?"
    if name == "triton":
        return [] if importlib.util.find_spec("triton") else [f"{PIP} triton"]
    major = cuda.split(".")[0]
    compiler = [] if _nvcc().startswith(f"{major}.") else [
        f"nvcc of CUDA {major} must be on the PATH (PyTorch was built for {cuda}), and CUDA_HOME set to its folder"]
    compiler += [] if shutil.which("g++") else ["a C++ compiler must be there (on Debian: apt install g++)"]
    if name == "tinycudann":
        return [*compiler, TINYCUDANN, "(compiles while it is installed; in a clone, python setup.py install "
                "--no-networks compiles the encodings alone, which are all that is used here: two minutes of one core)"]
    if name == "nerfacc" and (package_version("nerfacc") or "0.5.3") == "0.5.3" and compiles_as_cpp20():
        return ["nerfacc 0.5.3 does not compile as C++20, as this PyTorch's extensions are (its lerp meets another);",
                "give render_backend=auto, or install a PyTorch whose extensions are C++17 (2.11)"]
    install = [] if package_version(name) else [f'{PIP} "gsplat>=1.5,<1.6"' if name == "gsplat" else f"{PIP} nerfacc"]
    minutes = {"gsplat": 15, "nerfacc": 8}[name]
    return [*compiler, *install, f"(compiles itself at first use: {minutes} minutes of one core for one architecture)"]


def compiles_as_cpp20() -> bool:
    """Whether PyTorch compiles extensions as C++20; it says so nowhere but in what it does."""
    from torch.utils import cpp_extension

    return "-std=c++20']" in Path(cpp_extension.__file__).read_text(encoding="utf-8")


def _nvcc() -> str:
    """Its release and path, empty if there is none."""
    path = shutil.which("nvcc")
    if path is None:
        return ""
    said = _output([path, "--version"])
    release = re.findall(r"release ([0-9.]+)", said)
    return f"{release[-1] if release else 'of unknown release'} ({path})"


def _driver() -> str:
    said = _output(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"])
    return said.splitlines()[0].strip() if said.strip() else ""


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
