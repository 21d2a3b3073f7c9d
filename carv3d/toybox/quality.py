"""How good a result on a toybox prompt is, against the traced truth.

Sixteen fixed views at 64x64 on mid-grey, under the fixed light or, for scenes whose colour is albedo, unlit: PSNR, mask
IoU, and retrieval, which plays the role that CLIP R-Precision plays for real teachers: is the result nearer to the
truth of its own prompt than to the truth of each of 200 fixed distractors?
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import zipfile
import zlib
from functools import lru_cache
from importlib.resources import files
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from carv3d.cameras import Cameras, RenderOut, orbit
from carv3d.lights import AMBIENT, Light, fixed
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import cache_folder, make_folder, write_bytes
from carv3d.toybox.grammar import Spec, caption, parse, singles, stacks
from carv3d.toybox.lists import distractors
from carv3d.toybox.shapes import build
from carv3d.toybox.tracer import render, render_layers

VIEWS, SIZE = 16, 64
BACKGROUND = 0.5

_CELL = 2  # retrieval compares means over cells of 2x2 pixels
_ELEVATIONS_DEG = (5.0, 30.0, -5.0, 35.0, 15.0, 25.0, 0.0, 20.0)
_SOURCES = ("lights.py", *(f"toybox/{name}.py" for name in ("grammar", "models", "shapes", "tracer", "quality")))


def evaluation_cameras() -> Cameras:
    """The 16 fixed views: azimuths over the whole circle, elevations from -5 to 35 degrees, distance 2.65, fovy 40."""
    azimuth = torch.arange(VIEWS) * (360.0 / VIEWS)
    return orbit(azimuth, list(_ELEVATIONS_DEG) * (VIEWS // len(_ELEVATIONS_DEG)), 2.65, 40.0, SIZE, SIZE)


def truth(spec: Spec, unlit: bool = False) -> tuple[Tensor, Tensor]:
    """What the evaluation views show: rgb [16,64,64,3] float32 on mid-grey, mask [16,64,64] bool."""
    rgba = render(spec, evaluation_cameras(), _light(VIEWS, unlit)).rgba
    return rgba[..., :3] + BACKGROUND * (1.0 - rgba[..., 3:]), rgba[..., 3] > 0.5


def _light(count: int, unlit: bool) -> Light:
    return fixed(count, 1.0 if unlit else AMBIENT)


def views(prompt: str, cameras: Cameras, background: float, unlit: bool = False) -> RenderOut:
    """What a prompt means, seen from any cameras on a grey level in [0,1], under the fixed light or unlit."""
    rgba, depth = render(parse(prompt), cameras, _light(len(cameras), unlit))
    opacity = rgba[..., 3:]
    return RenderOut(rgba[..., :3] + background * (1.0 - opacity), opacity, depth[..., None])


def score(prompt: str, rgb: Tensor, opacity: Tensor, unlit: bool = False) -> dict[str, float | int | bool | str]:
    """Scores images from ``evaluation_cameras`` in order.

    rgb: [16,64,64,3] in [0,1] on mid-grey. opacity: [16,64,64]. unlit: they show
    albedo, and so do the truths they are compared with. Returns psnr (dB, at most 100), mask_iou (of
    opacity > 0.5, mean over the views), retrieval_top1, retrieval_rank (1: strictly nearer to the right truth than to
    every distractor, so a tie is wrong; non-finite images rank last) and nearest_prompt.
    Raises UserError for a prompt outside the grammar, ValueError for wrong shapes.
    """
    if rgb.shape != (VIEWS, SIZE, SIZE, 3) or opacity.shape != (VIEWS, SIZE, SIZE):
        raise ValueError(f"expected 16 views of 64x64, got rgb {tuple(rgb.shape)}, opacity {tuple(opacity.shape)}")
    spec = parse(prompt)
    rgb, opacity = rgb.detach().cpu().float(), opacity.detach().cpu()
    true_rgb, true_mask = truth(spec, unlit)
    error = (rgb - true_rgb).square().mean().item()
    mask = opacity > 0.5
    both, either = (mask & true_mask).sum((1, 2)), (mask | true_mask).sum((1, 2))
    distances = ((descriptors(spec, unlit) - _pooled(rgb)) ** 2).mean((1, 2, 3, 4))
    beaten = int((distances[0] < distances[1:]).sum())
    rank = len(distances) - beaten
    nearest = (spec, *distractors(spec))[int(distances.argmin())]
    return {
        "psnr": float(-10.0 * np.log10(max(error, 1e-10))),
        "mask_iou": (both / either.clamp(min=1)).mean().item(),
        "retrieval_top1": rank == 1,
        "retrieval_rank": rank,
        "nearest_prompt": caption(nearest),
    }


@lru_cache(maxsize=8)
def descriptors(spec: Spec, unlit: bool = False) -> Tensor:
    """Truth of the object and then of its distractors, means over cells of 2x2 pixels: [201,16,32,32,3] float32."""
    return torch.from_numpy(np.stack([_painted(each, unlit) for each in (spec, *distractors(spec))]))


def _painted(spec: Spec, unlit: bool) -> np.ndarray:
    layers = _all_layers(unlit)[_shape_name(spec)].astype(np.float32) / 255.0
    return layers[..., :-1] @ build(spec).palette.astype(np.float32) + BACKGROUND * (1.0 - layers[..., -1:])


@lru_cache(maxsize=2)
def _all_layers(unlit: bool) -> dict[str, np.ndarray]:
    """Layers of every kind and stacked pair of kinds, as ``render_layers`` gives them: each [16,32,32,M+1] uint8.

    Kept as a file in the user's cache, under a name that hashes the code that draws them; a damaged file is made anew.
    """
    path = cache_folder("truth") / f"{_code_digest()}{'-unlit' if unlit else ''}.npz"
    shapes = {_shape_name(spec): spec for spec in chain(singles(), stacks())}
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        with np.load(path, allow_pickle=False) as kept:
            return {name: kept[name] for name in shapes}
    cameras = evaluation_cameras()
    layers = {
        name: (_pooled(render_layers(spec, cameras, 1.0 if unlit else AMBIENT)) * 255.0).round().to(torch.uint8).numpy()
        for name, spec in shapes.items()
    }
    with contextlib.suppress(UserError):  # without a cache the result is the same, only later
        _write(path, layers)
    return layers


def _shape_name(spec: Spec) -> str:
    return spec.kind if spec.under is None else f"{spec.kind} on {spec.under.kind}"


def _pooled(rgb: Tensor) -> Tensor:
    """Means over cells: [N,H,W,C] -> [N,H/2,W/2,C]."""
    n, h, w, c = rgb.shape
    return rgb.reshape(n, h // _CELL, _CELL, w // _CELL, _CELL, c).mean((2, 4))


@lru_cache(maxsize=1)
def _code_digest() -> str:
    """Changes whenever the code that draws the images does."""
    folder = files("carv3d")
    return hashlib.sha256(b"".join(folder.joinpath(name).read_bytes() for name in _SOURCES)).hexdigest()[:32]


def _write(path: Path, layers: dict[str, np.ndarray]) -> None:
    content = io.BytesIO()
    np.savez_compressed(content, **layers)  # type: ignore[arg-type]
    make_folder(path.parent, "XDG_CACHE_HOME")
    write_bytes(path, content.getbuffer())
