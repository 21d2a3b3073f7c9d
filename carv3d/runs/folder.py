"""The run folder: what a run writes, where, and how it is found again."""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import shlex
import sys
from pathlib import Path

from carv3d import config as configuration
from carv3d.config.schema import Config
from carv3d.runs.tensorboard import Board
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import as_json, atomic, expanded, write_text
from carv3d.runtime.types import Record

MOST_REPLAYS = 8  # kept of the steps whose gradient was not finite


def fresh_folder(config: Config, name: str) -> Path:
    """Make ``<exp_root_dir>/<name>/<tag>@<time>/``, new even within one second; UserError if that cannot be done."""
    root = Path(config.exp_root_dir).expanduser() / name
    tag = _cut(config.tag or re.sub(r"[^\w\-]+", "_", config.prompt.strip())[:80])
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    attempt = 0
    while True:
        folder = root / f"{tag}@{stamp}{f'-{attempt}' if attempt else ''}"
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            if not root.is_dir():
                raise UserError(f"exp_root_dir: {root} is not a folder; choose another exp_root_dir") from None
            attempt += 1
        except OSError as error:
            raise UserError(f"exp_root_dir: {folder} cannot be made ({error.strerror}); "
                            "choose a folder you may write to") from None


def _cut(name: str, most: int = 180) -> str:
    """A name of at most so many bytes: file systems count these, not characters."""
    return name.encode("utf-8")[:most].decode("utf-8", "ignore")


class Run:
    """``<exp_root_dir>/<name>/<tag>@<time>/`` with config.yaml, cmd.txt, env.json, metrics.jsonl, summary.json,
    ckpts/ and save/."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.ckpts = folder / "ckpts"
        self.save = folder / "save"
        self._tensorboard: Board | None = None

    # --- making and finding ---

    @classmethod
    def create(cls, config: Config, environment: Record) -> Run:
        """A fresh folder; UserError if it cannot be written."""
        run = cls(fresh_folder(config, config.name))
        run.ckpts.mkdir()
        run.save.mkdir()
        write_text(run.folder / "cmd.txt", shlex.join(sys.argv) + "\n")
        run.write_environment(environment)
        write_text(run.folder / "config.yaml", configuration.dump(config))  # last: it makes the folder a run
        return run

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """An existing run, named by its folder or by a file within (a checkpoint, config.yaml)."""
        path = expanded(str(path), "RUN")
        with contextlib.suppress(OSError, ValueError):  # a name too long, or no name at all
            for folder in [path, *list(path.absolute().parents)[:2]]:
                if (folder / "config.yaml").is_file():
                    return cls(folder)
        raise UserError(f"{path} is not a run folder (no config.yaml in it); give a folder like outputs/NAME/TAG@TIME")

    def config(self, overrides: list[str] | tuple[str, ...] = ()) -> Config:
        return configuration.load(self.folder / "config.yaml", overrides)

    # --- writing ---

    def write_environment(self, environment: Record) -> None:
        write_text(self.folder / "env.json", as_json(environment, 1) + "\n")

    def environment(self) -> Record:
        """What env.json holds; empty where it cannot be read."""
        return self._object("env.json")

    def log(self, record: Record, tensorboard: bool = False) -> None:
        """Append one line to metrics.jsonl."""
        try:
            with open(self.folder / "metrics.jsonl", "a", encoding="utf-8") as handle:
                handle.write(as_json(record) + "\n")
        except OSError as error:
            raise UserError(f"{self.folder / 'metrics.jsonl'} cannot be written ({error.strerror}); checkpoints saved "
                            "so far are untouched; free some space, then carv3d train --resume "
                            f"{self.folder}") from None
        if tensorboard:
            self._board().add_scalars_of(record)

    def truncate_metrics(self, step: int) -> None:
        """Drop the lines after ``step`` (they will be written again), and a last line cut short by a kill."""
        path = self.folder / "metrics.jsonl"
        kept = [line for line, record in self._metric_lines() if record["step"] <= step]
        write_text(path, "".join(kept))

    def metrics(self) -> list[Record]:
        return [record for _, record in self._metric_lines()]

    def _metric_lines(self) -> list[tuple[str, Record]]:
        path = self.folder / "metrics.jsonl"
        out = []
        for line in path.read_bytes().split(b"\n")[:-1] if path.exists() else []:  # the last was cut short by a kill
            try:
                text = line.decode("utf-8") + "\n"
                record = json.loads(text)
            except ValueError:
                continue  # damaged
            if isinstance(record, dict) and isinstance(record.get("step"), int):
                out.append((text, record))
        return out

    def rewrite_config(self, config: Config) -> None:
        """The configuration of a resumed run, and the command that resumed it; half-written files of a kill go."""
        for left in self.folder.rglob(".*.part*"):
            left.unlink(missing_ok=True)
        write_text(self.folder / "config.yaml", configuration.dump(config))
        try:
            before = (self.folder / "cmd.txt").read_text(encoding="utf-8", errors="replace")
        except OSError:
            before = ""
        write_text(self.folder / "cmd.txt", before + shlex.join(sys.argv) + "\n")

    def keep_replay(self, step: int, draws: Record) -> None:
        """The latents and draws of a step with a non-finite gradient, as save/nonfinite/step-N.pt."""
        import torch

        folder = self.save / "nonfinite"
        folder.mkdir(parents=True, exist_ok=True)
        if len(list(folder.glob("step-*.pt"))) >= MOST_REPLAYS:
            return
        with atomic(folder / f"step-{step:06d}.pt") as temporary:
            torch.save(draws, temporary)

    def try_summary(self, summary: Record) -> None:
        """``write_summary`` while another error is on its way out: that error is the one to report."""
        with contextlib.suppress(UserError, OSError):
            self.write_summary(summary)

    def write_summary(self, summary: Record) -> None:
        write_text(self.folder / "summary.json", as_json(summary, 1) + "\n")

    def summary(self) -> Record:
        """What summary.json holds; empty where it cannot be read."""
        return self._object("summary.json")

    def _object(self, name: str) -> Record:
        """A JSON file of the folder, if it holds an object; readers of a folder take nothing in it for granted."""
        try:
            found = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _board(self) -> Board:
        if self._tensorboard is None:
            self._tensorboard = Board(self.folder / "tb_logs")
        return self._tensorboard


# --- the surroundings ------------------------------------------------------------------------------------------------


