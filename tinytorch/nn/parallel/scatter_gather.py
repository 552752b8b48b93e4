"""torch.nn.parallel.scatter_gather: tensors cut over several devices, of which there are none beside the CPU."""

from __future__ import annotations

import warnings
from typing import Any

__all__ = ["gather", "scatter", "scatter_kwargs"]


def is_namedtuple(obj: Any) -> bool:
    """Whether `obj` is a tuple with named fields. Deprecated."""
    warnings.warn(
        "`is_namedtuple` is deprecated, please use the python checks instead", FutureWarning, stacklevel=2
    )
    return _is_namedtuple(obj)


def _is_namedtuple(obj: Any) -> bool:
    return isinstance(obj, tuple) and hasattr(obj, "_asdict") and hasattr(obj, "_fields")


def scatter(inputs: Any, target_gpus: Any, dim: int = 0) -> Any:
    """Raises NotImplementedError: there are no devices to scatter to."""
    raise NotImplementedError("torch.nn.parallel.scatter: there are no devices to scatter to")


def scatter_kwargs(inputs: Any, kwargs: Any, target_gpus: Any, dim: int = 0) -> Any:
    """Raises NotImplementedError: there are no devices to scatter to."""
    return scatter((inputs, kwargs), target_gpus, dim)


def gather(outputs: Any, target_device: Any, dim: int = 0) -> Any:
    """Raises AssertionError, as torch does for tensors on the CPU."""
    raise AssertionError("Gather function not implemented for CPU tensors")
