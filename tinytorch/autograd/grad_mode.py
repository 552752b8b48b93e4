"""Switching gradient recording on and off, as contexts and decorators."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from .._core.modes import interpose, modes, release
from .._core.tensor import counter_of


class _Decorating:
    """A context that can also wrap functions, generators and coroutines: it is in force whenever their code runs."""

    def clone(self) -> Any:
        return type(self)()

    def __enter__(self) -> Any:
        raise NotImplementedError

    def __exit__(self, *exception: object) -> None:
        raise NotImplementedError

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isclass(function):
            import warnings

            warnings.warn(
                "Decorating classes is deprecated and will be disabled in future versions. You should only decorate functions or methods. To "
                "preserve the current behavior of class decoration, you can directly decorate the `__init__` method and nothing else.",
                FutureWarning,
                stacklevel=2,
            )
            original = function
            return functools.wraps(original, updated=())(
                lambda *args, **kwargs: self(original.__call__)(*args, **kwargs)
            )  # type: ignore[no-any-return]
        if inspect.isgeneratorfunction(function):
            return self._wrap_generator(function)

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return function(*args, **kwargs)

        return wrapped

    def _wrap_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            generator = function(*args, **kwargs)
            try:
                with self.clone():
                    response = generator.send(None)
                while True:
                    try:
                        request = yield response
                    except GeneratorExit:
                        with self.clone():
                            generator.close()
                        raise
                    except BaseException as error:
                        with self.clone():
                            response = generator.throw(error)
                    else:
                        with self.clone():
                            response = generator.send(request)
            except StopIteration as stop:
                return stop.value

        return wrapped


class no_grad(_Decorating):
    """Nothing is recorded inside. Source: torch's documentation, torch.no_grad."""

    __module__ = "torch.autograd.grad_mode"

    def __new__(cls, orig_func: Any = None) -> Any:
        self = object.__new__(cls)
        return self if orig_func is None else self(orig_func)

    def __enter__(self) -> None:
        self.prev = modes.grad
        modes.grad = False

    def __exit__(self, *exception: object) -> None:
        modes.grad = self.prev


class enable_grad(no_grad):
    """Recording is on inside, also within no_grad."""

    __module__ = "torch.autograd.grad_mode"

    def __enter__(self) -> None:
        self.prev = modes.grad
        modes.grad = True


class set_grad_enabled(_Decorating):
    """Sets recording at once; as a context, until its end."""

    __module__ = "torch.autograd.grad_mode"

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(f"enabled must be a bool (got {type(mode).__name__})")
        self.prev = modes.grad
        self.mode = mode
        modes.grad = mode

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        modes.grad = self.prev
        return super().__call__(function)

    def __enter__(self) -> None:
        modes.grad = self.mode

    def __exit__(self, *exception: object) -> None:
        modes.grad = self.prev

    def __str__(self) -> str:
        return f"torch.autograd.grad_mode.set_grad_enabled(mode={self.mode})"

    __repr__ = __str__

    def clone(self) -> set_grad_enabled:
        previous = modes.grad
        twin = set_grad_enabled(self.mode)
        twin.prev = previous
        return twin


class inference_mode(_Decorating):
    """No recording, and results that can never take part in it. Source: torch's documentation, torch.inference_mode."""

    __module__ = "torch.autograd.grad_mode"

    def __new__(cls, mode: Any = True) -> Any:
        if isinstance(mode, bool):
            return object.__new__(cls)
        return cls()(mode)

    def __init__(self, mode: Any = True) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        self.prev = (modes.grad, modes.inference)
        modes.inference = self.mode
        if self.mode:
            modes.grad = False
            interpose()
        else:
            modes.grad = True

    def __exit__(self, *exception: object) -> None:
        if self.mode:
            release()
        modes.grad, modes.inference = self.prev

    def clone(self) -> inference_mode:
        return inference_mode(self.mode)


class set_multithreading_enabled(_Decorating):
    """Keeps the switch that torch has for several threads in backward; passes here always run in the calling thread."""

    __module__ = "torch.autograd.grad_mode"

    def __init__(self, mode: bool) -> None:
        self.prev = modes.multithreading
        modes.multithreading = mode
        self.mode = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        modes.multithreading = self.prev

    def clone(self) -> set_multithreading_enabled:
        return set_multithreading_enabled(self.mode)


class _force_original_view_tracking(_Decorating):
    """Views are tracked in one way only; the switch changes nothing."""

    __module__ = "torch.autograd.grad_mode"

    def __init__(self, mode: bool) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        pass

    def clone(self) -> _force_original_view_tracking:
        return _force_original_view_tracking(self.mode)


class _unsafe_preserve_version_counter(_Decorating):
    """Writing inside leaves the version counters of the given tensors as they were."""

    __module__ = "torch.autograd.grad_mode"

    def __init__(self, tensors: Any) -> None:
        self.tensors = tensors if isinstance(tensors, tuple) else (tensors,)
        self.prev_versions = tuple([tensor._version for tensor in self.tensors])

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        for tensor, version in zip(self.tensors, self.prev_versions, strict=True):
            counter_of(tensor)[0] = version


class enforce_grad_layout_policy(_Decorating):
    """Whether gradients are laid out like what they are the gradients of; if not, those that nobody else holds stay as they arrive.

    It is in force from the moment it is made.
    """

    __module__ = "torch.autograd.grad_mode"

    def __init__(self, enable: bool = True) -> None:
        if not isinstance(enable, bool):
            raise TypeError(
                f"set_grad_layout_enforcement_enabled(): argument 'enabled' (position 1) must be bool, not {type(enable).__name__}"
            )
        self.prev, modes.gradient_layout = modes.gradient_layout, enable
        self.mode = enable

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        modes.gradient_layout = self.prev
        return super().__call__(function)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        modes.gradient_layout = self.prev

    def clone(self) -> enforce_grad_layout_policy:
        return enforce_grad_layout_policy(self.mode)
