"""The training loop that the scripts share: AdamW with averaged weights, checkpoints, exact resume."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from carv3d.diffusion.loading import fastest_dtype
from carv3d.runs import checkpoint
from carv3d.runtime.files import write_text
from carv3d.runtime.progress import Progress


@dataclass
class Optimiser:
    steps: int = 0
    batch: int = 0
    lr: float = 1e-3
    muon: float = 0.0  # learning rate of a network's hidden matrices by Muon, in AdamW's units; 0: AdamW's for all
    warmup: int = 200
    cooldown: int = 1000  # last steps, in which the rate falls to zero
    clip: float = 1.0
    weight_decay: float = 0.01
    ema: float = 0.999
    checkpoint_every: int = 500
    precision: str = "auto"  # of products: float32, bfloat16, or auto, see ``precision``


def rate(own: Optimiser, step: int) -> float:
    """Share of the learning rate: linear warm-up, constant, linear fall to zero."""
    return min(1.0, (step + 1) / max(own.warmup, 1), (own.steps - step) / max(own.cooldown, 1))


def rules(own: Optimiser, model: torch.nn.Module, device: torch.device) -> list[torch.optim.Optimizer]:
    """AdamW, and Muon (K. Jordan 2024; scaled as in arXiv 2502.16982) for the matrices of a network's blocks if it has
    a rate."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    ours = {name for name, p in named if own.muon and "blocks" in name and p.ndim == 2}
    adam = torch.optim.AdamW([p for name, p in named if name not in ours], lr=own.lr, weight_decay=own.weight_decay,
                             betas=(0.9, 0.99), fused=device.type == "cuda")
    if not ours:
        return [adam]
    return [adam, torch.optim.Muon([p for name, p in named if name in ours], lr=own.muon,
                                   weight_decay=own.weight_decay, adjust_lr_fn="match_rms_adamw")]


def precision(device: torch.device, name: str = "auto") -> torch.autocast:
    """bfloat16 products or float32. auto: bfloat16 on a GPU and on a CPU that multiplies tiles of it; on some others
    they are faster too, on most many times slower."""
    fast = name == "bfloat16" or name == "auto" and (
        device.type == "cuda" or fastest_dtype(device) == torch.bfloat16)
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


def optimise(name: str, folder: Path, own: Optimiser, model: torch.nn.Module, device: torch.device,
             loss_of: Callable[[int], tuple[Tensor, dict[str, Tensor]]], stop: int | None = None) -> dict[str, Tensor]:
    """``rules`` on ``loss_of(step)`` from the newest checkpoint to ``own.steps``; returns the averaged weights (EMA).

    Appends a line to folder/loss.csv every 25 steps. stop: leave early, as an interruption would (for tests).
    """
    folder.mkdir(parents=True, exist_ok=True)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimisers = rules(own, model, device)
    average = {key: value.detach().clone() for key, value in model.state_dict().items()}
    first = 0
    if checkpoint.listing(folder / "ckpts"):
        state = checkpoint.load(checkpoint.newest(folder / "ckpts"), device)
        first = state["step"]
        model.load_state_dict(state["model"])
        average = state["average"]
        for each, kept in zip(optimisers, state["optimisers"], strict=True):
            each.load_state_dict(kept)
    recent: list[dict[str, Tensor]] = []
    last, began = own.steps if stop is None else min(stop, own.steps), time.perf_counter()
    with Progress(name, own.steps, first, every_s=30) as progress:
        for step in range(first, last):
            for each, lr in zip(optimisers, (own.lr, own.muon), strict=False):
                for group in each.param_groups:
                    group["lr"] = lr * rate(own, step)
            with precision(device, own.precision):
                loss, shown = loss_of(step)
            model.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, own.clip)
            for each in optimisers:
                each.step()
            decay = min(own.ema, (1 + step) / (10 + step))
            with torch.no_grad():
                weights = model.state_dict()
                torch._foreach_lerp_([average[k] for k in weights], list(weights.values()), 1.0 - decay)
            recent.append({"loss": loss.detach(), **shown})
            done = step + 1
            if done % 25 == 0 or done == last:
                mean = {key: torch.stack([row[key] for row in recent]).mean().item() for key in recent[0]}
                seconds = (time.perf_counter() - began) / len(recent)
                recent, began = [], time.perf_counter()
                log(folder / "loss.csv", {"step": done, **mean, "seconds": seconds})
                progress.to(done, **mean)
            if done % own.checkpoint_every == 0 or done == last:
                checkpoint.save(folder / "ckpts", done, {"model": model.state_dict(), "average": average,
                                                         "optimisers": [each.state_dict() for each in optimisers]},
                                keep=2)
    return average


def log(path: Path, row: dict[str, float]) -> None:
    """Append a row; rows of steps that a resumed run does again are dropped first."""
    rows = []
    if path.exists():
        with path.open(newline="") as file:
            rows = [old for old in csv.DictReader(file) if int(old["step"]) < row["step"]]
    rows.append({k: v if k == "step" else f"{v:.6g}" for k, v in row.items()})
    write_text(path, "\n".join([",".join(row), *(",".join(str(r[k]) for k in row) for r in rows)]) + "\n")


def forget_paths(folder: Path) -> None:
    """Of a folder of diffusers: where its parts were loaded from is nobody's concern."""
    for path in folder.glob("*/config.json"):
        known = json.loads(path.read_text(encoding="utf-8"))
        if known.pop("_name_or_path", None) is not None:
            write_text(path, json.dumps(known, indent=2) + "\n")


def save(path: Path, content: Any) -> None:
    temporary = path.with_name(f".{path.name}.part")
    torch.save(content, temporary)
    temporary.replace(path)
