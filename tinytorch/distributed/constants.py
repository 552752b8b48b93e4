"""torch.distributed.constants."""

from __future__ import annotations

from datetime import timedelta

__all__ = ["default_pg_nccl_timeout", "default_pg_timeout"]

#: How long a collective waits for others.
default_pg_timeout = timedelta(seconds=1800)
default_pg_nccl_timeout = None
