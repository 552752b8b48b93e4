"""What the commands do; each returns the exit status."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from conformance.cases import Unit
from conformance.corpus import DTYPES, FORMS, SOURCES, Corpus, Selection
from conformance.engine import load, reference
from conformance.journal import Journal
from conformance.observe import Plan
from conformance.pool import Pool, Task, preload
from conformance.recorded import Record, print_regressions
from conformance.report.files import read_json, report_of, write_json, write_junit
from conformance.report.history import print_changes, print_difference
from conformance.report.page import write_page
from conformance.report.progress import Progress
from conformance.report.terminal import Terminal
from conformance.runner import Runner, Setup
from conformance.sources.opinfo import SEED
from conformance.summary import Summary

INTERRUPTED = 130


def selection_of(options: argparse.Namespace) -> Selection:
    everything = options.source == "all"
    form = options.form or ("all" if everything else "function")
    return Selection(
        sources=SOURCES if everything else tuple(options.source.split(",")),
        operators=options.op,
        dtypes=DTYPES if options.dtype == "all" else tuple(options.dtype.split(",")),
        forms=FORMS if form == "all" else tuple(form.split(",")),
        layouts=tuple(options.inputs.split(",")),
        samples=options.samples,
        seed=options.seed,
        reference_inputs=options.reference_inputs,
    )


def setup_of(options: argparse.Namespace, selection: Selection) -> Setup:
    gradients = not options.no_grad
    plan = Plan(
        gradients=gradients,
        second=gradients and not options.no_second,
        forward_mode=options.forward_mode,
        versions=gradients and not options.no_versions,
        cotangent=options.cotangent,
    )
    return Setup(
        implementation=options.impl,
        selection=selection,
        plan=plan,
        timeout=options.timeout,
        isolate=options.isolate or bool(options.prepare),
        prepare=options.prepare,
        wanted=tuple(options.layer.split(",")) if options.layer else (),
    )


def command_run(options: argparse.Namespace) -> int:
    if options.goldens is not None:
        from conformance.goldens import judge_goldens

        started = time.monotonic()
        summary, about = judge_goldens(options.goldens, options.impl, options.op, options.timeout)
        for result in summary.results:
            Terminal(None, options.fail_only).show(result)
        return conclude(options, summary, about, started)
    selection = selection_of(options)
    unknown = set(selection.sources) - set(SOURCES)
    if unknown:
        print(f"unknown source: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    setup = setup_of(options, selection)
    units = preload(setup).corpus.units()
    return judge_tasks(options, setup, [Task(unit) for unit in units], options.resume)


def judge_tasks(
    options: argparse.Namespace, setup: Setup, tasks: list[Task], resume: Path | None = None
) -> int:
    """Run the tasks, print what differs as it comes, then the table and the files asked for."""
    started = time.monotonic()
    terminal, summary = Terminal(options.max, options.fail_only), Summary()
    journal = Journal(resume, setup)
    for result in journal.results:
        summary.add(result)
        terminal.show(result)
    have: dict[Unit, set[str]] = {}
    if journal.results:
        corpus = preload(setup).corpus
        for result in journal.results:
            have.setdefault(corpus.unit_of(result.case)[0], set()).add(result.case)
    tasks = [
        Task(task.unit, task.only, frozenset(have.get(task.unit, ())), task.names)
        for task in tasks
        if task.unit not in journal.done
    ]
    pool = Pool(setup, options.jobs)
    interrupted = False
    try:
        with Progress("judging", len(tasks)) as progress:
            terminal.write = progress.print
            for task, found in pool.run(tasks):
                if found is None:
                    journal.finish(task.unit)
                    progress.advance(task.unit.label)
                elif isinstance(found, str):
                    summary.unreachable[f"{task.unit.label} {task.unit.form}"] = found
                else:
                    summary.add(found)
                    journal.add(found)
                    terminal.show(found)
    except KeyboardInterrupt:
        interrupted = True
    terminal.write = None
    journal.close()
    about = {
        "implementation": setup.implementation,
        "sources": list(setup.selection.sources),
        "dtypes": list(setup.selection.dtypes),
        "forms": list(setup.selection.forms),
        "samples": setup.selection.samples,
        "seed": setup.selection.seed,
        "torch_version": str(reference().module.__version__),
        "complete": not interrupted,
    }
    status = conclude(options, summary, about, started)
    if interrupted:
        hint = (
            f"; the same command with --resume {resume} goes on"
            if resume
            else " (--resume FILE keeps results)"
        )
        print(f"interrupted{hint}", file=sys.stderr)
        return INTERRUPTED
    return status


def conclude(options: argparse.Namespace, summary: Summary, about: dict[str, Any], started: float) -> int:
    """The table, the files, and the exit status."""
    seconds = time.monotonic() - started
    Terminal(options.max, options.fail_only).finish(summary, seconds)
    report = report_of(summary, {**about, "seconds": round(seconds, 1)})
    before = read_json(options.baseline) if options.baseline else None
    if options.json:
        write_json(options.json, report)
    if options.junit:
        write_junit(options.junit, summary)
    if options.html:
        write_page(options.html, report, before)
    if options.record:
        record = Record(options.record if options.record.exists() else None)
        record.update(summary)
        record.write(options.record)
    if options.recorded:
        return 1 if print_regressions(options.recorded, summary) or not summary.results else 0
    if before is not None:
        return 1 if print_changes(before, report) else 0
    return 0 if summary.clean() else 1


def command_replay(options: argparse.Namespace) -> int:
    """The failing cases of reports, and scripts from anywhere."""
    scripts = [path for path in options.files if path.suffix == ".py"]
    reports = [read_json(path) for path in options.files if path not in scripts]
    names = {row["case"] for report in reports for row in report["differences"]}
    seed = options.seed if options.seed is not None else next((r["seed"] for r in reports), SEED)
    setup = setup_of(options, Selection(seed=seed))
    if scripts:
        return replay_scripts(scripts, setup)
    if not names:
        print("no failing cases")
        return 0
    return judge_tasks(options, setup, tasks_of(names, preload(setup).corpus))


def tasks_of(names: Iterable[str], corpus: Corpus) -> list[Task]:
    """Named cases, by the unit that makes them."""
    wanted: dict[Unit, tuple[set[int], set[str]]] = {}
    for name in names:
        unit, index = corpus.unit_of(name)
        indices, members = wanted.setdefault(unit, (set(), set()))
        indices.add(index)
        members.add(name)
    return [
        Task(unit, frozenset(indices), names=frozenset(members))
        for unit, (indices, members) in wanted.items()
    ]


def replay_scripts(scripts: list[Path], setup: Setup) -> int:
    from conformance.sources.found import script_case

    runner, terminal, summary = Runner(setup), Terminal(), Summary()
    for path in scripts:
        result = runner.result(script_case(path))
        summary.add(result)
        terminal.show(result)
    runner.close()
    terminal.finish(summary, 0.0)
    return 0 if summary.clean() else 1


def command_show(options: argparse.Namespace) -> int:
    """The script, both results, and the first difference; status 1 when there is one."""
    from conformance.report.scripts import as_script
    from conformance.report.shown import print_shown

    runner = Runner(setup_of(options, Selection(seed=options.seed)))
    try:
        case = runner.corpus.find(options.case)
    except LookupError as error:
        print(error, file=sys.stderr)
        return 2
    print(as_script(case))
    if options.script_only:
        return 0
    try:
        return 1 if print_shown(runner, case) else 0
    finally:
        runner.close()


def command_script(options: argparse.Namespace) -> int:
    """Exit status 0 only when every script printed the same, left the same tensors and ended the same way."""
    from conformance.sources.scripts import compare_script

    bad = 0
    for file in options.files:
        verdict = compare_script(
            file,
            options.impl,
            options.argument,
            options.seed,
            options.rtol,
            options.atol,
            options.timeout,
            not options.no_tensors,
        )
        times = f"{verdict.candidate.seconds:.1f} s, torch {verdict.reference.seconds:.1f} s"
        if verdict.reason:
            bad += 1
            print(f"DIFFERENT {file} ({times})")
            print("  " + verdict.reason.replace("\n", "\n  "))
        else:
            note = f", both end with {verdict.reference.last_error()}" if verdict.reference.status else ""
            unfinished = bool(note) and options.finish
            bad += unfinished
            tensors = f", {len(verdict.reference.tensors)} tensors" if verdict.reference.tensors else ""
            lines = len(verdict.reference.out.splitlines())
            verdict_word = "UNFINISHED" if unfinished else "equal"
            print(f"{verdict_word} {file} ({times}, {lines} lines{tensors}{note})")
    return 1 if bad else 0


def command_suite(options: argparse.Namespace) -> int:
    """Exit status 0 only when every test that passes with PyTorch passes with the library, and there is one."""
    from conformance.report.suites import print_suite, write_suite
    from conformance.sources.suites import compare_suite

    seed = options.seed if options.seed >= 0 else None
    verdict = compare_suite(
        options.impl, options.arguments, options.folder, options.timeout, seed, options.kept
    )
    print_suite(verdict, options.impl, options.max, options.names)
    if options.json:
        write_suite(verdict, options.json)
    return 0 if verdict.reference.passed() and not verdict.differing() else 1


def command_coverage(options: argparse.Namespace) -> int:
    from conformance.coverage import measure, print_coverage, write_coverage

    report = measure(load(options.impl), reference() if options.namespaces else None)
    print_coverage(report, options.missing)
    if options.json:
        write_coverage(report, options.json)
    return 0


def command_diff(options: argparse.Namespace) -> int:
    """Status 1 when something got worse."""
    return 1 if print_difference(read_json(options.before), read_json(options.after), options.max) else 0


def command_audit(options: argparse.Namespace) -> int:
    from conformance.audit import run_audit

    if options.all_samples:
        options.samples = None
    return run_audit(selection_of(options), options.jobs, options.examples, options.json)


def command_export(options: argparse.Namespace) -> int:
    from conformance.goldens import export

    return export(selection_of(options), options.output, options.jobs)


def command_fuzz(options: argparse.Namespace) -> int:
    """Status 1 when anything differs."""
    from conformance.fuzz.sweep import Setup as FuzzSetup
    from conformance.fuzz.sweep import sweep
    from conformance.report.fuzzed import FuzzReport

    seeds = range(options.seed, options.seed + options.programs)
    setup = FuzzSetup(options.impl, options.length, not options.no_reduce)
    report = FuzzReport(options.impl, options.keep)
    started = time.monotonic()
    with Progress("fuzzing", len(seeds)) as progress:

        def tell(finding: Any, first: bool) -> None:
            progress.advance(f"{report.kinds} kinds")
            if first:
                report.show(finding, progress.print)

        total = sweep(setup, seeds, options.jobs, tell)
    report.finish(total, time.monotonic() - started)
    if options.json:
        report.write(options.json, total, options.seed)
    return 1 if total.found else 0
