"""Light on a rendered scene: normals against those of surfaces known in closed form, and what light leaves alone."""

import math

import pytest
import torch
import torch.nn.functional as F

from carv3d import lights
from carv3d.cameras import RenderOut, orbit, turntable
from carv3d.lights import PLAIN, brightness
from carv3d.scenes.shading import normals, shaded

CAMERAS = orbit([0.0, 70.0, 200.0], [10.0, 50.0, -20.0], 2.65, 40.0, 64, 64)


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def sphere(cameras, radius=0.8):
    """Depth [B,H,W,1] along each ray to a sphere around the origin, 0 where it is missed; its normals; where it is."""
    origins, directions = cameras.rays()
    along = -(origins * directions).sum(-1)
    square = radius**2 - (origins.square().sum(-1) - along.square())
    hit = square > 0
    depth = torch.where(hit, along - square.clamp(min=0).sqrt(), 0.0)
    return depth[..., None], F.normalize(origins + depth[..., None] * directions, dim=-1), hit


def plane(cameras, normal, offset):
    """Depth along each ray to the plane n.x = offset."""
    origins, directions = cameras.rays()
    normal = torch.tensor(normal)
    return ((offset - origins @ normal) / (directions @ normal))[..., None]


def degrees(found, wanted):
    wanted = wanted.expand_as(found)
    return torch.rad2deg(torch.atan2(torch.linalg.cross(found, wanted).norm(dim=-1), (found * wanted).sum(-1)))


def test_normals_of_a_sphere():
    """Measured, degrees off where the surface is seen at less than 60 degrees: 1.2 on average, 1.7 at most (half a pixel,
    by which a difference to one side lies off); everywhere they are unit and towards the camera. Control: the next
    row's are further off."""
    depth, truth, hit = sphere(CAMERAS)
    found, directions = normals(depth, CAMERAS), CAMERAS.rays()[1]
    front = hit & ((truth * -directions).sum(-1) > 0.5)
    error = degrees(found, truth)[front]
    print(f"mean {error.mean():.2f}, worst {error.max():.2f}")
    assert front.sum() > 1000 and error.mean() < 1.5 and error.max() < 2.5
    assert torch.allclose(found[hit].norm(dim=-1), torch.ones(int(hit.sum())), atol=1e-5)
    assert ((found * directions).sum(-1)[hit] <= 0).all()
    assert degrees(found.roll(1, 1), truth)[front].mean() > 1.5 * error.mean()


def test_normals_of_a_sphere_converge_with_resolution():
    """To first order: twice the pixels, half the error."""
    means = []
    for size in (32, 64, 128):
        cameras = orbit([30.0], 20.0, 2.65, 40.0, size, size)
        depth, truth, hit = sphere(cameras)
        front = hit & ((truth * -cameras.rays()[1]).sum(-1) > 0.5)
        means.append(degrees(normals(depth, cameras), truth)[front].mean().item())
    assert means[1] < 0.6 * means[0] and means[2] < 0.6 * means[1], means


@pytest.mark.parametrize("normal", [(0.0, 0.0, 1.0), (0.48, 0.6, 0.64)])
def test_normals_of_a_plane(normal):
    """Exact up to rounding, measured: 0.002 degrees at most; from either side it faces the camera."""
    cameras = orbit([20.0, 40.0], [60.0, 89.0], 2.65, 20.0, 48, 48)
    below = orbit([200.0], [-60.0], 2.65, 20.0, 48, 48)
    for seen, sign in ((cameras, 1.0), (below, -1.0)):
        error = degrees(normals(plane(seen, normal, -0.2), seen), sign * torch.tensor(normal))
        print(f"worst {error.max():.4f}")
        assert error.max() < 0.02


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("first", [True, False])
def test_an_edge_does_not_tilt_the_surface_in_front(axis, first):
    """Half of the picture shows one plane, half another far behind it: to the last pixel each has its own normal.
    Control: the difference to the next pixel alone, across the edge, is far off."""
    cameras = orbit([0.0], 20.0, 2.65, 40.0, 48, 48)
    near, far = plane(cameras, (1.0, 0.0, 0.0), 0.5), plane(cameras, (0.8, 0.6, 0.0), -1.0)
    here = (torch.arange(48) < 24) == first
    in_front = here[None, :, None, None] if axis == 1 else here[None, None, :, None]
    depth = torch.where(in_front, near, far)
    found = normals(depth, cameras)
    wanted = torch.where(in_front, torch.tensor([1.0, 0, 0]), torch.tensor([0.8, 0.6, 0])).expand_as(found)
    assert degrees(found, wanted).max() < 0.5
    origins, directions = cameras.rays()
    points = origins + depth * directions
    across, down = points.diff(dim=2)[:, :-1], points.diff(dim=1)[:, :, :-1]
    plain = F.normalize(torch.linalg.cross(down, across), dim=-1)
    plain = torch.where((plain * directions[:, :-1, :-1]).sum(-1, keepdim=True) > 0, -plain, plain)
    assert degrees(plain, wanted[:, :-1, :-1]).max() > 20


def test_the_gradient_reaches_the_depth_and_is_right():
    """Finite everywhere, where nothing is seen too; against differences, on the sphere, in float64."""
    cameras = orbit([30.0], 20.0, 2.65, 40.0, 24, 24)
    depth, _, hit = sphere(cameras)
    way = torch.randn(1, 24, 24, 3, generator=gen())
    leaf = depth.clone().requires_grad_()
    (normals(leaf, cameras) * way * hit[..., None]).sum().backward()
    assert torch.isfinite(leaf.grad).all() and leaf.grad[hit].abs().mean() > 1

    def value(d):
        return (normals(d, cameras) * way * hit[..., None]).double().sum()

    inside = F.avg_pool2d(hit.float()[:, None], 5, 1, 2)[:, 0] == 1  # no ties or edges near
    row, column = (int(x) for x in inside[0].nonzero()[inside.sum() // 3])
    bump = torch.zeros_like(depth)
    bump[0, row, column] = 1e-3
    slope = (value(depth + bump) - value(depth - bump)) / 2e-3
    assert leaf.grad[0, row, column].item() == pytest.approx(slope.item(), rel=0.05)


@pytest.mark.parametrize("depth", [0.0, 1e-9, 2.0])
def test_the_gradient_of_a_scene_of_nothing_is_finite(depth):
    """Depths of nothing, or all the same, as an empty or a new scene has them."""
    own = torch.full((3, 64, 64, 1), depth, requires_grad=True)
    opacity = torch.rand(3, 64, 64, 1, generator=gen()).requires_grad_()
    out = RenderOut(torch.rand(3, 64, 64, 3, generator=gen(1)).requires_grad_(), opacity, own)
    shaded(out, torch.rand(3, 3, generator=gen(2)), CAMERAS, lit(ambient=0.3)).square().sum().backward()
    assert all(torch.isfinite(x.grad).all() for x in (own, opacity, out.rgb))


# --- shaded -----------------------------------------------------------------------------------------------------------


def lit(**options):
    return lights.light(torch.tensor([0.0, 100.0, 230.0]), torch.tensor([60.0, 20.0, 0.0]), **options)


def scene(seed=0):
    """An image of the sphere with random colours, soft outside: opacities of 0 to 1; and its background."""
    depth, _, hit = sphere(CAMERAS)
    opacity = torch.where(hit[..., None], 1.0, torch.rand(3, 64, 64, 1, generator=gen(seed)) * 0.4)
    opacity[:, :8] = 0.0
    background = torch.rand(3, 3, generator=gen(seed + 1))
    colour = torch.rand(3, 64, 64, 3, generator=gen(seed + 2))
    rgb = opacity * colour + (1 - opacity) * background[:, None, None]
    return RenderOut(rgb, opacity, depth * opacity), background, colour


def test_unlit_images_are_as_they_were_to_the_bit():
    """Among lit ones, each row by itself. Control: a light changes those that it falls on."""
    out, background, _ = scene()
    assert torch.equal(shaded(out, background, CAMERAS, lit(ambient=1.0)), out.rgb)
    some = shaded(out, background, CAMERAS, lit(ambient=torch.tensor([1.0, 0.3, 1.0])))
    assert torch.equal(some[::2], out.rgb[::2])
    assert (some[1] - out.rgb[1]).abs().max() > 0.1


@pytest.mark.parametrize("plain", [False, True])
def test_where_nothing_is_the_background_stays(plain):
    out, background, _ = scene()
    shown = shaded(out, background, CAMERAS, lit(ambient=0.3, plain=plain))
    assert torch.equal(shown[:, :8], background[:, None, None].expand(-1, 8, 64, -1))


def test_a_solid_surface_shows_its_albedo_at_the_brightness_of_its_normal():
    """By the true normals of the sphere, seen at less than 60 degrees; measured: within 0.0094. Soft pixels get the
    brightness of an average normal."""
    out, background, colour = scene()
    truth, hit = sphere(CAMERAS)[1:]
    front = hit & ((truth * -CAMERAS.rays()[1]).sum(-1) > 0.5)
    light = lit(ambient=0.3)
    shown = shaded(out, background, CAMERAS, light)
    error = (shown - colour * brightness(truth, light))[front].abs()
    print(f"worst {error.max():.4f}")
    assert error.max() < 0.02
    soft = ~hit
    behind = (1 - out.opacity) * background[:, None, None]
    assert torch.allclose(shown[soft], (behind + 0.65 * out.opacity * colour)[soft], atol=1e-6)


def test_the_gain_scales_each_channel_and_not_the_background():
    out, background, _ = scene()
    gain = torch.tensor([[0.5, 1.0, 0.0], [1.0, 1.0, 1.0], [0.9, 0.8, 0.7]])
    behind = (1 - out.opacity) * background[:, None, None]
    dim, full = (shaded(out, background, CAMERAS, lit(gain=each, ambient=0.3)) for each in (gain, None))
    assert torch.allclose(dim - behind, (full - behind) * gain[:, None, None], atol=1e-6)
    unlit = shaded(out, background, CAMERAS, lit(gain=gain, ambient=1.0))
    assert torch.allclose(unlit - behind, (out.rgb - behind) * gain[:, None, None], atol=1e-6)


def test_plain_shows_the_shape_without_its_colours():
    """So no gradient reaches these; the shape's does."""
    out, background, _ = scene()
    leaves = [x.clone().requires_grad_() for x in (out.rgb, out.opacity, out.depth)]
    light = lit(ambient=0.3, plain=torch.tensor([True, True, False]))
    shown = shaded(RenderOut(*leaves), background, CAMERAS, light)
    behind = (1 - out.opacity) * background[:, None, None]
    front = out.opacity[..., 0] == 1
    grey = PLAIN * brightness(normals(out.depth, CAMERAS), light)
    assert torch.allclose(shown[:2][front[:2]], grey[:2][front[:2]].expand(-1, 3), atol=1e-6)
    assert torch.allclose((shown - behind)[:2].amax(-1), (shown - behind)[:2].amin(-1), atol=1e-6)
    shown.square().sum().backward()
    colour, opacity, depth = (leaf.grad for leaf in leaves)
    assert not colour[:2].any() and colour[2].abs().sum() > 0
    assert opacity[:2].abs().sum() > 0 and depth[:2][front[:2]].abs().max() > 0 and torch.isfinite(depth).all()
    assert math.isfinite(opacity.sum())


def test_the_smoothness_term_counts_turns_between_solid_pixels():
    """Two planes that meet at an angle in the middle: its chord along the edge, whatever lies beside the solid part; a
    bend of the same angle spread over many pixels costs the same. Control: without the mask it would be more."""
    from carv3d.text3d.regularisers import smooth

    height, width, angle = 6, 16, 0.4
    opacity = torch.ones(1, height, width, 1)
    opacity[:, :, -3:] = 0.0
    turned = torch.zeros(1, height, width)
    turned[:, :, width // 2:] = angle
    spread = (torch.arange(width) / 4 - 1).clamp(0, 1).expand(1, height, width) * angle

    def field(angles):
        normals = torch.stack([angles.sin(), torch.zeros_like(angles), angles.cos()], -1)
        return torch.where(opacity > 0.5, normals, torch.tensor([0.0, 1.0, 0.0]))

    pairs, floor = height * (width - 1), 2e-3  # the square root is smoothed at 1e-3 a pair, across and down
    expected = height * 2 * math.sin(angle / 2) / pairs
    assert smooth(field(turned), opacity).item() == pytest.approx(expected, abs=floor)
    assert smooth(field(spread), opacity).item() == pytest.approx(expected, rel=0.03, abs=floor)
    assert smooth(field(turned), torch.ones_like(opacity)).item() > expected + 10 * floor


def test_videos_of_albedo_are_lit_unless_asked_not_to():
    """A ball whose colour is one: lit, its brightness varies over it; unlit it does not."""
    from carv3d.export.video import frames
    from carv3d.scenes.base import Scene
    from carv3d.toybox import quality

    class Ball(Scene):
        def __init__(self):
            super().__init__()
            self.none = torch.nn.Parameter(torch.zeros(1))

        def render(self, cameras, background, generator=None, part=slice(None)):
            return quality.views("a red sphere", cameras[part], float(background[0, 0]), unlit=True)

    for lit, least in ((True, 0.01), (False, 1e-6)):
        (frame,) = frames(Ball(), turntable(1, 15.0, 2.65, 40.0, 32), "white", torch.device("cpu"), lambda count: None, lit)
        inside = frame[12:20, 12:20, 0]
        assert (inside.std() > least) == lit


def test_pictures_are_shaded_as_scenes_in_training_are():
    """The compiled form against the reference, with edges, steps in depth and pixels without a surface; the control has
    other cameras."""
    from carv3d.cameras import RenderOut, orbit
    from carv3d.lights import fixed
    from carv3d.scenes.shading import pictured, shaded

    draws = torch.Generator().manual_seed(0)
    cameras = orbit([10.0, 200.0], [20.0, 70.0], 2.65, 40.0, 24, 18)
    shape = (2, 18, 24)
    depth = 2 + 0.1 * torch.rand(*shape, 1, generator=draws) + (torch.rand(*shape, 1, generator=draws) > 0.8).float()
    out = RenderOut(torch.rand(*shape, 3, generator=draws), torch.rand(*shape, 1, generator=draws), depth)
    background, light = torch.rand(2, 3, generator=draws), fixed(2)
    want = shaded(out, background, cameras, light)
    torch.testing.assert_close(pictured(out, background, cameras, light), want, atol=2e-5, rtol=0)
    other = pictured(out, background, orbit([100.0, 290.0], [20.0, 70.0], 2.65, 40.0, 24, 18), light)
    assert (other - want).abs().max() > 0.1
