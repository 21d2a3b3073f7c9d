"""Values and relations of options: what is allowed, said in one line."""

from __future__ import annotations

import dataclasses
import difflib

from carv3d.config import registry
from carv3d.config.export import ALL, require_usd
from carv3d.config.options import SCHEDULED, Field, Schedule, constant, kind_of
from carv3d.config.schema import Config, LossConfig, PromptsConfig
from carv3d.runtime.errors import UserError, shown
from carv3d.runtime.types import Value


def check_bounds(key: str, value: Value, item: Field) -> None:
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
            raise UserError(f"{key}: {shown(x)} given; allowed: {allowed_values(item)}{hint}")
    if meta["length"] is not None and len(value) != meta["length"]:
        raise UserError(f"{key}: {len(value)} values given; allowed: {allowed_values(item)}")
    if meta["ordered"] and sorted(value) != value:
        raise UserError(f"{key}: {shown(value)} given; the lower bound comes first")


def check_schedule(key: str, schedule: Schedule, item: Field) -> None:
    if len(schedule.values) != len(schedule.steps):
        raise UserError(f"{key}: {len(schedule.values)} values and {len(schedule.steps)} steps; give one per step")
    if any(b <= a for a, b in zip(schedule.steps, schedule.steps[1:])):
        raise UserError(f"{key}.steps: {schedule.steps} given; allowed: strictly increasing")
    check_bounds(key, schedule.values, item)


def allowed_values(item: Field) -> str:
    meta = item.metadata
    if meta.get("choices"):
        listed = "a list of some of " if kind_of(item) == "list[str]" else ""
        return listed + ", ".join(map(str, meta["choices"]))
    words = {"int": "a whole number", "int | str": "auto or a whole number", "float": "a number",
             "float | str": "auto or a number", SCHEDULED: "auto, a whole number or a schedule of them",
             "bool": "true or false", "str": "text",
             "list[float]": "a list of numbers", "list[int]": "a list of whole numbers",
             "Schedule": "a number or a schedule"}
    text = words.get(kind_of(item), kind_of(item))
    if meta.get("length"):
        text = text.replace("a list of", str(meta["length"]))
    bounds = [f"{sign} {meta[name]:g}" for name, sign in (("ge", ">="), ("gt", ">"), ("le", "<="))
              if meta.get(name) is not None]
    return " ".join([text, " and ".join(bounds)]) if bounds else text


def check_relations(config: Config) -> None:
    """UserError for options that contradict one another."""
    _check_teacher(config)
    _check_prompts(config)
    _check_estimator(config)
    _check_quality(config)
    _check_noise_levels(config)
    _check_scene(config)
    config.attribute.check("attribute")
    config.distill.check("distill")


def check_new(config: Config) -> None:
    """UserError for what a new run may not have, though an old one that has it still opens."""
    for key in ("name", "tag"):
        given = getattr(config, key)
        if "/" in given or given.startswith(".") or not given.isprintable():
            raise UserError(f"{key}: {shown(given)} given; allowed: the name of a folder within exp_root_dir, without "
                            "/ and not beginning with a dot")
    if config.export.video_size % 2:
        raise UserError(f"export.video_size: {config.export.video_size} given; H.264 needs an even size; allowed: "
                        f"{config.export.video_size + 1}")
    if "usdz" in config.export.formats:
        require_usd("export.formats")


def _with(trait: str) -> str:
    """The built-in teachers that have a trait, for people."""
    built_in = registry.GROUPS["teacher"].built_in
    return "teacher.type=" + ", ".join(name for name, (said, _) in built_in.items()
                                       if getattr(said, trait) and name != "stable-diffusion")  # an old name


def _check_teacher(config: Config) -> None:
    teacher, said = config.teacher, registry.teacher(config)
    for name in ("path", "base", "revision", "variant", "use_ema", "lora", "textual_inversion", "vae", "size", "shift"):
        if (given := getattr(teacher, name)) and not said.located:
            raise UserError(f"teacher.{name}: {'true' if given is True else given} given with teacher.type "
                            f"{teacher.type}; it needs {_with('located')}")
    for name in ("dtype", "encode_dtype"):
        if getattr(teacher, name) != "auto" and not said.network:
            raise UserError(f"teacher.{name}: {getattr(teacher, name)} given with teacher.type {teacher.type}, which "
                            "works in float32")
    for name in ("compile", "checkpoint_encode", "tile_encode"):
        if getattr(teacher, name) and not said.network:
            raise UserError(f"teacher.{name}: true given with teacher.type {teacher.type}, which has no network; "
                            f"allowed: {_with('network')}")
    _check_engine(config)
    _check_encoder(config)
    _check_memory(config)
    if registry.objective(config).learns and not said.adaptable:
        raise UserError(f"objective.type: {config.objective.type} given with teacher.type {teacher.type}, which has no "
                        f"layers to adapt; allowed: {_with('adaptable')}")


def _check_engine(config: Config) -> None:
    """What a named engine cannot be had together with; auto is torch there."""
    teacher = config.teacher
    if teacher.engine in ("auto", "torch"):
        return
    if not registry.teacher(config).network:
        raise UserError(f"teacher.engine: {teacher.engine} given with teacher.type {teacher.type}, which has no "
                        f"network; allowed: {_with('network')}")
    if registry.objective(config).learns:
        raise UserError(f"teacher.engine: {teacher.engine} given with objective.type {config.objective.type}, which "
                        "takes the difference of the teacher's and its own answer: both must be rounded as torch "
                        "does; leave it auto")
    for name, plain in (("compile", False), ("quantize", "none"), ("offload", "none")):
        if (given := getattr(teacher, name)) != plain:
            raise UserError(f"teacher.engine: {teacher.engine} given with teacher.{name} {str(given).lower()}, which "
                            "is torch's; leave one of them out")
    if teacher.dtype == "float16" or teacher.dtype == "bfloat16" and teacher.engine != "openvino":
        allowed = "auto, float32" + ", bfloat16" * (teacher.engine == "openvino")
        raise UserError(f"teacher.engine: {teacher.engine} given with teacher.dtype {teacher.dtype}; allowed: "
                        f"{allowed}")


def _check_encoder(config: Config) -> None:
    """What a small encoder and a linear way back cannot be had together with; auto is the model's own there."""
    teacher, said = config.teacher, registry.teacher(config)
    if teacher.encoder == "small" and not said.stand_ins:
        raise UserError(f"teacher.encoder: small given with teacher.type {teacher.type}, which has none; allowed: "
                        f"{_with('stand_ins')}, or teacher.encoder=vae")
    if teacher.encoder == "small" and teacher.vae:
        raise UserError("teacher.encoder: small given with teacher.vae, of which it knows nothing; leave one of them "
                        "out")
    if teacher.encode_gradient == "linear" and not said.network:
        raise UserError(f"teacher.encode_gradient: linear given with teacher.type {teacher.type}, which has no "
                        f"encoder; allowed: {_with('network')}")
    named = {"encoder": ("small", "which takes the place of what that changes"),
             "encode_gradient": ("linear", "whose way back keeps no activations")}
    for key, (value, why) in named.items():
        for name in ("checkpoint_encode", "tile_encode"):
            if getattr(teacher, key) == value and getattr(teacher, name):
                raise UserError(f"teacher.{name}: true given with teacher.{key} {value}, {why}; leave one of them out")


def _check_memory(config: Config) -> None:
    """What makes a network smaller, and what it cannot be had together with."""
    teacher = config.teacher
    for name in ("quantize", "offload"):
        given, said = getattr(teacher, name), registry.teacher(config)
        if given == "none":
            continue
        if not said.network:
            raise UserError(f"teacher.{name}: {given} given with teacher.type {teacher.type}, which has no network; "
                            f"allowed: {_with('network')}")
        if teacher.compile:
            raise UserError(f"teacher.{name}: {given} given with teacher.compile true; leave one of them out")
        if registry.objective(config).learns and given != "model":
            raise UserError(f"teacher.{name}: {given} given with objective.type {config.objective.type}, whose layers "
                            "learn in the network itself; leave it none, or choose objective.type=sds, csd, rfds_rev")
    if teacher.tile_encode and not teacher.checkpoint_encode:
        raise UserError("teacher.tile_encode: true given with teacher.checkpoint_encode false, where every tile's "
                        "activations would be kept, which is more than without; give teacher.checkpoint_encode=true")
    if teacher.quantize != "none" and not teacher.fuse_lora:
        raise UserError(f"teacher.quantize: {teacher.quantize} given with teacher.fuse_lora false; leave that true")
    if teacher.quantize != "none" and teacher.offload != "none":
        raise UserError(f"teacher.quantize: {teacher.quantize} given with teacher.offload {teacher.offload}; leave one "
                        "of them none")


def _check_prompts(config: Config) -> None:
    prompts, plain, views = config.prompts, PromptsConfig(), config.data.views
    if not registry.teacher(config).reads_text and prompts != plain:
        name = next(f.name for f in dataclasses.fields(plain) if getattr(prompts, f.name) != getattr(plain, f.name))
        raise UserError(f"prompts.{name}: {getattr(prompts, name)} given with teacher.type {config.teacher.type}, "
                        f"which reads no text; allowed: {_with('reads_text')}")
    for name in ("front", "side", "back", "overhead", "front_deg", "back_deg", "perp_neg"):
        if views != 4 and getattr(prompts, name) != getattr(plain, name):
            raise UserError(f"prompts.{name}: {getattr(prompts, name)} given with data.views {views}; it needs "
                            "data.views=4: front, side, back and overhead")
    for name in ("front_deg", "back_deg"):
        if (prompts.interpolate or prompts.perp_neg) and getattr(prompts, name) != getattr(plain, name):
            raise UserError(f"prompts.{name}: {getattr(prompts, name):g} given with prompts.interpolate or perp_neg, "
                            "where views blend and no word ends; leave it out")
    if prompts.overhead_deg != plain.overhead_deg and views == 1:
        raise UserError(f"prompts.overhead_deg: {prompts.overhead_deg:g} given with data.views 1, which has no view "
                        "words; allowed: data.views=4, 8")
    if prompts.interpolate and views == 1:
        raise UserError("prompts.interpolate: true given with data.views 1; allowed: data.views=4, 8")
    if prompts.front_deg + prompts.back_deg > 180:
        raise UserError(f"prompts.front_deg: {prompts.front_deg:g} given with prompts.back_deg {prompts.back_deg:g}; "
                        "together they must leave room within 180 degrees")


def _check_estimator(config: Config) -> None:
    noise, cost = config.estimator.noise, config.estimator.cost
    ks = config.estimator.ks()  # a schedule's single draws have no noise mode
    if ks and all(noise == "antithetic" and each % 2 or noise == "zero_sum" and each < 2 for each in ks):
        raise UserError(f"estimator.noise: {noise} given with estimator.k {', '.join(map(str, ks))}; antithetic "
                        "needs an even K, zero_sum K >= 2")
    if cost.source == "given" and cost.a_ms + cost.b_ms <= 0:
        raise UserError(f"estimator.cost: a_ms {cost.a_ms:g} and b_ms {cost.b_ms:g} given; one must be positive")


def _check_quality(config: Config) -> None:
    scored = registry.teacher(config).toybox or config.quality.clip or config.distill.prompts
    if config.budget.evaluations and not scored:
        raise UserError(f"budget.evaluations: {config.budget.evaluations} given with teacher.type "
                        f"{config.teacher.type}, whose prompts have no ground truth; allowed: {_with('toybox')}, or "
                        "with the score of a CLIP model, quality.clip=FOLDER")
    points, estimators = config.compare.points, len(config.compare.estimators)
    if bool(points) != bool(estimators):
        raise UserError(f"compare.points: {points} given with {estimators} compare.estimators; give both, or neither")
    if points and registry.objective(config).learns:
        raise UserError(f"compare.points: {points} given with objective.type {config.objective.type}, whose own score "
                        "learns with every step and so has no state to compare on; allowed: objective.type=sds, csd, "
                        "rfds_rev")


def _check_noise_levels(config: Config) -> None:
    for name in ("rescale", "x0_limit"):
        if (given := getattr(config.objective, name)) and config.objective.type == "csd":
            raise UserError(f"objective.{name}: {given:g} given with objective.type csd, which has no guided "
                            "prediction; leave it 0, or give sds, vsd or rfds_rev")
    steps = {0, config.trainer.max_steps} | set(config.objective.t_min.steps) | set(config.objective.t_max.steps)
    for step in sorted(steps):
        low, high = config.objective.t_min.at(step), config.objective.t_max.at(step)
        if low >= high:
            raise UserError(f"objective.t_min: {low:g} given with objective.t_max {high:g} at step {step}; "
                            "t_min must be below t_max")


def _check_scene(config: Config) -> None:
    if not registry.scene(config).gaussians:
        for name in ("lambda_needle", "lambda_faint", "lambda_size"):
            if getattr(config.loss, name) != constant(0.0):
                raise UserError(f"loss.{name}: given with scene.type {config.scene.type}, which has no Gaussians; "
                                "it needs scene.type=gaussians")
    if not registry.scene(config).marched:
        for name in ("lambda_orient", "lambda_distortion"):
            if getattr(config.loss, name) != constant(0.0):
                raise UserError(f"loss.{name}: given with scene.type {config.scene.type}, which has no samples along "
                                "rays; it needs scene.type=nerf or sdf")
    if config.loss.lambda_eikonal != LossConfig().lambda_eikonal and not registry.scene(config).signed:
        raise UserError(f"loss.lambda_eikonal: given with scene.type {config.scene.type}, which is no signed distance; "
                        "it needs scene.type=sdf")
    for section, group in registry.GROUPS.items():
        node = getattr(config, section)
        for name in (*group.built_in, "options"):
            if check := getattr(getattr(node, name, None), "check", None):
                check(f"{section}.{name}")
    check_formats(config.export.formats, config, "export.formats")


def check_formats(formats: list[str], config: Config, option: str) -> None:
    """UserError for a file that the configured scene cannot give. option: the name by which the user gave them."""
    said = registry.scene(config)
    if wrong := [kind for kind in formats if kind not in (said.formats and (*said.formats, ALL))]:
        raise UserError(f"{option}: {', '.join(wrong)} given with scene.type {config.scene.type}, {said.lacks}; "
                        f"allowed: {', '.join(said.formats) or 'none; carv3d render shows it'}")
