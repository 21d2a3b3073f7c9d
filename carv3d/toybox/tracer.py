"""A sphere tracer for the toybox: the ground truth of every toybox prompt.

Each ray marches towards every primitive whose bounding box it meets, by steps that cannot cross its surface (Hart
1996, "Sphere tracing"), and keeps the nearest hit. Light is one soft, world-fixed direction without shadows or
highlights, so the colour of a surface point is the same from every camera. The image is linear in the paints:
colours decide nothing about where samples are taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from carv3d.cameras import Cameras, orbit
from carv3d.lights import AMBIENT, PLAIN, Light, fixed
from carv3d.runtime.kernel_cache import compile_once
from carv3d.runtime.kernel_threads import CACHED, spread
from carv3d.toybox.grammar import Spec
from carv3d.toybox.models import BOX, CAPSULE, CONE, ELLIPSOID, TORUS, TUBE, WEDGE
from carv3d.toybox.shapes import BALL_RADIUS, Solid, build

from numba import njit  # isort: skip  (after the kernels' package, which says where compiled code is kept)

_HIT = 1e-4  # world units; a pixel of a 64x64 image is 0.03 wide
_MAX_STEPS = 512
_SHADE_STEP = 0.06  # neighbours whose brightness differs by more are sampled again
# Offsets within the pixel of the further samples: eight rooks, so each lies in its own row and column of eighths.
_SUBSAMPLES = (np.array([[1, 4], [2, 1], [3, 6], [4, 3], [5, 0], [6, 5], [7, 2], [0, 7]]) + 0.5) / 8.0


class Traced(NamedTuple):
    """rgba: [B,H,W,4], premultiplied, in [0,1]. depth: [B,H,W] along the ray of the pixel centre, 0 where it is empty.

    Both float32 on the CPU.
    """

    rgba: Tensor
    depth: Tensor


def render(specs: Spec | Sequence[Spec], cameras: Cameras, light: Light | None = None) -> Traced:
    """Images of one object from B cameras, or of B objects from one camera each.

    light: the evaluation light when None. Raises ValueError when the counts disagree.
    """
    count = len(cameras)
    each = [specs] * count if isinstance(specs, Spec) else list(specs)
    light = light or fixed(count)
    if len(each) != count or light.gain.shape != (count, 3):
        raise ValueError(f"{count} cameras need as many objects and lights, got {len(each)} and {len(light.gain)}")
    index = {spec: i for i, spec in enumerate(dict.fromkeys(each))}
    return _trace([build(spec) for spec in index], np.array([index[spec] for spec in each], np.int64), cameras, light)


def render_layers(spec: Spec, cameras: Cameras, ambient: float = AMBIENT) -> Tensor:
    """Brightness per paint under the evaluation light, then opacity: [B,H,W,M+1] float32, premultiplied. ambient: share
    of the light that comes from everywhere; 1: unlit, each paint's share of the pixel.

    Light is linear in the paints, so ``layers[..., :-1] @ build(other).palette`` is the image of every ``other`` of
    the same kinds.
    """
    solid = build(spec)
    solid = replace(solid, palette=np.eye(len(solid.palette)))
    light = replace(fixed(len(cameras), ambient), gain=torch.ones(len(cameras), len(solid.palette)))
    return _trace([solid], np.zeros(len(cameras), np.int64), cameras, light).rgba


def _trace(solids: Sequence[Solid], which: np.ndarray, cameras: Cameras, light: Light) -> Traced:
    """One image per camera: b shows solids[which[b]]. The palettes' C channels and the light's gain [B,C] agree."""
    ends = np.cumsum([len(solid.primitive) for solid in solids])
    starts = ends - [len(solid.primitive) for solid in solids]
    names = ("primitive", "size", "centre", "rotation", "extent", "band")
    shape = tuple(np.concatenate([getattr(solid, name) for solid in solids]) for name in names)
    albedo = np.concatenate([solid.palette[solid.paint] for solid in solids])
    colour = np.empty((len(cameras), cameras.height, cameras.width, albedo.shape[-1] + 1), np.float32)
    depth = np.empty(colour.shape[:3], np.float32)
    c2w, focal, gain = (x.cpu().double().numpy() for x in (cameras.c2w, cameras.focal_px, light.gain))
    towards, ambient = (x.cpu().double().numpy() for x in (light.towards, light.ambient))
    spread(_render, len(depth), 1, starts[which], ends[which], shape, albedo, c2w, focal, towards, ambient,
           light.plain.cpu().numpy(), gain, colour, depth)
    return Traced(torch.from_numpy(colour), torch.from_numpy(depth))


def compile_kernels(announce: Callable[[str], None]) -> None:
    """Compile the tracer on a tiny image, announcing it in one line, unless the cache already holds it."""
    compile_once("toybox", lambda: render(Spec("cube", "red"), orbit([0.0], 0.0, 2.65, 40.0, 4, 4)), announce)


@njit(cache=CACHED, error_model="numpy")
def _trapezoid(x: float, z: float, half: float, low: float, high: float) -> float:
    """Signed distance in the half plane x >= 0 to the trapezoid |z| <= half with these half widths (exact)."""
    cap_x = x - min(x, low if z < 0.0 else high)
    cap_z = abs(z) - half
    slope_x, slope_z = high - low, 2.0 * half
    along = ((high - x) * slope_x + (half - z) * slope_z) / (slope_x * slope_x + slope_z * slope_z)
    along = min(max(along, 0.0), 1.0)
    side_x, side_z = x - high + slope_x * along, z - half + slope_z * along
    inside = side_x < 0.0 and cap_z < 0.0
    distance = math.sqrt(min(cap_x * cap_x + cap_z * cap_z, side_x * side_x + side_z * side_z))
    return -distance if inside else distance


@njit(cache=CACHED, error_model="numpy")
def _box2(x: float, y: float) -> float:
    """Signed distance to a rectangle, given the signed distances to its two pairs of sides."""
    return math.sqrt(max(x, 0.0) ** 2 + max(y, 0.0) ** 2) + min(max(x, y), 0.0)


@njit(cache=CACHED, error_model="numpy")
def primitive_distance(primitive: int, size: np.ndarray, x: float, y: float, z: float) -> float:
    """Signed distance from a local point; size: [5]. Exact except for the ellipsoid, whose value never exceeds it."""
    a, b, c = size[0], size[1], size[2]
    if primitive == ELLIPSOID:
        # Distance to the plane that touches the ellipsoid and is normal to the gradient here.
        scaled = math.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2)
        gradient = math.sqrt((x / (a * a)) ** 2 + (y / (b * b)) ** 2 + (z / (c * c)) ** 2)
        distance = scaled * (scaled - 1.0) / max(gradient, 1e-12)
    elif primitive == BOX:
        qx, qy, qz = abs(x) - a, abs(y) - b, abs(z) - c
        distance = math.sqrt(max(qx, 0.0) ** 2 + max(qy, 0.0) ** 2 + max(qz, 0.0) ** 2) + min(max(qx, qy, qz), 0.0)
    elif primitive == CONE:
        distance = _trapezoid(math.sqrt(x * x + y * y), z, a, b, c)
    elif primitive == WEDGE:
        distance = _box2(_trapezoid(abs(x), z, a, b, c), abs(y) - size[3])
    elif primitive == TORUS:
        distance = math.sqrt((math.sqrt(x * x + y * y) - a) ** 2 + z * z) - b
    elif primitive == CAPSULE:
        distance = math.sqrt(x * x + y * y + max(abs(z) - a, 0.0) ** 2) - b
    else:
        distance = _box2(abs(math.sqrt(x * x + y * y) - a) - b, abs(z) - c)
    return distance - size[4]


@njit(cache=CACHED, error_model="numpy")
def _brightness(primitive: int, size: np.ndarray, p: tuple, rotation: np.ndarray, light: np.ndarray,
                ambient: float) -> float:
    """Brightness (``lights``) at the local surface point p [3]; the normal is the gradient of the distance."""
    nx = ny = nz = 0.0
    for corner in range(4):  # a regular tetrahedron: four values instead of six
        sx, sy = 1.0 if corner & 1 else -1.0, 1.0 if corner & 2 else -1.0
        sz = -sx * sy
        value = primitive_distance(primitive, size, p[0] + 1e-4 * sx, p[1] + 1e-4 * sy, p[2] + 1e-4 * sz)
        nx += sx * value
        ny += sy * value
        nz += sz * value
    towards = 0.0
    for i in range(3):
        towards += light[i] * (rotation[i, 0] * nx + rotation[i, 1] * ny + rotation[i, 2] * nz)
    length = math.sqrt(nx * nx + ny * ny + nz * nz) + 1e-30
    return ambient + (1.0 - ambient) * 0.5 * (1.0 + towards / length)


@njit(cache=CACHED, error_model="numpy")
def _box_span(extent: np.ndarray, o: tuple, d: tuple) -> tuple[float, float]:
    """Where a local ray enters and leaves the box with these half extents; entry > exit when it misses."""
    start, end = 0.0, np.inf
    for k in range(3):
        slow = 1.0 / (d[k] if abs(d[k]) > 1e-12 else 1e-12)
        middle, half = -o[k] * slow, abs(extent[k] * slow)
        start, end = max(start, middle - half), min(end, middle + half)
    return start, end


@njit(cache=CACHED, error_model="numpy")
def _ellipsoid_hit(size: np.ndarray, o: tuple, d: tuple) -> float:
    """Where a local ray from outside meets the ellipsoid; infinite when it misses."""
    dd = od = oo = 0.0
    for k in range(3):
        dd += (d[k] / size[k]) ** 2
        od += o[k] * d[k] / size[k] ** 2
        oo += (o[k] / size[k]) ** 2
    inside = od * od - dd * (oo - 1.0)
    return (-od - math.sqrt(inside)) / dd if inside > 0.0 and od < 0.0 else np.inf


@njit(cache=CACHED, error_model="numpy")
def _first_hit(primitive: int, size: np.ndarray, extent: np.ndarray, o: tuple, d: tuple, limit: float) -> float:
    """Distance along a local ray to the primitive's surface; infinite when there is none before ``limit``.

    The distance to a convex solid is a convex function along a ray. So the secant through the last two values meets
    zero before the surface does (a safe step, and a longer one), and a value that grows means a miss.
    """
    t, end = _box_span(extent, o, d)
    end = min(end, limit)
    if t > end:
        return np.inf
    if primitive == ELLIPSOID:
        return _ellipsoid_hit(size, o, d)
    convex = primitive != TORUS and primitive != TUBE
    step, before = 0.0, np.inf
    for _ in range(_MAX_STEPS):
        value = primitive_distance(primitive, size, o[0] + t * d[0], o[1] + t * d[1], o[2] + t * d[2])
        if value < _HIT:
            return t
        if convex and value >= before:
            return np.inf
        step = step * value / (before - value) if convex and before < np.inf else value
        before = value
        t += step
        if t > end:
            return np.inf
    return np.inf


@njit(cache=CACHED, error_model="numpy")
def _sample(column: float, row: float, scene: tuple, view: tuple) -> tuple[int, float, float]:
    """What lies behind one point of an image: paint (2 * primitive + in the band; -1: nothing), brightness, depth."""
    first, last, (primitive, size, centre, rotation, extent, band) = scene
    c2w, focal, half_width, half_height, light, ambient = view
    x, y = (column - half_width) / focal, (half_height - row) / focal
    scale = 1.0 / math.sqrt(x * x + y * y + 1.0)
    dx = scale * (c2w[0, 0] * x + c2w[0, 1] * y - c2w[0, 2])
    dy = scale * (c2w[1, 0] * x + c2w[1, 1] * y - c2w[1, 2])
    dz = scale * (c2w[2, 0] * x + c2w[2, 1] * y - c2w[2, 2])
    ox, oy, oz = c2w[0, 3], c2w[1, 3], c2w[2, 3]
    along = ox * dx + oy * dy + oz * dz
    if ox * ox + oy * oy + oz * oz - along * along > BALL_RADIUS * BALL_RADIUS:
        return -1, 0.0, 0.0
    nearest, found, point = np.inf, -1, (0.0, 0.0, 0.0)
    for i in range(first, last):
        px, py, pz = ox - centre[i, 0], oy - centre[i, 1], oz - centre[i, 2]
        along = px * dx + py * dy + pz * dz
        if px * px + py * py + pz * pz - along * along > extent[i, 0] ** 2 + extent[i, 1] ** 2 + extent[i, 2] ** 2:
            continue
        r = rotation[i]
        o = (
            r[0, 0] * px + r[1, 0] * py + r[2, 0] * pz,
            r[0, 1] * px + r[1, 1] * py + r[2, 1] * pz,
            r[0, 2] * px + r[1, 2] * py + r[2, 2] * pz,
        )
        d = (
            r[0, 0] * dx + r[1, 0] * dy + r[2, 0] * dz,
            r[0, 1] * dx + r[1, 1] * dy + r[2, 1] * dz,
            r[0, 2] * dx + r[1, 2] * dy + r[2, 2] * dz,
        )
        t = _first_hit(primitive[i], size[i], extent[i], o, d, nearest)
        if t < nearest:
            nearest, found, point = t, i, (o[0] + t * d[0], o[1] + t * d[1], o[2] + t * d[2])
    if found < 0:
        return -1, 0.0, 0.0
    in_band = band[found, 0] < point[2] and point[2] < band[found, 1]
    bright = _brightness(primitive[found], size[found], point, rotation[found], light, ambient)
    return 2 * found + in_band, bright, nearest


@njit(cache=CACHED, error_model="numpy")
def _uneven(row, column, paint, bright) -> bool:
    """Whether a pixel differs from one of its eight neighbours in paint or in brightness."""
    height, width = paint.shape
    for r in range(max(row - 1, 0), min(row + 2, height)):
        for c in range(max(column - 1, 0), min(column + 2, width)):
            if paint[r, c] != paint[row, column] or abs(bright[r, c] - bright[row, column]) > _SHADE_STEP:
                return True
    return False


@njit(cache=CACHED, error_model="numpy")
def _image(scene, view, albedo, plain, gain, colour, depth) -> None:
    """One image: a ray per pixel, then further ones where neighbours differ."""
    height, width = depth.shape
    channels = albedo.shape[2]
    paint, bright = np.empty((height, width), np.int64), np.empty((height, width))
    for row in range(height):
        for column in range(width):
            found = _sample(column + 0.5, row + 0.5, scene, view)
            paint[row, column], bright[row, column], depth[row, column] = found
    for row in range(height):
        for column in range(width):
            samples = len(_SUBSAMPLES) if _uneven(row, column, paint, bright) else 1
            pixel = colour[row, column]
            pixel[:] = 0.0
            for s in range(samples):
                label, shade = paint[row, column], bright[row, column]
                if samples > 1:
                    label, shade, _ = _sample(column + _SUBSAMPLES[s, 0], row + _SUBSAMPLES[s, 1], scene, view)
                if label < 0:
                    continue
                for k in range(channels):
                    paint_k = PLAIN if plain else albedo[label // 2, label % 2, k]
                    pixel[k] += min(paint_k * shade * gain[k], 1.0) / samples
                pixel[channels] += 1.0 / samples


@njit(nogil=True, cache=CACHED, error_model="numpy")
def _render(begin, end, first, last, shape, albedo, c2w, focal, light, ambient, plain, gain, colour, depth) -> None:
    """Images begin to end; image b shows the primitives first[b] to last[b]."""
    _, height, width, _ = colour.shape
    for b in range(begin, end):
        view = (c2w[b], focal[b], width / 2.0, height / 2.0, light[b], ambient[b])
        _image((first[b], last[b], shape), view, albedo, plain[b], gain[b], colour[b], depth[b])
