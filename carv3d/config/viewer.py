"""The viewer of a run that trains."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from carv3d.config.options import option
from carv3d.runtime.errors import UserError

VERSIONS = "viser>=1.1,<1.2"  # whose server carv3d knows how to guard


@dataclass
class ViewerConfig:
    enabled: bool = option(False, "show the scene in a browser while it trains, as --view does (needs the package "
                                  "viser)")
    host: str = option("127.0.0.1", "where it is served: this machine alone; to others, as by 0.0.0.0, the address "
                                    "holds a random token")
    port: int = option(7007, "or the next that is free; 0: any", ge=0, le=65535)
    share: float = option(0.02, "largest share of the time that images for the viewer take while the run trains", gt=0,
                          le=0.9)
    size: int = option(512, "largest height of its images, pixels", ge=64, le=2048)


def require_viser(option: str) -> None:
    """UserError where the package is missing. option: that asks for it."""
    if importlib.util.find_spec("viser") is None:
        raise UserError(f"{option}: it needs viser: pip install 'carv3d[viewer]' (or pip install '{VERSIONS}'); "
                        "without it, carv3d view RUN shows what is trained so far")
