"""Tensors as C++ streams print them, which a few error texts show. Source of the format: ATen's behaviour."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from .element_types import Named
from .warning import warn_once

_LINE = 80


class _Stream:
    """What was printed so far, and how the stream prints numbers now: as floats in short ("g"), scientific ("e") or fixed ("f")."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.style = "g"
        self.precision = 6

    def number(self, value: float, width: int = 0) -> None:
        self.parts.append(f"%{width or ''}.{self.precision}{self.style}" % value)


def streamed(tensor: Any) -> str:
    """The text of `std::ostream << tensor` for a strided tensor; of complex numbers the real parts are shown."""
    array = tensor._array
    values = array
    if array.dtype.kind == "c":
        values = array.real
        if array.size:
            warn_once("Casting complex values to real discards the imaginary part")
    values = values.astype(np.float64)
    stream = _Stream()
    if not values.ndim:
        stream.number(values.item())
        stream.parts.append("\n")
    elif values.size and values.ndim == 1:
        scale, width = _format(stream, values)
        for value in values:
            stream.number(value / scale, width)
            stream.parts.append("\n")
    elif values.size and values.ndim == 2:
        _print_matrix(stream, values, 0)
    elif values.size:
        _print_slices(stream, values)
    sizes = ",".join(map(str, values.shape))
    return "".join(stream.parts) + f"[ {Named(tensor._key._dtype).tensor}{{{sizes}}} ]"


def _format(stream: _Stream, values: np.ndarray) -> tuple[float, int]:
    """Choose how numbers are printed; returns what they are divided by, and their width."""
    finite = np.abs(values[np.isfinite(values)])
    whole = not (finite != np.ceil(finite)).any()
    low, high = (_digits(finite.min()), _digits(finite.max())) if finite.size else (1, 1)
    if whole and high <= 9:
        stream.style = "g"
        return 1.0, high + 1
    stream.precision = 4
    if whole or high - low > 4:
        stream.style = "e"
        return 1.0, 12 if not whole and max(abs(high), abs(low)) > 99 else 11
    stream.style = "f"
    if 0 <= high <= 5:
        return 1.0, high + 6 if high else 7
    return 10.0 ** (high - 1), 7


def _digits(value: float) -> int:
    """How many digits stand before the point."""
    return math.floor(math.log10(value)) + 1 if value else 1


def _print_matrix(stream: _Stream, values: np.ndarray, indent: int) -> None:
    """Rows of as many columns as a line holds, one block of columns below the other."""
    scale, width = _format(stream, values)
    margin = " " * indent
    rows, columns = values.shape
    fitting = (_LINE - indent) // (width + 1)
    for first in range(0, columns, fitting):
        last = min(first + fitting, columns)
        if fitting < columns:
            stream.parts.append(("\n" if first else "") + f"Columns {first + 1} to {last}" + margin)
        if scale != 1:
            stream.parts.append(f"{scale:.{stream.precision}g} *\n" + margin)
        for row in range(rows):
            for column in range(first, last):
                stream.number(values[row, column] / scale, width)
                stream.parts.append(" " if column < last - 1 else "\n")
            if row < rows - 1:
                stream.parts.append(margin + (" " if scale != 1 else ""))


def _print_slices(stream: _Stream, values: np.ndarray) -> None:
    """Matrix by matrix; the first dimension's number changes fastest."""
    lead = values.shape[:-2]
    for position, turn in enumerate(itertools.product(*[range(size) for size in reversed(lead)])):
        place = turn[::-1]
        stream.parts.append(
            ("\n" if position else "") + "(" + "".join([f"{n + 1}," for n in place]) + ".,.) = \n"
        )
        _print_matrix(stream, values[place], 1)
