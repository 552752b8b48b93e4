"""Two tensors change places: every reference to the one finds the other from then on."""

from __future__ import annotations

import copyreg
import gc
import weakref
from typing import Any

from .node import Node
from .tensor import Tensor, TensorBase

#: What makes a tensor, except for its class and its attributes.
_SLOTS = tuple(name for name in TensorBase.__slots__ if not name.startswith("__"))


def swap_tensors(t1: Any, t2: Any) -> None:
    """Swap everything two tensors are: class, attributes, memory, gradient and history.

    Raises RuntimeError if something refers to one of them weakly, or if their classes have different slots; NotImplementedError if a
    recorded graph leads to one of them or keeps it. Source: torch's documentation, torch.utils.swap_tensors.
    """
    for name, tensor in (("t1", t1), ("t2", t2)):
        if weakref.getweakrefs(tensor):
            raise RuntimeError(f"Cannot swap {name} because it has weakref associated with it")
    slots = set(copyreg._slotnames(t1.__class__))  # type: ignore[attr-defined]
    if slots != set(copyreg._slotnames(t2.__class__)):  # type: ignore[attr-defined]
        raise RuntimeError("Cannot swap t1 and t2 if they have different slots")
    for tensor in (t1, t2):
        if _in_a_graph(tensor):
            raise NotImplementedError("torch.utils.swap_tensors: a tensor that a recorded graph refers to")
    t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    t1.__dict__, t2.__dict__ = t2.__dict__, t1.__dict__
    for name in slots | set(_SLOTS):
        _swap_slot(name, t1, t2)


def _swap_slot(name: str, t1: Any, t2: Any) -> None:
    held = [(hasattr(tensor, name), getattr(tensor, name, None)) for tensor in (t1, t2)]
    for tensor, (present, value) in ((t1, held[1]), (t2, held[0])):
        if present:
            object.__setattr__(tensor, name, value)
        elif hasattr(tensor, name):
            object.__delattr__(tensor, name)


def _in_a_graph(tensor: Tensor) -> bool:
    """Whether a node holds the tensor: as what it saved, or as the leaf at the end of an edge. Graphs know tensors by identity."""
    for holder in gc.get_referrers(tensor):
        if isinstance(holder, Node):
            return True
        if isinstance(holder, tuple | list) and any(isinstance(h, Node) for h in gc.get_referrers(holder)):
            return True
    return False
