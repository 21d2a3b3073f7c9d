"""The plan of the package, held by its own imports: which room may import which, no circles, nothing too long."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import plan  # noqa: E402

MAY_IMPORT = {  # room -> those it may import, of the rooms below it
    "runtime": set(),
    "carv": set(),
    "config": {"runtime"},
    "cameras": {"runtime"},
    "lights": {"runtime"},
    "diffusion": {"cameras", "config", "lights", "runtime"},
    "scenes": {"cameras", "config", "lights", "runtime"},
    "runs": {"config", "runtime"},
    "toybox": {"cameras", "diffusion", "lights", "runtime"},
    "sweep": {"config", "runs", "runtime"},
    "report": {"carv", "config", "runs", "sweep", "runtime"},
    "attribution": {"carv", "config", "diffusion", "digits", "report", "runtime"},
    "digits": {"diffusion", "runtime"},
    "onestep": {"carv", "config", "diffusion", "digits", "report", "runtime"},
    "objectives": {"carv", "config", "diffusion", "runtime"},
    "teachers": {"config", "diffusion", "toybox", "runtime"},
    "export": {"cameras", "config", "lights", "runs", "scenes", "runtime"},
    "quality": {"cameras", "config", "diffusion", "export", "scenes", "toybox", "runtime"},
    "text3d": {"cameras", "carv", "config", "diffusion", "export", "lights", "objectives", "quality", "runs", "scenes",
               "teachers", "toybox", "runtime"},
    "measure": {"cameras", "carv", "config", "scenes", "text3d", "runtime"},
    "commands": {"attribution", "cameras", "config", "diffusion", "digits", "export", "measure", "onestep", "quality", "report", "runs", "scenes", "sweep", "teachers",
                 "text3d", "toybox", "runtime"},
    "cli": {"runtime"},
    "__main__": {"cli"},
}
LINES = {"function": 60, "file": 400}
EXCEPTIONS = {  # what may be longer, at most five, each with its reason
    "cli.py:parser": "the whole command line on one page, one statement an option",
}
STOREYS, ENTRIES, ANYS = 9, 25, 60


def violations(package: Path = plan.PACKAGE) -> list[str]:
    """Everything in which the package departs from the plan, one line each."""
    found = []
    for room, others in sorted(plan.rooms(package).items()):
        found += [f"{room} imports {other}" for other in sorted(others - MAY_IMPORT.get(room, set()))]
    graph = plan.rooms(package)
    found += [f"circle: {', '.join(group)}" for group in plan.circles(plan.imports(package)) + plan.circles(graph)]
    if not plan.circles(graph) and (high := max(plan.storeys(graph).values())) > STOREYS:
        found.append(f"{high} storeys")
    if (count := len(plan.entries(package))) > ENTRIES:
        found.append(f"{count} entries at the top")
    for kind, sizes in (("function", plan.functions(package)), ("file", plan.files(package).items())):
        found += [f"{name}: {lines} lines" for name, lines in sizes if lines > LINES[kind] and name not in EXCEPTIONS]
    if (count := plan.mentions("Any", package)) > ANYS:
        found.append(f"Any {count} times")
    return found


def test_the_package_keeps_to_its_plan():
    assert violations() == []


def test_exceptions_are_few_and_needed():
    sizes = dict(plan.functions()) | plan.files()
    assert len(EXCEPTIONS) <= 5
    assert all(sizes[name] > LINES["function" if ":" in name else "file"] for name in EXCEPTIONS)


@pytest.mark.parametrize("file,line,told", [
    ("carv/noise.py", "from carv3d.scenes.base import Scene", "carv imports scenes"),
    ("report/page.py", "def late():\n    from carv3d.text3d import build\n    return build", "report imports text3d"),
    ("runtime/rng.py", "from carv3d.runtime.distributed import World\nfrom carv3d.runtime.devices import device\n",
     None),  # within a room anything goes, but a circle
    ("runtime/errors.py", "import carv3d.runtime.files", "circle: carv3d.runtime.errors, carv3d.runtime.files"),
    ("config/schema.py", "from carv3d.config.load import load", "circle: "),
    ("toybox/lists.py", "def long():\n" + "    pass\n" * 61, "toybox/lists.py:long: 62 lines"),
    ("toybox/lists.py", "\n" * 400, "toybox/lists.py: "),
])
def test_planted_violations_are_caught(tmp_path, file, line, told):
    """The control: a copy of the package with one line more."""
    package = tmp_path / "carv3d"
    shutil.copytree(plan.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    assert violations(package) == violations()
    with open(package / file, "a", encoding="utf-8") as handle:
        handle.write(f"\n\n{line}\n")
    new = set(violations(package)) - set(violations())
    assert not new if told is None else any(each.startswith(told) for each in new), new


def test_nothing_imports_a_room_that_is_not_there():
    assert set(plan.rooms()) == set(MAY_IMPORT)
