"""Does a teacher see which way a scene faces, and would score distillation make up its mind?

usage: python scripts/eval_turns.py [--joint FOLDER] [--guidance 1 7.5] [--draws 6] [--prompts "a red car" ...]

Four views of the toybox's own object, 90 degrees apart, are mixed in latents with the mean of all its turns: the mean
plus a share of the way to the true views. Noise is added, and what the teacher says of the clean latents is projected
on that way: an answer above the share means that, at this noise level, score distillation turns a little of a direction
into more, below it that the scene stays the mean of its turns. The last share, 1, asks how well the turn of a true
object is seen. Without view words, of three teachers: the bundled one told the camera, told none, and with --joint one
of four views together. Markdown on stdout, means over draws.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from torch import Tensor

from carv3d import config as configuration
from carv3d import teachers
from carv3d.cameras import Cameras, orbit
from carv3d.diffusion.guidance import branches, guide
from carv3d.diffusion.teacher import Teacher
from carv3d.export.images import BACKGROUNDS
from carv3d.runtime import rng
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import say
from carv3d.toybox import quality

PROMPTS = ("a red car", "a white snowman", "a yellow house")
LEVELS, SHARES = (0.6, 0.5, 0.4, 0.3, 0.2), (0.1, 0.3, 0.6, 1.0)
TURNS, VIEWS = 24, 4


def around(first: int) -> tuple[list[int], Cameras]:
    """Four of the circle's turns, from the first, and their cameras."""
    index = [(first + TURNS // VIEWS * i) % TURNS for i in range(VIEWS)]
    return index, orbit([360.0 / TURNS * i for i in index], 15.0, 2.65, 40.0, 64, 64)


@torch.no_grad()
def answers(teacher: Teacher, truths: Tensor, guidance: float, draws: int) -> Tensor:
    """[levels,shares]: components along the way. truths: latents [TURNS,c,h,w] of an object around the circle."""
    mean, schedule = truths.mean(0, keepdim=True), teacher.schedule
    wanted = branches(guidance)
    found = torch.zeros(len(LEVELS), len(SHARES))
    for draw in range(draws):
        generator = rng.generator(0, "turns", draw)
        index, cameras = around(int(torch.randint(TURNS, (), generator=generator)))
        condition = teacher.condition(cameras, torch.full((VIEWS, 3), BACKGROUNDS["grey"]))
        way = truths[index] - mean
        for i, level in enumerate(LEVELS):
            timestep = torch.full((VIEWS,), round(level * schedule.timesteps))
            for j, share in enumerate(SHARES):
                noise = torch.randn(way.shape, generator=generator)
                noisy = schedule.add_noise(mean + share * way, noise, timestep)
                said = teacher.predict(noisy, timestep, condition, torch.arange(VIEWS), wanted)
                clean = schedule.x0_from_eps(noisy, guide(said, guidance), timestep)
                found[i, j] += float(((clean - mean) * way).sum() / way.square().sum()) / draws
    return found


def main() -> int:
    known = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    known.add_argument("--joint", type=Path)
    known.add_argument("--guidance", type=float, nargs="+", default=[1.0])
    known.add_argument("--draws", type=int, default=6)
    known.add_argument("--prompts", nargs="+", default=list(PROMPTS))
    args = known.parse_args()
    ways = {"told the camera": ["data.views=1"], "told none": ["data.views=1", "teacher.told=[background,light]"]}
    if args.joint:
        ways["four together"] = ["data.views=1", "teacher.type=toybox", f"teacher.path={args.joint}",
                                 "data.batch_size=4"]
    print("| prompt | teacher | guidance | noise level | " + " | ".join(f"share {share:g}" for share in SHARES) + " |")
    print("|---" * (4 + len(SHARES)) + "|")
    for prompt in args.prompts:
        for name, options in ways.items():
            try:
                config = configuration.load(None, [f"prompt={prompt}", "device=cpu", *options])
                teachers.settle(config)
                teacher = teachers.teacher(config)
            except UserError as error:
                say(f"error: {error}")
                return 2
            circle = orbit([360.0 / TURNS * i for i in range(TURNS)], 15.0, 2.65, 40.0, 64, 64)
            rgb = quality.views(prompt, circle, BACKGROUNDS["grey"], unlit=True).rgb
            with torch.no_grad():
                truths = teacher.encode(rgb)
            for guidance in args.guidance:
                for level, row in zip(LEVELS, answers(teacher, truths, guidance, args.draws), strict=True):
                    print(f"| {prompt} | {name} | {guidance:g} | {level:g} | "
                          + " | ".join(f"{value:.2f}" for value in row.tolist()) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
