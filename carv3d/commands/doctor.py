"""carv3d doctor: what works on this machine and what would enable the rest. Everything that it reports it has tried."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import carv3d
from carv3d.runs.environment import package_version
from carv3d.runtime import files
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import result

PACKAGES = ("torch", "numpy", "omegaconf", "numba", "nerfacc", "imageio", "imageio-ffmpeg", "diffusers",
            "transformers", "tokenizers", "huggingface_hub", "safetensors", "gsplat", "triton", "tensorboard",
            "wandb", "mlflow-skinny", "usd-core")
Answer = tuple[bool, str]  # whether it works, and what was seen or what to do


def main(args: Namespace) -> int:
    """Prints a report; exit status 1 if something that carv3d cannot do without is broken."""
    result(f"carv3d {carv3d.__version__}, Python {platform.python_version()}, {platform.platform()}")
    if args.cuda:
        from carv3d.commands import doctor_cuda

        for line in doctor_cuda.lines():
            result(line)
        return 0
    for name in PACKAGES:
        result(f"  {name:16s}{package_version(name) or 'not installed'}")
    result("devices")
    for line in _devices():
        result(f"  {line}")
    result("backends")
    from carv3d.scenes.kernels.backends import probe

    for found in probe():
        result(f"  {found.name:16s}{'works' if found.works else 'not usable'}: {found.note}")
    root = files.expanded(args.exp_root_dir, "--exp-root-dir")
    broken = _tried("teachers", [("bundled", "the bundled teacher", _bundled),
                                 ("flow", "the flow teacher", lambda: _bundled("flow"))])
    broken += _tried("video", [("ffmpeg", "ffmpeg", _ffmpeg)])
    broken += _tried("disk", [(str(root), str(root), lambda: _writable(root))])
    _tried("kept between runs, and made anew where it cannot be", [
        ("kernels", "", _kernels), ("embeddings", "", lambda: _kept("embeddings")),
        ("truth", "", lambda: _kept("truth")), ("temporary", "", _temporary)])
    result(f"broken: {', '.join(broken)}" if broken else "everything that carv3d needs works")
    return 1 if broken else 0


def _tried(title: str, parts: list[tuple[str, str, Callable[[], Answer]]]) -> list[str]:
    """Print what each answers; the names of those that do not work. parts: label, name, what to ask."""
    result(title)
    broken = []
    for label, name, ask in parts:
        works, why = ask()
        result(f"  {label:16s}{'works' if works else 'broken'}: {why}")
        broken += [] if works else [name]
    return broken


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


def _bundled(name: str = "bundled") -> Answer:
    """Whether a teacher that ships with carv3d, by its type, is all there, loads, and predicts numbers."""
    import torch

    from carv3d import config as configuration
    from carv3d import teachers
    from carv3d.diffusion import weights

    try:
        config = configuration.load(None, ["prompt=a green mug", "device=cpu", f"teacher.type={name}"])
        folder = weights.locate(str(teachers.weights_folder(config)))
        teacher = teachers.teacher(config)
        teacher.prepare()
        latents = teacher.encode(torch.zeros(1, 64, 64, 3))
    except UserError as error:
        return False, f"{error}; install carv3d again"
    except Exception as error:  # whatever is wrong with the libraries that read it
        return False, f"{type(error).__name__}: {files.reason(error)}; install carv3d, diffusers and transformers again"
    if not bool(torch.isfinite(latents).all()):
        return False, "it encodes a picture into what is no number; install carv3d again"
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return True, f"{size / 1e6:.1f} MB in {folder}, loaded, and encoded a picture"


def _ffmpeg() -> Answer:
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
        return False, f"{type(error).__name__}: {files.reason(error)}; pip install --force-reinstall imageio-ffmpeg"


def _writable(root: Path) -> Answer:
    """Whether files can be made there whole, and locked."""
    existing = root.absolute()
    while not existing.exists():
        existing = existing.parent
    probe = existing / f".carv3d-doctor-{os.getpid()}"
    try:
        files.write_text(probe, "a probe\n")
        handle = files.open_lock(probe)
        try:
            files.lock(handle)  # says so where there are no locks
        finally:
            os.close(handle)
        left = shutil.disk_usage(existing).free >> 20
    except (OSError, UserError) as error:
        return False, f"{existing}: {files.reason(error)}; give another exp_root_dir"
    finally:
        files.remove(probe)
    return True, f"wrote a file, {left} MiB free"


def _kernels() -> Answer:
    from carv3d.runtime.kernel_cache import use_cache

    folder = use_cache()
    return folder is not None, str(folder or "no folder for the compiled kernels can be written")


def _kept(kind: str) -> Answer:
    folder = files.cache_folder(kind)
    try:
        files.make_folder(folder, "XDG_CACHE_HOME")
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, UserError) as error:
        return False, files.reason(error)
    return True, str(folder)


def _temporary() -> Answer:
    try:
        with tempfile.TemporaryFile():
            pass
    except OSError as error:
        return False, f"{files.reason(error)}; set TMPDIR to a folder that you may write to"
    return True, tempfile.gettempdir()
