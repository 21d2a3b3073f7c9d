"""Does the number of Gaussians depend on K? Density control at K = 1 and K = 8, and what the published rule would do.

usage: python scripts/eval_growth.py [--k 1 8] [--prompts "a red mushroom" ...] [key=value ...]

For each prompt and K: how many Gaussians a run begins and ends with, how many its changes picked to grow by the signal
(the inner product of two independent halves of the gradient), and how many the published rule, the mean norm of the
whole gradient above the same threshold, would have picked in their place. Markdown on stdout.
"""

from __future__ import annotations

import argparse
import sys

import torch

from carv3d import config as configuration
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import Progress, say
from carv3d.text3d import build

PROMPTS = ["a red mushroom", "a green mug", "a yellow duck"]


class Watch:
    """Counts, beside a scene's own density control, whom each rule picks."""

    def __init__(self, scene):
        self.scene, self.picked, self.published = scene, 0, 0
        self.norms = torch.zeros(len(scene.means))
        self.inner = scene.observe, scene.update
        scene.observe, scene.update = self.observe, self.update

    def observe(self, total) -> None:
        raster, second = self.scene.raster, self.scene.half_seen
        self.inner[0](total)
        if second:
            half = raster.screen.new_tensor(self.scene.size) / 2
            norm = (len(raster.screen) * raster.screen.grad * half).norm(dim=-1)
            self.norms += (norm * (raster.radii > 0)).sum(0).cpu()

    def update(self, step, generator, optimizer=None) -> None:
        rules, evidence = self.scene.rules, self.scene.evidence
        changes = rules.changes(step)
        if changes:
            self.picked += int((evidence.squared_gradient > rules.threshold**2).sum())
            self.published += int((self.norms / evidence.seen.cpu().clamp_min(1) > rules.threshold).sum())
        self.inner[1](step, generator, optimizer)
        if changes:
            self.norms = torch.zeros(len(self.scene.means))


def run(prompt: str, k: int, overrides: list[str]) -> str:
    from carv3d.quality.scores import evaluate
    from carv3d.text3d.step import train_step

    config = configuration.load(None, ["scene.type=gaussians", f"prompt={prompt}", f"estimator.k={k}", *overrides])
    build.settle(config)
    build.set_up_kernels(config, say, truth=True)
    trainer = build.trainer(config)
    trainer.teacher.prepare()
    begun, watch = len(trainer.scene.means), Watch(trainer.scene)
    with Progress(f"{prompt}, K = {k}", config.trainer.max_steps, 0) as bar:
        for step in range(config.trainer.max_steps):
            train_step(trainer, step)
            bar.to(step + 1)
    score, ended = evaluate(trainer.config, trainer.scene, trainer.device, geometry=False), len(trainer.scene.means)
    return (f"| {prompt} | {k} | {begun} | {ended} | {ended / begun:.2f} | {watch.picked} | {watch.published} | "
            f"{'right' if score['retrieval_top1'] else score['nearest_prompt']} | {score['psnr']:.2f} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--k", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--prompts", nargs="+", default=PROMPTS)
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    args = parser.parse_args()
    print("| prompt | K | Gaussians at first | at last | ratio | picked by the signal | by the norm | retrieval | "
          "PSNR dB |\n"
          "|---|---|---|---|---|---|---|---|---|")
    try:
        for prompt in args.prompts:
            for k in args.k:
                print(run(prompt, k, args.overrides), flush=True)
    except UserError as error:
        say(f"error: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
