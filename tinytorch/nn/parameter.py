"""Tensors that belong to a module: Parameter, Buffer, and their forms whose shape is not known yet."""

from __future__ import annotations

import copyreg
from collections import OrderedDict
from typing import Any

from .._core import layouts
from .._core.construct import _class_reference
from .._core.modes import register_plain
from .._core.overrides import disabled_torch_function, interpose_members
from .._core.tensor import Tensor, TensorMeta, counter_of, make

__all__ = [
    "Parameter",
    "UninitializedParameter",
    "is_lazy",
    "Buffer",
    "UninitializedBuffer",
    "UninitializedTensorMixin",
]


class _ParameterMeta(TensorMeta):
    """A tensor of another class counts as a Parameter if it says so (`_is_param`)."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Parameter and isinstance(instance, Tensor) and getattr(instance, "_is_param", False)


class _BufferMeta(TensorMeta):
    """A tensor of another class counts as a Buffer if it says so (`_is_buffer`)."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Buffer and isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)


copyreg.pickle(_ParameterMeta, _class_reference)  # type: ignore[arg-type]
copyreg.pickle(_BufferMeta, _class_reference)  # type: ignore[arg-type]


def _nothing(kind: Any = None, device: Any = None) -> Any:
    """The memory of a tensor that waits for its shape; from the first one on, members of tensors ask before they answer."""
    import tinytorch

    interpose_members()
    return tinytorch.empty(0, dtype=kind, device=device)


def _alias(cls: type, data: Any, requires_grad: bool) -> Any:
    """A leaf of class `cls` over the memory of `data`, sharing its version counter."""
    if requires_grad and data._key._dtype._category not in ("float", "complex"):
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    result = make(cls, data._array, data._key)
    result._counter = counter_of(data)
    result._requires_grad = bool(requires_grad)
    return result


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that a Module registers as one to train when it is assigned to an attribute.

    `data` may be any tensor; it is shared, not copied. Source: torch's documentation, torch.nn.Parameter.
    """

    __module__ = "torch.nn.parameter"
    __slots__ = ()

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        if data is None:
            data = _nothing()
        if not isinstance(data, Tensor):
            raise AttributeError(f"'{type(data).__name__}' object has no attribute 'detach'")
        if type(data) in (Tensor, Parameter, Buffer):
            return _alias(cls, data, requires_grad)
        held = data.detach()
        if type(held) is not type(data):
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {type(data).__name__} requires that detach() "
                f"returns an instance of the same type, but return type {type(held).__name__} was found instead. "
                "To use the type as a Parameter, please correct the detach() semantics defined by its "
                "__torch_dispatch__() implementation."
            )
        held = held.requires_grad_(requires_grad)
        held._is_param = True
        return held

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        pass

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        copied = self.data.clone(memory_format=layouts.preserve_format)
        result = type(self)(copied, self.requires_grad)
        memo[id(self)] = result
        return result

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        state = self.__dict__
        if state:
            return (
                _rebuild_parameter_with_state,
                (self.data, self.requires_grad, OrderedDict(), dict(state)),
            )
        return (_rebuild_parameter, (self.data, self.requires_grad, OrderedDict()))

    __hash__ = Tensor.__hash__


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that a Module registers as part of its state, not to be trained, when it is assigned to an attribute.

    persistent: whether it is saved in the state_dict. Source: torch's documentation, torch.nn.Buffer.
    """

    __module__ = "torch.nn.parameter"
    __slots__ = ()

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        if data is None:
            data = _nothing()
        held = data.detach().requires_grad_(data.requires_grad)
        held.persistent = persistent
        held._is_buffer = True
        return held

    def __init__(self, data: Any = None, *, persistent: bool = True) -> None:
        pass

    __hash__ = Tensor.__hash__


register_plain(Parameter)
Parameter.__torch_function__ = classmethod(disabled_torch_function)  # type: ignore[attr-defined]
register_plain(Buffer)


def _rebuild_parameter(data: Any, requires_grad: bool, backward_hooks: Any) -> Any:
    """The Parameter a pickle describes."""
    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(data: Any, requires_grad: bool, backward_hooks: Any, state: Any) -> Any:
    """The Parameter a pickle describes, with the attributes that were set on it."""
    result = Parameter(data, requires_grad)
    result.__dict__.update(state)
    return result


#: What may be asked of a tensor without shape.
_PERMITTED = frozenset(
    [
        "is_floating_point",
        "is_complex",
        "half",
        "float",
        "double",
        "char",
        "short",
        "int",
        "long",
        "cuda",
        "cpu",
        "to",
        "get_device",
        "_has_compatible_shallow_copy_type",
        "is_cuda",
        "device",
        "dtype",
        "layout",
        "requires_grad",
    ]
)

_WITHOUT_SHAPE = (
    "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in `load_state_dict` when trying to "
    "load an uninitialized parameter into an initialized one. Call `forward` to initialize the parameters before accessing their "
    "attributes."
)


class UninitializedTensorMixin:
    """A parameter or buffer that gets its shape from the first input its module sees."""

    __slots__ = ()
    _allowed_methods = ()
    cls_to_become: Any = None

    def materialize(self: Any, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Give it memory of the given shape, uninitialised, and the class it stands for."""
        import tinytorch

        fresh = tinytorch.empty(shape, device=device or self.device, dtype=dtype or self.dtype)
        self._array = fresh._array
        self._key = fresh._key
        self._counter = None
        self.__class__ = self.cls_to_become

    @property
    def shape(self) -> Any:
        raise RuntimeError(_WITHOUT_SHAPE)

    def share_memory_(self) -> None:
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters before calling "
            "`module.share_memory()`."
        )

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        return (type(self), (self.requires_grad,))

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in _PERMITTED or type(func).__name__ == "method-wrapper":  # attributes
            from .._core.overrides import default_torch_function

            return default_torch_function(func, types, args, kwargs)
        shown = f"<method '{name}' of 'torch._C.TensorBase' objects>" if name in dir(Tensor) else func
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {shown}. This error happens when you are using a `LazyModule` or "
            f"explicitly manipulating `torch.nn.parameter.{cls.__name__}` objects. When using LazyModules Call `forward` with a dummy "
            "batch to initialize the parameters before calling torch functions"
        )


def is_lazy(param: Any) -> bool:
    """Whether `param` still waits for its shape."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A Parameter whose shape is not known yet. Source: torch's documentation, UninitializedParameter."""

    __slots__ = ()
    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return _alias(cls, _nothing(dtype, device), requires_grad)

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        pass

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        result = type(self)(self.requires_grad, self.device, self.dtype)
        memo[id(self)] = result
        return result

    __hash__ = Tensor.__hash__


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is not known yet. Source: torch's documentation, UninitializedBuffer."""

    __slots__ = ()
    cls_to_become = Tensor

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        result = _alias(cls, _nothing(dtype, device), requires_grad)
        result.persistent = persistent
        result._is_buffer = True
        return result

    def __init__(
        self, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> None:
        pass

    __hash__ = Tensor.__hash__
