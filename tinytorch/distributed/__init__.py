"""``torch.distributed`` in a program of one process: it can be asked whether a group exists, and none ever does.

The queries answer, and the errors about a missing group read, as torch's do. Starting a group raises NotImplementedError.
"""

from __future__ import annotations

import enum
import os
from typing import Any, NoReturn

_NO_GROUP = "Default process group has not been initialized, please make sure to call init_process_group."


class DistError(RuntimeError):
    """An error of the distributed package."""

    __module__ = "torch.distributed"


class DistBackendError(DistError):
    """An error of what carries the messages."""

    __module__ = "torch.distributed"


class GroupMember:
    """The group of all processes, which does not exist, and the mark of one that a process is not in."""

    WORLD: Any = None
    NON_GROUP_MEMBER: Any = -100


group = GroupMember


class ReduceOp(enum.IntEnum):
    """How values of several processes are combined."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8

    def __repr__(self) -> str:
        return f"<RedOpType.{self.name}: {self.value}>"


class Backend(str):
    """The name of a carrier of messages, in lower case."""

    UNDEFINED = "undefined"
    GLOO = "gloo"
    NCCL = "nccl"
    UCC = "ucc"
    MPI = "mpi"
    XCCL = "xccl"
    FAKE = "fake"

    def __new__(cls, name: str) -> Any:
        if not isinstance(name, str):
            raise ValueError("Backend constructor parameter must be string-ish")
        return name.lower()


def is_available() -> bool:
    """True: the questions below can be asked."""
    return True


def is_initialized() -> bool:
    """False: there is no process group."""
    return False


def is_torchelastic_launched() -> bool:
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def is_nccl_available() -> bool:
    return False


def is_mpi_available() -> bool:
    return False


def is_ucc_available() -> bool:
    return False


def is_xccl_available() -> bool:
    return False


def is_gloo_available() -> bool:
    """False, where torch's own builds say True: tinytorch has no carrier of messages."""
    return False


def init_process_group(backend: str | None = None, *arguments: Any, **named: Any) -> NoReturn:
    raise NotImplementedError(
        "torch.distributed.init_process_group: tinytorch runs in one process and has no process groups"
    )


def _no_group(group: Any) -> NoReturn:
    if group is None or group is GroupMember.WORLD:
        raise ValueError(_NO_GROUP)
    raise ValueError(
        f"Process group {group} is not initialized in the world group map. Please initialize the group first."
    )


def get_rank(group: Any = None) -> int:
    """-1 for a group this process is not in; otherwise raises ValueError, since there is no group."""
    if group == GroupMember.NON_GROUP_MEMBER:
        return -1
    _no_group(group)


def get_world_size(group: Any = None) -> int:
    """As `get_rank`."""
    if group == GroupMember.NON_GROUP_MEMBER:
        return -1
    _no_group(group)


def get_backend(group: Any = None) -> str:
    _no_group(group)


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """``LOCAL_RANK`` from the environment, else ``fallback_rank``."""
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError(
        "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow `get_node_local_rank` to work, "
        "assuming you are not running in a multi-device context and want the code to run locally instead."
    )


def destroy_process_group(group: Any = None) -> None:
    raise AssertionError("Process group cannot be None")


def barrier(group: Any = None, async_op: bool = False, device_ids: Any = None) -> Any:
    _no_group(group)


def new_group(ranks: Any = None, *arguments: Any, **named: Any) -> Any:
    _no_group(None)


def all_reduce(tensor: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Any:
    _no_group(group)


def reduce(
    tensor: Any,
    dst: int | None = None,
    op: Any = ReduceOp.SUM,
    group: Any = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Any:
    _no_group(group)


def broadcast(
    tensor: Any,
    src: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Any:
    _no_group(group)


def all_gather(tensor_list: Any, tensor: Any, group: Any = None, async_op: bool = False) -> Any:
    _no_group(group)


def all_gather_object(object_list: Any, obj: Any, group: Any = None) -> None:
    _no_group(group)


def broadcast_object_list(
    object_list: Any,
    src: int | None = None,
    group: Any = None,
    device: Any = None,
    group_src: int | None = None,
) -> None:
    _no_group(group)
