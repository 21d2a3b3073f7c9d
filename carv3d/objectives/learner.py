"""The learner inside VSD: the score of the particles' renders, trained while they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from carv3d import carv
from carv3d.config.schema import VsdConfig
from carv3d.diffusion.teacher import Condition
from carv3d.runtime import rng
from carv3d.runtime.distributed import World
from carv3d.runtime.memory import Chunks
from carv3d.runtime.states import load_optimizer
from carv3d.runtime.types import State

if TYPE_CHECKING:
    from carv3d.diffusion.lora import LoRAScore

T_RANGE = (0.02, 0.98)  # of the timesteps it learns on, whatever range the scene's gradient is annealed to


class Learner:
    """A LoRA score, its optimiser, and the second hierarchical estimator of a VSD step: its own [B,K] draws on the
    latents that the scene's gradient has used already, timesteps with their own proposal."""

    def __init__(self, score: LoRAScore, own: VsdConfig, timesteps: int, seed: int, chunks: Chunks,
                 world: World | None = None):
        self.score, self.own, self.seed, self.chunks, self.world = score, own, seed, chunks, world or World()
        self.optimizer = torch.optim.AdamW(score.parameters(), lr=own.lr, betas=(0.9, 0.99), eps=1e-12,
                                           weight_decay=0.0, fused=True)
        low, high = (min(round(share * timesteps), timesteps - 1) for share in T_RANGE)
        self.target = carv.uniform_target(timesteps, low, high)
        self.sampler = carv.Sampler(own.k, importance="adaptive" if own.importance_sampling else None,
                                    base=torch.ones(timesteps), stratified=own.stratified, noise="iid",
                                    signature="lora")

    def step(self, latents: Tensor, condition: Condition, c2w: Tensor, step: int) -> Tensor:
        """One optimiser step on detached latents [B,c,h,w] of views with camera matrices [B,4,4]; the mean loss.

        A non-finite gradient masks the update, as the scene's does. Of several ranks each has B views of its own.
        """
        world, items = self.world, len(latents) * self.world.size
        whole = self.sampler.draw(items, tuple(latents.shape[1:]), self.target,
                                  time_generator=rng.generator(self.seed, "lora timesteps", step),
                                  noise_generator=rng.generator(self.seed, "lora noise", step, latents.device))
        draws = whole.part(world.share(items))

        def learn(chunk: int) -> carv.LossEstimate:
            self.optimizer.zero_grad(set_to_none=True)
            return carv.estimate_loss(
                lambda view, timestep, noise: self.score.loss(latents, noise, timestep, condition, view, c2w),
                draws, chunk, items)

        with torch.enable_grad():
            estimate = self.chunks.run(learn, self.own.k)
        gradients = [p.grad for p in self.score.parameters() if p.grad is not None]
        world.sum(gradients)
        norm = torch.nn.utils.get_total_norm(gradients)
        setattr(self.optimizer, "found_inf", (~torch.isfinite(norm)).float())
        self.optimizer.step()
        self.sampler.observe(whole.timestep, world.gather(estimate.residual))
        return world.gather(estimate.mean).mean() / latents[0].numel()

    def state(self) -> State:
        return {"score": self.score.state_dict(), "optimizer": self.optimizer.state_dict(),
                "chunk": self.chunks.size, **{name: part for name, part in self.sampler.state().items() if name != "k"}}

    def load_state(self, state: State) -> None:
        self.score.load_state_dict(state["score"])
        load_optimizer(self.optimizer, state["optimizer"])
        self.sampler.load_state({**state, "k": self.own.k})
        self.chunks.size = state["chunk"]
