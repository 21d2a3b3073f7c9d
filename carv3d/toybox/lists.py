"""The prompt lists that ship with carv3d: evaluation prompts, held-out pairs, distractors."""

from __future__ import annotations

import random
from functools import lru_cache
from importlib.resources import files

from carv3d.toybox.grammar import Spec, caption, parse

DISTRACTORS = 200
"""Distractors per prompt."""

_OF_KIND, _OF_COLOUR = 65, 65


def toybox20() -> tuple[str, ...]:
    """The twenty evaluation prompts; ``held_out`` is true for half of them."""
    return _lines("toybox20")


def held_out(spec: Spec) -> bool:
    """Whether a learned teacher must not have seen this object: its own pair of kind and colour, that of the object
    beneath, or the two kinds stacked, is on the held-out list."""
    words = _held_out_words()
    if spec.under is None:
        return f"{spec.colour} {spec.kind}" in words
    return f"{spec.kind} on top of {spec.under.kind}" in words or held_out(Spec(spec.kind, spec.colour)) or held_out(
        spec.under
    )


@lru_cache(maxsize=64)
def distractors(spec: Spec) -> tuple[Spec, ...]:
    """The fixed distractors of an object, all different from it and from one another: [200].

    65 of the same kind (of stacked pairs: the same kind on top), 65 more whose (upper) object has the same colour and
    70 others, drawn from the committed list by a generator that the canonical prompt seeds.
    """
    pool = [other for other in _distractor_pool() if other != spec]
    shape = (spec.kind, spec.under is None)
    alike = [other for other in pool if (other.kind, other.under is None) == shape]
    tinted = [other for other in pool if other.colour == spec.colour and other not in alike]
    draw = random.Random(caption(spec))  # seeded with text: the same on every platform and Python
    chosen = draw.sample(alike, _OF_KIND) + draw.sample(tinted, _OF_COLOUR)
    rest = sorted(set(pool) - set(chosen), key=caption)
    return (*chosen, *draw.sample(rest, DISTRACTORS - len(chosen)))


@lru_cache(maxsize=1)
def _distractor_pool() -> tuple[Spec, ...]:
    return tuple(dict.fromkeys(parse(line) for line in _lines("distractors")))


@lru_cache(maxsize=1)
def _held_out_words() -> frozenset[str]:
    return frozenset(_lines("held_out"))


def _lines(name: str) -> tuple[str, ...]:
    text = files("carv3d.toybox").joinpath("prompts", f"{name}.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))
