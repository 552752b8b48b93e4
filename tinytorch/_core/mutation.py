"""Views and writing in place: shared version counters, and the history of a tensor that is overwritten.

Writing through a view rewrites the history of its base: a `CopySlices` node sends the part of the cotangent that lies in the view
through the operator, and the rest past it. Other views of the base notice by the version counter and derive their history anew
from the base when asked (`refresh`). Source of the behaviour: torch's "Autograd mechanics", section "In-place operations".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dispatch, dtypes, layout
from .declare import Operator, find
from .modes import modes
from .node import Node
from .tensor import VIEW, Tensor, counter_of, key_of, make

fresh = layout.copy


def wrap_view(base: Any, array: np.ndarray, creation: str | None) -> Tensor:
    """A view of `base` over `array`, which shares its memory; its history is recorded by the caller."""
    element_type = dtypes._BY_NUMBER[array.dtype.num]
    result: Tensor = object.__new__(Tensor)
    result._array = array
    result._key = element_type if array.flags.c_contiguous else element_type.strided
    result._requires_grad = VIEW
    result._edge = None
    result._grad = None
    counter = base._counter
    if counter is None:
        counter = base._counter = [0]
    result._counter = counter
    result._extra = None
    result._origin = counter[0]
    if base._base is None:
        result._base = base
    else:
        result._base = base._base
        creation = creation or base._creation
    result._creation = creation if modes.grad else "no_grad"
    return result


def attach(tensor: Any, node: Node, position: int | None) -> None:
    """Make `node` the history of `tensor`, its output number `position` (None: its only output)."""
    tensor._edge = node if position is None else (node, position)
    if tensor._base is None:
        tensor._requires_grad = True


def refresh(view: Any) -> bool:
    """Whether a view wants a gradient; brings its history up to date if its base was written to since."""
    version = view._counter[0]
    if version != view._origin:
        base = view._base
        if base._requires_grad:
            view._edge = _restride_node(view, base)
        else:
            view._edge = None
        view._origin = version
    return view._edge is not None


def _offset(array: np.ndarray, other: np.ndarray) -> int:
    """Elements from the start of `other` to the start of `array`, in units of `array`'s elements."""
    distance: int = array.__array_interface__["data"][0] - other.__array_interface__["data"][0]
    return distance // array.itemsize


def _restride_node(view: Any, base: Any) -> Node:
    """The history of `view` as a strided window of `base`."""
    return AsStridedBackward0(base, view)


class AsStridedBackward0(Node):
    """A view's history rebuilt from its base by strides alone."""

    __slots__ = ("base_shape", "base_strides", "offset", "strides")

    def __init__(self, base: Any, view: Any) -> None:
        super().__init__((base._edge or base,), view._array.shape, view._key.dtype)
        self.base_shape = base._array.shape
        self.base_strides = layout.element_strides(base._array)
        self.strides = layout.element_strides(view._array)
        self.offset = _offset(view._array, base._array)

    def _backward(self, *cotangents: Any) -> tuple[Any, ...]:
        (grad,) = cotangents
        if grad is None:
            return (None,)
        whole = strided_zeros(self.base_shape, self.base_strides, grad)
        window = find("as_strided").call(whole, self._shape, self.strides, self.offset)
        find("copy").inplace(window, grad)
        return (whole,)


def strided_zeros(shape: tuple[int, ...], strides: tuple[int, ...], like: Any) -> Tensor:
    """Zeros with the geometry of a base tensor, dense or not; `like` gives the dtype and, under a transformation, the level."""
    if like._key.special not in (None, "strided", "meta"):
        return dispatch.transforms["blank"](like, shape, strides)  # type: ignore[call-arg, arg-type, no-any-return]
    element_type = like._key.dtype
    if layout.is_dense(shape, strides):
        array = layout.empty(shape, strides, element_type.numpy)
        array[...] = 0
    else:
        array = np.zeros(shape, element_type.numpy)
    tensor: Tensor = make(Tensor, array, key_of(array))
    return tensor


class CopySlices(Node):
    """History of a base after an operator wrote through one of its views.

    edges: the base's former history, then the operator's other inputs.
    """

    __slots__ = ("base_dtype", "base_shape", "base_strides", "inner", "offset", "view_shape", "view_strides")

    def __init__(self, base: Any, view: Any, inner: Node) -> None:
        before = (base._edge or base) if base._requires_grad else None
        super().__init__((before, *inner._edges[1:]), base._array.shape, base._key.dtype)
        self.base_shape = base._array.shape
        self.base_strides = layout.element_strides(base._array)
        self.view_shape = view._array.shape
        self.view_strides = layout.element_strides(view._array)
        self.offset = _offset(view._array, base._array)
        self.inner = inner

    def _backward(self, *cotangents: Any) -> tuple[Any, ...]:
        (grad,) = cotangents
        if grad is None:
            return (None,) * len(self._edges)
        whole = strided_zeros(self.base_shape, self.base_strides, grad)
        find("copy").inplace(whole, grad)
        window = find("as_strided").call(whole, self.view_shape, self.view_strides, self.offset)
        inner = self.inner._backward(find("clone").call(window))
        if self._edges[0] is None:
            return (None, *inner[1:])
        if inner[0] is None:
            find("zero").inplace(window)
        else:
            find("copy").inplace(window, inner[0])
        return (whole, *inner[1:])

    def _release(self) -> None:
        self.inner._release()


def check_writable(tensor: Any) -> None:
    """Whether autograd lets `tensor` be overwritten now. Raises RuntimeError with torch's text if not."""
    if modes.grad:
        if tensor._requires_grad is VIEW:
            if tensor._creation is not None and (refresh(tensor) or tensor._creation == "multi"):
                _refuse_view(tensor)
            base = tensor._base
            if base._requires_grad and base._edge is None:
                raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
        elif tensor._requires_grad and tensor._edge is None:
            raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    extra = tensor._extra
    if extra is not None and extra.inference and not modes.inference:
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed."
            "You can make a clone to get a normal tensor before doing inplace update."
            "See https://github.com/pytorch/rfcs/pull/17 for more details."
        )


def _refuse_view(view: Any) -> None:
    function = view._edge
    output = 0
    if function.__class__ is tuple:
        function, output = function
    name = dispatch.operation_name(function) if function is not None else "None"
    prefix = f"Output {output} of {name} is a view and is being modified inplace. " if function is not None else (
        "A view is being modified inplace. "
    )
    if view._creation == "multi":
        if function is None:
            return
        raise RuntimeError(
            prefix + "This view is the output of a function that returns multiple views. Such functions do not allow the output "
            "views to be modified inplace. You should replace the inplace operation by an out-of-place one."
        )
    if view._creation == "no_grad":
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this use case is "
            "ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both "
            "inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to be "
            "tracked)."
        )


def stand_in(tensor: Any, copy: bool) -> Tensor:
    """`tensor` as it was before being overwritten: same history, and its old elements if `copy`."""
    array = layout.copy(tensor._array) if copy else tensor._array
    twin: Tensor = make(Tensor, array, tensor._key)
    twin._requires_grad = bool(refresh(tensor) if tensor._requires_grad is VIEW else tensor._requires_grad)
    twin._edge = tensor._edge
    return twin


def bump(tensor: Any) -> None:
    """Note that `tensor`'s elements changed."""
    counter_of(tensor)[0] += 1


def rebase(tensor: Any, node: Node, position: int | None = None) -> None:
    """Make `node` the history of `tensor` after it was overwritten; through a view, of its base as well."""
    base = tensor._base
    if base is None:
        tensor._edge = node if position is None else (node, position)
        tensor._requires_grad = True
        return
    slices = CopySlices(base, tensor, node)
    rebase(base, slices)
    tensor._edge = None
    tensor._origin = -1  # derived anew from the base when next asked


def run_inplace(operator: Operator, args: tuple[Any, ...]) -> Any:
    """The in-place form of `operator`: compute, then write into `args[0]` and its history, all or nothing."""
    return dispatch.inplace(operator, args)


def write_history(operator: Operator, self: Any, before: Tensor | None, args: tuple[Any, ...]) -> None:
    """Record that `operator` overwrote `self`; `before` stands for its former value in the formulas."""
    record = operator.compiled.record
    if record is None or before is None:
        return
    probe = make(Tensor, self._array, self._key)
    probe._counter = self._counter
    record(probe, before, *args[1:])
    if probe._edge is not None:
        name = operator.options.get("inplace_node")
        if name is not None:
            renamed(probe._edge, name)
        rebase(self, probe._edge)


_renamed: dict[tuple[type, str], type] = {}


def renamed(node: Node, name: str) -> None:
    """Call `node` by another name: torch numbers the nodes of in-place forms apart."""
    cls = type(node)
    found = _renamed.get((cls, name))
    if found is None:
        found = _renamed[(cls, name)] = type(cls)(name, (cls,), {"__slots__": (), "__module__": cls.__module__})
    node.__class__ = found  # type: ignore[assignment]
