"""A mesh as one binary glTF 2.0 file (Khronos, ISO/IEC 12113:2022)."""

from __future__ import annotations

import json
import struct
from typing import NamedTuple

import numpy as np

from carv3d.runtime.types import Record

FLOAT, BYTE, INDEX = 5126, 5121, 5125  # component types
VERTICES, INDICES = 34962, 34963  # what a view of the buffer holds
FILTER = {"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}  # smooth, with smaller copies, clamped


class Material(NamedTuple):
    """Of a whole mesh: both from 0 to 1; what glTF and others make of light."""

    metallic: float = 0.0
    roughness: float = 1.0


def packed(attributes: dict[str, np.ndarray], faces: np.ndarray, material: Material, images: dict[str, bytes]) -> bytes:
    """attributes: by their names in glTF, [V,2..4], float32, or uint8 for what counts from 0 to 1. faces: [F,3].
    images: PNG files, ``baseColorTexture`` and ``normalTexture``, each where there is one."""
    head: Record = {"asset": {"version": "2.0", "generator": "carv3d"}, "scene": 0, "scenes": [{"nodes": [0]}],
                    "nodes": [{"name": "mesh", "mesh": 0}]}
    body, views, accessors = bytearray(), list[Record](), list[Record]()

    def view(content: bytes, **also: int) -> int:
        views.append({"buffer": 0, "byteOffset": len(body), "byteLength": len(content), **also})
        body.extend(content + bytes(-len(content) % 4))
        return len(views) - 1

    def accessor(values: np.ndarray, kind: str, component: int, target: int, **also: object) -> int:
        accessors.append({"bufferView": view(values.tobytes(), target=target), "componentType": component,
                          "count": len(values), "type": kind, **also})
        return len(accessors) - 1

    where: dict[str, int] = {}
    for name, values in attributes.items():
        ends = {"min": values.min(0).tolist(), "max": values.max(0).tolist()} if name == "POSITION" else {}
        whole = values.dtype == np.uint8
        where[name] = accessor(values if whole else values.astype("<f4"), f"VEC{values.shape[1]}",
                               BYTE if whole else FLOAT, VERTICES, **ends, **({"normalized": True} if whole else {}))
    index = accessor(faces.astype("<u4").ravel(), "SCALAR", INDEX, INDICES)
    head["meshes"] = [{"name": "mesh", "primitives": [{"attributes": where, "indices": index, "material": 0}]}]
    textures = {name: {"index": i} for i, name in enumerate(images)}
    looks: Record = {"metallicFactor": material.metallic, "roughnessFactor": material.roughness}
    if "baseColorTexture" in textures:
        looks["baseColorTexture"] = textures.pop("baseColorTexture")
    head["materials"] = [{"name": "carv3d", "pbrMetallicRoughness": looks, **textures}]
    if images:
        head["images"] = [{"name": name, "mimeType": "image/png", "bufferView": view(content)}
                          for name, content in images.items()]
        head["samplers"] = [FILTER]
        head["textures"] = [{"source": i, "sampler": 0} for i in range(len(images))]
    head |= {"accessors": accessors, "bufferViews": views, "buffers": [{"byteLength": len(body)}]}
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(body)),
                     struct.pack("<I4s", len(text), b"JSON"), text, struct.pack("<I4s", len(body), b"BIN\0"), body])
