"""Operators that torch has no kernels of for uint16, uint32 and uint64, by the names its error texts give those kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core.declare import registry

#: kernel -> operators that run it, in all overloads but those of `_OVERLOADS`
_KERNELS = {
    "abs_cpu": "abs", "add_stub": "add sub rsub", "addcmul_cpu_out": "addcmul", "addmm_impl_cpu_": "mm addmm addbmm",
    "addmv_impl_cpu": "mv addmv", "addr_cpu": "addr", "aminmax_cpu": "aminmax histc", "argmax_cpu": "argmax", "argmin_cpu": "argmin",
    "baddbmm": "baddbmm", "bincount_cpu": "bincount", "bitwise_not_cpu": "bitwise_not", "bmm": "bmm", "channel_shuffle": "channel_shuffle",
    "clamp_cpu": "clamp", "clamp_max_scalar_cpu": "clamp_max", "clamp_min_scalar_cpu": "clamp_min relu", "clamp_scalar_cpu": "hardtanh",
    "cross": "linalg_cross", "cummax_cpu": "cummax", "cummin_cpu": "cummin", "div_floor_cpu": "floor_divide", "dot": "dot vdot",
    "flip_cpu": "flip", "fmod_cpu": "fmod", "gcd_cpu": "gcd", "ge_cpu": "ge", "gt_cpu": "gt", "heaviside_cpu": "heaviside",
    "im2col_out_cpu": "im2col", "index_add_": "index_add", "index_copy_cpu": "index_copy", "index_fill_cpu": "index_fill",
    "index_func_": "index_reduce", "index_put": "index_put", "index_select": "index_select",
    "kthvalue_cpu": "kthvalue", "lcm_cpu": "lcm", "le_cpu": "le", "logical_and_cpu": "logical_and", "logical_not_cpu": "logical_not",
    "logical_or_cpu": "logical_or", "logical_xor_cpu": "logical_xor", "lshift_cpu": "bitwise_left_shift", "lt_cpu": "lt",
    "masked_fill": "masked_fill", "masked_scatter": "masked_scatter", "masked_select": "masked_select", "max_cpu": "max",
    "max_pool2d": "max_pool2d_with_indices", "max_pool3d": "max_pool3d_with_indices", "max_values_cpu": "amax", "maximum_cpu": "maximum fmax", "median_cpu": "median nanmedian",
    "min_cpu": "min", "min_values_cpu": "amin", "minimum_cpu": "minimum fmin", "mode_cpu": "mode", "neg_cpu": "neg",
    "nextafter_cpu": "nextafter", "nonzero_count_cpu": "nonzero count_nonzero", "pixel_shuffle": "pixel_shuffle", "pixel_unshuffle": "pixel_unshuffle", "pow": "pow",
    "reflection_pad1d": "reflection_pad1d", "reflection_pad2d": "reflection_pad2d", "remainder_cpu": "remainder",
    "replication_pad1d": "replication_pad1d", "replication_pad2d": "replication_pad2d", "rshift_cpu": "bitwise_right_shift",
    "scatter_gather_tensor_cpu": "gather scatter scatter_add scatter_reduce", "searchsorted_out_cpu": "searchsorted bucketize",
    "sign_cpu": "sign sgn", "slow_conv2d_cpu": "convolution", "take_cpu": "take", "take_put_cpu": "put", "threshold_cpu": "threshold",
    "topk_cpu": "topk", "trace": "trace", "tril": "tril", "triu": "triu", "xor_sum_cpu": "hash_tensor",
}  # fmt: skip


def _rounding_division(self: Any, other: Any, rounding_mode: str | None) -> str | None:
    return f"div_{rounding_mode}_cpu" if rounding_mode else None


def _between_numbers(self: Any, min: Any, max: Any) -> str:
    return (
        "clamp_scalar_cpu"
        if None not in (min, max)
        else f"clamp_{'min' if max is None else 'max'}_scalar_cpu"
    )


def _between_tensors(self: Any, min: Any, max: Any) -> str:
    return "clamp_cpu" if None not in (min, max) else "maximum_cpu" if max is None else "minimum_cpu"


def _members(elements: Any, test_elements: Any, *rest: Any) -> str | None:
    return "isin_default_cpu" if elements.dtype is test_elements.dtype else None


_OVERLOADS: dict[tuple[str, str], str | Callable[..., str | None]] = {
    ("clamp", ""): _between_numbers,
    ("clamp", "Tensor"): _between_tensors,
    ("clamp_max", "Tensor"): "minimum_cpu",
    ("clamp_min", "Tensor"): "maximum_cpu",
    ("div", "Tensor_mode"): _rounding_division,
    ("isin", "Tensor_Tensor"): _members,
    ("max", ""): "max_all",
    ("median", "dim"): "median_out",
    ("min", ""): "min_all",
    ("nanmedian", "dim"): "median_out",
    ("scatter", "value"): "scatter_gather_scalar_cpu",
}


def install() -> None:
    """Tell the declared operators."""
    kernels = {name: kernel for kernel, names in _KERNELS.items() for name in names.split()}
    for name in {*kernels, *[name for name, _ in _OVERLOADS]}:
        for operator in registry[name]:
            kernel = _OVERLOADS.get((name, operator.overload), kernels.get(name))
            if kernel is not None and operator.family != "composite":
                operator.options["unsigned_kernel"] = kernel
