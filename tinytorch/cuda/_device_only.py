"""The rest of torch.cuda's functions: each raises what torch's raises in a build without CUDA, or answers as that does."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from typing import Any, NoReturn

__all__ = [
    "clock_rate",
    "cudart",
    "current_blas_handle",
    "get_per_process_memory_fraction",
    "get_sync_debug_mode",
    "graph",
    "graph_pool_handle",
    "host_memory_stats",
    "is_current_stream_capturing",
    "list_gpu_processes",
    "make_graphed_callables",
    "max_memory_cached",
    "memory_cached",
    "memory_stats_as_nested_dict",
    "memory_usage",
    "power_draw",
    "set_sync_debug_mode",
    "temperature",
    "utilization",
]


def _dummy(name: str) -> NoReturn:
    raise RuntimeError(f"Tried to instantiate dummy base class {name}")


class graph:
    """A context that captures a CUDA graph. Making one raises RuntimeError."""

    __module__ = "torch.cuda.graphs"

    def __init__(
        self,
        cuda_graph: Any,
        pool: Any = None,
        stream: Any = None,
        capture_error_mode: str = "global",
        **options: Any,
    ) -> None:
        raise RuntimeError("torch.cuda.Stream requires CUDA support")


def graph_pool_handle() -> Any:
    """Raises RuntimeError."""
    _dummy("_graph_pool_handle")


def is_current_stream_capturing() -> bool:
    """Raises RuntimeError."""
    _dummy("_cuda_isCurrentStreamCapturing")


def make_graphed_callables(callables: Any, sample_args: Any, *arguments: Any, **options: Any) -> Any:
    """Raises RuntimeError."""
    _dummy("CUDAGraph")


def _without_cuda() -> NoReturn:
    raise AssertionError("Torch not compiled with CUDA enabled")


def current_blas_handle() -> Any:
    """Raises AssertionError."""
    _without_cuda()


def cudart() -> Any:
    """Raises AssertionError."""
    _without_cuda()


def get_sync_debug_mode() -> int:
    """Raises AssertionError."""
    _without_cuda()


def set_sync_debug_mode(debug_mode: Any) -> None:
    """Raises AssertionError."""
    _without_cuda()


def get_per_process_memory_fraction(device: Any = None) -> float:
    """Raises AssertionError."""
    _without_cuda()


def _without_nvml() -> NoReturn:
    raise ModuleNotFoundError("nvidia-ml-py does not seem to be installed or it can't be imported.")


def power_draw(device: Any = None) -> int:
    """Raises ModuleNotFoundError."""
    _without_nvml()


def utilization(device: Any = None) -> int:
    """Raises ModuleNotFoundError."""
    _without_nvml()


def temperature(device: Any = None) -> int:
    """Raises ModuleNotFoundError."""
    _without_nvml()


def clock_rate(device: Any = None) -> int:
    """Raises ModuleNotFoundError."""
    _without_nvml()


def memory_usage(device: Any = None) -> int:
    """Raises ModuleNotFoundError."""
    _without_nvml()


def list_gpu_processes(device: Any = None) -> str:
    """What torch says where nvidia-ml-py is missing."""
    return "pynvml module not found, please install nvidia-ml-py"


def _renamed(old: str, new: str) -> None:
    warnings.warn(
        f"`torch.cuda.{old}` has been renamed to `torch.cuda.{new}`", category=FutureWarning, stacklevel=3
    )


def memory_cached(device: Any = None) -> int:
    """0. Deprecated."""
    _renamed("memory_cached", "memory_reserved")
    return 0


def max_memory_cached(device: Any = None) -> int:
    """0. Deprecated."""
    _renamed("max_memory_cached", "max_memory_reserved")
    return 0


def memory_stats_as_nested_dict(device: Any = None) -> dict[str, Any]:
    """Empty."""
    return {}


def host_memory_stats() -> OrderedDict[str, Any]:
    """Empty."""
    return OrderedDict()
