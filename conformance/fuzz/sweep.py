"""Many programs in processes of their own: a program that ends its process costs itself and nothing else."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np

from conformance.engine import Library, load, reference
from conformance.fuzz.draw import RandomDraw
from conformance.fuzz.generate import fuzz
from conformance.fuzz.lockstep import Difference, run, unsteady
from conformance.fuzz.program import Statements
from conformance.fuzz.reduce import reduce
from conformance.observe import Timeout, alarm

LONGEST = 60.0  # seconds without a word from a process
LIMIT = 20.0  # seconds of one program, and of one reduction's run


@dataclass(frozen=True)
class Finding:
    """A program that shows a difference, made small."""

    seed: int
    difference: Difference
    statements: Statements


@dataclass(frozen=True)
class Setup:
    """Plain data for a process: what is compared, and how long programs are."""

    implementation: str
    length: int = 10
    reduce: bool = True


@dataclass
class Sweep:
    """What came out of a number of programs."""

    programs: int = 0
    statements: int = 0
    found: dict[tuple[str, str], Finding] = field(default_factory=dict)
    times: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, finding: Finding) -> bool:
        """Whether it is the first of its kind."""
        kind = finding.difference.kind
        self.times[kind] = self.times.get(kind, 0) + 1
        return self.found.setdefault(kind, finding) is finding


def bounded(reference: Library, candidate: Library, statements: Statements) -> Difference | None:
    try:
        with alarm(LIMIT):
            return run(reference, candidate, statements)
    except Timeout:
        return None


def examine(
    theirs: Library, ours: Library, seed: int, setup: Setup, seen: set[tuple[str, str]]
) -> tuple[int, Finding | None]:
    """One program: how many statements it has, and what it found. Only the first difference of a kind is made small."""
    try:
        with alarm(LIMIT), np.errstate(all="ignore"):
            statements, difference = fuzz(theirs, ours, RandomDraw(seed), setup.length)
    except Timeout as late:
        return 0, Finding(seed, Difference(0, "timeout", str(late)), ())
    size = len(statements)
    if difference is None or unsteady(theirs, statements):
        return size, None
    if setup.reduce and difference.kind not in seen:
        seen.add(difference.kind)
        with np.errstate(all="ignore"):
            statements, difference = reduce(
                lambda smaller: bounded(theirs, ours, smaller), statements, difference
            )
    return size, Finding(seed, difference, statements)


def serve(pipe: Connection, setup: Setup, seeds: range) -> None:
    """The loop of a process: a word before each program and one after it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        theirs, ours = reference(), load(setup.implementation)
    except ImportError as error:
        pipe.send(("fatal", str(error)))
        return
    seen: set[tuple[str, str]] = set()
    for seed in seeds:
        pipe.send(("start", seed))
        pipe.send(("done", examine(theirs, ours, seed, setup, seen)))
    pipe.send(("end", None))


@dataclass
class Worker:
    process: Any
    pipe: Connection
    seeds: range
    current: int = -1
    deadline: float = 0.0


class Processes:
    """Runs ranges of seeds in so many processes."""

    def __init__(self, setup: Setup, jobs: int) -> None:
        self.setup, self.jobs = setup, max(jobs, 1)
        method = "fork" if sys.platform == "linux" else "spawn"
        self.context: Any = multiprocessing.get_context(method)
        if method == "fork":
            # imported once, before the processes part
            reference(), load(setup.implementation)

    def start(self, seeds: range, setup: Setup | None = None) -> Worker:
        pipe, other = self.context.Pipe()
        process = self.context.Process(target=serve, args=(other, setup or self.setup, seeds), daemon=True)
        process.start()
        other.close()
        return Worker(process, pipe, seeds, deadline=time.monotonic() + LONGEST)

    def run(self, seeds: range) -> Iterator[tuple[int, Finding | None]]:
        """The size of every program and what it found, as they come."""
        workers = [
            self.start(seeds[first :: self.jobs]) for first in range(self.jobs) if seeds[first :: self.jobs]
        ]
        try:
            while workers:
                ready = wait([worker.pipe for worker in workers], 1.0)
                for worker in list(workers):
                    gone = False
                    if worker.pipe in ready:
                        try:
                            kind, content = worker.pipe.recv()
                        except (EOFError, OSError):
                            gone = True
                        else:
                            worker.deadline = time.monotonic() + LONGEST
                            if kind == "fatal":
                                raise ImportError(content)
                            if kind == "start":
                                worker.current = content
                            elif kind == "done":
                                yield content
                            else:
                                workers.remove(worker)
                                worker.process.join()
                    elif time.monotonic() > worker.deadline:
                        worker.process.kill()
                        gone = True
                    if gone:
                        worker.process.join()
                        workers.remove(worker)
                        yield 0, self.blamed(worker.current)
                        rest = worker.seeds[worker.seeds.index(worker.current) + 1 :]
                        if rest:
                            workers.append(self.start(rest))
        finally:
            for worker in workers:
                worker.process.kill()
                worker.process.join()

    def blamed(self, seed: int) -> Finding | None:
        """A program that ended its process, unless the reference alone ends so, too."""
        alone = self.start(range(seed, seed + 1), Setup("torch", self.setup.length, reduce=False))
        ended = False
        while not ended:
            if not alone.pipe.poll(LONGEST):
                break
            try:
                ended = alone.pipe.recv()[0] == "end"
            except (EOFError, OSError):
                break
        alone.process.kill()
        alone.process.join()
        if not ended:
            return None
        return Finding(seed, Difference(0, "crash", f"the program of seed {seed} ends the process"), ())


def sweep(setup: Setup, seeds: range, jobs: int, tell: Callable[[Finding | None, bool], None]) -> Sweep:
    """Run a program for every seed. `tell` hears of each: what it found, if anything, and whether that is the first of its kind."""
    total = Sweep()
    for size, finding in Processes(setup, jobs).run(seeds):
        total.programs += 1
        total.statements += size
        tell(finding, finding is not None and total.add(finding))
    return total
