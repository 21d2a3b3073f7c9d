"""The benchmark scripts: what they count is right, what they print is JSON, and no assertion looks at a clock."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from carv3d import config as configuration
from carv3d import teachers
from carv3d.objectives import sds as objectives
from carv3d.runtime import rng
from carv3d.scenes.kernels import backends
from carv3d.text3d import build, views

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(Path(__file__).parent / "diffusion"))

import tiny_pipeline as tiny  # noqa: E402

own_cache, pipelines = tiny.own_cache, tiny.pipelines


def _script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # the benchmarks import each other
    spec.loader.exec_module(module)
    return module


step, teacher, baseline = (_script(f"bench_{name}") for name in ("step", "teacher", "baseline"))
SCRIPTS = {"bench_step": step, "bench_teacher": teacher, "bench_baseline": baseline}
rasteriser = _script("bench_rasteriser")
TINY = [text for text in tiny.SMALL if not text.startswith("estimator.k")]


def run(capsys, script, *arguments: str) -> dict:
    """The JSON on stdout of a benchmark that ends well."""
    status = script.main(list(arguments))
    captured = capsys.readouterr()
    assert status == 0, captured.err
    return json.loads(captured.out)


# --- bench_teacher ----------------------------------------------------------------------------------------------------

def test_teacher_measures_every_cell(pipelines, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(teacher.MATMUL, "cpu", 128)
    out = tmp_path / "out.json"
    arguments = ["--k", "1", "2", "5", "--chunk", "0", "2", "--repeats", "2", "--json", str(out), "--dtypes", "float32",
                 "bfloat16", *tiny.arguments(pipelines("sd21"), *TINY, "data.batch_size=3")]
    assert teacher.main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{out}\n" and "draws/s" in captured.err
    result = json.loads(out.read_text())
    assert set(result) == {"teachers", "repeats", "environment"} and result["environment"]["device"] == "cpu"
    assert list(result["teachers"]) == ["float32", "bfloat16"]
    for dtype, found in result["teachers"].items():
        assert found["dtype"] == dtype and found["encoder_dtype"] == "float32" and found["rows_per_draw"] == 2
        assert found["matmul"]["flops_per_s"] > 0
        cells = {(cell["batch_size"], cell["k"], cell["chunk"]): cell for cell in found["draws"]}
        assert list(cells) == [(b, *rest) for b in (1, 3) for rest in ((1, 0), (2, 0), (5, 0), (5, 2))]
        one = cells[1, 1, 0]["flops"]
        assert one > 0
        for (b, k, chunk), cell in cells.items():
            assert cell["flops"] == b * k * one and cell["rows"] == 2 * b * k
            assert cell["calls"] == (3 if chunk else 1)
            assert min(cell[name] for name in ("ms", "one_by_one_ms", "batching_gain", "matmul_share")) >= 0
            assert cell["peak_mib"] > 0
            assert cell["ms_per_draw"] == pytest.approx(cell["ms"] / (b * k), abs=1e-3)
            assert cell["batching_gain"] == pytest.approx(cell["one_by_one_ms"] / cell["ms"], rel=0.01, abs=1e-3)
            assert cell["draws_per_s"] == pytest.approx(1e3 * b * k / cell["ms"], rel=0.05, abs=0.01)
        assert [encode["batch_size"] for encode in found["encode"]] == [1, 3]
        assert all(encode["ms"] >= 0 for encode in found["encode"])
    flops = [[cell["flops"] for cell in found["draws"]] for found in result["teachers"].values()]
    assert flops[0] == flops[1]


@pytest.mark.parametrize("name,dtype", [("sd15", "float32"), ("sd21", "bfloat16"), ("odd", "float32")])
def test_flops_are_those_of_layers_and_attention(pipelines, name, dtype):
    """Counted a second time by hooks: 2 x output x fan-in of each layer, two products of each attention."""
    made = teachers.teacher(tiny.make_config(pipelines(name), *TINY, f"teacher.dtype={dtype}"))
    ask = teacher.asker(made, 2)(3)
    total, widths = 0, {}

    def layer(module, inputs, output):
        nonlocal total
        total += 2 * output.numel() * module.weight[0].numel()

    def attention(module, inputs, output):
        nonlocal total
        (rows, length, inner), (_, other, _) = widths.pop(module.to_q), widths.pop(module.to_k)
        total += 2 * 2 * rows * length * other * inner

    def remember(module, inputs, output):
        widths[module] = tuple(output.shape)

    for module in made.denoiser.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            module.register_forward_hook(layer)
        if hasattr(module, "to_q"):
            module.to_q.register_forward_hook(remember)
            module.to_k.register_forward_hook(remember)
            module.register_forward_hook(attention)
    ask.run()
    assert ask.flops == total


# --- bench_baseline ---------------------------------------------------------------------------------------------------

def test_baseline_measures_four_steps(pipelines, capsys):
    """estimator.k=auto and k=3 of an odd teacher: the configuration's K is the one that a run starts with."""
    for k, expected in (("3", 3), ("auto", 2)):
        result = run(capsys, baseline, "--repeats", "2", "--warm-up", "1",
                     *tiny.arguments(pipelines("odd"), *TINY, f"estimator.k={k}", "data.batch_size=2"))
        assert result["k"] == expected and result["encoder_dtype"] == "float32" and result["warm_up"] == 1
        steps = result["steps"]
        assert list(steps) == ["plain_sds", "plain_sds_decode", "carv3d_plain", "carv3d"]
        for name, found in steps.items():
            own = expected if name == "carv3d" else 1
            assert (found["k"], found["draws"], found["unet_rows"]) == (own, 2 * own, 4 * own)
            assert (found["renders"], found["encodes"], found["decodes"]) == (2, 2, 2 * (name == "plain_sds_decode"))
            assert found["ms_per_draw"] == pytest.approx(found["step_ms"] / found["draws"], abs=1e-3)
            assert found["draw_ratio"] == pytest.approx(found["step_ratio"] / own, abs=1e-3)
            assert found["step_ms"] >= 0
        assert steps["plain_sds"]["step_ratio"] == 1


@pytest.mark.parametrize("name", ["sd15", "odd"])
def test_the_plain_step_is_sds(pipelines, name, monkeypatch):
    """Its gradient is that of carv3d's objective at the timesteps and noises it drew; it decodes as diffusers does."""
    config = step.settled(tiny.make_config(pipelines(name), *TINY, "loss.lambda_sparsity=0.3"))
    trainer = build.trainer(config)
    decode, seen, pictures = baseline.load_decoder(config, trainer.teacher), [], []

    def decoded(latents):
        pictures.append((latents, decode(latents)))
        return pictures[-1][1]

    predict = trainer.teacher.predict

    def spied(noisy, timestep, *rest):
        seen.append((noisy, timestep))
        return predict(noisy, timestep, *rest)

    monkeypatch.setattr(trainer.teacher, "predict", spied)
    before = [p.detach().clone() for p in trainer.scene.parameters()]
    monkeypatch.setattr(trainer.optimizer, "step", lambda: None)
    baseline.plain_step(trainer, decoded)(1)  # not 0, after which the occupancy is updated
    monkeypatch.undo()
    ((noisy, timestep),) = seen
    assert len(timestep) == 2 and torch.equal(trainer.scene.mlp[0], before[-len(trainer.scene.mlp)])

    seen = views.sample(config, 1, 2, strata=config.data.camera_strata)
    out = trainer.scene.render(seen.cameras, seen.background, rng.generator(config.seed, "render", 1))
    latents = trainer.teacher.encode(out.rgb)
    condition = trainer.teacher.condition(seen.cameras, seen.background, seen.light)
    noise = trainer.teacher.schedule.eps_from_x0(noisy, latents.detach(), timestep)
    value = objectives.sds(trainer.teacher, condition, latents.detach(), trainer.weight,
                           config.objective.guidance_scale)(torch.arange(2), timestep, noise)
    sparsity = 0.3 * (out.opacity.square() + 0.01).sqrt().mean()
    parameters = list(trainer.scene.parameters())
    expected = torch.autograd.grad([latents, sparsity], parameters, [value / 2, torch.ones(())])
    for parameter, gradient in zip(parameters, expected, strict=True):
        assert parameter.grad.abs().max() > 0
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-4 * gradient.abs().max().item())

    ((clean, picture),) = pictures
    vae = tiny.parts(pipelines(name)).vae
    shift = vae.config.shift_factor or 0.0
    with torch.no_grad():
        plain = vae.decode(clean / vae.config.scaling_factor + shift).sample
    torch.testing.assert_close(picture, (plain / 2 + 0.5).clamp(0, 1))


# --- bench_step -------------------------------------------------------------------------------------------------------

STATIONS = {"cameras", "render", "encode", "draws", "estimate", "backward", "optimiser", "update", "account", "teacher",
            "objective"}


def test_step_shows_the_stations_of_vsd(pipelines, capsys):
    result = run(capsys, step, "--repeats", "2", "--warm-up", "1",
                 *tiny.arguments(pipelines("sd15"), *TINY, "objective.type=vsd", "estimator.k=2"))
    assert set(result["stations_ms"]) == STATIONS | {"lora", "score"} and "backends" not in result
    assert result["stations_ms"]["lora"] >= 0 and result["stations_ms"]["score"] >= 0


def test_step_compares_backends(pipelines, capsys):
    result = run(capsys, step, "--repeats", "1", "--warm-up", "1", "--backends",
                 *tiny.arguments(pipelines("sd15"), *TINY))
    assert set(result["stations_ms"]) == STATIONS
    assert {"batch_size", "k", "picture", "step_ms", "plain_random_ms", "estimator_share", "measurement_ms",
            "measurement_share", "measure_every", "repeats", "warm_up", "environment"} < set(result)
    assert set(result["backends"]) == {f"{encoding}/{render}" for encoding in ("torch", "numba")
                                       for render in ("torch", "numba")}
    for found in result["backends"].values():
        assert set(found) == {"render_ms", "backward_ms", "step_ms", "step_over_torch"}
        assert 0 <= found["render_ms"] <= found["step_ms"]
    assert result["backends"]["torch/torch"]["step_over_torch"] == 1


def test_backends_start_from_the_same_scene(pipelines):
    """Where parameters are kept alike; five features rule the compiled hash grid out."""
    trainer = build.trainer(tiny.make_config(pipelines("sd15"), *TINY))
    with torch.no_grad():
        trainer.scene.mlp[0].mul_(2)
    twin = step.with_backends(trainer, "torch", "torch", warm_up=0)
    assert twin.scene.backends != trainer.scene.backends and twin.scene is not trainer.scene
    assert torch.equal(twin.scene.mlp[0], trainer.scene.mlp[0])
    assert torch.equal(twin.scene.encoding.table, trainer.scene.encoding.table)
    five = tiny.make_config(pipelines("sd15"), *TINY, "scene.nerf.features=5")
    assert step.working_backends(five, torch.device("cpu")) == [("torch", "torch"), ("torch", "numba")]


def test_backends_of_a_gpu_are_those_that_work(monkeypatch):
    config, cuda = configuration.Config(), torch.device("cuda")
    monkeypatch.setattr(backends, "probe_one", lambda name: backends.Probe(name, name in ("triton", "nerfacc"), ""))
    renders = ("torch", "triton", "nerfacc")
    assert step.working_backends(config, cuda) == [(each, one) for each in ("torch", "triton") for one in renders]
    config.scene.nerf.features = 3
    assert step.working_backends(config, cuda) == [("torch", one) for one in renders]


# --- bench_rasteriser -------------------------------------------------------------------------------------------------

def test_rasteriser_measures_every_part(tmp_path, capsys):
    out = tmp_path / "out.json"
    assert rasteriser.main(["--cases", "50x24x2", "30x8x1", "--repeats", "2", "--json", str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{out}\n" and "Gaussians" in captured.err
    result = json.loads(out.read_text())
    assert [(one["gaussians"], one["size"], one["views"]) for one in result["cases"]] == [(50, 24, 2), (30, 8, 1)]
    fast = "gsplat" if result["environment"]["backends"].startswith("rasteriser gsplat") else "numba"
    for one in result["cases"]:
        assert one["pairs"] > 0 and set(one["speedup"]) == {"forward", "backward"}
        for backend in (fast, "torch"):
            assert all(one[backend][f"{part}_ms"] >= 0 and one[backend][f"{part}_pairs_per_s"] >= 0
                       for part in ("forward", "backward"))
        if fast == "numba":
            assert set(one["parts"]) == {f"{part}_ms" for part in (
                "cameras", "project", "sort_and_list", "blend", "blend_back", "gather", "project_back")} | {"entries"}
    assert rasteriser.main(["--cases", "20x8x1", "--repeats", "1", "--reference-repeats", "0"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["cases"]
    assert "speedup" not in one


def test_pairs_are_counted_by_hand(capsys):
    """One Gaussian that covers all of 5 x 5 pixels but the corners."""
    import math

    from carv3d.cameras import orbit
    from carv3d.scenes.splats import Splats

    splats = Splats(torch.zeros(1, 3), torch.full((1, 3), math.log(0.2)), torch.tensor([[1.0, 0, 0, 0]]),
                    torch.logit(torch.tensor([0.8 * 0.55 / 0.25 / 2])), torch.zeros(1, 1, 3))
    cameras = orbit([0.0], 0.0, 2.0, 2 * math.degrees(math.atan(0.5)), 5, 5)
    # variance 0.25 dilated to 0.55; antialias leaves the opacity 0.4: d^2 <= 1.1 ln(0.4 * 255) = 5.09; the corners' is 8
    assert rasteriser.count_pairs(splats, cameras) == 21


@pytest.mark.parametrize("arguments,words", [
    (["--cases", "10x10"], ["--cases", "'10x10'", "GAUSSIANSxSIDExVIEWS"]), (["--cases", "axbxc"], ["--cases", "axbxc"]),
    (["--repeats", "0"], ["--repeats", ">= 1"]), (["seed=1"], ["key=value", "--help"]),
    (["--json", "no/out.json"], ["--json no/out.json", "no folder no"]),
])
def test_rasteriser_mistakes_end_in_one_line(capsys, arguments, words):
    assert rasteriser.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and all(word in captured.err for word in words)


# --- all --------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name,arguments,words", [
    *((name, ["estimator.kk=1"], ["estimator.kk", "estimator.k?"]) for name in SCRIPTS),
    *((name, ["--repeats", "0"], ["--repeats", ">= 1"]) for name in SCRIPTS),
    *((name, ["--config", "missing.yaml"], ["missing.yaml", "cannot be read"]) for name in SCRIPTS),
    *((name, ["--speed"], ["--speed", "--help"]) for name in SCRIPTS),
    *((name, ["teacher.type=stable-diffusion", "teacher.path=nowhere"], ["there is no folder nowhere"])
      for name in SCRIPTS),
    *((name, ["teacher.type=exact"], ["teacher.type", "bundled"]) for name in ("bench_teacher", "bench_baseline")),
    *((name, ["--json", "no/out.json"], ["--json no/out.json", "no folder no"])
      for name in ("bench_teacher", "bench_baseline")),
    *((name, ["--json", "."], ["--json .", "it is a folder"]) for name in ("bench_teacher", "bench_baseline")),
    ("bench_teacher", ["--k", "2", "0"], ["--k", ">= 1"]),
    ("bench_teacher", ["--chunk", "many"], ["--chunk", "whole number", "many"]),
    ("bench_teacher", ["--dtypes", "float32", "int8"], ["teacher.dtype", "int8", "bfloat16"]),
    ("bench_baseline", ["--warm-up", "-1"], ["--warm-up", ">= 0"]),
    ("bench_baseline", ["objective.type=csd"], ["objective.type", "csd", "sds"]),
    ("bench_step", ["--backends", "scene.type=image"], ["--backends", "scene.type=nerf"]),
])
def test_mistakes_end_in_one_line(capsys, tmp_path, monkeypatch, name, arguments, words):
    monkeypatch.chdir(tmp_path)
    before = list(tmp_path.iterdir())
    assert SCRIPTS[name].main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1, captured.err
    assert captured.err.startswith(f"{name}.py: error: ") and all(word in captured.err for word in words), captured.err
    assert list(tmp_path.iterdir()) == before


def test_a_script_runs_by_itself():
    """The default teacher, as a command, key=value after an option that takes a list."""
    done = subprocess.run(
        [sys.executable, "scripts/bench_teacher.py", "--repeats", "1", "--k", "1", "device=cpu", "data.batch_size=1"],
        cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    (found,) = result["teachers"].values()
    assert str(configuration.load(None, ()).teacher.type) == "bundled" and "bundled" in found["description"]
    assert [cell["flops"] for cell in found["draws"]][0] > 1e8
