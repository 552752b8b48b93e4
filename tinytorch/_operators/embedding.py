"""Table look-ups: embedding, bags of embeddings, and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch._core.declare import composite, op, update
from tinytorch._core.promotion import promote_types
from tinytorch._kernels import embedding as kernels

embedding_dense_backward = op(
    "embedding_dense_backward(Tensor grad_output, Tensor indices, SymInt num_weights, SymInt padding_idx, "
    "bool scale_grad_by_freq) -> Tensor",
    kernels.embedding_dense_backward,
    method=False,
    function=False,
    out=False,
)


def _dense_second(grad: Any, indices: Any, padding_idx: int, scale_grad_by_freq: bool) -> Any:
    if scale_grad_by_freq:
        raise RuntimeError("double backward is not supported for sparse_grad=True or scale_grad_by_freq=True")
    result = grad.index_select(0, indices.reshape(-1)).view([*indices.shape, grad.shape[-1]])
    if padding_idx < 0:
        return result
    return result.masked_fill((indices == padding_idx).unsqueeze(-1), 0)


embedding_dense_backward.vjp(
    grad_output=lambda grad, indices, padding_idx, scale_grad_by_freq: _dense_second(
        grad, indices, padding_idx, scale_grad_by_freq
    )
)


def _sparse_rows(
    grad: Any, indices: Any, weight_shape: Any, padding_idx: int, scale_grad_by_freq: bool
) -> Any:
    """The gradient of a table as a sparse tensor: a row of `grad` (*, D) for each of `indices` (*), none for padding."""
    from tinytorch._operators._sparse_coo import make

    if scale_grad_by_freq:
        raise RuntimeError("embedding_backward: scale_grad_by_freq not supported with sparse gradients")
    places = indices.reshape(-1)
    rows = grad.reshape(-1, weight_shape[-1])
    if padding_idx >= 0:
        kept = places != padding_idx
        places, rows = places[kept], rows[kept]
    return make(places.long().unsqueeze(0), rows, weight_shape)


embedding = op(
    "embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) "
    "-> Tensor",
    kernels.embedding,
    out=False,
)


def _embedding_vjp(
    grad: Any, indices: Any, weight_shape: Any, padding_idx: int, scale_grad_by_freq: bool, sparse: bool
) -> Any:
    if sparse:
        return _sparse_rows(grad, indices, weight_shape, padding_idx, scale_grad_by_freq)
    return embedding_dense_backward(grad, indices, weight_shape[0], padding_idx, scale_grad_by_freq)


embedding.vjp(
    weight=lambda grad, indices, weight_shape, padding_idx, scale_grad_by_freq, sparse: _embedding_vjp(
        grad, indices, weight_shape, padding_idx, scale_grad_by_freq, sparse
    )
)

embedding_renorm = update(
    "embedding_renorm(Tensor self, Tensor indices, float max_norm, float norm_type) -> Tensor",
    kernels.embedding_renorm,
    method=False,
    function=False,
    inplace=True,
)

#: torch's number of the mode "mean" of bags.
_MEAN = 1

_BAG = (
    "Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, "
    "Tensor? per_sample_weights=None, bool include_last_offset=False"
)
bag_backward = op(
    "_embedding_bag_dense_backward(Tensor grad, Tensor indices, Tensor offset2bag, Tensor bag_size, "
    "Tensor maximum_indices, SymInt num_weights, bool scale_grad_by_freq, int mode, Tensor? per_sample_weights, "
    "int padding_idx=-1) -> Tensor",
    kernels.embedding_bag_backward,
    method=False,
    function=False,
    out=False,
)


def _sample_kernel(
    grad: np.ndarray,
    weight: np.ndarray,
    indices: np.ndarray,
    offsets: np.ndarray,
    offset2bag: np.ndarray,
    mode: int,
    padding_idx: int,
) -> np.ndarray:
    return kernels.per_sample_weights_backward(grad, weight, indices, offset2bag, padding_idx)


sample_backward = op(
    "_embedding_bag_per_sample_weights_backward(Tensor grad, Tensor weight, Tensor indices, Tensor offsets, "
    "Tensor offset2bag, int mode, int padding_idx=-1) -> Tensor",
    _sample_kernel,
    method=False,
    function=False,
    out=False,
    underivable=True,
)
embedding_bag_op = op(
    f"_embedding_bag({_BAG}, int padding_idx=-1) -> (Tensor, Tensor, Tensor, Tensor)",
    kernels.embedding_bag,
    node="EmbeddingBagBackward0",
    method=False,
    function=False,
    out=False,
    forward=False,
)


def _bag_vjp(
    grad: Any,
    indices: Any,
    owner: Any,
    sizes: Any,
    winners: Any,
    weight_shape: Any,
    scale_grad_by_freq: bool,
    mode: int,
    sparse: bool,
    per_sample_weights: Any,
    padding_idx: int,
) -> Any:
    if sparse:
        rows = grad.index_select(0, owner)  # (len(indices), D)
        if mode == _MEAN:
            rows = rows / sizes.index_select(0, owner).unsqueeze(1)
        if per_sample_weights is not None:
            rows = rows * per_sample_weights.unsqueeze(1)
        return _sparse_rows(rows, indices, weight_shape, padding_idx, scale_grad_by_freq)
    return bag_backward(
        grad,
        indices,
        owner,
        sizes,
        winners,
        weight_shape[0],
        scale_grad_by_freq,
        mode,
        per_sample_weights,
        padding_idx,
    )


embedding_bag_op.vjp(
    weight=lambda grad_result0, indices, offsets, result1, result2, result3, weight_shape, scale_grad_by_freq, mode, sparse, per_sample_weights, padding_idx: (
        _bag_vjp(
            grad_result0,
            indices,
            result1,
            result2,
            result3,
            weight_shape,
            scale_grad_by_freq,
            mode,
            sparse,
            per_sample_weights,
            padding_idx,
        )
    ),
    per_sample_weights=lambda grad_result0, weight, indices, offsets, result1, mode, padding_idx: (
        sample_backward(grad_result0, weight, indices, offsets, result1, mode, padding_idx)
    ),
)


def _bag(
    weight: Any,
    indices: Any,
    offsets: Any,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int = -1,
) -> Any:
    if per_sample_weights is not None and mode != kernels.SUM:
        raise RuntimeError("embedding_bag: per_sample_weights only supported with mode='sum'")
    if indices.dtype is not offsets.dtype:
        common = promote_types(offsets.dtype, indices.dtype)
        offsets, indices = offsets.to(common), indices.to(common)
    return embedding_bag_op(
        weight,
        indices.contiguous(),
        offsets.contiguous(),
        scale_grad_by_freq,
        mode,
        sparse,
        per_sample_weights,
        include_last_offset,
        padding_idx,
    )


@composite(f"embedding_bag({_BAG}) -> (Tensor, Tensor, Tensor, Tensor)", out=False, method=False)
def embedding_bag(
    weight: Any,
    indices: Any,
    offsets: Any,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
) -> Any:
    """Sums, means or maxima of the rows in each bag."""
    return _bag(
        weight, indices, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset
    )


@composite(
    "embedding_bag.padding_idx(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq, int mode, "
    "bool sparse, Tensor? per_sample_weights, bool include_last_offset, int? padding_idx) -> "
    "(Tensor, Tensor, Tensor, Tensor)",
    out=False,
    method=False,
)
def embedding_bag_padded(
    weight: Any,
    indices: Any,
    offsets: Any,
    scale_grad_by_freq: bool,
    mode: int,
    sparse: bool,
    per_sample_weights: Any,
    include_last_offset: bool,
    padding_idx: int | None,
) -> Any:
    """embedding_bag that leaves out padding_idx."""
    count = weight.shape[0]
    place = -1
    if padding_idx is not None:
        if not -count <= padding_idx < count:
            raise RuntimeError(
                f"padding_idx must be within the number of embeddings, -{count} through {count - 1}, but got {padding_idx}"
            )
        place = padding_idx % count
    return _bag(
        weight,
        indices,
        offsets,
        scale_grad_by_freq,
        mode,
        sparse,
        per_sample_weights,
        include_last_offset,
        place,
    )
