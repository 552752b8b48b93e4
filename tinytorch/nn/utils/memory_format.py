"""Weights of convolutions in another memory format."""

from __future__ import annotations

from typing import Any


def _convert(module: Any, memory_format: Any, ranks: dict[int, tuple[type, ...]]) -> Any:
    weight = getattr(module, "weight", None)
    if weight is not None and isinstance(module, ranks.get(weight.dim(), ())):
        module.weight.data = weight.detach().clone(memory_format=memory_format)
    for child in module.children():
        _convert(child, memory_format, ranks)
    return module


def convert_conv2d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """All Conv2d and ConvTranspose2d weights below `module` in `memory_format`."""
    from ..modules import Conv2d, ConvTranspose2d

    return _convert(module, memory_format, {4: (Conv2d, ConvTranspose2d)})


def convert_conv3d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """All Conv3d and ConvTranspose3d weights below `module` in `memory_format`."""
    from ..modules import Conv3d, ConvTranspose3d

    return _convert(module, memory_format, {5: (Conv3d, ConvTranspose3d)})
