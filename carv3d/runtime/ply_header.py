"""What a file of points or Gaussians holds, by its header alone: no numpy, so that a configuration is checked at once.

The format is Turk's PLY (1994): a header of text lines, then the rows of its elements one after the other, as text or
as bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from carv3d.runtime.errors import UserError, shown

LONGEST = 1 << 20  # bytes of a header
DIGITS = 40  # of a number of rows
ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
SIZES = {"i1": 1, "u1": 1, "i2": 2, "u2": 2, "i4": 4, "u4": 4, "f4": 4, "f8": 8}  # bytes
TYPES = {"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
         "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
         "float32": "f4", "float64": "f8"}
LINES = {"format": "format ascii, binary_little_endian or binary_big_endian 1.0, once",
         "element": "element NAME ROWS, each name once, ROWS a whole number",
         "property": "property TYPE NAME, after an element, each name once in it, TYPE one of PLY's eight"}
WANTED = ("chunk", "vertex", "sh")  # elements that are read


@dataclass(frozen=True)
class Element:
    """count: its rows. properties: name -> a key of SIZES, or "list"."""

    name: str
    count: int
    properties: dict[str, str] = field(default_factory=dict)

    def least_bytes(self, text: bool) -> int:
        """What its rows take at least; a text's value is a digit and what parts it from the next."""
        row = sum(2 if text else SIZES.get(kind, 1) for kind in self.properties.values())
        return self.count * row


@dataclass(frozen=True)
class Header:
    """order: of bytes, < or >; empty for text. elements: up to the last one that is read. size: bytes of the header
    itself. comments: their text, its words parted by single spaces."""

    order: str
    elements: dict[str, Element]
    size: int
    comments: tuple[str, ...] = ()

    @property
    def vertex(self) -> dict[str, str]:
        return self.elements["vertex"].properties

    @property
    def kind(self) -> str:
        """packed (PlayCanvas' compressed form), splats or points."""
        if "packed_position" in self.vertex:
            return "packed"
        gaussian = {"scale_0", "rot_0"} & set(self.vertex) or {"f_dc_0", "opacity"} <= set(self.vertex)
        return "splats" if gaussian else "points"


def kind(path: Path) -> str | None:
    """splats or points; None for a file that is neither a PLY nor named .splat; UserError for a damaged header."""
    if not is_ply(path):
        return "splats" if path.suffix.lower() == ".splat" else None
    return "points" if read(path).kind == "points" else "splats"


def is_ply(path: Path) -> bool:
    """Whether a file begins like one; UserError if it cannot be read."""
    return _begin(path, 4) in (b"ply\n", b"ply\r", b"ply ")


def _begin(path: Path, count: int) -> bytes:
    """The first ``count`` bytes."""
    try:
        with open(path, "rb") as file:
            return file.read(count)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give a PLY of points or Gaussians") from None


def read(path: Path) -> Header:
    """The header of a PLY; UserError unless it is one, has a vertex element with rows, and the file is long enough."""
    content = _begin(path, LONGEST)
    order, elements, size, comments = _parse(path, content)
    if "vertex" not in elements:
        raise UserError(f"{path}: no vertex element in it ({', '.join(elements) or 'no element at all'}); give a PLY "
                        "of points or Gaussians")
    if not elements["vertex"].count:
        raise UserError(f"{path} holds no points: its vertex element has 0 rows; give a file with some")
    names = list(elements)
    read_ones = names[:1 + max(i for i, name in enumerate(names) if name in WANTED)]
    header = Header(order, {name: elements[name] for name in read_ones}, size, comments)
    need = sum(element.least_bytes(not order) for element in header.elements.values()) - (not order)
    if need > (there := path.stat().st_size - size):
        raise UserError(f"{path}: cut short: {elements['vertex'].count:,} rows of vertex in its header mean at least "
                        f"{need:,} bytes after it, {there:,} are there; write the file again")
    return header


def _parse(path: Path, content: bytes) -> tuple[str, dict[str, Element], int, tuple[str, ...]]:
    """Order, elements, size and comments of a header; lines end in LF, CR LF or CR, comments may be in any encoding."""
    end = b"\r" if content[3:4] == b"\r" and content[4:5] != b"\n" else b"\n"
    order, elements, comments, at = None, dict[str, Element](), list[str](), 0
    while (stop := content.find(end, at)) >= 0:
        line, first, at = content[at:stop].decode("latin-1").split(), not at, stop + 1
        own = list(elements.values())[-1].properties if elements else {}
        match line:
            case _ if first and line != ["ply"]:
                break
            case ["end_header"] if order is not None:
                return order, elements, at, tuple(comments)
            case ["format", named, "1.0"] if order is None and named in ORDERS:
                order = ORDERS[named]
            case ["element", name, count] if name not in elements and _whole(count):
                elements[name] = Element(name, int(count))
            case ["property", *words, name] if elements and name not in own and (found := _type(words)):
                own[name] = found
            case ["ply"] if first:
                pass
            case ["comment", *words]:
                comments.append(" ".join(words))
            case [] | ["obj_info", *_]:
                pass
            case [word, *_]:
                wanted = LINES.get(word, "format, element, property, comment or end_header")
                raise UserError(f"{path}: not a PLY that can be read: header line {shown(' '.join(line))}; allowed: "
                                f"{wanted}; write the file again")
    why = "its header has no end" if content.startswith(b"ply") else "it does not begin with ply"
    raise UserError(f"{path}: not a PLY that can be read: {why}; give a PLY of points or Gaussians")


def _whole(count: str) -> bool:
    return count.isascii() and count.isdigit() and len(count) <= DIGITS


def _type(words: list[str]) -> str | None:
    """What a property's type is, as in ``Element``; None if it is none."""
    if len(words) == 3 and words[0] == "list" and set(words[1:]) <= set(TYPES):
        return "list"
    return TYPES.get(words[0]) if len(words) == 1 else None
