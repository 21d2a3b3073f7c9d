"""What a newcomer types first, and what somebody who comes from threestudio does: each ends in a result, or in a line
that leads to one."""

import sys
from pathlib import Path

import pytest

from carv3d.cli import main

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
import launch  # noqa: E402

SMALL = ["teacher.type=exact", "teacher.exact.set_size=8", "data.views=4", "data.width=16", "data.height=16", "steps=3",
         "quality.shape=false", "export.video=false"]
LEADS = [  # the words, and what is in the line
    (["a green mug"], 'did you mean train "a green mug"?'),
    (["run", "a green mug"], "did you mean train?"),
    (["train"], 'give one, for example prompt="a red mushroom"'),
    (["train", "a corgi"], "teacher.type=diffusers teacher.path=FOLDER"),
    (["train", "a green mug", "--steps", "100"], "did you mean steps=N?"),
    (["train", "a green mug", "--output", "mine"], "did you mean --out?"),
    (["train", "a green mug", "--promt", "a mug"], "did you mean --prompt?"),
    (["train", "a green mug", "k"], "the closest is"),
    (["train", "a green mug", "kk=4"], "no such key"),
    (["train", "a green mug", "guidance=high"], "objective.guidance_scale: 'high' given; allowed"),
    (["train", "a green mug", "K=4,8"], "estimator.k: '4,8' given; allowed"),
    (["view"], "carv3d view --help"),
    (["view", "outputs"], "does not exist"),
    (["export", "outputs"], "not a run folder"),
]
OTHERS = [  # of threestudio's command line
    (["--config", "configs/dreamfusion-sd.yaml", "--train", "--gpu", "0",
      "system.prompt_processor.prompt=a zoomed out DSLR photo of a baby bunny sitting on top of a stack of pancakes",
      "teacher.offline=true"], "run once with teacher.offline=false, or give a local folder"),
    (["--config", "configs/dreamfusion-if.yaml", "--train", "--gpu", "0"], "configs/dreamfusion-sd.yaml"),
    (["--train", "system.prompt_processor.prompt=a hamburger"], "teacher.path=FOLDER"),
    (["--test", "--gpu", "0"], "carv3d render RUN"),
]


@pytest.mark.parametrize("words,leads", LEADS, ids=[" ".join(words) for words, _ in LEADS])
def test_a_line_leads_there(words, leads, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert leads in line and len(line) < 340, line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words,leads", OTHERS, ids=[" ".join(words)[:40] for words, _ in OTHERS])
def test_a_line_leads_there_from_threestudio(words, leads, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert launch.main(words) == 2
    assert leads in capsys.readouterr().err.splitlines()[-1]


def test_results(tmp_path, monkeypatch, capsys):
    """In the order in which they are typed."""
    monkeypatch.chdir(tmp_path)
    for words, made in (([], "usage: carv3d"), (["train", "a", "green", "mug", "-o", "mug", "K=2", "is=off", *SMALL], "mug"),
                        (["train", "--resume", "mug", "steps=4"], "mug"),
                        (["render", "mug", "--format", "gif", "--views", "2", "--size", "16"], ".gif"),
                        (["eval", "mug"], "psnr"), (["prompts"], "mushroom")):
        assert main(words) == 0
        assert made in capsys.readouterr().out
    assert launch.main(["--train", "--gpu", "0", "system.prompt_processor.prompt=a red cube", "trainer.precision=16",
                        "use_timestamp=true", *SMALL[:-4], "trainer.max_steps=2", *SMALL[-2:]]) == 0
    assert "a_red_cube" in capsys.readouterr().out
    assert (tmp_path / "mug" / "summary.json").is_file()
