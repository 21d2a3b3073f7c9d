"""A triangle mesh as the cameras of a scene see it, unlit: a rasteriser with a depth buffer."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from carv3d.cameras import Cameras
from carv3d.runtime.kernel_threads import CACHED, spread

from numba import njit  # isort: skip  (after the kernels' package, which says where compiled code is kept)

_NEAR = 1e-3  # world units, before the camera; faces that reach nearer are left out


def raster(vertices: np.ndarray, faces: np.ndarray, colours: np.ndarray, cameras: Cameras, background: float) -> Tensor:
    """Views of a mesh: [B,H,W,3] float32 in [0,1], the colours of the nearest face, perspective-correct.

    vertices: [V,3], world units. faces: [F,3]; both of their sides are seen. colours: [V,3] in [0,1]. One sample a
    pixel, at its centre.
    """
    out = np.full((len(cameras), cameras.height, cameras.width, 3), background, np.float32)
    c2w, focal = cameras.c2w.cpu().double().numpy(), cameras.focal_px.cpu().double().numpy()
    mesh = vertices.astype(np.float64), faces.astype(np.int64), colours.astype(np.float64)
    spread(_views, len(out), 1, *mesh, c2w, focal, out)
    return torch.from_numpy(out)


@njit(nogil=True, cache=CACHED, error_model="numpy")
def _views(begin, end, vertices, faces, colours, c2w, focal, out) -> None:
    _, height, width, _ = out.shape
    at = np.empty((len(vertices), 3))  # column, row, 1 / depth
    for b in range(begin, end):
        for i in range(len(vertices)):
            x, y, z = vertices[i, 0] - c2w[b, 0, 3], vertices[i, 1] - c2w[b, 1, 3], vertices[i, 2] - c2w[b, 2, 3]
            ahead = -(c2w[b, 0, 2] * x + c2w[b, 1, 2] * y + c2w[b, 2, 2] * z)
            at[i, 2] = 1.0 / ahead if ahead > _NEAR else 0.0
            at[i, 0] = width / 2 + focal[b] * (c2w[b, 0, 0] * x + c2w[b, 1, 0] * y + c2w[b, 2, 0] * z) * at[i, 2]
            at[i, 1] = height / 2 - focal[b] * (c2w[b, 0, 1] * x + c2w[b, 1, 1] * y + c2w[b, 2, 1] * z) * at[i, 2]
        nearest = np.zeros((height, width))
        for f in range(len(faces)):
            _face(faces[f], at, colours, nearest, out[b])


@njit(cache=CACHED, error_model="numpy")
def _face(face, at, colours, nearest, image) -> None:
    """One face into an image. nearest: 1 / depth of what each pixel shows so far, 0 for nothing."""
    a, b, c = at[face[0]], at[face[1]], at[face[2]]
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    if area == 0.0 or min(a[2], b[2], c[2]) <= 0.0:
        return
    top, bottom = min(a[1], b[1], c[1]) - 0.5, max(a[1], b[1], c[1]) - 0.5
    left, right = min(a[0], b[0], c[0]) - 0.5, max(a[0], b[0], c[0]) - 0.5
    for row in range(max(0, math.ceil(top)), min(image.shape[0] - 1, math.floor(bottom)) + 1):
        for column in range(max(0, math.ceil(left)), min(image.shape[1] - 1, math.floor(right)) + 1):
            x, y = column + 0.5, row + 0.5
            wa = ((b[0] - x) * (c[1] - y) - (b[1] - y) * (c[0] - x)) / area
            wb = ((c[0] - x) * (a[1] - y) - (c[1] - y) * (a[0] - x)) / area
            wc = 1.0 - wa - wb
            if wa < -1e-9 or wb < -1e-9 or wc < -1e-9:
                continue
            inverse = wa * a[2] + wb * b[2] + wc * c[2]  # linear over the image, as nothing else is
            if inverse <= nearest[row, column]:
                continue
            nearest[row, column] = inverse
            for k in range(3):
                image[row, column, k] = (wa * a[2] * colours[face[0], k] + wb * b[2] * colours[face[1], k]
                                         + wc * c[2] * colours[face[2], k]) / inverse
