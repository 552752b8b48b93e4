"""Attention as torch infers it: in evaluation, without gradients, by fused code that treats masks in its own way.

There a mask says only which places are left out: whatever is not zero. A query that may look at nothing gives nan. An encoder with
padding runs on sequences of different lengths, so that zeros stand where the padding was.
"""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from ..._core.warning import warn_once
from .. import functional as F


def _recorded(tensors: Any) -> bool:
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)


def _possible(module: Any) -> bool:
    return bool(
        torch.backends.mha.get_fastpath_enabled() and not module.training and not torch.is_autocast_enabled()
    )


def _plain(attention: Any) -> bool:
    """Whether an attention has one projection for queries, keys and values, with a bias, and heads in pairs, batch first."""
    return bool(
        attention.batch_first
        and attention._qkv_same_embed_dim
        and attention.in_proj_bias is not None
        and attention.num_heads % 2 == 0
    )


def _attention_tensors(attention: Any) -> tuple[Any, ...]:
    projection = attention.out_proj
    return attention.in_proj_weight, attention.in_proj_bias, projection.weight, projection.bias


def attention_applies(attention: Any, query: Any, key: Any, value: Any, masks: tuple[Any, Any]) -> bool:
    """Whether torch would run `MultiheadAttention` by its fused code; masks: as they were given."""
    return bool(
        query is key
        and key is value
        and query.dim() == 3
        and _possible(attention)
        and _plain(attention)
        and query.dtype == attention.in_proj_weight.dtype
        and attention.bias_k is None
        and attention.bias_v is None
        and not attention.add_zero_attn
        and not any(mask is not None and mask.is_floating_point() for mask in masks)
        and not _recorded((query, *_attention_tensors(attention)))
    )


def layer_applies(layer: Any, src: Any) -> bool:
    """Whether torch would run `TransformerEncoderLayer` by its fused code."""
    return bool(
        src.dim() == 3
        and _possible(layer)
        and _plain(layer.self_attn)
        and layer.activation_relu_or_gelu
        and layer.norm1.eps == layer.norm2.eps
        and not any(module._forward_hooks or module._forward_pre_hooks for module in layer.modules())
        and not _recorded((src, *_layer_tensors(layer)))
    )


def _layer_tensors(layer: Any) -> tuple[Any, ...]:
    parts = (layer.norm1, layer.norm2, layer.linear1, layer.linear2)
    return (*_attention_tensors(layer.self_attn), *[tensor for part in parts for tensor in part.parameters()])


def packed(encoder: Any, src: Any, padding: Any, mask: Any) -> Any:
    """Where `TransformerEncoder` leaves out padding, (N, L) bool, if torch would run it on sequences of different lengths; else None."""
    if padding is None or mask is not None or not encoder.use_nested_tensor or src.dim() != 3:
        return None
    first = encoder.layers[0]
    if not _possible(first):
        return None
    recorded = _recorded((src, *_layer_tensors(first)))
    if (encoder.mask_check or not recorded) and padding.shape != src.shape[:2]:
        raise RuntimeError("Mask size should match input size")
    if recorded:
        return None
    left_out = padding.bool()
    lengths = left_out.logical_not().sum(1, keepdim=True)
    at_the_end = (
        torch.arange(left_out.size(1)) >= lengths
    )  # all that torch keeps is how long the sequences are
    if encoder.mask_check and not torch.equal(left_out, at_the_end):
        return None
    warn_once(
        "The PyTorch API of nested tensors is in prototype stage and will change in the near future. We recommend specifying "
        "layout=torch.jagged when constructing a nested tensor, as this layout receives active development, has better operator "
        "coverage, and works with torch.compile."
    )
    return at_the_end


def attend(
    attention: Any, x: Any, attn_mask: Any, key_padding_mask: Any, average: bool = True
) -> tuple[Any, Any]:
    """x (N, L, E): attention of x to itself (N, L, E), and its weights (N, L, L), or with heads, (N, H, L, L)."""
    batch, length, width = x.shape
    heads = attention.num_heads
    merged, kind = attention.merge_masks(attn_mask, key_padding_mask, x)
    if kind == 1 and tuple(merged.shape) != (batch, length):
        raise RuntimeError("For mask_type == 1 mask shape should be (B, L)")
    projected = F.linear(x, attention.in_proj_weight, attention.in_proj_bias)  # (N, L, 3 E)
    q, k, v = projected.view(batch, length, 3, heads, width // heads).permute(2, 0, 3, 1, 4).unbind(0)
    scores = (q * (width // heads) ** -0.5) @ k.transpose(-2, -1)  # (N, H, L, L)
    if merged is not None:
        left_out = merged.bool()
        scores = scores.masked_fill(
            left_out[:, None, None, :] if left_out.dim() == 2 else left_out, float("-inf")
        )
    weights = scores.softmax(-1)
    output = (weights @ v).transpose(1, 2).reshape(batch, length, width)
    output = F.linear(output, attention.out_proj.weight, attention.out_proj.bias)
    return output, weights.mean(1) if average else weights


def run_layer(layer: Any, x: Any, mask: Any, padding: Any) -> Any:
    """x (N, L, E) through an encoder layer."""

    def feed(value: Any) -> Any:
        return layer.linear2(layer.activation(layer.linear1(value)))

    if layer.norm_first:
        x = x + attend(layer.self_attn, layer.norm1(x), mask, padding)[0]
        return x + feed(layer.norm2(x))
    x = layer.norm1(x + attend(layer.self_attn, x, mask, padding)[0])
    return layer.norm2(x + feed(x))
