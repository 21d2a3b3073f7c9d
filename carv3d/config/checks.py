"""Values and relations of options: what is allowed, said in one line."""

from __future__ import annotations

import dataclasses
import difflib
from typing import Any

from carv3d.config.schema import Config, PromptsConfig, Schedule, constant
from carv3d.runtime.errors import UserError


def _check_bounds(key: str, value: Any, item: dataclasses.Field) -> None:
    meta = item.metadata
    for x in value if isinstance(value, list) else [value]:
        bad = (
            meta["choices"] is not None and x not in meta["choices"]
            or meta["ge"] is not None and x < meta["ge"]
            or meta["gt"] is not None and x <= meta["gt"]
            or meta["le"] is not None and x > meta["le"]
        )
        if bad:
            near = difflib.get_close_matches(str(x), [str(c) for c in meta["choices"] or ()], 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UserError(f"{key}: {x!r} given; allowed: {_allowed(item)}{hint}")
    if meta["length"] is not None and len(value) != meta["length"]:
        raise UserError(f"{key}: {len(value)} values given; allowed: {_allowed(item)}")
    if meta["ordered"] and sorted(value) != value:
        raise UserError(f"{key}: {value!r} given; the lower bound comes first")


def _check_schedule(key: str, schedule: Schedule, item: dataclasses.Field) -> None:
    if len(schedule.values) != len(schedule.steps):
        raise UserError(f"{key}: {len(schedule.values)} values and {len(schedule.steps)} steps; give one per step")
    if any(b <= a for a, b in zip(schedule.steps, schedule.steps[1:])):
        raise UserError(f"{key}.steps: {schedule.steps} given; allowed: strictly increasing")
    _check_bounds(key, schedule.values, item)


def _allowed(item: dataclasses.Field) -> str:
    meta = item.metadata
    if meta.get("choices"):
        listed = "a list of some of " if item.type == "list[str]" else ""
        return listed + ", ".join(map(str, meta["choices"]))
    words = {"int": "a whole number", "int | str": "auto or a whole number", "float": "a number",
             "float | str": "auto or a number", "bool": "true or false", "str": "text",
             "list[float]": "a list of numbers", "list[int]": "a list of whole numbers",
             "Schedule": "a number or a schedule"}
    text = words.get(item.type, str(item.type))
    if meta.get("length"):
        text = text.replace("a list of", str(meta["length"]))
    bounds = [f"{sign} {meta[name]:g}" for name, sign in (("ge", ">="), ("gt", ">"), ("le", "<="))
              if meta.get(name) is not None]
    return " ".join([text, " and ".join(bounds)]) if bounds else text


def _check_relations(config: Config) -> None:
    """Rules that tie fields together."""
    teacher = config.teacher
    for name in ("path", "revision", "variant"):
        if getattr(teacher, name) and teacher.type != "stable-diffusion":
            raise UserError(f"teacher.{name}: {getattr(teacher, name)} given with teacher.type {teacher.type}; it "
                            "needs teacher.type=stable-diffusion")
    for name in ("dtype", "encode_dtype"):
        if getattr(teacher, name) != "auto" and teacher.type == "exact":
            raise UserError(f"teacher.{name}: {getattr(teacher, name)} given with teacher.type exact, which works in "
                            "float32")
    for name in ("compile", "checkpoint_encode"):
        if getattr(teacher, name) and teacher.type == "exact":
            raise UserError(f"teacher.{name}: true given with teacher.type exact, which has no network; allowed: "
                            "teacher.type=bundled, stable-diffusion")
    if config.objective.type == "vsd" and teacher.type == "exact":
        raise UserError("objective.type: vsd given with teacher.type exact, which has no layers to adapt; allowed: "
                        "teacher.type=bundled, stable-diffusion")
    prompts, plain = config.prompts, PromptsConfig()
    if teacher.type == "exact" and prompts != plain:
        name = next(f.name for f in dataclasses.fields(plain) if getattr(prompts, f.name) != getattr(plain, f.name))
        raise UserError(f"prompts.{name}: {getattr(prompts, name)} given with teacher.type exact, which reads no text; "
                        "allowed: teacher.type=bundled, stable-diffusion")
    for name in ("front", "side", "back", "overhead", "front_deg", "back_deg", "perp_neg"):
        if config.data.views != 4 and getattr(prompts, name) != getattr(plain, name):
            raise UserError(f"prompts.{name}: {getattr(prompts, name)} given with data.views {config.data.views}; it "
                            "needs data.views=4, the field's front, side, back and overhead")
    for name in ("front_deg", "back_deg"):
        if (prompts.interpolate or prompts.perp_neg) and getattr(prompts, name) != getattr(plain, name):
            raise UserError(f"prompts.{name}: {getattr(prompts, name):g} given with prompts.interpolate or perp_neg, "
                            "where views blend and no word ends; leave it out")
    if prompts.overhead_deg != plain.overhead_deg and config.data.views == 1:
        raise UserError(f"prompts.overhead_deg: {prompts.overhead_deg:g} given with data.views 1, which has no view "
                        "words; allowed: data.views=4, 8")
    if prompts.interpolate and config.data.views == 1:
        raise UserError("prompts.interpolate: true given with data.views 1; allowed: data.views=4, 8")
    if prompts.front_deg + prompts.back_deg > 180:
        raise UserError(f"prompts.front_deg: {prompts.front_deg:g} given with prompts.back_deg {prompts.back_deg:g}; "
                        "together they must leave room within 180 degrees")
    if config.data.camera_sequence and config.data.batch_size > 1:
        raise UserError(f"data.camera_sequence: true given with data.batch_size {config.data.batch_size}; it is for "
                        "batch_size 1, larger batches have data.camera_strata")
    k, noise, cost = config.estimator.k, config.estimator.noise, config.estimator.cost
    if k != "auto" and (noise == "antithetic" and k % 2 or noise == "zero_sum" and k < 2):
        raise UserError(f"estimator.noise: {noise} given with estimator.k {k}; antithetic needs an even K, "
                        "zero_sum K >= 2")
    if cost.source == "given" and cost.a_ms + cost.b_ms <= 0:
        raise UserError(f"estimator.cost: a_ms {cost.a_ms:g} and b_ms {cost.b_ms:g} given; one must be positive")
    if config.budget.evaluations and not (teacher.toybox or config.quality.clip):
        raise UserError(f"budget.evaluations: {config.budget.evaluations} given with teacher.type {teacher.type}, "
                        "whose prompts have no ground truth; allowed: teacher.type=bundled, exact, or with the "
                        "score of a CLIP model, quality.clip=FOLDER")
    if bool(config.compare.points) != bool(config.compare.estimators):
        raise UserError(f"compare.points: {config.compare.points} given with {len(config.compare.estimators)} "
                        "compare.estimators; give both, or neither")
    if config.compare.points and config.objective.type == "vsd":
        raise UserError(f"compare.points: {config.compare.points} given with objective.type vsd, whose own score "
                        "learns with every step and so has no state to compare on; allowed: objective.type=sds, csd")
    steps = {0, config.trainer.max_steps} | set(config.objective.t_min.steps) | set(config.objective.t_max.steps)
    for step in sorted(steps):
        low, high = config.objective.t_min.at(step), config.objective.t_max.at(step)
        if low >= high:
            raise UserError(f"objective.t_min: {low:g} given with objective.t_max {high:g} at step {step}; "
                            "t_min must be below t_max")
    if config.scene.type != "gaussians":
        for name in ("lambda_needle", "lambda_faint", "lambda_size"):
            if getattr(config.loss, name) != constant(0.0):
                raise UserError(f"loss.{name}: given with scene.type {config.scene.type}, which has no Gaussians; "
                                "it needs scene.type=gaussians")
    own = config.scene.gaussians
    if own.density.every and own.density.start > own.density.stop:
        raise UserError(f"scene.gaussians.density.start: {own.density.start} given with stop {own.density.stop}; start "
                        "must not be above it; scene.gaussians.density.every=0 keeps the number as it is")
    if own.density.every and own.density.cap < own.count:
        raise UserError(f"scene.gaussians.density.cap: {own.density.cap} given with scene.gaussians.count {own.count}; "
                        "the cap must not be below it")
    check_formats(config.export.formats, config.scene.type, "export.formats")


def check_formats(formats: list[str], scene: str, option: str) -> None:
    """UserError for a file that a type of scene cannot give. option: the name by which the user gave the formats."""
    if formats and scene == "image":
        raise UserError(f"{option}: {', '.join(formats)} given with scene.type image, a flat picture; allowed: none; "
                        "carv3d render shows it")
    if "ply" in formats and scene == "nerf":
        raise UserError(f"{option}: ply given with scene.type nerf, which has no Gaussians to write; allowed: glb, obj")
