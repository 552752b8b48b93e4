"""Which inputs and outputs share memory, told from outside."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.engine import Library
from conformance.program import Array, carrier_array


def see_aliases(library: Library, inputs: list[Any], outputs: list[Any]) -> frozenset[tuple[str, str]]:
    """Pairs of inputs and outputs that share memory, found by writing through one and looking at the others."""
    windows: dict[str, Array] = {}
    same: set[tuple[str, str]] = set()
    for kind, tensors in (("input", inputs), ("output", outputs)):
        for index, tensor in enumerate(tensors):
            for other_index, other in enumerate(inputs):
                if kind == "output" and tensor is other:
                    same.add((f"input {other_index}", f"output {index} is the same object"))
            try:
                window = carrier_array(library, tensor)
            except Exception:  # conjugate views and sparse layouts show no memory
                continue
            if window.size:
                windows[f"{kind} {index}"] = window
    names = list(windows)
    for position, first in enumerate(names):
        others = [
            name for name in names[position + 1 :] if np.may_share_memory(windows[first], windows[name])
        ]
        if not others:
            continue
        before = {name: windows[name].tobytes() for name in others}
        window = windows[first]
        saved = window.copy()
        if not window.flags.writeable:
            continue
        window[...] = flip(window)
        same.update((first, name) for name in others if windows[name].tobytes() != before[name])
        window[...] = saved
    return frozenset(same)


def flip(array: Array) -> Array:
    """Other bits in every element."""
    if array.dtype == np.bool_:
        return np.asarray(~array)
    raw = np.ascontiguousarray(array).view(np.uint8) if array.ndim else array.reshape(1).view(np.uint8)
    return np.asarray((raw ^ np.uint8(1)).view(array.dtype).reshape(array.shape))
