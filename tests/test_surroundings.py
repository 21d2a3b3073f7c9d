"""Surroundings that are not what was hoped: streams, caches, memory, programs, disks. What is only convenient never ends
a run; anything else ends in one line, and loses nothing.
"""

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from carv3d import cli
from carv3d.cameras import orbit
from carv3d.commands.recorder import Recorder
from carv3d.config.scenes import ImageConfig
from carv3d.export import images, video
from carv3d.runs.folder import Run
from carv3d.runtime import files, progress
from carv3d.runtime.errors import UserError, of_the_machine, printable
from carv3d.scenes.image import Image

TINY = ["train", "prompt=a red mushroom", "data.width=16", "data.height=16", "teacher.type=exact",
        "teacher.exact.set_size=2", "data.views=4", "scene.type=image", "scene.image.size=16", "export.video=false",
        "trainer.preview_every=0", "trainer.max_steps=3"]


def trained(root: Path, *overrides: str) -> Run:
    assert cli.main([*TINY, f"exp_root_dir={root}", *overrides]) == 0
    return Run(next(root.glob("carv3d/*")))


def error_of(capsys) -> str:
    """The one line of a refusal, of all that was said."""
    lines = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(lines) == 1 and len(lines[0]) < 320
    return lines[0]


# --- streams ------------------------------------------------------------------------------------------------------------

@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("streams,status", [(">&- 2>&- <&-", 0), (">/dev/full 2>/dev/full", 2)])
def test_streams_that_are_closed_or_full_lose_nothing(tmp_path, streams, status):
    """Closed before the start, their numbers must not become those of files: what is said would land in them."""
    words = " ".join(f"'{word}'" for word in [*TINY, f"exp_root_dir={tmp_path}", "export.video=true",
                                              "export.video_frames=2", "export.video_size=16"])
    ended = subprocess.run(["bash", "-c", f"'{sys.executable}' -m carv3d {words} {streams}"], timeout=300)
    assert ended.returncode == status
    run = Run(next(tmp_path.glob("carv3d/*")))
    assert run.summary()["status"] == "finished" and run.summary()["missing"] == []
    assert (run.save / "turntable.mp4").stat().st_size > 500


def test_a_stream_that_breaks_costs_its_words_alone(monkeypatch, tmp_path):
    class Broken:
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

        def flush(self):
            pass

    monkeypatch.setattr(sys, "stderr", Broken())
    progress.say("lost")
    progress.say("lost as well, quietly")
    monkeypatch.setattr(sys, "stderr", None)
    progress.say("nobody there")
    monkeypatch.setattr(sys, "stdout", Broken())
    with pytest.raises(UserError, match="stdout cannot be written"):
        progress.result("a line")


def test_a_terminal_gets_no_command_from_a_name(capsys):
    progress.say("a\x1b[2Jb\x85c 青")
    assert capsys.readouterr().err == "a\\x1b[2Jb\\x85c 青\n" and printable("[/red]") == "[/red]"


def test_markup_in_a_name_is_inert_on_the_board(monkeypatch):
    """A variant called [/red] is shown, not taken for rich's markup."""
    from rich.console import Console

    from carv3d.sweep.board import Board

    board = Board([], 1)
    shown = []
    board._live, board._shown, board._began, board._ended = SimpleNamespace(
        update=lambda table, refresh: shown.append(table)), -1e9, 0.0, 0
    cell = SimpleNamespace(name="[/red] \x1b[2J", config=SimpleNamespace(trainer=SimpleNamespace(max_steps=3)))
    board.show(lambda: {0: (cell, 1)})
    console = Console(width=80, record=True, file=open(os.devnull, "w"))
    console.print(shown[0])
    assert "[/red] \\x1b[2J" in console.export_text()


# --- programs and caches ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("program", ["/nonexistent", "/bin/false", "/bin/true", "/dev/null"])
def test_an_ffmpeg_that_does_not_work_is_said_before_the_training(tmp_path, monkeypatch, capsys, program):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", program)
    video.require_ffmpeg.cache_clear()
    try:
        assert cli.main([*TINY, f"exp_root_dir={tmp_path / 'out'}", "export.video=true"]) == 2
        assert "export.video=false" in error_of(capsys) and not (tmp_path / "out").exists()
        run = trained(tmp_path / "out")
        assert cli.main(["render", str(run.folder), "--views", "2", "--size", "16"]) == 2
        assert "--format gif" in error_of(capsys)
        assert cli.main(["render", str(run.folder), "--views", "2", "--size", "16", "--format", "gif"]) == 0
    finally:
        video.require_ffmpeg.cache_clear()


def test_kernels_are_compiled_though_no_cache_can_be_made(tmp_path):
    """Neither NUMBA_CACHE_DIR nor the user's cache folder: one line, another folder; the run and doctor go on."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": "/proc/x", "XDG_CACHE_HOME": "/proc/y", "TMPDIR": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-m", "carv3d", *TINY, f"exp_root_dir={tmp_path / 'out'}"],
                           env=environment, capture_output=True, text=True, timeout=300)
    said = [line for line in ended.stderr.splitlines() if "cannot be kept" in line]
    assert ended.returncode == 0 and len(said) == 1, ended.stderr
    assert list(tmp_path.glob("carv3d-*/numba/*/*"))


# --- disks --------------------------------------------------------------------------------------------------------------

class ReadOnly:
    """``os`` as ``carv3d.runtime.files`` sees it, on which a folder is read-only."""

    def __init__(self, folder: Path):
        self.folder = str(folder)

    def __getattr__(self, name: str):
        call = getattr(os, name)
        if name not in ("open", "replace", "makedirs", "unlink", "symlink"):
            return call

        def guarded(path, *rest, **named):
            writes = name != "open" or rest and rest[0] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and str(path).startswith(self.folder) and not (name == "makedirs" and os.path.isdir(path)):
                raise OSError(errno.EROFS, "Read-only file system", str(path))
            return call(path, *rest, **named)

        return guarded


def test_a_run_that_may_not_be_written_is_shown_elsewhere(tmp_path, monkeypatch, capsys):
    run = trained(tmp_path / "runs", "scene.type=gaussians", "scene.gaussians.count=20")
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    monkeypatch.setattr(files, "os", ReadOnly(run.folder))
    capsys.readouterr()
    options = {"render": ["--views", "1", "--size", "16", "--format", "png"], "eval": [], "report": [],
               "export": ["--format", "ply"], "train": []}
    for command, words in options.items():
        argv = [command, "--resume", str(run.folder), "trainer.max_steps=4"] if command == "train" else [
            command, str(run.folder), *words]
        assert cli.main(argv) == 2, command
        error_of(capsys)
        if command != "train":
            out = tmp_path / command
            assert cli.main([*argv, "--out", str(out)]) == 0 and out.exists(), capsys.readouterr().err
        capsys.readouterr()
    assert before == {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}


def test_a_run_whose_folder_is_renamed_ends_in_one_line_and_goes_on_from_there(tmp_path, monkeypatch, capsys):
    step = Recorder.progress

    def renaming(self, done):
        step(self, done)
        if done == 2:
            self.run.folder.rename(tmp_path / "moved")

    monkeypatch.setattr(Recorder, "progress", renaming)
    argv = [*TINY, f"exp_root_dir={tmp_path / 'runs'}", "checkpoint.every_n_train_steps=1", "log.every_n_steps=1"]
    assert cli.main(argv) == 2 and "moved or deleted" in error_of(capsys)
    monkeypatch.undo()
    assert cli.main(["train", "--resume", str(tmp_path / "moved")]) == 0
    assert Run(tmp_path / "moved").summary()["step"] == 3


def test_what_a_killed_process_left_of_a_file_goes_with_its_next_writing(tmp_path):
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    mine = f".a.{files._host()}-{os.getpid()}.part.txt"
    for name in (f".a.{files._host()}-{int(ended.stdout)}.part.txt", f".a.{files._host()}-{os.getppid()}.part.txt",
                 ".a.elsewhere-1.part.txt", ".a.part.txt", f".ab.{files._host()}-{int(ended.stdout)}.part.txt"):
        (tmp_path / name).write_text("half")
    files.write_text(tmp_path / "a.txt", "whole")
    left = {path.name for path in tmp_path.iterdir()}
    assert len(left) == 5 and mine not in left and f".a.{files._host()}-{int(ended.stdout)}.part.txt" not in left


def test_a_folder_that_cannot_be_synced_is_no_obstacle(tmp_path, monkeypatch):
    def lacking(handle):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(files, "os", SimpleNamespace(**{**vars(os), "fsync": lacking}))
    files.write_text(tmp_path / "a.txt", "whole")
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_a_sweep_on_a_file_system_without_locks_goes_on(tmp_path, monkeypatch, capsys):
    """There a lock can neither be held nor be missed; the ledger still gives a cell to one owner alone."""
    from carv3d.sweep.engine import _hold

    def no(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    with _hold(tmp_path / "a"):  # where there are locks, a second one is refused
        assert _hold(tmp_path / "a") is None
    monkeypatch.setattr(files, "fcntl", SimpleNamespace(LOCK_EX=1, LOCK_NB=2, flock=no))
    monkeypatch.setattr(files, "_lockless", set())
    for name in "bc":
        with _hold(tmp_path / name):
            pass
    assert capsys.readouterr().err.count("no locks on this file system") == 1


# --- memory -------------------------------------------------------------------------------------------------------------

ENDS = [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), RuntimeError(
    "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"), OSError(errno.ENOMEM, "no")]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: type(end).__name__)
def test_memory_that_runs_out_in_a_step_is_one_line(tmp_path, monkeypatch, capsys, end):
    import carv3d.text3d.loop as loop

    whole, calls = loop.train_step, []

    def third(*args, **named):
        calls.append(1)
        if len(calls) == 3:
            raise end
        return whole(*args, **named)

    monkeypatch.setattr(loop, "train_step", third)
    assert cli.main([*TINY, f"exp_root_dir={tmp_path}", "checkpoint.every_n_train_steps=1"]) == 2
    assert "out of memory in the cameras of step 3, with" in error_of(capsys)
    run = Run(next(tmp_path.glob("carv3d/*")))
    assert run.summary()["status"] == "failed" and "out of memory" in run.summary()["reason"]
    assert cli.main(["train", "--resume", str(run.folder)]) == 0


def test_rendering_goes_on_with_fewer_views_at_once_when_memory_runs_out(tmp_path, monkeypatch, capsys):
    scene = Image(ImageConfig(size=16), generator=torch.Generator().manual_seed(0))
    cameras, whole, most = orbit([0.0] * 7, 0.0, 2.0, 40.0, 16, 16), scene.render, [2]

    def little(part, *rest, **named):
        if len(part) > most[0]:
            raise ENDS[2]
        return whole(part, *rest, **named)

    expected = images.all_views(scene, cameras, 1.0, torch.device("cpu"))
    monkeypatch.setattr(scene, "render", little)
    found = images.all_views(scene, cameras, 1.0, torch.device("cpu"))
    assert torch.equal(found.rgb, expected.rgb)
    most[0] = 0
    with pytest.raises(UserError, match="out of memory rendering 16x16"):
        images.all_views(scene, cameras, 1.0, torch.device("cpu"))


@pytest.mark.parametrize("error,words", [
    (OSError(errno.EMFILE, "Too many open files", "x"), "ulimit -n"),
    (ImportError("libtorch.so: cannot open shared object file: Too many open files"), "ulimit -n"),
    (ImportError("x.so: failed to map segment from shared object"), "out of memory"),
    (PermissionError(errno.EACCES, "Permission denied", "x"), "may write to")])
def test_the_machines_refusals_are_told_from_faults_of_ours(error, words):
    assert words in str(of_the_machine(error))
    for ours in (TypeError("x"), KeyError("x"), RuntimeError("shape"), ImportError("no module"), OSError("a library's")):
        assert of_the_machine(ours) is None
