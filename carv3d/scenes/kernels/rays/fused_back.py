"""The fused render of ``fused`` with gradients: its record of tiles, walked from the end.

Within a ray the order of evaluation is the ray's own, so that this walk meets each ray's samples from behind, and what
lies behind an opaque sample gets a gradient of exactly 0. Each tile goes back through compositing and the MLP, whose
hidden layers are computed again, at once; then the hash grid's table is summed level by level.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from torch import Tensor

from carv3d.runtime.kernel_threads import CACHED, FAST, spread
from carv3d.scenes.kernels.rays.fused import BEHIND, DISTANCE, POINT, RAW_MOST, WEIGHT, Field, _run
from carv3d.scenes.kernels.rays.hash_grid import column, corners
from carv3d.scenes.kernels.rays.marching import Grid, Rays, Samples
from carv3d.scenes.kernels.rays.products import LANES, matmul, outer
from carv3d.scenes.kernels.rays.rows import FEATURES, scatter

OPAQUE = np.float32(np.exp(RAW_MOST) * 0.999999)  # from here on the log density is cut and has no gradient


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _raw_gradient(values, places, lanes, first, grad, density_grad, step, beta, behind, raw):
    """raw: [4,LANES], the gradient of a tile's log density (or depth) and colours before the sigmoid.

    d/d sigma_i = step (T_{i+1} G_i - sum_{j>i} w_j G_j), where G_j is the gradient of w_j; behind [R] holds that sum.
    density_grad: of the densities themselves, as in ``_back``.
    """
    one = np.float32(1)
    for n in range(lanes):
        r, sigma, w = places[0, n], values[0, n], values[WEIGHT, n]
        g = grad[r, 3] + grad[r, 4] * values[DISTANCE, n]
        for c in range(3):
            g += grad[r, c] * values[1 + c, n]
        d = step * (values[BEHIND, n] * g - behind[r])
        behind[r] += w * g
        if density_grad.shape[0] > 0:
            d += density_grad[first[r] + places[1, n]]
        if beta > 0:
            raw[0, n] = d * min(sigma * beta, one - sigma * beta) / (beta * beta)
        else:
            raw[0, n] = d * sigma if sigma < OPAQUE else np.float32(0)
        for c in range(3):
            colour = values[1 + c, n]
            raw[1 + c, n] = w * grad[r, c] * colour * (one - colour)


@njit(nogil=True, cache=CACHED)
def _along_rays(features, values, places, used, first, ray, density, middle, points):
    """A piece's samples, from the order of evaluation into that along the rays: those of ray r from first[r] on."""
    for tile in range(values.shape[0]):
        for n in range(used[tile, 0, 0]):
            i = first[places[tile, 0, n]] + places[tile, 1, n]
            ray[i], density[i], middle[i] = places[tile, 0, n], values[tile, 0, n], values[tile, DISTANCE, n]
            for axis in range(3):
                points[i, axis] = values[tile, POINT + axis, n]


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _back(
    features, values, places, used, first, grad, density_grad, step, beta, weights, transposed, behind, weight_grads,
):
    """A piece's way back, from its last tile to its first. A tile's features make room for their gradient, which spares
    the memory's bandwidth. weight_grads: [layers,w,w], zeros, the piece's own. density_grad: of the samples in order
    along the rays, [N] or [0]; first: as in Samples."""
    layers, width = len(weights), weight_grads.shape[1]
    zero, lowest = np.float32(0), np.float32(-np.inf)
    hidden = np.empty((layers, width, LANES), np.float32)  # the first is the features' own place
    a, b = np.empty((width, LANES), np.float32), np.empty((width, LANES), np.float32)
    for tile in range(values.shape[0] - 1, -1, -1):
        for layer in range(layers - 1):
            matmul(weights[layer], features[tile] if layer == 0 else hidden[layer], hidden[layer + 1], zero)
        a[:4, used[tile, 0, 0]:] = 0
        _raw_gradient(values[tile], places[tile], used[tile, 0, 0], first, grad, density_grad, step, beta, behind, a)
        for layer in range(layers - 1, -1, -1):
            wide, narrow = weights[layer].shape
            outer(a, hidden[layer] if layer else features[tile], wide, narrow, weight_grads[layer])
            if layer > 0:
                matmul(transposed[layer], a, b, lowest)
                for j in range(narrow):
                    for lane in range(LANES):
                        b[j, lane] = b[j, lane] if hidden[layer, j, lane] > 0 else zero
                a, b = b, a
            else:
                matmul(transposed[0], a, features[tile], lowest)


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _scatter_tiles(begin, end, values, used, features_grad, bound, resolution, row, table_grad):
    """As hash_grid._scatter, from a piece's tiles: a level's rows belong to one thread and its points come in order."""
    half = np.float32(0.5)
    rows, weights = np.empty((8, LANES), np.int32), np.empty((8, LANES), np.float32)
    for level in range(begin, end):
        res, f = resolution[level], FEATURES * level
        scale = np.float32(res) * half / bound
        for tile in range(values.shape[0]):
            lanes = used[tile, 0, 0]
            corners(values[tile, POINT:], lanes, bound, scale, res, row[level], row[level + 1] - row[level], rows,
                    weights)
            for n in range(lanes):
                scatter(table_grad, column(rows, n), column(weights, n), (
                    features_grad[tile, f, n], features_grad[tile, f + 1, n], features_grad[tile, f + 2, n],
                    features_grad[tile, f + 3, n]))


def render(rays: Rays, grid: Grid, field: Field, threshold: float) -> tuple[Tensor, Tensor, Tensor, Tensor, Samples]:
    """As ``fused.trace``, differentiable to the field's table and weights, and bit-deterministic.

    Returns rgb [R,3], opacity [R,1], depth [R,1], and of the N samples that were seen, in order along the rays, the
    density [N], differentiable too, and the samples.
    """
    out, density, ray, middle, points, first = _Render.apply(rays, grid, field, threshold, field.table, *field.weights)
    samples = Samples(ray, middle - grid.step / 2, middle + grid.step / 2, points, first)
    return out[:, :3], out[:, 3:4], out[:, 4:5], density, samples


class _Render(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rays: Rays, grid: Grid, field: Field, threshold: float, *parameters: Tensor
                ) -> tuple[Tensor, ...]:
        out, count, pieces = _run(rays, grid, field, threshold, True)
        first = torch.cat([count.new_zeros(1), count.cumsum(0)])
        samples = int(first[-1])
        ray, points = count.new_empty(samples), torch.empty(samples, 3)
        density, middle = torch.empty(samples), torch.empty(samples)

        def sort(begin: int, end: int, *order: np.ndarray) -> None:
            for piece in pieces[begin:end]:
                _along_rays(*piece, *order)

        spread(sort, len(pieces), 1, *(each.numpy() for each in (first, ray, density, middle, points)))
        ctx.given, ctx.pieces, ctx.first = (rays, grid, field, threshold), pieces, first
        ctx.save_for_backward(*parameters)
        ctx.mark_non_differentiable(ray, middle, points, first)
        ctx.set_materialize_grads(False)
        return out, density, ray, middle, points, first

    @staticmethod
    def backward(ctx, grad: Tensor | None, density_grad: Tensor | None, *nothing: None) -> tuple[Tensor | None, ...]:
        rays, grid, field, _ = ctx.given
        pieces, ctx.pieces = ctx.pieces or _run(*ctx.given, True)[2], None  # the way back uses its record up
        of_rays = np.zeros((len(rays), 5), np.float32) if grad is None else grad.contiguous().numpy()
        own = np.empty(0, np.float32) if density_grad is None else density_grad.contiguous().numpy()
        table, *weights = ctx.saved_tensors
        matrices = tuple(weight.contiguous().numpy() for weight in weights)
        transposed = tuple(np.ascontiguousarray(matrix.T) for matrix in matrices)
        width = max(4, *(max(weight.shape) for weight in matrices))
        weight_grads = np.zeros((len(pieces), len(matrices), width, width), np.float32)
        behind, table_grad = np.zeros(len(rays), np.float32), torch.zeros_like(table)

        def back(begin: int, end: int) -> None:
            for index in range(begin, end):
                _back(*pieces[index], ctx.first.numpy(), of_rays, own, np.float32(grid.step), np.float32(field.beta),
                      matrices, transposed, behind, weight_grads[index])

        def scatter(begin: int, end: int, *grid: np.ndarray) -> None:
            for features_grad, values, _, used in pieces:
                _scatter_tiles(begin, end, values, used, features_grad, *grid)

        spread(back, len(pieces), 1)
        spread(scatter, len(field.resolution), 1, np.float32(field.bound), field.resolution, field.row,
               table_grad.numpy())
        summed = torch.from_numpy(weight_grads.sum(0))
        return None, None, None, None, table_grad, *(
            summed[layer, :weight.shape[0], :weight.shape[1]] for layer, weight in enumerate(weights))
