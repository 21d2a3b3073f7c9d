"""What users meet, by kind: text that stays text, configurations that are refused in one line, work that is not lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from carv3d import cli
from carv3d import config as configuration
from carv3d.config import yaml_text
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.runtime.errors import LONGEST, UserError, one_line
from carv3d.sweep import plan as sweep_plan

TINY = ["prompt=a red mushroom", "data.width=16", "data.height=16", "teacher.type=exact", "teacher.exact.set_size=8", "data.views=4",
        "scene.type=image", "scene.image.size=16", "export.video=false", "trainer.preview_every=0"]


def refused(load) -> str:
    with pytest.raises(UserError) as caught:
        load()
    message = str(caught.value)
    assert "\n" not in message and message.isprintable() and len(message) <= LONGEST, message
    return message


def from_file(tmp_path: Path, text: str | bytes):
    path = tmp_path / "c.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return configuration.load(path)


# --- 1. text stays text -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("written,read", [
    ("prompt: no", "no"), ("prompt: yes", "yes"), ("tag: 12:30", "12:30"), ("teacher.revision: 0123456", "0123456"),
    ("tag: 1e3", "1e3"), ("prompt: null", "null"), ("prompt:", ""), ("prompt: 'a ${b'", "a ${b"),
    ("prompt: a ${HOME} mug", "a ${HOME} mug"), ("prompt: '${oc.env:HOME}'", "${oc.env:HOME}"),
    ("prompt: 2020-01-01", "2020-01-01"), ("prompt: ein Käfer, 青い車", "ein Käfer, 青い車"),
    ('prompt: "tab\\tand\\x85"', "tab\tand\x85"), ("\ufeffprompt: a mug", "a mug"),
])
def test_a_text_field_is_the_text_that_was_written(tmp_path, written, read):
    key = written.lstrip("\ufeff").partition(":")[0]
    extra = "\nteacher.type: stable-diffusion" if key.startswith("teacher") else ""
    config = from_file(tmp_path, written + extra)
    assert configuration.leaves(config)[key] == read
    assert configuration.leaves(configuration.parse(configuration.dump(config)))[key] == read


@pytest.mark.parametrize("argument,read", [("prompt=a ${b", "a ${b"), ("prompt=${HOME}", "${HOME}"), ("tag=${", "${"),
                                           ("prompt=[a", "[a"), ("prompt=a: b # c", "a: b # c"), ("tag=007", "007")])
def test_so_is_one_on_the_command_line(argument, read):
    assert configuration.leaves(configuration.load(None, [argument]))[argument.partition("=")[0]] == read


def test_every_text_survives_being_written_and_read():
    """All characters that YAML or a terminal could take for something, alone and between letters; and other readers of
    YAML take the file for the same text."""
    special = [chr(n) for n in (*range(1, 0x30), *range(0x3A, 0x41), *range(0x5B, 0x61), *range(0x7B, 0xA1), 0x2028,
                                0x2029, 0xFEFF, 0xFFFD, 0x1F600)]
    odd = ["a\\${,", "on", "~", "12:30", " a", "a ", "- a", "a: b", "{a}"]
    for text in [*special, *(f"a{c}b" for c in special), *odd]:
        line = f"prompt: {configuration.flow(text)}  # a comment"
        assert yaml_text.read(line, "it") == {"prompt": text}, repr(text)
        assert str(yaml.safe_load(line)["prompt"]) == text, repr(text)
    for text in ["".join(special), *odd]:  # and in its place
        config = configuration.load(None, [])
        config.prompt = text
        assert configuration.parse(configuration.dump(config)).prompt == text, repr(text)


@pytest.mark.parametrize("content,words", [
    ("prompt: [a, b]", ["prompt", "a list"]), ("prompt: {a: b}", ["prompt", "a mapping"]),
    ("data: {width: 32, width: 64}", ["width given twice", "lines 1 and 1"]),
    ("seed: 1\nname: x\nseed: 2", ["seed given twice", "lines 1 and 3"]),
    ("prompt: Käfer".encode("latin-1"), ["not UTF-8"]), ("prompt: a".encode("utf-16"), ["not UTF-8"]),
    ("seed: ${oc.env:HOME}", ["${KEY}"]), ("seed: a${seed}", ["${KEY}"]), ("seed: ${data.nothing}", ["data.nothing"]),
    ("seed: !!python/object:os.system {}", ["tag"]), ("seed: !!set {a}", ["tag"]),
    ("a: &a [*a]", ["repeats"]), ("data.fovy_range: &a [*a]", ["repeats"]),
    ("data.fovy_range: " + "[" * 500 + "]" * 500, ["nested deeper"]),
    ("seed: " + "1" * 400, ["seed"]), ("trainer.max_steps: .inf", ["whole number"]),
    ("trainer.max_steps: 1e400", ["whole number"]), ("trainer.max_steps: .nan", ["whole number"]),
    ("seed: 2020-13-45", ["whole number"]), ("seed: 0x_", ["whole number"]), ("estimator.cost: {source: given}", ["a_ms"]),
    ("export.formats: [{a: 1}]", ["a mapping"]), ("? [a, b]\n: 1", ["a key that is no text"]),
    ("a\nb: [", ["not YAML"]), ("x\x1b[31m: 1", ["not YAML"]), ("seed: " + "x" * 5000, ["seed"]),
    ("scene.nerf.table_size: 1000", ["powers of two"]), ("scene.nerf.hidden: 30", ["multiples of 4"]),
    ("scene.nerf.base_resolution: 200", ["base must not be above"]),
    ("scene.nerf: {features: 2, encoding_backend: numba}", ["4 features"]),
    ("scene.nerf: {features: 3, encoding_backend: triton}", ["triton", "features 3", "1, 2, 4 or 8"]),
    ("scene.nerf.finest_resolution: 1e30", ["65536"]), ("scene.nerf.blob_std: 1e-300", ["1e-06"]),
    ("scene.nerf.occupancy_threshold: 1e300", ["1e+06"]),
])
def test_a_configuration_is_refused_in_one_line(tmp_path, content, words):
    message = refused(lambda: from_file(tmp_path, content))
    assert all(word in message for word in words), message


def test_a_bomb_of_aliases_is_refused_at_once(tmp_path):
    """Nine levels of nine: 387 million values when followed."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    assert "repeats" in refused(lambda: from_file(tmp_path, "\n".join(levels)))


def test_merge_keys_bring_what_a_mapping_leaves_out(tmp_path):
    text = ("base: &a {seed: 1, tag: x}\nmore: &b {seed: 2, name: y}\n"
            "one: {<<: *a, seed: 3}\ntwo: {seed: 4, <<: [*a, *b]}\nthree: {'<<': no}")
    found = yaml_text.read(text, "it")
    assert found["one"] == {"seed": "3", "tag": "x"} and found["two"] == {"seed": "4", "tag": "x", "name": "y"}
    assert found["three"] == {"<<": "no"}
    assert "no mapping" in refused(lambda: from_file(tmp_path, "<<: 3"))
    assert "given twice" in refused(lambda: from_file(tmp_path, "a: &a {seed: 1}\nb: {<<: *a, <<: *a}"))


@pytest.mark.parametrize("content", ["data: {}", "data:", "scene: {nerf: {}}", "", "# nothing"])
def test_an_empty_section_says_nothing(tmp_path, content):
    assert from_file(tmp_path, content) == configuration.load()


@pytest.mark.parametrize("argument,value", [("loss.lambda_sparsity=1e-3", 1e-3), ("optimizer.lr_image=1e-3", 1e-3),
                                            ("objective.t_min=5e-2", 0.05)])
def test_scientific_notation_is_a_number_everywhere(argument, value):
    found = configuration.leaves(configuration.load(None, [argument]))[argument.partition("=")[0]]
    assert (found["values"] if isinstance(found, dict) else [found]) == [value]


@pytest.mark.parametrize("given", ["~nouser/x", "a\0b", "x" * 5000])
def test_odd_paths_are_one_line(given, tmp_path, capsys):
    assert cli.main(["train", "--config", given, "prompt=a"]) == 2
    assert cli.main(["render", given]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.startswith("carv3d: error:") and len(line) < 320 for line in lines)


@pytest.mark.parametrize("given,words", [("name=../x", "without /"), ("tag=/abs/x", "without /"), ("tag=..", "dot"),
                                         ("export.video_size=17", "even size")])
def test_what_a_new_run_may_not_have_an_old_one_may(given, words, tmp_path, capsys):
    status, run = run_tiny(tmp_path / "a", "trainer.max_steps=1")
    assert cli.main(["train", *TINY, f"exp_root_dir={tmp_path / 'b'}", given]) == 2
    assert words in capsys.readouterr().err and not (tmp_path / "b").exists()
    key, _, value = given.partition("=")
    section, _, name = key.rpartition(".")
    text = (run.folder / "config.yaml").read_text(encoding="utf-8")
    text = "".join(f"{line.partition(':')[0]}: {value}\n" if line.lstrip().startswith(f"{name}:") else line
                   for line in text.splitlines(keepends=True))
    (run.folder / "config.yaml").write_text(text, encoding="utf-8")
    assert configuration.leaves(run.config())[key] != configuration.leaves(configuration.Config())[key]


@pytest.mark.parametrize("given,words", [
    ("scene.nerf.encoding_backend=tinycudann", "does not run on cpu"),
    ("scene.nerf.render_backend=triton", "does not run on cpu"),
    ("scene.nerf.render_backend=nerfacc", "does not run on cpu"), ("exp_root_dir=/dev/null/x", "cannot be made"),
    ("scene.type=mine:Mine", "cannot be imported"), ("exp_root_dir=~nouser/x", "no path")])
def test_what_cannot_run_is_refused_before_there_is_a_folder(given, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", *TINY, "scene.type=nerf", given, "device=cpu"]) == 2
    assert words in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_a_weight_that_is_infinite_where_it_would_be_drawn_is_refused(tmp_path, monkeypatch, capsys):
    """A schedule with zero terminal SNR: sigma/alpha has no bound at its last step."""
    from carv3d.diffusion import schedule

    def zero_snr():
        return schedule.NoiseSchedule(torch.linspace(0.999, 0.0, 1000, dtype=torch.float64))

    monkeypatch.setattr(schedule, "scaled_linear", zero_snr)
    for more, status in (["objective.t_max=1", 2], ["objective.t_max=0.98", 0]):
        words = ["objective.weighting=x0", "estimator.proposal=weight", "trainer.max_steps=2", more]
        assert cli.main(["train", *TINY, *words, f"exp_root_dir={tmp_path / str(status)}"]) == status
        assert ("objective.weighting" in capsys.readouterr().err) == (status == 2)
    assert not (tmp_path / "2").exists()


@pytest.mark.parametrize("content,words", [
    (b"\xef\xbb\xbfa red mushroom\n# a comment\na red mug\n", []), ("a red mushroom".encode("utf-16"), ["not UTF-8"]),
    ("ein Käfer".encode("latin-1"), ["not UTF-8"]), (b"", ["prompts"])])
def test_files_of_prompts(tmp_path, content, words):
    (tmp_path / "p.txt").write_bytes(content)
    (tmp_path / "s.yaml").write_text("prompts: p.txt", encoding="utf-8")
    read = lambda: sweep_plan.load(tmp_path / "s.yaml", (sweep_plan.READING,))  # noqa: E731
    if words:
        message = refused(read)
        assert all(word in message for word in words), message
    else:
        assert [cell.config.prompt for cell in read().cells] == ["a red mushroom", "a red mug"]


@pytest.mark.parametrize("content,words", [
    ("seeds: 1000000\nprompts: [a red mug]", ["seeds", "100000"]), ("seeds: 1\nseeds: 2", ["given twice"]),
    ("prompts: [no, a red mug]\nvariants: {on: {seed: 1}}", []),
    ("compare: {points: 1}\nprompts: [a red mug]", ["variants"]),
])
def test_sweep_files(tmp_path, content, words):
    path = tmp_path / "s.yaml"
    path.write_text(content, encoding="utf-8")
    read = lambda: sweep_plan.load(path, (sweep_plan.READING,))  # noqa: E731
    if words:
        message = refused(read)
        assert all(word in message for word in words), message
    else:
        cells = read().cells
        assert [cell.config.prompt for cell in cells] == ["no", "a red mug"] and cells[0].axes["variant"] == "on"


def test_two_ways_to_write_one_prompt_are_one_cell(tmp_path):
    from carv3d.commands.sweep import planned

    path = tmp_path / "s.yaml"
    path.write_text("prompts: [a red mushroom, A  RED mushroom]", encoding="utf-8")
    assert "are the same run" in refused(lambda: planned(path))
    path.write_text("prompts: [a red mushroom, a red mug]", encoding="utf-8")
    assert len({cell.id for cell in planned(path).cells}) == 2


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_files_are_utf8_whatever_the_locale(tmp_path, locale):
    (tmp_path / "c.yaml").write_text("prompt: ein Käfer\ntag: 青い車\n", encoding="utf-8")
    code = ("from carv3d import config; from carv3d.runtime.files import write_text; from pathlib import Path\n"
            "write_text(Path('d.yaml'), config.dump(config.load('c.yaml')))")
    environment = {**os.environ, "LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    assert configuration.load(tmp_path / "d.yaml").tag == "青い車"


def test_messages_are_one_line_whatever_is_put_into_them():
    assert one_line("a\nb\x1b[31m\ud800") == "a\\nb\\x1b[31m\\ud800" and len(one_line("x" * 5000)) <= LONGEST


# --- 4. finished is finished, saved is saved ------------------------------------------------------------------------------

def state(number: int) -> dict:
    return {"trainer": {"x": torch.full((2,), float(number))}, "config": "", "seconds": {}}


def test_rotation_keeps_what_was_just_written_and_the_newest_good_ones(tmp_path):
    """Good 10, damaged 15 and 20; resumed from 10, two kept: 12 and 14 are written, and stay."""
    for step in (5, 10, 15, 20):
        checkpoint.save(tmp_path, step, state(step), keep=9)
    for step in (15, 20):
        checkpoint.path_for(tmp_path, step).write_bytes(b"damaged")
    own: set[int] = set()
    for step in (12, 14):
        checkpoint.save(tmp_path, step, state(step), keep=2, own=own)
        own.add(step)
    assert [checkpoint.step_of(p) for p in checkpoint.listing(tmp_path)] == [12, 14, 15, 20]
    assert checkpoint.newest(tmp_path) == checkpoint.path_for(tmp_path, 14)
    assert checkpoint.load(checkpoint.newest(tmp_path))["step"] == 14
    checkpoint.path_for(tmp_path, 12).write_bytes(b"damaged after all")
    checkpoint.save(tmp_path, 16, state(16), keep=2, own=(14,))
    assert [checkpoint.step_of(p) for p in checkpoint.listing(tmp_path)] == [14, 15, 16, 20]  # good: 16 and 14


def run_tiny(root: Path, *overrides: str) -> tuple[int, Run]:
    status = cli.main(["train", *TINY, f"exp_root_dir={root}", *overrides])
    return status, Run(next(root.glob("carv3d/*")))


def test_what_comes_after_training_cannot_fail_it(tmp_path, monkeypatch):
    """A video stack that breaks: the run is finished, says what is missing, and makes it when resumed."""
    import carv3d.text3d.finish as end

    whole = end.render_turntable
    monkeypatch.setattr(end, "render_turntable", lambda *a, **k: (_ for _ in ()).throw(OSError(5, "no video today")))
    status, run = run_tiny(tmp_path, "export.video=true", "export.video_frames=2", "trainer.max_steps=3")
    summary = run.summary()
    assert status == 0 and summary["status"] == "finished" and summary["missing"] == ["video"]
    assert any("video: no video today" in line for line in summary["warnings"]) and summary["quality"]["psnr"] > 0
    before = (run.ckpts / "step-000003.ckpt").read_bytes()
    monkeypatch.setattr(end, "render_turntable", whole)
    assert cli.main(["train", "--resume", str(run.folder)]) == 0
    summary = run.summary()
    assert summary["missing"] == [] and (run.save / "turntable.mp4").is_file() and summary["step"] == 3
    assert not any("video" in line for line in summary["warnings"])
    assert (run.ckpts / "step-000003.ckpt").read_bytes() == before
    assert cli.main(["train", "--resume", str(run.folder)]) == 2  # now nothing is left to do


def test_a_run_that_no_longer_trains_ends_as_failed(tmp_path, monkeypatch):
    from carv3d.diffusion.exact import ExactTeacher

    predict = ExactTeacher.predict
    monkeypatch.setattr(ExactTeacher, "predict", lambda *a: {k: v * torch.nan for k, v in predict(*a).items()})
    status, run = run_tiny(tmp_path, "trainer.max_steps=40", "trainer.max_nonfinite_steps=12", "log.every_n_steps=3")
    assert status == 2 and run.summary()["status"] == "failed" and "were not finite" in run.summary()["reason"]
    assert len(list((run.save / "nonfinite").glob("*.pt"))) == 8
    for line in (run.folder / "metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.mark.parametrize("name,content", [
    ("summary.json", b"{"), ("summary.json", b"[]"), ("summary.json", b"\xff\xfe"), ("env.json", b"[1]"),
    ("metrics.jsonl", b'{}\n[]\n{"step": "x"}\n\xff\n{"step": 1, "k"'), ("cmd.txt", b"\xff\xfe\x00")])
def test_damaged_files_of_a_run_do_not_stop_it(tmp_path, name, content):
    status, run = run_tiny(tmp_path, "trainer.max_steps=2")
    (run.folder / name).write_bytes(content)
    assert cli.main(["train", "--resume", str(run.folder), "trainer.max_steps=4"]) == 0
    assert run.summary()["step"] == 4 and Run(run.folder).metrics()[-1]["step"] == 4


# --- 3 and 9. the surroundings, and trust -----------------------------------------------------------------------------

def test_a_file_system_without_locks_is_told_apart_from_a_lock_that_is_held(tmp_path, monkeypatch, capsys):
    import errno

    from carv3d.runtime import files

    def no(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files.fcntl, "flock", no)
    monkeypatch.setattr(files, "_lockless", set())
    status, _ = run_tiny(tmp_path, "trainer.max_steps=1")
    assert status == 0 and "no locks on this file system" in capsys.readouterr().err


def test_a_lock_is_never_written_through_a_link(tmp_path):
    status, run = run_tiny(tmp_path, "trainer.max_steps=1")
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (run.folder / ".lock").unlink()
    (run.folder / ".lock").symlink_to(precious)
    assert cli.main(["train", "--resume", str(run.folder), "trainer.max_steps=2"]) == 2
    assert precious.read_text() == "mine"


def test_a_long_prompt_is_cut_by_bytes(tmp_path):
    from carv3d.runs.folder import fresh_folder

    config = configuration.load(None, [f"prompt={'車' * 80}", f"exp_root_dir={tmp_path}"])
    assert len(fresh_folder(config, "x").name.encode()) < 255
