"""torch.Stream and torch.Event: queues of work. The CPU's is always empty, and its events cannot be recorded."""

from __future__ import annotations

from typing import Any

from ._core.device import device as device_class

#: Kinds of devices that can be named without being there.
_NAMED_ONLY = ("cpu", "meta")


def _place(device: Any) -> Any:
    if isinstance(device, int):
        raise RuntimeError("Cannot access accelerator device when none is available.")
    place = device_class("cpu" if device is None else device)
    if place.type not in _NAMED_ONLY:
        raise RuntimeError(f"PyTorch is not linked with support for {place.type} devices")
    return place


_NUMBERS = {"cpu": 0, "meta": 14}


class Stream:
    """A queue of a device's work. Raises RuntimeError for devices that are not there."""

    __module__ = "torch"

    def __init__(self, device: Any = None, *, priority: int = 0) -> None:
        self.device = _place(device)
        self.device_type = _NUMBERS[self.device.type]
        self.device_index = -1
        self.stream_id = 0

    def query(self) -> bool:
        """True: nothing is pending."""
        return True

    def is_capturing(self) -> bool:
        """False: nothing is ever captured."""
        return False

    def synchronize(self) -> None:
        """Nothing to wait for."""

    def wait_stream(self, other: Stream) -> None:
        """Raises RuntimeError: a stream is waited for by an event."""
        raise RuntimeError(f"{self.device.type} backend doesn't support events.")

    def wait_event(self, event: Event) -> None:
        """Nothing to wait for."""

    def record_event(self, event: Event | None = None) -> Event:
        """Raises RuntimeError."""
        raise RuntimeError(f"{self.device.type} backend doesn't support events.")

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and self.device == other.device

    def __hash__(self) -> int:
        return hash(self.device)

    def __repr__(self) -> str:
        return f"torch.Stream device_type={self.device.type}, device_index=-1, stream_id=0"


class Event:
    """A mark in a stream. Raises RuntimeError for devices that are not there."""

    __module__ = "torch"

    def __init__(
        self,
        device: Any = None,
        *,
        enable_timing: bool = False,
        blocking: bool = False,
        interprocess: bool = False,
    ) -> None:
        self.device = _place(device)
        self.event_id = 0
        self._timed = enable_timing

    def record(self, stream: Stream | None = None) -> None:
        """Raises RuntimeError."""
        raise RuntimeError(f"{self.device.type} backend doesn't support events.")

    def wait(self, stream: Stream | None = None) -> None:
        """Nothing to wait for."""

    def query(self) -> bool:
        """True: nothing is pending."""
        return True

    def synchronize(self) -> None:
        """Nothing to wait for."""

    def elapsed_time(self, end_event: Event) -> float:
        """Raises ValueError for events without times, RuntimeError for others."""
        if not (self._timed and end_event._timed):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        raise RuntimeError(f"{self.device.type} backend doesn't support events.")

    def __repr__(self) -> str:
        return (
            f"torch.Event device_type={self.device.type}, device_index=-1, event_flag={int(self._timed)}, "
            f"event_id={self.event_id}"
        )
