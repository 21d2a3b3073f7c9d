"""What commands about one-step generators share: words on the command line, the teacher that a configuration names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from carv3d import digits, teachers
from carv3d.config import registry
from carv3d.config.schema import Config
from carv3d.diffusion.prompts import VIEWS, view_prompt
from carv3d.onestep import world
from carv3d.onestep.latent import Latent
from carv3d.onestep.networks import Denoiser, Digits
from carv3d.onestep.settle import TOYBOX, lines
from carv3d.onestep.world import World
from carv3d.runtime import devices
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import Progress, say

DIGITS, GUIDANCE = "digits", 7.5  # tag of the embedded world; of teachers of real pictures (DMD2: 8 for SD 1.5)


def spelt(words: Sequence[str]) -> list[str]:
    """The command's short words as options: data.prompts=FILE; a teacher's path says its type, and the bundled teacher
    is asked about the toybox unless a file says otherwise."""
    out = [f"distill.prompts={word.partition('=')[2]}" if word.startswith("data.prompts=") else word for word in words]
    keys = {word.partition("=")[0] for word in out}
    if "teacher.path" in keys and "teacher.type" not in keys:
        out.append("teacher.type=diffusers")
    if "teacher.type=bundled" in out and "distill.prompts" not in keys:
        out.append(f"distill.prompts={TOYBOX}")
    return out


def title(config: Config) -> str:
    """What a run is called that was given no tag."""
    return Path(config.distill.prompts).stem if config.distill.prompts else DIGITS


def denoiser(config: Config) -> Denoiser:
    """What a configuration distils: the embedded teacher, trained here, or one that it names."""
    if config.distill.prompts:
        return latent(config)
    _check_start(config, digits.STEPS)
    with Progress("teacher", digits.Recipe().steps) as bar:
        return world.embedded(config.seed, config.distill.start, bar.to)


def judged(config: Config, of: Denoiser) -> World:
    """What its samples are judged by."""
    own = config.distill
    if isinstance(of, Digits):
        return world.of_digits(of, config.seed, own)
    assert isinstance(of, Latent)
    with Progress("teacher's samples", world.evaluations(own)) as bar:
        return world.of_latents(of, config.seed, own, bar.to)


def latent(config: Config) -> Latent:
    """The teacher of a configuration with its prompts. UserError for weights or prompts that cannot be used."""
    from carv3d.diffusion import loading

    own, given = config.distill, config.teacher
    teachers.settle_weights(config)
    words = prompts(config)
    device = devices.device(config.device)
    auto = loading.encoder_dtype(device) if device.type == "cuda" else loading.fastest_dtype(device)
    made = Latent(teachers.stable_diffusion_folder(config, "carv3d distill"), words, given,
                  own.guidance or (1.0 if registry.teacher(config).toybox else GUIDANCE),
                  own.start, loading.DTYPES.get(given.dtype, auto), device)
    _check_start(config, made.schedule.timesteps)
    million = sum(p.numel() for p in made.teacher.parameters()) / 1e6
    say(f"{len(words)} prompts, a UNet of {million:.1f} M parameters that says {made.kind}, guidance "
        f"{made.guidance:g}, {str(made.dtype).removeprefix('torch.')}")
    return made


def prompts(config: Config) -> list[str]:
    """What outputs are of; UserError for words that the teacher does not know."""
    from carv3d.toybox import grammar
    from carv3d.toybox.lists import held_out

    if config.distill.prompts == TOYBOX:
        return [view_prompt(grammar.caption(spec), view) for spec in grammar.singles() if not held_out(spec)
                for view in VIEWS[8]]
    found = lines(config.distill.prompts)
    if registry.teacher(config).toybox:
        views = {view.name for views in VIEWS.values() for view in views}
        for line in found:
            object_, _, told = line.partition(", ")
            grammar.parse(object_ if told.removesuffix(" view") in views else line)
    return found


def _check_start(config: Config, timesteps: int) -> None:
    if config.distill.start >= timesteps:
        raise UserError(f"distill.start: {config.distill.start} given; the teacher's timesteps are 0 to "
                        f"{timesteps - 1}")
