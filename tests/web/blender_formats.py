"""Run by a Python that has Blender as a module (bpy): a picture of each file as Blender opens it, unlit, by Cycles.

usage: PYTHON blender_formats.py OUT_FOLDER SIZE AZIMUTH ELEVATION DISTANCE FOVY FILE ...   (degrees; OUT/FILE.png)

Azimuth 0 is Blender's front, from -y. Colours are those of the file: a material's base colour, or the vertices' own;
grey where there are none. Points, which Blender draws only in its viewport, become small balls.
"""

import math
import sys
from pathlib import Path

import bpy
from mathutils import Vector

READERS = {"glb": bpy.ops.import_scene.gltf, "obj": bpy.ops.wm.obj_import, "usdz": bpy.ops.wm.usd_import,
           "stl": bpy.ops.wm.stl_import, "ply": bpy.ops.wm.ply_import}
BALL = 0.012


def main():
    folder, size = Path(sys.argv[1]), int(sys.argv[2])
    azimuth, elevation, distance, fovy = map(float, sys.argv[3:7])
    for name in sys.argv[7:]:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        READERS[name.split(".")[-1]](filepath=name)
        for each in [each for each in bpy.data.objects if each.type == "MESH"]:
            if each.data.polygons:
                glow(each)
            else:
                balls(each)
        stage(size, math.radians(azimuth), math.radians(elevation), distance, math.radians(fovy))
        bpy.context.scene.render.filepath = str((folder / f"{Path(name).name}.png").resolve())
        bpy.ops.render.render(write_still=True)


def glow(each):
    """Its base colour as light of its own; without a material a plain one that shows the sun."""
    if not each.data.materials:
        each.data.materials.append(bpy.data.materials.new("none"))
        return
    for material in each.data.materials:
        nodes, links = material.node_tree.nodes, material.node_tree.links
        shader = next((node for node in nodes if node.type == "BSDF_PRINCIPLED"), None)
        if shader is None:
            continue  # it has no light already
        emission, out = nodes.new("ShaderNodeEmission"), next(node for node in nodes if node.type == "OUTPUT_MATERIAL")
        base = shader.inputs["Base Color"]
        if base.links:
            links.new(base.links[0].from_socket, emission.inputs["Color"])
        else:
            emission.inputs["Color"].default_value = base.default_value
        links.new(emission.outputs["Emission"], out.inputs["Surface"])


def balls(each):
    """A ball at every vertex, by geometry nodes, of the vertices' colour where there is one."""
    material = bpy.data.materials.new("points")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    emission, out = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    emission.inputs["Color"].default_value = (0.4, 0.4, 0.4, 1)
    if each.data.color_attributes:
        colour = nodes.new("ShaderNodeAttribute")
        colour.attribute_name = each.data.color_attributes[0].name
        links.new(colour.outputs["Color"], emission.inputs["Color"])
    links.new(emission.outputs["Emission"], out.inputs["Surface"])
    tree = bpy.data.node_groups.new("balls", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    given, points, painted, given_back = (tree.nodes.new(kind) for kind in (
        "NodeGroupInput", "GeometryNodeMeshToPoints", "GeometryNodeSetMaterial", "NodeGroupOutput"))
    points.inputs["Radius"].default_value = BALL
    painted.inputs["Material"].default_value = material
    tree.links.new(given.outputs[0], points.inputs["Mesh"])
    tree.links.new(points.outputs[0], painted.inputs["Geometry"])
    tree.links.new(painted.outputs[0], given_back.inputs[0])
    each.modifiers.new("balls", "NODES").node_group = tree


def stage(size, azimuth, elevation, distance, fovy):
    made = bpy.context.scene
    made.render.engine, made.cycles.device, made.cycles.samples = "CYCLES", "CPU", 16
    made.render.resolution_x = made.render.resolution_y = size
    made.render.film_transparent = True
    made.view_settings.view_transform = "Standard"
    made.render.image_settings.file_format, made.render.image_settings.color_mode = "PNG", "RGBA"
    world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs[0].default_value = (1, 1, 1, 1)
    made.world = world
    seen = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    seen.data.angle = fovy
    around = azimuth - math.pi / 2  # carv3d's +x is Blender's -y
    seen.location = distance * Vector((math.cos(elevation) * math.cos(around), math.cos(elevation) * math.sin(around),
                                       math.sin(elevation)))
    seen.rotation_euler = (-seen.location).to_track_quat("-Z", "Y").to_euler()
    bpy.context.collection.objects.link(seen)
    made.camera = seen


if __name__ == "__main__":
    main()
