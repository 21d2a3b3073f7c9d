"""CLIP score: how well images fit a text, by a CLIP model whose weights lie on disk."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from carv3d.diffusion.loading import quiet
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import expanded, reason

# of the images that the published models were trained on (arXiv 2103.00020)
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class ClipScore:
    """100 times the cosine between the embeddings of an image and of a text, not below 0 (arXiv 2104.08718, with the
    weight of 100 that is usual)."""

    def __init__(self, path: str, device: torch.device | str = "cpu"):
        from transformers import CLIPModel, CLIPTokenizer

        folder = clip_folder(path)
        try:
            with quiet():
                model = CLIPModel.from_pretrained(folder, local_files_only=True)
                self.tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        except Exception as error:  # whatever the library raises for files that do not fit
            raise UserError(f"quality.clip: {path} cannot be loaded ({reason(error)[:150]})") from None
        self.model, self.device = model.eval().requires_grad_(False).to(device), torch.device(device)

    @torch.no_grad()
    def __call__(self, prompt: str, rgb: Tensor) -> float:
        """Mean over images [V,H,W,3] in [0,1]; the shorter side fills the model's square."""
        tokens = self.tokenizer(prompt, truncation=True, return_tensors="pt").to(self.device)
        out = self.model(pixel_values=self._pixels(rgb), **tokens)
        cosine = F.cosine_similarity(out.image_embeds, out.text_embeds)
        return float((100 * cosine).clamp_min(0).mean())

    @torch.no_grad()
    def embed(self, rgb: Tensor) -> Tensor:
        """Images [V,H,W,3] in [0,1] -> their embeddings, [V,d], of length 1."""
        found = self.model.get_image_features(pixel_values=self._pixels(rgb))
        return F.normalize(getattr(found, "pooler_output", found), dim=-1)

    def _pixels(self, rgb: Tensor) -> Tensor:
        side = self.model.config.vision_config.image_size
        height, width = rgb.shape[1:3]
        scale = side / min(height, width)
        size = round(height * scale), round(width * scale)
        images = F.interpolate(rgb.permute(0, 3, 1, 2).to(self.device), size, mode="bicubic", antialias=True,
                                 align_corners=False).clamp(0, 1)
        top, left = (size[0] - side) // 2, (size[1] - side) // 2
        images = images[..., top : top + side, left : left + side]
        mean, std = (torch.tensor(values, device=self.device)[:, None, None] for values in (MEAN, STD))
        return (images - mean) / std


def clip_folder(path: str) -> Path:
    """The folder of ``quality.clip``, if it holds a CLIP model with its tokenizer; UserError otherwise."""
    folder = expanded(path, "quality.clip")
    wanted = ("give a folder that CLIPModel.save_pretrained and CLIPTokenizer.save_pretrained wrote, or leave "
              "quality.clip out")
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError, RecursionError):
        raise UserError(f"quality.clip: {path} holds no CLIP model (no readable config.json); {wanted}") from None
    if kind != "clip":
        raise UserError(f"quality.clip: {path} holds a model of type {kind}; {wanted}")
    if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        raise UserError(f"quality.clip: {path} holds no tokenizer; {wanted}")
    return folder
