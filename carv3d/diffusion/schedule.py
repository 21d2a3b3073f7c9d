"""The forward process: noising, conversions between eps, v and x0, and the weightings w(t) of score distillation.

z_t = alpha_t z + sigma_t eps with alpha_t^2 = alpha_bar_t and sigma_t^2 = 1 - alpha_bar_t (DDPM, arXiv 2006.11239).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class NoiseSchedule:
    """alpha_bar: [T] float64, falling from near 1 to near 0."""

    alpha_bar: Tensor

    @property
    def timesteps(self) -> int:
        return self.alpha_bar.numel()

    def to(self, device: torch.device | str) -> NoiseSchedule:
        return NoiseSchedule(self.alpha_bar.to(device))

    def alpha_sigma(self, timestep: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """alpha_t and sigma_t for timesteps [n], shaped to multiply ``like`` [n,...], in its dtype."""
        alpha_bar = self.alpha_bar[timestep].reshape(-1, *[1] * (like.ndim - 1))
        return alpha_bar.sqrt().to(like.dtype), (1 - alpha_bar).sqrt().to(like.dtype)

    def add_noise(self, clean: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        alpha, sigma = self.alpha_sigma(timestep, clean)
        return alpha * clean + sigma * noise

    def eps_from_x0(self, noisy: Tensor, x0: Tensor, timestep: Tensor) -> Tensor:
        alpha, sigma = self.alpha_sigma(timestep, noisy)
        return (noisy - alpha * x0) / sigma

    def x0_from_eps(self, noisy: Tensor, eps: Tensor, timestep: Tensor) -> Tensor:
        alpha, sigma = self.alpha_sigma(timestep, noisy)
        return (noisy - sigma * eps) / alpha

    def eps_from_v(self, noisy: Tensor, v: Tensor, timestep: Tensor) -> Tensor:
        """v = alpha eps - sigma x0 (Salimans and Ho, arXiv 2202.00512)."""
        alpha, sigma = self.alpha_sigma(timestep, noisy)
        return sigma * noisy + alpha * v

    def v_from_eps(self, noisy: Tensor, eps: Tensor, timestep: Tensor) -> Tensor:
        alpha, sigma = self.alpha_sigma(timestep, noisy)
        return (eps - sigma * noisy) / alpha

    def said(self, kind: str, noisy: Tensor, eps: Tensor, timestep: Tensor) -> Tensor:
        """Noise as a model of ``kind`` says it: epsilon, v_prediction or sample (diffusers' names)."""
        if kind == "epsilon":
            return eps
        convert = {"v_prediction": self.v_from_eps, "sample": self.x0_from_eps}
        return convert[kind](noisy, eps, timestep)

    def eps_said(self, kind: str, noisy: Tensor, out: Tensor, timestep: Tensor) -> Tensor:
        """What a model of ``kind`` says, as noise; the inverse of ``said``."""
        if kind == "epsilon":
            return out
        convert = {"v_prediction": self.eps_from_v, "sample": self.eps_from_x0}
        return convert[kind](noisy, out, timestep)

    def x0_said(self, kind: str, noisy: Tensor, out: Tensor, timestep: Tensor) -> Tensor:
        """What a model of ``kind`` says, as the clean sample; v and x0 without a division by alpha."""
        if kind == "v_prediction":
            alpha, sigma = self.alpha_sigma(timestep, noisy)
            return alpha * noisy - sigma * out
        return out if kind == "sample" else self.x0_from_eps(noisy, out, timestep)

    def weighting(self, name: str) -> Tensor:
        """The explicit weight w(t) on the residual eps_hat - eps, [T] float64. ValueError for an unknown name.

        sds: sigma^2 (DreamFusion, arXiv 2209.14988). uniform: 1. fantasia3d: alpha sigma^2 (arXiv 2303.13873, the form
        popular tools give that name; it is sds with the chain rule's alpha, CARV's w_SDS). x0: sigma/alpha, which makes
        the residual z - x0_hat.
        """
        alpha_bar = self.alpha_bar
        weights = {
            "sds": lambda: 1 - alpha_bar,
            "uniform": lambda: torch.ones_like(alpha_bar),
            "fantasia3d": lambda: alpha_bar.sqrt() * (1 - alpha_bar),
            "x0": lambda: ((1 - alpha_bar) / alpha_bar).sqrt(),
        }
        if name not in weights:
            raise ValueError(f"weighting must be one of {', '.join(weights)}, got {name!r}")
        return weights[name]()


def scaled_linear(timesteps: int = 1000, beta_start: float = 0.00085, beta_end: float = 0.012) -> NoiseSchedule:
    """Stable Diffusion's schedule: sqrt(beta) linear in t (arXiv 2112.10752)."""
    beta = torch.linspace(beta_start**0.5, beta_end**0.5, timesteps, dtype=torch.float64).square()
    return NoiseSchedule((1 - beta).cumprod(0))
