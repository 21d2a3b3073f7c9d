"""Multipliers of studies whose answer is known."""

import math

import numpy as np
import pytest

from carv3d.report import multipliers as m
from carv3d.report.study import Point, RunOf, State, Study, Way, pairs

PLAIN = Way(2, 1, "off", False, "iid", False)


def curve(variant, prompt, seed, quality, speed=1.0, steps=40, views=2):
    """Quality as a function of what the run has spent, times its speed."""
    points = [Point(n, {"seconds": 0.1 * n, "renders": views * n, "teacher_evals": 4 * n}, {"psnr": quality(speed * n)})
              for n in range(1, steps + 1)]
    return RunOf(f"{variant} {prompt} {seed}", "", variant, prompt, seed, "done", None, 1, curve=points)


def rising(gain=10.0, level=15.0):
    return lambda n: level + gain * (1 - math.exp(-n / 30))


def study_of(speed, prompts=4, seeds=2, noise=0.0, steps=40):
    rng = np.random.default_rng(5)
    runs = []
    for p in range(prompts):
        for s in range(seeds):
            base = rising(8 + p, 14 + rng.normal() * noise)
            runs += [curve("plain", f"p{p}", s, base, steps=steps), curve("fast", f"p{p}", s, base, speed, steps)]
    return Study("made up", runs)


def reach(study, unit="renders"):
    every = m.curves(study, unit, "psnr")
    return m.time_to_quality(every["plain"], every["fast"])


@pytest.mark.parametrize("speed", [1.0, 2.0, 0.8])
@pytest.mark.parametrize("unit", ["seconds", "renders", "teacher_evals"])
def test_time_to_quality_is_how_much_faster_the_curve_is(speed, unit):
    number, goal = reach(study_of(speed, noise=0.3), unit)
    assert number.value == pytest.approx(speed, rel=0.02) and number.bound == ""
    assert number.low <= speed * 1.02 and number.high >= speed * 0.98
    assert 14 < goal < 25


def test_a_curve_that_never_gets_there_is_an_upper_bound_and_one_that_begins_there_a_lower_one():
    late, _ = reach(study_of(0.3))
    assert late.bound == "<" and late.value == pytest.approx(0.75, rel=0.02)  # not there in the baseline's whole budget
    early, _ = reach(study_of(60.0))
    assert early.bound == ">" and early.value == pytest.approx(30.0, rel=0.05)


def test_a_plain_number_says_what_is_a_bound():
    from carv3d.report.multipliers import plain

    assert plain(m.Number(0.75, 0.7, 0.8, "<")) == "<0.75 [0.70, 0.80]"
    assert plain(m.Number(2.0, math.nan, math.nan)) == "2.00" and plain(None) == "–"


def test_the_multiplier_at_one_quality_after_another():
    every = m.curves(study_of(2.0, noise=0.3), "renders", "psnr")
    ladder = m.by_quality(every["plain"], every["fast"])
    inner = slice(5, 50)  # first the grid is coarse; the best is beyond many resamples
    assert ladder.ratio[inner] == pytest.approx(np.full(45, 2.0), rel=0.06)
    assert (ladder.low[inner] <= 2.06).all() and (ladder.high[inner] >= 1.94).all()
    slow = m.by_quality(every["fast"], every["plain"])
    assert np.isnan(slow.ratio[-1]) and np.isnan(slow.low[-1])  # plain never has the best of fast


def test_prompts_and_seeds_of_only_one_variant_are_left_out():
    study = study_of(2.0)
    study.runs.append(curve("plain", "alone", 0, lambda n: 99.0))
    assert reach(study)[0].value == pytest.approx(2.0, rel=0.02)


def test_runs_of_different_length_are_compared_as_far_as_the_shortest_reaches():
    study = study_of(2.0)
    for run in study.runs[::2]:
        if run.prompt == "p0":
            run.curve = run.curve[:20]
    every = m.curves(study, "renders", "psnr")
    grid, values = every["plain"].of(every["plain"].where)
    assert grid[-1] == 40.0 and values.shape[0] == 8 and not np.isnan(values).any()
    assert reach(study)[0].value == pytest.approx(2.0, rel=0.03)


def test_seconds_are_priced_where_the_clock_was_shared():
    study = study_of(2.0)
    every = m.curves(study, "seconds", "psnr", {"plain": 50.0, "fast": 100.0})
    number, _ = m.time_to_quality(every["plain"], every["fast"])
    assert number.value == pytest.approx(1.0, rel=0.02)
    assert "fast" not in m.curves(study, "seconds", "psnr", {"plain": 50.0})


def test_quality_at_equal_cost():
    study = study_of(2.0)
    table = m.at_equal_cost(m.curves(study, "renders", "psnr"), "plain")
    mean = lambda n: np.mean([rising(8 + p, 14)(n) for p in range(4)])  # noqa: E731
    assert table["plain"] == pytest.approx([mean(10), mean(20), mean(30), mean(40)], abs=0.01)
    assert table["fast"] == pytest.approx([mean(20), mean(40), mean(60), mean(80)], abs=0.01)
    for run in study.runs:
        if run.variant == "fast":
            run.curve = run.curve[:30]
    assert math.isnan(m.at_equal_cost(m.curves(study, "renders", "psnr"), "plain")["fast"][3])


# --- variance ---

def numbers(variance, step_ms, views=2, k=1):
    return {"variance": variance, "signal": 1.0, "step_ms": step_ms, "items": views, "k": k, "replicates": 32}


def states_of(rng, prompts=8, each=3, ratio=2.5, spread=0.3):
    """States whose multipliers scatter about ``ratio``: by prompt, and within a prompt by as much."""
    out = []
    for p in range(prompts):
        own = spread * rng.normal()
        for n in range(each):
            scale = math.exp(rng.normal())  # the state's own, which must cancel
            log = math.log(ratio) + own + spread * rng.normal()
            out.append(State(f"c{p}", f"p{p}", n, {"plain": numbers(scale * 3 * math.exp(log), 10.0),
                                                   "fast": numbers(scale, 30.0, k=4)},
                             {"plain": PLAIN, "fast": Way(2, 4, "off", False, "iid", False)}))
    return out


def test_variance_multiplier_is_the_ratio_of_variance_times_cost():
    states = states_of(np.random.default_rng(0), spread=0.0)
    number = m.variance_multiplier(states, "plain", "fast")
    assert (number.value, number.low, number.high) == pytest.approx((2.5, 2.5, 2.5))
    assert m.variance_multiplier(states, "plain", "fast", m.variance).value == pytest.approx(7.5)
    assert m.variance_multiplier(states, "fast", "plain", m.cost).value == pytest.approx(3.0)
    assert m.variance_multiplier(states, "plain", "none") is None
    one = m.variance_multiplier(states[:3], "plain", "fast")
    assert one.value == pytest.approx(2.5) and math.isnan(one.low)  # one prompt tells nothing of others


def test_intervals_cover():
    """60 studies of 8 prompts; covered as rarely as 48 times has probability 4e-5 at 95 % (binomial), 5e-3 at 90 %. The
    control draws states as if each were a prompt of its own: too narrow."""
    covered, control = 0, 0
    for seed in range(60):
        states = states_of(np.random.default_rng(seed))
        number = m.variance_multiplier(states, "plain", "fast")
        covered += number.low <= 2.5 <= number.high
        alone = [State(s.cell, f"{s.prompt} {i}", s.step, s.by_name, s.ways) for i, s in enumerate(states)]
        narrow = m.variance_multiplier(alone, "plain", "fast")
        control += narrow.low <= 2.5 <= narrow.high
    assert covered > 48
    assert control < covered - 3


def test_components_come_back_from_plain_estimators():
    between, within, c0, a, b = 2.0, 7.0, 4.0, 12.0, 3.0
    ways = {"k1": PLAIN, "k4": Way(2, 4, "off", False, "iid", False), "b8": Way(8, 1, "off", False, "iid", False),
            "all": Way(2, 4, "adaptive", True, "antithetic", True)}
    states = []
    for scale in (1.0, 30.0):  # states of different size weigh the same
        by_name = {name: numbers(scale * (between + within / w.k) / w.views, c0 + w.views * (a + b * w.k))
                   for name, w in ways.items()}
        by_name["all"] = numbers(1e-9, 1.0)  # not plain: must not count
        states.append(State("c", "p", 0, by_name, ways))
    found = m.components(states)
    assert found["rho"] == pytest.approx(within / between) and found["r"] == pytest.approx(a / b)
    only = [State("c", "p", 0, {"k1": states[0].by_name["k1"]}, ways | {}) for _ in range(2)]
    only = [State(s.cell, s.prompt, s.step, s.by_name, {"k1": PLAIN}) for s in only]
    assert m.components(only) == {"rho": None, "r": None}


def test_pairs_differ_in_one_thing():
    ways = {"k1": PLAIN, "k4": Way(2, 4, "off", False, "iid", False), "k4 strata": Way(2, 4, "off", True, "iid", False),
            "all": Way(2, 4, "adaptive", True, "antithetic", True)}
    state = State("c", "p", 0, {name: numbers(1.0, 1.0) for name in ways}, ways)
    run = RunOf("r", "", "k1", "p", 0, "done", None, states=[state])
    assert list(pairs(Study("", [run]))) == [("k", "k1", "k4"), ("stratified", "k4", "k4 strata")]


def test_pairs_go_from_less_to_more_and_leave_out_what_differs_from_itself():
    less, more = Way(2, 4, "off", False, "iid", False), Way(2, 4, "adaptive", False, "iid", False)
    by_name = {name: numbers(1.0, 1.0) for name in ("more", "auto", "less")}
    states = [State("c", "p", 0, by_name, {"more": more, "auto": auto, "less": less}) for auto in (less, more)]
    run = RunOf("r", "", "less", "p", 0, "done", None, states=states)
    assert list(pairs(Study("", [run]))) == [("importance", "less", "more")]
    run.states = states[:1]
    assert ("importance", "auto", "more") in pairs(Study("", [run]))
