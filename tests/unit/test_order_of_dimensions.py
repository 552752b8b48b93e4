"""`Tensor.dim_order` of any strides, with and without questions about what is ambiguous."""

from __future__ import annotations

import random
from typing import Any

import torch as real

import tinytorch


def _tried(call: Any) -> Any:
    try:
        return call()
    except Exception as error:
        return type(error).__name__, str(error)


def _orders(torch: Any) -> list[Any]:
    drawn = random.Random(0)
    formats = [torch.contiguous_format, torch.channels_last, torch.preserve_format]
    found = []
    for _ in range(200):
        rank = drawn.randint(0, 5)
        shape = [drawn.choice([0, 1, 1, 2, 2, 3]) for _ in range(rank)]
        stride = [drawn.choice([0, 1, 1, 2, 3, 6, 6]) for _ in range(rank)]
        tensors = [torch.as_strided(torch.empty(200), shape, stride), torch.empty(shape)]
        if rank == 4:
            tensors.append(torch.empty(shape, memory_format=torch.channels_last))
        for tensor in tensors:
            found.append([tensor.dim_order()])
            for check in (True, [], formats[:1], formats[1:2], formats[:2], formats, "a", [1], None):
                found[-1].append(
                    _tried(lambda check=check, tensor=tensor: tensor.dim_order(ambiguity_check=check))
                )
    return found  # fmt: skip


def test_order_of_dimensions() -> None:
    assert _orders(tinytorch) == _orders(real)
