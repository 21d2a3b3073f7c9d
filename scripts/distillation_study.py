"""What draws are worth in one-step distillation, on the embedded digits.

usage: python scripts/distillation_study.py [--sets 1024] [--outputs 8] [--at 100 500]

Variance of the generator's gradient (trace of its covariance), conditional (outputs held fixed) and total (fresh ones),
of sets of K draws of each output by design, over that of K = 1; after so many updates of training as by default.
Intervals by resampling groups of sixteen sets. Markdown on stdout.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

import torch

from carv3d import digits
from carv3d.carv.bootstrap import Bootstrap, interval
from carv3d.config.onestep import DistillConfig
from carv3d.onestep import account
from carv3d.onestep.networks import Digits
from carv3d.onestep.student import Student
from carv3d.runtime.progress import Progress
from carv3d.runtime.rng import generator

DESIGNS = {
    "K = 4, iid": dict(k=4, stratified=False, noise="iid"),
    "K = 16, iid": dict(k=16, stratified=False, noise="iid"),
    "K = 16, strata": dict(k=16, stratified=True, noise="iid"),
    "K = 16, strata, antithetic": dict(k=16, stratified=True, noise="antithetic"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=1024)
    parser.add_argument("--outputs", type=int, default=8)
    parser.add_argument("--at", type=int, nargs="+", default=[100, 500])
    args = parser.parse_args()
    pictures, recipe = digits.load()[0], digits.Recipe()
    with Progress("teacher", recipe.steps) as bar:
        teacher = digits.train(pictures, torch.arange(len(pictures))[None], recipe, 0, bar.to)
    student = Student(Digits(teacher.requires_grad_(False)), DistillConfig(), 0)
    done = 0
    for at in sorted(args.at):
        with Progress("distill", at, done) as bar:
            for done in range(done, at):
                student.step(done, done / student.own.steps)
                bar.add()
        done = max(done, at)
        print(f"\n| {at} updates, {args.outputs} outputs | conditional | K = 1 over it | total | K = 1 over it |\n"
              "|---|---|---|---|---|")
        first: dict[bool, torch.Tensor] = {}
        for name, options in {"K = 1": dict(k=1, stratified=False, noise="iid"), **DESIGNS}.items():
            cells = [name]
            for fresh in (False, True):
                with Progress(f"{name}, {'fresh' if fresh else 'fixed'} outputs", args.sets) as bar:
                    own = dataclasses.replace(student.own, **options)
                    boot = Bootstrap(args.sets // 16, generator(0, "study: groups"))
                    rows = boot.mean(account.spread(student, own, args.outputs, args.sets, fresh))
                    bar.add(args.sets)
                first.setdefault(fresh, rows)
                value = interval(first[fresh] / rows, args.sets // 16)
                cells += [f"{float(rows[0]):.4g}", f"{value['value']:.2f} [{value['low']:.2f}, {value['high']:.2f}]"]
            print(f"| {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
