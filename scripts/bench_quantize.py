"""What fewer bits of a teacher's weights change: error of the gradient of SDS, bytes, time of a call. Markdown.

usage: python scripts/bench_quantize.py [--variants V ...] [--draws 64] [--rows 8] [key=value ...]

Each variant is a precision and a format, as in bfloat16,int8; key=value name the teacher and the prompt. The first
variant, float32,none, is what the others are measured against: the same images, noises and timesteps. The error is the
length of the difference of two gradients over the length of the first one, of each draw by itself and of their mean.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from carv3d import config as configuration
from carv3d import teachers
from carv3d.cameras import orbit
from carv3d.diffusion.diffusers_teacher import DiffusersTeacher
from carv3d.objectives.sds import sds
from carv3d.runtime.progress import result

VARIANTS = ["float32,none", "bfloat16,none", "float32,int8", "bfloat16,int8", "float32,nf4", "bfloat16,nf4"]


def gradients(variant: str, overrides: list[str], draws: int, rows: int) -> tuple[Tensor, int, float]:
    """Of each draw [draws,...], on one image; bytes of the denoiser; milliseconds of a call with so many draws."""
    dtype, how = variant.split(",")
    config = configuration.load(None, [*overrides, f"teacher.dtype={dtype}", f"teacher.quantize={how}", "data.views=4"])
    teachers.settle(config)
    made = teachers.teacher(config)
    assert isinstance(made, DiffusersTeacher)
    chance = torch.Generator().manual_seed(0)
    image = F.interpolate(torch.rand(1, 3, 8, 8, generator=chance), made.image_size, mode="bicubic").clamp(0, 1)
    with torch.no_grad():
        latents = made.encode(image.permute(0, 2, 3, 1).to(made.device))
    camera = orbit([0.0], 15.0, 2.65, 40.0, 64, 64).to(made.device)
    condition = made.condition(camera, torch.ones(1, 3, device=made.device))
    count = made.schedule.timesteps
    timestep = torch.linspace(0.02 * count, 0.98 * count, draws).long().to(made.device)
    noise = torch.randn(draws, *latents.shape[1:], generator=chance).to(made.device)
    value = sds(made, condition, latents, made.schedule.weighting("sds"), float(config.objective.guidance_scale))
    view, found, times = torch.zeros(draws, dtype=torch.long, device=made.device), [], []
    for start in range(0, draws, rows):
        part = slice(start, start + rows)
        began = time.perf_counter()
        found.append(value(view[part], timestep[part], noise[part]).float().cpu())
        times.append(time.perf_counter() - began)
    return torch.cat(found), _bytes(made.denoiser), 1e3 * statistics.median(times[1:] or times)


def _bytes(network: torch.nn.Module) -> int:
    """Of the weights as they lie in memory, with the scales that belong to them."""
    total = 0
    for p in network.parameters():
        inner = [getattr(p, name) for name in getattr(p, "tensor_data_names", [])]
        state = getattr(p, "quant_state", None)
        inner = [*inner, *([p.data, state.absmax] if state is not None else [])]
        total += sum(each.numel() * each.element_size() for each in inner or [p])
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--variants", nargs="+", default=VARIANTS)
    parser.add_argument("--draws", type=int, default=64)
    parser.add_argument("--rows", type=int, default=8, help="draws in a call")
    given, overrides = parser.parse_known_args()
    first: Tensor | None = None
    result("| precision | weights | denoiser, MB | error of a draw, mean (most) | of the mean | ms a call |")
    result("|---" * 6 + "|")
    for variant in given.variants:
        found, size, ms = gradients(variant, overrides, given.draws, given.rows)
        first = found if first is None else first
        each = (found - first).flatten(1).norm(dim=1) / first.flatten(1).norm(dim=1)
        mean = (found.mean(0) - first.mean(0)).norm() / first.mean(0).norm()
        dtype, how = variant.split(",")
        result(f"| {dtype} | {how} | {size / 1e6:.2f} | {100 * each.mean():.2f} % ({100 * each.max():.2f} %) | "
               f"{100 * mean:.2f} % | {ms:.0f} |")


if __name__ == "__main__":
    main()
