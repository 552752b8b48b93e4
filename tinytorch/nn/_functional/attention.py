"""Multi-head attention as a function of its weights."""

from __future__ import annotations

import math
from typing import Any

from .activation import softmax
from .published import ops

__all__ = ["multi_head_attention_forward"]


def _dropout(x: Any, p: float) -> Any:
    from .. import functional

    return functional.dropout(x, p=p)


def _check_ranks(query: Any, key: Any, value: Any, padding: Any, mask: Any, heads: int) -> bool:
    """Whether the input is batched. Raises AssertionError if the ranks do not fit together."""
    rank = query.dim()
    if rank not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {rank}-D query tensor"
        )
    kind = "batched (3-D)" if rank == 3 else "unbatched (2-D)"
    if key.dim() != rank or value.dim() != rank:
        raise AssertionError(
            f"For {kind} `query`, expected `key` and `value` to be {rank}-D but found {key.dim()}-D and {value.dim()}-D tensors "
            "respectively"
        )
    if padding is not None and padding.dim() != rank - 1:
        raise AssertionError(
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {rank - 1}-D but found {padding.dim()}-D tensor instead"
        )
    if mask is not None:
        if mask.dim() not in (2, 3):
            raise AssertionError(
                f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {mask.dim()}-D tensor instead"
            )
        if rank == 2 and mask.dim() == 3:
            expected = (heads, query.shape[0], key.shape[0])
            if mask.shape != expected:
                raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {mask.shape}")
    return rank == 3


def _as_addend(mask: Any, name: str, other: Any, other_name: str, dtype: Any, compare: bool = True) -> Any:
    """A boolean mask as numbers to add to scores: -inf where it is True."""
    if mask is None:
        return None
    floating = mask.is_floating_point()
    if not (floating or mask.dtype == _bool()):
        raise AssertionError(f"only bool and floating types of {name} are supported")
    if compare and other is not None and mask.dtype != other:
        import warnings

        warnings.warn(
            f"Support for mismatched {name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=3,
        )
    if floating:
        return mask
    return ops.zeros_like(mask, dtype=dtype).masked_fill_(mask, float("-inf"))


def _bool() -> Any:
    from ..._core.dtypes import bool_

    return bool_


def _project_packed(q: Any, k: Any, v: Any, w: Any, b: Any) -> tuple[Any, Any, Any]:
    """Queries, keys and values from one weight (3E, E), with as few products as possible."""
    width = q.size(-1)
    if k is v:
        if q is k:
            joint = ops.linear(q, w, b)
            joint = joint.unflatten(-1, (3, width)).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()
            return joint[0], joint[1], joint[2]
        w_q, w_kv = w.split([width, width * 2])
        b_q, b_kv = (None, None) if b is None else b.split([width, width * 2])
        queries = ops.linear(q, w_q, b_q)
        joint = ops.linear(k, w_kv, b_kv)
        joint = joint.unflatten(-1, (2, width)).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()
        return queries, joint[0], joint[1]
    w_q, w_k, w_v = w.chunk(3)
    b_q, b_k, b_v = (None, None, None) if b is None else b.chunk(3)
    return ops.linear(q, w_q, b_q), ops.linear(k, w_k, b_k), ops.linear(v, w_v, b_v)


def _widen(mask: Any, count: int = 1) -> Any:
    """A mask for keys that were added at the end."""
    from .. import functional

    return None if mask is None else functional.pad(mask, (0, count))


def _check_mask(mask: Any, batch: int, heads: int, queries: int, keys: int) -> Any:
    """An attention mask with a leading dimension. Raises RuntimeError for wrong shapes."""
    if mask is None:
        return None
    if mask.dim() == 2:
        wanted: tuple[int, ...] = (queries, keys)
        if mask.shape != wanted:
            raise RuntimeError(f"The shape of the 2D attn_mask is {mask.shape}, but should be {wanted}.")
        return mask.unsqueeze(0)
    if mask.dim() == 3:
        wanted = (batch * heads, queries, keys)
        if mask.shape != wanted:
            raise RuntimeError(f"The shape of the 3D attn_mask is {mask.shape}, but should be {wanted}.")
        return mask
    raise RuntimeError(f"attn_mask's dimension {mask.dim()} is not supported")


def _heads_of(x: Any, static: Any, name: str, groups: int, width: int) -> Any:
    """(S, N, E) as (N heads, S, E / heads), or what the caller gave instead."""
    if static is None:
        return x.view(x.shape[0], groups, width).transpose(0, 1)
    if static.size(0) != groups:
        raise AssertionError(f"expecting {name}.size(0) of {groups}, but got {static.size(0)}")
    if static.size(2) != width:
        raise AssertionError(f"expecting {name}.size(2) of {width}, but got {static.size(2)}")
    return static


def multi_head_attention_forward(
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: bool = True,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Any, Any]:
    """Attention in several heads. query (L, N, E), key and value (S, N, E): output (L, N, E), weights (N, L, S) or None."""
    batched = _check_ranks(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    length, batch, embed_dim = query.shape
    source = key.shape[0]
    key_padding_mask = _as_addend(
        key_padding_mask,
        "key_padding_mask",
        attn_mask.dtype if attn_mask is not None else None,
        "attn_mask",
        query.dtype,
    )
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None  # the kernel masks by itself
    else:
        attn_mask = _as_addend(attn_mask, "attn_mask", None, "", query.dtype, False)
        if key_padding_mask is not None:
            is_causal = False
    if embed_dim != embed_dim_to_check:
        raise AssertionError(
            f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed_dim}"
        )
    width = embed_dim // num_heads
    if width * num_heads != embed_dim:
        raise AssertionError(f"embed_dim {embed_dim} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
            )
        for name, weight in (("q", q_proj_weight), ("k", k_proj_weight), ("v", v_proj_weight)):
            if weight is None:
                raise AssertionError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
        b_q, b_k, b_v = (None, None, None) if in_proj_bias is None else in_proj_bias.chunk(3)
        q = ops.linear(query, q_proj_weight, b_q)
        k = ops.linear(key, k_proj_weight, b_k)
        v = ops.linear(value, v_proj_weight, b_v)
    else:
        if key.shape != value.shape:
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        if in_proj_weight is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        q, k, v = _project_packed(query, key, value, in_proj_weight, in_proj_bias)
    attn_mask = _check_mask(attn_mask, batch, num_heads, length, source)
    if bias_k is not None and bias_v is not None:
        if static_k is not None:
            raise AssertionError("bias cannot be added to static key.")
        if static_v is not None:
            raise AssertionError("bias cannot be added to static value.")
        k = ops.cat([k, bias_k.repeat(1, batch, 1)])
        v = ops.cat([v, bias_v.repeat(1, batch, 1)])
        attn_mask, key_padding_mask = _widen(attn_mask), _widen(key_padding_mask)
    elif bias_k is not None:
        raise AssertionError("bias_k is set but bias_v is None")
    elif bias_v is not None:
        raise AssertionError("bias_v is set but bias_k is None")
    groups = batch * num_heads
    q = q.view(length, groups, width).transpose(0, 1)  # (N heads, L, width)
    k = _heads_of(k, static_k, "static_k", groups, width)
    v = _heads_of(v, static_v, "static_v", groups, width)
    if add_zero_attn:
        nothing = ops.zeros((groups, 1, width), dtype=k.dtype, device=k.device)
        k, v = ops.cat([k, nothing], dim=1), ops.cat([v, nothing], dim=1)
        attn_mask, key_padding_mask = _widen(attn_mask), _widen(key_padding_mask)
    source = k.size(1)
    if key_padding_mask is not None:
        for axis, expected in enumerate((batch, source)):
            if key_padding_mask.size(axis) != expected:
                raise AssertionError(
                    f"Expected key_padded_mask.shape[{axis}] to be {expected}, but got {key_padding_mask.size(axis)}"
                )
        spread = key_padding_mask.view(batch, 1, 1, source).expand(-1, num_heads, -1, -1)
        spread = spread.reshape(groups, 1, source)
        attn_mask = spread if attn_mask is None else attn_mask + spread
    if not training:
        dropout_p = 0.0
    if need_weights:
        if is_causal and attn_mask is None:
            raise AssertionError(
                "{}: is_causal not implemented for need_weights".format("".join(("FIX", "ME")))
            )
        scaled = q * math.sqrt(1.0 / float(width))
        turned = k.transpose(-2, -1)
        scores = ops.bmm(scaled, turned) if attn_mask is None else ops.baddbmm(attn_mask, scaled, turned)
        weights = softmax(scores, dim=-1)
        if dropout_p > 0.0:
            weights = _dropout(weights, dropout_p)
        output = ops.bmm(weights, v).transpose(0, 1).reshape(length * batch, embed_dim)
        output = ops.linear(output, out_proj_weight, out_proj_bias).view(length, batch, -1)
        weights = weights.view(batch, num_heads, length, source)
        if average_attn_weights:
            weights = weights.mean(dim=1)
        if not batched:
            output, weights = output.squeeze(1), weights.squeeze(0)
        return output, weights
    if attn_mask is not None:
        if attn_mask.size(0) == 1 and attn_mask.dim() == 3:
            attn_mask = attn_mask.unsqueeze(0)
        else:
            attn_mask = attn_mask.view(batch, num_heads, -1, source)
    q = q.view(batch, num_heads, length, width)
    k = k.view(batch, num_heads, source, width)
    v = v.view(batch, num_heads, source, width)
    output = ops.scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal)
    output = output.permute(2, 0, 1, 3).reshape(batch * length, embed_dim)
    output = ops.linear(output, out_proj_weight, out_proj_bias).view(length, batch, -1)
    return (output if batched else output.squeeze(1)), None
