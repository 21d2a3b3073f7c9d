"""save/view.html: a scene in one page that a browser opens from disk, to be turned; no network, no server.

The page holds what ``scripts/viewer/viewer.js`` reads: JSON with, for each particle, a mesh, Gaussians, or neither,
each array deflated and in base64. All of it lies y up, front +z.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from string import Template

import numpy as np
import torch
from torch import Tensor

from carv3d.cameras import turntable
from carv3d.config import registry
from carv3d.config.schema import Config
from carv3d.export import smoothing, splat, texture
from carv3d.export.axes import Placement
from carv3d.export.surface import Surface, reduce
from carv3d.export.video import frames, lit
from carv3d.lights import AMBIENT, fixed
from carv3d.runtime.errors import UserError, one_line
from carv3d.runtime.files import write_bytes, write_text
from carv3d.runtime.types import Record
from carv3d.scenes.base import Scene
from carv3d.scenes.splats import Splats

LARGEST = 5_900_000  # bytes of a page with everything in it
FACES = 40_000  # of a page's mesh; of all its meshes together 100,000
POSTER_SIZE = 320  # pixels
DEGREE = 2  # of the harmonics that the page's renderer knows
PLACE = Placement("y")
VIEWER = Path(__file__).parent / "viewer"


@dataclass
class Packed:
    """A particle as the page holds it. notes: what the page says of it."""

    mesh: Record | None = None
    splats: Record | None = None
    notes: list[str] = field(default_factory=list)


def pack(scenes: Sequence[Scene], surfaces: Sequence[Surface | None], cell: float, config: Config, device: torch.device
         ) -> list[Packed]:
    """Each scene with what can be drawn of it.

    surfaces: of each scene, from a grid with cells of ``cell`` half sides of its box; None where it has none. They are
    smoothed as ``export.smooth`` says, reduced to ``FACES`` and coloured at the vertices.
    """
    room = (LARGEST - len(program()) - 300_000) // len(scenes)  # characters; 300,000 for the poster and the page itself
    faces, out = min(FACES, 100_000 // len(scenes)), []
    for scene, surface in zip(scenes, surfaces, strict=True):
        made = Packed()
        if surface is not None:
            made.mesh = _mesh(scene, surface, cell * scene.bound, faces, config, device)
        left = room - len(json.dumps(made.mesh))
        if (own := scene.splats) is not None:
            try:
                made.splats = _splats(own, left, made.notes) | {"antialias": _antialias(config)}
            except UserError as error:  # nothing that could be drawn
                made.notes.append(str(error))
        if not (made.mesh or made.splats):
            made.notes.append("No surface was found in this scene, so its picture stands still.")
        out.append(made)
    return out


def _mesh(scene: Scene, found: Surface, cell: float, faces: int, config: Config, device: torch.device) -> Record:
    """cell: world units. Positions are 16-bit steps within the mesh's box, colours bytes of display values."""
    made = reduce(smoothing.smoothed(found, config.export.smooth, scene.bound), faces)
    colours = texture.colours(scene, made.vertices, made.normals, 2 * cell, device, lambda count: None)
    points = PLACE.points(made.vertices).astype(np.float64)
    low, step = points.min(0), np.maximum(np.ptp(points, 0), 1e-9) / 65535
    return {"low": low.tolist(), "step": step.tolist(), "faces": _packed(made.faces.astype("<u4")),
            "positions": _packed(np.round((points - low) / step).astype("<u2")),
            "colours": _packed(texture.to_bytes(colours))}


def _splats(splats: Splats, room: int, notes: list[str]) -> Record:
    """Gaussians as a splat file of at most ``room`` characters, which gives up harmonics first and then the Gaussians
    that show least."""
    degree, whole = min(splats.degree, DEGREE), len(splats)
    while len(content := _ply(splats, degree)) > room and (degree or len(splats) > 1):
        if degree:
            degree -= 1
            continue
        kept = max(1, int(0.95 * len(splats) * room / len(content)))
        largest = splats.log_scales.detach().topk(2, -1).values.sum(-1)
        shows = torch.nn.functional.logsigmoid(splats.opacity_logits.detach()) + largest
        splats = splats[shows.argsort(descending=True)[:kept]]
    if len(splats) < whole:
        notes.append(f"The {len(splats):,} of {whole:,} Gaussians that show most are here: a page has its limits.")
    return {"ply": content, "degree": degree}


def _ply(splats: Splats, degree: int) -> str:
    cut = Splats(splats.means, splats.log_scales, splats.quaternions, splats.opacity_logits,
                 splats.sh[:, :(degree + 1) ** 2])
    with tempfile.TemporaryDirectory() as folder:
        path = splat.write(Path(folder) / "splats.ply", cut, place=PLACE, announce=lambda line: None)
        return _packed(np.frombuffer(path.read_bytes(), np.uint8))


def _packed(values: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(values).tobytes(), 6)).decode()


def _antialias(config: Config) -> bool:
    """Whether the scene's Gaussians are to be drawn so, for those classes that say."""
    return bool(getattr(registry.options(config, "scene"), "antialias", False))


def poster(scene: Scene, config: Config, device: torch.device) -> Tensor:
    """The scene from the front, as the page begins with it: [S,S,4] in [0,1], transparent where nothing is."""
    cameras = turntable(1, config.export.video_elevation, *config.data.middle_camera, POSTER_SIZE)
    (image,) = frames(scene, cameras, "transparent", device, lambda count: None, lit(config))
    return image


@lru_cache(maxsize=1)
def program() -> str:
    """The page's program and the libraries it is bundled with."""
    return (VIEWER / "viewer.js").read_text(encoding="utf-8")


def shared_name() -> str:
    """Of the program in a folder whose pages share it: another program has another name, so that no page changes."""
    return f"viewer-{hashlib.sha256(program().encode()).hexdigest()[:12]}.js"


def share(folder: Path) -> str:
    """See that the program lies in ``folder``; its name there."""
    path = folder / shared_name()
    content = program().encode()
    if not path.is_file() or path.stat().st_size != len(content):
        write_bytes(path, content)
    return path.name


def write(path: Path, particles: Sequence[Packed], image: bytes, config: Config, step: int, facts: Sequence[str],
          beside: Sequence[str] = (), shared: str = "") -> Path:
    """The page.

    image: the poster, a PNG file. facts: lines below the title. beside: names of files in the same folder that are
    linked to. shared: where the program lies, relative to the page; empty: within the page.
    """
    distance, fovy_deg = config.data.middle_camera
    (towards,) = PLACE.directions(fixed(1).towards.numpy()).tolist()
    data = {"particles": [vars(each) for each in particles], "distance": distance, "fovy_deg": fovy_deg,
            "elevation": config.export.video_elevation, "lit": lit(config), "towards": towards, "ambient": AMBIENT}
    missing = (f"document.getElementById('notes').textContent='{shared.rsplit('/')[-1]} is missing, which the pages of "
               "a sweep share: leave them in its folder, or see carv3d view.'")
    text = _template().substitute(
        step=step, title=html.escape(one_line(config.prompt)), facts=html.escape("; ".join(facts)),
        poster=f"data:image/png;base64,{base64.b64encode(image).decode()}",
        links=" · ".join(f"<a href=\"{html.escape(name)}\">{html.escape(name)}</a>" for name in beside),
        data=json.dumps(data).replace("<", "\\u003c"),
        program=(f"<script src=\"{html.escape(shared)}\" onerror=\"{html.escape(missing)}\"></script>" if shared
                 else f"<script>{program()}</script>"))
    if len(text) > LARGEST:
        raise UserError(f"{path} was not written: {len(text):,} bytes, and a page may have {LARGEST:,}")
    write_text(path, text)
    return path


@lru_cache(maxsize=1)
def _template() -> Template:
    return Template((VIEWER / "page.html").read_text(encoding="utf-8"))
