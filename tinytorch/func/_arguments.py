"""Choosing arguments by number, with torch's error texts."""

from __future__ import annotations

from typing import Any


def _wrap(argnum: Any, count: int) -> int:
    if not isinstance(argnum, int):
        raise RuntimeError(f"argnum must be int, got: {type(argnum)}")
    if 0 <= argnum < count:
        return argnum
    if -count <= argnum < 0:
        return argnum + count
    raise RuntimeError(f"Got argnum={argnum}, but only {count} positional inputs")


def wrapped_numbers(argnums: Any, count: int) -> Any:
    """`argnums` counted from the front. Raises RuntimeError with torch's texts."""
    if isinstance(argnums, int):
        return _wrap(argnums, count)
    if not isinstance(argnums, tuple):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    numbers = tuple([_wrap(argnum, count) for argnum in argnums])
    if not numbers:
        raise RuntimeError("argnums must be non-empty")
    if len(set(numbers)) != len(numbers):
        raise RuntimeError(f"argnums elements must be unique, got {numbers}")
    return numbers


def slice_arguments(args: tuple[Any, ...], argnums: Any, as_tuple: bool) -> Any:
    """The arguments `argnums`: one alone (or in a tuple with `as_tuple`), or a tuple."""
    numbers = wrapped_numbers(argnums, len(args))
    if isinstance(numbers, int):
        return (args[numbers],) if as_tuple else args[numbers]
    return tuple([args[number] for number in numbers])


def replace_arguments(args: tuple[Any, ...], chosen: Any, argnums: Any) -> tuple[Any, ...]:
    """`args` with those of `argnums` replaced by `chosen` (as `slice_arguments(..., False)` gives them)."""
    numbers = wrapped_numbers(argnums, len(args))
    values = list(args)
    if isinstance(numbers, int):
        values[numbers] = chosen
    else:
        for number, value in zip(numbers, chosen, strict=True):
            values[number] = value
    return tuple(values)
