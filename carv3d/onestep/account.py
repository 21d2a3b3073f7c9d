"""Where the variance of a student's gradient comes from: draws on outputs that are held fixed, and fresh outputs."""

from __future__ import annotations

import torch
from torch import Tensor

from carv3d import carv
from carv3d.config.onestep import DistillConfig
from carv3d.onestep.student import Start, Student
from carv3d.runtime.rng import generator


def gradient(student: Student, own: DistillConfig, start: Start, number: int) -> Tensor:
    """The generator's gradient, [P], of outputs made of ``start``, by the draws that ``number`` names."""
    outputs = len(start.noise)
    sampler = carv.Sampler(own.k, stratified=own.stratified, noise=own.noise)
    draws = sampler.draw(outputs, student.denoiser.shape, student.target,
                         time_generator=generator(student.seed, "account: time", number),
                         noise_generator=generator(student.seed, "account: noise", number))
    made = student.denoiser.generate(student.generator, start.noise, start.prompt)
    estimate = carv.estimate(student.value(made.detach(), start.prompt), draws)
    found = torch.autograd.grad((made * estimate.mean).sum() / outputs, list(student.generator.parameters()))
    return torch.cat([each.flatten() for each in found])


def spread(student: Student, own: DistillConfig, outputs: int, sets: int, fresh: bool, each: int = 16) -> Tensor:
    """Variance of the gradient (trace of the covariance), by group of ``each`` independent sets, [sets // each], each
    unbiased. fresh: outputs are new in each set, which is the total variance; else those of a group are the same, which
    is the conditional one, outputs held fixed."""
    rows = []
    for group in range(sets // each):
        total, squares = None, 0.0
        for number in range(group * each, (group + 1) * each):
            start = student.start(number if fresh else group, "account: outputs", outputs)
            found = gradient(student, own, start, number).double()
            total = found if total is None else total + found
            squares += float(found.square().sum())
        assert total is not None
        rows.append((squares - float(total.square().sum()) / each) / (each - 1))
    return torch.tensor(rows, dtype=torch.float64)
