"""The estimator: chunking, scale in K, flags, and its variance against two-level theory."""

import pytest
import torch

from carv3d.carv import Draws, draw, estimate, estimate_loss, estimate_parts, make_proposal, uniform_target

SCALES = torch.linspace(0.5, 4.0, 100)


def gen(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draws_of(items, per_item, seed, importance=None, strata=False, shape=(3,)):
    proposal = make_proposal(uniform_target(100, 10, 89), importance)
    return draw(items, per_item, shape, proposal, stratified=strata, time_generator=gen(seed),
                noise_generator=gen(seed + 10_000))


def value(index, timestep, noise):
    """E over noise and t is (item + 1) * mean of SCALES over the range."""
    scale = SCALES[timestep].reshape(-1, *[1] * (noise.ndim - 1))
    return (index + 1).reshape(scale.shape) * scale * (1 + noise)


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 7])
def test_chunking_is_bit_identical(chunk):
    draws = draws_of(3, 7, 0)
    whole, parts = estimate(value, draws), estimate(value, draws, chunk)
    assert torch.equal(whole.mean, parts.mean) and torch.equal(whole.squared_norm, parts.squared_norm)


@pytest.mark.parametrize("chunk", [0, 1, 3])
def test_parts_asked_together_are_the_parts(chunk):
    parts, calls = [draws_of(3, 2, seed) for seed in range(3)], []

    def counted(index, *rows):
        calls.append(len(index))
        return value(index, *rows)

    together = estimate_parts(counted, parts, chunk)
    assert calls == ([3 * chunk] * (6 // chunk) if chunk else [18])
    for part, one in zip(parts, together, strict=True):
        alone = estimate(value, part)
        assert torch.equal(one.mean, alone.mean) and torch.equal(one.squared_norm, alone.squared_norm) and one.finite
    assert not torch.equal(together[0].mean, together[1].mean)
    broken = [parts[0], Draws(parts[1].timestep, parts[1].weight, parts[1].noise * float("nan"))]
    assert [bool(one.finite) for one in estimate_parts(value, broken)] == [True, False]
    with pytest.raises(FloatingPointError, match=r"\(0, 2\)|\[0, 2\]"):
        estimate_parts(value, broken, check=True)


@pytest.mark.parametrize("strata", [False, True])
@pytest.mark.parametrize("importance", [None, SCALES.double()])
@pytest.mark.parametrize("per_item", [1, 4])
def test_unbiased_whatever_k(per_item, importance, strata):
    """K does not change the scale. |z| < 5 on 12 means: false-alarm rate below 1e-5."""
    truth = SCALES[10:90].mean() * torch.tensor([1.0, 2.0])[:, None].expand(2, 3)
    means = torch.stack([estimate(value, draws_of(2, per_item, s, importance, strata)).mean for s in range(1500)])
    z = (means.mean(0) - truth) / (means.std(0) / 1500**0.5)
    assert z.abs().max() < 5


def test_control_importance_without_weights_is_caught():
    def unweighted(seed):
        draws = draws_of(2, 4, seed, SCALES.double())
        return estimate(value, Draws(draws.timestep, torch.ones_like(draws.weight), draws.noise)).mean

    truth = SCALES[10:90].mean() * torch.tensor([1.0, 2.0])[:, None].expand(2, 3)
    means = torch.stack([unweighted(s) for s in range(1500)])
    assert ((means.mean(0) - truth) / (means.std(0) / 1500**0.5)).abs().max() > 10


def test_importance_proportional_to_the_value_leaves_no_variance():
    """q proportional to |f| makes p/q f constant (noise switched off)."""
    def noiseless(index, timestep, noise):
        return SCALES[timestep][:, None].expand_as(noise)

    out = estimate(noiseless, draws_of(2, 5, 0, SCALES.double()))
    assert (out.mean - SCALES[10:90].mean()).abs().max() < 1e-6


def test_variance_falls_as_one_over_k_and_strata_lower_it():
    """Within-item variance W/K for iid draws; the ratio of two chi-square-like variances is within 0.75..1.33 except
    with probability below 1e-6 at 3000 repeats of 6 numbers. Strata remove most of the timestep's share."""
    def variance(per_item, strata):
        return torch.stack([estimate(value, draws_of(2, per_item, s, None, strata)).mean for s in range(3000)]).var(0).sum()

    one, eight, eight_strata = variance(1, False), variance(8, False), variance(8, True)
    assert 0.75 < one / (8 * eight) < 1.33
    assert eight_strata < 0.95 * eight


def test_norms_and_finite_flag():
    draws = draws_of(2, 3, 0)
    out = estimate(value, draws, 2)
    assert torch.allclose(out.squared_norm, torch.stack([
        torch.stack([value(torch.tensor([b]), draws.timestep[b, k : k + 1], draws.noise[b, k : k + 1]).square().sum()
                     for k in range(3)]) for b in range(2)]))
    assert out.finite

    def broken(index, timestep, noise):
        return torch.where((index == 1)[:, None] & (timestep == draws.timestep[1, 2])[:, None], torch.nan, noise)

    assert not estimate(broken, draws).finite
    with pytest.raises(FloatingPointError, match=r"\[1, 2\]"):
        estimate(broken, draws, check=True)


def test_norms_are_of_the_values_without_their_weights():
    """What an adaptive proposal learns from: E_q of a norm in a bin, and not of p/q times it."""
    draws = draws_of(2, 6, 0, SCALES.double())
    assert (draws.weight - 1).abs().min() > 1e-3
    alone = [value(torch.tensor([b]), draws.timestep[b, k : k + 1], draws.noise[b, k : k + 1]).square().sum()
             for b in range(2) for k in range(6)]
    assert torch.allclose(estimate(value, draws).squared_norm, torch.stack(alone).view(2, 6))


def test_wrong_shape_names_both():
    with pytest.raises(ValueError, match=r"6 rows.*\(6, 3\).*\(3, 3\)"):
        estimate(lambda i, t, n: n[:3], draws_of(2, 3, 0))


def test_a_control_variate_keeps_the_mean_and_lowers_the_variance():
    """value = scale (1 + noise) (item + 1); subtracting scale (item + 1) noise leaves no noise. |z| < 5 on 6 means."""
    def control(index, timestep, noise):
        return (index + 1)[:, None] * SCALES[timestep][:, None] * noise

    truth = SCALES[10:90].mean() * torch.tensor([1.0, 2.0])[:, None].expand(2, 3)
    plain = torch.stack([estimate(value, draws_of(2, 4, s)).mean for s in range(800)])
    lower = torch.stack([estimate(value, draws_of(2, 4, s), control=control).mean for s in range(800)])
    assert ((lower.mean(0) - truth) / (lower.std(0) / 800**0.5)).abs().max() < 5
    assert lower.var(0).sum() < 0.5 * plain.var(0).sum()


@pytest.mark.parametrize("chunk", [0, 1, 3])
def test_loss_estimate_backpropagates_the_weighted_mean(chunk):
    draws = draws_of(2, 5, 0, SCALES.double())
    parameter = torch.tensor([1.0, -2.0, 0.5], requires_grad=True)

    def loss(index, timestep, noise):
        return ((noise - parameter) * SCALES[timestep][:, None]).square().sum(1) * (index + 1)

    out = estimate_loss(loss, draws, chunk)
    (gradient,), parameter.grad = [parameter.grad.clone()], None
    rows = [(draws.weight[b, k] * loss(torch.tensor([b]), draws.timestep[b, k : k + 1], draws.noise[b, k : k + 1])).sum()
            for b in range(2) for k in range(5)]
    (torch.stack(rows).sum() / 10).backward()
    assert torch.allclose(gradient, parameter.grad, rtol=1e-5)
    assert torch.allclose(out.mean, torch.stack(rows).detach().reshape(2, 5).mean(1), rtol=1e-5)
    assert out.residual.shape == (2, 5) and not out.residual.requires_grad and out.finite


def test_a_rank_backpropagates_its_part_of_the_mean_over_all_items():
    """Two ranks of two and one of three items; control: each by itself takes the mean over its own."""
    draws = draws_of(3, 4, 0, SCALES.double())

    def gradient(part, **options):
        parameter = torch.tensor([1.0, -2.0, 0.5], requires_grad=True)
        estimate_loss(lambda item, t, noise: ((noise - parameter) * SCALES[t][:, None]).square().sum(1), part, **options)
        return parameter.grad

    shares = [draws.part(items) for items in (slice(0, 2), slice(2, 3))]
    whole = gradient(draws)
    assert torch.allclose(sum(gradient(share, items=3) for share in shares), whole, rtol=1e-5)
    assert not torch.allclose(sum(gradient(share) for share in shares), whole, rtol=0.1)


def test_a_loss_of_the_wrong_shape_is_named():
    with pytest.raises(ValueError, match=r"one loss per row, shape \(6,\), got \(6, 3\)"):
        estimate_loss(lambda i, t, n: n, draws_of(2, 3, 0))
