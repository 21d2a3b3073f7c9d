"""The rows of a PLY's elements, as columns by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from carv3d.runtime.errors import UserError, shown
from carv3d.runtime.ply_header import Element, Header

Rows = dict[str, np.ndarray]  # property -> [N], of the type that the header gives it


def read(path: Path, header: Header) -> dict[str, Rows]:
    """The rows of each element that the header names; UserError if they are not what it says."""
    for element in header.elements.values():
        if lists := [name for name, kind in element.properties.items() if kind == "list"]:
            raise UserError(f"{path}: property {shown(lists[0])} of element {shown(element.name)} is a list; allowed "
                            "there, and before the vertices: single numbers; write the file again")
    elements = [element for element in header.elements.values() if element.properties]
    read_all = _binary if header.order else _text
    try:
        return read_all(path, header, elements)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def _binary(path: Path, header: Header, elements: list[Element]) -> dict[str, Rows]:
    found = {}
    with open(path, "rb") as file:
        file.seek(header.size)
        for element in elements:
            dtype = np.dtype([(name, header.order + kind) for name, kind in element.properties.items()])
            table = np.fromfile(file, dtype, element.count)
            found[element.name] = {name: table[name] for name in element.properties}
    return found


def _text(path: Path, header: Header, elements: list[Element]) -> dict[str, Rows]:
    with open(path, "rb") as file:
        file.seek(header.size)
        lines = [line for line in file.read().decode("latin-1").splitlines() if not line.isspace() and line]
    found = {}
    for element in elements:
        mine, lines = lines[:element.count], lines[element.count:]
        try:
            table = np.loadtxt(mine, comments=None, ndmin=2) if mine else np.zeros((0, len(element.properties)))
        except ValueError as error:
            raise UserError(f"{path}: a row of {shown(element.name)} is not {len(element.properties)} numbers "
                            f"({error}); write the file again") from None
        if table.shape != (element.count, len(element.properties)):
            raise UserError(f"{path}: {table.shape[0]:,} rows of {table.shape[1]} numbers given for element "
                            f"{shown(element.name)}; its header says {element.count:,} of {len(element.properties)}; "
                            "write the file again")
        found[element.name] = {name: _typed(path, name, column, kind)
                               for (name, kind), column in zip(element.properties.items(), table.T, strict=True)}
    return found


def _typed(path: Path, name: str, column: np.ndarray, kind: str) -> np.ndarray:
    """A column of text as the type that its header gives it."""
    typed = column.astype(kind)
    if kind[0] != "f" and (typed != column).any():
        raise UserError(f"{path}: {shown(name)} holds a number that its type, {np.dtype(kind).name}, cannot; write the "
                        "file again")
    return typed
