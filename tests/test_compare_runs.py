"""scripts/compare_runs.py: it sees a single bit, a missing key and a moved one; it runs cells, and leaves no tree."""

import concurrent.futures
import copy
import importlib.util
import math
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent.parent


def _script():
    spec = importlib.util.spec_from_file_location("compare_runs", ROOT / "scripts" / "compare_runs.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["compare_runs"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


runs = _script()


def result() -> dict:
    """What a run leaves, in small."""
    logits = torch.linspace(-1, 1, 12).reshape(3, 4)
    moments = {"step": torch.tensor(5.0), "exp_avg": torch.full((3, 4), torch.nan, dtype=torch.bfloat16)}
    trainer = {"scenes": [{"net.logits": logits, "seen": torch.tensor([True, False])}], "learner": None, "k": 4,
               "optimizer": {"state": {0: moments}, "param_groups": [{"lr": 0.05, "betas": (0.9, 0.99)}]},
               "ledger": {"draws": 40}, "station_ms": {"render": 1.5}}
    return {"checkpoint": {"step": 5, "trainer": trainer, "config": "seed: 0", "seconds": {"train": 3.0}},
            "metrics": [{"step": 1, "wall_s": 0.5, "grad_norm": 0.25, "spread": math.nan},
                        {"step": 2, "compare": {"plain": {"variance": 2.0, "step_ms": 7.0}}, "cost": {"seconds": 1.0}}],
            "summary": {"status": "finished", "quality": {"psnr": 14.5}, "warnings": [], "seconds": {"train": 3.0}}}


def changed(change) -> dict:
    other = copy.deepcopy(result())
    change(other)
    return other


def test_equal_but_for_clocks():
    """NaN equals NaN; what an option adds to the configuration's text does not count."""
    def other_times(tree):
        tree["checkpoint"] |= {"config": "seed: 0\nnew: 1", "seconds": {"train": 4.0, "more": 1.0}}
        tree["checkpoint"]["trainer"]["station_ms"] = {}
        tree["metrics"][0]["wall_s"] = 0.75
        tree["metrics"][1]["compare"]["plain"]["step_ms"] = 8.0
        tree["metrics"][1]["cost"]["seconds"] = 2.0
        tree["summary"]["seconds"] = {}

    assert runs.differences(result(), result()) == []
    assert runs.differences(result(), changed(other_times)) == []
    assert runs.size(result(), runs.LEFT_OUT) == "4 tensors, 12 numbers, 2 lines"


def scene(tree) -> dict:
    return tree["checkpoint"]["trainer"]["scenes"][0]


def moments(tree) -> dict:
    return tree["checkpoint"]["trainer"]["optimizer"]["state"][0]


def flip(tree) -> None:
    """The last bit of one parameter."""
    scene(tree)["net.logits"].view(torch.int32)[1, 2] ^= 1


CHANGES = {  # path -> a change, what is said of it
    "checkpoint.trainer.scenes.0.net.logits": (flip, ["float32[3, 4]", "1 of 12 entries", "at 6"]),
    "checkpoint.trainer.scenes.0.seen": (lambda t: scene(t).update(seen=torch.tensor([True, True])), ["1 of 2"]),
    "checkpoint.trainer.optimizer.state.0.step": (
        lambda t: moments(t).update(step=torch.tensor(5)), ["float32", "int64"]),
    "checkpoint.trainer.optimizer.state.0.exp_avg": (
        lambda t: moments(t)["exp_avg"].view(torch.int16)[0].add_(1), ["4 of 12", "inf", "nan"]),
    "checkpoint.trainer.ledger.draws": (
        lambda t: t["checkpoint"]["trainer"]["ledger"].update(draws=41), ["40 -> 41", "apart by 1"]),
    "checkpoint.trainer.learner": (lambda t: t["checkpoint"]["trainer"].update(learner=0), ["None -> 0"]),
    "metrics.0.grad_norm": (
        lambda t: t["metrics"][0].update(grad_norm=math.nextafter(0.25, 1)), ["0.25 -> 0.2500000000000"]),
    "metrics.0.spread": (lambda t: t["metrics"][0].update(spread=1.0), ["nan -> 1.0"]),
    "metrics.0.step": (lambda t: t["metrics"][0].update(step=1.0), ["1 -> 1.0"]),
    "metrics.1.compare.plain.variance": (lambda t: t["metrics"][1]["compare"]["plain"].pop("variance"), ["missing"]),
    "metrics.2.step": (lambda t: t["metrics"].append({"step": 3}), ["missing -> 3"]),
    "summary.quality.psnr": (lambda t: t["summary"]["quality"].update(psnr=14.0), ["apart by 0.5"]),
}


@pytest.mark.parametrize("path", CHANGES)
def test_one_change_is_one_difference(path):
    change, words = CHANGES[path]
    (found,) = runs.differences(result(), changed(change))
    assert found.path == path and all(word in found.text for word in words), found


def test_zero_and_minus_zero_are_not_the_same_bits():
    (found,) = runs.differences({"a": torch.zeros(2)}, {"a": torch.tensor([0.0, -0.0])})
    assert "at 1: 0.0 -> -0.0" in found.text and not runs.same(0.0, -0.0)


def test_a_key_that_has_moved_is_followed():
    """With all below it, and whatever number stands for the *; unless the table says so, both names are differences."""
    def move(tree):
        trainer = tree["checkpoint"]["trainer"]
        trainer["spent"] = trainer.pop("ledger")
        scene(tree)["image"] = scene(tree).pop("net.logits")

    moved = {"checkpoint.trainer.ledger": ("checkpoint.trainer.spent", "a better name"),
             "checkpoint.trainer.scenes.*.net.logits": ("checkpoint.trainer.scenes.*.image", "no net")}
    assert runs.differences(result(), changed(move), moved=moved) == []
    assert len(runs.differences(result(), changed(move))) == 4

    def move_and_flip(tree):
        flip(tree)
        move(tree)

    (found,) = runs.differences(result(), changed(move_and_flip), moved=moved)
    assert found.path == "checkpoint.trainer.scenes.0.image"


def test_no_leaf_hides_another():
    with pytest.raises(ValueError, match="a.b: two values"):
        runs.differences({"a": {"b": 1}, "a.b": 2}, {})


# --- the command ---

@pytest.fixture
def checkout():
    """Skipped where there is no git, or no commit."""
    try:
        return runs.commit_of("HEAD")
    except runs.Mistake as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("arguments,words", [
    (["HEAD", "--cells", "nerf", "nurf"], ["--cells nurf", "image-plain, image, nerf"]),
    (["HEAD", "--jobs", "0"], ["--jobs 0", ">= 1"]),
    (["HEAD", "--keep", "."], ["--keep: .", "there already"]),
    (["HEAD", "--sells", "nerf"], ["--sells", "--help"]),
    ([], ["no revision given", "HEAD"]),
    (["no-such-thing"], ["no-such-thing: no such revision", "branch or tag"]),
    (["--cells=image", "--", "--all"], ["--all: no such revision"]),
])
def test_mistakes_end_in_one_line(capsys, checkout, arguments, words):
    assert runs.main(arguments) == 2
    out = capsys.readouterr()
    assert out.out == "" and out.err.count("\n") == 1 and all(word in out.err for word in words), out.err


def test_the_list_names_every_cell(capsys):
    assert runs.main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(runs.CELLS)


def test_the_other_tree_is_removed_even_after_an_error(checkout, tmp_path):
    tree = tmp_path / "tree"
    with pytest.raises(RuntimeError), runs.checked_out(checkout, tree):
        assert (tree / "carv3d" / "__init__.py").exists() and str(tree) in runs.git("worktree", "list")
        raise RuntimeError
    assert not tree.exists() and str(tree) not in runs.git("worktree", "list")


def test_another_package_is_refused(tmp_path):
    with pytest.raises(runs.Mistake, match="not what is imported"):
        runs.side("old", tmp_path, "0000000", tmp_path / "runs", runs.shared(1))


def test_a_cell_runs_twice_alike(monkeypatch, capsys, tmp_path):
    """On this tree alone, whatever is committed of it: the command as a whole takes minutes. The control: a result of
    it with one bit changed."""
    monkeypatch.setitem(runs.CELLS, "image", runs.Cell("image", runs.CELLS["image"].options, 2))
    try:
        commit = runs.commit_of("HEAD")
    except runs.Mistake:
        commit = ""  # no checkout: then no run names a commit either
    sides = [runs.side(name, ROOT, commit, tmp_path / name, runs.shared(2)) for name in ("old", "new")]
    assert runs.report(sides, ["image"], 2, runs.LEFT_OUT) == []
    assert "equal (6 tensors" in capsys.readouterr().out
    old, new = (runs.results(next(tmp_path.glob(f"{name}/image/outputs/carv3d/*"))) for name in ("old", "new"))
    scene(new)["logits"].view(torch.int32)[0, 0, 0, 0] ^= 1
    (found,) = runs.differences(old, new)
    assert found.path == "checkpoint.trainer.scenes.0.logits" and "1 of 768 entries" in found.text


def test_a_run_that_fails_is_no_equal_cell(tmp_path):
    side = runs.side("old", ROOT, "", tmp_path / "old", runs.shared(1))
    with pytest.raises(runs.Failed, match="old: status 2: carv3d: error: no.such") as error:
        runs.run(side, "image", runs.Cell("image", ("no.such=1",)))
    failed = concurrent.futures.Future()
    failed.set_exception(error.value)
    assert runs.outcome([failed, failed], {}) == (False, [f"failed on {error.value}"])
