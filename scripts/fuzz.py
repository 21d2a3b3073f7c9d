"""Random command lines, configurations, sweeps, PLY files, weights folders and damaged runs, given to carv3d.

    python scripts/fuzz.py --seconds 600 --seed 0
    python scripts/fuzz.py --seed 0 --case 1234        # one of them again, its messages shown

Accepted is success, or a refusal: exit status 2, one line of less than 300 characters, nothing written. Whatever else
happens is printed once for each place it happens at, with the command that repeats it; the exit status is then 1. A run
that has begun may fail by what it computes, which its summary must say, or take long.

Each case is a function of the seed and its number, run in a process of its own, forked from one that has loaded
everything, in a folder of its own, with limited memory and time.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import io
import json
import os
import random
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for launch.py, and where carv3d is not installed

TINY = ["trainer.max_steps=2", "trainer.preview_every=0", "export.video=false", "data.width=16", "data.height=16",
        "teacher.type=exact", "teacher.exact.set_size=2", "teacher.exact.unconditional_size=2", "prompt=a red mushroom"]
SCENES = {"image": ["scene.type=image", "scene.image.size=16"],
          "gaussians": ["scene.type=gaussians", "scene.gaussians.count=20"],
          "sdf": ["scene.type=sdf", "scene.sdf.levels=2", "scene.sdf.table_size=256",
                  "scene.sdf.samples_per_ray=16", "scene.sdf.occupancy_resolution=8"],
          "nerf": ["scene.type=nerf", "scene.nerf.levels=2", "scene.nerf.table_size=256",
                   "scene.nerf.samples_per_ray=16", "scene.nerf.occupancy_resolution=8"]}
ODD = ["", " ", "0", "-1", "1", "2", "3", "7", "16", "1e3", "1e-300", "1e300", "-1e300", ".inf", "-.inf", ".nan", "nan",
       "1e400", "9" * 400, "0x10", "0b1", "1_000", "true", "no", "null", "~", "[]", "[1]", "[1, 2]", "[2, 1]", "[a, b]",
       "[[1]]", "{}", "{a: 1}", "{values: [1], steps: [0]}", "{values: []}", "{values: [0.9, 0.5], steps: [0, 2]}",
       "{values: [1, 2], steps: [1, 1]}", "{source: given}", "auto", "blob", "adaptive", "a red mug", "\x1b[31m",
       "\x85", "Käfer 青", "\ufeff", "\ud800", "${seed}", "${", "${a.b}", "${oc.env:HOME}", "2020-13-45", "12:30",
       "'", '"', "&a [*a]", "*a", "!!set {a}", "!x y", "- a", "? a", "|", ">", "%", "@", "`", "#", "[" * 300,
       "x" * 5000, "\u2028", "..",
       "../../x", "/", "/dev/null", "/proc/self/mem", "~nouser/x", "~", ".",
       "a\0b", "a\nb", "[/red]", "$x_{$", "<script>"]
SECONDS, MEMORY = 60.0, 12 << 30


@dataclass
class Case:
    """argv: of carv3d, or of launch.py where ``launch``. files: what lies in its folder, by name. run: a prepared run
    that is copied in as ``run``. change: what is done to it."""

    argv: list[str]
    files: dict[str, bytes] = field(default_factory=dict)
    run: str = ""
    change: Callable[[Path], None] | None = None
    launch: bool = False


# --- what is given ----------------------------------------------------------------------------------------------------

def value(rng: random.Random, key: str) -> str:
    """Half of the time something that the option might allow, else anything."""
    from carv3d.config.fields import field_of
    from carv3d.config.options import kind_of

    item = field_of(key)
    kind, meta = kind_of(item), item.metadata
    if rng.random() < 0.4:
        return rng.choice(ODD)
    if meta.get("choices"):
        return str(rng.choice(meta["choices"]))
    bounds = [meta.get("ge"), meta.get("gt"), meta.get("le"), 0, 1, 2, 3, 0.5, 1e-6, 1e3, 10.0 ** rng.randint(-12, 12)]
    numbers = [f"{bound:g}" for bound in bounds if bound is not None]
    if kind == "Schedule":
        two = f"[{rng.choice(numbers)}, {rng.choice(numbers)}]"
        return rng.choice([rng.choice(numbers), f"{{values: {two}, steps: [0, {rng.randint(0, 9)}]}}"])
    if kind.startswith("list"):
        return f"[{', '.join(rng.choice(numbers) for _ in range(rng.randint(1, 3)))}]"
    return rng.choice({"bool": ["true", "false"], "str": ["a", "a green mug", "x/y", "blob"]}.get(kind, numbers))


def keys(rng: random.Random, count: int) -> list[str]:
    from carv3d.config.fields import keys as every

    found = [key for key in every() if not key.startswith(("compare.", "quality."))]
    misspelt = [rng.choice(found) + rng.choice(["x", ".", ".a", "", " "]), rng.choice(ODD), "scene.options.a", "a.b"]
    return [rng.choice(found) if rng.random() < 0.95 else rng.choice(misspelt) for _ in range(count)]


def overrides(rng: random.Random, most: int = 3) -> list[str]:
    out = []
    for key in keys(rng, rng.randint(1, most)):
        try:
            out.append(f"{key}={value(rng, key)}")
        except Exception:
            out.append(f"{key}={rng.choice(ODD)}")
    return [text.replace("\0", "") for text in out]  # no command line can hold it


def mutated(rng: random.Random, content: bytes) -> bytes:
    """Some bytes changed, lost, doubled; or all of it in another encoding."""
    how = rng.randrange(7)
    at, to = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    if how == 0:
        return content[:at]
    if how == 1:
        return content[:at] + content[to:]
    if how == 2:
        return content[:at] + bytes(rng.randrange(256) for _ in range(rng.randint(1, 8))) + content[at:]
    if how == 3:
        return content[:at] + rng.choice(ODD).encode("utf-8", "surrogatepass") + content[to:]
    if how == 4:
        return content[:to] + content[at:to] + content[to:]
    if how == 5:
        return content.decode("utf-8", "replace").encode(rng.choice(["utf-16", "utf-32", "utf-8-sig"]))
    changed = bytearray(content)
    for _ in range(min(rng.randint(1, 6), len(changed))):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def yaml_text(rng: random.Random) -> bytes:
    """A configuration, nested or dotted, more or less YAML."""
    lines = []
    for key in keys(rng, rng.randint(0, 6)):
        try:
            text = value(rng, key)
        except Exception:
            text = rng.choice(ODD)
        parts = key.split(".") if rng.random() < 0.5 else [key]
        for depth, part in enumerate(parts):
            lines.append("  " * depth + part + (f": {text}" if depth == len(parts) - 1 else ":"))
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    return mutated(rng, content) if rng.random() < 0.3 else content


def with_scene(rng: random.Random) -> list[str]:
    return TINY + rng.choice(list(SCENES.values()))


def a_command_line(rng: random.Random) -> Case:
    others = ["measure", "render", "export", "eval", "report", "prompts", "sweep", "doctor"]
    command = rng.choice(["train"] * 8 + others)
    words = {"train": [*with_scene(rng), *overrides(rng)], "measure": ["--cameras", rng.choice(ODD), *overrides(rng)]}
    options = ["--config", "--resume", "--dry-run", "--views", "--size", "--elevation", "--format", "--background",
               "--out", "--up", "--resolution", "--faces", "--texture-size", "--run", "--k", "--workers", "--executor",
               "--retry", "--baseline", "--quality", "--help", "--x", "-y", "--", "run", "nowhere"]
    argv = [command, *words.get(command, [])]
    if command != "train" or rng.random() < 0.3:
        for option in rng.sample(options, rng.randint(0, 3)):
            argv += [option] + [rng.choice(ODD).replace("\0", "")] * rng.randint(0, 1)
    if rng.random() < 0.05:
        rng.shuffle(argv)
    return Case(argv)


def a_file(rng: random.Random) -> Case:
    return Case(["train", "--config", "c.yaml", *with_scene(rng)], {"c.yaml": yaml_text(rng)})


def a_sweep(rng: random.Random) -> Case:
    tree: dict[str, object] = {"base": "base.yaml", "overrides": {}, "prompts": ["a red mushroom", "a green mug"],
                               "variants": {"a": {"estimator.k": 1}, "b": {"estimator.k": 2}}, "seeds": 2}
    names = ["grid", "zip", "compare", "name", "exp_root_dir", "seeds", "prompts", "variants", "base", "x"]
    for name in rng.sample(names, rng.randint(0, 3)):
        listed = {key: [rng.choice(ODD) for _ in range(rng.randint(0, 3))] for key in keys(rng, rng.randint(0, 2))}
        tree[name] = rng.choice([listed, rng.choice(ODD), [rng.choice(ODD)], {}, [], 3, {"points": 1}, {"a": listed}])
    text = json.dumps(tree, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    base = "\n".join(f"{key}: {text}" for key, _, text in (word.partition("=") for word in [*TINY, *SCENES["image"]]))
    workers = ["--workers", rng.choice(ODD).replace("\0", "")] * (rng.random() < 0.1)
    return Case(["sweep", "s.yaml", "--dry-run", *workers],
                {"s.yaml": mutated(rng, text) if rng.random() < 0.4 else text, "base.yaml": base.encode()})


def ply(rng: random.Random) -> bytes:
    """A point cloud or splats, in one of the format's three encodings, then damaged as often as not."""
    import numpy as np

    splats = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1",
              "rot_2", "rot_3"]
    names = rng.choice([splats, ["x", "y", "z"], ["x", "y", "z", "red", "green", "blue"], splats + ["nx", "f_rest_0"],
                        splats[:3] + splats[6:] + ["red", "green", "blue"]])
    names = [name for name in names if rng.random() > 0.01]
    count, kind = rng.choice([0, 1, 5, 30]), rng.choice(["float", "double", "uchar", "int", "float32", "short"])
    types = {"float": "f4", "double": "f8", "uchar": "u1", "int": "i4", "float32": "f4", "short": "i2"}
    rows = np.random.default_rng(rng.randrange(1 << 30)).normal(0, rng.choice([1, 1, 100, 1e20]), (count, len(names)))
    if rng.random() < 0.3 and rows.size:
        rows.flat[rng.randrange(rows.size)] = rng.choice([np.nan, np.inf, -np.inf, 0, 1e30])
    form = rng.choice(["ascii", "binary_little_endian", "binary_big_endian"])
    stated = rng.choice([count] * 8 + [10**12, -1, count + 1, 2**63])
    head = f"ply\nformat {form} 1.0\ncomment x\nelement vertex {stated}\n" + "".join(
        f"property {kind} {name}\n" for name in names) + "end_header\n"
    with np.errstate(all="ignore"):
        order = "<" if form != "binary_big_endian" else ">"
        body = (rows.astype(order + types[kind]).tobytes() if form != "ascii" else
                "".join(" ".join(f"{x:g}" for x in row) + "\n" for row in rows).encode())
    content = head.replace("\n", rng.choice(["\n"] * 5 + ["\r\n"])).encode() + body
    return mutated(rng, content) if rng.random() < 0.5 else content


def a_ply(rng: random.Random) -> Case:
    name = rng.choice(["c.ply"] * 6 + ["c.splat", "c.txt"])
    return Case(["train", *TINY, *SCENES["gaussians"], f"scene.gaussians.init={name}",
                 f"scene.gaussians.sh_degree={rng.randint(0, 3)}"], {name: ply(rng)})


def a_damaged_run(rng: random.Random) -> Case:
    commands = [["train", "--resume", "run", "trainer.max_steps=3"], ["train", "--resume", "run"],
                ["render", "run", "--views", "2", "--size", "16", "--format", rng.choice(["gif", "png", "mp4"])],
                ["eval", "run"], ["export", "run", "--resolution", "16", "--texture-size", "0"],
                ["report", "run"], ["report", "run", "run", "--out", "page"],
                ["train", "--resume", "run/ckpts/step-000002.ckpt"],
                ["measure", "--run", "run", "--cameras", "2", "--k", "1,2"]]
    seed = rng.randrange(1 << 30)
    return Case(rng.choice(commands), run=rng.choice(list(SCENES)),
                change=lambda folder: damage(random.Random(seed), folder))


def damage(rng: random.Random, folder: Path) -> None:
    """One or two of a run's files changed as users, disks and strangers change them."""
    for _ in range(rng.randint(1, 2)):
        path = rng.choice(sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink()))
        how = rng.randrange(8)
        if how == 0:
            path.unlink()
        elif how == 1:
            path.unlink()
            path.symlink_to(rng.choice(["/etc/hostname", "nowhere", path.name, "..", "config.yaml", "/dev/zero"]))
        elif how == 2:
            path.unlink()
            path.mkdir()
        elif path.suffix == ".ckpt" and how < 7 and path.is_file() and zipfile.is_zipfile(path):
            path.write_bytes(checkpoint(rng, path))
        elif path.suffix in (".json", ".jsonl") and how < 6 and path.is_file():
            path.write_bytes(json_text(rng, path.read_bytes()))
        elif path.is_file():
            path.write_bytes(mutated(rng, path.read_bytes()))


def json_text(rng: random.Random, content: bytes) -> bytes:
    """JSON with some values replaced, line by line."""
    odd = [None, True, -1, 0, 1e308, 10**400, "x", "<script>", [], {}, [1], {"a": None}, "\x1b[31m", "\ud800",
           float("nan")]

    def walk(node: object) -> object:
        if rng.random() < 0.08:
            return rng.choice(odd)
        if isinstance(node, dict):
            return {key: walk(child) for key, child in node.items() if rng.random() > 0.03}
        return [walk(child) for child in node] if isinstance(node, list) else node

    try:
        return json.dumps(walk(json.loads(content)), indent=1).encode()
    except ValueError:
        pass
    try:
        return b"".join(json.dumps(walk(json.loads(line))).encode() + b"\n" for line in content.splitlines())
    except ValueError:  # damaged already
        return mutated(rng, content)


def checkpoint(rng: random.Random, path: Path) -> bytes:
    """A whole file that lacks a part, or has something else in its place."""
    import torch

    try:
        state = torch.load(path, weights_only=True)
    except Exception:  # damaged already
        return mutated(rng, path.read_bytes())

    def change(node: object, depth: int = 0) -> object:
        if isinstance(node, dict) and node and (depth < 1 or rng.random() < 0.8):
            name = rng.choice(list(node))
            if rng.random() < 0.2:
                return {key: child for key, child in node.items() if key != name}
            return {**node, name: change(node[name], depth + 1)}
        if isinstance(node, list) and node and rng.random() < 0.8:
            at = rng.randrange(len(node))
            return [*node[:at], change(node[at], depth + 1), *node[at + 1:]]
        if isinstance(node, torch.Tensor) and rng.random() < 0.7:
            return rng.choice([node[..., :1], node.flatten(), node[:0], node.double(), node * torch.nan, node[None]]
                              if node.dim() else [node[None], node * torch.nan])
        return rng.choice([None, 0, -1, 1e300, "x", [], {}, torch.zeros(3)])

    buffer = io.BytesIO()
    torch.save(change(state), buffer)
    return buffer.getvalue()


def a_weights_folder(rng: random.Random) -> Case:
    seed = rng.randrange(1 << 30)

    def change(folder: Path) -> None:
        own = random.Random(seed)
        path = own.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
        if path.suffix == ".json" and own.random() < 0.7:
            path.write_bytes(json_text(own, path.read_bytes()))
        elif own.random() < 0.2:
            path.unlink()
        else:
            path.write_bytes(mutated(own, path.read_bytes()))

    argv = ["train", *TINY, *SCENES["image"], "teacher.type=stable-diffusion", "teacher.path=run", "prompt=a corgi",
            "data.views=1", "teacher.offline=true", *overrides(rng, 1) * (rng.random() < 0.3)]
    return Case(argv, run="weights", change=change)


def of_threestudio(rng: random.Random) -> Case:
    names = ["system.prompt_processor.prompt", "system.guidance.guidance_scale", "system.loss.lambda_opaque",
             "data.width", "system.guidance.min_step_percent", "trainer.max_steps", "system.optimizer.args.lr", "seed",
             "resume", "tag", "system.prompt_processor.negative_prompt", "system.geometry.density_bias", "x"]
    words = [f"{rng.choice(names)}={rng.choice(ODD)}" for _ in range(rng.randint(0, 3))]
    flags = rng.sample(["--train", "--test", "--export", "--validate", "--gpu", "--config", "--x"], rng.randint(0, 3))
    given = [word for flag in flags for word in (flag, *([rng.choice(ODD)] * (flag in ("--gpu", "--config"))))]
    return Case([*(word.replace("\0", "") for word in given + words), *TINY, *SCENES["image"]], launch=True)


KINDS = [a_command_line, a_file, a_sweep, a_ply, a_damaged_run, a_weights_folder, of_threestudio]


def case_of(seed: int, number: int) -> tuple[str, Case]:
    rng = random.Random(f"{seed} {number}")
    make = KINDS[number % len(KINDS)]
    return make.__name__, make(rng)


# --- what becomes of it -----------------------------------------------------------------------------------------------

@dataclass
class Outcome:
    """status: exit status, minus the signal that ended it. changed: what lies there otherwise than before."""

    status: int
    out: str
    messages: str
    changed: list[str]
    began: bool  # a run got as far as having a folder
    seconds: float

    def faults(self) -> list[str]:
        """What is not as it must be; empty for success and for a refusal."""
        lines = self.messages.splitlines()
        if "Traceback" in self.messages:
            frames = [line.strip() for line in lines if line.startswith("  File ")]
            return [f"traceback: {lines[-1][:150]} | {frames[-1] if frames else ''}"]
        if self.status == -signal.SIGKILL:
            return [] if self.began else [f"no end within {SECONDS:.0f} s, or killed"]
        if self.status < 0:
            return [f"ended by signal {-self.status}"]
        noise = [line for line in lines if "Warning:" in line or line.startswith("  ")]
        found = [f"a library's words: {noise[0][:150]}"] if noise else []
        if self.status == 2:
            errors = [line for line in lines if "error:" in line[:30]]
            if len(errors) != 1 or lines[-1] != errors[0]:
                found.append(f"{len(errors)} lines of error, the last line {lines[-1][:100] if lines else None!r}")
            elif len(errors[0]) > 330 or not errors[0].isprintable():
                found.append(f"not one printable line: {errors[0][:150]!r}")
            if self.changed and not self.began:
                found.append(f"written by a refusal: {self.changed[0]} ({errors[0][:100] if errors else ''})")
        elif self.status not in (0, 1):
            found.append(f"exit status {self.status}")
        return found


def listing(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.name != ".lock":
            whole = path.is_file() and path.stat().st_size < 1 << 26
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest() if whole else "-"
    return found


def run(case: Case, worlds: Path, seconds: float = SECONDS) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="fuzz") as name:
        folder = Path(name)
        for path, content in case.files.items():
            (folder / path).write_bytes(content)
        if case.run:
            shutil.copytree(worlds / case.run, folder / "run", symlinks=True)
            if case.change:
                case.change(folder / "run")
        before, began = listing(folder), time.monotonic()
        process = os.fork()
        if not process:
            _child(case, folder)
        status = _wait(process, seconds)
        spent, after = time.monotonic() - began, listing(folder)
        changed = [path for path in {**before, **after} if before.get(path) != after.get(path)
                   and path not in ("stdout", "stderr")]
        texts = [(folder / each).read_text(errors="replace") for each in ("stdout", "stderr")]
        return Outcome(status, *texts, changed, _failed_run(folder, before, after), spent)


def _failed_run(folder: Path, before: dict[str, str], after: dict[str, str]) -> bool:
    """Whether a run began here: a summary was written, which says what became of it."""
    for path in after:
        if path.endswith("summary.json") and before.get(path) != after[path]:
            try:
                return "status" in json.loads((folder / path).read_text())
            except (OSError, ValueError, LookupError, TypeError):
                pass
    return False


def _child(case: Case, folder: Path) -> None:
    status = 70
    try:
        os.setsid()
        os.chdir(folder)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number, stream in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
                                  for number in (1, 2))
        sys.argv = ["carv3d", *case.argv]
        try:
            if case.launch:
                import launch

                status = launch.main(case.argv)
            else:
                from carv3d import cli

                status = cli.main(case.argv)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except BaseException:
            import traceback

            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _wait(process: int, seconds: float) -> int:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.killpg(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def prepare(folder: Path) -> None:
    """The runs and the weights that cases damage, by processes of their own: here nothing may start threads."""
    for name, scene in SCENES.items():
        subprocess.run([sys.executable, "-m", "carv3d", "train", *TINY, *scene, f"exp_root_dir={folder / 'made'}",
                        f"name={name}", "checkpoint.every_n_train_steps=1", "budget.evaluations=2", "export.video=true",
                        "export.video_frames=2", "export.video_size=16"], check=True, capture_output=True)
        next((folder / "made" / name).iterdir()).rename(folder / name)
    code = "import sys, tiny_pipeline, pathlib; tiny_pipeline.built('sd15', pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, capture_output=True,
                   cwd=Path(__file__).resolve().parent.parent / "tests" / "diffusion")
    (folder / "sd15").rename(folder / "weights")


def load_everything() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    import diffusers.models.unets.unet_2d_condition  # noqa: F401
    import imageio.v3  # noqa: F401
    import matplotlib.figure  # noqa: F401
    import skimage.measure  # noqa: F401
    import transformers  # noqa: F401
    import trimesh  # noqa: F401

    import carv3d.commands.measure  # noqa: F401
    import carv3d.commands.recorder  # noqa: F401
    import carv3d.commands.report  # noqa: F401
    import carv3d.commands.sweep  # noqa: F401
    import carv3d.diffusion.exact  # noqa: F401
    import carv3d.diffusion.stable_diffusion  # noqa: F401
    import carv3d.scenes.gaussians  # noqa: F401
    import carv3d.scenes.image  # noqa: F401
    import carv3d.scenes.nerf  # noqa: F401
    import carv3d.text3d.finish  # noqa: F401
    import carv3d.toybox.quality  # noqa: F401


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="only this one, with all that it says")
    parser.add_argument("--jobs", type=int, default=1, help="processes, each with its own share of the numbers")
    parser.add_argument("--share", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--worlds", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="worlds") as name:
        worlds = given.worlds or Path(name)
        if given.worlds is None:
            prepare(worlds)
        if given.jobs > 1:
            return _share(given, worlds)
        load_everything()
        if given.case is not None:
            kind, case = case_of(given.seed, given.case)
            outcome = run(case, worlds)
            held = (f"{path}: {content[:2000]!r}" for path, content in case.files.items())
            print(f"{kind}: {shlex.join(case.argv)}", *held, outcome.out, outcome.messages,
                  dataclasses.replace(outcome, out="", messages=""), *outcome.faults(), sep="\n")
            return 1 if outcome.faults() else 0
        return _many(given, worlds)


def _share(given: argparse.Namespace, worlds: Path) -> int:
    """Several processes at once, each with every so manieth number."""
    command = [sys.executable, __file__, "--seconds", str(given.seconds), "--seed", str(given.seed), "--worlds",
               str(worlds)]
    processes = [subprocess.Popen([*command, "--share", str(share * len(KINDS) * 10**6)])
                 for share in range(given.jobs)]
    return max([process.wait() for process in processes])


def _many(given: argparse.Namespace, worlds: Path) -> int:
    end, number = time.monotonic() + given.seconds, given.share
    seen: set[str] = set()
    counts: Counter[tuple[str, str]] = Counter()
    while time.monotonic() < end:
        kind, case = case_of(given.seed, number)
        outcome = run(case, worlds)
        faults = outcome.faults()
        ended = {0: "success", 2: "refused"}.get(outcome.status, "other")
        counts[kind, "fault" if faults else "failed later" if ended == "refused" and outcome.began else
               "slow" if outcome.status < 0 else ended] += 1
        for fault in faults:
            if fault not in seen:
                seen.add(fault)
                print(f"case {number}: {kind}: {fault}\n  python scripts/fuzz.py --seed {given.seed} --case {number}\n"
                      f"  {shlex.join(case.argv)[:600]}", flush=True)
        number += 1
    for kind in sorted({kind for kind, _ in counts}):
        print(f"{kind}: " + ", ".join(f"{count} {what}" for (k, what), count in sorted(counts.items()) if k == kind))
    print(f"{sum(counts.values())} cases, {len(seen)} kinds of fault", flush=True)
    return 1 if seen else 0


if __name__ == "__main__":
    sys.exit(main())
