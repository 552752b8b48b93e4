"""Custom functions: a forward and a backward of the user's own as one node. Source: torch's documentation, "Extending PyTorch"."""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Callable
from typing import Any

from .._core.modes import modes
from .._core.node import Node, RemovableHandle
from .._core.tensor import Tensor
from ._function_calls import _apply, _save
from ._function_nodes import _FunctionBase
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


class InplaceFunction(Function):
    """Here only for old code; a Function that may work in place."""

    __module__ = "torch.autograd.function"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class NestedIOFunction(Function):
    """Here only for old code: arguments and results may be nested lists of tensors. Legacy functions cannot run in torch either."""

    __module__ = "torch.autograd.function"
