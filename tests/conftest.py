"""Set before any test imports torch."""

from carv3d.threads import share_cores

share_cores()
