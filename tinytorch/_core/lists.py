"""Lists of tensors that are overwritten together: how a step over many parameters reaches the arrays below them.

Two ways. `overwrite` runs a kernel on the lists' arrays. `Flat` lays small tensors end to end, so that a formula on tensors runs once
for all of them, and `Piece` cuts large ones, so that its temporaries stay in the cache. All take plain contiguous float32 or float64 tensors, nothing recorded, and say so if they are given others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dtypes
from .modes import PLAIN, modes
from .quiet import hush, unhush
from .tensor import counter_of, wrap

_KEYS = frozenset((dtypes.float32, dtypes.float64))

#: What is laid end to end: tensors up to so many elements, in runs of at most so many. Tensors larger than a run are cut into runs.
SMALL, RUN = 4096, 65536


def bump(tensors: Sequence[Any], times: int) -> None:
    """Note that the tensors were written to so many times."""
    if not times:
        return
    for tensor in tensors:
        counter = tensor._counter
        if counter is None:
            tensor._counter = [times]
        else:
            counter[0] += times


def _fits(tensors: Sequence[Any], key: Any, shapes: list[Any], written: bool) -> bool:
    if not PLAIN.issuperset({tensor.__class__ for tensor in tensors}):
        return False
    keys = [tensor._key for tensor in tensors]
    if keys.count(key) != len(keys):
        if not {key, key._strided}.issuperset(keys):
            return False
        if written and not all(tensor._array.flags.c_contiguous for tensor in tensors):
            return False
    extras = [tensor._extra for tensor in tensors]
    if extras.count(None) != len(extras) and any(extra and extra.inference for extra in extras):
        return False
    return [tensor._array.shape for tensor in tensors] == shapes


def alike(params: Sequence[Any], lists: Sequence[Sequence[Any]], written: Sequence[int]) -> bool:
    """Whether all tensors are plain, of one type, place by place of one shape, and contiguous where they are written."""
    if modes.grad or not params:
        return False
    key = params[0]._key._dtype
    if key not in _KEYS or len(set(map(id, params))) != len(params):
        return False
    shapes = [param._array.shape for param in params]
    return _fits(params, key, shapes, True) and all(
        _fits(tensors, key, shapes, place in written) for place, tensors in enumerate(lists)
    )


def overwrite(
    kernel: Callable[..., None],
    params: Sequence[Any],
    lists: Sequence[Sequence[Any]],
    written: Sequence[int],
    bumps: Sequence[int],
    **options: Any,
) -> bool:
    """Run `kernel(params, *lists, **options)` on arrays, which overwrites them; False, and nothing done, unless the lists are `alike`.

    written: which lists it overwrites besides `params`. bumps: how many times each list, `params` first, counts as written to.
    """
    if not alike(params, lists, written):
        return False
    arrays = [[tensor._array for tensor in tensors] for tensors in lists]
    token = hush()
    try:
        kernel([param._array for param in params], *arrays, **options)
    finally:
        unhush(token)
    for tensors, times in zip((params, *lists), bumps, strict=True):
        bump(tensors, times)
    return True


def counts(steps: Sequence[Any]) -> list[float] | None:
    """The numbers in a list of counters; None if one of them is no plain number on the CPU."""
    if not PLAIN.issuperset({step.__class__ for step in steps}):
        return None
    if not all(step._key in _KEYS and step._array.size == 1 for step in steps):
        return None
    return [step._array.item() for step in steps]


def advance(steps: Sequence[Any]) -> None:
    """Add 1 to every counter."""
    for step in steps:
        array = step._array
        array.fill(array.item() + 1)
    bump(steps, 1)


class Flat:
    """Tensors laid end to end: `tensor` stands for all of them until `put_back`."""

    def __init__(self, tensors: Sequence[Any]) -> None:
        self.tensors = tensors
        self.tensor = wrap(np.concatenate([tensor._array for tensor in tensors], axis=None))
        self.version = counter_of(self.tensor)[0]

    def put_back(self) -> None:
        """Give the tensors what was written into the one that stands for them."""
        times = counter_of(self.tensor)[0] - self.version
        if not times:
            return
        array, start = self.tensor._array, 0
        for tensor in self.tensors:
            target = tensor._array
            stop = start + target.size
            part = array[start:stop]
            target[...] = part if target.ndim == 1 else part.reshape(target.shape)
            start = stop
        bump(self.tensors, times)


class Piece:
    """Elements `start` to `stop` of a large tensor: `tensor` stands for them, in the same memory."""

    def __init__(self, whole: Any, start: int, stop: int) -> None:
        self.tensor = wrap(whole._array.reshape(-1)[start:stop])
        self.version = counter_of(self.tensor)[0]

    def times(self) -> int:
        """How many times it was written to."""
        return counter_of(self.tensor)[0] - self.version


class Shared:
    """A number that all parameters' states hold equally: `tensor` stands for all of them until `put_back`."""

    def __init__(self, tensors: Sequence[Any]) -> None:
        self.tensors = tensors
        self.tensor = wrap(tensors[0]._array.copy())
        self.version = counter_of(self.tensor)[0]

    def put_back(self) -> None:
        """Give every state the new number."""
        times = counter_of(self.tensor)[0] - self.version
        value = self.tensor._array.item()
        for tensor in self.tensors:
            tensor._array.fill(value)
        bump(self.tensors, times)


def runs(tensors: Sequence[Any]) -> list[list[int]]:
    """Places of small tensors that own their memory, in runs of bounded length; runs of one are left out."""
    found: list[list[int]] = [[]]
    total = 0
    for place, tensor in enumerate(tensors):
        size = tensor._array.size
        if size > SMALL or tensor._array.base is not None:
            continue
        if total + size > RUN:
            found.append([])
            total = 0
        found[-1].append(place)
        total += size
    return [run for run in found if len(run) > 1]
