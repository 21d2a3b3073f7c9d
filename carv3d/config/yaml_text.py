"""YAML read as the text that was written: no types are guessed, no tag runs, nothing is interpolated.

What a scalar means is its option's to say (``load``): ``prompt: no`` is the word no, ``12:30`` is not 750.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import yaml

from carv3d.runtime.errors import UserError
from carv3d.runtime.types import Value

SIZE, DEPTH, NODES = 1 << 20, 40, 20_000  # most characters, nesting, and values with every alias followed


class NotYaml(UserError):
    """A document that is no YAML at all."""


def read(text: str, where: str) -> Value:
    """A document as nested dicts, lists and text; an empty one is an empty dict.

    where: names the document in messages. UserError, one line, for what is no YAML, has tags, a key twice, or more
    size, depth or repetition than a configuration can need.
    """
    if len(text) > SIZE:
        raise UserError(f"{where}: holds {len(text)} characters; allowed: {SIZE}")
    try:
        _check_shape(text, where)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError) as error:
        raise NotYaml(f"{where}: not YAML: {' '.join(str(error).split())[:160]}") from None
    return {} if node is None else _Walk(where).plain(node)


def number(value: Value) -> float | int | None:
    """A finite number, from text too, scientific notation and all; None for anything else."""
    if isinstance(value, str):
        if not re.fullmatch(r"[+-]?(\d{1,300}(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", value, re.ASCII):
            return None
        value = int(value) if re.fullmatch(r"[+-]?\d+", value) else float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if abs(value) <= sys.float_info.max else None  # neither NaN nor infinite, nor too long to be a float


def _check_shape(text: str, where: str) -> None:
    """By tokens, which come one by one however deep they nest."""
    depth = 0
    for token in _tokens(text):
        if isinstance(token, yaml.TagToken):
            raise UserError(f"{where}, line {token.start_mark.line + 1}: a tag (!) given; allowed: plain values, no "
                            "tags; write the value in quotes if it is text")
        if isinstance(token, (yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken, yaml.FlowMappingStartToken,
                              yaml.FlowSequenceStartToken)):
            depth += 1
        elif isinstance(token, (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)):
            depth -= 1
        if depth > DEPTH:
            raise UserError(f"{where}, line {token.start_mark.line + 1}: nested deeper than {DEPTH} levels; allowed: "
                            f"{DEPTH}")


def _tokens(text: str) -> Iterator[yaml.Token]:
    yield from yaml.scan(text, Loader=yaml.SafeLoader)


class _Walk:
    """From nodes to plain data, with every alias followed, as far as is reasonable."""

    def __init__(self, where: str):
        self.where, self.seen = where, 0
        self.open: set[int] = set()

    def plain(self, node: yaml.Node) -> Value:
        self.seen += 1
        if self.seen > NODES or id(node) in self.open:
            raise UserError(f"{self.where}, line {node.start_mark.line + 1}: an alias repeats more than can be meant; "
                            "write the values out")
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.plain(child) for child in node.value]
            assert isinstance(node, yaml.MappingNode)  # there is no other kind
            return self.mapping(node)
        finally:
            self.open.discard(id(node))

    def mapping(self, node: yaml.MappingNode) -> dict[str, Value]:
        found: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise UserError(f"{self.where}, line {key.start_mark.line + 1}: a key that is no text; allowed: the "
                                "name of an option")
            line = key.start_mark.line + 1
            if key.value in lines:
                raise UserError(f"{self.where}: {key.value} given twice, on lines {lines[key.value]} and {line}; leave "
                                "one of them")
            found[key.value], lines[key.value] = self.plain(value), line
            if key.value == "<<" and key.style is None:
                merged = self.merged(found.pop("<<"), line)
        return merged | found

    def merged(self, value: Value, line: int) -> dict[str, Value]:
        """What YAML's merge key brings: of several mappings the first that has a key gives its value."""
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(each, dict) for each in sources):
            raise UserError(f"{self.where}, line {line}: << of what is no mapping; allowed: << with an alias of one, "
                            "or a list of them")
        return {key: child for each in reversed(sources) for key, child in each.items()}
