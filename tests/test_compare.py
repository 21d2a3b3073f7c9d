"""Estimators compared on a state: right variances, and nothing of the run changed."""

import copy
import json

import pytest
import torch

from carv3d import config as configuration
from carv3d.commands.sweep import planned
from carv3d.measure import compare as comparing
from carv3d.measure.compare import Entrant, Spread, compare, memory
from carv3d.runtime.errors import UserError
from carv3d.text3d import build
from carv3d.text3d.step import train_step
from carv3d.text3d.trainer import with_options

SMALL = ["prompt=a red mushroom", "data.width=16", "data.height=16", "teacher.type=exact", "teacher.exact.set_size=8", "data.views=4",
         "scene.type=image", "scene.image.size=16", "export.video=false", "trainer.preview_every=0",
         "trainer.max_steps=12"]
OFF = "estimator.importance_sampling=false; estimator.stratified=false; estimator.noise=iid; data.camera_strata=false; "\
      "data.view_sequence=off"


def trainer_of(estimators, replicates=4, extra=(), window=2):
    listed = "compare.estimators=" + json.dumps([f"{name}: {text}" for name, text in estimators.items()])
    config = configuration.load(None, [*SMALL, "compare.points=1", f"compare.replicates={replicates}",
                                       f"compare.window={window}", listed, *extra])
    trainer = build.trainer(config)
    trainer.teacher.prepare()
    return trainer


def test_spread_is_the_trace_of_the_covariance():
    rows = torch.randn(9, 33, generator=torch.Generator().manual_seed(3)) * 5 + 100
    spread = Spread(torch.ones(1, dtype=torch.float64))
    for row in rows:
        spread.add(row)
    trace = torch.cov(rows.double().T).trace().item()
    assert spread.trace == pytest.approx(trace, rel=1e-9) == spread.mean_trace
    mean = rows.double().mean(0)
    assert spread.signal == pytest.approx((mean @ mean).item() - trace / 9, rel=1e-9)


def windows(correlation, seed):
    """Moments of 4,000 windows of three vectors of five numbers, mean 2, variance 1, which share a part of themselves."""
    generator, spread = torch.Generator().manual_seed(seed), Spread(memory(0.5, 3))
    for shared, own in zip(torch.randn(4000, 1, 5, generator=generator), torch.randn(4000, 3, 5, generator=generator)):
        for row in 2 + correlation**0.5 * shared + (1 - correlation) ** 0.5 * own:
            spread.add(row)
    return spread.trace, spread.signal, spread.mean_trace


@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_moments_of_windows_whose_vectors_depend_on_one_another(correlation):
    """Each within 5 % of what it is, which is 5 standard errors or more (of traces 0.6 and 1 %, of the signal 0.4 %): a
    false alarm in 1e6. The control: taken for independent, the window's mean would be off by two fifths."""
    weights = memory(0.5, 3)
    squares = (weights @ weights).item()
    trace, signal, mean_trace = windows(correlation, 11)
    assert weights.sum().item() == pytest.approx(1) and weights[2] / weights[1] == pytest.approx(2)
    assert trace == pytest.approx(5, rel=0.05) and signal == pytest.approx(20, rel=0.05)
    assert mean_trace == pytest.approx(5 * (squares + correlation * (1 - squares)), rel=0.05)
    if correlation:
        assert mean_trace > 1.4 * 5 * squares


@pytest.mark.parametrize("extra", [(), ("scene.type=nerf", "scene.nerf.table_size=256", "scene.nerf.levels=2"),
                                   ("scene.type=gaussians", "scene.gaussians.count=60",
                                    "scene.gaussians.density.start=2", "scene.gaussians.density.every=2")])
def test_the_trainer_ends_as_it_began(extra):
    estimators = {"plain": f"estimator.k=1; {OFF}", "auto": "estimator.k=auto", "big": "data.batch_size=4"}
    trainer, alone = trainer_of(estimators, 3, extra), trainer_of(estimators, 3, extra)
    for step in range(3):
        train_step(trainer, step)
        train_step(alone, step)
    before = copy.deepcopy(trainer.state())
    found = compare(trainer, 3)
    assert list(found) == list(estimators) and all(n["replicates"] == 3 for n in found.values())
    assert found["auto"]["k"] in (1, 2, 4, 8, 16) and found["big"]["items"] == 4
    _same(trainer.state(), before)
    for step in range(3, 6):
        train_step(trainer, step)
        train_step(alone, step)
    _same(trainer.state(), alone.state())


def _same(a, b):
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            _same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            _same(x, y)
    else:
        assert a == b


def test_four_times_the_views_have_a_quarter_of_the_variance():
    """Over twelve seeds the ratio was 4.01 with a standard deviation of 0.46, so that the bounds are 4.3 of them away: a
    false alarm in 5e4, if it is about normal. The control, the same estimator under another name, shares its
    seeds: its ratio is 1 to the bit, far outside."""
    small = f"estimator.k=1; data.batch_size=1; {OFF}"
    trainer = trainer_of({"one": small, "four": f"estimator.k=1; data.batch_size=4; {OFF}", "again": small}, 64,
                         window=1)
    found = compare(trainer, 0)
    assert found["one"]["variance"] == found["again"]["variance"]
    assert 2.05 < found["one"]["variance"] / found["four"]["variance"] < 6.0


def test_a_step_costs_its_median_and_its_share_of_the_choice_of_k():
    """Of steps of 1, 2 and 30 ms, housekeeping of 5, and a choice of 100 ms every 10 steps."""
    trainer = trainer_of({"one": "estimator.k=1"}, 2)
    own = trainer.variant(with_options(trainer.config, estimator={"measure_every": 10}))
    spreads = [Spread(torch.ones(1, dtype=torch.float64)) for _ in range(3)]
    for spread in spreads:
        spread.add(torch.zeros(2))
        spread.add(torch.ones(2))
    for spent, share in ((100.0, 10.0), (0.0, 0.0)):
        entrant = Entrant(own, *spreads, step_ms=[30.0, 1.0, 2.0], choice_ms=spent)
        assert entrant.report(5.0)["step_ms"] == 2.0 + 5.0 + share


def test_the_choice_of_k_is_charged(monkeypatch):
    """By a clock that steps alone move on, by 10 ms, and by 30 where they measure for the choice; of several measurements
    the last is what a run would repeat."""
    now, measuring, begin = [0], [], comparing.auto_k.begin

    def begun(trainer):
        measuring.clear()
        begin(trainer)

    def step(trainer, *args, **options):
        if trainer.probe.queue:
            measuring.append(trainer)
        now[0] += 30 if trainer.probe.queue else 10
        return train_step(trainer, *args, **options)

    monkeypatch.setattr(comparing.auto_k, "begin", begun)
    monkeypatch.setattr(comparing, "train_step", step)
    monkeypatch.setattr(comparing, "now_ms", lambda device: now[0])
    monkeypatch.setattr(comparing, "moment", lambda device: now[0] / 1e3)
    found = compare(trainer_of({"one": "estimator.k=1", "auto": "estimator.k=auto; estimator.measure_every=7"}, 2), 0)
    assert len(measuring) > 1 and found["one"]["step_ms"] == 10
    assert found["auto"]["step_ms"] == pytest.approx(10 + 20 * len(measuring) / 7)


def test_a_clipped_run_is_compared_by_its_unclipped_gradient():
    free, clipped = (compare(trainer_of({"plain": f"estimator.k=1; {OFF}"}, 4, extra), 0)["plain"]["variance"]
                     for extra in ((), ("optimizer.clip_grad_norm=1e-6",)))
    assert clipped == free > 1e-9


@pytest.mark.parametrize("given,message", [
    (["compare.points=2"], "give both, or neither"),
    (["compare.points=2", "compare.estimators=[plain]"], "a name of its own, a colon"),
    (["compare.points=2", 'compare.estimators=["a: estimator.k=1", "a: estimator.k=2"]'], "a name of its own"),
    (["compare.points=2", 'compare.estimators=["a: optimizer.lr_scale=2"]'], "optimizer.lr_scale given; allowed"),
    (["compare.points=2", 'compare.estimators=["a: estimator.k=0"]'], "a: estimator.k: 0 given"),
    (["compare.points=2", 'compare.estimators=["a: estimator.k=1"]', "objective.type=vsd", "teacher.type=bundled"],
     "whose own score"),
])
def test_mistakes_are_told(given, message):
    with pytest.raises(UserError, match=message):
        configuration.load(None, ["prompt=a red mushroom", *given])


def test_it_survives_being_written_and_read():
    config = configuration.load(None, ["prompt=a red mushroom", "compare.points=1",
                                       'compare.estimators=["a: estimator.k=2; estimator.noise=zero_sum"]'])
    again = configuration.parse(configuration.dump(config))
    assert again == config and configuration.estimators(again)["a"].estimator.noise == "zero_sum"
    assert not configuration.estimators(again)["a"].compare.points


SWEEP = """
name: small
variants:
  plain: {estimator: {k: 1, importance_sampling: false}, optimizer.lr_scale: 2.0}
  full: {estimator.k: 4}
prompts: [a red mushroom, a blue car]
seeds: 2
compare: {points: 2, replicates: 5, estimators: {reuse: {estimator: {k: 4, importance_sampling: false}}}}
"""


def test_a_sweep_has_its_first_variant_compare_all_of_them(tmp_path):
    (tmp_path / "small.yaml").write_text(SWEEP)
    cells = planned(tmp_path / "small.yaml").cells
    carrying = [cell for cell in cells if cell.config.compare.points]
    assert [(c.axes["variant"], c.axes["seed"]) for c in carrying] == [("plain", 0)] * 2
    found = configuration.estimators(carrying[0].config)
    assert list(found) == ["plain", "full", "reuse"] and carrying[0].config.compare.replicates == 5
    importance = {name: (one.estimator.k, one.estimator.importance_sampling) for name, one in found.items()}
    assert importance == {"plain": (1, False), "full": (4, True), "reuse": (4, False)}  # though it starts from plain's


@pytest.mark.parametrize("section,message", [
    ("compare: {replicates: 3}", "points, above 0"), ("compare: {points: 1, often: 2}", "allowed: points"),
    ("compare: {points: 1, estimators: {full: {estimator.k: 1}}}", "names that no variant has"),
    ("compare: {points: 1, estimators: {x: {optimizer.lr_scale: 2}}}", "no option of the estimator")])
def test_mistakes_in_the_section_are_told(tmp_path, section, message):
    (tmp_path / "small.yaml").write_text(SWEEP.rsplit("compare:", 1)[0] + section)
    with pytest.raises(UserError, match=message):
        planned(tmp_path / "small.yaml")
