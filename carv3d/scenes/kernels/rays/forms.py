"""Which function a backend's name stands for. What takes a package is imported only where it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from carv3d.scenes.kernels.rays.marching import Grid, Rays, Samples, march_numba, march_torch
from carv3d.scenes.kernels.rays.volume import render_nerfacc, render_numba, render_torch


def marcher(backend: str) -> Callable[[Rays, Grid], Samples]:
    """march_torch or the form of another backend, imported only here where that takes a package."""
    if backend == "triton":
        from carv3d.scenes.kernels.rays.triton_march import march_triton

        return march_triton
    return march_numba if backend == "numba" else march_torch


def renderer(backend: str) -> Callable[[Tensor, Tensor, Samples], tuple[Tensor, Tensor, Tensor]]:
    """render_torch or the form of another backend, imported only here where that takes a package."""
    if backend == "triton":
        from carv3d.scenes.kernels.rays.triton_volume import render_triton

        return render_triton
    return {"torch": render_torch, "numba": render_numba, "nerfacc": render_nerfacc}[backend]
