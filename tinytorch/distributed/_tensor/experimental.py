"""The former place of torch.distributed.tensor.experimental."""

from __future__ import annotations

from ..tensor import experimental as _experimental

globals().update({name: getattr(_experimental, name) for name in _experimental.__all__})
__all__ = list(_experimental.__all__)
