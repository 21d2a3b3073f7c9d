"""Stand-ins for what the CUDA libraries compile: tiny-cuda-nn's module, nerfacc's and gsplat's C functions.

They check what the C++ behind them checks, or would misread without a word (type, shape, device, contiguity; where:
see each), and give the numbers that torch gives. nerfacc's and gsplat's own Python runs above them as it is.
"""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterator
from unittest import mock

import torch
from pretend import Pretended, plain, waits
from torch import Tensor


class CompiledError(RuntimeError):
    """What TORCH_CHECK would have raised, or what a kernel would have misread."""


def require(told: str, *tensors: Tensor | None, dtype: torch.dtype = torch.float32) -> None:
    """On the device, contiguous and of this type: CHECK_INPUT of both libraries, and their data_ptr<T>()."""
    for tensor in tensors:
        if tensor is None:
            continue
        if not tensor.is_cuda:
            raise CompiledError(f"{told} must be a CUDA tensor")
        if not tensor.is_contiguous():
            raise CompiledError(f"{told} must be contiguous")
        if tensor.dtype != dtype:
            raise CompiledError(f"{told}: expected scalar type {dtype} but found {tensor.dtype}")


# ---------------------------------------------------------------------------------------------------------- tinycudann


class Encoding(torch.nn.Module):
    """bindings/torch/tinycudann/modules.py, Encoding: parameters ``params``, float32 or float16; rows are padded to 256
    of which the caller sees its own. Like the original it has no table."""

    def __init__(self, n_input_dims, encoding_config, seed=1337, dtype=None):
        super().__init__()
        if dtype not in (None, torch.float32, torch.float16):
            raise ValueError(f"Encoding only supports fp32 or fp16 precision, but got {dtype}")
        known = {"otype", "n_levels", "n_features_per_level", "log2_hashmap_size", "base_resolution",
                 "per_level_scale", "interpolation", "type", "hash", "stochastic_interpolation",
                 "fixed_point_pos"}  # include/tiny-cuda-nn/encodings/grid.h, create_grid_encoding
        if set(encoding_config) - known or encoding_config["otype"] != "HashGrid":
            raise CompiledError(f"unknown in {encoding_config}")
        if encoding_config.get("n_features_per_level", 2) not in (1, 2, 4, 8):
            raise CompiledError("GridEncoding: n_features_per_level must be 1, 2, 4, or 8.")
        self.n_input_dims, self.encoding_config, self.seed = n_input_dims, encoding_config, seed
        self.dtype = dtype or torch.float16
        self.n_output_dims = encoding_config.get("n_levels", 16) * encoding_config.get("n_features_per_level", 2)
        start = torch.rand(3 * self.n_output_dims, generator=torch.Generator().manual_seed(seed)) * 1e-4
        self.params = torch.nn.Parameter(start.to("cuda"), requires_grad=True)

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_cuda or x.dim() != 2 or x.shape[1] != self.n_input_dims:
            raise CompiledError(f"input must be a CUDA tensor [N,{self.n_input_dims}]")
        mix = self.params.view(self.n_input_dims, -1)
        return (x.to(torch.float).contiguous() @ mix).to(self.dtype)


# -------------------------------------------------------------------------------------------------------------- nerfacc


def exclusive_sum(starts: Tensor, counts: Tensor, values: Tensor, normalize: bool, backward: bool) -> Tensor:
    """nerfacc/cuda/csrc/scan.cu, exclusive_sum."""
    require("chunks", starts, counts, dtype=torch.int64)
    require("inputs", values)
    if {starts.dim(), counts.dim(), values.dim()} != {1} or len(starts) != len(counts):
        raise CompiledError("chunk_starts, chunk_cnts and inputs must be vectors, the first two of one length")
    own, ray = plain(values).double(), torch.repeat_interleave(plain(counts))
    if len(ray) != len(own) or not torch.equal(plain(starts), plain(counts).cumsum(0) - plain(counts)):
        raise CompiledError("chunks that do not follow each other are not stood in for")
    until = own.cumsum(0)
    before = torch.cat([until.new_zeros(1), until])
    first, last = before[plain(starts)], before[plain(starts) + plain(counts)]
    return Pretended((last[ray] - until if backward else until - own - first[ray]).float())


# --------------------------------------------------------------------------------------------------------------- gsplat


class Gsplat:
    """gsplat/cuda/csrc of 1.5.3: what ``rasterization`` calls unpacked, for pinhole cameras. The numbers are those of
    gsplat's own reference in torch, and the way back is autograd's through it."""

    class CameraModelType:
        PINHOLE = "pinhole"

    @staticmethod
    def quat_scale_to_covar_preci_fwd(quats, scales, compute_covar, compute_preci, triu):
        from gsplat.cuda._torch_impl import _quat_scale_to_covar_preci

        require("quats and scales", quats, scales)
        return _quat_scale_to_covar_preci(quats, scales, compute_covar, compute_preci, triu)

    @staticmethod
    def _projected(means, quats, scales, viewmats, ks, width, height, eps2d, near, far):
        from gsplat.cuda import _torch_impl

        covars, _ = _torch_impl._quat_scale_to_covar_preci(quats, scales, True, False, False)
        return _torch_impl._fully_fused_projection(means, covars, viewmats, ks, width, height, eps2d, near, far,
                                                   calc_compensations=True, camera_model="pinhole")

    @classmethod
    def projection_ewa_3dgs_fused_fwd(cls, means, covars, quats, scales, opacities, viewmats, ks, width, height, eps2d,
                                      near, far, clip, calc_compensations, camera_model):
        require("projection", means, quats, scales, opacities, viewmats, ks)
        count, views = means.shape[0], viewmats.shape[0]
        for tensor, shape in ((means, (count, 3)), (quats, (count, 4)), (scales, (count, 3)), (ks, (views, 3, 3)),
                              (viewmats, (views, 4, 4))):
            if tuple(tensor.shape) != shape:
                raise CompiledError(f"projection takes {shape}, got {tuple(tensor.shape)}")
        with torch.no_grad():
            radii, *rest = cls._projected(means, quats, scales, viewmats, ks, width, height, eps2d, near, far)
        return (radii.to(torch.int32), *rest)

    @classmethod
    def projection_ewa_3dgs_fused_bwd(cls, means, covars, quats, scales, viewmats, ks, width, height, eps2d,
                                      camera_model, radii, conics, compensations, v_means2d, v_depths, v_conics,
                                      v_compensations, viewmats_requires_grad):
        require("projection's way back", v_means2d, v_depths, v_conics, v_compensations)
        with torch.enable_grad():
            leaves = [leaf.detach().requires_grad_() for leaf in (means, quats, scales)]
            _, means2d, depths, conics, filled = cls._projected(*leaves, viewmats, ks, width, height, eps2d, 0.01, 1e10)
            seen = (radii > 0).all(-1)
            pairs = [(means2d, v_means2d), (depths, v_depths), (conics, v_conics)]
            if v_compensations is not None:
                pairs.append((filled, v_compensations))
            total = sum((torch.where(seen.view(*seen.shape, *[1] * (x.dim() - 2)), x, 0) * v).sum() for x, v in pairs)
        v_means, v_quats, v_scales = torch.autograd.grad(total, leaves)
        return v_means, None, v_quats, v_scales, None

    @staticmethod
    def spherical_harmonics_fwd(degree, dirs, coeffs, masks):
        from gsplat.cuda._torch_impl import _spherical_harmonics

        require("harmonics", dirs, coeffs)
        with torch.no_grad():
            return _spherical_harmonics(degree, dirs, coeffs)

    @staticmethod
    def spherical_harmonics_bwd(bases, degree, dirs, coeffs, masks, v_colors, compute_v_dirs):
        from gsplat.cuda._torch_impl import _spherical_harmonics

        require("harmonics' way back", v_colors)
        with torch.enable_grad():
            leaves = [coeffs.detach().requires_grad_(), dirs.detach().requires_grad_()]
            colours = _spherical_harmonics(degree, leaves[1], leaves[0])
        v_coeffs, v_dirs = torch.autograd.grad(colours, leaves, v_colors, allow_unused=True)
        return v_coeffs, torch.zeros_like(dirs) if v_dirs is None else v_dirs

    @staticmethod
    def intersect_tile(means2d, radii, depths, image_ids, gaussian_ids, images, tile_size, tile_width, tile_height,
                       sort, segmented):
        require("intersections", means2d, depths)
        require("radii", radii, dtype=torch.int32)
        low = ((means2d - radii) / tile_size).floor()
        high = ((means2d + radii) / tile_size).ceil()
        found, keys = [], []
        per_gauss = torch.zeros_like(radii[..., 0])
        for tile in range(images * tile_width * tile_height):
            image, y, x = tile // (tile_width * tile_height), tile // tile_width % tile_height, tile % tile_width
            at = means2d.new_tensor([x, y])
            touched = ((low[image] <= at) & (high[image] > at) & (radii[image] > 0)).all(-1)
            own = touched.nonzero()[:, 0]
            own = own[depths[image, own].argsort(stable=True)]
            per_gauss[image] += touched.to(torch.int32)
            found.append(own + image * means2d.shape[1])
            keys.append(torch.full_like(own, tile))
        return per_gauss, torch.cat(keys), torch.cat(found).to(torch.int32)

    @staticmethod
    def intersect_offset(isect_ids, images, tile_width, tile_height):
        require("isect_ids", isect_ids, dtype=torch.int64)
        tiles = torch.arange(images * tile_width * tile_height, device=isect_ids.device)
        return torch.searchsorted(isect_ids, tiles).to(torch.int32).view(images, tile_height, tile_width)

    @staticmethod
    def _blended(means2d, conics, colors, opacities, backgrounds, width, height, tile_size, offsets, flatten_ids):
        from carv3d.scenes.kernels.splats.reference import composite

        views, channels = means2d.shape[0], colors.shape[-1]
        first = [*offsets.flatten().tolist(), len(flatten_ids)]
        image = means2d.new_zeros(views, height, width, channels + 1)
        given = [part.flatten(0, 1) for part in (means2d, conics, opacities, colors)]
        for tile in range(len(first) - 1):
            view, y, x = tile // offsets[0].numel(), tile // offsets.shape[2] % offsets.shape[1], tile % offsets.shape[2]
            own = flatten_ids[first[tile]:first[tile + 1]].long()
            mean, conic, opacity, colour = (part[own] for part in given)
            rows = torch.arange(y * tile_size, min((y + 1) * tile_size, height), device=means2d.device)
            columns = torch.arange(x * tile_size, min((x + 1) * tile_size, width), device=means2d.device)
            centres = torch.stack(torch.meshgrid(rows + 0.5, columns + 0.5, indexing="ij"), -1).flip(-1)
            values = torch.cat([colour, torch.ones_like(opacity)[:, None]], -1)
            part = composite(centres.flatten(0, 1), mean, conic, opacity, values)
            image[view, rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1] = part.view(len(rows), len(columns), -1)
        return image[..., :-1].contiguous(), image[..., -1:].contiguous()

    @classmethod
    def rasterize_to_pixels_3dgs_fwd(cls, means2d, conics, colors, opacities, backgrounds, masks, width, height,
                                     tile_size, offsets, flatten_ids):
        require("rasterisation", means2d, conics, colors, opacities, backgrounds)
        require("tiles", offsets, flatten_ids, dtype=torch.int32)
        with torch.no_grad():
            colour, alpha = cls._blended(means2d, conics, colors, opacities, backgrounds, width, height, tile_size,
                                         offsets, flatten_ids)
        return colour, alpha, torch.zeros_like(alpha[..., 0], dtype=torch.int32)

    @classmethod
    def rasterize_to_pixels_3dgs_bwd(cls, means2d, conics, colors, opacities, backgrounds, masks, width, height,
                                     tile_size, offsets, flatten_ids, alphas, last_ids, v_colors, v_alphas, absgrad):
        require("rasterisation's way back", v_colors, v_alphas)
        with torch.enable_grad():
            leaves = [leaf.detach().requires_grad_() for leaf in (means2d, conics, colors, opacities)]
            colour, alpha = cls._blended(*leaves, backgrounds, width, height, tile_size, offsets, flatten_ids)
            total = (colour * v_colors).sum() + (alpha * v_alphas).sum()
        v_means2d, v_conics, v_colors, v_opacities = torch.autograd.grad(total, leaves)
        return v_means2d.abs(), v_means2d, v_conics, v_colors, v_opacities


# ------------------------------------------------------------------------------------------------------- all of them on


def _compiled(function):
    """It has waits of its own, of which the compiled one has none."""
    def call(*args, **kwargs):
        with waits.none():
            return function(*args, **kwargs)

    return call


def _nothing(name: str):
    def call(*args, **kwargs):
        raise CompiledError(f"{name} has no stand-in")

    return call


@contextlib.contextmanager
def libraries() -> Iterator[None]:
    """Within this they can be imported and work, whether or not they are installed; gsplat needs its Python."""
    tinycudann = types.ModuleType("tinycudann")
    tinycudann.Encoding = Encoding
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(sys.modules, {"tinycudann": tinycudann}))
        import nerfacc.cuda

        for name in [name for name, value in vars(nerfacc.cuda).items() if callable(value) and name[0] != "_"]:
            own = _compiled(exclusive_sum) if name == "exclusive_sum" else _nothing(f"nerfacc.cuda.{name}")
            stack.enter_context(mock.patch.object(nerfacc.cuda, name, own))
        try:
            import gsplat.cuda._wrapper as wrapper
        except ImportError:
            stack.enter_context(mock.patch.dict(sys.modules, {"gsplat": None}))
        else:
            stack.enter_context(mock.patch.object(
                wrapper, "_make_lazy_cuda_func", lambda name: _compiled(getattr(Gsplat, name, _nothing(name)))))
            stack.enter_context(mock.patch.object(
                wrapper, "_make_lazy_cuda_obj", lambda name: getattr(Gsplat.CameraModelType, name.split(".")[-1])))
        yield
