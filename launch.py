"""threestudio's command line, mapped onto carv3d's.

    python launch.py --config C --train [--gpu 0] key=value ...

Keys of threestudio that have a counterpart are translated, the others are named in one error line.
"""

from __future__ import annotations

import argparse
import os
import sys

from carv3d.cli import main as carv3d
from carv3d.config.fields import keys
from carv3d.runtime.errors import UserError

KEYS = {
    "system.prompt_processor.prompt": "prompt",
    "system.guidance.pretrained_model_name_or_path": "teacher.path",
    "system.prompt_processor.pretrained_model_name_or_path": "teacher.path",  # carv3d has one place for it
    "system.guidance.guidance_scale": "objective.guidance_scale",
    "system.guidance.weighting_strategy": "objective.weighting",
    "system.guidance.min_step_percent": "objective.t_min",
    "system.guidance.max_step_percent": "objective.t_max",
    "system.loss.lambda_sparsity": "loss.lambda_sparsity",
    "system.loss.lambda_opaque": "loss.lambda_opaque",
    "system.geometry.density_blob_scale": "scene.nerf.blob_scale",
    "system.geometry.density_blob_std": "scene.nerf.blob_std",
    "data.elevation_range": "data.elevation_range",
    "data.camera_distance_range": "data.camera_distance_range",
    "data.fovy_range": "data.fovy_range",
    "data.batch_uniform_azimuth": "data.camera_strata",
    "trainer.val_check_interval": "trainer.preview_every",
    "checkpoint.every_n_train_steps": "checkpoint.every_n_train_steps",
}


def translate(override: str) -> str | None:
    """A ``key=value`` of threestudio's or carv3d's as one of carv3d's; None without a counterpart."""
    key, _, value = override.partition("=")
    own = keys()
    name = KEYS.get(key, key)
    if name not in own and not any(name.startswith(f"{k}.") for k in own):
        return None
    return f"{name}={schedule(value) if name in ('objective.t_min', 'objective.t_max') else value}"


def schedule(value: str) -> str:
    """threestudio's [start_step, v0, v1, end_step] as a schedule; anything else as it stands."""
    numbers = value.strip("[] ").split(",")
    if len(numbers) != 4:
        return value
    start, first, last, end = (n.strip() for n in numbers)
    return f"{{values: [{first}, {last}], steps: [{start}, {end}]}}"


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="launch.py", description=__doc__.splitlines()[0])
    parser.add_argument("--config", help="a YAML of carv3d's")
    parser.add_argument("--gpu", help="sets CUDA_VISIBLE_DEVICES, which wins if set")
    verb = parser.add_mutually_exclusive_group(required=True)
    verb.add_argument("--train", action="store_true")
    verb.add_argument("--test", action="store_true", help="the turntable of resume=RUN again")
    verb.add_argument("--export", action="store_true", help="resume=RUN as export.formats says, or as GLB")
    arguments, overrides = parser.parse_known_args(argv)
    if arguments.gpu is not None:
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", arguments.gpu)
    resume = [o.partition("=")[2] for o in overrides if o.startswith("resume=")]
    overrides = [o for o in overrides if not o.startswith("resume=")]
    try:
        lost = [o for o in overrides if "=" not in o or translate(o) is None]
        if lost:
            raise UserError(f"no counterpart in carv3d for {', '.join(o.partition('=')[0] for o in lost)}; "
                            "carv3d train --dry-run prints every key there is")
        for name, own in (("test", "render"), ("export", "export")):
            if getattr(arguments, name) and (not resume or overrides):
                raise UserError(f"--{name} needs resume=RUN and takes no other key; it is carv3d {own} RUN")
    except UserError as error:
        print(f"launch.py: error: {error}", file=sys.stderr)
        return 2
    if arguments.test or arguments.export:
        return carv3d(["render" if arguments.test else "export", resume[-1]])
    overrides = [translate(o) for o in overrides]
    if any(o.startswith("teacher.path=") for o in overrides):
        overrides.insert(0, "teacher.type=stable-diffusion")
    command = ["train", *overrides]
    if resume:
        command += ["--resume", resume[-1]]
    elif arguments.config:
        command += ["--config", arguments.config]
    return carv3d(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
