"""Latent teachers distilled: what is asked of them, LoRA as the fake score, the student as a folder, the commands."""

import copy
import json
import os
import shutil
import sys
from pathlib import Path

import imageio.v3 as iio
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "diffusion"))

import tiny_pipeline as tiny  # noqa: E402

from carv3d import cli  # noqa: E402
from carv3d.config.onestep import DistillConfig  # noqa: E402
from carv3d.config.schema import TeacherConfig  # noqa: E402
from carv3d.onestep import folder, world  # noqa: E402
from carv3d.onestep.latent import Latent  # noqa: E402
from carv3d.onestep.student import Student  # noqa: E402
from carv3d.runs import checkpoint  # noqa: E402
from carv3d.runtime.rng import generator  # noqa: E402

pipelines, own_cache, signals = tiny.pipelines, tiny.own_cache, tiny.signals
WORDS = ["a corgi", "a mug", "two mugs"]
SMALL = ["distill.steps=6", "distill.outputs=4", "distill.k=2", "distill.fake_updates=2", "distill.samples=8",
         "distill.evaluate_every=3", "log.every_n_steps=1", "checkpoint.every_n_train_steps=2", "distill.lr=0.001",
         "distill.fake_lr=0.001", "teacher.dtype=float32", "device=cpu"]


def latent(place: Path, guidance: float = 1.0, start: int = 0) -> Latent:
    return Latent(place, WORDS, TeacherConfig(), guidance, start, torch.float32, torch.device("cpu"))


def student(place: Path, guidance: float = 1.0, **options) -> Student:
    own = DistillConfig(**{"steps": 4, "outputs": 6, "fake_updates": 2, "fake_lr": 1e-3, **options}).filled("others")
    return Student(latent(place, guidance), own, 0)


@pytest.mark.parametrize("name,start", [("sd15", 699), ("sd21", 999), ("odd", 499)])
def test_a_fresh_student_is_one_step_of_the_teacher(pipelines, name, start):
    """At a timestep by what the model predicts; noise, v and x0, against the libraries' own networks and schedule."""
    net, own = latent(pipelines(name)), tiny.parts(pipelines(name))
    assert net.start == start
    noise, prompt = torch.randn(3, *net.shape, generator=torch.Generator().manual_seed(0)), torch.tensor([2, 0, 1])
    text = torch.stack([tiny.embed(own, WORDS[number]) for number in prompt])
    with torch.no_grad():
        said = own.unet(noise, start, text).sample
        made = net.generate(net.copy(), noise, prompt)
        alpha = own.scheduler.alphas_cumprod[start].sqrt()
        sigma = (1 - alpha ** 2).sqrt()
        wanted = {"sd15": (noise - sigma * said) / alpha, "sd21": alpha * noise - sigma * said, "odd": said}[name]
        decoded = own.vae.decode(made / own.vae.config.scaling_factor + (own.vae.config.shift_factor or 0)).sample
    torch.testing.assert_close(made, wanted, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(net.pictures(made).permute(0, 3, 1, 2), (decoded / 2 + 0.5).clamp(0, 1))


def test_prompts_longer_than_the_teacher_reads_are_said(pipelines, capsys):
    Latent(pipelines("sd15"), ["a mug", "m" * 40], TeacherConfig(), 1.0, 0, torch.float32, torch.device("cpu"))
    assert "1 of 3 prompts have more than the 32 tokens" in capsys.readouterr().err
    latent(pipelines("sd15"))
    assert "tokens" not in capsys.readouterr().err


def test_guidance_is_the_fields(pipelines):
    net = latent(pipelines("sd21"), 7.5)
    noisy, prompt = torch.randn(2, *net.shape, generator=torch.Generator().manual_seed(0)), torch.tensor([1, 0])
    t, embedded = torch.tensor([300, 800]), tiny.embed(tiny.parts(pipelines("sd21")), "")
    torch.testing.assert_close(net.embeddings[-1], embedded)
    cond, uncond = (net.clean(net.teacher, noisy, t, told) for told in (prompt, torch.full_like(prompt, len(WORDS))))
    torch.testing.assert_close(net.real(noisy, t, prompt), uncond + 7.5 * (cond - uncond))
    assert net.branches == 2 and latent(pipelines("sd21")).branches == 1


@pytest.mark.parametrize("rank", [0, 4])
def test_the_fake_score_begins_as_the_teacher_and_leaves_it_alone(pipelines, rank):
    """A full copy, and LoRA layers in the teacher itself, which are few. The control: after a step both differ."""
    made = student(pipelines("sd21"), fake_rank=rank)
    net, rows = made.denoiser, made.start(0, "any", 5)
    t = torch.tensor([20, 300, 500, 700, 980])

    def answers():
        with torch.no_grad():
            return [net.clean(network, rows.noise, t, rows.prompt) for network in (net.teacher, made.fake)]

    teacher, fake = answers()
    weights = [p.clone() for name, p in net.teacher.named_parameters() if "lora" not in name]
    torch.testing.assert_close(fake, teacher)
    made.step(0, 0.0)
    assert all(torch.equal(p, before) for p, before in zip(
        (p for name, p in net.teacher.named_parameters() if "lora" not in name), weights, strict=True))
    torch.testing.assert_close(answers()[0], teacher)
    assert not torch.allclose(answers()[1], fake, rtol=1e-3, atol=1e-3)
    numbers = [sum(p.numel() for p in network.parameters()) for network in (made.fake, net.teacher)]
    assert rank == 0 or numbers[0] < 0.5 * numbers[1]
    again = student(pipelines("sd21"), fake_rank=rank)
    again.load_state(copy.deepcopy(made.state()))
    made.step(1, 0.3)
    again.step(1, 0.3)
    assert all(torch.equal(a, b) for one, other in zip(made._networks(), again._networks(), strict=True)
               for a, b in zip(one[1].parameters(), other[1].parameters(), strict=True))


def test_outputs_in_parts_are_the_same_step(pipelines):
    """Up to rounding. The control: with one output less it is another step."""
    whole, parts, fewer = (student(pipelines("sd15"), k=2, lr=1e-3, **options)
                           for options in ({}, {"chunk": 4}, {"outputs": 5}))
    for each in (whole, parts, fewer):
        each.step(0, 0.0)  # the fake score's alone, which is the teacher still
        each.step(1, 0.0)
    for a, b in zip(whole.average.parameters(), parts.average.parameters(), strict=True):
        assert (a - b).abs().max() < 1e-4
    assert whole.ledger == parts.ledger
    made = [each.made(each.generator, whole.start(0, "seen")) for each in (whole, parts, fewer)]
    assert (made[0] - made[1]).abs().max() < 0.2 * (made[0] - made[2]).abs().max()


def test_teachers_samples_by_ddim_are_diffusers(pipelines):
    """The same noise through DDIMScheduler at the same timesteps."""
    import diffusers

    net = latent(pipelines("sd21"))
    start = student(pipelines("sd21")).start(3, "any", 3)
    scheduler = diffusers.DDIMScheduler(**tiny.SHAPES["sd21"].noise, timestep_spacing="trailing",
                                        set_alpha_to_one=False)
    scheduler.set_timesteps(10)
    scheduler.timesteps = torch.linspace(999, 0, 11).long()[:-1]
    values, levels = start.noise, [*scheduler.timesteps.tolist(), None]
    for now, then in zip(levels[:-1], levels[1:]):
        with torch.no_grad():
            said = net.ask(net.teacher, values, torch.full((3,), now), start.prompt)
        clean = scheduler.step(said, now, values, eta=0).pred_original_sample
        if then is not None:
            eps = scheduler.step(said, now, values, eta=0)
            alpha, later = scheduler.alphas_cumprod[now], scheduler.alphas_cumprod[then]
            noise = (values - alpha.sqrt() * eps.pred_original_sample) / (1 - alpha).sqrt()
            values = later.sqrt() * clean + (1 - later).sqrt() * noise
    torch.testing.assert_close(net.sample(start.noise, start.prompt, 10), clean, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(world.sampled(net, start, 10, 2, lambda step: None), clean, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["sd15", "sd21", "told"])
def test_plain_diffusers_calls_the_students_folder_in_one_step(pipelines, tmp_path, name):
    """As docs/distillation.md says. The control: the teacher's own folder makes another picture."""
    from diffusers import StableDiffusionPipeline

    net = latent(pipelines(name))
    network = net.copy()
    with torch.no_grad():
        for p in network.parameters():
            p.mul_(1.02)
    folder.save(net, network, tmp_path / "student")
    noise = torch.randn(1, *net.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = net.pictures(net.generate(network, noise, torch.tensor([1])))
    said = json.loads((tmp_path / "student" / folder.NOTE).read_text())
    pipe = StableDiffusionPipeline.from_pretrained(tmp_path / "student", local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    ask = {"guidance_scale": said["guidance_scale"], "latents": noise, "output_type": "pt",
           "height": net.shape[1] * pipe.vae_scale_factor, "width": net.shape[2] * pipe.vae_scale_factor}
    picture = pipe(WORDS[1], timesteps=[said["timestep"]], **ask).images.permute(0, 2, 3, 1)
    torch.testing.assert_close(picture, wanted, rtol=0, atol=2e-5)
    if said["timestep"] == net.schedule.timesteps - 1:
        shorter = pipe(WORDS[1], num_inference_steps=1, **ask).images.permute(0, 2, 3, 1)
        torch.testing.assert_close(shorter, wanted, rtol=0, atol=2e-5)
    with torch.no_grad():
        assert (net.pictures(net.generate(net.teacher, noise, torch.tensor([1]))) - wanted).abs().max() > 1e-3
    assert not (tmp_path / "student" / "view").exists()


def the_run(root: Path) -> Path:
    (found,) = (root / "distill").iterdir()
    return found


def given(place: Path, root: Path, *more: str) -> list[str]:
    return ["distill", f"teacher.path={place}", f"data.prompts={root / 'words.txt'}", *SMALL, f"exp_root_dir={root}",
            *more]


@pytest.fixture
def root(tmp_path):
    (tmp_path / "words.txt").write_text("# what is made\na corgi\n\na mug\ntwo mugs\na mug\n")
    return tmp_path


class Killed(BaseException):
    """Nothing in the program expects it."""


def die():
    raise Killed


@pytest.fixture
def quick(monkeypatch):
    """The teacher's samples in few steps."""
    monkeypatch.setattr(world, "STEPS", (1, 2, 4))


def test_a_run_of_ones_own_model(pipelines, root, signals, quick, monkeypatch, capsys):
    """Killed, it goes on to the bit; its student is a folder that samples; changed words are refused."""
    options = ["distill.fake_rank=2", "distill.guidance=1"]
    killed = root / "killed"
    assert cli.main(given(pipelines("sd21"), root, *options)) == 0
    whole = the_run(root)
    summary = json.loads((whole / "summary.json").read_text())
    assert summary["ledger"] == {"outputs": 6 * 4 * 3, "updates": 24, "teacher_evals": 6 * 8,
                                 "fake_evals": 6 * (8 + 2 * 4), "skipped": 0}
    assert summary["quality"].keys() == {"wasserstein", "diversity"}
    assert {path.name for path in (whole / "save").iterdir()} == {"samples.png", "curve.png", "curve.svg", "curve.pdf",
                                                              "preview.png", "student"}
    assert "a corgi, a mug" in (whole / "index.html").read_text()
    config = (whole / "config.yaml").read_text()
    assert "type: diffusers" in config and "fake_updates: 2" in config
    step = Student.step
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Student, "step", lambda self, number, progress: die() if number == 4 else step(
            self, number, progress))
        cli.main(given(pipelines("sd21"), root, *options, f"exp_root_dir={killed}"))
    assert cli.main(["distill", "--resume", str(the_run(killed))]) == 0
    mine, theirs = (checkpoint.load(checkpoint.newest(run / "ckpts"))["student"] for run in (the_run(killed), whole))
    for part in ("generator", "fake", "average"):
        assert all(torch.equal(mine[part][name], theirs[part][name]) for name in theirs[part])
    capsys.readouterr()
    assert cli.main(["sample", str(whole), "--prompt", "a mug", "--prompt", "a corgi", "--number", "3"]) == 0
    sheet = Path(capsys.readouterr().out.strip())
    assert sheet == whole / "save" / "pictures" / "sheet.png" and len(list(sheet.parent.iterdir())) == 7
    assert iio.imread(sheet).shape == (2 * 98, 3 * 98, 3)  # 96 pixels and a line around
    (root / "words.txt").write_text("a corgi\na cat\n")
    assert cli.main(["distill", "--resume", str(whole)]) == 2
    assert "no longer what the run began with" in capsys.readouterr().err


def test_a_budget_ends_a_run_and_cools_its_rate(pipelines, root, signals, quick):
    """Rows through networks: 8 x 2 of the teacher, guided by default, 8 + 8 of the fake score a step, so 100 end it in
    the fourth."""
    assert cli.main(given(pipelines("sd21"), root, "distill.steps=1000", "budget.teacher_evals=100")) == 0
    summary = json.loads((the_run(root) / "summary.json").read_text())
    assert summary["status"] == "finished" and summary["step"] == 4
    state = checkpoint.load(checkpoint.newest(the_run(root) / "ckpts"))["student"]
    assert state["optimizer"]["param_groups"][0]["lr"] == pytest.approx(1e-3 * (1 - 96 / 100) / 0.5)
    assert state["fake_optimizer"]["param_groups"][0]["lr"] == pytest.approx(1e-3 * 0.1)  # no further than a tenth


def test_k_is_chosen_and_kept(pipelines, root, signals, quick, monkeypatch):
    """What is chosen depends on the clock; a resumed run keeps it."""
    from carv3d.commands import distill
    from carv3d.onestep import account

    monkeypatch.setattr(account, "CHOOSING", (2, 2, (1, 2)))
    monkeypatch.setattr(account, "ROUNDS", 2)
    monkeypatch.setattr(distill, "CHOSEN_AT", 2)
    assert cli.main(given(pipelines("sd21"), root, "distill.k=auto", "distill.guidance=1")) == 0
    summary = json.loads((the_run(root) / "summary.json").read_text())
    assert cli.main(["distill", "--resume", str(the_run(root))]) == 0
    again = json.loads((the_run(root) / "summary.json").read_text())
    assert summary["k"] in (1, 2) and (again["k"], again["outputs"]) == (summary["k"], summary["outputs"])


def test_bundled_teachers_prompts_are_of_its_grammar():
    from carv3d import config as configuration
    from carv3d.commands import students

    config = configuration.load(None, students.spelt(["teacher.type=bundled"]))
    words = students.prompts(config)
    assert len(words) == 210 * 9 and "a red mug, back left view" in words


@pytest.mark.parametrize("arguments,words", [
    (["teacher.path=FOLDER", "data.prompts=none.txt"], ["distill.prompts", "none.txt", "a prompt on each line"]),
    (["teacher.path=FOLDER", "data.prompts=empty.txt"], ["distill.prompts", "empty.txt", "is empty"]),
    (["teacher.path=FOLDER", "data.prompts=words.txt", "teacher.dtype=float16"], ["teacher.dtype", "float16"]),
    (["teacher.path=FOLDER", "data.prompts=words.txt", "distill.start=1000"], ["distill.start", "999"]),
    (["teacher.path=nowhere/at/all", "data.prompts=words.txt"], ["teacher.path", "nowhere/at/all"]),
    (["teacher.path=FOLDER"], ["teacher", "without distill.prompts", "no effect"]),
    (["teacher.type=exact", "data.prompts=words.txt"], ["teacher.type", "exact", "bundled, diffusers"]),
    (["teacher.type=bundled", "data.prompts=words.txt"], ["zebra", "none that this teacher knows"]),
    (["distill.fake_rank=4"], ["distill.fake_rank", "without distill.prompts"]),
    (["budget.renders=4"], ["budget.renders", "no effect", "budget.seconds"]),
])
def test_mistakes_are_one_line(pipelines, tmp_path, monkeypatch, capsys, arguments, words):
    place = shutil.copytree(pipelines("sd15"), tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").write_text("\n# nothing\n")
    (tmp_path / "words.txt").write_text("a zebra\n")
    before = set(os.listdir(tmp_path))
    capsys.readouterr()  # what making the model said
    assert cli.main(["distill", *(word.replace("FOLDER", str(place)) for word in arguments)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and all(word in err for word in words), err
    assert set(os.listdir(tmp_path)) - {"cache"} == before - {"cache"}


@pytest.mark.parametrize("arguments,words", [
    (["nowhere"], ["nowhere", "model_index.json", "bundled"]),
    (["bundled"], ["--prompt", "missing"]),
    (["STUDENT", "--prompt", "a mug", "--steps", "4"], ["--steps 4", "one step"]),
    (["STUDENT", "--prompt", "a mug", "--guidance", "3"], ["--guidance 3", "in its weights"]),
    (["bundled", "--prompt", "a mug", "--guidance", "nan"], ["--guidance", "nan"]),
])
def test_mistakes_of_sampling_are_one_line(pipelines, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    net = latent(pipelines("sd15"))
    folder.save(net, net.copy(), tmp_path / "STUDENT")
    before = set(os.listdir(tmp_path))
    capsys.readouterr()  # what making the model said
    assert cli.main(["sample", "--device", "cpu", *arguments]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and all(word in err for word in words), err
    assert set(os.listdir(tmp_path)) - {"cache"} == before - {"cache"}


def test_sliced_wasserstein_is_pots():
    """The same directions; POT is an extra of the tests."""
    from carv3d.onestep.quality import sliced_wasserstein

    ot = pytest.importorskip("ot")
    a, b = (torch.randn(50, 7, generator=torch.Generator().manual_seed(n)).double() * (1 + n) for n in (0, 1))
    across = torch.randn(7, 64, generator=generator(0, "sliced Wasserstein"))
    wanted = ot.sliced_wasserstein_distance(a.numpy(), b.numpy(), projections=(across / across.norm(dim=0)).double()
                                            .numpy())
    assert sliced_wasserstein(a, b, 64) == pytest.approx(float(wanted), rel=1e-9)
    assert sliced_wasserstein(a, a, 64) == 0
