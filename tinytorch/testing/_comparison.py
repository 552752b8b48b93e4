"""`torch.testing.assert_close`: are two results equal up to rounding, and if not, where they differ most.

Source: torch's documentation, torch.testing.assert_close.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.tensor import Tensor
from .._creation import as_tensor, from_numpy

_TOLERANCES: dict[Any, tuple[float, float]] = {
    dtypes.float16: (1e-3, 1e-5),
    dtypes.bfloat16: (1.6e-2, 1e-5),
    dtypes.float32: (1.3e-6, 1e-5),
    dtypes.float64: (1e-7, 1e-7),
    dtypes.complex64: (1.3e-6, 1e-5),
    dtypes.complex128: (1e-7, 1e-7),
}


class _Options:
    def __init__(self, **options: Any) -> None:
        self.allow_subclasses: bool = options["allow_subclasses"]
        self.rtol: float | None = options["rtol"]
        self.atol: float | None = options["atol"]
        self.equal_nan: bool = options["equal_nan"]
        self.check_device: bool = options["check_device"]
        self.check_dtype: bool = options["check_dtype"]
        self.check_layout: bool = options["check_layout"]
        self.check_stride: bool = options["check_stride"]

    def tolerances(self, *kinds: Any) -> tuple[float, float]:
        if (self.rtol is None) ^ (self.atol is None):
            missing = "rtol" if self.rtol is None else "atol"
            raise ValueError(
                f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}."
            )
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        pairs = [_TOLERANCES.get(kind, (0.0, 0.0)) for kind in kinds]
        return max(rtol for rtol, _ in pairs), max(atol for _, atol in pairs)


class _Failure(Exception):
    """What differs, and where: the keys and indices that lead to it."""

    def __init__(self, kind: type[Exception], text: str, path: tuple[Any, ...]) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.path = path


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raises AssertionError unless |actual - expected| <= atol + rtol * |expected| everywhere and the attributes asked about agree.

    actual, expected: tensors, arrays, numbers, or sequences and mappings of them. Tolerances default to the dtype's.
    """
    options = _Options(
        allow_subclasses=allow_subclasses,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_device=check_device,
        check_dtype=check_dtype,
        check_layout=check_layout,
        check_stride=check_stride,
    )
    try:
        _compare(actual, expected, options, ())
    except _Failure as failure:
        text = failure.text
        if failure.path:
            text += f"\n\nThe failure occurred for item {''.join(f'[{step!r}]' if isinstance(step, str) else f'[{step}]' for step in failure.path)}"
        if failure.kind is AssertionError and msg is not None:
            text = msg(text) if callable(msg) else msg
        raise failure.kind(text) from None


def _compare(actual: Any, expected: Any, options: _Options, path: tuple[Any, ...]) -> None:
    if _sequence(actual) and _sequence(expected):
        if len(actual) != len(expected):
            raise _Failure(
                AssertionError,
                f"The length of the sequences mismatch: {len(actual)} != {len(expected)}",
                path,
            )
        for index, (one, other) in enumerate(zip(actual, expected, strict=True)):
            _compare(one, other, options, (*path, index))
        return
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if set(actual) != set(expected):
            missing = sorted(set(expected) - set(actual))
            added = sorted(set(actual) - set(expected))
            raise _Failure(
                AssertionError,
                f"The keys of the mappings do not match:\nMissing keys in the actual mapping: {missing}\n"
                f"Additional keys in the actual mapping: {added}",
                path,
            )
        for key in sorted(actual) if all(isinstance(key, str) for key in actual) else actual:
            _compare(actual[key], expected[key], options, (*path, key))
        return
    if actual is None or expected is None:
        if actual is not expected:
            raise _Failure(AssertionError, f"None mismatch: {actual} is not {expected}", path)
        return
    if isinstance(actual, bool | np.bool_) and isinstance(expected, bool | np.bool_):
        if bool(actual) is not bool(expected):
            raise _Failure(AssertionError, f"Booleans mismatch: {bool(actual)} is not {bool(expected)}", path)
        return
    number = int | float | complex
    if (
        isinstance(actual, number)
        and isinstance(expected, number)
        and not isinstance(actual, bool)
        and not isinstance(expected, bool)
    ):
        _compare_numbers(actual, expected, options, path)
        return
    one, other = _tensor(actual, options), _tensor(expected, options)
    if (
        one is None
        or other is None
        or not (isinstance(actual, type(expected)) or isinstance(expected, type(actual)))
    ):
        text = f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
        raise _Failure(TypeError, text, path)
    _compare_tensors(one, other, options, path)


def _sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _tensor(value: Any, options: _Options) -> Any:
    if isinstance(value, Tensor):
        return value if options.allow_subclasses or type(value) is Tensor else None
    if isinstance(value, np.ndarray | np.generic):
        return from_numpy(np.asarray(value))
    if isinstance(value, int | float | complex):
        return as_tensor(value)
    return None


def _compare_numbers(actual: Any, expected: Any, options: _Options, path: tuple[Any, ...]) -> None:
    kinds = {int: dtypes.int64, float: dtypes.float64, complex: dtypes.complex128}
    names = [
        next(kinds[kind] for kind in (int, float, complex) if isinstance(value, kind))
        for value in (actual, expected)
    ]
    rtol, atol = options.tolerances(*names)
    if options.check_dtype and type(actual) is not type(expected):
        raise _Failure(
            AssertionError, f"The (d)types do not match: {type(actual)} != {type(expected)}.", path
        )
    if actual == expected or (options.equal_nan and actual != actual and expected != expected):
        return
    difference = abs(actual - expected)
    if math.isfinite(difference) and difference <= atol + rtol * abs(expected):
        return
    relative = difference / abs(expected) if expected else math.inf
    allowed = not rtol and not atol
    if allowed:
        text = f"Scalars are not equal!\n\nExpected {expected} but got {actual}.\nAbsolute difference: {difference}\nRelative difference: {relative}"
    else:
        text = (
            f"Scalars are not close!\n\nExpected {expected} but got {actual}.\n"
            f"Absolute difference: {difference} (up to {atol} allowed)\nRelative difference: {relative} (up to {rtol} allowed)"
        )
    raise _Failure(AssertionError, text, path)


def _compare_tensors(actual: Any, expected: Any, options: _Options, path: tuple[Any, ...]) -> None:
    def differ(name: str, one: Any, other: Any) -> None:
        raise _Failure(
            AssertionError, f"The values for attribute '{name}' do not match: {one} != {other}.", path
        )

    if actual.shape != expected.shape:
        differ("shape", actual.shape, expected.shape)
    if options.check_layout and actual.layout != expected.layout:
        differ("layout", actual.layout, expected.layout)
    if options.check_device and actual.device != expected.device:
        differ("device", actual.device, expected.device)
    if options.check_dtype and actual.dtype is not expected.dtype:
        differ("dtype", actual.dtype, expected.dtype)
    if options.check_stride and actual.stride() != expected.stride():
        differ("stride()", actual.stride(), expected.stride())
    rtol, atol = options.tolerances(actual.dtype, expected.dtype)
    if actual.is_meta or expected.is_meta:
        if actual.is_meta and expected.is_meta:
            return
        raise _Failure(NotImplementedError, "Cannot compare a meta tensor with one that holds data", path)
    common = _common(actual.dtype, expected.dtype)
    one, other = _array(actual, common), _array(expected, common)
    with np.errstate(all="ignore"):
        close = one == other
        if one.dtype.kind in "fc" or rtol or atol:
            difference = _difference(one, other)
            close |= (
                np.isfinite(difference) & (difference <= atol + rtol * np.abs(other)) & np.isfinite(other)
            )
            if options.equal_nan:
                close |= np.isnan(one) & np.isnan(other)
        if close.all():
            return
        raise _Failure(AssertionError, _report(one, other, close, rtol, atol), path)


def _common(one: Any, other: Any) -> Any:
    from .._core.promotion import promote_types

    return one if one is other else promote_types(one, other)


def _array(tensor: Any, kind: Any) -> np.ndarray:
    array: np.ndarray = tensor.detach()._array
    if kind.is_floating_point and kind.itemsize < 4:
        return array.astype(np.float32)
    return array.astype(kind._numpy)


def _difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    if one.dtype.kind == "b":
        return (one != other).astype(np.int64)
    if one.dtype.kind in "iu":
        return np.where(one > other, one - other, other - one)
    return np.abs(one - other)


def _report(one: np.ndarray, other: np.ndarray, close: np.ndarray, rtol: float, atol: float) -> str:
    equality = not rtol and not atol
    difference = _difference(one, other)
    size = np.abs(other) if other.dtype.kind != "b" else other.astype(np.int64)
    relative = np.asarray(difference / size)
    if one.dtype.kind in "iub":
        relative = relative.astype(np.float32)
    difference = np.where(close, 0, difference)
    relative = np.where(close, 0, relative)
    kind = "equal" if equality else "close"

    def line(name: str, values: np.ndarray, tolerance: float) -> str:
        index = int(np.argmax(np.where(np.isnan(values), np.inf, values)))
        place = tuple(int(step) for step in np.unravel_index(index, values.shape))
        where = f" at index {place}" if values.ndim else ""
        value = values.reshape(-1)[index].item()
        return f"Greatest {name} difference: {value}{where}" + (
            "" if equality else f" (up to {tolerance} allowed)"
        )

    if not one.ndim:
        text = f"Scalars are not {kind}!\n\nExpected {other.item()} but got {one.item()}.\n"
        tail = ("", "") if equality else (f" (up to {atol} allowed)", f" (up to {rtol} allowed)")
        return (
            text
            + f"Absolute difference: {difference.item()}{tail[0]}\nRelative difference: {relative.item()}{tail[1]}"
        )
    wrong, total = int((~close).sum()), close.size
    return (
        f"Tensor-likes are not {kind}!\n\nMismatched elements: {wrong} / {total} ({wrong / total:.1%})\n"
        + line("absolute", difference, atol)
        + "\n"
        + line("relative", relative, rtol)
    )


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """The former `assert_close`: dtype and device may differ, and NaN equals NaN."""
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a future release. Please use "
        "`torch.testing.assert_close()` instead.",
        FutureWarning,
        stacklevel=2,
    )
    one = actual if isinstance(actual, Tensor) else as_tensor(actual)
    other = expected if isinstance(expected, Tensor) else as_tensor(expected, dtype=one.dtype)
    assert_close(
        one,
        other,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_device=True,
        check_dtype=False,
        check_stride=False,
        msg=msg or None,
    )
