"""torch.distributed.rpc: calls of functions in other processes, of which there are none."""

from __future__ import annotations

from .._absent import absent

_NAMES = absent(
    "torch.distributed.rpc",
    "calls of functions in other processes",
    classes="BackendType RRef RpcBackendOptions TensorPipeRpcBackendOptions WorkerInfo",
    functions="get_worker_info init_rpc remote rpc_async rpc_sync shutdown",
)
globals().update(_NAMES)
__all__ = [*_NAMES, "is_available"]


def is_available() -> bool:
    """False."""
    return False
