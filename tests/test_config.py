"""The configuration: defaults, merging, and every error a user can make, each in one line."""

from pathlib import Path

import pytest

from carv3d import config as configuration
from carv3d.config.dump import dump
from carv3d.config.fields import keys
from carv3d.config.load import load, parse
from carv3d.config.options import Schedule
from carv3d.config.schema import Config
from carv3d.runtime.errors import UserError

CONFIGS = Path(__file__).parent.parent / "configs"


@pytest.mark.parametrize("path", sorted((CONFIGS / "families").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_family_s_file_goes_over_dreamfusion_s(path):
    """Of several files later ones count; what only the first names stays."""
    recipe = CONFIGS / "dreamfusion-sd.yaml"
    alone, both = load(recipe, ["prompt=a corgi"]), load([recipe, path], ["prompt=a corgi"])
    assert both.teacher.type == "diffusers" and both.teacher.path != alone.teacher.path
    assert both.scene == alone.scene and both.data == alone.data
    assert load([path, recipe], ["prompt=a corgi"]).teacher.path == alone.teacher.path


def test_base_yaml_is_the_defaults():
    assert (CONFIGS / "base.yaml").read_text() == dump(Config())


def test_every_field_has_a_comment():
    lines = [line for line in dump(Config()).splitlines() if not line.rstrip().endswith(":")]
    assert len(lines) == len(keys()) and all("  # " in line and line.split("  # ")[1] for line in lines)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda p: p.name)
def test_every_yaml_loads(path):
    assert parse(dump(load(path))) == load(path)


def test_dump_and_parse_round_trip_awkward_values():
    config = load(None, ["prompt=a: red 'mushroom' # x", "optimizer.eps=1e-15", "objective.t_max=0.1234567890123",
                         "data.width={values: [32, 48.5], steps: [0, 7]}", "data.fovy_range=[40, 40]", "tag=007"])
    assert config.prompt == "a: red 'mushroom' # x" and config.tag == "007"
    assert parse(dump(config)) == config


def test_gaussians_see_64_pixels_earlier_unless_told_otherwise():
    for words, at in ((["scene.type=gaussians"], [32, 64, 64]), ([], [32, 32, 64]), (["scene.type=gaussians", "data.width=48"], [48, 48, 48])):
        config = load(None, ["prompt=a red cube", *words])
        assert [config.data.width.at(step) for step in (149, 150, 400)] == at
    assert config.data.height.at(150) == 64


def test_command_line_beats_file_beats_default(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("estimator: {k: 8, stratified: false}\nobjective.guidance_scale: 3\nprompt: a red cube\n")
    config = load(path, ["estimator.k=2"])
    assert (config.estimator.k, config.estimator.stratified, config.prompt) == (2, False, "a red cube")
    assert config.objective.guidance_scale == 3 and config.trainer.max_steps == Config().trainer.max_steps


def test_interpolation_of_other_keys():
    """Numbers may be another option's; text is what was written, and the environment is never read."""
    config = load(None, ["data.width=48", "data.height=${data.width}", "tag=${name}-x"])
    assert config.data.height == config.data.width == Schedule([48.0], [0]) and config.tag == "${name}-x"


def test_k_is_a_number_or_a_schedule_or_chosen(tmp_path):
    steps = "estimator.k={values: [1, 4], steps: [0, 10]}"
    for words, at, ks in (([], [1, 1, 2, 2], [1, 2]), (["estimator.k=3"], [3] * 4, [3]), (["estimator.k=auto"], [None] * 4, []),
                          ([steps], [1, 2, 4, 4], [1, 4]), ([steps, "estimator.k=5"], [5] * 4, [5]),
                          (["estimator.k={values: [3]}"], [3] * 4, [3]), (["teacher.type=exact"], [2] * 4, [2]), (["guidance=2"], [1, 1, 2, 2], [1, 2]),
                          (["guidance=7.5"], [2] * 4, [2]), (["guidance=7.5", "K=1"], [1] * 4, [1]),
                          (["objective.type=vsd"], [2] * 4, [2]), (["scene.type=gaussians"], [2] * 4, [2]),
                          (["scene.type=sdf"], [2] * 4, [2])):
        config = load(None, ["prompt=a red cube", *words])
        assert [config.estimator.k_at(step) for step in (0, 5, 480, 999)] == at and config.estimator.ks() == ks
        assert parse(dump(config)) == config and configuration.changed(config, []) == config
    antithetic = load(None, ["prompt=a red cube", "estimator.noise=antithetic"])  # a schedule's single draws have no mode
    assert antithetic.estimator.ks() == [1, 2]


def test_schedules():
    ramp = Schedule([1.0, 3.0, 0.0], [10, 20, 30])
    assert [ramp.at(s) for s in (0, 10, 15, 20, 25, 30, 99)] == [1, 1, 2, 3, 1.5, 0, 0]
    stairs = Schedule([32, 64], [0, 150], "step")
    assert [stairs.at(s) for s in (0, 149, 150, 1000)] == [32, 32, 64, 64]


@pytest.mark.parametrize("override,words", [
    ("estimator.kk=4", ["estimator.kk", "estimator.k?"]),
    ("guidance_scale=4", ["guidance_scale", "objective.guidance_scale"]),
    ("estimator.k=0", ["estimator.k", "0 given", ">= 1"]),
    ("estimator.k=four", ["estimator.k", "'four'", "whole number"]),
    ("estimator.k={values: [1, 2.5], steps: [0, 9]}", ["estimator.k.values", "2.5", "whole number"]),
    ("estimator.k={values: [0, 2], steps: [0, 9]}", ["estimator.k", "0 given", ">= 1"]),
    ("estimator.k={values: [1, 2], steps: [9, 0]}", ["estimator.k.steps", "increasing"]),
    ("estimator.k=2.5", ["estimator.k", "2.5", "whole number"]),
    ("estimator.k=true", ["estimator.k", "true", "whole number"]),
    ("estimator.stratified=maybe", ["estimator.stratified", "'maybe'", "true or false"]),
    ("scene.type=nerv", ["scene.type", "'nerv'", "nerf, sdf, gaussians, image", "did you mean nerf?"]),
    ("objective.weighting=dds", ["objective.weighting", "did you mean sds?"]),
    ("data.fovy_range=[40]", ["data.fovy_range", "1 values", "2 numbers"]),
    ("data.fovy_range=[42, 38]", ["data.fovy_range", "lower bound"]),
    ("data.elevation_range=[-100, 0]", ["data.elevation_range", "-100", ">= -90"]),
    ("data.width=[32, 64]", ["data.width", "not a schedule"]),
    ("data.width={values: [32, 64], steps: [0]}", ["data.width", "2 values and 1 steps"]),
    ("data.width={values: [32, 64], steps: [9, 3]}", ["data.width.steps", "increasing"]),
    ("data.width={values: [32], step: [0]}", ["data.width", "values, steps and interpolation"]),
    ("data.width=4", ["data.width", "4.0 given", ">= 8"]),
    ("objective.t_max=0.01", ["objective.t_min", "0.02", "0.01", "below"]),
    ("optimizer.lr_mlp=nan", ["optimizer.lr_mlp", "a number > 0"]),
    ("optimizer.lr_mlp=.inf", ["optimizer.lr_mlp", "a number > 0"]),
    ("data=3", ["data", "3 given", "batch_size"]),
    ("seed=-1", ["seed", "-1", ">= 0"]),
    ("seed=${nothing.here}", ["nothing.here"]),
    ("seed=${oc.env:HOME}", ["seed", "${KEY}"]),
    ("estimator.k=[1", ["estimator.k", "[1", "whole number"]),
    ("data.camera_sequence=true", ["data.camera_sequence: no such key", "data.view_sequence"]),
    ("data.batch_size=many", ["data.batch_size", "many", "auto or a whole number >= 1"]),
    ("loss.lambda_needle=1", ["loss.lambda_needle", "scene.type nerf", "scene.type=gaussians"]),
    (["loss.lambda_orient=1", "scene.type=gaussians"], ["loss.lambda_orient", "samples along rays", "scene.type=nerf"]),
    ("scene.gaussians.density.start=400", ["density.start", "400 given with stop 350", "density.every=0"]),
    ("scene.gaussians.density.cap=10", ["density.cap", "10 given", "count 2000"]),
    ("just words", ["just words", "key=value"]),
    ("=3", ["=3", "key=value"]),
])
def test_errors_name_key_value_and_what_is_allowed(override, words):
    with pytest.raises(UserError) as caught:
        load(None, override if isinstance(override, list) else [override])
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message


@pytest.mark.parametrize("content,words", [
    (None, ["cannot be read"]), ("a: [", ["not YAML"]), ("- 1\n- 2", ["mapping"]), ("estimator: {kay: 3}", ["estimator.kay"]),
    ("estimator: 3", ["estimator", "3 given"]), ("\xff\xfe", ["not UTF-8", "save it as UTF-8"]),
])
def test_bad_files(tmp_path, content, words):
    path = tmp_path / "c.yaml"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError) as caught:
        load(path)
    assert "\n" not in str(caught.value) and all(word in str(caught.value) for word in words), caught.value


def test_reading_a_configuration_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    configuration.load(None, ["exp_root_dir=elsewhere", "prompt=a red cube"])
    assert not list(tmp_path.iterdir())
