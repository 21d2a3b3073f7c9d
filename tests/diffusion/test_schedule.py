"""Forward process, conversions, weightings, guidance, view words."""

import pytest
import torch

from carv3d.diffusion.guidance import Remedy, branches, guide, guided
from carv3d.diffusion.prompts import VIEWS, view_index, view_prompt
from carv3d.diffusion.schedule import scaled_linear

SCHEDULE = scaled_linear()


def test_stable_diffusions_schedule():
    """Published values of SD's scaled-linear schedule: alpha_bar_0 = 1 - 0.00085; alpha_bar_999 = 0.00466 (3 digits)."""
    assert SCHEDULE.alpha_bar[0].item() == pytest.approx(1 - 0.00085, abs=1e-12)
    assert SCHEDULE.alpha_bar[999].item() == pytest.approx(0.00466, abs=5e-6)
    assert (SCHEDULE.alpha_bar.diff() < 0).all()


def test_conversions_round_trip():
    generator = torch.Generator().manual_seed(0)
    x0, eps = (torch.randn(5, 2, 3, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    t = torch.tensor([0, 10, 300, 700, 999])
    noisy = SCHEDULE.add_noise(x0, eps, t)
    alpha, sigma = SCHEDULE.alpha_sigma(t, noisy)
    v = alpha * eps - sigma * x0
    for got, want in ((SCHEDULE.eps_from_x0(noisy, x0, t), eps), (SCHEDULE.x0_from_eps(noisy, eps, t), x0),
                      (SCHEDULE.eps_from_v(noisy, v, t), eps), (SCHEDULE.v_from_eps(noisy, eps, t), v)):
        assert (got - want).abs().max() < 1e-10


def test_weightings_by_their_formulas():
    a = SCHEDULE.alpha_bar
    for name, want in {"sds": 1 - a, "uniform": torch.ones_like(a), "fantasia3d": a.sqrt() * (1 - a),
                       "x0": (1 - a).sqrt() / a.sqrt()}.items():
        assert torch.allclose(SCHEDULE.weighting(name), want, rtol=1e-12)
    with pytest.raises(ValueError, match="'dsd'"):
        SCHEDULE.weighting("dsd")


def test_guidance_has_one_meaning():
    cond, uncond = torch.tensor([3.0]), torch.tensor([1.0])
    predictions = {"cond": cond, "uncond": uncond}
    assert guide(predictions, 1.0) is cond and guide(predictions, 0.0) is uncond
    assert guide(predictions, 7.5).item() == 1 + 7.5 * 2


@pytest.mark.parametrize("together", [1, 2])
def test_remedies_of_strong_guidance(together):
    """Rescaled, the x0 of an item has the conditional one's spread, or lies between; limited, none is larger. Without a
    remedy, or at guidance 1 where there is nothing to rescale, nothing changes, to the bit; where x0 is within the
    limit it stays."""
    schedule = scaled_linear()
    noisy, cond, uncond = torch.randn(3, 4, 2, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    t, predictions = torch.tensor([100, 100, 500, 500]), {"cond": cond, "uncond": uncond}

    def x0(scale, **remedy):
        eps = guided(schedule, noisy, t, predictions, scale, Remedy(**remedy), together)
        return schedule.x0_from_eps(noisy, eps, t)

    def spread(x):
        return x.unflatten(0, (-1, together)).flatten(1).std(1)

    plain, strong = x0(1.0), x0(20.0)
    assert torch.equal(guided(schedule, noisy, t, predictions, 20.0), guide(predictions, 20.0))
    assert (spread(strong) > 2 * spread(plain)).all()
    assert torch.allclose(spread(x0(20.0, rescale=1.0)), spread(plain))
    assert torch.allclose(spread(x0(20.0, rescale=0.25)), 0.25 * spread(plain) + 0.75 * spread(strong))
    direction = x0(20.0, rescale=0.5) / strong
    assert torch.allclose(direction, direction.flatten(1)[:, :1, None, None].expand_as(direction))
    assert torch.allclose(x0(1.0, rescale=1.0), plain)
    limited = x0(20.0, limit=3.0)
    assert torch.allclose(limited, strong.clamp(-3.0, 3.0)) and float(strong.abs().max()) > 3.1
    assert torch.allclose(x0(20.0, limit=1e6), strong)
    assert branches(1.0) == ("cond",) and branches(0.0) == ("uncond",) and len(branches(7.5)) == 2


@pytest.mark.parametrize("views,azimuth,elevation,name", [
    (8, 0, 0, "front"), (8, 22, 0, "front"), (8, 23, 0, "front left"), (8, 90, 0, "left side"), (8, 180, 59, "back"),
    (8, -180, 0, "back"), (8, -90, 0, "right side"), (8, 315, 0, "front right"), (8, 90, 61, "overhead"),
    (4, 44, 0, "front"), (4, 46, 0, "side"), (4, -100, 0, "side"), (4, 136, 0, "back"), (4, -179, 0, "back"),
    (4, 0, 80, "overhead"),
])
def test_view_words(views, azimuth, elevation, name):
    index = view_index(torch.tensor([float(azimuth)]), torch.tensor([float(elevation)]), views)
    assert VIEWS[views][index].name == name


def test_view_prompts_and_bad_counts():
    assert view_prompt("a mug", VIEWS[4][0]) == "a mug, front view" and view_prompt("a mug", None) == "a mug"
    assert view_index(torch.zeros(3), torch.zeros(3), 1).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match=r"\[1, 4, 8, 24\], got 5"):
        view_index(torch.zeros(1), torch.zeros(1), 5)


def test_elevation_ranges_of_views_cover_the_whole():
    front, overhead = VIEWS[8][0], VIEWS[8][-1]
    assert front.elevation_range((-10, 75)) == (-10, 60) and overhead.elevation_range((-10, 75)) == (60, 75)
    assert overhead.elevation_range((0, 60)) is None and front.elevation_range((70, 80)) is None
