"""OpenVINO: networks as its CPU plugin compiles them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from carv3d.diffusion import networks
from carv3d.diffusion.engines import store
from carv3d.diffusion.engines.base import LARGE, TRACED, Encoding, Engine, Traced, converting, example, pictures
from carv3d.diffusion.loading import Network
from carv3d.diffusion.small_encoder import SmallEncoder
from carv3d.runtime.progress import say

ANY = -1  # compiled for any number of rows
FEW = 3  # rows, from which on a call of so many costs no more a row than one of many


class OpenVINO(Engine):
    """The denoiser is compiled for the fewest rows, but not below FEW, that it was prepared for or that are half of
    them (a step's gradient in two halves); their multiples are so many calls. Any other number has a form that is
    slower by a fifth or more, and each form holds the weights: a network whose weights should be in memory but once has
    that one alone. Which of the two answers a call does not depend on earlier calls, so that a resumed run comes to the
    same bits. carv3d's own encoder runs here too."""

    name = "openvino"

    def __init__(self, teacher: Network):
        super().__init__(teacher)
        plugin, vae, small = _Plugin(self.threads), teacher.vae, self.size <= LARGE
        precision = "bf16" if teacher.denoiser.dtype == torch.bfloat16 else "f32"
        key = partial(self.key, self.name, plugin.options(precision)) if small else None
        self._network = _Compiled(plugin, partial(Traced, teacher), partial(example, teacher), precision, key)
        self._own: set[int] = set()  # rows that the first form may be for
        if isinstance(vae, (networks.Vae, SmallEncoder)) and teacher.stand_in and teacher.encode_dtype == torch.float32:
            own = partial(self.key, "encoder", plugin.options("f32"), module=vae)
            encoder = _Compiled(plugin, partial(Encoding, vae), partial(pictures, teacher), "f32", own)
            self.encoder = lambda image: encoder.run([image.contiguous()], len(image), self.check_encoder)

    def run(self, inputs: list[Tensor]) -> Tensor:
        size = self._size(len(inputs[0]))
        parts = zip(*(each.split(max(size, 0) or len(each)) for each in inputs), strict=True)
        return torch.cat([self._network.run([*part], size, self.check) for part in parts])

    def prepare(self, *counts: int) -> None:
        if self.size <= LARGE:
            self._own |= {rows for count in counts for rows in (count, -(-count // 2))}
        for count in counts:
            self._network.request(self._size(count), count, self.check)

    def _size(self, count: int) -> int:
        """Rows of the form that answers ``count``."""
        unit = min((rows for rows in self._own if rows >= FEW), default=max(self._own, default=0))
        return unit if unit and count % unit == 0 else ANY


class _Plugin:
    """The library, and how the processor is shared."""

    def __init__(self, threads: int):
        self.library = _library()
        self.core = self.library.Core()
        self._shared = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
                        "ENABLE_CPU_PINNING": False}  # the cores are shared with torch's and numba's threads

    def options(self, precision: str) -> dict[str, object]:
        return {"INFERENCE_PRECISION_HINT": precision, **self._shared}


class _Compiled:
    """A module's compiled forms by number of rows, each made, checked and kept on disk when it is first asked for.

    module: makes it. inputs: examples of so many rows. key: of a number of rows, by which a form is kept; None where
    none is, nor the graph that they are made of."""

    def __init__(self, plugin: _Plugin, module: Callable[[], nn.Module], inputs: Callable[[int], list[Tensor]],
                 precision: str, key: Callable[..., str] | None):
        self._plugin, self._module, self._inputs, self._key = plugin, module, inputs, key
        self._options = plugin.options(precision)
        self._graph: Network = None
        self._ready: dict[int, Network] = {}

    def run(self, inputs: list[Tensor], size: int, check: Callable[[int], None]) -> Tensor:
        """size: rows of the form that answers."""
        request = self.request(size, len(inputs[0]), check)
        for place, value in enumerate(inputs):
            request.set_input_tensor(place, self._plugin.library.Tensor(value.numpy(), shared_memory=True))
        request.infer()
        return torch.from_numpy(request.get_output_tensor(0).data.copy())

    def request(self, size: int, count: int, check: Callable[[int], None]) -> Network:
        """What runs the form of ``size`` rows. check: UserError unless ``count`` rows are answered as torch does."""
        if size not in self._ready:
            name = f"{self._key(size)}.network" if self._key else ""
            if (made := self._kept(name)) is not None:
                self._ready[size] = made.create_infer_request()
            else:
                self._make(size, count, name, check)
        return self._ready[size]

    def _kept(self, name: str) -> Network | None:
        if name and (kept := store.read(name)) is not None:
            try:
                return self._plugin.core.import_model(kept, "CPU", self._options)
            except RuntimeError:
                pass  # what another build of the library wrote under the same version
        return None

    def _make(self, size: int, count: int, name: str, check: Callable[[int], None]) -> None:
        if name and self._graph is None:
            say("converting the teacher's network for OpenVINO (once, then cached; some seconds)")
        with converting(OpenVINO.name):
            if self._graph is None:
                self._graph = _converted(self._module(), self._inputs(TRACED))
            graph, shape = self._graph.clone(), self._plugin.library.PartialShape
            graph.reshape({place: shape([size, *value.shape[1:]])
                           for place, value in zip(graph.inputs, self._inputs(1), strict=True)})
            made = self._plugin.core.compile_model(graph, "CPU", self._options)
        self._ready[size] = made.create_infer_request()
        try:
            check(count)
        except BaseException:
            del self._ready[size]
            raise
        if name:
            store.write(name, made.export_model().getvalue())
        else:
            self._graph = None


def _converted(module: nn.Module, inputs: list[Tensor]) -> Network:
    """The traced module, in OpenVINO's graph. By its front end alone: ``openvino.convert_model`` reports its use to a
    server."""
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    traced = torch.jit.trace(module, tuple(inputs), check_trace=False)
    front = FrontEndManager().load_by_framework("pytorch")
    decoder = TorchScriptPythonDecoder(traced)  # must outlive the conversion
    return front.convert(front.load(decoder))


def _library() -> Network:
    """The package, without the reports of use that importing it would send: it finds no openvino_telemetry, and then
    has a stand-in of its own."""
    if "openvino" in sys.modules or "openvino_telemetry" in sys.modules:
        import openvino

        return openvino
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # an import of it fails
    try:
        import openvino
    finally:
        del sys.modules["openvino_telemetry"]
    return openvino
