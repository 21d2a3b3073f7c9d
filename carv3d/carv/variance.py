"""Where the variance of a hierarchical estimate comes from, measured without assuming how its draws depend.

A draw's gradient is h(u, t, e) with u the item (camera), t the timestep, e the noise. Its total variance (trace of the
covariance) splits into between items, S_B = Var_u E[h|u], within timestep, S_T = E_u Var_t E[h|u,t], and within noise,
S_N = E_u,t Var_e h. A batch of B iid items with iid draws has variance (S_B + (S_T + S_N)/K) / B. For a structured set
(strata, antithetic pairs) the within part of one set's mean is measured from independent replicates of the WHOLE set:
the spread of its members over K is wrong by up to a factor of five.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sketch:
    """A random linear map of gradients to few numbers with E ||S x||^2 = ||x||^2 (count sketch: each coordinate goes to
    one random bucket with a random sign), so that traces of covariances stay unbiased. bucket: [d]. sign: [d]."""

    bucket: Tensor
    sign: Tensor
    size: int

    @staticmethod
    def make(length: int, size: int, generator: torch.Generator) -> Sketch:
        bucket = torch.randint(size, (length,), generator=generator, device=generator.device)
        sign = torch.randint(2, (length,), generator=generator, device=generator.device) * 2.0 - 1.0
        return Sketch(bucket, sign, size)

    def __call__(self, gradient: Tensor) -> Tensor:
        """[d] -> [size], float64."""
        out = torch.zeros(self.size, dtype=torch.float64, device=gradient.device)
        return out.index_add_(0, self.bucket, (gradient * self.sign).double())


def set_variance(replicates: Tensor) -> Tensor:
    """Variance of one set's mean, per item [B], unbiased, from R >= 2 independent replicates of it: [B,R,d]."""
    if replicates.shape[1] < 2:
        raise ValueError(f"replicates must hold at least 2 sets per item, got {replicates.shape[1]}")
    return replicates.var(1, unbiased=True).sum(-1)


def between_items(replicates: Tensor) -> Tensor:
    """Contributions to S_B, [B], whose mean is unbiased for it: iid items, R >= 2 replicates each, [B,R,d].

    The variance of the items' means less the share that their sets leave in it; single contributions, and the mean of a
    few, may be negative.
    """
    items, sets = replicates.shape[:2]
    if items < 2:
        raise ValueError(f"at least 2 items are needed, got {items}")
    means = replicates.mean(1)
    spread = (means - means.mean(0)).square().sum(-1) * items / (items - 1)
    return spread - set_variance(replicates) / sets


def contrasts(values: Tensor, count: int) -> Tensor:
    """``count`` < R orthonormal combinations of R iid values [R,...] -> [count,...], none of which sees their mean.

    The expected squared norm of each is the variance of one value, so the mean over them is unbiased for it, and a
    linear map (a backward) need only be applied to ``count`` contrasts, however many values stand behind them. The
    combinations are the cosine transform's, without its constant row. ValueError unless 1 <= count < R.
    """
    number = len(values)
    if not 1 <= count < number:
        raise ValueError(f"count must satisfy 1 <= count < {number} (the number of values), got {count}")
    place = (torch.arange(number, dtype=torch.float64) + 0.5) * torch.pi / number
    rows: Tensor = (2 / number) ** 0.5 * torch.cos(torch.arange(1, count + 1)[:, None] * place)
    combined: Tensor = torch.tensordot(rows.to(values), values, 1)
    return combined
