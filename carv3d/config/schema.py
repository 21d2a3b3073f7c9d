"""Every option of carv3d: its type, default, one comment and bounds; here, and in the modules imported below."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from dataclasses import dataclass, field

from carv3d.config.attribution import AttributeConfig
from carv3d.config.export import ExportConfig
from carv3d.config.onestep import DistillConfig
from carv3d.config.options import NoOptions, Open, Schedule, constant, option
from carv3d.config.scenes import GaussiansConfig, ImageConfig, NerfConfig, SdfConfig
from carv3d.config.viewer import ViewerConfig


@dataclass
class DataConfig:
    batch_size: int | str = option(3, "B: views rendered per step, a number, or auto: chosen with K from measured "
                                      "variance and cost, of those within batch_range; rates go with its root", ge=1)
    batch_range: list[int] = option([1, 16], "least and most views of batch_size=auto, which takes powers of two", ge=1,
                                    ordered=True, length=2)
    width: Schedule = option(Schedule([32, 64], [0, 400], "step"), "image width in training, pixels; move the step in "
                                                                   "runs of other lengths", ge=8, le=4096)
    height: Schedule = option(Schedule([32, 64], [0, 400], "step"), "image height in training, pixels", ge=8, le=4096)
    elevation_range: list[float] = option([-15.0, 85.0], "lowest and highest camera elevation, degrees", ge=-90, le=90,
                                         ordered=True, length=2)
    camera_distance_range: list[float] = option([2.5, 2.8], "nearest and farthest camera, world units; the scene "
                                                            "fills [-1,1]", gt=1, ordered=True, length=2)
    fovy_range: list[float] = option([38.0, 42.0], "narrowest and widest vertical field of view, degrees", gt=1,
                                     le=120, ordered=True, length=2)
    views: int = option(24, "view words: 1 none; 4 front, side, back, overhead, as in threestudio; 8 named azimuths "
                        "and overhead; 24 each of the eight low, level and high", choices=(1, 4, 8, 24))
    camera_strata: bool = option(True, "without view_sequence: one camera per azimuth sector of the batch")
    view_sequence: str = option("off", "what makes a view comes, over all steps, from one randomly shifted sequence "
                                "that fills its ranges evenly: all, cameras, backgrounds and lights at once; azimuth "
                                "alone (golden ratio); off. Unbiased over shifts, not given the past",
                                choices=("all", "azimuth", "off"))
    background: str = option("random", "colour behind the scene in training: random, one per view, or a fixed one",
                             choices=("random", "white", "black", "grey"))

    @property
    def first_batch(self) -> int:
        """Views of the first step: of ``sizes`` the one nearest to four."""
        return min(self.sizes, key=lambda size: (abs(math.log2(size) - 2), size))

    @property
    def sizes(self) -> list[int]:
        """The numbers of views that a step may have."""
        if isinstance(self.batch_size, int):
            return [self.batch_size]
        least, most = self.batch_range
        return [2**n for n in range(most.bit_length()) if least <= 2**n <= most] or [least]

    @property
    def middle_camera(self) -> tuple[float, float]:
        """Distance and field of view in the middle of the ranges."""
        return sum(self.camera_distance_range) / 2, sum(self.fovy_range) / 2


@dataclass
class LightConfig:
    colour: str = option("auto", "what a scene's colour is: baked, the image with its light; albedo, which lights in "
                         "training shade; auto: albedo with teachers that are told the light, else baked",
                         choices=("auto", "baked", "albedo"))
    lit: Schedule = option(constant(0.45), "albedo: share of views under a light from anywhere", ge=0, le=1)
    plain: Schedule = option(constant(0.45), "albedo: share of views under such a light in plain grey, for the shape "
                                             "alone; the rest is unlit", ge=0, le=1)
    ambient: float = option(0.3, "share of that light's brightness that comes from everywhere", ge=0,
                           le=0.95)
    elevation_range: list[float] = option([0.0, 80.0], "lowest and highest elevation of that light, degrees", ge=-90,
                                         le=90, ordered=True, length=2)


@dataclass
class SceneConfig:
    type: str = option("nerf", "what is trained: nerf, sdf, gaussians, image; or a class of yours (docs/extending.md): "
                       "an entry point, or module:Class")
    options: Open = option(NoOptions(), "options that a class of yours declares")
    nerf: NerfConfig = field(default_factory=NerfConfig)
    sdf: SdfConfig = field(default_factory=SdfConfig)
    gaussians: GaussiansConfig = field(default_factory=GaussiansConfig)
    image: ImageConfig = field(default_factory=ImageConfig)


@dataclass
class ExactConfig:
    set_size: int = option(256, "images per view word in the finite data set", ge=2, le=4096)
    unconditional_size: int = option(1024, "images of the unconditional set (rendered if guidance_scale != 1)",
                                     ge=2, le=16384)


@dataclass
class TeacherConfig:
    type: str = option("bundled", "bundled: the small latent diffusion model that ships with carv3d; flow: the flow "
                       "model beside it; toybox: another of the toybox, in path; exact: the optimal denoiser of a "
                       "finite set of toybox renders; diffusers (also stable-diffusion): the weights in path, of any "
                       "family in docs/teachers.md; or a class of yours: an entry point, or module:Class")
    options: Open = option(NoOptions(), "options that a class of yours declares")
    path: str = option("", "diffusers, toybox: a folder in the diffusers format, a model in one .safetensors file "
                           "(Stable Diffusion 1, 2, XL), or a hub id, owner/name")
    base: str = option("", "for a model in one file: a diffusers folder of the same architecture, which gives its "
                           "configuration, tokenizer and scheduler; empty: the one that diffusers takes from the hub")
    revision: str = option("", "diffusers, from the hub: branch, tag or commit; empty: the default branch")
    variant: str = option("", "diffusers: which weights of a folder that holds several, such as fp16")
    lora: list[str] = option([], "diffusers: LoRA layers of diffusers, kohya or peft: FILE_OR_FOLDER, or "
                                 "FILE_OR_FOLDER:SCALE; several")
    fuse_lora: bool = option(True, "add those layers to the weights, after which they cost nothing")
    textual_inversion: list[str] = option([], "diffusers: embeddings of words: FILE, or FILE:WORD; several")
    vae: str = option("", "diffusers: a folder with another VAE of the same kind")
    use_ema: bool = option(False, "diffusers: the UNet in unet_ema, a moving average that training kept")
    told: list[str] = option(["camera", "background", "light"], "what a teacher with an embedding of views, such as "
                             "the bundled one, is told beside words: any of these",
                             choices=("camera", "background", "light"))
    size: int = option(0, "diffusers: pixels a side of what is encoded; 0: what the model was trained on", ge=0,
                       le=4096)
    shift: float = option(0.0, "flow models: k of s' = k s / (1 + (k - 1) s), by which their timesteps are spread; 0: "
                               "the model's own", ge=0, le=100)
    told_guidance: float = option(3.5, "models with an embedding of guidance (FLUX): the scale that they are told",
                                  ge=0, le=100)
    dtype: str = option("auto", "precision of the denoiser; auto: on CUDA its family's half precision, bfloat16 on a "
                                "CPU with AMX, else float32",
                        choices=("auto", "float32", "float16", "bfloat16"))
    encode_dtype: str = option("auto", "precision of the VAE encoder's products (autocast); auto: bfloat16 on "
                                       "CUDA that has "
                               "it, else float32", choices=("auto", "float32", "bfloat16"))
    compile: bool = option(False, "torch.compile for the UNet: a minute or more before the first step")
    engine: str = option("auto", "what runs the frozen denoiser on a CPU, where no gradient passes through it; auto: "
                                 "the fastest of torch and those that are here, measured once (numba, carv3d's own "
                                 "loops, runs bundled alone); in runs under 100 steps torch",
                         choices=("auto", "torch", "numba", "openvino", "onnxruntime"))
    encoder: str = option("auto", "what encodes renders: vae, the model's own; small, a network distilled from it, "
                                  "which bundled has; auto: small where there is one", choices=("auto", "vae", "small"))
    encode_gradient: str = option("auto", "the gradient's way back through the VAE's encoder: exact; linear, through a "
                                          "linear function fitted to the encoder, which costs next to nothing; auto: "
                                          "linear for bundled, else exact", choices=("auto", "exact", "linear"))
    checkpoint_encode: bool = option(False, "recompute the VAE encoder's activations on the way back: less memory, "
                                     "slower")
    tile_encode: bool = option(False, "with checkpoint_encode: images are encoded in tiles of half their side, which "
                                      "are blended: less memory still, other numbers near the seams")
    quantize: str = option("none", "weights of the denoiser's linear layers in fewer bits, after LoRA layers were "
                                   "added: int8, int4 (package torchao), nf4 (bitsandbytes)",
                           choices=("none", "int8", "int4", "nf4"))
    offload: str = option("none", "what lies in the host's memory while it is not asked: model, denoiser and VAE take "
                                  "turns on the device; layers, the denoiser's blocks come one by one",
                          choices=("none", "model", "layers"))
    offline: bool = option(False, "never use the network: folders, or what the hub's cache already holds")
    exact: ExactConfig = field(default_factory=ExactConfig)


@dataclass
class PromptsConfig:
    negative: str = option("", "negative prompt: what the unconditional branch reads")
    front: str = option("", "data.views=4: the whole prompt of front views; empty: the prompt with its view word")
    side: str = option("", "data.views=4: the whole prompt of side views")
    back: str = option("", "data.views=4: the whole prompt of back views")
    overhead: str = option("", "data.views=4: the whole prompt of views from above")
    front_deg: float = option(45.0, "data.views=4: azimuth up to which a view is called front", gt=0, le=180)
    back_deg: float = option(45.0, "data.views=4: angle from the back up to which a view is called back", gt=0, le=180)
    overhead_deg: float = option(60.0, "elevation above which a view is called overhead", ge=-90, le=90)
    interpolate: bool = option(False, "blend neighbouring views' embeddings along the azimuth")
    perp_neg: float = option(0.0, "data.views=4: weight of what Perp-Neg (arXiv 2304.04968) takes away; blends too; "
                             "0: off", ge=0, le=100)


@dataclass
class VsdConfig:
    particles: int = option(1, "scenes trained in turn, step by step, with one score between them", ge=1, le=64)
    k: int = option(2, "draws per rendered view that the score learns from", ge=1, le=1024)
    importance_sampling: bool = option(True, "draw the score's timesteps from a proposal fitted to its past losses")
    stratified: bool = option(True, "draw one of the score's timesteps per stratum")
    rank: int = option(4, "rank of the LoRA matrices", ge=1, le=1024)
    lr: float = option(1e-3, "AdamW's rate for the score", gt=0)


@dataclass
class ObjectiveConfig:
    type: str = option("sds", "sds: DreamFusion (arXiv 2209.14988); vsd: ProlificDreamer (arXiv 2305.16213); csd: "
                       "classifier score (arXiv 2310.19415); rfds_rev: at noise that the teacher names (arXiv "
                       "2406.03293); or a class of yours: an entry point, or module:Class")
    options: Open = option(NoOptions(), "options that a class of yours declares")
    guidance_scale: float | str = option("auto", "s in uncond + s (cond - uncond); 1 is the plain conditional score; "
                                         "auto: sds 1 for exact and bundled, for diffusers its family's; vsd 7.5; "
                                         "csd, whose factor it is, 1", ge=0, le=1000)
    rescale: float = option(0.0, "share in which the guided x0 is scaled to the spread of the conditional one (arXiv "
                                 "2305.08891), for strong guidance; MVDream 0.5; 0: not", ge=0, le=1)
    x0_limit: float = option(0.0, "largest absolute number in the x0 that is predicted, in the network's own latents; "
                                  "0: none", ge=0)
    weighting: str = option("sds", "w(t) on the residual: sds sigma^2, uniform 1, fantasia3d alpha sigma^2, "
                            "x0 sigma/alpha, velocity 1 + sigma/alpha (a flow model's own residual)",
                            choices=("sds", "uniform", "fantasia3d", "x0", "velocity"))
    t_min: Schedule = option(constant(0.02), "lowest noise level, as a share of the teacher's steps", ge=0, le=1)
    t_max: Schedule = option(Schedule([0.98, 0.35], [0, 560]), "highest noise level, as a share of the teacher's "
                             "steps; stretch it for longer runs", ge=0, le=1)
    vsd: VsdConfig = field(default_factory=VsdConfig)


@dataclass
class CostConfig:
    """``estimator.cost=measured``, or ``{a_ms: .., b_ms: .., c0_ms: ..}``, which sets source to given."""

    source: str = option("measured", "measured: from this run's timers; given: the three numbers below",
                         choices=("measured", "given"))
    a_ms: float = option(0.0, "given: cost of a render, its encode and its backward", ge=0)
    b_ms: float = option(0.0, "given: cost of a teacher draw", ge=0)
    c0_ms: float = option(0.0, "given: cost of a step besides, once per step", ge=0)


@dataclass
class EstimatorConfig:
    k: int | str | Schedule = option(
        Schedule([1, 2], [0, 480], "step"), "K: teacher draws per rendered view, a number or a schedule (the default "
        "of a NeRF with the bundled teacher at guidance up to 2; 2 otherwise), or auto: chosen from measured variance "
        "and cost",
        ge=1, le=1024)
    importance_sampling: bool = option(True, "draw timesteps from a proposal q(t), weights p/q; off: q = p")
    proposal: str = option("adaptive", "q(t): adaptive, fitted to past draws, p while it brings nothing; weight, "
                           "proportional to p(t) times the weight on the residual (CARV); table, from estimator.table",
                           choices=("adaptive", "weight", "table"))
    table: list[float] = option([1.0], "q/p up to a constant, one number per equal range of timesteps", gt=0)
    stratified: bool = option(True, "one timestep per stratum of q, strata shuffled over views")
    noise: str = option("auto", "how a view's K noises vary together; auto: antithetic at even K, zero_sum at "
                        "odd K from 3 on", choices=("auto", "iid", "antithetic", "zero_sum"))
    chunk: int | str = option("auto", "draws per view in one teacher call; auto: what fits; 0: all K; halved when "
                              "memory runs out", ge=0)
    measure_every: int = option(250, "steps between variance measurements for k=auto", ge=1)
    cost: CostConfig = field(default_factory=CostConfig)

    def k_at(self, step: int) -> int | None:
        """K of a step; None where it is chosen from what is measured."""
        return None if isinstance(self.k, str) else round(self.k.at(step)) if isinstance(self.k, Schedule) else self.k

    def ks(self) -> list[int]:
        """The K that are given; none where it is chosen."""
        if isinstance(self.k, Schedule):
            return [*map(round, self.k.values)]
        return [] if isinstance(self.k, str) else [self.k]


@dataclass
class LossConfig:
    lambda_sparsity: Schedule = option(constant(0.0), "weight of the mean opacity", ge=0)
    lambda_opaque: Schedule = option(constant(0.0), "weight of the binary entropy of opacity, which makes each "
                                                    "pixel all or nothing", ge=0)
    lambda_smooth: Schedule = option(constant(0.0), "weight of how much the surface's normal turns from pixel to pixel",
                                     ge=0)
    lambda_orient: Schedule = option(constant(0.0), "nerf, sdf: weight on normals that face away from the camera", ge=0)
    lambda_distortion: Schedule = option(constant(0.0), "nerf, sdf: weight of how far apart what a ray sees "
                                                        "lies, as fog before a surface does", ge=0)
    lambda_eikonal: Schedule = option(constant(0.3), "sdf: weight of the distance's slope not being 1", ge=0)
    lambda_needle: Schedule = option(constant(0.0), "Gaussians: weight on one axis far longer than the others", ge=0)
    lambda_faint: Schedule = option(constant(0.0), "Gaussians: weight of their mean opacity, so that unneeded "
                                                   "ones fade", ge=0)
    lambda_size: Schedule = option(constant(0.0), "Gaussians: weight of their mean scale, so that none grows "
                                                  "without need", ge=0)

    def at(self, step: int) -> dict[str, float]:
        """The weights of a step, by name without lambda_."""
        return {each.name[len("lambda_"):]: getattr(self, each.name).at(step) for each in dataclasses.fields(self)}


@dataclass
class OptimizerConfig:
    lr_encoding: float = option(0.02, "Adam's rate for the hash grid", gt=0)
    lr_mlp: float = option(0.003, "Adam's rate for the small MLP", gt=0)
    lr_means: float = option(0.003, "Adam's rate for the Gaussians' means, world units", gt=0)
    lr_scales: float = option(0.01, "Adam's rate for the Gaussians' log scales", gt=0)
    lr_quaternions: float = option(0.01, "Adam's rate for the Gaussians' quaternions", gt=0)
    lr_opacity: float = option(0.05, "Adam's rate for the Gaussians' opacity logits", gt=0)
    lr_sh: float = option(0.02, "Adam's rate for the Gaussians' spherical harmonics", gt=0)
    lr_image: float = option(0.05, "Adam's rate for the image scene", gt=0)
    rates: Open = option(NoOptions(), "learning rates that a scene of yours declares")
    lr_scale: Schedule = option(constant(1.0), "factor on every learning rate", ge=0)
    betas: list[float] = option([0.9, 0.99], "decay of Adam's two moving averages", ge=0, le=0.999999, length=2)
    eps: float = option(1e-15, "Adam's epsilon", gt=0)
    floor_encoding: float = option(1.0, "hash grid: Adam's epsilon over its gradients' largest root mean square, at "
                                   "least (the default of a NeRF with the bundled teacher; otherwise 0: none)", ge=0)
    clip_grad_norm: float = option(0.0, "largest norm of the averaged gradient; 0: no clipping", ge=0)


@dataclass
class TrainerConfig:
    max_steps: int = option(640, "optimiser steps", ge=1)
    preview_every: int = option(100, "steps between images save/it{N}.png; 0: none", ge=0)
    max_nonfinite_steps: int = option(50, "steps in a row with a non-finite gradient after which a run ends as failed",
                                      ge=1)


@dataclass
class BudgetConfig:
    """A run stops at the first step at which one of these, or ``trainer.max_steps``, is reached."""

    seconds: float = option(0.0, "seconds of training: steps and the choice of K, without start, compilation, logs, "
                                 "images, checkpoints and quality; 0: no limit, here and below", ge=0)
    renders: int = option(0, "most views rendered, those that variance is measured on included", ge=0)
    draws: int = option(0, "most teacher draws, those that variance is measured on included", ge=0)
    teacher_evals: int = option(0, "most rows through the denoiser: the teacher's branches and VSD's own score, which "
                                   "also learns", ge=0)
    flops: float = option(0.0, "most floating-point operations, by a model: the networks' by PyTorch's counter, the "
                               "renders' by formula", ge=0)
    evaluations: int = option(0, "lines of quality in metrics.jsonl at points of equal cost, in the unit of the budget "
                              "that is set (of several, the one nearest its end), else in steps; 0: none", ge=0)


@dataclass
class QualityConfig:
    shape: bool = option(True, "score the surface and the views from above at the end, and show the mesh in previews, "
                               "which takes some seconds; false: the images of the evaluation views alone")
    clip: str = option("", "a folder with a CLIP model and its tokenizer in transformers' format, whose score joins "
                       "what is known of a scene's quality; empty: none")


@dataclass
class CompareConfig:
    """Other estimators, measured on the scene as it stands at points along the run; they train nothing."""

    points: int = option(0, "times along the run, spread as budget.evaluations are, at which the estimators below have "
                         "their gradient's variance and their step's cost measured; 0: never", ge=0)
    replicates: int = option(8, "independent windows of steps of each estimator at a point", ge=2)
    window: int = option(20, "successive steps of a window; their mean, weighted as Adam's first moment weighs them, "
                         "shows the noise that Adam's memory leaves", ge=1)
    estimators: list[str] = option([], "each a name and what differs from the run's own estimator, as in 'plain: "
                                   "estimator.k=1; data.batch_size=2'")


@dataclass
class CheckpointConfig:
    every_n_train_steps: int = option(100, "steps between checkpoints; 0: only the last", ge=0)
    keep: int = option(2, "newest checkpoints kept", ge=1)


@dataclass
class LogConfig:
    every_n_steps: int = option(10, "steps between lines of metrics.jsonl", ge=1)
    tensorboard: bool = option(False, "also write tb_logs/ (pip install \"carv3d[tensorboard]\")")
    wandb: bool = option(False, "also tell Weights & Biases, offline in trackers/wandb unless you are logged in "
                                "(pip install \"carv3d[wandb]\")")
    mlflow: bool = option(False, "also tell MLflow at MLFLOW_TRACKING_URI, else in trackers/mlflow (pip install "
                                 "\"carv3d[mlflow]\")")


@dataclass
class Config:
    prompt: str = option("", "what to make (required); carv3d prompts lists what the embedded teachers know")
    name: str = option("carv3d", "first folder under exp_root_dir")
    tag: str = option("", "second folder, before @ and the time; empty: the prompt with _ for spaces")
    exp_root_dir: str = option("outputs", "where runs are written")
    seed: int = option(0, "every random number derives from seed, prompt, step and purpose", ge=0)
    seed_per_prompt: bool = option(True, "the prompt too: runs of one seed on several prompts are independent; false: "
                                   "they share cameras, timesteps and noise")
    device: str = option("auto", "auto: CUDA when present", choices=("auto", "cpu", "cuda"))
    data: DataConfig = field(default_factory=DataConfig)
    light: LightConfig = field(default_factory=LightConfig)
    scene: SceneConfig = field(default_factory=SceneConfig)
    prompts: PromptsConfig = field(default_factory=PromptsConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    estimator: EstimatorConfig = field(default_factory=EstimatorConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    quality: QualityConfig = field(default_factory=QualityConfig)
    compare: CompareConfig = field(default_factory=CompareConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    log: LogConfig = field(default_factory=LogConfig)
    viewer: ViewerConfig = field(default_factory=ViewerConfig)
    export: ExportConfig = field(default_factory=ExportConfig)
    attribute: AttributeConfig = field(default_factory=AttributeConfig)
    distill: DistillConfig = field(default_factory=DistillConfig)

    @property
    def run_seed(self) -> int:
        """What a run's generators are made from: the seed, and with ``seed_per_prompt`` the prompt."""
        if not self.seed_per_prompt:
            return self.seed
        return int.from_bytes(hashlib.sha256(f"{self.seed}/{self.prompt}".encode()).digest()[:6], "little")
