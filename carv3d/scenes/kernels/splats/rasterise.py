"""Rasterising 3D Gaussians (Kerbl et al., 2023): what every form computes, its constants, and which form runs.

A Gaussian is projected by the local affine map of EWA splatting (arXiv 2308.04079, eq. 5), J evaluated at a mean that
is clamped to CLAMP times the half field of view; DILATION square pixels are added to the diagonal of its 2D covariance.
``antialias`` multiplies its opacity by sqrt(det / det dilated), which keeps what it covers (Mip-Splatting, arXiv
2311.16493, eq. 9, as in gsplat's mode "antialiased"). At a pixel its alpha is min(ALPHA_MOST, opacity exp(-sigma)); it
is skipped below ALPHA_LEAST; a pixel ends before the Gaussian, in order of depth, that would bring its transmittance to
THROUGH_LEAST or less. These are the rules and constants of gsplat 1.5, so that its images and gradients are ours.
"""

from __future__ import annotations

from carv3d.cameras import Cameras
from carv3d.scenes.kernels.splats.rules import Raster
from carv3d.scenes.splats import Splats


def rasterise(splats: Splats, cameras: Cameras, *, backend: str, antialias: bool) -> Raster:
    """Draw the Gaussians from each camera. backend: torch (any device and float type), numba (CPU, float32) or gsplat
    (CUDA, float32). Differentiable to the five tensors of ``splats``, once; not to the cameras."""
    if backend == "torch":
        from carv3d.scenes.kernels.splats.reference import rasterise_torch as run
    elif backend == "numba":
        from carv3d.scenes.kernels.splats.compiled import rasterise_numba as run
    elif backend == "gsplat":
        from carv3d.scenes.kernels.splats.cuda import rasterise_gsplat as run
    else:
        raise ValueError(f"backend must be torch, numba or gsplat, got {backend!r}")
    return run(splats, cameras, antialias)


