"""What a teacher of the toybox can be asked for."""

from __future__ import annotations

from collections.abc import Mapping

from carv3d.runtime.errors import UserError
from carv3d.toybox import grammar


def check(prompt: str, others: Mapping[str, str]) -> None:
    """UserError for a prompt outside the grammar, or for one of ``prompts``, by name, with a word that it does not
    know: each is a toybox prompt, a view, or both; empty ones are passed over."""
    grammar.parse(prompt)
    for name, text in others.items():
        if text:
            _check(name, text)


def _check(name: str, text: str) -> None:
    from carv3d.diffusion.prompts import VIEWS  # which needs torch

    plain = {f"{view.name} view" for view in VIEWS[8]} | {"side view"}
    views = plain | {f"{view.name} view" for view in VIEWS[24]}
    what, _, view = (part.strip() for part in text.partition(","))
    if what not in views and view not in views | {""}:
        raise UserError(f"prompts.{name}: '{view}' given after the comma; allowed with the bundled teacher: "
                        f"{', '.join(sorted(plain))}, the named azimuths also with low, level or high before them")
    if what in views and not view:
        return
    try:
        grammar.parse(what)
    except UserError as error:
        raise UserError(f"prompts.{name}: {error}") from None
