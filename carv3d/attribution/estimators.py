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
PICTURES, DRAWS = 32, 64  # training pictures, and draws, at a time
Report = Callable[[int], None]


def chunks(count: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def of_set(queries: Source, training: Source, own: Draws, draws: Draws, report: Report = lambda count: None
           ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Of one set of K draws [1,K]: cosine and dot, each [Q,N], and the mean gradients of both, [Q,d] and [N,d].

    own: the queries' draws, the same where they are shared. report: called with numbers of gradients taken.
    """
    out = {name: torch.zeros(len(queries), len(training)) for name in OF_DRAWS}
    of_queries, of_training = [], []
    for block in chunks(draws.per_item, DRAWS):
        asked, there = queries.look(slice(0, len(queries)), own.part(draws=block)), draws.part(draws=block)
        weight = there.weight[0] * (1 if own is draws else own.weight[0, block]) / draws.per_item
        lengths = [rows.norm()[:, None].clamp_min(1e-30) for rows in asked.rows]
        of_queries.append(asked.total)
        totals = []
        for part in chunks(len(training), PICTURES):
            seen = training.look(part, there)
            totals.append(seen.total)
            for n, rows in enumerate(seen.rows):
                products = asked.rows[n].gram(rows) * weight[n]
                out["dot"][:, part] += products
                out["cosine"][:, part] += products / (lengths[n] * rows.norm().clamp_min(1e-30))
            report(len(seen.rows) * (part.stop - part.start))
        of_training.append(torch.cat(totals))
        report(len(asked.rows) * len(queries))
    return out, torch.stack(of_queries).sum(0) / draws.per_item, torch.stack(of_training).sum(0) / draws.per_item


def of_means(queries: Tensor, training: Tensor, damping: float) -> dict[str, Tensor]:
    """cosine_of_means and kernel of mean gradients [Q,d] and [N,d], each [Q,N]."""
    products = queries @ training.T
    lengths = queries.norm(dim=1)[:, None] * training.norm(dim=1)
    return {"cosine_of_means": products / lengths.clamp_min(1e-30),
            "kernel": kernel(products, queries, training, damping)}


def kernel(products: Tensor, queries: Tensor, training: Tensor, damping: float) -> Tensor:
    """products: K_qt [Q,N] of queries [Q,d] and training [N,d]. In float64: K_tt is nearly singular where pictures are
    alike. Of more pictures than numbers in a gradient the equal (F^T F + lambda I)^-1 of size d is taken."""
    rows = training.double()
    wide = len(rows) <= rows.shape[1]
    own = rows @ rows.T if wide else rows.T @ rows
    own.diagonal().add_(damping * own.diagonal().sum() / len(rows))  # the trace is that of either
    factor = torch.linalg.cholesky(own)
    if wide:
        return torch.cholesky_solve(products.double().T, factor).T.float()
    return (rows @ torch.cholesky_solve(queries.double().T, factor)).T.float()
