"""A baseline to beat: one plain SDS step as the popular tools write it, beside carv3d's own step.

usage: python scripts/bench_baseline.py [--config FILE] [--repeats N] [--warm-up N] [--json FILE] [key=value ...]

Four steps on one scene with one teacher, in turn:
plain_sds         B fresh renders; for each view one timestep, uniform, and one noise; encode, guided prediction, the
                  MSE loss whose gradient is the residual, Adam
plain_sds_decode  the same with the VAE's decode of the denoised latent, whose picture is thrown away: threestudio's
                  compute_grad_sds (stable_diffusion_guidance.py) makes it at each step, and only use_img_loss, off by
                  default, looks at it
carv3d_plain      carv3d's step at equal settings: estimator.k=1, importance_sampling=false, stratified=false, noise=iid
carv3d            carv3d's step as configured

All share renderer, encoder (float32), UNet, precision, cameras, regularisers and Adam, so that what differs is the step
itself. The decoder has the UNet's precision. The scene is trained for --warm-up steps first. Each round times every
step once, in an order drawn anew; ratios are medians of ratios within a round. Milliseconds, medians,
device-synchronised: they say what a step costs, not what its gradient is worth (carv3d measure does). A table goes to
stderr, JSON to stdout or --json FILE.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark import (
    Parser,
    deliver,
    exit_status,
    loaded,
    milliseconds,
    settled,
    synchroniser,
    table,
    writable,
)

from carv3d import teachers
from carv3d.config.schema import Config
from carv3d.runs.environment import environment
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import say
from carv3d.runtime.threads import share_cores
from carv3d.text3d import build

if TYPE_CHECKING:
    from torch import Tensor

    from carv3d.diffusion.stable_diffusion import StableDiffusionTeacher
    from carv3d.text3d.trainer import Trainer

PLAIN = ("estimator.k=1", "estimator.importance_sampling=false", "estimator.stratified=false", "estimator.noise=iid")
BASELINE = "plain_sds"


def load_decoder(config: Config, teacher: StableDiffusionTeacher) -> Callable[[Tensor], Tensor]:
    """Latents -> pictures [n,3,h,w] in [0,1]; the teacher itself keeps no decoder."""
    import torch

    from carv3d.diffusion.loading import model

    folder = teachers.stable_diffusion_folder(config, "bench_baseline")
    vae = model(folder, "vae", config.teacher.variant, teacher.denoiser.dtype).to(teacher.device)
    vae = vae.eval().requires_grad_(False)
    vae.encoder = vae.quant_conv = None
    if teacher.device.type == "cuda":  # as the teacher's own networks
        vae = vae.to(memory_format=torch.channels_last)
    scale, shift = vae.config.scaling_factor, vae.config.shift_factor or 0.0

    @torch.no_grad()
    def decode(latents: Tensor) -> Tensor:
        picture = vae.decode((latents / scale + shift).to(vae.dtype), return_dict=False)[0]
        return (picture / 2 + 0.5).clamp(0, 1).to(latents.dtype)

    return decode


def plain_step(trainer: Trainer, decode: Callable[[Tensor], Tensor] | None) -> Callable[[int], None]:
    """A plain SDS step on the trainer's scene, by its teacher and optimiser; nothing of it is carv3d's estimator."""
    import torch
    import torch.nn.functional as F

    from carv3d.diffusion.guidance import branches, guide
    from carv3d.runtime import rng
    from carv3d.scenes.shading import shaded
    from carv3d.text3d import regularisers as losses
    from carv3d.text3d import views

    config, teacher, optimizer, device = trainer.config, trainer.teacher, trainer.optimizer, trainer.device
    data, scale, schedule = config.data, config.objective.guidance_scale, trainer.teacher.schedule
    regularisers = config.loss.at(0)
    low, high = (min(round(share.at(0) * schedule.timesteps), schedule.timesteps - 1)
                 for share in (config.objective.t_min, config.objective.t_max))

    def step(number: int) -> None:
        seen = views.of_step(config, number, data.first_batch, number * data.first_batch).to(device)
        cameras, background, light = seen.cameras, seen.background, seen.light
        out = trainer.scene.render(cameras, background, rng.generator(config.seed, "render", number))
        latents = teacher.encode(out.rgb if light is None else shaded(out, background, cameras, light))
        condition = teacher.condition(cameras, background, light)
        timestep = torch.randint(low, high + 1, (data.batch_size,), device=device)
        noise = torch.randn_like(latents)
        with torch.no_grad():
            noisy = schedule.add_noise(latents, noise, timestep)
            view = torch.arange(data.batch_size, device=device)
            eps = guide(teacher.predict(noisy, timestep, condition, view, branches(scale)), scale)
            if decode:
                decode(schedule.x0_from_eps(noisy, eps, timestep))
            weight = trainer.weight[timestep].to(noise.dtype).reshape(-1, 1, 1, 1)
            target = latents - weight * (eps - noise)
        loss = 0.5 * F.mse_loss(latents, target, reduction="sum") / data.batch_size
        extra = losses.total(losses.regularisers(out, cameras, None, regularisers))
        optimizer.zero_grad(set_to_none=True)
        (loss if extra is None else loss + extra).backward()
        optimizer.found_inf = None  # carv3d's guard, which its own steps set
        optimizer.step()
        trainer.scene.update(number, rng.generator(config.seed, "scene", number))

    return step


def measure(config: Config, plain: Config, warm_up: int, repeats: int) -> dict:
    """``plain``: the same configuration with one draw a view and no variance reduction."""
    from carv3d.text3d.step import train_step

    trainer = build.trainer(config)
    other = trainer.variant(plain)
    decode = load_decoder(config, trainer.teacher)
    sync, batch = synchroniser(trainer.device), config.data.batch_size
    say(trainer.teacher.description)
    for number in range(warm_up):
        train_step(trainer, number)
    steps: dict[str, Callable[[int], object]] = {
        BASELINE: plain_step(trainer, None), "plain_sds_decode": plain_step(trainer, decode),
        "carv3d_plain": lambda number: train_step(other, number), "carv3d": lambda number: train_step(trainer, number)}
    for step in steps.values():  # the first compiles and allocates
        step(warm_up)
    times: dict[str, list[float]] = {name: [] for name in steps}
    names = list(steps)
    for turn in range(repeats):
        for name in random.Random(turn).sample(names, len(names)):
            times[name].append(milliseconds(lambda: steps[name](warm_up + 1 + turn), sync))
    draws = {name: batch * (trainer.sampler.k if name == "carv3d" else 1) for name in names}
    return {
        "batch_size": batch, "k": trainer.sampler.k, "picture": round(config.data.width.at(0)),
        "guidance_scale": config.objective.guidance_scale,
        "dtype": str(trainer.teacher.denoiser.dtype).removeprefix("torch."),
        "encoder_dtype": str(trainer.teacher.encode_dtype).removeprefix("torch."),
        "steps": {name: {"k": draws[name] // batch, "renders": batch, "encodes": batch,
                         "decodes": batch if name == "plain_sds_decode" else 0, "draws": draws[name],
                         "unet_rows": draws[name] * trainer.objective.evaluations,
                         **compared(times[name], times[BASELINE], draws[name], draws[BASELINE])} for name in names},
        "repeats": repeats, "warm_up": warm_up,
        "environment": environment(str(trainer.device), trainer.scenes[0].backends),
    }


def compared(times: list[float], baseline: list[float], draws: int, baseline_draws: int) -> dict[str, float]:
    """Medians, and ratios to the baseline's time in the same round."""
    ms = statistics.median(times)
    ratio = statistics.median(a / b for a, b in zip(times, baseline, strict=True))
    return {"step_ms": round(ms, 3), "ms_per_draw": round(ms / draws, 3), "step_ratio": round(ratio, 4),
            "draw_ratio": round(ratio * baseline_draws / draws, 4)}


def show(found: dict) -> None:
    say(f"B = {found['batch_size']}, UNet in {found['dtype']}; ratios to {BASELINE}")
    table(("step", "K", "renders", "encodes", "decodes", "UNet rows", "step ms", "ms/draw", "step ratio", "draw ratio"),
          [(name, one["k"], one["renders"], one["encodes"], one["decodes"], one["unet_rows"], one["step_ms"],
            one["ms_per_draw"], f"{one['step_ratio']:.3f}", f"{one['draw_ratio']:.3f}")
           for name, one in found["steps"].items()])


def main(argv: list[str] | None = None) -> int:
    share_cores()
    def work() -> None:
        parser = Parser(__doc__, repeats=40, warm_up=200)
        parser.add_argument("--json", type=Path, metavar="FILE")
        args = parser.read(argv)
        writable(args.json)
        config, plain = loaded(args), loaded(args, *PLAIN)
        if config.teacher.type == "exact":
            raise UserError("teacher.type: exact given, which has no VAE; allowed: bundled, diffusers")
        if config.objective.type != "sds":
            raise UserError(f"objective.type: {config.objective.type} given; the baseline is plain SDS; allowed: sds")
        build.set_up_kernels(config, say, truth=False)
        found = measure(settled(config), settled(plain), args.warm_up, args.repeats)
        show(found)
        deliver(found, args.json)

    return exit_status("bench_baseline.py", work)


if __name__ == "__main__":
    sys.exit(main())
