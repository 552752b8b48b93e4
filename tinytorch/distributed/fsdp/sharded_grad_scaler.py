"""torch.distributed.fsdp.sharded_grad_scaler."""

from __future__ import annotations

from ..._absent import absent

_NAMES = absent(
    "torch.distributed.fsdp.sharded_grad_scaler",
    "models spread over processes",
    classes="""ShardedGradScaler""",
)
globals().update(_NAMES)
__all__ = list(_NAMES)
