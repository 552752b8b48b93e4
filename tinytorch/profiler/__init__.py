"""torch.profiler: programs may import it; measuring raises."""

from __future__ import annotations

import enum
from collections.abc import Callable
from types import TracebackType
from typing import Any

from ..autograd.profiler import record_function

__all__ = [
    "kineto_available",
    "ProfilerAction",
    "ProfilerActivity",
    "profile",
    "record_function",
    "schedule",
    "tensorboard_trace_handler",
]


class ProfilerActivity(enum.Enum):
    """What a profiler may watch."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(enum.Enum):
    """What a profiler does during a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """The action for each step number: `wait` steps nothing, `warmup` steps warming up, `active` steps recording, and again."""

    def action(step: int) -> ProfilerAction:
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        if skip_first_wait:
            step += wait
        length = wait + warmup + active
        if repeat > 0 and step // length >= repeat:
            return ProfilerAction.NONE
        place = step % length
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if place < length - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[Any], None]:
    raise NotImplementedError("torch.profiler.tensorboard_trace_handler is not implemented")


def kineto_available() -> bool:
    """False: there is no tracing library."""
    return False


class profile:
    """A profiler that cannot be started: entering it raises NotImplementedError."""

    def __init__(self, **options: Any) -> None:
        self._options = options

    def __enter__(self) -> profile:
        raise NotImplementedError("torch.profiler.profile is not implemented: use Python's cProfile")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None
