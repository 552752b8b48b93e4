"""The command line's arguments; what the commands do stands in `commands`."""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path

from conformance import cotangents
from conformance.corpus import DTYPES, FORMS, SOURCES
from conformance.layers import ASPECTS, LAYERS
from conformance.layouts import LAYOUTS, MIXED
from conformance.sources.opinfo import SEED

EPILOG = """exit status: 0 when nothing unexpected differs, 1 when something does, 2 for arguments, files or modules that are
of no use, 3 when the harness itself fails, 130 when interrupted

examples:
  conformance run --op add,softmax --dtype float32,bfloat16
  conformance run --impl yourlibrary --source all --jobs 4 --json report.json --html report.html
  conformance show add:float32:3 --impl yourlibrary
  conformance replay report.json
  conformance fuzz --programs 10000 --jobs 2
  conformance export --output goldens.zip; elsewhere, without PyTorch: conformance run --goldens goldens.zip
"""


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    # the commands import the libraries' tools; --help need not wait for them
    from conformance import commands

    action = getattr(commands, f"command_{options.command}")
    try:
        return int(action(options))
    except ImportError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    except SystemExit as ending:
        if isinstance(ending.code, str):
            print(f"conformance: {ending.code}", file=sys.stderr)
            return 2
        raise
    except BrokenPipeError:
        raise
    except Exception:  # 1 would say that something differs
        traceback.print_exc()
        return 3


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="conformance",
        description="Run the same programs on PyTorch and on a library that claims its API, and compare what a user can see.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    add_run(commands.add_parser("run", help="run programs under both libraries and compare"))
    add_replay(
        commands.add_parser("replay", help="run the failing cases of a report, or saved scripts, again")
    )
    add_show(commands.add_parser("show", help="print a case as a script, and what both libraries make of it"))
    add_script(
        commands.add_parser("script", help="run files under both libraries and compare what they print")
    )
    add_suite(
        commands.add_parser(
            "suite", help="run a package's own tests under both libraries and compare the outcomes"
        )
    )
    add_coverage(
        commands.add_parser("coverage", help="which public names exist, weighted by how much they are used")
    )
    add_fuzz(
        commands.add_parser(
            "fuzz", help="write random programs and run them under both libraries in lockstep"
        )
    )
    difference = commands.add_parser("diff", help="what got better or worse between two --json reports")
    difference.add_argument("before", type=Path)
    difference.add_argument("after", type=Path)
    difference.add_argument("--max", type=int, default=40, help="print at most so many cases of each kind")
    add_audit(
        commands.add_parser(
            "audit", help="plant faults in torch's own results and count those that are caught"
        )
    )
    add_export(
        commands.add_parser(
            "export", help="write programs with torch's results, to judge where there is no torch"
        )
    )
    return top


def add_selection(command: argparse.ArgumentParser, source: str, dtype: str) -> None:
    group = command.add_argument_group("which cases")
    group.add_argument(
        "--source", default=source, help=f"comma list of {', '.join(SOURCES)}, or all (default: {source})"
    )
    group.add_argument("--op", help="comma list of operator names or globs")
    group.add_argument(
        "--dtype", default=dtype, help=f"comma list of {', '.join(DTYPES)}, or all (default: {dtype})"
    )
    group.add_argument(
        "--form",
        help=f"comma list of {', '.join(FORMS)}, or all (default: function; all with --source all)",
    )
    group.add_argument(
        "--inputs",
        default=MIXED,
        help=f"comma list of memory layouts: {', '.join(LAYOUTS)}; {MIXED}: each case draws its own (default)",
    )
    group.add_argument("--samples", type=int, help="at most so many samples per operator, evenly spaced")
    group.add_argument("--seed", type=int, default=SEED, help=f"seed of the samples (default: {SEED})")
    group.add_argument(
        "--reference-inputs", action="store_true", help="PyTorch's larger set of samples where it has one"
    )


def add_candidate(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the implementation")
    group.add_argument("--impl", default="tinytorch", help="module under test (default: tinytorch)")
    group.add_argument(
        "--isolate",
        action="store_true",
        help="run it in processes without PyTorch; needed where it is itself named torch",
    )
    group.add_argument(
        "--prepare", default="", metavar="CODE", help="Python run before it is imported; implies --isolate"
    )
    group.add_argument("--jobs", type=int, default=1, help="processes that judge (default: 1)")
    group.add_argument("--timeout", type=float, default=30.0, help="seconds per run of a case (default: 30)")


def add_compared(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("what is compared")
    group.add_argument(
        "--layer",
        help=f"comma list of layers ({', '.join(LAYERS)}) or of single aspects ({', '.join(ASPECTS)})",
    )
    group.add_argument("--no-grad", action="store_true", help="leave gradients out")
    group.add_argument("--no-second", action="store_true", help="leave second order out")
    group.add_argument("--no-versions", action="store_true", help="leave changes of saved tensors out")
    group.add_argument("--forward-mode", action="store_true", help="also compare tangents by forward mode")
    group.add_argument(
        "--cotangent",
        default=MIXED,
        choices=[MIXED, *cotangents.LAYOUTS],
        help=f"memory layout of cotangents; {MIXED}: each case draws its own (default)",
    )


def add_reports(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("reports")
    group.add_argument(
        "--fail-only", action="store_true", help="print wrong answers only, not what is absent"
    )
    group.add_argument("--max", type=int, help="print at most so many lines")
    group.add_argument("--json", type=Path)
    group.add_argument("--junit", type=Path)
    group.add_argument("--html", type=Path, help="one self-contained page")
    group.add_argument("--baseline", type=Path, help="an earlier --json report: only what broke since counts")
    group.add_argument("--recorded", type=Path, help="a file of --record: fail only where it has a pass")
    group.add_argument(
        "--record", type=Path, help="write which cases pass into a file, or into its place in one"
    )


def add_run(command: argparse.ArgumentParser) -> None:
    add_selection(command, "opinfo", "float32")
    add_candidate(command)
    add_compared(command)
    add_reports(command)
    command.add_argument(
        "--resume",
        type=Path,
        metavar="FILE",
        help="keep results in FILE as they come, and take up from what it holds",
    )
    command.add_argument(
        "--goldens", type=Path, metavar="FILE", help="judge by a file of `export`; needs no PyTorch"
    )


def add_replay(command: argparse.ArgumentParser) -> None:
    command.add_argument("files", nargs="+", type=Path, help="a --json report, or scripts (.py)")
    add_candidate(command)
    add_compared(command)
    add_reports(command)
    command.add_argument("--seed", type=int, default=None, help="seed of the samples (default: the report's)")


def add_show(command: argparse.ArgumentParser) -> None:
    command.add_argument("case", help="name as printed: operator:dtype:index")
    add_candidate(command)
    add_compared(command)
    command.add_argument("--seed", type=int, default=SEED, help=f"seed of the samples (default: {SEED})")
    command.add_argument("--script-only", action="store_true", help="print the script and judge nothing")


def add_script(command: argparse.ArgumentParser) -> None:
    command.add_argument("files", nargs="+", type=Path)
    command.add_argument("--impl", default="tinytorch")
    command.add_argument("--seed", type=int, help="call torch.manual_seed first")
    command.add_argument("--rtol", type=float, default=1e-5)
    command.add_argument("--atol", type=float, default=1e-7)
    command.add_argument("--timeout", type=float, default=600.0, help="seconds per process")
    command.add_argument(
        "--argument", action="append", default=[], help="passed to the scripts; may be repeated"
    )
    command.add_argument(
        "--no-tensors", action="store_true", help="compare the text only, not the tensors the script leaves"
    )
    command.add_argument(
        "--finish",
        action="store_true",
        help="a script that ends with an error fails, even if it does so with both",
    )


def add_suite(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "arguments", nargs="*", help="passed to pytest; those that begin with a dash after --"
    )
    command.add_argument("--impl", default="tinytorch")
    command.add_argument("--folder", type=Path, default=Path(), help="where pytest is started")
    command.add_argument("--timeout", type=float, default=60.0, help="seconds per test (default: 60)")
    command.add_argument(
        "--seed", type=int, default=0, help="random state before each test; negative: as it is (default: 0)"
    )
    command.add_argument(
        "--kept",
        type=Path,
        metavar="FILE",
        help="PyTorch's outcomes: read where the file has those of the same arguments, else written",
    )
    command.add_argument("--max", type=int, default=20, help="print at most so many causes")
    command.add_argument("--names", action="store_true", help="print the name of every test that differs")
    command.add_argument("--json", type=Path, help="every test's outcome under both")


def add_coverage(command: argparse.ArgumentParser) -> None:
    command.add_argument("--impl", default="tinytorch")
    command.add_argument(
        "--missing", type=int, default=30, help="print so many of the most used absent names"
    )
    command.add_argument(
        "--namespaces", action="store_true", help="also count every public name of PyTorch's namespaces"
    )
    command.add_argument("--json", type=Path)


def add_audit(command: argparse.ArgumentParser) -> None:
    add_selection(command, "all", "float32")
    command.set_defaults(samples=4)
    command.add_argument("--all-samples", action="store_true", help="every sample instead of --samples")
    command.add_argument("--jobs", type=int, default=1)
    command.add_argument("--json", type=Path)
    command.add_argument("--examples", action="store_true", help="name cases where the harness was wrong")


def add_export(command: argparse.ArgumentParser) -> None:
    add_selection(command, "opinfo,errors,directed", "float32")
    command.set_defaults(samples=12)
    command.add_argument("--output", type=Path, required=True)
    command.add_argument("--jobs", type=int, default=1)


def add_fuzz(command: argparse.ArgumentParser) -> None:
    command.add_argument("--impl", default="tinytorch")
    command.add_argument("--programs", type=int, default=2000, help="how many (default: 2000)")
    command.add_argument(
        "--seed", type=int, default=0, help="of the first program; the others follow (default: 0)"
    )
    command.add_argument(
        "--length", type=int, default=10, help="statements of the longest program (default: 10)"
    )
    command.add_argument("--jobs", type=int, default=1)
    command.add_argument("--no-reduce", action="store_true", help="print the programs as they were found")
    command.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="write each kind of difference as a script into FOLDER"
    )
    command.add_argument("--json", type=Path)
