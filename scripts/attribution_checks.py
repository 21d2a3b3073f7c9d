"""Do scores find the pictures that matter? On the embedded digits: retraining without them, and wrong labels found.

usage: python scripts/attribution_checks.py removal [--queries 10] [--seeds 8] [--share 0.1] [--methods kernel pixels]
       python scripts/attribution_checks.py labels [--share 0.1] [--repeats 5]

removal: for each query, denoisers retrained without the share of training pictures that a score ranks highest, without
as many that are nearest by pixels, and without as many at random; what the query's loss rises by, over random removal.
All models of a seed start alike and see the same noise. Intervals over queries.
labels: a share of the training pictures gets wrong labels, a denoiser told the labels learns from them, and each way of
ranking suspects is scored by the area under its curve; intervals over repeats, each with wrong labels and weights of
its own. Markdown on stdout.
"""

from __future__ import annotations

import argparse
import sys

import torch
from scipy.stats import rankdata
from torch import Tensor

from carv3d import digits
from carv3d.attribution import estimators, loop, results, world
from carv3d.attribution.gradients import Digits
from carv3d.attribution.loop import Scores
from carv3d.carv.bootstrap import Bootstrap, interval
from carv3d.carv.variance import Sketch
from carv3d.config.attribution import AttributeConfig
from carv3d.runtime.progress import Progress
from carv3d.runtime.rng import generator

METHODS = ("kernel", "cosine", "dot", "pixels")  # pixels last: what the others are held against
NEIGHBOURS = 10


def shown(values: Tensor, seed: int = 0) -> str:
    """Mean and 95 % interval over independent units [n]."""
    boot = Bootstrap(len(values), generator(seed, "checks: bootstrap"))
    found = interval(boot.mean(values.tolist()), len(values))
    return f"{found['value']:.4g} [{found['low']:.4g}, {found['high']:.4g}]"


def removal(args: argparse.Namespace) -> None:
    recipe, config = digits.Recipe(), AttributeConfig()
    with Progress("denoiser", recipe.steps) as bar:
        known = world.embedded(0, bar.to)
    queries, training = known.sources(config)
    assert isinstance(queries, Digits)
    found = Scores()
    with Progress("sets", config.sets) as bar:
        loop.run(config, queries, training, known.shape, world.levels(config, known.steps), 0, found,
                 after=lambda scores: bar.add(), report=lambda count: None, stop=lambda: False)
    scores, names = results.methods(config, known, found), [name for name in METHODS if name in args.methods]
    count, gone = len(training), round(args.share * len(training))
    asked = [*range(args.queries), *range(digits.QUERIES, digits.QUERIES + args.queries)]
    kept = []
    for number, query in enumerate(asked):
        out = [scores[name][query].topk(gone).indices for name in names]
        out.append(torch.randperm(count, generator=generator(number, "checks: random"))[:gone])
        kept += [torch.tensor(sorted(set(range(count)) - set(each.tolist()))) for each in out]
    subsets, pictures = torch.stack(kept), digits.load()[0]
    rises = []  # [seed][query, method]
    for seed in range(args.seeds):
        with Progress(f"{len(subsets)} denoisers, seed {seed}", recipe.steps) as bar:
            models = digits.train(pictures, subsets, recipe, 100 + seed, bar.to)
        losses = digits.losses(models, queries.pictures.values[asked]).view(len(asked), len(names) + 1, len(asked))
        own = losses[torch.arange(len(asked)), :, torch.arange(len(asked))]  # of each query without its own pictures
        rises.append(own[:, :-1] - own[:, -1:])
    mean = torch.stack(rises).mean(0)
    print("| removed | rise of the loss, held out | generated | less that of pixels, held out | generated |\n"
          "|---|---|---|---|---|")
    groups = (slice(0, args.queries), slice(args.queries, None))
    for column, name in enumerate(names):
        cells = [shown(mean[part, column]) for part in groups]
        cells += [shown(mean[part, column] - mean[part, names.index("pixels")]) for part in groups]
        print(f"| {gone} by {name} | {' | '.join(cells)} |")


def area(suspect: Tensor, wrong: Tensor) -> float:
    """Under the curve of hits over false alarms: the chance that a wrong one ranks above a right one."""
    ranks = torch.from_numpy(rankdata(suspect.numpy()))
    bad = int(wrong.sum())
    return float((ranks[wrong].sum() - bad * (bad + 1) / 2) / (bad * (len(wrong) - bad)))


def suspicion(pictures: digits.Pictures, held_out: digits.Pictures, seed: int) -> dict[str, Tensor]:
    """Every way to rank training pictures by how wrong their label looks, each [N], the highest first."""
    recipe = digits.Recipe(labelled=True)
    with Progress("denoiser told the labels", recipe.steps) as bar:
        model = digits.train(pictures, torch.arange(len(pictures))[None], recipe, seed, bar.to)
    config = AttributeConfig(k=64)
    length = sum(p.numel() for p in model.parameters())
    sketch = Sketch.make(length, config.sketch, generator(seed, "checks: sketch"))
    training, queries = (Digits(model, data, "loss", sketch) for data in (pictures, held_out))
    target = torch.full((digits.STEPS,), 1 / digits.STEPS, dtype=torch.float64)
    draws = loop.draw(config, (digits.PIXELS,), target, seed, 0, "checks")
    _, *means = estimators.of_set(queries, training, draws, draws)
    scores = estimators.of_means(*means, float(config.damping))
    own = means[1].double() @ means[1].double().T
    damped = own + float(config.damping) * own.diagonal().mean() * torch.eye(len(own)).double()
    apart = torch.cdist(pictures.values, pictures.values).fill_diagonal_(torch.inf)
    near = apart.topk(NEIGHBOURS, largest=False).indices
    return {
        "kernel: harm to held-out pictures": -scores["kernel"].sum(0),
        "kernel: a picture's own leverage": torch.linalg.solve(damped, own).diagonal().float(),
        "length of the mean gradient": means[1].norm(dim=1),
        f"pixels: share of the {NEIGHBOURS} nearest with another label":
            (pictures.labels[near] != pictures.labels[:, None]).float().mean(1),
    }


def labels(args: argparse.Namespace) -> None:
    pictures, held_out = digits.load()
    found: dict[str, list[float]] = {}
    for repeat in range(args.repeats):
        draw = generator(repeat, "checks: labels")
        wrong = torch.zeros(len(pictures), dtype=torch.bool)
        wrong[torch.randperm(len(pictures), generator=draw)[:round(args.share * len(pictures))]] = True
        shift = torch.randint(1, digits.LABELS, pictures.labels.shape, generator=draw) * wrong
        given = digits.Pictures(pictures.values, (pictures.labels + shift) % digits.LABELS)
        for name, suspect in suspicion(given, held_out, repeat).items():
            found.setdefault(name, []).append(area(suspect, wrong))
    print("| suspects ranked by | area under the curve |\n|---|---|")
    for name, areas in found.items():
        print(f"| {name} | {shown(torch.tensor(areas))} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("removal", "labels"))
    parser.add_argument("--queries", type=int, default=10, help="of each group")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, help="with pixels, always")
    parser.add_argument("--share", type=float, default=0.1)
    args = parser.parse_args()
    args.methods = {*args.methods, "pixels"}
    (removal if args.what == "removal" else labels)(args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
