"""Which way does the object face that several noisy views look at together? A small network that finds it out.

Given the azimuth that a view has in the object's own frame, the other views of a known object tell nothing more of it,
so that the noise to be expected in view i, with x the views and a their azimuths, is

    E[e_i | x_1..x_V] = sum over a_1 of p(a_1 | x_1..x_V) E[e_i | x_i, a_i],  p(a_1 | x_1..x_V) ~ prod_i p(x_i | a_i)

since the azimuths differ by known turns. The network answers each view with the logarithm of p(x_i | a_i) as a Fourier
series in a_i; turned to the first and added they are the logits of the posterior, of which the denoiser is told, in
place of its camera's azimuth, the expectations of the waves that ``view_vector`` tells it by.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from carv3d.diffusion.loading import check_finite, one_line
from carv3d.diffusion.view_vector import AZIMUTH, CAMERA, HARMONICS, LIGHT, TOWARDS, TURN, WIDTH, turned
from carv3d.diffusion.weights import POSE

SERIES, BINS = 6, 72  # harmonics of a likelihood; azimuths at which a posterior is asked
CHANNELS, TOLD, TIMES = (64, 128, 192), 128, 4  # of the network; of what it is told beside the picture; waves of time
GROUPS = 8


class Block(nn.Module):
    """Two convolutions, of which the second is told what the picture does not show."""

    def __init__(self, before: int, after: int, stride: int):
        super().__init__()
        self.norm_1, self.norm_2 = nn.GroupNorm(GROUPS, before), nn.GroupNorm(GROUPS, after)
        self.conv_1 = nn.Conv2d(before, after, 3, stride, 1)
        self.conv_2 = nn.Conv2d(after, after, 3, 1, 1)
        self.told = nn.Linear(TOLD, 2 * after)
        self.past = nn.Identity() if stride == 1 and before == after else nn.Conv2d(before, after, 1, stride)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        h = self.conv_1(F.silu(self.norm_1(x)))
        scale, shift = self.told(told)[..., None, None].chunk(2, 1)
        out: Tensor = self.past(x) + self.conv_2(F.silu(self.norm_2(h) * (1.0 + scale) + shift))
        return out


class Pose(nn.Module):
    """latents: (c,h,w). states: D of the text encoder's states."""

    def __init__(self, latents: tuple[int, int, int], states: int):
        super().__init__()
        (channels, height, width), (wide, deep, last) = latents, CHANNELS
        self.first = nn.Conv2d(channels, wide, 3, 1, 1)
        self.told = nn.Sequential(nn.Linear(states + WIDTH + 2 * TIMES, TOLD), nn.SiLU(), nn.Linear(TOLD, TOLD),
                                  nn.SiLU())
        self.blocks = nn.ModuleList([Block(wide, wide, 1), Block(wide, deep, 2), Block(deep, deep, 1),
                                     Block(deep, last, 2), Block(last, last, 1)])
        self.norm = nn.GroupNorm(GROUPS, last)
        self.last = nn.Linear(last * -(-height // 4) * -(-width // 4), 2 * SERIES)
        nn.init.zeros_(self.last.weight)

    def forward(self, noisy: Tensor, time: Tensor, states: Tensor, vector: Tensor) -> Tensor:
        """Coefficients [n,2*SERIES], of cosines and then of sines, of the log-likelihood of each view's azimuth. noisy:
        [n,c,h,w]; time: [n] in [0,1); states: [n,L,D]; vector: [n,32] as of ``of_first``, of which it reads neither
        turns nor light."""
        beside = vector.clone()
        beside[:, LIGHT] = beside[:, TURN] = 0.0
        waves = time[:, None] * math.pi * 2.0 ** torch.arange(TIMES, device=time.device)
        told = self.told(torch.cat([states.mean(1), beside, waves.cos(), waves.sin()], 1))
        h = self.first(noisy)
        for block in self.blocks:
            h = block(h, told)
        out: Tensor = self.last(F.silu(self.norm(h)).flatten(1))
        return out

    def posterior(self, series: Tensor, turn: Tensor, views: int) -> Tensor:
        """Logits [n/views,BINS] of the azimuth of the first of each ``views`` views, from all of them. turn: [n]
        radians from the first."""
        return _at(turn, series).unflatten(0, (-1, views)).sum(1)

    def completed(self, noisy: Tensor, time: Tensor, states: Tensor, vector: Tensor, views: int) -> Tensor:
        """The vectors [n,32] of ``of_first`` as ``view_vector`` would have them in the object's own frame: expectations
        of the waves of azimuths, and a light that turns with them."""
        turn = torch.atan2(vector[:, TURN][:, 1], vector[:, TURN][:, 0])
        share = self.posterior(self(noisy, time, states, vector), turn, views).softmax(1)
        theta = _bins(share.device)
        waves = torch.stack([wave(k * theta) for k in (1, *HARMONICS) for wave in (torch.cos, torch.sin)], 1)
        first = (share @ waves).unflatten(1, (-1, 2)).repeat_interleave(views, 0)  # [n,1+harmonics,2]
        out, known = vector.clone(), vector[:, CAMERA][:, :1]
        out[:, AZIMUTH] = known * turned(first[:, 1:], vector[:, TURN].unflatten(1, (-1, 2))).flatten(1)
        out[:, TOWARDS] = turned(first[:, :1], vector[:, None, TOWARDS])[:, 0]
        out[:, TURN] = 0.0
        return out

    def save(self, folder: Path) -> None:
        """As the component of a teacher's folder, in float16."""
        from safetensors.torch import save_file

        (folder / POSE).parent.mkdir(exist_ok=True)
        save_file({name: tensor.half().contiguous() for name, tensor in self.state_dict().items()}, folder / POSE)


def nearest(azimuth: Tensor) -> Tensor:
    """The bins of azimuths in radians."""
    return (azimuth / (2.0 * math.pi) * BINS).round().long() % BINS


def _bins(device: torch.device) -> Tensor:
    return torch.arange(BINS, device=device) * (2.0 * math.pi / BINS)


def _at(turn: Tensor, series: Tensor) -> Tensor:
    """Each series [n,2*SERIES] at the bins, ``turn`` [n] further: [n,BINS]."""
    k = torch.arange(1, SERIES + 1, device=turn.device)[:, None, None]
    angle = k * (_bins(turn.device)[None, :] + turn[:, None])
    return torch.einsum("nk,knb->nb", series.float(), torch.cat([angle.cos(), angle.sin()]))


def load(folder: Path, latents: tuple[int, int, int], states: int) -> Pose | None:
    """Of a teacher's folder; None where it has no such component, UserError where it does not fit."""
    if not (folder / POSE).is_file():
        return None
    from safetensors.torch import load_file

    with one_line(folder, "pose"):
        made = Pose(latents, states)
        made.load_state_dict({name: tensor.float() for name, tensor in load_file(folder / POSE).items()})
        check_finite(made, folder, "pose", torch.float32)
    return made.eval().requires_grad_(False)
