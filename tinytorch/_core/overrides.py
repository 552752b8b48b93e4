"""`__torch_function__`: letting other classes, tensor subclasses and modes answer for an operator.

Source: torch's documentation, "Extending PyTorch", section "Extending torch Python API".
"""

from __future__ import annotations

import functools
import inspect
import types as types_module
from collections.abc import Iterable
from typing import Any

from . import modes as modes_module
from .modes import PLAIN, modes, plain_classes
from .tensor import Tensor, subclass_listener


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


_COMMON = frozenset((int, float, bool, complex, str, bytes, tuple, list, dict, type(None)))


class NoHandlerError(TypeError):
    """Everybody asked returned NotImplemented."""


NoHandlerError.__name__ = NoHandlerError.__qualname__ = "TypeError"
NoHandlerError.__module__ = "builtins"


def _flat(args: Iterable[Any]) -> Iterable[Any]:
    for item in args:
        if item.__class__ in (tuple, list):
            yield from _flat(item)
        else:
            yield item


def _overridden(value: Any) -> bool:
    cls = type(value)
    if cls in plain_classes or cls in _COMMON:
        return False
    handler = getattr(cls, "__torch_function__", None)
    if handler is None:
        return False
    return getattr(handler, "__func__", handler) is not disabled_torch_function


def has_override(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether anybody but plain tensors wants to answer."""
    if modes.skip_override:
        modes.skip_override = False
        return False
    if modes.function_modes:
        return True
    if not modes.torch_function:
        return False
    return any(_overridden(item) for item in _flat(args)) or any(
        _overridden(item) for item in _flat(kwargs.values())
    )


def dispatch_override(front: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Ask modes, then arguments, subclasses before their parents. Raises TypeError if all return NotImplemented."""
    return dispatch_function(front.function, args, kwargs or None, front.shown)


def spelled_out(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments as torch's Python functions hand them on: what has no default by position, everything else by name."""
    signature = inspect.signature(function)
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    values = bound.arguments
    positional: list[Any] = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional.extend(values.pop(parameter.name))
        elif parameter.kind is parameter.VAR_KEYWORD:
            values.update(values.pop(parameter.name))
        elif parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            positional.append(values.pop(parameter.name))
    return tuple(positional), values


def relevant_arguments(args: Iterable[Any], plain: bool = False) -> list[Any]:
    """The arguments that may answer, one per class, subclasses before their parents. `plain`: plain tensors are listed, too."""
    overloaded: list[Any] = []
    for item in _flat(args):
        if (_overridden(item) or (plain and type(item) is Tensor)) and all(
            type(item) is not type(other) for other in overloaded
        ):
            index = len(overloaded)
            for i, other in enumerate(overloaded):
                if issubclass(type(item), type(other)):
                    index = i
                    break
            overloaded.insert(index, item)
    return overloaded


def dispatch_function(
    function: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None,
    name: str,
    relevant: tuple[Any, ...] | None = None,
) -> Any:
    """The answer of the first of modes and arguments that has one. `relevant`: the arguments to ask, default all of them.

    As in torch, `kwargs` is None rather than empty where a function is not written in Python.
    """
    overloaded = (
        relevant_arguments((*args, *(kwargs or {}).values()))
        if relevant is None
        else relevant_arguments(relevant, True)
        if modes.torch_function
        else []
    )
    types = tuple([type(item) for item in overloaded])
    asked = [f"tensor subclass {cls!r}" for cls in types]
    if modes.function_modes:
        stack = modes.function_modes
        mode = stack[-1]
        asked.insert(0, f"mode object {mode!r}")
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
    raise NoHandlerError(
        f"Multiple dispatch failed for 'torch.{name}'; all __torch_function__ handlers returned NotImplemented:\n\n"
        + "".join(f"  - {item}\n" for item in asked)
        + "\nFor more information, try re-running with TORCH_LOGS=not_implemented"
    )


class FunctionModeEntry:
    """Pushes a `TorchFunctionMode` for the current thread."""

    @staticmethod
    def push(mode: Any) -> None:
        interpose_members()
        modes.function_modes = (*modes.function_modes, mode)
        modes_module.interpose()

    @staticmethod
    def pop() -> None:
        modes.function_modes = modes.function_modes[:-1]
        modes_module.release()


def tensor_torch_function(cls: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """`Tensor.__torch_function__`: run, and give plain results of an operator on a subclass that subclass."""
    if not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    before = modes.torch_function
    modes.torch_function = False
    try:
        result = func(*args, **(kwargs or {}))
        return result if func in _unwrapped() else convert(result, cls)
    finally:
        modes.torch_function = before


def convert(result: Any, cls: type) -> Any:
    """`result` as an instance of `cls` wherever it is a tensor of another class."""
    if cls in plain_classes:
        return result
    if isinstance(result, Tensor) and not isinstance(result, cls):
        return as_subclass(result, cls)
    if isinstance(result, tuple | list) and type(result) in (tuple, list):
        return type(result)(convert(item, cls) for item in result)
    if isinstance(result, tuple):
        return tuple.__new__(type(result), [convert(item, cls) for item in result])
    return result


def as_subclass(tensor: Any, cls: Any) -> Any:
    """`Tensor.as_subclass`: an alias of `tensor`, with its history, of class `cls`. Raises TypeError if that is no tensor class."""
    _check_class(cls)
    from .declare import find

    result = find("alias").call(tensor)
    result.__class__ = cls
    return result


def make_subclass(cls: Any, data: Any, require_grad: bool = False) -> Any:
    """`Tensor._make_subclass`: a leaf of class `cls` over the memory of `data`."""
    _check_class(cls)
    if not isinstance(data, Tensor):
        from .sealed import type_name

        raise TypeError(
            f"_make_subclass(): argument 'data' (position 2) must be Tensor, not {type_name(data)}"
        )
    result: Any = data.detach()
    result._base = None
    result._requires_grad = False
    result.__class__ = cls
    return result.requires_grad_() if require_grad else result


def make_wrapper_subclass(cls: Any, *args: Any, **kwargs: Any) -> Any:
    """`Tensor._make_wrapper_subclass`: such tensors live by `__torch_dispatch__`."""
    refuse_dispatch(cls)
    raise NotImplementedError("Tensor._make_wrapper_subclass: __torch_dispatch__ is not implemented")


def refuse_dispatch(cls: type) -> None:
    """Raises NotImplementedError for a class whose `__torch_dispatch__` would have to be asked below autograd."""
    handler = getattr(cls, "__torch_dispatch__", None)
    if handler is not None and getattr(handler, "__func__", handler) is not disabled_torch_dispatch:
        raise NotImplementedError(
            f"{cls.__qualname__}.__torch_dispatch__: __torch_dispatch__ is not implemented"
        )


def disabled_torch_dispatch(cls: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """`_disabled_torch_dispatch_impl`: what a class has that wants to hear nothing below autograd."""
    return NotImplemented


def _check_class(cls: Any) -> None:
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(
            "Creating a Tensor subclass from a class that does not inherit from Tensor is not possible. Make sure your class inherits from "
            "Tensor."
        )
    refuse_dispatch(cls)


# Members written in Python -----------------------------------------------------------------------------------------------------

_interposed: list[bool] = []
_never_wrapped: set[Any] = set()

#: Members that subclasses and modes never hear of.
_SILENT = frozenset(
    [
        "__new__",
        "__init__",
        "__init_subclass__",
        "__getattr__",
        "__dir__",
        "__dict__",
        "__weakref__",
        "__module__",
        "__doc__",
        "__slots__",
        "__annotations__",
        "__array_priority__",
        "__torch_function__",
        "__torch_dispatch__",
        "__class__",
        "__sizeof__",
        "__iter__",
        "as_subclass",
    ]
)


#: Members that torch has written in Python, too.
_IN_PYTHON = frozenset(
    [
        "__array__",
        "__array_wrap__",
        "__contains__",
        "__deepcopy__",
        "__dir__",
        "__dlpack__",
        "__dlpack_device__",
        "__floordiv__",
        "__format__",
        "__hash__",
        "__ipow__",
        "__iter__",
        "__len__",
        "__pow__",
        "__rdiv__",
        "__reduce_ex__",
        "__repr__",
        "__reversed__",
        "__rfloordiv__",
        "__rlshift__",
        "__rmatmul__",
        "__rmod__",
        "__rpow__",
        "__rrshift__",
        "__rsub__",
        "__rtruediv__",
        "__setstate__",
        "backward",
        "dim_order",
        "is_shared",
        "istft",
        "lu",
        "norm",
        "register_hook",
        "register_post_accumulate_grad_hook",
        "share_memory_",
        "split",
        "stft",
        "storage",
        "unflatten",
        "unique",
        "unique_consecutive",
    ]
)


def _unwrapped() -> set[Any]:
    """Functions whose results stay what they are."""
    if not _never_wrapped:
        _never_wrapped.update(
            vars(Tensor)[name].__get__
            for name in ("_base", "grad", "_grad")
            if isinstance(vars(Tensor).get(name), property)
        )
    return _never_wrapped


def interpose_members() -> None:
    """Let subclasses and modes answer for Tensor's members that are written in Python; programs without either never pay for it."""
    if _interposed:
        return
    _interposed.append(True)
    for base in Tensor.__mro__[:0:-1]:
        if base is object:
            continue
        for name, member in list(vars(base).items()):
            if name in _SILENT or (name.startswith("_") and not name.startswith("__")):
                continue
            current = vars(Tensor).get(name, member)
            if isinstance(current, property):
                type.__setattr__(Tensor, name, _wrapped_property(name, current))
            elif isinstance(current, types_module.FunctionType):
                type.__setattr__(Tensor, name, _wrapped_method(name, current))
    for name in ("__getitem__", "__setitem__", "__eq__", "__ne__"):
        type.__setattr__(Tensor, name, _wrapped_method(name, vars(Tensor)[name]))
    for name, member in list(vars(Tensor).items()):
        if name.startswith("_") or name in _SILENT:
            continue
        if isinstance(member, property) and not hasattr(member.fget, "_interposed"):
            type.__setattr__(Tensor, name, _wrapped_property(name, member))
        elif (
            isinstance(member, types_module.FunctionType)
            and not hasattr(member, "front")
            and not hasattr(member, "__wrapped__")
        ):
            type.__setattr__(Tensor, name, _wrapped_method(name, member))


def _wrapped_method(name: str, method: Any) -> Any:
    @functools.wraps(method)
    def public(*args: Any, **kwargs: Any) -> Any:
        if (args and args[0].__class__ in PLAIN and len(args) == 1) or not has_override(args, kwargs):
            return method(*args, **kwargs)
        try:
            return dispatch_function(
                public, args, kwargs if name in _IN_PYTHON else kwargs or None, f"Tensor.{name}"
            )
        except NoHandlerError:
            if name in ("__eq__", "__ne__"):
                return NotImplemented
            raise

    public.__qualname__ = f"TensorBase.{name}"
    return public


def _wrapped_property(name: str, member: property) -> property:
    getter: Any = member.fget
    setter: Any = member.fset
    deleter: Any = member.fdel

    def get(self: Any) -> Any:
        if self.__class__ in PLAIN or not has_override((self,), {}):
            return getter(self)
        return dispatch_function(public.__get__, (self,), None, f"Tensor.{name}.__get__")

    def set_value(self: Any, value: Any) -> None:
        if self.__class__ in PLAIN or not has_override((self,), {}):
            setter(self, value)
        else:
            dispatch_function(public.__set__, (self, value), None, f"Tensor.{name}.__set__")

    def delete(self: Any) -> None:
        if self.__class__ in PLAIN or not has_override((self,), {}):
            deleter(self)
        else:
            dispatch_function(public.__delete__, (self,), None, f"Tensor.{name}.__delete__")

    get._interposed = True  # type: ignore[attr-defined]
    public = property(
        get,
        set_value if setter is not None else None,
        delete if deleter is not None else None,
        member.__doc__,
    )
    return public


_OWN = __name__.partition(".")[0]


def note_subclass(cls: type) -> None:
    """A class derived from Tensor came into being; torch's own need no dispatch, or ask for it when there is an instance."""
    if str(cls.__module__).partition(".")[0] not in ("torch", _OWN):
        interpose_members()


type.__setattr__(Tensor, "__torch_function__", classmethod(tensor_torch_function))
type.__setattr__(Tensor, "as_subclass", as_subclass)
type.__setattr__(Tensor, "_make_subclass", staticmethod(make_subclass))
type.__setattr__(Tensor, "_make_wrapper_subclass", staticmethod(make_wrapper_subclass))
subclass_listener.append(note_subclass)
