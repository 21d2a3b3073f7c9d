"""Intervals by random effects: by hand, with cells missing, and how often they cover."""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t as student

from carv3d.carv.effects import crossed, nested

spec = importlib.util.spec_from_file_location("interval_coverage", Path(__file__).parents[2] / "scripts" / "interval_coverage.py")
coverage = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = coverage  # dataclasses look there
spec.loader.exec_module(coverage)


def cells(values):
    return {(f"p{i}", j): value for i, row in enumerate(values) for j, value in enumerate(row) if not math.isnan(value)}


def ends(found):
    return found.value, found.low, found.high


def table(*shape, prompt=1.0, seed=2.0, rest=0.5, entropy=0):
    rng = np.random.default_rng(entropy)
    return rng.normal(size=(shape[0], 1)) * prompt + rng.normal(size=shape[1]) * seed + rng.normal(size=shape) * rest


def by_hand(values):
    """Mean squares of a whole table, and from them the variance of its mean and Satterthwaite's degrees of freedom."""
    a, b = values.shape
    rows, columns, mean = values.mean(1, keepdims=True), values.mean(0), values.mean()
    squares = [b * ((rows - mean) ** 2).sum() / (a - 1), a * ((columns - mean) ** 2).sum() / (b - 1),
               ((values - rows - columns + mean) ** 2).sum() / ((a - 1) * (b - 1))]
    variance = (squares[0] + squares[1] - squares[2]) / (a * b)
    spread = sum((each / (a * b)) ** 2 / count for each, count in zip(squares, (a - 1, b - 1, (a - 1) * (b - 1))))
    return mean, variance, variance**2 / spread


@pytest.mark.parametrize("shape", [(8, 3), (4, 2), (2, 2)])
def test_of_a_whole_crossed_table_it_is_the_textbooks(shape):
    values = table(*shape)
    mean, variance, freedom = by_hand(values)
    wide = student.ppf(0.975, freedom) * variance**0.5
    assert ends(crossed(cells(values))) == pytest.approx((mean, mean - wide, mean + wide))
    assert crossed(cells(values)).freedom == pytest.approx(freedom)


def test_nested_is_students_t_of_the_prompts_means():
    values = table(8, 3, seed=0.0)
    means = values.mean(1)
    low, high = student.interval(0.95, 7, means.mean(), means.std(ddof=1) / 8**0.5)
    assert ends(nested(cells(values))) == pytest.approx((means.mean(), low, high))
    values[0, 1:] = np.nan  # prompts count alike, and one of fewer seeds costs degrees of freedom
    found = nested(cells(values))
    assert found.value == pytest.approx(np.nanmean(values, 1).mean()) and 6 < found.freedom < 7


def test_an_effect_whose_component_is_negative_is_left_out():
    values = table(8, 3, seed=0.0, rest=1.0)
    values -= values.mean(0) - values.mean()  # all seeds have the same mean: theirs would be less than noise alone gives
    assert by_hand(values)[1] < values.mean(1).var(ddof=1) / 8
    assert ends(crossed(cells(values))) == pytest.approx(ends(nested(cells(values))))


def test_missing_cells():
    """Close to the whole table's where one of 24 is missing; without one to spare the rest counts to the effects."""
    values = table(8, 3)
    whole, values[2, 1] = crossed(cells(values)), np.nan
    less = crossed(cells(values))
    assert less.value == pytest.approx(np.nanmean(values)) and less.freedom == pytest.approx(whole.freedom, rel=0.2)
    assert less.high - less.low == pytest.approx(whole.high - whole.low, rel=0.25)
    corner = table(2, 2)
    corner[1, 1] = np.nan
    found = crossed(cells(corner))
    assert found.low < found.value < found.high and 0 < found.freedom <= 2


@pytest.mark.parametrize("method", [nested, crossed])
def test_one_prompt_is_over_its_seeds_and_one_cell_has_no_interval(method):
    values = np.array([1.0, 2.0, 4.0])
    low, high = student.interval(0.95, 2, values.mean(), values.std(ddof=1) / 3**0.5)
    assert ends(method(cells([values]))) == pytest.approx((values.mean(), low, high))
    assert ends(method({("p", 0): 2.0})) == pytest.approx((2.0, math.nan, math.nan), nan_ok=True)
    assert ends(method(cells(np.ones((3, 2))))) == (1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="a value at least"):
        method({})


def test_seeds_that_no_two_prompts_share_are_nested_whatever_they_are_called():
    values = table(4, 2, seed=0.0, prompt=3.0)
    own = {(prompt, (prompt, seed)): value for (prompt, seed), value in cells(values).items()}
    assert ends(crossed(own)) == pytest.approx(ends(nested(own)))
    every = {(str(i), i): float(value) for i, value in enumerate(values.ravel())}  # each prompt, each seed once
    assert crossed(every).freedom == 7


@pytest.mark.parametrize("world", [
    coverage.World("nested", "8x3", 1, 0, 1), coverage.World("nested", "4x2", 0.3, 0, 1),
    coverage.World("crossed", "8x3", 1, 1, 1), coverage.World("crossed", "8x3 less 4", 1, 1, 1)])
def test_intervals_cover(world):
    """4,000 studies each. True coverage is 0.950 to 0.959, so that a share outside of [0.93, 0.97] has probability below
    3e-4 (binomial, 3.6 standard errors at the nearest). Control: crossed studies taken for nested, 0.80 at the most."""
    found = world.covered(4000, np.random.default_rng(0))
    assert 0.93 <= found[world.design] <= 0.97
    assert world.design == "nested" or found["nested"] < 0.85


def test_with_one_seed_the_effect_of_seeds_is_in_no_interval():
    """What the page has to say of such studies: 2,000 of 8 prompts cover in 54 %; 0.75 is 19 standard errors off."""
    assert coverage.World("crossed", "8x1", 0, 1, 1).covered(2000, np.random.default_rng(0))["crossed"] < 0.75
