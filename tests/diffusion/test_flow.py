"""Flow matching where everything is known: data N(m, C), whose flow E[eps - x | x_s] and noise E[eps | z_t] are written
down here, each in its own terms; a network that answers the flow is asked through a teacher."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from carv3d.diffusion.diffusers_teacher import DiffusersTeacher, Levels
from carv3d.diffusion.families import base, table
from carv3d.diffusion.schedule import NoiseSchedule, scaled_linear, shifted, straight_path
from carv3d.objectives.sds import sds

sys.path.insert(0, str(Path(__file__).parent))

import tiny_pipeline as tiny

SHAPE = (2, 2, 2)  # of a latent; eight dimensions
STEPS = 1000
TOKENS = 1024  # of an image, for a shift that depends on it
SD3 = table.of("StableDiffusion3Pipeline")


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed):
    return torch.randn(*shape, generator=gen(seed), dtype=torch.float64)


class Data:
    """N(m + w d, C), where w tells two prompts apart."""

    def __init__(self, full):
        self.mean, self.other = normal(8, seed=1), normal(8, seed=2)
        root = normal(8, 8, seed=3)
        self.cov = root @ root.T / 8 + 0.05 * torch.eye(8) if full else torch.diag(0.05 + normal(8, seed=4).square())

    def means(self, which):
        return self.mean + which[:, None] * self.other

    def flow(self, seen, s, which):
        """E[eps - x | x_s] for x_s = (1 - s) x + s eps; rows [n,8], s and which [n]."""
        keep, mean = (1 - s)[:, None], self.means(which)
        total = keep[..., None].square() * self.cov + s[:, None, None].square() * torch.eye(8)
        apart = torch.linalg.solve(total, seen - keep * mean)
        return s[:, None] * apart - (mean + keep * apart @ self.cov)

    def noise(self, noisy, alpha, sigma, which):
        """E[eps | z] for z = alpha x + sigma eps."""
        total = alpha[:, None, None].square() * self.cov + sigma[:, None, None].square() * torch.eye(8)
        return sigma[:, None] * torch.linalg.solve(total, noisy - alpha[:, None] * self.means(which))


class Flow(nn.Module):
    """A network that answers the exact flow at ``time`` of 1000."""

    dtype = torch.float64

    def __init__(self, data):
        super().__init__()
        self.data = data

    def forward(self, seen, time, which):
        return self.data.flow(seen.flatten(1), time.double() / STEPS, which).reshape(seen.shape)


class Exact(DiffusersTeacher):
    """A teacher of that network. Of its two prompts the first is 1 and the negative one 0."""

    def __init__(self, data, levels):
        super().__init__(Flow(data), None, levels, {"which": torch.tensor([1.0, 0.0], dtype=torch.float64)},
                         weights_of=tiny.PLAIN, description="exact")
        self.latent_shape, self.data = SHAPE, data

    def latents(self, image):
        return image

    def answer(self, noisy, time, text):
        return self.denoiser(noisy, time, text["which"])


def levels(share):
    return Levels(straight_path(share), "flow", STEPS * share)


SHARE = torch.arange(1, STEPS + 1, dtype=torch.float64) / STEPS
MU = 0.5 + (1.15 - 0.5) * (TOKENS - 256) / (4096 - 256)
SHIFTS = {"1": 1.0, "3": 3.0, "dynamic": math.exp(MU)}
FULL = pytest.mark.parametrize("full", [False, True], ids=["diagonal", "full"])
SHIFT = pytest.mark.parametrize("shift", list(SHIFTS))


def teacher(full=True, shift="3", cls=Exact):
    return cls(Data(full), levels(shifted(SHARE, SHIFTS[shift])))


def everywhere(found):
    """Noisy latents at every level, seen once; and what is told of the view."""
    noisy = normal(STEPS, *SHAPE, seed=5)
    condition = found.condition(tiny.seen([0.0]), torch.zeros(1, 3))
    return noisy, torch.arange(STEPS), condition, torch.zeros(STEPS, dtype=torch.long)


def error(found):
    """Of eps_hat at every level and of both branches, the largest over the exact one's largest."""
    noisy, t, condition, view = everywhere(found)
    alpha, sigma = found.schedule.alpha_bar.sqrt(), (1 - found.schedule.alpha_bar).sqrt()
    said = found.predict(noisy, t, condition, view, ("uncond", "cond"))
    want = {name: found.data.noise(noisy.flatten(1), alpha, sigma, torch.full((STEPS,), which, dtype=torch.float64))
            for name, which in (("uncond", 0.0), ("cond", 1.0))}
    return max(((said[name].flatten(1) - want[name]).abs().max() / want[name].abs().max()).item() for name in want)


# ------------------------------------------------------------------------------------------------- the exact prediction


@FULL
def test_the_closed_form_is_the_regression_of_noise_less_image(full):
    """The flow as drawn pairs have it: the least squares of eps - x on x_s, at three levels."""
    data, count = Data(full), 50_000
    x = data.mean + normal(count, 8, seed=6) @ torch.linalg.cholesky(data.cov).T
    noise = normal(count, 8, seed=7)
    for s in (0.2, 0.5, 0.9):
        seen = (1 - s) * x + s * noise
        given = torch.cat([seen, torch.ones(count, 1)], 1)
        fitted = given @ torch.linalg.lstsq(given, noise - x).solution
        want = data.flow(seen, torch.full((count,), s), torch.zeros(count))
        assert (fitted - want).abs().max() < 0.1 * want.abs().max()
        assert (fitted - want).square().mean() < 5e-4 * want.square().mean()


@FULL
@SHIFT
def test_eps_hat_is_exact_at_every_level(full, shift):
    assert error(teacher(full, shift)) < 1e-10


@SHIFT
def test_eps_hat_is_exact_with_the_levels_of_a_folder(shift, tmp_path):
    """Whose times are float32, as networks take them."""
    plan = {"shift": 3.0 if shift == "3" else 1.0, "use_dynamic_shifting": shift == "dynamic"}
    assert error(Exact(Data(True), saved(tmp_path, plan))) < 1e-5


def flipped(monkeypatch):
    own = Exact.answer
    monkeypatch.setattr(Exact, "answer", lambda self, *given: -own(self, *given))


def other_time(monkeypatch):
    own = Exact.answer
    monkeypatch.setattr(Exact, "answer", lambda self, noisy, time, text: own(self, noisy, STEPS - time, text))


def z_in_place_of_x_s(monkeypatch):
    monkeypatch.setattr(NoiseSchedule, "straight", lambda self, noisy, timestep: noisy)


def s_in_place_of_1_less_s(monkeypatch):
    def eps_from_flow(self, noisy, flow, timestep):
        alpha, sigma = self.alpha_sigma(timestep, noisy)
        return (noisy + sigma * flow) / (alpha + sigma)

    monkeypatch.setattr(NoiseSchedule, "eps_from_flow", eps_from_flow)


def image_less_noise(monkeypatch):
    """v_hat taken for x - eps."""
    own = NoiseSchedule.eps_from_flow
    monkeypatch.setattr(NoiseSchedule, "eps_from_flow", lambda self, noisy, flow, t: own(self, noisy, -flow, t))


def betas_in_place_of_the_path(monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "straight_path", lambda share: scaled_linear())


def unshifted_times(monkeypatch):
    """A shift of the levels and not of what the network is told of them."""
    monkeypatch.setattr(sys.modules[__name__], "levels",
                        lambda share: Levels(straight_path(share), "flow", STEPS * SHARE))


@pytest.mark.parametrize("plant", [flipped, other_time, z_in_place_of_x_s, s_in_place_of_1_less_s, image_less_noise,
                                   betas_in_place_of_the_path, unshifted_times])
def test_controls_a_mistake_is_seen(plant, monkeypatch):
    plant(monkeypatch)
    assert error(teacher()) > 0.02


# ------------------------------------------------------------------------------------------------------------ identities


def drawn(found, count=64):
    """Clean, noise, timestep, and s of it [n,1,1,1]; not the last level, where nothing of the image is left."""
    t = torch.randint(0, STEPS - 1, (count,), generator=gen(8))
    s = (found.times[t] / STEPS).reshape(-1, 1, 1, 1)
    return normal(count, *SHAPE, seed=9), normal(count, *SHAPE, seed=10), t, s


@SHIFT
def test_the_identities_of_the_straight_path(shift):
    """e_hat = c z + (1-s) v_hat; e_hat - e = (1-s) (v_hat - v*); x - x0_hat = s (v_hat - v*), with v* = e - x."""
    found = teacher(shift=shift)
    x, e, t, s = drawn(found)
    z, c = found.schedule.add_noise(x, e, t), ((1 - s).square() + s.square()).sqrt()
    close(c * z, (1 - s) * x + s * e)
    close(found.schedule.straight(z, t), c * z)
    v_hat = found.ask(z, t, {"which": torch.ones(len(t), dtype=torch.float64)})
    e_hat = found.to_eps(z, v_hat, t)
    close(e_hat, c * z + (1 - s) * v_hat)
    close(e_hat - e, (1 - s) * (v_hat - (e - x)))
    close(x - found.schedule.x0_said("flow", z, v_hat, t), s * (v_hat - (e - x)))
    close(x - found.schedule.x0_from_eps(z, e_hat, t), s * (v_hat - (e - x)))
    close(found.from_eps(z, e_hat, t), v_hat)
    close(found.from_eps(z, e, t), e - x)


def close(a, b, tolerance=1e-9):
    """Tight where nothing is divided by 1 - s, which is 1e-3 and less at the end."""
    assert (a - b).abs().max() < tolerance * b.abs().max()


def straight_gradient(data, x, e, s, scale):
    """v_hat - (e - x), guided, with the network asked about the straight path; no schedule has a part in it."""
    seen, flat = ((1 - s) * x + s * e).flatten(1), s.flatten()
    uncond, cond = (data.flow(seen, flat, torch.full_like(flat, which)) for which in (0.0, 1.0))
    return (uncond + scale * (cond - uncond)).reshape(x.shape) - (e - x)


@pytest.mark.parametrize("scale", [0.0, 1.0, 7.5])
@pytest.mark.parametrize("weighting", ["velocity", "uniform", "sds", "x0", "fantasia3d"])
@SHIFT
def test_score_distillation_is_the_same_on_both_paths(shift, weighting, scale):
    """w(t) (e_hat - e) of the variance-preserving path against what it is of the straight one's own residual; ``sds``
    is s^2/c^2 (e_hat - e), ``velocity`` the residual itself."""
    found = teacher(shift=shift)
    x, e, t, s = drawn(found)
    c = ((1 - s).square() + s.square()).sqrt()
    residual = straight_gradient(found.data, x, e, s, scale)
    want = {"velocity": residual, "uniform": (1 - s) * residual, "sds": (s / c).square() * (1 - s) * residual,
            "x0": s * residual, "fantasia3d": (1 - s).square() * s.square() / c**3 * residual}[weighting]
    condition = found.condition(tiny.seen([0.0] * len(t)), torch.zeros(len(t), 3))
    value = sds(found, condition, x, found.schedule.weighting(weighting), scale)
    close(value(torch.arange(len(t)), t, e), want, 1e-8)


def test_controls_another_weight_or_target_is_seen():
    """The traps: the residual against noise alone, and a weight that belongs to another residual."""
    found = teacher()
    x, e, t, s = drawn(found)
    residual = straight_gradient(found.data, x, e, s, 7.5)
    condition = found.condition(tiny.seen([0.0] * len(t)), torch.zeros(len(t), 3))
    given = sds(found, condition, x, found.schedule.weighting("velocity"), 7.5)(torch.arange(len(t)), t, e)
    for wrong in (residual - x, (1 - s) * residual, -residual, s * residual):
        assert (given - wrong).abs().max() > 0.1 * residual.abs().max()


# ----------------------------------------------------------------------------------------------------------------- times


def saved(folder, plan, tokens=TOKENS, shift=0.0):
    """The levels of a folder with such a scheduler, as Stable Diffusion 3 is loaded."""
    (folder / "scheduler").mkdir(exist_ok=True)
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps({"num_train_timesteps": STEPS, **plan}))
    return base.noise_levels(folder, SD3, tokens, shift)


PLANS = [{"shift": 1.0}, {"shift": 3.0}, {"shift": 0.4},
         {"use_dynamic_shifting": True, "time_shift_type": "exponential"},
         {"use_dynamic_shifting": True, "time_shift_type": "linear"},
         {"use_dynamic_shifting": True, "base_shift": 0.2, "max_shift": 0.9, "max_image_seq_len": 8192}]


@pytest.mark.parametrize("tokens", [256, TOKENS, 4096])
@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_times_are_those_of_the_scheduler(plan, tokens, tmp_path):
    """Of diffusers, at every level, with mu as pipelines reckon it."""
    from diffusers import FlowMatchEulerDiscreteScheduler
    from diffusers.pipelines.flux.pipeline_flux import calculate_shift

    scheduler = FlowMatchEulerDiscreteScheduler(**plan)
    scheduler.save_pretrained(tmp_path / "scheduler")
    content = json.loads((tmp_path / "scheduler" / "scheduler_config.json").read_text())
    mu = calculate_shift(tokens, scheduler.config.base_image_seq_len, scheduler.config.max_image_seq_len,
                         scheduler.config.base_shift, scheduler.config.max_shift)
    scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / STEPS, STEPS), mu=mu if scheduler.config.use_dynamic_shifting else None)
    found = saved(tmp_path, content, tokens)
    torch.testing.assert_close(found.times, scheduler.timesteps.flip(0), rtol=2e-6, atol=0)
    s = found.times.double() / STEPS
    torch.testing.assert_close(found.schedule.alpha_bar, (1 - s).square() / ((1 - s).square() + s.square()), rtol=0, atol=1e-6)
    assert (found.times.diff() > 0).all() and (found.schedule.alpha_bar.diff() < 0).all()


@pytest.mark.parametrize("shift", [1.0, 3.0, 6.0])
def test_shifts_under_their_other_names(shift, tmp_path):
    """A solver's flow_shift, a user's own, and diffusers' solver itself."""
    from diffusers import DPMSolverMultistepScheduler

    want = STEPS * shifted(SHARE, shift)
    for plan, own in (({"flow_shift": shift, "use_flow_sigmas": True}, 0.0), ({"shift": 2.0}, shift)):
        torch.testing.assert_close(saved(tmp_path, plan, shift=own).times, want.float(), rtol=1e-7, atol=0)
    solver = DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift)
    solver.set_timesteps(20)
    unshifted = 1 - torch.linspace(1, 1 / STEPS, 21, dtype=torch.float64)
    torch.testing.assert_close(solver.sigmas[:-1].double(), shifted(unshifted, shift).flip(0)[:-1], rtol=1e-5, atol=1e-7)


def test_shifted_is_a_group_and_keeps_the_ends():
    """Shifts multiply; 1 is none; both ends stay."""
    torch.testing.assert_close(shifted(shifted(SHARE, 3.0), 2.0), shifted(SHARE, 6.0), rtol=1e-14, atol=0)
    torch.testing.assert_close(shifted(shifted(SHARE, 3.0), 1 / 3), SHARE, rtol=1e-13, atol=0)
    assert torch.equal(shifted(SHARE, 1.0), SHARE)
    assert torch.equal(shifted(torch.tensor([0.0, 1.0]), 3.0), torch.tensor([0.0, 1.0]))
