"""What ``carv3d distill`` takes of a configuration, checked without torch."""

from __future__ import annotations

from carv3d import config as configuration
from carv3d.config.schema import Config
from carv3d.runtime.errors import UserError

TAKEN = ("distill", "seed", "exp_root_dir", "name", "tag", "checkpoint", "log.every_n_steps")


def settle(config: Config) -> None:
    """UserError for an option that has no effect on distillation."""
    for key in configuration.differences(config, configuration.load()):
        if not {key, key.split(".")[0]} & {*TAKEN}:
            raise UserError(f"{key}: given to carv3d distill, where it has no effect; allowed: distill.*, "
                            f"{', '.join(TAKEN[1:])}")
