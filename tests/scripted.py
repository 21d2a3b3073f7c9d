"""A script as a module, one in each process: dataclasses look their module up, and OmegaConf compares classes."""

import importlib.util
import sys
from functools import lru_cache
from pathlib import Path

import torch

ROOT = Path(__file__).parent.parent


@lru_cache(maxsize=None)
def script(name: str):
    spec = importlib.util.spec_from_file_location(f"{name} for teachers from a base", ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def resumes(train, done, folder):
    """A training, of a seed and a folder, that was stopped at 3 and at 5 steps goes on to what it became in ``done``,
    bit for bit; of another seed it becomes something else."""
    whole = train(0, done).state_dict()
    for stop in (3, 5):
        train(0, folder / f"stopped at {stop}", stop=stop)
        resumed = train(0, folder / f"stopped at {stop}").state_dict()
        assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    changed = train(1, folder / "other").state_dict()
    assert not all(torch.equal(whole[key], changed[key]) for key in whole)
