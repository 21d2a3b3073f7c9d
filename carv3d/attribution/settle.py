"""What ``carv3d attribute`` takes of a configuration, checked without torch."""

from __future__ import annotations

from carv3d import config as configuration
from carv3d.config import registry
from carv3d.config.schema import Config
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import expanded

TAKEN = ("attribute", "seed", "exp_root_dir", "name", "tag")
OF_A_MODEL = ("teacher", "device", "quality.clip")  # taken with pictures of the user's own
UNREAD = ("teacher.told", "teacher.options", "teacher.exact", "teacher.encode", "teacher.compile",
          "teacher.engine", "teacher.checkpoint_encode", "teacher.quantize", "teacher.offload",
          "teacher.tile_encode")


def settle(config: Config) -> None:
    """UserError for an option that has no effect on attribution; paths become absolute."""
    own = config.attribute
    taken = TAKEN + OF_A_MODEL * bool(own.data)
    named = {"teacher.type": config.teacher.type, "teacher.path": config.teacher.path}  # others' defaults depend on it
    of_teacher = [f"{key}={value}" for key, value in named.items()] if own.data else []
    given = configuration.differences(config, configuration.load(overrides=of_teacher))
    for key in sorted(given, key=lambda each: each.split(".")[0] not in OF_A_MODEL):  # what others follow from first
        if not {key, key.split(".")[0]} & {*taken} or key.startswith(UNREAD):
            need = "" if own.data or not {key, key.split(".")[0]} & {*OF_A_MODEL} else " without attribute.data"
            raise UserError(f"{key}: given to carv3d attribute{need}, where it has no effect; allowed: attribute.*, "
                            f"{', '.join(taken[1:])}")
    if own.data and not registry.teacher(config).network:
        raise UserError(f"teacher.type: {config.teacher.type} given to carv3d attribute, which needs a network to take "
                        "gradients of; allowed: bundled, diffusers")
    for name in ("data", "queries", "lora"):
        if given := getattr(own, name):
            setattr(own, name, str(expanded(given, f"attribute.{name}").absolute()))
    if own.cache not in ("auto", "off"):
        own.cache = str(expanded(own.cache, "attribute.cache").absolute())
    if config.quality.clip:
        config.quality.clip = str(expanded(config.quality.clip, "quality.clip").absolute())
