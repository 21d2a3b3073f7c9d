"""VSD's score in every family's own network."""

import sys
from pathlib import Path

import pytest
import torch

from carv3d import teachers
from carv3d.diffusion.lora import LoRAScore

sys.path.insert(0, str(Path(__file__).parent))

import tiny_families
import tiny_pipeline as tiny

own_cache = tiny.own_cache


def draws(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", tiny_families.ONE_EACH)
def test_the_score_starts_as_the_teacher_and_all_of_it_learns(name, tmp_path_factory):
    """Without effect at first; then every layer and the camera's have a finite gradient that is not zero."""
    folder = tiny_families.built(name, tmp_path_factory.getbasetemp() / "families")
    teacher = teachers.teacher(tiny.make_config(folder, "data.views=4", *tiny_families.CASES[name].overrides))
    cameras, view = tiny.seen([0.0, 90.0, 200.0]), torch.tensor([2, 0, 1, 1])
    condition = teacher.condition(cameras, torch.zeros(3, 3))
    clean, noise = (torch.randn(count, *teacher.latent_shape, generator=draws(count)) for count in (3, 4))
    timestep = torch.tensor([150, 400, 620, 900]) * teacher.schedule.timesteps // 1000
    noisy = teacher.schedule.add_noise(clean[view], noise, timestep)
    score = LoRAScore(teacher, 2, seed=0)
    with torch.no_grad():
        started = score(noisy, timestep, condition, view, cameras.c2w)
        assert torch.equal(started, teacher.predict(noisy, timestep, condition, view, ("cond",))["cond"])
        for i, p in enumerate(score.parameters()):
            p.add_(0.05 * torch.randn(p.shape, generator=draws(i)))
        moved = score(noisy, timestep, condition, view, cameras.c2w)
        turned = score(noisy, timestep, condition, view, cameras.c2w.flip(0))
    assert moved.isfinite().all() and (moved - started).flatten(1).abs().amax(1).min() > 1e-4
    assert (turned - moved)[view != 1].flatten(1).abs().amax(1).min() > 1e-5
    score.loss(clean, noise, timestep, condition, view, cameras.c2w).sum().backward()
    assert len(score.layers) >= 8
    for key, p in score.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.abs().max() > 0, key
