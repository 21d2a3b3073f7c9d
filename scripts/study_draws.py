"""Ways of spending fewer rows of the teacher on a view's draws, measured: what docs/estimator.md says of them.

usage: python scripts/study_draws.py {noise,split,levels} [--teachers mixture,bundled,exact]

noise: kappa of noise modes within strata, by K and guidance.
split: guidance's residual as a sum, w (cond - eps) + (s - 1) w (cond - uncond), with the second term on m < K draws.
levels: a cheap c of the network on most draws and the exact f - c on few: how near c is, and what that could gain.

mixture: the exact Gaussian mixtures of tests/statistics, in texture space; bundled and exact: a NeRF of the defaults
after 150 steps with that teacher, in parameter space (sketched). Intervals are bootstraps over cameras. A table is
printed and put into docs/effective_compute/draws.csv in place of what the same study said of the same teachers. One
process, one thread; ten to twenty minutes a study. Nothing is timed: costs are rows or floating-point operations.
"""

from __future__ import annotations

import argparse
import copy
import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from carv3d import carv
from carv3d import config as configuration
from carv3d.carv import noise as noises
from carv3d.carv import uniforms
from carv3d.carv.bootstrap import Bootstrap, interval
from carv3d.carv.variance import Sketch, between_items, set_variance
from carv3d.diffusion.exact import ExactTeacher
from carv3d.diffusion.networks import UNet
from carv3d.diffusion.teacher import Condition, Teacher
from carv3d.measure.collect import LabelledBatch
from carv3d.text3d import build, views
from carv3d.text3d.step import train_step
from carv3d.text3d.trainer import Trainer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "statistics"))

import world as worlds  # noqa: E402

TABLE = Path(__file__).resolve().parent.parent / "docs" / "effective_compute" / "draws.csv"
FIELDS = ("study", "teacher", "guidance", "state", "quantity", "value", "low", "high")
STEPS, SKETCH = 150, 8192
AFTER = f"NeRF, step {STEPS}"
SIZES = {"mixture": (96, 32), "bundled": (32, 8), "exact": (32, 8)}  # views, and sets of draws of each
State = tuple[str, float, str]  # teacher, guidance, state
Row: TypeAlias = tuple[State, str, Tensor]  # quantity; value and resamples, [1+RESAMPLES]


class Scene(NamedTuple):
    """C views of one state of a scene. terms: draws [C*sets,K] -> w (cond - eps) and w (cond - uncond), weighted by
    p/q, [C*sets,K,c,h,w]. pull: means [C*sets,c,h,w] -> gradients [C,sets,d]."""

    state: State
    cameras: int
    sets: int
    shape: tuple[int, ...]
    proposal: carv.Proposal
    target: Tensor
    terms: Callable[[carv.Draws], tuple[Tensor, Tensor]]
    pull: Callable[[Tensor], Tensor]
    trainer: Trainer | None = None


def both_terms(teacher: Teacher, condition: Condition, latents: Tensor, weight: Tensor, draws: carv.Draws,
               guidance: float) -> tuple[Tensor, Tensor]:
    """``Scene.terms`` for latents [C,c,h,w] of views; without guidance the second term is 0 and not asked for."""
    view = torch.arange(len(latents)).repeat_interleave(draws.items // len(latents))
    parts = []
    for k in range(draws.per_item):
        timestep, eps = draws.timestep[:, k], draws.noise[:, k]
        noisy = teacher.schedule.add_noise(latents[view], eps, timestep)
        with torch.no_grad():
            said = teacher.predict(noisy, timestep, condition, view, ("uncond", "cond") if guidance != 1 else ("cond",))
        factor = (draws.weight[:, k] * weight[timestep].float()).reshape(-1, 1, 1, 1)
        second = said["cond"] - said["uncond"] if guidance != 1 else torch.zeros(())
        parts.append((factor * (said["cond"] - eps), factor * second))
    first, second = (torch.stack(part, 1) for part in zip(*parts, strict=True))
    return first, second


def mixtures(guidance: float, cameras: int, sets: int, seeds: Sequence[int]) -> Iterator[Scene]:
    """Textures at "mid" and "near", not "far", of each world's trajectory, with the oracle's importance."""
    for seed in seeds:
        world = worlds.make_world(seed)
        looked_at = worlds.random_views(cameras, worlds.gen(300 + seed))
        for stage, theta in list(worlds.trajectory(world, guidance).items())[1:]:
            importance = world.oracle_importance(theta, looked_at, guidance, 311 + seed)
            yield Scene(("mixture", guidance, f"world {seed}, {stage}"), cameras, sets, world.teacher.latent_shape,
                        carv.make_proposal(world.target, importance), world.target,
                        partial(both_terms, world.teacher, None, looked_at.render(theta), world.weight,
                                guidance=guidance),
                        lambda means, at=theta: looked_at.pull_back(at, means.unflatten(0, (cameras, -1))))


def trained(*options: str) -> Trainer:
    """A run of the defaults with K 2 after STEPS steps."""
    given = configuration.load(None, ["prompt=a red mushroom", "device=cpu", "estimator.k=2", *options])
    build.settle(given)
    build.set_up_kernels(given, lambda line: None, truth=True)
    trainer = build.trainer(given)
    trainer.teacher.prepare()
    for step in range(STEPS):
        train_step(trainer, step)
    return trainer


def nerf(teacher: str, guidance: float, cameras: int, sets: int, engine: str) -> Iterator[Scene]:
    """A NeRF after STEPS steps at this guidance, with the proposal that its run has come to."""
    trainer = trained(f"teacher.type={teacher}", f"teacher.engine={engine}", f"objective.guidance_scale={guidance}")
    looked_at = views.sample(trainer.config, STEPS, cameras, "study")
    sketch = Sketch.make(sum(p.numel() for p in trainer.parameters), SKETCH, worlds.gen(0))
    alone = [LabelledBatch(trainer, STEPS, looked_at[c : c + 1], f"study {c}") for c in range(cameras)]

    def pull(means: Tensor) -> Tensor:
        return torch.stack([one.sketches(rows[:, None], sketch)
                            for one, rows in zip(alone, means.unflatten(0, (cameras, -1)), strict=True)])

    condition = trainer.teacher.condition(looked_at.cameras, looked_at.background, looked_at.light)
    latents, target = torch.cat([one.latents.detach() for one in alone]), trainer.target(STEPS)
    terms = partial(both_terms, trainer.teacher, condition, latents, trainer.weight, guidance=guidance)
    yield Scene((teacher, guidance, AFTER), cameras, sets, alone[0].shape, trainer.sampler.proposal(target), target,
                terms, pull, trainer)


def scenes(teacher: str, guidance: float, worlds_of: Sequence[int] = (0,), engine: str = "numba") -> Iterator[Scene]:
    cameras, sets = SIZES[teacher]
    if teacher == "mixture":
        return mixtures(guidance, cameras, sets, worlds_of)
    return nerf(teacher, guidance, cameras, sets, engine)


def structured(scene: Scene, sets: int, k: int, mode: str, seed: int) -> tuple[carv.Draws, Tensor]:
    """Sets of draws in strata of t for each view, and the stratum of each, [C*sets,K]; a draw alone has no stratum."""
    items = scene.cameras * sets
    points, stratum = uniforms.stratified(items, k, worlds.gen(2 * seed))
    if k == 1:  # there they are of the batch
        points, stratum = uniforms.iid(items, 1, worlds.gen(2 * seed)), torch.zeros_like(stratum)
    timestep, weight = scene.proposal.sample(points)
    eps = noises.sample(mode, stratum, scene.shape, worlds.gen(2 * seed + 1))
    return carv.Draws(timestep, weight.float(), eps), stratum


# --- noise modes ---

COMPARED = ((2, "antithetic", "iid"), (3, "zero_sum", "iid"), (4, "zero_sum", "antithetic"),
            (8, "zero_sum", "antithetic"))


def noise(teacher: str) -> Iterator[Row]:
    """Ratios of variances of sets of one mode and another; on mixtures also kappa of each over single uniform draws,
    and all pooled over two worlds and stages, each state in units of its own single draws' variance."""
    exact = teacher == "mixture"
    for guidance in (1.0, 2.0, 7.5, 25.0, 100.0) if exact else (1.0, 7.5, 100.0):
        found: dict[tuple[int, str], list[Tensor]] = {}
        for scene in scenes(teacher, guidance, (0, 1)):
            def variance(draws: carv.Draws, scene: Scene = scene, factor: float = guidance - 1) -> Tensor:
                first, second = scene.terms(draws)
                return set_variance(scene.pull((first + factor * second).mean(1)))

            singles = scene._replace(proposal=carv.make_proposal(scene.target))
            unit = variance(structured(singles, 200, 1, "iid", 301)[0]).mean() if exact else 1.0
            wanted = {(k, mode) for k, *modes in COMPARED for mode in (*modes, *(["iid"] if exact else []))}
            for k, mode in sorted(wanted):
                draws, _ = structured(scene, scene.sets, k, mode, 321)
                found.setdefault((k, mode), []).append(k * variance(draws) / unit)
        pooled = {key: torch.cat(parts) for key, parts in found.items()}
        boot, state = Bootstrap(len(pooled[2, "iid"]), worlds.gen(1)), (teacher, guidance, "pooled" if exact else AFTER)
        for (k, mode), values in pooled.items():
            if exact:
                yield state, f"K {k}, {mode}: kappa", boot.mean(values)
        for k, above, below in COMPARED:
            yield state, f"K {k}: {above} over {below}", boot.mean(pooled[k, above]) / boot.mean(pooled[k, below])


# --- guidance's residual as a sum ---

Split: TypeAlias = tuple[int, int, bool]  # K, m, and whether the m draws are whole antithetic pairs
PLAIN_K, PLAIN = (1, 2, 3, 4, 6, 8), (8, 8, False)
SPLITS = {2: [(2, False), (1, False)], 4: [(4, False), (2, False), (2, True), (1, False)],
          8: [(8, False), (4, False), (4, True), (2, False), (2, True)]}
UPSTREAM = (None, 5.0, 2.0)  # cost of a view over that of a row; None: rows alone, and the variance within views alone


def chosen(stratum: Tensor, m: int, pairs: bool, generator: torch.Generator) -> Tensor:
    """[B,K] of 0 and 1: m draws of each item, one unit of each block of K/m adjacent ones, where a unit is a stratum,
    or an antithetic pair of them. Every draw has the probability m/K, whatever its value."""
    unit, size = (stratum // 2 if pairs else stratum), stratum.shape[1] // m
    pick = torch.randint(size, (len(stratum), int(unit.max()) // size + 1), generator=generator)
    return (unit % size == pick.gather(1, unit // size)).float()


def split(teacher: str) -> Iterator[Row]:
    """Variance x cost of the plain estimator over that with the second term on m draws: at each K, and the best of the
    plain ones over the best of the others, with views that cost nothing, five or two rows."""
    for guidance in (2.0, 7.5, 100.0):
        for scene in scenes(teacher, guidance):
            found: dict[Split, Tensor] = {}
            for k in PLAIN_K:
                mode = noises.noise_mode("auto", k)
                draws, stratum = structured(scene, scene.sets, k, mode, 510 + k)
                first, second = scene.terms(draws)
                for m, pairs in SPLITS.get(k, [(k, False)]):
                    mask = chosen(stratum, m, pairs, worlds.gen(520 + k)).reshape(*stratum.shape, 1, 1, 1)
                    found[k, m, pairs] = scene.pull(first.mean(1) + (guidance - 1) * (mask * second).sum(1) / m)
            yield from split_gains(scene.state, found)


def split_gains(state: State, found: dict[Split, Tensor]) -> Iterator[Row]:
    """found: gradients [C,sets,d] of each design."""
    boot = Bootstrap(len(found[PLAIN]), worlds.gen(1))
    within = {design: boot.mean(set_variance(rows)) for design, rows in found.items()}
    between = boot.mean(between_items(found[PLAIN])).clamp(min=0)
    yield state, "rho: within at K 1 over between", within[1, 1, False] / between
    for k, m, pairs in found:
        if m < k:
            more = within[k, m, pairs] / within[k, k, False]
            yield state, f"K {k}, m {m}{' in pairs' * pairs}: within", more
            yield state, f"K {k}, m {m}{' in pairs' * pairs}: multiplier by rows", 2 * k / (k + m) / more
    for view in UPSTREAM:
        work = {d: (within[d] if view is None else between + within[d]) * ((view or 0) + d[0] + d[1]) for d in found}
        plain, thin = (min((d for d in found if (d[0] == d[1]) == same), key=lambda d: work[d][0].item())
                       for same in (True, False))
        cost = "rows alone" if view is None else f"a view costs {view:g} rows"
        best = f"K {plain[0]} over K {thin[0]}, m {thin[1]}{' in pairs' * thin[2]}"
        yield state, f"{cost}: best, {best}", work[plain] / work[thin]


# --- a cheap network on most draws, the exact one on few ---

def forward(unet: UNet, cut: int, deep: list[Tensor], given: bool, sample: Tensor, timestep: Tensor, text: Tensor,
            return_dict: bool = False) -> tuple[Tensor]:
    """The bundled UNet with what enters its cut-th up block from the end put into ``deep``; or, given, taken from it:
    then only the first ``cut`` down and the last ``cut`` up blocks are run (DeepCache, arXiv 2312.00858)."""
    time = unet.time_embedding(unet.time_embedding.waves(timestep).to(sample.dtype))
    x = unet.conv_in(sample)
    kept, up = [x], list(unet.up_blocks)
    for number, block in enumerate(unet.down_blocks[:cut] if given else unet.down_blocks):
        if number:
            x = unet.down_blocks[number - 1].downsamplers[0](x)
            kept.append(x)
        for index in range(len(block.resnets)):
            x = block.stage(index, x, time, text)
            kept.append(x)
    if given:
        x = deep.pop(0)
    else:
        x = unet.mid_block.resnets[1](unet.mid_block.stage(0, x, time, text), time)
    for number, block in enumerate(up[-cut:] if given else up):
        if not given and number == len(up) - cut:
            deep.append(x)
        for index in range(len(block.resnets)):
            x = block.stage(index, torch.cat([x, kept.pop()], 1), time, text)
        if block.upsamplers:
            x = block.upsamplers[0](x)
    return (unet.conv_out(F.silu(unet.conv_norm_out(x))),)


def flops(unet: UNet, shape: tuple[int, ...]) -> dict[str, float]:
    """Of a row: the shares of the whole that the outermost levels take alone, by cut, and the transformers'."""
    text = torch.zeros(1, 77, unet.config.cross_attention_dim)
    given = torch.zeros(1, *shape), torch.zeros(1, dtype=torch.long), text
    shares, whole = {}, 0.0
    for cut in (1, 2):
        deep: list[Tensor] = []
        for shallow in (False, True):
            with torch.no_grad(), FlopCounterMode(display=False) as counter, \
                    mock.patch.object(unet, "forward", partial(forward, unet, cut, deep, shallow)):
                unet(*given)
            whole = whole or counter.get_total_flops()
            shares[f"cut {cut}"] = counter.get_total_flops() / whole
            counts = {name: sum(of.values()) for name, of in counter.get_flop_counts().items()}
            told = sum(count for name, count in counts.items() if name.split(".")[-2:-1] == ["attentions"])
            shares.setdefault("transformers", told / whole)
    return shares


def squared_mean(rows: Tensor) -> Tensor:
    """Squared norm of each view's expectation [C], unbiased, from independent gradients [C,sets,d]."""
    return rows.mean(1).square().sum(1) - set_variance(rows) / rows.shape[1]


Estimates: TypeAlias = Callable[[carv.Draws], Tensor]


def cheaper_networks(scene: Scene, draws: carv.Draws, estimates: Estimates) -> Iterator[tuple[str, float, Tensor]]:
    """Name, share of the exact one's cost, and estimates of each c on the same draws. Deep features are those of draws
    with other noise: at the same t, or at the nearer of two."""
    unet = scene.trainer.teacher.denoiser
    shares = flops(unet, scene.shape)
    others, _ = structured(scene, draws.items // scene.cameras, 2, "iid", 801)
    nearest = (others.timestep[:, None] - draws.timestep[..., None]).abs().argmin(2)  # [B,K]
    picked = carv.Draws(others.timestep.gather(1, nearest), draws.weight,
                        others.noise[torch.arange(draws.items)[:, None], nearest])
    same = carv.Draws(draws.timestep, draws.weight, torch.randn(draws.noise.shape, generator=worlds.gen(802)))
    for cut in (1, 2):
        for what, donors in (("at the same t", same), ("at the nearer of two t", picked)):
            deep: list[Tensor] = []
            with mock.patch.object(unet, "forward", partial(forward, unet, cut, deep, False)):
                estimates(donors)
            with mock.patch.object(unet, "forward", partial(forward, unet, cut, deep, True)):
                yield f"deep features of a draw {what}, cut {cut}", shares[f"cut {cut}"], estimates(draws)
    with torch.autocast("cpu", torch.bfloat16):
        yield "bfloat16 at half the price", 0.5, estimates(draws)


def fewer_images(scene: Scene, draws: carv.Draws, estimates: Estimates) -> Iterator[tuple[str, float, Tensor]]:
    """The exact teacher of every second and fourth image of its sets."""
    whole: ExactTeacher = scene.trainer.teacher
    for step in (2, 4):
        thin = {key: copy.copy(images) for key, images in whole._sets.items()}
        for images in thin.values():
            images.rows, images.gram = images.rows[::step], images.gram[::step]
        with mock.patch.object(whole, "_sets", thin):
            yield f"every image in {step}", 1 / step, estimates(draws)


def whole_numbers(between: Tensor, left: Tensor, cost: float, view: float, least: int) -> Tensor:
    """Variance x cost of the best plain estimator over the best of two levels, n units of c and ``least`` <= m <= n of
    f a view. In units of f's variance within views and of its cost; deep features come from another exact unit.
    """
    plain = [(between + 1 / n) * (view + n) for n in range(1, 33)]
    levels = [(between + (1 - left) / n + left / m) * (view + cost * n + m)
              for m in range(least, 9) for n in range(m, 33)]
    best, lower = (min(works, key=lambda work: work[0].item()) for works in (plain, levels))
    return best / lower


def levels(teacher: str) -> Iterator[Row]:
    """For single draws and for antithetic pairs in two strata: the variance that the best multiple of c leaves of f's,
    and the best multiplier by draws alone, m/n as it comes, and with views that cost two, five or 15 draws. The factor
    on c is the best throughout, so these are more than an estimator that has to learn it would reach."""
    for guidance in (1.0, 2.0, 7.5) if teacher == "bundled" else (1.0, 7.5):
        (scene,) = scenes(teacher, guidance, engine="torch")
        if teacher == "bundled":
            for name, share in flops(scene.trainer.teacher.denoiser, scene.shape).items():
                yield scene.state, f"{name}: share of the operations", torch.full((1001,), share)

        def estimates(draws: carv.Draws, scene: Scene = scene, factor: float = guidance - 1) -> Tensor:
            first, second = scene.terms(draws)
            return (first + factor * second).mean(1)

        for unit, k, mode in (("draw", 1, "iid"), ("pair", 2, "antithetic")):
            draws, _ = structured(scene, scene.sets, k, mode, 701)
            exact = scene.pull(estimates(draws))
            boot = Bootstrap(scene.cameras, worlds.gen(1))
            between, whole = boot.mean(between_items(exact)).clamp(min=0), boot.mean(set_variance(exact))
            cheaper = cheaper_networks if teacher == "bundled" else fewer_images
            for name, cost, found in cheaper(scene, draws, estimates):
                cheap = scene.pull(found)
                own, away = (boot.mean(set_variance(rows)) for rows in (cheap, exact - cheap))
                left = (1 - ((whole + own - away) / 2).square() / (own * whole)).clamp(min=0)
                yield scene.state, f"{unit}, {name}: Var(f - c) / Var(f)", away / whole
                yield scene.state, f"{unit}, {name}: left by the best multiple of c", left
                off = boot.mean(squared_mean(exact - cheap)) / boot.mean(squared_mean(exact))
                yield scene.state, f"{unit}, {name}: bias of c alone, relative", off.clamp(min=0).sqrt()
                bound = 1 / (((1 - left) * cost).sqrt() + left.sqrt()).square()
                yield scene.state, f"{unit}, {name}: multiplier by draws alone, at most", bound
                for view in (2.0, 5.0, 15.0):
                    gain = whole_numbers(between / whole, left, cost, view / k, 2 if "deep" in name and k == 1 else 1)
                    yield scene.state, f"{unit}, {name}: multiplier, R {view:g}", gain


STUDIES = {"noise": (noise, ("mixture", "bundled")), "split": (split, ("mixture", "bundled")),
           "levels": (levels, ("bundled", "exact"))}


def record(study: str, teachers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Put rows into the table in place of those that the same study of the same teachers left."""
    old = csv.reader(TABLE.read_text().splitlines()[1:] if TABLE.exists() else [])
    kept = [row for row in old if row[0] != study or row[1] not in teachers]
    with TABLE.open("w", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows([FIELDS, *kept, *rows])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--teachers", default="", help="some of those that the study has, with commas")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    study, all_of_them = STUDIES[args.study]
    teachers = args.teachers.split(",") if args.teachers else all_of_them
    rows = []
    for state, quantity, values in (row for teacher in teachers for row in study(teacher)):
        found = interval(values, SIZES[state[0]][0])
        figures = (f"{found[name]:.4g}" for name in ("value", "low", "high"))
        rows.append([args.study, *map(str, state), quantity, *figures])
        print("{:8}{:>6}  {:16}{:62}{} [{}, {}]".format(*rows[-1][1:]), flush=True)
    record(args.study, teachers, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
