"""A normal map: what reducing a surface took from its shading, as a texture over the reduced one's atlas.

Tangent space is that of MikkTSpace (Mikkelsen, "Simulation of wrinkled surfaces revisited", 2008, chapter 3), which
glTF 2.0 prescribes where a file gives no tangents and which Blender always uses; +Y of the map is up in the picture
(OpenGL).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from carv3d.export.atlas import Atlas, texels
from carv3d.export.surface import Surface

CHUNK = 1 << 16
NEAR = 6  # faces of the fine surface, by their middles, among which a point's nearest is looked for


def tangents(surface: Surface, normals: np.ndarray, atlas: Atlas) -> np.ndarray:
    """[U,4], one per corner of the atlas: the direction of growing u at right angles to the normal, and the sign by
    which cross(normal, tangent) becomes the direction of growing v.

    As MikkTSpace has it: each face's tangent, laid into the plane of the corner's normal, counts by the face's angle
    there. It differs from MikkTSpace only where a corner has faces of no area in the atlas, or joins two fans of faces.
    """
    corners = surface.vertices[surface.faces].astype(np.float64)
    uv = atlas.uv[atlas.faces].astype(np.float64)
    (d1, d2), (t1, t2) = ([x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]] for x in (corners, uv))
    area = t1[:, 0] * t2[:, 1] - t1[:, 1] * t2[:, 0]
    sign = np.sign(area)
    along = (t2[:, 1:] * d1 - t1[:, 1:] * d2) * sign[:, None]
    total, signs = np.zeros((len(atlas.vertex), 3)), np.zeros(len(atlas.vertex))
    for k in range(3):
        corner = atlas.faces[:, k]
        normal = normals[atlas.vertex[corner]].astype(np.float64)
        one, two = (_unit(_across(corners[:, (k + i) % 3] - corners[:, k], normal)) for i in (1, 2))
        angle = np.arccos((one * two).sum(1).clip(-1, 1)) * (sign != 0)
        part = angle[:, None] * _unit(_across(along, normal))
        total += np.stack([np.bincount(corner, x, len(total)) for x in part.T], 1)
        signs += np.bincount(corner, angle * sign, len(total))
    normal = normals[atlas.vertex].astype(np.float64)
    some = np.where(np.abs(normal[:, :1]) < 0.9, [[1.0, 0, 0]], [[0, 1.0, 0]])
    lost = np.linalg.norm(total, axis=1, keepdims=True) < 1e-9
    tangent = _unit(np.where(lost, _across(some, normal), total))
    return np.concatenate([tangent, np.where(signs < 0, -1.0, 1.0)[:, None]], 1).astype(np.float32)


def bake(fine: Surface, surface: Surface, normals: np.ndarray, atlas: Atlas, tangent: np.ndarray, size: int,
         progress: Callable[[int], None]) -> tuple[np.ndarray, np.ndarray, float]:
    """Texels: where [T] they lie in an image of ``size`` a side; what they hold [T,3] uint8, 128 times one plus the
    normal in tangent space, about; and by how many degrees the map turns the reduced surface's normals, in the mean.

    Each texel takes the normal of the fine surface in the point nearest to it that looks the same way, within 90
    degrees. Normals and tangents in between are interpolated and not made unit again, which is MikkTSpace's way, too.
    """
    where, face, share = texels(atlas, size)
    own, look = fine.normals.astype(np.float64), _Nearest(fine)
    out, turned = np.empty((len(where), 3), dtype=np.uint8), 0.0
    for start in range(0, len(where), CHUNK):
        part = slice(start, start + CHUNK)
        corner, weight = surface.faces[face[part]], share[part].astype(np.float64)
        point = np.einsum("tc,tci->ti", weight, surface.vertices[corner])
        normal = np.einsum("tc,tci->ti", weight, normals[corner])
        framed = tangent[atlas.faces[face[part]]].astype(np.float64)
        along = np.einsum("tc,tci->ti", weight, framed[..., :3])
        up = np.cross(normal, along) * framed[:, 0, 3:]
        found, there = look(point, normal)
        wanted = _unit(np.einsum("tc,tci->ti", there, own[fine.faces[found]]))
        local = np.stack([(wanted * np.cross(up, normal)).sum(1), (wanted * np.cross(normal, along)).sum(1),
                          (wanted * np.cross(along, up)).sum(1)], 1)  # solves (along, up, normal) local = wanted
        local *= np.sign((normal * np.cross(along, up)).sum(1, keepdims=True))
        local[local[:, 2] < 1e-3] = [0, 0, 1]  # turned away from the face: the map cannot say it
        out[part] = np.round((_unit(local) * 0.5 + 0.5) * 255)
        turned += np.degrees(np.arccos((wanted * _unit(normal)).sum(1).clip(-1, 1))).sum()
        progress(len(point))
    return where, out, turned / max(len(where), 1)


class _Nearest:
    """The nearest points of a surface."""

    def __init__(self, surface: Surface):
        from scipy.spatial import cKDTree

        self.corners = surface.vertices[surface.faces].astype(np.float64)
        self.across = np.cross(self.corners[:, 1] - self.corners[:, 0], self.corners[:, 2] - self.corners[:, 0])
        self.tree = cKDTree(self.corners.mean(1))
        self.near = min(NEAR, len(self.corners))

    def __call__(self, points: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The faces [N] nearest to points [N,3] among those that look the way of ``normals`` [N,3], of all if none
        does, and where on them: barycentric [N,3]. Points beside a face count as on its nearest corner or edge."""
        _, index = self.tree.query(points, self.near)
        index = index.reshape(len(points), self.near)
        a, b, c = (self.corners[index, k] for k in range(3))
        across = self.across[index]
        off = points[:, None] - a
        square = np.square(across).sum(-1).clip(1e-30)
        second = (np.cross(off, c - a) * across).sum(-1) / square
        third = (np.cross(b - a, off) * across).sum(-1) / square
        share = np.stack([1 - second - third, second, third], -1).clip(0)
        share /= share.sum(-1, keepdims=True)
        at = share[..., :1] * a + share[..., 1:2] * b + share[..., 2:] * c
        apart = np.square(at - points[:, None]).sum(-1)
        apart[(across * normals[:, None]).sum(-1) <= 0] += 1e9
        best = apart.argmin(1)
        row = np.arange(len(points))
        return index[row, best], share[row, best]


def _across(vectors: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """What of [N,3] is at right angles to the unit normals [N,3]."""
    return vectors - (vectors * normals).sum(-1, keepdims=True) * normals


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True).clip(1e-30)
