"""What libraries import from torch._dynamo.eval_frame."""

from __future__ import annotations

from typing import Any

from ..nn.modules.module import Module

__all__ = ["OptimizedModule"]


class OptimizedModule(Module):
    """What `torch.compile` makes of a module in PyTorch. Here it gives the module itself back, so that no module is one."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        raise NotImplementedError("torch._dynamo.eval_frame.OptimizedModule: there is no compiler")
