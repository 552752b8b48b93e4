"""Tensors of random numbers: rand, randn, randint, randperm, their `_like` forms, and normal with numbers for parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core import declare, integers, layouts, normals, sampling
from .._core.device import device_in_force, refuse_allocation
from .._core.dispatch import meta_tensor
from .._core.dtypes import defaults
from .._core.generator import Generator
from .._core.modes import modes
from .._core.mutation import bump
from .._core.tensor import set_array, wrap
from .factories import _like, checked, require
from .random import source_of

_OPTIONS = "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None"
_LONG = _OPTIONS.replace("dtype=None", "dtype=long")

Filler = Callable[..., None]


def _checked_place(layout_: Any, device: Any, pin_memory: Any, fill: str) -> bool:
    """Whether the tensor is to be a meta tensor; raises for places and layouts that do not exist here."""
    if layout_ is not None and layout_ is not layouts.strided:
        raise NotImplementedError(f"layout {layout_}: tinytorch has strided tensors only")
    place = device if device is not None else device_in_force()
    if place is not None and place.type not in ("cpu", "meta"):
        refuse_allocation(place)
    if pin_memory:
        raise RuntimeError(
            "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory allocator is available on this system."
        )
    return place is not None and place.type == "meta"


def _checked_out(name: str, out: Any, dtype: Any) -> None:
    if dtype is not None and dtype is not out.dtype:
        from .._core.dispatch import legacy_name

        raise RuntimeError(
            f"dtype {legacy_name(dtype)} does not match dtype of out parameter ({legacy_name(out.dtype)})"
        )
    if modes.grad and out.requires_grad:
        raise RuntimeError(
            f"aten::{name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments "
            "requires grad."
        )


def _filled_out(out: Any, shape: tuple[int, ...], fill: Callable[[np.ndarray], None]) -> Any:
    """`out` with the given shape and new numbers, in its own memory order where its shape fits already."""
    array = out._array if out._array.shape == shape else np.empty(shape, out._array.dtype)
    if out._key._special != "meta":
        fill(array)
    if array is not out._array:
        if out._key._special == "meta":
            array = meta_tensor(shape, out.dtype)._array
        set_array(out, array)
    bump(out)
    return out


def _sized(
    name: str, head: str, fill: Filler, default: Any, options: str, generator: bool, overload: str = ""
) -> None:
    """Declare `torch.<name>`: a tensor of the shape `size`, which fill(source, array, **numbers) fills."""

    def build(
        size: Any,
        generator: Generator | None = None,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        pin_memory: Any = None,
        requires_grad: bool = False,
        out: Any = None,
        **numbers: Any,
    ) -> Any:
        source = source_of(generator)
        if out is not None:
            _checked_out(name, out, dtype)
            return _filled_out(out, checked(size, name), lambda array: fill(source, array, **numbers))
        hollow = _checked_place(layout, device, pin_memory, name)
        shape = checked(size, name)
        kind = default() if dtype is None or dtype == "long" else dtype
        if requires_grad:
            _differentiable(kind)
        if hollow:
            result = meta_tensor(shape, kind)
        else:
            array = np.empty(shape, kind._numpy)
            fill(source, array, **numbers)
            result = wrap(array)
        if requires_grad:
            require(result)
        return result

    build.__name__ = name
    build.__doc__ = fill.__doc__
    qualified = f"{name}.{overload}" if overload else name
    drawn = "Generator? generator, " if generator else ""
    _declare(f"{qualified}({head}, *, {drawn}{options}) -> Tensor", build)


def _declare(schema: str, build: Callable[..., Any], **options: Any) -> None:
    """Declare a factory whose function takes keywords; below argument parsing it is called in schema order."""

    def call(*args: Any, **given: Any) -> Any:
        if args:
            given.update(zip(operator.schema.names, args, strict=False))
        return build(**given)

    call.__name__ = build.__name__
    call.__doc__ = build.__doc__
    options.setdefault(
        "python", schema.replace("dtype=long", "dtype=None")
    )  # error texts do not show this default
    operator = declare.factory(schema, call, method=False, **options)


def _differentiable(kind: Any) -> None:
    """Refuse requires_grad=True before anything is drawn."""
    if kind._category not in ("float", "complex"):
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")


def _uniform(source: Generator, array: np.ndarray) -> None:
    """Uniform numbers of [0, 1)."""
    sampling.uniform_(source, array, 0.0, 1.0)


def _normal(source: Generator, array: np.ndarray, mean: float = 0.0, std: float = 1.0) -> None:
    """Normal numbers."""
    normals.normal_(source, array, mean, std)


def _integers(source: Generator, array: np.ndarray, high: int, low: int = 0) -> None:
    """Integers of [low, high)."""
    integers.random_(source, array, low, high)


def _permutation(source: Generator, array: np.ndarray) -> None:
    """The numbers 0..n-1 in random order."""
    array[...] = integers.randperm(source, array.size, array.dtype)


def _default() -> Any:
    return defaults.dtype


def _int64() -> Any:
    from .._core import dtypes

    return dtypes.int64


for _drawn in (True, False):  # torch lists the overload with a generator first
    _suffix = "generator" if _drawn else ""
    _sized("rand", "SymInt[] size", _uniform, _default, _OPTIONS, _drawn, _suffix)
    _sized("randn", "SymInt[] size", _normal, _default, _OPTIONS, _drawn, _suffix)
    _sized("randint", "SymInt high, SymInt[] size", _integers, _int64, _LONG, _drawn, _suffix)
for _drawn, _suffix in ((True, "low_generator"), (False, "low")):
    _sized("randint", "SymInt low, SymInt high, SymInt[] size", _integers, _int64, _LONG, _drawn, _suffix)


def _permuted(generator: bool) -> None:
    def build(
        n: int,
        generator: Generator | None = None,
        out: Any = None,
        dtype: Any = None,
        device: Any = None,
        **options: Any,
    ) -> Any:
        if n < 0:
            if out is not None:
                raise RuntimeError(f"n must be non-negative, got{n}")
            checked((n,), "randperm")
        kind = (_int64() if out is None else out.dtype) if dtype is None or dtype == "long" else dtype
        if out is not None:
            _checked_out("randperm", out, kind)
        source = source_of(generator)
        if out is not None:
            return _filled_out(out, (n,), lambda array: _permutation(source, array))
        hollow = _checked_place(options.get("layout"), device, options.get("pin_memory"), "randperm")
        if options.get("requires_grad"):
            _differentiable(kind)
        result = meta_tensor((n,), kind) if hollow else wrap(integers.randperm(source, n, kind._numpy))
        if options.get("requires_grad"):
            require(result)
        return result

    build.__doc__ = _permutation.__doc__
    qualified, drawn = ("randperm.generator", "Generator? generator, ") if generator else ("randperm", "")
    _declare(f"{qualified}(SymInt n, *, {drawn}{_LONG}) -> Tensor", build)


_permuted(True)
_permuted(False)


@declare.factory(
    "normal.float_float(float mean, float std, SymInt[] size, *, Generator? generator=None, ScalarType? dtype=None, "
    "Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    method=False,
)
def normal_numbers(
    mean: float,
    std: float,
    size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    requires_grad: bool = False,
    out: Any = None,
) -> Any:
    """Normal numbers of one mean and one standard deviation."""
    source = source_of(generator)
    if out is not None:
        _checked_out("normal", out, dtype)
        return _filled_out(out, checked(size, "normal"), lambda array: _normal(source, array, mean, std))
    hollow = _checked_place(layout, device, pin_memory, "normal")
    shape, kind = checked(size, "normal"), dtype or defaults.dtype
    if hollow:
        result = meta_tensor(shape, kind)
    else:
        array = np.empty(shape, kind._numpy)
        _normal(source, array, mean, std)
        result = wrap(array)
    if requires_grad:
        require(result)
    return result


def _shaped(name: str, head: str, fill: Filler, generator: bool, overload: str) -> None:
    """Declare `torch.<name>_like`: shape, dtype, device and memory order come from a tensor."""

    def build(
        self: Any,
        generator: Generator | None = None,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        pin_memory: Any = None,
        memory_format: Any = None,
        requires_grad: bool = False,
        **numbers: Any,
    ) -> Any:
        for key, value in numbers.items():
            if not isinstance(value, int):
                numbers[key] = _one_number(value)
        _checked_place(layout, None, pin_memory, name)
        result = _like(self, dtype, device, memory_format)
        if requires_grad:
            _differentiable(result.dtype)
        if result._key._special != "meta":
            fill(source_of(generator), result._array, **numbers)
        if requires_grad:
            require(result)
        return result

    build.__name__ = name
    build.__doc__ = fill.__doc__
    qualified = f"{name}.{overload}" if overload else name
    drawn = "Generator? generator, " if generator else ""
    _declare(
        f"{qualified}({head}, *, {drawn}{_OPTIONS}, MemoryFormat? memory_format=None) -> Tensor",
        build,
        out=False,
        python=f"{qualified}({head}, *, {drawn}MemoryFormat? memory_format=None, {_OPTIONS}) -> Tensor",
    )


def _one_number(high: Any) -> int:
    """The bound of randint_like given as a tensor."""
    if high._array.size != 1 or high._array.ndim:
        raise RuntimeError("high must be a scalar tensor and on CPU")
    return int(high.item())


for _drawn in (True, False):
    _suffix = "generator" if _drawn else ""
    _shaped("rand_like", "Tensor self", _uniform, _drawn, _suffix)
    _shaped("randn_like", "Tensor self", _normal, _drawn, _suffix)
for _drawn in (True, False):
    _shaped(
        "randint_like",
        "Tensor self, SymInt low, SymInt high",
        _integers,
        _drawn,
        "low_generator_dtype" if _drawn else "low_dtype",
    )
for _drawn in (True, False):
    _shaped(
        "randint_like",
        "Tensor self, Tensor high",
        _integers,
        _drawn,
        "Tensor_generator" if _drawn else "Tensor",
    )
for _drawn in (True, False):
    _shaped("randint_like", "Tensor self, SymInt high", _integers, _drawn, "generator" if _drawn else "")
del _drawn, _suffix
