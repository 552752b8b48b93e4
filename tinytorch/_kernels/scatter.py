"""Kernels that write or accumulate into positions given by an index array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .compiled import extension
from .scalar_types import checked_scalar, first_outside, scalar_type_name, shape_text

_SPARSE_FROM = 1 << 12  # elements from which a sparse product is faster


def _wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type to accumulate in: half precisions in float32, whose sums are then rounded once."""
    return np.dtype(np.float32) if dtype.kind == "V" or dtype == np.float16 else dtype


def accumulate_flat(ufunc: np.ufunc, target: np.ndarray, index: np.ndarray, values: np.ndarray) -> None:
    """target[index] = ufunc(target[index], values), one element after the other. All are vectors, `target` contiguous.

    NumPy's `ufunc.at` has a fast loop only for vectors of one native type with intp indices, so that is what it gets.
    """
    index = index.astype(np.intp, copy=False)
    if target.dtype == np.bool_:
        if ufunc is np.add:
            ufunc = np.logical_or
        elif ufunc is np.multiply:
            ufunc = np.logical_and
    wide = _wide(target.dtype)
    values = np.ascontiguousarray(values, wide)
    if wide == target.dtype:
        ufunc.at(target, index, values)
    else:
        whole = target.astype(wide)
        ufunc.at(whole, index, values)
        touched = np.unique(index)
        target[touched] = whole[touched].astype(target.dtype)


def accumulate_rows(target: np.ndarray, index: np.ndarray, values: np.ndarray) -> None:
    """target[index[k], :] += values[k, :] for every k. `target` (D, R) is contiguous, `values` (K, R)."""
    count, width = values.shape
    if count * width == 0:
        return
    if width == 1:
        accumulate_flat(np.add, target.reshape(-1), index, values.reshape(-1))
        return
    if count * width >= _SPARSE_FROM and target.dtype.kind in "fc" and target.dtype.itemsize >= 4:
        try:
            add_columns = extension("scipy.sparse._sparsetools", "scipy.sparse._sparsetools").csc_matvecs
        except (ImportError, AttributeError):
            pass
        else:
            # column k of the sparse matrix has a single 1 in row index[k]; its product adds the columns to target in order
            ones, places = np.ones(count, target.dtype), np.arange(count + 1)
            rows = np.ascontiguousarray(values, target.dtype)
            add_columns(
                len(target), count, width, places, index.astype(np.int64), ones, rows.ravel(), target.ravel()
            )
            return
    linear = index.astype(np.intp, copy=False)[:, None] * width + np.arange(width)
    accumulate_flat(np.add, target.reshape(-1), linear.reshape(-1), values.reshape(-1))


def _rows_first(self: np.ndarray, dim: int) -> np.ndarray:
    """`self` with `dim` in front, as a contiguous matrix (size of dim, rest); a view where memory allows."""
    moved = np.moveaxis(self, dim, 0)
    return np.ascontiguousarray(moved).reshape(moved.shape[0], math.prod(moved.shape[1:]))


def _check_index_func(
    operator: str, self: np.ndarray, dim: int, index: np.ndarray, source: np.ndarray
) -> None:
    if index.ndim > 1:
        raise IndexError(
            f"{operator}_(): Index is supposed to be a vector, but got dim: {index.ndim} with type: "
            f"{scalar_type_name(index.dtype)} and size: {shape_text(index.shape)}"
        )
    if index.dtype != np.int64 and index.dtype != np.int32:
        raise RuntimeError(
            f"{operator}_(): Expected dtype int32/int64 for index but got: {scalar_type_name(index.dtype)}"
        )
    if self.dtype != source.dtype:
        raise RuntimeError(
            f"{operator}_(): self ({scalar_type_name(self.dtype)}) and source ({scalar_type_name(source.dtype)}) "
            "must have the same scalar type"
        )
    if dim != 0 and dim >= source.ndim:
        raise RuntimeError(
            f"{operator}_(): Indexing dim {dim} is out of bounds of the source tensor with dim {source.ndim}"
        )
    expected = source.shape[dim] if source.ndim else 1
    if index.size != expected:
        if source.ndim == 0:
            raise IndexError("Dimension specified as 0 but tensor has no dimensions")
        raise RuntimeError(
            f"{operator}_(): Number of indices ({index.size}) should be equal to source.size(dim): ({expected}), "
            f"for dim: {dim}"
        )
    own, given = list(self.shape), list(source.shape)
    del own[dim : dim + 1], given[dim : dim + 1]
    if own != given or self.ndim != source.ndim:
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got "
            f"self.shape = {shape_text(self.shape)} source.shape = {shape_text(source.shape)}"
        )


def index_add(self: np.ndarray, dim: int, index: np.ndarray, source: np.ndarray, alpha: Any) -> None:
    """Add alpha times the slices of `source` along `dim` to the slices of `self` at `index`."""
    _check_index_func("index_add", self, dim, index, source)
    whole = self.reshape(1) if self.ndim == 0 else self
    given = source.reshape(1) if source.ndim == 0 else source
    size = whole.shape[dim]
    value = first_outside(index, size)
    if value is not None:
        if whole.ndim == 1 or 0 < dim < whole.ndim - 1:
            raise IndexError("index out of range in self")
        raise RuntimeError(f"index {value} is out of bounds for dimension {dim} with size {size}")
    if alpha != 1:
        factor = np.asarray(alpha).astype(_wide(self.dtype))
        given = given.astype(_wide(self.dtype)) * factor
    target = _rows_first(whole, dim)
    accumulate_rows(target, index.ravel(), _rows_first(given, dim))
    _write_back(whole, dim, target)


def _write_back(whole: np.ndarray, dim: int, target: np.ndarray) -> None:
    if not np.shares_memory(whole, target):
        moved = np.moveaxis(whole, dim, 0)
        moved[...] = target.reshape(moved.shape)


_UFUNCS = {
    "sum": np.add,
    "mean": np.add,
    "prod": np.multiply,
    "amax": np.maximum,
    "amin": np.minimum,
}


def _identity(reduce: str, dtype: np.dtype[Any]) -> Any:
    """The value with which a reduction starts when the previous contents do not count."""
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if dtype == np.bool_:
        return reduce == "amin"
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return limits.min if reduce == "amax" else limits.max
    return -np.inf if reduce == "amax" else np.inf


def reduce_flat(
    reduce: str, target: np.ndarray, index: np.ndarray, values: np.ndarray, include_self: bool
) -> None:
    """Reduce `values` into the contiguous vector `target` at `index`, with torch's five reductions.

    Without include_self the previous contents of the touched cells are forgotten first. The mean divides by the number of
    values, and integers divide rounding down.
    """
    dtype = target.dtype
    if dtype.kind == "c" and reduce in ("amax", "amin"):
        raise NotImplementedError(
            f"\"scatter_gather_tensor_cpu_reduce_{reduce}\" not implemented for '{scalar_type_name(dtype)}'"
        )
    index = index.astype(np.intp, copy=False)
    if not include_self:
        target[index] = np.asarray(_identity(reduce, dtype)).astype(dtype)
    if index.size == 0:
        return
    if reduce != "mean":
        accumulate_flat(_UFUNCS[reduce], target, index, values)
        return
    wide = _wide(dtype)
    sums = target.astype(wide)
    accumulate_flat(np.add, sums, index, values.astype(wide))
    counts = np.bincount(index, minlength=target.size)
    touched = np.flatnonzero(counts)
    divisor = counts[touched] + (1 if include_self else 0)
    if dtype.kind in "iu":
        target[touched] = np.floor_divide(sums[touched], divisor)
    elif dtype == np.bool_:
        target[touched] = sums[touched]
    else:
        target[touched] = (sums[touched] / divisor.astype(wide)).astype(dtype)


def index_reduce(
    self: np.ndarray, dim: int, index: np.ndarray, source: np.ndarray, reduce: str, include_self: bool
) -> None:
    """Reduce the slices of `source` along `dim` into the slices of `self` at `index` (prod, mean, amax or amin)."""
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(
            f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}."
        )
    _check_index_func("index_reduce", self, dim, index, source)
    whole = self.reshape(1) if self.ndim == 0 else self
    given = source.reshape(1) if source.ndim == 0 else source
    if ((index < 0) | (index >= whole.shape[dim])).any():
        raise IndexError("index out of range in self")
    target = _rows_first(whole, dim)
    width = target.shape[1]
    linear = index.ravel().astype(np.intp)[:, None] * width + np.arange(width)
    reduce_flat(
        reduce, target.reshape(-1), linear.reshape(-1), _rows_first(given, dim).reshape(-1), include_self
    )
    _write_back(whole, dim, target)


def check_scatter(
    self: np.ndarray, dim: int, index: np.ndarray, source: np.ndarray | None, operator: str = "scatter"
) -> None:
    """torch's checks of scatter's dtypes and shapes; index values are checked where they are used."""
    if index.size and index.dtype != np.int64 and index.dtype != np.int32:
        raise RuntimeError(f"{operator}(): Expected dtype int32/int64 for index")
    if source is not None and source.dtype != self.dtype:
        raise RuntimeError(f"{operator}(): Expected self.dtype to be equal to src.dtype")
    if index.size == 0:
        return
    own, places = self.shape or (1,), index.shape or (1,)
    if len(own) != len(places):
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    wrong = any(size > own[place] for place, size in enumerate(places) if place != dim)
    if source is None:
        if wrong:
            raise RuntimeError(
                f"Expected index {shape_text(index.shape)} to be no larger than self {shape_text(self.shape)} apart from "
                f"dimension {dim}"
            )
        return
    given = source.shape or (1,)
    for place, size in enumerate(places):  # as far as torch looks before it compares the ranks
        if wrong:
            break
        if place >= len(given):
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-len(given)}, {len(given) - 1}], but got {place})"
            )
        wrong = size > given[place]
    if len(given) != len(places):
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    if wrong:
        raise RuntimeError(
            f"Expected index {shape_text(index.shape)} to be no larger than self {shape_text(self.shape)} apart from "
            f"dimension {dim} and to be no larger size than src {shape_text(source.shape)}"
        )


def linear_index(shape: tuple[int, ...], dim: int, index: np.ndarray) -> np.ndarray:
    """Positions in the flattened array of `shape` that gather and scatter along `dim` address; checks the range."""
    size = shape[dim]
    value = first_outside(index, size)
    if value is not None:
        raise RuntimeError(f"index {value} is out of bounds for dimension {dim} with size {size}")
    steps = [math.prod(shape[place + 1 :]) for place in range(len(shape))]
    linear = index if steps[dim] == 1 else index * steps[dim]
    for place, length in enumerate(index.shape):
        if place != dim and length > 1:
            line = (
                np.arange(0, length * steps[place], steps[place])
                if steps[place]
                else np.zeros(length, np.intp)
            )
            linear = linear + line.reshape((-1,) + (1,) * (len(shape) - 1 - place))
    return np.asarray(linear, np.intp)


def _add_rows_of(self: np.ndarray, dim: int, index: np.ndarray, source: Any) -> bool:
    """`scatter` with a sum where `index` is one column repeated: whole rows are added. False if it is not that, and nothing was done."""
    if (
        dim != 0
        or index.ndim != 2
        or index.strides[1]
        or not (isinstance(source, np.ndarray) and source.ndim == 2)
        or not self.flags.c_contiguous
        or index.shape[1] != self.shape[1]
    ):
        return False
    column = index[:, 0]
    value = first_outside(column, self.shape[0])
    if value is not None:
        raise RuntimeError(f"index {value} is out of bounds for dimension 0 with size {self.shape[0]}")
    accumulate_rows(self, column, source[: index.shape[0], : index.shape[1]])
    return True


def scatter(
    self: np.ndarray,
    dim: int,
    index: np.ndarray,
    source: np.ndarray | Any,
    reduce: str | None = None,
    include_self: bool = True,
) -> None:
    """self[index[i][j]][j] = source[i][j] along dim 0, and so on; with `reduce`, the values are combined instead.

    `source` is an array at least as large as `index`, or one value.
    """
    if index.size == 0:
        return
    shape = self.shape or (1,)
    positions = index.reshape(index.shape or (1,))
    if reduce == "sum" and include_self and _add_rows_of(self, dim, positions, source):
        return
    linear = linear_index(shape, dim, positions).reshape(-1)
    if isinstance(source, np.ndarray) and source.ndim:
        values = source[tuple(slice(size) for size in positions.shape)].reshape(-1)
    else:
        values = np.broadcast_to(
            source.astype(self.dtype)
            if isinstance(source, np.ndarray)
            else checked_scalar(source, self.dtype),
            positions.size,
        )
    if reduce is None and not self.flags.c_contiguous:
        self.flat[linear] = values
        return
    target = np.ascontiguousarray(self).reshape(-1)
    if reduce is None:
        target[linear] = values
    else:
        reduce_flat(reduce, target, linear, values, include_self)
    if not np.shares_memory(target, self):
        self[...] = target.reshape(self.shape)


def old_reduction(reduce: str) -> str:
    """torch.scatter's names of reductions, as scatter_reduce calls them."""
    if reduce not in ("add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    return "sum" if reduce == "add" else "prod"


def check_reduction(reduce: str) -> None:
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
