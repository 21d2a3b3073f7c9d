"""The linear datamodelling score: do summed scores predict what models retrained without pictures do? (TRAK, arXiv
2303.14186)"""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor


def subsets(count: int, number: int, seed: int = 0) -> Tensor:
    """``number`` halves of ``count`` training pictures, sorted: [number, count // 2] int64."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(np.stack([np.sort(rng.permutation(count)[:count // 2]) for _ in range(number)]))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman's, along the last axis; 0 where one of them is constant."""
    a, b = (rankdata(x, axis=-1) for x in (a, b))
    a, b = (x - x.mean(-1, keepdims=True) for x in (a, b))
    scale = np.sqrt((a * a).sum(-1) * (b * b).sum(-1))
    return np.where(scale > 0, (a * b).sum(-1) / np.where(scale > 0, scale, 1), 0.0)


def lds(scores: Tensor, members: Tensor, losses: Tensor) -> np.ndarray:
    """Of each query, [Q]: over subsets, the rank correlation of their pictures' summed scores with minus the loss.

    scores: [Q,N], positive is helpful. members: [S,n]. losses: [S,Q], of models retrained on each subset.
    """
    predicted = torch.stack([scores[:, each].double().sum(1) for each in members], 1)
    return rank_correlation(predicted.numpy(), -losses.T.double().numpy())


def ceiling(losses: Tensor) -> float:
    """The most that a perfect predictor could reach: losses [S,R,Q] of R models a subset, of which seeds make part.

    The mean rank correlation r between seeds, that of their mean by Spearman and Brown, R r / (1 + (R - 1) r), and its
    root, as the predictor has no noise of its own.
    """
    runs = losses.shape[1]
    pairs = [rank_correlation(losses[:, i].T.numpy(), losses[:, j].T.numpy()).mean()
             for i in range(runs) for j in range(i)]
    r = max(float(np.mean(pairs)), 0.0)
    return float(np.sqrt(runs * r / (1 + (runs - 1) * r)))
