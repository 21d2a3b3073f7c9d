"""What carv3d view serves: the runs' own files, to this machine, and nothing else to nobody."""

import http.client
import json
import os
import socket
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote

import imageio.v3 as iio
import numpy as np
import pytest

from carv3d.report.gallery import Site, gallery
from carv3d.report.serving import KINDS, Server, is_loopback
from carv3d.runs.folder import Run
from carv3d.runtime.errors import UserError

sys.path.append(str(Path(__file__).parent.parent / "web"))
import browser  # noqa: E402
import devtools  # noqa: E402

PNG = iio.imwrite("<bytes>", np.full((8, 8, 3), [0, 0, 200], np.uint8), extension=".png")
SECRET = b"nobody may read this"


def made(folder: Path, prompt: str, **summary: object) -> Path:
    """A run folder as far as this part of carv3d looks at one."""
    save = folder / "save"
    save.mkdir(parents=True)
    (folder / "config.yaml").write_text("prompt: x\n")
    (folder / "summary.json").write_text(json.dumps({"status": "finished", "prompt": prompt, "step": 640, **summary}))
    (save / "view.html").write_bytes(b"the page of " + folder.name.encode())
    (save / "view.png").write_bytes(PNG)
    (save / "turntable.mp4").write_bytes(bytes(range(256)) * 4)
    return folder


@pytest.fixture
def root(tmp_path) -> Path:
    (tmp_path / "secret.txt").write_bytes(SECRET)
    top = tmp_path / "outputs"
    made(top / "sweep" / "a red mushroom@1", "a red mushroom", quality={"psnr": 24.06, "volume_iou": 0.9, "deep": {}})
    made(top / "sweep" / "b@2", "<script>alert(1)</script>")
    made(top / "carv3d" / "ümlaut@3", "a green mug")
    (top / "sweep" / "viewer-0123456789ab.js").write_text("program")
    return top


class Served:
    def __init__(self, site: Site, host: str = "127.0.0.1"):
        self.server = Server(host, 0, site)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """The path as it is, nothing made simpler on the way."""
        asked = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=30)
        asked.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            asked.putheader(name, value)
        asked.endheaders()
        answer = asked.getresponse()
        found = answer.status, dict(answer.getheaders()), answer.read()
        asked.close()
        return found

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def served(root):
    site = Served(Site(root, lambda run: None))
    yield site
    site.close()


A = "/sweep/" + quote("a red mushroom@1")


@pytest.mark.parametrize("path,kind,content", [
    (f"{A}/save/view.html", KINDS[".html"], b"the page of a red mushroom@1"), (f"{A}/save/view.png", "image/png", PNG),
    (f"{A}/save/view.html?x=1#y", KINDS[".html"], b"the page of a red mushroom@1"),
    ("/sweep/viewer-0123456789ab.js", KINDS[".js"], b"program"),
    (f"/carv3d/{quote('ümlaut@3')}/save/view.html", KINDS[".html"], "the page of ümlaut@3".encode()),
])
def test_a_run_s_files_are_served(served, path, kind, content):
    status, headers, got = served.get(path)
    assert status == 200 and got == content and headers["Content-Type"] == kind
    assert headers["Content-Length"] == str(len(content)) and headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"] and "connect-src" not in headers["Content-Security-Policy"]
    status, headers, got = served.get(path, "HEAD")
    assert status == 200 and got == b"" and headers["Content-Length"] == str(len(content))


@pytest.mark.parametrize("asked,status,said,content", [
    ("bytes=0-9", 206, "bytes 0-9/1024", bytes(range(10))), ("bytes=1020-", 206, "bytes 1020-1023/1024", bytes(range(252, 256))),
    ("bytes=1000-99999", 206, "bytes 1000-1023/1024", bytes(range(232, 256))),
    ("bytes=1024-", 416, "bytes */1024", b""), ("bytes=9-2", 416, "bytes */1024", b""),
    ("lines=1-2", 200, None, bytes(range(256)) * 4)])
def test_parts_of_a_video(served, asked, status, said, content):
    got, headers, body = served.get(f"{A}/save/turntable.mp4", Range=asked)
    assert (got, headers.get("Content-Range"), body) == (status, said, content)


OUTSIDE = ["/../secret.txt", "/sweep/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/%252e%252e/secret.txt",
           f"{A}/save/../../../../secret.txt", f"{A}/save/..%2f..%2f..%2f..%2fsecret.txt", f"{A}/save/..%5c..%5csecret.txt",
           "//etc/passwd", "/etc/passwd", f"{A}/save/%2fetc%2fpasswd", f"{A}/save/view.png%00.html",
           f"{A}/save/%ff", "/file:///etc/passwd"]
WITHIN = [f"{A}/config.yaml", f"{A}/summary.json", f"{A}/save", f"{A}/save/", f"{A}/", "/sweep/", "/sweep", f"{A}/ckpts/last.ckpt",
          f"{A}/save/.hidden.png", f"{A}/save/notes.txt", f"{A}/save/program.js", f"{A}/save/other.html", f"{A}/save/deep/x.png",
          f"{A}/save/out.png", f"{A}/save/config.png", f"{A}/save/pipe.png", "/viewer-0123456789ab.js", f"{A}/viewer-0123456789ab.js",
          "/carv3d/viewer-0123456789ab.js", "/sweep/viewer-x.js", "/linked@4/save/view.html", "/carv3d/linked@4/save/view.html",
          "/distill/student@5/save/view.html", "/notes/save/view.html", "/save/view.html", "/favicon.ico"]


@pytest.mark.parametrize("path", OUTSIDE + WITHIN)
def test_nothing_else_is(root, tmp_path, path):
    """Though all of it is there: the files beside, links, hidden files, runs that are linked to from elsewhere."""
    run = root / "sweep" / "a red mushroom@1"
    (run / "ckpts").mkdir()
    (run / "save" / "deep").mkdir()
    for name in ("ckpts/last.ckpt", "save/.hidden.png", "save/notes.txt", "save/program.js", "save/other.html", "save/deep/x.png"):
        (run / name).write_bytes(SECRET)
    (run / "save" / "config.png").symlink_to("../config.yaml")
    os.mkfifo(run / "save" / "pipe.png")
    other = made(tmp_path / "elsewhere" / "linked@4", "x")
    (root / "carv3d" / "linked@4").symlink_to(other)
    (root / "linked@4").symlink_to(other)
    student = made(root / "distill" / "student@5", "x")
    (student / "env.json").write_text('{"command": "distill"}')
    (root / "notes" / "save").mkdir(parents=True)
    (root / "notes" / "save" / "view.html").write_bytes(SECRET)
    site = Served(Site(root, lambda run: None))
    try:
        assert site.get(f"{A}/save/view.html")[0] == 200  # the control
        (run / "save" / "out.png").symlink_to(tmp_path / "secret.txt")
        status, _, content = site.get(path)
        assert status == 404 and content == b"not found\n"
    finally:
        site.close()


def test_a_run_with_a_link_that_leads_out_is_none(root, tmp_path, served):
    assert served.get(f"{A}/save/view.html")[0] == 200
    (root / "sweep" / "a red mushroom@1" / "out.txt").symlink_to(tmp_path / "secret.txt")
    assert served.get(f"{A}/save/view.html")[0] == 404 and b"mushroom" not in served.get("/")[2]


@pytest.mark.parametrize("host,status", [("127.0.0.1:80", 200), ("localhost", 200), ("LOCALHOST:1", 403), ("[::1]:9", 200),
                                         ("evil.example", 403), ("evil.example:80", 403), ("127.0.0.1.evil.example", 403),
                                         ("192.168.0.7:80", 403), ("", 403)])
def test_pages_of_the_web_cannot_ask_by_a_name_of_their_own(served, host, status):
    assert served.get("/", Host=host)[0] == status


def test_this_machine_alone_by_default(served):
    assert served.server.socket.getsockname()[0] == "127.0.0.1" and not served.server.token
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # this machine's address elsewhere, if it has one
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("needs an address beside loopback")
        own = probe.getsockname()[0]
    with pytest.raises(OSError), socket.create_connection((own, served.server.server_port), timeout=5):
        pass


@pytest.mark.parametrize("host,alone", [("127.0.0.1", True), ("::1", True), ("localhost", True), ("127.9.9.9", True), ("0.0.0.0", False),
                                        ("::", False), ("192.168.0.7", False), ("localhost.example", False), ("", False)])
def test_which_hosts_are_this_machine(host, alone):
    assert is_loopback(host) == alone


def test_to_others_everything_lies_below_a_token(root):
    site, other = (Served(Site(root, lambda run: None), "0.0.0.0") for _ in range(2))
    try:
        token = site.server.token
        assert len(token) >= 32 and token != other.server.token and site.server.url.endswith(f"/{token}/")
        for path in ("/", f"{A}/save/view.html", f"/{other.server.token}/", f"/{token[:-1]}/", f"/{token}x/", "/%00/", "/%c3%bc/"):
            status, headers, content = site.get(path)
            assert status == 404 and token not in str(headers) + content.decode()
        assert site.get(f"/{token}{A}/save/view.html")[2] == b"the page of a red mushroom@1"
        assert site.get(f"/{token}/", Host="a-name.example")[0] == 200
        status, headers, _ = site.get(f"/{token}")
        assert status == 302 and headers["Location"] == f"{token}/"
    finally:
        site.close()
        other.close()


def test_a_port_that_is_taken_is_refused_in_one_line(root, served):
    with pytest.raises(UserError, match="nothing can be served there .*give another --port"):
        Server("127.0.0.1", served.server.server_port, Site(root, lambda run: None))
    with pytest.raises(UserError, match="--host no.such.host.invalid"):
        Server("no.such.host.invalid", 0, Site(root, lambda run: None))


def test_a_missing_page_is_made_when_it_is_opened(root):
    """For one run at a time, whoever asks; why it cannot be is told to who asked, and the next one is served."""
    path, calls, at_once = root / "sweep" / "b@2" / "save" / "view.html", [], []
    path.unlink()

    def make(run: Run) -> None:
        calls.append(run.folder.name)
        at_once.append(threading.current_thread())
        assert len(at_once) == 1
        time.sleep(0.2)
        at_once.pop()
        if run.folder.name.startswith("a red"):
            raise UserError("its checkpoint\nis damaged")
        path.write_text("made")

    site = Served(Site(root, make))
    try:
        answers: list[tuple] = []
        asking = [threading.Thread(target=lambda: answers.append(site.get("/sweep/b@2/save/view.html"))) for _ in range(3)]
        for each in asking:
            each.start()
        for each in asking:
            each.join()
        assert [(status, content) for status, _, content in answers] == [(200, b"made")] * 3
        status, headers, content = site.get(f"{A}/save/view.html")
        assert (status, content) == (500, b"carv3d: its checkpoint\\nis damaged\n") and headers["Content-Type"].startswith("text/plain")
        assert calls == ["b@2"] * 3 + ["a red mushroom@1"]
        assert site.get(f"{A}/save/view.png")[0] == 200 and len(calls) == 4
    finally:
        site.close()


def test_one_run_is_its_page(root):
    site = Served(Site(root / "sweep" / "a red mushroom@1", lambda run: None))
    try:
        status, headers, _ = site.get("/")
        assert status == 302 and headers["Location"] == quote("a red mushroom@1/save/view.html")
        assert site.get("/" + headers["Location"])[2] == b"the page of a red mushroom@1"
        assert site.get("/viewer-0123456789ab.js")[2] == b"program"  # which lies beside it
        assert site.get("/b@2/save/view.html")[0] == 404  # the control: its neighbour
    finally:
        site.close()


# --- the page of many ---------------------------------------------------------------------------------------------------

def test_the_gallery_shows_runs_with_their_scores(served):
    status, _, content = served.get("/")
    text = content.decode()
    assert status == 200 and text.index("<h2>carv3d</h2>") < text.index("ümlaut@3") < text.index("<h2>sweep</h2>")
    assert "finished, step 640, PSNR 24.1 dB, volume IoU 0.90" in text and "3 runs." in text
    assert text.count("loading=\"lazy\"") == 3 and "&lt;script&gt;alert(1)" in text and "<script" not in text
    assert f'href="{A[1:]}/save/view.html"' in text and f'href="{A[1:]}/save/turntable.mp4"' in text


@pytest.mark.parametrize("content", ["", "[]", "{", '{"step": "x", "quality": 7, "prompt": 3, "status": []}', '{"quality": {"psnr": true}}'])
def test_a_damaged_summary_costs_no_page(tmp_path, content):
    folder = made(tmp_path / "a@1", "x")
    (folder / "summary.json").write_text(content)
    for name in ("view.png", "turntable.mp4"):
        (folder / "save" / name).unlink()
    text = gallery("all", {("a@1",): Run(folder)})
    assert "no picture yet" in text and "PSNR" not in text and "video" not in text and "<b>a@1</b>" in text


@pytest.mark.skipif(browser.chromium() is None, reason="needs chromium: apt-get install chromium, or name one in CARV3D_CHROMIUM")
@pytest.mark.parametrize("width,dark", [(1280, False), (390, True)])
def test_the_gallery_in_a_browser(root, width, dark, tmp_path):
    """Its pictures are there, it fits the window, and a click leads to a run's page. The sheet of a run without a
    picture shows its first view."""
    sheet = np.full((640, 52 + 8 * 128, 3), 255, np.uint8)
    sheet[:128, 52:180] = [255, 0, 0]
    save = root / "sweep" / "a red mushroom@1" / "save"
    (save / "view.png").unlink()
    iio.imwrite(save / "preview.png", sheet)
    site = Served(Site(root, lambda run: None))
    try:
        with devtools.tab() as tab:
            tab.size(width, 844, dark)
            tab.open(site.server.url, (None,))
            tab.wait("[...document.images].every(each => each.complete && each.naturalWidth > 0)")
            assert tab.run("document.documentElement.scrollWidth") <= width and tab.said == []
            shot = tab.shot(tmp_path / "gallery.png")
            assert (shot[:8].mean() < 60) == dark
            red = (shot[..., 0] > 240) & (shot[..., 1] < 15) & (shot[..., 2] < 15)
            assert 15_000 < red.sum() <= 128 * 128
            tab.run("document.querySelectorAll('.runs a')[0].click()")
            tab.wait("document.body && document.body.textContent === 'the page of ümlaut@3'")
    finally:
        site.close()
