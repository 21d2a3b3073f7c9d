"""What people type on a command line, as arguments ``key=value``: short names of the switches, a prompt by itself."""

from __future__ import annotations

from collections.abc import Sequence

from carv3d.config.fields import is_key
from carv3d.runtime.errors import UserError, shown

ALIASES = {"K": "estimator.k", "is": "estimator.importance_sampling", "strat": "estimator.stratified",
           "noise": "estimator.noise", "guidance": "objective.guidance_scale", "steps": "trainer.max_steps"}


def spelled_out(words: Sequence[str], prompt: str | None = None) -> list[str]:
    """Arguments of a run, of words in any order: those without = are the prompt, as is ``prompt``.

    UserError where a prompt is given twice, and for a word that is an option's name or a file's.
    """
    bare = [word for word in words if "=" not in word]
    for word in bare:
        if word in ALIASES or is_key(word):
            raise UserError(f"{word}: no value given; write {word}=VALUE, as in steps=200")
        if word.endswith((".yaml", ".yml")):
            raise UserError(f"{shown(word)} given as a part of the prompt; write --config {word} for a file of options")
    pairs = [word for word in words if "=" in word]
    given = [text for text in (" ".join(bare), prompt) if text]
    given += [pair.partition("=")[2] for pair in pairs if pair.startswith("prompt=")] if given else []
    if len(given) > 1:
        raise UserError(f"prompt: {shown(given[0])} and {shown(given[1])} given; one run is of one prompt: give one")
    return [f"prompt={given[0]}", *pairs] if given else pairs
