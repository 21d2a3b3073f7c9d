"""carv3d attribute on a model and pictures of one's own: gradients, what is kept of them, files, and the whole command."""

import math

import pytest
import torch
from PIL import Image
from torch import nn

from carv3d import carv
from carv3d.attribution import functional, pictures, tune
from carv3d.attribution.cache import Cached
from carv3d.attribution.functional import Functional, Module, Samples, Sketches
from carv3d.diffusion.schedule import scaled_linear
from carv3d.runtime.errors import UserError


class Small(nn.Module):
    """A convolution, a level's shift, a convolution."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(2, 6, 3, padding=1), nn.Conv2d(6, 2, 3, padding=1)
        self.level = nn.Linear(1, 6)

    def forward(self, noisy, timestep):
        shift = self.level(timestep[:, None] / 1000)[:, :, None, None]
        return self.second(torch.nn.functional.silu(self.first(noisy) + shift))


@pytest.fixture(scope="module")
def model():
    return Module(Small(), scaled_linear())


@pytest.fixture(scope="module")
def samples():
    values = torch.randn(7, 2, 4, 4, generator=torch.Generator().manual_seed(1))
    return Samples(values, torch.zeros(1, 0), torch.zeros(7, dtype=torch.long))


def drawn(k=3, seed=0, shape=(2, 4, 4)):
    time, noise = (torch.Generator().manual_seed(seed + each) for each in range(2))
    target = torch.full((1000,), 1e-3, dtype=torch.float64)
    return carv.Sampler(k, noise="iid").draw(1, shape, target, time_generator=time, noise_generator=noise)


def one_by_one(model, samples, draws, output):
    """[n,K,P], by a backward pass each."""
    module, rows = model.module, []
    for value in samples.values:
        for t, e in zip(draws.timestep[0], draws.noise[0], strict=True):
            noisy = model.schedule.add_noise(value[None], e[None], t[None])
            out = module(noisy, t[None])
            (out - e if output == "loss" else out).square().mean().backward()
            rows.append(torch.cat([p.grad.flatten() for p in module.parameters()]))
            module.zero_grad()
    return torch.stack(rows).view(len(samples), draws.per_item, -1)


@pytest.mark.parametrize("output", ["loss", "dtrak"])
@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_gradients_are_those_of_a_backward_pass_each(model, samples, output, chunk):
    draws = drawn()
    looked = Functional(model, samples, output, Sketches.of(model, 0, 0), chunk).look(slice(1, 6), draws)
    wanted = one_by_one(model, samples[1:6], draws, output)
    for number, rows in enumerate(looked.rows):
        torch.testing.assert_close(rows.norm(), wanted[:, number].norm(dim=1), rtol=1e-5, atol=0)
        torch.testing.assert_close(rows.gram(rows), wanted[:, number] @ wanted[:, number].T, rtol=2e-3, atol=1e-6)
    total = torch.einsum("nkd,k->nd", wanted, draws.weight[0])
    assert (looked.total - total).norm() / total.norm() < 1e-3  # half precision's rounding


def test_a_sketch_is_linear_and_keeps_lengths(model, samples):
    """Lengths are those of whole gradients; the sketch is of each parameter by itself, into the same numbers."""
    draws, source = drawn(), Functional(model, samples, "loss", Sketches.of(model, 64, 3))
    direction, length = source.gradients(slice(0, 7), draws)
    whole = one_by_one(model, samples, draws, "loss")
    torch.testing.assert_close(length, whole.norm(dim=2), rtol=1e-5, atol=0)
    start, made = 0, torch.zeros(7, 3, 64)
    for name, p in model.parameters.items():
        sketch, part = source.sketches.each[name], whole[..., start:start + p.numel()]
        made.index_add_(2, sketch.bucket, part * sketch.sign)
        start += p.numel()
    torch.testing.assert_close(direction.float() * length[..., None], made, rtol=2e-3, atol=1e-4 * float(made.abs().max()))


def test_memory_that_runs_out_halves_the_chunk_and_says_so(model, samples, monkeypatch, capsys):
    draws, source = drawn(), Functional(model, samples, "loss", Sketches.of(model, 64, 3), 12)
    whole, sizes = source._chunk, []

    def scarce(chosen, draws, sample, number):
        sizes.append(len(sample))
        if len(sample) > 3:
            raise MemoryError
        return whole(chosen, draws, sample, number)

    monkeypatch.setattr(source, "_chunk", scarce)
    found = source.gradients(slice(0, 7), draws)
    assert sizes[:3] == [12, 6, 3] and found[0].shape == (7, 3, 64)
    assert "out of memory with 6 at once; going on with 3" in capsys.readouterr().err
    monkeypatch.setattr(functional, "MOST", 1)
    for mine, other in zip(found, Functional(model, samples, "loss", Sketches.of(model, 64, 3)).gradients(slice(0, 7), draws), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-2, atol=1e-3)


def test_what_is_kept_is_what_was_made_and_costs_nothing_again(model, samples, tmp_path, monkeypatch):
    draws, plain = drawn(), Functional(model, samples, "loss", Sketches.of(model, 64, 3))
    kept = Cached(Functional(model, samples, "loss", Sketches.of(model, 64, 3)), tmp_path)
    first = kept.look(slice(0, 4), draws)

    def never(*_):
        raise AssertionError("made again")

    again = Cached(Functional(model, samples, "loss", Sketches.of(model, 64, 3)), tmp_path)
    monkeypatch.setattr(again.inner, "gradients", never)
    second, wanted = again.look(slice(0, 4), draws), plain.look(slice(0, 4), draws)
    for found in (first, second):
        assert torch.equal(found.total, wanted.total)
        assert all(torch.equal(a.direction, b.direction) for a, b in zip(found.rows, wanted.rows, strict=True))
    other = Module(nn.Conv2d(2, 2, 1), scaled_linear())
    others = [(Functional(model, samples, "dtrak", Sketches.of(model, 64, 3)), slice(0, 4), draws),
              (Functional(model, samples, "loss", Sketches.of(model, 64, 4)), slice(0, 4), draws),
              (Functional(model, samples, "loss", Sketches.of(model, 65, 3)), slice(0, 4), draws),
              (Functional(other, samples, "loss", Sketches.of(other, 64, 3)), slice(0, 4), draws),
              (plain, slice(1, 5), draws), (plain, slice(0, 4), drawn(seed=5))]
    keys = {Cached(inner, tmp_path)._key(part, which) for inner, part, which in others}
    assert len(keys) == len(others) and again._key(slice(0, 4), draws) not in keys


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_entry_is_made_anew_and_a_full_disk_costs_a_line(model, samples, tmp_path, damage, capsys):
    draws, source = drawn(), Cached(Functional(model, samples, "loss", Sketches.of(model, 64, 3)), tmp_path)
    wanted = source.look(slice(0, 4), draws)
    (path,) = tmp_path.iterdir()
    if damage is None:
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(damage)
    assert torch.equal(source.look(slice(0, 4), draws).total, wanted.total)
    assert ("warning: no gradients kept" in capsys.readouterr().err) == (damage is None)


def test_models_trained_at_once_are_those_trained_alone(model, samples):
    """The control: a model of other pictures is another."""
    recipe, subsets = tune.Recipe(5, 16, 1e-2), torch.tensor([[0, 1, 2], [2, 3, 4], [4, 5, 6]])
    steps = []
    found = tune.trained(model, model.parameters, samples, subsets, recipe, 0, steps.append)
    assert sum(steps) == 15 and tune.together(16) == 2
    for number, part in enumerate(subsets):
        alone = tune.trained(model, model.parameters, samples, part[None], recipe, 0)
        for name, p in alone.items():
            torch.testing.assert_close(found[name][number], p[0], rtol=1e-4, atol=1e-5)
            assert not torch.allclose(found[name][number - 1], p[0], rtol=1e-4, atol=1e-5)
    before = tune.losses(model, model.parameters, samples)
    after = tune.losses(model, {name: p[0] for name, p in found.items()}, samples)
    assert before.shape == (7,) and math.isfinite(float(after.sum())) and not torch.equal(before, after)


# --- folders of pictures ----------------------------------------------------------------------------------------------

def picture(path, size=(20, 10), colour=(255, 0, 0), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)
    return path


def test_captions_are_read_as_training_scripts_write_them(tmp_path):
    picture(tmp_path / "b.png")
    picture(tmp_path / "sub" / "a.jpg")
    (tmp_path / "b.txt").write_text("a red square\n")
    found = pictures.folder(str(tmp_path), "attribute.data", "a thing")
    assert [(item.name, item.caption) for item in found] == [("b.png", "a red square"), ("sub/a.jpg", "a thing")]
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "sub/a.jpg", "text": "first"}\n\n'
                                             '{"file_name": "b.png", "caption": "second", "x": 1}\n')
    found = pictures.folder(str(tmp_path), "attribute.data", "")
    assert [(item.name, item.caption) for item in found] == [("sub/a.jpg", "first"), ("b.png", "second")]
    (one,) = pictures.folder(str(tmp_path / "b.png"), "attribute.queries", "")
    assert (one.name, one.caption) == ("b.png", "a red square")


def test_pictures_are_upright_cut_to_the_middle_and_laid_on_white(tmp_path):
    wide = Image.new("RGB", (30, 10), (0, 0, 255))
    wide.paste((255, 0, 0), (10, 0, 20, 10))
    wide.save(tmp_path / "a.png")
    found = pictures.folder(str(tmp_path / "a.png"), "x", "")[0].load((8, 8))
    assert found.shape == (8, 8, 3) and torch.equal(found[:, 2:6], torch.tensor([1.0, 0, 0]).expand(8, 4, 3))
    picture(tmp_path / "b.png", colour=(0, 0, 0, 0), mode="RGBA")
    assert torch.equal(pictures.folder(str(tmp_path / "b.png"), "x", "")[0].load((4, 4)), torch.ones(4, 4, 3))
    turned = Image.new("RGB", (10, 20), (0, 0, 0))
    turned.paste((255, 255, 255), (0, 0, 10, 10))
    exif = turned.getexif()
    exif[0x0112] = 3  # upside down
    turned.save(tmp_path / "c.jpg", exif=exif, quality=100)
    found = pictures.folder(str(tmp_path / "c.jpg"), "x", "")[0].load((8, 4))
    assert found[:3].mean() < 0.1 and found[5:].mean() > 0.9


@pytest.mark.parametrize("line,words", [
    ("nonsense", ["line 2", "file_name"]),
    ('{"file": "b.png"}', ["line 2", "file_name"]),
    ('{"file_name": 3}', ["line 2"]),
    ('{"file_name": "b.png", "text": 3}', ["line 2"]),
    ('{"file_name": "c.png"}', ["line 2", "'c.png'", "no picture of that folder"]),
    ('{"file_name": "../outside.png"}', ["line 2", "no picture of that folder"]),
    ('{"file_name": "a.png"}', ["line 2", "twice"]),
    ("[" * 100000, ["line 2"]),
])
def test_a_wrong_line_is_named(tmp_path, line, words):
    for name in ("in/a.png", "in/b.png", "outside.png"):
        picture(tmp_path / name)
    (tmp_path / "in" / "metadata.jsonl").write_text('{"file_name": "a.png", "text": "x"}\n' + line + "\n")
    with pytest.raises(UserError) as error:
        pictures.folder(str(tmp_path / "in"), "attribute.data", "")
    assert all(word in str(error.value) for word in words)


def test_folders_without_pictures_and_damaged_ones_are_one_line(tmp_path):
    for place, words in ((tmp_path / "none", "is not there"), (tmp_path, "holds no pictures")):
        with pytest.raises(UserError, match=words):
            pictures.folder(str(place), "attribute.data", "")
    (tmp_path / "metadata.jsonl").write_text("\n")
    with pytest.raises(UserError, match="is empty"):
        pictures.folder(str(tmp_path), "attribute.data", "")
    (tmp_path / "metadata.jsonl").unlink()
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(UserError, match="a.png: cannot be read as a picture"):
        pictures.folder(str(tmp_path), "attribute.data", "")[0].load((4, 4))
