"""carv3d prompts: what the embedded teacher knows."""

from __future__ import annotations

from argparse import Namespace
from itertools import chain


def main(args: Namespace) -> int:
    from carv3d.toybox import grammar

    if args.all:
        for spec in chain(grammar.singles(), grammar.two_parts(), grammar.stacks()):
            print(grammar.caption(spec))
        return 0
    print(grammar.describe())
    return 0
