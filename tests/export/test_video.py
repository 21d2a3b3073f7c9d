"""Videos: frames that wait for the encoder keep their order, and an encoder that fails costs the video alone."""

from __future__ import annotations

import stat
import sys
import time

import imageio.v3 as iio
import pytest
import torch

from carv3d import cli
from carv3d.export import video
from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError

TINY = ["train", "prompt=a red mushroom", "data.width=16", "data.height=16", "teacher.type=exact",
        "teacher.exact.set_size=2", "data.views=4", "scene.type=image", "scene.image.size=16", "export.video=true",
        "export.video_frames=40", "export.video_size=64", "trainer.preview_every=0", "trainer.max_steps=2"]
# An ffmpeg that knows H.264, takes a little and ends.
FAILING = """#!{python}
import sys
if "-encoders" in sys.argv:
    print("libx264")
elif "-version" in sys.argv:
    print("ffmpeg version 7.0")
else:
    sys.stdin.buffer.read(30000)
    sys.exit("no room left for frames")
"""


class Slow:
    """A writer that takes its time; its frames' grey levels. fails: at which frame."""

    def __init__(self, fails: int = -1):
        self.got, self.fails = [], fails

    def append_data(self, frame):
        time.sleep(0.002)
        if len(self.got) == self.fails:
            raise OSError("ffmpeg wrote:\nno room left for frames\n")
        self.got.append(int(frame[0, 0, 0]))

    def __enter__(self):
        return self

    def __exit__(self, *given):
        pass


def grey(count: int, made: list[int]):
    for level in range(count):
        made.append(level)
        yield torch.full((2, 2, 3), level / 255)


def test_frames_come_in_order_and_none_is_lost():
    writer, made = Slow(), []
    video._encode(writer, grey(60, made))
    assert writer.got == made == list(range(60))


def test_frames_do_not_pile_up_and_a_failure_stops_them():
    writer, made = Slow(fails=5), []
    with pytest.raises(UserError, match="^ffmpeg gave up .no room left for frames.; "):
        video._encode(writer, grey(200, made))
    assert len(made) <= 5 + video.AHEAD + 2


def test_a_film_has_its_frames(tmp_path):
    path = video.write(tmp_path / "a.mp4", (torch.full((32, 32, 3), i / 30) for i in range(30)), 30)
    levels = iio.imread(path)[:, 16, 16, 0].astype(int)
    assert len(levels) == 30 and (levels[1:] > levels[:-1]).all()


def test_an_encoder_that_ends_early_costs_the_video_alone(tmp_path, monkeypatch):
    program = tmp_path / "ffmpeg"
    program.write_text(FAILING.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    video.require_ffmpeg.cache_clear()
    try:
        assert cli.main([*TINY, f"exp_root_dir={tmp_path / 'out'}"]) == 0
    finally:
        video.require_ffmpeg.cache_clear()
    summary = Run(next((tmp_path / "out").glob("carv3d/*"))).summary()
    assert summary["status"] == "finished" and summary["missing"] == ["video"] and summary["quality"]
    (line,) = [each for each in summary["warnings"] if each.startswith("video: ")]
    assert "ffmpeg gave up" in line and "makes it again" in line and "\n" not in line
