"""Convolution: one trilinear form, its gradients, and torch's named forms of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinytorch._core.declare import composite, find, op
from tinytorch._core.dtypes import bfloat16
from tinytorch._core.element_types import instances
from tinytorch._core.promotion import check_result_cast, legacy_name
from tinytorch._core.warning import warn_once
from tinytorch._kernels import convolution as kernels
from tinytorch._kernels.memory_order import channels_last_like
from tinytorch._kernels.scalar_types import c_type_name, tensor_type_name

Ints = Sequence[int]
_GEOMETRY = "SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups"


def _kernel(input: np.ndarray, weight: np.ndarray, *rest: Any) -> np.ndarray:
    """The convolution; in channels_last memory if the input or the weight is."""
    out = kernels.convolution(input, weight, *rest)
    for array in (input, weight):
        out = channels_last_like(out, array)
    return out


def _runs_slowly(
    input: Any,
    weight: Any,
    bias: Any,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    transposed: bool,
    *rest: Any,
) -> bool:
    """Whether torch has no fast kernel for such a convolution, whatever the element type."""
    return transposed or any(step != 1 for step in dilation)


def _slow_kernel(
    input: Any,
    weight: Any,
    bias: Any,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    transposed: bool,
    *rest: Any,
) -> str:
    return (
        f"slow_conv_transpose{3 if input.dim() == 5 else 2}d_out_cpu" if transposed else "slow_conv_dilated<>"
    )


convolution = op(
    f"convolution(Tensor input, Tensor weight, Tensor? bias, {_GEOMETRY}) -> Tensor",
    _kernel,
    element_types=instances(_slow_kernel, "int64 reduced float complex", when=_runs_slowly),
    out=False,
)
convolution_backward = op(
    f"convolution_backward(Tensor grad_output, Tensor input, Tensor weight, SymInt[]? bias_sizes, {_GEOMETRY}, "
    "bool[3] output_mask) -> (Tensor, Tensor, Tensor)",
    kernels.convolution_backward,
    node="ConvolutionBackwardBackward0",
    undefined_grads=True,
    method=False,
    function=False,
    out=False,
)


def _gradients(
    grad: Any,
    input: Any,
    weight: Any,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    transposed: bool,
    output_padding: Ints,
    groups: int,
    needs: frozenset[str],
) -> dict[str, Any]:
    mask = [name in needs for name in ("input", "weight", "bias")]
    geometry = (stride, padding, dilation, transposed, output_padding, groups)
    results = convolution_backward(grad, input, weight, None, *geometry, mask)
    return {n: r if m else None for n, r, m in zip(("input", "weight", "bias"), results, mask, strict=True)}


convolution.vjp_all(
    lambda grad, input, weight, stride, padding, dilation, transposed, output_padding, groups, needs: (
        _gradients(grad, input, weight, stride, padding, dilation, transposed, output_padding, groups, needs)
    )
)


def _second_gradients(
    toward_input: Any,
    toward_weight: Any,
    toward_bias: Any,
    grad_output: Any,
    input: Any,
    weight: Any,
    geometry: tuple[Any, ...],
    output_mask: Sequence[bool],
    needs: frozenset[str],
) -> dict[str, Any]:
    """The trilinear form again: each cotangent takes the place of what it is a direction of; None says that nothing came that way."""
    results: dict[str, Any] = {}
    if "grad_output" in needs:
        terms = []
        if toward_input is not None:
            terms.append(convolution(toward_input, weight, None, *geometry))
        if toward_weight is not None:
            terms.append(convolution(input, toward_weight, None, *geometry))
        if toward_bias is not None:
            terms.append(toward_bias.view([-1, *[1] * (grad_output.dim() - 2)]).expand(grad_output.shape))
        total = terms[0] if terms else None
        for term in terms[1:]:
            total = total + term
        results["grad_output"] = total
    if "input" in needs and toward_weight is not None:
        mask = [True, False, False]
        results["input"] = convolution_backward(grad_output, input, toward_weight, None, *geometry, mask)[0]
    if "weight" in needs and toward_input is not None:
        mask = [False, True, False]
        results["weight"] = convolution_backward(grad_output, toward_input, weight, None, *geometry, mask)[1]
    return {name: results.get(name) for name in ("grad_output", "input", "weight")}


convolution_backward.vjp_all(
    lambda grad_result0, grad_result1, grad_result2, grad_output, input, weight, stride, padding, dilation, transposed, output_padding, groups, output_mask, needs: (
        _second_gradients(
            grad_result0,
            grad_result1,
            grad_result2,
            grad_output,
            input,
            weight,
            (stride, padding, dilation, transposed, output_padding, groups),
            output_mask,
            needs,
        )
    )
)


# torch's named forms -------------------------------------------------------------------------------------------------


def _expand(values: Any, rank: int) -> list[int]:
    """One number, or a list with one, for every dimension."""
    if isinstance(values, int):
        return [values] * rank
    return list(values) * rank if len(values) == 1 and rank > 1 else list(values)


def _check_bias(input: Any, bias: Any) -> None:
    if bias is not None and bias.dtype is not input.dtype:
        kinds = [c_type_name(tensor.dtype._numpy) for tensor in (input, bias)]
        raise RuntimeError(f"Input type ({kinds[0]}) and bias type ({kinds[1]}) should be the same")


def _check_complex(input: Any, weight: Any, bias: Any) -> None:
    """A complex input wants parameters of its own type, one of bfloat16 as well."""
    if input.dtype is bfloat16 and weight.dtype is not bfloat16:
        names = [tensor_type_name(tensor.dtype._numpy) for tensor in (input, weight)]
        raise RuntimeError(
            f"Input type ({names[0]}) and weight type ({names[1]}) should be the same or input should be a MKLDNN tensor and weight is a "
            "dense tensor"
        )
    if input.dtype.is_complex:
        for kind, parameter in (("weight", weight), ("bias", bias)):
            if parameter is not None and parameter.dtype is not input.dtype:
                names = [tensor_type_name(tensor.dtype._numpy) for tensor in (input, parameter)]
                raise RuntimeError(f"Input type ({names[0]}) and {kind} type ({names[1]}) should be the same")


def _batched(name: str, input: Any, rank: int) -> tuple[Any, bool]:
    """The input with a batch dimension, and whether it had one."""
    if input.dim() not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {name}, but got input of size: "
            f"{list(input.shape)}"
        )
    return (input, True) if input.dim() == rank + 2 else (input.unsqueeze(0), False)


def _check_weight(name: str, input: Any, weight: Any, values: Any, given: str) -> None:
    rank = weight.dim() - 2
    if weight.dim() < 3:
        raise RuntimeError("weight should have at least three dimensions")
    if len(values) != rank:
        raise RuntimeError(
            f"expected {given} to be a single integer value or a list of {rank} values to match the convolution "
            f"dimensions, but got {given}={list(values)}"
        )


def _parts(tensor: Any) -> tuple[Any, Any]:
    """The real and the imaginary part, of one view of both."""
    pairs = find("view_as_real").call(tensor)
    return pairs.select(-1, 0), pairs.select(-1, 1)


def _convolve(input: Any, weight: Any, bias: Any, geometry: tuple[Any, ...]) -> Any:
    """The convolution; of complex tensors by three real ones, as torch composes it."""
    return _of_parts(lambda *operands: convolution(*operands, *geometry), input, weight, bias)


def _of_parts(real_form: Callable[[Any, Any, Any], Any], input: Any, weight: Any, bias: Any) -> Any:
    """`real_form(input, weight, bias)`; where all are complex, of their real parts, their imaginary parts and the sums of both."""
    if not (
        input.dtype.is_complex and weight.dtype is input.dtype and (bias is None or bias.dtype is input.dtype)
    ):
        return real_form(input, weight, bias)
    real, imaginary = _parts(input)
    weight_real, weight_imaginary = _parts(weight)
    bias_real = bias_sum = None
    if bias is not None:
        bias_real, bias_imaginary = _parts(bias)
        bias_sum = bias_real + bias_imaginary
    first = real_form(real, weight_real, bias_real)
    second = real_form(imaginary, weight_imaginary, None)
    third = real_form(real + imaginary, weight_real + weight_imaginary, bias_sum)
    return first - second + find("mul", "Scalar").call(third - first - second, 1j)


def _check_rank(x: Any, weight: Any) -> None:
    if weight.dim() > x.dim():
        raise RuntimeError(
            f"Expected {weight.dim()}-dimensional input for {weight.dim()}-dimensional weight {list(weight.shape)}, but got "
            f"{x.dim()}-dimensional input of size {list(x.shape)} instead"
        )


def _plain(
    name: str,
    rank: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Any:
    _check_bias(input, bias)
    x, batched = _batched(name, input, rank)
    _check_complex(input, weight, bias)
    _check_rank(x, weight)
    stride, padding, dilation = _expand(stride, rank), _expand(padding, rank), _expand(dilation, rank)
    _check_weight(name, x, weight, stride, "stride")
    result = _convolve(x, weight, bias, (stride, padding, dilation, False, [0] * rank, groups))
    return result if batched else result.squeeze(0)


def _padded(
    name: str,
    rank: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: str,
    dilation: Any,
    groups: int,
) -> Any:
    """padding="same" or "valid"."""
    if rank < 3:
        _check_bias(input, bias)
    elif bias is not None and bias.dtype is not input.dtype:
        bias = bias.to(input.dtype)
    x, batched = _batched(name, input, rank)
    _check_complex(input, weight, bias)
    stride, dilation = _expand(stride, rank), _expand(dilation, rank)
    if weight.dim() != x.dim():
        raise RuntimeError(
            f"Expected {weight.dim()}-dimensional input for {weight.dim()}-dimensional weight{list(weight.shape)}, but got "
            f"{x.dim()}-dimensional input of size {list(x.shape)} instead"
        )
    if padding == "valid":
        result = _convolve(x, weight, bias, (stride, [0] * rank, dilation, False, [0] * rank, groups))
    elif padding == "same":
        if any(s != 1 for s in stride):
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        totals = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        before = [total // 2 for total in totals]
        extra = [total - 2 * b for total, b in zip(totals, before, strict=True)]

        def padded(x: Any, weight: Any, bias: Any) -> Any:
            if any(extra):
                warn_once(
                    "Using padding='same' with even kernel lengths and odd dilation may require a zero-padded copy of the input be created"
                )
                x = find("constant_pad_nd").call(x, [n for e in reversed(extra) for n in (0, e)], 0)
            return convolution(x, weight, bias, stride, before, dilation, False, [0] * rank, groups)

        result = _of_parts(padded, x, weight, bias)
    else:
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    return result if batched else result.squeeze(0)


def _named(rank: int) -> None:
    """conv{rank}d in its two overloads and conv_transpose{rank}d."""
    one, zero = (", ".join([digit] * rank) for digit in "10")
    name, transposed_name = f"conv{rank}d", f"conv_transpose{rank}d"

    def conv(
        input: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        return _plain(name, rank, input, weight, bias, stride, padding, dilation, groups)

    def conv_padded(
        input: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: str = "valid",
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        return _padded(name, rank, input, weight, bias, stride, padding, dilation, groups)

    def conv_transpose(
        input: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Any:
        x, batched = _batched(transposed_name, input, rank)
        _check_complex(input, weight, bias)
        if weight.dim() < 3:
            raise RuntimeError("weight should have at least three dimensions")
        _check_rank(x, weight)
        if bias is not None and bias.dtype is not input.dtype and weight.dtype is input.dtype:
            if rank == 3:
                raise RuntimeError(
                    f"expected scalar type {legacy_name(input.dtype)} but found {legacy_name(bias.dtype)}"
                )
            check_result_cast(bias.dtype, input.dtype)
            bias = bias.to(input.dtype)
        lists = [_expand(values, rank) for values in (stride, padding, dilation, output_padding)]
        result = _convolve(x, weight, bias, (lists[0], lists[1], lists[2], True, lists[3], groups))
        return result if batched else result.squeeze(0)

    conv.__doc__ = f"Cross-correlation over {rank} spatial dimension(s), bias and groups as torch has them."
    conv_padded.__doc__ = 'The same with padding="same" or "valid".'
    conv_transpose.__doc__ = f"The gradient of {name} with respect to its input, as a layer."
    head = "Tensor input, Tensor weight, Tensor? bias=None"
    composite(
        f"{name}({head}, SymInt[{rank}] stride=[{one}], SymInt[{rank}] padding=[{zero}], "
        f"SymInt[{rank}] dilation=[{one}], SymInt groups=1) -> Tensor",
        conv,
        out=False,
    )
    composite(
        f'{name}.padding({head}, SymInt[{rank}] stride=[{one}], str padding="valid", '
        f"SymInt[{rank}] dilation=[{one}], SymInt groups=1) -> Tensor",
        conv_padded,
        out=False,
    )
    overload = "" if rank == 1 else ".input"
    composite(
        f"{transposed_name}{overload}({head}, SymInt[{rank}] stride=[{one}], SymInt[{rank}] padding=[{zero}], "
        f"SymInt[{rank}] output_padding=[{zero}], SymInt groups=1, SymInt[{rank}] dilation=[{one}]) -> Tensor",
        conv_transpose,
        out=False,
    )


for _rank in (1, 2, 3):
    _named(_rank)
