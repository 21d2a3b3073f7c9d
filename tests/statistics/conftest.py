"""The helpers ``world`` and ``harness`` beside the tests, and the world they share: made once."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

import world as worlds


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    """Small operations by the million: waiting for a second thread costs far more than it brings on a busy CPU."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package")
def world(one_thread):
    return worlds.make_world()


@pytest.fixture(scope="package")
def stage(world):
    """stage(name, guidance): the texture at "far", "mid" or "near" of that guidance's trajectory."""
    trajectories = {}

    def at(name, guidance):
        if name == "far":
            return world.start
        if guidance not in trajectories:
            trajectories[guidance] = worlds.trajectory(world, guidance)
        return trajectories[guidance][name]

    return at
