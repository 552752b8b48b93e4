"""The slow path below argument parsing: whatever is not plain, contiguous and of one type.

Runs an operator by its family's rule: promotion and memory order for pointwise operators, float32 arithmetic for 16-bit types,
shapes alone for meta tensors, and the transformations (forward mode, batching) that register themselves in `transforms`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import dtypes, layout
from .declare import Operator, find, registry
from .dtypes import defaults
from .modes import modes
from .promotion import SCALAR_TYPE_NAMES, Standing, can_cast, result_type_of
from .quiet import hush, unhush
from .schema import REQUIRED
from .tensor import Tensor, key_of, make, wrap

#: special key -> how an operator runs on tensors that carry it: (operator, args) -> result. Filled by forward mode and batching.
transforms: dict[str, Callable[[Operator, tuple[Any, ...]], Any]] = {}

_FLOAT32 = dtypes.float32


def draws(operator: Operator) -> bool:
    """Whether `operator` draws random numbers: it, or another overload of its name, takes a generator."""
    return any(
        argument.kind == "Generator"
        for overload in registry[operator.name]
        for argument in overload.arguments
    )


def guarded(operator: Operator, call: Callable[..., Any]) -> Callable[..., Any]:
    """`call`, asking the transformations first where operands alone do not tell them: random operators and factories from a tensor."""
    random = draws(operator)
    from_tensor = (
        operator.family == "factory" and bool(operator.arguments) and operator.arguments[0].is_tensor
    )
    if not random and not from_tensor:
        return call

    def guard(*args: Any, **kwargs: Any) -> Any:
        if modes.layers and operator.family != "composite":
            return transforms["guard"](operator, call, args, kwargs)  # type: ignore[call-arg, arg-type]
        return call(*args, **kwargs)

    return guard


def tensors_of(operator: Operator, args: tuple[Any, ...], start: int = 0) -> Iterator[Any]:
    """The tensors among an operator's arguments from number `start` on."""
    for argument, value in zip(
        operator.arguments[start:] if start else operator.arguments, args, strict=True
    ):
        if argument.is_tensor and value is not None:
            if argument.is_list:
                yield from (item for item in value if item is not None)
            elif value.__class__ not in (int, float, bool, complex):
                yield value


def complete(operator: Operator, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """`args` with schema defaults appended."""
    missing = operator.arguments[len(args) :]
    return (*args, *[argument.default for argument in missing]) if missing else args


def slow(operator: Operator, args: tuple[Any, ...]) -> Any:
    """Run `operator` on any tensors. Returns what its compiled call returns."""
    meta = False
    for tensor in tensors_of(operator, args):
        special = tensor._key._special
        if special is not None and special != "strided":
            if special == "meta":
                meta = True
            else:
                return transforms[special](operator, args)
    if operator.family == "view":
        return _run_view(operator, args)
    if operator.family == "pointwise":
        args = _wrap_numbers(operator, args)
    if meta:
        from .meta import check_places

        check_places(operator, args)
    outputs = _run_meta(operator, args) if meta else compute(operator, args)
    return finish(operator, outputs, args)


def relaxed(operator: Operator, args: tuple[Any, ...]) -> Any:
    """Run a pointwise operator on tensors of one type that need not be contiguous; anything else goes to `slow`."""
    element_type: Any = None
    arrays: list[np.ndarray] = []
    try:
        for position in operator.tensor_positions:
            tensor = args[position]
            key = tensor._key
            if element_type is None:
                element_type = key._dtype
            if key is not element_type and key is not element_type._strided:
                return slow(operator, args)
            arrays.append(tensor._array)
        for position in operator.scalar_positions:
            if args[position].__class__ is complex:
                return slow(operator, args)
    except AttributeError:
        return slow(operator, args)
    if element_type not in operator.compiled.fast_keys or modes.layers:
        return slow(operator, args)
    token = hush()
    try:
        if uses_ufunc(operator):
            for position, default in operator.other_defaults:
                if args[position] != default:
                    return slow(operator, args)
            out = operator.options["ufunc"](*arrays, out=...)
        else:
            values = list(args)
            for position, array in zip(operator.tensor_positions, arrays, strict=True):
                values[position] = array
            check = operator.options.get("check")
            if check is not None:
                check(element_type, *args)
            out = np.asarray(operator.kernel(*values))
    except ValueError:
        return slow(operator, args)
    finally:
        unhush(token)
    result = wrap(out if _in_order(out, arrays) else _reorder(out, arrays))
    _record(operator, (result,), args)
    return result


def _in_order(out: np.ndarray, arrays: list[np.ndarray]) -> bool:
    """Whether a row-major `out` is what torch gives: the first operand that is not one repeated number decides."""
    if not out.flags.c_contiguous:
        return False
    for array in arrays:
        if array.flags.c_contiguous and array.shape == out.shape:
            return True
        if array.size and any(array.strides):
            return False
    return True


def _reorder(out: np.ndarray, arrays: list[np.ndarray]) -> np.ndarray:
    strides = layout.result_strides(out.shape, arrays)
    if layout.element_strides(out) == strides or not out.size:
        return out
    ordered = layout.empty(out.shape, strides, out.dtype)
    ordered[...] = out
    return ordered


def finish(operator: Operator, outputs: Any, args: tuple[Any, ...]) -> Any:
    """Tensors of kernel results, with history."""
    returns = operator.schema.returns
    if len(returns) == 1:
        if returns[0].kind != "Tensor":
            return outputs
        if returns[0].is_list:
            results = tuple([_tensor(output) for output in outputs])
            _record(operator, (results,), args)
            return results
        result = _tensor(outputs)
        _record(operator, (result,), args)
        return result
    results = tuple([None if output is None else _tensor(output) for output in outputs])
    _record(operator, results, args)
    return results


def _tensor(output: Any) -> Any:
    return output if isinstance(output, Tensor) else wrap(np.asarray(output))


def _record(operator: Operator, results: tuple[Any, ...], args: tuple[Any, ...]) -> None:
    if modes.grad and operator.compiled.record is not None:
        operator.compiled.record(*results, *args)


#: Pointwise operators that take float8 as they take bits; all others refuse it, by the names torch gives its kernels.
_MOVES = frozenset(["abs", "where", "masked_fill", "fill", "copy", "clone", "positive", "sign", "isnan"])
_FLOAT8_NAMES = {
    "add": "add_stub",
    "sub": "add_stub",
    "rsub": "add_stub",
    "mul": "mul_cpu_reduced_float",
    "exp": "exp_vml_cpu",
}


def compute(operator: Operator, args: tuple[Any, ...]) -> Any:
    """Kernel results (arrays) of `operator` on tensors that hold data."""
    if operator.family in ("pointwise", "reduction") and operator.options.get("result") != "bool":
        for tensor in tensors_of(operator, args):
            if tensor._key._dtype in dtypes.FLOAT8 and operator.name not in _MOVES:
                name = _FLOAT8_NAMES.get(operator.name, f"{operator.name}_cpu")
                raise NotImplementedError(
                    f"\"{name}\" not implemented for '{legacy_name(tensor._key._dtype)}'"
                )
    token = hush()
    try:
        if operator.family == "pointwise":
            return compute_pointwise(operator, args)
        if operator.family == "update":
            return _compute_update(operator, args)
        return _compute_kernel(operator, args)
    finally:
        unhush(token)


# Pointwise ----------------------------------------------------------------------------------------------------------------------

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


class WrappedNumber(Tensor):
    """A Python number that takes the place of a tensor: it does not decide the result's type within its kind."""

    __slots__ = ()
    __module__ = "torch"


def number_type(value: Any) -> dtypes.dtype:
    """The type of a number beside a tensor. NumPy's numbers that are no Python numbers count as floats, its booleans too."""
    if isinstance(value, bool):
        return dtypes.bool_
    if isinstance(value, int | np.integer):
        return dtypes.int64
    if isinstance(value, complex):
        return dtypes.complex128
    return dtypes.float64


def python_number(value: np.generic) -> Any:
    """A NumPy number as the Python number torch takes it for (see number_type)."""
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, complex):
        return complex(value)
    return float(value)


def _wrap_numbers(operator: Operator, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Python numbers given for tensor arguments, as 0-dim tensors that promote like numbers."""
    if not any(
        argument.is_tensor and value.__class__ in (int, float, bool, complex)
        for argument, value in zip(operator.arguments, args, strict=True)
    ):
        return args
    return tuple(
        [
            wrapped_number(value)
            if argument.is_tensor and value.__class__ in (int, float, bool, complex)
            else value
            for argument, value in zip(operator.arguments, args, strict=True)
        ]
    )


def wrapped_number(value: Any) -> Tensor:
    """A Python number as a 0-dim tensor of its own type (int64, float64, ...)."""
    try:
        array = np.array(value, number_type(value)._numpy)
    except OverflowError:
        if 0 <= value < 2**64:
            array = np.array(value, np.uint64)
        else:
            raise RuntimeError("Overflow when unpacking long long") from None
    tensor: Tensor = make(WrappedNumber, array, key_of(array))
    return tensor


def compute_pointwise(operator: Operator, args: tuple[Any, ...]) -> np.ndarray:
    """Promote, broadcast, compute in at least float32, and lay the result out as torch does."""
    common, positions = promotion_of(operator, args)
    check = operator.options.get("check")
    if check is not None:
        check(common, *args)
    rule = operator.options.get("result", "same")
    common = apply_rule(rule, common, args)
    working = _FLOAT32 if common._reduced and operator.upcast else common
    values: list[Any] = list(args)
    arrays: list[np.ndarray] = []
    for position, argument in enumerate(operator.arguments):
        value = values[position]
        if value is None or not argument.is_tensor:
            if argument.kind == "ScalarType" and value is not None:
                values[position] = value._numpy
            continue
        array = value._array
        if position in positions and array.dtype is not working._numpy:
            array = _cast_operand(value, array, common, working)
        values[position] = array
        arrays.append(value._array)
    shape = layout.broadcast_shapes(*[array.shape for array in arrays])
    ufunc: Any = operator.options.get("ufunc")
    tensors = [values[i] for i, argument in enumerate(operator.arguments) if argument.is_tensor]
    if uses_ufunc(operator) and all(
        values[i] == a.default for i, a in enumerate(operator.arguments) if not a.is_tensor
    ):
        out: np.ndarray = ufunc(*tensors, out=...)
    else:
        out = np.asarray(operator.kernel(*values))
    wanted = dtypes.bool_ if rule == "bool" else common
    if (rule != "bool" and working is not common and out.dtype is working._numpy) or (
        rule == "bool" and out.dtype is not wanted._numpy
    ):
        out = out.astype(wanted._numpy)
    if out.shape != shape:
        out = np.broadcast_to(out, shape).copy()
    strides = layout.result_strides(shape, arrays)
    if layout.element_strides(out) != strides and out.size:
        ordered = layout.empty(shape, strides, out.dtype)
        ordered[...] = out
        return ordered
    return out


def _cast_operand(value: Any, array: np.ndarray, common: dtypes.dtype, working: dtypes.dtype) -> np.ndarray:
    if value.__class__ is WrappedNumber:
        return number_array(array[()], working)
    if working is not common and array.dtype is not common._numpy:
        array = array.astype(common._numpy)
    if array.dtype.kind == "c" and working._category != "complex":
        array = array.real
    return array.astype(working._numpy)


def number_array(value: Any, element_type: dtypes.dtype) -> np.ndarray:
    """A Python number as a 0-d array. Raises RuntimeError with torch's text if it does not fit."""
    if element_type._category == "int":
        limits = np.iinfo(element_type._numpy)
        if not limits.min <= int(value) <= limits.max:
            c_name = {1: "int8_t", 2: "int16_t", 4: "int32_t", 8: "int64_t"}[element_type.itemsize]
            name = c_name if element_type.is_signed else "u" + c_name
            if not (not element_type.is_signed and value < 0):
                raise RuntimeError(f"value cannot be converted to type {name} without overflow")
            return np.array(int(value) % (1 << (8 * element_type.itemsize)), element_type._numpy)
    return np.array(value, element_type._numpy)


# Other families -----------------------------------------------------------------------------------------------------------------


def _kernel_arguments(operator: Operator, args: tuple[Any, ...], upcast: bool) -> list[Any]:
    values: list[Any] = []
    rank = 0
    for position, (argument, value) in enumerate(zip(operator.arguments, args, strict=True)):
        if value is None:
            values.append(None)
        elif argument.is_tensor:
            if argument.is_list:
                values.append([None if item is None else _array(item, upcast) for item in value])
            else:
                if position == 0:
                    rank = value._array.ndim
                values.append(_array(value, upcast))
        elif argument.kind == "ScalarType":
            values.append(value._numpy)
        elif argument.name in operator.wrapped_dims:
            several = argument.is_list or (operator.family == "reduction" and not argument.kind == "int")
            values.append(wrap_dims(value, rank) if several else wrap_dim(value, rank))
        else:
            values.append(value)
        if value is None and argument.name in operator.wrapped_dims and argument.is_list:
            values[-1] = wrap_dims(None, rank)
    return values


def _array(tensor: Any, upcast: bool) -> np.ndarray:
    array: np.ndarray = tensor._array
    return array.astype(np.float32) if upcast and tensor._key._dtype._reduced else array


def _compute_kernel(operator: Operator, args: tuple[Any, ...]) -> Any:
    reduced = None
    if operator.upcast:
        reduced = next((t._key._dtype for t in tensors_of(operator, args) if t._key._dtype._reduced), None)
    out = operator.kernel(*_kernel_arguments(operator, args, reduced is not None))
    if operator.row_major:
        out = layout.row_major(out)
    if reduced is None:
        return out
    asked = [
        v for a, v in zip(operator.arguments, args, strict=True) if a.kind == "ScalarType" and v is not None
    ]
    if asked:
        return out

    def back(array: Any) -> Any:
        return array.astype(reduced._numpy) if getattr(array, "dtype", None) == np.float32 else array

    return tuple(back(array) for array in out) if isinstance(out, tuple | list) else back(out)


def _compute_update(operator: Operator, args: tuple[Any, ...]) -> np.ndarray:
    out = (
        layout.copy(args[0]._array)
        if not operator.options.get("contiguous")
        else np.array(args[0]._array, order="C")
    )
    values = _kernel_arguments(operator, args, False)
    values[0] = out
    operator.kernel(*values)
    return out


def _run_view(operator: Operator, args: tuple[Any, ...]) -> Any:
    from .mutation import wrap_view

    self = args[0]
    out = operator.kernel(*_kernel_arguments(operator, args, False))
    many = isinstance(out, tuple | list)
    results = tuple([wrap_view(self, array, "multi" if many else None) for array in (out if many else [out])])
    if self._key._special == "meta":
        for result in results:
            result._key = result._key._dtype._meta
    if many:
        _record(operator, (results,), args)
        return results
    _record(operator, results, args)
    return results[0]


# Meta ---------------------------------------------------------------------------------------------------------------------------


def meta_tensor(
    shape: tuple[int, ...], element_type: dtypes.dtype, strides: tuple[int, ...] | None = None
) -> Tensor:
    """A tensor of shape and strides (in elements) without memory behind it."""
    if strides is None:
        strides = layout.contiguous_strides(shape)
    scaled = tuple([stride * element_type.itemsize for stride in strides])
    array = np.lib.stride_tricks.as_strided(element_type._zero, shape, scaled)
    tensor: Tensor = make(Tensor, array, element_type._meta)
    return tensor


def _run_meta(operator: Operator, args: tuple[Any, ...]) -> Any:
    from .meta import run_meta

    return run_meta(operator, args)


# In place -----------------------------------------------------------------------------------------------------------------------


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
    mutation.check_writable(self, modes.grad and any(t.requires_grad for t in tensors_of(operator, args)))
    if "inplace_check" in operator.options:
        operator.options["inplace_check"](*args)
    if self._key._special == "strided" and not operator.options.get("overlaps"):
        check_overlap(self._array)
    if operator.family == "pointwise" or operator.options.get("separate"):
        for tensor in tensors_of(operator, args[1:], 1):
            if tensor is not self and tensor._counter is self._counter and self._counter is not None:
                check_separate(self._array, tensor._array)
    if operator.family == "pointwise":
        args = _wrap_numbers(operator, args)
        _check_promotion(operator, self, args)
    if self._key._special == "meta":
        shape = _run_meta(operator, args)._array.shape if operator.family != "update" else self._array.shape
        _check_target_shape(self, shape)
        out = None
    elif operator.family == "update" and (not modes.grad or operator.options.get("direct")):
        out = None
        token = hush()
        try:
            operator.kernel(*_kernel_arguments(operator, args, False))
        finally:
            unhush(token)
    else:
        out = compute(operator, args)
        _check_target_shape(self, out.shape)
    before = None
    if (
        modes.grad
        and operator.compiled.node is not None
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
    if not all(layout.is_dense(a.shape, layout.element_strides(a)) for a in (written, read)):
        return
    first, second = (a.__array_interface__["data"][0] for a in (written, read))
    if (
        first < second + read.nbytes
        and second < first + written.nbytes
        and (wholly or not (first == second and written.strides == read.strides))
    ):
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
    common, _ = promotion_of(operator, args)
    rule = operator.options.get("result", "same")
    if rule == "bool":
        return
    common = apply_rule(rule, common, args)
    check_result_cast(common, self._key._dtype)


def legacy_name(element_type: dtypes.dtype) -> str:
    """The name torch's error texts give a dtype ("Float", "Long")."""
    return SCALAR_TYPE_NAMES[element_type]


def check_result_cast(common: dtypes.dtype, target: dtypes.dtype) -> None:
    """Raises RuntimeError unless results of type `common` may be stored as `target`."""
    if not can_cast(common, target):
        raise RuntimeError(
            f"result type {legacy_name(common)} can't be cast to the desired output type {legacy_name(target)}"
        )


def _check_target_shape(self: Any, shape: tuple[int, ...]) -> None:
    if self._array.shape != shape:
        raise RuntimeError(
            f"output with shape {list(self._array.shape)} doesn't match the broadcast shape {list(shape)}"
        )


# Dimensions and saved tensors ------------------------------------------------------------------------------------------------------


def wrap_dim(dim: int, rank: int) -> int:
    """`dim` counted from the front. Raises IndexError with torch's text when out of range."""
    limit = rank or 1
    if not -limit <= dim < limit:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-limit}, {limit - 1}], but got {dim})"
        )
    return dim + limit if dim < 0 else dim


def wrap_dims(dims: Any, rank: int) -> tuple[int, ...]:
    """Dimensions counted from the front; None or an empty list means all of them."""
    if dims is None:
        return tuple(range(rank))
    if isinstance(dims, int):
        dims = (dims,)
    if not dims:
        return tuple(range(rank))
    wrapped = tuple([wrap_dim(dim, rank) for dim in dims])
    if len(set(wrapped)) != len(wrapped):
        twice = next(dim for i, dim in enumerate(wrapped) if dim in wrapped[:i])
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return wrapped if rank else ()


def stale(node: Any, tensor: Any, version: Any) -> None:
    """A saved tensor was overwritten: raises torch's RuntimeError."""
    if isinstance(tensor, list):
        tensor, version = next(
            (t, v)
            for t, v in zip(tensor, version, strict=True)
            if t is not None and t._counter is not None and t._counter[0] != v
        )
    tensor._current()
    raise_stale(tensor._array, tensor._key._dtype, tensor._edge, tensor._counter[0], version)


def operation_name(function: Any) -> str:
    """A node's name without the suffix that says it is one ("ExpBackward0" -> "Exp"), as torch's error texts give it."""
    return re.sub(r"Backward\d*$", "", function.name())


def raise_stale(
    array: np.ndarray, element_type: dtypes.dtype, edge: Any, current: int, expected: int
) -> None:
    origin = ""
    if edge is not None:
        function, output = edge if edge.__class__ is tuple else (edge, 0)
        origin = f", which is output {output} of {operation_name(function)},"
    type_name = f"torch.{legacy_name(element_type)}Tensor"
    raise RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{type_name} {list(array.shape)}]{origin} is at version {current}; expected version {expected} instead. "
        + (
            "Hint: the backtrace further above shows the operation that failed to compute its gradient. The variable in question was changed in "
            "there or anywhere later. Good luck!"
            if modes.anomaly
            else "Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
            "torch.autograd.set_detect_anomaly(True, check_nan=False)."
        )
    )


def revive(array: np.ndarray, key: Any, counter: list[int], edge: Any) -> Tensor:
    """A saved output as a tensor again, with its history; saving the tensor itself would make a cycle."""
    tensor: Tensor = object.__new__(Tensor)
    tensor._array = array
    tensor._key = key
    tensor._grad = None
    tensor._counter = counter
    tensor._base = None
    tensor._extra = None
    inexact = key._dtype._category in ("float", "complex")
    tensor._requires_grad = inexact
    tensor._edge = edge if inexact else None
    return tensor


def plain(array: np.ndarray, key: Any) -> Tensor:
    """A tensor over a fresh contiguous array whose key is known."""
    tensor: Tensor = object.__new__(Tensor)
    tensor._array = array
    tensor._key = key
    tensor._requires_grad = False
    tensor._edge = None
    tensor._grad = None
    tensor._counter = None
    tensor._base = None
    tensor._extra = None
    return tensor


def zeros_for(node: Any, position: int) -> Tensor | None:
    """The cotangent of an output nobody used."""
    shape, element_type = node._output(position)
    if element_type is None:  # an output that was not there
        return None
    return wrap(np.zeros(shape, element_type._numpy))


def missing_formula(operator: Operator, name: str) -> None:
    raise RuntimeError(f"the derivative for '{name}' is not implemented.")
