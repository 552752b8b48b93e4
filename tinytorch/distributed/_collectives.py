"""Collectives in a group of one process."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from ._group import ReduceOp, Work, _group_of

__all__ = [
    "all_gather",
    "all_gather_into_tensor",
    "all_gather_object",
    "all_reduce",
    "all_to_all",
    "all_to_all_single",
    "barrier",
    "broadcast",
    "broadcast_object_list",
    "gather",
    "gather_object",
    "monitored_barrier",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_tensor",
    "scatter",
    "scatter_object_list",
    "send",
]


def _check_tensor(value: Any, name: str) -> None:
    if not isinstance(value, torch.Tensor):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor\n"
            f"             but got {type(value)} instead."
        )


def _check_tensors(value: Any, name: str) -> None:
    if not isinstance(value, list) or not all(isinstance(item, torch.Tensor) for item in value):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor]\n"
            f"             but got {type(value)} with elements of type {[type(item) for item in value]}."
        )


def _check_root(name: str, rank: int | None) -> None:
    if rank not in (None, 0):
        raise RuntimeError(f"ProcessGroupGloo::{name}: invalid root rank: {rank}")


def _done(tensors: list[Any], async_op: bool) -> Work | None:
    return Work(tensors) if async_op else None


def _write(target: Any, value: Any) -> None:
    with torch.no_grad():
        target.copy_(value)


def _check_list(name: str, given: Any, tensor: Any) -> None:
    """One tensor like the one that is sent."""
    if len(given) != 1:
        raise RuntimeError(
            f"ProcessGroupGloo::{name}: invalid output tensor list at index 0 (expected length 1, got {len(given)})"
        )
    if given[0].numel() != tensor.numel():
        sizes = [", ".join(map(str, one.shape)) for one in (tensor, given[0])]
        raise RuntimeError(
            f"ProcessGroupGloo::{name}: invalid tensor size at index 0 (expected ({sizes[0]}), got ({sizes[1]}))"
        )


def all_reduce(tensor: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Any:
    """Combine a tensor of all processes into each: with one process, the tensor stays what it is."""
    _check_tensor(tensor, "tensor")
    _group_of(group)
    return _done([tensor], async_op)


def reduce(
    tensor: Any,
    dst: int | None = None,
    op: Any = ReduceOp.SUM,
    group: Any = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Any:
    """Combine a tensor of all processes into that of one."""
    _group_of(group)
    _check_tensor(tensor, "tensor")
    _check_root("reduce", dst if group_dst is None else group_dst)
    return _done([tensor], async_op)


def broadcast(
    tensor: Any,
    src: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Any:
    """Copy the tensor of one process into those of all."""
    _group_of(group)
    _check_tensor(tensor, "tensor")
    _check_root("broadcast", src if group_src is None else group_src)
    return _done([tensor], async_op)


def all_gather(tensor_list: Any, tensor: Any, group: Any = None, async_op: bool = False) -> Any:
    """Copy the tensors of all processes into a list of tensors."""
    _check_tensors(tensor_list, "tensor_list")
    _check_tensor(tensor, "tensor")
    _group_of(group)
    _check_list("allgather", tensor_list, tensor)
    _write(tensor_list[0], tensor.view_as(tensor_list[0]))
    return _done(tensor_list, async_op)


def all_gather_into_tensor(
    output_tensor: Any, input_tensor: Any, group: Any = None, async_op: bool = False
) -> Any:
    """Copy the tensors of all processes one after the other into one tensor."""
    _check_tensor(input_tensor, "input_tensor")
    _check_tensor(output_tensor, "output_tensor")
    _group_of(group)
    _check_list("allgather", [output_tensor], input_tensor)
    _write(output_tensor, input_tensor.view_as(output_tensor))
    return _done([output_tensor], async_op)


def gather(
    tensor: Any,
    gather_list: Any = None,
    dst: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Any:
    """Copy the tensors of all processes into a list of tensors in one."""
    _check_tensor(tensor, "tensor")
    _group_of(group)
    if (dst if group_dst is None else group_dst) not in (None, 0):
        raise ValueError("Argument ``gather_list`` must NOT be specified on non-destination ranks.")
    if not gather_list:
        raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    _check_tensors(gather_list, "gather_list")
    _check_list("gather", gather_list, tensor)
    _write(gather_list[0], tensor.view_as(gather_list[0]))
    return _done(gather_list, async_op)


def scatter(
    tensor: Any,
    scatter_list: Any = None,
    src: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Any:
    """Copy the tensors of a list in one process into those of all."""
    _check_tensor(tensor, "tensor")
    _group_of(group)
    if not scatter_list:
        raise ValueError("Argument ``scatter_list`` must be specified on source rank.")
    _check_tensors(scatter_list, "scatter_list")
    _check_root("scatter", src if group_src is None else group_src)
    if len(scatter_list) != 1:
        raise RuntimeError(
            f"ProcessGroupGloo::scatter: Incorrect input list size {len(scatter_list)}. Input list size should be 1, same as size of "
            "the process group."
        )
    _write(tensor, scatter_list[0])
    return _done([tensor], async_op)


def reduce_scatter(
    output: Any, input_list: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Any:
    """Combine the lists of all processes, and give each its part."""
    _check_tensor(output, "output")
    _check_tensors(input_list, "input_list")
    _group_of(group)
    _check_list("reduce_scatter", input_list, output)
    _write(output, input_list[0])
    return _done([output], async_op)


def reduce_scatter_tensor(
    output: Any, input: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Any:
    """Combine the tensors of all processes, and give each its part."""
    _check_tensor(output, "output")
    _check_tensor(input, "input")
    _group_of(group)
    _check_list("reduce_scatter", [output], input)
    _write(output, input.view_as(output))
    return _done([output], async_op)


def all_to_all(
    output_tensor_list: Any, input_tensor_list: Any, group: Any = None, async_op: bool = False
) -> Any:
    """Give each process its tensor of the list of each."""
    _group_of(group)
    _check_tensors(output_tensor_list, "output_tensor_list")
    _check_tensors(input_tensor_list, "input_tensor_list")
    _check_list("alltoall", output_tensor_list, input_tensor_list[0])
    _write(output_tensor_list[0], input_tensor_list[0])
    return _done(output_tensor_list, async_op)


def all_to_all_single(
    output: Any,
    input: Any,
    output_split_sizes: Any = None,
    input_split_sizes: Any = None,
    group: Any = None,
    async_op: bool = False,
) -> Any:
    """Give each process its part of the tensor of each."""
    _group_of(group)
    _check_tensor(output, "output")
    _check_tensor(input, "input")
    _write(output, input)
    return _done([output], async_op)


def barrier(group: Any = None, async_op: bool = False, device_ids: Any = None, timeout: Any = None) -> Any:
    """Wait for all processes of the group: there are no others."""
    _group_of(group)
    return _done([], async_op)


def monitored_barrier(group: Any = None, timeout: Any = None, wait_all_ranks: bool = False) -> None:
    """Wait for all processes of the group: there are no others."""
    _group_of(group)


def send(
    tensor: Any, dst: int | None = None, group: Any = None, tag: int = 0, group_dst: int | None = None
) -> None:
    """Raises ValueError: there is no other process to send to."""
    _check_tensor(tensor, "tensor")
    _group_of(group)
    raise ValueError(
        "Invalid destination rank: destination rank should not be the same as the rank of the current process."
    )


# Objects --------------------------------------------------------------------------------------------------------------------------


def _copied(obj: Any) -> Any:
    """What arrives where an object is sent: a copy by pickle."""
    import pickle

    return pickle.loads(pickle.dumps(obj))


def all_gather_object(object_list: Any, obj: Any, group: Any = None) -> None:
    """Copy the objects of all processes into a list."""
    _group_of(group)
    object_list[0] = _copied(obj)


def gather_object(
    obj: Any,
    object_gather_list: Any = None,
    dst: int | None = None,
    group: Any = None,
    group_dst: int | None = None,
) -> None:
    """Copy the objects of all processes into a list in one."""
    _group_of(group)
    if not object_gather_list:
        raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    object_gather_list[0] = _copied(obj)


def broadcast_object_list(
    object_list: Any,
    src: int | None = None,
    group: Any = None,
    device: Any = None,
    group_src: int | None = None,
) -> None:
    """Copy the objects of a list in one process into those of all."""
    _group_of(group)
    _check_root("broadcast", src if group_src is None else group_src)


def scatter_object_list(
    scatter_object_output_list: Any,
    scatter_object_input_list: Any = None,
    src: int | None = None,
    group: Any = None,
    group_src: int | None = None,
) -> None:
    """Copy the objects of a list in one process, one each, into the lists of all."""
    _group_of(group)
    if not isinstance(scatter_object_output_list, list) or len(scatter_object_output_list) < 1:
        raise ValueError("Expected argument scatter_object_output_list to be a list of size at least 1.")
    scatter_object_output_list[0] = _copied(scatter_object_input_list[0])
