"""Which backends really work here, and which one a name or ``auto`` means."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache

import torch

from carv3d.runtime.errors import UserError
from carv3d.scenes.kernels.building import built_once


@dataclass(frozen=True)
class Probe:
    """name: a package. works: one of its operations ran. note: its version, or why not and what to do."""

    name: str
    works: bool
    note: str


def _numba() -> None:
    import numba

    numba.njit(lambda x: x + 1)(1)


def _build_key() -> str:
    """What compiled kernels depend on, beside their package's version."""
    major, minor = torch.cuda.get_device_capability()
    return f"torch{torch.__version__}-sm{major}{minor}"


def _nerfacc() -> None:
    import nerfacc

    with built_once("nerfacc", f"{nerfacc.__version__}-{_build_key()}"):
        _use_nerfacc()


def _use_nerfacc() -> None:
    import nerfacc

    one = torch.ones(1, device="cuda")
    nerfacc.accumulate_along_rays(one, one[:, None], ray_indices=one.long() - 1, n_rays=1).sum().item()
    nerfacc.render_weight_from_density(one * 0, one, one, ray_indices=one.long() - 1, n_rays=1)[0].sum().item()


def _tinycudann() -> None:
    import tinycudann

    tinycudann.Encoding(3, {"otype": "HashGrid"})(torch.zeros(128, 3, device="cuda")).sum().item()


def _gsplat() -> None:
    import gsplat

    from carv3d.scenes.kernels.splats.cuda import require_version

    require_version()
    with built_once("gsplat", f"{gsplat.__version__}-{_build_key()}"):
        _use_gsplat()


def _use_gsplat() -> None:
    import gsplat

    row = torch.ones(1, 3, device="cuda")
    gsplat.quat_scale_to_covar_preci(torch.ones(1, 4, device="cuda"), row)[0].sum().item()


def _triton() -> None:
    from carv3d.scenes.kernels.rays.levels import level_shapes
    from carv3d.scenes.kernels.rays.triton_grid import encode_triton

    resolution, row = level_shapes(1, 8, 1, 1)
    one = torch.ones(8, 1, device="cuda")
    encode_triton(one[:1].expand(1, 3), one, resolution, row).sum().item()


_REMEDY = {
    "numba": (_numba, False, "pip install numba"),
    "nerfacc": (_nerfacc, True, "pip install nerfacc, with nvcc and a C++ compiler: it builds itself at first use"),
    "tinycudann": (
        _tinycudann, True, "pip install git+https://github.com/NVlabs/tiny-cuda-nn/#subdirectory=bindings/torch"
    ),
    "gsplat": (_gsplat, True, 'pip install "gsplat>=1.5,<1.6", with nvcc and a C++ compiler: it builds itself at '
               "first use"),
    "triton": (_triton, True, "install a CUDA build of torch, which brings triton; older versions of it "
               "need a C compiler, too"),
}


@cache
def probe_one(name: str) -> Probe:
    """Run one operation of the package; never raises."""
    run, needs_cuda, remedy = _REMEDY[name]
    if needs_cuda and not torch.cuda.is_available():
        return Probe(name, False, f"needs a CUDA device that torch can see, and then: {remedy}")
    try:
        run()
        return Probe(name, True, getattr(importlib.import_module(name), "__version__", "works"))
    except Exception as error:  # a broken install can raise anything at all
        reason = (str(error).splitlines() or [""])[0]
        return Probe(name, False, f"{type(error).__name__}: {reason}; {remedy}")


def probe() -> list[Probe]:
    """Every optional backend in turn; never raises."""
    return [probe_one(name) for name in _REMEDY]


def choose(key: str, name: str, device: torch.device, fast_on: dict[str, tuple[str, ...]]) -> tuple[str, str]:
    """Resolve a backend name; ``auto`` takes the fast one of the device if it works, else torch.

    key: the option's name, for messages. fast_on: the compiled backends of each device type, the first of them the one
    that ``auto`` means, the others for those who name them; torch works everywhere.
    Returns: the name and one phrase saying why. Raises UserError if a named backend is unknown or does not work here.
    """
    known = ["auto", "torch", *dict.fromkeys(each for names in fast_on.values() for each in names)]
    if name not in known:
        raise UserError(f"{key}={name} is not one of {', '.join(known)}")
    if name == "torch":
        return name, "asked for"
    here = fast_on.get(device.type, ())
    if name not in ("auto", *here):
        raise UserError(f"{key}={name} does not run on {device.type}; use auto or torch")
    if not here:
        return "torch", f"nothing faster on {device.type}"
    fast = here[0] if name == "auto" else name
    result = probe_one(fast)
    if result.works:
        return fast, "asked for" if name == fast else f"fastest on {device.type}"
    if name == "auto":
        return "torch", f"{fast} does not work: {result.note}"
    raise UserError(f"{key}={name} does not work: {result.note}")
