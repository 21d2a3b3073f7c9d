"""Random configurations, command lines, sweeps and damaged runs, as ``scripts/fuzz.py`` makes them, shrunk by hypothesis.

The only outcomes allowed are success and one line of a UserError, with nothing written. PLY files and teachers' folders
have theirs in tests/scenes/test_foreign_files.py and tests/diffusion/test_folders.py.
"""

import random
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carv3d import cli
from carv3d import config as configuration
from carv3d.commands import sweep, train
from carv3d.runtime.errors import LONGEST, UserError
from carv3d.text3d import build

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))
import fuzz  # noqa: E402

RANDOMS = st.randoms(use_true_random=False)
SETTINGS = dict(derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def refused_or(call):
    """What a call returns, or None for a refusal in one line."""
    try:
        return call()
    except UserError as error:
        assert str(error).isprintable() and len(str(error)) <= LONGEST
        return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@settings(max_examples=100, **SETTINGS)
@given(RANDOMS)
def test_configurations(folder, rng):
    (folder / "c.yaml").write_bytes(fuzz.yaml_text(rng))
    config = refused_or(lambda: configuration.load(folder / "c.yaml", fuzz.with_scene(rng)))
    if config is not None:  # and what is accepted survives being written
        assert configuration.parse(configuration.dump(config)) == config


class Accepted(UserError):
    """Raised in place of the work that an accepted command would do."""


def accepted(*_: object, **__: object):
    raise Accepted("accepted")


@settings(max_examples=150, **SETTINGS)
@given(RANDOMS)
def test_command_lines(folder, rng):
    case = fuzz.a_command_line(rng)
    if case.argv and case.argv[0] == "doctor" or {"ray", "--help"} & set(case.argv):
        return  # they do work of their own
    here = folder / "here"
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setattr(train, "_trainer", accepted)
        patch.setattr(build, "trainer", accepted)
        patch.setattr(build, "set_up_kernels", lambda *_, **__: None)
        lines: list[str] = []
        patch.setattr(cli, "say", lines.append)
        patch.setattr("carv3d.commands.dry_run.main", accepted)
        patch.setattr("carv3d.commands.prompts.result", lambda text: None)
        status = cli.main(case.argv)
    errors = [line for line in lines if line.startswith("carv3d: error:")]
    assert status in (0, 2) and len(errors) == (status == 2), lines
    assert all(line.isprintable() and len(line) < 320 for line in errors)
    assert not list(here.rglob("*"))


@settings(max_examples=50, **SETTINGS)
@given(RANDOMS)
def test_sweeps(folder, rng):
    case = fuzz.a_sweep(rng)
    for name, content in case.files.items():
        (folder / name).write_bytes(content)
    before = sorted(folder.iterdir())
    refused_or(lambda: sweep.planned(folder / "s.yaml"))
    assert sorted(folder.iterdir()) == before


@pytest.fixture(scope="module")
def runs(folder):
    """Finished runs to be damaged, by scene."""
    out = {}
    for name in ("image", "gaussians"):
        words = [*fuzz.TINY, *fuzz.SCENES[name], f"exp_root_dir={folder}", f"name={name}", "export.video=false",
                 "checkpoint.every_n_train_steps=1", "budget.evaluations=2"]
        assert cli.main(["train", *words]) == 0
        (out[name],) = (folder / name).iterdir()
    return out


COMMANDS = [["render", "{}", "--views", "1", "--size", "16", "--format", "png"], ["eval", "{}"], ["report", "{}"],
            ["export", "{}", "--format", "ply"], ["train", "--resume", "{}", "trainer.max_steps=3"],
            ["train", "--resume", "{}"]]


@settings(max_examples=20, **SETTINGS)
@given(st.integers(0, 10**9), st.sampled_from(["image", "gaussians"]), st.sampled_from(COMMANDS))
def test_damaged_runs(runs, folder, seed, scene, command):
    """A refusal changes nothing in the run, unless training had begun, which its summary then says."""
    run = folder / "damaged"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(runs[scene], run, symlinks=True)
    fuzz.damage(random.Random(seed), run)
    before = fuzz.listing(run)
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr(cli, "say", lines.append)
        status = cli.main([word.format(run) for word in command])
    assert status in (0, 2) and len(lines) == (status == 2), lines
    if status == 2:
        assert lines[0].isprintable() and len(lines[0]) < 320
        after = fuzz.listing(run)
        assert after == before or after.get("summary.json") != before.get("summary.json"), lines


def test_the_checks_above_notice_what_they_are_for():
    """Their control: another exception is not taken for a refusal, and a change of a folder is seen."""
    with pytest.raises(TypeError):
        refused_or(lambda: 1 + "")
    outcome = fuzz.Outcome(1, "", "Traceback (most recent call last):\n  File \"x\"\nTypeError: y", [], False, 0.0)
    assert outcome.faults() and fuzz.Outcome(2, "", "carv3d: error: x", ["left"], False, 0.0).faults()
    assert not fuzz.Outcome(2, "", "carv3d: error: x", [], False, 0.0).faults()
