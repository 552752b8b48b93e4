"""torch.distributed.checkpoint.default_planner."""

from __future__ import annotations

from ..._absent import absent

_NAMES = absent(
    "torch.distributed.checkpoint.default_planner",
    "checkpoints written by several processes",
    classes="""DefaultLoadPlanner DefaultSavePlanner""",
)
globals().update(_NAMES)
__all__ = list(_NAMES)
