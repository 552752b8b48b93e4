"""The command line: run, show, script, coverage."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from conformance.cases import Case
from conformance.compare import LAYERS
from conformance.engine import load, reference
from conformance.judge import Judge
from conformance.known import KnownDifferences
from conformance.layouts import LAYOUTS, relayout
from conformance.observe import Plan
from conformance.report.files import write_json, write_junit
from conformance.report.history import print_changes
from conformance.report.page import write_page
from conformance.report.terminal import Terminal
from conformance.runner import Summary, run_cases
from conformance.sources import handwritten
from conformance.sources.modules import ModuleCatalogue
from conformance.sources.opinfo import Catalogue, Unreachable
from conformance.sources.scripts import compare_script

ALL_DTYPES = "float32,float64,bfloat16,complex64,int64,bool"


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    actions = {
        "run": command_run,
        "show": command_show,
        "script": command_script,
        "coverage": command_coverage,
        "audit": command_audit,
    }
    return actions[options.command](options)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="conformance", description="Compare a library with PyTorch.")
    commands = top.add_subparsers(dest="command", required=True)

    run = commands.add_parser("run", help="run programs under PyTorch and the implementation and compare")
    run.add_argument("--impl", default="tinytorch", help="module under test")
    run.add_argument(
        "--source",
        default="opinfo",
        choices=[
            "opinfo",
            "errors",
            "modules",
            "optimizers",
            "module-errors",
            "optimizer-errors",
            "directed",
        ],
    )
    run.add_argument("--op", help="comma list of operator names or globs")
    run.add_argument("--dtype", default="float32", help=f"comma list, or all = {ALL_DTYPES}")
    run.add_argument("--form", default="function", help="comma list of function, method, inplace, out")
    run.add_argument("--inputs", default="plain", help=f"comma list of layouts: {', '.join(LAYOUTS)}")
    run.add_argument("--samples", type=int, help="at most so many samples per operator, evenly spaced")
    run.add_argument("--layer", help=f"comma list of: {', '.join(LAYERS)}")
    run.add_argument("--fail-only", action="store_true", help="print wrong answers only, not what is absent")
    run.add_argument("--max", type=int, help="print at most so many lines")
    run.add_argument("--no-second", action="store_true", help="leave second order out")
    run.add_argument("--no-grad", action="store_true", help="leave gradients out")
    run.add_argument("--forward-mode", action="store_true", help="also compare tangents by forward mode")
    run.add_argument("--cotangent", default="plain", choices=["plain", "expanded", "transposed"])
    run.add_argument("--timeout", type=float, default=30.0, help="seconds per run of a case")
    run.add_argument("--json", type=Path)
    run.add_argument("--junit", type=Path)
    run.add_argument("--html", type=Path, help="one self-contained page")
    run.add_argument(
        "--baseline", type=Path, help="an earlier --json report: say what broke and what was mended"
    )

    show = commands.add_parser("show", help="print a script that reproduces a case")
    show.add_argument("case", help="name as printed: operator:dtype:index")
    show.add_argument("--impl", default=None, help="also run it under this module and print all layers")

    script = commands.add_parser("script", help="run files under both libraries and compare what they print")
    script.add_argument("files", nargs="+", type=Path)
    script.add_argument("--impl", default="tinytorch")
    script.add_argument("--seed", type=int, help="call torch.manual_seed first")
    script.add_argument("--rtol", type=float, default=1e-5)
    script.add_argument("--atol", type=float, default=1e-7)
    script.add_argument("--timeout", type=float, default=600.0, help="seconds per process")
    script.add_argument(
        "--argument", action="append", default=[], help="passed to the scripts; may be repeated"
    )

    coverage = commands.add_parser(
        "coverage", help="which public names exist, weighted by how much they are used"
    )
    coverage.add_argument("--impl", default="tinytorch")
    coverage.add_argument(
        "--missing", type=int, default=30, help="print so many of the most used absent names"
    )
    coverage.add_argument(
        "--namespaces", action="store_true", help="also count every public name of PyTorch's namespaces"
    )
    coverage.add_argument("--json", type=Path)

    audit = commands.add_parser(
        "audit", help="plant faults in torch's own results and count those that are caught"
    )
    audit.add_argument("--op", help="comma list of operator names or globs")
    audit.add_argument("--dtype", default="float32")
    audit.add_argument("--samples", type=int, default=4)
    audit.add_argument("--examples", action="store_true", help="name cases where the harness was wrong")
    return top


def gather(catalogue: Catalogue, options: argparse.Namespace, summary: Summary) -> Iterator[Case]:
    """The cases asked for; entries that cannot be replayed are noted in the summary."""
    dtypes = (ALL_DTYPES if options.dtype == "all" else options.dtype).split(",")
    if options.source == "directed":
        yield from handwritten.cases(options.op)
        return
    if options.source not in ("opinfo", "errors"):
        modules = ModuleCatalogue(catalogue.reference)
        kind, _, errors = options.source.partition("-")
        for label in modules.select(options.op, kind.rstrip("s") + "s"):
            if errors:
                yield from modules.error_cases(label)
                continue
            for dtype in dtypes:
                yield from modules.cases(label, dtype, options.samples)
        return
    for label in catalogue.select(options.op):
        for form in ["errors"] if options.source == "errors" else options.form.split(","):
            try:
                if form == "errors":
                    yield from catalogue.error_cases(label)
                    continue
                for dtype in dtypes:
                    for layout in options.inputs.split(","):
                        for case in catalogue.cases(label, dtype, options.samples, form):
                            yield in_layout(case, layout)
            except Unreachable as reason:
                summary.unreachable[f"{label} {form}"] = str(reason)


def in_layout(case: Case, layout: str) -> Case:
    """The case with its inputs in another memory layout, which its name says: `add[function, strided]`."""
    if layout == "plain":
        return case
    label, _, form = case.operator.partition("[")
    named = f"{label}[{form.rstrip(']') or 'function'}, {layout}]"
    return replace(case, operator=named, program=relayout(case.program, layout))


def command_run(options: argparse.Namespace) -> int:
    started = time.monotonic()
    torch = reference()
    candidate = load(options.impl)
    catalogue = Catalogue(torch)
    gradients = not options.no_grad
    plan = Plan(
        gradients=gradients,
        second=gradients and not options.no_second,
        forward_mode=options.forward_mode,
        cotangent=options.cotangent,
    )
    judge = Judge(torch, candidate, plan, options.timeout)
    layers = tuple(options.layer.split(",")) if options.layer else None
    terminal, summary = Terminal(options.max, options.fail_only), Summary()
    cases = gather(catalogue, options, summary)
    for result in run_cases(judge, cases, KnownDifferences(options.impl), layers):
        summary.add(result)
        terminal.show(result)
    terminal.finish(summary, time.monotonic() - started)
    about = {
        "implementation": options.impl,
        "torch_version": str(torch.module.__version__),
        "source": options.source,
        "dtype": options.dtype,
        "form": options.form,
        "samples": options.samples,
        "seed": 1234,
    }
    if options.json:
        write_json(options.json, summary, about)
    if options.junit:
        write_junit(options.junit, summary)
    if options.html:
        write_page(options.html, summary, about)
    if options.baseline:
        return 1 if print_changes(options.baseline, summary) else 0
    return 0 if summary.clean() and summary.results else 1


def find_case(catalogue: Catalogue, name: str) -> Case:
    """The case of a printed name."""
    operator, dtype, index = name.rsplit(":", 2)
    if dtype == "directed":
        return next(iter(handwritten.cases(operator)))
    label, _, form = operator.partition("[")
    form, _, layout = form.rstrip("]").partition(", ")
    form = form.split(" ")[0] or "function"
    modules = ModuleCatalogue(catalogue.reference)
    if label in modules.modules or label in modules.optimizers:
        every = (
            modules.error_cases(label) if dtype == "errors" else modules.cases(label, dtype, only=int(index))
        )
        found = [case for case in every if case.name == name]
    elif dtype == "errors":
        found = [case for case in catalogue.error_cases(label) if case.index == int(index)]
    else:
        every = (
            in_layout(case, layout or "plain")
            for case in catalogue.cases(label, dtype, form=form, only=int(index))
        )
        found = [case for case in every if case.name == name]
    if not found:
        raise SystemExit(f"no case {name}")
    return found[0]


def command_show(options: argparse.Namespace) -> int:
    from conformance.report.scripts import as_script

    torch = reference()
    case = find_case(Catalogue(torch), options.case)
    print(as_script(case))
    if options.impl:
        for layer, verdict in Judge(torch, load(options.impl)).judge(case).items():
            print(f"# {layer}: {verdict.status} {verdict.detail}", file=sys.stderr)
    return 0


def command_script(options: argparse.Namespace) -> int:
    """Exit status 0 only when every script printed the same and ended the same way."""
    bad = 0
    for file in options.files:
        verdict = compare_script(
            file, options.impl, options.argument, options.seed, options.rtol, options.atol, options.timeout
        )
        times = f"{verdict.candidate.seconds:.1f} s, torch {verdict.reference.seconds:.1f} s"
        if verdict.reason:
            bad += 1
            print(f"DIFFERENT {file} ({times})")
            print("  " + verdict.reason.replace("\n", "\n  "))
        else:
            note = f", both end with {verdict.reference.last_error()}" if verdict.reference.status else ""
            print(f"equal {file} ({times}, {len(verdict.reference.out.splitlines())} lines{note})")
    return 1 if bad else 0


def command_coverage(options: argparse.Namespace) -> int:
    from conformance.coverage import measure, print_coverage, write_coverage

    report = measure(load(options.impl), reference() if options.namespaces else None)
    print_coverage(report, options.missing)
    if options.json:
        write_coverage(report, options.json)
    return 0


def command_audit(options: argparse.Namespace) -> int:
    from conformance.audit import audit, print_audit

    torch = reference()
    catalogue = Catalogue(torch)
    options.source, options.form, options.inputs = "opinfo", "function", "plain"
    print_audit(audit(torch, gather(catalogue, options, Summary())), options.examples)
    return 0
