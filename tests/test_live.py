"""The viewer: who may ask, what is shown, that it changes no number of a run and never ends one."""

import contextlib
import http.client
import re
import socket
import sys
import threading
import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch

pytest.importorskip("viser")
sys.path[:0] = [str(Path(__file__).parent / each) for each in (".", "web", "../scripts")]
from browser import chromium  # noqa: E402
from devtools import tab  # noqa: E402
from live_client import Client  # noqa: E402
from test_train import SMALL, final_state, here  # noqa: E402

from carv3d.cameras import orbit, placed  # noqa: E402
from carv3d.commands.live import guard, path, stage  # noqa: E402
from carv3d.commands.live.viewer import Viewer  # noqa: E402
from carv3d.runs.folder import Run  # noqa: E402
from carv3d.runtime.errors import UserError  # noqa: E402

FRONT = orbit([30.0], 20.0, 2.65, 40.0, 96, 64)
TRAIN = ["train", *SMALL, "trainer.max_steps=6", "log.every_n_steps=2", "viewer.port=0"]


@pytest.fixture
def opened():
    servers = []

    def of(host="127.0.0.1", port=0):
        server, address = guard.open_server(host, port)
        servers.append(server)
        return server, address

    yield of
    for server in servers:
        guard.close(server)


def asked(address: str, path: str, host: str | None = None, **headers: str) -> http.client.HTTPResponse:
    _, port = re.fullmatch(r"http://([^:]+):(\d+)/.*", address).groups()
    one = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
    one.request("GET", path, headers={"Host": host or f"127.0.0.1:{port}", **headers})
    return one.getresponse()


# --- who may ask ---

def test_without_a_token_this_machine_alone_is_answered(opened, capfd):
    server, address = opened()
    port = server.get_port()
    answer = asked(address, "/")
    assert answer.status == 200 and b"<html" in answer.read()[:2000].lower()
    assert answer.headers["X-Frame-Options"] == "DENY" and answer.headers["Referrer-Policy"] == "no-referrer"
    assert asked(address, "/", f"localhost:{port}").status == 200
    assert asked(address, "/", "carv3d.example").status == 403  # a name that somebody pointed here
    assert asked(address, "/", Origin="http://elsewhere.example").status == 403
    with Client(address, Origin=f"http://127.0.0.1:{port}") as client:
        client.hear(lambda: client.heard)
    with pytest.raises(Exception, match="403"):
        Client(address, Origin="http://elsewhere.example")
    assert capfd.readouterr() == ("", "")  # stdout is for results


def test_other_machines_need_the_token(opened):
    server, address = opened("0.0.0.0")
    token = address.rstrip("/").rsplit("/", 1)[1]
    assert len(token) >= 32 and opened("0.0.0.0")[1] != address
    for path_ in ("/", "/index.html", f"/{token[:-1]}/", f"/{token}x/", "//", f"/x/{token}/"):
        assert asked(address, path_).status == 404, path_
    assert asked(address, f"/{token}").headers["Location"] == f"/{token}/"
    assert asked(address, f"/{token}/", "any.example").status == 200
    assert asked(address, f"/{token}/../../etc/passwd").status == 404
    bare = f"http://127.0.0.1:{server.get_port()}/"
    with Client(f"{bare}{token}/") as client:
        client.hear(lambda: client.heard)
    for wrong in (bare, f"{bare}{token[:-1]}/"):
        with pytest.raises(Exception, match="404"):
            Client(wrong)


def test_a_server_that_answers_strangers_is_not_opened(monkeypatch):
    """As it would be if viser served in another way than today's."""
    monkeypatch.setattr(guard, "Guard", lambda token, inner: inner)
    with pytest.raises(UserError, match="cannot be kept from strangers"):
        guard.open_server("127.0.0.1", 0)


def test_the_port_is_the_next_that_is_free(opened, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = opened(port=port)[0].get_port()
        assert port < found <= port + guard.PORTS
        with pytest.raises(UserError, match="viewer.host 192.0.2.1 viewer.port"):
            guard.check("192.0.2.1", port)
    refused = here(*TRAIN, "viewer.enabled=true", "viewer.host=192.0.2.1", cwd=tmp_path)
    assert refused.returncode == 2 and "viewer.host 192.0.2.1" in refused.stderr and not any(tmp_path.iterdir())


def test_viser_is_asked_for_before_there_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    refused = here(*TRAIN, "--view", cwd=tmp_path)
    assert refused.returncode == 2 and "pip install 'carv3d[viewer]'" in refused.stderr and not any(tmp_path.iterdir())


def test_no_port_is_open_unless_it_is_asked_for(tmp_path, monkeypatch):
    listening = []
    real = socket.socket.listen
    monkeypatch.setattr(socket.socket, "listen", lambda self, *args: (listening.append(self), real(self, *args))[1])
    assert here(*TRAIN, "-o", "without", cwd=tmp_path).returncode == 0 and not listening
    assert here(*TRAIN, "-o", "with", "--view", cwd=tmp_path).returncode == 0 and listening  # the control


# --- what is shown ---

def test_placed_cameras_see_what_those_on_an_orbit_see():
    cameras = orbit([0.0, 100.0, -170.0], [5.0, 90.0, -30.0], 2.5, [35.0, 40.0, 45.0], 7, 5)
    same = placed(cameras.c2w, cameras.fovy_deg, 7, 5)
    for mine, theirs in zip(same[1:].to("cpu").rays(), cameras[1:].rays()):
        torch.testing.assert_close(mine, theirs)
    torch.testing.assert_close(same.distance, cameras.distance)
    torch.testing.assert_close(same.elevation_deg, cameras.elevation_deg, atol=1e-3, rtol=0)
    torch.testing.assert_close(same.azimuth_deg[[0, 2]], cameras.azimuth_deg[[0, 2]], atol=1e-3, rtol=0)


def test_a_path_goes_through_its_places():
    cameras = orbit([0.0, 80.0, 200.0], [0.0, 40.0, 10.0], [2.0, 3.0, 2.5], [30.0, 40.0, 50.0], 1, 1)
    places = [placed(cameras.c2w[i:i + 1], cameras.fovy_deg[i:i + 1], 1, 1) for i in range(3)]
    for closed, step in ((False, 10), (True, 7)):
        way = path.along(places, 21, 32, 16, closed)
        torch.testing.assert_close(way.pose[[0, step, 2 * step]], cameras.c2w, atol=1e-5, rtol=0)
        turns = way.pose[:, :3, :3]
        torch.testing.assert_close(turns @ turns.mT, torch.eye(3).expand(21, 3, 3), atol=1e-5, rtol=0)
        assert (way.width, way.height, len(way)) == (32, 16, 21)
        jumps = (way.pose[1:, :3, 3] - way.pose[:-1, :3, 3]).norm(dim=-1)
        assert jumps.max() < 3 * jumps.median()
    assert (way.pose[-1, :3, 3] - way.pose[0, :3, 3]).norm() < 2 * jumps.max()  # closed: one step before the first


def test_images_take_no_more_than_their_share():
    """In made-up time: steps of 20 ms, images of whatever is saved up."""
    allowance, now, spent, images = stage.Allowance(0.05, 0.0), 0.0, 0.0, 0
    for _ in range(5000):
        now += 0.02
        if (saved := allowance.earn(now)) >= 0.04:
            allowance.spend(saved)
            now, spent, images = now + saved, spent + saved, images + 1
    assert images > 50 and 0.045 < spent / now <= 0.05
    assert allowance.earn(now + 1e6) == stage.SAVED_S  # no more than that is saved up, and nothing for who comes new
    allowance.rest(now + 2e6)
    assert allowance.earn(now + 2e6) == 0.0


@contextlib.contextmanager
def training(folder: Path, *more: str):
    """A run of 4000 steps in a thread, with its viewer's address; it is to be stopped."""
    seen, done = {}, threading.Event()
    real = Viewer.__init__

    def told(self, *args, **kwargs):
        real(self, *args, **kwargs)
        seen["viewer"] = self
        done.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Viewer, "__init__", told)
        patch.setattr("signal.signal", lambda *_: None)  # of a thread
        thread = threading.Thread(target=lambda: seen.update(result=here(
            *TRAIN, "trainer.max_steps=4000", "-o", str(folder), "--view", *more, cwd=folder.parent)))
        thread.start()
        try:
            assert done.wait(300), seen
            server = seen["viewer"].server
            yield seen, f"http://127.0.0.1:{server.get_port()}/"
        finally:
            if "viewer" in seen:
                seen["viewer"].paused = False
                seen["viewer"].stop.ask()
            thread.join(300)


def test_a_run_is_watched_and_steered(tmp_path):
    """Images while it trains, as it is drawn elsewhere; pause, a finer image, a checkpoint of that very step, a video
    along a path, stop."""
    with training(tmp_path / "run", "viewer.share=0.5") as (seen, address), Client(address) as client:
        viewer, pose = seen["viewer"], FRONT.c2w[0].double().numpy()
        client.look(pose, 40.0)
        client.hear(lambda: len(client.images) > 3 and "residual norm" in client.said())
        client.choose("Training cameras", True)
        client.hear(lambda: "front view" in client.said())
        client.press("Pause")
        client.hear(lambda: ", paused" in client.said() and client.images[-1].shape == (64, 96, 3))
        step = viewer.stage.step
        client.press("Save a checkpoint")
        client.hear(lambda: f"checkpoint of step {step} written" in client.said())
        client.press("Add this view")
        client.look(orbit([120.0], 20.0, 2.65, 40.0, 96, 64).c2w[0].double().numpy(), 40.0)
        viewer.panel.height.value, viewer.panel.seconds.value = 64, 0.5
        client.hear(lambda: "1 views" in client.said())
        client.press("Add this view")
        client.hear(lambda: "2 views" in client.said())
        client.press("Make the video")
        client.hear(lambda: "path.mp4" in client.said())
        client.press("Stop training")
        with contextlib.suppress(Exception):  # until the server has gone
            client.hear(lambda: False)
    result, run = seen["result"], Run(tmp_path / "run")
    assert result.returncode == 130, result.stderr
    assert [path.name for path in run.ckpts.glob(f"step-*{step}.ckpt")] and run.summary()["status"] == "interrupted"
    assert run.summary()["seconds"]["viewer"] > 0 and "viewer: http://127.0.0.1:" in result.stderr
    assert len(iio.imread(run.save / "path.mp4")) == 15
    assert result.stdout.splitlines() == [str(run.folder)]


def test_what_is_shown_is_the_scene(tmp_path):
    from carv3d.export.images import BACKGROUNDS, all_views, to_bytes
    from carv3d.export.video import lit

    with training(tmp_path / "run", "viewer.share=0.5") as (seen, address), Client(address) as client:
        viewer = seen["viewer"]
        client.look(FRONT.c2w[0].double().numpy(), 40.0)
        client.hear(lambda: "gradient norm" in client.said())
        client.press("Pause")
        client.hear(lambda: ", paused" in client.said() and client.images[-1].shape == (64, 96, 3))
        client.choose("Background", "grey")
        client.hear(lambda: abs(int(client.images[-1][0, 0, 0]) - 128) < 8)  # those before it are of earlier steps
        own = viewer.trainer
        truth, other = (all_views(own.scene, cameras, BACKGROUNDS["grey"], own.device, lit(own.config))
                        for cameras in (FRONT, orbit([30.0], 20.0, 3.3, 40.0, 96, 64)))

        def off(out):
            return np.abs(client.images[-1].astype(float) - to_bytes(out.rgb[0])).mean()

        assert off(truth) < 3 and off(other) > 2 * off(truth)  # JPEG; the control stands farther off
        for what in ("normals", "depth", "opacity"):
            client.choose("Show", what)
            wanted = stage.image_of(truth, FRONT, what).astype(float)
            client.hear(lambda: np.abs(client.images[-1] - wanted).mean() < 8, 60)


def test_nothing_of_a_run_depends_on_who_looks(tmp_path):
    """A run that was looked at after every step, and one that nobody saw: the same checkpoint to the bit."""
    assert here(*TRAIN, "trainer.max_steps=40", "-o", "unseen", cwd=tmp_path).returncode == 0
    real, looked = Viewer.progress, []

    def slowly(self, step):
        """Each step waits for an image of its own."""
        if not looked:
            client = Client(f"http://127.0.0.1:{self.server.get_port()}/")
            client.look(FRONT.c2w[0].double().numpy(), 40.0)
            looked.append(client)
            while not self.server.get_clients():
                time.sleep(0.01)
        self.stage.idle = True
        real(self, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Viewer, "progress", slowly)
        assert here(*TRAIN, "trainer.max_steps=40", "-o", "seen", "--view", cwd=tmp_path).returncode == 0
    with contextlib.suppress(Exception):
        looked[0].hear(lambda: False, 10)
    assert len(looked[0].images) > 10
    unseen, seen = (final_state(tmp_path / name) for name in ("unseen", "seen"))
    assert str(unseen["ledger"]) == str(seen["ledger"])
    for name, value in unseen["scenes"][0].items():
        assert torch.equal(value, seen["scenes"][0][name]) if torch.is_tensor(value) else True, name
    changed = here(*TRAIN, "trainer.max_steps=40", "-o", "other", "seed=1", cwd=tmp_path)
    assert changed.returncode == 0 and any(  # the control
        torch.is_tensor(value) and not torch.equal(value, unseen["scenes"][0][name])
        for name, value in final_state(tmp_path / "other")["scenes"][0].items())


@pytest.mark.parametrize("error", [RuntimeError("no such thing"), UserError("out of memory rendering"), OSError(28, "")])
def test_a_viewer_that_fails_costs_a_warning(tmp_path, monkeypatch, error):
    def fails(self):
        raise error

    monkeypatch.setattr(stage.Stage, "serve", fails)
    monkeypatch.setattr("viser.ViserServer.get_clients", lambda self: {0: None})
    done = here(*TRAIN, "-o", "run", "--view", cwd=tmp_path)
    assert done.returncode == 0 and "warning: no viewer from here on: " in done.stderr, done.stderr
    assert Run(tmp_path / "run").summary()["status"] == "finished"


@pytest.mark.parametrize("where", ["carv3d.commands.live.guard.open_server", "carv3d.commands.live.viewer.panel_of"])
def test_a_viewer_that_cannot_be_opened_costs_a_warning(tmp_path, monkeypatch, where):
    def fails(*args, **options):
        raise RuntimeError("no such thing")

    monkeypatch.setattr(where, fails)
    done = here(*TRAIN, "-o", "run", "--view", cwd=tmp_path)
    assert done.returncode == 0 and "warning: no viewer: RuntimeError: no such thing" in done.stderr, done.stderr
    assert Run(tmp_path / "run").summary()["status"] == "finished"


def test_a_stopped_run_gives_its_video_up(tmp_path):
    """Whoever presses Stop does not wait for the last of 3,600 frames; nothing half-written is left."""
    with training(tmp_path / "run") as (seen, address), Client(address) as client:
        for azimuth in (0.0, 120.0):
            client.look(orbit([azimuth], 20.0, 2.65, 40.0, 96, 64).c2w[0].double().numpy(), 40.0)
            client.press("Add this view")
        client.hear(lambda: "2 views" in client.said())
        seen["viewer"].panel.height.value, seen["viewer"].panel.seconds.value = 64, 120.0
        client.press("Make the video")
        client.hear(lambda: "of 3600 frames" in client.said())
        client.press("Stop training")
        client.hear(lambda: "stopped before its last frame" in client.said())
    assert seen["result"].returncode == 130 and not list((tmp_path / "run" / "save").glob("*path*"))


def test_a_paused_run_goes_on_when_nobody_looks(tmp_path, monkeypatch):
    monkeypatch.setattr("carv3d.commands.live.viewer.ALONE_S", 0.3)
    with training(tmp_path / "run") as (seen, address):
        with Client(address) as client:
            client.look(FRONT.c2w[0].double().numpy(), 40.0)
            client.hear(lambda: client.images)
            client.press("Pause")
            client.hear(lambda: ", paused" in client.said())
        step, end = seen["viewer"].stage.step, time.monotonic() + 300
        while seen["viewer"].paused and time.monotonic() < end:
            time.sleep(0.05)
    assert "nobody looks any more" in seen["result"].stderr
    assert Run(tmp_path / "run").summary()["step"] > step


def test_a_finished_run_is_shown_live(tmp_path, monkeypatch):
    assert here(*TRAIN, "-o", "run", cwd=tmp_path).returncode == 0
    addresses, clients = [], []
    real = guard.open_server
    monkeypatch.setattr(guard, "open_server", lambda *args: addresses.append(real(*args)) or addresses[-1])

    def served(self):
        """Ctrl-C, once an image has come."""
        if not clients:
            clients.append(Client(addresses[0][1]))
            clients[0].look(FRONT.c2w[0].double().numpy(), 40.0)
        drawn = serve(self)
        if drawn and self.seats and all(seat.rows for seat in self.seats.values()):
            clients[0].hear(lambda: clients[0].images and "nothing trains" in clients[0].said())
            raise KeyboardInterrupt
        return drawn

    serve = stage.Stage.serve
    monkeypatch.setattr(stage.Stage, "serve", served)
    shown = here("view", "run", "--live", "--no-browser", cwd=tmp_path)
    assert shown.returncode == 130 and shown.stdout.splitlines() == [addresses[0][1]], shown.stderr
    assert clients[0].images[0].shape[2] == 3 and "Pause" not in clients[0].said()
    assert here("view", "nowhere", "--live", cwd=tmp_path).returncode == 2


@pytest.mark.skipif(not chromium(), reason="chromium is missing: apt-get install chromium")
@pytest.mark.parametrize("more", [(), ("scene.type=gaussians", "scene.gaussians.count=200"), ("scene.type=image",)],
                         ids=["nerf", "gaussians", "image"])
def test_a_real_browser_watches_and_stops_a_run(tmp_path, more):
    """The scene is seen there, the panel says what it is, a press pauses the run and another stops it; nothing is asked
    of other servers, and nothing fails in the page."""
    press = "[...document.querySelectorAll('button')].find(each => each.textContent.trim() === '{}').click()"
    with training(tmp_path / "run", "viewer.share=0.5", *more) as (seen, address), tab() as browser:
        browser.size(900, 700)
        browser.go(address)
        browser.wait("document.body && document.body.innerText.includes('gradient norm')")
        browser.wait("document.querySelectorAll('.uplot, canvas').length > 1")
        browser.run(press.format("Pause"))
        browser.wait("document.body.innerText.includes(', paused')")
        end = time.monotonic() + 120
        while (spread := browser.shot()[150:500, 100:500].std()) < 3 and time.monotonic() < end:
            time.sleep(0.5)
        assert spread >= 3  # of a blank page it is 0
        assert "a red mushroom" in browser.run("document.body.innerText")
        browser.run(press.format("Stop training"))
        end = time.monotonic() + 120
        while seen["viewer"].stop.received is None and time.monotonic() < end:
            time.sleep(0.1)
        assert all(url.startswith((address, "blob:", "data:")) for url in browser.asked), browser.asked
        assert not [line for line in browser.said if line.startswith(("exception", "error"))], browser.said
    assert seen["result"].returncode == 130 and Run(tmp_path / "run").summary()["status"] == "interrupted"
