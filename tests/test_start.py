"""What a training run loads before its first step is over: a start is short because it loads little."""

from __future__ import annotations

import subprocess
import sys

import torch

from carv3d import config as configuration
from carv3d import teachers
from carv3d.runtime.adam import Adam

LATE = ("diffusers", "transformers", "peft", "accelerate", "torch._dynamo", "torch._inductor", "sympy", "matplotlib",
        "imageio", "PIL", "skimage", "trimesh", "scipy.stats", "scipy.spatial", "scipy.ndimage", "xatlas", "pandas",
        "sklearn", "tensorboard", "huggingface_hub", "carv3d.export.mesh", "carv3d.sweep",
        "carv3d.report")
CODE = """
import sys
from carv3d import cli
from carv3d.text3d import loop
step = loop.train_step
def first(*given):
    step(*given)
    print("LOADED", *sys.modules)
    import imageio, sympy
    print("LOADED", *sys.modules)
    raise SystemExit(0)
loop.train_step = first
cli.main(["train", *sys.argv[1:]])
"""
TINY = ["prompt=a red cube", "data.width=16", "data.height=16", "trainer.preview_every=0", "device=cpu"]


def test_the_first_step_loads_nothing_that_it_does_not_use(tmp_path):
    """Of a run whose prompt was asked about before. The control: the same process, once it has imported two of them."""
    teachers.teacher(configuration.load(None, TINY))
    out = subprocess.run([sys.executable, "-c", CODE, *TINY, f"exp_root_dir={tmp_path}"], capture_output=True,
                         text=True, timeout=600)
    assert out.returncode == 0, out.stderr
    there, control = (set(line.split()) for line in out.stdout.splitlines() if line.startswith("LOADED "))
    assert sorted(there & set(LATE)) == [] and {"torch", "numba", "safetensors"} <= there
    assert {"sympy", "imageio"} <= control & set(LATE)


def test_the_optimiser_is_torchs_to_the_bit():
    """Steps, a step that found_inf skips, and a state that goes out and in again."""
    draws = torch.Generator().manual_seed(0)
    start, gradients = torch.randn(50, generator=draws), torch.randn(6, 50, generator=draws)

    def moved(cls: type[torch.optim.Adam]) -> tuple[torch.Tensor, dict]:
        p = torch.nn.Parameter(start.clone())
        optimizer = cls([{"params": [p], "lr": 0.01, "name": "p"}], betas=(0.9, 0.99), eps=1e-15, fused=True)
        for step, gradient in enumerate(gradients):
            optimizer.zero_grad(set_to_none=True)
            p.grad = gradient.clone()
            optimizer.found_inf = torch.tensor(float(step == 2))
            optimizer.step()
            if step == 3:
                kept, optimizer = optimizer.state_dict(), cls([p], fused=True)
                optimizer.load_state_dict(kept)
        return p.detach(), optimizer.state_dict()

    (ours, state), (theirs, same) = moved(Adam), moved(torch.optim.Adam)
    assert torch.equal(ours, theirs) and state["param_groups"] == same["param_groups"]
    assert all(torch.equal(value, same["state"][0][name]) for name, value in state["state"][0].items())
