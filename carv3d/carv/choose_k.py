"""The choice of K: moving averages of what was measured, and the decision that follows from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from carv3d.carv import noise as noises
from carv3d.carv.allocate import Cost, best_k, work

CHOICES = (1, 2, 4, 8, 16)
REFERENCES = (2, 8)  # sizes of the structured sets that are measured; kappa at other K is interpolated in log K
MEMORY = 0.7  # of the moving averages, per measurement
HYSTERESIS = 0.9  # K changes only where the predicted variance x cost falls below this share of the current one


@dataclass(frozen=True)
class Account:
    """Moving averages of what one measurement after another found: numerators only, ratios come after.

    within: variance of one iid draw, W. within_2, within_8: of structured sets of 2 and of 8. between: S_B. weight:
    total weight of the averages, 0 before the first measurement.
    """

    within: float = 0.0
    within_2: float = 0.0
    within_8: float = 0.0
    between: float = 0.0
    weight: float = 0.0

    def add(self, within: float, within_2: float, within_8: float, between: float) -> Account:
        new = (within, within_2, within_8, between, 1.0)
        old = (self.within, self.within_2, self.within_8, self.between, self.weight)
        return Account(*(MEMORY * a + b for a, b in zip(old, new, strict=True)))

    def kappa(self, k: int) -> float:
        """K V(K) / W of the sets that a run draws; 1 means no better than iid. Flat beyond 8."""
        if k == 1 or self.within <= 0:
            return 1.0
        measured = zip(REFERENCES, (self.within_2, self.within_8), strict=True)
        two, eight = (max(n * v / self.within, 1e-3) for n, v in measured)
        return float(two * (eight / two) ** min(math.log(k / 2) / math.log(4), 1.0))

    def set_variance(self, k: int) -> float:
        """V(K), the within variance of one view's set of K."""
        return self.kappa(k) * self.within / self.weight / k

    @property
    def rho(self) -> float:
        """W / S_B, infinite where no between variance is seen."""
        return self.within / self.between if self.between > 0 else float("inf")


def allowed(noise: str) -> tuple[int, ...]:
    """The K that ``estimator.k=auto`` may choose: those that a named noise mode allows."""
    return tuple(k for k in CHOICES if noise == "auto" or noises.allows(noise, k))


def decide(account: Account, cost: Cost, items: int, current: int, choices: Sequence[int]) -> dict[str, Any]:
    """The next K and the inputs it follows from: a pure function, so a decision in metrics.jsonl can be replayed."""
    between = max(account.between / account.weight, 0.0)
    spent = {k: work(between, account.set_variance(k), items, k, cost) for k in {*choices, current}}
    best = best_k(between, {k: account.set_variance(k) for k in choices}, items, cost)
    better = spent[best] < HYSTERESIS * spent[current]
    return {"k": best if better or current not in choices else current, "best_k": best, "current_k": current,
            "rho": account.rho if account.between > 0 else None, "kappa": {k: account.kappa(k) for k in choices},
            "r": cost.r, "items": items,
            "account": asdict(account), "cost": asdict(cost), "choices": list(choices)}


def replay(decision: dict[str, Any]) -> int:
    """The K that a recorded decision leads to, from its recorded inputs."""
    again = decide(Account(**decision["account"]), Cost(**decision["cost"]), decision["items"], decision["current_k"],
                   decision["choices"])
    return int(again["k"])
