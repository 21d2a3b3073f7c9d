"""What a teacher takes, counted without its weights: its networks are made on torch's meta device, where every tensor
has a shape and no content, and are asked and encoded with once.

Attention counts as fused, as on CUDA; what an allocator rounds up and kernels need beside their results is left out,
and so are LoRA layers that are not fused.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from carv3d.diffusion import joint_views, linear_encoder, loading, view_vector
from carv3d.diffusion.diffusers_teacher import DiffusersTeacher, Text
from carv3d.diffusion.families import base
from carv3d.diffusion.families.check import family_of
from carv3d.diffusion.families.table import Family
from carv3d.diffusion.families.text import LARGE
from carv3d.diffusion.folder import as_object, token_length, unet_name, views_in
from carv3d.diffusion.loading import Network
from carv3d.diffusion.offload import at_once_bytes
from carv3d.diffusion.pose import Pose
from carv3d.diffusion.quantize import saved_bytes
from carv3d.diffusion.settings import Settings
from carv3d.diffusion.stable_diffusion import PosedTeacher, StableDiffusionTeacher
from carv3d.diffusion.weight_files import choose, variants
from carv3d.diffusion.weights import POSE

GIB = 2**30
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Footprint:
    """Operations (a multiplication and an addition are two) and bytes. parameters: of the denoiser. row: one row
    through it; encode: an image there and back. ask: what the denoiser holds at its peak for the rows of a chunk,
    beside its weights; kept: what the encoder leaves of all of a step's images for the way back, which is there
    meanwhile; images: what it holds at its peak for them, there and back; text: the largest text encoder, which is gone
    by then. block: what of the denoiser is on the device at a time where its blocks come one by one. offload: how
    the device is shared (``DiffusersTeacher``)."""

    latent_shape: tuple[int, ...]
    image_size: tuple[int, int]
    parameters: int
    row_flops: int
    encode_flops: int
    denoiser_bytes: int
    vae_bytes: int
    ask_bytes: int
    kept_bytes: int
    images_bytes: int
    block_bytes: int
    text_bytes: int = 0
    offload: str = "none"

    @property
    def total_bytes(self) -> int:
        """On the device at the peak of a step, without scene and render."""
        asking, encoding = self.kept_bytes + self.ask_bytes, self.vae_bytes + self.images_bytes
        if self.offload == "model":
            return max(self.denoiser_bytes + asking, encoding)
        if self.offload == "layers":
            return max(self.block_bytes + self.vae_bytes + asking, encoding)
        return self.denoiser_bytes + max(self.vae_bytes + asking, encoding)


class Peak(TorchDispatchMode):
    """The most bytes that tensors made within it hold at a time, and how many they hold now (live); those of ``known``
    modules do not count."""

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


class Autocast(TorchFunctionMode):
    """torch.autocast, which the meta device has not: products in ``dtype``, and on CUDA norms and softmax in float32.
    Of weights that are not learnt it keeps no copies, so that each product makes one, which the way back needs."""

    PRODUCTS = (torch.conv1d, torch.conv2d, torch.conv3d, F.conv2d, F.conv3d, F.linear, torch.matmul, torch.bmm,
                torch.baddbmm, Tensor.matmul, Tensor.__matmul__, F.scaled_dot_product_attention)
    SUMS = (F.group_norm, F.layer_norm, F.rms_norm, F.softmax, torch.softmax, Tensor.softmax)

    def __init__(self, dtype: torch.dtype, device: torch.device):
        super().__init__()
        self.dtype, self.sums = dtype, torch.float32 if device.type == "cuda" else None

    def __torch_function__(self, func: Network, types: Network, args: Network = (), kwargs: Network = None) -> Network:
        told = kwargs or {}
        dtype = self.dtype if func in self.PRODUCTS else self.sums if func in self.SUMS else None
        if func in self.SUMS and dtype is None:  # on a CPU: in what they are given
            dtype = args[0].dtype
        if dtype is None:
            return func(*args, **told)

        def cast(value: Network) -> Network:
            return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value

        return func(*map(cast, args), **{name: cast(value) for name, value in told.items()})


def of_folder(folder: Path, settings: Settings = Settings(), *, views: int = 1, rows: int = 2,
              device: torch.device = CPU, tokens: int = 0) -> Footprint:
    """Of a step with the model of a folder, from its JSON files alone: ``views`` images are encoded, ``rows`` rows
    (draws times branches) asked about at a time.

    device: which one's autocast is meant. tokens: of the prompt, for families that tell a shorter one by fewer; by
    default the most they tell. The text encoder's precision is that in which it would be read: by the size of its files
    where there are any, else by what its configuration says.
    """
    family = family_of(folder)
    teacher, row = _stable_diffusion(folder, settings) if family is None else _of(folder, family, settings, tokens)
    teacher.encode_dtype = torch.float32  # autocast is stood in for
    if settings.linear and teacher.vae is not None:
        teacher.stand_in = linear_encoder.blank(teacher)
    found = footprint(teacher, row, views, rows, settings.encode_dtype, device)
    found = replace(found, text_bytes=_largest_encoder(folder, family, settings.variant), offload=settings.offload)
    if settings.quantize == "none":
        return found
    fewer, again = saved_bytes(teacher.denoiser, settings.quantize)
    return replace(found, denoiser_bytes=found.denoiser_bytes - fewer, ask_bytes=found.ask_bytes + again)


def _of(folder: Path, family: Family, settings: Settings, tokens: int) -> tuple[DiffusersTeacher, Text]:
    """A teacher on the meta device, and a row of text."""
    cls, index = base.teacher_of(family), as_object(folder / "model_index.json", str(folder))
    name = unet_name(settings.use_ema) if family.denoiser == "unet" else family.denoiser
    denoiser = loading.empty(folder, name, loading.named(index[family.denoiser]), settings.dtype)
    vae = _vae(folder, loading.named(index["vae"]), settings.vae) if "vae" in family.parts else None
    count = (tokens if cls.SHORTER else 0) or cls.length(folder, index)
    row = {key: torch.ones(1, *shape, dtype=torch.long) if key == "mask" else  # counted on the host
           torch.empty(1, *shape, dtype=settings.dtype, device="meta")
           for key, shape in cls.shapes(denoiser.config, count).items()}
    return base.assembled(folder, family, denoiser, vae, {}, settings, weights_of=_nobody,
                          device=torch.device("meta")), row


def _stable_diffusion(folder: Path, settings: Settings) -> tuple[DiffusersTeacher, Text]:
    unet = loading.empty(folder, unet_name(settings.use_ema), loading.class_of("unet"), settings.dtype)
    vae = _vae(folder, loading.class_of("vae"), settings.vae)
    if settings.checkpoint_encode:
        vae.enable_gradient_checkpointing()
    states = torch.empty(1, token_length(folder), unet.config.cross_attention_dim, dtype=settings.dtype, device="meta")
    together = views_in(as_object(folder / "model_index.json", str(folder)))
    made = (PosedTeacher if (folder / POSE).is_file() else StableDiffusionTeacher)(
        unet, vae, loading.scheduler(folder), states, weights_of=_nobody, description="", device="meta")
    made.views_per_item = together
    if isinstance(made, PosedTeacher):
        made.finder = Pose(made.latent_shape, states.shape[-1]).to("meta")
    elif together > 1:
        joint_views.join(unet, together)
    if settings.tile_encode:
        loading.tile(vae, made.image_size)
    return made, {"states": states}


def _vae(folder: Path, cls: Network, other: Path | None) -> Network:
    home = folder / "vae" if other is None else other / "vae" if (other / "vae").is_dir() else other
    return loading.empty(home.parent, home.name, cls)


def _nobody(azimuth: Tensor, elevation: Tensor) -> Tensor:
    raise TypeError("a teacher on the meta device has no cameras")


def _largest_encoder(folder: Path, family: Family | None, variant: str) -> int:
    """Bytes of the largest text encoder as it would be read."""
    if family is None:
        classes = {"text_encoder": loading.class_of("text_encoder")}
    else:
        index = as_object(folder / "model_index.json", str(folder))
        classes = {name: loading.named(index[name]) for name in family.encoders if (folder / name).is_dir()}
    found = [0]
    for name, cls in classes.items():
        made = loading.empty(folder, name, cls)
        size = weights_bytes(made)
        if variants(folder, name):
            file = sum(path.stat().st_size for path in choose(folder, name, variant).files)
        else:
            config = as_object(folder / name / "config.json", str(folder))
            half = "16" in str(config.get("dtype") or config.get("torch_dtype"))
            file = size // 2 if half else size
        found.append(size // 2 if family is not None and file > LARGE else size)
    return max(found)


def footprint(teacher: DiffusersTeacher, row: Text, views: int, rows: int, encode_dtype: torch.dtype = torch.float32,
              device: torch.device = CPU) -> Footprint:
    """Of a step that encodes ``views`` images and asks about ``rows`` rows at a time. teacher: on the meta device. row:
    what it is told of one prompt. encode_dtype: of the encoder's products, by the autocast of ``device``."""
    denoiser, vae, least = teacher.denoiser, teacher.vae, teacher.views_per_item

    def ask(count: int) -> None:
        with torch.no_grad(), torch.device("meta"):
            text = {name: value.expand(count, *value.shape[1:]) for name, value in row.items()}
            noisy, time = torch.empty(count, *teacher.latent_shape), torch.zeros(count, dtype=torch.long)
            teacher.ask(noisy, time, text)
            if isinstance(teacher, PosedTeacher):
                teacher.finder(noisy, time / 2, text["states"].float(), torch.empty(count, view_vector.WIDTH))

    with Fused(), FlopCounterMode(display=False) as counted:
        ask(least)
    with Fused(), Peak(denoiser) as asked:
        ask(rows + -rows % least)
    encode_flops = kept = images = 0
    if vae is not None:
        _recompute(vae, lambda: _encoding(encode_dtype, device))
        with _encoding(encode_dtype, device), FlopCounterMode(display=False) as encoded:
            _there_and_back(teacher, 1, lambda: None)
        with _encoding(encode_dtype, device), Peak(vae) as held:
            seen: list[int] = []
            _there_and_back(teacher, views, lambda: seen.append(held.live))
        encode_flops, kept, images = encoded.get_total_flops(), seen[0], held.most
    return Footprint(tuple(teacher.latent_shape), teacher.image_size, sum(p.numel() for p in denoiser.parameters()),
                     counted.get_total_flops() // least, encode_flops, weights_bytes(denoiser),
                     weights_bytes(vae) if vae is not None else 0, asked.most, kept, images, at_once_bytes(denoiser))


@contextlib.contextmanager
def _encoding(dtype: torch.dtype, device: torch.device) -> Iterator[None]:
    with Fused(), Autocast(dtype, device) if dtype != torch.float32 else contextlib.nullcontext():
        yield


def _recompute(vae: Network, modes: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
    """Where the encoder makes its activations again on the way back, it does so under the same modes."""
    if getattr(vae, "is_gradient_checkpointing", False):
        vae.enable_gradient_checkpointing(lambda part, *given: checkpoint(
            part, *given, use_reentrant=False, context_fn=lambda: (contextlib.nullcontext(), modes())))


def _there_and_back(teacher: DiffusersTeacher, count: int, between: Callable[[], None]) -> None:
    """Images encoded, and a gradient's way back to them."""
    with torch.enable_grad(), torch.device("meta"):
        image = torch.empty(count, *teacher.image_size, 3, requires_grad=True)
        latents = teacher.encode(image)
        between()
        latents.backward(torch.empty_like(latents))


def weights_bytes(network: Network) -> int:
    return int(sum(tensor.numel() * tensor.element_size() for tensor in network.parameters()))
