"""All that carv3d can learn from a GPU, in one command: tests, waits, speed of steps and teachers, the main job.

usage: python scripts/on_gpu.py [--out outputs/on_gpu] [--minutes 20] [--parts NAME ...] [--again] [--pretend]

The parts run one after the other, each in processes of its own with a limit of its own; what each found is written to
OUT/PART.json as it ends, with the GPU's name and the commit. A part that is done is not run again unless --again is
given, so that a run that was cut off goes on where it was. A part that fails stops no other. When less time is left
than a part's limit, it gets what is left.

environment   carv3d doctor --cuda: the GPU, and which backends work
tests         the tests that need CUDA
waits         where a settled step makes the host wait for the device, by torch.cuda.set_sync_debug_mode
step          milliseconds of each station of a step: NeRF at 64 to 512 pixels, its backends at 256, Gaussians
teachers      guided draws per second at K 1 to 16, share of the matrix-product peak, memory: SD 2.1-base, SDXL and
              SD 3.5 medium, their architectures with random weights
main          the main job on the bundled teacher: seconds and quality
ranks         one run on two ranks over NCCL, where there are two GPUs
large         a larger teacher of the toybox, 128x128 pictures and 32x32 latents, for the time left; by name alone

--pretend runs every part at toy size on a CPU, to know that none of them fails by a slip of the pen.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TINY = ["data.width=16", "data.height=16", "data.batch_size=1", "estimator.k=1", "scene.nerf.levels=2",
        "scene.nerf.table_size=512", "scene.nerf.occupancy_resolution=16", "scene.gaussians.count=50"]
CUDA_TESTS = ["tests/scenes", "tests/test_memory.py", "tests/diffusion/test_quantize.py"]
TEACHERS = {"sd21-base": [], "sdxl": ["teacher.size=1024"], "sd35-medium": ["teacher.size=1024"]}


@dataclass
class Part:
    """One part at work. commands: what was run so far, for its file."""

    out: Path
    pretend: bool
    ends: float  # time.monotonic()
    commands: list[dict] = field(default_factory=list)

    @property
    def device(self) -> str:
        return "device=cpu" if self.pretend else "device=cuda"

    def run(self, label: str, arguments: list[str], limit: float, keep: int = 6000) -> dict:
        """A command of this Python's, from the project's root. Its output's end, and what it said as JSON on stdout."""
        began = time.monotonic()
        limit = max(min(limit, self.ends - began), 1.0)
        try:
            done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=limit)
            status, said, shouted = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired as error:
            status, (said, shouted) = -1, (as_text(error.stdout), as_text(error.stderr))
        row = {"label": label, "command": ["python", *arguments], "status": status,
               "seconds": round(time.monotonic() - began, 1)}
        try:
            row["found"] = json.loads(said)
        except ValueError:
            row["stdout"] = said[-keep:]
        if status or "found" not in row:
            row["stderr"] = shouted[-keep:]
        self.commands.append(row)
        print(f"  {label}: {'done' if status == 0 else 'out of time' if status < 0 else f'failed ({status})'}, "
              f"{row['seconds']} s", flush=True)
        return row


def as_text(said: bytes | str | None) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""


def environment(part: Part) -> None:
    part.run("doctor", ["-m", "carv3d", "doctor", "--cuda"], 300)


def tests(part: Part) -> None:
    which = ["tests/test_memory.py"] if part.pretend else [*CUDA_TESTS, "-n", "auto"]
    part.run("tests", ["-m", "pytest", "-q", "-rs", "--no-header", "-k",
                       "cuda or triton or splatting or gsplat or memory", *which], 300)


def waits(part: Part) -> None:
    for kind in ("nerf",) if part.pretend else ("nerf", "gaussians", "sdf"):
        steps = ["1", "1", *TINY] if part.pretend else ["40", "4"]
        part.run(kind, [__file__, "--waits", *steps, part.device, f"scene.type={kind}"], 90)


def step(part: Part) -> None:
    few = ["--repeats", "1", "--warm-up", "1"] if part.pretend else ["--repeats", "20", "--warm-up", "60"]
    sizes = [16] if part.pretend else [64, 128, 256, 512]
    for size in sizes:
        own = [*TINY, part.device] if part.pretend else [part.device, f"data.width={size}", f"data.height={size}"]
        table = ["--backends"] if size in (16, 256) else []
        part.run(f"nerf {size}", ["scripts/bench_step.py", *few, *table, *own], 120)
        if not part.pretend:
            part.run(f"gaussians {size}", ["scripts/bench_step.py", *few, "scene.type=gaussians", *own], 90)


def teachers(part: Part) -> None:
    for model, own in {"sd21-base": []}.items() if part.pretend else TEACHERS.items():
        folder = part.out / "teachers" / model
        made = part.run(f"{model}: weights", ["scripts/make_sd_folder.py", model, str(folder),
                                              *(["--divide", "8", "--pictures", "64"] if part.pretend else [])], 200)
        if made["status"] == 0:
            toy = [*TINY, "--k", "1", "--repeats", "1"] if part.pretend else ["--repeats", "5"]
            part.run(model, ["scripts/bench_teacher.py", *toy, part.device, "data.batch_size=1", "prompt=a chair",
                             "teacher.type=diffusers", f"teacher.path={folder}", *([] if part.pretend else own)], 200)
        remove(folder)


def remove(folder: Path) -> None:
    """Weights of gigabytes, which no one wants back."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def main_job(part: Part) -> None:
    own = [*TINY, "trainer.max_steps=2", "export.video=false"] if part.pretend else []
    runs = part.out / "runs"
    for scene in ("nerf",) if part.pretend else ("nerf", "gaussians"):
        row = part.run(scene, ["-m", "carv3d", "train", "prompt=a red mushroom", part.device, f"scene.type={scene}",
                               f"exp_root_dir={runs}", "name=main", f"tag={scene}", *own], 240)
        for summary in sorted(runs.glob(f"main/{scene}@*/summary.json"))[-1:]:
            row["found"] = json.loads(summary.read_text(encoding="utf-8"))


def ranks(part: Part) -> None:
    import torch

    if torch.cuda.device_count() < 2 and not part.pretend:
        part.commands.append({"label": "two ranks", "status": 0, "skipped": f"{torch.cuda.device_count()} GPU here"})
        return
    own = [*TINY, "data.batch_size=2", "trainer.max_steps=2"] if part.pretend else ["trainer.max_steps=100"]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "carv3d", "train"]
    part.run("two ranks", [*launch, "prompt=a red mushroom", part.device, f"exp_root_dir={part.out / 'runs'}",
                           "name=ranks", "export.video=false", *own], 180)


def large(part: Part) -> None:
    own = ["data.size=16", "data.pictures=64", "data.autoencoder_pictures=64", "autoencoder.train.steps=2",
           "denoiser.train.steps=2", "autoencoder.train.batch=4", "denoiser.train.batch=4", "device=cpu",
           "autoencoder.channels=[8,8,8]", "denoiser.channels=[16,16,16]", "denoiser.text_width=16"
           ] if part.pretend else []
    part.run("large teacher", ["scripts/train_teacher.py", "--config", "configs/teacher/large.yaml", "--out",
                               str(part.out / "large"), *own], 36000)


PARTS: dict[str, tuple[Callable[[Part], None], float]] = {  # name -> what it does, and its seconds at most
    "environment": (environment, 300), "tests": (tests, 300), "waits": (waits, 150), "main": (main_job, 300),
    "step": (step, 420), "teachers": (teachers, 480), "ranks": (ranks, 180), "large": (large, 36000)}


def show_waits(warm_up: int, count: int, overrides: list[str]) -> None:
    """Print, as JSON, the lines of carv3d at which a settled step waits for the device, and how often a step."""
    import warnings

    import torch

    from carv3d import config as configuration
    from carv3d.text3d import build
    from carv3d.text3d.step import train_step

    config = configuration.load(None, ["prompt=a red mushroom", *overrides])
    trainer = build.trainer(config)
    trainer.teacher.prepare()
    for number in range(warm_up):
        train_step(trainer, number)
    places: dict[str, int] = {}
    package = f"{ROOT / 'carv3d'}/"

    def note(message, category, filename, lineno, *rest) -> None:
        frames = [f for f in traceback.extract_stack() if f.filename.startswith(package)]
        last = frames[-1] if frames else traceback.FrameSummary(filename, lineno, "")
        where = f"{last.filename.removeprefix(package)}:{last.lineno} {last.line}"
        places[where] = places.get(where, 0) + 1

    warnings.simplefilter("always")
    warnings.showwarning = note
    if trainer.device.type == "cuda":
        torch.cuda.set_sync_debug_mode("warn")
    for number in range(warm_up, warm_up + count):
        train_step(trainer, number)
    if trainer.device.type == "cuda":
        torch.cuda.set_sync_debug_mode("default")
    print(json.dumps({"steps": count, "waits": places, "per_step": sum(places.values()) / count}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("outputs/on_gpu"))
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=None, metavar="NAME")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--pretend", action="store_true")
    args = parser.parse_args()
    import torch

    from carv3d.runs.environment import environment as where
    from carv3d.runtime.files import write_text

    if not args.pretend and not torch.cuda.is_available():
        print("on_gpu.py: this PyTorch sees no CUDA device; allowed without one: --pretend", file=sys.stderr)
        return 2
    out = args.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    ends = time.monotonic() + 60 * args.minutes
    chosen = args.parts or [name for name in PARTS if args.pretend or name != "large"]
    done = {}
    for name in chosen:
        path = out / f"{name}.json"
        if path.exists() and not args.again and (was := json.loads(path.read_text(encoding="utf-8")))["ok"]:
            done[name] = was
            continue
        print(name, flush=True)
        work, limit = PARTS[name]
        part = Part(out, args.pretend, min(ends, time.monotonic() + limit))
        began, error = time.monotonic(), None
        try:
            work(part)
        except Exception as raised:  # the parts that follow are wanted all the same
            error = f"{type(raised).__name__}: {raised}"
        ok = error is None and bool(part.commands) and all(row["status"] == 0 for row in part.commands)
        done[name] = {"part": name, "ok": ok, "seconds": round(time.monotonic() - began, 1), "pretend": args.pretend,
                      **({"error": error} if error else {}), "commands": part.commands,
                      "environment": where("cpu" if args.pretend else "cuda", "")}
        write_text(path, json.dumps(done[name], indent=1) + "\n")
    for name, found in done.items():
        print(f"{name:14s}{'done' if found['ok'] else 'FAILED'}  {found['seconds']} s")
    print("every part done" if all(found["ok"] for found in done.values()) else "not every part is done")
    return 0 if all(found["ok"] for found in done.values()) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--waits"]:
        show_waits(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
    else:
        sys.exit(main())
