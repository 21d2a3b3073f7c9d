"""The plan of the package as its own imports draw it, read from the source and never from running modules.

``python tests/plan.py`` prints its figures. A room is a folder of the package, or a file at its top.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "carv3d"


def module(path: Path, package: Path) -> str:
    """carv3d.a.b of a file, carv3d.a of a folder's __init__.py."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources(package: Path = PACKAGE) -> dict[str, Path]:
    """Module -> file."""
    return {module(path, package): path for path in sorted(package.rglob("*.py"))}


@cache
def parsed(text: str) -> list[ast.AST]:
    """All nodes of a source, kept by its text, so that a copy of the package costs nothing."""
    return list(ast.walk(ast.parse(text)))


def nodes(path: Path) -> list[ast.AST]:
    return parsed(path.read_text(encoding="utf-8"))


def imports(package: Path = PACKAGE) -> dict[str, frozenset[str]]:
    """Module -> those of the package that it imports, at its top or inside a function, for types alone or not."""
    known, out = sources(package), {}
    for name, path in known.items():
        found = set()
        for node in nodes(path):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    found.add(whole if whole in known else node.module)
        out[name] = frozenset(found & known.keys() - {name})
    return out


def room(name: str) -> str:
    """carv3d.scenes.nerf -> scenes."""
    return (name.split(".") + ["carv3d"])[1] if "." in name else "carv3d"


def rooms(package: Path = PACKAGE) -> dict[str, set[str]]:
    """Room -> rooms that it imports."""
    out: dict[str, set[str]] = {}
    for name, found in imports(package).items():
        out.setdefault(room(name), set()).update(room(other) for other in found)
    return {name: others - {name, "carv3d"} for name, others in out.items() if name != "carv3d"}


def circles(graph: dict[str, set[str]] | dict[str, frozenset[str]]) -> list[list[str]]:
    """Sets of nodes that reach one another (Tarjan's strongly connected components of more than one)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            at = stack.index(node)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def storeys(graph: dict[str, set[str]]) -> dict[str, int]:
    """Room -> its floor: one above the highest that it imports. Of a graph without circles."""
    floors: dict[str, int] = {}

    def floor(node: str) -> int:
        if node not in floors:
            floors[node] = 1 + max((floor(other) for other in graph.get(node, ())), default=0)
        return floors[node]

    for node in graph:
        floor(node)
    return floors


def functions(package: Path = PACKAGE) -> Iterator[tuple[str, int]]:
    """Every function with its number of lines, those of nested ones included."""
    for path in sources(package).values():
        for node in nodes(path):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield f"{path.relative_to(package)}:{node.name}", node.end_lineno - node.lineno + 1


def files(package: Path = PACKAGE) -> dict[str, int]:
    """File -> its number of lines."""
    return {str(path.relative_to(package)): len(path.read_text(encoding="utf-8").splitlines())
            for path in sources(package).values()}


def mentions(word: str, package: Path = PACKAGE) -> int:
    """How often a name stands in the code, import lines included."""
    return sum(isinstance(node, ast.Name) and node.id == word or isinstance(node, ast.alias) and node.name == word
               for path in sources(package).values() for node in nodes(path))


def entries(package: Path = PACKAGE) -> list[str]:
    """What lies at the package's top."""
    return sorted(path.name for path in package.iterdir() if path.name != "__pycache__")


def figures(package: Path = PACKAGE) -> dict[str, object]:
    longest, most = max(functions(package), key=lambda pair: pair[1]), max(files(package).items(), key=lambda p: p[1])
    graph = rooms(package)
    tied = circles(imports(package))
    return {"entries at the top": len(entries(package)), "circles of files": len(tied),
            "circles of rooms": len(circles(graph)),
            "storeys": "-" if circles(graph) else max(storeys(graph).values()), "longest function": longest,
            "longest file": most, "Any": mentions("Any", package)}


if __name__ == "__main__":
    import sys

    package = Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE
    for name, value in figures(package).items():
        print(f"{name}: {value}")
    graph = rooms(package)
    for name, found in sorted(graph.items()):
        print(f"  {name}: {', '.join(sorted(found)) or '-'}")
    for group in circles(imports(package)) + circles(graph):
        print("circle:", ", ".join(group))
