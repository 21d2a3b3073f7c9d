"""For tests of commands that train a denoiser of the digits first: one of 30 steps in its place."""

import dataclasses
import signal

import pytest

from carv3d import digits

STEPS = 30
CHILD = f"""
import dataclasses, sys
from carv3d import cli, digits
whole = digits.train
digits.train = lambda pictures, subsets, recipe, *rest: whole(
    pictures, subsets, dataclasses.replace(recipe, steps={STEPS}), *rest)
sys.exit(cli.main(sys.argv[1:]))
"""  # in a process of its own


def shorten(patch: pytest.MonkeyPatch) -> None:
    whole = digits.train
    patch.setattr(digits, "train", lambda pictures, subsets, recipe, *rest: whole(
        pictures, subsets, dataclasses.replace(recipe, steps=STEPS), *rest))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """And a run in this process takes Ctrl-C for itself: give it back."""
    shorten(monkeypatch)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
