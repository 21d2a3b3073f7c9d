"""LoRA layers, textual inversion and another VAE in a teacher, against diffusers' and peft's own loading."""

import json
import sys
from pathlib import Path

import pytest
import torch
import transformers.integrations.peft

from carv3d import teachers
from carv3d.diffusion import additions
from carv3d.diffusion.loading import quiet
from carv3d.objectives.sds import sds
from carv3d.runtime.errors import UserError

sys.path.insert(0, str(Path(__file__).parent))

import tiny_families
import tiny_pipeline as tiny

own_cache, pipelines = tiny.own_cache, tiny.pipelines
NAMES = ["sd15", "sdxl", "sd3"]
PROMPT = "a corgi"


@pytest.fixture
def folder(request, tmp_path_factory):
    if request.param in tiny.SHAPES:
        return tiny.built(request.param, tmp_path_factory.getbasetemp() / "pipelines")
    return tiny_families.built(request.param, tmp_path_factory.getbasetemp() / "families")


def pipeline_of(folder):
    import diffusers

    with quiet():
        return diffusers.DiffusionPipeline.from_pretrained(folder, local_files_only=True)


def network_of(pipeline):
    return getattr(pipeline, "transformer", None) or pipeline.unet


def teacher_of(folder, *overrides):
    return teachers.teacher(tiny.make_config(folder, "teacher.type=diffusers", "data.views=1", *overrides))


def drawn(network, rank, alpha, seed, targets=("to_q", "to_k", "to_v", "to_out.0")):
    """LoRA layers of random weights in a network, by peft."""
    from peft import LoraConfig

    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets))
    network.add_adapter(config, adapter_name="default")
    draw = torch.Generator().manual_seed(seed)
    for name, p in network.named_parameters():
        if ".default." in name:
            p.data = 0.3 * torch.randn(p.shape, generator=draw)
    return config


def saved(folder, to, seed=0, alpha=6, text=True):
    """As diffusers' training scripts save layers of rank 3: of the denoiser, and of the first text encoder."""
    from diffusers.training_utils import _collate_lora_metadata
    from peft.utils import get_peft_model_state_dict

    pipeline = pipeline_of(folder)
    parts = {"transformer" if hasattr(pipeline, "transformer") else "unet": network_of(pipeline)}
    drawn(network_of(pipeline), 3, alpha, seed)
    if text:
        drawn(pipeline.text_encoder, 3, alpha, seed + 1, ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"))
        parts["text_encoder"] = pipeline.text_encoder
    layers = {f"{name}_lora_layers": get_peft_model_state_dict(part, adapter_name="default") for name, part in parts.items()}
    pipeline.save_lora_weights(to, **layers, **_collate_lora_metadata(parts))
    return to


def answers(teacher):
    """What the teacher is told of the prompt, and a gradient of SDS."""
    condition = teacher.condition(tiny.seen([0.0]), torch.zeros(1, 3))
    clean, noise = (torch.randn(1, *teacher.latent_shape, generator=torch.Generator().manual_seed(i)) for i in (1, 2))
    t, view = torch.tensor([400]), torch.tensor([0])
    value = sds(teacher, condition, clean, teacher.schedule.weighting("sds"), 7.5)(view, t, noise)
    return teacher.embeddings["states"], value


def theirs(pipeline, folder, monkeypatch):
    """The same with the pipeline's own networks in the teacher's place: text by its own encode_prompt."""
    teacher = teacher_of(folder)
    teacher.denoiser = network_of(pipeline)
    with torch.no_grad(), quiet():
        for name, value in told(pipeline).items():
            teacher.embeddings[name] = value
    return answers(teacher)


def told(pipeline):
    kind = type(pipeline).__name__
    if kind == "StableDiffusionPipeline":
        states, empty = pipeline.encode_prompt(PROMPT, "cpu", 1, True, "")
        return {"states": torch.cat([states, empty])}
    if kind == "StableDiffusionXLPipeline":
        states, no_states, pooled, no_pooled = pipeline.encode_prompt(PROMPT)
    else:
        states, no_states, pooled, no_pooled = pipeline.encode_prompt(PROMPT, None, None)
    return {"states": torch.cat([states, no_states]), "pooled": torch.cat([pooled, no_pooled])}


def close(ours, them, most=1e-5):
    for a, b in zip(ours, them, strict=True):
        assert (a - b).abs().max() < most * b.abs().max()


@pytest.mark.parametrize("folder", NAMES, indirect=True)
def test_layers_of_diffusers_are_those_of_its_own_loading(folder, tmp_path, monkeypatch):
    """Alpha from the file's metadata, text encoder's parts, a scale; fused and not; the control: without them all is
    otherwise."""
    monkeypatch.setattr(transformers.integrations.peft, "MIN_PEFT_VERSION", "0.15.0")  # 5.24 wants one that is not out
    saved(folder, tmp_path / "made")
    pipeline = pipeline_of(folder)
    with quiet():
        pipeline.load_lora_weights(tmp_path / "made", adapter_name="a")
        pipeline.set_adapters(["a"], [0.5])
        pipeline.fuse_lora(components=["text_encoder"], adapter_names=["a"])
    want = theirs(pipeline, folder, monkeypatch)
    plain = answers(teacher_of(folder))
    assert all((a - b).abs().max() > 0.01 * b.abs().max() for a, b in zip(plain, want, strict=True))
    fused = answers(teacher_of(folder, f"teacher.lora=[{tmp_path}/made:0.5]"))
    close(fused, want)
    loose = teacher_of(folder, f"teacher.lora=[{tmp_path}/made:0.5]", "teacher.fuse_lora=false")
    close(answers(loose), want)
    names = [name for name, _ in loose.denoiser.named_parameters() if "lora" in name]
    assert names and not any(p.requires_grad for p in loose.denoiser.parameters())
    made = teacher_of(folder, f"teacher.lora=[{tmp_path}/made]")
    assert not any("lora" in name for name, _ in made.denoiser.named_parameters())


@pytest.mark.parametrize("folder", NAMES, indirect=True)
@pytest.mark.parametrize("stabilised", [False, True])
def test_layers_of_peft_are_those_of_its_own_loading(folder, stabilised, tmp_path):
    """What get_peft_model(...).save_pretrained writes: other names, and alpha in a configuration beside."""
    from peft import LoraConfig, PeftModel, get_peft_model

    network = network_of(pipeline_of(folder))
    wrapped = get_peft_model(network, LoraConfig(r=2, lora_alpha=5, target_modules=["to_q", "to_v"],
                                                 alpha_pattern={"to_v": 3}, use_rslora=stabilised))
    draw = torch.Generator().manual_seed(3)
    for name, p in wrapped.named_parameters():
        if "lora_" in name:
            p.data = 0.3 * torch.randn(p.shape, generator=draw)
    wrapped.save_pretrained(tmp_path / "peft")
    teacher = teacher_of(folder)
    plain = answers(teacher)
    teacher.denoiser = PeftModel.from_pretrained(network_of(pipeline_of(folder)), tmp_path / "peft").base_model.model
    want = answers(teacher)
    assert (plain[1] - want[1]).abs().max() > 0.01 * want[1].abs().max()
    close(answers(teacher_of(folder, f"teacher.lora=[{tmp_path}/peft]")), want)


@pytest.mark.parametrize("folder", ["sd15", "sdxl"], indirect=True)
def test_layers_of_kohya_are_those_of_diffusers_loading(folder, tmp_path, monkeypatch):
    """Names joined by underscores, alpha beside each layer, the text encoders' parts."""
    from safetensors.torch import load_file, save_file

    monkeypatch.setattr(transformers.integrations.peft, "MIN_PEFT_VERSION", "0.15.0")
    saved(folder, tmp_path / "made")
    held, encoder = load_file(tmp_path / "made" / "pytorch_lora_weights.safetensors"), "te" if "sd15" in str(folder) else "te1"
    names = {"unet": "unet", "text_encoder": encoder}
    kohya = {}
    for key, value in held.items():
        part, _, rest = key.partition(".")
        name, _, end = rest.partition(".lora")
        inner = name if part == "unet" or name.startswith("text_model") else f"text_model.{name}"
        place = f"lora_{names[part]}_{inner.replace('.', '_')}"
        down = "A" in end or "down" in end
        kohya[f"{place}.lora_{'down' if down else 'up'}.weight"] = value
        kohya[f"{place}.alpha"] = torch.tensor(2.0 if part == "unet" else 5.0)
    save_file(kohya, tmp_path / "kohya.safetensors")
    pipeline = pipeline_of(folder)
    with quiet():
        pipeline.load_lora_weights(tmp_path, weight_name="kohya.safetensors")
    want, got = theirs(pipeline, folder, monkeypatch), answers(teacher_of(folder, f"teacher.lora=[{tmp_path}/kohya.safetensors]"))
    close(got, want)
    plain = answers(teacher_of(folder))
    assert all((a - b).abs().max() > 0.01 * b.abs().max() for a, b in zip(plain, want, strict=True))


@pytest.mark.parametrize("folder", ["sd15", "sd3"], indirect=True)
def test_several_add_up(folder, tmp_path):
    """Two files, each by its scale; the order does not matter, one of scale 0 has no effect."""
    for name, seed in (("a", 0), ("b", 5)):
        saved(folder, tmp_path / name, seed, text=False)
    pipeline = pipeline_of(folder)
    with quiet():
        for name in ("a", "b"):
            pipeline.load_lora_weights(tmp_path / name, adapter_name=name)
        pipeline.set_adapters(["a", "b"], [0.7, -0.4])
    teacher = teacher_of(folder)
    teacher.denoiser = network_of(pipeline)
    want = answers(teacher)
    both = [f"{tmp_path}/a:0.7", f"{tmp_path}/b:-0.4"]
    close(answers(teacher_of(folder, f"teacher.lora=[{', '.join(both)}]")), want)
    close(answers(teacher_of(folder, f"teacher.lora=[{', '.join(both[::-1])}]", "teacher.fuse_lora=false")), want)
    alone = answers(teacher_of(folder, f"teacher.lora=[{both[0]}]"))
    close(answers(teacher_of(folder, f"teacher.lora=[{both[0]}, {tmp_path}/b:0]")), alone)
    assert (alone[1] - want[1]).abs().max() > 0.01 * want[1].abs().max()


def test_a_word_is_that_of_diffusers_own_loading(pipelines, tmp_path):
    """One vector and three, as diffusers and A1111 write them; the embeddings of prompts that have the word."""
    from safetensors.torch import save_file

    folder, draw = pipelines("sd15"), torch.Generator().manual_seed(0)
    one, three = torch.randn(16, generator=draw), torch.randn(3, 16, generator=draw)
    save_file({"<cat>": one}, tmp_path / "one.safetensors")
    torch.save({"string_to_param": {"*": three}, "name": "<dog>"}, tmp_path / "three.pt")
    pipeline = pipeline_of(folder)
    with quiet():
        pipeline.load_textual_inversion(tmp_path / "one.safetensors")
        pipeline.load_textual_inversion({"string_to_param": {"*": three}, "name": "<dog>"}, token="<dog>")
    prompt = "<cat> on <dog>"
    with torch.no_grad():
        want = pipeline.encode_prompt(prompt, "cpu", 1, False)[0]
    options = [f"prompt={prompt}", f"teacher.textual_inversion=[{tmp_path}/one.safetensors, {tmp_path}/three.pt]"]
    got = teacher_of(folder, *options).embeddings["states"][:1]
    assert (got - want).abs().max() < 1e-5
    plain = teacher_of(folder, f"prompt={prompt}").embeddings["states"][:1]
    assert (plain - want).abs().max() > 0.01
    renamed = teacher_of(folder, "prompt=xyz on <dog>", f"teacher.textual_inversion=[{tmp_path}/one.safetensors:xyz, "
                         f"{tmp_path}/three.pt]")
    assert (renamed.embeddings["states"][:1] - want).abs().max() < 1e-5


def test_words_of_two_encoders(tmp_path, tmp_path_factory):
    """As SDXL's trainers write them: each encoder has its own vectors, of two tokens each."""
    from safetensors.torch import save_file

    folder = tiny_families.built("sdxl", tmp_path_factory.getbasetemp() / "families")
    draw = torch.Generator().manual_seed(0)
    held = {name: torch.randn(2, 16, generator=draw) for name in ("clip_l", "clip_g")}
    save_file(held, tmp_path / "word.safetensors")
    pipeline = pipeline_of(folder)
    with quiet():
        for name, encoder, tokenizer in (("clip_l", pipeline.text_encoder, pipeline.tokenizer),
                                         ("clip_g", pipeline.text_encoder_2, pipeline.tokenizer_2)):
            pipeline.load_textual_inversion({"<cat>": held[name]}, token="<cat>", text_encoder=encoder,
                                            tokenizer=tokenizer)
    with torch.no_grad():
        want, _, pooled, _ = pipeline.encode_prompt("a <cat>")
    got = teacher_of(folder, "prompt=a <cat>", f"teacher.textual_inversion=[{tmp_path}/word.safetensors:<cat>]").embeddings
    assert (got["states"][:1] - want).abs().max() < 1e-5 and (got["pooled"][:1] - pooled).abs().max() < 1e-5


def test_another_vae(pipelines, tmp_path):
    """A folder of the VAE alone, or of a whole model that has one; the latents are those of it."""
    folder = pipelines("sd15")
    other = tiny.copy(folder, tmp_path / "other")
    tiny.edit_weights(other / "vae" / "diffusion_pytorch_model.safetensors",
                      lambda held: {name: value + 0.1 for name, value in held.items()})
    image = torch.rand(1, 64, 64, 3)
    want = teacher_of(other).encode(image)
    assert (teacher_of(folder).encode(image) - want).abs().max() > 0.01
    for given in (other, other / "vae"):
        assert torch.equal(teacher_of(folder, f"teacher.vae={given}").encode(image), want)
    with pytest.raises(UserError, match="latents of 5 channels, the model takes 4"):
        teacher_of(folder, f"teacher.vae={pipelines('odd')}")


def test_what_cannot_be_added_is_one_line(pipelines, tmp_path):
    from safetensors.torch import save_file

    sd15, odd = pipelines("sd15"), pipelines("sd21")
    saved(sd15, tmp_path / "made", text=False)
    file = tmp_path / "made" / "pytorch_lora_weights.safetensors"
    save_file({"unet.a.lora_A.weight": torch.ones(2, 2), "unet.a.dora_scale": torch.ones(2)}, tmp_path / "dora.safetensors")
    save_file({"w": torch.ones(2)}, tmp_path / "plain.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(file.read_bytes()[:500])
    (tmp_path / "a.ckpt").write_bytes(b"x")
    peft = tmp_path / "peft"
    peft.mkdir()
    (peft / "adapter_model.safetensors").write_bytes(file.read_bytes())
    (peft / "adapter_config.json").write_text(json.dumps({"peft_type": "LOHA"}))
    cases = [
        (sd15, f"teacher.lora=[{tmp_path}/none]", ["teacher.lora", "is not there"]),
        (sd15, f"teacher.lora=[{file}:much]", ["FILE_OR_FOLDER:SCALE"]),
        (sd15, f"teacher.lora=[{tmp_path}/dora.safetensors]", ["DoRA"]),
        (sd15, f"teacher.lora=[{tmp_path}/cut.safetensors]", ["cannot be read"]),
        (sd15, f"teacher.lora=[{tmp_path}/a.ckpt]", ["no safetensors file"]),
        (sd15, f"teacher.lora=[{tmp_path}/plain.safetensors]", ["holds no layers"]),
        (sd15, f"teacher.lora=[{peft}]", ["LOHA", "LORA is needed"]),
        (odd, f"teacher.lora=[{file}]", ["cannot be used with this model", "trained on it"]),
        (sd15, f"teacher.textual_inversion=[{file}]", ["holds no embeddings"]),
        (sd15, f"teacher.textual_inversion=[{tmp_path}]", ["FILE:WORD"]),
        (sd15, f"teacher.vae={tmp_path}", ["teacher.vae", "no config.json"]),
    ]
    for folder, option, words in cases:
        config = tiny.make_config(folder, "teacher.type=diffusers", "data.views=1", option)
        with pytest.raises(UserError) as told_:
            teachers.settle(config)
            teachers.teacher(config)
        line = str(told_.value)
        assert "\n" not in line and all(word in line for word in words), line


def test_paths_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.safetensors").write_bytes(b"")
    assert additions.absolute("a.safetensors:0.5", "teacher.lora") == f"{tmp_path}/a.safetensors:0.5"
    assert additions.absolute("a.safetensors", "teacher.lora") == f"{tmp_path}/a.safetensors"
