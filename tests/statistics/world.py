"""A small text-to-3D problem that is known exactly from end to end: its gradients are cheap, claims can be tested.

Upstream: a sphere with a texture theta [3, 16 x 32]; a camera sees x = 2 tanh(A theta + b) in 3 x 16 x 16, A the linear
map that samples the texture bilinearly and b the background's logits where the sphere is missed. Teacher: eight spheres
with blob textures, each seen from five azimuth sectors, give forty Gaussians (mean and six principal components of
real renders, plus a power-law cosine spectrum); the prompt is three of the eight.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from carv3d import carv
from carv3d.cameras import Cameras, sample_cameras
from carv3d.carv import Draws
from carv3d.diffusion.mixture import MixtureTeacher
from carv3d.diffusion.schedule import scaled_linear
from carv3d.objectives.sds import sds

SIZE = 16
ROWS, COLUMNS = 16, 32
OBJECTS, SECTORS, RANK, RENDERS = 8, 5, 6, 64
PROMPT = 3  # objects
LOW, HIGH = 20, 979
RANGES = {"elevation_range": (-5.0, 35.0), "distance_range": (3.0, 3.6), "fovy_range": (38.0, 42.0)}


def gen(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@dataclass(frozen=True)
class Views:
    """C cameras as linear maps. matrix: [C, 256, 512]. background: [C, 3, 256], logits; 0 where the sphere is seen."""

    matrix: Tensor
    background: Tensor

    def __len__(self) -> int:
        return len(self.matrix)

    def render(self, theta: Tensor) -> Tensor:
        """Textures [3,512] -> latents [C,3,16,16]."""
        logits = torch.einsum("cpq,kq->ckp", self.matrix, theta) + self.background
        return (2 * logits.tanh()).unflatten(-1, (SIZE, SIZE))

    def pull_back(self, theta: Tensor, cotangent: Tensor) -> Tensor:
        """J^T f at theta for cotangents [C,n,3,16,16] of the latents -> [C,n,1536]."""
        slope = 2 - 0.5 * self.render(theta).square()
        rows = (slope[:, None] * cotangent).flatten(3).flatten(1, 2)  # [C, 3n, 256]
        return (rows @ self.matrix).unflatten(1, (-1, 3)).flatten(2)


def look(cameras: Cameras, generator: torch.Generator) -> Views:
    """The views of cameras, each on a random background."""
    return before(cameras, torch.randn(len(cameras), 3, generator=generator))


def before(cameras: Cameras, colours: Tensor) -> Views:
    """The views of C cameras on backgrounds of their own. colours: [C,3], standard normal."""
    count = len(cameras)
    origins, directions = (x.flatten(1, 2) for x in cameras.rays())
    along = (origins * directions).sum(-1)
    gap = along.square() - origins.square().sum(-1) + 1  # discriminant of the ray with the unit sphere
    seen = gap > 0
    point = origins + (-along - gap.clamp(min=0).sqrt())[..., None] * directions
    row = (torch.asin(point[..., 2].clamp(-1, 1)) / torch.pi + 0.5) * (ROWS - 1)
    column = (torch.atan2(point[..., 1], point[..., 0]) / (2 * torch.pi) + 0.5) * COLUMNS
    matrix = torch.zeros(count, SIZE * SIZE, ROWS * COLUMNS)
    for down in (0, 1):
        for right in (0, 1):
            r, c = row.floor() + down, column.floor() + right
            share = (1 - (row - r).abs()) * (1 - (column - c).abs()) * seen
            index = (r.clamp(max=ROWS - 1) * COLUMNS + c % COLUMNS).long()
            matrix.scatter_add_(2, index[..., None], share[..., None])
    background = 0.1 * colours[..., None] * ~seen[:, None]
    return Views(matrix, background)


def random_views(count: int, generator: torch.Generator, strata: bool = False) -> Views:
    return look(sample_cameras(count, SIZE, SIZE, **RANGES, generator=generator, strata=strata), generator)


def blob_texture(generator: torch.Generator) -> Tensor:
    """A smooth random texture [3,512]: a base colour and twelve round spots, as logits."""
    latitude = (torch.arange(ROWS) / (ROWS - 1) - 0.5) * torch.pi
    azimuth = (torch.arange(COLUMNS) / COLUMNS - 0.5) * 2 * torch.pi
    up, around = torch.meshgrid(latitude, azimuth, indexing="ij")
    normal = torch.stack([up.cos() * around.cos(), up.cos() * around.sin(), up.sin()], -1).flatten(0, 1)
    spots = torch.nn.functional.normalize(torch.randn(12, 3, generator=generator), dim=-1)
    sharpness = 4 + 12 * torch.rand(12, generator=generator)
    colour = 0.25 * torch.randn(3, 12, generator=generator)
    return 0.35 * torch.randn(3, 1, generator=generator) + colour @ (sharpness[:, None] * (spots @ normal.T - 1)).exp()


def gaussians(textures: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """mean [M,3,16,16], factors [M,6,3,16,16] and spectrum [3,16,16] of M = 5 sectors of each texture of [N,3,512]."""
    means, factors = [], []
    for texture in textures:
        for sector in range(SECTORS):
            cameras = sample_cameras(RENDERS, SIZE, SIZE, **RANGES, generator=generator)
            turned = (cameras.azimuth_deg + 360 * sector) / SECTORS
            renders = look(dataclasses.replace(cameras, azimuth_deg=turned), generator).render(texture).flatten(1)
            _, scale, directions = torch.linalg.svd(renders - renders.mean(0), full_matrices=False)
            means.append(renders.mean(0))
            factors.append(scale[:RANK, None] / (RENDERS - 1) ** 0.5 * directions[:RANK])
    shape = (3, SIZE, SIZE)
    frequency = torch.arange(SIZE, dtype=torch.float32)
    spectrum = 0.4 / (1 + frequency[:, None].square() + frequency.square()) ** 0.5
    return torch.stack(means).unflatten(1, shape), torch.stack(factors).unflatten(2, shape), spectrum.expand(shape)


@dataclass(frozen=True)
class World:
    """law: the teacher's mean, factors and spectrum. weight: w(t) = sigma^2, [T] float64. target: p(t), uniform on
    20..979. start: theta [3,512]."""

    law: tuple[Tensor, Tensor, Tensor]
    teacher: MixtureTeacher
    weight: Tensor
    target: Tensor
    start: Tensor

    def draws(self, items: int, per_item: int, seed: int, importance: Tensor | None = None, **options) -> Draws:
        """``carv.draw`` for this world's latents; options are its ``stratified`` and ``noise``."""
        return carv.draw(items, per_item, self.teacher.latent_shape, carv.make_proposal(self.target, importance),
                         time_generator=gen(2 * seed), noise_generator=gen(2 * seed + 1), **options)

    def latent_gradients(self, theta: Tensor, views: Views, draws: Draws, guidance: float) -> Tensor:
        """The estimates of E[w (eps_hat - eps)], [C,sets,3,16,16], one per item of ``draws`` (camera-major)."""
        sets = draws.items // len(views)
        latents = views.render(theta).repeat_interleave(sets, 0)
        value = sds(self.teacher, None, latents, self.weight, guidance)
        return carv.estimate(value, draws, chunk=max(1, 2000 // draws.items)).mean.unflatten(0, (len(views), sets))

    def theta_gradients(self, theta: Tensor, views: Views, draws: Draws, guidance: float) -> Tensor:
        """The same in texture space: C cameras x sets independent estimates, [C,sets,1536]."""
        return views.pull_back(theta, self.latent_gradients(theta, views, draws, guidance))


    def references(self, theta: Tensor, views: Views, guidance: float, blocks: int, seed: int) -> Tensor:
        """[C,blocks,1536]: independent references for E over t and noise. Each sums over every timestep, with one
        antithetic pair of noises at each, so only the noise's even part is left to chance."""
        timestep = self.target.nonzero()[:, 0].repeat_interleave(2).expand(len(views), -1)
        means = []
        for block in range(blocks):
            noise = torch.randn(len(views), timestep.shape[1] // 2, *self.teacher.latent_shape,
                                generator=gen(seed + block))
            draws = Draws(timestep, torch.ones(timestep.shape), torch.stack([noise, -noise], 2).flatten(1, 2))
            means.append(self.theta_gradients(theta, views, draws, guidance))
        return torch.cat(means, 1)

    def oracle_importance(self, theta: Tensor, views: Views, guidance: float, seed: int, sets: int = 80) -> Tensor:
        """[T]: sqrt of E||h||^2 in texture space in 20 bins of t, from iid draws of its own, mixed with p (0.2).

        With p it makes the q that is optimal for iid draws, proportional to p sqrt(E||h||^2).
        """
        bins = 20
        draws = self.draws(len(views) * sets, 1, seed, stratified=False)
        squared = self.theta_gradients(theta, views, draws, guidance).square().sum(-1).flatten()
        of_timestep = (torch.arange(self.target.numel()) - LOW).clamp(0, HIGH - LOW) * bins // (HIGH - LOW + 1)
        index = of_timestep[draws.timestep[:, 0]]
        moment = torch.zeros(bins).index_add_(0, index, squared) / torch.bincount(index, minlength=bins)
        best = moment.sqrt().double()
        return (0.8 * best / best.mean() + 0.2)[of_timestep]


def make_world(seed: int = 0) -> World:
    generator = gen(seed)
    textures = torch.stack([blob_texture(generator) for _ in range(OBJECTS)])
    law = gaussians(textures, generator)
    teacher = MixtureTeacher(scaled_linear(), *law, prompt=list(range(PROMPT * SECTORS)))
    start = 0.5 * torch.randn(3, ROWS * COLUMNS, generator=generator)
    return World(law, teacher, teacher.schedule.weighting("sds"), carv.uniform_target(1000, LOW, HIGH), start)


def trajectory(world: World, guidance: float, mid: int = 60, near: int = 600, rate: float = 0.04) -> dict[str, Tensor]:
    """theta [3,512] at "far" (the start), "mid" and "near" of score distillation by Adam, its rate falling to 0.

    Within- over between-render variance at guidance 1 and 7.5: 1.2 and 3.6 far, 5 and 12 mid, 7 and 22 near.
    """
    theta = world.start.clone().requires_grad_()
    optimiser = torch.optim.Adam([theta], lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, near)
    stages = {"far": world.start}
    for step in range(1, near + 1):
        views = random_views(8, gen(10_000 + step), strata=True)
        draws = world.draws(8, 4, 20_000 + step, stratified=True)
        gradient = world.theta_gradients(theta.detach(), views, draws, guidance)
        theta.grad = gradient.mean((0, 1)).reshape(theta.shape)
        optimiser.step()
        schedule.step()
        if step in (mid, near):
            stages["mid" if step == mid else "near"] = theta.detach().clone()
    return stages
