"""Which points of a grid lie inside a triangle mesh."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from carv3d.runtime.kernel_threads import CACHED, spread

from numba import njit  # isort: skip  (after the kernels' package, which says where compiled code is kept)


def inside(vertices: np.ndarray, faces: np.ndarray, low: np.ndarray, step: float, shape: Sequence[int]) -> np.ndarray:
    """Whether the points low + step (i,j,k) are enclosed by a mesh: [X,Y,Z] bool.

    vertices: [V,3], finite. faces: [F,3], counter-clockwise from outside. Along each axis a ray through every point
    counts the faces that it enters and leaves by; enclosed is what has a winding number other than zero along two axes
    of the three at least. For a closed mesh the three agree, overlapping shells and cavities included. A ray that looks
    through a hole of an open one, and does not come out as it went in, has no say.
    """
    corners = ((vertices[faces] - low) / step).astype(np.float64)  # in steps: [F,3,3]
    votes = np.zeros((3, *shape), bool)
    spread(_along, 3, 1, corners, votes)
    return votes.sum(0, dtype=np.uint8) >= 2


@njit(nogil=True, cache=CACHED, error_model="numpy")
def _along(begin, end, corners, votes) -> None:
    for axis in range(begin, end):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        size = votes.shape[1:]
        winding = np.zeros((size[u], size[v], size[axis] + 1), np.int16)
        for f in range(len(corners)):
            _project(corners[f], axis, u, v, winding)
        index = np.zeros(3, np.int64)
        for i in range(size[u]):
            for j in range(size[v]):
                if winding[i, j].sum() != 0:  # it leaves by another number of faces than it enters by
                    continue
                total = 0
                for k in range(size[axis]):
                    total += winding[i, j, k]
                    index[u], index[v], index[axis] = i, j, k
                    votes[axis, index[0], index[1], index[2]] = total != 0


@njit(cache=CACHED, error_model="numpy")
def _project(corner, axis, u, v, winding) -> None:
    """Enter one face into the columns that it covers, at the first point above it."""
    low_u, high_u = min(corner[0, u], corner[1, u], corner[2, u]), max(corner[0, u], corner[1, u], corner[2, u])
    low_v, high_v = min(corner[0, v], corner[1, v], corner[2, v]), max(corner[0, v], corner[1, v], corner[2, v])
    au, av = corner[1, u] - corner[0, u], corner[1, v] - corner[0, v]
    bu, bv = corner[2, u] - corner[0, u], corner[2, v] - corner[0, v]
    area = au * bv - av * bu
    least, most = min(corner[0, axis], corner[1, axis], corner[2, axis]), max(
        corner[0, axis], corner[1, axis], corner[2, axis])
    deep = winding.shape[2] - 1
    for i in range(max(0, math.ceil(low_u)), min(winding.shape[0] - 1, math.floor(high_u)) + 1):
        for j in range(max(0, math.ceil(low_v)), min(winding.shape[1] - 1, math.floor(high_v)) + 1):
            turns = (_crossing(corner, 0, 1, u, v, i, j) + _crossing(corner, 1, 2, u, v, i, j)
                     + _crossing(corner, 2, 0, u, v, i, j))
            if turns == 0:
                continue
            height = least
            if area != 0.0:
                pu, pv = i - corner[0, u], j - corner[0, v]
                along_a, along_b = (pu * bv - pv * bu) / area, (au * pv - av * pu) / area
                height = corner[0, axis] + along_a * (corner[1, axis] - corner[0, axis]) + along_b * (
                    corner[2, axis] - corner[0, axis])
                height = min(max(height, least), most)  # a sliver's may be far off
            first = 0 if height < 0.0 else deep if height > deep else math.ceil(height)
            winding[i, j, first] -= turns


@njit(cache=CACHED, error_model="numpy")
def _crossing(corner, a, b, u, v, pu, pv) -> int:
    """+1 or -1 if the edge from a to b, projected, passes the point (pu, pv) on its right; 0 otherwise.

    Both faces of an edge compute it from the same end, so that no column slips between two faces.
    """
    upwards = 1
    ua, va, ub, vb = corner[a, u], corner[a, v], corner[b, u], corner[b, v]
    if va > vb or (va == vb and ua > ub):
        ua, va, ub, vb, upwards = ub, vb, ua, va, -1
    if not (va <= pv and pv < vb):
        return 0
    return upwards if ua + (pv - va) / (vb - va) * (ub - ua) > pu else 0
