"""Engines that answer for the frozen denoiser on a CPU: what they answer, when torch does, how one is chosen.

Tolerance: 2e-5 of the largest entry, in float32 (3e-6 was seen). Tests of a real engine skip where it is not installed.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from carv3d import config as configuration
from carv3d import teachers
from carv3d.cli import main
from carv3d.diffusion.engines import base, choice, packages, store
from carv3d.diffusion.flops import Networks
from carv3d.diffusion.lora import LoRAScore
from carv3d.runs.folder import Run
from carv3d.runtime import devices
from carv3d.runtime.distributed import World
from carv3d.runtime.errors import UserError
from carv3d.text3d import build

sys.path.insert(0, str(Path(__file__).parent))

import tiny_families
import tiny_pipeline as tiny

pipelines, own_cache, signals = tiny.pipelines, tiny.own_cache, tiny.signals
NEAR = 2e-5
REAL = pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.skipif(any(find_spec(each) is None for each in needed),
                                                reason=f"{name} is not installed"))
    for name, needed in packages.PACKAGES.items() if name != "numba"])  # which test_loops.py has
OPENVINO = pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")
BUNDLED = ["prompt=a red cube", "teacher.dtype=float32"]
IMAGE = ["scene.type=image", "data.width=16", "data.height=16", "scene.image.size=16", "trainer.preview_every=0", "export.video=false",
         "quality.shape=false", "log.every_n_steps=1"]


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A folder that is told of views, with a UNet of few parts: what an engine takes to convert goes by their number."""
    import diffusers

    home = tmp_path_factory.getbasetemp()
    folder = tiny.copy(tiny.built("told", home / "pipelines"), home / "small")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        diffusers.UNet2DConditionModel(
            sample_size=8, in_channels=4, out_channels=4, block_out_channels=(8, 8), layers_per_block=1, norm_num_groups=4,
            cross_attention_dim=16, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), attention_head_dim=2,
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D")).save_pretrained(folder / "unet")
    return folder


@pytest.fixture
def shared(own_cache, tmp_path_factory, monkeypatch):
    """A cache that outlives the test, so that each network is converted once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "engines"))


def teacher_of(folder, *overrides):
    return teachers.teacher(tiny.make_config(folder, "data.views=4", *overrides))


def question(teacher, count, seed=0):
    """noisy, timestep, condition, view: so many rows on three views."""
    draw = torch.Generator().manual_seed(seed)
    told = teacher.condition(tiny.seen([0.0, 120.0, 200.0]), torch.rand(3, 3, generator=draw))
    timestep = torch.randint(20, teacher.schedule.timesteps - 20, (count,), generator=draw)
    return torch.randn(count, *teacher.latent_shape, generator=draw), timestep, told, torch.arange(count) % 3


def apart(a, b):
    return max(float((a[key] - b[key]).abs().max() / a[key].abs().max()) for key in a)


class Stub:
    """Stands for an engine: counts calls, and answers zeros."""

    def __init__(self):
        self.rows = []

    def __call__(self, seen, time, text, shift):
        self.rows.append(len(seen))
        return torch.zeros_like(seen)


# ------------------------------------------------------------------------------------------------------- what they say


@REAL
@torch.no_grad()
def test_answers_are_torchs_at_any_number_of_rows(small, shared, name):
    teacher = teacher_of(small)
    engine = choice.made(name, teacher, 2)
    for count, branches in ((1, ("cond",)), (2, ("cond",)), (3, ("uncond", "cond"))):
        asked = question(teacher, count)
        teacher.engine = None
        want = teacher.predict(*asked, branches)
        teacher.engine = engine
        got = teacher.predict(*asked, branches)
        assert apart(want, got) < NEAR and got["cond"].dtype == torch.float32
        assert apart(got, teacher.predict(*asked, branches)) == 0.0  # repeats to the bit


@REAL
@torch.no_grad()
def test_carv3ds_own_networks_are_asked_at_the_main_jobs_rows_and_others(shared, name):
    """The bundled teacher's, which are not diffusers' classes: three views with two draws each, and one view."""
    teacher = teachers.teacher(configuration.load(None, ["prompt=a red cube", "teacher.dtype=float32"]))
    assert type(teacher.denoiser).__module__.startswith("carv3d.")
    engine = choice.made(name, teacher, 6)
    for count in (6, 1):
        asked = question(teacher, count)
        teacher.engine = None
        want = teacher.predict(*asked, ("cond",))
        teacher.engine = engine
        assert apart(want, teacher.predict(*asked, ("cond",))) < NEAR


@OPENVINO
@torch.no_grad()
def test_multiples_of_the_fewest_rows_are_so_many_calls_of_one_form(small, shared, monkeypatch):
    teacher = teacher_of(small)
    engine = choice.made("openvino", teacher, 3, 6)
    asked = base.example(teacher, 6)
    whole = engine.run(asked)
    assert torch.equal(whole, torch.cat([engine.run([part[i:i + 3].contiguous() for part in asked]) for i in (0, 3)]))
    assert [*engine._network._ready] == [3]
    engine.run([part[:2].contiguous() for part in asked])
    assert [*engine._network._ready] == [3, -1]
    monkeypatch.setattr(engine._network, "request", lambda *ignored: None)
    for counts, unit in (((12,), 6), ((1,), 1), ((2, 4), 4), ((5,), 3), ((4,), 4)):
        engine._own.clear()
        engine.prepare(*counts)
        assert engine._size(2 * unit) == unit and engine._size(2 * unit + 1) == (unit if unit == 1 else -1)


@OPENVINO
@torch.no_grad()
def test_the_bundled_teacher_encodes_by_it_unless_a_gradient_is_recorded(shared):
    """Any number of images, to the bit each time; the control is another image."""
    teacher = teachers.teacher(configuration.load(None, BUNDLED))
    rgb = torch.rand(3, 64, 64, 3, generator=torch.Generator().manual_seed(0))
    want = teacher.encode(rgb)
    teacher.encoder = choice.made("openvino", teacher).encoder
    for count in (3, 1, 3):
        got, again = teacher.encode(rgb[:count]), teacher.encode(rgb[:count])
        assert 0 < apart({"": want[:count]}, {"": got}) < NEAR and torch.equal(got, again)
    assert apart({"": want}, {"": teacher.encode(1 - rgb)}) > 0.01
    teacher.stand_in = None  # as teacher.encode_gradient=exact
    with torch.enable_grad():
        exact = teacher.encode(rgb.clone().requires_grad_(True))
    assert torch.equal(exact, want) and exact.requires_grad


@OPENVINO
def test_an_encoder_that_is_off_is_refused_and_not_kept(shared, monkeypatch):
    from carv3d.diffusion.engines import openvino

    monkeypatch.setattr(store, "read", lambda name: None)
    monkeypatch.setattr(store, "write", lambda name, content: pytest.fail("kept"))
    class Off(base.Encoding):
        def forward(self, image):
            return 1.01 * super().forward(image)

    monkeypatch.setattr(openvino, "Encoding", Off)
    teacher = teachers.teacher(configuration.load(None, BUNDLED))
    encoder = choice.made("openvino", teacher).encoder
    with torch.no_grad():
        for _ in range(2):
            with pytest.raises(UserError, match="teacher.engine: openvino given, whose answers are off torch's by 0.0"):
                encoder(torch.rand(2, 3, 64, 64))
    plain = teachers.teacher(configuration.load(None, [*BUNDLED, "teacher.encode_gradient=exact"]))
    assert choice.made("openvino", plain).encoder is None  # nothing would ask it


@REAL
@torch.no_grad()
def test_a_view_vector_has_its_say_and_none_is_none(small, shared, name):
    teacher = teacher_of(small)
    engine = choice.made(name, teacher, 2)
    noisy, timestep, told, view = question(teacher, 2)
    seen, time = teacher._seen(noisy, timestep)
    text = {key: value[view] for key, value in told.text.items()}
    without = teacher.respond(seen, time, text, None)
    for shift in (None, torch.zeros_like(told.shift[view]), 3 * told.shift[view]):
        want = teacher.respond(seen, time, text, shift)
        assert (engine(seen, time, text, shift) - want).abs().max() < NEAR * want.abs().max()
    assert (want - without).abs().max() > 1e-3 * want.abs().max()  # the control: it was told something


@REAL
def test_what_was_kept_answers_to_the_bit_and_what_is_damaged_is_made_anew(small, name, capsys):
    teacher = teacher_of(small)
    asked = base.example(teacher, 3)
    engine = choice.made(name, teacher, 3)
    first, key = engine.run(asked), engine.key()
    assert "converting" in capsys.readouterr().err
    assert torch.equal(choice.made(name, teacher, 3).run(asked), first)
    assert "converting" not in capsys.readouterr().err
    (path,) = store._folder().glob("*.network")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    engine = choice.made(name, teacher, 3)
    assert torch.equal(engine.run(asked), first) and engine.key() == key
    assert "converting" in capsys.readouterr().err
    with torch.no_grad():
        next(teacher.denoiser.parameters()).flatten()[0] += 1e-3
    engine._weights.clear()
    assert engine.key() != key  # another network is not taken for it


@REAL
def test_a_large_network_is_asked_with_any_number_of_rows_and_nothing_is_kept(small, name, monkeypatch):
    for module in ("openvino", "onnx"):
        monkeypatch.setattr(f"carv3d.diffusion.engines.{module}.LARGE", 0)
    teacher = teacher_of(small)
    engine = choice.made(name, teacher, 2)
    for count in (1, 4):
        asked = base.example(teacher, count)
        with torch.no_grad():
            want = base.Traced(teacher)(*asked)
        assert (engine.run(asked) - want).abs().max() < NEAR * want.abs().max()
    assert not store._folder().exists()


@REAL
def test_an_engine_that_is_off_is_refused(small, name, monkeypatch):
    monkeypatch.setitem(base.FAR, torch.float32, 1e-12)
    with pytest.raises(UserError, match=f"teacher.engine: {name} given, whose answers are off torch's by .* of their norm") as caught:
        choice.made(name, teacher_of(small), 2)
    assert len(str(caught.value)) < 300 and "\n" not in str(caught.value)
    assert not store._folder().exists()


@pytest.mark.parametrize("family", ["sdxl", "sd3", "sana"])
@pytest.mark.filterwarnings("ignore")
@torch.no_grad()
def test_a_trace_of_a_family_that_names_engines_holds_at_other_rows(family, tmp_path_factory):
    folder = tiny_families.built(family, tmp_path_factory.getbasetemp() / "families")
    teacher = teachers.teacher(tiny.make_config(folder, "teacher.type=diffusers", "data.views=1"))
    assert teacher.ENGINES
    plain = base.Traced(teacher)
    traced = torch.jit.trace(plain, tuple(base.example(teacher, base.TRACED)), check_trace=False)
    asked = base.example(teacher, 3, seed=1)
    want = plain(*asked)
    assert (traced(*asked) - want).abs().max() < NEAR * want.abs().max()


@pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")
def test_openvino_reports_to_nobody(tmp_path):
    """Imported by itself it does, and keeps a number of the user's at home: the control."""
    code = ("import socket\n"
            "def refuse(*a, **k): print('ASKED', flush=True); raise OSError\n"
            "socket.getaddrinfo = socket.socket.connect = refuse\n"
            "import sys\n{}\n"
            "print('openvino_telemetry' in sys.modules, 'openvino' in sys.modules)")
    quiet = "from carv3d.diffusion.engines.openvino import _library; _library()"

    def said(line):
        own = {**os.environ, "HOME": str(tmp_path)}
        return subprocess.run([sys.executable, "-c", code.format(line)], capture_output=True, text=True, check=True,
                              env=own).stdout

    assert said(quiet) == "False True\n" and list(tmp_path.iterdir()) == []
    assert said("import openvino") != "False True\n" or find_spec("openvino_telemetry") is None


# -------------------------------------------------------------------------------------------------- where torch answers


def test_torch_answers_where_a_gradient_is_recorded_or_modules_are_asked(pipelines):
    teacher = teacher_of(pipelines("told"))
    noisy, *rest = question(teacher, 2)
    with torch.no_grad():
        want = teacher.predict(noisy, *rest, ("cond",))["cond"]
    teacher.engine = stub = Stub()
    noisy = noisy.requires_grad_(True)
    found = teacher.predict(noisy, *rest, ("cond",))["cond"]
    assert torch.autograd.grad(found.sum(), noisy)[0].abs().max() > 0 and torch.equal(found, want)
    with torch.no_grad():
        teacher.ask(noisy, rest[0], {key: value[rest[2]] for key, value in rest[1].text.items()})
    assert stub.rows == []
    with torch.no_grad():
        teacher.predict(noisy, *rest, ("uncond", "cond"))
    assert stub.rows == [4]  # the control


def test_operations_are_counted_on_torchs_modules(pipelines):
    teacher = teacher_of(pipelines("sd15"))
    want = Networks.of(teacher, 16, 16, torch.device("cpu"))
    teacher.engine = stub = Stub()
    assert Networks.of(teacher, 16, 16, torch.device("cpu")) == want and want.row > 0 and stub.rows == []


def test_both_of_vsds_answers_are_torchs(pipelines, measured):
    """To the bit they start alike; with an engine for one of them, Adam would follow what rounding leaves."""
    trainer = build.trainer(tiny.make_config(pipelines("told"), "objective.type=vsd", *IMAGE, "data.views=4"))
    assert measured == [] and trainer.teacher.engine is None
    asked = question(trainer.teacher, 3)
    with torch.no_grad():
        own = trainer.objective.learner.score(*asked, tiny.seen([0.0, 120.0, 200.0]).c2w)
        assert torch.equal(trainer.teacher.predict(*asked, ("cond",))["cond"], own)


@REAL
@torch.no_grad()
def test_layers_added_later_change_nothing_that_an_engine_answers(small, shared, name):
    """Asked for its modules, it has them."""
    teacher = teacher_of(small)
    teacher.engine = engine = choice.made(name, teacher, 2)
    asked = question(teacher, 2)
    want = teacher.predict(*asked, ("cond",))["cond"]
    score = LoRAScore(teacher, 2, 0)
    torch.nn.init.normal_(score.camera[2].weight, std=0.3)
    own = score(*asked, tiny.seen([0.0, 120.0, 200.0]).c2w)
    assert torch.equal(teacher.predict(*asked, ("cond",))["cond"], want) and teacher.engine is engine
    assert (own - want).abs().max() > 1e-3 * want.abs().max()


# --------------------------------------------------------------------------------------------------------- the choice


@pytest.fixture
def measured(monkeypatch):
    """Two engines of which openvino is the faster; the list of what was measured."""
    asked = []

    def measure(teacher, count, names):
        asked.append((count, names))
        return {"torch": 10.0, "openvino": 6.0, "onnxruntime": 8.0}

    monkeypatch.setattr(choice, "_measured", measure)
    monkeypatch.setattr(choice, "installed", lambda: ["openvino", "onnxruntime"])
    return asked


def test_what_was_measured_is_kept_by_rows(pipelines, measured, capsys):
    teacher, names = teacher_of(pipelines("sd15")), ["openvino", "onnxruntime"]
    capsys.readouterr()  # what transformers says when it is first imported
    assert [choice.fastest(teacher, count) for count in (6, 6, 4, 6)] == ["openvino"] * 4
    assert measured == [(6, names), (4, names)]
    for path in store._folder().glob("*.json"):
        path.write_bytes(b"damaged")
    assert choice.fastest(teacher, 6) == "openvino" and len(measured) == 3
    assert capsys.readouterr().err == ""


def test_a_cache_that_cannot_be_written_costs_a_line(pipelines, measured, monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    teacher = teacher_of(pipelines("sd15"))
    capsys.readouterr()  # as above
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert choice.fastest(teacher, 6) == "openvino" and capsys.readouterr().err.count("\n") == 1


def test_which_are_measured(pipelines, measured, monkeypatch):
    """Of the bundled network carv3d's own loops alone; in bfloat16 OpenVINO alone."""
    monkeypatch.setattr(choice, "installed", lambda: list(packages.PACKAGES))
    for dtype, own, names in (("float32", True, ["numba"]), ("float32", False, ["openvino", "onnxruntime"]),
                              ("bfloat16", True, ["openvino"]), ("bfloat16", False, ["openvino"])):
        given = configuration.load(None, ["prompt=a red cube", f"teacher.dtype={dtype}"])
        choice.fastest(teachers.teacher(given) if own else teacher_of(pipelines("sd15"), f"teacher.dtype={dtype}"), 6)
        assert measured.pop() == (6, names)


@pytest.mark.parametrize("found", [{"torch": 10.0, "openvino": 9.8}, {"torch": 10.0}])
def test_an_engine_must_be_worth_it(pipelines, measured, monkeypatch, found):
    monkeypatch.setattr(choice, "_measured", lambda *ignored: found)
    assert choice.fastest(teacher_of(pipelines("sd15")), 6) == "torch"


@REAL
def test_the_measurement_itself(small, shared, name):
    found = choice._measured(teacher_of(small), 2, [name])
    assert set(found) == {"torch", name} and all(ms > 0 for ms in found.values())


def test_one_that_cannot_run_the_network_is_left_out_and_said_so(pipelines, monkeypatch, capsys):
    def refuse(name, *rest):
        raise UserError("no")

    monkeypatch.setattr(choice, "made", refuse)
    assert set(choice._measured(teacher_of(pipelines("sd15")), 2, ["openvino"])) == {"torch"}
    assert "going on without openvino: no" in capsys.readouterr().err


@pytest.mark.parametrize("words,asked", [
    (["trainer.max_steps=100"], [(12, ["openvino", "onnxruntime"])]),
    (["trainer.max_steps=100", "objective.guidance_scale=1"], [(6, ["openvino", "onnxruntime"])]),
    (["trainer.max_steps=100", "estimator.k={values: [1, 3], steps: [0, 9]}"], [(12, ["openvino", "onnxruntime"])]),
    (["trainer.max_steps=100", "estimator.chunk=1"], [(4, ["openvino", "onnxruntime"])]),
    (["trainer.max_steps=100", "teacher.dtype=bfloat16"], [(12, ["openvino"])]),
    (["trainer.max_steps=99"], []),
    (["trainer.max_steps=100", "teacher.offload=model"], []),
    (["trainer.max_steps=100", "teacher.engine=torch"], []),
    (["trainer.max_steps=100", "objective.type=vsd"], []),
])
def test_auto_measures_where_it_may_pay(pipelines, measured, monkeypatch, words, asked):
    """And what it takes is written to the configuration and told."""
    class Made(Stub):
        encoder = None

        def says(self):
            return "a stub"

    monkeypatch.setattr(choice, "made", lambda *ignored: Made())
    config = tiny.make_config(pipelines("sd15"), "data.views=4", *IMAGE, "estimator.k=3", *words)
    trainer = build.trainer(config)
    assert measured == asked
    assert config.teacher.engine == ("openvino" if asked else "torch")
    assert trainer.teacher.description.endswith("; engine: " + ("a stub" if asked else "torch"))
    assert (trainer.teacher.engine is None) == (not asked)


def test_auto_without_engines_is_torch_in_silence(pipelines, monkeypatch, capsys):
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    config = tiny.make_config(pipelines("sd15"), "data.views=4", *IMAGE)
    assert config.teacher.engine == "auto" and config.trainer.max_steps > teachers.LONG
    made = teachers.teacher(config)
    capsys.readouterr()
    teachers.take_engine(config, made, [6], World())
    assert config.teacher.engine == "torch" and capsys.readouterr() == ("", "")


def test_runs_from_before_there_was_a_choice_go_on_by_torch():
    kept = configuration.dump(configuration.load(None, ["prompt=a red cube"]))
    older = "\n".join(line for line in kept.splitlines() if not line.startswith("  engine:"))
    assert configuration.parse(older).teacher.engine == "torch" and configuration.parse(kept).teacher.engine == "auto"


# ------------------------------------------------------------------------------------------------------------ whole runs


def run(folder, capsys, *words):
    """The folder of a run of a tiny pipeline."""
    assert main(["train", *tiny.arguments(folder, "data.views=4", *IMAGE, *words)]) == 0
    return Path(capsys.readouterr().out.splitlines()[-1])


def final(path):
    state = torch.load(max((path / "ckpts").glob("*.ckpt")), weights_only=True)
    return state["trainer"]["scenes"][0], [{key: line[key] for key in ("step", "grad_norm", "draw_norm")}
                                           for line in Run(path).metrics()]


@REAL
def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(small, shared, name, tmp_path, capsys, signals, monkeypatch):
    words = (f"exp_root_dir={tmp_path}", "objective.guidance_scale=1", "estimator.k=1", "checkpoint.every_n_train_steps=2", f"teacher.engine={name}")
    whole = run(small, capsys, *words, "trainer.max_steps=4", "tag=whole")
    half = run(small, capsys, *words, "trainer.max_steps=2", "tag=half")
    assert f"engine: {name}" in (half / "config.yaml").read_text()
    assert main(["train", "--resume", str(half), "trainer.max_steps=4"]) == 0
    assert f"; engine: {name} " in capsys.readouterr().err
    (scene, lines), (other, again) = final(whole), final(half)
    assert all(torch.equal(scene[key], other[key]) for key in scene) and lines == again and len(lines) >= 4
    plain = run(small, capsys, *words[:4], "trainer.max_steps=4", "tag=torch")  # so short: torch
    assert "engine: torch" in (plain / "config.yaml").read_text()
    assert not all(torch.equal(scene[key], final(plain)[0][key]) for key in scene)  # the control

    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    assert main(["train", "--resume", str(half), "trainer.max_steps=6"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"teacher.engine: {name} given" in line and "pip install " in line and len(line) < 300


@pytest.mark.parametrize("words,said", [
    (["teacher.engine=tensorrt"], "teacher.engine: 'tensorrt' given; allowed: auto, torch, numba, openvino, onnxruntime"),
    (["teacher.engine=openvino", "teacher.type=exact"], "teacher.engine: openvino given with teacher.type exact"),
    (["teacher.engine=openvino", "objective.type=vsd"], "given with objective.type vsd, which takes the difference"),
    (["teacher.engine=openvino", "teacher.compile=true"], "given with teacher.compile true, which is torch's"),
    (["teacher.engine=openvino", "teacher.quantize=int8"], "given with teacher.quantize int8"),
    (["teacher.engine=openvino", "teacher.offload=model"], "given with teacher.offload model"),
    (["teacher.engine=openvino", "teacher.dtype=float16"], "float16; allowed: auto, float32, bfloat16"),
    (["teacher.engine=onnxruntime", "teacher.dtype=bfloat16"], "bfloat16; allowed: auto, float32"),
])
def test_what_cannot_be_is_refused_in_one_line(words, said):
    with pytest.raises(UserError) as caught:
        configuration.load(None, ["prompt=a red cube", *words])
    assert said in str(caught.value) and len(str(caught.value)) < 300 and "\n" not in str(caught.value)


def test_a_named_engine_on_cuda_is_refused_and_auto_is_torch(pipelines, monkeypatch):
    monkeypatch.setattr(devices, "device", lambda name: torch.device("cuda"))
    given = ["prompt=a red cube", "teacher.type=bundled"]
    with pytest.raises(UserError, match="teacher.engine: openvino given on a cuda device; engines run on a CPU"):
        build.settle(configuration.load(None, [*given, "teacher.engine=openvino"]))
    build.settle(configuration.load(None, given))
    build.settle(configuration.load(None, [*given, "teacher.engine=openvino"]), begun=True)  # it may move there


def test_a_family_that_no_engine_runs_is_refused(pipelines, monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: True)
    teacher = teacher_of(pipelines("sd15"))
    monkeypatch.setattr(type(teacher), "ENGINES", ("openvino",))
    with pytest.raises(UserError, match="onnxruntime given, which is not known to run .*; allowed: auto, torch, openvino"):
        choice.made("onnxruntime", teacher, 2)


def test_attribution_takes_no_engine(capsys):
    given = ["attribute.data=nowhere", "attribute.queries=nowhere", "teacher.engine=openvino"]
    assert main(["attribute", *given]) == 2
    assert "teacher.engine: given to carv3d attribute, where it has no effect" in capsys.readouterr().err


def test_the_store_keeps_what_it_was_given_and_forgets_the_oldest():
    for number in range(store.MOST + 2):
        store.write(f"{number:02d}.network", json.dumps(number).encode())
    assert store.read("00.network") is None and store.read(f"{store.MOST + 1:02d}.network") == b"%d" % (store.MOST + 1)
    assert len(list(store._folder().iterdir())) == store.MOST
