"""What the engines have in common: they answer what a teacher's own modules would, and nothing can look inside."""

from __future__ import annotations

import contextlib
import hashlib
import io
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import ClassVar

import torch
from torch import Tensor, nn

import carv3d
from carv3d.diffusion.diffusers_teacher import DiffusersTeacher, Text, rows
from carv3d.diffusion.engines import store
from carv3d.diffusion.engines.packages import versions
from carv3d.runtime.errors import UserError

LARGE = 256 << 20  # bytes of weights above which nothing is kept on disk, and only one copy of them in memory
TRACED = 2  # rows of the example: of one row, sizes of 1 would be taken for what is repeated
FAR = {torch.float32: 1e-4, torch.bfloat16: 3e-2}  # most that an answer may be off torch's, as a share of its norm


class Traced(nn.Module):
    """A teacher's network as a function of tensors alone: what it sees [n,c,h,w], times [n], one tensor for each name
    of its text, and what is told beside words [n,D] where it is one that can be. Answers in float32."""

    def __init__(self, teacher: DiffusersTeacher):
        super().__init__()
        self.network, self.dtype = teacher.denoiser, teacher.denoiser.dtype
        self.names, self.shifted, self._teacher = [*teacher.embeddings], teacher.tells_views, [teacher]

    def forward(self, seen: Tensor, time: Tensor, *told: Tensor) -> Tensor:
        text = {name: self._own(value) for name, value in zip(self.names, told)}
        shift = told[-1] if self.shifted else None
        return self._teacher[0].respond(self._own(seen), time, text, shift).float()

    def _own(self, value: Tensor) -> Tensor:
        return value.to(self.dtype) if value.is_floating_point() else value


class Encoding(nn.Module):
    """What a VAE makes of images [n,3,H,W] in [-1,1]: the means of its latents."""

    def __init__(self, vae: nn.Module):
        super().__init__()
        self.vae = vae

    def forward(self, image: Tensor) -> Tensor:
        mean: Tensor = self.vae.encode(image).latent_dist.mean  # type: ignore[operator]
        return mean


class Engine(ABC):
    """A denoiser by something else than torch, for calls of any number of rows.

    The weights it holds are those that the teacher's network had when it was made. UserError where its answers are not
    torch's, or the network cannot be made into what it runs.
    """

    name: ClassVar[str]
    encoder: Callable[[Tensor], Tensor] | None = None  # images [n,3,H,W] in [-1,1] -> the VAE's means, where it has one

    def __init__(self, teacher: DiffusersTeacher):
        self.teacher, self.threads = teacher, torch.get_num_threads()
        self.size = sum(p.numel() * p.element_size() for p in teacher.denoiser.parameters())
        self.identity = f"{identity(teacher)} {self.threads} {versions(self.name)}"
        self._weights: dict[nn.Module, str] = {}

    def __call__(self, seen: Tensor, time: Tensor, text: Text, shift: Tensor | None) -> Tensor:
        """The network's prediction [n,c,h,w], float32, as ``DiffusersTeacher.respond`` gives it."""
        told = [text[name] for name in self.teacher.embeddings]
        if self.teacher.tells_views:
            told.append(seen.new_zeros(len(seen), self.teacher.time_width) if shift is None else shift)
        return self.run([_plain(value) for value in (seen, time, *told)])

    @abstractmethod
    def run(self, inputs: list[Tensor]) -> Tensor:
        """Contiguous inputs of ``Traced`` -> its answer."""

    @abstractmethod
    def prepare(self, *counts: int) -> None:
        """Make ready for calls of so many rows, which else happens at the first."""

    def says(self) -> str:
        """For the log."""
        return f"{versions(self.name)} on {self.threads} threads"

    def check(self, count: int) -> None:
        """UserError unless it answers ``count`` rows as torch does: a trace follows one way through a network, and a
        network may go another way at other rows."""
        asked = example(self.teacher, count, seed=1)
        with converting(self.name):
            want, got = Traced(self.teacher)(*asked), self.run([_plain(value) for value in asked])
        self._near(want, got, self.teacher.denoiser.dtype)

    def check_encoder(self, count: int) -> None:
        """UserError unless ``count`` images are encoded as torch does."""
        (image,), encoder = pictures(self.teacher, count), self.encoder
        if encoder is not None:
            with converting(self.name):
                want, got = Encoding(self.teacher.vae)(image), encoder(image)
            self._near(want, got, torch.float32)

    def _near(self, want: Tensor, got: Tensor, dtype: torch.dtype) -> None:
        """UserError unless ``got`` is torch's answer ``want``."""
        error = float((want - got).norm() / want.norm())
        if not error <= FAR[dtype]:
            raise UserError(f"teacher.engine: {self.name} given, whose answers are off torch's by {error:.1g} of "
                            "their norm with this model; give teacher.engine=torch")

    def key(self, *more: object, module: nn.Module | None = None) -> str:
        """The name of what is kept of a module, the denoiser by default, by its content: 40 hex digits."""
        module = module or self.teacher.denoiser
        if module not in self._weights:
            digest = hashlib.sha256()
            for name, value in module.state_dict().items():
                digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
                digest.update(value.detach().contiguous().flatten().view(torch.uint8).numpy().data)
            self._weights[module] = digest.hexdigest()
        return hashlib.sha256(f"{self.identity} {self._weights[module]} {more}".encode()).hexdigest()[:40]


def identity(teacher: DiffusersTeacher) -> str:
    """Everything but its weights that decides what a network answers, and how fast on this machine."""
    shapes = {name: (tuple(p.shape), p.dtype) for name, p in teacher.denoiser.named_parameters()}
    told = {name: (tuple(value.shape[1:]), value.dtype) for name, value in teacher.embeddings.items()}
    said = teacher.denoiser.config
    config = {name: value for name, value in (vars(said) if isinstance(said, SimpleNamespace) else dict(said)).items()
              if not name.startswith("_")}
    return (f"{carv3d.__version__} torch {torch.__version__} {type(teacher).__qualname__} {config} {shapes} "
            f"{told} {teacher.latent_shape} {teacher.image_size} {teacher.tells_views} "
            f"{getattr(teacher, 'told_guidance', None)} {store.processor()}")


def example(teacher: DiffusersTeacher, count: int, seed: int = 0) -> list[Tensor]:
    """Inputs of ``Traced``: noise, random times, the teacher's own prompts."""
    generator = torch.Generator().manual_seed(seed)
    seen = torch.randn(count, *teacher.latent_shape, generator=generator)
    time = teacher.times[torch.randint(len(teacher.times), (count,), generator=generator)]
    text = rows(teacher.embeddings, torch.arange(count) % len(next(iter(teacher.embeddings.values()))))
    views = [torch.randn(count, teacher.time_width, generator=generator)] if teacher.tells_views else []
    return [_plain(value) for value in (seen, time, *text.values(), *views)]


def pictures(teacher: DiffusersTeacher, count: int) -> list[Tensor]:
    """Inputs of ``Encoding``: images of random pixels."""
    return [torch.rand(count, 3, *teacher.image_size, generator=torch.Generator().manual_seed(0)) * 2 - 1]


@contextmanager
def converting(engine: str) -> Iterator[None]:
    """Whatever a converter raises for a network that it does not know, as one line; its warnings, on branches of Python
    and on what will be removed some day, and the graphs that it prints, are for its own authors."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    except (MemoryError, UserError):
        raise
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
        raise UserError(f"teacher.engine: {engine} given, which cannot be made of this model "
                        f"({reason}); give teacher.engine=torch") from error


def _plain(value: Tensor) -> Tensor:
    """As numpy takes it: contiguous, and float32 where it has fewer bits."""
    return (value.float() if value.is_floating_point() else value).contiguous()
