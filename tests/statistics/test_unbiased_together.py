"""Draws of an item that is four views looked at together estimate what one timestep for the four gives, in every
combination; a timestep for each view, which leaves the teacher's own distribution, is caught.

The judge is that of test_unbiased.py: sixteen blocks, each with a reference of its own, which is made without the
package's draws: timesteps uniform, one for all four, noise independent. False alarms 2e-3 a case at most (seeds are
fixed). The teacher's answer about a view depends on the noise in all four, and on their common level.
"""

import itertools

import harness
import pytest
import torch
from world import gen

from carv3d import carv
from carv3d.diffusion.schedule import scaled_linear
from carv3d.diffusion.teacher import Teacher
from carv3d.objectives.sds import sds
from carv3d.text3d.batch import of_items

BLOCKS, V, LOW, HIGH = 16, 4, 20, 980
SHAPE = (2, 1, 1)  # of a view's latents
EACH = 4096  # sets of a block
COMBINATIONS = list(itertools.product((False, True), (False, True), carv.noise.MODES))


class Together(Teacher):
    """What a view's noise is taken for, it sees better the less noise the others show."""

    views_per_item = V
    latent_shape = SHAPE

    def __init__(self):
        self.schedule = scaled_linear()

    def encode(self, rgb):
        raise NotImplementedError

    def condition(self, cameras, background, light=None):
        raise NotImplementedError

    def predict(self, noisy, timestep, condition, view, branches):
        groups = noisy.unflatten(0, (-1, V))
        others = (groups.sum(1, keepdim=True) - groups) / (V - 1)
        return {"cond": (groups * (1 + others.square()).rsqrt() + 0.5 * torch.tanh(3 * others)).flatten(0, 1)}


@pytest.fixture(scope="module")
def judge():
    """judge(estimates [BLOCKS*EACH,...]): their bias. value: of rows of views; weight: w(t)."""
    teacher, latents = Together(), torch.randn(V, *SHAPE, generator=gen(1))
    weight = teacher.schedule.weighting("sds")
    value = sds(teacher, None, latents, weight, 1.0)
    count, g = BLOCKS * EACH * 8, gen(2)
    t = torch.randint(LOW, HIGH + 1, (count,), generator=g).repeat_interleave(V)
    rows = value(torch.arange(V).repeat(count), t, torch.randn(count * V, *SHAPE, generator=g))
    reference = harness.blocks(rows.view(1, count, -1), BLOCKS)

    def of(estimates):
        result = harness.bias(harness.blocks(estimates.reshape(1, BLOCKS * EACH, -1), BLOCKS), reference)
        print(result)
        return result

    return value, weight, of


@pytest.mark.parametrize("stratified,by_weight,noise", COMBINATIONS)
def test_one_timestep_for_the_views_of_an_item_is_unbiased(judge, stratified, by_weight, noise):
    value, weight, of = judge
    proposal = carv.make_proposal(carv.uniform_target(1000, LOW, HIGH), weight if by_weight else None)
    seed = 10 + COMBINATIONS.index((stratified, by_weight, noise))
    draws = carv.draw(BLOCKS * EACH, 4, (V, *SHAPE), proposal, stratified=stratified, noise=noise,
                      time_generator=gen(seed), noise_generator=gen(seed + 100))
    assert draws.timestep.shape == (BLOCKS * EACH, 4) and draws.noise.shape[2:] == (V, *SHAPE)
    item = of_items(value, V)
    result = of(carv.estimate(lambda index, t, e: item(0 * index, t, e), draws).mean)
    assert abs(result.z) <= 4 and result.upper <= 0.06


def test_a_timestep_for_each_view_is_caught(judge):
    """With strata over the views of an item, which would be the tempting thing to do."""
    value, _, of = judge
    proposal = carv.make_proposal(carv.uniform_target(1000, LOW, HIGH))
    draws = carv.draw(BLOCKS * EACH, V, SHAPE, proposal, stratified=True, time_generator=gen(50),
                      noise_generator=gen(51))
    rows = value(torch.arange(V).repeat(draws.items), draws.timestep.flatten(), draws.noise.flatten(0, 1))
    result = of(rows.unflatten(0, (-1, V)))
    assert result.z > 4 and result.relative > 0.1
