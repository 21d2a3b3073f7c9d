"""A model in one file, as the original code of Stable Diffusion 1, 2 and XL writes it: what it is, told by its header.

Nothing but the header of a safetensors file is read here, and no torch is needed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from carv3d.diffusion.weight_files import shapes
from carv3d.runtime.errors import UserError, shown
from carv3d.runtime.files import reason
from carv3d.runtime.types import Record

CAMERAS = "model.diffusion_model.camera_embed."  # of MVDream: linear layers 0 and 2
UNET, VAES = "model.diffusion_model.", ("first_stage_model.", "vae.")  # the latter as diffusers knows it too
WEIGHTS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf")
ENDS = 1 << 15  # bytes of each end of a tensor that are hashed
PRECISIONS = {"F64": "float32", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "F8_E4M3": "float16",
              "F8_E5M2": "float16"}  # the second holds whatever the first does; of F64 what a network is loaded in
FOLDER = "give the folder of the model in the format of diffusers"
OTHERS = (  # what else comes as one file, by a part of its tensors' names, the surest first
    (("double_blocks.", "single_stream_modulation."), f"the transformer of a FLUX model; {FOLDER}"),
    (("joint_blocks.",), f"the transformer of Stable Diffusion 3; {FOLDER}"),
    (("control_model.", "controlnet_cond_embedding."), "a ControlNet, no model; give the model"),
    (("img_mod.", "cap_embedder.", "single_transformer_blocks.", "adaLN_modulation", "adaln_single.",
      "cross_attn.kv_linear"), f"the transformer of a flow model or of PixArt; {FOLDER}"),
    (("conditioner.embedders.0.model.",), "the refiner of SDXL, which makes no image from words alone; give its base"),
)
_LORA = re.compile(r"(^|[._])(lora|lycoris|hada|lokr|oft)([._]|$)|[._]lora_\w+")
ALONE = (  # networks without the others, by how their tensors' names begin
    (("down_blocks.", "mid_block.", "conv_in.", "time_embedding.", "transformer_blocks."),
     "a denoiser alone, as diffusers writes it; give the folder of the whole model"),
    (("text_model.", "cond_stage_model.", "conditioner.", "transformer.", "encoder.block.", "shared."),
     "a text encoder alone; give the whole model"),
    (("encoder.", "decoder.", "quant_conv.", "post_quant_conv.", *VAES),
     "a VAE alone; write it as a folder with diffusers (AutoencoderKL.from_single_file, save_pretrained) and give that "
     "as teacher.vae, beside a model as teacher.path"),
)


@dataclass(frozen=True)
class Kind:
    """name: for people. pipeline: the class of diffusers that reads it. encoders: prefix of each text encoder's
    tensors, by its component."""

    name: str
    pipeline: str
    encoders: dict[str, str]


KINDS = (
    Kind("SDXL", "StableDiffusionXLPipeline", {"text_encoder": "conditioner.embedders.0.transformer.",
                                              "text_encoder_2": "conditioner.embedders.1.model."}),
    Kind("Stable Diffusion 2", "StableDiffusionPipeline", {"text_encoder": "cond_stage_model.model."}),
    Kind("Stable Diffusion 1", "StableDiffusionPipeline", {"text_encoder": "cond_stage_model.transformer."}),
)


@dataclass(frozen=True)
class Single:
    """A file of a kind. tensors: its header, by name."""

    path: Path
    kind: Kind
    tensors: dict[str, Record]
    metadata: Record

    @property
    def prefixes(self) -> dict[str, str]:
        """Of each network's tensors."""
        return {"unet": UNET, "vae": next(prefix for prefix in VAES if _any(self.tensors, (prefix,))),
                **self.kind.encoders}

    def precision(self, part: str) -> str:
        """The least in which nothing of a network's numbers is lost."""
        found = {PRECISIONS[entry["dtype"]] for name, entry in self.tensors.items()
                 if name.startswith(self.prefixes[part]) and entry["dtype"] in PRECISIONS}
        return found.pop() if len(found) == 1 else "float32"

    def numbers(self, part: str) -> int:
        """How many a network has, without an embedding of cameras."""
        return sum(_count(entry["shape"]) for name, entry in self.tensors.items()
                   if name.startswith(self.prefixes[part]) and not name.startswith(CAMERAS))

    @property
    def told_cameras(self) -> bool:
        """Whether it is MVDream's (arXiv 2308.16512), of several views together, each told its camera."""
        return _any(self.tensors, (CAMERAS,))

    @property
    def says_v(self) -> bool:
        """Whether it is marked as a model that predicts v: a tensor of that name, or what modelspec says."""
        return "v_pred" in self.tensors or str(self.metadata.get("modelspec.prediction_type", "")).startswith("v")

    def digest(self) -> str:
        """A hash of its size, its whole header (name, type and shape of every tensor) and, of each tensor, the first
        and the last 32 KiB: all of a small one.

        Training, merging or rounding changes nearly every number, so that it changes these; a few numbers changed by
        hand within a large tensor would not be seen.
        """
        total = hashlib.sha256(str(self.path.stat().st_size).encode())
        with self.path.open("rb") as file:
            length = int.from_bytes(start := file.read(8), "little")
            total.update(start + file.read(length))
            for entry in self.tensors.values():
                first, last = (8 + length + place for place in entry["data_offsets"])
                for place, end in ((first, min(first + ENDS, last)), (max(last - ENDS, first + ENDS), last)):
                    if place < end:
                        file.seek(place)
                        total.update(file.read(end - place))
        return total.hexdigest()


def read(path: Path, given: str) -> Single:
    """A file that can be converted; UserError for any other, which says what it is. given: as the user named it."""
    if path.suffix != ".safetensors":
        how = ("a pickle or of another kind, and reading a pickle can run what is in it" if path.suffix in WEIGHTS
               else "no file of weights")
        raise UserError(f"teacher.path: {given} is {how}; give a .safetensors file, or a folder in the format of "
                        "diffusers")
    try:
        shapes(path, given, "file")  # against its length too
        tensors, metadata = _header(path)
    except (UserError, OSError, ValueError, RecursionError) as error:
        why = "" if isinstance(error, UserError) else f" ({reason(error)[:80]})"
        raise UserError(f"teacher.path: {given} cannot be read as safetensors{why}; it is damaged, or not wholly here: "
                        "copy it again") from None
    if looks_like_lora(tensors):
        raise UserError(lora(given))
    if what := _other(tensors):
        raise UserError(f"teacher.path: {given} is {what}")
    kind = next((kind for kind in KINDS if all(_any(tensors, (prefix,)) for prefix in kind.encoders.values())), None)
    if kind is None or not _any(tensors, VAES):
        lacking = "VAE" if kind else "text encoder"
        raise UserError(f"teacher.path: {given} is a model without its {lacking}; give a file that holds UNet, VAE and "
                        "text encoder, or a folder in the format of diffusers")
    single = Single(path, kind, tensors, metadata)
    if unknown := next((entry["dtype"] for name, entry in tensors.items() if name.startswith(UNET)
                        and entry["dtype"] not in PRECISIONS), None):
        raise UserError(f"teacher.path: {given} holds numbers of type {unknown}; allowed: {', '.join(PRECISIONS)}")
    return single


def lora(given: str) -> str:
    """What is said of LoRA layers in a model's place."""
    return (f"teacher.path: {given} is a LoRA, changes to a model and no model; give the model that it was made for as "
            "teacher.path, and this as teacher.lora")


def looks_like_lora(names: Iterable[str]) -> bool:
    """By the names of tensors, as diffusers, peft, kohya's scripts and LyCORIS give them."""
    return any(_LORA.search(name) for name in names)


def _other(tensors: dict[str, Record]) -> str:
    """What a file is that holds no model of KINDS, and what to do with it; empty for one that may."""
    if what := next((what for parts, what in OTHERS if any(part in name for name in tensors for part in parts)), ""):
        return what
    if _any(tensors, (UNET,)):
        return ""
    if tensors and len(tensors) <= 3 and all(len(entry["shape"]) in (1, 2) for entry in tensors.values()):
        return ("an embedding of words, no model; give the model as teacher.path and this file as "
                "teacher.textual_inversion")
    if what := next((what for starts, what in ALONE if _any(tensors, starts)), ""):
        return what
    first = f"its first tensor is {shown(next(iter(tensors)))}" if tensors else "it is empty"
    return f"no checkpoint that is known ({first}); allowed: {', '.join(kind.name for kind in KINDS)} in one file"


def _any(names: Iterable[str], starts: tuple[str, ...]) -> bool:
    return any(name.startswith(starts) for name in names)


def _header(path: Path) -> tuple[dict[str, Record], Record]:
    with path.open("rb") as file:
        content = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    metadata = content.pop("__metadata__", None) or {}
    return content, metadata


def _count(shape: list[int]) -> int:
    found = 1
    for side in shape:
        found *= side
    return found
