"""The harness itself on synthetic cases whose answers are known."""

import harness
import pytest
import torch

DIMENSIONS, EFFECTIVE = 60, 20


def gen(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed):
    """Independent rows [..., 60] whose first 20 coordinates have unit variance, the others 0.01."""
    scale = torch.full((DIMENSIONS,), 0.1).index_fill(0, torch.arange(EFFECTIVE), 1.0)
    return scale * torch.randn(*shape, DIMENSIONS, generator=gen(seed))


def blocks_of(shift, seed, truth=5.0, common_reference=False):
    """Three conditions, 16 blocks: estimates off by ``shift`` along one coordinate, references right; noise 0.3."""
    estimates = truth + shift * torch.eye(DIMENSIONS)[0] + 0.3 * noise(3, 16, seed=seed)
    references = truth + 0.3 * noise(3, 1 if common_reference else 16, seed=seed + 10**6).expand(3, 16, -1)
    return estimates, references


@pytest.mark.parametrize("effective,alarms", [(3, 12), (EFFECTIVE, 5)])
def test_bias_has_mean_zero_and_unit_spread_under_the_null(effective, alarms):
    """2000 null cases in 3 and 20 effective dimensions. Mean of z within 0.1 (4.5 standard errors), spread within 10 %;
    |z| > 4 fewer times than 12 and 5 (measured: 3 and 1)."""
    keep = (torch.arange(DIMENSIONS) < effective).float()
    z = torch.tensor([harness.bias(*(x * keep for x in blocks_of(0.0, seed))).z for seed in range(2000)])
    assert z.mean().abs() < 0.1 and 0.9 < z.std() < 1.1
    assert (z.abs() > 4).sum() < alarms


@pytest.mark.parametrize("shift", [2.0, 8.0])
def test_a_known_bias_is_found_with_its_size(shift):
    """Relative bias = shift / (5 sqrt(60)); U's standard error is below 4 % of it, so 15 % is above 4 of them."""
    result = harness.bias(*blocks_of(shift, 1))
    expected = shift / (5 * DIMENSIONS**0.5)
    assert result.z > 10 and abs(result.relative - expected) < 0.15 * expected < result.upper - 0.8 * expected


def test_control_one_common_reference_looks_like_a_bias():
    """Why each block has its own: the pairs share the reference's error."""
    z = torch.tensor([harness.bias(*blocks_of(0.0, seed, common_reference=True)).z for seed in range(50)])
    assert z.min() > 4


def two_level(cameras, sets, between, within, seed):
    """[C,sets,D]: a mean per camera of variance ``between`` a coordinate (over 20), draws of variance ``within``."""
    return between**0.5 * noise(cameras, 1, seed=seed) + within**0.5 * noise(cameras, sets, seed=seed + 1)


def test_components_of_a_two_level_model_are_recovered():
    """tr = 20.4 a unit of variance. Standard errors: W below 2 %, S_B below 3 %; 12 % is above 4 of either.
    The control, the plain variance of one replicate, holds W too."""
    repeats = two_level(2000, 2, between=3.0, within=8.0, seed=2)
    trace = EFFECTIVE + 0.01 * (DIMENSIONS - EFFECTIVE)
    assert abs(harness.trace_variance(repeats).mean() / trace - 8) < 0.12 * 8
    between = harness.shared_variance(repeats[:, 0], repeats[:, 1])
    assert abs(between.mean() / trace - 3) < 0.12 * 3
    assert harness.trace_variance(repeats[:, 0][None]).item() / trace == pytest.approx(11, rel=0.12)


def test_ratio_of_between_terms_and_its_error():
    """0.5 within five standard errors, and the stated error agrees with the spread over 100 repeats within 30 %."""
    def measured(seed):
        return harness.independent_ratio(*(harness.shared_variance(*two_level(300, 2, b, 1.0, seed + s).unbind(1))
                                           for b, s in ((1.0, 0), (2.0, 500_000))))

    ratios = [measured(10 * seed) for seed in range(100)]
    values = torch.tensor([r.value for r in ratios])
    assert abs(values.mean() - 0.5) < 5 * values.std() / 10
    assert abs(ratios[0].se / values.std() - 1) < 0.3


def sets_of_pairs(cameras, sets, correlation, seed):
    """Means of K = 2 draws with the given correlation: kappa = 1 + correlation. Cameras differ in scale."""
    scale = (1 + torch.arange(cameras) / cameras).reshape(-1, 1, 1)
    first, fresh = noise(cameras, sets, seed=seed), noise(cameras, sets, seed=seed + 1)
    second = correlation * first + (1 - correlation**2) ** 0.5 * fresh
    return scale * (first + second) / 2, scale * noise(cameras, sets, seed=seed + 2), scale * (first - second) / 2


@pytest.mark.parametrize("correlation", [0.0, -0.7])
def test_kappa_of_correlated_draws(correlation):
    """Within five stated standard errors. The control, s^2 / K inside the set, misses by far unless draws are iid."""
    means, singles, half_differences = sets_of_pairs(24, 80, correlation, 3)
    result = harness.kappa(means, singles, 2)
    assert abs(result.value - (1 + correlation)) < 5 * result.se < 0.2
    naive = 2 * (half_differences.square().sum(-1).mean() / harness.trace_variance(singles).mean())
    assert abs(naive - (1 - correlation)) < 0.1


def test_jackknife_error_agrees_with_the_spread_of_repeats():
    """Within 35 %: a jackknife over 24 cameras has a relative error of about 15 %, averaged over ten here."""
    results = [harness.kappa(*sets_of_pairs(24, 20, -0.5, 10 * s)[:2], 2) for s in range(150)]
    spread = torch.tensor([r.value for r in results]).std()
    assert abs(torch.tensor([r.se for r in results[:10]]).mean() / spread - 1) < 0.35
