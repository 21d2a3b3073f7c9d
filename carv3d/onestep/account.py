"""Where the variance of a student's gradient comes from, draws on outputs held fixed and fresh outputs; what a step
costs; and so how many draws an output is worth."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from carv3d import carv
from carv3d.carv import noise as noises
from carv3d.carv.allocate import Cost, continuous_best_k, multiplier, step_cost, work
from carv3d.carv.bootstrap import Bootstrap, interval
from carv3d.carv.variance import Sketch, between_items, set_variance
from carv3d.onestep.student import Start, Student
from carv3d.runtime.devices import now_ms
from carv3d.runtime.rng import generator
from carv3d.runtime.types import Record

SKETCH, WHOLE = 8192, 1 << 18  # numbers that a longer gradient is sketched to
ROUNDS, LONG_S = 7, 60.0  # of timing; fewer where they would take longer in all
CHOOSING = (12, 2, (1, 2, 4, 8, 16))  # batches, sets and K of the choice of K
CHOSEN_ON = 32  # outputs in a batch of these, at most
FITTED = 64  # outputs that a proposal is fitted to, with 8 draws each


@dataclass(frozen=True)
class Way:
    """How draws are made."""

    stratified: bool = False
    noise: str = "iid"
    importance: bool = False


WAYS = {"iid": Way(), "strata": Way(True), "strata, antithetic": Way(True, "antithetic"),
        "strata, antithetic, importance": Way(True, "antithetic", True)}
PLAIN = "iid"


def gradient(student: Student, draws: carv.Draws, start: Start) -> Tensor:
    """The generator's gradient, [P], of outputs made of ``start``."""
    parameters = list(student.generator.parameters())
    total = torch.zeros(sum(p.numel() for p in parameters), device=student.denoiser.device)
    for part in student.parts(len(start.noise)):
        made = student.denoiser.generate(student.generator, start.noise[part], start.prompt[part])
        estimate = carv.estimate(student.value(made.detach(), start.prompt[part]), draws.part(part))
        found = torch.autograd.grad((made * estimate.mean).sum() / len(start.noise), parameters)
        total += torch.cat([each.flatten() for each in found])
    return total


def replicates(student: Student, way: Way, k: int, groups: int, count: int,
               report: Callable[[], None] = lambda: None) -> Tensor:
    """Gradients of ``count`` independent sets of draws, k of each output, on each of ``groups`` batches of fresh
    outputs; [groups,count,d], sketched where they are long. The outputs are the same for every way and k."""
    length = sum(p.numel() for p in student.generator.parameters())
    device = student.denoiser.device
    sketch = Sketch.make(length, SKETCH, generator(student.seed, "account: sketch", 0, device)) if length > WHOLE else (
        torch.Tensor.double)
    proposal = _proposal(student, way)
    rows = []
    for group, number in itertools.product(range(groups), range(count)):
        start = student.start(group, "account: outputs", student.own.outputs)
        place = group * count + number
        draws = carv.draw(len(start.noise), k, student.denoiser.shape, proposal, stratified=way.stratified,
                          noise=way.noise, time_generator=generator(student.seed, f"account: time {way} {k}", place),
                          noise_generator=generator(student.seed, f"account: noise {way} {k}", place, device))
        rows.append(sketch(gradient(student, draws, start)).cpu())
        report()
    return torch.stack(rows).unflatten(0, (groups, count))


def _proposal(student: Student, way: Way) -> carv.Proposal:
    """Fitted to outputs and draws that nothing is measured on."""
    if not way.importance:
        return carv.make_proposal(student.target)
    sampler = carv.Sampler(8, importance="adaptive", signature="account")
    start = student.start(0, "account: fit", FITTED)
    outputs = student.made(student.generator, start)
    draws = sampler.draw(FITTED, student.denoiser.shape, student.target,
                         time_generator=generator(student.seed, "account: fit time"),
                         noise_generator=generator(student.seed, "account: fit noise", 0, student.denoiser.device))
    norms = [carv.estimate(student.value(outputs[part], start.prompt[part]), draws.part(part)).squared_norm
             for part in student.parts(FITTED)]
    sampler.observe(draws.timestep, torch.cat(norms))
    return sampler.proposal(student.target)


def designs(ks: Sequence[int], ways: Sequence[str] = tuple(WAYS)) -> list[tuple[str, int]]:
    """Ways and K that go together: those that need pairs at even K alone."""
    return [(name, k) for name in ways for k in ks if noises.allows(WAYS[name].noise, k)]


def measure(student: Student, groups: int, count: int, ks: Sequence[int], ways: Sequence[str] = tuple(WAYS),
            cost: Costs | None = None, report: Callable[[], None] = lambda: None) -> Record:
    """The account of a student as it stands; it is trained a little by the timing. ks: 1 and others. Intervals: 95 %,
    by bootstrap over the batches of outputs, whose number is ``groups``. ways: iid and others. cost: if it is known
    already. report: called groups x count times for each of ``designs``."""
    within, between = {}, []
    for name, k in designs(ks, ways):
        found = replicates(student, WAYS[name], k, groups, count, report)
        within[name, k] = set_variance(found)
        between.append(between_items(found))
    boot = Bootstrap(groups, generator(student.seed, "account: groups"))
    outputs = boot.mean(torch.stack(between).mean(0))  # the same outputs behind all: the same expectation
    sets = {design: boot.mean(column) for design, column in within.items()}
    plain, cost = sets[PLAIN, 1], cost or costs(student)
    rho = torch.where(outputs > 0, plain / outputs, torch.inf)
    both = {"push": cost.push, "whole": cost.whole}
    rows = [{"way": name, "k": k, "conditional": interval(plain / sets[name, k], groups),
             "total": interval((outputs + plain) / (outputs + sets[name, k]), groups),
             "ecm": {kind: interval(_ecm(outputs, plain, sets[name, k], k, student.own.outputs, each), groups)
                     for kind, each in both.items()}} for name, k in sets]
    largest = {name: max(k for way, k in sets if way == name) for name, _ in sets}
    kappa = {name: float((sets[name, k] * k / plain)[0]) for name, k in largest.items()}
    return {"outputs": student.own.outputs, "groups": groups, "replicates": count,
            "variance": {"outputs": interval(outputs, groups), "draw": interval(plain, groups),
                         "rho": interval(rho, groups)},
            "cost_ms": {kind: dataclasses.asdict(each) for kind, each in both.items()},
            "r": {kind: each.r for kind, each in both.items()}, "designs": rows,
            "best_k": {kind: {name: continuous_best_k(float(rho[0]), kappa[name], each.r) for name in kappa}
                       for kind, each in both.items()}}


def _ecm(outputs: Tensor, plain: Tensor, within: Tensor, k: int, count: int, cost: Cost) -> Tensor:
    """Effective compute over one iid draw, as in ``carv.allocate``."""
    found = [multiplier(work(float(s), float(w), count, 1, cost), work(float(s), float(v), count, k, cost))
             for s, w, v in zip(outputs, plain, within, strict=True)]
    return torch.tensor(found, dtype=torch.float64)


@dataclass(frozen=True)
class Costs:
    """Milliseconds. push: of the generator's update. whole: of a step, with the fake score's updates."""

    push: Cost
    whole: Cost


def costs(student: Student) -> Costs:
    """From medians of whole updates, in turn, at two numbers of outputs and two K; the student is trained by them."""
    own, sampler = student.own, student.sampler
    sizes = sorted({max(own.outputs // 2, 1), own.outputs + (own.outputs == 1)})
    pushed: dict[tuple[int, int], list[float]] = {}
    learned: dict[int, list[float]] = {}
    began = time.perf_counter()
    for number in range(ROUNDS):
        for outputs in sizes:
            for k in (1, 4):
                student.own = dataclasses.replace(own, outputs=outputs, k=k)
                student.sampler = carv.Sampler(k, stratified=own.stratified, noise="iid")
                pushed.setdefault((outputs, k), []).append(_ms(student, partial(student.push, number, 1.0)))
            start = student.start(number, "account: timed")
            made = student.made(student.generator, start)
            learned.setdefault(outputs, []).append(_ms(student, partial(student.learn, number, made, start)))
        if number and time.perf_counter() - began > LONG_S:
            break
    student.own, student.sampler = own, sampler
    push = step_cost([(outputs, k, _median(times)) for (outputs, k), times in pushed.items()])
    small, large = (own.fake_updates * _median(learned[outputs]) for outputs in sizes)
    each = max(large - small, 0.0) / (sizes[1] - sizes[0])
    return Costs(push, Cost(push.c0 + max(large - each * sizes[1], 0.0), push.a + each, push.b))


def _median(times: list[float]) -> float:
    """Of all but the first."""
    return float(torch.tensor(times[1:]).median())


def _ms(student: Student, call: Callable[[], object]) -> float:
    began = now_ms(student.denoiser.device)
    call()
    return now_ms(student.denoiser.device) - began


def choose(student: Student) -> tuple[int, int]:
    """Outputs and draws of each that a step should have: those whose gradient has the least variance among steps that
    cost as much as today's outputs with one draw, the fake score's updates counted. The student is as before."""
    way = "strata, antithetic" if student.own.stratified else PLAIN
    with student.preserved():
        timed = costs(student)
        student.reshape(min(student.own.outputs, CHOSEN_ON), 1)  # its variance is as 1 over the outputs
        found = measure(student, *CHOOSING, ways=[PLAIN, way] if way != PLAIN else [PLAIN], cost=timed)
    cost = Cost(**found["cost_ms"]["whole"])
    here = found["variance"]["outputs"]["value"], found["variance"]["draw"]["value"]
    best: tuple[float, int, int] | None = None
    for row in found["designs"]:
        if row["way"] in (way, PLAIN):
            count = max(round(student.own.outputs * (cost.a + cost.b) / (cost.a + row["k"] * cost.b)), 1)
            spread = (here[0] + here[1] / row["conditional"]["value"]) / count
            best = min(best or (spread, count, row["k"]), (spread, count, row["k"]))
    assert best is not None
    return best[1], best[2]


def table(found: Record) -> list[str]:
    """The account as lines for people."""
    variance, cost, r = found["variance"], found["cost_ms"], found["r"]
    lines = [f"{found['outputs']} outputs in a step; {found['groups']} batches of them, {found['replicates']} sets "
             "each; [95 % intervals over batches]",
             f"variance of a step's gradient: from outputs {_number(variance['outputs'])}, from one draw of each "
             f"{_number(variance['draw'])}, rho {_number(variance['rho'])}",
             f"cost, ms: {_cost(cost['push'])}; with the fake score's updates {_cost(cost['whole'])}",
             f"R, an output's cost over a draw's: {r['push']:.2f}; with the fake's updates {r['whole']:.2f}", ""]
    rows = [("draws", "K", "variance, outputs fixed", "variance, fresh outputs", "ECM", "ECM with fake", "K*",
             "K* with fake")]
    for row in found["designs"]:
        best = [f"{found['best_k'][kind][row['way']]:.1f}" for kind in r]
        rows.append((row["way"], str(row["k"]), *(_number(each) for each in (
            row["conditional"], row["total"], row["ecm"]["push"], row["ecm"]["whole"])), *best))
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return [*lines, "", "Variances are those of one iid draw over the design's, so above 1 is better; ECM is effective "
            "compute, variance times cost, over one iid draw of each output."]


def _cost(found: dict[str, float]) -> str:
    return f"a step {found['c0']:.3g}, an output {found['a']:.3g}, a draw {found['b']:.3g}"


def _number(found: dict[str, float]) -> str:
    return f"{found['value']:.3g} [{found['low']:.3g}, {found['high']:.3g}]"
