"""torch.futures: values that are there later, and what is to be done with them then.

Callbacks run in the thread that completes the future, or at once if it is complete.
"""

from __future__ import annotations

import threading
from typing import Any, Generic, TypeVar, cast

from ._futures import Future as _Future

__all__ = ["Future", "collect_all", "wait_all"]

T = TypeVar("T")


class Future(_Future, Generic[T]):
    """A value of one type that is there later. `devices` must be empty: there are none but the CPU."""

    __module__ = "torch.jit"

    def __init__(self, *, devices: list[Any] | None = None) -> None:
        for place in devices or ():
            from ._core.device import device as parse

            kind = parse(place)
            if kind.index is None:
                raise ValueError(f"Expected devices to have indices, got {kind}")
            raise RuntimeError(f"PyTorch is not linked with support for {kind.type} devices")
        super().__init__()


def collect_all(futures: list[Future[Any]]) -> Future[list[Future[Any]]]:
    """A future that is complete when all of a list are, or when one has an error; its value is the list."""
    gathered: Future[list[Future[Any]]] = Future()
    given = list(futures)
    if not given:
        gathered._complete([], None)
        return gathered
    lock = threading.Lock()
    left = len(given)
    failed: list[BaseException] = []

    def one_more(future: Any) -> None:
        nonlocal left
        with lock:
            left -= 1
            if future._error is not None:
                failed.append(future._error)
            last = left == 0
        if last:
            gathered._complete(None if failed else given, failed[0] if failed else None)

    for future in given:
        future._when_done(one_more)
    return gathered


def wait_all(futures: list[Future[Any]]) -> list[Any]:
    """The values of all futures, once they are there. Raises the error of one that has one."""
    return [future.wait() for future in cast("list[Any]", collect_all(futures).wait())]
