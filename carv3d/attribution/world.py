"""What there is to attribute: training pictures, queries, a model of them, and what is known to be true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from carv3d import digits
from carv3d.attribution.gradients import Digits, Source
from carv3d.carv.proposal import uniform_target
from carv3d.carv.variance import Sketch
from carv3d.config.attribution import AttributeConfig
from carv3d.runtime.errors import UserError
from carv3d.runtime.rng import generator

TRUTH = Path(__file__).parent / "digits.safetensors"  # made by scripts/attribution_truth.py
Sources = Callable[[AttributeConfig], tuple[Source, Source]]


@dataclass(frozen=True)
class Truth:
    """Retrained models. members: [S,n], the training pictures of each subset. losses: [S,R,Q], of R models each."""

    members: Tensor
    losses: Tensor

    def half(self, which: int) -> Truth:
        """Of every two subsets the first (0) or the second (1)."""
        return Truth(self.members[which::2], self.losses[which::2])


@dataclass(frozen=True)
class Retrain:
    """losses: models trained anew on some of the pictures, the rows [M,n] of members, with a seed: [M,Q]; calls its
    last argument with numbers of models' steps. steps: of a model. together: models that are best trained at once."""

    losses: Callable[[Tensor, int, Callable[[int], None]], Tensor]
    steps: int
    together: int


@dataclass(frozen=True)
class World:
    """training, queries: their names. steps: noise levels of the model. groups: of queries that are reported apart, by
    name. baselines: scores that know no model, [Q,N] by name: pixels, minus the mean squared distance of pictures, and
    others. show: a picture [H,W,C] in [0,1], of the training pictures or the queries. sources: queries and training
    pictures, for their gradients. digest: of what all this is made of, by which a resumed run knows it again."""

    title: str
    training: list[str]
    queries: list[str]
    groups: dict[str, slice]
    shape: tuple[int, ...]
    steps: int
    baselines: dict[str, Tensor]
    show: Callable[[str, int], Tensor]
    sources: Sources
    digest: str
    truth: Truth | None = None
    retrain: Retrain | None = None


def levels(config: AttributeConfig, steps: int) -> Tensor:
    """p(t), [steps] float64: uniform over the noise levels asked for; all of them by default."""
    low, high = (min(round(share * steps), steps - 1) for share in (config.t_min, config.t_max))
    return uniform_target(steps, low, high)


def embedded(seed: int, report: Callable[[int], None]) -> World:
    """scikit-learn's digits, a denoiser of them trained here, and the shipped losses of retrained ones. The queries are
    pictures held out, and samples that a denoiser made. report: each training step."""
    recipe, (pictures, held_out) = digits.Recipe(), digits.load()
    stored = load_file(TRUTH)
    members = stored["members"].long()
    with safe_open(TRUTH, "pt") as file:
        known = (file.metadata() or {}).get("digest")
    digest = digits.digest(recipe, stored["generated"], stored["members"])
    if known != digest:
        raise UserError("attribute: the shipped losses of retrained denoisers are of other digits than scikit-learn's "
                        "here; make them anew by scripts/attribution_truth.py")
    values = torch.cat([held_out.values, digits.from_bytes(stored["generated"])])
    queries = digits.Pictures(values, torch.cat([held_out.labels, torch.zeros(digits.QUERIES, dtype=torch.long)]))
    model = digits.train(pictures, torch.arange(len(pictures))[None], recipe, seed, report)

    def sources(config: AttributeConfig) -> tuple[Source, Source]:
        length = sum(p.numel() for p in model.parameters())
        sketch = Sketch.make(length, config.sketch, generator(seed, "attribution: sketch")) if config.sketch else None
        return (Digits(model, queries, config.output, sketch), Digits(model, pictures, config.output, sketch))

    def losses(members: Tensor, number: int, report: Callable[[int], None]) -> Tensor:
        models = digits.train(pictures, members, recipe, number + 1, lambda step: report(len(members)))
        return digits.losses(models, values)

    def show(which: str, number: int) -> Tensor:
        return (((queries if which == "queries" else pictures).values[number] + 1) / 2).view(8, 8, 1)

    count = digits.QUERIES
    return World(
        "Digits", [f"{i} ({label})" for i, label in enumerate(pictures.labels.tolist())],
        [f"held out {i}" for i in range(count)] + [f"generated {i}" for i in range(count)],
        {"held out": slice(0, count), "generated": slice(count, 2 * count)}, (digits.PIXELS,),
        digits.STEPS,
        {"pixels": -torch.cdist(values, pictures.values).square() / digits.PIXELS}, show, sources, digest,
        Truth(members, stored["losses"]), Retrain(losses, recipe.steps, 16))
