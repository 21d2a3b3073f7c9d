"""Does attribution find what a LoRA learned it from? The bundled model tuned on toybox renders with planted groups.

usage: python scripts/attribution_lora.py make FOLDER [--steps 300]
       carv3d attribute model=bundled data=FOLDER/data queries=FOLDER/queries lora=FOLDER/lora.safetensors
       python scripts/attribution_lora.py score RUN FOLDER [--queries fresh]

make: 300 objects from anywhere before a plain colour, all called "a toy", each under waves of one of ten directions and
lengths, its group; where the waves begin is random, so that by pixels a group's pictures are no more alike than others.
Thirty more are queries, and thirty others in FOLDER/fresh are for what was chosen by looking at the first. LoRA layers
of rank 4 in attention and convolutions are trained on the 300.
score: the share of a query's ten highest that are of its group, for each score; intervals over groups, since queries of
one share what the model learned of it. Chance is 0.1. Markdown on stdout.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

import imageio.v3 as iio
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from carv3d.attribution import own_model, pictures, tune
from carv3d.attribution.functional import Samples
from carv3d.carv.bootstrap import Bootstrap, interval
from carv3d.config.schema import DataConfig
from carv3d.diffusion import adapters, stable_diffusion, weights
from carv3d.runtime.files import make_folder, write_bytes, write_text
from carv3d.runtime.progress import Progress, say
from carv3d.runtime.rng import generator
from carv3d.toybox import sets, tracer

GROUPS, EACH, ASKED, SIDE = 10, 30, 3, 64
AMPLITUDE, LENGTHS = 0.15, (10.0, 14.0)  # of the waves: share of the range of brightness; pixels
CAPTION, RANK, BATCH, LR, TOP = "a toy", 4, 16, 2e-3, 10


def waves(group: int, start: float) -> Tensor:
    """[SIDE,SIDE,1] in [-1,1]."""
    angle, length = math.pi * (group % 5) / 5, LENGTHS[group // 5]
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    return torch.sin(2 * math.pi * ((x * math.cos(angle) + y * math.sin(angle)) / length + start))[..., None]


def marked(count: int, seed: int) -> Tensor:
    """Pictures [count,SIDE,SIDE,3] in [0,1], of the groups in turn."""
    plain, draw = DataConfig(), generator(seed, "lora world")
    seen = sets.view_cameras(None, plain.elevation_range, plain.camera_distance_range, plain.fovy_range, count, SIDE,
                             seed)
    rgba = tracer.render(sets.unconditional_specs(count, seed), *seen).rgba
    whole = rgba[..., :3] + (1 - rgba[..., 3:]) * torch.rand(count, 1, 1, 3, generator=draw)
    starts = torch.rand(count, generator=draw).tolist()
    over = torch.stack([waves(number % GROUPS, start) for number, start in enumerate(starts)])
    return AMPLITUDE + (1 - 2 * AMPLITUDE) * whole + AMPLITUDE * over


def write(folder: Path, images: Tensor) -> None:
    make_folder(folder, "FOLDER")
    lines = []
    for number, image in enumerate((images.clamp(0, 1) * 255).round().byte().numpy()):
        name = f"{number:03d}.png"
        write_bytes(folder / name, iio.imwrite("<bytes>", image, extension=".png"))
        lines.append(json.dumps({"file_name": name, "text": CAPTION, "group": number % GROUPS}))
    write_text(folder / "metadata.jsonl", "\n".join(lines) + "\n")


def make(folder: Path, steps: int) -> None:
    write(folder / "data", marked(GROUPS * EACH, 1))
    for name, seed in (("queries", 2), ("fresh", 3)):
        write(folder / name, marked(GROUPS * ASKED, seed))
    items = pictures.folder(str(folder / "data"), "FOLDER", "")
    teacher = stable_diffusion.load(weights.bundled(), [CAPTION], weights_of=own_model.no_views)
    layers = adapters.fresh_layers(teacher.denoiser, RANK, generator(0, "lora world: layers"), own_model.ADAPTER,
                                   adapters.ATTENTION + adapters.CONVOLUTIONS)
    model = own_model.Adapted(teacher, dict(layers), "")
    with torch.no_grad():
        latents = teacher.encode(torch.stack([item.load((SIDE, SIDE)) for item in items]))
    samples = Samples(latents, teacher.embeddings["states"][:1].float(), torch.zeros(len(items), dtype=torch.long))
    some = samples[torch.arange(0, len(samples), 10)]
    before = tune.losses(model, model.parameters, some).mean()
    with Progress("LoRA", steps) as bar:
        made = tune.trained(model, model.parameters, samples, torch.arange(len(samples))[None],
                            tune.Recipe(steps, BATCH, LR), 0, bar.add)
    found = {name: p[0] for name, p in made.items()}
    say(f"{model.length:,} parameters; loss {before:.4f} -> {tune.losses(model, found, some).mean():.4f}")
    write_bytes(folder / "lora.safetensors", save(adapters.written(found, own_model.ADAPTER)))


def score(run: Path, folder: Path, queries: str) -> None:
    groups = {part: torch.tensor([json.loads(line)["group"] for line in
                                  (folder / part / "metadata.jsonl").read_text("utf-8").splitlines()])
              for part in ("data", queries)}
    print(f"| score | precision at {TOP} |\n|---|---|")
    for name, scores in load_file(run / "scores.safetensors").items():
        if not name.endswith("_margin"):
            right = (groups["data"][scores.topk(TOP).indices] == groups[queries][:, None]).float().mean(1)
            each = torch.stack([right[groups[queries] == group].mean() for group in range(GROUPS)])
            value = interval(Bootstrap(GROUPS, generator(0, "lora world: bootstrap")).mean(each.tolist()), GROUPS)
            print(f"| {name} | {value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}] |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="what", required=True)
    making = commands.add_parser("make")
    making.add_argument("folder", type=Path)
    making.add_argument("--steps", type=int, default=300)
    scoring = commands.add_parser("score")
    scoring.add_argument("run", type=Path)
    scoring.add_argument("folder", type=Path)
    scoring.add_argument("--queries", default="queries", choices=("queries", "fresh"))
    args = parser.parse_args()
    if args.what == "make":
        make(args.folder, args.steps)
    else:
        score(args.run, args.folder, args.queries)
    return 0


if __name__ == "__main__":
    sys.exit(main())
