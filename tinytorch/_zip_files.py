"""torch.PyTorchFileReader and its like: the readers of checkpoint archives, which programs name in annotations. `torch.load` reads."""

from __future__ import annotations

from ._absent import absent

_NAMES = absent(
    "torch", "readers of archives without torch.load", classes="PyTorchFileReader PyTorchFileWriter"
)
globals().update(_NAMES)
__all__ = list(_NAMES)
