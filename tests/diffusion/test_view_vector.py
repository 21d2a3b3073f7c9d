"""What a teacher is told of a view beside words, and that its network reads it."""

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from carv3d import lights, teachers
from carv3d.cameras import orbit
from carv3d.diffusion import stable_diffusion
from carv3d.diffusion.view_vector import (
    AZIMUTH,
    BACKGROUND,
    CAMERA,
    GROUPS,
    HARMONICS,
    LIGHT,
    TOWARDS,
    TURN,
    WIDTH,
    load,
    of_first,
    taken_out,
    view_vector,
)
from carv3d.runtime.errors import UserError

sys.path.insert(0, str(Path(__file__).parent))

import tiny_pipeline as tiny

own_cache, pipelines = tiny.own_cache, tiny.pipelines

SEEN = orbit([0.0, 90.0, 200.0], [10.0, 0.0, -75.0], [2.3, 2.65, 3.0], [36.0, 40.0, 44.0], 16, 16)
GREY = torch.full((3, 3), 0.5)


def lit(ambient=0.3, plain=False):
    return lights.light(torch.tensor([0.0, 90.0, 10.0]), torch.tensor([0.0, 0.0, 90.0]), ambient=ambient, plain=plain)


def test_groups_lie_side_by_side_each_behind_its_flag():
    taken = [i for group in GROUPS.values() for i in range(WIDTH)[group]]
    assert taken == list(range(len(taken))) and [*taken, *range(WIDTH)[TURN]] == list(range(WIDTH))
    vector = view_vector(SEEN, GREY, lit())
    assert vector.shape == (3, WIDTH) and vector.dtype == torch.float32
    assert all((vector[:, group.start] == 1).all() for group in GROUPS.values())
    assert not vector[:, TURN].any()  # which is of several views together
    assert vector.abs().max() <= 2


def test_what_is_looked_at_together_is_told_its_turn_from_the_first():
    """Azimuths from the first of each four at places of their own, and a light that is turned back with them; all else
    stays, so that a scene that is turned, light and all, is the same. Control: an object whose cameras are not told."""
    since = torch.tensor([0.0, 90.0, 180.0, 270.0, 0.0, 90.0, 200.0, 270.0])

    def told(first, light_deg):
        azimuth = since + torch.tensor(first).repeat_interleave(4)
        return view_vector(orbit(azimuth, 15.0, 2.65, 40.0, 64, 64), torch.full((8, 3), 0.3),
                           lights.light(torch.tensor(light_deg).repeat_interleave(4), torch.full((8,), 20.0)))

    vector = told([20.0, -70.0], [50.0, -70.0])
    found = of_first(vector, 4)
    same = [i for i in range(WIDTH) if i not in {*range(WIDTH)[AZIMUTH], *range(WIDTH)[TOWARDS], *range(WIDTH)[TURN]}]
    assert torch.equal(found[:, same], vector[:, same]) and not found[:, AZIMUTH].any()
    wanted = torch.stack([wave(k * torch.deg2rad(since)) for k in HARMONICS for wave in (torch.cos, torch.sin)], -1)
    assert torch.allclose(found[:, TURN], wanted, atol=1e-5)
    assert torch.allclose(found, of_first(told([0.0, 0.0], [30.0, 0.0]), 4), atol=1e-5)
    assert not torch.allclose(found[:4], of_first(told([0.0, 0.0], [31.0, 0.0]), 4)[:4], atol=1e-3)
    vector[:4, CAMERA] = 0.0
    assert not of_first(vector, 4)[:4, TURN].any() and torch.equal(of_first(vector, 4)[4:], found[4:])


def test_the_camera_is_told_by_waves_and_departures_from_the_middle():
    front, side, below = view_vector(SEEN, GREY)[:, CAMERA]
    assert front[1:7].tolist() == pytest.approx([1, 0] * 3, abs=1e-6)  # cos and sin of 1, 2 and 4 times azimuth 0
    assert side[1:7].tolist() == pytest.approx([0, 1, -1, 0, 1, 0], abs=1e-6)  # of azimuth 90
    assert side[7:13].tolist() == pytest.approx([1, 0] * 3, abs=1e-6)  # of elevation 0
    assert below[8].item() == pytest.approx(torch.tensor(-75.0).deg2rad().sin().item(), abs=1e-6)
    assert side[13:].tolist() == [0, 0] and front[13] < 0 < below[13] and front[14] < 0 < below[14]


def test_it_is_continuous_all_around():
    """Across the turn from 360 to 0 as anywhere else; and a whole turn is the same view."""
    around = torch.linspace(0, 360, 3601)
    vector = view_vector(orbit(around, 15.0, 2.65, 40.0, 8, 8), torch.full((3601, 3), 0.5))
    steps = (vector[1:] - vector[:-1]).norm(dim=1)
    assert steps.max() < 1.01 * steps.min() and steps.max() < 0.01  # a speed that does not change
    assert torch.allclose(vector[0], vector[-1], atol=1e-5)
    far = orbit([-360.0, 720.0, 1080.0], 15.0, 2.65, 40.0, 8, 8)
    assert torch.allclose(view_vector(far, GREY), vector[:1].expand(3, -1), atol=1e-4)


def test_background_is_told_from_minus_one_to_one():
    colours = torch.tensor([[0.0, 0.5, 1.0], [1.0, 1.0, 1.0], [0.25, 0.0, 0.0]])
    assert view_vector(SEEN, colours)[:, BACKGROUND].tolist() == [[1, -1, 0, 1], [1, 1, 1, 1], [1, -0.5, -1, -1]]


def test_the_light_is_told_where_it_is_known():
    """Nothing where it is not; of an unlit image not where the light would be; of a lit one its direction."""
    assert not view_vector(SEEN, GREY)[:, LIGHT].any()
    unlit, other = (view_vector(SEEN, GREY, each)[:, LIGHT] for each in (lit(1.0), lights.fixed(3, ambient=1.0)))
    assert torch.equal(unlit, other) and unlit.tolist() == [[1, 0, 0, 1, 0, 0, 0]] * 3
    shaded = view_vector(SEEN, GREY, lit(plain=torch.tensor([False, True, False])))[:, LIGHT]
    assert shaded[:, :4].tolist() == [[1, 1, plain, pytest.approx(0.3)] for plain in (0, 1, 0)]
    assert torch.allclose(shaded[:, 4:], torch.eye(3), atol=1e-6)


# --- the network ------------------------------------------------------------------------------------------------------


def answer(teacher, cameras, light=None, background=GREY):
    noisy = torch.randn(3, *teacher.latent_shape, generator=torch.Generator().manual_seed(0))
    condition = teacher.condition(cameras, background, light)
    return teacher.predict(noisy, torch.tensor([100, 400, 800]), condition, torch.arange(3), ("uncond", "cond"))


def told_of(pipelines, **options):
    return stable_diffusion.load(pipelines("told"), ["a corgi"], weights_of=tiny.PLAIN, **options)


CHANGES = {"camera": {"cameras": SEEN[torch.tensor([2, 0, 1])]}, "background": {"background": GREY / 2},
           "light": {"light": lit()}}


@pytest.mark.parametrize("group", GROUPS)
def test_a_prediction_depends_on_what_is_told(pipelines, group):
    """Both branches; of the same words. Controls: a teacher told nothing, or all but this, answers the same, to the
    bit, whatever the view."""
    asked = {"cameras": SEEN, **CHANGES[group]}
    teacher = told_of(pipelines)
    for branch, before in answer(teacher, SEEN).items():
        assert (answer(teacher, **asked)[branch] - before).flatten(1).abs().amax(1).min() > 1e-4, branch
    for told in ((), tuple(set(GROUPS) - {group})):
        other = told_of(pipelines, told=told)
        before, after = answer(other, SEEN), answer(other, **asked)
        assert all(torch.equal(before[branch], after[branch]) for branch in before)


def test_a_row_is_told_of_its_own_view(pipelines):
    """Against the library's own call, row by row. Measured worst difference: 1e-6."""
    teacher, own = told_of(pipelines), tiny.parts(pipelines("told"))
    condition = teacher.condition(SEEN, GREY, lit())
    told = load(pipelines("told"), own.unet.time_embedding.linear_2.out_features)
    assert torch.equal(condition.shift, told(view_vector(SEEN, GREY, lit()))) and not told(torch.zeros(1, WIDTH)).any()
    view, t = torch.tensor([2, 0, 1, 2]), torch.tensor([100, 400, 600, 800])
    noisy = torch.randn(4, *teacher.latent_shape, generator=torch.Generator().manual_seed(1))
    out = teacher.predict(noisy, t, condition, view, ("uncond", "cond"))
    for i, v in enumerate(view):
        for branch, text in (("uncond", ""), ("cond", "a corgi")):
            with torch.no_grad():
                hook = own.unet.time_embedding.register_forward_hook(lambda *given: given[2] + condition.shift[v])
                made = own.unet(noisy[i : i + 1], t[i], tiny.embed(own, text)[None]).sample
                hook.remove()
            alpha, sigma = teacher.schedule.alpha_sigma(t[i : i + 1], made)
            assert (out[branch][i] - (sigma * noisy[i] + alpha * made)[0]).abs().max() < 2e-5


def test_an_embedding_that_does_not_fit_is_one_line(pipelines, tmp_path):
    folder = tiny.copy(pipelines("told"), tmp_path / "told")
    held = load_file(folder / "view/model.safetensors")
    for name, change in (("linear_2.weight", lambda x: x[:, :5].contiguous()), ("linear_1.bias", lambda x: x * torch.nan)):
        save_file({**held, name: change(held[name])}, folder / "view/model.safetensors")
        with pytest.raises(UserError, match="the view of .* (cannot be loaded|holds numbers that are not finite)"):
            load(folder, 32)


def test_a_network_of_words_alone_is_not_told(pipelines):
    teacher = teachers.teacher(tiny.make_config(pipelines("sd15"), "data.views=1"))
    assert teacher.condition(SEEN, GREY, lit()).shift is None
    before, after = answer(teacher, SEEN), answer(teacher, SEEN[torch.tensor([2, 0, 1])], lit())
    assert all(torch.equal(before[branch], after[branch]) for branch in before)


def test_an_embedding_taken_out_of_the_network_it_was_trained_in_says_the_same():
    """To 1e-5 of what diffusers' own class embedding makes of a vector; told nothing, the network needs none."""
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=8, attention_head_dim=2, class_embed_type="projection",
        projection_class_embeddings_input_dim=WIDTH).eval()
    given = torch.randn(3, 4, 8, 8), torch.tensor([10, 500, 900]), torch.randn(3, 5, 8)
    vector = view_vector(SEEN, GREY, lit())
    with torch.no_grad():
        told, untold = (unet(*given, class_labels=each).sample for each in (vector, torch.zeros(3, WIDTH)))
        view = taken_out(unet)
        assert (unet(*given).sample - untold).abs().max() < 1e-5 < (told - untold).abs().max()
        unet.time_embedding.register_forward_hook(lambda *given: given[2] + view(vector))
        assert (unet(*given).sample - told).abs().max() < 1e-5
    assert unet.config.class_embed_type is None
