"""Where the noise of a step is, and what each device takes of it, by guidance: what docs/guidance.md says of them.

usage: python scripts/study_guidance.py [--teachers bundled,flow,exact] [--guidance 1,2,7.5,25,100] [--remedies]
                                        [--cameras 16] [--workers 1]

A NeRF of the defaults after 150 steps with that teacher at that guidance; gradients in parameter space. For each: rho,
the share of noise in the variance within views, kappa of the ways of drawing, and what the best K of each buys where a
view costs R draws. --remedies: at guidance 7.5 and above also with objective.rescale and objective.x0_limit. Intervals
are bootstraps over cameras. Rows go to docs/guidance/kappa.csv in place of what it said of the same states. Nothing is
timed. One to three minutes a state.
"""

from __future__ import annotations

import argparse
import csv
import io
import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import torch
from study_draws import STEPS, trained
from torch import Tensor

from carv3d import carv
from carv3d.carv import Design
from carv3d.carv.bootstrap import Bootstrap, interval
from carv3d.carv.variance import Sketch, between_items
from carv3d.measure.collect import measure_cameras
from carv3d.measure.records import Measured, Settings
from carv3d.runtime import rng
from carv3d.runtime.files import write_text
from carv3d.runtime.progress import say
from carv3d.text3d.trainer import Trainer

TABLE = Path(__file__).resolve().parent.parent / "docs" / "guidance" / "kappa.csv"
REPLICATES, SKETCH = 3, 8192
REMEDIES = {"none": (), "rescale": ("objective.rescale=0.5",), "limit": ("objective.x0_limit=3",)}
PLAIN = Design("uniform", False, "iid", 1)
K = (2, 4, 8)
WAYS = {"importance (weight)": ("weight", False, "iid"), "importance (adaptive)": ("adaptive", False, "iid"),
        "strata": ("uniform", True, "iid"), "weight + strata": ("weight", True, "iid"),
        "adaptive + strata": ("adaptive", True, "iid"), "strata + pairs": ("uniform", True, "antithetic"),
        "adaptive + strata + pairs": ("adaptive", True, "antithetic"),
        "adaptive + strata + zero-sum": ("adaptive", True, "zero_sum")}
LADDERS = {"reuse": None, "paper: weight + strata": "weight + strata", "adaptive + strata": "adaptive + strata",
           "all: adaptive + strata + pairs": "adaptive + strata + pairs"}
VIEW_COSTS = (0.5, 1.0, 2.0, 5.0, 10.0)  # R: a view's cost over that of a draw


class State(NamedTuple):
    teacher: str
    guidance: float
    remedy: str


class Ways(Settings):
    """The designs that are looked at: of single draws importance alone, of three what odd numbers allow."""

    @property
    def designs(self) -> list[Design]:
        single = [PLAIN, *(Design(*WAYS[way], 1) for way in ("importance (weight)", "importance (adaptive)"))]
        three = [Design("adaptive", True, noise, 3) for noise in ("iid", "zero_sum")]
        return [*single, *three, *(Design(*how, k) for k in K for how in WAYS.values() if how[1])]


def looked_at(trainer: Trainer, cameras: int) -> Measured:
    """With the proposal that the run has come to as the adaptive one."""
    config, target = trainer.config, trainer.target(STEPS)
    own = trainer.sampler.proposal(target)
    width, height = (round(side.at(STEPS)) for side in (config.data.width, config.data.height))
    measured = Measured(STEPS, width, height, Ways(cameras, REPLICATES, (1, *K)))
    measured.proposals = {"uniform": carv.make_proposal(own.target), "adaptive": own,
                          "weight": carv.make_proposal(own.target, trainer.weight.cpu().double())}
    sketch = Sketch.make(sum(p.numel() for p in trainer.parameters), SKETCH, rng.generator(config.run_seed, "study", 0))
    measure_cameras(trainer, measured, sketch)
    return measured


def quantities(measured: Measured) -> Iterator[tuple[str, Tensor]]:
    """Name; value and resamples [1+RESAMPLES]."""
    rows = measured.cameras
    boot = Bootstrap(len(rows), rng.generator(0, "study bootstrap", 0))
    sets = {design: boot.mean([row.within[design] for row in rows]) for design in rows[0].within}
    between = boot.mean(between_items(torch.stack([row.halves for row in rows])))
    within = sets[PLAIN]
    yield "rho", torch.where(between > 0, within / between, torch.inf)
    yield "noise in within", boot.mean([row.noise for row in rows]) / within
    for way, how in WAYS.items():
        for k in (1, *K):
            if (design := Design(*how, k)) in sets:
                yield f"kappa, K {k}: {way}", k * sets[design] / within
    for k, above, below in ((2, "antithetic", "iid"), (3, "zero_sum", "iid"), (4, "zero_sum", "antithetic"),
                            (8, "zero_sum", "antithetic")):
        over, under = (sets[Design("adaptive", True, noise, k)] for noise in (above, below))
        yield f"K {k}: {above} over {below}", over / under
    for view in VIEW_COSTS:
        for name, way in LADDERS.items():
            of_k = {k: within / k if way is None else sets[Design(*WAYS[way], k)] for k in K}
            if way is None or not WAYS[way][0] == "adaptive":
                of_k[1] = within
            else:
                of_k[1] = sets[Design(*WAYS["importance (adaptive)"], 1)]
            gain = {k: (between + within) * (view + 1) / ((between + of_k[k]) * (view + k)) for k in sorted(of_k)}
            best = max(gain, key=lambda k: gain[k][0].item())
            yield f"R {view:g}: {name}, best K", torch.full_like(within, best)
            yield f"R {view:g}: {name}", gain[best]


def study(state: State, cameras: int) -> list[list[str]]:
    torch.set_num_threads(1)
    options = f"teacher.type={state.teacher}", f"objective.guidance_scale={state.guidance}", *REMEDIES[state.remedy]
    measured = looked_at(trained(*options), cameras)
    rows = []
    for quantity, values in quantities(measured):
        numbers = interval(values, len(measured.cameras))
        rows.append([state.teacher, f"{state.guidance:g}", state.remedy, quantity,
                     *(f"{numbers[key]:.4g}" for key in ("value", "low", "high"))])
    say(f"{state.teacher}, guidance {state.guidance:g}, {state.remedy}: done")
    return rows


def record(rows: list[list[str]]) -> None:
    """Rows of the same states are replaced."""
    old = list(csv.reader(TABLE.read_text(encoding="utf-8").splitlines()))[1:] if TABLE.exists() else []
    new = {tuple(row[:3]) for row in rows}
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [["teacher", "guidance", "remedy", "quantity", "value", "low", "high"],
         *(row for row in old if tuple(row[:3]) not in new), *rows])
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    write_text(TABLE, text.getvalue())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teachers", default="bundled,flow,exact")
    parser.add_argument("--guidance", default="1,2,7.5,25,100")
    parser.add_argument("--remedies", action="store_true")
    parser.add_argument("--cameras", type=int, default=16)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    states = [State(teacher, float(guidance), remedy) for teacher in args.teachers.split(",")
              for guidance in args.guidance.split(",") for remedy in REMEDIES
              if remedy == "none" or (args.remedies and float(guidance) >= 7.5)]
    with ProcessPoolExecutor(args.workers, multiprocessing.get_context("spawn")) as pool:
        for rows in pool.map(study, states, [args.cameras] * len(states)):
            record(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
