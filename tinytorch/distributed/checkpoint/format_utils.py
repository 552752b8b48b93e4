"""torch.distributed.checkpoint.format_utils."""

from __future__ import annotations

from ..._absent import absent

_NAMES = absent(
    "torch.distributed.checkpoint.format_utils",
    "checkpoints written by several processes",
    functions="""dcp_to_torch_save torch_save_to_dcp""",
)
globals().update(_NAMES)
__all__ = list(_NAMES)
