"""A tensor's part in autograd: flags, gradient, history and hooks."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .dtypes import dtype
from .modes import modes

#: torch.autograd.backward, filled in by that namespace.
start_backward: list[Any] = [None]


class AutogradMembers:
    """Attributes and methods of the graph around a tensor."""

    __slots__ = ()

    #: A leaf takes cotangents of any strides (see Node).
    _any_order = True

    _array: Any
    _base: Any
    _counter: Any
    _key: Any
    _edge: Any
    _extra: Any
    _grad: Any
    _requires_grad: Any

    def _begin(self) -> list[Any]:
        """A leaf's state when a backward pass first meets it; see backward.py."""
        if self._extra is None:
            return [0, None, False, self, self._array.shape, self._key._dtype, None, self._grad is None]
        return [0, None, False, self, self._array.shape, self._gradient_type(), None, False]

    def _gradient_type(self) -> Any:
        """The element type of a leaf's gradient; None is whichever arrives."""
        extra = self._extra
        return self._key._dtype if extra is None or extra.gradient_type is ... else extra.gradient_type

    def _current(self) -> bool:
        """Whether a gradient is wanted; a view's history is up to date afterwards."""
        flag = self._requires_grad
        if flag is True or flag is False:
            return bool(flag)
        from .mutation import refresh

        return refresh(self)

    @property
    def requires_grad(self) -> bool:
        flag = self._requires_grad
        if flag is True or flag is False:
            return bool(flag)
        from .mutation import wants

        return wants(self)

    @requires_grad.setter
    def requires_grad(self, value: Any) -> None:
        if not isinstance(value, bool):
            raise RuntimeError("requires_grad must be a bool")
        if value and not self.is_leaf:
            raise RuntimeError("you can only change requires_grad flags of leaf variables.")
        self._set_requires_grad(value)

    def _set_requires_grad(self, value: bool, kinds: str = "floating point and complex") -> None:
        if value and self._current():
            if self._edge is None:  # a view whose base wants a gradient collects one of its own from now on
                self._requires_grad = True
            return
        if not self.is_leaf:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph "
                "that doesn't require differentiation use var_no_grad = var.detach()."
            )
        if value and self._key._dtype._category not in ("float", "complex"):
            raise RuntimeError(f"only Tensors of {kinds} dtype can require gradients")
        if value and self._extra is not None and self._extra.inference and not modes.inference:
            raise RuntimeError(
                "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
            )
        if self._base is None or value:
            self._requires_grad = value
        else:
            from .tensor import VIEW

            self._requires_grad = VIEW  # its base decides

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Change whether operations on this leaf are recorded; returns the tensor."""
        if not isinstance(requires_grad, bool):
            from .signature import wrong_type

            wrong_type("requires_grad_", "requires_grad", 1, "bool", requires_grad)
        if modes.layers and any(layer.kind != "dual" or not layer.transparent for layer in modes.layers):
            raise RuntimeError(
                "You are attempting to call Tensor.requires_grad_() (or perhaps using torch.autograd.functional.* APIs) inside of a function "
                "being transformed by a functorch transform. This is unsupported, please attempt to use the functorch transforms (e.g. grad, "
                "vjp, jacrev, jacfwd, hessian) or call requires_grad_() outside of a function being transformed instead."
            )
        self._set_requires_grad(requires_grad, "floating point")
        return self

    @property
    def is_leaf(self) -> bool:
        if not self._current() or self._edge is None:
            return True
        edge = self._edge
        return (
            edge.__class__ is tuple and not edge[0]._arity
        )  # a saved leaf that hooks brought back refers to the leaf itself

    @property
    def grad_fn(self) -> Any:
        if not self._current():
            return None
        edge = self._edge
        if edge.__class__ is tuple:
            return edge[0] if edge[0]._arity else None
        return edge

    @property
    def output_nr(self) -> int:
        edge = self._edge if self._current() else None
        return edge[1] if edge.__class__ is tuple else 0

    @property
    def grad(self) -> Any:
        if self._grad is None and self._edge is not None and not self.is_leaf and not self.retains_grad:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be populated "
                "during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, use "
                ".retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access the leaf "
                "Tensor instead. See github.com/pytorch/pytorch/pull/30531 for more information.",
                UserWarning,
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            self._check_grad(value)
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    def _check_grad(self, given: Any) -> None:
        from .dispatch import legacy_name
        from .sampling import NATIVE_NAMES

        if not isinstance(given, AutogradMembers):
            raise TypeError(
                f"assigned grad expected to be a Tensor or None but got grad of type {type(given).__name__}"
            )
        if given is self:
            raise RuntimeError("can't assign Variable as its own grad")
        value: Any = given
        kind = value._key._dtype if value._is_strided else value.dtype
        wanted = self._gradient_type()
        if wanted is not None and kind is not wanted:
            raise RuntimeError(
                f"attempting to assign a gradient with dtype '{NATIVE_NAMES[kind._name]}' to a tensor with grad_dtype "
                f"'{legacy_name(wanted)}'. The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype). "
                "You can set the tensor's grad_dtype attribute with a specific dtype, or None to allow any dtype. Set grad_dtype with "
                "caution. Diverging the dtypes of a tensor and its gradient may break downstream systems that assume they match."
            )
        if tuple(value.shape) != self._array.shape:
            raise RuntimeError(
                f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of size "
                f"'{list(self._array.shape)}'. Please ensure that the gradient and the tensor are the same size"
            )

    @property
    def grad_dtype(self) -> Any:
        """The element type that `.grad` has or will have; None takes the type in which gradients arrive."""
        if not self.is_leaf:
            raise RuntimeError("grad_dtype can only be accessed on leaf tensors.")
        return self._gradient_type()

    @grad_dtype.setter
    def grad_dtype(self, value: Any) -> None:
        from .dispatch import legacy_name
        from .sampling import NATIVE_NAMES
        from .tensor import extra_of

        if value is not None and not isinstance(value, dtype):
            raise RuntimeError(f"grad_dtype must be a torch.dtype or None, but got {type(value).__name__}")
        held = self.grad  # as torch does, which warns where there is none to look at
        if not self.is_leaf:
            raise RuntimeError("grad_dtype can only be set on leaf tensors.")
        if held is not None and value is not None and held.dtype is not value:
            raise RuntimeError(
                f"Cannot set grad_dtype to '{legacy_name(value)}' because there is already a gradient with dtype '{NATIVE_NAMES[held.dtype._name]}'. "
                "Please clear the gradient (.grad = None) before changing grad_dtype, or ensure the new grad_dtype matches the existing "
                "gradient's dtype."
            )
        extra_of(self).gradient_type = value

    @property
    def data(self) -> Any:
        from .tensor import Tensor, make

        if self._key._special not in (None, "strided", "meta", "lazy"):
            return self._key.detached()
        return make(type(self) if type(self)._keeps_class else Tensor, self._array, self._key)

    @data.setter
    def data(self, value: Any) -> None:
        from .dispatch import legacy_name

        if not isinstance(value, AutogradMembers):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if (
            value._key._dtype is not self._key._dtype
            and self.requires_grad
            and value._key._dtype._category not in ("float", "complex")
        ):
            raise RuntimeError(
                "data set to a tensor that requires gradients must be floating point or complex dtype"
            )
        del legacy_name
        self._array = value._array
        self._key = value._key

    #: Whether operations on this class give this class again (subclasses), rather than Tensor.
    _keeps_class = False

    @property
    def retains_grad(self) -> bool:
        return self._extra is not None and self._extra.retains_grad

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor although it is not a leaf."""
        if not self._current():
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if not self.is_leaf and not self.retains_grad:
            from .backward import retain

            retain(self)

    def register_hook(self, hook: Callable[[Any], Any]) -> Any:
        """Call `hook(grad)` whenever a gradient for this tensor is computed; it may return another one."""
        from .node import Hooks, RemovableHandle
        from .tensor import extra_of

        if not self._current():
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        extra = extra_of(self)
        if self.is_leaf:
            if extra.hooks is None:
                extra.hooks = Hooks()
            hooks: Any = extra.hooks
        else:
            node, number = self._edge if self._edge.__class__ is tuple else (self._edge, 0)
            node_extra = node._rarities()
            if node_extra.tensor_pre is None:
                node_extra.tensor_pre = []
            hooks = next((held for output, held in node_extra.tensor_pre if output == number), None)
            if hooks is None:
                hooks = Hooks()
                node_extra.tensor_pre.append((number, hooks))
        handle = RemovableHandle(hooks)
        hooks[handle.id] = hook
        return handle

    def register_post_accumulate_grad_hook(self, hook: Callable[[Any], None]) -> Any:
        """Call `hook(self)` after a gradient was added to this leaf's `.grad`."""
        from .node import Hooks, RemovableHandle
        from .tensor import extra_of

        if not self._current():
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if not self.is_leaf:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        extra = extra_of(self)
        if extra.post_accumulate is None:
            extra.post_accumulate = Hooks()
        handle = RemovableHandle(extra.post_accumulate)
        extra.post_accumulate[handle.id] = hook
        return handle

    @property
    def _backward_hooks(self) -> Any:
        return self._extra.hooks if self._extra is not None else None

    def backward(
        self, gradient: Any = None, retain_graph: Any = None, create_graph: bool = False, inputs: Any = None
    ) -> None:
        """Add the derivatives of this tensor to the leaves' `.grad`. Source: torch's documentation, Tensor.backward."""
        start_backward[0](self, gradient, retain_graph, create_graph, inputs=inputs)

    def detach(self) -> Any:
        """The same elements without history; shares memory and version counter."""
        from .tensor import Tensor, counter_of, extra_of, make

        if self._key._special not in (None, "strided", "meta", "lazy"):
            return self._key.detached()
        result = make(type(self) if type(self)._keeps_class else Tensor, self._array, self._key)
        result._counter = counter_of(self)
        if self._extra is not None and self._extra.inference:
            extra_of(result).inference = True
        return result

    def detach_(self) -> Any:
        """Forget this tensor's history in place."""
        if modes.inference:
            return self  # histories stay untouched there
        if self._requires_grad is not True and self._requires_grad is not False:
            raise RuntimeError(
                "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, and "
                "gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be called on "
                "these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in "
                "torch/optim/optimizer.py as the solution."
            )
        self._requires_grad = False
        self._edge = None
        return self
