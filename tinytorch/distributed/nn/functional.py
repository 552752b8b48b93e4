"""Collectives that gradients flow through, in a group of one process: copies, whose cotangents pass unchanged."""

from __future__ import annotations

import warnings
from typing import Any

from ...autograd import Function
from .._collectives import _check_root
from .._group import ReduceOp, _group_of

__all__ = [
    "all_gather",
    "all_reduce",
    "all_to_all",
    "all_to_all_single",
    "broadcast",
    "gather",
    "reduce",
    "reduce_scatter",
    "scatter",
]


class _Copy(Function):
    """What arrives in the one process."""

    @staticmethod
    def forward(ctx: Any, tensor: Any) -> Any:
        return tensor.clone()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad


# Their nodes are named after the collectives.
class _AllReduce(_Copy):
    pass


class _AllGather(_Copy):
    pass


class _AlltoAll(_Copy):
    pass


class _AlltoAllSingle(_Copy):
    pass


class _Broadcast(_Copy):
    pass


class _Gather(_Copy):
    pass


class _Reduce(_Copy):
    pass


class _Reduce_Scatter(_Copy):
    pass


class _Scatter(_Copy):
    pass


def _deprecated(name: str, instead: str) -> None:
    warnings.warn(
        f"torch.distributed.nn.functional.{name} is deprecated, use torch.distributed._functional_collectives.{instead} instead.",
        FutureWarning,
        stacklevel=3,
    )


def all_reduce(tensor: Any, op: Any = ReduceOp.SUM, group: Any = None) -> Any:
    """The combination of the tensors of all processes."""
    _deprecated("all_reduce", "all_reduce")
    _group_of(group)
    return _AllReduce.apply(tensor)


def all_gather(tensor: Any, group: Any = None) -> tuple[Any, ...]:
    """The tensors of all processes."""
    _deprecated("all_gather", "all_gather_single")
    _group_of(group)
    return (_AllGather.apply(tensor),)


def all_to_all(output_tensor_list: Any, input_tensor_list: Any, group: Any = None) -> tuple[Any, ...]:
    """The tensor for this process of the list of each."""
    _group_of(group)
    return (_AlltoAll.apply(input_tensor_list[0]),)


def all_to_all_single(
    output: Any,
    input: Any,
    output_split_sizes: Any = None,
    input_split_sizes: Any = None,
    group: Any = None,
) -> Any:
    """The part for this process of the tensor of each."""
    _deprecated("all_to_all_single", "all_to_all_single")
    _group_of(group)
    return _AlltoAllSingle.apply(input)


def broadcast(tensor: Any, src: int, group: Any = None) -> Any:
    """The tensor of one process."""
    _deprecated("broadcast", "broadcast")
    _group_of(group)
    _check_root("broadcast", src)
    return _Broadcast.apply(tensor)


def gather(tensor: Any, dst: int = 0, group: Any = None) -> tuple[Any, ...]:
    """The tensors of all processes, in one."""
    _group_of(group)
    return (_Gather.apply(tensor),)


def reduce(tensor: Any, dst: int, op: Any = ReduceOp.SUM, group: Any = None) -> Any:
    """The combination of the tensors of all processes, in one."""
    _group_of(group)
    _check_root("reduce", dst)
    return _Reduce.apply(tensor)


def reduce_scatter(output: Any, input_list: Any, op: Any = ReduceOp.SUM, group: Any = None) -> Any:
    """The part of this process of the combination of the lists of all."""
    _deprecated("reduce_scatter", "reduce_scatter_single")
    _group_of(group)
    return _Reduce_Scatter.apply(input_list[0])


def scatter(tensors: Any, src: int = 0, group: Any = None) -> Any:
    """The tensor for this process of a list in one."""
    _group_of(group)
    return _Scatter.apply(tensors[0])
