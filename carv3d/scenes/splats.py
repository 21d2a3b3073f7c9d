"""The record of a set of 3D Gaussians, in the parametrisation that is trained and stored (Kerbl et al., 2023)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from torch import Tensor

SH_C0 = 0.5 / math.sqrt(math.pi)  # the constant spherical harmonic: rgb = 0.5 + SH_C0 * sh[:, 0] at degree 0
MAX_DEGREE = 3
RESTS = {3 * ((degree + 1) ** 2 - 1): degree for degree in range(MAX_DEGREE + 1)}  # numbers above degree 0 -> degree


@dataclass(frozen=True)
class Splats:
    """N Gaussians.

    means: [N,3], world units. log_scales: [N,3], natural logarithm of the standard deviations along the own axes.
    quaternions: [N,4], wxyz, own axes to world, of any length but zero. opacity_logits: [N]. sh: [N,(degree+1)^2,3],
    spherical harmonics of the colour in the order of 3DGS, degree 0 to 3; colour = max(0, 0.5 + sum of sh times basis).
    """

    means: Tensor
    log_scales: Tensor
    quaternions: Tensor
    opacity_logits: Tensor
    sh: Tensor

    def __post_init__(self) -> None:
        count = len(self.means)
        rest = {"means": (3,), "log_scales": (3,), "quaternions": (4,), "opacity_logits": ()}
        for name, shape in rest.items():
            if tuple(getattr(self, name).shape) != (count, *shape):
                raise ValueError(f"{name} must be {[count, *shape]}, got {list(getattr(self, name).shape)}")
        allowed = [[count, (degree + 1) ** 2, 3] for degree in range(MAX_DEGREE + 1)]
        if list(self.sh.shape) not in allowed:
            raise ValueError(f"sh must be one of {allowed}, got {list(self.sh.shape)}")

    def __len__(self) -> int:
        return len(self.means)

    def __getitem__(self, index: Tensor | slice) -> Splats:
        return Splats(*(tensor[index] for tensor in self.tensors().values()))

    @property
    def degree(self) -> int:
        """Of the spherical harmonics."""
        return math.isqrt(self.sh.shape[1]) - 1

    def tensors(self) -> dict[str, Tensor]:
        return {field.name: getattr(self, field.name) for field in fields(self)}
