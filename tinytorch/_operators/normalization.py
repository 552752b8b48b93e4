"""Batch, layer, group, instance and root-mean-square normalisation.

First derivatives run fused kernels. While the backward pass is itself recorded, the same quantities are built from elementary
operators, so that derivatives of every order exist.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinytorch._core.declare import composite, op
from tinytorch._core.element_types import instances
from tinytorch._core.layouts import channels_last, channels_last_3d
from tinytorch._core.modes import modes
from tinytorch._kernels import normalization as kernels
from tinytorch._kernels.memory_order import keeps_channels_last, suggests_channels_last
from tinytorch._operators.adjoint import plus

Ints = Sequence[int]
Results = dict[str, Any]
_PARAMETERS = ("input", "weight", "bias")


def _mask(needs: frozenset[str]) -> list[bool]:
    return [name in needs for name in _PARAMETERS]


def _elementary(
    grad: Any,
    input: Any,
    weight: Any,
    rows: Any,
    statistics: tuple[Any, Any] | None,
    axes: list[int],
    eps: float,
) -> tuple[Any, Any]:
    """The input's gradient and the normalised input, from elementary operators. `weight` broadcasts; rows: input regrouped."""
    if statistics is None:
        mean = rows.mean(axes, True)
        centred = rows - mean
        rate = ((centred * centred).mean(axes, True) + eps).rsqrt()
        normal = centred * rate
        scaled = (grad if weight is None else grad * weight).reshape(rows.shape)
        through = scaled - scaled.mean(axes, True) - normal * (scaled * normal).mean(axes, True)
        return (through * rate).reshape(input.shape), normal.reshape(input.shape)
    mean, rate = statistics
    scaled = grad if weight is None else grad * weight
    return scaled * rate, (input - mean) * rate


# Layer ---------------------------------------------------------------------------------------------------------------

native_layer_norm_backward = op(
    "native_layer_norm_backward(Tensor grad_out, Tensor input, SymInt[] normalized_shape, Tensor mean, Tensor rstd, "
    "Tensor? weight, Tensor? bias, bool[3] output_mask) -> (Tensor, Tensor, Tensor)",
    kernels.layer_norm_backward,
    method=False,
    function=False,
    out=False,
)
native_layer_norm = op(
    "native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> "
    "(Tensor, Tensor, Tensor)",
    kernels.layer_norm,
    method=False,
    out=False,
    nondifferentiable_outputs=("result1", "result2"),
)


def _layer_vjp(
    grad: Any,
    input: Any,
    normalized_shape: Ints,
    weight: Any,
    bias: Any,
    mean: Any,
    rate: Any,
    eps: float,
    needs: frozenset[str],
) -> Results:
    if not modes.grad:
        results = native_layer_norm_backward(
            grad, input, normalized_shape, mean, rate, weight, bias, _mask(needs)
        )
        return dict(zip(_PARAMETERS, results, strict=True))
    return _layer_elementary(grad, input, normalized_shape, weight, eps, needs)


def _layer_elementary(
    grad: Any, input: Any, normalized_shape: Ints, weight: Any, eps: Any, needs: frozenset[str]
) -> Results:
    axes = list(range(-len(normalized_shape), 0))
    first, normal = _elementary(grad, input, weight, input, None, axes, eps)
    lead = list(range(input.dim() - len(normalized_shape)))
    return {
        "input": first,
        "weight": _summed(grad * normal, lead) if "weight" in needs else None,
        "bias": _summed(grad, lead) if "bias" in needs else None,
    }


@native_layer_norm_backward.jvp
def _layer_backward_jvp(
    tangents: dict[str, Any],
    result: Any,
    grad_out: Any,
    input: Any,
    normalized_shape: Ints,
    mean: Any,
    rstd: Any,
    weight: Any,
    bias: Any,
    output_mask: Sequence[bool],
) -> list[Any]:
    eps = _added(input, rstd, list(range(-len(normalized_shape), 0)))

    def formula(grad_out: Any, input: Any, weight: Any) -> Results:
        return _layer_elementary(grad_out, input, normalized_shape, weight, eps, _wanted(output_mask))

    return _pushed(formula, tangents, grad_out=grad_out, input=input, weight=weight)


def _added(input: Any, rate: Any, axes: list[int]) -> Any:
    """What was added to the variances under the root to give the reciprocal deviations `rate`; eps, up to rounding."""
    return rate.pow(-2) - input.var(axes, correction=0, keepdim=True)


def _wanted(output_mask: Sequence[bool]) -> frozenset[str]:
    return frozenset(name for name, wanted in zip(_PARAMETERS, output_mask, strict=True) if wanted)


def _pushed(formula: Any, tangents: dict[str, Any], **arguments: Any) -> list[Any]:
    """The tangents of what `formula` gives, by forward mode through its elementary operators."""
    from tinytorch._core.forward import dual, tangent_of
    from tinytorch._core.levels import layer

    with layer("dual") as above:
        duals = {
            name: dual(value, tangents[name], above) if name in tangents else value
            for name, value in arguments.items()
        }
        found = formula(**duals)
        return [None if found[name] is None else tangent_of(found[name], above) for name in _PARAMETERS]


def _summed(values: Any, axes: list[int]) -> Any:
    return values.sum(axes) if axes else values


native_layer_norm.vjp_all(
    lambda grad_result0, input, normalized_shape, weight, bias, result1, result2, eps, needs: _layer_vjp(
        grad_result0, input, normalized_shape, weight, bias, result1, result2, eps, needs
    )
)


@composite(
    "layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, "
    "float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor",
    method=False,
    out=False,
)
def layer_norm(
    input: Any,
    normalized_shape: Ints,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Any:
    """The trailing dimensions to mean 0 and variance 1, times weight plus bias."""
    return native_layer_norm(input, normalized_shape, weight, bias, eps)[0]


# Group ---------------------------------------------------------------------------------------------------------------

_GROUPS = "SymInt N, SymInt C, SymInt HxW, int group"
native_group_norm_backward = op(
    f"native_group_norm_backward(Tensor grad_out, Tensor input, Tensor mean, Tensor rstd, Tensor? weight, {_GROUPS}, "
    "bool[3] output_mask) -> (Tensor, Tensor, Tensor)",
    kernels.group_norm_backward,
    method=False,
    function=False,
    out=False,
    underivable=True,
)


def _group_norm(input: Any, *rest: Any) -> Any:
    if not input.flags.c_contiguous and not suggests_channels_last(input):
        raise RuntimeError(
            "Expected X.is_contiguous(memory_format) to be true, but got false.  (Could this error message be improved?  If so, please report "
            "an enhancement request to PyTorch.)"
        )
    return kernels.group_norm(input, *rest)


native_group_norm = op(
    f"native_group_norm(Tensor input, Tensor? weight, Tensor? bias, {_GROUPS}, float eps) -> (Tensor, Tensor, Tensor)",
    keeps_channels_last(_group_norm),
    method=False,
    out=False,
)


def _group_vjp(
    grad: Any,
    of_statistics: tuple[Any, Any],
    input: Any,
    weight: Any,
    mean: Any,
    rate: Any,
    sizes: tuple[int, int, int, int],
    eps: float,
    needs: frozenset[str],
) -> Results:
    unused = not any(part._array.any() for part in of_statistics)
    if not modes.grad and unused:
        results = native_group_norm_backward(grad, input, mean, rate, weight, *sizes, _mask(needs))
        return dict(zip(_PARAMETERS, results, strict=True))
    count, channels, area, group = sizes
    shaped = [channels, *[1] * (input.dim() - 2)]
    scale = None if weight is None else weight.view(shaped)
    rows = input.reshape([count * group, channels // group * area])
    first, normal = _elementary(grad, input, scale, rows, None, [1], eps)
    axes = [0, *range(2, input.dim())]
    if not unused or modes.grad:
        first = first + _through_statistics(*of_statistics, rows, eps).reshape(input.shape)
    return {
        "input": first,
        "weight": (grad * normal).sum(axes) if "weight" in needs else None,
        "bias": grad.sum(axes) if "bias" in needs else None,
    }


def _through_statistics(of_mean: Any, of_rate: Any, rows: Any, eps: float) -> Any:
    """What cotangents of the rows' means and reciprocal deviations, (N, group) each, give the rows, (N group, D)."""
    width = rows.shape[1]
    centred = rows - rows.mean([1], True)
    rate = ((centred * centred).mean([1], True) + eps).rsqrt()
    return (of_mean.reshape(-1, 1) - of_rate.reshape(-1, 1) * rate.pow(3) * centred) / width


native_group_norm.vjp_all(
    lambda grad_result0, grad_result1, grad_result2, input, weight, result1, result2, N, C, HxW, group, eps, needs: (
        _group_vjp(
            grad_result0,
            (grad_result1, grad_result2),
            input,
            weight,
            result1,
            result2,
            (N, C, HxW, group),
            eps,
            needs,
        )
    )
)


@composite(
    "group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, "
    "float eps=1.0000000000000001e-05, bool cudnn_enabled=True) -> Tensor",
    method=False,
    out=False,
)
def group_norm(
    input: Any,
    num_groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Any:
    """Sets of channels to mean 0 and variance 1 per sample."""
    shape = list(input.shape)
    if len(shape) < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {len(shape)}")
    channels = shape[1]
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if channels % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{shape} and num_groups={num_groups}"
        )
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and (parameter.dim() != 1 or parameter.numel() != channels):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of "
                f"shape {list((parameter if weight is None else weight).shape)} and input of shape {shape}"
            )
    area = math.prod(shape[2:])
    if suggests_channels_last(input._array):
        input = input.contiguous(memory_format=channels_last if input.dim() == 4 else channels_last_3d)
    else:
        input = input.contiguous()
    weight = None if weight is None else weight.contiguous()
    bias = None if bias is None else bias.contiguous()
    return native_group_norm(input, weight, bias, shape[0], channels, area, num_groups, eps)[0]


# Batch and instance --------------------------------------------------------------------------------------------------

native_batch_norm_backward = op(
    "native_batch_norm_backward(Tensor grad_out, Tensor input, Tensor? weight, Tensor? running_mean, Tensor? running_var, "
    "Tensor? save_mean, Tensor? save_invstd, bool train, float eps, bool[3] output_mask) -> (Tensor, Tensor, Tensor)",
    kernels.batch_norm_backward,
    method=False,
    function=False,
    out=False,
)
native_batch_norm = op(
    "native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, "
    "bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
    kernels.batch_norm,
    method=False,
    out_cast="expected scalar type {result} but found {target}",
    nondifferentiable_outputs=("result1", "result2"),
)


def _batch_vjp(
    grad: Any,
    input: Any,
    weight: Any,
    running_mean: Any,
    running_var: Any,
    mean: Any,
    rate: Any,
    training: bool,
    eps: float,
    needs: frozenset[str],
) -> Results:
    if not modes.grad:
        results = native_batch_norm_backward(
            grad, input, weight, running_mean, running_var, mean, rate, training, eps, _mask(needs)
        )
        return dict(zip(_PARAMETERS, results, strict=True))
    return _batch_elementary(grad, input, weight, running_mean, running_var, training, eps, needs)


def _batch_elementary(
    grad: Any,
    input: Any,
    weight: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    eps: Any,
    needs: frozenset[str],
) -> Results:
    shaped = [input.shape[1], *[1] * (input.dim() - 2)]
    axes = [0, *range(2, input.dim())]
    scale = None if weight is None else weight.view(shaped)
    statistics = None
    if not training:
        statistics = running_mean.view(shaped), (running_var + eps).rsqrt().view(shaped)
    first, normal = _elementary(grad, input, scale, input, statistics, axes, eps)
    return {
        "input": first,
        "weight": (grad * normal).sum(axes) if "weight" in needs else None,
        "bias": grad.sum(axes) if "bias" in needs else None,
    }


native_batch_norm.vjp_all(
    lambda grad_result0, input, weight, running_mean, running_var, result1, result2, training, eps, needs: (
        _batch_vjp(
            grad_result0, input, weight, running_mean, running_var, result1, result2, training, eps, needs
        )
    ),
    *_PARAMETERS,
)


@native_batch_norm_backward.jvp
def _batch_backward_jvp(
    tangents: dict[str, Any],
    result: Any,
    grad_out: Any,
    input: Any,
    weight: Any,
    running_mean: Any,
    running_var: Any,
    save_mean: Any,
    save_invstd: Any,
    train: bool,
    eps: float,
    output_mask: Sequence[bool],
) -> list[Any]:
    def formula(grad_out: Any, input: Any, weight: Any) -> Results:
        needs = _wanted(output_mask)
        return _batch_elementary(grad_out, input, weight, running_mean, running_var, train, eps, needs)

    return _pushed(formula, tangents, grad_out=grad_out, input=input, weight=weight)


@composite(
    "batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, "
    "float momentum, float eps, bool cudnn_enabled) -> Tensor",
    method=False,
    out=False,
)
def batch_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Any:
    """Each channel to mean 0 and variance 1 over the batch, or by the running statistics."""
    if input.numel() == 0:
        out = input.clone()
        if weight is not None:
            out = out * weight[0]
        return out if bias is None else out + bias[0]
    return native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)[0]


@composite(
    "instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, "
    "bool use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor",
    method=False,
    out=False,
)
def instance_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Any:
    """Each channel of each sample to mean 0 and variance 1: batch norm with the batch folded into the channels."""
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError(
            "Expected running_mean and running_var to be defined when use_input_stats is false"
        )
    shape = list(input.shape)
    count, channels = shape[0], shape[1]

    def repeated(parameter: Any) -> Any:
        return None if parameter is None else parameter.repeat(count)

    means, variances = repeated(running_mean), repeated(running_var)
    first = bias if weight is None else weight
    if means is not None and first is not None:  # torch takes means of any type here
        means = means.to(first.dtype)
    folded = input.contiguous().view([1, count * channels, *shape[2:]])
    out = batch_norm(
        folded,
        repeated(weight),
        repeated(bias),
        means,
        variances,
        use_input_stats,
        momentum,
        eps,
        cudnn_enabled,
    )
    if running_mean is not None:
        running_mean.detach().copy_(means.view(count, channels).mean(0, False))
    if running_var is not None:
        running_var.detach().copy_(variances.view(count, channels).mean(0, False))
    return out.view(shape)


@composite(
    "rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor",
    method=False,
    out=False,
    element_types=instances("rms_norm", "reduced float complex"),
)
def rms_norm(input: Any, normalized_shape: Ints, weight: Any = None, eps: float | None = None) -> Any:
    """The trailing dimensions over their root mean square."""
    from tinytorch._core.numeric_limits import finfo

    shape = list(normalized_shape)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            f"normalized_shape = {shape}"
        )
    if weight is not None and list(weight.shape) != shape:
        raise RuntimeError(
            f"Expected weight to be of same shape as normalized_shape, but got weight of shape {list(weight.shape)} and "
            f"normalized_shape = {shape}"
        )
    given = list(input.shape)
    if len(given) < len(shape) or given[len(given) - len(shape) :] != shape:
        expected = ", ".join(map(str, shape))
        raise RuntimeError(
            f"Given normalized_shape={shape}, expected input with shape [*{expected}], but got input of size{given}"
        )
    low = input.dtype._reduced
    wide = input.float() if low else input
    if eps is None:
        eps = finfo(wide.dtype).eps
    axes = list(range(-len(shape), 0))
    result = wide * plus(wide.pow(2).mean(axes, True), eps, 1).rsqrt()
    if weight is not None:
        result = result * weight
    return result.type_as(input).contiguous()
