"""teacher.offload: whose turn it is on the device, by a stand-in on a CPU that spoils what is away; the same bits as none."""

import sys
from pathlib import Path

import pytest
import torch

from carv3d import config as configuration
from carv3d import teachers
from carv3d.diffusion import footprint, offload
from carv3d.diffusion.settings import Settings
from carv3d.runtime.errors import UserError

sys.path.insert(0, str(Path(__file__).parent))

import tiny_families
import tiny_pipeline as tiny

own_cache = tiny.own_cache
RUN = ["prompt=a corgi", "teacher.type=diffusers", "device=cpu", "data.views=1", "teacher.dtype=float32"]
SOME = ["sdxl", "flux2-klein", "sana", "z_image"]


@pytest.fixture(scope="module")
def families(tmp_path_factory):
    return lambda name: tiny_families.built(name, tmp_path_factory.getbasetemp() / "families")


def teacher(folder, how, *words):
    overrides = tiny_families.CASES[folder.name].overrides
    return teachers.teacher(tiny.make_config(folder, *RUN, f"teacher.offload={how}", *overrides, *words))


class Away:
    """Stands for moves between devices: weights that are away are not numbers, and every move is written down."""

    def __init__(self):
        self.log, self.kept = [], {}

    def __call__(self, network, device):
        self.log.append((id(network), device.type))
        for p in network.parameters():
            if device == offload.HOST:
                if id(p) not in self.kept:
                    self.kept[id(p)] = p.data
                p.data = torch.full_like(p, float("nan"))
            else:
                p.data = self.kept.pop(id(p), p.data)


def spoiled(made):
    """A teacher whose turns are such moves; the CPU's name is no longer the device's."""
    away, turns = Away(), made.turns
    turns.move, turns.device = away, torch.device("cuda")
    away(turns.networks["vae"], offload.HOST)
    away.log.clear()
    return away


def step(made, again=False):
    """What a step does: encode, ask, the way back to the image; its gradient."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, *made.image_size, 3, generator=generator, requires_grad=True)
    latents = made.encode(image)
    told = {name: value[:1] for name, value in made.embeddings.items()}
    answers = [made.ask(latents.detach(), torch.tensor([400]), told) for _ in range(1 + again)]
    with torch.enable_grad():
        latents.backward(answers[-1].detach().to(latents.dtype))
    return image.grad


@pytest.mark.parametrize("name", SOME)
def test_turns_are_taken_in_order_and_give_the_same_bits(families, name):
    """VAE, denoiser (once for two calls), VAE for the way back. Weights that are away are spoiled, so that whatever
    reads them shows it."""
    folder = families(name)
    want = step(teacher(folder, "none"))
    made = teacher(folder, "model")
    assert torch.equal(step(made), want)
    made.turns.take("denoiser")
    away = spoiled(made)
    assert torch.equal(step(made, again=True), want)
    names = {id(network): which for which, network in made.turns.networks.items()}
    assert [(names[who], where) for who, where in away.log] == [
        ("denoiser", "cpu"), ("vae", "cuda"), ("vae", "cpu"), ("denoiser", "cuda"), ("denoiser", "cpu"), ("vae", "cuda")]


def test_control_without_its_return_the_way_back_is_spoiled(families):
    made = teacher(families("sdxl"), "model")
    spoiled(made)
    made.turns.returning = lambda name, answer: answer
    assert step(made).isnan().any()


def test_an_encoder_that_recomputes_is_there_for_it(families):
    folder = families("sd3")
    want = step(teacher(folder, "none", "teacher.checkpoint_encode=true"))
    made = teacher(folder, "model", "teacher.checkpoint_encode=true")
    spoiled(made)
    assert torch.equal(step(made), want)


@pytest.mark.parametrize("name", [*SOME, "deepfloyd"])
def test_layers_come_one_by_one_and_give_the_same_bits(families, name, monkeypatch):
    """By diffusers' hooks: of all blocks at most one is there at a time, beside what is in none. Away is spoiled."""
    from diffusers.hooks import group_offloading

    folder = families(name)
    want = step(teacher(folder, "none"))
    there, most, kept = [], [], {}

    def parameters(group):
        return [*(p for module in group.modules for p in module.parameters()), *group.parameters]

    def come(group, *rest):
        for p in parameters(group):
            p.data = kept.pop(id(p), p.data)
        there.append(group)
        most.append(sum(len(each.modules) == 1 and each.offload_leader is each.modules[0] for each in there))

    def go(group, *rest):
        for p in parameters(group):
            kept.setdefault(id(p), p.data)
            p.data = torch.full_like(p, float("nan"))
        if group in there:
            there.remove(group)

    monkeypatch.setattr(group_offloading.ModuleGroup, "_onload_from_memory", come)
    monkeypatch.setattr(group_offloading.ModuleGroup, "_offload_to_memory", go)
    made = teacher(folder, "layers")
    assert torch.equal(step(made), want)
    assert most and max(most) == 1 and not there
    assert any(p.isnan().any() for p in made.denoiser.parameters())


@pytest.mark.parametrize("objective,how", [("sds", "model"), ("sds", "layers"), ("csd", "layers"), ("vsd", "model")])
def test_a_run_ends_on_the_same_bits(families, objective, how, tmp_path, capsys):
    from carv3d.cli import main
    from carv3d.runs.folder import Run

    found = []
    for each in ("none", how):
        assert main(["train", *RUN, f"teacher.path={families('sdxl')}", f"teacher.offload={each}", "objective.vsd.rank=2",
                     f"objective.type={objective}", f"exp_root_dir={tmp_path}/{each}", "scene.type=image",
                     "scene.image.size=8", "data.batch_size=1", "estimator.k=2", "trainer.max_steps=2",
                     "trainer.preview_every=0", "export.video=false", "log.every_n_steps=1"]) == 0
        state = torch.load(Run(Path(capsys.readouterr().out.splitlines()[-1])).ckpts / "last.ckpt", weights_only=False)
        found.append(state["trainer"]["scenes"][0])
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])


def test_what_it_cannot_be_had_with_is_one_line(families):
    def line(*words):
        with pytest.raises(UserError) as told:
            teachers.settle(configuration.load(None, [*RUN, f"teacher.path={families('sdxl')}", *words]))
        return str(told.value)

    assert "objective.type vsd" in line("teacher.offload=layers", "objective.type=vsd")
    assert "compile" in line("teacher.offload=model", "teacher.compile=true")
    assert "teacher.offload model" in line("teacher.offload=model", "teacher.quantize=int8")
    assert "no network" in line("teacher.type=exact", "teacher.path=", "prompt=a red mug", "teacher.dtype=auto",
                                "teacher.offload=model")
    with pytest.raises(UserError, match="DeepFloyd IF has no VAE to take turns with; allowed: none, layers"):
        teacher(families("deepfloyd"), "model")


def test_what_is_on_the_device_is_counted(families):
    folder = families("flux2-klein")
    found = {how: footprint.of_folder(folder, Settings(size=64, offload=how)) for how in ("none", "model", "layers")}
    none = found["none"]
    assert none.block_bytes < none.denoiser_bytes
    asking, encoding = none.kept_bytes + none.ask_bytes, none.vae_bytes + none.images_bytes
    assert none.total_bytes == none.denoiser_bytes + max(none.vae_bytes + asking, encoding)
    assert found["model"].total_bytes == max(none.denoiser_bytes + asking, encoding) < none.total_bytes
    assert found["layers"].total_bytes == max(none.block_bytes + none.vae_bytes + asking, encoding) < none.total_bytes
