"""Tensors over the bytes of a file."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .._core.dtypes import defaults
from .factories import _OPTIONS, factory


def _open(filename: str, shared: bool) -> int:
    """A descriptor. A file that is to be shared is made where there is none. Raises RuntimeError otherwise."""
    try:
        return os.open(filename, os.O_RDWR | os.O_CREAT if shared else os.O_RDONLY, 0o600)
    except OSError as error:
        mode = "read-write" if shared else "read-only"
        raise RuntimeError(
            f"unable to open file <{filename}> in {mode} mode: {error.strerror} ({error.errno})"
        ) from None


@factory(f"from_file(str filename, bool? shared=None, int? size=0, {_OPTIONS}) -> Tensor")
def from_file(
    filename: str, shared: bool | None = None, size: int | None = 0, dtype: Any = None
) -> np.ndarray:
    """`size` elements from the beginning of a file. If shared, what is written into them is written into the file, which grows to
    hold them; otherwise nobody else sees it.

    Raises RuntimeError where the file is not there or too short.
    """
    kind = (dtype or defaults.dtype)._numpy
    count = size or 0
    length = count * kind.itemsize
    if length < 0:
        raise RuntimeError(
            f"unable to mmap {length} bytes from file <{filename}>: Cannot allocate memory (12)"
        )
    if not length:
        return np.empty(0, kind)
    import mmap  # not on every platform

    descriptor = _open(filename, bool(shared))
    try:
        held = os.fstat(descriptor).st_size
        if held < length:
            if not shared:
                raise RuntimeError(
                    f"file <{filename}> size <{held}> is smaller than the required mapping size <{length}>"
                )
            os.ftruncate(descriptor, length)
        access = mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY
        return np.frombuffer(mmap.mmap(descriptor, length, access=access), kind, count)
    finally:
        os.close(descriptor)
