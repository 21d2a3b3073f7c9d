"""What ``carv3d distill`` takes of a configuration, checked without torch."""

from __future__ import annotations

from carv3d import config as configuration
from carv3d.config import registry
from carv3d.config.schema import Config
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import expanded, read_text

TAKEN = ("distill", "seed", "exp_root_dir", "name", "tag", "checkpoint", "log", "budget.seconds",
         "budget.teacher_evals", "budget.evaluations")
OF_A_MODEL = ("teacher.type", "teacher.path", "teacher.base", "teacher.revision", "teacher.variant", "teacher.use_ema",
              "teacher.dtype", "teacher.offline", "device")  # taken with prompts
TOYBOX = "toybox"


def settle(config: Config) -> None:
    """UserError for an option that has no effect on distillation; paths become absolute."""
    own = config.distill
    taken = TAKEN + OF_A_MODEL * bool(own.prompts)
    named = {"teacher.type": config.teacher.type, "teacher.path": config.teacher.path}  # others' defaults depend on it
    of_teacher = [f"{key}={value}" for key, value in named.items()] if own.prompts else []
    given = configuration.differences(config, configuration.load(overrides=of_teacher))
    for key in sorted(given, key=lambda each: each not in OF_A_MODEL):  # what others follow from first
        if not {key, key.split(".")[0]} & {*taken}:
            need = " without distill.prompts" if key in OF_A_MODEL else ""
            raise UserError(f"{key}: given to carv3d distill{need}, where it has no effect; allowed: distill.*, "
                            f"{', '.join(taken[1:])}")
    recipe = "digits" if not own.prompts else "bundled" if registry.teacher(config).toybox else "others"
    config.distill = own = own.filled(recipe)
    own.check("distill")
    if not own.prompts:
        for key, value in (("fake_rank", own.fake_rank), ("guidance", own.guidance)):
            if value:
                raise UserError(f"distill.{key}: {value:g} given without distill.prompts; the embedded digits have no "
                                "words and no layers for LoRA; leave it 0")
        return
    if not registry.teacher(config).network:
        raise UserError(f"teacher.type: {config.teacher.type} given to carv3d distill, which needs a network to copy; "
                        "allowed: bundled, diffusers")
    if config.teacher.dtype == "float16":
        raise UserError("teacher.dtype: float16 given to carv3d distill, whose gradients it cannot hold; allowed: "
                        "auto, float32, bfloat16")
    if own.prompts != TOYBOX:
        own.prompts = str(expanded(own.prompts, "distill.prompts").absolute())


def lines(path: str) -> list[str]:
    """The prompts of a file; UserError where it has none."""
    found = [line.strip() for line in read_text(expanded(path, "distill.prompts"), "distill.prompts",
                                                "give a file with a prompt on each line").splitlines()]
    found = list(dict.fromkeys(line for line in found if line and not line.startswith("#")))
    if not found:
        raise UserError(f"distill.prompts: {path} is empty; give a file with a prompt on each line")
    return found
