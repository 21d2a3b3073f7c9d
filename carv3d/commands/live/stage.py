"""The images that the viewer's clients see: whose turn it is, how large, and how much time they may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from carv3d.cameras import Cameras, PlacedCameras, RenderOut, placed
from carv3d.config.schema import Config
from carv3d.export.images import BACKGROUNDS, all_views, nearness, normals, to_bytes
from carv3d.export.video import lit
from carv3d.scenes.base import Scene

if TYPE_CHECKING:
    import viser

SHOWN = ("colour", "normals", "depth", "opacity")
LEAST = 48  # rows of an image while somebody turns it
STEP = 16  # rows come in multiples of this
QUICK_S = 0.08  # most that an image may take while somebody turns it
SAVED_S = 0.3  # time that is saved up for a finer one, at most
STILL_S = 0.4  # since the camera moved, after which a finer one is worth it
EVERY_S = 0.5  # between images of a camera that stands still
FLIP = np.diag([1.0, -1.0, -1.0])  # viser's cameras look along their z, y down


class Allowance:
    """Time that images may take: a share of all that passes, saved up to ``SAVED_S``. now: seconds."""

    def __init__(self, share: float, now: float):
        self.share, self.saved, self.at = share, 0.0, now

    def earn(self, now: float) -> float:
        """What may be spent now."""
        self.saved = min(self.saved + self.share * (now - self.at), SAVED_S)
        self.at = now
        return self.saved

    def spend(self, seconds: float) -> None:
        """Has been spent, as much as was needed."""
        self.saved -= seconds

    def rest(self, now: float) -> None:
        """Nobody looks: nothing is saved up for whoever comes."""
        self.saved, self.at = min(self.saved, 0.0), now


@dataclass
class Seat:
    """A client: where it looks from, when it last moved, and what it was last shown. wanted: all that an image depends
    on besides its size."""

    place: tuple[float, ...] = ()
    moved: float = 0.0
    wanted: tuple[object, ...] = ()
    shown: tuple[object, ...] = ()
    rows: int = 0
    at: float = 0.0


@dataclass
class Look:
    """What the clients have chosen. share: of the time, while training goes on."""

    share: float
    size: int
    what: str = "colour"
    background: str = "white"
    light: bool = False
    particle: int = 0
    depth: bool = False  # hide what stands behind the scene


@dataclass
class Stage:
    """Draws the scenes for every client, in the thread that trains them, between two steps: nothing else may touch them
    meanwhile, and no random number is used. idle: nothing trains, so that images may take all the time there is.
    settle: called before an image is drawn; waits for what the device still has to train."""

    server: viser.ViserServer
    scenes: Sequence[Scene]
    device: torch.device
    look: Look
    settle: Callable[[], None] = lambda: None
    step: int = 0
    idle: bool = False
    seats: dict[int, Seat] = field(default_factory=dict)
    pixel_s: float = 1e-6  # of an image, as measured lately
    allowance: Allowance = field(init=False)

    def __post_init__(self) -> None:
        self.allowance = Allowance(self.look.share, time.perf_counter())

    @classmethod
    def of(cls, server: viser.ViserServer, scenes: Sequence[Scene], device: torch.device, config: Config,
           settle: Callable[[], None] = lambda: None) -> Stage:
        """One for a run's scenes."""
        return cls(server, scenes, device, Look(config.viewer.share, config.viewer.size, light=lit(config)), settle)

    def serve(self) -> bool:
        """Draw one image, if there is a client who is due one and the time for it; whether it was drawn."""
        clients = self.server.get_clients()
        now = time.perf_counter()
        if not clients:
            self.seats.clear()
            self.allowance.rest(now)
            return False
        self.allowance.share = self.look.share
        credit = self.allowance.earn(now)
        for number in self.seats.keys() - clients.keys():
            del self.seats[number]
        for number, client in sorted(clients.items(), key=lambda each: self.seats.get(each[0], Seat()).at):
            seat = self.seats.setdefault(number, Seat())
            camera = client.camera
            if not camera.image_height or not camera.image_width:
                continue
            if (rows := self._rows(seat, camera, now, credit)) > 0:
                self.settle()
                began = time.perf_counter()
                self._draw(client, seat, rows)
                self.allowance.spend(time.perf_counter() - began)
                return True
        return False

    def _rows(self, seat: Seat, camera: viser.CameraHandle, now: float, credit: float) -> int:
        """Of the image that is due now; 0: none is."""
        place = (*camera.position, *camera.wxyz, camera.fov, camera.image_width / camera.image_height)
        if place != seat.place:
            seat.place, seat.moved = place, now
        look = self.look
        seat.wanted = (place, self.step, look.what, look.background, look.light, look.particle, look.depth)
        column_s = self.pixel_s * place[-1]  # of a square of rows
        most = min(look.size, int(camera.image_height) // STEP * STEP or STEP)

        def within(seconds: float) -> int:
            return min(int((max(seconds, 0.0) / column_s) ** 0.5) // STEP * STEP, most)

        if seat.wanted == seat.shown and seat.rows >= most:
            return 0
        turning = now - seat.moved < STILL_S
        if turning and seat.wanted != seat.shown:
            least = min(max(within(QUICK_S), STEP), LEAST)
            rows = within(QUICK_S if self.idle else min(credit, QUICK_S))
            return rows if rows >= least else least * self.idle
        if turning:
            return 0
        if self.idle:
            return most
        fine = within(SAVED_S)
        if now - seat.at < EVERY_S or credit < 0.999 * min(SAVED_S, fine**2 * column_s):
            return 0
        return max(fine, STEP)

    def _draw(self, client: viser.ClientHandle, seat: Seat, rows: int) -> None:
        *_, aspect = seat.place
        camera = client.camera
        cameras = place_of(camera, max(round(rows * aspect), 1), rows)
        began, look = time.perf_counter(), self.look
        scene = self.scenes[min(look.particle, len(self.scenes) - 1)]
        out = all_views(scene, cameras, BACKGROUNDS[look.background], self.device, look.light)
        depth = _along_axis(out, cameras) if look.depth else None
        client.scene.set_background_image(image_of(out, cameras, look.what), format="jpeg", jpeg_quality=90,
                                          depth=depth)
        taken = (time.perf_counter() - began) / (cameras.width * cameras.height)
        self.pixel_s = taken if not seat.rows else 0.5 * (self.pixel_s + taken)
        seat.shown, seat.rows, seat.at = seat.wanted, rows, time.perf_counter()


def place_of(camera: viser.CameraHandle, width: int, height: int) -> PlacedCameras:
    """Where a client looks from, as one camera of carv3d's."""
    import viser.transforms

    pose = np.eye(4)
    pose[:3, :3] = viser.transforms.SO3(np.asarray(camera.wxyz)).as_matrix() @ FLIP
    pose[:3, 3] = camera.position
    return placed(torch.tensor(pose, dtype=torch.float32)[None], torch.tensor([float(np.rad2deg(camera.fov))]), width,
                  height)


def turned(cameras: Cameras) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each camera the quaternion, as viser has it, and the position."""
    import viser.transforms

    return [(viser.transforms.SO3.from_matrix(pose[:3, :3] @ FLIP).wxyz, pose[:3, 3])
            for pose in cameras.c2w.double().numpy()]


def image_of(out: RenderOut, cameras: Cameras, what: str) -> np.ndarray:
    """Of the one view, [H,W,3] uint8: its colour, normals, depth or opacity."""
    if what == "normals":
        return to_bytes(normals(out, cameras)[0])
    if what == "opacity":
        return to_bytes(out.opacity[0].expand(-1, -1, 3))
    if what == "depth":
        return to_bytes(nearness(out)[0].expand(-1, -1, 3))
    return to_bytes(out.rgb[0])


def _along_axis(out: RenderOut, cameras: Cameras) -> np.ndarray:
    """Distance along the camera's axis, [H,W], far away where nothing is seen."""
    _, directions = cameras.rays()
    cosine = -(directions * cameras.c2w[:, None, None, :3, 2]).sum(-1)
    depth = torch.where(out.opacity[..., 0] > 0.5, out.depth[..., 0] * cosine, 150.0)
    return torch.nan_to_num(depth, 150.0, 150.0, 150.0)[0].numpy()
