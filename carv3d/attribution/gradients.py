"""Gradients sample by sample: of each picture's loss at a draw, in a form whose inner products are cheap.

A linear layer without shared weights has the gradient d a^T (input a, gradient d of what comes out), so inner products
of gradients are (a a')(d d') and need none written out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from carv3d.carv import Draws
from carv3d.carv.variance import Sketch
from carv3d.digits import Denoisers, Pictures, schedule

OUTPUTS = ("loss", "dtrak")
"""What is differentiated: the squared error of eps_hat, or, as D-TRAK does (arXiv 2311.00500), eps_hat's own square."""


class Rows(ABC):
    """Gradients of n samples at one draw."""

    @abstractmethod
    def gram(self, other: Rows) -> Tensor:
        """Inner products [n,m] with those of m others."""

    @abstractmethod
    def norm(self) -> Tensor:
        """Euclidean norms [n]."""


@dataclass(frozen=True)
class Factored(Rows):
    """Of linear layers: inputs, each [n,i], and gradients of the outputs, each [n,o]; a bias is an input of 1."""

    inputs: list[Tensor]
    outputs: list[Tensor]

    def gram(self, other: Rows) -> Tensor:
        assert isinstance(other, Factored)
        pairs = zip(self.inputs, self.outputs, other.inputs, other.outputs, strict=True)
        return sum(((a @ b.T + 1) * (d @ e.T) for a, d, b, e in pairs), torch.zeros(()))

    def norm(self) -> Tensor:
        pairs = zip(self.inputs, self.outputs, strict=True)
        squares = [(a.square().sum(1) + 1) * d.square().sum(1) for a, d in pairs]
        return torch.stack(squares).sum(0).sqrt()


@dataclass(frozen=True)
class Looked:
    """Gradients of n pictures at K draws. rows: one for each draw. total: their weighted sum, [n,d], as sketched."""

    rows: list[Rows]
    total: Tensor


class Source(ABC):
    """Pictures under one model: their gradients, whichever are asked for."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def look(self, part: slice, draws: Draws) -> Looked:
        """At K draws [1,K] that all pictures of a part share, noise of a picture's shape."""


class Digits(Source):
    """The embedded world's. sketch: None for whole gradients in ``Looked.total``, which are 115,264 numbers each."""

    def __init__(self, model: Denoisers, pictures: Pictures, output: str, sketch: Sketch | None):
        self.model, self.pictures, self.output, self.sketch = model, pictures, output, sketch
        self.schedule = schedule()

    def __len__(self) -> int:
        return len(self.pictures)

    def look(self, part: slice, draws: Draws) -> Looked:
        pictures, k = self.pictures[part], draws.per_item
        many = Pictures(pictures.values.repeat_interleave(k, 0), pictures.labels.repeat_interleave(k, 0))
        noise = draws.noise[0].repeat(len(pictures), 1)
        factors = self._factors(many, draws.timestep[0].repeat(len(pictures)), noise)
        inputs, gradients = ([each.unflatten(0, (-1, k)) for each in kind] for kind in factors)
        flat: list[Tensor] = []
        for a, d in zip(inputs, gradients, strict=True):
            weighted = d * draws.weight[0][:, None]
            flat += [torch.bmm(a.mT, weighted).flatten(1), weighted.sum(1)]
        whole = torch.cat(flat, 1)
        rows: list[Rows] = [Factored([a[:, n] for a in inputs], [d[:, n] for d in gradients]) for n in range(k)]
        return Looked(rows, whole if self.sketch is None else sketched(whole, self.sketch))

    def _factors(self, pictures: Pictures, timestep: Tensor, noise: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        alpha, sigma = self.schedule.alpha_sigma(timestep, noise)
        noisy = alpha * pictures.values + sigma * noise
        with torch.enable_grad():
            inputs, outputs = self.model.layers(noisy[None], timestep[None], pictures.labels[None])
            guess = outputs[-1][0]
            value = (guess - noise).square() if self.output == "loss" else guess.square()
            gradients = torch.autograd.grad(value.mean(-1).sum(), outputs)
        return [each[0].detach() for each in inputs], [each[0] for each in gradients]


def sketched(whole: Tensor, sketch: Sketch) -> Tensor:
    """[n,d] -> [n,size] float32, whose inner products estimate those of ``whole`` without bias."""
    return torch.zeros(len(whole), sketch.size).index_add_(1, sketch.bucket, whole * sketch.sign.float())
