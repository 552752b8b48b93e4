"""Cotangents on their way into `.grad`: summed and cast to what a target takes, then added to a leaf's gradient."""

from __future__ import annotations

import threading
from sys import getrefcount
from typing import Any

import numpy as np

from . import layout
from .modes import modes
from .quiet import quietly
from .tensor import Tensor, counter_of, make, wrap

#: Tensor operations the engine itself needs, filled in when the operators are declared: cast(tensor, dtype), sum_to(tensor, shape),
#: real(tensor), add(a, b); and sum_axes(array, axes) on arrays of floats.
primitives: dict[str, Any] = {}


def conform(cotangent: Any, shape: tuple[int, ...], element_type: Any, source: Any, index: int) -> Any:
    """Undo broadcasting and promotion: `cotangent` summed to `shape` and cast. Raises RuntimeError if that is impossible."""
    own_shape = cotangent._array.shape
    if own_shape != shape:
        lead = len(own_shape) - len(shape)
        if lead < 0 or any(size not in (1, own_shape[lead + i]) for i, size in enumerate(shape)):
            if lead < 0 and all(size == 1 for size in shape) and all(size == 1 for size in own_shape):
                return conform(cotangent.reshape(shape), shape, element_type, source, index)
            returned = f"Function {source.name()} returned an " if source is not None else ""
            raise RuntimeError(
                f"{returned}invalid gradient at index {index} - got {list(own_shape)} but expected shape compatible with {list(shape)}"
            )
        cotangent = primitives["sum_to"](cotangent, shape)
    if cotangent._key._dtype is not element_type:
        if cotangent._key._dtype._category == "complex" and element_type._category != "complex":
            cotangent = primitives["real"](cotangent)
        if cotangent._key._dtype is not element_type:
            cotangent = primitives["cast"](cotangent, element_type)
    return cotangent


def sum_array(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """`conform` for a contiguous array of the right type: `array` summed to `shape`, or None if that needs to be looked at more closely."""
    own_shape = array.shape
    lead = len(own_shape) - len(shape)
    if lead < 0 or not array.flags.c_contiguous or 0 in own_shape:
        return None
    axes = list(range(lead))
    for position, size in enumerate(shape, lead):
        if own_shape[position] != size:
            if size != 1:
                return None
            axes.append(position)
    return quietly(primitives["sum_axes"], array, tuple(axes)).reshape(shape)


def contiguous_copy(cotangent: Any) -> Any:
    """`cotangent` without history, in row-major memory of its own."""
    if cotangent._key._special == "lazy":
        cotangent = cotangent.clone()
    if cotangent._key._special == "meta":
        return make(Tensor, cotangent._array, cotangent._key)
    return wrap(np.array(cotangent._array, order="C", copy=True))


#: Held while a gradient is added to a leaf: other threads may be doing the same.
_accumulating = threading.RLock()


def accumulate(leaf: Any, cotangent: Any, create: bool, sole: bool = False) -> None:
    """Add `cotangent` to `leaf.grad`: in place unless the graph of the gradient is kept.

    sole: nobody else holds the tensor `cotangent`.
    """
    held = leaf._grad
    if not (cotangent._is_strided and (held is None or held._is_strided)):
        leaf._grad = _assembled(held, cotangent, create)
        return
    if cotangent._key._special == "lazy":
        cotangent = cotangent.clone()
    if cotangent._key._special not in (
        None,
        "strided",
        "meta",
    ):  # under a transformation: no memory of its own to copy or to add to
        if not cotangent._key.shares_graph:
            leaf._grad = cotangent if held is None else held + cotangent
        elif held is not None:
            leaf._grad = held + cotangent if create else held.add_(cotangent)
        elif sole and not create and _laid_out_like(leaf, cotangent):
            leaf._grad = (
                cotangent.detach()
            )  # kept as it is, that is to say detached, and so without its tangent
        else:
            leaf._grad = _recorded_copy(leaf, cotangent)
    elif held is None:
        if create and cotangent._requires_grad:
            leaf._grad = _recorded_copy(leaf, cotangent)
        else:
            leaf._grad = _like_leaf(leaf, cotangent)
    elif create:
        leaf._grad = held + cotangent
    else:
        held += cotangent


def receive(leaf: Any, holder: list[Any], place: int, create: bool) -> None:
    """Hand a leaf what has arrived for it: a tensor, or an array (see backward.py). What nobody else sees is not copied.

    It comes as `holder[place]`, and is taken out, so that nobody else is seen to hold it.
    """
    cotangent, holder[place] = holder[place], None
    if cotangent is None:
        return
    with _accumulating:
        held = leaf._grad
        if cotangent.__class__ is np.ndarray:
            array, sole = cotangent, True
            unshared = not create and getrefcount(cotangent) <= _HELD_HERE + 1
        elif not cotangent._is_strided:
            accumulate(leaf, cotangent, create)
            return
        else:
            if cotangent._key._special == "lazy":
                cotangent = cotangent.clone()
            array = cotangent._array
            sole = getrefcount(cotangent) <= _HELD_HERE
            unshared = (
                not create
                and cotangent.__class__ is Tensor
                and not cotangent._requires_grad
                and cotangent._base is None
                and sole
                and getrefcount(array) <= _HELD_HERE + 1
            )
        if held is None:
            alike = array.strides == leaf._array.strides or not modes.gradient_layout
            if unshared and alike and _fills_its_memory(array):
                leaf._grad = cotangent if array is not cotangent else wrap(array)
                return
        elif (
            array is cotangent
            and held._is_strided
            and held._key is leaf._key
            and _is_plain(held)
            and not create
        ):
            np.add(held._array, array, held._array)
            counter_of(held)[0] += 1
            return
        accumulate(leaf, cotangent if array is not cotangent else wrap(array), create, sole)


def _assembled(held: Any, cotangent: Any, create: bool) -> Any:
    """A gradient of which a part is sparse: sparse and sparse stay that, dense and sparse become dense, in place where that is kept."""
    if held is None:
        return cotangent if create else cotangent.detach()
    if create:
        return held + cotangent if held._is_strided or not cotangent._is_strided else cotangent + held
    if cotangent._is_strided and not held._is_strided:
        return cotangent.detach() + held
    held += cotangent
    return held


def _fills_its_memory(array: np.ndarray) -> bool:
    """Whether `array` is all there is to its memory, and nobody else looks into it. A transposed matrix, say, is a view."""
    owner = array.base
    if owner is None:
        return bool(array.flags.owndata)
    return (
        owner.__class__ is np.ndarray
        and owner.flags.owndata
        and owner.size == array.size
        and owner.dtype is array.dtype
        and getrefcount(owner) <= _HELD_HERE + 1
    )


def _is_plain(tensor: Any) -> bool:
    """Whether writing into `tensor` needs no more than its elements and its version."""
    return tensor.__class__ is Tensor and tensor._requires_grad is False and tensor._extra is None


def _references() -> int:
    """What `getrefcount` says of an object that one local variable holds."""
    thing = np.zeros(1)
    return getrefcount(thing)


_HELD_HERE = _references()


def _laid_out_like(leaf: Any, cotangent: Any) -> bool:
    """Whether `cotangent` lies in memory as a gradient of `leaf` does: as the leaf where that is dense, row-major otherwise."""
    if not layout.is_dense(leaf._array.shape, layout.element_strides(leaf._array)):
        return bool(cotangent.is_contiguous())
    pairs = zip(leaf._array.shape, leaf.stride(), cotangent.stride(), strict=True)
    return all(own == other if size != 1 else other != 0 for size, own, other in pairs)


def _recorded_copy(leaf: Any, cotangent: Any) -> Any:
    """A copy by operators, so that it has a history and a tangent, in memory laid out like the leaf's."""
    return cotangent.new_empty_strided(cotangent.shape, leaf.stride()).copy_(cotangent)


def _like_leaf(leaf: Any, cotangent: Any) -> Tensor:
    """A copy laid out like the leaf where the leaf is dense, as torch lays gradients out."""
    array = leaf._array
    if cotangent._key._special == "meta":
        twin: Tensor = make(
            Tensor, array if leaf._key._special == "meta" else cotangent._array, cotangent._key
        )
        return twin
    if layout.is_dense(array.shape, layout.element_strides(array)):
        out = layout.empty(array.shape, layout.element_strides(array), cotangent._array.dtype)
        out[...] = cotangent._array
        return wrap(out)
    return wrap(np.ascontiguousarray(cotangent._array))
