"""What axe-core finds wrong with a page that is open in ``devtools``."""

from __future__ import annotations

import json
from pathlib import Path

import browser
from devtools import Tab

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"


def missing() -> str | None:
    """What is not there for ``violations``, or None."""
    if not AXE.is_file():
        return "axe-core is missing: npm ci in tests/web"
    return None if browser.chromium() else "chromium is missing: apt-get install chromium, or CARV3D_CHROMIUM"


def violations(tab: Tab) -> list[str]:
    """Of every rule that is on by default, best practices among them: its name and the first element that breaks it."""
    if not tab.run("typeof axe === 'object'"):
        tab.run(AXE.read_text(encoding="utf-8") + ";0")
    found = tab.run("axe.run(document, {resultTypes: ['violations']}).then(found => JSON.stringify(found.violations.map("
                    "each => [each.id, each.impact, each.nodes.length, each.nodes[0].html.slice(0, 200)])))")
    return [f"{name} ({impact}, {count}): {html}" for name, impact, count, html in json.loads(found)]
