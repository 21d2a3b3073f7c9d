"""The memory of a run with a teacher from a folder, counted before anything is loaded; whether the device has it."""

from __future__ import annotations

from carv3d import teachers
from carv3d.config import registry
from carv3d.config.schema import Config
from carv3d.diffusion import guidance
from carv3d.diffusion.footprint import Footprint
from carv3d.runtime import devices
from carv3d.runtime.errors import UserError
from carv3d.runtime.memory import capacity, in_words
from carv3d.text3d.trainer import FIRST_K


def lines(config: Config) -> list[str]:
    """What the run holds, a line each; UserError where the device cannot hold it. On CUDA a chunk that is too large is
    halved as the run goes, so that only one draw a view must fit there."""
    device, views = devices.device(config.device), config.data.sizes[-1]
    branches, draws = _branches(config), _draws(config)
    found = teachers.footprint(config, views, draws * branches * views)
    has, total = capacity(device), found.total_bytes
    least = found
    if total > has and device.type == "cuda" and draws > 1:
        least = teachers.footprint(config, views, branches * views)
    if least.total_bytes > has:
        raise UserError(f"memory: {in_words(least.total_bytes)} needed at the peak of a step, and this {device.type} "
                        f"has {in_words(has)}; lower or give {', '.join(_remedies(config, found, draws, device.type))}")
    said = [*_said(config, found, draws * branches * views), _verdict(found, has, device.type)]
    return [f"# {line}" for line in said]


def _said(config: Config, found: Footprint, rows: int) -> list[str]:
    height, width = found.image_size
    text = f", largest text encoder {in_words(found.text_bytes)} (alone, and gone before training)"
    vae = f"VAE encoder {in_words(found.vae_bytes)}" if found.vae_bytes else "no VAE"
    said = [f"memory, counted: denoiser {in_words(found.denoiser_bytes)}, {vae}{text}",
            f"memory, counted: {in_words(found.ask_bytes)} while {rows} rows are asked about at a time"]
    if found.vae_bytes:
        said[1] += (f"; {in_words(found.images_bytes)} while {config.data.sizes[-1]} images of {height}x{width} are "
                    f"encoded and go back, of which {in_words(found.kept_bytes)} stay meanwhile")
    if registry.objective(config).learns:
        said.append(f"memory: what objective.type={config.objective.type} learns is not counted")
    return said


def _verdict(found: Footprint, has: int, device: str) -> str:
    line = (f"memory, counted: {in_words(found.total_bytes)} at the peak of a step without scene and render; this "
            f"{device} has {in_words(has)}: ")
    if found.total_bytes > has:
        return line + "with fewer draws at a time it fits, to which the run goes by itself"
    if found.text_bytes > has:
        return line + "it fits, but the largest text encoder does not: only prompts that the cache holds can be used"
    return line + "it fits"


def _branches(config: Config) -> int:
    """Rows of a draw that are asked about together."""
    own = registry.component("objective", config.objective.type).branches
    asked = own if isinstance(own, tuple) else guidance.branches(float(config.objective.guidance_scale))
    return 4 if config.prompts.perp_neg and "cond" in asked else len(asked)


def _draws(config: Config) -> int:
    """Draws of a view that go through the denoiser at a time, or are meant to."""
    k = max(config.estimator.ks(), default=FIRST_K)
    chunk = 0 if config.estimator.chunk == "auto" else int(config.estimator.chunk)
    return min(chunk or k, k)


def _remedies(config: Config, found: Footprint, draws: int, device: str) -> list[str]:
    """What would make it less, of what is not so already."""
    given = config.teacher
    whole = given.offload == given.quantize == "none"
    known = {
        "teacher.dtype=bfloat16": found.denoiser_bytes >= 4 * found.parameters,
        "teacher.offload=model": whole and found.vae_bytes > 0 and device == "cuda",
        "teacher.quantize=int8": whole and not registry.objective(config).learns,
        "teacher.checkpoint_encode=true": found.vae_bytes > 0 and not given.checkpoint_encode,
        "teacher.tile_encode=true": given.checkpoint_encode and not given.tile_encode,
        f"data.batch_size ({config.data.batch_size})": config.data.sizes[-1] > 1,
        f"estimator.chunk ({draws})": draws > 1,
        f"teacher.size ({found.image_size[0]})": teachers.sized(config),
    }
    return [words for words, helps in known.items() if helps] or ["a smaller model"]
