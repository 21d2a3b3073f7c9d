"""A sequence that fills the cube: uniform over its shifts, even along its steps."""

import math

import torch

from carv3d import carv

GOLDEN = ((math.sqrt(5) - 1) / 2, math.sqrt(2) - 1)


def points(seed, first, count):
    shift = torch.rand(2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return carv.kronecker(GOLDEN, shift, first, count)


def test_points_do_not_depend_on_how_they_are_asked_for():
    whole = points(3, 0, 5000)
    assert whole.shape == (5000, 2) and whole.dtype == torch.float64 and 0 <= whole.min() and whole.max() < 1
    assert torch.equal(points(3, 1234, 7), whole[1234:1241])
    assert not torch.equal(points(4, 0, 3), whole[:3])


def test_over_shifts_each_point_is_uniform_in_the_square():
    """4,000 shifts, point 777: counts in 5 x 5 cells have a chi-square of 24 degrees of freedom, below 70 but for a false
    alarm in 2e-6. The control: points of one shift, asked for 25 at a time, are far too even, below 2."""
    def chi_square(rows):
        cells = (5 * rows).long()
        counts = torch.bincount(5 * cells[:, 0] + cells[:, 1], minlength=25).double()
        return ((counts - len(rows) / 25).square() / (len(rows) / 25)).sum().item()

    assert 5 < chi_square(torch.cat([points(seed, 777, 1) for seed in range(4000)])) < 70
    assert chi_square(points(0, 777, 4000)) < 2


def test_any_stretch_averages_a_smooth_function_better_than_independent_points():
    """Mean squared error of the mean of cos 2 pi u + cos 2 pi v over 21 points, 400 shifts: a tenth of independent
    points' at most. It is 0.03 of it and theirs within 20 % of 1/21 (3 standard errors), so neither fails by chance."""
    def error(rows):
        return torch.cos(2 * torch.pi * rows).sum(-1).mean(-1).square().mean().item()

    even = error(torch.stack([points(seed, 13 * seed, 21) for seed in range(400)]))
    random = error(torch.rand(400, 21, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    assert abs(21 * random - 1) < 0.2 and even < 0.1 * random
