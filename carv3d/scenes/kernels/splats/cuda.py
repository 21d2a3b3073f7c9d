"""The rasteriser of gsplat 1.5 on CUDA, behind our conventions."""

from __future__ import annotations

import torch

from carv3d.cameras import Cameras
from carv3d.runtime.errors import UserError
from carv3d.scenes.kernels.splats.rules import DILATION, NEAR, Raster, ray_lengths, world_to_camera
from carv3d.scenes.splats import Splats

VERSIONS = "gsplat>=1.5,<1.6"  # later ones project and draw in one call, whose means2d collect no gradient


def require_version() -> None:
    """UserError for a gsplat whose results are not those that are read here."""
    import gsplat

    if gsplat.__version__.split(".")[:2] != ["1", "5"]:
        raise UserError(f"gsplat {gsplat.__version__} found; what it returns is read as in 1.5: "
                        f'pip install "{VERSIONS}"')


def rasterise_gsplat(splats: Splats, cameras: Cameras, antialias: bool) -> Raster:
    """As ``splatting.rasterise``, in float32.

    ``screen`` is gsplat's own tensor of projected means, which keeps its gradient: the same quantity as the offset of
    the other forms, in the same pixels. Its radii are gsplat's, per axis in 1.5, of which we take the longer.
    """
    from gsplat import rasterization

    cameras = cameras.to(splats.means.device)
    rotation, position = world_to_camera(cameras)
    views = torch.eye(4, device=rotation.device).repeat(len(cameras), 1, 1)
    views[:, :3, :3], views[:, :3, 3] = rotation, -(rotation @ position[..., None])[..., 0]
    intrinsics = torch.eye(3, device=rotation.device).repeat(len(cameras), 1, 1)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = cameras.focal_px
    intrinsics[:, 0, 2], intrinsics[:, 1, 2] = cameras.width / 2, cameras.height / 2
    image, opacity, meta = rasterization(
        means=splats.means, quats=splats.quaternions, scales=splats.log_scales.exp(),
        opacities=splats.opacity_logits.sigmoid(), colors=splats.sh, sh_degree=splats.degree, viewmats=views,
        Ks=intrinsics, width=cameras.width, height=cameras.height, near_plane=NEAR, eps2d=DILATION, packed=False,
        render_mode="RGB+D", rasterize_mode="antialiased" if antialias else "classic", absgrad=False,
    )
    screen, radii = meta["means2d"], meta["radii"]
    if screen.requires_grad:
        screen.retain_grad()
    radii = radii.amax(-1) if radii.dim() == 3 else radii
    return Raster(image[..., :3], opacity, image[..., 3:] * ray_lengths(cameras), radii.int(), screen)
