"""The options by their dotted keys."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping

from carv3d.config import attribution, onestep, scenes, schema
from carv3d.config.options import Field, Schedule, kind_of
from carv3d.config.schema import Config
from carv3d.runtime.errors import UserError
from carv3d.runtime.types import Record, Value

SECTIONS = {name: cls for module in (attribution, onestep, scenes, schema) for name, cls in vars(module).items()
            if isinstance(cls, type) and dataclasses.is_dataclass(cls)}
NAMING = ("name", "tag", "exp_root_dir")  # where a run lies, and nothing of what it computes
UNDECLARED: Field = dataclasses.field(metadata={"help": "an option that a class of the user's may declare"})
UNDECLARED.type = "str"  # given as text; its class says what it is read as

Sections = Mapping[str, type]  # the open sections, each with the dataclass that its component declares


def keys(cls: type = Config, prefix: str = "") -> list[str]:
    """Every option of carv3d's own, as dotted keys."""
    out = []
    for item in dataclasses.fields(cls):
        if item.type != "Open":
            inner = SECTIONS.get(kind_of(item))
            out += keys(inner, f"{prefix}{item.name}.") if inner not in (None, Schedule) else [prefix + item.name]
    return out


def field_of(key: str, sections: Sections | None = None) -> Field:
    """The field of an option. Without ``sections`` every key of an open section passes, as UNDECLARED. UserError for a
    key that is not there, with the nearest one that is."""
    cls: type | None = Config
    parts = key.split(".")
    found: Field | None = None
    for i, part in enumerate(parts):
        found = {f.name: f for f in dataclasses.fields(cls)}.get(part) if cls else None
        if found is None:
            raise UserError(_unknown(key, sections))
        cls = SECTIONS.get(kind_of(found))
        if found.type == "Open" and i + 1 < len(parts):
            if sections is None:
                return UNDECLARED
            cls = sections[".".join(parts[:i + 1])]
    assert found is not None  # a key has at least one part
    return found


def is_key(key: str) -> bool:
    """Whether there is such an option."""
    try:
        field_of(key)
    except UserError:
        return False
    return True


def _unknown(key: str, sections: Sections | None) -> str:
    declared = [f"{section}.{item.name}" for section, cls in (sections or {}).items()
                for item in dataclasses.fields(cls)]
    known = keys() + declared
    near = difflib.get_close_matches(key, known, 1, 0.5) or [
        k for k in known if k.rsplit(".", 1)[-1] == key.rsplit(".", 1)[-1]]
    hint = f"; did you mean {near[0]}?" if near else ";"
    return f"{key}: no such key{hint} carv3d train --dry-run prints all of them"


def leaves(config: Config) -> Record:
    """Dotted keys and plain values of a configuration; a schedule is one value."""
    def walk(node: Value, prefix: str) -> Record:
        out: Record = {}
        for item in dataclasses.fields(node):
            value = getattr(node, item.name)
            if not dataclasses.is_dataclass(value):
                out[prefix + item.name] = value
            elif isinstance(value, Schedule):
                out[prefix + item.name] = dataclasses.asdict(value)
            else:
                out |= walk(value, f"{prefix}{item.name}.")
        return out

    return walk(config, "")


def differences(a: Config, b: Config) -> list[str]:
    """The keys in which two configurations differ, or that one of them alone has."""
    left, right = leaves(a), leaves(b)
    return [key for key in left | right if key not in left or key not in right or left[key] != right[key]]
