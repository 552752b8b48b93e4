"""`__torch_function__`: letting other classes, tensor subclasses and modes answer for an operator.

Source: torch's documentation, "Extending PyTorch", section "Extending torch Python API".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import modes as modes_module
from .modes import modes, plain_classes
from .tensor import Tensor


def default_torch_function(func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """What Tensor's own `__torch_function__` does: run, and give results the class that was asked."""
    before = modes.torch_function
    modes.torch_function = False
    try:
        return func(*args, **(kwargs or {}))
    finally:
        modes.torch_function = before


def disabled_torch_function(cls: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """`_disabled_torch_function_impl`: a subclass that wants to be treated as a plain tensor."""
    return default_torch_function(func, types, args, kwargs)


def _flat(args: Iterable[Any]) -> Iterable[Any]:
    for item in args:
        if item.__class__ in (tuple, list):
            yield from _flat(item)
        else:
            yield item


def _overridden(value: Any) -> bool:
    cls = type(value)
    if cls in plain_classes or cls.__module__ == "builtins":
        return False
    handler = getattr(cls, "__torch_function__", None)
    if handler is None:
        return False
    return getattr(handler, "__func__", handler) is not disabled_torch_function


def has_override(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether anybody but plain tensors wants to answer."""
    if modes.function_modes:
        return True
    if not modes.torch_function:
        return False
    return any(_overridden(item) for item in _flat(args)) or any(_overridden(item) for item in _flat(kwargs.values()))


def dispatch_override(front: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Ask modes, then arguments, subclasses before their parents. Raises TypeError if all return NotImplemented."""
    return dispatch_function(front.function, args, kwargs, front.shown)


def relevant_arguments(args: Iterable[Any]) -> list[Any]:
    """The arguments that may answer, one per class, subclasses before their parents."""
    overloaded: list[Any] = []
    for item in _flat(args):
        if _overridden(item) and all(type(item) is not type(other) for other in overloaded):
            index = len(overloaded)
            for i, other in enumerate(overloaded):
                if issubclass(type(item), type(other)):
                    index = i
                    break
            overloaded.insert(index, item)
    return overloaded


def dispatch_function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> Any:
    overloaded = relevant_arguments((*args, *kwargs.values())) if modes.torch_function else []
    types = tuple([type(item) for item in overloaded])
    if modes.function_modes:
        stack = modes.function_modes
        mode = stack[-1]
        modes.function_modes = stack[:-1]
        try:
            result = mode.__torch_function__(function, types, args, kwargs)
        finally:
            modes.function_modes = stack
        if result is not NotImplemented:
            return result
    for item in overloaded:
        result = type(item).__torch_function__(function, types, args, kwargs)
        if result is not NotImplemented:
            return result
    raise TypeError(
        f"Multiple dispatch failed for 'torch.{name}'; all __torch_function__ handlers returned NotImplemented:\n\n"
        + "".join(f"  - tensor subclass {cls!r}\n" for cls in types)
        + "\nFor more information, try re-running with TORCH_LOGS=not_implemented"
    )


class FunctionModeEntry:
    """Pushes a `TorchFunctionMode` for the current thread."""

    @staticmethod
    def push(mode: Any) -> None:
        modes.function_modes = (*modes.function_modes, mode)
        modes_module.interpose()

    @staticmethod
    def pop() -> None:
        modes.function_modes = modes.function_modes[:-1]
        modes_module.release()


def tensor_torch_function(cls: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """`Tensor.__torch_function__`: results of an operator on a subclass become that subclass."""
    if not all(issubclass(cls, t) for t in types):
        return NotImplemented
    result = default_torch_function(func, types, args, kwargs)
    name = getattr(func, "__name__", "")
    if name in ("numpy", "tolist", "item", "__len__", "detach_"):
        return result
    return convert(result, cls)


def convert(result: Any, cls: type) -> Any:
    """`result` as an instance of `cls` wherever it is a plain tensor."""
    if cls in plain_classes:
        return result
    if isinstance(result, Tensor) and not isinstance(result, cls):
        twin = Tensor._subclass_view(result, cls)  # type: ignore[attr-defined]
        return twin
    if isinstance(result, tuple | list) and type(result) in (tuple, list):
        return type(result)(convert(item, cls) for item in result)
    if isinstance(result, tuple):
        return tuple.__new__(type(result), [convert(item, cls) for item in result])
    return result
