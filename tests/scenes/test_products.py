"""The kernels' small products against NumPy's."""

import numpy as np
import pytest

from carv3d.scenes.kernels.rays.products import LANES, matmul, outer

LEAST = np.float32(-np.inf)


def drawn(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("rows, columns", [(4, 32), (32, 32), (32, 7), (12, 1), (64, 20)])
def test_a_product_is_numpys(rows, columns):
    weight, x = drawn(rows, columns), drawn(columns, LANES)
    wanted, y = weight.astype(np.float64) @ x, np.full((rows + 1, LANES), 7, np.float32)
    matmul(weight, x, y, LEAST)
    bound = 1e-6 * (np.abs(weight).astype(np.float64) @ np.abs(x))
    assert (np.abs(y[:rows] - wanted) <= bound).all() and (y[rows] == 7).all()
    weight[-1, 0] *= 1.0001  # the control: one weight a little off is seen
    assert (np.abs(y[:rows] - weight.astype(np.float64) @ x) > bound).any()
    matmul(drawn(rows, columns), x, y, np.float32(0))
    assert (y[:rows] >= 0).all() and (np.abs(y[:rows] - wanted.clip(0)) <= bound).all()


def test_what_is_no_number_stays_none():
    weight, x, y = drawn(4, 8), drawn(8, LANES), np.empty((4, LANES), np.float32)
    x[3, 5], x[2, 9] = np.nan, np.inf
    matmul(weight, x, y, np.float32(0))
    assert np.isnan(y[:, 5]).all() and not np.isfinite(y[:, 9]).all() and np.isfinite(np.delete(y, (5, 9), 1)).all()


@pytest.mark.parametrize("rows, columns", [(4, 32), (32, 32), (2, 4), (6, 20)])
def test_a_sum_of_outer_products_is_numpys_and_added(rows, columns):
    grad, x, total = drawn(rows, LANES), drawn(columns, LANES, seed=1), np.ones((rows + 2, columns + 4), np.float32)
    outer(grad, x, rows, columns, total)
    wanted, bound = grad.astype(np.float64) @ x.T, 1e-6 * (np.abs(grad).astype(np.float64) @ np.abs(x.T)) + 1e-6
    assert (np.abs(total[:rows, :columns] - 1 - wanted) <= bound).all()
    assert (total[rows:] == 1).all() and (total[:, columns:] == 1).all()
    x[0, 0] += np.float32(0.01)  # the control
    assert (np.abs(total[:rows, :columns] - 1 - grad.astype(np.float64) @ x.T) > bound).any()
