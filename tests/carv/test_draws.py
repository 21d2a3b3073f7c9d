"""Uniforms, proposals and draws: exact where exact is possible, otherwise with a stated false-alarm rate."""

import numpy as np
import pytest
import torch

from carv3d.carv import Proposal, draw, join, make_proposal, uniform_target, uniforms
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


def shuffled(items, draws, generator):
    return stratified(items, draws, generator)[0]


@pytest.mark.parametrize("sampler", [iid, shuffled])
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
    u, stratum = stratified(items, draws, gen(1))
    assert torch.equal(stratum, (u * (items if draws == 1 else draws)).long())
    if draws == 1:
        assert sorted((u.flatten() * items).long().tolist()) == list(range(items))
    else:
        assert ((u * draws).long().sort(1).values == torch.arange(draws)).all()


def test_stratum_does_not_follow_the_item():
    """K = 1: the joint law of (item, stratum) is uniform. Chi-square with 9 degrees of freedom; 44 has p < 2e-6."""
    generator, n = gen(2), 4000
    counts = torch.zeros(4, 4)
    for _ in range(n):
        counts[torch.arange(4), stratified(4, 1, generator)[1][:, 0]] += 1
    assert ((counts - n / 4).square() / (n / 4)).sum() < 44


def fine_points(items, per_item):
    """The points in [0,1) behind draws of stratified timesteps, to 2^-20: [B,K]."""
    steps = 2**20
    out = draw(items, per_item, (1,), make_proposal(uniform_target(steps, 0, steps - 1)), stratified=True,
               time_generator=gen(3), noise_generator=gen(4))
    return out.timestep.double() / steps


def independent(points):
    """Whether items of [B,K] points have orders of strata and jitters of their own: 2000 orders are expected to hold all
    24 of four strata (one is missing with a probability of 3e-36); of 8000 jitters 30 are expected to have a twin."""
    strata = (points * points.shape[1]).long()
    jitter = points * points.shape[1] - strata
    return len(strata.unique(dim=0)) == 24, len((jitter * 2**18).round().unique()) > 0.95 * points.numel()


def test_each_item_has_an_order_of_strata_and_jitters_of_its_own():
    """Controls: an order, or jitters, that all items share."""
    points = fine_points(2000, 4)
    order, jitter = (points * 4).long(), points * 4 % 1
    assert independent(points) == (True, True)
    assert independent((order[:1] + jitter) / 4) == (False, True)
    assert independent((order + jitter[:1]) / 4) == (True, False)


def test_items_of_one_draw_each_have_jitters_of_their_own():
    points = fine_points(500, 1)[:, 0] * 500
    assert points.long().sort().values.tolist() == list(range(500))
    assert len((points % 1 * 2000).round().unique()) > 400  # 443 are expected, give or take 7


WEIGHTS = torch.linspace(0.1, 3.0, 50, dtype=torch.float64).square()


def skewed() -> Proposal:
    return make_proposal(uniform_target(50, 5, 44), WEIGHTS)


def test_expected_stratum_counts_are_exactly_k_times_q():
    """By interval overlap, no sampling: strata of any K meet t with total expected count K q(t)."""
    proposal = skewed()
    edges = torch.cat([torch.zeros(1, dtype=torch.float64), proposal.cdf])
    for draws in (1, 3, 8):
        lower = torch.arange(draws, dtype=torch.float64)[:, None] / draws
        overlap = torch.minimum(lower + 1 / draws, edges[1:]) - torch.maximum(lower, edges[:-1])
        expected = overlap.clamp(min=0).sum(0) * draws
        assert (expected - draws * proposal.density).abs().max() < 1e-12
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_point_leaves_the_support(dtype):
    """Of a q whose last timesteps have no mass: 1 itself, and what rounds to it, falls to the last that has some."""
    timestep, weight = skewed().sample(torch.tensor([0.0, 1 - 2**-53, 1.0], dtype=dtype))
    assert timestep.tolist() == [5, 44, 44] and (weight > 0).all()


@pytest.mark.parametrize("items,draws", [(1, 3), (2, 8), (7, 1)])
def test_stratified_points_stay_below_one(items, draws, monkeypatch):
    """With a jitter just below 1 everywhere, whose sum with the highest stratum rounds up."""
    monkeypatch.setattr(uniforms, "iid", lambda *shape: torch.full(shape[:2], 1 - 2**-53, dtype=torch.float64))
    points, _ = uniforms.stratified(items, draws, gen(0))
    assert points.max() == 1 - 2**-53 and points.max() < 1


def test_without_importance_weights_are_exactly_one():
    timestep, weight = make_proposal(uniform_target(1000, 20, 980)).sample(iid(4, 9, gen(4)))
    assert (weight == 1).all() and timestep.min() >= 20 and timestep.max() <= 980


@pytest.mark.parametrize("items,draws", [(1, 2), (3, 4), (2, 8)])
def test_antithetic_partners_are_exact_negatives_in_adjacent_strata(items, draws):
    proposal = make_proposal(uniform_target(1024, 0, 1023))
    out = draw(items, draws, (5,), proposal, stratified=True, noise="antithetic", time_generator=gen(1), noise_generator=gen(2))
    stratum = out.timestep * draws // 1024  # uniform q on 1024 steps: strata are ranges of timesteps
    for b in range(items):
        order = stratum[b].argsort()
        assert stratum[b, order].tolist() == list(range(draws))
        sorted_noise = out.noise[b, order]
        assert torch.equal(sorted_noise[0::2], -sorted_noise[1::2])
        assert draws == 2 or not torch.equal(sorted_noise[0].abs(), sorted_noise[2].abs())
    assert not (stratum == torch.arange(draws)).all()  # the slots are shuffled


def test_antithetic_without_strata_pairs_neighbours():
    out = draw(2, 4, (5,), skewed(), stratified=False, noise="antithetic", time_generator=gen(1), noise_generator=gen(2))
    assert torch.equal(out.noise[:, 0::2], -out.noise[:, 1::2])


@pytest.mark.parametrize("draws", [2, 3, 8])
def test_zero_sum_sums_to_zero_with_the_right_covariance(draws):
    """Covariance 1 on the diagonal and -1/(K-1) off it. 40,000 samples: sd of an entry below 0.0075, bound at 6 sd."""
    out = draw(1, draws, (40_000,), skewed(), stratified=True, noise="zero_sum", time_generator=gen(1), noise_generator=gen(2))
    assert out.noise.sum(1).abs().max() < 1e-5
    expected = torch.full((draws, draws), -1 / (draws - 1)).fill_diagonal_(1)
    assert (torch.cov(out.noise[0]) - expected).abs().max() < 0.045


@pytest.mark.parametrize("noise,draws", [("antithetic", 3), ("antithetic", 1), ("zero_sum", 1), ("quasi", 4)])
def test_a_mode_that_k_forbids(noise, draws):
    with pytest.raises(ValueError, match=f"noise.*{noise}"):
        draw(1, draws, (2,), skewed(), stratified=True, noise=noise, time_generator=gen(1), noise_generator=gen(2))


@pytest.mark.parametrize("noise", ["iid", "antithetic", "zero_sum"])
def test_shards_make_up_the_whole(noise):
    """Ranks take items, accumulation parts take draws; together they hold each draw once, bit by bit."""
    out = draw(4, 6, (3,), skewed(), stratified=True, noise=noise, time_generator=gen(1), noise_generator=gen(2))
    for field in ("timestep", "weight", "noise"):
        rows = [torch.cat([getattr(out.part(slice(b, b + 2), slice(k, k + 3)), field) for k in (0, 3)], 1) for b in (0, 2)]
        assert torch.equal(torch.cat(rows), getattr(out, field))


def test_joined_draws_are_those_of_every_part():
    """To the bit, whatever the parts' numbers of draws."""
    parts = [draw(2, k, (3,), skewed(), stratified=True, time_generator=gen(k), noise_generator=gen(9 + k))
             for k in (2, 3, 1)]
    whole = join(parts)
    assert whole.per_item == 6 and whole.items == 2
    for part, start in zip(parts, (0, 2, 5), strict=True):
        again = whole.part(draws=slice(start, start + part.per_item))
        for field in ("timestep", "weight", "noise"):
            assert torch.equal(getattr(again, field), getattr(part, field)), field
    assert len(whole.weight.unique()) > 6 and len(whole.noise.unique()) == 36


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
