"""Regularisers, unreduced: a value per view [B] or per Gaussian [N]; the training step weighs and averages them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from carv3d.cameras import Cameras, Marched, RenderOut
from carv3d.scenes.shading import SOLID, normals
from carv3d.scenes.splats import Splats

NEEDLE = 3.0  # ratio of the two longest axes from which a Gaussian counts as a needle


def sparsity(opacity: Tensor) -> Tensor:
    """Mean opacity (smoothed at 0 as in threestudio: sqrt(o^2 + 0.01)) of [B,H,W,1] -> [B]."""
    return (opacity.square() + 0.01).sqrt().flatten(1).mean(1)


def opaque(opacity: Tensor) -> Tensor:
    """Binary entropy of the opacity [B,H,W,1] -> [B]: small when each pixel is either empty or solid."""
    p = opacity.clamp(1e-3, 1 - 1e-3)
    return -(p * p.log() + (1 - p) * (1 - p).log()).flatten(1).mean(1)


def smooth(normals: Tensor, opacity: Tensor) -> Tensor:
    """How much the normal [B,H,W,3] turns from pixel to pixel, |n - n'|, where both pixels of opacity [B,H,W,1] are
    solid; mean over all pairs of neighbours: [B]. A total variation: an edge costs no more than a bend of its angle."""
    solid = (opacity.detach() > SOLID)
    total = opacity.new_zeros(len(opacity))
    for axis in (1, 2):
        size = normals.shape[axis] - 1
        turn = normals.narrow(axis, 1, size) - normals.narrow(axis, 0, size)
        both = solid.narrow(axis, 1, size) & solid.narrow(axis, 0, size)
        total = total + (both * (turn.square().sum(-1, keepdim=True) + 1e-6).sqrt()).flatten(1).mean(1)
    return total


def needle(splats: Splats) -> Tensor:
    """How much the longest axis exceeds NEEDLE times the next, as a logarithm: [N]. Discs are left alone.

    After the anisotropy loss of PhysGaussian (arXiv 2311.12198), which takes the shortest axis and so forbids surfaces.
    """
    longest, next_one = splats.log_scales.topk(2, dim=1).values.unbind(1)
    return (longest - next_one - math.log(NEEDLE)).clamp_min(0)


def faint(splats: Splats) -> Tensor:
    """Opacity [N], so that Gaussians no view needs fade and are pruned (3DGS-MCMC, arXiv 2404.09591)."""
    return splats.opacity_logits.sigmoid()


def size(splats: Splats) -> Tensor:
    """Mean scale [N], world units, so that no Gaussian is larger than the views ask (3DGS-MCMC)."""
    return splats.log_scales.exp().mean(1)


def distortion(marched: Marched, views: int) -> Tensor:
    """Mean over each view's rays of how far apart the weights on it lie, world units: [B]. Fog before a surface, and
    walls where there should be one, cost by their distance."""
    from carv3d.scenes.kernels.rays import volume  # nerfacc

    return volume.distortion(marched).view(views, -1).mean(1)


OF_IMAGES = {"sparsity": sparsity, "opaque": opaque}
OF_NORMALS = {"smooth": smooth}
OF_RAYS = {"distortion": distortion}
OF_SPLATS = {"needle": needle, "faint": faint, "size": size}


def regularisers(out: RenderOut, cameras: Cameras, splats: Splats | None, weights: dict[str, float],
                 own: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    """The terms with a positive weight, each already weighted: [B] of what B cameras see, [N] of the Gaussians. own:
    ``Scene.penalties``, not yet weighted."""
    wanted = {name: weight for name, weight in weights.items() if weight > 0}
    terms = {name: weight * OF_IMAGES[name](out.opacity) for name, weight in wanted.items() if name in OF_IMAGES}
    if OF_NORMALS.keys() & wanted.keys():
        seen = normals(out.depth, cameras)
        terms |= {name: weight * OF_NORMALS[name](seen, out.opacity) for name, weight in wanted.items()
                  if name in OF_NORMALS}
    if out.marched is not None:
        terms |= {name: weight * OF_RAYS[name](out.marched, len(out.rgb)) for name, weight in wanted.items()
                  if name in OF_RAYS}
    if splats is not None:
        terms |= {name: weight * OF_SPLATS[name](splats) for name, weight in wanted.items() if name in OF_SPLATS}
    return terms | {name: weights[name] * value for name, value in (own or {}).items()}


def total(terms: dict[str, Tensor]) -> Tensor | None:
    """Sum of the terms, each averaged over views or Gaussians; None without terms."""
    return torch.stack([term.mean() for term in terms.values()]).sum() if terms else None
