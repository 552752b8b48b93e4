"""The former place of torch.distributed.tensor."""

from __future__ import annotations

from .. import tensor as _tensor
from ..device_mesh import DeviceMesh, init_device_mesh

globals().update({name: getattr(_tensor, name) for name in _tensor.__all__})
__all__ = ["DeviceMesh", "init_device_mesh", *_tensor.__all__]
