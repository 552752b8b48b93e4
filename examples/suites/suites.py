"""Packages' own tests, run with both libraries: which pass with PyTorch, and how many of those with tinytorch.

Source archives are downloaded and unpacked into a folder, the packages installed beside them; each suite is run by `conformance suite`,
and its counts compared with those in suites.csv:

    python suites.py --folder ../../build/suites               # all of them
    python suites.py --folder ../../build/suites einops zuko   # two
    python suites.py --folder ../../build/suites --record      # and write the counts down

The exit status is 0 when no suite has lost a test.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

RECORD = Path(__file__).with_name("suites.csv")
COLUMNS = ["suite", "version", "passed_with_torch", "of_those_with_tinytorch", "date"]


@dataclass(frozen=True)
class Suite:
    """The archive of a package, the arguments of pytest, and what the tests need."""

    archive: str  # name==version
    arguments: tuple[str, ...]
    seconds: int = 30
    environment: dict[str, str] = field(default_factory=dict)
    # tests of a package with compiled parts are taken away from its sources, so that they import what is installed
    away: str = ""


SUITES = {
    "einops": Suite("einops==0.8.2", ("einops/tests",), environment={"EINOPS_TEST_BACKENDS": "numpy,torch"}),
    "entmax": Suite("entmax==1.0", ("entmax",)),
    "gpytorch": Suite(
        "gpytorch==1.15.2",
        tuple(
            f"test/{part}"
            for part in (
                "kernels",
                "likelihoods",
                "distributions",
                "means",
                "constraints",
                "priors",
                "mlls",
                "variational",
                "functions",
            )
        ),
    ),
    "hypll": Suite("hypll==0.1.1", ("tests",)),
    "ignite": Suite("pytorch_ignite==0.5.5", ("tests/ignite/metrics/regression",)),
    "linear_operator": Suite("linear_operator==0.6.1", ("test",)),
    "nflows": Suite("nflows==0.14", ("tests",)),
    "norse": Suite("norse==1.1.0", ("norse/torch/functional", "norse/torch/module")),
    "normflows": Suite("normflows==1.7.3", ("normflows",)),
    "opacus": Suite("opacus==1.6.0", ("opacus/tests",), seconds=20),
    "optree": Suite("optree==0.20.0", ("tests/integrations",), away="tests"),
    "pyro": Suite("pyro_ppl==1.9.2", ("tests",)),
    "tensorly": Suite("tensorly==0.10.0", ("tensorly",), environment={"TENSORLY_BACKEND": "pytorch"}),
    "torch_optimizer": Suite("torch-optimizer==0.3.0", ("tests",)),
    "zuko": Suite("zuko==1.6.0", ("tests",)),
}


def sources(suite: Suite, folder: Path) -> Path:
    """The unpacked archive."""
    name, _, version = suite.archive.partition("==")
    target = folder / f"{name}-{version}"
    if not target.exists():
        archives = folder / "archives"
        # of this package alone the sources: what builds it may come built
        download = [
            "download",
            "--quiet",
            "--no-deps",
            "--no-binary",
            name,
            "--dest",
            str(archives),
            suite.archive,
        ]
        subprocess.run([sys.executable, "-m", "pip", *download], check=True)
        stem = f"{name}-{version}".replace("-", "_").lower()
        (archive,) = (
            path
            for path in archives.glob("*.tar.gz")
            if path.name[: -len(".tar.gz")].replace("-", "_").lower() == stem
        )
        with tarfile.open(archive) as packed:
            packed.extractall(folder / "unpacked", filter="data")
        shutil.move(folder / "unpacked" / archive.name[: -len(".tar.gz")], target)
    if not suite.away:
        return target
    alone = folder / f"{name}-{version}-{suite.away}"
    shutil.copytree(target / suite.away, alone / suite.away, dirs_exist_ok=True)
    return alone


def counts(name: str, suite: Suite, folder: Path) -> tuple[int, int]:
    """How many tests pass with PyTorch, and how many of those with tinytorch."""
    report = folder / f"{name}.json"
    options = [
        "--folder",
        str(sources(suite, folder)),
        "--kept",
        str(folder / f"{name}.torch.json"),
        "--json",
        str(report),
    ]
    command = [sys.executable, "-m", "conformance", "suite", *options, "--timeout", str(suite.seconds)]
    command += ["--", "-W", "ignore", *suite.arguments]
    subprocess.run(command, env={**os.environ, **suite.environment}, check=False)
    both = json.loads(report.read_text(encoding="utf-8"))
    theirs, ours = (
        {test for test, result in both[side]["tests"].items() if result["outcome"] == "passed"}
        for side in ("reference", "candidate")
    )
    return len(theirs), len(theirs & ours)


def main() -> int:
    parser = argparse.ArgumentParser(description="Run packages' own tests with PyTorch and with tinytorch.")
    parser.add_argument("suites", nargs="*", help=f"some of {', '.join(SUITES)}")
    parser.add_argument("--folder", type=Path, required=True, help="where archives and results are kept")
    parser.add_argument(
        "--record", action="store_true", help="write the counts down instead of comparing them"
    )
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    recorded = {}
    if RECORD.exists():
        with RECORD.open(encoding="utf-8", newline="") as file:
            recorded = {row["suite"]: row for row in csv.DictReader(file)}
    lost = []
    for name in options.suites or SUITES:
        print(f"== {SUITES[name].archive}", flush=True)
        passed, kept = counts(name, SUITES[name], folder)
        before = recorded.get(name)
        if options.record:
            version = SUITES[name].archive.partition("==")[2]
            today = datetime.date.today().isoformat()
            recorded[name] = dict(zip(COLUMNS, [name, version, str(passed), str(kept), today], strict=True))
        elif before is not None and passed - kept > int(before["passed_with_torch"]) - int(
            before["of_those_with_tinytorch"]
        ):
            lost.append(name)
    if options.record:
        with RECORD.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(recorded[name] for name in sorted(recorded))
    print(f"lost: {', '.join(lost)}" if lost else "nothing is lost")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
