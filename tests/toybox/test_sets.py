"""The finite sets of an exact teacher."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from carv3d.diffusion.prompts import VIEWS, view_index
from carv3d.lights import AZIMUTH_DEG, ELEVATION_DEG
from carv3d.toybox.grammar import COLOURS, KINDS, Spec
from carv3d.toybox.sets import unconditional_set, unconditional_specs, view_cameras, view_set

RANGES = ((-10.0, 80.0), (2.4, 3.0), (36.0, 44.0))


@pytest.mark.parametrize(("views", "index"), [(n, i) for n in (4, 8) for i in range(len(VIEWS[n]))])
def test_a_set_covers_exactly_the_directions_of_its_view(views: int, index: int) -> None:
    view = VIEWS[views][index]
    cameras, _ = view_cameras(view, *RANGES, count=256, size=64, seed=3)
    assert (view_index(cameras.azimuth_deg, cameras.elevation_deg, views) == index).all()
    low, high = view.elevation_range(RANGES[0])
    for value, (start, end) in (
        (cameras.elevation_deg, (low, high)), (cameras.distance, RANGES[1]), (cameras.fovy_deg, RANGES[2]),
    ):
        cells = ((value - start) / (end - start) * 64).long().clamp(max=63)
        assert value.min() >= start and value.max() <= end
        assert (torch.bincount(cells, minlength=64) - 4).abs().max() <= 1  # every 64th of the range, evenly
    centres = torch.tensor(view.centres_deg)
    offset = (cameras.azimuth_deg[:, None] - centres + 180.0) % 360.0 - 180.0
    offset = offset.gather(1, offset.abs().argmin(1, keepdim=True))
    cells = ((offset / view.half_width_deg + 1.0) * 16).long().clamp(0, 31)
    assert torch.bincount(cells.flatten(), minlength=32).min() >= 7


def test_no_view_means_all_directions() -> None:
    cameras, _ = view_cameras(None, *RANGES, count=1024, size=64, seed=0)
    counts = torch.bincount(view_index(cameras.azimuth_deg, cameras.elevation_deg, 8), minlength=9)
    assert (counts[:8] - 1024 * 70 / 90 / 8).abs().max() <= 4 and abs(int(counts[8]) - 1024 * 20 / 90) <= 2


def test_an_empty_view_is_refused() -> None:
    with pytest.raises(ValueError, match="overhead"):
        view_set(Spec("mug", "red"), VIEWS[8][-1], (-10.0, 60.0), *RANGES[1:])


def test_the_mean_light_is_the_evaluation_light() -> None:
    _, light = view_cameras(VIEWS[8][0], *RANGES, count=256, size=64, seed=0)
    assert light.azimuth_deg.mean().item() == pytest.approx(AZIMUTH_DEG, abs=0.1)
    assert light.elevation_deg.mean().item() == pytest.approx(ELEVATION_DEG, abs=0.1)
    assert torch.allclose(light.gain.mean(0), torch.ones(3), atol=1e-3)
    assert light.azimuth_deg.std() > 5 and light.elevation_deg.std() > 3 and (light.gain.std(0) > 0.02).all()
    assert light.gain.max() * max(max(rgb) for rgb in COLOURS.values()) <= 1.0  # nothing clips


def test_a_set_is_a_function_of_its_arguments() -> None:
    def make(seed: int) -> torch.Tensor:
        return view_set(Spec("car", "red"), VIEWS[8][1], *RANGES, count=8, size=24, seed=seed)

    torch.manual_seed(1)
    first = make(0)
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    again = make(0)
    assert torch.equal(first, again) and torch.equal(torch.random.get_rng_state(), before)
    assert not torch.equal(first, make(1))
    assert first.shape == (8, 24, 24, 4) and first.dtype == torch.float32


def test_the_unconditional_set_is_stratified() -> None:
    specs = unconditional_specs(1024, seed=0)
    assert set(Counter((spec.kind, spec.colour) for spec in specs).values()) == {4, 5}
    assert len({(spec.kind, spec.colour) for spec in specs}) == len(KINDS) * len(COLOURS)
    stacked, two_part = sum(spec.under is not None for spec in specs), sum(not spec.plain for spec in specs)
    assert 60 <= stacked <= 150 and 190 <= two_part <= 290
    assert unconditional_specs(1024, seed=0) == specs != unconditional_specs(1024, seed=1)


def test_the_unconditional_set_shows_its_objects() -> None:
    pictures = unconditional_set(*RANGES, count=32, size=24, seed=5)
    assert pictures.shape == (32, 24, 24, 4)
    assert (pictures[..., 3].mean((1, 2)) > 0.04).all()
    assert torch.equal(pictures, unconditional_set(*RANGES, count=32, size=24, seed=5))
