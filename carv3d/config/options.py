"""What an option is made of: a typed field with its comment and bounds, and numbers that depend on the step."""

from __future__ import annotations

import bisect
import copy
import dataclasses
from dataclasses import dataclass, field
from typing import Any, TypeAlias


def option(default: Any, help: str, *, ge: float | None = None, gt: float | None = None, le: float | None = None,
           choices: tuple[Any, ...] | None = None, ordered: bool = False, length: int | None = None) -> Any:
    """A field with its comment and its allowed values (each item's, for a list)."""
    meta = dict(help=help, ge=ge, gt=gt, le=le, choices=choices, ordered=ordered, length=length)
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=meta)
    if dataclasses.is_dataclass(default):
        return field(default_factory=lambda: copy.deepcopy(default), metadata=meta)
    return field(default=default, metadata=meta)


PLAIN = ("int", "float", "bool", "str", "list[float]", "list[int]", "list[str]", "int | str", "float | str")
"""What an option can be, besides a Schedule."""
SCHEDULED = "int | str | Schedule"  # auto, a whole number, or whole numbers that depend on the step

Field: TypeAlias = dataclasses.Field[Any]
Open: TypeAlias = Any  # a section whose options the component's own class declares; see config.registry


TEXTS = ("str", "list[str]")  # kinds of options whose value is text


def kind_of(item: Field) -> str:
    """The type of an option, as it is written, whether or not its module postpones annotations."""
    if isinstance(item.type, str):
        return item.type
    return str(item.type) if getattr(item.type, "__args__", ()) else item.type.__name__


@dataclass
class NoOptions:
    """For a component without options of its own."""


@dataclass
class Schedule:
    """A number as a function of the step: ``values[i]`` at ``steps[i]``, held before the first and after the last.

    In YAML and on the command line a plain number stands for a constant.
    """

    values: list[float] = option([0.0], "one value per entry of steps")
    steps: list[int] = option([0], "increasing step numbers", ge=0)
    interpolation: str = option("linear", "between two entries", choices=("linear", "step"))

    def at(self, step: int) -> float:
        i = bisect.bisect_right(self.steps, step) - 1
        if i < 0:
            return self.values[0]
        if i + 1 == len(self.steps) or self.interpolation == "step":
            return self.values[i]
        share = (step - self.steps[i]) / (self.steps[i + 1] - self.steps[i])
        return self.values[i] + share * (self.values[i + 1] - self.values[i])


def constant(value: float) -> Schedule:
    return Schedule([value], [0])
