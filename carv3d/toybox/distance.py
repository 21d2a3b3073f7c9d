"""The toybox's objects as solids: signed distance at points and on grids, and the surface as a triangle mesh.

The distance to a union is the least of its parts' distances (Hart 1996). Its sign is exact everywhere, and so is where
it is zero. Away from the surface it is exact or nearer to zero, except inside an ellipsoid, where it may be farther.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from carv3d.runtime.kernel_threads import CACHED, spread
from carv3d.toybox.grammar import Spec
from carv3d.toybox.shapes import Solid, build
from carv3d.toybox.tracer import primitive_distance

from numba import njit  # isort: skip  (after the kernels' package, which says where compiled code is kept)

RESOLUTION = 192
"""Grid points along the longest side of an object's box, for its mesh."""

_POINTS = 4096  # of a chunk
_BLOCK = 8  # grid points a side that share the choice of primitives
_MARGIN = 3  # grid steps around the object's box


def signed_distance(spec: Spec, points: np.ndarray) -> np.ndarray:
    """Signed distance to the object, negative inside: points [N,3], world units -> [N] float64, world units."""
    at = np.ascontiguousarray(points, np.float64)
    out = np.empty(len(at))
    spread(_at_points, len(at), _POINTS, at, _shape(build(spec)), out)
    return out


def on_grid(spec: Spec, low: Sequence[float] | np.ndarray, step: float, shape: Sequence[int]) -> np.ndarray:
    """Signed distance at the points low + step (i,j,k), [X,Y,Z] float32, world units.

    Within two steps of the surface it is ``signed_distance``; elsewhere only its sign is, which makes it ten times
    faster: each block of points asks only the primitives that come near it.
    """
    out = np.empty(tuple(shape), np.float32)
    spread(_blocks, -(-out.shape[0] // _BLOCK), 1, np.asarray(low, np.float64), step, _shape(build(spec)), out)
    return out


def box(spec: Spec) -> tuple[np.ndarray, np.ndarray]:
    """Two corners [3] of an axis-aligned box that holds the object; it may be a little wider, world units."""
    solid = build(spec)
    reach = (np.abs(solid.rotation) @ solid.extent[..., None])[..., 0]
    return (solid.centre - reach).min(0), (solid.centre + reach).max(0)


def mesh(spec: Spec) -> tuple[np.ndarray, np.ndarray]:
    """The object's surface: vertices [V,3] float32, world units, and faces [F,3] int32, counter-clockwise from outside.

    Marching cubes (Lewiner et al., 2003) of the distance on a grid of ``RESOLUTION`` points along the longest side, a
    step of 0.8 hundredths of a world unit; the thinnest wall, a mug's, is a dozen steps thick. Cavities that nobody can
    look into are filled: there are none but the slits where one object stands on another. Kept for the latest objects;
    colours do not matter to it.
    """
    return _mesh(spec.kind, spec.under.kind if spec.under else None)


@lru_cache(maxsize=32)
def _mesh(kind: str, under: str | None) -> tuple[np.ndarray, np.ndarray]:
    from scipy import ndimage
    from skimage.measure import marching_cubes

    spec = Spec(kind, "red", under=Spec(under, "red") if under else None)
    low, high = box(spec)
    step = float((high - low).max()) / (RESOLUTION - 1)
    low, shape = low - _MARGIN * step, np.ceil((high - low) / step).astype(int) + 1 + 2 * _MARGIN
    distance = on_grid(spec, low, step, shape)
    distance[distance == 0] = 1e-7  # a corner on the surface itself would give triangles without area
    outside, count = ndimage.label(distance > 0)
    if count > 1:
        distance[(outside > 0) & (outside != outside[0, 0, 0])] = -step
    vertices, faces, _, _ = marching_cubes(distance, 0.0, gradient_direction="descent")
    made = (vertices * step + low).astype(np.float32), faces.astype(np.int32)
    for array in made:
        array.flags.writeable = False
    return made


def _shape(solid: Solid) -> tuple:
    return solid.primitive, solid.size, solid.centre, solid.rotation


@njit(cache=CACHED, error_model="numpy")
def _primitive_at(i: int, shape: tuple, x: float, y: float, z: float) -> float:
    """Signed distance from a world point to primitive i."""
    primitive, size, centre, rotation = shape
    px, py, pz, r = x - centre[i, 0], y - centre[i, 1], z - centre[i, 2], rotation[i]
    return primitive_distance(primitive[i], size[i], r[0, 0] * px + r[1, 0] * py + r[2, 0] * pz,
                              r[0, 1] * px + r[1, 1] * py + r[2, 1] * pz, r[0, 2] * px + r[1, 2] * py + r[2, 2] * pz)


@njit(nogil=True, cache=CACHED, error_model="numpy")
def _at_points(begin, end, points, shape, out) -> None:
    for n in range(begin, end):
        least = np.inf
        for i in range(len(shape[0])):
            least = min(least, _primitive_at(i, shape, points[n, 0], points[n, 1], points[n, 2]))
        out[n] = least


@njit(nogil=True, cache=CACHED, error_model="numpy")
def _blocks(begin, end, low, step, shape, out) -> None:
    """Slabs of blocks along x. A primitive that stays two steps away from a block is left out of it: it is positive
    there, and no edge of a grid cell that it cuts ends in the block."""
    count = len(shape[0])
    near = np.empty(count, np.int64)
    radius = ((_BLOCK - 1) / 2 * 3.0**0.5 + 2.0) * step
    for bx in range(begin, end):
        for by in range(-(-out.shape[1] // _BLOCK)):
            for bz in range(-(-out.shape[2] // _BLOCK)):
                ix, iy, iz, half = bx * _BLOCK, by * _BLOCK, bz * _BLOCK, (_BLOCK - 1) / 2
                x, y, z = low[0] + (ix + half) * step, low[1] + (iy + half) * step, low[2] + (iz + half) * step
                kept, beyond = 0, np.inf
                for i in range(count):
                    value = _primitive_at(i, shape, x, y, z)
                    if value <= radius:
                        near[kept] = i
                        kept += 1
                    else:
                        beyond = min(beyond, value - radius + 2.0 * step)
                for i in range(ix, min(ix + _BLOCK, out.shape[0])):
                    for j in range(iy, min(iy + _BLOCK, out.shape[1])):
                        for k in range(iz, min(iz + _BLOCK, out.shape[2])):
                            least = beyond
                            for n in range(kept):
                                least = min(least, _primitive_at(
                                    near[n], shape, low[0] + i * step, low[1] + j * step, low[2] + k * step))
                            out[i, j, k] = least
