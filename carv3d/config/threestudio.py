"""threestudio's keys as carv3d's, for its command line and its configuration files; the table is in threestudio_keys.

Nothing of threestudio's is evaluated: a value that its own resolvers would make (``${rmspace:..}``) is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import yaml

from carv3d.config import yaml_text
from carv3d.config.fields import field_of, is_key
from carv3d.config.options import TEXTS, kind_of
from carv3d.config.threestudio_keys import ESSENTIAL, PASSED_OVER, PROMPTS, RULES, WORDS_OF_FOUR
from carv3d.runtime.errors import UserError, one_line, shown
from carv3d.runtime.progress import say
from carv3d.runtime.types import Record, Value

NOTHING = ("", "null", "~", "None", "???")  # how YAML and OmegaConf write that a value is not given


@dataclass
class Converted:
    """overrides: key=value of carv3d's. mapped, dropped: a line for each key, for people."""

    overrides: list[str] = field(default_factory=list)
    mapped: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def recognised(tree: Record) -> bool:
    """Whether a configuration file is one of threestudio's, by keys that every one of those has and none of ours."""
    return any(key in tree for key in ("system_type", "data_type", "system"))


def of_arguments(arguments: Iterable[str], passed_over: Callable[[str], None] = say) -> list[str]:
    """key=value of threestudio's, or of carv3d's own, as carv3d's. passed_over: is told of each key that has no
    counterpart and needs none. UserError for the others without."""
    given: dict[str, Value] = {}
    own: list[str] = []
    lost: list[str] = []
    for argument in arguments:
        key, separator, raw = argument.partition("=")
        if not separator or not key:
            raise UserError(f"{shown(argument)} is not understood; write key=value, for example trainer.max_steps=200")
        if key in RULES:
            given[key] = raw if _is_text(key) else yaml_text.read(raw, key) if raw.strip() else ""
        elif is_key(key):
            own.append(argument)
        elif PASSED_OVER.fullmatch(key):
            passed_over(one_line(f"passed over: {key}: no counterpart, and none is needed"))
        else:
            lost.append(key)
    if lost:
        raise UserError(f"no counterpart in carv3d for {', '.join(each[:80] for each in lost)}; carv3d train --dry-run "
                        "prints every key there is")
    made: list[str] = []
    for key, rule in ((key, rule) for key, rule in RULES.items() if key in given):
        pairs = rule(given[key], given)
        if pairs is None:
            raise UserError(f"{key}: {shown(given[key])} given, which has no counterpart in carv3d"
                            + (f"; allowed: {ESSENTIAL[key]}" if key in ESSENTIAL else ""))
        made += [written(*pair) for pair in pairs]
    return [*implied([*made, *own]), *made, *own]


def of_file(tree: Record, accepts: Callable[[list[str]], object]) -> Converted:
    """A configuration file of threestudio's as carv3d's key=value, with a line for each key that came or went.

    accepts: raises UserError for overrides that carv3d refuses; what it refuses is left out, with its reason.
    """
    given, found = dict(_leaves(tree)), Converted()
    candidates: dict[str, list[str]] = {}
    said = {key: value for key, value in given.items() if not _says_nothing(key, value)}
    for key, rule in ((key, rule) for key, rule in RULES.items() if key in said):
        value = said[key]
        if isinstance(value, str) and "${" in value and key != f"{PROMPTS}prompt":
            found.dropped.append(f"{key}: {value} is not evaluated")
        elif (pairs := rule(value, given)) is not None:
            candidates[key] = [written(*pair) for pair in pairs]
        elif key in ESSENTIAL:
            raise UserError(f"{key}: {shown(value)} given; allowed: {ESSENTIAL[key]}")
        else:
            found.dropped.append(f"{key}: {shown(value)} has no counterpart")
    kept, refused = _accepted(candidates, accepts)
    found.overrides = _complete(kept)
    found.mapped = [f"{key} -> {each}" for key, made in candidates.items() if key not in refused for each in made]
    found.dropped += [f"{key}: {why}" for key, why in refused.items()]
    found.dropped += [f"{key}: no counterpart" for key in said if key not in RULES]
    return found


def _accepted(candidates: dict[str, list[str]], accepts: Callable[[list[str]], object]
              ) -> tuple[list[str], dict[str, str]]:
    """The overrides that carv3d takes together, and why not the others: all at once, else key by key."""
    together = [each for made in candidates.values() for each in made]
    try:
        accepts(_complete(together))
        return together, {}
    except UserError:
        kept: list[str] = []
        refused: dict[str, str] = {}
    for key, made in candidates.items():
        try:
            accepts(_complete([*kept, *made]))
            kept += made
        except UserError as error:
            refused[key] = str(error)
    return kept, refused


def _complete(overrides: list[str]) -> list[str]:
    """With what a file of threestudio's takes for granted: four view words, unless it says otherwise."""
    return [*implied(["data.views=4", *overrides]), "data.views=4", *overrides]


def implied(overrides: list[str]) -> list[str]:
    """What threestudio takes for granted: a path means Stable Diffusion, prompts by view its four view words."""
    named = {each.partition("=")[0] for each in overrides}
    out = ["teacher.type=diffusers"] if "teacher.path" in named and "teacher.type" not in named else []
    return out + (["data.views=4"] if named.intersection(WORDS_OF_FOUR) and "data.views" not in named else [])


def written(option: str, value: Value) -> str:
    """option=value, as the command line takes it."""
    if not isinstance(value, str):
        value = yaml.safe_dump(_numbers(value), default_flow_style=True, width=10**9, allow_unicode=True).strip()
        value = value.removesuffix("\n...")
    return f"{option}={value}"


def _numbers(value: Value) -> Value:
    """With numbers for the text of numbers, within lists and mappings."""
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    if isinstance(value, dict):
        return {key: _numbers(each) for key, each in value.items()}
    return value if (number := yaml_text.number(value)) is None else number


def _is_text(key: str) -> bool:
    """Whether a key's value is text as it stands."""
    try:
        pairs = RULES[key]("x", {})
    except UserError:
        return True
    return bool(pairs) and all(kind_of(field_of(option)) in TEXTS for option, _ in pairs or [])


def _leaves(tree: Record, prefix: str = "") -> Iterable[tuple[str, Value]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _says_nothing(key: str, value: Value) -> bool:
    """A weight of zero, or a value that is not given."""
    if isinstance(value, str) and value.strip() in NOTHING:
        return True
    return key not in RULES and key.startswith("system.loss.lambda_") and yaml_text.number(value) == 0
