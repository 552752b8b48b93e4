"""What may import what, and that tinytorch runs where there is nothing but NumPy and ml_dtypes."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SOURCES = sorted((REPOSITORY / "tinytorch").rglob("*.py"))

# The only packages beside Python's own that tinytorch may import when it is imported.
ALLOWED = {"tinytorch", "numpy", "ml_dtypes"}

# Nothing imports this but a program that asks for it: what it writes are another package's classes, in torch as here.
TENSORBOARD = {REPOSITORY / "tinytorch/utils/tensorboard": {"tensorboard", "google", "PIL", "matplotlib"}}


def allowed(path: Path) -> set[str]:
    return ALLOWED | TENSORBOARD.get(path.parent, set())


def run(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=100
    )


def test_import_rules() -> None:
    """The contracts in pyproject.toml."""
    pytest.importorskip("importlinter")
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_runs_with_torch_blocked() -> None:
    """Importing and using it touches no torch, even where one is installed."""
    done = run(
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('torch', 'conformance', 'pytest', 'hypothesis', 'scipy'):\n"
        "            raise ImportError('blocked: ' + name)\n"
        "sys.meta_path.insert(0, Block())\n"
        "import tinytorch\n"
        "a = tinytorch.ones(2, 3, requires_grad=True)\n"
        "(a * a).sum().backward()\n"
        "print(a.grad.tolist())\n"
    )
    assert (done.returncode, done.stdout) == (0, "[[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]]\n"), done.stderr


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def top_level_imports(tree: ast.Module) -> set[str]:
    """Packages imported when the module is, wherever in it; not those inside functions or for type checkers."""
    found: set[str] = set()
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("tinytorch" if node.level else (node.module or "").partition(".")[0])
        waiting += ast.iter_child_nodes(node)
    return found


def test_imports_only_what_is_light() -> None:
    heavy = {
        str(path.relative_to(REPOSITORY)): packages
        for path in SOURCES
        if (packages := top_level_imports(parsed(path)) - allowed(path) - sys.stdlib_module_names)
    }
    assert heavy == {}


def test_scipy_is_the_only_other_package() -> None:
    """Inside functions too."""
    found: dict[str, set[str]] = {}
    for path in SOURCES:
        imports: set[str] = set()
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Import):
                imports |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imports.add((node.module or "").partition(".")[0])
        if others := imports - allowed(path) - {"scipy"} - sys.stdlib_module_names:
            found[str(path.relative_to(REPOSITORY))] = others
    assert found == {}
