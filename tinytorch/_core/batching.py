"""Batching: tensors with one hidden dimension, over which operators run as if there were a loop.

A batched tensor shows the shape of one example. Operators run once on the whole batch where a rule says how: pointwise operators with
ranks aligned, others by the rules that `Operator.vmap` declares. Without a rule the operator runs per example and results are stacked.
"""

from __future__ import annotations

import textwrap
from functools import partial
from typing import Any

import numpy as np

from . import dispatch, gradients, layout, mutation, pointwise
from .declare import Operator, find
from .element_types import computing
from .levels import (
    NO_BRANCH,
    NO_ITEM,
    NO_STORAGE,
    Layer,
    LevelKey,
    as_view,
    at,
    below,
    blank,
    call_number,
    copy_into,
    dress,
    handlers,
    inplace_number,
    lift,
    map_tensors,
    number_tensors,
    record,
    requires,
    wants_history,
)
from .modes import modes
from .tensor import Tensor


class BatchedKey(LevelKey):
    """inner: the whole batch, a tensor of a level below; dim: its batch dimension, None if it is the same for all examples."""

    __slots__ = ("dim", "inner")

    def __init__(self, inner: Any, dim: int | None, layer: Layer) -> None:
        super().__init__(inner._key._dtype, "batched")
        self.layer = layer
        self.inner = inner
        self.dim = dim

    def detached(self) -> Tensor:
        return batched(self.inner.detach(), self.dim, self.layer)

    def data(self, action: str) -> np.ndarray:
        if self.dim is None and self.layer.open:
            array: np.ndarray = (
                self.inner.numpy(force=True) if action == "numpy" else self.inner._data(action)
            )
            return array
        raise RuntimeError({"item": NO_ITEM, "bool": NO_BRANCH}.get(action, NO_STORAGE))

    def text(self, tensor: Any, contents: Any) -> str:
        inner = textwrap.indent(repr(self.inner), "    ")
        return f"BatchedTensor(lvl={self.layer.number}, bdim={self.dim}, value=\n{inner}\n)"

    def parts(self) -> tuple[Any, ...]:
        return (self.inner,)

    def with_parts(self, parts: tuple[Any, ...]) -> Tensor:
        return batched(parts[0], self.dim, self.layer)

    def refuse_out(self, operator: Operator) -> Exception:
        name = f"{operator.name}.{operator.overload + '_' if operator.overload else ''}out"
        return RuntimeError(
            f"Batching rule not implemented for aten::{name}; the fallback path doesn't work on out= or view ops."
        )

    def blank(self, shape: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
        if self.dim is None:
            return batched(blank(self.inner, shape, strides), None, self.layer)
        span = (
            1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
            if 0 not in shape
            else 1
        )
        return batched(blank(self.inner, (self.layer.size, *shape), (span, *strides)), 0, self.layer)


def batched(inner: Any, dim: int | None, layer: Layer) -> Tensor:
    """A tensor of `layer` whose examples lie along dimension `dim` of `inner`."""
    return dress(_example(inner._array, dim), BatchedKey(inner, dim, layer))


def _example(array: Any, dim: int | None) -> np.ndarray:
    """One example's window on the memory of the batch."""
    whole = np.asarray(array)
    if dim is None:
        return whole[...]
    shape = whole.shape[:dim] + whole.shape[dim + 1 :]
    if not whole.shape[dim]:
        strides = whole.strides[:dim] + whole.strides[dim + 1 :]
        return np.lib.stride_tricks.as_strided(np.zeros((), whole.dtype), shape, strides)
    return whole[(slice(None),) * dim + (0, ...)]


def inner_of(value: Any, layer: Layer) -> tuple[Any, int | None]:
    """What lies below `value` and its batch dimension; (value, None) if it is not of `layer`."""
    if isinstance(value, Tensor) and at(value, layer):
        key = value._key
        return key.inner, key.dim
    return value, None


def to_front(inner: Any, dim: int | None) -> Any:
    """The batch with its batch dimension first; a tensor without one as it is."""
    if dim is None or dim == 0:
        return inner
    order = (dim, *[i for i in range(inner._array.ndim) if i != dim])
    return find("permute").call(inner, order)


def front(value: Any, layer: Layer) -> tuple[Any, bool]:
    """(the tensor below with the batch dimension first, whether it has one)."""
    inner, dim = inner_of(value, layer)
    return to_front(inner, dim), dim is not None


def expanded(value: Any, layer: Layer) -> Any:
    """The tensor below with the batch dimension first, repeated along it if it has none."""
    inner, has = front(value, layer)
    return inner if has else find("expand").call(inner, (layer.size, *inner._array.shape))


def _refuse_escaped(value: Any) -> Any:
    raise RuntimeError("a batched tensor was used outside of the vmap that made it")


# Out of place ----------------------------------------------------------------------------------------------------------------------


def any_batched(operator: Operator, args: tuple[Any, ...], layer: Layer) -> bool:
    return any(
        at(tensor, layer) and tensor._key.dim is not None for tensor in dispatch.tensors_of(operator, args)
    )


def _run(operator: Operator, args: tuple[Any, ...], layer: Layer) -> Any:
    """Run `operator` on batched tensors of `layer`."""
    if not layer.open:
        _refuse_escaped(None)
    wants = wants_history(operator, args, layer)
    if not any_batched(operator, args, layer):
        inner = map_tensors(operator, args, lambda tensor: inner_of(tensor, layer)[0])
        result = call_number(operator, inner)
        dims: Any = None
    else:
        result, dims = _compute(operator, args, layer)
    returns = operator.schema.returns
    if returns[0].kind != "Tensor":
        return result
    several = len(returns) > 1 or returns[0].is_list
    outputs = list(result) if several else [result]
    places = list(dims) if isinstance(dims, tuple | list) else [dims] * len(outputs)
    view = operator.family == "view" and at(args[0], layer)
    shown = [
        output if output is None or (dim is None and not wants and not view) else batched(output, dim, layer)
        for output, dim in zip(outputs, places, strict=True)
    ]
    if view:
        for item in shown:
            as_view(item, args[0], several)
    wrapped: Any = tuple(shown) if several else shown[0]
    if wants:
        record(operator, wrapped, args, layer)
    return wrapped


def _compute(operator: Operator, args: tuple[Any, ...], layer: Layer) -> tuple[Any, Any]:
    """(result below, batch dimension(s))."""
    if operator.schema.returns[0].kind != "Tensor":
        raise RuntimeError(
            f"Batching rule not implemented for aten::{operator.qualified}. We could not generate a fallback."
        )
    if operator.options.get("dynamic"):
        raise _dynamic(operator)
    random = dispatch.draws(operator)
    rule = operator.batch_rule
    if rule is not None:
        arguments: dict[str, Any] = {}
        in_dims: dict[str, Any] = {}
        for argument, value in zip(operator.arguments, args, strict=True):
            name = argument.name
            if argument.is_tensor and argument.is_list and value is not None:
                pairs = [inner_of(item, layer) for item in value]
                arguments[name] = [pair[0] for pair in pairs]
                in_dims[name] = [pair[1] for pair in pairs]
            elif argument.is_tensor:
                arguments[name], in_dims[name] = inner_of(value, layer)
            else:
                arguments[name] = value
        answer = rule(in_dims, layer.size, **arguments)
        if answer is not NotImplemented:
            return answer  # type: ignore[no-any-return]
    if operator.family == "pointwise":
        return _aligned(operator, args, layer), 0
    if random:
        return aligned_random(operator, args, layer), 0
    return _loop(operator, args, layer)


def _aligned(operator: Operator, args: tuple[Any, ...], layer: Layer) -> Any:
    """One call with ranks aligned: every example's dimensions at the end, the batch dimension first."""
    logical, _ = pointwise.promotion_of(operator, args)
    check = operator.options.get("check")
    if check is not None:
        check(logical, *args)
    for types in computing(operator) if "element_types" in operator.options else ():
        types.judge(pointwise.apply_rule(operator.options.get("result", "same"), logical, args), args)
    rank = max(tensor._array.ndim for tensor in dispatch.tensors_of(operator, args))

    def prepare(tensor: Any) -> Any:
        inner, has = front(tensor, layer)
        if has and tensor._array.ndim < rank:
            shape = inner._array.shape
            inner = find("view").call(
                _viewable(inner), (shape[0], *[1] * (rank - tensor._array.ndim), *shape[1:])
            )
        return inner

    inner = map_tensors(operator, args, prepare)
    physical, positions = pointwise.promotion_of(operator, inner)
    if physical is not logical:
        # A batch of numbers promotes as a number does, but what is below has a dimension more.
        cast = gradients.primitives["cast"]
        inner = tuple(
            [
                cast(value, logical)
                if isinstance(value, Tensor) and position in positions and _castable(value, logical)
                else value
                for position, value in enumerate(inner)
            ]
        )
    result = call_number(operator, inner)
    if result._array.ndim == rank:  # every batched operand was lost on the way
        result = find("expand").call(result, (layer.size, *result._array.shape))
    return result


def _castable(value: Any, target: Any) -> bool:
    return value._key._dtype is not target and not (value._key._dtype.is_complex and not target.is_complex)


def _viewable(inner: Any) -> Any:
    return inner


def aligned_random(operator: Operator, args: tuple[Any, ...], layer: Layer) -> Any:
    """Random operators draw for the whole batch at once."""
    rank = max(tensor._array.ndim for tensor in dispatch.tensors_of(operator, args))

    def prepare(tensor: Any) -> Any:
        inner = expanded(tensor, layer)
        if tensor._array.ndim < rank:
            shape = inner._array.shape
            inner = inner.reshape((shape[0], *[1] * (rank - tensor._array.ndim), *shape[1:]))
        return inner

    return call_number(operator, map_tensors(operator, args, prepare))


def _loop(operator: Operator, args: tuple[Any, ...], layer: Layer) -> tuple[Any, Any]:
    """Run per example, stack the results."""
    select = find("select", "int").call
    returns = operator.schema.returns
    several = len(returns) > 1 or returns[0].is_list
    if not layer.size:
        return _empty(operator, args, layer, several)

    def example(index: int, tensor: Any) -> Any:
        inner, dim = inner_of(tensor, layer)
        return inner if dim is None else select(inner, dim, index)

    rows = []
    for index in range(layer.size):
        result = call_number(operator, map_tensors(operator, args, partial(example, index)))
        rows.append(tuple(result) if several else (result,))
    columns = list(zip(*rows, strict=True))
    if any(
        any(item is not None and item._array.shape != column[0]._array.shape for item in column)
        for column in columns
    ):
        raise _dynamic(operator)
    stack = find("stack").call
    stacked = tuple([None if column[0] is None else stack(list(column), 0) for column in columns])
    dims = tuple([None if column is None else 0 for column in stacked])
    return (stacked, dims) if several else (stacked[0], dims[0])


def _dynamic(operator: Operator) -> RuntimeError:
    return RuntimeError(
        f"vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over aten::{operator.qualified}. "
        "Please file an issue at https://github.com/pytorch/pytorch/issues if you need this feature."
    )


def _empty(operator: Operator, args: tuple[Any, ...], layer: Layer, several: bool) -> tuple[Any, Any]:
    """A batch without examples: shapes are those of one example of zeros."""

    def example(tensor: Any) -> Any:
        inner, dim = inner_of(tensor, layer)
        if dim is None:
            return inner
        array = tensor._array
        zeros: Any = find("zeros").call(array.shape, dtype=tensor._key._dtype)
        return zeros

    result = call_number(operator, map_tensors(operator, args, example))
    outputs = result if several else (result,)
    made = tuple(
        [find("zeros").call((0, *output._array.shape), dtype=output._key._dtype) for output in outputs]
    )
    return (made, (0,) * len(made)) if several else (made[0], 0)


# In place --------------------------------------------------------------------------------------------------------------------------

TOO_SMALL = (
    "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args that has more elements "
    "than `self`. This happened due to `other` being vmapped over but `self` not being vmapped over in a vmap. Please try to use "
    "out-of-place operators instead of inplace arithmetic. If said operator is being called inside the PyTorch framework, please file a "
    "bug report instead."
)


def _too_small(operator: Operator, args: tuple[Any, ...], layer: Layer) -> RuntimeError:
    """Why a tensor without a batch dimension cannot take one: pointwise operators complain of shapes."""
    if operator.family != "pointwise":
        return RuntimeError(TOO_SMALL)
    rank = max(tensor._array.ndim for tensor in dispatch.tensors_of(operator, args))
    shapes = []
    for tensor in dispatch.tensors_of(operator, args):
        shape = tensor._array.shape
        has = inner_of(tensor, layer)[1] is not None
        shapes.append((layer.size, *[1] * (rank - len(shape)), *shape) if has else shape)
    full = list(layout.broadcast_shapes(*shapes))
    return RuntimeError(
        f"output with shape {list(args[0]._array.shape)} doesn't match the broadcast shape {full}"
    )


def _run_inplace(operator: Operator, args: tuple[Any, ...], layer: Layer) -> Any:
    self = args[0]
    if not layer.open:
        _refuse_escaped(None)
    if not at(self, layer) or self._key.dim is None:
        if any_batched(operator, args, layer):
            raise _too_small(operator, args, layer)
        if not at(self, layer):
            # Only the others are of this layer, and they are the same for every example.
            inplace_number(operator, map_tensors(operator, args, lambda tensor: inner_of(tensor, layer)[0]))
            return self
    mutation.check_writable(self)
    if operator.family == "pointwise":
        dispatch._check_promotion(operator, self, number_tensors(args, operator))
    wants = wants_history(operator, args, layer)
    before = None
    if wants:
        inner, dim = inner_of(self, layer)
        before = batched(find("clone").call(inner), dim, layer)
        before._requires_grad = requires(self)
        before._edge = self._edge
    random = dispatch.draws(operator)
    if random:
        with below(layer):
            target, has = front(self, layer)
            if layer.randomness == "same":
                once = find("clone").call(find("select", "int").call(target, 0, 0) if has else target)
                operator.inplace(once, *args[1:])
                copy_into(target, once)
            else:
                others = [
                    expanded(value, layer) if isinstance(value, Tensor) else value for value in args[1:]
                ]
                operator.inplace(target, *others)
    else:
        grad = modes.grad
        result = _detached_run(operator, args, layer)
        modes.grad = grad
        if result._array.shape != self._array.shape:
            raise RuntimeError(
                f"output with shape {list(self._array.shape)} doesn't match the broadcast shape {list(result._array.shape)}"
            )
        target, has = front(self, layer)
        value, has_value = front(result, layer)
        if has_value and not has:
            raise RuntimeError(TOO_SMALL)
        if has and not has_value:
            value = find("expand").call(value, target._array.shape)
        copy_into(target, value)
    mutation.bump(self)
    if before is not None:
        others_ = tuple([before if value is self else value for value in args])
        lifted = map_tensors(operator, number_tensors(others_, operator), lambda tensor: lift(tensor, layer))
        mutation.write_history(operator, self, before, lifted)
    return self


def _detached_run(operator: Operator, args: tuple[Any, ...], layer: Layer) -> Any:
    """The functional form, recorded below but not at `layer`."""
    if any_batched(operator, args, layer):
        result, dim = _compute(operator, args, layer)
        return batched(result, dim, layer)
    return batched(
        call_number(operator, map_tensors(operator, args, lambda tensor: inner_of(tensor, layer)[0])),
        None,
        layer,
    )


handlers["batched"] = (_run, _run_inplace, lambda value, layer: batched(value, None, layer), _refuse_escaped)

from . import batching_random  # noqa: E402, F401  (registers itself; needs the functions above)
