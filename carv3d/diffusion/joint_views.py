"""Teachers that look at several views of a scene together, in the Stable Diffusion format (MVDream, arXiv 2308.16512).

A UNet of one view becomes one of V by its self-attention, in which the places of all V views see one another; whatever
else it has meets each view alone. How many they are stands in model_index.json as ``_views_per_item``, which diffusers
passes over.
"""

from __future__ import annotations

from torch import Tensor

from carv3d.diffusion.loading import Network


class Joint:
    """An attention processor of diffusers that lets the tokens of V rows attend to one another: of rows [n,L,C], each V
    in order are of one scene."""

    def __init__(self, processor: Network, views: int):
        self.processor, self.views = processor, views

    def __call__(self, attention: Network, hidden_states: Tensor, *more: Network, **options: Network) -> Tensor:
        rows, length, width = hidden_states.shape
        joined = hidden_states.reshape(rows // self.views, self.views * length, width)
        out: Tensor = self.processor(attention, joined, *more, **options)
        return out.reshape(rows, length, width)


def join(unet: Network, views: int) -> None:
    """Let the self-attention of diffusers' UNet reach over views; attention to words stays each view's own."""
    unet.set_attn_processor({name: Joint(each, views) if name.endswith("attn1.processor") else each
                             for name, each in unet.attn_processors.items()})
