"""Train a text-to-image teacher on the toybox and save it as a folder in the format of diffusers.

usage: python scripts/train_teacher.py [--config configs/teacher/bundled.yaml] [--out outputs/teacher] [key=value ...]

Four stages, each kept in --out and never done twice: ``autoencoder`` (AutoencoderKL on random renders), ``latents``
(captioned renders, encoded once), ``denoiser`` (CLIP text encoder and UNet, trained together), ``export`` (fp16
safetensors in --out/teacher, loss curves in --out/loss.png). Run the same command again and an interrupted stage goes
on from its last checkpoint, bit for bit: all randomness is a function of the seed and the step. No caption shows a
held-out object. With ``network: sd3`` (configs/teacher/flow.yaml) the denoiser is a flow model in the format of Stable
Diffusion 3, with ``network: joint`` (configs/teacher/joint.yaml) one of several views together; both have the
autoencoder and the text encoder of another teacher, ``base``.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import Tensor

from carv3d.diffusion import linear_encoder, small_encoder, weights
from carv3d.diffusion.prompts import VIEWS
from carv3d.diffusion.view_vector import LIGHT, WIDTH, taken_out, view_vector
from carv3d.runtime import rng
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import write_text
from carv3d.runtime.progress import Progress, say
from carv3d.toybox import sets
from carv3d.toybox.grammar import COLOURS, KINDS

sys.path.insert(0, str(Path(__file__).parent))  # its neighbours, whoever loads it
import flow_teacher  # noqa: E402
import joint_teacher  # noqa: E402
from flow_teacher import Flow  # noqa: E402
from joint_teacher import Joint  # noqa: E402
from teacher_data import Data, backgrounds, captioned, composite, picked, unfinished  # noqa: E402
from teacher_loop import Optimiser, optimise, precision, save  # noqa: E402


@dataclass
class Autoencoder:
    channels: list[int] = field(default_factory=lambda: [24, 48, 96])
    latent_channels: int = 4
    norm_groups: int = 8
    kl: float = 5e-4  # weight of the mean KL per latent number, beside the mean error per picture number
    train: Optimiser = field(default_factory=lambda: Optimiser(4000, 16, cooldown=1500))


@dataclass
class Denoiser:
    channels: list[int] = field(default_factory=lambda: [96, 128, 128])
    attention: list[bool] = field(default_factory=lambda: [False, True, False])
    heads: int = 4
    norm_groups: int = 16
    text_width: int = 128
    text_layers: int = 3
    text_length: int = 24
    prediction: str = "v_prediction"
    compile: bool = False  # by torch.compile
    train: Optimiser = field(default_factory=lambda: Optimiser(9000, 64, warmup=300, cooldown=2500))


@dataclass
class Settings:
    seed: int = 0
    device: str = "auto"
    network: str = "unet"  # unet, Stable Diffusion's; sd3, Stable Diffusion 3's transformer; joint, of several views
    base: str = ""  # of sd3 and joint: the folder whose other parts are taken; empty: the bundled teacher's
    data: Data = field(default_factory=Data)
    autoencoder: Autoencoder = field(default_factory=Autoencoder)
    denoiser: Denoiser = field(default_factory=Denoiser)  # of network: unet
    flow: Flow = field(default_factory=Flow)  # of network: sd3
    joint: Joint = field(default_factory=Joint)  # of network: joint


# ------------------------------------------------------------------------------------------------------------ networks


def make_tokenizer(length: int):
    """A CLIPTokenizer whose byte-pair merges make one token of every word of the grammar and of the views.

    Ties between pairs are broken by their text: the same vocabulary every time, or token ids kept earlier would change
    their meaning.
    """
    from transformers import CLIPTokenizer

    words = set("a an with on top of view side ,".split()) | set(COLOURS) | set(KINDS)
    words |= {kind.part for kind in KINDS.values()} | {w for view in (*VIEWS[8], *VIEWS[24]) for w in view.name.split()}
    split = [[*word[:-1], f"{word[-1]}</w>"] for word in sorted(words)]
    merges: list[tuple[str, str]] = []
    while pairs := Counter(pair for parts in split for pair in pairwise(parts)):
        merges.append(min(pairs, key=lambda pair: (-pairs[pair], pair)))
        split = [_merged(parts, merges[-1]) for parts in split]
    characters = [chr(code) for code in range(33, 127)]  # any printable text can be tokenised
    tokens = ["<|startoftext|>", "<|endoftext|>", *characters, *(f"{c}</w>" for c in characters), *map("".join, merges)]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=length)


def _merged(parts: list[str], pair: tuple[str, str]) -> list[str]:
    out: list[str] = []
    for part in parts:
        if out and (out[-1], part) == pair:
            out[-1] += part
        else:
            out.append(part)
    return out


def make_autoencoder(settings: Settings):
    from diffusers import AutoencoderKL

    own = settings.autoencoder
    levels = len(own.channels)
    return AutoencoderKL(
        sample_size=settings.data.size, latent_channels=own.latent_channels, block_out_channels=own.channels,
        layers_per_block=1, norm_num_groups=own.norm_groups, down_block_types=["DownEncoderBlock2D"] * levels,
        up_block_types=["UpDecoderBlock2D"] * levels)


def make_text_encoder(settings: Settings, tokenizer):
    from transformers import CLIPTextConfig, CLIPTextModel

    own = settings.denoiser
    return CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=own.text_width, intermediate_size=4 * own.text_width,
        projection_dim=own.text_width, num_hidden_layers=own.text_layers, num_attention_heads=4,
        max_position_embeddings=own.text_length, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id))


def make_unet(settings: Settings):
    from diffusers import UNet2DConditionModel

    own, factor = settings.denoiser, 2 ** (len(settings.autoencoder.channels) - 1)
    blocks = ["CrossAttn" if attention else "" for attention in own.attention]
    return UNet2DConditionModel(
        sample_size=settings.data.size // factor, in_channels=settings.autoencoder.latent_channels,
        out_channels=settings.autoencoder.latent_channels, block_out_channels=own.channels, layers_per_block=1,
        down_block_types=[f"{b}DownBlock2D" for b in blocks], up_block_types=[f"{b}UpBlock2D" for b in blocks[::-1]],
        cross_attention_dim=own.text_width, attention_head_dim=own.heads, norm_num_groups=own.norm_groups,
        class_embed_type="projection", projection_class_embeddings_input_dim=WIDTH)


def make_scheduler(settings: Settings):
    """Stable Diffusion's own noise levels."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
                         set_alpha_to_one=False, steps_offset=1, prediction_type=settings.denoiser.prediction)


# ------------------------------------------------------------------------------------------------------------ training


def train_autoencoder(settings: Settings, folder: Path, device: torch.device) -> Any:
    own, data = settings.autoencoder, settings.data
    torch.manual_seed(settings.seed)
    model = make_autoencoder(settings).to(device)
    if (folder / "weights.pt").exists():
        model.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
        return model
    say(f"autoencoder: rendering {data.autoencoder_pictures} pictures")
    pool = torch.cat([(made.rgba * 255).round().to(torch.uint8)
                      for made in captioned(data, data.autoencoder_pictures, settings.seed + 1)]).to(device)

    def loss_of(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        generator = rng.generator(settings.seed, "autoencoder", step, device)
        pick = torch.randint(len(pool), (own.train.batch,), generator=generator, device=device)
        rgba = pool[pick].float() / 255.0
        x = composite(unfinished(rgba, generator), backgrounds(len(rgba), generator))
        posterior = model.encode(x).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=generator, device=device)
        error = model.decode(posterior.mean + posterior.std * noise).sample.float() - x
        squared, divergence = error.square().mean(), posterior.kl().mean() / posterior.mean[0].numel()
        return error.abs().mean() + squared + own.kl * divergence, {
            "psnr": 10.0 * torch.log10(4.0 / squared.detach()), "std": posterior.std.detach().float().mean(),
            "spread": posterior.mean.detach().float().std()}

    average = optimise("autoencoder", folder, own.train, model, device, loss_of)
    model.load_state_dict(average)
    save(folder / "weights.pt", average)
    return model


@torch.no_grad()
def encode_latents(settings: Settings, path: Path, autoencoder: Any, tokenizer: Any, device: torch.device,
                   scale: float = 0.0) -> dict:
    """Latents [N,4,16,16] (fp16), times ``scale`` or to unit variance, the scale, the token ids of each caption and the
    vector [N,32] of each view (fp16, ``view_vector``)."""
    if path.exists():
        return torch.load(path, weights_only=True)
    autoencoder.eval().requires_grad_(False)
    latents, viewed_ids, plain_ids, vectors, v = [], [], [], [], settings.data.together
    ids = lambda texts: torch.tensor(tokenizer(  # noqa: E731
        texts, padding="max_length", max_length=tokenizer.model_max_length)["input_ids"])
    with Progress("latents", settings.data.pictures) as progress:
        for made in captioned(settings.data, settings.data.pictures, settings.seed):
            colour = backgrounds(len(made.rgba) // v, rng.generator(settings.seed, "backgrounds", len(latents)))
            colour = colour.repeat_interleave(v, 0)
            with precision(device):
                mean = autoencoder.encode(composite(made.rgba, colour).to(device)).latent_dist.mean
            vector = view_vector(made.cameras, colour, made.light)
            vector[~made.told, LIGHT] = 0.0
            latents.append(mean.float().cpu())
            viewed_ids.append(ids(made.viewed))
            plain_ids.append(ids(made.plain))
            vectors.append(vector.half())
            progress.add(len(made.rgba))
    every = torch.cat(latents)
    scale = scale or 1.0 / every.std().item()
    out = {"latents": (every * scale).half(), "viewed": torch.cat(viewed_ids), "plain": torch.cat(plain_ids),
           "vectors": torch.cat(vectors), "empty": ids([""])[0], "scale": torch.tensor(scale)}
    save(path, out)
    return out


def train_denoiser(settings: Settings, folder: Path, data: dict, tokenizer: Any, device: torch.device,
                   stop: int | None = None) -> torch.nn.ModuleDict:
    from diffusers.models.attention_processor import AttnProcessor

    own = settings.denoiser
    torch.manual_seed(settings.seed)
    text, unet = make_text_encoder(settings, tokenizer), make_unet(settings)
    model = torch.nn.ModuleDict({"text_encoder": text, "unet": unet}).to(device)
    if device.type == "cpu":
        unet.set_attn_processor(AttnProcessor())  # on a CPU the fused kernel's backward pass is several times slower
    abar = make_scheduler(settings).alphas_cumprod.to(device)
    data = {key: value.to(device) for key, value in data.items()}
    steps, own_data, n = len(abar), settings.data, own.train.batch
    forward = torch.compile(unet) if own.compile else unet

    def loss_of(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        generator = rng.generator(settings.seed, "denoiser", step, device)
        rand = partial(torch.rand, generator=generator, device=device)
        x, ids, vector = picked(own_data, data, n, generator)
        t = ((torch.randperm(n, generator=generator, device=device) + rand(n)) / n * steps).long().clamp(max=steps - 1)
        noise = torch.randn(n, *data["latents"].shape[1:], generator=generator, device=device)
        signal, sigma = abar[t].sqrt().view(-1, 1, 1, 1), (1.0 - abar[t]).sqrt().view(-1, 1, 1, 1)
        target = noise if own.prediction == "epsilon" else signal * noise - sigma * x
        out = forward(signal * x + sigma * noise, t, text(input_ids=ids).last_hidden_state, class_labels=vector,
                      return_dict=False)[0].float()
        return (out - target).square().mean(), {}

    average = optimise("denoiser", folder, own.train, model, device, loss_of, stop)
    model.load_state_dict(average)
    return model


def export(settings: Settings, out: Path, autoencoder: Any, model: torch.nn.ModuleDict, tokenizer: Any,
           scale: float) -> None:
    """The Stable-Diffusion-format folder, fp16 safetensors, with the embedding of views as a component of its own."""
    from diffusers import StableDiffusionPipeline

    autoencoder.register_to_config(scaling_factor=scale)
    view = taken_out(model["unet"])
    pipeline = StableDiffusionPipeline(
        vae=autoencoder, text_encoder=model["text_encoder"], tokenizer=tokenizer, unet=model["unet"],
        scheduler=make_scheduler(settings), safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipeline.to(torch.float16).save_pretrained(out, safe_serialization=True)
    view.save(out)
    factor = 2 ** (len(settings.autoencoder.channels) - 1)
    pictures = (sets.unfinished_pictures(32, settings.data.size, seed) for seed in range(
        -(-linear_encoder.ROWS // (32 * (settings.data.size // factor) ** 2)) + 1))
    linear_encoder.fit(lambda image: autoencoder.encode(image.to(autoencoder.device, autoencoder.dtype)
                                                        ).latent_dist.mean.float().cpu() * scale, pictures
                       ).save(out / linear_encoder.FILE)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    say(f"saved {out}: {size / 1e6:.1f} MB")


def plot_curves(out: Path) -> None:
    """out/loss.png: what each stage logged, means over 25 steps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    curves = [("autoencoder", "psnr", "reconstruction PSNR, dB"), ("pose", "joint", "cross-entropy of the azimuth"),
              ("denoiser", "loss", "error of the prediction")]
    curves = [curve for curve in curves if (out / curve[0] / "loss.csv").exists()]
    figure, axes = pyplot.subplots(1, len(curves), figsize=(5 * len(curves), 3.5), layout="constrained", squeeze=False)
    for axis, (stage, column, label) in zip(axes[0], curves, strict=True):
        with (out / stage / "loss.csv").open(newline="") as file:
            rows = [(int(row["step"]), float(row[column])) for row in csv.DictReader(file)]
        axis.plot(*zip(*rows, strict=True), color="black", linewidth=0.8)
        axis.set(title=stage, xlabel="step", ylabel=label, yscale="log" if column == "loss" else "linear")
        axis.grid(alpha=0.3)
    figure.savefig(out / "loss.png", dpi=110)
    pyplot.close(figure)


def load_settings(file: Path, overrides: list[str]) -> Settings:
    """Defaults, then the YAML file, then key=value. UserError names an unknown key or a wrong value."""
    try:
        tree = OmegaConf.merge(OmegaConf.structured(Settings), OmegaConf.load(file), OmegaConf.from_dotlist(overrides))
        settings = OmegaConf.to_object(tree)
    except OSError as error:
        raise UserError(f"--config {file}: cannot be read ({error.strerror}); give the path of a YAML file") from None
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or "a key"
        raise UserError(f"{key}: {str(error).splitlines()[0]}; configs/teacher/bundled.yaml lists the keys") from None
    if settings.network not in RUNS:
        raise UserError(f"network: {settings.network!r} given; allowed: {', '.join(RUNS)}")
    together, of_many = settings.data.together, settings.network == "joint"
    if together < 1 or (together > 1) != of_many:
        raise UserError(f"data.together: {together} given with network: {settings.network}; allowed: "
                        + ("2 and more" if of_many else "1"))
    if unknown := [kind for kind in settings.joint.pose.kinds if kind not in KINDS]:
        raise UserError(f"joint.pose.kinds: {unknown[0]!r} given; allowed: {', '.join(KINDS)}")
    counts = {"data.pictures": settings.data.pictures, "joint.pose.train.batch": settings.joint.pose.train.batch,
              "joint.train.batch": settings.joint.train.batch}
    for name, count in counts.items() if of_many else ():
        if count % together:
            raise UserError(f"{name}: {count} given; allowed with data.together {together}: its multiples")
    return settings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=Path("configs/teacher/bundled.yaml"))
    parser.add_argument("--out", type=Path, default=Path("outputs/teacher"))
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    args = parser.parse_args()
    try:
        settings = load_settings(args.config, args.overrides)
        run(settings, args.out)
    except UserError as error:
        say(f"error: {error}")
        return 2
    return 0


def run(settings: Settings, out: Path) -> None:
    name = settings.device
    device = torch.device("cuda" if name == "auto" and torch.cuda.is_available() else "cpu" if name == "auto" else name)
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "settings.yaml", OmegaConf.to_yaml(settings))
    RUNS[settings.network](settings, out, device)
    plot_curves(out)


def run_unet(settings: Settings, out: Path, device: torch.device) -> None:
    tokenizer = make_tokenizer(settings.denoiser.text_length)
    autoencoder = train_autoencoder(settings, out / "autoencoder", device)
    data = encode_latents(settings, out / "latents.pt", autoencoder, tokenizer, device)
    model = train_denoiser(settings, out / "denoiser", data, tokenizer, device)
    export(settings, out / "teacher", autoencoder, model, tokenizer, float(data["scale"]))


def from_base(settings: Settings, out: Path, device: torch.device) -> None:
    """Of a network that takes the autoencoder and the text encoder of another teacher."""
    from diffusers import AutoencoderKL
    from transformers import CLIPTokenizer

    base = Path(settings.base) if settings.base else weights.bundled()
    config = AutoencoderKL.load_config(base / "vae")
    encoder = small_encoder.load(base, SimpleNamespace(**config)).to(device)
    data = encode_latents(settings, out / "latents.pt", encoder, CLIPTokenizer.from_pretrained(base / "tokenizer"),
                          device, config["scaling_factor"])
    told = settings.data, settings.seed, out / "denoiser", base, data, device
    if settings.network == "sd3":
        flow_teacher.export(out / "teacher", base, flow_teacher.train(settings.flow, *told), device)
    else:
        joint_teacher.export(out / "teacher", base, joint_teacher.train(settings.joint, *told), settings.data.together)


RUNS = {"unet": run_unet, "sd3": from_base, "joint": from_base}


if __name__ == "__main__":
    sys.exit(main())
