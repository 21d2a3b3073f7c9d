"""From the raw numbers of a measurement to components, kappa, K* and the two figures of merit, with 95 % intervals.

Statistics are computed on rows: row 0 from the sample, the others from bootstrap resamples of its independent units
(cameras, batches of cameras, timed steps), the same resamples for every column, so that ratios keep their correlation.
Averages come first, ratios after.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from carv3d.carv import Design
from carv3d.carv import noise as noises
from carv3d.carv.allocate import Cost, best_k, continuous_best_k, multiplier, step_cost
from carv3d.carv.bootstrap import Bootstrap, interval
from carv3d.carv.noise import noise_mode
from carv3d.carv.variance import between_items
from carv3d.measure.records import PROPOSALS, SCOPE_BATCH, TIMED_ITEMS, Measured
from carv3d.runtime import rng
from carv3d.runtime.types import Record, Value

MOST_R = 1e6  # above it the timings have seen no cost of a draw
ALPHAS = (0.0, 1.0, 3.0, 10.0)  # simulated cost of a render, in draws


@dataclass
class Costs:
    """ms: (B,K) -> rows of median whole steps, housekeeping included. models: one fit per row."""

    ms: dict[tuple[int, int], Tensor]
    models: list[Cost]
    count: int

    @staticmethod
    def of(measured: Measured, seed: int) -> Costs | None:
        """None while not every (B,K) was timed twice."""
        times = measured.timings
        points = itertools.product(TIMED_ITEMS, measured.settings.k)
        if any(len(times.get(point, [])) < 2 for point in points):
            return None
        housekeeping = sum(measured.housekeeping) / len(measured.housekeeping)
        ms = {}
        for point, column in times.items():
            generator = rng.generator(seed, f"measure bootstrap {point}", measured.step)
            ms[point] = Bootstrap(len(column), generator).median(column) + housekeeping
        rows = zip(*(column.tolist() for column in ms.values()))
        models = [step_cost([(*point, value) for point, value in zip(ms, row)]) for row in rows]
        return Costs(ms, models, min(map(len, times.values())))

    def rows(self, name: str) -> Tensor:
        """c0, a, b or r of every fit; r is infinite where no cost of a draw was seen."""
        values = torch.tensor([getattr(model, name) for model in self.models], dtype=torch.float64)
        return torch.where(values > MOST_R, torch.inf, values) if name == "r" else values

    def report(self) -> Record:
        points = [{"items": b, "k": k, "ms": interval(rows, self.count)} for (b, k), rows in self.ms.items()]
        return {"c0_ms": interval(self.rows("c0"), self.count), "a_ms": interval(self.rows("a"), self.count),
                "b_ms": interval(self.rows("b"), self.count), "r": interval(self.rows("r"), self.count),
                "points": points}


@dataclass
class Variances:
    """Rows of the components and of each design's V(K). within: W, of one uniform iid draw.

    Where all is independent V(K) = W/K is no assumption, so those sets are pooled over K; ``plain`` keeps what uniform
    iid sets gave at each K, for K V(K) / W must come out as 1.
    """

    between: Tensor
    noise: Tensor
    within: Tensor
    sets: dict[Design, Tensor]
    plain: dict[int, Tensor]
    count: int

    @staticmethod
    def of(measured: Measured, seed: int) -> Variances | None:
        """None before the second camera."""
        rows = measured.cameras
        if len(rows) < 2:
            return None
        boot = Bootstrap(len(rows), rng.generator(seed, "measure bootstrap cameras", measured.step))
        sets = {design: boot.mean([row.within[design] for row in rows]) for design in rows[0].within}
        plain = {k: sets[design_of(("uniform", False, "iid"), k)] for k in measured.settings.k}
        for proposal in PROPOSALS:
            designs = [design_of((proposal, False, "iid"), k) for k in measured.settings.k]
            single = torch.stack([design.k * sets[design] for design in designs]).mean(0)
            sets |= {design: single / design.k for design in designs}
        return Variances(boot.mean(between_items(torch.stack([row.halves for row in rows]))),
                         boot.mean([row.noise for row in rows]), sets[Design("uniform", False, "iid", 1)], sets, plain,
                         len(rows))

    def number(self, rows: Tensor) -> dict[str, float]:
        return interval(rows, self.count)

    @property
    def rho(self) -> Tensor:
        return torch.where(self.between > 0, self.within / self.between, torch.inf)

    def components(self) -> dict[str, dict[str, float]]:
        rows = {"between": self.between, "within_time": self.within - self.noise, "within_noise": self.noise,
                "within": self.within, "rho": self.rho}
        return {name: self.number(row) for name, row in rows.items()}


def design_of(how: tuple[str, bool, str], k: int) -> Design:
    """The design that a combination (proposal, stratified, noise) means at K: what K forbids falls away."""
    proposal, stratified, noise = how
    return Design(proposal, stratified and k > 1, noise if noises.allows(noise, k) and k > 1 else "iid", k)


def named() -> dict[str, tuple[str, bool, str]]:
    """The combinations (proposal, stratified, noise) that tables and plots name: the paper's, and ours."""
    mode = noise_mode("auto", 2)
    pairs = mode.replace("_", "-")
    return {"reuse alone": ("uniform", False, "iid"), "importance": ("weight", False, "iid"),
            "strata": ("uniform", True, "iid"), "importance + strata": ("weight", True, "iid"),
            f"strata + {pairs}": ("uniform", True, mode), f"importance + strata + {pairs}": ("weight", True, mode),
            f"adaptive + strata + {pairs}": ("adaptive", True, mode),
            f"oracle + strata + {pairs}": ("oracle", True, mode)}


def merit(design: Design, variances: Variances, costs: Costs | None) -> Record:
    """One design's kappa, relative efficiency and multipliers (baseline: uniform iid, K = 1, iid cameras).

    re: at equal (B, K). ecm: whole-step cost, the variant at B = 1, the baseline at each B of TIMED_ITEMS. ecm_alpha: a
    render costs alpha draws and a step nothing else.
    """
    v, k = variances, design.k
    single, total = v.between + v.within, v.between + v.sets[design]
    out = {**design._asdict(), "within": v.number(v.sets[design]), "kappa": v.number(k * v.sets[design] / v.within),
           "re": v.number((v.between + v.within / k) / total),
           "ecm_alpha": {f"{alpha:g}": v.number(multiplier(single * (alpha + 1), total * (alpha + k)))
                         for alpha in ALPHAS}}
    if costs:
        out["variance_ms"] = v.number(total * costs.ms[1, k])
        out["ecm"] = {str(b): v.number(multiplier(single / b * costs.ms[b, 1], total * costs.ms[1, k]))
                      for b in TIMED_ITEMS}
    return out


def allocation(how: tuple[str, bool, str], items: int, variances: Variances, costs: Costs, ks: tuple[int, ...]) -> dict:
    """Best K of a combination by the whole cost model, and by the formula with the mean kappa over K >= 2."""
    v = variances
    by_k = {k: v.sets[design_of(how, k)].tolist() for k in ks}
    best = [best_k(max(between, 0.0), {k: rows[i] for k, rows in by_k.items()}, items, costs.models[i])
            for i, between in enumerate(v.between.tolist())]
    kappa = torch.stack([k * v.sets[design_of(how, k)] for k in ks if k > 1]).mean(0) / v.within
    formula = [continuous_best_k(*row) for row in zip(v.rho.tolist(), kappa.tolist(), costs.rows("r").tolist())]
    return {"proposal": how[0], "stratified": how[1], "noise": how[2], "kappa": v.number(kappa),
            "best_k": v.number(torch.tensor(best).double()), "k_star": v.number(torch.tensor(formula).double())}


def summarise(measured: Measured, items: int, seed: int) -> Record:
    """The report of one state, as far as its phases came; numbers are {value, low, high} or None where infinite.

    items: the B for which the best K is sought.
    """
    variances, costs = Variances.of(measured, seed), Costs.of(measured, seed)
    out: Record = {"step": measured.step, "width": measured.width, "height": measured.height,
                           **asdict(measured.settings), "cameras": len(measured.cameras)}
    if measured.rms is not None:
        shown = torch.arange(0, len(measured.rms), max(len(measured.rms) // 250, 1))
        target = measured.proposals["uniform"].density
        shown = shown[target[shown] > 0]
        out["norms"] = {"timestep": shown.tolist(), "rms": measured.rms[shown].tolist(), "q_over_p": {
            name: (q.density[shown] / target[shown]).tolist() for name, q in measured.proposals.items()}}
    if costs:
        out["cost"] = costs.report()
    if variances:
        out["components"] = variances.components()
        out["iid_check"] = {k: variances.number(k * rows / variances.within) for k, rows in variances.plain.items()}
        out["sets"] = [merit(design, variances, costs) for design in variances.sets]
        out["camera_strata"] = list(_camera_strata(measured, variances, seed))
        out["scope"] = list(_scope(measured, variances, seed))
    if variances and costs:
        hows = itertools.product(PROPOSALS, (False, True), noises.MODES)
        out["allocation"] = [allocation(how, items, variances, costs, measured.settings.k) for how in hows]
    return _finite(out)


def _camera_strata(measured: Measured, variances: Variances, seed: int) -> Iterator[Record]:
    """kappa_cam: between variance of batches of B stratified cameras, times B, over that of iid ones."""
    for items, batches in measured.strata.items():
        if len(batches) >= 2:
            boot = Bootstrap(len(batches), rng.generator(seed, f"measure bootstrap strata {items}", measured.step))
            rows = items * boot.mean(between_items(torch.stack(batches))) / variances.between
            yield {"items": items, "kappa_cam": interval(rows, len(batches))}


def _scope(measured: Measured, variances: Variances, seed: int) -> Iterator[Record]:
    """Within variance of a batch under strata per render and under global ones, as kappa, and their ratio."""
    for k, pairs in measured.scope.items():
        if len(pairs) >= 2:
            boot = Bootstrap(len(pairs), rng.generator(seed, "measure bootstrap scope", measured.step))
            each, shared = (boot.mean([pair[i] for pair in pairs]) for i in (0, 1))
            scale = SCOPE_BATCH * k / variances.within
            yield {"items": SCOPE_BATCH, "k": k, "per_render": interval(scale * each, len(pairs)),
                   "global": interval(scale * shared, len(pairs)), "ratio": interval(shared / each, len(pairs))}


def _finite(node: Value) -> Value:
    if isinstance(node, dict):
        return {key: _finite(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_finite(value) for value in node]
    return None if isinstance(node, float) and not math.isfinite(node) else node
