"""The text of a tensor, as `repr` and `print` show it: torch's layout, digit for digit.

A tensor is any object with `dtype`, `shape`, `device`, `requires_grad`, `grad_fn` and, unless it is on the meta device,
`_array`. Objects of the plain classes, Tensor and Parameter, are called "tensor("; those of others go by the class's name.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .dtypes import bool_, complex64, complex128, defaults, dtype, float8_e8m0fnu, float64, int64
from .modes import plain_classes
from .print_options import PRINT_OPTIONS

Array = np.ndarray[Any, np.dtype[Any]]


class _Column(NamedTuple):
    """How the numbers of one tensor are written: the common width, and the text of one number padded to it."""

    width: int
    text: Callable[[Any], str]


def _plain_column(values: Array) -> _Column:
    """For integers and bools. values: those that will be shown, (n,)."""
    # An integer's text is longest at one of the extremes; of the bools, False is the longer.
    extremes = [values.min().item(), values.max().item()] if values.size else []
    width = max([1, *(len(str(value)) for value in extremes)])
    return _Column(width, lambda value: str(value).rjust(width))


def _float_column(values: Array, exponents_only: bool = False) -> _Column:
    """For floating-point numbers. values: those that will be shown, as float64, (n,).

    Zeros, infinities and nans have no say in the notation. Of the others: if all are integers, no digits follow the point;
    if they span more than three orders of magnitude, or are large or small, notation is scientific. exponents_only: the
    numbers are of type float8_e8m0fnu, whose nan torch takes for finite, and whose smallest number for zero.
    """
    if exponents_only:
        weighty = values[values != 2.0**-127]
    else:
        weighty = values[np.isfinite(values) & (values != 0)]
    if weighty.size == 0:
        return _Column(1, _integral_text)
    magnitudes = np.abs(weighty)
    smallest, largest = float(magnitudes.min()), float(magnitudes.max())
    scientific = PRINT_OPTIONS.sci_mode
    if scientific is None:
        scientific = largest / smallest > 1000.0 or largest > 1.0e8 or smallest < 1.0e-4
    integral = bool((weighty == np.ceil(weighty)).all())

    write: Callable[[Any], str]
    if scientific:
        write = f"{{:.{PRINT_OPTIONS.precision}e}}".format
    elif integral:
        write = _integral_text
    else:
        write = f"{{:.{PRINT_OPTIONS.precision}f}}".format
    # Among numbers of one sign the longest text belongs to the largest or, for its exponent, the smallest magnitude.
    width = 1
    for group in (weighty[weighty > 0], weighty[weighty < 0]):
        if group.size:
            width = max(width, len(write(float(group.min()))), len(write(float(group.max()))))
    if exponents_only and np.isnan(weighty).any():
        width = max(width, len("nan"))
    return _Column(width, lambda value: write(value).rjust(width))


def _integral_text(value: float) -> str:
    return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"


def _complex_text(real: _Column, imaginary: _Column) -> _Column:
    def text(value: complex) -> str:
        second = imaginary.text(value.imag).lstrip() + "j"
        return real.text(value.real) + (second if second[0] in "+-" else "+" + second)

    # One more for the "j"; torch does not count the sign between the parts.
    return _Column(real.width + imaginary.width + 1, text)


def _shown(array: Array, summarise: bool) -> tuple[Array, tuple[bool, ...]]:
    """The elements of `array` that are printed, and of each dimension whether its middle is left out."""
    if not summarise:
        return array, (False,) * array.ndim
    edge = PRINT_OPTIONS.edgeitems
    if edge < 0 and array.ndim > 1:
        raise RuntimeError("stack expects a non-empty TensorList")
    cut = tuple(size > 2 * edge for size in array.shape)
    kept = [
        [*range(size)[:edge], *range(size)[-edge:]] if left_out else [*range(size)]
        for size, left_out in zip(array.shape, cut, strict=True)
    ]
    return array[np.ix_(*kept)], cut


def array_text(array: Array, indent: int) -> str:
    """The numbers of `array` in brackets, as they stand `indent` characters into a line.

    array: of any shape and element type, complex conjugation already done. Lines but the first are indented to match.
    """
    if array.size == 0:
        return "[]"
    # A 0-dim array is its own summary, however low the threshold.
    summarise = array.size > PRINT_OPTIONS.threshold and array.ndim > 0
    if summarise and not PRINT_OPTIONS.edgeitems:
        return "[...]"
    shown, cut = _shown(array, summarise)
    kind = shown.dtype.kind
    if kind == "c":
        shown = shown.astype(np.complex128)
        parts = shown.reshape(-1)
        column = _complex_text(_float_column(parts.real), _float_column(parts.imag))
    elif kind in "biu":
        column = _plain_column(shown.reshape(-1))
    else:
        exponents_only = shown.dtype == float8_e8m0fnu._numpy
        with np.errstate(invalid="ignore"):
            shown = shown.astype(np.float64)
        column = _float_column(shown.reshape(-1), exponents_only)
    if array.ndim == 0:
        return column.text(shown.item())
    return _nested_text(shown.tolist(), cut, indent, column)


def _nested_text(items: list[Any], cut: tuple[bool, ...], indent: int, column: _Column) -> str:
    """items: nested lists of the numbers shown. cut: of each level, whether an ellipsis stands in its middle."""
    innermost = len(cut) == 1
    if innermost:
        texts = [column.text(item) for item in items]
    else:
        texts = [_nested_text(item, cut[1:], indent + 1, column) for item in items]
    if cut[0]:
        # Where the ellipsis stands among numbers, torch puts a space more before it.
        texts.insert(len(texts) // 2, " ..." if innermost else "...")
    margin = " " * (indent + 1)
    if not innermost:
        return "[" + ("," + "\n" * (len(cut) - 1) + margin).join(texts) + "]"
    count = max(1, math.floor((PRINT_OPTIONS.linewidth - indent) / (column.width + 2)))
    lines = [", ".join(texts[start : start + count]) for start in range(0, len(texts), count)]
    return "[" + (",\n" + margin).join(lines) + "]"


def tensor_text(
    tensor: Any,
    *,
    tensor_contents: str | None = None,
    default_dtype: dtype | None = None,
    array: Array | None = None,
    tangent: object = None,
) -> str:
    """The text of `repr(tensor)`.

    tensor_contents: text to show in place of the numbers. default_dtype: the one that goes without saying (the process's,
    unless given). array: the numbers, if `tensor._array` is not them (a conjugated view). tangent: that of a dual tensor,
    shown by its own repr. Source: the behaviour of torch 2.13.
    """
    default = default_dtype or defaults.dtype
    layout = str(getattr(tensor, "layout", "torch.strided"))
    plain = type(tensor) in plain_classes or layout != "torch.strided"
    prefix = "tensor(" if plain else f"{type(tensor).__name__}("
    indent = len(prefix)
    kind: dtype = tensor.dtype
    meta = tensor.device.type == "meta"
    size = f"size={tuple(tensor.shape)}"
    name_dtype = kind not in (default, complex128 if default is float64 else complex64, int64, bool_)
    body, suffixes = "", []
    if tensor.device.type != "cpu":
        suffixes.append(f"device='{tensor.device}'")
    if layout != "torch.strided":
        suffixes.append(size)
        if not meta:
            suffixes.append(f"nnz={tensor._nnz()}")
        if tensor_contents is None:
            body = _sparse_text(tensor, layout, meta, indent)
    elif meta:
        suffixes.append(size)
        name_dtype = kind is not default
        body = "..."
    else:
        if 0 in tensor.shape:
            # Nothing inside tells the shape, unless it is (0,), nor the type, unless it is the default.
            if len(tensor.shape) != 1:
                suffixes.append(size)
            name_dtype = kind is not default
        elif not PRINT_OPTIONS.edgeitems:
            suffixes.append(size)
        if tensor_contents is None:
            body = array_text(tensor._array if array is None else array, indent)
    if name_dtype:
        suffixes.append(f"dtype={kind!r}")
    if layout != "torch.strided":
        suffixes.append(f"layout={layout}")
    suffixes += _gradient_suffix(tensor)
    if tangent is not None:
        suffixes.append(f"tangent={tangent}")
    body = prefix + (body if tensor_contents is None else tensor_contents)
    text = with_suffixes(body, suffixes, indent, layout == "torch.sparse_coo")
    # Parameters of the plain classes say so in their own repr; those of other classes are wrapped.
    return f"Parameter({text})" if not plain and _is_parameter(tensor) else text


def _is_parameter(tensor: Any) -> bool:
    """Whether `tensor` is of a subclass of Parameter, or was made a parameter while it kept a class of its own."""
    bases = type(tensor).__mro__
    return getattr(tensor, "_is_param", False) or any(
        base.__name__ == "Parameter" and base in plain_classes for base in bases
    )


def _gradient_suffix(tensor: Any) -> list[str]:
    try:
        function = tensor.grad_fn
    except RuntimeError:
        # A view made under no_grad and written to since has no history that could be shown.
        return ["grad_fn=<Invalid>"]
    if function is not None:
        return [f"grad_fn=<{type(function).__name__}>"]
    return ["requires_grad=True"] if tensor.requires_grad else []


def with_suffixes(body: str, suffixes: list[str], indent: int, new_line: bool) -> str:
    """`body` and its suffixes, each on the line before it if it fits there. new_line: the first goes on a line of its own."""
    text = body
    # torch counts from the last newline in this way, one more than there are characters.
    used = len(body) - body.rfind("\n") + 1
    for suffix in suffixes:
        if new_line or used + len(suffix) + 2 > PRINT_OPTIONS.linewidth:
            text += ",\n" + " " * indent + suffix
            used = indent + len(suffix)
            new_line = False
        else:
            text += ", " + suffix
            used += len(suffix) + 2
    return text + ")"


def _sparse_text(tensor: Any, layout: str, meta: bool, indent: int) -> str:
    """The index and value tensors that make up a sparse tensor, one under the other."""
    if layout == "torch.sparse_coo":
        parts = {"indices": tensor._indices(), "values": tensor._values()}
    elif layout in ("torch.sparse_csr", "torch.sparse_bsr"):
        parts = {"crow_indices": tensor.crow_indices(), "col_indices": tensor.col_indices()}
        parts["values"] = tensor.values()
    elif layout in ("torch.sparse_csc", "torch.sparse_bsc"):
        parts = {"ccol_indices": tensor.ccol_indices(), "row_indices": tensor.row_indices()}
        parts["values"] = tensor.values()
    else:
        raise NotImplementedError(f"printing a tensor of layout {layout}")
    texts = []
    for name, part in parts.items():
        start = f"{name}=tensor("
        text = start + ("..." if meta else array_text(part._array, indent + len(start)))
        if meta or 0 in part.shape:
            text += f", size={tuple(part.shape)}"
        texts.append(text + ")")
    return (",\n" + " " * indent).join(texts)


def wrapped_text(kind: str, level: int, value_text: str, batch_dimension: int | None = None) -> str:
    """The text of a tensor inside a function transform. kind: "BatchedTensor" (with its batch dimension) or "GradTrackingTensor".

    value_text: the text of what it wraps.
    """
    batch = "" if batch_dimension is None else f", bdim={batch_dimension}"
    return f"{kind}(lvl={level}{batch}, value=\n{textwrap.indent(value_text, '    ')}\n)"


def format_scalar(tensor: Any, specification: str) -> str:
    """`tensor.__format__(specification)`: that of the number for a 0-dim Tensor, of any object otherwise.

    Parameters, other subclasses and meta tensors count as any object, which raises TypeError for a nonempty specification.
    """
    is_tensor = type(tensor) in plain_classes and type(tensor).__name__ == "Tensor"
    if is_tensor and not tensor.shape and tensor.device.type != "meta":
        return format(tensor.item(), specification)
    return object.__format__(tensor, specification)
