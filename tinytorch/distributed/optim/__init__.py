"""torch.distributed.optim: optimizers over several processes, which libraries ask for by name."""

from __future__ import annotations

from ..._absent import absent

_NAMES = absent(
    "torch.distributed.optim",
    "optimizers over several processes",
    classes="DistributedOptimizer PostLocalSGDOptimizer ZeroRedundancyOptimizer",
    functions="as_functional_optim",
)
globals().update(_NAMES)
__all__ = list(_NAMES)
