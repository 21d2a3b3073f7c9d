"""How fast the Gaussians are drawn and pulled back on this machine: the compiled form beside the reference, as JSON.

usage: python scripts/bench_rasteriser.py [--cases 10000x256x1 4000x64x2 ...] [--repeats N] [--reference-repeats N]
           [--json FILE]

A case is Gaussians x side of the picture x views. The Gaussians are those that training starts from, a ball of random
points, sizes from the neighbours' distance, but of opacity 0.3. Forward and backward (to all parameters, under random
cotangents of colour, opacity and depth) by turns of the backends, medians and minima; device-synchronised.
``pairs`` are pixels times Gaussians whose alpha reaches 1/255; the reference looks at every pixel with every Gaussian.
``parts`` splits the compiled form, minima. On CUDA the compiled form is gsplat, without parts.
--reference-repeats 0 leaves the reference out. A table goes to stderr, JSON to stdout or --json FILE (or --out FILE).
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from benchmark import Parser, deliver, exit_status, table, whole, writable

from carv3d.cameras import Cameras, orbit
from carv3d.runs.environment import environment, peak_memory_mib
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import say
from carv3d.scenes import starts
from carv3d.scenes.kernels.backends import choose
from carv3d.scenes.kernels.splats.rasterise import rasterise
from carv3d.scenes.kernels.splats.rules import ALPHA_LEAST
from carv3d.scenes.splats import Splats

CASES = ("10000x256x1", "4000x64x2")
SPENT = ("forward", "backward")


def case(text: str) -> tuple[int, int, int]:
    """Gaussians, side in pixels, views."""
    try:
        numbers = [int(part) for part in text.split("x")]
    except ValueError:
        numbers = []
    if len(numbers) != 3 or min(numbers) < 1:
        raise UserError(f"--cases: '{text}' given; allowed: GAUSSIANSxSIDExVIEWS, such as {CASES[0]}")
    return tuple(numbers)


def world(count: int, size: int, views: int, device: torch.device) -> tuple[Splats, Cameras]:
    points, colours = starts.ball(count, 0.5, torch.Generator().manual_seed(0))
    splats = starts.surround(points, colours, opacity=0.3, size=1.0, degree=0)
    cameras = orbit(torch.arange(views) * (360 / views) + 20, 15.0, 2.65, 40.0, size, size)
    return Splats(*(tensor.to(device).requires_grad_() for tensor in splats.tensors().values())), cameras.to(device)


@torch.no_grad()
def count_pairs(splats: Splats, cameras: Cameras) -> int:
    """Pixels times Gaussians whose alpha reaches ALPHA_LEAST."""
    from carv3d.scenes.kernels.splats.reference import project

    shown = project(splats, cameras, True, splats.means.new_zeros(len(cameras), len(splats), 2))
    rows, columns = (torch.arange(side, device=splats.means.device) + 0.5 for side in (cameras.height, cameras.width))
    total = 0
    for b in range(len(cameras)):
        for part in shown.seen[b].nonzero()[:, 0].split(256):
            dx, dy = columns - shown.mean[b, part, :1], rows - shown.mean[b, part, 1:]
            xx, xy, yy = (value[:, None, None] for value in shown.conic[b, part].unbind(-1))
            dx, dy = dx[:, None], dy[:, :, None]
            sigma = 0.5 * (xx * dx * dx + yy * dy * dy) + xy * dx * dy
            total += int((shown.opacity[b, part, None, None] * (-sigma).exp() >= ALPHA_LEAST).sum())
    return total


def once(splats: Splats, cameras: Cameras, backend: str, cotangents: list[torch.Tensor]) -> dict[str, float]:
    """Milliseconds forward and backward."""
    wait: Callable[[], None] = torch.cuda.synchronize if splats.means.is_cuda else lambda: None
    wait()
    start = time.perf_counter()
    raster = rasterise(splats, cameras, backend=backend, antialias=True)
    wait()
    middle = time.perf_counter()
    torch.autograd.backward([raster.rgb, raster.opacity, raster.depth], cotangents)
    wait()
    return {"forward": 1e3 * (middle - start), "backward": 1e3 * (time.perf_counter() - middle)}


def parts(splats: Splats, cameras: Cameras, cotangents: list[torch.Tensor], repeats: int) -> dict[str, float]:
    """Milliseconds of each part of the compiled form, minima over repeats."""
    from carv3d.scenes.kernels.splats import compiled

    arrays = [tensor.detach().numpy() for tensor in splats.tensors().values()]
    given, size = [tensor.numpy() for tensor in cotangents], (cameras.width, cameras.height)
    spent: dict[str, list[float]] = {}

    def timed(name: str, run: Callable, *args: object):
        start = time.perf_counter()
        out = run(*args)
        spent.setdefault(name, []).append(1e3 * (time.perf_counter() - start))
        return out

    for _ in range(repeats):
        camera = timed("cameras", compiled.camera_rows, cameras)
        rows, radii = timed("project", compiled.projected, arrays, camera, *size, True)
        lists = timed("sort_and_list", compiled.listed, rows, radii, *size)
        _, left = timed("blend", compiled.blended, lists, camera, *size)
        entries = timed("blend_back", compiled.blended_back, lists, camera, given, [tensor.numpy() for tensor in left])
        sums = timed("gather", compiled.gathered, lists, entries)
        timed("project_back", compiled.projected_back, arrays, camera, *size, True, lists, sums, True)
    return {f"{name}_ms": round(min(values), 3) for name, values in spent.items()} | {"entries": len(lists.ranks)}


def measure(shape: tuple[int, int, int], device: torch.device, fast: str, repeats: int, slow_repeats: int) -> dict:
    splats, cameras = world(*shape, device)
    generator = torch.Generator().manual_seed(1)
    cotangents = [torch.randn(shape[2], shape[1], shape[1], channels, generator=generator).to(device)
                  for channels in (3, 1, 1)]
    pairs = count_pairs(splats, cameras)
    out: dict = {"gaussians": shape[0], "size": shape[1], "views": shape[2], "pairs": pairs}
    wanted = {fast: repeats} | ({"torch": slow_repeats} if slow_repeats else {})
    once(splats, cameras, fast, cotangents)
    found: dict[str, list[dict[str, float]]] = {backend: [] for backend in wanted}
    for turn in range(max(wanted.values())):
        for backend, times in wanted.items():
            if turn < times:
                found[backend].append(once(splats, cameras, backend, cotangents))
    for backend, times in found.items():
        out[backend] = {}
        for name in SPENT:
            values = [one[name] for one in times]
            out[backend] |= {f"{name}_ms": round(statistics.median(values), 3), f"{name}_min_ms": round(min(values), 3),
                             f"{name}_pairs_per_s": round(1e3 * pairs / min(values))}
    if slow_repeats and fast != "torch":
        out["speedup"] = {name: round(out["torch"][f"{name}_ms"] / out[fast][f"{name}_ms"], 1) for name in SPENT}
    if fast == "numba":
        out["parts"] = parts(splats, cameras, cotangents, repeats)
    return out


def show(found: dict) -> None:
    say(f"{found['gaussians']} Gaussians, {found['views']} x {found['size']}^2 pixels, {found['pairs']} pairs")
    backends = [name for name in ("numba", "gsplat", "torch") if name in found]
    table(["backend", "forward ms", "backward ms"],
          [[name, *(found[name][f"{part}_ms"] for part in SPENT)] for name in backends])
    if "parts" in found:
        table(["part", "ms"], [[name[:-3], ms] for name, ms in found["parts"].items() if name.endswith("_ms")])


def main(argv: list[str] | None = None) -> int:
    def work() -> None:
        parser = Parser(__doc__, repeats=20)
        parser.add_argument("--cases", nargs="+", default=list(CASES), metavar="NxSxB")
        parser.add_argument("--reference-repeats", type=whole(0), default=1, metavar="N")
        parser.add_argument("--json", type=Path, metavar="FILE")
        args = parser.read(argv)
        if args.config or args.overrides:
            raise UserError("--config and key=value: this benchmark has no configuration; --help lists what is allowed")
        writable(args.json)
        cases = [case(text) for text in args.cases]
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        fast, why = choose("raster_backend", "auto", device, {"cpu": ("numba",), "cuda": ("gsplat",)})
        found = [measure(shape, device, fast, args.repeats, args.reference_repeats) for shape in cases]
        for one in found:
            show(one)
        deliver({"cases": found, "repeats": args.repeats, "reference_repeats": args.reference_repeats,
                 "peak_mem_mib": round(peak_memory_mib(), 1),
                 "environment": environment(str(device), f"rasteriser {fast} ({why})")}, args.json)

    return exit_status("bench_rasteriser.py", work)


if __name__ == "__main__":
    sys.exit(main())
