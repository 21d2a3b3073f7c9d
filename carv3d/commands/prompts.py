"""carv3d prompts: what the embedded teacher knows."""

from __future__ import annotations

from argparse import Namespace
from itertools import chain

from carv3d.runtime.progress import result


def main(args: Namespace) -> int:
    from carv3d.toybox import grammar

    if args.all:
        for spec in chain(grammar.singles(), grammar.two_parts(), grammar.stacks()):
            result(grammar.caption(spec))
        return 0
    result(grammar.describe())
    return 0
