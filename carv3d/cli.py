"""The command line. Only the chosen command's modules are loaded."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Callable
from typing import NoReturn

import carv3d
from carv3d.runtime.errors import UserError, of_the_machine
from carv3d.runtime.progress import say
from carv3d.runtime.threads import share_cores

_YAML = "YAML; what it does not name keeps its default; several: later ones count"


class Parser(argparse.ArgumentParser):
    """argparse with the project's one-line errors."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; {self.prog} --help lists what is allowed")


def parser() -> argparse.ArgumentParser:
    top = Parser(prog="carv3d", description="Text to 3D by score distillation with a variance-reduced gradient.")
    top.add_argument("--version", action="version", version=f"carv3d {carv3d.__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)

    train = commands.add_parser("train", help="a prompt becomes a scene and a video")
    train.add_argument("--config", metavar="FILE", action="append", help=_YAML)
    train.add_argument("--resume", metavar="RUN", help="a run folder, or one of its checkpoints, to go on from")
    train.add_argument("--dry-run", action="store_true", help="print the resolved configuration and its cost")
    train.add_argument("overrides", nargs="*", metavar="key=value", help='for example prompt="a red mushroom"')

    render = commands.add_parser("render", help="a run again, as video, GIF or frames; loads no teacher")
    render.add_argument("run", metavar="RUN")
    render.add_argument("--views", type=_whole(1, 100_000), default=120, metavar="N")
    render.add_argument("--size", type=_whole(0, 16384), default=0, metavar="S",
                        help="pixels; 0: 512 on CUDA, 256 on a CPU")
    render.add_argument("--elevation", type=_degrees, default=15.0, metavar="E", help="degrees, -90 to 90")
    render.add_argument("--format", default="mp4", metavar="mp4|gif|png")
    render.add_argument("--background", default="white", metavar="white|black|grey|transparent")
    render.add_argument("--out", metavar="DIR", help="default: RUN/save")

    export = commands.add_parser("export", help="a run as a mesh or as Gaussians for other programs; loads no teacher")
    export.add_argument("run", metavar="RUN", help="a run folder, or one of its checkpoints")
    export.add_argument("--format", action="append", metavar="glb|obj|ply", help="may be given again; default: the "
                        "run's export.formats, or glb")
    export.add_argument("--up", metavar="z|y|-y|world", help="axis that points up in obj (else y) and ply (else z); "
                        "world: carv3d's own axes, z up")
    export.add_argument("--resolution", type=_whole(16), metavar="N", help="grid points per axis for the surface")
    export.add_argument("--faces", type=_whole(100), metavar="N", help="triangles, about, at most")
    export.add_argument("--texture-size", type=_whole(0), metavar="S", help="texels a side; 0: colours at the vertices")
    export.add_argument("--pad-sh", action="store_true", help="ply: harmonics padded to degree 3, as Unity wants")
    export.add_argument("--out", metavar="DIR", help="default: RUN/save")
    export.add_argument("overrides", nargs="*", metavar="key=value", help="export.*, such as export.smooth=0")

    view = commands.add_parser("view", help="a run to turn in a browser, or a gallery of many")
    view.add_argument("path", metavar="RUN_OR_SWEEP", help="a run's folder, a sweep's, or one that holds such folders")
    view.add_argument("--port", type=_whole(0, 65535), default=0, metavar="N", help="default: any that is free")
    view.add_argument("--host", default="127.0.0.1", metavar="H", help="default: 127.0.0.1, this machine alone; to "
                      "others the address holds a random token")
    view.add_argument("--no-browser", action="store_true", help="only print the address")

    evaluate = commands.add_parser("eval", help="score a run: against the toybox's ground truth, by a CLIP model")
    evaluate.add_argument("run", metavar="RUN")
    evaluate.add_argument("--out", metavar="FILE", help="JSON; default: into RUN/summary.json")
    evaluate.add_argument("overrides", nargs="*", metavar="key=value", help="quality.clip=FOLDER")

    measure = commands.add_parser("measure", help="variance, costs and multipliers of a scene or a run")
    measure.add_argument("--config", metavar="FILE", action="append", help="YAML, for a fresh scene")
    measure.add_argument("--run", metavar="RUN", help="all checkpoints of a run folder, or the one named")
    measure.add_argument("--warm-up", type=_whole(0), default=0, metavar="N", help="steps a fresh scene trains first")
    measure.add_argument("--cameras", type=_whole(2, 10**5), default=48, metavar="N",
                         help="or of a student batches of outputs; intervals shrink with their root")
    measure.add_argument("--replicates", type=_whole(2, 10**4), default=2, metavar="R",
                         help="sets of a kind per camera")
    measure.add_argument("--k", type=_wholes, default=(1, 2, 4, 8, 16), metavar="1,2,4,...", help="numbers of draws")
    measure.add_argument("--views", type=_whole(2, 10**5), metavar="N",
                         help="instead: what the variance between views is made of, from N pairs of views")
    measure.add_argument("--out", metavar="DIR", help="default: RUN/measure, or outputs/measure/TAG@TIME")
    measure.add_argument("overrides", nargs="*", metavar="key=value")

    sweep = commands.add_parser("sweep", help="many runs from one file; again: what is still missing")
    sweep.add_argument("file", metavar="FILE", help="YAML: base, overrides, variants, grid, zip, prompts, seeds")
    sweep.add_argument("--workers", type=_whole(1, 4096), default=1, metavar="N",
                       help="runs at a time, sharing the cores")
    sweep.add_argument("--executor", choices=("local", "ray"), default="local", metavar="local|ray",
                       help="where runs are: this machine, or the nodes of a Ray cluster")
    sweep.add_argument("--resume", action="store_true", help="only go on with a sweep that there is")
    sweep.add_argument("--retry", action="store_true", help="also start failed cells again")
    sweep.add_argument("--dry-run", action="store_true", help="print the cells and their cost")
    sweep.add_argument("overrides", nargs="*", metavar="key=value", help="for every cell")

    report = commands.add_parser("report", help="what a sweep found, as one page with its figures and tables")
    report.add_argument("paths", nargs="+", metavar="SWEEP_OR_RUN", help="a sweep's folder or file, or run folders")
    report.add_argument("--baseline", metavar="NAME", help="what multipliers are over; default: the first variant")
    report.add_argument("--quality", metavar="NAME", help="a score of the runs; default: the first they have")
    report.add_argument("--levels", type=_levels, metavar="22,24,...", help="qualities whose cost is compared; "
                        "default: every 2 dB of PSNR")
    report.add_argument("--out", metavar="DIR", help="default: report/ in the first folder given")

    attribute = commands.add_parser("attribute", help="which training pictures made an output")
    attribute.add_argument("--config", metavar="FILE", action="append", help=_YAML)
    attribute.add_argument("--resume", metavar="RUN", help="a run folder to go on from")
    attribute.add_argument("--evaluate", action="store_true", help="retrain on halves of the pictures and say how well "
                           "the scores predict it; lds.subsets=32 lds.seeds=2")
    attribute.add_argument("overrides", nargs="*", metavar="key=value", help="model=FOLDER data=DIR queries=DIR "
                           "lora=FILE for your own; attribute.*, seed, exp_root_dir")

    distill = commands.add_parser("distill", help="a denoiser becomes a generator of one evaluation")
    distill.add_argument("--config", metavar="FILE", action="append", help=_YAML)
    distill.add_argument("--resume", metavar="RUN", help="a run folder, or one of its checkpoints, to go on from")
    distill.add_argument("overrides", nargs="*", metavar="key=value", help="distill.*, seed, exp_root_dir, and others")

    sample = commands.add_parser("sample", help="pictures from a teacher, or in one step from a student")
    sample.add_argument("source", metavar="RUN_OR_FOLDER", help="a run of carv3d distill, a model in the format of "
                        "Stable Diffusion, or bundled")
    sample.add_argument("--prompt", action="append", metavar="TEXT", help="may be given again: a row of the sheet each")
    sample.add_argument("--number", type=_whole(1, 10_000), default=8, metavar="N", help="pictures of each prompt")
    sample.add_argument("--steps", type=_whole(1, 1000), metavar="N", help="of DDIM; default: 50, a student's are one")
    sample.add_argument("--guidance", type=_scale, metavar="G", help="default: 7.5, of the bundled teacher 1")
    sample.add_argument("--seed", type=_whole(0), default=0, metavar="S")
    sample.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", metavar="auto|cpu|cuda")
    sample.add_argument("--out", metavar="DIR", help="default: RUN/save/pictures, or outputs/samples/NAME@TIME")

    prompts = commands.add_parser("prompts", help="what the embedded teacher knows")
    prompts.add_argument("--all", action="store_true", help="every single prompt, one per line")

    doctor = commands.add_parser("doctor", help="what works here and what would enable the rest")
    doctor.add_argument("--exp-root-dir", default="outputs", metavar="DIR")
    doctor.add_argument("--cuda", action="store_true", help="only the GPU's road: what works, and what brings the rest")
    return top


def _whole(least: int, most: int = 10**9) -> Callable[[str], int]:
    def whole(text: str) -> int:
        value = int(text) if len(text) < 20 else most + 1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} given; allowed: a whole number from {least} to {most}")
        return value

    whole.__name__ = "whole number"
    return whole


def _degrees(text: str) -> float:
    value = float(text)
    if not -90 <= value <= 90:
        raise argparse.ArgumentTypeError(f"{text} given; allowed: degrees from -90 to 90")
    return value


_degrees.__name__ = "number"


def _scale(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text} given; allowed: a number from 0 to 1000")
    return value


_scale.__name__ = "number"


def _wholes(text: str) -> tuple[int, ...]:
    return tuple(map(_whole(1), text.split(",")))


_wholes.__name__ = "comma-separated list of whole numbers"


def _levels(text: str) -> list[float]:
    values = sorted(set(map(float, text.split(","))))
    if not all(abs(value) <= 1000 for value in values) or len(values) > 16:
        raise argparse.ArgumentTypeError(f"{text} given; allowed: up to 16 numbers from -1000 to 1000")
    return values


_levels.__name__ = "comma-separated list of numbers"


def _joined(argv: list[str]) -> list[str]:
    """With ``--up -y`` as one word: argparse would take -y for an option."""
    out: list[str] = []
    for word in argv:
        if word == "-y" and out and out[-1] == "--up":
            out[-1] = "--up=-y"
        else:
            out.append(word)
    return out


def _parsed(argv: list[str]) -> argparse.Namespace:
    """argparse gives up key=value after an option, where a positional came before it."""
    args, rest = parser().parse_known_args(argv)
    if stray := [word for word in rest if word.startswith("-") or "=" not in word or not hasattr(args, "overrides")]:
        raise UserError(f"unrecognized arguments: {' '.join(stray)}; carv3d {args.command} --help lists what is "
                        "allowed")
    if rest:
        args.overrides += rest
    return args


MODULES = {"train": "train", "render": "render", "export": "export", "view": "view", "eval": "evaluate",
           "measure": "measure", "sweep": "sweep", "report": "report", "attribute": "attribute", "distill": "distill",
           "sample": "sample", "prompts": "prompts", "doctor": "doctor"}


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status. A user's mistake, or a refusal of the machine's, is one line on stderr
    and status 2."""
    argv = sys.argv[1:] if argv is None else argv
    share_cores()
    _open_streams()
    try:
        status = _command(argv)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except UserError as error:
        return _refuse(error)
    except KeyboardInterrupt:
        say("carv3d: stopped")
        return 130
    except BrokenPipeError:
        _give_up_stdout()
        return 1
    except Exception as error:
        if (known := of_the_machine(error)) is None:
            raise
        return _refuse(known)


def _command(argv: list[str]) -> int:
    if argv and not argv[0].startswith("-") and argv[0] not in MODULES:
        near = difflib.get_close_matches(argv[0], MODULES, 1)
        raise UserError(f"{argv[0]}: no such command{f'; did you mean {near[0]}?' if near else ''} "
                        f"allowed: {', '.join(MODULES)}")
    args = _parsed(_joined(argv))
    status: int = importlib.import_module(f"carv3d.commands.{MODULES[args.command]}").main(args)
    return status


def _refuse(error: UserError) -> int:
    say(f"carv3d: error: {error}")
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _give_up_stdout()
    return 2


def _open_streams() -> None:
    """A stream that was closed must not lend its number to a file, and any name must be printable in any locale."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(errors="backslashreplace")


def _give_up_stdout() -> None:
    """What is left in its buffer would fail again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
