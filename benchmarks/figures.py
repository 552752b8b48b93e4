"""Measure, and write the figures into the README: ``python benchmarks/figures.py [--quick]``.

Every number between the README's markers comes from here: the benchmarks of ``run.py``, ``python -m conformance run`` and
``python -m conformance coverage``. What cannot be measured is left out and said so; nothing is typed in by hand. With
``--from FOLDER`` the JSON files of an earlier ``--keep FOLDER`` are used instead of measuring again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- figures:begin -->", "<!-- figures:end -->"

# The layers of the comparison that the table shows, in words.
LAYERS = {
    "exists": "the operator exists",
    "outcome": "value or error, as torch",
    "dtype": "dtype",
    "shape": "shape",
    "values": "values",
    "strides": "strides",
    "aliasing": "what shares memory with what",
    "gradient": "gradients",
    "second": "second derivatives",
    "grad_fn": "graph of `grad_fn`s",
}


def measurements(folder: Path, quick: bool) -> None:
    """Run the three tools, each leaving a JSON file in ``folder``."""
    short = ["--quick"] if quick else []
    samples = ["--samples", "3"] if quick else []
    commands = {
        "benchmarks": [str(HERE / "run.py"), *short],
        "conformance": [
            "-m",
            "conformance",
            "run",
            "--impl",
            "tinytorch",
            "--dtype",
            "float32",
            "--max",
            "0",
            *samples,
        ],
        "coverage": ["-m", "conformance", "coverage", "--impl", "tinytorch", "--missing", "0"],
    }
    for name, command in commands.items():
        print(f"measuring: {name}", flush=True)
        # A run that finds differences ends with status 1; its file counts all the same.
        subprocess.run(
            [sys.executable, *command, "--json", str(folder / f"{name}.json")],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            check=False,
        )


def read(folder: Path, name: str) -> dict[str, Any] | None:
    path = folder / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def ratio_row(what: str, own: str, other: str, ratio: float) -> str:
    # Rounded up where two digits would say nothing is used at all.
    shown = f"{ratio:.2f}" if ratio >= 0.01 else f"{ratio:.3f}"
    return f"| {what} | {own} | {other} | {shown} |"


def benchmark_table(report: dict[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    lines = [
        f"Time and memory as ratios to PyTorch eager (below 1: tinytorch needs less). One thread, best of "
        f"{report['rounds']} alternating rounds, {versions}, Python {report['python']} on {report['machine']}, "
        f"{report['date']}.",
        "",
        "| | tinytorch | PyTorch | ratio |",
        "|---|---:|---:|---:|",
    ]

    def quantity(what: str, pair: dict[str, float], scale: float, unit: str) -> None:
        own, other = pair["tinytorch"], pair["torch"]
        lines.append(
            ratio_row(what, f"{own * scale:,.3g} {unit}", f"{other * scale:,.0f} {unit}", own / other)
        )

    quantity("`import`, beyond the interpreter's start", report["import_seconds"], 1e3, "ms")
    quantity("memory at the peak of an import", report["import_peak_bytes"], 1 / 2**20, "MiB")
    if "installed_bytes" in report:
        quantity("installed, with all requirements", report["installed_bytes"], 1 / 2**20, "MiB")
    missing = []
    for case in report["cases"].values():
        if "ratio" in case:
            own, other = min(case["tinytorch"]) * 1e6, min(case["torch"]) * 1e6
            lines.append(ratio_row(case["title"], f"{own:,.3g} µs", f"{other:,.3g} µs", case["ratio"]))
        else:
            missing.append(case["title"])
    if "geometric_mean" in report:
        lines.append(f"| geometric mean of the cases that ran | | | {report['geometric_mean']:.2f} |")
    lines += ["", *(f"Not measured, because it does not run yet: {what}." for what in missing)]
    return lines


def conformance_table(report: dict[str, Any]) -> list[str]:
    samples = report.get("samples")
    spread = f"at most {samples} samples each" if samples else "all samples"
    lines = [
        f"Agreement with PyTorch {report['torch_version']} on its own operator samples (float32, "
        f"{report['operators']:,} operators, {report['cases']:,} cases, {spread}): the mean over the operators that reach "
        f"the layer, so an operator that does not exist counts in the first line only.",
        "",
        "| layer | agrees |",
        "|---|---:|",
    ]
    scores = {name: row["score"] for name, row in report["aspects"].items() if row["score"] is not None}
    lines += [
        f"| {words} | {100 * scores[layer]:.1f} % |" for layer, words in LAYERS.items() if layer in scores
    ]
    return [*lines, ""]


def coverage_lines(report: dict[str, Any]) -> list[str]:
    present, absent = set(report["present"]), set(report["absent"])
    ordered = [name for name in by_use() if name in present or name in absent]
    parts = [
        f"{sum(name in present for name in ordered[:top])} of the {top} most used"
        for top in (100, 250, 500)
        if top <= len(ordered)
    ]
    parts.append(f"{len(present)} of all {len(present) + len(absent)} counted")
    return [f"Public names of PyTorch that exist: {', '.join(parts)}.", ""]


def by_use() -> list[str]:
    """The counted names, most used first."""
    from conformance.coverage import read_table

    return [row.name for row in read_table()]


def figures(folder: Path) -> str:
    lines: list[str] = []
    for name, table in (
        ("benchmarks", benchmark_table),
        ("conformance", conformance_table),
        ("coverage", coverage_lines),
    ):
        report = read(folder, name)
        lines += [f"Not measured: {name} gave no result.", ""] if report is None else table(report)
    return "\n".join(lines).strip()


def rewrite(text: str, inside: str) -> str:
    """``text`` with ``inside`` between the markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"README.md lacks the markers {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{inside}\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds and samples; the table says so")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep the JSON files of the measurements here"
    )
    parser.add_argument(
        "--from", dest="source", type=Path, metavar="FOLDER", help="use kept files; measure nothing"
    )
    parser.add_argument("--print", action="store_true", help="print the figures and leave the README alone")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.source or options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if options.source is None:
            measurements(folder.resolve(), options.quick)
        inside = figures(folder)
    if options.print:
        print(inside)
    else:
        README.write_text(rewrite(README.read_text(encoding="utf-8"), inside), encoding="utf-8")
        print(f"README.md: figures rewritten after {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
