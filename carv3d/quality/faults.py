"""Naming a bad result: empty, saturated, non-finite, back equals front."""

from __future__ import annotations

import torch

from carv3d.cameras import RenderOut

VIEWS = 8  # azimuths, 45 degrees apart, starting at the front


def warnings(out: RenderOut, nonfinite_steps: int, truth: RenderOut | None, fills: bool = False) -> list[str]:
    """One line per fault seen in ``VIEWS`` renders around the scene on white.

    truth: the same views of what the prompt means, where that is known: a symmetric object may look alike from behind.
    fills: the scene covers every view by its nature, as a flat picture does.
    """
    found = []
    if nonfinite_steps:
        found.append(f"non-finite: {nonfinite_steps} steps had a non-finite gradient and were skipped "
                     "(draws kept in save/nonfinite)")
    if not all(torch.isfinite(x).all() for x in (out.rgb, out.opacity, out.depth)):
        return found + ["non-finite: the scene renders non-finite values; lower the learning rates"]
    opacity = out.opacity.mean().item()
    if opacity < 0.01:
        return found + [f"empty: mean opacity is {opacity:.4f}; train longer, or lower loss.lambda_sparsity"]
    if opacity > 0.97 and not fills:
        found.append(f"saturated: mean opacity is {opacity:.3f}, the scene fills every view; "
                     "use data.background=random, or raise loss.lambda_sparsity")
    solid = out.opacity[..., 0] > 0.5
    if solid.any():
        clipped = ((out.rgb < 0.01) | (out.rgb > 0.99)).all(-1)[solid].float().mean().item()
        if clipped > 0.9:
            found.append(f"saturated: {100 * clipped:.0f} % of the object's pixels have an extreme colour; "
                         "lower objective.guidance_scale")
    if _same_from_behind(out) and (truth is None or not _same_from_behind(truth)):
        found.append("back equals front: the view from behind looks like the view from the front"
                     + (" (no fault if the object is symmetric)" if truth is None else ""))
    return found


def _same_from_behind(out: RenderOut) -> bool:
    """Front and back agree (plainly or mirrored) far better than front and side do."""
    front, side, back = out.rgb[0], out.rgb[VIEWS // 4], out.rgb[VIEWS // 2]

    def apart(other: torch.Tensor) -> float:
        return min((front - x).square().mean().item() for x in (other, other.flip(1)))

    return apart(back) < 1e-3 and apart(back) < 0.25 * apart(side)
