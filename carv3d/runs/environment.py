"""Versions, device, commit and memory of this process."""

from __future__ import annotations

import datetime
import importlib.metadata
import importlib.util
import platform
import resource
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import carv3d
from carv3d.runtime.types import Record


def peak_memory_mib() -> float:
    """Largest resident size of this process so far, MiB (on Linux ru_maxrss is in KiB, on macOS in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def environment(device: str, backends: str) -> Record:
    """Versions, device, commit and backends, for env.json."""
    packages = ("torch", "numpy", "omegaconf", "nerfacc", "numba", "imageio", "imageio-ffmpeg", "diffusers",
                "transformers", "safetensors", "peft", "matplotlib", "gsplat", "triton", "openvino", "onnxruntime")
    import torch

    return {
        "carv3d": carv3d.__version__,
        "git_commit": git_commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version for name in packages if (version := package_version(name))},
        "device": device,
        "gpu": torch.cuda.get_device_name() if device == "cuda" else None,
        "cpu_threads": torch.get_num_threads(),
        "cpu": cpu_name(),
        "backends": backends,
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def package_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


@lru_cache(maxsize=1)
def git_commit() -> str | None:
    """The commit of the checkout that carv3d runs from, with + if it has changes; None outside one."""
    where = Path(carv3d.__file__).parent
    try:
        head = subprocess.run(["git", "-C", str(where), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5)
        inside = subprocess.run(["git", "-C", str(where), "ls-files", "--error-unmatch", "__init__.py"],
                                capture_output=True, timeout=5)
        if head.returncode or inside.returncode:
            return None
        changed = subprocess.run(["git", "-C", str(where), "status", "--porcelain", "-uno"], capture_output=True,
                                 text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def cpu_name() -> str:
    """The processor's, as its maker calls it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor()
