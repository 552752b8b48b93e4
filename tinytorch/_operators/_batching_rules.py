"""Batching rules of operators that would otherwise run once per example. Imported when vmap is first used.

A rule gets the batch dimensions of the tensor arguments (None: the same for all examples), the batch size and the arguments below; it
returns the result below and its batch dimension, or NotImplemented for what it does not cover.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from .._core.batching import to_front
from .._core.declare import find, registry
from .._core.dispatch import wrap_dim, wrap_dims
from .._core.layouts import contiguous_format

Rule = Callable[..., tuple[Any, Any]]


def _declare(name: str, overload: str, rule: Any) -> None:
    """Give the operator `rule` if it is declared and has none of its own."""
    for operator in registry.get(name, ()):
        if operator.overload == overload and operator.batch_rule is None:
            operator.vmap(rule)


def _leading(name: str, overload: str = "") -> Callable[[Any], Any]:
    """Declare a rule for an operator whose only batched argument is the first; it gets (batch, logical rank, *arguments)."""

    def decorate(function: Any) -> Any:
        def rule(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
            names = list(arguments)
            if in_dims[names[0]] is None or any(in_dims.get(other) is not None for other in names[1:]):
                return NotImplemented
            batch = to_front(arguments[names[0]], in_dims[names[0]])
            result = function(batch, batch._array.ndim - 1, *[arguments[other] for other in names[1:]])
            if result is NotImplemented:
                return NotImplemented
            return result, (0,) * len(result) if isinstance(result, tuple | list) else 0

        _declare(name, overload, rule)
        return function

    return decorate


def _ints(value: Any) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)


def _shifted(dim: int, rank: int) -> int:
    return wrap_dim(dim, rank) + 1


# Views -------------------------------------------------------------------------------------------------------------------------------


@_leading("view")
def _view(x: Any, rank: int, size: Any) -> Any:
    return find("view").call(x, (x._array.shape[0], *_infer(x, size)))


def _infer(x: Any, size: Any) -> tuple[int, ...]:
    """A size with -1 worked out for one example."""
    wanted = _ints(size)
    if -1 not in wanted:
        return wanted
    from .._kernels.restriding import infer_size

    count = 1
    for length in x._array.shape[1:]:
        count *= length
    return tuple(infer_size(wanted, count))


@_leading("_unsafe_view")
def _unsafe_view(x: Any, rank: int, size: Any) -> Any:
    return find("_unsafe_view").call(x, (x._array.shape[0], *_infer(x, size)))


@_leading("_reshape_alias")
def _reshape_alias(x: Any, rank: int, size: Any, stride: Any) -> Any:
    return find("as_strided").call(x, (x._array.shape[0], *size), (x.stride(0), *stride), None)


@_leading("transpose", "int")
def _transpose(x: Any, rank: int, dim0: int, dim1: int) -> Any:
    if not rank:
        wrap_dim(dim0, 0), wrap_dim(dim1, 0)
        return find("alias").call(x)
    return find("transpose", "int").call(x, _shifted(dim0, rank), _shifted(dim1, rank))


@_leading("permute")
def _permute(x: Any, rank: int, dims: Any) -> Any:
    dims = _ints(dims)
    if len(dims) != rank:
        return NotImplemented
    return find("permute").call(x, (0, *[_shifted(dim, rank) for dim in dims]))


@_leading("t")
def _t(x: Any, rank: int) -> Any:
    if rank > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {rank}D")
    return find("transpose", "int").call(x, 1, 2) if rank == 2 else find("alias").call(x)


@_leading("expand")
def _expand(x: Any, rank: int, size: Any, implicit: bool) -> Any:
    size = _ints(size)
    extra = len(size) - rank
    if extra < 0:
        return NotImplemented
    shape = x._array.shape
    if extra:
        x = find("view").call(x, (shape[0], *[1] * extra, *shape[1:]))
    return find("expand").call(x, (shape[0], *size), implicit)


@_leading("squeeze")
def _squeeze(x: Any, rank: int) -> Any:
    dims = tuple([dim for dim in range(1, rank + 1) if x._array.shape[dim] == 1])
    return find("squeeze", "dims").call(x, dims) if dims else find("alias").call(x)


@_leading("squeeze", "dim")
def _squeeze_dim(x: Any, rank: int, dim: int) -> Any:
    if not rank:
        wrap_dim(dim, 0)
        return find("alias").call(x)
    return find("squeeze", "dim").call(x, _shifted(dim, rank))


@_leading("squeeze", "dims")
def _squeeze_dims(x: Any, rank: int, dim: Any) -> Any:
    if not rank or not _ints(dim):
        return find("alias").call(x)
    return find("squeeze", "dims").call(x, tuple([_shifted(d, rank) for d in _ints(dim)]))


@_leading("unsqueeze")
def _unsqueeze(x: Any, rank: int, dim: int) -> Any:
    return find("unsqueeze").call(x, _shifted(dim, rank + 1))


@_leading("select", "int")
def _select(x: Any, rank: int, dim: int, index: int) -> Any:
    if not rank:
        return NotImplemented
    return find("select", "int").call(x, _shifted(dim, rank), index)


def _with_dim(name: str, overload: str = "", position: int = 0) -> None:
    """A rule for operators with one dimension among their arguments, at `position` after self."""

    def function(x: Any, rank: int, *arguments: Any) -> Any:
        if not rank:
            return NotImplemented
        values = list(arguments)
        values[position] = _shifted(values[position], rank)
        return find(name, overload).call(x, *values)

    _leading(name, overload)(function)


for _name, _overload, _position in [
    ("slice", "Tensor", 0),
    ("unbind", "int", 0),
    ("split", "Tensor", 1),
    ("split_with_sizes", "", 1),
    ("unsafe_split", "Tensor", 1),
    ("unsafe_split_with_sizes", "", 1),
    ("unfold", "", 0),
    ("cumsum", "", 0),
    ("cumprod", "", 0),
    ("logcumsumexp", "", 0),
    ("cummax", "", 0),
    ("cummin", "", 0),
    ("_softmax", "", 0),
    ("_safe_softmax", "", 0),
    ("_log_softmax", "", 0),
    ("sort", "", 0),
    ("topk", "", 1),
    ("kthvalue", "", 1),
    ("glu", "", 0),
    ("max", "dim", 0),
    ("min", "dim", 0),
    ("median", "dim", 0),
    ("mode", "", 0),
    ("prod", "dim_int", 0),
    ("all", "dim", 0),
    ("any", "dim", 0),
]:
    _with_dim(_name, _overload, _position)


@_leading("diagonal")
def _diagonal(x: Any, rank: int, offset: int, dim1: int, dim2: int) -> Any:
    return find("diagonal").call(x, offset, _shifted(dim1, rank), _shifted(dim2, rank))


@_leading("as_strided")
def _as_strided(x: Any, rank: int, size: Any, stride: Any, offset: Any) -> Any:
    return find("as_strided").call(
        x, (x._array.shape[0], *_ints(size)), (x.stride(0), *_ints(stride)), offset
    )


def _same(name: str, overload: str = "") -> None:
    """A rule for operators that treat leading dimensions alike."""

    def function(x: Any, rank: int, *arguments: Any) -> Any:
        return find(name, overload).call(x, *arguments)

    _leading(name, overload)(function)


for _name, _overload in [
    ("alias", ""), ("real", ""), ("imag", ""), ("view_as_real", ""), ("view_as_complex", ""), ("view", "dtype"), ("zero", ""),
    ("fill", "Scalar"), ("tril", ""), ("triu", ""), ("pixel_shuffle", ""), ("pixel_unshuffle", ""), ("constant_pad_nd", ""),
]:  # fmt: skip
    _same(_name, _overload)


@_leading("clone")
def _clone(x: Any, rank: int, memory_format: Any) -> Any:
    if not _is_dense_order(memory_format):
        return NotImplemented
    strides = x.stride()[1:]
    if any(later > earlier for earlier, later in itertools.pairwise(strides)) and 0 not in strides:
        return find("clone").call(x, memory_format)
    return find("clone").call(x, contiguous_format)  # every example is laid out in order


@_leading("_to_copy")
def _to_copy(x: Any, rank: int, *arguments: Any) -> Any:
    return find("_to_copy").call(x, *arguments) if _is_dense_order(arguments[-1]) else NotImplemented


def _is_dense_order(memory_format: Any) -> bool:
    return memory_format is None or str(memory_format) in ("torch.preserve_format", "torch.contiguous_format")


# Reductions --------------------------------------------------------------------------------------------------------------------------


def _all_dims(dim: Any, rank: int) -> tuple[int, ...]:
    return tuple([d + 1 for d in wrap_dims(dim, rank)])


def _reduce(name: str, overload: str) -> None:
    """A rule for reductions that take a list of dimensions, none meaning all."""

    def function(x: Any, rank: int, dim: Any, *arguments: Any) -> Any:
        if not rank:
            return NotImplemented
        return find(name, overload).call(x, _all_dims(dim, rank), *arguments)

    _leading(name, overload)(function)


for _name, _overload in [
    ("sum", "dim_IntList"), ("mean", "dim"), ("amax", ""), ("amin", ""), ("var", "correction"), ("std", "correction"),
    ("var_mean", "correction"), ("std_mean", "correction"), ("logsumexp", ""), ("nansum", ""),
    ("all", "dims"), ("any", "dims"), ("count_nonzero", "dim_IntList"),
]:  # fmt: skip
    _reduce(_name, _overload)


@_leading("flip")
def _flip(x: Any, rank: int, dims: Any) -> Any:
    return (
        find("flip").call(x, tuple([_shifted(dim, rank) for dim in _ints(dims)])) if rank else NotImplemented
    )


@_leading("linalg_vector_norm")
def _vector_norm(x: Any, rank: int, order: Any, dim: Any, *arguments: Any) -> Any:
    return (
        find("linalg_vector_norm").call(x, order, _all_dims(dim, rank), *arguments)
        if rank
        else NotImplemented
    )


def _whole(name: str, overload: str, partner: str) -> None:
    """A rule for reductions over everything, through the overload that takes dimensions."""

    def function(x: Any, rank: int, *arguments: Any) -> Any:
        if not rank:
            return NotImplemented
        return find(name, partner).call(x, tuple(range(1, rank + 1)), False, *arguments)

    _leading(name, overload)(function)


_whole("sum", "", "dim_IntList")
_whole("mean", "", "dim")


def _flattened(name: str, overload: str, partner: str) -> None:
    """The same where only one dimension can be reduced at a time."""

    def function(x: Any, rank: int, *arguments: Any) -> Any:
        shape = x._array.shape
        flat = x.reshape((shape[0], -1)) if 0 not in shape else x.reshape((shape[0], 0))
        result = find(name, partner).call(flat, 1, False, *arguments)
        return result[0] if isinstance(result, tuple) else result

    _leading(name, overload)(function)


_flattened("prod", "", "dim_int")
_flattened("all", "", "dim")
_flattened("any", "", "dim")


def _extreme(name: str, through: str) -> None:
    def function(x: Any, rank: int) -> Any:
        if not rank:
            return find("alias").call(x)
        return find(through).call(x, tuple(range(1, rank + 1)), False)

    _leading(name, "")(function)


_extreme("max", "amax")
_extreme("min", "amin")


def _argument(name: str) -> None:
    def function(x: Any, rank: int, dim: Any, keepdim: bool) -> Any:
        if not rank or (dim is None and keepdim):
            return NotImplemented
        if dim is None:
            return find(name).call(x.reshape((x._array.shape[0], -1)), 1, False)
        return find(name).call(x, _shifted(dim, rank), keepdim)

    _leading(name)(function)


_argument("argmax")
_argument("argmin")


@_leading("sort", "stable")
def _sort(x: Any, rank: int, stable: Any, dim: int, descending: bool) -> Any:
    return find("sort", "stable").call(x, stable, _shifted(dim, rank), descending) if rank else NotImplemented


@_leading("repeat")
def _repeat(x: Any, rank: int, repeats: Any) -> Any:
    repeats = _ints(repeats)
    extra = len(repeats) - rank
    if extra < 0:
        return NotImplemented
    shape = x._array.shape
    return find("repeat").call(x.reshape((shape[0], *[1] * extra, *shape[1:])), (1, *repeats))


@_leading("roll")
def _roll(x: Any, rank: int, shifts: Any, dims: Any) -> Any:
    dims = _ints(dims)
    if not dims or not rank:
        return NotImplemented
    return find("roll").call(x, shifts, tuple([_shifted(dim, rank) for dim in dims]))


@_leading("diag_embed")
def _diag_embed(x: Any, rank: int, offset: int, dim1: int, dim2: int) -> Any:
    return find("diag_embed").call(x, offset, _shifted(dim1, rank + 1), _shifted(dim2, rank + 1))


@_leading("trace")
def _trace(x: Any, rank: int) -> Any:
    return find("diagonal").call(x, 0, 1, 2).sum(-1) if rank == 2 else NotImplemented


def _with_sizes(name: str, position: int) -> None:
    """Backward operators that take the input's sizes, then a dimension."""

    def function(x: Any, rank: int, sizes: Any, *arguments: Any) -> Any:
        values = list(arguments)
        full = len(_ints(sizes))
        for index in range(position, position + (2 if name == "diagonal_backward" else 1)):
            values[index] = _shifted(values[index], full)
        return find(name).call(x, (x._array.shape[0], *_ints(sizes)), *values)

    _leading(name)(function)


_with_sizes("select_backward", 0)
_with_sizes("slice_backward", 0)
_with_sizes("diagonal_backward", 1)
_with_sizes("unfold_backward", 0)


def _softmax_backward(name: str) -> None:
    def rule(in_dims: dict[str, Any], size: int, /, **arguments: Any) -> Any:
        names = list(arguments)
        grad, output = (_full(arguments[n], in_dims[n], size) for n in names[:2])
        rank = grad._array.ndim - 1
        if not rank:
            return NotImplemented
        return find(name).call(grad, output, _shifted(arguments[names[2]], rank), arguments[names[3]]), 0

    _declare(name, "", rule)


def _full(value: Any, dim: int | None, size: int) -> Any:
    """The batch dimension first, made by repetition if there is none."""
    return (
        to_front(value, dim) if dim is not None else find("expand").call(value, (size, *value._array.shape))
    )


_softmax_backward("_softmax_backward_data")
_softmax_backward("_log_softmax_backward_data")
