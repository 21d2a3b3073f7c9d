"""e^x in float32 as plain arithmetic, so that LLVM turns a loop over it into vectors; else it calls a library for each
number."""

from __future__ import annotations

import numpy as np
from numba import njit

from carv3d.runtime.kernel_threads import CACHED


@njit(nogil=True, cache=CACHED)  # not inlined by Numba, and no fastmath: the remainder is taken in two parts
def exp(x):
    """e^x to 2e-7 of it, x cut at -87 and 87; NaN stays NaN. Cephes' polynomial, times 2^n made of its bits.

    n is x / ln 2 rounded by ``floor``: callers in fastmath take ``(y + 1.5 * 2**23) - 1.5 * 2**23`` for y."""
    x = np.float32(-87) if x < np.float32(-87) else x
    x = np.float32(87) if x > np.float32(87) else x
    n = np.floor(x * np.float32(1.4426950408889634) + np.float32(0.5))
    r = x - n * np.float32(0.693359375) - n * np.float32(-2.12194440e-4)
    p = np.float32(1.9875691500e-4) * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = p * r * r + r + np.float32(1)
    return p * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
