"""What libraries import from torch._dynamo._trace_wrapped_higher_order_op."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from ..overrides import TorchFunctionMode

__all__ = ["TransformGetItemToIndex"]


class TransformGetItemToIndex(TorchFunctionMode):
    """A mode in which `x[i, j]` with tensors is the operator `index`, and so works under `vmap` with one number per example."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func == torch.Tensor.__getitem__:
            places = args[1] if isinstance(args[1], tuple) else (args[1],)
            if places and all(isinstance(place, torch.Tensor) for place in places):
                return torch.ops.aten.index(args[0], list(places))
        return func(*args, **(kwargs or {}))
