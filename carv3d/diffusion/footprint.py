"""What a teacher takes, counted without its weights: its networks are made on torch's meta device, where every tensor
has a shape and no content, and are asked and encoded with once.

Attention counts as fused, as on CUDA; what an allocator rounds up and kernels need beside their results is left out.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from carv3d.diffusion.diffusers_teacher import DiffusersTeacher
from carv3d.diffusion.loading import Network

GIB = 2**30


@dataclass(frozen=True)
class Footprint:
    """Operations (a multiplication and an addition are two) and bytes. row: one row through the denoiser; ask: what it
    holds at its peak for the rows of a chunk, beside its weights; encode: an image there and back; images: what that
    holds at its peak for all of a step's; text: the largest text encoder, which is gone by then."""

    row_flops: int
    encode_flops: int
    denoiser_bytes: int
    vae_bytes: int
    ask_bytes: int
    images_bytes: int
    text_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        """At the peak of a step, without scene and render."""
        return self.denoiser_bytes + self.vae_bytes + max(self.ask_bytes, self.images_bytes)


class Peak(TorchDispatchMode):
    """The most bytes that tensors made within it hold at a time; those of ``known`` modules do not count."""

    def __init__(self, *known: Network):
        super().__init__()
        self.live = self.most = 0
        self._seen = {tensor.untyped_storage()._cdata for module in known for tensor in
                      (*module.parameters(), *module.buffers())}

    def __torch_dispatch__(self, func: Network, types: Network, args: Network = (), kwargs: Network = None) -> Network:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor) and (key := tensor.untyped_storage()._cdata) not in self._seen:
                storage = tensor.untyped_storage()
                self._seen.add(key)
                self.live += storage.nbytes()
                self.most = max(self.most, self.live)
                weakref.finalize(storage, self._gone, key, storage.nbytes())
        return out

    def _gone(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.live -= size


class Fused(TorchFunctionMode):
    """Attention by the memory-efficient kernel, which the meta device would take apart."""

    def __torch_function__(self, func: Network, types: Network, args: Network = (), kwargs: Network = None) -> Network:
        told = kwargs or {}
        if func is not F.scaled_dot_product_attention or told.get("is_causal") or told.get("enable_gqa"):
            return func(*args, **told)
        query, key, value = (told.get(name, args[i] if i < len(args) else None)
                             for i, name in enumerate(("query", "key", "value")))
        kernel = torch.ops.aten._scaled_dot_product_efficient_attention
        return kernel(query, key, value, None, torch.is_grad_enabled())[0]


def footprint(make: Callable[[], DiffusersTeacher], views: int, rows: int) -> Footprint:
    """Of a step that encodes ``views`` images and asks about ``rows`` rows at a time (draws times branches). make: a
    teacher on the meta device."""
    with torch.device("meta"):
        teacher = make()
        denoiser, vae = teacher.denoiser, teacher.vae
        text = {name: value[:1].expand(rows, *value.shape[1:]) for name, value in teacher.embeddings.items()}
        noisy = torch.empty(rows, *teacher.latent_shape)
        times = torch.zeros(rows, dtype=torch.long)
        one = {name: value[:1] for name, value in text.items()}
        with torch.no_grad(), Fused(), FlopCounterMode(display=False) as row:
            teacher.ask(noisy[:1], times[:1], one)
        with torch.no_grad(), Fused(), Peak(denoiser) as asked:
            teacher.ask(noisy, times, text)
        encode_flops = images = vae_bytes = 0
        if vae is not None:
            vae_bytes = weights_bytes(vae)
            if teacher.encode_dtype != torch.float32:  # autocast keeps a second copy; it is not there on meta
                vae.to(teacher.encode_dtype)
                vae_bytes += weights_bytes(vae)
                teacher.encode_dtype = torch.float32

            def encode(count: int) -> None:
                image = torch.empty(count, *teacher.image_size, 3, requires_grad=True)
                with torch.enable_grad():
                    teacher.encode(image).sum().backward()

            with Fused(), FlopCounterMode(display=False) as counted:
                encode(1)
            with Fused(), Peak(vae) as held:
                encode(views)
            encode_flops, images = counted.get_total_flops(), held.most
    return Footprint(row.get_total_flops(), encode_flops, weights_bytes(denoiser),
                     vae_bytes, asked.most, images)


def weights_bytes(network: Network) -> int:
    return int(sum(tensor.numel() * tensor.element_size() for tensor in network.parameters()))
