"""What the documentation shows is what runs."""

import csv
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


def test_the_estimator_example_runs_and_gives_what_it_says(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "estimator.md").read_text(), re.S)
    exec(compile(code, "docs/estimator.md", "exec"), {})
    a, b = map(float, capsys.readouterr().out.split())
    assert abs(a - 3) < 0.1 and abs(b - 0.5) < 0.1


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))])
def test_links_lead_somewhere(page):
    path = ROOT / page
    for target in re.findall(r"\]\s?\(([^)#]+)\)", path.read_text()):
        assert target.startswith("http") or (path.parent / target).exists(), target


def intervals(text: str) -> list[tuple[float, ...]]:
    """Every "value [low, high]"."""
    found = re.findall(r"(-?[\d.]+) (?:times by work |dB )?\[(-?[\d.]+),\s(-?[\d.]+)\]", text)
    return [tuple(map(float, one)) for one in found]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stands(one: tuple[float, ...], among: list[tuple[float, ...]], apart: float) -> bool:
    return any(max(abs(a - b) for a, b in zip(one, other)) < apart for other in among)


def recorded(path: Path) -> list[tuple[float, ...]]:
    """Every number with an interval in a CSV of a report: columns value, low, high, or NAME_value and so on."""
    with open(path, newline="") as handle:
        rows = list(csv.DictReader(handle))
    names = [name.removesuffix("value") for name in (rows[0] if rows else ()) if name.endswith("value")]
    return [tuple(float(row[name + end]) for end in ("value", "low", "high")) for row in rows for name in names
            if row[name + "value"] and row[name + "low"]]


def test_the_page_on_guidance_has_the_tables_of_its_files(capsys):
    """Word for word. Control: a figure that is not in them."""
    page = (ROOT / "docs" / "guidance.md").read_text()
    assert script("guidance_tables").main([]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(lines) > 30 and [line for line in lines if line not in page.splitlines()] == []
    assert [line for line in page.splitlines() if line.startswith("| bundled, 1 |") and line not in lines] == []
    assert "| bundled, 1 | 7.77 |" not in page


def test_effective_compute_says_what_its_figures_give(capsys):
    """Every interval of the experiment's part of the page is one of its CSVs', or of what the scripts print of them; of
    the first edition all that its script prints stands there; README's are the page's."""
    assert script("crossed_interval").main([]) == 0
    first = intervals(capsys.readouterr().out)
    folder, text = ROOT / "docs" / "effective_compute", (ROOT / "docs" / "effective_compute.md").read_text()
    assert all(script("auto_share").main([str(at)]) == 0 for at in (folder, folder / "auto", folder / "gaussians",
                                                                       folder / "dear"))
    shares = intervals(capsys.readouterr().out)
    known = [*shares, *(one for path in folder.rglob("*.csv") for one in recorded(path))]
    part = intervals(text.split("## A NeRF")[1].split("## Where the noise sits")[0])
    assert len(part) > 40 and [one for one in part if not stands(one, known, 0.0051)] == []
    assert len(first) == 10 and all(stands(one, intervals(text), 0.04) for one in first), first
    (said,) = re.findall(r"- \*\*Measured:\*\*(.*?)\n\n", (ROOT / "README.md").read_text(), re.S)
    assert len(intervals(said)) >= 2 and all(stands(one, part, 0.051) for one in intervals(said)), said
    assert not stands((7.77, 7.0, 8.0), known, 0.0051)  # the control: what nobody found
