"""`torch._foreach_*`: an operator on every tensor of a list. Each is the operator it is named after, tensor by tensor."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .._core.declare import composite, find

Tensors = Sequence[Any]

_ELEMENTWISE = [
    "abs",
    "acos",
    "asin",
    "atan",
    "ceil",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "floor",
    "frac",
    "lgamma",
    "log",
    "log10",
    "log1p",
    "log2",
    "neg",
    "reciprocal",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
]

#: name -> (method, method on numbers, overloads)
_BINARY = {
    "add": ("add", "add", "Scalar List ScalarList Tensor"),
    "sub": ("sub", "sub", "Scalar List ScalarList"),
    "mul": ("mul", "mul", "Scalar List ScalarList Tensor"),
    "div": ("div", "div", "Scalar List ScalarList Tensor"),
    "clamp_max": ("clamp_max", "clamp_max", "Scalar List ScalarList"),
    "clamp_min": ("clamp_min", "clamp_min", "Scalar List ScalarList"),
    "maximum": ("clamp_min", "clamp_min", "Scalar List ScalarList"),
    "minimum": ("clamp_max", "clamp_max", "Scalar List ScalarList"),
    "pow": ("pow", "pow", "Scalar List ScalarList"),
}

#: The second argument by overload, as torch's schemas state it.
_OPERANDS = {
    "Scalar": "Scalar scalar",
    "List": "Tensor[] other",
    "ScalarList": "Scalar[] scalars",
    "Tensor": "Tensor other",
}


def _filled(tensors: Tensors) -> None:
    if not tensors:
        raise RuntimeError("Tensor list must have at least one tensor.")


def _paired(tensors: Tensors, *others: Tensors) -> Iterator[tuple[Any, ...]]:
    """The lists in step. Raises RuntimeError if they are empty or of different lengths."""
    _filled(tensors)
    for other in others:
        if len(other) != len(tensors):
            raise RuntimeError(
                f"Tensor lists must have the same number of tensors, got {len(tensors)} and {len(other)}"
            )
    return zip(tensors, *others, strict=True)


def _with_numbers(tensors: Tensors, numbers: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    _filled(tensors)
    if len(numbers) != len(tensors):
        raise RuntimeError("Tensor list must have same number of elements as scalar list.")
    return zip(tensors, numbers, strict=True)


def _given_back(function: Callable[..., Any]) -> Callable[..., Any]:
    """An in-place form: it gives back the very list it was given."""

    @functools.wraps(function)
    def run(self: Tensors, *operands: Any, **options: Any) -> Tensors:
        function(self, *operands, **options)
        return self

    return run


def _both(name: str, overload: str, arguments: str, make: Callable[[str], Callable[..., Any]]) -> None:
    """Declare `name` and `name_`; `make(suffix)` gives the function that calls the methods with that suffix."""
    dotted = f".{overload}" if overload else ""
    rest = f", {arguments}" if arguments else ""
    composite(f"_foreach_{name}{dotted}(Tensor[] self{rest}) -> Tensor[]", make(""), method=False, out=False)
    composite(
        f"_foreach_{name}_{dotted}(Tensor(a!)[] self{rest}) -> ()",
        _given_back(make("_")),
        method=False,
        out=False,
    )


def _unary(method: str) -> Callable[[str], Callable[..., Any]]:
    def make(suffix: str) -> Callable[..., Any]:
        def run(self: Tensors) -> tuple[Any, ...]:
            _filled(self)
            return tuple([getattr(tensor, method + suffix)() for tensor in self])

        return run

    return make


for _name in _ELEMENTWISE:
    _both(_name, "", "", _unary(_name))


def _binary(method: str, overload: str, keyword: str) -> Callable[[str], Callable[..., Any]]:
    def make(suffix: str) -> Callable[..., Any]:
        name = method + suffix

        def run(self: Tensors, *operands: Any, **options: Any) -> tuple[Any, ...]:
            (other,) = operands or (options.pop(keyword),)
            if overload == "List":
                pairs: Any = _paired(self, other)
            elif overload == "ScalarList":
                pairs = _with_numbers(self, other)
            else:
                _filled(self)
                if overload == "Tensor" and other.dim():
                    raise RuntimeError(
                        f"scalar tensor expected to be 0 dim but it has {other.dim()} dimensions and {other.numel()} elements."
                    )
                pairs = [(tensor, other) for tensor in self]
            if options.get("alpha", 1) == 1:
                options = {}
            return tuple([getattr(tensor, name)(operand, **options) for tensor, operand in pairs])

        return run

    return make


for _name, (_method, _on_numbers, _overloads) in _BINARY.items():
    for _overload in _overloads.split():
        _operand = _OPERANDS[_overload]
        if _name == "pow":
            _operand = _operand.split()[0] + " exponent"
        _alpha = ", *, Scalar alpha=1" if _name in ("add", "sub") and _overload in ("List", "Tensor") else ""
        _both(
            _name,
            _overload,
            _operand + _alpha,
            _binary(_on_numbers if "Scalar" in _overload else _method, _overload, _operand.split()[1]),
        )


@composite(
    "_foreach_pow.ScalarAndTensor(Scalar self, Tensor[] exponent) -> Tensor[]", method=False, out=False
)
def _power_of_number(self, exponent):
    _filled(exponent)
    return tuple([self**tensor for tensor in exponent])


def _fraction(method: str, overload: str) -> Callable[[str], Callable[..., Any]]:
    """addcmul and addcdiv: a list of products or quotients, each times a number."""

    def make(suffix: str) -> Callable[..., Any]:
        name = method + suffix

        def run(self: Tensors, tensor1: Tensors, tensor2: Tensors, *given: Any, **named: Any) -> Any:
            triples = list(_paired(self, tensor1, tensor2))
            value = given[0] if given else named.get("scalars", named.get("value", 1))
            if overload == "Tensor":
                if value.numel() != len(self):
                    raise RuntimeError(
                        f"Expected length of scalars to match input of length {len(self)} but got {value.numel()} instead."
                    )
                value = value.tolist()
            elif overload == "ScalarList":
                _with_numbers(self, value)
            else:
                value = [value] * len(self)
            return tuple(
                [getattr(a, name)(b, c, value=v) for (a, b, c), v in zip(triples, value, strict=True)]
            )

        return run

    return make


for _name in ("addcdiv", "addcmul"):
    for _overload, _operand in (
        ("Scalar", "Scalar value=1"),
        ("ScalarList", "Scalar[] scalars"),
        ("Tensor", "Tensor scalars"),
    ):
        _both(
            _name, _overload, "Tensor[] tensor1, Tensor[] tensor2, " + _operand, _fraction(_name, _overload)
        )


def _lerp(overload: str) -> Callable[[str], Callable[..., Any]]:
    def make(suffix: str) -> Callable[..., Any]:
        name = "lerp" + suffix

        def run(self: Tensors, tensors1: Tensors, weight: Any = None, weights: Any = None) -> tuple[Any, ...]:
            pairs = list(_paired(self, tensors1))
            given = weight if weight is not None else weights
            if overload == "List":
                _paired(self, given)
            elif overload == "ScalarList":
                _with_numbers(self, given)
            else:
                given = [given] * len(self)
            return tuple([getattr(a, name)(b, w) for (a, b), w in zip(pairs, given, strict=True)])

        return run

    return make


for _overload, _operand in (
    ("List", "Tensor[] weights"),
    ("Scalar", "Scalar weight"),
    ("ScalarList", "Scalar[] weight"),
):
    _both("lerp", _overload, "Tensor[] tensors1, " + _operand, _lerp(_overload))


# What has no in-place form, or nothing else -----------------------------------------------------------------------------------


@composite(
    "_foreach_clone(Tensor[] self, *, MemoryFormat? memory_format=None) -> Tensor[]", method=False, out=False
)
def _clone(self, memory_format=None):
    _filled(self)
    kept = {} if memory_format is None else {"memory_format": memory_format}
    return tuple([tensor.clone(**kept) for tensor in self])


@composite("_foreach_zero_(Tensor(a!)[] self) -> ()", method=False, out=False)
def _zero(self):
    _filled(self)
    for tensor in self:
        tensor.zero_()
    return self


@composite(
    "_foreach_copy_(Tensor(a!)[] self, Tensor[] src, bool non_blocking=False) -> ()", method=False, out=False
)
def _copy(self, src, non_blocking=False):
    for tensor, source in _paired(self, src):
        tensor.copy_(source)
    return self


@composite("_foreach_max(Tensor[] self) -> Tensor[]", method=False, out=False)
def _max(self):
    _filled(self)
    return tuple([tensor.max() for tensor in self])


@composite("_foreach_mm(Tensor[] self, Tensor[] mat2) -> Tensor[]", method=False, out=False)
def _mm(self, mat2):
    return tuple([left.mm(right) for left, right in _paired(self, mat2)])


@composite(
    "_foreach_norm.Scalar(Tensor[] self, Scalar ord=2, ScalarType? dtype=None) -> Tensor[]",
    method=False,
    out=False,
)
def _norm(self, ord=2, dtype=None):
    _filled(self)
    norm = find("linalg_vector_norm").call
    return tuple([norm(tensor, ord, None, False, dtype) for tensor in self])


@composite(
    "_foreach_powsum.Scalar(Tensor[] self, Scalar ord=2, ScalarType? dtype=None) -> Tensor[]",
    method=False,
    out=False,
)
def _powsum(self, ord=2, dtype=None):
    _filled(self)
    wide = self if dtype is None else [tensor.to(dtype) for tensor in self]
    return tuple([tensor.abs().pow(ord).sum() for tensor in wide])
