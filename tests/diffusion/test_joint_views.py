"""Teachers that look at several views together: what a view's prediction depends on, MVDream's file and cameras, a run
from a folder with its resume, and one line for what such a teacher cannot have."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from carv3d import carv, teachers
from carv3d.cameras import orbit
from carv3d.cli import main
from carv3d.diffusion import stable_diffusion
from carv3d.diffusion.folder import TOGETHER
from carv3d.diffusion.footprint import of_folder
from carv3d.diffusion.settings import Settings as Model
from carv3d.diffusion.view_vector import GROUPS, ViewEmbedding, camera_matrix
from carv3d.measure import collect, dimensions
from carv3d.measure.records import SCOPE_BATCH, Measured, Settings
from carv3d.objectives.sds import sds
from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError
from carv3d.text3d import build
from carv3d.text3d.step import train_step

sys.path.insert(0, str(Path(__file__).parent))

import tiny_pipeline as tiny
import tiny_single

own_cache, pipelines, signals = tiny.own_cache, tiny.pipelines, tiny.signals
V = 4
AROUND = orbit([10.0, 100.0, 190.0, 280.0] * 2, [5.0] * 4 + [40.0] * 4, 2.65, 40.0, 16, 16)
GREY = torch.full((8, 3), 0.5)


def folder_of(pipelines, to, name="told", views=V):
    folder = tiny.copy(pipelines(name), to)
    tiny.edit(folder / "model_index.json", **{TOGETHER: views})
    return folder


@pytest.fixture
def folder(pipelines, tmp_path):
    return folder_of(pipelines, tmp_path / "joint")


def loaded(folder, **options):
    return stable_diffusion.load(folder, ["a corgi"], weights_of=tiny.PLAIN, **options)


def asked(teacher, noisy, cameras=AROUND, t=500, branches=("uncond", "cond")):
    count = len(noisy)
    condition = teacher.condition(cameras, GREY[:count])
    return teacher.predict(noisy, torch.full((count,), t), condition, torch.arange(count), branches)


def noise(teacher, count=8, seed=0):
    return torch.randn(count, *teacher.latent_shape, generator=torch.Generator().manual_seed(seed))


def test_a_view_depends_on_those_of_its_item_alone(folder, pipelines):
    """Controls: one view at a time, which the same weights without the entry are, depends on nothing but itself."""
    for made, reach in ((loaded(folder), V), (loaded(pipelines("told")), 1)):
        before = noise(made)
        after = before.clone()
        after[5] += 1.0
        for branch, first in asked(made, before).items():
            moved = (asked(made, after)[branch] - first).flatten(1).abs().amax(1) > 1e-4
            assert moved.nonzero().flatten().tolist() == ([4, 5, 6, 7] if reach == V else [5]), branch


def test_views_that_are_all_alike_are_answered_as_one_alone(folder, pipelines):
    """Attention over four times the same places is attention over them once: to 2e-5, seen 2e-6, where differing views
    are some 1e-1 from it."""
    joint, alone = loaded(folder, told=()), loaded(pipelines("told"), told=())
    same = noise(joint, 2).repeat_interleave(V, 0)
    for branch, answer in asked(joint, same).items():
        assert (answer - asked(alone, same)[branch]).abs().max() < 2e-5
        assert (asked(joint, noise(joint))[branch] - asked(alone, noise(joint))[branch]).abs().max() > 1e-3


def test_azimuths_are_told_from_the_first_view_of_an_item(folder):
    """A scene that is turned is the same to it; where a view stands behind the first, it is not. Control: told its
    azimuth, one view is another."""
    joint = loaded(folder)
    turned, behind = (orbit(AROUND.azimuth_deg + by, AROUND.elevation_deg, 2.65, 40.0, 16, 16)
                      for by in (33.0, torch.tensor([0.0, 180.0] + 6 * [0.0])))
    of = {name: joint.condition(each, GREY).shift for name, each in (("as", AROUND), ("turned", turned), ("other", behind))}
    assert torch.allclose(of["as"], of["turned"], atol=1e-5) and (of["as"] - of["other"])[1].abs().max() > 1e-3
    assert torch.equal(of["as"][2:], of["other"][2:]) and (of["as"][0] - of["as"][1]).abs().max() > 1e-3
    joint.views_per_item = 1
    assert (joint.condition(turned, GREY).shift - joint.condition(AROUND, GREY).shift).abs().max() > 1e-3


def test_a_draw_counts_the_rows_of_all_views(folder):
    joint = loaded(folder)
    assert joint.evaluations(("cond",)) == V and joint.evaluations(("uncond", "cond")) == 2 * V
    assert "4 views together" in joint.description and joint.ENGINES == ()


# --- MVDream ----------------------------------------------------------------------------------------------------------


def theirs(elevation, azimuth):
    """Camera to world as MVDream's inference makes it: on the unit sphere, y up, azimuth 0 along z; then turned so that
    z is up."""
    e, a = torch.deg2rad(torch.tensor([elevation, azimuth], dtype=torch.float64))
    back = torch.stack([e.cos() * a.sin(), e.sin(), e.cos() * a.cos()])
    right = torch.linalg.cross(torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64), back)
    right = right / right.norm()
    made = torch.eye(4, dtype=torch.float64)
    made[:3] = torch.stack([right, torch.linalg.cross(back, right), back, back], 1)
    turn = torch.tensor([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]], dtype=torch.float64)
    return (turn @ made).flatten()


def test_cameras_are_told_as_mvdream_was_told_them():
    """Its azimuth 0 is our -90: along -y. Control: another azimuth is another matrix."""
    angles = [(15.0, 0.0), (15.0, 90.0), (0.0, 200.0), (30.0, 271.0)]
    ours = camera_matrix(orbit([a - 90.0 for _, a in angles], [e for e, _ in angles], 2.3, 40.0, 8, 8))
    wanted = torch.stack([theirs(*each) for each in angles]).float()
    assert torch.allclose(ours, wanted, atol=1e-6) and not torch.allclose(ours, wanted.roll(1, 0), atol=1e-1)


@pytest.fixture
def mvdream(pipelines, tmp_path):
    """A file of MVDream's layout, its base, and the embedding of cameras in it."""
    folder, file, base = pipelines("sd21"), tmp_path / "mv.safetensors", tmp_path / "base"
    shutil.copytree(folder, base, ignore=shutil.ignore_patterns("*.safetensors"))
    tiny_single.single(folder, file, "2")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        own = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.SiLU(), torch.nn.Linear(32, 32))
    held = load_file(file) | {f"model.diffusion_model.camera_embed.{name}": value
                              for name, value in own.state_dict().items()}
    save_file(held, file, {"format": "pt"})
    return file, base, own


def test_a_file_of_mvdream_is_four_views_told_their_cameras(mvdream, pipelines):
    """Its predictions are those of diffusers' UNet of the same weights with camera_embed added to the embedding of the
    time and views joined in self-attention, written here once more: to 2e-3, as the embedding is kept in float16."""
    file, base, own = mvdream
    teacher = teachers.teacher(tiny.make_config(file, "data.views=1", f"teacher.base={base}", "data.batch_size=4"))
    assert teacher.views_per_item == 4 and teacher.image_size == (256, 256) and teacher.latent_shape == (4, 32, 32)
    parts, noisy = tiny.parts(pipelines("sd21")), noise(teacher)
    hooks = [block.attn1.register_forward_pre_hook(
        lambda module, args, kwargs: ((args[0].reshape(2, -1, args[0].shape[-1]),), kwargs), with_kwargs=True)
        for name, block in parts.unet.named_modules() if type(block).__name__ == "BasicTransformerBlock"]
    for block in [each for each in parts.unet.modules() if type(each).__name__ == "BasicTransformerBlock"]:
        hooks.append(block.attn1.register_forward_hook(lambda module, args, out: out.reshape(8, -1, out.shape[-1])))
    wanted = {}
    for shifted in (True, False):
        hook = parts.unet.time_embedding.register_forward_hook(
            lambda module, args, out, shifted=shifted: out + own(camera_matrix(AROUND)) * shifted)
        with torch.no_grad():
            v = parts.unet(noisy, torch.full((8,), 500), tiny.embed(parts, "a corgi").expand(8, -1, -1)).sample
        hook.remove()
        alpha, sigma = teacher.schedule.alpha_sigma(torch.full((8,), 500), noisy)
        wanted[shifted] = sigma * noisy + alpha * v
    answer = asked(teacher, noisy, branches=("cond",))["cond"]
    assert (answer - wanted[True]).abs().max() < 2e-3 < (answer - wanted[False]).abs().max()


def test_an_embedding_of_cameras_that_does_not_fit_is_one_line(mvdream):
    file, base, _ = mvdream
    held = load_file(file)
    name = "model.diffusion_model.camera_embed.0.weight"
    save_file({**held, name: held[name][:, :12].contiguous()}, file, {"format": "pt"})
    with pytest.raises(UserError, match="camera_embed"):
        teachers.teacher(tiny.make_config(file, f"teacher.base={base}"))


# --- runs -------------------------------------------------------------------------------------------------------------


def test_a_run_whose_views_lie_around_the_scene_goes_on_after_a_stop_as_if_it_had_not(folder, tmp_path, capsys, signals):
    """Every step looks at whole items; counts are of views, and of rows."""
    def run(name, *more):
        code = main(["train", *tiny.arguments(folder, *tiny.SMALL, "data.batch_size=8", f"exp_root_dir={tmp_path}",
                                              "objective.guidance_scale=5", f"name={name}", *more)])
        return code, Run.open(Path(capsys.readouterr().out.strip().splitlines()[-1]))

    code, whole = run("whole")
    assert code == 0
    spent = whole.summary()["ledger"]
    assert (spent["renders"], spent["draws"], spent["teacher_evals"]) == (4 * 8, 4 * 2 * 3, 4 * 2 * 3 * 2 * V)
    _, part = run("part", "trainer.max_steps=2")
    assert main(["train", "--resume", str(part.folder), "trainer.max_steps=4"]) == 0
    capsys.readouterr()
    ends = [torch.load(sorted(each.ckpts.glob("*.ckpt"))[-1], weights_only=False)["trainer"] for each in (whole, part)]
    first, second = (end["scenes"][0] for end in ends)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_views_of_a_step_are_of_one_height_and_spread_evenly(folder):
    trainer = build.trainer(tiny.make_config(folder, *tiny.SMALL, "data.batch_size=8", "data.views=1"))
    cameras = train_step(trainer, 0).replay
    azimuth, elevation = cameras["azimuth_deg"].view(2, V), cameras["elevation_deg"].view(2, V)
    assert torch.allclose((azimuth - azimuth[:, :1]) % 360, torch.arange(V) * 90.0, atol=1e-3)
    assert torch.equal(elevation, elevation[:, :1].expand(2, V)) and elevation[0, 0] != elevation[1, 0]
    assert cameras["timestep"].shape == (2, 3) and cameras["noise"].shape[:3] == (2, 3, V)


def test_what_it_cannot_have_is_one_line(folder, tmp_path, capsys, pipelines):
    """Exit status 2, and no folder of a run."""
    for more, said in ((["data.batch_size=6"], "data.batch_size: 6 given with a teacher that looks at 4 views together; "
                        "allowed: multiples of 4"),
                       (["data.batch_size=auto", "data.batch_range=[1,3]"], "multiples of 4"),
                       (["data.batch_size=4", "objective.type=vsd"], "give sds, csd or rfds_rev")):
        assert main(["train", *tiny.arguments(folder, *tiny.SMALL, f"exp_root_dir={tmp_path / 'runs'}", *more)]) == 2
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert said in error and len(error) < 300
    assert main(["sample", str(folder), "--prompt", "a corgi"]) == 2
    assert "looks at 4 views together" in capsys.readouterr().err
    for value in (0, "4", 1.5, True, None, 100):
        bad = folder_of(pipelines, tmp_path / f"bad {value}", views=value)
        with pytest.raises(UserError, match=TOGETHER):
            teachers.teacher(tiny.make_config(bad))
    assert not (tmp_path / "runs").exists()


def test_auto_takes_whole_items(folder):
    config = tiny.make_config(folder, *tiny.SMALL, "data.batch_size=auto", "data.batch_range=[1,16]")
    trainer = build.trainer(config)
    assert trainer.way(0).items == V and trainer.least == V


def test_the_footprint_is_of_whole_items(folder, pipelines):
    """Rows are filled up to items; a row costs more than one of the same network alone, by its attention."""
    joint, alone = (of_folder(each, Model(), views=8, rows=6, device=torch.device("cpu"))
                    for each in (folder, pipelines("told")))
    assert joint.row_flops > alone.row_flops and joint.ask_bytes > alone.ask_bytes


class Few(Settings):
    designs = [carv.Design("uniform", False, "iid", 1), carv.Design("uniform", True, "iid", 2)]


def test_what_is_measured_of_it_counts_items(folder, monkeypatch):
    """A camera is an item, a draw is of all four views; the shares of what makes a view are of items too."""
    for name, count in (("FIT_VIEWS", 2), ("FIT_DRAWS", 48), ("ADAPT_STEPS", 4), ("NORM_BINS", 4), ("ROUNDS", 1), ("BATCH", 2)):
        monkeypatch.setattr(collect, name, count)
    trainer = build.trainer(tiny.make_config(folder, *tiny.SMALL, "data.batch_size=8", "objective.guidance_scale=1"))
    seen, sketches = [], collect.LabelledBatch.__init__

    def made(self, trainer, step, looked_at, label):
        seen.append(len(looked_at))
        sketches(self, trainer, step, looked_at, label)

    monkeypatch.setattr(collect.LabelledBatch, "__init__", made)
    measured = Measured(0, 16, 16, Few(2, 2, (1, 2)))
    collect.measure(trainer, measured)
    assert {b for b, _ in measured.timings} == {1, 2} and len(measured.cameras) == 2
    assert set(seen) == {V, 2 * V, SCOPE_BATCH * V} and min(measured.cameras[0].within.values()) > 0
    assert dimensions.analyse(trainer, 0, 2)["spaces"]["raw"]["between"]["value"] is not None


def test_sds_of_items_is_guided_as_ever(folder):
    """A value of rows in items: guidance 1 asks for one branch, and the same rows give the same answer."""
    joint = loaded(folder)
    clean = noise(joint, 4, seed=1)
    value = sds(joint, joint.condition(AROUND[:4], GREY[:4]), clean, joint.schedule.weighting("sds"), 1.0)
    rows = torch.arange(4).repeat(2), torch.tensor([300] * 4 + [700] * 4), noise(joint)
    both, first = value(*rows), value(*(each[:4] for each in rows))
    assert torch.allclose(both[:4], first, atol=1e-5) and (both[4:] - first).abs().max() > 1e-2


def test_the_index_is_read_by_diffusers(folder):
    """It passes the entry over."""
    import diffusers

    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    assert json.loads((folder / "model_index.json").read_text())[TOGETHER] == V and pipeline.unet is not None


def test_matrix_embeddings_are_told_the_camera_or_nothing():
    made = ViewEmbedding(8, 16)
    assert made.by_matrix and not ViewEmbedding(8).by_matrix
    assert not made.vector(AROUND, GREY, None, ["light"]).any()
    assert torch.equal(made.vector(AROUND, GREY, None, tuple(GROUPS)), camera_matrix(AROUND))
