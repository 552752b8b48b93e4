"""The memory under tensors: torch.storage."""

from __future__ import annotations

import io
from typing import Any

from ._core.storages import UntypedStorage, _StorageBase
from ._core.storages import warn_removal as _warn_typed_storage_removal
from ._core.typed_storages import TypedStorage

__all__ = ["TypedStorage", "UntypedStorage"]

_INTERNAL = (_StorageBase, _warn_typed_storage_removal)


def _load_from_bytes(b: bytes) -> Any:
    """What plain pickles of tensors made by torch call: the storage that `torch.save` wrote into `b`."""
    from .serialization import load

    return load(io.BytesIO(b), weights_only=False)
