"""Smoothing a surface without shrinking it."""

from __future__ import annotations

import numpy as np

from carv3d.export.surface import Surface

FORTH, BACK = 0.5, -0.53  # of the way to the mean of a vertex's neighbours; together they pass what is wide


def smoothed(surface: Surface, iterations: int, bound: float) -> Surface:
    """Taubin's filter ("A signal processing approach to fair surface design", SIGGRAPH 1995): each iteration moves all
    vertices towards the mean of their neighbours and then, a little further, away from it.

    Bumps of a few edges' length go; what is wider than some ten edges stays, so volume and silhouettes do. ``bound``:
    half the side of the box, which no vertex leaves; those on its sides stay there, or what it cuts off would bulge.
    """
    if not iterations:
        return surface
    from scipy.sparse import coo_array, diags_array

    start, end = np.concatenate([surface.faces[:, [i, (i + 1) % 3]] for i in range(3)]).T
    links = coo_array((np.ones(2 * len(start)), (np.r_[start, end], np.r_[end, start])),
                      shape=(len(surface.vertices),) * 2).tocsr()
    mean = diags_array(1 / np.maximum(links.sum(1), 1)) @ links  # in a closed surface each edge counts twice
    points = surface.vertices.astype(np.float64)
    cut = np.abs(points) >= bound
    for _ in range(iterations):
        for share in (FORTH, BACK):
            points += np.where(cut, 0.0, share * (mean @ points - points))
    return Surface(points.clip(-bound, bound).astype(np.float32), surface.faces)
