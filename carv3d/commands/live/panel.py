"""What stands beside the image: how training goes, what is shown, the camera's path, and the buttons."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING

import numpy as np

from carv3d.commands.live.stage import SHOWN, Look, place_of, turned
from carv3d.export.images import BACKGROUNDS
from carv3d.runtime.types import Record

if TYPE_CHECKING:
    import viser

    from carv3d.cameras import Cameras, PlacedCameras

LINES = 2000  # points of a curve; twice as many are thinned out
OUTSIDE = 7.0  # distance from which training cameras are looked at, at least, world units
BINS = 24  # of noise levels
SHAPES = {"square": 1.0, "16:9": 16 / 9, "9:16": 9 / 16}
CURVES = {"draw_norm": "Residual norm, root mean square over draws", "grad_norm": "Gradient norm of the scene"}
BLUE, ORANGE = "#2a6fbb", "#c7651a"


class Panel:
    """requests: what was pressed, in order, for the thread that trains: pause, save, video. places: of the path.
    stop: ends a training, called from another thread; None: nothing trains. pauses: whether it can also wait, and write
    a checkpoint out of turn."""

    def __init__(self, server: viser.ViserServer, look: Look, particles: int, albedo: bool,
                 stop: Callable[[], None] | None, pauses: bool):
        self.server, self.look, self._cameras = server, look, 0
        self.requests: SimpleQueue[str] = SimpleQueue()
        self.places: list[PlacedCameras] = []
        self.curves: dict[str, tuple[list[float], list[float]]] = {}
        self._plots: dict[str, viser.GuiUplotHandle] = {}
        gui = server.gui
        gui.configure_theme(show_logo=False, show_share_button=False)
        gui.set_panel_label("carv3d")
        self.status = gui.add_html("")
        if stop:
            self._buttons(stop, pauses)
        with gui.add_folder("Image"):
            self._image(particles, albedo, stop is not None)
        with gui.add_folder("Camera path to video", expand_by_default=False):
            self._path()
        self._folder = gui.add_folder("Curves", expand_by_default=True)

    def _buttons(self, stop: Callable[[], None], pauses: bool) -> None:
        gui = self.server.gui
        if pauses:
            self.pause = gui.add_button("Pause", hint="The run waits after this step, as long as somebody looks")
            self.pause.on_click(lambda _: self.requests.put("pause"))
            save = gui.add_button("Save a checkpoint")
            save.on_click(lambda _: self.requests.put("save"))
        end = gui.add_button("Stop training", hint="As Ctrl-C does: it saves, renders, scores, and can be resumed")
        end.on_click(lambda _: stop())

    def _image(self, particles: int, albedo: bool, trains: bool) -> None:
        gui, look = self.server.gui, self.look
        what = gui.add_dropdown("Show", SHOWN, initial_value=look.what)
        what.on_update(lambda _: setattr(look, "what", what.value))
        behind = gui.add_dropdown("Background", tuple(BACKGROUNDS), initial_value=look.background)
        behind.on_update(lambda _: setattr(look, "background", behind.value))
        if albedo:
            light = gui.add_checkbox("Light", look.light)
            light.on_update(lambda _: setattr(look, "light", light.value))
        if particles > 1:
            which = gui.add_slider("Particle", 0, particles - 1, 1, look.particle)
            which.on_update(lambda _: setattr(look, "particle", int(which.value)))
        size = gui.add_slider("Largest height", 64, 2048, 64, max(look.size // 64 * 64, 64))
        size.on_update(lambda _: setattr(look, "size", int(size.value)))
        if trains:
            share = gui.add_slider("Share of the time, %", 1, 90, 1, max(round(100 * look.share), 1),
                                   hint="that images may take while the run trains")
            share.on_update(lambda _: setattr(look, "share", share.value / 100))
            self.cameras = gui.add_checkbox("Training cameras", False, hint="the next step's, with their view words")
            self.cameras.on_update(self._see_cameras)

    def _see_cameras(self, event: viser.GuiEvent) -> None:
        """Who asks for the training cameras sees them from outside."""
        self.look.depth = self.cameras.value
        if event.client is not None and self.cameras.value:
            camera = event.client.camera
            position = np.asarray(camera.position)
            distance = np.linalg.norm(position)
            if 0 < distance < OUTSIDE:
                camera.position = position * (OUTSIDE / distance)
                camera.look_at = np.zeros(3)

    def _path(self) -> None:
        gui = self.server.gui
        self.height = gui.add_number("Height", 512, min=64, max=2048, step=2)
        self.shape = gui.add_dropdown("Shape", tuple(SHAPES))
        self.seconds = gui.add_number("Seconds", 5.0, min=0.5, max=120.0, step=0.5)
        self.closed = gui.add_checkbox("Back to the first", True)
        add = gui.add_button("Add this view")
        clear = gui.add_button("Forget all")
        self.video = gui.add_button("Make the video", disabled=True)
        self.made = gui.add_html("")

        @add.on_click
        def _(event: viser.GuiEvent) -> None:
            if event.client is not None:
                self.places.append(place_of(event.client.camera, 1, 1))
                self._show_places()

        @clear.on_click
        def _(event: viser.GuiEvent) -> None:
            self.places.clear()
            self.server.scene.remove_by_name("/path")
            self._show_places()

        self.video.on_click(lambda _: self.requests.put("video"))

    def _show_places(self) -> None:
        for i, place in enumerate(list(self.places)):
            (wxyz, position), = turned(place)
            self.server.scene.add_camera_frustum(f"/path/{i}", float(place.fovy_deg.deg2rad()), 1.0, scale=0.12,
                                                 color=(199, 101, 26), wxyz=wxyz, position=position)
        self.video.disabled = len(self.places) < 2
        self.tell(f"{len(self.places)} views" if self.places else "")

    def tell(self, text: str) -> None:
        """A line about the video."""
        self.made.content = _framed(html.escape(text))

    def show_status(self, title: str, facts: Mapping[str, str]) -> None:
        """A title and a table; both are text, whatever is in them."""
        rows = "".join(f"<tr><td>{html.escape(name)}</td><td style='text-align:right'>{html.escape(value)}</td></tr>"
                       for name, value in facts.items())
        content = _framed(f"<b>{html.escape(title)}</b><table style='width:100%;border-spacing:0'>{rows}</table>")
        if self.status.content != content:
            self.status.content = content

    def add(self, record: Record) -> None:
        """A line of metrics.jsonl, for the curves."""
        for name in CURVES:
            value = record.get(name)
            if isinstance(value, (int, float)) and np.isfinite(value):
                steps, values = self.curves.setdefault(name, ([], []))
                steps.append(float(record["step"]))
                values.append(float(value))
                if len(steps) > 2 * LINES:
                    del steps[::2], values[::2]

    def draw_curves(self) -> None:
        """What has been added, as it is now."""
        for name, (steps, values) in self.curves.items():
            if len(steps) > 1:
                self._plot(name, CURVES[name], "step", np.array(steps), np.array(values), BLUE)

    def draw_norms(self, timestep: np.ndarray, squared_norm: np.ndarray, steps: int) -> None:
        """Of late draws, the root mean square norm by noise level, of ``steps`` levels in all."""
        where = np.minimum(timestep * BINS // steps, BINS - 1).astype(int)
        count, total = np.bincount(where, minlength=BINS), np.bincount(where, squared_norm, BINS)
        seen = count > 0
        if seen.sum() > 1:
            middle = (np.arange(BINS) + 0.5) / BINS
            self._plot("t", "Norm of a draw against noise level t", "t / T", middle[seen],
                       np.sqrt(total[seen] / count[seen]), ORANGE)

    def _plot(self, name: str, title: str, across: str, x: np.ndarray, y: np.ndarray, colour: str) -> None:
        if name in self._plots:
            self._plots[name].data = (x, y)
            return
        with self._folder:
            self._plots[name] = self.server.gui.add_uplot(
                (x, y), ({"label": across}, {"label": "value", "stroke": colour, "width": 1.5}), title=title,
                scales={"x": {"time": False}}, axes=({}, {"size": 60}), height=170, legend={"show": False})

    def show_cameras(self, cameras: Cameras, words: Sequence[str]) -> None:
        """The step's views around the scene."""
        scene = self.server.scene
        for i, ((wxyz, position), word) in enumerate(zip(turned(cameras), words, strict=True)):
            scene.add_camera_frustum(f"/cameras/{i}", float(cameras.fovy_deg[i].deg2rad()),
                                     cameras.width / cameras.height, scale=0.15, color=(42, 111, 187), wxyz=wxyz,
                                     position=position)
            scene.add_label(f"/cameras/{i}/word", word)
        self.hide_cameras(len(words))

    def hide_cameras(self, first: int = 0) -> None:
        """All from that number on."""
        for i in range(first, self._cameras):
            self.server.scene.remove_by_name(f"/cameras/{i}")
        self._cameras = first


def _framed(inner: str) -> str:
    return f"<div style='padding:0 0.8em;font-size:0.85em;overflow-wrap:anywhere'>{inner}</div>"
