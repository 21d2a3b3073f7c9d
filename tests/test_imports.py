"""What is loaded by whom, proved in fresh interpreters; test_layers.py says who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import carv3d


def loaded(code: str) -> set[str]:
    """Modules present after running ``code`` in a fresh interpreter."""
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(out.stdout.split())


HEAVY = {"torch", "diffusers", "transformers", "peft", "numba", "nerfacc", "openvino", "onnxruntime"}


TRAINING = {"carv3d.text3d", "carv3d.scenes", "carv3d.diffusion", "carv3d.objectives", "carv3d.teachers", "numba",
            "nerfacc", "diffusers", "transformers", "peft"}


@pytest.mark.parametrize("code,forbidden", [
    ("import carv3d", HEAVY | {"omegaconf"}),
    ("import carv3d.cli\ntry: carv3d.cli.main(['--help'])\nexcept SystemExit: pass", HEAVY | {"omegaconf"}),
    ("import carv3d.config, carv3d.text3d.build, carv3d.teachers, carv3d.runs.folder", HEAVY),
    ("import carv3d.toybox.grammar", HEAVY),
    ("import carv3d.carv, carv3d.carv.sampler, carv3d.carv.choose_k, carv3d.carv.bootstrap",
     {"diffusers", "numba", "nerfacc", "carv3d.scenes", "carv3d.diffusion", "carv3d.config", "carv3d.toybox",
      "carv3d.runtime"}),
    ("import carv3d.diffusion.exact, carv3d.diffusion.prompts",
     {"carv3d.scenes", "carv3d.carv", "carv3d.toybox", "numba"}),
    ("import carv3d.diffusion.weights", HEAVY | {"huggingface_hub"}),
    ("import carv3d.sweep.engine, carv3d.sweep.plan, carv3d.sweep.executor, carv3d.commands.sweep", HEAVY | {"ray"}),
    ("from carv3d import config\nfrom carv3d.text3d import build\n"
     "build.settle(config.load(None, ['prompt=a red cube', 'teacher.type=exact', 'scene.type=gaussians']))", HEAVY),
    ("import carv3d.commands.report, carv3d.report.page, carv3d.report.study, carv3d.report.multipliers", TRAINING),
    ("import carv3d.commands.view, carv3d.report.gallery, carv3d.report.serving", HEAVY | TRAINING),
    ("import carv3d.report.attribution", TRAINING | {"carv3d.attribution"}),
    ("import carv3d.measure.summary, carv3d.measure.table, carv3d.measure.plots", TRAINING),
    ("import carv3d.scenes.nerf, carv3d.scenes.image",
     {"carv3d.carv", "carv3d.diffusion", "carv3d.toybox", "diffusers", "triton"}),
    ("import carv3d.scenes.gaussians, carv3d.scenes.starts, carv3d.scenes.kernels.splats.compiled",
     {"carv3d.carv", "carv3d.diffusion", "carv3d.toybox", "carv3d.export", "diffusers", "nerfacc", "gsplat", "plyfile"}),
    ("import carv3d.text3d.step, carv3d.objectives.vsd, carv3d.objectives.csd, carv3d.objectives.sds",
     {"diffusers", "transformers", "peft", "carv3d.toybox", "nerfacc"}),
    ("import carv3d.diffusion.stable_diffusion, carv3d.diffusion.lora, carv3d.diffusion.engines.choice",
     {"diffusers", "transformers", "peft", "openvino", "onnxruntime"}),
    ("import carv3d.diffusion.engines.packages", HEAVY),
    ("import carv3d.commands.render, carv3d.export.video, carv3d.export.images",
     {"diffusers", "carv3d.diffusion.exact", "carv3d.toybox", "carv3d.carv"}),
    ("import carv3d.commands.export, carv3d.export.mesh, carv3d.export.splat",
     {"carv3d.diffusion", "carv3d.toybox", "carv3d.carv", "trimesh", "skimage", "scipy", "xatlas", "plyfile",
      "numba.core"}),
])
def test_loads_no_more_than_it_may(code, forbidden):
    assert not loaded(code) & forbidden


def importers(*libraries: str) -> set[str]:
    """The package's files that import one of the libraries, at the top or inside a function."""
    package = Path(carv3d.__file__).parent
    found = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            if any(name.split(".")[0] in libraries for name in names):
                found.add(str(path.relative_to(package)))
    return found


def test_few_files_import_diffusers():
    """The control: those files do."""
    assert importers("diffusers") == {"diffusion/loading.py", "diffusion/adapters.py", "diffusion/convert.py"}
    assert importers("transformers") == {"diffusion/loading.py", "diffusion/text.py", "quality/clip.py"}


def test_one_file_imports_peft():
    assert importers("peft") == {"diffusion/adapters.py"}


def test_one_file_imports_ray():
    assert importers("ray") == {"sweep/ray_cluster.py"}


def test_one_file_knows_torch_distributed():
    package = Path(carv3d.__file__).parent
    assert [path.name for path in package.rglob("*.py") if "torch.distributed" in path.read_text()] == ["distributed.py"]


def test_engines_are_imported_where_they_are_chosen():
    assert importers("openvino") == {"diffusion/engines/openvino.py"}
    assert importers("onnxruntime", "onnx") == {"diffusion/engines/onnx.py"}


def test_gsplat_and_plyfile_are_imported_where_they_are_chosen():
    """Inside functions: the import above shows that they are not loaded."""
    assert importers("gsplat") == {"scenes/kernels/backends.py", "scenes/kernels/splats/cuda.py"}


def test_triton_is_imported_where_it_is_chosen():
    assert importers("triton") == {f"scenes/kernels/rays/triton_{each}.py" for each in ("grid", "march", "volume")}


def test_control_the_check_sees_what_is_loaded():
    assert "torch" in loaded("import carv3d.carv")
