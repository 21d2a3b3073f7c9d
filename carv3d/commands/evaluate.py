"""carv3d eval: how close a scene is to the toybox's ground truth for its prompt, how sound its shape is by itself, and
how CLIP likes it."""

from __future__ import annotations

from argparse import Namespace

from carv3d import config as configuration
from carv3d.config import registry
from carv3d.quality.scores import clip, evaluate, known
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import as_json, expanded, write_text
from carv3d.runtime.progress import result
from carv3d.text3d import build


def main(args: Namespace) -> int:
    from carv3d.runs.particles import numbered, of_particles

    run = Run.open(args.run)
    if args.run.endswith(".ckpt") and not args.out:
        raise UserError(f"{args.run}: a checkpoint is given, and summary.json has the scores of the run's end; name a "
                        "file for these by --out FILE")
    for key in (configuration.split(argument)[0] for argument in args.overrides):
        if not key.startswith("quality."):
            raise UserError(f"{key}: cannot change with carv3d eval; allowed: quality.clip")
    config = run.config(args.overrides)
    needed = bool(args.overrides) or not registry.teacher(config).toybox
    build.settle_quality(config, needed)
    scenes, device, step = build.trained_scenes(config, checkpoint.named(args.run, run.ckpts))
    if not known(config, scenes[0]):
        named = config.teacher.path or config.teacher.type
        raise UserError(f"{run.folder}: no ground truth is known with the teacher {named}, and a scene without a "
                        "density has no shape to score; give quality.clip=FOLDER, or runs of the teachers bundled and "
                        "exact")
    if needed and config.quality.clip:
        clip(config, device)
    scores = [evaluate(config, scene, device) for scene in scenes]
    found = {"step": step, **of_particles(scores)}
    path = expanded(args.out, "--out") if args.out else run.folder / "summary.json"
    if args.out:
        write_text(path, as_json(found, 1) + "\n")
    else:
        run.write_summary({**run.summary(), **found})
    for score, (_, mark) in zip(scores, numbered(scenes), strict=True):
        for name, value in score.items():
            result(f"{name}{mark}: {value:.4f}" if isinstance(value, float) else f"{name}{mark}: {value}")
    result(path)
    return 0
