"""The module of torch.distributed.fsdp that defines its classes."""

from . import *  # noqa: F403  (the same names)
