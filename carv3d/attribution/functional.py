"""Gradients sample by sample of any torch module, over the parameters that are asked about (torch.func)."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from carv3d.attribution.gradients import Looked, Rows, Source
from carv3d.carv import Draws
from carv3d.carv.variance import Sketch
from carv3d.diffusion.schedule import NoiseSchedule
from carv3d.runtime.errors import UserError, out_of_memory
from carv3d.runtime.memory import capacity
from carv3d.runtime.progress import say
from carv3d.runtime.rng import generator

Parameters = Mapping[str, Tensor]
MOST, ROOM = 16, 2**31  # gradients at a time, and bytes that they may take on a CPU; on CUDA half of what is free
BYTES = 12  # of a gradient's number: itself, a copy, and what is made of it


@dataclass(frozen=True)
class Samples:
    """What a model is asked about. values: [N,...], as the model takes them (latents). told: [C,...], what it is told
    beside them; which: [N] int64, the row of each."""

    values: Tensor
    told: Tensor
    which: Tensor

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: slice | Tensor) -> Samples:
        return Samples(self.values[index], self.told, self.which[index])

    def digest(self) -> str:
        """A hash of their content, however they are stored."""
        said = {number: hashlib.sha256(_bytes(self.told[number])).digest() for number in set(self.which.tolist())}
        found = hashlib.sha256(_bytes(self.values))
        for number in self.which.tolist():
            found.update(said[number])
        return found.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    return tensor.contiguous().cpu().numpy().tobytes()


class Model(ABC):
    """A denoiser with parameters that attribution is over. parameters: those, by name. identity: of everything that its
    gradients depend on beside the samples and draws, for what is kept on disk. activations: bytes that a sample's pass
    keeps, about."""

    parameters: dict[str, Tensor]
    schedule: NoiseSchedule
    identity: str
    activations: int = 0

    @property
    def length(self) -> int:
        """Numbers in a gradient."""
        return sum(p.numel() for p in self.parameters.values())

    @abstractmethod
    def predict(self, parameters: Parameters, noisy: Tensor, timestep: Tensor, told: Tensor) -> Tensor:
        """What the network says for rows [n,...], timesteps [n], what it is told [n,...]; pure, so that it can be
        differentiated and mapped."""

    def wanted(self, noisy: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        """What it was trained to say: the noise, unless a model says otherwise."""
        return noise

    def value(self, output: str, parameters: Parameters, clean: Tensor, told: Tensor, timestep: Tensor, noise: Tensor
              ) -> Tensor:
        """What is differentiated, of each of n rows: the mean squared error, or with ``dtrak`` the mean square of what
        the network says; [n]."""
        noisy = self.schedule.add_noise(clean, noise, timestep)
        said = self.predict(parameters, noisy, timestep, told)
        off = said - self.wanted(noisy, noise, timestep) if output == "loss" else said
        return off.square().flatten(1).mean(1)


class Module(Model):
    """A torch module, called as module(noisy, timestep), over all of its parameters."""

    def __init__(self, module: nn.Module, schedule: NoiseSchedule):
        self.module, self.schedule = module, schedule
        self.parameters = {name: p.detach() for name, p in module.named_parameters()}
        found = hashlib.sha256()
        for name, p in sorted(self.parameters.items()):
            found.update(name.encode() + _bytes(p))
        self.identity = found.hexdigest()

    def predict(self, parameters: Parameters, noisy: Tensor, timestep: Tensor, told: Tensor) -> Tensor:
        out: Tensor = functional_call(self.module, dict(parameters), (noisy, timestep))
        return out


@dataclass(frozen=True)
class Flat(Rows):
    """Written out, or sketched: direction [n,d], rounded to half precision; length [n], that of the whole gradient."""

    direction: Tensor
    length: Tensor

    def gram(self, other: Rows) -> Tensor:
        assert isinstance(other, Flat)
        return (self.direction @ other.direction.T) * (self.length[:, None] * other.length)

    def norm(self) -> Tensor:
        return self.length


@dataclass(frozen=True)
class Sketches:
    """How gradients become ``size`` numbers: every parameter has a sketch of its own into the same numbers, so that
    nothing is ever one long vector. size: 0 for the gradients themselves. identity: of all this."""

    size: int
    each: dict[str, Sketch]
    identity: str

    @staticmethod
    def of(model: Model, size: int, seed: int) -> Sketches:
        draw = generator(seed, "attribution: sketch")
        return Sketches(size, {name: Sketch.make(p.numel(), size, draw) for name, p in model.parameters.items()
                               } if size else {}, f"{size} {seed}")


def at_once(model: Model, given: int = 0) -> int:
    """How many gradients are taken at a time. given: by the user, 0 for what goes well."""
    device = next(iter(model.parameters.values())).device
    room = capacity(device) // 2 if device.type == "cuda" else ROOM
    return given or max(1, min(MOST, room // (BYTES * model.length + model.activations)))


class Functional(Source):
    """Samples under a model. chunk: as ``at_once`` takes it; halved where memory runs out."""

    def __init__(self, model: Model, samples: Samples, output: str, sketches: Sketches, chunk: int = 0):
        self.model, self.samples, self.output, self.sketches = model, samples, output, sketches
        self.chunk = at_once(model, chunk)
        self.identity = f"{model.identity} {output} {sketches.identity}"

    def __len__(self) -> int:
        return len(self.samples)

    def look(self, part: slice, draws: Draws) -> Looked:
        return looked(*self.gradients(part, draws), draws)

    def gradients(self, part: slice, draws: Draws) -> tuple[Tensor, Tensor]:
        """Of n samples at K draws: directions [n,K,d] in half precision, lengths [n,K]."""
        chosen, k = self.samples[part], draws.per_item
        rows, length = [], []
        pairs = torch.arange(len(chosen) * k)
        start = 0
        while start < len(pairs):
            index = pairs[start:start + self.chunk]
            try:
                made = self._chunk(chosen, draws, index // k, index % k)
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error) or self.chunk == 1:
                    raise
                say(f"gradients: out of memory with {self.chunk} at once; going on with {self.chunk // 2}")
                self.chunk = self.chunk // 2
                continue
            rows.append(made[0])
            length.append(made[1])
            start += self.chunk
        return torch.cat(rows).unflatten(0, (-1, k)), torch.cat(length).unflatten(0, (-1, k))

    def _chunk(self, chosen: Samples, draws: Draws, sample: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
        device = next(iter(self.model.parameters.values())).device

        def value(parameters: Parameters, *row: Tensor) -> Tensor:
            return self.model.value(self.output, parameters, *(each[None] for each in row))[0]

        rows = (chosen.values[sample], chosen.told[chosen.which[sample]], draws.timestep[0, number],
                draws.noise[0, number])
        found = vmap(grad(value), in_dims=(None, 0, 0, 0, 0))(self.model.parameters, *(r.to(device) for r in rows))
        gradients = {name: each.flatten(1).float().cpu() for name, each in found.items()}
        if not all(each.isfinite().all() for each in gradients.values()):
            raise UserError("attribute: a gradient is not finite; give teacher.dtype=float32, or see whether the model "
                            "or the pictures are damaged")
        length = torch.stack([each.square().sum(1) for each in gradients.values()]).sum(0).sqrt()
        if self.sketches.size:
            whole = torch.zeros(len(sample), self.sketches.size)
            for name, each in gradients.items():
                sketch = self.sketches.each[name]
                whole.index_add_(1, sketch.bucket, each * sketch.sign)
        else:
            whole = torch.cat(list(gradients.values()), 1)
        return (whole / length[:, None].clamp_min(1e-30)).half(), length


def looked(direction: Tensor, length: Tensor, draws: Draws) -> Looked:
    """direction: [n,K,d]. length: [n,K]."""
    whole = direction.float()
    rows: list[Rows] = [Flat(whole[:, k], length[:, k]) for k in range(whole.shape[1])]
    return Looked(rows, torch.einsum("nkd,nk->nd", whole, length * draws.weight[0]))
