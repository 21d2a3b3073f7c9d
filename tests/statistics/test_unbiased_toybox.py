"""Unbiasedness on the toybox's exact teacher, whose score is as unlike a Gaussian's as scores get (small pictures).

The judge, its reference and its false-alarm rate are those of test_unbiased.py; gradients are judged in latent space.
"""

import harness
import pytest
import torch
from test_unbiased import BLOCKS, COMBINATIONS, K, clipped, self_normalised, unweighted, without_last_stratum
from world import gen

from carv3d import carv
from carv3d.cameras import orbit
from carv3d.carv import Draws
from carv3d.diffusion.exact import ExactTeacher
from carv3d.diffusion.prompts import VIEWS
from carv3d.diffusion.schedule import scaled_linear
from carv3d.objectives.sds import sds
from carv3d.toybox import grammar, sets

SIZE, PICTURES = 16, 48
RANGES = ((-5.0, 35.0), (2.5, 2.8), (38.0, 42.0))
AZIMUTHS = torch.tensor([0.0, 90.0, 200.0])
SETS = {1.0: 24, 7.5: 32}


@pytest.fixture(scope="module")
def problem():
    """(estimates(draws, guidance) [3,n,d] of n sets per view, target p, weight w): latents halfway to another object."""
    spec, other = grammar.parse("a red mushroom"), grammar.parse("a green mug")
    teacher = ExactTeacher(
        scaled_linear(), lambda i: sets.view_set(spec, VIEWS[8][i], *RANGES, count=PICTURES, size=SIZE),
        lambda: sets.unconditional_set(*RANGES, count=2 * PICTURES, size=SIZE), views=8, present=list(range(8)), size=SIZE,
        description="")
    background = torch.rand(3, 3, generator=gen(1))
    condition = teacher.condition(orbit(AZIMUTHS, 15.0, 2.65, 40.0, SIZE, SIZE), background)
    wrong = torch.stack([sets.view_set(other, VIEWS[8][i], *RANGES, count=2, size=SIZE)[0] for i in condition.view])
    right = torch.stack([sets.view_set(spec, VIEWS[8][i], *RANGES, count=2, size=SIZE)[0] for i in condition.view])
    mixed = 0.6 * right + 0.4 * wrong
    latents = teacher.encode(mixed[..., :3] + (1 - mixed[..., 3:]) * background[:, None, None])
    weight = teacher.schedule.weighting("sds")

    def estimates(draws, guidance):
        value = sds(teacher, condition, latents, weight, guidance)
        count = draws.items // 3
        by_view = lambda i, t, n: value(i // count, t, n)  # noqa: E731
        return carv.estimate(by_view, draws, chunk=max(1, 4000 // draws.items)).mean.flatten(1).unflatten(0, (3, count))

    return estimates, carv.uniform_target(1000, 20, 979), weight


@pytest.fixture(scope="module")
def judge(problem):
    estimates, target, weight = problem
    references = {}

    def reference(guidance):
        """Each block sums over every timestep with one antithetic pair of noises at each."""
        timestep = target.nonzero()[:, 0].repeat_interleave(2).expand(3, -1)
        blocks = []
        for block in range(BLOCKS):
            noise = torch.randn(3, timestep.shape[1] // 2, 3, SIZE, SIZE, generator=gen(5000 + block))
            draws = Draws(timestep, torch.ones(timestep.shape), torch.stack([noise, -noise], 2).flatten(1, 2))
            blocks.append(estimates(draws, guidance))
        return torch.cat(blocks, 1)

    def of(guidance, spoil=lambda draws: draws, per_item=K, by_weight=False, seed=1, **options):
        if guidance not in references:
            references[guidance] = reference(guidance)
        items = 3 * BLOCKS * SETS[guidance] * K // per_item
        proposal = carv.make_proposal(target, weight if by_weight else None)
        draws = carv.draw(items, per_item, (3, SIZE, SIZE), proposal, time_generator=gen(2 * seed),
                          noise_generator=gen(2 * seed + 1), **options)
        result = harness.bias(harness.blocks(estimates(spoil(draws), guidance), BLOCKS), references[guidance])
        print(f"guidance {guidance}: {result}")
        return result

    return of


@pytest.mark.parametrize("guidance", SETS)
@pytest.mark.parametrize("stratified,by_weight,noise", COMBINATIONS)
def test_every_combination_is_unbiased(judge, stratified, by_weight, noise, guidance):
    seed = 500 + COMBINATIONS.index((stratified, by_weight, noise))
    result = judge(guidance, by_weight=by_weight, seed=seed, stratified=stratified, noise=noise)
    assert abs(result.z) <= 4 and result.upper <= 0.06


@pytest.mark.parametrize("guidance", SETS)
@pytest.mark.parametrize("spoil,per_item,by_weight,stratified", [
    (self_normalised, 2, True, False), (clipped, K, True, True), (unweighted, K, True, True),
    (without_last_stratum, K, False, True),
])
def test_controls_are_caught(judge, spoil, per_item, by_weight, stratified, guidance):
    """Measured relative biases: 0.05 to 0.16, each with z above 13; z above 4 is enough to fail."""
    result = judge(guidance, spoil, per_item, by_weight, stratified=stratified)
    assert result.z > 4 and result.relative > 0.04
