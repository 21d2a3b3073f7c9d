"""Signed distances, grids and meshes of the toybox's objects."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from carv3d.export.surface import Surface
from carv3d.quality import geometry
from carv3d.toybox import distance
from carv3d.toybox.grammar import KINDS, Spec, parse

STACKED = "a red mug on top of a blue table"
STEP = 2 / 63


def stacked(top: str, base: str) -> Spec:
    return Spec(top, "red", under=Spec(base, "red"))


def test_a_ball_and_a_cube_by_hand():
    points = np.random.default_rng(0).uniform(-1, 1, (2000, 3))
    assert distance.signed_distance(Spec("sphere", "red"), points) == pytest.approx(np.linalg.norm(points, axis=1) - 0.75)
    low, high = distance.box(Spec("cube", "red"))
    half = high[0]
    assert low == pytest.approx(-high) and high == pytest.approx([half] * 3)
    axis = np.array([[half + 0.2, 0, 0], [0, 0, -half - 0.3], [0, 0.25, 0]])
    assert distance.signed_distance(Spec("cube", "red"), axis) == pytest.approx([0.2, 0.3, 0.25 - half])


@pytest.mark.parametrize("spec", [*(Spec(kind, "red") for kind in KINDS), parse(STACKED)], ids=str)
def test_a_grid_has_every_sign_and_is_exact_beside_the_surface(spec):
    shape = (64, 61, 50)
    grid = distance.on_grid(spec, [-1, -0.97, -0.8], STEP, shape)
    points = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(-1, 3) * STEP + [-1, -0.97, -0.8]
    every = distance.signed_distance(spec, points).reshape(shape)
    near = np.abs(every) < 2 * STEP
    assert (np.sign(grid) == np.sign(every)).all() and grid[near] == pytest.approx(every[near], abs=1e-6)
    assert 0.001 < (grid < 0).mean() < 0.6


def test_the_number_of_threads_does_not_matter():
    points = np.random.default_rng(1).uniform(-1, 1, (20000, 3))
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append((distance.signed_distance(parse(STACKED), points),
                          distance.on_grid(parse(STACKED), [-1] * 3, STEP, (64,) * 3)))
    finally:
        torch.set_num_threads(before)
    assert all(np.array_equal(*pair) for pair in zip(*found, strict=True))


@pytest.mark.parametrize("kind", ["mug", "snowman", "boat"])
def test_a_mesh_lies_on_the_surface_and_is_closed(kind):
    spec = Spec(kind, "red")
    vertices, faces = distance.mesh(spec)
    made = Surface(vertices, faces)
    assert np.abs(distance.signed_distance(spec, vertices)).max() < 0.004 and made.watertight and made.volume > 0
    low, high = distance.box(spec)
    assert (vertices > low - 1e-6).all() and (vertices < high + 1e-6).all()
    assert distance.mesh(Spec(kind, "blue"))[0] is vertices  # colours do not matter


def test_a_mugs_wall_survives():
    """Along a ray through its middle, above the bottom: wall, hollow, wall."""
    spec = Spec("mug", "green")
    across = distance.signed_distance(spec, np.stack([np.linspace(-0.6, 0.6, 400), *np.zeros((2, 400))], 1)) < 0
    assert np.diff(across.astype(int)).tolist().count(1) == 2
    vertices, faces = distance.mesh(spec)
    inner = np.linalg.norm(vertices[:, :2] - [0, np.median(vertices[:, 1])], axis=1)
    assert (inner < 0.3).any() and Surface(vertices, faces).volume < 0.75 * (1.03 * np.pi * 0.47**2)


@pytest.mark.parametrize("spec", [stacked("sphere", "cube"), stacked("torus", "table"), stacked("mug", "car")], ids=str)
def test_what_stands_on_another_is_one_body(spec):
    """They touch and do not overlap; slits that nobody can look into are filled."""
    vertices, faces = distance.mesh(spec)
    assert geometry.parts(vertices, faces) == 1 and geometry.euler(faces) == (0 if spec.kind == "mug" else 2)
