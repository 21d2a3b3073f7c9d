"""OpenVINO: the network as its CPU plugin compiles it."""

from __future__ import annotations

import sys

import torch
from torch import Tensor

from carv3d.diffusion.engines import store
from carv3d.diffusion.engines.base import LARGE, TRACED, Engine, Traced, converting, example
from carv3d.diffusion.loading import Network
from carv3d.runtime.progress import say

ANY = -1  # compiled for any number of rows


class OpenVINO(Engine):
    """Compiled for the number of rows that it was prepared for and for half of it (a step's gradient in two halves),
    and once for any other, which is slower by a fifth or more; each when it is first asked for, and kept on disk. A
    network whose weights should be in memory but once is compiled for any number alone. Which of them
    answers a call does not depend on earlier calls, so that a resumed run comes to the same bits."""

    name = "openvino"

    def __init__(self, teacher: Network):
        super().__init__(teacher)
        self._library = _library()
        self._core = self._library.Core()
        self._options = {
            "INFERENCE_PRECISION_HINT": "bf16" if teacher.denoiser.dtype == torch.bfloat16 else "f32",
            "INFERENCE_NUM_THREADS": self.threads, "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False}  # the cores are shared with torch's and numba's threads
        self._model: Network = None
        self._own: set[int] = set()
        self._ready: dict[int, Network] = {}

    def run(self, inputs: list[Tensor]) -> Tensor:
        request = self._request(len(inputs[0]))
        for place, value in enumerate(inputs):
            request.set_input_tensor(place, self._library.Tensor(value.numpy(), shared_memory=True))
        request.infer()
        return torch.from_numpy(request.get_output_tensor(0).data.copy())

    def prepare(self, count: int) -> None:
        self._own |= {count, -(-count // 2)} if self.size <= LARGE else set()
        self._request(count)

    def _request(self, count: int) -> Network:
        size = count if count in self._own else ANY
        if size not in self._ready:
            self._ready[size] = self._compiled(size, count).create_infer_request()
        return self._ready[size]

    def _compiled(self, size: int, count: int) -> Network:
        """From the cache, else made, checked and kept there."""
        name = f"{self.key(self.name, size, sorted(self._options.items()))}.network" if self.size <= LARGE else ""
        if name and (kept := store.read(name)) is not None:
            try:
                return self._core.import_model(kept, "CPU", self._options)
            except RuntimeError:
                pass  # what another build of the library wrote under the same version
        if name and self._model is None:
            say("converting the teacher's network for OpenVINO (once, then cached; some seconds)")
        with converting(self.name):
            if self._model is None:
                self._model = self._converted()
            model = self._model.clone()
            partial = self._library.PartialShape
            model.reshape({place: partial([size, *value.shape[1:]])
                           for place, value in zip(model.inputs, example(self.teacher, 1), strict=True)})
            made = self._core.compile_model(model, "CPU", self._options)
        self._ready[size] = made.create_infer_request()
        self.check(count)
        if name:
            store.write(name, made.export_model().getvalue())
        else:
            self._model = None
        return made

    def _converted(self) -> Network:
        """The traced network, in OpenVINO's graph. By its front end alone: ``openvino.convert_model`` reports its use
        to a server."""
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        traced = torch.jit.trace(Traced(self.teacher), tuple(example(self.teacher, TRACED)), check_trace=False)
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
