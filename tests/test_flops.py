"""Counted operations: of a network whose cost is known, of scenes by what they had to do, and as a budget."""

import contextlib

import pytest
import torch
from torch import nn

from carv3d import config as configuration
from carv3d.cli import main
from carv3d.diffusion.flops import LEARN, Networks
from carv3d.text3d import build
from carv3d.text3d.step import train_step

SMALL = ["prompt=a red mushroom", "data.width=16", "data.height=16", "teacher.type=exact", "teacher.exact.set_size=8", "data.views=4",
         "data.batch_size=2", "estimator.k=4", "export.video=false", "trainer.preview_every=0", "trainer.max_steps=30"]


class OneLayer:
    """A teacher of a 3x3 convolution for a denoiser, two rows a branch, and one for an encoder."""

    latent_shape = (4, 8, 8)
    views_per_item = 1
    schedule = type("S", (), {"timesteps": 1000})
    by_modules = staticmethod(contextlib.nullcontext)

    def __init__(self):
        self.unet, self.vae = nn.Conv2d(4, 6, 3, padding=1, bias=False), nn.Conv2d(3, 5, 3, padding=1, bias=False)
        self.vae.requires_grad_(False)

    def condition(self, *_):
        return None

    def evaluations(self, branches):
        return 2 * len(branches)

    def predict(self, noisy, timestep, condition, view, branches):
        return {"cond": self.unet(noisy.repeat(2, 1, 1, 1))}

    def encode(self, rgb):
        return self.vae(rgb.permute(0, 3, 1, 2))


def test_networks_cost_what_convolutions_do():
    found = Networks.of(OneLayer(), 10, 12, torch.device("cpu"))
    assert found.row == 2 * 9 * 4 * 6 * 8 * 8
    assert found.encode == 2 * (2 * 9 * 3 * 5 * 10 * 12)  # there, and back to the picture; the weights are frozen
    assert found.spent(encodes=3, teacher_evals=5, lora_draws=2) == 3 * found.encode + (5 + 2 * LEARN) * found.row


def trainer_of(*overrides):
    trainer = build.trainer(configuration.load(None, [*SMALL, *overrides]))
    trainer.teacher.prepare()
    return trainer


def test_a_scene_works_for_what_it_renders():
    works = {}
    for name, options in {"nerf": ["scene.type=nerf"], "coarse": ["scene.type=nerf", "scene.nerf.samples_per_ray=64"],
                          "few": ["scene.type=gaussians", "scene.gaussians.count=100"],
                          "many": ["scene.type=gaussians", "scene.gaussians.count=200",
                                   "scene.gaussians.init_size=0.7"],
                          "image": ["scene.type=image"]}.items():
        trainer = trainer_of(*options)
        train_step(trainer, 0)
        works[name] = trainer.scene.work
    assert works["coarse"] == pytest.approx(works["nerf"] / 2, rel=0.1)
    assert works["many"] > works["few"] > 3 * 300 * 100 and works["image"] == 3 * 3 * 16 * 16 * 8


def test_the_ledger_adds_up_and_is_only_kept_for_a_budget():
    trainer = trainer_of("scene.type=image", "budget.flops=1e15")
    for step in range(3):
        train_step(trainer, step)
    own = trainer.ledger.networks
    assert trainer.ledger["flops"] == 3 * (round(2 * trainer.scene.work) + own.spent(encodes=2, teacher_evals=8))
    assert own.row > 0 and "flops" not in trainer_of("scene.type=image").ledger


def test_a_run_stops_at_its_flops_and_only_one_that_counted_them_goes_on(tmp_path, capsys):
    one = trainer_of("scene.type=image", "budget.flops=1e15")
    train_step(one, 0)
    limit = 6.5 * one.ledger["flops"]
    given = [*SMALL, "scene.type=image", f"exp_root_dir={tmp_path}"]
    assert main(["train", *given, f"budget.flops={limit}"]) == 0
    folder = capsys.readouterr().out.split()[-1]
    summary = build.Path(folder, "summary.json").read_text()
    assert '"step": 7' in summary and '"stopped_by": "budget.flops"' in summary
    assert main(["train", *given, "trainer.max_steps=3"]) == 0
    uncounted = capsys.readouterr().out.split()[-1]
    assert main(["train", "--resume", uncounted, "trainer.max_steps=9", f"budget.flops={limit}"]) == 2
    assert "has not counted" in capsys.readouterr().err
