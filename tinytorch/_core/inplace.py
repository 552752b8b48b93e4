"""In-place forms: compute first, store then, so that a failing call changes nothing."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from . import layout
from .declare import Operator, find
from .dispatch import (
    _kernel_arguments,
    _run_meta,
    complete,
    compute,
    draws,
    refuse_unsigned,
    tensors_of,
    transforms,
)
from .element_types import Named, check_types
from .modes import modes
from .numbers import wrap_numbers
from .pointwise import apply_rule, settle, uses_ufunc
from .promotion import check_result_cast
from .quiet import hush, unhush
from .warning import warn_once


def inplace(operator: Operator, args: tuple[Any, ...]) -> Any:
    """Overwrite `args[0]` with `operator`'s result; nothing changes if anything is wrong."""
    from . import mutation

    self = args[0]
    if _overwritten(operator, args):
        return self
    args = complete(operator, args)
    if modes.layers and draws(operator):
        transforms["guard_inplace"](operator, args)
    for tensor in tensors_of(operator, args):
        special = tensor._key._special
        if special not in (None, "strided", "meta"):
            return transforms[special + "_inplace"](operator, args)
    if self._key._special != "meta" and any(t._key._special == "meta" for t in tensors_of(operator, args)):
        if operator.name == "copy":
            raise NotImplementedError("Cannot copy out of meta tensor; no data!")
        raise RuntimeError("Tensor on device meta is not on the expected device cpu!")
    if not operator.options.get("below_autograd"):
        mutation.check_writable(self, modes.grad and any(t.requires_grad for t in tensors_of(operator, args)))
    if "inplace_check" in operator.options:
        operator.options["inplace_check"](*args)
    if self._key._special == "strided" and not operator.options.get("overlaps"):
        check_overlap(self._array)
    if operator.family == "pointwise" or operator.options.get("separate"):
        for tensor in tensors_of(operator, args[1:], 1):
            if tensor is not self and tensor._counter is self._counter and self._counter is not None:
                check_separate(self._array, tensor._array)
    elif operator.indexed:
        for tensor in tensors_of(operator, args[1:], 1):
            if tensor is self:
                refuse_overlap()
            if tensor._counter is self._counter and self._counter is not None:
                check_separate(self._array, tensor._array, wholly=True)
    if operator.family == "pointwise":
        args = wrap_numbers(operator, args)
        _check_promotion(operator, self, args)
    if self._key._special == "meta":
        shape = _run_meta(operator, args)._array.shape if operator.family != "update" else self._array.shape
        check_target_shape(self, shape)
        out = None
    elif operator.family == "update" and (not modes.grad or operator.options.get("direct")):
        out = None
        refuse_unsigned(operator, args)
        if "element_types" in operator.options:
            check_types(operator, args)
        token = hush()
        try:
            operator.kernel(*_kernel_arguments(operator, args, False))
        finally:
            unhush(token)
    else:
        out = compute(operator, args)
        check_target_shape(self, out.shape)
    before = None
    if (
        modes.grad
        and (operator.compiled.node is not None or operator.options.get("underivable"))
        and any(t._requires_grad for t in tensors_of(operator, args))
    ):
        names = {name for formula in operator.formulas.values() for name in formula.__code__.co_varnames}
        first = operator.arguments[0].name
        before = mutation.stand_in(self, first in names)
        args = tuple([mutation.as_was(value, self) for value in args])
    if out is not None:
        token = hush()
        try:
            np.copyto(self._array, out, casting="unsafe")
        finally:
            unhush(token)
    mutation.bump(self)
    if before is not None:
        others = tuple([mutation.self_as_was(self, before) if value is self else value for value in args])
        mutation.write_history(operator, self, before, others)
    return self


def check_overlap(array: np.ndarray) -> None:
    """Raises RuntimeError with torch's text if an expanded tensor is to be overwritten element by element."""
    if (
        array.size
        and 0 in array.strides
        and any(step == 0 and size > 1 for size, step in zip(array.shape, array.strides, strict=True))
    ):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the "
            "tensor before performing the operation."
        )


def check_separate(written: np.ndarray, read: np.ndarray, wholly: bool = False) -> None:
    """Raises RuntimeError with torch's text if an operand lies partly (or, if `wholly`, at all) in the memory to be overwritten."""
    if not written.size or not read.size:
        return
    first, second = (a.__array_interface__["data"][0] for a in (written, read))
    if first >= second + read.nbytes or second >= first + written.nbytes:
        return
    steps, others = layout.element_strides(written), layout.element_strides(read)
    if not layout.is_dense(written.shape, steps) or not layout.is_dense(read.shape, others):
        return  # which torch finds too hard to tell
    if wholly or not (first == second and written.nbytes == read.nbytes and steps == others):
        refuse_overlap()


def refuse_overlap() -> NoReturn:
    """An operand lies in the memory to be overwritten; the tensor itself does even without elements."""
    raise RuntimeError(
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. Please clone() "
        "the tensor before performing the operation."
    )


def _overwritten(operator: Operator, args: tuple[Any, ...]) -> bool:
    """Write a ufunc's result over `args[0]` at once, if the operands are of one type, in whatever layout, and nothing is recorded."""
    from .mutation import wants

    if (
        operator.family != "pointwise"
        or not uses_ufunc(operator)
        or operator.options.get("result") == "bool"
        or modes.inference
    ):
        return False
    self = args[0]
    key = getattr(self, "_key", None)
    if key is None or self._extra is not None or 0 in self._array.strides:
        return False
    element_type = key._dtype
    if element_type not in operator.compiled.fast_keys:
        return False
    arrays = []
    for position in operator.tensor_positions:
        tensor = args[position]
        key = getattr(tensor, "_key", None)
        if key is not element_type and key is not element_type._strided:
            return False
        if modes.grad and wants(tensor):
            return False
        if tensor is not self and tensor._counter is self._counter and self._counter is not None:
            return False  # they may overlap
        arrays.append(tensor._array)
    if any(
        len(args) > position and args[position] != default for position, default in operator.other_defaults
    ):
        return False
    token = hush()
    try:
        operator.options["ufunc"](*arrays, out=self._array)
    except ValueError:
        return False
    finally:
        unhush(token)
    counter = self._counter
    if counter is None:
        self._counter = [1]
    else:
        counter[0] += 1
    return True


def inplace_composite(operator: Operator, *args: Any, **kwargs: Any) -> Any:
    """The in-place form of an operator made of others: its own rule if it has one, else compute and copy."""
    rule = operator.options.get("inplace_rule")
    if rule is not None:
        return rule(*args, **kwargs)
    result = operator.kernel(*args, **kwargs)
    check_result_cast(result._key._dtype, args[0]._key._dtype)
    return find("copy").inplace(args[0], result)


def _check_promotion(operator: Operator, self: Any, args: tuple[Any, ...]) -> None:
    common, _, shape, _ = settle(operator, args)
    check_target_shape(self, shape)
    own = self._key._dtype
    rule = operator.options.get("result", "same")
    if rule == "bool":
        if common._category == "complex" and own._category in ("int", "float") and self._array.size:
            warn_once("Casting complex values to real discards the imaginary part")
        return
    name = Named(own).c if operator.options.get("casts_to_native") else None
    check_result_cast(apply_rule(rule, common, args), own, name)


def check_target_shape(self: Any, shape: tuple[int, ...]) -> None:
    if self._array.shape != shape:
        raise RuntimeError(
            f"output with shape {list(self._array.shape)} doesn't match the broadcast shape {list(shape)}"
        )
