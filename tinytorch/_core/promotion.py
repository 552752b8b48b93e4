"""Type promotion: the element type of a result, from those of its operands.

Two operands of equal standing are promoted by a fixed table (`promote_types`). Operands do not all have equal standing: a
tensor with dimensions outranks a 0-dim tensor, which outranks a Python number, and the lower ranked changes the result's
type only where its category (bool < int < float < complex) is above the higher ranked one's (`result_type_of`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, cast

from . import dtypes
from .dtypes import dtype
from .numeric_limits import PYTHON_TYPES
from .sealed import type_name

Standing = Literal["dim", "zero_dim", "wrapped"]

# What error texts call the types.
SCALAR_TYPE_NAMES: dict[dtype, str] = {
    dtypes.bool_: "Bool",
    dtypes.uint8: "Byte",
    dtypes.int8: "Char",
    dtypes.int16: "Short",
    dtypes.int32: "Int",
    dtypes.int64: "Long",
    dtypes.uint16: "UInt16",
    dtypes.uint32: "UInt32",
    dtypes.uint64: "UInt64",
    dtypes.float16: "Half",
    dtypes.bfloat16: "BFloat16",
    dtypes.float32: "Float",
    dtypes.float64: "Double",
    dtypes.complex64: "ComplexFloat",
    dtypes.complex128: "ComplexDouble",
    **{kind: kind._name.capitalize() for kind in dtypes.FLOAT8},
}

_RANK = {"bool": 0, "int": 1, "float": 2, "complex": 3}


def _promote(a: dtype, b: dtype) -> dtype | None:
    """The table's entry, or None where torch refuses the pair."""
    if a is b:
        return a
    if a in dtypes.FLOAT8 or b in dtypes.FLOAT8:
        return None
    if _RANK[a._category] < _RANK[b._category]:
        a, b = b, a
    if a in dtypes.WIDE_UNSIGNED or b in dtypes.WIDE_UNSIGNED:
        return a if a._category == "float" else None
    if a._category == "complex":
        wide = a is dtypes.complex128 or b in (dtypes.float64, dtypes.complex128)
        return dtypes.complex128 if wide else dtypes.complex64
    if a._category != b._category:
        return a
    if a.itemsize != b.itemsize:
        return a if a.itemsize > b.itemsize else b
    # Only two pairs of equal width are left: neither member holds the other's values, so a third type does.
    return dtypes.float32 if a._category == "float" else dtypes.int16


PROMOTION: dict[dtype, dict[dtype, dtype]] = {
    a: {b: result for b in dtypes.ALL if (result := _promote(a, b)) is not None} for a in dtypes.ALL
}


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """torch.promote_types: the smallest type not below either.

    Raises RuntimeError for float8 types and for uint16, uint32, uint64 beside other integers, TypeError for other
    arguments. Source: torch's documentation, "Tensor Attributes", type promotion.
    """
    try:
        return PROMOTION[type1][type2]
    except (KeyError, TypeError):
        a, b = _as_dtypes("promote_types", type1=type1, type2=type2)
    for kind in (a, b):
        if kind not in PROMOTION:
            raise NotImplementedError(f"promote_types: torch.{kind._name} is not implemented")
    if b not in PROMOTION[a]:
        raise _no_promotion(a, b)
    return PROMOTION[a][b]


def can_cast(from_: dtype, to: dtype) -> bool:
    """torch.can_cast: whether in-place arithmetic may store a result of type `from_` in a tensor of type `to`.

    Raises TypeError unless both are dtypes.
    """
    if type(from_) is not dtype or type(to) is not dtype:
        from_, to = _as_dtypes("can_cast", from_=from_, to=to)
    if to._category == "bool":
        return from_._category == "bool"
    # Narrowing within a category is allowed, and bool counts as an int; only leaving for a lower category is not.
    return _RANK[from_._category] <= _RANK[to._category]


def _as_dtypes(function: str, **arguments: Any) -> list[dtype]:
    """The arguments as dtypes, where Python's number types stand for some. Raises TypeError for anything else."""
    found = []
    for position, (name, value) in enumerate(arguments.items(), 1):
        kind = PYTHON_TYPES.get(value) if isinstance(value, type) else value
        if type(kind) is not dtype:
            raise TypeError(
                f"{function}(): argument '{name}' (position {position}) must be torch.dtype, not {type_name(value)}"
            )
        found.append(kind)
    return found


def _no_promotion(a: dtype, b: dtype) -> RuntimeError:
    kinds = (
        "Float8 Types is" if a in dtypes.FLOAT8 or b in dtypes.FLOAT8 else "uint16, uint32, uint64 types is"
    )
    return RuntimeError(
        f"Promotion for {kinds} not supported, attempted to promote {SCALAR_TYPE_NAMES[a]} and {SCALAR_TYPE_NAMES[b]}"
    )


class _ComplexHalf:
    """torch's complex32, which can arise on the way to a result but is not an element type here."""

    _category = "complex"


_COMPLEX_HALF = _ComplexHalf()
_Intermediate = dtype | _ComplexHalf
_TO_COMPLEX: dict[dtype, _Intermediate] = {
    dtypes.float16: _COMPLEX_HALF,
    dtypes.bfloat16: dtypes.complex64,
    dtypes.float32: dtypes.complex64,
    dtypes.float64: dtypes.complex128,
}
_RESULTS: dict[tuple[Any, ...], dtype] = {}


def result_type_of(operands: Iterable[tuple[dtype, Standing]], default_dtype: dtype | None = None) -> dtype:
    """The type in which an operation on `operands`, (dtype, standing) pairs, is computed.

    "dim" is a tensor with dimensions, "zero_dim" one without, "wrapped" a Python number: of these, a float counts as the
    default dtype, a complex as the complex type of its precision, whatever dtype is given. Raises RuntimeError where torch
    does, NotImplementedError where its result is complex32. Source: c10's and ATen's result_type, by behaviour.
    """
    default = default_dtype or dtypes.defaults.dtype
    operands = tuple(operands)
    key = (default, operands)
    found = _RESULTS.get(key)
    if found is None:
        found = _result_type(operands, default)
        if len(operands) <= 3:  # Lists of tensors come in any length and are not worth remembering.
            _RESULTS[key] = found
    return found


def _result_type(operands: Iterable[tuple[dtype, Standing]], default: dtype) -> dtype:
    groups: dict[str, _Intermediate | None] = {"dim": None, "zero_dim": None, "wrapped": None}
    for kind, standing in operands:
        current: _Intermediate = kind
        if standing == "wrapped":
            if kind._category == "complex":
                current = _to_complex(default)
            elif kind._category == "float":
                current = default
        groups[standing] = _join(groups[standing], current)
    result = _combine(groups["dim"], _combine(groups["zero_dim"], groups["wrapped"]))
    if result is None:
        raise RuntimeError("result_type needs at least one operand")
    if isinstance(result, _ComplexHalf):
        raise NotImplementedError("tinytorch has no complex32 (ComplexHalf), the type torch computes this in")
    return result


def _combine(higher: _Intermediate | None, lower: _Intermediate | None) -> _Intermediate | None:
    if higher is None or lower is None:
        return higher or lower
    if higher._category == "complex":
        return higher
    if higher._category == "float":
        return _to_complex(cast(dtype, higher)) if lower._category == "complex" else higher
    if lower._category == "complex":
        # Not by the table, which has no uint16, uint32 or uint64 beside a complex type.
        return lower
    if higher is dtypes.bool_ or lower._category == "float":
        return _join(higher, lower)
    return higher


def _join(a: _Intermediate | None, b: _Intermediate) -> _Intermediate:
    if a is None or a is b:
        return b
    if isinstance(a, _ComplexHalf) or isinstance(b, _ComplexHalf):
        # Only Python numbers meet here, and with this default no other of them is wider.
        return _COMPLEX_HALF
    return promote_types(a, b)


def _to_complex(kind: dtype) -> _Intermediate:
    try:
        return _TO_COMPLEX[kind]
    except KeyError:
        raise RuntimeError(f"Unknown Complex ScalarType for {SCALAR_TYPE_NAMES[kind]}") from None


def legacy_name(element_type: dtype) -> str:
    """The name torch's error texts give a dtype ("Float", "Long")."""
    return SCALAR_TYPE_NAMES[element_type]


def check_result_cast(common: dtype, target: dtype, name: str | None = None) -> None:
    """Raises RuntimeError unless results of type `common` may be stored as `target`, which the text calls by `name` if one is given."""
    if not can_cast(common, target):
        name = name or legacy_name(target)
        raise RuntimeError(
            f"result type {legacy_name(common)} can't be cast to the desired output type {name}"
        )
