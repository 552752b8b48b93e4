"""Operators that make tensors from sizes and numbers."""

from __future__ import annotations

import math

import numpy as np

from .._core import declare, dtypes, layout, layouts
from .._core.construct import cast_array
from .._core.device import device_in_force, refuse_allocation
from .._core.dispatch import check_overlap, legacy_name, meta_tensor
from .._core.dtypes import defaults
from .._core.outputs import fill, fit, store
from .._core.tensor import Tensor, key_of, make, wrap

_OPTIONS = "*, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None"


def factory(schema, **options):
    """Declare a factory: the function gets the sizes and numbers and a dtype, and returns an array."""

    def decorate(function):
        def build(
            *args,
            dtype=None,
            layout=None,
            device=None,
            pin_memory=None,
            requires_grad=False,
            out=None,
            **values,
        ):
            if layout is not None and layout is not layouts.strided:
                raise NotImplementedError(f"layout {layout}: tinytorch has strided tensors only")
            place = device if device is not None else device_in_force()
            if place is not None and place.type not in ("cpu", "meta"):
                refuse_allocation(place)
            hollow = place is not None and place.type == "meta"
            if out is not None:
                dtype = out_dtype(out, dtype)
                if device is not None and hollow is not (out._key._special == "meta"):
                    raise RuntimeError(
                        f"device type {place.type} does not match device type of out parameter ({out.device.type})"
                    )
                hollow = out._key._special == "meta"
            if hollow and "size" in values and "sized" in options:
                size = checked(values["size"], name)
                result = meta_tensor(size, dtype or defaults.dtype)
            else:
                array = function(*args, **values, dtype=dtype)
                result = wrap(array)
                if hollow:
                    result = meta_tensor(array.shape, result.dtype, layout_of(array))
            if out is not None:
                fit(result, out)
                if not options.get("out_overlaps"):
                    check_overlap(out._array)
                fill(result, out)
                return out
            if requires_grad:
                require(result)
            return result

        name = schema[: schema.index("(")].partition(".")[0]
        build.__name__ = name
        build.__doc__ = function.__doc__
        return declare.factory(
            schema, build, method=False, **{key: value for key, value in options.items() if key != "sized"}
        )

    return decorate


def out_dtype(out, dtype):
    """The dtype of what is made for `out`. Raises RuntimeError if another was asked for."""
    if dtype is not None and dtype is not out.dtype:
        raise RuntimeError(
            f"dtype {legacy_name(dtype)} does not match dtype of out parameter ({legacy_name(out.dtype)})"
        )
    return out.dtype


def layout_of(array):
    return layout.element_strides(array)


def require(tensor):
    """requires_grad=True for a fresh tensor."""
    if tensor.dtype._category not in ("float", "complex"):
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    tensor._requires_grad = True


def checked(size, name):
    """`size` as a shape. Raises RuntimeError with torch's text for negative sizes."""
    if any(length < 0 for length in size):
        if name in ("zeros",):
            raise RuntimeError(f"{name}: Dimension size must be non-negative.")
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {next(n for n in size if n < 0)}: {list(size)}"
        )
    return tuple(size)


def filled(size, value, dtype, name="full"):
    shape = checked(size, name)
    kind = (dtype or defaults.dtype)._numpy
    if value == 0 and not isinstance(value, complex):
        return np.zeros(shape, kind)
    out = np.empty(shape, kind)
    out[...] = value
    return out


@factory(f"zeros(SymInt[] size, {_OPTIONS}) -> Tensor", sized=True, out_overlaps=True)
def zeros(size, dtype):
    """Zeros of the given size."""
    return np.zeros(checked(size, "zeros"), (dtype or defaults.dtype)._numpy)


@factory(f"ones(SymInt[] size, {_OPTIONS}) -> Tensor", sized=True, out_overlaps=True)
def ones(size, dtype):
    """Ones of the given size."""
    return filled(size, 1, dtype)


@factory(
    f"empty.memory_format(SymInt[] size, {_OPTIONS}, MemoryFormat? memory_format=None) -> Tensor", sized=True
)
def empty(size, dtype, memory_format=None):
    """Uninitialised memory of the given size."""
    shape = checked(size, "empty")
    kind = (dtype or defaults.dtype)._numpy
    if memory_format in (layouts.channels_last, layouts.channels_last_3d):
        rank = 4 if memory_format is layouts.channels_last else 5
        if len(shape) != rank:
            name = "channels_last" if rank == 4 else "channels_last_3d"
            raise RuntimeError(f"required rank {rank} tensor to use {name} format")
        return layout.empty(shape, layout.channels_last_strides(shape), kind)
    return np.empty(shape, kind)


@factory(f"empty_strided(SymInt[] size, SymInt[] stride, {_OPTIONS}) -> Tensor")
def empty_strided(size, stride, dtype):
    """Uninitialised memory with the given strides."""
    if len(size) != len(stride):
        raise RuntimeError(
            f"dimensionality of sizes ({len(size)}) must match dimensionality of strides ({len(stride)})"
        )
    from .._core.storage import restride

    kind = (dtype or defaults.dtype)._numpy
    span = 0 if 0 in size else 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    return restride(np.empty(span, kind), tuple(size), tuple([s * kind.itemsize for s in stride]))


def infer_dtype(value):
    """The dtype torch.full gives for a number."""
    if isinstance(value, bool):
        return dtypes.bool_
    if isinstance(value, int):
        return dtypes.int64
    return defaults.complex if isinstance(value, complex) else defaults.dtype


@factory(f"full(SymInt[] size, Scalar fill_value, {_OPTIONS}) -> Tensor", out_overlaps=True)
def full(size, fill_value, dtype):
    """The given number in every place."""
    from .conversion import number_of

    kind = dtype or infer_dtype(fill_value)
    return filled(size, number_of(fill_value, kind._numpy), kind)


@factory(f"scalar_tensor(Scalar s, {_OPTIONS}) -> Tensor")
def scalar_tensor(s, dtype):
    """A 0-dim tensor of the default dtype."""
    return filled((), s, dtype)


@factory(f"eye(SymInt n, {_OPTIONS}) -> Tensor", out_overlaps=True)
def eye(n, dtype):
    """The identity matrix."""
    return _eye(n, n, dtype)


@factory(f"eye.m(SymInt n, SymInt m, {_OPTIONS}) -> Tensor", out_overlaps=True)
def eye_m(n, m, dtype):
    """Ones on the diagonal of an n by m matrix."""
    return _eye(n, m, dtype)


def _refuse_unsigned(kernel, dtype):
    """torch has no such kernel for uint16, uint32 and uint64."""
    if dtype in dtypes.WIDE_UNSIGNED:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{legacy_name(dtype)}'")


def _eye(n, m, dtype):
    if n < 0:
        raise RuntimeError(f"n must be greater or equal to 0, got {n}")
    if m < 0:
        raise RuntimeError(f"m must be greater or equal to 0, got {m}")
    _refuse_unsigned("eye", dtype)
    return np.eye(n, m, dtype=(dtype or defaults.dtype)._numpy)


def _arange(start, end, step, dtype):
    if dtype is None:
        dtype = (
            dtypes.int64 if all(isinstance(value, int) for value in (start, end, step)) else defaults.dtype
        )
    if any(isinstance(value, complex) for value in (start, end, step)):
        raise RuntimeError("value cannot be converted to type double without overflow")
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (step > 0 and end < start) or (step < 0 and end > start):
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    _refuse_unsigned("arange_cpu", dtype)
    if dtype._category == "int":
        if all(isinstance(value, int) for value in (start, end, step)):
            return np.arange(start, end, step, np.int64).astype(dtype._numpy)
        if dtype is dtypes.int64:  # the fractions are dropped before the elements are counted
            if int(step) == 0:
                raise ValueError("step must be nonzero")
            return np.arange(int(start), int(end), int(step), np.int64)
        count = math.ceil((end - start) / step)
        return (int(start) + int(step) * np.arange(count)).astype(dtype._numpy)
    count = math.ceil((end - start) / step)
    if count >= 2**63:
        raise RuntimeError("invalid size, possible overflow?")
    return (start + step * np.arange(count, dtype=np.float64)).astype(dtype._numpy)


@factory(f"arange(Scalar end, {_OPTIONS}) -> Tensor")
def arange(end, dtype):
    """0, 1, ... below `end`."""
    return _arange(0, end, 1, dtype)


@factory(f"arange.start(Scalar start, Scalar end, {_OPTIONS}) -> Tensor", out=False)
def arange_start(start, end, dtype):
    """start, start + 1, ... below `end`."""
    return _arange(start, end, 1, dtype)


@factory(f"arange.start_step(Scalar start, Scalar end, Scalar step=1, {_OPTIONS}) -> Tensor")
def arange_step(start, end, dtype, step=1):
    """start, start + step, ... before `end`."""
    return _arange(start, end, step, dtype)


@factory(f"range.step(Scalar start, Scalar end, Scalar step=1, {_OPTIONS}) -> Tensor")
def range_step(start, end, dtype, step=1):
    """Like arange, but `end` itself belongs to it. Deprecated in torch."""
    import warnings

    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with Python's range builtin. "
        "Instead, use torch.arange, which produces values in [start, end).",
        UserWarning,
        stacklevel=4,
    )
    kind = dtype or defaults.dtype
    if step == 0:
        raise RuntimeError("step must be nonzero")
    _refuse_unsigned("range_cpu", kind)
    count = math.floor((end - start) / step) + 1
    return (start + step * np.arange(count, dtype=np.float64)).astype(kind._numpy)


def _kind(start, end, dtype):
    if dtype is not None:
        return dtype
    return defaults.complex if isinstance(start, complex) or isinstance(end, complex) else defaults.dtype


def linspace_array(start, end, steps, dtype):
    """`steps` numbers evenly spaced from start to end; the second half is counted back from the end."""
    return _linspace(start, end, *_spaced("linspace", start, end, steps, dtype))


def _spaced(name, start, end, steps, dtype):
    """The checked number of steps and the dtype of linspace and logspace."""
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    if (
        dtype is not None
        and not dtype.is_complex
        and (isinstance(start, complex) or isinstance(end, complex))
    ):
        inferred = "double" if defaults.complex is dtypes.complex128 else "float"
        raise RuntimeError(
            f"torch.{name}(): inferred dtype c10::complex<{inferred}> can't be safely cast to passed dtype {legacy_name(dtype)}"
        )
    _refuse_unsigned(f"{name}_cpu", dtype)
    return steps, _kind(start, end, dtype)


def _linspace(start, end, steps, kind):
    if steps == 1:
        return np.array([start]).astype(kind._numpy)
    if kind._category == "int":
        working = np.dtype(np.float32) if kind.itemsize < 8 else np.dtype(np.float64)
    else:
        working = np.dtype(np.float32) if kind._reduced else kind._numpy
    first, last = np.asarray(start).astype(working), np.asarray(end).astype(working)
    step = (last - first) / working.type(max(steps - 1, 1))
    index = np.arange(steps).astype(working)
    half = steps // 2
    forward = first + step * index[:half]
    backward = last - step * (working.type(steps - 1) - index[half:])
    return np.concatenate((forward, backward)).astype(kind._numpy)


def logspace_array(start, end, steps, dtype, base=10.0):
    """base to the powers of linspace(start, end, steps)."""
    steps, kind = _spaced("logspace", start, end, steps, dtype)
    if kind._category == "int":  # the exponents start and end at integers
        if steps != 1:
            start, end = math.trunc(start), math.trunc(end)
        return cast_array(np.power(float(base), _linspace(start, end, steps, dtypes.float64)), kind)
    wide = dtypes.complex128 if kind.is_complex else dtypes.float64
    return np.power(base, _linspace(start, end, steps, wide)).astype(kind._numpy)


linspace = factory(f"linspace(Scalar start, Scalar end, int steps, {_OPTIONS}) -> Tensor")(linspace_array)
logspace = factory(f"logspace(Scalar start, Scalar end, int steps, float base=10., {_OPTIONS}) -> Tensor")(
    logspace_array
)


def _number(name, ends, value):
    """A bound of linspace or logspace, which may be a tensor without dimensions."""
    if isinstance(value, Tensor):
        if value.dim():
            given = [
                (label, end)
                for label, end in zip(("start", "end"), ends, strict=True)
                if isinstance(end, Tensor)
            ]
            text = " and ".join(f"{label} with {end.dim()} dimension(s)" for label, end in given)
            raise RuntimeError(f"{name} only supports 0-dimensional start and end tensors, but got {text}.")
        return value.item()
    return value


def _of_tensors(name, function, rest, **defaults_):
    for overload, first, second in (
        ("Tensor_Tensor", "Tensor", "Tensor"),
        ("Tensor_Scalar", "Tensor", "Scalar"),
        ("Scalar_Tensor", "Scalar", "Tensor"),
    ):

        def build(start, end, steps, dtype, **values):
            ends = (start, end)
            return function(
                _number(name, ends, start), _number(name, ends, end), steps, dtype=dtype, **values
            )

        build.__doc__ = f"As {name}; the ends may be 0-dim tensors, which are read."
        factory(f"{name}.{overload}({first} start, {second} end, int steps{rest}, {_OPTIONS}) -> Tensor")(
            build
        )


_of_tensors("linspace", linspace_array, "")
_of_tensors("logspace", logspace_array, ", float base=10.")


# Like another tensor -------------------------------------------------------------------------------------------------------------------


def _like(self, dtype, device, memory_format):
    """An empty tensor like `self`: its dtype, device and memory order unless others are given."""
    kind = dtype or self.dtype
    array = self._array
    if memory_format is None or memory_format is layouts.preserve_format:
        strides = layout.preserved_strides(array)
    elif memory_format is layouts.contiguous_format:
        strides = layout.contiguous_strides(array.shape)
    else:
        strides = layout.channels_last_strides(array.shape)
    place = device.type if device is not None else self.device.type
    if place == "meta":
        return meta_tensor(array.shape, kind, strides)
    if place != "cpu":
        refuse_allocation(device)
    out = layout.empty(array.shape, strides, kind._numpy)
    return make(Tensor, out, key_of(out))


def like(schema, **options):
    """Declare a factory that takes its shape from a tensor: the function fills the array in place."""

    def decorate(function):
        def build(
            self,
            *args,
            dtype=None,
            layout=None,
            device=None,
            pin_memory=None,
            memory_format=None,
            requires_grad=False,
            out=None,
            **values,
        ):
            if dtype is None and out is not None:
                dtype = out.dtype
            result = _like(self, dtype, device, memory_format)
            if result._key._special != "meta":
                function(result, *args, **values)
            if out is not None:
                store(result, out)
                return out
            if requires_grad:
                require(result)
            return result

        build.__doc__ = function.__doc__
        return declare.factory(schema, build, method=False, **options)

    return decorate


@like(f"zeros_like(Tensor self, {_OPTIONS}, MemoryFormat? memory_format=None) -> Tensor", out=False)
def zeros_like(result):
    """Zeros shaped like a tensor."""
    result._array[...] = 0


@like(f"ones_like(Tensor self, {_OPTIONS}, MemoryFormat? memory_format=None) -> Tensor", out=False)
def ones_like(result):
    """Ones shaped like a tensor."""
    result._array[...] = 1


@like(f"empty_like(Tensor self, {_OPTIONS}, MemoryFormat? memory_format=None) -> Tensor", out=False)
def empty_like(result):
    """Uninitialised memory shaped like a tensor."""


@like(
    f"full_like(Tensor self, Scalar fill_value, {_OPTIONS}, MemoryFormat? memory_format=None) -> Tensor",
    out=False,
)
def full_like(result, fill_value):
    """The given number in every place of a tensor's shape."""
    from .conversion import number_of

    result._array[...] = number_of(fill_value, result._array.dtype)


def new(schema, **options):
    """Declare a method that makes a tensor of another size with this tensor's dtype and device."""

    def decorate(function):
        def build(
            self, *args, dtype=None, layout=None, device=None, pin_memory=None, requires_grad=False, **values
        ):
            kind = dtype or self.dtype
            place = device.type if device is not None else self.device.type
            if place not in ("cpu", "meta"):
                refuse_allocation(device)
            array = function(*args, **values, dtype=kind)
            result = wrap(array)
            if place == "meta":
                result = meta_tensor(array.shape, kind, layout_of(array))
            if requires_grad:
                require(result)
            return result

        build.__doc__ = function.__doc__
        return declare.factory(schema, build, method=True, function=False, out=False, **options)

    return decorate


@new(f"new_zeros(Tensor self, SymInt[] size, {_OPTIONS}) -> Tensor")
def new_zeros(size, dtype):
    """Zeros of this tensor's dtype."""
    return np.zeros(checked(size, "new_zeros"), dtype._numpy)


@new(f"new_ones(Tensor self, SymInt[] size, {_OPTIONS}) -> Tensor")
def new_ones(size, dtype):
    """Ones of this tensor's dtype."""
    return filled(size, 1, dtype)


@new(f"new_empty(Tensor self, SymInt[] size, {_OPTIONS}) -> Tensor")
def new_empty(size, dtype):
    """Uninitialised memory of this tensor's dtype."""
    return np.empty(checked(size, "empty"), dtype._numpy)


@new(f"new_empty_strided(Tensor self, SymInt[] size, SymInt[] stride, {_OPTIONS}) -> Tensor")
def new_empty_strided(size, stride, dtype):
    """Uninitialised memory of this tensor's dtype with the given strides."""
    return layout.empty(tuple(size), tuple(stride), dtype._numpy)


@new(f"new_full(Tensor self, SymInt[] size, Scalar fill_value, {_OPTIONS}) -> Tensor")
def new_full(size, fill_value, dtype):
    """The given number, as this tensor's dtype."""
    from .conversion import number_of

    return filled(size, number_of(fill_value, dtype._numpy), dtype)
