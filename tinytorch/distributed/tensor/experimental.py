"""torch.distributed.tensor.experimental: names that libraries import; there are no tensors spread over processes to use them on."""

from __future__ import annotations

from ..._absent import absent

_NAMES = absent(
    "torch.distributed.tensor.experimental",
    "tensors spread over processes",
    functions="context_parallel implicit_replication local_map register_sharding",
)
globals().update(_NAMES)
__all__ = list(_NAMES)
