"""The documentation as a site: it builds, every link in it leads somewhere, and it asks no other host for anything."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OUTSIDE = re.compile(r"""<(?:script|img|iframe|link)\b[^>]*?\b(?:src|href)=["']?(?:https?:)?//""")


def built(root: Path, out: Path) -> subprocess.CompletedProcess:
    if importlib.util.find_spec("material") is None or importlib.util.find_spec("mkdocs") is None:
        pytest.skip('mkdocs-material is not installed: pip install "carv3d[docs]"')
    return subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(root / "mkdocs.yml"),
                           "--site-dir", str(out)], capture_output=True, text=True)


def test_every_page_is_in_the_navigation():
    named = re.findall(r": (\w+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M)
    assert sorted(named) == sorted(path.name for path in (ROOT / "docs").glob("*.md")) and named[0] == "index.md"


def test_the_site_builds_strictly(tmp_path):
    done = built(ROOT, tmp_path)
    assert done.returncode == 0, done.stderr  # --strict: a warning ends it
    pages = {str(path.relative_to(tmp_path)): path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")}
    assert "gallery.webp" in pages["index.html"] and (tmp_path / "gallery.webp").is_file()
    assert "estimator" in pages["source/configs/base.yaml.html"] and "draws.csv" in pages["source/docs/effective_compute.html"]
    found = json.loads((tmp_path / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    assert any("antithetic" in each["text"] for each in found) and not any(each["location"].startswith("source/") for each in found)
    assert [name for name, text in pages.items() if OUTSIDE.search(text)] == []
    assert OUTSIDE.search('<link rel="stylesheet" href="https://fonts.example/css">')  # the control
    for name, text in pages.items():  # as a browser would follow them
        for link in re.findall(r'(?:href|src)="([^"#?:]+)[#"?]', text.replace("404.html", "")):
            assert name == "404.html" or (tmp_path / name).parent.joinpath(link).exists(), (name, link)


@pytest.mark.parametrize("line,told", [("[there](nowhere.md)", "nowhere.md"), ("[there](results.md#no-such-heading)", "no-such-heading"),
                                       ("[there](../configs/nowhere.yaml)", "nowhere.yaml"), ("[there](/results.md)", "/results.md")])
def test_a_link_that_leads_nowhere_ends_the_build(tmp_path, line, told):
    """The control, in a copy of two pages."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "site_hooks.py", tmp_path / "scripts")
    (tmp_path / "mkdocs.yml").write_text((ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("nav:")[0])
    (tmp_path / "docs" / "results.md").write_text("# Results\n")
    (tmp_path / "docs" / "index.md").write_text("# A page\n\n[there](results.md#results)\n")
    if told == "nowhere.md":
        assert built(tmp_path, tmp_path / "site").returncode == 0
    (tmp_path / "docs" / "index.md").write_text(f"# A page\n\n{line}\n")
    done = built(tmp_path, tmp_path / "site")
    assert done.returncode != 0 and told in done.stdout + done.stderr
