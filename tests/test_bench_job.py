"""The whole job's benchmarks: pairs in turn, intervals over prompts, and what a sample counts for. No clock is asserted
upon."""

import csv
import importlib.util
import random
import statistics
import sys
import time
from argparse import Namespace
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STUB = """
import json, os, sys, time
from pathlib import Path
given = dict(text.split("=", 1) for text in sys.argv[2:])
assert sys.argv[1] == "train"
with open(os.environ["LOG"], "a") as log:
    log.write(SIDE + " " + " ".join(sys.argv[2:]) + "\\n")
if given.get("fail") == SIDE:
    sys.exit("error: " + SIDE + " cannot")
run = Path(given["exp_root_dir"]) / str(time.time_ns())
run.mkdir()
score = 0.9 if SIDE == "new" else 0.8
(run / "summary.json").write_text(json.dumps({
    "seconds": {"train": 1.0 if SIDE == "new" else 4.0, "start": 0.5},
    "quality": {"mask_iou": score + float(given["seed"]) / 100, "retrieval_top1": True}}))
print("noise")
print(run)
"""


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


bench, profile = script("bench_job"), script("profile_job")


@pytest.fixture
def trees(tmp_path, monkeypatch) -> tuple[Path, Path]:
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    for side in ("old", "new"):
        package = tmp_path / side / "carv3d"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(f"SIDE = {side!r}\n{STUB}")
    return tmp_path / "old", tmp_path / "new"


def arguments(**given) -> Namespace:
    return Namespace(**{"prompts": ["a", "b"], "seeds": 2, "avx2": False, "old": [], "overrides": []} | given)


def test_sides_take_turns_and_who_is_first_changes(trees, tmp_path, capsys):
    found = list(bench.pairs(trees, tmp_path, arguments(old=["only=old"], overrides=["both=1"])))
    log = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    assert [line[0] for line in log] == ["old", "new"] + ["new", "old", "old", "new"] * 2
    assert all(("only=old" in line) == (line[0] == "old") and "both=1" in line for line in log)
    assert [("trainer.max_steps=100" in line) for line in log] == [True] * 2 + [False] * 8
    assert [prompt for prompt, *_ in found] == ["a", "b", "a", "b"]
    rows = bench.report(found)
    assert rows["seconds, train"] == pytest.approx((0.25,) * 3) and rows["mask_iou"] == pytest.approx((0.1,) * 3)
    assert rows["retrieval_top1"] == pytest.approx((0.0,) * 3) and "seconds, start" in rows
    assert all(one.memory > 1 and one.wall > 0 and one.cpu > 0 for _, *both in found for one in both)
    out = capsys.readouterr().out
    assert "| seconds, train | 4.0 | 1.0 | 0.250 |" in out and "psnr" not in out


def test_a_job_that_fails_ends_it_in_one_line(trees, tmp_path):
    with pytest.raises(SystemExit) as ended:
        list(bench.pairs(trees, tmp_path, arguments(overrides=["fail=new"])))
    assert "new cannot" in str(ended.value) and "\n" not in str(ended.value)


def test_the_history_grows_by_a_line(tmp_path):
    rows = {"seconds, whole job": (0.5, 0.4, 0.6), "memory, MiB": (1.0, 0.9, 1.1), "mask_iou": (0.0, -0.1, 0.1)}
    for commits in (("aaa", "bbb"), ("aaa", "ccc+")):
        bench.record(tmp_path / "history.csv", arguments(), commits, rows)
    with (tmp_path / "history.csv").open() as handle:
        lines = list(csv.DictReader(handle))
    assert [line["new"] for line in lines] == ["bbb", "ccc+"]
    assert lines[0]["seconds"] == "0.5000 [0.4000 0.6000]" and lines[0]["retrieval_top1"].startswith("nan")


def test_intervals_cover_what_prompts_share():
    """Values of three prompts with two seeds each, whose prompts differ more than their seeds: 95 % of the intervals
    hold the mean. 2,000 of them: fewer than 93.5 % or more than 96.5 % is a false alarm of 2 in 1,000. Control: an
    interval over the six values as if they were independent holds it in fewer."""
    draws, held, naive = random.Random(0), 0, 0
    for _ in range(2000):
        values = []
        for prompt in "abc":
            own = draws.gauss(0, 1)
            values += [(prompt, own + draws.gauss(0, 0.3)) for _ in range(2)]
        _, low, high = bench.interval(values)
        held += low < 0 < high
        flat = [value for _, value in values]
        naive += abs(statistics.mean(flat)) < 2.571 * statistics.stdev(flat) / 6 ** 0.5
    assert 0.935 < held / 2000 < 0.965
    assert naive / 2000 < 0.935
    assert bench.interval([("a", 1.0), ("a", 3.0)])[0] == 2.0  # one prompt: no interval


SPIN = """
def train_step(seconds):
    import time
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass

def somewhere(seconds):
    train_step(seconds)
"""


def test_samples_count_for_the_part_they_stand_in():
    names = {"__name__": "carv3d.text3d.made_up"}
    exec(SPIN, names)
    sampler = profile.Sampler(0.002)
    sampler.start()
    names["somewhere"](0.3)
    time.sleep(0.1)
    sampler.ended.set()
    sampler.join()
    parts = {part for part, inner in sampler.seconds if inner == "text3d.made_up.train_step"}
    assert parts == {"training step"}
    assert any(part == "between" for part, _ in sampler.seconds)  # the sleep, in no function of carv3d's


def test_tables_show_medians_around_each_stage(capsys):
    stations = {str(step): {"render": float(step), "teacher": 2.0} for step in range(100) if step not in (10, 50, 90)}
    profile.tables({"seconds": 12.0, "stages": [10, 50, 90], "stations": stations,
                    "sampled": [["training step", "a.b", 8.0], ["imports", "torch", 2.0]],
                    "operations": {"10": [["conv", 3.0], ["add", 1.0]]}})
    out = capsys.readouterr().out
    assert "| render | 10.0 | 50.0 | 90.0 |" in out and "| whole step | 12.0 | 52.0 | 92.0 |" in out
    assert "| training step | 8.0 | a.b 8.0 |" in out and "conv 75 %, add 25 %" in out
