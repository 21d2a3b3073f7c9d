"""The second observer of a run: shows it while it trains, and lets it be steered."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from carv3d.commands.live import guard, path
from carv3d.commands.live.panel import SHAPES, Panel
from carv3d.commands.live.stage import Stage
from carv3d.config.schema import Config
from carv3d.diffusion.prompts import VIEWS, view_index
from carv3d.export import video
from carv3d.report.serving import is_loopback
from carv3d.runs.clock import Clock
from carv3d.runs.folder import Run
from carv3d.runs.shown import told
from carv3d.runs.stopping import StopSignal
from carv3d.runtime.errors import UserError, of_the_machine, one_line
from carv3d.runtime.progress import say
from carv3d.text3d import views
from carv3d.text3d.loop import Observer
from carv3d.text3d.trainer import Trainer

if TYPE_CHECKING:
    import viser

REFRESH_S = 2.0  # between changes of what stands beside the image
DRAWS = 64  # steps whose draws are shown by noise level
DISTANCE, TOWARDS = 1.3, (0.83, 0.48, 0.28)  # of the camera that a browser begins with: farther than those of the steps
ALONE_S = 10.0  # after which a run that waits goes on if nobody looks any more


class Viewer(Observer):
    """What fails in it costs a warning and the viewer, never the run. It draws nothing, and no more than looks at a
    list, while no browser is connected; nothing of what it does changes a number of the run."""

    def __init__(self, server: viser.ViserServer, run: Run, trainer: Trainer, clock: Clock, stop: StopSignal):
        self.server, self.run, self.trainer, self.clock, self.stop = server, run, trainer, clock, stop
        config = trainer.config
        self.steerable = trainer.world.size == 1  # of several, the others would wait for this one in vain
        self.stage = Stage.of(server, trainer.scenes, trainer.device, config, self._settle)
        self.panel = panel_of(server, self.stage, config, stop.ask, pauses=self.steerable)
        self.draws: deque[tuple[Tensor, Tensor]] = deque(maxlen=DRAWS)
        self.facts: dict[str, str] = {}
        self.paused = self.saving = self.broken = False
        self.refreshed = 0.0
        for record in run.metrics():
            self.panel.add(record)

    def drawn(self, step: int, timestep: Tensor, squared_norm: Tensor) -> None:
        self.draws.append((timestep, squared_norm))

    def log(self, step: int, metrics: dict[str, float]) -> None:
        if self.broken:
            return
        with self._guarded():
            self.panel.add({"step": step, **metrics})
            self.facts = {"K, draws per view": f"{metrics['k']:g}", "residual norm": f"{metrics['draw_norm']:.4g}",
                          "gradient norm": f"{metrics['grad_norm']:.4g}", "mean opacity": f"{metrics['opacity']:.3f}",
                          **{name.replace("_", " "): f"{value:.4g}" for name, value in metrics.items()
                             if name.startswith("loss_")}}

    def wants_checkpoint(self) -> bool:
        return self.saving

    def checkpoint(self, step: int) -> None:
        if self.saving and not self.broken:
            with self._guarded():
                self._notify(f"checkpoint of step {step} written")
        self.saving = False

    def progress(self, step: int) -> None:
        if self.broken:
            return
        if not (self.server.get_clients() or self.paused) and self.panel.requests.empty():
            self.stage.allowance.rest(time.perf_counter())
            return
        self.clock.lap("loop")
        with self._guarded():
            self.stage.step = step
            self._turn(step)
            if self.paused:
                self._wait(step)
        self.clock.lap("viewer")

    def close(self) -> None:
        """The end of training."""
        if self.broken:
            return
        with self._guarded():
            self._notify(f"training has ended; carv3d view --live {self.run.folder} shows the scene again")
            self.server.flush()
            guard.close(self.server)

    def _settle(self) -> None:
        if self.trainer.device.type == "cuda" and not self.stage.idle:
            torch.cuda.synchronize(self.trainer.device)
            self.clock.lap("train")

    def _turn(self, step: int) -> None:
        """What is due between two steps."""
        self._answer()
        self.stage.serve()
        now = time.perf_counter()
        if now - self.refreshed > REFRESH_S:
            self.refreshed = now
            self._refresh(step)
            self.stage.allowance.spend(time.perf_counter() - now)

    def _answer(self) -> None:
        """What was pressed since."""
        while not self.panel.requests.empty():
            request = self.panel.requests.get()
            if request == "save":
                self.saving = True
            elif request == "pause":
                self.paused = not self.paused
                self.panel.pause.label = "Go on" if self.paused else "Pause"
            elif request == "video":
                make_video(self.run, self.trainer.config, self.stage, self.panel, self.stop)

    def _wait(self, step: int) -> None:
        """While the run is paused and somebody looks."""
        self.stage.idle, seen, self.refreshed = True, time.perf_counter(), 0.0
        while self.paused and not self.saving and not self.stop():
            self._turn(step)
            now = time.perf_counter()
            seen = now if self.server.get_clients() else seen
            if now - seen > ALONE_S:
                say("nobody looks any more: the run, which was paused, goes on")
                self.panel.requests.put("pause")
            time.sleep(0.01)
        self.stage.idle, self.refreshed = False, 0.0

    def _refresh(self, step: int) -> None:
        config, ledger = self.trainer.config, self.trainer.ledger
        state = "paused" if self.paused else "stopping" if self.stop() else "training"
        self.panel.show_status(config.prompt, {
            "step": f"{step} of {config.trainer.max_steps}, {state}", "views rendered": f"{ledger['renders']:,}",
            "teacher draws": f"{ledger['draws']:,}", **self.facts})
        self.panel.draw_curves()
        if self.draws:
            timestep, squared_norm = (torch.cat([each.flatten().cpu() for each in part]).numpy()
                                      for part in zip(*self.draws))
            self.panel.draw_norms(timestep, squared_norm, self.trainer.teacher.schedule.timesteps)
        if self.panel.cameras.value:
            self.panel.show_cameras(*self._cameras(step))
        else:
            self.panel.hide_cameras()

    def _cameras(self, step: int) -> tuple[views.Cameras, list[str]]:
        """Those of the step to come, and what the prompt calls each."""
        trainer = self.trainer
        config = trainer.config
        cameras = views.of_step(config, step, trainer.way(step)[0], trainer.viewed,
                                together=trainer.teacher.views_per_item).cameras
        names = VIEWS[config.data.views]
        index = view_index(cameras.azimuth_deg, cameras.elevation_deg, config.data.views).tolist()
        return cameras, [f"{names[i].name} view" if names else f"{azimuth:.0f}°, {elevation:.0f}°"
                         for i, azimuth, elevation in zip(index, cameras.azimuth_deg.tolist(),
                                                          cameras.elevation_deg.tolist())]

    def _notify(self, text: str) -> None:
        for client in self.server.get_clients().values():
            client.add_notification("carv3d", text)

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """The run goes on whatever happens within, and nothing is to happen there again."""
        try:
            yield
        except Exception as error:
            self.broken, self.paused = True, False
            say(f"warning: no viewer from here on: {_why(error)}")
            with contextlib.suppress(Exception):
                guard.close(self.server)


def opened(run: Run, trainer: Trainer, clock: Clock, stop: StopSignal) -> Viewer | None:
    """A viewer of the run, served, its address said; None, and a warning, where there can be none."""
    own = trainer.config.viewer
    try:
        server, address = guard.open_server(own.host, own.port)
        try:
            viewer = Viewer(server, run, trainer, clock, stop)
        except BaseException:
            guard.close(server)
            raise
    except Exception as error:
        say(f"warning: no viewer: {_why(error)}")
        return None
    say(f"viewer: {address}" + ("" if is_loopback(own.host) else "; whoever has this address sees and steers the run"))
    return viewer


def _why(error: Exception) -> str:
    known = error if isinstance(error, UserError) else of_the_machine(error)
    return str(known or one_line(f"{type(error).__name__}: {error}"))


def panel_of(server: viser.ViserServer, stage: Stage, config: Config, stop: Callable[[], None] | None = None,
             pauses: bool = False) -> Panel:
    """The panel of a run, and the camera that a browser begins with. stop, pauses: of one that trains."""
    distance, fovy_deg = config.data.middle_camera
    server.initial_camera.position = DISTANCE * distance * np.array(TOWARDS)
    server.initial_camera.look_at = (0.0, 0.0, 0.0)
    server.initial_camera.fov = float(torch.deg2rad(torch.tensor(fovy_deg)))
    return Panel(server, stage.look, len(stage.scenes), config.light.colour == "albedo", stop, pauses)


def make_video(run: Run, config: Config, stage: Stage, panel: Panel, stopped: Callable[[], bool] = lambda: False
               ) -> Path | None:
    """A video along the panel's path, into the run's folder; what is wrong with it is said there. stopped: asked after
    each frame, whether it is to be given up."""
    if len(panel.places) < 2:
        panel.tell("a path has two views at least")
        return None
    height = int(panel.height.value) // 2 * 2
    count = max(round(float(panel.seconds.value) * config.export.video_fps), 2)
    cameras = path.along(panel.places, count, round(height * SHAPES[panel.shape.value]) // 2 * 2, height,
                         panel.closed.value)
    scene, done = stage.scenes[min(stage.look.particle, len(stage.scenes) - 1)], 0

    def progress(made: int) -> None:
        nonlocal done
        done += made
        if stopped():
            raise UserError("the run is stopped before its last frame")
        if done % 10 == 0 or done == count:
            panel.tell(f"{done} of {count} frames")

    try:
        video.require_ffmpeg("leave the video out")
        made = video.render(path.unused(run.save), scene, config, stage.device, cameras, stage.look.background,
                            progress)
    except UserError as error:
        panel.tell(str(error))
        say(f"warning: no video of the path: {error}")
        return None
    panel.tell(f"written: {made}")
    say(f"video of the camera path: {made}")
    return made


def show(run: Run, config: Config, stage: Stage, step: int) -> None:
    """A run as it stands, until Ctrl-C: nothing trains."""
    stage.idle, stage.step = True, step
    panel = panel_of(stage.server, stage, config)
    summary = run.summary()
    scores = told(summary.get("quality")) if summary.get("step") == step else []
    panel.show_status(config.prompt, {"step": f"{step} of {config.trainer.max_steps}, nothing trains",
                                      **({"scores": ", ".join(scores)} if scores else {})})
    for record in run.metrics():
        panel.add(record)
    panel.draw_curves()
    while True:
        while not panel.requests.empty():
            if panel.requests.get() == "video":
                make_video(run, config, stage, panel)
        if not stage.serve():
            time.sleep(0.01)
