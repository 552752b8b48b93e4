"""Operators that programs register: their schemas, kernels, fake kernels and derivatives, and how a call goes through them.

Source: torch's documentation, "torch.library" and "PyTorch Custom Operators".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._core.dtypes import dtype as dtype_class
from ._core.modes import modes
from ._core.overrides import dispatch_function, has_override
from ._core.schema import REQUIRED, Argument, Schema
from ._core.sealed import type_name
from ._core.tensor import Tensor

#: Registered operators: "namespace::name" -> the operator.
custom: dict[str, CustomOperator] = {}

#: Dispatch keys that mean "this kernel computes"; the first of them that has a kernel is taken.
_KERNEL_KEYS = ("CPU", "CompositeExplicitAutograd", "CompositeImplicitAutograd", "")

_ACCEPTED: dict[str, tuple[type, ...]] = {
    "Tensor": (Tensor,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "str": (str,),
    "Scalar": (bool, int, float, complex),
    "ScalarType": (dtype_class,),
}


class CustomOperator:
    """`torch.ops.<namespace>.<name>`: the operator with its one overload, `default`."""

    __module__ = "torch._ops"

    def __init__(self, namespace: str, text: str) -> None:
        self.schema = Schema(text)
        self.namespace = namespace
        self.__name__ = self.schema.name
        self.qualified = f"{namespace}::{self.schema.name}"
        self._schema = f"{namespace}::{_shown(text)}"
        #: By dispatch key: "CPU", "Meta", "CompositeImplicitAutograd", ... ("" for any device).
        self.kernels: dict[str, Callable[..., Any]] = {}
        self.backward: Callable[..., Any] | None = None
        self.setup_context: Callable[..., Any] | None = None
        #: How a call with batched arguments runs: rule(info, in_dims, *args) -> (results, out_dims).
        self.vmap: Callable[..., Any] | None = None
        #: By kind of device, the type that floating arguments are cast to while autocast is on.
        self.autocast: dict[str, Any] = {}
        #: Dispatch keys whose kernels are switched off.
        self.disabled: set[str] = set()
        self.tags: tuple[Any, ...] = ()
        #: For `torch.library.custom_op`: results must not share memory with operands, and texts name the definition.
        self.definition: Any = None

    @property
    def default(self) -> CustomOperator:
        return self

    def overloads(self) -> list[str]:
        """The names of the overloads."""
        return ["default"]

    def name(self) -> str:
        """The qualified name, "mylib::f"."""
        return self.qualified

    def __repr__(self) -> str:
        return f"<OpOverload(op='{self.namespace}.{self.__name__}', overload='default')>"

    def __str__(self) -> str:
        return f"{self.namespace}.{self.__name__}"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if has_override(args, kwargs):
            return dispatch_function(self, args, kwargs, self.__name__)
        values = self._bound(args, kwargs)
        if self.autocast:
            from .amp._switches import is_autocast_enabled
            from .amp.autocast_mode import _cast, autocast

            for device_type, kind in self.autocast.items():
                if is_autocast_enabled(device_type):
                    with autocast(device_type, enabled=False):
                        return self._run([_cast(value, device_type, kind) for value in values])
        return self._run(values)

    def _run(self, values: list[Any]) -> Any:
        tensors = _tensors(values)
        implicit = self.kernels.get("CompositeImplicitAutograd")
        if implicit is not None and self.backward is None:  # its own operators are recorded
            return implicit(*self._arguments(values)[0], **self._arguments(values)[1])
        recorded = modes.grad and any(tensor.requires_grad for tensor in tensors)
        recorded = recorded or (self.vmap is not None and bool(modes.layers))
        return self._recorded(values) if recorded else self._computed(values)

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """All arguments in the schema's order. Raises RuntimeError with torch's texts for calls that do not fit."""
        declared = self.schema.arguments
        positional = [argument for argument in declared if not argument.keyword_only]
        if len(args) > len(positional):
            raise RuntimeError(
                f"{self.qualified}() expected at most {len(positional)} argument(s) but received {len(args)} argument(s). "
                f"Declaration: {self._schema}"
            )
        given = dict(zip([argument.name for argument in positional], args, strict=False))
        for name in kwargs:
            if name not in self.schema.names:
                raise RuntimeError(
                    f"Unknown keyword argument '{name}' for operator '{self.qualified}'. Schema: {self._schema}"
                )
        given.update(kwargs)
        values = []
        for position, argument in enumerate(declared):
            if argument.name not in given:
                if argument.default is REQUIRED:
                    raise RuntimeError(
                        f"{self.qualified}() is missing value for argument '{argument.name}'. Declaration: {self._schema}"
                    )
                values.append(argument.default)
            else:
                values.append(self._checked(argument, position, given[argument.name]))
        return values

    def _checked(self, argument: Argument, position: int, value: Any) -> Any:
        if value is None and argument.optional:
            return None
        kinds = _ACCEPTED.get(argument.kind)
        if kinds is None:
            return value
        if argument.is_list:
            if isinstance(value, list | tuple) and all(
                isinstance(item, kinds) or (item is None and argument.element_optional) for item in value
            ):
                return list(value)
            kind = f"List[{argument.kind}]"
        elif isinstance(value, kinds) and not (isinstance(value, bool) and argument.kind in ("int", "float")):
            return float(value) if argument.kind == "float" else value
        else:
            kind = argument.kind
        if argument.kind == "Tensor" and not argument.is_list:
            details = f"Unable to cast {value} to Tensor"
        else:
            details = (
                f"Unable to cast Python instance of type {type(value)} to C++ type '?' (#define PYBIND11_DETAILED_ERROR_MESSAGES or "
                "compile in debug mode for details)"
            )
        raise RuntimeError(
            f"{self.qualified}() Expected a value of type '{kind}' for argument '{argument.name}' but instead found type "
            f"'{type_name(value)}'.\nPosition: {position}\nValue: {value!r}\nDeclaration: {self._schema}\nCast error details: {details}"
        )

    def _arguments(self, values: list[Any]) -> tuple[list[Any], dict[str, Any]]:
        """`values` as a kernel takes them: keyword-only ones by name."""
        pairs = list(zip(self.schema.arguments, values, strict=True))
        return (
            [value for argument, value in pairs if not argument.keyword_only],
            {argument.name: value for argument, value in pairs if argument.keyword_only},
        )

    def _kernel(self, tensors: list[Any]) -> Callable[..., Any]:
        if any(tensor.is_meta for tensor in tensors):
            fake = self.kernels.get("Meta")
            if fake is not None:
                return fake
            if self.definition is not None:
                raise RuntimeError(
                    f"There was no fake impl registered for {self.definition!r}. This is necessary for torch.compile/export/fx tracing "
                    f"to work. Please use `{self.definition._init_fn.__name__}.register_fake` to add an fake impl."
                )
        for key in _KERNEL_KEYS:
            if key in self.kernels and key not in self.disabled:
                return self.kernels[key]
        backend = "Meta" if any(tensor.is_meta for tensor in tensors) else "CPU"
        raise NotImplementedError(
            f"Could not run '{self.qualified}' with arguments from the '{backend}' backend."
        )

    def _computed(self, values: list[Any]) -> Any:
        """What the kernel gives, nothing recorded."""
        tensors = _tensors(values)
        positional, named = self._arguments(values)
        before = modes.grad
        modes.grad = False
        try:
            result = self._kernel(tensors)(*positional, **named)
        finally:
            modes.grad = before
        if self.definition is not None and not {"inplace", "out"} & {tag.name for tag in self.tags}:
            self._check_apart(tensors, _tensors([result]))
        return tuple(result) if isinstance(result, list) and len(self.schema.returns) > 1 else result

    def _check_apart(self, operands: list[Any], results: list[Any]) -> None:
        seen = {tensor.untyped_storage()._cdata for tensor in operands if not tensor.is_meta}
        for tensor in results:
            if tensor.is_meta:
                continue
            place = tensor.untyped_storage()._cdata
            if place in seen:
                raise RuntimeError(
                    f"{self.qualified} (with implementation in {self.definition._init_fn.__module__}): The output of this custom "
                    "operator (1) must not also be an input to this custom operator and (2) may not alias any inputs to this custom "
                    "operator or other returns. The most common way to trigger this error is if we have y = custom_op(x) and y and x "
                    "are the same Tensor. Please instead return a clone of the offending output tensor(s) (e.g. return x.clone()) or "
                    "refactor the custom operator to not return y."
                )
            seen.add(place)

    def _recorded(self, values: list[Any]) -> Any:
        from .autograd.function import Function

        operator = self
        places = [place for place, value in enumerate(values) if isinstance(value, list) and _tensors(value)]
        spread: list[Any] = []  # lists of tensors among the arguments of a function are not looked into
        for place, value in enumerate(values):
            spread += value if place in places else [value]

        def gathered(flat: tuple[Any, ...]) -> list[Any]:
            rest = iter(flat)
            return [
                [next(rest) for _ in value] if place in places else next(rest)
                for place, value in enumerate(values)
            ]

        def forward(*flat: Any) -> Any:
            return operator._computed(gathered(flat))

        def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
            if operator.setup_context is not None:
                positional, named = operator._arguments(gathered(inputs))
                keywords = {"keyword_only_inputs": named} if named else {}
                operator.setup_context(ctx=ctx, inputs=tuple(positional), output=output, **keywords)

        def backward(ctx: Any, *grads: Any) -> Any:
            if operator.backward is None:
                raise RuntimeError(
                    f"Trying to backward through {operator}.default but no autograd formula was registered. Please use "
                    "register_autograd to add one."
                )
            given = operator.backward(ctx, *grads)
            given = given if isinstance(given, tuple) else (given,)
            found: list[Any] = []
            for place, value in enumerate(values):
                gradient = given[place] if place < len(given) else None
                found += (gradient or [None] * len(value)) if place in places else [gradient]
            return tuple(found)

        def vmap(info: Any, in_dims: tuple[Any, ...], *flat: Any) -> Any:
            given, dims = gathered(flat), gathered(in_dims)
            while (
                given
                and not isinstance(given[-1], Tensor | list)
                and given[-1] == operator.schema.arguments[len(given) - 1].default
            ):
                del given[-1], dims[-1]  # torch leaves out what has its default
            assert operator.vmap is not None
            return operator.vmap(info, tuple(dims), *given)

        members = {
            "forward": staticmethod(forward),
            "setup_context": staticmethod(setup_context),
            "backward": staticmethod(backward),
        }
        if self.vmap is not None:
            members["vmap"] = staticmethod(vmap)
        name = f"GeneratedBackwardFor_{self.namespace}_{self.__name__}_default"
        function: Any = type(name, (Function,), members)
        return function.apply(*spread)


def _tensors(values: Any) -> list[Any]:
    found = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += _tensors(value)
    return found


def _shown(text: str) -> str:
    """A schema as torch prints it: floating defaults without needless zeros."""
    for argument in Schema(text).arguments:
        written = argument.written_default
        if argument.kind == "float" and written.endswith(".0"):
            text = text.replace(f"{argument.name}={written}", f"{argument.name}={written[:-1]}")
    return text


def split_name(qualified: str) -> tuple[str, str]:
    """("mylib", "f") of "mylib::f". Raises ValueError if there is no namespace."""
    namespace, mark, name = qualified.partition("::")
    if not mark or "::" in name:
        raise ValueError(f'Expected `name` to be of the form "namespace::name", got {qualified}')
    return namespace, name


def declare(namespace: str, text: str, tags: Any = ()) -> CustomOperator:
    """A new operator with the given schema, in place of one of the same name."""
    operator = CustomOperator(namespace, text)
    operator.tags = tuple(tags) if isinstance(tags, list | tuple | set | frozenset) else (tags,)
    custom[operator.qualified] = operator
    return operator
