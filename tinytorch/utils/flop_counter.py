"""torch.utils.flop_counter: counts of floating point operations, which are not implemented."""

from __future__ import annotations

from .._absent import absent

_NAMES = absent(
    "torch.utils.flop_counter",
    "counts of operations",
    classes="FlopCounterMode",
    functions="register_flop_formula",
)
globals().update(_NAMES)
__all__ = list(_NAMES)
