"""Operators on meta tensors: what shape, type and strides a result would have, without computing it.

An operator may declare a shape rule. Without one its kernel is tried out on zeros; where sizes are large, on small stand-ins for them,
twice with different ones, so that it shows which size of the result comes from which size of the operands.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dispatch, dtypes, layout, pointwise
from .declare import Operator
from .tensor import wrap

#: Operators whose results have a shape that only the elements know.
_DATA_DEPENDENT = frozenset(
    [
        "nonzero",
        "masked_select",
        "unique_dim",
        "_unique",
        "_unique2",
        "unique_consecutive",
        "equal",
        "allclose",
        "_local_scalar_dense",
        "bincount",
    ]
)

#: Operators that copy, keeping the order of dimensions.
_COPIES = frozenset(("clone", "_to_copy"))

#: Sizes above the first are replaced by stand-ins once operands have more elements than the second; above the third, always.
_LARGE_SIZE, _MANY, _TOO_MANY = 64, 1 << 16, 1 << 24

#: Two sets of stand-ins: primes, so that sums and products of them are told from each other.
_STAND_INS = ((67, 71, 73, 79, 83, 89, 97, 101), (103, 107, 109, 113, 127, 131, 137, 139))


#: Operators other than elementwise ones of which torch compares the devices: the arguments in the order in which it does, () for all.
_PLACED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("dot", "vdot", "mv", "cat", "stack", "dist", "mse_loss", "native_layer_norm", "native_batch_norm"),
        (),
    ),
    **dict.fromkeys(("native_group_norm", "_native_batch_norm_legit"), ()),
    "addmm": ("mat1", "self"),
    "binary_cross_entropy": ("target", "self"),
    "nll_loss_forward": ("target", "self"),
    "nll_loss2d_forward": ("target", "self"),
    "masked_fill": ("mask", "self"),
}


def check_places(operator: Operator, args: tuple[Any, ...]) -> None:
    """Elements are paired up only on one device, 0-dim CPU tensors aside. Raises RuntimeError with torch's text."""
    if operator.name == "index_add":
        places = ["meta" if args[i]._key._special == "meta" else "cpu" for i in (0, 2, 3)]
        if len(set(places)) > 1:
            raise RuntimeError(
                "index_add(): self, index and source expected to be in the same device, but got (self) {}, (index) {}, and (source) {}".format(
                    *places
                )
            )
    if operator.family != "pointwise" and operator.name not in _PLACED:
        return
    order = _PLACED.get(operator.name, ())
    tensors = (
        [args[operator.schema.names.index(name)] for name in order]
        if order
        else dispatch.tensors_of(operator, args)
    )
    expected = ""
    for tensor in tensors:
        place = "meta" if tensor._key._special == "meta" else "cpu"
        if not tensor._array.ndim and place == "cpu":
            continue
        if expected and place != expected:
            raise RuntimeError(f"Tensor on device {place} is not on the expected device {expected}!")
        expected = place


def run_meta(operator: Operator, args: tuple[Any, ...]) -> Any:
    """The results of `operator` on meta tensors, as meta tensors. Raises NotImplementedError where only elements could tell."""
    if operator.family == "pointwise":
        common, _ = pointwise.promotion_of(operator, args)
        rule = operator.options.get("result", "same")
        common = pointwise.apply_rule(rule, common, args)
        arrays = [tensor._array for tensor in dispatch.tensors_of(operator, args)]
        shape = layout.broadcast_shapes(*[array.shape for array in arrays])
        element_type = dtypes.bool_ if rule == "bool" else common
        return dispatch.meta_tensor(shape, element_type, layout.result_strides(shape, arrays))
    masked = operator.name == "index" and any(
        item is not None and item._key._dtype._name in ("bool", "uint8") for item in args[1]
    )
    if operator.name in _DATA_DEPENDENT or masked:
        raise NotImplementedError(
            f"aten::{operator.name}: attempted to run this operator with Meta tensors, but its result depends on their elements"
        )
    if operator.meta_rule is not None:
        return _hollow(operator.meta_rule(*dispatch._kernel_arguments(operator, args, False)))
    largest = max((tensor._array.size for tensor in dispatch.tensors_of(operator, args)), default=0)
    if operator.name in _COPIES and largest > _MANY:
        return _copy(operator, args)
    sizes = _large_sizes(operator, args)
    if sizes and largest > _MANY:
        found = _guess(operator, args, sizes)
        if found is not None:
            return found
        if largest > _TOO_MANY:
            raise NotImplementedError(
                f"aten::{operator.qualified} on meta tensors of {largest} elements is not implemented"
            )
    return _hollow(dispatch.compute(operator, _solid(operator, args, {})))


def _solid(operator: Operator, args: tuple[Any, ...], stand_ins: dict[int, int]) -> tuple[Any, ...]:
    """`args` with zeros in place of meta tensors, of other sizes where `stand_ins` says so."""

    def solid(tensor: Any) -> Any:
        if tensor is None or tensor.__class__ in (int, float, bool, complex):
            return tensor
        if tensor._key._special != "meta" and not stand_ins:
            return tensor
        shape = tuple([stand_ins.get(size, size) for size in tensor._array.shape])
        strides = layout.element_strides(tensor._array)
        order = (
            layout.result_order(shape, [strides])
            if len(shape) > 1 and 0 not in strides
            else list(range(len(shape)))
        )
        array = layout.empty(shape, layout._strides_in_order(shape, order), tensor._key._dtype._numpy)
        array[...] = 0
        return wrap(array)

    return tuple(
        [
            ([solid(item) for item in value] if argument.is_list else solid(value))
            if argument.is_tensor and value is not None
            else value
            for argument, value in zip(operator.arguments, args, strict=True)
        ]
    )


def _copy(operator: Operator, args: tuple[Any, ...]) -> Any:
    """A copy's order of dimensions, found on a copy of a tensor of small sizes in the same order."""
    self = args[0]
    shape = self._array.shape
    small = dict.fromkeys((size for size in shape if size > 3), 3)
    trial = dispatch.compute(operator, _solid(operator, args, small))
    if any(step == 0 for step in self._array.strides):
        strides = layout.preserved_strides(self._array)
    else:
        strides = _strides_like(trial, shape)
    return dispatch.meta_tensor(shape, dtypes.from_numpy(trial.dtype), strides)


def _large_sizes(operator: Operator, args: tuple[Any, ...]) -> list[int]:
    sizes = {
        size
        for tensor in dispatch.tensors_of(operator, args)
        for size in tensor._array.shape
        if size > _LARGE_SIZE
    }
    return sorted(sizes)[: len(_STAND_INS[0])] if len(sizes) <= len(_STAND_INS[0]) else []


def _guess(operator: Operator, args: tuple[Any, ...], sizes: list[int]) -> Any:
    """Results found on two sets of small sizes; None if they do not tell."""
    trials = []
    for primes in _STAND_INS:
        stand_ins = dict(zip(sizes, primes, strict=False))
        try:
            out = dispatch.compute(operator, _solid(operator, args, stand_ins))
        except (RuntimeError, IndexError, ValueError):
            return None
        trials.append(
            (
                out if isinstance(out, tuple | list) else (out,),
                {small: size for size, small in stand_ins.items()},
            )
        )
    (first, back), (second, back_again) = trials
    results = []
    for one, other in zip(first, second, strict=True):
        if not isinstance(one, np.ndarray | np.generic):
            results.append(one)
            continue
        shape = []
        for a, b in zip(np.shape(one), np.shape(other), strict=True):
            if a == b:
                shape.append(a)
            elif a in back and b in back_again and back[a] == back_again[b]:
                shape.append(back[a])
            else:
                return None
        one = np.asarray(one)
        results.append(
            dispatch.meta_tensor(tuple(shape), dtypes.from_numpy(one.dtype), _strides_like(one, tuple(shape)))
        )
    return tuple(results) if isinstance(out, tuple | list) else results[0]


def _strides_like(array: np.ndarray, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Dense strides for `shape` in the order of dimensions of `array`."""
    if array.flags.c_contiguous:
        return layout.contiguous_strides(shape)
    order = sorted(range(array.ndim), key=lambda dim: -array.strides[dim])
    return layout._strides_in_order(shape, order)


def _hollow(out: Any) -> Any:
    """Arrays as meta tensors of the same description."""

    def hollow(array: Any) -> Any:
        if not isinstance(array, np.ndarray | np.generic):
            return array
        array = np.asarray(array)
        return dispatch.meta_tensor(
            array.shape, dtypes.from_numpy(array.dtype), layout.element_strides(array)
        )

    return tuple(hollow(array) for array in out) if isinstance(out, tuple | list) else hollow(out)
