"""torch.distributed.tensor: tensors spread over processes. There is one process: placements exist, spread tensors do not."""

from __future__ import annotations

from typing import Any

from ..._absent import absent
from ..._core.tensor import Tensor
from .placement_types import Partial, Placement, Replicate, Shard

_NAMES = absent(
    "torch.distributed.tensor",
    "tensors spread over processes",
    functions="distribute_module distribute_tensor empty full ones rand randn zeros",
)
globals().update(_NAMES)
__all__ = [*_NAMES, "DTensor", "Partial", "Placement", "Replicate", "Shard"]


class DTensor(Tensor):
    """A tensor spread over processes. No tensor is one; making one raises NotImplementedError."""

    def __new__(cls, *arguments: Any, **options: Any) -> Any:
        raise NotImplementedError(
            "torch.distributed.tensor.DTensor: tensors spread over processes are not implemented"
        )

    @staticmethod
    def from_local(*arguments: Any, **options: Any) -> Any:
        """Raises NotImplementedError."""
        return DTensor()
