"""Gradients against autograd, scores against explicit inverses and exact influence, unbiasedness, LDS."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor

from carv3d import carv, digits
from carv3d.attribution import estimators, evaluate, gradients, lds, loop, world
from carv3d.attribution.gradients import Digits, Looked, Rows, Source
from carv3d.attribution.world import Truth
from carv3d.carv.proposal import make_proposal, uniform_target
from carv3d.carv.variance import Sketch
from carv3d.config.attribution import AttributeConfig
from carv3d.runtime.errors import UserError


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int, seed: int = 1) -> digits.Pictures:
    return digits.Pictures(torch.rand(count, digits.PIXELS, generator=seeded(seed)) * 2 - 1,
                           torch.arange(count) % digits.LABELS)


def drawn(k: int, seed: int = 2, **options) -> carv.Draws:
    return carv.Sampler(k, **{"stratified": True, "noise": "iid"} | options).draw(
        1, (digits.PIXELS,), uniform_target(digits.STEPS, 0, digits.STEPS - 1), time_generator=seeded(seed),
        noise_generator=seeded(seed + 1))


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "labelled"])
def model(request) -> digits.Denoisers:
    return digits.Denoisers(1, digits.Recipe(width=16, embedding=8, labelled=request.param), seeded())


def by_autograd(model: digits.Denoisers, data: digits.Pictures, draws: carv.Draws, output: str) -> Tensor:
    """Weighted mean gradients, one backward a picture, in the order of ``Digits.means``."""
    order = [p for pair in zip(model.weight, model.bias, strict=True) for p in pair]
    rows = []
    for value, label in zip(data.values, data.labels, strict=True):
        t, noise = draws.timestep[0], draws.noise[0]
        noisy = digits.schedule().add_noise(value.expand(len(t), -1), noise, t)
        guess = model(noisy[None], t[None], label.expand(1, len(t)))[0]
        error = guess - noise if output == "loss" else guess
        loss = (draws.weight[0] * error.square().mean(-1)).mean()
        rows.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, order)]))
    return torch.stack(rows)


@pytest.mark.parametrize("output", gradients.OUTPUTS)
def test_gradients_are_those_of_autograd(model, output):
    data, draws = pictures(5), drawn(3)
    source = Digits(model, data, output, None)
    whole = by_autograd(model, data, draws, output)
    looked = source.look(slice(0, 5), draws)
    assert torch.allclose(looked.total / 3, whole, rtol=1e-4, atol=1e-6 * whole.abs().max().item())
    one, rows = draws.part(draws=slice(1, 2)), looked.rows[1]
    alone = by_autograd(model, data, one, output)
    assert torch.allclose(rows.gram(rows), alone @ alone.T, rtol=1e-4, atol=1e-6 * (alone @ alone.T).max().item())
    assert torch.allclose(rows.norm(), alone.norm(dim=1), rtol=1e-4)


def test_a_sketch_keeps_inner_products(model):
    """Unbiased: over 200 sketches of 256 numbers the mean product is within five standard errors (false alarm 6e-7)."""
    data, draws = pictures(2), drawn(2)
    whole = Digits(model, data, "loss", None).look(slice(0, 2), draws).total
    found = []
    for seed in range(200):
        sketch = Sketch.make(whole.shape[1], 256, seeded(seed))
        part = Digits(model, data, "loss", sketch).look(slice(0, 2), draws).total
        assert part.shape == (2, 256)
        found.append((part[0] @ part[1]).item())
    error = np.std(found, ddof=1) / 200 ** 0.5
    assert abs(np.mean(found) - (whole[0] @ whole[1]).item()) < 5 * error


class Linear(Source):
    """Pictures (x, y) whose gradients at a draw are known: the residual's, (x w - y) x, and t e / 4 along x's reverse;
    steep: times (1 + t)^2."""

    def __init__(self, x: Tensor, y: Tensor, w: Tensor, steep: bool = False):
        self.x, self.y, self.w, self.steep = x, y, w, steep

    def __len__(self) -> int:
        return len(self.x)

    def _gradients(self, timestep, noise) -> Tensor:
        found = (self.x @ self.w - self.y)[:, None] * self.x + timestep * noise / 4 * self.x.flip(1)
        return found * (1 + timestep) ** 2 if self.steep else found

    def look(self, part: slice, draws: carv.Draws) -> Looked:
        each = [self._gradients(t, e.squeeze())[part] for t, e in zip(draws.timestep[0], draws.noise[0], strict=True)]
        return Looked([Flat(one) for one in each], torch.einsum("k,knd->nd", draws.weight[0], torch.stack(each)))


class Flat(Rows):
    def __init__(self, values: Tensor):
        self.values = values

    def gram(self, other: Rows) -> Tensor:
        return self.values @ other.values.T

    def norm(self) -> Tensor:
        return self.values.norm(dim=1)


def least_squares(count: int, width: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    draw = seeded(seed)
    x = torch.randn(count, width, generator=draw).double()
    y = x @ torch.randn(width, generator=draw).double() + 0.5 * torch.randn(count, generator=draw).double()
    return x, y, torch.linalg.lstsq(x, y[:, None]).solution[:, 0]


def test_the_kernel_ranks_as_leaving_one_out_does():
    """In least squares influence is exact: without picture i the query's prediction moves by x_q H^-1 x_i r_i / (1 - h_i).
    Gradients are r x, so the kernel's score is that change times the query's residual, up to damping and the leverage.
    The cosine, which knows no curvature, is the control that agrees less where pictures are correlated."""
    x, y, w = least_squares(60, 6, 3)
    x = x @ torch.diag(torch.tensor([8.0, 4, 2, 1, 0.5, 0.25]).double())
    w = torch.linalg.lstsq(x, y[:, None]).solution[:, 0]
    asked, target = x[:8] + 0.1, y[:8] + 1
    loss = (asked @ w - target).square() / 2
    true = torch.zeros(8, 60).double()
    for i in range(60):
        keep = torch.arange(60) != i
        without = torch.linalg.lstsq(x[keep], y[keep, None]).solution[:, 0]
        true[:, i] = (asked @ without - target).square() / 2 - loss  # positive: it helped
    training, queries = ((a @ w - b)[:, None] * a for a, b in ((x, y), (asked, target)))
    found = estimators.of_means(queries, training, 1e-6)

    def agreement(scores: Tensor) -> float:
        return float(np.mean([spearmanr(a, b).statistic for a, b in zip(scores.numpy(), true.numpy(), strict=True)]))

    assert agreement(found["kernel"]) > 0.75
    assert agreement(found["cosine_of_means"]) < agreement(found["kernel"]) - 0.1


def test_the_kernel_is_the_explicit_inverse():
    rows, asked = torch.randn(20, 7, generator=seeded(1)), torch.randn(3, 7, generator=seeded(2))
    own = (rows @ rows.T).double()
    damping = 0.05 * torch.linalg.eigvalsh(own).mean()
    expected = (asked @ rows.T).double() @ torch.linalg.inv(own + damping * torch.eye(20).double())
    assert torch.allclose(estimators.of_means(asked, rows, 0.05)["kernel"].double(), expected, atol=1e-4)


# --- unbiased ---------------------------------------------------------------------------------------------------------

T = 8  # noise levels of the small problem


def small_problem(steep: bool = False) -> tuple[Linear, Linear]:
    x, y, w = least_squares(6, 3, 5)
    x, y, w = x.float(), y.float(), w.float()
    return Linear(x[:2] + 0.3, y[:2] + 1, w, steep), Linear(x, y, w, steep)


def sets(count: int, k: int, proposal: Tensor | None, first: int = 0, **options) -> list[carv.Draws]:
    made, target = [], uniform_target(T, 0, T - 1)
    for number in range(first, first + count):
        made.append(carv.draw(1, k, (1,), make_proposal(target, proposal), time_generator=seeded(7000 + number),
                              noise_generator=seeded(90_000 + number), **options))
    return made


@pytest.fixture(scope="module")
def expected() -> dict[str, Tensor]:
    """E over t and noise by quadrature: 40 Gauss-Hermite points at every level."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    weights = torch.tensor(weights / weights.sum()).float()
    queries, training = small_problem()
    total = {name: torch.zeros(2, 6) for name in estimators.OF_DRAWS}
    for t in range(T):
        draws = carv.Draws(torch.full((1, 200), t), (weights * 200)[None], torch.tensor(nodes).float().view(1, 200, 1))
        for name, scores in estimators.of_set(queries, training, draws, draws)[0].items():
            total[name] += scores / T
    return total


CASES = [(k, stratified, proposal, noise) for k in (1, 2, 4) for stratified in (False, True)
         for proposal in ("uniform", "tilted") for noise in ("iid", "antithetic") if noise == "iid" or k > 1]


@pytest.mark.parametrize("k,stratified,proposal,noise", CASES)
def test_cosine_and_dot_are_unbiased(expected, k, stratified, proposal, noise):
    """For every K, strata, proposal and noise: each of 24 means over 400 sets within 4.5 standard errors (false alarm
    7e-6 each, 3e-3 for all cases together; the seeds are fixed). The control is below."""
    importance = torch.linspace(0.5, 2, T).double() if proposal == "tilted" else None
    queries, training = small_problem()
    found = [estimators.of_set(queries, training, one, one)[0]
             for one in sets(400, k, importance, stratified=stratified, noise=noise)]
    for name, exact in expected.items():
        rows = torch.stack([each[name] for each in found])
        error = rows.std(0) / len(rows) ** 0.5
        assert ((rows.mean(0) - exact).abs() < 4.5 * error + 1e-4).all(), name


def test_control_the_cosine_of_means_is_no_estimate_of_the_cosine(expected):
    """And what it does estimate changes with K: it is biased."""
    queries, training = small_problem()
    means = {}
    for k in (1, 4):
        rows = torch.stack([
            estimators.of_means(*estimators.of_set(queries, training, one, one)[1:], 1.0)["cosine_of_means"]
            for one in sets(1500, k, None, stratified=True, noise="iid")])
        means[k] = rows.mean(0), rows.std(0) / len(rows) ** 0.5
    assert ((means[4][0] - means[1][0]).abs() > 6 * (means[1][1].square() + means[4][1].square()).sqrt()).any()
    assert ((means[4][0] - expected["cosine"]).abs() > 6 * means[4][1]).any()


@pytest.mark.parametrize("stratified", [False, True])
def test_the_dot_of_means_is_unbiased(stratified):
    """Of 3 sets of 2 draws: each of twelve means over 600 runs within 4.5 standard errors of the inner product of exact
    mean gradients, by quadrature (false alarm 8e-5 each). The control, products of pooled means, which shared draws
    bias, is off by more than 8 somewhere."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    weights = torch.tensor(weights / weights.sum()).float()
    queries, training = small_problem()
    means = [torch.zeros(2, 3), torch.zeros(6, 3)]
    for t in range(T):
        draws = carv.Draws(torch.full((1, 200), t), (weights * 200)[None], torch.tensor(nodes).float().view(1, 200, 1))
        for total, found in zip(means, estimators.of_set(queries, training, draws, draws)[1:], strict=True):
            total += found / T
    exact, rows, plain = means[0] @ means[1].T, [], []
    for number in range(600):
        found = loop.Scores(damping=1.0)
        for one in sets(3, 2, None, stratified=stratified, noise="iid", first=3 * number):
            scores, *of = estimators.of_set(queries, training, one, one)
            found.add(scores, *of, 0)
        rows.append(found.pooled()["dot_of_means"])
        plain.append(found.queries @ found.training.T / 9)
    off = [((each.mean(0) - exact) / (each.std(0) / 600 ** 0.5)).abs() for each in map(torch.stack, (rows, plain))]
    assert (off[0] < 4.5).all() and (off[1] > 8).any()


def test_of_many_pictures_the_small_inverse_is_taken_and_is_the_same():
    rows, asked = torch.randn(40, 7, generator=seeded(1)), torch.randn(3, 7, generator=seeded(2))
    own = (rows @ rows.T).double()
    damped = own + 0.05 * own.diagonal().mean() * torch.eye(40).double()
    expected = (asked @ rows.T).double() @ torch.linalg.inv(damped)
    assert torch.allclose(estimators.of_means(asked, rows, 0.05)["kernel"].double(), expected, atol=1e-4)


# --- where draws go ---------------------------------------------------------------------------------------------------

def test_importance_sampling_lowers_the_variance_where_lengths_differ_and_stays_unbiased():
    """The lengths of the small problem's gradients are made to differ by level; the sets' mean dot product is within
    4.5 standard errors of that without a proposal (24 pairs, false alarm 2e-4), with less than 0.8 of its variance."""
    queries, training = small_problem(steep=True)
    target, found = uniform_target(T, 0, T - 1), {}
    for on in (False, True):
        config = AttributeConfig(k=2, noise="iid", method="dot", stratified=False, importance_sampling=on)
        fitted = loop.importance(config, training, (1,), target, 0) if on else None
        rows = []
        for number in range(1200):
            draws = loop.draw(config, (1,), target, 0, number, f"test {on}", fitted)
            rows.append(estimators.of_set(queries, training, draws, draws)[0]["dot"])
        found[on] = torch.stack(rows)
    spread = {on: rows.var(0) for on, rows in found.items()}
    error = ((spread[False] + spread[True]) / 1200).sqrt()
    assert ((found[True].mean(0) - found[False].mean(0)).abs() < 4.5 * error).all()
    assert spread[True].mean() < 0.8 * spread[False].mean()


def test_noise_levels_can_be_narrowed():
    found = world.levels(AttributeConfig(t_min=0.1, t_max=0.4), 100).nonzero()[:, 0]
    assert found.tolist() == list(range(10, 41)) and world.levels(AttributeConfig(), 100).count_nonzero() == 100
    with pytest.raises(UserError, match="attribute.t_min"):
        AttributeConfig(t_min=0.5, t_max=0.5).check("attribute")


def test_a_proposal_is_floored_and_follows_the_lengths():
    target = uniform_target(T, 0, T - 1)
    for method in ("cosine", "kernel"):
        fitted = loop.importance(AttributeConfig(method=method), small_problem(steep=True)[1], (1,), target, 0)
        assert fitted.shape == (T,) and (fitted >= loop.FLOOR * fitted.mean() / 1.1).all()
    assert fitted[0] < fitted[-1] / 2


# --- what a run adds up to --------------------------------------------------------------------------------------------

def scored(**options) -> loop.Scores:
    queries, training = small_problem()
    config, scores = AttributeConfig(**{"k": 4, "sets": 3, "top": 2} | options), loop.Scores()
    assert loop.run(config, queries, training, (1,), uniform_target(T, 0, T - 1), 0, scores, after=lambda found: None,
                    report=lambda count: None, stop=lambda: False)
    return scores


def test_pooled_scores_are_those_of_all_draws_together():
    scores = scored(sets=3)
    pooled = scores.pooled()
    assert torch.allclose(pooled["cosine"], scores.each["cosine"].mean(0))
    again = estimators.of_means(scores.queries / 3, scores.training / 3, 0.1)
    assert torch.equal(pooled["kernel"], again["kernel"]) and scores.gradients == (2 + 6) * 4 * 3


def test_intervals_cover():
    """Of 300 runs of 4 sets the 95 % interval covers a cosine's long-run mean in 95 % +- 5 (four standard errors); one
    set has none. A dot product's tails are heavier, and 4 sets of 2 draws cover it in 82 %."""
    long = scored(sets=600).pooled()["cosine"]
    queries, training = small_problem()
    hits = 0
    for seed in range(300):
        scores = loop.Scores()
        loop.run(AttributeConfig(k=2, sets=4, top=2), queries, training, (1,), uniform_target(T, 0, T - 1), seed + 1, scores,
                 after=lambda found: None, report=lambda count: None, stop=lambda: False)
        inside = (scores.pooled()["cosine"] - long).abs() < scores.margin("cosine")
        hits += inside.float().mean().item()  # of twelve pairs, which share the draws
    assert abs(hits / 300 - 0.95) < 0.05
    assert scored(sets=1).margin("dot") is None


def test_shared_and_independent_draws_are_different_quantities():
    shared, own = scored(sets=300).pooled()["cosine"], scored(sets=300, draws="independent").pooled()["cosine"]
    assert (shared - own).abs().max() > 0.05


@pytest.mark.parametrize("options,mode", [({}, "antithetic"), ({"k": 3}, "iid"), ({"stratified": False}, "iid"),
                                          ({"times": "grid"}, "iid"), ({"noise": "zero_sum"}, "zero_sum")])
def test_what_noise_auto_means(options, mode):
    assert loop.noise_mode(AttributeConfig(**options)) == mode


def test_it_stops_when_the_top_stays():
    assert 2 <= scored(sets=50, until="stable").sets < 50


def test_the_grid_of_noise_levels_is_the_same_in_every_set():
    target = uniform_target(100, 10, 89)
    grids = [loop.draw(AttributeConfig(k=4, times="grid"), (1,), target, 0, number, "x") for number in (0, 1)]
    assert [sorted(each.timestep[0].tolist()) for each in grids] == [[20, 40, 60, 80]] * 2
    pairs = loop.draw(AttributeConfig(k=4, times="grid", noise="antithetic"), (1,), target, 0, 0, "x")
    by_level = pairs.noise[0, pairs.timestep[0].argsort(), 0]
    assert torch.equal(by_level[0::2], -by_level[1::2])  # partners are neighbours
    assert not torch.equal(grids[0].noise, grids[1].noise)


# --- the linear datamodelling score -----------------------------------------------------------------------------------

def test_rank_correlation_is_scipys():
    a, b = np.random.default_rng(0).normal(size=(2, 4, 9))
    a[0, :4] = a[0, 0]  # ties
    assert np.allclose(lds.rank_correlation(a, b), [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)])


def test_planted_effects_are_found_and_others_not():
    members, effect = lds.subsets(40, 24), torch.randn(3, 40, generator=seeded(4))
    losses = torch.stack([-effect[:, each].sum(1) for each in members])
    assert np.allclose(lds.lds(effect, members, losses), 1)
    assert np.allclose(lds.lds(-effect, members, losses), -1)
    other = lds.lds(torch.randn(3, 40, generator=seeded(5)), members, losses)
    assert abs(other.mean()) < 0.5  # four standard errors of 24 subsets and three queries
    assert members.shape == (24, 20) and all(len(set(each)) == 20 for each in members.tolist())


def test_a_group_of_one_query_has_a_score_and_no_interval():
    members = lds.subsets(10, 8)
    truth = Truth(members, torch.randn(8, 2, 3, generator=seeded(1)))
    known = SimpleNamespace(groups={"one": slice(0, 1), "two": slice(1, 3)})
    found = {"kernel": torch.randn(3, 10, generator=seeded(2)), "pixels": torch.randn(3, 10, generator=seeded(3))}
    out = evaluate.predicted(known, truth, found, 0)
    assert out["one"]["lds"]["kernel"]["low"] is None and -1 <= out["one"]["lds"]["kernel"]["value"] <= 1
    assert out["two"]["lds"]["kernel"]["low"] < out["two"]["lds"]["kernel"]["high"]


def test_damping_is_chosen_on_the_subsets_that_are_not_scored():
    """Of losses that follow a kernel of one damping on the first halves and of another on the second, the first one."""
    queries, training = torch.randn(6, 5, generator=seeded(1)), torch.randn(30, 5, generator=seeded(2))
    members = lds.subsets(30, 40)
    low, high = (estimators.of_means(queries, training, evaluate.DAMPINGS[at])["kernel"] for at in (1, -1))
    losses = torch.stack([-(low, high)[number % 2][:, each].sum(1) for number, each in enumerate(members)])
    truth = Truth(members, losses[:, None].expand(-1, 2, -1))
    chosen = evaluate.damping(AttributeConfig(damping="auto"), truth, queries, training)
    other = evaluate.damping(AttributeConfig(damping="auto"), Truth(members.flip(0), truth.losses.flip(0)), queries, training)
    assert chosen < 0.1 < other
    assert evaluate.damping(AttributeConfig(damping=0.3), None, queries, training) == 0.3


def test_the_ceiling_is_what_noise_leaves():
    """Losses of an effect and seeds' noise of equal variance: r = 0.5, two seeds' mean 2/3, its root 0.816."""
    effect = torch.randn(400, 1, 6, generator=seeded(6))
    noisy = effect + torch.randn(400, 2, 6, generator=seeded(7))
    assert lds.ceiling(noisy) == pytest.approx(0.816, abs=0.03)
