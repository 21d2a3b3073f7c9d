"""A model in one file becomes a folder in the format of diffusers, once: kept in the user's cache by its content.

The networks are read by diffusers' own from_single_file with the configuration of a folder of the same architecture
(``base``), whose tokenizers, scheduler and model_index.json become the new folder's as they are.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

from carv3d.diffusion.folder import as_object
from carv3d.diffusion.single_file import Kind, Single
from carv3d.runtime.errors import UserError, of_the_machine, shown
from carv3d.runtime.files import atomic_folder, cache_folder, make_folder
from carv3d.runtime.fingerprint import fingerprint
from carv3d.runtime.types import Record

NEEDED = "model_index.json, configs, tokenizer and scheduler, without weights"
WAY = 1  # of conversion; another number where what is written changes


def converted(single: Single, given: str, base: Path, named: str, announce: Callable[[str], None]) -> Path:
    """The folder of a file, made if need be; UserError where it does not fit its base. given, named: the file and the
    base as messages name them."""
    _check_base(base, named, single, given)
    folder = cache_folder("converted") / fingerprint(
        [(f"{WAY} {single.digest()} {name}", path) for name, path in files(base)])[:40]
    if folder.is_dir():
        return folder
    if find_spec("accelerate") is None:  # without it diffusers leaves what a file lacks at random values
        raise UserError(f"teacher.path: {given} is one file, to read which needs the package accelerate; install it")
    make_folder(folder.parent, "XDG_CACHE_HOME")
    announce(f"teacher: {given} is converted once, for all later runs, into {folder}")
    with atomic_folder(folder) as place:
        _write(single, given, base, named, place)
    return folder


def usual_base(single: Single) -> str:
    """The model on the hub whose configuration diffusers takes for a file, by the shapes of its tensors."""
    from diffusers.loaders.single_file_utils import fetch_diffusers_config

    known = fetch_diffusers_config({name: SimpleNamespace(shape=tuple(entry["shape"]))
                                    for name, entry in single.tensors.items()})
    return str(known["pretrained_model_name_or_path"])


def files(base: Path) -> list[tuple[str, Path]]:
    """What of a base has a say, each file under a label that is the same wherever it lies."""
    found = {path.relative_to(base) for pattern in ("model_index.json", "*/config.json", "scheduler/*", "tokenizer*/*")
             for path in base.glob(pattern) if path.is_file()}
    return [(str(name), base / name) for name in sorted(found)]


def _parts(kind: Kind) -> list[str]:
    return ["unet", "vae", *kind.encoders, *(name.replace("text_encoder", "tokenizer") for name in kind.encoders),
            "scheduler"]


def _check_base(base: Path, named: str, single: Single, given: str) -> None:
    """UserError for a base that lacks something, or is of another architecture."""
    wanted = f"give a diffusers folder of {single.kind.name}: {NEEDED}"
    try:
        index = as_object(base / "model_index.json", named, wanted)
        name = str(index.get("_class_name"))
        if not _same(name, single.kind):
            raise UserError(f"teacher.path: {named} holds a {name[:60]}, the file is {single.kind.name}; {wanted}")
        for part in _parts(single.kind):
            file = {"scheduler": "scheduler_config.json", "tokenizer": "tokenizer_config.json"}.get(
                part.removesuffix("_2"), "config.json")
            content: Record = as_object(base / part / file, named, wanted)
            if part == "scheduler" and single.says_v and content.get("prediction_type") != "v_prediction":
                raise UserError(f"teacher.path: the scheduler of {named} says the prediction_type "
                                f"{shown(content.get('prediction_type', 'epsilon'))}, but {given} is marked as one "
                                "that predicts v; give a base whose scheduler says v_prediction")
    except UserError as error:
        raise UserError(str(error).replace("teacher.path:", "teacher.base:", 1)) from None


def _same(pipeline: str, kind: Kind) -> bool:
    """Whether a pipeline's class has the parts of a kind."""
    if kind.pipeline == "StableDiffusionXLPipeline":
        return pipeline == kind.pipeline
    return pipeline.startswith("StableDiffusion") and not pipeline.startswith(("StableDiffusionXL", "StableDiffusion3"))


def _write(single: Single, given: str, base: Path, named: str, place: Path) -> None:
    """The folder itself, each network in the precision that it has in the file."""
    import diffusers
    import torch

    from carv3d.diffusion import mvdream
    from carv3d.diffusion.loading import DTYPES, quiet

    own = {part: DTYPES[single.precision(part)] for part in single.prefixes}
    dtype = own["unet"] if len(set(own.values())) == 1 else torch.float32
    try:
        with quiet():
            pipeline = getattr(diffusers, single.kind.pipeline).from_single_file(
                str(single.path), config=str(base), local_files_only=True, torch_dtype=dtype,
                **dict.fromkeys(("safety_checker", "feature_extractor", "image_encoder")))
            count = sum(p.numel() for p in pipeline.unet.parameters())
            if count != single.numbers("unet"):
                raise ValueError(f"its UNet has {single.numbers('unet')} numbers, that of the base {count}")
            for part in single.prefixes:
                network = getattr(pipeline, part)
                if lost := next((name for name, p in network.named_parameters() if p.is_meta), None):
                    raise ValueError(f"it lacks {lost} of the {part}")
                if part == "unet" and single.told_cameras:
                    mvdream.add_cameras(network, single, place)
                network.to(own[part]).save_pretrained(place / part)
        for name, path in files(base):
            if not name.endswith("/config.json"):
                (place / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(path, place / name)
        if single.told_cameras:
            mvdream.write_index(place)
    except Exception as error:
        if of_the_machine(error) or isinstance(error, UserError):  # no fault of the files'
            raise
        why = (str(error).strip() or type(error).__name__).splitlines()[0].replace("torch.Size", "")[:100]
        why = "it lacks numbers that the base describes" if "meta tensor" in why else why
        raise UserError(f"teacher.base: {named} does not fit {Path(given).name[-40:]} ({why}); give a folder of the "
                        "same architecture") from error
