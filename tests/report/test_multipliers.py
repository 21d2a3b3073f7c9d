"""Figures of studies whose answer is known."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from carv3d import config as configuration
from carv3d.report import curves, levels, reading, training
from carv3d.report import multipliers as m
from carv3d.report.headline import headline
from carv3d.report.numbers import Number, fitted, plain
from carv3d.report.study import Point, Price, RunOf, State, Study, Way, pairs
from carv3d.scenes.density import Rules

PLAIN = Way(2, 1, "off", False, "iid", "off")
REUSE = Way(2, 4, "off", False, "iid", "off")


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


def lines(study, unit="renders", priced=None):
    every = curves.lines(study, unit, "psnr", priced)
    return every["plain"], every["fast"]


def ratio(study, level, unit="renders", priced=None):
    return levels.ratio(*({at: levels.smoothed(line) for at, line in runs.items()} for runs in lines(study, unit, priced)),
                        level, shared=False)


def test_a_plain_number_says_what_is_a_bound():
    assert plain(Number(0.75, 0.0, 0.8, "<")) == "<0.75 [0.00, 0.80]"
    assert plain(Number(2.0, 1.5, math.inf, ">"), sign="+") == ">+2.00 [1.50, ∞]"
    assert plain(Number(2.0, math.nan, math.nan)) == "2.00" and plain(None) == "–"


# --- quality at equal cost ---

def test_differences_are_taken_run_by_run_at_shares_of_the_baselines_cost():
    """Of runs whose levels lie far apart the difference is the same, and the interval narrow; control: unpaired."""
    study = study_of(1.0, noise=3.0)
    for run in study.runs:
        if run.variant == "fast":
            run.curve = [Point(p.step, p.cost, {"psnr": p.quality["psnr"] + 0.5 + 0.1 * (run.prompt == "p2")})
                         for p in run.curve]
    cells = curves.at_share(*lines(study), 0.5)
    number = fitted(cells, shared=False)
    assert number.value == pytest.approx(0.525) and 0.4 < number.low < 0.525 < number.high < 0.65
    assert (number.prompts, number.seeds, number.count) == (4, 2, 8)
    assert curves.least({**cells, ("p1", 0): 0.3})[0] == "p1" and curves.least({**cells, ("p1", 0): 0.3})[1] == pytest.approx(0.4)
    baseline, variant = lines(study)
    alone = [fitted({at: line[1][20] for at, line in runs.items()}, False) for runs in (variant, baseline)]
    assert alone[0].high - alone[0].low > 20 * (number.high - number.low)


@pytest.mark.parametrize("unit", ["seconds", "renders", "teacher_evals"])
def test_a_difference_is_that_of_the_curves_at_the_same_cost(unit):
    study = study_of(2.0)
    for share in curves.SHARES:
        found = curves.at_share(*lines(study, unit), share)
        assert found["p1", 0] == pytest.approx(rising(9, 14)(80 * share) - rising(9, 14)(40 * share), abs=0.01)


def test_only_pairs_that_both_have_count_and_each_by_its_own_runs_cost():
    study = study_of(2.0)
    study.runs.append(curve("plain", "alone", 0, lambda n: 99.0))
    for run in study.runs:
        if run.variant == "fast" and run.prompt == "p0":
            run.curve = run.curve[:30]
        if run.variant == "plain" and run.prompt == "p3":
            run.curve = run.curve[:20]
    every = lines(study)
    counts = [len(curves.at_share(*every, share)) for share in curves.SHARES]
    assert counts == [8, 8, 8, 6]  # the alone prompt never, p0 to three quarters
    assert curves.at_share(*every, 1.0)["p3", 0] == pytest.approx(rising(11, 14)(40) - rising(11, 14)(20), abs=0.01)


def test_the_area_is_the_mean_over_the_cost_that_both_have():
    straight = {("p", 0): (np.array([2.0, 10.0]), np.array([0.0, 8.0]))}
    other = {("p", 0): (np.array([1.0, 4.0, 6.0]), np.array([1.0, 1.0, 9.0])), ("q", 0): (np.ones(2), np.ones(2))}
    # from 2 to 6: differences 1 at 2, -1 at 4, 5 at 6
    assert curves.area(straight, other) == {("p", 0): pytest.approx((2 * 0.0 + 2 * 2.0) / 4)}
    assert curves.area(straight, {("p", 0): (np.array([11.0, 12.0]), np.ones(2))}) == {}


def test_ends_are_compared_whatever_they_cost():
    """Twice the cost in one pair and half in another: the same on the whole."""
    straight = {("p", seed): (np.array([2.0, 10.0]), np.array([0.0, 8.0])) for seed in range(3)}
    other = {("p", 0): (np.array([1.0, 20.0]), np.array([1.0, 9.0])), ("p", 1): (np.array([5.0]), np.array([6.0]))}
    found, spent = curves.ends(straight, other)
    assert found == {("p", 0): 1.0, ("p", 1): -2.0} and spent == pytest.approx(1.0)
    assert curves.ends(straight, {}) == ({}, 0.0)


# --- cost of a quality ---

@pytest.mark.parametrize("speed", [1.0, 2.0, 0.8])
@pytest.mark.parametrize("unit", ["seconds", "renders", "teacher_evals"])
def test_the_ratio_to_a_level_is_how_much_faster_the_curve_is(speed, unit):
    found = ratio(study_of(speed, noise=0.3), 18.0, unit)
    assert found.number.value == pytest.approx(speed, rel=0.02) and found.number.bound == ""
    assert found.number.low <= speed * 1.02 and found.number.high >= speed * 0.98
    assert (found.number.count, found.pairs, found.told) == (8, 8, True)


def test_seconds_are_priced_where_the_clock_was_shared():
    priced = {"plain": Price(50.0), "fast": Price(100.0)}
    assert ratio(study_of(2.0), 18.0, "seconds", priced).number.value == pytest.approx(1.0, rel=0.02)
    assert "fast" not in curves.lines(study_of(2.0), "seconds", "psnr", {"plain": Price(50.0)})


def test_what_chooses_along_its_way_is_priced_by_what_it_spends():
    """Steps of 10 ms, 4 a render, 2 a draw: a run that changed from 4 views of 1 draw to 2 views of 2. Control: at the
    median cost of its steps where it was compared it would come out otherwise."""
    def step(b, k):
        return 10.0 + 4 * b + 2 * b * k

    ways = {"plain": Way(2, 1, "off", False, "iid", "off"), "auto": Way(4, 1, "off", False, "iid", "off"),
            "all": Way(2, 2, "off", False, "iid", "off")}
    by_name = {name: {"step_ms": step(way.views, way.k)} for name, way in ways.items()}
    states = [State("x", "p", 0, 1, by_name, ways)]
    chooses, given = (configuration.load(None, ["prompt=a red mushroom", f"estimator.k={k}"]) for k in ("auto", 2))
    spent = Point(30, {"seconds": 0.0, "renders": 10 * 4 + 20 * 2, "draws": 10 * 4 + 20 * 4}, {"psnr": 1.0})
    runs = [RunOf(name, "", name, "p", 0, "done", None, 2, curve=[spent], config=config, states=states)
            for name, config in (("plain", given), ("auto", chooses))]
    found = Study("made up", runs).prices()
    assert found["plain"] == Price(22.0) and found["all"] == Price(26.0)
    assert found["auto"].seconds(spent) == pytest.approx((10 * step(4, 1) + 20 * step(2, 2)) / 1e3)
    assert Price(step(4, 1)).seconds(spent) != pytest.approx(found["auto"].seconds(spent), rel=0.05)


def test_a_level_above_a_noisy_plateau_is_never_reached():
    """200 curves that go flat at 24.7 with noise of 0.3 dB: 25.15 lies 1.5 standard deviations above. Smoothed they
    have it with probability 0.002, so that 5 of 200 have probability 1e-4; control: unsmoothed 0.66 of them do."""
    rng, steps = np.random.default_rng(0), np.arange(1, 31.0)
    reached = np.zeros(2)
    for _ in range(200):
        line = steps, 24.7 - 8 * np.exp(-steps / 3) + 0.3 * rng.normal(size=30)
        reached += [math.isfinite(levels.passage(one, 25.15)[1]) for one in (levels.smoothed(line), line)]
    assert reached[0] < 5 and reached[1] > 100


def test_passages():
    line = np.array([1.0, 2.0, 4.0]), np.array([10.0, 12.0, 14.0])
    assert levels.passage(line, 13.0) == (3.0, 3.0) and levels.passage(line, 12.0) == (2.0, 2.0)
    assert levels.passage(line, 9.0) == (0.0, 1.0) and levels.passage(line, 15.0) == (4.0, math.inf)


def straight(*ends):
    """Curves from 10 at cost 1 to these at cost 5, one a prompt."""
    return {(f"p{i}", 0): (np.array([1.0, 5.0]), np.array([10.0, end])) for i, end in enumerate(ends)}


@pytest.mark.parametrize("mine,theirs,level,shown,count", [
    ((14, 14), (14, 18), 12, (1.5**0.5, ""), 2),  # 3/3 and 3/2
    ((11, 14), (14, 14), 12, ((5 / 3) ** 0.5, ">"), 2),  # one baseline never: 5/3 at least
    ((14, 14), (11, 14), 12, ((3 / 5) ** 0.5, "<"), 2),
    ((11, 14, 14), (14, 11, 14), 12, (1.0, ""), 1),  # both ways: only pairs that both have
    ((11, 11), (11, 11), 12, None, 0), ((14, 14), (14, 14), 9, None, 0)])
def test_a_level_that_some_runs_never_have(mine, theirs, level, shown, count):
    found = levels.ratio(straight(*mine), straight(*theirs), level, shared=False)
    assert (found is None) == (shown is None)
    if found:
        assert (found.number.value, found.number.bound) == (pytest.approx(shown[0]), shown[1])
        assert (found.number.count, found.pairs) == (count, len(mine)) and found.told == (2 * count >= len(mine))
        ends = {"<": found.number.low == 0, ">": found.number.high == math.inf, "": True}
        assert ends[found.number.bound]


def test_levels_are_absolute_even_numbers_or_those_that_were_asked_for():
    study = study_of(2.0)
    assert m.summary(study, "plain", "psnr").levels == [16.0, 18.0, 20.0, 22.0, 24.0]
    assert m.summary(study, "plain", "psnr", [17.0]).levels == [17.0]
    assert m.summary(study, "plain", "mask_iou").levels == []
    found = {row.name: row for row in m.summary(study, "plain", "psnr", [17.0, 30.0]).rows}
    assert list(found["fast"].curves["seconds"].ratios) == [17.0] and not found["plain"].curves


# --- variance x cost ---

def numbers(variance, step_ms, views=2, k=1, **adam):
    return {"variance": variance, "signal": 1.0, "step_ms": step_ms, "items": views, "k": k, "replicates": 32, **adam}


def states_of(rng, prompts=8, each=3, ratio=2.5, spread=0.3, common=0.0):
    """States whose multipliers scatter about ``ratio``: by prompt, within a prompt by as much, and by step for all prompts
    alike."""
    steps, out = common * rng.normal(size=each), []
    for p in range(prompts):
        own = spread * rng.normal()
        for n in range(each):
            scale = math.exp(rng.normal())  # the state's own, which must cancel
            log = math.log(ratio) + own + steps[n] + spread * rng.normal()
            out.append(State(f"c{p}", f"p{p}", 0, n, {"plain": numbers(scale * 3 * math.exp(log), 10.0),
                                                      "fast": numbers(scale, 30.0, k=4)}, {"plain": PLAIN, "fast": REUSE}))
    return out


def test_variance_multiplier_is_the_ratio_of_variance_times_cost():
    states = states_of(np.random.default_rng(0), spread=0.0)
    number = m.multiplier(states, "plain", "fast", True)
    assert (number.value, number.low, number.high) == pytest.approx((2.5, 2.5, 2.5))
    assert (number.prompts, number.seeds, number.count) == (8, 1, 24)
    assert m.multiplier(states, "plain", "fast", True, m.variance).value == pytest.approx(7.5)
    assert m.multiplier(states, "fast", "plain", True, m.cost).value == pytest.approx(3.0)
    assert m.multiplier(states, "plain", "none", True) is None
    for shared in (False, True):
        one = m.multiplier(states[:3], "plain", "fast", shared)
        assert one.value == pytest.approx(2.5) and math.isnan(one.low)  # of one run, states tell nothing of other runs


@pytest.mark.parametrize("common", [0.0, 0.6])
def test_intervals_cover(common):
    """1,000 studies of 8 prompts and 3 steps, whose random numbers all prompts share. True coverage is 0.968
    without and 0.934 with what they share; a share outside of [0.90, 0.99] has probability below 1e-3 (binomial). Controls:
    each state taken for a prompt of its own covers in 0.82 at most, and where prompts share something, states taken for
    nested in them in 0.54."""
    covered = np.zeros(3)
    for seed in range(1000):
        states = states_of(np.random.default_rng(seed), common=common)
        alone = [State(s.cell, f"{s.prompt} {i}", 0, s.step, s.by_name, s.ways) for i, s in enumerate(states)]
        for i, (each, shared) in enumerate(((states, True), (states, False), (alone, False))):
            number = m.multiplier(each, "plain", "fast", shared)
            covered[i] += number.low <= 2.5 <= number.high
    shares = covered / 1000
    assert 0.90 <= shares[0] <= 0.99
    assert shares[2] < 0.88 and (not common or shares[1] < 0.65)


def adam(variance, signal, memory):
    return {"adam_variance": variance, "adam_signal": signal, "memory_variance": memory}


def test_figures_in_adams_space_by_hand():
    by_name = {"plain": numbers(1.0, 10.0, **adam(4.0, 3.0, 2.0), picture_variance=8.0), "fast": numbers(1.0, 20.0, **adam(1.0, 0.5, 0.25), picture_variance=2.0),
               "old": numbers(1.0, 5.0)}
    state = State("c", "p", 0, 0, by_name, {})
    assert m.signal(state) == pytest.approx((3.0 / 4 + 0.5 / 1) / (1 / 4 + 1 / 1)) == pytest.approx(1.0)
    assert m.multiplier([state], "plain", "fast", False, m.memory).value == pytest.approx(2.0 * 10 / (0.25 * 20))
    assert m.multiplier([state], "plain", "fast", False, m.moment).value == pytest.approx((1 + 4) * 10 / ((1 + 1) * 20))
    assert m.multiplier([state], "plain", "old", False, m.memory) is None
    assert m.multiplier([state], "plain", "fast", False, m.picture).value == pytest.approx(8.0 * 10 / (2.0 * 20))
    assert m.multiplier([state], "plain", "old", False, m.work).value == pytest.approx(2.0)
    by_name["fast"]["adam_signal"] = -9.0
    assert m.signal(state) == 0.0 and m.signal(State("c", "p", 0, 0, {"old": by_name["old"]}, {})) is None


def test_records_with_and_without_adams_numbers_are_read_and_broken_ones_are_not():
    old = numbers(2.0, 3.0)
    assert reading.compared({"compare": {"a": old}}) == {"a": old}
    assert reading.compared({"compare": {"a": {**old, **adam(1.0, -0.5, 0.2)}}})["a"]["adam_signal"] == -0.5
    assert reading.compared({"compare": {"a": {**old, "adam_variance": None}}}) == {"a": old}
    for broken in ({"adam_variance": 0.0}, {"memory_variance": -1.0}, {"adam_signal": "x"}, {"memory_variance": math.nan}):
        assert reading.compared({"compare": {"a": {**old, **broken}}}) is None


# --- the design ---

def test_seeds_are_nested_where_every_run_says_so_and_crossed_where_one_does_not():
    study = study_of(2.0)
    assert study.shares_numbers  # runs that do not say, as those made before the option
    for run in study.runs:
        run.config = SimpleNamespace(seed_per_prompt=True)
    assert not study.shares_numbers and not m.summary(study, "plain", "psnr").shared
    study.runs[3].config = SimpleNamespace(seed_per_prompt=False)
    assert study.shares_numbers


def test_what_all_prompts_of_a_seed_share_widens_the_interval():
    """A seed's effect of 1 dB on 8 prompts with little else: crossed, the interval knows of three seeds alone."""
    runs = [curve(variant, f"p{p}", s, lambda n, up=up: 20 + up) for p in range(8) for s in range(3)
            for variant, up in (("plain", 0.0), ("fast", s - 1 + 0.01 * p))]
    found = {}
    for nested in (True, False):
        for run in runs:
            run.config = SimpleNamespace(seed_per_prompt=nested)
        found[nested] = next(row for row in m.summary(Study("", runs), "plain", "psnr").rows if row.name == "fast")
    wide, narrow = (found[key].curves["seconds"].differences[1.0] for key in (False, True))
    assert wide.value == pytest.approx(narrow.value) and wide.high - wide.low > 20 * (narrow.high - narrow.low)


def test_the_headline_is_of_one_variant_and_most_telling_first():
    study = study_of(2.0)
    ways = {"plain": PLAIN, "fast": Way(8, 1, "off", False, "iid", "off")}
    study.runs[0].states = [State("c", "p0", 0, n, {
        "plain": numbers(8.0, 10.0, **adam(4.0, 3.0, 2.0), picture_variance=8.0), "fast": numbers(1.0, 20.0, **adam(1.0, 3.0, 0.25))}, ways)
        for n in (1, 2)]
    said = [line.replace("<i>", "").replace("</i>", "").replace("\u00a0", " ") for line in headline(m.summary(study, "plain", "psnr"), [])]
    alone = "(n = 2 states: 1 prompt, 1 seed; no interval: one prompt, one seed) times plain’s"
    starts = ["After as much training time as the runs of plain took, the PSNR of fast is <b>+", "Averaged over the whole",
              "plain’s training time over that of fast, until a quality is reached: PSNR 16 dB, <b>",
              "By the noise in the space that Adam steps in, fast’s compute is worth <b>4.00</b> " + alone,
              "By the second moment of its gradient there, fast’s compute is worth <b>0.88</b> " + alone,
              "By the raw variance of its gradient, as in the paper, fast’s compute is worth <b>4.00</b> " + alone]
    assert [line.startswith(start) for line, start in zip(said, starts)] == [True] * 6 and len(said) == 6
    assert "n = 8 pairs" in said[0] and "gains least" in said[0] and "its steps have 8 views, plain’s 2" in said[5]
    bare = [run for run in study.runs if run.variant == "plain"]
    assert len(list(headline(m.summary(Study("", bare), "plain", "psnr"), []))) == 3  # of states alone


def test_draws_in_halves_are_shown_as_they_are_made():
    config = configuration.load(None, ["prompt=a red mushroom", "scene.type=gaussians", "estimator.k=1"])
    own = config.scene.gaussians.density
    rules = Rules(**vars(own))
    for step in (0, 99, 100, own.stop - 2, own.stop, own.stop + 1):
        way = Way.of(config, 1, step=step)
        assert way.halves == (rules.gathers(step) or rules.gathers(step + 1))
        assert training.way(way, [1]).startswith("B 3, K 1 (2 in halves)," if way.halves else "B 3, K 1,")
    assert not Way.of(configuration.load(None, ["prompt=a red mushroom"]), 1, step=100).halves
    assert "halves" not in training.way(Way.of(config, 4, step=100), [4]) and Way.of(config, 1, step=100) == Way.of(config, 1, step=own.stop)


def test_components_come_back_from_plain_estimators():
    between, within, c0, a, b = 2.0, 7.0, 4.0, 12.0, 3.0
    ways = {"k1": PLAIN, "k4": Way(2, 4, "off", False, "iid", "off"), "b8": Way(8, 1, "off", False, "iid", "off"),
            "all": Way(2, 4, "adaptive", True, "antithetic", "strata")}
    states = []
    for scale in (1.0, 30.0):  # states of different size weigh the same
        by_name = {name: numbers(scale * (between + within / w.k) / w.views, c0 + w.views * (a + b * w.k))
                   for name, w in ways.items()}
        by_name["all"] = numbers(1e-9, 1.0)  # not plain: must not count
        states.append(State("c", "p", 0, 0, by_name, ways))
    found = m.components(states)
    assert found == pytest.approx((within / between, a / b))
    only = [State("c", "p", 0, 0, {"k1": states[0].by_name["k1"]}, ways | {}) for _ in range(2)]
    only = [State(s.cell, s.prompt, s.seed, s.step, s.by_name, {"k1": PLAIN}) for s in only]
    assert m.components(only) == (None, None)


def test_pairs_differ_in_one_thing():
    ways = {"k1": PLAIN, "k4": Way(2, 4, "off", False, "iid", "off"), "k4 strata": Way(2, 4, "off", True, "iid", "off"),
            "all": Way(2, 4, "adaptive", True, "antithetic", "strata")}
    state = State("c", "p", 0, 0, {name: numbers(1.0, 1.0) for name in ways}, ways)
    run = RunOf("r", "", "k1", "p", 0, "done", None, states=[state])
    assert list(pairs(Study("", [run]))) == [("k", "k1", "k4"), ("stratified", "k4", "k4 strata")]


def test_pairs_go_from_less_to_more_and_leave_out_what_differs_from_itself():
    less, more = Way(2, 4, "off", False, "iid", "off"), Way(2, 4, "adaptive", False, "iid", "off")
    by_name = {name: numbers(1.0, 1.0) for name in ("more", "auto", "less")}
    states = [State("c", "p", 0, 0, by_name, {"more": more, "auto": auto, "less": less}) for auto in (less, more)]
    run = RunOf("r", "", "less", "p", 0, "done", None, states=states)
    assert list(pairs(Study("", [run]))) == [("importance", "less", "more")]
    run.states = states[:1]
    assert ("importance", "auto", "more") in pairs(Study("", [run]))
