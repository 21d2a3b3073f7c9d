"""carv3d attribute on folders in the Stable Diffusion format, LoRA layers and pictures of one's own."""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from carv3d import cli
from carv3d.attribution import own_model, pictures
from carv3d.attribution.functional import Functional, Samples, Sketches
from carv3d.carv import Draws
from carv3d.config.attribution import AttributeConfig
from carv3d.config.schema import TeacherConfig
from carv3d.diffusion import adapters, additions
from carv3d.quality import clip
from carv3d.runtime.errors import UserError

sys.path.insert(0, str(Path(__file__).parents[1] / "diffusion"))

import tiny_pipeline as tiny  # noqa: E402

own_cache, pipelines, signals = tiny.own_cache, tiny.pipelines, tiny.signals
SMALL = ["attribute.k=2", "attribute.sets=3", "attribute.sketch=512", "attribute.top=3", "device=cpu"]
OLD_RUN = Path(__file__).parents[1] / "data" / "runs_263d5fb" / "nerf"


def picture(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    draw = torch.Generator().manual_seed(number)
    Image.fromarray((torch.rand(12, 12, 3, generator=draw) * 255).byte().numpy()).resize((40, 30)).save(path)
    return path


def lora_file(folder, path, seed=0):
    """Layers that do something, as diffusers' scripts write them."""
    unet = tiny.parts(folder).unet
    layers = adapters.fresh_layers(unet, 2, torch.Generator().manual_seed(seed), "made")
    for number, (name, p) in enumerate(layers.items()):
        if "lora_B" in name:
            p.data.normal_(generator=torch.Generator().manual_seed(number), std=0.1)
    save_file(adapters.written(layers, "made"), path)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory, pipelines):
    """A folder with data, queries and LoRA layers for the tiny model of v prediction."""
    root = tmp_path_factory.mktemp("own")
    lines = []
    for number in range(6):
        picture(root / "data" / f"{number}.png", number)
        lines.append(json.dumps({"file_name": f"{number}.png", "text": f"a toy {number % 2}"}))
    (root / "data" / "metadata.jsonl").write_text("\n".join(lines))
    for number in range(2):
        picture(root / "queries" / f"{number}.jpg", 10 + number)
        picture(root / "others" / f"{number}.jpg", 20 + number)
        (root / "queries" / f"{number}.txt").write_text("a toy 0")
    lora_file(pipelines("sd21"), root / "lora.safetensors")
    return root


def words(place, pipelines, root, *more):
    return ["attribute", f"model={pipelines('sd21')}", f"data={place}/data", f"queries={place}/queries",
            f"lora={place}/lora.safetensors", *SMALL, f"exp_root_dir={root}", *more]


def the_run(root):
    (folder,) = (root / "attribute").iterdir()
    return folder


@pytest.fixture(scope="module")
def whole(place, pipelines, tmp_path_factory):
    """A finished run."""
    root = tmp_path_factory.mktemp("whole")
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    assert cli.main(words(place, pipelines, root)) == 0
    for number, handler in before.items():
        signal.signal(number, handler)
    return the_run(root)


# --- the model --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["sd15", "sd21", "odd"])
def test_gradients_are_those_of_diffusers_own_model_and_scheduler(pipelines, tmp_path, name):
    """Whatever it predicts: noise, v or the latents; by a backward pass through diffusers' UNet with the layers."""
    from diffusers.loaders import StableDiffusionLoraLoaderMixin

    folder = pipelines(name)
    path = lora_file(folder, tmp_path / "lora.safetensors")
    made = own_model.model(folder, AttributeConfig(lora=str(path)), TeacherConfig(), ["a toy"], torch.device("cpu"))
    own = tiny.parts(folder)
    StableDiffusionLoraLoaderMixin.load_lora_into_unet(load_file(path), None, own.unet, adapter_name="x")
    steps = len(own.scheduler.alphas_cumprod)
    shape = made.teacher.latent_shape
    clean, noise = (torch.randn(1, *shape, generator=torch.Generator().manual_seed(n)) for n in range(2))
    t = torch.tensor([steps // 3])
    alpha_bar = own.scheduler.alphas_cumprod[t].view(-1, 1, 1, 1)
    noisy = alpha_bar.sqrt() * clean + (1 - alpha_bar).sqrt() * noise
    wanted = {"sd15": noise, "sd21": alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * clean, "odd": clean}[name]
    text = tiny.embed(own, "a toy")[None]
    (own.unet(noisy, t, text).sample - wanted).square().mean().backward()
    gradient = {key.replace(".x.", ".attributed."): p.grad for key, p in own.unet.named_parameters() if ".x." in key}
    assert gradient.keys() == made.parameters.keys() and len(gradient) > 0
    samples = Samples(clean, made.teacher.embeddings["states"][:1].float(), torch.zeros(1, dtype=torch.long))
    draws = Draws(t[None], torch.ones(1, 1), noise[None])
    direction, length = Functional(made, samples, "loss", Sketches.of(made, 0, 0)).gradients(slice(0, 1), draws)
    whole = torch.cat([gradient[key].flatten() for key in made.parameters])
    torch.testing.assert_close(length[0, 0], whole.norm(), rtol=1e-4, atol=0)
    assert torch.cosine_similarity(direction[0, 0].float(), whole, dim=0) > 0.9999


def test_layers_as_kohyas_scripts_name_them_with_their_scale(pipelines, tmp_path):
    """The same layers under kohya's names with alpha half the rank answer as half of them does."""
    from diffusers import UNet2DConditionModel

    folder = pipelines("sd15")
    plain = load_file(lora_file(folder, tmp_path / "lora.safetensors"))
    theirs = {}
    for name, value in plain.items():
        stem, kind = name.removeprefix("unet.").rsplit(".lora_", 1)
        key = f"lora_unet_{stem.replace('.', '_')}"
        theirs[f"{key}.lora_{'down' if kind.startswith('A') else 'up'}.weight"] = value
        theirs[f"{key}.alpha"] = torch.tensor(1.0)
    save_file(theirs, tmp_path / "kohya.safetensors")
    save_file({name: value / 2 if ".lora_B." in name else value for name, value in plain.items()},
              tmp_path / "half.safetensors")
    said = []
    for name in ("kohya", "half", "lora"):
        unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet").eval()
        layers, others = adapters.read_layers(unet, tmp_path / f"{name}.safetensors", "lora", "a")
        assert len(layers) == len(plain) and others == 0
        said.append(unet(torch.ones(1, 4, 8, 8), 100, torch.ones(1, 4, 16)).sample)
    torch.testing.assert_close(said[0], said[1])
    assert not torch.allclose(said[0], said[2], atol=1e-4)


def test_layers_that_do_not_fit_are_one_line(pipelines, tmp_path, place):
    unet = tiny.parts(pipelines("sd15")).unet
    save_file({"unet.nothing.lora_A.weight": torch.ones(2, 3), "unet.nothing.lora_B.weight": torch.ones(3, 2)},
              tmp_path / "a.safetensors")
    save_file({"text_encoder.x.lora_A.weight": torch.ones(2, 3)}, tmp_path / "b.safetensors")
    (tmp_path / "c.safetensors").write_bytes(b"nothing")
    bad = load_file(lora_file(pipelines("sd15"), tmp_path / "lora.safetensors"))
    bad[next(iter(bad))][0, 0] = torch.nan
    save_file(bad, tmp_path / "d.safetensors")
    for path in (*(tmp_path / f"{name}.safetensors" for name in "abcd"), place / "lora.safetensors"):
        with pytest.raises(UserError, match=f"attribute.lora: .*{path.name} cannot be used with this model"):
            adapters.read_layers(unet, path, "attribute.lora", f"n{path.stem}")
    with pytest.raises(UserError, match="pytorch_lora_weights.safetensors"):
        additions.located(str(tmp_path), "attribute.lora")


# --- the command ------------------------------------------------------------------------------------------------------

def test_a_run_names_files_and_says_what_it_took(whole, place):
    summary = json.loads((whole / "summary.json").read_text())
    assert summary["status"] == "finished" and summary["ledger"] == {"sets": 3, "draws": 6, "gradients": (6 + 2) * 6}
    assert summary["lds"] == {} and whole.name.startswith("data@")
    scores = load_file(whole / "scores.safetensors")
    assert scores.keys() == {"kernel", "kernel_margin", "cosine", "dot", "cosine_of_means", "dot_of_means", "pixels"}
    assert all(each.shape == (2, 6) and each.isfinite().all() for each in scores.values())
    rows = list(csv.DictReader((whole / "top.csv").open()))
    assert {row["query"] for row in rows} == {"0.jpg", "1.jpg"} and {row["picture"] for row in rows} <= {
        f"{number}.png" for number in range(6)}
    page = (whole / "index.html").read_text()
    assert page.count("<img") == 2 * (1 + 3 * 6) and "lora.safetensors" in page
    for number in range(2):  # the same picture among the training pictures would be the nearest
        data = [item.load((96, 96)) for item in pictures.folder(str(place / "data"), "x", "")]
        query = pictures.folder(str(place / "queries"), "x", "")[number].load((96, 96))
        expected = -torch.stack([(each - query).square().mean() for each in data])
        torch.testing.assert_close(scores["pixels"][number], expected, rtol=0.02, atol=1e-4)


def test_other_queries_cost_their_own_gradients_alone(whole, place, pipelines, tmp_path, monkeypatch, signals):
    """And the scores of the first ones are, from what was kept, the same to the bit."""
    taken, made = [], Functional._chunk

    def counted(self, chosen, draws, sample, number):
        taken.append(len(sample))
        return made(self, chosen, draws, sample, number)

    monkeypatch.setattr(Functional, "_chunk", counted)
    kept = f"attribute.cache={whole.parents[1]}/gradients"
    assert cli.main(words(place, pipelines, tmp_path / "a", kept)) == 0
    assert sum(taken) == 2 * 6
    mine, theirs = (load_file(each / "scores.safetensors") for each in (the_run(tmp_path / "a"), whole))
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    taken.clear()
    assert cli.main(words(place, pipelines, tmp_path / "b", kept, f"queries={place}/others")) == 0
    assert sum(taken) == 2 * 6
    taken.clear()
    assert cli.main(words(place, pipelines, tmp_path / "c", "attribute.cache=off")) == 0
    assert sum(taken) == (2 + 6) * 6 and not (tmp_path / "c" / "gradients").exists()
    mine = load_file(the_run(tmp_path / "c") / "scores.safetensors")
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_killed_at_any_moment_it_goes_on_to_the_same_scores(whole, place, pipelines, tmp_path):
    """A process of its own, killed a random time after its first gradients are kept; resumed to the end."""
    process = subprocess.Popen([sys.executable, "-m", "carv3d", *words(place, pipelines, tmp_path)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 1200
    while not list(tmp_path.glob("gradients/*.safetensors")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    time.sleep(random.Random(0).random() * 0.2)
    process.kill()
    process.wait()
    folder = the_run(tmp_path)
    assert cli.main(["attribute", "--resume", str(folder)]) == 0
    mine, theirs = (load_file(each / "scores.safetensors") for each in (folder, whole))
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    assert (folder / "top.csv").read_bytes() == (whole / "top.csv").read_bytes()
    assert not list(folder.rglob("*.part*"))


def test_pictures_that_changed_are_refused_on_resume(whole, place, tmp_path, capsys, pipelines):
    run, data = shutil.copytree(whole, tmp_path / "run"), shutil.copytree(place / "data", tmp_path / "data")
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace(str(place / "data"), str(data)))
    state = torch.load(next((run / "ckpts").glob("step-*.ckpt")), weights_only=True)
    state["config"] = state["config"].replace(str(place / "data"), str(data))
    torch.save(state, next((run / "ckpts").glob("step-*.ckpt")))
    picture(data / "3.png", 99)
    assert cli.main(["attribute", "--resume", str(run), "attribute.sets=4"]) == 2
    assert "no longer what the run began with" in capsys.readouterr().err


def test_retraining_on_demand_says_how_well_scores_predict(place, pipelines, tmp_path, monkeypatch, signals):
    """What was trained is kept as it comes, so that a stopped run goes on; damping=auto is scored on the other half."""
    lds = ["lds.subsets=4", "lds.seeds=2", "lds.steps=3", "lds.batch=16", "attribute.damping=auto"]
    trained, made = [], own_model.tune.trained

    def counted(model, start, samples, members, recipe, seed, report):
        trained.append((len(members), recipe.steps))
        if len(trained) == 3 and not (tmp_path / "stopped").exists():
            (tmp_path / "stopped").touch()
            os.kill(os.getpid(), signal.SIGTERM)
        return made(model, start, samples, members, recipe, seed, report)

    monkeypatch.setattr(own_model.tune, "trained", counted)
    assert cli.main(words(place, pipelines, tmp_path, "--evaluate", *lds)) == 130
    run = the_run(tmp_path)
    assert json.loads((run / "summary.json").read_text())["status"] == "interrupted" and len(trained) == 3
    assert load_file(run / "retrained.safetensors")["losses"].isnan().any()
    assert cli.main(["attribute", "--resume", str(run)]) == 0
    summary, found = json.loads((run / "summary.json").read_text()), load_file(run / "retrained.safetensors")
    assert len(trained) == 4 and set(trained) == {(2, 3)} and found["losses"].isfinite().all()
    assert found["members"].shape == (4, 3) and found["losses"].shape == (4, 2, 2)
    assert list(summary["lds"]["queries"]["lds"])[0] == "kernel" and 1e-4 < summary["damping"] < 1e3
    assert summary["quality"]["lds_queries"] == summary["lds"]["queries"]["lds"]["kernel"]["value"]
    assert found["losses"].std() > 0
    assert cli.main(["attribute", "--resume", str(run), "lds.subsets=2"]) == 0  # others, in their place
    assert load_file(run / "retrained.safetensors")["losses"].shape == (2, 2, 2)


def test_retraining_can_be_asked_for_later(whole, tmp_path, signals):
    run = shutil.copytree(whole, tmp_path / "run")
    assert cli.main(["attribute", "--resume", str(run), "--evaluate", "lds.subsets=2", "lds.seeds=2", "lds.steps=1",
                     f"attribute.cache={whole.parents[1]}/gradients"]) == 0
    assert "queries" in json.loads((run / "summary.json").read_text())["lds"]
    mine, theirs = (load_file(each / "scores.safetensors") for each in (run, whole))
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_a_finished_run_is_asked_about_by_its_views(place, pipelines, tmp_path, signals):
    assert cli.main(words(place, pipelines, tmp_path, f"queries={OLD_RUN}", "attribute.views=3", "attribute.sets=1")) == 0
    rows = list(csv.DictReader((the_run(tmp_path) / "top.csv").open()))
    assert {row["query"] for row in rows} == {"view at 0 degrees", "view at 120 degrees", "view at 240 degrees"}


def test_clips_likeness_stands_beside_that_of_pixels(place, pipelines, tmp_path, monkeypatch, signals):
    """By brightness, in CLIP's place: a picture's own is the nearest."""
    class Bright:
        def __init__(self, folder, device):
            assert folder == "/somewhere"

        def embed(self, rgb):
            return torch.stack([rgb.mean((1, 2, 3)).sin(), rgb.mean((1, 2, 3)).cos()], 1)

    monkeypatch.setattr(clip, "ClipScore", Bright)
    assert cli.main(words(place, pipelines, tmp_path, "quality.clip=/somewhere", "attribute.sets=1",
                          f"queries={place}/data/4.png")) == 0
    run = the_run(tmp_path)
    found = load_file(run / "scores.safetensors")["clip"]
    assert found.argmax() == 4 and found.max() == pytest.approx(1, abs=1e-5)
    assert "nearest by clip" in (run / "index.html").read_text()
    assert "clip" in next(csv.reader((run / "top.csv").open()))


def test_a_model_without_layers_over_parameters_that_are_named(place, pipelines, tmp_path, signals):
    taken = [word for word in words(place, pipelines, tmp_path, "attribute.parameters=[attn2]", "attribute.sets=1")
             if not word.startswith("lora=")]
    assert cli.main(taken) == 0
    assert load_file(the_run(tmp_path) / "scores.safetensors")["kernel"].isfinite().all()


@pytest.mark.parametrize("more,said", [
    (["lora=nowhere"], ["attribute.lora", "nowhere", "is not there"]),
    (["data=nowhere"], ["attribute.data", "nowhere", "is not there"]),
    (["queries=nowhere"], ["attribute.queries", "nowhere"]),
    (["model=nowhere"], ["teacher.path", "nowhere"]),
    (["queries="], ["attribute.data", "attribute.queries", "both"]),
    (["attribute.parameters=[attn]"], ["attribute.parameters", "attribute.lora"]),
    (["lora=", "attribute.parameters=[nothing]"], ["attribute.parameters", "nothing"]),
    (["lora=", "--evaluate"], ["attribute.evaluate", "LoRA"]),
    (["lds.subsets=4"], ["attribute.lds", "--evaluate"]),
    (["attribute.damping=auto"], ["attribute.damping", "--evaluate"]),
    (["teacher.type=exact", "teacher.path="], ["teacher.type", "exact", "bundled"]),
    (["teacher.compile=true"], ["teacher.compile", "no effect"]),
    (["prompt=a mug"], ["prompt", "no effect"]),
])
def test_mistakes_are_one_line_and_leave_nothing(place, pipelines, tmp_path, capsys, more, said):
    options = [word for word in more if word.startswith("--")]
    rest = [word for word in more if not word.startswith("--")]
    assert cli.main(words(place, pipelines, tmp_path / "out", *rest) + options) == 2
    err = capsys.readouterr().err.splitlines()
    assert all(word in err[-1] for word in said), err
    assert not (tmp_path / "out").exists()


def test_what_would_not_fit_is_said_before_it_begins(place, pipelines, tmp_path, capsys, monkeypatch):
    assert cli.main(words(place, pipelines, tmp_path / "out", "attribute.k=4096", "attribute.sets=4096",
                          "attribute.sketch=1048576")) == 2
    said = capsys.readouterr().err.splitlines()
    assert "GiB of memory beside the model" in said[-2] and "attribute: about" in said[-1]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    assert cli.main(words(place, pipelines, tmp_path / "out")) == 2
    assert "attribute.cache" in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize("more,said", [
    (["lora=x"], ["attribute.lora", "without attribute.data"]),
    (["model=x"], ["teacher.type", "without attribute.data"]),
    (["attribute.views=3"], ["attribute.views", "without attribute.data"]),
    (["--evaluate", "lds.lr=1"], ["attribute.lds.lr", "recipe"]),
    (["attribute.importance_sampling=true", "attribute.times=grid"], ["attribute.importance_sampling", "grid"]),
])
def test_what_is_for_pictures_of_ones_own_is_refused_without(tmp_path, capsys, more, said):
    assert cli.main(["attribute", *more, f"exp_root_dir={tmp_path}/out"]) == 2
    err = capsys.readouterr().err
    assert all(word in err for word in said) and err.count("\n") == 1, err
