"""Modules beside the tests, which pytest's importlib mode does not find by itself; a small fitted NeRF."""

import sys
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "web")]


@pytest.fixture(scope="session")
def fitted():
    """A NeRF fitted to a closed form: a ball on a slab, coloured by position; its options too."""
    from fields import Analytic, ball, either

    from carv3d.config.scenes import NerfConfig
    from carv3d.scenes.nerf import NeRF

    def slab(points: torch.Tensor) -> torch.Tensor:
        return (points.abs() - torch.tensor([0.5, 0.3, 0.12])).amax(-1)

    options = dict(levels=4, table_size=4096, finest_resolution=32, occupancy_resolution=32)
    generator = torch.Generator().manual_seed(0)
    scene = NeRF(NerfConfig(**options), generator=generator)
    truth = Analytic(either(ball(0.35, (0.0, 0.0, 0.25)), slab), edge=0.01)
    optimiser = torch.optim.Adam(scene.parameters(), lr=0.02)
    for _ in range(200):
        points = torch.rand(8192, 3, generator=generator) * 2 - 1
        density, rgb = scene.field(points)
        wanted = truth.density(points).clamp_min(1e-3).log()
        loss = (density.log() - wanted).square().mean() + 30 * (rgb - truth.colour(points)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for step in range(0, 16 * 20, 16):
        scene.update(step, generator)
    return scene, options
