"""A UV atlas: which texels lie in which face, how many charts it has, how far it stretches the surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FLAT = 1e-3  # of a face's longest edge squared; one of less area is a needle, whose shape nobody sees


@dataclass(frozen=True)
class Atlas:
    """vertex: [U] which vertex of the mesh each corner of the atlas is. uv: [U,2] in [0,1], v upwards. faces: [F,3]
    into these, in the mesh's order."""

    vertex: np.ndarray
    uv: np.ndarray
    faces: np.ndarray

    @property
    def charts(self) -> int:
        """How many pieces hang together in the atlas by shared corners."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        one, other = np.concatenate([self.faces[:, :2], self.faces[:, 1:]]).T
        links = coo_array((np.ones(len(one), dtype=bool), (one, other)), shape=(len(self.uv),) * 2)
        return int(connected_components(links, directed=False)[0])


def texels(atlas: Atlas, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The texels whose centre lies in a face: index [T] into the image, row 0 on top; face [T]; barycentric [T,3]."""
    corner = atlas.uv[atlas.faces].astype(np.float64) * size - 0.5  # [F,3,2], texel centres at whole numbers
    low = np.ceil(corner.min(1)).astype(np.int64).clip(0)
    high = np.floor(corner.max(1)).astype(np.int64).clip(max=size - 1)
    width, height = (np.maximum(high - low + 1, 0)).T
    count = width * height
    face = np.repeat(np.arange(len(count)), count)
    index = np.arange(len(face)) - np.repeat(count.cumsum() - count, count)
    x, y = low[face, 0] + index % width[face], low[face, 1] + index // width[face]
    a, b, c = (corner[face, i] for i in range(3))

    def twice_area(p: np.ndarray, q: np.ndarray, rx: np.ndarray, ry: np.ndarray) -> np.ndarray:
        return (q[:, 0] - p[:, 0]) * (ry - p[:, 1]) - (q[:, 1] - p[:, 1]) * (rx - p[:, 0])

    whole = twice_area(a, b, c[:, 0], c[:, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.stack([twice_area(b, c, x, y), twice_area(c, a, x, y), twice_area(a, b, x, y)], -1) / whole[:, None]
    inside = (share >= -1e-9).all(1)
    where = (size - 1 - y) * size + x
    return where[inside], face[inside], share[inside].astype(np.float32)


def in_plane(corners: np.ndarray) -> np.ndarray:
    """Faces [F,3,3], each laid into a plane of its own without stretch, counter-clockwise: [F,3,2], the first corner at
    the origin, the first edge along x."""
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    length = np.linalg.norm(one, axis=1).clip(1e-30)
    out = np.zeros((len(corners), 3, 2))
    out[:, 1, 0] = length
    out[:, 2, 0] = (one * two).sum(1) / length
    out[:, 2, 1] = np.linalg.norm(np.cross(one, two), axis=1) / length
    return out


def stretch(flat: np.ndarray, uv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the linear map from each face [F,3,2] (see ``in_plane``) to its place in the atlas [F,3,2]: larger over
    smaller singular value [F], 1 where angles are kept, and the determinant [F], negative where the face is mirrored.

    The ratio is 1 for faces with next to no area, whose map is not determined, and infinite where the place has none.
    """
    across, up = flat[:, 1, 0], flat[:, 2, 1]
    sound = across * up > FLAT * np.square(flat[:, 1:] - flat[:, :1]).sum(-1).max(1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        along_x = (uv[:, 1] - uv[:, 0]) / across[:, None]
        along_y = (uv[:, 2] - uv[:, 0] - along_x * flat[:, 2, :1]) / up[:, None]
        determinant = along_x[:, 0] * along_y[:, 1] - along_x[:, 1] * along_y[:, 0]
        total = np.square(along_x).sum(1) + np.square(along_y).sum(1)
        larger = np.sqrt((total + np.sqrt(np.maximum(total**2 - 4 * determinant**2, 0))) / 2)
        ratio = larger**2 / np.abs(determinant)
    return np.where(sound, np.nan_to_num(ratio, nan=np.inf).clip(1), 1.0), np.where(sound, determinant, 1.0)


def told_stretch(vertices: np.ndarray, faces: np.ndarray, atlas: Atlas) -> dict[str, float]:
    """{"mean", "max"} of the ratio of ``stretch`` over a mesh's faces, a million at most, the mean weighted by area."""
    flat = in_plane(vertices[faces].astype(np.float64))
    ratio, _ = stretch(flat, atlas.uv[atlas.faces].astype(np.float64))
    area, ratio = flat[:, 1, 0] * flat[:, 2, 1], np.minimum(ratio, 1e6)
    return {"mean": round(float(np.average(ratio, weights=area)), 3), "max": round(float(ratio.max()), 2)}
