"""Activation functions with torch's Python signatures."""

from __future__ import annotations

import warnings
from typing import Any

from .published import ops, overwrite

__all__ = [
    "alpha_dropout",
    "celu",
    "celu_",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "elu_",
    "feature_alpha_dropout",
    "glu",
    "gumbel_softmax",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]


def _threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """x where x > threshold, else value."""
    return (
        overwrite("threshold", input, threshold, value) if inplace else ops.threshold(input, threshold, value)
    )


# torch publishes the function under another name than its own, which shows in texts.
threshold = _threshold


def threshold_(input: Any, threshold: float, value: float) -> Any:
    """threshold in place."""
    return overwrite("threshold", input, threshold, value)


def relu(input: Any, inplace: bool = False) -> Any:
    """max(x, 0)."""
    return input.relu_() if inplace else ops.relu(input)


def relu_(input: Any) -> Any:
    """relu in place."""
    return input.relu_()


def glu(input: Any, dim: int = -1) -> Any:
    """The first half times the sigmoid of the second."""
    if input.dim() == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    return ops.glu(input, dim)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """x held between min_val and max_val."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return (
        overwrite("hardtanh", input, min_val, max_val) if inplace else ops.hardtanh(input, min_val, max_val)
    )


def hardtanh_(input: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """hardtanh in place."""
    return overwrite("hardtanh", input, min_val, max_val)


def relu6(input: Any, inplace: bool = False) -> Any:
    """x held between 0 and 6."""
    return overwrite("hardtanh", input, 0, 6) if inplace else ops.relu6(input)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x where positive, else alpha * expm1(x)."""
    return overwrite("elu", input, alpha) if inplace else ops.elu(input, alpha)


def elu_(input: Any, alpha: float = 1.0) -> Any:
    """elu in place."""
    return overwrite("elu", input, alpha)


def selu(input: Any, inplace: bool = False) -> Any:
    """elu with the self-normalising constants."""
    return selu_(input) if inplace else ops.selu(input)


def selu_(input: Any) -> Any:
    """selu in place."""
    from ..._operators.activation import SELU_ALPHA, SELU_SCALE

    return overwrite("elu", input, SELU_ALPHA, SELU_SCALE)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """elu whose slope is continuous."""
    return overwrite("celu", input, alpha) if inplace else ops.celu(input, alpha)


def celu_(input: Any, alpha: float = 1.0) -> Any:
    """celu in place."""
    return overwrite("celu", input, alpha)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """x where positive, else x * negative_slope."""
    return (
        overwrite("leaky_relu", input, negative_slope) if inplace else ops.leaky_relu(input, negative_slope)
    )


def leaky_relu_(input: Any, negative_slope: float = 0.01) -> Any:
    """leaky_relu in place."""
    return overwrite("leaky_relu", input, negative_slope)


def rrelu(
    input: Any,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Any:
    """leaky_relu with a random slope while training."""
    if inplace:
        return rrelu_(input, lower, upper, training)
    return ops.rrelu(input, lower, upper, training)


def rrelu_(input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Any:
    """rrelu in place."""
    return overwrite("rrelu_with_noise", input, input.new_empty(input.shape), lower, upper, training, None)


def tanhshrink(input: Any) -> Any:
    """x - tanh(x)."""
    return input - input.tanh()


def softsign(input: Any) -> Any:
    """x / (1 + |x|)."""
    return input / (input.abs() + 1)


def _softmax_dim(name: str, rank: int) -> int:
    """The dimension torch guesses when none is given, with its warning."""
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=4,
    )
    return 0 if rank in (0, 1, 3) else 1


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """exp(x) over its sum along dim."""
    if dim is None:
        dim = _softmax_dim("softmax", input.dim())
    return input.softmax(dim) if dtype is None else input.softmax(dim, dtype=dtype)


def softmin(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """softmax of -x."""
    if dim is None:
        dim = _softmax_dim("softmin", input.dim())
    return (-input).softmax(dim) if dtype is None else (-input).softmax(dim, dtype=dtype)


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """The logarithm of softmax."""
    if dim is None:
        dim = _softmax_dim("log_softmax", input.dim())
    return input.log_softmax(dim) if dtype is None else input.log_softmax(dim, dtype=dtype)


def gumbel_softmax(logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Any:
    """A sample of the Gumbel-softmax distribution; with hard, one-hot forward and soft backward."""
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=3)
    noise = -ops.empty_like(logits).exponential_().log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    sharp = ops.zeros_like(logits).scatter_(dim, index, 1.0)
    return sharp - soft.detach() + soft


def tanh(input: Any) -> Any:
    """The hyperbolic tangent."""
    return input.tanh()


def sigmoid(input: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return input.sigmoid()


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """A piecewise linear sigmoid."""
    return overwrite("hardsigmoid", input) if inplace else ops.hardsigmoid(input)


def hardswish(input: Any, inplace: bool = False) -> Any:
    """x times hardsigmoid(x)."""
    return overwrite("hardswish", input) if inplace else ops.hardswish(input)


def silu(input: Any, inplace: bool = False) -> Any:
    """x times sigmoid(x)."""
    return overwrite("silu", input) if inplace else ops.silu(input)


def mish(input: Any, inplace: bool = False) -> Any:
    """x times tanh(softplus(x))."""
    return overwrite("mish", input) if inplace else ops.mish(input)


def _check_probability(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Elements to zero with probability p, the others scaled by 1 / (1 - p)."""
    _check_probability(p)
    return ops.dropout_(input, p, training) if inplace else ops.dropout(input, p, training)


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Dropout that keeps mean and variance behind selu."""
    _check_probability(p)
    return ops.alpha_dropout_(input, p, training) if inplace else ops.alpha_dropout(input, p, training)


def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """alpha_dropout of whole channels."""
    _check_probability(p)
    if inplace:
        return ops.feature_alpha_dropout_(input, p, training)
    return ops.feature_alpha_dropout(input, p, training)


def _feature(input: Any, p: float, training: bool, inplace: bool) -> Any:
    return ops.feature_dropout_(input, p, training) if inplace else ops.feature_dropout(input, p, training)


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Dropout of whole channels of (N, C, L) or (C, L)."""
    _check_probability(p)
    rank = input.dim()
    if rank not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {rank}D input. Note that dropout1d exists to provide "
            "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch "
            "dimension (i.e. 2D or 3D inputs)."
        )
    if rank == 2:
        x = input.unsqueeze_(0) if inplace else input.unsqueeze(0)
        result = _feature(x, p, training, inplace)
        return result.squeeze_(0) if inplace else result.squeeze(0)
    return _feature(input, p, training, inplace)


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Dropout of whole channels of (N, C, H, W)."""
    _check_probability(p)
    rank = input.dim()
    if rank not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {rank}-D input to dropout2d, which is deprecated and will result in an error in a "
            "future release. To retain the behavior and silence this warning, please use dropout instead. Note that "
            "dropout2d exists to provide channel-wise dropout on inputs with 2 spatial dimensions, a channel dimension, "
            "and an optional batch dimension (i.e. 3D or 4D inputs).",
            stacklevel=3,
        )
    if rank == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired - "
            "input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a future "
            "release to interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D "
            "channel-wise dropout behavior, please switch to using dropout1d instead.",
            stacklevel=3,
        )
    return _feature(input, p, training, inplace)


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Dropout of whole channels of (N, C, D, H, W)."""
    _check_probability(p)
    rank = input.dim()
    if rank not in (4, 5):
        warnings.warn(
            f"dropout3d: Received a {rank}-D input to dropout3d, which is deprecated and will result in an error in a "
            "future release. To retain the behavior and silence this warning, please use dropout instead. Note that "
            "dropout3d exists to provide channel-wise dropout on inputs with 3 spatial dimensions, a channel dimension, "
            "and an optional batch dimension (i.e. 4D or 5D inputs).",
            stacklevel=3,
        )
    if rank == 4:
        x = input.unsqueeze_(0) if inplace else input.unsqueeze(0)
        result = _feature(x, p, training, inplace)
        return result.squeeze_(0) if inplace else result.squeeze(0)
    return _feature(input, p, training, inplace)
