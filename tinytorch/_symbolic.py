"""Arithmetic of torch's symbolic numbers, on Python's: nothing is symbolic here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_NUMBERS = (np.integer, np.floating, int, float)


def sym_int(a: Any) -> Any:
    """The number towards zero as an int."""
    if isinstance(a, float):
        return math.floor(a) if a >= 0 else math.ceil(a)
    return int(a)


def sym_float(a: Any) -> Any:
    """The number as a float."""
    return float(a)


def sym_not(a: Any) -> Any:
    """The logical negation."""
    return not a


def _of_two(function: Any, a: Any, b: Any) -> Any:
    for number in (a, b):
        if not isinstance(number, _NUMBERS):
            raise AssertionError(f"expected {_NUMBERS}, got {type(number)}")
    result = function(a, b)
    return float(result) if isinstance(a, float) or isinstance(b, float) else result


def sym_max(a: Any, b: Any) -> Any:
    """The larger of two numbers: a float if one of them is. Raises AssertionError for anything else."""
    return _of_two(max, a, b)


def sym_min(a: Any, b: Any) -> Any:
    """The smaller of two numbers: a float if one of them is. Raises AssertionError for anything else."""
    return _of_two(min, a, b)


class _Symbolic:
    """A number that stands for many in a traced program. Nothing is traced here: no number is one."""

    def __init__(self, node: Any) -> None:
        self.node = node


class SymInt(_Symbolic):
    """A symbolic int."""

    __module__ = "torch"


class SymFloat(_Symbolic):
    """A symbolic float."""

    __module__ = "torch"


class SymBool(_Symbolic):
    """A symbolic bool."""

    __module__ = "torch"
