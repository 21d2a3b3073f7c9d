"""What the pretended device and the stand-ins must refuse, each beside the nearest thing that they must take."""

from __future__ import annotations

from collections.abc import Callable

import numpy
import pretend
import stubs
import torch
from torch import Tensor

Tried = Callable[[Tensor, Tensor], object]  # of a tensor [3,3] on the device, and of one on the CPU


def _drawn(where: str, generator: str) -> Tensor:
    return torch.randn(2, device=where, generator=torch.Generator(generator).manual_seed(1))


def _in_place(target: Tensor, source: Tensor) -> Tensor:
    return target.clone().add_(source)


def _placed(target: Tensor, index: Tensor, value: Tensor) -> Tensor:
    target = target.clone()
    target[index] = value
    return target


def _learnt(parameter: Tensor, gradient: Tensor) -> None:
    parameter = torch.nn.Parameter(parameter.clone())
    parameter.grad = gradient
    torch.optim.Adam([parameter], fused=True).step()


def _loaded(cuda: Tensor, cpu: Tensor) -> Tensor:
    module = torch.nn.Linear(3, 3, bias=False).to("cuda")
    module.load_state_dict({"weight": cpu})
    return module.weight + cuda


def _scan(start: Tensor, count: Tensor, values: Tensor) -> Tensor:
    return stubs.exclusive_sum(start, count, values, False, False)


ONE = torch.ones(1, dtype=torch.long)
REFUSALS: dict[str, tuple[Tried, Tried]] = {  # name -> what is refused, what is taken
    "a sum of both devices": (lambda a, b: a + b, lambda a, b: a + b[0, 0]),
    "a product of both devices": (lambda a, b: a @ b, lambda a, b: a @ b.to(a)),
    "a list of both devices": (lambda a, b: torch.stack([a, b]), lambda a, b: torch.stack([a, a])),
    "a CUDA scalar in a sum of the CPU": (lambda a, b: b + a[0, 0] * torch.ones(2), lambda a, b: b + float(a[0, 0])),
    "a CUDA tensor added in place to one of the CPU": (lambda a, b: _in_place(b[0, 0], a[0, 0]),
                                                       lambda a, b: _in_place(a, b[0, 0])),
    "a scalar of the CPU where it must be on the device": (lambda a, b: torch.lerp(a, a, b[0, 0]),
                                                           lambda a, b: torch.lerp(a, a, a[0, 0])),
    "a choice between both devices": (lambda a, b: torch.where(a > 0, a, b), lambda a, b: torch.where(a > 0, a, 0.0)),
    "an index of the device into the CPU": (lambda a, b: b[(a[0] > 9).long()], lambda a, b: a[(b[0] > 9).long()]),
    "a mask of the device on the CPU": (lambda a, b: b[a > 0], lambda a, b: a[a > 0]),
    "a value of the CPU put into the device": (lambda a, b: _placed(a, a > 0, b[0]),
                                               lambda a, b: _placed(a, b > 0, b[0, 0])),
    "sums by an index of the other device": (lambda a, b: a.index_add(0, ONE, a[:1]),
                                             lambda a, b: a.index_add(0, ONE.to("cuda"), a[:1])),
    "a search of both devices": (lambda a, b: torch.searchsorted(a[0].sort()[0], b[0]),
                                 lambda a, b: torch.searchsorted(a[0].sort()[0], a[0])),
    "numpy of a CUDA tensor": (lambda a, b: a.numpy(), lambda a, b: a.cpu().numpy()),
    "an array of a CUDA tensor": (lambda a, b: numpy.asarray(a), lambda a, b: numpy.asarray(b)),
    "a CUDA tensor beside an array": (lambda a, b: torch.from_numpy(numpy.ones((3, 3))) * a,
                                      lambda a, b: torch.from_numpy(numpy.ones((3, 3))) * b),
    "numbers of the device by the CPU's generator": (lambda a, b: _drawn("cuda", "cpu"), lambda a, b: _drawn("cpu", "cpu")),
    "numbers of the CPU by the device's generator": (lambda a, b: _drawn("cpu", "cuda"), lambda a, b: _drawn("cuda", "cuda")),
    "noise in place by the other's generator": (lambda a, b: a.clone().normal_(generator=torch.Generator()),
                                                lambda a, b: b.clone().normal_(generator=torch.Generator())),
    "pinned memory of a CUDA tensor": (lambda a, b: a.pin_memory(), lambda a, b: b.pin_memory()),
    "a gradient of the other device": (lambda a, b: _learnt(a, b), lambda a, b: _learnt(a, a)),
    "data of the other device": (lambda a, b: setattr(a.clone(), "data", b), lambda a, b: setattr(a.clone(), "data", a)),
    "a sum after a state of the CPU was loaded": (lambda a, b: _loaded(a, b) + b, lambda a, b: _loaded(a, b)),
    "nerfacc: values that are not contiguous": (
        lambda a, b: _scan(a[0, :1].long(), a[0, :1].long() + 3, a[:, 0]),
        lambda a, b: _scan(a[0, :1].long(), a[0, :1].long() + 3, a[0])),
    "nerfacc: chunks in int32": (lambda a, b: _scan(a[0, :1].int(), a[0, :1].int() + 3, a[0]),
                                 lambda a, b: _scan(a[0, :1].long(), a[0, :1].long() + 3, a[0])),
    "gsplat: a camera of the CPU": (lambda a, b: stubs.require("cameras", b), lambda a, b: stubs.require("cameras", a)),
    "gsplat: float64": (lambda a, b: stubs.require("means", a.double()), lambda a, b: stubs.require("means", a)),
    "tinycudann: points of the CPU": (lambda a, b: _grid()(b), lambda a, b: _grid()(a)),
    "tinycudann: bfloat16": (lambda a, b: _grid(dtype=torch.bfloat16), lambda a, b: _grid(dtype=torch.float32)),
    "tinycudann: three features a row": (lambda a, b: _grid(features=3), lambda a, b: _grid(features=4)),
    "times of events without timing": (lambda a, b: _times(False), lambda a, b: _times(True)),
    "numbers that are still on their way": (lambda a, b: _arrived(a, b, False), lambda a, b: _arrived(a, b, True)),
}


def _grid(features: int = 2, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    return stubs.Encoding(3, {"otype": "HashGrid", "n_levels": 2, "n_features_per_level": features}, dtype=dtype)


def _times(timing: bool) -> float:
    first, last = torch.cuda.Event(enable_timing=timing), torch.cuda.Event(enable_timing=timing)
    first.record(), last.record()
    return first.elapsed_time(last)


def _arrived(cuda: Tensor, cpu: Tensor, waited: bool) -> None:
    """Not refused by the device, but seen: it holds no number until the event was waited for."""
    target, event = torch.zeros_like(cpu).pin_memory(), torch.cuda.Event()
    target.copy_(cuda, non_blocking=True)
    event.record()
    if waited:
        event.synchronize()
    if not torch.equal(target, cuda.cpu() if waited else target.nan_to_num()):
        raise pretend.Refused("not there yet")


def refused(name: str) -> None:
    """The one is refused, the other taken."""
    bad, good = REFUSALS[name]
    cpu = torch.arange(9.0).view(3, 3) / 9
    cuda = cpu.to("cuda")
    good(cuda, cpu)
    pretend.arrived()
    try:
        bad(cuda, cpu)
    except (RuntimeError, TypeError, ValueError):
        return
    finally:
        pretend.arrived()
    raise AssertionError(f"taken: {name}")
