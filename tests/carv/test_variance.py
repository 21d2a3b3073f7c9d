"""Variance components on a model whose components are known, and the allocation arithmetic against brute force."""

import itertools

import pytest
import torch

from carv3d.carv import allocate
from carv3d.carv.allocate import Cost
from carv3d.carv.bootstrap import Bootstrap, interval
from carv3d.carv.variance import Sketch, between_items, set_variance

D = 12
S_B, S_T, S_N, MEAN = 3.0, 2.0, 5.0, 0.5  # variances are of the sum over D coordinates


def gen(seed):
    return torch.Generator().manual_seed(seed)


def normal(generator, *shape, variance):
    return torch.randn(*shape, D, generator=generator, dtype=torch.float64) * (variance / D) ** 0.5


def sets(generator, items, replicates, k, structured=False):
    """Replicate set means [B,R,d]; structured: noise in antithetic pairs, which cancel (the noise is linear here)."""
    item = normal(generator, items, 1, variance=S_B)
    time = normal(generator, items, replicates, k, variance=S_T)
    noise = normal(generator, items, replicates, k, variance=S_N)
    if structured:
        noise[:, :, 1::2] = -noise[:, :, 0::2]
    return MEAN + item + (time + noise).mean(2)


def test_components_are_recovered():
    """Each mean lies within 5 standard errors (over 300 repeats) of its component: false-alarm rate below 1e-5."""
    rows = []
    for seed in range(300):
        replicates = sets(gen(seed), 6, 3, 4)
        rows.append([set_variance(replicates).mean(), between_items(replicates).mean()])
    rows = torch.tensor(rows)
    truth = torch.tensor([(S_T + S_N) / 4, S_B])
    z = (rows.mean(0) - truth) / (rows.std(0) / 300**0.5)
    assert z.abs().max() < 5, z


def test_replicates_are_right_where_the_spread_within_a_set_is_not():
    """Antithetic noise cancels, so the set's variance is S_T / K; the naive s^2 / K calls it (S_T + S_N) / K."""
    generator, k = gen(0), 8
    true = set_variance(sets(generator, 400, 2, k, structured=True)).mean()
    assert true == pytest.approx(S_T / k, rel=0.2)
    time, noise = normal(generator, 400, k, variance=S_T), normal(generator, 400, k, variance=S_N)
    noise[:, 1::2] = -noise[:, 0::2]
    naive = ((time + noise).var(1).sum(-1) / k).mean()
    assert naive > 2 * true


def test_sketches_keep_squared_norms_on_average():
    """500 sketches of one vector into 16 buckets: relative sd of the mean is sqrt(2/16/500) = 0.016, bound at 5 sd."""
    x = torch.randn(300, generator=gen(0))
    norms = torch.stack([Sketch.make(300, 16, gen(s))(x).square().sum() for s in range(500)])
    assert norms.mean() / x.double().square().sum() == pytest.approx(1, abs=0.08)


def test_bootstrap_intervals_cover():
    """95 % intervals of a ratio of means, 40 items, 400 repeats: coverage above 0.90 (a true 0.95 fails below 1e-4)."""
    hits = 0
    for seed in range(400):
        generator = gen(seed)
        a = 2 + torch.randn(40, generator=generator)
        b = 4 + torch.randn(40, generator=generator)
        boot = Bootstrap(40, generator)
        found = interval(boot.mean(a) / boot.mean(b), 40)
        hits += found["low"] < 0.5 < found["high"]
    assert hits / 400 > 0.90, hits


def test_bad_shapes_are_named():
    with pytest.raises(ValueError, match="at least 2 sets per item, got 1"):
        set_variance(torch.zeros(3, 1, 2))
    with pytest.raises(ValueError, match="at least 2 items are needed, got 1"):
        between_items(torch.zeros(1, 2, 2))


@pytest.mark.parametrize("rho,r", [(1.5, 0.5), (5, 2), (10, 5), (40, 10)])
def test_reuse_alone_has_a_closed_form(rho, r):
    """ECM* = (1 + rho)(1 + R) / (sqrt R + sqrt rho)^2 at K* = sqrt(R rho): the best integer K comes close from below."""
    cost = Cost(0.0, r, 1.0)
    by_k = {k: rho / k for k in range(1, 200)}
    best = allocate.best_k(1.0, by_k, 1, cost)
    multiplier = allocate.multiplier(allocate.work(1.0, rho, 1, 1, cost), allocate.work(1.0, by_k[best], 1, best, cost))
    closed = (1 + rho) * (1 + r) / (r**0.5 + rho**0.5) ** 2
    assert 0.96 * max(closed, 1) <= multiplier <= max(closed, 1) * (1 + 1e-9)
    assert abs(best - allocate.continuous_best_k(rho, 1.0, r)) <= 1


@pytest.mark.parametrize("kappa,c0", list(itertools.product([1.0, 0.4], [0.0, 7.0])))
def test_best_k_is_the_brute_force_minimum(kappa, c0):
    cost, items = Cost(c0, 3.0, 0.7), 2
    by_k = {k: 6.0 if k == 1 else kappa * 6.0 / k for k in (1, 2, 4, 8, 16)}
    brute = min(by_k, key=lambda k: (1.5 + by_k[k]) / items * (c0 + items * (3.0 + 0.7 * k)))
    assert allocate.best_k(1.5, by_k, items, cost) == brute


def test_no_between_variance_means_the_largest_k():
    assert allocate.best_k(0.0, {k: 1.0 / k for k in (1, 2, 4, 8)}, 1, Cost(1.0, 1.0, 0.1)) == 8


def test_costs_are_fitted():
    points = [(b, k, 4.0 + b * (10.0 + 1.5 * k)) for b, k in ((1, 1), (1, 8), (2, 4), (2, 16))]
    cost = allocate.fit_cost(points, c0=4.0)
    assert cost.a == pytest.approx(10) and cost.b == pytest.approx(1.5) and cost.r == pytest.approx(10 / 1.5)
    with pytest.raises(ValueError, match="two or more"):
        allocate.fit_cost([(1, 4, 3.0), (1, 4, 3.1)])
    with pytest.raises(ValueError, match="a=-1"):
        Cost(0, -1, 1)
