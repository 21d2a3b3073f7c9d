"""Finding a teacher's weights: folders, the hub and its cache, the network left alone, and one line for every fault."""

import socket
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from carv3d import config as configuration
from carv3d import teachers
from carv3d.cli import main
from carv3d.config import registry
from carv3d.config.schema import Config
from carv3d.diffusion import stable_diffusion, weights
from carv3d.diffusion.folder import COMPONENTS
from carv3d.diffusion.weight_files import stem_of
from carv3d.runtime.errors import UserError

sys.path.insert(0, str(Path(__file__).parent))

import tiny_pipeline as tiny

own_cache, pipelines, signals, hub, serve = tiny.own_cache, tiny.pipelines, tiny.signals, tiny.hub, tiny.serve

STEMS = ("unet", "vae", "text_encoder")
UNET, VAE, TEXT = (f"{component}/{stem_of(component)}.safetensors" for component in STEMS)


def fault(call, *arguments, **options):
    """The one line of a call that must fail."""
    with pytest.raises(UserError) as caught:
        call(*arguments, **options)
    line = str(caught.value)
    assert "\n" not in line and line.startswith("teacher."), line
    return line


# ---------------------------------------------------------------------------------------------------- ways to be broken


def delete(name):
    return lambda folder: (folder / name).unlink()


def write(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def cut(name):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-1000])


def set_(name, **changes):
    return lambda folder: tiny.edit(folder / name, **changes)


def rename(name, to):
    return lambda folder: (folder / name).rename(folder / name.replace(Path(name).name, to))


def without(name, part):
    """Drop the tensors of a file that have ``part`` in their names."""
    return lambda folder: tiny.edit_weights(folder / name, lambda old: {k: v for k, v in old.items() if part not in k})


def both_variants(folder):
    (folder / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes((folder / UNET).read_bytes())
    (folder / "unet" / "diffusion_pytorch_model.non_ema.safetensors").write_bytes((folder / UNET).read_bytes())


def class_of(component, name):
    return set_("model_index.json", **{component: ["transformers", name]})


SCHEDULER = "scheduler/scheduler_config.json"
COMPLETE = ", ".join(COMPONENTS)
CASES = {  # what is done to a good folder, the words that its line must have, the variant asked for
    "no index": (delete("model_index.json"), ["no model_index.json", "save_pretrained"]),
    "bad index": (write("model_index.json", b"{"), ["model_index.json", "cannot be read", "copy"]),
    "binary index": (write("model_index.json", b"\xff\xfe\x00"), ["model_index.json", "cannot be read", "copy"]),
    "list index": (write("model_index.json", b"[1]"), ["model_index.json", "not a JSON object", "copy"]),
    "sdxl": (set_("model_index.json", _class_name="StableDiffusionXLPipeline"), ["lacks its text_encoder_2", "copy the whole"]),
    "other class": (set_("model_index.json", _class_name="KandinskyPipeline"), ["KandinskyPipeline", "Stable Diffusion 1"]),
    "no class": (set_("model_index.json", _class_name="?"), ["needed: Stable Diffusion 1"]),
    **{f"no {part}": (set_("model_index.json", **{part: [None, None]}), [f"lacks its {part}", COMPLETE])
       for part in COMPONENTS},
    **{f"no {part} entry": (set_("model_index.json", **{part: None}), [f"lacks its {part}", COMPLETE])
       for part in COMPONENTS},
    **{f"no {part} folder": (lambda folder, part=part: (folder / part).rename(folder / "elsewhere"),
                             [f"lacks its {part}", COMPLETE]) for part in COMPONENTS},
    "other text encoder": (class_of("text_encoder", "T5EncoderModel"), ["text_encoder", "T5EncoderModel",
                                                                       "CLIPTextModel is needed"]),
    "other unet": (class_of("unet", "UNet2DModel"), ["UNet2DModel", "UNet2DConditionModel is needed"]),
    "other vae": (class_of("vae", "AutoencoderTiny"), ["AutoencoderTiny", "AutoencoderKL is needed"]),
    "other tokenizer": (class_of("tokenizer", "T5Tokenizer"), ["T5Tokenizer", "CLIPTokenizer is needed"]),
    **{f"no {part} config": (delete(f"{part}/config.json"), [f"has no {part}/config.json", "copy"])
       for part in STEMS},
    "bad unet config": (write("unet/config.json", b"\x00"), ["unet/config.json", "cannot be read", "copy"]),
    "no scheduler config": (delete(SCHEDULER), [f"has no {SCHEDULER}", "copy"]),
    **{f"no {name.split('/')[0]} weights": (delete(name), [name.split("/")[0], "has no weights", "copy"])
       for name in (UNET, VAE, TEXT)},
    "only bin": (rename(UNET, "diffusion_pytorch_model.bin"), ["unet", "no safetensors", "diffusion_pytorch_model.bin",
                                                               "save_pretrained"]),
    "no fp16": (lambda folder: None, ["teacher.variant: fp16 given", "these variants: none (empty)"], "fp16"),
    "no such variant": (both_variants, ["teacher.variant: ema given", "unet", "none (empty), fp16, non_ema"], "ema"),
    "inpainting": (set_("unet/config.json", in_channels=9), ["9 channels", "makes 4", "inpainting", "text-to-image"]),
    "class embeddings": (set_("unet/config.json", class_embed_type="projection"), ["more than a prompt",
                                                                                   "text-to-image"]),
    "class count": (set_("unet/config.json", num_class_embeds=1000), ["more than a prompt"]),
    "size embeddings": (set_("unet/config.json", addition_embed_type="text_time"), ["more than a prompt"]),
    "guidance embedding": (set_("unet/config.json", time_cond_proj_dim=16), ["more than a prompt",
                                                                             "time_cond_proj_dim"]),
    "flow": (write(SCHEDULER, b'{"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000}'),
             ["FlowMatchEulerDiscreteScheduler", "no betas", "DDPM"]),
    "prediction": (set_(SCHEDULER, prediction_type="flow_prediction"), ["'flow_prediction'", "epsilon, v_prediction, "
                                                                        "sample"]),
}
MALFORMED = {
    "null class": (set_("model_index.json", _class_name=None), ["needed: Stable Diffusion 1"]),
    "short entry": (set_("model_index.json", unet=["diffusers"]), ["unet"]),
}


def run_fails(capsys, *overrides):
    """carv3d train in this process: status 2; returns what it wrote to stderr."""
    capsys.readouterr()  # what the libraries said while the test made ready
    assert main(["train", *overrides]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


@pytest.mark.parametrize("case", [*CASES, *MALFORMED])
def test_a_broken_folder_is_named_in_one_line(pipelines, tmp_path, capsys, case):
    """By the function, and by the command line, which makes no run folder."""
    spoil, words, *variant = {**CASES, **MALFORMED}[case]
    folder, (variant,) = tiny.copy(pipelines("sd15"), tmp_path / "model"), variant or ("",)
    assert weights.locate(str(folder)) == folder  # as long as it is whole
    spoil(folder)
    line = fault(weights.locate, str(folder), variant=variant)
    assert str(folder) in line and all(word in line for word in words), line
    overrides = tiny.arguments(folder, f"teacher.variant={variant}", f"exp_root_dir={tmp_path}/runs")
    assert run_fails(capsys, *overrides) == f"carv3d: error: {line}\n"
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("given,words", [
    ("", ["none given", "a folder", "hub id", "bundled"]),
    ("  ", ["none given"]),
    ("{root}/nowhere", ["there is no folder {root}/nowhere", "model_index.json", "owner/name"]),
    ("nowhere", ["there is no folder nowhere", "model_index.json", "owner/name"]),
    ("{root}/model.safetensors", ["model.safetensors cannot be read as safetensors", "copy it again"]),
    ("{root}", ["has no model_index.json, but model.safetensors", "give that file itself"]),
    ("../nowhere", ["there is no folder ../nowhere"]),
    ("~nobody-here/model", ["~nobody-here/model"]),
    ("x" * 300, ["no folder"]),
])
def test_a_path_that_leads_nowhere(tmp_path, capsys, monkeypatch, given, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.safetensors").write_text("")
    given, words = given.format(root=tmp_path), [word.format(root=tmp_path) for word in words]
    line = fault(weights.locate, given)
    assert line.startswith("teacher.path: ") and all(word in line for word in words), line
    assert run_fails(capsys, *tiny.arguments(given)) == f"carv3d: error: {line}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_folder_in_the_home_directory(pipelines, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    tiny.copy(pipelines("sd15"), tmp_path / "model")
    assert weights.locate("~/model") == tmp_path / "model"


# ------------------------------------------------------------------------------------- faults that show only on loading


def swapped(pipelines, to):
    """SD 1.5's folder with SD 2.1's text encoder."""
    folder = tiny.copy(pipelines("sd15"), to)
    for path in (pipelines("sd21") / "text_encoder").iterdir():
        (folder / "text_encoder" / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.mark.parametrize("spoil,words", [
    *((spoil(name), [name.split("/")[0], "cannot be loaded", "copy"])
      for name in (UNET, VAE, TEXT) for spoil in (cut, partial(write, content=b""), partial(write, content=b"x" * 99))),
    (set_("unet/config.json", block_out_channels=[8, 16, 24]), ["unet", "cannot be loaded"]),
    (set_("text_encoder/config.json", intermediate_size=48), ["text_encoder", "cannot be loaded"]),
    (cut("tokenizer/tokenizer.json"), ["tokenizer", "cannot be read", "copy"]),
    (write("tokenizer/tokenizer_config.json", b"{"), ["tokenizer", "cannot be read", "copy"]),
    (without(UNET, "conv_in.weight"), ["unet", "conv_in.weight"]),
    (without(VAE, "encoder.conv_in.weight"), ["vae", "encoder.conv_in.weight"]),
    (without(TEXT, "token_embedding"), ["text_encoder", "token_embedding"]),
    (delete("tokenizer/tokenizer.json"), ["tokenizer"]),
    (delete("tokenizer/tokenizer_config.json"), ["tokenizer"]),
    (set_("tokenizer/tokenizer_config.json", model_max_length=77), ["tokenizer"]),
    (set_("unet/config.json", sample_size=None), ["unet", "sample_size"]),
    (set_(SCHEDULER, beta_schedule="cosine"), ["scheduler", "cosine"]),
])
def test_parts_that_do_not_load(pipelines, tmp_path, spoil, words):
    folder = tiny.copy(pipelines("sd15"), tmp_path / "model")
    spoil(folder)
    line = fault(lambda: stable_diffusion.load(weights.locate(str(folder)), ["a corgi"], weights_of=tiny.PLAIN))
    assert line.startswith("teacher.path: ") and str(folder) in line and all(word in line for word in words), line


def test_a_text_encoder_of_another_model(pipelines, tmp_path):
    folder = swapped(pipelines, tmp_path / "model")
    line = fault(lambda: stable_diffusion.load(weights.locate(str(folder)), ["a corgi"], weights_of=tiny.PLAIN))
    assert all(word in line for word in (str(folder), "24", "16", "different models")), line


@pytest.mark.parametrize("spoil", [cut(UNET), cut(TEXT), lambda folder: None], ids=["unet", "text_encoder", "swapped"])
def test_parts_that_do_not_load_leave_no_run_folder(pipelines, tmp_path, capsys, signals, spoil):
    folder = swapped(pipelines, tmp_path / "model")
    spoil(folder)
    capsys.readouterr()
    status = main(["train", *tiny.arguments(folder, f"exp_root_dir={tmp_path}/runs", *tiny.SMALL)])
    captured = capsys.readouterr()
    if status != 2 or captured.out or captured.err.count("carv3d: error: teacher.path: ") != 1:
        pytest.fail(captured.err)
    assert not (tmp_path / "runs").exists()


# ---------------------------------------------------------------------------------------------- the hub and the network


@pytest.fixture
def attempts(monkeypatch):
    """The network is cut; lists every attempt at it."""
    seen = []

    def refuse(*arguments, **options):
        seen.append(arguments)
        raise OSError("the network is cut")

    for where, name in ((socket.socket, "connect"), (socket.socket, "connect_ex"), (socket, "create_connection"),
                        (socket, "getaddrinfo")):
        monkeypatch.setattr(where, name, refuse)
    return seen


def works(teacher):
    """One encode and one prediction."""
    latents = teacher.encode(torch.rand(1, 16, 16, 3))
    condition = teacher.condition(tiny.seen([0.0]), torch.zeros(1, 3))
    out = teacher.predict(latents, torch.tensor([500]), condition, torch.zeros(1).long(), ("uncond", "cond"))
    return all(torch.isfinite(value).all() for value in out.values())


@pytest.mark.parametrize("offline", ["true", "false"])
def test_a_folder_needs_no_network(pipelines, hub, attempts, offline):
    assert works(teachers.teacher(tiny.make_config(pipelines("sd15"), f"teacher.offline={offline}")))
    assert not attempts


@pytest.mark.parametrize("given,revision", [("owner/name", ""), ("owner/name", "main"), ("owner/name", tiny.SHA)])
def test_a_cached_model_needs_no_network(pipelines, hub, attempts, given, revision):
    snapshot = tiny.cached(hub, pipelines("sd15"))
    config = tiny.make_config(given, "teacher.offline=true", f"teacher.revision={revision}")
    assert teachers.weights_folder(config).samefile(snapshot) and works(teachers.teacher(config))
    assert not attempts


def test_offline_and_not_cached(pipelines, hub, attempts, tmp_path, capsys):
    tiny.cached(hub, pipelines("sd15"))
    for given, revision, words in (("owner/other", "", ["owner/other"]), ("owner/name", "v2", ["owner/name", "v2"])):
        overrides = tiny.arguments(given, "teacher.offline=true", f"teacher.revision={revision}",
                                   f"exp_root_dir={tmp_path}/runs")
        line = run_fails(capsys, *overrides)
        assert line.startswith("carv3d: error: teacher.offline: ") and line.count("\n") == 1
        assert all(word in line for word in (*words, "not in the hub's cache", "teacher.offline=false", "local folder"))
    assert not attempts and not (tmp_path / "runs").exists()


def test_control_online_the_network_is_asked(hub, attempts, tmp_path, capsys):
    err = run_fails(capsys, *tiny.arguments("owner/other", f"exp_root_dir={tmp_path}/runs"))
    announced, line = err.splitlines()
    assert "owner/other from the hub" in announced and attempts
    assert all(word in line for word in ("error: teacher.path", "owner/other", "hub cannot be reached",
                                         "the network is cut", "local folder")), line
    assert not (tmp_path / "runs").exists()


def test_a_cached_model_serves_while_the_hub_is_out_of_reach(pipelines, hub, attempts):
    snapshot = tiny.cached(hub, pipelines("sd15"))
    assert weights.locate("owner/name").samefile(snapshot) and attempts


# a hub on this machine: the real client, real requests, no network


def test_a_download_takes_what_is_needed_and_no_more(pipelines, serve, hub):
    """The published folders hold each network four times over, and a safety checker."""
    good = {str(path.relative_to(pipelines("sd15"))): path.read_bytes()
            for path in pipelines("sd15").rglob("*") if path.is_file()}
    more = {name.replace(".safetensors", end): b"" for name in (UNET, VAE, TEXT)
            for end in (".bin", ".fp16.safetensors", ".fp16.bin", ".non_ema.safetensors")}
    more |= {name: b"" for name in ("v1-5-pruned.ckpt", "v1-5-pruned-emaonly.safetensors", "README.md",
                                    "safety_checker/model.safetensors", "feature_extractor/preprocessor_config.json")}
    asked, lines = serve(files=good | more), []
    folder = weights.locate("owner/name", announce=lines.append)
    got = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert got == good and len(lines) == 1 and "owner/name from the hub" in lines[0]
    asked.clear()
    assert weights.locate("owner/name", offline=True, announce=lines.append) == folder
    assert not asked and len(lines) == 1
    assert works(stable_diffusion.load(folder, ["a corgi"], weights_of=tiny.PLAIN))


REPLIES = {  # what a hub answers; words of the line
    "gone": (dict(reply=(401, {"X-Error-Code": "RepoNotFound"})), ["teacher.path: there is no folder owner/name",
                                                                   "no such model on the hub"]),
    "gated": (dict(reply=(403, {"X-Error-Code": "GatedRepo"})), ["owner/name is gated", "hf auth login"]),
    "revision": (dict(reply=(404, {"X-Error-Code": "RevisionNotFound"})), ["teacher.revision: owner/name", "'v9'"]),
    "down": (dict(reply=(503, {})), ["teacher.path", "owner/name", "hub cannot be reached", "503"]),
    "not a hub": (dict(reply=(200, {})), ["owner/name", "could not be had from the hub", "local folder"]),
    "hangs up": (dict(), ["owner/name", "local folder"]),
    "proxy": (dict(proxy=True, reply=(403, {})), ["owner/name", "403"]),
}


@pytest.mark.parametrize("case", REPLIES)
def test_what_the_hub_may_answer(serve, case):
    what, words = REPLIES[case]
    asked = serve(**what)
    line = fault(weights.locate, "owner/name", revision="v9")
    assert asked and all(word in line for word in words), line


@pytest.mark.parametrize("name", ["a--b/c", "owner/name.git", "owner/-"])
def test_names_that_no_hub_model_has(hub, attempts, name):
    assert name in fault(weights.locate, name) and not attempts


# -------------------------------------------------------------------------------------------------------- configuration


@pytest.mark.parametrize("kind,scale", [("exact", 1.0), ("bundled", 1.0), ("stable-diffusion", 100.0)])
def test_the_guidance_scale_follows_the_teacher(tmp_path, kind, scale):
    chosen, asked = f"teacher.type={kind}", "objective.guidance_scale="
    assert Config().objective.guidance_scale == "auto"
    for overrides in ([chosen], [f"{asked}auto", chosen]):
        assert configuration.load(None, overrides).objective.guidance_scale == scale
    for number in ("0", "3.5", "1"):
        assert configuration.load(None, [chosen, asked + number]).objective.guidance_scale == float(number)
    (tmp_path / "run.yaml").write_text(configuration.dump(configuration.load(None, [chosen])))
    saved = configuration.load(tmp_path / "run.yaml")
    assert saved.objective.guidance_scale == scale and saved.teacher.type == kind


@pytest.mark.parametrize("overrides,words", [
    (["objective.guidance_scale=high"], ["objective.guidance_scale", "'high'", "auto or a number", ">= 0", "<= 1000"]),
    (["objective.guidance_scale=-1"], ["objective.guidance_scale", "-1", ">= 0"]),
    (["objective.guidance_scale=true"], ["objective.guidance_scale", "'true'", "auto or a number"]),
    (["teacher.type=stable_diffusion"], ["teacher.type", "'stable_diffusion'", "did you mean stable-diffusion?"]),
    (["teacher.type=stable-diffusion", "teacher.dtype=half"], ["teacher.dtype", "'half'", "float16"]),
    (["teacher.type=exact", "teacher.dtype=float16"], ["teacher.dtype", "float16", "exact", "float32"]),
    *(([f"teacher.type={kind}", f"teacher.{name}=x"], [f"teacher.{name}", "x given", kind, "diffusers"])
      for kind in ("bundled", "exact") for name in ("path", "revision", "variant")),
])
def test_options_that_do_not_go_together(overrides, words):
    with pytest.raises(UserError) as caught:
        configuration.load(None, overrides)
    line = str(caught.value)
    assert "\n" not in line and all(word in line for word in words), line


def test_options_that_do():
    for overrides in (["teacher.type=bundled", "teacher.dtype=float16"], ["teacher.type=exact", "teacher.dtype=auto"],
                      ["teacher.type=stable-diffusion", "teacher.path=x", "teacher.revision=y", "teacher.variant=z"]):
        assert registry.teacher(configuration.load(None, overrides)).toybox == ("stable" not in overrides[0])
