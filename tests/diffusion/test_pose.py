"""Which way an object faces, found out by several views together: the posterior, what the denoiser is told of it, and a
teacher whose views depend on one another by it alone."""

import math
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from carv3d import lights
from carv3d.cameras import orbit
from carv3d.diffusion import pose, stable_diffusion
from carv3d.diffusion.folder import TOGETHER
from carv3d.diffusion.footprint import of_folder
from carv3d.diffusion.settings import Settings
from carv3d.diffusion.view_vector import AZIMUTH, TOWARDS, TURN, of_first, view_vector
from carv3d.diffusion.weights import POSE
from carv3d.runtime.errors import UserError
from carv3d.text3d import contents

sys.path.insert(0, str(Path(__file__).parent))

import tiny_pipeline as tiny

own_cache, pipelines = tiny.own_cache, tiny.pipelines
V, LATENTS, STATES = 4, (4, 8, 8), 16
AZIMUTHS = [25.0, 115.0, 205.0, 295.0, -60.0, 30.0, 120.0, 210.0]
AROUND = orbit(AZIMUTHS, [5.0] * 4 + [40.0] * 4, 2.65, 40.0, 16, 16)
GREY = torch.full((8, 3), 0.5)
LIGHT = lights.light(torch.tensor([80.0] * 4 + [-10.0] * 4), torch.full((8,), 30.0))
K = torch.arange(1, pose.SERIES + 1)


def network(seed=0):
    """One whose answers differ from view to view."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = pose.Pose(LATENTS, STATES)
        torch.nn.init.normal_(made.last.weight, std=0.3)
    return made.eval().requires_grad_(False)


def asked(count=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(count, *LATENTS, generator=generator), torch.full((count,), 0.5),
            torch.randn(count, 5, STATES, generator=generator))


class Certain(pose.Pose):
    """Each view is as sure as its weight of the azimuths that it is given."""

    def __init__(self, degrees, sure):
        super().__init__(LATENTS, STATES)
        angle = K * torch.deg2rad(torch.tensor(degrees))[:, None]
        self.series = sure * torch.cat([angle.cos(), angle.sin()], 1)

    def forward(self, noisy, time, states, vector):
        return self.series


def test_the_posterior_is_the_product_of_the_likelihoods_turned_to_the_first():
    """Against Bayes' rule over a list of azimuths, view by view."""
    series = torch.randn(8, 2 * pose.SERIES, generator=torch.Generator().manual_seed(0))
    turn = torch.deg2rad(torch.tensor([0.0, 90.0, 180.0, 270.0, 0.0, 40.0, 200.0, 300.0]))
    found = pose.Pose(LATENTS, STATES).posterior(series, turn, V).log_softmax(1)
    for item in range(2):
        for b in (0, 7, 50):
            total = torch.zeros(pose.BINS)
            for each in range(pose.BINS):
                for i in range(4 * item, 4 * item + 4):
                    a = K * (2 * math.pi * each / pose.BINS + turn[i])
                    total[each] += series[i] @ torch.cat([a.cos(), a.sin()])
            assert found[item, b].item() == pytest.approx(total.log_softmax(0)[b].item(), abs=1e-4)


def test_sure_of_it_the_denoiser_is_told_what_it_would_be_in_the_objects_own_frame():
    """Cameras and light to 1 %, whatever the frame of the cameras that were given. Controls: sure of another azimuth it
    is told another; not sure at all, no azimuth and no direction of the light, and all else."""
    wanted = view_vector(AROUND, GREY, LIGHT)
    turned = orbit([each + 77.0 for each in AZIMUTHS], AROUND.elevation_deg, 2.65, 40.0, 16, 16)
    light = lights.light(LIGHT.azimuth_deg + 77.0, LIGHT.elevation_deg)
    given = of_first(view_vector(turned, GREY, light), V)
    for degrees, sure, right in ((AZIMUTHS, 30.0, True), ([a + 40.0 for a in AZIMUTHS], 30.0, False)):
        told = Certain(degrees, sure).completed(*asked(), given, V)
        assert ((told - wanted).abs().max() < 0.02) == right
    told = Certain(AZIMUTHS, 0.0).completed(*asked(), given, V)
    assert told[:, AZIMUTH].abs().max() < 1e-5 and told[:, TOWARDS].abs().max() < 1e-5 and not told[:, TURN].any()
    others = [i for i in range(wanted.shape[1]) if i not in {*range(32)[AZIMUTH], *range(32)[TOWARDS]}]
    assert torch.allclose(told[:, others], wanted[:, others], atol=1e-6)


def test_views_that_agree_are_surer_than_one():
    """Of the first azimuth's expectation the length: four views that are each a little sure of it, one, and two that
    contradict two."""
    given = of_first(view_vector(AROUND, GREY), V)
    lengths = [Certain(degrees, torch.tensor(sure)[:, None]).completed(*asked(), given, V)[0, AZIMUTH][:2].norm().item()
               for degrees, sure in ((AZIMUTHS, [0.3] * 8), (AZIMUTHS, [0.3, 0, 0, 0] * 2),
                                     ([25.0, 115.0, 25.0, 115.0] * 2, [0.3] * 8))]
    assert lengths[0] > 2 * lengths[1] > 0 and lengths[2] < lengths[1]


def test_where_no_camera_is_told_none_is_made_up():
    vector = view_vector(AROUND, GREY)
    vector[:, :15] = 0.0
    assert torch.equal(network().completed(*asked(), of_first(vector, V), V), vector)


def test_it_reads_neither_turns_nor_light():
    """Which are told in the frame of the first view. Control: the height of the camera."""
    given = of_first(view_vector(AROUND, GREY, LIGHT), V)
    other, higher = given.clone(), given.clone()
    other[:, TURN], other[:, TOWARDS], higher[:, 8] = 0.3, -0.2, 0.9
    made = network()
    assert torch.equal(made(*asked(), given), made(*asked(), other))
    assert not torch.equal(made(*asked(), given), made(*asked(), higher))


@pytest.fixture
def folder(pipelines, tmp_path):
    made = tiny.copy(pipelines("told"), tmp_path / "posed")
    tiny.edit(made / "model_index.json", **{TOGETHER: V})
    network().save(made)
    return made


def loaded(folder):
    return stable_diffusion.load(folder, ["a corgi"], weights_of=tiny.PLAIN)


def answers(teacher, noisy, branches=("uncond", "cond")):
    condition = teacher.condition(AROUND, GREY)
    return teacher.predict(noisy, torch.full((8,), 500), condition, torch.arange(8), branches)


def test_a_view_depends_on_those_of_its_item_by_what_is_told_alone(folder):
    """Told nothing of cameras, as where each is looked at alone, it depends on itself."""
    noisy = torch.randn(8, *LATENTS, generator=torch.Generator().manual_seed(0))
    after = noisy.clone()
    after[5] += 1.0
    for told, reach in ((("camera",), [4, 5, 6, 7]), ((), [5])):
        teacher = stable_diffusion.load(folder, ["a corgi"], weights_of=tiny.PLAIN, told=told)
        assert teacher.views_per_item == V and teacher.ENGINES
        for branch, first in answers(teacher, noisy).items():
            moved = (answers(teacher, after)[branch] - first).flatten(1).abs().amax(1) > 1e-6
            assert moved.nonzero().flatten().tolist() == reach, branch


def test_one_view_finds_out_alone_and_is_told_no_azimuth(folder):
    """Control: without the finder it is told its own."""
    tiny.edit(folder / "model_index.json", **{TOGETHER: 1})
    noisy = torch.randn(8, *LATENTS, generator=torch.Generator().manual_seed(0))
    t, turned = torch.full((8,), 500), orbit([0.0] * 8, AROUND.elevation_deg, 2.65, 40.0, 16, 16)
    for posed in (True, False):
        teacher = loaded(folder)
        one, other = (teacher.predict(noisy, t, teacher.condition(cameras, GREY), torch.arange(8), ("cond",))["cond"]
                      for cameras in (AROUND, turned))
        assert teacher.views_per_item == 1 and ((one - other).abs().max() < 1e-5) == posed
        (folder / POSE).unlink(missing_ok=True)


def test_both_branches_are_told_what_was_found_with_the_prompt(folder):
    """The network's own answers at the time, with the shift of the vectors that the views complete; one branch alone is
    told the same."""
    teacher, (noisy, time, _) = loaded(folder), asked()
    states = teacher.condition(AROUND, GREY).text["states"]
    vector = teacher.finder.completed(noisy, time, states, of_first(view_vector(AROUND, GREY), V), V)
    t, fixed = torch.full((8,), 500), teacher.embeddings["states"]
    both = answers(teacher, noisy)
    for branch, row in (("uncond", fixed[-1]), ("cond", fixed[0])):
        said = teacher.ask(noisy, t, {"states": row.expand(8, -1, -1)}, teacher.view(vector))
        assert (both[branch] - teacher.to_eps(noisy, said, t)).abs().max() < 1e-5
        assert (answers(teacher, noisy, (branch,))[branch] - both[branch]).abs().max() < 1e-5


def test_what_was_saved_answers_the_same_within_half_precision(folder):
    held, own = pose.load(folder, LATENTS, STATES), network()
    given = (*asked(), of_first(view_vector(AROUND, GREY), V))
    assert (held(*given) - own(*given)).abs().max() < 2e-2 * own(*given).abs().max()


def test_a_file_that_does_not_fit_is_one_line(folder):
    tensors = load_file(folder / POSE)
    for name, change in (("last.weight", lambda x: x[:, :5].contiguous()), ("last.bias", lambda x: x * math.nan)):
        save_file({**tensors, name: change(tensors[name])}, folder / POSE)
        with pytest.raises(UserError, match="the pose of .* (cannot be loaded|holds numbers that are not finite)"):
            loaded(folder)
    save_file(tensors, folder / POSE)
    (folder / "view/model.safetensors").unlink()
    with pytest.raises(UserError, match="no embedding of views"):
        loaded(folder)


def test_a_run_knows_it_by_its_contents_and_its_cost_counts(folder):
    """Another file is another teacher; a row costs more with it than without."""
    config = tiny.make_config(folder, "data.batch_size=4")
    assert POSE in dict(contents._teacher(config))
    posed = of_folder(folder, Settings(), views=8, rows=8, device=torch.device("cpu"))
    (folder / POSE).unlink()
    tiny.edit(folder / "model_index.json", **{TOGETHER: 1})
    assert posed.row_flops > of_folder(folder, Settings(), views=8, rows=8, device=torch.device("cpu")).row_flops
