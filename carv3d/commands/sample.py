"""carv3d sample: pictures from a teacher, or in one step from a student."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from carv3d import digits
from carv3d.commands import students
from carv3d.config.schema import Config
from carv3d.diffusion import loading, weights
from carv3d.diffusion.folder import require_one
from carv3d.onestep import folder, results, world
from carv3d.onestep.latent import Latent
from carv3d.onestep.networks import Denoiser, Digits
from carv3d.onestep.student import Start
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run, fresh_folder
from carv3d.runtime import devices
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import expanded, make_folder, write_bytes
from carv3d.runtime.progress import Progress, result
from carv3d.runtime.rng import generator

STEPS, AT_ONCE, COLUMNS = 50, 64, 8  # of a teacher's; pictures made together; pictures in a row of the sheet
BUNDLED = "bundled"


class Asked(NamedTuple):
    """network: a student's, or None for the teacher. home: where pictures lie unless the user says otherwise."""

    denoiser: Denoiser
    network: nn.Module | None
    home: Path | None


def main(args: Namespace) -> int:
    asked = _of_run(args) if (Path(args.source) / "config.yaml").is_file() else _of_folder(args)
    steps = args.steps or (STEPS if asked.network is None else 1)
    if asked.network is not None and steps > 1:
        raise UserError(f"--steps {steps}: {args.source} is a student, whose pictures take one step; leave it out")
    net = asked.denoiser
    words = args.prompt or [""]
    prompt = torch.arange(len(words)).repeat_interleave(args.number).to(net.device)
    noise = torch.randn(len(prompt), *net.shape, generator=generator(args.seed, "sample")).to(net.device)
    start = Start(noise, prompt)
    with Progress("pictures", -(-len(prompt) // AT_ONCE) * steps) as bar:
        if asked.network is None:
            made = world.sampled(net, start, steps, AT_ONCE, bar.to)
        else:
            made = _generated(net, asked.network, start, bar)
    pictures = net.pictures(made)
    out = _out(args, asked)
    for number, picture in enumerate(pictures):
        write_bytes(out / f"{number:04d}.png", results.png(picture))
    rows = [row for part in pictures.split(args.number) for row in part.split(COLUMNS)]
    write_bytes(out / "sheet.png", results.png(results.sheet([_filled(row, len(rows[0])) for row in rows], COLUMNS)))
    result(out / "sheet.png")
    return 0


@torch.no_grad()
def _generated(net: Denoiser, network: nn.Module, start: Start, bar: Progress) -> Tensor:
    parts = []
    for noise, prompt in zip(start.noise.split(AT_ONCE), start.prompt.split(AT_ONCE), strict=True):
        parts.append(net.generate(network, noise, prompt))
        bar.add()
    return torch.cat(parts)


def _filled(row: Tensor, columns: int) -> Tensor:
    """White in the places of a last row that is short."""
    return torch.cat([row, row.new_ones(columns - len(row), *row.shape[1:])])


def _out(args: Namespace, asked: Asked) -> Path:
    if args.out:
        made = expanded(args.out, "--out")
    elif asked.home:
        made = asked.home
    else:
        return fresh_folder(Config(tag=Path(args.source).name), "samples")
    make_folder(made, "--out")
    return made


def _of_folder(args: Namespace) -> Asked:
    """A folder in the Stable Diffusion format, a student's among them, or the bundled teacher."""
    if args.source == BUNDLED:
        place = weights.bundled()
    else:
        place = expanded(args.source, "RUN_OR_FOLDER")
        if not (place / "model_index.json").is_file():
            raise UserError(f"{args.source} is no run of carv3d distill and no model in the format of Stable Diffusion "
                            f"(no model_index.json in it); give one of these, or {BUNDLED}")
        require_one(place, args.source, "carv3d sample")
    return _latent(args, place, args.source == BUNDLED)


def _latent(args: Namespace, place: Path, toybox: bool, home: Path | None = None) -> Asked:
    if not args.prompt:
        raise UserError("--prompt is missing; say what the pictures are of, for example --prompt \"a red mug\"")
    timestep = folder.timestep(place)
    if timestep is not None and args.guidance not in (None, 1.0):
        raise UserError(f"--guidance {args.guidance:g}: {args.source} is a student, whose guidance is in its weights; "
                        "leave it out")
    device = devices.device(args.device)
    guidance = 1.0 if toybox or timestep is not None else students.GUIDANCE
    auto = loading.encoder_dtype(device) if device.type == "cuda" else torch.float32
    made = Latent(place, args.prompt, Config().teacher, guidance if args.guidance is None else args.guidance,
                  timestep or 0, auto, device)
    return Asked(made, None if timestep is None else made.teacher, home)


def _of_run(args: Namespace) -> Asked:
    """What a run of carv3d distill has made: its student's folder, or as far as its newest checkpoint has come."""
    run = Run.open(args.source, "distill")
    config, home = run.config(), run.save / "pictures"
    if config.distill.prompts and (run.save / folder.NAME / folder.NOTE).is_file():
        return _latent(args, run.save / folder.NAME, False, home)
    state = checkpoint.load(checkpoint.newest(run.ckpts))
    if config.distill.prompts:
        raise UserError(f"{run.folder} has no save/{folder.NAME} yet; go on with carv3d distill --resume, which makes "
                        "it when it ends or is stopped")
    if args.prompt:
        raise UserError("--prompt given, but this student makes digits and reads no words; leave it out")
    net = Digits(digits.Denoisers(1, digits.Recipe(), generator(0, "any")))
    net.start = config.distill.start or net.start
    with checkpoint.fitting(state["path"]):
        net.teacher.load_state_dict(state["student"]["average"])
    return Asked(net, net.teacher, home)
