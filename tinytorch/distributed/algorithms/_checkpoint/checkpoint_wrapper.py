"""torch.distributed.algorithms._checkpoint.checkpoint_wrapper."""

from __future__ import annotations

from ...._absent import absent

_NAMES = absent(
    "torch.distributed.algorithms._checkpoint.checkpoint_wrapper",
    "models spread over processes",
    classes="""CheckpointImpl CheckpointWrapper""",
    functions="""apply_activation_checkpointing checkpoint_wrapper""",
)
globals().update(_NAMES)
__all__ = list(_NAMES)
