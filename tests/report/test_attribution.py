"""``carv3d report`` on runs of ``carv3d attribute``, made up: their scores on the page, and nothing of training."""

import csv
import itertools
import json
import random
import re
import sqlite3
import sys
from pathlib import Path

import pytest

from carv3d import cli
from carv3d import config as configuration
from carv3d.report import figures, reading
from carv3d.sweep.ledger import CellLedger

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import fuzz  # noqa: E402

EVIL = "<script>alert(1)</script>"
VARIANTS = {"iid": ["attribute.noise=iid"], "strata": []}


def estimate(value: float, half: float = 0.05) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def scores(value: float, method: str = "cosine") -> dict:
    """Of two groups of queries, with a kernel that is always ahead, and what never ranks."""
    of = {method: estimate(value), "kernel": estimate(0.7), "dot_of_means": estimate(0.2), "pixels": estimate(0.25)}
    lead = {name: estimate(value - known["value"], 0.01) for name, known in of.items() if name != method}
    found = {"ceiling": 0.95, "lds": of, "difference": lead}
    return {"held out": found, "generated": {**found, "ceiling": 0.9}}


def one_run(folder: Path, overrides: list[str], lds: object, gradients: object = 6320, command: str = "attribute"
            ) -> None:
    folder.mkdir(parents=True)
    config = configuration.load(None, ["attribute.method=cosine", *overrides])
    (folder / "config.yaml").write_text(configuration.dump(config))
    (folder / "env.json").write_text(json.dumps({"command": command, "cpu": "made-up"}))
    (folder / "summary.json").write_text(json.dumps({
        "status": "finished", "step": 2, "seconds": {"model": 9.0, "score": 1.5}, "lds": lds,
        "quality": {"lds_held_out": 0.1}, "ledger": {"sets": 2, "draws": 4, "gradients": gradients}}))


def sweep_of(folder: Path, cells: list[tuple[dict, list[str], object]]) -> Path:
    """A sweep's folder; cells: axes, overrides and scores of a run; a cell whose scores are None has no run."""
    folder.mkdir()
    with CellLedger(folder / "ledger.sqlite") as ledger:
        ledger.add((f"{folder.name}{i}", f"cell {i}", axes, {}) for i, (axes, _, _) in enumerate(cells))
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        for i, (_, overrides, lds) in enumerate(cells):
            if lds is not None:
                one_run(folder / f"run{i}", overrides, lds)
                db.execute("update cells set state = 'done', run = ? where id = ?", (f"run{i}", f"{folder.name}{i}"))
    return folder


@pytest.fixture
def sweep(tmp_path) -> Path:
    """Two variants, three K, two seeds, which are 0.02 apart, and a cell that has not run."""
    cells = [({"variant": name, "attribute.k": k, "seed": seed}, [*own, f"attribute.k={k}", f"seed={seed}"],
              scores(0.3 + 0.01 * k + 0.02 * seed + 0.1 * (name == "strata")))
             for name, own in VARIANTS.items() for k in (2, 4, 8) for seed in (0, 1)]
    return sweep_of(tmp_path / "made_up", [*cells, ({"variant": "iid", "attribute.k": 16, "seed": 0}, [], None)])


def report(*paths: Path, out: Path | None = None) -> str:
    assert cli.main(["report", *map(str, paths), *(["--out", str(out)] if out else [])]) == 0
    return ((out or paths[0] / "report") / "index.html").read_text()


def plain(page: str) -> str:
    """The page's words, without markup and what is inside of figures."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", re.sub(r"(?s)<(style|script)>.*?</\1>", "", page)))


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open()))


OF_TRAINING = ("Multipliers", "renders", "teacher", "psnr", "PSNR", "rho", "prompt", "effective compute")


def test_the_page_has_the_scores_and_nothing_of_training(sweep, capsys):
    page = plain(report(sweep))
    assert not [word for word in OF_TRAINING if word in page]
    assert "12 of 13 runs done; 2 seeds" in page
    for group, ceiling in (("held out", "0.950"), ("generated", "0.900")):
        assert f"Scores: {group}" in page
        assert (f"On {group} the ranking method (cosine; strata, K 8; the best of 6) reaches a linear datamodelling "
                "score of 0.490 (95 % interval over the queries 0.440 to 0.540; n = 2 runs), "
                f"0.240 [0.230, 0.250] above the pictures nearest by pixels. A perfect one would reach {ceiling}. "
                "kernel, which did not rank, has more in every run: 0.700.") in page
    assert "strata 8 0.490 [0.440, 0.540] 0.700 [0.650, 0.750] 0.200 [0.150, 0.250] 0.250 [0.200, 0.300] 0.240 [0.230, 0.250] 6,320 1.5" in page
    assert "iid 16 0 pending" in page and "iid 8 1 done 2 4 6320 1.5 0.400 0.400 run5" in page
    assert {path.name for path in (sweep / "report").rglob("*.*")} == {
        "index.html", "runs.csv", "attribution.csv", *(f"lds_{n}.{kind}" for n in (1, 2) for kind in ("svg", "pdf", "png")),
        *(f"{name}.{kind}" for name in ("scores_1", "scores_2", "attributed") for kind in ("tex", "md"))}
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "held out: iid, K 2: cosine 0.330 [0.280, 0.380], pixels 0.250, ceiling 0.950"
    assert len(said) == 2 * 6 + 1


def test_the_tables_of_numbers(sweep):
    report(sweep)
    found = rows(sweep / "report/attribution.csv")
    assert len(found) == 12 * 2 * 4
    one = next(row for row in found if row["id"] == "made_up11" and row["method"] == "pixels")
    assert one == {"id": "made_up11", "group": "held out", "method": "pixels", "ranks": "False", "value": "0.25",
                   "low": "0.2", "high": "0.3", "lead": "0.25", "lead_low": "0.24", "lead_high": "0.26",
                   "ceiling": "0.95"}
    runs = rows(sweep / "report/runs.csv")
    assert len(runs) == 13 and "renders" not in runs[0] and "train_s" not in runs[0]
    assert runs[3]["gradients"] == "6320" and runs[3]["score_s"] == "1.5" and runs[12]["status"] == "pending"


@pytest.fixture
def drawn(monkeypatch) -> list:
    """What the figures are given."""
    found, whole = [], figures.by_option
    monkeypatch.setattr(figures, "by_option", lambda *given: found.append(given) or whole(*given))
    return found


def test_the_figure_has_a_line_for_each_variant(sweep, drawn):
    report(sweep)
    (lines, label, levels), _ = drawn
    assert list(lines) == ["iid", "strata"] and label == "K, draws in a set"
    assert [at for at, _, _ in lines["strata"]] == [2, 4, 8]
    _, number, seeds = lines["strata"][2]
    assert (number.value, number.low, number.high) == pytest.approx((0.49, 0.44, 0.54))
    assert seeds == pytest.approx([0.48, 0.5])  # each seed's
    assert levels == pytest.approx({"ceiling": 0.95, "nearest by pixels": 0.25})


@pytest.mark.parametrize("keys,expected", [
    ({"attribute.damping": [0.01, 0.1, 1.0]}, ("attribute.damping", {"cosine": [0.01, 0.1, 1]})),
    ({"attribute.k": [2, 4], "attribute.sets": [2, 3]}, ("K, draws in a set", {"sets 2": [2, 4], "sets 3": [2, 4]})),
    ({"attribute.k": [2, 4], "attribute.method": ["cosine", "kernel"]},
     ("K, draws in a set", {"method cosine": [2, 4], "method kernel": [2, 4]})),
    ({"attribute.method": ["cosine", "kernel"]}, None),
])
def test_other_axes_of_a_sweep(tmp_path, drawn, keys, expected):
    """What is no number has no place on an axis, and gets no figure where it is alone."""
    cells = []
    for values in itertools.product(*keys.values()):
        axes = dict(zip(keys, values))
        cells.append((axes, [f"{key}={value}" for key, value in axes.items()],
                      scores(0.3 + 0.01 * len(cells), axes.get("attribute.method", "cosine"))))
    page = report(sweep_of(tmp_path / "other", cells))
    assert all(key.rsplit(".")[-1] in page for key in keys if key != "attribute.k")
    if expected is None:
        assert not drawn and "data:image" not in page
    else:
        lines, label, _ = drawn[0]
        assert (label, {name: [at for at, _, _ in marks] for name, marks in lines.items()}) == expected


def test_pictures_of_ones_own(tmp_path, drawn):
    """Another baseline, halves that have chosen the damping, gradients from a cache: the page says so, and else not."""
    own = [f"attribute.{word}" for word in ("data=/mine", "queries=/asked", "lora=/layers", "evaluate=true",
                                            "damping=auto", "method=kernel")]
    found = {"queries": scores(0.6, "kernel")["held out"]}
    found["queries"]["lds"] |= {"kernel": estimate(0.6), "clip": estimate(0.35)}
    found["queries"]["difference"]["clip"] = estimate(0.25, 0.02)
    cells = [({"attribute.k": k}, [*own, f"attribute.k={k}"], found) for k in (2, 4)]
    page = plain(report(sweep_of(tmp_path / "own", cells)))
    assert ("On queries the ranking method (kernel; K 2; the best of 2) reaches a linear datamodelling score of 0.600 "
            "(95 % interval over the queries 0.550 to 0.650; n = 1 run), 0.350 [0.340, 0.360] "
            "above the pictures nearest by pixels, 0.250 [0.230, 0.270] above the pictures nearest by clip.") in page
    assert "nearest by clip lead over pixels lead over clip gradients" in page and "did not rank" not in page
    assert drawn[0][2] == pytest.approx({"ceiling": 0.95, "nearest by pixels": 0.25, "nearest by clip": 0.35})
    words = ("damping is auto", "come from a cache")
    assert all(word in page for word in words)
    page = plain(report(sweep_of(tmp_path / "embedded", [({"attribute.k": 2}, ["attribute.k=2"], scores(0.3))])))
    assert not any(word in page for word in words)


def test_without_retrained_models_it_says_so(tmp_path):
    page = plain(report(sweep_of(tmp_path / "own", [({"attribute.k": k}, [f"attribute.k={k}"], {}) for k in (2, 4)])))
    assert "No retrained models are known for these runs (attribute.evaluate trains some), so nothing" in page
    assert "Scores" not in page and "linear datamodelling score" not in page and "2 done 2 4 6320 1.5" in page
    some = [({"attribute.k": k}, [f"attribute.k={k}"], scores(0.3) if k == 2 else {}) for k in (2, 4)]
    page = plain(report(sweep_of(tmp_path / "some", some)))
    assert "known for 1 of the runs" in page and "Scores: held out" in page


def test_runs_without_a_sweep_and_several_sweeps(tmp_path, drawn):
    for k in (2, 4):
        one_run(tmp_path / f"k{k}", [f"attribute.k={k}"], scores(0.3))
    report(tmp_path / "k2", tmp_path / "k4", out=tmp_path / "page")
    assert list(drawn[0][0]) == ["cosine"] and [at for at, _, _ in drawn[0][0]["cosine"]] == [2, 4]
    both = [sweep_of(tmp_path / name, [({"attribute.k": k}, [f"attribute.k={k}", f"attribute.sets={sets}"], scores(0.3))
                                       for k in (2, 4)]) for name, sets in (("few", 2), ("many", 9))]
    report(*both, out=tmp_path / "page")
    assert list(drawn[-1][0]) == ["sweep few", "sweep many"]  # and no means over what is not alike


def test_beside_runs_of_training(sweep, tmp_path):
    """Each kind has its part of the page; options of one are no use to the other."""
    one_run(tmp_path / "trained", ["prompt=a red mushroom"], {}, command="train")
    page = report(sweep, tmp_path / "trained", out=tmp_path / "page")
    assert page.index("<h2>All runs</h2>") < page.index("Attribution") < page.index("Scores: held out")
    assert page.count("<h2>All runs</h2>") == 2 and page.count("a red mushroom") == 1 and "; 1 prompt; 2 seeds" in page
    assert {"renders", "gradients", "train_s", "score_s"} <= rows(tmp_path / "page/runs.csv")[0].keys()


def test_options_of_training_are_refused(sweep, capsys):
    assert cli.main(["report", str(sweep), "--baseline", "iid"]) == 2
    assert "only runs of carv3d train have multipliers" in capsys.readouterr().err
    assert cli.main(["report", str(sweep), "--quality", "psnr"]) == 2
    assert not (sweep / "report").exists()


# --- untrusted --------------------------------------------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")
GOOD = scores(0.3)["held out"]
DAMAGED = [
    EVIL, [EVIL], 3, {EVIL: 3}, {"held out": []}, {"held out": {"lds": EVIL}}, {"held out": {"lds": {"cosine": EVIL}}},
    {"held out": {"lds": {"cosine": {"value": EVIL}}}}, {"held out": {"lds": {"cosine": estimate(NAN)}}},
    {"held out": {"lds": {"cosine": estimate(INF)}}}, {"held out": {"lds": {"cosine": estimate(1e308)}}},
    {"held out": {"lds": {"cosine": estimate(1.5)}}}, {"held out": {"lds": {"cosine": {"value": True}}}},
    {"held out": {"lds": {"pixels": estimate(0.3)}}}]  # the method that ranks is not there
READABLE = [
    {"held out": {"lds": {"cosine": {"value": 0.31}}}}, {"held out": {"lds": {"cosine": estimate(0.31, -0.2)}}},
    {"held out": {**GOOD, "lds": {"cosine": estimate(0.31)}, "ceiling": EVIL, "difference": EVIL}},
    {"held out": {**GOOD, "lds": {"cosine": estimate(0.31)}, "ceiling": -3, "difference": {"pixels": {"value": 9}}}},
    {"held out": {**GOOD, "lds": {"cosine": estimate(0.31), EVIL: estimate(0.1)}}},
    {f"{EVIL} $x_{{$": {**GOOD, "lds": {"cosine": estimate(0.31)}}},
    {"held out": {**GOOD, "lds": {"cosine": estimate(0.31), **{f"m{i}": estimate(0.1) for i in range(10_000)}}},
     **{f"g{i}": GOOD for i in range(10_000)}}]


@pytest.mark.parametrize("lds", DAMAGED + READABLE)
def test_scores_that_are_none_cost_nobody_the_page(tmp_path, lds):
    """Beside a good run; what of the odd one can be read is shown."""
    cells = [({"variant": name, "attribute.k": k}, [f"attribute.k={k}"], found)
             for name, k, found in (("good", 2, scores(0.3)), (f"odd {EVIL} $\\frac$", 4, lds))]
    page = report(sweep_of(tmp_path / "odd", cells))
    assert page.count("<script") == 1 and EVIL not in page and "nan" not in plain(page)
    words = plain(page)
    assert "good, K 2" in words and words.count("0.300") >= 2
    assert ("0.310" in words) == (lds in READABLE)
    assert words.count("Scores: ") <= reading.GROUPS + 2 and "m20" not in words  # the good run has two


@pytest.mark.parametrize("name,content", [
    ("summary.json", b"{"), ("summary.json", b'{"lds": null, "ledger": 3, "seconds": []}'), ("env.json", b"{"),
    ("env.json", b'{"command": ["attribute"]}'), ("config.yaml", b"{"), ("config.yaml", b"attribute: {method: nothing}")])
def test_one_damaged_run_never_costs_the_others(sweep, name, content):
    """Nor does it make a run of training of it."""
    (sweep / "run3" / name).write_bytes(content)
    page = plain(report(sweep))
    assert "strata, K 8" in page and "run3" in page and not [word for word in OF_TRAINING if word in page]


@pytest.mark.parametrize("seed", range(10))
def test_random_damage(tmp_path, seed):
    sweep = sweep_of(tmp_path / "sweep", [({"attribute.k": k}, [f"attribute.k={k}"], scores(0.3)) for k in (2, 4)])
    fuzz.damage(random.Random(seed), sweep / "run0")
    page = report(sweep)
    assert page.count("<script") == 1 and "Multipliers" not in page
    assert "0.300 [0.250, 0.350]" in plain(page)  # the other run's, at least


def test_ledgers_of_others(sweep):
    """A cost that is no number is left out, in a mean over seeds as well."""
    for number, odd in ((0, EVIL), (1, {"gradients": 1}), (2, NAN)):
        summary = json.loads((sweep / f"run{number}/summary.json").read_text())
        (sweep / f"run{number}/summary.json").write_text(json.dumps(
            {**summary, "seconds": {"score": odd}, "ledger": {**summary["ledger"], "gradients": odd, EVIL: 3}}))
    page = report(sweep)
    assert EVIL not in page and "[0.270, 0.370]" not in page
    assert "iid 2 0.330 [0.280, 0.380] 0.700 [0.650, 0.750] 0.200 [0.150, 0.250] 0.250 [0.200, 0.300] 0.080 [0.070, 0.090] – –" in plain(page)
