"""What libraries import from torch.distributed.tensor._utils."""

from __future__ import annotations

from ..._absent import absent

_NAMES = absent(
    "torch.distributed.tensor._utils",
    "tensors spread over processes",
    functions="""compute_local_shape_and_global_offset""",
)
globals().update(_NAMES)
__all__ = list(_NAMES)
