"""Views and writing in place: shared version counters, and the history of a tensor that is overwritten.

Writing through a view rewrites the history of its base: a `CopySlices` node sends the part of the cotangent that lies in the view
through the operator, and the rest past it. Other views of the base notice by the version counter and derive their history anew
from the base when asked (`refresh`). Source of the behaviour: torch's "Autograd mechanics", section "In-place operations".
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any, NoReturn

import numpy as np

from . import dispatch, dtypes, layout
from .declare import Operator, find
from .gradients import conform
from .graph import edge_of
from .modes import modes, next_number
from .node import Node
from .tensor import VIEW, Tensor, counter_of, extra_of, key_of, make

fresh = layout.copy


def wrap_view(base: Any, array: np.ndarray, creation: str | None) -> Tensor:
    """A view of `base` over `array`, which shares its memory; its history is recorded by the caller."""
    element_type = dtypes._BY_NUMBER[array.dtype.num]
    result: Tensor = object.__new__(Tensor)
    result._array = array
    result._key = element_type if layout.in_rows(array) else element_type._strided
    result._requires_grad = VIEW
    result._edge = None
    result._grad = None
    counter = base._counter
    if counter is None:
        counter = base._counter = [0]
    result._counter = counter
    result._extra = None
    if counter.__class__ is InferenceCounter:
        _inference_view(result)
        return result
    result._origin = counter[0]
    if base._base is None:
        result._base = base
    else:
        result._base = base._base
        creation = creation or base._creation
    result._creation = creation if modes.grad else "inference" if modes.inference else "no_grad"
    return result


def part(view: Any) -> None:
    """Make `view` a tensor of its own that only shares memory, and the count of writes to it."""
    view._base, view._creation, view._requires_grad = None, None, False


class InferenceCounter(list):  # type: ignore[type-arg]
    """The version counter of tensors made in inference mode: it counts nothing, and recording code that reads it is told so."""

    def __getitem__(self, index: Any) -> Any:
        if modes.inference or index == -1:
            return 0
        raise RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation tracked by "
            "autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, or use `torch.no_grad()` "
            "instead of `torch.inference_mode()`."
        )

    def __setitem__(self, index: Any, value: Any) -> None:
        pass


def mark_inference(tensor: Any) -> None:
    """Make `tensor` one of inference mode: no version counter, no views tracked."""
    if tensor._counter.__class__ is not InferenceCounter:
        tensor._counter = InferenceCounter([0])
    tensor._base = None
    if tensor._requires_grad is VIEW:
        tensor._requires_grad = False
    extra_of(tensor).inference = True


def mark_results(results: Any, args: Iterable[Any]) -> Any:
    """Mark what a call in inference mode made anew; arguments that come back, and views of ordinary tensors, stay what they are."""
    known: set[int] = set()

    def learn(values: Iterable[Any]) -> None:
        for value in values:
            if isinstance(value, Tensor):
                known.add(id(value))
                if value._base is not None:
                    known.add(id(value._base))
            elif value.__class__ in (tuple, list):
                learn(value)

    learn(args)

    def mark(value: Any) -> None:
        if isinstance(value, Tensor):
            if id(value) not in known and (value._base is None or id(value._base) not in known):
                base = value._base
                if base is not None:
                    mark_inference(base)
                    value._counter = base._counter
                mark_inference(value)
        elif isinstance(value, tuple | list):
            for item in value:
                mark(item)

    mark(results)
    return results


def _inference_view(result: Any) -> None:
    result._requires_grad = False
    result._base = None
    extra_of(result).inference = True


def attach(tensor: Any, node: Node, position: int | None) -> None:
    """Make `node` the history of `tensor`, its output number `position` (None: its only output)."""
    tensor._edge = node if position is None else (node, position)
    if tensor._base is None:
        tensor._requires_grad = True


def wants(tensor: Any) -> bool:
    """Whether `tensor` wants a gradient; its history may be out of date."""
    flag = tensor._requires_grad
    if flag is VIEW:
        return tensor._edge is not None or tensor._base._requires_grad is True
    return flag  # type: ignore[no-any-return]


def refresh(view: Any) -> bool:
    """Whether a view wants a gradient; brings its history up to date if its base was written to since.

    Raises RuntimeError with torch's text if the view was made where its history cannot be derived anew.
    """
    base = view._base
    version = view._counter[-1]
    if version != view._origin:
        if view._edge is None and not base._requires_grad:
            view._origin = version
            return False
        if view._creation is not None:
            _refuse_view(view, indirect=True)
        view._edge = AsStridedBackward0(base, view)
        if base._key._dtype.is_complex is not view._key._dtype.is_complex:  # torch looks again as it did
            renamed(
                view._edge, "ViewAsRealBackward0" if base._key._dtype.is_complex else "ViewAsComplexBackward0"
            )
        view._origin = version
    return view._edge is not None or base._requires_grad is True


def _offset(array: np.ndarray, other: np.ndarray) -> int:
    """Elements from the start of `other` to the start of `array`, in units of `array`'s elements."""
    distance: int = array.__array_interface__["data"][0] - other.__array_interface__["data"][0]
    return distance // array.itemsize


class AsStridedBackward0(Node):
    """A view's history rebuilt from its base by strides alone."""

    __slots__ = ("base_dtype", "base_shape", "base_strides", "key", "offset", "strides")

    def __init__(self, base: Any, view: Any) -> None:
        super().__init__(
            ((base._edge or base) if base._requires_grad else None,), view._array.shape, view._key._dtype
        )
        self.base_dtype = base._key._dtype
        self.base_shape = base._array.shape
        self.base_strides = layout.element_strides(base._array)
        self.strides = layout.element_strides(view._array)
        self.offset = _offset(view._array, base._array)
        self.key = view._key

    def _backward(self, edges: tuple[Any, ...], *cotangents: Any) -> tuple[Any, ...]:
        (grad,) = cotangents
        if grad is None:
            return (None,)
        whole = strided_zeros(self.base_shape, self.base_strides, self.base_dtype, grad)
        if overlapping(self._shape, self.strides):
            return (self._summed(whole, grad),)
        window = window_of(whole, grad._key._dtype, self._shape, self.strides, self.offset, self.key)
        find("copy").inplace(window, grad)
        return (whole,)

    def _summed(self, whole: Any, grad: Any) -> Any:
        """The cotangent where the window shows elements several times: each sighting contributes."""
        if grad._key._dtype is not whole._key._dtype or not layout.is_dense(
            self.base_shape, self.base_strides
        ):
            raise NotImplementedError(
                "derivative of an overlapping view of a tensor with gaps or another element type, written in place"
            )
        places = np.full((), self.offset, np.int64)
        for size, step in zip(self._shape, self.strides, strict=True):
            places = places[..., None] + np.arange(size, dtype=np.int64) * step
        index = make(Tensor, places.reshape(-1), dtypes.int64)
        flat = find("as_strided").call(whole, (whole._array.size,), (1,), 0)
        summed = find("index_add").call(flat, 0, index, grad.reshape(-1), 1)
        return find("as_strided").call(summed, self.base_shape, self.base_strides, 0)


def overlapping(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether two indices may show the same element."""
    reach = 0
    for step, size in sorted((step, size) for size, step in zip(shape, strides, strict=True) if size > 1):
        if step <= reach:
            return True
        reach += step * (size - 1)
    return False


def window_of(
    whole: Any,
    element_type: Any,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    offset: int,
    key: Any = None,
) -> Any:
    """A strided window on `whole`; it may see complex numbers as pairs of real ones, or pairs as complex numbers, and as `key` reads them."""
    if key is not None and key._special == "lazy":
        from .lazy import looking

        return looking(window_of(whole, element_type, shape, strides, offset), key)
    own = whole._key._dtype
    as_strided = find("as_strided").call
    if own._category == "complex" and element_type._category != "complex":
        return as_strided(find("view_as_real").call(whole), shape, strides, offset)
    if own._category != "complex" and element_type._category == "complex":
        doubled = tuple([2 * step for step in strides])
        return find("view_as_complex").call(as_strided(whole, (*shape, 2), (*doubled, 1), 2 * offset))
    return as_strided(whole, shape, strides, offset)


def strided_zeros(shape: tuple[int, ...], strides: tuple[int, ...], element_type: Any, like: Any) -> Tensor:
    """Zeros with the geometry of a base tensor, dense or not; `like` gives, under a transformation, the level."""
    if like._key._special not in (None, "strided", "meta", "lazy"):
        return dispatch.transforms["blank"](like, shape, strides)  # type: ignore[call-arg, no-any-return]
    if layout.is_dense(shape, strides):
        array = layout.empty(shape, strides, element_type._numpy)
        array[...] = 0
    else:
        array = np.zeros(shape, element_type._numpy)
    tensor: Tensor = make(Tensor, array, key_of(array))
    return tensor


class CopySlices(Node):
    """History of a base after an operator wrote through one of its views.

    edges: the base's former history, then the operator's other inputs.
    """

    __slots__ = (
        "base_shape",
        "base_strides",
        "inner",
        "offset",
        "shown",
        "view_dtype",
        "view_key",
        "view_shape",
        "view_strides",
    )

    def __init__(self, base: Any, view: Any, inner: Node) -> None:
        before = (base._edge or base) if base._requires_grad else None
        super().__init__((before, *inner._edges[1:]), base._array.shape, base._key._dtype)
        self.base_shape = base._array.shape
        self.base_strides = layout.element_strides(base._array)
        self.view_shape = view._array.shape
        self.view_dtype = view._key._dtype
        self.view_key = view._key
        self.view_strides = layout.element_strides(view._array)
        self.offset = _offset(view._array, base._array)
        self.inner = inner
        self.shown: Any = None

    def _backward(self, edges: tuple[Any, ...], *cotangents: Any) -> tuple[Any, ...]:
        (grad,) = cotangents
        if grad is None:
            return (None,) * len(edges)
        whole = strided_zeros(self.base_shape, self.base_strides, grad._key._dtype, grad)
        find("copy").inplace(whole, grad)
        window = window_of(
            whole, self.view_dtype, self.view_shape, self.view_strides, self.offset, self.view_key
        )
        inner = self._inner_cotangents(edges, find("clone").call(window))
        if edges[0] is None:
            return (None, *inner[1:])
        if inner[0] is None:
            find("zero").inplace(window)
        else:
            find("copy").inplace(window, conform(inner[0], self.view_shape, self.view_dtype, self.inner, 0))
        return (whole, *inner[1:])

    def _inner_cotangents(self, edges: tuple[Any, ...], grad: Any) -> tuple[Any, ...]:
        """The operator's own derivative. Where it is to be differentiated again, a saved result is a window on what this node made."""
        inner = self.inner
        edges = (None if edges[0] is None else inner._edges[0], *edges[1:])
        for name, _ in inner._saved_results:
            counter, version = (
                getattr(inner, "counter_" + name, None),
                getattr(inner, "version_" + name, None),
            )
            if not inner._released and counter is not None and counter[-1] != version:
                saved = getattr(inner, "saved_" + name)
                window = self.shown() if self.shown is not None else None
                if isinstance(
                    saved, np.ndarray
                ):  # torch names the view it was saved from, while that history lives
                    dispatch.raise_stale(saved, self.view_dtype, window or inner, counter[-1], version or 0)
        if not modes.grad or not inner._saved_results:
            return tuple(inner._backward(edges, grad))
        stand_in_node = _copy_of(inner)
        cotangents = stand_in_node._backward(edges, grad)
        window = AsStridedBackward0.__new__(AsStridedBackward0)
        Node.__init__(window, (self,), self.view_shape, self.view_dtype)
        window.base_dtype, window.base_shape, window.base_strides = (
            self._dtype,
            self.base_shape,
            self.base_strides,
        )
        window.strides, window.offset, window.key = self.view_strides, self.offset, self.view_key
        stand_in_node._edges = (window,)
        stand_in_node.__class__ = _passing(type(stand_in_node))
        return tuple(cotangents)

    def _release(self) -> None:
        self.inner._release()


def _copy_of(node: Any) -> Any:
    """Another node that holds the same."""
    cls = type(node)
    twin = object.__new__(cls)
    for owner in cls.__mro__:
        for slot in getattr(owner, "__slots__", ()):
            if slot != "__weakref__" and hasattr(node, slot):
                setattr(twin, slot, getattr(node, slot))
    twin._number = next_number()
    return twin


_passing_classes: dict[type, Any] = {}


def _passing(cls: Any) -> Any:
    """`cls` turned into a node that hands its cotangent on."""
    found = _passing_classes.get(cls)
    if found is None:
        members = {
            "__slots__": (),
            "_backward": lambda node, edges, grad: (grad,),
            "_flow": Node._flow,
            "_release": lambda node: None,
            "__module__": cls.__module__,
        }
        found = _passing_classes[cls] = type(cls)(cls.__name__, (cls,), members)
    return found


def check_writable(tensor: Any, recording: bool | None = None) -> None:
    """Whether autograd lets `tensor` be overwritten now. `recording`: whether an operand wants a gradient, default `tensor` alone.

    Raises RuntimeError with torch's text if not.
    """
    if modes.grad:
        view = tensor._base is not None
        own = wants(tensor)
        if own or recording:
            if view:
                if tensor._creation is not None:
                    _refuse_view(tensor, indirect=False)
                if own and tensor._base._edge is None:
                    raise RuntimeError(
                        "a view of a leaf Variable that requires grad is being used in an in-place operation."
                    )
                if tensor._requires_grad is VIEW:
                    refresh(tensor)
            if own and tensor._edge is None:
                raise RuntimeError(
                    "a leaf Variable that requires grad is being used in an in-place operation."
                )


_MODES = {"no_grad": "no_grad", "inference": "inference_mode"}


def _refuse_view(view: Any, indirect: bool) -> NoReturn:
    """A view whose history cannot be derived anew is written to, itself or (`indirect`) through another view of its base."""
    creation = view._creation
    edge = view._edge
    what = "its base or another view of its base has been" if indirect else "is being"
    function, output = edge if edge.__class__ is tuple else (edge, 0)
    name = None if function is None else dispatch.operation_name(function)
    if function is None or creation in _MODES:
        prefix = (
            "A view was created in"
            if function is None
            else f"Output {output} of {name} is a view of a view which was created in"
        )
        if creation == "inference":
            text = f"{prefix} inference mode and {what} modified inplace in normal mode."
        else:
            text = f"{prefix} no_grad mode and {what} modified inplace with grad mode enabled."
    else:
        text = f"Output {output} of {name} is a view and {what} modified inplace."
    if creation == "multi":
        text += (
            " This view is the output of a function that returns multiple views. Such functions do not allow the output views to be modified "
            "inplace. You should replace the inplace operation by an out-of-place one."
        )
    elif creation in _MODES:
        mode = _MODES[creation]
        text += (
            " Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the "
            f"inplace either both inside the {mode} block (if you don't want the inplace to be tracked) or both outside (if you want the inplace "
            "to be tracked)."
        )
    else:
        text += (
            " This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic to handle "
            "view+inplace would override the custom backward associated with the custom Function, leading to incorrect gradients. This behavior "
            "is forbidden. You can fix this by cloning the output of the custom Function."
        )
    raise RuntimeError(text)


def stand_in(tensor: Any, copy: bool) -> Tensor:
    """`tensor` as it was before being overwritten: same history, and its old elements if `copy`."""
    array = layout.copy(tensor._array) if copy else tensor._array
    twin: Tensor = make(Tensor, array, tensor._key)
    twin._requires_grad = bool(refresh(tensor) if tensor._requires_grad is VIEW else tensor._requires_grad)
    twin._edge = tensor._edge
    return twin


def as_was(value: Any, written: Any) -> Any:
    """An operand whose history is to be what it is now: views of the memory that is about to be `written` would derive theirs anew."""
    if (
        value is written
        or not isinstance(value, Tensor)
        or value._requires_grad is not VIEW
        or value._counter is not written._counter
    ):
        return value
    twin = stand_in(value, False)
    twin._counter = value._counter
    return twin


def self_as_was(tensor: Any, before: Any) -> Tensor:
    """`tensor` as another operand of the operator that overwrites it: same memory and counter, its former history."""
    twin: Tensor = make(Tensor, tensor._array, tensor._key)
    twin._counter = counter_of(tensor)
    twin._requires_grad, twin._edge = before._requires_grad, before._edge
    return twin


def _date_back(node: Any, counter: Any, first: str) -> None:
    """Operands in the memory just overwritten were saved as they were before: using them will raise."""
    node = node[0] if node.__class__ is tuple else node
    for name in node._saved_inputs:
        saved = getattr(node, "saved_" + name)
        if name != first and isinstance(saved, Tensor) and saved._counter is counter:
            setattr(node, "version_" + name, getattr(node, "version_" + name) - 1)


def bump(tensor: Any) -> None:
    """Note that `tensor`'s elements changed. Raises RuntimeError for a tensor of inference mode outside of it: as in torch, too late."""
    counter = counter_of(tensor)
    if counter.__class__ is not InferenceCounter:
        counter[0] += 1
    elif not modes.inference:
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed."
            "You can make a clone to get a normal tensor before doing inplace update."
            "See https://github.com/pytorch/rfcs/pull/17 for more details."
        )


def rebase(tensor: Any, node: Node, position: int | None = None) -> None:
    """Make `node` the history of `tensor` after it was overwritten; through a view, of its base as well."""
    base = tensor._base
    if base is None:
        edge = tensor._edge
        tensor._edge = node if position is None else (node, position)
        tensor._requires_grad = True
        if tensor._extra is not None and tensor._extra.retains_grad and edge is not None:
            _move_retained(edge, tensor, node, position or 0)
        return
    if tensor._requires_grad is not VIEW:
        tensor._requires_grad = VIEW
    slices = CopySlices(base, tensor, node)
    rebase(base, slices)
    edge = tensor._edge
    tensor._edge = None
    tensor._origin = -1
    refresh(tensor)
    slices.shown = weakref.ref(tensor._edge)
    if tensor._extra is not None and tensor._extra.retains_grad and edge is not None:
        _move_retained(edge, tensor, tensor._edge, 0)


def _move_retained(edge: Any, tensor: Any, node: Any, position: int) -> None:
    """A retained gradient is that of the tensor as it is now; hooks stay with what they were registered on."""
    former, number = edge if edge.__class__ is tuple else (edge, 0)
    retained = former._extra.retained if former._extra is not None else None
    if retained and number in retained:
        extra = node._rarities()
        if extra.retained is None:
            extra.retained = {}
        extra.retained[position] = retained.pop(number)


def run_inplace(operator: Operator, args: tuple[Any, ...]) -> Any:
    """The in-place form of `operator`: compute, then write into `args[0]` and its history, all or nothing."""
    return dispatch.inplace(operator, args)


def write_history(operator: Operator, self: Any, before: Tensor | None, args: tuple[Any, ...]) -> None:
    """Record that `operator` overwrote `self`; `before` stands for its former value in the formulas."""
    record = operator.compiled.record
    if record is None or before is None:
        return
    key = self._key
    if key._dtype._category not in ("float", "complex"):
        if operator.options.get("forgets"):
            return
        key = dtypes.float32  # whole numbers get a history, too, which nothing can be done with
    elif operator.options.get("real_history"):
        key = dtypes.float32  # what is refused in place is not asked here
    probe = make(Tensor, self._array, key)
    probe._counter = self._counter
    record(probe, before, *args[1:])
    if probe._edge is not None:
        if probe._edge.__class__ is NotImplementedNode:
            probe._edge._written += "_"
        probe._edge._dtype = self._key._dtype
        _date_back(probe._edge, self._counter, operator.arguments[0].name)
        name = operator.options.get("inplace_node")
        if name is not None:
            renamed(probe._edge, name)
        rebase(self, probe._edge)


def refuse_history(result: Any) -> NoReturn:
    """A recorded operator gave whole numbers."""
    raise RuntimeError(f"Autograd not support dtype: {dispatch.legacy_name(result._key._dtype)}")


def refuse_complex(operator: Operator) -> NoReturn:
    """A recorded operator gave complex numbers, for which torch has no derivative of it."""
    raise RuntimeError(
        f"{operator.name} does not support automatic differentiation for outputs with complex dtype."
    )


_renamed: dict[tuple[type, str], type] = {}


def renamed(node: Node, name: str) -> None:
    """Call `node` by another name: torch numbers the nodes of in-place forms apart."""
    cls = type(node)
    found = _renamed.get((cls, name))
    if found is None:
        metaclass: Any = type(cls)
        found = _renamed[(cls, name)] = metaclass(
            name, (cls,), {"__slots__": (), "__module__": cls.__module__}
        )
    node.__class__ = found


class NotImplementedNode(Node):
    """History of an operator without a derivative: going back through it raises, RuntimeError where torch has none either."""

    __slots__ = ("_kind", "_written")
    _kind: type[Exception]
    _written: str

    def _backward(self, edges: tuple[Any, ...], *cotangents: Any) -> tuple[Any, ...]:
        raise self._kind(f"derivative for {self._written} is not implemented")


NotImplementedNode.__name__ = "NotImplemented"


def unimplemented(operator: Operator, results: tuple[Any, ...], inputs: list[Any]) -> None:
    """Give `results` a history that cannot be followed."""
    edges = edges_of(inputs)
    kind = RuntimeError if operator.options.get("underivable") else NotImplementedError
    for result in results:
        if result is not None and result._key._dtype._category in ("float", "complex"):
            attach(result, dead_end(edges, result, "aten::" + operator.name, kind), None)


def edges_of(inputs: Iterable[Any]) -> tuple[Any, ...]:
    """Where the cotangents of those inputs go that want a gradient."""
    return tuple([edge_of(t) for t in inputs if t is not None and t.requires_grad])


def dead_end(
    edges: tuple[Any, ...], tensor: Any, written: str, kind: type[Exception] = RuntimeError
) -> NotImplementedNode:
    """A node for `tensor` beyond which no gradient goes; `written` is what it calls itself."""
    node = NotImplementedNode(edges, tensor._array.shape, tensor._key._dtype)
    node._kind, node._written = kind, written
    return node
