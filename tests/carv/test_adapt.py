"""The adaptive proposal: from the past only, bounded, better than uniform when it can be, never much worse."""

import torch

from carv3d.carv import adapt, make_proposal, uniform_target
from carv3d.carv.uniforms import iid

T = 1000
TARGET = uniform_target(T, 20, 979)
LEVEL = torch.arange(T, dtype=torch.float64) / T
EARLY = torch.exp(-4 * LEVEL) * 100  # squared norms concentrated at low noise
LATE = torch.exp(-4 * (1 - LEVEL)) * 100
FLAT = torch.ones(T, dtype=torch.float64)


def second_moment(proposal, moment) -> float:
    """E_q[(p/q)^2 M] = sum p^2 M / q, relative to uniform's."""
    kept = proposal.density > 0
    p = proposal.target[kept]
    return ((p.square() * moment[kept] / proposal.density[kept]).sum() / (p * moment[kept]).sum()).item()


def oracle(moment):
    return make_proposal(TARGET, moment.sqrt())


def run(moment, steps, seed, state=None, base=FLAT):
    """Steps of B = K = 4 draws from the state's own proposal; norms are M(t) times a heavy-tailed unit-mean factor."""
    generator = torch.Generator().manual_seed(seed)
    state = state or adapt.start("a")
    history = []
    for _ in range(steps):
        proposal = adapt.propose(state, TARGET, base)
        history.append(second_moment(proposal, moment))
        timestep, _ = proposal.sample(iid(4, 4, generator))
        factor = torch.randn(4, 4, generator=generator, dtype=torch.float64).square()
        state = adapt.observe(state, timestep, moment[timestep] * factor, base, "a")
    return state, history


def test_nothing_seen_means_p():
    proposal = adapt.propose(adapt.start("a"), TARGET, LEVEL + 0.1)
    assert torch.equal(proposal.density, make_proposal(TARGET).density) and (proposal.weight[20:980] == 1).all()


def test_weights_are_bounded_by_the_defensive_mixture():
    for moment in (EARLY, LATE, torch.where(LEVEL < 0.5, 1e-12, 1.0)):
        state, _ = run(moment, 100, 0)
        weight = adapt.propose(state, TARGET, FLAT).weight
        assert weight.max() <= 1 / adapt.DEFENSIVE + 1e-12


def test_settles_near_the_oracle():
    """Mean over 8 seeds of the second moment after 200 steps: within 10 % of the oracle's, far below uniform's."""
    steep = 100 * torch.exp(-10 * LEVEL)
    for moment, base in ((EARLY, FLAT), (LATE, FLAT), (steep, torch.exp(-4 * LEVEL))):
        best = second_moment(oracle(moment), moment)
        settled = sum(run(moment, 200, seed, base=base)[1][-1] for seed in range(8)) / 8
        assert best < 0.8 and settled < 1.10 * best, (best, settled)


def test_flat_norms_fall_back_to_p():
    shares = [run(FLAT, 100, seed)[1] for seed in range(10)]
    assert sum(sum(h) for h in shares) / 1000 < 1.05


def test_where_the_latest_draws_see_no_gain_the_proposal_is_p():
    """The long memory says that norms are large early, the short one that they are now large late: q, which follows the
    long one, would raise the second moment. Control: where the short one agrees, q is not p."""
    early, late = (run(moment, 200, 0)[0] for moment in (EARLY, LATE))
    stale = adapt.propose(adapt.Adaptive(early.slow, late.fast, "a"), TARGET, FLAT)
    assert torch.equal(stale.density, make_proposal(TARGET).density)
    agreeing = adapt.propose(early, TARGET, FLAT)
    assert second_moment(agreeing, EARLY) < adapt.GAIN
    assert second_moment(agreeing, LATE) > 1.05


def test_a_stale_proposal_recovers():
    """After the norms jump to the other end q is worse than uniform, by no more than 1/0.2, and within 50 steps it is
    better again. Control: without the fast average (always the slow one) it is worse for longer."""
    recovered, at_once, stale = [], [], []
    for seed in range(10):
        state, _ = run(EARLY, 200, seed)
        after, history = run(LATE, 51, 100 + seed, state)
        at_once.append(history[0])
        recovered.append(history[50])
        middle, _ = run(LATE, 6, 200 + seed, state)
        slow = middle.slow[0] + adapt.SHRINK * middle.slow[0].sum() / middle.slow[1].sum()
        moment = (slow / (middle.slow[1] + adapt.SHRINK)).sqrt()[torch.arange(T) * adapt.BINS // T]
        stale.append(second_moment(make_proposal(TARGET, 0.8 * moment / (TARGET * moment).sum() + 0.2), LATE))
    assert max(at_once) <= 1 / adapt.DEFENSIVE
    assert max(recovered) < 1.05
    assert sum(stale) / 10 > 1.05


def test_this_steps_draws_do_not_move_this_steps_proposal():
    state, _ = run(EARLY, 20, 0)
    before = adapt.propose(state, TARGET, FLAT)
    adapt.observe(state, torch.full((4, 4), 900), torch.full((4, 4), 1e6), FLAT, "a")
    assert torch.equal(adapt.propose(state, TARGET, FLAT).density, before.density)


def test_a_new_signature_forgets_the_past():
    state, _ = run(EARLY, 50, 0)
    fresh = adapt.observe(state, torch.tensor([[500]]), torch.ones(1, 1), FLAT, "b")
    assert fresh.slow[1].sum() == 1 and fresh.signature == "b"
    assert adapt.observe(state, torch.tensor([[500]]), torch.ones(1, 1), FLAT, "a").slow[1].sum() > 40


def test_a_narrower_range_keeps_the_statistics():
    state, _ = run(EARLY, 200, 0)
    narrow = uniform_target(T, 20, 499)
    proposal = adapt.propose(state, narrow, FLAT)
    assert proposal.density[500:].sum() == 0 and proposal.density[20:100].sum() > 1.2 * narrow[20:100].sum()


def test_non_finite_norms_are_left_out():
    state = adapt.observe(adapt.start("a"), torch.tensor([[10, 20]]), torch.tensor([[float("nan"), 2.0]]), FLAT, "a")
    assert state.slow[1].sum() == 1 and torch.isfinite(state.slow).all()
