"""A browser's part of the live viewer, without a browser: it says where it looks from and keeps what it is sent.

usage: python scripts/live_client.py ADDRESS still|turning   (until it is ended; for benchmarks)
"""

from __future__ import annotations

import io
import sys
import threading
import time

import imageio.v3 as iio
import msgspec
import numpy as np
import viser
import zstandard
from websockets.sync.client import connect


class Client:
    """One connection to ``address``. heard: every message, in order; images: [H,W,3] uint8."""

    def __init__(self, address: str, decodes: bool = True, **headers: str):
        self.decodes = decodes
        self.heard: list[dict] = []
        self.images: list[np.ndarray] = []
        self._socket = connect("ws" + address.removeprefix("http"), subprotocols=[f"viser-v{viser.__version__}"],
                               additional_headers=headers, max_size=None)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def look(self, pose: np.ndarray, fovy_deg: float, width: int = 96, height: int = 64) -> None:
        """From [4,4], camera to world, as carv3d has them."""
        rotation = viser.transforms.SO3.from_matrix(pose[:3, :3] @ np.diag([1.0, -1.0, -1.0]))
        self._send("ViewerCameraMessage", wxyz=rotation.wxyz.tolist(), position=pose[:3, 3].tolist(),
                   fov=float(np.deg2rad(fovy_deg)), near=0.01, far=1000.0, image_height=height, image_width=width,
                   look_at=[0.0, 0.0, 0.0], up_direction=[0.0, 0.0, 1.0])

    def press(self, label: str) -> None:
        """The button of that name."""
        self._send("GuiUpdateMessage", uuid=self._named(label), updates={"value": True})

    def choose(self, label: str, value: object) -> None:
        """Of what has that name."""
        self._send("GuiUpdateMessage", uuid=self._named(label), updates={"value": value})

    def hear(self, wanted, timeout_s: float | None = 300.0):
        """Reads on until ``wanted``, asked after each message, is true."""
        while not wanted():
            self._take(self._socket.recv(timeout=timeout_s))

    def said(self) -> str:
        """All text of the panel and of notices, as it was last."""
        return " ".join(str(message) for message in self.heard)

    def _named(self, label: str) -> str:
        def found() -> list[str]:
            return [each["uuid"] for each in self.heard if (each.get("props") or {}).get("label") == label]

        self.hear(found)
        return found()[-1]

    def _send(self, kind: str, **fields: object) -> None:
        self._socket.send(msgspec.msgpack.encode({"type": kind, **fields}))

    def _take(self, raw: bytes) -> None:
        if not self.decodes:
            return
        size = int.from_bytes(raw[8:16], "little")
        packed = zstandard.ZstdDecompressor().decompress(raw[16:16 + size], int.from_bytes(raw[:8], "little"))
        for message in msgspec.msgpack.decode(packed)["messages"]:
            self.heard.append(message)
            if message["type"] == "BackgroundImageMessage" and message["rgb_data"]:
                self.images.append(iio.imread(io.BytesIO(message["rgb_data"]), extension=".jpeg"))


def main() -> int:
    from carv3d.cameras import orbit

    address, how = sys.argv[1:]
    with Client(address, decodes=False) as client:
        threading.Thread(target=lambda: client.hear(lambda: False, None), daemon=True).start()
        turn = 0.0
        while True:
            (pose,) = orbit([turn], 20.0, 2.65, 40.0, 1, 1).c2w.double().numpy()
            client.look(pose, 40.0, 1280, 800)
            turn += 2.0
            time.sleep(0.05 if how == "turning" else 1e6)


if __name__ == "__main__":
    sys.exit(main())
