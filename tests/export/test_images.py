"""Contact sheets: rows with names, normals from depth, the mesh beside the scene."""

import numpy as np
import pytest
import torch

from carv3d.cameras import RenderOut, orbit
from carv3d.export.images import LABELS, normals, strip
from carv3d.export.raster import raster
from carv3d.toybox import distance, quality
from carv3d.toybox.grammar import parse

SIZE = 48
CAMERAS = orbit([0.0, 70.0, 200.0], [10.0, 40.0, -20.0], 2.65, 40.0, SIZE, SIZE)


@pytest.fixture(scope="module")
def ball() -> RenderOut:
    return quality.views("a red sphere", CAMERAS, 1.0)


def test_normals_of_a_ball_are_those_of_the_ball(ball):
    origins, directions = CAMERAS.rays()
    true = torch.nn.functional.normalize(origins + ball.depth * directions, dim=-1)
    local = torch.einsum("bij,bhwi->bhwj", CAMERAS.c2w[:, :3, :3], true)
    inside = ball.opacity[..., 0] > 0.5
    cosine = ((2 * normals(ball, CAMERAS) - 1) * local).sum(-1)[inside & (local[..., 2] > 0.4)]
    assert cosine.min() > 0.98
    assert normals(ball, CAMERAS)[~inside].eq(0).all()
    assert (2 * normals(ball, CAMERAS) - 1)[0, SIZE // 2, SIZE // 2] == pytest.approx(torch.tensor([0, 0, 1.0]), abs=0.1)


def test_a_view_that_shows_nothing_has_no_normals():
    blank = RenderOut(torch.ones(3, SIZE, SIZE, 3), torch.zeros(3, SIZE, SIZE, 1), torch.zeros(3, SIZE, SIZE, 1))
    assert normals(blank, CAMERAS).eq(0).all() and strip(blank, CAMERAS).isfinite().all()


def test_every_row_has_its_name(ball):
    sheet = strip(ball, CAMERAS)
    assert sheet.shape == (4 * SIZE, LABELS + 3 * SIZE, 3) and sheet.min() >= 0 and sheet.max() <= 1
    names = sheet[:, :LABELS].reshape(4, SIZE, LABELS, 3)
    assert all((row < 0.5).any() and (row[:, -1] == 1).all() for row in names)  # written, and not cut off
    assert not any(torch.equal(names[i], names[j]) for i in range(4) for j in range(i))
    assert torch.equal(sheet[:SIZE, LABELS:LABELS + SIZE], ball.rgb[0])
    wider = strip(ball, CAMERAS, torch.full((3, SIZE, SIZE, 3), 0.25))
    assert wider.shape[0] == 5 * SIZE and torch.equal(wider[:4 * SIZE], sheet) and (wider[-1, LABELS:] == 0.25).all()


@pytest.mark.parametrize("prompt", ["a green mug", "a yellow chair"])
def test_a_mesh_is_drawn_where_its_object_is_traced(prompt):
    """Its colours here are its positions, so that what hides what shows, too."""
    vertices, faces = distance.mesh(parse(prompt))
    found = raster(vertices, faces, (vertices + 1) / 2, CAMERAS, 0.0)
    out = quality.views(prompt, CAMERAS, 0.0)
    seen, true = found.sum(-1) > 0, out.depth[..., 0] > 0
    assert (seen & true).sum() / (seen | true).sum() > 0.97
    origins, directions = CAMERAS.rays()
    apart = ((2 * found - 1) - (origins + out.depth * directions)).norm(dim=-1)[seen & true]
    assert apart.quantile(0.97) < 0.02 and apart.median() < 0.005


def test_what_is_behind_the_camera_is_not_drawn():
    triangle = np.array([[10.0, -1, 0], [10, 1, 0], [10, 0, 1]])
    assert (raster(triangle, np.array([[0, 1, 2]]), np.zeros((3, 3)), CAMERAS[:1], 1.0) == 1).all()
