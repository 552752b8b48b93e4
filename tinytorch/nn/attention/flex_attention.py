"""Attention with programs of one's own for scores and masks."""

from __future__ import annotations

import inspect
import warnings
from typing import Any, NamedTuple, TypedDict

import tinytorch as torch

from ..._core.warning import warn_once
from ._block_mask import BlockMask, _ordered, blocks_of, noop_mask

__all__ = [
    "AuxOutput",
    "AuxRequest",
    "BlockMask",
    "FlexKernelOptions",
    "and_masks",
    "create_block_mask",
    "create_mask",
    "flex_attention",
    "noop_mask",
    "or_masks",
]

_DEFAULT_SPARSE_BLOCK_SIZE = 128
_FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = False
_UNFUSED = (
    "flex_attention called without torch.compile() - this will use an unfused implementation that materializes the full scores matrix instead "
    "of generating a fused kernel.\n\nSOLUTION: Use torch.compile(flex_attention)(...)\n\nIf you want to debug your score_mod/mask_mod, you "
    "can set:\ntorch.nn.attention.flex_attention._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = True\n\nThis will allow you to use print statements "
    "or breakpoints. Note: This doesn't work with the backwards pass and may produce incorrect results."
)
noop_mask.__module__ = __name__


def _joined(functions: tuple[Any, ...], start: bool, join: Any, name: str) -> Any:
    if not all(callable(function) for function in functions):
        raise RuntimeError(f"All inputs should be callable mask_mods: {functions}")

    def mask(b: Any, h: Any, q_idx: Any, kv_idx: Any) -> Any:
        result = b.new_full((), start, dtype=torch.bool)
        for function in functions:
            result = join(result, function(b, h, q_idx, kv_idx))
        return result

    mask.__name__ = name
    return mask


def or_masks(*mask_mods: Any) -> Any:
    """A mask that shows what any of the masks shows."""
    return _joined(mask_mods, False, lambda one, other: one | other, "or_mask")


def and_masks(*mask_mods: Any) -> Any:
    """A mask that shows what all of the masks show."""
    return _joined(mask_mods, True, lambda one, other: one & other, "and_mask")


def create_mask(
    mod_fn: Any, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = None
) -> Any:
    """The mask function's values (B, H, Q_LEN, KV_LEN) for all places. Source: torch's documentation, create_mask."""
    sizes = [1 if B is None else B, 1 if H is None else H, Q_LEN, KV_LEN]
    places = [torch.arange(size, device=device) for size in sizes]
    call = mod_fn
    for which in (3, 2, 1, 0):  # the last dimension innermost
        call = torch.vmap(call, in_dims=tuple(0 if place == which else None for place in range(4)))
    return call(*places)


def create_block_mask(
    mask_mod: Any,
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device: Any = None,
    BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE,
    _compile: bool = False,
    separate_full_blocks: bool = True,
) -> BlockMask:
    """The blocks of a mask function, for `flex_attention`. B, H: None where the mask is the same for all batches or heads."""
    size = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else tuple(BLOCK_SIZE)
    if len(inspect.signature(mask_mod).parameters) != 4:
        raise AssertionError(f"create-block_mask requires a mask_mod function! Got {mask_mod}")
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device)
    blocks = [
        _ordered(part) if part is not None else (None, None)
        for part in blocks_of(mask, size, separate_full_blocks)
    ]
    return BlockMask.from_kv_blocks(
        *blocks[0], *blocks[1], BLOCK_SIZE=size, mask_mod=mask_mod, seq_lengths=(Q_LEN, KV_LEN)
    )


class AuxRequest(NamedTuple):
    """What `flex_attention` is to return besides: the logarithms of the sums, the largest scores."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What `flex_attention` returned besides, None where it was not asked for."""

    lse: Any = None
    max_scores: Any = None


class FlexKernelOptions(TypedDict, total=False):
    """Options of compiled kernels, which mean nothing here."""


def _check(query: Any, key: Any, value: Any, enable_gqa: bool, block_mask: Any) -> None:
    if query.dim() != 4 or key.dim() != 4 or value.dim() != 4:
        raise NotImplementedError("NYI: query, key, and value must be 4D tensors")
    if any(tensor.requires_grad for tensor in (query, key, value)):
        raise NotImplementedError(
            "FlexAttention does not support backward on CPU. Please set the input requires_grad to False or use another device."
        )
    if query.size(0) != key.size(0) and block_mask is None:
        raise ValueError(
            "Expect query and key/value to have the same batch size, or non-none block_mask, but got "
            f"block_mask=None, Bq={query.size(0)}, and Bkv={key.size(0)}."
        )
    heads, shared = query.size(1), key.size(1)
    if not enable_gqa and heads != shared:
        raise ValueError(
            f"Expect query and key/value to have the same number of heads but got Hq={heads} and Hkv={shared}. "
            "Try setting enable_gqa=True for GQA."
        )
    if heads % shared:
        raise ValueError(
            f"Expect number of query heads to be a multiple of kv heads for GQA but got Hq={heads} and Hkv={shared}."
        )
    if query.size(-1) != key.size(-1):
        raise ValueError(
            "Expect query and key/value to have the same embedding dimension but got "
            f"E={query.size(-1)} and E={key.size(-1)}."
        )


def _check_mask(block_mask: Any, rows: int, columns: int) -> None:
    made = block_mask.seq_lengths
    text = f"block_mask was created for block_mask.shape={block_mask.shape} but got q_len={rows} and kv_len={columns}. "
    if rows > made[0] or columns > made[1]:
        raise ValueError(
            text
            + "As the block mask was created for a smaller length than you're using it for, you likely need to create a new block mask."
        )
    if rows < made[0] or columns < made[1]:
        raise ValueError(
            text
            + "As the block mask was created for a larger length than you're using it for, you can either 1. create a new block mask "
            "with the correct length, or 2. 'adjust' the existing block mask to the correct length by calling "
            "block_mask._adjust(q_len, kv_len). This essentially 'crops' the block mask to the upper left corner, which does not work for "
            "all mask_mods!"
        )


def flex_attention(
    query: Any,
    key: Any,
    value: Any,
    score_mod: Any = None,
    block_mask: Any = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: Any = None,
    *,
    return_aux: Any = None,
) -> Any:
    """softmax(score_mod(query key^T scale)) value, where block_mask's function allows. query (B, Hq, L, E), key (B, H, S, E), value (B, H, S, V).

    score_mod gets a score, batch, head, row and column, and gives another score. Rows of which everything is hidden are zero. As torch on
    the CPU it has no gradients: raises NotImplementedError where one is wanted. Source: torch's documentation, flex_attention.
    """
    if return_lse and return_aux is not None:
        raise ValueError(
            "Cannot specify both return_lse and return_aux. return_lse is deprecated, please use return_aux=AuxRequest(lse=True) instead."
        )
    _check(query, key, value, enable_gqa, block_mask)
    if return_lse:
        warnings.warn(
            "return_lse is deprecated and will be removed in v2.10. Please use return_aux=AuxRequest(lse=True) instead.",
            FutureWarning,
            stacklevel=2,
        )
    if return_aux is not None and return_aux.max_scores:
        raise NotImplementedError("Returning max scores is not supported on CPU/MPS.")
    if block_mask is not None and block_mask.BLOCK_SIZE:
        _check_mask(block_mask, query.size(-2), key.size(-2))
    warn_once(_UNFUSED)
    kind = query.dtype
    work = torch.float64 if kind is torch.float64 else torch.float32
    groups = query.size(1) // key.size(1)
    batch = max(query.size(0), key.size(0))
    key, value = (
        tensor.to(work).expand(batch, *tensor.shape[1:]).repeat_interleave(groups, 1)
        for tensor in (key, value)
    )
    order = sorted(
        range(4), key=lambda dim: -query.stride(dim)
    )  # the result lies in memory as the query does
    query = query.to(work).expand(batch, *query.shape[1:])
    scores = (query @ key.transpose(-2, -1)) * (
        query.size(-1) ** -0.5 if scale is None else scale
    )  # (B, H, L, S)
    places = [torch.arange(size) for size in scores.shape]
    if score_mod is not None:
        call = score_mod
        for which in (3, 2, 1, 0):  # the last dimension innermost
            call = torch.vmap(call, in_dims=(0, *(0 if place == which else None for place in range(4))))
        scores = call(scores, *places).to(work)
    if block_mask is not None:
        sizes = [scores.shape[0], scores.shape[1], *scores.shape[2:]]
        visible = create_mask(block_mask.mask_mod, *sizes)
        scores = scores.masked_fill(~visible, -float("inf"))
    sums = scores.logsumexp(-1)  # (B, H, L)
    weights = (scores - sums.unsqueeze(-1)).exp()
    weights = weights.masked_fill((sums == -float("inf")).unsqueeze(-1), 0.0)
    output = (
        (weights @ value).to(kind).permute(order).contiguous().permute([order.index(dim) for dim in range(4)])
    )
    sums = sums.float() if kind is not torch.float64 else sums
    if return_lse:
        return output, sums
    if return_aux is not None:
        return output, AuxOutput(sums if return_aux.lse else None)
    return output


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f"module 'torch.nn.attention.flex_attention' has no attribute '{name}' (tinytorch lacks it)"
    )
