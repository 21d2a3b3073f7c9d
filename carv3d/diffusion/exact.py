"""Teachers whose score is known in closed form: ground truth for every statistical claim.

If the data are a finite set {x_i} with equal probability, the optimal denoiser of z_t = alpha x + sigma eps is the
softmax-weighted mean x0_hat = sum_i w_i x_i with log w_i = -||z_t - alpha x_i||^2 / (2 sigma^2) + const, at every t.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from carv3d.cameras import Cameras
from carv3d.diffusion.prompts import view_index
from carv3d.diffusion.schedule import NoiseSchedule
from carv3d.diffusion.teacher import Teacher
from carv3d.lights import Light


class ImageSet:
    """S images with opacity, composited on any background colour without ever storing the composites.

    An image with premultiplied colour P and opacity A on background b is, in [-1,1], x = (2P - A) + (1 - A) beta with
    beta = 2b - 1: linear in the four channels (2P - A, -A). So one [S, 4HW] matrix serves every background. Rows are
    centred on the set's mean: at low noise the logits are differences of large numbers, and in float32 only the
    centred ones keep their last digits (a test compares with float64).
    """

    def __init__(self, rgba: Tensor, dtype: torch.dtype = torch.float32):
        """rgba: [S,H,W,4], premultiplied, in [0,1]."""
        rgba = rgba.to(dtype)
        alpha = rgba[..., 3:]
        rows = torch.cat([2 * rgba[..., :3] - alpha, -alpha], -1).permute(0, 3, 1, 2)  # [S,4,H,W]
        self.centre = rows.mean(0)
        rows = (rows - self.centre).flatten(2)
        self.rows = rows.flatten(1)
        self.gram = torch.einsum("scp,sdp->scd", rows, rows)  # ||row||^2 for any beta follows from these 4x4 products

    def denoise(self, noisy: Tensor, alpha: Tensor, sigma: Tensor, beta: Tensor) -> Tensor:
        """E[x0 | z_t] for noisy [n,3,H,W], alpha and sigma [n,1,1,1] and one background beta [3] in [-1,1]."""
        size = noisy.shape[2:]
        mix = torch.cat([torch.eye(3, dtype=beta.dtype, device=beta.device), beta[:, None]], 1)  # [3,4]
        centre = torch.einsum("kc,chw->khw", mix, self.centre) + beta[:, None, None]
        lifted = torch.einsum("kc,nkp->ncp", mix, (noisy - alpha * centre).flatten(2))  # <lifted,row> = <noisy,image>
        alpha, sigma = alpha.reshape(-1, 1), sigma.reshape(-1, 1)
        squared = torch.einsum("kc,scd,kd->s", mix, self.gram, mix)
        logits = alpha / sigma.square() * (lifted.flatten(1) @ self.rows.T - 0.5 * alpha * squared)
        mean = (logits.softmax(-1) @ self.rows).unflatten(1, (4, *size))
        return centre + torch.einsum("kc,nchw->nkhw", mix, mean)


@dataclass(frozen=True)
class ExactCondition:
    """view: index of each view's conditional set, one per view. beta: [B,3] background colours in [-1,1]."""

    view: list[int]
    beta: Tensor


class ExactTeacher(Teacher):
    """The optimal denoiser of finite image sets; latents are the images themselves in [-1,1].

    conditional(i) gives the RGBA set [S,H,W,4] of view word i (of ``VIEWS[views]``; i = 0 without view words) for the i
    in ``present``, unconditional() that of everything. Each set is asked for once, when first needed.
    """

    def __init__(self, schedule: NoiseSchedule, conditional: Callable[[int], Tensor],
                 unconditional: Callable[[], Tensor], *, views: int, present: list[int], size: int,
                 description: str, device: torch.device | str = "cpu"):
        self.schedule = schedule.to(device)
        self.latent_shape = (3, size, size)
        self.description = description
        self.views, self.present = views, present
        self.device = torch.device(device)
        self._make = {"cond": conditional, "uncond": lambda _: unconditional()}
        self._sets: dict[tuple[str, int], ImageSet] = {}

    def encode(self, rgb: Tensor) -> Tensor:
        """Bilinear to the teacher's size (area when shrinking), then [0,1] -> [-1,1]."""
        image = rgb.permute(0, 3, 1, 2)
        if image.shape[2:] != self.latent_shape[1:]:
            image = F.interpolate(image, self.latent_shape[1:], mode="bilinear", antialias=True,
                                    align_corners=False)
        return 2 * image - 1

    def condition(self, cameras: Cameras, background: Tensor, light: Light | None = None) -> ExactCondition:
        return ExactCondition(view_index(cameras.azimuth_deg, cameras.elevation_deg, self.views).tolist(),
                              2 * background - 1)

    def evaluations(self, branches: tuple[str, ...]) -> int:
        return len(branches)

    def predict(self, noisy: Tensor, timestep: Tensor, condition: ExactCondition, view: Tensor,
                branches: tuple[str, ...]) -> dict[str, Tensor]:
        alpha, sigma = self.schedule.alpha_sigma(timestep, noisy)
        out = {name: torch.empty_like(noisy) for name in branches}
        for b, word in enumerate(condition.view):
            rows = (view == b).nonzero()[:, 0]
            for name, eps in out.items():
                images = self._set(name, word if name == "cond" else 0)
                x0 = images.denoise(noisy[rows], alpha[rows], sigma[rows], condition.beta[b])
                eps[rows] = (noisy[rows] - alpha[rows] * x0) / sigma[rows]
        return out

    def prepare(self) -> None:
        """Make every conditional set now, so that no training step pays for it."""
        for i in self.present:
            self._set("cond", i)

    def _set(self, branch: str, index: int) -> ImageSet:
        key = (branch, index)
        if key not in self._sets:
            self._sets[key] = ImageSet(self._make[branch](index).to(self.device))
        return self._sets[key]
