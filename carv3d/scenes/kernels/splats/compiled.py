"""The compiled rasteriser for CPUs: projection, lists, compositing and the way back under one autograd function."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from carv3d.cameras import Cameras
from carv3d.runtime.kernel_threads import spread
from carv3d.scenes.kernels.splats import project as splat_project
from carv3d.scenes.kernels.splats import tiles as splat_tiles
from carv3d.scenes.kernels.splats.project import CAMERA, FIELDS, SUMS
from carv3d.scenes.kernels.splats.rules import Raster, screen_leaf, world_to_camera
from carv3d.scenes.splats import Splats

GRAIN = 512  # Gaussians
PIECES = 16  # into which the tiles are cut, heaviest first


def camera_rows(cameras: Cameras) -> np.ndarray:
    """What the kernels take of B cameras, float32 [B,CAMERA]."""
    rotation, position = world_to_camera(cameras)
    out = np.empty((len(cameras), CAMERA), np.float32)
    out[:, :9], out[:, 9:12] = rotation.flatten(1).numpy(), position.numpy()
    out[:, 12] = cameras.focal_px.numpy()
    return out


@dataclass
class Lists:
    """What lies in front of which pixels, between projection and compositing.

    rows: [B,N,FIELDS]. radii: int32 [B,N]. ids, nearest: see splat_tiles.order_views. first: int64 [B*tiles+1], the
    entries of tile i are first[i]:first[i+1]. ranks: int32 [entries]. order: tiles by falling number of entries.
    """

    rows: np.ndarray
    radii: np.ndarray
    ids: np.ndarray
    nearest: np.ndarray
    first: np.ndarray
    ranks: np.ndarray
    order: np.ndarray
    tiles_x: int
    tiles_y: int

    @property
    def grain(self) -> int:
        return -(-len(self.order) // PIECES)


def projected(
    parameters: list[np.ndarray], camera: np.ndarray, width: int, height: int, antialias: bool
) -> tuple[np.ndarray, np.ndarray]:
    """rows [B,N,FIELDS] and radii int32 [B,N]."""
    views, count = len(camera), len(parameters[0])
    rows, radii = np.empty((views, count, FIELDS), np.float32), np.empty((views, count), np.int32)
    spread(splat_project.project, count, GRAIN, *parameters, camera, width, height, antialias, rows, radii)
    return rows, radii


def listed(rows: np.ndarray, radii: np.ndarray, width: int, height: int) -> Lists:
    """Sort by depth and list by tile."""
    views, count = radii.shape
    tiles_x, tiles_y = -(-width // splat_tiles.WIDE), -(-height // splat_tiles.HIGH)
    ids, nearest, visible = np.empty((views, count), np.int32), np.empty_like(rows), np.empty(views, np.int64)
    spread(splat_tiles.order_views, views, 1, rows, radii, ids, nearest, visible)
    lines = views * tiles_y
    first, used = np.zeros(lines * tiles_x + 1, np.int64), np.empty(lines, np.int64)
    spans = np.empty((lines, count, 3), np.int32)
    grain = -(-lines // PIECES)
    spread(splat_tiles.span_tiles, lines, grain, nearest, visible, tiles_x, tiles_y, spans, used, first)
    order = np.argsort(-first[1:], kind="stable")
    np.cumsum(first, out=first)
    ranks = np.empty(first[-1], np.int32)
    spread(splat_tiles.list_tiles, lines, grain, spans, used, tiles_x, first, ranks)
    return Lists(rows, radii, ids, nearest, first, ranks, order, tiles_x, tiles_y)


def blended(lists: Lists, camera: np.ndarray, width: int, height: int) -> tuple[list[Tensor], list[Tensor]]:
    """rgb, opacity, depth [B,H,W,*]; and what the way back needs: transmittance left and last place drawn, [B,H,W]."""
    images = [torch.empty(len(camera), height, width, channels) for channels in (3, 1, 1)]
    left = [torch.empty(len(camera), height, width) for _ in range(2)]
    spread(
        splat_tiles.blend, len(lists.order), lists.grain, lists.order, lists.nearest, lists.first, lists.ranks, camera,
        lists.tiles_x, lists.tiles_y, *(t.numpy() for t in (*images, *left)),
    )
    return images, left


def blended_back(lists: Lists, camera: np.ndarray, gradients: list[np.ndarray], left: list[np.ndarray]) -> np.ndarray:
    """From the gradients of rgb, opacity and depth to the sums of each entry, [entries,SUMS]."""
    entries = np.empty((len(lists.ranks), SUMS), np.float32)
    spread(
        splat_tiles.blend_back, len(lists.order), lists.grain, lists.order, lists.nearest, lists.first, lists.ranks,
        camera, lists.tiles_x, lists.tiles_y, *gradients, *left, entries,
    )
    return entries


def gathered(lists: Lists, entries: np.ndarray) -> np.ndarray:
    """The sums of each Gaussian on each screen, [B,N,SUMS]."""
    views, count = lists.radii.shape
    sums, tiles = np.zeros((views, count, SUMS), np.float32), lists.tiles_x * lists.tiles_y
    spread(splat_tiles.gather, views, 1, lists.ids, lists.first, lists.ranks, tiles, entries, sums)
    return sums


def projected_back(
    parameters: list[np.ndarray], camera: np.ndarray, width: int, height: int, antialias: bool, lists: Lists,
    sums: np.ndarray, with_screen: bool,
) -> tuple[list[np.ndarray], np.ndarray]:
    """The gradients of the five parameters, and of the screen [B,N,2] ([0,0,2] without)."""
    out = [np.zeros_like(parameter) for parameter in parameters]
    screen = np.zeros((*lists.radii.shape, 2) if with_screen else (0, 0, 2), np.float32)
    spread(
        splat_project.project_back, len(parameters[0]), GRAIN, *parameters, camera, width, height, antialias,
        lists.rows, lists.radii, sums, screen, *out,
    )
    return out, screen


class _Rasterise(torch.autograd.Function):
    @staticmethod
    def forward(ctx, means, log_scales, quaternions, logits, sh, screen, camera, width, height, antialias):
        ctx.set_materialize_grads(False)
        parameters = [tensor.contiguous() for tensor in (means, log_scales, quaternions, logits, sh)]
        lists = listed(*projected([t.numpy() for t in parameters], camera, width, height, antialias), width, height)
        images, left = blended(lists, camera, width, height)
        ctx.save_for_backward(*parameters, *left)
        ctx.given = lists, camera, width, height, antialias
        radii = torch.from_numpy(lists.radii)
        ctx.mark_non_differentiable(radii)
        return *images, radii

    @staticmethod
    @once_differentiable
    def backward(ctx, rgb, opacity, depth, _):
        *parameters, through, last = (tensor.numpy() for tensor in ctx.saved_tensors)
        lists, camera, width, height, antialias = ctx.given
        shape = len(camera), height, width
        gradients = [np.zeros((*shape, channels), np.float32) if given is None else given.contiguous().numpy()
                     for given, channels in ((rgb, 3), (opacity, 1), (depth, 1))]
        sums = gathered(lists, blended_back(lists, camera, gradients, [through, last]))
        out, screen = projected_back(parameters, camera, width, height, antialias, lists, sums, ctx.needs_input_grad[5])
        screen = torch.from_numpy(screen) if ctx.needs_input_grad[5] else None
        return *map(torch.from_numpy, out), screen, None, None, None, None


def rasterise_numba(splats: Splats, cameras: Cameras, antialias: bool) -> Raster:
    """As ``splatting.rasterise``, bit-deterministic whatever the number of threads."""
    for name, tensor in splats.tensors().items():
        if tensor.device.type != "cpu" or tensor.dtype != torch.float32:
            raise ValueError(f"{name} must be float32 on the CPU, got {tensor.dtype} on {tensor.device}")
    screen = screen_leaf(splats, cameras)
    camera = camera_rows(cameras.to("cpu"))
    return Raster(*_Rasterise.apply(
        *splats.tensors().values(), screen, camera, cameras.width, cameras.height, antialias
    ), screen)
