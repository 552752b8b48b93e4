"""What scripted functions make of their arguments: a parameter annotated `float` takes whole numbers, and they become floats."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, Optional

from .._core.tensor import Tensor

_FLOATS = (float, "float", float | None, Optional[float], "Optional[float]", "float | None")  # noqa: UP045  (what programs write)
_LISTS = (list[float], "List[float]", "list[float]")


def _as_float(value: Any) -> Any:
    if isinstance(value, Tensor) and value.dim() == 0:  # type: ignore[attr-defined]
        value = value.item()
    return float(value) if isinstance(value, int) else value


def _as_floats(values: Any) -> Any:
    return [_as_float(value) for value in values] if isinstance(values, Sequence) else values


def with_floats(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, or if it has such parameters one that converts what they are given."""
    import inspect
    import typing

    conversions: dict[str, Callable[[Any], Any]] = {}
    parameters = inspect.signature(function).parameters
    for name, parameter in parameters.items():
        if parameter.annotation in _FLOATS:
            conversions[name] = _as_float
        elif parameter.annotation in (*_LISTS, typing.List[float]):  # noqa: UP006
            conversions[name] = _as_floats
    if not conversions:
        return function
    places = [conversions.get(name) for name in parameters]
    # by how many positional arguments it takes to give them
    defaults = [
        (place, name, conversions[name](parameter.default))
        for place, (name, parameter) in enumerate(parameters.items())
        if name in conversions and isinstance(parameter.default, int)
    ]

    @functools.wraps(function)
    def scripted(*args: Any, **kwargs: Any) -> Any:
        given = [
            value if convert is None else convert(value)
            for value, convert in itertools.zip_longest(args, places[: len(args)])
        ]
        for name, value in kwargs.items():
            if name in conversions:
                kwargs[name] = conversions[name](value)
        for place, name, value in defaults:
            if place >= len(args):
                kwargs.setdefault(name, value)
        return function(*given, **kwargs)

    return scripted
