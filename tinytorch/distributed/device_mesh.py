"""torch.distributed.device_mesh: arrangements of processes, of which there is one here."""

from __future__ import annotations

from .._absent import absent

_NAMES = absent(
    "torch.distributed.device_mesh",
    "meshes of processes",
    classes="""DeviceMesh""",
    functions="""init_device_mesh""",
)
globals().update(_NAMES)
__all__ = list(_NAMES)
