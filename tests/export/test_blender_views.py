"""Exported mugs as Blender renders them, from above and from the front: hollow, and the handle on at both ends."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from fields import CPU, Analytic, stage

from carv3d.export import mesh, volume
from carv3d.toybox import distance
from carv3d.toybox.grammar import parse

SCRIPTS = Path(__file__).parents[2] / "scripts"
BLENDER = os.environ.get("CARV3D_BPY_PYTHON") or (sys.executable if importlib.util.find_spec("bpy") else None)
_spec = importlib.util.spec_from_file_location("eval_mug", SCRIPTS / "eval_mug.py")
eval_mug = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(eval_mug)


def mug(points):
    return torch.from_numpy(distance.signed_distance(parse("a green mug"), points.numpy())).float()


def lidded(points):
    """The mug with a block in its hollow, up to just under the rim: what views from the side alone would give."""
    block = torch.maximum(torch.hypot(points[:, 0], points[:, 1] + 0.14) - 0.42, points[:, 2].abs() - 0.42)
    return torch.minimum(mug(points), block)


def torn(points):
    """The mug without a piece of its handle, below the middle."""
    piece = (torch.stack([points[:, 1] - 0.55, points[:, 2]], -1).abs() - torch.tensor([0.15, 0.06])).amax(-1)
    return torch.maximum(mug(points), -piece)


@pytest.mark.skipif(BLENDER is None, reason="needs Blender as a module: pip install bpy, or name a Python that has it in "
                                            "CARV3D_BPY_PYTHON")
def test_blender_sees_a_mug_hollow_and_its_handle_on_at_both_ends(tmp_path):
    views, options, files = volume.cameras(2.65, 40.0, (-15.0, 85.0)), mesh.Options(resolution=96, texture_size=0), []
    for shape in (mug, lidded, torn):
        scene = Analytic(shape, colour=lambda points: torch.full_like(points, 0.5))
        made = mesh.extract(scene, views, CPU, options, stage, print)
        files.append(mesh.write_glb(tmp_path / f"{shape.__name__}.glb", made))
    found = [(eval_mug.hollow(above), eval_mug.gaps(front))
             for above, front in eval_mug.rendered(BLENDER, files, tmp_path / "seen")]
    print(found)
    (depth, gap), (no_depth, same), (same_depth, no_gap) = found
    assert depth > 0.75 and gap == 1
    assert no_depth < 0.2 and same == 1 and same_depth > 0.75 and no_gap == 0  # the controls
    picture = tmp_path / "row.png"
    subprocess.run([BLENDER, str(SCRIPTS / "blender_views.py"), "row", str(picture), *map(str, files[:2]), "--size", "64",
                    "--samples", "4"], check=True, capture_output=True)
    from PIL import Image

    shown = np.asarray(Image.open(picture).convert("RGB")).astype(float)
    assert shown.shape == (64, 128, 3) and shown.std() > 20
