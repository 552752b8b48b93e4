"""Pointwise operators on any tensors: promotion, the shape and memory order of the result, and the computation itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes, layout
from .declare import Operator
from .dtypes import defaults
from .element_types import computing
from .numbers import WrappedNumber, number_array, number_type
from .promotion import Standing, result_type_of
from .schema import REQUIRED

_FLOAT32 = dtypes.float32

PROMOTED_SCALARS = frozenset(("other", "exponent", "min", "max"))


def uses_ufunc(operator: Operator) -> bool:
    """Whether the declared ufunc is the whole body, as long as arguments that are no tensors keep their defaults."""
    return operator.options.get("ufunc") is not None and not any(
        argument.default is REQUIRED for argument in operator.arguments if not argument.is_tensor
    )


def promotion_of(operator: Operator, args: tuple[Any, ...]) -> tuple[dtypes.dtype, list[int]]:
    """The common element type of a pointwise call, and which arguments take part."""
    chosen = operator.options.get("promote")
    operands: list[tuple[dtypes.dtype, Standing]] = []
    positions: list[int] = []
    for position, (argument, value) in enumerate(zip(operator.arguments, args, strict=True)):
        if value is None:
            continue
        if (
            argument.name not in chosen
            if chosen is not None
            else not (argument.is_tensor or argument.name in PROMOTED_SCALARS)
        ):
            continue
        if argument.kind == "Scalar" or value.__class__ in (int, float, bool, complex):
            operands.append((number_type(value), "wrapped"))
        elif argument.is_tensor:
            operands.append(
                (
                    value._key._dtype,
                    "dim" if value._array.ndim else "wrapped" if _is_wrapped(value) else "zero_dim",
                )
            )
        else:
            continue
        positions.append(position)
    return result_type_of(operands, defaults.dtype), positions


def apply_rule(rule: Any, common: dtypes.dtype, args: tuple[Any, ...]) -> dtypes.dtype:
    """The computing type of a pointwise call under its operator's rule ("same", "float", "bool" or a function)."""
    if rule == "float":
        return defaults.dtype if common._category in ("bool", "int") else common
    return rule(common, *args) if callable(rule) else common


def _is_wrapped(tensor: Any) -> bool:
    return tensor.__class__ is WrappedNumber


def settle(
    operator: Operator, args: tuple[Any, ...]
) -> tuple[dtypes.dtype, list[int], layout.Shape, NotImplementedError | None]:
    """What torch finds out before a kernel runs, in its order: what the operator itself asks, whether shapes fit, the common type.

    Returns that type and which arguments take part in it, the shape of the result, and the refusal of a kernel that torch lacks, which comes last.
    """
    shapes = [
        value._array.shape
        for argument, value in zip(operator.arguments, args, strict=True)
        if argument.is_tensor and value is not None
    ]
    try:
        common, positions = promotion_of(operator, args)
    except RuntimeError:
        layout.broadcast_shapes(*shapes)
        raise
    refusal = None
    check = operator.options.get("check")
    if check is not None:
        try:
            check(common, *args)
        except NotImplementedError as error:
            if "not implemented for" not in str(error):
                raise
            refusal = error
    order = operator.options.get("shape_order")  # torch calls an operator of other operands in that order
    if order is not None:
        shapes = [shapes[i] for i in order]
    return common, positions, layout.broadcast_shapes(*shapes), refusal


def compute_pointwise(operator: Operator, args: tuple[Any, ...]) -> np.ndarray:
    """Promote, broadcast, compute in at least float32, and lay the result out as torch does."""
    common, positions, shape, refusal = settle(operator, args)
    if refusal is not None:
        raise refusal
    rule = operator.options.get("result", "same")
    common = apply_rule(rule, common, args)
    for types in computing(operator) if "element_types" in operator.options else ():
        types.judge(common, args)
    working = _FLOAT32 if common._reduced and operator.upcast else common
    values: list[Any] = list(args)
    arrays: list[np.ndarray] = []
    for position, argument in enumerate(operator.arguments):
        value = values[position]
        exact = working is common or argument.name in operator.options.get("exact_numbers", ())
        if value is None or not argument.is_tensor:
            if argument.kind == "ScalarType" and value is not None:
                values[position] = value._numpy
            elif value.__class__ is int and position in positions and working._category == "int":
                if argument.name not in ("min", "max"):  # bounds that do not fit are refused, by the kernel
                    values[position] = number_array(value, working).item()
            elif not exact and position in positions:
                values[position] = float(np.asarray(value, common._numpy))
            continue
        array = value._array
        if position in positions and (working is not common or array.dtype is not working._numpy):
            array = _cast_operand(value, array, common, working, exact)
        values[position] = array
        arrays.append(value._array)
    order = operator.options.get("shape_order")
    if order is not None:
        arrays = [arrays[i] for i in order]
    if working is not common:
        for name in operator.options.get("rounds_numbers", ()):
            position = operator.schema.names.index(name)
            values[position] = float(np.asarray(values[position], common._numpy))
    ufunc: Any = operator.options.get("ufunc")
    tensors = [values[i] for i, argument in enumerate(operator.arguments) if argument.is_tensor]
    exact = not (common.is_complex and operator.options.get("real_ufunc"))
    if (
        exact
        and uses_ufunc(operator)
        and all(values[i] == a.default for i, a in enumerate(operator.arguments) if not a.is_tensor)
    ):
        out: np.ndarray = ufunc(*tensors, out=...)
    elif working is not common and "reduced_kernel" in operator.options:
        out = operator.options["reduced_kernel"](common._numpy, *values)
    else:
        out = np.asarray(operator.kernel(*values))
    wanted = dtypes.bool_ if rule == "bool" else common
    if (rule != "bool" and working is not common and out.dtype is working._numpy) or (
        rule == "bool" and out.dtype is not wanted._numpy
    ):
        out = out.astype(wanted._numpy)
    if out.shape != shape:
        out = np.broadcast_to(out, shape).copy()
    return layout.laid_out(out, result_layout(operator, shape, arrays))


def result_layout(operator: Operator, shape: layout.Shape, arrays: list[np.ndarray]) -> layout.Shape:
    """Strides (in elements) of a pointwise result of `shape` over `arrays`, the operands in the order in which torch looks at them.

    The option `memory` is "elementwise" or another rule of `layout.arranged`.
    """
    if operator.memory == "rows":
        return layout.contiguous_strides(shape)
    if operator.memory == "preserved":
        return layout.preserved_strides(arrays[0])
    if operator.number_is_operand:
        arrays = [*arrays, _NUMBER]
    return layout.result_strides(shape, arrays)


_NUMBER = np.zeros(())


def _cast_operand(
    value: Any, array: np.ndarray, common: dtypes.dtype, working: dtypes.dtype, exact: bool
) -> np.ndarray:
    """An operand in the type that is computed with; rounded to the common type first, but for numbers that are taken as they are."""
    if value.__class__ is WrappedNumber:
        return number_array(array[()], working if exact else common).astype(working._numpy, copy=False)
    if exact and not array.ndim:
        return array.astype(working._numpy)
    if working is not common and array.dtype is not common._numpy:
        array = array.astype(common._numpy)
    if array.dtype.kind == "c" and working._category != "complex":
        array = array.real
    return array.astype(working._numpy)
