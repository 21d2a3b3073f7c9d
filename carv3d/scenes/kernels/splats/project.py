"""Gaussians to screen and back again, compiled: the projection of ``splatting_torch.project``, one Gaussian at a time.

What a Gaussian is on a screen is a row of FIELDS numbers. Instead of the conic it holds the triangular factor L of the
inverse covariance, d^T Sigma^-1 d = |L d|^2 with L = ((XX, XY), (0, YY)): in float32 the quadratic form of a needle
loses what |L d|^2 keeps. L and the logarithm of the opacity are scaled so that alpha = 2^(LOG - |L d|^2).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from carv3d.scenes.kernels.splats.harmonics import COMPILED, INLINED, basis_of, colour, colour_back, slope_of
from carv3d.scenes.kernels.splats.rules import ALPHA_LEAST, CLAMP, DILATION, NEAR

X, Y, XX, XY, YY, LOG, RED, GREEN, BLUE, DEPTH, HALF_X, HALF_Y = range(12)
FIELDS = 12
SUMS = 10  # of gradients, per Gaussian and screen: S, Su, Sv, Suu, Suv, Svv of G, then red, green, blue, depth
# A row of cameras: the rotation from world to OpenCV axes, the position, the focal length in pixels.
CAMERA = 13

KAPPA = np.float32(math.sqrt(0.5 * math.log2(math.e)))  # |L d|^2 = KAPPA^2 d^T Sigma^-1 d
LEAST, LOG_LEAST = np.float32(ALPHA_LEAST), np.float32(math.log2(ALPHA_LEAST))
_NEAR, _CLAMP, _DILATION = np.float32(NEAR), np.float32(CLAMP), np.float32(DILATION)
_LARGEST = np.float32(1e30)  # of a determinant: beyond it the factor is no longer finite
ZERO, HALF, ONE, TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
_TINY = np.float32(1e-30)


@njit(**INLINED)
def _rotation(w, x, y, z):
    """The nine entries of a unit quaternion's matrix, row by row."""
    return (
        ONE - TWO * (y * y + z * z), TWO * (x * y - w * z), TWO * (x * z + w * y),
        TWO * (x * y + w * z), ONE - TWO * (x * x + z * z), TWO * (y * z - w * x),
        TWO * (x * z - w * y), TWO * (y * z + w * x), ONE - TWO * (x * x + y * y),
    )


@njit(**INLINED)
def _unit(q, n):
    """Quaternion n over its length, and one over that length."""
    scale = ONE / np.sqrt(max(q[n, 0] ** 2 + q[n, 1] ** 2 + q[n, 2] ** 2 + q[n, 3] ** 2, _TINY))
    return (q[n, 0] * scale, q[n, 1] * scale, q[n, 2] * scale, q[n, 3] * scale), scale


@njit(**INLINED)
def _in_camera(means, n, camera, b):
    """Mean n in OpenCV axes of camera b."""
    x, y, z = means[n, 0] - camera[b, 9], means[n, 1] - camera[b, 10], means[n, 2] - camera[b, 11]
    return (
        camera[b, 0] * x + camera[b, 1] * y + camera[b, 2] * z,
        camera[b, 3] * x + camera[b, 4] * y + camera[b, 5] * z,
        camera[b, 6] * x + camera[b, 7] * y + camera[b, 8] * z,
    )


@njit(**INLINED)
def _turned(camera, b, r):
    """The camera's rotation times the Gaussian's, nine entries."""
    return (
        camera[b, 0] * r[0] + camera[b, 1] * r[3] + camera[b, 2] * r[6],
        camera[b, 0] * r[1] + camera[b, 1] * r[4] + camera[b, 2] * r[7],
        camera[b, 0] * r[2] + camera[b, 1] * r[5] + camera[b, 2] * r[8],
        camera[b, 3] * r[0] + camera[b, 4] * r[3] + camera[b, 5] * r[6],
        camera[b, 3] * r[1] + camera[b, 4] * r[4] + camera[b, 5] * r[7],
        camera[b, 3] * r[2] + camera[b, 4] * r[5] + camera[b, 5] * r[8],
        camera[b, 6] * r[0] + camera[b, 7] * r[3] + camera[b, 8] * r[6],
        camera[b, 6] * r[1] + camera[b, 7] * r[4] + camera[b, 8] * r[7],
        camera[b, 6] * r[2] + camera[b, 7] * r[5] + camera[b, 8] * r[8],
    )


@njit(**INLINED)
def _shadow(q, s, slope_x, slope_y, zoom):
    """M = J W R S, its six entries row by row; q: the rotation in camera axes, s: scales, zoom: focal over depth."""
    a, b, c = zoom * s[0], zoom * s[1], zoom * s[2]
    return (
        a * (q[0] - slope_x * q[6]), b * (q[1] - slope_x * q[7]), c * (q[2] - slope_x * q[8]),
        a * (q[3] - slope_y * q[6]), b * (q[4] - slope_y * q[7]), c * (q[5] - slope_y * q[8]),
    )


@njit(**INLINED)
def _covariance(m):
    """xx, xy, yy of M M^T dilated, the minors of M, the determinants without and with the dilation."""
    xx, xy = m[0] * m[0] + m[1] * m[1] + m[2] * m[2], m[0] * m[3] + m[1] * m[4] + m[2] * m[5]
    yy = m[3] * m[3] + m[4] * m[4] + m[5] * m[5]
    minors = m[0] * m[4] - m[1] * m[3], m[0] * m[5] - m[2] * m[3], m[1] * m[5] - m[2] * m[4]
    plain = minors[0] * minors[0] + minors[1] * minors[1] + minors[2] * minors[2]
    return xx + _DILATION, xy, yy + _DILATION, minors, plain, plain + _DILATION * (xx + yy + _DILATION)


@njit(**COMPILED)
def project(begin, end, means, log_scales, quaternions, logits, sh, camera, width, height, antialias, out, radii):
    """out: [B,N,FIELDS], radii: int32 [B,N], 0 where not seen (and then out means nothing)."""
    basis = np.empty(sh.shape[1], np.float32)
    middle_x, middle_y = HALF * np.float32(width), HALF * np.float32(height)
    for n in range(begin, end):
        unit, _ = _unit(quaternions, n)
        turn = _rotation(unit[0], unit[1], unit[2], unit[3])
        scale = np.exp(log_scales[n, 0]), np.exp(log_scales[n, 1]), np.exp(log_scales[n, 2])
        solid = ONE / (ONE + np.exp(-logits[n]))
        for b in range(camera.shape[0]):
            radii[b, n] = 0
            x, y, z = _in_camera(means, n, camera, b)
            if not z > _NEAR:
                continue
            focal = camera[b, 12]
            limit_x, limit_y = _CLAMP * middle_x / focal, _CLAMP * middle_y / focal
            slope_x, slope_y = min(max(x / z, -limit_x), limit_x), min(max(y / z, -limit_y), limit_y)
            shadow = _shadow(_turned(camera, b, turn), scale, slope_x, slope_y, focal / z)
            xx, xy, yy, _, plain, det = _covariance(shadow)
            opacity = solid * np.sqrt(plain / det) if antialias else solid
            if not (opacity >= LEAST and det < _LARGEST):
                continue
            log = np.log2(opacity)
            reach = np.sqrt(max(log - LOG_LEAST, ZERO)) / KAPPA
            half_x, half_y = reach * np.sqrt(xx), reach * np.sqrt(yy)
            px, py = focal * x / z + middle_x, focal * y / z + middle_y
            if not (px + half_x > ZERO and px - half_x < TWO * middle_x
                    and py + half_y > ZERO and py - half_y < TWO * middle_y):
                continue
            radii[b, n] = np.int32(min(np.ceil(max(half_x, half_y)), np.float32(1e9)))
            row = out[b, n]
            row[X], row[Y], row[LOG], row[DEPTH], row[HALF_X], row[HALF_Y] = px, py, log, z, half_x, half_y
            factor = KAPPA * np.sqrt(yy / det)
            row[XX], row[XY], row[YY] = factor, -xy / yy * factor, KAPPA / np.sqrt(yy)
            if sh.shape[1] > 1:
                dx, dy, dz = means[n, 0] - camera[b, 9], means[n, 1] - camera[b, 10], means[n, 2] - camera[b, 11]
                near = ONE / np.sqrt(max(dx * dx + dy * dy + dz * dz, _TINY))
                basis_of(dx * near, dy * near, dz * near, sh.shape[1], basis)
            else:
                basis_of(ZERO, ZERO, ONE, 1, basis)
            row[RED], row[GREEN], row[BLUE] = colour(sh, n, basis)


@njit(**INLINED)
def _shadow_back(m, row, sums, antialias):
    """The gradient of M, six entries, and of the projected mean, from the sums over pixels."""
    one = ONE / KAPPA
    su, sv, suu, suv, svv = sums[1] * one, sums[2] * one, sums[3] * one * one, sums[4] * one * one, sums[5] * one * one
    l_xx, l_xy, l_yy = row[XX] * one, row[XY] * one, row[YY] * one
    # dLoss/dSigma = L^T (sum of G y y^T) L / 2 with y = L d, as d sigma / d Sigma = -Sigma^-1 d d^T Sigma^-1 / 2
    p_xx, p_xy = l_xx * l_xx * suu, l_xx * (l_xy * suu + l_yy * suv)
    p_yy = l_xy * l_xy * suu + TWO * l_xy * l_yy * suv + l_yy * l_yy * svv
    c01 = c02 = c12 = ZERO
    if antialias:  # the logarithm of sqrt(det / det dilated) has the gradient S
        _, _, _, minors, plain, det = _covariance(m)
        share = sums[0] * (ONE / max(plain, _TINY) - ONE / det)
        c01, c02, c12 = share * minors[0], share * minors[1], share * minors[2]
        dilated = sums[0] * _DILATION / det
        p_xx, p_yy = p_xx - dilated, p_yy - dilated
    grad = (
        p_xx * m[0] + p_xy * m[3] + c01 * m[4] + c02 * m[5],
        p_xx * m[1] + p_xy * m[4] - c01 * m[3] + c12 * m[5],
        p_xx * m[2] + p_xy * m[5] - c02 * m[3] - c12 * m[4],
        p_xy * m[0] + p_yy * m[3] - c01 * m[1] - c02 * m[2],
        p_xy * m[1] + p_yy * m[4] + c01 * m[0] - c12 * m[2],
        p_xy * m[2] + p_yy * m[5] + c02 * m[0] + c12 * m[1],
    )
    return grad, l_xx * su, l_xy * su + l_yy * sv


@njit(**INLINED)
def _quaternion_back(unit, scale, g, out):
    """From g, the gradient of the rotation's nine entries, to out [4], that of the quaternion before normalisation."""
    w, x, y, z = unit
    gw = TWO * (-z * g[1] + y * g[2] + z * g[3] - x * g[5] - y * g[6] + x * g[7])
    gx = TWO * (y * g[1] + z * g[2] + y * g[3] - TWO * x * g[4] - w * g[5] + z * g[6] + w * g[7] - TWO * x * g[8])
    gy = TWO * (-TWO * y * g[0] + x * g[1] + w * g[2] + x * g[3] + z * g[5] - w * g[6] + z * g[7] - TWO * y * g[8])
    gz = TWO * (-TWO * z * g[0] - w * g[1] + x * g[2] + w * g[3] - TWO * z * g[4] + y * g[5] + x * g[6] + y * g[7])
    along = w * gw + x * gx + y * gy + z * gz
    out[0], out[1] = scale * (gw - along * w), scale * (gx - along * x)
    out[2], out[3] = scale * (gy - along * y), scale * (gz - along * z)


@njit(**INLINED)
def _colour_back(means, n, sh, camera, b, rgb, basis, basis_grad, means_grad, sh_grad):
    """Add what the gradient ``rgb`` of the colour means for the harmonics, and for the mean through the direction."""
    terms = sh.shape[1]
    if terms == 1:
        basis_of(ZERO, ZERO, ONE, 1, basis)
        colour_back(sh, n, basis, rgb[0], rgb[1], rgb[2], sh_grad, basis_grad)
    else:
        dx, dy, dz = means[n, 0] - camera[b, 9], means[n, 1] - camera[b, 10], means[n, 2] - camera[b, 11]
        near = ONE / np.sqrt(max(dx * dx + dy * dy + dz * dz, _TINY))
        dx, dy, dz = dx * near, dy * near, dz * near
        basis_of(dx, dy, dz, terms, basis)
        colour_back(sh, n, basis, rgb[0], rgb[1], rgb[2], sh_grad, basis_grad)
        ux, uy, uz = slope_of(dx, dy, dz, terms, basis_grad)
        along = ux * dx + uy * dy + uz * dz
        means_grad[n, 0] += near * (ux - along * dx)
        means_grad[n, 1] += near * (uy - along * dy)
        means_grad[n, 2] += near * (uz - along * dz)


@njit(**COMPILED)
def project_back(
    begin, end, means, log_scales, quaternions, logits, sh, camera, width, height, antialias, rows, radii, sums, screen,
    means_grad, scales_grad, quaternions_grad, logits_grad, sh_grad,
):
    """The gradients of the five parameters, summed over cameras in their order, from rows [B,N,FIELDS] and sums
    [B,N,SUMS]. screen: [B,N,2] takes the gradient of the projected means, or is empty. All start at zero."""
    basis, basis_grad = np.empty(sh.shape[1], np.float32), np.empty(sh.shape[1], np.float32)
    turn_grad = np.empty(9, np.float32)
    middle_x, middle_y = HALF * np.float32(width), HALF * np.float32(height)
    for n in range(begin, end):
        unit, inverse = _unit(quaternions, n)
        turn = _rotation(unit[0], unit[1], unit[2], unit[3])
        scale = np.exp(log_scales[n, 0]), np.exp(log_scales[n, 1]), np.exp(log_scales[n, 2])
        turn_grad[:] = ZERO
        for b in range(camera.shape[0]):
            if radii[b, n] == 0:
                continue
            row, got = rows[b, n], sums[b, n]
            x, y, z = _in_camera(means, n, camera, b)
            focal = camera[b, 12]
            limit_x, limit_y = _CLAMP * middle_x / focal, _CLAMP * middle_y / focal
            free_x, free_y = abs(x / z) <= limit_x, abs(y / z) <= limit_y
            slope_x, slope_y = min(max(x / z, -limit_x), limit_x), min(max(y / z, -limit_y), limit_y)
            q, zoom = _turned(camera, b, turn), focal / z
            m = _shadow(q, scale, slope_x, slope_y, zoom)
            g, gx_screen, gy_screen = _shadow_back(m, row, got, antialias)
            if screen.size:
                screen[b, n, 0], screen[b, n, 1] = gx_screen, gy_screen
            logits_grad[n] += got[0] / (ONE + np.exp(logits[n]))
            # through M = zoom (Q0 - slope_x Q2, Q1 - slope_y Q2) S
            grow = slope_gx = slope_gy = ZERO
            for k in range(3):
                a, c = zoom * scale[k] * g[k], zoom * scale[k] * g[3 + k]
                own = g[k] * m[k] + g[3 + k] * m[3 + k]
                scales_grad[n, k] += own
                grow += own
                slope_gx -= a * q[6 + k]
                slope_gy -= c * q[6 + k]
                e = -slope_x * a - slope_y * c
                for i in range(3):
                    turn_grad[3 * i + k] += camera[b, i] * a + camera[b, 3 + i] * c + camera[b, 6 + i] * e
            gx, gy = zoom * gx_screen, zoom * gy_screen
            gz = got[9] - (grow + gx * x + gy * y) / z
            if free_x:
                gx, gz = gx + slope_gx / z, gz - slope_gx * slope_x / z
            if free_y:
                gy, gz = gy + slope_gy / z, gz - slope_gy * slope_y / z
            red = got[6] if row[RED] > ZERO else ZERO
            green, blue = got[7] if row[GREEN] > ZERO else ZERO, got[8] if row[BLUE] > ZERO else ZERO
            _colour_back(means, n, sh, camera, b, (red, green, blue), basis, basis_grad, means_grad, sh_grad)
            for i in range(3):
                means_grad[n, i] += camera[b, i] * gx + camera[b, 3 + i] * gy + camera[b, 6 + i] * gz
        _quaternion_back(unit, inverse, turn_grad, quaternions_grad[n])
