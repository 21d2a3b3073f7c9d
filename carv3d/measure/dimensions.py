"""What the variance between views is made of: how much each thing that makes a view has to do with it.

A view is a point of a cube (``views.DIMENSIONS``), its gradient a function on it, and every group of coordinates has
two shares of the variance between views (Sobol', 2001): its first-order share, Var E[g | group], which goes by that
group alone and which strata or a sequence in that group can take away; and its total share, E Var[g | all others],
with everything in which the group takes part. From pairs of views that share a group, or all but a group (Saltelli,
2010), each with draws of its own, so that the draws' noise drops out of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from carv3d import carv
from carv3d.carv.bootstrap import Bootstrap, interval
from carv3d.measure.picture import Picture
from carv3d.runtime import rng
from carv3d.runtime.progress import Progress
from carv3d.runtime.types import Record
from carv3d.text3d import views
from carv3d.text3d.batch import Batch
from carv3d.text3d.trainer import Trainer

JITTER = "samples along rays"
GROUPS: dict[str, slice | None] = {**views.DIMENSIONS, "camera": slice(0, 4), "light": slice(7, 10),
                                   "background and light": slice(4, 10), JITTER: None}
DRAWS = 8  # antithetic, in strata, of each gradient
SPACES = ("raw", "adam", "picture")
LARGEST = 1 << 16  # numbers of a gradient or a picture that are kept; longer ones are sketched


class Views:
    """Gradients of single views on one state of a scene, in all spaces."""

    def __init__(self, trainer: Trainer, step: int):
        self.trainer, self.step = trainer, step
        self.proposal = trainer.sampler.proposal(trainer.target(step))
        self.seed, self.asked = trainer.config.run_seed, 0

    def raw(self, point: Tensor, jitter: str) -> Tensor:
        """Of a point of the cube, [10], with draws of its own; [P]. jitter: names the random numbers of the render."""
        trainer, self.asked = self.trainer, self.asked + 1
        points = views.around(point[:, None], trainer.teacher.views_per_item)
        batch = Batch(trainer, trainer.scene, views.at(trainer.config, self.step, points),
                      rng.generator(self.seed, f"dimensions render {jitter}", self.step))
        label = f"dimensions {self.asked}"
        draws = carv.draw(1, DRAWS, batch.shape, self.proposal, stratified=True, noise="antithetic",
                          time_generator=rng.generator(self.seed, f"{label} t", self.step),
                          noise_generator=rng.generator(self.seed, f"{label} e", self.step, trainer.device))
        return torch.cat([g.flatten() for g in batch.pull(batch.estimates([draws])[0].mean)])


def analyse(trainer: Trainer, step: int, count: int) -> Record:
    """Shares of every group in every space, each with its interval over ``count`` pairs of views.

    Adam's space and the picture's: as ``measure.compare`` has them. Leaves the scene as it was.
    """
    made, seed = Views(trainer, step), trainer.config.run_seed
    first, other = ([column for column in views.independent(step, count, f"dimensions {name}", False, seed).T]
                    for name in ("a", "b"))
    gradients = [made.raw(first[n], f"warm {n}").double().square() for n in range(min(count, 8))]
    picture = Picture(trainer, step, torch.stack(gradients).mean(0))

    def spaces(point: Tensor, jitter: str) -> dict[str, Tensor]:
        gradient = made.raw(point, jitter).double()
        update = gradient * picture.scale
        return {"raw": _kept(gradient, seed), "adam": _kept(update, seed),
                "picture": _kept(picture.change(update), seed)}

    def mixed(group: slice | None, n: int) -> dict[str, Tensor]:
        """The first view with a group of the other's."""
        if group is None:
            return spaces(first[n], f"b {n}")
        point = first[n].clone()
        point[group] = other[n][group]
        return spaces(point, f"a {n}")

    kinds: dict[str, Callable[[int], dict[str, Tensor]]] = {
        "a": partial(mixed, slice(0, 0)), "again": partial(mixed, slice(0, 0)),
        "b": lambda n: spaces(other[n], f"b {n}"),
        **{name: partial(mixed, group) for name, group in _present(trainer)}}
    rows: dict[str, dict[str, list[Tensor]]] = {space: {kind: [] for kind in kinds} for space in SPACES}
    with Progress(f"step {step}: views", count) as bar:
        for n in range(count):
            for kind, make in kinds.items():
                for space, vector in make(n).items():
                    rows[space][kind].append(vector)
            bar.add()
    boot = Bootstrap(count, rng.generator(seed, "dimensions bootstrap", step))
    return {"step": step, "views": count, "draws": DRAWS,
            "spaces": {space: shares({kind: torch.stack(one) for kind, one in found.items()}, boot)
                       for space, found in rows.items()}}


def shares(rows: dict[str, Tensor], boot: Bootstrap) -> Record:
    """rows: kind -> [n,d]; a, again: the same views twice; b: others; the rest: a with one group of b's. between: the
    variance between views. groups: name -> first, total, as shares of it. All are taken about the mean of a and b,
    which leaves out some 1 / 2n of each."""
    a, b, count = rows["a"], rows["b"], len(rows["a"])
    both = torch.cat([a, b])
    centre = both.mean(0)
    signal = (both.sum(0).square().sum() - both.square().sum()) / (2 * count * (2 * count - 1))  # unbiased

    def products(x: Tensor, y: Tensor) -> Tensor:
        return boot.mean(((x - centre) * (y - centre)).sum(1))

    between = products(a, rows["again"])
    groups = {name: {"first": interval(products(mixed, b) / between, count),
                     "total": interval(1 - products(mixed, a) / between, count)}
              for name, mixed in rows.items() if name not in ("a", "again", "b")}
    return {"between": interval(between, count), "signal": float(signal), "groups": groups}


def _present(trainer: Trainer) -> Iterator[tuple[str, slice | None]]:
    """The groups that mean something to a run."""
    config = trainer.config
    for name, group in GROUPS.items():
        lit = config.light.colour == "albedo"
        if ("light" in name and not lit) or (name == "background" and config.data.background != "random"):
            continue
        yield name, group


def _kept(vector: Tensor, seed: int) -> Tensor:
    """As it is, or a sketch of it, on the CPU."""
    if len(vector) > LARGEST:
        from carv3d.carv.variance import Sketch

        device = vector.device
        vector = Sketch.make(len(vector), LARGEST // 8, rng.generator(seed, "dimensions sketch", 0, device))(vector)
    return vector.double().cpu()


def table(state: Record) -> list[str]:
    """For people: a line a group, first-order and total shares in each space."""
    lines = [f"== step {state['step']}, {state['views']} pairs of views; shares of the variance between views, in "
             "per cent [95 % intervals] ==", "", f"{'':22}" + "".join(f"{space + ', alone':22}{'with others':20}"
                                                                     for space in SPACES)]
    for name in state["spaces"][SPACES[0]]["groups"]:
        cells = [_percent(state["spaces"][space]["groups"][name][kind])
                 for space in SPACES for kind in ("first", "total")]
        lines.append(f"{name:22}" + "".join(f"{cell:{22 - 2 * (i % 2)}}" for i, cell in enumerate(cells)).rstrip())
    return lines


def _percent(number: dict[str, float]) -> str:
    value, low, high = (f"{100 * x:.0f}" for x in number.values())
    return f"{value} [{low}, {high}]"
