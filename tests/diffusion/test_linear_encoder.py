"""The linear way back through an encoder: what is fitted, what stays, where it may stand."""

import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from carv3d import config as configuration
from carv3d import teachers
from carv3d.diffusion import linear_encoder
from carv3d.diffusion.linear_encoder import LinearEncoder
from carv3d.runtime.errors import UserError
from carv3d.toybox import sets

sys.path.insert(0, str(Path(__file__).parent))
import tiny_pipeline as tiny  # noqa: E402

own_cache, pipelines = tiny.own_cache, tiny.pipelines
TRUE = torch.randn(4, 3, 12, 12, generator=torch.Generator().manual_seed(0))


def encode(image: Tensor, bend: float = 0.0) -> Tensor:
    latents = F.conv2d(image, TRUE, torch.arange(4.0), stride=4, padding=4)
    return latents + bend * latents.square()


def noise(count: int, size: int, seed: int) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_a_linear_encoder_is_found_again_and_a_bent_one_is_not_explained():
    found = linear_encoder.fit(encode, (noise(16, 32, seed) for seed in range(9)))
    assert (found.kernel - TRUE).norm() < 2e-3 * TRUE.norm() and found.explained > 0.99999
    bent = linear_encoder.fit(lambda image: encode(image, 0.2), (noise(16, 32, seed) for seed in range(9)))
    assert bent.explained < 0.9
    with pytest.raises(ValueError, match="no grid"):
        linear_encoder.fit(lambda image: encode(image).flatten(2), (noise(4, 32, seed) for seed in range(2)))


def test_latents_stay_and_the_gradient_is_the_transpose():
    stand_in, image = LinearEncoder(TRUE, 4, 1.0), noise(2, 32, 0).requires_grad_()
    latents = encode(image.detach(), 0.3)
    pull = torch.randn(latents.shape, generator=torch.Generator().manual_seed(1))
    carried = stand_in.carried(latents, image)
    assert torch.equal(carried, latents)
    (got,) = torch.autograd.grad(carried, image, pull)
    (want,) = torch.autograd.grad(encode(image), image, pull)
    assert (got - want).norm() < 1e-5 * want.norm()
    (other,) = torch.autograd.grad(encode(image, 0.3), image, pull)
    assert (got - other).norm() > 0.1 * other.norm()  # control


def teacher(*given: str):
    return teachers.teacher(configuration.load(None, ["prompt=a red cube", "teacher.dtype=float32", *given]))


def test_the_bundled_teachers_own_is_what_a_fit_gives():
    """Of a quarter as many pictures; and it turns gradients by less than a right angle, where another picture's
    gradient stands at one."""
    made, exact = teacher(), teacher("teacher.encode_gradient=exact")
    assert made.stand_in is not None and exact.stand_in is None
    assert made.stand_in.explained > 0.98
    again = linear_encoder.fit(exact.latents, (sets.unfinished_pictures(32, 64, seed) for seed in range(3)))
    smooth = [F.avg_pool2d(each.kernel, 4) for each in (again, made.stand_in)]  # detail is told by more pictures
    assert (smooth[0] - smooth[1]).norm() < 0.15 * smooth[1].norm()
    image = (sets.unfinished_pictures(4, 64, 50).permute(0, 2, 3, 1) + 1) / 2
    target = exact.encode((sets.unfinished_pictures(4, 64, 51).permute(0, 2, 3, 1) + 1) / 2)
    found = []
    for each in (made, exact):
        own = image.clone().requires_grad_()
        latents = each.encode(own)
        found.append((latents.detach(), *torch.autograd.grad(latents, own, latents.detach() - target)))
    assert torch.equal(found[0][0], found[1][0])
    cosine = F.cosine_similarity(found[0][1].flatten(1), found[1][1].flatten(1))
    assert cosine.min() > 0.3 and F.cosine_similarity(
        found[0][1].flatten(1), found[1][1].roll(1, 0).flatten(1)).max() < cosine.min()


def test_another_models_is_fitted_once(pipelines, own_cache, capsys, monkeypatch):
    monkeypatch.setattr(linear_encoder, "ROWS", 600)
    arguments = tiny.arguments(pipelines("sd21"), "teacher.encode_gradient=linear")
    first = teachers.teacher(configuration.load(None, arguments))
    assert "fitting a linear function" in capsys.readouterr().err
    second = teachers.teacher(configuration.load(None, arguments))
    assert "fitting" not in capsys.readouterr().err
    assert torch.equal(first.stand_in.kernel, second.stand_in.kernel)
    kept, = linear_encoder.cache_folder("linear_encoders").iterdir()
    kept.write_bytes(b"damaged")
    third = teachers.teacher(configuration.load(None, arguments))
    assert torch.equal(first.stand_in.kernel, third.stand_in.kernel)
    assert teachers.teacher(configuration.load(None, arguments[:-1])).stand_in is None  # auto: exact
    image = torch.rand(1, 64, 64, 3, requires_grad=True)
    third.encode(image).sum().backward()
    assert image.grad.norm() > 0


def test_it_takes_less_memory_on_the_way_back(pipelines):
    plain, linear = (teachers.footprint(configuration.load(None, tiny.arguments(
        pipelines("sd21"), f"teacher.encode_gradient={way}")), 2, 4) for way in ("exact", "linear"))
    assert linear.encode_flops < 0.7 * plain.encode_flops


@pytest.mark.parametrize("given,said", [
    (["teacher.type=exact"], "has no encoder"),
    (["teacher.checkpoint_encode=true"], "keeps no activations"),
    (["teacher.tile_encode=true", "teacher.checkpoint_encode=true"], "keeps no activations"),
])
def test_where_it_has_no_effect_it_is_refused(given, said):
    with pytest.raises(UserError, match=said):
        configuration.load(None, ["prompt=a red cube", "teacher.encode_gradient=linear", *given])


def test_runs_of_before_went_back_exactly():
    text = configuration.dump(configuration.load(None, ["prompt=a red cube"]))
    lines = [line for line in text.splitlines() if "encode_gradient" not in line]
    assert configuration.parse("\n".join(lines)).teacher.encode_gradient == "exact"
    assert configuration.parse(text).teacher.encode_gradient == "auto"
