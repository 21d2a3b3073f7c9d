"""The prompt grammar and the committed lists."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import chain

import pytest

from carv3d.runtime.errors import UserError
from carv3d.toybox.grammar import BASES, COLOURS, KINDS, TOPS, Spec, caption, parse, singles, stacks
from carv3d.toybox.grammar import two_parts as two_part_specs
from carv3d.toybox.lists import distractors, held_out, toybox20


def everything() -> list[Spec]:
    return list(chain(singles(), two_part_specs(), stacks()))


def test_every_prompt_comes_back_and_none_means_two_things() -> None:
    specs = everything()
    assert len(set(specs)) == len(specs) == len({caption(spec) for spec in specs})
    assert all(parse(caption(spec)) == spec for spec in specs)


def test_the_grammar_is_as_large_as_promised() -> None:
    assert len(KINDS) >= 16 and len(COLOURS) == 12
    assert len(list(singles())) == len(KINDS) * len(COLOURS)


@pytest.mark.parametrize(
    ("prompt", "same"),
    [
        ("A  Red\tMushroom ", "a red mushroom"),
        ("an red mushroom", "a red mushroom"),
        ("a orange fish", "an orange fish"),
        ("a red mushroom with a white stem", "a red mushroom"),
        ("a red sphere with a red band", "a red sphere"),
        ("a blue car with a yellow wheels", "a blue car with yellow wheels"),
        ("a red cube on top of an orange cylinder", "a red cube on top of an orange cylinder"),
    ],
)
def test_prompts_that_mean_the_same(prompt: str, same: str) -> None:
    assert caption(parse(prompt)) == same


@pytest.mark.parametrize(
    ("prompt", "closest"),
    [
        ("a red mushrom", "a red mushroom"),
        ("mushroom", "a red mushroom"),
        ("a green mug with a blue handel", "a green mug with a blue handle"),
        ("a green mug with a blue stem", "a green mushroom with a blue stem"),
        ("a red cube on a blue cylinder", "a red cube on top of a blue cylinder"),
        ("a red chair on top of a blue snowman", " on top of a blue c"),
        ("a\nred 'thing'\nx", "a red "),
        ("", ""),
    ],
)
def test_a_prompt_outside_gets_one_helpful_line(prompt: str, closest: str) -> None:
    with pytest.raises(UserError) as error:
        parse(prompt)
    line = str(error.value)
    assert "\n" not in line and "carv3d prompts" in line
    suggestion = line.split("the closest is ")[1].split(";")[0].strip("'")
    assert closest in suggestion
    parse(suggestion)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Spec("dinosaur", "red"),
        lambda: Spec("mug", "beige"),
        lambda: Spec("mug", "red", "beige"),
        lambda: Spec("cube", "red", under=Spec("snowman", "red")),
        lambda: Spec("cube", "red", "blue", under=Spec("cube", "red")),
    ],
)
def test_a_spec_outside_the_grammar_is_refused(make) -> None:
    with pytest.raises(ValueError):
        make()


def test_the_grammar_loads_neither_torch_nor_numba() -> None:
    code = "import sys, carv3d.toybox.lists as l; l.toybox20(); print({'torch', 'numba', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_toybox20() -> None:
    specs = [parse(prompt) for prompt in toybox20()]
    assert [caption(spec) for spec in specs] == list(toybox20())
    assert len(set(specs)) == 20 and len({spec.kind for spec in specs}) >= 10
    assert sum(map(held_out, specs)) == 10
    assert any(spec.under for spec in specs) and any(not spec.plain for spec in specs)
    assert "a red mushroom" in toybox20() and "a green mug" in toybox20()


def test_held_out_pairs_occur_in_no_training_caption() -> None:
    pairs = {(spec.kind, spec.colour) for spec in singles() if held_out(spec)}
    training = [spec for spec in everything() if not held_out(spec)]
    seen = {(part.kind, part.colour) for spec in training for part in (spec, spec.under) if part}
    assert not pairs & seen
    assert 0.10 <= len(pairs) / (len(KINDS) * len(COLOURS)) <= 0.15
    stacked = {(spec.kind, spec.under.kind) for spec in training if spec.under}
    assert 0.10 <= 1 - len(stacked) / (len(TOPS) * len(BASES)) <= 0.15


def test_every_kind_and_colour_still_occurs_often() -> None:
    training = [spec for spec in singles() if not held_out(spec)]
    assert min(Counter(spec.kind for spec in training)[kind] for kind in KINDS) >= 10
    assert min(Counter(spec.colour for spec in training)[colour] for colour in COLOURS) >= 16
    pairs = [spec for spec in stacks() if not held_out(spec)]
    assert {spec.kind for spec in pairs} == set(TOPS) and {spec.under.kind for spec in pairs} == set(BASES)


@pytest.mark.parametrize("prompt", [*toybox20(), "a black bottle", "a grey torus on top of a pink car"])
def test_distractors(prompt: str) -> None:
    spec = parse(prompt)
    others = distractors(spec)
    assert len(set(others)) == len(others) == 200 and spec not in others
    assert sum(other.kind == spec.kind for other in others) >= 60
    assert sum(other.colour == spec.colour and other.kind != spec.kind for other in others) >= 40
    assert sum(other.colour == spec.colour for other in others) >= 60
    distractors.cache_clear()
    assert distractors(spec) == others
