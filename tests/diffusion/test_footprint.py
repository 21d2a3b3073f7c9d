"""What a teacher takes, counted on the meta device: against hand counts, the tiny teachers themselves and their files."""

import json
import math
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from carv3d import teachers
from carv3d.diffusion import footprint, loading
from carv3d.diffusion.families import check
from carv3d.diffusion.flops import Networks
from carv3d.diffusion.footprint import Autocast, Fused, Peak, weights_bytes
from carv3d.diffusion.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))

import tiny_families
import tiny_pipeline as tiny

own_cache, signals = tiny.own_cache, tiny.signals
CPU = torch.device("cpu")
ALL, SOME = [*tiny_families.ONE_EACH, *tiny.SHAPES], ["flux2-klein", "z_image", "odd"]


@pytest.fixture(params=ALL)
def case(request, tmp_path_factory):
    """A folder, its teacher on the CPU, and its own options."""
    base = tmp_path_factory.getbasetemp()
    known = request.param in tiny_families.CASES
    folder = (tiny_families.built(request.param, base / "families") if known else
              tiny.built(request.param, base / "stable_diffusion"))
    overrides = tiny_families.CASES[request.param].overrides if known else ()
    made = teachers.teacher(tiny.make_config(folder, "teacher.type=diffusers", "data.views=1", "device=cpu",
                                             "teacher.dtype=float32", *overrides))
    size = next((int(each.partition("=")[2]) for each in overrides if each.startswith("teacher.size")), 0)
    mask = made.embeddings.get("mask")
    return folder, made, Settings(size=size), 0 if mask is None else int(mask[0].sum())


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_peak_of_an_mlp_by_hand(device):
    """Without a gradient the widest two neighbours; with one, on the way back: the image, what relu keeps, the answer,
    two gradients of the middle."""
    rows, first, middle, last = 10, 64, 128, 32
    net = nn.Sequential(nn.Linear(first, middle), nn.ReLU(), nn.Linear(middle, last)).to(device).requires_grad_(False)
    given = torch.zeros(rows, first, device=device)
    with torch.no_grad(), Peak(net) as peak:
        out = net(given)
    assert peak.most == 4 * rows * 2 * middle and peak.live == 4 * rows * last
    del out
    assert peak.live == 0
    with Peak(net) as peak:
        given = torch.zeros(rows, first, device=device, requires_grad=True)
        out = net(given)
        assert peak.live == 4 * rows * (first + middle + last)
        out.backward(torch.zeros_like(out))
        assert peak.most == 4 * rows * (first + middle + 2 * last + 2 * middle)
        assert peak.live == 4 * rows * (2 * first + last)  # the image and its gradient; the answer


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_peak_of_a_convolutional_encoder_by_hand(device):
    """A norm keeps its input and two numbers a group, SiLU and a convolution theirs."""
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.SiLU(), nn.Conv2d(8, 4, 3, stride=2, padding=1))
    net.to(device).requires_grad_(False)
    count, side = 2, 16
    image, middle, latents, groups = 3 * side ** 2, 8 * side ** 2, 4 * side ** 2 // 4, 2 * 2
    with Peak(net) as peak:
        given = torch.zeros(count, 3, side, side, device=device, requires_grad=True)
        out = net(given)
        assert peak.live == 4 * count * (image + 3 * middle + groups + latents)
        out.backward(torch.zeros_like(out))
        # back at SiLU: all of the above but what the last convolution read, the gradients of its input and of SiLU's
        assert peak.most == 4 * count * (image + 2 * middle + groups + 2 * latents + 2 * middle)


def test_fused_attention_by_its_formula():
    """Two products there, five back, of which one is the first again; nothing of the size of all pairs is kept."""
    batch, heads, asked, told, width = 2, 3, 64, 80, 16
    query, key, value = (torch.zeros(batch, heads, length, width, device="meta", requires_grad=True)
                         for length in (asked, told, told))
    with Fused(), FlopCounterMode(display=False) as counted, Peak() as peak:
        out = F.scaled_dot_product_attention(query, key, value)
        product = 2 * batch * heads * asked * told * width
        assert counted.get_total_flops() == 2 * product
        assert 4 * out.numel() <= peak.live < 4 * (out.numel() + batch * heads * 2 * asked)
        out.backward(torch.empty_like(out))
    assert counted.get_total_flops() == 7 * product


class Attention(TorchFunctionMode):
    """Operations of attention by its formula; PyTorch's counter knows none for a CPU's."""

    def __init__(self):
        super().__init__()
        self.asked = self.encoding = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is F.scaled_dot_product_attention:
            told = {**dict(zip(("query", "key", "value"), args, strict=False)), **(kwargs or {})}
            query, key, value = (told[name].shape for name in ("query", "key", "value"))
            product = math.prod(query[:-1]) * key[-2]
            if torch.is_grad_enabled():
                self.encoding += 7 * 2 * product * query[-1]
            else:
                self.asked += 2 * product * (query[-1] + value[-1])
        return func(*args, **(kwargs or {}))


def stored(folder, component):
    """Bytes of each tensor in a component's files, by their headers."""
    found = {}
    for path in (folder / component).glob("*.safetensors"):
        with open(path, "rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        found |= {name: entry["data_offsets"][1] - entry["data_offsets"][0] for name, entry in header.items() if name != "__metadata__"}
    return found


def test_a_folder_is_counted_as_its_teacher_is(case):
    """Bytes of the weights, also by the files; operations of a row and of an image, and bytes of each at their peaks."""
    folder, made, settings, tokens = case
    found = footprint.of_folder(folder, settings, views=2, rows=2, tokens=tokens)
    assert found.denoiser_bytes == weights_bytes(made.denoiser) and found.parameters * 4 == found.denoiser_bytes
    assert (found.latent_shape, found.image_size) == (made.latent_shape, made.image_size)
    family = check.family_of(folder)
    buffers = {name for name, _ in made.denoiser.named_buffers()}
    assert found.denoiser_bytes == sum(size for name, size in stored(folder, family.denoiser if family else "unet").items()
                                       if name not in buffers)
    encoders = family.encoders if family else ("text_encoder",)
    assert found.text_bytes == max(sum(stored(folder, name).values()) for name in encoders)
    with Attention() as attention:
        counted = Networks.of(made, *made.image_size, CPU)
    assert found.row_flops == counted.row + attention.asked and attention.asked >= 0
    assert found.encode_flops == counted.encode + attention.encoding
    if made.vae is None:
        assert found.vae_bytes == found.kept_bytes == found.images_bytes == 0
        return
    apart = ("decoder.", "post_quant_conv.", "bn.")
    assert found.vae_bytes == weights_bytes(made.vae) == sum(
        size for name, size in stored(folder, "vae").items() if not name.startswith(apart))
    with Peak(made.vae) as held:
        image = torch.rand(2, *made.image_size, 3, requires_grad=True)
        latents = made.encode(image)
        kept = held.live
        latents.backward(torch.empty_like(latents))
    assert latents[0].shape == made.latent_shape
    assert kept == pytest.approx(found.kept_bytes, rel=0.01) and held.most == pytest.approx(found.images_bytes, rel=0.01)
    assert found.total_bytes > found.denoiser_bytes + found.vae_bytes + found.kept_bytes


@pytest.mark.parametrize("case", SOME, indirect=True)
def test_rows_and_images_are_told_and_held(case):
    """Twice the rows hold about twice as much, and cost no more a row; without the way back less would be held."""
    folder, made, settings, tokens = case
    one, two = (footprint.of_folder(folder, settings, views=count, rows=2 * count, tokens=tokens) for count in (1, 2))
    assert one.row_flops == two.row_flops and one.encode_flops == two.encode_flops
    assert 1.5 < two.ask_bytes / one.ask_bytes <= 2
    assert two.kept_bytes <= 2 * one.kept_bytes and two.images_bytes <= 2 * one.images_bytes
    if made.vae is not None:
        assert 0 < one.kept_bytes < one.images_bytes


@pytest.mark.parametrize("case", SOME, indirect=True)
def test_half_precision_halves_the_denoiser(case):
    folder, made, settings, tokens = case
    whole, half = (footprint.of_folder(folder, Settings(size=settings.size, dtype=dtype), tokens=tokens)
                   for dtype in (torch.float32, torch.bfloat16))
    assert 2 * half.denoiser_bytes == whole.denoiser_bytes and half.ask_bytes < whole.ask_bytes
    assert half.vae_bytes == whole.vae_bytes and half.row_flops == whole.row_flops


def test_autocast_is_stood_in_for(tmp_path_factory):
    """On a CPU, against what PyTorch's own holds; on CUDA norms are in float32 and hold more."""
    folder = tiny_families.built("sdxl", tmp_path_factory.getbasetemp() / "families")
    made = teachers.teacher(tiny.make_config(folder, "teacher.type=diffusers", "data.views=1", "device=cpu",
                                             "teacher.encode_dtype=bfloat16"))
    with Peak(made.vae) as held:
        image = torch.rand(2, *made.image_size, 3, requires_grad=True)
        latents = made.encode(image)
        kept = held.live
        latents.backward(torch.empty_like(latents))
    half = Settings(encode_dtype=torch.bfloat16)
    found = footprint.of_folder(folder, half, views=2)
    assert (found.kept_bytes, found.images_bytes) == pytest.approx((kept, held.most), rel=0.001)
    cuda = footprint.of_folder(folder, half, views=2, device=torch.device("cuda"))
    whole = footprint.of_folder(folder, Settings(), views=2)
    assert found.images_bytes < cuda.images_bytes < whole.images_bytes
    with Autocast(torch.bfloat16, torch.device("cuda")):
        assert F.group_norm(torch.zeros(1, 4, 2, 2, dtype=torch.bfloat16), 2).dtype == torch.float32
        assert F.linear(torch.zeros(1, 4), torch.zeros(4, 4)).dtype == torch.bfloat16


def test_an_encoder_that_recomputes_keeps_less(tmp_path_factory):
    folder = tiny_families.built("sd3", tmp_path_factory.getbasetemp() / "families")
    plain, again = (footprint.of_folder(folder, Settings(checkpoint_encode=each)) for each in (False, True))
    assert again.kept_bytes < 0.5 * plain.kept_bytes and again.images_bytes < plain.images_bytes
    assert again.encode_flops > plain.encode_flops


def test_no_weights_are_read(tmp_path, tmp_path_factory, monkeypatch):
    """Of the JSON files alone the same count; a configuration that is no network's is one line."""
    import shutil

    from carv3d.runtime.errors import UserError

    folder = tiny_families.built("flux2-klein", tmp_path_factory.getbasetemp() / "families")
    bare = Path(shutil.copytree(folder, tmp_path / "bare", ignore=shutil.ignore_patterns("*.safetensors")))
    want = footprint.of_folder(folder, Settings(size=64))
    monkeypatch.setattr(loading, "model", None)
    assert footprint.of_folder(bare, Settings(size=64)) == want
    tiny.edit(bare / "transformer" / "config.json", num_attention_heads="two")
    with pytest.raises(UserError, match="teacher.path: the transformer of") as told:
        footprint.of_folder(bare, Settings(size=64))
    assert "\n" not in str(told.value)
