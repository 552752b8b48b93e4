"""torch.nn.parallel on one device: DataParallel passes everything on to its module."""

from __future__ import annotations

from typing import Any

from .data_parallel import DataParallel, data_parallel
from .distributed import DistributedDataParallel

__all__ = ["data_parallel", "DataParallel", "DistributedDataParallel"]


def __getattr__(name: str) -> Any:
    if name in (
        "DistributedDataParallelCPU",
        "parallel_apply",
        "replicate",
        "scatter",
        "gather",
    ):
        raise AttributeError(
            f"module 'torch.nn.parallel' has no attribute '{name}' (tinytorch lacks it: it runs in one process on the CPU)"
        )
    raise AttributeError(f"module 'torch.nn.parallel' has no attribute '{name}'")
