"""What a training step hands on of its draws."""

import torch

from carv3d import config as configuration
from carv3d.text3d import build
from carv3d.text3d.batch import Batch
from carv3d.text3d.step import train_step

SMALL = ["prompt=a red mushroom", "data.width=16", "data.height=16", "teacher.type=exact", "teacher.exact.set_size=16",
         "data.views=4", "scene.type=image", "scene.image.size=16", "estimator.k=4", "estimator.proposal=weight"]


def test_the_sampler_observes_the_norms_without_their_weights(monkeypatch):
    """Where draws are weighted: those that the estimate gave, of the timesteps that were drawn."""
    trainer = build.trainer(configuration.load(None, SMALL))
    trainer.teacher.prepare()
    given, observed, estimates = [], [], Batch.estimates

    def recorded(self, parts):
        found = estimates(self, parts)
        given.append((parts[0], found[0]))
        return found

    monkeypatch.setattr(Batch, "estimates", recorded)
    monkeypatch.setattr(trainer.sampler, "observe", lambda *seen: observed.append(seen))
    train_step(trainer, 0)
    (draws, estimate), (timestep, squared_norm) = given[0], observed[0]
    assert (draws.weight - 1).abs().max() > 0.1
    assert torch.equal(timestep, draws.timestep) and torch.equal(squared_norm, estimate.squared_norm)
