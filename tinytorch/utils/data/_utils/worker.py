"""What runs in a worker process: it is sent indices and sends batches back."""

from __future__ import annotations

import os
import queue
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...._worker_errors import ExceptionWrapper
from . import MP_STATUS_CHECK_INTERVAL


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker process knows of itself: torch.utils.data.get_worker_info()."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str = "multiprocessing"


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """What the worker process that asks is; None in the main process. Source: torch's documentation, torch.utils.data."""
    return _worker_info


@dataclass(frozen=True)
class _IterableDatasetStopIteration:
    """A worker's iterable dataset has ended."""

    worker_id: int


@dataclass(frozen=True)
class _ResumeIteration:
    """A persistent worker is to begin again, and says in return that it has."""

    seed: int | None = None


@dataclass(frozen=True)
class Assignment:
    """What all workers of an iterator are told."""

    create_fetcher: Callable[..., Any]
    dataset: Any
    auto_collation: bool
    collate_fn: Callable[[Any], Any]
    drop_last: bool
    base_seed: int
    init_fn: Callable[[int], Any] | None
    num_workers: int
    shared_seed: int | None = None

    def fetcher(self, worker_id: int, shared_seed: int | None) -> Any:
        """What gets a worker's samples. Data pipes shuffle alike in all workers, and give each its share."""
        if shared_seed is not None:
            import tinytorch as torch

            from ..graph_settings import apply_random_seed, apply_sharding

            apply_random_seed(self.dataset, torch.Generator().manual_seed(shared_seed))
            apply_sharding(self.dataset, self.num_workers, worker_id)
        return self.create_fetcher(self.dataset, self.auto_collation, self.collate_fn, self.drop_last)


def _seed(base_seed: int, worker_id: int) -> int:
    """Seed this process's generators: torch's and `random` with the sum, NumPy's with four words spread from both numbers."""
    import numpy as np

    import tinytorch as torch

    seed = base_seed + worker_id
    random.seed(seed)
    torch.manual_seed(seed)
    words = np.random.SeedSequence([worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]).generate_state(4)
    np.random.seed(words)  # noqa: NPY002  (it is this generator that datasets draw from)
    return seed


def _inbox(connection: Any) -> queue.SimpleQueue[Any]:
    """The messages of `connection`, read as they come so that the sender never waits; None at the end, or when the sender is gone.

    A process whose main process is gone ends even in the middle of a sample.
    """
    import multiprocessing
    from multiprocessing.connection import wait

    messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
    parent = multiprocessing.parent_process()
    starter = os.getppid()

    def read() -> None:
        watched = [connection] if parent is None else [connection, parent.sentinel]
        message: Any = ()
        while message is not None:
            ready = wait(watched, MP_STATUS_CHECK_INTERVAL)
            if connection in ready:
                try:
                    message = connection.recv()
                except (EOFError, OSError):
                    message = None
                messages.put(message)
            elif ready or os.getppid() != starter:
                messages.put(None)
                threading.Event().wait(MP_STATUS_CHECK_INTERVAL)
                os._exit(1)

    threading.Thread(target=read, daemon=True).start()
    return messages


def _send(connection: Any, key: Any, data: Any, where: str) -> bool:
    """Send a result, or why it cannot be sent. False if nobody listens any more."""
    from multiprocessing.reduction import ForkingPickler

    try:
        content = ForkingPickler.dumps((key, data))
    except Exception:
        content = ForkingPickler.dumps((key, ExceptionWrapper(where=where)))
    try:
        connection.send_bytes(content)
    except OSError:
        return False
    return True


def _worker_loop(tasks: Any, results: Any, assignment: Assignment, worker_id: int) -> None:
    """Serve one worker: (key, index) comes in by `tasks`, (key, batch or error) goes out by `results`."""
    global _worker_info
    where = f"in DataLoader worker process {worker_id}"
    try:
        import tinytorch as torch

        from .... import multiprocessing  # teaches pickles to carry tensors

        assert multiprocessing
        torch.set_num_threads(1)
        seed = _seed(assignment.base_seed, worker_id)
        _worker_info = WorkerInfo(worker_id, assignment.num_workers, seed, assignment.dataset)
        fetcher: Any = None
        failure: ExceptionWrapper | None = None
        try:
            if assignment.init_fn is not None:
                assignment.init_fn(worker_id)
            fetcher = assignment.fetcher(worker_id, assignment.shared_seed)
        except Exception:
            failure = ExceptionWrapper(where=where)
        messages = _inbox(tasks)
        ended = False
        while (message := messages.get()) is not None:
            if isinstance(message, _ResumeIteration):
                if not _send(results, message, None, where):
                    return
                ended = False
                fetcher = assignment.fetcher(worker_id, message.seed)
                continue
            if ended:
                continue
            key, index = message
            if failure is not None:
                data, failure = failure, None
            else:
                try:
                    data = fetcher.fetch(index)
                except StopIteration:
                    if hasattr(fetcher, "ended"):  # the end of an iterable dataset
                        data, ended = _IterableDatasetStopIteration(worker_id), True
                    else:
                        data = ExceptionWrapper(where=where)
                except Exception:
                    data = ExceptionWrapper(where=where)
            if not _send(results, key, data, where):
                return
            del data, index, message
    except KeyboardInterrupt:
        pass  # the main process is interrupted, too, and says so
