"""What ``carv3d attribute`` takes of a configuration, checked without torch."""

from __future__ import annotations

from carv3d import config as configuration
from carv3d.config.schema import Config
from carv3d.runtime.errors import UserError

TAKEN = ("attribute", "seed", "exp_root_dir", "name", "tag")


def settle(config: Config) -> None:
    """UserError for an option that has no effect on attribution."""
    for key in configuration.differences(config, configuration.load()):
        if key.split(".")[0] not in TAKEN:
            raise UserError(f"{key}: given to carv3d attribute, where it has no effect; allowed: attribute.*, "
                            f"{', '.join(TAKEN[1:])}")
