"""threestudio's command line, mapped onto carv3d's.

    python launch.py --config C --train [--gpu 0] key=value ...

C is a configuration of carv3d's or of threestudio's. Keys of threestudio that have a counterpart are translated; the
others are left out of a file, with a line for each, and are an error of one line as arguments.
"""

from __future__ import annotations

import os
import re
import sys
from argparse import Namespace
from pathlib import Path

from carv3d import config as configuration
from carv3d.cli import Parser
from carv3d.cli import main as carv3d
from carv3d.config import threestudio, yaml_text
from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError, one_line, shown
from carv3d.runtime.files import read_text
from carv3d.runtime.progress import say

OWN = {"test": "render", "validate": "eval", "export": "export"}  # threestudio's verb -> carv3d's command
FLAGS = {"export.video_frames": "--views", "export.video_size": "--size", "export.video_elevation": "--elevation"}
NO_EFFECT = ("verbose", "typecheck")  # options of threestudio's


def parser() -> Parser:
    top = Parser(prog="launch.py", description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    top.add_argument("--config", help="a YAML of carv3d's or of threestudio's")
    top.add_argument("--gpu", help="sets CUDA_VISIBLE_DEVICES, which wins if set")
    verb = top.add_mutually_exclusive_group(required=True)
    verb.add_argument("--train", action="store_true")
    verb.add_argument("--test", action="store_true", help="the turntable of resume=RUN again")
    verb.add_argument("--validate", action="store_true", help="the scores of resume=RUN again")
    verb.add_argument("--export", action="store_true", help="resume=RUN as export.formats says, or as GLB")
    for name in NO_EFFECT:
        top.add_argument(f"--{name}", action="store_true", help="threestudio's; has no effect here")
    return top


def command(argv: list[str]) -> list[str]:
    """The arguments of carv3d that an argument list of threestudio's means; UserError where it means none."""
    given, arguments = parser().parse_known_args(argv)
    _choose_gpu(given.gpu)
    for name in NO_EFFECT:
        if getattr(given, name):
            say(f"dropped: --{name}: no counterpart")
    resume = [argument.partition("=")[2] for argument in arguments if argument.startswith("resume=")]
    arguments = [argument for argument in arguments if not argument.startswith("resume=")]
    if resume and not resume[-1].strip():
        raise UserError("resume: none given; give a run folder, or one of its checkpoints")
    for verb, own in OWN.items():
        if getattr(given, verb):
            if not resume:
                raise UserError(f"--{verb} needs resume=RUN; it is carv3d {own} RUN")
            return _of_finished(own, resume[-1], given, arguments)
    overrides = threestudio.of_arguments(arguments)
    if resume:
        return ["train", f"--resume={resume[-1]}", *overrides]
    return ["train", *_of_config(given, overrides)]


def _of_finished(own: str, run: str, given: Namespace, arguments: list[str]) -> list[str]:
    """A command on a run, which has its own configuration: of the keys those that the command knows."""
    folder = Run.open(run).folder  # before anything is said
    if given.config:
        say(f"passed over: --config {given.config}: a run has its own")
    flags: list[str] = []
    kept: list[str] = []
    for argument in threestudio.of_arguments(arguments):
        key, _, value = argument.partition("=")
        if own == "export" and key == "export.formats":
            flags += [f"--format={each.strip()}" for each in value.strip("[]").split(",")]
        elif own == "export" and key.startswith("export."):
            kept.append(argument)
        elif own == "render" and key in FLAGS:
            flags.append(f"{FLAGS[key]}={value}")
        else:
            say(one_line(f"passed over: {argument}: not of carv3d {own}"))
    return [own, *flags, "--", str(folder) if own == "eval" else run, *kept]


def _choose_gpu(given: str | None) -> None:
    if given is not None:
        if not re.fullmatch(r"\d{1,4}(,\d{1,4})*", given):
            raise UserError(f"--gpu: {shown(given)} given; allowed: numbers divided by commas, such as 0 or 0,1")
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", given)


def _of_config(given: Namespace, overrides: list[str]) -> list[str]:
    """The overrides over a file of threestudio's, said key by key, or with --config for one of carv3d's."""
    if given.config is None:
        return overrides
    there = ", ".join(map(str, sorted(Path("configs").glob("*.yaml"))))
    text = read_text(Path(given.config), "--config", f"give {there and f'one of {there}' or 'the path of a YAML file'}")
    tree = yaml_text.read(text, f"--config {given.config}")
    if not isinstance(tree, dict) or not threestudio.recognised(tree):
        return [f"--config={given.config}", *overrides]
    found = threestudio.of_file(tree, lambda made: configuration.load(None, made))
    for line in (*found.mapped, *(f"dropped: {each}" for each in found.dropped)):
        say(one_line(line))
    return [*found.overrides, *overrides]


def main(argv: list[str]) -> int:
    try:
        arguments = command(argv)
    except UserError as error:
        print(f"launch.py: error: {error}", file=sys.stderr)
        return 2
    return carv3d(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
