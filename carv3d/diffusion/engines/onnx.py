"""ONNX Runtime: the network as torch exports it, for any number of rows."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import Tensor

from carv3d.diffusion.engines import store
from carv3d.diffusion.engines.base import LARGE, TRACED, Engine, Traced, converting, example
from carv3d.diffusion.loading import Network
from carv3d.runtime.errors import UserError
from carv3d.runtime.progress import say


class OnnxRuntime(Engine):
    """One session for every number of rows. It has no bfloat16 on CPUs."""

    name = "onnxruntime"

    def __init__(self, teacher: Network):
        import onnxruntime

        super().__init__(teacher)
        if teacher.denoiser.dtype != torch.float32:
            given = str(teacher.denoiser.dtype).removeprefix("torch.")
            raise UserError(f"teacher.engine: onnxruntime given with a network in {given}; it needs "
                            "teacher.dtype=float32")
        onnxruntime.disable_telemetry_events()  # which it would send on Windows
        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads, self._options.inter_op_num_threads = self.threads, 1
        self._options.log_severity_level = 3
        self._options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # cores are shared
        self._library = onnxruntime
        self._session: Network = None

    def run(self, inputs: list[Tensor]) -> Tensor:
        self.prepare()
        names = [each.name for each in self._session.get_inputs()]
        given = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
        return torch.from_numpy(self._session.run(None, given)[0])

    def prepare(self, *counts: int) -> None:
        if self._session is not None:
            return
        name = f"{self.key(self.name)}.network" if self.size <= LARGE else ""
        if name and (kept := store.read(name)) is not None:
            self._session = self._open(kept)
            return
        if name:
            say("converting the teacher's network for ONNX Runtime (once, then cached; some seconds)")
        with converting(self.name), tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            self._export(path)
            self._session = self._open(path.read_bytes() if name else str(path))
            content = path.read_bytes() if name else b""
        self.check(max(counts, default=TRACED) + 1)
        if name:
            store.write(name, content)

    def _open(self, model: bytes | str) -> Network:
        return self._library.InferenceSession(model, self._options, providers=["CPUExecutionProvider"])

    def _export(self, path: Path) -> None:
        asked = tuple(example(self.teacher, TRACED))
        names = [f"in{number}" for number in range(len(asked))]
        torch.onnx.export(Traced(self.teacher), asked, str(path), dynamo=False, input_names=names, output_names=["out"],
                          dynamic_axes={name: {0: "rows"} for name in (*names, "out")})
