"""What a run of ``carv3d attribute`` leaves: scores, a table of the top pictures, the summary's numbers, a page."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import imageio.v3 as iio
from safetensors.torch import save
from torch import Tensor

from carv3d.attribution.loop import Scores, ranked
from carv3d.attribution.world import World
from carv3d.config.attribution import AttributeConfig
from carv3d.report.markup import Html, data, page, table, text
from carv3d.runtime.files import write_bytes, write_text
from carv3d.runtime.types import Record

SIDE = 48  # pixels that a smaller picture is enlarged to, each of its own a square


def methods(config: AttributeConfig, world: World, scores: Scores) -> dict[str, Tensor]:
    """Every method's scores [Q,N], the ranking one first, and the baselines that know no model last."""
    found = scores.pooled()
    return {config.method: found[config.method], **found, **world.baselines}


def write(folder: Path, config: AttributeConfig, world: World, scores: Scores, found: dict[str, Tensor],
          summary: Record) -> dict[str, str]:
    """scores.safetensors, top.csv and index.html into ``folder``; their names by what they are."""
    margin = scores.margin(config.method)
    tensors = {name: each.contiguous() for name, each in found.items()}
    if margin is not None:
        tensors[f"{config.method}_margin"] = margin.contiguous()
    write_bytes(folder / "scores.safetensors", save(tensors))
    write_text(folder / "top.csv", _top(config, world, found, margin))
    write_text(folder / "index.html", _page(config, world, found, margin, summary))
    return {"scores": "scores.safetensors", "top": "top.csv", "page": "index.html"}


def _top(config: AttributeConfig, world: World, found: dict[str, Tensor], margin: Tensor | None) -> str:
    """Both ends of each query's list: rank 1 is the most helpful picture, -1 the most harmful one."""
    scores, out = found[config.method], io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["query", "rank", "picture", config.method, "margin", *world.baselines])
    for end, sign in ((ranked(scores, config.top), 1), (ranked(-scores, config.top), -1)):
        for query, numbers in enumerate(end.tolist()):
            for rank, picture in enumerate(numbers, 1):
                writer.writerow([world.queries[query], sign * rank, world.training[picture],
                                 f"{scores[query, picture]:.6g}",
                                 "" if margin is None else f"{margin[query, picture]:.3g}",
                                 *(f"{each[query, picture]:.6g}" for each in world.baselines.values())])
    return out.getvalue()


# --- the page ---------------------------------------------------------------------------------------------------------

SHOWN = 8  # pictures of a row


def _page(config: AttributeConfig, world: World, found: dict[str, Tensor], margin: Tensor | None, summary: Record
          ) -> str:
    body = [f"<h1>{text(world.title)}: which training pictures made this</h1>", _explained(config, world, summary)]
    body += [_scores(summary["lds"])] if summary.get("lds") else []
    body.append("<h2>Queries</h2>")
    rows = []
    scores = found[config.method]
    for query, name in enumerate(world.queries):
        strips = [_strip(world, query, ranked(sign * values, SHOWN)[query].tolist(), values,
                         margin if values is scores else None, label)
                  for label, sign, values in (("most helpful", 1, scores), ("most harmful", -1, scores),
                                              *((f"nearest by {name}", 1, each)
                                                for name, each in world.baselines.items()))]
        rows.append([Html(f"<td class=\"text\">{_picture(world, 'queries', query, name)}<br>{text(name)}</td>"),
                     Html(f"<td>{''.join(strips)}</td>")])
    body.append(table(["query", Html("<th class=\"text\">training pictures, score ± margin</th>")], rows))
    return page(world.title, "carv3d attribute", body)


def _explained(config: AttributeConfig, world: World, summary: Record) -> str:
    interval_words = ("The interval under a score is of Monte Carlo alone: how far it would move with other draws."
                      if config.sets > 1 else "One set of draws gives no intervals.")
    return (f"<p>Scores by <b>{text(config.method)}</b> from {summary['ledger']['draws']} draws of noise level and "
            "noise. A positive score says that training on the picture lowered the model's loss on the query; it is an "
            "estimate of what would change without it, and no proof of copying. "
            f"{interval_words} Beside it the pictures that are nearest by {text(' and by '.join(world.baselines))}, "
            "which know nothing of this model: where they agree, a nearest neighbour would have done.</p>")


def _scores(found: Record) -> str:
    """LDS by group, the ranking method's lead beside."""
    out = ["<h2>Do the scores predict what retraining does?</h2><p>The linear datamodelling score: over random halves "
           "of the training pictures, the rank correlation between the scores' sum and minus the loss on the query of "
           "models that were trained on that half. The ceiling is what a perfect score could reach, given that two "
           "trainings differ. Intervals over queries.</p>"]
    for group, known in found.items():
        rows = [[name, _number(value), _number(known["difference"][name]) if name in known["difference"] else ""]
                for name, value in known["lds"].items()]
        first = next(iter(known["lds"]))
        out.append(f"<h3>{text(group)}, ceiling {known['ceiling']:.2f}</h3>"
                   + table(["score", "LDS", f"{first} less this"], rows))
    return "\n".join(out)


def _number(value: Record) -> str:
    middle = f"{value['value']:.3f}"
    return middle if value["low"] is None else f"{middle} [{value['low']:.3f}, {value['high']:.3f}]"


def _strip(world: World, query: int, numbers: list[int], values: Tensor, margin: Tensor | None, label: str) -> str:
    parts = []
    for picture in numbers:
        score = f"{values[query, picture]:.3g}"
        if margin is not None:
            score += f" ± {margin[query, picture]:.1g}"
        parts.append(f"<figure>{_picture(world, 'training', picture, world.training[picture])}"
                     f"<figcaption>{text(score)}</figcaption></figure>")
    return f"<div class=\"strip\"><span>{text(label)}</span>{''.join(parts)}</div>"


def _picture(world: World, which: str, number: int, name: str) -> str:
    pixels = (world.show(which, number).clamp(0, 1) * 255).round().byte().expand(-1, -1, 3)
    scale, kind = max(1, SIDE // min(pixels.shape[:2])), "png" if min(pixels.shape[:2]) < SIDE else "jpeg"
    content = io.BytesIO()
    iio.imwrite(content, pixels.repeat_interleave(scale, 0).repeat_interleave(scale, 1).numpy(), extension=f".{kind}")
    return f"<img alt=\"{text(name)}\" title=\"{text(name)}\" src=\"{data(f'image/{kind}', content.getvalue())}\">"
