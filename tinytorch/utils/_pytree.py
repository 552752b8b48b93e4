"""torch.utils._pytree: nested containers as trees. The engine's own module, published where torch has it."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque

from .._core import pytree as _pytree
from .._core.pytree import *  # noqa: F403  (every public name)

__all__ = [name for name in dir(_pytree) if not name.startswith("__")]
globals().update({name: getattr(_pytree, name) for name in __all__})

# The parts of the built-in containers' registration, under the names that libraries borrow for containers of their own.
for _name, _cls in (
    ("dict", dict),
    ("list", list),
    ("tuple", tuple),
    ("ordereddict", OrderedDict),
    ("odict", OrderedDict),
    ("defaultdict", defaultdict),
    ("deque", deque),
):
    _definition = _pytree.SUPPORTED_NODES[_cls]
    globals()[f"_{_name}_flatten"] = _definition.flatten_fn
    globals()[f"_{_name}_flatten_with_keys"] = _definition.flatten_with_keys_fn
    globals()[f"_{_name}_unflatten"] = _definition.unflatten_fn
