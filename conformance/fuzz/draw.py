"""Where random choices come from. The statements only see this interface, so that two drivers can stand behind it.

`RandomDraw` is a seeded generator for sweeps; Hypothesis' `data()` in a test is the other one.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Draw(Protocol):
    """A source of choices."""

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""

    def choice(self, items: Sequence[T]) -> T:
        """One of the items, which must not be empty."""

    def chance(self, probability: float) -> bool:
        """True about as often as the probability, 0 to 1, says."""


class RandomDraw:
    """Choices of a seeded generator: the same seed gives the same program for ever."""

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(seed)

    def integer(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def choice(self, items: Sequence[T]) -> T:
        return self._random.choice(items)

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability


class HypothesisDraw:
    """Choices of Hypothesis, which shrinks and replays them. `data` is what its `st.data()` gives a test."""

    def __init__(self, data: Any) -> None:
        from hypothesis import strategies

        self._data, self._integers = data, strategies.integers

    def integer(self, low: int, high: int) -> int:
        return int(self._data.draw(self._integers(low, high)))

    def choice(self, items: Sequence[T]) -> T:
        return items[self.integer(0, len(items) - 1)]

    def chance(self, probability: float) -> bool:
        # in steps of a 64th: a uniform float would shrink in ways that mean nothing here
        return self.integer(0, 63) >= 64 - round(64 * probability)
