"""The branch of tinycudann, which is not installed here: a stand-in with its interface, its own parameters and its flaw."""

from __future__ import annotations

import sys
import types

import pytest
import torch
from torch import nn

from carv3d import config as configuration
from carv3d.cameras import orbit
from carv3d.config.scenes import NerfConfig, SdfConfig
from carv3d.runs import checkpoint
from carv3d.runtime.errors import UserError
from carv3d.scenes import nerf
from carv3d.scenes.kernels.backends import Probe
from carv3d.scenes.nerf import NeRF
from carv3d.scenes.sdf import Sdf
from carv3d.text3d import build

SMALL = {"levels": 3, "table_size": 512, "finest_resolution": 32, "occupancy_resolution": 8, "hidden": 16}


class Features(torch.autograd.Function):
    """Products of coordinates and parameters. Of no points, the gradient is what lay in memory, here NaN."""

    @staticmethod
    def forward(ctx, points, params):
        ctx.save_for_backward(points)
        return points[:, :1] * params

    @staticmethod
    def backward(ctx, grad):
        (points,) = ctx.saved_tensors
        total = (grad * points[:, :1]).sum(0)
        return None, total if len(points) else torch.full_like(total, torch.nan)


class Encoding(nn.Module):
    def __init__(self, dimensions, shape, seed, dtype):
        super().__init__()
        self.params = nn.Parameter(torch.full((shape["n_levels"] * shape["n_features_per_level"],), 0.1, dtype=dtype))

    def forward(self, points):
        return Features.apply(points, self.params)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def stand_in(monkeypatch):
    """tinycudann as if it ran on a CPU."""
    monkeypatch.setitem(sys.modules, "tinycudann", types.SimpleNamespace(Encoding=Encoding))
    known = nerf.choose
    monkeypatch.setattr(nerf, "choose", lambda key, name, *rest: (
        (name, "asked for") if name in ("tinycudann", "nerfacc") else known(key, name, *rest)))


def made(kind=NeRF, options=NerfConfig, **changes):
    return kind(options(**SMALL | {"encoding_backend": "tinycudann"} | changes), generator=seeded())


@pytest.mark.parametrize("kind,options", [(NeRF, NerfConfig), (Sdf, SdfConfig)])
def test_a_training_render_counts_its_work(stand_in, kind, options):
    scene, table = made(kind, options), made(kind, options, encoding_backend="numba")
    for each in (scene, table):
        out = each.render(orbit([0.0], 0.0, 2.8, 40.0, 8, 8), torch.ones(1, 3), seeded(1))
        out.rgb.sum().backward()
    assert scene.encoding.native.params.grad.any()
    per_sample = [each.work for each in (scene, table)]
    assert per_sample[0] == pytest.approx(per_sample[1], rel=0.5) and per_sample[0] > 0


def test_nothing_to_encode_is_a_gradient_of_zero(stand_in):
    scene = made()
    scene.occupied.fill_(False)
    optimizer = torch.optim.Adam(scene.parameter_groups({"encoding": 0.1, "mlp": 0.1}), fused=True)
    before = [p.detach().clone() for p in scene.parameters()]
    scene.render(orbit([0.0], 0.0, 2.8, 40.0, 8, 8), torch.ones(1, 3)).rgb.sum().backward()
    assert all(p.grad is not None and not p.grad.any() for p in scene.parameters())
    optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(before, scene.parameters(), strict=True))


def test_its_checkpoint_says_what_it_needs(stand_in, tmp_path):
    path = checkpoint.save(tmp_path / "ckpts", 1, {"trainer": {"scenes": [made().state_dict()]}}, keep=1)
    changes = [f"scene.nerf.{key}={value}" for key, value in SMALL.items()]
    config = configuration.load(None, ["prompt=a red mushroom", "device=cpu", *changes])
    with pytest.raises(UserError, match="scene.nerf.encoding_backend: trained with tinycudann, whose hash grid numba "
                                        "does not read; needed: device=cuda, tinycudann, and scene.nerf.encoding_backend="):
        build.trained_scenes(config, path)
    config.scene.nerf.encoding_backend = "tinycudann"
    with pytest.raises(UserError, match=r"^scene.nerf.encoding_backend: trained with tinycudann, whose hash grid nothing "
                                        r"else reads; needed: device=cuda and tinycudann \((?!.* \.\.\. )"):
        build.trained_scenes(config, path)
    with pytest.raises(UserError, match="scene.sdf.encoding_backend: trained with tinycudann"):
        made(Sdf, SdfConfig, encoding_backend="torch").load_state_dict(made(Sdf, SdfConfig).state_dict())
    again = made()
    again.load_state_dict(made().state_dict())


def test_it_refuses_the_checkpoints_of_others(stand_in, tmp_path):
    path = checkpoint.save(tmp_path / "ckpts", 1, {}, keep=1)
    with pytest.raises(UserError, match="trained with torch, numba or triton, whose hash grid tinycudann does not read; "
                                        "give scene.nerf.encoding_backend=auto"), checkpoint.fitting(path):
        made().load_state_dict(made(encoding_backend="torch").state_dict())


@pytest.mark.parametrize("works", [True, False])
def test_nerfacc_marches_in_triton_where_that_works(stand_in, monkeypatch, works):
    monkeypatch.setattr(nerf, "probe_one", lambda name: Probe(name, works and name == "triton", ""))
    scene = made(encoding_backend="torch", render_backend="nerfacc")
    assert scene.marching == ("triton" if works else "torch") and f"marching {scene.marching}" in scene.backends
