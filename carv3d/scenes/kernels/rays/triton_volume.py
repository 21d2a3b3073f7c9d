"""Volume rendering of packed samples as Triton kernels; see ``volume`` for the formulas and shapes."""

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from carv3d.scenes.kernels.rays.marching import Samples

RAYS, CHUNK = 8, 32  # rays of a program, and samples that it takes together of each


@triton.jit
def _thickness(density, start, end, at, seen):
    """Optical thickness of samples, 0 where there are none."""
    length = tl.load(end + at, mask=seen, other=0.0) - tl.load(start + at, mask=seen, other=0.0)
    return tl.load(density + at, mask=seen, other=0.0) * length


@triton.jit(do_not_specialize=["rays"])  # one compilation for all numbers
def _forward(first, density, rgb, start, end, out, through, rays, RAYS: tl.constexpr, CHUNK: tl.constexpr):
    """out: [R,5] = rgb, opacity, depth. through: [N], the transmittance before each sample, for the way back.

    The thickness before a sample is a sum over those before it, each read again at its neighbour's place: taking a
    sample's own thickness off the sum that includes it would lose what lies before an opaque one."""
    r = tl.program_id(0).to(tl.int64) * RAYS + tl.arange(0, RAYS)
    there = r < rays
    low, high = tl.load(first + r, mask=there, other=0), tl.load(first + r + 1, mask=there, other=0)
    column, behind = tl.arange(0, CHUNK)[None, :], tl.zeros([RAYS], tl.float32)
    red, green, blue = tl.zeros([RAYS], tl.float32), tl.zeros([RAYS], tl.float32), tl.zeros([RAYS], tl.float32)
    opacity, depth = tl.zeros([RAYS], tl.float32), tl.zeros([RAYS], tl.float32)
    for begin in range(0, tl.max((high - low).to(tl.int32), 0), CHUNK):
        at = low[:, None] + begin + column
        seen = at < high[:, None]
        before = behind[:, None] + tl.cumsum(_thickness(density, start, end, at - 1, seen & (column > 0)), 1)
        thick = _thickness(density, start, end, at, seen)
        left = tl.exp(-before)
        w = tl.where(seen, left * (1 - tl.exp(-thick)), 0.0)
        tl.store(through + at, left, mask=seen)
        red += tl.sum(w * tl.load(rgb + 3 * at, mask=seen, other=0.0), 1)
        green += tl.sum(w * tl.load(rgb + 3 * at + 1, mask=seen, other=0.0), 1)
        blue += tl.sum(w * tl.load(rgb + 3 * at + 2, mask=seen, other=0.0), 1)
        opacity += tl.sum(w, 1)
        middle = 0.5 * (tl.load(start + at, mask=seen, other=0.0) + tl.load(end + at, mask=seen, other=0.0))
        depth += tl.sum(w * middle, 1)
        behind += tl.sum(thick, 1)
    tl.store(out + 5 * r, red, mask=there)
    tl.store(out + 5 * r + 1, green, mask=there)
    tl.store(out + 5 * r + 2, blue, mask=there)
    tl.store(out + 5 * r + 3, opacity, mask=there)
    tl.store(out + 5 * r + 4, depth, mask=there)


@triton.jit
def _sample(density, rgb, start, end, through, at, seen, red, green, blue, opacity, depth):
    """Weight, transmittance behind, length and gradient of the weight, G, of samples; 0 where there are none."""
    t0, t1 = tl.load(start + at, mask=seen, other=0.0), tl.load(end + at, mask=seen, other=0.0)
    left = tl.load(through + at, mask=seen, other=0.0)
    kept = tl.exp(-tl.load(density + at, mask=seen, other=0.0) * (t1 - t0))
    g = red[:, None] * tl.load(rgb + 3 * at, mask=seen, other=0.0)
    g += green[:, None] * tl.load(rgb + 3 * at + 1, mask=seen, other=0.0)
    g += blue[:, None] * tl.load(rgb + 3 * at + 2, mask=seen, other=0.0)
    g += opacity[:, None] + depth[:, None] * 0.5 * (t0 + t1)
    return left * (1 - kept), left * kept, t1 - t0, g


@triton.jit(do_not_specialize=["rays"])  # one compilation for all numbers
def _backward(first, density, rgb, start, end, through, grad, density_grad, rgb_grad, rays, RAYS: tl.constexpr,
              CHUNK: tl.constexpr):
    """d/d sigma_i = length_i (T_{i+1} G_i - sum_{j>i} w_j G_j), from the last sample of a ray to its first, so that
    what nobody sees gets exactly 0; the sum, as on the way forward, over the neighbours."""
    r = tl.program_id(0).to(tl.int64) * RAYS + tl.arange(0, RAYS)
    there = r < rays
    low, high = tl.load(first + r, mask=there, other=0), tl.load(first + r + 1, mask=there, other=0)
    red = tl.load(grad + 5 * r, mask=there, other=0.0)
    green = tl.load(grad + 5 * r + 1, mask=there, other=0.0)
    blue = tl.load(grad + 5 * r + 2, mask=there, other=0.0)
    opacity = tl.load(grad + 5 * r + 3, mask=there, other=0.0)
    depth = tl.load(grad + 5 * r + 4, mask=there, other=0.0)
    column, behind = tl.arange(0, CHUNK)[None, :], tl.zeros([RAYS], tl.float32)
    for begin in range(0, tl.max((high - low).to(tl.int32), 0), CHUNK):
        at = high[:, None] - 1 - begin - column
        seen = at >= low[:, None]
        w, _, _, g = _sample(density, rgb, start, end, through, at + 1, seen & (column > 0), red, green, blue, opacity,
                             depth)
        after = behind[:, None] + tl.cumsum(w * g, 1)
        w, left, length, g = _sample(density, rgb, start, end, through, at, seen, red, green, blue, opacity, depth)
        tl.store(density_grad + at, length * (left * g - after), mask=seen)
        tl.store(rgb_grad + 3 * at, w * red[:, None], mask=seen)
        tl.store(rgb_grad + 3 * at + 1, w * green[:, None], mask=seen)
        tl.store(rgb_grad + 3 * at + 2, w * blue[:, None], mask=seen)
        behind += tl.sum(tl.where(seen, w * g, 0.0), 1)


class _TritonRender(torch.autograd.Function):
    @staticmethod
    def forward(ctx, density: Tensor, rgb: Tensor, samples: Samples) -> Tensor:
        packed = [x.contiguous() for x in (samples.first, density, rgb, samples.t_start, samples.t_end)]
        rays = len(samples.first) - 1
        out, through = density.new_zeros(rays, 5), torch.empty_like(packed[1])
        if len(density):
            with torch.cuda.device_of(density):
                _forward[(triton.cdiv(rays, RAYS),)](*packed, out, through, rays, RAYS=RAYS, CHUNK=CHUNK)
        ctx.save_for_backward(*packed, through)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        packed, rays = ctx.saved_tensors, len(grad)
        density_grad, rgb_grad = torch.empty_like(packed[1]), torch.empty_like(packed[2])
        if len(density_grad):
            with torch.cuda.device_of(grad):
                _backward[(triton.cdiv(rays, RAYS),)](
                    *packed, grad.contiguous(), density_grad, rgb_grad, rays, RAYS=RAYS, CHUNK=CHUNK)
        return density_grad, rgb_grad, None


def render_triton(density: Tensor, rgb: Tensor, samples: Samples) -> tuple[Tensor, Tensor, Tensor]:
    """As volume.render_torch, on CUDA in float32; differentiable to density and rgb, and bit-deterministic."""
    out = _TritonRender.apply(density, rgb, samples)
    return out[:, :3], out[:, 3:4], out[:, 4:5]
