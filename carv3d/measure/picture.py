"""What an update of a scene's parameters changes in its pictures: the space in which noise is seen."""

from __future__ import annotations

import torch
from torch import Tensor

from carv3d.runtime import rng
from carv3d.scenes.shading import shaded
from carv3d.text3d import adam_space, views
from carv3d.text3d.trainer import Trainer

AROUND = 8  # views in which noise is looked at
PART = 0.05  # of Adam's update: so small that pictures change in proportion


class Picture:
    """Rendered views of a scene as a linear function of small updates of its parameters.

    Eight views around the scene at the training's image size, lit and on backgrounds as in training, always the same.
    second_moment: of the gradient, [P], where Adam's average begins. scale: of each parameter in Adam's space, [P];
    epsilon: Adam's, [P].
    """

    def __init__(self, trainer: Trainer, step: int, second_moment: Tensor):
        self.trainer, self.second_moment = trainer, second_moment
        self.scale, self.epsilon = adam_space.scale(trainer, second_moment), adam_space.epsilon(trainer)
        points = views.independent(step, AROUND, "picture", True, trainer.config.run_seed)
        self.views = views.at(trainer.config, step, points).to(trainer.device)
        self.rates = torch.cat([torch.full((p.numel(),), rate, device=trainer.device)
                                for rate, group in zip(trainer.base_lr, trainer.optimizer.param_groups)
                                for p in group["params"]])
        self.before = self._look()

    def change(self, update: Tensor) -> Tensor:
        """What an update, [P] in units of each parameter's learning rate, changes in the views, [pixels] float64: the
        directional derivative, by a difference of a small part of it."""
        parameters = self.trainer.parameters
        kept = [p.detach().clone() for p in parameters]
        parts = (PART * self.rates * update).float().split([p.numel() for p in parameters])
        with torch.no_grad():
            for parameter, part in zip(parameters, parts, strict=True):
                parameter.sub_(part.view_as(parameter))
            change: Tensor = (self._look() - self.before) / PART
            for parameter, old in zip(parameters, kept, strict=True):
                parameter.copy_(old)
        return change

    def _look(self) -> Tensor:
        generator = rng.generator(self.trainer.config.run_seed, "picture render")
        with torch.enable_grad():  # a NeRF's normals are its density's slopes
            out = self.trainer.scene.render(self.views.cameras, self.views.background, generator)
            light = self.views.light
            seen = out.rgb if light is None else shaded(out, self.views.background, self.views.cameras, light)
        return seen.detach().flatten().double()
