"""The harness judges any library: it knows PyTorch's public names, and of the implementation nothing but its name."""

from __future__ import annotations

import ast
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "conformance"
# the kept counterexamples are programs as users write them, not part of the harness
SOURCES = sorted(path for path in FOLDER.rglob("*.py") if path.parent.name != "found")
LIBRARIES = {"torch", "tinytorch"}


def imported(path: Path) -> set[str]:
    """Top names of everything imported anywhere in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def test_one_file_imports_a_library() -> None:
    assert [path.name for path in SOURCES if imported(path) & LIBRARIES] == ["engine.py"]


def test_the_implementation_is_known_by_name_only() -> None:
    """Its name is a default of the command line; nothing of what is inside it appears."""
    naming = {
        path.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "tinytorch" in node.value
    }
    assert naming == {"cli.py"}
    assert [path.name for path in SOURCES if "tinytorch." in path.read_text(encoding="utf-8")] == []
