"""A teacher of several views together, made of one of one view: the same network, and a small one that finds out from
all views of an object which way it faces (``carv3d.diffusion.pose``).

First the small one learns, as a classifier: the azimuths of the pictures are known. Then the network goes on from that
of one view, told what the small one says where it was told the camera's azimuth, which is as sharp as the views are
clear. What it learns to say is what the teacher of one view says of each picture when told where the camera stands: the
mean over what is not known is the same as of the noise that was added (both are regressions on what the joint one
sees), and has far less scatter. Autoencoder, tokenizer and text encoder are those of the teacher it is made of and stay
as they are.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from teacher_data import Data, picked
from teacher_loop import Optimiser, forget_paths, optimise
from torch import Tensor
from transformers import CLIPTokenizer

from carv3d.diffusion import loading, pose, view_vector
from carv3d.diffusion.folder import TOGETHER
from carv3d.diffusion.view_vector import AZIMUTH
from carv3d.runtime import rng
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import write_text
from carv3d.runtime.progress import say


@dataclass
class Finding:
    """How the small network learns. kinds: of which objects, by words of their captions; none: of all. low: timesteps
    are drawn as a power of a uniform share, above 1 towards clear pictures. unfinished: objects whose pictures are
    mixed with the mean of their four, as a scene is that has not made up its mind."""

    kinds: list[str] = field(default_factory=list)
    low: float = 1.0
    unfinished: float = 0.0
    without_view: float = 0.5  # of captions, as Data's
    train: Optimiser = field(default_factory=lambda: Optimiser(1500, 256, 2e-3))


@dataclass
class Joint:
    compile: bool = False  # by torch.compile
    pose: Finding = field(default_factory=Finding)
    train: Optimiser = field(default_factory=lambda: Optimiser(1000, 64))


class Told(torch.nn.Module):
    """A folder's UNet with its embedding of views."""

    def __init__(self, base: Path, device: torch.device):
        super().__init__()
        self.unet = loading.model(base, "unet", "", torch.float32).to(device).requires_grad_(True)
        view = view_vector.load(base, self.unet.time_embedding.linear_2.out_features)
        if view is None:
            raise UserError(f"base: {base} has no embedding of views; give a folder that train_teacher.py wrote")
        self.view = view.to(device).requires_grad_(True)
        self._shift = torch.zeros(())
        self.unet.time_embedding.register_forward_hook(lambda module, args, out: out + self._shift)

    def forward(self, noisy: Tensor, timestep: Tensor, states: Tensor, vector: Tensor) -> Tensor:
        """noisy [n,c,h,w] at timesteps [n], told vectors [n,32] -> v."""
        self._shift = self.view(vector)
        out: Tensor = self.unet(noisy, timestep, states, return_dict=False)[0]
        return out


class Asked(NamedTuple):
    """A batch as a teacher sees it: noisy latents [n,c,h,w] at timesteps [n], of which a share ``time`` is gone, states
    of the words [n,L,D], and vectors [n,32] of ``view_vector``."""

    noisy: Tensor
    timestep: Tensor
    time: Tensor
    states: Tensor
    vector: Tensor


class Batches:
    """What both networks learn from: timesteps in strata, one for what is looked at together."""

    def __init__(self, own: Data, base: Path, data: dict[str, Tensor], seed: int, device: torch.device):
        self.own, self.seed, self.device, self.base = own, seed, device, base
        self.text = loading.model(base, "text_encoder", "", torch.float32).to(device).eval()
        self.abar = loading.scheduler(base).alphas_cumprod.to(device)
        self.data = {key: value.to(device) for key, value in data.items()}

    def of_kinds(self, kinds: Sequence[str]) -> None:
        """Of objects alone whose captions have one of these words."""
        tokenizer = CLIPTokenizer.from_pretrained(self.base / "tokenizer")
        words = torch.tensor([tokenizer(kind)["input_ids"][1] for kind in kinds], device=self.device)
        chosen = torch.isin(self.data["plain"], words).any(1)
        if not chosen.any():
            raise UserError(f"joint.pose.kinds: [{', '.join(kinds)}] given, of which data.pictures: {len(chosen)} has "
                            "none; give more of either")
        self.data |= {key: self.data[key][chosen] for key in ("latents", "viewed", "plain", "vectors")}

    def of(self, stage: str, step: int, n: int, low: float = 1.0, unfinished: float = 0.0) -> Asked:
        generator, v, steps = rng.generator(self.seed, stage, step, self.device), self.own.together, len(self.abar)
        rand = partial(torch.rand, generator=generator, device=self.device)
        x, ids, vector = picked(self.own, self.data, n, generator)
        mean = x.unflatten(0, (-1, v)).mean(1).repeat_interleave(v, 0)
        share = torch.where(rand(n // v) < unfinished, rand(n // v), 1.0).repeat_interleave(v)
        x = torch.lerp(mean, x, share.view(-1, 1, 1, 1))
        u = (torch.randperm(n // v, generator=generator, device=self.device) + rand(n // v)) / (n // v)
        t = (u**low * steps).long().clamp(max=steps - 1).repeat_interleave(v)
        signal, sigma = self.abar[t].sqrt().view(-1, 1, 1, 1), (1.0 - self.abar[t]).sqrt().view(-1, 1, 1, 1)
        noisy = signal * x + sigma * torch.randn(x.shape, generator=generator, device=self.device)
        with torch.no_grad():
            states = self.text(input_ids=ids).last_hidden_state
        return Asked(noisy, t, t / steps, states, vector)


def train(own: Joint, data_settings: Data, seed: int, folder: Path, base: Path, data: dict[str, Tensor],
          device: torch.device, stop: int | None = None) -> tuple[Told, pose.Pose]:
    """As the teacher of one view learned (v-prediction), from what that one says. stop: of all steps, of both."""
    batches, v = Batches(data_settings, base, data, seed, device), data_settings.together
    finder = train_pose(own, data_settings, seed, folder.with_name("pose"), base, data, device, stop)
    torch.manual_seed(seed)
    model, single = (Told(base, device) for _ in range(2))
    if stop is not None and (stop := stop - own.pose.train.steps) <= 0:
        return model, finder
    single.requires_grad_(False).eval()
    forward, says = (torch.compile(each) if own.compile else each for each in (model, single))

    def loss_of(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        noisy, t, time, states, vector = batches.of("denoiser", step, own.train.batch)
        with torch.no_grad():
            target = says(noisy, t, states, vector).float()
            told = finder.completed(noisy, time, states, view_vector.of_first(vector, v), v)
        return (forward(noisy, t, states, told).float() - target).square().mean(), {}

    model.load_state_dict(optimise("denoiser", folder, own.train, model, device, loss_of, stop))
    return model, finder


def train_pose(own: Joint, data_settings: Data, seed: int, folder: Path, base: Path, data: dict[str, Tensor],
               device: torch.device, stop: int | None = None) -> pose.Pose:
    """By the likelihoods of the azimuths: of each view from itself, and of the first of an object from all."""
    torch.manual_seed(seed)
    finding, v = own.pose, data_settings.together
    batches = Batches(replace(data_settings, without_view=finding.without_view), base, data, seed, device)
    if finding.kinds:
        batches.of_kinds(finding.kinds)
    model = pose.Pose(data["latents"].shape[1:], batches.text.config.hidden_size).to(device)
    forward = torch.compile(model) if own.compile else model

    def loss_of(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        noisy, _, time, states, vector = batches.of("pose", step, finding.train.batch, finding.low, finding.unfinished)
        azimuth = torch.atan2(vector[:, AZIMUTH][:, 1], vector[:, AZIMUTH][:, 0])
        series = forward(noisy, time, states, view_vector.of_first(vector, v)).float()
        alone = F.cross_entropy(model.posterior(series, torch.zeros_like(azimuth), 1), pose.nearest(azimuth))
        first = azimuth[::v]
        joint = F.cross_entropy(model.posterior(series, azimuth - first.repeat_interleave(v), v), pose.nearest(first))
        return alone + joint, {"alone": alone.detach(), "joint": joint.detach()}

    model.load_state_dict(optimise("pose", folder, finding.train, model, device, loss_of, stop))
    return model.eval().requires_grad_(False)


def export(out: Path, base: Path, trained: tuple[Told, pose.Pose], together: int) -> None:
    """The folder: the teacher's that it was made of, with its own networks, fp16 safetensors."""
    model, finder = trained
    shutil.copytree(base, out, ignore=shutil.ignore_patterns("README.md", "unet", "view"), dirs_exist_ok=True)
    model.unet.half().save_pretrained(out / "unet", safe_serialization=True)
    model.view.save(out)
    finder.save(out)
    forget_paths(out)
    index = json.loads((out / "model_index.json").read_text(encoding="utf-8"))
    write_text(out / "model_index.json", json.dumps({**index, TOGETHER: together}, indent=2) + "\n")
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    say(f"saved {out}: {size / 1e6:.1f} MB")
