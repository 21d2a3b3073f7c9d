"""Scores of training pictures for queries from gradients at draws omega = (t, noise), a set of K at a time.

cosine: E <g_q/|g_q|, g_i/|g_i|> over omega, the paper's (CARV, arXiv 2605.21489), linear in the draws and so unbiased
at every K; p/q stands outside the normalisation. dot: E <g_q, g_i>. cosine_of_means: the cosine of E g_q and E g_i, a
ratio, and so biased by O(1/K). kernel: K_qt (K_tt + lambda I)^-1 of the means' inner products, lambda being damping
times the mean eigenvalue of K_tt. Positive: training on the picture lowered the query's loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from carv3d.attribution.gradients import Source
from carv3d.carv import Draws

OF_DRAWS, OF_MEANS = ("cosine", "dot"), ("cosine_of_means", "kernel")
CHUNK = 256  # training pictures at a time
Report = Callable[[int], None]


def chunks(count: int, size: int = CHUNK) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def of_draws(queries: Source, training: Source, own: Draws, draws: Draws, report: Report = lambda count: None
             ) -> dict[str, Tensor]:
    """cosine and dot of one set of K draws [1,K], each [Q,N]. own: the queries' draws, the same where they are shared.
    report: after each chunk, with its number of gradients."""
    out = {name: torch.zeros(len(queries), len(training)) for name in OF_DRAWS}
    for k in range(draws.per_item):
        timestep, noise, weight = int(draws.timestep[0, k]), draws.noise[0, k], float(draws.weight[0, k])
        if own is not draws:
            weight *= float(own.weight[0, k])
        asked = queries.rows(slice(0, len(queries)), int(own.timestep[0, k]), own.noise[0, k])
        lengths = asked.norm()[:, None].clamp_min(1e-30)
        for part in chunks(len(training)):
            rows = training.rows(part, timestep, noise)
            products = asked.gram(rows) * (weight / draws.per_item)
            out["dot"][:, part] += products
            out["cosine"][:, part] += products / (lengths * rows.norm().clamp_min(1e-30))
            report(part.stop - part.start)
    return out


def means(source: Source, draws: Draws, size: int, report: Report = lambda count: None) -> Tensor:
    """The mean gradient of each picture over one set of draws, [N,d]. size: pictures at a time."""
    parts = []
    for part in chunks(len(source), size):
        parts.append(source.means(part, draws))
        report((part.stop - part.start) * draws.per_item)
    return torch.cat(parts)


def of_means(queries: Tensor, training: Tensor, damping: float) -> dict[str, Tensor]:
    """cosine_of_means and kernel of mean gradients [Q,d] and [N,d], each [Q,N]."""
    products = queries @ training.T
    lengths = queries.norm(dim=1)[:, None] * training.norm(dim=1)
    return {"cosine_of_means": products / lengths.clamp_min(1e-30), "kernel": kernel(products, training, damping)}


def kernel(products: Tensor, training: Tensor, damping: float) -> Tensor:
    """products: K_qt [Q,N]. training: [N,d]. In float64: K_tt is nearly singular where pictures are alike."""
    rows = training.double()
    own = rows @ rows.T
    damped = own + damping * own.diagonal().mean() * torch.eye(len(own), dtype=torch.float64)
    factor = torch.linalg.cholesky(damped)
    return torch.cholesky_solve(products.double().T, factor).T.float()
