"""What draws are worth in data attribution, on the embedded digits: variance of the cosine, and whether it matters.

usage: python scripts/attribution_study.py variance|lds|both|coverage [--quick] [--designs NAME ...]

variance: how many iid draws a set of K draws is worth (iid variance at K over that of the set), for the scores as they
are and less each query's mean over the training pictures, which is all that a ranking needs; intervals by resampling
queries and sets. A regular grid of noise levels is biased: its mean squared error stands in place of the variance.
lds: the linear datamodelling score of each method by K, means over four seeds of draws, and the seconds of each.
coverage: of how many scores a run's 95 % interval holds what far more draws come to, by method; sixteen runs of four
sets of 16 draws, each against all 64 sets, its own among them. Markdown on stdout.
"""

from __future__ import annotations

import argparse
import sys
import time

import torch
from torch import Tensor

from carv3d import digits
from carv3d.attribution import estimators, lds, loop, world
from carv3d.carv.bootstrap import Bootstrap, interval
from carv3d.config.attribution import AttributeConfig
from carv3d.runtime.progress import Progress, say
from carv3d.runtime.rng import generator

SETS = {1: 1024, 4: 96, 16: 48, 64: 24}  # of K draws each
DESIGNS = {
    "strata": dict(stratified=True, noise="iid"),
    "antithetic": dict(stratified=False, noise="antithetic"),
    "strata, antithetic": dict(stratified=True, noise="antithetic"),
    "strata, zero sum": dict(stratified=True, noise="zero_sum"),
    "strata, importance": dict(stratified=True, noise="iid", importance_sampling=True, method="cosine"),
    "regular grid": dict(times="grid", noise="iid"),
}
KS, SEEDS = (1, 4, 16, 64), 4


def sets(known: world.World, options: dict, k: int, count: int, name: str) -> Tensor:
    """Cosines of ``count`` independent sets, [R,Q,N]."""
    config = AttributeConfig(k=k, **options)
    queries, training = known.sources(config)
    target, fitted = world.levels(config, known.steps), None
    if config.importance_sampling:
        fitted = loop.importance(config, training, known.shape, target, 1)
    rows = []
    with Progress(f"{name}, K = {k}", count) as bar:
        for number in range(count):
            draws = loop.draw(config, known.shape, target, 1, number, f"study: {name} {k}", fitted)
            rows.append(estimators.of_set(queries, training, draws, draws)[0]["cosine"])
            bar.add()
    return torch.stack(rows)


def centred(rows: Tensor) -> Tensor:
    return rows - rows.mean(-1, keepdim=True)


def distances(rows: Tensor) -> Tensor:
    """Squared distances between sets, of each query: [Q,R,R]."""
    out = []
    for each in rows.transpose(0, 1):
        x = each.double()
        products = x @ x.T
        out.append(products.diagonal()[:, None] + products.diagonal() - 2 * products)
    return torch.stack(out)


def spread(apart: Tensor, of_sets: Tensor, of_queries: Tensor) -> Tensor:
    """Variance of a set's scores, summed over training pictures, mean over queries, by resample: [1+B]."""
    n = apart.shape[1]
    parts = [torch.einsum("br,brs,bs->b", s, torch.einsum("bq,qrs->brs", q, apart), s)
             for s, q in zip(of_sets.split(16), of_queries.split(16), strict=True)]
    plain = torch.cat(parts) / 2 * n / (n - 1)
    plain[1:] *= n / (n - 1)  # a resample meets a set twice with a chance of 1/n, at distance 0
    return plain


def variance(known: world.World, quick: bool, designs: list[str]) -> None:
    counts = {k: max(8, n // 16) if quick else n for k, n in SETS.items()}
    singles = sets(known, dict(stratified=False, noise="iid"), 1, counts[1], "iid")
    truth, number = singles.mean(0), counts[1]
    boot_q = Bootstrap(singles.shape[1], generator(0, "study: queries"))
    boot_1 = Bootstrap(counts[1], generator(0, "study: singles"))
    views = {"raw": lambda rows: rows, "centred": centred}
    iid = {name: spread(distances(view(singles)), boot_1.weights, boot_q.weights) for name, view in views.items()}
    print(f"| worth, over K | {' | '.join(f'K = {k}, raw | {k}, centred' for k in KS[1:])} |")
    print("|---" * 7 + "|")
    for name in designs:
        options, cells = DESIGNS[name], []
        for k in KS[1:]:
            rows = sets(known, options, k, counts[k], name)
            boot = Bootstrap(counts[k], generator(0, f"study: {k}"))
            for what, view in views.items():
                own = spread(distances(view(rows)), boot.weights, boot_q.weights)
                if name == "regular grid":  # and its bias, less what chance leaves in both means
                    off = (view(rows.mean(0)[None]) - view(truth[None]))[0].double().square().sum(1)
                    own = own + (boot_q.weights @ off - own / counts[k] - iid[what] / number).clamp_min(0)
                found = interval(iid[what] / k / own, min(singles.shape[1], counts[k]))
                cells.append(f"{found['value']:.2f} [{found['low']:.2f}, {found['high']:.2f}]")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def coverage(known: world.World, quick: bool) -> None:
    """Of a single run's intervals, which share the draws: one number a run, their spread over runs beside."""
    config, runs = AttributeConfig(), 4 if quick else 16
    queries, training = known.sources(config)
    whole, parts = loop.Scores(), [loop.Scores() for _ in range(runs)]
    with Progress("sets", runs * config.sets) as bar:
        for number in range(runs * config.sets):
            draws = loop.draw(config, known.shape, world.levels(config, known.steps), 2, number, "study: coverage")
            found, *means = estimators.of_set(queries, training, draws, draws)
            for scores in (whole, parts[number // config.sets]):
                scores.damping = float(config.damping)
                scores.add(found | estimators.of_means(*means, scores.damping), *means, 0)
            bar.add()
    print("| 95 % interval of | holds |\n|---|---|")
    for name in (*estimators.OF_DRAWS, *estimators.OF_MEANS):
        long, held = whole.pooled()[name], []
        for scores in parts:
            margin = scores.margin(name)
            assert margin is not None
            held.append((scores.pooled()[name] - long).abs().le(margin).double().mean())
        rows = torch.stack(held)
        print(f"| {name} | {rows.mean():.3f} ± {rows.std():.3f} |")


def by_k(known: world.World, quick: bool) -> None:
    assert known.truth is not None
    losses, groups = known.truth.losses.mean(1), known.groups
    table: dict[tuple[str, int], list[dict[str, float]]] = {}
    for k in KS:
        for seed in range(1 if quick else SEEDS):
            for name, (scores, seconds) in scored(known, k, seed).items():
                row = {group: float(lds.lds(scores[part], known.truth.members, losses[:, part]).mean())
                       for group, part in groups.items()}
                table.setdefault((name, k), []).append(row | {"seconds": seconds})
    names = list(dict.fromkeys(name for name, _ in table))
    for what in (*groups, "seconds"):
        print(f"\n| {what} | {' | '.join(f'K = {k}' for k in KS)} |\n|---{'|---' * len(KS)}|")
        for name in names:
            cells = []
            for k in KS:
                values = torch.tensor([row[what] for row in table[name, k]])
                cells.append(f"{values.mean():.3f}" + (f" ± {values.std():.3f}" if len(values) > 1 else ""))
            print(f"| {name} | {' | '.join(cells)} |")
    print("\nceilings: " + ", ".join(f"{group} {lds.ceiling(known.truth.losses[..., part]):.3f}"
                                     for group, part in groups.items()))


def scored(known: world.World, k: int, seed: int) -> dict[str, tuple[Tensor, float]]:
    """Every method's scores and its seconds, from one set of K draws."""
    out = {"pixels": (known.baselines["pixels"], 0.0)}
    for output in ("loss", "dtrak"):
        config = AttributeConfig(k=k, output=output)
        draws = loop.draw(config, known.shape, world.levels(config, known.steps), seed, 0, "study: lds")
        queries, training = known.sources(config)
        start = time.perf_counter()
        found, *means = estimators.of_set(queries, training, draws, draws)
        took = time.perf_counter() - start
        if output == "loss":
            out |= {name: (scores, took) for name, scores in found.items()}
        start = time.perf_counter()
        scores = estimators.of_means(*means, float(config.damping))["kernel"]
        out["kernel" if output == "loss" else "dtrak"] = scores, took + time.perf_counter() - start
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("variance", "lds", "both", "coverage"))
    parser.add_argument("--designs", nargs="+", choices=tuple(DESIGNS), default=list(DESIGNS))
    parser.add_argument("--quick", action="store_true", help="a sixteenth of the sets, one seed")
    args = parser.parse_args()
    with Progress("denoiser", digits.Recipe().steps) as bar:
        known = world.embedded(0, bar.to)
    if args.what in ("variance", "both"):
        variance(known, args.quick, args.designs)
    if args.what in ("lds", "both"):
        by_k(known, args.quick)
    if args.what == "coverage":
        coverage(known, args.quick)
    say(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    return 0


if __name__ == "__main__":
    sys.exit(main())
