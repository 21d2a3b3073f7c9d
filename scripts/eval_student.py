"""A student of the bundled teacher against the teacher's own samples by DDIM, judged as scripts/eval_teacher.py judges.

usage: python scripts/eval_student.py RUN_OR_FOLDER [--count 120] [--steps 1 4 50] [--each 8] [--sheet FILE]

The same prompts (single objects with a view, half of them held out from the teacher and the student) and the same
noise for all, words alone told; truths under the toybox's own light, which the teacher has learned to make where it is
told none. Right: nearer to the truth of its own prompt than to that of any of 200 distractors. Intervals: 95 %,
bootstrap over prompts, paired. Beside it, on --each samples of every tenth prompt and as many renders of the same (the
camera anywhere in the view, the background any colour): diversity, the mean distance of two samples of a prompt in
latent space, the renders' being 1; the standard deviation of the background's colour, 0.289 where it is uniform; the
sliced Wasserstein distance to the renders, whose own to others of them is what chance leaves. Markdown on stdout.
"""

from __future__ import annotations

import argparse
import random
import sys
from itertools import product
from pathlib import Path

import torch
from eval_teacher import judge, sheet
from torch import Tensor

from carv3d.cameras import orbit
from carv3d.carv.bootstrap import Bootstrap, interval
from carv3d.config.schema import TeacherConfig
from carv3d.diffusion.loading import model
from carv3d.diffusion.prompts import VIEWS, view_prompt
from carv3d.diffusion.weights import bundled
from carv3d.export.images import write_png
from carv3d.lights import AMBIENT, fixed
from carv3d.onestep import folder
from carv3d.onestep.latent import Latent
from carv3d.onestep.quality import apart, sliced_wasserstein
from carv3d.runtime.progress import Progress
from carv3d.runtime.rng import generator
from carv3d.toybox.grammar import caption, singles
from carv3d.toybox.lists import held_out
from carv3d.toybox.tracer import render

AT_ONCE = 30


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("student", type=Path)
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 4, 50])
    parser.add_argument("--each", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    place = args.student / "save" / folder.NAME if (args.student / "config.yaml").is_file() else args.student
    draw = random.Random(args.seed)
    cells = [cell for held in (False, True) for cell in draw.sample(
        [(spec, view) for spec, view in product(singles(), VIEWS[8]) if held_out(spec) == held], args.count // 2)]
    texts = [view_prompt(caption(spec), view) for spec, view in cells]
    teacher, student = (Latent(where, texts, TeacherConfig(), 1.0, folder.timestep(where) or 0, torch.float32,
                               torch.device("cpu")) for where in (bundled(), place))
    made = pictures(teacher, student, torch.arange(len(cells)), "judged", args)
    made["renders"] = renders(cells, torch.arange(len(cells)), teacher, args.seed + 2)
    right = {name: verdicts(name, teacher.pictures(latents), cells) for name, latents in made.items()}
    several = torch.arange(0, len(cells), 10).repeat_interleave(args.each)
    many = pictures(teacher, student, several, "several", args)
    many["renders"] = renders(cells, several, teacher, args.seed)
    spread = {name: float(background(teacher.pictures(latents)).std(0).mean()) for name, latents in many.items()}
    print(table(right, many, several, renders(cells, several, teacher, args.seed + 1), spread, args))
    if args.sheet:
        rows = torch.cat([teacher.pictures(latents[::max(len(cells) // 12, 1)][:12]) for latents in made.values()])
        write_png(args.sheet, sheet(rows, 12))
    return 0


@torch.no_grad()
def pictures(teacher: Latent, student: Latent, prompt: Tensor, purpose: str, args: argparse.Namespace
             ) -> dict[str, Tensor]:
    """Latents by name: of the teacher by steps, and of the student."""
    noise = torch.randn(len(prompt), *teacher.shape, generator=generator(args.seed, f"eval student {purpose}"))
    parts = list(zip(noise.split(AT_ONCE), prompt.split(AT_ONCE), strict=True))
    out = {}
    for count in args.steps:
        with Progress(f"{purpose}: teacher, {count} steps", len(parts)) as bar:
            out[f"teacher, {count} DDIM step{'s' * (count > 1)}"] = torch.cat(
                [(teacher.sample(z, p, count), bar.add())[0] for z, p in parts])
    out["student, one step"] = torch.cat([student.generate(student.teacher, z, p) for z, p in parts])
    return out


@torch.no_grad()
def renders(cells: list, several: Tensor, teacher: Latent, seed: int) -> Tensor:
    """Latents of the toybox's own pictures of the same prompts."""
    vae = model(bundled(), "vae", "", torch.float32).eval()
    draw, images = random.Random(seed), []
    for number in several.tolist():
        spec, view = cells[number]
        azimuth = view.centres_deg[0] + draw.uniform(-1, 1) * view.half_width_deg
        elevation = draw.uniform(60, 85) if view.overhead else draw.uniform(-15, 60)
        cameras = orbit([azimuth], [elevation], draw.uniform(2.3, 3.0), 40.0, 64, 64)
        rgba = render(spec, cameras, fixed(1, AMBIENT)).rgba
        colour = torch.tensor([draw.random() for _ in range(3)])
        images.append(rgba[..., :3] + colour * (1 - rgba[..., 3:]))
    own, flat = vae.config, torch.cat(images).permute(0, 3, 1, 2)
    latents = torch.cat([vae.encode(2 * part - 1).latent_dist.mean for part in flat.split(AT_ONCE)])
    return (latents - (own.shift_factor or 0.0)) * own.scaling_factor


def background(images: Tensor) -> Tensor:
    """[n,H,W,3] -> the median colour of each border, [n,3]."""
    border = torch.cat([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], 1)
    return border.median(1).values


def _spread(latents: Tensor, reference: Tensor, prompt: Tensor, colours: float) -> list[str]:
    flat = latents.flatten(1).double()
    return [f"{apart(flat, prompt) / apart(reference, prompt):.2f}", f"{colours:.3f}",
            f"{sliced_wasserstein(flat, reference):.3f}"]


def verdicts(name: str, made: Tensor, cells: list) -> list[dict]:
    found = []
    with Progress(f"judging {name}", len(cells)) as bar:
        for picture, (spec, view) in zip(made, cells, strict=True):
            found.append(judge(picture, spec, view, ambient=AMBIENT))
            bar.add()
    return found


def table(right: dict[str, list[dict]], many: dict[str, Tensor], prompt: Tensor, reference: Tensor,
          spread: dict[str, float], args: argparse.Namespace) -> str:
    boot = Bootstrap(args.count, generator(args.seed, "eval student: bootstrap"))
    columns = {name: {key: torch.tensor([float(row[key]) for row in rows]) for key in ("right", "view right", "psnr")}
               for name, rows in right.items()}
    student = columns["student, one step"]
    flat = reference.flatten(1).double()
    lines = [f"{args.count} prompts, half held out; seed {args.seed}", "",
             "| | right | student less it, % | view right | PSNR to the nearest truth, dB | student less it, dB | "
             "diversity | background | sliced Wasserstein |", "|---|---|---|---|---|---|---|---|---|"]
    for name, column in columns.items():
        cells = [name, f"{100 * column['right'].mean():.1f} %"]
        for key, factor in (("right", 100), ("psnr", 1)):
            lead = interval(boot.mean(factor * (student[key] - column[key]).double()), args.count)
            told = "" if column is student else f"{lead['value']:.1f} [{lead['low']:.1f}, {lead['high']:.1f}]"
            cells += [told, f"{100 * column['view right'].mean():.1f} %", f"{column['psnr'].mean():.1f}"] if (
                key == "right") else [told]
        lines.append(f"| {' | '.join([*cells, *_spread(many[name], flat, prompt, spread[name])])} |")
    for held, word in enumerate(("seen", "held out")):
        half = slice(args.count // 2 * held, args.count // 2 * (held + 1))
        lines.append(f"\n{word}: " + ", ".join(f"{name} {100 * column['right'][half].mean():.1f} %"
                                               for name, column in columns.items()))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
