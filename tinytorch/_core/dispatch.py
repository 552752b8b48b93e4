"""The slow path below argument parsing: whatever is not plain, contiguous and of one type.

Runs an operator by its family's rule: pointwise operators by `pointwise.py`, float32 arithmetic for 16-bit types, shapes alone for
meta tensors, and the transformations (forward mode, batching) that register themselves in `transforms`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import dtypes, layout
from .declare import Operator, registry
from .element_types import check_types
from .modes import modes
from .numbers import wrap_numbers
from .pointwise import (
    PROMOTED_SCALARS,
    apply_rule,
    compute_pointwise,
    promotion_of,
    result_layout,
    uses_ufunc,
)
from .quiet import hush, unhush
from .tensor import Tensor, make, wrap

#: special key -> how an operator runs on tensors that carry it: (operator, args) -> result. Filled by forward mode and batching.
transforms: dict[str, Callable[[Operator, tuple[Any, ...]], Any]] = {}


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
        args = wrap_numbers(operator, args)
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
    order = operator.options.get("shape_order")
    ordered = arrays if order is None else [arrays[i] for i in order]
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
    if not _in_order(out, ordered):
        out = layout.laid_out(out, result_layout(operator, out.shape, ordered))
    result = wrap(out)
    _record(operator, (result,), args)
    return result


def _in_order(out: np.ndarray, arrays: list[np.ndarray]) -> bool:
    """Whether a row-major `out` is seen at a glance to be what torch gives: the first operand that is no number puts all dimensions in order."""
    if not layout.in_rows(out):
        return False
    for array in arrays:
        if array.ndim:
            return array.shape == out.shape and _descends(array)
    return True


def _descends(array: np.ndarray) -> bool:
    """Whether the strides alone say that the dimensions are in row-major order, as in a part of a row-major array."""
    before = None
    for size, stride in zip(array.shape, array.strides):
        if size < 2 or stride <= 0 or (before is not None and stride >= before):
            return False
        before = stride
    return True


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
    refusal = unsigned_refusal(operator, args)
    if refusal is None:
        return _computed(operator, args)
    if (
        operator.family != "pointwise"
    ):  # a kernel is the last thing torch looks for: what else is wrong comes first
        try:
            _computed(operator, args)
        except NotImplementedError as error:
            if "UInt" in str(error):  # from a kernel that knows better which of torch's it stands for
                raise
        except (RuntimeError, IndexError):
            raise
        except Exception:  # NumPy's, of a type that the kernel was not written for
            pass
    raise refusal


def _computed(operator: Operator, args: tuple[Any, ...]) -> Any:
    if "element_types" in operator.options:
        check_types(operator, args)
    if operator.family in ("pointwise", "reduction") and operator.options.get("result") != "bool":
        for tensor in tensors_of(operator, args):
            if tensor._key._dtype in dtypes.FLOAT8 and operator.name not in _MOVES:
                if operator.family == "pointwise":
                    promotion_of(operator, args)  # which may refuse the types before any kernel does
                name = _FLOAT8_NAMES.get(operator.name, f"{operator.name}_cpu")
                raise NotImplementedError(
                    f"\"{name}\" not implemented for '{legacy_name(tensor._key._dtype)}'"
                )
    for position in operator.scalar_positions:
        if args[position].__class__ is complex and args[position].imag:
            _check_complex(operator, position, args)
    token = hush()
    try:
        if operator.family == "pointwise":
            return compute_pointwise(operator, args)
        if operator.family == "update":
            return _compute_update(operator, args)
        return _compute_kernel(operator, args)
    except (TypeError, ValueError) as error:
        explain(operator, args, error)
        raise
    finally:
        unhush(token)


def refuse_unsigned(operator: Operator, args: tuple[Any, ...]) -> None:
    """Raise what `unsigned_refusal` says, if anything."""
    refusal = unsigned_refusal(operator, args)
    if refusal is not None:
        raise refusal


def unsigned_refusal(operator: Operator, args: tuple[Any, ...]) -> NotImplementedError | None:
    """The error for uint16, uint32 and uint64 where the option `unsigned_kernel` names a kernel torch lacks for them."""
    kernel = operator.options.get("unsigned_kernel")
    if kernel is None:
        return None
    kinds = [tensor._key._dtype for tensor in tensors_of(operator, args)]
    if not any(kind in dtypes.WIDE_UNSIGNED for kind in kinds):
        return None
    kind = kinds[0]
    if operator.family == "pointwise":
        kind = apply_rule(operator.options.get("result", "same"), promotion_of(operator, args)[0], args)
    name = kernel(*args) if callable(kernel) else kernel
    if kind in dtypes.WIDE_UNSIGNED and name is not None:
        return NotImplementedError(f"\"{name}\" not implemented for '{legacy_name(kind)}'")
    return None


def explain(operator: Operator, args: tuple[Any, ...], error: Exception) -> None:
    """Raise torch's error if `error` is NumPy's for shapes that do not broadcast, a type without a kernel, or a complex number beside real ones."""
    if isinstance(error, ValueError):
        layout.explain(error)
        return
    kind = next((tensor._key._dtype for tensor in tensors_of(operator, complete(operator, args))), None)
    text = str(error)
    if kind is None:
        return
    if text.startswith("ufunc '"):
        if operator.family == "pointwise":
            kind = promotion_of(operator, complete(operator, args))[0]
        name = operator.name.removeprefix("special_")
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{legacy_name(kind)}'") from None
    if text.endswith("not 'complex'") and kind._name in C_NAMES:
        raise RuntimeError(
            f"value cannot be converted to type {C_NAMES[kind._name]} without overflow"
        ) from None


def _check_complex(operator: Operator, position: int, args: tuple[Any, ...]) -> None:
    """Refuse a complex number that does not make the result complex, beside real tensors."""
    if operator.arguments[position].name in operator.options.get("promote", PROMOTED_SCALARS):
        return
    tensors = [tensor._key._dtype for tensor in tensors_of(operator, args)]
    if tensors and not any(kind._category == "complex" for kind in tensors):
        raise RuntimeError(f"value cannot be converted to type {C_NAMES[tensors[0]._name]} without overflow")


#: torch's C++ names of the types that it converts Python numbers to.
C_NAMES = {
    "bool": "bool", "uint8": "uint8_t", "int8": "int8_t", "int16": "int16_t", "int32": "int32_t", "int64": "int64_t", "uint16": "uint16_t",
    "uint32": "uint32_t", "uint64": "uint64_t", "float16": "float", "bfloat16": "float", "float32": "float", "float64": "double",
}  # fmt: skip


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
            several = argument.is_list or (operator.family == "reduction" and argument.kind != "int")
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
        kinds = [tensor._key._dtype for tensor in tensors_of(operator, args)]
        reduced = next((kind for kind in kinds if kind._reduced), None)
    out = operator.kernel(*_kernel_arguments(operator, args, reduced is not None))
    if operator.memory is not None:
        out = layout.arranged(operator.memory, out, [t._array for t in tensors_of(operator, args)])
    if reduced is None:
        return out
    keeper = operator.options.get("rounds_to")
    if keeper == "common":
        reduced = reduced if all(kind is reduced or not kind.is_floating_point for kind in kinds) else None
    elif keeper is not None:
        reduced = args[operator.schema.names.index(keeper)]._key._dtype
    if reduced is None or not reduced._reduced:
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
    from . import mutation
    from .lazy import mark
    from .mutation import wrap_view

    self = args[0]
    out = operator.kernel(*_kernel_arguments(operator, args, False))
    many = isinstance(out, tuple | list)
    results = tuple([wrap_view(self, array, "multi" if many else None) for array in (out if many else [out])])
    if operator.options.get("baseless"):
        mutation.part(results[0])
    special = self._key._special
    if special == "meta":
        for result in results:
            result._key = result._key._dtype._meta
    elif special == "lazy" or "toggles" in operator.options:
        for result in results:
            mark(result, self, operator.options.get("toggles"))
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
    array = layout.phantom(element_type._zero, shape, scaled)
    tensor: Tensor = make(Tensor, array, element_type._meta)
    return tensor


def _run_meta(operator: Operator, args: tuple[Any, ...]) -> Any:
    from .meta import run_meta

    return run_meta(operator, args)


# Parts of this module in files of their own; they use what is defined above.
from .dimensions import wrap_dim as wrap_dim  # noqa: E402
from .dimensions import wrap_dims as wrap_dims  # noqa: E402
from .inplace import _check_promotion as _check_promotion  # noqa: E402
from .inplace import check_overlap as check_overlap  # noqa: E402
from .inplace import check_separate as check_separate  # noqa: E402
from .inplace import inplace as inplace  # noqa: E402
from .inplace import inplace_composite as inplace_composite  # noqa: E402
from .promotion import check_result_cast as check_result_cast  # noqa: E402
from .promotion import legacy_name as legacy_name  # noqa: E402
from .saved import missing_formula as missing_formula  # noqa: E402
from .saved import operation_name as operation_name  # noqa: E402
from .saved import plain as plain  # noqa: E402
from .saved import raise_stale as raise_stale  # noqa: E402
from .saved import revive as revive  # noqa: E402
from .saved import stale as stale  # noqa: E402
from .saved import zeros_for as zeros_for  # noqa: E402
