"""The exact teacher against its definition, and SDS with it against quadrature."""

import numpy as np
import pytest
import torch

from carv3d import carv
from carv3d.cameras import orbit
from carv3d.diffusion.exact import ExactTeacher, ImageSet
from carv3d.diffusion.schedule import scaled_linear
from carv3d.objectives.sds import sds

SCHEDULE = scaled_linear()


def gen(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def premultiplied(count, size, generator, dtype=torch.float64):
    rgba = torch.rand(count, size, size, 4, generator=generator, dtype=dtype)
    rgba[..., 3] *= (rgba[..., 3] > 0.3)
    rgba[..., :3] *= rgba[..., 3:]
    return rgba


def composite(rgba, beta):
    """Pictures in [-1,1] on the background, the plain way: [S,3,H,W]."""
    background = (beta + 1) / 2
    return 2 * (rgba[..., :3] + (1 - rgba[..., 3:]) * background).permute(0, 3, 1, 2) - 1


def log_density(noisy, pictures, alpha, sigma):
    """log of the smoothed empirical density of one latent, by the plain formula, up to a constant."""
    return torch.logsumexp(-(noisy - alpha * pictures).square().flatten(1).sum(1) / (2 * sigma**2), 0)


@pytest.mark.parametrize("t", [20, 200, 500, 900])
def test_score_equals_autograd_of_the_log_density(t):
    """eps_hat = -sigma grad log p_t. Measured worst relative error in float64: 2e-12."""
    rgba, beta = premultiplied(40, 6, gen(t)), torch.tensor([0.3, -0.8, 0.5], dtype=torch.float64)
    pictures = composite(rgba, beta)
    alpha, sigma = SCHEDULE.alpha_bar[t].sqrt(), (1 - SCHEDULE.alpha_bar[t]).sqrt()
    noisy = (alpha * pictures[3] + sigma * torch.randn(3, 6, 6, generator=gen(1), dtype=torch.float64)).requires_grad_()
    (score,) = torch.autograd.grad(log_density(noisy, pictures, alpha, sigma), noisy)
    x0 = ImageSet(rgba, torch.float64).denoise(noisy.detach()[None], alpha.reshape(1, 1, 1, 1),
                                                 sigma.reshape(1, 1, 1, 1), beta)
    eps = SCHEDULE.eps_from_x0(noisy.detach()[None], x0, torch.tensor([t]))[0]
    assert (eps + sigma * score).norm() / (sigma * score).norm() < 1e-9


def test_float32_agrees_with_float64_at_full_size():
    """64x64 pictures that differ little, at every noise level. Measured worst absolute error of x0: 6e-4 (t = 0)."""
    base = premultiplied(1, 64, gen(0))
    rgba = (base + 0.02 * premultiplied(64, 64, gen(1))).clamp(0, 1)
    beta = torch.tensor([0.9, -0.9, 0.1], dtype=torch.float64)
    exact, fast = ImageSet(rgba, torch.float64), ImageSet(rgba)
    worst = 0.0
    for t in (0, 5, 20, 100, 400, 999):
        ts = torch.full((4,), t)
        clean = composite(rgba[:4], beta)
        noise = torch.randn(4, 3, 64, 64, generator=gen(2), dtype=torch.float64)
        noisy = SCHEDULE.add_noise(clean, noise, ts)
        alpha, sigma = SCHEDULE.alpha_sigma(ts, noisy)
        truth = exact.denoise(noisy, alpha, sigma, beta)
        near = fast.denoise(noisy.float(), alpha.float(), sigma.float(), beta.float())
        worst = max(worst, (truth - near).abs().max().item())
    assert worst < 5e-3


def teacher_of(points: torch.Tensor, views: int = 1) -> ExactTeacher:
    """A one-pixel teacher whose data are ``points`` [S,3] in [-1,1] (opaque, so the background does not matter)."""
    rgba = torch.cat([(points + 1) / 2, torch.ones(len(points), 1)], -1).reshape(-1, 1, 1, 4).float()
    return ExactTeacher(SCHEDULE, lambda i: rgba, lambda: rgba * 0.5, views=views, present=[0], size=1, description="points")


def views_of(teacher, count):
    return teacher.condition(orbit([0.0] * count, 0.0, 2.65, 40.0, 1, 1), torch.rand(count, 3, generator=gen(9)))


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("importance,strata", [(False, False), (True, False), (True, True)])
def test_sds_gradient_equals_quadrature(dimensions, importance, strata):
    """E over t (all of them) and noise (Gauss-Hermite, 80 nodes a dimension) of w (eps_hat - eps).

    |z| < 5 for at most 3 numbers: false-alarm rate below 2e-6. The control, another latent, must be far off.
    """
    points = torch.tensor([[-0.8, 0.3, 0.1], [0.1, -0.5, 0.1], [0.7, 0.6, 0.1]])
    points[:, dimensions:] = 0.1
    latent = torch.tensor([0.25, -0.1, 0.1])
    latent[dimensions:] = 0.1
    teacher, weight = teacher_of(points), SCHEDULE.weighting("sds")
    low, high = 100, 900

    nodes, mass = np.polynomial.hermite_e.hermegauss(80)
    grids = np.meshgrid(*[nodes] * dimensions, indexing="ij")
    noise = np.zeros((grids[0].size, 3))
    for d, grid in enumerate(grids):
        noise[:, d] = grid.ravel()
    weights = np.prod(np.meshgrid(*[mass / mass.sum()] * dimensions, indexing="ij"), 0).ravel()
    truth = np.zeros(3)
    x = points.double().numpy()
    for t in range(low, high + 1):
        a, s = float(SCHEDULE.alpha_bar[t].sqrt()), float((1 - SCHEDULE.alpha_bar[t]).sqrt())
        z = a * latent.double().numpy() + s * noise
        logits = -((z[:, None] - a * x) ** 2).sum(-1) / (2 * s * s)
        posterior = np.exp(logits - logits.max(1, keepdims=True))
        x0 = posterior @ x / posterior.sum(1, keepdims=True)
        truth += float(weight[t]) * (weights @ ((z - a * x0) / s - noise)) / (high - low + 1)

    proposal = carv.make_proposal(carv.uniform_target(1000, low, high), weight if importance else None)
    repeats, k = 4000, 8
    draws = carv.draw(repeats, k, (3, 1, 1), proposal, stratified=strata, time_generator=gen(3), noise_generator=gen(4))
    draws.noise[:, :, dimensions:] = 0

    def z_of(z):
        value = sds(teacher, views_of(teacher, 1), z.reshape(1, 3, 1, 1).float(), weight, 1.0)
        means = carv.estimate(lambda i, t, n: value(torch.zeros_like(i), t, n), draws).mean.reshape(repeats, 3).double()
        error = (means.mean(0) - torch.from_numpy(truth))[:dimensions]
        return (error / (means.std(0)[:dimensions] / repeats**0.5)).abs().max().item()

    assert z_of(latent) < 5
    assert z_of(latent + torch.tensor([0.2, 0.0, 0.0])) > 10


def test_k1_iid_is_a_plain_sds_step_to_the_bit():
    """Plain SDS, written out: draw t and noise, one teacher call, w (eps_hat - eps)."""
    teacher = teacher_of(2 * torch.rand(50, 3, generator=gen(0)) - 1)
    latents = 2 * torch.rand(3, 3, 1, 1, generator=gen(1)) - 1
    weight, condition = SCHEDULE.weighting("sds"), views_of(teacher, 3)
    proposal = carv.make_proposal(carv.uniform_target(1000, 20, 980))
    draws = carv.draw(3, 1, (3, 1, 1), proposal, stratified=False, time_generator=gen(2), noise_generator=gen(3))
    ours = carv.estimate(sds(teacher, condition, latents, weight, 7.5), draws).mean

    t = 20 + (torch.rand(3, 1, generator=gen(2), dtype=torch.float64)[:, 0] * 961).long()
    eps = torch.randn(3, 1, 3, 1, 1, generator=gen(3))[:, 0]
    alpha_bar = SCHEDULE.alpha_bar[t].reshape(3, 1, 1, 1)
    noisy = alpha_bar.sqrt().float() * latents + (1 - alpha_bar).sqrt().float() * eps
    predicted = teacher.predict(noisy, t, condition, torch.arange(3), ("uncond", "cond"))
    eps_hat = predicted["uncond"] + 7.5 * (predicted["cond"] - predicted["uncond"])
    plain = weight[t].float().reshape(3, 1, 1, 1) * (eps_hat - eps)
    assert torch.equal(ours, plain)


def test_a_batch_of_draws_equals_single_calls():
    teacher = teacher_of(2 * torch.rand(50, 3, generator=gen(0)) - 1)
    condition = views_of(teacher, 2)
    noisy, t, view = torch.randn(6, 3, 1, 1, generator=gen(1)), torch.arange(100, 700, 100), torch.tensor([0, 1] * 3)
    whole = teacher.predict(noisy, t, condition, view, ("cond",))["cond"]
    single = torch.cat([teacher.predict(noisy[i : i + 1], t[i : i + 1], condition, view[i : i + 1], ("cond",))["cond"]
                        for i in range(6)])
    assert torch.allclose(whole, single, atol=1e-5)


def test_views_choose_their_set_and_background_its_colour():
    sets = {i: torch.full((1, 2, 2, 4), 0.1 * i) for i in range(9)}
    for picture in sets.values():
        picture[..., 3] = 0.5
    teacher = ExactTeacher(SCHEDULE, lambda i: sets[i], lambda: sets[0], views=8, present=list(range(9)), size=2, description="")
    background = torch.tensor([[1.0, 0.0, 0.5]]).expand(3, 3)
    condition = teacher.condition(orbit([0.0, 90.0, 10.0], [0.0, 0.0, 70.0], 2.65, 40.0, 2, 2), background)
    assert condition.view == [0, 2, 8]
    t = torch.full((3,), 500)
    noisy = torch.randn(3, 3, 2, 2, generator=gen(0))
    eps = teacher.predict(noisy, t, condition, torch.arange(3), ("cond",))["cond"]
    x0 = SCHEDULE.x0_from_eps(noisy, eps, t)
    for row, i in enumerate((0, 2, 8)):  # a set of one picture: x0_hat is that picture on the background
        expected = 2 * (0.1 * i + 0.5 * background[row]) - 1
        assert torch.allclose(x0[row].mean((1, 2)), expected, atol=1e-4)


def test_encode_scales_and_resizes():
    teacher = ExactTeacher(SCHEDULE, lambda i: None, lambda: None, views=1, present=[0], size=8, description="")
    rgb = torch.rand(2, 8, 8, 3, generator=gen(0))
    assert torch.equal(teacher.encode(rgb), 2 * rgb.permute(0, 3, 1, 2) - 1)
    flat = torch.full((1, 4, 4, 3), 0.75, requires_grad=True)
    latents = teacher.encode(flat)
    assert latents.shape == (1, 3, 8, 8) and torch.allclose(latents, torch.tensor(0.5))
    latents.sum().backward()
    assert flat.grad.abs().min() > 0
