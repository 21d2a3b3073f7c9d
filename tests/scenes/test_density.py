"""Density control: what grows does not depend on K, what is rendered stays, and every row keeps its optimiser state."""

import dataclasses
import math

import pytest
import torch

from carv3d.scenes import density
from carv3d.scenes.density import Change, Evidence, Rules
from carv3d.scenes.splats import Splats

RULES = Rules(start=100, stop=300, every=50, evidence_every=2, threshold=0.1, split_above=0.05, prune_below=0.01,
              prune_above=0.5, reset_every=0, reset_to=0.1, cap=10**6)


def splats(count: int, seed: int = 0, scale: float = 0.02, opacity: float = 0.5) -> Splats:
    generator = torch.Generator().manual_seed(seed)
    return Splats(torch.randn(count, 3, generator=generator),
                  torch.full((count, 3), math.log(scale)), torch.randn(count, 4, generator=generator),
                  torch.full((count,), opacity).logit(), torch.randn(count, 1, 3, generator=generator))


def seen_with(gradient: torch.Tensor, noise: float, k: int, views: int, seed: int) -> tuple[Evidence, torch.Tensor]:
    """Evidence from ``views`` views of screen gradients [N,2] under noise of K draws; and the mean of their norms."""
    generator = torch.Generator().manual_seed(seed)
    count = len(gradient)
    halves = [gradient + noise / math.sqrt(k / 2) * torch.randn(views, count, 2, generator=generator) for _ in range(2)]
    evidence = Evidence.none(count).add(*halves, torch.ones(views, count), 2, 2)
    return evidence, (0.5 * (halves[0] + halves[1])).norm(dim=-1).mean(0)


def test_the_evidence_is_the_squared_gradient_at_every_k_and_the_published_norm_is_not():
    """5 sigma of the mean over 4000 Gaussians (false alarm 6e-7 a case). Control: the published mean norm moves by more
    than half between K = 2 and K = 32."""
    gradient = torch.tensor([0.3, -0.4]).expand(4000, 2)
    norms = {}
    for k in (2, 8, 32):
        evidence, norms[k] = seen_with(gradient, 1.0, k, views=10, seed=k)
        found = evidence.squared_gradient
        assert abs(found.mean() - 0.25) < 5 * found.std() / math.sqrt(len(found))
    assert norms[2].mean() > 1.5 * norms[32].mean()


def test_units_are_half_the_pictures_side_and_only_seen_views_count():
    first = torch.tensor([[[1.0, 2.0], [1.0, 0.0]], [[3.0, 0.0], [1.0, 0.0]]])
    radii = torch.tensor([[1.0, 0.0], [2.0, 0.0]])
    evidence = Evidence.none(2).add(first, first, radii, width=4, height=8)
    assert evidence.seen.tolist() == [2, 0]
    assert evidence.squared_gradient.tolist() == [((1 * 2) ** 2 + (2 * 4) ** 2 + (3 * 2) ** 2) / 2, 0.0]


def test_strong_small_ones_are_cloned_strong_large_ones_split_faint_and_huge_ones_pruned():
    given = splats(5)
    given.log_scales[1] = math.log(0.1)
    given.log_scales[2] = math.log(0.6)
    given.opacity_logits[3] = -6.0
    evidence = Evidence(torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0]), torch.ones(5))
    change = density.decide(given, evidence, RULES)
    assert change.clone.tolist() == [True, False, False, False, False]
    assert change.split.tolist() == [False, True, False, False, False]
    assert change.prune.tolist() == [False, False, True, True, False]


def test_a_negative_product_is_no_strength():
    evidence = Evidence(torch.tensor([-9.0]), torch.ones(1))
    change = density.decide(splats(1), evidence, RULES)
    assert not change.clone.any() and not change.split.any()


@pytest.mark.parametrize("cap", [0, 3, 4, 6, 100])
def test_the_cap_holds_and_the_strongest_grow_first(cap):
    given = splats(4)
    evidence = Evidence(torch.tensor([1.0, 4.0, 3.0, 2.0]), torch.ones(4))
    change = density.decide(given, evidence, dataclasses.replace(RULES, cap=cap))
    after, _ = density.apply(given, change, torch.Generator().manual_seed(0))
    assert len(after) == min(8, max(cap, 4))
    if cap == 6:
        assert change.clone.tolist() == [False, True, True, False]


def test_kept_rows_keep_their_optimiser_state_and_new_ones_start_at_zero():
    given = splats(4)
    change = Change(clone=torch.tensor([True, False, False, False]), split=torch.tensor([False, True, False, False]),
                    prune=torch.tensor([False, False, True, False]))
    after, rows = density.apply(given, change, torch.Generator().manual_seed(0))
    assert rows.tolist() == [0, 3, -1, -1, -1] and len(after) == 5
    state = density.carry(torch.arange(1.0, 13.0).view(4, 3), rows)
    assert state.tolist() == [[1, 2, 3], [10, 11, 12], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert torch.equal(after.means[:2], given.means[[0, 3]]) and torch.equal(after.means[2], given.means[0])


def test_a_clone_renders_as_its_original_did():
    given = splats(1, opacity=0.7)
    after, _ = density.apply(given, Change(*torch.tensor([[True], [False], [False]])), torch.Generator().manual_seed(0))
    opacity = after.opacity_logits.sigmoid()
    assert 1 - (1 - opacity[0]) * (1 - opacity[1]) == pytest.approx(0.7, abs=1e-6)


def test_the_halves_of_a_split_are_drawn_from_the_gaussian():
    """Mean and covariance of 40,000 halves within 5 sigma of the Gaussian's (false alarm 6e-7 a number, 9 numbers); the
    own axes unrotated would miss by 100 sigma."""
    count = 20000
    one = splats(1, seed=3)
    one.log_scales[0] = torch.tensor([0.3, 0.1, 0.02]).log()
    many = Splats(*(tensor.expand(count, *tensor.shape[1:]).clone() for tensor in one.tensors().values()))
    none = torch.zeros(count, dtype=torch.bool)
    after, rows = density.apply(many, Change(none, ~none, none), torch.Generator().manual_seed(0))
    assert (rows == -1).all() and len(after) == 2 * count
    axes = density.rotate(one.quaternions.expand(3, 4), torch.eye(3)).T
    assert torch.allclose(axes @ axes.T, torch.eye(3), atol=1e-5)
    expected = axes @ torch.diag(torch.tensor([0.3, 0.1, 0.02]) ** 2) @ axes.T
    offset = after.means - one.means
    assert (offset.mean(0).abs() < 5 * expected.diagonal().sqrt() / math.sqrt(2 * count)).all()
    variance = expected.diagonal()
    spread = ((variance[:, None] * variance + expected**2) / (2 * count)).sqrt()
    assert ((offset.T @ offset / (2 * count) - expected).abs() < 5 * spread).all()
    assert (torch.diag(variance.clone()) - expected).abs().max() > 50 * spread.max()
    assert torch.allclose(after.log_scales[0].exp(), one.log_scales[0].exp() / 1.6)


def test_reset_lowers_and_never_raises():
    logits = torch.tensor([-8.0, 0.0, 5.0])
    assert density.reset_opacity(logits, 0.1).sigmoid().tolist() == pytest.approx([0.000335, 0.1, 0.1], abs=1e-5)


def test_rotation_is_that_of_the_quaternion():
    quarter = torch.tensor([[math.cos(math.pi / 4), 0.0, 0.0, math.sin(math.pi / 4)]]) * 3
    assert torch.allclose(density.rotate(quarter, torch.tensor([[1.0, 0.0, 0.0]])), torch.tensor([[0.0, 1.0, 0.0]]),
                          atol=1e-6)


def test_when_the_rules_act():
    assert [step + 1 for step in range(400) if RULES.changes(step)] == [100, 150, 200, 250, 300]
    gathered = [step for step in range(400) if RULES.gathers(step)]
    assert gathered[0] == 50 and gathered[-1] == 298 and set(gathered) == set(range(50, 300, 2))
    never = dataclasses.replace(RULES, every=0)
    assert not any(never.changes(step) or never.gathers(step) or never.resets(step) for step in range(400))
    resets = dataclasses.replace(RULES, reset_every=120)
    assert [step + 1 for step in range(400) if resets.resets(step)] == [120, 240]


def test_needles_and_discs():
    """A needle of ratio 6 exceeds the allowed 3 by log 2; a disc and a ball do not."""
    from carv3d.text3d import regularisers as losses

    given = splats(3)
    given.log_scales[:] = torch.tensor([[0.6, 0.1, 0.1], [0.6, 0.6, 0.01], [0.2, 0.2, 0.2]]).log()
    assert losses.needle(given).tolist() == pytest.approx([math.log(2), 0, 0], abs=1e-5)
    assert losses.size(given).tolist() == pytest.approx([0.8 / 3, 1.21 / 3, 0.2])
    assert losses.faint(given).tolist() == pytest.approx([0.5] * 3)
