"""What is distilled in a run, and by what its samples are judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from carv3d import digits
from carv3d.config.onestep import DistillConfig
from carv3d.onestep import quality
from carv3d.onestep.latent import Latent
from carv3d.onestep.networks import Denoiser, Digits
from carv3d.onestep.student import Start
from carv3d.runtime.rng import generator

EACH, PICTURES = 4, 12  # samples of a prompt; pictures in a row of what is looked at
STEPS = (1, 4, 50)  # of DDIM, that the teacher is shown with beside the student


@dataclass
class World:
    """chunk: rows that go through a network together, 0 for all. start: what samples to be judged are made of, the same
    for all. judge: of such samples. main: the score that is drawn over time, lower is better. meant: what the scores
    say. shown: pictures beside the samples, by name. words: what the pictures looked at are of, if there are words."""

    denoiser: Denoiser
    chunk: int
    start: Start
    judge: Callable[[Tensor], dict[str, float]]
    main: str
    meant: str
    shown: dict[str, Tensor] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    @property
    def evaluations(self) -> int:
        """How often a network is asked for one step of all samples."""
        return -(-len(self.start.noise) // (self.chunk or len(self.start.noise)))

    def looked_at(self, rows: dict[str, Tensor]) -> dict[str, Tensor]:
        """Pictures [n,H,W,3] of samples by name, the first ``PICTURES`` of different prompts, beside those shown."""
        each = EACH if self.words else 1
        return self.shown | {name: self.denoiser.pictures(values[::each][:PICTURES]) for name, values in rows.items()}

    def teacher(self, steps: int, report: Callable[[int], None] = lambda step: None) -> Tensor:
        """The teacher's samples. report: called with the evaluations of a row behind."""
        return sampled(self.denoiser, self.start, steps, self.chunk, report)


def evaluations(own: DistillConfig) -> int:
    """How often a network is asked for the reference of ``of_latents``."""
    return STEPS[-1] * -(-own.samples // (own.chunk or own.samples))


def sampled(denoiser: Denoiser, start: Start, steps: int, chunk: int, report: Callable[[int], None]) -> Tensor:
    count, rows = len(start.noise), []
    for number, first in enumerate(range(0, count, chunk or count)):
        part = slice(first, first + (chunk or count))
        rows.append(denoiser.sample(start.noise[part], start.prompt[part], steps,
                                    partial(_further, report, number * steps)))
    return torch.cat(rows)


def _further(report: Callable[[int], None], before: int, step: int) -> None:
    report(before + step)


def embedded(seed: int, start: int = 0, report: Callable[[int], None] = lambda step: None) -> Digits:
    """A teacher of scikit-learn's digits, trained here. start: another timestep than its own."""
    pictures = digits.load()[0]
    teacher = digits.train(pictures, torch.arange(len(pictures))[None], digits.Recipe(), seed, report)
    denoiser = Digits(teacher.requires_grad_(False))
    denoiser.start = start or denoiser.start
    return denoiser


def of_digits(denoiser: Digits, seed: int, own: DistillConfig) -> World:
    """Against the pictures that the teacher learned from."""
    pictures = digits.load()[0]
    features = quality.Features(pictures)
    noise = torch.randn(len(pictures), *denoiser.shape, generator=generator(seed, "distill: evaluation"))
    return World(
        denoiser, own.chunk, Start(noise, torch.zeros(len(noise), dtype=torch.long)),
        lambda samples: quality.scores(samples.clamp(-1, 1), pictures.values, features), "frechet",
        "All of equally many samples. Fréchet distance: between Gaussians in the features of a small classifier, lower "
        "is better. Precision: the share of samples within the data's support; coverage: the share of the data that "
        "samples come near. Nearest picture: how far a sample lies from the data, in features; a copy would have 0.",
        {"data": denoiser.pictures(pictures.values)})


def of_latents(denoiser: Latent, seed: int, own: DistillConfig, report: Callable[[int], None] = lambda step: None
               ) -> World:
    """Against the teacher's own samples in its most steps, of the same prompts, EACH of each, and other noise."""
    groups = -(-own.samples // EACH)
    prompt = torch.arange(own.samples) // EACH * denoiser.prompts // groups % denoiser.prompts

    def start(purpose: str) -> Start:
        noise = torch.randn(own.samples, *denoiser.shape, generator=generator(seed, f"distill: {purpose}"))
        return Start(noise.to(denoiser.device), prompt.to(denoiser.device))

    reference = sampled(denoiser, start("reference"), STEPS[-1], own.chunk, report)
    return World(
        denoiser, own.chunk, start("evaluation"), lambda samples: quality.latents(samples, reference, prompt),
        "wasserstein",
        f"Of {own.samples} samples each, against as many that the teacher made in {STEPS[-1]} steps of the same "
        "prompts and other noise. Sliced Wasserstein distance: in latent space, over random directions; lower is "
        f"better, and the teacher's own in {STEPS[-1]} steps is what chance leaves. Diversity: how far samples of a "
        "prompt lie apart, the teacher's in that many steps being 1. Sampling from pure noise makes a teacher's own "
        "samples narrower than what it was trained on where its last noise level leaves a signal, as Stable "
        "Diffusion's does (arXiv 2305.08891): a student can be wider than 1 and closer to the data.",
        words=[denoiser.words[number] for number in prompt[::EACH][:PICTURES].tolist()])
