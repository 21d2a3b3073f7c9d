"""A configuration as YAML, with a comment for every option."""

from __future__ import annotations

import dataclasses

import yaml

from carv3d.config.options import Schedule
from carv3d.config.schema import Config
from carv3d.runtime.types import Value


def dump(config: Config) -> str:
    """YAML with every field and its comment; ``load`` of it gives the same configuration."""
    return "\n".join(_dump(config, 0)) + "\n"


def _dump(node: Value, depth: int) -> list[str]:
    lines, pad = [], "  " * depth
    for item in dataclasses.fields(node):
        value = getattr(node, item.name)
        if isinstance(value, Schedule):
            text = (flow(value.values[0]) if len(value.values) == 1 else
                    f"{{values: {flow(value.values)}, steps: {flow(value.steps)}, "
                    f"interpolation: {value.interpolation}}}")
        elif dataclasses.is_dataclass(value):
            if not dataclasses.fields(value):  # an open section in which nothing is declared
                continue
            lines += [f"{pad}{item.name}:"] + _dump(value, depth + 1)
            continue
        else:
            text = flow(value)
        choices = item.metadata["choices"]
        comment = item.metadata["help"] + (f" ({' | '.join(map(str, choices))})" if choices else "")
        lines.append(f"{pad}{item.name}: {text}".ljust(44) + f"  # {comment}")
    return lines


def flow(value: Value) -> str:
    """A scalar or flat list as YAML on one line, numbers as Python reads them back exactly."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list) and any(isinstance(x, str) for x in value):
        return f"[{', '.join(_quoted(x, inside=True) for x in value)}]"
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**9).strip()
    return text.removesuffix("\n...").strip()


def _quoted(text: str, inside: bool = False) -> str:
    """Text as any YAML reader takes it for that text: plain where it is words alone, else in quotes. inside: a list."""
    if all(c.isprintable() for c in text):
        return _one_line(text if not inside else [text])
    escaped = "".join(f"\\{c}" if c in '"\\' else c if c.isprintable() else
                      f"\\U{ord(c):08X}" if ord(c) > 0xFFFF else f"\\u{ord(c):04X}" for c in text)
    return f'"{escaped}"'


def _one_line(value: Value) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**9, allow_unicode=True).strip()
    text = text.removesuffix("\n...").strip()
    return text[1:-1] if isinstance(value, list) else text
