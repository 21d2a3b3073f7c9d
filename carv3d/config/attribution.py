"""Options of ``carv3d attribute``."""

from __future__ import annotations

from dataclasses import dataclass, field

from carv3d.config.options import option
from carv3d.runtime.errors import UserError

METHODS, BESIDE = ("cosine", "dot", "cosine_of_means", "kernel"), "dot_of_means"  # that rank; that is told beside them


@dataclass
class LdsConfig:
    """Models trained anew on halves of the pictures, which scores have to predict. steps, batch and lr are for pictures
    of the user's own, the embedded digits have a recipe."""

    subsets: int = option(32, "halves of the training pictures, drawn at random", ge=2, le=4096)
    seeds: int = option(2, "models of each, from whose agreement comes what a perfect score could reach", ge=2, le=64)
    steps: int = option(300, "with attribute.data: steps of Adam that a model is trained for, its rate falling to "
                        "nothing as a cosine", ge=1)
    batch: int = option(16, "with attribute.data: pictures of a step", ge=1, le=4096)
    lr: float = option(2e-3, "with attribute.data: Adam's rate", gt=0)


@dataclass
class AttributeConfig:
    """Which training pictures made an output. The scores are means over ``sets`` independent sets of ``k`` draws."""

    data: str = option("", "training pictures of your own: a folder, captions in metadata.jsonl or NAME.txt beside "
                       "NAME.png; of the model that teacher.* names. Empty: the embedded digits")
    queries: str = option("", "with data: pictures whose makers are asked for, a folder or a file, or the folder of a "
                          "run of carv3d train, its views")
    lora: str = option("", "with data: LoRA layers in the model, which are attributed over: a file, or its folder")
    parameters: list[str] = option([], "with data, without lora: those whose names hold one of these; empty: all")
    caption: str = option("", "with data: what pictures without a caption of their own are called")
    views: int = option(8, "queries of a run: views of it, all around", ge=1, le=360)
    method: str = option("kernel", "the score that ranks: cosine or dot of gradients draw by draw; cosine_of_means, "
                                   "biased, or kernel, damped, of mean gradients",
                         choices=METHODS)
    output: str = option("loss", "what is differentiated: loss, the model's; dtrak, the square of its output",
                         choices=("loss", "dtrak"))
    k: int = option(16, "draws of (noise level, noise) in a set, each shared by all pictures", ge=1, le=4096)
    sets: int = option(4, "independent sets of draws, from whose spread the intervals come; 1: no intervals", ge=1,
                       le=4096)
    until: str = option("sets", "sets: all of them; stable: stop once a further set leaves every query's top "
                        "pictures as they were", choices=("sets", "stable"))
    draws: str = option("shared", "shared: queries and training pictures meet the same draws; independent: each their "
                        "own, another quantity", choices=("shared", "independent"))
    times: str = option("random", "noise levels: drawn, or a grid, k at equal distances, the same in every set",
                        choices=("random", "grid"))
    t_min: float = option(0.0, "lowest noise level, as a share of the model's steps", ge=0, le=1)
    t_max: float = option(1.0, "highest noise level, as a share of the model's steps; lower: what is asked about is "
                          "detail, as of a style or a texture", ge=0, le=1)
    stratified: bool = option(True, "one noise level per stratum")
    noise: str = option("auto", "how the k noises of a set vary together; auto: antithetic at even k with drawn, "
                                "stratified noise levels, else iid",
                        choices=("auto", "iid", "antithetic", "zero_sum"))
    importance_sampling: bool = option(False, "draw noise levels from a proposal, fitted on a few training pictures "
                                       "before the first set, weights p/q; off: q = p")
    damping: float | str = option(0.1, "kernel: lambda over the mean eigenvalue; auto: chosen after the first set on "
                                  "every other subset of the retrained models, and scored on the rest", ge=1e-8, le=1e6)
    evaluate: bool = option(False, "train models anew on halves of the training pictures (attribute.lds) and say how "
                                   "well the scores predict their losses; --evaluate")
    lds: LdsConfig = field(default_factory=LdsConfig)
    chunk: int = option(0, "with data: gradients taken at a time; 0: what goes well, fewer of large models", ge=0,
                        le=4096)
    cache: str = option("auto", "with data: where gradients of training pictures are kept, so that other queries cost "
                        "only their own: a folder; auto: exp_root_dir/gradients; off")
    sketch: int = option(8192, "numbers that a mean gradient is sketched to; 0: the gradient itself", ge=0, le=2**20)
    top: int = option(10, "pictures listed for each query, at each end", ge=1, le=1000)

    def check(self, section: str) -> None:
        """UserError for options that contradict one another. section: their prefix."""
        for name, other in (("data", "queries"), ("queries", "data")):
            if getattr(self, name) and not getattr(self, other):
                raise UserError(f"{section}.{name}: {getattr(self, name)} given without {section}.{other}; give both, "
                                "or neither for the embedded digits")
        plain = AttributeConfig()
        for name in ("lora", "parameters", "caption", "views", "chunk", "cache"):
            if not self.data and getattr(self, name) != getattr(plain, name):
                raise UserError(f"{section}.{name}: {getattr(self, name)} given without {section}.data, where it has "
                                "no effect; give pictures of your own too")
        if self.lora and self.parameters:
            raise UserError(f"{section}.parameters: {', '.join(self.parameters)} given with {section}.lora, whose own "
                            "are taken; give one of the two")
        if self.evaluate and self.data and not self.lora:
            raise UserError(f"{section}.evaluate: true given with {section}.data and no {section}.lora: what the model "
                            "was before it saw the pictures is not known; it needs LoRA layers")
        for name in ("steps", "batch", "lr"):
            if not self.data and getattr(self.lds, name) != getattr(plain.lds, name):
                raise UserError(f"{section}.lds.{name}: {getattr(self.lds, name)} given without {section}.data: the "
                                "embedded digits have a recipe of their own; leave it out")
        if self.lds != plain.lds and not self.evaluate:
            raise UserError(f"{section}.lds: given without {section}.evaluate, where it has no effect; give --evaluate "
                            "too")
        if self.damping == "auto" and self.data and not self.evaluate:
            raise UserError(f"{section}.damping: auto given without {section}.evaluate: it is chosen by what retrained "
                            "models do; give --evaluate too, or a number")
        if self.importance_sampling and self.times == "grid":
            raise UserError(f"{section}.importance_sampling: true given with {section}.times=grid, where nothing is "
                            "drawn; leave it out")
        if self.t_min >= self.t_max:
            raise UserError(f"{section}.t_min: {self.t_min:g} given with {section}.t_max={self.t_max:g}; t_min must be "
                            "below t_max")
        if self.noise == "antithetic" and self.k % 2 or self.noise == "zero_sum" and self.k < 2:
            raise UserError(f"{section}.noise: {self.noise} given with {section}.k={self.k}; antithetic needs an even "
                            "k, zero_sum at least 2")
        if self.times == "grid" and not self.stratified:
            raise UserError(f"{section}.stratified: false given with {section}.times=grid, which is one noise level in "
                            "the middle of each stratum; leave it out")
        if self.until == "stable" and self.sets < 2:
            raise UserError(f"{section}.until: stable given with {section}.sets={self.sets}; allowed: sets of at least "
                            "2")
