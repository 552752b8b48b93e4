"""Shapes of all values of a graph, found by running it. Behaviour: torch.fx.passes.shape_prop."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..._core.dtypes import dtype as _dtype
from ..._core.layouts import channels_last, channels_last_3d, contiguous_format
from ..._core.layouts import memory_format as _memory_format
from ..._core.size import Size
from ..._core.tensor import Tensor
from ..interpreter import Interpreter
from ..node import Node, map_aggregate

__all__ = ["ShapeProp", "TensorMetadata"]


class TensorMetadata(NamedTuple):
    """What is known of a tensor without its numbers."""

    shape: Size
    dtype: _dtype
    requires_grad: bool
    stride: tuple[int, ...]
    memory_format: _memory_format | None
    is_quantized: bool
    qparams: dict[str, Any]


def _extract_tensor_metadata(result: Tensor, include_contiguity: bool = True) -> TensorMetadata:
    found = None
    if include_contiguity:
        formats = (contiguous_format, channels_last, channels_last_3d)
        ranks = {channels_last: 4, channels_last_3d: 5}
        for memory_format in formats:
            if ranks.get(memory_format, result.dim()) == result.dim() and result.is_contiguous(
                memory_format=memory_format
            ):
                found = memory_format
                break
    return TensorMetadata(
        result.shape,
        result.dtype,
        result.requires_grad,
        tuple(result.stride()),
        found,
        result.is_quantized,
        {},
    )


class ShapeProp(Interpreter):
    """Runs a graph and leaves, in the `meta` of every node, "tensor_meta" of the tensors in its value and "type" of the value."""

    __module__ = "torch.fx.passes.shape_prop"

    def run_node(self, n: Node) -> Any:
        result = super().run_node(n)
        found = False

        def extract(value: Any) -> Any:
            nonlocal found
            if isinstance(value, Tensor):
                found = True
                return _extract_tensor_metadata(value)
            return value

        meta = map_aggregate(result, extract)
        if found:
            n.meta["tensor_meta"] = meta
        n.meta["type"] = type(result)
        return result

    def propagate(self, *args: Any) -> Any:
        """Run on inputs; what the graph gives back."""
        return super().run(*args)
