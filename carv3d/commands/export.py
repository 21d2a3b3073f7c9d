"""carv3d export: a run as a mesh or as Gaussians, in files that other programs open, without a teacher."""

from __future__ import annotations

from argparse import Namespace
from functools import partial

from carv3d import config as configuration
from carv3d.config.checks import check_formats
from carv3d.config.export import ALL, FORMATS, require_usd
from carv3d.config.schema import Config
from carv3d.export.assets import write
from carv3d.quality.solids import of_mesh
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import expanded, make_folder
from carv3d.runtime.progress import result, say
from carv3d.text3d import build


def main(args: Namespace) -> int:
    run = Run.open(args.run)
    config = _configured(run, args)
    formats = config.export.formats
    scenes, device, step = build.trained_scenes(config, checkpoint.named(args.run, run.ckpts))
    build.set_up_kernels(config, say)
    folder = expanded(args.out, "--out") if args.out else run.save
    make_folder(folder, "--out")
    for path in write(folder, scenes, device, config, formats, step, partial(of_mesh, config)):
        result(path)
    return 0


def _configured(run: Run, args: Namespace) -> Config:
    """The run's configuration with what the command line says; UserError before anything is loaded."""
    for key in (configuration.split(argument)[0] for argument in args.overrides):
        if not key.startswith("export."):
            raise UserError(f"{key}: cannot change with carv3d export; allowed: export.*")
    given = {"mesh_resolution": args.resolution, "faces": args.faces, "texture_size": args.texture_size, "up": args.up}
    flags = [f"export.{key}={value}" for key, value in given.items() if value is not None]
    config = run.config([*args.overrides, *flags])
    formats = list(dict.fromkeys(args.format or config.export.formats or ["glb"]))
    for kind in formats:
        if kind not in (*FORMATS, ALL):
            raise UserError(f"--format {kind}: not known; allowed: {', '.join(FORMATS)}, {ALL}")
    check_formats(formats, config, "--format")
    if "usdz" in formats:
        require_usd("--format")
    if args.up not in (None, "y") and all(kind != ALL and FORMATS[kind].fixed for kind in formats):
        are = "is y up by its" if len(formats) == 1 else "are y up by their"
        raise UserError(f"--up {args.up}: {', '.join(formats)} {are} specification; leave it out, or use --format obj "
                        "or ply")
    config.export.formats, config.export.pad_sh = formats, config.export.pad_sh or args.pad_sh
    return config


