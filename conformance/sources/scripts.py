"""Whole scripts: the same file runs under both libraries in processes of their own, and their output is compared."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.sources.leftovers import compare_left, load
from conformance.textual import TextDifference, compare_text

# for implementations without a `python -m` runner of their own: serve `import torch` by aliasing module names
ALIAS = """
import importlib, importlib.machinery, sys
class Finder:
    def find_spec(self, wanted, path=None, target=None):
        if wanted.partition(".")[0] == "torch":
            return importlib.machinery.ModuleSpec(wanted, self, is_package=True)
    def create_module(self, spec):
        module = importlib.import_module({name!r} + spec.name[len("torch"):])
        self.own = getattr(module, "__spec__", None)
        return module
    def exec_module(self, module):
        module.__spec__ = self.own
sys.meta_path.insert(0, Finder())
"""
START = """
import os, runpy, sys
file = sys.argv[1]
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(os.path.abspath(file)))
if {seed!r} is not None:
    import torch
    torch.manual_seed({seed!r})
left = runpy.run_path(file, run_name="__main__")
if {leave!r}:
    from conformance.sources.leftovers import save
    save(left, sys.modules["torch"], {leave!r})
"""
AS_MODULE = """
import runpy, sys
sys.path.insert(0, "")
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""


def has_runner(package: str) -> bool:
    """Whether `python -m package` exists, found without importing it."""
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None
    return any((Path(folder) / "__main__.py").exists() for folder in folders or [])


def command_line(
    file: Path, implementation: str, arguments: list[str], seed: int | None, leave: str = ""
) -> list[str]:
    """How the file is started: directly, or through a few lines that seed first or alias `torch`."""
    runner = implementation != "torch" and has_runner(implementation)
    start = [sys.executable, *(["-m", implementation] if runner else [])]
    if seed is None and not leave and (runner or implementation == "torch"):
        return [*start, str(file), *arguments]
    code = START.format(seed=seed, leave=leave)
    if not runner and implementation != "torch":
        code = ALIAS.format(name=implementation) + code
    return [*start, "-c", code, str(file), *arguments]


def module_command(implementation: str, module: str, arguments: list[str]) -> list[str]:
    """How `python -m module` is started with `import torch` served by the implementation."""
    if implementation == "torch":
        return [sys.executable, "-m", module, *arguments]
    if has_runner(implementation):
        return [sys.executable, "-m", implementation, "-m", module, *arguments]
    code = ALIAS.format(name=implementation) + AS_MODULE.format(module=module)
    return [sys.executable, "-c", code, *arguments]


def environment() -> dict[str, str]:
    """One thread, a fixed order of sets, a fixed width of text."""
    variables = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    variables.update(PYTHONHASHSEED="0", COLUMNS="80", PYTHONPATH=search_path())
    return variables


@dataclass(frozen=True)
class ScriptRun:
    """What a process printed, how it ended, how long it took."""

    out: str
    err: str
    status: int
    seconds: float
    # what the script left in its global variables, by name
    tensors: dict[str, Any] = field(default_factory=dict)

    def last_error(self) -> str:
        lines = [line for line in self.err.strip().splitlines() if line.strip()]
        return lines[-1] if lines else ""


def run_script(
    file: Path,
    implementation: str,
    arguments: list[str],
    seed: int | None = None,
    timeout: float = 600.0,
    tensors: bool = False,
) -> ScriptRun:
    """Run the file with `import torch` served by the implementation."""
    with tempfile.TemporaryDirectory() as folder:
        leave = str(Path(folder) / "tensors.npz") if tensors else ""
        return run_process(file, implementation, arguments, seed, timeout, leave)


def run_process(
    file: Path, implementation: str, arguments: list[str], seed: int | None, timeout: float, leave: str
) -> ScriptRun:
    command = command_line(file, implementation, arguments, seed, leave)
    started = time.monotonic()
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment(), timeout=timeout, check=False
        )
        seconds = time.monotonic() - started
        return ScriptRun(done.stdout, done.stderr, done.returncode, seconds, load(leave) if leave else {})
    except subprocess.TimeoutExpired:
        return ScriptRun("", f"no end after {timeout:g} s", -1, time.monotonic() - started)


def search_path() -> str:
    """Both processes find what the harness finds from the directory it was started in, wherever they run."""
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join([os.getcwd(), *(os.path.abspath(folder) for folder in known if folder)])


@dataclass(frozen=True)
class ScriptVerdict:
    """Empty `reason` means equal."""

    reason: str
    reference: ScriptRun
    candidate: ScriptRun
    difference: TextDifference | None = None


def compare_script(
    file: Path,
    implementation: str,
    arguments: list[str],
    seed: int | None = None,
    relative: float = 1e-5,
    absolute: float = 1e-7,
    timeout: float = 600.0,
    tensors: bool = False,
) -> ScriptVerdict:
    """Exit status, standard output, the error that ended the script, then the tensors it left."""
    theirs = run_script(file, "torch", arguments, seed, timeout, tensors)
    ours = run_script(file, implementation, arguments, seed, timeout, tensors)
    difference = compare_text(theirs.out, ours.out, relative, absolute)
    reason = ""
    if difference is not None:
        reason = f"output differs at {difference}"
    if ours.status != theirs.status:
        ending = f"exit status {ours.status} for {theirs.status}; ended with: {ours.last_error()[:300]}"
        reason = f"{ending}\n{reason}".strip()
    elif theirs.status and not reason:
        wrong = compare_text(theirs.last_error(), ours.last_error(), relative, absolute)
        reason = f"another error: {wrong}" if wrong is not None else ""
    if not reason:
        reason = compare_left(theirs.tensors, ours.tensors, relative, absolute)
    return ScriptVerdict(reason, theirs, ours, difference)
