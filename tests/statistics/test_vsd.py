"""VSD, CSD and RFDS-Rev where all is known: the teacher's branches and the particles are Gaussians, so every mean has a closed
form."""

import pytest
import torch
from test_mixture import SCHEDULE, SHAPE, dense_covariances, gen, parts

from carv3d import carv
from carv3d.diffusion.mixture import MixtureTeacher
from carv3d.objectives.csd import csd
from carv3d.objectives.rfds_rev import rfds_rev
from carv3d.objectives.sds import sds
from carv3d.objectives.vsd import vsd

WEIGHT = SCHEDULE.weighting("sds")
MEAN, FACTORS, SPECTRUM, _ = parts()
DENSE = dense_covariances(FACTORS, SPECTRUM)
DIMENSIONS = MEAN[0].numel()
COND, UNCOND, PARTICLES = 0, 1, 2  # rows of MEAN


def gaussian(mean, covariance, dtype=torch.float64):
    return MixtureTeacher.gaussian(SCHEDULE, MEAN[mean], FACTORS[covariance], SPECTRUM, dtype)


class Guided:
    """A teacher with a Gaussian of its own behind each branch, both of FACTORS[0]; keeps what it was asked."""

    views_per_item = 1

    def __init__(self, dtype=torch.float64):
        self.laws = {"cond": gaussian(COND, 0, dtype), "uncond": gaussian(UNCOND, 0, dtype)}
        self.schedule, self.latent_shape, self.asked = SCHEDULE, SHAPE, []

    def predict(self, noisy, timestep, condition, view, branches):
        self.asked.append((noisy, timestep, view, branches))
        return {name: self.laws[name].predict(noisy, timestep, None, view, ("cond",))["cond"] for name in branches}


def score_of(covariance, mean=PARTICLES, dtype=torch.float64):
    """eps of the particles' own law, as ``objectives.vsd`` asks for it."""
    law = gaussian(mean, covariance, dtype)
    return lambda noisy, timestep, view: law.predict(noisy, timestep, None, view, ("cond",))["cond"]


def eps_means(timestep, latents, covariance, mean):
    """Closed form of E over the noise of a Gaussian's eps at noised latents [V,c,h,w]: sigma P alpha (x - mean), with
    P = (alpha^2 Sigma + sigma^2)^-1; [T,V,d]."""
    alpha_bar = SCHEDULE.alpha_bar[timestep][:, None, None]
    eye = torch.eye(DIMENSIONS, dtype=torch.float64)
    precision = torch.linalg.inv(alpha_bar * DENSE[covariance] + (1 - alpha_bar) * eye)
    away = (latents.double() - mean).flatten(1)
    return (alpha_bar * (1 - alpha_bar)).sqrt() * (away @ precision)


def vsd_means(timestep, latents, guidance, particles, nu=None):
    """[T,V,d]: E over the noise of VSD's value; particles: whose covariance they have. nu: their mean."""
    nu = MEAN[PARTICLES] if nu is None else nu
    cond, uncond = (eps_means(timestep, latents, 0, MEAN[i]) for i in (COND, UNCOND))
    guided = uncond + guidance * (cond - uncond)
    return WEIGHT[timestep][:, None, None] * (guided - eps_means(timestep, latents, particles, nu))


@pytest.mark.parametrize("guidance", [0.0, 1.0, 7.5])
def test_particles_of_the_teachers_covariance_leave_no_noise(guidance):
    """w(t) (eps_teacher - eps_particles) is the same for every noise, and is its closed form. Control: particles of
    another covariance leave some."""
    timestep = torch.tensor([20, 300, 300, 700, 979])
    view = torch.tensor([0, 1, 2, 1, 0])
    latents = torch.randn(3, *SHAPE, generator=gen(1), dtype=torch.float64)
    noises = [torch.randn(5, *SHAPE, generator=gen(seed), dtype=torch.float64) for seed in (2, 3)]

    def values(particles):
        value = vsd(Guided(), None, latents, WEIGHT, guidance, score_of(particles))
        return [value(view, timestep, noise).flatten(1) for noise in noises]

    truth = vsd_means(timestep, latents, guidance, 0)[torch.arange(5), view]
    for got in values(0):
        assert ((got - truth).norm(dim=1) / truth.norm(dim=1)).max() < 1e-10
    first, second = values(1)
    assert ((first - second).norm(dim=1) / first.norm(dim=1)).max() > 0.01


def test_the_particles_score_is_asked_what_the_teacher_is():
    """The same noisy latents, timesteps and views; conditional alone at guidance 1, both branches at once above."""
    latents = torch.randn(3, *SHAPE, generator=gen(1), dtype=torch.float64)
    noise = torch.randn(4, *SHAPE, generator=gen(2), dtype=torch.float64)
    view, timestep = torch.tensor([2, 0, 1, 1]), torch.tensor([30, 500, 700, 900])
    for guidance, branches in ((1.0, ("cond",)), (7.5, ("uncond", "cond"))):
        teacher, asked = Guided(), []

        def score(*given):
            asked.append(given)
            return torch.zeros_like(given[0])

        out = vsd(teacher, None, latents, WEIGHT, guidance, score)(view, timestep, noise)
        ((noisy, *rest, got),), ((own, *other),) = teacher.asked, asked
        assert got == branches and torch.equal(noisy, own) and all(map(torch.equal, rest, other))
        assert torch.equal(noisy, SCHEDULE.add_noise(latents[view], noise, timestep))
        eps = {name: teacher.laws[name].predict(noisy, timestep, None, view, ("cond",))["cond"] for name in branches}
        hat = eps["cond"] if guidance == 1 else eps["uncond"] + guidance * (eps["cond"] - eps["uncond"])
        assert (out - WEIGHT[timestep][:, None, None, None] * hat).abs().max() < 1e-12


@pytest.mark.parametrize("guidance", [1.0, 7.5])
@pytest.mark.parametrize("importance,stratified,noise,shift", [
    (True, True, "antithetic", 0.02), (True, True, "iid", 0.2), (False, False, "iid", 0.4)])
def test_the_mean_over_draws_is_the_closed_form(importance, stratified, noise, shift, guidance, seed=11):
    """Particles of another covariance, two views, 3000 sets of K = 4 each. Each of 96 coordinates and the mean over a
    view's coordinates within 5 standard errors: false alarms 98 * 6e-7 = 6e-5 a case. Control: the particles' mean off
    by ``shift`` in each coordinate (the law's own spread is about 1) is seen."""
    sets, k, views = 3000, 4, 2
    low, high = 20, 979
    target = carv.uniform_target(1000, low, high)
    latents = torch.randn(views, *SHAPE, generator=gen(seed))
    draws = carv.draw(views * sets, k, SHAPE, carv.make_proposal(target, WEIGHT if importance else None),
                      stratified=stratified, noise=noise, time_generator=gen(seed + 1), noise_generator=gen(seed + 2))
    value = vsd(Guided(torch.float32), None, latents, WEIGHT, guidance, score_of(1, dtype=torch.float32))
    means = carv.estimate(lambda row, t, e: value(row // sets, t, e), draws).mean
    means = means.double().flatten(1).unflatten(0, (views, sets))
    means = torch.cat([means, means.mean(2, keepdim=True)], 2)  # [V,sets,d+1]

    def worst(nu):
        truth = vsd_means(torch.arange(low, high + 1), latents, guidance, 1, nu).mean(0)
        truth = torch.cat([truth, truth.mean(1, keepdim=True)], 1)
        return ((means.mean(1) - truth) / (means.std(1) / sets**0.5)).abs().max()

    right, wrong = worst(MEAN[PARTICLES]), worst(MEAN[PARTICLES] + shift)
    print(f"{right:.1f} standard errors, control {wrong:.1f}")
    assert right < 5 and wrong > 10


@pytest.mark.parametrize("at", [0.0, 1.0, 6.5])
def test_csd_is_what_a_step_of_guidance_adds_to_sds(at, scale=3.0):
    """s (SDS at guidance a + 1 - SDS at a) for any a, with w(t), on a mixture whose prompt is a part; asked once for
    both branches, whatever its own scale."""
    mean, factors, spectrum, prior = parts()
    teacher = MixtureTeacher(SCHEDULE, mean, factors, spectrum, prior=prior, prompt=[3, 1], dtype=torch.float64)
    latents = torch.randn(3, *SHAPE, generator=gen(1), dtype=torch.float64)
    rows = torch.tensor([2, 0, 1, 1]), torch.tensor([30, 300, 700, 979])
    noise = torch.randn(4, *SHAPE, generator=gen(2), dtype=torch.float64)
    high, low = (sds(teacher, None, latents, WEIGHT, a)(*rows, noise) for a in (at + 1, at))
    out = csd(teacher, None, latents, WEIGHT, scale)(*rows, noise)
    assert out.abs().max() > 0.01
    assert (out - scale * (high - low)).abs().max() < 1e-10 * out.abs().max()
    for own in (0.0, 1.0, 7.5):
        guided = Guided()
        csd(guided, None, latents, WEIGHT, own)(*rows, noise)
        assert [branches for *_, branches in guided.asked] == [("uncond", "cond")]


@pytest.mark.parametrize("guidance", [1.0, 6.5])
def test_rfds_rev_is_the_paper_s_on_the_straight_path(guidance):
    """Written as the paper has it, of a flow model: the noise moves by (1 - s)(v_hat - (e - x)), then v_hat - (e' - x)
    at x_s' is what is left. The control: without the move it is another value."""
    teacher = Guided()
    latents = torch.randn(3, *SHAPE, generator=gen(1), dtype=torch.float64)
    view, t = torch.tensor([2, 0, 1, 1]), torch.tensor([30, 300, 700, 979])
    noise = torch.randn(4, *SHAPE, generator=gen(2), dtype=torch.float64)
    alpha, sigma = SCHEDULE.alpha_sigma(t, noise)
    s, clean = sigma / (alpha + sigma), latents[view]

    def velocity(eps, scale):
        z = ((1 - s) * clean + s * eps) * (alpha + sigma)  # x_s at the scale of the teacher's own process
        found = teacher.predict(z, t, None, view, ("uncond", "cond"))
        e_hat = found["uncond"] + scale * (found["cond"] - found["uncond"])
        return (e_hat - ((1 - s) * clean + s * eps)) / (1 - s)

    moved = noise + (1 - s) * (velocity(noise, 1.0) + clean - noise)
    want = velocity(moved, guidance) - (moved - clean)
    got = rfds_rev(teacher, None, latents, SCHEDULE.weighting("velocity"), guidance)(view, t, noise)
    assert (got - want).abs().max() < 1e-10 * want.abs().max()
    still = velocity(noise, guidance) - (noise - clean)
    assert (sds(teacher, None, latents, SCHEDULE.weighting("velocity"), guidance)(view, t, noise)
            - still).abs().max() < 1e-10 * still.abs().max()
    assert (still - want).abs().max() > 0.1 * want.abs().max()
