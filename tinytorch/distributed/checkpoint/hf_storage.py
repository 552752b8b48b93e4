"""torch.distributed.checkpoint.hf_storage."""

from __future__ import annotations

from ..._absent import absent

_NAMES = absent(
    "torch.distributed.checkpoint.hf_storage",
    "checkpoints written by several processes",
    classes="""HuggingFaceStorageReader HuggingFaceStorageWriter""",
)
globals().update(_NAMES)
__all__ = list(_NAMES)
