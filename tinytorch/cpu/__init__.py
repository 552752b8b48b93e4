"""torch.cpu: the CPU asked as a device is. Its streams and events do nothing: everything has run when a call returns."""

from __future__ import annotations

import contextlib
import importlib
from contextlib import AbstractContextManager
from typing import Any

__all__ = [
    "is_available",
    "is_initialized",
    "synchronize",
    "current_device",
    "current_stream",
    "stream",
    "set_device",
    "device_count",
    "Stream",
    "StreamContext",
    "Event",
]


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True."""
    return True


def synchronize(device: Any = None) -> None:
    """Nothing is pending."""


def current_device() -> str:
    """ "cpu"."""
    return "cpu"


def set_device(device: Any) -> None:
    """There is one."""


def device_count() -> int:
    """1."""
    return 1


class Stream:
    """A queue of work, which is always empty."""

    def __init__(self, priority: int = -1) -> None:
        pass

    def wait_stream(self, stream: Any) -> None:
        """Nothing to wait for."""

    def record_event(self) -> None:
        """Nothing to record."""

    def wait_event(self, event: Any) -> None:
        """Nothing to wait for."""


class Event:
    """A mark in a queue, which is always reached."""

    def query(self) -> bool:
        """True."""
        return True

    def record(self, stream: Any = None) -> None:
        """Nothing to record."""

    def synchronize(self) -> None:
        """Nothing to wait for."""

    def wait(self, stream: Any = None) -> None:
        """Nothing to wait for."""


_default_stream = Stream()
_current = [_default_stream]


def current_stream(device: Any = None) -> Stream:
    """The stream of the innermost `stream` context, else the default one."""
    return _current[-1]


class StreamContext(contextlib.AbstractContextManager):  # type: ignore[type-arg]
    """Makes a stream the current one; None: changes nothing."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        if self.stream is not None:
            _current.append(self.stream)

    def __exit__(self, *exception: object) -> None:
        if self.stream is not None:
            _current.pop()


def stream(stream: Stream) -> AbstractContextManager[Any]:
    """A context in which a stream is the current one."""
    return StreamContext(stream)


def __getattr__(name: str) -> Any:
    if name == "amp":
        return importlib.import_module(".amp", __name__)
    raise AttributeError(f"module 'torch.cpu' has no attribute '{name}' (tinytorch lacks it)")
