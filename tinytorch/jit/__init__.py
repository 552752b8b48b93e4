"""``torch.jit`` without a compiler: scripted and traced code is the Python code itself.

What a script module can do that Python code cannot (be saved and loaded without its source, be frozen) raises.
"""

from __future__ import annotations

import builtins
import typing
import warnings
from collections.abc import Callable
from types import FunctionType
from typing import Any, Final, NoReturn

from .._futures import Future as _Future
from ..futures import Future

__all__ = [
    "Error",
    "Final",
    "Future",
    "ScriptFunction",
    "ScriptModule",
    "TracerWarning",
    "annotate",
    "export",
    "fork",
    "freeze",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "load",
    "optimize_for_inference",
    "save",
    "script",
    "script_if_tracing",
    "script_method",
    "trace",
    "trace_module",
    "unused",
    "wait",
]


_is_instance = builtins.isinstance


class Error(RuntimeError):
    """An error inside scripted code."""

    __module__ = "torch.jit"


class TracerWarning(Warning):
    """What torch warns of when a recording may not be of use for other inputs. Nothing here gives one: branches are taken anew."""

    __module__ = "torch.jit._trace"

    @staticmethod
    def ignore_lib_warnings() -> None:
        """Leave out those that torch itself would cause."""
        warnings.filterwarnings("ignore", category=TracerWarning, module="torch.(?!jit)")


class ScriptFunction:
    """Nothing is one: `script` gives back the function itself."""

    __module__ = "torch.jit"

    def __new__(cls, *arguments: Any, **named: Any) -> NoReturn:
        _refuse("torch.jit.ScriptFunction")


def _refuse(what: str) -> NoReturn:
    raise NotImplementedError(f"{what}: tinytorch has no TorchScript; it runs the Python code itself")


def _deprecated(name: str, advice: str = "switch to `torch.compile` or `torch.export`.") -> None:
    warnings.warn(
        f"`torch.jit.{name}` is deprecated. Please {advice}",
        DeprecationWarning,
        stacklevel=2,
    )


def __getattr__(name: str) -> Any:
    # A subclass of nn.Module, which only those who ask for it pay for.
    if name != "ScriptModule":
        raise AttributeError(f"module 'torch.jit' has no attribute '{name}'")
    from tinytorch.nn import Module

    class ScriptModule(Module):
        """Nothing is one: `script` and `trace` give back the module itself."""

        __module__ = "torch.jit._script"

        def __init__(self, *arguments: Any, **named: Any) -> None:
            _refuse("torch.jit.ScriptModule")

    ScriptModule.__qualname__ = "ScriptModule"
    globals()["ScriptModule"] = ScriptModule
    return ScriptModule


def is_scripting() -> bool:
    """False: this is Python."""
    return False


def is_tracing() -> bool:
    """False: nothing records what runs."""
    return False


def script(
    obj: Any, optimize: None = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None
) -> Any:
    """``obj`` itself; a function that is to be given floats makes floats of whole numbers, as compiled ones do.

    Raises TypeError, as torch does, for what is neither code nor a module.
    """
    _deprecated("script")
    if _is_instance(obj, (int, float, str, bytes, bool, complex, list, tuple, set)):
        raise TypeError(f"{type(obj)} is a built-in class")
    if _is_instance(obj, FunctionType):
        from ._arguments import with_floats

        return with_floats(obj)
    return obj


def trace(func: Any, example_inputs: Any = None, *arguments: Any, **named: Any) -> Any:
    """``func`` itself, which takes every branch anew where a recording would repeat the one it saw."""
    _deprecated("trace")
    return func


def trace_module(mod: Any, inputs: Any, *arguments: Any, **named: Any) -> Any:
    """``mod`` itself."""
    _deprecated("trace_method")
    return mod


def script_if_tracing(fn: Any) -> Any:
    return fn


def script_method(fn: Any) -> Any:
    return fn


def export(fn: Any) -> Any:
    return fn


def unused(fn: Any) -> Any:
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """``@ignore`` and ``@ignore(drop=...)``: the function itself."""
    if callable(drop):
        return drop
    if not _is_instance(drop, bool):
        raise RuntimeError(f"Argument to @torch.jit.ignore must be a bool or a function but got {drop}")
    if drop:
        warnings.warn(
            "ignore(True) has been deprecated. TorchScript will now drop the function call on compilation. "
            "Use torch.jit.unused now. {}",
            category=FutureWarning,
            stacklevel=2,
        )
    return lambda fn: fn


def interface(obj: Any) -> Any:
    if not _is_instance(obj, type):
        raise RuntimeError("interface must be applied to a class")
    return obj


def _overload(func: Callable[..., Any]) -> Callable[..., Any]:
    """One of several signatures of a function: `func` itself."""
    return func


def _overload_method(func: Callable[..., Any]) -> Callable[..., Any]:
    return func


def fork(func: Any, *args: Any, **kwargs: Any) -> Any:
    """A future of `func(*args, **kwargs)`, which runs at once, as torch runs Python functions."""
    _deprecated("fork", "use `torch.compile` instead.")
    future = _Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future: Any) -> Any:
    """The value of a future, once it is there."""
    _deprecated("wait", "use `torch.compile` instead.")
    if not builtins.isinstance(future, _Future):
        raise TypeError(f"wait() needs a torch.Future, not {type(future).__name__}")
    return future.wait()


def annotate(the_type: Any, the_value: Any) -> Any:
    """``the_value``."""
    return the_value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Whether ``obj`` is of a type such as ``List[int]`` or ``Dict[str, Tensor]``, elements included."""
    if _is_instance(target_type, tuple):
        return any(isinstance(obj, one) for one in target_type)
    origin, parameters = typing.get_origin(target_type), typing.get_args(target_type)
    if origin is None:
        if target_type in (list, dict, tuple, typing.List, typing.Dict, typing.Tuple):  # noqa: UP006 - both are asked for
            name = getattr(target_type, "__name__", str(target_type)).lower()
            example = {"dict": "dict[int, int]", "tuple": "tuple[int]"}.get(name, "list[int]")
            raise RuntimeError(
                f"Attempted to use {name} without a contained type. Please add a contained type, e.g. {example}"
            )
        if not _is_instance(target_type, type):
            raise RuntimeError(
                "The second argument to `torch.jit.isinstance` must be a type or a tuple of types"
            )
        return _is_instance(obj, target_type)
    if origin is list:
        return _is_instance(obj, list) and all(isinstance(item, parameters[0]) for item in obj)
    if origin is dict:
        return _is_instance(obj, dict) and all(
            isinstance(key, parameters[0]) and isinstance(value, parameters[1]) for key, value in obj.items()
        )
    if origin is tuple:
        return (
            _is_instance(obj, tuple)
            and len(obj) == len(parameters)
            and all(isinstance(item, kind) for item, kind in zip(obj, parameters, strict=True))
        )
    # Optional and unions
    return any(obj is None if kind is type(None) else isinstance(obj, kind) for kind in parameters)


def save(m: Any, f: Any, _extra_files: Any = None) -> None:
    _refuse("torch.jit.save")


def load(f: Any, map_location: Any = None, _extra_files: Any = None, _restore_shapes: bool = False) -> Any:
    _refuse("torch.jit.load")


def freeze(mod: Any, preserved_attrs: list[str] | None = None, optimize_numerics: bool = True) -> Any:
    _refuse("torch.jit.freeze")


def optimize_for_inference(mod: Any, other_methods: list[str] | None = None) -> Any:
    _refuse("torch.jit.optimize_for_inference")
