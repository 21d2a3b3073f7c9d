"""The training step and the loop around it, in data order."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from carv3d import accounting, budget, carv, losses, rng, views
from carv3d.carv import adapt
from carv3d.carv.allocate import Cost
from carv3d.carv.estimate import ValueFn
from carv3d.diffusion.guidance import branches
from carv3d.diffusion.teacher import Teacher
from carv3d.distributed import World
from carv3d.flops import Networks
from carv3d.memory import Chunks
from carv3d.objectives import csd, sds, vsd
from carv3d.runs import Clock
from carv3d.scenes.base import Scene
from carv3d.scenes.cameras import Cameras
from carv3d.schema import Config
from carv3d.transfer import moved
from carv3d.vsd import Learner

FIRST_K = 4  # of estimator.k=auto, until the first measurement


@dataclass
class Trainer:
    """Everything a step works on. scenes: VSD's particles, one otherwise; ``scene`` is the one whose turn it is.
    ``ledger`` counts what was spent, by all processes of the world and over all resumed parts of a run."""

    config: Config
    scenes: list[Scene]
    teacher: Teacher
    optimizer: torch.optim.Optimizer
    device: torch.device
    learner: Learner | None = None
    world: World = field(default_factory=World)
    ledger: dict[str, int] = field(default_factory=lambda: dict.fromkeys(
        ("steps", "renders", "encodes", "draws", "teacher_evals", "lora_draws", "nonfinite_steps"), 0))

    def __post_init__(self) -> None:
        self.scene = self.scenes[0]
        self.base_lr = [group["lr"] for group in self.optimizer.param_groups]
        self.weight = self.teacher.schedule.weighting(self.config.objective.weighting)
        self.k = FIRST_K if self.config.estimator.k == "auto" else self.config.estimator.k
        self.account = accounting.Account()
        self.timer = accounting.StationTimer(self.device)
        self.chunks = Chunks("teacher", self.config.estimator.chunk, self.device)
        self.adaptive = adapt.start(self.signature())
        self._proposal: tuple[tuple[int, int], carv.Proposal] | None = None
        self._networks: Networks | None = None
        if self.config.budget.flops:
            self.ledger["flops"] = 0

    @property
    def measures_cost(self) -> bool:
        return self.config.estimator.k == "auto" and self.config.estimator.cost.source == "measured"

    def signature(self) -> str:
        """What the norms of draws depend on besides the scene and the timestep."""
        objective = self.config.objective
        return f"{objective.type} {objective.guidance_scale} {objective.weighting}"

    def proposal(self, step: int) -> carv.Proposal:
        """q(t) of a step. Fixed proposals are remade only when the range of timesteps moves."""
        count = self.teacher.schedule.timesteps
        shares = self.config.objective.t_min.at(step), self.config.objective.t_max.at(step)
        bounds = tuple(min(round(share * count), count - 1) for share in shares)
        estimator = self.config.estimator
        if estimator.importance_sampling and estimator.proposal == "adaptive":
            return adapt.propose(self.adaptive, carv.uniform_target(count, *bounds), self.weight)
        if self._proposal is None or self._proposal[0] != bounds:
            importance = None
            if estimator.importance_sampling and estimator.proposal == "weight":
                importance = self.weight.cpu()
            elif estimator.importance_sampling:
                table = torch.tensor(estimator.table, dtype=torch.float64)
                importance = table[torch.arange(count) * len(table) // count]
            self._proposal = bounds, carv.make_proposal(carv.uniform_target(count, *bounds), importance)
        return self._proposal[1]

    def value(self, condition: Any, cameras: Cameras, latents: Tensor) -> ValueFn:
        """The objective's value function for detached latents."""
        objective = self.config.objective
        given = (self.teacher, condition, latents, self.weight, objective.guidance_scale)
        if self.learner is None:
            return (sds if objective.type == "sds" else csd)(*given)
        c2w, score = cameras.c2w, self.learner.score
        return vsd(*given, lambda noisy, timestep, view: score(noisy, timestep, condition, view, c2w))

    def estimate(self, value: ValueFn, draws: carv.Draws) -> carv.Estimate:
        """The mean over draws, in chunks that fit memory."""
        return self.chunks.run(lambda chunk: carv.estimate(value, draws, chunk), draws.per_item)

    @property
    def evaluations(self) -> int:
        """Rows of the UNet behind a draw: the teacher's branches, and VSD's own score."""
        objective = self.config.objective
        needed = ("uncond", "cond") if objective.type == "csd" else branches(objective.guidance_scale)
        return self.teacher.evaluations(needed) + (self.learner is not None)

    def count(self, **spent: int) -> None:
        """Enter what was spent; draws bring their teacher evaluations along."""
        for name, number in spent.items():
            self.ledger[name] += number
        rows = spent.get("draws", 0) * self.evaluations
        self.ledger["teacher_evals"] += rows
        if self.config.budget.flops:
            work = self.world.mean({"view": self.scene.work})["view"]
            self.ledger["flops"] += round(spent.get("renders", 0) * work) + self.networks.spent(
                encodes=spent.get("encodes", 0), teacher_evals=rows, lora_draws=spent.get("lora_draws", 0))

    @property
    def networks(self) -> Networks:
        """What a row and an encode cost, counted when first asked for: no network's cost depends on the picture's size,
        which the teacher chooses, but the exact teacher's, which has no network."""
        if self._networks is None:
            size = (round(schedule.at(0)) for schedule in (self.config.data.height, self.config.data.width))
            self._networks = Networks.of(self.teacher, *size, self.device)
        return self._networks

    def require_agreement(self) -> None:
        """RuntimeError unless all processes hold the same parameters: nothing else would show that they drifted."""
        learned = self.learner.score.parameters() if self.learner else ()
        self.world.require_same([*(p for scene in self.scenes for p in scene.parameters()), *learned])

    def state(self) -> dict[str, Any]:
        return {"scenes": [scene.state_dict() for scene in self.scenes], "optimizer": self.optimizer.state_dict(),
                "learner": self.learner.state() if self.learner else None, "ledger": dict(self.ledger), "k": self.k,
                "chunk": self.chunks.size, "account": asdict(self.account), "adaptive": self.adaptive.state(),
                "station_ms": dict(self.timer.ms) if self.measures_cost else {}}

    def load_state(self, state: dict[str, Any]) -> None:
        for scene, saved in zip(self.scenes, state["scenes"], strict=True):
            scene.load_state_dict(saved)
        if self.learner:
            self.learner.load_state(state["learner"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.ledger.update(state["ledger"])
        self.chunks.size = state["chunk"]
        self.k, self.account = state["k"], accounting.Account(**state["account"])
        self.adaptive = adapt.Adaptive(**state["adaptive"])
        self.timer.ms.update(state["station_ms"])


@dataclass
class StepOut:
    """What a step leaves behind; tensors stay on the device until somebody logs them."""

    metrics: dict[str, Tensor | float]
    finite: Tensor
    replay: dict[str, Tensor]


def train_step(trainer: Trainer, step: int, mark: Callable[[str], None] = lambda station: None) -> StepOut:
    """One optimiser step: render once, encode once, ask the teacher K times, go back once.

    mark is called with the name of each station as it ends; timers hang on it.
    """
    turn, particle = divmod(step, len(trainer.scenes))
    trainer.scene = trainer.scenes[particle]
    config, scene, teacher, device = trainer.config, trainer.scene, trainer.teacher, trainer.device
    data, batch, estimator, world = config.data, config.data.batch_size, config.estimator, trainer.world

    def generator(purpose: str, where: torch.device | str = "cpu") -> torch.Generator:
        return rng.generator(config.seed, purpose, step, where)

    # schedules become plain numbers
    proposal = trainer.proposal(step)
    for group, lr in zip(trainer.optimizer.param_groups, trainer.base_lr):
        group["lr"] = lr * config.optimizer.lr_scale.at(step)
    weights = config.loss.at(step)

    # views, rendered once and encoded once; of several processes each takes its share
    cameras, background = views.sample(config, step, batch, strata=data.camera_strata, sequence=data.camera_sequence)
    cameras, background = cameras.to(device), moved(background, device)
    mark("cameras")
    mine = world.share(batch)
    out = scene.render(cameras, background, generator("render"), mine)
    cameras, background = cameras[mine], background[mine]
    mark("render")
    latents = teacher.encode(out.rgb)
    mark("encode")

    # K draws per view, averaged into one cotangent; nothing here touches the scene
    condition = teacher.condition(cameras.azimuth_deg, cameras.elevation_deg, background)
    purposes = ("", " twin")[:1 + scene.wants_halves(turn)]  # the independent parts in which the gradient comes
    k = math.ceil(trainer.k / len(purposes))
    noise = accounting.noise_mode(estimator.noise, k, config.objective.guidance_scale)
    whole = [carv.draw(batch, k, tuple(latents.shape[1:]), proposal, stratified=estimator.stratified, noise=noise,
                       time_generator=generator("timesteps" + purpose),
                       noise_generator=generator("noise" + purpose, device)) for purpose in purposes]
    parts = [draws.part(mine) for draws in whole]
    mark("draws")
    value = trainer.value(condition, cameras, latents.detach())
    estimates = [trainer.estimate(value, draws) for draws in parts]
    mark("estimate")

    # one backward, or one for each half
    terms = losses.regularisers(out.opacity, scene.splats, weights)
    extra = losses.total(terms)
    trainer.optimizer.zero_grad(set_to_none=True)
    for left, estimate in zip(reversed(range(len(parts))), estimates):
        roots = [(latents, estimate.mean / (batch * len(parts)))]
        roots += [(extra, torch.ones_like(extra) / (len(parts) * world.size))] if extra is not None else []
        torch.autograd.backward(*zip(*roots), retain_graph=left > 0)
        if len(parts) > 1:
            scene.observe(world.sum)
    mark("backward")

    # a non-finite gradient masks the whole update on the device, without asking the device
    parameters = [p for group in trainer.optimizer.param_groups for p in group["params"]]
    gradients = [p.grad for p in parameters if p.grad is not None]
    broken = torch.stack([~estimate.finite for estimate in estimates]).any().float()
    world.sum([*gradients, broken])
    grad_norm = torch.nn.utils.get_total_norm(gradients)
    finite = torch.isfinite(grad_norm) & (broken == 0)
    if config.optimizer.clip_grad_norm:
        torch.nn.utils.clip_grads_with_norm_(parameters, config.optimizer.clip_grad_norm, grad_norm)
    trainer.optimizer.found_inf = (~finite).float()
    trainer.optimizer.step()
    mark("optimiser")
    scene.update(turn, generator("scene"), trainer.optimizer)
    mark("update")

    # VSD: the score of the particles' renders learns from the same latents, with draws of its own
    learned = {}
    if trainer.learner:
        learned["loss_lora"] = trainer.learner.step(latents.detach(), condition, cameras.c2w, step)
        trainer.count(lora_draws=batch * config.objective.vsd.k)
        mark("lora")

    # what this step's draws taught is for the next step: this one stays unbiased
    draws, timestep = carv.join(parts), torch.cat([draws.timestep for draws in whole], 1)
    squared_norm = world.gather(torch.cat([estimate.squared_norm for estimate in estimates], 1))
    if estimator.importance_sampling and estimator.proposal == "adaptive":
        trainer.adaptive = adapt.observe(trainer.adaptive, timestep, squared_norm, trainer.weight, trainer.signature())
    trainer.count(steps=1, renders=batch, encodes=batch, draws=timestep.numel())
    mark("account")
    metrics = {"k": trainer.k, "grad_norm": grad_norm, "draw_norm": squared_norm.mean().sqrt(),
               "opacity": out.opacity.detach().mean(), **out.stats, **learned,
               **{f"loss_{name}": term.detach().mean() for name, term in terms.items()}}
    return StepOut(metrics, finite, {"latents": latents.detach(), "timestep": draws.timestep, "weight": draws.weight,
                                     "noise": draws.noise, "azimuth_deg": cameras.azimuth_deg,
                                     "elevation_deg": cameras.elevation_deg, "background": background})


def choose_k(trainer: Trainer, step: int) -> dict[str, Any]:
    """Measure variance on the scene as it is, and set K for the steps that follow; returns the decision's record.

    All processes measure the same, so that they stay in step; what the first one found decides.
    """
    estimator, items = trainer.config.estimator, trainer.config.data.batch_size
    given = estimator.cost
    cost = (Cost(given.c0_ms, given.a_ms, given.b_ms) if given.source == "given"
            else trainer.timer.cost(items, trainer.k))
    trainer.account, cost = trainer.world.first((accounting.measure(trainer, step, trainer.account), cost))
    decision = accounting.decide(trainer.account, cost, items, trainer.k, accounting.allowed(estimator.noise))
    trainer.k = decision["k"]
    return decision


@dataclass
class Hooks:
    """What the loop calls and the step does not know of. ``stop`` is asked after each step; all ranks must agree."""

    log: Callable[[int, dict[str, float]], None]
    decision: Callable[[int, dict[str, Any]], None]
    progress: Callable[[int], None]
    preview: Callable[[int], None]
    checkpoint: Callable[[int], None]
    keep_replay: Callable[[int, dict[str, Tensor]], None]
    stop: Callable[[], bool]
    evaluate: Callable[[int], None] = lambda step: None
    compare: Callable[[int], None] = lambda step: None


def train(trainer: Trainer, first_step: int, hooks: Hooks, clock: Clock | None = None) -> int:
    """Run steps from first_step until max_steps or a budget is reached, or ``stop``; returns the steps done in all.

    Reads the device once per log interval. A non-finite step is counted and its draws are handed to ``keep_replay``.
    The clock's station train is the time within steps and the choice of K, and nothing else; hooks lap their own.
    """
    config, clock = trainer.config, clock or Clock()
    trainer.require_agreement()
    pending: deque[tuple[int, StepOut]] = deque()

    def cost() -> dict[str, float]:
        return budget.spent(trainer.ledger, clock.seconds.get("train", 0.0))

    exact = config.budget.seconds > 0  # then every step ends with the device's end of it
    done = first_step
    at_points = [(config.budget.evaluations, hooks.evaluate), (config.compare.points, hooks.compare)]
    passed = [budget.points(config, count, done, cost()) for count, _ in at_points]
    while not budget.stopped_by(config, done, cost()):
        step, done = done, done + 1
        clock.lap("loop")
        if trainer.measures_cost:
            trainer.timer.start()
            out = train_step(trainer, step, trainer.timer)
        else:
            out = train_step(trainer, step)
        _lap(trainer, clock, wait=exact)
        choosing = config.estimator.k == "auto" and done % config.estimator.measure_every == 0
        if choosing and not budget.stopped_by(config, done, cost()):
            decision = choose_k(trainer, step)
            _lap(trainer, clock, wait=exact)
            hooks.decision(done, decision)
        pending.append((step, out))
        stopping = hooks.stop() or budget.stopped_by(config, done, cost()) is not None
        every = config.checkpoint.every_n_train_steps
        saving = stopping or (every and done % every == 0)
        logging = done % config.log.every_n_steps == 0
        previewing = config.trainer.preview_every and done % config.trainer.preview_every == 0
        due = [budget.points(config, count, done, cost()) for count, _ in at_points]
        if trainer.device.type == "cuda" and (logging or saving or previewing or due != passed):
            _lap(trainer, clock, wait=True)  # what is still to be computed is training, not what waits for it below
        if logging or saving:
            for earlier, result in pending:
                if not bool(result.finite):
                    trainer.ledger["nonfinite_steps"] += 1
                    hooks.keep_replay(earlier, {name: trainer.world.gather(x) for name, x in result.replay.items()})
            pending.clear()
        if logging or stopping:
            hooks.log(done, trainer.world.mean({name: float(value) for name, value in out.metrics.items()}))
        hooks.progress(done)
        if previewing:
            hooks.preview(done)
        for (_, hook), now, before in zip(at_points, due, passed):
            if now > before:  # ahead of the checkpoint: a kill loses no point
                hook(done)
        passed = due
        if saving:
            trainer.require_agreement()
            hooks.checkpoint(done)
        if stopping:
            break
    return done


def _lap(trainer: Trainer, clock: Clock, wait: bool) -> None:
    """Enter training time, which is the first process's. wait: until the device has done what it was given."""
    if wait and trainer.device.type == "cuda":
        torch.cuda.synchronize(trainer.device)
    clock.seconds["train"] = trainer.world.first(clock.lap("train"))
