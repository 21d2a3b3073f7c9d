"""What is learned during a run: the adaptive proposal along a trajectory, and the K chosen from few measurements."""

import dataclasses

import pytest
import torch
import world as worlds
from world import gen

from carv3d import carv
from carv3d.carv import adapt, choose_k
from carv3d.carv.allocate import Cost, work
from carv3d.carv.variance import between_items, set_variance
from carv3d.diffusion.exact import ImageSet
from carv3d.text3d.probe import PAIRS

STEPS, EVERY = 600, 60


def run_adaptively(world, guidance):
    """Score distillation with B = K = 4 draws from the adaptive proposal; theta and the proposal every 60 steps."""
    theta, state, seen = world.start.clone().requires_grad_(), adapt.start("run"), []
    optimiser = torch.optim.Adam([theta], lr=0.04)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for step in range(1, STEPS + 1):
        proposal = adapt.propose(state, world.target, world.weight)
        views = worlds.random_views(4, gen(30_000 + step), strata=True)
        draws = carv.draw(4, 4, world.teacher.latent_shape, proposal, stratified=True, time_generator=gen(2 * step),
                          noise_generator=gen(2 * step + 1))
        value = worlds.sds(world.teacher, None, views.render(theta.detach()), world.weight, guidance)
        estimate = carv.estimate(value, draws)
        state = adapt.observe(state, draws.timestep, estimate.squared_norm, world.weight, "run")
        theta.grad = views.pull_back(theta.detach(), estimate.mean[:, None]).mean((0, 1)).reshape(theta.shape)
        optimiser.step()
        schedule.step()
        if step % EVERY == 0 or step in (5, 20):
            seen.append((theta.detach().clone(), adapt.propose(state, world.target, world.weight)))
    return seen


def within(world, theta, guidance, proposals, seed):
    """Within-render variance of single draws under each proposal over that under uniform, per camera: [P,C], [C].

    All from the same uniform draws: E_q[(p/q)^2 ||h||^2] = E_p[(p/q) ||h||^2].
    """
    views = worlds.random_views(48, gen(seed))
    draws = world.draws(48 * 80, 1, seed, stratified=False)
    gradients = world.theta_gradients(theta, views, draws, guidance)
    squared, mean = gradients.square().sum(-1), gradients.mean(1).square().sum(-1)
    timestep = draws.timestep.reshape(squared.shape)
    return torch.stack([(p.weight[timestep] * squared).mean(1) - mean for p in proposals]), squared.mean(1) - mean


@pytest.mark.parametrize("guidance", [1.0, 7.5])
def test_the_adaptive_proposal_along_a_run(world, guidance):
    """Averaged over the run: at most 1.05 of uniform's variance, 3 standard errors included. Settled (the last third):
    at most 10 % above the oracle's. The control, the oracle turned upside down, must be worse than uniform."""
    ours, uniform, oracle, wrong = [], [], [], []
    for i, (theta, proposal) in enumerate(run_adaptively(world, guidance)):
        views = worlds.random_views(48, gen(900 + i))
        importance = world.oracle_importance(theta, views, guidance, 910 + i)
        best, upside_down = (carv.make_proposal(world.target, x) for x in (importance, 1 / importance.square()))
        values, base = within(world, theta, guidance, (proposal, best, upside_down), 920 + i)
        for rows, row in zip((ours, oracle, wrong), values, strict=True):
            rows.append(row / base.mean())
        uniform.append(base / base.mean())
    shares = torch.stack(ours).mean(0)
    average = shares.mean() + 3 * shares.std() / len(shares) ** 0.5
    settled = torch.stack(ours[-4:]).mean() / torch.stack(oracle[-4:]).mean()
    print(f"guidance {guidance}: run average {shares.mean():.3f} (+3 se {average:.3f}), by time "
          f"{[round(row.mean().item(), 2) for row in ours]}, oracle {[round(row.mean().item(), 2) for row in oracle]}, "
          f"settled over oracle {settled:.3f}, upside down {torch.stack(wrong).mean():.2f}")
    assert average < 1.05
    assert settled < 1.10
    assert torch.stack(wrong[-4:]).mean() > 1.05


class FiniteSet:
    """The exact teacher of 256 renders of one texture, in the world's latents."""

    views_per_item = 1

    def __init__(self, world):
        texture = worlds.blob_texture(gen(77))
        pictures = worlds.random_views(256, gen(78)).render(texture).permute(0, 2, 3, 1)
        self.set = ImageSet(torch.cat([(pictures + 1) / 2, torch.ones_like(pictures[..., :1])], -1))
        self.schedule, self.latent_shape = world.teacher.schedule, world.teacher.latent_shape

    def predict(self, noisy, timestep, condition, view, branches):
        alpha, sigma = self.schedule.alpha_sigma(timestep, noisy)
        eps = (noisy - alpha * self.set.denoise(noisy, alpha, sigma, torch.zeros(3))) / sigma
        return dict.fromkeys(branches, eps)


TEACHERS = {"mixture, guidance 1": 1.0, "mixture, guidance 7.5": 7.5, "finite set": 1.0}


@pytest.fixture(scope="module", params=list(TEACHERS))
def truth(request, world, stage):
    """(gradients(views, draws), S_B, {K: V(K)}) of a teacher at "mid", from 96 cameras and 12 sets of each K."""
    guidance = TEACHERS[request.param]
    if request.param == "finite set":
        world = dataclasses.replace(world, teacher=FiniteSet(world))
    theta = stage("mid", guidance)

    def gradients(views, sets, k, seed):
        structured = dict(stratified=k > 1, noise="antithetic" if k > 1 else "iid")
        draws = world.draws(len(views) * sets, k, seed, world.weight, **structured)
        return world.theta_gradients(theta, views, draws, guidance)

    views = worlds.random_views(96, gen(600))
    by_k = {k: gradients(views, 12, k, 610 + k) for k in choose_k.CHOICES}
    variances = {k: set_variance(rows).mean().item() for k, rows in by_k.items()}
    return request.param, gradients, between_items(by_k[16]).mean().item(), variances


def measured(gradients, ways, seed, cost):
    """What pairs of steps of each way show, two cameras and a set of K each, in gradients' own space."""
    found = {}
    for way in ways:
        views = worlds.random_views(2 * way.items * PAIRS, gen(seed + way.k))
        steps = gradients(views, 1, way.k, seed + way.k)[:, 0].unflatten(0, (PAIRS, 2, way.items)).mean(2)
        one, other = steps.unbind(1)
        found[way] = choose_k.Found(((one - other).square().sum(-1) / 2).tolist(), (one * other).sum(-1).tolist(),
                                    [cost.step(*way)] * PAIRS)
    return found


@pytest.mark.parametrize("r", [0.5, 4.0, 20.0])
def test_the_chosen_k_is_near_the_best(truth, r):
    """Ten runs of five measurements each: on average at most 12 % of the multiplier is lost, 16 % with the finite set,
    whose noise lies in few directions, so that its pairs scatter. The control, where the best
    K is 4 or more: staying at K = 1 loses more than 12 %. No false alarm: the seeds are fixed, and what is lost is 0.01
    to 0.10, and 0.15."""
    name, gradients, between, variances = truth
    cost, items = Cost(0.0, r, 1.0), 2
    spent = {k: work(between, v, items, k, cost) for k, v in variances.items()}
    best = min(spent, key=spent.get)
    chosen = []
    for repeat in range(10):
        account, present = choose_k.Account(), choose_k.Way(items, 4)
        for event in range(5):
            ways = choose_k.candidates(present, (), choose_k.CHOICES, event == 0)
            found = measured(gradients, ways, 70_000 + 1000 * repeat + 100 * event, cost)
            account, decision = choose_k.decide(account, found, present)
            present = choose_k.Way(items, decision["k"])
        chosen.append(present.k)
    lost = [1 - spent[best] / spent[k] for k in chosen]
    print(f"{name}, R {r}: rho {variances[1] / between:.1f}, kappa {8 * variances[8] / variances[1]:.2f}, best K {best}, "
          f"chosen {chosen}, lost {sum(lost) / 10:.3f}")
    assert sum(lost) / 10 <= (0.16 if name == "finite set" else 0.12)
    if best >= 4:
        assert 1 - spent[best] / spent[1] > 0.12
