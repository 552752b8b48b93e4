"""A call of a custom function: its forward without recording, then history for what it returned."""

from __future__ import annotations

import warnings
from typing import Any

from .._core import mutation
from .._core.graph import edge_of
from .._core.modes import modes
from .._core.tensor import Tensor
from ._function_nodes import _Saved


def _apply(
    cls: Any, args: tuple[Any, ...], has_setup: bool, layer: Any, keep: bool = False
) -> tuple[Any, Any]:
    """One call of a custom function: forward without recording, then history for what it returned. Gives ctx and result.

    layer: the transformation at which the function runs by a rule of its own, None otherwise. keep: whether ctx keeps what it saved even
    if nothing is recorded.
    """
    tensors = [item for item in args if isinstance(item, Tensor)]
    wants = tuple([isinstance(item, Tensor) and item.requires_grad for item in args])
    recorded = modes.grad and any(wants)
    ctx = cls._backward_cls()
    ctx.needs_input_grad = wants
    ctx._tensor_inputs = tuple([isinstance(item, Tensor) for item in args])
    if recorded:
        ctx._edges = tuple([edge_of(item) for item in tensors])
    before = modes.grad
    modes.grad = False
    try:
        if has_setup:
            if layer is None:
                output = cls.forward(*args)
            else:
                from ._transformed import forward_at

                modes.grad = before  # what runs below the layer is recorded there
                output = forward_at(cls, args, layer)
                modes.grad = False
            if layer is None or recorded:
                cls.setup_context(ctx, args, output)
        else:
            output = cls.forward(ctx, *args)
    finally:
        modes.grad = before
    single = not isinstance(output, tuple)
    outputs = (output,) if single else output
    results = _wrap_outputs(ctx, tensors, outputs, recorded)
    if recorded or keep:
        _save(ctx)
    else:
        ctx._released = False
    ctx.to_save = ctx.non_differentiable = ctx.dirty_tensors = None
    return ctx, results[0] if single else tuple(results)


def _marked(value: Any, what: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, tuple):
        raise TypeError(
            f"autograd internal error: saved {what} field is expected to be a tuple but is {type(value).__name__}"
        )
    for position, item in enumerate(value):
        if item is not None and not isinstance(item, Tensor):
            if what == "non_differentiable":
                raise TypeError(
                    f"mark_non_differentiable only accepts variable arguments, but argument {position} is of type {type(item).__name__}"
                )
            raise TypeError(
                f"mark_dirty can only accept variables, but argument {position} is of type {type(item).__name__}"
            )
    return list(value)


def _contains(items: list[Any], tensor: Any) -> bool:
    return any(item is tensor for item in items)


def _wrap_outputs(ctx: Any, inputs: list[Any], outputs: tuple[Any, ...], recorded: bool) -> list[Any]:
    """The outputs as the caller sees them: inputs returned as they are become views, each differentiable one gets the node as history."""
    constants = _marked(ctx.non_differentiable, "non_differentiable")
    dirty = _marked(ctx.dirty_tensors, "dirty_tensors")
    for tensor in dirty:
        if not _contains(list(outputs), tensor):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs that are modified inplace must "
                "all be outputs of the Function."
            )
        mutation.bump(tensor)
    ctx._facts = [
        (tuple(item._array.shape), item._key._dtype) if isinstance(item, Tensor) else ((), None)
        for item in outputs
    ]
    results: list[Any] = []
    differentiable = 0
    for number, item in enumerate(outputs):
        if not isinstance(item, Tensor):
            results.append(item)
            continue
        is_input = _contains(inputs, item)
        modified = _contains(dirty, item)
        wants = (
            recorded and not _contains(constants, item) and item._key._dtype._category in ("float", "complex")
        )
        result = item
        if not wants:
            if not item.requires_grad:
                if is_input and not modified:
                    result = _alias(item)
            elif is_input:
                result = item.detach()
            elif item._base is None:
                item._requires_grad = False
                item._edge = None
        else:
            differentiable += 1
            result = _with_history(ctx, item, number, is_input, modified, len(outputs))
        results.append(result)
    if differentiable > 1:
        for result in results:
            if isinstance(result, Tensor) and result._base is not None and not _contains(dirty, result):
                result._creation = "multi"
    return results


def _alias(item: Any) -> Any:
    """A view of all of `item` without history of its own."""
    before = modes.grad
    modes.grad = False
    try:
        return item.view_as(item)
    finally:
        modes.grad = before


def _with_history(ctx: Any, item: Any, number: int, is_input: bool, modified: bool, count: int) -> Any:
    edge = (ctx, number)
    if modified:
        if item.is_leaf and item.requires_grad and item._base is None:
            raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
        mutation.check_writable(item, True)
        if not is_input:
            warnings.warn(
                "Only input Tensors should be given to ctx.mark_dirty(). If a Tensor is not an input, there is no need to pass it to mark_dirty().",
                UserWarning,
                stacklevel=5,
            )
        if item._base is not None and count > 1:
            raise RuntimeError(
                "If your Function modifies inplace an input that is a view of another Tensor, your Function cannot return more than one Tensor. "
                "This is not supported by the current autograd engine. You should either make sure the input is not a view (using .clone() for "
                "example) or make your Function only return one Tensor (potentially splitting it into two Functions: one doing the inplace that "
                "returns a single Tensor and a second one that does the other operations). You can ask on the forum "
                "https://discuss.pytorch.org/ if you need help to do this change."
            )
        mutation.rebase(item, ctx, number)
        return item
    if is_input:
        result = _alias(item)
        _set_edge(result, edge)
        return result
    _set_edge(item, edge)
    return item


def _set_edge(tensor: Any, edge: Any) -> None:
    if tensor._base is not None:
        tensor._origin = tensor._counter[-1]
        tensor._creation = "custom"
        tensor._edge = edge
    else:
        tensor._edge = edge
        tensor._requires_grad = True


def _save(ctx: Any) -> None:
    to_save = ctx.to_save
    if to_save is None:
        return
    if not isinstance(to_save, tuple):
        raise TypeError(
            f"saved_variables attribute set to non-tuple: expected a tuple, but is {type(to_save).__name__}"
        )
    saved: list[Any] = []
    for position, tensor in enumerate(to_save):
        if tensor is None:
            saved.append(None)
        elif isinstance(tensor, Tensor):
            edge = tensor._edge
            own = edge.__class__ is tuple and edge[0] is ctx
            saved.append(_Saved(tensor, edge[1] if own else None))
        else:
            raise TypeError(
                f"save_for_backward can only save variables, but argument {position} is of type {type(tensor).__name__}"
            )
    ctx._saved = saved
