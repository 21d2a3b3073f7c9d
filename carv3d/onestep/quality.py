"""How good samples are: their distance from the data in a classifier's features, and what of it they reach."""

from __future__ import annotations

import torch
from torch import Tensor

from carv3d import digits
from carv3d.runtime.rng import generator

NEAREST = 5  # neighbours that make a ball of the data's or the samples' support


class Features:
    """A small classifier of the digits, trained here; what its hidden layer says of pictures [n,64]: [n,64]."""

    def __init__(self, pictures: digits.Pictures, seed: int = 0):
        from sklearn.neural_network import MLPClassifier

        self.model = MLPClassifier((64,), max_iter=400, random_state=seed).fit(pictures.values.numpy(),
                                                                               pictures.labels.numpy())

    def __call__(self, values: Tensor) -> Tensor:
        first = values.double() @ torch.from_numpy(self.model.coefs_[0]).double()
        return (first + torch.from_numpy(self.model.intercepts_[0]).double()).clamp_min(0)


def frechet(a: Tensor, b: Tensor) -> float:
    """Between two samples' Gaussians, [n,d] each (FID, arXiv 1706.08500): |m - m'|^2 + tr(S + S' - 2 (S S')^1/2)."""
    off = (a.mean(0) - b.mean(0)).square().sum()
    one, other = torch.cov(a.T), torch.cov(b.T)
    root = torch.linalg.eigvals(one @ other).real.clamp_min(0).sqrt().sum()
    return float(off + one.trace() + other.trace() - 2 * root)


def coverage(samples: Tensor, data: Tensor) -> dict[str, float]:
    """By balls to the NEAREST-th neighbour: precision, the share of samples within the data's (arXiv 1904.06991);
    coverage, that of the data in whose ball a sample lies (arXiv 2002.09797). [n,d] each."""
    radius = torch.cdist(data, data).topk(NEAREST + 1, largest=False).values[:, -1]
    apart = torch.cdist(samples, data)
    within = apart <= radius
    return {"precision": float(within.any(1).double().mean()), "coverage": float(within.any(0).double().mean()),
            "nearest": float(apart.min(1).values.mean())}


def scores(samples: Tensor, data: Tensor, features: Features) -> dict[str, float]:
    """Of as many samples as data [n,64]. nearest: the mean distance of a sample from the data, in features."""
    a, b = features(samples), features(data)
    return {"frechet": frechet(a, b), **coverage(a, b)}


def sliced_wasserstein(a: Tensor, b: Tensor, directions: int = 256) -> float:
    """Between equally large samples [n,d]: root of the mean, over random directions, of the squared Wasserstein-2
    distance of the projections (Bonneel et al. 2015); the same directions each time."""
    draw = torch.randn(a.shape[1], directions, generator=generator(0, "sliced Wasserstein"))
    across = (draw / draw.norm(dim=0)).to(a)
    one, other = ((each @ across).sort(0).values for each in (a, b))
    return float((one - other).square().mean().sqrt())


def latents(samples: Tensor, reference: Tensor, prompt: Tensor) -> dict[str, float]:
    """Of samples and reference [n,...] of the same prompts [n]."""
    a, b = (each.flatten(1).double().cpu() for each in (samples, reference))
    return {"wasserstein": sliced_wasserstein(a, b), "diversity": apart(a, prompt) / apart(b, prompt)}


def apart(samples: Tensor, prompt: Tensor) -> float:
    """Mean distance of two samples [n,d] of a prompt; of any two where no prompt has several."""
    distance = torch.cdist(samples, samples)
    same = (prompt[:, None] == prompt).fill_diagonal_(False)
    if not same.any():
        same = ~torch.eye(len(samples), dtype=torch.bool)
    return float(distance[same].mean())
