"""Complex numbers as pairs of real ones and back, and views that conjugate or negate."""

from __future__ import annotations

import numpy as np

from .._core import layout
from .._core.declare import composite, find, view
from .._core.storage import offset_of_array, restride
from .._core.warning import warn_once
from .conversion import clone
from .view_parts import select
from .views import _legacy


def _refuse_conjugated(args):
    if args[0].is_conj():
        raise RuntimeError(
            "view_as_real doesn't work on unresolved conjugated tensors.  To resolve the conjugate tensor so you can view it as real, use "
            "self.resolve_conj(); however, be warned that the resulting tensor will NOT alias the original."
        )


@view("view_as_real(Tensor(a) self) -> Tensor(a)", refuses_lazy=_refuse_conjugated)
def view_as_real(self):
    if self.dtype.kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")
    part = self.real.dtype
    if self.ndim and layout.in_rows(self):
        return self.view(part).reshape((*self.shape, 2))
    return restride(self.real, (*self.shape, 2), (*self.strides, part.itemsize))


view_as_real.vjp(self=lambda grad: view_as_complex(grad.contiguous()))


@view("view_as_complex(Tensor(a) self) -> Tensor(a)")
def view_as_complex(self):
    kinds = {"float32": np.complex64, "float64": np.complex128}
    if self.dtype.name not in kinds and not (self.dtype.name == "float16" and self.shape[-1:] != (2,)):
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
            + _legacy(self)
        )
    if not self.ndim:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if self.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if not self.size:
        return np.empty(self.shape[:-1], kinds[self.dtype.name])
    if self.strides[-1] != self.itemsize:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    for dim in range(self.ndim - 1):
        if self.strides[dim] // self.itemsize % 2:
            raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    if offset_of_array(self) % 2:
        raise RuntimeError("Tensor must have a storage_offset divisible by 2")
    wide = self.view(kinds[self.dtype.name])
    return wide[..., 0]


view_as_complex.vjp(self=lambda grad: view_as_real(grad))


@composite("real(Tensor(a) self) -> Tensor(a)", out=False)
def real(self):
    """The real parts, sharing memory; a real tensor itself."""
    return select.call(view_as_real.call(_as_stored(self)), -1, 0) if self.is_complex() else self


def _as_stored(self):
    return self.conj() if self.is_conj() else self


@composite("imag(Tensor(a) self) -> Tensor(a)", out=False)
def imag(self):
    """The imaginary parts, sharing memory. Raises RuntimeError for real tensors."""
    if not self.is_complex():
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    parts = view_as_real.call(_as_stored(self))
    return select.call(find("_neg_view").call(parts) if self.is_conj() else parts, -1, 1)


@composite("resolve_conj(Tensor(a) self) -> Tensor(a)", out=False)
def resolve_conj(self):
    """This tensor, or a copy of a conjugated view."""
    return clone.call(self, None) if self.is_conj() else self


@composite("resolve_neg(Tensor(a) self) -> Tensor(a)", out=False)
def resolve_neg(self):
    """This tensor, or a copy of a negated view."""
    return clone.call(self, None) if self.is_neg() else self


_conj = view(
    "_conj(Tensor(a) self) -> Tensor(a)", lambda self: self[...], node="ConjBackward0", toggles="conjugate"
)
_conj.vjp(self=lambda grad: conjugate.kernel(grad))
_neg_view = view("_neg_view(Tensor(a) self) -> Tensor(a)", lambda self: self[...], toggles="negative")
_neg_view.vjp(self=lambda grad: -grad)


@composite("conj(Tensor(a) self) -> Tensor(a)", out=False)
def conjugate(self):
    """The complex conjugate: a view; real tensors are returned as they are."""
    if not self._key._dtype.is_complex:
        return self
    if self._key._special in _IN_MEMORY:
        return _conj.call(self)
    return find("conj_physical").call(self)  # under a transformation the elements are worked out at once


_IN_MEMORY = (None, "strided", "meta", "lazy")


@composite("adjoint(Tensor(a) self) -> Tensor(a)", out=False)
def adjoint(self):
    """The conjugate transpose of the last two dimensions."""
    if self.dim() < 2:
        if not self.dim():
            warn_once("adjoint() is deprecated on 0-D tensors. Consider using x.conj().")
            return self
        raise RuntimeError(
            "tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor."
        )
    return conjugate.kernel(self.transpose(-2, -1))
