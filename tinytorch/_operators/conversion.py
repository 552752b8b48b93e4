"""Copies and casts."""

from __future__ import annotations

import numpy as np

from .._core import dtypes, layout, layouts
from .._core.construct import cast_array
from .._core.declare import composite, op, update
from .._core.device import device as device_class
from .._core.device import refuse_transfer
from .._core.dispatch import meta_tensor
from .._core.tensor import Tensor
from .._core.warning import warn_once
from .._kernels.memory_order import suggests_channels_last
from .._kernels.scalar_types import checked_scalar


def arranged(array, memory_format, kind=None):
    """A fresh copy of `array` in the given memory format, as elements of `kind`."""
    kind = array.dtype if kind is None else kind
    if memory_format is None or memory_format is layouts.preserve_format:
        strides = layout.preserved_strides(array)
    elif memory_format is layouts.contiguous_format:
        strides = layout.contiguous_strides(array.shape)
    else:
        rank = 4 if memory_format is layouts.channels_last else 5
        if array.ndim != rank:
            raise RuntimeError(
                f"required rank {rank} tensor to use {'channels_last' if rank == 4 else 'channels_last_3d'} format"
            )
        strides = layout.channels_last_strides(array.shape)
    out = layout.empty(array.shape, strides, kind)
    _store(out, array)
    return out


@op("clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", out=False)
def clone(self, memory_format):
    return arranged(self, memory_format)


clone.vjp(self=lambda grad: grad)


@op(
    "_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, "
    "MemoryFormat? memory_format=None) -> Tensor",
    method=False,
    out=False,
    node="ToCopyBackward0",
    forgets=True,
)
def to_copy(self, dtype, layout, device, pin_memory, non_blocking, memory_format):
    return arranged(self, memory_format, dtype)


to_copy.vjp(self=lambda grad, self_dtype: _back_to(grad, self_dtype))


def _back_to(grad, dtype):
    if grad.is_complex() and not dtype.is_complex:
        grad = grad.real
    return cast(grad, dtype)


def cast(self, dtype, copy=False, memory_format=None):
    """`self` as elements of `dtype`: itself if it already is, unless `copy`."""
    if self._key._dtype is dtype and not copy and _lies_in(self._array, memory_format):
        return self
    return to_copy.call(self, dtype, None, None, None, False, memory_format)


def _lies_in(array, memory_format):
    """Whether a cast to `memory_format` leaves the memory alone: strided memory that is not channels_last passes for contiguous."""
    if memory_format is None or memory_format is layouts.preserve_format:
        return True
    channels = suggests_channels_last(array)
    if memory_format is layouts.contiguous_format:
        return not channels
    return channels and array.ndim == (4 if memory_format is layouts.channels_last else 5)


def move(self, place, dtype, copy, memory_format):
    """`self` on another device and as another dtype."""
    if place is None or place.type == self.device.type:
        return cast(self, dtype or self._key._dtype, copy, memory_format)
    if place.type == "meta":
        array = self._array
        strides = (
            layout.preserved_strides(array)
            if memory_format is None
            else layout.contiguous_strides(array.shape)
        )
        return meta_tensor(array.shape, dtype or self._key._dtype, strides)
    if self._key._special == "meta":
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")
    refuse_transfer(place)


_TO = "non_blocking=False, bool copy=False, MemoryFormat? memory_format=None"


@composite(
    "to.device(Tensor(a) self, Device device, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)",
    python="to(Tensor self, Device? device=None, ScalarType? dtype=None, bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None) -> Tensor",
    function=False,
)
def to_device(self, device=None, dtype=None, non_blocking=False, copy=False, memory_format=None):
    """This tensor on a device, as a dtype, in a memory format."""
    return move(self, device, dtype, copy, memory_format)


@composite(
    "to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)",
    python="to(Tensor self, ScalarType dtype, bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None) -> Tensor",
    function=False,
)
def to_dtype(self, dtype, non_blocking=False, copy=False, memory_format=None):
    """This tensor as elements of `dtype`."""
    return move(self, None, dtype, copy, memory_format)


@composite(
    "to.other(Tensor(a) self, Tensor other, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)",
    python="to(Tensor self, Tensor tensor, bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None) -> Tensor",
    function=False,
)
def to_other(self, tensor, non_blocking=False, copy=False, memory_format=None):
    """This tensor with another's dtype and device."""
    return move(self, tensor.device, tensor.dtype, copy, memory_format)


to_other.call_names = {"other": "tensor"}


def _caster(name, dtype):
    def method(self, *extra, memory_format=None):
        if extra:
            given = "1 was" if len(extra) == 1 else f"{len(extra)} were"
            raise TypeError(f"{name}() takes 0 positional arguments but {given} given")
        return cast(self, dtype, memory_format=memory_format)

    method.__name__ = name
    method.__doc__ = f"This tensor as torch.{dtype._name}."
    method.__qualname__ = name
    return method


_CASTS = {
    "float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16, "bfloat16": dtypes.bfloat16, "int": dtypes.int32,
    "long": dtypes.int64, "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8, "bool": dtypes.bool_,
    "cfloat": dtypes.complex64, "cdouble": dtypes.complex128,
}  # fmt: skip
for _name, _dtype in _CASTS.items():
    type.__setattr__(Tensor, _name, _caster(_name, _dtype))


@composite("contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)", function=False)
def contiguous(self, memory_format=0):
    """This tensor if its elements already lie in the given order, else a copy."""
    if memory_format is layouts.preserve_format and not self.is_contiguous():
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
    if memory_format.__class__ is int:
        memory_format = layouts.contiguous_format
    if self.is_contiguous(memory_format=memory_format):
        return self
    return clone.call(self, memory_format)


@composite("type_as(Tensor self, Tensor other) -> Tensor", function=False)
def type_as(self, other):
    """This tensor as elements of `other`'s dtype."""
    return cast(self, other.dtype)


@composite(
    "cpu(Tensor(a) self) -> Tensor(b|a)",
    python="cpu(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor",
    function=False,
    unlisted=True,
)
def cpu(self, memory_format=None):
    """This tensor in host memory."""
    if self._key._special == "meta":
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")
    return cast(self, self._key._dtype, memory_format=memory_format)


@composite(
    "cuda(Tensor self) -> Tensor",
    python="cuda(Tensor self, Device? device=None, bool non_blocking=False, *, MemoryFormat? memory_format=None) -> Tensor",
    function=False,
    unlisted=True,
)
def cuda(self, device=None, non_blocking=False, memory_format=None):
    """Raises AssertionError: there is no CUDA here."""
    refuse_transfer(device or device_class("cuda"))


def _store(self, value):
    if value.dtype.kind == "c" and self.dtype.kind not in "cb" and self.size:
        warn_once("Casting complex values to real discards the imaginary part")
    np.copyto(self, value if value.dtype == self.dtype else cast_array(value, dtypes.from_numpy(self.dtype)))


@update(
    "copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor",
    node="CopyBackwards",
    function=False,
    out=False,
    own_shape=True,
    forgets=True,
)
def copy(self, src, non_blocking):
    if src.shape != self.shape:  # NumPy would drop leading dimensions of size 1
        shape = layout.broadcast_shapes(self.shape, src.shape)
        if shape != self.shape:
            raise RuntimeError(
                f"output with shape {list(self.shape)} doesn't match the broadcast shape {list(shape)}"
            )
    _store(self, src)


copy.vjp(self=lambda grad: grad.new_zeros(grad.shape), src=lambda grad: grad)


@update("fill.Scalar(Tensor self, Scalar value) -> Tensor", out=False, inplace_node="FillBackward2")
def fill(self, value):
    self[...] = number_of(value, self.dtype)


fill.vjp(self=lambda grad: grad.new_zeros(grad.shape))


def number_of(value, kind):
    """A Python number as an element of `kind`. Raises RuntimeError with torch's text if it does not fit."""
    return checked_scalar(value, kind)


@update(
    "fill.Tensor(Tensor self, Tensor value) -> Tensor",
    node="FillBackward1",
    inplace_node="FillBackward3",
    out=False,
)
def fill_tensor(self, value):
    if value.ndim:
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."
        )
    _store(self, value)


fill_tensor.vjp(self=lambda grad: grad.new_zeros(grad.shape), value=lambda grad: grad.sum())


@update("zero(Tensor self) -> Tensor", function=False, out=False)
def zero(self):
    self[...] = 0


zero.vjp(self=lambda grad: grad.new_zeros(grad.shape))


@op("item(Tensor self) -> Scalar", function=False, method=False)
def item(self):
    return self.item()
