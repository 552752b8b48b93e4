"""`out=`: results written into given tensors, which are resized if they do not fit."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from . import dispatch, dtypes, layout
from .declare import Operator, find
from .inplace import check_target_shape
from .lazy import map_tensors, read, resolved
from .modes import modes
from .mutation import bump, unimplemented
from .numbers import wrap_numbers
from .pointwise import apply_rule, promotion_of, settle
from .quiet import hush, unhush
from .restructure import window
from .returns import named
from .sampling import NATIVE_NAMES
from .tensor import Tensor, set_array
from .warning import warn_once


def run_out(operator: Operator, args: list[Any], out: Any) -> Any:
    """Run `operator` and store its results in `out`; returns `out`.

    Raises RuntimeError if a gradient is wanted, or if the result's type does not fit; warns when a non-empty `out` is resized.
    """
    operator = operator.options.get("out_as", operator)
    several = operator.several
    targets = list(out) if several else [out]
    check = operator.options.get("out_check")
    if check is not None:  # what is asked before anything is computed, or drawn
        check(targets, args)
    args = list(map_tensors(operator, tuple(args), resolved))
    for tensor in (*dispatch.tensors_of(operator, tuple(args)), *targets):
        if tensor._key._special == "lazy":
            continue
        if tensor._key._special not in (None, "strided", "meta"):
            raise tensor._key.refuse_out(operator)
    name = operator.options.get("out_writer", operator.name)
    history = operator.options.get("out_history")
    if modes.grad and not history and not operator.nondifferentiable:
        if any(tensor.requires_grad for tensor in dispatch.tensors_of(operator, tuple(args))) or any(
            t.requires_grad for t in targets
        ):
            raise RuntimeError(
                f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments "
                "requires grad."
            )
    _check_devices(operator, targets, args)
    drawn = operator.options.get("out_kernel")
    if drawn is not None and not modes.layers and out._key._special in (None, "strided"):
        return _draw_into(operator, drawn, tuple(args), out)
    if operator.family == "pointwise":
        for target in targets:
            _check_memory(operator, target, args)
            _check_operand(operator, target, args)
            _check_before(operator, target, args)
    before = modes.grad
    modes.grad = before and history == "copied"
    try:
        arguments = tuple(args)
        if operator.family == "composite":
            results = operator.call(*arguments)
        else:
            results = dispatch.slow(operator, arguments)
    finally:
        modes.grad = before
    produced = list(results) if several else [results]
    for place, (result, target) in enumerate(zip(produced, targets, strict=True)):
        _check_type(operator, args, result._key._dtype, target._key._dtype, place)
    for result, target in zip(produced, targets, strict=True):
        if operator.options.get("out_separate"):
            dispatch.check_overlap(target._array)  # before it is resized, as well as after
        converted = operator.family == "op" and result._key._dtype is not target._key._dtype
        filled = target._array.size and operator.family != "pointwise"
        in_rows = converted or filled or operator.options.get("out_row_major")
        if operator.family == "pointwise" and not operator.options.get("out_resized_once"):
            _fit_temporary(operator, result, target, args)
        fit(result, target, bool(operator.options.get("quiet_out")), bool(in_rows))
        if operator.family != "pointwise":
            _check_memory(operator, target, args)
        _warn_of_parts(operator, target, args)
        fill(result, target)
        if history and before:
            _record(operator, history, result, target, args)
    if operator.schema.returns[0].is_list:
        return None
    return named(operator, tuple(targets), "_out") if several else out


def _draw_into(operator: Operator, kernel: Any, args: tuple[Any, ...], out: Any) -> Any:
    """Let `kernel(array, *arguments)` draw into `out` as it lies in memory, in its own type: the option `out_kernel` of samplers."""
    tensors = list(dispatch.tensors_of(operator, args))
    if any(tensor._key._special == "meta" for tensor in tensors):
        return out
    _check_type(operator, list(args), tensors[0]._key._dtype, out._key._dtype)
    shape = layout.broadcast_shapes(*[tensor._array.shape for tensor in tensors])
    quiet = bool(operator.options.get("quiet_out"))
    fit(dispatch.meta_tensor(shape, out._key._dtype), out, quiet, row_major=True)
    _check_memory(operator, out, list(args))
    token = hush()
    try:
        kernel(out._array, *[value._array if isinstance(value, Tensor) else value for value in args])
    finally:
        unhush(token)
    bump(out)
    return out


EXACT = "Expected out tensor to have dtype {result_c}, but got {target_c} instead"


def _check_type(operator: Operator, args: list[Any], result: Any, target: Any, place: int = 0) -> None:
    """Whether result number `place`, of type `result`, may be stored in a target of type `target`.

    The option `out_cast`: True if any type will do that it can be cast to (the default of elementwise operators, reductions and
    composites), False if only the result's own (the default of the others), a text if so with torch's words for it, a function of
    both types and the arguments that raises, "any" for no check, or a list of these, one for each result. An explicit `dtype` argument must be the target's.
    """
    rule = operator.options.get("out_cast", operator.family not in ("op", "update"))
    if isinstance(rule, list):
        rule = rule[place]
    if result is target:
        return
    if callable(rule):
        rule(result, target, args)
        return
    asked = any(
        a.kind == "ScalarType" and value is not None
        for a, value in zip(operator.arguments, args, strict=False)
    )
    if rule == "any" and not asked:
        return
    if rule == "any":
        rule = False
    if rule is True and not asked:
        dispatch.check_result_cast(result, target)
        return
    text = rule if isinstance(rule, str) else EXACT
    raise RuntimeError(
        text.format(
            result=dispatch.legacy_name(result),
            target=dispatch.legacy_name(target),
            result_c=NATIVE_NAMES.get(result._name, result._name),
            target_c=NATIVE_NAMES.get(target._name, target._name),
        )
    )


def _record(operator: Operator, history: str, result: Any, target: Any, args: list[Any]) -> None:
    """Give `target` the history of a copy of `result`, or one that cannot be followed."""
    inputs = [tensor for tensor in dispatch.tensors_of(operator, tuple(args)) if tensor.requires_grad]
    if history == "copied" and (result.requires_grad or target.requires_grad):
        find("copy").inplace(target, result)
    elif history == "unimplemented" and inputs:
        unimplemented(operator, (target,), inputs)


def _check_devices(operator: Operator, targets: list[Any], args: list[Any]) -> None:
    """Refuse to write elements where none are held; the option `out_device` is the text of operators that say so in their own way."""
    if any(tensor._key._special == "meta" for tensor in dispatch.tensors_of(operator, tuple(args))):
        return
    if any(target._key._special == "meta" for target in targets):
        default = (
            "Attempting to copy from device cpu to device meta, but cross-device copies are not allowed!"
        )
        raise RuntimeError(operator.options.get("out_device", default))


def _check_memory(operator: Operator, target: Any, args: list[Any]) -> None:
    """Refuse a target whose elements share memory with each other, or with an operand it is not identical to.

    The option `out_separate` of operators that read and write in different orders refuses even identical ones; `out_overlaps` says
    that torch does not look.
    """
    separate = operator.options.get("out_separate", False)
    if separate or (operator.family != "reduction" and not operator.options.get("out_overlaps")):
        dispatch.check_overlap(target._array)
    if operator.family == "pointwise" or separate:
        for tensor in dispatch.tensors_of(operator, tuple(args)):
            if tensor is not target or separate:
                dispatch.check_separate(target._array, tensor._array, separate)


def _check_operand(operator: Operator, target: Any, args: list[Any]) -> None:
    """Refuse a target that is an operand as well and too small for the result: it cannot be resized."""
    operands = list(dispatch.tensors_of(operator, tuple(args)))
    if any(operand is target for operand in operands):
        shape = layout.broadcast_shapes(*[operand._array.shape for operand in operands])
        check_target_shape(target, shape)


def _check_before(operator: Operator, target: Any, args: list[Any]) -> None:
    """What torch says of an elementwise call before it looks for a kernel: shapes, and whether the result's type fits."""
    if modes.layers:
        return
    values = wrap_numbers(operator, tuple(args))
    common, _, _, _ = settle(operator, values)
    if common._category != "complex":  # whose results may be real
        rule = operator.options.get("result", "same")
        _check_type(
            operator,
            args,
            dtypes.bool_ if rule == "bool" else apply_rule(rule, common, values),
            target._key._dtype,
        )


def deliver(operator: Operator, result: Tensor, out: Any) -> Any:
    """Store the result of a Python form of `operator` in `out`; returns `out`. Types are checked as `run_out` does."""
    _check_type(operator, [], result._key._dtype, out._key._dtype)
    store(result, out)
    return out


def store(result: Tensor, target: Any, quiet: bool = False) -> None:
    """Copy `result` into `target`, resizing it first where shapes differ, with a warning unless `quiet`."""
    fit(result, target, quiet)
    fill(result, target)


def warn_resized(shape: tuple[int, ...], required: tuple[int, ...]) -> None:
    """torch's warning that a result which held elements had to be given another shape."""
    warnings.warn(
        f"An output with one or more elements was resized since it had shape {list(shape)}, which does not match the required output "
        f"shape {list(required)}. This behavior is deprecated, and in a future PyTorch release outputs will not be resized unless they "
        "have zero elements. You can explicitly reuse an out tensor t by resizing it, inplace, to zero elements with t.resize_(0).",
        UserWarning,
        stacklevel=6,
    )


def fit(result: Tensor, target: Any, quiet: bool = False, row_major: bool = False) -> None:
    """Resize `target` where its shape is not that of `result`, with a warning unless `quiet` or it is empty.

    It gets the result's memory order, unless it is to be `row_major`.
    """
    if target._array.shape != result._array.shape:
        if target._array.size and not quiet:
            warn_resized(target._array.shape, result._array.shape)
        strides = (
            layout.element_strides(result._array)
            if not row_major
            else layout.contiguous_strides(result._array.shape)
        )
        set_array(target, window(target._array, result._array.shape, strides))


def _fit_temporary(operator: Operator, result: Tensor, target: Any, args: list[Any]) -> None:
    """torch resizes what it computes into, too, where that is of another type than the target, and warns of it as of the target."""
    own = target._key._dtype
    if target._array.shape == result._array.shape or not target._array.size:
        return
    computed = result._key._dtype
    if operator.options.get("result") == "bool":
        computed = (
            own if own is dtypes.bool_ else promotion_of(operator, wrap_numbers(operator, tuple(args)))[0]
        )
    if computed is not own:
        warn_resized(target._array.shape, result._array.shape)


def _warn_of_parts(operator: Operator, target: Any, args: list[Any]) -> None:
    """torch stores truth values of complex operands in their type first, and says what is lost if that goes into a real target."""
    if (
        operator.options.get("result") == "bool"
        and target._key._dtype._category in ("int", "float")
        and target._array.size
    ):
        if any(tensor.is_complex() for tensor in dispatch.tensors_of(operator, tuple(args))):
            warn_once("Casting complex values to real discards the imaginary part")


def fill(result: Tensor, target: Any) -> None:
    """Copy `result` into `target`, which has its shape."""
    result = resolved(result)
    if target._key._special == "lazy":
        np.copyto(target._array, read(result._array, target._key), casting="unsafe")
    elif target._key._special != "meta":
        values = result._array
        if values.dtype.kind == "c" and target._key._dtype._category in ("int", "float"):
            values = values.real
            if values.size:
                warn_once("Casting complex values to real discards the imaginary part")
        np.copyto(target._array, values, casting="unsafe")
    bump(target)
