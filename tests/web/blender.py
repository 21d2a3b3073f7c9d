"""Run by a Python that has Blender as a module (bpy): what Blender shows of .glb files, as one line of JSON each.

{"version", "attributes": the mesh's colour attributes, "seen": [C,3], what its material makes of the corners' base
colour, linear light, baked by Cycles, "stored": [C,3], the corners' own colour, linear light}.
"""

import json
import sys

import bpy


def linear(attribute):
    """The colours [C,3] of a colour attribute of corners."""
    return [[round(x, 4) for x in item.color[:3]] for item in attribute.data]


def shown(path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=path)
    (found,) = [each for each in bpy.data.objects if each.type == "MESH"]
    colours = found.data.color_attributes
    told = {"version": bpy.app.version_string, "attributes": [each.name for each in colours]}
    told["stored"] = linear(colours[0])
    colours.active_color = colours.new("seen", "FLOAT_COLOR", "CORNER")
    bpy.context.view_layer.objects.active = found
    found.select_set(True)
    bpy.context.scene.render.engine = "CYCLES"
    bpy.context.scene.cycles.samples = 1
    try:
        bpy.ops.object.bake(type="DIFFUSE", pass_filter={"COLOR"}, target="VERTEX_COLORS")
    except RuntimeError as error:  # a mesh without a material
        return told | {"failed": str(error)}
    return told | {"seen": linear(found.data.color_attributes["seen"])}


for name in sys.argv[1:]:
    print("shown", json.dumps(shown(name)), flush=True)
