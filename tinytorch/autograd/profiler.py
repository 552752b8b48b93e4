"""The profiler's contexts. Nothing is measured: `profile` says so once, `record_function` costs nothing. Use Python's own profilers."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

__all__ = ["emit_itt", "emit_nvtx", "profile", "record_function"]


class record_function:
    """Labels a block of code in profiles; there are none here, so it does nothing."""

    __module__ = "torch.autograd.profiler"

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self.args = args

    def __enter__(self) -> record_function:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with type(self)(self.name, self.args):
                return function(*args, **kwargs)

        return wrapped


class EventList(list[Any]):
    """What a profile would have recorded. Making one raises NotImplementedError."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        raise NotImplementedError(
            "torch.autograd.profiler.EventList: tinytorch has no profiler; use cProfile"
        )


class profile:
    """A context that would collect timings. It collects none, and warns of that; what it would report raises NotImplementedError."""

    __module__ = "torch.autograd.profiler"

    def __init__(self, enabled: bool = True, **options: Any) -> None:
        self.enabled = enabled

    def __enter__(self) -> profile:
        if self.enabled:
            warnings.warn(
                "tinytorch has no profiler: nothing is recorded here; use cProfile", UserWarning, stacklevel=2
            )
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotImplementedError(f"profile.{name}: tinytorch has no profiler; use cProfile")


class emit_nvtx(profile):
    """Marks ranges for NVIDIA's tools; does nothing here."""

    __module__ = "torch.autograd.profiler"

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        self.enabled = False


class emit_itt(emit_nvtx):
    """Marks ranges for Intel's tools; does nothing here."""

    __module__ = "torch.autograd.profiler"
