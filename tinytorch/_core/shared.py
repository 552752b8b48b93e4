"""Memory that several processes see: what `share_memory_` moves a tensor to.

A block is an unnamed file, mapped with MAP_SHARED. A forked child inherits the mapping; other processes get the file's descriptor
and map it for themselves. The block lives as long as an array over it does, and the system frees it with the last process that maps it.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
import weakref
from typing import Any

import numpy as np

from .storage import bytes_of, replace_memory, root_of


class Block:
    """One piece of shared memory, and the descriptor of its file."""

    __slots__ = ("__array_interface__", "__weakref__", "descriptor", "mapped", "size")

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor = descriptor
        self.size = size
        self.mapped = mmap.mmap(descriptor, max(size, 1))
        octets = np.frombuffer(self.mapped, np.uint8)[:size]
        self.__array_interface__ = octets.__array_interface__

    def __del__(self) -> None:
        os.close(self.descriptor)


#: The blocks in use, by the identity of the array that stands for their memory.
_blocks: weakref.WeakValueDictionary[int, Block] = weakref.WeakValueDictionary()
#: The same by file, so that one block that arrives twice is one storage.
_roots: weakref.WeakValueDictionary[tuple[int, int], Block] = weakref.WeakValueDictionary()


def _root(block: Block) -> np.ndarray:
    status = os.fstat(block.descriptor)
    _roots[status.st_dev, status.st_ino] = block
    return np.asarray(block)


def _descriptor(size: int) -> int:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("tensor")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, max(size, 1))
    return descriptor


def shared_copy(root: np.ndarray) -> np.ndarray:
    """(n,) uint8: the bytes under `root`, in shared memory."""
    content = bytes_of(root)
    copy = _root(Block(_descriptor(content.size), content.size))
    copy[...] = content
    return copy


def attached(descriptor: int, size: int) -> np.ndarray:
    """(size,) uint8: the block of a descriptor that came from another process, which is closed with the block."""
    status = os.fstat(descriptor)
    known = _roots.get((status.st_dev, status.st_ino))
    if known is not None:
        os.close(descriptor)
        return np.asarray(known)
    return _root(Block(descriptor, size))


def block_of(array: np.ndarray) -> Block | None:
    """The shared block that `array` lies in; None for memory of this process alone."""
    base = root_of(array).base
    return base if isinstance(base, Block) else None


def _holders(tensor: Any) -> tuple[int, int]:
    """How many references there are to the memory's owner and to the tensor's array, this function's included."""
    array = tensor._array
    root = root_of(array)
    return sys.getrefcount(root), sys.getrefcount(array)


def share(tensor: Any) -> None:
    """Move the memory of `tensor` to a shared block, and with it every other tensor that lies there."""
    from .storage import storage_of
    from .tensor import wrap

    if not tensor._array.size or block_of(tensor._array) is not None:
        return
    # A tensor of the same kind that nobody else holds says how many references are ours.
    whole = root_of(tensor._array) is tensor._array
    owners, arrays = _holders(wrap(np.empty(2, np.uint8)) if whole else wrap(np.empty(2, np.uint8)[:1]))
    found = _holders(tensor)
    if found[0] > owners or found[1] > arrays:
        share_storage(storage_of(tensor))
        return
    array = tensor._array
    root = root_of(array)
    distance = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    tensor._array = np.ndarray(array.shape, array.dtype, shared_copy(root), distance, array.strides)


def share_storage(storage: Any) -> None:
    """Move a storage, and every tensor over it, to a shared block."""
    replace_memory(storage, shared_copy(storage._root))


def mapped_file(path: str, shared: bool, size: int) -> np.ndarray:
    """(size,) uint8: the start of a file in memory; changes go to the file if `shared`. Raises RuntimeError."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT if shared else os.O_RDONLY, 0o600)
    except OSError as error:
        mode = "read-write" if shared else "read-only"
        raise RuntimeError(
            f"unable to open file <{path}> in {mode} mode: {error.strerror} ({error.errno})"
        ) from None
    try:
        there = os.fstat(descriptor).st_size
        if size < 0:
            raise RuntimeError(f"unable to mmap {size} bytes from file <{path}>: Cannot allocate memory (12)")
        if there < size:
            if not shared:
                raise RuntimeError(
                    f"file <{path}> size <{there}> is smaller than the required mapping size <{size}>"
                )
            os.ftruncate(descriptor, size)
        if not size:
            return np.empty(0, np.uint8)
        access = mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY
        return np.frombuffer(mmap.mmap(descriptor, size, access=access), np.uint8)
    finally:
        os.close(descriptor)
