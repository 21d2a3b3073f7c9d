"""carv3d's own networks as compiled loops: every layer, the whole UNet and encoder, and runs that take them.

Tolerance: the largest difference to torch in float64 over the largest entry. F(4x4, 3x3) in float32 loses some digits
(arXiv 1509.09308, table 7): 1e-5 of a convolution, where torch's own float32 is off by 3e-7.
"""

import json
import sys
import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from carv3d import config as configuration
from carv3d import teachers
from carv3d.cli import main
from carv3d.diffusion import networks
from carv3d.diffusion.engines import choice
from carv3d.diffusion.engines.loops import networks as loops
from carv3d.diffusion.engines.loops import program
from carv3d.diffusion.engines.loops.convolutions import PLAIN, SILU
from carv3d.diffusion.small_encoder import Shape, SmallEncoder
from carv3d.runs import checkpoint
from carv3d.runtime.errors import UserError

NEAR = 1e-5
CONFIG = {"in_channels": 4, "out_channels": 4, "block_out_channels": [16, 32, 32], "layers_per_block": 1, "norm_num_groups": 8,
          "norm_eps": 1e-5, "cross_attention_dim": 16, "attention_head_dim": 2,
          "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
          "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"]}
WORDS = 7
BUNDLED = ["prompt=a red cube", "teacher.dtype=float32"]


@pytest.fixture(params=[1, 2, 3], ids=lambda count: f"{count} threads")
def threads(request):
    """One, as many as there are cores, and more."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def apart(got, want):
    return float((got.double() - want).abs().max() / want.abs().max())


def seeded(make, *arguments, **options):
    """A network with weights by which every layer has its say."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = make(*arguments, **options)
        for parameter in made.parameters():
            nn.init.normal_(parameter, std=1.5 / max(parameter[0].numel(), 4) ** 0.5)
    return made.eval().requires_grad_(False)


def noise(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def answered(given, write):
    """What a program gives for images [n,c,h,w] or tokens [n,L,c]; write: its layers, from what was loaded."""
    made = loops.Writer()
    out = write(made, *(made.given(*each.shape[2:], each.shape[1]) if each.ndim == 4 else made.load(each[0].numel()) for each in given))
    made.store(out.held if isinstance(out, loops.Image) else out)
    made.finish()
    flat = made([each.permute(0, 2, 3, 1) if each.ndim == 4 else each for each in given])
    if isinstance(out, loops.Image):
        return flat.view(-1, *out[1:]).permute(0, 3, 1, 2)
    return flat


# ------------------------------------------------------------------------------------------------------------ the layers


@pytest.mark.parametrize("given,out,size,times", [(16, 32, (8, 12), 1), (32, 16, (4, 4), 2), (48, 48, (16, 4), 1)])
@pytest.mark.parametrize("before", ["plain", "silu", "norm"])
@pytest.mark.parametrize("told", [False, True])
def test_a_convolution_is_torchs(threads, given, out, size, times, before, told):
    """With all that it takes in: what stands before it, a bias of each row's own, what is added."""
    conv, norm = seeded(nn.Conv2d, given, out, 3, 1, 1), seeded(nn.GroupNorm, 8, given)
    x, own, more = 1 + 2 * noise(3, given, *size), noise(3, 1, out, seed=3), noise(3, out, *[times * each for each in size], seed=2)
    seen = F.interpolate(x.double(), scale_factor=times)
    seen = {"plain": lambda: seen, "silu": lambda: F.silu(seen), "norm": lambda: F.silu(norm.double()(seen))}[before]()
    want = conv.double()(seen)
    if told:
        want = want - conv.bias[:, None, None] + own.double().transpose(1, 2)[..., None] + more.double()
    conv, norm = conv.float(), norm.float()

    def write(made, x, *rest):
        extra = {"bias": rest[0], "more": rest[1]} if told else {}
        return made.convolution(x, conv, {"plain": PLAIN, "silu": SILU, "norm": norm}[before], times=times, **extra)

    got = answered([x, own, more] if told else [x], write)
    assert apart(got, want) < NEAR
    assert apart(got, want.flip(-1)) > 0.1  # the control


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 7, 12, 23])
@pytest.mark.parametrize("count,outs", [(16, 16), (40, 48), (7, 16)])
def test_a_product_is_torchs_at_any_number_of_rows(threads, rows, count, outs):
    layer, x = seeded(nn.Linear, count, outs), noise(2, rows, count)
    more = noise(2, rows, outs, seed=2)
    got = answered([x, more], lambda made, x, more: made.linear(x, rows, layer.weight, layer.bias, more)).view(2, rows, outs)
    want = F.linear(x.double(), layer.weight.double(), layer.bias.double()) + more
    assert apart(got, want) < 1e-6 and apart(got, want + 1e-4) > 1e-6


@pytest.mark.parametrize("channels,side,stride,before,after", [(3, 12, 4, 4, 4), (16, 3, 2, 1, 1), (16, 3, 2, 0, 1), (32, 2, 2, 0, 0)])
def test_a_convolution_of_larger_steps_is_torchs(threads, channels, side, stride, before, after):
    conv, x = seeded(nn.Conv2d, channels, 16, side, stride), noise(2, channels, 16, 8)
    want = conv.double()(F.pad(x.double(), (before, after, before, after)))
    got = answered([x], lambda made, x: made.strided(x, conv.float(), before, after))
    assert got.shape == want.shape and apart(got, want) < 1e-6 and apart(got, want.flip(-1)) > 0.1


@pytest.mark.parametrize("seen", [1, 7, 16, 24])
@pytest.mark.parametrize("told", [False, True])
def test_attention_is_torchs(threads, seen, told):
    """Of numbers of tokens that fill registers or do not; among a sharp row's scores one has all the weight."""
    layer = seeded(networks.Attention, 64, 2, 48 if told else None)
    rows = 5 if told else seen
    x, text = noise(3, rows, 64), noise(3, seen, 48, seed=2)
    x[0] *= 4
    want = layer.double()(x.double(), text.double() if told else None) + x
    layer = layer.float()
    got = answered([x, text], lambda made, x, text: made.attend(layer, x, rows, text if told else None, seen, x)).view(want.shape)
    assert apart(got, want) < NEAR
    if seen > 1:
        assert apart(got[:1], x[:1].double()) > 1e-3  # the control: there is more than what it is added to


@pytest.mark.parametrize("shift", [0.0, 100.0])
def test_norms_are_torchs(threads, shift):
    """And where the mean is a hundred times what it varies by, to what is left of float32 then."""
    image, tokens = seeded(nn.GroupNorm, 4, 48, 1e-6), seeded(nn.LayerNorm, 40)
    x, rows = shift + noise(2, 48, 4, 8), shift + noise(2, 11, 40)
    bound = 1e-6 if shift == 0 else 5e-3
    assert apart(answered([x], lambda made, x: made.norm(x, image)), image(x).double()) < bound
    got = answered([rows], lambda made, x: made.layer_norm(x, 11, tokens)).view(2, 11, 40)
    assert apart(got, tokens.double()(rows.double())) < max(1e-6, 1e-5 * (shift > 0))


@pytest.mark.parametrize("value", [0.0, 1e-3, 1.0, 4.0, 20.0, 80.0, 200.0, 1e4])
def test_gelu_and_silu_at_any_size(value):
    """Far below zero nothing is left, and nothing overflows."""
    x = torch.tensor([value, -value] * 24).view(1, 48)
    assert (answered([x], lambda made, x: made.silu(x)) - F.silu(x.double())).abs().max() <= 1e-6 * max(value, 1e-30)

    def gated(made, x):
        out = program.Held(24)
        made.do(program.GATED, x, 1, 24, out)
        return out

    want = (x[:, :24].double() * F.gelu(x[:, 24:].double()))
    assert (answered([x], gated) - want).abs().max() <= 3e-7 * max(value ** 2, 1e-30)


def test_sums_and_joins_are_torchs(threads):
    x, more, other = noise(2, 16, 4, 8), noise(2, 16, 2, 4, seed=2), noise(2, 32, 4, 8, seed=3)
    got = answered([x, more], lambda made, x, more: made.add(x, more))
    assert torch.equal(got, x + F.interpolate(more, scale_factor=2))
    assert torch.equal(answered([x, other], lambda made, x, other: made.join(x, other)), torch.cat([x, other], 1))


# ---------------------------------------------------------------------------------------------------------- the networks


@pytest.fixture(scope="module")
def made():
    """The UNet, the encoder, and their programs."""
    unet, encoder = seeded(networks.UNet, CONFIG), seeded(SmallEncoder, Shape(4, 4, 16, 32))
    assert loops.fits(unet, (16, 32))
    return unet, encoder, loops.UNet(unet, (16, 32), WORDS), loops.SmallEncoder(encoder, (32, 32))


def question(rows):
    return (noise(rows, 4, 16, 32), torch.arange(rows) * 150 + 20, noise(rows, WORDS, 16, seed=3), noise(rows, 64, seed=5),
            noise(rows, 3, 32, 32, seed=4))


@torch.no_grad()
def test_the_networks_are_torchs_at_any_number_of_rows(made, threads):
    """Nothing of one call is left in the next, nor does a row's answer depend on its neighbours: to the bit."""
    unet, encoder, asked, encodes = made
    found = []
    for rows in (1, 5, 1):
        x, time, text, shift, image = question(rows)
        for told in (None, shift):
            hook = unet.time_embedding.register_forward_hook(lambda module, inputs, out, told=told: None if told is None else out + told)
            want = unet(x, time, text)[0]
            hook.remove()
            assert apart(asked(x, time, text, told), want.double()) < 10 * NEAR
        assert apart(asked(x, time, text, shift), unet(x, time, text)[0].double()) > 0.01  # the control: it was told
        assert apart(encodes(image), encoder(image).double()) < 10 * NEAR
        assert apart(encodes(image.flip(-1)), encoder(image).double()) > 0.01
        found.append((asked(x, time, text, shift), encodes(image)))
    for one, five, again in zip(*found, strict=True):
        assert torch.equal(one, again) and torch.equal(one, five[:1])


@torch.no_grad()
def test_answers_are_the_same_bits_on_any_number_of_threads_and_from_several_at_once(made):
    x, time, text, shift, _ = question(4)
    asked, before, found = made[2], torch.get_num_threads(), []
    try:
        for count in (1, 2, 5, 6):
            torch.set_num_threads(count)
            found.append(asked(x, time, text, shift))
        other = loops.UNet(made[0], (16, 32), WORDS)  # it takes its threads from the same pool
        callers = [threading.Thread(target=lambda network=network: found.extend(network(x, time, text, shift) for _ in range(10)))
                   for network in (asked, other, asked)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    finally:
        torch.set_num_threads(before)
    assert len(found) == 34 and all(torch.equal(each, found[0]) for each in found)


@torch.no_grad()
def test_nothing_is_read_that_was_not_written(made):
    x, time, text, shift, image = question(3)
    for network, given in ((made[2], (x, time, text, shift)), (made[3], (image,))):
        want = network(*given)
        network.program._memory[:] = np.nan
        assert torch.equal(network(*given), want)


@torch.no_grad()
def test_what_is_not_finite_shows_in_its_own_row_alone(made):
    x, time, text, shift, image = question(3)
    want = made[2](x, time, text, shift), made[3](image)
    for bad in (torch.nan, torch.inf):
        x[1, 2, 5, 5] = bad
        image[1, 0, 3, 3] = bad
        network, encoded = made[2](x, time, text, shift), made[3](image)
        assert not network[1].isfinite().any() and not encoded[1].isfinite().all()
        assert torch.equal(network[::2], want[0][::2]) and torch.equal(encoded[::2], want[1][::2])


def test_room_is_given_to_one_at_a_time():
    """A thousand pieces taken and given back at random: none overlaps another, and what is free is taken again."""
    draw, room, held = np.random.default_rng(0), program._Room(), {}
    for _ in range(1000):
        if held and draw.random() < 0.5:
            at = list(held)[draw.integers(len(held))]
            room.give(at, held.pop(at))
        else:
            size = int(draw.integers(1, 100))
            at = room.take(size)
            assert at % 16 == 0 and all(at + size <= other or other + length <= at for other, length in held.items())
            held[at] = size
    for at, size in held.items():
        room.give(at, size)
    assert room._free == [(0, 1 << 62)] and room.take(1) == 0


def test_what_is_no_network_of_such_tiles_is_told():
    unet = seeded(networks.UNet, CONFIG)
    assert not loops.fits(unet, (16, 20)) and not loops.fits(unet, (8, 16))  # two halvings leave no whole tile
    assert not loops.fits(seeded(networks.UNet, {**CONFIG, "block_out_channels": [24, 32, 32]}), (16, 16))
    assert not loops.fits(seeded(networks.UNet, {**CONFIG, "attention_head_dim": 4}), (16, 16))


# ------------------------------------------------------------------------------------------------------------ the engine


@torch.no_grad()
def test_the_bundled_teacher_is_asked_and_encodes_by_it_unless_a_gradient_is_recorded(monkeypatch):
    teacher = teachers.teacher(configuration.load(None, BUNDLED))
    engine = choice.made("numba", teacher, 6)
    asked = choice.example(teacher, 6, seed=2)
    assert 0 < apart(engine.run(asked), choice.Traced(teacher)(*asked).double()) < 3e-6
    whole = engine.run(asked)
    monkeypatch.setattr(sys.modules[type(engine).__module__], "MOST", 4)
    assert torch.equal(engine.run(asked), whole)  # in calls of four and two rows
    rgb = torch.rand(2, 64, 64, 3, generator=torch.Generator().manual_seed(0))
    want = teacher.encode(rgb)
    teacher.encoder = engine.encoder
    assert 0 < apart(teacher.encode(rgb), want.double()) < 3e-6
    teacher.stand_in = None  # as teacher.encode_gradient=exact
    with torch.enable_grad():
        exact = teacher.encode(rgb.clone().requires_grad_(True))
    assert torch.equal(exact, want) and exact.requires_grad


@pytest.mark.parametrize("encoder", [False, True])
def test_one_that_is_off_is_refused(monkeypatch, encoder):
    called = loops.Program.__call__
    monkeypatch.setattr(loops.Program, "__call__",
                        lambda self, given, threads=0: called(self, given, threads) * (1 + 1e-3 * ((len(given) == 1) == encoder)))
    with pytest.raises(UserError, match="teacher.engine: numba given, whose answers are off torch's by 0.001"):
        choice.made("numba", teachers.teacher(configuration.load(None, BUNDLED)), 2)


@pytest.mark.parametrize("words", [["teacher.dtype=bfloat16"], []])
def test_another_network_is_refused_in_one_line(words, monkeypatch):
    teacher = teachers.teacher(configuration.load(None, ["prompt=a red cube", *words]))
    if not words:
        monkeypatch.setattr(loops, "fits", lambda *ignored: False)
    with pytest.raises(UserError, match="teacher.engine: numba given, which runs the networks that ship") as caught:
        choice.made("numba", teacher, 2)
    assert len(str(caught.value)) < 300


def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(tmp_path, capsys):
    """A scene that renders, three views: what encodes and what answers are both the engine's."""
    words = ["prompt=a red cube", f"exp_root_dir={tmp_path}", "data.width=16", "data.height=16", "teacher.engine=numba", "export.video=false",
             "quality.shape=false", "trainer.preview_every=0", "checkpoint.every_n_train_steps=2", "log.every_n_steps=1"]

    def run(*more):
        assert main(["train", *words, *more]) == 0
        return tmp_path / "carv3d" / capsys.readouterr().out.strip().splitlines()[-1].split("carv3d/")[-1]

    whole, half = run("trainer.max_steps=4", "tag=whole"), run("trainer.max_steps=2", "tag=half")
    assert "engine: numba" in (half / "config.yaml").read_text()
    assert main(["train", "--resume", str(half), "trainer.max_steps=4"]) == 0
    assert "; engine: numba " in capsys.readouterr().err

    def scene(folder):
        return checkpoint.load(checkpoint.newest(folder / "ckpts"))["trainer"]["scenes"][0]

    one, other, plain = scene(whole), scene(half), scene(run("trainer.max_steps=4", "tag=torch", "teacher.engine=torch"))
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert not all(torch.equal(one[key], plain[key]) for key in one)  # the control
    assert json.loads((half / "summary.json").read_text())["status"] == "finished"
