"""What a run sees of ways of drawing in its own steps: pairs of them (``carv.choose_k``)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor

from carv3d.carv.choose_k import Account, Found, Way
from carv3d.runtime.types import State
from carv3d.text3d.timer import Moment, between

PAIRS = 3  # of steps of each way in a measurement
Pair = tuple[Tensor, Tensor, Moment, Moment]  # variance and product on the device; when the second step began and ended


@dataclass
class Probe:
    """present: the way of steps that measure nothing. queue: the ways of the steps to come of a measurement under way.
    pairs, found: what it has seen so far, as it came and read. first: of each scene the gradient of a pair's first
    step."""

    present: Way
    account: Account = field(default_factory=Account)
    measured: int = 0
    queue: list[Way] = field(default_factory=list)
    pairs: list[tuple[Way, Pair]] = field(default_factory=list)
    found: list[tuple[Way, tuple[float, float, float]]] = field(default_factory=list)
    first: dict[int, Tensor] = field(default_factory=dict)

    def begin(self, ways: list[Way], scenes: int) -> None:
        """Take turns between ways, forwards and backwards, a pair of steps of each scene at a time."""
        for turn in range(PAIRS):
            for way in ways if turn % 2 == 0 else reversed(ways):
                self.queue += [way] * (2 * scenes)

    def see(self, which: int, gradient: Tensor, scale: Tensor, began: Moment, ended: Moment) -> None:
        """A step of the measurement is done. gradient: of all parameters, [P]. scale: of each in Adam's space, [P]."""
        way = self.queue.pop(0)
        earlier = self.first.pop(which, None)
        if earlier is None:
            self.first[which] = gradient
        elif earlier.shape == gradient.shape:  # else the scene has grown
            one, other = earlier * scale, gradient * scale
            self.pairs.append((way, ((one - other).square().sum() / 2, one @ other, began, ended)))

    def read(self) -> list[tuple[Way, tuple[float, float, float]]]:
        """All that was found so far as numbers; waits for the device."""
        for way, (variance, product, began, ended) in self.pairs:
            self.found.append((way, (float(variance), float(product), between(began, ended))))
        self.pairs.clear()
        return self.found

    def settle(self) -> dict[Way, Found]:
        """The end of a measurement: what its pairs showed of each way, those left out that were not finite."""
        by_way: dict[Way, list[tuple[float, ...]]] = {}
        for way, numbers in self.read():
            if all(map(math.isfinite, numbers)):
                by_way.setdefault(way, []).append(numbers)
        self.found, self.measured = [], self.measured + 1
        self.first.clear()
        return {way: Found(*map(list, zip(*rows))) for way, rows in by_way.items()}

    def state(self) -> State:
        return {"present": list(self.present), "account": self.account.state(), "measured": self.measured,
                "queue": [list(way) for way in self.queue], "first": dict(self.first),
                "found": [[list(way), list(numbers)] for way, numbers in self.read()]}

    @classmethod
    def of(cls, state: State) -> Probe:
        """What ``state`` gave."""
        found = [(Way(*way), (float(a), float(b), float(c))) for way, (a, b, c) in state["found"]]
        return cls(Way(*state["present"]), Account.of(state["account"]), int(state["measured"]),
                   [Way(*way) for way in state["queue"]], [], found, dict(state["first"]))
