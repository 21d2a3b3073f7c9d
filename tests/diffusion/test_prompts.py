"""Which words a view is told, how they are blended, what the negative prompt and Perp-Neg take away."""

import sys
from pathlib import Path

import pytest
import torch

from carv3d import config as configuration
from carv3d import teachers
from carv3d.diffusion.guidance import perp_neg
from carv3d.diffusion.prompts import VIEWS, perp_neg_weights, view_weights
from carv3d.objectives.csd import csd
from carv3d.objectives.sds import sds
from carv3d.runtime.errors import UserError
from carv3d.text3d import build
from carv3d.text3d.step import train_step

sys.path.insert(0, str(Path(__file__).parent))

import tiny_pipeline as tiny
from test_stable_diffusion import eps_of, gen

own_cache, pipelines = tiny.own_cache, tiny.pipelines

AZIMUTHS = torch.arange(-720.0, 720.5, 0.5)
FOUR, EIGHT = ("front", "side", "back", "overhead"), tuple(view.name for view in VIEWS[8])


def wrapped(azimuth):
    """Angle from the front, -180 to 180, as plain arithmetic."""
    return (azimuth + 180.0) % 360.0 - 180.0


def level(azimuths, elevation=0.0):
    return torch.as_tensor(azimuths, dtype=torch.float32), torch.full((len(azimuths),), float(elevation))


# -------------------------------------------------------------------------------------------------------------- weights


@pytest.mark.parametrize("views", [1, 4, 8])
@pytest.mark.parametrize("interpolate", [False, True])
def test_shares_sum_to_one(views, interpolate):
    """Everywhere, and no share is negative."""
    for elevation in (-30.0, 60.0, 60.5, 90.0):
        weights = view_weights(*level(AZIMUTHS, elevation), views, interpolate=interpolate)
        assert weights.shape == (len(AZIMUTHS), max(len(VIEWS[views]), 1))
        assert (weights >= 0).all() and (weights.sum(1) - 1).abs().max() < 1e-5


def of_four(azimuth, elevation, front=45.0, back=45.0, overhead=60.0):
    """The rule in words: up to its border front is front, beyond its border back is back, above is overhead."""
    away = abs(wrapped(azimuth))
    return 3 if elevation > overhead else 0 if away <= front else 2 if away > 180 - back else 1


def of_eight(azimuth, elevation, overhead=60.0):
    """The nearest of eight centres; half way between two the first in the list."""
    return 8 if elevation > overhead else min(range(8), key=lambda i: (abs(wrapped(azimuth - 45 * i)), i))


@pytest.mark.parametrize("elevation", [-10.0, 60.0, 60.25, 85.0])
def test_one_word_has_all_without_interpolation(elevation):
    """Every half degree over four turns, borders included: 45 is front, 135 side, elevation 60 not overhead."""
    for views, rule in ((4, of_four), (8, of_eight)):
        weights = view_weights(*level(AZIMUTHS, elevation), views)
        want = torch.tensor([rule(azimuth, elevation) for azimuth in AZIMUTHS.tolist()])
        assert torch.equal(weights, torch.nn.functional.one_hot(want, len(VIEWS[views])).float())
    assert [of_four(azimuth, 0) for azimuth in (45, -45, 45.5, 135, 225, 135.5)] == [0, 0, 1, 1, 1, 2]


@pytest.mark.parametrize("borders", [(30.0, 60.0, 20.0), (10.0, 170.0, -5.0), (90.0, 90.0, 60.0), (120.0, 15.0, 89.0)])
def test_borders_move(borders):
    front, back, overhead = borders
    for elevation in (-20.0, overhead, overhead + 0.5):
        weights = view_weights(*level(AZIMUTHS, elevation), 4, front_deg=front, back_deg=back, overhead_deg=overhead)
        want = torch.tensor([of_four(azimuth, elevation, *borders) for azimuth in AZIMUTHS.tolist()])
        assert torch.equal(weights.argmax(1), want) and (weights.amax(1) == 1).all()
        eight = view_weights(*level(AZIMUTHS, elevation), 8, overhead_deg=overhead).argmax(1)
        assert torch.equal(eight, torch.tensor([of_eight(a, elevation, overhead) for a in AZIMUTHS.tolist()]))


def blended(azimuth, views):
    """Linear between neighbouring centres, by hand."""
    out = torch.zeros(len(VIEWS[views]))
    if views == 8:
        place = azimuth % 360 / 45
        out[int(place) % 8] += 1 - place % 1
        out[(int(place) + 1) % 8] += place % 1
    else:
        place = abs(wrapped(azimuth)) / 90
        out[min(int(place), 1)] += 1 - (place - min(int(place), 1))
        out[min(int(place), 1) + 1] += place - min(int(place), 1)
    return out


@pytest.mark.parametrize("views,centres", [(4, [0, 90, 180, 270]), (8, list(range(0, 360, 45)))])
def test_interpolation_is_linear_between_centres(views, centres):
    """And continuous through 0 and 360; at a centre one word has exactly all; overhead is never shared."""
    weights = view_weights(*level(AZIMUTHS), views, interpolate=True)
    assert (weights - torch.stack([blended(azimuth, views) for azimuth in AZIMUTHS.tolist()])).abs().max() < 1e-5
    assert (weights[1:] - weights[:-1]).abs().max() < 1.01 * 0.5 / (360 / len(centres))
    at = view_weights(*level(centres + [360, -90, 720]), views, interpolate=True)
    assert (at.amax(1) == 1).all() and ((at == 0) | (at == 1)).all()
    assert torch.equal(at[:3].argmax(1), torch.tensor([0, 1, 2]))
    above = view_weights(*level(AZIMUTHS, 60.5), views, interpolate=True)
    assert torch.equal(above, torch.eye(len(VIEWS[views]))[-1].expand_as(above)) and (weights[:, -1] == 0).all()


def test_perp_neg_weights_fade_at_their_own_view():
    """Front and side, scale 2: nothing where the word is the whole prompt, all of it a quarter turn away; behind, the
    front stays and the side comes back to a quarter; nothing from above; continuous, even in the azimuth."""
    weights = perp_neg_weights(*level([0, 90, -90, 180, 270]), scale=2.0)
    assert torch.allclose(weights, torch.tensor([[0, 2], [2, 0], [2, 0], [2, 0.5], [2, 0]]), atol=1e-6)
    everywhere = perp_neg_weights(*level(AZIMUTHS), scale=2.0)
    assert (everywhere >= -1e-6).all() and (everywhere <= 2 + 1e-6).all()
    assert (everywhere[1:] - everywhere[:-1]).abs().max() < 0.5 * 2 / 90 * 1.5
    assert torch.allclose(everywhere, perp_neg_weights(*level(-AZIMUTHS), scale=2.0), atol=1e-6)
    half = perp_neg_weights(*level([45]), scale=1.0)[0]  # r = 1/2 of both: (e^-1/4 - e^-1/2) / (1 - e^-1/2)
    assert torch.allclose(half, torch.full((2,), 0.43782), atol=1e-4)
    assert (perp_neg_weights(*level(AZIMUTHS, 60.5), scale=2.0) == 0).all()
    low = perp_neg_weights(*level([180, 180], 30.0), scale=2.0, overhead_deg=29.0)
    assert (low == 0).all() and torch.equal(perp_neg_weights(*level(AZIMUTHS, 60.0), scale=2.0), everywhere)


# ------------------------------------------------------------------------------------------------------------ perp_neg


def plane(*points):
    """Points of the plane as predictions [n,2,1,1]."""
    return torch.tensor(points).reshape(-1, 2, 1, 1)


def test_perp_neg_by_hand():
    """From uncond (1,1): wanted (2,0), unwanted (1,3) and (-4,-1), whose parts across are (0,3) and (0,-1); in the
    second row wanted (0,5), unwanted (1,3) and (2,-2), across (1,0) and (2,0)."""
    uncond = plane([1.0, 1.0], [0.0, 0.0])
    cond, first, second = (uncond + plane(*rows) for rows in (
        ([2.0, 0.0], [0.0, 5.0]), ([1.0, 3.0], [1.0, 3.0]), ([-4.0, -1.0], [2.0, -2.0])))
    out = perp_neg(cond, uncond, [first, second], torch.tensor([[0.5, 2.0], [1.0, 0.25]]))
    assert torch.allclose(out, cond - plane([0.0, 1.5 - 2.0], [1.0 + 0.5, 0.0]))


@pytest.mark.parametrize("along", [3.0, 0.2, -1.0])
def test_a_parallel_negative_takes_nothing_away(along):
    """Which a plain difference, the control, would."""
    uncond, wanted = (torch.randn(4, 3, 5, 5, generator=gen(i)) for i in (1, 2))
    negative = uncond + along * wanted
    out = perp_neg(uncond + wanted, uncond, [negative], torch.full((4, 1), 2.0))
    assert (out - (uncond + wanted)).abs().max() < 1e-4 and (2 * (negative - uncond)).abs().max() > 0.1


def test_what_is_taken_away_is_across():
    """For random vectors, and all of the negative where nothing is wanted."""
    uncond, cond, negative = (torch.randn(6, 3, 5, 5, generator=gen(i), dtype=torch.float64) for i in range(3))
    taken = (cond - perp_neg(cond, uncond, [negative], torch.ones(6, 1))).flatten(1)
    assert ((taken * (cond - uncond).flatten(1)).sum(1)).abs().max() < 1e-10 and (taken.norm(dim=1) > 1).all()
    nothing = perp_neg(uncond, uncond, [negative], torch.full((6, 1), 0.5))
    assert torch.allclose(nothing, uncond - 0.5 * (negative - uncond))


# ---------------------------------------------------------------------------------------------- what the UNet is asked

BY_HAND = ["prompts.front=the face of a dog", "prompts.back=a wagging tail", "prompts.negative=blurry"]


def test_prompts_by_hand_stand_as_they_are():
    given = configuration.load(None, [*tiny.arguments("x"), "data.views=4", *BY_HAND])
    assert teachers.view_prompts(given) == ["the face of a dog", "a corgi, side view", "a wagging tail",
                                         "a corgi, overhead view"]
    plain = configuration.load(None, [*tiny.arguments("x"), "data.views=1"])
    assert teachers.view_prompts(plain) == ["a corgi"]
    toy = ["prompt=A red  mug", "teacher.type=bundled", "data.views=4", "prompts.side=a red mug, left side view",
           "prompts.negative=front view"]
    own = configuration.load(None, toy)
    build.settle(own)
    assert teachers.view_prompts(own)[:2] == ["a red mug, front view", "a red mug, left side view"]


# ------------------------------------------------------------------------------------------------------ named heights

AROUND = torch.arange(0.0, 360.0, 7.5)


@pytest.mark.parametrize("interpolate", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_each_direction_has_24_shares_of_sum_one(interpolate, dtype):
    """Those of the eight azimuths, at its own height alone; overhead has all from above 60 degrees."""
    for elevation, name in ((-90.0, "low"), (-0.01, "low"), (0.0, "low"), (0.01, "level"), (25.0, "level"),
                            (25.01, "high"), (60.0, "high"), (60.01, "overhead"), (90.0, "overhead")):
        seen = AROUND.to(dtype), torch.full_like(AROUND, elevation, dtype=dtype)
        weights = view_weights(*seen, 24, interpolate=interpolate)
        around = view_weights(*seen, 8, interpolate=interpolate)
        assert weights.shape == (48, 25) and torch.allclose(weights.sum(1), torch.ones(48, dtype=dtype))
        for height, (first, wanted) in {"low": (0, 1), "level": (8, 1), "high": (16, 1)}.items():
            part = weights[:, first:first + 8]
            assert torch.equal(part, around[:, :8]) if height == name else not part.any(), (elevation, height)
        assert (weights[:, 24] == (name == "overhead")).all()
        named = {VIEWS[24][int(i)].name.split()[0] for i in weights.argmax(1)}
        assert named == {name}


def test_24_interpolates_between_two_azimuths_of_one_height():
    (weights,) = view_weights(*level([22.5 / 2], 10.0), 24, interpolate=True)
    shares = {VIEWS[24][i].name: weights[i].item() for i in range(25) if weights[i] > 0}
    assert shares == {"level front": pytest.approx(0.75), "level front left": pytest.approx(0.25)}


def test_the_elevations_of_24_views_part_the_whole():
    """Each azimuth's three heights and overhead meet at their edges; a range that has no part of one gives None."""
    for i in range(8):
        column = [VIEWS[24][i + 8 * j] for j in range(3)] + [VIEWS[24][-1]]
        assert [view.elevation_range((-30.0, 80.0)) for view in column] == [(-30, 0), (0, 25), (25, 60), (60, 80)]
        assert {view.centres_deg for view in column[:3]} == {(45.0 * i,)}
        assert [view.elevation_range((5.0, 20.0)) for view in column] == [None, (5, 20), None, None]
        assert [view.elevation_range((0.0, 25.0)) for view in column] == [(0, 0), (0, 25), None, None]
    names = [view.name for view in VIEWS[24]]
    assert len(set(names)) == 25 and names[-1] == "overhead" and [view.overhead for view in VIEWS[24]].count(True) == 1


@pytest.mark.parametrize("view", ["front view", "side view", "low back left view", "high right side view"])
def test_the_bundled_teacher_knows_azimuths_with_and_without_their_height(view):
    toy = ["prompt=a red mug", "teacher.type=bundled", "data.views=24", f"prompts.negative=a blue mug, {view}"]
    config = configuration.load(None, toy)
    build.settle(config)
    assert len(teachers.view_prompts(config)) == 25
    assert teachers.view_prompts(config)[12] == "a red mug, level back view"


@pytest.mark.parametrize("view", ["low view", "steep front view", "low overhead view"])
def test_other_views_are_refused_in_one_line(view):
    config = configuration.load(None, ["prompt=a red mug", "teacher.type=bundled", f"prompts.negative=a blue mug, {view}"])
    with pytest.raises(UserError, match=f"prompts.negative: '{view}' given .*also with low, level or high") as caught:
        build.settle(config)
    assert "\n" not in str(caught.value)


@pytest.fixture
def asked(monkeypatch):
    """asked(teacher): the batches of embeddings that its UNet reads from now on."""
    def of(teacher):
        texts = []
        teacher.denoiser.register_forward_pre_hook(lambda module, args: texts.append(args[2].clone()))
        return texts

    return of


@pytest.mark.parametrize("objective,scale", [(sds, 7.5), (csd, 1.0)])
def test_the_negative_prompt_is_the_unconditional_branch(pipelines, asked, objective, scale):
    """One batch of both branches: the negative prompt's rows, then each view's own; and the value that follows."""
    teacher = teachers.teacher(tiny.make_config(pipelines("sd15"), "data.views=4", *BY_HAND))
    own, batches = tiny.parts(pipelines("sd15")), asked(teacher)
    azimuth, elevation = torch.tensor([10.0, 90.0, 180.0, 0.0]), torch.tensor([0.0, 0.0, 0.0, 80.0])
    texts = ["the face of a dog", "a corgi, side view", "a wagging tail", "a corgi, overhead view"]
    condition = teacher.condition(tiny.seen(azimuth, elevation), torch.zeros(4, 3))
    clean, noise = (torch.randn(4, *teacher.latent_shape, generator=gen(i)) for i in (1, 2))
    view, t = torch.tensor([3, 2, 1, 0]), torch.tensor([100, 400, 700, 900])
    weight = teacher.schedule.weighting("sds")
    value = objective(teacher, condition, clean, weight, scale)(view, t, noise)
    ((negative, positive),) = [batch.chunk(2) for batch in batches]
    for i, v in enumerate(view.tolist()):
        assert (negative[i] - tiny.embed(own, "blurry")).abs().max() < 1e-5
        assert (positive[i] - tiny.embed(own, texts[v])).abs().max() < 1e-5
        noisy = teacher.schedule.add_noise(clean[view], noise, t)[i]
        cond, uncond = (eps_of(own, noisy, t[i], tiny.embed(own, text)) for text in (texts[v], "blurry"))
        want = {sds: uncond + scale * (cond - uncond) - noise[i], csd: scale * (cond - uncond)}[objective]
        assert (value[i] - weight[t[i]].float() * want).abs().max() < 1e-4
    empty = eps_of(own, noisy, t[3], tiny.embed(own, ""))
    assert (empty - uncond).abs().max() > 1e-3  # the control: the empty prompt's would show


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("views", [4, 8])
def test_interpolated_text_is_the_blend_of_its_rows(pipelines, views, dtype):
    """In float32 and then rounded; at the centres exactly the row. Without the option, the nearest row alone."""
    on, off = (teachers.teacher(tiny.make_config(pipelines("sd15"), f"data.views={views}", f"teacher.dtype={dtype}",
                                              f"prompts.interpolate={how}")) for how in ("true", "false"))
    azimuths = [0.0, 30.0, 135.0, 200.0, 350.0, -90.0, 180.0]
    text = on.condition(tiny.seen(azimuths), torch.zeros(7, 3)).text["states"]
    rows = on.embeddings["states"][:-1].float()
    want = torch.stack([torch.tensordot(blended(azimuth, views), rows, 1) for azimuth in azimuths]).to(text.dtype)
    assert text.dtype == on.embeddings["states"].dtype == getattr(torch, dtype)
    assert (text.float() - want.float()).abs().max() < (1e-5 if dtype == "float32" else 0.02)
    for i in (0, 5, 6):
        assert torch.equal(text[i], on.embeddings["states"][blended(azimuths[i], views).argmax()])
    hard = off.condition(tiny.seen(azimuths), torch.zeros(7, 3)).text["states"]
    assert torch.equal(hard, off.embeddings["states"][view_weights(*level(azimuths), views).argmax(1)])
    assert (hard[1] - text[1]).abs().max() > 0.01
    assert on.condition(tiny.seen(azimuths), torch.zeros(7, 3)).negatives is None


@pytest.mark.parametrize("branches", [("cond",), ("uncond", "cond")])
def test_perp_neg_through_the_network(pipelines, asked, branches):
    """Four rows for each question, of which the conditional comes back without what front and side add across; from
    the side, from behind and from between. Control: without Perp-Neg it is another."""
    folder, azimuths = pipelines("sd15"), [90.0, 180.0, 120.0, 0.0]
    teacher = teachers.teacher(tiny.make_config(folder, "data.views=4", "prompts.perp_neg=1.5", "prompts.negative=blurry"))
    own, batches = tiny.parts(folder), asked(teacher)
    condition = teacher.condition(tiny.seen(azimuths), torch.zeros(4, 3))
    view, t = torch.tensor([3, 2, 1, 0]), torch.tensor([100, 400, 700, 900])
    noisy = torch.randn(4, *teacher.latent_shape, generator=gen(1))
    out = teacher.predict(noisy, t, condition, view, branches)
    assert tuple(out) == branches and [len(batch) for batch in batches] == [16]
    words = [tiny.embed(own, f"a corgi, {word} view") for word in FOUR[:3]]
    for i, v in enumerate(view.tolist()):
        told = torch.tensordot(blended(azimuths[v], 4)[:3], torch.stack(words), 1)
        uncond, cond, front, side = (eps_of(own, noisy[i], t[i], text) for text in (
            tiny.embed(own, "blurry"), told, words[0], words[1]))
        weights = perp_neg_weights(*level([azimuths[v]]), scale=1.5)
        want = perp_neg(cond[None], uncond[None], [front[None], side[None]], weights)[0]
        assert (out["cond"][i] - want).abs().max() < 1e-4
        assert (cond - want).abs().max() > 1e-3
        if "uncond" in out:
            assert (out["uncond"][i] - uncond).abs().max() < 2e-5
    alone = teacher.predict(noisy, t, condition, view, ("uncond",))["uncond"]
    want = eps_of(own, noisy[0], t[0], tiny.embed(own, "blurry"))
    assert len(batches[-1]) == 4 and (alone[0] - want).abs().max() < 2e-5


EVALUATIONS = [
    (["objective.guidance_scale=1"], 1), (["objective.guidance_scale=7.5"], 2),
    (["prompts.perp_neg=1"], 4), (["prompts.perp_neg=1", "objective.guidance_scale=1"], 4),
    (["objective.type=csd"], 2), (["objective.type=csd", "prompts.perp_neg=1"], 4),
    (["objective.type=vsd"], 3), (["objective.type=vsd", "objective.guidance_scale=1"], 2),
    (["objective.type=vsd", "prompts.perp_neg=1"], 5),
    (["objective.type=rfds_rev"], 3), (["objective.type=rfds_rev", "objective.guidance_scale=1"], 2),
    (["objective.type=rfds_rev", "prompts.perp_neg=1"], 8),
]


@pytest.mark.parametrize("overrides,each", EVALUATIONS, ids=[" ".join(overrides) for overrides, _ in EVALUATIONS])
def test_the_ledger_counts_the_rows_of_the_network(pipelines, overrides, each):
    """Rows that the UNet answered = teacher_evals + lora_draws."""
    trainer = build.trainer(tiny.make_config(
        pipelines("sd15"), "scene.type=image", "scene.image.size=8", "data.views=4", "estimator.k=auto", *overrides))
    rows = []
    trainer.teacher.denoiser.register_forward_pre_hook(lambda module, args: rows.append(len(args[0])))
    train_step(trainer, 0)
    ledger = dict(trainer.ledger)
    learns = 2 * 2 if "objective.type=vsd" in overrides else 0
    assert (ledger["draws"], ledger["teacher_evals"], ledger["lora_draws"]) == (4, 4 * each, learns)
    assert sum(rows) == ledger["teacher_evals"] + ledger["lora_draws"]
