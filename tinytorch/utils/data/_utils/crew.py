"""The worker processes of an iterator as the main process sees them: started, sent to, listened to, missed, ended.

Each worker has a pipe for its tasks and one for its results, so a worker that dies in the middle of a message disturbs no other.
"""

from __future__ import annotations

import os
import signal
import time
import weakref
from multiprocessing.connection import wait
from typing import Any

from . import MP_STATUS_CHECK_INTERVAL
from .worker import Assignment, _worker_loop

#: The main process's ends of all pipes. Children forked later must not hold them: a pipe would seem open when it is not.
_open_ends: weakref.WeakSet[Any] = weakref.WeakSet()


def _close_inherited_ends() -> None:
    for end in [*_open_ends]:
        end.close()
    _open_ends.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_inherited_ends)


class Crew:
    """`count` workers. Raises RuntimeError from `receive` if one of them dies, or nothing comes in time."""

    def __init__(self, context: Any, count: int, assignment: Assignment) -> None:
        self.processes: list[Any] = []
        self._owner = os.getpid()
        self._tasks: list[Any] = []
        self._results: list[Any] = []
        self._listening: set[int] = set()
        try:
            for worker in range(count):
                self._start(context, worker, assignment)
        except BaseException:
            self.end()
            raise

    def _start(self, context: Any, worker: int, assignment: Assignment) -> None:
        their_tasks, our_tasks = context.Pipe(duplex=False)
        our_results, their_results = context.Pipe(duplex=False)
        process = context.Process(
            target=_worker_loop, args=(their_tasks, their_results, assignment, worker), daemon=True
        )
        try:
            process.start()
        except BaseException:
            our_tasks.close()
            our_results.close()
            raise
        finally:
            their_tasks.close()
            their_results.close()
        _open_ends.update((our_tasks, our_results))
        self.processes.append(process)
        self._tasks.append(our_tasks)
        self._results.append(our_results)
        self._listening.add(worker)

    def send(self, worker: int, message: Any) -> None:
        """Send a task. A worker that is gone is noticed by `receive`."""
        try:
            self._tasks[worker].send(message)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def receive(self, timeout: float = 0) -> Any:
        """The next result of any worker. Raises RuntimeError if a worker died, or after `timeout` seconds (0: never)."""
        readers = {self._results[worker]: worker for worker in self._listening}
        sentinels = {self.processes[worker].sentinel: worker for worker in self._listening}
        ready = wait([*readers, *sentinels], timeout or None)
        if not ready:
            raise RuntimeError(f"DataLoader timed out after {timeout} seconds")
        for connection in ready:
            if connection in readers:
                try:
                    content = connection.recv_bytes()  # type: ignore[union-attr]
                except (EOFError, OSError):
                    continue
                from multiprocessing.reduction import ForkingPickler

                return ForkingPickler.loads(content)
        raise self._loss()

    def _loss(self) -> RuntimeError:
        """What to raise when workers have ended that should not."""
        gone: list[Any] = []
        until = time.monotonic() + MP_STATUS_CHECK_INTERVAL
        while not gone and time.monotonic() < until:  # its pipe closes a moment before a process is gone
            gone = [self.processes[i] for i in sorted(self._listening) if not self.processes[i].is_alive()]
        names = ", ".join(str(process.pid) for process in gone)
        error = RuntimeError(f"DataLoader worker (pid(s) {names}) exited unexpectedly")
        for process in gone:
            code = process.exitcode or 0
            if code < 0:
                reason = f"is killed by signal: {signal.strsignal(-code)}. "
            elif code:
                reason = (
                    f"exited unexpectedly with exit code {code}. Details are lost due to multiprocessing. "
                    "Rerunning with num_workers=0 may give better error trace."
                )
            else:
                continue
            error.__cause__ = RuntimeError(f"DataLoader worker (pid {process.pid}) {reason}")
            break
        return error

    def dismiss(self, worker: int) -> None:
        """Tell one worker that nothing more will come, and do not miss it."""
        self._listening.discard(worker)
        self.send(worker, None)
        self._tasks[worker].close()

    def end(self) -> None:
        """End all workers: ask them to, and make them if they do not within some seconds."""
        if (
            os.getpid() != self._owner
        ):  # a forked child has a copy of this object, but they are not its workers
            return
        for worker in [*self._listening]:
            self.dismiss(worker)
        for results in self._results:
            results.close()
        until = time.monotonic() + MP_STATUS_CHECK_INTERVAL
        for process in self.processes:
            process.join(max(0, until - time.monotonic()))
        for force in (False, True):
            left = [process for process in self.processes if process.is_alive()]
            for process in left:
                process.kill() if force else process.terminate()
            for process in left:
                process.join(1)
