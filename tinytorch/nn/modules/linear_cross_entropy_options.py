"""How `linear_cross_entropy` cuts a batch into pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tinytorch as torch

__all__ = ["LinearCrossEntropyOptions"]

_POLICIES = ("accurate", "balanced", "compact", "auto")


@dataclass
class LinearCrossEntropyOptions:
    """The batch in pieces, so that logits (N, classes) never exist as a whole. Raises ValueError for options that are none.

    Source: torch's documentation, torch.nn.LinearCrossEntropyOptions.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: Any = "auto"
    acc_dtype: Any = None

    def __post_init__(self) -> None:
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")
        if self.acc_policy not in _POLICIES:
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        if self.chunking_method not in (None, "auto"):
            name, _, ratio = self.chunking_method.partition(":")
            if name != "aspect_ratio" or not ratio.isdecimal() or int(ratio) < 1:
                raise ValueError(f"invalid chunking_method: {self.chunking_method!r}")
        kinds = (None, torch.float16, torch.bfloat16, torch.float32, torch.float64)
        if not any(self.acc_dtype is kind for kind in kinds):
            raise ValueError(
                "acc_dtype must be one of {None, torch.float16, torch.bfloat16, torch.float32, torch.float64}, "
                f"got {self.acc_dtype!r}. Pass acc_dtype=None to let the op pick automatically."
            )

    def _adjust(self, rows: int, features: int, classes: int) -> int:
        """How many rows make a piece: as given, or so many that its logits take at most `ratio` times the memory of the input."""
        if self.batch_chunk_size is not None:
            return self.batch_chunk_size
        if self.chunking_method is None:
            return max(rows, 1)
        ratio = 2 if self.chunking_method == "auto" else int(self.chunking_method.partition(":")[2])
        return max(1, min(max(rows, 1), ratio * max(rows, 1) * features // max(classes, 1)))
