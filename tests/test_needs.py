"""carv3d train --dry-run with a teacher from a folder: its memory, counted before anything is loaded."""

import re
import sys
from pathlib import Path

import pytest

from carv3d import teachers
from carv3d.cli import main
from carv3d.commands import needs
from carv3d.config import load
from carv3d.diffusion import loading

sys.path.insert(0, str(Path(__file__).parent / "diffusion"))

import tiny_families
import tiny_pipeline as tiny

own_cache = tiny.own_cache
RUN = ["train", "--dry-run", "prompt=a corgi", "teacher.type=diffusers", "device=cpu", "teacher.dtype=float32",
       "scene.type=image", "scene.image.size=8", "data.views=4", "trainer.max_steps=2",
       "data.width=8", "data.height=8"]


@pytest.fixture(scope="module")
def families(tmp_path_factory):
    return lambda name: tiny_families.built(name, tmp_path_factory.getbasetemp() / "families")


def counted(folder, *words):
    """The configuration of a run, as it is when it is checked."""
    config = load(None, [*RUN[2:], f"teacher.path={folder}", *words])
    teachers.settle(config)
    return config


def lines(folder, *words):
    return needs.lines(counted(folder, *words))


def numbers(said):
    return re.findall(r"[\d.]+ [MG]iB", "\n".join(said))


def test_a_dry_run_says_what_memory_it_takes(families, capsys):
    folder = families("flux2-klein")
    assert main([*RUN, f"teacher.path={folder}", "teacher.size=64", "estimator.k=2", "data.batch_size=2"]) == 0
    out = capsys.readouterr().out.splitlines()
    said = [line for line in out if line.startswith("# memory")]
    found = teachers.footprint(counted(folder, "teacher.size=64"), 2, 2 * 2 * 2)
    assert needs.in_words(found.denoiser_bytes) in said[0] and "text encoder" in said[0]
    assert f"{needs.in_words(found.ask_bytes)} while 8 rows" in said[1] and "2 images of 64x64" in said[1]
    assert f"{needs.in_words(found.total_bytes)} at the peak" in said[2] and said[2].endswith("it fits")
    assert any("ms each" in line for line in out) and out[-1].startswith("# estimate")


def test_rows_follow_draws_branches_and_views(families, monkeypatch):
    """Each in turn; the control is the plain run."""
    folder = families("sd3")
    plain = ["estimator.k=4", "data.batch_size=1", "objective.guidance_scale=5"]
    found = teachers.footprint(counted(folder, *plain), 1, 2)
    asked = []
    monkeypatch.setattr(teachers, "footprint", lambda config, views, rows: asked.append((views, rows)) or found)
    for more, views, rows in ([], 1, 8), (["estimator.k=2"], 1, 4), (["estimator.chunk=1"], 1, 2), \
            (["estimator.chunk=0"], 1, 8), (["objective.guidance_scale=1"], 1, 4), (["data.batch_size=2"], 2, 16), \
            (["objective.type=csd"], 1, 8), (["estimator.k=auto"], 1, 4), (["prompts.perp_neg=1"], 1, 16):
        assert f"while {rows} rows" in lines(folder, *plain, *more)[1] and asked[-1] == (views, rows), more
    assert any("vsd learns is not counted" in line for line in lines(folder, "objective.type=vsd"))


def test_what_cannot_fit_is_one_line_and_nothing_is_loaded(families, capsys, monkeypatch):
    folder = families("sd3")
    monkeypatch.setattr(needs, "capacity", lambda device: 2**20)
    monkeypatch.setattr(loading, "model", None)
    assert main([*RUN, f"teacher.path={folder}", "data.batch_size=3", "estimator.k=4"]) == 2
    told = capsys.readouterr()
    assert not told.out and len(told.err.splitlines()) == 1
    assert "memory: " in told.err and "1.0 MiB" in told.err
    for option in ("teacher.dtype=bfloat16", "teacher.checkpoint_encode=true", "data.batch_size (3)", "estimator.chunk (4)",
                   "teacher.size (64)"):
        assert option in told.err
    assert main([*RUN, f"teacher.path={folder}", "data.batch_size=1", "estimator.k=1", "teacher.dtype=bfloat16"]) == 2
    told = capsys.readouterr().err
    assert "batch_size" not in told and "chunk" not in told and "bfloat16" not in told


def test_on_cuda_one_draw_must_fit(families, monkeypatch):
    """There a chunk is halved as the run goes."""
    import torch

    config = counted(families("pixart_sigma"), "estimator.k=64", "data.batch_size=1", "objective.guidance_scale=5")
    most, one = (teachers.footprint(config, 1, rows).total_bytes for rows in (128, 2))
    assert most > one + 2
    monkeypatch.setattr(needs.devices, "device", lambda name: torch.device("cuda"))
    monkeypatch.setattr(teachers, "footprint", lambda *given: found(*given))
    from carv3d.diffusion.footprint import of_folder

    folder = teachers.weights_folder(config)

    def found(config, views, rows):
        return of_folder(folder, teachers._settings(config, folder, torch.device("cpu")), views=views, rows=rows)

    monkeypatch.setattr(needs, "capacity", lambda device: most - 1)
    assert "fewer draws" in needs.lines(config)[2]
    monkeypatch.setattr(needs, "capacity", lambda device: one - 1)
    with pytest.raises(needs.UserError, match="at the peak of a step, and this cuda"):
        needs.lines(config)


def test_a_text_encoder_that_does_not_fit_is_said(families, monkeypatch):
    config = counted(families("flux2"), "teacher.size=64", "estimator.k=1", "data.batch_size=1", "teacher.told_guidance=2")
    found = teachers.footprint(config, 1, 2)
    assert found.text_bytes < found.total_bytes
    monkeypatch.setattr(teachers, "footprint", lambda *given: found.__class__(**{**found.__dict__, "text_bytes": 2**40}))
    assert "text encoder does not" in needs.lines(config)[-1]
