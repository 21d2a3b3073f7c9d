"""The embedded small world: scikit-learn's 8x8 digits and a denoiser that trains in seconds, many of them at once.

Everything is a function of the seeds, so that a model retrained without some pictures differs from another by its data
alone: initial weights, noise and timesteps are common to all models of a seed.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from carv3d.diffusion.schedule import NoiseSchedule
from carv3d.runtime.rng import generator

PIXELS, LABELS, STEPS = 64, 10, 1000  # of a picture; kinds of digit; noise levels
TRAIN, QUERIES = 1500, 40
LOOKS = 256  # draws at which a model's loss on a query is taken, the same for all


@dataclass(frozen=True)
class Recipe:
    """How a denoiser is made. labelled: it is told the digit beside the noisy picture."""

    steps: int = 3000
    batch: int = 128
    lr: float = 2e-3
    width: int = 256
    embedding: int = 64
    labelled: bool = False


def schedule() -> NoiseSchedule:
    """DDPM's: beta linear in t (arXiv 2006.11239)."""
    return NoiseSchedule((1 - torch.linspace(1e-4, 0.02, STEPS, dtype=torch.float64)).cumprod(0))


@dataclass(frozen=True)
class Pictures:
    """values: [N,64] in [-1,1]. labels: [N] int64."""

    values: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: slice | Tensor) -> Pictures:
        return Pictures(self.values[index], self.labels[index])


def load() -> tuple[Pictures, Pictures]:
    """The training pictures, TRAIN of them, and QUERIES held out: of scikit-learn's 1,797 in an order drawn once."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    values = torch.from_numpy(data.data[order].astype(np.float32) / 8 - 1)
    whole = Pictures(values, torch.from_numpy(data.target[order].astype(np.int64)))
    return whole[:TRAIN], whole[TRAIN:TRAIN + QUERIES]


class Denoisers(nn.Module):
    """M denoisers side by side, each of three linear layers: eps_hat [M,n,64] of noisy pictures [M,n,64]."""

    def __init__(self, count: int, recipe: Recipe, start: torch.Generator):
        super().__init__()
        self.recipe = recipe
        first = PIXELS + recipe.embedding + LABELS * recipe.labelled
        widths = [first, recipe.width, recipe.width, PIXELS]
        self.weight, self.bias = nn.ParameterList(), nn.ParameterList()
        for narrow, wide in zip(widths[:-1], widths[1:], strict=True):
            drawn = (torch.rand(narrow, wide, generator=start) * 2 - 1) / math.sqrt(narrow)
            self.weight.append(drawn.expand(count, -1, -1).clone())
            self.bias.append(torch.zeros(count, 1, wide))

    def layers(self, noisy: Tensor, timestep: Tensor, labels: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Of each layer what goes in, [M,n,narrow], and what comes out before the activation, [M,n,wide]."""
        level = timestep[..., None] / STEPS * torch.pi * torch.arange(1, self.recipe.embedding // 2 + 1)
        parts = [noisy, level.sin(), level.cos()]
        if self.recipe.labelled:
            parts.append(F.one_hot(labels, LABELS).float())
        hidden = torch.cat(parts, -1)
        inputs: list[Tensor] = []
        outputs: list[Tensor] = []
        for weight, bias in zip(self.weight, self.bias, strict=True):
            if inputs:
                hidden = F.silu(hidden)
            inputs.append(hidden)
            hidden = torch.baddbmm(bias, hidden, weight)
            outputs.append(hidden)
        return inputs, outputs

    def forward(self, noisy: Tensor, timestep: Tensor, labels: Tensor) -> Tensor:
        return self.layers(noisy, timestep, labels)[1][-1]


def train(pictures: Pictures, subsets: Tensor, recipe: Recipe, seed: int,
          report: Callable[[int], None] = lambda step: None) -> Denoisers:
    """One denoiser for each row of ``subsets`` [M,S], the numbers of its training pictures. report: called with each
    step."""
    models = Denoisers(len(subsets), recipe, generator(seed, "digits: weights"))
    optimizer = torch.optim.Adam(models.parameters(), lr=recipe.lr, betas=(0.9, 0.99))
    plan, count = schedule(), subsets.shape[1]
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
        draw = generator(seed, "digits: batch", step)
        chosen = subsets[:, (torch.rand(recipe.batch, generator=draw) * count).long()]  # [M,batch]
        timestep = torch.randint(STEPS, (recipe.batch,), generator=draw)
        noise = torch.randn(recipe.batch, PIXELS, generator=draw)
        alpha, sigma = plan.alpha_sigma(timestep, noise)
        noisy = alpha * pictures.values[chosen] + sigma * noise
        guess = models(noisy, timestep.expand(len(subsets), -1), pictures.labels[chosen])
        optimizer.zero_grad()
        (guess - noise).square().mean(-1).mean(-1).sum().backward()
        optimizer.step()
        report(step + 1)
    return models


@torch.no_grad()
def losses(models: Denoisers, queries: Tensor) -> Tensor:
    """Mean squared error of eps_hat on each query [Q,64], by each model that is told no labels: [M,Q]; over LOOKS
    draws, one in each stratum of the noise levels, the same for all."""
    draw, plan = generator(0, "digits: looks"), schedule()
    timestep = ((torch.arange(LOOKS) + torch.rand(LOOKS, generator=draw)) / LOOKS * STEPS).long()
    noise = torch.randn(LOOKS, PIXELS, generator=draw)
    alpha, sigma = plan.alpha_sigma(timestep, noise)
    count = len(models.weight[0])
    untold = torch.zeros(count, LOOKS, dtype=torch.long)
    out = []
    for query in queries:
        noisy = (alpha * query + sigma * noise).expand(count, -1, -1)
        guess = models(noisy, timestep.expand(count, -1), untold)
        out.append((guess - noise).square().mean((1, 2)))
    return torch.stack(out, 1)


@torch.no_grad()
def sample(model: Denoisers, count: int, draw: torch.Generator, steps: int = 100) -> Tensor:
    """DDIM samples (arXiv 2010.02502) of one denoiser, [count,64] in [-1,1]."""
    plan = schedule()
    values = torch.randn(count, PIXELS, generator=draw)
    levels = torch.linspace(STEPS - 1, 0, steps).long()
    for now, then in zip(levels, [*levels[1:], None]):
        timestep = now.expand(count)
        eps = model(values[None], timestep[None], torch.zeros(1, count, dtype=torch.long))[0]
        clean = plan.x0_from_eps(values, eps, timestep).clamp(-1, 1)
        if then is None:
            return clean
        eps = plan.eps_from_x0(values, clean, timestep)
        values = plan.add_noise(clean, eps, then.expand(count))
    return values


def as_bytes(values: Tensor) -> Tensor:
    """[-1,1] -> uint8."""
    return ((values + 1) * 127.5).round().clamp(0, 255).byte()


def from_bytes(values: Tensor) -> Tensor:
    return values.float() / 127.5 - 1


def digest(recipe: Recipe, *content: Tensor) -> str:
    """Of the data, the recipe and what else is given: what a record of retrained models belongs to."""
    found = hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode())
    train_pictures, held_out = load()
    for each in (train_pictures.values, train_pictures.labels, held_out.values, *content):
        found.update(each.contiguous().numpy().tobytes())
    return found.hexdigest()[:16]
