"""An objective of your own: score distillation via inversion (SDI, Lukoianov et al., arXiv 2405.15891).

    python -m carv3d train objective.type=sdi:SDI objective.options.steps=4 prompt="a red mushroom"

SDS noises a view's latents x with random noise; SDI with the noise that DDIM inversion finds for them: x is carried up
to the noise level t along the prompt's own probability flow, and k, what is then its noise, takes the place of eps:

    f(t) = w(t) (eps_hat(z_t) - k),    z_t = alpha x + sigma k,    eps_hat guided.

The paper's: this residual; inversion in a few Euler steps of DDIM, by a guided prediction of its own, of negative
scale. Its released code has -7.5 and 7.5 in cond + g (cond - uncond), which are -6.5 and 8.5 here. Not the paper's: the
steps divide 0..t equally, while the code keeps one grid of 1000 / n and lets its last step overshoot t at random; no
noise is added on the way (the code adds a little, eta = 0.3), so that the draws' own noise is not used; t and w(t) are
those of this run, its t_min, t_max and objective.weighting, where the paper anneals t. Every prediction it needs is one
that each Teacher gives, at n + 1 times the price of SDS.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from carv3d.carv.estimate import ValueFn
from carv3d.config import option
from carv3d.diffusion.guidance import branches as needed
from carv3d.diffusion.guidance import guide
from carv3d.diffusion.teacher import Condition
from carv3d.objectives.base import Objective


class SDI(Objective):
    @dataclass
    class Options:
        steps: int = option(10, "of the inversion", ge=1, le=1000)
        inverse_scale: float = option(-6.5, "guidance scale of the inversion", ge=-1000, le=1000)

    default_guidance = 8.5  # what objective.guidance_scale=auto means

    @property
    def branches(self) -> tuple[str, ...]:
        """Of a prediction that serves the inversion and the residual alike."""
        return tuple(dict.fromkeys(needed(self.options.inverse_scale) + needed(self.guidance_scale)))

    @property
    def evaluations(self) -> int:
        """Rows through the denoiser behind one draw: each step of the inversion, and the residual."""
        return (self.options.steps * self.teacher.evaluations(needed(self.options.inverse_scale))
                + self.teacher.evaluations(needed(self.guidance_scale)))

    def value(self, condition: Condition, latents: Tensor, c2w: Tensor) -> ValueFn:
        """The value function of detached latents [B,c,h,w]; each row of it is inverted up to a timestep of its own."""
        schedule, steps = self.teacher.schedule, self.options.steps

        def ask(noisy: Tensor, timestep: Tensor, view: Tensor, scale: float) -> Tensor:
            return guide(self.teacher.predict(noisy, timestep, condition, view, needed(scale)), scale)

        @torch.no_grad()
        def value(view: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
            clean = noisy = latents[view]
            for i in range(steps):
                here, there = timestep * i // steps, timestep * (i + 1) // steps
                eps = ask(noisy, here, view, self.options.inverse_scale)
                noisy = schedule.add_noise(schedule.x0_from_eps(noisy, eps, here), eps, there)
            found = schedule.eps_from_x0(noisy, clean, timestep)
            weight = self.weight[timestep].to(noise.dtype).reshape(-1, 1, 1, 1)
            return weight * (ask(noisy, timestep, view, self.guidance_scale) - found)

        return value
