"""save/view.html in a headless Chromium, opened from disk: it shows what carv3d renders, and asks nobody for anything."""

import base64
import hashlib
import json
import re
import threading
import time
import zlib
from pathlib import Path

import browser
import devtools
import numpy as np
import pytest
import torch
from fields import CPU
from test_elsewhere import inner
from test_splat_elsewhere import splats

from carv3d.cameras import orbit
from carv3d.config.schema import Config
from carv3d.export import page, surface, unseen, volume
from carv3d.export.images import all_views, normals, write_png
from carv3d.export.surface import Surface
from carv3d.runs.shown import step_of
from carv3d.runtime.errors import UserError
from carv3d.scenes.gaussians import Gaussians
from carv3d.scenes.splats import Splats

ROOT = Path(__file__).parent.parent.parent
SIZE, VIEWS = 256, ([0.0, 70.0, 160.0, 250.0], [15.0, 0.0, 35.0, -5.0])
needs_browser = pytest.mark.skipif(browser.chromium() is None, reason="needs chromium: apt-get install chromium, or name "
                                                                      "one in CARV3D_CHROMIUM")


def configured(prompt: str = "a <b>ball</b> on a slab") -> Config:
    """Cameras as in VIEWS, and a colour that is albedo, so that pictures are lit."""
    config = Config(prompt=prompt)
    config.data.distance_range, config.data.fovy_range = [2.65, 2.65], [40.0, 40.0]
    config.light.colour = "albedo"
    return config


def found(scene, resolution: int) -> Surface:
    views = volume.cameras(2.65, 40.0, (-5.0, 35.0))
    solid, level = unseen.solid(scene, views, resolution, CPU, lambda count: None)
    return surface.triangulate(surface.cleaned(solid.grid.numpy(), level.value, 0.01)[0], scene.bound)


def written(folder: Path, scenes, surfaces, config: Config, shared: str = "") -> Path:
    image = write_png(folder / "view.png", page.poster(scenes[0], config, CPU))
    packed = page.pack(scenes, surfaces, 2 / 95, config, CPU)
    return page.write(folder / "view.html", packed, image.read_bytes(), config, 12, ["a fact & more"], [], shared)


def gaussians_of(made: Splats) -> Gaussians:
    return Gaussians(made, bound=1.0, antialias=True, raster_backend="auto")


def ball_of_splats() -> Gaussians:
    """Gaussians of degree 2, the lower half of them darkened, so that up is up."""
    made = splats(2)
    sh = made.sh.clone()
    sh[made.means[:, 2] < -0.1, 0] = -1.5
    return gaussians_of(Splats(made.means, made.log_scales, made.quaternions, made.opacity_logits + 2, sh))


@pytest.fixture(scope="module")
def scene_of_splats():
    return ball_of_splats()


@pytest.fixture(scope="module")
def pages(fitted, scene_of_splats, tmp_path_factory) -> dict[str, Path]:
    folder, (scene, _) = tmp_path_factory.mktemp("pages"), fitted
    made = {}
    for name, each in (("mesh", scene), ("splats", scene_of_splats)):
        (folder / name).mkdir()
        config = configured()
        if name == "splats":
            config.scene.type = "gaussians"
        made[name] = written(folder / name, [each], [found(each, 96)], config)
    return made


@pytest.fixture(scope="module")
def tab():
    with devtools.tab() as made:
        yield made


def opened(tab, path: Path, still: bool = False) -> None:
    tab.said.clear(), tab.asked.clear()
    tab.size(640, 480, still=still)  # small: software draws it
    assert tab.open(path.as_uri()) == "ready", tab.said


def squared(tab) -> None:
    """The stage as a square of SIZE pixels, so that its picture is one of carv3d's cameras'."""
    tab.run(f"Object.assign(document.getElementById('stage').style, {{width: '{SIZE}px', height: '{SIZE}px', "
            "minHeight: 0})")
    tab.wait(f"document.getElementById('canvas').width === {SIZE}")


def seen(tab, azimuth: float, elevation: float) -> np.ndarray:
    tab.run(f"carv3d.look({azimuth}, {elevation})")
    picture = tab.picture()
    assert picture.shape == (SIZE, SIZE, 4)
    return picture


def agreement(picture: np.ndarray, rgb: np.ndarray, opacity: np.ndarray) -> tuple[float, float]:
    """Overlap of the silhouettes, and dB within both, edges left out."""
    shown, wanted = picture[..., 3] > 127, opacity > 0.5
    within = shown & inner(opacity)
    error = np.square(picture[..., :3] / 255 - rgb)[within].mean() if within.any() else 1.0
    return (shown & wanted).sum() / (shown | wanted).sum(), -10 * np.log10(error)


# --- what it shows ------------------------------------------------------------------------------------------------------

def agrees(tab, own):
    """The page's four sides with carv3d's own; turned by a quarter, mirrored, upside down they must not."""
    squared(tab)
    for azimuth, elevation, rgb, opacity in zip(*VIEWS, own.rgb.numpy(), own.opacity[..., 0].numpy(), strict=True):
        picture = seen(tab, azimuth, elevation)
        iou, psnr = agreement(picture, rgb, opacity)
        print(f"azimuth {azimuth:g}: IoU {iou:.4f}, PSNR {psnr:.1f} dB")
        assert iou > 0.96 and psnr > 32
        controls = [picture[:, ::-1], picture[::-1]] + ([seen(tab, 90, elevation)] if not azimuth else [])
        wrong = [agreement(each, rgb, opacity) for each in controls]
        assert all(other_iou < iou - 0.02 or other_psnr < psnr - 4 for other_iou, other_psnr in wrong), wrong


@needs_browser
def test_the_mesh_is_what_carv3d_renders(pages, fitted, tab):
    """Lit, from four sides, upright and facing the viewer. The controls: turned by a quarter, mirrored, upside down."""
    cameras = orbit(*VIEWS, 2.65, 40.0, SIZE, SIZE)
    own = all_views(fitted[0], cameras, 1.0, CPU, lit=True)
    opened(tab, pages["mesh"])
    agrees(tab, own)


@needs_browser
def test_the_splats_are_what_carv3d_renders(pages, scene_of_splats, tab):
    """With harmonics that depend on the view. The controls: as above; and the mesh of the same scene, a click away."""
    cameras = orbit(*VIEWS, 2.65, 40.0, SIZE, SIZE)
    own = all_views(scene_of_splats, cameras, 0.0, CPU)
    opened(tab, pages["splats"])
    agrees(tab, own)
    before = seen(tab, 0, 15)
    assert tab.run("document.querySelector('[data-toggle=light]').disabled")
    click(tab, "splats")
    after = tab.picture()
    assert np.abs(before.astype(float) - after).mean() > 2 and not tab.run("document.querySelector('[data-toggle=light]').disabled")


def click(tab, name: str) -> None:
    tab.run(f"document.querySelector('[data-toggle={name}]').click()")


@needs_browser
def test_buttons_change_the_picture_and_back(pages, fitted, tab):
    opened(tab, pages["mesh"])
    squared(tab)
    plain = seen(tab, 30, 15)
    for name in ("light", "wireframe", "normals"):
        before = tab.run(f"document.querySelector('[data-toggle={name}]').getAttribute('aria-pressed')")
        click(tab, name)
        changed = tab.picture()
        after = tab.run(f"document.querySelector('[data-toggle={name}]').getAttribute('aria-pressed')")
        assert np.abs(plain.astype(float) - changed).mean() > 0.7 and before != after, name
        click(tab, name)
        assert (tab.picture() == plain).all(), name  # the control: nothing else had changed it
    cameras = orbit([30.0], 15.0, 2.65, 40.0, SIZE, SIZE)
    own = all_views(fitted[0], cameras, 1.0, CPU)
    wanted, opacity = normals(own, cameras)[0].numpy(), own.opacity[0, ..., 0].numpy()
    click(tab, "normals")
    shown = tab.picture()
    within = (shown[..., 3] > 127) & inner(opacity)
    apart = np.abs(shown[..., :3] / 255 - wanted)[within].mean()
    turned = np.abs(shown[..., [1, 0, 2]] / 255 - wanted)[within].mean()
    print(f"normals: off by {apart:.3f}, with axes exchanged {turned:.3f}")
    assert apart < 0.08 < turned
    click(tab, "normals")
    click(tab, "turn")
    first, end = tab.picture(settled=False).astype(float), time.monotonic() + 60
    while np.abs(first - tab.picture(settled=False)).mean() < 1:
        assert time.monotonic() < end


@needs_browser
def test_arrow_keys_turn_it_and_front_turns_it_back(pages, tab):
    opened(tab, pages["mesh"])
    squared(tab)
    front = tab.picture()
    key = "document.getElementById('canvas').dispatchEvent(new KeyboardEvent('keydown', {key: '%s'}))"
    tab.run(key % "x")
    assert (tab.picture() == front).all()  # the control
    tab.run(key % "ArrowLeft")
    assert np.abs(front.astype(float) - tab.picture()).mean() > 1
    tab.run("document.getElementById('front').click()")
    assert np.abs(front.astype(float) - tab.picture()).mean() < 0.1


@needs_browser
def test_a_mouse_turns_it(pages, tab):
    """As far as it is moved, where no momentum is wanted. The control: moving beside the stage."""
    opened(tab, pages["mesh"], still=True)
    squared(tab)
    left, top = tab.run("(({x, y}) => [x, y])(document.getElementById('stage').getBoundingClientRect())")
    before = tab.picture()
    tab.drag((int(left) + 500, int(top) + 300), (int(left) + 560, int(top) + 300))
    assert (tab.picture() == before).all()
    tab.drag((int(left) + 100, int(top) + 128), (int(left) + 160, int(top) + 128))
    after = tab.picture()
    tab.run("carv3d.look(-60 * 360 / 256, 15)")  # a whole turn is as far as the stage is high
    wanted = tab.picture()
    assert np.abs(before.astype(float) - after).mean() > 4 * np.abs(wanted.astype(float) - after).mean()


@needs_browser
def test_particles_are_chosen_from_a_list(fitted, scene_of_splats, tab, tmp_path):
    path = written(tmp_path, [fitted[0], scene_of_splats], [found(fitted[0], 64), None], configured())
    opened(tab, path)
    squared(tab)
    first = tab.picture()
    tab.run("(() => { const list = document.getElementById('particle'); list.value = 1; "
            "list.dispatchEvent(new Event('change')) })()")
    tab.wait("document.querySelector('[data-toggle=wireframe]').hidden")  # which has no mesh
    second = tab.picture()
    assert np.abs(first.astype(float) - second).mean() > 5 and second[..., 3].mean() > 10
    tab.run("carv3d.choose({particle: 0})")
    assert (tab.picture() == first).all()


# --- nothing from elsewhere ---------------------------------------------------------------------------------------------

@needs_browser
@pytest.mark.parametrize("name", ["mesh", "splats"])
def test_nothing_is_asked_for_and_nothing_complained_of(pages, tab, name):
    """From disk, with a prompt that would be markup."""
    opened(tab, pages[name])
    asked = [url for url in tab.asked if not url.startswith("blob:")]
    assert asked == [pages[name].as_uri()] and tab.said == []
    assert tab.run("document.querySelector('h1').textContent") == "a <b>ball</b> on a slab"


@needs_browser
def test_over_http_it_is_the_same(pages, tab, tmp_path):
    """Splats, whose worker and WebAssembly the server's policy must let be."""
    from carv3d.report.gallery import Site
    from carv3d.report.serving import Server

    save = tmp_path / "a run@1" / "save"
    save.mkdir(parents=True)
    (save.parent / "config.yaml").write_text("prompt: x")
    (save / "view.html").write_bytes(pages["splats"].read_bytes())
    opened(tab, pages["splats"])
    squared(tab)
    wanted = seen(tab, 30, 15)
    tab.said.clear(), tab.asked.clear()
    site = Site(save.parent, lambda run: None)
    with Server("127.0.0.1", 0, site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert tab.open(server.url + site.first()) == "ready" and tab.said == []
        assert [url for url in tab.asked if not url.startswith("blob:")] == [server.url + site.first()]
        squared(tab)
        assert (seen(tab, 30, 15) == wanted).all()
        server.shutdown()


@needs_browser
def test_control_what_is_asked_for_is_seen_and_refused(pages, tab, tmp_path):
    """A page that reaches out: the test above would see it, and the page's own policy forbids it."""
    text = pages["mesh"].read_text()
    assert "</h1>" in text
    path = tmp_path / "view.html"
    path.write_text(text.replace("</h1>", "</h1><img src='http://127.0.0.1:9/x.png'>"
                                 "<script>fetch('http://127.0.0.1:9/y').catch(() => {})</script>"))
    opened(tab, path)
    assert len([line for line in tab.said if "Content Security Policy" in line]) >= 2, tab.said
    without = re.sub(r"<meta http-equiv[^>]*>", "", path.read_text())
    path.write_text(without)
    opened(tab, path)
    assert {url for url in tab.asked if url.startswith("http")} == {"http://127.0.0.1:9/x.png", "http://127.0.0.1:9/y"}


@needs_browser
def test_without_webgl_the_picture_stands(pages):
    with devtools.tab("--disable-3d-apis") as tab:
        tab.size(1280, 800)
        assert tab.open(pages["mesh"].as_uri()) == "still"
        assert "no WebGL 2" in tab.run("document.getElementById('notes').textContent")
        assert tab.run("getComputedStyle(document.getElementById('poster')).visibility") == "visible"
        assert tab.shot()[100:600, 400:900].std() > 5


@needs_browser
def test_a_scene_without_a_surface_is_its_picture(fitted, tab, tmp_path):
    path = written(tmp_path, [fitted[0]], [None], configured())
    assert tab.open(path.as_uri()) == "still"
    assert "No surface" in tab.run("document.getElementById('notes').textContent")


@needs_browser
def test_pages_of_a_sweep_share_their_program(fitted, tab, tmp_path):
    """And say so where it is missing."""
    save = tmp_path / "a run@1" / "save"
    save.mkdir(parents=True)
    name = page.share(tmp_path)
    path = written(save, [fitted[0]], [found(fitted[0], 64)], configured(), f"../../{name}")
    assert path.stat().st_size < len(page.program()) / 2
    opened(tab, path)
    assert [url.rsplit("/", 1)[-1] for url in tab.asked] == ["view.html", name] and tab.said == []
    (tmp_path / name).unlink()
    tab.open(path.as_uri(), ("loading",))
    tab.wait(f"document.getElementById('notes').textContent.includes('{name} is missing')")
    assert tab.shot()[100:300, 150:490].std() > 5


@needs_browser
@pytest.mark.parametrize("width,dark", [(1280, False), (390, False), (390, True)])
def test_it_fits_the_window(pages, tab, width, dark, tmp_path):
    """Nothing sticks out; buttons are large enough for fingers; dark where it is wanted."""
    opened(tab, pages["mesh"])
    tab.size(width, 844, dark)
    tab.wait(f"innerWidth === {width} && carv3d.settled()")
    assert tab.run("document.documentElement.scrollWidth") <= width
    heights = tab.run("[...document.querySelectorAll('#controls button')].filter(b => !b.hidden).map(b => b.offsetHeight)")
    assert len(heights) == 5 and min(heights) >= 40
    shot = tab.shot(tmp_path / "page.png")
    assert (shot[:8].mean() < 60) == dark and shot[100:400].std() > 5


# --- what it holds ------------------------------------------------------------------------------------------------------

def unpacked(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), kind)


def held(path: Path) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', path.read_text(), re.S)[1])


def test_positions_are_kept_to_a_hundred_thousandth(pages, fitted):
    """Of the page's mesh, y up and front +z; and its step is found again."""
    mesh = held(pages["mesh"])["particles"][0]["mesh"]
    points = unpacked(mesh["positions"], "<u2").reshape(-1, 3) * mesh["step"] + mesh["low"]
    world = points @ [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
    made = surface.reduce(page.smoothing.smoothed(found(fitted[0], 96), 20, 1.0), page.FACES)
    np.testing.assert_allclose(world, made.vertices, atol=3e-5)
    assert (unpacked(mesh["faces"], "<u4").reshape(-1, 3) == made.faces).all()
    assert step_of(pages["mesh"]) == 12 and step_of(pages["mesh"].with_name("none.html")) is None


def many(count: int, degree: int = 0) -> Gaussians:
    generator = torch.Generator().manual_seed(0)
    return gaussians_of(Splats(
        torch.rand(count, 3, generator=generator) - 0.5, torch.randn(count, 3, generator=generator) - 4,
        torch.randn(count, 4, generator=generator), torch.randn(count, generator=generator),
        torch.randn(count, (degree + 1) ** 2, 3, generator=generator)))


def test_a_page_has_its_limits(monkeypatch):
    """Harmonics go first, then the Gaussians that show least; the control: with more room, all are there."""
    def packed(scene):
        (made,) = page.pack([scene], [None], 1.0, Config(), CPU)
        count = int(re.search(rb"element vertex (\d+)", zlib.decompress(base64.b64decode(made.splats["ply"])))[1])
        return count, made.splats["degree"], len(made.splats["ply"]), made.notes

    few = packed(many(1000, degree=3))
    assert few[:2] == (1000, 2) and few[3] == []
    fewer = packed(many(60_000, degree=2))
    assert fewer[:2] == (60_000, 0) and fewer[3] == []
    count, degree, length, notes = packed(many(150_000))
    assert 20_000 < count < 150_000 and degree == 0 and length + len(page.program()) + 300_000 < page.LARGEST < 6_000_000
    assert notes == [f"The {count:,} of 150,000 Gaussians that show most are here: a page has its limits."]
    monkeypatch.setattr(page, "LARGEST", 30_000_000)
    assert packed(many(150_000))[:2] == (150_000, 0) and packed(many(150_000))[2] > 6_000_000


def test_those_that_show_most_stay(monkeypatch):
    scene = many(2000)
    with torch.no_grad():
        scene.log_scales[:100] = -1.0
        scene.opacity_logits[:100] = 5.0
    notes: list[str] = []
    made = page._splats(scene.splats, 10_000, notes)
    rows = zlib.decompress(base64.b64decode(made["ply"])).split(b"end_header\n")[1]
    sizes = np.frombuffer(rows, "<f4").reshape(-1, 17)[:, 10:13]
    assert (sizes == -1).all(1).sum() == 100 and len(made["ply"]) <= 10_000 and len(notes) == 1


def test_a_page_that_is_too_large_is_refused(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "LARGEST", 1_000_000)
    with pytest.raises(UserError, match="a page may have 1,000,000"):
        page.write(tmp_path / "view.html", [page.Packed()], b"x" * 1_000_000, Config(), 1, [])
    assert not list(tmp_path.iterdir())


def test_the_program_is_made_of_its_sources():
    """Whoever changes them runs scripts/viewer/build.sh. Its libraries' licences are in it; all of it is small."""
    folder = ROOT / "scripts" / "viewer"
    sources = b"".join((folder / name).read_bytes() for name in ("viewer.js", "package-lock.json"))
    text = page.program()
    assert hashlib.sha256(sources).hexdigest() in text[:300]
    licences = (page.VIEWER / "LICENSES.txt").read_text()
    lock = json.loads((folder / "package-lock.json").read_text())["packages"]
    for name in ("three", "@mkkellogg/gaussian-splats-3d"):
        version = lock[f"node_modules/{name}"]["version"]
        assert all(f"==== {name} {version} ====" in each for each in (licences, text))
    assert text.count("The above copyright notice and this permission notice shall be included") == 2
    assert "</script" not in text.lower()
    assert sum(each.stat().st_size for each in page.VIEWER.iterdir()) < 1_500_000
