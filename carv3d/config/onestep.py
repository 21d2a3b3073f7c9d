"""Options of ``carv3d distill``."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from carv3d.config.options import option
from carv3d.runtime.errors import UserError

RECIPES: dict[str, dict[str, float]] = {
    "digits": {"steps": 2500, "outputs": 256, "fake_updates": 2, "lr": 3e-4, "fake_lr": 1e-3, "ema": 0.99,
               "t_max": 0.7},
    "bundled": {"steps": 2000, "outputs": 16, "fake_updates": 3, "lr": 1e-4, "fake_lr": 2e-4, "ema": 0.99,
                "t_max": 0.98},
    "others": {"steps": 10_000, "outputs": 8, "fake_updates": 5, "lr": 1e-5, "fake_lr": 1e-5, "ema": 0.999,
               "t_max": 0.98}}
"""What an option that is 0 means: the first two as measured here (docs/distillation.md), the last as DMD2 has it for
Stable Diffusion 1.5 but for the outputs, of which it takes 2,048 on 64 GPUs."""

SCORES = {"frechet": "Fréchet distance", "precision": "precision", "coverage": "coverage", "nearest": "nearest picture",
          "wasserstein": "sliced Wasserstein distance", "diversity": "diversity"}  # of a student or its teacher
MAIN = ("frechet", "wasserstein")  # lower is better; a run has one of them


@dataclass
class DistillConfig:
    """A denoiser made a generator of one evaluation (DMD2, arXiv 2405.14867, without adversarial and regression terms).
    An option whose text begins "0: own" is 0 for what ``RECIPES`` has for the teacher.
    """

    prompts: str = option("", "what is made: empty, the embedded digits; toybox, single objects from eight views and "
                          "from above, by teacher.*; or a file with a prompt on each line, by teacher.*")
    guidance: float = option(0.0, "classifier-free guidance of the teacher; 0: 1 for the bundled one, else 7.5", ge=0)
    steps: int = option(0, "0: own; updates of the generator", ge=0)
    outputs: int = option(0, "0: own; outputs of the generator in a step", ge=0)
    k: int | str = option(1, "draws of (noise level, noise) that the teacher and the fake score are asked about each "
                          "output; auto: chosen with the outputs, at a step's cost, from measured variance and cost",
                          ge=1, le=1024)
    importance_sampling: bool = option(False, "draw noise levels from a proposal fitted to past draws; off: q = p")
    stratified: bool = option(True, "one noise level per stratum, strata shuffled over outputs")
    noise: str = option("auto", "how an output's k noises vary together; auto: antithetic at even k, zero_sum "
                        "at odd k from 3 on", choices=("auto", "iid", "antithetic", "zero_sum"))
    normalise: bool = option(True, "divide each draw by how far the teacher would move the output (DMD, arXiv "
                             "2311.18828)")
    t_min: float = option(0.02, "lowest noise level, as a share of the teacher's steps", ge=0, le=1)
    t_max: float = option(0.0, "0: own; highest noise level, as a share of the teacher's steps", ge=0, le=1)
    start: int = option(0, "timestep at which the copy of the teacher that becomes the generator is asked; 0: its own",
                        ge=0)
    fake_rank: int = option(0, "0: the fake score is a full copy of the teacher; else LoRA layers of this rank, which "
                               "take less memory", ge=0, le=1024)
    fake_updates: int = option(0, "0: own; updates of the fake score for one of the generator", ge=0, le=1000)
    fake_outputs: str = option("fresh", "what the fake score learns on: fresh outputs each time, or the step's own",
                               choices=("fresh", "own"))
    chunk: int = option(0, "outputs that go through a network together, for less memory; 0: all", ge=0)
    lr: float = option(0.0, "0: own; Adam's rate for the generator", ge=0)
    cool: float = option(0.5, "last share of the training over which that rate falls to nothing, and the fake "
                         "score's to a tenth", ge=0, le=1)
    fake_lr: float = option(0.0, "0: own; Adam's rate for the fake score", ge=0)
    evaluate_every: int = option(100, "updates between evaluations of the student; 0: only at the end", ge=0)
    samples: int = option(64, "with prompts: samples that an evaluation looks at", ge=8)
    ema: float = option(0.0, "0: own; decay of the generator's moving average, which is the student", ge=0,
                        le=0.999999)

    def filled(self, recipe: str = "digits") -> DistillConfig:
        """With the recipe's values where it says 0."""
        return replace(self, **{each.name: type(getattr(self, each.name))(RECIPES[recipe][each.name])
                                for each in fields(self)
                                if each.name in RECIPES[recipe] and not getattr(self, each.name)})

    def check(self, section: str) -> None:
        """UserError for options that contradict one another. section: their prefix."""
        if isinstance(self.k, int) and (self.noise == "antithetic" and self.k % 2
                                        or self.noise == "zero_sum" and self.k < 2):
            raise UserError(f"{section}.noise: {self.noise} given with {section}.k={self.k}; antithetic needs an even "
                            "k, zero_sum at least 2")
        if self.k == "auto" and self.noise in ("antithetic", "zero_sum"):
            raise UserError(f"{section}.noise: {self.noise} given with {section}.k=auto, which may choose 1; allowed: "
                            "auto, iid")
        if 0 < self.t_max <= self.t_min:
            raise UserError(f"{section}.t_min: {self.t_min:g} given with {section}.t_max={self.t_max:g}; t_min must be "
                            "below t_max")
