"""``torch.distributed`` in a program of one process.

A process group of this process alone can be made, as programs do that may also run on many: its collectives are exact, since there is
nobody else. A world of several processes raises NotImplementedError. Without a group, questions are answered and errors read as torch's.
"""

from __future__ import annotations

import importlib
import os
from typing import Any
from urllib.parse import urlparse

from ._collectives import (
    all_gather,
    all_gather_into_tensor,
    all_gather_object,
    all_reduce,
    all_to_all,
    all_to_all_single,
    barrier,
    broadcast,
    broadcast_object_list,
    gather,
    gather_object,
    monitored_barrier,
    reduce,
    reduce_scatter,
    reduce_scatter_tensor,
    scatter,
    scatter_object_list,
    send,
)
from ._group import (
    GroupMember,
    ProcessGroup,
    ReduceOp,
    Work,
    _group_of,
    _groups,
    _make_group,
    _more_than_one,
)

__all__ = [
    "Backend",
    "DistBackendError",
    "DistError",
    "GroupMember",
    "ProcessGroup",
    "ReduceOp",
    "Work",
    "all_gather",
    "all_gather_into_tensor",
    "all_gather_object",
    "all_reduce",
    "all_to_all",
    "all_to_all_single",
    "barrier",
    "broadcast",
    "broadcast_object_list",
    "destroy_process_group",
    "gather",
    "gather_object",
    "get_backend",
    "get_default_backend_for_device",
    "get_global_rank",
    "get_group_rank",
    "get_node_local_rank",
    "get_process_group_ranks",
    "get_rank",
    "get_world_size",
    "group",
    "init_process_group",
    "is_available",
    "is_backend_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
    "is_ucc_available",
    "is_xccl_available",
    "monitored_barrier",
    "new_group",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_tensor",
    "scatter",
    "scatter_object_list",
    "send",
]


class DistError(RuntimeError):
    """An error of the distributed package."""

    __module__ = "torch.distributed"


class DistBackendError(DistError):
    """An error of what carries the messages."""

    __module__ = "torch.distributed"


group = GroupMember


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

    default_device_backend_map = {"cpu": GLOO, "cuda": NCCL, "xpu": XCCL, "mps": GLOO}  # noqa: RUF012


def is_available() -> bool:
    """True: the questions below can be asked."""
    return True


def is_initialized() -> bool:
    """Whether the group of all processes was made."""
    return GroupMember.WORLD is not None


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
    """True: for groups of one process."""
    return True


def is_backend_available(backend: str) -> bool:
    """Whether groups can be made of a backend."""
    return backend.lower() == "gloo"


def get_default_backend_for_device(device: Any) -> str:
    """The name of the backend that is used for a kind of device. Raises ValueError where there is none."""
    kind = getattr(device, "type", None) or str(device).partition(":")[0]
    if kind not in Backend.default_device_backend_map:
        raise ValueError(f"Default backend not registered for device : {kind}")
    return Backend.default_device_backend_map[kind]


# Making and leaving groups --------------------------------------------------------------------------------------------------------


def _from_environment(name: str) -> str:
    if name not in os.environ:
        raise ValueError(
            f"Error initializing torch.distributed using env:// rendezvous: environment variable {name} expected, but not set"
        )
    return os.environ[name]


def _world_of(init_method: str | None, rank: int, world_size: int) -> int:
    """How many processes there are to be, by the arguments and what `init_method` says. Raises ValueError where it does not say."""
    scheme = "env" if init_method is None else urlparse(init_method).scheme
    if scheme == "env":
        rank = int(_from_environment("RANK")) if rank == -1 else rank
        world_size = int(_from_environment("WORLD_SIZE")) if world_size == -1 else world_size
        _from_environment("MASTER_ADDR")
        _from_environment("MASTER_PORT")
        return world_size
    if scheme not in ("tcp", "file"):
        raise RuntimeError(f"No rendezvous handler for {scheme}://")
    if rank == -1:
        raise ValueError(
            f"Error initializing torch.distributed using {scheme}:// rendezvous: rank parameter missing"
        )
    if world_size == -1:
        raise ValueError(
            f"Error initializing torch.distributed using {scheme}:// rendezvous: world size parameter missing"
        )
    return world_size


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: Any = None,
    world_size: int = -1,
    rank: int = -1,
    store: Any = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
    _ranks: list[int] | None = None,
) -> None:
    """Make the group of all processes, which is this one.

    Raises ValueError if there is one already, or where the environment or the arguments do not say what is needed, and
    NotImplementedError for a world of more than one process.
    """
    if GroupMember.WORLD is not None:
        raise ValueError("trying to initialize the default process group twice!")
    name = Backend.UNDEFINED if backend is None else Backend(backend)
    if name in ("nccl", "mpi", "ucc", "xccl"):
        raise RuntimeError(f"Distributed package doesn't have {name.upper()} built in")
    if store is None:
        world_size = _world_of(init_method, rank, world_size)
    if name not in ("gloo", "undefined", "fake", "cpu:gloo", "cpu:gloo,cuda:nccl"):
        raise AssertionError(f"Unknown backend type {name}")
    if world_size != 1:
        _more_than_one(world_size)
    GroupMember.WORLD = _make_group(str(name).partition(",")[0].removeprefix("cpu:"))


def destroy_process_group(group: Any = None) -> None:
    """Leave a group, or all of them. Raises AssertionError if there is none."""
    if group is None or group is GroupMember.WORLD:
        if GroupMember.WORLD is None:
            raise AssertionError("Process group cannot be None")
        GroupMember.WORLD = None
        _groups.clear()
    else:
        _groups.remove(_group_of(group))


def new_group(
    ranks: list[int] | None = None,
    timeout: Any = None,
    backend: str | None = None,
    pg_options: Any = None,
    use_local_synchronization: bool = False,
    group_desc: str | None = None,
    device_id: Any = None,
    sort_ranks: bool = True,
) -> Any:
    """Another group of this process. Raises ValueError for ranks that there are not."""
    world = _group_of(None)
    for rank in ranks or ():
        if rank != 0:
            raise ValueError(f"Rank {rank} is out of range. Valid ranks are 0 to 0 (world_size=1)")
    if ranks is not None and not ranks:
        return GroupMember.NON_GROUP_MEMBER
    return _make_group(world.name() if backend is None else Backend(backend))


# Questions ------------------------------------------------------------------------------------------------------------------------


def _registered(group: Any) -> ProcessGroup:
    if group is not None and GroupMember.WORLD is not None and not any(group is known for known in _groups):
        raise ValueError(
            f"Group {group} is not registered, please create group with torch.distributed.new_group API"
        )
    return _group_of(group)


def get_rank(group: Any = None) -> int:
    """0; -1 for a group this process is not in. Raises ValueError without a group."""
    if group == GroupMember.NON_GROUP_MEMBER:
        return -1
    return _registered(group).rank()


def get_world_size(group: Any = None) -> int:
    """1; -1 for a group this process is not in. Raises ValueError without a group."""
    if group == GroupMember.NON_GROUP_MEMBER:
        return -1
    return _registered(group).size()


def get_backend(group: Any = None) -> str:
    """The name of a group's backend. Raises ValueError without a group."""
    return _group_of(group).name()


def get_process_group_ranks(group: Any) -> list[int]:
    """[0]."""
    _group_of(group)
    return [0]


def get_global_rank(group: Any, group_rank: int) -> int:
    """The rank among all processes of a rank in a group."""
    _registered(group)
    if group_rank != 0:
        raise ValueError(f"Group rank {group_rank} is not part of group {group}")
    return 0


def get_group_rank(group: Any, global_rank: int) -> int:
    """The rank in a group of a rank among all processes."""
    _registered(group)
    if global_rank != 0:
        raise ValueError(f"Global rank {global_rank} is not part of group {group}")
    return 0


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


def __getattr__(name: str) -> Any:
    if name in ("algorithms", "checkpoint", "constants", "device_mesh", "fsdp", "optim", "rpc", "tensor"):
        return importlib.import_module("." + name, __name__)
    raise AttributeError(f"module 'torch.distributed' has no attribute '{name}' (tinytorch lacks it)")
