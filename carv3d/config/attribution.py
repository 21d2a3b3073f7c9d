"""Options of ``carv3d attribute``."""

from __future__ import annotations

from dataclasses import dataclass

from carv3d.config.options import option
from carv3d.runtime.errors import UserError


@dataclass
class AttributeConfig:
    """Which training pictures made an output. The scores are means over ``sets`` independent sets of ``k`` draws."""

    method: str = option("kernel", "the score that ranks: cosine or dot of gradients draw by draw; cosine_of_means, "
                                   "biased, or kernel, damped, of mean gradients",
                         choices=("cosine", "dot", "cosine_of_means", "kernel"))
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
    stratified: bool = option(True, "one noise level per stratum")
    noise: str = option("auto", "how the k noises of a set vary together; auto: antithetic at even k with drawn, "
                                "stratified noise levels, else iid",
                        choices=("auto", "iid", "antithetic", "zero_sum"))
    damping: float = option(0.1, "kernel: lambda over the mean eigenvalue", ge=1e-8, le=1e6)
    sketch: int = option(8192, "numbers that a mean gradient is sketched to; 0: the gradient itself", ge=0, le=2**20)
    top: int = option(10, "pictures listed for each query, at each end", ge=1, le=1000)

    def check(self, section: str) -> None:
        """UserError for options that contradict one another. section: their prefix."""
        if self.noise == "antithetic" and self.k % 2 or self.noise == "zero_sum" and self.k < 2:
            raise UserError(f"{section}.noise: {self.noise} given with {section}.k={self.k}; antithetic needs an even "
                            "k, zero_sum at least 2")
        if self.times == "grid" and not self.stratified:
            raise UserError(f"{section}.stratified: false given with {section}.times=grid, which is one noise level in "
                            "the middle of each stratum; leave it out")
        if self.until == "stable" and self.sets < 2:
            raise UserError(f"{section}.until: stable given with {section}.sets={self.sets}; allowed: sets of at least "
                            "2")
