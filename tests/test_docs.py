"""What the documentation shows is what runs."""

import importlib.util
import re
from pathlib import Path

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
    found = re.findall(r"([\d.]+) (?:times by work |dB )?\[([-\d.]+),\s([-\d.]+)\]", text)
    return [tuple(map(float, one)) for one in found]


def test_effective_compute_says_what_its_figures_give(capsys):
    """Every interval that the script prints stands in the page, but for what another numpy draws; README rounds."""
    spec = importlib.util.spec_from_file_location("crossed_interval", ROOT / "scripts" / "crossed_interval.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.main([]) == 0
    printed = intervals(capsys.readouterr().out)
    page = intervals((ROOT / "docs" / "effective_compute.md").read_text())
    (said,) = re.findall(r"- \*\*Measured:\*\*(.*?)\n\n", (ROOT / "README.md").read_text(), re.S)
    assert len(printed) == 10 and len(intervals(said)) == 4

    def stands(one: tuple[float, ...], among: list[tuple[float, ...]], apart: float) -> bool:
        return any(max(abs(a - b) for a, b in zip(one, other)) < apart for other in among)

    assert all(stands(one, page, 0.04) for one in printed), printed
    assert all(stands(one, printed, 0.09) for one in intervals(said)), said
