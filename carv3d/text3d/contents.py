"""What the options that name files found there: a run follows its files when they move, known by what they hold."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from carv3d import teachers
from carv3d.config import registry
from carv3d.config.scenes import GaussiansConfig, SdfConfig
from carv3d.config.schema import Config
from carv3d.runs import checkpoint
from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError
from carv3d.runtime.fingerprint import fingerprint
from carv3d.runtime.progress import say
from carv3d.runtime.types import Record

STARTS = ("scene.gaussians.init", "scene.sdf.init")  # what scenes start from
FRESH = ("blob", "sphere")  # starts that are no files
LOCATIONS = ("teacher.path", "teacher.base", *STARTS)  # may differ on --resume where the content is the same


def of(config: Config) -> Record:
    """Option -> fingerprint of the files that it names, for env.json; what is not there is left out.

    teacher.path: the weights that are loaded and the small files beside them, of a model in one file as it was
    converted; teacher.base: its configuration and tokenizer; what a scene starts from: the file, or the newest
    checkpoint of the run; quality.clip: the model and its tokenizer.
    """
    sources = {"teacher.path": _teacher(config), "teacher.base": _base(config.teacher.base),
               f"scene.{config.scene.type}.init": _start(config), "quality.clip": _clip(config)}
    return {option: fingerprint(files) for option, files in sources.items() if files}


def check_moved(moved: Collection[str], recorded: Record, config: Config) -> None:
    """UserError where a location that changed now names something else than the run began with.

    What is not there is not compared: ``build.settle`` has refused what the run still needs.
    """
    now = of(config)
    for option in sorted(set(moved) & now.keys()):
        before = recorded.get(option)
        if before is None:
            say(f"{option}: changed; this run recorded no content to compare it with, so it could not be checked")
        elif before != now[option]:
            raise UserError(f"{option}: {_value(config, option)} holds something else than this run began with; give "
                            "the files it began with, wherever they lie now, or start a new run")


def notes(recorded: Record, config: Config) -> list[str]:
    """A line for each location whose content is not that of the start."""
    return [f"{option}: its content has changed since this run began; some of its steps were made by another one"
            for option, now in of(config).items() if recorded.get(option, now) != now and option == "teacher.path"]


def _value(config: Config, option: str) -> str:
    of_teacher = {"teacher.path": config.teacher.path, "teacher.base": config.teacher.base}
    return of_teacher[option] if option in of_teacher else start(config, option)


def start(config: Config, option: str) -> str:
    """The value of one of STARTS."""
    return {"scene.gaussians.init": config.scene.gaussians.init, "scene.sdf.init": config.scene.sdf.init}[option]


def _teacher(config: Config) -> list[tuple[str, Path]]:
    if not registry.teacher(config).located:
        return []
    from carv3d.diffusion import additions, linear_encoder, small_encoder
    from carv3d.diffusion.families.check import files
    from carv3d.diffusion.weights import POSE, VIEW

    given = config.teacher
    added = additions.given(given.lora, given.textual_inversion, given.fuse_lora).files
    folder = teachers.weights_folder(config)
    beside = [(name, folder / name) for name in (VIEW, POSE, small_encoder.FILE, linear_encoder.FILE)]
    return [*files(folder, given.variant, given.use_ema), *((name, path) for name, path in beside if path.is_file()),
            *((f"added {number}", path) for number, path in enumerate(added)), *_vae(given.vae)]


def _base(given: str) -> list[tuple[str, Path]]:
    from carv3d.diffusion.convert import files

    return files(Path(given)) if given else []


def _vae(given: str) -> list[tuple[str, Path]]:
    folder = Path(given) / "vae" if (Path(given) / "vae").is_dir() else Path(given)
    return [(f"vae {path.name}", path) for path in sorted(folder.iterdir()) if path.is_file()] if given else []


def _start(config: Config) -> list[tuple[str, Path]]:
    options = registry.options(config, "scene")
    if not isinstance(options, GaussiansConfig | SdfConfig) or options.init in FRESH:
        return []
    try:
        path, kind = Path(options.init).expanduser(), options.init_kind
        if kind == "run" and path.suffix != ".ckpt":
            path = checkpoint.newest(Run.open(path).ckpts)
    except UserError:
        return []
    return [(kind, path)]


def _clip(config: Config) -> list[tuple[str, Path]]:
    folder = Path(config.quality.clip or "/dev/null").expanduser()
    kinds = (".json", ".txt", ".safetensors", ".bin")
    return [(path.name, path) for path in sorted(folder.iterdir()) if path.suffix in kinds and path.is_file()
            ] if folder.is_dir() else []
