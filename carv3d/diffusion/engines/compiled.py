"""carv3d's own networks (``networks``), as compiled loops and matrix products: what ``teacher.engine=numba`` runs.

Images lie as [n,H,W,C]. Every 3x3 convolution of stride 1 is ``winograd``'s, and takes the normalisation before it into
its own loop; the rest is torch's matrix products. Weights are copied, most of them four times as large.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from carv3d.diffusion import networks
from carv3d.diffusion.engines import winograd
from carv3d.diffusion.engines.winograd import LANES, POINTS, TILE
from carv3d.diffusion.loading import Network
from carv3d.runtime.kernel_threads import spread

SMALL = 1 << 14  # numbers of a batch of images below which a second thread costs more than it does


class Room:
    """Memory that every call of a network writes anew, so that it is asked of the system but once."""

    def __init__(self) -> None:
        self._bordered: dict[tuple[int, ...], Tensor] = {}
        self._flat: dict[str, Tensor] = {}

    def bordered(self, n: int, height: int, width: int, channels: int) -> Tensor:
        """[n,H+2,W+2,C], whose border is zero and is to stay so."""
        shape = n, height + 2, width + 2, channels
        if shape not in self._bordered:
            self._bordered[shape] = torch.zeros(shape)
        return self._bordered[shape]

    def seen(self, n: int, height: int, width: int, channels: int) -> tuple[Tensor, Tensor]:
        """What a convolution of images [n,H,W,C] writes first: they with a border, and [36,tiles,C]."""
        tiles = n * (height // TILE) * (width // TILE)
        return self.bordered(n, height, width, channels), self.points("v", tiles, channels)

    def points(self, name: str, tiles: int, channels: int) -> Tensor:
        """[36,tiles,C]."""
        size = POINTS * tiles * channels
        if name not in self._flat or len(self._flat[name]) < size:
            self._flat[name] = torch.empty(size)
        return self._flat[name][:size].view(POINTS, tiles, channels)


class Norm:
    """GroupNorm."""

    def __init__(self, norm: Network):
        self.told = (_plain(norm.weight).numpy(), _plain(norm.bias).numpy(), norm.num_groups, norm.eps)

    def __call__(self, x: Tensor) -> Tensor:
        out = torch.empty_like(x)
        _spread(winograd.normed, x, x.numpy(), *self.told, False, 0, out.numpy())
        return out


class Conv:
    """3x3, stride 1; channels that are no multiple of a register's are filled up with zeros."""

    def __init__(self, conv: Network, room: Room):
        out, given = (-size % LANES for size in conv.weight.shape[:2])
        self.u = winograd.matrices(F.pad(conv.weight.detach().float(), (0, 0, 0, 0, 0, given, 0, out)))
        self.bias, self.room = F.pad(_bias(conv), (0, out))[None], room

    def __call__(self, x: Tensor, norm: Norm | None = None, more: Tensor | None = None, times: int = 1) -> Tensor:
        """Of SiLU of ``norm`` of x [n,H,W,C], or of x itself, each pixel ``times`` by ``times`` of it; more: what is
        added, [n,H,W,K]."""
        size = len(x), times * x.shape[1], times * x.shape[2]
        padded, v = self.room.seen(*size, x.shape[3])
        if norm is None:
            _spread(winograd.plain_in, x, x.numpy(), times, padded.numpy(), v.numpy())
        else:
            _spread(winograd.normed_in, x, x.numpy(), *norm.told, padded.numpy(), v.numpy())
        return self.out(self.mixed(v), size, more)

    def mixed(self, v: Tensor) -> Tensor:
        """[36,tiles,C] -> [36,tiles,K]."""
        return torch.bmm(v, self.u, out=self.room.points("m", v.shape[1], self.u.shape[2]))

    def out(self, m: Tensor, size: tuple[int, int, int], more: Tensor | None) -> Tensor:
        out = torch.empty(*size, m.shape[2])
        added = None if more is None else more.numpy()
        _spread(winograd.back_out, out, m.numpy(), self.bias.numpy(), added, out.numpy())
        return out


class Down:
    """3x3, stride 2: one matrix product."""

    def __init__(self, down: Network):
        self.weight = _plain(down.conv.weight.permute(2, 3, 1, 0).flatten(0, 2))
        self.bias, self.border = _bias(down.conv), (0, 0, down.padding, 1, down.padding, 1)

    def __call__(self, x: Tensor) -> Tensor:
        n, height, width, channels = x.shape
        padded = F.pad(x, self.border)
        image, row, column, _ = padded.stride()
        seen = padded.as_strided((n, height // 2, width // 2, 3, 3, channels),
                                 (image, 2 * row, 2 * column, row, column, 1))
        return torch.addmm(self.bias, seen.reshape(-1, 9 * channels), self.weight).view(n, height // 2, width // 2, -1)


class Linear:
    """Several side by side, or a 1x1 convolution."""

    def __init__(self, *linears: Network):
        self.weight = _plain(torch.cat([each.weight.flatten(1) for each in linears]))
        self.bias = None if linears[0].bias is None else torch.cat([_bias(each) for each in linears])

    def __call__(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class Resnet:
    def __init__(self, resnet: Network, room: Room):
        self.norms = Norm(resnet.norm1), Norm(resnet.norm2)
        self.convs = Conv(resnet.conv1, room), Conv(resnet.conv2, room)
        self.time = None if resnet.time_emb_proj is None else Linear(resnet.time_emb_proj)
        self.shortcut = None if resnet.conv_shortcut is None else Linear(resnet.conv_shortcut)

    def __call__(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        """time: SiLU of the time's embedding."""
        (first, second), (before, between) = self.convs, self.norms
        padded, v = first.room.seen(*x.shape)
        _spread(winograd.normed_in, x, x.numpy(), *before.told, padded.numpy(), v.numpy())
        m = first.mixed(v)
        bias = first.bias if self.time is None or time is None else self.time(time) + first.bias
        hidden = torch.empty(*x.shape[:3], m.shape[2])
        padded, v = first.room.seen(*hidden.shape)
        _spread(winograd.back_in, hidden, m.numpy(), bias.numpy(), hidden.numpy(), *between.told, padded.numpy(),
                v.numpy())
        return second.out(second.mixed(v), (*x.shape[:3],), x if self.shortcut is None else self.shortcut(x))


class Transformer:
    def __init__(self, transformer: Network):
        block = self.block = transformer.transformer_blocks[0]
        self.norm, self.into = Norm(transformer.norm), Linear(transformer.proj_in)
        self.out, own, other = Linear(transformer.proj_out), block.attn1, block.attn2
        self.own, self.asked = Linear(own.to_q, own.to_k, own.to_v), Linear(other.to_q)
        self.text = Linear(other.to_k, other.to_v)

    def __call__(self, x: Tensor, text: Tensor) -> Tensor:
        n, height, width, channels = x.shape
        block, tokens = self.block, self.into(self.norm(x).view(n, height * width, channels))
        tokens = _attended(block.attn1, *self.own(block.norm1(tokens)).chunk(3, -1)).add_(tokens)
        asked = self.asked(block.norm2(tokens))
        tokens = _attended(block.attn2, asked, *self.text(text).chunk(2, -1)).add_(tokens)
        tokens = block.ff(block.norm3(tokens)).add_(tokens)
        return self.out(tokens).view(x.shape).add_(x)


class Block:
    def __init__(self, block: Network, room: Room):
        self.resnets = [Resnet(each, room) for each in block.resnets]
        self.transformers = [Transformer(each) for each in block.attentions or ()]
        self.down = Down(block.downsamplers[0]) if block.downsamplers else None
        self.up = Conv(block.upsamplers[0].conv, room) if block.upsamplers else None

    def stage(self, index: int, x: Tensor, time: Tensor, text: Tensor) -> Tensor:
        x = self.resnets[index](x, time)
        return self.transformers[index](x, text) if self.transformers else x


class UNet:
    """``networks.UNet``, as it is when this is made, for calls that record no gradient."""

    def __init__(self, unet: Network):
        room = Room()
        self.embedding, self.outputs = unet.time_embedding, unet.conv_out.out_channels
        self.first, self.last = Conv(unet.conv_in, room), Conv(unet.conv_out, room)
        self.down, self.up = ([Block(each, room) for each in blocks] for blocks in (unet.down_blocks, unet.up_blocks))
        self.mid, self.norm = Block(unet.mid_block, room), Norm(unet.conv_norm_out)

    def __call__(self, sample: Tensor, timestep: Tensor, text: Tensor, shift: Tensor | None) -> Tensor:
        """sample: [n,c,h,w]; text: [n,L,D]; shift: what is added to the time's embedding, [n,D] -> [n,c,h,w]."""
        time = self.embedding.forward(self.embedding.waves(timestep))  # itself, without the hook that adds the shift
        time = F.silu(time if shift is None else time + shift)
        x = self.first(_channels_last(sample))
        kept = [x]
        for block in self.down:
            for index in range(len(block.resnets)):
                x = block.stage(index, x, time, text)
                kept.append(x)
            if block.down:
                x = block.down(x)
                kept.append(x)
        x = self.mid.resnets[1](self.mid.stage(0, x, time, text), time)
        for block in self.up:
            for index in range(len(block.resnets)):
                x = block.stage(index, torch.cat([x, kept.pop()], -1), time, text)
            if block.up:
                x = block.up(x, times=2)
        return _channels_first(self.last(x, self.norm), self.outputs)


class Encoder:
    """``networks.Vae.encode``'s mean, for calls that record no gradient."""

    def __init__(self, vae: Network):
        room, encoder = Room(), vae.encoder
        self.first, self.last = Conv(encoder.conv_in, room), Conv(encoder.conv_out, room)
        self.blocks = [Block(each, room) for each in encoder.down_blocks]
        self.before, self.after = (Resnet(each, room) for each in encoder.mid_block.resnets)
        attention = self.attention = encoder.mid_block.attentions[0]
        self.attended = Norm(attention.group_norm), Linear(attention.to_q, attention.to_k, attention.to_v)
        self.norm, self.quant = Norm(encoder.conv_norm_out), Linear(vae.quant_conv)

    def __call__(self, image: Tensor) -> Tensor:
        """image: [n,3,H,W] in [-1,1] -> [n,c,h,w]."""
        x = self.first(_channels_last(image))
        for block in self.blocks:
            for resnet in block.resnets:
                x = resnet(x)
            if block.down:
                x = block.down(x)
        x = self.before(x)
        norm, mixed = self.attended
        x = _attended(self.attention, *mixed(norm(x).flatten(1, 2)).chunk(3, -1)).view(x.shape).add_(x)
        moments = self.quant(self.last(self.after(x), self.norm)[..., :self.quant.weight.shape[1]])
        return _channels_first(moments, moments.shape[-1] // 2)


def fits(module: nn.Module, size: tuple[int, int]) -> bool:
    """Whether every convolution of ``module`` is one for tiles and registers. size: height and width of its input."""
    halvings = sum(isinstance(each, networks.Down) for each in module.modules())
    smallest = TILE * 2 ** halvings
    norms = [each for each in module.modules() if isinstance(each, nn.GroupNorm)]
    return not any(each % smallest for each in size) and not any(each.num_channels % LANES for each in norms)


def _spread(kernel: Callable[..., None], images: Tensor, *told: object) -> None:
    """kernel for every image [n,H,W,C], over threads where there is enough to do for them."""
    spread(kernel, len(images), 1 if images.numel() >= SMALL else len(images), *told)


def _attended(attention: Network, *parts: Tensor) -> Tensor:
    """Of q [n,L,width], k and v [n,M,width]."""
    heads = (part.unflatten(-1, (attention.heads, -1)).transpose(1, 2) for part in parts)
    shown: Tensor = attention.to_out[0](F.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(-2))
    return shown


def _channels_last(x: Tensor) -> Tensor:
    """[n,c,h,w] -> [n,h,w,C], filled up with zeros."""
    return F.pad(x.permute(0, 2, 3, 1), (0, -x.shape[1] % LANES)).contiguous()


def _channels_first(x: Tensor, channels: int) -> Tensor:
    return x[..., :channels].permute(0, 3, 1, 2).contiguous()


def _plain(value: Tensor) -> Tensor:
    return value.detach().float().contiguous()


def _bias(module: Network) -> Tensor:
    return _plain(module.bias)

