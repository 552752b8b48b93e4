"""``torch.compiler``: hints to a compiler that is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tinytorch import _compile

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "reset",
    "set_stance",
]


def compile(*args: Any, **kwargs: Any) -> Any:
    """`torch.compile`."""
    return _compile.compile(*args, **kwargs)


def is_compiling() -> bool:
    return False


def is_dynamo_compiling() -> bool:
    return False


def is_exporting() -> bool:
    return False


def reset() -> None:
    """Nothing is cached."""


def list_backends(exclude_tags: Iterable[str] = ("debug", "experimental")) -> list[str]:
    """The names that ``torch.compile(backend=...)`` takes."""
    debug = () if "debug" in tuple(exclude_tags) else _compile._DEBUG_BACKENDS
    return sorted((*_compile._BACKENDS, *debug))


def disable(
    fn: Callable[..., Any] | None = None, recursive: bool = True, *, reason: str | None = None
) -> Any:
    """``fn``, or a decorator that gives its function back."""
    return (lambda function: function) if fn is None else fn


def allow_in_graph(fn: Any) -> Any:
    return fn


def assume_constant_result(fn: Any) -> Any:
    return fn


def cudagraph_mark_step_begin() -> None:
    """There are no graphs."""


class set_stance:
    """Call it, decorate with it, or use it in a ``with`` block; nothing is compiled under any stance."""

    __module__ = "torch._dynamo.decorators"

    def __init__(
        self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend: Any = None
    ) -> None:
        self.stance = stance

    def __call__(self, fn: Any) -> Any:
        return fn

    def __enter__(self) -> None:
        """Nothing to change."""

    def __exit__(self, *error: object) -> None:
        """Nothing to restore."""
