"""Pictures of .glb files as Blender shows them, by Cycles on the CPU; for a Python that has Blender (pip install bpy).

usage: PYTHON scripts/blender_views.py row OUT.png FILE.glb ... [--size 512] [--samples 64]
       PYTHON scripts/blender_views.py heights OUT_FOLDER FILE.glb ... [--size 128]

row: the objects side by side, COLUMNS in a row, on a floor under a sun, seen from 30 degrees above; OUT.webp for a
small file. heights: of each file NAME two pictures without light, NAME-above.png and NAME-front.png, orthographic, as
wide and high as the object's largest side and a tenth more: the red channel is how high the surface is in its box, 0
the lowest, 255 the highest; alpha is 0 beside it.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import bpy
from mathutils import Vector

MARGIN = 1.1
COLUMNS, APART, TURN = 3, 1.45, math.radians(30)  # of the objects of a row, as large as 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("row", "heights"))
    parser.add_argument("out", type=Path)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--size", type=int, default=0)
    parser.add_argument("--samples", type=int, default=64)
    args = parser.parse_args()
    if args.what == "row":
        row(args.files, args.out, args.size or 512, args.samples)
    else:
        args.out.mkdir(parents=True, exist_ok=True)
        for file in args.files:
            heights(file, args.out, args.size or 128)
    return 0


def scene(size: tuple[int, int], samples: int, transparent: bool) -> bpy.types.Scene:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    made = bpy.context.scene
    made.render.engine, made.cycles.device, made.cycles.samples = "CYCLES", "CPU", samples
    made.cycles.seed = 0
    made.render.resolution_x, made.render.resolution_y = size
    made.render.film_transparent = transparent
    made.render.image_settings.file_format, made.render.image_settings.color_mode = "PNG", "RGBA"
    return made


def imported(file: Path) -> list[bpy.types.Object]:
    before = set(bpy.data.objects)
    bpy.ops.import_scene.gltf(filepath=str(file))
    return [each for each in bpy.data.objects if each not in before and each.type == "MESH"]


def box(objects: list[bpy.types.Object]) -> tuple[Vector, Vector]:
    """Lowest and highest corner."""
    bpy.context.view_layer.update()
    corners = [each.matrix_world @ Vector(corner) for each in objects for corner in each.bound_box]
    return (Vector(map(min, *corners)), Vector(map(max, *corners)))


def camera(place: Vector, towards: Vector) -> bpy.types.Object:
    made = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    bpy.context.collection.objects.link(made)
    made.location = place
    made.rotation_euler = (towards - place).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.camera = made
    return made


def shoot(path: Path) -> None:
    bpy.context.scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def heights(file: Path, folder: Path, size: int) -> None:
    made = scene((size, size), 1, True)
    made.view_settings.view_transform = "Raw"
    made.cycles.use_denoising = False
    objects = imported(file)
    low, high = box(objects)
    middle, side = (low + high) / 2, max(high - low)
    material = _height_material(low.z, high.z)
    for each in objects:
        each.data.materials.clear()
        each.data.materials.append(material)
    for name, away in (("above", Vector((0, 0, 2 * side))), ("front", Vector((0, -2 * side, 0)))):
        seen = camera(middle + away, middle)
        seen.data.type, seen.data.ortho_scale = "ORTHO", MARGIN * side
        shoot(folder / f"{file.stem}-{name}.png")


def _height_material(low: float, high: float) -> bpy.types.Material:
    material = bpy.data.materials.new("height")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    where, split = nodes.new("ShaderNodeNewGeometry"), nodes.new("ShaderNodeSeparateXYZ")
    scaled, glow, out = (nodes.new(f"ShaderNode{kind}") for kind in ("MapRange", "Emission", "OutputMaterial"))
    scaled.inputs["From Min"].default_value, scaled.inputs["From Max"].default_value = low, high
    links.new(where.outputs["Position"], split.inputs[0])
    links.new(split.outputs["Z"], scaled.inputs["Value"])
    links.new(scaled.outputs["Result"], glow.inputs["Color"])
    links.new(glow.outputs["Emission"], out.inputs["Surface"])
    return material


def row(files: list[Path], out: Path, size: int, samples: int) -> None:
    rows = math.ceil(len(files) / COLUMNS)
    columns = math.ceil(len(files) / rows)
    made = scene((size * columns, size * rows), samples, False)
    made.view_settings.view_transform = "Standard"
    if out.suffix == ".webp":
        made.render.image_settings.file_format, made.render.image_settings.color_mode = "WEBP", "RGB"
    rise = math.radians(30)
    for number, file in enumerate(files):
        place = Vector((number % columns * APART, -(number // columns) * APART / math.sin(rise), 0))
        _stand(imported(file), place)
    bpy.ops.mesh.primitive_plane_add(size=100)
    floor = bpy.data.materials.new("floor")
    floor.use_nodes = True
    floor.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (0.35, 0.36, 0.38, 1)
    bpy.context.object.data.materials.append(floor)
    sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    sun.data.energy, sun.data.angle, sun.rotation_euler = 2.0, 0.1, (math.radians(45), 0, math.radians(35))
    bpy.context.collection.objects.link(sun)
    world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs[0].default_value = (0.9, 0.95, 1.0, 1)
    world.node_tree.nodes["Background"].inputs[1].default_value = 0.6
    made.world = world
    centre = Vector(((columns - 1) * APART / 2, -(rows - 1) * APART / math.sin(rise) / 2, 0.5))
    seen = camera(centre + 20 * Vector((0, -math.cos(rise), math.sin(rise))), centre)
    seen.data.type, seen.data.ortho_scale = "ORTHO", APART * max(rows, columns)
    shoot(out.resolve())


def _stand(objects: list[bpy.types.Object], place: Vector) -> None:
    """On the floor at ``place``, a turn to the side, the largest side of its box 1 long."""
    stand = bpy.data.objects.new("stand", None)
    bpy.context.collection.objects.link(stand)
    low, high = box(objects)
    for each in objects:
        if each.parent is None:
            each.parent = stand
    stand.scale = Vector((1, 1, 1)) / max(high - low)
    middle = Vector(((low.x + high.x) / 2, (low.y + high.y) / 2, low.z)) / max(high - low)
    stand.rotation_euler = (0, 0, TURN)
    middle.rotate(stand.rotation_euler)
    stand.location = place - middle


if __name__ == "__main__":
    sys.exit(main())
