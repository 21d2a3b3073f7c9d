"""Networks that lie in the host's memory while they are not asked, for devices that cannot hold all of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from carv3d.diffusion.loading import Network
from carv3d.runtime.errors import UserError

HOST = torch.device("cpu")


def _move(network: Network, device: torch.device) -> None:
    network.to(device)


class Turns:
    """Networks of which one at a time is on the device. there: its name. move: how one is moved.

    A network's backward pass reads its weights where they are by then: what has a way back takes its turn again with
    ``returning``.
    """

    def __init__(self, networks: Mapping[str, Network], first: str, device: torch.device,
                 move: Callable[[Network, torch.device], None] = _move):
        self.networks, self.device, self.move, self.there = networks, device, move, first
        for name, network in networks.items():
            move(network, device if name == first else HOST)

    def take(self, name: str) -> None:
        if name != self.there:
            self.move(self.networks[self.there], HOST)
            self.move(self.networks[name], self.device)
            self.there = name

    def returning(self, name: str, answer: Tensor) -> Tensor:
        """The answer of a network, whose gradient calls it back before anything else is done with it."""
        if answer.requires_grad:
            answer.register_hook(lambda gradient: self.take(name))
        return answer

    def before(self, name: str, network: nn.Module) -> None:
        """It takes its turn whenever its forward is called."""
        network.register_forward_pre_hook(lambda module, inputs: self.take(name))


def by_layers(network: Network, device: torch.device) -> None:
    """Block by block, by diffusers' own hooks: each comes before its forward and goes after it, so that no gradient can
    pass. What is in no block comes and goes with the whole forward."""
    try:
        apply = importlib.import_module("diffusers.hooks").apply_group_offloading
    except (ImportError, AttributeError):
        raise UserError("teacher.offload: layers given, which needs diffusers 0.33 or later; install it, or give model"
                        ) from None
    apply(network, onload_device=device, offload_device=HOST, offload_type="block_level", num_blocks_per_group=1)


def at_once_bytes(network: nn.Module) -> int:
    """What is on the device at a time under ``by_layers``: the largest block, and all that is in none."""
    blocks = [block for child in network.children() if isinstance(child, nn.ModuleList | nn.Sequential)
              for block in child]
    sizes = [sum(p.numel() * p.element_size() for p in block.parameters()) for block in blocks]
    total = sum(p.numel() * p.element_size() for p in network.parameters())
    return int(total - sum(sizes) + max(sizes, default=0))
