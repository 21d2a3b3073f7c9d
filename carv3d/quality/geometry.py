"""How near a triangle mesh comes to another, the truth, and what can be said of one alone.

A mesh is vertices [V,3] and faces [F,3], counter-clockwise from outside, in world units. Nothing is ever moved, turned
or scaled to fit. A mesh without a face that can be used gets the worst values there are: no score is NaN, none raises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from carv3d.quality.inside import inside

SAMPLES = 20_000  # points on each surface
NEAREST = 4  # samples whose triangles are tried for the nearest one
FARTHEST = 1e30  # world units
GRID = 128  # points of the volume's grid along its longest side
SHARES = {"fscore_1": 0.01, "fscore_2": 0.02}  # of the truth's diagonal

Solid = Callable[[np.ndarray, float, tuple[int, ...]], np.ndarray]
"""(low [3], step, shape) -> whether the points low + step (i,j,k) are inside, [X,Y,Z] bool."""


@dataclass(frozen=True)
class Samples:
    """Points on a surface. points: [N,3]. normals: [N,3], unit length, of the faces. corners: [N,3,3], of the faces.
    float64. near, near_corners and near_normals: what ``directed`` looks neighbours up in, a point of each face
    more."""

    points: np.ndarray
    normals: np.ndarray
    corners: np.ndarray
    near: np.ndarray
    near_corners: np.ndarray
    near_normals: np.ndarray

    @cached_property
    def tree(self):  # noqa: ANN201 - scipy has no types
        """Of ``near``, a scipy cKDTree."""
        from scipy.spatial import cKDTree

        return cKDTree(self.near, balanced_tree=False, compact_nodes=False)  # built three times sooner


@dataclass(frozen=True)
class Truth:
    """What a mesh is compared with. diagonal: of the mesh's bounding box, world units. low, high: [3], that box. solid:
    which points are inside."""

    samples: Samples
    diagonal: float
    low: np.ndarray
    high: np.ndarray
    parts: int
    euler: int
    solid: Solid


def truth(vertices: np.ndarray, faces: np.ndarray, generator: np.random.Generator, solid: Solid | None = None) -> Truth:
    """The truth from its mesh. solid: the inside of it, if that is known better than from the mesh. ValueError if there
    is no face."""
    vertices, faces = usable(vertices, faces)
    if not len(faces):
        raise ValueError("the true surface has no face")
    low, high = _bounds(vertices, faces)
    return Truth(sample(vertices, faces, SAMPLES, generator), float(np.linalg.norm(high - low)), low, high,
                 parts(vertices, faces), euler(faces),
                 solid or (lambda at, step, shape: inside(vertices, faces, at, step, shape)))


def compare(vertices: np.ndarray, faces: np.ndarray, true: Truth, generator: np.random.Generator
            ) -> dict[str, float | int | bool]:
    """Every score of a mesh against the truth.

    chamfer: mean of chamfer_accuracy (from the mesh's surface to the truth's) and chamfer_completeness (from the
    truth's to the mesh's), mean distances as a share of the truth's diagonal, no distance counted above the diagonal
    itself. fscore_1, fscore_2: harmonic mean of the shares of both surfaces that lie within 1 % and 2 % of it.
    normal_consistency: mean cosine, with its sign, between a point's normal and that of the point nearest to it on the
    other surface, mean of both directions: -1 to 1. volume_iou. parts and euler, and parts_right and euler_right:
    whether they are the truth's. generator: draws the points on the mesh.
    """
    vertices, faces = usable(vertices, faces)
    found = {"parts": parts(vertices, faces), "euler": euler(faces)}
    right = {"parts_right": found["parts"] == true.parts,
             "euler_right": bool(len(faces)) and found["euler"] == true.euler}
    if not len(faces):
        return {"chamfer": 1.0, "chamfer_accuracy": 1.0, "chamfer_completeness": 1.0, **dict.fromkeys(SHARES, 0.0),
                "normal_consistency": -1.0, "volume_iou": 0.0, **found, **right}
    samples = sample(vertices, faces, len(true.samples.points), generator)
    out: dict[str, float | int | bool] = {**surface_scores(samples, true.samples, true.diagonal)}
    return {**out, "volume_iou": volume_iou(vertices, faces, true), **found, **right}


def surface_scores(found: Samples, true: Samples, diagonal: float) -> dict[str, float]:
    """The scores of ``compare`` that come from points on the two surfaces."""
    there, one = directed(found, true, diagonal)
    back, other = directed(true, found, diagonal)
    there, back = (np.minimum(distance / diagonal, 1.0) for distance in (there, back))
    out = {"chamfer": float(there.mean() + back.mean()) / 2, "chamfer_accuracy": float(there.mean()),
           "chamfer_completeness": float(back.mean())}
    for name, share in SHARES.items():
        precision, recall = float((there <= share).mean()), float((back <= share).mean())
        out[name] = 2 * precision * recall / max(precision + recall, 1e-12)
    return {**out, "normal_consistency": float(one.mean() + other.mean()) / 2}


def directed(one: Samples, other: Samples, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """From each point of one surface to the other: distance [N], world units, and cosine between the normals [N]. Where
    there is nothing within ``limit``, world units, they are infinite and -1.

    The distance is that to the nearest of the triangles that the ``NEAREST`` neighbouring samples lie on, so that it is
    zero between a surface and itself, which distances between random points are not.
    """
    apart, index = (x.reshape(len(one.points), -1) for x in other.tree.query(
        one.points, k=min(NEAREST, len(other.near)), distance_upper_bound=limit))
    beyond = apart[:, 0] == np.inf
    index[index == len(other.near)] = 0  # scipy's mark for none; any face will do, at its own distance
    points, corners = np.repeat(one.points, index.shape[1], 0), other.near_corners[index.ravel()]
    distance = to_triangles(points, corners).reshape(index.shape)
    best = distance.argmin(1)
    rows = np.arange(len(best))
    cosine = (one.normals * other.near_normals[index[rows, best]]).sum(1).clip(-1, 1)
    return np.where(beyond, np.inf, distance[rows, best]), np.where(beyond, -1.0, cosine)


def to_triangles(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Distance [N] from points [N,3] to one triangle each [N,3,3]: to its plane where the foot lies in it, otherwise to
    the nearest of its edges."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    across = np.cross(b - a, c - a)
    square = (across**2).sum(1)
    nearest, within = np.full(len(points), np.inf), square > 0
    for start, end in ((a, b), (b, c), (c, a)):
        edge, to = end - start, points - start
        share = ((to * edge).sum(1) / np.maximum((edge**2).sum(1), 1e-300)).clip(0, 1)
        nearest = np.minimum(nearest, ((to - share[:, None] * edge) ** 2).sum(1))
        within &= (np.cross(edge, to) * across).sum(1) >= 0
    plane = ((points - a) * across).sum(1) ** 2 / np.maximum(square, 1e-300)
    return np.sqrt(np.where(within, plane, nearest))


def sample(vertices: np.ndarray, faces: np.ndarray, count: int, generator: np.random.Generator) -> Samples:
    """``count`` points spread uniformly over the area of a mesh that has some: each lies on a face chosen in proportion
    to its area, at the barycentric place of Osada et al. (2002), equation 1."""
    corners = vertices[faces].astype(np.float64)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    twice = np.linalg.norm(across, axis=1)
    normals = across / np.maximum(twice, 1e-300)[:, None]
    ends = twice.cumsum()
    which = np.searchsorted(ends, generator.random(count) * ends[-1], side="right").clip(max=len(faces) - 1)
    root, along = np.sqrt(generator.random(count))[:, None], generator.random(count)[:, None]
    own = corners[which]
    points = (1 - root) * own[:, 0] + root * (1 - along) * own[:, 1] + root * along * own[:, 2]
    return Samples(points, normals[which], own, np.concatenate([points, corners.mean(1)]),
                   np.concatenate([own, corners]), np.concatenate([normals[which], normals]))


def volume_iou(vertices: np.ndarray, faces: np.ndarray, true: Truth) -> float:
    """Volume in both over volume in either, on a grid over the boxes of both with ``GRID`` points along its longest
    side."""
    low, high = _bounds(vertices, faces)
    low, high = np.minimum(low, true.low), np.maximum(high, true.high)
    step = float((high - low).max()) / GRID
    low, shape = low + step / 2, tuple(np.ceil((high - low) / step).astype(int).clip(1).tolist())
    one, other = inside(vertices, faces, low, step, shape), true.solid(low, step, shape)
    return float((one & other).sum() / max((one | other).sum(), 1))


def parts(vertices: np.ndarray, faces: np.ndarray) -> int:
    """How many bodies a closed mesh consists of: sets of faces that hang together by their corners, without those that
    look inwards (of negative volume), which are the walls of cavities."""
    if not len(faces):
        return 0
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = np.concatenate([faces[:, :2], faces[:, 1:]]).astype(np.int64)
    links = coo_array((np.ones(len(ends), np.int8), ends.T), shape=(len(vertices),) * 2)
    count, label = connected_components(links, directed=False)
    a, b, c = (vertices[faces[:, i]].astype(np.float64) - vertices[faces[0, 0]] for i in range(3))
    volume = np.bincount(label[faces[:, 0]], (a * np.cross(b, c)).sum(1), count)
    return int((volume > 0).sum())


def euler(faces: np.ndarray) -> int:
    """Euler characteristic V - E + F of the corners, edges and faces that there are: 2 for each closed surface, less 2
    for each handle; 0 for a torus and for a mug."""
    corners = np.bincount(faces.ravel(), minlength=1)
    return int((corners > 0).sum()) - len(_keys(faces)) + len(faces)


def roughness(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Mean angle in degrees between a vertex's normal (mean of the faces around, weighted by area) and the mean of its
    neighbours' normals, which umbrella smoothing would give it; 180 without a face. It depends on the size of the
    triangles: meshes from grids of the same step can be compared."""
    vertices, faces = usable(vertices, faces)
    if not len(faces):
        return 180.0
    across = np.cross(*(vertices[faces[:, i]].astype(np.float64) - vertices[faces[:, 0]] for i in (1, 2)))
    normals = _unit(_summed(faces.T.ravel(), np.tile(across, (3, 1)), len(vertices)))
    edges = _edges(faces)
    smooth = _unit(_summed(edges.T.ravel(), normals[edges[:, ::-1].T.ravel()], len(vertices)))
    used = np.unique(faces)
    return float(np.degrees(np.arccos((normals * smooth).sum(1).clip(-1, 1)))[used].mean())


def usable(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mesh without faces whose corners are not finite or beyond ``FARTHEST``; no face if none has an area."""
    vertices, faces = np.asarray(vertices).reshape(-1, 3), np.asarray(faces).reshape(-1, 3)
    sound = (np.abs(vertices) < FARTHEST).all(1)
    faces = faces if sound.all() else faces[sound[faces].all(1)]
    for part in (faces[start:start + 4096] for start in range(0, len(faces), 4096)):  # the first has one, as a rule
        corners = vertices[part].astype(np.float64)
        if np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).any():
            return vertices, faces
    return vertices, faces[:0]


def _bounds(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    used = vertices[faces.ravel()].astype(np.float64)
    return used.min(0), used.max(0)


def _edges(faces: np.ndarray) -> np.ndarray:
    """Each edge once, [E,2], the lower corner first."""
    return np.stack(np.divmod(_keys(faces), int(faces.max(initial=0)) + 1), 1)


def _keys(faces: np.ndarray) -> np.ndarray:
    """A number for each edge, once and in order, [E]: its lower corner times the count of corners, and its higher
    one."""
    count = int(faces.max(initial=0)) + 1
    keys = np.concatenate([np.minimum(one, other).astype(np.int64) * count + np.maximum(one, other)
                           for one, other in zip(faces.T, np.roll(faces, 1, 1).T, strict=True)])
    keys.sort()
    return keys[np.diff(keys, prepend=-1) > 0]


def _summed(index: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Sums of values [N,3] by index [N]: [count,3]."""
    return np.stack([np.bincount(index, values[:, axis], count) for axis in range(3)], 1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-300)
