"""Every family of teachers against its own pipeline in diffusers: what the network is given, what it answers, what a
prompt and an image become. The networks are tiny and random; ``tiny_families`` makes them by the library's classes."""

import inspect
import sys
from pathlib import Path

import pytest
import torch

from carv3d import teachers
from carv3d.diffusion.diffusers_teacher import rows
from carv3d.diffusion.families import text as family_text
from carv3d.diffusion.loading import quiet

sys.path.insert(0, str(Path(__file__).parent))

import tiny_families
import tiny_pipeline as tiny

own_cache, signals = tiny.own_cache, tiny.signals
FAMILIES = list(tiny_families.CASES)
PROMPT, NEGATIVE = "a corgi", "blurry, grey"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.getbasetemp() / "families"


def teacher_of(folder, *overrides):
    return teachers.teacher(tiny.make_config(folder, "teacher.type=diffusers", f"prompts.negative={NEGATIVE}",
                                             "data.views=1", *overrides))


def theirs(folder, case):
    """The folder as diffusers loads it."""
    import diffusers

    with quiet():
        own = case.parts(folder)
        pipeline = diffusers.DiffusionPipeline.from_pretrained(folder, local_files_only=True, safety_checker=None,
                                                               **dict.fromkeys(own))
        pipeline.register_modules(**own)
        return pipeline


class Calls:
    """What a network is given and what it answers, call by call: arguments by the names of its own signature."""

    def __init__(self, network):
        names = list(inspect.signature(network.forward).parameters)
        self.given, self.answers = [], []

        def before(module, args, kwargs):
            given = {**dict(zip(names, args, strict=False)), **kwargs}
            self.given.append(cloned({key: value for key, value in given.items() if flat(value)}))

        self.hooks = [network.register_forward_pre_hook(before, with_kwargs=True),
                      network.register_forward_hook(lambda module, args, out: self.answers.append(out[0]))]

    def stop(self):
        for hook in self.hooks:
            hook.remove()


def cloned(value):
    """The same with every tensor as one of its own."""
    if isinstance(value, dict):
        return {key: cloned(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(cloned(part) for part in value)
    return value.clone(memory_format=torch.contiguous_format) if isinstance(value, torch.Tensor) else value


def flat(value, name=""):
    """The tensors, and the numbers that are not switches, in an argument, by where they stand."""
    if isinstance(value, dict):
        return {key: tensor for name_, part in value.items() for key, tensor in flat(part, f"{name}.{name_}").items()}
    if isinstance(value, list | tuple):
        return {key: tensor for i, part in enumerate(value) for key, tensor in flat(part, f"{name}[{i}]").items()}
    if isinstance(value, torch.Tensor):
        return {name: value}
    return {name: torch.tensor(value)} if isinstance(value, int | float) and not isinstance(value, bool) else {}


def call(pipeline, case, latents, **options):
    """The pipeline on these latents [1,c,h,w], one step with guidance. One that takes none draws its own: these."""
    side = case.factor * latents.shape[2]
    options = {"height": side, "width": side, "num_inference_steps": 1, "output_type": "latent", **case.call, **options}
    start = case.given(pipeline, latents)
    if "latents" in inspect.signature(pipeline.__call__).parameters:
        options["latents"] = start
    else:
        pipeline.prepare_intermediate_images = lambda *args: start
    with quiet(), torch.no_grad():
        pipeline.set_progress_bar_config(disable=True)
        pipeline(prompt=PROMPT, **options)


def pipeline_calls(folder, case, latents):
    """The family's own pipeline on these latents [1,c,h,w], one step with guidance: its denoiser's calls, the time of
    the step as its scheduler says it, and the pipeline."""
    pipeline = theirs(folder, case)
    network = getattr(pipeline, "transformer", None) or pipeline.unet
    with torch.no_grad():
        negative = case.negative(pipeline, NEGATIVE) if case.negative else {}
    calls = Calls(network)
    handed(pipeline, case, latents, **negative)
    calls.stop()
    return calls, pipeline.scheduler.timesteps[0], pipeline


def handed(pipeline, case, latents, **options):
    """What the pipeline hands to its scheduler at the first step, where it is stopped."""
    found = []

    def step(output, *args, **kwargs):
        found.append(output)
        raise StopIteration

    pipeline.scheduler.step = step
    with pytest.raises(StopIteration):
        call(pipeline, case, latents, **options)
    return found[0]


def seen(case, pipeline, latents):
    """What the pipeline makes of given latents before its first step: those of a scheduler that scales noise."""
    scale = getattr(pipeline.scheduler, "init_noise_sigma", 1.0)
    scaled = latents * scale
    if hasattr(pipeline.scheduler, "scale_model_input"):
        pipeline.scheduler._step_index = None
        scaled = pipeline.scheduler.scale_model_input(scaled, pipeline.scheduler.timesteps[0])
    return scaled


def our_calls(teacher, case, latents, time):
    """The same of the teacher: a batch of both branches, or one after the other, as the pipeline has it."""
    calls = Calls(teacher.denoiser)
    with torch.no_grad():
        for number in case.calls:
            text = rows(teacher.embeddings, torch.tensor(number))
            teacher.answer(latents.expand(len(number), *latents.shape[1:]), time.expand(len(number)), text)
    calls.stop()
    return calls


@pytest.fixture(params=FAMILIES)
def family(request, root, monkeypatch):
    """Name, case, folder, teacher, latents. Prompts are encoded one by one, as the pipelines encode them: a product of
    several rows is rounded otherwise."""
    monkeypatch.setattr(family_text, "AT_ONCE", 1)
    case, folder = tiny_families.CASES[request.param], tiny_families.built(request.param, root)
    teacher = teacher_of(folder, *case.overrides)
    return case, folder, teacher, torch.randn(1, *teacher.latent_shape, generator=torch.Generator().manual_seed(1))


def test_the_network_is_asked_as_its_own_pipeline_asks_it(family):
    """Inputs to the bit, answers to 1e-6 of their size; and every input has an effect, so that equal answers mean equal
    inputs."""
    got = asked_alike(*family)
    every_input_matters(family[2].denoiser, got.given[0], got.answers[0])


def asked_alike(case, folder, teacher, latents):
    want, time, pipeline = pipeline_calls(folder, case, latents)
    got = our_calls(teacher, case, seen(case, pipeline, latents), time)
    assert len(got.given) == len(want.given) == len(case.calls)
    for ours, them, answer, expected in zip(got.given, want.given, got.answers, want.answers, strict=True):
        a, b = flat(ours), flat(them)
        assert a.keys() == b.keys()
        for name in a:
            same = b[name].expand_as(a[name]) if b[name].ndim == 0 else b[name]  # one time for all rows
            assert torch.equal(a[name], same.to(a[name].dtype)), name
        answer, expected = whole(answer), whole(expected)
        assert (answer - expected).abs().max() <= 1e-6 * expected.abs().max()
    return got


def whole(answer):
    """A network's answer, which may come as a list of rows."""
    return torch.stack(list(answer)) if isinstance(answer, list | tuple) else answer


def test_the_answer_is_what_the_scheduler_is_handed(family):
    """Without guidance: of the network's channels those that are kept, in the latents' own order, with the sign of noise
    - image."""
    answers_alike(*family)


def answers_alike(case, folder, teacher, latents):
    pipeline = theirs(folder, case)
    scale = "true_cfg_scale" if "true_cfg_scale" in case.call else "guidance_scale"
    want = handed(pipeline, case, latents, **({scale: case.unguided} if case.negative else {}))
    time = pipeline.scheduler.timesteps[0]
    with torch.no_grad():
        text = rows(teacher.embeddings, torch.tensor([0]))
        answer = teacher.answer(seen(case, pipeline, latents), time.expand(1), text)
    got = (case.moved or case.given)(pipeline, answer)
    if str(pipeline.scheduler.config.get("variance_type")).startswith("learned"):
        want, _ = want.chunk(2, dim=1)  # the scheduler takes a variance too
    assert got.shape == want.shape
    assert (got - want).abs().max() <= 1e-6 * want.abs().max()


def every_input_matters(network, given, answer):
    """Each tensor of a call, changed alone, changes the answer."""
    first = whole(answer)
    for name, tensor in flat(given).items():
        changed = cloned(given)
        target = flat(changed)[name]
        if target.ndim == 0 and not target.is_floating_point():
            continue  # a size, which the tensors' own shapes must agree with
        with torch.no_grad():
            if target.dtype == torch.bool:
                target.logical_not_()
            elif target.is_floating_point() or target.numel() == 1:
                target.add_(torch.rand_like(target.float()).to(target.dtype) + 0.3) if target.is_floating_point() else target.add_(50)
            else:
                target.copy_(target.flip(-2) if target.ndim > 1 else target.flip(0) + 1)
            out = whole(network(**changed, return_dict=False)[0])
        assert (out - first).abs().max() > 1e-3 * first.abs().max(), f"{name} has no effect"


def test_latents_are_what_the_pipeline_decodes(family):
    """An image encoded by the teacher, taken for the pipeline's last latents, reaches the VAE's decoder as the encoder's
    own posterior mean."""
    latents_alike(*family)


def latents_alike(case, folder, teacher, latents):
    pipeline = theirs(folder, case)
    if getattr(pipeline, "vae", None) is None:
        image = torch.rand(2, *teacher.image_size, 3)
        assert torch.equal(teacher.encode(image), 2 * image.permute(0, 3, 1, 2) - 1)
        return
    image = torch.rand(1, *teacher.image_size, 3, generator=torch.Generator().manual_seed(2))
    ours = teacher.encode(image)
    assert ours.shape == latents.shape and ours.std() > 0.05
    decoded = []

    def decode(value, **options):
        decoded.append(value)
        raise StopIteration

    pipeline.scheduler.step = lambda *args, **kwargs: ((case.moved or case.given)(pipeline, ours),) * 2
    pipeline.vae.decode = decode
    with pytest.raises(StopIteration):
        call(pipeline, case, latents, output_type="pt")
    vae, moving = theirs(folder, case).vae, 2 * image.permute(0, 3, 1, 2) - 1
    with torch.no_grad():
        found = vae.encode(moving if decoded[0].ndim == 4 else moving[:, :, None])
    mean = found.latent_dist.mode() if hasattr(found, "latent_dist") else found.latent
    assert decoded[0].shape == mean.shape
    assert (decoded[0] - mean).abs().max() < 1e-5 * mean.abs().max()


def test_rows_of_a_batch_are_asked_alone(family):
    """Guided or not, three draws at once are three draws; with guidance 1 or 0 one branch is asked about alone."""
    alone_alike(family[2])


def alone_alike(teacher):
    draw = torch.Generator().manual_seed(3)
    noisy = torch.randn(3, *teacher.latent_shape, generator=draw)
    t = torch.tensor([120, 437, 880]) * teacher.schedule.timesteps // 1000
    condition, view = teacher.condition(tiny.seen([0.0, 90.0]), torch.zeros(2, 3)), torch.tensor([1, 0, 1])
    both = teacher.predict(noisy, t, condition, view, ("uncond", "cond"))
    assert (both["cond"] - both["uncond"]).abs().max() > 1e-3
    for i in range(3):
        for name, want in both.items():
            alone = teacher.predict(noisy[i:i + 1], t[i:i + 1], condition, view[i:i + 1], (name,))
            assert list(alone) == [name]
            assert (alone[name][0] - want[i]).abs().max() < 2e-5 * want[i].abs().max()


def test_noise_is_what_the_scheduler_makes_of_the_prediction(family):
    """The clean image that the family's own scheduler takes a prediction for: of a flow model x_s - s v, where it is at
    s = time / 1000."""
    _, _, teacher, latents = family
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(4))
    for index in (100, 437, 900):
        t = torch.tensor([index]) * teacher.schedule.timesteps // 1000
        noisy = teacher.schedule.add_noise(latents, noise, t)
        out = torch.randn(latents.shape, generator=torch.Generator().manual_seed(5))
        eps = teacher.to_eps(noisy, out, t)
        clean = teacher.schedule.x0_from_eps(noisy, eps, t)
        if teacher.prediction_type == "flow":
            s = teacher.times[t] / teacher.schedule.timesteps
            straight = (1 - s) * latents + s * noise
            torch.testing.assert_close(teacher.schedule.straight(noisy, t), straight, rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(clean, straight - s * out, rtol=1e-4, atol=1e-4)
        else:
            assert teacher.prediction_type == "epsilon" and torch.equal(eps, out)


def test_levels_are_spread_as_its_own_pipeline_spreads_them(family):
    """Of a flow model: the times of the pipeline's own call where it is given every thousandth of the path."""
    levels_alike(*family)


def levels_alike(case, folder, teacher, latents):
    if "sigmas" not in case.call:
        pytest.skip("its pipeline takes no levels")
    pipeline = theirs(folder, case)
    count = teacher.schedule.timesteps
    sigmas = (torch.arange(count, 0, -1) / count).tolist()
    handed(pipeline, case, latents, sigmas=sigmas, num_inference_steps=case.solver)
    torch.testing.assert_close(teacher.times.flip(0), pipeline.scheduler.timesteps, rtol=1e-5, atol=1e-3)
