"""Module: what every layer and every model is.

Hooks, saved state and the tree of submodules have files of their own; here is what a module is made of: its attributes, its
registered parameters, buffers and submodules, and what changes all of them at once.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import tinytorch as torch

from ..._core.dtypes import dtype
from ..._core.modes import modes
from ..._core.swapping import swap_tensors
from ..._core.tensor import Tensor
from ..parameter import Buffer, Parameter
from . import _hooks
from ._hooks import (
    HookMembers,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from ._moving import CastMembers, parse_to
from ._state import _EXTRA_STATE_KEY_SUFFIX, StateMembers, _IncompatibleKeys  # noqa: F401
from ._tree import TreeMembers, _addindent  # noqa: F401

__all__ = [
    "register_module_forward_pre_hook",
    "register_module_forward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_backward_hook",
    "register_module_full_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
    "Module",
]


def _type_name(value: Any) -> str:
    """torch.typename(value)."""
    import tinytorch

    return tinytorch.typename(value)


def _forward_unimplemented(self: Any, *input: Any) -> None:
    raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')


_set = object.__setattr__


class Module(CastMembers, TreeMembers, StateMembers, HookMembers):
    """Base class of all layers and models. Source: torch's documentation, torch.nn.Module."""

    dump_patches: bool = False
    _version: int = 1
    training: bool
    call_super_init: bool = False
    _compiled_call_impl: Callable[..., Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init:
            if kwargs:
                raise TypeError(
                    f"{type(self).__name__}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'"
                )
            if args:
                raise TypeError(
                    f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given"
                )
        own = self.__dict__
        own["training"] = True
        own["_parameters"] = {}
        own["_buffers"] = {}
        own["_non_persistent_buffers_set"] = set()
        own["_backward_pre_hooks"] = OrderedDict()
        own["_backward_hooks"] = OrderedDict()
        own["_is_full_backward_hook"] = None
        own["_forward_hooks"] = OrderedDict()
        own["_forward_hooks_with_kwargs"] = OrderedDict()
        own["_forward_hooks_always_called"] = OrderedDict()
        own["_forward_pre_hooks"] = OrderedDict()
        own["_forward_pre_hooks_with_kwargs"] = OrderedDict()
        own["_state_dict_hooks"] = OrderedDict()
        own["_state_dict_pre_hooks"] = OrderedDict()
        own["_load_state_dict_pre_hooks"] = OrderedDict()
        own["_load_state_dict_post_hooks"] = OrderedDict()
        own["_modules"] = {}
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    forward: Callable[..., Any] = _forward_unimplemented

    def _wrapped_call_impl(self, *args: Any, **kwargs: Any) -> Any:
        if self._compiled_call_impl is not None:
            return self._compiled_call_impl(*args, **kwargs)
        return self._call_impl(*args, **kwargs)

    __call__: Callable[..., Any] = _wrapped_call_impl

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to compile: calls run as they are."""
        self._compiled_call_impl = self._call_impl

    # Registering --------------------------------------------------------------------------------------------------------

    def _check_name(self, what: str, name: Any, taken: Any) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {_type_name(name)}")
        if "." in name:
            raise KeyError(f'{what} name can\'t contain "."')
        if name == "":
            raise KeyError(f'{what} name can\'t be empty string ""')
        if hasattr(self, name) and name not in taken:
            raise KeyError(f"attribute '{name}' already exists")

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Add a tensor that is state but no parameter; one that is not `persistent` stays out of the state_dict."""
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_type_name(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        for hook in _hooks._global_buffer_registration_hooks.values():
            changed = hook(self, name, tensor)
            if changed is not None:
                tensor = changed
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name: str, param: Any) -> None:
        """Add a parameter. Raises KeyError for impossible names, TypeError and ValueError for what is no leaf Parameter."""
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", name, self._parameters)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{_type_name(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)"
                )
            if param.grad_fn:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. To express "
                    f"'{name}' as a function of another Tensor, compute the value in the forward() method."
                )
            for hook in _hooks._global_parameter_registration_hooks.values():
                changed = hook(self, name, param)
                if changed is not None:
                    param = changed
        self._parameters[name] = param

    def add_module(self, name: str, module: Any) -> None:
        """Add a submodule. Raises TypeError for other objects, KeyError for impossible names."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{_type_name(module)} is not a Module subclass")
        if not isinstance(name, str):
            raise TypeError(f"module name should be a string. Got {_type_name(name)}")
        if hasattr(self, name) and name not in self._modules:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'module name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError('module name can\'t be empty string ""')
        self._modules[name] = self._announce_module(name, module)

    def register_module(self, name: str, module: Any) -> None:
        """The same as `add_module`."""
        self.add_module(name, module)

    def _announce_module(self, name: str, module: Any) -> Any:
        for hook in _hooks._global_module_registration_hooks.values():
            changed = hook(self, name, module)
            if changed is not None:
                module = changed
        return module

    # Attributes ---------------------------------------------------------------------------------------------------------

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in (
            "_forward_pre_hooks",
            "_forward_pre_hooks_with_kwargs",
            "_forward_hooks_with_kwargs",
            "_forward_hooks_always_called",
            "_state_dict_hooks",
            "_state_dict_pre_hooks",
            "_load_state_dict_pre_hooks",
            "_load_state_dict_post_hooks",
            "_backward_pre_hooks",
        ):
            self.__dict__.setdefault(name, OrderedDict())
        self.__dict__.setdefault("_non_persistent_buffers_set", set())
        self.__dict__.setdefault("_is_full_backward_hook", None)

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        if "_parameters" in own:
            found = own["_parameters"]
            if name in found:
                return found[name]
        if "_buffers" in own:
            found = own["_buffers"]
            if name in found:
                return found[name]
        if "_modules" in own:
            found = own["_modules"]
            if name in found:
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def _forget(self, name: str, *places: str) -> None:
        """Take `name` out of the given places, and out of the plain attributes."""
        own = self.__dict__
        own.pop(name, None)
        for place in places:
            held = own.get(place)
            if held is None:
                continue
            if place == "_non_persistent_buffers_set":
                held.discard(name)
            else:
                held.pop(name, None)

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        parameters = own.get("_parameters")
        if isinstance(value, Parameter):
            if parameters is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, "_buffers", "_modules", "_non_persistent_buffers_set")
            self.register_parameter(name, value)
            return
        if parameters is not None and name in parameters:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_type_name(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, value)
            return
        modules = own.get("_modules")
        if isinstance(value, Module):
            if modules is None:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, "_parameters", "_buffers", "_non_persistent_buffers_set")
            modules[name] = self._announce_module(name, value)
            return
        if modules is not None and name in modules:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_type_name(value)}' as child module '{name}' (torch.nn.Module or None expected)"
                )
            modules[name] = self._announce_module(name, value)
            return
        buffers = own.get("_buffers")
        new_buffer = isinstance(value, Buffer)
        if new_buffer or (buffers is not None and name in buffers):
            self._set_buffer(name, value, new_buffer)
            return
        _set(self, name, value)

    def _set_buffer(self, name: str, value: Any, new_buffer: bool) -> None:
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(
                f"cannot assign '{_type_name(value)}' as buffer '{name}' (torch.nn.Buffer, torch.Tensor or None expected)"
            )
        if new_buffer:
            self._forget(name, "_parameters", "_modules", "_non_persistent_buffers_set")
            if getattr(self.register_buffer, "__func__", None) is Module.register_buffer:
                self.register_buffer(name, value, value.persistent)
                return
            import inspect

            if "persistent" in inspect.signature(self.register_buffer).parameters:
                self.register_buffer(name, value, value.persistent)
            elif not value.persistent:
                raise RuntimeError(
                    "Registering a non-persistent buffer on a Module subclass that implements register_buffer() without the "
                    "persistent argument is not allowed."
                )
            else:
                self.register_buffer(name, value)
            return
        for hook in _hooks._global_buffer_registration_hooks.values():
            changed = hook(self, name, value)
            if changed is not None:
                value = changed
        self._buffers[name] = value

    def __delattr__(self, name: str) -> None:
        if name in self._parameters:
            del self._parameters[name]
        elif name in self._buffers:
            del self._buffers[name]
            self._non_persistent_buffers_set.discard(name)
        elif name in self._modules:
            del self._modules[name]
        else:
            super().__delattr__(name)

    # Everything at once -------------------------------------------------------------------------------------------------

    def apply(self, fn: Callable[[Any], None]) -> Any:
        """Call `fn` with every submodule and at last with this one."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable[[Any], Any], recurse: bool = True) -> Any:
        """Replace the data of every parameter, gradient and buffer by `fn` of it; parameters stay the same objects."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        recording = modes.grad
        modes.grad = False
        try:
            for name, parameter in self._parameters.items():
                if parameter is not None:
                    self._apply_to_parameter(name, parameter, fn)
            for name, buffer in self._buffers.items():
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        finally:
            modes.grad = recording
        return self

    def _apply_to_parameter(self, name: str, parameter: Any, fn: Callable[[Any], Any]) -> None:
        changed = fn(parameter)
        settings = torch.__future__
        if settings.get_swap_module_params_on_conversion():
            self._swap_parameter(name, parameter, changed, fn)
            return
        in_place = (
            changed.is_meta == parameter.is_meta and not settings.get_overwrite_module_params_on_conversion()
        )
        target = parameter
        if in_place:
            parameter.data = changed
        else:
            target = Parameter(changed, parameter.requires_grad)
            self._parameters[name] = target
        grad = parameter.grad
        if grad is not None:
            changed_grad = fn(grad)
            if in_place:
                parameter._grad = None
                changed_grad.requires_grad_(grad.requires_grad)
                parameter.grad = changed_grad
            else:
                target.grad = changed_grad.requires_grad_(grad.requires_grad)

    def _swap_parameter(self, name: str, parameter: Any, changed: Any, fn: Callable[[Any], Any]) -> None:
        """`parameter` takes the place of what was made of it, and its gradient of what is made of that."""
        grad = parameter.grad
        place = f"{self._get_name()}.{name}"
        parameter.grad = None
        try:
            swap_tensors(parameter, Parameter(changed, parameter.requires_grad))
        except Exception as error:
            parameter.grad = grad
            raise RuntimeError(f"_apply(): Couldn't swap {place}") from error
        if grad is None:
            return
        changed_grad = fn(grad).requires_grad_(grad.requires_grad)
        try:
            swap_tensors(grad, changed_grad)
        except Exception as error:
            raise RuntimeError(f"_apply(): Couldn't swap {place}.grad") from error
        parameter.grad = grad

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Cast floating-point and complex parameters and buffers, or move all of them; returns the module itself."""
        device, kind, non_blocking, memory_format = parse_to(args, kwargs)
        if kind is not None:
            if not (kind.is_floating_point or kind.is_complex):
                raise TypeError(
                    f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={kind}"
                )
            if kind.is_complex:
                warnings.warn(
                    "Complex modules are a new feature under active development whose design may change, and some modules might not "
                    "work as expected when using complex tensors as parameters or buffers. Please file an issue at "
                    "https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml if a complex module does not work as expected.",
                    stacklevel=2,
                )

        def convert(t: Any) -> Any:
            wanted: dtype | None = kind if t.is_floating_point() or t.is_complex() else None
            try:
                if memory_format is not None and t.dim() in (4, 5):
                    return t.to(device, wanted, non_blocking, memory_format=memory_format)
                return t.to(device, wanted, non_blocking)
            except NotImplementedError as error:
                if str(error) == "Cannot copy out of meta tensor; no data!":
                    raise NotImplementedError(
                        f"{error} Please use torch.nn.Module.to_empty() instead of torch.nn.Module.to() when moving module from meta "
                        "to a different device."
                    ) from None
                raise

        return self._apply(convert)

    def train(self, mode: bool = True) -> Any:
        """Switch this module and everything below it to training (or evaluation) behaviour."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Any:
        """Switch to evaluation behaviour."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Whether gradients of the parameters are recorded."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the parameters' gradients, or fill them with zeros."""
        if getattr(self, "_is_replica", False):
            warnings.warn(
                "Calling .zero_grad() from a module created with nn.DataParallel() has no effect. The parameters are copied (in a "
                "differentiable manner) from the original module. This means they are not leaf nodes in autograd and so don't "
                "accumulate gradients. If you need gradients in your forward method, consider using autograd.grad instead.",
                stacklevel=2,
            )
        for parameter in self.parameters():
            if parameter.grad is None:
                continue
            if set_to_none:
                parameter.grad = None
                continue
            if parameter.grad.grad_fn is not None:
                parameter.grad.detach_()
            else:
                parameter.grad.requires_grad_(False)
            parameter.grad.zero_()

    def share_memory(self) -> Any:
        """Move parameters and buffers to memory that other processes can see."""
        return self._apply(lambda t: t.share_memory_())
