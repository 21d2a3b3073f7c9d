"""The command line. Only the chosen command's modules are loaded."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib
import os
import sys
from collections.abc import Callable
from typing import NoReturn

import carv3d
from carv3d.runtime import progress
from carv3d.runtime.errors import UserError, of_the_machine, shown
from carv3d.runtime.files import as_json
from carv3d.runtime.progress import say
from carv3d.runtime.threads import share_cores
from carv3d.runtime.types import Record

_YAML = "YAML; what it does not name keeps its default; several: later ones count"
_PROMPT = "the prompt, as well as words without ="
_SWITCHES = """the switches, as key=value, in short and in full:
  K=4           estimator.k: teacher draws for each rendered view, a number or
                auto, which measures what pays
  is=off        estimator.importance_sampling of the noise levels
  strat=off     estimator.stratified: noise levels in strata
  noise=iid     estimator.noise: antithetic, zero_sum or iid
  guidance=7.5  objective.guidance_scale
  steps=2000    trainer.max_steps
carv3d train --dry-run prints all other options with their values.

"""
_EXAMPLES = {
    "train": 'carv3d train "a green mug"\n  carv3d train "a green mug" K=4 is=off steps=400 -o outputs/mug\n'
             "  carv3d train --resume outputs/mug steps=800",
    "render": "carv3d render outputs/mug --format gif --size 256",
    "export": "carv3d export outputs/mug --format glb --format obj",
    "view": "carv3d view outputs\n  carv3d view outputs/mug --no-browser --port 8000\n  carv3d view outputs/mug --live",
    "eval": "carv3d eval outputs/mug",
    "measure": "carv3d measure --run outputs/mug\n  carv3d measure \"a green mug\" --warm-up 200 guidance=7.5",
    "sweep": "carv3d sweep configs/sweeps/effective_compute_quick.yaml --workers 2",
    "report": "carv3d report outputs/effective_compute_quick",
    "attribute": "carv3d attribute",
    "distill": "carv3d distill distill.steps=2000",
    "sample": 'carv3d sample bundled --prompt "a green mug"',
    "prompts": "carv3d prompts --all",
    "doctor": "carv3d doctor"}


class Parser(argparse.ArgumentParser):
    """argparse with the project's one-line errors."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; {self.prog} --help lists what is allowed")


def parser() -> argparse.ArgumentParser:
    top = Parser(prog="carv3d", description="Text to 3D by score distillation with a variance-reduced gradient.")
    top.add_argument("--version", action="version", version=f"carv3d {carv3d.__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)

    def command(name: str, does: str, before: str = "") -> Parser:
        made: Parser = commands.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.",
                                           epilog=f"{before}for example:\n  {_EXAMPLES[name]}",
                                           formatter_class=argparse.RawDescriptionHelpFormatter)
        made.add_argument("--quiet", action="store_true", help="say nothing but warnings and errors")
        made.add_argument("--json", action="store_true", help="stdout is one JSON object: status, results or error")
        return made

    train = command("train", "a prompt becomes a scene and a video", _SWITCHES)
    train.add_argument("--config", metavar="FILE", action="append", help=_YAML)
    train.add_argument("--resume", metavar="RUN", help="a run folder, or one of its checkpoints, to go on from")
    train.add_argument("--dry-run", action="store_true", help="print the resolved configuration and its cost")
    train.add_argument("--view", action="store_true", help="show the scene in a browser while it trains "
                       "(viewer.enabled; port, host: viewer.*)")
    train.add_argument("--prompt", metavar="TEXT", help=_PROMPT)
    train.add_argument("-o", "--out", metavar="DIR", help="the run's folder, new or empty; default: outputs/carv3d/"
                       "PROMPT@TIME (exp_root_dir, name, tag)")
    train.add_argument("overrides", nargs="*", metavar="PROMPT key=value", help="the prompt, and options")

    render = command("render", "a run again, as video, GIF or frames; loads no teacher")
    render.add_argument("run", metavar="RUN", help="a run folder, or one of its checkpoints")
    render.add_argument("--views", type=_whole(1, 100_000), default=120, metavar="N", help="frames of a turn")
    render.add_argument("--size", type=_whole(0, 16384), default=0, metavar="S",
                        help="pixels; 0: 512 on CUDA, 256 on a CPU")
    render.add_argument("--elevation", type=_degrees, default=15.0, metavar="E", help="degrees, -90 to 90")
    render.add_argument("--format", default="mp4", metavar="mp4|gif|png", help="png: a folder of frames")
    render.add_argument("--background", default="white", metavar="white|black|grey|transparent",
                        help="transparent: of frames alone")
    render.add_argument("--out", metavar="DIR", help="default: RUN/save")

    export = command("export", "a run as a mesh or as Gaussians for other programs; loads no teacher")
    export.add_argument("run", metavar="RUN", help="a run folder, or one of its checkpoints")
    export.add_argument("--format", action="append", metavar="F", help="glb, obj, usdz, stl: meshes; ply, splat, spz, "
                        "compressed.ply, splat.glb, points.ply: Gaussians; all; may be given again; default: the "
                        "run's export.formats, or glb")
    export.add_argument("--up", metavar="z|y|-y|world", help="axis that points up in obj (else y), stl, ply (else z), "
                        "splat and compressed.ply (else -y); world: carv3d's own axes, z up")
    export.add_argument("--resolution", type=_whole(16), metavar="N", help="grid points per axis for the surface")
    export.add_argument("--faces", type=_whole(100), metavar="N", help="triangles, about, at most")
    export.add_argument("--texture-size", type=_whole(0), metavar="S", help="texels a side; 0: colours at the vertices")
    export.add_argument("--pad-sh", action="store_true", help="ply: harmonics padded to degree 3, as Unity wants")
    export.add_argument("--out", metavar="DIR", help="default: RUN/save")
    export.add_argument("overrides", nargs="*", metavar="key=value", help="export.*, such as export.smooth=0")

    view = command("view", "a run to turn in a browser, or a gallery of many")
    view.add_argument("path", metavar="RUN_OR_SWEEP", help="a run's folder, a sweep's, or one that holds such folders")
    view.add_argument("--port", type=_whole(0, 65535), default=0, metavar="N", help="default: any that is free")
    view.add_argument("--host", default="127.0.0.1", metavar="H", help="default: 127.0.0.1, this machine alone; to "
                      "others the address holds a random token")
    view.add_argument("--live", action="store_true", help="of one run: drawn here from its checkpoint, as while it "
                      "trains, with camera paths to video (needs viser)")
    view.add_argument("--no-browser", action="store_true", help="only print the address")

    evaluate = command("eval", "score a run: against the toybox's ground truth, by a CLIP model")
    evaluate.add_argument("run", metavar="RUN", help="a run folder, or one of its checkpoints with --out")
    evaluate.add_argument("--out", metavar="FILE", help="JSON; default: into RUN/summary.json")
    evaluate.add_argument("overrides", nargs="*", metavar="key=value", help="quality.clip=FOLDER")

    measure = command("measure", "variance, costs and multipliers of a scene or a run")
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
    measure.add_argument("--prompt", metavar="TEXT", help=_PROMPT)
    measure.add_argument("overrides", nargs="*", metavar="PROMPT key=value", help="of a fresh scene; options")

    sweep = command("sweep", "many runs from one file; again: what is still missing")
    sweep.add_argument("file", metavar="FILE", help="YAML: base, overrides, variants, grid, zip, prompts, seeds")
    sweep.add_argument("--workers", type=_whole(1, 4096), default=1, metavar="N",
                       help="runs at a time, sharing the cores")
    sweep.add_argument("--executor", choices=("local", "ray"), default="local", metavar="local|ray",
                       help="where runs are: this machine, or the nodes of a Ray cluster")
    sweep.add_argument("--resume", action="store_true", help="only go on with a sweep that there is")
    sweep.add_argument("--retry", action="store_true", help="also start failed cells again")
    sweep.add_argument("--dry-run", action="store_true", help="print the cells and their cost")
    sweep.add_argument("overrides", nargs="*", metavar="key=value", help="for every cell")

    report = command("report", "what a sweep found, as one page with its figures and tables")
    report.add_argument("paths", nargs="+", metavar="SWEEP_OR_RUN", help="a sweep's folder or file, or run folders")
    report.add_argument("--baseline", metavar="NAME", help="what multipliers are over; default: the first variant")
    report.add_argument("--quality", metavar="NAME", help="a score of the runs; default: the first they have")
    report.add_argument("--levels", type=_levels, metavar="22,24,...", help="qualities whose cost is compared; "
                        "default: every 2 dB of PSNR")
    report.add_argument("--out", metavar="DIR", help="default: report/ in the first folder given")

    attribute = command("attribute", "which training pictures made an output")
    attribute.add_argument("--config", metavar="FILE", action="append", help=_YAML)
    attribute.add_argument("--resume", metavar="RUN", help="a run folder to go on from")
    attribute.add_argument("--evaluate", action="store_true", help="retrain on halves of the pictures and say how well "
                           "the scores predict it; lds.subsets=32 lds.seeds=2")
    attribute.add_argument("overrides", nargs="*", metavar="key=value", help="model=FOLDER data=DIR queries=DIR "
                           "lora=FILE for your own; attribute.*, seed, exp_root_dir")

    distill = command("distill", "a denoiser becomes a generator of one evaluation")
    distill.add_argument("--config", metavar="FILE", action="append", help=_YAML)
    distill.add_argument("--resume", metavar="RUN", help="a run folder, or one of its checkpoints, to go on from")
    distill.add_argument("overrides", nargs="*", metavar="key=value", help="distill.*, seed, exp_root_dir, and others")

    sample = command("sample", "pictures from a teacher, or in one step from a student")
    sample.add_argument("source", metavar="RUN_OR_FOLDER", help="a run of carv3d distill, a model in the format of "
                        "Stable Diffusion, or bundled")
    sample.add_argument("--prompt", action="append", metavar="TEXT", help="may be given again: a row of the sheet each")
    sample.add_argument("--number", type=_whole(1, 10_000), default=8, metavar="N", help="pictures of each prompt")
    sample.add_argument("--steps", type=_whole(1, 1000), metavar="N", help="of DDIM; default: 50, a student's are one")
    sample.add_argument("--guidance", type=_scale, metavar="G", help="default: 7.5, of the bundled teacher 1")
    sample.add_argument("--seed", type=_whole(0), default=0, metavar="S", help="of the noise that sampling begins with")
    sample.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", metavar="auto|cpu|cuda",
                        help="auto: cuda where there is one")
    sample.add_argument("--out", metavar="DIR", help="default: RUN/save/pictures, or outputs/samples/NAME@TIME")

    prompts = command("prompts", "what the embedded teacher knows")
    prompts.add_argument("--all", action="store_true", help="every single prompt, one per line")

    doctor = command("doctor", "what works here and what would enable the rest")
    doctor.add_argument("--exp-root-dir", default="outputs", metavar="DIR", help="where runs would be written")
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


ELSEWHERE = {  # what options are called elsewhere
    "--output": "--out", "--output-dir": "--out", "--name": "name=NAME", "--seed": "seed=N", "--k": "K=N",
    "--gpu": "CUDA_VISIBLE_DEVICES=N before the command", "--steps": "steps=N", "--iters": "steps=N",
    "--max-steps": "steps=N", "--guidance": "guidance=G", "--teacher": "teacher.type=T",
    "--model": "teacher.path=FOLDER", "--text": "--prompt", "--viewer": "--view", "--vis": "--view"}


def _meant(command: str, word: str) -> str:
    """What an option that there is not may have been meant for."""
    (commands,) = (each for each in parser()._actions if isinstance(each, argparse._SubParsersAction))
    options = [name for action in commands.choices[command]._actions for name in action.option_strings]
    name = word.split("=")[0].replace("_", "-").lower()
    near = [ELSEWHERE[name]] if name in ELSEWHERE else difflib.get_close_matches(name, options, 1, 0.7)
    return f"; did you mean {near[0]}?" if near and near[0] != name else ";"


def _parsed(argv: list[str]) -> argparse.Namespace:
    """argparse gives up key=value after an option, where a positional came before it."""
    args, rest = parser().parse_known_args(argv)
    prompt = hasattr(args, "overrides") and hasattr(args, "prompt")  # of which words without = are a part
    if stray := [word for word in rest if word.startswith("-") or not (prompt or "=" in word and
                                                                       hasattr(args, "overrides"))]:
        raise UserError(f"unrecognized arguments: {' '.join(stray)}{_meant(args.command, stray[0])} "
                        f"carv3d {args.command} --help lists what is allowed")
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
        with contextlib.suppress(UserError):
            _tell({"status": 130})
        return 130
    except BrokenPipeError:
        _give_up_stdout()
        return 1
    except Exception as error:
        if (known := of_the_machine(error)) is None:
            raise
        return _refuse(known)


OTHERS = {"run": "train", "launch": "train", "generate": "train", "optimize": "train", "resume": "train --resume",
          "test": "render", "video": "render", "mesh": "export", "convert": "export", "evaluate": "eval",
          "benchmark": "measure"}  # what commands are called elsewhere


def _command(argv: list[str]) -> int:
    progress.settle("--quiet" in argv, "--json" in argv)
    if not argv:
        parser().print_help()
        return 0
    if not argv[0].startswith("-") and argv[0] not in MODULES:
        near = [OTHERS[argv[0]]] if argv[0] in OTHERS else difflib.get_close_matches(argv[0], MODULES, 1)
        if not near and " " in argv[0]:
            near = [f'train "{shown(argv[0])[1:-1]}"']
        raise UserError(f"{shown(argv[0])[1:-1]}: no such command{f'; did you mean {near[0]}?' if near else ';'} "
                        f"allowed: {', '.join(MODULES)}")
    args = _parsed(_joined(argv))
    status: int = importlib.import_module(f"carv3d.commands.{MODULES[args.command]}").main(args)
    _tell({"status": status})
    return status


def _tell(how: Record) -> None:
    """With --json, what came of the command."""
    if (found := progress.collected()) is not None:
        progress.settle(False, False)
        progress.put(as_json(how | found))


def _refuse(error: UserError) -> int:
    say(f"carv3d: error: {error}")
    with contextlib.suppress(UserError):
        _tell({"status": 2, "error": str(error)})
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
