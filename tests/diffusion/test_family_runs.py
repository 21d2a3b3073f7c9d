"""Whole runs with a teacher of each family: every objective, stopped and resumed; and folders that lack something."""

import dataclasses
import shutil
import sys
from pathlib import Path

import pytest
import torch

from carv3d import teachers
from carv3d.cli import main
from carv3d.diffusion.families import check, table
from carv3d.diffusion.families import text as family_text
from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError

sys.path.insert(0, str(Path(__file__).parent))

import tiny_families
import tiny_pipeline as tiny

own_cache, signals, hub, serve = tiny.own_cache, tiny.signals, tiny.hub, tiny.serve
RUN = ["scene.type=image", "scene.image.size=8", "data.views=1", "data.batch_size=1", "estimator.k=2",
       "trainer.preview_every=0", "export.video=false", "log.every_n_steps=1"]


@pytest.fixture(params=tiny_families.ONE_EACH)
def folder(request, tmp_path_factory):
    return tiny_families.built(request.param, tmp_path_factory.getbasetemp() / "families")


def train(root, capsys, *words):
    assert main(["train", *words]) == 0, capsys.readouterr().err
    return Run(Path(capsys.readouterr().out.splitlines()[-1]))


def started(folder, root, *words):
    return ["prompt=a corgi", "teacher.type=diffusers", f"teacher.path={folder}", "device=cpu", "teacher.dtype=float32",
            f"exp_root_dir={root}/runs", *RUN, *tiny_families.CASES[folder.name].overrides, *words]


def tensors(value, name=""):
    """Everything in a checkpoint, by where it stands."""
    if isinstance(value, dict):
        return {key: part for each, inner in value.items() for key, part in tensors(inner, f"{name}/{each}").items()}
    if isinstance(value, list | tuple):
        return {key: part for i, inner in enumerate(value) for key, part in tensors(inner, f"{name}/{i}").items()}
    return {name: value}


def last(run):
    found = torch.load(run.ckpts / "last.ckpt", weights_only=False)
    return {key: value for key, value in tensors(found).items() if isinstance(value, torch.Tensor)}


def test_two_steps_of_every_objective(folder, tmp_path, capsys, signals):
    """SDS, CSD and VSD from the command line; VSD stopped after a step and resumed ends on the same bits, what it has
    learned included. The control, for one family: with another seed it does not."""
    for objective in ("sds", "csd"):
        run = train(tmp_path, capsys, *started(folder, tmp_path, f"objective.type={objective}", "trainer.max_steps=2"))
        lines = run.metrics()
        assert run.summary()["status"] == "finished" and len(lines) == 2
        assert all(0 < line["grad_norm"] < float("inf") for line in lines)
        branches = 1 if objective == "sds" and run.config().objective.guidance_scale == 1 else 2
        ledger = run.summary()["ledger"]
        assert ledger["teacher_evals"] == 2 * 2 * branches and ledger["nonfinite_steps"] == 0
    words = ["objective.type=vsd", "objective.vsd.rank=2"]
    whole = train(tmp_path, capsys, *started(folder, tmp_path, *words, "trainer.max_steps=2"))
    assert all(0 < line["loss_lora"] < float("inf") for line in whole.metrics())
    part = train(tmp_path, capsys, *started(folder, tmp_path, *words, "trainer.max_steps=1"))
    train(tmp_path, capsys, "--resume", str(part.folder), "trainer.max_steps=2")
    want, got = last(whole), last(part)
    assert want.keys() == got.keys() and any("score" in key for key in want)
    assert all(torch.equal(want[key], got[key]) for key in want)
    if folder.name == "sd3":
        other = last(train(tmp_path, capsys, *started(folder, tmp_path, *words, "trainer.max_steps=2", "seed=1")))
        assert not all(torch.equal(want[key], other[key]) for key in want if want[key].shape == other[key].shape)


def test_the_guidance_of_a_family_is_the_default(folder):
    config = tiny.make_config(folder, "teacher.type=diffusers", "data.views=1")
    family = check.family_of(folder)
    few_steps = folder.name in ("flux-schnell", "flux2-klein-distilled")
    assert config.objective.guidance_scale == (1 if few_steps else family.guidance)
    assert tiny.make_config(folder, "teacher.type=diffusers", "objective.guidance_scale=3").objective.guidance_scale == 3


def test_prompts_are_encoded_once(folder, monkeypatch):
    """What the cache holds is the same to the bit, and no text encoder is loaded for it; a new prompt needs one."""
    words = ["teacher.type=diffusers", "data.views=1", *tiny_families.CASES[folder.name].overrides]
    first = teachers.teacher(tiny.make_config(folder, *words)).embeddings

    def refuse(*arguments, **options):
        raise UserError("a text encoder is loaded")

    monkeypatch.setattr(family_text, "model", refuse)
    again = teachers.teacher(tiny.make_config(folder, *words)).embeddings
    assert first.keys() == again.keys() and all(torch.equal(first[key], again[key]) for key in first)
    with pytest.raises(UserError, match="is loaded"):
        teachers.teacher(tiny.make_config(folder, *words, "prompt=another thing"))


def test_whatever_is_missing_is_one_line(folder, tmp_path):
    """Each part in turn, each network's weights and configuration, a part of another class; optional ones may go."""
    family = check.family_of(folder)

    def line(change):
        copy = Path(shutil.copytree(folder, tmp_path / f"copy{len(list(tmp_path.iterdir()))}"))
        change(copy)
        teachers._located.cache_clear()
        with pytest.raises(UserError) as told:
            teachers.settle(tiny.make_config(copy, "teacher.type=diffusers", "data.views=1"))
        assert "\n" not in str(told.value) and "teacher.path" in str(told.value)
        return str(told.value)

    for part in family.parts:
        if part not in family.optional:
            assert part in line(lambda copy, part=part: shutil.rmtree(copy / part))
        if part in family.networks and (folder / part).is_dir():
            assert part in line(lambda copy, part=part: (copy / part / "config.json").unlink())
            assert part in line(lambda copy, part=part: [path.unlink() for path in (copy / part).glob("*.safetensors*")])
    first = family.denoiser
    said = line(lambda copy: tiny.edit(copy / "model_index.json", **{first: ["diffusers", "AutoencoderTiny"]}))
    assert "AutoencoderTiny" in said and family.parts[first].split("|")[0] in said
    said = line(lambda copy: tiny.edit(copy / "model_index.json", **{first: ["mine", family.parts[first].split("|")[0]]}))
    assert "mine" in said and "diffusers, transformers" in said


def test_a_family_that_is_not_there_is_one_line_that_lists_those_that_are(tmp_path, tmp_path_factory):
    """However long its path is."""
    built = tiny_families.built("sd3", tmp_path_factory.getbasetemp() / "families")
    copy = Path(shutil.copytree(built, tmp_path / ("a" * 100) / "copy"))
    tiny.edit(copy / "model_index.json", _class_name="KandinskyPipeline")
    teachers._located.cache_clear()
    with pytest.raises(UserError, match="KandinskyPipeline") as told:
        teachers.settle(tiny.make_config(copy, "teacher.type=diffusers", "data.views=1"))
    assert all(family.name in str(told.value) for family in table.FAMILIES)


def test_a_pipeline_that_the_installed_diffusers_has_not(monkeypatch, tmp_path_factory):
    """One line, with the version that has it."""
    import diffusers

    folder = tiny_families.built("sd3", tmp_path_factory.getbasetemp() / "families")
    monkeypatch.setattr(table, "FAMILIES", tuple(
        dataclasses.replace(family, since="99.1") if family.name == "Stable Diffusion 3" else family
        for family in table.FAMILIES))
    monkeypatch.delattr(diffusers, "StableDiffusion3Pipeline", raising=False)
    monkeypatch.delitem(diffusers._class_to_module, "StableDiffusion3Pipeline")
    with pytest.raises(UserError, match="StableDiffusion3Pipeline needs diffusers 99.1 or later"):
        teachers.teacher(tiny.make_config(folder, "teacher.type=diffusers", "data.views=1"))



def test_a_download_takes_what_a_family_needs(serve, hub, tmp_path_factory):
    """All encoders, tokenizers and weights that model_index.json names, and nothing that lies beside them; then the same
    teacher as from the folder."""
    folder = tiny_families.built("sd3", tmp_path_factory.getbasetemp() / "families")
    good = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    more = {name: b"x" for name in ("sd3.safetensors", "transformer/diffusion_pytorch_model.bin", "README.md",
                                    "text_encoders/t5xxl_fp16.safetensors")}
    asked = serve(files=good | more)
    words = ["teacher.type=diffusers", "data.views=1"]
    config = tiny.make_config("owner/name", *words)
    assert config.objective.guidance_scale == "auto"
    teachers.settle(config)
    assert config.objective.guidance_scale == check.family_of(folder).guidance
    taken = {path.rpartition(f"/{tiny.SHA}/")[2] for path in asked if "/resolve/" in path}
    assert taken >= {name for name in good if name != "model_index.json"} and not taken & set(more)
    got, want = (teachers.teacher(tiny.make_config(place, *words)) for place in ("owner/name", folder))
    assert all(torch.equal(got.embeddings[key], want.embeddings[key]) for key in want.embeddings)
    assert all(torch.equal(a, b) for a, b in zip(got.denoiser.parameters(), want.denoiser.parameters(), strict=True))


@pytest.mark.parametrize("left", [True, False])
def test_an_encoder_may_be_left_out(left, tmp_path, tmp_path_factory):
    """SD 3 without T5, as model_index.json says, whether its folders are still there or not: zeros, as its own pipeline
    has them. The control: with it they are none."""
    import diffusers

    built = tiny_families.built("sd3", tmp_path_factory.getbasetemp() / "families")
    copy = Path(shutil.copytree(built, tmp_path / "copy"))
    tiny.edit(copy / "model_index.json", text_encoder_3=[None, None], tokenizer_3=[None, None])
    for name in () if left else ("text_encoder_3", "tokenizer_3"):
        shutil.rmtree(copy / name)
    words = ["teacher.type=diffusers", "data.views=1"]
    got, whole = (teachers.teacher(tiny.make_config(place, *words)).embeddings["states"][:1] for place in (copy, built))
    pipeline = diffusers.StableDiffusion3Pipeline.from_pretrained(copy, local_files_only=True, text_encoder_3=None,
                                                                  tokenizer_3=None)
    want = pipeline.encode_prompt("a corgi", None, None, do_classifier_free_guidance=False)[0]
    assert got.shape == want.shape == whole.shape and (got - want).abs().max() < 1e-5
    assert not got[:, tiny.LENGTH:].any() and whole[:, tiny.LENGTH:].any()
