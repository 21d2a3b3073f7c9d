"""Views in a randomly shifted sequence estimate the gradient that independent views do, at whatever step of a run.

The judge is that of test_unbiased.py, over views and draws together: sixteen blocks of runs, each run with a shift of
its own, looked at in one step; the reference's views are independent. One condition, the start, guidance 1.
"""

import harness
import pytest
import torch
import world as worlds
from test_unbiased import BLOCKS
from world import gen

from carv3d import carv
from carv3d.cameras import cameras_at
from carv3d.text3d import views

RUNS, ITEMS, K = 80, 3, 4  # runs in a block, views of a step, draws of a view
USED = 7  # coordinates: of the camera and of its background


@pytest.fixture(scope="module")
def judge(world):
    """judge(points [runs,ITEMS,USED] of all blocks): the bias of steps with these views."""
    def gradients(points, seed):
        flat = points.flatten(0, 1)
        normal = torch.special.ndtri(flat[:, 4:].clamp(1e-6, 1 - 1e-6)).float()
        cameras = cameras_at(flat[:, :4].T, worlds.SIZE, worlds.SIZE, *worlds.RANGES.values())
        draws = world.draws(len(flat), K, seed, stratified=True, noise="antithetic")
        each = [world.theta_gradients(world.start, worlds.before(cameras[part], normal[part]), draws.part(part), 1.0)
                for part in map(slice, range(0, len(flat), 480), range(480, len(flat) + 1, 480))]
        return harness.blocks(torch.cat(each)[:, 0][None], BLOCKS)

    reference = gradients(torch.rand(BLOCKS * 2 * RUNS, ITEMS, USED, generator=gen(7), dtype=torch.float64), 8)

    def of(points, seed):
        result = harness.bias(gradients(points, seed), reference)
        print(result)
        return result

    return of


def runs(first, seed, shifts=USED):
    """Each run's views of the step before which it has seen ``first``. shifts: how many numbers its shift is made of."""
    shift = torch.rand(BLOCKS * RUNS, shifts, generator=gen(seed), dtype=torch.float64).expand(-1, USED)
    return torch.stack([carv.kronecker(views.GENERATOR[:USED], own, first, ITEMS) for own in shift])


@pytest.mark.parametrize("first", [0, 3, 1917])
def test_over_shifts_a_step_is_unbiased(judge, first):
    result = judge(runs(first, 10 + first), 20 + first)
    assert abs(result.z) <= 4 and result.upper <= 0.06


def test_one_shift_for_all_coordinates_is_caught(judge):
    """Each coordinate by itself is as uniform as before; together they are not."""
    result = judge(runs(3, 30, shifts=1), 31)
    assert result.z > 4 and result.relative > 0.08


def test_the_same_shift_for_all_runs_is_caught(judge):
    result = judge(runs(3, 40)[:1].expand(BLOCKS * RUNS, -1, -1), 41)
    assert result.z > 4 and result.relative > 0.3
