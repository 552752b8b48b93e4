"""Access to declared operators as torch publishes them: with argument parsing, overrides and torch's error texts."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ..._core.declare import find
from ..._core.front import front_of
from ..._core.modes import PLAIN
from ..._core.overrides import dispatch_function, has_override, spelled_out

#: torch's numbering of reductions; "elementwise_mean" and "batchmean" are taken for "mean" with a warning elsewhere.
_REDUCTIONS = {"none": 0, "mean": 1, "elementwise_mean": 1, "sum": 2}


class Published:
    """Operators by name: `ops.relu(x)`. Found when first asked for."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        front = front_of(name, "function")
        if front is None:
            raise NotImplementedError(f"the operator aten::{name} is not implemented")
        self.__dict__[name] = front.function
        return front.function


ops = Published()


_COMMON = (int, float, bool, str, tuple, list, type(None))


def overridable(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` as `torch.nn.functional` publishes it: `__torch_function__` of arguments and modes is asked first.

    It adds a frame, which the functions' warnings count.
    """
    name = function.__name__

    @functools.wraps(function)
    def public(*args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()) if kwargs else args:
            cls = value.__class__
            if cls not in PLAIN and (cls not in _COMMON or cls is tuple or cls is list or not PLAIN):
                if has_override(args, kwargs):
                    args, kwargs = spelled_out(function, args, kwargs)
                    everything = (*args, *kwargs.values())
                    return dispatch_function(public, args, kwargs, f"nn.functional.{name}", everything)
                break
        return function(*args, **kwargs)

    public.__module__ = "tinytorch.nn.functional"
    public.__qualname__ = name
    return public


def overwrite(name: str, *args: Any) -> Any:
    """The in-place form of the operator `name`."""
    return find(name).inplace(*args)


def reduction_number(reduction: str) -> int:
    """torch's number for a reduction's name. Raises ValueError for others."""
    number = _REDUCTIONS.get(reduction) if isinstance(reduction, str) else None
    if number is None:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if reduction == "elementwise_mean":
        warnings.warn(
            "reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.", stacklevel=5
        )
    return number


def legacy_reduction(size_average: bool | None, reduce: bool | None, emit_warning: bool = True) -> str:
    """The reduction that the two old arguments stand for."""
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    name = "mean" if size_average and reduce else "sum" if reduce else "none"
    if emit_warning:
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{name}' instead.",
            stacklevel=5,
        )
    return name


def chosen_reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> int:
    """The number of the reduction, the old arguments taking precedence."""
    if size_average is not None or reduce is not None:
        return reduction_number(legacy_reduction(size_average, reduce))
    return reduction_number(reduction)


def listed(value: Any, count: int) -> list[Any]:
    """One value repeated, or the list given."""
    return list(value) if isinstance(value, Sequence) else [value] * count
