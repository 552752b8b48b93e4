"""torch.distributed.fsdp.wrap: which parts of a model are spread."""

from __future__ import annotations

from ..._absent import absent

_NAMES = absent(
    "torch.distributed.fsdp.wrap",
    "models spread over processes",
    classes="""ModuleWrapPolicy CustomPolicy""",
    functions="""always_wrap_policy enable_wrap lambda_auto_wrap_policy size_based_auto_wrap_policy
        transformer_auto_wrap_policy wrap""",
)
globals().update(_NAMES)
__all__ = list(_NAMES)
