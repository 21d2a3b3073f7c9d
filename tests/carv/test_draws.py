"""Uniforms, proposals and draws: exact where exact is possible, otherwise with a stated false-alarm rate."""

import numpy as np
import pytest
import torch

from carv3d.carv import Proposal, draw, make_proposal, uniform_target
from carv3d.carv.uniforms import iid, stratified


def gen(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ks_distance(samples: torch.Tensor) -> float:
    """Kolmogorov-Smirnov distance to the uniform law."""
    x = np.sort(samples.numpy().ravel())
    grid = np.arange(1, x.size + 1) / x.size
    return float(max((grid - x).max(), (x - grid + 1 / x.size).max()))


# sqrt(-ln(1e-5 / 2) / 2): a KS distance above this over sqrt(n) has probability below 1e-5
KS_1E5 = 2.471


@pytest.mark.parametrize("sampler", [iid, stratified])
@pytest.mark.parametrize("items,draws", [(1, 1), (3, 1), (2, 4), (3, 5)])
def test_every_position_is_uniform(sampler, items, draws):
    """False-alarm rate 1e-5 per position (at most 15 positions a case)."""
    generator, n = gen(items * 10 + draws), 3000
    samples = torch.stack([sampler(items, draws, generator) for _ in range(n)])
    for b in range(items):
        for k in range(draws):
            assert ks_distance(samples[:, b, k]) * n**0.5 < KS_1E5, (b, k)


def test_control_unshuffled_strata_fail_the_same_test():
    """The control: slot k always in stratum k is far from uniform."""
    generator, n = gen(0), 3000
    tied = torch.stack([(torch.arange(4) + torch.rand(2, 4, generator=generator)) / 4 for _ in range(n)])
    assert ks_distance(tied[:, 0, 0]) * n**0.5 > 10 * KS_1E5


@pytest.mark.parametrize("items,draws", [(5, 4), (1, 7), (6, 1)])
def test_each_stratum_is_hit_once(items, draws):
    u = stratified(items, draws, gen(1))
    if draws == 1:
        assert sorted((u.flatten() * items).long().tolist()) == list(range(items))
    else:
        assert ((u * draws).long().sort(1).values == torch.arange(draws)).all()


def test_stratum_does_not_follow_the_item():
    """K = 1: the joint law of (item, stratum) is uniform. Chi-square with 9 degrees of freedom; 44 has p < 2e-6."""
    generator, n = gen(2), 4000
    counts = torch.zeros(4, 4)
    for _ in range(n):
        counts[torch.arange(4), (stratified(4, 1, generator)[:, 0] * 4).long()] += 1
    assert ((counts - n / 4).square() / (n / 4)).sum() < 44


WEIGHTS = torch.linspace(0.1, 3.0, 50, dtype=torch.float64).square()


def skewed() -> Proposal:
    return make_proposal(uniform_target(50, 5, 44), WEIGHTS)


def test_expected_stratum_counts_are_exactly_k_times_q():
    """By interval overlap, no sampling: strata of any K meet t with total expected count K q(t)."""
    proposal = skewed()
    edges = torch.cat([torch.zeros(1, dtype=torch.float64), proposal.cdf])
    for draws in (1, 3, 8):
        lower, upper = torch.arange(draws) / draws, (torch.arange(draws) + 1) / draws
        overlap = (torch.minimum(upper[:, None].double(), edges[1:]) - torch.maximum(lower[:, None].double(), edges[:-1]))
        expected = overlap.clamp(min=0).sum(0) * draws
        assert (expected - draws * proposal.density).abs().max() < 1e-6  # strata edges are float32 here
        assert expected[:5].abs().max() == 0 and expected[45:].abs().max() < 1e-12


def test_weights_average_to_one_under_q():
    proposal = skewed()
    assert abs((proposal.density * proposal.weight).sum().item() - 1) < 1e-12
    assert proposal.density.sum().item() == pytest.approx(1, abs=1e-12)


def test_sampled_timesteps_follow_q():
    """Chi-square on 40 cells, 39 degrees of freedom: above 105 has p < 1e-7. Control: against p it must fail."""
    proposal, n = skewed(), 200_000
    timestep, weight = proposal.sample(iid(1, n, gen(3)))
    counts = torch.bincount(timestep.flatten(), minlength=50).double()[5:45]

    def chi2(law):
        return ((counts - n * law[5:45]).square() / (n * law[5:45])).sum()

    assert chi2(proposal.density) < 105
    assert chi2(proposal.target) > 1000
    assert torch.equal(weight, proposal.weight[timestep])


def test_cdf_ends_and_support():
    proposal = skewed()
    edge = torch.tensor([0.0, 1 - 2**-53], dtype=torch.float64)
    assert proposal.sample(edge)[0].tolist() == [5, 44]


def test_without_importance_weights_are_exactly_one():
    timestep, weight = make_proposal(uniform_target(1000, 20, 980)).sample(iid(4, 9, gen(4)))
    assert (weight == 1).all() and timestep.min() >= 20 and timestep.max() <= 980


def test_draws_do_not_mix_their_generators():
    """The noise is the same however timesteps are drawn."""
    kwargs = dict(shape=(2, 3), proposal=skewed())
    a = draw(3, 4, stratified=True, time_generator=gen(5), noise_generator=gen(6), **kwargs)
    b = draw(3, 4, stratified=False, time_generator=gen(7), noise_generator=gen(6), **kwargs)
    assert torch.equal(a.noise, b.noise) and not torch.equal(a.timestep, b.timestep)
    assert a.noise.shape == (3, 4, 2, 3) and a.weight.dtype == torch.float32


@pytest.mark.parametrize("call,words", [
    (lambda: uniform_target(10, 5, 4), "low=5"),
    (lambda: uniform_target(10, 0, 10), "high=10"),
    (lambda: make_proposal(uniform_target(4, 0, 3), torch.tensor([1.0, 0.0, 1.0, 1.0])), "positive wherever"),
    (lambda: make_proposal(uniform_target(4, 0, 3), torch.tensor([1.0, float("nan"), 1.0, 1.0])), "finite"),
    (lambda: make_proposal(uniform_target(4, 0, 3), torch.ones(5)), "shape (4,)"),
    (lambda: draw(1, 0, (1,), skewed(), stratified=True, time_generator=gen(0), noise_generator=gen(0)), "1 and 0"),
])
def test_bad_arguments_are_named(call, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(").replace(")", r"\)")):
        call()
