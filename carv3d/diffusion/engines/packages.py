"""Which packages an engine needs, and which are here. Imports nothing heavy."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from carv3d.runtime.errors import UserError

PACKAGES = {"numba": ("numba",), "openvino": ("openvino",),
            "onnxruntime": ("onnxruntime", "onnx")}  # torch exports through onnx


def missing(engine: str) -> list[str]:
    """Of its packages; all of them count as there that can be found, broken or not."""
    return [name for name in PACKAGES[engine] if find_spec(name) is None]


def installed() -> list[str]:
    """The engines whose packages are here."""
    return [engine for engine in PACKAGES if not missing(engine)]


def require(engine: str) -> None:
    """UserError where a package of a named engine is not here."""
    if lacking := missing(engine):
        raise UserError(f"teacher.engine: {engine} given, whose packages are not installed here "
                        f"({', '.join(lacking)}): pip install {' '.join(lacking)}; a new run can also take "
                        "teacher.engine=auto or torch")


def versions(engine: str) -> str:
    """Of its packages, by which what was made of a network is told from what another version made."""
    found = []
    for name in PACKAGES[engine]:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:  # a copy beside the registry's
            found.append(f"{name} of an unknown version")
    return ", ".join(found)
