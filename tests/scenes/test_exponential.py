"""The kernels' own exponential, where they call it: in loops with the liberties of fastmath."""

import numpy as np
import pytest
from numba import njit

from carv3d.runtime.exponential import exp
from carv3d.runtime.kernel_threads import FAST

# ruff: noqa: N806


@njit
def plain(x, out):
    for i in range(len(x)):
        out[i] = exp(x[i])


@njit(fastmath=FAST)
def fast(x, out):
    for i in range(len(x)):
        out[i] = exp(x[i])


@njit(fastmath=FAST)
def rounding(x, out):  # what must not be relied on there
    for i in range(len(x)):
        out[i] = (x[i] + np.float32(12582912)) - np.float32(12582912)


@pytest.mark.parametrize("loop", [plain, fast], ids=["plain", "fastmath"])
def test_it_is_numpys_to_a_rounding_or_two(loop):
    x = np.concatenate([np.linspace(-87, 87, 300_001), np.linspace(-1, 1, 100_001), [0.0, -0.0]]).astype(np.float32)
    out = np.empty_like(x)
    loop(x, out)
    wanted = np.exp(x.astype(np.float64))
    assert np.abs(out / wanted - 1).max() < 3e-7 and out[-1] == out[-2] == 1
    wrong = np.exp(x.astype(np.float64) * (1 + 1e-6))  # the control: the bound sees an argument that is off a little
    assert np.abs(out / wrong - 1).max() > 3e-7


@pytest.mark.parametrize("loop", [plain, fast], ids=["plain", "fastmath"])
def test_what_is_beyond_is_cut_and_what_is_no_number_stays_none(loop):
    x = np.array([1000, np.inf, -1000, -np.inf, np.nan] * 20, np.float32)
    out = np.empty_like(x)
    loop(x, out)
    assert (out[0::5] == out[1::5]).all() and (out[2::5] == out[3::5]).all() and np.isnan(out[4::5]).all()
    assert 6e37 < out[0] < np.inf and 0 < out[2] < 2e-38
