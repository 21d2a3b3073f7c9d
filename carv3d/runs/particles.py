"""Names of the files and scores of one scene, or of several particles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def numbered(scenes: Sequence[T]) -> list[tuple[T, str]]:
    """Each particle with the mark that its files bear: none if there is one alone, else -0, -1, ..."""
    return [(scene, f"-{i}" if len(scenes) > 1 else "") for i, scene in enumerate(scenes)]


def of_particles(scores: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The summary's entries: quality is the first scene's (null without ground truth), particles are all, if several.
    """
    quality: dict[str, object] = {"quality": scores[0] if scores else None}
    return quality | {"particles": scores} if len(scores) > 1 else quality
