"""threestudio's users: every key with a counterpart is taken up, its files are read and what is lost is said."""

import importlib.util
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from carv3d import cli
from carv3d import config as configuration
from carv3d.config import threestudio
from carv3d.config.fields import leaves
from carv3d.config.threestudio_keys import RULES, schedule
from carv3d.runs.folder import Run
from carv3d.runtime.errors import LONGEST, UserError

sys.path.insert(0, str(Path(__file__).parent / "diffusion"))

import tiny_pipeline as tiny

own_cache, pipelines, signals = tiny.own_cache, tiny.pipelines, tiny.signals

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("launch", ROOT / "launch.py")
launch = importlib.util.module_from_spec(spec)
spec.loader.exec_module(launch)

P, G, F, D = "system.prompt_processor.", "system.guidance.", "system.geometry.", "system.optimizer."
FOUR = {"prompts.front": "f", "data.views": 4}


def option(config, key):
    return leaves(config)[key]


KEYS = [  # an argument of threestudio's, and what it makes of carv3d's options
    (f"{P}prompt=a [red] ${{cube}}: no", {"prompt": "a [red] ${cube}: no"}),
    (f"{P}negative_prompt=ugly, 12:30", {"prompts.negative": "ugly, 12:30"}),
    (f"{P}prompt_front=f", FOUR), (f"{P}prompt_side=s", {"prompts.side": "s", "data.views": 4}),
    (f"{P}prompt_back=b", {"prompts.back": "b"}), (f"{P}prompt_overhead=o", {"prompts.overhead": "o"}),
    (f"{P}front_threshold=30.", {"prompts.front_deg": 30.0, "data.views": 4}),
    (f"{P}back_threshold=20", {"prompts.back_deg": 20.0}), (f"{P}overhead_threshold=50", {"prompts.overhead_deg": 50.0}),
    (f"{P}use_perp_neg=true", {"prompts.perp_neg": pytest.approx(4 * (1 - math.exp(-0.5)), abs=1e-3)}),
    (f"{P}use_perp_neg=false", {"prompts.perp_neg": 0.0}),
    (f"{P}pretrained_model_name_or_path=a/b", {"teacher.path": "a/b", "teacher.type": "diffusers"}),
    (f"{G}pretrained_model_name_or_path=a/b", {"teacher.path": "a/b", "teacher.type": "diffusers"}),
    (f"{G}half_precision_weights=true", {"teacher.dtype": "float16"}),
    (f"{G}half_precision_weights=False", {"teacher.dtype": "float32"}),
    (f"{G}view_dependent_prompting=false", {"data.views": 1}), (f"{G}view_dependent_prompting=true", {"data.views": 4}),
    (f"{G}guidance_scale=50.", {"objective.guidance_scale": 50.0}),
    (f"{G}weighting_strategy=uniform", {"objective.weighting": "uniform"}),
    (f"{G}max_step_percent=[5000, 0.98, 0.5, 5001]",
     {"objective.t_max": {"values": [0.98, 0.5], "steps": [5000, 5001], "interpolation": "linear"}}),
    (f"{G}min_step_percent=0.1", {"objective.t_min": {"values": [0.1], "steps": [0], "interpolation": "linear"}}),
    (f"{G}lora_n_timestamp_samples=3", {"objective.vsd.k": 3}),
    ("system.guidance_type=stable-diffusion-vsd-guidance", {"objective.type": "vsd", "teacher.type": "diffusers"}),
    ("system.guidance_type=stable-diffusion-guidance", {"objective.type": "sds"}),
    ("system.prompt_processor_type=stable-diffusion-prompt-processor", {}),
    ("system.geometry_type=gaussian-splatting", {"scene.type": "gaussians"}),
    ("system.geometry_type=implicit-volume", {"scene.type": "nerf"}), ("system_type=dreamfusion-system", {}),
    ("system.renderer_type=nerf-volume-renderer", {}), ("data_type=random-camera-datamodule", {}),
    (f"{F}radius=2.", {"scene.nerf.bound": 2.0}), (f"{F}density_blob_scale=10", {"scene.nerf.blob_scale": 10.0}),
    (f"{F}density_blob_std=0.2", {"scene.nerf.blob_std": 0.2}),
    (f"{F}isosurface_resolution=256", {"export.mesh_resolution": 256}),
    (f"{F}pos_encoding_config.n_levels=16", {"scene.nerf.levels": 16}),
    (f"{F}pos_encoding_config.n_features_per_level=2", {"scene.nerf.features": 2}),
    (f"{F}pos_encoding_config.log2_hashmap_size=19", {"scene.nerf.table_size": 2**19}),
    (f"{F}pos_encoding_config.per_level_scale=1.4472692", {"scene.nerf.finest_resolution": 4096}),
    (f"{F}pos_encoding_config.base_resolution=16", {"scene.nerf.base_resolution": 16}),
    (f"{F}mlp_network_config.n_neurons=64", {"scene.nerf.hidden": 64}),
    (f"{F}mlp_network_config.n_hidden_layers=2", {"scene.nerf.layers": 2}),
    ("system.renderer.num_samples_per_ray=256", {"scene.nerf.samples_per_ray": 256}),
    ("system.background.color=[1., 1, 1]", {"data.background": "white"}),
    ("system.loss.lambda_sds=1.", {}), ("system.loss.lambda_vsd=1", {}), ("system.loss.lambda_lora=1", {}),
    ("system.loss.lambda_sparsity=[10, 1., 5]",
     {"loss.lambda_sparsity": {"values": [10, 1.0], "steps": [0, 5], "interpolation": "linear"}}),
    ("system.loss.lambda_orient=10", {"loss.lambda_orient": {"values": [10], "steps": [0], "interpolation": "linear"}}),
    ("system.loss.lambda_opaque=0.5", {"loss.lambda_opaque": {"values": [0.5], "steps": [0], "interpolation": "linear"}}),
    (f"{D}name=Adam", {}), (f"{D}args.lr=1.e-3", {"optimizer.lr_encoding": 1e-3, "optimizer.lr_mlp": 1e-3}),
    (f"{D}args.betas=[0.5,0.9]", {"optimizer.betas": [0.5, 0.9]}), (f"{D}args.eps=1e-8", {"optimizer.eps": 1e-8}),
    (f"{D}params.geometry.lr=0.02", {"optimizer.lr_encoding": 0.02, "optimizer.lr_mlp": 0.02}),
    (f"{D}params.geometry.encoding.lr=0.03", {"optimizer.lr_encoding": 0.03}),
    (f"{D}params.geometry.density_network.lr=0.04", {"optimizer.lr_mlp": 0.04}),
    (f"{D}params.guidance.lr=0.0001", {"objective.vsd.lr": 1e-4}),
    ("data.batch_size=4", {"data.batch_size": 4}), ("data.batch_size=[2,2]", {"data.batch_size": 2}),
    ("data.width=48", {"data.width": {"values": [48], "steps": [0], "interpolation": "linear"}}),
    ("data.height={values: [32, 64], steps: [0, 9]}",
     {"data.height": {"values": [32, 64], "steps": [0, 9], "interpolation": "linear"}}),
    ("data.resolution_milestones=[5]", {}),
    ("data.elevation_range=[-10,45]", {"data.elevation_range": [-10.0, 45.0]}),
    ("data.camera_distance_range=[1.5,2]", {"data.camera_distance_range": [1.5, 2.0]}),
    ("data.fovy_range=[40,70]", {"data.fovy_range": [40.0, 70.0]}),
    ("data.batch_uniform_azimuth=false", {"data.camera_strata": False}),
    ("data.n_test_views=60", {"export.video_frames": 60}), ("data.eval_width=256", {"export.video_size": 256}),
    ("data.eval_elevation_deg=20.", {"export.video_elevation": 20.0}),
    ("trainer.max_steps=7", {"trainer.max_steps": 7}), ("trainer.val_check_interval=9", {"trainer.preview_every": 9}),
    ("trainer.log_every_n_steps=3", {"log.every_n_steps": 3}),
    ("checkpoint.every_n_train_steps=6", {"checkpoint.every_n_train_steps": 6}),
    ("data.eval_height=256", {}), ("system.exporter_type=mesh-exporter", {}),
    ("system.exporter.fmt=obj-mtl", {"export.formats": ["obj"]}),
    ("system.exporter.save_texture=false", {"export.texture_size": 0}),
    ("name=n", {"name": "n"}), ("tag=12:30", {"tag": "12:30"}), ("exp_root_dir=o", {"exp_root_dir": "o"}),
    ("seed=3", {"seed": 3}), ("estimator.k=8", {"estimator.k": 8}),  # carv3d's own too
]


@pytest.mark.parametrize("argument,wanted", KEYS, ids=[argument.partition("=")[0] for argument, _ in KEYS])
def test_a_key_with_a_counterpart_is_taken_up(argument, wanted):
    config = configuration.load(None, threestudio.of_arguments([argument]))
    assert {key: option(config, key) for key in wanted} == wanted
    assert wanted or leaves(config) == leaves(configuration.load())


def test_every_key_of_the_table_is_tried_above():
    assert RULES.keys() <= {argument.partition("=")[0] for argument, _ in KEYS}


def interpolated(value, step):
    """What threestudio's list means, by its definition: from (start, v0) to (s1, v1), then on to each further pair."""
    value = [0, *value] if len(value) == 3 else value
    points = [(value[0], value[1]), *zip(value[3::2], value[2::2], strict=True)]
    for (s0, v0), (s1, v1) in zip(points, points[1:]):
        if step < s1:
            return v0 + (v1 - v0) * max(0.0, (step - s0) / (s1 - s0))
    return points[-1][1]


@pytest.mark.parametrize("value", [[10, 1.0, 3.0, 20], [1.0, 3.0, 20], [0, 1.0, 3.0, 20, 0.5, 40], [5, 1, 2, 9, 3, 12, 0, 30]])
def test_schedules_mean_what_they_meant(value):
    config = configuration.load(None, threestudio.of_arguments([f"system.loss.lambda_sparsity={value}"]))
    for step in range(50):
        assert config.loss.lambda_sparsity.at(step) == pytest.approx(interpolated(value, step))


@pytest.mark.parametrize("value", [[1], [1, 2], [0, 1, 2, 3, 4], ["a", 1, 2, 3], [0, 1.0, 2.0, 5.5], [[0], 1, 2, 3]])
def test_lists_that_are_no_schedule(value):
    assert schedule(value) is None
    with pytest.raises(UserError, match="lambda_opaque"):
        threestudio.of_arguments([f"system.loss.lambda_opaque={value}"])


# ----------------------------------------------------------------------------------------------------------------- files


def a_file(path, model="a/b", **changes):
    """A configuration in the form of threestudio's, with its interpolations; changes by dotted key."""
    tree = {
        "name": "mine", "tag": "${rmspace:${system.prompt_processor.prompt},_}", "exp_root_dir": str(path.parent / "runs"),
        "seed": 4, "data_type": "random-camera-datamodule",
        "data": {"batch_size": [1, 1], "width": [16, 24], "height": [16, 24], "resolution_milestones": [2],
                 "camera_distance_range": [1.0, 1.5], "fovy_range": [40, 70], "light_sample_strategy": "other"},
        "system_type": "dreamfusion-system",
        "system": {
            "geometry_type": "implicit-volume",
            "geometry": {"radius": 1.5, "normal_type": "analytic",
                         "pos_encoding_config": {"n_levels": 4, "log2_hashmap_size": 11, "base_resolution": 4}},
            "renderer": {"radius": "${system.geometry.radius}", "num_samples_per_ray": 32},
            "prompt_processor": {"prompt": "???", "pretrained_model_name_or_path": model, "front_threshold": 30.0,
                                 "prompt_side": None},
            "guidance_type": "stable-diffusion-guidance",
            "guidance": {"pretrained_model_name_or_path": model, "guidance_scale": 20.0, "half_precision_weights": False,
                         "max_step_percent": [0, 0.98, 0.5, 4]},
            "loss": {"lambda_sds": 1.0, "lambda_sparsity": 1.0, "lambda_orient": 0.0, "lambda_normal": 3.0},
            "optimizer": {"name": "Adan", "args": {"lr": 0.01, "betas": [0.9, 0.99]},
                          "params": {"geometry.encoding": {"lr": 0.02}, "background": {"lr": 0.001}}}},
        "trainer": {"max_steps": 3, "precision": "16-mixed"},
        "checkpoint": {"every_n_train_steps": "${trainer.max_steps}", "save_top_k": -1}}
    for key, value in changes.items():
        *parts, last = key.split("/")
        node = tree
        for part in parts:
            node = node[part]
        node[last] = value
    path.write_text(yaml.safe_dump(tree))
    return path


def said(capsys):
    lines = capsys.readouterr().err.splitlines()
    return ([line for line in lines if " -> " in line and not line.startswith("dropped")],
            [line.removeprefix("dropped: ") for line in lines if line.startswith("dropped: ")])


def test_a_file_is_taken_up_key_by_key_and_what_is_lost_is_said(tmp_path, capsys):
    arguments = launch.command(["--train", "--config", str(a_file(tmp_path / "t.yaml")), "prompt=a cup", "seed=5"])
    config = configuration.load(None, arguments[1:])
    wanted = {"name": "mine", "tag": "", "seed": 5, "prompt": "a cup", "data.batch_size": 1, "scene.nerf.bound": 1.5,
              "data.width": {"values": [16, 24], "steps": [0, 2], "interpolation": "step"}, "scene.nerf.table_size": 2048,
              "data.fovy_range": [40.0, 70.0], "data.views": 4, "prompts.front_deg": 30.0, "teacher.path": "a/b",
              "teacher.type": "diffusers", "teacher.dtype": "float32", "objective.guidance_scale": 20.0,
              "optimizer.lr_encoding": 0.02, "optimizer.lr_mlp": 0.01, "trainer.max_steps": 3, "prompts.side": "",
              "data.camera_distance_range": configuration.load().data.camera_distance_range}
    assert {key: option(config, key) for key in wanted} == wanted
    mapped, dropped = said(capsys)
    assert f"{G}guidance_scale -> objective.guidance_scale=20.0" in mapped and "seed -> seed=4" in mapped
    lost = {line.partition(":")[0]: line for line in dropped}
    assert lost.keys() == {
        "tag", "checkpoint.every_n_train_steps", "system.renderer.radius", "data.camera_distance_range",
        "data.light_sample_strategy", f"{F}normal_type", "system.loss.lambda_normal", f"{D}name",
        f"{D}params.background.lr", "trainer.precision", "checkpoint.save_top_k"}
    assert "not evaluated" in lost["tag"] and "1.0 given; allowed" in lost["data.camera_distance_range"]


def test_a_file_trains(pipelines, tmp_path, capsys, own_cache, signals):
    path = a_file(tmp_path / "t.yaml", str(pipelines("sd15")))
    assert launch.main(["--config", str(path), "--train", f"{P}prompt=a cup", "device=cpu", "export.video=false",
                        "trainer.val_check_interval=0", "scene.nerf.occupancy_resolution=16"]) == 0
    run = Run(Path(capsys.readouterr().out.splitlines()[-1]))
    config = run.config()
    assert run.summary()["step"] == 3 and config.prompt == "a cup" and config.objective.t_max.values == [0.98, 0.5]
    assert run.folder.is_relative_to(tmp_path / "runs" / "mine") and run.folder.name.startswith("a_cup@")


@pytest.mark.parametrize("changes,words", [
    ({"system/guidance_type": "deep-floyd-guidance"}, ["system.guidance_type", "'deep-floyd-guidance'", "allowed"]),
    ({"system/geometry_type": "implicit-sdf"}, ["system.geometry_type", "allowed"]),
    ({"system/prompt_processor/prompt": "lib:cup_red"}, ["prompt", "lib:cup_red", "write out"]),
    ({}, ["prompt: none given"]),
])
def test_files_that_cannot_be_trained_are_one_line(tmp_path, capsys, monkeypatch, changes, words):
    monkeypatch.chdir(tmp_path)
    assert launch.main(["--train", "--config", str(a_file(tmp_path / "t.yaml", **changes))]) == 2
    line = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert len(line) == 1 and all(word in line[0] for word in words), line
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("content", ["system_type: x", "data_type: x", "system: {}", "system: {guidance_type: x}"])
def test_carv3d_says_what_the_file_is(tmp_path, capsys, content):
    path = tmp_path / "t.yaml"
    path.write_text(content)
    assert cli.main(["train", "--config", str(path), "prompt=a"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and f"python launch.py --config {path} --train" in err and "threestudio" in err


def test_a_file_of_carv3ds_is_passed_on(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("seed: 3\n")
    assert launch.command(["--train", "--config", str(path), "seed=4"]) == ["train", f"--config={path}", "seed=4"]


def test_no_resolver_and_no_environment_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "swordfish")
    path = a_file(tmp_path / "t.yaml", tag="${oc.env:SECRET}", name="${oc.env:SECRET}", seed="${add:1,2}",
                  **{"system/prompt_processor/prompt": "a ${oc.env:SECRET} cup"})
    config = configuration.load(None, launch.command(["--train", "--config", str(path)])[1:])
    assert (config.tag, config.name, config.seed) == ("", "carv3d", 0) and config.prompt == "a ${oc.env:SECRET} cup"
    assert "swordfish" not in configuration.dump(config)


ODD = st.one_of(st.none(), st.booleans(), st.integers(-10, 10**30), st.floats(), st.text(max_size=8),
                st.sampled_from(["${a}", "[", "1e999", "é\x1b[31m"]),
                st.lists(st.one_of(st.integers(-5, 99), st.floats(), st.text(max_size=3), st.lists(st.none(), max_size=2)),
                         max_size=7), st.just({}), st.just({"values": [1], "steps": [0]}))


@settings(max_examples=40, deadline=None)
@given(values=st.dictionaries(st.sampled_from([*RULES, "system.x", "data.y.z", "a\nb"]), ODD, max_size=4))
def test_any_values_give_a_configuration_or_one_line(values):
    def plain(value):
        if isinstance(value, (list, dict)):
            return [plain(each) for each in value] if isinstance(value, list) else {
                key: plain(each) for key, each in value.items()}
        return "null" if value is None else str(value)

    try:
        found = threestudio.of_file({key: plain(value) for key, value in values.items()},
                                    lambda made: configuration.load(None, made))
        configuration.load(None, found.overrides)
    except UserError as error:
        assert str(error).isprintable() and len(str(error)) <= LONGEST


# ---------------------------------------------------------------------------------------------------------- command line


LINES = [
    [], ["--train", "--test"], ["--gpu", "abc", "--train"], ["--gpu", "", "--train"], ["--gpu", "-1", "--train"],
    ["--gpu"], ["--gpu", "0,", "--train", "prompt=a red cube"], ["--train", "key"], ["--train", "=x"], ["--train", "="],
    ["--train", "resume="], ["--train", "resume=nofolder"], ["--test"], ["--test", "resume=nofolder"], ["--export"],
    ["--test", "resume=-x"], ["--export", "resume=nofolder", "seed=1"], ["--validate", "resume=x"], ["--gradio"],
    ["--train", "--config"], ["--train", "--config", "nowhere.yaml"], ["--train", "--config", "."], ["--train", "--bogus"],
    ["--train", "x" * 5000], ["--train", "x" * 5000 + "=1"], ["--train", "seed=" + "9" * 5000], ["--train", "a\nb=1"],
    ["--train", "\x1b[31m=1"], ["--train", "seed=\x1b[31m"], ["--train", "\udcff=1"], ["--train", "prompt=\udcff"],
    ["--train", "data.width=[1,"], ["--train", "data.width=[64,512]"], ["--train", "data.batch_size=[1,2]"],
    ["--train", f"{P}use_perp_neg=maybe"], ["--train", f"{G}max_step_percent=[0,1]"], ["--train", "system.background.color=7"],
    ["--train", "system.guidance_type=zero123-guidance"], ["--train", f"{P}prompt=lib:x"], ["--train", "seed"],
    ["--train", f"{F}pos_encoding_config.log2_hashmap_size=1e9"], ["--train", "data.width=" + "[" * 500],
    ["--train", "system.loss.lambda_sds=2"], ["--train", "scene=nerf"], ["--train"], ["--verbose"],
]


@pytest.mark.parametrize("line", LINES, ids=[str(i) for i in range(len(LINES))])
def test_every_mistake_is_one_line(tmp_path, capsys, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert launch.main(line) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and "error: " in captured.err, captured.err
    assert captured.err[:-1].isprintable() and len(captured.err) <= LONGEST + 20
    assert list(tmp_path.iterdir()) == []


def test_the_gpu_is_chosen_unless_the_environment_has(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    launch.command(["--train", "--gpu", "1,2"])
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1,2"
    launch.command(["--train", "--gpu", "3"])
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1,2"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")


def test_as_a_program(tmp_path):
    """Exit status and streams, in a process of its own."""
    done = subprocess.run([sys.executable, str(ROOT / "launch.py"), "--train", "key"], capture_output=True, text=True,
                          cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
