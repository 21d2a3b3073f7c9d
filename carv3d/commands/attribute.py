"""carv3d attribute: which training pictures made an output."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path
from typing import IO

import carv3d
from carv3d import config as configuration
from carv3d import digits, teachers
from carv3d.attribution import evaluate, loop, own_model, pictures, results, world
from carv3d.attribution.loop import Scores
from carv3d.attribution.pictures import Item
from carv3d.attribution.settle import settle
from carv3d.attribution.world import Truth, World
from carv3d.commands import session
from carv3d.config.schema import Config
from carv3d.diffusion import prompts
from carv3d.quality import clip
from carv3d.runs import checkpoint
from carv3d.runs.clock import Clock
from carv3d.runs.environment import environment, peak_memory_mib
from carv3d.runs.folder import Run
from carv3d.runs.particles import numbered
from carv3d.runs.stopping import StopSignal, hold
from carv3d.runtime import devices
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import expanded
from carv3d.runtime.progress import Progress, say
from carv3d.runtime.types import Record

FREE_ON_RESUME = ("attribute.sets", "attribute.until", "attribute.top", "attribute.method",
                  "attribute.cache", "attribute.chunk", "attribute.evaluate", "attribute.lds", "exp_root_dir", "name",
                  "tag")
GROUP, TAG = "attribute", "digits"
SHORT = ("data", "queries", "lora", "lds")  # of attribute's options, what may be given without its name
SIDE, ELEVATION = 256, 15.0  # of a run's views: pixels, degrees


def main(args: Namespace) -> int:
    clock = Clock()
    clock.seconds["start"] = time.perf_counter() - carv3d.STARTED
    if args.resume:
        return _resume(args, clock)
    config = configuration.load(args.config, spelt(args))
    configuration.check_new(config)
    settle(config)
    if config.name == Config().name:
        config.name = GROUP
    config.tag = config.tag or (Path(config.attribute.data).name if config.attribute.data else TAG)
    known = _world(config, clock, expanded(config.exp_root_dir, "exp_root_dir"))
    where = devices.device(config.device).type if config.attribute.data else "cpu"
    run = Run.create(config, environment(where, "") | {"command": "attribute"})
    return _run(run, hold(run), config, known, Scores(), clock)


def spelt(args: Namespace) -> list[str]:
    """The command's short words as options: model=FOLDER, a hub's name, or bundled; data=, queries=, lora=, lds.*;
    --evaluate."""
    out = ["attribute.evaluate=true"] * args.evaluate
    for word in args.overrides:
        key, _, value = word.partition("=")
        if key == "model":
            kind = "bundled" if value == "bundled" else "diffusers"
            out += [f"teacher.type={kind}", f"teacher.path={'' if value == 'bundled' else value}"]
        else:
            out.append(f"attribute.{word}" if key.split(".")[0] in SHORT and not key.startswith("data.") else word)
    return out


def _resume(args: Namespace, clock: Clock) -> int:
    run, config, lock, path, state = session.resumed(args, "attribute", spelt(args), FREE_ON_RESUME, settle)
    scores, digest = Scores(), ""
    if path:
        with checkpoint.fitting(path):
            scores, digest = Scores(**state["attribution"]), state["world"]
            clock.seconds = {**state["seconds"], "start": state["seconds"]["start"] + clock.seconds["start"]}
        say(f"resuming after {scores.sets} sets of draws")
    there = _world(config, clock, run.folder.parents[1])
    if digest and digest != there.digest:
        raise UserError(f"--resume {args.resume}: the model, the pictures or their captions are no longer what the run "
                        "began with; put them back, or start a new run")
    run.rewrite_config(config)
    return _run(run, lock, config, there, scores, clock)


def _world(config: Config, clock: Clock, root: Path) -> World:
    """root: where runs are written."""
    clock.lap("load")
    if config.attribute.data:
        known = _own(config, root)
    else:
        with Progress("denoiser", digits.Recipe().steps) as bar:
            known = world.embedded(config.seed, bar.to)
    clock.lap("model")
    return known


def _own(config: Config, root: Path) -> World:
    """The user's model and pictures."""
    own = config.attribute
    training = pictures.folder(own.data, "attribute.data", own.caption)
    queries = _views(config) or pictures.folder(own.queries, "attribute.queries", own.caption)
    bare = sum(not item.caption for item in training)
    say(f"{len(training)} training pictures, {len(queries)} queries"
        + (f"; {bare} pictures have no caption and are asked about without words" if bare else ""))
    teachers.settle_weights(config)
    embed = clip.ClipScore(config.quality.clip, devices.device(config.device)).embed if config.quality.clip else None
    title = Path(own.lora or config.teacher.path or "the bundled model").name
    folder = teachers.stable_diffusion_folder(config, "carv3d attribute")
    return own_model.world(title, folder, own, config.teacher, config.seed, training, queries, _cache(config, root),
                           devices.device(config.device), embed)


def _cache(config: Config, root: Path) -> Path | None:
    """Where gradients are kept, if they are."""
    given = config.attribute.cache
    return None if given == "off" else (root / "gradients" if given == "auto" else Path(given)).absolute()


def _views(config: Config) -> list[Item]:
    """The views of a finished run as queries, each with the prompt that its teacher read; empty if they are no run."""
    from carv3d.export import images
    from carv3d.text3d import build

    own = config.attribute
    if not (Path(own.queries) / "config.yaml").is_file():
        return []
    run = Run.open(own.queries)
    other = run.config([f"device={devices.device(config.device).type}"])
    scenes, where, _ = build.trained_scenes(other, checkpoint.newest(run.ckpts))
    build.set_up_kernels(other, say)
    cameras = images.sheet_cameras(*other.data.middle_camera, count=own.views, elevation_deg=ELEVATION, size=SIDE)
    words = prompts.view_weights(cameras.azimuth_deg, cameras.elevation_deg, views=other.data.views).argmax(1)
    told = teachers.view_prompts(other)
    out = []
    for scene, mark in numbered(scenes):
        rgb = images.all_views(scene, cameras, images.BACKGROUNDS["white"], where, closer=True).rgb
        views = zip(cameras.azimuth_deg.tolist(), words, rgb, strict=True)
        out += [pictures.shown_as(f"view at {azimuth:.0f} degrees{mark}", told[int(word)], image)
                for azimuth, word, image in views]
    return out


def _run(run: Run, lock: IO[str], config: Config, known: World, scores: Scores, clock: Clock) -> int:
    def work(stop: StopSignal) -> bool:
        truth, ended = _retrained(run, config, known, clock, stop)
        ended = ended and _score(run, config, known, truth, scores, clock, stop)
        _finish(run, config, known, truth, scores, clock, "finished" if ended else "interrupted")
        return ended

    return session.guarded(run, lock, work)


def _retrained(run: Run, config: Config, known: World, clock: Clock, stop: StopSignal) -> tuple[Truth | None, bool]:
    """What is known of retrained models, trained here if that is asked for; and whether that came to its end."""
    if not config.attribute.evaluate or known.retrain is None:
        return known.truth, True
    lds = config.attribute.lds
    count = lds.subsets * lds.seeds
    say(f"{count} models are trained anew on halves of the pictures")
    with Progress("steps of retraining", count * known.retrain.steps) as bar:
        truth = evaluate.retrained(known, lds, config.seed, run.folder / "retrained.safetensors", bar.add, stop)
    clock.lap("retrain")
    return truth, truth is not None


def _score(run: Run, config: Config, known: World, truth: Truth | None, scores: Scores, clock: Clock, stop: StopSignal
           ) -> bool:
    """The sets that are missing, a checkpoint after each. Returns whether they ended by themselves."""
    own = config.attribute
    queries, training = known.sources(own)
    say(f"{len(queries)} queries, {len(training)} training pictures, {own.sets} sets of {own.k} draws")
    each = (len(training) + len(queries)) * own.k
    with Progress("gradients", own.sets * each, scores.sets * each) as bar:
        def after(found: Scores) -> None:
            clock.lap("score")
            checkpoint.save(run.ckpts, found.sets, {
                "attribution": found.state(), "seconds": clock.seconds, "world": known.digest,
                "config": configuration.dump(config)}, 1, [found.sets])
            clock.lap("checkpoint")

        return loop.run(own, queries, training, known.shape, world.levels(own, known.steps), config.seed, scores,
                        after=after, report=bar.add, stop=stop, truth=truth)


def _finish(run: Run, config: Config, known: World, truth: Truth | None, scores: Scores, clock: Clock, status: str
            ) -> None:
    own, sets = config.attribute, scores.sets
    summary: Record = {"status": status, "step": sets, "seconds": clock.seconds, "warnings": [],
                       "ledger": {"sets": sets, "draws": sets * own.k, "gradients": scores.gradients}}
    if sets:
        found = results.methods(own, known, scores)
        summary["damping"], summary["lds"] = scores.damping, {}
        if truth is not None:
            scored = truth.half(1) if own.damping == "auto" else truth
            summary["lds"] = evaluate.predicted(known, scored, found, config.seed)
        summary["quality"] = {f"lds_{group.replace(' ', '_')}": part["lds"][own.method]["value"]
                              for group, part in summary["lds"].items()}
        summary["artefacts"] = results.write(run.folder, own, known, scores, found, summary)
        for group, part in summary["lds"].items():
            say(f"{group}: " + ", ".join(f"{name} {value['value']:.3f}" for name, value in part["lds"].items())
                + f", ceiling {part['ceiling']:.3f}")
    clock.lap("results")
    summary["peak_mem_mib"] = round(peak_memory_mib(), 1)
    run.write_summary(summary)
    say("seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in clock.seconds.items())
        + f"; peak memory {summary['peak_mem_mib']:.0f} MiB")
