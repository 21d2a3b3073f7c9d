"""``carv3d report`` on runs of ``carv3d distill``, made up: what it says of students and their teachers, and no more than
their seeds bear out. And one sweep of real ones."""

import csv
import json
import random
import re
import sqlite3
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest

from carv3d import cli
from carv3d import config as configuration
from carv3d.commands.sweep import planned
from carv3d.report import distillation, figures, reading, seeds, study
from carv3d.runs import checkpoint
from carv3d.sweep import engine
from carv3d.sweep.ledger import CellLedger

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import fuzz  # noqa: E402
import quick_digits  # noqa: E402

quick = quick_digits.quick
EVIL = "<script>alert(1)</script>"
SHIFTS = (0.0, 3.0, -2.0, 1.0, 5.0, -4.0)  # of a seed's teacher, and so of all its students
CHANCE = (0.0, 0.1, -0.1, 0.05, 0.0, -0.05)  # of one row's students
STEPS = {"teacher, 1 step": 80.0, "teacher, 4 steps": 9.0, "teacher, 50 steps": 6.0}


def scores(frechet: float) -> dict[str, float]:
    return {"frechet": frechet, "precision": 0.5, "coverage": 0.25, "nearest": 4.0}


def summary(frechet: float, shift: float = 0.0) -> dict:
    return {"status": "finished", "step": 20, "outputs": 8, "k": 2, "warnings": [], "quality": scores(frechet + shift),
            "teacher": {name: scores(value + shift) for name, value in STEPS.items()},
            "ledger": {"outputs": 480, "updates": 160, "teacher_evals": 320, "fake_evals": 640},
            "seconds": {"teacher": 9.0, "train": 2.5}}


def metrics(frechet: float, times: int = 4) -> list[dict]:
    """Lines with scores, towards the last, and one without."""
    found = [{"step": 5 * n, "seconds": 0.6 * n, "outputs": 120 * n, "updates": 40 * n, "teacher_evals": 80 * n,
              "fake_evals": 160 * n, "loss_fake": 0.2, "gap": 1.0, "loss_fresh_fake": 0.2, "loss_fresh_teacher": 0.18,
              **scores(frechet + times - n)} for n in range(1, times + 1)]
    return [{"step": 1, "seconds": 0.1, "outputs": 1, "updates": 1, "teacher_evals": 1, "fake_evals": 1}, *found]


def one_run(folder: Path, overrides: list[str], found: object, lines: object = (), command: str = "distill") -> None:
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(configuration.dump(configuration.load(None, overrides)))
    (folder / "env.json").write_text(json.dumps({"command": command, "cpu": "made-up"}))
    (folder / "summary.json").write_text(json.dumps(found))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def sweep_of(folder: Path, cells: list[tuple]) -> Path:
    """A sweep's folder; cells: axes, overrides, summary and metrics of a run; without a summary it has no run."""
    folder.mkdir()
    with CellLedger(folder / "ledger.sqlite") as ledger:
        ledger.add((f"{folder.name}{i}", f"cell {i}", axes, {}) for i, (axes, *_) in enumerate(cells))
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        for i, (_, overrides, found, lines) in enumerate(cells):
            if found is not None:
                one_run(folder / f"run{i}", overrides, found, lines)
                db.execute("update cells set state = 'done', workers = 1, run = ? where id = ?",
                           (f"run{i}", f"{folder.name}{i}"))
    return folder


def students(count: int, gain: float = 0.5, names: tuple[str, str] = ("few", "many")) -> list[tuple]:
    """Cells of two variants, so many seeds; the second's students are better by the gain, but for chance."""
    return [({"variant": name, "seed": seed}, [f"distill.k={1 + i}", f"seed={seed}"],
             summary(8 - i * (gain + CHANCE[seed]), SHIFTS[seed]),
             metrics(8 - i * (gain + CHANCE[seed]) + SHIFTS[seed]))
            for i, name in enumerate(names) for seed in range(count)]


def report(*paths: Path, out: Path | None = None) -> str:
    assert cli.main(["report", *map(str, paths), *(["--out", str(out)] if out else [])]) == 0
    return ((out or paths[0] / "report") / "index.html").read_text()


def plain(page: str) -> str:
    """The page's words, without markup and what is inside of figures."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", re.sub(r"(?s)<(style|script)>.*?</\1>", "", page)))


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open()))


OF_TRAINING = ("Multipliers", "renders", "psnr", "PSNR", "rho", "effective compute", "LDS")


def test_the_page_has_the_scores_and_nothing_of_training(tmp_path, capsys):
    cells = students(6)
    sweep = sweep_of(tmp_path / "made_up", [*cells, ({"variant": "many", "seed": 9}, [], None, ())])
    page = report(sweep)
    assert "http" not in page.replace("http://www.w3.org", "")
    page = plain(page)
    assert not [word for word in OF_TRAINING if word in page]
    assert "12 of 13 runs done; 7 seeds" in page and "many 9 pending" in page and "one run at a time" in page
    assert re.search(r"Fréchet distance: the lowest mean of 2 is that of many , 8\.000 \(95 % interval 4\.\d+ to 11\.\d+; "
                     r"n = 6 seeds\)", page)
    assert re.search(r"few less it: 0\.500 \[0\.4\d+, 0\.5\d+\]: it is better\.", page)
    assert re.search(r"teacher, 4 steps less it: 1\.500 \[1\.4\d+, 1\.5\d+\]: it is better\.", page)
    assert re.search(r"teacher, 50 steps 6\.500 \[", page) and "many 8 2 8.000" in page
    assert "20 480 320 640 2.5 6" in page and "many 3 done 8 2 20 480 320 640 2.5 8.450 0.500 0.250 4.000 81.000" in page
    assert {path.name for path in (sweep / "report").rglob("*.*")} == {
        "index.html", "runs.csv", "distillation.csv",
        *(f"{name}_1.{kind}" for name in ("student_seconds", "student_rows", "fake_score") for kind in ("svg", "pdf", "png")),
        *(f"{name}.{kind}" for name in ("students_1", "distilled") for kind in ("tex", "md"))}
    captured = capsys.readouterr()
    said = captured.out.splitlines()
    assert len(said) == 3 and said[0].startswith("Fréchet distance: few: student 8.500 [")
    assert "few less it 0.500 [" in said[1] and "few less it" not in said[0] and said[1].endswith("; 2.5 s")
    assert "left out: many, seed 9 (pending)" in captured.err


@pytest.fixture
def undrawn(monkeypatch):
    """For pages whose figures nobody looks at: they take seconds."""
    monkeypatch.setattr(figures, "save", lambda *given: "<svg></svg>")


@pytest.mark.usefixtures("undrawn")
def test_differences_are_paired_by_seed(tmp_path):
    """By hand; and the control: of the same numbers, unpaired, the interval is wide and covers 0."""
    (group,) = distillation.groups(study.collect([str(sweep_of(tmp_path / "s", students(6)))]))
    first, second = group.rows
    gains = [0.5 + chance for chance in CHANCE]
    lead = second.over(first, "frechet")
    assert lead.value == pytest.approx(numpy.mean(gains))
    half = 2.571 * numpy.std(gains, ddof=1) / 6 ** 0.5  # Student's t
    assert (lead.low, lead.high) == pytest.approx((lead.value - half, lead.value + half), rel=1e-3)
    over_teacher = second.over_teacher("frechet")
    assert over_teacher.value == pytest.approx(1.5) and over_teacher.high - over_teacher.low < 0.2
    shuffled = {seed: value for seed, value in zip((1, 2, 3, 4, 5, 0), first.student("frechet").values())}
    unpaired = seeds.mean(seeds.paired(shuffled, second.student("frechet")))
    assert unpaired.value == pytest.approx(lead.value) and unpaired.low < 0 < unpaired.high
    assert unpaired.high - unpaired.low > 20 * (lead.high - lead.low)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("count,gain,words,never", [
    (1, 0.5, "few less it: 0.500, on one seed: how much of this is chance is not known", "["),
    (3, 0.5, "]: it is better", "the interval covers 0"),
    (6, 0.0, "the interval covers 0: no difference was seen", "few less it: it is"),
    (6, -0.5, "the lowest mean of 2 is that of few ", "the interval covers 0"),
])
def test_no_more_is_said_than_the_seeds_bear_out(tmp_path, count, gain, words, never):
    (group,) = distillation.groups(study.collect([str(sweep_of(tmp_path / "s", students(count, gain)))]))
    headline = plain(distillation._headline(group))
    assert words in headline and never not in headline


@pytest.mark.usefixtures("undrawn")
def test_seeds_that_one_row_lacks_are_in_no_difference(tmp_path):
    """Two runs of one seed count as one."""
    cells = students(4)
    odd = [({"variant": "few", "seed": 0}, ["seed=0", "distill.k=1"], summary(10.0), ()), *cells[:3], *cells[4:6]]
    (group,) = distillation.groups(study.collect([str(sweep_of(tmp_path / "s", odd))]))
    first, second = group.rows
    assert first.student("frechet") == {0: 9.0, 1: 11.0, 2: 6.0}
    assert seeds.paired(first.student("frechet"), second.student("frechet")) == pytest.approx({0: 1.5, 1: 0.6})


@pytest.mark.usefixtures("undrawn")
def test_the_tables_of_numbers(tmp_path):
    sweep = sweep_of(tmp_path / "s", students(2))
    report(sweep)
    found = rows(sweep / "report/distillation.csv")
    assert len(found) == 4 and found[3] == {
        "id": "s3", "row": "many", "seed": "1", "step": "20", "outputs_per_step": "8", "k": "2", "outputs": "480",
        "updates": "160", "teacher_evals": "320", "fake_evals": "640", "train_s": "2.5", "frechet": "10.4",
        "precision": "0.5", "coverage": "0.25", "nearest": "4.0",
        **{f"{name}: {score}": str(value) for name, level in STEPS.items() for score, value in scores(level + 3).items()}}
    runs = rows(sweep / "report/runs.csv")
    assert len(runs) == 4 and runs[0]["teacher_evals"] == "320" and runs[0]["train_s"] == "2.5" and "draws" not in runs[0]


@pytest.fixture
def drawn(monkeypatch) -> list:
    """What the figures are given."""
    found, whole = [], figures.over_cost
    monkeypatch.setattr(figures, "over_cost", lambda *given: found.append(given) or whole(*given))
    return found


def test_the_figures_have_a_line_for_each_row_and_its_seeds(tmp_path, drawn):
    report(sweep_of(tmp_path / "s", students(2)))
    (seconds, label, what, levels), (through, *_), (fake, _, _, none, (beside, teacher)) = drawn
    assert list(seconds) == ["few", "many"] and label == "seconds of training" and what == "Fréchet distance"
    assert levels == pytest.approx({name: value + 1.5 for name, value in STEPS.items()})
    xs, ys = seconds["many"][1]
    assert xs == pytest.approx([0.6, 1.2, 1.8, 2.4]) and ys == pytest.approx([13.4, 12.4, 11.4, 10.4])
    assert through["many"][0][0] == pytest.approx([360, 720, 1080, 1440])
    grid, mean = figures.mean_line(seconds["few"])
    assert mean == pytest.approx([12.5, 11.5, 10.5, 9.5])
    assert fake["few"][0][1] == pytest.approx([0.2] * 4) and teacher["few"][0][1] == pytest.approx([0.18] * 4) and not none


def test_the_mean_line_is_drawn_where_all_are_known():
    grid, mean = figures.mean_line([(numpy.array([1.0, 3.0]), numpy.array([4.0, 8.0])),
                                    (numpy.array([2.0, 5.0]), numpy.array([1.0, 4.0]))])
    assert grid.tolist() == [2, 3] and mean.tolist() == [3.5, 5]
    assert not len(figures.mean_line([(numpy.array([1.0]), numpy.array([1.0])), (numpy.array([2.0]), numpy.array([1.0]))])[0])


def latent(value: float, guidance: float) -> tuple[list[str], dict]:
    found = summary(1.0)
    for scored in (found["quality"], *found["teacher"].values()):
        scored.clear()
        scored |= {"wasserstein": value, "diversity": 0.9}
    return [f"distill.guidance={guidance:g}", "distill.prompts=toybox"], found


@pytest.mark.usefixtures("undrawn")
def test_what_is_judged_by_different_teachers_is_not_compared(tmp_path):
    """Sliced Wasserstein distances under two guidances are from two references; Fréchet distances stand apart, too."""
    cells = [({"distill.k": k, "distill.guidance": g}, *(given := latent(0.1 * k * g, g))[:1], given[1], ())
             for g in (1.0, 2.0) for k in (1, 2)]
    page = plain(report(sweep_of(tmp_path / "s", [*cells, ({"distill.k": 1}, [], summary(8.0), ())])))
    for name in ("sliced Wasserstein distance, guidance 1.0", "sliced Wasserstein distance, guidance 2.0",
                 "Fréchet distance"):
        assert f"Scores: {name}" in page
    assert page.count("the lowest mean of 2 is that of K 1, guidance") == 2 and "the lowest mean of 4" not in page


def test_a_run_alone_and_beside_runs_of_other_commands(tmp_path):
    one_run(tmp_path / "alone", ["distill.k=2"], summary(8.0), metrics(8.0))
    page = plain(report(tmp_path / "alone"))
    assert "Fréchet distance: outputs 8, K 2 , 8.000 (no interval: one seed; n = 1 seed)." in page and "first row" not in page
    assert "whether it had the machine to itself is not known" in page
    one_run(tmp_path / "trained", ["prompt=a red mushroom"], {"status": "finished"}, command="train")
    lds = {"queries": {"lds": {"kernel": {"value": 0.4, "low": 0.3, "high": 0.5}}}}
    one_run(tmp_path / "asked", [], {"status": "finished", "lds": lds, "seconds": {"score": 1.0}}, command="attribute")
    page = plain(report(*(tmp_path / name for name in ("alone", "trained", "asked")), out=tmp_path / "page"))
    places = [page.index(word) for word in ("a red mushroom", "Attribution", "Scores: queries", "Distillation",
                                            "Scores: Fréchet distance")]
    assert places == sorted(places) and "outputs 8, K 2 , 8.000" in page  # not every option in which commands differ
    assert {"renders", "gradients", "fake_evals", "train_s", "score_s"} <= rows(tmp_path / "page/runs.csv")[0].keys()
    page = plain(report(tmp_path / "asked", tmp_path / "alone", out=tmp_path / "two"))
    assert page.index("Attribution") < page.index("Distillation") and "Multipliers" not in page


def test_a_killed_run_is_left_out_and_said(tmp_path, capsys):
    one_run(tmp_path / "whole", ["distill.k=2"], summary(8.0), metrics(8.0))
    one_run(tmp_path / "killed", ["distill.k=4"], {"status": "running"}, metrics(3.0, 2))
    page = plain(report(tmp_path / "whole", tmp_path / "killed", out=tmp_path / "page"))
    assert "left out: k 4, seed 0 (running)" in capsys.readouterr().err
    assert "K 2 , 8.000" in page and "3.000" not in page and "4 running" in page
    page = plain(report(tmp_path / "killed"))
    assert "These runs have no scores of a student" in page and "Scores:" not in page


def test_options_of_training_are_refused(tmp_path, capsys):
    sweep = sweep_of(tmp_path / "s", students(1))
    assert cli.main(["report", str(sweep), "--baseline", "few"]) == 2
    assert "only runs of carv3d train have multipliers" in capsys.readouterr().err
    assert cli.main(["report", str(sweep), "--quality", "frechet"]) == 2
    assert not (sweep / "report").exists()


# --- untrusted --------------------------------------------------------------------------------------------------------

NAN, INF, FULL = float("nan"), float("inf"), summary(8.0)
SCORELESS = [{**FULL, "quality": each} for each in
             (None, EVIL, [3], {"frechet": EVIL}, {"frechet": NAN}, {"frechet": INF}, {"frechet": -3}, {"frechet": 1e300},
              {"frechet": True}, {EVIL: 3.0}, {"precision": 0.5})]
READABLE = [{**FULL, "quality": scores(8.12) | {EVIL: 3.0, "diversity": EVIL}, "teacher": each, "outputs": each, "k": each,
             "step": each, "ledger": each, "seconds": each}
            for each in (None, EVIL, [EVIL], NAN, {EVIL: EVIL}, {EVIL: {"frechet": 3.0}, "t": {EVIL: 1}},
                         {f"teacher{i}": {"frechet": 3.0} for i in range(1000)})]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("found", SCORELESS + READABLE)
def test_scores_that_are_none_cost_nobody_the_page(tmp_path, found):
    """Beside a good run; what of the odd one can be read is shown, and its names are shown as they are."""
    cells = [({"variant": name}, [f"distill.k={k}"], each, ())
             for k, (name, each) in enumerate((("good", summary(7.89)), (f"odd {EVIL} $\\frac$", found)), 1)]
    page = report(sweep_of(tmp_path / "odd", cells))
    words = plain(page)
    assert page.count("<script") == 1 and EVIL not in page and "nan" not in words and "odd &lt;script&gt;" in page
    assert "7.890" in words and ("8.120" in words) == (found in READABLE)
    assert ("1 of the runs that are done has no scores" in words) == (found in SCORELESS)
    assert f"teacher{reading.ROWS + 1}" not in words


@pytest.mark.parametrize("line", [EVIL, [1], {"step": 1, "frechet": EVIL}, {**metrics(8.0)[1], "frechet": INF},
                                  {**metrics(8.0)[1], "seconds": EVIL}, {**metrics(8.0)[1], "seconds": -1},
                                  {**metrics(8.0)[1], "frechet": 0, "loss_fresh_fake": 0}, {EVIL: EVIL}])
def test_odd_lines_are_in_no_figure(tmp_path, drawn, line):
    report(sweep_of(tmp_path / "odd", [({"variant": EVIL}, [], summary(8.0), [line, *metrics(8.0)])]))
    assert all(len(lines[EVIL][0][0]) == 4 for lines, *_ in drawn) and len(drawn) == 3


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name,content", [("summary.json", b"{"), ("env.json", b"{"), ("metrics.jsonl", b"\xff\n"),
                                          ("env.json", b'{"command": "train"}'), ("config.yaml", b"{")])
def test_one_damaged_run_never_costs_the_others(tmp_path, name, content):
    """Nor does it make a run of training of it."""
    sweep = sweep_of(tmp_path / "s", students(2))
    (sweep / "run0" / name).write_bytes(content)
    page = plain(report(sweep))
    assert "many" in page and "run0" in page and not [word for word in OF_TRAINING if word in page]


@pytest.mark.parametrize("seed", range(3))
def test_random_damage(tmp_path, seed):
    sweep = sweep_of(tmp_path / "s", students(1))
    fuzz.damage(random.Random(seed), sweep / "run0")
    page = report(sweep)
    assert page.count("<script") == 1 and "Multipliers" not in page and "7.500" in plain(page)


# --- real runs --------------------------------------------------------------------------------------------------------

class Here:
    """An executor that trains in this process, which has loaded everything already."""

    def __init__(self, slots: int, cuda: bool):
        self.slots = slots

    def start(self, slot, attempt, log, lock):
        log.touch()
        code = cli.main(list(attempt.arguments()))
        return SimpleNamespace(poll=lambda: code, restarts=0)


def test_a_sweep_of_two_students_from_plan_to_page(tmp_path, monkeypatch, capsys):
    """Planned without a trace, run, left in peace when asked again; two seeds are two students."""
    file = tmp_path / "few.yaml"
    file.write_text("command: distill\nseeds: 2\noverrides: {distill: {steps: 6, fake_updates: 1, evaluate_every: 3}, "
                    "budget.seconds: 50}\ngrid: {distill.outputs: [8], distill.k: [2]}\n")
    monkeypatch.setattr("carv3d.commands.sweep.Processes", Here)
    asked = ["sweep", str(file), f"exp_root_dir={tmp_path}/out"]
    assert cli.main([*asked, "--dry-run"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1:] for line in said[:2]] == [
        [f"outputs 8, k 2, seed {seed}", "# 6 updates of 8 outputs, K 2"] for seed in (0, 1)] and len(said) == 3
    assert not (tmp_path / "out").exists()
    assert cli.main([*asked, "--workers", "2"]) == 2 and "budget.seconds" in capsys.readouterr().err
    assert cli.main(asked) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["cell", "state", "step", "train", "s", "frechet", "run"] and len(said) == 4
    found = rows(tmp_path / "out/few/cells.csv")
    for row in found:
        held = json.loads((tmp_path / "out/few" / row["run"] / "summary.json").read_text())
        assert {name: row[name] for name in ("status", "step", "outputs_per_step", "k", "outputs", "updates",
                                             "teacher_evals", "fake_evals")} == {
            "status": "done", "step": "6", "outputs_per_step": "8", "k": "2", "outputs": "96", "updates": "48",
            "teacher_evals": "96", "fake_evals": "144"}
        assert float(row["frechet"]) == held["quality"]["frechet"] and float(row["train_s"]) == held["seconds"]["train"]
        assert "renders" not in row and "stopped_by" not in row
    one, other = (checkpoint.load(checkpoint.newest(tmp_path / "out/few" / row["run"] / "ckpts"))["student"]
                  for row in found)
    assert any((one["generator"][name] != other["generator"][name]).any() for name in one["generator"])
    (tmp_path / "out/few" / found[0]["run"] / "summary.json").unlink()  # killed on its last step, and nobody told
    with sqlite3.connect(tmp_path / "out/few/ledger.sqlite") as db:
        db.execute("update cells set state = 'interrupted', result = null where id = ?", (found[0]["id"],))
    assert cli.main(asked) == 0
    captured = capsys.readouterr()
    assert "resumed outputs 8, k 2, seed 0" in captured.err and "started" not in captured.err
    again = rows(tmp_path / "out/few/cells.csv")
    assert [row["frechet"] for row in again] == [row["frechet"] for row in found]
    page = plain(report(tmp_path / "out/few"))
    assert "outputs 8, K 2 , " in page and "n = 2 seeds" in page and "2 of 2 runs done" in page


@pytest.mark.parametrize("text,option,chunks", [
    ("command: distill\noverrides: {distill.outputs: 10}", "distill.chunk", [5, 2, 1, 0]),
    ("command: distill\noverrides: {distill.outputs: 10, distill.chunk: 4}", "distill.chunk", [2, 1, 0]),
    ("prompts: [a red cube]\noverrides: {estimator.k: auto}", "estimator.chunk", [8, 4, 2, 1, 0]),
    ("command: attribute", "", [0])])
def test_what_is_halved_where_memory_runs_out(tmp_path, text, option, chunks):
    """And the application takes it."""
    file = tmp_path / "plan.yaml"
    file.write_text(text)
    plan, found = planned(file), [None]
    while found[-1] != 0:
        found.append(engine.smaller_chunk(plan.application, plan.cells[0], found[-1]))
    assert found[1:] == chunks and plan.application.chunk == option
    if option:
        planned(file, [f"{option}={chunks[0]}"])
