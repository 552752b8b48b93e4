"""`tensor[key]` and `tensor[key] = value`: a key is taken apart into views, and index tensors are left to index and index_put_.

Every int, slice, None and Ellipsis becomes a view in turn (select, slice, unsqueeze); masks, tensors, lists and arrays that remain
are applied together at the end. Source of the behaviour: torch 2.13 itself.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinytorch._core import dtypes, mutation
from tinytorch._core.declare import find
from tinytorch._core.inplace import check_separate, refuse_overlap
from tinytorch._core.modes import PLAIN, modes
from tinytorch._core.promotion import legacy_name
from tinytorch._core.tensor import Tensor, wrap
from tinytorch._core.warning import warn
from tinytorch._kernels import indexing as kernels
from tinytorch._kernels.scalar_types import checked_scalar, scalar_type_name, shape_text, tensor_type_name

_INT64 = np.dtype(np.int64)
_MASKS = (np.dtype(np.bool_), np.dtype(np.uint8))
_LARGEST = 2**63 - 1
_FULL = slice(None)


def _late(variable: str, name: str, overload: str = "") -> Any:
    """Stands for a declared operator's compiled call until first use, then puts the call itself into its place."""

    def first(*args: Any) -> Any:
        call = globals()[variable] = find(name, overload).call
        return call(*args)

    return first


_select = _late("_select", "select", "int")
_slice = _late("_slice", "slice", "Tensor")
_unsqueeze = _late("_unsqueeze", "unsqueeze")
_alias = _late("_alias", "alias")
_index = _late("_index", "index", "Tensor")
_view = _late("_view", "view")
_expand = _late("_expand", "expand")


def _put_(self: Any, indices: list[Any], value: Any) -> None:
    find("index_put").inplace(self, indices, value, False)


def _invalid(key: object) -> IndexError:
    kind = type(key)
    name = f"{kind.__module__}.{kind.__name__}" if kind.__module__ == "numpy" else kind.__name__
    return IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
        f"(got {name})"
    )


def _bound(value: Any) -> int:
    """A slice's start or stop as an integer."""
    if isinstance(value, Tensor):
        if value._array.size != 1 or value._array.dtype.kind not in "iub":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(value._array.reshape(())[()])
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError("slice indices must be integers or None or have an __index__ method") from None


def _unpack(key: slice) -> tuple[int, int, int]:
    """A slice's start, stop and step, with absent ends spelled out."""
    step = 1 if key.step is None else _bound(key.step)
    if step == 0:
        raise ValueError("slice step cannot be zero")
    if step < 0:
        raise ValueError("step must be greater than zero")
    start = 0 if key.start is None else _bound(key.start)
    stop = _LARGEST if key.stop is None else _bound(key.stop)
    return start, min(stop, _LARGEST), step


def _chosen(self: Any, dim: int, position: int, place: int) -> Any:
    """`self.select(dim, position)`, with the subscript's own error texts. `place`: the key's place in the tuple."""
    shape = self._array.shape
    if not shape and position == 0:
        raise IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a "
            "0-dim tensor to a number"
        )
    size = shape[dim] if shape else 0
    if not -size <= position < size:
        raise IndexError(f"index {position} is out of bounds for dimension {place} with size {size}")
    return _select(self, dim, position)


def _cut(self: Any, dim: int, key: slice, skip_whole: bool) -> Any:
    start, stop, step = _unpack(key)
    shape = self._array.shape
    if not shape:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    if skip_whole and start == 0 and step == 1 and stop >= shape[dim]:
        return self
    return _slice(self, dim, start, stop, step)


_NON_TUPLE = (
    "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in pytorch 2.9; use x[tuple(seq)] instead of "
    "x[seq]. In pytorch 2.9 this will be interpreted as tensor index, x[torch.tensor(seq)], which will result either in an error or a "
    "different result"
)


def _as_tuple(key: Any) -> tuple[Any, ...]:
    """The key as a tuple of keys. A short sequence that holds tensors, sequences, slices, None or Ellipsis counts as a tuple, with a warning."""
    if isinstance(key, tuple):
        return key
    if isinstance(key, Tensor) or not hasattr(key, "__getitem__") or not hasattr(key, "__len__"):
        return (key,)
    if isinstance(key, dict | set | np.ndarray):
        return (key,)
    if len(key) >= 32:
        return (key,)
    for item in key:
        if (
            item is None
            or item is Ellipsis
            or isinstance(item, slice | Tensor | list | tuple | range | str | bytes | np.ndarray)
        ):
            warn(_NON_TUPLE)
            return tuple(key)
    return (key,)


def _flattened(items: Any) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if isinstance(item, list | tuple | range):
            found += _flattened(item)
        else:
            found.append(item)
    return found


def _tensor_of(key: Any) -> Any:
    """A list, range or array as an index tensor: bool lists become masks, everything else int64."""
    if isinstance(key, np.ndarray):
        if key.dtype == np.bool_ or key.dtype == np.uint8:
            return wrap(key.copy())
        if key.dtype.kind not in "iu":
            return wrap(key.copy())
        return wrap(key.astype(np.int64))
    if isinstance(key, str | bytes):
        raise TypeError(f"new(): invalid data type '{type(key).__name__}'")
    leaves = _flattened(key)
    if any(isinstance(leaf, Tensor) for leaf in leaves):
        array = np.array(_plain(key))
    else:
        for leaf in leaves:
            if isinstance(leaf, str | bytes):
                raise TypeError(f"new(): invalid data type '{type(leaf).__name__}'")
        array = np.array(key if isinstance(key, list) else list(key))
    if array.size == 0:
        return wrap(np.zeros(array.shape, np.int64))
    if array.dtype == np.bool_:
        return wrap(array)
    if array.dtype.kind not in "iufb":
        raise _invalid(key)
    return wrap(array.astype(np.int64))


def _plain(items: Any) -> Any:
    if isinstance(items, Tensor):
        return items._array.tolist()
    return [_plain(item) for item in items] if isinstance(items, list | tuple | range) else items


def _is_integer(key: Any) -> bool:
    return isinstance(key, int | np.integer) and not isinstance(key, bool)


def _prepare(key: tuple[Any, ...]) -> tuple[list[Any], int]:
    """The keys with sequences turned into tensors, and how many dimensions they use up. What is no key stays, to be refused in its turn."""
    keys: list[Any] = []
    used = 0
    for item in key:
        if isinstance(item, Tensor):
            keys.append(item)
            used += item._array.ndim if item._array.dtype in _MASKS else 1
            continue
        if item is None or item is Ellipsis or item is True or item is False:
            keys.append(item)
            continue
        used += 1
        if isinstance(item, slice) or _is_integer(item):
            keys.append(item)
        elif isinstance(item, np.ndarray) and item.ndim == 0 and item.dtype.kind in "iu":
            keys.append(int(item))
        elif isinstance(item, str | bytes):
            keys.append(item)
        elif isinstance(item, list | tuple | range | np.ndarray) or (
            hasattr(item, "__len__") and hasattr(item, "__getitem__") and not isinstance(item, dict | set)
        ):
            keys.append(_tensor_of(item))
        else:
            try:
                keys.append(operator.index(item))
            except TypeError:
                keys.append(_invalid(item))
    return keys, used


def _differs_by_example(index: Any) -> bool:
    """Whether a tensor is batched, so that it is no number even where it has no dimension."""
    return index._key._special == "batched" and index._key.dim is not None


def _truth(value: bool) -> Any:
    """A bool as an index tensor: True takes a new dimension of size 1 whole, False takes none of it."""
    return wrap(np.zeros(1 if value else 0, np.int64))


def _apply(self: Any, key: tuple[Any, ...]) -> tuple[Any, list[Any]]:
    """The view that the key's ints, slices, Nones and Ellipses select, and the index tensors left for its dimensions."""
    keys, used = _prepare(key)
    rank = self._array.ndim
    if used > rank:
        raise IndexError(f"too many indices for tensor of dimension {rank}")
    view = self
    dim = 0
    indices: list[Any] = []

    def record(index: Any) -> int:
        if not indices:
            indices.extend([None] * dim)
        indices.append(index)
        return index._array.ndim if index._array.dtype in _MASKS else 1

    for place, item in enumerate(keys):
        passed = 0
        if isinstance(item, slice):
            view = _cut(view, dim, item, True)
            passed = 1
        elif isinstance(item, str | bytes):
            view = _tensor_of(item)
        elif isinstance(item, IndexError):
            raise item
        elif item is Ellipsis:
            passed = rank - used
        elif item is None:
            view = _unsqueeze(view, dim)
            passed = 1
        elif item is True or item is False:
            view = _unsqueeze(view, dim)
            dim += record(_truth(item))
        elif isinstance(item, Tensor):
            array = item._array
            if array.ndim == 0 and array.dtype.kind in "iub" and not _differs_by_example(item):
                if array.dtype in _MASKS:
                    view = _unsqueeze(view, dim)
                    dim += record(_truth(bool(array)))
                else:
                    view = _chosen(view, dim, int(array), place)
            else:
                dim += record(item)
        else:
            view = _chosen(view, dim, int(item), place)
        if passed:
            dim += passed
            if indices:
                indices.extend([None] * passed)
    while indices and indices[-1] is None:
        indices.pop()
    return view, indices


def getitem(self: Any, key: Any) -> Any:
    """The part of `self` that `key` selects: a view, unless index tensors, lists, arrays or bools take part.

    Raises IndexError, TypeError and ValueError with torch's texts.
    """
    if modes.inference:
        return mutation.mark_results(_part(self, key), (self,))
    return _part(self, key)


def _part(self: Any, key: Any) -> Any:
    kind = key.__class__
    if (
        self._key._special in _PLAIN
        and self.__class__ in PLAIN
        and key is not None
        and _is_basic(key)
        and not (kind is tuple and None in key)  # NumPy gives a new dimension the stride 0
        and not (modes.grad and self.requires_grad)
    ):
        # without history a chain of views is one view
        array = self._array
        try:
            if kind is tuple and Ellipsis not in key:
                part = array[(*key, ...)]
            elif kind is not tuple and key is not Ellipsis:
                part = array[key, ...]
            else:
                part = array[key]
        except IndexError:
            pass  # the general path knows torch's words
        else:
            if part.size:  # NumPy forgets where an empty part begins
                return mutation.wrap_view(self, part, None)
    if kind is int:
        shape = self._array.shape
        if shape and -shape[0] <= key < shape[0]:
            return _select(self, 0, key)
        return _chosen(self, 0, key, 0)
    if kind is slice:
        return _cut(self, 0, key, False)
    if key is None:
        return _unsqueeze(self, 0)
    if key is Ellipsis:
        return _alias(self)
    if _is_integer(key):
        return _chosen(self, 0, int(key), 0)
    view, indices = _apply(self, (key,) if kind is bool else _as_tuple(key))
    if indices:
        if any(index is not None and index._key._dtype is dtypes.uint8 for index in indices):
            warn("indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.")
        return _index(view, indices)
    return _alias(view) if view is self else view


def _as_value(self: Any, value: Any) -> Any:
    """The assigned value as a tensor: a number takes the element type of `self`."""
    if isinstance(value, Tensor):
        return value
    kind = self._key._dtype._numpy
    if isinstance(value, bool | int | float | complex | np.integer):
        if isinstance(value, int | np.integer) and not -(2**63) <= value < 2**63:
            raise ValueError("Overflow when unpacking long long")
        if isinstance(value, np.integer):
            value = int(value)
        if self._key._dtype._reduced:  # 16-bit types go through double, where everything but complex fits
            value = float(checked_scalar(value, np.dtype(np.float64)))
            with np.errstate(over="ignore"):
                return wrap(np.array(value).astype(kind))
        return wrap(checked_scalar(value, kind))
    cls = type(value)
    name = f"{cls.__module__}.{cls.__name__}" if cls.__module__ == "numpy" else cls.__name__
    raise TypeError(f"can't assign a {name} to a {_type_text(self._key._dtype)}")


def _type_text(kind: Any) -> str:
    return f"torch.{scalar_type_name(kind._numpy)}Tensor"


def _without_leading_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A value's shape without leading dimensions of size 1, which assignment does not count."""
    skip = 0
    while skip < len(shape) and shape[skip] == 1:
        skip += 1
    return shape[skip:]


def _copy_to(target: Any, value: Any) -> None:
    """Write `value`, broadcast, into `target`."""
    shape = target._array.shape
    if value._array.shape == shape:
        find("copy").inplace(target, value)
        return
    if value._array.ndim == 0:
        find("fill", "Tensor").inplace(target, value)
        return
    value = _view(value, _without_leading_ones(value._array.shape))
    given = value._array.shape
    if len(given) > len(shape):
        raise RuntimeError(
            f"expand({tensor_type_name(value._array.dtype)}{{{shape_text(given)}}}, size={shape_text(shape)}): "
            f"the number of sizes provided ({len(shape)}) must be greater or equal to the number of dimensions in the "
            f"tensor ({len(given)})"
        )
    find("copy").inplace(target, value if given == shape else _expand(value, shape))


def _is_basic(key: Any) -> bool:
    """Whether NumPy takes the key as torch does: ints, forward slices, None, and at most one Ellipsis."""
    kind = key.__class__
    if kind is tuple:
        return all(map(_is_basic, key)) and sum(item is Ellipsis for item in key) < 2
    if kind is slice:
        step = key.step
        return (
            (step is None or (step.__class__ is int and step > 0))
            and (key.start is None or key.start.__class__ is int)
            and (key.stop is None or key.stop.__class__ is int)
        )
    return kind is int or key is None or key is Ellipsis


_PLAIN = (None, "strided")


def _unrecorded(self: Any, value: Any) -> bool:
    """Whether writing `value` into `self` leaves no trace but the elements: no history, no override, no transformation."""
    if self._key._special not in _PLAIN or self.__class__ not in PLAIN:
        return False
    if value.__class__ in (float, int):
        return not (modes.grad and self.requires_grad)
    return value._key._special in _PLAIN and not (modes.grad and (self.requires_grad or value.requires_grad))


def _simple_number(self: Any, value: Any) -> bool:
    """Whether NumPy converts the number to the element type of `self` without a check."""
    kind = self._key._dtype
    if kind._category == "float":
        return (
            not kind._reduced
            and (value.__class__ is float or value.__class__ is int)
            and -3e38 < value < 3e38
        )
    return (
        kind._category == "int" and kind.is_signed and value.__class__ is int
    )  # NumPy refuses what does not fit


def _write_directly(self: Any, key: Any, value: Any) -> bool:
    """Write a number or tensor through NumPy; False, with nothing done, if that is not possible.

    Keys and values that need checking are left to the general path, as is everything that ends in an error.
    """
    array = self._array
    if not array.ndim or 0 in array.strides:
        return False
    data = value
    kind = self._key._dtype
    if value.__class__ not in (float, int):
        given = value._key._dtype
        if kind is not given and (given.is_complex or kind._category != "float"):
            return False
        if value._counter is self._counter and value._counter is not None:
            return False  # they may overlap
        data = value._array
    if key.__class__ is Tensor:
        mask = key._array
        if (
            kind in dtypes.WIDE_UNSIGNED
            or mask.dtype != np.bool_
            or mask.shape != array.shape
            or np.ndim(data)
            or key._key._special not in _PLAIN
            or (key._counter is self._counter and key._counter is not None)
        ):
            return False
        mutation.check_writable(self)
        np.copyto(array, data, where=mask)
    else:
        if not _is_basic(key):
            return False
        mutation.check_writable(self)
        try:
            array[key] = data
        except (IndexError, ValueError, OverflowError, TypeError):
            return False
    mutation.bump(self)
    return True


def _refuse_unsigned(target: Any, indices: list[Any], value: Any) -> None:
    """torch has no kernels for writing uint16, uint32 and uint64 where an index says."""
    given = [index for index in indices if index is not None]
    masked = value._array.size == 1 and len(given) == 1 and given[0]._array.dtype == np.bool_
    kernel = "masked_fill" if masked else "index_put"
    raise NotImplementedError(f"\"{kernel}\" not implemented for '{legacy_name(target._key._dtype)}'")


def _refuse_byte_mask(indices: list[Any], value: np.ndarray) -> None:
    """torch hands one number for one mask to masked_fill_, which takes boolean masks only."""
    given = [index for index in indices if index is not None]
    if value.size == 1 and len(given) == 1 and given[0].dtype == np.uint8:
        raise RuntimeError("masked_fill_ only supports boolean masks, but got mask with dtype unsigned char")


def _refuse_overlap(target: Any, given: list[Any], value: Any) -> None:
    """Neither the value nor an index may lie in the memory that is written; one number for one mask is handed to masked_fill_."""
    filled = value._array.size == 1 and len(given) == 1 and given[0]._array.dtype == np.bool_
    for operand in given if filled else (value, *given):
        if operand is target and not filled:
            refuse_overlap()
        if operand._counter is target._counter and target._counter is not None:
            check_separate(target._array, operand._array, wholly=not filled)


def setitem(self: Any, key: Any, value: Any) -> None:
    """Write `value`, a tensor or a number, into the part of `self` that `key` selects.

    Views are written through with broadcasting and conversion; index tensors need a value of the same element type.
    """
    if (value.__class__ is float or value.__class__ is int) and _simple_number(self, value):
        if _unrecorded(self, value) and _write_directly(self, key, value):
            return
    value = _as_value(self, value)
    kind = key.__class__
    direct = _unrecorded(self, value)
    if direct and _write_directly(self, key, value):
        return
    if key is False:
        return
    if key is Ellipsis:
        _copy_to(self, value)
    elif key is None or key is True:
        _copy_to(_unsqueeze(self, 0), value)
    elif kind is int or _is_integer(key):
        _copy_to(_chosen(self, 0, int(key), 0), value)
    elif kind is slice:
        _copy_to(_cut(self, 0, key, True), value)
    else:
        target, indices = _apply(self, _as_tuple(key))
        if not indices:
            _copy_to(target, value)
            return
        counted = _without_leading_ones(value._array.shape)
        if target._key._dtype in dtypes.WIDE_UNSIGNED:
            _refuse_unsigned(target, indices, value)
        if (
            direct
            and 0 not in target._array.strides
            and all(index is None or index._key._special in _PLAIN for index in indices)
        ):
            arrays = [None if index is None else index._array for index in indices]
            _refuse_byte_mask(arrays, value._array)
            mutation.check_writable(self)
            _refuse_overlap(target, [index for index in indices if index is not None], value)
            kernels.index_put(target._array, arrays, value._array.reshape(counted), False)
            mutation.bump(self)
            return
        _refuse_byte_mask([None if index is None else index._array for index in indices], value._array)
        _put_(target, indices, value if counted == value._array.shape else _view(value, counted))


def delitem(self: Any, key: Any) -> None:
    """`del tensor[key]`, which torch refuses."""
    raise TypeError("Tensor does not support deleting items")


METHODS = {"__delitem__": delitem}
