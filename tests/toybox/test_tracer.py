"""Shapes and the sphere tracer against closed forms and a plain reference."""

import dataclasses
import math
from itertools import product

import numpy as np
import pytest
import torch
from numba import njit

from carv3d import lights
from carv3d.cameras import Cameras, orbit
from carv3d.toybox.grammar import BASES, COLOURS, KINDS, TOPS, Spec, parse
from carv3d.toybox.models import BOX, CAPSULE, CONE, ELLIPSOID, MODELS, TORUS, TUBE, WEDGE
from carv3d.toybox.shapes import BALL_RADIUS, Solid, build
from carv3d.toybox.tracer import primitive_distance, render, render_layers

AROUND = orbit([0.0, 70.0, 200.0], [-10.0, 30.0, 80.0], 2.6, 40.0, 40, 40)
ALL_KINDS = [Spec(kind, "red") for kind in KINDS]
ALL_STACKS = [Spec(top, "red", under=Spec(base, "blue")) for top, base in product(TOPS, BASES)]
SIZES = {
    ELLIPSOID: (0.7, 0.3, 0.5, 0.0, 0.0),
    BOX: (0.5, 0.2, 0.4, 0.0, 0.1),
    CONE: (0.5, 0.6, 0.1, 0.0, 0.05),
    WEDGE: (0.4, 0.2, 0.5, 0.3, 0.05),
    TORUS: (0.6, 0.2, 0.0, 0.0, 0.0),
    CAPSULE: (0.5, 0.2, 0.0, 0.0, 0.0),
    TUBE: (0.6, 0.05, 0.4, 0.0, 0.03),
}


@njit
def distances(primitive: int, size: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.array([primitive_distance(primitive, size, p[0], p[1], p[2]) for p in points])


@njit
def union_distance(primitive, size, centre, rotation, point) -> float:
    nearest = np.inf
    for i in range(len(primitive)):
        p = ((point - centre[i]).reshape(3, 1) * rotation[i]).sum(0)
        nearest = min(nearest, primitive_distance(primitive[i], size[i], p[0], p[1], p[2]))
    return nearest


@njit
def march(primitive, size, centre, rotation, origins, directions) -> np.ndarray:
    """The plain reference: small steps by the distance to the union, nothing culled, nothing accelerated."""
    depths = np.zeros(len(origins))
    for n in range(len(origins)):
        t = 1.0
        while t < 4.5:
            step = union_distance(primitive, size, centre, rotation, origins[n] + t * directions[n])
            if step < 2e-5:
                depths[n] = t
                break
            t += step
    return depths


def geometry(solid: Solid) -> tuple[np.ndarray, ...]:
    return solid.primitive, solid.size, solid.centre, solid.rotation


def on_grey(specs: Spec | list[Spec], cameras: Cameras) -> torch.Tensor:
    rgba = render(specs, cameras).rgba
    return rgba[..., :3] + 0.5 * (1.0 - rgba[..., 3:])


@pytest.mark.parametrize("primitive", [p for p in SIZES if p != ELLIPSOID])
def test_a_distance_is_exact(primitive: int) -> None:
    """It changes no faster than its argument, and a step against the gradient by its value lands on the surface."""
    rng, size = np.random.default_rng(primitive), np.array(SIZES[primitive])
    a, b = rng.uniform(-1.5, 1.5, (2, 4000, 3))
    fa, fb = distances(primitive, size, a), distances(primitive, size, b)
    assert np.all(np.abs(fa - fb) <= np.linalg.norm(a - b, axis=1) + 1e-9)
    near = b + 0.02 * (a - b)
    assert np.all(np.abs(distances(primitive, size, near) - fb) <= np.linalg.norm(near - b, axis=1) + 1e-9)
    outside, value = a[fa > 0.02], fa[fa > 0.02]
    nudges = np.eye(3) * 1e-6
    gradient = np.stack([distances(primitive, size, outside + n) - distances(primitive, size, outside - n)
                         for n in nudges], -1) / 2e-6
    landed = distances(primitive, size, outside - value[:, None] * gradient)
    assert np.mean(np.abs(landed) < 1e-4) > 0.995  # the gradient is not defined on the medial axis


def test_the_distance_of_an_ellipsoid_is_a_lower_bound_and_zero_on_the_surface() -> None:
    rng, size = np.random.default_rng(0), np.array(SIZES[ELLIPSOID])
    surface = rng.normal(size=(3000, 3))
    surface *= size[:3] / np.linalg.norm(surface, axis=1, keepdims=True)
    assert np.abs(distances(ELLIPSOID, size, surface)).max() < 1e-12
    points = rng.uniform(-1.5, 1.5, (1500, 3))
    value = distances(ELLIPSOID, size, points)
    nearest = np.linalg.norm(points[:, None] - surface, axis=-1).min(1)
    outside = value > 0
    assert np.all(value[outside] <= nearest[outside] + 1e-9) and np.all(value[nearest > 0.7] > 0)
    assert np.median(value[outside] / nearest[outside]) > 0.9


@pytest.mark.parametrize("spec", [*ALL_KINDS, *ALL_STACKS[::7]], ids=lambda s: s.kind)
def test_depth_agrees_with_a_plain_march(spec: Spec) -> None:
    """Measured: at most 0.1 % of the pixels differ in hit, and the others by less than 6e-4 where not grazing."""
    depth = render(spec, AROUND).depth.double().numpy().ravel()
    origins, directions = (x.double().reshape(-1, 3).contiguous().numpy() for x in AROUND.rays())
    reference = march(*geometry(build(spec)), origins, directions)
    hit = (depth > 0) & (reference > 0)
    assert hit.sum() > 250
    assert ((depth > 0) != (reference > 0)).mean() < 3e-3
    assert np.quantile(np.abs(depth - reference)[hit], 0.99) < 1e-3
    found = origins[hit] + depth[hit, None] * directions[hit]
    assert max(abs(union_distance(*geometry(build(spec)), point)) for point in found) < 2e-3


def test_a_sphere_has_the_closed_form_silhouette_and_depth() -> None:
    distance, fovy = 2.65, 40.0
    cameras = orbit([10.0, 130.0], 20.0, distance, fovy, 96, 96)
    rgba, depth = render(Spec("sphere", "white"), cameras)
    radius = 0.75  # half the largest dimension
    focal = 48.0 / math.tan(math.radians(fovy / 2))
    area = math.pi * (focal * radius) ** 2 / (distance**2 - radius**2)
    assert rgba[..., 3].sum((1, 2)).tolist() == pytest.approx([area, area], rel=2e-3)
    origins, directions = cameras.rays()
    along = -(origins * directions).sum(-1)
    inside = radius**2 - (distance**2 - along**2)
    expected = torch.where(inside > 0, along - inside.clamp(min=0).sqrt(), torch.zeros_like(along))
    assert (depth - expected).abs().max() < 1e-3


def test_an_edge_covers_its_share_of_a_pixel() -> None:
    """Coverage is right to 1/16 or better in the mean: the small picture equals the mean of the large one."""
    small = orbit([25.0], 20.0, 2.65, 40.0, 32, 32)
    large = render(Spec("mug", "green"), dataclasses.replace(small, width=256, height=256)).rgba[..., 3]
    coverage = large.reshape(1, 32, 8, 32, 8).mean((2, 4))
    error = render(Spec("mug", "green"), small).rgba[..., 3] - coverage
    assert error.square().mean().sqrt() < 0.03 and error.mean().abs() < 2e-3


def test_camera_conventions() -> None:
    """The handle of the mug is at +y, the nose of the duck at +x, the cap of the bottle up."""
    front, left, back, right = render(
        Spec("mug", "red", "blue"), orbit([0.0, 90.0, 180.0, 270.0], 0.0, 2.65, 40.0, 64, 64)
    ).rgba
    column = torch.arange(64.0)

    def middle(picture: torch.Tensor) -> float:
        blue = (picture[..., 2] > picture[..., 0]).float()
        return float((blue.sum(0) * column).sum() / blue.sum())

    assert middle(front) > 44 and middle(back) < 20 and abs(middle(left) - 31.5) < 1
    assert (right[..., 2] > right[..., 0]).sum() == 0
    side = render(Spec("duck", "white", "red"), orbit([90.0], 0.0, 2.65, 40.0, 64, 64)).rgba[0]
    beak = (side[..., 0] > 2 * side[..., 2]).float()
    assert (beak.sum(0) * column).sum() / beak.sum() < 16  # at azimuth 90 the picture's right is -x
    bottle = render(Spec("bottle", "white", "red"), orbit([0.0], 0.0, 2.65, 40.0, 64, 64)).rgba[0]
    cap = (bottle[..., 0] > 2 * bottle[..., 2]).float()
    assert (cap.sum(1) * column).sum() / cap.sum() < 20


@pytest.mark.parametrize("spec", [*ALL_KINDS, *ALL_STACKS], ids=lambda s: f"{s.kind}-{s.under and s.under.kind}")
def test_every_object_fills_the_ball_and_stays_inside(spec: Spec) -> None:
    cameras = AROUND
    depth = render(spec, cameras).depth
    origins, directions = cameras.rays()
    points = (origins + depth[..., None] * directions)[depth > 0]
    reach = points.norm(dim=-1).max()
    assert 0.6 < reach <= BALL_RADIUS + 2e-3
    rng = np.random.default_rng(0)
    outside = rng.normal(size=(500, 3))
    outside *= (BALL_RADIUS + 1e-6) / np.linalg.norm(outside, axis=1, keepdims=True)
    assert min(union_distance(*geometry(build(spec)), point) for point in outside) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_parts_that_a_prompt_paints_are_thick_enough_to_see(kind: str) -> None:
    solid = build(Spec(kind, "red"))
    painted = np.array([part.paint in ("main", "second") for part in MODELS[kind]()])
    assert 2 * solid.extent.min(1)[painted].min() > 0.105


def test_kinds_and_colours_are_told_apart() -> None:
    cameras = orbit([20.0, 160.0], 20.0, 2.65, 40.0, 48, 48)

    def closest(specs: list[Spec]) -> float:
        pictures = on_grey([spec for spec in specs for _ in range(2)], Cameras(
            cameras.azimuth_deg.repeat(len(specs)), cameras.elevation_deg.repeat(len(specs)),
            cameras.distance.repeat(len(specs)), cameras.fovy_deg.repeat(len(specs)), 48, 48,
        )).reshape(len(specs), -1)
        return float((torch.pdist(pictures) ** 2 / pictures.shape[1]).min())

    assert closest([Spec(kind, "red", "red") for kind in KINDS]) > 2e-3
    assert closest([Spec("sphere", colour) for colour in COLOURS]) > 2e-3
    for kind in KINDS:
        assert closest([Spec(kind, "green", second) for second in COLOURS]) > 5e-5, kind


@pytest.mark.parametrize("kind", ["snowman", "rocket", "house", "car", "chair", "duck", "fish", "bear", "boat"])
def test_objects_with_a_face_differ_front_and_back(kind: str) -> None:
    light = lights.light(torch.zeros(2), torch.full((2,), 90.0))  # the same from both sides
    front, back = render(Spec(kind, "white"), orbit([0.0, 180.0], 5.0, 2.65, 40.0, 64, 64), light).rgba
    assert (front - back).square().mean() > 3e-4
    assert (front - back.flip(1)).square().mean() > 3e-4


def test_colours_stay_recognisable_from_below_and_behind() -> None:
    rgba = render(Spec("sphere", "red"), orbit([215.0], -50.0, 2.65, 40.0, 32, 32)).rgba[0]
    ratio = rgba[16, 16, :3] / torch.tensor(COLOURS["red"])
    assert ratio.min() > 0.44 and ratio.max() < 0.6


def test_light_gain_scales_and_direction_turns_the_shading() -> None:
    cameras = orbit([0.0, 0.0, 0.0], 0.0, 2.65, 40.0, 32, 32)
    gain = torch.tensor([[1.0, 1.0, 1.0], [0.5, 1.0, 1.0], [1.0, 1.0, 1.0]])
    light = lights.light(torch.tensor([90.0, 90.0, -90.0]), torch.zeros(3), gain)
    plain, dim, turned = render(Spec("sphere", "white"), cameras, light).rgba
    assert torch.allclose(dim[..., 0], 0.5 * plain[..., 0], atol=1e-6) and torch.equal(dim[..., 1:], plain[..., 1:])
    assert plain[16, 24, 0] > plain[16, 8, 0] + 0.1  # lit from +y: the picture's right
    whole = plain[..., 3:] * turned.flip(1)[..., 3:] == 1.0  # samples on edges are not placed symmetrically
    assert whole.sum() > 200 and ((turned.flip(1) - plain) * whole).abs().max() < 0.01


def test_layers_make_the_picture_of_every_colouring() -> None:
    spec = parse("a pink duck on top of a grey car")
    layers = render_layers(spec, AROUND)
    other = parse("a green duck on top of a brown car")
    rebuilt = layers[..., :-1] @ torch.from_numpy(build(other).palette).float()
    rgba = render(other, AROUND).rgba
    assert torch.allclose(rebuilt, rgba[..., :3], atol=1e-5) and torch.equal(layers[..., -1], rgba[..., 3])


def test_a_batch_of_objects_equals_single_renders_to_the_bit() -> None:
    specs = [Spec("mug", "red"), Spec("bear", "blue"), Spec("mug", "red")]
    together = render(specs, AROUND)
    for i, spec in enumerate(specs):
        alone = render(spec, AROUND[i:i + 1])
        assert torch.equal(together.rgba[i:i + 1], alone.rgba) and torch.equal(together.depth[i:i + 1], alone.depth)
    assert together.rgba.dtype == together.depth.dtype == torch.float32
    assert (together.rgba[..., :3] <= together.rgba[..., 3:] + 1e-6).all()


def test_counts_must_agree() -> None:
    with pytest.raises(ValueError, match="3 cameras"):
        render([Spec("mug", "red")] * 2, AROUND)
    with pytest.raises(ValueError, match="3 cameras"):
        render(Spec("mug", "red"), AROUND, lights.fixed(2))


def test_brightness_spans_ambient_to_one() -> None:
    cameras = orbit([lights.AZIMUTH_DEG], lights.ELEVATION_DEG, 2.65, 40.0, 65, 65)
    facing = render(Spec("sphere", "white"), cameras).rgba[0, 32, 32, 0]
    assert facing == pytest.approx(COLOURS["white"][0], abs=1e-4)


def test_unlit_pictures_show_paint_alone() -> None:
    """Every pixel is its paints in their shares, wherever the light is: the paint itself, to the last digit of
    a sum of eight, where there is one alone."""
    paints = torch.tensor([COLOURS["red"], COLOURS["blue"]])
    for spec in (parse("a red mushroom with a blue stem"), Spec("sphere", "red")):
        layers, shown = render_layers(spec, AROUND, ambient=1.0), render(spec, AROUND, lights.fixed(3, ambient=1.0)).rgba
        assert torch.allclose(layers[..., :-1].sum(-1), layers[..., -1], atol=1e-6)
        palette = torch.from_numpy(build(spec).palette).float()
        assert torch.allclose(layers[..., :-1] @ palette, shown[..., :3], atol=1e-6)
        alone = (layers[..., :-1] == 1).any(-1)
        assert alone.sum() > 500 and (shown[alone][:, None, :3] - paints).abs().amax(-1).amin(1).max() < 1e-7
        other = lights.light(torch.tensor([200.0] * 3), torch.tensor([-30.0] * 3), ambient=1.0)
        # where neighbours differ in brightness more samples are taken, unlit only at edges of paint
        assert torch.equal(render(spec, AROUND, other).rgba, shown)
    assert not torch.equal(render(spec, AROUND).rgba, shown)
