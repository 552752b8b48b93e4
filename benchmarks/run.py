"""Ratios tinytorch / torch of time and memory: ``python benchmarks/run.py [--quick] [--json FILE]``.

Each side runs in processes of its own, on one thread, and the sides take turns for several rounds, so that a noisy spell
of the machine hits both. Of each side the best round counts. A ratio below 1 means that tinytorch needs less.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import math
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from cases import CASES, title  # noqa: E402 - found through the line above, from any folder

CANDIDATE, REFERENCE = "tinytorch", "torch"
SINGLE_THREADED = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM")
}


def environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH", "")]))
    # An installed package is compiled to bytecode once; a source tree must be allowed the same.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, **SINGLE_THREADED, "PYTHONPATH": path}


def run_python(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], env=environment(), cwd=HERE, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(
            done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}"
        )
    return done.stdout


def process_time(code: str) -> float:
    start = time.perf_counter()
    run_python("-c", code)
    return time.perf_counter() - start


def measure_import(rounds: int) -> dict[str, Any]:
    """Seconds of ``python -c "import X"`` beyond those of ``python -c "pass"``."""
    best = dict.fromkeys(("pass", CANDIDATE, REFERENCE), math.inf)
    for _ in range(rounds):
        for name in best:
            best[name] = min(best[name], process_time("pass" if name == "pass" else f"import {name}"))
    return {name: best[name] - best["pass"] for name in (CANDIDATE, REFERENCE)}


def measure_memory() -> dict[str, Any]:
    """Bytes resident at the peak of a process that only imports the library."""
    code = (
        "import resource, sys, {name}\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024))"
    )
    return {name: int(run_python("-c", code.format(name=name))) for name in (CANDIDATE, REFERENCE)}


def installed_size(name: str) -> int:
    """Bytes of a distribution's files and of all it requires."""
    seen: set[str] = set()
    waiting = [name]
    total = 0
    while waiting:
        current = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if current in seen:
            continue
        seen.add(current)
        try:
            distribution = importlib.metadata.distribution(current)
        except importlib.metadata.PackageNotFoundError:
            continue  # not needed on this platform
        if current == CANDIDATE:
            total += sum(file.stat().st_size for file in (HERE.parent / CANDIDATE).rglob("*.py"))
        else:
            for file in distribution.files or ():
                path = Path(str(file.locate()))
                if path.is_file() and "__pycache__" not in path.parts:
                    total += path.stat().st_size
        for requirement in distribution.requires or ():
            if "extra ==" not in requirement:
                match = re.match(r"[A-Za-z0-9._-]+", requirement)
                if match:
                    waiting.append(match[0])
    return total


def measure_cases(names: list[str], rounds: int, seconds: float) -> dict[str, Any]:
    """For every case each side's best seconds of all rounds, and every round's."""
    results: dict[str, Any] = {name: {"title": title(name), CANDIDATE: [], REFERENCE: []} for name in names}
    for round_number in range(rounds):
        sides = (CANDIDATE, REFERENCE) if round_number % 2 == 0 else (REFERENCE, CANDIDATE)
        for side in sides:
            try:
                measured = json.loads(run_python(str(HERE / "measure.py"), side, str(seconds), *names))
            except RuntimeError as error:
                measured = {name: {"error": str(error)} for name in names}
            for name, result in measured.items():
                if "error" in result:
                    results[name].setdefault("errors", {})[side] = result["error"]
                else:
                    results[name][side].append(result["seconds"])
    return {name: with_ratio(result) for name, result in results.items()}


def with_ratio(result: dict[str, Any]) -> dict[str, Any]:
    if result[CANDIDATE] and result[REFERENCE]:
        result["ratio"] = min(result[CANDIDATE]) / min(result[REFERENCE])
    return result


def geometric_mean(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def describe(name: str, quantity: dict[str, Any], scale: float, unit: str) -> str:
    own, other = quantity[CANDIDATE], quantity[REFERENCE]
    return f"{name:<62} {own * scale:>9.4g} {other * scale:>9.4g} {unit:<3} {own / other:>7.2f}"


def benchmark(quick: bool, names: list[str]) -> dict[str, Any]:
    """Everything that is measured, as one JSON-ready table."""
    rounds, seconds = (2, 0.1) if quick else (5, 0.4)
    report: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {
            name: importlib.metadata.version(name) for name in ("torch", "numpy") if _is_installed(name)
        },
        "date": time.strftime("%Y-%m-%d"),
        "rounds": rounds,
        "import_seconds": measure_import(rounds * 2),
        "import_peak_bytes": measure_memory(),
        "cases": measure_cases(names, rounds, seconds),
    }
    if _is_installed(CANDIDATE):
        report["installed_bytes"] = {name: installed_size(name) for name in (CANDIDATE, REFERENCE)}
    ratios = [case["ratio"] for case in report["cases"].values() if "ratio" in case]
    if ratios:
        report["geometric_mean"] = geometric_mean(ratios)
    return report


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def show(report: dict[str, Any]) -> None:
    print(f"{'':<62} {CANDIDATE:>9} {REFERENCE:>9} {'':<3} {'ratio':>7}")
    print(describe("import, beyond the interpreter's start", report["import_seconds"], 1e3, "ms"))
    print(describe("memory at the peak of an import", report["import_peak_bytes"], 1 / 2**20, "MiB"))
    if "installed_bytes" in report:
        print(describe("installed, with all requirements", report["installed_bytes"], 1 / 2**20, "MiB"))
    for case in report["cases"].values():
        if "ratio" in case:
            best = {side: min(case[side]) for side in (CANDIDATE, REFERENCE)}
            print(describe(case["title"], best, 1e6, "us"))
        else:
            side, error = next(iter(case["errors"].items()))
            print(f"{case['title']:<62} not measured: {side}: {error}")
    if "geometric_mean" in report:
        print(f"geometric mean of the ratios of the cases: {report['geometric_mean']:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the measurements to FILE")
    parser.add_argument(
        "--case", action="append", choices=sorted(CASES), help="only this case (may be repeated)"
    )
    options = parser.parse_args()
    report = benchmark(options.quick, options.case or list(CASES))
    show(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
