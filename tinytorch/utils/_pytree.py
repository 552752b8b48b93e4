"""torch.utils._pytree: nested containers as trees. The engine's own modules, published where torch has it."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple

from .._core import pytree as _pytree
from .._core import pytree_nodes as _nodes

_published = {
    name: value for name, value in {**vars(_nodes), **vars(_pytree)}.items() if not name.startswith("__")
}
__all__ = list(_published)
globals().update(_published)

# The parts of the built-in containers' registration, under the names that libraries borrow for containers of their own.
for _name, _cls in (
    ("dict", dict),
    ("list", list),
    ("tuple", tuple),
    ("ordereddict", OrderedDict),
    ("odict", OrderedDict),
    ("defaultdict", defaultdict),
    ("deque", deque),
    ("namedtuple", namedtuple),
):
    _definition = _nodes.SUPPORTED_NODES[_cls]  # type: ignore[index]
    globals()[f"_{_name}_flatten"] = _definition.flatten_fn
    globals()[f"_{_name}_flatten_with_keys"] = _definition.flatten_with_keys_fn
    globals()[f"_{_name}_unflatten"] = _definition.unflatten_fn
