"""Probing, the kernel cache, and loops spread over threads."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from carv3d.runtime.errors import UserError
from carv3d.runtime.kernel_cache import source_digest, use_cache
from carv3d.runtime.kernel_threads import spread
from carv3d.scenes.kernels import backends


def test_probe_answers_for_every_backend():
    results = {result.name: result for result in backends.probe()}
    assert set(results) == {"numba", "nerfacc", "tinycudann", "gsplat", "triton"}
    assert results["numba"].works
    if not torch.cuda.is_available():
        assert results["tinycudann"].note.startswith("needs a CUDA device that torch can see, and then: pip install git+")


def test_probe_survives_any_failure(monkeypatch):
    def broken() -> None:
        raise OSError("undefined symbol\nsecond line")

    monkeypatch.setitem(backends._REMEDY, "numba", (broken, False, "pip install numba"))
    backends.probe_one.cache_clear()
    try:
        result = backends.probe_one("numba")
        assert not result.works and result.note == "OSError: undefined symbol; pip install numba"
        assert backends.choose("k", "auto", torch.device("cpu"), {"cpu": ("numba",)})[0] == "torch"
    finally:
        backends.probe_one.cache_clear()


@pytest.mark.parametrize("working,name,expected", [
    ({"triton", "tinycudann"}, "auto", "triton"), ({"tinycudann"}, "auto", "torch"), (set(), "auto", "torch"),
    ({"triton", "tinycudann"}, "tinycudann", "tinycudann"), ({"triton"}, "triton", "triton"),
    ({"triton"}, "torch", "torch"), ({"triton"}, "tinycudann", "k=tinycudann does not work: broken"),
    ({"triton"}, "numba", "k=numba does not run on cuda; use auto or torch"),
    ({"triton"}, "gsplat", "k=gsplat is not one of auto, torch, numba, triton, tinycudann"),
])
def test_auto_means_the_first_and_others_are_named(monkeypatch, working, name, expected):
    monkeypatch.setattr(backends, "probe_one", lambda name: backends.Probe(name, name in working, "broken"))
    fast_on = {"cpu": ("numba",), "cuda": ("triton", "tinycudann")}
    if expected.startswith("k="):
        with pytest.raises(UserError, match=expected):
            backends.choose("k", name, torch.device("cuda"), fast_on)
    else:
        assert backends.choose("k", name, torch.device("cuda"), fast_on)[0] == expected
    assert backends.choose("k", "auto", torch.device("meta"), fast_on) == ("torch", "nothing faster on meta")


def test_cache_folder(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert use_cache() == tmp_path / "carv3d" / "numba" / source_digest()
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path / "carv3d" / "numba" / source_digest())
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "elsewhere"))
    assert use_cache() == tmp_path / "elsewhere"
    (tmp_path / "file").touch()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    own = temporary / f"carv3d-{os.getuid()}"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    assert use_cache() == own / "numba" / source_digest() == Path(os.environ["NUMBA_CACHE_DIR"])
    assert "they are kept in" in capsys.readouterr().err
    own.chmod(0o777)  # another user could have put something there, which numba would run
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    assert use_cache() is None and "not this user's alone" in capsys.readouterr().err
    monkeypatch.undo()
    sys.modules["numba"].config.reload_config()


def test_kernels_are_announced_once(tmp_path):
    code = "from carv3d import config; from carv3d.text3d import build; build.set_up_kernels(config.Config(), print)"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("NUMBA_CACHE_DIR", None)
    lines = [
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert lines[0].startswith("compiling the scene kernels") and lines[0].count("\n") == 1
    assert lines[1] == ""


@pytest.mark.parametrize(("count", "grain"), [(0, 4), (1, 4), (10, 3), (1000, 7)])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_spread_visits_every_index_once(count, grain, threads):
    before = torch.get_num_threads()
    seen = np.zeros(count, np.int64)

    def kernel(begin: int, end: int, out: np.ndarray) -> None:
        out[begin:end] += 1

    try:
        torch.set_num_threads(threads)
        spread(kernel, count, grain, seen)
    finally:
        torch.set_num_threads(before)
    assert (seen == 1).all()


def test_spread_passes_errors_on():
    def kernel(begin: int, end: int) -> None:
        raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        spread(kernel, 100, 1)
