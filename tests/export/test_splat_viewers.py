"""Splat files as web viewers draw them in headless Chromium: Spark, and three.js' own splats. See tests/web/README.md."""

from pathlib import Path

import browser
import numpy as np
import pytest
import torch

from carv3d.cameras import orbit
from carv3d.config.export import FORMATS
from carv3d.export import splat
from carv3d.export.axes import Placement
from carv3d.scenes.gaussians import Gaussians
from carv3d.scenes.splats import SH_C0, Splats
from carv3d.scenes.turns import UP

SIZE = 192
HALF = 0.5**0.5
TURNS = {"y": (0, 0, 0, 1), "-y": (1, 0, 0, 0), "z": (-HALF, 0, 0, HALF)}
"""Quaternions xyzw around x, by which a page with y up stands a file upright; of y none, of 3DGS's the one in Spark's
own first example."""
MISSING = browser.missing("@sparkjsdev/spark")
pytestmark = pytest.mark.skipif(MISSING is not None, reason=f"needs a browser with three.js and Spark: {MISSING}")


def figure(degree: int = 3) -> Splats:
    """A green ball with a blue nose in front, +x, and a red hat on top, +z; its colours depend on the direction."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    means = [torch.nn.functional.normalize(draw(1500, 3), dim=1) * 0.35,
             draw(200, 3) * 0.06 + torch.tensor([0.0, 0.0, 0.5]), draw(200, 3) * 0.05 + torch.tensor([0.45, 0.0, 0.0])]
    colours = torch.tensor([[0.2, 0.6, 0.2], [0.8, 0.1, 0.1], [0.1, 0.2, 0.9]])
    dc = (colours.repeat_interleave(torch.tensor([len(each) for each in means]), 0) - 0.5) / SH_C0
    count = len(dc)
    sh = torch.cat([dc[:, None], draw(count, 15, 3) * 0.2], 1)[:, :(degree + 1) ** 2]
    return Splats(torch.cat(means), draw(count, 3) * 0.4 - 3.3, draw(count, 4), draw(count) + 1, sh.contiguous())


def views() -> tuple[list[list[float]], list[np.ndarray], list[np.ndarray]]:
    """Two eyes in glTF's axes, and carv3d's own pictures from there: with the harmonics, and without."""
    cameras = orbit([30.0, 200.0], [20.0, -10.0], 2.65, 40.0, SIZE, SIZE)
    pictures = []
    for degree in (3, 0):
        scene = Gaussians(figure(degree), bound=1.0, antialias=True, raster_backend="auto")
        with torch.no_grad():
            pictures.append(list(scene.render(cameras, torch.ones(2, 3)).rgb.numpy()))
    return [(UP["y"] @ c2w[:3, 3].numpy()).tolist() for c2w in cameras.c2w], *pictures


def drawn(folder: Path, viewer: str, kinds: list[str], turned: bool = True) -> dict[str, list[np.ndarray]]:
    """{format: pictures [S,S,3] from both eyes} of the figure's files in a viewer."""
    eyes, _, _ = views()
    jobs = []
    for kind in kinds:
        said = FORMATS[kind]
        path = splat.write(folder / f"a.{said.ending}", figure(), kind=kind, place=Placement(said.up), antialiased=True)
        jobs += [{"model": str(path), "name": path.name, "viewer": viewer, "size": SIZE, "fovy_deg": 40.0, "eye": eye,
                  "turn": TURNS[said.up if turned else "y"]} for eye in eyes]
    pictures = [each[..., :3] / 255 for each in browser.draw(jobs, page="splats.html")]
    return {kind: pictures[2 * i:2 * i + 2] for i, kind in enumerate(kinds)}


def psnr(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    return float(-10 * np.log10(np.square(np.stack(a) - np.stack(b)).mean()))


def test_spark_shows_what_carv3d_renders(tmp_path):
    """Every format that it reads, stood upright by a turn around x, if any. Control: lying files look otherwise."""
    _, own, plain = views()
    kinds = ["ply", "splat", "spz", "compressed.ply"]
    found = drawn(tmp_path, "spark", kinds)
    near = {kind: psnr(pictures, plain if kind == "splat" else own) for kind, pictures in found.items()}
    print(", ".join(f"{kind} {each:.1f} dB" for kind, each in near.items()))
    assert min(near.values()) > 36
    lying = drawn(tmp_path, "spark", ["ply", "splat"], turned=False)
    assert max(psnr(pictures, own) for pictures in lying.values()) < 20
    assert psnr(found["ply"], plain) < near["ply"] - 8  # the control for harmonics


def test_three_js_shows_the_same_whatever_the_format(tmp_path):
    """Its edges are harder than ours; but the extension of glTF, 3DGS's PLY and SPZ give one picture."""
    _, own, plain = views()
    found = drawn(tmp_path, "three", ["splat.glb", "ply", "spz", "splat"])
    near = {kind: psnr(pictures, plain if kind == "splat" else own) for kind, pictures in found.items()}
    same = {kind: psnr(found[kind], found["splat.glb"]) for kind in ("ply", "spz")}
    print(", ".join(f"{kind} {each:.1f} dB" for kind, each in near.items()), same)
    assert min(near.values()) > 23 and min(same.values()) > 38
    lying = drawn(tmp_path, "three", ["ply"], turned=False)["ply"]
    assert psnr(lying, found["ply"]) < 20
