"""carv3d doctor: what works on this machine and what would enable the rest."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from argparse import Namespace
from pathlib import Path

import carv3d
from carv3d.runs.environment import package_version
from carv3d.runtime.errors import UserError

PACKAGES = ("torch", "numpy", "omegaconf", "numba", "nerfacc", "imageio", "imageio-ffmpeg", "diffusers",
            "transformers", "tokenizers", "huggingface_hub", "safetensors", "gsplat", "tensorboard")


def main(args: Namespace) -> int:
    """Prints a report; exit status 1 if something that carv3d cannot do without is broken."""
    broken = []
    print(f"carv3d {carv3d.__version__}, Python {platform.python_version()}, {platform.platform()}")
    for name in PACKAGES:
        print(f"  {name:16s}{package_version(name) or 'not installed'}")
    print("devices")
    for line in _devices():
        print(f"  {line}")
    print("backends")
    from carv3d.scenes.kernels.backends import probe

    for result in probe():
        print(f"  {result.name:16s}{'works' if result.works else 'not usable'}: {result.note}")
    print("teachers")
    works, why = _bundled()
    print(f"  {'bundled':16s}{'works' if works else 'broken'}: {why}")
    broken += [] if works else ["the bundled teacher"]
    print("video")
    works, why = _ffmpeg()
    print(f"  {'ffmpeg':16s}{'works' if works else 'broken'}: {why}")
    broken += [] if works else ["ffmpeg"]
    print("disk")
    root = Path(args.exp_root_dir)
    writable, why = _writable(root)
    print(f"  {str(root):16s}{'writable' if writable else 'not writable'}: {why}")
    broken += [] if writable else [str(root)]
    print(f"broken: {', '.join(broken)}" if broken else "everything that carv3d needs works")
    return 1 if broken else 0


def _devices() -> list[str]:
    import torch

    lines = [f"cpu             {os.cpu_count()} cores, {torch.get_num_threads()} threads, "
             f"{torch.backends.cpu.get_cpu_capability()}"]
    if torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(i)
            lines.append(f"cuda:{i}          {torch.cuda.get_device_name(i)}, {free >> 20} of {total >> 20} MiB free")
    else:
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "a CPU build"
        lines.append(f"cuda            none seen (PyTorch is {built}; pytorch.org's install selector names others)")
    return lines


def _bundled() -> tuple[bool, str]:
    """Whether the teacher that ships with carv3d is all there."""
    from carv3d.diffusion import weights

    try:
        folder = weights.locate(str(weights.bundled()))
    except UserError as error:
        return False, f"{error}; install carv3d again"
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return True, f"{size / 1e6:.1f} MB in {folder}"


def _ffmpeg() -> tuple[bool, str]:
    """Encode and decode four frames."""
    import imageio.v2 as iio
    import numpy as np

    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "probe.mp4"
            iio.mimwrite(path, [np.full((32, 32, 3), 60 * i, np.uint8) for i in range(4)], fps=4, codec="libx264",
                         macro_block_size=2, ffmpeg_log_level="error")
            count = sum(1 for _ in iio.get_reader(path).iter_data())
        return count == 4, f"wrote and read back {count} of 4 H.264 frames"
    except Exception as error:  # whatever is wrong with a video stack is what the user wants to read
        return False, f"{type(error).__name__}: {error}; pip install --force-reinstall imageio-ffmpeg"


def _writable(root: Path) -> tuple[bool, str]:
    existing = root.absolute()
    while not existing.exists():
        existing = existing.parent
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        return False, f"{existing}: {error.strerror}; give another exp_root_dir"
    return True, f"{shutil.disk_usage(existing).free >> 20} MiB free"


