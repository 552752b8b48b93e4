"""torch.library: operators of one's own. Source: torch's documentation, "torch.library"."""

from __future__ import annotations

import functools
import inspect
import operator
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ._core.device import device as device_class
from ._core.dtypes import dtype as dtype_class
from ._core.tensor import Tensor
from ._custom_operators import CustomOperator, custom, declare, split_name

__all__ = [
    "CustomOpDef",
    "Library",
    "custom_op",
    "define",
    "get_ctx",
    "impl",
    "impl_abstract",
    "infer_schema",
    "register_autocast",
    "register_autograd",
    "register_fake",
    "register_kernel",
    "register_vmap",
]

_KINDS: dict[Any, str] = {
    Tensor: "Tensor",
    int: "SymInt",
    float: "float",
    bool: "bool",
    str: "str",
    dtype_class: "ScalarType",
    device_class: "Device",
    int | float | bool: "Scalar",
}

_UNIONS = (typing.Union, types.UnionType)


def _parameter_kind(annotation: Any) -> str | None:
    """The schema's word for an annotation; None if there is none."""
    if annotation in _KINDS:
        return _KINDS[annotation]
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in _UNIONS and type(None) in inner:
        rest = [part for part in inner if part is not type(None)]
        kind = _parameter_kind(functools.reduce(operator.or_, rest))
        return None if kind is None or kind.endswith("?") else f"{kind}?"
    if origin in (list, Sequence) and len(inner) == 1:
        kind = _parameter_kind(inner[0])
        return None if kind is None or kind.endswith("]") else f"{kind}[]"
    return None


def _result_kinds(annotation: Any) -> str | None:
    if annotation in (None, type(None)):
        return "()"
    if typing.get_origin(annotation) is tuple:
        kinds = [_result_kinds(part) for part in typing.get_args(annotation)]
        return None if None in kinds else f"({', '.join(map(str, kinds))})"
    kind = None if annotation is Ellipsis else _parameter_kind(annotation)
    allowed = ("Tensor", "Tensor[]", "SymInt", "float", "bool", "Scalar")
    return kind if kind in allowed else None


def infer_schema(
    prototype_function: Callable[..., Any], /, *, mutates_args: Any, op_name: str | None = None
) -> str:
    """The schema that a function's annotations say. mutates_args: names of arguments that it writes to, or "unknown".

    Raises ValueError for parameters without annotation, and for types that schemas have no word for.
    """
    signature = inspect.signature(prototype_function)
    hints = typing.get_type_hints(prototype_function)

    def refuse(what: str) -> ValueError:
        return ValueError(f"infer_schema(func): {what} Got func with signature {signature})")

    parts: list[str] = []
    starred = False
    for number, (name, parameter) in enumerate(signature.parameters.items()):
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise refuse("We do not support positional-only args, varargs, or varkwargs.")
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        if parameter.annotation is parameter.empty:
            raise refuse(f"Parameter {name} must have a type annotation.")
        kind = _parameter_kind(hints[name])
        if kind is None:
            raise refuse(f"Parameter {name} has unsupported type {hints[name]}.")
        if kind.startswith("Tensor") and (mutates_args == "unknown" or name in mutates_args):
            kind = kind.replace("Tensor", f"Tensor(a{number}!)", 1)
        text = f"{kind} {name}"
        if parameter.default is not parameter.empty:
            default = parameter.default
            text += f'="{default}"' if isinstance(default, str) else f"={default}"
        parts.append(text)
    if mutates_args != "unknown" and not set(mutates_args) <= set(signature.parameters):
        raise refuse(
            f"{set(mutates_args) - set(signature.parameters)} in mutates_args were not found in the custom op's signature. mutates_args "
            "should contain the names of all args that the custom op mutates, or just the string 'unknown' if you don't know."
        )
    returned = hints.get("return", signature.return_annotation)
    if returned is signature.empty:
        raise refuse("No return type annotation was provided. Please add one.")
    results = _result_kinds(returned)
    if results is None:
        raise refuse(f"Return has unsupported type {returned}.")
    return f"{op_name or ''}({', '.join(parts)}) -> {results}"


class CustomOpDef:
    """An operator made by `custom_op`: call it, and register what else it has."""

    __module__ = "torch._library.custom_ops"

    def __init__(
        self, namespace: str, name: str, schema: str, function: Callable[..., Any], tags: Any = None
    ) -> None:
        self._namespace = namespace
        self._name = name
        self._schema = schema
        self._init_fn = function
        self._opoverload = declare(namespace, name + schema, () if tags is None else tags)
        self._opoverload.definition = self
        self._opoverload.kernels[""] = function

    @property
    def _qualname(self) -> str:
        return f"{self._namespace}::{self._name}"

    def __repr__(self) -> str:
        return f"<CustomOpDef({self._qualname})>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._opoverload(*args, **kwargs)

    def register_kernel(self, device_types: Any, fn: Any = None, /) -> Any:
        """Register a kernel for kinds of devices (None: all). May be used as a decorator."""
        return register_kernel(self._qualname, device_types, fn)

    def register_fake(self, fn: Callable[..., Any], /) -> Callable[..., Any]:
        """Register what computes results without data, for tensors on "meta"."""
        self._opoverload.kernels["Meta"] = fn
        return fn

    def register_autograd(self, backward: Callable[..., Any], /, *, setup_context: Any = None) -> None:
        """Register the derivative: backward(ctx, *grads), and setup_context(ctx, inputs, output)."""
        register_autograd(self._qualname, backward, setup_context=setup_context)

    def register_vmap(self, func: Any = None) -> Any:
        """Register how a batch of calls runs: func(info, in_dims, *args) -> (results, out_dims). May be used as a decorator."""
        return register_vmap(self._qualname, func)

    def register_autocast(self, device_type: str, cast_inputs: Any) -> None:
        """While autocast is on, cast floating arguments to `cast_inputs` and run with autocast off."""
        register_autocast(self._qualname, device_type, cast_inputs)

    @contextmanager
    def set_kernel_enabled(self, device_type: str, enabled: bool = True) -> Iterator[None]:
        """Switch the kernel of a kind of device on or off for a while; without it the one for all devices runs."""
        key, disabled = _DEVICE_KEYS.get(device_type, device_type), self._opoverload.disabled
        before = key in disabled
        (disabled.discard if enabled else disabled.add)(key)
        try:
            yield
        finally:
            (disabled.add if before else disabled.discard)(key)


def custom_op(
    name: str,
    fn: Callable[..., Any] | None = None,
    /,
    *,
    mutates_args: Any,
    device_types: Any = None,
    schema: str | None = None,
    tags: Any = None,
) -> Any:
    """Make an operator of a function: `torch.ops.<namespace>.<name>`. May be used as a decorator.

    name: "namespace::name". mutates_args: names of the arguments that it writes to. schema: by default what the annotations say.
    """

    def make(function: Callable[..., Any]) -> CustomOpDef:
        text = infer_schema(function, mutates_args=mutates_args) if schema is None else schema
        return CustomOpDef(*split_name(name), text, function, tags)

    return make if fn is None else make(fn)


def _found(op: Any) -> CustomOperator:
    name = op if isinstance(op, str) else getattr(op, "_qualname", getattr(op, "qualified", None))
    found = custom.get(name.removesuffix(".default")) if isinstance(name, str) else None
    if found is None:
        raise RuntimeError(f"operator {name} does not exist")
    return found


def define(qualname: str, schema: str, *, lib: Any = None, tags: Any = ()) -> None:
    """Declare the operator "namespace::name" with a schema "(Tensor x) -> Tensor"."""
    namespace, name = split_name(qualname)
    declare(namespace, name + schema, tags)


_DEVICE_KEYS = {"cpu": "CPU", "meta": "Meta", "default": "CompositeExplicitAutograd"}


def impl(qualname: str, types: Any, func: Any = None, *, lib: Any = None) -> Any:
    """Register a kernel of a declared operator for kinds of devices, or for "default". May be used as a decorator."""
    kinds: Iterable[str] = (types,) if isinstance(types, str) else types

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for kind in kinds:
            _found(qualname).kernels[_DEVICE_KEYS.get(kind, kind)] = function
        return function

    return register if func is None else register(func)


def register_kernel(op: Any, device_types: Any, func: Any = None, /, *, lib: Any = None) -> Any:
    """Register a kernel for kinds of devices (None: all). May be used as a decorator."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        kinds = (
            ("",)
            if device_types is None
            else (device_types,)
            if isinstance(device_types, str)
            else device_types
        )
        for kind in kinds:
            _found(op).kernels[_DEVICE_KEYS.get(kind, kind)] = function
        return function

    return register if func is None else register(func)


def register_fake(op: Any, func: Any = None, /, *, lib: Any = None, **options: Any) -> Any:
    """Register what computes results without data, for tensors on "meta". May be used as a decorator."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        _found(op).kernels["Meta"] = function
        return function

    return register if func is None else register(func)


def impl_abstract(qualname: Any, func: Any = None, *, lib: Any = None, **options: Any) -> Any:
    """The former name of `register_fake`."""
    return register_fake(qualname, func, lib=lib)


def register_autograd(
    op: Any, backward: Callable[..., Any], /, *, setup_context: Any = None, lib: Any = None
) -> None:
    """Register the derivative of an operator: backward(ctx, *grads), and setup_context(ctx, inputs, output)."""
    found = _found(op)
    found.backward, found.setup_context = backward, setup_context


def register_vmap(op: Any, func: Any = None, /, *, lib: Any = None) -> Any:
    """Register how a batch of calls runs: func(info, in_dims, *args) -> (results, out_dims). May be used as a decorator.

    Raises NotImplementedError for operators with keyword-only tensors.
    """
    found = _found(op)
    if any(argument.keyword_only and argument.kind == "Tensor" for argument in found.schema.arguments):
        raise NotImplementedError(
            "register_vmap with kwarg-only Tensor args. In the original definition of the op, please make your tensors not kwarg-only. "
            f"Got: {found._schema}"
        )

    def register(function: Callable[..., Any]) -> None:
        found.vmap = function

    return register if func is None else register(func)


def register_autocast(op: Any, device_type: str, cast_inputs: Any, /, *, lib: Any = None) -> None:
    """While autocast is on, cast floating arguments to `cast_inputs` and run with autocast off."""
    if not isinstance(op, str | CustomOperator | CustomOpDef):
        raise ValueError(f"register_autocast({op}): got unexpected type for op: {type(op)}")
    device_class(device_type)  # raises for what is no kind of device
    _found(op).autocast[device_type] = cast_inputs


def get_ctx() -> Any:
    """The context of a fake kernel. Raises RuntimeError: nothing is traced here."""
    raise RuntimeError(
        "torch.library.get_ctx() can only be called inside an abstract implementation that is being traced"
    )


class Library:
    """A namespace of operators: kind "DEF" declares new ones, "FRAGMENT" adds to a namespace, "IMPL" adds kernels."""

    def __init__(self, ns: str, kind: str, dispatch_key: str = "") -> None:
        if kind not in ("IMPL", "DEF", "FRAGMENT"):
            raise ValueError("Unsupported kind: ", kind)
        if kind in ("DEF", "FRAGMENT") and ns in ("prim", "aten"):
            raise ValueError(
                f"{ns} is a reserved namespace. Please try creating a library with another name."
            )
        self.ns = ns
        self.kind = kind
        self.dispatch_key = dispatch_key

    def define(self, schema: str, alias_analysis: str = "", *, tags: Any = ()) -> str:
        """Declare an operator: "f(Tensor x) -> Tensor". Returns its name."""
        return declare(self.ns, schema, tags).schema.qualified

    def impl(
        self,
        op_name: Any,
        fn: Callable[..., Any],
        dispatch_key: str = "",
        *,
        with_keyset: bool = False,
        allow_override: bool = False,
    ) -> None:
        """Register a kernel of an operator. Raises RuntimeError for operators that this namespace has not declared."""
        if not callable(fn):
            raise TypeError(f"Input function is required to be a callable but found type {type(fn)}")
        name = op_name if isinstance(op_name, str) else op_name.name()
        key = dispatch_key or self.dispatch_key or "CompositeImplicitAutograd"
        if self.ns == "aten":
            raise NotImplementedError(
                f"torch.library.Library.impl: other kernels for aten::{name} are not implemented"
            )
        _found(name if "::" in name else f"{self.ns}::{name}").kernels[key] = fn

    def _destroy(self) -> None:
        """Forget nothing: declared operators stay."""
