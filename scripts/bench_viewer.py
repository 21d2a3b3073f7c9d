"""What the live viewer costs a training: seconds a step with a browser's connection open, over none, within one run.

usage: python scripts/bench_viewer.py [--block 40] [--rounds 8] [key=value ...]

One run, its steps in blocks: nobody looks, somebody looks from one place, somebody turns the scene all the time; in
each round in another order. What looks is ``scripts/live_client.py`` in a process of its own, 1280 x 800 pixels, which
sends and receives as a browser does and draws nothing. Medians over rounds of each block's time over that of the block
without, least and most beside them.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from carv3d import config as configuration
from carv3d.commands.live import guard
from carv3d.commands.live.viewer import Viewer
from carv3d.runs.clock import Clock
from carv3d.runs.environment import cpu_name
from carv3d.runs.folder import Run
from carv3d.runs.stopping import StopSignal
from carv3d.runtime.progress import say
from carv3d.text3d import build
from carv3d.text3d.loop import Observer, train

CLIENT = Path(__file__).parent / "live_client.py"
WAYS = ("nobody", "still", "turning")
STEADY = ("data.width=64", "data.height=64", "estimator.k=2")  # every step costs the same


class Blocks(Observer):
    """Connects and disconnects between blocks; the time for that is in none. seconds: of the blocks, by way."""

    def __init__(self, viewer: Viewer, address: str, block: int, rounds: int, warm_up: int):
        self.viewer, self.address, self.block, self.warm_up = viewer, address, block, warm_up
        order = random.Random(0)
        self.plan = [way for _ in range(rounds) for way in order.sample(WAYS, len(WAYS))]
        self.seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        self.client: subprocess.Popen[bytes] | None = None
        self.began = 0.0

    def progress(self, step: int) -> None:
        past = step - self.warm_up
        if past < 0 or past % self.block:
            return
        number = past // self.block
        if number:
            self.seconds[self.plan[number - 1]].append(time.perf_counter() - self.began)
        if self.client:
            self.client.kill()
            self.client.wait()
            self.client = None
        if number < len(self.plan):
            self._wait(0)
            if (way := self.plan[number]) != "nobody":
                self.client = subprocess.Popen([sys.executable, str(CLIENT), self.address, way])
                self._wait(1)
            self.began = time.perf_counter()

    def _wait(self, clients: int) -> None:
        while len(self.viewer.server.get_clients()) != clients:
            time.sleep(0.01)
        time.sleep(0.5)


def main() -> int:
    known = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    known.add_argument("--block", type=int, default=40)
    known.add_argument("--rounds", type=int, default=8)
    known.add_argument("overrides", nargs="*")
    args = known.parse_args()
    warm_up = 100
    steps = warm_up + args.block * len(WAYS) * args.rounds
    config = configuration.load(None, ["prompt=a red mushroom", "viewer.port=0", *STEADY, *args.overrides,
                                       f"trainer.max_steps={steps}"])
    build.settle(config)
    build.set_up_kernels(config, say)
    with tempfile.TemporaryDirectory() as folder:
        trainer, clock = build.trainer(config), Clock()
        run = Run.create(config, {}, Path(folder) / "run")
        server, address = guard.open_server(config.viewer.host, config.viewer.port)
        viewer = Viewer(server, run, trainer, clock, StopSignal())
        blocks = Blocks(viewer, address, args.block, args.rounds, warm_up)
        train(trainer, 0, [viewer, blocks], clock=clock)
        viewer.close()
    images = clock.seconds["viewer"] / sum(map(sum, blocks.seconds.values()))
    print(f"{cpu_name()}; {args.rounds} rounds of {args.block} steps, share {config.viewer.share:g}; of all time the "
          f"viewer took {images:.3f}")
    alone = blocks.seconds["nobody"]
    print(f"nobody looks: {1e3 * statistics.median(alone) / args.block:.1f} ms a step")
    for way in WAYS[1:]:
        ratios = [mine / other for mine, other in zip(blocks.seconds[way], alone, strict=True)]
        print(f"{way}: {statistics.median(ratios):.3f} times that (least {min(ratios):.3f}, most {max(ratios):.3f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
