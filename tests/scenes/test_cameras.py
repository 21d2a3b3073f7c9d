"""Camera conventions against hand-worked numbers."""

import dataclasses
import math

import pytest
import torch

from carv3d.cameras import orbit, sample_cameras, turntable


def close(tensor, values, atol=1e-6):
    torch.testing.assert_close(tensor, torch.tensor(values), atol=atol, rtol=0)


def test_front_camera():
    c2w = orbit([0.0], 0.0, 3.0, 60.0, 4, 4).c2w[0]
    close(c2w[:3, 3], [3.0, 0.0, 0.0])  # azimuth 0 stands on +x
    close(c2w[:3, 0], [0.0, 1.0, 0.0])  # right
    close(c2w[:3, 1], [0.0, 0.0, 1.0])  # up
    close(c2w[:3, 2], [1.0, 0.0, 0.0])  # back
    close(c2w[3], [0.0, 0.0, 0.0, 1.0])


def test_azimuth_90_stands_on_plus_y():
    c2w = orbit([90.0], 0.0, 2.0, 60.0, 4, 4).c2w[0]
    close(c2w[:3, 3], [0.0, 2.0, 0.0])
    close(c2w[:3, 0], [-1.0, 0.0, 0.0])


@pytest.mark.parametrize("elevation", [90.0, -90.0])
def test_poles_keep_a_rotation(elevation):
    c2w = orbit([0.0], elevation, 2.0, 60.0, 4, 4).c2w[0]
    close(c2w[:3, 3], [0.0, 0.0, math.copysign(2.0, elevation)])
    close(c2w[:3, :3].T @ c2w[:3, :3], torch.eye(3).tolist())
    assert torch.linalg.det(c2w[:3, :3]).item() == pytest.approx(1)
    close(c2w[:3, 1], [-math.copysign(1.0, elevation), 0.0, 0.0])  # seen from above, the front (+x) is at the bottom


def test_focal_length_and_rays():
    cameras = orbit([0.0], 0.0, 3.0, 90.0, 4, 2)
    close(cameras.focal_px, [1.0])  # tan 45 = 1: half the height of 2
    origins, directions = cameras.rays()
    assert directions.shape == (1, 2, 4, 3)
    close(origins[0, 1, 3], [3.0, 0.0, 0.0])
    # the top left pixel's centre: 1.5 to the left (-y), 0.5 up, looking along -x
    close(directions[0, 0, 0], (torch.tensor([-1.0, -1.5, 0.5]) / math.sqrt(1 + 2.25 + 0.25)).tolist())
    close(directions.norm(dim=-1), torch.ones(1, 2, 4).tolist())


def test_rays_meet_the_origin_at_the_picture_centre():
    cameras = orbit([12.0, 200.0], [-20.0, 70.0], [2.0, 3.0], [30.0, 50.0], 5, 5)
    origins, directions = cameras.rays()
    centre = origins[:, 2, 2] + cameras.distance[:, None] * directions[:, 2, 2]
    close(centre, torch.zeros(2, 3).tolist())


def test_turntable_repeats_no_frame():
    cameras = turntable(120, 15.0, 2.5, 40.0, 8)
    assert len(cameras) == 120 and cameras.azimuth_deg[0] == 0
    gaps = [abs(math.remainder(a - b, 360.0)) for a, b in zip(cameras.azimuth_deg.tolist(), cameras.azimuth_deg.roll(-1).tolist())]
    assert gaps == pytest.approx([3.0] * 120, abs=1e-4)  # the step from the last to the first is as large as any


def test_strata_hit_every_sector_and_stay_uniform_each():
    generator = torch.Generator().manual_seed(0)
    draws = torch.stack([
        sample_cameras(4, 8, 8, (0, 0), (2, 2), (40, 40), generator, strata=True).azimuth_deg for _ in range(2000)
    ])
    turns = (draws.double() % 360) / 360
    gaps = turns.sort(-1).values.diff(dim=-1)
    assert gaps.max() < 0.5  # two neighbours of four equal sectors are never half a turn apart
    for position in range(4):  # Kolmogorov-Smirnov, false alarm 1e-4 each
        sorted_turns = turns[:, position].sort().values
        distance = (sorted_turns - (torch.arange(2000) + 0.5) / 2000).abs().max() + 0.5 / 2000
        assert distance < math.sqrt(math.log(2 / 1e-4) / 2 / 2000)
    # no position in the batch means a sector: which of the four comes first is uniform (chi-square, 3 dof, 1e-4)
    counts = torch.bincount(turns.argmin(-1), minlength=4)
    assert ((counts - 500.0) ** 2 / 500).sum() < 21.1


def test_ranges_and_repeatability():
    def draw():
        generator = torch.Generator().manual_seed(3)
        return sample_cameras(500, 8, 8, (-10, 45), (2.0, 3.0), (35, 50), generator)

    a, b = draw(), draw()
    for name, low, high in (("elevation_deg", -10, 45), ("distance", 2, 3), ("fovy_deg", 35, 50)):
        values = getattr(a, name)
        assert low <= values.min() and values.max() <= high
        assert abs(values.mean() - (low + high) / 2) < (high - low) * 0.06  # 4.6 standard errors
        assert torch.equal(values, getattr(b, name))


def test_slicing_keeps_views():
    cameras = orbit([0.0, 90.0, 180.0], 10.0, 2.0, 40.0, 8, 6)
    assert len(cameras[1:]) == 2 and cameras[1:].azimuth_deg.tolist() == [90.0, 180.0]
    assert torch.equal(dataclasses.replace(cameras, width=16, height=12).c2w, cameras.c2w)


def test_orbit_names_the_wrong_argument():
    with pytest.raises(ValueError, match="distance must have 1 or 3 values, got 2"):
        orbit([0.0, 1.0, 2.0], 0.0, [1.0, 2.0], 40.0, 8, 8)


def test_the_golden_sequence_spreads_every_window_and_is_uniform_over_shifts():
    """Any eight steps in a row leave no gap above 0.25 of the circle (iid ones do in most windows)."""
    from carv3d.cameras import golden_turn

    for start in range(50):
        turns = sorted(golden_turn(step, 0.37) for step in range(start, start + 8))
        gaps = [b - a for a, b in zip(turns, [*turns[1:], turns[0] + 1], strict=True)]
        assert max(gaps) < 0.25
    shifts = torch.arange(1000) / 1000
    one_step = torch.tensor([golden_turn(7, offset.item()) for offset in shifts]).sort().values
    assert (one_step - shifts).abs().max() < 2e-3


def test_a_given_turn_sets_the_azimuth():
    cameras = sample_cameras(3, 8, 8, (0.0, 1.0), (2.0, 3.0), (40.0, 41.0), torch.Generator().manual_seed(0), turn=0.75)
    assert torch.allclose(cameras.azimuth_deg, torch.tensor(90.0))
