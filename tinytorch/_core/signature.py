"""Python signatures: matching arguments to overloads, and torch's texts when nothing matches.

The rules are those of torch's Python argument parser as they can be observed: positional integers may stand for one integer list, a
0-dim tensor may stand for a number, `axis`, `keepdims`, `x`, `a`, `x1` and `x2` are accepted for NumPy's sake.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable
from typing import Any

import numpy as np

from . import dtypes
from .declare import Operator
from .device import device
from .layouts import layout as layout_class
from .layouts import memory_format as memory_format_class
from .schema import REQUIRED, Argument, Schema
from .sealed import type_name
from .tensor import Tensor

_ALIASES = {"dim": ("axis",), "keepdim": ("keepdims",), "input": ("x", "a", "x1"), "other": ("x2",)}

_NAMES = {
    "Tensor": ("Tensor", "tuple of Tensors"),
    "Scalar": ("Number", "tuple of Scalars"),
    "int": ("int", "tuple of ints"),
    "float": ("float", "tuple of floats"),
    "bool": ("bool", "tuple of bools"),
    "str": ("str", "tuple of strs"),
    "Generator": ("torch.Generator", ""),
    "ScalarType": ("torch.dtype", ""),
    "Layout": ("torch.layout", ""),
    "MemoryFormat": ("torch.memory_format", ""),
    "Device": ("torch.device", ""),
    "Storage": ("torch.Storage", ""),
}

#: Operators whose Tensor arguments may be given as Python numbers.
NUMBERS_AS_TENSORS = frozenset(
    [
        "add",
        "add_",
        "sub",
        "sub_",
        "subtract",
        "subtract_",
        "mul",
        "mul_",
        "multiply",
        "multiply_",
        "div",
        "div_",
        "divide",
        "divide_",
        "true_divide",
        "true_divide_",
        "floor_divide",
        "floor_divide_",
        "copy_",
    ]
)

#: Filled by the namespaces: torch.Generator.
generator_class: list[type] = [type(None)]


class Mismatch(Exception):
    """Arguments do not fit after all; parse again from scratch."""


class Parameter:
    """One parameter of a Python signature."""

    __slots__ = (
        "aliases",
        "allow_none",
        "allow_number",
        "argument",
        "default",
        "is_list",
        "keyword_only",
        "kind",
        "length",
        "name",
        "target",
    )

    def __init__(self, argument: Argument, name: str, allow_number: bool) -> None:
        self.argument = argument
        self.target = argument.name
        self.name = name
        self.kind = argument.kind
        self.is_list = argument.is_list
        self.length = argument.length
        self.default = argument.default
        self.keyword_only = argument.keyword_only
        self.allow_none = argument.optional or argument.default is None or argument.default == []
        self.allow_number = allow_number and argument.kind == "Tensor" and not argument.is_list
        self.aliases = _ALIASES.get(name, ())

    @property
    def optional(self) -> bool:
        return self.default is not REQUIRED

    @property
    def type_name(self) -> str:
        return _NAMES.get(self.kind, (self.kind, ""))[self.is_list]

    def check(self, value: Any, index: int) -> bool:
        """Whether `value` may be given for this parameter."""
        if self.is_list:
            return self._check_list(value, index)
        kind = self.kind
        if kind == "Tensor":
            return isinstance(value, Tensor) or (self.allow_number and _is_number(value))
        if kind in ("Scalar", "float"):
            if isinstance(value, complex) and kind == "float" and not isinstance(value, float):
                return False
            if (
                isinstance(value, Tensor)
                and kind == "Scalar"
                and value._key._special not in (None, "strided", "meta", "lazy")
            ):
                return False  # under a transformation it is more than a number
            return _is_number(value) or (
                isinstance(value, Tensor) and not value._array.ndim and not value.requires_grad
            )
        if kind == "int":
            return _is_integer(value) or (
                isinstance(value, Tensor)
                and not value._array.ndim
                and value._key._dtype._category == "int"
                and not value.requires_grad
            )
        if kind == "bool":
            return isinstance(value, bool | np.bool_)
        if kind == "str":
            return isinstance(value, str)
        if kind == "ScalarType":
            return isinstance(value, dtypes.dtype) or value in (float, int, bool, complex)
        if kind == "Device":
            return isinstance(value, device | str) or _is_integer(value)
        if kind == "Generator":
            return isinstance(value, generator_class[0])
        if kind == "Layout":
            return isinstance(value, layout_class)
        if kind == "MemoryFormat":
            return isinstance(value, memory_format_class)
        return True

    def _check_list(self, value: Any, index: int) -> bool:
        if isinstance(value, tuple | list):
            if self.kind == "Tensor":
                for position, item in enumerate(value):
                    if not isinstance(item, Tensor) and not (item is None and self.argument.element_optional):
                        raise TypeError(
                            f"expected Tensor as element {position} in argument {index}, but got {type_name(item)}"
                        )
                return True
            if not value:
                return True
            first = value[0]
            if self.kind == "int":
                return _is_integer(first) or _holds_integer(first)
            if self.kind in ("float", "Scalar"):
                return _is_number(first)
            if self.kind == "bool":
                return isinstance(first, bool)
            return True
        if not self.length:
            return False
        if self.kind == "int":
            return _is_integer(value) or _holds_integer(value)
        return self.kind == "float" and _is_number(value)

    def convert(self, value: Any, function: str) -> Any:
        """`value` as the operator wants it."""
        if value is None:
            return None
        kind = self.kind
        if self.is_list:
            if kind == "Tensor":
                return list(value)
            if not isinstance(value, tuple | list):
                return ((value.item() if isinstance(value, Tensor) else value),) * (self.length or 1)
            if kind == "int":
                return tuple(
                    [self._integer(item, position, function) for position, item in enumerate(value, 1)]
                )
            if kind == "float":
                return tuple([float(item) for item in value])
            return tuple(value)
        if kind == "int":
            return value if value.__class__ is int else int(value)
        if kind == "float":
            return float(value)
        if kind == "Scalar":
            if isinstance(value, Tensor | np.generic):
                return value.item()
            return value
        if kind == "bool":
            return bool(value)
        if kind == "ScalarType" and not isinstance(value, dtypes.dtype):
            return {float: dtypes.float64, int: dtypes.int64, bool: dtypes.bool_, complex: dtypes.complex128}[
                value
            ]
        if kind == "Device" and not isinstance(value, device):
            return device(value)
        return value

    def _integer(self, item: Any, position: int, function: str) -> Any:
        if item.__class__ is int:
            return item
        if _is_integer(item):
            return int(item)
        if isinstance(item, Tensor) and item._array.size == 1:
            return int(item.item())
        raise TypeError(
            f"{function}(): argument '{self.name}' failed to unpack the object at pos {position} with error "
            f'"type must be tuple of ints,but got {type_name(item)}"'
        )

    def __str__(self) -> str:
        text = f"{self.type_name} {self.name}"
        if not self.optional:
            return text
        return f"{text} = {_default_text(self)}"


def _default_text(parameter: Parameter) -> str:
    """The default as torch prints it."""
    default = parameter.default
    if isinstance(default, list):
        if not default:
            return "None"
        numbers = [str(number) for number in default]
        return numbers[0] if len(set(numbers)) == 1 else f"{{{','.join(numbers)}}}"
    if isinstance(default, str):
        return default if default.startswith("torch.") or default.endswith("_format") else f'"{default}"'
    if parameter.kind == "float" and default is not None:
        return str(default) if "." in parameter.argument.written_default else f"{default:g}"
    return _REDUCTIONS[default] if parameter.name == "reduction" else str(default)


#: torch prints the names that its C++ code has for the numbers of loss reductions.
_REDUCTIONS = {0: "at::Reduction::None", 1: "at::Reduction::Mean", 2: "at::Reduction::Sum"}


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _holds_integer(value: Any) -> bool:
    return (
        isinstance(value, Tensor)
        and value._array.size == 1
        and value._key._dtype._category in ("int", "bool")
        and not value.requires_grad
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | complex | np.number | np.bool_)


class _Out:
    """The pseudo-argument `out` of functions that can write into given tensors."""

    def __init__(self, several: bool) -> None:
        self.name = "out"
        self.kind = "Tensor"
        self.is_list = several
        self.length = None
        self.default = None
        self.keyword_only = True
        self.optional = True
        self.element_optional = False


class _Extra:
    """A keyword argument that only the Python side knows (`requires_grad` of factories)."""

    def __init__(self, name: str, kind: str, default: Any) -> None:
        self.name = name
        self.kind = kind
        self.is_list = False
        self.length = None
        self.default = default
        self.keyword_only = True
        self.optional = True
        self.element_optional = False


class PythonSignature:
    """The parameters of one overload as a function, a method or an in-place method."""

    def __init__(
        self, operator: Operator, name: str, method: bool, out: bool, text: str = "", deprecated: bool = False
    ) -> None:
        self.operator = operator
        self.deprecated = deprecated
        self.name = name
        self.method = method
        self.parameters: list[Parameter] = []
        allow_number = name in NUMBERS_AS_TENSORS
        python_names = operator.options.get("rename", {})
        arguments = operator.arguments
        text = text or operator.options.get("python", "")
        if text:  # where torch's Python signature is not that of the schema
            arguments = Schema(text).arguments
        options = {"dtype", "layout", "device", "pin_memory"}
        is_factory = options <= {a.name for a in arguments}
        ordinary = [a for a in arguments if not (is_factory and a.name in options)]
        for argument in ordinary:
            if argument.name == "self" and method:
                continue
            shown = python_names.get(argument.name) or (
                "input"
                if argument.name == "self" and argument.is_tensor and not argument.is_list
                else argument.name
            )
            if shown.endswith("_") and keyword.iskeyword(shown[:-1]):
                shown = shown[:-1]
            self.parameters.append(Parameter(argument, shown, allow_number))
        if out:
            self.parameters.append(Parameter(_Out(operator.several), "out", allow_number))  # type: ignore[arg-type]
        if is_factory:
            for argument in arguments:
                if argument.name in options:
                    item = Parameter(argument, argument.name, False)
                    if argument.name == "pin_memory":
                        item.default = False
                    self.parameters.append(item)
            self.parameters.append(Parameter(_Extra("requires_grad", "bool", False), "requires_grad", False))  # type: ignore[arg-type]
        self.positional = [p for p in self.parameters if not p.keyword_only]
        self.min_args = sum(not p.optional for p in self.parameters)
        self.max_args = len(self.parameters)
        self.variadic = (
            len(self.positional) == 1 and self.positional[0].kind == "int" and self.positional[0].is_list
        )

    def parse(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], strict: bool
    ) -> dict[str, tuple[Any, Any, Parameter]] | None:
        """Values by schema name as (value, where from, parameter); None (or, if `strict`, torch's TypeError) when they do not fit."""
        nargs = len(args)
        if nargs > len(self.positional) and not self.variadic:
            if strict:
                self._extra_args(nargs)
            return None
        bound: dict[str, tuple[Any, Any, Parameter]] = {}
        position = 0
        remaining = len(kwargs)
        for index, parameter in enumerate(self.parameters):
            by_keyword = False
            source: Any = None
            present = False
            value: Any = None
            if position < nargs:
                if parameter.keyword_only:
                    if strict:
                        self._extra_args(nargs)
                    return None
                value, source, present = args[position], position, True
            else:
                for name in (parameter.name, *parameter.aliases):
                    if name in kwargs:
                        value, source, present, by_keyword = kwargs[name], name, True, True
                        break
            if not present and parameter.optional:
                continue
            if value is None and present and parameter.allow_none:
                if parameter.default != []:
                    bound[parameter.target] = (None, source, parameter)
            elif not present:
                if strict:
                    self._missing(index, args, kwargs)
                return None
            elif parameter.check(value, index):
                bound[parameter.target] = (value, source, parameter)
            elif (
                self.variadic
                and position == 0
                and not by_keyword
                and parameter._check_list(tuple(args), index)
            ):
                bound[parameter.target] = (tuple(args), slice(0, None), parameter)
                position = nargs
                continue
            elif strict and self.variadic and nargs > len(self.positional) and not by_keyword:
                self._extra_args(nargs)
            elif strict:
                self._wrong(parameter, value, by_keyword, position)
            else:
                return None
            if by_keyword:
                remaining -= 1
            else:
                position += 1
        if position < nargs:
            if strict:
                self._extra_args(nargs)
            return None
        if remaining > 0:
            if strict:
                self._extra_kwargs(kwargs, nargs)
            return None
        return bound

    def _wrong(self, parameter: Parameter, value: Any, by_keyword: bool, position: int) -> None:
        where = "" if by_keyword else f" (position {position + 1})"
        found = f"must be {parameter.type_name}, not {type_name(value)}"
        if (
            parameter.is_list
            and not by_keyword
            and isinstance(value, tuple | list)
            and value
            and parameter.kind == "int"
        ):
            found = f"must be {parameter.type_name}, but found element of type {type_name(value[0])} at pos 0"
        raise TypeError(f"{self.name}(): argument '{parameter.name}'{where} {found}")

    def _extra_args(self, given: int) -> None:
        highest = len(self.positional)
        least = self.min_args
        if least != highest:
            raise TypeError(
                f"{self.name}() takes from {least} to {highest} positional arguments but {given} were given"
            )
        raise TypeError(
            f"{self.name}() takes {highest} positional argument{'' if highest == 1 else 's'} but {given} {'was' if given == 1 else 'were'} given"
        )

    def _missing(self, index: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        names = [f'"{p.name}"' for p in self.parameters[index:] if not p.optional]
        raise TypeError(
            f"{self.name}() missing {len(names)} required positional argument{'s' if len(names) == 1 else ''}: {', '.join(names)}"
        )

    def _extra_kwargs(self, kwargs: dict[str, Any], nargs: int) -> None:
        names = [p.name for p in self.parameters]
        for key in kwargs:
            if key not in names:
                raise TypeError(f"{self.name}() got an unexpected keyword argument '{key}'")
            if names.index(key) < nargs:
                raise TypeError(f"{self.name}() got multiple values for argument '{key}'")
        raise TypeError("invalid keyword arguments")

    def __str__(self) -> str:
        parts: list[str] = []
        star = False
        for parameter in self.parameters:
            if parameter.keyword_only and not star:
                parts.append("*")
                star = True
            parts.append(str(parameter))
        return f"({', '.join(parts)})"


def tensor_list(values: Any) -> list[Any]:
    """`values`, all of which are to be tensors. Raises TypeError with torch's text for the first list argument of a function."""
    for position, item in enumerate(values):
        if not isinstance(item, Tensor):
            raise TypeError(f"expected Tensor as element {position} in argument 0, but got {type_name(item)}")
    return list(values)


def sizes_of(function: str, name: str, args: tuple[Any, ...]) -> tuple[int, ...]:
    """The sizes that a hand-written method got, one by one or as a list. Raises torch's TypeError for anything else."""
    parameter = Parameter(Argument(f"int[] {name}", False), name, False)
    given = args[0] if len(args) == 1 and not _is_integer(args[0]) else args
    if not isinstance(given, tuple | list):
        wrong_type(function, name, 1, parameter.type_name, given)
    if not parameter.check(given, 0):
        raise TypeError(
            f"{function}(): argument '{name}' (position 1) must be {parameter.type_name}, but found element of type "
            f"{type_name(given[0])} at pos 0"
        )
    return parameter.convert(given, function)  # type: ignore[no-any-return]


def wrong_type(
    function: str, name: str, position: int, expected: str, value: Any, as_int: bool = False
) -> Any:
    """A hand-written method's argument of another type: its integer value if it has one and `as_int`, else torch's TypeError."""
    if as_int and _is_integer(value):
        return int(value)
    if (
        as_int
        and isinstance(value, Tensor)
        and value._array.size == 1
        and value._key._dtype._category == "int"
    ):
        return int(value.item())
    where = f" (position {position})" if position >= 0 else ""  # negative: it was given by its name
    raise TypeError(f"{function}(): argument '{name}'{where} must be {expected}, not {type_name(value)}")


Converter = Callable[[Any], Any]
