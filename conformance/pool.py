"""Batches of cases in processes of their own: a crash or a hang costs one case, never the run.

A process tells when a case begins, which aspects the candidate owes once the reference has answered, and the result.
When it dies or stays silent, the case it was at is run again alone in a fresh process: if that dies too, the case has
the verdict `crash` or `timeout`; if not, something before it broke the process, and the case is `flaky`. The rest of
the batch goes on in a new process.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from conformance.cases import Unit
from conformance.compare import Verdict
from conformance.remote import IMPORT_LIMIT, ended
from conformance.runner import Result, Runner, Setup
from conformance.sources.opinfo import Unreachable

# a case may run under the reference, the candidate and the oracles, each within the limit of a run
RUNS_PER_CASE = 4.0
GRACE = 10.0
# making a unit's samples
DRAWING_LIMIT = 300.0

# the kind of the cases of a source; those of operators are of their form's
KINDS = {
    "modules": "module",
    "optimizers": "optimizer",
    "directed": "rule",
    "found": "found",
    "docstrings": "docstring",
}

# loaded once before the processes fork, so that a process costs milliseconds
loaded: dict[Setup, Runner] = {}


@dataclass
class Task:
    """A unit to run, without what is already known of it."""

    unit: Unit
    only: frozenset[int] | None = None
    skip: frozenset[str] = frozenset()
    names: frozenset[str] | None = None
    # set on the run of a suspect alone: how its first process ended, and which aspects it owed
    suspect: str = ""
    ending: str = ""
    owed: tuple[str, ...] = ()


@dataclass
class Worker:
    process: Any
    pipe: Connection
    task: Task
    seen: list[str] = field(default_factory=list)
    current: str = ""
    owed: tuple[str, ...] = ()
    reached: bool = False
    deadline: float = 0.0


def preload(setup: Setup) -> Runner:
    """Import both libraries here; processes that fork afterwards find them loaded."""
    if setup not in loaded:
        loaded[setup] = Runner(setup)
        loaded[setup].corpus.load()
    return loaded[setup]


def serve(pipe: Connection, setup: Setup) -> None:
    """The loop of a process: a task in, results out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # what a library prints is no part of the report
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    parent = os.getppid()
    runner = preload(setup)
    runner.judge.announce = lambda owed: pipe.send(("owed", tuple(owed)))

    def starting(name: str) -> None:
        pipe.send(("start", name))

    try:
        runner.start()
    except ImportError as error:
        pipe.send(("fatal", str(error)))
        return
    while True:
        try:
            while not pipe.poll(10.0):
                if os.getppid() != parent:
                    raise EOFError
            task = pipe.recv()
        except (EOFError, OSError):
            break
        try:
            for result in runner.run(task.unit, task.only, task.skip, task.names, starting):
                pipe.send(("result", result))
            pipe.send(("done", ""))
        except Unreachable as reason:
            pipe.send(("done", str(reason)))
        except Exception as error:  # samples that cannot be made are the source's fault, not the run's end
            pipe.send(("done", f"{type(error).__name__}: {error}"))
    runner.close()


class Pool:
    """Runs tasks in so many processes and yields what they find."""

    def __init__(self, setup: Setup, jobs: int) -> None:
        self.setup = setup
        self.jobs = max(jobs, 1)
        method = "fork" if sys.platform == "linux" else "spawn"
        self.context: Any = multiprocessing.get_context(method)
        self.workers: list[Worker] = []
        # tasks that are not finished, per unit
        self.open: Counter[Unit] = Counter()
        self.idle: list[tuple[Any, Connection]] = []
        if method == "fork":
            preload(setup)

    def run(self, tasks: list[Task]) -> Iterator[tuple[Task, Result | str | None]]:
        """Pairs of a task and a result, a reason why it has none, or None when it is finished."""
        queue = deque(tasks)
        self.open.update(task.unit for task in tasks)
        try:
            while queue or self.workers:
                while queue and len(self.workers) < self.jobs:
                    self.give(queue.popleft())
                sources: list[Any] = [worker.pipe for worker in self.workers]
                soonest = min(worker.deadline for worker in self.workers)
                ready = wait(sources, max(0.0, min(soonest - time.monotonic(), 5.0)))
                for worker in list(self.workers):
                    if worker.pipe in ready:
                        yield from self.listen(worker, queue)
                    elif time.monotonic() > worker.deadline:
                        yield from self.lost(worker, queue, "timeout")
        finally:
            self.close()

    def give(self, task: Task) -> None:
        if self.idle:
            process, pipe = self.idle.pop()
        else:
            pipe, other = self.context.Pipe()
            process = self.context.Process(target=serve, args=(other, self.setup), daemon=True)
            process.start()
            other.close()
        worker = Worker(process, pipe, task)
        worker.deadline = time.monotonic() + DRAWING_LIMIT
        pipe.send(task)
        self.workers.append(worker)

    def listen(self, worker: Worker, queue: deque[Task]) -> Iterator[tuple[Task, Result | str | None]]:
        try:
            kind, content = worker.pipe.recv()
        except (EOFError, OSError):
            yield from self.lost(worker, queue, "crash")
            return
        limit = self.setup.timeout * RUNS_PER_CASE + GRACE if self.setup.timeout > 0 else DRAWING_LIMIT
        worker.deadline = time.monotonic() + limit
        if self.setup.isolate:
            # the other process has limits of its own, and starting it again takes an import
            limit += IMPORT_LIMIT
        if kind == "fatal":
            raise ImportError(content)
        if kind == "start":
            worker.current, worker.owed, worker.reached = content, (), False
        elif kind == "owed":
            worker.owed, worker.reached = content, True
        elif kind == "result":
            worker.seen.append(content.case)
            worker.current = ""
            worker.deadline = time.monotonic() + max(limit, DRAWING_LIMIT)
            if worker.task.suspect:
                detail = f"{worker.task.ending} when it ran after other cases, not alone"
                content.verdicts["outcome"] = Verdict("flaky", detail)
            yield worker.task, content
        else:
            self.workers.remove(worker)
            self.idle.append((worker.process, worker.pipe))
            if content:
                yield worker.task, content
            yield from self.finish(worker.task)

    def lost(
        self, worker: Worker, queue: deque[Task], status: str
    ) -> Iterator[tuple[Task, Result | str | None]]:
        """A process that died or hangs: blame its case if it is alone to blame, and go on with the rest."""
        self.workers.remove(worker)
        if status == "timeout":
            worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        task, name = worker.task, worker.current
        how = ended(worker.process.exitcode) if status == "crash" else "no result in time, process ended"
        if task.suspect:
            owed = ["outcome", *(worker.owed or task.owed)]
            verdict = Verdict(status, how)
            if not worker.reached:
                owed, verdict = ["outcome"], Verdict("ill-defined", f"the reference: {how}")
            yield task, blamed(task.suspect, task.unit, dict.fromkeys(owed, verdict))
            yield from self.finish(task)
            return
        if not name:
            yield task, f"{how} while samples were made"
            yield from self.finish(task)
            return
        index = frozenset((int(name.rpartition(":")[2]),))
        queue.appendleft(Task(task.unit, task.only, task.skip | {*worker.seen, name}, task.names))
        queue.appendleft(
            Task(task.unit, index, names=frozenset((name,)), suspect=name, ending=how, owed=worker.owed)
        )
        self.open[task.unit] += 1

    def finish(self, task: Task) -> Iterator[tuple[Task, Result | str | None]]:
        """None once nothing of the task's unit is left."""
        self.open[task.unit] -= 1
        if not self.open[task.unit]:
            yield task, None

    def close(self) -> None:
        for process, pipe in [*self.idle, *((worker.process, worker.pipe) for worker in self.workers)]:
            pipe.close()
            process.join(0.5)
            if process.is_alive():
                process.terminate()
                process.join(2.0)
            if process.is_alive():
                process.kill()
        self.idle, self.workers = [], []


def blamed(name: str, unit: Unit, verdicts: dict[str, Verdict]) -> Result:
    """The result of a case that ended its process."""
    operator, dtype, index = name.rsplit(":", 2)
    kind = KINDS.get(unit.source, "error" if unit.source.endswith("errors") else unit.form)
    return Result(name, operator, dtype, int(index), verdicts, kind)
