"""The table of threestudio's keys and what they are in carv3d."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from carv3d.config import yaml_text
from carv3d.runtime.errors import UserError, shown
from carv3d.runtime.types import Value

Pairs: TypeAlias = list[tuple[str, Value]]
Rule: TypeAlias = Callable[[Value, Mapping[str, Value]], Pairs | None]
"""From a key's value and all that is given to options of carv3d; None where carv3d cannot do that."""

PERP_NEG = round(4 * (1 - math.exp(-0.5)), 3)  # at which carv3d's weights are threestudio's defaults


def same(*options: str) -> Rule:
    return lambda value, given: [(option, value) for option in options]


def one_of(words: dict[str, Pairs]) -> Rule:
    return lambda value, given: words.get(str(value).lower())


def switch(on: Pairs, off: Pairs) -> Rule:
    return one_of({"true": on, "yes": on, "on": on, "1": on, "false": off, "no": off, "off": off, "0": off})


def scheduled(option: str) -> Rule:
    return lambda value, given: None if (made := schedule(value)) is None else [(option, made)]


def schedule(value: Value) -> Value:
    """[start step, v0, v1, end step], which goes on as v2, step, ... and may lack its first step, 0, as a schedule of
    carv3d's; what is no list as it stands; None for a list of another form, or one that counts epochs."""
    if not isinstance(value, list):
        return value
    numbers = [yaml_text.number(each) for each in ([0, *value] if len(value) == 3 else value)]
    if len(numbers) < 4 or len(numbers) % 2 or None in numbers:
        return None
    steps, values = [numbers[0], *numbers[3::2]], [numbers[1], *numbers[2::2]]
    return {"values": values, "steps": steps} if all(isinstance(step, int) for step in steps) else None


def sized(option: str) -> Rule:
    def rule(value: Value, given: Mapping[str, Value]) -> Pairs | None:
        if not isinstance(value, list):
            return [(option, value)]
        steps = given.get("data.resolution_milestones", [])
        if not isinstance(steps, list) or len(steps) != len(value) - 1:
            return None
        return [(option, {"values": value, "steps": [0, *steps], "interpolation": "step"})]

    return rule


def alike(option: str) -> Rule:
    """A list is one value for each stage of the resolution: taken where they are the same."""
    return lambda value, given: (None if isinstance(value, list) and (not value or value != [value[0]] * len(value))
                                 else [(option, value[0] if isinstance(value, list) else value)])


def _prompt(value: Value, given: Mapping[str, Value]) -> Pairs:
    if str(value).startswith("lib:"):
        raise UserError(f"prompt: {shown(value)} given, words of threestudio's own list of prompts; write "
                        "out the prompt")
    return [("prompt", value)]


def _table_size(value: Value, given: Mapping[str, Value]) -> Pairs | None:
    number = yaml_text.number(value)
    return [("scene.nerf.table_size", 2 ** number)] if isinstance(number, int) and 0 <= number <= 64 else None


def _finest(value: Value, given: Mapping[str, Value]) -> Pairs | None:
    grid = "system.geometry.pos_encoding_config."
    scale, base, levels = (yaml_text.number(each) for each in (
        value, given.get(f"{grid}base_resolution", 16), given.get(f"{grid}n_levels", 16)))
    if scale is None or base is None or levels is None or not (1 <= scale <= 16 and 1 <= levels <= 64):
        return None
    return [("scene.nerf.finest_resolution", round(base * scale ** (levels - 1)))]


def _background(value: Value, given: Mapping[str, Value]) -> Pairs | None:
    numbers = [yaml_text.number(each) for each in value] if isinstance(value, list) else []
    shades = (("black", [0, 0, 0]), ("grey", [0.5, 0.5, 0.5]), ("white", [1, 1, 1]))
    return next(([("data.background", name)] for name, shade in shades if shade == numbers), None)


def _unit(value: Value, given: Mapping[str, Value]) -> Pairs | None:
    """The weight of the score itself, which is 1 here."""
    return [] if yaml_text.number(value) == 1 else None


PROMPTS, _GUIDANCE, _GEOMETRY = "system.prompt_processor.", "system.guidance.", "system.geometry."
_GRID, _MLP, _ADAM = f"{_GEOMETRY}pos_encoding_config.", f"{_GEOMETRY}mlp_network_config.", "system.optimizer."
_DIFFUSION: Pairs = [("teacher.type", "diffusers")]
RULES: dict[str, Rule] = {  # in the order in which they are applied: what a later one needs comes first
    "system.guidance_type": one_of({
        "stable-diffusion-guidance": [*_DIFFUSION, ("objective.type", "sds")],
        "stable-diffusion-vsd-guidance": [*_DIFFUSION, ("objective.type", "vsd")]}),
    "system.geometry_type": one_of({"implicit-volume": [("scene.type", "nerf")],
                                    "gaussian-splatting": [("scene.type", "gaussians")]}),
    "system_type": one_of({f"{name}-system": [] for name in ("dreamfusion", "magic3d", "prolificdreamer",
                                                             "gaussian-splatting")}),
    "data_type": one_of({"random-camera-datamodule": []}),
    "system.prompt_processor_type": one_of({"stable-diffusion-prompt-processor": []}),
    "system.renderer_type": one_of({"nerf-volume-renderer": []}),
    "name": same("name"), "tag": same("tag"), "exp_root_dir": same("exp_root_dir"), "seed": same("seed"),
    f"{PROMPTS}pretrained_model_name_or_path": same("teacher.path"),  # carv3d has one place for it, the UNet's
    f"{_GUIDANCE}pretrained_model_name_or_path": same("teacher.path"),
    f"{_GUIDANCE}half_precision_weights": switch([("teacher.dtype", "float16")], [("teacher.dtype", "float32")]),
    f"{_GUIDANCE}view_dependent_prompting": switch([("data.views", 4)], [("data.views", 1)]),
    f"{PROMPTS}prompt": _prompt,
    f"{PROMPTS}negative_prompt": same("prompts.negative"),
    **{f"{PROMPTS}prompt_{view}": same(f"prompts.{view}") for view in ("front", "side", "back", "overhead")},
    f"{PROMPTS}use_perp_neg": switch([("prompts.perp_neg", PERP_NEG)], [("prompts.perp_neg", 0)]),
    **{f"{PROMPTS}{view}_threshold": same(f"prompts.{view}_deg") for view in ("front", "back", "overhead")},
    f"{_GUIDANCE}guidance_scale": same("objective.guidance_scale"),
    f"{_GUIDANCE}weighting_strategy": same("objective.weighting"),
    f"{_GUIDANCE}max_step_percent": scheduled("objective.t_max"),
    f"{_GUIDANCE}min_step_percent": scheduled("objective.t_min"),
    f"{_GUIDANCE}lora_n_timestamp_samples": same("objective.vsd.k"),
    "data.batch_size": alike("data.batch_size"), "data.width": sized("data.width"), "data.height": sized("data.height"),
    "data.resolution_milestones": lambda value, given: [],  # read with width and height
    "data.elevation_range": same("data.elevation_range"),
    "data.camera_distance_range": same("data.camera_distance_range"),
    "data.fovy_range": same("data.fovy_range"),
    "data.batch_uniform_azimuth": same("data.camera_strata"),
    "data.n_test_views": same("export.video_frames"),
    "data.eval_width": same("export.video_size"), "data.eval_height": lambda value, given: [],  # videos are square
    "data.eval_elevation_deg": same("export.video_elevation"),
    f"{_GEOMETRY}radius": same("scene.nerf.bound"),
    f"{_GEOMETRY}density_blob_scale": same("scene.nerf.blob_scale"),
    f"{_GEOMETRY}density_blob_std": same("scene.nerf.blob_std"),
    f"{_GEOMETRY}isosurface_resolution": same("export.mesh_resolution"),
    f"{_GRID}n_levels": same("scene.nerf.levels"),
    f"{_GRID}n_features_per_level": same("scene.nerf.features"),
    f"{_GRID}log2_hashmap_size": _table_size,
    f"{_GRID}per_level_scale": _finest,
    f"{_GRID}base_resolution": same("scene.nerf.base_resolution"),
    f"{_MLP}n_neurons": same("scene.nerf.hidden"),
    f"{_MLP}n_hidden_layers": same("scene.nerf.layers"),
    "system.renderer.num_samples_per_ray": same("scene.nerf.samples_per_ray"),
    "system.background.color": _background,
    "system.loss.lambda_sds": _unit, "system.loss.lambda_vsd": _unit, "system.loss.lambda_lora": _unit,
    "system.loss.lambda_sparsity": scheduled("loss.lambda_sparsity"),
    "system.loss.lambda_opaque": scheduled("loss.lambda_opaque"),
    "system.loss.lambda_orient": scheduled("loss.lambda_orient"),
    f"{_ADAM}name": one_of({"adam": []}),
    f"{_ADAM}args.lr": same("optimizer.lr_encoding", "optimizer.lr_mlp"),
    f"{_ADAM}args.betas": same("optimizer.betas"),
    f"{_ADAM}args.eps": same("optimizer.eps"),
    f"{_ADAM}params.geometry.lr": same("optimizer.lr_encoding", "optimizer.lr_mlp"),
    f"{_ADAM}params.geometry.encoding.lr": same("optimizer.lr_encoding"),
    f"{_ADAM}params.geometry.density_network.lr": same("optimizer.lr_mlp"),
    f"{_ADAM}params.guidance.lr": same("objective.vsd.lr"),
    "system.exporter_type": one_of({"mesh-exporter": []}),
    "system.exporter.fmt": one_of({"obj": [("export.formats", ["obj"])], "obj-mtl": [("export.formats", ["obj"])]}),
    "system.exporter.save_texture": switch([], [("export.texture_size", 0)]),
    "trainer.max_steps": same("trainer.max_steps"),
    "trainer.val_check_interval": same("trainer.preview_every"),
    "trainer.log_every_n_steps": same("log.every_n_steps"),
    "checkpoint.every_n_train_steps": same("checkpoint.every_n_train_steps"),
}
PASSED_OVER = re.compile(  # keys that change nothing of what is trained, or only weigh a loss that there is not here
    r"use_timestamp|timestamp|trial_dir|trial_name|n_gpus|cleanup_after_\w+|data\.(n_val_views|eval_\w+|num_workers)"
    r"|trainer\.(precision|enable_progress_bar|num_sanity_val_steps|inference_mode|accelerator|devices|strategy|profiler"
    r"|benchmark|limit_\w+_batches|check_val_every_n_epoch)|checkpoint\.(save_last|save_top_k|filename|monitor)"
    r"|system\.(loggers|exporter)\..+|system\.cleanup_after_\w+|system\.loss\.lambda_\w+"
    r"|system\.guidance\.(enable_\w+|token_merging\w*|use_sjc|var_red)|system\.prompt_processor\.(spawn|use_cache)"
    r"|system\.geometry\.isosurface_(method|threshold|chunk|coarse_to_fine|remove_outliers|outlier_n_faces_threshold)")
ESSENTIAL = {  # without these another thing would be trained
    "system.guidance_type": "stable-diffusion-guidance, stable-diffusion-vsd-guidance",
    "system.geometry_type": "implicit-volume, gaussian-splatting"}
WORDS_OF_FOUR = tuple(f"prompts.{name}" for name in ("front", "side", "back", "overhead", "front_deg", "back_deg",
                                                     "perp_neg"))  # options that need data.views=4
