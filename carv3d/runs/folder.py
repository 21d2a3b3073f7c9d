"""The run folder: what a run writes, where, and how it is found again."""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

from carv3d import config as configuration
from carv3d.config import registry
from carv3d.config.schema import Config
from carv3d.runtime import files
from carv3d.runtime.errors import UserError, remedy, shown
from carv3d.runtime.files import as_json, expanded, write_text
from carv3d.runtime.types import Record

MOST_REPLAYS = 8  # kept of the steps whose gradient was not finite


def fresh_folder(config: Config, name: str) -> Path:
    """Make ``<exp_root_dir>/<name>/<tag>@<time>/``, new even within one second; UserError if that cannot be done."""
    root = expanded(config.exp_root_dir, "exp_root_dir") / name
    tag = _cut(config.tag or re.sub(r"[^\w\-]+", "_", config.prompt.strip())[:80])
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    attempt = 0
    while True:
        folder = root / f"{tag}@{stamp}{f'-{attempt}' if attempt else ''}"
        try:
            os.makedirs(folder)
            return folder
        except FileExistsError:
            if not root.is_dir():
                raise UserError(f"exp_root_dir: {root} is not a folder; choose another exp_root_dir") from None
            attempt += 1
        except OSError as error:
            raise UserError(f"exp_root_dir: {folder} cannot be made ({files.reason(error)}); {remedy(error)}") from None


def _cut(name: str, most: int = 180) -> str:
    """A name of at most so many bytes: file systems count these, not characters."""
    return name.encode("utf-8")[:most].decode("utf-8", "ignore")


def named_folder(name: str) -> Path:
    """The folder of --out, not made yet; UserError unless it is new or empty."""
    folder = expanded(name, "--out")
    try:
        full = any(folder.iterdir())
    except FileNotFoundError:
        return folder
    except OSError as error:
        raise UserError(f"--out: {folder} cannot be read ({files.reason(error)}); give a new folder") from None
    if full:
        raise UserError(f"--out: {folder} is not empty; give a new folder, or --resume {folder} to go on with a run")
    return folder


class Run:
    """``<exp_root_dir>/<name>/<tag>@<time>/`` with config.yaml, cmd.txt, env.json, metrics.jsonl, summary.json,
    ckpts/ and save/."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.ckpts = folder / "ckpts"
        self.save = folder / "save"

    # --- making and finding ---

    @classmethod
    def create(cls, config: Config, environment: Record, folder: Path | None = None) -> Run:
        """A fresh folder, or the one that is named; UserError, and no folder, if it cannot be written."""
        if folder:
            files.make_folder(folder, "--out")
        run = cls(folder or fresh_folder(config, config.name))
        try:
            files.make_folder(run.ckpts, "exp_root_dir")
            files.make_folder(run.save, "exp_root_dir")
            write_text(run.folder / "cmd.txt", shlex.join(sys.argv) + "\n")
            run.write_environment(environment)
            write_text(run.folder / "config.yaml", configuration.dump(config))  # last: it makes the folder a run
        except UserError:
            shutil.rmtree(run.folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # those above it go too, as far as nothing is in them
                os.removedirs(run.folder.parent)
            raise
        return run

    @classmethod
    def open(cls, path: str | Path, *commands: str) -> Run:
        """An existing run, named by its folder or by a file within (a checkpoint, config.yaml). commands: of carv3d,
        one of which made it, by default train; UserError where another did."""
        path = expanded(str(path), "RUN")
        with contextlib.suppress(OSError, ValueError):  # a name too long, or no name at all
            for folder in [path, *list(path.absolute().parents)[:2]]:
                if (folder / "config.yaml").is_file():
                    return cls(folder).checked().made_by(*commands or ("train",))
        raise UserError(f"{path} is not a run folder (no config.yaml in it); give a folder like outputs/NAME/TAG@TIME")

    def checked(self) -> Run:
        """Itself; UserError where a link in it leads out of it, or a folder stands in a file's place or the reverse."""
        if out := files.leads_out(self.folder):
            raise UserError(f"{out} is a link out of the run; a run's files lie in its folder: copy there what it "
                            "names, or remove the link")
        for name in ("config.yaml", "cmd.txt", "env.json", "metrics.jsonl", "summary.json", "ckpts", "save"):
            path = self.folder / name
            if path.exists() and path.is_dir() != (name in ("ckpts", "save")):
                raise UserError(f"{path} is {'a folder' if path.is_dir() else 'no folder'}, which no run has there; "
                                "move it away")
        return self

    @property
    def command(self) -> str:
        """Of carv3d, that made it."""
        return str(self.environment().get("command", "train"))

    def made_by(self, *commands: str) -> Run:
        """Itself; UserError where a command other than these made it."""
        if self.command not in commands:
            raise UserError(f"{self.folder} is a run of carv3d {shown(self.command)}, and one of carv3d "
                            f"{' or '.join(commands)} is needed")
        return self

    def config(self, overrides: list[str] | tuple[str, ...] = ()) -> Config:
        with registry.no_modules_of(self.folder):
            return configuration.load(self.folder / "config.yaml", overrides, kept=True)

    # --- writing ---

    def write_environment(self, environment: Record) -> None:
        write_text(self.folder / "env.json", as_json(environment, 1) + "\n")

    def environment(self) -> Record:
        """What env.json holds; empty where it cannot be read."""
        return files.read_object(self.folder / "env.json")

    def log(self, record: Record) -> None:
        """Append one line to metrics.jsonl."""
        files.append_text(self.folder / "metrics.jsonl", as_json(record) + "\n")

    def truncate_metrics(self, step: int) -> None:
        """Drop the lines after ``step`` (they will be written again), and a last line cut short by a kill."""
        path = self.folder / "metrics.jsonl"
        kept = [line for line, record in self._metric_lines() if record["step"] <= step]
        write_text(path, "".join(kept))

    def metrics(self) -> list[Record]:
        return [record for _, record in self._metric_lines()]

    def damaged(self) -> list[str]:
        """What is there and cannot be read, for people; readers go on without it."""
        found = [f"{name} is damaged" for name in ("summary.json", "env.json")
                 if (self.folder / name).exists() and not files.read_object(self.folder / name)]
        lost = len(self._whole_lines()) - len(self._metric_lines())
        return found + [f"{lost} lines of metrics.jsonl are damaged"] * bool(lost)

    def _whole_lines(self) -> list[bytes]:
        """Of metrics.jsonl; a last line without its end was cut short by a kill."""
        path = self.folder / "metrics.jsonl"
        return files.read_bytes(path).split(b"\n")[:-1] if path.exists() else []

    def _metric_lines(self) -> list[tuple[str, Record]]:
        return records(self._whole_lines())

    def rewrite_config(self, config: Config) -> None:
        """The configuration of a resumed run, and the command that resumed it; half-written files of a kill go."""
        for left in self.folder.rglob(".*.part*"):
            files.remove(left)
        write_text(self.folder / "config.yaml", configuration.dump(config))
        path = self.folder / "cmd.txt"
        before = files.read_bytes(path).decode("utf-8", "replace") if path.exists() else ""
        write_text(path, before + shlex.join(sys.argv) + "\n")

    def keep_replay(self, step: int, draws: Record) -> None:
        """The latents and draws of a step with a non-finite gradient, as save/nonfinite/step-N.pt."""
        import torch

        with files.convenient("replay of a step that was not finite"):
            folder = self.save / "nonfinite"
            files.make_folder(folder, "save", within=True)
            if len(list(folder.glob("step-*.pt"))) < MOST_REPLAYS:
                content = io.BytesIO()
                torch.save(draws, content)
                files.write_bytes(folder / f"step-{step:06d}.pt", content.getbuffer())

    def try_summary(self, summary: Record) -> None:
        """``write_summary`` while another error is on its way out: that error is the one to report."""
        with contextlib.suppress(UserError):
            self.write_summary(summary)

    def write_summary(self, summary: Record) -> None:
        write_text(self.folder / "summary.json", as_json(summary, 1) + "\n")

    def summary(self) -> Record:
        """What summary.json holds; empty where it cannot be read."""
        return files.read_object(self.folder / "summary.json")


def records(lines: list[bytes]) -> list[tuple[str, Record]]:
    """Lines of metrics.jsonl, without those that are damaged."""
    out = []
    for line in lines:
        try:
            text = line.decode("utf-8") + "\n"
            record = json.loads(text)
        except (ValueError, RecursionError):
            continue
        step = record.get("step") if isinstance(record, dict) else None
        if isinstance(step, int) and not isinstance(step, bool):
            out.append((text, record))
    return out
