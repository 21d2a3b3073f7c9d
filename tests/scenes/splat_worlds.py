"""Sets of Gaussians for tests, and which pixels lie on an edge of the rasteriser's rules."""

from __future__ import annotations

import torch
from torch import Tensor

from carv3d.cameras import Cameras, orbit
from carv3d.scenes.kernels.splats import reference as splatting_torch
from carv3d.scenes.kernels.splats.rasterise import rasterise
from carv3d.scenes.kernels.splats.rules import ALPHA_LEAST, ALPHA_MOST, THROUGH_LEAST, Raster
from carv3d.scenes.splats import Splats

EDGE = 1e-3  # relative distance to a threshold below which rounding may decide


def random_splats(count: int, seed: int, *, degree: int = 0, radius: float = 0.5, sizes=(0.02, 0.1)) -> Splats:
    """Gaussians in a ball, of every shape, opacity and colour; standard deviations log-uniform in ``sizes``."""
    generator = torch.Generator().manual_seed(seed)
    direction = torch.nn.functional.normalize(torch.randn(count, 3, generator=generator), dim=-1)
    low, high = torch.tensor(sizes).log()
    return Splats(
        direction * radius * torch.rand(count, 1, generator=generator) ** (1 / 3),
        low + (high - low) * torch.rand(count, 3, generator=generator), torch.randn(count, 4, generator=generator) * 2,
        torch.randn(count, generator=generator) * 2,
        torch.randn(count, (degree + 1) ** 2, 3, generator=generator) * 0.7,
    )


def needles(seed: int) -> Splats:
    """A hundred times longer than wide, some thinner than any pixel."""
    splats, generator = random_splats(60, seed), torch.Generator().manual_seed(seed)
    scales = torch.tensor([0.3, 0.003, 1e-5]).log()[torch.rand(60, 3, generator=generator).argsort(-1)]
    return Splats(splats.means, scales, splats.quaternions, splats.opacity_logits, splats.sh)


def everywhere(seed: int) -> Splats:
    """Far outside the picture, behind the camera, around it, and beside its field of view."""
    return random_splats(400, seed, radius=6.0, sizes=(0.02, 0.8))


def opaque_stack(seed: int) -> Splats:
    """So many opaque Gaussians that every pixel ends early and alpha is cut at ALPHA_MOST."""
    splats = random_splats(300, seed, sizes=(0.05, 0.3))
    return Splats(splats.means, splats.log_scales, splats.quaternions, splats.opacity_logits + 6, splats.sh)


def transparent(seed: int) -> Splats:
    """Opacities around ALPHA_LEAST."""
    splats = random_splats(200, seed)
    return Splats(splats.means, splats.log_scales, splats.quaternions, splats.opacity_logits * 0.5 - 5.2, splats.sh)


def huge(seed: int) -> Splats:
    """Larger than the picture."""
    return random_splats(40, seed, sizes=(0.5, 20.0))


WORLDS = {
    "ball": lambda seed: random_splats(250, seed), "degree 1": lambda seed: random_splats(120, seed, degree=1),
    "degree 2": lambda seed: random_splats(120, seed, degree=2),
    "degree 3": lambda seed: random_splats(120, seed, degree=3),
    "needles": needles, "everywhere": everywhere, "opaque": opaque_stack, "transparent": transparent, "huge": huge,
}


def two_views(width: int, height: int) -> Cameras:
    return orbit([20.0, -130.0], [15.0, -40.0], [2.6, 1.9], [40.0, 55.0], width, height)


def cotangents(cameras: Cameras, seed: int) -> list[Tensor]:
    """Of rgb, opacity and depth, float64."""
    generator = torch.Generator().manual_seed(seed)
    shape = len(cameras), cameras.height, cameras.width
    return [torch.randn(*shape, channels, generator=generator, dtype=torch.float64) for channels in (3, 1, 1)]


def to(splats: Splats, where: torch.device | torch.dtype) -> Splats:
    """Leaves that want a gradient."""
    return Splats(*(tensor.detach().to(where).requires_grad_() for tensor in splats.tensors().values()))


def pull(splats: Splats, cameras: Cameras, given: list[Tensor], *, backend: str, antialias: bool):
    """The pictures, and the gradients of the five parameters and of ``screen`` under the cotangents."""
    raster = rasterise(splats, cameras, backend=backend, antialias=antialias)
    pictures = [raster.rgb, raster.opacity, raster.depth]
    loss = sum((picture * cotangent.to(picture)).sum() for picture, cotangent in zip(pictures, given, strict=True))
    leaves = [*splats.tensors().values(), raster.screen]
    return raster, [gradient.detach() for gradient in torch.autograd.grad(loss, leaves)]


def pictures(raster: Raster) -> Tensor:
    """[B,H,W,5], detached, float64."""
    return torch.cat([raster.rgb, raster.opacity, raster.depth], -1).detach().double().cpu()


@torch.no_grad()
def on_an_edge(splats: Splats, cameras: Cameras, antialias: bool) -> Tensor:
    """Pixels [B,H,W] where some Gaussian's alpha, or the transmittance, is within EDGE of one of the thresholds."""
    double = Splats(*(tensor.double() for tensor in splats.tensors().values()))
    shown = splatting_torch.project(double, cameras, antialias, torch.zeros(len(cameras), len(splats), 2).double())
    rows, columns = torch.arange(cameras.height) + 0.5, torch.arange(cameras.width) + 0.5
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    out = []
    for b in range(len(cameras)):
        order = shown.depth[b].argsort(stable=True)
        order = order[shown.seen[b][order]]
        mean, (xx, xy, yy) = shown.mean[b, order], shown.conic[b, order].unbind(-1)
        dx, dy = x[..., None] - mean[:, 0], y[..., None] - mean[:, 1]
        alpha = shown.opacity[b, order] * (-(xx * dx * dx + yy * dy * dy) / 2 - xy * dx * dy).exp()

        def near(value: Tensor, threshold: float) -> Tensor:
            return (value / threshold - 1).abs() < EDGE

        edge = near(alpha, ALPHA_LEAST) | near(alpha, ALPHA_MOST)
        drawn = torch.where(alpha < ALPHA_LEAST, 0.0, alpha.clamp_max(ALPHA_MOST))
        behind = (1 - drawn).cumprod(-1)
        out.append((edge | (near(behind, THROUGH_LEAST) & (drawn > 0))).any(-1))
    return torch.stack(out)
