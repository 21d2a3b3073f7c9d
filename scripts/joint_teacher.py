"""A teacher of several views together, made of one of one view: the same network, whose self-attention reaches over the
views of an object (``carv3d.diffusion.joint_views``), trained on.

What it learns to say is what the teacher of one view says of each picture when told where the camera stands, which the
joint one is told from the first of the pictures alone: the mean over what is not known is the same as of the noise that
was added (both are regressions on what the joint one sees), and has far less scatter. It is told so at places of the
vector that the teacher of one view does not use, and begins as that one with no camera told: which has learned to see
from a noisy picture, and from words, which way an object faces. Autoencoder, tokenizer and text encoder are those of
the teacher it is made of and stay as they are.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from teacher_data import Data, picked
from teacher_loop import Optimiser, forget_paths, optimise
from torch import Tensor

from carv3d.diffusion import joint_views, loading, view_vector
from carv3d.diffusion.folder import TOGETHER
from carv3d.runtime import rng
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import write_text
from carv3d.runtime.progress import say


@dataclass
class Joint:
    compile: bool = False  # by torch.compile
    train: Optimiser = field(default_factory=lambda: Optimiser(2000, 128))


class JointModel(torch.nn.Module):
    """A folder's UNet with its embedding of views, of so many views together, or of one."""

    def __init__(self, base: Path, together: int, device: torch.device):
        super().__init__()
        self.unet = loading.model(base, "unet", "", torch.float32).to(device).requires_grad_(True)
        if together > 1:
            joint_views.join(self.unet, together)
        view = view_vector.load(base, self.unet.time_embedding.linear_2.out_features)
        if view is None:
            raise UserError(f"base: {base} has no embedding of views; give a folder that train_teacher.py wrote")
        self.view = view.to(device).requires_grad_(True)
        if together > 1:  # where one view tells nothing, there is nothing learned either
            with torch.no_grad():
                self.view.linear_1.weight[:, view_vector.TURN] = 0.0
        self._shift = torch.zeros(())
        self.unet.time_embedding.register_forward_hook(lambda module, args, out: out + self._shift)

    def forward(self, noisy: Tensor, timestep: Tensor, states: Tensor, vector: Tensor) -> Tensor:
        """noisy [n,c,h,w] at timesteps [n], those of an object together -> v."""
        self._shift = self.view(vector)
        out: Tensor = self.unet(noisy, timestep, states, return_dict=False)[0]
        return out


def train(own: Joint, data_settings: Data, seed: int, folder: Path, base: Path, data: dict[str, Tensor],
          device: torch.device, stop: int | None = None) -> JointModel:
    """As the teacher of one view learned (v-prediction, timesteps in strata), from what that one says, with one
    timestep for what is looked at together."""
    torch.manual_seed(seed)
    model = JointModel(base, data_settings.together, device)
    single = JointModel(base, 1, device).requires_grad_(False).eval()
    text = loading.model(base, "text_encoder", "", torch.float32).to(device).eval()
    abar = loading.scheduler(base).alphas_cumprod.to(device)
    data = {key: value.to(device) for key, value in data.items()}
    steps, v, n = len(abar), data_settings.together, own.train.batch
    forward, says = (torch.compile(each) if own.compile else each for each in (model, single))

    def loss_of(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        generator = rng.generator(seed, "denoiser", step, device)
        rand = partial(torch.rand, generator=generator, device=device)
        x, ids, vector = picked(data_settings, data, n, generator)
        u = (torch.randperm(n // v, generator=generator, device=device) + rand(n // v)) / (n // v)
        t = (u * steps).long().clamp(max=steps - 1).repeat_interleave(v)
        noise = torch.randn(x.shape, generator=generator, device=device)
        signal, sigma = abar[t].sqrt().view(-1, 1, 1, 1), (1.0 - abar[t]).sqrt().view(-1, 1, 1, 1)
        noisy = signal * x + sigma * noise
        with torch.no_grad():
            states = text(input_ids=ids).last_hidden_state
            target = says(noisy, t, states, vector).float()
        out = forward(noisy, t, states, view_vector.of_first(vector, v)).float()
        return (out - target).square().mean(), {}

    average = optimise("denoiser", folder, own.train, model, device, loss_of, stop)
    model.load_state_dict(average)
    return model


def export(out: Path, base: Path, model: JointModel, together: int) -> None:
    """The folder: the teacher's that it was made of, with its own network, fp16 safetensors."""
    shutil.copytree(base, out, ignore=shutil.ignore_patterns("README.md", "unet", "view"), dirs_exist_ok=True)
    model.unet.half().save_pretrained(out / "unet", safe_serialization=True)
    model.view.save(out)
    forget_paths(out)
    index = json.loads((out / "model_index.json").read_text(encoding="utf-8"))
    write_text(out / "model_index.json", json.dumps({**index, TOGETHER: together}, indent=2) + "\n")
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    say(f"saved {out}: {size / 1e6:.1f} MB")
