"""The choice of K, and of B: what pairs of a run's own steps show of ways of drawing, and what follows from that.

A way is (B, K). Two successive steps drawn in one way are a pair: half their gradients' squared distance is unbiased
for the variance of a step, but for how far the scene moved in between, and the product of their gradients for the
squared norm of what both estimate; their milliseconds are the cost. So a run measures by training: for a few steps it
takes turns between its present way and others, and no step is thrown away; all that is assumed is that a variance goes
with about one over the number of views (``ALIKE``). Only ratios between two ways, and |g|^2 over a view's variance, are
kept from one measurement to the next, since the scale of a gradient changes along a run.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from carv3d.carv import noise as noises
from carv3d.carv.allocate import Cost

CHOICES = (1, 2, 4, 8, 16)
FIRST_K = 2  # before anything is known: twos never lose much, and a measurement looks at what is above
FORGET = 0.5  # weight of what earlier measurements found of a ratio, at each new one
SURE = 0.5  # standard errors by which another way must be better
ALIKE = 0.1  # standard error, in logarithms, of views being independent: of variance going with one over their number


class Way(NamedTuple):
    """How a step draws: B views, K draws of each."""

    items: int
    k: int


def allowed(noise: str) -> tuple[int, ...]:
    """The K that ``estimator.k=auto`` may choose: those that a named noise mode allows."""
    return tuple(k for k in CHOICES if noise == "auto" or noises.allows(noise, k))


def candidates(present: Way, items: Sequence[int], ks: Sequence[int], widely: bool) -> list[Way]:
    """The present way and those beside it: with the next K and the next B up and down, of those allowed; widely, with
    every smaller K instead, which costs less to look at than what is above."""
    if widely and ks:
        return [present, *(Way(present.items, k) for k in ks if k < present.k)]
    ways = [Way(present.items, k) for k in ks if present.k / 2 <= k <= 2 * present.k]
    ways += [Way(b, present.k) for b in items if present.items / 2 <= b <= 2 * present.items]
    return [present, *sorted({*ways} - {present})]


@dataclass(frozen=True)
class Found:
    """What the pairs of one way showed, one in each turn: its variance, its product, its second step's milliseconds. Of
    a pair that is not known, since the scene grew in between or something was not finite, the variance is 0."""

    variance: list[float]
    product: list[float]
    ms: list[float]

    @property
    def known(self) -> bool:
        """Whether there is enough to go by."""
        return sum(variance > 0 for variance in self.variance) > 1

    def over(self, other: Found) -> Ratio | None:
        """Of the variances, turn by turn, so that what changes along a measurement cancels; None for fewer than two
        turns that both know."""
        logs = [math.log(mine / theirs) for mine, theirs in zip(self.variance, other.variance) if mine * theirs > 0]
        if len(logs) < 2:
            return None
        return Ratio(statistics.fmean(logs), statistics.variance(logs) / len(logs))


class Ratio(NamedTuple):
    """A logarithm of variances, and the square of its standard error."""

    log: float
    error: float

    def joined(self, earlier: Ratio) -> Ratio:
        mine, theirs = 1 / (self.error + 1e-12), FORGET / (earlier.error + 1e-12)
        return Ratio((mine * self.log + theirs * earlier.log) / (mine + theirs), 1 / (mine + theirs))


@dataclass(frozen=True)
class Account:
    """What is kept from one measurement to the next. ratios: "B K / B K" -> variance of the first over the second's.
    signal: squared norm of the gradient over the variance that one view leaves. measured: how many measurements that is
    a mean of, each counting half of the one after it."""

    ratios: dict[str, Ratio] = field(default_factory=dict)
    signal: float = 0.0
    measured: float = 0.0

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Account:
        """Of ``state``; an earlier edition's says nothing that this one could use."""
        return cls({name: Ratio(*pair) for name, pair in state.get("ratios", {}).items()},
                   float(state.get("signal", 0.0)), float(state.get("measured", 0.0)))

    def state(self) -> dict[str, Any]:
        return {"ratios": {name: list(ratio) for name, ratio in self.ratios.items()}, "signal": self.signal,
                "measured": self.measured}

    def learned(self, found: Mapping[Way, Found]) -> Account:
        """After one more measurement."""
        ratios = dict(self.ratios)
        for (a, one), (b, other) in itertools.permutations(found.items(), 2):
            if (ratio := one.over(other)) is not None:
                name = _name(a, b)
                ratios[name] = ratio.joined(ratios[name]) if name in ratios else ratio
        product = statistics.fmean(x for one in found.values() for x in one.product)
        a_view = statistics.fmean(way.items * x for way, one in found.items() for x in one.variance)
        earlier = FORGET * self.measured
        return Account(ratios, (product / a_view + earlier * self.signal) / (1 + earlier), 1 + earlier)

    def ratio(self, way: Way, other: Way) -> Ratio | None:
        """None where they have never been seen together. Of ways that differ in B alone it is what was seen, joined
        with what independent views would make of it."""
        if way == other:
            return Ratio(0.0, 0.0)
        seen = self.ratios.get(_name(way, other))
        if seen is None or way.k != other.k:
            return seen
        mine, prior = 1 / (seen.error + 1e-12), 1 / ALIKE**2
        return Ratio((mine * seen.log + prior * math.log(other.items / way.items)) / (mine + prior), 1 / (mine + prior))


def _name(a: Way, b: Way) -> str:
    return f"{a.items} {a.k} / {b.items} {b.k}"


def decide(account: Account, found: Mapping[Way, Found], present: Way, cost: Cost | None = None
           ) -> tuple[Account, dict[str, Any]]:
    """The account after a measurement, and the decision with the inputs that it follows from: a pure function, so that
    one in metrics.jsonl can be replayed.

    cost: what a step costs, where that is given; else the median milliseconds of each way. The figure is the second
    moment of a step's gradient, |g|^2 + variance, times cost: what a stochastic gradient method with the best rate
    needs for a given descent is proportional to it (McCandlish et al., arXiv 1812.06162). Where noise is nearly all it
    is variance times cost; where the gradient itself is what is left, neither draws nor views bring anything. That
    Adam averages successive gradients changes nothing: what noise adds up to over many steps is the same. Another way
    is taken if its figure is least, and less than the present one's by half a standard error.
    """
    found = {way: one for way, one in found.items() if one.known}
    inputs = {"before": account.state(), "found": [[*way, asdict(one)] for way, one in found.items()],
              "items": present.items, "present_k": present.k,
              "given": None if cost is None else asdict(cost)}
    if present not in found:
        return account, {"k": present.k, "b": present.items, **inputs}
    account = account.learned(found)
    known = {way: ratio for way in found if (ratio := account.ratio(way, present)) is not None}
    signal = max(account.signal, 0.0) * present.items
    share = signal / (signal + 1)  # of the second moment, which no draw changes
    ms = {way: statistics.median(found[way].ms) if cost is None else cost.step(*way) for way in known}
    figures = {way: math.log(share + (1 - share) * math.exp(ratio.log)) + math.log(ms[way] / ms[present])
               for way, ratio in known.items()}
    sure = {way: figures[way] + SURE * (1 - share) * known[way].error**0.5 for way in known}
    best = min(known, key=lambda way: sure[way])
    chosen = best if sure[best] < 0 else present
    table = [{"b": way.items, "k": way.k, "variance": math.exp(known[way].log), "ms": ms[way],
              "figure": math.exp(figures[way]), "error": known[way].error**0.5} for way in sorted(known)]
    return account, {"k": chosen.k, "b": chosen.items, "ways": table, "signal_share": share, **inputs}


def replay(decision: Mapping[str, Any]) -> Way:
    """The way that a recorded decision leads to, from its recorded inputs."""
    found = {Way(items, k): Found(**one) for items, k, one in decision["found"]}
    given = decision["given"] and Cost(**decision["given"])
    again = decide(Account.of(decision["before"]), found, Way(decision["items"], decision["present_k"]),
                   given or None)[1]
    return Way(again["b"], again["k"])
