"""LoRA layers (arXiv 2106.09685) in a teacher's own network: fresh ones, and a file's."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from carv3d.diffusion.additions import PEFT_CONFIG, Additions, Lora
from carv3d.diffusion.folder import as_object
from carv3d.diffusion.loading import Network, quiet
from carv3d.diffusion.weight_files import read_json
from carv3d.runtime.errors import UserError, of_the_machine
from carv3d.runtime.files import reason
from carv3d.runtime.types import Record

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0", "to_qkv_mlp_proj")  # the last: of FLUX.2's single streams
CONVOLUTIONS = ("conv1", "conv2")


def fresh_layers(unet: Network, rank: int, draws: torch.Generator, name: str, targets: Sequence[str] = ATTENTION
                 ) -> dict[str, nn.Parameter]:
    """Layers in every module whose name ends so, without effect until they are trained; their parameters, float32
    whatever the UNet's precision is, by their names in the UNet."""
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(targets))
    if hasattr(unet, "add_adapter"):
        unet.add_adapter(config, adapter_name=name)
    else:  # of diffusers' networks, PixArt's has no such method
        inject_adapter_in_model(config, unet, adapter_name=name)
    named = layers(unet, name)
    for key, p in named.items():
        p.data = p.data.float()
        if "lora_A" in key:
            p.data.copy_(torch.randn(p.shape, generator=draws) / p[0].numel() ** 0.5)
    return named


class Switch:
    """Layers of LoRA that have an effect only where they are switched on: one network for two scores."""

    def __init__(self, unet: Network):
        self.modules = _wrapped(unet)
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


def read_layers(unet: Network, path: Path, option: str, name: str) -> tuple[dict[str, nn.Parameter], int]:
    """A file's layers put into a UNet: their parameters, float32, and how many tensors of it are not the UNet's (a text
    encoder's) and so have no effect. UserError for one that does not fit."""
    from diffusers import StableDiffusionPipeline

    file = LoraFile(Lora(path), StableDiffusionPipeline, unet.config, "unet", option)
    file.put(unet, "unet", name)
    found = layers(unet, name)
    for p in found.values():
        p.data = p.data.float()
    return found, len(file.state) - len(found)


class LoraFile:
    """LoRA layers as diffusers' scripts, kohya's and peft write them, in diffusers' names. pipeline: the class that
    knows the names of its family. denoiser: the component that predicts, and config: its configuration."""

    def __init__(self, lora: Lora, pipeline: Network, config: Network, denoiser: str, option: str):
        self.lora, self.pipeline, self.option = lora, pipeline, option
        if not hasattr(pipeline, "lora_state_dict"):
            raise UserError(f"{option}: diffusers has no LoRA for {pipeline.__name__}; merge the layers into the model "
                            "with the tool that made them")
        with self._one_line():
            if lora.peft:
                self.state, self.alphas, self.metadata = _of_peft(lora.path, denoiser), None, None
            else:
                told = {"unet_config": config} if denoiser == "unet" else {}
                found = pipeline.lora_state_dict(str(lora.path.parent), weight_name=lora.path.name, return_alphas=True,
                                                 return_lora_metadata=True, local_files_only=True, **told)
                self.state, self.metadata = found[0], found[-1]
                self.alphas = found[1] if len(found) == 3 else None
            if not any("lora" in key for key in self.state):
                raise ValueError("it holds no layers as diffusers, kohya's scripts or peft write them")
            if bad := next((key for key, value in self.state.items() if not value.isfinite().all()), None):
                raise ValueError(f"numbers that are not finite in {bad}")

    def count(self, component: str) -> int:
        """How many tensors are of a component."""
        return sum(key.startswith(f"{component}.") for key in self.state)

    def put(self, network: Network, component: str, name: str) -> int:
        """The layers of the denoiser put into it, switched on; how many tensors they are. UserError where they do not
        all fit."""
        own = self.count(component)
        if not own:
            raise UserError(f"{self.option}: {self.lora.path} cannot be used with this model (it holds no layers of a "
                            f"{component}); give LoRA layers that were trained on it")
        load = getattr(self.pipeline, f"load_lora_into_{component}")
        told = {component: network, "state_dict": self.state, "network_alphas": self.alphas or None,
                "metadata": None if self.alphas else self.metadata, "adapter_name": name}
        takes = inspect.signature(load).parameters
        with self._one_line():
            load(**{key: value for key, value in told.items() if key in takes})
            there = len(layers(network, name))
            if there != own:
                raise ValueError(f"{own} tensors in it, {there} of which the {component} has a place for")
        return own

    @torch.no_grad()
    def merge(self, encoder: Network, component: str) -> None:
        """The layers of a text encoder added to its weights, alpha / r B A. Not by transformers' own loader, some
        versions of which want a peft that is not out yet."""
        from diffusers.utils import convert_state_dict_to_diffusers, convert_state_dict_to_peft

        own = {key.removeprefix(f"{component}."): value for key, value in self.state.items()
               if key.startswith(f"{component}.")}
        with self._one_line():
            own = {re.sub(r"\.to_(q|k|v|out)_lora\.", r".\1_proj.lora_linear_layer.", key): value
                   for key, value in own.items()}  # kohya's, half converted
            own = convert_state_dict_to_peft(convert_state_dict_to_diffusers(own)) if own else {}
            for key in [each for each in own if each.endswith(".lora_A.weight")]:
                name = key.removesuffix(".lora_A.weight")
                place = name if hasattr(encoder, "text_model") else name.removeprefix("text_model.")
                first, second = own.pop(key).float(), own.pop(f"{name}.lora_B.weight").float()
                weight = encoder.get_submodule(place).weight
                weight += (self.lora.scale * self._times(component, name, len(first)) * second @ first).to(weight)
            if own:
                raise ValueError(f"{next(iter(own))} is no layer of a {component}")

    def _times(self, component: str, name: str, rank: int) -> float:
        """alpha / r of a layer, as the file or its metadata says."""
        if self.alphas:
            old = re.sub(r"\.(q|k|v|out)_proj$", r".to_\1_lora", name)
            names = (f"{name}.alpha", f"{name}.lora_linear_layer.down.weight.alpha", f"{old}.down.weight.alpha")
            return next((float(self.alphas[key]) for key in (f"{component}.{each}" for each in names)
                         if key in self.alphas), rank) / rank
        said = {key.removeprefix(f"{component}."): value for key, value in (self.metadata or {}).items()
                if key.startswith(f"{component}.")}
        return _factor(said, name, rank) if said else 1.0

    @contextlib.contextmanager
    def _one_line(self) -> Iterator[None]:
        """Whatever the libraries raise for files that do not fit."""
        try:
            with quiet():
                yield
        except Exception as error:
            if of_the_machine(error) or isinstance(error, UserError):
                raise
            raise UserError(f"{self.option}: {self.lora.path} cannot be used with this model ({reason(error)[:120]}); "
                            "give LoRA layers that were trained on it") from None


def _of_peft(path: Path, denoiser: str) -> dict[str, Tensor]:
    """The layers that peft's save_pretrained wrote of a denoiser, in diffusers' names, each scaled as its configuration
    says: alpha / r, or alpha / sqrt(r)."""
    from safetensors.torch import load_file

    config = read_json(path.parent / PEFT_CONFIG, str(path.parent))
    assert isinstance(config, dict)
    found = {}
    for key, value in load_file(path).items():
        module = key.removeprefix("base_model.model.")
        if ".lora_B." in key:
            value = value * _factor(config, module.partition(".lora_B.")[0], value.shape[1])
        found[f"{denoiser}.{module}"] = value
    return found


def _factor(config: Record, name: str, rank: int) -> float:
    """What a layer is multiplied by, as a LoraConfig says: alpha / r, or alpha / sqrt(r)."""
    patterns = config.get("alpha_pattern") or {}
    assert isinstance(patterns, dict)
    alpha = next((value for key, value in patterns.items() if re.search(rf"(^|\.){key}$", name)),
                 config.get("lora_alpha") or 8)
    return float(alpha) / (rank ** 0.5 if config.get("use_rslora") else rank)


def add(network: Network, component: str, additions: Additions, pipeline: Network, config: Network, denoiser: str
        ) -> None:
    """A user's LoRA layers put into a component of the model, each by its scale; added to its weights and gone where
    they are to be fused, as a text encoder's always are."""
    files = [LoraFile(lora, pipeline, config, denoiser, "teacher.lora") for lora in additions.loras]
    if component != denoiser:
        for file in files:
            file.merge(network, component)
        return
    names, scales = [f"given{number}" for number in range(len(files))], [file.lora.scale for file in files]
    for file, name in zip(files, names, strict=True):
        file.put(network, component, name)
    for module in _wrapped(network):
        own = {name: scale for name, scale in zip(names, scales, strict=True) if name in module.scaling}
        for name, scale in own.items():
            module.set_scale(name, scale)
        module.set_adapter(list(own))
    if names and additions.fused:
        for module in _wrapped(network):
            module.merge(adapter_names=[name for name in names if name in module.scaling])
        network.unload_lora()
    network.requires_grad_(False)


def add_to_stable_diffusion(network: Network, component: str, folder: Path, additions: Additions) -> None:
    """``add`` for a component of a folder in the Stable Diffusion format."""
    if additions.loras:
        from diffusers import StableDiffusionPipeline

        config = as_object(folder / "unet" / "config.json", str(folder))
        add(network, component, additions, StableDiffusionPipeline, SimpleNamespace(**config), "unet")


def _wrapped(network: Network) -> list[Network]:
    from peft.tuners.tuners_utils import BaseTunerLayer

    return [module for module in network.modules() if isinstance(module, BaseTunerLayer)]


def written(parameters: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """Layers as a file holds them: diffusers' names, which its load_lora_weights reads."""
    return {f"unet.{key.replace(f'.{name}.', '.')}": p.detach().cpu().contiguous() for key, p in parameters.items()}
