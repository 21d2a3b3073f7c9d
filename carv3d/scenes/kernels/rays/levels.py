"""The levels of a hash grid, as all its forms know them (Instant-NGP, arXiv 2201.05989, section 3)."""

from __future__ import annotations

import numpy as np

PRIME_Y, PRIME_Z = 2654435761, 805459861  # of the spatial hash, eq. 4; the prime of x is 1
TRITON_FEATURES = (1, 2, 4, 8)  # per row, that the Triton form and tinycudann know


def level_shapes(levels: int, table_size: int, base: int, finest: int) -> tuple[np.ndarray, np.ndarray]:
    """Resolution of each level, int64 [L], growing geometrically, and its first row, int64 [L+1]."""
    if levels < 1 or not 1 <= base <= finest:
        raise ValueError(f"need levels >= 1 and 1 <= base <= finest, got levels={levels}, base={base}, finest={finest}")
    if table_size < 8 or table_size & (table_size - 1):
        raise ValueError(f"table_size must be a power of two >= 8, got {table_size}")
    growth = (finest / base) ** (1 / max(levels - 1, 1))
    resolution = np.array([round(base * growth**level) for level in range(levels)], dtype=np.int64)
    rows = np.minimum((resolution + 1) ** 3, table_size)
    return resolution, np.concatenate([[0], np.cumsum(rows)]).astype(np.int64)
