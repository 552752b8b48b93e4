"""Reductions on arrays: sums, products, extrema, moments, norms.

`dim` is a tuple of non-negative ints; None or () stands for all dimensions unless said otherwise. Sums of float32 are
pairwise whatever the axis, integers are summed in int64, float16 and bfloat16 in float32.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinytorch._kernels.dtype_names import is_float, is_low_precision, not_implemented, scalar_name
from tinytorch._kernels.scalar_types import converted

Dims = tuple[int, ...] | None
CHUNK = 128


def axes_of(array: np.ndarray, dim: Dims) -> tuple[int, ...]:
    """The axes that dim names; every axis for None and ()."""
    return tuple(d for d in dim if d < array.ndim) if dim else tuple(range(array.ndim))


def _reduced_shape(array: np.ndarray, axes: tuple[int, ...], keepdim: bool) -> tuple[int, ...]:
    if keepdim:
        return tuple(1 if i in axes else n for i, n in enumerate(array.shape))
    return tuple(n for i, n in enumerate(array.shape) if i not in axes)


#: Rows that BLAS adds up: with its 32 or more running sums, so few elements come out closer to the truth, and three times as fast, than
#: NumPy's eight sums give them.
SHORT_ROW = 512
#: Elements from which the sum of all is taken by pieces of that length.
LARGE = 1 << 15
_ONES = {kind: np.ones(SHORT_ROW, kind) for kind in "fd"}


def row_sums(rows: np.ndarray) -> np.ndarray:
    """The sums (...) of rows (..., D)."""
    ones = _ONES.get(rows.dtype.char)
    if ones is None or rows.shape[-1] > SHORT_ROW:
        return np.add.reduce(rows, axis=-1, out=...)
    return np.vecdot(rows, ones[: rows.shape[-1]], out=...)


def _whole_sum(array: np.ndarray) -> np.ndarray:
    """The sum of a large contiguous array, as a 0-d array: of the sums of its pieces."""
    flat, ones = array.reshape(-1), _ONES[array.dtype.char]
    rest = flat.size % SHORT_ROW
    total = np.add.reduce(np.vecdot(flat[: flat.size - rest].reshape(-1, SHORT_ROW), ones), out=...)
    return np.add(total, np.vecdot(flat[flat.size - rest :], ones[:rest]), out=...) if rest else total


def precise_sum(array: np.ndarray, axes: tuple[int, ...], keepdim: bool = False) -> np.ndarray:
    """NumPy's sum, but pairwise also where NumPy would add row to row."""
    if (
        len(axes) == array.ndim
        and array.size >= LARGE
        and array.flags.c_contiguous
        and array.dtype.char in _ONES
    ):
        return _whole_sum(array).reshape((1,) * array.ndim if keepdim else ())
    if array.dtype.kind not in "fc" or not axes or array.size <= 4096 or len(axes) == array.ndim:
        return np.add.reduce(array, axis=axes, keepdims=keepdim, out=...)
    if array.ndim - 1 in axes and array.flags.c_contiguous:  # rows first: they are read in order
        lead = array.ndim - 1
        while lead - 1 in axes:
            lead -= 1
        partial = row_sums(array.reshape(*array.shape[:lead], math.prod(array.shape[lead:])))
        rest = tuple([a for a in axes if a < lead])
        return precise_sum(partial, rest).reshape(_reduced_shape(array, axes, keepdim))
    rows = math.prod(array.shape[a] for a in axes)
    if rows <= CHUNK or axes == (array.ndim - 1,):
        return np.add.reduce(array, axis=axes, keepdims=keepdim, out=...)
    kept = [i for i in range(array.ndim) if i not in axes]
    table = array.transpose([*axes, *kept]).reshape(rows, -1)  # (rows, columns)
    while table.shape[0] > CHUNK:
        whole = table.shape[0] // CHUNK * CHUNK
        partial = np.add.reduce(table[:whole].reshape(-1, CHUNK, table.shape[1]), axis=1)
        table = np.concatenate([partial, table[whole:]]) if whole < table.shape[0] else partial
    return np.add.reduce(table, axis=0).reshape(_reduced_shape(array, axes, keepdim))


def expanded(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """One number (0-d) seen as an array of `shape`, all strides 0."""
    if 0 in shape:  # np.ndarray would leave no trace of strides asked for
        return as_strided(value, shape, (0,) * len(shape))
    return np.ndarray(shape, value.dtype, value, 0, (0,) * len(shape))


def sum(
    self: np.ndarray, dim: Dims = None, keepdim: bool = False, dtype: np.dtype | None = None
) -> np.ndarray:
    """The sum over dim."""
    if dim is None and dtype is None and self.size <= 512 and self.dtype.char in "fd":
        return np.add.reduce(self, axis=None, keepdims=keepdim, out=...)
    axes = axes_of(self, dim)
    target = dtype if dtype is not None else self.dtype
    if dtype is None and target.kind in "biu":
        target = np.dtype(np.int64)
    if target.kind == "b":
        return np.logical_or.reduce(self, axis=axes, keepdims=keepdim, out=...)
    if target.kind in "iu":
        source = self if self.dtype.kind in "biu" else converted(self, target)
        return np.add.reduce(source, axis=axes, keepdims=keepdim, dtype=target, out=...)
    source = converted(self, target)
    if is_low_precision(target):
        return precise_sum(source.astype(np.float32), axes, keepdim).astype(target)
    return precise_sum(source, axes, keepdim)


def mean(
    self: np.ndarray, dim: Dims = None, keepdim: bool = False, dtype: np.dtype | None = None
) -> np.ndarray:
    """The sum over dim divided by the number of elements; nan for none."""
    target = dtype if dtype is not None else self.dtype
    axes = axes_of(self, dim)
    count = math.prod(self.shape[a] for a in axes)
    low = is_low_precision(target)
    source = converted(self, target)
    total = precise_sum(source.astype(np.float32) if low else source, axes, keepdim)
    np.divide(total, total.dtype.type(count), out=total)
    return total.astype(target) if low else total


def prod_all(self: np.ndarray, dtype: np.dtype | None = None) -> np.ndarray:
    """The product of all elements."""
    return _product(self, tuple(range(self.ndim)), False, dtype)


def prod_dim(self: np.ndarray, dim: int, keepdim: bool = False, dtype: np.dtype | None = None) -> np.ndarray:
    """The product along dim."""
    return _product(self, (dim,) if self.ndim else (), keepdim, dtype)


def _product(self: np.ndarray, axes: tuple[int, ...], keepdim: bool, dtype: np.dtype | None) -> np.ndarray:
    target = dtype if dtype is not None else np.dtype(np.int64) if self.dtype.kind in "biu" else self.dtype
    if target.kind == "b":
        return np.logical_and.reduce(self, axis=axes, keepdims=keepdim, out=...)
    source = converted(self, target)
    if is_low_precision(target):
        return np.multiply.reduce(source.astype(np.float32), axis=axes, keepdims=keepdim, out=...).astype(
            target
        )
    return np.multiply.reduce(source, axis=axes, keepdims=keepdim, dtype=target, out=...)


def _check_nonempty(name: str, self: np.ndarray, dim: Dims) -> None:
    if self.size:
        return
    if not dim:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
            "Specify the reduction dim with the 'dim' argument."
        )
    for d in dim:
        if self.ndim and self.shape[d] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")


def _refuse_complex(self: np.ndarray, kernel: str) -> None:
    if self.dtype.kind == "c":
        not_implemented(kernel, self.dtype)


def amax(self: np.ndarray, dim: Dims = (), keepdim: bool = False) -> np.ndarray:
    """The largest value over dim, nan if there is one."""
    _refuse_complex(self, "max_values_cpu")
    return np.maximum.reduce(self, axis=axes_of(self, dim), keepdims=keepdim, out=...)


def amin(self: np.ndarray, dim: Dims = (), keepdim: bool = False) -> np.ndarray:
    """The smallest value over dim, nan if there is one."""
    _refuse_complex(self, "min_values_cpu")
    return np.minimum.reduce(self, axis=axes_of(self, dim), keepdims=keepdim, out=...)


def max_all(self: np.ndarray) -> np.ndarray:
    """The largest value of all."""
    _check_nonempty("max", self, ())
    _refuse_complex(self, "max_all")
    return np.maximum.reduce(self, axis=None, out=...)


def min_all(self: np.ndarray) -> np.ndarray:
    """The smallest value of all."""
    _check_nonempty("min", self, ())
    _refuse_complex(self, "min_all")
    return np.minimum.reduce(self, axis=None, out=...)


def _extreme_with_index(
    name: str, self: np.ndarray, dim: int, keepdim: bool
) -> tuple[np.ndarray, np.ndarray]:
    if self.dtype.kind == "c":
        raise RuntimeError(f"{name}(): does not support complex input")
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    _check_nonempty(name, self, (dim,))
    search = np.argmax if name == "max" else np.argmin
    index = np.asarray(search(_comparable(self), axis=dim, keepdims=True))
    values = np.take_along_axis(self, index, axis=dim)
    if keepdim:
        return values, index
    return values.squeeze(dim), index.squeeze(dim)


def _comparable(self: np.ndarray) -> np.ndarray:
    """bfloat16 has no argmax of its own."""
    return self.astype(np.float32) if is_low_precision(self.dtype) else self


def max_dim(self: np.ndarray, dim: int, keepdim: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The largest values along dim, and where each first stands."""
    return _extreme_with_index("max", self, dim, keepdim)


def min_dim(self: np.ndarray, dim: int, keepdim: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The smallest values along dim, and where each first stands."""
    return _extreme_with_index("min", self, dim, keepdim)


def _arg_extreme(name: str, self: np.ndarray, dim: int | None, keepdim: bool) -> np.ndarray:
    if self.dtype.kind in "cb":
        kind = "complex" if self.dtype.kind == "c" else "bool"
        raise RuntimeError(f"{name}(): does not support {kind} input")
    if self.size == 0:
        if dim is None:
            raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        _check_nonempty(name, self, (dim,))
    search = np.argmax if name == "argmax" else np.argmin
    if dim is None or self.ndim == 0:
        shape = (1,) * self.ndim if keepdim else ()
        return np.asarray(search(_comparable(self).reshape(-1)), np.int64).reshape(shape)
    return np.asarray(search(_comparable(self), axis=dim, keepdims=keepdim))


def argmax(self: np.ndarray, dim: int | None = None, keepdim: bool = False) -> np.ndarray:
    """Where the largest value first stands."""
    return _arg_extreme("argmax", self, dim, keepdim)


def argmin(self: np.ndarray, dim: int | None = None, keepdim: bool = False) -> np.ndarray:
    """Where the smallest value first stands."""
    return _arg_extreme("argmin", self, dim, keepdim)


def aminmax(self: np.ndarray, dim: int | None = None, keepdim: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and the largest value, over dim or over everything."""
    if self.size == 0 and dim is None:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    if self.size == 0 and dim is not None and self.ndim and self.shape[dim] == 0:
        raise IndexError(f"aminmax: Expected reduction dim {dim} to have non-zero size.")
    _refuse_complex(self, "aminmax_cpu")
    axes = axes_of(self, None if dim is None else (dim,))
    return (
        np.minimum.reduce(self, axis=axes, keepdims=keepdim, out=...),
        np.maximum.reduce(self, axis=axes, keepdims=keepdim, out=...),
    )


def all(self: np.ndarray, dim: Dims = None, keepdim: bool = False) -> np.ndarray:
    """Whether every element is nonzero; uint8 answers in uint8. An empty tuple reduces nothing."""
    axes = tuple(range(self.ndim)) if dim is None else tuple(d for d in dim if d < self.ndim)
    result = np.logical_and.reduce(self, axis=axes, keepdims=keepdim, out=...)
    return result.astype(np.uint8 if self.dtype == np.uint8 else bool, copy=False)


def any(self: np.ndarray, dim: Dims = None, keepdim: bool = False) -> np.ndarray:
    """Whether some element is nonzero; uint8 answers in uint8. An empty tuple reduces nothing."""
    axes = tuple(range(self.ndim)) if dim is None else tuple(d for d in dim if d < self.ndim)
    result = np.logical_or.reduce(self, axis=axes, keepdims=keepdim, out=...)
    return result.astype(np.uint8 if self.dtype == np.uint8 else bool, copy=False)


def _lose_infinities(average: np.ndarray, values: np.ndarray, axes: tuple[int, ...]) -> None:
    """Make infinite means nan where anything follows the infinity, as torch's running means do."""
    pairs = [(average, values)]
    if values.dtype.kind == "c":
        pairs = [(average.real, values.real), (average.imag, values.imag)]
    for mean, part in pairs:
        rows = np.moveaxis(part, axes, range(-len(axes), 0)) if axes else part[..., None]
        rows = rows.reshape(*rows.shape[: rows.ndim - max(len(axes), 1)], -1)
        lost = ~np.isfinite(rows[..., :-1]).all(axis=-1)
        np.copyto(mean, np.nan, where=np.isinf(mean) & lost.reshape(mean.shape))


def moments(
    self: np.ndarray, dim: Dims, correction: float, keepdim: bool, name: str = "std and var"
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Variance and mean over dim, and whether the degrees of freedom ran out."""
    if not (is_float(self.dtype) or self.dtype.kind == "c"):
        raise RuntimeError(f"{name} only support floating point and complex dtypes")
    axes = axes_of(self, dim)
    count = math.prod(self.shape[a] for a in axes)
    dtype = self.dtype
    wide = self
    if is_low_precision(dtype):
        wide = self.astype(np.float32)
    elif self.size <= 1 << 16 and dtype in (np.float32, np.complex64):
        wide = self.astype(np.float64 if dtype == np.float32 else np.complex128)
    average = precise_sum(wide, axes, True)
    parts = (average.real, average.imag) if wide.dtype.kind == "c" else (average,)
    for part in parts:
        np.divide(part, part.dtype.type(count), out=part)
    if not np.isfinite(average).all():
        _lose_infinities(average, wide, axes)
    centred = np.subtract(wide, average, out=...)
    if centred.dtype.kind == "c":
        squares = centred.real**2 + centred.imag**2
    else:
        squares = np.square(centred, out=centred)
    variance = precise_sum(np.asarray(squares), axes, keepdim)
    freedom = max(count - correction, 0)
    np.divide(variance, variance.dtype.type(freedom), out=variance)
    real = np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype
    average = average.reshape(_reduced_shape(self, axes, keepdim)).astype(dtype, copy=False)
    # without results torch takes none to be reduced to each
    each = count if math.prod(_reduced_shape(self, axes, False)) else 0
    return variance.astype(real, copy=False), average, each - correction <= 0


def logsumexp(self: np.ndarray, dim: Dims, keepdim: bool = False) -> np.ndarray:
    """log of the sum of exp over dim; arrays are floating or complex."""
    axes = axes_of(self, dim)
    if self.size == 0:
        return np.log(np.add.reduce(np.exp(self), axis=axes, keepdims=keepdim, out=...), out=...)
    top = (self.real if self.dtype.kind == "c" else self).max(axis=axes, keepdims=True)
    top = np.where(np.isinf(top), np.asarray(0, top.dtype), top)
    shifted = np.subtract(self, top, out=...)
    np.exp(shifted, out=shifted)
    total = precise_sum(shifted, axes, True)
    np.log(total, out=total)
    np.add(total, top, out=total)
    return total.reshape(_reduced_shape(self, axes, keepdim))


def vector_norm(
    self: np.ndarray,
    ord: float = 2,
    dim: Dims = None,
    keepdim: bool = False,
    dtype: np.dtype | None = None,
) -> np.ndarray:
    """The ord-norm of the values over dim: ord 0 counts, inf and -inf are the extremes."""
    _check_norm(self, ord, dim, dtype)
    source = self if dtype is None or self.dtype == dtype else self.astype(dtype)
    target = np.dtype(f"f{source.dtype.itemsize // 2}") if source.dtype.kind == "c" else source.dtype
    magnitude = np.abs(source.astype(np.float32) if is_low_precision(source.dtype) else source, out=...)
    axes = axes_of(self, dim)
    if ord == 0:
        return np.asarray(np.count_nonzero(magnitude, axis=axes, keepdims=keepdim)).astype(target)
    if ord == math.inf:
        return np.maximum.reduce(magnitude, axis=axes, keepdims=keepdim, out=...).astype(target, copy=False)
    if ord == -math.inf:
        return np.minimum.reduce(magnitude, axis=axes, keepdims=keepdim, out=...).astype(target, copy=False)
    if math.prod(self.shape[a] for a in axes) == 1:
        # A single value: its magnitude, without the rounding of root and power.
        return magnitude.reshape(_reduced_shape(self, axes, keepdim)).astype(target, copy=False)
    if ord == 1:
        return precise_sum(magnitude, axes, keepdim).astype(target, copy=False)
    if ord == 2:
        total = precise_sum(np.square(magnitude, out=magnitude), axes, keepdim)
        return np.sqrt(total, out=total).astype(target, copy=False)
    exponent = magnitude.dtype.type(ord)
    total = precise_sum(np.power(magnitude, exponent, out=...), axes, keepdim)
    return np.power(total, magnitude.dtype.type(1 / ord), out=...).astype(target, copy=False)


def _check_norm(self: np.ndarray, ord: float, dim: Dims, dtype: np.dtype | None) -> None:
    if not (is_float(self.dtype) or self.dtype.kind == "c"):
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. "
            f"Got {scalar_name(self.dtype)}"
        )
    if dtype is not None:
        if not (is_float(dtype) or dtype.kind == "c"):
            raise RuntimeError(
                "linalg.vector_norm: dtype should be floating point or complex, but got " + scalar_name(dtype)
            )
        if (self.dtype.kind == "c") != (dtype.kind == "c"):
            raise RuntimeError(
                f"linalg.vector_norm: dtype should be {'complex' if self.dtype.kind == 'c' else 'real'} for "
                f"{'complex' if self.dtype.kind == 'c' else 'real'} inputs, but got {scalar_name(dtype)}"
            )
        if dtype.itemsize < self.dtype.itemsize:
            raise RuntimeError(
                f"linalg.vector_norm: the dtype of the input ({scalar_name(self.dtype)}) should be convertible "
                f"without narrowing to the specified dtype ({scalar_name(dtype)})"
            )
    if self.size == 0 and (ord < 0 or ord == math.inf):
        shown = "inf" if ord == math.inf else "-inf" if ord == -math.inf else f"{ord:g}"
        if not dim:
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {shown} norm on an empty tensor because the operation does "
                "not have an identity"
            )
        for d in dim:
            if self.shape[d] == 0:
                raise RuntimeError(
                    f"linalg.vector_norm cannot compute the {shown} norm on the dimension {d}because this dimension "
                    "is empty and the operation does not have an identity"
                )


def nansum(
    self: np.ndarray, dim: Dims = None, keepdim: bool = False, dtype: np.dtype | None = None
) -> np.ndarray:
    """The sum that takes nan for zero."""
    if self.dtype.kind == "c":
        raise RuntimeError("nansum on CPU does not support complex inputs")
    if is_float(self.dtype):
        self = np.where(np.isnan(self), self.dtype.type(0), self)
    return sum(self, dim, keepdim, dtype)


def count_nonzero(self: np.ndarray, dim: Dims = None) -> np.ndarray:
    """How many elements are not zero."""
    return np.asarray(np.count_nonzero(self, axis=axes_of(self, dim)), np.int64)


def renorm(self: np.ndarray, p: float, dim: int, maxnorm: float) -> np.ndarray:
    """Every slice along dim scaled down to the p-norm maxnorm if it is longer."""
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    if self.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {self.ndim} dimensions")
    axes = tuple(i for i in range(self.ndim) if i != dim)
    wide = self.astype(np.float32) if is_low_precision(self.dtype) else self
    length = vector_norm(wide, p, axes, True)
    factor = np.where(length > maxnorm, length.dtype.type(maxnorm) / (length + length.dtype.type(1e-7)), 1)
    return np.multiply(wide, factor.astype(length.dtype)).astype(self.dtype, copy=False)
