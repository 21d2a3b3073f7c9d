"""Gradients of samples kept on disk, by model, samples and draws: asked for again, they cost nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from carv3d.attribution.functional import Functional, looked
from carv3d.attribution.gradients import Looked, Source
from carv3d.carv import Draws
from carv3d.runtime.files import convenient, write_bytes


class Cached(Source):
    """What ``inner`` gives, from ``folder`` where it lies there. A damaged entry is made anew; a disk that refuses
    costs a line and the entry, never the run."""

    def __init__(self, inner: Functional, folder: Path):
        self.inner, self.folder = inner, folder

    def __len__(self) -> int:
        return len(self.inner)

    def look(self, part: slice, draws: Draws) -> Looked:
        path = self.folder / f"{self._key(part, draws)}.safetensors"
        found = _read(path, (len(self.inner.samples[part]), draws.per_item))
        if found is None:
            found = self.inner.gradients(part, draws)
            with convenient(f"gradients kept in {self.folder}"):
                write_bytes(path, save({"direction": found[0], "length": found[1]}))
        return looked(*found, draws)

    def _key(self, part: slice, draws: Draws) -> str:
        total = hashlib.sha256(f"{self.inner.identity} {self.inner.samples[part].digest()}".encode())
        for each in (draws.timestep, draws.noise):
            total.update(each.contiguous().cpu().numpy().tobytes())
        return total.hexdigest()[:40]


def _read(path: Path, shape: tuple[int, int]) -> tuple[Tensor, Tensor] | None:
    try:
        entry = load_file(path)
        direction, length = entry["direction"], entry["length"]
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError):
        return None
    fits = direction.dtype == torch.float16 and direction.shape[:2] == length.shape == shape
    return (direction, length) if fits and length.isfinite().all() and direction.isfinite().all() else None
