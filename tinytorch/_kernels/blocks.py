"""Elementwise kernels of several steps, run on pieces that stay in the cache.

Each step of a kernel reads and writes whole arrays. Beyond the size of the second-level cache every one of them goes to memory and back;
in pieces only the first read and the last write do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

#: Elements per piece: 16 thousand float32 values are 64 KiB, so that a handful of intermediate results fit into a second-level cache.
BLOCK = 1 << 14


def blockwise(kernel: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """`kernel`, an elementwise function of its array arguments, piece by piece where these are large, contiguous and of one shape.

    Numbers and 0-d arrays among the arguments go to every piece. A kernel with a parameter `out` is given where to write its piece, in an
    array of its first argument's type; without it makes an array, like a ufunc's `out=...`.
    """
    writes = "out" in kernel.__code__.co_varnames[: kernel.__code__.co_argcount]

    @wraps(kernel)
    def run(*arguments: Any) -> np.ndarray:
        arrays = [a for a in arguments if a.__class__ is np.ndarray and a.ndim]
        if not arrays or arrays[0].size < 2 * BLOCK:
            return kernel(*arguments)
        shape = arrays[0].shape
        if any(a.shape != shape or not a.flags.c_contiguous for a in arrays):
            return kernel(*arguments)
        values = [a.reshape(-1) if a.__class__ is np.ndarray and a.ndim else a for a in arguments]
        large = [
            position for position, value in enumerate(values) if value.__class__ is np.ndarray and value.ndim
        ]
        if writes:
            result = np.empty(arrays[0].size, arrays[0].dtype)
            for start in range(0, result.size, BLOCK):
                part = slice(start, start + BLOCK)
                kernel(*[v[part] if i in large else v for i, v in enumerate(values)], out=result[part])
            return result.reshape(shape)
        out = None
        for start in range(0, arrays[0].size, BLOCK):
            piece = list(values)
            for position in large:
                piece[position] = values[position][start : start + BLOCK]
            result = kernel(*piece)
            if out is None:
                out = np.empty(arrays[0].size, result.dtype)
            out[start : start + BLOCK] = result
        assert out is not None
        return out.reshape(shape)

    return run
