"""Operator symbols of Tensor, and what the engine itself needs of the operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import dispatch, gradients, numbers
from .._core.construct import from_numpy
from .._core.declare import find, registry
from .._core.modes import PLAIN, modes
from .._core.mutation import mark_results
from .._core.overrides import NoHandlerError, dispatch_function, has_override
from .._core.symbols import install_symbols
from .._core.tensor import Tensor
from .._core.warning import warn_once
from .._kernels.reducing import precise_sum
from .conversion import _back_to, cast

_NUMBERS = (bool, int, float, complex)
_mm = find("mm")

#: In-place symbols whose operators have no straight line of their own.
_KERNELLED = frozenset(("bitwise_and_", "bitwise_or_", "bitwise_xor_"))

_INFIX = {
    options.options["infix"]: name
    for name, overloads in registry.items()
    for options in overloads
    if options.options.get("infix")
}


def _operand(other: Any) -> bool:
    """Whether `other` can stand beside a tensor; arrays cannot, NumPy then tries on its side."""
    return isinstance(other, (Tensor, *_NUMBERS, np.number, np.bool_)) or hasattr(
        type(other), "__torch_function__"
    )


def _reflected(symbol: str, name: str, swap: Any = None) -> Any:
    """`other <symbol> self` where `other` is not a tensor."""

    def method(self, other):
        if not _operand(other):
            return NotImplemented
        if has_override((self, other), {}):
            try:
                return dispatch_function(getattr(Tensor, symbol), (self, other), {}, symbol)
            except NoHandlerError:
                return NotImplemented
        result = swap(self, other)
        return mark_results(result, (self, other)) if modes.inference else result

    method.__qualname__ = f"Tensor.{symbol}"
    return method


def _number(other):
    return numbers.python_number(other) if isinstance(other, np.generic) else other


def _rsub(self, other):
    if not isinstance(self, Tensor):
        return NotImplemented
    if isinstance(other, Tensor):
        return find("rsub", "Tensor").call(self, other)
    return find("rsub", "Scalar").call(self, _number(other))


def _rtruediv(self, other):
    return self.reciprocal() * other


def _rpow(self, other):
    if not isinstance(self, Tensor):
        return NotImplemented
    other = _number(other)
    if isinstance(other, complex):
        other = numbers.wrapped_number(other)
    return find("pow", "Scalar").call(other, self) if not isinstance(other, Tensor) else other.pow(self)


def _rfloordiv(self, other):
    other = _number(other)
    return (
        other.floor_divide(self)
        if isinstance(other, Tensor)
        else dispatch.slow(find("floor_divide"), (other, self))
    )


def _rmod(self, other):
    if not isinstance(self, Tensor):
        return NotImplemented
    other = _number(other)
    return (
        other.remainder(self)
        if isinstance(other, Tensor)
        else find("remainder", "Scalar_Tensor").call(other, self)
    )


def _commuted(name, symbol):
    def reflected(self, other):
        if not isinstance(self, Tensor):
            raise TypeError(
                f"descriptor '{symbol}' for 'torch._C.TensorBase' objects doesn't apply to a '{type(self).__name__}' object"
            )
        return getattr(self, name)(other)

    return reflected


def _rmatmul(self, other):
    return other.matmul(self) if isinstance(other, Tensor) else NotImplemented


def _shift(name):
    def swap(self, other):
        return dispatch.slow(find(name, "Tensor"), (_number(other), self))

    return swap


_REFLECTED = {
    "__radd__": ("add", _commuted("add", "__radd__")),
    "__rmul__": ("mul", _commuted("mul", "__rmul__")),
    "__rsub__": ("rsub", _rsub),
    "__rtruediv__": ("div", _rtruediv),
    "__rpow__": ("pow", _rpow),
    "__rfloordiv__": ("floor_divide", _rfloordiv),
    "__rmod__": ("remainder", _rmod),
    "__rmatmul__": ("matmul", _rmatmul),
    "__rand__": ("bitwise_and", _commuted("bitwise_and", "__rand__")),
    "__ror__": ("bitwise_or", _commuted("bitwise_or", "__ror__")),
    "__rxor__": ("bitwise_xor", _commuted("bitwise_xor", "__rxor__")),
    "__rlshift__": ("bitwise_left_shift", _shift("bitwise_left_shift")),
    "__rrshift__": ("bitwise_right_shift", _shift("bitwise_right_shift")),
}


def _method(symbol: str, name: str) -> Any:
    """`self <symbol> other` by the full method; anything that is no operand is left to Python."""

    def method(self, other):
        if not _operand(other):
            return NotImplemented
        return getattr(self, name)(_number(other))

    method.__qualname__ = f"Tensor.{symbol}"
    return method


def _pow(self, other, *modulo):
    if not _operand(other) or modulo:
        return NotImplemented
    return self.pow(_number(other))


def _matmul(self, other):
    if self.__class__ in PLAIN and other.__class__ in PLAIN and self._array.ndim == 2 == other._array.ndim:
        return _mm.call(self, other)
    if not isinstance(other, Tensor) and not hasattr(type(other), "__torch_function__"):
        return NotImplemented
    return self.matmul(other)


def _equality(symbol: str, name: str, fallback: Any) -> Any:
    """Comparison for equality with what is no operand is a question of identity."""
    operator = find(name, "Tensor")

    def method(self, other):
        if other.__class__ is Tensor or isinstance(other, (Tensor, *_NUMBERS)):
            return operator.compiled.infix(self, other)
        if isinstance(other, np.ndarray) and symbol == "__eq__":
            return self.eq(from_numpy(other))
        if not _operand(other):
            return NotImplemented
        return getattr(self, name)(_number(other))

    method.__qualname__ = f"Tensor.{symbol}"
    return method


def _inplace(name: str) -> Any:
    def method(self, other):
        if not _operand(other):
            return NotImplemented
        return getattr(self, name)(_number(other))

    return method


def _invert(self):
    if self.dtype._category in ("float", "complex"):
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return self.bitwise_not()


def _install() -> None:
    symbols = {symbol: name for symbol, name in _INFIX.items() if symbol not in ("__eq__", "__ne__")}
    functions = {symbol: _reflected(symbol, name, swap) for symbol, (name, swap) in _REFLECTED.items()}
    functions["__eq__"] = _equality("__eq__", "eq", False)
    functions["__ne__"] = _equality("__ne__", "ne", True)
    functions["__pow__"] = _pow
    functions["__matmul__"] = _matmul
    functions["__lshift__"] = _method("__lshift__", "bitwise_left_shift")
    functions["__rshift__"] = _method("__rshift__", "bitwise_right_shift")
    for symbol, name in (
        ("add", "add_"), ("sub", "sub_"), ("mul", "mul_"), ("truediv", "div_"), ("floordiv", "floor_divide_"), ("mod", "remainder_"),
        ("pow", "pow_"), ("and", "bitwise_and_"), ("or", "bitwise_or_"), ("xor", "bitwise_xor_"), ("lshift", "bitwise_left_shift_"),
        ("rshift", "bitwise_right_shift_"),
    ):  # fmt: skip
        if f"__{symbol}__" in _INFIX and name not in _KERNELLED:
            symbols[f"__i{symbol}__"] = name[:-1]
        else:
            functions[f"__i{symbol}__"] = _inplace(name)
    functions["__neg__"] = lambda self: self.neg()
    functions["__pos__"] = lambda self: self.positive()
    functions["__abs__"] = lambda self: self.abs()
    functions["__invert__"] = _invert
    functions["__div__"] = lambda self, other: self.div(other)
    functions["__rdiv__"] = functions["__rtruediv__"]
    functions["__idiv__"] = _inplace("div_")
    functions["__getitem__"] = _getitem
    functions["__setitem__"] = _setitem
    install_symbols(symbols, functions)
    for name, function in _PROPERTIES.items():
        type.__setattr__(Tensor, name, property(function))


def _getitem(self, key):
    return subscript.getitem(self, key)


def _setitem(self, key, value):
    subscript.setitem(self, key, value)


def _T(self):
    if not self.dim():
        warn_once("Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases.")
    elif self.dim() != 2:
        warn_once(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will throw an error in a "
            "future release. Consider `x.mT` to transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to "
            "reverse the dimensions of a tensor."
        )
    return self.permute(tuple(range(self.dim() - 1, -1, -1)))


def _mT(self):
    if self.dim() < 2:
        if not self.dim():
            warn_once("Tensor.mT is deprecated on 0-D tensors. This function is the identity in these cases.")
            return self
        raise RuntimeError("tensor.mT is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return self.transpose(-2, -1)


def _H(self):
    if self.dim() not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {self.dim()}-D tensor."
            + (" For batches of matrices, consider using tensor.mH" if self.dim() > 2 else "")
        )
    if not self.dim():
        warn_once("Tensor.H is deprecated on 0-D tensors. Consider using x.conj().")
        return self
    return self.transpose(0, 1).conj() if self.is_complex() else self.transpose(0, 1)


def _mH(self):
    if not self.dim():
        warn_once("Tensor.mH is deprecated on 0-D tensors. Consider using x.conj().")
        return self
    if self.dim() == 1:
        raise RuntimeError("tensor.mH is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return self.adjoint()


def _real(self):
    return find("real").call(self) if self.is_complex() else self


def _imag(self):
    return find("imag").call(self)


def _set_part(find_part):
    def setter(self, value):
        find_part(self).copy_(value if isinstance(value, Tensor) else self.new_tensor(value))

    return setter


_PROPERTIES = {"T": _T, "mT": _mT, "H": _H, "mH": _mH}


def _sum_to(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Undo broadcasting: sum `tensor` down to `shape`.

    tensor: (*lead, *S), where each S[i] equals shape[i] or shape[i] is 1. dtype unchanged.
    """
    held = tensor._array.shape
    lead = len(held) - len(shape)
    dims = [*range(lead), *[lead + i for i, size in enumerate(shape) if size == 1 and held[lead + i] != 1]]
    summed = find("sum", "dim_IntList").call(tensor, tuple(dims), True) if dims else tensor
    return summed.reshape(shape) if lead else summed


from . import subscript  # noqa: E402

_install()
type.__setattr__(Tensor, "real", property(_real, _set_part(_real)))
type.__setattr__(Tensor, "imag", property(_imag, _set_part(_imag)))
gradients.primitives.update(
    sum_to=_sum_to,
    sum_axes=precise_sum,
    cast=cast,
    real=lambda tensor: find("real").call(tensor),
    back_to=_back_to,
)
