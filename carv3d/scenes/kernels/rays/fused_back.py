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
from carv3d.scenes.kernels.rays.fused import LANES, RAW_MOST, Field, _run, matmul
from carv3d.scenes.kernels.rays.hash_grid import corners
from carv3d.scenes.kernels.rays.marching import Grid, Rays, Samples
from carv3d.scenes.kernels.rays.rows import FEATURES, scatter

OPAQUE = np.float32(np.exp(RAW_MOST) * 0.999999)  # from here on the log density is cut and has no gradient


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _outer(grad, x, rows, columns, total):
    """total[j, i] += sum_lane grad[j, lane] x[i, lane], two rows and four columns at a time."""
    for j in range(0, rows, 2):
        for i in range(0, columns, 4):
            a = b = c = d = np.float32(0)
            e = f = g = h = np.float32(0)
            for lane in range(LANES):
                u, v = grad[j, lane], grad[j + 1, lane]
                p, q, r, s = x[i, lane], x[i + 1, lane], x[i + 2, lane], x[i + 3, lane]
                a, b, c, d = a + u * p, b + u * q, c + u * r, d + u * s
                e, f, g, h = e + v * p, f + v * q, g + v * r, h + v * s
            total[j, i] += a
            total[j, i + 1] += b
            total[j, i + 2] += c
            total[j, i + 3] += d
            total[j + 1, i] += e
            total[j + 1, i + 1] += f
            total[j + 1, i + 2] += g
            total[j + 1, i + 3] += h


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _raw_gradient(values, places, lanes, first, grad, density_grad, step, beta, behind, raw):
    """raw: [4,LANES], the gradient of a tile's log density (or depth) and colours before the sigmoid.

    d/d sigma_i = step (T_{i+1} G_i - sum_{j>i} w_j G_j), where G_j is the gradient of w_j; behind [R] holds that sum.
    density_grad: of the densities themselves, as in ``_back``.
    """
    one = np.float32(1)
    for n in range(lanes):
        r, sigma, w = places[n, 0], values[n, 0], values[n, 4]
        g = grad[r, 3] + grad[r, 4] * values[n, 6]
        for c in range(3):
            g += grad[r, c] * values[n, 1 + c]
        d = step * (values[n, 5] * g - behind[r])
        behind[r] += w * g
        if density_grad.shape[0] > 0:
            d += density_grad[first[r] + places[n, 1]]
        if beta > 0:
            raw[0, n] = d * min(sigma * beta, one - sigma * beta) / (beta * beta)
        else:
            raw[0, n] = d * sigma if sigma < OPAQUE else np.float32(0)
        for c in range(3):
            colour = values[n, 1 + c]
            raw[1 + c, n] = w * grad[r, c] * colour * (one - colour)


@njit(nogil=True, cache=CACHED)
def _along_rays(features, values, places, used, first, ray, density, middle, points):
    """A piece's samples, from the order of evaluation into that along the rays: those of ray r from first[r] on."""
    for tile in range(values.shape[0]):
        for n in range(used[tile, 0, 0]):
            i = first[places[tile, n, 0]] + places[tile, n, 1]
            ray[i], density[i], middle[i] = places[tile, n, 0], values[tile, n, 0], values[tile, n, 6]
            for axis in range(3):
                points[i, axis] = values[tile, n, 7 + axis]


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _back(
    features, values, places, used, first, grad, density_grad, step, beta, weights, transposed, behind, features_grad,
    weight_grads,
):
    """A piece's way back, from its last tile to its first. features_grad: [T,width,LANES]. weight_grads: [layers,w,w],
    zeros, the piece's own. density_grad: of the samples in order along the rays, [N] or [0]; first: as in Samples."""
    layers, width, inputs = len(weights), weight_grads.shape[1], features.shape[1]
    hidden = np.empty((layers, width, LANES), np.float32)
    a, b = np.empty((width, LANES), np.float32), np.empty((width, LANES), np.float32)
    for tile in range(values.shape[0] - 1, -1, -1):
        for i in range(inputs):
            for lane in range(LANES):
                hidden[0, i, lane] = features[tile, i, lane]
        for layer in range(layers - 1):
            matmul(weights[layer], hidden[layer], hidden[layer + 1], True)
        a[:4, used[tile, 0, 0]:] = 0
        _raw_gradient(values[tile], places[tile], used[tile, 0, 0], first, grad, density_grad, step, beta, behind, a)
        for layer in range(layers - 1, -1, -1):
            wide, narrow = weights[layer].shape
            _outer(a, hidden[layer], wide, narrow, weight_grads[layer])
            if layer > 0:
                matmul(transposed[layer], a, b, False)
                for j in range(narrow):
                    for lane in range(LANES):
                        b[j, lane] = b[j, lane] if hidden[layer, j, lane] > 0 else np.float32(0)
                a, b = b, a
            else:
                matmul(transposed[0], a, features_grad[tile], False)


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _scatter_tiles(begin, end, values, used, features_grad, bound, resolution, row, table_grad):
    """As hash_grid._scatter, from a piece's tiles: a level's rows belong to one thread and its points come in order."""
    half = np.float32(0.5)
    for level in range(begin, end):
        res, f = resolution[level], FEATURES * level
        scale = np.float32(res) * half / bound
        for tile in range(values.shape[0]):
            for n in range(used[tile, 0, 0]):
                rows, weight = corners(
                    (values[tile, n, 7] + bound) * scale, (values[tile, n, 8] + bound) * scale,
                    (values[tile, n, 9] + bound) * scale, res, row[level], row[level + 1] - row[level],
                )
                scatter(table_grad, rows, weight, (
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
        ctx.pieces, ctx.field, ctx.step, ctx.first, ctx.rays = pieces, field, np.float32(grid.step), first, len(rays)
        ctx.save_for_backward(*parameters)
        ctx.mark_non_differentiable(ray, middle, points, first)
        ctx.set_materialize_grads(False)
        return out, density, ray, middle, points, first

    @staticmethod
    def backward(ctx, grad: Tensor | None, density_grad: Tensor | None, *nothing: None) -> tuple[Tensor | None, ...]:
        pieces, field = ctx.pieces, ctx.field
        of_rays = np.zeros((ctx.rays, 5), np.float32) if grad is None else grad.contiguous().numpy()
        own = np.empty(0, np.float32) if density_grad is None else density_grad.contiguous().numpy()
        table, *weights = ctx.saved_tensors
        matrices = tuple(weight.contiguous().numpy() for weight in weights)
        transposed = tuple(np.ascontiguousarray(matrix.T) for matrix in matrices)
        width = max(4, *(max(weight.shape) for weight in matrices))
        weight_grads = np.zeros((len(pieces), len(matrices), width, width), np.float32)
        features_grads = [np.empty_like(features) for features, *_ in pieces]
        behind, table_grad = np.zeros(ctx.rays, np.float32), torch.zeros_like(table)

        def back(begin: int, end: int) -> None:
            for index in range(begin, end):
                _back(*pieces[index], ctx.first.numpy(), of_rays, own, ctx.step, np.float32(field.beta), matrices,
                      transposed, behind, features_grads[index], weight_grads[index])

        def scatter(begin: int, end: int, *grid: np.ndarray) -> None:
            for (_, values, _, used), of_features in zip(pieces, features_grads):
                _scatter_tiles(begin, end, values, used, of_features, *grid)

        spread(back, len(pieces), 1)
        spread(scatter, len(field.resolution), 1, np.float32(field.bound), field.resolution, field.row,
               table_grad.numpy())
        summed = torch.from_numpy(weight_grads.sum(0))
        return None, None, None, None, table_grad, *(
            summed[layer, :weight.shape[0], :weight.shape[1]] for layer, weight in enumerate(weights))
