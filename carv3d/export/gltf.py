"""Meshes and Gaussians as one binary glTF 2.0 file (Khronos, ISO/IEC 12113:2022)."""

from __future__ import annotations

import json
import struct
from typing import NamedTuple

import numpy as np

from carv3d.runtime.types import Record

FLOAT, BYTE, INDEX = 5126, 5121, 5125  # component types
VERTICES, INDICES = 34962, 34963  # what a view of the buffer holds
POINTS = 0  # mode of a primitive
KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
FILTER = {"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}  # smooth, with smaller copies, clamped
UNLIT, GAUSSIANS = "KHR_materials_unlit", "KHR_gaussian_splatting"
SPLATTING = {"kernel": "ellipse", "colorSpace": "srgb_rec709_display", "projection": "perspective",
             "sortingMethod": "cameraDistance"}


class Material(NamedTuple):
    """Of a whole mesh: metallic and roughness from 0 to 1, what glTF and others make of light; unlit: glTF alone, no
    light changes the colours."""

    metallic: float = 0.0
    roughness: float = 1.0
    unlit: bool = False


class File:
    """What a file is made of: the parts of its head, and the bytes that these point into."""

    def __init__(self) -> None:
        self.body, self.views, self.accessors = bytearray(), list[Record](), list[Record]()

    def view(self, content: bytes, **also: int) -> int:
        """The number of a view of the buffer that holds ``content``."""
        self.views.append({"buffer": 0, "byteOffset": len(self.body), "byteLength": len(content), **also})
        self.body.extend(content + bytes(-len(content) % 4))
        return len(self.views) - 1

    def accessor(self, values: np.ndarray, component: int, target: int, **also: object) -> int:
        """The number of an accessor to ``values`` [N,C]."""
        self.accessors.append({"bufferView": self.view(values.tobytes(), target=target), "componentType": component,
                               "count": len(values), "type": KINDS[values.shape[1]], **also})
        return len(self.accessors) - 1

    def attributes(self, arrays: dict[str, np.ndarray]) -> dict[str, int]:
        """Accessors to arrays [V,1..4] by their names in glTF: float32, or uint8 for what counts from 0 to 1."""
        where: dict[str, int] = {}
        for name, values in arrays.items():
            ends = {"min": values.min(0).tolist(), "max": values.max(0).tolist()} if name == "POSITION" else {}
            whole = values.dtype == np.uint8
            where[name] = self.accessor(values if whole else values.astype("<f4"), BYTE if whole else FLOAT, VERTICES,
                                        **ends, **({"normalized": True} if whole else {}))
        return where

    def packed(self, name: str, primitive: Record, extensions: list[str], **also: object) -> bytes:
        """The file: one node with a mesh of one primitive. extensions: those used, none required."""
        head: Record = {"asset": {"version": "2.0", "generator": "carv3d"}, "scene": 0, "scenes": [{"nodes": [0]}],
                        "nodes": [{"name": name, "mesh": 0}], "meshes": [{"name": name, "primitives": [primitive]}],
                        **({"extensionsUsed": extensions} if extensions else {}), **also,
                        "accessors": self.accessors, "bufferViews": self.views,
                        "buffers": [{"byteLength": len(self.body)}]}
        text = json.dumps(head, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        return b"".join([struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(self.body)),
                         struct.pack("<I4s", len(text), b"JSON"), text,
                         struct.pack("<I4s", len(self.body), b"BIN\0"), self.body])


def mesh(attributes: dict[str, np.ndarray], faces: np.ndarray, material: Material, images: dict[str, bytes]) -> bytes:
    """attributes: see ``File.attributes``. faces: [F,3]. images: PNG files, ``baseColorTexture`` and
    ``normalTexture``, each where there is one."""
    file = File()
    where = file.attributes(attributes)
    index = file.accessor(faces.astype("<u4").reshape(-1, 1), INDEX, INDICES)
    textures = {name: {"index": i} for i, name in enumerate(images)}
    looks: Record = {"metallicFactor": material.metallic, "roughnessFactor": material.roughness}
    if "baseColorTexture" in textures:
        looks["baseColorTexture"] = textures.pop("baseColorTexture")
    unlit: Record = {"extensions": {UNLIT: {}}} if material.unlit else {}
    also: Record = {"materials": [{"name": "carv3d", "pbrMetallicRoughness": looks, **textures, **unlit}]}
    if images:
        also["images"] = [{"name": name, "mimeType": "image/png", "bufferView": file.view(content)}
                          for name, content in images.items()]
        also["samplers"] = [FILTER]
        also["textures"] = [{"source": i, "sampler": 0} for i in range(len(images))]
    return file.packed("mesh", {"attributes": where, "indices": index, "material": 0},
                       [UNLIT] if material.unlit else [], **also)


def gaussians(means: np.ndarray, scales: np.ndarray, quaternions: np.ndarray, opacity: np.ndarray, sh: np.ndarray,
              fallback: np.ndarray) -> bytes:
    """Gaussians by the extension KHR_gaussian_splatting (Khronos, release candidate of 2026); a program that does not
    know it shows points. means: [N,3]. scales: [N,3], not logarithms. quaternions: [N,4], wxyz, of length 1. opacity:
    [N], 0 to 1. sh: [N,(degree+1)^2,3] in 3DGS's order, which is the extension's. fallback: [N,4] uint8, the colours
    of the points, linear light, and their opacity."""
    named = {"ROTATION": np.roll(quaternions, -1, axis=1), "SCALE": scales, "OPACITY": opacity[:, None]}
    for each in range(sh.shape[1]):
        degree = int(each**0.5)
        named[f"SH_DEGREE_{degree}_COEF_{each - degree**2}"] = sh[:, each]
    file = File()
    where = file.attributes({"POSITION": means, "COLOR_0": fallback,
                             **{f"{GAUSSIANS}:{name}": values for name, values in named.items()}})
    primitive = {"attributes": where, "mode": POINTS, "extensions": {GAUSSIANS: SPLATTING}}
    return file.packed("splats", primitive, [GAUSSIANS])
