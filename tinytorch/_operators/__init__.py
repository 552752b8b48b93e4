"""The declarations of all operators, a file per family. Importing this package declares them; nothing is compiled.

A file may also define FUNCTIONS and METHODS: Python functions that torch publishes beside its operators, by public name.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import types
from collections.abc import Callable
from typing import Any

from .._core.front import install_methods
from .._core.modes import modes
from .._core.mutation import mark_results
from .._core.overrides import dispatch_function, has_override, spelled_out
from .._core.tensor import Tensor

#: Python functions of `torch` over operators, by name.
FUNCTIONS: dict[str, Callable[..., Any]] = {}


#: Methods that torch has in Python: the interpreter's texts for wrong calls name their class.
_PYTHON = frozenset(["istft", "lu", "norm", "split", "stft", "unflatten", "unique", "unique_consecutive"])

#: What the interpreter calls functions that torch publishes under other names.
_NAMES = {"unique": "_return_output", "unique_consecutive": "_consecutive_return_output"}


def _overridable(function: Callable[..., Any], name: str, module: str) -> Callable[..., Any]:
    """Let `__torch_function__` of arguments and modes answer first.

    A function whose attribute `handed_on` says so is handed on with positional arguments in another form than the program gave them.
    """
    handed_on = getattr(function, "handed_on", None)
    if isinstance(function, types.FunctionType):  # it may be published under several names
        original = function
        function = types.FunctionType(
            original.__code__, original.__globals__, name, original.__defaults__, original.__closure__
        )
        function.__kwdefaults__, function.__doc__ = original.__kwdefaults__, original.__doc__

    @functools.wraps(function)
    def public(*args: Any, **kwargs: Any) -> Any:
        if has_override(args, kwargs):
            if handed_on is not None:
                args = handed_on(args)
            given = (*args, *kwargs.values())
            return dispatch_function(public, *spelled_out(function, args, kwargs), name, given)
        result = function(*args, **kwargs)
        return mark_results(result, (*args, *kwargs.values())) if modes.inference else result

    public.__name__ = public.__qualname__ = name
    function.__name__ = name
    function.__qualname__ = (
        f"Tensor.{name}" if module == "torch" and name in _PYTHON else _NAMES.get(name, name)
    )
    public.__module__ = module
    return public


for _name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    if not _name.startswith("_"):
        _module = importlib.import_module(f"{__name__}.{_name}")
        for _public, _function in getattr(_module, "FUNCTIONS", {}).items():
            FUNCTIONS[_public] = _overridable(_function, _public, "torch.functional")
        for _public, _function in getattr(_module, "METHODS", {}).items():
            type.__setattr__(Tensor, _public, _overridable(_function, _public, "torch"))

from . import _out_types, _symbols, _wide_unsigned  # noqa: E402, F401  (needs every operator declared)

_out_types.install()
_wide_unsigned.install()
install_methods()
