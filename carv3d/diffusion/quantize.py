"""A denoiser's weights in fewer bits, by packages that stand beside carv3d or not: torchao (int8, int4) and
bitsandbytes (nf4)."""

from __future__ import annotations

from importlib.util import find_spec

import torch
from torch import nn

from carv3d.diffusion.loading import Network
from carv3d.runtime.errors import UserError

PACKAGES = {"int8": "torchao", "int4": "torchao", "nf4": "bitsandbytes"}
WHOLE = ("time", "t_embedder", "adaln_single")  # modules that are told the noise level stay as they are
ROWS = {"int8": 1, "int4": 1, "nf4": 32}  # what their number must be a multiple of: bitsandbytes packs so many on a CPU
SHARE = {"int8": 1, "int4": 128, "nf4": 64}  # what the length of a row must be a multiple of: weights with one scale


def check(how: str, device: torch.device, dtype: torch.dtype) -> None:
    """UserError where weights cannot be had so here."""
    package = PACKAGES[how]
    if find_spec(package) is None:
        raise UserError(f"teacher.quantize: {how} given, which needs the package {package}; install it, or leave "
                        "this none")
    if how == "int4" and (device.type != "cuda" or dtype != torch.bfloat16):
        raise UserError(f"teacher.quantize: int4 given on a {device.type} in {str(dtype).removeprefix('torch.')}; "
                        "torchao's int4 needs CUDA and teacher.dtype=bfloat16; allowed elsewhere: int8, nf4")


def layers(network: Network, how: str) -> dict[str, nn.Linear]:
    """The linear layers whose weights become fewer bits: all but those that are told the noise level, and those that a
    format cannot hold, which are small."""
    return {name: module for name, module in network.named_modules()
            if isinstance(module, nn.Linear) and not name.startswith(WHOLE)
            and module.in_features % SHARE[how] == 0 and module.out_features % ROWS[how] == 0}


def quantize(network: Network, how: str, device: torch.device) -> None:
    """In place, layer by layer, so that the device never holds the whole of the old weights."""
    chosen = layers(network, how)
    if how == "nf4":
        for name, layer in chosen.items():
            network.set_submodule(name, _nf4(layer, device))
        return
    from torchao.quantization import Int4WeightOnlyConfig, Int8WeightOnlyConfig, quantize_

    config = Int8WeightOnlyConfig() if how == "int8" else Int4WeightOnlyConfig(
        group_size=SHARE[how], int4_packing_format="tile_packed_to_4d")
    quantize_(network, config, filter_fn=lambda module, name: name in chosen, device=device)


def _nf4(layer: nn.Linear, device: torch.device) -> nn.Module:
    """The layer in bitsandbytes' normal float of four bits; its products are in the precision it had."""
    from bitsandbytes.nn import Linear4bit, Params4bit

    dtype = layer.weight.dtype
    made = Linear4bit(layer.in_features, layer.out_features, bias=False, compute_dtype=dtype, quant_type="nf4")
    made.weight = Params4bit(layer.weight.data, requires_grad=False, quant_type="nf4", blocksize=SHARE["nf4"])
    made.bias = layer.bias
    found: nn.Module = made.to(device)
    return found


def saved_bytes(network: Network, how: str) -> tuple[int, int]:
    """How many bytes fewer the weights take, by the formats; and how many a layer takes again while it is asked, as its
    weights are made whole for the product."""
    before = after = largest = 0
    for layer in layers(network, how).values():
        count, size = layer.weight.numel(), layer.weight.element_size()
        before += count * size
        after += {"int8": count + layer.out_features * size, "int4": count // 2 + count // SHARE["int4"] * 2 * size,
                  "nf4": count // 2 + count // SHARE["nf4"] * 4}[how]
        largest = max(largest, count * size)
    return before - after, 0 if how == "int4" else largest
