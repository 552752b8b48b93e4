"""torch.distributed.fsdp: models spread over processes. There is one process: its names exist for programs that ask for them."""

from __future__ import annotations

from ..._absent import absent

_NAMES = absent(
    "torch.distributed.fsdp",
    "models spread over processes",
    classes="""BackwardPrefetch CPUOffload CPUOffloadPolicy FSDPModule FullOptimStateDictConfig FullStateDictConfig
        FullyShardedDataParallel LocalOptimStateDictConfig LocalStateDictConfig MixedPrecision MixedPrecisionPolicy
        OffloadPolicy OptimStateDictConfig OptimStateKeyType ShardedOptimStateDictConfig ShardedStateDictConfig
        ShardingStrategy StateDictConfig StateDictSettings StateDictType UnshardHandle""",
    functions="""fully_shard register_fsdp_forward_method""",
)
globals().update(_NAMES)
__all__ = list(_NAMES)
