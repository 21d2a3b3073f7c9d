"""What diffusers itself would load of a Stable Diffusion folder loads here; anything else is one line, said at once."""

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carv3d import teachers
from carv3d.diffusion import stable_diffusion, weights
from carv3d.diffusion.settings import Settings
from carv3d.diffusion.text import encode_prompts
from carv3d.runtime.errors import LONGEST, UserError
from carv3d.runtime.files import cache_folder

sys.path.insert(0, str(Path(__file__).parent))

import tiny_pipeline as tiny

own_cache, pipelines, hub, serve = tiny.own_cache, tiny.pipelines, tiny.hub, tiny.serve

STEM = "diffusion_pytorch_model"
UNET, TEXT = f"unet/{STEM}.safetensors", "text_encoder/model.safetensors"
JSONS = ("model_index.json", "unet/config.json", "vae/config.json", "text_encoder/config.json",
         "tokenizer/tokenizer_config.json", "tokenizer/tokenizer.json", "scheduler/scheduler_config.json")


@pytest.fixture
def folder(pipelines, tmp_path):
    return tiny.copy(pipelines("sd15"), tmp_path / "model")


def located(folder, **options):
    """What was said about a folder that is accepted, and one prediction of its teacher."""
    said = []
    place = weights.locate(str(folder), announce=said.append, **options)
    options.pop("offline", None)
    teacher = stable_diffusion.load(place, ["a corgi"], weights_of=tiny.PLAIN, settings=Settings(**options))
    noisy = torch.linspace(-1, 1, 256).reshape(1, 4, 8, 8)
    condition = teacher.condition(tiny.seen([0.0]), torch.zeros(1, 3))
    return said, teacher.predict(noisy, torch.tensor([500]), condition, torch.zeros(1).long(), ("cond",))["cond"]


def refused(folder, **options):
    with pytest.raises(UserError) as caught:
        weights.locate(str(folder), **options)
    line = str(caught.value)
    assert "\n" not in line and len(line) <= LONGEST and line.startswith("teacher."), line
    return line


def test_a_unet_may_be_told_of_a_view(pipelines, tmp_path):
    """By a component of its own, refused in one line where it does not fit; a UNet that asks for more than words is."""
    from safetensors.torch import load_file, save_file

    folder = tiny.copy(pipelines("told"), tmp_path / "told")
    said, eps = located(folder)
    assert said == [] and torch.isfinite(eps).all()
    path = folder / "view" / "model.safetensors"
    weights_of_view = load_file(path)
    for spoilt in ({**weights_of_view, "linear_2.bias": torch.zeros(7)}, {"linear_1.bias": torch.zeros(3)},
                   {**weights_of_view, "linear_1.bias": weights_of_view["linear_1.bias"] * float("nan")}):
        save_file(spoilt, path)
        with pytest.raises(UserError) as caught:
            located(folder)
        assert "the view of" in str(caught.value) and "\n" not in str(caught.value)
    path.write_bytes(b"none")
    with pytest.raises(UserError, match="the view of"):
        located(folder)
    tiny.edit(folder / "unet" / "config.json", class_embed_type="projection")
    assert "wants more than a prompt (class_embed_type)" in refused(folder)


@pytest.mark.parametrize("name,fits", [("told", True), ("sd15", False)])
def test_what_cannot_be_told_is_refused(pipelines, name, fits):
    """Before a run folder exists; the default, which such a folder just does not hear, is not."""
    from carv3d import config as configuration

    given = ["prompt=a corgi", "teacher.type=stable-diffusion", f"teacher.path={pipelines(name)}"]
    teachers.settle(configuration.load(None, given))
    silent = configuration.load(None, [*given, "teacher.told=[camera]"])
    if fits:
        teachers.settle(silent)
    else:
        with pytest.raises(UserError, match=r"teacher.told: \[camera\] given, but .* has no view/"):
            teachers.settle(silent)


def rename(path, to):
    path.rename(path.with_name(to))


def shard(folder, component, names, index):
    """A component's weights in two shards of these names, under an index of that name; the single file goes."""
    from safetensors.torch import load_file, save_file

    (single,) = (folder / component).glob("*.safetensors")
    tensors = list(load_file(single).items())
    halves = tensors[::2], tensors[1::2]
    for name, half in zip(names, halves, strict=True):
        save_file(dict(half), folder / component / name, {"format": "pt"})
    table = {key: name for name, half in zip(names, halves, strict=True) for key, _ in half}
    (folder / component / index).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": table}))
    single.unlink()


# --------------------------------------------------------------------------------------------------- variants and shards


@pytest.mark.parametrize("component,name,variant,said", [
    ("unet", f"{STEM}.fp16.safetensors", "fp16", "vae, text_encoder without variant fp16"),
    ("text_encoder", "model.fp16.safetensors", "fp16", "unet, vae without variant fp16"),
    ("unet", f"{STEM}.fp16.safetensors", "", "unet only as fp16"),
    ("vae", f"{STEM}.non_ema.safetensors", "", "vae only as non_ema"),
    ("text_encoder", "model.fp16.safetensors", "", "text_encoder only as fp16"),
])
def test_a_folder_of_mixed_variants_loads_with_a_line(folder, component, name, variant, said):
    _, plain = located(folder)
    rename(next((folder / component).glob("*.safetensors")), name)
    lines, made = located(folder, variant=variant)
    assert torch.equal(made, plain)
    assert len(lines) == 1 and said in lines[0], lines


def test_of_several_variants_none_is_guessed(folder):
    for name in ("bf16", "fp16"):
        (folder / "unet" / f"{STEM}.{name}.safetensors").write_bytes((folder / UNET).read_bytes())
    assert located(folder)[0] == []  # the plain ones are there
    (folder / UNET).unlink()
    assert "none given; the unet" in (line := refused(folder)) and "bf16, fp16" in line
    assert "comes in these variants: bf16, fp16" in refused(folder, variant="fp8")


OLD, NEW = "{stem}-0000{i}-of-00002.fp16.safetensors", "{stem}.fp16-0000{i}-of-00002.safetensors"
PLAIN = "{stem}-0000{i}-of-00002.safetensors"


@pytest.mark.parametrize("variant,names,index", [
    ("", PLAIN, "{stem}.safetensors.index.json"),
    ("fp16", NEW, "{stem}.safetensors.index.fp16.json"),
    ("fp16", OLD, "{stem}.safetensors.index.fp16.json"),
    ("fp16", OLD, "{stem}.safetensors.fp16.index.json"),
    ("", NEW, "{stem}.safetensors.index.fp16.json"),
])
@pytest.mark.parametrize("component,stem", [("unet", STEM), ("text_encoder", "model")])
def test_shards_under_all_names_they_had(folder, variant, names, index, component, stem):
    _, plain = located(folder)
    shard(folder, component, [names.format(stem=stem, i=i) for i in (1, 2)], index.format(stem=stem))
    made = located(folder, variant=variant)[1]
    assert torch.allclose(made, plain, rtol=0, atol=1e-5), float((made - plain).abs().max())  # weights lie elsewhere


def spoil_index(change):
    """Change the index of shards; the control is that it was good before."""
    def spoil(folder):
        path = folder / "unet" / f"{STEM}.safetensors.index.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
    return spoil


def names_outside(name):
    return spoil_index(lambda content: content["weight_map"].update({"conv_in.bias": name}))


FIRST, SECOND = (PLAIN.format(stem=STEM, i=i) for i in (1, 2))


@pytest.mark.parametrize("spoil,words", [
    (lambda folder: (folder / "unet" / SECOND).unlink(), [f"lacks unet/{SECOND}", "index.json lists"]),
    (lambda folder: (folder / "unet" / f"{STEM}.safetensors.index.json").unlink(), ["without their index", FIRST]),
    (spoil_index(lambda content: content.update(weight_map={key: name for key, name in content["weight_map"].items()
                                                            if name == FIRST})), ["does not list", SECOND]),
    (spoil_index(lambda content: content["weight_map"].update({"other.bias": FIRST})), [FIRST, "lacks 'other.bias'"]),
    *((names_outside(name), ["names", "allowed", "in unet itself"])
      for name in ("../vae/diffusion_pytorch_model.safetensors", "/etc/passwd", "..", "a\\b.safetensors", "a\nb", "")),
    *((spoil_index(lambda content, table=table: content.update(weight_map=table)), ["no index of shards"])
      for table in ({}, [], None, 7, {"conv_in.bias": 1}, {"conv_in.bias": [FIRST]})),
    (spoil_index(lambda content: content.pop("metadata")), ["no index of shards"]),
    (lambda folder: (folder / "unet" / FIRST).write_bytes(b"x" * 99), [FIRST, "cannot be loaded"]),
    (lambda folder: (folder / "unet" / f"{STEM}.safetensors.index.json").write_text("[" * 100_000),
     ["cannot be read"]),
])
def test_shards_that_are_not_whole(folder, spoil, words):
    shard(folder, "unet", [FIRST, SECOND], f"{STEM}.safetensors.index.json")
    weights.locate(str(folder))
    spoil(folder)
    line = refused(folder)
    assert all(word in line for word in words), line


# -------------------------------------------------------------------------------------------- classes, EMA, other things


@pytest.mark.parametrize("name", ["StableDiffusionImg2ImgPipeline", "StableDiffusionPipelineSafe",
                                  "StableDiffusionInpaintPipelineLegacy", "StableDiffusionPanoramaPipeline",
                                  "StableDiffusionControlNetPipeline", "StableDiffusionPAGPipeline"])
def test_other_pipelines_of_the_same_parts_load(folder, name):
    _, plain = located(folder)
    tiny.edit(folder / "model_index.json", _class_name=name)
    said, made = located(folder)
    assert torch.equal(made, plain) and said == []


@pytest.mark.parametrize("name,why", [
    ("StableDiffusionInpaintPipeline", "mask"), ("StableDiffusionDepth2ImgPipeline", "depth"),
    ("StableDiffusionUpscalePipeline", "upscaler"), ("StableDiffusionLatentUpscalePipeline", "upscaler"),
    ("StableDiffusionInstructPix2PixPipeline", "picture"), ("StableDiffusion3Img2ImgPipeline", "needed"),
    ("StableDiffusionXLImg2ImgPipeline", "needed"), ("AltDiffusionPipeline", "needed")])
def test_pipelines_of_other_parts_are_refused_with_the_reason(folder, name, why):
    tiny.edit(folder / "model_index.json", _class_name=name)
    assert name in (line := refused(folder)) and why in line, line


def test_the_moving_average_of_the_unet(folder):
    _, plain = located(folder)
    assert "teacher.use_ema: true given" in refused(folder, use_ema=True)
    tiny.copy(folder / "unet", folder / "unet_ema")
    tiny.edit_weights(folder / "unet_ema" / f"{STEM}.safetensors",
                      lambda old: {key: 0.5 * value for key, value in old.items()})
    assert torch.equal(located(folder)[1], plain)
    _, average = located(folder, use_ema=True)
    assert not torch.allclose(average, plain)
    (folder / "unet").rename(folder / "elsewhere")
    assert "teacher.use_ema=true" in refused(folder)
    config = tiny.make_config(folder, "teacher.use_ema=true")
    assert torch.equal(located(folder, use_ema=True)[1], average)
    assert teachers.teacher(config).denoiser.config._name_or_path.name == "unet_ema"


LORA = {"unet.down_blocks.0.attentions.0.to_q.lora.down.weight", "lora_unet_down_blocks_0.alpha",
        "base_model.model.unet.to_q.lora_A.weight", "unet.to_q.lora_B.weight"}


@pytest.mark.parametrize("names,folder_of,words", [
    *(({name}, ways, ["LoRA", "teacher.lora"]) for name in LORA for ways in (None, "x.safetensors")),
    ({"model.diffusion_model.input_blocks.0.0.weight"}, None, ["without its text encoder"]),
    ({"model.diffusion_model.input_blocks.0.0.weight"}, "v1.safetensors", ["v1.safetensors", "give that file itself"]),
    ({"any"}, "pytorch_lora_weights.safetensors", ["LoRA", "teacher.lora"]),
])
def test_what_is_no_pipeline_is_named(tmp_path, names, folder_of, words):
    from safetensors.torch import save_file

    path = tmp_path / (folder_of or "weights.safetensors")
    save_file({name: torch.zeros(2) for name in names}, path)
    line = refused(tmp_path if folder_of else path)
    assert all(word in line for word in words), line


@pytest.mark.parametrize("name,content,words", [
    ("adapter_config.json", b"{}", ["LoRA"]), ("v1.ckpt", b"\x80", ["v1.ckpt", "a pickle"]),
    ("readme.txt", b"", ["no model_index.json"])])
def test_folders_known_by_their_files(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    line = refused(tmp_path)
    assert all(word in line for word in words), line


# ------------------------------------------------------------------------------------------------------------- tokenizer


@pytest.mark.parametrize("length", [int(1e30), int(1e20), 1e30, None])
def test_a_tokenizer_without_a_length_has_the_encoders(folder, length):
    """transformers writes int(1e30), "very large", where none was set."""
    _, plain = located(folder)
    path = folder / "tokenizer" / "tokenizer_config.json"
    tiny.edit(path, model_max_length=length)
    if length is None:
        path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "model_max_length"}))
    assert torch.equal(located(folder)[1], plain)
    assert encode_prompts(folder, ["a corgi"]).shape[1] == tiny.LENGTH


@pytest.mark.parametrize("length", [-1, 0, 2, tiny.LENGTH + 1, "77", [77], True, float("nan")])
def test_lengths_that_cannot_be(folder, length):
    tiny.edit(folder / "tokenizer" / "tokenizer_config.json", model_max_length=length)
    assert "model_max_length" in refused(folder)


def more_words(folder):
    path = folder / "tokenizer" / "tokenizer.json"
    content = json.loads(path.read_text())
    content["model"]["vocab"]["corgi</w>"] = len(content["model"]["vocab"]) + 40
    path.write_text(json.dumps(content))


def added_word(folder):
    path = folder / "tokenizer" / "tokenizer.json"
    content = json.loads(path.read_text())
    content["added_tokens"].append({**content["added_tokens"][0], "id": 190, "content": "<corgi>"})
    path.write_text(json.dumps(content))


def old_files(folder):
    (folder / "tokenizer" / "tokenizer.json").unlink()
    tiny.write_old_tokenizer(folder / "tokenizer")
    weights.locate(str(folder))
    (folder / "tokenizer" / "added_tokens.json").write_text('{"<corgi>": 190}')


def fewer_rows(folder):
    tiny.edit(folder / "text_encoder" / "config.json", vocab_size=150)
    tiny.edit_weights(folder / TEXT, lambda old: {key: value[:150] if "token_embedding" in key else value
                                                  for key, value in old.items()})


@pytest.mark.parametrize("spoil", [more_words, added_word, old_files, fewer_rows])
def test_a_tokenizer_larger_than_the_embedding_table(folder, spoil):
    spoil(folder)
    line = refused(folder)
    assert re.search(r"tokenizer .* knows \d+ tokens, its text encoder \d+", line), line


# -------------------------------------------------------------------------------------------------- numbers, not finite


@pytest.mark.parametrize("name,tensor", [(UNET, "conv_in.bias"), (f"vae/{STEM}.safetensors", "quant_conv.bias"),
                                         (TEXT, "final_layer_norm.bias")])
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(folder, name, tensor, number):
    def spoil(old):
        (key,) = (key for key in old if key.endswith(tensor) and "post" not in key)
        old[key][0] = number
        return old

    tiny.edit_weights(folder / name, spoil)
    place = weights.locate(str(folder))
    with pytest.raises(UserError, match=f"the {name.split('/')[0]} of .* not finite .*{tensor}"):
        stable_diffusion.load(place, ["a corgi"], weights_of=tiny.PLAIN)


@pytest.mark.parametrize("damage", ["nan", "inf", "shape", "whole"])
def test_the_cache_of_embeddings_knows_finite_ones_only(folder, damage):
    from safetensors.torch import load_file, save_file

    made = encode_prompts(folder, ["a corgi"])
    (entry,) = cache_folder("embeddings").iterdir()
    content = load_file(entry)
    if damage == "shape":
        content["states"] = content["states"][0]
    elif damage == "whole":
        content["states"] = content["states"].long()
    else:
        content["states"][1, 2] = float(damage)
    save_file(content, entry)
    assert torch.equal(encode_prompts(folder, ["a corgi"]), made)
    assert torch.equal(load_file(entry)["states"], made[0])  # made anew


def test_an_encoder_whose_states_are_not_finite_leaves_no_cache(folder):
    tiny.edit_weights(folder / TEXT, lambda old: {key: value * 1e38 if "fc1.weight" in key or "fc2" in key else value
                                                  for key, value in old.items()})
    with pytest.raises(UserError, match="text_encoder .* not finite"):
        encode_prompts(folder, ["a corgi"])
    assert not cache_folder("embeddings").exists()


# ------------------------------------------------------------------------------------------------- any damage, any locale


ODD = [None, True, -1, 0, 10**40, 1e308, float("nan"), float("inf"), "", "é\u2028\x1b[31m", "x" * 5000, [], {}, [[]],
       [None], {"a": [1, {"b": 2}]}, ["diffusers", None], ["diffusers", ["x"]]]


def places(node, path=()):
    """Every place within a JSON value, a few of those of long lists and tables."""
    yield path
    if isinstance(node, (dict, list)):
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        for key in keys if len(keys) < 60 else keys[:3]:
            yield from places(node[key], (*path, key))


def put(node, path, value):
    if not path:
        return value
    node = copy.deepcopy(node)
    inner = node
    for key in path[:-1]:
        inner = inner[key]
    if value is KeyError:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return node


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_json_file_is_accepted_or_one_line(pipelines, tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "damaged"
    if not folder.exists():
        tiny.copy(pipelines("sd15"), folder)
    path = folder / data.draw(st.sampled_from(JSONS))
    good = path.read_bytes()
    content = json.loads(good)
    kind = data.draw(st.sampled_from(["value", "value", "value", "gone", "deep", "cut", "bytes"]))
    try:
        if kind in ("value", "gone"):
            where = data.draw(st.sampled_from(sorted(places(content), key=str)))
            odd = KeyError if kind == "gone" and where else data.draw(st.sampled_from(ODD))
            path.write_text(json.dumps(put(content, where, odd)))
        elif kind == "deep":
            depth = data.draw(st.integers(1, 100) | st.integers(850, 5000))
            key = data.draw(st.sampled_from(sorted(content)))
            path.write_text(json.dumps({**content, key: "@"}).replace('"@"', "[" * depth + "]" * depth))
        elif kind == "cut":
            path.write_bytes(good[:data.draw(st.integers(0, len(good) - 1))])
        else:
            path.write_bytes(data.draw(st.binary(max_size=20)))
        try:
            assert weights.locate(str(folder)) == folder
        except UserError as error:
            assert str(error).isprintable() and len(str(error)) <= LONGEST
    finally:
        path.write_bytes(good)


def test_files_are_utf8_whatever_the_locale(folder):
    path = folder / "unet" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "_name": "Größe ü"}, ensure_ascii=False), "utf-8")
    code = ("import sys, locale; from carv3d.diffusion import weights; assert locale.getencoding() != 'UTF-8'; "
            "print(weights.locate(sys.argv[1]))")
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


# ------------------------------------------------------------------------------------------------------------------- hub


@pytest.mark.parametrize("asked,held,fetched", [
    ("fp16", {"unet": "fp16"}, {"unet": "fp16", "vae": "", "text_encoder": ""}),
    ("", {"unet": "fp16"}, {"unet": "fp16", "vae": "", "text_encoder": ""}),
    ("", {}, {"unet": "", "vae": "", "text_encoder": ""}),
])
def test_the_hub_gives_the_weights_that_are_needed(pipelines, serve, asked, held, fetched):
    source, files = pipelines("sd15"), {}
    for path in (path for path in source.rglob("*") if path.is_file()):
        component, name = path.parent.name, path.name
        if path.suffix == ".safetensors" and component in held:
            name = name.replace(".safetensors", f".{held[component]}.safetensors")
        files[str(path.relative_to(source).with_name(name))] = path.read_bytes()
    serve(files=files)
    folder = weights.locate("owner/name", variant=asked)
    got = {path.parent.name: path.name.split(".")[1].removesuffix("safetensors")
           for path in folder.rglob("*.safetensors")}
    assert got == fetched
