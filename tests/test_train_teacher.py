"""Training the bundled teacher: what its captions may say, exact resume, and a folder that plain diffusers loads."""

import importlib.util
import random
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from carv3d.diffusion.prompts import VIEWS, view_index, view_weights
from carv3d.diffusion.view_vector import BACKGROUND, CAMERA, LIGHT, view_vector
from carv3d.lights import AMBIENT, AZIMUTH_DEG
from carv3d.runtime.errors import UserError
from carv3d.toybox.grammar import Spec, caption, parse, singles, stacks, two_parts
from carv3d.toybox.lists import held_out
from carv3d.toybox.sets import LIGHT_JITTER_DEG

ROOT = Path(__file__).parent.parent


def _script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


training = _script("train_teacher")
teacher_data, teacher_loop = sys.modules["teacher_data"], sys.modules["teacher_loop"]  # its neighbours

TINY = ["data.pictures=40", "data.autoencoder_pictures=24", "autoencoder.channels=[8,8,16]",
        "autoencoder.norm_groups=4", "denoiser.channels=[16,16,16]", "denoiser.text_width=32", "denoiser.text_layers=1", "autoencoder.train.batch=4",
        "denoiser.train.batch=4", "autoencoder.train.steps=2", "denoiser.train.steps=6",
        "denoiser.train.checkpoint_every=3", "device=cpu"]


@pytest.fixture(scope="module")
def settings():
    return training.load_settings(ROOT / "configs/teacher/bundled.yaml", TINY)


@pytest.fixture(scope="module")
def trained(settings, tmp_path_factory):
    out = tmp_path_factory.mktemp("teacher")
    training.run(settings, out)
    return out


def test_no_caption_shows_anything_held_out(settings):
    """10,000 drawn objects, all three forms among them. The control: without the filter about one in seven is held out
    (30 of 240 pairs, more for stacks), so that 10,000 draws miss them with probability below 1e-300."""
    draw = random.Random(1)
    specs = [teacher_data.draw_spec(draw, settings.data.forms) for _ in range(10_000)]
    assert not any(held_out(spec) for spec in specs)
    everything = [*singles(), *two_parts(), *stacks()]
    assert sum(map(held_out, everything)) / len(everything) > 0.1
    assert {(spec.under is not None, spec.plain) for spec in specs} == {(False, True), (False, False), (True, True)}
    seen = {(spec.kind, spec.colour) for spec in specs if spec.under is None}
    assert seen == {(spec.kind, spec.colour) for spec in singles() if not held_out(spec)}


def test_captions_name_the_object_and_the_view(settings):
    viewed, plain, rgba, *_ = next(training.captioned(settings.data, 200, seed=3))
    names = {text.rpartition(", ")[2] for text in viewed}
    assert {"overhead view", "front view", "back left view", "side view", "low back view", "high front view"} <= names
    for with_view, without in zip(viewed, plain, strict=True):
        assert with_view.partition(", ")[0] == without == caption(parse(without))
    assert rgba.shape == (200, 64, 64, 4) and (rgba[..., 3].amax((1, 2)) > 0.9).all()


def test_captions_name_heights_and_the_vector_what_was_seen(settings):
    """Half of the captions with a view name the height beside the azimuth: 200 to 312 of 512 but for a chance below 1e-6
    (five standard errors of 11.3). Each name is that of its camera."""
    made = next(training.captioned(settings.data, 512, seed=4))
    named = [text.rpartition(", ")[2].removesuffix(" view") for text in made.viewed]
    low = made.cameras.elevation_deg <= 60  # above, both ways of naming say overhead
    heights = [name.split()[0] in ("low", "level", "high") for name, flat in zip(named, low.tolist()) if flat]
    share = settings.data.with_height * len(heights)
    assert abs(sum(heights) - share) < 5 * (share / 2) ** 0.5
    for i, name in enumerate(named):
        at = made.cameras.azimuth_deg[i : i + 1], made.cameras.elevation_deg[i : i + 1]
        right = {VIEWS[views][int(view_index(*at, views))].name for views in (8, 24)}
        assert name in right or name == "side" and any(each.endswith(" side") for each in right)


def test_lights_come_in_their_shares_and_near_ones_are_not_told(settings):
    """Four kinds in 4000 draws, each within five standard errors of its share (a false alarm below 3e-6). Control: the
    shares in another order are far off."""
    u = torch.rand(4000, 8, generator=torch.Generator().manual_seed(0))
    light, told = teacher_data.lit(settings.data, u)
    kinds = torch.stack([~told, told & (light.ambient == 1), told & (light.ambient < 1) & ~light.plain, light.plain])
    assert (kinds.sum(0) == 1).all()

    def off(shares):
        share = torch.tensor(shares)
        return ((kinds.float().mean(1) - share).abs() / (share * (1 - share) / 4000).sqrt()).max()

    assert off(settings.data.lights) < 5 < off(settings.data.lights[1:] + settings.data.lights[:1])
    assert (light.azimuth_deg[~told] - AZIMUTH_DEG).abs().max() <= LIGHT_JITTER_DEG[0]
    assert (light.ambient[~told] == AMBIENT).all() and (light.gain[told] == 1).all()
    low, high = settings.data.light_elevation
    assert (light.elevation_deg[told] >= low).all() and (light.elevation_deg[told] <= high).all()
    shaded = light.ambient[told & (light.ambient < 1)]
    assert settings.data.ambient[0] <= shaded.min() and shaded.max() <= settings.data.ambient[1]


def test_vectors_tell_cameras_and_backgrounds_and_lights_that_are_told(settings, trained):
    """As kept beside the latents: what ``view_vector`` says of the pictures, less the lights that are not told."""
    saved = torch.load(trained / "latents.pt", weights_only=True)["vectors"].float()
    made = next(training.captioned(settings.data, settings.data.pictures, settings.seed))
    wanted = view_vector(made.cameras, torch.zeros(len(made.rgba), 3), made.light)
    assert saved.shape == wanted.shape and torch.allclose(saved[:, CAMERA], wanted[:, CAMERA], atol=2e-3)
    assert torch.allclose(saved[made.told][:, LIGHT], wanted[made.told][:, LIGHT], atol=2e-3)
    assert not saved[~made.told][:, LIGHT].any() and (saved[:, BACKGROUND.start] == 1).all()
    assert 0 < made.told.sum() < len(made.told)


def test_every_word_is_one_token():
    tokenizer = training.make_tokenizer(24)
    longest = "a yellow mushroom on top of an orange cylinder, level front right view"
    assert len(tokenizer(longest)["input_ids"]) == 2 + len(longest.replace(",", " ,").split()) <= 24
    ids = {word: tokenizer(word)["input_ids"][1] for word in "red blue mug stem with view , overhead".split()}
    assert len(set(ids.values())) == len(ids)
    assert training.make_tokenizer(24).get_vocab() == tokenizer.get_vocab()
    assert len(tokenizer("a red axolotl")["input_ids"]) > 5  # the control: other words are spelt out


def test_a_resumed_training_equals_an_uninterrupted_one(settings, trained, tmp_path):
    """Bit for bit, at a checkpoint (3) and between two (5); a control with another seed differs."""
    device = torch.device("cpu")
    tokenizer = training.make_tokenizer(settings.denoiser.text_length)
    data = torch.load(trained / "latents.pt", weights_only=True)
    whole = training.train_denoiser(settings, trained / "denoiser", data, tokenizer, device).state_dict()
    for stop in (3, 5):
        folder = tmp_path / f"stopped at {stop}"
        training.train_denoiser(settings, folder, data, tokenizer, device, stop=stop)
        resumed = training.train_denoiser(settings, folder, data, tokenizer, device).state_dict()
        assert all(torch.equal(whole[key], resumed[key]) for key in whole)
        steps = [line.split(",")[0] for line in (folder / "loss.csv").read_text().splitlines()]
        assert steps == ["step", str(stop), "6"]
    other = training.load_settings(ROOT / "configs/teacher/bundled.yaml", [*TINY, "seed=1"])
    changed = training.train_denoiser(other, tmp_path / "other", data, tokenizer, device).state_dict()
    assert not all(torch.equal(whole[key], changed[key]) for key in whole)


def test_the_folder_loads_in_plain_diffusers_and_as_a_teacher(trained, monkeypatch, tmp_path):
    from diffusers import StableDiffusionPipeline

    from carv3d.diffusion import stable_diffusion, weights

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = trained / "teacher"
    pipeline = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    image = pipeline("a red mug, front view", num_inference_steps=2, output_type="np").images[0]
    assert image.shape == (64, 64, 3)
    assert all(path.suffix != ".bin" for path in folder.rglob("*"))
    weights.locate(str(folder))
    teacher = stable_diffusion.load(folder, ["a red mug"], weights_of=partial(view_weights, views=1))
    assert teacher.view is not None and teacher.latent_shape == (4, 16, 16) and teacher.prediction_type == "v_prediction"
    latents = teacher.encode(torch.rand(2, 64, 64, 3))
    saved = torch.load(trained / "latents.pt", weights_only=True)
    assert teacher._scale == pytest.approx(float(saved["scale"])) and latents.shape == (2, 4, 16, 16)
    assert saved["latents"].float().std() == pytest.approx(1.0, abs=0.01)


def test_latents_of_a_picture_fit_its_caption(settings, trained):
    """The token ids kept beside each latent are those of its caption, with and without the view."""
    saved = torch.load(trained / "latents.pt", weights_only=True)
    tokenizer = training.make_tokenizer(settings.denoiser.text_length)
    viewed, plain, *_ = next(training.captioned(settings.data, settings.data.pictures, settings.seed))
    for texts, name in ((viewed, "viewed"), (plain, "plain"), ([""], "empty")):
        ids = tokenizer(texts, padding="max_length", max_length=24, return_tensors="pt")["input_ids"]
        assert torch.equal(saved[name].reshape(ids.shape), ids)


def test_learning_rate_rises_holds_and_falls(settings):
    own = training.Optimiser(steps=100, warmup=10, cooldown=40)
    rates = [teacher_loop.rate(own, step) for step in range(100)]
    assert rates[:3] == pytest.approx([0.1, 0.2, 0.3]) and set(rates[10:60]) == {1.0}
    assert rates[60:] == sorted(rates[60:], reverse=True) and rates[-1] == pytest.approx(1.0 / 40)


@pytest.mark.parametrize("override, words", [("data.picture=3", "picture"), ("denoiser.train.lr=fast", "lr")])
def test_a_wrong_setting_is_one_line(override, words):
    with pytest.raises(UserError) as caught:
        training.load_settings(ROOT / "configs/teacher/bundled.yaml", [override])
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_shipped_settings_are_the_defaults_where_they_are_not_numbers_of_steps():
    shipped = training.load_settings(ROOT / "configs/teacher/bundled.yaml", [])
    assert shipped.denoiser.channels == training.Denoiser().channels and shipped.data == training.Data()


def test_held_out_counts_both_objects_of_a_stack():
    green = Spec("mug", "green")
    assert held_out(green) and held_out(Spec("mug", "green", under=Spec("cube", "red")))
    assert not held_out(Spec("mug", "red", under=Spec("cube", "red")))
