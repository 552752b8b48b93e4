"""How functions are spelled in a graph's text and code."""

from __future__ import annotations

import builtins
import importlib
import keyword
import re
import types
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from .. import _ops

PACKAGE = __name__.partition(".")[0]
_UNFIT = re.compile(r"[^0-9a-zA-Z_]+")
_NUMBERED = re.compile(r"(.*)_(\d+)$")
_WORD_BORDER = re.compile(r"(?<=[a-z])([A-Z])")


def qualified_name(target: Callable[..., Any]) -> str:
    """The dotted name by which a program finds a function, spelled as PyTorch's programs spell it."""
    if isinstance(target, (_ops.OpOverload, _ops.OpOverloadPacket)):
        return f"torch.ops.{target}"
    name = getattr(target, "__name__", None) or type(target).__name__
    if getattr(builtins, name, None) is target:
        return str(name)
    owner = getattr(target, "__objclass__", None)
    if owner is not None:
        return f"{spelled(owner.__module__)}.{owner.__name__}.{name}"
    module = getattr(target, "__module__", None) or ""
    at_top = getattr(importlib.import_module(PACKAGE), name, None) is target
    if module == "torch" and not at_top:
        # PyTorch keeps what only torch.nn.functional offers in a private module.
        module = "torch._C._nn"
    elif at_top and module.startswith(f"{PACKAGE}._"):
        module = "torch"
    return f"{spelled(module)}.{name}"


def spelled(module: str) -> str:
    """A module's name with PyTorch's in place of this package's."""
    return (
        "torch" + module[len(PACKAGE) :] if module == PACKAGE or module.startswith(PACKAGE + ".") else module
    )


def shown(target: Callable[..., Any]) -> str:
    """A function as graphs print it."""
    name = qualified_name(target)
    if getattr(builtins, name, None) is target:
        return f"builtins.{name}"
    return name.replace("_operator.", "operator.")


def suggestion(target: Any) -> str:
    """What a node of this target would like to be called."""
    if isinstance(target, _ops.OpOverload):
        name = str(target).partition(".")[2].replace(".", "_")
    elif isinstance(target, str):
        name = target
    else:
        name = getattr(target, "__name__", None) or type(target).__name__
    if name.startswith("__") and name.endswith("__"):
        name = name[2:-2]
    return _WORD_BORDER.sub(r"_\1", name).lower()


class Namespace:
    """Names that are free: of variables of a graph's code, each for one object."""

    def __init__(self) -> None:
        self._names: dict[Any, str] = {}
        self._used: set[str] = set()
        self._count: defaultdict[str, int] = defaultdict(int)

    def create_name(self, candidate: str, obj: Any) -> str:
        """A name like the candidate that nothing else has: a number follows where it is taken, or means something in Python."""
        if obj is not None and obj in self._names:
            return self._names[obj]
        candidate = _UNFIT.sub("_", candidate) or "_unnamed"
        if candidate[0].isdigit():
            candidate = f"_{candidate}"
        match = _NUMBERED.match(candidate)
        base, number = (candidate, 0) if match is None else (match.group(1), int(match.group(2)))
        number = number or self._count[base]
        while candidate in self._used or self._means(candidate, obj):
            number += 1
            candidate = f"{base}_{number}"
        self._used.add(candidate)
        self._count[base] = number
        if obj is not None:
            self._names[obj] = candidate
        return candidate

    def associate_name_with_obj(self, name: str, obj: Any) -> None:
        """Give an object the name that it is to have."""
        self._names[obj] = name

    def _rename_object(self, obj: Any, name: str) -> None:
        self._names[obj] = name
        self._used.add(name)

    @staticmethod
    def _means(name: str, obj: Any) -> bool:
        if keyword.iskeyword(name):
            return True
        if name in ("inf", "nan", "NoneType", "torch", "device", "fx_pytree", "pytree"):
            return True
        known = getattr(builtins, name, None)
        return known is not None and known is not obj


def is_function_of_torch(obj: Any) -> bool:
    """Whether an object is found under PyTorch's name, so that code that mentions it needs nothing but `torch`."""
    if isinstance(obj, (_ops.OpOverload, _ops.OpOverloadPacket)):
        return True
    name = getattr(obj, "__module__", None)
    if isinstance(obj, types.MethodDescriptorType) or not isinstance(name, str):
        return False
    return spelled(name).partition(".")[0] == "torch"
