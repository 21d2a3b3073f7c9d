"""Volume rendering of packed samples (NeRF, arXiv 2003.08934, eq. 3), in four forms that agree; Triton's is in
``triton_volume``.

With T_i the transmittance before sample i and alpha_i = 1 - exp(-sigma_i * length_i), its weight is w_i = T_i alpha_i;
a ray's colour is sum w_i c_i, its opacity sum w_i, its depth sum w_i t_i (not yet divided by the opacity).
"""

from __future__ import annotations

from collections.abc import Callable

import nerfacc
import numpy as np
import torch
from numba import njit
from torch import Tensor

from carv3d.cameras import Marched
from carv3d.runtime.kernel_threads import CACHED, FAST, spread
from carv3d.scenes.kernels.rays.marching import Samples

GRAIN = 512


def padding(samples: Samples | Marched) -> Callable[[Tensor], Tensor]:
    """What makes [R,S,...] of values [N,...], a row per ray, zeros behind its samples; S is the longest row's."""
    count = samples.first.diff()
    longest = int(count.max()) if len(count) else 0
    slot = samples.ray, torch.arange(len(samples.ray), device=samples.ray.device) - samples.first[samples.ray]
    return lambda values: values.new_zeros(len(count), longest, *values.shape[1:]).index_put(slot, values)


def weights(marched: Marched) -> Tensor:
    """[N], how much each sample counts in its ray's colour."""
    padded = padding(marched)
    dense, _, _ = nerfacc.render_weight_from_density(
        padded(marched.t_start), padded(marched.t_end), padded(marched.density))
    return dense[padded(torch.ones_like(marched.t_start)) > 0]


def distortion(marched: Marched) -> Tensor:
    """How far apart the weights of a ray lie, [R], world units: sum w_i w_j |t_i - t_j| + sum w_i^2 length_i / 3
    (Mip-NeRF 360, arXiv 2111.12077, eq. 15), in linear time as the samples are in order."""
    padded = padding(marched)
    start, end = padded(marched.t_start), padded(marched.t_end)
    w, _, _ = nerfacc.render_weight_from_density(start, end, padded(marched.density))
    middle = (start + end) / 2
    before = (w.cumsum(1) - w, (w * middle).cumsum(1) - w * middle)
    return (2 * w * (middle * before[0] - before[1]) + w.square() * (end - start) / 3).sum(1)


def render_torch(density: Tensor, rgb: Tensor, samples: Samples) -> tuple[Tensor, Tensor, Tensor]:
    """The reference, on any device: nerfacc's dense functions over samples padded to the longest ray.

    density: [N]. rgb: [N,3]. Returns rgb [R,3], opacity [R,1] and depth [R,1].
    """
    padded = padding(samples)
    t_start, t_end = padded(samples.t_start), padded(samples.t_end)
    weights, _, _ = nerfacc.render_weight_from_density(t_start, t_end, padded(density))
    middle = (t_start + t_end)[..., None] / 2
    return (
        nerfacc.accumulate_along_rays(weights, padded(rgb)), nerfacc.accumulate_along_rays(weights),
        nerfacc.accumulate_along_rays(weights, middle),
    )


def render_nerfacc(density: Tensor, rgb: Tensor, samples: Samples) -> tuple[Tensor, Tensor, Tensor]:
    """As render_torch, with nerfacc's packed functions, which need CUDA."""
    rays = len(samples.first) - 1
    weights, _, _ = nerfacc.render_weight_from_density(
        samples.t_start, samples.t_end, density, ray_indices=samples.ray, n_rays=rays
    )
    middle = (samples.t_start + samples.t_end)[:, None] / 2

    def accumulate(values: Tensor | None = None) -> Tensor:
        return nerfacc.accumulate_along_rays(weights, values, ray_indices=samples.ray, n_rays=rays)

    return accumulate(rgb), accumulate(), accumulate(middle)


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _forward(begin, end, first, density, rgb, t_start, t_end, out):
    """out: [R,5] = rgb, opacity, depth."""
    for r in range(begin, end):
        through = np.float32(1)
        red = green = blue = opacity = depth = np.float32(0)
        for i in range(first[r], first[r + 1]):
            left = through * np.exp(-density[i] * (t_end[i] - t_start[i]))
            w = through - left
            red, green, blue = red + w * rgb[i, 0], green + w * rgb[i, 1], blue + w * rgb[i, 2]
            opacity, depth = opacity + w, depth + w * np.float32(0.5) * (t_start[i] + t_end[i])
            through = left
        out[r, 0], out[r, 1], out[r, 2], out[r, 3], out[r, 4] = red, green, blue, opacity, depth


@njit(nogil=True, fastmath=FAST, cache=CACHED)
def _backward(begin, end, first, density, rgb, t_start, t_end, grad, density_grad, rgb_grad):
    """d/d sigma_i = length_i (T_{i+1} G_i - sum_{j>i} w_j G_j), where G_j is the gradient of w_j."""
    for r in range(begin, end):
        through = np.float32(1)
        for i in range(first[r], first[r + 1]):  # rgb_grad[:, 0] holds w_i, density_grad T_{i+1} until the way back
            left = through * np.exp(-density[i] * (t_end[i] - t_start[i]))
            rgb_grad[i, 0], density_grad[i] = through - left, left
            through = left
        behind = np.float32(0)
        for i in range(first[r + 1] - 1, first[r] - 1, -1):
            w = rgb_grad[i, 0]
            g = (
                grad[r, 0] * rgb[i, 0] + grad[r, 1] * rgb[i, 1] + grad[r, 2] * rgb[i, 2] + grad[r, 3]
                + grad[r, 4] * np.float32(0.5) * (t_start[i] + t_end[i])
            )
            density_grad[i] = (t_end[i] - t_start[i]) * (density_grad[i] * g - behind)
            behind += w * g
            rgb_grad[i, 0], rgb_grad[i, 1], rgb_grad[i, 2] = w * grad[r, 0], w * grad[r, 1], w * grad[r, 2]


class _NumbaRender(torch.autograd.Function):
    @staticmethod
    def forward(ctx, density: Tensor, rgb: Tensor, samples: Samples) -> Tensor:
        packed = [x.contiguous() for x in (samples.first, density, rgb, samples.t_start, samples.t_end)]
        out = density.new_empty(len(samples.first) - 1, 5)
        spread(_forward, len(out), GRAIN, *(x.numpy() for x in packed), out.numpy())
        ctx.save_for_backward(*packed)
        return out

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        packed = ctx.saved_tensors
        density_grad, rgb_grad = torch.empty_like(packed[1]), torch.empty_like(packed[2])
        arrays = (x.numpy() for x in (*packed, grad.contiguous(), density_grad, rgb_grad))
        spread(_backward, len(grad), GRAIN, *arrays)
        return density_grad, rgb_grad, None


def render_numba(density: Tensor, rgb: Tensor, samples: Samples) -> tuple[Tensor, Tensor, Tensor]:
    """As render_torch, on the CPU in float32; differentiable to density and rgb, and bit-deterministic."""
    out = _NumbaRender.apply(density, rgb, samples)
    return out[:, :3], out[:, 3:4], out[:, 4:5]
