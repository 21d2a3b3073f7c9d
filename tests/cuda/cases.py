"""What is run on the pretended device: name -> a function of a folder of its own, whose errors are failures."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path

import torch
from refusals import REFUSALS, refused

Case = Callable[[Path], None]
CASES: dict[str, Case] = {}
SMALL = ["prompt=a red mushroom", "device=cuda", "data.width=16", "data.height=16", "data.views=4", "data.batch_size=2",
         "estimator.k=4", "quality.shape=false", "export.video=false", "trainer.preview_every=0",
         *(f"scene.{scene}.{option}" for scene in ("nerf", "sdf") for option in
           ("levels=4", "occupancy_resolution=16", "table_size=2048", "samples_per_ray=32")),
         "scene.gaussians.count=100", "scene.image.size=16"]
EXACT = ["teacher.type=exact", "teacher.exact.set_size=16", "teacher.exact.unconditional_size=16"]
IMAGE = ["scene.type=image", *EXACT]
TORCH = ["scene.type=nerf", "scene.nerf.encoding_backend=torch", "scene.nerf.render_backend=nerfacc"]
VSD = ["scene.type=image", "sd15", "objective.type=vsd", "objective.vsd.rank=2", "objective.vsd.k=2"]
SPLATS = ["scene.type=gaussians", "scene.gaussians.raster_backend=gsplat"]


def case(told: str, *given: object) -> Callable[[Callable], Callable]:
    """Enter a function under the words that name it; it is called with ``given``, and with the folder if it asks."""
    def enter(function: Callable) -> Callable:
        def run(folder: Path) -> None:
            function(*([folder] if "folder" in function.__code__.co_varnames[:1] else []), *given)

        CASES[told] = run
        return function

    return enter


def spelt(words: tuple[str, ...]) -> list[str]:
    """The command line's words, with the options of a tiny teacher (tests/diffusion) in the place of its name."""
    from tiny_families import CASES as FAMILIES
    from tiny_families import built as family
    from tiny_pipeline import SHAPES
    from tiny_pipeline import built as pipeline

    out, root = list(SMALL), Path(os.environ["XDG_CACHE_HOME"], "teachers")
    for word in words:
        if word in SHAPES:
            out += ["teacher.type=stable-diffusion", f"teacher.path={pipeline(word, root)}"]
        elif word in FAMILIES:
            out += ["teacher.type=diffusers", f"teacher.path={family(word, root)}", "data.views=1",
                    *FAMILIES[word].overrides]
        else:
            out.append(word)
    return out


def trainer_of(*words: str):
    from carv3d import config as configuration
    from carv3d.text3d import build

    config = configuration.load(None, spelt(words))
    build.settle(config)
    made = build.trainer(config)
    made.teacher.prepare()
    return made


def trained(*words: str, steps: int = 2):
    """A trainer after some steps, all of them finite."""
    from carv3d.text3d.step import train_step

    made = trainer_of(*words)
    for step in range(steps):
        out = train_step(made, step)
        assert bool(out.finite) and all(map(math.isfinite, map(float, out.metrics.values()))), out.metrics
    assert all(p.device.type == "cuda" for p in made.parameters)
    return made


def carv3d(*words: str) -> None:
    """The command line, which takes Ctrl-C for itself."""
    from carv3d.cli import main

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        status = main(list(words))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert status == 0, f"carv3d {' '.join(words)}: status {status}"


def run_of(folder: Path, *words: str) -> Path:
    """A finished run of two steps."""
    carv3d("train", *spelt(words), f"exp_root_dir={folder}/runs", "trainer.max_steps=2", "log.every_n_steps=1")
    (run,) = sorted((folder / "runs").glob("*/*"))
    assert json.loads((run / "summary.json").read_text())["missing"] == []
    return run


# ------------------------------------------------------------------------------------------------- the harness's own

for _name in REFUSALS:
    case(f"refused: {_name}", _name)(refused)


@case("control: a background that was left on the CPU is refused")
def _left_behind():
    from unittest import mock

    from pretend import Refused

    made = trainer_of(*TORCH, *EXACT)
    with mock.patch("carv3d.scenes.nerf.moved", lambda tensor, device: tensor):
        try:
            from carv3d.text3d.step import train_step

            train_step(made, 0)
        except Refused:
            return
    raise AssertionError("taken")


# ------------------------------------------------------------------------------------------------------------- steps

SCENES = {
    "image": ["scene.type=image"],
    "nerf, torch": ["scene.type=nerf", "scene.nerf.encoding_backend=torch", "scene.nerf.render_backend=torch"],
    "nerf, nerfacc": TORCH,
    "nerf, tinycudann": ["scene.type=nerf", "scene.nerf.encoding_backend=tinycudann", "scene.nerf.render_backend=torch"],
    "sdf, torch": ["scene.type=sdf", "scene.sdf.encoding_backend=torch", "scene.sdf.render_backend=torch"],
    "sdf, tinycudann and nerfacc": ["scene.type=sdf", "scene.sdf.encoding_backend=tinycudann",
                                    "scene.sdf.render_backend=nerfacc"],
    "gaussians, gsplat": SPLATS,
    "gaussians, torch": ["scene.type=gaussians", "scene.gaussians.raster_backend=torch"],
}
DENSITY = ["scene.gaussians.density.start=1", "scene.gaussians.density.every=2", "scene.gaussians.density.reset_every=3"]
STEPS = {
    **{name: [*words, *EXACT] for name, words in SCENES.items()},
    "nerf, all as it comes": ["scene.type=nerf", *EXACT],
    "nerf, every penalty and a light": [*TORCH, *EXACT, "loss.lambda_orient=0.1", "loss.lambda_sparsity=0.1",
                                        "loss.lambda_opaque=0.1", "loss.lambda_distortion=0.1"],
    "gaussians, density control": [*SPLATS, *EXACT, *DENSITY],
    "image, sds with float16": ["scene.type=image", "sd15", "teacher.dtype=float16"],
    "image, csd with antithetic noise and a weight for proposal": [
        *IMAGE, "objective.type=csd", "estimator.noise=antithetic", "estimator.proposal=weight",
        "estimator.importance_sampling=true"],
    "image, rfds_rev with noise that sums to zero, no strata": [
        *IMAGE, "objective.type=rfds_rev", "estimator.noise=zero_sum", "estimator.stratified=false"],
    "image, sds with plain draws": [*IMAGE, "estimator.noise=iid", "estimator.importance_sampling=false"],
    "image, csd with Perp-Neg between views": [
        "scene.type=image", "sd15", "objective.type=csd", "prompts.interpolate=true", "prompts.perp_neg=1.5"],
    **{f"image, teacher of {family}": ["scene.type=image", family] for family in ("sdxl", "sd3", "z_image")},
}
for _name, _words in STEPS.items():
    case(f"steps: {_name}", *_words)(trained)


@case("every property of a scene, with each of its backends", *SCENES)
def _touched(*names: str):
    """Of the classes that a scene is of; then its fields where it has any, its groups, and its state in another."""
    for name in names:
        made = trainer_of(*SCENES[name], *EXACT).scene
        known = {each for cls in type(made).__mro__ if cls.__module__.startswith("carv3d") for each in vars(cls)}
        for each in sorted(known):
            getattr(made, each)
        points = torch.rand(5, 3, device="cuda") - 0.5
        for each in ("field", "density", "gradient", "network"):
            found = getattr(made, each)(points) if hasattr(made, each) and name != "image" else ()
            for part in found if isinstance(found, tuple) else (found,):
                assert part.device.type == "cuda" and len(part) == 5, (name, each)
        assert sum(len(group["params"]) for group in made.parameter_groups(_Any())) == len(list(made.parameters()))
        other = trainer_of(*SCENES[name], *EXACT, "seed=1").scene
        other.load_state_dict(made.state_dict())
        for one, same in zip(made.parameters(), other.parameters(), strict=True):
            assert torch.equal(one, same)


class _Any(dict):
    """A learning rate for every name."""

    def __missing__(self, name: str) -> float:
        return 0.1


# ---------------------------------------------------------------------------------------------------------- commands


SHOWN = ["export.video=true", "export.video_frames=2", "export.video_size=16", "trainer.preview_every=1"]


@case("train, resume, render, eval, measure: image")
def _looked_at(folder: Path):
    run = run_of(folder, *IMAGE, *SHOWN)
    carv3d("train", "--resume", str(run), "trainer.max_steps=3")
    carv3d("render", str(run), "--views", "2", "--size", "16", "--format", "png")
    carv3d("eval", str(run))
    carv3d("measure", "--run", str(run / "ckpts" / "last.ckpt"), "--cameras", "2", "--replicates", "2", "--k", "1,2")


def _shown(folder: Path, *words: str) -> None:
    run = run_of(folder, *words, *SHOWN)
    carv3d("render", str(run), "--views", "2", "--size", "16", "--format", "png")


for _name, _words in {"nerf": [*TORCH, *EXACT], "gaussians": [*SPLATS, *EXACT]}.items():
    case(f"train with previews and a video, render: {_name}", *_words)(_shown)


@case("train: an sdf, whose shape is scored")
def _shape(folder: Path):
    run_of(folder, "scene.type=sdf", "scene.sdf.encoding_backend=torch", *EXACT, "quality.shape=true")


@case("export: a mesh of a nerf")
def _mesh(folder: Path):
    run = run_of(folder, *TORCH, *EXACT)
    carv3d("export", str(run), "--format", "glb", "--resolution", "16", "export.texture_size=32")


@case("export: a mesh and a ply of gaussians")
def _splats(folder: Path):
    run = run_of(folder, *SPLATS, *EXACT)
    carv3d("export", str(run), "--format", "ply")
    carv3d("export", str(run), "--format", "glb", "--resolution", "16", "export.texture_size=32")


@case("resume: vsd with two particles and importance sampling, from a checkpoint loaded to the device")
def _vsd(folder: Path):
    """As carv3d measure loads it. The learner's sums go back to the host, and the next draws are those of a run that
    was never interrupted."""
    _resumed(folder, *VSD, "objective.vsd.particles=2", "objective.vsd.importance_sampling=true",
             "estimator.importance_sampling=true", "estimator.proposal=adaptive")


def _resumed(folder: Path, *words: str) -> None:
    from carv3d.runs import checkpoint
    from carv3d.text3d.step import train_step

    first = trained(*words, steps=3)
    path = checkpoint.save(folder, 3, {"trainer": first.state(), "config": {}}, 1)
    for device in ("cpu", "cuda"):
        second = trainer_of(*words)
        second.load_state(checkpoint.load(path, device)["trainer"])
        out = train_step(second, 3)
    whole = train_step(first, 3)
    for name, value in whole.metrics.items():
        assert float(value) == float(out.metrics[name]), name


case("resume: gaussians", *SPLATS, *EXACT, *DENSITY)(lambda folder, *words: _resumed(folder, *words))
case("resume: nerf with an adaptive proposal", *TORCH, *EXACT, "estimator.importance_sampling=true",
     "estimator.proposal=adaptive")(lambda folder, *words: _resumed(folder, *words))


@case("a measurement of ways to draw: no step of it waits, and a checkpoint amid it holds what was seen")
def _measurement():
    import pretend

    from carv3d.text3d import auto_k
    from carv3d.text3d.probe import Probe
    from carv3d.text3d.step import train_step
    from carv3d.text3d.timer import moment

    made = trainer_of(*IMAGE, "estimator.k=auto")
    auto_k.begin(made)
    count = len(made.probe.queue)
    for step in range(6):
        began = moment(made.device)
        norm = train_step(made, step).metrics["grad_norm"]
        with pretend.waits.counted() as met:
            assert auto_k.seen(made, step, norm, began, moment(made.device)) is None
        assert not met, met
    state = made.probe.state()
    assert len(made.probe.queue) == count - 6 and len(state["found"]) == 3
    again = Probe.of(state)
    assert again.state() == state and again.queue == made.probe.queue


@case("the adaptive proposal: a step does not wait for its own sums, and the next but one knows them")
def _late():
    import pretend

    from carv3d import carv

    sampler, target = carv.Sampler(4, importance="adaptive", base=torch.ones(100)), carv.uniform_target(100, 0, 99)
    plain = sampler.proposal(target).density
    timestep = torch.arange(100, device="cuda").view(1, 100)
    sampler.observe(timestep, torch.exp(-timestep / 10.0))
    with pretend.waits.counted() as met:
        assert torch.equal(sampler.proposal(target).density, plain) and not met
        sampler.observe(timestep, torch.exp(-timestep / 10.0))
    assert set(kind for kind, _ in met) == {"event"}, met
    now = sampler.proposal(target).density
    assert now[0] > 1.5 * now[-1], "not told"
    again = carv.Sampler(4, importance="adaptive", base=torch.ones(100))
    again.load_state(sampler.state())
    for each in (sampler, again):
        each.observe(timestep, torch.exp(-timestep / 10.0))
    assert torch.equal(sampler.proposal(target).density, again.proposal(target).density)


@case("train: k=auto within a budget of operations, with estimators compared")
def _auto(folder: Path):
    run_of(folder, *IMAGE, "estimator.k=auto", "estimator.measure_every=1", "budget.flops=1e15", "compare.points=1",
           "compare.replicates=2", "compare.estimators=[\"plain: estimator.k=1\", \"auto: estimator.k=auto\"]")


@case("sample: pictures from a teacher")
def _sample(folder: Path):
    carv3d("sample", _folder_of("sd15"), "--prompt", "a corgi", "--number", "1", "--steps", "2", "--device", "cuda", "--out",
           str(folder / "pictures"))


def _folder_of(name: str) -> str:
    (path,) = [word.partition("=")[2] for word in spelt((name,)) if word.startswith("teacher.path=")]
    return path


@case("distill: a latent teacher, sampled")
def _distill(folder: Path):
    (folder / "words.txt").write_text("a mug\na corgi\n")
    carv3d("distill", f"teacher.path={_folder_of('sd15')}", f"data.prompts={folder / 'words.txt'}", "distill.steps=1",
           "distill.outputs=2", "distill.k=2", "distill.fake_updates=1", "distill.samples=8", "distill.evaluate_every=1",
           "distill.fake_rank=2", "distill.importance_sampling=true", "device=cuda", f"exp_root_dir={folder}")
    (run,) = (folder / "distill").iterdir()
    carv3d("sample", str(run), "--prompt", "a mug", "--number", "1", "--device", "cuda")


@case("attribute: pictures and layers of one's own")
def _attribute(folder: Path):
    import test_own_command as own

    for number in range(3):
        own.picture(folder / "data" / f"{number}.png", number)
    lines = [json.dumps({"file_name": f"{number}.png", "text": "a toy"}) for number in range(3)]
    (folder / "data" / "metadata.jsonl").write_text("\n".join(lines))
    own.picture(folder / "queries" / "0.jpg", 10)
    (folder / "queries" / "0.txt").write_text("a toy")
    model = _folder_of("sd15")
    own.lora_file(Path(model), folder / "lora.safetensors")
    carv3d("attribute", f"model={model}", f"data={folder}/data", f"queries={folder}/queries",
           f"lora={folder}/lora.safetensors", "attribute.k=1", "attribute.sets=1", "attribute.sketch=16",
           "attribute.top=1", "device=cuda", f"exp_root_dir={folder}/runs")


# ------------------------------------------------------------------------------------------- where a step waits

ADAPTIVE = ["estimator.importance_sampling=true", "estimator.proposal=adaptive"]
WAITS = {  # of a step of these scenes, the only ones, as (kind, function): docs/performance.md says them in words
    "image, of a latent teacher": (["scene.type=image", "sd15", *ADAPTIVE], {("event", "carv/adapt.py:sums")}),
    "image, of SDXL": (["scene.type=image", "sdxl", *ADAPTIVE], {("event", "carv/adapt.py:sums")}),
    "image, vsd": ([*VSD, *ADAPTIVE, "objective.vsd.importance_sampling=true"], {("event", "carv/adapt.py:sums")}),
}


def _waited(name: str) -> None:
    import pretend

    from carv3d.text3d.step import train_step

    words, wanted = WAITS[name]
    made = trained(*words)
    with pretend.waits.counted() as met:
        train_step(made, 2)
    assert set(met) == wanted, dict(met)


for _name in WAITS:
    case(f"waits of a step: {_name}", _name)(_waited)
