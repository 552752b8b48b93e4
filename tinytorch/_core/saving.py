"""What happens to tensors on their way into a node and out of it: saved-tensor hooks, and tracebacks for anomaly detection.

Recording code writes `_released` last. While any thread wants to hear of recorded calls, the slot is covered by a property whose
setter looks at the new node; at all other times recording costs nothing extra. Source of the behaviour: torch's documentation,
"Autograd mechanics", section "Hooks for saved tensors".
"""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

from .modes import modes
from .node import Node, released_message
from .tensor import Tensor, make

_SLOT = Node.__dict__["_released"]
_listeners = 0
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_lock = threading.Lock()

#: The node whose backward runs in this thread, by thread; anomaly detection names it as the maker of what is recorded meanwhile.
running = threading.local()


def _created(node: Any, value: bool) -> None:
    _SLOT.__set__(node, value)
    if value:
        return
    if modes.anomaly:
        metadata = node._rarities().metadata
        metadata["traceback_"] = traceback.format_list(_frames_of_the_program())
        parent = getattr(running, "node", None)
        if parent is not None:
            metadata["parent_"] = parent
    if modes.saved_tensor_hooks:
        pack_node(node, modes.saved_tensor_hooks[-1])


def _frames_of_the_program() -> list[traceback.FrameSummary]:
    """The present call stack without the engine's own frames, and from the program on where `python -m tinytorch` started it."""
    frames = traceback.extract_stack()
    launcher = os.path.join(_PACKAGE, "__main__.py")
    started = max((place for place, frame in enumerate(frames) if frame.filename == launcher), default=-1)
    return [
        frame
        for frame in frames[started + 1 :]
        if not frame.filename.startswith((_PACKAGE + os.sep, "<tinytorch "))
    ]


def listen() -> None:
    """Look at every node recorded from now on, in all threads, until the matching `unlisten`."""
    global _listeners
    with _lock:
        _listeners += 1
        if _listeners == 1:
            setattr(Node, "_released", property(_SLOT.__get__, _created))  # noqa: B010


def unlisten() -> None:
    """End one `listen`."""
    global _listeners
    with _lock:
        _listeners -= 1
        if not _listeners:
            setattr(Node, "_released", _SLOT)  # noqa: B010


class Packed:
    """A saved tensor in the hands of hooks: what `pack` returned, and how the tensor hung in the graph."""

    __slots__ = ("edge", "requires_grad", "unpack", "value")

    def __init__(
        self, tensor: Any, hooks: tuple[Callable[..., Any], Callable[..., Any]], shown: Any = None
    ) -> None:
        pack, self.unpack = hooks
        self.requires_grad = tensor._current()
        self.edge = (tensor._edge or (tensor, 0)) if self.requires_grad else None
        self.value = _call_pack(pack, tensor if shown is None else shown)

    def tensor(self, edge: Any = None) -> Tensor:
        """The tensor again, with the history it had; `edge` for outputs, whose node is not kept here."""
        data = self.unpack(self.value)
        if not isinstance(data, Tensor):
            raise TypeError(
                f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(data).__name__}"
            )
        result: Tensor = make(Tensor, data._array, data._key)
        edge = edge or self.edge
        if edge is not None:
            result._requires_grad = True
            result._edge = edge
        elif data._current():
            result._requires_grad = True
            result._edge = data._edge or (data, 0)
        return result


def _call_pack(pack: Callable[..., Any], tensor: Any) -> Any:
    before = modes.grad
    version = tensor._counter[-1] if tensor._counter is not None else 0
    modes.grad = False
    try:
        value = pack(tensor)
    finally:
        modes.grad = before
    if (tensor._counter[-1] if tensor._counter is not None else 0) != version:
        raise RuntimeError(
            "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot be modified by "
            "in-place operations as this can lead to unexpected side-effects. Please open an issue if you need to perform in-place "
            "operations on the input to a pack hook."
        )
    return value


def _is_number(tensor: Any) -> bool:
    """Whether the tensor stands for a Python number, which hooks never see."""
    return (tensor._base is None and getattr(tensor, "_creation", None) == "number") or type(
        tensor
    ).__name__ == "WrappedNumber"


def pack_node(node: Any, hooks: tuple[Callable[..., Any], Callable[..., Any]]) -> None:
    """Hand everything `node` just saved to `hooks`: inputs by name, then outputs."""
    cls = type(node)
    changed = False
    for name in cls._saved_inputs:
        value = getattr(node, "saved_" + name)
        if value.__class__ is list:
            setattr(
                node,
                "saved_" + name,
                [None if t is None or _is_number(t) else Packed(t, hooks) for t in value],
            )
            changed = True
        elif value is not None and not _is_number(value):
            setattr(node, "saved_" + name, Packed(value, hooks))
            changed = True
    for name, position in cls._saved_results:
        if getattr(node, "saved_" + name) is not None:
            result = saved_result(node, name, position)
            setattr(node, "saved_" + name, _pack_result(result, hooks))
            changed = True
    if changed:
        node.__class__ = _packed_class(cls)


def _pack_result(result: Any, hooks: tuple[Callable[..., Any], Callable[..., Any]]) -> Packed:
    """Pack an output: its history is the node itself, which must not be held."""
    packed = Packed.__new__(Packed)
    packed.unpack = hooks[1]
    packed.requires_grad = result._requires_grad
    packed.edge = None
    packed.value = _call_pack(hooks[0], result)
    return packed


def saved_result(node: Any, name: str, position: int | None) -> Tensor:
    """A saved output as a tensor that has its history."""
    from .dispatch import raise_stale, revive

    array, key, counter = (getattr(node, part + name) for part in ("saved_", "key_", "counter_"))
    edge = node if position is None else (node, position)
    version = getattr(node, "version_" + name)
    if counter[-1] != version:
        raise_stale(array, key._dtype, edge, counter[-1], version)
    return revive(array, key, counter, edge)


def saved_value(node: Any, name: str) -> Any:
    """What `_saved_<name>` shows: tensors with their history, everything else as it was given."""
    from .dispatch import stale

    if node._released and (name in node._saved_inputs or any(name == n for n, _ in node._saved_results)):
        raise RuntimeError(released_message())
    if name.endswith("_sym_sizes"):
        return tuple(getattr(node, f"saved_{name[:-10]}_shape"))
    value = getattr(node, "saved_" + name)
    for result, position in node._saved_results:
        if result == name and value is not None:
            if isinstance(value, Packed):
                return value.tensor(node if position is None else (node, position))
            return saved_result(node, name, position)
    if name in node._saved_inputs and value is not None:
        if isinstance(value, Packed):
            return value.tensor()
        if isinstance(value, list):
            return tuple(item.tensor() if isinstance(item, Packed) else item for item in value)
        version = getattr(node, "version_" + name)
        if value._counter is not None and value._counter[-1] != version:
            stale(node, value, version)
    return value


_packed_classes: dict[type, type] = {}


def _packed_class(cls: Any) -> Any:
    """The same node class, whose backward unpacks first."""
    found = _packed_classes.get(cls)
    if found is None:
        members = {
            "__slots__": (),
            "_backward": _unpacking(cls),
            "_flow": Node._flow,
            "_begin": Node._begin,
            "_runs_user_code": True,
            "__module__": cls.__module__,
        }
        found = _packed_classes[cls] = type(cls)(cls.__name__, (cls,), members)
        _packed_classes[found] = found
    return found


def _unpacking(cls: Any) -> Callable[..., Any]:
    def _backward(node: Any, edges: tuple[Any, ...], *cotangents: Any) -> Any:
        if node._released:
            raise RuntimeError(released_message())
        held: dict[str, Any] = {}
        try:
            for name in cls._saved_inputs:
                value = getattr(node, "saved_" + name)
                if isinstance(value, Packed):
                    held["saved_" + name] = value
                    setattr(node, "saved_" + name, value.tensor())
                elif isinstance(value, list):
                    held["saved_" + name] = value
                    setattr(
                        node,
                        "saved_" + name,
                        [item.tensor() if isinstance(item, Packed) else item for item in value],
                    )
            for name, position in cls._saved_results:
                value = getattr(node, "saved_" + name)
                if isinstance(value, Packed):
                    tensor = value.tensor(node if position is None else (node, position))
                    for part, content in (
                        ("saved_", tensor._array),
                        ("key_", tensor._key),
                        ("counter_", [0]),
                        ("version_", 0),
                    ):
                        held[part + name] = getattr(node, part + name)
                        setattr(node, part + name, content)
            return cls._backward(node, edges, *cotangents)
        finally:
            for slot, value in held.items():
                setattr(node, slot, value)

    return _backward


class SavedTensor:
    """What `grad_fn._raw_saved_<name>` shows: a saved tensor on which hooks may be registered once."""

    __module__ = "torch._C._autograd"

    def __init__(self, node: Any, name: str) -> None:
        self._node, self._name = node, name

    def register_hooks(self, pack_hook: Callable[..., Any], unpack_hook: Callable[..., Any]) -> None:
        """Pack this tensor now with `pack_hook`, and unpack it with `unpack_hook` whenever it is needed."""
        node, name = self._node, self._name
        if node._released:
            raise RuntimeError(released_message())
        value = getattr(node, "saved_" + name)
        if value is None:
            raise RuntimeError("Calling register_hooks on a saved tensor with value None is forbidden")
        if isinstance(value, Packed):
            raise RuntimeError(
                "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one pair of hooks is allowed at a time."
            )
        hooks = (pack_hook, unpack_hook)
        for result, position in node._saved_results:
            if result == name:
                setattr(node, "saved_" + name, _pack_result(saved_result(node, name, position), hooks))
                break
        else:
            shown = make(Tensor, value._array, value._key)
            shown._counter = value._counter
            setattr(node, "saved_" + name, Packed(value, hooks, shown))
        node.__class__ = _packed_class(type(node))


def warn_of(node: Any) -> None:
    """Say where the call was made whose derivative `node` failed to compute, and what induced it."""
    import warnings

    def stack(item: Any) -> str | None:
        lines = item._extra.metadata.get("traceback_") if item._extra is not None else None
        return None if lines is None else "".join(lines)

    text = stack(node)
    if text is None:
        warnings.warn(
            f"Error detected in {node.name()}. No forward pass information available. Enable detect anomaly during forward pass for more information.",
            UserWarning,
            stacklevel=2,
        )
        return
    warnings.warn(
        f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n{text}",
        UserWarning,
        stacklevel=2,
    )
    parent = node._extra.metadata.get("parent_")
    while parent is not None:
        text = stack(parent)
        if text is None:
            warnings.warn(
                f"\n\nPrevious calculation was induced by {parent.name()}. No forward pass information available. Enable detect anomaly during "
                "forward pass for more information.",
                UserWarning,
                stacklevel=2,
            )
            return
        warnings.warn(
            f"\n\nPrevious calculation was induced by {parent.name()}. Traceback of forward call that induced the previous calculation:\n{text}",
            UserWarning,
            stacklevel=2,
        )
        parent = parent._extra.metadata.get("parent_")


def raise_stale_output(array: Any, key: Any, edge: Any, counter: list[int], version: int) -> None:
    """A saved output of a custom function was overwritten: raises torch's RuntimeError."""
    from .dispatch import raise_stale

    raise_stale(array, key._dtype, edge, counter[-1], version)


def show_saved(cls: type) -> None:
    """Give a node class its `_saved_<name>` and `_raw_saved_<name>` attributes."""
    for name in cls._saved_names:  # type: ignore[attr-defined]
        setattr(cls, "_saved_" + name, property(partial(_saved, name)))
        setattr(cls, "_raw_saved_" + name, property(partial(_raw_saved, name)))


def _saved(name: str, node: Any) -> Any:
    return saved_value(node, name)


def _raw_saved(name: str, node: Any) -> SavedTensor:
    return SavedTensor(node, name)
