"""torch.distributed.checkpoint: checkpoints written by several processes. `torch.save` writes those of one."""

from __future__ import annotations

from ..._absent import absent

_NAMES = absent(
    "torch.distributed.checkpoint",
    "checkpoints written by several processes",
    classes="""DefaultLoadPlanner DefaultSavePlanner FileSystemReader FileSystemWriter LoadPlan LoadPlanner SavePlan
        SavePlanner StorageReader StorageWriter""",
    functions="""async_save load load_state_dict save save_state_dict""",
)
globals().update(_NAMES)
__all__ = list(_NAMES)
