"""Folders in the Stable Diffusion format with tiny random networks, and the plain way to read them.

``sd15`` and ``sd21`` have the parts of their namesakes at reduced width; ``odd`` has what those two do not: it predicts
the clean latents, its pictures are not square, its VAE shifts and its scheduler has other noise levels.
"""

from __future__ import annotations

import http.server
import json
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from carv3d import config as configuration
from carv3d import teachers
from carv3d.cameras import Cameras, orbit
from carv3d.config.schema import Config
from carv3d.diffusion.prompts import view_weights
from carv3d.diffusion.view_vector import ViewEmbedding
from carv3d.runtime.kernel_cache import use_cache

LENGTH = 32  # tokens; the tokenizer knows single characters only
START, END = "<|startoftext|>", "<|endoftext|>"
PLAIN = partial(view_weights, views=1)  # a teacher's weights_of without view words


@dataclass(frozen=True)
class Shape:
    """Everything in which the pipelines differ. factor: pixels per latent, a power of two."""

    scheduler: str
    noise: dict
    sample_size: int | tuple[int, int] = 8
    factor: int = 8
    latent_channels: int = 4
    text_width: int = 16
    activation: str = "quick_gelu"
    heads: int | tuple[int, ...] = 2
    linear_projection: bool = False
    pad: str = END
    vae: dict | None = None


SCALED = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
SHAPES = {
    "sd15": Shape("PNDMScheduler", {**SCALED, "skip_prk_steps": True}),
    "sd21": Shape("DDIMScheduler", {**SCALED, "prediction_type": "v_prediction", "clip_sample": False}, sample_size=12,
                  text_width=24, activation="gelu", heads=(1, 2, 2), linear_projection=True, pad="!"),
    "odd": Shape("DDPMScheduler", {"beta_start": 0.0002, "beta_end": 0.03, "beta_schedule": "linear", "steps_offset": 1,
                                   "num_train_timesteps": 500, "prediction_type": "sample", "clip_sample": False},
                 sample_size=(4, 6), factor=2, latent_channels=5, vae={"scaling_factor": 0.36, "shift_factor": 0.7}),
}
TOLD = {"told": Shape("DDIMScheduler", {**SCALED, "prediction_type": "v_prediction", "clip_sample": False})}  # of views, beside words


def built(name: str, root: Path) -> Path:
    """The folder ``root/name``, made at the first call; tests copy it before they change it."""
    folder = root / name
    if not folder.exists():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            pipeline = make({**SHAPES, **TOLD}[name])
            pipeline.save_pretrained(folder)
            if name in TOLD:
                ViewEmbedding(pipeline.unet.time_embedding.linear_2.out_features).save(folder)
    return folder


def make(shape: Shape):
    """A StableDiffusionPipeline of random weights."""
    import diffusers
    from transformers import CLIPTextConfig, CLIPTextModel

    tokenizer = make_tokenizer(shape.pad)
    text_encoder = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=shape.text_width, intermediate_size=2 * shape.text_width,
        projection_dim=shape.text_width, num_hidden_layers=2, num_attention_heads=2, hidden_act=shape.activation,
        max_position_embeddings=LENGTH, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id))
    unet = diffusers.UNet2DConditionModel(
        sample_size=shape.sample_size, in_channels=shape.latent_channels, out_channels=shape.latent_channels,
        block_out_channels=(8, 16, 16), layers_per_block=1, norm_num_groups=4, cross_attention_dim=shape.text_width,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"), attention_head_dim=shape.heads,
        use_linear_projection=shape.linear_projection)
    levels = shape.factor.bit_length()
    vae = diffusers.AutoencoderKL(
        latent_channels=shape.latent_channels, block_out_channels=(8,) * levels, layers_per_block=1, norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels,
        **(shape.vae or {}))
    return diffusers.StableDiffusionPipeline(
        vae, text_encoder, tokenizer, unet, getattr(diffusers, shape.scheduler)(**shape.noise), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False)


def make_tokenizer(pad: str = END):
    """A CLIPTokenizer without merges, one token a character."""
    from transformers import CLIPTokenizer

    with tempfile.TemporaryDirectory() as folder:
        write_old_tokenizer(Path(folder), pad)
        return CLIPTokenizer.from_pretrained(folder)


def write_old_tokenizer(folder: Path, pad: str = END) -> None:
    """The files of a tokenizer as the published Stable Diffusion folders hold them (today's libraries write one)."""
    characters = [chr(code) for code in range(33, 127)]
    words = [*characters, *(f"{character}</w>" for character in characters), START, END]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": pad}
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {**special, "model_max_length": LENGTH, "tokenizer_class": "CLIPTokenizer"}))


# ---------------------------------------------------------------------------------------- fixtures, for both test files


@pytest.fixture(scope="session")
def pipelines(tmp_path_factory) -> Callable[[str], Path]:
    """pipelines(name): the folder of a tiny pipeline, not to be changed."""
    return lambda name: built(name, tmp_path_factory.getbasetemp() / "pipelines")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> None:
    """Embeddings are cached under the test's own folder; compiled kernels stay where they are."""
    use_cache()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    teachers._located.cache_clear()


@pytest.fixture
def signals():
    """A run in this process takes Ctrl-C for itself; give it back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


SMALL = ["data.width=16", "data.height=16", "scene.nerf.levels=4", "scene.nerf.occupancy_resolution=16",
         "scene.nerf.table_size=2048", "scene.nerf.samples_per_ray=32", "trainer.max_steps=4", "trainer.preview_every=0", "log.every_n_steps=1",
         "export.video=false", "estimator.k=3"]  # a run of seconds


def arguments(path: object, *overrides: str) -> list[str]:
    """The command line's for a teacher in ``path``."""
    return ["prompt=  a corgi ", "teacher.type=stable-diffusion", f"teacher.path={path}", "device=cpu",
            "teacher.dtype=float32", "data.batch_size=2", *overrides]


def make_config(path: object, *overrides: str) -> Config:
    return configuration.load(None, arguments(path, *overrides))


def seen(azimuth_deg: object, elevation_deg: object = 0.0) -> Cameras:
    """Cameras from these directions, whose other numbers a teacher of words is not told."""
    return orbit(azimuth_deg, elevation_deg, 2.65, 40.0, 16, 16)


# ---------------------------------------------------------------------------------------------------- changing a folder


def copy(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to))


def edit(path: Path, **changes: object) -> None:
    """Change entries of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def edit_weights(path: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    """Rewrite a safetensors file with ``change`` of its tensors by name."""
    from safetensors.torch import load_file, save_file

    save_file({name: tensor.contiguous() for name, tensor in change(load_file(path)).items()}, path, {"format": "pt"})


# -------------------------------------------------------------------------------------------- the libraries' own answer


def parts(folder: Path) -> SimpleNamespace:
    """Every component as the libraries load it, without carv3d; the scheduler is of the class that was saved."""
    import diffusers
    from transformers import CLIPTextModel, CLIPTokenizer

    kind = json.loads((folder / "model_index.json").read_text())["scheduler"][1]
    return SimpleNamespace(
        unet=diffusers.UNet2DConditionModel.from_pretrained(folder, subfolder="unet").eval(),
        vae=diffusers.AutoencoderKL.from_pretrained(folder, subfolder="vae").eval(),
        text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder").eval(),
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        scheduler=getattr(diffusers, kind).from_pretrained(folder, subfolder="scheduler"))


@torch.no_grad()
def embed(own: SimpleNamespace, text: str) -> Tensor:
    """[L,D]: one prompt through tokenizer and text encoder, token by token as the format says: start, text cut to what
    fits, end, padding."""
    ids = own.tokenizer(text, truncation=True, max_length=LENGTH)["input_ids"]
    ids = ids + [own.tokenizer.pad_token_id] * (LENGTH - len(ids))
    return own.text_encoder(torch.tensor([ids]))[0][0]


# -------------------------------------------------------------------------------------------------------------- the hub

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty cache of the hub under tmp_path/hub, and no setting of this machine that has a say."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    close = getattr(huggingface_hub, "close_session", lambda: None)  # a client keeps its proxies
    close()
    yield tmp_path / "hub"
    close()


def cached(hub: Path, folder: Path, name: str = "owner/name") -> Path:
    """Lay a snapshot of ``folder`` into the hub's cache, as a download does: links to blobs."""
    home = hub / f"models--{name.replace('/', '--')}"
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        link = home / "snapshots" / SHA / path.relative_to(folder)
        blob = home / "blobs" / str(path.relative_to(folder)).replace("/", "-")
        for each in (link, blob):
            each.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(path.read_bytes())
        link.symlink_to(blob)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(SHA)
    return home / "snapshots" / SHA


class Hub(http.server.BaseHTTPRequestHandler):
    """Serves ``files`` as model owner/name; or ``reply``, a status and headers; or, with neither, hangs up."""

    files: dict[str, bytes] = {}
    reply: tuple[int, dict[str, str]] | None = None
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append(self.path)
        path = self.path.split("?")[0]
        if self.reply:
            self.answer(b"", *self.reply)
        elif path.startswith("/api/models/owner/name/tree/"):
            self.answer(json.dumps([{"type": "file", "path": name, "size": len(content), "oid": SHA[::-1]}
                                    for name, content in self.files.items()]).encode())
        elif self.files and path.startswith("/api/models/owner/name"):
            siblings = [{"rfilename": name} for name in self.files]
            self.answer(json.dumps({"id": "owner/name", "sha": SHA, "siblings": siblings}).encode())
        elif path.startswith(f"/owner/name/resolve/{SHA}/"):
            name = path.removeprefix(f"/owner/name/resolve/{SHA}/")
            self.answer(self.files[name], 200, {"ETag": f'"{name.replace("/", "-")}"', "X-Repo-Commit": SHA})
        else:
            self.close_connection = True

    do_HEAD = do_CONNECT = do_GET

    def answer(self, content, status=200, headers=None):
        self.send_response(status)
        for key, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *arguments):
        """Silence."""


@pytest.fixture
def serve(hub, monkeypatch):
    """serve(files=.., reply=..): start a hub and make it the client's; returns the list of paths asked for."""
    import huggingface_hub

    servers = []

    def start(proxy=False, **what):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Served", (Hub,), what))
        server.asked = []
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        if proxy:
            monkeypatch.setenv("HTTPS_PROXY", address)
        else:
            monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
            template = address + "/{repo_id}/resolve/{revision}/{filename}"
            monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        return server.asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
