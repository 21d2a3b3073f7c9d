"""TensorBoard scalars; the package is optional."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

from carv3d.runtime.errors import UserError
from carv3d.runtime.types import Record


class Board:
    """TensorBoard scalars; the package is optional."""

    def __init__(self, folder: Path):
        require_tensorboard()
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder))

    def add_scalars_of(self, record: Record) -> None:
        for key, value in record.items():
            if isinstance(value, (int, float)) and key != "step":
                self.writer.add_scalar(key, value, record["step"])
        self.writer.flush()


def require_tensorboard() -> None:
    """UserError if log.tensorboard cannot work here."""
    if importlib.util.find_spec("tensorboard") is None:
        raise UserError("log.tensorboard: true given, but the package tensorboard is missing; "
                        "pip install tensorboard, or log.tensorboard=false")
