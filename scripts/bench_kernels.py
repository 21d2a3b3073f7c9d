"""Milliseconds of the NeRF's parts on this machine, as JSON: a training step in fog and settled, a frame of video.

The settled scene is a fit to an analytic ball whose colour is its normal. Minima and medians over repeats.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time

import torch
from torch import Tensor

from carv3d.cameras import Cameras, orbit, sample_cameras, turntable
from carv3d.config.scenes import NerfConfig
from carv3d.scenes.nerf import NeRF


def ball(cameras: Cameras, background: Tensor, radius: float) -> Tensor:
    """A ball at the origin coloured by its normal, [B,H,W,3]."""
    origins, directions = cameras.rays()
    along = (origins * directions).sum(-1, keepdim=True)
    root = along**2 - (origins**2).sum(-1, keepdim=True) + radius**2
    normal = (origins + (-along - root.clamp_min(0).sqrt()) * directions) / radius
    return torch.where(root > 0, normal * 0.5 + 0.5, background[:, None, None])


def fit(scene: NeRF, steps: int, size: int, radius: float, seed: int) -> list[float]:
    """Adam on random views of the ball over random backgrounds; returns the squared error of each step."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(scene.parameter_groups({"encoding": 0.02, "mlp": 0.005}), betas=(0.9, 0.99), eps=1e-15)
    errors = []
    for step in range(steps):
        scene.update(step, generator)
        cameras = sample_cameras(2, size, size, (-10, 60), (2.6, 3.0), (38, 42), generator)
        background = torch.rand(2, 3, generator=generator)
        error = (scene.render(cameras, background, generator).rgb - ball(cameras, background, radius)).square().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    return errors


def train_step_ms(scene: NeRF, size: int, repeats: int) -> dict[str, float]:
    """Forward and backward of two views of size x size."""
    generator = torch.Generator().manual_seed(1)
    cameras = orbit([20.0, 200.0], 15.0, 2.8, 40.0, size, size)
    background, cotangent = torch.rand(2, 3, generator=generator), torch.randn(2, size, size, 3, generator=generator)
    forward, backward, stats = [], [], {}
    for _ in range(repeats):
        start = time.perf_counter()
        out = scene.render(cameras, background, generator)
        middle = time.perf_counter()
        (out.rgb * cotangent).sum().backward()
        end = time.perf_counter()
        forward.append((middle - start) * 1e3)
        backward.append((end - middle) * 1e3)
        stats = out.stats
    total = [f + b for f, b in zip(forward, backward, strict=True)]
    return {
        "forward_min": min(forward), "backward_min": min(backward), "total_min": min(total),
        "total_median": statistics.median(total), "covered": out.opacity.gt(0.5).float().mean().item(), **stats,
    }


def video_ms(scene: NeRF, size: int, repeats: int) -> dict[str, float]:
    """One frame of a turntable without gradients."""
    frames = []
    with torch.no_grad():
        for index in range(repeats):
            start = time.perf_counter()
            scene.render(turntable(120, 15.0, 2.8, 40.0, size)[index:index + 1], torch.ones(1, 3))
            frames.append((time.perf_counter() - start) * 1e3)
    return {"frame_min": min(frames), "frame_median": statistics.median(frames)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--steps", type=int, default=200, help="steps of the fit that makes the settled scene")
    arguments = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    scene = NeRF(NerfConfig(), generator=generator)
    result: dict[str, object] = {"backends": scene.backends, "threads": torch.get_num_threads()}
    start = time.perf_counter()
    scene.update(0, generator)
    result["occupancy_update"] = (time.perf_counter() - start) * 1e3
    for size in (32, 64):
        result[f"fog_{size}"] = train_step_ms(scene, size, arguments.repeats)
    start = time.perf_counter()
    errors = fit(scene, arguments.steps, 64, 0.6, seed=0)
    result["fit_seconds"] = time.perf_counter() - start
    result["fit_last_mse"] = statistics.mean(errors[-10:])
    for size in (32, 64):
        result[f"settled_{size}"] = train_step_ms(scene, size, arguments.repeats)
    for size in (256, 512):
        result[f"video_{size}"] = video_ms(scene, size, arguments.repeats)
    result["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rounded = {k: {a: round(b, 3) for a, b in v.items()} if isinstance(v, dict) else v for k, v in result.items()}
    print(json.dumps(rounded, indent=1))


if __name__ == "__main__":
    main()
