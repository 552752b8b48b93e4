"""The Tensor class: what a tensor is to the engine. Operators are attached to it by the declarations.

A tensor is an ndarray (`_array`, whose strides are the tensor's strides) and its place in the autograd graph:

_array          the elements; views share memory as ndarrays do.
_key            the dtype itself if the tensor is plain, has elements, and lies exactly in rows, else a `Key` (see dtypes.py).
_requires_grad  False, True, or VIEW: a view's answer depends on its base and is worked out by `refresh`.
_edge           what the graph refers to: the node that made this tensor, or (node, output number), or None.
_grad           the accumulated gradient of a leaf.
_counter        [version], shared with all views; None while nobody shares it and nothing wrote in place.
_base           the tensor this one is a view of (never itself a view), or None.
_extra          hooks and other rarities, made when first needed.
_origin         views only: the version at which `_edge` was right.
_creation       views only: None, or what makes writing through this view impossible ("multi", "no_grad", "inference").
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np

from . import dtypes
from .dtypes import Key, dtype
from .layout import exactly_in_rows, in_rows, settled
from .modes import register_plain

VIEW: Any = type("View", (), {"__repr__": lambda self: "VIEW", "__slots__": ()})()


class Extra:
    """What few tensors have: hooks, a retained gradient or one of another type, a name, a flag of inference mode."""

    __slots__ = (
        "accumulator",
        "gradient_type",
        "hooks",
        "inference",
        "name",
        "node_hooks",
        "post_accumulate",
        "retains_grad",
    )

    def __init__(self) -> None:
        self.accumulator: Any = None
        # the element type of `.grad`: `...` is the tensor's own, None whichever arrives
        self.gradient_type: Any = ...
        self.hooks: dict[int, Any] | None = None
        self.inference = False
        self.name: str | None = None
        self.node_hooks: Any = None
        self.post_accumulate: dict[int, Any] | None = None
        self.retains_grad = False


class TensorMeta(type):
    """The class of Tensor; `isinstance` does not ask further."""

    def __instancecheck__(cls, instance: object) -> bool:
        return type.__instancecheck__(cls, instance)


class TensorBase:
    """Storage slots of a tensor; see the module's text."""

    __module__ = "torch._C"
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_array",
        "_base",
        "_counter",
        "_creation",
        "_edge",
        "_extra",
        "_grad",
        "_key",
        "_origin",
        "_requires_grad",
    )

    _array: np.ndarray
    _base: Any
    _counter: list[int] | None
    _creation: str | None
    _edge: Any
    _extra: Extra | None
    _grad: Any
    _key: dtype | Key
    _origin: int
    _requires_grad: Any

    #: A leaf in an edge list counts as a node without outputs.
    _arity = 0
    #: Whether the elements are an array with strides; sparse tensors, which are assembled from others, say no.
    _is_strided = True


#: Told of every class derived from Tensor.
subclass_listener: list[Any] = []


def key_of(array: np.ndarray) -> dtype | Key:
    """The key of a CPU tensor whose elements are `array`."""
    element_type = dtypes.from_numpy(array.dtype)
    return element_type if in_rows(array) else element_type._strided


def make(cls: type, array: np.ndarray, key: dtype | Key) -> Any:
    """A tensor of class `cls` without history."""
    tensor: Any = object.__new__(cls)
    tensor._array = array
    tensor._key = key
    tensor._requires_grad = False
    tensor._edge = None
    tensor._grad = None
    tensor._counter = None
    tensor._base = None
    tensor._extra = None
    return tensor


def counter_of(tensor: Any) -> list[int]:
    """The version counter of `tensor`, made now if it was not yet needed."""
    counter: list[int] | None = tensor._counter
    if counter is None:
        counter = tensor._counter = [0]
    return counter


def extra_of(tensor: Any) -> Extra:
    """The rarities of `tensor`, made now if it had none."""
    extra: Extra | None = tensor._extra
    if extra is None:
        extra = tensor._extra = Extra()
    return extra


def set_array(tensor: Any, array: np.ndarray) -> None:
    """Give `tensor` other elements; its class, history and identity stay."""
    tensor._array = array
    if tensor._key._special == "lazy":
        return  # it goes on reading what it looks at in the same way
    tensor._key = key_of(array) if tensor._key._special != "meta" else dtypes.from_numpy(array.dtype)._meta


from .tensor_autograd import AutogradMembers  # noqa: E402  (mixins need the helpers above)
from .tensor_bridge import BridgeMembers  # noqa: E402
from .tensor_properties import PropertyMembers, protect  # noqa: E402


class Tensor(PropertyMembers, AutogradMembers, BridgeMembers, TensorBase, metaclass=TensorMeta):
    """A multi-dimensional matrix of one element type. Source: torch's documentation, "torch.Tensor"."""

    __module__ = "torch"
    __slots__ = ()

    __hash__ = PropertyMembers.__hash__

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for listener in subclass_listener:
            listener(cls)


for _mixin in Tensor.__mro__[1:-1]:
    for _name, _member in vars(_mixin).items():
        if isinstance(_member, FunctionType):
            _member.__qualname__ = f"Tensor.{_name}"  # what texts about wrong calls show

register_plain(Tensor)
protect(AutogradMembers)


def wrap(array: np.ndarray) -> Tensor:
    """A CPU tensor over `array`, without history. Raises TypeError if torch has no such element type."""
    element_type = dtypes._BY_NUMBER[array.dtype.num]
    tensor: Tensor = object.__new__(Tensor)
    tensor._key = element_type
    if not array.flags.c_contiguous:
        tensor._key = element_type._strided
    elif not array.size:
        array = settled(array)
        tensor._key = element_type._strided
    elif 1 in array.shape and not exactly_in_rows(array):
        tensor._key = element_type._strided
    tensor._array = array
    tensor._requires_grad = False
    tensor._edge = None
    tensor._grad = None
    tensor._counter = None
    tensor._base = None
    tensor._extra = None
    return tensor
