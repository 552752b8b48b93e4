"""torch.multiprocessing: the standard library's module, whose queues and pipes know tensors.

A tensor in shared memory (`share_memory_`) arrives as the same memory, every other one as a copy.
"""

from __future__ import annotations

import multiprocessing as _multiprocessing
from multiprocessing import *  # noqa: F403

from .reductions import init_reductions
from .spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = [
    "set_sharing_strategy",
    "get_sharing_strategy",
    "get_all_sharing_strategies",
    *_multiprocessing.__all__,  # type: ignore[attr-defined]
]

_OFFERED = (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)
_all_sharing_strategies = {"file_descriptor", "file_system"}
_sharing_strategy = "file_descriptor"


def get_all_sharing_strategies() -> set[str]:
    """The names that `set_sharing_strategy` takes."""
    return _all_sharing_strategies


def get_sharing_strategy() -> str:
    """The name last set."""
    return _sharing_strategy


def set_sharing_strategy(new_strategy: str) -> None:
    """Choose how shared memory is handed over; descriptors do it under either name. Raises AssertionError for other names."""
    global _sharing_strategy
    if new_strategy not in _all_sharing_strategies:
        raise AssertionError(
            f"invalid sharing strategy '{new_strategy}', expected one of {_all_sharing_strategies}"
        )
    _sharing_strategy = new_strategy


init_reductions()
