"""What a run of ``carv3d distill`` leaves to be looked at: samples side by side, scores over time, a page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as iio
import torch
from matplotlib.figure import Figure
from torch import Tensor

from carv3d.config.onestep import SCORES
from carv3d.report import figures, markup
from carv3d.report.markup import table, text
from carv3d.runtime.figure_style import plain_ticks
from carv3d.runtime.files import write_bytes, write_text
from carv3d.runtime.types import Record

SMALL, LARGE, SHOWN = 32, 128, 12  # a picture's side on a sheet, least and most pixels; pictures of a row
AXES = {"seconds": "seconds of training", "outputs": "outputs of the generator", "evals": "rows through networks"}


def sheet(rows: Sequence[Tensor], columns: int = SHOWN) -> Tensor:
    """Pictures [n,H,W,3] in [0,1], a row for each, the first ``columns``: [height,width,3] with lines between."""
    return torch.cat([torch.cat(list(_fitted(pictures[:columns])), 1) for pictures in rows])


def _fitted(pictures: Tensor) -> Tensor:
    height, width = pictures.shape[1:3]
    images = pictures.permute(0, 3, 1, 2)
    if (times := SMALL // max(height, width)) > 1:
        images = images.repeat_interleave(times, 2).repeat_interleave(times, 3)
    elif max(height, width) > LARGE:
        scale = LARGE / max(height, width)
        images = torch.nn.functional.interpolate(images, scale_factor=scale, mode="bilinear", antialias=True)
    return torch.nn.functional.pad(images, (1, 1, 1, 1), value=1.0).permute(0, 2, 3, 1)


def png(image: Tensor) -> bytes:
    content = io.BytesIO()
    iio.imwrite(content, (image.clamp(0, 1) * 255).round().byte().numpy(), extension=".png")
    return content.getvalue()


def preview(folder: Path, rows: dict[str, Tensor]) -> None:
    """save/preview.png of a run's folder: pictures [n,H,W,3] by name, a row each."""
    write_bytes(folder / "save" / "preview.png", png(sheet(list(rows.values()))))


def write(folder: Path, rows: dict[str, Tensor], named: Sequence[str], curve: list[Record], scores: dict[str, Record],
          main: str, meant: str, ledger: dict[str, int]) -> dict[str, str]:
    """save/samples.png, save/curve.png and index.html into a run's folder; their names by what they are. rows: pictures
    [n,H,W,3] by name. named: what each column is of, if there are words for it. curve: lines of metrics with scores.
    scores: of the teacher by steps, and of the student; main: the one drawn; meant: what they say."""
    image = png(sheet(list(rows.values())))
    write_bytes(folder / "save" / "samples.png", image)
    svg = figures.save(_curve(curve, scores, main), folder, "save/curve")
    shown = [name for name in SCORES if name in scores["student"]]
    columns = f"; columns: {text(', '.join(named))}" if named else ""
    body = [f"<h1>{text('A generator of one evaluation')}</h1>",
            "<p>The student makes a picture from noise in one evaluation of a network as large as the teacher's. "
            f"Spent: {text(', '.join(f'{value:,} {name.replace(chr(95), chr(32))}' for name, value in ledger.items()))}"
            ".</p>",
            f"<figure><img alt=\"samples\" src=\"{markup.data('image/png', image)}\"><figcaption>From the same noise, "
            f"row by row: {text(', '.join(rows))}{columns}.</figcaption></figure>",
            f"<h2>How good</h2><p>{text(meant)} One of them alone misleads.</p>",
            table(["sampler", *(SCORES[name] for name in shown)],
                  [[name, *(f"{row[key]:.3f}" for key in shown)] for name, row in scores.items()]),
            markup.figure(svg, f"The student's {SCORES[main]} as it trains, against what it cost; lines: the teacher "
                          "by DDIM steps. Last: the denoising loss on fresh outputs. How far the fake score's lies "
                          "above its optimum, which nobody knows, is a bias that more draws do not remove; where it "
                          "nears the teacher's, the outputs have become what the teacher expects.", "save/curve")]
    write_text(folder / "index.html", markup.page("Distillation", "carv3d distill", body))
    return {"page": "index.html", "samples": "save/samples.png", "curve": "save/curve.png"}


def _curve(curve: list[Record], scores: dict[str, Record], main: str) -> Figure:
    figure = Figure(figsize=(9, 5.6), layout="constrained")
    panels = figure.subplots(2, 2).flatten()
    for axes, (key, label) in zip(panels, AXES.items()):
        axes.plot([_spent(line, key) for line in curve], [line[main] for line in curve], marker="o", label="student")
        for number, (name, row) in enumerate(scores.items()):
            if name != "student":
                axes.axhline(row[main], color="0.4", linestyle=("-", "--", ":")[number % 3], linewidth=1, label=name)
        axes.set(xlabel=label, ylabel=SCORES[main], yscale="log")
        plain_ticks(axes.yaxis)
    panels[0].legend(frameon=False)
    for name in ("fake", "teacher"):
        panels[3].plot([line["step"] for line in curve], [line[f"loss_fresh_{name}"] for line in curve], marker="o",
                       label=f"{name} score" if name == "fake" else name)
    panels[3].set(xlabel="updates", ylabel="denoising loss, fresh outputs")
    panels[3].legend(frameon=False)
    return figure


def _spent(line: Record, key: str) -> float:
    found: float = line["teacher_evals"] + line["fake_evals"] + line["outputs"] if key == "evals" else line[key]
    return found
