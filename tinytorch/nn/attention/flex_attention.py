"""Attention with a program of one's own: masks as functions. The attention itself is not there, and says so."""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

import tinytorch as torch

__all__ = [
    "AuxOutput",
    "AuxRequest",
    "BlockMask",
    "and_masks",
    "create_block_mask",
    "create_mask",
    "flex_attention",
    "noop_mask",
    "or_masks",
]


_DEFAULT_SPARSE_BLOCK_SIZE = 128


class AuxRequest(NamedTuple):
    """What `flex_attention` is to return besides its result."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What was asked for with `AuxRequest`; None for the rest."""

    lse: Any = None
    max_scores: Any = None


class BlockMask:
    """A mask by blocks. Making one raises NotImplementedError."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        raise NotImplementedError("torch.nn.attention.flex_attention.BlockMask is not implemented")


def noop_mask(batch: Any, head: Any, token_q: Any, token_kv: Any) -> Any:
    """The mask that hides nothing."""
    return batch.new_ones(size=(), dtype=torch.bool, device=batch.device)


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


def flex_attention(*args: Any, **kwargs: Any) -> NoReturn:
    """Raises NotImplementedError."""
    raise NotImplementedError(
        "torch.nn.attention.flex_attention.flex_attention is not implemented by tinytorch; "
        "scaled_dot_product_attention takes the mask that create_mask makes"
    )


def create_block_mask(*args: Any, **kwargs: Any) -> NoReturn:
    """Raises NotImplementedError."""
    raise NotImplementedError(
        "torch.nn.attention.flex_attention.create_block_mask is not implemented by tinytorch"
    )


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f"module 'torch.nn.attention.flex_attention' has no attribute '{name}' (tinytorch lacks it)"
    )
