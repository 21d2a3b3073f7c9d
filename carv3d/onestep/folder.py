"""A student as a folder in the Stable Diffusion format, which plain diffusers can call in one step."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from carv3d.diffusion.weight_files import choose
from carv3d.onestep.latent import Latent
from carv3d.runtime.files import as_json, make_folder, read_object, write_bytes, write_text

NAME, NOTE = "student", "student.json"
COPIED = ("vae", "text_encoder")
INDEX = {"_class_name": "StableDiffusionPipeline", "feature_extractor": [None, None], "image_encoder": [None, None],
         "requires_safety_checker": False, "safety_checker": [None, None],
         "scheduler": ["diffusers", "DDPMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
         "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
         "vae": ["diffusers", "AutoencoderKL"]}
"""DDPM's last step, and only that, is the guess of the clean picture and nothing else."""


def save(denoiser: Latent, student: nn.Module, where: Path) -> None:
    """All parts of the teacher's folder but its UNet, which is the student's, float32; the text encoder is to be loaded
    as float32 too, as diffusers loads the others, so that they fit together."""
    from safetensors.torch import save as as_bytes

    source = denoiser.folder
    names = {component: choose(source, component, denoiser.variant) for component in COPIED}
    for component, weights in names.items():
        make_folder(where / component, "exp_root_dir")
        known = read_object(source / component / "config.json")
        write_text(where / component / "config.json", as_json(known | {
            name: "float32" for name in ("dtype", "torch_dtype") if name in known}, 2))
        single = {"vae": "diffusion_pytorch_model.safetensors", "text_encoder": "model.safetensors"}[component]
        for path in (*weights.files, *([weights.index] if weights.index else [])):
            write_bytes(where / component / (path.name if weights.index else single), path.read_bytes())
    make_folder(where / "tokenizer", "exp_root_dir")
    for path in sorted((source / "tokenizer").iterdir()):
        if path.is_file():
            write_bytes(where / "tokenizer" / path.name, path.read_bytes())
    make_folder(where / "unet", "exp_root_dir")
    write_bytes(where / "unet" / "diffusion_pytorch_model.safetensors",
                as_bytes({name: p.detach().cpu().contiguous() for name, p in student.state_dict().items()}))
    write_bytes(where / "unet" / "config.json", (source / denoiser.component / "config.json").read_bytes())
    levels = read_object(source / "scheduler" / "scheduler_config.json") | {
        "_class_name": "DDPMScheduler", "clip_sample": False, "thresholding": False, "timestep_spacing": "trailing",
        "variance_type": "fixed_small", "steps_offset": 1}
    make_folder(where / "scheduler", "exp_root_dir")
    write_text(where / "scheduler" / "scheduler_config.json", as_json(levels, 2))
    write_text(where / NOTE, as_json({"timestep": denoiser.start, "prediction_type": denoiser.kind, "steps": 1,
                                      "guidance_scale": 1.0}, 2))
    write_text(where / "model_index.json", as_json(INDEX, 2))  # last: it makes the folder a model


def timestep(folder: Path) -> int | None:
    """At which a student's folder is asked; None for a teacher's."""
    found = read_object(folder / NOTE).get("timestep")
    return found if isinstance(found, int) else None
