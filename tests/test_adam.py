"""The optimiser: torch's Adam, and an epsilon that follows its gradients."""

import copy
import math

import pytest
import torch
from torch import nn

from carv3d.runtime.adam import EVERY, Adam

STEPS = 70


def gradients(n, scale=1.0):
    """Of a common and of a rare parameter in one group, and of one in another group; falling along the way."""
    drawn = torch.randn(3, 40, generator=torch.Generator().manual_seed(n)) * scale / (1 + n / 20)
    drawn[1] *= 1e-3 if n % 10 == 0 else 0.0
    return drawn


def begin(floor):
    parameters = [nn.Parameter(torch.zeros(40)) for _ in range(3)]
    made = Adam([{"params": parameters[:2], "floor": floor}, {"params": parameters[2:]}], lr=0.1, betas=(0.9, 0.99),
                eps=1e-15, fused=True)
    return made, parameters


def go(made, parameters, steps, scale=1.0, broken=()):
    for n in steps:
        for parameter, gradient in zip(parameters, gradients(n, scale)):
            parameter.grad = gradient
        made.found_inf = torch.tensor(float(n in broken))
        made.step()
    return torch.stack([p.detach() for p in parameters])


def test_without_a_floor_it_is_torchs():
    made, parameters = begin(0.0)
    own = [nn.Parameter(torch.zeros(40)) for _ in range(3)]
    theirs = torch.optim.Adam(own, lr=0.1, betas=(0.9, 0.99), eps=1e-15, fused=True)
    assert torch.equal(go(made, parameters, range(STEPS)), go(theirs, own, range(STEPS)))
    assert made.param_groups[0]["eps"] == 1e-15


def test_epsilon_is_the_largest_root_mean_square_at_the_looks():
    """Recomputed from the gradients alone; looks come after steps 1, 2, 4, 8 and each multiple of 16."""
    made, parameters = begin(0.5)
    averaged, largest = torch.zeros(2, 40, dtype=torch.float64), 0.0
    for n in range(STEPS):
        go(made, parameters, [n])
        averaged = 0.99 * averaged + 0.01 * gradients(n)[:2].double().square()
        if n + 1 in (1, 2, 4, 8) or (n + 1) % EVERY == 0:
            largest = max(largest, 0.5 * math.sqrt(averaged.mean() / (1 - 0.99 ** (n + 1))))
        assert made.param_groups[0]["eps"] == pytest.approx(largest, rel=1e-5)
    assert made.param_groups[1]["eps"] == 1e-15 and largest > 0.2


def test_a_rare_entry_moves_little_and_a_common_one_as_before():
    with_floor, without = (go(*begin(floor), range(STEPS)).abs().mean(1) for floor in (0.5, 0.0))
    assert with_floor[1] < 0.2 * without[1] and with_floor[0] > 0.6 * without[0]  # its first step is as long as ever
    assert torch.equal(with_floor[2], without[2])


def test_the_scale_of_the_gradient_does_not_matter():
    one, other = (go(*begin(0.5), range(STEPS), scale) for scale in (1.0, 1000.0))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
    ends = []
    for scale in (1.0, 1000.0):
        made, parameters = begin(0.0)
        made.param_groups[0]["eps"] = 0.5  # the control: a fixed epsilon knows no scale
        ends.append(go(made, parameters, range(STEPS), scale)[0])
    assert (ends[0] - ends[1]).abs().max() > 0.05


@pytest.mark.parametrize("at", [1, 5, 33])
def test_it_goes_on_from_its_state_to_the_bit(at):
    made, parameters = begin(0.5)
    whole = go(made, parameters, range(STEPS))
    made, parameters = begin(0.5)
    go(made, parameters, range(at))
    kept, values = copy.deepcopy(made.state_dict()), [p.detach().clone() for p in parameters]
    made, parameters = begin(0.5)
    with torch.no_grad():
        for parameter, value in zip(parameters, values):
            parameter.copy_(value)
    made.load_state_dict(kept)
    assert torch.equal(go(made, parameters, range(at, STEPS)), whole)


def test_a_step_that_is_masked_says_nothing_of_the_size():
    made, parameters = begin(0.5)
    go(made, parameters, range(3), broken=range(3))
    assert made.param_groups[0]["eps"] == 1e-15
    go(made, parameters, [3])
    assert made.param_groups[0]["eps"] > 1e-3
