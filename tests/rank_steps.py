"""What training steps leave behind, in one process or on each rank: ``torchrun ... rank_steps.py OUT SD15_FOLDER``."""

import copy
import itertools
import sys
from pathlib import Path

import torch

from carv3d import config as configuration
from carv3d.runs.clock import Clock
from carv3d.runtime import distributed
from carv3d.text3d import auto_k, build
from carv3d.text3d.loop import train
from carv3d.text3d.step import train_step
from carv3d.text3d.timer import moment

SMALL = ["prompt=a red mushroom", "data.width=16", "data.height=16", "teacher.type=exact", "teacher.exact.set_size=8", "data.views=4",
         "export.video=false", "trainer.preview_every=0", "scene.nerf.levels=4", "scene.nerf.occupancy_resolution=16",
         "scene.nerf.table_size=2048"]
IMAGE = ["scene.type=image", "scene.image.size=16"]
GROWING = ["scene.type=gaussians", "scene.gaussians.count=200", "scene.gaussians.density.every=3",
           "scene.gaussians.density.start=3", "scene.gaussians.density.threshold=0.01", "loss.lambda_faint=1"]
CASES = {  # name -> overrides; four views a step
    "nerf": ["loss.lambda_sparsity=1", "loss.lambda_opaque=1", "estimator.chunk=1"],
    "gaussians": GROWING,
    "image": [*IMAGE, "estimator.k=1"],
}
VSD = ["objective.type=vsd", "objective.vsd.k=3", "objective.guidance_scale=7.5", "estimator.k=1", *IMAGE,
       "data.width=16", "data.height=16"]
AUTO = ["estimator.k=auto", *IMAGE]
STEPS = 4  # of which the last but one changes the number of Gaussians


class Same(distributed.Ranks):
    """A wrong one: every rank takes the first one's views."""

    def share(self, items: int) -> slice:
        return slice(0, items // self.size)


class Apart(distributed.Ranks):
    """A wrong one: nothing is added up."""

    def sum(self, tensors) -> None:
        pass


def trainer_of(world, *overrides):
    trainer = build.trainer(configuration.load(None, [*overrides, "data.batch_size=4"]), world)
    trainer.teacher.prepare()
    if trainer.scene.splats:
        with torch.no_grad():
            trainer.scene.log_scales[:, 0] += 0.5  # turning round ones has no gradient but rounding
    return trainer


def steps(world, *overrides, count: int = 1) -> dict:
    """The first step's gradient, draws and metrics, the state after it, and that after ``count`` steps."""
    trainer = trainer_of(world, *overrides)
    made = train_step(trainer, 0)
    parameters = [*trainer.scene.parameters(), *trainer.objective.parameters()]
    out = {"gradient": [p.grad.clone() for p in parameters], "drawn": made.replay,
           "grad_norm": made.metrics["grad_norm"], "draw_norm": made.metrics["draw_norm"],
           "loss_lora": made.metrics.get("loss_lora", 0.0), "finite": made.finite,
           "first": copy.deepcopy(trainer.state())}
    for step in range(1, count):
        train_step(trainer, step)
    return out | {"last": trainer.state()}


def broken(world, culprit: int) -> dict:
    """A step whose teacher answers nonsense on one rank."""
    trainer = trainer_of(world, *SMALL, *IMAGE)
    before, predict = trainer.scene.logits.detach().clone(), trainer.teacher.predict
    if world.rank == culprit:
        trainer.teacher.predict = lambda *rest: {name: value * torch.nan for name, value in predict(*rest).items()}
    finite = train_step(trainer, 0).finite
    return {"finite": finite, "moved": not torch.equal(trainer.scene.logits, before)}


def chosen(world) -> dict:
    """A decision on K with times that each rank takes for itself."""
    trainer, found = trainer_of(world, *SMALL, *AUTO), None
    auto_k.begin(trainer)
    for step in itertools.takewhile(lambda _: trainer.probe.queue, itertools.count()):
        began = moment(trainer.device)
        norm = train_step(trainer, step).metrics["grad_norm"]
        found = auto_k.seen(trainer, step, norm, began, moment(trainer.device) + 1e-3 * (1 + world.rank))
    return {"decision": found, "ledger": dict(trainer.ledger)}


class Skewed(Clock):
    """A clock that is 100 s ahead for each rank before."""

    rank = 0

    def lap(self, station: str) -> float:
        return super().lap(station) + 100 * self.rank


def hurried(world) -> int:
    """Steps done within 50 s of the first rank's clock."""
    clock = Skewed()
    clock.rank = world.rank
    trainer = trainer_of(world, *SMALL, *IMAGE, "budget.seconds=50", "trainer.max_steps=3")
    return train(trainer, 0, stop=lambda: world.any(False), clock=clock)


def everything(world, sd15: str) -> dict:
    out = {name: steps(world, *SMALL, *overrides, count=STEPS) for name, overrides in CASES.items()}
    teacher = ["prompt=a corgi", "teacher.type=stable-diffusion", f"teacher.path={sd15}", "teacher.dtype=float32"]
    return out | {"vsd": steps(world, *teacher, *VSD), "chosen": chosen(world)}


def workers() -> int:
    """This process's threads that wait for gloo."""
    return sum(each.read_text(encoding="utf-8").startswith("pt_gloo_runloop")
               for each in Path("/proc/self/task").glob("*/comm"))


def main(folder: Path, sd15: str) -> None:
    with distributed.world() as world:
        world.connect(torch.device("cpu"), [4])
        out = everything(world, sd15)
        out |= {f"broken {rank}": broken(world, rank) for rank in (-1, 1)}
        for kind in (Same, Apart):
            wrong = kind(world.rank, world.size, 0)
            wrong.group = world.group
            out[kind.__name__] = steps(wrong, *SMALL, *CASES["image"])
            wrong.group = None  # or it would keep what leave ends
        out["hurried"] = hurried(world)
        out["words"] = [world.any(world.rank == 1), world.any(False), world.first(f"of {world.rank}"),
                        world.mean({"a": world.rank, "b": 3.0})]
        world.require_same([torch.ones(3), torch.zeros(2, 2)])
        try:
            world.require_same([torch.ones(3), torch.full((2, 2), 1.0 + 2**-20 * world.rank)])
        except RuntimeError as error:
            out["words"].append(str(error))
        out["workers"] = [workers(), world.leave(), workers()]
        torch.save(out, folder / f"rank{world.rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
