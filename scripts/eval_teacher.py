"""How good a teacher of toybox pictures is: samples of 200 prompts with views, half of them held out from its training.

usage: python scripts/eval_teacher.py [FOLDER] [--guidance 3] [--steps 50] [--sheet samples.png] [--json FILE]

FOLDER is a folder in the format of Stable Diffusion (default: the bundled teacher) or Stable Diffusion 3. The samples
are made by diffusers' own pipeline, with the folder's scheduler (DDIM, Euler's method). A sample is right when the
truth that is nearest to it, among its own prompt and the 200 fixed distractors of that prompt, is its own; the
distance to a truth is the least over a fixed grid of cameras within the view, composited on the sample's own
background (the median of its border). Writes Markdown on stdout.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from carv3d.cameras import orbit
from carv3d.diffusion.families import sd3
from carv3d.diffusion.prompts import VIEWS, View, view_prompt
from carv3d.diffusion.view_vector import load, view_vector
from carv3d.diffusion.weights import bundled
from carv3d.export.images import write_png
from carv3d.lights import fixed
from carv3d.runtime.progress import Progress, say
from carv3d.toybox.grammar import Spec, caption, singles, stacks, two_parts
from carv3d.toybox.lists import distractors, held_out
from carv3d.toybox.shapes import build
from carv3d.toybox.tracer import render_layers

SIZE, CELL = 64, 2
AZIMUTHS = 5  # across a view's sector (12 around the circle for overhead)
ELEVATIONS = {False: (-5.0, 10.0, 25.0, 40.0, 55.0), True: (63.0, 72.0, 81.0)}
DISTANCES = (2.3, 2.65, 3.0)  # at 40 degrees: the apparent sizes of the training data
SHARES = {"single": 0.4, "two colours": 0.3, "stacked": 0.3}


def prompts(count: int, seed: int) -> list[tuple[Spec, View, str]]:
    """Different (object, view) pairs, half of them held out, in fixed shares of the grammar's forms."""
    draw = random.Random(seed)
    found = []
    for held in (False, True):
        for form, everything in (("single", singles), ("two colours", two_parts), ("stacked", stacks)):
            pairs = list(product([spec for spec in everything() if held_out(spec) == held], VIEWS[8]))
            found += [(*pair, form) for pair in draw.sample(pairs, round(count / 2 * SHARES[form]))]
    return found


def camera_grid(view: View):
    """All combinations of azimuths within the view, elevations that bear its name, and distances."""
    number = 12 if view.overhead else AZIMUTHS
    offsets = (torch.arange(number) + 0.5) / number * 2 - 1
    azimuth = (view.centres_deg[0] + offsets * view.half_width_deg).tolist()
    grid = list(product(azimuth, ELEVATIONS[view.overhead], DISTANCES))
    a, e, d = (torch.tensor(column) for column in zip(*grid, strict=True))
    return orbit(a, e.tolist(), d, 40.0, SIZE, SIZE)


@lru_cache(maxsize=None)
def layers(kind: str, under: str | None, view: View, ambient: float) -> np.ndarray:
    """Paint layers of a shape over the grid, means over cells: [G,32,32,M+1] uint8."""
    spec = Spec(kind, "red", under=Spec(under, "red") if under else None)
    full = render_layers(spec, camera_grid(view), ambient)
    g, h, w, c = full.shape
    return (full.reshape(g, h // CELL, CELL, w // CELL, CELL, c).mean((2, 4)) * 255).round().byte().numpy()


def distance(picture: np.ndarray, background: np.ndarray, spec: Spec, view: View, ambient: float) -> float:
    """Least mean squared difference between a pooled picture [32,32,3] and the truth over the view's grid."""
    shape = layers(spec.kind, spec.under.kind if spec.under else None, view, ambient).astype(np.float32) / 255.0
    truth = shape[..., :-1] @ build(spec).palette.astype(np.float32) + (1.0 - shape[..., -1:]) * background
    return float(np.square(truth - picture).mean((1, 2, 3)).min())


def judge(picture: Tensor, spec: Spec, view: View, by_view: bool = True, ambient: float = 1.0) -> dict:
    """picture: [64,64,3] in [0,1]. by_view: ask too which view's truth is nearest, which renders all of them. ambient:
    of the truths' light, under which 1 is unlit."""
    array = picture.numpy().astype(np.float32)
    border = np.concatenate([array[0], array[-1], array[:, 0], array[:, -1]])
    background = np.median(border, 0)
    pooled = array.reshape(SIZE // CELL, CELL, SIZE // CELL, CELL, 3).mean((1, 3))
    every = (spec, *distractors(spec))
    distances = [distance(pooled, background, other, view, ambient) for other in every]
    right = min(distances[1:]) >= distances[0] * (1 - 1e-6)  # equal only where the view hides what differs
    out = {"right": right, "nearest": caption(every[int(np.argmin(distances))]), "psnr": -10.0 * np.log10(distances[0])}
    if by_view:
        views = [distance(pooled, background, spec, other, ambient) for other in VIEWS[8]]
        out["view right"] = VIEWS[8][int(np.argmin(views))] is view
    return out


def telling(views: list[View]) -> Tensor:
    """What a UNet that takes it is told beside words (``view_vector``) of pictures from the middle of each view, unlit
    on grey: [N,32]."""
    azimuth = [view.centres_deg[0] for view in views]
    elevation = [ELEVATIONS[view.overhead][1] for view in views]
    cameras = orbit(azimuth, elevation, DISTANCES[1], 40.0, SIZE, SIZE)
    return view_vector(cameras, torch.full((len(views), 3), 0.5), fixed(len(views), ambient=1.0))


def opened(folder: Path) -> tuple[Any, torch.nn.Module, dict[str, Any]]:
    """The pipeline of a folder, what tells its network the time, and options of its calls."""
    from diffusers import StableDiffusion3Pipeline, StableDiffusionPipeline

    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    if index["_class_name"] == "StableDiffusion3Pipeline":
        pipeline = StableDiffusion3Pipeline.from_pretrained(folder, torch_dtype=torch.float32, text_encoder_3=None,
                                                            tokenizer_3=None)
        return pipeline, pipeline.transformer.time_text_embed, {"max_sequence_length": sd3.t5_tokens(index)}
    pipeline = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    return pipeline, pipeline.unet.time_embedding, {}


def sample(folder: Path, texts: list[str], views: list[View], guidance: float, steps: int, seed: int,
           batch: int = 25) -> Tensor:
    """[N,64,64,3] in [0,1], by the plain pipeline of diffusers, its network told of each view if it can be."""
    pipeline, time, options = opened(folder)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to("cuda" if torch.cuda.is_available() else "cpu")
    width = [module.out_features for module in time.modules() if isinstance(module, torch.nn.Linear)][-1]
    if view := load(folder, width):
        told = view(telling(views)).to(pipeline.device)
        time.register_forward_hook(lambda module, args, out: out + shift.repeat(len(out) // len(shift), 1))
    else:
        told = torch.zeros(len(views), width)
    out = []
    with Progress("samples", len(texts)) as bar:
        for first in range(0, len(texts), batch):
            part, shift = texts[first:first + batch], told[first:first + batch]
            generators = [torch.Generator().manual_seed(seed + first + i) for i in range(len(part))]
            made = pipeline(part, num_inference_steps=steps, guidance_scale=guidance, generator=generators,
                            output_type="np", **options).images
            out.append(torch.from_numpy(made).float())
            bar.add(len(part))
    return torch.cat(out)


def sheet(pictures: Tensor, columns: int) -> Tensor:
    """Pictures [N,H,W,3] side by side."""
    rows = [torch.cat(list(row), 1) for row in pictures.split(columns) if len(row) == columns]
    return torch.cat(rows, 0)


def table(cells: list[tuple[Spec, View, str]], results: list[dict]) -> str:
    lines = ["| prompts | number | right | view right | median PSNR to the nearest truth, dB |",
             "|---|---|---|---|---|"]
    forms = [(held, form) for held in (False, True) for form in (*SHARES, None)]
    for held, form in forms:
        rows = [r for (spec, _, of), r in zip(cells, results, strict=True)
                if held_out(spec) == held and form in (None, of)]
        share = [f"{100 * np.mean([r[name] for r in rows]):.1f} %" for name in ("right", "view right")]
        lines.append(f"| {'held out' if held else 'seen'}, {form or '**all**'} | {len(rows)} | {share[0]} | "
                     f"{share[1]} | {np.median([r['psnr'] for r in rows]):.1f} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=bundled())
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    cells = prompts(args.count, args.seed)
    texts = [view_prompt(caption(spec), view) for spec, view, _ in cells]
    pictures = sample(args.folder, texts, [view for _, view, _ in cells], args.guidance, args.steps, args.seed)
    results = []
    with Progress("judged", len(cells)) as bar:
        for picture, (spec, view, _) in zip(pictures, cells, strict=True):
            results.append(judge(picture, spec, view))
            bar.add()
    if args.sheet:
        order = [i for pair in zip(range(0, len(cells) // 2, 2), range(len(cells) // 2, len(cells), 2), strict=True)
                 for i in pair]
        write_png(args.sheet, sheet(pictures[order], min(20, len(order))))
    if args.json:
        args.json.write_text(json.dumps([{"prompt": t, **r} for t, r in zip(texts, results, strict=True)], indent=1,
                                        default=float))
    for text, result in zip(texts, results, strict=True):
        if not result["right"]:
            say(f"{text}: nearest {result['nearest']}")
    print(f"guidance {args.guidance:g}, {args.steps} steps, seed {args.seed}\n\n{table(cells, results)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
