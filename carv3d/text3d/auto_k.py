"""estimator.k=auto and data.batch_size=auto: a run that chooses how it draws by what its own steps show."""

from __future__ import annotations

import torch
from torch import Tensor

from carv3d.carv.allocate import Cost
from carv3d.carv.choose_k import Way, allowed, candidates, decide
from carv3d.config.schema import Config
from carv3d.runs.environment import peak_memory_mib
from carv3d.runtime import memory
from carv3d.runtime.types import Record
from carv3d.text3d import adam_space
from carv3d.text3d.timer import Moment
from carv3d.text3d.trainer import Trainer

FIRST = 16  # steps before the first measurement, which looks widely: kernels are warm, Adam knows its gradient


def after(trainer: Trainer, step: int, grad_norm: Tensor | float, began: Moment, ended: Moment) -> Record | None:
    """After each step of a run: the decision on B and K, where a measurement has ended with this step.

    One begins after ``FIRST`` steps and every ``estimator.measure_every``. began, ended: the step's, on the device's
    clock.
    """
    config, done, decision = trainer.config, step + 1, None
    if trainer.probe.queue:
        decision = seen(trainer, step, grad_norm, began, ended)
    if chooses(config) and not trainer.probe.queue and (done == FIRST or done % config.estimator.measure_every == 0):
        begin(trainer)
    return decision


def chooses(config: Config) -> bool:
    """Whether a run has anything to choose."""
    return "auto" in (config.estimator.k, config.data.batch_size)


def begin(trainer: Trainer) -> None:
    """Let the steps that follow measure the present way and those beside it, the first time with every smaller K."""
    config, probe = trainer.config, trainer.probe
    ks = allowed(config.estimator.noise) if config.estimator.k == "auto" else ()
    sizes = config.data.sizes if config.data.batch_size == "auto" else ()
    sizes = [size for size in sizes if size % trainer.least == 0 and _fits(trainer, size)]
    probe.begin(candidates(probe.present, sizes, ks, probe.measured == 0), len(trainer.scenes))


def _fits(trainer: Trainer, size: int) -> bool:
    """Whether a step of so many views would fit memory, if all that this process has held at most grew with it."""
    device, now = trainer.device, trainer.probe.present.items
    held = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 2**20 * peak_memory_mib()
    return size <= now or held * size / now <= memory.SHARE * memory.whole(device)


def seen(trainer: Trainer, step: int, grad_norm: Tensor | float, began: Moment, ended: Moment) -> Record | None:
    """After a step of a measurement: what it showed; after its last the decision, which all processes take as the first
    one took it."""
    probe, config = trainer.probe, trainer.config
    gradient = trainer.gradient()
    if clip := config.optimizer.clip_grad_norm:
        gradient = gradient * (torch.as_tensor(grad_norm) / clip).clamp(min=1)
    probe.see(step % len(trainer.scenes), gradient, adam_space.scale(trainer), began, ended)
    if probe.queue:
        return None
    given = config.estimator.cost
    cost = Cost(given.c0_ms, given.a_ms, given.b_ms) if given.source == "given" else None
    account, decision = trainer.world.first(decide(probe.account, probe.settle(), probe.present, cost))
    probe.account, probe.present = account, Way(decision["b"], decision["k"])
    return decision
