"""Conjugated and negated views: `x.conj()` and `x.conj().imag` look at the memory of `x` and are worked out when an operator reads them.

Such a tensor's array is the memory as it is; its key says what to make of it. Views of it keep the key. Every other operator sees the
elements worked out, in a tensor that stands in for the view: same history, same version counter. Writing into the view writes what
makes it read as wanted. Source: torch's note "Conjugate Views", by behaviour.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import dispatch, mutation
from .declare import Operator, find
from .dtypes import Key, dtype
from .modes import modes
from .tensor import VIEW, Tensor, counter_of, key_of, make


class LazyKey(Key):
    """The key of a view that is conjugated, negated, or both."""

    __slots__ = ("conjugate", "negative")

    def __init__(self, element_type: dtype, conjugate: bool, negative: bool) -> None:
        super().__init__(element_type, "lazy")
        self.conjugate = conjugate
        self.negative = negative


_KEYS: dict[tuple[dtype, bool, bool], LazyKey] = {}


def key_for(array: np.ndarray, conjugate: bool, negative: bool) -> dtype | Key:
    """The key of a tensor over `array` that reads it so."""
    plain = key_of(array)
    if not conjugate and not negative:
        return plain
    place = (plain._dtype, conjugate, negative)
    found = _KEYS.get(place)
    if found is None:
        found = _KEYS[place] = LazyKey(*place)
    return found


def values(tensor: Any) -> np.ndarray:
    """The elements of a tensor, worked out."""
    array: np.ndarray = tensor._array
    key = tensor._key
    if key._special == "lazy":
        array = read(array, key)
    return array


def read(array: np.ndarray, key: Any) -> np.ndarray:
    """What `array` holds, as a tensor of this key shows it; and, the same again, what to store for it to show `array`."""
    if key.conjugate:
        array = np.conjugate(array, out=...)
    return np.negative(array, out=...) if key.negative else array


def resolved(tensor: Any) -> Any:
    """`tensor`, or if it is such a view a tensor that stands in for it: its elements, history and version counter."""
    if tensor is None or tensor._key._special != "lazy":
        return tensor
    array = read(tensor._array, tensor._key)
    twin: Tensor = make(Tensor, array, key_of(array))
    twin._requires_grad = (
        mutation.refresh(tensor) if tensor._requires_grad is VIEW else bool(tensor._requires_grad)
    )
    if twin._requires_grad:
        twin._edge = tensor._edge or (tensor, 0)  # a leaf stands for itself in the graph
    twin._counter = counter_of(tensor)
    return twin


def mark(result: Any, like: Any, toggles: str | None = None) -> None:
    """Let a view read its memory as `like` does, or as `toggles` ("conjugate" or "negative") changes that."""
    key = like._key
    conjugate, negative = (key.conjugate, key.negative) if key._special == "lazy" else (False, False)
    conjugate ^= toggles == "conjugate"
    negative ^= toggles == "negative"
    result._key = key_for(result._array, conjugate and result._key._dtype.is_complex, negative)


def looking(window: Any, key: Any) -> Any:
    """A window that reads its memory as a tensor of `key` does."""
    if key is not None and key._special == "lazy":
        if key.conjugate:
            window = find("_conj").call(window)
        if key.negative:
            window = find("_neg_view").call(window)
    return window


def _run(operator: Operator, args: tuple[Any, ...]) -> Any:
    """Views stay what they are; everything else sees elements."""
    if operator.family == "view":
        refused = operator.options.get("refuses_lazy")
        if refused is not None:
            refused(args)
        return dispatch._run_view(operator, args)
    args = _resolve_all(operator, args)
    return dispatch.slow(operator, args) if _has_number(operator, args) else operator.call(*args)


def _has_number(operator: Operator, args: tuple[Any, ...]) -> bool:
    """Whether a Python number stands in the place of a tensor."""
    return any(
        argument.is_tensor and value.__class__ in (int, float, bool, complex)
        for argument, value in zip(operator.arguments, args, strict=True)
    )


def _resolve_all(operator: Operator, args: tuple[Any, ...]) -> tuple[Any, ...]:
    return map_tensors(operator, dispatch.complete(operator, args), resolved)


def map_tensors(operator: Operator, args: tuple[Any, ...], function: Callable[[Any], Any]) -> tuple[Any, ...]:
    """`args` with `function` applied to every tensor among them."""
    values = list(args)
    for position, argument in enumerate(operator.arguments):
        value = values[position]
        if not argument.is_tensor or value is None:
            continue
        if argument.is_list:
            values[position] = [None if item is None else function(item) for item in value]
        elif isinstance(value, Tensor):
            values[position] = function(value)
    return tuple(values)


def _compiled_inplace(operator: Operator, args: tuple[Any, ...]) -> Any:
    return operator.inplace(*args)


def _run_inplace(operator: Operator, args: tuple[Any, ...]) -> Any:
    """Compute on the elements worked out, and store what makes the view show the result."""
    self = args[0]
    others = _resolve_all(operator, args)[1:]
    run = dispatch.inplace if _has_number(operator, (self, *others)) else _compiled_inplace
    if self._key._special != "lazy":
        return run(operator, (self, *others))
    recording = modes.grad and any(t.requires_grad for t in dispatch.tensors_of(operator, (self, *others)))
    mutation.check_writable(self, recording)
    dispatch.check_overlap(self._array)
    scratch = resolved(self)
    scratch._counter = None
    if not recording:
        scratch._requires_grad, scratch._edge = False, None
    before = scratch._edge
    run(operator, (scratch, *others))
    np.copyto(self._array, read(scratch._array, self._key), casting="unsafe")
    mutation.bump(self)
    if scratch._edge is not before:
        node, position = scratch._edge if scratch._edge.__class__ is tuple else (scratch._edge, None)
        mutation.rebase(self, node, position)
    return self


dispatch.transforms["lazy"] = _run
dispatch.transforms["lazy_inplace"] = _run_inplace
