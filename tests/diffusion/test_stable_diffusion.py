"""A Stable-Diffusion-format folder as a teacher: every number against the libraries' own, called directly."""

import json
import sys
from pathlib import Path

import pytest
import torch

from carv3d import teachers
from carv3d.cli import main
from carv3d.diffusion import loading, stable_diffusion
from carv3d.diffusion.text import encode_prompts
from carv3d.objectives import sds as objectives
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import cache_folder
from carv3d.text3d import build

sys.path.insert(0, str(Path(__file__).parent))

import tiny_pipeline as tiny

own_cache, pipelines, signals = tiny.own_cache, tiny.pipelines, tiny.signals

SEEN = {  # azimuth, elevation in degrees, and the prompt that belongs there
    1: [(0, 0, "a corgi"), (100, 20, "a corgi"), (0, 80, "a corgi")],
    4: [(10, 0, "a corgi, front view"), (90, 0, "a corgi, side view"), (-80, 30, "a corgi, side view"),
        (180, 0, "a corgi, back view"), (180, 75, "a corgi, overhead view")],
    8: [(-5, 0, "a corgi, front view"), (45, 0, "a corgi, front left view"), (90, 0, "a corgi, left side view"),
        (135, 0, "a corgi, back left view"), (185, 0, "a corgi, back view"), (225, 0, "a corgi, back right view"),
        (-90, 30, "a corgi, right side view"), (315, 0, "a corgi, front right view"),
        (90, 75, "a corgi, overhead view")],
}


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


@torch.no_grad()
def eps_of(own, noisy, t, text):
    """eps for one latent [c,h,w] at timestep t, from the libraries' parts and the definitions alone."""
    out = own.unet(noisy[None], t, encoder_hidden_states=text[None]).sample[0]
    alpha, sigma = own.scheduler.alphas_cumprod[t].sqrt(), (1 - own.scheduler.alphas_cumprod[t]).sqrt()
    return {"epsilon": lambda: out, "v_prediction": lambda: sigma * noisy + alpha * out,
            "sample": lambda: (noisy - alpha * out) / sigma}[own.scheduler.config.prediction_type]()


def asked(teacher, views, draws=2, seed=0):
    """condition, view [n], noise-level and latents of ``draws`` questions about each of SEEN[views]."""
    azimuth, elevation, texts = zip(*SEEN[views], strict=True)
    condition = teacher.condition(tiny.seen(azimuth, elevation), torch.rand(len(texts), 3))
    view = torch.arange(len(texts)).repeat(draws).flip(0)
    t = torch.randint(20, teacher.schedule.timesteps - 20, view.shape, generator=gen(seed))
    return condition, view, t, torch.randn(len(view), *teacher.latent_shape, generator=gen(seed)), texts


# ---------------------------------------------------------------------------------------------------------- predictions


@pytest.mark.parametrize("views", [1, 4, 8])
@pytest.mark.parametrize("name", tiny.SHAPES)
def test_eps_is_that_of_a_direct_call(pipelines, name, views):
    """Both branches of a mixed batch, row by row. Measured worst error: 2e-6; two prompts differ by at least 5e-3."""
    teacher, own = teachers.teacher(tiny.make_config(pipelines(name), f"data.views={views}")), tiny.parts(pipelines(name))
    condition, view, t, noisy, texts = asked(teacher, views)
    for branches in (("uncond", "cond"), ("cond", "uncond")):
        out = teacher.predict(noisy, t, condition, view, branches)
        assert tuple(out) == branches
        for i, v in enumerate(view):
            for branch, text in (("cond", texts[v]), ("uncond", "")):
                want = eps_of(own, noisy[i], t[i], tiny.embed(own, text))
                assert (out[branch][i] - want).abs().max() < 2e-5, (branch, text)
    rows = [eps_of(own, noisy[0], 300, tiny.embed(own, text)) for text in sorted({*texts, ""})]
    assert min((a - b).abs().max() for i, a in enumerate(rows) for b in rows[:i]) > 1e-3  # a wrong row would show


@pytest.mark.parametrize("name", tiny.SHAPES)
def test_a_batch_is_its_rows(pipelines, name):
    """Measured worst difference: 2e-6 (other kernels for other batch sizes)."""
    teacher = teachers.teacher(tiny.make_config(pipelines(name), "data.views=4"))
    condition, view, t, noisy, _ = asked(teacher, 4, draws=1)
    whole = teacher.predict(noisy, t, condition, view, ("uncond", "cond"))
    for i in range(len(view)):
        row = slice(i, i + 1)
        for branch in whole:
            alone = teacher.predict(noisy[row], t[row], condition, view[row], (branch,))[branch]
            assert (whole[branch][row] - alone).abs().max() < 2e-5


@pytest.mark.parametrize("scale,texts", [(1.0, ("cond",)), (0.0, ("",)), (7.5, ("", "cond"))])
def test_guidance_asks_for_no_more_than_it_needs(pipelines, scale, texts):
    """Through the objective: scale 1 is the conditional score, 0 the unconditional, and the other is not evaluated."""
    teacher, own = teachers.teacher(tiny.make_config(pipelines("sd15"), "data.views=4")), tiny.parts(pipelines("sd15"))
    condition, view, t, noise, names = asked(teacher, 4, draws=1)
    latents = torch.randn(noise.shape, generator=gen(5))[: len(names)]
    batches = []

    def count(module, args, kwargs):
        text = kwargs["encoder_hidden_states"] if "encoder_hidden_states" in kwargs else args[2]
        batches.append((len(args[0]), text))

    teacher.denoiser.register_forward_pre_hook(count, with_kwargs=True)
    weight = teacher.schedule.weighting("sds")
    value = objectives.sds(teacher, condition, latents, weight, scale)(view, t, noise)
    ((rows, text),) = batches
    assert rows == len(view) * len(texts)
    for part, wanted in zip(text.chunk(len(texts)), texts, strict=True):
        for row, v in zip(part, view, strict=True):
            assert (row - tiny.embed(own, names[v] if wanted else "")).abs().max() < 1e-4
    for i, v in enumerate(view):
        abar = own.scheduler.alphas_cumprod[t[i]]
        noisy = abar.sqrt() * latents[v] + (1 - abar).sqrt() * noise[i]
        cond, uncond = (eps_of(own, noisy, t[i], tiny.embed(own, text)) for text in (names[v], ""))
        want = (1 - abar) * ({1.0: cond, 0.0: uncond}.get(scale, -6.5 * uncond + 7.5 * cond) - noise[i])
        assert (value[i] - want).abs().max() < 1e-4  # measured: 6e-6


@pytest.mark.parametrize("dtype,tolerance", [("float16", 0.01), ("bfloat16", 0.08)])
def test_half_precision_is_the_unets_alone(pipelines, dtype, tolerance):
    """Measured worst errors on eps of size 1: 0.002 in float16, 0.02 in bfloat16; the encoder stays as it was."""
    exact, half = (teachers.teacher(tiny.make_config(pipelines("sd15"), "data.views=1", f"teacher.dtype={name}"))
                   for name in ("float32", dtype))
    want, got = (teacher.predict(noisy, t, condition, view, ("cond",))["cond"]
                 for teacher in (exact, half) for condition, view, t, noisy, _ in [asked(teacher, 1)])
    assert got.dtype == want.dtype == torch.float32 and dtype in half.description and "float32" in exact.description
    assert 1e-5 < (got - want).abs().max() < tolerance
    picture = torch.rand(1, *exact.image_size, 3, generator=gen())
    assert torch.equal(half.encode(picture), exact.encode(picture))


def test_the_encoder_may_multiply_in_bfloat16(pipelines):
    """Latents and the gradient through them stay within 5 % of float32's (1.6 % and 2.4 % were met), and are
    float32 themselves; they do differ, so the option does something."""
    exact, fast = (teachers.teacher(tiny.make_config(pipelines("sd15"), "data.views=1", f"teacher.encode_dtype={name}",
                                                  "teacher.dtype=float32", "device=cpu")) for name in ("auto", "bfloat16"))
    assert exact.encode_dtype == torch.float32 and fast.encode_dtype == torch.bfloat16
    picture = torch.rand(2, *exact.image_size, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    found = []
    for teacher in (exact, fast):
        latents = teacher.encode(picture)
        cotangent = torch.randn(latents.shape, generator=torch.Generator().manual_seed(1))
        found.append((latents.detach(), torch.autograd.grad(latents, picture, cotangent)[0]))
        assert latents.dtype == torch.float32
    for want, got in zip(*found):
        error = (want - got).norm() / want.norm()
        print(f"{error:.4f}")
        assert 0 < error < 0.05


def test_auto_encodes_in_bfloat16_on_the_devices_that_have_it(monkeypatch):
    """Not on one that emulates it, as a T4 does, of which PyTorch says by default that it supports it."""
    for has, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or has)
        assert loading.encoder_dtype(torch.device("cuda")) == dtype
        assert loading.fastest_dtype(torch.device("cuda"), "bfloat16") == (torch.bfloat16 if has else torch.float16)
        assert loading.encoder_dtype(torch.device("cpu")) == torch.float32


@pytest.mark.parametrize("tiles,dtype", [(True, "bfloat16"), (False, "float32")])
def test_auto_takes_the_precision_that_the_processor_multiplies_fastest(pipelines, monkeypatch, tiles, dtype):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles)
    made = teachers.teacher(tiny.make_config(pipelines("sd15"), "data.views=1", "teacher.dtype=auto", "device=cpu"))
    assert str(made.denoiser.dtype) == f"torch.{dtype}" and dtype in made.description
    assert loading.fastest_dtype(torch.device("cuda")) == torch.float16


# ------------------------------------------------------------------------------------------------------------- schedule


@pytest.mark.parametrize("kind,noise", [
    ("PNDMScheduler", tiny.SCALED),
    ("EulerDiscreteScheduler", {"beta_start": 0.001, "beta_end": 0.02, "beta_schedule": "linear"}),
    ("DDIMScheduler", {**tiny.SCALED, "rescale_betas_zero_snr": True}),
    ("DDPMScheduler", {"trained_betas": torch.linspace(0.01, 0.3, 40).square().tolist(), "num_train_timesteps": 40}),
    ("DPMSolverMultistepScheduler", {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 300}),
], ids=["sd", "linear", "zero-snr", "trained", "cosine"])
def test_noise_levels_are_the_schedulers_own(pipelines, tmp_path, kind, noise):
    import diffusers

    folder = tiny.copy(pipelines("sd15"), tmp_path / "model")
    saved = getattr(diffusers, kind)(**noise)
    saved.save_pretrained(folder / "scheduler")
    teacher = stable_diffusion.load(folder, ["a corgi"], weights_of=tiny.PLAIN)
    assert teacher.schedule.timesteps == len(saved.alphas_cumprod) == noise.get("num_train_timesteps", 1000)
    assert torch.equal(teacher.schedule.alpha_bar, saved.alphas_cumprod.double())


# --------------------------------------------------------------------------------------------------------------- encode


@pytest.mark.parametrize("name,latent,picture", [
    ("sd15", (4, 8, 8), (64, 64)), ("sd21", (4, 12, 12), (96, 96)), ("odd", (5, 4, 6), (8, 12))])
def test_latents_are_the_scaled_posterior_mean(pipelines, name, latent, picture):
    """Value and gradient of a picture at the model's own size; measured: equal to the bit."""
    teacher, own = teachers.teacher(tiny.make_config(pipelines(name), "data.views=1")), tiny.parts(pipelines(name))
    assert teacher.latent_shape == latent and teacher.image_size == picture
    rgb = torch.rand(2, *picture, 3, generator=gen()).requires_grad_()
    got = teacher.encode(rgb)
    mean = own.vae.encode(2 * rgb.permute(0, 3, 1, 2) - 1).latent_dist.mean
    shift, scale = {"odd": (0.7, 0.36)}.get(name, (0.0, 0.18215))
    want = scale * (mean - shift)
    assert got.shape == (2, *latent) and got.dtype == torch.float32
    assert (got - want).abs().max() < 1e-4 * want.abs().max()
    assert torch.equal(got, teacher.encode(rgb))
    cotangent = torch.randn(got.shape, generator=gen(1))
    left, right = (torch.autograd.grad(out, rgb, cotangent)[0] for out in (got, want))
    assert right.abs().max() > 1e-3 and (left - right).abs().max() < 1e-4 * right.abs().max()


@pytest.mark.parametrize("name,size", [("sd15", (32, 32)), ("sd15", (100, 80)), ("odd", (24, 36)), ("odd", (8, 8))])
def test_other_image_sizes_are_resized(pipelines, name, size):
    """The latents of a smooth scene hardly depend on the size it is rendered at (measured: within 3 % of what its
    mirror image differs by); the gradient agrees with a finite difference (float64; measured relative error 2e-8)."""
    teacher = teachers.teacher(tiny.make_config(pipelines(name), "data.views=1"))

    def picture(height, width):
        y, x = ((torch.arange(n, dtype=torch.float64) + 0.5) / n for n in (height, width))
        return torch.stack([0.5 + 0.4 * torch.sin(2 * x + y[:, None]), 0.2 + 0.6 * x + 0 * y[:, None],
                            0.9 - 0.7 * y[:, None] + 0 * x], -1)[None]

    teacher.vae.double()
    own, other = picture(*teacher.image_size), picture(*size)
    reference = teacher.encode(own)
    spread = (reference - teacher.encode(own.flip(2))).abs().max()
    assert teacher.encode(other).shape == reference.shape
    assert (teacher.encode(other) - reference).abs().max() < 0.1 * spread
    other.requires_grad_()
    direction, step = torch.randn(other.shape, generator=gen(), dtype=torch.float64), 1e-5
    (gradient,) = torch.autograd.grad(teacher.encode(other).square().sum(), other)
    assert torch.isfinite(gradient).all() and gradient.abs().max() > 0
    ahead, behind = (teacher.encode(other.detach() + sign * step * direction).square().sum() for sign in (1, -1))
    slope = (ahead - behind) / (2 * step)
    assert abs((gradient * direction).sum() - slope) < 1e-5 * slope.abs()


def test_nothing_is_kept_that_training_does_not_need(pipelines):
    teacher, own = teachers.teacher(tiny.make_config(pipelines("sd15"))), tiny.parts(pipelines("sd15"))
    assert teacher.vae.decoder is None and teacher.vae.post_quant_conv is None
    held = sum(p.numel() for p in teacher.vae.parameters())
    assert held == sum(p.numel() for part in (own.vae.encoder, own.vae.quant_conv) for p in part.parameters())
    assert not any(p.requires_grad for part in (teacher.vae, teacher.denoiser) for p in part.parameters())
    assert not teacher.denoiser.training and not teacher.vae.training


# ----------------------------------------------------------------------------------------------------------- embeddings

LONG = "a corgi in a very long coat that never ends"  # 34 characters, start and end


@pytest.mark.parametrize("name", tiny.SHAPES)
def test_embeddings_are_the_text_encoders_last_states(pipelines, name):
    """One by one against a batch; measured: equal to the bit. A prompt that is too long is announced in one line, from
    the cache too."""
    own, lines = tiny.parts(pipelines(name)), []
    texts = ["a corgi", LONG, "", "a corgi"]
    made = encode_prompts(pipelines(name), texts, announce=lines.append)
    assert made.shape == (4, tiny.LENGTH, tiny.SHAPES[name].text_width) and made.dtype == torch.float32
    for row, text in zip(made, texts, strict=True):
        assert (row - tiny.embed(own, text)).abs().max() < 1e-5
    assert (made[0] - made[2]).abs().max() > 0.1
    encode_prompts(pipelines(name), texts, announce=lines.append)
    line, again = lines
    assert again == line and "36 tokens" in line and f"first {tiny.LENGTH}" in line


def test_an_attention_mask_is_used_where_the_model_asks_for_it(pipelines, tmp_path):
    """What is masked is the padding, which only its own rows can see: the text before it looks ahead at nothing."""
    folder = tiny.copy(pipelines("sd15"), tmp_path / "model")
    (plain,) = encode_prompts(folder, ["a corgi"])
    tiny.edit(folder / "text_encoder" / "config.json", use_attention_mask=True)
    own = tiny.parts(folder)
    tokens = own.tokenizer(["a corgi"], padding="max_length", max_length=tiny.LENGTH, return_tensors="pt")
    with torch.no_grad():
        want = own.text_encoder(tokens["input_ids"], attention_mask=tokens["attention_mask"])[0][0]
    (made,) = encode_prompts(folder, ["a corgi"])
    assert (made - want).abs().max() < 1e-5 and (made - plain).abs().max() > 0.1


def forbid_text_encoder(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the text encoder was loaded")

    monkeypatch.setattr("transformers.CLIPTextModel.from_pretrained", refuse)


def test_a_known_prompt_needs_no_text_encoder(pipelines, monkeypatch):
    folder, prompts = pipelines("sd15"), ["a corgi", "a cat", ""]
    first = encode_prompts(folder, prompts)
    forbid_text_encoder(monkeypatch)
    assert torch.equal(encode_prompts(folder, prompts), first)
    assert torch.equal(encode_prompts(folder, prompts[::-1]), first.flip(0))
    with pytest.raises(UserError, match="text encoder was loaded"):  # a control: the patch does bite
        encode_prompts(folder, ["a dog"])


def scaled(tensors):
    return {name: 1.5 * tensor if tensor.ndim > 1 else tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize("change", [
    lambda folder: tiny.edit_weights(folder / "text_encoder" / "model.safetensors", scaled),
    lambda folder: tiny.edit(folder / "text_encoder" / "config.json", hidden_act="gelu"),
    lambda folder: tiny.edit(folder / "tokenizer" / "tokenizer_config.json", pad_token="!"),
], ids=["weights", "config", "tokenizer"])
def test_another_encoder_is_another_entry(pipelines, tmp_path, change):
    """The cache is that of the content: the old folder's entry serves a copy of it, but not a changed one."""
    folder, cache = tiny.copy(pipelines("sd15"), tmp_path / "model"), cache_folder("embeddings")
    before = encode_prompts(pipelines("sd15"), ["a corgi"])
    assert torch.equal(encode_prompts(folder, ["a corgi"]), before)
    assert len(list(cache.iterdir())) == 1
    change(folder)
    after = encode_prompts(folder, ["a corgi"])
    assert len(list(cache.iterdir())) == 2 and (after - before).abs().max() > 1e-3
    assert (after[0] - tiny.embed(tiny.parts(folder), "a corgi")).abs().max() < 1e-4


@pytest.mark.parametrize("damage", [lambda content: content[:-40], lambda content: b"", lambda content: b"x" * 500,
                                    lambda content: content.replace(b"states", b"others")])
def test_a_damaged_cache_file_is_made_anew(pipelines, damage):
    before = encode_prompts(pipelines("sd15"), ["a corgi"])
    (path,) = cache_folder("embeddings").iterdir()
    content = path.read_bytes()
    assert damage(content) != content
    path.write_bytes(damage(content))
    assert torch.equal(encode_prompts(pipelines("sd15"), ["a corgi"]), before)
    assert path.read_bytes() == content and list(path.parent.iterdir()) == [path]


def test_without_a_cache_the_result_is_the_same(pipelines, tmp_path, monkeypatch):
    before = encode_prompts(pipelines("sd15"), ["a corgi"])
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert torch.equal(encode_prompts(pipelines("sd15"), ["a corgi"]), before)


# --------------------------------------------------------------------------------------------------- files of all kinds


def same_teacher(left, right):
    """Embeddings, latents and predictions of two teachers agree to the bit."""
    condition, view, t, noisy, _ = asked(left, 1)
    picture = torch.rand(1, *left.image_size, 3, generator=gen())
    answers = [(each.embeddings["states"], each.encode(picture), each.predict(noisy, t, condition, view, ("cond",))["cond"])
               for each in (left, right)]
    return all(torch.equal(a, b) for a, b in zip(*answers, strict=True))


def test_files_as_they_were_published_for_sd15(pipelines, tmp_path):
    """Its tokenizer comes as vocabulary and merges, its text encoder with a prefix and a buffer, its VAE with the old
    names of attention layers. The result is that of today's names, to the bit."""
    folder = tiny.copy(pipelines("sd15"), tmp_path / "model")
    for path in (folder / "tokenizer").iterdir():
        path.unlink()
    tiny.write_old_tokenizer(folder / "tokenizer")

    def text(tensors):
        plain = {name.removeprefix("text_model."): tensor for name, tensor in tensors.items()}
        return {f"text_model.{name}": tensor for name, tensor in plain.items()} | {
            "text_model.embeddings.position_ids": torch.arange(tiny.LENGTH)[None]}

    def vae(tensors):
        names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
        out = dict(tensors)
        for name in tensors:
            for new, old in names.items():
                if f".{new}." in name:
                    out[name.replace(f".{new}.", f".{old}.")] = out.pop(name)
        assert len(out.keys() - tensors.keys()) == 16
        return out

    tiny.edit_weights(folder / "text_encoder" / "model.safetensors", text)
    tiny.edit_weights(folder / "vae" / "diffusion_pytorch_model.safetensors", vae)
    assert same_teacher(*(stable_diffusion.load(path, ["a corgi"], weights_of=tiny.PLAIN)
                          for path in (pipelines("sd15"), folder)))


@pytest.mark.parametrize("shard", [False, True])
def test_a_variant_is_read_from_its_own_files(pipelines, tmp_path, shard):
    """The fp16 files beside others that hold something else, whole or in shards."""
    folder, own = tiny.copy(pipelines("sd15"), tmp_path / "model"), tiny.parts(pipelines("sd15"))
    for component in ("unet", "vae", "text_encoder"):
        for path in (folder / component).glob("*.safetensors"):
            tiny.edit_weights(path, scaled)
        getattr(own, component).half().save_pretrained(
            folder / component, variant="fp16", **({"max_shard_size": "8KB"} if shard else {}))
        assert (len(list((folder / component).glob("*fp16*.safetensors"))) > 1) == shard
    teacher = teachers.teacher(tiny.make_config(folder, "teacher.variant=fp16", "data.views=1"))
    rounded = {name: tensor.float() for name, tensor in own.unet.state_dict().items()}
    assert all(torch.equal(tensor, rounded[name]) for name, tensor in teacher.denoiser.state_dict().items())
    want = stable_diffusion.load(pipelines("sd15"), ["a corgi"], weights_of=tiny.PLAIN)
    assert (teacher.embeddings["states"] - want.embeddings["states"]).abs().max() < 0.01  # measured: 0.002; of scaled weights: above 1


# ----------------------------------------------------------------------------------------------------------- whole runs


@pytest.mark.parametrize("name", ["sd15", "sd21"])
def test_a_run_from_the_command_line(pipelines, tmp_path, capsys, signals, name):
    assert main(["train", *tiny.arguments(pipelines(name), f"exp_root_dir={tmp_path}/runs", *tiny.SMALL)]) == 0
    run = Run(Path(capsys.readouterr().out.splitlines()[-1]))
    config, summary, lines = run.config(), run.summary(), run.metrics()
    assert config.objective.guidance_scale == 100.0
    assert summary["status"] == "finished" and summary["step"] == 4
    assert summary["quality"].keys() == {"parts", "normal_roughness", "fog", "depth_consistency"}
    assert summary["ledger"] == {"steps": 4, "renders": 8, "encodes": 8, "draws": 24, "teacher_evals": 48,
                                 "lora_draws": 0, "nonfinite_steps": 0}
    assert len(lines) == 4 and all(0 < line[key] < float("inf") for line in lines for key in ("grad_norm", "draw_norm"))
    started, ended = build.scene(config), build.trained_scenes(config, checkpoint.newest(run.ckpts))[0][0]
    moved = {key: not torch.equal(value, ended.get_parameter(key)) for key, value in started.named_parameters()}
    assert moved and all(moved.values()), moved
    assert main(["eval", str(run.folder)]) == 0
    assert f"fog: {summary['quality']['fog']:.4f}" in capsys.readouterr().out
    assert json.loads((run.folder / "summary.json").read_text()) == summary


def test_a_run_whose_teacher_is_gone_keeps_its_result(pipelines, tmp_path, capsys, signals, monkeypatch):
    """Resume looks for the teacher before it writes; with the teacher back, from any folder, the run goes on."""
    folder = tiny.copy(pipelines("sd15"), tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    assert main(["train", *tiny.arguments("model", "exp_root_dir=runs", *tiny.SMALL)]) == 0
    run = Run(tmp_path / capsys.readouterr().out.splitlines()[-1])
    before = {path: path.read_bytes() for path in run.folder.glob("*.*")}
    monkeypatch.chdir("/")
    folder.rename(tmp_path / "elsewhere")
    teachers._located.cache_clear()  # what a new process would not know
    assert main(["train", "--resume", str(run.folder), "trainer.max_steps=6"]) == 2
    assert str(folder) in capsys.readouterr().err
    assert {path: path.read_bytes() for path in run.folder.glob("*.*")} == before
    (tmp_path / "elsewhere").rename(folder)
    assert main(["train", "--resume", str(run.folder), "trainer.max_steps=6"]) == 0
    assert run.summary()["step"] == 6
