"""``shading.shaded`` for pictures that nothing learns from, as one compiled loop."""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from torch import Tensor

from carv3d.cameras import Cameras, RenderOut, orbit
from carv3d.lights import Light, fixed
from carv3d.runtime.kernel_threads import CACHED, FAST, spread

GRAIN = 32  # rows of pixels


@njit(inline="always")
def _point(c2w, focal, height, width, row, column, depth):
    """What is seen at a pixel's depth, from the camera's place; the convention is ``Cameras.rays``'."""
    half = np.float32(0.5)
    x = (np.float32(column) + half - half * np.float32(width)) / focal
    y = (half * np.float32(height) - np.float32(row) - half) / focal
    scale = depth / np.sqrt(x * x + y * y + np.float32(1))
    return ((c2w[0, 0] * x + c2w[0, 1] * y - c2w[0, 2]) * scale, (c2w[1, 0] * x + c2w[1, 1] * y - c2w[1, 2]) * scale,
            (c2w[2, 0] * x + c2w[2, 1] * y - c2w[2, 2]) * scale)


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _light(begin, end, rgb, opacity, depth, background, c2w, focal, towards, ambient, gain, solid, out):
    """Rows begin to end of all images, one after another."""
    _, height, width, _ = rgb.shape
    one, half = np.float32(1), np.float32(0.5)
    for line in range(begin, end):
        b, i = line // height, line % height
        view, f, seen = c2w[b], focal[b], depth[b]
        for j in range(width):
            bright = half * (one + ambient[b])
            if opacity[b, i, j, 0] > solid:
                right, left = min(j, width - 2), max(j - 1, 0)
                if not abs(seen[i, right + 1, 0] - seen[i, right, 0]) <= abs(seen[i, left + 1, 0] - seen[i, left, 0]):
                    right = left
                below, above = min(i, height - 2), max(i - 1, 0)
                if not abs(seen[below + 1, j, 0] - seen[below, j, 0]) <= abs(seen[above + 1, j, 0] - seen[above, j, 0]):
                    below = above
                p = _point(view, f, height, width, i, right, seen[i, right, 0])
                q = _point(view, f, height, width, i, right + 1, seen[i, right + 1, 0])
                r = _point(view, f, height, width, below, j, seen[below, j, 0])
                s = _point(view, f, height, width, below + 1, j, seen[below + 1, j, 0])
                ax, ay, az = q[0] - p[0], q[1] - p[1], q[2] - p[2]
                dx, dy, dz = s[0] - r[0], s[1] - r[1], s[2] - r[2]
                nx, ny, nz = dy * az - dz * ay, dz * ax - dx * az, dx * ay - dy * ax
                here = _point(view, f, height, width, i, j, one)
                length = max(np.sqrt(nx * nx + ny * ny + nz * nz), np.float32(1e-12))
                if nx * here[0] + ny * here[1] + nz * here[2] > 0:
                    length = -length
                facing = (nx * towards[b, 0] + ny * towards[b, 1] + nz * towards[b, 2]) / length
                bright = ambient[b] + (one - ambient[b]) * half * (one + facing)
            for c in range(3):
                own = rgb[b, i, j, c]
                behind = (one - opacity[b, i, j, 0]) * background[b, c]
                out[b, i, j, c] = own + (own - behind) * (bright * gain[b, c] - one)


def rehearse() -> None:
    """Run once on a tiny picture."""
    flat, camera = torch.ones(1, 2, 2, 1), orbit([0.0], 0.0, 2.65, 40.0, 2, 2)
    lighted(RenderOut(flat.expand(-1, -1, -1, 3), flat, flat), torch.ones(1, 3), camera, fixed(1), 0.5)


def lighted(out: RenderOut, background: Tensor, cameras: Cameras, light: Light, solid: float) -> Tensor:
    """As ``shading.shaded``, on the CPU in float32, for lights that leave colours as they are. solid: opacity from
    which a pixel has a normal."""
    shown = torch.empty_like(out.rgb)
    arrays = (x.detach().contiguous().numpy() for x in (
        out.rgb, out.opacity, out.depth, background, cameras.c2w, cameras.focal_px, light.towards, light.ambient,
        light.gain))
    spread(_light, len(cameras) * cameras.height, GRAIN, *arrays, np.float32(solid), shown.numpy())
    return shown
