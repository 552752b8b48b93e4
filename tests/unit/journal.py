"""A journal of what a program does: values, texts, errors and warnings as plain data, so that two libraries' journals compare."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

#: Warnings that come once a process, or not at all once another test has made a choice.
_OF_THE_PROCESS = re.compile("torch.jit.script|Sparse invariant checks are implicitly disabled")


class Journal:
    """Collects entries; `tries` runs something that may raise."""

    def __init__(self) -> None:
        self.entries: list[Any] = []

    def note(self, value: Any) -> None:
        self.entries.append(plain(value))

    def tries(self, function: Callable[[], Any]) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                self.entries.append(("returns", plain(function())))
            except Exception as error:
                self.entries.append((type(error).__name__, _without_addresses(str(error))))
        texts = [str(item.message) for item in caught if not _OF_THE_PROCESS.search(str(item.message))]
        if texts:
            self.entries.append(["warns", *(text[:60] for text in texts)])


def plain(value: Any) -> Any:
    """Tensors as lists, texts without addresses, containers of such."""
    if hasattr(value, "tolist") and not isinstance(value, np.generic):
        return value.detach().tolist() if hasattr(value, "detach") else value.tolist()
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, bool | int | float | None):
        return value
    return _without_addresses(str(value))


def _without_addresses(text: str) -> str:
    return re.sub("0x[0-9a-f]+", "0x", text)


def agrees(first: Any, second: Any, tolerance: float = 1e-5) -> bool:
    """Equal, numbers up to rounding."""
    if isinstance(first, float) and isinstance(second, float):
        if first != first or second != second:
            return first != first and second != second
        return first == second or abs(first - second) <= tolerance * max(1.0, abs(first), abs(second))
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(agrees(a, b, tolerance) for a, b in zip(first, second))
    return bool(first == second)


def same_journals(program: Callable[[Any, Journal], None], torch: Any, other: Any) -> None:
    """Run `program` on both libraries; fails at the first entry that differs."""
    journals = []
    for library in (torch, other):
        journal = Journal()
        program(library, journal)
        journals.append(journal.entries)
    for position, (wanted, found) in enumerate(zip(*journals)):
        assert agrees(wanted, found), f"entry {position}:\n torch {wanted}\n here  {found}"
    assert len(journals[0]) == len(journals[1])
