"""The density of Gaussians: sum of tau exp(-d^2 / 2), d the distance in standard deviations.

DreamGaussian's field for meshes (arXiv 2309.16653, section 3.2) sums opacities, which have no unit. Here tau =
-log(1 - opacity) / (sqrt(2 pi) s), s the geometric mean of the scales: the density for which a ray through the middle
of a round Gaussian meets its opacity. So it means what a NeRF's does, 1 / world unit. A Gaussian counts wherever it
adds FIELD_LEAST or more.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numba import njit
from torch import Tensor

from carv3d.runtime.kernel_threads import spread
from carv3d.scenes.kernels.splats.harmonics import COMPILED
from carv3d.scenes.kernels.splats.reference import rotations
from carv3d.scenes.splats import SH_C0, Splats

FIELD_LEAST = 1e-2  # 1 / world unit
OPACITY_MOST = 0.999  # as in the images
CELLS = 48  # per axis, over the box of all Gaussians
GRAIN = 1 << 14
CHUNK_PAIRS = 1 << 22
_WIDTH = 17  # of a row: whitening matrix (9), mean (3), tau, largest d^2, rgb


def _table(splats: Splats) -> tuple[Tensor, Tensor]:
    """Rows [N,_WIDTH] and half the sides [N,3] of the box where a Gaussian counts."""
    turn, scale = rotations(splats.quaternions), splats.log_scales.exp()
    depth = -torch.log1p(-splats.opacity_logits.sigmoid().clamp_max(OPACITY_MOST))
    tau = depth / (math.sqrt(2 * math.pi) * splats.log_scales.mean(1).exp())
    most = 2 * (tau / FIELD_LEAST).clamp_min(1).log()
    half = most[:, None].sqrt() * (turn * scale[:, None]).square().sum(-1).sqrt()
    rgb = (0.5 + SH_C0 * splats.sh[:, 0]).clamp_min(0)
    white = (turn / scale[:, None]).mT.flatten(1)
    return torch.cat([white, splats.means, tau[:, None], most[:, None], rgb], -1).contiguous(), half


@torch.no_grad()
def field_torch(points: Tensor, splats: Splats) -> Tensor:
    """The reference, on any device: [P,4] = field, red, green, blue at points [P,3]; colour is the weighted mean of the
    view-independent colours, zero where nothing counts."""
    rows, _ = _table(splats)
    white, mean, tau, most = rows[:, :9].unflatten(-1, (3, 3)), rows[:, 9:12], rows[:, 12], rows[:, 13]
    out = []
    for part in points.to(rows).split(max(CHUNK_PAIRS // max(len(rows), 1), 1)):
        squared = torch.einsum("nij,pnj->pni", white, part[:, None] - mean).square().sum(-1)
        weight = torch.where(squared <= most, tau * (-squared / 2).exp(), 0.0)
        total = weight.sum(-1, keepdim=True)
        out.append(torch.cat([total, weight @ rows[:, 14:] / total.clamp_min(1e-12)], -1))
    return torch.cat(out) if out else points.new_zeros(0, 4)


@njit(**COMPILED)
def _list_cells(low, scale, mean_low, mean_high, first, fill, listed):
    """Gaussians by cell: count into first[cell+1], or write their indices from first[cell] on, which it moves."""
    a, b = np.empty(3, np.int64), np.empty(3, np.int64)
    for n in range(mean_low.shape[0]):
        for k in range(3):
            a[k] = min(max(int((mean_low[n, k] - low[k]) * scale[k]), 0), CELLS - 1)
            b[k] = min(max(int((mean_high[n, k] - low[k]) * scale[k]), 0), CELLS - 1)
        for x in range(a[0], b[0] + 1):
            for y in range(a[1], b[1] + 1):
                for z in range(a[2], b[2] + 1):
                    cell = (x * CELLS + y) * CELLS + z
                    if fill:
                        listed[first[cell]] = n
                        first[cell] += 1
                    else:
                        first[cell + 1] += 1


@njit(**COMPILED)
def _field(begin, end, points, low, scale, first, listed, rows, colour, out):
    zero, half = np.float32(0), np.float32(0.5)
    for i in range(begin, end):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        a, b, c = (x - low[0]) * scale[0], (y - low[1]) * scale[1], (z - low[2]) * scale[2]
        total = red = green = blue = zero
        most = np.float32(CELLS)
        if zero <= a < most and zero <= b < most and zero <= c < most:
            cell = (int(a) * CELLS + int(b)) * CELLS + int(c)
            for j in range(first[cell], first[cell + 1]):
                r = rows[listed[j]]
                dx, dy, dz = x - r[9], y - r[10], z - r[11]
                u = r[0] * dx + r[1] * dy + r[2] * dz
                v = r[3] * dx + r[4] * dy + r[5] * dz
                w = r[6] * dx + r[7] * dy + r[8] * dz
                squared = u * u + v * v + w * w
                if squared <= r[13]:
                    weight = r[12] * np.exp(-half * squared)
                    total += weight
                    if colour:
                        red, green, blue = red + weight * r[14], green + weight * r[15], blue + weight * r[16]
        out[i, 0] = total
        if colour:
            share = np.float32(1) / max(total, np.float32(1e-12))
            out[i, 1], out[i, 2], out[i, 3] = red * share, green * share, blue * share


class Field:
    """The field on the CPU in float32: lists the Gaussians by cell once, then answers for any number of points."""

    @torch.no_grad()
    def __init__(self, splats: Splats) -> None:
        rows, half = _table(splats)
        kept = (rows[:, 12] >= FIELD_LEAST) & rows.isfinite().all(-1) & half.isfinite().all(-1)
        rows, half = rows[kept].contiguous(), half[kept] * (1 + 1e-5) + 1e-7
        lows, highs = rows[:, 9:12] - half, rows[:, 9:12] + half
        low = lows.amin(0) if len(rows) else torch.zeros(3)
        high = highs.amax(0) if len(rows) else torch.ones(3)
        scale = CELLS * (1 - 1e-6) / (high - low)
        self.rows, self.low, self.scale = rows.numpy(), low.numpy(), scale.numpy()
        first = np.zeros(CELLS**3 + 1, np.int64)
        given = self.low, self.scale, lows.contiguous().numpy(), highs.contiguous().numpy()
        _list_cells(*given, first, False, np.empty(0, np.int32))
        np.cumsum(first, out=first)
        self.first, self.listed = first, np.empty(first[-1], np.int32)
        _list_cells(*given, first.copy(), True, self.listed)

    def __call__(self, points: Tensor, colour: bool = True) -> Tensor:
        """[P,4] as ``field_torch``; without colour [P,1]."""
        points = points.detach().float().contiguous()
        out = torch.empty(len(points), 4 if colour else 1)
        spread(_field, len(points), GRAIN, points.numpy(), self.low, self.scale, self.first, self.listed, self.rows,
               colour, out.numpy())
        return out
