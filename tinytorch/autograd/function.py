"""Custom functions: a forward and a backward of the user's own as one node. Source: torch's documentation, "Extending PyTorch"."""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core import mutation, saving
from .._core.dispatch import stale
from .._core.modes import modes, next_number
from .._core.node import Node, RemovableHandle, released_message
from .._core.tensor import Tensor, wrap
from ._once import once_differentiable

__all__ = [
    "BackwardCFunction",
    "Function",
    "FunctionCtx",
    "FunctionMeta",
    "InplaceFunction",
    "NestedIOFunction",
    "once_differentiable",
]

AUTOGRAD_FUNCTION_COUNTER = itertools.count()


class FunctionCtx:
    """What `forward` tells `backward`."""

    __module__ = "torch.autograd.function"

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs and outputs for `backward`, where they are `ctx.saved_tensors`; None is kept as None."""
        self.to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors for `jvp`."""
        for tensor in tensors:
            if not (isinstance(tensor, Tensor) or tensor is None):
                raise AssertionError(
                    "save_for_forward expects all arguments to be tensors; you should save non-tensors as attributes on ctx."
                )
        self.saved_for_forward = tensors

    def mark_dirty(self, *args: Any) -> None:
        """Say which inputs `forward` overwrote; they must be returned as well."""
        self.dirty_tensors = args

    def mark_shared_storage(self, *pairs: Any) -> None:
        """Deprecated in torch, does nothing."""
        warnings.warn(
            "`mark_shared_storage` is deprecated. Tensors with shared storages are automatically tracked. Note that calls to `set_()` are not "
            "tracked",
            FutureWarning,
            stacklevel=2,
        )

    def mark_non_differentiable(self, *args: Any) -> None:
        """Say which outputs have no derivative."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` sees zeros (the default) or None for outputs nobody used."""
        self.materialize_grads = value


_ContextMethodMixin = FunctionCtx


class _HookMixin:
    @staticmethod
    def _register_hook(backward_hooks: Any, hook: Callable[..., Any]) -> Any:
        from .._core.node import Hooks

        if backward_hooks is None:
            backward_hooks = Hooks()
        handle = RemovableHandle(backward_hooks)
        backward_hooks[handle.id] = hook
        return backward_hooks, handle


class _Saved:
    """One tensor given to `save_for_backward`: itself, or, for an output, its elements (the node would hold itself otherwise)."""

    __slots__ = ("counter", "key", "output", "packed", "tensor", "version")

    def __init__(self, tensor: Any, output: int | None) -> None:
        self.output = output
        self.counter = tensor._counter if output is None else mutation.counter_of(tensor)
        self.version = 0 if self.counter is None else self.counter[0]
        self.packed: Any = None
        self.key = tensor._key
        if modes.saved_tensor_hooks:
            hooks = modes.saved_tensor_hooks[-1]
            self.packed = (
                saving._pack_result(tensor, hooks) if output is not None else saving.Packed(tensor, hooks)
            )
            self.tensor: Any = None
        else:
            self.tensor = tensor if output is None else tensor._array

    def get(self, node: Any) -> Any:
        edge = None if self.output is None else (node, self.output)
        if self.packed is not None:
            return self.packed.tensor(edge)
        if edge is None:
            counter = self.tensor._counter
            if counter is not None and counter[-1] != self.version:
                stale(node, self.tensor, self.version)
            return self.tensor
        if self.counter[-1] != self.version:
            saving.raise_stale_output(self.tensor, self.key, edge, self.counter, self.version)
        from .._core.dispatch import revive

        return revive(self.tensor, self.key, self.counter, edge)


class _FunctionBase(Node):
    """What torch implements in C: the node of a custom function, and the machinery of `apply`."""

    __module__ = "torch._C"
    _accepts_nothing = True
    _runs_user_code = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Plain objects until `apply` records them; user code sets any attribute it likes.
        self._edges = ()
        self._extra = None
        self._number = next_number()
        self._shape = ()
        self._dtype = None
        self._facts: list[tuple[tuple[int, ...], Any]] = []
        self._tensor_inputs: tuple[bool, ...] = ()
        self._saved: list[Any] | None = None
        self.needs_input_grad: tuple[bool, ...] = ()
        self.materialize_grads = True
        self.to_save: Any = None
        self.non_differentiable: Any = None
        self.dirty_tensors: Any = None
        self.saved_for_forward: Any = None
        self._materialize_non_diff_grads = True
        self._released = False

    @property
    def _arity(self) -> int:  # type: ignore[override]
        return len(self._facts)

    def _output(self, number: int) -> tuple[tuple[int, ...], Any]:
        return self._facts[number]

    def name(self) -> str:
        return type(self).__name__

    @property
    def requires_grad(self) -> bool:
        return any(self.needs_input_grad)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What was given to `save_for_backward`. Raises RuntimeError once the graph was freed, or if a tensor was overwritten since."""
        if self._released:
            raise RuntimeError(released_message())
        if self._saved is None:
            return ()
        return tuple([None if item is None else item.get(self) for item in self._saved])

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        warnings.warn(
            "'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning, stacklevel=2
        )
        return self.saved_tensors

    @property
    def _raw_saved_tensors(self) -> tuple[Any, ...]:
        if self._released:
            raise RuntimeError(released_message())
        return tuple([_RawSaved(self, item) for item in self._saved or ()])

    def maybe_clear_saved_tensors(self) -> None:
        self._release()

    def _release(self) -> None:
        self._released = True
        self._saved = None

    def _backward(self, edges: Any, *cotangents: Any) -> tuple[Any, ...]:
        if self.materialize_grads:
            cotangents = tuple(
                [
                    wrap(np.zeros(shape, element_type._numpy))
                    if cotangent is None and element_type is not None
                    else cotangent
                    for cotangent, (shape, element_type) in zip(cotangents, self._facts, strict=True)
                ]
            )
        results = self.apply(*cotangents)  # type: ignore[attr-defined]
        if not isinstance(results, tuple):
            results = (results,)
        expected = len(self._tensor_inputs)
        count = len(results)
        if count > expected and all(item is None for item in results[expected:]):
            results, count = results[:expected], expected
        if count != expected:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {expected}, got {count})"
            )
        kept = []
        for position, (is_tensor, item) in enumerate(zip(self._tensor_inputs, results, strict=True)):
            if not is_tensor:
                if item is not None:
                    raise RuntimeError(
                        f"function {self.name()} returned a gradient different than None at position {position + 1}, but the corresponding "
                        "forward input was not a Variable"
                    )
                continue
            if item is not None and not isinstance(item, Tensor):
                raise RuntimeError(f"expected Variable or None (got {type(item).__name__})")
            kept.append(item)
        return tuple(kept)


class _RawSaved:
    """One entry of `_raw_saved_tensors`; hooks may be registered on it."""

    def __init__(self, node: Any, item: Any) -> None:
        self._node, self._item = node, item

    def register_hooks(self, pack_hook: Callable[..., Any], unpack_hook: Callable[..., Any]) -> None:
        item = self._item
        if item is None:
            raise RuntimeError("Calling register_hooks on a saved tensor with value None is forbidden")
        if item.packed is not None:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one pair of hooks is allowed at a time."
            )
        tensor = item.get(self._node)
        hooks = (pack_hook, unpack_hook)
        item.packed = (
            saving._pack_result(tensor, hooks)
            if item.output is not None
            else saving.Packed(tensor, hooks, tensor.detach())
        )
        item.tensor = None


class BackwardCFunction(_FunctionBase, FunctionCtx, _HookMixin):
    """The node class of a custom function: torch gives every Function its own subclass."""

    __module__ = "torch.autograd.function"
    _forward_cls: Any

    def _get_user_fn(self) -> Callable[..., Any]:
        backward, vjp = self._forward_cls.backward, self._forward_cls.vjp
        if backward is not Function.backward and vjp is not Function.vjp:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement one of them."
            )
        return vjp if vjp is not Function.vjp else backward  # type: ignore[no-any-return]

    def apply(self, *args: Any) -> Any:
        """Run the user's backward."""
        if getattr(self._forward_cls, "boxed_grads_call", False):
            return self._get_user_fn()(self, list(args))
        return self._get_user_fn()(self, *args)

    def apply_jvp(self, *args: Any) -> Any:
        """Run the user's forward derivative."""
        return self._forward_cls.jvp(self, *args)

    def __repr__(self) -> str:
        return f"<torch.autograd.function.{type(self).__name__} object at {hex(id(self))}>"


class _NodeMeta(type(Node)):  # type: ignore[misc]
    def __repr__(cls) -> str:
        return f"<class 'torch.autograd.function.{cls.__name__}'>"


class FunctionMeta(type):
    """Gives every Function a node class named after it."""

    def __init__(cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> None:
        members = {"_forward_cls": cls, "__module__": "torch.autograd.function"}
        backward = _NodeMeta(name + "Backward", (BackwardCFunction,), members)
        backward._autograd_function_id = next(AUTOGRAD_FUNCTION_COUNTER)  # type: ignore[attr-defined]
        cls._backward_cls = backward
        super().__init__(name, bases, attributes)


class _SingleLevelFunction(FunctionCtx, _HookMixin, metaclass=FunctionMeta):
    __module__ = "torch.autograd.function"

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """What the function computes: `forward(ctx, *args)`, or `forward(*args)` together with `setup_context`."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Where `forward` takes no ctx: save here what `backward` needs."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The vector-Jacobian product: one result per argument of `forward`."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The Jacobian-vector product: one result per output."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )


class Function(_SingleLevelFunction):
    """Base class of custom differentiable functions: define static `forward` and `backward`, call `apply`.

    Source: torch's documentation, torch.autograd.Function.
    """

    __module__ = "torch.autograd.function"

    generate_vmap_rule = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{self.__class__} should not be instantiated. Methods on autograd functions are all static, so you should invoke them on the "
            "class itself. Instantiating an autograd function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function with static "
            "forward method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """How the function runs on batches: returns (output, out_dims)."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set generate_vmap_rule=True."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run `forward` and record it."""
        defined = cls.setup_context is not _SingleLevelFunction.setup_context
        if defined:
            signature = inspect.signature(cls.forward)
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            args = bound.args
        elif kwargs:
            raise TypeError(f"forward() got an unexpected keyword argument '{next(iter(kwargs))}'")
        layer = None
        if modes.layers:
            from . import _transformed

            _transformed.require_setup_context(defined)
            layer = _transformed.layer_among(args)
            if layer is not None:
                if not _transformed.has_own_rule(cls, layer):
                    layer = None
                elif layer.transparent:
                    return _transformed.forward_at(cls, args, layer)
        return _apply(cls, args, defined, layer)[1]


def _run_function(cls: Any, args: tuple[Any, ...]) -> tuple[Any, Any]:
    """(ctx, result) of `cls.apply(*args)`."""
    defined = cls.setup_context is not _SingleLevelFunction.setup_context
    if not defined or not modes.layers:
        return _apply(cls, args, defined, None, True)
    result = cls.apply(*args)
    ctx = cls._backward_cls()
    ctx.needs_input_grad = tuple([isinstance(item, Tensor) and item.requires_grad for item in args])
    cls.setup_context(ctx, args, result)
    _save(ctx)
    return ctx, result


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
        ctx._edges = tuple([(item._edge or item) if item._current() else None for item in tensors])
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


class InplaceFunction(Function):
    """Here only for old code; a Function that may work in place."""

    __module__ = "torch.autograd.function"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class NestedIOFunction(Function):
    """Here only for old code: arguments and results may be nested lists of tensors. Legacy functions cannot run in torch either."""

    __module__ = "torch.autograd.function"
