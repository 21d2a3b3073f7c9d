"""A teacher whose data law is a mixture of Gaussians over whole latents: an exact score that behaves like a network's.

Component m has mean mu_m and covariance Sigma_m = U_m^T U_m + F^T diag(s) F: r principal directions on top of a
spectrum s that is diagonal in the orthonormal 2-D cosine basis F. Noised to time t its law is
N(alpha mu_m, alpha^2 Sigma_m + sigma^2 I), so eps_hat = -sigma grad log p_t is known in closed form (Woodbury's
identity for the low-rank part). Unlike a finite set of images, the law has a density: the residual keeps a smooth,
t-dependent noise as a network's does.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from carv3d.cameras import Cameras
from carv3d.diffusion.schedule import NoiseSchedule
from carv3d.diffusion.teacher import Teacher
from carv3d.lights import Light


def cosine_basis(size: int) -> Tensor:
    """The orthonormal DCT-II matrix [size,size] float64; rows are frequencies, lowest first."""
    grid = torch.arange(size, dtype=torch.float64)
    basis = torch.cos(math.pi / size * (grid + 0.5) * grid[:, None]) * math.sqrt(2 / size)
    basis[0] /= math.sqrt(2)
    return basis


class MixtureTeacher(Teacher):
    """The optimal denoiser of a Gaussian mixture; the prompt is a subset of its components.

    The branch "cond" knows the components in ``prompt``, "uncond" all of them. No view dependence.
    """

    def __init__(self, schedule: NoiseSchedule, mean: Tensor, factors: Tensor, spectrum: Tensor, *,
                 prior: Tensor | None = None, prompt: list[int] | None = None, dtype: torch.dtype = torch.float32):
        """mean: [M,c,h,w]. factors: [M,r,c,h,w], principal directions times their standard deviations. spectrum:
        [c,h,w], variances of the cosine coefficients, shared by all components. prior: [M] > 0 (default: equal).
        prompt: indices of the conditional components (default: all). dtype: of latents and predictions.

        Everything that depends on t alone is tabulated here in float64: M r^2 + M r + M numbers per timestep.
        ValueError if shapes disagree, a variance is negative, a prior is not positive or the prompt names no component.
        """
        count, *shape = mean.shape
        prior = mean.new_ones(count) if prior is None else prior
        prompt = list(range(count)) if prompt is None else prompt
        self._check(mean, factors, spectrum, prior, prompt)
        channels, height, width = shape
        self.schedule = schedule.to(mean.device)
        self.latent_shape = (channels, height, width)
        self.prompt = prompt
        self.dtype = dtype
        self.rank = factors.shape[1]
        self.description = (f"exact score of {count} Gaussians of rank {self.rank} over {shape}, "
                            f"{len(prompt)} of them in the prompt")
        self._prior = prior.double() / prior.double().sum()
        self._column, self._row = (cosine_basis(n).to(mean.device) for n in shape[1:])
        centre = mean.double().mean(0)
        means = self._forward(mean.double() - centre).flatten(1)  # [M,d]; centred: float32 logits keep digits
        directions = self._forward(factors.double()).flatten(2)  # [M,r,d]
        variances = spectrum.double().mT.flatten()
        self._tabulate(means, directions, variances)
        self._column, self._row, self._centre = (x.to(dtype) for x in (self._column, self._row, centre))
        self._means, self._directions, self._variances = (x.to(dtype) for x in (means, directions, variances))
        self._columns = torch.cat([self._means, self._directions.flatten(0, 1)]).T.contiguous()  # [d, M + M r]

    @classmethod
    def gaussian(cls, schedule: NoiseSchedule, mean: Tensor, factors: Tensor, spectrum: Tensor,
                 dtype: torch.dtype = torch.float32) -> MixtureTeacher:
        """One Gaussian: mean [c,h,w], factors [r,c,h,w], spectrum [c,h,w]. Its eps_hat is affine in the noise."""
        return cls(schedule, mean[None], factors[None], spectrum, dtype=dtype)

    def encode(self, rgb: Tensor) -> Tensor:
        """Images [B,h,w,c] in [0,1] -> latents [B,c,h,w] in [-1,1]. ValueError unless they have the latents' size."""
        latents = 2 * rgb.permute(0, 3, 1, 2) - 1
        if tuple(latents.shape[1:]) != self.latent_shape:
            raise ValueError(f"images must give latents of shape {self.latent_shape}, got {tuple(latents.shape[1:])}")
        return latents.to(self.dtype)

    def condition(self, cameras: Cameras, background: Tensor, light: Light | None = None) -> None:
        """Nothing: the mixture is the same from everywhere."""

    def evaluations(self, branches: tuple[str, ...]) -> int:
        return len(branches)

    def predict(self, noisy: Tensor, timestep: Tensor, condition: None, view: Tensor,
                branches: tuple[str, ...]) -> dict[str, Tensor]:
        """eps_hat [n,c,h,w] for each wanted branch. With L = alpha^2 s + sigma^2 in basis F and y = z - alpha mu_m:

        (alpha^2 Sigma_m + sigma^2 I)^-1 y = L^-1 (y - U_m^T A_m U_m L^-1 y),
        A_m = alpha^2 (I + alpha^2 U_m L^-1 U_m^T)^-1.
        """
        alpha, sigma = self.schedule.alpha_sigma(timestep, noisy)
        shifted = self._forward(noisy - alpha * self._centre).flatten(1)  # [n,d]
        alpha, sigma = alpha.reshape(-1, 1), sigma.reshape(-1, 1)
        precision = (alpha.square() * self._variances + sigma.square()).reciprocal()
        projected = (shifted * precision) @ self._columns
        on_means, on_directions = projected.split([len(self._means), self._columns.shape[1] - len(self._means)], 1)
        inner = on_directions.unflatten(1, (-1, self.rank)) - alpha[..., None] * self._cross[timestep]  # [n,M,r]
        solved = (self._woodbury[timestep] * inner[:, :, None]).sum(-1)
        logits = self._offset[timestep] + alpha * on_means + 0.5 * (inner * solved).sum(-1)  # [n,M]
        out = {}
        for name in branches:
            chosen = self.prompt if name == "cond" else slice(None)
            among = logits[:, chosen]
            share = (among - among.amax(-1, keepdim=True)).clamp(min=-60).softmax(-1)  # no denormals
            pull = alpha * (share @ self._means[chosen])
            pull += (share[..., None] * solved[:, chosen]).flatten(1) @ self._directions[chosen].flatten(0, 1)
            out[name] = self._backward((sigma * precision * (shifted - pull)).unflatten(1, self._swapped))
        return out

    def sample(self, count: int, branch: str, generator: torch.Generator) -> Tensor:
        """Clean latents [count,c,h,w] from the data law of a branch."""
        device = self._means.device
        chosen = torch.tensor(self.prompt if branch == "cond" else range(len(self._means)), device=device)
        component = chosen[torch.multinomial(self._prior[chosen], count, replacement=True, generator=generator)]
        along = torch.randn(count, self.rank, generator=generator, dtype=self.dtype, device=device)
        rest = torch.randn(count, self._variances.numel(), generator=generator, dtype=self.dtype, device=device)
        flat = self._means[component] + rest * self._variances.sqrt()
        flat += torch.einsum("nr,nrd->nd", along, self._directions[component])
        return self._centre + self._backward(flat.unflatten(1, self._swapped))

    @property
    def _swapped(self) -> tuple[int, int, int]:
        channels, height, width = self.latent_shape
        return channels, width, height

    def _forward(self, latents: Tensor) -> Tensor:
        """[...,h,w] -> cosine coefficients [...,w,h]: left transposed, so that both steps are matrix products."""
        return (latents @ self._row.T).mT @ self._column.T

    def _backward(self, coefficients: Tensor) -> Tensor:
        return (coefficients @ self._column).mT @ self._row

    def _tabulate(self, means: Tensor, directions: Tensor, variances: Tensor) -> None:
        """What each timestep's precision L^-1 makes of means and directions: A_m [T,M,r,r], U_m L^-1 mu_m [T,M,r] and
        log pi_m - (log det + alpha^2 mu_m^T L^-1 mu_m) / 2 [T,M]; the rest of the log density is common to all m."""
        alpha2 = self.schedule.alpha_bar[:, None].to(means)
        precision = (alpha2 * variances + 1 - alpha2).reciprocal()  # [T,d]
        gram = precision @ torch.einsum("mrd,msd->dmrs", directions, directions).flatten(1)
        gram = gram.unflatten(1, (len(means), self.rank, self.rank))
        capacity = torch.eye(self.rank).to(gram) + alpha2[..., None, None] * gram
        self._woodbury = (alpha2[..., None, None] * torch.linalg.inv(capacity)).to(self.dtype)
        self._cross = (precision @ torch.einsum("mrd,md->dmr", directions, means).flatten(1)
                       ).unflatten(1, (len(means), self.rank)).to(self.dtype)
        squared = alpha2 * (precision @ means.square().T)
        log_det = torch.linalg.slogdet(capacity)[1]
        self._offset = (self._prior.to(squared).log() - 0.5 * (log_det + squared)).to(self.dtype)

    @staticmethod
    def _check(mean: Tensor, factors: Tensor, spectrum: Tensor, prior: Tensor, prompt: list[int]) -> None:
        count, *shape = mean.shape
        if len(shape) != 3:
            raise ValueError(f"mean must have shape [M,c,h,w], got {list(mean.shape)}")
        if factors.ndim != 5 or factors.shape[0] != count or list(factors.shape[2:]) != shape:
            raise ValueError(f"factors must have shape [{count}, r, {', '.join(map(str, shape))}], "
                             f"got {list(factors.shape)}")
        if list(spectrum.shape) != shape or not (spectrum >= 0).all():
            raise ValueError(f"spectrum must be non-negative with shape {shape}, got {list(spectrum.shape)} "
                             f"with min {spectrum.min().item():g}")
        if prior.shape != (count,) or not (prior > 0).all():
            raise ValueError(f"prior must be {count} positive numbers, got {prior.tolist()}")
        if not prompt or len(set(prompt)) != len(prompt) or not all(0 <= m < count for m in prompt):
            raise ValueError(f"prompt must name distinct components in 0..{count - 1}, got {prompt}")
