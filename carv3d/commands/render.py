"""carv3d render: any run again, from its newest checkpoint, without a teacher."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from carv3d import build, checkpoint
from carv3d.progress import Progress, say
from carv3d.runs import Run
from carv3d.schema import Config


def render_turntable(path: Path, scene: Any, config: Config, device: Any, *, views: int, size: int,
                     elevation_deg: float, background: str) -> Path:
    """Render one full turn to ``path``; size 0 means 512 on CUDA and 256 on a CPU."""
    from carv3d.export import video
    from carv3d.views import middle_camera

    size = size or (512 if device.type == "cuda" else 256)
    video.check(path.suffix.removeprefix("."), background, size)
    with Progress("render", views) as bar:
        pictures = video.frames(scene, views, size, elevation_deg, *middle_camera(config), background, device, bar.add)
        return video.write(path, pictures, config.export.video_fps)


def main(args: Namespace) -> int:
    from carv3d.commands.train import numbered
    from carv3d.export import video

    video.check(args.format, args.background, args.size)
    run = Run.open(args.run)
    config = run.config()
    scenes, device, step = build.trained_scenes(config, checkpoint.newest(run.ckpts))
    build.set_up_kernels(config, say)
    run.save.mkdir(exist_ok=True)
    for scene, mark in numbered(scenes):
        name = (f"it{step}{mark}-{args.views}views-{args.size or 'auto'}px-elevation{args.elevation:g}-"
                f"{args.background}.{args.format}")
        print(render_turntable(run.save / name, scene, config, device, views=args.views, size=args.size,
                               elevation_deg=args.elevation, background=args.background))
    return 0
