"""Decorators of data pipes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .datapipe import IterDataPipe, MapDataPipe


class functional_datapipe:
    """Make a class of pipes a method of all pipes."""

    def __init__(self, name: str, enable_df_api_tracing: bool = False) -> None:
        self.name = name
        self.enable_df_api_tracing = enable_df_api_tracing

    def __call__(self, cls: Any) -> Any:
        for base in (IterDataPipe, MapDataPipe):
            if isinstance(cls, type) and issubclass(cls, base):
                base.register_datapipe_as_function(self.name, cls)
        return cls


class guaranteed_datapipes_determinism:
    """A block in which pipes that depend on chance are refused."""

    active = False

    def __init__(self) -> None:
        self._before = guaranteed_datapipes_determinism.active
        guaranteed_datapipes_determinism.active = True

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        guaranteed_datapipes_determinism.active = self._before


class non_deterministic:
    """Marks a class of pipes as dependent on chance, always or if a function of its arguments says so."""

    def __init__(self, arg: Any) -> None:
        self.cls: Any = None
        self._decides: Callable[..., bool] = lambda *args, **kwargs: True
        if isinstance(arg, type):
            if not issubclass(arg, IterDataPipe):
                raise TypeError(
                    f"Only `IterDataPipe` can be decorated with `non_deterministic`, but {arg.__name__} is found"
                )
            self.cls = arg
        elif callable(arg):
            self._decides = arg
        else:
            raise TypeError(f"{arg} can not be decorated by non_deterministic")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.cls is not None:
            return self._made(self.cls, args, kwargs)
        cls = args[0]
        if not (isinstance(cls, type) and issubclass(cls, IterDataPipe)):
            raise TypeError(f"Only `IterDataPipe` can be decorated, but {cls.__name__} is found")
        return lambda *inner, **keywords: self._made(cls, inner, keywords)

    def _made(self, cls: Any, args: Any, kwargs: Any) -> Any:
        if self._decides(*args, **kwargs) and guaranteed_datapipes_determinism.active:
            raise TypeError(
                f"{cls.__name__} is non-deterministic, but you set 'guaranteed_datapipes_determinism'. You can turn off determinism for this "
                "DataPipe if that is acceptable for your application"
            )
        return cls(*args, **kwargs)


def argument_validation(f: Any) -> Any:
    """The function; its pipes are checked to be pipes where they are annotated so. Raises TypeError."""
    signature = inspect.signature(f)

    def checked(*args: Any, **kwargs: Any) -> Any:
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            kind = signature.parameters[name].annotation
            if (
                inspect.isclass(kind)
                and issubclass(kind, IterDataPipe)
                and not isinstance(value, IterDataPipe)
            ):
                raise TypeError(f"Expected argument '{name}' as a IterDataPipe, but found {type(value)}")
        return f(*args, **kwargs)

    return checked


class runtime_validation_disabled:
    """A block in which nothing is checked at run time; nothing is anyway."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        pass


def runtime_validation(f: Any) -> Any:
    """The function itself: the types of items are not checked."""
    return f
