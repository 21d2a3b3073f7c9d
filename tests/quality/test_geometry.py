"""Scores of meshes: known by hand, near perfect for the truth itself, and bad for what is bad."""

from __future__ import annotations

import math

import numpy as np
import pytest
import trimesh
from skimage.measure import marching_cubes

from carv3d.quality import geometry
from carv3d.quality.inside import inside
from carv3d.toybox import distance
from carv3d.toybox.grammar import KINDS, Spec
from carv3d.toybox.shapes import build

DIAGONAL = 2 * 3**0.5  # of the box of a ball of radius 1
HANDLES = {"torus", "mug", "boat"}  # the boat's: sail, mast, hull and cabin enclose a hole
WORST = {"chamfer": 1.0, "chamfer_accuracy": 1.0, "chamfer_completeness": 1.0, "fscore_1": 0.0, "fscore_2": 0.0,
         "normal_consistency": -1.0, "volume_iou": 0.0, "parts": 0, "euler": 0, "parts_right": False, "euler_right": False}
NOTHING = np.zeros((0, 3)), np.zeros((0, 3), int)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def ball(radius: float = 1.0, at: tuple[float, float, float] = (0, 0, 0)) -> tuple[np.ndarray, np.ndarray]:
    made = trimesh.creation.icosphere(5, radius)
    return np.asarray(made.vertices) + at, np.asarray(made.faces)


def together(*meshes: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in meshes)])
    return np.concatenate([v for v, _ in meshes]), np.concatenate([f + s for (_, f), s in zip(meshes, starts)])


def turned_out(mesh: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return mesh[0], mesh[1][:, ::-1]


@pytest.fixture(scope="module")
def unit():
    return geometry.truth(*ball(), rng(1))


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_a_mesh_against_itself_is_perfect(unit):
    """Although the points on the two are different ones."""
    found = geometry.compare(*ball(), unit, rng())
    assert found["chamfer"] < 1e-5 and found["fscore_1"] == found["fscore_2"] == found["volume_iou"] == 1
    assert found["normal_consistency"] > 0.999 and found["parts_right"] is found["euler_right"] is True


@pytest.mark.parametrize("radius,first,second", [(1.03, 1, 1), (1.05, 0, 1), (1.1, 0, 0), (0.9, 0, 0)])
def test_a_ball_that_is_too_large(unit, radius, first, second):
    found = geometry.compare(*ball(radius), unit, rng())
    apart = pytest.approx(abs(radius - 1) / DIAGONAL, rel=0.02)
    assert found["chamfer_accuracy"] == apart and found["chamfer_completeness"] == apart and found["chamfer"] == apart
    assert (found["fscore_1"], found["fscore_2"]) == (first, second) and found["normal_consistency"] > 0.999
    assert found["volume_iou"] == pytest.approx(min(radius, 1 / radius) ** 3, abs=0.01)


def test_a_ball_in_the_wrong_place(unit):
    shift = 0.3
    found = geometry.compare(*ball(at=(0, 0, shift)), unit, rng())
    along = np.linspace(-1, 1, 20001)  # cosine with the shift: uniform over a sphere
    apart = np.abs(np.sqrt(1 + shift**2 + 2 * shift * along) - 1)
    assert found["chamfer_accuracy"] == pytest.approx(apart.mean() / DIAGONAL, rel=0.02)
    assert found["chamfer_completeness"] == pytest.approx(apart.mean() / DIAGONAL, rel=0.02)
    share = (apart <= 0.01 * DIAGONAL).mean()  # of both surfaces, by symmetry
    assert found["fscore_1"] == pytest.approx(share, abs=0.015)
    both = math.pi * (4 + shift) * (2 - shift) ** 2 / 12
    assert found["volume_iou"] == pytest.approx(both / (8 * math.pi / 3 - both), abs=0.01)


def test_half_of_it_is_accurate_and_not_complete(unit):
    vertices, faces = ball()
    upper = faces[vertices[faces][..., 2].min(1) >= 0]
    found = geometry.compare(vertices, upper, unit, rng())
    assert found["chamfer_accuracy"] < 1e-5 and found["chamfer_completeness"] > 0.05 and 0.6 < found["fscore_1"] < 0.75
    assert found["euler"] == 1 and not found["euler_right"]


def test_a_cube():
    made = trimesh.creation.box((1, 1, 1))
    mesh = np.asarray(made.vertices), np.asarray(made.faces)
    true = geometry.truth(*mesh, rng(1))
    found = geometry.compare(*mesh, true, rng())
    assert found["chamfer"] < 1e-5 and found["volume_iou"] == 1 and (found["parts"], found["euler"]) == (1, 2)
    moved = geometry.compare(mesh[0] + [0.1, 0, 0], mesh[1], true, rng())
    assert moved["volume_iou"] == pytest.approx(0.9 / 1.1, abs=0.01)
    assert moved["chamfer"] == pytest.approx(0.1 / 3 / 3**0.5, rel=0.1)  # two of six faces; a little of the others


def test_faces_that_look_the_wrong_way_cost_their_normals(unit):
    found = geometry.compare(*turned_out(ball()), unit, rng())
    assert found["normal_consistency"] < -0.999 and found["fscore_1"] == 1 and not found["parts_right"]


def test_parts_and_euler_numbers():
    ring = trimesh.creation.torus(1.0, 0.3)
    for mesh, parts, number in [(ball(), 1, 2), (together(ball(), ball(0.5, (3, 0, 0))), 2, 4),
                                (together(ball(), turned_out(ball(0.5))), 1, 4),  # a cavity is no part
                                ((np.asarray(ring.vertices), np.asarray(ring.faces)), 1, 0), (NOTHING, 0, 0)]:
        assert (geometry.parts(*mesh), geometry.euler(mesh[1])) == (parts, number)


def test_a_shell_is_hollow_and_overlapping_balls_are_not():
    step, shape = 0.025, (100, 100, 100)
    low = np.full(3, -1.25 + step / 2)
    shell = inside(*together(ball(), turned_out(ball(0.7))), low, step, shape)
    assert shell.sum() * step**3 == pytest.approx(4 / 3 * math.pi * (1 - 0.7**3), rel=0.01) and not shell[50, 50, 50]
    twice = inside(*together(ball(0.8, (-0.2, 0, 0)), ball(0.8, (0.2, 0, 0))), low, step, shape)
    lens = math.pi * (3.2 + 0.4) * (1.6 - 0.4) ** 2 / 12
    assert twice.sum() * step**3 == pytest.approx(8 / 3 * math.pi * 0.8**3 - lens, rel=0.01) and twice[50, 50, 50]


def test_points_of_the_grid_on_corners_and_edges_leak_nowhere():
    """A cube whose corners, edges and diagonals lie exactly on rays."""
    made = trimesh.creation.box((1, 1, 1))
    found = inside(np.asarray(made.vertices), np.asarray(made.faces), np.full(3, -1.0), 0.25, (9, 9, 9))
    assert found[3:6, 3:6, 3:6].all() and not found[:2].any() and not found[:, 7:].any() and not found[:, :, 7:].any()


def test_a_hole_misleads_one_axis_of_three():
    made = trimesh.creation.box((1, 1, 1))
    faces = np.asarray(made.faces)[np.asarray(made.face_normals)[:, 2] < 0.5]  # without its lid
    found = inside(np.asarray(made.vertices), faces, np.full(3, -0.99), 0.02, (100, 100, 100))
    assert found.sum() * 0.02**3 == pytest.approx(1, rel=0.05)


def test_the_distance_to_a_triangle_is_the_least_to_its_points():
    generator = rng(3)
    corners, points = generator.normal(size=(40, 3, 3)), generator.normal(size=(40, 3))
    share = generator.dirichlet([0.4] * 3, 20000)
    brute = np.linalg.norm(np.einsum("sc,nci->nsi", share, corners) - points[:, None], axis=2).min(1)
    found = geometry.to_triangles(points, corners)
    assert (found <= brute + 1e-12).all() and found == pytest.approx(brute, abs=0.05)


def test_points_are_uniform_over_area():
    """Of 20000 points 9/10 lie on the larger triangle, within five standard errors (false alarm: 6e-7), and evenly on it:
    the mean of each barycentric coordinate is 1/3."""
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 0, 0], [8, 0, 0], [5, 3, 0.0]])
    found = geometry.sample(vertices, np.array([[0, 1, 2], [3, 4, 5]]), 20000, rng(5))
    large = found.points[:, 0] > 3
    assert abs(large.mean() - 0.9) < 5 * math.sqrt(0.09 / 20000)
    mean = (found.points[large][:, :2] - [5, 0]).mean(0) / 3
    assert mean == pytest.approx([1 / 3] * 2, abs=5 * math.sqrt(1 / 18 / 18000))
    assert (found.normals == [0, 0, 1]).all()


def test_roughness_of_a_ball_and_of_a_crumpled_one():
    vertices, faces = ball()
    assert geometry.roughness(vertices, faces) < 0.1
    crumpled = vertices * (1 + 0.02 * rng().normal(size=(len(vertices), 1)))
    assert geometry.roughness(crumpled, faces) > 5 and geometry.roughness(*NOTHING) == 180


# --- what is no mesh -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mesh", [
    NOTHING, (np.zeros((3, 3)), np.array([[0, 1, 2]])), (np.full((3, 3), np.nan), np.array([[0, 1, 2]])),
    (np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0.0]]), np.array([[0, 1, 2]]))])
def test_no_surface_is_the_worst_there_is(unit, mesh):
    assert geometry.compare(*mesh, unit, rng()) == WORST


@pytest.mark.parametrize("mesh", [
    (np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0.0]]), np.array([[0, 1, 2]])), (np.eye(3) * 1e6, np.array([[0, 1, 2]])),
    (np.array([[np.inf, 0, 0], [1, 0, 0], [0, 1, 0.0], [0, 0, 1]]), np.array([[0, 1, 2], [1, 2, 3]])),
    (ball()[0] * 100, ball()[1])])
def test_no_mesh_breaks_it(unit, mesh):
    found = geometry.compare(*mesh, unit, rng())
    assert found.keys() == WORST.keys() and all(math.isfinite(value) for value in found.values())
    assert 0 < found["chamfer"] <= 1 and found["fscore_1"] < 0.1 and found["volume_iou"] < 0.01


# --- the toybox ------------------------------------------------------------------------------------------------------


def solid(spec: Spec) -> geometry.Truth:
    return geometry.truth(*distance.mesh(spec), rng(1), lambda *grid: distance.on_grid(spec, *grid) < 0)


def surface(outside: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Of signed distances on a grid over the box [-1,1]^3."""
    vertices, faces, _, _ = marching_cubes(outside, 0.0, gradient_direction="descent")
    return vertices * step - 1, faces


@pytest.mark.parametrize("kind", KINDS)
def test_the_truth_on_the_grid_of_a_score_is_nearly_perfect(kind):
    spec, step = Spec(kind, "red"), 2 / 127
    found = geometry.compare(*surface(distance.on_grid(spec, [-1] * 3, step, (128,) * 3), step), solid(spec), rng())
    assert found["fscore_1"] > 0.99 and found["normal_consistency"] > 0.97 and found["volume_iou"] > 0.98, found
    assert found["chamfer"] < 0.001 and found["parts_right"] and found["euler_right"], found
    assert (found["parts"], found["euler"]) == (1, 0 if kind in HANDLES else 2)


def filled(spec: Spec, step: float, count: int) -> np.ndarray:
    """Distances to a mug whose inside is solid."""
    grid = distance.on_grid(spec, [-1] * 3, step, (count,) * 3)
    tube = build(spec)
    axis = np.arange(count) * step - 1
    x, y, z = np.meshgrid(*(axis - at for at in tube.centre[0]), indexing="ij")
    return np.minimum(grid, np.maximum(np.hypot(x, y) - tube.size[0, 0], np.abs(z) - tube.size[0, 2])).astype(np.float32)


def test_a_mug_that_is_filled_in_is_found_out():
    """The control: from outside, at low elevations, it is a mug."""
    spec, step = Spec("mug", "green"), 2 / 127
    found = geometry.compare(*surface(filled(spec, step, 128), step), solid(spec), rng())
    assert found["volume_iou"] < 0.6 and found["chamfer_completeness"] > 0.02 and found["fscore_1"] < 0.85, found
    assert found["chamfer_accuracy"] < found["chamfer_completeness"] and found["euler"] == 0


def test_the_points_are_the_callers(unit):
    """The same generator gives the same scores; another one others, by little."""
    mesh = ball(1.02, (0.03, 0, 0))
    one, again, other = (geometry.compare(*mesh, unit, rng(seed)) for seed in (0, 0, 1))
    assert one == again != other and all(other[name] == pytest.approx(one[name], abs=0.02) for name in one)
