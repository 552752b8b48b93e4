"""Activation functions and their derivatives, elementwise.

Arrays arrive in the type that is computed in (float32 for float16 and bfloat16). `out=...` keeps 0-d results arrays.
"""

from __future__ import annotations

import math
from types import EllipsisType
from typing import Any

import numpy as np
from numpy._core.umath import clip as _clip

from tinytorch._kernels.blocks import blockwise
from tinytorch._kernels.choosing import LANES, choose, keep
from tinytorch._kernels.dtype_names import is_float, not_implemented, scalar_name
from tinytorch._kernels.elementwise import clipped, sigmoid
from tinytorch._kernels.scalar_types import checked_scalar

KEEP: EllipsisType = ...
SQRT_HALF = math.sqrt(0.5)
SQRT_TWO_OVER_PI = math.sqrt(2.0 / math.pi)
GELU_CUBIC = 0.044715
ONE = np.float32(1)
SIGN, MAGNITUDE = np.int32(-(2**31)), np.int32(2**31 - 1)
ERF_P = np.float32(0.3275911)
ERF_COEFFICIENTS = tuple(
    np.float32(c) for c in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
)


def _floating(kernel: str, array: np.ndarray) -> None:
    if not is_float(array.dtype):
        not_implemented(kernel, array.dtype)


def _where(condition: np.ndarray, yes: np.ndarray | float, no: np.ndarray | float) -> np.ndarray:
    return choose(np.asarray(condition), np.asarray(yes), np.asarray(no))


#: The least and the greatest result of relu as 0-d arrays, per element type: NumPy converts a Python number anew at every call.
_LIMITS: dict[str, tuple[np.ndarray, np.ndarray]] = {}


def relu_into(self: np.ndarray, out: Any = None) -> np.ndarray:
    """max(x, 0), called as a ufunc is; nan stays nan, and -0.0 stays, as in torch. `clip` is four times as fast as `maximum`."""
    limits = _LIMITS.get(self.dtype.char)
    if limits is None:
        kind = self.dtype
        greatest = np.inf if kind.kind == "f" else np.iinfo(kind).max
        limits = _LIMITS[kind.char] = np.zeros((), kind), np.asarray(greatest, kind)
    result: np.ndarray = _clip(self, *limits, out=out)
    return result


def relu(self: np.ndarray) -> np.ndarray:
    """max(x, 0), nan kept."""
    if self.dtype.kind == "c":
        raise NotImplementedError("clamp is not supported for complex types")
    if self.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    return relu_into(self, KEEP)


def threshold(self: np.ndarray, threshold: float, value: float) -> np.ndarray:
    """x where x > threshold, else value; nan stays."""
    if self.dtype.kind in "iu":
        threshold, value = checked_scalar(threshold, self.dtype)[()], checked_scalar(value, self.dtype)[()]
    return _where(self <= threshold, self.dtype.type(value), self)


@blockwise
def threshold_backward(
    grad_output: np.ndarray, self: np.ndarray, threshold: float, out: np.ndarray | None = None
) -> np.ndarray:
    """The gradient where x > threshold, else zero."""
    dropped = np.less_equal(self, threshold, out=KEEP)
    return keep(np.logical_not(dropped, out=dropped), grad_output, out)  # a nan lets the gradient through


@blockwise
def leaky_relu(self: np.ndarray, negative_slope: float = 0.01) -> np.ndarray:
    """x where positive, else x * negative_slope."""
    _floating("leaky_relu_cpu", self)
    low = np.multiply(self, self.dtype.type(negative_slope), out=KEEP)
    if 0 <= negative_slope <= 1:
        return np.maximum(self, low, out=low)
    return _where(self > 0, self, low)


@blockwise
def leaky_relu_backward(
    grad_output: np.ndarray, self: np.ndarray, negative_slope: float, self_is_result: bool
) -> np.ndarray:
    """The gradient, times negative_slope where x <= 0."""
    if self_is_result and negative_slope < 0:
        raise RuntimeError(
            "In-place leakyReLu backward calculation is triggered with a negative slope which is not supported. This is "
            "caused by calling in-place forward function with a negative slope, please call out-of-place version "
            "instead. File an issue at https://github.com/pytorch/pytorch if you do require supporting in-place "
            "leakRelu backward calculation with negative slope"
        )
    slope = self.dtype.type(negative_slope)
    if 0 <= negative_slope <= 1 and self.dtype.kind == "f":
        factor = np.maximum(self > 0, slope, dtype=self.dtype, out=KEEP)
        return np.multiply(factor, grad_output, out=KEEP)
    return _where(self > 0, grad_output, grad_output * slope)


@blockwise
def elu(self: np.ndarray, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> np.ndarray:
    """scale * x where positive, else scale * alpha * expm1(input_scale * x)."""
    _floating("elu_cpu", self)
    kind = self.dtype.type
    low = np.expm1(np.minimum(0, self) * kind(input_scale)) * kind(alpha * scale)
    return _where(self <= 0, low, self * kind(scale))


@blockwise
def elu_backward(
    grad_output: np.ndarray,
    alpha: float,
    scale: float,
    input_scale: float,
    is_result: bool,
    self_or_result: np.ndarray,
) -> np.ndarray:
    """The derivative of elu, from its argument or from its result."""
    kind = self_or_result.dtype.type
    if is_result:
        if alpha < 0:
            raise RuntimeError(
                "In-place elu backward calculation is triggered with a negative slope which is not supported. This is "
                "caused by calling in-place forward function with a negative slope, please call out-of-place version "
                "instead."
            )
        low = grad_output * kind(input_scale) * (self_or_result + kind(alpha * scale))
    else:
        exponential = np.exp(np.minimum(self_or_result, 0) * kind(input_scale))
        low = grad_output * kind(input_scale) * kind(alpha * scale) * exponential
    return _where(self_or_result <= 0, low, grad_output * kind(scale))


def _erf(x: np.ndarray) -> np.ndarray:
    """The error function, written over x; float32 by Abramowitz and Stegun's formula 7.1.26, as torch does (infinities give nan there)."""
    if x.dtype != np.float32:
        from scipy.special import erf

        return np.asarray(erf(x, out=x))
    t = np.abs(x, out=KEEP)
    np.multiply(t, ERF_P, out=t)
    np.add(t, ONE, out=t)
    np.reciprocal(t, out=t)
    infinite = np.isinf(x) if not np.minimum.reduce(t, axis=None, initial=ONE) > 0 else None
    polynomial = np.multiply(t, ERF_COEFFICIENTS[0], out=KEEP)
    for coefficient in ERF_COEFFICIENTS[1:]:
        np.add(polynomial, coefficient, out=polynomial)
        np.multiply(polynomial, t, out=polynomial)
    out = np.multiply(x, x, out=t)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.multiply(out, polynomial, out=out)
    np.subtract(ONE, out, out=out)
    # The sign of x, moved as a bit: np.copysign takes twice as long.
    bits, target = x.view(np.int32), out.view(np.int32)
    np.bitwise_and(bits, SIGN, out=bits)
    np.bitwise_and(target, MAGNITUDE, out=target)
    np.bitwise_or(target, bits, out=bits)
    if infinite is not None:
        x[infinite] = np.nan
    return x


@blockwise
def gelu(self: np.ndarray, approximate: str = "none", out: Any = KEEP) -> np.ndarray:
    """x times the normal distribution function at x, exactly or through tanh."""
    _floating("GeluKernelImpl", self)
    kind = self.dtype.type
    if approximate == "none":
        out = _erf(np.multiply(self, kind(SQRT_HALF), out=out))
    elif approximate == "tanh":
        out = np.multiply(self, self, out=out)
        np.multiply(out, kind(GELU_CUBIC), out=out)
        np.add(out, 1, out=out)
        np.multiply(out, self, out=out)
        np.multiply(out, kind(SQRT_TWO_OVER_PI), out=out)
        np.tanh(out, out=out)
    else:
        raise RuntimeError("approximate argument must be either none or tanh.")
    np.add(out, 1, out=out)
    np.multiply(out, self, out=out)
    return np.multiply(out, kind(0.5), out=out)


@blockwise
def gelu_backward(grad_output: np.ndarray, self: np.ndarray, approximate: str = "none") -> np.ndarray:
    """The derivative of gelu times the gradient."""
    kind = self.dtype.type
    if approximate == "none":
        cumulative = _erf(np.multiply(self, kind(SQRT_HALF), out=KEEP))
        np.add(cumulative, 1, out=cumulative)
        np.multiply(cumulative, kind(0.5), out=cumulative)
        density = np.multiply(self, self, out=KEEP)
        np.multiply(density, kind(-0.5), out=density)
        np.exp(density, out=density)
        np.multiply(density, kind(1 / math.sqrt(2 * math.pi)), out=density)
        np.multiply(self, density, out=density)
        np.add(cumulative, density, out=density)
        return np.multiply(grad_output, density, out=KEEP)
    if approximate != "tanh":
        raise RuntimeError("approximate argument must be either none or tanh.")
    square = self * self
    inner = kind(SQRT_TWO_OVER_PI) * self * (1 + kind(GELU_CUBIC) * square)
    tangent = np.tanh(inner)
    left = kind(0.5) * (1 + tangent)
    slope = kind(SQRT_TWO_OVER_PI) * (1 + kind(3 * GELU_CUBIC) * square)
    right = kind(0.5) * self * (1 - tangent * tangent) * slope
    return np.multiply(grad_output, left + right, out=KEEP)


@blockwise
def silu(self: np.ndarray, out: Any = KEEP) -> np.ndarray:
    """x times sigmoid(x)."""
    if self.dtype.kind != "c":
        _floating("silu_cpu", self)
    out = np.negative(self, out=out)
    np.exp(out, out=out)
    np.add(out, 1, out=out)
    return np.divide(self, out, out=out)


@blockwise
def silu_backward(grad_output: np.ndarray, self: np.ndarray) -> np.ndarray:
    """The derivative of silu times the gradient."""
    gate = sigmoid(self)
    slope = np.subtract(1, gate, out=KEEP)
    np.multiply(self, slope, out=slope)
    np.add(1, slope, out=slope)
    np.multiply(gate, slope, out=slope)
    return np.multiply(grad_output, slope, out=KEEP)


def _softplus_one(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)) without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@blockwise
def mish(self: np.ndarray) -> np.ndarray:
    """x times tanh(log(1 + exp(x)))."""
    _floating("mish_cpu", self)
    return np.multiply(self, np.tanh(_softplus_one(self)), out=KEEP)


@blockwise
def mish_backward(grad_output: np.ndarray, self: np.ndarray) -> np.ndarray:
    """The derivative of mish times the gradient."""
    tangent = np.tanh(_softplus_one(self))
    return np.multiply(grad_output, tangent + self * sigmoid(self) * (1 - tangent * tangent), out=KEEP)


def hardtanh(self: np.ndarray, min_val: float = -1, max_val: float = 1) -> np.ndarray:
    """x held between min_val and max_val."""
    if self.dtype.kind == "b":
        raise RuntimeError("Bool inputs not supported for hardtanh")
    if self.dtype.kind == "c":
        raise NotImplementedError("clamp is not supported for complex types")
    if self.dtype.kind == "u" and (int(min_val) < 0 or int(max_val) < 0):
        raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
    if self.dtype.char in "fd":
        return clipped(self, min_val, max_val)
    kind = self.dtype.type
    return np.minimum(np.maximum(self, kind(min_val)), kind(max_val), out=KEEP)


@blockwise
def hardtanh_backward(
    grad_output: np.ndarray, self: np.ndarray, min_val: float, max_val: float
) -> np.ndarray:
    """The gradient strictly between the limits, else zero."""
    kept = np.asarray((self > min_val) & (self < max_val))
    _let_nan_through(kept, self)
    return keep(kept, grad_output)


def _let_nan_through(kept: np.ndarray, values: np.ndarray) -> None:
    """Mark nan as kept where torch works number by number: behind the last whole vector, and in arrays with gaps. Its vector code drops it."""
    if not values.flags.c_contiguous:
        kept |= np.isnan(values)
        return
    lanes = LANES.get(values.itemsize, 1)
    rest = slice(values.size // lanes * lanes, None)
    kept.reshape(-1)[rest] |= np.isnan(values.reshape(-1)[rest])


@blockwise
def hardswish(self: np.ndarray) -> np.ndarray:
    """x * min(max(x + 3, 0), 6) / 6."""
    _floating("hardswish_cpu", self)
    return np.divide(self * np.minimum(np.maximum(self + 3, 0), 6), 6, out=KEEP)


@blockwise
def hardswish_backward(grad_output: np.ndarray, self: np.ndarray) -> np.ndarray:
    """Zero up to -3, the gradient from 3 on, the parabola's slope between."""
    middle = grad_output * (self / 3 + self.dtype.type(0.5))
    zero = self.dtype.type(0)
    return _where(self <= -3, zero, _where(self < 3, middle, grad_output))


@blockwise
def hardsigmoid(self: np.ndarray) -> np.ndarray:
    """min(max(x + 3, 0), 6) / 6."""
    _floating("hardsigmoid_cpu", self)
    return np.divide(np.minimum(np.maximum(self + 3, 0), 6), 6, out=KEEP)


@blockwise
def hardsigmoid_backward(grad_output: np.ndarray, self: np.ndarray) -> np.ndarray:
    """A sixth of the gradient strictly between -3 and 3."""
    return _where((self > -3) & (self < 3), grad_output * self.dtype.type(1 / 6), self.dtype.type(0))


@blockwise
def softplus(self: np.ndarray, beta: float = 1, threshold: float = 20) -> np.ndarray:
    """log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold."""
    _floating("softplus_cpu", self)
    scaled = self * self.dtype.type(beta)
    return _where(scaled > threshold, self, np.log1p(np.exp(scaled)) / self.dtype.type(beta))


@blockwise
def softplus_backward(grad_output: np.ndarray, self: np.ndarray, beta: float, threshold: float) -> np.ndarray:
    """The gradient times sigmoid(beta * x)."""
    scaled = self * self.dtype.type(beta)
    exponential = np.exp(scaled)
    return _where(scaled > threshold, grad_output, grad_output * exponential / (exponential + 1))


def softshrink(self: np.ndarray, lambd: float = 0.5) -> np.ndarray:
    """x moved towards zero by lambd, zero within; nan stays."""
    _floating("softshrink_check", self)
    kind = self.dtype.type
    if lambd < 0:
        limit, name = np.finfo(self.dtype).max, scalar_name(self.dtype)
        raise RuntimeError(
            f"lambda must be in range [0, {limit:g}] for input dtype {name}, but found {lambd:g}"
        )
    # x * 0 keeps nan and the sign of zero.
    return _where(self > lambd, self - kind(lambd), _where(self < -lambd, self + kind(lambd), self * kind(0)))


def shrink_backward(grad_output: np.ndarray, self: np.ndarray, lambd: float) -> np.ndarray:
    """The gradient outside [-lambd, lambd]."""
    kept = np.asarray((self < -lambd) | (self > lambd))
    _let_nan_through(kept, self)
    return _where(kept, grad_output, grad_output.dtype.type(0))


def hardshrink(self: np.ndarray, lambd: float = 0.5) -> np.ndarray:
    """x outside [-lambd, lambd], else zero."""
    _floating("hardshrink_cpu", self)
    return _where((self >= -lambd) & (self <= lambd), self.dtype.type(0), self)


def prelu(self: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """x where positive, else weight * x."""
    return _where(self > 0, self, weight * self)


def prelu_backward(
    grad_output: np.ndarray, self: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The gradients of input and weight, the latter not yet summed."""
    positive = self > 0
    return (
        _where(positive, grad_output, weight * grad_output),
        _where(positive, grad_output.dtype.type(0), self * grad_output),
    )


def glu(self: np.ndarray, dim: int) -> np.ndarray:
    """The first half along dim times the sigmoid of the second."""
    if self.ndim == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    _floating("glu_cpu", self)
    size = self.shape[dim]
    if size % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {size}")
    first, second = np.split(self, 2, axis=dim)
    return np.multiply(first, sigmoid(second), out=KEEP)


def glu_backward(grad_output: np.ndarray, self: np.ndarray, dim: int) -> np.ndarray:
    """The gradient of glu, of self's shape."""
    first, second = np.split(self, 2, axis=dim)
    gate = sigmoid(second)
    upper = grad_output * gate
    return np.concatenate([upper, upper * (1 - gate) * first], axis=dim)


def logit(self: np.ndarray, eps: float | None = None) -> np.ndarray:
    """log(x / (1 - x)), x first held within [eps, 1 - eps]."""
    x = self
    if eps is not None:
        kind = self.dtype.type
        low, high = kind(eps), kind(1) - kind(eps)
        x = _where(self < low, low, _where(self > high, high, self))
    return np.log(x / (1 - x), out=KEEP)


def logit_backward(grad_output: np.ndarray, self: np.ndarray, eps: float | None = None) -> np.ndarray:
    """The gradient over x (1 - x); outside the limits nan without eps, zero with it."""
    kind = self.dtype.type
    product = self * (1 - self)
    slope = _where(product == 0, grad_output * kind(np.inf), grad_output / product)
    if eps is None:
        return _where((self < 0) | (self > 1), kind(np.nan), slope)
    return _where((self < kind(eps)) | (self > kind(1) - kind(eps)), kind(0), slope)
