"""The same numbers laid out differently in memory: what a stride-blind operator gets wrong."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.program import Array, Program, TensorData, contiguous_strides, leaves

LAYOUTS = ("plain", "transposed", "strided", "offset")
# a case whose layout nobody named draws one by its name
MIXED = "mixed"
DRAWN = ("plain", "transposed", "plain", "strided", "plain", "offset")


def drawn(name: str, among: Sequence[str]) -> str:
    """The choice of the case of this name; neighbouring samples make different ones, so that together they make all."""
    family, _, index = name.rpartition(":")
    return among[(zlib.crc32(family.encode()) + int(index)) % len(among)]


def relayout(program: Program, layout: str) -> Program:
    """Every plainly laid out tensor of the program in another layout.

    transposed: the dimensions in reverse order in memory; strided: every second element of a larger storage, whose
    other elements are poison; offset: behind other elements of one storage. Shared storages and destinations (`out`)
    stay as they are.
    """
    if layout == "plain":
        return program
    destinations = {id(leaf) for leaf in leaves(program.kwargs.get("out"))}
    uses = Counter(data.identity for data in program.tensors() if data.identity != -1)

    def change(leaf: Any) -> Any:
        if not isinstance(leaf, TensorData) or uses[leaf.identity] > 1 or leaf.conj or leaf.negative:
            return leaf
        if id(leaf) in destinations:
            return leaf
        count = int(np.prod(leaf.shape))
        if (
            leaf.offset
            or count != leaf.storage.size
            or leaf.stride != contiguous_strides(leaf.shape)
            or not count
        ):
            return leaf
        return lay_out(leaf, layout)

    return program.transform(change)


def lay_out(data: TensorData, layout: str) -> TensorData:
    values = data.storage.reshape(data.shape)
    if layout == "transposed":
        strides = contiguous_strides(data.shape[::-1])[::-1]
        return replace(data, stride=strides, storage=np.ascontiguousarray(values.T).reshape(-1))
    if layout == "strided":
        storage = poison(2 * data.storage.size, data.storage)
        storage[::2] = data.storage
        return replace(data, stride=tuple(2 * step for step in data.stride), storage=storage)
    storage = poison(data.storage.size + 3, data.storage)
    storage[3:] = data.storage
    return replace(data, offset=3, storage=storage)


def poison(size: int, like: Array) -> Array:
    """Memory that is not part of the tensor; every value differs from zero."""
    return np.full(size, 1 if like.dtype == np.bool_ else 77, dtype=like.dtype)
