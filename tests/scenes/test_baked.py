"""Fields looked up in a table, for videos: against the same field asked at each sample."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from carv3d.cameras import orbit, turntable
from carv3d.config.options import constant
from carv3d.config.scenes import NerfConfig, SdfConfig
from carv3d.scenes import nerf
from carv3d.scenes.kernels.rays import baked
from carv3d.scenes.kernels.rays.marching import Rays
from carv3d.scenes.nerf import BAKED_FROM, HIDDEN_BELOW, NeRF
from carv3d.scenes.sdf import Sdf

_spec = importlib.util.spec_from_file_location(
    "bench_kernels", Path(__file__).parents[2] / "scripts" / "bench_kernels.py")
bench = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(bench)
SHAPE = {"levels": 4, "table_size": 4096, "finest_resolution": 32, "occupancy_resolution": 16, "hidden": 16}
SIZE = 64


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def fitted(kind: str) -> NeRF:
    """A ball of many colours: taught the ball, then its colours shaken so that they vary over it."""
    scene = (NeRF(NerfConfig(**SHAPE), generator=seeded()) if kind == "nerf" else
             Sdf(SdfConfig(**SHAPE, beta=constant(0.02), active_levels=constant(4)), generator=seeded()))
    bench.fit(scene, steps=120, size=24, radius=0.6, seed=0)
    with torch.no_grad():
        scene.mlp[-1][1:] *= 8
    return scene


@pytest.fixture(scope="module", params=["nerf", "sdf"])
def scene(request) -> NeRF:
    return fitted(request.param)


@torch.no_grad()
def apart(scene: NeRF, rays: int) -> tuple[float, float, float]:
    """Of renders under ``closer(rays)`` and ``closer()``: PSNR, IoU of the masks, mean difference of depth in steps."""
    cameras, background = turntable(3, 20.0, 2.8, 40.0, SIZE), torch.rand(3, 3, generator=seeded(1))
    with scene.closer():
        exact = scene.render(cameras, background)
    with scene.closer(rays):
        other, step = scene.render(cameras, background), scene.step
    masks = exact.opacity > 0.5, other.opacity > 0.5
    both = masks[0] & masks[1]
    return (-10 * (exact.rgb - other.rgb).square().mean().clamp_min(1e-12).log10().item(),
            (both.sum() / (masks[0] | masks[1]).sum()).item(),
            (exact.depth - other.depth)[both].abs().mean().item() / step)


def test_pictures_are_the_same_to_the_eye(scene):
    psnr, iou, depth = apart(scene, BAKED_FROM)
    assert psnr > 45 and iou > 0.995 and depth < 0.1  # measured: see docs/performance.md, of trained scenes
    assert apart(scene, BAKED_FROM - 1)[0] == pytest.approx(120)  # few rays: the field itself


def test_control_a_coarse_table_is_seen(scene, monkeypatch):
    """One vertex where there should be four."""
    real = baked.bake
    monkeypatch.setattr(nerf.baked, "bake", lambda grid, finest, *rest: real(grid, finest // 4, *rest))
    psnr, iou, depth = apart(scene, BAKED_FROM)
    assert psnr < 45 or iou < 0.995 or depth > 0.1


def test_empty_space_is_passed_over_without_passing_over_anything(scene, monkeypatch):
    """To the bit, at random rays and offsets; the control is wrong about how far it is empty."""
    generator = seeded(3)
    origins, directions = (x.reshape(-1, 3) for x in orbit([10.0], 30.0, 2.5, 50.0, 40, 40).rays())
    rays = Rays(origins, directions, torch.rand(len(origins), generator=generator))

    def traced() -> torch.Tensor:
        with torch.no_grad():
            table = baked.bake(scene._grid(), 32, scene.network, scene._field().beta)
            return torch.cat(baked.trace(rays, scene._grid(), table, HIDDEN_BELOW), 1)

    want = traced()
    monkeypatch.setattr(baked, "FAR", 1)
    assert torch.equal(traced(), want) and want[:, 3].max() > 0.9
    monkeypatch.setattr(baked, "distances", lambda cells, most: torch.full(cells.shape, 6, dtype=torch.uint8))
    assert not torch.equal(traced(), want)


def test_a_table_has_a_most_and_beyond_it_the_field_is_asked(scene, monkeypatch):
    finest, grid = 32, scene._grid()
    with torch.no_grad():
        table = baked.bake(grid, finest, scene.network, scene._field().beta)
    assert table.n == 5 and table.values.numel() * 4 <= int(grid.occupied.sum()) * 5**3 * 16 <= baked.MOST_BYTES
    monkeypatch.setattr(baked, "MOST_BYTES", int(grid.occupied.sum()) * 5**3 * 16 - 1)
    assert apart(scene, BAKED_FROM)[0] == pytest.approx(120)


def test_a_table_lasts_as_long_as_it_is_asked_for(scene):
    with pytest.raises(KeyError), scene.closer(BAKED_FROM):
        assert scene._table is not None
        raise KeyError
    assert scene._table is None


def test_a_scene_with_nothing_in_it():
    scene = NeRF(NerfConfig(**SHAPE), generator=seeded())
    scene.occupied.fill_(False)
    with torch.no_grad(), scene.closer(BAKED_FROM):
        assert scene.render(turntable(1, 0.0, 2.8, 40.0, 16), torch.zeros(1, 3)).opacity.max() == 0
