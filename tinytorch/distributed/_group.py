"""The process group of one process: what collectives are told of it, and their handles.

All collectives of a world of one are exact here: a sum over one process is the tensor itself. More than one process is refused.
"""

from __future__ import annotations

import enum
from typing import Any, NoReturn

from ..futures import Future

_NO_GROUP = "Default process group has not been initialized, please make sure to call init_process_group."


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


#: In torch the members are of a type of their own.
ReduceOp.RedOpType = ReduceOp  # type: ignore[attr-defined]


class ProcessGroup:
    """A group of this process alone."""

    __module__ = "torch.distributed.distributed_c10d"

    def __init__(self, backend: str, name: str) -> None:
        self._backend = backend
        self._name = name

    def rank(self) -> int:
        """0."""
        return 0

    def size(self) -> int:
        """1."""
        return 1

    def name(self) -> str:
        """The name of what carries the messages."""
        return self._backend

    @property
    def group_name(self) -> str:
        """The number of the group, as text."""
        return self._name


class Work:
    """The handle of a collective that is done."""

    __module__ = "torch.distributed.distributed_c10d"

    def __init__(self, result: Any) -> None:
        self._result = result

    def wait(self, timeout: Any = None) -> bool:
        """True: there is nothing to wait for."""
        return True

    def is_completed(self) -> bool:
        """True."""
        return True

    def is_success(self) -> bool:
        """True."""
        return True

    def exception(self) -> None:
        """None: nothing failed."""

    def result(self) -> Any:
        """The tensors that were written."""
        return self._result

    def get_future(self) -> Future[Any]:
        """A future of the tensors that were written."""
        future: Future[Any] = Future()
        future.set_result(self._result)
        return future


class GroupMember:
    """The group of all processes, None before it is made, and the mark of one that a process is not in."""

    WORLD: Any = None
    NON_GROUP_MEMBER: Any = -100


#: The groups there are, by identity, while the group of all processes is there.
_groups: list[ProcessGroup] = []
_count = [0]


def _make_group(backend: str) -> ProcessGroup:
    made = ProcessGroup(backend, str(_count[0]))
    _count[0] += 1
    _groups.append(made)
    return made


def _group_of(group: Any) -> ProcessGroup:
    """The group meant, the one of all processes for None. Raises ValueError with torch's texts where it is not there."""
    if group is None or group is GroupMember.WORLD:
        if GroupMember.WORLD is None:
            raise ValueError(_NO_GROUP)
        return GroupMember.WORLD  # type: ignore[no-any-return]
    if not any(group is known for known in _groups):
        raise ValueError(
            f"Process group {group} is not initialized in the world group map. Please initialize the group first."
        )
    return group  # type: ignore[no-any-return]


def _more_than_one(world_size: int) -> NoReturn:
    raise NotImplementedError(
        f"torch.distributed.init_process_group: a world of {world_size} processes; tinytorch's process groups have one process"
    )
