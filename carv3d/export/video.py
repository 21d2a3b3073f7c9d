"""Turntable videos that browsers play, animated GIFs, numbered frames."""

from __future__ import annotations

import errno
import subprocess
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from carv3d.cameras import Cameras, turntable
from carv3d.config.schema import Config
from carv3d.export.images import BACKGROUNDS, to_bytes, views, write_png
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import atomic, make_folder, reason, remove
from carv3d.runtime.kernel_cache import compile_once
from carv3d.runtime.progress import Progress, say
from carv3d.scenes.base import Scene
from carv3d.scenes.kernels.backends import probe_one

FORMATS = ("mp4", "gif", "png")
AHEAD = 8  # frames that may wait for the encoder


def frames(scene: Scene, cameras: Cameras, background: str, device: torch.device, progress: Callable[[int], None],
           light: bool = False) -> Iterator[torch.Tensor]:
    """What each camera sees: [H,W,3], or premultiplied-free [H,W,4] on ``transparent``. light: see ``images.views``."""
    for out in views(scene, cameras, BACKGROUNDS.get(background, 0.0), device, light, closer=True):
        rgb = out.rgb
        if background == "transparent":  # rendered on black: colour is premultiplied, PNG wants it straight
            rgb = torch.cat([rgb / out.opacity.clamp(min=1e-3), out.opacity], -1)
        for frame in rgb:
            yield frame
            progress(1)


def write(path: Path, images: Iterator[torch.Tensor], fps: int) -> Path:
    """Write an .mp4 (H.264, yuv420p, playable while loading), a .gif that loops, or a folder of .png frames."""
    kind = path.suffix.removeprefix(".")
    if kind == "png":
        folder = path.with_suffix("")
        make_folder(folder, "--out")
        for old in folder.glob("*.png"):
            remove(old)
        for i, frame in enumerate(images):
            write_png(folder / f"{i:04d}.png", frame)
        return folder
    import imageio.v2 as iio2

    with atomic(path) as temporary:
        if kind == "mp4":
            writer = iio2.get_writer(temporary, format="FFMPEG", fps=fps, codec="libx264", pixelformat="yuv420p",
                                     macro_block_size=2, ffmpeg_log_level="error",
                                     output_params=["-crf", "18", "-movflags", "+faststart"])
        else:
            writer = iio2.get_writer(temporary, format="GIF", mode="I", duration=1000 / fps, loop=0)
        _encode(writer, images)
    return path


def _encode(writer: Any, images: Iterator[torch.Tensor]) -> None:
    """writer: imageio's, which has no types."""
    pending: deque[Future[None]] = deque()
    try:
        with writer, ThreadPoolExecutor(1) as thread:  # which waits for the encoder while the next frames are rendered
            for frame in images:
                pending.append(thread.submit(writer.append_data, to_bytes(frame)))
                if len(pending) > AHEAD:
                    pending.popleft().result()
            while pending:
                pending.popleft().result()
    except OSError as error:
        if error.errno not in (None, errno.EPIPE):
            raise
        log = [line for line in str(error).splitlines() if line.strip()]  # of ffmpeg, which has ended
        raise UserError(f"ffmpeg gave up ({log[-1].strip() if log else 'no reason given'}); carv3d doctor tries it, "
                        "and carv3d render --format gif does without") from error


@lru_cache(maxsize=1)
def require_ffmpeg(option: str) -> None:
    """UserError unless an ffmpeg that encodes H.264 can be run here. option: that asks for it."""
    instead = f"pip install --force-reinstall imageio-ffmpeg, unset IMAGEIO_FFMPEG_EXE, or give {option}"
    try:
        import imageio_ffmpeg

        program = imageio_ffmpeg.get_ffmpeg_exe()
        asked = subprocess.run([program, "-hide_banner", "-encoders"], capture_output=True, timeout=60,
                               stdin=subprocess.DEVNULL)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):  # no fault of ffmpeg's
            raise
        raise UserError(f"ffmpeg cannot be run ({reason(error)}); {instead}") from None
    except (ImportError, RuntimeError, ValueError, subprocess.TimeoutExpired) as error:
        raise UserError(f"ffmpeg cannot be run ({reason(error)}); {instead}") from None
    if asked.returncode or b"libx264" not in asked.stdout:
        raise UserError(f"{program} does not encode H.264 (exit status {asked.returncode}); {instead}")


def check(kind: str, background: str, size: int) -> None:
    """UserError for a combination that cannot be written."""
    if kind not in FORMATS:
        raise UserError(f"--format {kind}: not known; allowed: {', '.join(FORMATS)}")
    if background != "transparent" and background not in BACKGROUNDS:
        raise UserError(f"--background {background}: not known; allowed: {', '.join(BACKGROUNDS)}, transparent")
    if background == "transparent" and kind != "png":
        raise UserError(f"--background transparent: {kind} carries no opacity; use --format png")
    if kind == "mp4":
        if size % 2:
            raise UserError(f"--size {size}: H.264 needs an even size; use {size + 1}")
        require_ffmpeg("--format gif")


def _rehearse() -> None:
    """Compile what only videos use: not at the start of a run, which would wait for it."""
    from carv3d.scenes.kernels import lighting
    from carv3d.scenes.kernels.rays import baked

    baked.rehearse()
    lighting.rehearse()


def usual_size(device: torch.device) -> int:
    """Pixels of a video of which nothing was said."""
    return 512 if device.type == "cuda" else 256


def render_turntable(path: Path, scene: Scene, config: Config, device: torch.device, *, views: int, size: int,
                     elevation_deg: float, background: str) -> Path:
    """Render one full turn without a repeated frame to ``path``; size 0 means 512 on CUDA and 256 on a CPU."""
    cameras = turntable(views, elevation_deg, *config.data.middle_camera, size or usual_size(device))
    return render(path, scene, config, device, cameras, background)


def render(path: Path, scene: Scene, config: Config, device: torch.device, cameras: Cameras, background: str,
           progress: Callable[[int], None] = lambda count: None) -> Path:
    """Render what the cameras see, one after another, to ``path``. progress: told how many frames more are made."""
    if device.type == "cpu" and probe_one("numba").works:
        compile_once("picture", _rehearse, say)
    with Progress("render", len(cameras)) as bar:
        def made(count: int) -> None:
            bar.add(count)
            progress(count)

        return write(path, frames(scene, cameras, background, device, made, lit(config)), config.export.video_fps)


def lit(config: Config) -> bool:
    """Whether images of this configuration's scenes are lit: where the colour is albedo."""
    return config.export.video_lit and config.light.colour == "albedo"
