"""The embedded world's ground truth: losses of denoisers retrained on halves of the digits, and the generated queries.

usage: python scripts/attribution_truth.py [--subsets 32] [--seeds 2] [--out carv3d/attribution/digits.safetensors]

Some ten minutes on one core. The file is tied to data, recipe and queries by a hash; ``carv3d attribute`` refuses it
where they differ. Generated queries are DDIM samples of the denoiser of all pictures, kept as bytes, since processors
differ in the last bits.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from safetensors.torch import save

from carv3d import digits
from carv3d.attribution import lds, world
from carv3d.runtime.files import write_bytes
from carv3d.runtime.progress import Progress, say
from carv3d.runtime.rng import generator


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subsets", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=world.TRUTH)
    args = parser.parse_args()
    recipe, (pictures, held_out) = digits.Recipe(), digits.load()
    with Progress("denoiser of all", recipe.steps) as bar:
        whole = digits.train(pictures, torch.arange(len(pictures))[None], recipe, 0, bar.to)
    generated = digits.as_bytes(digits.sample(whole, digits.QUERIES, generator(0, "digits: queries")))
    queries = torch.cat([held_out.values, digits.from_bytes(generated)])
    members = lds.subsets(len(pictures), args.subsets)
    losses = []
    for seed in range(args.seeds):
        with Progress(f"{args.subsets} denoisers, seed {seed}", recipe.steps) as bar:
            models = digits.train(pictures, members, recipe, seed + 1, bar.to)
        losses.append(digits.losses(models, queries))
    table = torch.stack(losses, 1)  # [S,R,Q]
    for name, part in (("held out", slice(0, digits.QUERIES)), ("generated", slice(digits.QUERIES, None))):
        say(f"{name}: ceiling {lds.ceiling(table[..., part]):.3f}")
    halves = members.short()
    content = save({"generated": generated, "members": halves, "losses": table},
                   {"digest": digits.digest(recipe, generated, halves)})
    write_bytes(args.out, content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
