"""Python's operator symbols on tensors (`+`, `@=`, ...): compiled when first used, and what they do with unusual operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import dispatch, numbers
from .compiler import GLOBALS
from .declare import Operator, registry
from .front import front_of
from .modes import modes
from .mutation import mark_results
from .tensor import Tensor


def slow_infix(operator: Operator, self: Any, other: Any) -> Any:
    """`self <symbol> other` where they are not two plain tensors or a tensor and a common number."""
    from .overrides import NoHandlerError, dispatch_override, has_override

    args = (self, other)
    if has_override(args, {}):
        front = front_of(operator.name, "method")
        assert front is not None
        try:
            return dispatch_override(front, args, {})
        except NoHandlerError:
            return NotImplemented
    if isinstance(other, np.number | np.bool_):
        other = numbers.python_number(other)
    if isinstance(other, Tensor):
        result = operator.call(self, other)
    elif isinstance(other, bool | int | float | complex):
        if operator.options.get("numbers_apart"):
            result = getattr(self, operator.name)(other)
        else:
            result = dispatch.slow(operator, dispatch.complete(operator, (self, other)))
    else:
        return NotImplemented
    return mark_results(result, args) if modes.inference else result


def slow_inplace_infix(operator: Operator, self: Any, other: Any) -> Any:
    """`self <symbol>= other` where they are not two plain tensors or a tensor and a common number."""
    from .overrides import dispatch_override, has_override

    front = front_of(operator.name, "inplace")
    assert front is not None
    if has_override((self, other), {}):
        return dispatch_override(front, (self, other), {})
    if isinstance(other, Tensor | bool | int | float | complex | np.number | np.bool_):
        return front.function(self, numbers.python_number(other) if isinstance(other, np.generic) else other)
    return NotImplemented


def install_symbols(names: dict[str, str], reflected: dict[str, Callable[..., Any]]) -> None:
    """Give Tensor its operator symbols: {symbol method: operator name}; compiled when first used."""
    for symbol, name in names.items():
        _install_symbol(symbol, name)
    for symbol, function in reflected.items():
        function.__name__ = symbol
        type.__setattr__(Tensor, symbol, function)


def _install_symbol(symbol: str, name: str) -> None:
    def first_use(self: Any, other: Any) -> Any:
        augmented = symbol.startswith("__i") and symbol not in ("__invert__",)
        plain = "__" + symbol[3:] if augmented else symbol
        operator = next(o for o in registry[name] if o.options.get("infix") == plain)
        infix = operator.compiled.inplace_infix if augmented else operator.compiled.infix
        infix.__name__ = symbol
        infix.__qualname__ = f"Tensor.{symbol}"
        type.__setattr__(Tensor, symbol, infix)
        return infix(self, other)

    first_use.__name__ = symbol
    type.__setattr__(Tensor, symbol, first_use)


GLOBALS.update(slow_infix=slow_infix, slow_inplace_infix=slow_inplace_infix)
