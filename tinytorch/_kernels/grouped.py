"""Matrix products of groups that lie behind one another, and of scaled 8-bit numbers, on arrays."""

from __future__ import annotations

import numpy as np

from tinytorch._kernels.dtype_names import widen


def grouped_mm(left: np.ndarray, right: np.ndarray, offs: np.ndarray | None) -> np.ndarray:
    """The products of all groups. offs (G,): where each group ends, along the dimension that two matrices share.

    (M, K) by (G, K, N) gives (M, N), rows group by group; (G, M, K) by (K, N) the same with columns; (M, K) by (K, N) gives (G, M, N),
    each group a part of the sum; (G, M, K) by (G, K, N) is a product per group. Rows and columns of no group are zero.
    """
    a, b = widen(left), widen(right)
    if offs is None:
        return np.matmul(a, b).astype(left.dtype, copy=False)
    ends = [int(end) for end in offs]
    parts = [slice(start, max(start, end)) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    if a.ndim == b.ndim:
        out = np.stack([np.matmul(a[:, part], b[part]) for part in parts])
    else:
        out = np.zeros((a.shape[-2], b.shape[-1]), a.dtype)
        for group, part in enumerate(parts):
            if a.ndim == 2:
                out[part] = np.matmul(a[part], b[group])
            else:
                out[:, part] = np.matmul(a[group], b[:, part])
    return out.astype(left.dtype, copy=False)


def scaled_mm(
    left: np.ndarray,
    right: np.ndarray,
    scale_a: np.ndarray,
    scale_b: np.ndarray,
    bias: np.ndarray | None,
    dtype: np.dtype,
) -> np.ndarray:
    """left (M, K) times scale_a by right (K, N) times scale_b, with bias (N,), in float32 and then rounded."""
    product = np.matmul(left.astype(np.float32), right.astype(np.float32))
    product *= scale_a * scale_b
    if bias is not None:
        product += bias.astype(np.float32)
    return product.astype(dtype)
