"""What the variance between views is made of: a function whose shares are known, and the command."""

import json
import math
from pathlib import Path

import pytest
import torch

from carv3d.carv.bootstrap import Bootstrap
from carv3d.cli import main
from carv3d.measure.dimensions import shares

PAIRS = 4000


def rows(own_noise, seed=0):
    """g(u, v, w) = (2 u', 3 v', 6 v' w') + 5 with centred coordinates of variance 1/12 and noise of each call's own."""
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.rand(2, PAIRS, 3, generator=generator, dtype=torch.float64) - 0.5

    def g(points):
        u, v, w = points.T
        value = torch.stack([2 * u, 3 * v, 6 * v * w], 1) + 5
        return value + own_noise * torch.randn(PAIRS, 3, generator=generator, dtype=torch.float64)

    def mixed(*which):
        points = a.clone()
        points[:, which] = b[:, which]
        return g(points)

    return {"a": g(a), "again": g(a), "b": g(b), "u": mixed(0), "v": mixed(1), "w": mixed(2), "vw": mixed(1, 2)}


@pytest.mark.parametrize("own_noise", [0.0, 1.0])
def test_shares_of_a_known_function(own_noise):
    """Variances: u 4/12, v 9/12, v and w together 36/144; in all 4/3. Within 0.15 of every share, where the interval's
    half width is at most 0.05: six standard errors, a false alarm in 1e8. The control: noise that two calls shared
    would count as variance between views."""
    found = shares(rows(own_noise), Bootstrap(PAIRS, torch.Generator().manual_seed(1)))
    assert found["between"]["value"] == pytest.approx(4 / 3, rel=0.15) and found["signal"] == pytest.approx(75, rel=0.02)
    truth = {"u": (1 / 4, 1 / 4), "v": (9 / 16, 3 / 4), "w": (0, 3 / 16), "vw": (3 / 4, 3 / 4)}
    for name, (first, total) in truth.items():
        for kind, share in (("first", first), ("total", total)):
            number = found["groups"][name][kind]
            assert number["value"] == pytest.approx(share, abs=0.15), (name, kind)
            assert number["low"] <= number["value"] <= number["high"] and number["high"] - number["low"] < 0.3
    if own_noise:
        known = rows(own_noise)
        wrong = shares({**known, "again": known["a"]}, Bootstrap(PAIRS, torch.Generator().manual_seed(1)))
        assert wrong["between"]["value"] > 3


def test_the_command_leaves_the_run_alone_and_names_what_a_view_is_made_of(tmp_path, capsys):
    small = ["prompt=a red mushroom", "data.width=16", "data.height=16", "teacher.type=exact",
             "teacher.exact.set_size=8", "data.views=4", "scene.type=image", "scene.image.size=16"]
    assert main(["measure", "--views", "6", "--warm-up", "2", "--out", str(tmp_path / "out"), *small]) == 0
    out = capsys.readouterr().out
    state = json.loads((Path(tmp_path) / "out" / "views.json").read_text())["states"][0]
    assert state["views"] == 6 and "background" in out and "light" not in out
    for space in ("raw", "adam", "picture"):
        groups = state["spaces"][space]["groups"]
        assert list(groups) == ["azimuth", "elevation", "distance", "fovy", "background", "camera", "samples along rays"]
        assert all(math.isfinite(one[kind][end]) for one in groups.values() for kind in one for end in one[kind])
        assert groups["distance"]["total"]["value"] == pytest.approx(0, abs=1)  # an image is the same from anywhere
