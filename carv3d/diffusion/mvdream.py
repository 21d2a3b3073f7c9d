"""MVDream (arXiv 2308.16512) in one file: Stable Diffusion 2.1 whose UNet looks at four views together.

Its file has the tensors of Stable Diffusion 2.1 under the same names, which diffusers reads, and ``camera_embed``
beside the embedding of the time: two linear layers from a camera's matrix, whose answer is added to it. Its attention
over views has no weights of its own (``joint_views``).
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from carv3d.diffusion.folder import TOGETHER
from carv3d.diffusion.loading import Network
from carv3d.diffusion.single_file import CAMERAS, Single
from carv3d.diffusion.view_vector import MATRIX, ViewEmbedding
from carv3d.runtime.files import write_text

VIEWS, SIDE = 4, 32  # views together; latents a side, of pictures of 256 pixels


@torch.no_grad()
def add_cameras(unet: Network, single: Single, place: Path) -> None:
    """The embedding of cameras as the component ``view`` of a folder; what it adds where nothing is told becomes part
    of the UNet. ValueError for one of other sizes."""
    from safetensors import safe_open

    width = unet.time_embedding.linear_2.out_features
    made = ViewEmbedding(width, MATRIX)
    with safe_open(single.path, "pt") as held:
        state = {f"{ours}.{name}": held.get_tensor(f"{CAMERAS}{theirs}.{name}").float()
                 for ours, theirs in (("linear_1", 0), ("linear_2", 2)) for name in ("weight", "bias")}
    wanted = {name: value.shape for name, value in made.state_dict().items()}
    if bad := next((name for name, value in state.items() if value.shape != wanted[name]), None):
        raise ValueError(f"its camera_embed has {tuple(state[bad].shape)} where {tuple(wanted[bad])} is needed")
    made.load_state_dict(state)
    bias = unet.time_embedding.linear_2.bias
    bias += made.whole(torch.zeros(1, MATRIX))[0].to(bias.dtype)
    unet.register_to_config(sample_size=SIDE)
    made.save(place)


def write_index(place: Path) -> None:
    """That it looks at four views together."""
    path = place / "model_index.json"
    write_text(path, json.dumps({**json.loads(path.read_text(encoding="utf-8")), TOGETHER: VIEWS}, indent=2) + "\n")
