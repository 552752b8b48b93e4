"""``torch.compile``: there is no compiler, so a compiled function is the function and a compiled module runs the module."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

_MODES = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")
_BACKENDS = ("cudagraphs", "inductor", "openxla", "tvm")
_DEBUG_BACKENDS = ("aot_eager", "aot_eager_decomp_partition", "aot_eager_default_partitioner", "eager")


class InvalidBackend(RuntimeError):
    """The backend's name is not known."""

    __module__ = "torch._dynamo.exc"


def _check(backend: str | Callable[..., Any], mode: str | None, options: dict[str, Any] | None) -> None:
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if callable(backend):
        raise NotImplementedError(
            "torch.compile with a function as its backend: tinytorch does not capture graphs, so it has none to give it"
        )
    if backend not in _BACKENDS + _DEBUG_BACKENDS:
        raise InvalidBackend(
            f"Invalid backend: {backend!r}, see `torch._dynamo.list_backends()` for available backends."
        )
    if mode is not None and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")


def compile(
    model: Callable[..., Any] | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str | Callable[..., Any] | None = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
    **later: Any,
) -> Any:
    """Return ``model``, or a decorator where it is left out.

    A function comes back as it is; a module comes back inside an ``OptimizedModule``, as with torch, whose parameters are
    named ``_orig_mod.…``. ``fullgraph``, ``dynamic``, ``mode`` and ``options`` are checked and change nothing.

    Raises:
        NotImplementedError: for a backend that is a function: there is no graph to hand it.
        RuntimeError: for an unknown backend or mode, or for both ``mode`` and ``options``.
        AssertionError: if ``model`` cannot be called.
    """
    later.pop("name", None)
    later.pop("recompile_limit", None)
    for name in later:
        raise TypeError(f"compile() got an unexpected keyword argument '{name}'")
    if model is None:
        return lambda model: compile(
            model,
            fullgraph=fullgraph,
            dynamic=dynamic,
            backend=backend,
            mode=mode,
            options=options,
            disable=disable,
        )
    if not callable(model):
        raise AssertionError(f"A callable function is expected, but {type(model)} is provided.")
    _check("inductor" if backend is None else backend, mode, options)
    if disable:
        return model
    from tinytorch.nn import Module

    return _optimized_module()(model) if isinstance(model, Module) else model


@cache
def _optimized_module() -> type:
    """The class ``OptimizedModule``, made when the first module is compiled, so that importing this file is cheap."""
    from tinytorch.nn import Module

    class OptimizedModule(Module):
        """A module in front of another: attributes, parameters and calls are the other's."""

        __module__ = "torch._dynamo.eval_frame"

        def __init__(self, module: Any) -> None:
            super().__init__()
            self._orig_mod = module
            self.training = module.training

        def forward(self, *arguments: Any, **named: Any) -> Any:
            return self._orig_mod(*arguments, **named)

        def train(self, mode: bool = True) -> Any:
            self._orig_mod.train(mode)
            return super().train(mode)

        def __getattr__(self, name: str) -> Any:
            if name == "_orig_mod":
                return self._modules["_orig_mod"]
            return getattr(self._orig_mod, name)

        def __setattr__(self, name: str, value: Any) -> None:
            if name in ("_orig_mod", "training") or name.startswith("_"):
                super().__setattr__(name, value)
            else:
                setattr(self._orig_mod, name, value)

        def __len__(self) -> int:
            if not hasattr(self._orig_mod, "__len__"):
                raise TypeError(f"{type(self._orig_mod).__name__} does not support len()")
            return len(self._orig_mod)

        def __dir__(self) -> list[str]:
            return sorted({*super().__dir__(), *dir(self._orig_mod)})

        def __reduce__(self) -> Any:
            return (compile, (self._orig_mod,))

    OptimizedModule.__qualname__ = "OptimizedModule"
    return OptimizedModule
