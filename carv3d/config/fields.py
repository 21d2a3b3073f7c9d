"""The options by their dotted keys."""

from __future__ import annotations

import dataclasses
import difflib
from typing import Any

from carv3d.config import schema
from carv3d.config.schema import Config, Schedule
from carv3d.runtime.errors import UserError

_TYPES = {name: cls for name, cls in vars(schema).items() if dataclasses.is_dataclass(cls)}
_PLAIN = {"int": int, "float": float, "bool": bool, "str": str, "list[float]": list, "list[int]": list,
          "list[str]": list}


def _is_schedule(kind: dataclasses.Field) -> bool:
    return kind.type == "Schedule"


def keys(cls: type = Config, prefix: str = "") -> list[str]:
    """Every leaf of the configuration, as dotted keys."""
    out = []
    for item in dataclasses.fields(cls):
        inner = _TYPES.get(item.type)
        out += keys(inner, f"{prefix}{item.name}.") if inner not in (None, Schedule) else [prefix + item.name]
    return out


def field_of(key: str) -> dataclasses.Field:
    cls, found = Config, None
    for part in key.split("."):
        found = {f.name: f for f in dataclasses.fields(cls)}.get(part) if cls else None
        if found is None:
            known = keys()
            near = difflib.get_close_matches(key, known, 1, 0.5) or [
                k for k in known if k.rsplit(".", 1)[-1] == key.rsplit(".", 1)[-1]]
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UserError(f"{key}: no such key{hint} carv3d train --dry-run prints all of them")
        cls = _TYPES.get(found.type)
    return found


OWN = ("name", "tag", "exp_root_dir")  # where a cell's run lies is the sweep's to say


def leaves(config: Config) -> dict[str, Any]:
    """Dotted keys and plain values; a schedule is one value."""
    def walk(node: Any, prefix: str) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for item in dataclasses.fields(node):
            value = getattr(node, item.name)
            if not dataclasses.is_dataclass(value):
                out[prefix + item.name] = value
            elif item.type == "Schedule":
                out[prefix + item.name] = dataclasses.asdict(value)
            else:
                out |= walk(value, f"{prefix}{item.name}.")
        return out

    return walk(config, "")
