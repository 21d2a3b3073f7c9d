"""carv3d measure: its statistics against a law whose components are known, its files, and that it changes nothing."""

import csv
import io
import json
import math
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import pytest
import torch

from carv3d import carv
from carv3d import config as configuration
from carv3d.carv import Design
from carv3d.carv.allocate import step_cost
from carv3d.carv.variance import contrasts
from carv3d.cli import main
from carv3d.measure import collect as measurement
from carv3d.measure import summary as merit
from carv3d.measure.records import PROPOSALS, CameraRow, Measured, Settings
from carv3d.text3d import build
from carv3d.text3d.step import train_step

SMALL = ["prompt=a red mushroom", "data.width=16", "data.height=16", "teacher.type=exact", "teacher.exact.set_size=16", "data.views=4", "scene.nerf.levels=4",
         "scene.nerf.occupancy_resolution=16", "scene.nerf.table_size=2048"]
QUICK = ["--cameras", "4", "--k", "1,2,3"]


# --- statistics, on h(u, t, e) = u + a(t) + odd e_1 + even (e_2^2 - 1) / sqrt 2, drawn by carv.draw ---

D, T = 12, 1000
BETWEEN, TIME, ODD, EVEN = 3.0, 2.0, 4.0, 1.0  # variances, over all D coordinates
WITHIN = TIME + ODD + EVEN
NOISE = {"iid": lambda k: ODD + EVEN, "antithetic": lambda k: 2 * EVEN, "zero_sum": lambda k: EVEN * k / (k - 1)}


def kappa(design: Design) -> float:
    """K V(K) / W in closed form: strata leave 1/K^2 of a linear a(t)."""
    return (TIME / (design.k**2 if design.stratified else 1) + NOISE[design.noise](design.k)) / WITHIN


def values(draws: carv.Draws) -> torch.Tensor:
    """[n,K,D], without u."""
    time = (12 * TIME / D) ** 0.5 * ((draws.timestep + 0.5) / T - 0.5)[..., None]
    noise = draws.noise.double()
    odd, even = (ODD / D) ** 0.5 * noise[..., 0], (EVEN / D / 2) ** 0.5 * (noise[..., 1].square() - 1)
    return time + odd + even


DESIGNS = [Design("uniform", False, "iid", 1), Design("uniform", False, "iid", 4), Design("uniform", True, "iid", 4),
         Design("uniform", True, "antithetic", 4), Design("uniform", True, "zero_sum", 4)]


def synthetic(seed: int, cameras: int = 32) -> Measured:
    """A measurement of the law above, through the same contrasts, halves and shared timesteps as a scene's."""
    generator = torch.Generator().manual_seed(seed)
    settings = Settings(cameras, 2, (1, 4))
    proposal = carv.make_proposal(carv.uniform_target(T, 0, T - 1))
    u = (BETWEEN / D) ** 0.5 * torch.randn(cameras, D, generator=generator, dtype=torch.float64)

    def sets(design: Design, count: int) -> carv.Draws:
        return carv.draw(cameras * count, design.k, (D, 2), proposal, stratified=design.stratified, noise=design.noise,
                         time_generator=generator, noise_generator=generator)

    within, halves = {}, 0
    for design in DESIGNS:
        count = settings.sets(design.k)
        means = values(sets(design, count)).mean(1).unflatten(0, (cameras, count)).transpose(0, 1)
        column = contrasts(means, 1)[0].square().sum(-1).tolist()
        for name in PROPOSALS if design.noise == "iid" and not design.stratified else ("uniform",):
            within[design._replace(proposal=name)] = column
        halves = halves + torch.stack([means[0::2].mean(0), means[1::2].mean(0)], 1) / len(DESIGNS)
    nested = sets(DESIGNS[1], 2)
    first = nested.timestep.unflatten(0, (cameras, 2))[:, :1].expand(-1, 2, -1).flatten(0, 1)
    pairs = values(carv.Draws(first, nested.weight, nested.noise)).mean(1).unflatten(0, (cameras, 2))
    noise = 4 * contrasts(pairs.transpose(0, 1), 1)[0].square().sum(-1)
    rows = [CameraRow({design: column[c] for design, column in within.items()}, noise[c].item(), u[c] + halves[c])
            for c in range(cameras)]
    return Measured(0, 8, 8, settings, cameras=rows)


def test_intervals_cover_the_known_components_and_kappas():
    """Of 200 measurements at least 90 % cover. Where the true rate is 95 % a single count falls below by chance once in
    a thousand times; the seeds are fixed."""
    truth = {"between": BETWEEN, "within_time": TIME, "within_noise": ODD + EVEN, "within": WITHIN,
             "rho": WITHIN / BETWEEN, **{design: kappa(design) for design in DESIGNS[2:]}}
    truth |= {f"re {design}": (BETWEEN + WITHIN / 4) / (BETWEEN + kappa(design) * WITHIN / 4) for design in DESIGNS[2:]}
    hits = dict.fromkeys(truth, 0)
    for seed in range(200):
        variances = merit.Variances.of(synthetic(seed), seed)
        numbers = variances.components()
        for design in DESIGNS[2:]:
            entry = merit.merit(design, variances, None)
            numbers[design], numbers[f"re {design}"] = entry["kappa"], entry["re"]
        for name, value in truth.items():
            assert numbers[name]["low"] <= numbers[name]["value"] <= numbers[name]["high"]
            hits[name] += numbers[name]["low"] <= value <= numbers[name]["high"]
    assert min(hits.values()) >= 180, hits


def test_control_the_spread_within_a_structured_set_is_wrong():
    design = Design("uniform", True, "antithetic", 8)
    generator = torch.Generator().manual_seed(0)
    draws = carv.draw(4000, 8, (D, 2), carv.make_proposal(carv.uniform_target(T, 0, T - 1)), stratified=True,
                      noise="antithetic", time_generator=generator, noise_generator=generator)
    h, true = values(draws), kappa(design) * WITHIN / 8
    right = contrasts(h.mean(1).unflatten(0, (2, -1)), 1)[0].square().sum(-1).mean()
    naive = h.var(1).sum(-1).mean() / 8
    assert 0.9 < right / true < 1.1 and naive / true > 1.5, (right / true, naive / true)


def test_all_contrasts_together_are_the_sample_variance():
    x = torch.randn(5, 7, 3, dtype=torch.float64)
    assert torch.allclose(contrasts(x, 4).square().sum() / 4, x.var(0).sum())
    assert torch.allclose(contrasts(x, 4), contrasts(x + 100, 4))
    for count in (0, 5):
        with pytest.raises(ValueError, match=f"count.*got {count}"):
            contrasts(x, count)


def test_costs_and_multipliers_are_the_formulas():
    points = [(b, k, 7 + b * (5 + 2 * k)) for b in (1, 2) for k in (1, 4)]
    fitted = step_cost(points)
    assert (fitted.c0, fitted.a, fitted.b) == pytest.approx((7, 5, 2))
    measured = synthetic(0)
    measured.timings, measured.housekeeping = {(b, k): [ms - 1.0] * 3 for b, k, ms in points}, [0.0, 2.0]
    variances, costs = merit.Variances.of(measured, 0), merit.Costs.of(measured, 0)
    entry = merit.merit(DESIGNS[3], variances, costs)
    v = {name: number["value"] for name, number in variances.components().items()}
    total = v["between"] + entry["within"]["value"]
    assert entry["ecm"]["1"]["value"] == pytest.approx((v["between"] + v["within"]) * 14 / (total * 20))
    assert entry["ecm"]["2"]["value"] == pytest.approx((v["between"] + v["within"]) / 2 * 21 / (total * 20))
    assert entry["ecm_alpha"]["3"]["value"] == pytest.approx((v["between"] + v["within"]) * 4 / (total * 7))
    found = merit.allocation(("uniform", True, "antithetic"), 1, variances, costs, (1, 4))
    assert found["k_star"]["value"] == pytest.approx(math.sqrt(2.5 * entry["kappa"]["value"] * v["rho"]))
    assert found["best_k"]["value"] == (4 if entry["ecm"]["1"]["value"] > 1 else 1)


# --- the command ---

def numbers(node) -> list[dict]:
    """Every {value, low, high} of a report."""
    if isinstance(node, dict):
        return [node] if node.keys() == {"value", "low", "high"} else [n for v in node.values() for n in numbers(v)]
    return [n for v in node for n in numbers(v)] if isinstance(node, list) else []


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("measured")
    done = subprocess.run(
        [sys.executable, "-m", "carv3d", "train", *SMALL, "trainer.max_steps=6", "trainer.preview_every=0",
         "checkpoint.every_n_train_steps=3", "export.video=false", f"exp_root_dir={root}"],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def leaves(node) -> list:
    """What nested dicts and lists hold, in order."""
    if isinstance(node, (dict, list)):
        return [leaf for child in (node.values() if isinstance(node, dict) else node) for leaf in leaves(child)]
    return [node]


def checkpoints(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.rglob("*.ckpt")}


@pytest.fixture
def given_costs(monkeypatch):
    """A step of B renders of K draws takes 7 + B (5 + 2 K) ms and 1 ms of housekeeping, whatever the clock says."""
    timed, clock = measurement._timed, []

    def given(trainer, step):
        clock.extend(timed(trainer, step))
        return 7.0 + trainer.config.data.batch_size * (5 + 2 * trainer.sampler.k), 1.0

    monkeypatch.setattr(measurement, "_timed", given)
    yield
    assert clock and all(math.isfinite(ms) and ms >= 0 for ms in clock)


def test_a_run_is_measured_at_each_checkpoint_and_left_alone(run, capsys, given_costs):
    before = checkpoints(Path(run))
    assert main(["measure", "--run", run, *QUICK]) == 0
    out = capsys.readouterr().out
    folder = Path(out.splitlines()[-1])
    assert folder == Path(run) / "measure" and checkpoints(Path(run)) == before and len(before) == 3
    report = json.loads((folder / "measure.json").read_text())
    assert [state["step"] for state in report["states"]] == [3, 6] and not report["interrupted"]
    for state in report["states"]:
        found = [n for n in numbers(state) if None not in n.values()]  # None: infinite, as rho may be
        assert len(found) > 300 and all(n["low"] <= n["value"] <= n["high"] for n in found)
        assert all(math.isfinite(n[part]) for e in state["sets"] for n in (e["kappa"], e["re"]) for part in n)
        assert {(e["proposal"], e["stratified"], e["noise"]) for e in state["sets"]} >= set(
            map(tuple, report["named"].values()))
        costs = {name: state["cost"][name]["value"] for name in ("c0_ms", "a_ms", "b_ms", "r")}
        assert costs == pytest.approx({"c0_ms": 8, "a_ms": 5, "b_ms": 2, "r": 2.5})
        assert [e["items"] for e in state["camera_strata"]] == [3, 8]
    rows = list(csv.DictReader((folder / "measure.csv").open()))
    assert len(rows) == 2 * len(Settings(4, 2, (1, 2, 3)).designs)
    assert all(float(row["r"]) == pytest.approx(2.5) and row["ecm_baseline_b2_high"] for row in rows)
    found = {str(state["step"]): state["components"]["rho"]["value"] for state in report["states"]}
    assert all(row["rho"] == ("" if (rho := found[row["step"]]) is None else str(rho)) for row in rows)
    for name in ("variance_compute", "multiplier_k", "relative_efficiency", "multiplier_alpha", "strata_scope",
                 "norm_timestep"):
        assert iio.imread(folder / f"{name}.png").std() > 10
    assert "ECM over (2,1)" in out and "rho" in out and "K*" in out


def test_the_scene_measured_is_the_same_to_the_bit():
    trainer = build.trainer(configuration.load(None, SMALL))
    train_step(trainer, 0)
    before, config = io.BytesIO(), trainer.config
    torch.save(trainer.state(), before)
    measurement.measure(trainer, Measured(1, 16, 16, Settings(2, 2, (1, 2))))
    before.seek(0)
    for kept, now in zip(leaves(torch.load(before)), leaves(trainer.state()), strict=True):
        assert torch.equal(kept, now) if isinstance(kept, torch.Tensor) else kept == now
    assert trainer.config is config


def test_an_interrupt_keeps_what_is_measured(capsys, tmp_path, monkeypatch):
    sketches, calls = measurement.Batch.sketches, []

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return sketches(*args)

    monkeypatch.setattr(measurement.Batch, "sketches", interrupted)
    assert main(["measure", *QUICK, "--warm-up", "2", "--out", str(tmp_path / "here"), *SMALL]) == 130
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1] == str(tmp_path / "here") and "measured so far" in captured.err
    report = json.loads((tmp_path / "here" / "measure.json").read_text())
    (state,) = report["states"]
    assert report["interrupted"] and state["step"] == 2 and state["cameras"] == 3 and state["camera_strata"] == []
    assert state["sets"] and state["cost"] and (tmp_path / "here" / "multiplier_k.png").exists()
    assert (tmp_path / "here" / "measure.csv").exists() and (tmp_path / "here" / "config.yaml").exists()


@pytest.mark.parametrize("arguments,words", [
    ([], ["prompt", "none given"]),
    (["prompt=a red mushroom", "--k", "1"], ["--k 1", "above 1"]),
    (["prompt=a red mushroom", "--k", "1,x"], ["1,x", "list of whole numbers"]),
    (["prompt=a red mushroom", "--k", "0,2"], ["0 given", "from 1 to"]),
    (["prompt=a red mushroom", "--cameras", "1"], ["1 given", "from 2 to"]),
    (["prompt=a red mushroom", "--replicates", "1"], ["1 given", "from 2 to"]),
    (["--run", "nowhere"], ["nowhere", "not a run folder"]),
    (["prompt=a red mushroom", "--out", "/dev/null/x"], ["--out", "/dev/null/x"]),
])
def test_mistakes_end_in_one_line(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert main(["measure", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1, captured
    assert all(word in captured.err for word in words), captured.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments,words", [
    (["--config", "x.yaml"], ["--config", "--run"]), (["--warm-up", "3"], ["--warm-up", "--run"]),
    (["scene.nerf.hidden=64"], ["scene", "--run"]),
])
def test_what_a_run_cannot_take(capsys, run, arguments, words):
    assert main(["measure", "--run", run, *arguments]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and all(word in line for word in words), line
