"""Filling parameters: torch.nn.init. The draws and the order of every double operation are torch's, so values agree to the last bit."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from .._core.declare import find as _find
from .._core.generator import Generator as _Generator
from .._core.overrides import dispatch_function as _dispatch_function
from .._core.overrides import has_override as _has_override
from .._core.tensor import wrap as _wrap
from ..autograd.grad_mode import no_grad as _no_grad

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]

_NO_GAIN = frozenset(
    [
        "linear",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "sigmoid",
    ]
)
_GAINS = {"tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps a layer's variance behind the given activation; `param`: leaky_relu's negative slope.

    Raises ValueError for unknown activations and slopes that are no numbers. Source: torch's documentation.
    """
    if nonlinearity in _NO_GAIN:
        return 1
    if nonlinearity in _GAINS:
        return _GAINS[nonlinearity]
    if nonlinearity != "leaky_relu":
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    if param is None:
        param = 0.01
    elif isinstance(param, bool) or not isinstance(param, int | float):
        raise ValueError(f"negative_slope {param} not a valid number")
    return math.sqrt(2.0 / (1 + param**2))


def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: _Generator | None = None) -> Any:
    """Uniform numbers of [a, b)."""
    if _has_override((tensor,), {}):
        return _overridden(uniform_, tensor=tensor, a=a, b=b, generator=generator)
    return _draw_uniform(tensor, a, b, generator)


def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: _Generator | None = None) -> Any:
    """Normal numbers."""
    if _has_override((tensor,), {}):
        return _overridden(normal_, tensor=tensor, mean=mean, std=std, generator=generator)
    return _draw_normal(tensor, mean, std, generator)


def _overridden(function: Callable[..., Any], **arguments: Any) -> Any:
    """Let a subclass or mode answer for `function`."""
    return _dispatch_function(function, (), arguments, f"nn.init.{function.__name__}")


def _draw_uniform(tensor: Any, a: float, b: float, generator: _Generator | None) -> Any:
    with _no_grad():
        return tensor.uniform_(a, b, generator=generator)


def _draw_normal(tensor: Any, mean: float, std: float, generator: _Generator | None) -> Any:
    with _no_grad():
        return tensor.normal_(mean, std, generator=generator)


def _below(x: float) -> float:
    """The probability that a standard normal number is below x."""
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def trunc_normal_(
    tensor: Any,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: _Generator | None = None,
) -> Any:
    """Normal numbers inside [a, b]: redrawn until they are, or in the tails drawn uniformly and accepted by density.

    Warns where `mean` is more than two deviations outside. A tensor without data is left alone.
    """
    if tensor.is_meta:
        return tensor
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect.",
            stacklevel=3,
        )
    with _no_grad():
        if _below((b - mean) / std) - _below((a - mean) / std) > 0.3:
            _redraw_outside(tensor, mean, std, a, b, generator)
        else:
            _accept_by_density(tensor, mean, std, a, b, generator)
    return tensor


def _redraw_outside(
    tensor: Any, mean: float, std: float, a: float, b: float, generator: _Generator | None
) -> None:
    """Whole tensors of new numbers are drawn as long as one element lies outside."""
    low, high = (tensor.new_tensor(bound, device="cpu").item() for bound in (a, b))
    result = tensor.normal_(mean, std, generator=generator)
    outside = (result < low) | (result > high)
    while outside.any():
        fresh = _like(result).normal_(mean, std, generator=generator)
        result = _find("where", "self")(outside, fresh, result)
        outside = (result < low) | (result > high)
    if result is not tensor:
        tensor.copy_(result)


def _accept_by_density(
    tensor: Any, mean: float, std: float, a: float, b: float, generator: _Generator | None
) -> None:
    """Uniform proposals, each accepted with its density relative to the highest in [a, b]."""
    mode = max(a, min(mean, b))
    peak = -0.5 * ((mode - mean) / std) ** 2
    proposals = _like(tensor)
    chances = _like(tensor)

    def rejected() -> Any:
        """Which of the proposals fail; the proposals are overwritten with their logarithmic densities."""
        proposals.sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(peak)
        return chances.uniform_(generator=generator).log_().gt(proposals)

    tensor.uniform_(a, b, generator=generator)
    proposals.copy_(tensor)
    pending = rejected()
    if not pending.any():
        return
    where = _find("where", "self")
    result = tensor
    while True:
        proposals.uniform_(a, b, generator=generator)
        result = where(pending, proposals, result)
        pending = where(pending, rejected(), pending)
        if not pending.any():
            break
    tensor.copy_(result)


def _like(tensor: Any) -> Any:
    return _find("empty_like")(tensor)


def constant_(tensor: Any, val: float) -> Any:
    """The number `val` everywhere."""
    if _has_override((tensor,), {}):
        return _overridden(constant_, tensor=tensor, val=val)
    with _no_grad():
        return tensor.fill_(val)


def ones_(tensor: Any) -> Any:
    """Ones everywhere."""
    with _no_grad():
        return tensor.fill_(1.0)


def zeros_(tensor: Any) -> Any:
    """Zeros everywhere."""
    with _no_grad():
        return tensor.zero_()


def eye_(tensor: Any) -> Any:
    """Ones on the diagonal of a matrix, zeros elsewhere. Raises ValueError for other ranks."""
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    with _no_grad():
        if tensor.is_meta:
            return tensor
        tensor.zero_()
        tensor.diagonal().fill_(1)
    return tensor


def dirac_(tensor: Any, groups: int = 1) -> Any:
    """A convolution's weight (O, I, *spatial) that passes channels on unchanged, in each group as many as there are.

    Raises ValueError unless there are 3 to 5 dimensions and `groups` divides O.
    """
    rank = tensor.ndimension()
    if rank not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    sizes = tensor.size()
    if sizes[0] % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    if tensor.is_meta:
        return tensor
    per_group = sizes[0] // groups
    centre = tuple(size // 2 for size in sizes[2:])
    with _no_grad():
        tensor.zero_()
        for group in range(groups):
            for channel in range(min(per_group, sizes[1])):
                tensor[(group * per_group + channel, channel, *centre)] = 1
    return tensor


def _calculate_fan_in_and_fan_out(tensor: Any) -> tuple[int, int]:
    """How many inputs an output unit has and the reverse, for weights (O, I, *spatial)."""
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    outputs, inputs, *spatial = tensor.shape
    field = math.prod(spatial)
    return inputs * field, outputs * field


def _calculate_correct_fan(tensor: Any, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]


def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: _Generator | None = None) -> Any:
    """Uniform numbers whose variance is gain^2 * 2 / (fan in + fan out). Source: Glorot and Bengio (2010)."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    bound = math.sqrt(3.0) * std
    return _draw_uniform(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Any, gain: float = 1.0, generator: _Generator | None = None) -> Any:
    """Normal numbers of variance gain^2 * 2 / (fan in + fan out). Source: Glorot and Bengio (2010)."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    std = gain * math.sqrt(2.0 / float(fan_in + fan_out))
    return _draw_normal(tensor, 0.0, std, generator)


def _kaiming_std(tensor: Any, a: float, mode: str, nonlinearity: str) -> float | None:
    """gain / sqrt(fan); None, with torch's warning, for tensors without elements."""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return None
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: Any,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: _Generator | None = None,
) -> Any:
    """Uniform numbers whose variance is gain^2 / fan. Source: He et al. (2015)."""
    if _has_override((tensor,), {}):
        return _overridden(
            kaiming_uniform_, tensor=tensor, a=a, mode=mode, nonlinearity=nonlinearity, generator=generator
        )
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return _draw_uniform(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Any,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: _Generator | None = None,
) -> Any:
    """Normal numbers of variance gain^2 / fan. Source: He et al. (2015)."""
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else _draw_normal(tensor, 0, std, generator)


def orthogonal_(tensor: Any, gain: float = 1, generator: _Generator | None = None) -> Any:
    """A (semi-)orthogonal matrix times `gain`; trailing dimensions count as one. Source: Saxe et al. (2013).

    Raises ValueError for fewer than two dimensions. Made by NumPy's QR decomposition: the last bits may differ from torch's.
    """
    if tensor.ndimension() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0 or tensor.is_meta:
        return tensor
    rows = tensor.size(0)
    columns = tensor.numel() // rows
    flat = tensor.new_empty((rows, columns)).normal_(0, 1, generator=generator)
    q, diagonal = _orthogonal(flat.t() if rows < columns else flat)
    q = q * diagonal.sign()
    if rows < columns:
        q = q.t()
    with _no_grad():
        tensor.view_as(q).copy_(q)
        tensor.mul_(gain)
    return tensor


def _orthogonal(matrix: Any) -> tuple[Any, Any]:
    """Q and the diagonal of R."""
    import numpy as np

    from .._kernels.scalar_types import scalar_type_name

    array = matrix.detach()._array
    if array.dtype.name not in ("float32", "float64", "complex64", "complex128"):
        raise NotImplementedError(f"\"geqrf_cpu\" not implemented for '{scalar_type_name(array.dtype)}'")
    q, r = np.linalg.qr(array)
    return _wrap(q), _wrap(np.diagonal(r).copy())


def sparse_(tensor: Any, sparsity: float, std: float = 0.01, generator: _Generator | None = None) -> Any:
    """Normal numbers in a matrix, of which a fraction of each column is set to zero. Source: Martens (2010).

    Raises ValueError unless there are two dimensions. Which elements become zero is drawn from the default generator always.
    """
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    if tensor.is_meta:
        return tensor
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with _no_grad():
        tensor.normal_(0, std, generator=generator)
        for column in range(columns):
            tensor[_find("randperm")(rows)[:zeros], column] = 0
    return tensor


def _former(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` under its old name without the underscore, with torch's FutureWarning."""
    new = function.__name__
    old = new[:-1]

    def deprecated_init(*args: Any, **kwargs: Any) -> Any:
        warnings.warn(
            f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning, stacklevel=2
        )
        return function(*args, **kwargs)

    deprecated_init.__name__ = old
    deprecated_init.__doc__ = f"The deprecated name of `{new}`."
    return deprecated_init


uniform = _former(uniform_)
normal = _former(normal_)
constant = _former(constant_)
eye = _former(eye_)
dirac = _former(dirac_)
xavier_uniform = _former(xavier_uniform_)
xavier_normal = _former(xavier_normal_)
kaiming_uniform = _former(kaiming_uniform_)
kaiming_normal = _former(kaiming_normal_)
orthogonal = _former(orthogonal_)
sparse = _former(sparse_)
