"""Real spherical harmonics in the order and signs of 3DGS files, and what a rotation of the scene does to them."""

from __future__ import annotations

import math

import numpy as np


def basis(directions: np.ndarray, degree: int) -> np.ndarray:
    """Unit directions [N,3] -> [N,(degree+1)^2], degree up to 3 (Sloan 2008, appendix A2, with 3DGS's signs)."""
    x, y, z = np.moveaxis(np.asarray(directions, dtype=np.float64), -1, 0)
    pi = math.pi
    columns = [np.full_like(x, math.sqrt(1 / (4 * pi)))]
    if degree >= 1:
        columns += [math.sqrt(3 / (4 * pi)) * column for column in (-y, z, -x)]
    if degree >= 2:
        c = math.sqrt(15 / (4 * pi))
        columns += [c * x * y, -c * y * z, math.sqrt(5 / (16 * pi)) * (2 * z * z - x * x - y * y), -c * x * z,
                    c / 2 * (x * x - y * y)]
    if degree >= 3:
        a, b, c = math.sqrt(35 / (32 * pi)), math.sqrt(105 / (4 * pi)), math.sqrt(21 / (32 * pi))
        columns += [-a * y * (3 * x * x - y * y), b * x * y * z, -c * y * (4 * z * z - x * x - y * y),
                    math.sqrt(7 / (16 * pi)) * z * (2 * z * z - 3 * x * x - 3 * y * y),
                    -c * x * (4 * z * z - x * x - y * y), b / 2 * z * (x * x - y * y),
                    -a * x * (x * x - 3 * y * y)]
    return np.stack(columns, -1)


def rotated(sh: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Coefficients [N,(degree+1)^2,C] of the scene turned by ``rotation`` [3,3]: the new colour towards R d is the old
    one towards d.

    Each degree's harmonics span a space that rotations map to itself, so that Y(R^T d) = A Y(d) with a matrix A that
    far more directions than unknowns give to rounding.
    """
    degree = math.isqrt(sh.shape[1]) - 1
    directions = np.random.default_rng(0).normal(size=(64, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    here, there = basis(directions, degree), basis(directions @ rotation, degree)
    out = np.empty(sh.shape, dtype=np.float64)
    for level in range(degree + 1):
        part = slice(level**2, (level + 1) ** 2)
        transposed = np.linalg.lstsq(here[:, part], there[:, part], rcond=None)[0]  # A^T
        out[:, part] = np.einsum("ij,njc->nic", transposed, sh[:, part])
    return out.astype(sh.dtype)


def quaternion(rotation: np.ndarray) -> np.ndarray:
    """A rotation [3,3] as a unit quaternion wxyz (Shepperd 1978: the largest of the four is found first)."""
    m = rotation
    squares = np.array([m[0, 0] + m[1, 1] + m[2, 2], *(2 * m[i, i] - m[0, 0] - m[1, 1] - m[2, 2] for i in range(3))])
    largest = int(squares.argmax())
    matrix = np.array([
        [1 + squares[0], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
        [m[2, 1] - m[1, 2], 1 + squares[1], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]],
        [m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], 1 + squares[2], m[1, 2] + m[2, 1]],
        [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], 1 + squares[3]],
    ])
    return matrix[largest] / np.linalg.norm(matrix[largest])


def product(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The quaternion product p q of [4] and [N,4], wxyz: q's rotation first."""
    w, x, y, z = p
    left = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
    return q @ left.T
