"""LoRA layers (arXiv 2106.09685) in a teacher's own UNet: fresh ones, and a file's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from carv3d.diffusion.loading import Network, quiet
from carv3d.runtime.errors import UserError, of_the_machine
from carv3d.runtime.files import expanded, reason

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
CONVOLUTIONS = ("conv1", "conv2")
FILE = "pytorch_lora_weights.safetensors"  # as diffusers' scripts call it


def fresh_layers(unet: Network, rank: int, draws: torch.Generator, name: str, targets: Sequence[str] = ATTENTION
                 ) -> dict[str, nn.Parameter]:
    """Layers in every module whose name ends so, without effect until they are trained; their parameters, float32
    whatever the UNet's precision is, by their names in the UNet."""
    from peft import LoraConfig

    unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=list(targets)), adapter_name=name)
    named = layers(unet, name)
    for key, p in named.items():
        p.data = p.data.float()
        if "lora_A" in key:
            p.data.copy_(torch.randn(p.shape, generator=draws) / p[0].numel() ** 0.5)
    return named


class Switch:
    """Layers of LoRA that have an effect only where they are switched on: one network for two scores."""

    def __init__(self, unet: Network):
        from peft.tuners.tuners_utils import BaseTunerLayer

        self.modules = [module for module in unet.modules() if isinstance(module, BaseTunerLayer)]
        self._set(False)

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        self._set(True)
        try:
            yield
        finally:
            self._set(False)

    def _set(self, on: bool) -> None:
        for module in self.modules:  # peft's own switch would stop a gradient that is still to come back
            module._disable_adapters = not on


def layers(unet: Network, name: str) -> dict[str, nn.Parameter]:
    return {key: p for key, p in unet.named_parameters() if f".{name}." in key}


def located(given: str, option: str) -> Path:
    """The file of LoRA layers that a user gave, or the usual one in the folder given; UserError where it is not."""
    path = expanded(given, option)
    path = path / FILE if path.is_dir() else path
    if not path.is_file():
        raise UserError(f"{option}: {given} is not there; give a file of LoRA layers, or a folder with {FILE}")
    return path


def read_layers(unet: Network, path: Path, option: str, name: str) -> tuple[dict[str, nn.Parameter], int]:
    """A file's layers put into a UNet: their parameters, and how many tensors of it are not the UNet's (a text
    encoder's) and so have no effect. As diffusers' scripts and kohya's write them; UserError for one that does not
    fit."""
    from diffusers.loaders import StableDiffusionLoraLoaderMixin
    from safetensors.torch import load_file

    try:
        with quiet():
            state, alphas = StableDiffusionLoraLoaderMixin.lora_state_dict(load_file(path), unet_config=unet.config)
            own = {key: value for key, value in state.items() if key.startswith("unet.")}
            if not own:
                raise ValueError("it holds no layers of a UNet as diffusers or kohya's scripts write them")
            StableDiffusionLoraLoaderMixin.load_lora_into_unet(state, alphas, unet, adapter_name=name)
            found = layers(unet, name)
            if len(found) != len(own):
                raise ValueError(f"{len(own)} tensors in it, {len(found)} of which the UNet has a place for")
        if bad := next((key for key, p in found.items() if not p.isfinite().all()), None):
            raise ValueError(f"numbers that are not finite in {bad}")
    except Exception as error:  # whatever the libraries raise for files that do not fit
        if of_the_machine(error):
            raise
        raise UserError(f"{option}: {path} cannot be used with this model ({reason(error)[:120]}); give LoRA layers "
                        "that were trained on it") from None
    for p in found.values():
        p.data = p.data.float()
    return found, len(state) - len(own)


def written(parameters: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """Layers as a file holds them: diffusers' names, which its load_lora_weights reads."""
    return {f"unet.{key.replace(f'.{name}.', '.')}": p.detach().cpu().contiguous() for key, p in parameters.items()}
