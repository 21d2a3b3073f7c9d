"""carv3d's own networks as compiled loops: convolutions, the whole UNet and encoder, and runs that take them.

Tolerances: the largest difference to torch in float64 over the largest entry. F(4x4, 3x3) in float32 loses some digits
(arXiv 1509.09308, table 7): 1e-5 of a convolution, where torch's own float32 is off by 3e-7.
"""

import json

import pytest
import torch
import torch.nn.functional as F

from carv3d import config as configuration
from carv3d import teachers
from carv3d.cli import main
from carv3d.diffusion import networks
from carv3d.diffusion.engines import choice, compiled, winograd
from carv3d.runs import checkpoint
from carv3d.runtime.errors import UserError

NEAR = 1e-5
CONFIG = {"in_channels": 4, "out_channels": 4, "block_out_channels": [16, 24, 24], "layers_per_block": 1, "norm_num_groups": 8,
          "norm_eps": 1e-5, "cross_attention_dim": 16, "attention_head_dim": 2,
          "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
          "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"]}
VAE = {"in_channels": 3, "latent_channels": 4, "block_out_channels": [8, 16], "layers_per_block": 1, "norm_num_groups": 4}
BUNDLED = ["prompt=a red cube", "teacher.dtype=float32"]


def apart(got, want):
    return float((got.double() - want).abs().max() / want.abs().max())


def seeded(make, *arguments):
    """A network with weights by which every layer has its say."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = make(*arguments)
        for parameter in made.parameters():
            torch.nn.init.normal_(parameter, std=1.5 / max(parameter[0].numel(), 4) ** 0.5)
    return made.eval().requires_grad_(False)


def noise(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("given,out", [(16, 24), (3, 16), (32, 4)])
@pytest.mark.parametrize("size,times,normed,added", [((8, 12), 1, False, False), ((4, 4), 2, False, False), ((16, 8), 1, True, True)])
def test_a_convolution_is_torchs(given, out, size, times, normed, added):
    """Of channels that fill registers or do not, with all that its loops take in."""
    if normed and given == 3:
        given = 8
    conv, norm = seeded(torch.nn.Conv2d, given, out, 3, 1, 1), seeded(torch.nn.GroupNorm, 4, 8 if given == 3 else given)
    x = 1 + 2 * noise(3, given, *size)
    seen = F.silu(norm.double()(x.double())) if normed else F.interpolate(x.double(), scale_factor=times)
    more = noise(3, out + -out % 8, *[times * each for each in size], seed=2)
    want = conv.double()(seen) + more.double()[:, :out] * added
    got = compiled.Conv(conv.float(), compiled.Room())(
        compiled._channels_last(x), compiled.Norm(norm.float()) if normed else None,
        compiled._channels_last(more) if added else None, times)
    assert apart(compiled._channels_first(got, out), want) < NEAR
    wrong = conv.double()(seen.flip(-1)) + more.double()[:, :out] * added
    assert apart(compiled._channels_first(got, out), wrong) > 0.1  # the control


@pytest.mark.parametrize("value", [0.0, 1e-3, -1.0, 20.0, -20.0, 80.0, -200.0, 1e4])
def test_silu_at_any_size(value):
    """GroupNorm that only multiplies: SiLU alone is left. Far below zero nothing is left, and nothing overflows."""
    x = torch.full((1, 4, 4, 8), 1.0)
    x[..., ::2] = -1.0  # one group: mean 0, variance 1
    factor = torch.full((8,), value)
    out = torch.empty_like(x)
    winograd.normed(0, 1, x.numpy(), factor.numpy(), torch.zeros(8).numpy(), 1, 0.0, True, 0, out.numpy())
    want = F.silu(x.double() * value)
    assert (out.double() - want).abs().max() <= 1e-6 * want.abs().max() + 1e-30


@pytest.mark.parametrize("threads", [1, 2])
@torch.no_grad()
def test_the_networks_are_torchs_at_any_number_of_rows(threads):
    """And nothing of one call is left in the next."""
    unet, vae = seeded(networks.UNet, CONFIG), seeded(networks.Vae, VAE)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        made, encoder = compiled.UNet(unet), compiled.Encoder(vae)
        assert compiled.fits(unet, (16, 32)) and compiled.fits(vae, (16, 16))
        found = []
        for rows in (1, 5, 1):
            x, time, text = noise(rows, 4, 16, 32), torch.arange(rows) * 150 + 20, noise(rows, 7, 16, seed=3)
            image = noise(rows, 3, 16, 16, seed=4)
            shift = noise(rows, 64, seed=5)
            for told in (None, shift):
                hook = unet.time_embedding.register_forward_hook(lambda module, inputs, out: None if told is None else out + told)
                want = unet(x, time, text)[0]
                hook.remove()
                assert apart(made(x, time, text, told), want.double()) < 10 * NEAR
            assert apart(made(x, time, text, shift), unet(x, time, text)[0].double()) > 0.01  # the control: it was told
            assert apart(encoder(image), vae.encode(image).latent_dist.mean.double()) < 10 * NEAR
            found.append((made(x, time, text, shift), encoder(image)))
        assert torch.equal(found[0][0], found[2][0]) and torch.equal(found[0][1], found[2][1])
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def test_what_is_not_finite_shows_in_its_own_row_alone():
    unet, vae = seeded(networks.UNet, CONFIG), seeded(networks.Vae, VAE)
    made, encoder = compiled.UNet(unet), compiled.Encoder(vae)
    x, image, time, text = noise(3, 4, 16, 16), noise(3, 3, 16, 16), torch.tensor([20, 500, 900]), noise(3, 7, 16)
    want = made(x, time, text, None), encoder(image)
    for bad in (torch.nan, torch.inf):
        x[1, 2, 5, 5] = image[1, 0, 3, 3] = bad
        for got, fine in zip((made(x, time, text, None), encoder(image)), want):
            assert not got[1].isfinite().any() and torch.equal(got[::2], fine[::2])


def test_an_encoder_that_is_off_is_refused(monkeypatch):
    teacher = teachers.teacher(configuration.load(None, BUNDLED))
    monkeypatch.setattr(compiled.Encoder, "__call__", lambda self, image: image[:, :1, :16, :16].expand(-1, 4, -1, -1))
    with pytest.raises(UserError, match="teacher.engine: numba given, whose answers are off torch's by"):
        choice.made("numba", teacher, 2)


def test_what_is_no_network_of_such_tiles_is_told():
    unet = seeded(networks.UNet, CONFIG)
    assert not compiled.fits(unet, (16, 20)) and not compiled.fits(unet, (8, 16))  # two halvings leave no whole tile
    assert not compiled.fits(seeded(networks.UNet, {**CONFIG, "block_out_channels": [12, 24, 24], "norm_num_groups": 4}), (16, 16))


@torch.no_grad()
def test_the_bundled_teacher_encodes_by_it_unless_a_gradient_is_recorded():
    teacher = teachers.teacher(configuration.load(None, BUNDLED))
    engine = choice.made("numba", teacher, 2)
    rgb = torch.rand(2, 64, 64, 3, generator=torch.Generator().manual_seed(0))
    want = teacher.encode(rgb)
    teacher.encoder = engine.encoder
    got = teacher.encode(rgb)
    assert 0 < apart(got, want.double()) < 10 * NEAR
    teacher.stand_in = None  # as teacher.encode_gradient=exact
    with torch.enable_grad():
        exact = teacher.encode(rgb.clone().requires_grad_(True))
    assert torch.equal(exact, want) and exact.requires_grad


@pytest.mark.parametrize("words", [["teacher.dtype=bfloat16"], []])
def test_another_network_is_refused_in_one_line(words, monkeypatch):
    teacher = teachers.teacher(configuration.load(None, ["prompt=a red cube", *words]))
    if not words:
        monkeypatch.setattr(compiled, "fits", lambda *ignored: False)
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
