"""What a run of ``carv3d distill`` leaves to be looked at: samples side by side, scores over time, a page."""

from __future__ import annotations

import io
from pathlib import Path

import imageio.v3 as iio
import torch
from matplotlib.figure import Figure
from torch import Tensor

from carv3d.report import figures, markup
from carv3d.report.markup import table, text
from carv3d.runtime.files import write_bytes, write_text
from carv3d.runtime.types import Record

SIDE, SHOWN = 4, 12  # screen pixels of one of a small picture's; pictures of a row
SAID = {"frechet": "Fréchet distance", "precision": "precision", "coverage": "coverage", "nearest": "nearest picture"}


def sheet(rows: dict[str, Tensor], side: int) -> Tensor:
    """[n,side^2] in [-1,1] by name -> a row each, from SHOWN pictures: [H,W] in [0,1] with lines between."""
    tiles = []
    for values in rows.values():
        pictures = ((values[:SHOWN].clamp(-1, 1) + 1) / 2).view(-1, side, side)
        large = pictures.repeat_interleave(SIDE, 1).repeat_interleave(SIDE, 2)
        tiles.append(torch.nn.functional.pad(large, (1, 1, 1, 1), value=1.0).permute(1, 0, 2).flatten(1))
    return torch.cat(tiles)


def png(image: Tensor) -> bytes:
    content = io.BytesIO()
    iio.imwrite(content, (image * 255).round().byte().numpy(), extension=".png")
    return content.getvalue()


def write(folder: Path, rows: dict[str, Tensor], side: int, curve: list[Record], scores: dict[str, Record],
          ledger: dict[str, int]) -> dict[str, str]:
    """save/samples.png, save/curve.png and index.html into a run's folder; their names by what they are. curve: lines
    of metrics with scores. scores: of the teacher by steps, and of the student."""
    image = png(sheet(rows, side))
    write_bytes(folder / "save" / "samples.png", image)
    svg = figures.save(_curve(curve, scores), folder / "save" / "curve.png")
    names = ", ".join(rows)
    body = [f"<h1>{text('A generator of one evaluation')}</h1>",
            "<p>The student makes a picture from noise in one evaluation of a network as large as the teacher's. "
            f"Spent: {text(', '.join(f'{value:,} {name.replace(chr(95), chr(32))}' for name, value in ledger.items()))}"
            ".</p>",
            f"<figure><img alt=\"samples\" src=\"{markup.data('image/png', image)}\"><figcaption>From the same noise, "
            f"row by row: {text(names)}.</figcaption></figure>",
            "<h2>How good</h2><p>All of equally many samples. Fréchet distance: between Gaussians in the features of a "
            "small classifier, lower is better. Precision: the share of samples within the data's support; coverage: "
            "the share of the data that samples come near. Nearest picture: how far a sample lies from the data, in "
            "features; a copy would have 0. One of them alone misleads.</p>",
            table(["", *SAID.values()], [[name, *(f"{row[key]:.3f}" for key in SAID)] for name, row in scores.items()]),
            markup.figure(svg, "The student's Fréchet distance as it trains; lines: the teacher by DDIM steps.")]
    write_text(folder / "index.html", markup.page("Distillation", "carv3d distill", body))
    return {"page": "index.html", "samples": "save/samples.png", "curve": "save/curve.png"}


def _curve(curve: list[Record], scores: dict[str, Record]) -> Figure:
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([line["seconds"] for line in curve], [line["frechet"] for line in curve], marker="o", label="student")
    for number, (name, row) in enumerate(scores.items()):
        if name != "student":
            axes.axhline(row["frechet"], color="0.4", linestyle=("-", "--", ":")[number % 3], linewidth=1, label=name)
    axes.set(xlabel="seconds of training", ylabel="Fréchet distance", yscale="log")
    axes.legend(frameon=False)
    return figure
