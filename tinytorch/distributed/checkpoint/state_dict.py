"""torch.distributed.checkpoint.state_dict."""

from __future__ import annotations

from ..._absent import absent

_NAMES = absent(
    "torch.distributed.checkpoint.state_dict",
    "checkpoints written by several processes",
    classes="""StateDictOptions""",
    functions="""get_model_state_dict get_optimizer_state_dict get_state_dict set_model_state_dict set_optimizer_state_dict
        set_state_dict""",
)
globals().update(_NAMES)
__all__ = list(_NAMES)
