"""Pictures of .glb and splat files as three.js and Spark draw them in headless Chromium."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np

HERE = Path(__file__).parent
FLAGS = ("--headless=new", "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
         "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-background-networking")


def chromium() -> str | None:
    """The browser: what CARV3D_CHROMIUM names, else chromium, chromium-browser or google-chrome on PATH."""
    named = os.environ.get("CARV3D_CHROMIUM")
    found = [shutil.which(name) for name in ((named,) if named else ("chromium", "chromium-browser", "google-chrome"))]
    return next(filter(None, found), None)


def missing(*packages: str) -> str | None:
    """What is not there for ``draw`` with these packages beside three.js, or None."""
    for package in ("three", *packages):
        if not (HERE / "node_modules" / package).is_dir():
            return f"{package} is missing: npm ci in tests/web"
    return None if chromium() else "chromium is missing: apt-get install chromium, or name one in CARV3D_CHROMIUM"


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, jobs: list[dict], answers: queue.Queue, **kwargs: Any):
        self.jobs, self.answers = jobs, answers
        super().__init__(*args, directory=str(HERE), **kwargs)

    def do_GET(self) -> None:
        if self.path == "/jobs.json":
            served = [job | {"model": f"/model/{i}"} for i, job in enumerate(self.jobs)]
            return self._answer(json.dumps(served).encode())
        if self.path.startswith("/model/"):
            return self._answer(Path(self.jobs[int(self.path.split("/")[-1])]["model"]).read_bytes())
        return super().do_GET()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answers.put((self.path, body))  # before the answer, upon which the page sends the next
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def draw(jobs: list[dict], timeout_s: float = 300, page: str = "view.html") -> list[np.ndarray]:
    """One picture [S,S,4] uint8 per job: {model: path, size: S, fovy_deg, eye: [x,y,z] in the file's axes, lit}.

    lit false: the base colour alone. The camera looks at the origin, y up; the background is transparent. page:
    splats.html for splat files, which says what else a job has.
    """
    answers: queue.Queue = queue.Queue()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, jobs=jobs, answers=answers))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pictures: dict[int, np.ndarray] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [chromium(), *FLAGS, f"--user-data-dir={profile}", f"http://127.0.0.1:{server.server_port}/{page}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while True:
                path, body = answers.get(timeout=timeout_s)
                if path == "/failed":
                    raise RuntimeError(f"{page}: {body.decode()}")
                if path == "/done":
                    return [pictures[i] for i in range(len(jobs))]
                pictures[int(path.split("/")[-1])] = iio.imread(body, extension=".png")
        finally:
            browser.terminate()
            browser.wait(30)
            server.shutdown()
            server.server_close()
