"""The mixture teacher against its definition: dense covariances, autograd, float64, orthogonality, closed forms."""

import pytest
import torch

from carv3d import carv
from carv3d.diffusion.mixture import MixtureTeacher, cosine_basis
from carv3d.diffusion.schedule import scaled_linear
from carv3d.objectives.sds import sds

SCHEDULE = scaled_linear()
SHAPE = (2, 4, 6)  # height and width differ: a transposed basis would show
DIMENSIONS = 48
IDENTITY = torch.eye(DIMENSIONS, dtype=torch.float64)


def gen(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def parts(count=5, rank=3, seed=0):
    """mean [M,c,h,w], factors [M,r,c,h,w], spectrum [c,h,w], prior [M] in float64."""
    g = gen(seed)
    mean = 0.7 * torch.randn(count, *SHAPE, generator=g, dtype=torch.float64)
    factors = 0.5 * torch.randn(count, rank, *SHAPE, generator=g, dtype=torch.float64)
    spectrum = 0.05 + 0.3 * torch.rand(SHAPE, generator=g, dtype=torch.float64)
    return mean, factors, spectrum, 0.2 + torch.rand(count, generator=g, dtype=torch.float64)


def dense_covariances(factors, spectrum):
    """[M,d,d], by the definition: U^T U + F^T diag(s) F with F the Kronecker product of the cosine bases."""
    channels, height, width = SHAPE
    basis = torch.block_diag(*[torch.kron(cosine_basis(height), cosine_basis(width))] * channels)
    rows = factors.flatten(2)
    return rows.mT @ rows + basis.T @ torch.diag(spectrum.flatten()) @ basis


def plain_eps(noisy, t, mean, factors, spectrum, prior):
    """-sigma grad log p_t by autograd of torch's own dense mixture, for noisy [n,c,h,w] at one t."""
    alpha_bar = SCHEDULE.alpha_bar[t]
    covariance = alpha_bar * dense_covariances(factors, spectrum) + (1 - alpha_bar) * IDENTITY
    normal = torch.distributions.MultivariateNormal(alpha_bar.sqrt() * mean.flatten(1), covariance)
    mixture = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(prior), normal)
    noisy = noisy.clone().requires_grad_()
    (score,) = torch.autograd.grad(mixture.log_prob(noisy.flatten(1)).sum(), noisy)
    return -(1 - alpha_bar).sqrt() * score


def test_cosine_basis_is_orthonormal():
    basis = cosine_basis(7)
    assert (basis @ basis.T - torch.eye(7)).abs().max() < 1e-14
    assert (basis[0] - basis[0, 0]).abs().max() < 1e-15


@pytest.mark.parametrize("t", [0, 20, 300, 979])
@pytest.mark.parametrize("dtype,tolerance", [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_eps_equals_autograd_of_the_dense_log_density(t, dtype, tolerance):
    """Both branches. Measured worst relative error: 2e-14 in float64, 4e-7 in float32."""
    mean, factors, spectrum, prior = parts()
    prompt = [3, 1]
    teacher = MixtureTeacher(SCHEDULE, mean, factors, spectrum, prior=prior, prompt=prompt, dtype=dtype)
    clean = teacher.sample(6, "uncond", gen(1)).double()
    timestep = torch.full((6,), t)
    noisy = SCHEDULE.add_noise(clean, torch.randn(clean.shape, generator=gen(2), dtype=torch.float64), timestep)
    out = teacher.predict(noisy.to(dtype), timestep, None, timestep, ("uncond", "cond"))
    for branch, chosen in (("uncond", list(range(5))), ("cond", prompt)):
        truth = plain_eps(noisy, t, mean[chosen], factors[chosen], spectrum, prior[chosen])
        assert (out[branch] - truth).norm() / truth.norm() < tolerance


def test_only_wanted_branches_and_mixed_timesteps():
    mean, factors, spectrum, _ = parts()
    teacher = MixtureTeacher(SCHEDULE, mean, factors, spectrum, prompt=[0])
    noisy, timestep = torch.randn(4, *SHAPE, generator=gen(3)), torch.tensor([20, 900, 400, 20])
    whole = teacher.predict(noisy, timestep, None, timestep, ("cond",))
    assert list(whole) == ["cond"]
    single = [teacher.predict(noisy[i : i + 1], timestep[i : i + 1], None, None, ("cond",))["cond"] for i in range(4)]
    assert torch.allclose(whole["cond"], torch.cat(single), atol=1e-5)


@pytest.mark.parametrize("t", [20, 300, 700, 979])
def test_residual_is_orthogonal_to_the_prediction(world, t):
    """E<eps_hat, eps_hat - e> = 0 for the law's own draws, in units of E|eps_hat - e|^2. |z| < 5 on four numbers: false
    alarms below 3e-6. The control, a prediction 10 % too large, is caught."""
    teacher, count = world.teacher, 2000
    timestep = torch.full((count,), t)
    noise = torch.randn(count, *teacher.latent_shape, generator=gen(t))
    noisy = teacher.schedule.add_noise(teacher.sample(count, "uncond", gen(t + 1)), noise, timestep)
    eps_hat = teacher.predict(noisy, timestep, None, None, ("uncond",))["uncond"]

    def z(prediction):
        products = (prediction * (prediction - noise)).flatten(1).sum(1)
        return (products.mean() / (products.std() / count**0.5)).abs()

    assert z(eps_hat) < 5
    assert z(1.1 * eps_hat) > 20


def test_full_size_float32_agrees_with_float64(world):
    """The forty components at 3 x 16 x 16, all noise levels. Measured worst relative error: 7e-6."""
    fast = world.teacher
    exact = MixtureTeacher(SCHEDULE, *world.law, prompt=fast.prompt, dtype=torch.float64)
    timestep = torch.tensor([0, 5, 20, 100, 400, 999]).repeat_interleave(8)
    noisy = fast.schedule.add_noise(fast.sample(48, "uncond", gen(5)),
                                    torch.randn(48, *fast.latent_shape, generator=gen(6)), timestep)
    for branch in ("uncond", "cond"):
        near = fast.predict(noisy, timestep, None, None, (branch,))[branch].double()
        truth = exact.predict(noisy.double(), timestep, None, None, (branch,))[branch]
        assert ((near - truth).flatten(1).norm(dim=1) / truth.flatten(1).norm(dim=1)).max() < 1e-4


def affine_residual(t, x, mean, factors, spectrum):
    """One Gaussian: f / w = b + A e with b = alpha sigma C^-1 (x - mu), A = sigma^2 C^-1 - I; dense, float64."""
    alpha_bar = SCHEDULE.alpha_bar[t]
    alpha, sigma = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
    inverse = torch.linalg.inv(alpha_bar * dense_covariances(factors[None], spectrum)[0] + sigma**2 * IDENTITY)
    return alpha * sigma * inverse @ (x - mean).flatten(), sigma**2 * inverse - IDENTITY


@pytest.mark.parametrize("by_weight", [False, True])
def test_one_gaussian_mean_and_variance_in_closed_form(by_weight):
    """E f = sum_t p w b_t and W(1) = sum_t p (p/q) w^2 (||b_t||^2 + ||A_t||_F^2) - ||E f||^2, exact sums over t.

    Against 40,000 draws: |z| < 5 on 49 numbers, false alarms below 3e-5. Control: the other proposal's W is far off.
    """
    mean, factors, spectrum = (x[0] if i < 2 else x for i, x in enumerate(parts()[:3]))
    teacher = MixtureTeacher.gaussian(SCHEDULE, mean, factors, spectrum)
    x = torch.randn(SHAPE, generator=gen(7), dtype=torch.float64)
    weight, target = SCHEDULE.weighting("sds"), carv.uniform_target(1000, 20, 979)
    proposal = carv.make_proposal(target, weight if by_weight else None)
    supported = target.nonzero()[:, 0].tolist()
    drift, gain = zip(*(affine_residual(t, x, mean, factors, spectrum) for t in supported))
    w, p = weight[supported], target[supported]
    truth = (p * w) @ torch.stack(drift)
    second = w.square() * torch.stack([b.square().sum() + a.square().sum() for b, a in zip(drift, gain)])

    def within(weights):
        return (p * weights[supported]) @ second - truth.square().sum()

    draws = carv.draw(40_000, 1, SHAPE, proposal, stratified=False, time_generator=gen(8), noise_generator=gen(9))
    value = sds(teacher, None, x.float()[None].expand(40_000, *SHAPE), weight, 1.0)
    samples = carv.estimate(value, draws).mean.flatten(1).double()
    assert ((samples.mean(0) - truth) / (samples.std(0) / 200)).abs().max() < 5
    squared = (samples - truth).square().sum(1)
    z = [((squared.mean() - within(q.weight)) / (squared.std() / 200)).abs()
         for q in (proposal, carv.make_proposal(target, None if by_weight else weight))]
    assert z[0] < 5 and z[1] > 20


@pytest.mark.parametrize("change,words", [
    ({"factors": torch.zeros(4, 3, *SHAPE)}, r"factors must have shape \[5, r, 2, 4, 6\], got \[4, 3, 2, 4, 6\]"),
    ({"mean": torch.zeros(5, 4)}, r"mean must have shape \[M,c,h,w\], got \[5, 4\]"),
    ({"spectrum": torch.full(SHAPE, -0.5)}, "non-negative.*min -0.5"),
    ({"prior": torch.zeros(5)}, "prior must be 5 positive"),
    ({"prompt": []}, r"got \[\]"),
    ({"prompt": [5]}, r"0..4, got \[5\]"),
])
def test_bad_arguments_are_named(change, words):
    mean, factors, spectrum, _ = parts()
    with pytest.raises(ValueError, match=words):
        MixtureTeacher(SCHEDULE, **{"mean": mean, "factors": factors, "spectrum": spectrum, **change})


def test_encode_takes_pictures_of_the_latents_size():
    teacher = MixtureTeacher.gaussian(SCHEDULE, torch.zeros(3, 4, 6), torch.zeros(1, 3, 4, 6), torch.ones(3, 4, 6))
    rgb = torch.rand(2, 4, 6, 3, generator=gen(0))
    assert torch.equal(teacher.encode(rgb), 2 * rgb.permute(0, 3, 1, 2) - 1)
    with pytest.raises(ValueError, match=r"\(3, 4, 6\), got \(3, 5, 6\)"):
        teacher.encode(torch.rand(2, 5, 6, 3))
