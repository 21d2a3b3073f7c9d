"""Colours of Gaussians from spherical harmonics, and their way back, for use inside compiled kernels.

The basis is that of ``splatting_torch.harmonics``. Scratch arrays are the caller's: to allocate costs more than to sum.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from carv3d.runtime.kernel_threads import CACHED, FAST
from carv3d.scenes.splats import SH_C0

# How the kernels of the Gaussians are compiled. A division checked for zero, as Python's is, never becomes SIMD code.
COMPILED = {"nogil": True, "fastmath": FAST, "error_model": "numpy", "cache": CACHED}
INLINED = {**COMPILED, "inline": "always"}

C0 = np.float32(SH_C0)
C1 = np.float32(math.sqrt(3 / (4 * math.pi)))
C2 = np.float32(math.sqrt(15 / (4 * math.pi)))
C20, C22 = np.float32(C2 / math.sqrt(12)), np.float32(C2 / 2)
C3 = np.float32(math.sqrt(35 / (32 * math.pi)))
C31, C35 = np.float32(math.sqrt(105 / (4 * math.pi))), np.float32(math.sqrt(105 / (16 * math.pi)))
C32, C33 = np.float32(math.sqrt(21 / (32 * math.pi))), np.float32(math.sqrt(7 / (16 * math.pi)))
ONE, TWO, THREE, FIVE, TEN = (np.float32(value) for value in (1, 2, 3, 5, 10))
HALF = np.float32(0.5)


@njit(**COMPILED)
def basis_of(x, y, z, terms, basis):
    """basis[:terms] at the unit vector (x, y, z); terms: 1, 4, 9 or 16."""
    basis[0] = C0
    if terms > 1:
        basis[1], basis[2], basis[3] = -C1 * y, C1 * z, -C1 * x
    if terms > 4:
        basis[4], basis[5], basis[6] = C2 * x * y, -C2 * y * z, C20 * (THREE * z * z - ONE)
        basis[7], basis[8] = -C2 * x * z, C22 * (x * x - y * y)
    if terms > 9:
        basis[9], basis[10] = -C3 * y * (THREE * x * x - y * y), C31 * x * y * z
        basis[11], basis[12] = -C32 * y * (FIVE * z * z - ONE), C33 * z * (FIVE * z * z - THREE)
        basis[13], basis[14] = -C32 * x * (FIVE * z * z - ONE), C35 * z * (x * x - y * y)
        basis[15] = -C3 * x * (x * x - THREE * y * y)


@njit(**COMPILED)
def slope_of(x, y, z, terms, g):
    """The gradient with respect to (x, y, z) from g[:terms], that of the basis."""
    gx, gy, gz = -C1 * g[3], -C1 * g[1], C1 * g[2]
    if terms > 4:
        gx += C2 * (y * g[4] - z * g[7] + x * g[8])
        gy += C2 * (x * g[4] - z * g[5] - y * g[8])
        gz += C2 * (-y * g[5] - x * g[7]) + TWO * THREE * C20 * z * g[6]
    if terms > 9:
        xx, yy, zz, xy, xz, yz = x * x, y * y, z * z, x * y, x * z, y * z
        five = FIVE * zz - ONE
        gx += -C3 * (TWO * THREE * xy * g[9] + THREE * (xx - yy) * g[15]) + C31 * yz * g[10] - C32 * five * g[13]
        gx += C35 * TWO * xz * g[14]
        gy += -C3 * (THREE * (xx - yy) * g[9] - TWO * THREE * xy * g[15]) + C31 * xz * g[10] - C32 * five * g[11]
        gy -= C35 * TWO * yz * g[14]
        gz += C31 * xy * g[10] - C32 * TEN * (yz * g[11] + xz * g[13]) + C33 * THREE * five * g[12]
        gz += C35 * (xx - yy) * g[14]
    return gx, gy, gz


@njit(**COMPILED)
def colour(sh, n, basis):
    """max(0, 0.5 + sum of sh[n] times basis), red, green, blue."""
    red = green = blue = HALF
    for k in range(sh.shape[1]):
        red += basis[k] * sh[n, k, 0]
        green += basis[k] * sh[n, k, 1]
        blue += basis[k] * sh[n, k, 2]
    zero = np.float32(0)
    return max(red, zero), max(green, zero), max(blue, zero)


@njit(**COMPILED)
def colour_back(sh, n, basis, red, green, blue, sh_grad, basis_grad):
    """From the gradient of the colour: add to sh_grad[n], set basis_grad."""
    for k in range(sh.shape[1]):
        sh_grad[n, k, 0] += basis[k] * red
        sh_grad[n, k, 1] += basis[k] * green
        sh_grad[n, k, 2] += basis[k] * blue
        basis_grad[k] = sh[n, k, 0] * red + sh[n, k, 1] * green + sh[n, k, 2] * blue
