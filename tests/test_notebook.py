"""notebooks/quickstart.ipynb runs from top to bottom; here at a size that takes seconds."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "quickstart.ipynb"
TOY = """
PROMPT, STEPS, CAMERAS, FOLDER = "a red mushroom", 6, 2, "outputs"
OPTIONS = ["data.width=16", "data.height=16", "teacher.type=exact", "teacher.exact.set_size=2", "data.views=4", "device=cpu",
           "scene.nerf.levels=4", "scene.nerf.table_size=2048", "scene.nerf.samples_per_ray=32", "export.video_frames=4"]
"""


def test_the_notebook_is_committed_without_what_it_showed():
    """No outputs, and so no path and no processor of whoever ran it last; its first code cell is the parameters."""
    cells = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells) and len(cells) > 8
    assert cells[0]["metadata"]["tags"] == ["parameters"]
    assert not re.search(r"/(home|root|tmp|work|Users)/", NOTEBOOK.read_text(encoding="utf-8"))


def test_the_notebook_runs_from_top_to_bottom(tmp_path, monkeypatch):
    """In the interpreter of the tests, and leaves nothing but outputs/ where it runs. Control: a cell that fails is an
    error."""
    for name in ("nbclient", "nbformat", "ipykernel"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f'{name} is not installed: pip install "carv3d[notebook]"')
    import nbformat
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    class Here(KernelSpecManager):
        def get_kernel_spec(self, kernel_name):
            return KernelSpec(argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], language="python",
                              display_name="Python 3")

    for variable in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    (tmp_path / "empty").mkdir()

    def run(book):
        kernel = AsyncKernelManager(kernel_spec_manager=Here(), kernel_name="python3")
        NotebookClient(book, km=kernel, timeout=1800, resources={"metadata": {"path": str(tmp_path / "empty")}}).execute()

    book = nbformat.read(NOTEBOOK, as_version=4)
    next(cell for cell in book.cells if cell.cell_type == "code").source = TOY
    run(book)
    shown = [output for cell in book.cells for output in cell.get("outputs", [])]
    text = "".join(output.get("text", "") for output in shown)
    assert "finished after 6 steps" in text and "plain: " in text and "K = 2: " in text
    assert re.search(r"plain: mean 0\.[34]\d+ .*\ncarv: mean 0\.[34]\d+ ", text) and re.search(r"\.glb \d+ KiB", text)
    kinds = [kind for output in shown for kind in output.get("data", {})]
    assert kinds.count("image/png") >= 2 and "text/html" in kinds and [path.name for path in (tmp_path / "empty").iterdir()] == ["outputs"]
    book.cells = book.cells[:1] + [nbformat.v4.new_code_cell("raise SystemError('planted')")]
    with pytest.raises(CellExecutionError, match="planted"):
        run(book)
