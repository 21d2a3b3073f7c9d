"""carv3d render: any run again, from its newest checkpoint or the one named, without a teacher."""

from __future__ import annotations

from argparse import Namespace

from carv3d.export.video import render_turntable
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.runtime.files import expanded, make_folder
from carv3d.runtime.progress import result, say
from carv3d.text3d import build


def main(args: Namespace) -> int:
    from carv3d.export import video
    from carv3d.runs.particles import numbered

    video.check(args.format, args.background, args.size)
    run = Run.open(args.run)
    config = run.config()
    scenes, device, step = build.trained_scenes(config, checkpoint.named(args.run, run.ckpts))
    build.set_up_kernels(config, say)
    folder = expanded(args.out, "--out") if args.out else run.save
    make_folder(folder, "--out")
    made, size = [], args.size or video.usual_size(device)
    for scene, mark in numbered(scenes):
        name = (f"it{step}{mark}-{args.views}views-{size}px-elevation{args.elevation:g}-"
                f"{args.background}.{args.format}")
        made.append(render_turntable(folder / name, scene, config, device, views=args.views, size=size,
                                     elevation_deg=args.elevation, background=args.background))
    for path in made:
        result(path)
    return 0
