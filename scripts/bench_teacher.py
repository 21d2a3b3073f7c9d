"""How fast the teacher answers: guided draws per second, what batching K of them brings, FLOP/s, encoding, memory.

usage: python scripts/bench_teacher.py [--config FILE] [--k 1 2 4 8 16] [--chunk 0 ...] [--repeats N]
           [--dtypes float32 bfloat16 ...] [--engines torch openvino ...] [--json FILE] [key=value ...]

The teacher is the configuration's: the bundled one, or any Stable-Diffusion-format folder through
teacher.type=stable-diffusion teacher.path=FOLDER. A draw is a guided evaluation: the conditional and the unconditional
prediction in one batch, as in training. K draws of each of B views are asked in one call (in calls of at most --chunk
draws a view) and, right before or after it by turns, in K calls. ``batching_gain`` is the ratio of the two medians; how
far it is from 1 at K = 1 shows what such a ratio is worth. All cells of a precision are measured round-robin, so that
drift of the machine cancels. Medians, device-synchronised. --engines: what answers on a CPU, one after the other; FLOPs
are counted on torch's modules.

FLOPs (a multiplication and an addition are two) are counted on a forward of each shape; the peak beside them is the
best of many products of large square matrices of the same precision, between the rounds. On CUDA convolutions in
float32 may use TF32 where the products do not. Memory: on CUDA the most allocated during a cell; on a CPU the largest
resident size of the process so far, which never falls. A readable table goes to stderr, JSON to stdout or --json FILE.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark import (
    Parser,
    deliver,
    exit_status,
    loaded,
    milliseconds,
    settled,
    synchroniser,
    table,
    whole,
    writable,
)

from carv3d import teachers
from carv3d.cameras import turntable
from carv3d.config.schema import Config
from carv3d.runs.environment import environment, peak_memory_mib
from carv3d.runtime import devices
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import say
from carv3d.runtime.threads import share_cores

if TYPE_CHECKING:
    import torch

    from carv3d.diffusion.stable_diffusion import StableDiffusionTeacher

GUIDED = ("uncond", "cond")
MATMUL = {"cpu": 2048, "cuda": 8192}  # side of the matrices that stand for the peak
PRODUCTS = 3  # of them per round


@dataclass
class Ask:
    """One call of the teacher, and its FLOPs."""

    run: Callable[[], None]
    flops: int


@dataclass
class Cell:
    """K draws of each of B views, in ``parts``, calls of ``sizes`` draws a view; ``times``: (together, one by one)."""

    batch_size: int
    k: int
    chunk: int
    sizes: list[int]
    parts: list[Ask]
    single: Ask
    peak_mib: float = 0.0
    times: list[tuple[float, float]] = field(default_factory=list)

    def together(self) -> None:
        for part in self.parts:
            part.run()

    def one_by_one(self) -> None:
        for _ in range(self.k):
            self.single.run()


@dataclass
class Encode:
    """B pictures through the encoder and back."""

    batch_size: int
    run: Callable[[], None]
    times: list[float] = field(default_factory=list)


def count_flops(forward: Callable[[], None]) -> int:
    """Of products and convolutions, without torch.compile, whose kernels the counter does not see. It does not know the
    CPU's fused attention either, so it is told."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

    def attention(query, key, value, *rest, out_shape=None, **options) -> int:
        return sdpa_flop_count(query, key, value)

    fused = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention}
    with torch.compiler.set_stance("force_eager"), FlopCounterMode(display=False, custom_mapping=fused) as counter:
        forward()
    return counter.get_total_flops()


def asker(teacher: StableDiffusionTeacher, views: int) -> Callable[[int], Ask]:
    """draws -> one call about that many draws of each of ``views`` views; each shape is counted once."""
    import torch

    device = teacher.device
    cameras = turntable(views, 15.0, 2.65, 40.0, 64).to(device)
    condition = teacher.condition(cameras, torch.rand(views, 3, device=device))

    @cache
    def ask(draws: int) -> Ask:
        view = torch.arange(views, device=device).repeat_interleave(draws)
        timestep = torch.randint(teacher.schedule.timesteps, (len(view),), device=device)
        noisy = torch.randn(len(view), *teacher.latent_shape, device=device)

        @torch.no_grad()
        def run() -> None:
            teacher.predict(noisy, timestep, condition, view, GUIDED)

        return Ask(run, count_flops(run))

    return ask


def encoder(teacher: StableDiffusionTeacher, config: Config, views: int) -> Encode:
    """Pictures of the size of the last step."""
    import torch

    size = round(config.data.height.at(0)), round(config.data.width.at(0))
    pictures = torch.rand(views, *size, 3, device=teacher.device, requires_grad=True)
    cotangent = torch.randn(views, *teacher.latent_shape, device=teacher.device)

    def run() -> None:
        torch.autograd.grad(teacher.encode(pictures), pictures, cotangent)

    return Encode(views, run)


def product(device: torch.device, dtype: torch.dtype) -> tuple[Callable[[], None], int]:
    """A product of two large matrices, and its FLOPs."""
    import torch

    side = MATMUL[device.type]
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(a)
    return lambda: torch.mm(a, b, out=out), 2 * side**3


def cells_of(teacher: StableDiffusionTeacher, views: list[int], ks: list[int], chunks: list[int]) -> list[Cell]:
    """Every batch size, K and chunk; a chunk of K or more is the same as none."""
    import torch

    cells = []
    for batch_size in views:
        ask = asker(teacher, batch_size)
        for k in ks:
            for chunk in dict.fromkeys(0 if chunk >= k else chunk for chunk in chunks):
                most = chunk or k
                sizes = [min(most, k - done) for done in range(0, k, most)]
                try:
                    cells.append(Cell(batch_size, k, chunk, sizes, [ask(size) for size in sizes], ask(1)))
                except torch.OutOfMemoryError:
                    raise UserError(f"--k {k}: {batch_size} x {min(most, k)} draws in one call do not fit the device's "
                                    "memory; give a smaller --k, or a --chunk") from None
    return cells


def measure(config: Config, ks: list[int], chunks: list[int], repeats: int) -> dict:
    """One precision of the teacher."""
    import torch

    teacher = teachers.teacher(config)
    device, dtype = teacher.device, teacher.denoiser.dtype
    say(teacher.description)
    sync = synchroniser(device)
    views = sorted({1, config.data.batch_size})
    cells = cells_of(teacher, views, ks, chunks)  # FLOPs are counted on torch's modules
    if config.teacher.engine not in ("auto", "torch"):
        from carv3d.diffusion.engines import choice

        counts = {size * teacher.evaluations(GUIDED) * cell.batch_size for cell in cells for size in (1, *cell.sizes)}
        teacher.engine = choice.made(config.teacher.engine, teacher, *counts)
    encodes = [encoder(teacher, config, batch_size) for batch_size in views]
    multiply, multiply_flops = product(device, dtype)
    for cell in cells:  # warm, and alone: its memory
        cell.single.run()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        cell.together()
        cell.peak_mib = peak_mib(device)
    for work in (multiply, *(encode.run for encode in encodes)):
        work()
    products: list[float] = []
    for turn in range(repeats):
        for cell in cells:
            works = (cell.together, cell.one_by_one)
            if turn % 2:
                second, first = (milliseconds(work, sync) for work in reversed(works))
            else:
                first, second = (milliseconds(work, sync) for work in works)
            cell.times.append((first, second))
        for encode in encodes:
            encode.times.append(milliseconds(encode.run, sync))
        products += [milliseconds(multiply, sync) for _ in range(PRODUCTS)]
    peak = multiply_flops / (1e-3 * min(products))
    return {
        "dtype": str(dtype).removeprefix("torch."), "engine": config.teacher.engine if teacher.engine else "torch",
        "encoder_dtype": str(teacher.encode_dtype).removeprefix("torch."),
        "description": teacher.description, "rows_per_draw": teacher.evaluations(GUIDED),
        "matmul": {"side": MATMUL[device.type], "flops_per_s": peak},
        "draws": [summary(cell, teacher.evaluations(GUIDED), peak) for cell in cells],
        "encode": [{"batch_size": encode.batch_size, "ms": round(statistics.median(encode.times), 3),
                    "ms_per_picture": round(statistics.median(encode.times) / encode.batch_size, 3)}
                   for encode in encodes],
    }


def peak_mib(device: torch.device) -> float:
    import torch

    return torch.cuda.max_memory_allocated() / 2**20 if device.type == "cuda" else peak_memory_mib()


def summary(cell: Cell, rows_per_draw: int, peak: float) -> dict:
    draws = cell.batch_size * cell.k
    together, one_by_one = (statistics.median(times) for times in zip(*cell.times))
    flops = sum(part.flops for part in cell.parts)
    return {"batch_size": cell.batch_size, "k": cell.k, "chunk": cell.chunk, "calls": len(cell.parts),
            "rows": draws * rows_per_draw, "ms": round(together, 3), "ms_per_draw": round(together / draws, 4),
            "draws_per_s": round(1e3 * draws / together, 2), "one_by_one_ms": round(one_by_one, 3),
            "batching_gain": round(one_by_one / together, 3),
            "flops": flops, "flops_per_s": flops / (1e-3 * together),
            "matmul_share": round(flops / (1e-3 * together) / peak, 4), "peak_mib": round(cell.peak_mib, 1)}


def show(found: dict) -> None:
    say(f"{found['dtype']}, {found['engine']}: torch's matrix products {found['matmul']['flops_per_s'] / 1e9:.4g} "
        "GFLOP/s at best")
    table(("B", "K", "chunk", "rows", "ms", "ms/draw", "draws/s", "one by one ms", "gain", "GFLOP/s", "of matmul",
           "peak MiB"),
          [(one["batch_size"], one["k"], one["chunk"] or "-", one["rows"], one["ms"], one["ms_per_draw"],
            one["draws_per_s"], one["one_by_one_ms"], f"{one['batching_gain']:.2f}", one["flops_per_s"] / 1e9,
            f"{one['matmul_share']:.1%}", round(one["peak_mib"])) for one in found["draws"]])
    for one in found["encode"]:
        say(f"encode and back, {found['encoder_dtype']}, B {one['batch_size']}: {one['ms']:.4g} ms")


def main(argv: list[str] | None = None) -> int:
    share_cores()
    def work() -> None:
        parser = Parser(__doc__, repeats=20)
        parser.add_argument("--k", type=whole(1), nargs="+", default=[1, 2, 4, 8, 16], metavar="K")
        parser.add_argument("--chunk", type=whole(0), nargs="+", default=[0], metavar="N",
                            help="most draws a view in one call; 0: all K")
        parser.add_argument("--dtypes", nargs="+", metavar="DTYPE", help="default: teacher.dtype")
        parser.add_argument("--engines", nargs="+", metavar="ENGINE", help="default: torch")
        parser.add_argument("--json", type=Path, metavar="FILE")
        args = parser.read(argv)
        writable(args.json)
        configs = [loaded(args, *dtype, *engine)
                   for dtype in ([[f"teacher.dtype={each}"] for each in args.dtypes or ()] or [[]])
                   for engine in ([[f"teacher.engine={each}"] for each in args.engines or ()] or [[]])]
        if configs[0].teacher.type == "exact":
            raise UserError("teacher.type: exact given, which is no network; allowed: bundled, diffusers")
        device = devices.device(configs[0].device)
        found = [measure(settled(config), args.k, args.chunk, args.repeats) for config in configs]
        for one in found:
            show(one)
        named = {" ".join((one["dtype"], *[one["engine"]] * bool(args.engines))): one for one in found}
        deliver({"teachers": named, "repeats": args.repeats,
                 "environment": environment(str(device), "no scene")}, args.json)

    return exit_status("bench_teacher.py", work)


if __name__ == "__main__":
    sys.exit(main())
