"""A headless Chromium to open pages in and to look at what they do, by its DevTools protocol over a pipe."""

from __future__ import annotations

import base64
import io
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import browser
import imageio.v3 as iio
import numpy as np


class Tab:
    """One page. said: what it and the browser wrote to the console. asked: URLs that were requested, data: left out."""

    def __init__(self, into: int, out: int):
        self._into, self._out, self._rest, self._count, self._session = into, out, b"", 0, None
        self.said: list[str] = []
        self.asked: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def _call(self, method: str, timeout_s: float = 120, **params: Any) -> dict:
        self._count += 1
        number, end = self._count, time.monotonic() + timeout_s
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._into, json.dumps(message).encode() + b"\0")
        while time.monotonic() < end:
            while b"\0" in self._rest:
                line, self._rest = self._rest.split(b"\0", 1)
                answer = json.loads(line)
                if answer.get("id") == number:
                    if "error" in answer:
                        raise RuntimeError(f"{method}: {answer['error']['message']}")
                    return answer["result"]
                self._note(answer)
            if select.select([self._out], [], [], 0.2)[0]:
                read = os.read(self._out, 1 << 20)
                if not read:
                    raise RuntimeError("the browser has ended")
                self._rest += read
        raise TimeoutError(method)

    def _note(self, event: dict) -> None:
        method, params = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent" and not params["request"]["url"].startswith("data:"):
            self.asked.append(params["request"]["url"])
        elif method == "Runtime.consoleAPICalled":
            words = " ".join(str(each.get("value", each.get("description", ""))) for each in params["args"])
            self.said.append(f"{params['type']}: {words}")
        elif method == "Runtime.exceptionThrown":
            self.said.append(f"exception: {json.dumps(params['exceptionDetails'])[:500]}")
        elif method == "Log.entryAdded":
            self.said.append(f"{params['entry']['level']}: {params['entry']['text']}")

    def size(self, width: int, height: int, dark: bool = False, still: bool = False, media: str = "") -> None:
        """Of the window, and what its user prefers. still: less motion. media: print, for the styles of paper."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self._call("Emulation.setEmulatedMedia", media=media,
                   features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                             {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"}])

    def before(self, script: str) -> None:
        """Run in every page to come, before its own scripts."""
        self._call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def go(self, url: str) -> None:
        """To any page, without waiting for it."""
        self._call("Page.navigate", url=url)

    def open(self, url: str, states: tuple[str, ...] = ("ready", "still"), timeout_s: float = 180) -> str:
        """Go there; the state that a page of carv3d comes to."""
        self.go(url)
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if (state := self.run("document.body && document.body.dataset.state")) in states:
                self.wait("document.readyState === 'complete' && (!window.carv3d || carv3d.settled())")
                return state
            time.sleep(0.2)
        raise TimeoutError(f"{url}: {state}; {self.said}")

    def visit(self, url: str) -> None:
        """Go to a page that says nothing of its state, and wait until it and its pictures are loaded."""
        self._call("Page.navigate", url=url)
        self.wait(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")
        self.run("Promise.all([...document.images].map(each => each.decode().catch(() => 0))).then(() => 0)")

    def run(self, script: str) -> Any:
        """The value of an expression, or of what it promises."""
        found = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(json.dumps(found["exceptionDetails"])[:500])
        return found["result"].get("value")

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """With the mouse, its left button pressed."""
        for kind, (x, y) in (("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end)):
            self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def wait(self, script: str, timeout_s: float = 120) -> None:
        """Until the expression is true."""
        end = time.monotonic() + timeout_s
        while not self.run(script):
            if time.monotonic() > end:
                raise TimeoutError(script)
            time.sleep(0.1)

    def picture(self, settled: bool = True) -> np.ndarray:
        """What the page draws, [H,W,4] uint8. settled: once nothing moves and splats are sorted."""
        if settled:
            self.wait("carv3d.settled()")
        url = self.run("carv3d.picture()")
        return iio.imread(io.BytesIO(base64.b64decode(url.split(",")[1])), extension=".png")

    def printed(self) -> bytes:
        """The page on A4, as PDF."""
        found = self._call("Page.printToPDF", preferCSSPageSize=True, paperWidth=8.27, paperHeight=11.69)
        return base64.b64decode(found["data"])

    def shot(self, path: Path | None = None, whole: bool = False) -> np.ndarray:
        """The page as it is seen, or all of it, [H,W,3]; kept at ``path``."""
        found = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **(
            {"clip": {"x": 0, "y": 0, "width": self.run("innerWidth"), "scale": 1,
                      "height": self.run("document.documentElement.scrollHeight")}} if whole else {}))
        content = base64.b64decode(found["data"])
        if path:
            path.write_bytes(content)
        return iio.imread(io.BytesIO(content), extension=".png")[..., :3]


@contextmanager
def tab(*flags: str) -> Iterator[Tab]:
    """flags: of Chromium, beside those of ``browser``."""
    (in_read, in_write), (out_read, out_write) = os.pipe(), os.pipe()

    def hand_over() -> None:  # Chromium reads from 3 and writes to 4
        os.dup2(in_read, 103)
        os.dup2(out_write, 104)
        os.dup2(103, 3)
        os.dup2(104, 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [browser.chromium(), *browser.FLAGS, *flags, "--remote-debugging-pipe", f"--user-data-dir={profile}",
             "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=hand_over,
            close_fds=False)
        os.close(in_read)
        os.close(out_write)
        try:
            yield Tab(in_write, out_read)
        finally:
            process.terminate()
            process.wait(30)
            os.close(in_write)
            os.close(out_read)
