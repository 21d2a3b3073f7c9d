"""The prompt grammar of the toybox: which prompts exist and what each one means.

Three forms: ``a red mushroom``, ``a red mushroom with a blue stem`` and ``a red cube on top of a blue cylinder``. Every
kind names one second part, whose colour has a default; a prompt that spells the default out means the same ``Spec`` as
the prompt that leaves it away, so prompts that look alike are equal.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from carv3d.runtime.errors import UserError

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.84, 0.09, 0.10),
    "green": (0.13, 0.58, 0.17),
    "blue": (0.12, 0.22, 0.84),
    "yellow": (0.92, 0.82, 0.10),
    "orange": (0.92, 0.44, 0.04),
    "purple": (0.48, 0.13, 0.64),
    "pink": (0.92, 0.50, 0.68),
    "brown": (0.40, 0.23, 0.10),
    "white": (0.92, 0.92, 0.92),
    "black": (0.07, 0.07, 0.08),
    "grey": (0.46, 0.46, 0.48),
    "cyan": (0.08, 0.74, 0.80),
}
"""Diffuse colour as displayed, RGB in [0,1]. No entry exceeds 0.92, so a light gain up to 1.08 cannot clip."""


@dataclass(frozen=True)
class Kind:
    """The second part's name, and its colour unless the prompt gives one; None: the colour of the object itself."""

    part: str
    default: str | None = None


KINDS: dict[str, Kind] = {
    "sphere": Kind("band"),
    "cube": Kind("band"),
    "cone": Kind("tip"),
    "cylinder": Kind("band"),
    "torus": Kind("top"),
    "mug": Kind("handle"),
    "mushroom": Kind("stem", "white"),
    "snowman": Kind("hat", "black"),
    "rocket": Kind("fins", "red"),
    "tree": Kind("trunk", "brown"),
    "house": Kind("roof", "brown"),
    "car": Kind("wheels", "black"),
    "chair": Kind("legs", "brown"),
    "table": Kind("legs", "brown"),
    "lamp": Kind("base", "grey"),
    "duck": Kind("beak", "orange"),
    "fish": Kind("tail", "white"),
    "bear": Kind("belly", "white"),
    "boat": Kind("sail", "white"),
    "bottle": Kind("cap", "black"),
}
TOPS = ("sphere", "cube", "cone", "cylinder", "torus", "mug", "duck", "mushroom")
"""Kinds that can stand on another object."""
BASES = ("cube", "cylinder", "table", "chair", "car")
"""Kinds that another object can stand on."""


@dataclass(frozen=True)
class Spec:
    """One object of the toybox, or two when ``under`` carries it.

    second: colour of the second part; None is replaced by the default of the kind. under: the object beneath; both
    objects of a pair keep their default second colour. Raises ValueError for anything outside the grammar.
    """

    kind: str
    colour: str
    second: str | None = None
    under: Spec | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if self.second is None:
            object.__setattr__(self, "second", KINDS[self.kind].default or self.colour)
        for colour in (self.colour, self.second):
            if colour not in COLOURS:
                raise ValueError(f"colour must be one of {', '.join(COLOURS)}, got {colour!r}")
        if self.under is not None and not self._can_stand_on(self.under):
            raise ValueError(f"not a stacked pair of the grammar: {self.kind} on top of {self.under.kind}")

    def _can_stand_on(self, under: Spec) -> bool:
        return self.kind in TOPS and under.kind in BASES and under.under is None and self.plain and under.plain

    @property
    def plain(self) -> bool:
        """Whether the second part has its default colour."""
        return self.second == (KINDS[self.kind].default or self.colour)


_PROMPT = re.compile(
    r"(?:an? )?(?P<colour>\w+) (?P<kind>\w+)"
    r"(?: with (?:an? )?(?P<second>\w+) (?P<part>\w+)"
    r"| on top of (?:an? )?(?P<under_colour>\w+) (?P<under_kind>\w+))?"
)


def parse(prompt: str) -> Spec:
    """The object that a prompt names; case, extra white space and the article do not matter.

    Raises UserError, one line with the closest prompt, for a prompt outside the grammar.
    """
    text = " ".join(prompt.lower().split())
    match = _PROMPT.fullmatch(text)
    if match is None:
        raise _unknown(text)
    word = match.groupdict()
    try:
        if word["under_kind"]:
            return Spec(word["kind"], word["colour"], under=Spec(word["under_kind"], word["under_colour"]))
        spec = Spec(word["kind"], word["colour"], word["second"])
    except ValueError:
        raise _unknown(text) from None
    if word["part"] not in (None, KINDS[spec.kind].part):
        raise _unknown(text)
    return spec


def caption(spec: Spec) -> str:
    """The canonical prompt of an object; ``parse(caption(spec)) == spec``."""
    text = f"{_article(spec.colour)} {spec.kind}"
    if spec.under is not None:
        return f"{text} on top of {caption(spec.under)}"
    if spec.plain:
        return text
    part = KINDS[spec.kind].part
    return f"{text} with {spec.second if part.endswith('s') else _article(spec.second or '')} {part}"


def singles() -> Iterator[Spec]:
    """Every kind in every colour."""
    return (Spec(kind, colour) for kind, colour in product(KINDS, COLOURS))


def two_parts() -> Iterator[Spec]:
    """Every kind in every pair of colours that differs from the kind's default."""
    specs = (Spec(kind, colour, second) for kind, colour, second in product(KINDS, COLOURS, COLOURS))
    return (spec for spec in specs if not spec.plain)


def stacks() -> Iterator[Spec]:
    """Every stacked pair in every pair of colours."""
    return (Spec(top, colour, under=Spec(base, under))
            for top, base, colour, under in product(TOPS, BASES, COLOURS, COLOURS))


def describe() -> str:
    """The whole grammar as text for a person."""
    kinds = "\n".join(f"  {kind:10s}with ... {rule.part:8s}({rule.default or 'its own colour'} if not said)"
                      for kind, rule in KINDS.items())
    return (
        f"colours: {', '.join(COLOURS)}\n\nobjects, and the part of each that can have a second colour:\n{kinds}\n\n"
        f"on top of each other: {', '.join(TOPS)} on top of {', '.join(BASES)}\n\n"
        "forms:\n  a red mushroom\n  a red mushroom with a blue stem\n  a red cube on top of a blue cylinder"
    )


def _article(colour: str) -> str:
    return f"{'an' if colour[0] in 'aeiou' else 'a'} {colour}"


def _unknown(text: str) -> UserError:
    words = text.split()
    form = two_parts if "with" in words else stacks if "on" in words else singles
    closest = difflib.get_close_matches(text[:120], [caption(spec) for spec in form()], n=1, cutoff=0.0)[0]
    shown = text if len(text) <= 80 else text[:77] + "..."
    return UserError(
        f"prompt {shown!r} is none that this teacher knows ({len(KINDS)} objects in {len(COLOURS)} colours); the "
        f"closest is {closest!r}; carv3d prompts lists them; for other prompts another teacher: teacher.type=diffusers "
        "teacher.path=FOLDER"
    )
