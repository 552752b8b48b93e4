"""Discrete Fourier transforms: three primitives (complex, real to complex, complex to real), and torch.fft made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinytorch._core import dtypes
from tinytorch._core.declare import composite, find, op
from tinytorch._core.dispatch import wrap_dim
from tinytorch._kernels import fourier as kernels
from tinytorch._kernels.scalar_types import scalar_type_name
from tinytorch._operators.factories import factory

Dims = Sequence[int]

fft_c2c = op(
    "_fft_c2c(Tensor self, SymInt[] dim, int normalization, bool forward) -> Tensor",
    kernels.c2c,
    node="FftC2CBackward0",
    method=False,
)
fft_c2c.vjp(self=lambda grad, dim, normalization, forward: fft_c2c(grad, dim, normalization, not forward))

fft_r2c = op(
    "_fft_r2c(Tensor self, int[] dim, int normalization, bool onesided) -> Tensor",
    kernels.r2c,
    node="FftR2CBackward0",
    method=False,
)
fft_c2r = op(
    "_fft_c2r(Tensor self, int[] dim, int normalization, SymInt last_dim_size) -> Tensor",
    kernels.c2r,
    node="FftC2RBackward0",
    method=False,
)


def _r2c_vjp(grad: Any, dim: Dims, normalization: int, onesided: bool, self: Any) -> Any:
    """The real part of the transform back; frequencies that were left out have no cotangent."""
    if onesided:
        last = dim[-1]
        missing = self.shape[last] - grad.shape[last]
        if missing > 0:
            size = list(grad.shape)
            size[last] = missing
            grad = find("cat").call([grad, grad.new_zeros(size)], last)
    return fft_c2c(grad, dim, normalization, False).real


fft_r2c.vjp(
    self=lambda grad, dim, normalization, onesided, self: _r2c_vjp(grad, dim, normalization, onesided, self)
)


def _c2r_vjp(grad: Any, dim: Dims, normalization: int) -> Any:
    """Frequencies that stand for themselves and their mirror image count twice."""
    result = fft_r2c(grad, dim, normalization, True)
    last = dim[-1]
    doubled = grad.shape[last] - result.shape[last]
    if doubled <= 0:
        return result
    weights = result.new_ones(result.shape[last]).real
    weights[1 : 1 + doubled] = 2
    return result * weights.reshape([-1 if d == last else 1 for d in range(result.dim())])


fft_c2r.vjp(self=lambda grad, dim, normalization: _c2r_vjp(grad, dim, normalization))


# Arguments -------------------------------------------------------------------------------------------------------------


def _normalization(norm: str | None, forward: bool) -> int:
    if norm is None or norm == "backward":
        return 0 if forward else 2
    if norm == "forward":
        return 2 if forward else 0
    if norm == "ortho":
        return 1
    raise RuntimeError(f'Invalid normalization mode: "{norm}"')


def _promoted(self: Any, to_complex: bool = False) -> Any:
    kind = self.dtype
    if kind._category in ("bool", "int"):
        kind = dtypes.defaults.dtype
    elif kind.itemsize == 2:
        raise RuntimeError(f"Unsupported dtype {scalar_type_name(kind._numpy)}")
    if to_complex and kind._category != "complex":
        kind = dtypes.complex64 if kind is dtypes.float32 else dtypes.complex128
    return self if kind is self.dtype else self.to(kind)


def _dim(self: Any, dim: int) -> int:
    if not self.dim():
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return wrap_dim(dim, self.dim())


def _points(self: Any, n: int | None, dim: int) -> int:
    count = self.shape[dim] if n is None else n
    if count < 1:
        raise RuntimeError(f"Invalid number of data points ({count}) specified")
    return count


def _resized(self: Any, dims: Dims, sizes: Dims) -> Any:
    """`self` cut or filled with zeros to `sizes` along `dims`; -1 leaves a dimension as it is."""
    padding = [0] * (2 * self.dim())
    must_pad = False
    for dim, size in reversed(list(zip(dims, sizes, strict=True))):
        if size == -1:
            continue
        if size < self.shape[dim]:
            self = find("slice", "Tensor").call(self, dim, 0, size, 1)
        elif size > self.shape[dim]:
            must_pad = True
            padding[2 * (self.dim() - 1 - dim) + 1] = size - self.shape[dim]
    return find("constant_pad_nd").call(self, padding, 0) if must_pad else self


def _shape_and_dims(self: Any, s: Dims | None, dim: Dims | None) -> tuple[list[int], list[int]]:
    """The sizes and dimensions of a transform over several dimensions."""
    rank = self.dim()
    if dim is not None:
        if rank == 0 and dim:
            raise IndexError(f"Dimension specified as {dim[0]} but tensor has no dimensions")
        dims = [wrap_dim(d, rank) for d in dim]
        if len(set(dims)) != len(dims):
            raise RuntimeError("FFT dims must be unique")
    if s is not None:
        if dim is not None and len(dim) != len(s):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
        if len(s) > rank:
            raise RuntimeError(f"Got shape with {len(s)} values but input tensor only has {rank} dimensions.")
        if dim is None:
            dims = list(range(rank - len(s), rank))
        sizes = [self.shape[d] if size == -1 else size for d, size in zip(dims, s, strict=True)]
    else:
        if dim is None:
            dims = list(range(rank))
        sizes = [self.shape[d] for d in dims]
    for size in sizes:
        if size <= 0:
            raise RuntimeError(f"Invalid number of data points ({size}) specified")
    return sizes, dims


def _require_real(self: Any, name: str) -> None:
    if self.dtype.is_complex:
        raise RuntimeError(
            f"Only supports floating-point dtypes, but found: {scalar_type_name(self.dtype._numpy)}"
            if name == "ihfftn"
            else f"{name} expects a real{'-valued' if name == 'rfftn' else ''} input tensor, but got "
            f"{scalar_type_name(self.dtype._numpy)}"
        )


# One dimension ---------------------------------------------------------------------------------------------------------


def _r2c(
    name: str, self: Any, n: int | None, dim: int, norm: str | None, forward: bool, onesided: bool
) -> Any:
    _require_real(self, name)
    self = _promoted(self)
    dim = _dim(self, dim)
    count = _points(self, n, dim)
    if n is not None:
        self = _resized(self, [dim], [count])
    result = fft_r2c(self, [dim], _normalization(norm, forward), onesided)
    return result if forward else result.conj()


def _c2c(self: Any, n: int | None, dim: int, norm: str | None, forward: bool) -> Any:
    dim = _dim(self, dim)
    count = _points(self, n, dim)
    if n is not None:
        self = _resized(self, [dim], [count])
    return fft_c2c(self, [dim], _normalization(norm, forward), forward)


def _c2r(self: Any, n: int | None, dim: int, norm: str | None, forward: bool) -> Any:
    self = _promoted(self, True)
    dim = _dim(self, dim)
    count = n if n is not None else 2 * (self.shape[dim] - 1)
    if count < 1:
        raise RuntimeError(f"Invalid number of data points ({count}) specified")
    if n is not None:
        self = _resized(self, [dim], [count // 2 + 1])
    return fft_c2r(self.conj() if forward else self, [dim], _normalization(norm, forward), count)


def _declare(name: str, default: str, function: Any, text: str) -> None:
    function.__doc__ = text
    composite(f"fft_{name}(Tensor self, {default}, str? norm=None) -> Tensor", function, module="fft")


_ONE = "SymInt? n=None, int dim=-1"


def _either(name: str, forward: bool) -> Any:
    def transform(self: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
        if self.dtype.is_complex:
            return _c2c(self, n, dim, norm, forward)
        return _r2c(name, self, n, dim, norm, forward, False)

    return transform


_declare("fft", _ONE, _either("fft", True), "The discrete Fourier transform over one dimension, of n points.")
_declare("ifft", _ONE, _either("ifft", False), "The inverse of fft.")
_declare("rfft", _ONE, lambda self, n=None, dim=-1, norm=None: _r2c("rfft", self, n, dim, norm, True, True),
         "fft of real input, its non-negative frequencies.")  # fmt: skip
_declare(
    "irfft",
    _ONE,
    lambda self, n=None, dim=-1, norm=None: _c2r(self, n, dim, norm, False),
    "The inverse of rfft.",
)
_declare("hfft", _ONE, lambda self, n=None, dim=-1, norm=None: _c2r(self, n, dim, norm, True),
         "fft of a hermitian signal given by its first half: real.")  # fmt: skip
_declare(
    "ihfft",
    _ONE,
    lambda self, n=None, dim=-1, norm=None: _r2c("ihfft", self, n, dim, norm, False, True),
    "The inverse of hfft.",
)


# Several dimensions ----------------------------------------------------------------------------------------------------


def _fftn(self: Any, s: Dims | None, dim: Dims | None, norm: str | None, forward: bool) -> Any:
    sizes, dims = _shape_and_dims(self, s, dim)
    self = _resized(_promoted(self, True), dims, sizes)
    return fft_c2c(self, dims, _normalization(norm, forward), forward)


def _rfftn(self: Any, s: Dims | None, dim: Dims | None, norm: str | None) -> Any:
    _require_real(self, "rfftn")
    sizes, dims = _shape_and_dims(self, s, dim)
    if not dims:
        raise RuntimeError("rfftn must transform at least one axis")
    self = _resized(_promoted(self), dims, sizes)
    return fft_r2c(self, dims, _normalization(norm, True), True)


def _last_points(self: Any, s: Dims | None, dim: Dims | None, name: str) -> tuple[list[int], list[int], int]:
    """Sizes, dimensions and the number of points of the last one in the real result."""
    sizes, dims = _shape_and_dims(self, s, dim)
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    given = s is not None and s[-1] != -1
    points = sizes[-1] if given else 2 * (self.shape[dims[-1]] - 1)
    if points < 1:
        raise RuntimeError(f"Invalid number of data points ({points}) specified")
    sizes[-1] = points // 2 + 1
    return sizes, dims, points


def _irfftn(self: Any, s: Dims | None, dim: Dims | None, norm: str | None) -> Any:
    sizes, dims, points = _last_points(self, s, dim, "irfftn")
    self = _resized(_promoted(self, True), dims, sizes)
    return fft_c2r(self, dims, _normalization(norm, False), points)


def _hfftn(self: Any, s: Dims | None, dim: Dims | None, norm: str | None) -> Any:
    sizes, dims, points = _last_points(self, s, dim, "hfftn")
    self = _resized(_promoted(self, True), dims, sizes)
    scale = _normalization(norm, True)
    first = fft_c2c(self, dims[:-1], scale, True) if len(dims) > 1 else self
    return fft_c2r(first.conj(), dims[-1:], scale, points)


def _ihfftn(self: Any, s: Dims | None, dim: Dims | None, norm: str | None) -> Any:
    _require_real(self, "ihfftn")
    sizes, dims = _shape_and_dims(self, s, dim)
    if not dims:
        raise RuntimeError("ihfftn must transform at least one axis")
    self = _resized(_promoted(self), dims, sizes)
    scale = _normalization(norm, False)
    first = fft_r2c(self, dims[-1:], scale, True)
    if len(dims) == 1:
        return first.conj()
    return fft_c2c(find("conj_physical").call(first), dims[:-1], scale, False)


_SEVERAL = {
    "fft": (
        lambda self, s, dim, norm: _fftn(self, s, dim, norm, True),
        "The discrete Fourier transform over {}.",
    ),
    "ifft": (lambda self, s, dim, norm: _fftn(self, s, dim, norm, False), "The inverse transform over {}."),
    "rfft": (_rfftn, "The transform of real input over {}, with the non-negative frequencies of the last."),
    "irfft": (_irfftn, "The inverse of the transform of real input over {}."),
    "hfft": (_hfftn, "The transform of a hermitian signal over {}: real."),
    "ihfft": (_ihfftn, "The inverse of the transform of a hermitian signal over {}."),
}


def _two(function: Any) -> Any:
    return lambda self, s=None, dim=(-2, -1), norm=None: function(self, s, dim, norm)


def _many(function: Any) -> Any:
    return lambda self, s=None, dim=None, norm=None: function(self, s, dim, norm)


for _name, (_function, _text) in _SEVERAL.items():
    _declare(
        f"{_name}2", "SymInt[1]? s=None, int[1] dim=[-2, -1]", _two(_function), _text.format("two dimensions")
    )
    _declare(
        f"{_name}n",
        "SymInt[1]? s=None, int[1]? dim=None",
        _many(_function),
        _text.format("several dimensions"),
    )


# Frequencies and shifts ------------------------------------------------------------------------------------------------


def _shift(self: Any, dim: Dims | int | None, sign: int) -> Any:
    dims = list(range(self.dim())) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    if not self.dim():
        return self.clone() if dim is None else self.roll([0], dims)
    sizes = [self.shape[wrap_dim(d, self.dim())] for d in dims]
    return self.roll([size // 2 if sign > 0 else (size + 1) // 2 for size in sizes], dims)


composite(
    "fft_fftshift(Tensor self, int[1]? dim=None) -> Tensor",
    lambda self, dim=None: _shift(self, dim, 1),
    module="fft",
    out=False,
)
composite(
    "fft_ifftshift(Tensor self, int[1]? dim=None) -> Tensor",
    lambda self, dim=None: _shift(self, dim, -1),
    module="fft",
    out=False,
)


def _frequencies(n: int, d: float, dtype: Any, onesided: bool) -> np.ndarray:
    kind = (dtype or dtypes.defaults.dtype)._numpy
    result = np.arange(n // 2 + 1 if onesided else n, dtype=kind)
    if not onesided:
        result[(n - 1) // 2 + 1 :] = np.arange(-(n // 2), 0, dtype=kind)
    return result * np.asarray(1.0 / (n * d), kind)


_OPTIONS = "*, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None"


@factory(f"fft_fftfreq(int n, float d=1., {_OPTIONS}) -> Tensor", module="fft")
def fft_fftfreq(n: int, d: float = 1.0, dtype: Any = None) -> np.ndarray:
    """The frequencies of fft's results, for n points d apart."""
    return _frequencies(n, d, dtype, False)


@factory(f"fft_rfftfreq(int n, float d=1., {_OPTIONS}) -> Tensor", module="fft")
def fft_rfftfreq(n: int, d: float = 1.0, dtype: Any = None) -> np.ndarray:
    """The frequencies of rfft's results, for n points d apart."""
    return _frequencies(n, d, dtype, True)
