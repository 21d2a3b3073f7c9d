"""What draws are worth in one-step distillation, on the embedded digits.

usage: python scripts/distillation_study.py [--groups 64] [--replicates 16] [--outputs 8] [--k 4,16] [--at 100 500]

The account of carv3d measure (variance conditional on outputs, and with fresh ones; cost; K*) of a student at 8
outputs, as the paper has it, after so many updates of training as by default. On stdout.
"""

from __future__ import annotations

import argparse
import sys

from carv3d.config.onestep import DistillConfig
from carv3d.onestep import account, world
from carv3d.onestep.student import Student
from carv3d.runtime.progress import Progress


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groups", type=int, default=64)
    parser.add_argument("--replicates", type=int, default=16)
    parser.add_argument("--outputs", type=int, default=8)
    parser.add_argument("--k", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--at", type=int, nargs="+", default=[100, 500])
    args = parser.parse_args()
    ks = sorted({1, *args.k})
    student = Student(world.embedded(0), DistillConfig().filled(), 0)
    done = 0
    for at in sorted(args.at):
        with Progress("distill", at, done) as bar:
            for done in range(done, at):
                student.step(done, done / student.own.steps)
                bar.add()
        done = max(done, at)
        with student.preserved(), Progress(f"{at} updates", len(account.designs(ks)) * args.groups * args.replicates
                                           ) as bar:
            student.reshape(args.outputs, 1)
            found = account.measure(student, args.groups, args.replicates, ks, report=bar.add)
        print("\n".join([f"== {at} updates ==", *account.table(found), ""]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
