"""torch.nn.parallel on one device: DataParallel passes everything on to its module."""

from __future__ import annotations

from typing import Any

from .data_parallel import DataParallel, data_parallel
from .distributed import DistributedDataParallel
from .scatter_gather import gather, scatter

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel", "gather", "scatter"]


def __getattr__(name: str) -> Any:
    if name in (
        "DistributedDataParallelCPU",
        "parallel_apply",
        "replicate",
    ):
        raise AttributeError(
            f"module 'torch.nn.parallel' has no attribute '{name}' (tinytorch lacks it: it runs in one process on the CPU)"
        )
    raise AttributeError(f"module 'torch.nn.parallel' has no attribute '{name}'")
