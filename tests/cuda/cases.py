"""What is run on the pretended device: name -> a function of a folder of its own, whose errors are failures."""

from __future__ import annotations

import math
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
SPLATS = ["scene.type=gaussians", "scene.gaussians.raster_backend=gsplat"]


def case(told: str, *given: object) -> Callable[[Callable], Callable]:
    """Enter a function under the words that name it; it is called with ``given``, and with the folder if it asks."""
    def enter(function: Callable) -> Callable:
        def run(folder: Path) -> None:
            function(*([folder] if "folder" in function.__code__.co_varnames[:1] else []), *given)

        CASES[told] = run
        return function

    return enter


def trainer_of(*words: str):
    from carv3d import config as configuration
    from carv3d.text3d import build

    config = configuration.load(None, [*SMALL, *words])
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
    carv3d("train", *SMALL, f"exp_root_dir={folder}/runs", "trainer.max_steps=2", *words)
    (run,) = sorted((folder / "runs").glob("*/*"))
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
    "image, bundled teacher": ["scene.type=image"],
    "image, csd with antithetic noise and a weight for proposal": [
        *IMAGE, "objective.type=csd", "estimator.noise=antithetic", "estimator.proposal=weight",
        "estimator.importance_sampling=true"],
    "image, rfds_rev with noise that sums to zero, no strata": [
        *IMAGE, "objective.type=rfds_rev", "estimator.noise=zero_sum", "estimator.stratified=false"],
    "image, sds with plain draws": [*IMAGE, "estimator.noise=iid", "estimator.importance_sampling=false"],
    "image, vsd with two particles and importance sampling": [
        "scene.type=image", "objective.type=vsd", "objective.vsd.particles=2", "objective.vsd.importance_sampling=true",
        "objective.vsd.rank=2"],
    "image, csd with Perp-Neg between views": [
        *IMAGE[:1], "objective.type=csd", "prompts.interpolate=true", "prompts.perp_neg=1.5"],
}
for _name, _words in STEPS.items():
    case(f"steps: {_name}", *_words)(trained)
