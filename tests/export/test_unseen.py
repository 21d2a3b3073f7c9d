"""What no view can look into is solid in the mesh; what one can look into stays as it is."""

import numpy as np
import pytest
import torch
from fields import CPU, Analytic, either, stage

from carv3d.export import mesh, surface, unseen, volume
from carv3d.export.images import all_views

VIEWS = volume.cameras(2.65, 40.0, (-15.0, 85.0))
PLAIN = mesh.Options(resolution=64, smooth=0, texture_size=0, faces=10**6)


def box(low, high):
    middle, half = (torch.tensor(low) + torch.tensor(high)) / 2, (torch.tensor(high) - torch.tensor(low)) / 2
    return lambda p: ((p - middle).abs() - half).amax(-1)


def without(shape, hole):
    return lambda p: torch.maximum(shape(p), -hole(p))


def plain(shape, views=VIEWS):
    """As the field has it."""
    scene = Analytic(shape)
    solid = volume.solidity(scene, PLAIN.resolution, CPU, lambda _: None)
    level = volume.find_level(solid, views, all_views(scene, views, 1.0, CPU))
    return surface.triangulate(surface.cleaned(solid.grid.numpy(), level.value, 0.01)[0], 1.0)


def made(shape, views=VIEWS):
    found = mesh.find(Analytic(shape), views, CPU, PLAIN, stage).fine
    assert found.watertight
    return found


BLOCK = box([-0.4, -0.4, -0.4], [0.4, 0.4, 0.4])
SHELL = 0.8**3 - 0.6**2 * 0.7  # open on one side


def test_a_hollow_behind_a_base_that_is_open_below_is_filled():
    """But for the shallow dome that views from 15 degrees below the horizon look into: a cone of that slope over half
    the opening, the volume of a house whose walls alone the views have seen."""
    bell = without(BLOCK, box([-0.3, -0.3, -0.5], [0.3, 0.3, 0.3]))
    found = made(bell)
    assert 0.9 * 0.8**3 < found.volume < 0.8**3
    inside = found.vertices[np.abs(found.vertices).max(1) < 0.35]
    assert len(inside) == 0 or inside[:, 2].max() < -0.4 + 0.6 * np.tan(np.radians(15)) + 0.05
    assert plain(bell).volume == pytest.approx(SHELL, rel=0.15)  # the control


def test_a_cup_stays_hollow_where_views_look_into_it():
    cup = without(BLOCK, box([-0.3, -0.3, -0.3], [0.3, 0.3, 0.5]))
    views = volume.cameras(2.65, 40.0, (-15.0, 60.0))
    assert made(cup, views).volume == pytest.approx(plain(cup, views).volume, rel=1e-3)


def test_what_stands_over_open_space_keeps_its_underside():
    top, legs = box([-0.5, -0.5, 0.2], [0.5, 0.5, 0.3]), [
        box([x - 0.06, y - 0.06, -0.5], [x + 0.06, y + 0.06, 0.25]) for x in (-0.4, 0.4) for y in (-0.4, 0.4)]
    table = either(top, *legs)
    views = volume.cameras(2.65, 40.0, (20.0, 45.0))  # training saw it from above alone
    assert made(table, views).volume == pytest.approx(plain(table, views).volume, rel=0.01)


def test_nothing_changes_where_all_is_seen():
    solid = volume.solidity(Analytic(BLOCK), 64, CPU, lambda _: None)
    level = volume.Level(0.5, 1.0, 0.5)
    again = unseen.filled(solid, level, Analytic(BLOCK), VIEWS, CPU)
    assert again is solid
