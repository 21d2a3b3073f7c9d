"""From a grid of solidity to a clean closed triangle mesh within a budget of faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carv3d.runtime.errors import UserError

LEAST_CELLS = 8  # a part of fewer grid points is dropped in any case
HASTE = (7, 5, 3)  # of the collapse, each tried if the one before left an open surface
PARTINGS = 8  # where bad edges hang together, parting one may show the next
GAP = 1e-4  # world units, between points that must not be taken for one


@dataclass(frozen=True)
class Surface:
    """A triangle mesh in world axes. vertices: [V,3] float32. faces: [F,3] int32, counter-clockwise from outside."""

    vertices: np.ndarray
    faces: np.ndarray

    @property
    def normals(self) -> np.ndarray:
        """Of the vertices, [V,3], unit length: the mean of the faces around, weighted by their area."""
        a, b, c = (self.vertices[self.faces[:, i]].astype(np.float64) for i in range(3))
        across = np.cross(b - a, c - a)
        out = np.zeros((len(self.vertices), 3))
        for corner in range(3):
            for axis in range(3):
                out[:, axis] += np.bincount(self.faces[:, corner], across[:, axis], len(out))
        length = np.linalg.norm(out, axis=1, keepdims=True)
        return np.where(length > 0, out / np.maximum(length, 1e-30), [0.0, 0.0, 1.0]).astype(np.float32)

    @property
    def volume(self) -> float:
        """Enclosed, world units cubed; negative if the faces look inwards."""
        a, b, c = (self.vertices[self.faces[:, i]].astype(np.float64) for i in range(3))
        return float((a * np.cross(b, c)).sum() / 6)

    @property
    def watertight(self) -> bool:
        """Whether every edge has one face on either side, running along it in opposite directions."""
        edges = np.concatenate([self.faces[:, [i, (i + 1) % 3]] for i in range(3)]).astype(np.int64)
        forth = edges[:, 0] * len(self.vertices) + edges[:, 1]
        back = edges[:, 1] * len(self.vertices) + edges[:, 0]
        forth.sort()
        back.sort()
        return bool(len(forth) and (forth == back).all() and (np.diff(forth) > 0).all())


def cleaned(grid: np.ndarray, level: float, least_part: float) -> tuple[np.ndarray, int, int]:
    """The height of a grid [N,N,N] over ``level``, positive inside, with a border of outside all around.

    Parts of less than ``least_part`` of the largest one's volume are dropped, and cavities that nobody can look into
    are filled: a field that is trained on images is arbitrary in there. Returns it with the numbers of parts kept and
    dropped.
    """
    from scipy import ndimage

    height = np.pad(grid, 1) - np.float32(level)
    height[height == 0] = -1e-6  # a corner on the surface itself would give triangles without area
    labels, count = ndimage.label(height > 0)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    kept = sizes >= max(least_part * sizes.max(), LEAST_CELLS)
    height[(labels > 0) & ~kept[labels]] = -level
    outside, _ = ndimage.label(height < 0)
    height[(outside > 0) & (outside != outside[0, 0, 0])] = 1 - level
    return height, int(kept.sum()), count - int(kept.sum())


def triangulate(height: np.ndarray, bound: float) -> Surface:
    """Marching cubes (Lewiner et al., 2003) on the padded grid of ``cleaned``; cut off at the box's border."""
    from skimage.measure import marching_cubes

    if not (height > 0).any():
        raise UserError("the scene has no surface: nothing is left of it after dropping small parts; lower "
                        "export.least_part")
    low, high = zip(*((np.flatnonzero(hit)[0] - 1, np.flatnonzero(hit)[-1] + 2) for hit in (
        (height > 0).any(axis=tuple({0, 1, 2} - {axis})) for axis in range(3))), strict=True)
    part = height[tuple(map(slice, low, high))]
    vertices, faces, _, _ = marching_cubes(part, 0.0, gradient_direction="ascent")
    scale = 2 * bound / (height.shape[0] - 3)
    vertices = ((vertices + low - 1) * scale - bound).clip(-bound, bound)
    surface = Surface(vertices.astype(np.float32), faces.astype(np.int32))
    return surface if surface.volume > 0 else Surface(surface.vertices, surface.faces[:, ::-1].copy())


def reduce(surface: Surface, faces: int) -> Surface:
    """About ``faces`` faces at most, by collapsing the edges that matter least (Garland and Heckbert, 1997).

    Where a thin neck or tunnel collapses, that leaves an edge with four faces; it is parted again, and where that does
    not help the collapse goes on more slowly, for a closed surface shall stay closed.
    """
    if len(surface.faces) <= faces:
        return surface
    from fast_simplification import simplify

    tried: Surface | None = None
    for haste in HASTE:
        vertices, triangles = simplify(surface.vertices, surface.faces, target_count=faces, agg=haste)
        made = without_flaps(Surface(vertices.astype(np.float32), triangles.astype(np.int32)))
        for _ in range(PARTINGS):
            made = made if made.watertight else parted(made)
        if made.watertight or not surface.watertight:
            return made
        tried = tried or made
    assert tried is not None  # HASTE holds at least one
    return tried


def without_flaps(surface: Surface) -> Surface:
    """Without pairs of faces on the same three corners, which enclose nothing, and without unused vertices."""
    _, which, count = np.unique(np.sort(surface.faces, 1), axis=0, return_inverse=True, return_counts=True)
    used, faces = np.unique(surface.faces[count[which.ravel()] == 1], return_inverse=True)
    return Surface(surface.vertices[used], faces.reshape(-1, 3).astype(np.int32))


def parted(surface: Surface) -> Surface:
    """With a vertex of its own for each of the two fans of faces that meet in one end of an edge with four faces.

    One end is enough: around the other the two fans close to a ring, or stay two rings. It has to be one where no other
    such edge ends, so that a chain of them is parted from its ends, call by call. The copies move apart by
    ``GAP``, lest a program that merges equal points joins them again.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    corners = surface.faces.astype(np.int64).ravel()  # corner 3 f + c of face f is the start of its half-edge c
    follows = (np.arange(len(corners)).reshape(-1, 3)[:, [1, 2, 0]]).ravel()
    ends = np.sort(np.stack([corners, corners[follows]], 1), 1)
    edges, which, count = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(which.ravel(), kind="stable")
    order = order[count[which.ravel()[order]] == 2].reshape(-1, 2)  # the two half-edges of each sound edge
    one, other = order.T
    pairs = np.concatenate([np.stack([one, follows[other]], 1), np.stack([follows[one], other], 1)])
    links = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(corners),) * 2)
    fan = connected_components(links, directed=False)[1]
    bad = edges[count > 2]
    single = np.bincount(bad.ravel(), minlength=len(surface.vertices)) == 1
    chosen = np.where(single[bad[:, 0]], bad[:, 0], bad[:, 1])  # one end: the two may pair the faces differently
    split = np.isin(corners, chosen[single[chosen]])
    used, faces = np.unique(np.where(split, len(surface.vertices) + fan, corners), return_inverse=True)
    source = np.empty(len(used), dtype=np.int64)
    source[faces] = corners
    made = Surface(surface.vertices[source], faces.reshape(-1, 3).astype(np.int32))
    moved = np.where((used >= len(surface.vertices))[:, None], made.vertices - GAP * made.normals, made.vertices)
    return Surface(moved.astype(np.float32), made.faces)
