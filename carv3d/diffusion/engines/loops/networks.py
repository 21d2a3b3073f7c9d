"""carv3d's own networks written as a ``Program``."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from carv3d.diffusion import networks, small_encoder
from carv3d.diffusion.engines.loops import program
from carv3d.diffusion.engines.loops.basics import NONE
from carv3d.diffusion.engines.loops.convolutions import APART, PLAIN, SILU
from carv3d.diffusion.engines.loops.program import Held, Program, panels
from carv3d.diffusion.engines.loops.vectors import COLUMNS, POINTS, TILE
from carv3d.diffusion.loading import Network

G = ((1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6), (1 / 24, 1 / 12, 1 / 6),
     (1 / 24, -1 / 12, 1 / 6), (0, 0, 1))  # arXiv 1509.09308 for F(4x4, 3x3)


class Image(NamedTuple):
    """[height,width,channels] of a row."""

    held: Held
    height: int
    width: int
    channels: int

    @property
    def places(self) -> int:
        return self.height * self.width


class Writer(Program):
    """A program of the layers that ``networks`` has. Channels are filled up with zeros to whole registers."""

    def image(self, height: int, width: int, channels: int) -> Image:
        return Image(Held(height * width * channels), height, width, channels)

    def given(self, height: int, width: int, channels: int) -> Image:
        """The next image of what is given."""
        return Image(self.load(height * width * channels), height, width, channels)

    def linear(self, a: Held, rows: int, weight: Tensor, bias: Tensor | None, more: Held | None = None) -> Held:
        """[rows,outs] of a [rows,count] by a weight [outs,count]."""
        outs, count = weight.shape
        w = self.weights(panels(_filled(weight, 0).T))
        told = NONE if bias is None else self.weights(_filled(bias, 0))
        outs += -outs % COLUMNS
        out = Held(rows * outs)
        self.do(program.LINEAR, a, rows, count, w, outs, told, more or NONE, out)
        return out

    def point(self, x: Image, conv: Network, more: Held | None = None) -> Image:
        """1x1."""
        out = self.linear(x.held, x.places, conv.weight.flatten(1), conv.bias, more)
        return Image(out, x.height, x.width, out.size // x.places)

    def strided(self, x: Image, conv: Network, before: int, after: int) -> Image:
        """As a matrix product of what each window sees; before, after: zeros around the image, on either side."""
        side, stride = conv.kernel_size[0], conv.stride[0]
        height, width = ((size + before + after - side) // stride + 1 for size in (x.height, x.width))
        seen = Held(height * width * side * side * x.channels)
        self.do(program.WINDOWS, x.held, x.height, x.width, x.channels, side, stride, before, height, width, seen)
        weight = _filled(conv.weight, 1, x.channels).permute(0, 2, 3, 1).flatten(1)
        out = self.linear(seen, height * width, weight, conv.bias)
        return Image(out, height, width, out.size // (height * width))

    def convolution(self, x: Image, conv: Network, before: Network | int = PLAIN, bias: Held | None = None,
                    more: Image | None = None, times: int = 1) -> Image:
        """3x3 of stride 1. before: a GroupNorm and SiLU, SILU, or PLAIN. bias: each row's own, in place of the conv's.
        times: how often each place of x counts, downwards and across."""
        height, width = times * x.height, times * x.width
        how, groups = (before, 1) if isinstance(before, int) else (self._norm(before), before.num_groups)
        g = torch.tensor(G, dtype=torch.float64)
        weight = _filled(_filled(conv.weight, 0), 1, x.channels).double()
        w = self.weights(panels(torch.einsum("ia,kcab,jb->ijck", g, weight, g).flatten(0, 1).float()))
        own = NONE if bias else self.weights(_filled(conv.bias, 0))
        out, tiles = self.image(height, width, len(weight)), height * width // TILE ** 2
        padded, v, m = ((height + 2) * (width + 2) * x.channels, POINTS * (tiles * x.channels + APART),
                        POINTS * (tiles * out.channels + APART))
        self.do(program.CONVOLUTION, x.held, height, width, x.channels, times, how, groups, w, out.channels, own,
                bias or NONE, more.held if more else NONE, Held(padded), Held(v), Held(m), out.held)
        return out

    def norm(self, x: Image, norm: Network) -> Image:
        out = self.image(x.height, x.width, x.channels)
        self.do(program.NORM, x.held, x.places, x.channels, norm.num_groups, self._norm(norm), out.held)
        return out

    def layer_norm(self, x: Held, rows: int, norm: Network) -> Held:
        out = Held(x.size)
        self.do(program.LAYER_NORM, x, rows, x.size // rows, self._norm(norm), out)
        return out

    def _norm(self, norm: Network) -> int:
        return self.weights(norm.weight, norm.bias, torch.tensor([norm.eps]))

    def silu(self, x: Held) -> Held:
        out = Held(x.size)
        self.do(program.SILU, x, x.size, out)
        return out

    def add(self, x: Image, more: Image) -> Image:
        out = self.image(x.height, x.width, x.channels)
        self.do(program.ADD, x.held, more.held, x.height, x.width, x.channels, x.height // more.height, out.held)
        return out

    def join(self, a: Image, b: Image) -> Image:
        out = self.image(a.height, a.width, a.channels + b.channels)
        self.do(program.JOIN, a.held, a.channels, b.held, b.channels, a.places, out.held)
        return out

    def resnet(self, x: Image, resnet: Network, time: Held | None) -> Image:
        """time: SiLU of the time's embedding."""
        bias = None
        if resnet.time_emb_proj is not None and time is not None:
            bias = self.linear(time, 1, resnet.time_emb_proj.weight, resnet.time_emb_proj.bias + resnet.conv1.bias)
        hidden = self.convolution(x, resnet.conv1, resnet.norm1, bias)
        shortcut = x if resnet.conv_shortcut is None else self.point(x, resnet.conv_shortcut)
        return self.convolution(hidden, resnet.conv2, resnet.norm2, more=shortcut)

    def attend(self, attention: Network, asked: Held, rows: int, told: Held | None, seen: int, more: Held) -> Held:
        """Of tokens [rows,width] to told [seen,_], or to themselves; added to ``more``."""
        width, wide = attention.to_q.weight.shape[0], attention.to_q.weight.shape[0] // attention.heads
        parts = [attention.to_k, attention.to_v] if told else [attention.to_q, attention.to_k, attention.to_v]
        made = self.linear(told or asked, seen, torch.cat([each.weight for each in parts]), None)
        q, ldq = (self.linear(asked, rows, attention.to_q.weight, None), width) if told else (made, 3 * width)
        first, filled = (0 if told else width), seen + -seen % COLUMNS
        out = Held(rows * width)
        self.do(program.ATTENTION, q, ldq, made, first, first + width, len(parts) * width, rows, seen,
                attention.heads, wide, Held(filled * width), Held(rows * filled * attention.heads), out)
        return self.linear(out, rows, attention.to_out[0].weight, attention.to_out[0].bias, more)

    def transformer(self, x: Image, transformer: Network, text: Held, words: int) -> Image:
        tokens = self.point(self.norm(x, transformer.norm), transformer.proj_in).held
        for block in transformer.transformer_blocks:
            tokens = self.attend(block.attn1, self.layer_norm(tokens, x.places, block.norm1), x.places, None, x.places,
                                 tokens)
            tokens = self.attend(block.attn2, self.layer_norm(tokens, x.places, block.norm2), x.places, text, words,
                                 tokens)
            into, back = block.ff.net[0].proj, block.ff.net[2]
            both = self.linear(self.layer_norm(tokens, x.places, block.norm3), x.places, into.weight, into.bias)
            inner = Held(both.size // 2)
            self.do(program.GATED, both, x.places, inner.size // x.places, inner)
            tokens = self.linear(inner, x.places, back.weight, back.bias, tokens)
        return self.point(Image(tokens, x.height, x.width, x.channels), transformer.proj_out, x.held)


class UNet:
    """``networks.UNet``, as it is when this is made, of latents [c,h,w] and texts of so many words."""

    def __init__(self, unet: Network, size: tuple[int, int], words: int):
        self.embedding, self.outputs, self.size = unet.time_embedding, unet.conv_out.out_channels, size
        write, embedding = Writer(), unet.time_embedding
        x = write.given(*size, unet.conv_in.in_channels + -unet.conv_in.in_channels % COLUMNS)
        waves, shift = write.load(embedding.width), write.load(embedding.linear_2.out_features)
        text = write.load(words * unet.config.cross_attention_dim)
        time = write.linear(waves, 1, embedding.linear_1.weight, embedding.linear_1.bias)
        time = write.silu(write.linear(write.silu(time), 1, embedding.linear_2.weight, embedding.linear_2.bias, shift))

        def stage(block: Network, index: int, x: Image) -> Image:
            x = write.resnet(x, block.resnets[index], time)
            return write.transformer(x, block.attentions[index], text, words) if block.attentions else x

        x = write.convolution(x, unet.conv_in)
        kept = [x]
        for block in unet.down_blocks:
            for index in range(len(block.resnets)):
                x = stage(block, index, x)
                kept.append(x)
            if block.downsamplers:
                down = block.downsamplers[0]
                x = write.strided(x, down.conv, down.padding, 1)
                kept.append(x)
        x = write.resnet(stage(unet.mid_block, 0, x), unet.mid_block.resnets[1], time)
        for block in unet.up_blocks:
            for index in range(len(block.resnets)):
                x = stage(block, index, write.join(x, kept.pop()))
            if block.upsamplers:
                x = write.convolution(x, block.upsamplers[0].conv, times=2)
        write.store(write.convolution(x, unet.conv_out, unet.conv_norm_out).held)
        write.finish()
        self.program = write

    def __call__(self, sample: Tensor, timestep: Tensor, text: Tensor, shift: Tensor | None) -> Tensor:
        """sample: [n,c,h,w]; text: [n,L,D]; shift: what is added to the time's embedding, [n,D] -> [n,c,h,w]."""
        waves = self.embedding.waves(timestep)
        if shift is None:
            shift = sample.new_zeros(len(sample), self.embedding.linear_2.out_features)
        seen = F.pad(sample.permute(0, 2, 3, 1), (0, -sample.shape[1] % COLUMNS))
        shown = self.program([seen, waves, shift, text])
        return channels_first(shown, self.size, self.outputs)


class SmallEncoder:
    """``small_encoder.SmallEncoder``, of images [3,h,w]."""

    def __init__(self, encoder: small_encoder.SmallEncoder, size: tuple[int, int]):
        write = Writer()
        image = write.given(*size, 3)

        def residual(x: Image, layers: Network) -> Image:
            return write.convolution(write.convolution(x, layers.first, SILU), layers.second, SILU, more=x)

        def padded(x: Image, conv: Network) -> Image:
            return write.strided(x, conv, conv.padding[0], conv.padding[0])

        linear = padded(image, encoder.linear)
        x = residual(padded(image, encoder.inner), encoder.before)
        deep = padded(x, encoder.down)
        for layers in encoder.below:
            deep = residual(deep, layers)
        deep = write.point(Image(write.silu(deep.held), *deep[1:]), encoder.up)
        x = residual(write.add(x, deep), encoder.after)
        write.store(write.convolution(x, encoder.out, SILU, more=linear).held)
        write.finish()
        self.program, self.outputs, self.size = write, encoder.out.out_channels, (x.height, x.width)

    def __call__(self, image: Tensor) -> Tensor:
        """image: [n,3,H,W] in [-1,1] -> the means of the latents [n,c,h,w]. By one thread: two would wait for one
        another longer than they work."""
        return channels_first(self.program([image.permute(0, 2, 3, 1)], threads=1), self.size, self.outputs)


def fits(network: nn.Module, size: tuple[int, int]) -> bool:
    """Whether every convolution of a UNet is one of whole tiles and registers. size: height and width of its input."""
    halvings = sum(isinstance(each, networks.Down) for each in network.modules())
    heads = [each for each in network.modules() if isinstance(each, networks.Attention)]
    norms = [each for each in network.modules() if isinstance(each, nn.GroupNorm)]
    wide = [each.num_channels for each in norms] + [each.to_q.out_features // each.heads for each in heads]
    return not any(each % (TILE * 2 ** halvings) for each in size) and not any(each % COLUMNS for each in wide)


def _filled(value: Tensor, dim: int, size: int = 0) -> Tensor:
    """With zeros up to ``size`` along a dimension, whole registers by default."""
    more = size - value.shape[dim] if size else -value.shape[dim] % COLUMNS
    return F.pad(value.detach(), [0, 0] * (value.ndim - 1 - dim) + [0, more])


def channels_first(x: Tensor, size: tuple[int, int], channels: int) -> Tensor:
    """[n,h w C] -> [n,channels,h,w]."""
    return x.view(len(x), *size, -1)[..., :channels].permute(0, 3, 1, 2).contiguous()
