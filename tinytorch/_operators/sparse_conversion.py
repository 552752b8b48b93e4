"""Sparse tensors from strided ones: `Tensor.to_sparse`, `Tensor.sparse_mask`. The format is in `_sparse_coo`."""

from __future__ import annotations

from typing import Any

from .._core import layouts


def to_sparse(
    self: Any, *arguments: Any, layout: Any = None, blocksize: Any = None, dense_dim: Any = None
) -> Any:
    """The nonzero elements as a sparse tensor in coordinate format; `sparse_dim` of its dimensions are sparse, default all."""
    from ._sparse_coo import from_dense

    if layout not in (None, layouts.sparse_coo) or blocksize is not None or dense_dim is not None:
        raise NotImplementedError(f"Tensor.to_sparse: layout {layout} is not implemented")
    return from_dense(self, *arguments)


def sparse_mask(self: Any, mask: Any) -> Any:
    """The elements at the places of a sparse tensor, as a sparse tensor."""
    from ._sparse_coo_functions import sparse_mask as run

    if mask.layout is not layouts.sparse_coo:
        raise NotImplementedError("Could not run 'aten::sparse_mask' with arguments from the 'CPU' backend.")
    return run(self, mask)


def spmm(input: Any, mat2: Any) -> Any:
    """The product of two matrices."""
    return input.mm(mat2)


FUNCTIONS = {"spmm": spmm, "dsmm": spmm}
METHODS = {
    "to_sparse": to_sparse,
    "to_sparse_coo": lambda self: to_sparse(self),
    "sparse_mask": sparse_mask,
}
