"""What the benchmarks share: timing, command line, table, JSON."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from carv3d import config as configuration
from carv3d.config.options import Schedule, constant
from carv3d.config.schema import Config
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import write_text
from carv3d.runtime.progress import say
from carv3d.runtime.threads import share_cores
from carv3d.text3d import build

if TYPE_CHECKING:
    import torch



def settled(config: Config) -> Config:
    """Every schedule held at its value in the last step."""
    def hold(node):
        changes = {}
        for item in dataclasses.fields(node):
            value = getattr(node, item.name)
            if isinstance(value, Schedule):
                changes[item.name] = constant(value.at(config.trainer.max_steps - 1))
            elif dataclasses.is_dataclass(value):
                changes[item.name] = hold(value)
        return dataclasses.replace(node, **changes)

    return hold(config)


def synchroniser(device: torch.device) -> Callable[[], None]:
    """Waits until the device has done what it was given."""
    import torch

    return torch.cuda.synchronize if device.type == "cuda" else lambda: None


def milliseconds(work: Callable[[], object], sync: Callable[[], None]) -> float:
    sync()
    began = time.perf_counter()
    work()
    sync()
    return 1e3 * (time.perf_counter() - began)


class Parser(argparse.ArgumentParser):
    """argparse with one-line errors; key=value may stand anywhere, also after an option that takes a list."""

    def __init__(self, doc: str, repeats: int, warm_up: int | None = None):
        super().__init__(description=doc.splitlines()[0])
        self.add_argument("--config", metavar="FILE")
        self.add_argument("--repeats", type=whole(1), default=repeats, metavar="N")
        if warm_up is not None:
            self.add_argument("--warm-up", type=whole(0), default=warm_up, metavar="N", help="steps of training before")
        self.add_argument("overrides", nargs="*", metavar="key=value")

    def error(self, message: str) -> None:
        raise UserError(f"{message}; --help lists what is allowed")

    def read(self, argv: list[str] | None) -> argparse.Namespace:
        given = sys.argv[1:] if argv is None else argv
        overrides = [text for text in given if "=" in text and not text.startswith("-")]
        args = self.parse_args([text for text in given if text not in overrides])
        args.overrides += overrides
        return args


def whole(least: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} given; allowed: a whole number >= {least}")
        return value

    whole_number.__name__ = "whole number"
    return whole_number


def loaded(args: argparse.Namespace, *overrides: str) -> Config:
    """The configuration of the command line, checked as far as that goes without loading anything heavy."""
    config = configuration.load(args.config, ["prompt=a red mushroom", *args.overrides, *overrides])
    build.settle(config)
    return config


def writable(path: Path | None) -> None:
    """UserError before anything is measured if a file cannot be written in the end."""
    if path is None:
        return
    if path.is_dir() or not path.parent.is_dir():
        raise UserError(f"--json {path}: {'it is a folder' if path.is_dir() else f'there is no folder {path.parent}'}; "
                        "give a file in a folder that exists")
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"--json {path}: {path.parent} cannot be written; give a file in another folder")


def deliver(result: dict, path: Path | None) -> None:
    """JSON on stdout, or in a file whose path is then on stdout."""
    text = json.dumps(result, indent=1)
    if path is None:
        print(text)
    else:
        write_text(path, text + "\n")
        print(path)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns on the terminal, the first one left-aligned, the others right-aligned."""
    lines = [header, *([f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *rest in lines:
        say("  ".join([first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(rest, widths[1:], strict=True))]))


def exit_status(script: str, work: Callable[[], None]) -> int:
    """Run a benchmark; a user's mistake is one line and status 2."""
    share_cores()
    try:
        work()
    except UserError as error:
        print(f"{script}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{script}: stopped", file=sys.stderr)
        return 130
    return 0
