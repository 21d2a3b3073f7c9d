"""Our calls of the CUDA libraries against the signatures of the libraries themselves, which no GPU is needed for.

gsplat and nerfacc are imported as they are installed; of tiny-cuda-nn, which cannot be imported without CUDA, the part
that is used was written down (tests/data/tinycudann.json), and the stand-in that the other tests run is held to it.
"""

import ast
import inspect
import json
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
KERNELS = HERE.parents[1] / "carv3d" / "scenes" / "kernels"
sys.path[:0] = [str(HERE)]


def calls(library: str) -> list[tuple[str, str, int, list[str]]]:
    """Every call of a function of the library in the kernels: where, its dotted name, positional arguments, keywords.
    Names that were imported from it count as its own."""
    found = []
    for path in sorted(KERNELS.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        own = {alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
               and node.module and node.module.split(".")[0] == library for alias in node.names}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, (ast.Name, ast.Attribute)):
                continue
            name = ast.unparse(node.func)
            if name in own or name.rpartition(".")[0] == library:
                keywords = [keyword.arg for keyword in node.keywords]
                assert None not in keywords and not any(isinstance(each, ast.Starred) for each in node.args), name
                found.append((f"{path.name}:{node.lineno}", name.removeprefix(f"{library}."), len(node.args), keywords))
    return found


def bound(function, count: int, keywords: list[str]) -> None:
    """TypeError where the function would not take such a call."""
    inspect.signature(function).bind(*[None] * count, **dict.fromkeys(keywords))


def test_calls_are_found_and_a_wrong_one_does_not_bind():
    """The control of this file's own tools."""
    assert {name for _, name, _, _ in calls("gsplat")} == {"rasterization", "quat_scale_to_covar_preci"}
    assert {name for _, name, _, _ in calls("nerfacc")} == {"render_weight_from_density", "accumulate_along_rays"}
    assert [name for _, name, _, _ in calls("tinycudann")].count("Encoding") >= 2
    bound(lambda a, *, b=1: None, 1, ["b"])
    for count, keywords in ((2, []), (1, ["c"]), (0, ["b"])):
        with pytest.raises(TypeError):
            bound(lambda a, *, b=1: None, count, keywords)


@pytest.mark.parametrize("library", ["nerfacc", "gsplat"])
def test_our_calls_bind(library):
    module = pytest.importorskip(library)
    for where, name, count, keywords in calls(library):
        try:
            bound(getattr(module, name), count, keywords)
        except (TypeError, AttributeError) as error:
            raise AssertionError(f"{where} calls {library}.{name}: {error}") from error


def test_what_gsplat_returns_is_what_we_read():
    """Of 1.5: meta holds means2d and radii, and ``rasterization`` itself passes means2d to the rasteriser, so that it
    collects a gradient; a later one that computes both in one function gives a tensor that nothing comes back to."""
    rendering = pytest.importorskip("gsplat.rendering")
    tree = ast.parse(inspect.getsource(rendering.rasterization))
    keys = {key.value for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys
            if isinstance(key, ast.Constant)}
    assert {"means2d", "radii"} <= keys
    drawn = [node for node in ast.walk(tree) if isinstance(node, ast.Call)
             and ast.unparse(node.func) == "rasterize_to_pixels"]
    assert drawn and all("means2d" in [ast.unparse(each) for each in node.args] for node in drawn)


def test_tinycudann_as_it_was_read():
    import stubs

    said = json.loads((HERE.parent / "data" / "tinycudann.json").read_text())["Encoding"]
    parameters = [each for each in inspect.signature(stubs.Encoding).parameters.values()]
    assert [each.name for each in parameters] == [name for name, _ in said["parameters"]]
    assert [None if each.default is each.empty else each.default for each in parameters] == [
        default for _, default in said["parameters"]]
    assert list(inspect.signature(stubs.Encoding.forward).parameters)[1:] == said["forward"]
    for where, name, count, keywords in calls("tinycudann"):
        assert name == "Encoding", where
        bound(stubs.Encoding, count, keywords)


@pytest.mark.parametrize("attribute", ["native", "table"])
def test_the_stand_in_has_no_attribute_that_the_original_lacks(attribute):
    import stubs

    said = json.loads((HERE.parent / "data" / "tinycudann.json").read_text())["Encoding"]
    assert attribute not in said["attributes"] and not hasattr(stubs.Encoding, attribute)
    assert all(each in inspect.getsource(stubs.Encoding.__init__) for each in said["attributes"])


def test_another_gsplat_is_one_line(monkeypatch):
    import torch

    from carv3d.runtime.errors import UserError
    from carv3d.scenes.kernels import backends
    from carv3d.scenes.kernels.splats import cuda

    gsplat = pytest.importorskip("gsplat")
    cuda.require_version()
    for version in ("1.6.0", "1.4.2", "2.0"):
        monkeypatch.setattr(gsplat, "__version__", version)
        with pytest.raises(UserError, match=f"gsplat {version} .*gsplat>=1.5,<1.6") as told:
            cuda.require_version()
        assert "\n" not in str(told.value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    backends.probe_one.cache_clear()
    try:
        with pytest.raises(UserError, match="gsplat 2.0"):
            backends.choose("scene.gaussians.raster_backend", "gsplat", torch.device("cuda"), {"cuda": ("gsplat",)})
    finally:
        backends.probe_one.cache_clear()
