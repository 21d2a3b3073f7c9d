"""A CUDA device that is not there: tensors which compute on the CPU, say that they lie on cuda:0, and refuse what CUDA
refuses.

``Pretended`` wraps a CPU tensor. Every operator of ATen, also those inside of composite ones and of the way back, comes
by ``run``, which holds the devices of its arguments against each other as CUDA would, computes on the CPU, and wraps
what comes out. To C++, which has no CUDA in the builds that the tests run with, such a tensor lies on ``meta:0`` (the
meta device itself has no index, so that the two do not meet); Python is told cuda:0.

Refused: two devices in one operator (but for scalars, 0-dim tensors of the CPU, where an operator takes them, and for
indices from the CPU into a CUDA tensor); numpy(); a generator of one device for numbers of the other; pinned memory of
a CUDA tensor. A copy to the CPU that does not block holds nothing of use until an event recorded after it, its stream
or the device has been waited for. ``waits`` counts where the host would have waited for the device.

``device()`` sets all this up and takes it back. Not covered: several devices, streams that run side by side, the
numbers of CUDA's own kernels, memory that runs out, torch.compile.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Iterator
from unittest import mock

import torch
from pretend_runtime import TOLD, Refused, arrived, late, waits
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

CUDA, ALIAS, CPU = torch.device("cuda", 0), torch.device("meta", 0), torch.device("cpu")
POINTWISE_OF_ONE_DEVICE = {"lerp", "lerp_"}  # of those that are tagged pointwise, which take no scalar of the CPU
TAKE_A_SCALAR = {"fill_", "fill", "masked_fill", "masked_fill_", "where", "index_fill", "index_fill_", "index_put",
                 "index_put_", "_index_put_impl_", "clamp", "clamp_", "addcmul", "addcdiv"}
INDEXING = {"index", "_unsafe_index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index_put"}
COPIES = {"copy_", "copy", "_foreach_copy_", "_to_copy"}
WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "unique_consecutive", "equal",
           "bincount", "linalg_inv_ex", "_linalg_det", "nonzero_static"}


class Pretended(torch.Tensor):
    """A tensor on the device. inner: the CPU's, which holds its numbers."""

    inner: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> Pretended:
        made = torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), storage_offset=inner.storage_offset(), dtype=inner.dtype,
            layout=inner.layout, device=ALIAS, requires_grad=False)
        made.inner = inner
        return made

    device = property(lambda self: CUDA)
    is_cuda = property(lambda self: True)
    is_cpu = property(lambda self: False)
    is_meta = property(lambda self: False)

    @property
    def data(self) -> torch.Tensor:
        return torch.Tensor.data.__get__(self)

    @data.setter
    def data(self, new: torch.Tensor) -> None:
        if not isinstance(new, Pretended):
            raise Refused("set_data of a CUDA tensor with one of the CPU")
        torch.Tensor.data.__set__(self, new)
        self.inner = new.inner

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return run(func, args, kwargs or {})

    def __repr__(self, *, tensor_contents=None) -> str:
        return f"Pretended({self.inner}, device='cuda:0')"

    def __reduce_ex__(self, protocol):
        own = self.detach().inner.clone()
        return torch._utils._rebuild_device_tensor_from_cpu_tensor, (own, self.dtype, "cuda:0", self.requires_grad)

    def tolist(self):
        return self.cpu().tolist()

    def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False):
        made = torch.tensor(data, dtype=dtype or self.dtype, device=device or CUDA)
        return made.requires_grad_(requires_grad)


def ours(device: object) -> bool:
    """Whether a device is the pretended one."""
    if isinstance(device, str):
        return device.partition(":")[0] == "cuda"
    return isinstance(device, torch.device) and (device.type == "cuda" or device == ALIAS)


def on_cuda(value: object) -> bool:
    return isinstance(value, Pretended)


def _check_devices(func, name: str, args: tuple, tensors: list[torch.Tensor]) -> None:
    """Refused, unless CUDA would take these tensors in one call."""
    other = [tensor for tensor in tensors if not on_cuda(tensor)]
    if not other or len(other) == len(tensors) or name in COPIES:
        return
    first = args[0] if args and isinstance(args[0], torch.Tensor) else None
    if name in INDEXING and first is not None:
        if not on_cuda(first) and any(map(on_cuda, tree_leaves(args[1]))):
            raise Refused("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
        indices = {id(index) for index in tree_leaves(args[1])}
        other = [tensor for tensor in other if id(tensor) not in indices]
        if any(not on_cuda(index) for index in tree_leaves(args[1]) if isinstance(index, torch.Tensor)):
            waits.note("index from the host")
    scalars = name in TAKE_A_SCALAR or (torch.Tag.pointwise in func.tags and name not in POINTWISE_OF_ONE_DEVICE)
    written = first is not None and not on_cuda(first) and func._schema.arguments[0].is_write
    if [t for t in other if t.dim() or not scalars] or written:
        shapes = ", ".join(f"{'cuda:0' if on_cuda(t) else 'cpu'} {list(t.shape)}" for t in tensors)
        raise Refused(f"Expected all tensors to be on the same device, but found {shapes} in {name}")


def _check_generator(name: str, args: tuple, kwargs: dict, cuda: bool) -> None:
    for value in (*args, *kwargs.values()):
        if isinstance(value, _plain_generator) and (value.initial_seed() in Generator.seeds) != cuda:
            raise Refused(f"Expected a '{'cuda' if cuda else 'cpu'}' device type for generator but found another in "
                          f"{name}")


def _check_wait(name: str, args: tuple) -> None:
    """Note operators of CUDA tensors whose result has a size, or is a number, that the host must be told."""
    if name in WAITING or name == "repeat_interleave" and len(args) > 1:
        waits.note(name)
    if name in INDEXING:
        mask = any(index.dtype in (torch.bool, torch.uint8) for index in args[1] if isinstance(index, torch.Tensor))
        filled = name != "index" and len(args) > 2 and args[2].numel() == 1  # becomes masked_fill
        if mask and not filled:
            waits.note("mask as index")


def _copy(name: str, args: tuple, kwargs: dict) -> torch.Tensor | None:
    """Copies between the devices; None where it is none."""
    if name == "copy_":
        target, source, *rest = args
        queued = bool(rest and rest[0]) or kwargs.get("non_blocking", False)
    elif name == "_to_copy" and kwargs.get("device") is not None and ours(kwargs["device"]) != on_cuda(args[0]):
        source, queued = args[0], kwargs.get("non_blocking", False)
        told = {key: value for key, value in kwargs.items() if key not in ("device", "non_blocking", "pin_memory")}
        inner = torch.ops.aten._to_copy.default(plain(source), **told)
        inner = inner.clone() if inner is plain(source) else inner
        target = inner if on_cuda(source) else Pretended(inner)
    else:
        return None
    if on_cuda(target) == on_cuda(source):
        if name == "copy_":
            plain(target).copy_(plain(source))
        return target
    here = source if on_cuda(target) else target
    if not queued or (on_cuda(target) and not is_pinned(here)):
        waits.note("copy to the device" if on_cuda(target) else "copy to the host")
        arrived()
        if name == "copy_":
            plain(target).copy_(plain(source))
    elif on_cuda(target):
        plain(target).copy_(source)
    else:
        late.append((target, plain(source).clone().to(target.dtype).expand(target.shape)))
        target.copy_(torch.full_like(target, math.nan if target.is_floating_point() else 77))
    return target


def plain(value):
    return value.inner if isinstance(value, Pretended) else value


@functools.cache
def _name(func) -> str:
    return func._schema.name.partition("::")[2]


def _taken_off(value, tensors: list[torch.Tensor]):
    """What an operator is given, of tensors of the CPU; the tensors themselves are entered into the list."""
    if isinstance(value, torch.Tensor):
        tensors.append(value)
        return plain(value)
    return type(value)([_taken_off(each, tensors) for each in value]) if type(value) in (list, tuple) else value


def _put_on(value, own: dict[int, torch.Tensor]):
    """What an operator gave, on the device; own: what it may have given back of what it was given."""
    if isinstance(value, torch.Tensor):
        return own[id(value)] if id(value) in own else Pretended(value)
    return type(value)([_put_on(each, own) for each in value]) if type(value) in (list, tuple) else value


def run(func, args: tuple, kwargs: dict):
    """One operator of ATen."""
    name = _name(func)
    tensors: list[torch.Tensor] = []
    given, named = _taken_off(args, tensors), {key: _taken_off(value, tensors) for key, value in kwargs.items()}
    device, some = kwargs.get("device"), any(map(on_cuda, tensors))
    cuda = some if device is None else ours(device)
    if some:
        if name in ("resize_", "set_") and on_cuda(args[0]):
            raise NotImplementedError(f"{name} changes the storage of a pretended tensor in place")
        _check_devices(func, name, args, tensors)
        _check_wait(name, args)
        if name in ("_pin_memory", "pin_memory"):
            raise Refused("cannot pin 'torch.cuda.FloatTensor' only dense CPU tensors can be pinned")
        if name == "_fused_sdp_choice":
            return 0  # as products and a softmax: the others are other operators on each device
        copied = _copy(name, args, kwargs)
        if copied is not None:
            return copied
    elif name == "_to_copy" and cuda:
        return _copy(name, args, kwargs)
    _check_generator(name, args, kwargs, cuda)
    if device is not None and (cuda or device == ALIAS):
        named["device"] = CPU
    named.pop("pin_memory", None)
    if name == "_local_scalar_dense":
        arrived()
    own = {id(tensor.inner): tensor for tensor in tensors if on_cuda(tensor)}
    out = func(*given, **named)
    if not cuda:
        return out
    if torch.Tag.inplace_view in func.tags:  # the wrapper's shape follows, without a look at the numbers it has not
        before = torch._C._meta_in_tls_dispatch_include()
        with no_dispatch():
            torch._C._set_meta_in_tls_dispatch_include(True)
            try:
                func(*args, **kwargs)
            finally:
                torch._C._set_meta_in_tls_dispatch_include(before)
    return _put_on(out, own)


class Operators(TorchDispatchMode):
    """For what has no tensor of the device among its arguments: factories, and copies to it."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return run(func, args, kwargs or {})


# ------------------------------------------------------------------------------- what Python itself says about a device

_plain_generator, _plain_to, _plain_load = torch.Generator, torch.Tensor.to, torch.load
_plain_tensor, _plain_as_tensor, _plain_autocast = torch.tensor, torch.as_tensor, torch.autocast


class Generator(_plain_generator):
    """One that says which device's numbers it draws; those of both come from the CPU. An operator is given it without
    its class, and knows it by its seed."""

    seeds: set[int] = set()

    def __new__(cls, device="cpu"):
        made = _plain_generator.__new__(cls, "cpu")
        made.where = CUDA if ours(device if isinstance(device, str) else torch.device(device)) else CPU
        return made.manual_seed(67280421310721)

    def manual_seed(self, seed):
        super().manual_seed(seed if self.where == CPU else (seed ^ 0x2545F4914F6CDD1D) % 2**62)
        if self.where != CPU:
            self.seeds.add(self.initial_seed())
        return self

    device = property(lambda self: self.where)

    def __reduce__(self):
        raise NotImplementedError("no generator is pickled here")


def _to(self, *args, **kwargs):
    def known(value):
        return ALIAS if isinstance(value, (str, torch.device)) and ours(value) else value

    return _plain_to(self, *map(known, args), **{name: known(value) for name, value in kwargs.items()})


def _made(plain_maker):
    def make(data, *args, device=None, **kwargs):
        made = plain_maker(plain(data) if on_cuda(data) and plain_maker is _plain_tensor else data, *args, **kwargs,
                           **({} if device is None or ours(device) else {"device": device}))
        return _to(made, CUDA) if ours(device) or on_cuda(data) and device is None else made

    return make


def _load(source, map_location=None, **kwargs):
    """Tensors of the CPU load as such without a map_location; with one, all go there."""
    found = _plain_load(source, map_location="cpu" if map_location is not None else None, **kwargs)
    if not ours(map_location):
        return found
    return tree_map(lambda value: value.to(CUDA) if isinstance(value, torch.Tensor) else value, found)


class _Autocast(TorchFunctionMode):
    """Products in ``dtype``; sums stay as they are."""

    PRODUCTS = {torch.conv1d, torch.conv2d, torch.conv3d, torch.nn.functional.linear, torch.matmul, torch.bmm,
                torch.Tensor.matmul, torch.Tensor.__matmul__, torch.nn.functional.scaled_dot_product_attention}

    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype

    def __torch_function__(self, func, types, args=(), kwargs=None):
        def cast(value):
            return value.to(self.dtype) if isinstance(value, torch.Tensor) and value.is_floating_point() else value

        if func in self.PRODUCTS:
            return func(*map(cast, args), **{name: cast(value) for name, value in (kwargs or {}).items()})
        return func(*args, **(kwargs or {}))


def _autocast(device_type, dtype=None, enabled=True, cache_enabled=None):
    if device_type != "cuda":
        return _plain_autocast(device_type, dtype, enabled, cache_enabled)
    return _Autocast(dtype or torch.float16) if enabled else contextlib.nullcontext()


def is_pinned(self, *device) -> bool:
    return getattr(self, "_pinned", False)


def _pin(self, *device) -> torch.Tensor:
    if on_cuda(self):
        raise Refused("cannot pin 'torch.cuda.FloatTensor' only dense CPU tensors can be pinned")
    made = self.clone()
    made._pinned = True
    return made


@contextlib.contextmanager
def device() -> Iterator[None]:
    """Within this the machine has a CUDA device; afterwards none, as before."""
    _device_constructors()  # it remembers which functions heed ``with torch.device``; before they are replaced
    with contextlib.ExitStack() as stack:
        for name, told in TOLD.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, told))
        for owner, name, own in (
                (torch, "Generator", Generator), (torch, "load", _load), (torch, "autocast", _autocast),
                (torch, "tensor", _made(_plain_tensor)), (torch, "as_tensor", _made(_plain_as_tensor)),
                (torch.Tensor, "to", _to), (torch.Tensor, "cuda", lambda self, *a, **k: _to(self, CUDA)),
                (torch.Tensor, "pin_memory", _pin), (torch.Tensor, "is_pinned", is_pinned)):
            stack.enter_context(mock.patch.object(owner, name, own))
        stack.enter_context(Operators())
        late.clear()
        yield
