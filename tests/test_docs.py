"""What the documentation shows is what runs."""

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
