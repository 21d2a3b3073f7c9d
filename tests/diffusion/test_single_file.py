"""Models in one file: the same teacher as from diffusers' own reading of them and from the folder; converted once, whole
or not at all; and one line for every file that is something else."""

import itertools
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from carv3d import teachers
from carv3d.cli import main
from carv3d.diffusion import convert, single_file, weights
from carv3d.diffusion.loading import quiet
from carv3d.objectives.sds import sds
from carv3d.runs.folder import Run
from carv3d.runtime import files
from carv3d.runtime.errors import LONGEST, UserError
from carv3d.runtime.files import cache_folder

sys.path.insert(0, str(Path(__file__).parent))

import tiny_parts
import tiny_pipeline as tiny
import tiny_single

own_cache, pipelines, signals, hub, serve = tiny.own_cache, tiny.pipelines, tiny.signals, tiny.hub, tiny.serve
PROMPT, NEGATIVE = "a corgi", "blurry"
KINDS = {"sd15": "1", "sd21": "2", "xl": "xl"}


def sdxl():
    """With encoders of two widths, by which a file's are told apart."""
    import diffusers

    unet = diffusers.UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, cross_attention_dim=40,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4), use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2), projection_class_embeddings_input_dim=24 + 6 * 8)
    return tiny_parts.drawn(diffusers.StableDiffusionXLPipeline(
        tiny_parts.kl(scaling_factor=0.13025), tiny_parts.clip(width=16), tiny_parts.clip(projected=True, width=24),
        tiny.make_tokenizer(), tiny.make_tokenizer("!"), unet,
        diffusers.EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"),
        add_watermarker=False))


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """models(name): a folder of ``KINDS``, the same as one file, and a base: the folder without its weights."""
    root = tmp_path_factory.mktemp("single")

    def built(name):
        folder, file, base = root / name, root / f"{name}.safetensors", root / f"{name}-base"
        if not file.exists():
            if name == "xl":
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(0)
                    sdxl().save_pretrained(folder)
            else:
                tiny.built(name, root)
            shutil.copytree(folder, base, ignore=shutil.ignore_patterns("*.safetensors"))
            tiny_single.single(folder, file, KINDS[name])
        return folder, file, base
    return built


def teacher_of(path, *overrides):
    return teachers.teacher(tiny.make_config(path, "data.views=1", f"prompts.negative={NEGATIVE}", *overrides))


def gradient(teacher):
    """What an image becomes, and a guided gradient of SDS there."""
    image = torch.rand(1, *teacher.image_size, 3, generator=torch.Generator().manual_seed(0))
    clean = teacher.encode(image)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    condition = teacher.condition(tiny.seen([0.0]), torch.zeros(1, 3))
    residual = sds(teacher, condition, clean, teacher.schedule.weighting("sds"), 7.5)
    return clean, residual(torch.tensor([0]), torch.tensor([400]), noise)


def theirs(name, file, folder):
    """The same by the networks of diffusers' own pipeline of the file, its encode_prompt included."""
    import diffusers

    teacher = teacher_of(folder)
    cls = diffusers.StableDiffusionXLPipeline if name == "xl" else diffusers.StableDiffusionPipeline
    with quiet(), torch.no_grad():
        pipeline = cls.from_single_file(str(file), config=str(folder), local_files_only=True, safety_checker=None)
        teacher.denoiser, teacher.vae = (part.requires_grad_(False) for part in (pipeline.unet, pipeline.vae))
        found = pipeline.encode_prompt([PROMPT, NEGATIVE], device="cpu", num_images_per_prompt=1,
                                       do_classifier_free_guidance=False)
    teacher.embeddings["states"] = found[0]
    if name == "xl":
        teacher.embeddings["pooled"] = found[2]
    return gradient(teacher)


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def made():
    """The folders in the cache of conversions, finished or not."""
    home = cache_folder("converted")
    return sorted(home.iterdir()) if home.is_dir() else []


@pytest.mark.parametrize("name", KINDS)
def test_the_gradient_is_that_of_diffusers_own_reading_and_of_the_folder(models, name, capsys):
    folder, file, base = models(name)
    got = gradient(teacher_of(file, f"teacher.base={base}", "teacher.offline=true"))
    err = capsys.readouterr().err
    assert err.count("is converted once") == 1 and str(made()[0]) in err and str(file) in err
    for other in (gradient(teacher_of(folder)), theirs(name, file, folder)):
        for ours, them in zip(got, other, strict=True):
            assert (ours - them).abs().max() <= 1e-6 * them.abs().max() and them.abs().max() > 0
    for part in ("unet", "vae", "text_encoder"):
        (ours,), (them,) = ((home / part).glob("*.safetensors") for home in (made()[0], folder))
        a, b = load_file(ours), load_file(them)
        assert a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in b)


def test_it_is_converted_once_by_content(models, tmp_path, capsys, monkeypatch):
    """From another place and under another name too, and with a base elsewhere; anew where a number of a large tensor
    or of the base's configuration differs."""
    _, file, base = models("sd15")
    first = weights.locate(str(file), base=str(base))
    moved, elsewhere = Path(shutil.copy(file, tmp_path / "b.safetensors")), tiny.copy(base, tmp_path / "base")
    with monkeypatch.context() as patch:
        patch.setattr(convert, "_write", lambda *arguments: pytest.fail("converted again"))
        assert weights.locate(str(moved), base=str(elsewhere)) == first == made()[0]
    tiny.edit_weights(moved, lambda held: {key: value + (key.endswith("input_blocks.0.0.weight")) for key, value in held.items()})
    other = weights.locate(str(moved), base=str(elsewhere))
    tiny.edit(elsewhere / "scheduler" / "scheduler_config.json", beta_end=0.013)
    third = weights.locate(str(moved), base=str(elsewhere))
    assert len({first, other, third}) == 3 and len(made()) == 3
    assert json.loads((third / "scheduler" / "scheduler_config.json").read_text())["beta_end"] == 0.013


def test_the_precision_is_that_of_the_file(models, tmp_path):
    """Each network's own."""
    folder, file, base = models("sd15")
    mixed = tiny_single.single(folder, tmp_path / "half.safetensors", "1", half=("unet", "text_encoder"))
    place = weights.locate(str(mixed), base=str(base))
    for part, dtype in (("unet", torch.float16), ("text_encoder", torch.float16), ("vae", torch.float32)):
        (path,) = (place / part).glob("*.safetensors")
        (plain,) = (folder / part).glob("*.safetensors")
        held = load_file(path)
        assert {value.dtype for value in held.values()} == {dtype}
        assert all(torch.equal(value.to(dtype), held[key]) for key, value in load_file(plain).items())


def test_a_killed_conversion_leaves_nothing_that_counts(models, monkeypatch):
    """What is there of one that was killed goes, that of a living process stays; of two at once both have the same."""
    _, file, base = models("sd15")
    write = convert._write

    def killed(*arguments):
        write(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(convert, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        weights.locate(str(file), base=str(base))
    assert made() == []
    monkeypatch.setattr(convert, "_write", write)

    def overtaken(*arguments):
        write(*arguments)
        patch.setattr(convert, "_write", write)
        found.append(weights.locate(str(file), base=str(base)))

    found = []
    with monkeypatch.context() as patch:
        patch.setattr(convert, "_write", overtaken)
        pids = itertools.chain([1], itertools.repeat(os.getpid()))  # the first one is another process, one that lives
        patch.setattr(files.os, "getpid", lambda: next(pids))
        mine = weights.locate(str(file), base=str(base))
    assert found == [mine] == made()
    home = mine.rename(mine.with_name("kept"))
    dead = mine.with_name(f".{mine.name}.{files._host()}-{2**22 + 1}.part")
    (dead / "unet").mkdir(parents=True)
    assert weights.locate(str(file), base=str(base)) == mine
    assert sorted(made()) == sorted([mine, home]) and files_of(mine) == files_of(home)


def test_without_a_base_the_configuration_is_the_hubs(models, hub, tmp_path, capsys):
    """Offline from its cache alone; where that has none, one line that says what to give."""
    folder, file, base = models("sd15")
    overrides = [f"exp_root_dir={tmp_path}/runs", "teacher.offline=true"]
    assert main(["train", *tiny.arguments(file, *overrides)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("carv3d: error: teacher.offline: ") and err.count("\n") == 1
    assert "stable-diffusion-v1-5" in err and "not in the hub's cache" in err and "give as teacher.base" in err, err
    tiny.cached(hub, base, "stable-diffusion-v1-5/stable-diffusion-v1-5")
    place = weights.locate(str(file), offline=True)
    (unet,), (plain,) = ((home / "unet").glob("*.safetensors") for home in (place, folder))
    assert load_file(unet).keys() == load_file(plain).keys()
    assert weights.locate(str(file), base=str(base)) == place
    assert not (tmp_path / "runs").exists()


def test_a_hub_that_cannot_be_reached_and_a_package_that_is_not_there_are_one_line(models, serve, monkeypatch):
    _, file, base = models("sd15")
    asked = serve(reply=(503, {}))
    line = fault(file)
    assert asked and line.startswith("teacher.path: ") and "cannot be had from the hub" in line and "teacher.base" in line
    monkeypatch.setattr(convert, "find_spec", lambda name: None)
    assert "needs the package accelerate; install it" in fault(file, base=str(base))


# -------------------------------------------------------------------------------------------------------------- mistakes


def other(**shapes):
    """A safetensors file of tensors of these shapes."""
    return lambda file, to: save_file({name.replace("__", "."): torch.zeros(shape) for name, shape in shapes.items()}, to)


def without(*parts):
    return lambda file, to: save_file({name: value for name, value in load_file(file).items()
                                       if not name.startswith(parts)}, to)


def cut(count):
    return lambda file, to: to.write_bytes(file.read_bytes()[:count])


FILES = {  # how it is made of a good file; words of its line
    "lora": (other(lora_unet_down_blocks_0__lora_down__weight=(2, 2)), ["is a LoRA", "teacher.lora"]),
    "loha": (other(lycoris_x__hada_w1_a=(2, 2)), ["is a LoRA", "teacher.lora"]),
    "peft": (other(base_model__model__to_q__lora_A__weight=(2, 2)), ["is a LoRA", "teacher.lora"]),
    "embedding": (other(emb_params=(3, 16)), ["an embedding of words", "teacher.textual_inversion"]),
    "two embeddings": (other(clip_l=(3, 16), clip_g=(3, 24)), ["an embedding of words"]),
    "vae": (other(encoder__conv_in__weight=(8, 3, 3, 3), decoder__conv_in__weight=(8, 3, 3, 3), quant_conv__bias=(2,),
                  quant_conv__weight=(2, 2, 1, 1)), ["a VAE alone", "teacher.vae"]),
    "only the vae of a checkpoint": (without("model.", "cond_stage_model.", "alphas", "model_ema"), ["a VAE alone"]),
    "only its text encoder": (without("model", "first_stage", "alphas"), ["a text encoder alone"]),
    "flux": (other(double_blocks__0__img_attn__norm__key_norm__scale=(2,)), ["FLUX", "folder"]),
    "flux of a wrapper": (other(model__diffusion_model__double_blocks__0__img_attn__norm__key_norm__scale=(2,)), ["FLUX"]),
    "sd3": (other(model__diffusion_model__joint_blocks__0__context_block__adaLN_modulation__1__bias=(2,)),
            ["Stable Diffusion 3", "folder"]),
    "sana": (other(blocks__0__cross_attn__kv_linear__weight=(2, 2)), ["flow model"]),
    "controlnet": (other(control_model__time_embed__0__weight=(2, 2)), ["ControlNet"]),
    "unet of diffusers": (other(conv_in__weight=(2, 2, 3, 3), down_blocks__0__resnets__0__conv1__weight=(2, 2, 3, 3)),
                          ["a denoiser alone", "folder"]),
    "no vae": (without("first_stage_model."), ["without its VAE"]),
    "no text encoder": (without("cond_stage_model."), ["without its text encoder"]),
    "something": (other(a__weight=(2, 2, 3), b=(1,), c=(1,), d=(1,)), ["no checkpoint that is known", "'a.weight'"]),
    "nothing": (other(), ["it is empty"]),
    "cut": (cut(-1000), ["cannot be read as safetensors", "copy it again"]),
    "cut in its header": (cut(1000), ["cannot be read as safetensors"]),
    "empty": (cut(0), ["cannot be read as safetensors"]),
    "text": (lambda file, to: to.write_text("version https://git-lfs.github.com/spec/v1"), ["cannot be read"]),
    "inpainting": (lambda file, to: save_file({
        name: value.repeat(1, 3, 1, 1)[:, :9].contiguous() if name.endswith("input_blocks.0.0.weight") else value
        for name, value in load_file(file).items()}, to), ["teacher.base", "does not fit"]),
    "fewer": (without("model.diffusion_model.time_embed.0."), ["teacher.base", "does not fit"]),
    "less vae": (without("first_stage_model.encoder.mid.block_1."), ["teacher.base", "does not fit", "lacks"]),
    "less text": (without("cond_stage_model.transformer.text_model.final"), ["teacher.base", "does not fit", "lacks"]),
}


def fault(path, **options):
    with pytest.raises(UserError) as caught:
        weights.locate(str(path), **options)
    line = str(caught.value)
    assert "\n" not in line and len(line) <= LONGEST and " ... " not in line and "/" in line, line
    return line


@pytest.mark.parametrize("case", FILES)
def test_a_file_of_another_kind_is_one_line(models, tmp_path, case):
    _, file, base = models("sd15")
    make, words = FILES[case]
    make(file, path := tmp_path / "model.safetensors")
    line = fault(path, base=str(base))
    assert all(word in line for word in words), line
    assert made() == []


@pytest.mark.parametrize("name", ["model.ckpt", "model.pt", "model.gguf", "model.txt"])
def test_other_files_are_not_opened(models, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\x80\x02}q\x00.")
    line = fault(path)
    assert "give a .safetensors file" in line and ("pickle" in line) == (name != "model.txt")
    assert "there is no file" in fault(tmp_path / "nowhere.safetensors")


def bases(models, root):
    """Folders that cannot serve as the base of SD 1's file, and words of their lines."""
    _, _, base = models("sd15")
    inner = root / "inner"
    inner.mkdir()

    def spoilt(name, change):
        change(copy := tiny.copy(base, root / name))
        return copy

    yield root / "nowhere", ["is no folder"]
    yield models("sd15")[1], ["is no folder"]
    yield inner, ["has no model_index.json", "Stable Diffusion 1"]
    yield models("xl")[2], ["holds a StableDiffusionXLPipeline", "is Stable Diffusion 1"]
    yield models("sd21")[2], ["does not fit"]
    for part in ("unet", "vae", "text_encoder", "tokenizer", "scheduler"):
        yield spoilt(part, lambda copy, part=part: shutil.rmtree(copy / part)), [f"has no {part}/"]
    yield spoilt("wide", lambda copy: tiny.edit(copy / "vae" / "config.json", block_out_channels=[12] * 4)), ["does not fit"]


def test_a_base_that_does_not_serve_is_one_line(models, tmp_path):
    _, file, base = models("sd15")
    for given, words in bases(models, tmp_path):
        line = fault(file, base=str(given))
        assert line.startswith("teacher.base: ") and all(word in line for word in words), line
    assert made() == []
    folder = models("sd15")[0]
    assert "no model in one file" in fault(folder, base=str(base)) and "leave it empty" in fault(folder, base=str(base))


def test_options_of_folders_have_no_effect_on_a_file(models):
    _, file, base = models("sd15")
    for option in ({"variant": "fp16"}, {"revision": "main"}, {"use_ema": True}):
        (name,) = option
        assert fault(file, base=str(base), **option).startswith(f"teacher.{name}: ")


def test_a_file_that_says_it_predicts_v_needs_a_base_that_does(models, tmp_path):
    folder, _, base = models("sd15")
    path = tiny_single.single(folder, tmp_path / "v.safetensors", "1", **{"modelspec.prediction_type": "v"})
    line = fault(path, base=str(base))
    assert "prediction_type 'epsilon'" in line and "v_prediction" in line, line
    says_v = tiny.copy(base, tmp_path / "base")
    tiny.edit(says_v / "scheduler" / "scheduler_config.json", prediction_type="v_prediction")
    assert weights.locate(str(path), base=str(says_v)).is_dir()


def test_every_tensor_has_a_say_in_the_digest(models, tmp_path):
    """The first and the last number of each, of large ones too."""
    save_file({**load_file(models("sd15")[1]), "large": torch.zeros(3, 70_000)}, path := tmp_path / "a.safetensors")
    seen = {single_file.read(path, "").digest()}
    for name, place in (("large", 0), ("large", -1), ("model.diffusion_model.out.2.bias", 0)):
        held = load_file(path)
        held[name].view(-1)[place] += 1
        save_file(held, path)
        seen.add(single_file.read(path, "").digest())
    assert len(seen) == 4


# ------------------------------------------------------------------------------------------------------------- whole runs


def test_a_run_is_trained_and_resumed_from_a_file_and_follows_it(models, tmp_path, capsys, signals, monkeypatch):
    """From a relative path, resumed elsewhere; then the file is moved, and then another one is given."""
    _, file, base = models("sd15")
    shutil.copy(file, tmp_path / "model.safetensors")
    tiny.copy(base, tmp_path / "base")
    monkeypatch.chdir(tmp_path)
    run_of = ["scene.type=image", "scene.image.size=8", "data.views=1", "data.batch_size=1", "estimator.k=1",
              "trainer.preview_every=0", "export.video=false", "trainer.max_steps=2", "exp_root_dir=runs"]
    assert main(["train", *tiny.arguments("model.safetensors", "teacher.base=base", *run_of)]) == 0
    run = Run((tmp_path / capsys.readouterr().out.splitlines()[-1]).absolute())
    assert run.summary()["step"] == 2 and run.summary()["ledger"]["nonfinite_steps"] == 0
    assert run.config().teacher.path == str(tmp_path / "model.safetensors")
    assert run.config().teacher.base == str(tmp_path / "base")
    monkeypatch.chdir("/")

    def resumed(steps, *overrides):
        teachers._located.cache_clear()
        status = main(["train", "--resume", str(run.folder), f"trainer.max_steps={steps}", *overrides])
        return status, capsys.readouterr().err

    assert resumed(3)[0] == 0
    shutil.rmtree(cache_folder("converted"))
    (tmp_path / "model.safetensors").rename(tmp_path / "moved.safetensors")
    (tmp_path / "base").rename(tmp_path / "moved")
    moved = [f"teacher.path={tmp_path}/moved.safetensors", f"teacher.base={tmp_path}/moved"]
    status, err = resumed(4)
    assert status == 2 and "there is no file" in err
    status, err = resumed(4, *moved)
    assert status == 0 and "could not be checked" not in err and run.summary()["step"] == 4
    other = tmp_path / "other.safetensors"
    save_file({name: value * 1.01 if value.is_floating_point() else value
               for name, value in load_file(file).items()}, other)
    status, err = resumed(5, f"teacher.path={other}", moved[1])
    assert status == 2 and "teacher.path: " in err and "something else" in err


def test_a_base_alone_is_one_line_of_the_command(pipelines, tmp_path, capsys):
    for overrides, words in (([*tiny.arguments(pipelines("sd15"), "teacher.base=x")], "no model in one file"),
                             (["teacher.type=exact", "teacher.base=x"], "teacher.base: x given with teacher.type exact")):
        assert main(["train", *overrides, f"exp_root_dir={tmp_path}/runs"]) == 2
        err = capsys.readouterr().err
        assert err.startswith("carv3d: error: teacher.base: ") and err.count("\n") == 1 and words in err
    assert not (tmp_path / "runs").exists()
