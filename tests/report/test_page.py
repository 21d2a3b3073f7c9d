"""``carv3d report`` on folders made up for it: the page alone, its numbers, and what a browser makes of it."""

import csv
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from carv3d import cli

sys.path[:0] = [str(Path(__file__).parents[1] / "web"), str(Path(__file__).parent)]
import made_up  # noqa: E402
from browser import FLAGS, chromium  # noqa: E402
from made_up import one_run  # noqa: E402


@pytest.fixture
def sweep(tmp_path):
    return made_up.study(tmp_path)


def rows(path: Path) -> list[dict[str, str]]:
    with open(path) as handle:
        return list(csv.DictReader(handle))


def test_the_page_needs_nothing_beside_it(sweep, capsys):
    assert cli.main(["report", str(sweep)]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == str(sweep / "report/index.html")
    assert "left out: all, a <b>, seed 7 (config)" in said.err
    page = (sweep / "report/index.html").read_text()
    sources = re.findall(r'(?:src|poster)="([^"]{0,30})', page)
    assert len(sources) >= 9 and all(source.startswith("data:") for source in sources)
    beside = set(re.findall(r'href="(?!data:)([^"]*)"', page))
    assert beside == {str(path.relative_to(sweep / "report")) for path in (sweep / "report").rglob("*.*")
                      } - {"index.html"}
    assert "http" not in re.sub(r'"data:[^"]*"', "", page) and "a &lt;b&gt;" in page and "a <b>" not in page
    names = {"multipliers", "along", *(
        f"{kind}_{unit}" for kind in ("curve", "difference") for unit in ("seconds", "renders", "teacher_evals"))}
    assert {path.name for path in (sweep / "report/figures").iterdir()} == {
        f"{name}.{kind}" for name in names for kind in ("svg", "pdf", "png")}
    heads = ["Quality at equal seconds", "Seconds of training to a quality", "Effective compute", "Quality at equal renders"]
    places = [page.index(f"<h2>{head}") for head in heads]
    assert places == sorted(places)


@pytest.mark.parametrize("workers,compared,words", [
    (1, True, "One trainer ran at a time"), (2, True, "its steps times the median cost"),
    (2, False, "do not compare strictly")])
def test_it_says_whose_seconds_they_are(sweep, workers, compared, words):
    import sqlite3

    with sqlite3.connect(sweep / "ledger.sqlite") as database:
        database.execute("update cells set workers = ?", (workers,))
    for path in sweep.glob("run*/metrics.jsonl") if not compared else ():
        path.write_text("".join(line for line in path.read_text().splitlines(True) if '"compare"' not in line))
    cli.main(["report", str(sweep)])
    page = (sweep / "report/index.html").read_text()
    said = [each for each in ("One trainer ran at a time", "its steps times the median cost", "do not compare strictly")
            if each in page]
    assert said == [words]


def test_its_numbers_are_those_of_the_runs(sweep, capsys):
    cli.main(["report", str(sweep)])
    found = {row["name"]: row for row in rows(sweep / "report/multipliers.csv")}
    assert float(found["all"]["work_value"]) == pytest.approx(9 * 20 / (2 * 30))
    assert float(found["all"]["variance_value"]) == pytest.approx(4.5)
    assert float(found["all"]["cost_value"]) == pytest.approx(1.5)
    assert found["all"]["work_count"] == "4" and found["all"]["memory_value"] == ""
    told = {(row["unit"], row["share"]): row for row in rows(sweep / "report/differences.csv")}
    above = {key: float(row["value"]) for key, row in told.items()}
    gain = lambda step, speed: 8 * (1 - np.exp(-speed * step / 15))  # noqa: E731
    for share in (0.25, 0.5, 0.75, 1.0):
        assert above["seconds", str(share)] == pytest.approx(gain(40 * share / 1.5, 2) - gain(40 * share, 1), abs=0.02)
        assert above["renders", str(share)] == pytest.approx(gain(40 * share, 2) - gain(40 * share, 1), abs=0.02)
    for unit, spent in (("seconds", 1.5), ("renders", 1.0)):
        assert above[unit, "end"] == pytest.approx(gain(40, 2) - gain(40, 1), abs=0.02)
        assert float(told[unit, "end"]["spent"]) == pytest.approx(spent)
    levels = {(row["unit"], row["level"]): row for row in rows(sweep / "report/levels.csv")}
    assert float(levels["renders", "18.0"]["value"]) == pytest.approx(2.0, rel=0.03)
    assert float(levels["seconds", "18.0"]["value"]) == pytest.approx(2.0 / 1.5, rel=0.03)
    assert levels["seconds", "18.0"]["count"] == levels["seconds", "18.0"]["pairs"] == "4"
    assert len(rows(sweep / "report/curves.csv")) == 8 * 40 and len(rows(sweep / "report/states.csv")) == 2 * 2 * 2
    assert [row["status"] for row in rows(sweep / "report/runs.csv")] == ["done"] * 8 + ["failed"]
    said = capsys.readouterr().out
    assert "all: at equal seconds +0.33 [0.33, 0.33] dB, by raw variance 3.00 [3.00, 3.00]" in said


def test_another_baseline_and_another_score(sweep, tmp_path, capsys):
    assert cli.main(["report", str(sweep), "--baseline", "all", "--quality", "mask_iou", "--out",
                     str(tmp_path / "other")]) == 0
    found = {row["name"]: row for row in rows(tmp_path / "other/multipliers.csv")}
    assert float(found["plain"]["work_value"]) == pytest.approx(1 / 3)
    above = rows(tmp_path / "other/differences.csv")
    assert {row["name"] for row in above} == {"plain"} and all(float(row["value"]) == 0 for row in above)
    assert rows(tmp_path / "other/levels.csv") == []  # of a score without levels of its own
    assert cli.main(["report", str(sweep), "--quality", "mask_iou", "--levels", "0.4,0.6"]) == 0
    capsys.readouterr()
    assert cli.main(["report", str(sweep), "--baseline", "none"]) == 2
    assert "--baseline none: no such variant; allowed: plain, all" in capsys.readouterr().err
    assert cli.main(["report", str(sweep), "--quality", "beauty"]) == 2
    assert cli.main(["report", str(tmp_path)]) == 2
    assert "neither a sweep nor a run" in capsys.readouterr().err
    assert cli.main(["report", str(sweep), "--levels", "20,nan"]) == 2
    assert "allowed: up to 16 numbers" in capsys.readouterr().err


def test_runs_without_a_sweep_are_told_apart_by_their_options(tmp_path, capsys):
    for i, (k, seed) in enumerate([(1, 0), (1, 1), (4, 0), (4, 1)]):
        one_run(tmp_path / f"r{i}", "all" if k == 4 else "loose", "a red mushroom", seed, [f"estimator.k={k}"])
    assert cli.main(["report", *(str(tmp_path / f"r{i}") for i in range(4)), "--out", str(tmp_path / "out")]) == 0
    names = [row["name"] for row in rows(tmp_path / "out/multipliers.csv")]
    assert names == ["k 1", "k 4"]


PROBE = """<script>addEventListener("load",()=>{
 const column=i=>[...document.querySelectorAll("#cells tbody tr")].map(row=>row.cells[i].textContent);
 const heads=[...document.querySelectorAll("#cells th")],find=name=>heads.findIndex(th=>th.textContent===name);
 const click=name=>{heads[find(name)].firstElementChild.click();return column(find(name))};
 const found={up:click("psnr"),down:click("psnr"),sorted:heads[find("psnr")].getAttribute("aria-sort"),
  prompt:click("prompt"),broken:[...document.images].filter(i=>!i.naturalWidth).length,images:document.images.length,
  videos:document.querySelectorAll("video").length,
  fetched:performance.getEntriesByType("resource").map(e=>e.name).filter(n=>!n.startsWith("data:")),
  wide:document.documentElement.scrollWidth,title:document.title};
 const out=document.createElement("pre");out.id="probe";out.textContent=JSON.stringify(found);document.body.append(out)});
</script>"""


@pytest.mark.skipif(not chromium(), reason="chromium is missing: apt-get install chromium, or CARV3D_CHROMIUM")
def test_in_a_browser(sweep):
    """Figures and videos load without a network, and the table sorts: numbers as numbers, what is empty last."""
    cli.main(["report", str(sweep)])
    page = sweep / "report/index.html"
    (sweep / "probe.html").write_text(page.read_text().replace("</body>", PROBE + "</body>"))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        dom = subprocess.run([chromium(), *FLAGS, "--host-resolver-rules=MAP * ~NOTFOUND", "--window-size=1200,900",
                              f"--user-data-dir={profile}", "--dump-dom", f"file://{sweep / 'probe.html'}"],
                             capture_output=True, text=True, timeout=600).stdout
    found = json.loads(re.search(r'<pre id="probe">(.*?)</pre>', dom, re.S)[1].replace("&lt;", "<").replace("&gt;", ">"))
    scores = [float(text) for text in found["up"][:-1]]
    assert scores == sorted(scores) and len(scores) == 8 and found["up"][-1] == ""
    assert found["down"] == [*reversed(found["up"][:-1]), ""] and found["sorted"] == "descending"
    assert found["prompt"] == sorted(found["prompt"])
    assert found["broken"] == 0 and found["images"] == 8 + 4 and found["videos"] == 1 and found["fetched"] == []
    assert found["wide"] <= 1200 and found["title"].startswith("made_up")


def test_the_figures_hold_up_without_colour():
    """Each look differs from all others by marker or dash alone."""
    from carv3d.report.figures import style

    looks = [(one["marker"], one["linestyle"], one.get("markerfacecolor")) for one in map(style, range(16))]
    assert len(set(looks)) == 16


@pytest.mark.parametrize("module", [False, True])
def test_it_opens_where_the_weights_are_gone(tmp_path, module, capsys):
    """Of a teacher without ground truth, whose folder is not there any more; or with a class that is not there, which
    costs the page that run and no more. No training stack is loaded (tests/test_imports.py)."""
    for seed in (0, 1):
        folder = tmp_path / f"run-{seed}"
        one_run(folder, "plain", "a corgi", seed, ["teacher.type=stable-diffusion", "teacher.path=/gone/model"])
        summary = json.loads((folder / "summary.json").read_text())
        (folder / "summary.json").write_text(json.dumps(summary | {"quality": None}))
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        kept = [{"step": line["step"], "k": 4} for line in lines]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in kept))
    if module:
        config = (tmp_path / "run-1/config.yaml").read_text()
        (tmp_path / "run-1/config.yaml").write_text(config.replace("  type: nerf ", "  type: gone_module:Scene "))
    assert cli.main(["report", str(tmp_path / "run-0"), str(tmp_path / "run-1"), "--out", str(tmp_path / "page")]) == 0
    page = (tmp_path / "page/index.html").read_text()
    assert page.count("data:image/png") >= 1 and "a corgi" in page and "40 steps" in page
    assert ("unreadable" in page) == module
