"""Sparse matrices from their diagonals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.dispatch import legacy_name
from .._core.tensor import Tensor, wrap
from ._sparse_coo import make


def spdiags(diagonals: Tensor, offsets: Tensor, shape: Sequence[int], layout: Any = None) -> Any:
    """The matrix (n, m) with diagonals (d, l), or one of them (l,), at offsets (d,): column j of one at k is at (j - k, j)."""
    rows: Any = diagonals.unsqueeze(0) if diagonals.dim() == 1 else diagonals
    if rows.dim() != 2:
        raise RuntimeError("Diagonals must be vector or matrix")
    if len(shape) != 2:
        raise RuntimeError("Output shape must be 2d")
    if offsets.dim() > 1:
        raise RuntimeError("Offsets must be scalar or vector")
    places = offsets._array.reshape(-1)
    if rows.shape[0] != places.size:
        raise RuntimeError(
            f"Number of diagonals ({rows.shape[0]}) does not match the number of offsets ({places.size})"
        )
    if offsets.dtype is not dtypes.int64:
        raise RuntimeError(f"Offset Tensor must have dtype Long but got {legacy_name(offsets.dtype)}")
    if len(set(places.tolist())) != places.size:
        raise RuntimeError("Offset tensor contains duplicate values")
    name = str(layout or "torch.sparse_coo").removeprefix("torch.")
    if name not in ("sparse_coo", "sparse_csr", "sparse_csc"):
        shown = "".join(part.title() for part in name.split("_"))
        raise RuntimeError(f"Only output layouts (Sparse, SparseCsc, SparseCsr) are supported, got {shown}")
    if name != "sparse_coo":
        raise NotImplementedError(
            f"layout torch.{name}: tinytorch has sparse tensors in coordinate format only"
        )
    count, width = rows.shape
    which, column = np.indices((count, min(width, shape[1])))
    row = column - places[:, None]
    kept = (row >= 0) & (row < shape[0])
    which, column, row = which[kept], column[kept], row[kept]
    values = rows[wrap(which), wrap(column)]
    return make(wrap(np.stack([row, column])), values, shape)
