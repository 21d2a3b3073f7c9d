"""The forward process: noising, conversions between eps, v and x0, and the weightings w(t) of score distillation.

z_t = alpha_t z + sigma_t eps with alpha_t^2 = alpha_bar_t and sigma_t^2 = 1 - alpha_bar_t (DDPM, arXiv 2006.11239).

A flow model (arXiv 2210.02747, 2209.03003) sees the straight path x_s = (1 - s) x + s eps and predicts eps - x. That is
the same process at another scale: x_s = z_t / (alpha_t + sigma_t) where s = sigma_t / (alpha_t + sigma_t), since both
have the same ratio of noise to signal. Here everything stands in z_t; only the network is asked about x_s.
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

    def straight(self, noisy: Tensor, timestep: Tensor) -> Tensor:
        """z_t as a flow model sees it, x_s."""
        alpha, sigma = self.alpha_sigma(timestep, noisy)
        return noisy / (alpha + sigma)

    def eps_from_flow(self, noisy: Tensor, flow: Tensor, timestep: Tensor) -> Tensor:
        """eps_hat = x_s + (1 - s) flow, from z_t."""
        alpha, sigma = self.alpha_sigma(timestep, noisy)
        return (noisy + alpha * flow) / (alpha + sigma)

    def flow_from_eps(self, noisy: Tensor, eps: Tensor, timestep: Tensor) -> Tensor:
        alpha, sigma = self.alpha_sigma(timestep, noisy)
        return ((alpha + sigma) * eps - noisy) / alpha

    def said(self, kind: str, noisy: Tensor, eps: Tensor, timestep: Tensor) -> Tensor:
        """Noise as a model of ``kind`` says it: epsilon, v_prediction or sample (diffusers' names), or flow."""
        if kind == "epsilon":
            return eps
        convert = {"v_prediction": self.v_from_eps, "sample": self.x0_from_eps, "flow": self.flow_from_eps}
        return convert[kind](noisy, eps, timestep)

    def eps_said(self, kind: str, noisy: Tensor, out: Tensor, timestep: Tensor) -> Tensor:
        """What a model of ``kind`` says, as noise; the inverse of ``said``."""
        if kind == "epsilon":
            return out
        convert = {"v_prediction": self.eps_from_v, "sample": self.eps_from_x0, "flow": self.eps_from_flow}
        return convert[kind](noisy, out, timestep)

    def x0_said(self, kind: str, noisy: Tensor, out: Tensor, timestep: Tensor) -> Tensor:
        """What a model of ``kind`` says, as the clean sample; v, x0 and flow without a division by alpha."""
        alpha, sigma = self.alpha_sigma(timestep, noisy)
        if kind == "v_prediction":
            return alpha * noisy - sigma * out
        if kind == "flow":
            return (noisy - sigma * out) / (alpha + sigma)
        return out if kind == "sample" else self.x0_from_eps(noisy, out, timestep)

    def weighting(self, name: str) -> Tensor:
        """The explicit weight w(t) on the residual eps_hat - eps, [T] float64. ValueError for an unknown name.

        sds: sigma^2 (DreamFusion, arXiv 2209.14988). uniform: 1. fantasia3d: alpha sigma^2 (arXiv 2303.13873, the form
        popular tools give that name; it is sds with the chain rule's alpha, CARV's w_SDS). x0: sigma/alpha, which makes
        the residual z - x0_hat. velocity: 1 + sigma/alpha = 1/(1-s), which makes it a flow model's own residual,
        flow_hat - (eps - x) (VFDS, arXiv 2408.05008; RFDS, arXiv 2406.03293).
        """
        alpha_bar = self.alpha_bar
        weights = {
            "sds": lambda: 1 - alpha_bar,
            "uniform": lambda: torch.ones_like(alpha_bar),
            "fantasia3d": lambda: alpha_bar.sqrt() * (1 - alpha_bar),
            "x0": lambda: ((1 - alpha_bar) / alpha_bar).sqrt(),
            "velocity": lambda: 1 + ((1 - alpha_bar) / alpha_bar).sqrt(),
        }
        if name not in weights:
            raise ValueError(f"weighting must be one of {', '.join(weights)}, got {name!r}")
        return weights[name]()


def scaled_linear(timesteps: int = 1000, beta_start: float = 0.00085, beta_end: float = 0.012) -> NoiseSchedule:
    """Stable Diffusion's schedule: sqrt(beta) linear in t (arXiv 2112.10752)."""
    beta = torch.linspace(beta_start**0.5, beta_end**0.5, timesteps, dtype=torch.float64).square()
    return NoiseSchedule((1 - beta).cumprod(0))


def straight_path(share: Tensor) -> NoiseSchedule:
    """The schedule of a flow model: ``share`` [T], rising in (0, 1], is s of its timesteps, float64."""
    return NoiseSchedule((1 - share).square() / ((1 - share).square() + share.square()))


def shifted(share: Tensor, shift: float) -> Tensor:
    """s' = k s / (1 + (k - 1) s) (SD 3, arXiv 2403.03206, Eq. 23): more of the timesteps at high noise for k > 1."""
    return shift * share / (1 + (shift - 1) * share)
