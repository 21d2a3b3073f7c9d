"""The student's step on worlds where everything is known: Gaussian data, whose denoiser is exact."""

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from carv3d import carv
from carv3d.carv.allocate import Cost
from carv3d.carv.proposal import make_proposal
from carv3d.carv.variance import between_items, set_variance
from carv3d.config.onestep import DistillConfig
from carv3d.diffusion.schedule import scaled_linear
from carv3d.onestep import account, quality
from carv3d.onestep.networks import Denoiser
from carv3d.onestep.student import Student


class Gaussian(nn.Module):
    """The exact denoiser of N(mean, L L^T): eps = (x - alpha E[x0|x]) / sigma."""

    def __init__(self, mean: Tensor, root: Tensor):
        super().__init__()
        self.mean, self.root = nn.Parameter(mean), nn.Parameter(root)

    def clean(self, noisy: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """alpha, sigma: [n,1]."""
        covariance, one = self.root @ self.root.T, torch.eye(len(self.mean))
        whole = alpha[..., None] ** 2 * covariance + sigma[..., None] ** 2 * one
        return self.mean + alpha * torch.linalg.solve(whole, noisy - alpha * self.mean) @ covariance


class Known(Denoiser):
    def __init__(self, mean: Tensor, root: Tensor, start: int = 600):
        self.schedule, self.shape, self.start = scaled_linear(), (len(mean),), start
        self.teacher = Gaussian(mean, root).requires_grad_(False)

    def ask(self, network, noisy, timestep, prompt):
        alpha, sigma = self.schedule.alpha_sigma(timestep, noisy)
        return (noisy - alpha * network.clean(noisy, alpha, sigma)) / sigma

    def pictures(self, outputs):
        return outputs[:, None, :, None].expand(-1, -1, -1, 3)


def one(count: int) -> Tensor:
    """All of the same prompt."""
    return torch.zeros(count, dtype=torch.long)


MEAN, ROOT = torch.tensor([0.5, -1.0]), torch.tensor([[0.8, 0.0], [0.3, 0.5]])


def test_the_generator_comes_to_the_datas_mean_and_covariance():
    """Exact ones of the affine generator, each within three Monte Carlo errors of a sample of 4,000 of the data. The
    control: before training they are far off."""
    denoiser = Known(MEAN, ROOT)
    student = Student(denoiser, DistillConfig(steps=600, outputs=128, k=4, lr=1e-2, fake_lr=1e-2, fake_updates=5,
                                              ema=0.95, cool=0.7, t_max=0.98, normalise=False), 0)

    def moments(network: nn.Module) -> tuple[Tensor, Tensor]:
        ends = denoiser.generate(network, torch.cat([torch.zeros(1, 2), torch.eye(2)]), one(3)).detach()
        matrix = (ends[1:] - ends[0]).T
        return ends[0], matrix @ matrix.T

    covariance = ROOT @ ROOT.T
    errors = (covariance.diagonal() / 4000).sqrt(), ((covariance ** 2 + covariance.diagonal()[:, None]
                                                      * covariance.diagonal()) / 4000).sqrt()
    before = moments(student.average)
    assert ((before[1] - covariance).abs() / errors[1]).max() > 20
    for number in range(600):
        student.step(number, number / 600)
    mean, found = moments(student.average)
    assert ((mean - MEAN).abs() / errors[0]).max() < 3 and ((found - covariance).abs() / errors[1]).max() < 3
    assert student.ledger.outputs == 600 * 128 * 6 and student.ledger.teacher_evals == 600 * 128 * 4


def integrand():
    """A student whose fake score lags, and one output: value(index, timestep, noise) in five dimensions."""
    draw = torch.Generator().manual_seed(0)
    root = torch.eye(5) * 0.6 + 0.1 * torch.randn(5, 5, generator=draw)
    student = Student(Known(torch.randn(5, generator=draw), root), DistillConfig(outputs=1).filled(), 0)
    with torch.no_grad():
        student.fake.mean += 0.5
        student.fake.root *= 1.3
    return student, student.value(torch.randn(1, 5, generator=draw), one(1))


CASES = [(k, stratified, proposal, noise) for k in (1, 2, 4) for stratified in (False, True)
         for proposal in ("uniform", "tilted") for noise in ("iid", "antithetic") if noise == "iid" or k > 1]


@pytest.fixture(scope="module")
def exact():
    """The mean over 400,000 independent draws, and its standard error."""
    student, value = integrand()
    draws = carv.Sampler(400_000, stratified=False, noise="iid").draw(
        1, (5,), student.target, time_generator=torch.Generator().manual_seed(1),
        noise_generator=torch.Generator().manual_seed(2))
    rows = value(torch.zeros(400_000, dtype=torch.long), draws.timestep[0], draws.noise[0]).double()
    return rows.mean(0), rows.std(0) / 400_000 ** 0.5


def estimates(k, stratified, proposal, noise, count=1200):
    """[count,5] independent estimates, as ``count`` copies of the one output."""
    student, value = integrand()
    importance = torch.linspace(0.5, 2, 1000).double() if proposal == "tilted" else None
    draws = [carv.draw(1, k, (5,), make_proposal(student.target, importance), stratified=stratified, noise=noise,
                       time_generator=torch.Generator().manual_seed(9000 + n),
                       noise_generator=torch.Generator().manual_seed(70_000 + n)) for n in range(count)]
    whole = carv.Draws(*(torch.cat([getattr(each, name) for each in draws]) for name in ("timestep", "weight", "noise")))
    return whole, carv.estimate(lambda index, t, e: value(torch.zeros_like(index), t, e), whole).mean.double()


@pytest.mark.parametrize("k,stratified,proposal,noise", CASES)
def test_the_gradient_is_unbiased_for_the_fake_score_as_it_stands(exact, k, stratified, proposal, noise):
    """Each of five means over 1,200 estimates within 4.5 standard errors (false alarm 7e-6 each, 7e-4 for all cases)."""
    rows = estimates(k, stratified, proposal, noise)[1]
    error = (rows.var(0) / len(rows) + exact[1] ** 2).sqrt()
    assert ((rows.mean(0) - exact[0]).abs() < 4.5 * error).all()


def test_control_a_normaliser_averaged_over_draws_estimates_something_else(exact):
    """mean_k (mu_fake - mu_real) / mean_k |x - mu_real|: off by more than 6 standard errors at K = 4."""
    student, _ = integrand()
    raw = Student(student.denoiser, dataclasses.replace(student.own, normalise=False), 0)
    raw.fake.load_state_dict(student.fake.state_dict())
    draw = torch.Generator().manual_seed(0)
    torch.randn(5, 5, generator=draw), torch.randn(5, generator=draw)
    output = torch.randn(1, 5, generator=draw)
    whole, _ = estimates(4, False, "uniform", "iid")
    rows, clean = raw.value(output, one(1)), output.expand(4_800, -1)
    t, e = whole.timestep.flatten(), whole.noise.flatten(0, 1)
    noisy = student.denoiser.schedule.add_noise(clean, e, t)
    size = (clean - student.denoiser.real(noisy, t, one(4_800))).abs().mean(1)
    found = (rows(torch.zeros(4_800, dtype=torch.long), t, e).view(1200, 4, 5).mean(1)
             / size.view(1200, 4).mean(1)[:, None]).double()
    error = (found.var(0) / 1200 + exact[1] ** 2).sqrt()
    assert ((found.mean(0) - exact[0]).abs() / error).max() > 6


def test_where_the_gradients_variance_comes_from():
    """Outputs held fixed, four iid draws have a quarter of one's variance, within 4.5 standard errors over 30 groups
    (false alarm 7e-6); fresh outputs add a part that no number of draws takes away. And while the fake score is the
    teacher still, there is no gradient."""
    student = Student(Known(MEAN, ROOT), DistillConfig(outputs=4, normalise=False).filled(), 0)
    still = account.gradient(student, student.draw(0), student.start(0, "any", 4))
    assert still.abs().max() == 0
    with torch.no_grad():
        student.fake.mean += 0.3
        student.fake.root *= 1.3
    rows = {k: account.replicates(student, account.Way(), k, 30, 16) for k in (1, 4)}
    one, four = (set_variance(rows[k]) for k in (1, 4))
    off, error = (one - 4 * four).mean(), (one.var() / 30 + 16 * four.var() / 30).sqrt()
    assert off.abs() < 4.5 * error and error < 0.2 * one.mean()
    between = [between_items(rows[k]).mean() for k in (4, 1)]
    assert between[0] > 0.2 * four.mean() and 0.5 < between[0] / between[1] < 2


def test_an_update_that_is_not_finite_is_left_out_and_counted():
    """Nothing of the student changes in a step whose teacher breaks, and it goes on after it."""
    student = Student(Known(MEAN, ROOT), DistillConfig(outputs=8, fake_updates=1, importance_sampling=True).filled(), 0)
    student.step(0, 0.0)
    before = [p.clone() for p in student.generator.parameters()]
    teacher, student.denoiser.teacher = student.denoiser.teacher, Gaussian(MEAN * float("nan"), ROOT)
    student.push(1, 0.0)
    assert all(torch.equal(a, b) for a, b in zip(before, student.generator.parameters(), strict=True))
    assert student.ledger.skipped == 1
    student.denoiser.teacher = teacher
    student.step(2, 0.0)
    assert student.ledger.skipped == 1 and all(p.isfinite().all() for p in student.generator.parameters())
    assert not all(torch.equal(a, b) for a, b in zip(before, student.generator.parameters(), strict=True))


def account_of(monkeypatch, push: Cost, whole: Cost, **options):
    """Of a student whose fake score lags, with these costs."""
    monkeypatch.setattr(account, "costs", lambda student: account.Costs(push, whole))
    student = Student(Known(MEAN, ROOT), DistillConfig(outputs=8, normalise=False, **options).filled(), 0)
    with torch.no_grad():
        student.fake.mean += 0.3
        student.fake.root *= 1.3
    return student


def test_the_account_is_of_its_parts(monkeypatch):
    """iid K = 4 on fixed outputs has a quarter of one's variance within its interval; totals, effective compute and K*
    follow from the parts by hand; with the fake's updates an output is dearer, and K* higher."""
    push, whole = Cost(0, 3, 1), Cost(0, 30, 1)
    student = account_of(monkeypatch, push, whole)
    found = account.measure(student, 60, 4, (1, 4))
    rows = {(row["way"], row["k"]): row for row in found["designs"]}
    quarter = rows["iid", 4]["conditional"]
    assert quarter["low"] < 4 < quarter["high"] and quarter["high"] - quarter["low"] < 2
    outputs, draw = (found["variance"][name]["value"] for name in ("outputs", "draw"))
    four = draw / quarter["value"]
    assert rows["iid", 4]["total"]["value"] == pytest.approx((outputs + draw) / (outputs + four))
    assert rows["iid", 4]["ecm"]["whole"]["value"] == pytest.approx((outputs + draw) * 31 / ((outputs + four) * 34))
    assert found["variance"]["rho"]["value"] == pytest.approx(draw / outputs)
    assert found["r"] == {"push": 3, "whole": 30} and found["best_k"]["whole"]["iid"] > found["best_k"]["push"]["iid"]
    assert rows["strata, antithetic", 4]["conditional"]["value"] > quarter["high"]
    assert ("strata, antithetic", 1) not in rows and rows["iid", 1]["ecm"]["push"]["value"] == 1
    assert all(len(line) < 200 for line in account.table(found))


@pytest.mark.parametrize("output,most", [(0.001, 1), (1000.0, 16)])
def test_k_is_chosen_by_cost(monkeypatch, output, most):
    """Outputs that cost nothing are made anew; dear ones are asked about often. A step costs what it did, about; and
    the student is as if nothing had been measured, although timing trains it."""
    student = account_of(monkeypatch, Cost(0, output, 1), Cost(0, output, 1), stratified=False)
    monkeypatch.setattr(account, "CHOOSING", (12, 2, (1, 4, 16)))
    monkeypatch.setattr(account, "costs", lambda student: student.push(0, 0.5) and account.Costs(
        *[Cost(0, output, 1)] * 2))
    student.reshape(64, 1)
    before = {name: p.clone() for name, p in student.generator.state_dict().items()}
    outputs, k = account.choose(student)
    assert all(torch.equal(before[name], p) for name, p in student.generator.state_dict().items())
    assert student.ledger.updates == 0
    assert k == most and abs(outputs * (output + k) - 64 * (output + 1)) <= output + k
    assert (student.own.outputs, student.own.k) == (64, 1)


def test_ddims_steps_come_to_the_data_and_one_does_not():
    denoiser = Known(torch.tensor([0.2, -0.3]), torch.tensor([[0.3, 0.0], [0.1, 0.2]]))
    noise = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    covariance = denoiser.teacher.root @ denoiser.teacher.root.T
    off = {steps: (torch.cov(denoiser.sample(noise, one(20_000), steps).T) - covariance).abs().max() for steps in (1, 50, 250)}
    assert off[1] > 0.05 and off[50] < 0.025 and off[250] < 0.01


def test_frechet_of_gaussians_is_the_formula():
    a = torch.randn(40_000, 2, generator=torch.Generator().manual_seed(0)).double()
    assert quality.frechet(a, a) == pytest.approx(0, abs=1e-6)
    assert quality.frechet(a, 2 * a + 3) == pytest.approx(18 + 2, rel=0.03)  # |m|^2 + sum (s - 1)^2


def test_coverage_sees_what_is_missing_and_precision_what_is_too_much():
    draw = torch.Generator().manual_seed(0)
    data = torch.cat([torch.randn(100, 2, generator=draw), torch.randn(100, 2, generator=draw) + 20])
    half = quality.coverage(torch.randn(200, 2, generator=draw), data)
    wide = quality.coverage(torch.cat([data, data + 200]), data)
    assert half["precision"] > 0.9 and 0.4 < half["coverage"] <= 0.5
    assert wide["precision"] == 0.5 and wide["coverage"] == 1.0
