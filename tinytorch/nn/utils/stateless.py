"""Calling a module with other parameters than its own, under the older name."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager
from typing import Any

from ...func import functional_call as _functional_call
from ...func._functional_call import _swapped

__all__ = ["functional_call"]


def functional_call(
    module: Any,
    parameters_and_buffers: dict[str, Any],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """module(*args, **kwargs) with the given tensors in place of its parameters and buffers."""
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in a future version of PyTorch. "
        "Please use `torch.func.functional_call` instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )


def _reparametrize_module(
    module: Any,
    parameters_and_buffers: dict[str, Any],
    tie_weights: bool = False,
    strict: bool = False,
    stack_weights: bool = False,
) -> AbstractContextManager[None]:
    """A context in which the module has the given tensors in place of its parameters and buffers; libraries use it."""
    if stack_weights:
        raise NotImplementedError("_reparametrize_module with stack_weights")
    return _swapped(module, parameters_and_buffers, tie_weights, strict)
