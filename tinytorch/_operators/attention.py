"""Scaled dot product attention: fused for batched heads without dropout, composed otherwise, as torch chooses on the CPU."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinytorch._core import dtypes
from tinytorch._core.declare import composite, find, op
from tinytorch._core.element_types import Named
from tinytorch._kernels.choosing import LANES
from tinytorch._kernels.dtype_names import widen
from tinytorch._kernels.reducing import row_sums
from tinytorch._kernels.scalar_types import c_type_name
from tinytorch._kernels.softmax import greatest, total_of
from tinytorch._operators.matrix_composites import matmul
from tinytorch._operators.softmax import safe_softmax


def _scores(
    query: np.ndarray, key: np.ndarray, mask: np.ndarray | None, causal: bool, factor: float
) -> np.ndarray:
    """Masked, scaled products (B, H, L, S)."""
    scores = np.matmul(query * query.dtype.type(factor), key.swapaxes(-2, -1))
    if causal:
        for row in range(min(scores.shape[-2:])):
            scores[..., row, row + 1 :] = -np.inf
    if mask is not None:
        if mask.dtype.kind == "b":
            kind = scores.dtype.type
            np.add(scores, np.where(mask, kind(0), kind(-np.inf)), out=scores)
        else:
            np.add(scores, widen(mask), out=scores)
    return scores


def _greatest_of_row(rows: np.ndarray) -> np.ndarray:
    """(R, S) to (R, 1). What is left over behind the last whole vector torch compares one by one, and passes over what is nan."""
    top = greatest(rows)
    if not np.isnan(top).any():
        return top
    whole = rows.shape[-1] // LANES[rows.itemsize] * LANES[rows.itemsize]
    last = np.fmax.reduce(rows[:, whole:], axis=-1, keepdims=True, initial=-np.inf)
    if not whole:
        return last
    first = greatest(rows[:, :whole])
    return np.where(np.isnan(first), first, np.fmax(first, last))


def _flash(
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    dropout_p: float,
    is_causal: bool,
    attn_mask: np.ndarray | None,
    scale: float | None,
) -> tuple[np.ndarray, np.ndarray]:
    """(B, H, L, E), (B, H, S, E), (B, H, S, E): the output and the logarithm of each row's normaliser (B, H, L)."""
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    q, k, v = widen(query), widen(key), widen(value)
    scores = _scores(q, k, attn_mask, is_causal, factor)
    rows = scores.reshape(math.prod(scores.shape[:-1]), scores.shape[-1])
    top = greatest(rows) if attn_mask is not None else _greatest_of_row(rows)
    bare = np.isneginf(top)  # rows without anything to attend to
    if bare.any():
        np.copyto(rows, -np.inf, where=bare)
        np.copyto(top, 0, where=bare)
    np.subtract(rows, top, out=rows)
    np.exp(rows, out=rows)
    total = total_of(rows).reshape(*scores.shape[:-1], 1)
    top = top.reshape(total.shape)
    output = np.matmul(scores, v)
    # the result lies in memory as the queries do, so that heads that were split from rows join again without a copy
    kept = output if 0 in query.strides else np.empty_like(query, dtype=output.dtype, shape=output.shape)
    np.divide(output, np.where(total == 0, 1, total), out=kept)
    return kept.astype(query.dtype, copy=False), (np.log(total) + top)[..., 0]


def _flash_backward(
    grad_out: np.ndarray,
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    out: np.ndarray,
    logsumexp: np.ndarray,
    dropout_p: float,
    is_causal: bool,
    attn_mask: np.ndarray | None,
    scale: float | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of query, key and value."""
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    q, k, v, grad = widen(query), widen(key), widen(value), widen(grad_out)
    weights = _scores(q, k, attn_mask, is_causal, factor)
    np.subtract(weights, np.where(np.isneginf(logsumexp), 0, logsumexp)[..., None], out=weights)
    np.exp(weights, out=weights)
    grad_value = np.matmul(weights.swapaxes(-2, -1), grad)
    inner = np.matmul(grad, v.swapaxes(-2, -1))
    np.subtract(inner, row_sums(grad * widen(out))[..., None], out=inner)
    np.multiply(inner, weights, out=inner)
    np.multiply(inner, inner.dtype.type(factor), out=inner)
    results = np.matmul(inner, k), np.matmul(inner.swapaxes(-2, -1), q), grad_value
    first, second, third = (array.astype(query.dtype, copy=False) for array in results)
    return first, second, third


flash_backward = op(
    "_scaled_dot_product_flash_attention_for_cpu_backward(Tensor grad_out, Tensor query, Tensor key, Tensor value, "
    "Tensor out, Tensor logsumexp, float dropout_p, bool is_causal, *, Tensor? attn_mask=None, float? scale=None) -> "
    "(Tensor grad_query, Tensor grad_key, Tensor grad_value)",
    _flash_backward,
    method=False,
    function=False,
    out=False,
    underivable=True,
)
flash = op(
    "_scaled_dot_product_flash_attention_for_cpu(Tensor query, Tensor key, Tensor value, float dropout_p=0., "
    "bool is_causal=False, *, Tensor? attn_mask=None, float? scale=None) -> (Tensor output, Tensor logsumexp)",
    _flash,
    node="ScaledDotProductFlashAttentionForCpuBackward0",
    method=False,
    function=False,
    out=False,
    forward=False,
)


def _flash_vjp(
    grad: Any,
    query: Any,
    key: Any,
    value: Any,
    output: Any,
    logsumexp: Any,
    dropout_p: float,
    is_causal: bool,
    attn_mask: Any,
    scale: float | None,
) -> dict[str, Any]:
    results = flash_backward(
        grad, query, key, value, output, logsumexp, dropout_p, is_causal, attn_mask, scale
    )
    return dict(zip(("query", "key", "value"), results, strict=True))


flash.vjp_all(
    lambda grad_output, query, key, value, output, logsumexp, dropout_p, is_causal, attn_mask, scale, needs: (
        _flash_vjp(grad_output, query, key, value, output, logsumexp, dropout_p, is_causal, attn_mask, scale)
    ),
    "query",
    "key",
    "value",
)


#: Which implementations may be picked; `torch.backends.cuda` and `torch.nn.attention` turn them on and off.
switches = {
    "flash": True,
    "math": True,
    "mem_efficient": True,
    "cudnn": True,
    "overrideable": True,
    "reduced": False,
}


def _check(query: Any, key: Any, value: Any, attn_mask: Any, is_causal: bool) -> None:
    def name(tensor: Any) -> str:
        return c_type_name(tensor.dtype._numpy)

    if not query.dtype is key.dtype is value.dtype:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{name(query)} key.dtype: {name(key)} and value.dtype: {name(value)} instead."
        )
    if min(query.dim(), key.dim(), value.dim()) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{query.dim()} key.dim: {key.dim()} and value.dim: {value.dim()} instead."
        )
    if attn_mask is not None:
        if (
            attn_mask.dtype._category != "bool"
            and attn_mask.dtype is not query.dtype
            and attn_mask.dtype._name != "float32"
        ):
            raise RuntimeError(
                "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
                f"{name(attn_mask).replace('long', 'long int')} and  query.dtype: {name(query)} instead."
            )
        if is_causal:
            raise RuntimeError(
                "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True"
            )


def _repeated_heads(query: Any, key: Any, value: Any) -> tuple[Any, Any]:
    """Keys and values repeated until every query head has its own."""
    heads, of_key, of_value = query.shape[-3], key.shape[-3], value.shape[-3]
    if heads % of_key or heads % of_value:
        raise RuntimeError("Number of heads in key and value must divide the number of heads in ")
    return key.repeat_interleave(heads // of_key, -3), value.repeat_interleave(heads // of_value, -3)


@composite(
    "scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., "
    "bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor",
    module="nn",
    out=False,
)
def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """softmax(query key^T / sqrt(E) + mask) value."""
    _check(query, key, value, attn_mask, is_causal)
    shape = (*query.shape[:-1], value.shape[-1])
    if 0 in shape or not key.shape[-2]:  # nothing to compute, but a history
        total = query.sum() + key.sum() + value.sum()
        return query.new_zeros(shape) + find("mul", "Scalar").call(total, 0)
    if switches["flash"] and _fusible(query, key, value, attn_mask, dropout_p, enable_gqa):
        if enable_gqa:
            key, value = _repeated_heads(query, key, value)
        return flash(query, key, value, dropout_p, is_causal, attn_mask, scale)[0]
    if not switches["math"]:
        if switches["flash"]:
            raise RuntimeError("No available kernel.  Aborting execution.")
        raise RuntimeError(
            "No viable backend for scaled_dot_product_attention was found. This is likely due to turning off both the math kernel and the "
            "fused kernels."
        )
    return _math(query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa)


def _fusible(query: Any, key: Any, value: Any, attn_mask: Any, dropout_p: float, enable_gqa: bool) -> bool:
    """Whether torch takes its fused kernel."""
    if dropout_p > 0 or not query.dtype.is_floating_point:
        return False
    if not query.dim() == key.dim() == value.dim() == 4:
        return False
    if not enable_gqa and not (query.shape[1] == key.shape[1] == value.shape[1]):
        return False
    if query.shape[0] != key.shape[0] or query.shape[0] != value.shape[0]:
        return False
    if query.shape[-1] != key.shape[-1] or query.shape[-1] != value.shape[-1]:
        return False
    if 0 in query.shape or 0 in key.shape or 0 in value.shape:
        return False
    if any(tensor.stride(-1) != 1 for tensor in (query, key, value)):
        return False
    if attn_mask is not None and attn_mask.stride(-1) != 1:
        return False
    if attn_mask is not None:
        if attn_mask.requires_grad or attn_mask.dim() not in (2, 4):
            return False
        if attn_mask.shape[-2] not in (1, query.shape[2]) or attn_mask.shape[-1] not in (1, key.shape[2]):
            return False
        if attn_mask.dim() == 4 and (
            attn_mask.shape[0] not in (1, query.shape[0]) or attn_mask.shape[1] not in (1, query.shape[1])
        ):
            return False
    return True


def _math(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any,
    dropout_p: float,
    is_causal: bool,
    scale: float | None,
    enable_gqa: bool,
) -> Any:
    """The composed form: the scale's root on both factors keeps the products small; 16-bit types are computed in float32."""
    given = query.dtype
    if given._category in ("bool", "int"):  # the query is scaled, and a fraction from there on
        raise RuntimeError(f"expected scalar type {Named(dtypes.defaults.dtype)} but found {Named(given)}")
    if given._reduced:
        query, key, value = query.float(), key.float(), value.float()
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1]) if query.shape[-1] else math.inf
    factor = math.sqrt(abs(scale))
    times = find("mul", "Scalar").call
    query = times(query, -factor if scale < 0 else factor)
    mask = attn_mask
    if is_causal:
        shape = [query.shape[-2], key.shape[-2]]
        mask = query.new_ones(shape).bool().tril()
    if mask is not None and mask.dtype._category == "bool":
        mask = mask.new_zeros(mask.shape).to(given).masked_fill(mask.logical_not(), -math.inf)
    if enable_gqa:
        key, value = _repeated_heads(query, key, value)
    scores = matmul.kernel(query, times(key.transpose(-2, -1), factor))
    if mask is not None:
        scores = scores + mask if mask.dim() > scores.dim() else scores.add_(mask)
    weights = safe_softmax(scores, -1, None)
    if dropout_p > 0:
        weights = find("dropout").kernel(weights, dropout_p, True)
    result = matmul.kernel(weights, value)
    return result.to(given) if given._reduced else result
