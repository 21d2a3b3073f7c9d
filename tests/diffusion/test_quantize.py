"""teacher.quantize: weights of the denoiser in fewer bits; what a package is needed for is skipped where it is missing."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from carv3d import config as configuration
from carv3d import teachers
from carv3d.diffusion import footprint, quantize
from carv3d.diffusion.settings import Settings
from carv3d.runtime.errors import UserError

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import bench_quantize
import tiny_families
import tiny_pipeline as tiny

own_cache = tiny.own_cache
INSTALLED = [pytest.param(how, marks=pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed"))
             for how, package in quantize.PACKAGES.items() if how != "int4"]
RUN = ["prompt=a corgi", "teacher.type=diffusers", "device=cpu", "data.views=1"]


@pytest.fixture(scope="module")
def families(tmp_path_factory):
    return lambda name: tiny_families.built(name, tmp_path_factory.getbasetemp() / "families")


def line(*words):
    with pytest.raises(UserError) as told:
        teachers.settle(configuration.load(None, [*RUN, *words]))
    assert "\n" not in str(told.value)
    return str(told.value)


def test_what_it_cannot_be_had_with_is_one_line(families, monkeypatch):
    folder = families("sd3")
    own = [f"teacher.path={folder}", "teacher.quantize=int8"]
    monkeypatch.setattr(quantize, "find_spec", lambda name: object())
    teachers.settle(configuration.load(None, [*RUN, *own]))
    assert "CUDA and teacher.dtype=bfloat16" in line(*own, "teacher.quantize=int4")
    assert "vsd" in line(*own, "objective.type=vsd") and "compile" in line(*own, "teacher.compile=true")
    assert "fuse_lora" in line(*own, "teacher.fuse_lora=false", "teacher.lora=[x.safetensors]")
    assert "exact" in line("teacher.type=exact", "teacher.quantize=int8", "prompt=a red mug")
    assert "int2" in line(*own, "teacher.quantize=int2")
    monkeypatch.setattr(quantize, "find_spec", lambda name: None)
    for how, package in quantize.PACKAGES.items():
        assert f"needs the package {package}; install it" in line(*own, f"teacher.quantize={how}")


def test_which_layers_and_how_many_bytes(families):
    """By the formats; what is told the noise level stays whole. The control: no convolution is among them."""
    folder = families("sdxl")
    plain = footprint.of_folder(folder)
    made = footprint._of(folder, footprint.family_of(folder), Settings(), 0)[0].denoiser
    chosen = quantize.layers(made, "int8")
    assert "mid_block.attentions.0.transformer_blocks.0.attn1.to_q" in chosen
    assert not any(name.startswith("time_embedding") or "conv1" in name for name in chosen)
    count, rows = (sum(each) for each in zip(*((p.weight.numel(), p.out_features) for p in chosen.values()), strict=True))
    found = footprint.of_folder(folder, Settings(quantize="int8"))
    assert found.denoiser_bytes == plain.denoiser_bytes - 4 * count + count + 4 * rows
    assert found.ask_bytes == plain.ask_bytes + 4 * max(each.weight.numel() for each in chosen.values())
    assert footprint.of_folder(folder, Settings(quantize="nf4")).denoiser_bytes <= plain.denoiser_bytes
    assert all(layer.in_features % 64 == 0 for layer in quantize.layers(made, "nf4").values())


@pytest.mark.parametrize("how", INSTALLED)
@pytest.mark.parametrize("family", ["sdxl", "flux2-klein"])
def test_the_gradient_of_sds_stays_near(families, how, family):
    """Within five per cent of that in float32, and not the same; the bytes are those counted."""
    own = [f"teacher.path={families(family)}", *RUN, *tiny_families.CASES[family].overrides, "objective.guidance_scale=5"]
    want, whole, _ = bench_quantize.gradients("float32,none", own, 4, 4)
    found, size, _ = bench_quantize.gradients(f"float32,{how}", own, 4, 4)
    error = ((found - want).norm() / want.norm()).item()
    chosen = bool(quantize.layers(footprint._of(families(family), footprint.family_of(families(family)),
                                                Settings(size=64), 0)[0].denoiser, how))
    assert (0 < error < 0.05 and size < whole) if chosen else error == 0
    settings = Settings(size=0 if family == "sdxl" else 64, quantize=how)
    counted = footprint.of_folder(families(family), settings).denoiser_bytes
    assert size == counted if how == "int8" else size == pytest.approx(counted, rel=0.002)  # on a CPU nf4's scales are halved


@pytest.mark.parametrize("how", INSTALLED)
def test_a_run_trains_on_it(families, how, tmp_path, capsys):
    from carv3d.cli import main
    from carv3d.runs.folder import Run

    assert main(["train", *RUN, f"teacher.path={families('flux2-klein')}", f"teacher.quantize={how}", "teacher.size=64",
                 f"exp_root_dir={tmp_path}", "scene.type=image", "scene.image.size=8", "data.batch_size=1", "estimator.k=2",
                 "trainer.max_steps=2", "trainer.preview_every=0", "export.video=false", "log.every_n_steps=1"]) == 0
    lines = Run(Path(capsys.readouterr().out.splitlines()[-1])).metrics()
    assert len(lines) == 2 and all(0 < each["grad_norm"] < float("inf") for each in lines)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="int4 needs CUDA, which is not here")
def test_int4_on_cuda(families):
    pytest.importorskip("torchao")
    own = [f"teacher.path={families('flux2-klein')}", "prompt=a corgi", "teacher.type=diffusers", "device=cuda",
           "teacher.size=64", "objective.guidance_scale=5"]
    want, whole, _ = bench_quantize.gradients("bfloat16,none", own, 4, 4)
    found, size, _ = bench_quantize.gradients("bfloat16,int4", own, 4, 4)
    assert size < whole and (found - want).norm() < 0.2 * want.norm()
