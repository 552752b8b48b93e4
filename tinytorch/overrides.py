"""Letting other classes answer for torch's functions: torch.overrides.

Source: torch's documentation, "torch.overrides" and "Extending PyTorch".
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable
from typing import Any

from ._core.modes import modes as _modes
from ._core.overrides import FunctionModeEntry as _Entry
from ._core.overrides import dispatch_function as _dispatch
from ._core.overrides import has_override as _has_override
from ._core.tensor import Tensor as _Tensor
from ._namespace import SUBMODULES as _SUBMODULES

__all__ = [
    "get_ignored_functions",
    "get_overridable_functions",
    "get_testing_overrides",
    "handle_torch_function",
    "has_torch_function",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "resolve_name",
    "wrap_torch_function",
]


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether any of the arguments, or a mode, wants to answer."""
    return _has_override(tuple(relevant_args), {})


def has_torch_function_unary(argument: Any, /) -> bool:
    """`has_torch_function` of one argument."""
    return _has_override((argument,), {})


def has_torch_function_variadic(*args: Any) -> bool:
    """`has_torch_function` of arguments given one by one."""
    return _has_override(args, {})


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Ask modes, then `relevant_args`, for the result of `public_api(*args, **kwargs)`. Raises TypeError if nobody answers."""
    name = f"{public_api.__module__}.{public_api.__name__}".removeprefix("torch.")
    return _dispatch(public_api, args, kwargs, name, tuple(relevant_args))


def redispatch_function(func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """Call `func` as if nobody overrode it; what it calls itself is overridden again."""
    before, _modes.skip_override = _modes.skip_override, True
    try:
        return func(*args, **(kwargs or {}))
    finally:
        _modes.skip_override = before


def wrap_torch_function(dispatcher: Callable[..., Iterable[Any]]) -> Callable[[Any], Any]:
    """A decorator: the function asks the arguments that `dispatcher` picks before it runs."""

    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = tuple(dispatcher(*args, **kwargs))
            if _has_override(relevant, {}):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return function(*args, **kwargs)

        return wrapped

    return decorate


def is_tensor_like(inp: Any) -> bool:
    """Whether `inp` is a tensor or its class has `__torch_function__`."""
    return type(inp) is _Tensor or hasattr(inp, "__torch_function__")


class TorchFunctionMode:
    """A context in which `__torch_function__` hears of every call of torch's functions; the innermost first."""

    inner: TorchFunctionMode

    def __init__(self) -> None:
        pass

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise NotImplementedError

    def __enter__(self) -> Any:
        _Entry.push(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _Entry.pop()

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> Any:
        """An instance. Deprecated in torch."""
        return cls(*args, **kwargs)


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that lets everything through."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


_NAMESPACES = (
    ("torch", ""),
    ("torch.functional", "functional"),
    ("torch.nn.functional", "nn.functional"),
    ("torch.nn.init", "nn.init"),
    ("torch.Tensor", ""),
    ("torch.linalg", "linalg"),
    ("torch.fft", "fft"),
    ("torch.special", "special"),
)

#: Functions that torch takes care of before or without looking at their arguments' classes, by where they are published.
_IGNORED = {
    "": """
    arange are_deterministic_algorithms_enabled as_strided as_tensor asarray autocast_decrement_nesting
    autocast_increment_nesting bartlett_window blackman_window broadcast_shapes can_cast clear_autocast_cache compile
    cudnn_is_acceptable empty empty_permuted empty_strided enable_grad eye fill from_numpy frombuffer full
    get_autocast_cpu_dtype get_autocast_dtype get_autocast_gpu_dtype get_default_device get_default_dtype
    get_deterministic_debug_mode get_device_module get_float32_matmul_precision get_num_interop_threads get_num_threads
    get_rng_state hamming_window hann_window inference_mode initial_seed is_anomaly_check_nan_enabled is_anomaly_enabled
    is_autocast_cache_enabled is_autocast_cpu_enabled is_autocast_enabled is_deterministic_algorithms_warn_only_enabled
    is_grad_enabled is_inference_mode_enabled is_storage is_tensor is_vulkan_available is_warn_always_enabled kaiser_window
    linspace load logspace manual_seed mkldnn_rnn_layer no_grad normal ones promote_types rand rand_like randint randint_like
    randn randn_like randperm range result_type save scalar_tensor seed set_autocast_cache_enabled set_autocast_dtype
    set_autocast_enabled set_default_device set_default_tensor_type set_deterministic_debug_mode
    set_float32_matmul_precision set_flush_denormal set_grad_enabled set_num_interop_threads set_num_threads
    set_printoptions set_rng_state set_warn_always sparse_bsc_tensor sparse_bsr_tensor sparse_compressed_tensor
    sparse_coo_tensor sparse_csc_tensor sparse_csr_tensor tensor thread_safe_generator tril_indices triu_indices typename
    use_deterministic_algorithms vander vmap zeros
    """,
    "Tensor": """
    _conj _make_subclass _make_wrapper_subclass _neg_view _typed_storage as_subclass eig lstsq new new_empty new_empty_strided
    new_full new_ones new_tensor new_zeros solve stride symeig to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc
    to_sparse_csr unflatten
    """,
    "nn.functional": """
    grouped_mm hardsigmoid hardswish scaled_grouped_mm scaled_mm sigmoid tanh upsample upsample_bilinear upsample_nearest
    """,
    "nn.init": """
    calculate_gain constant dirac eye kaiming_normal kaiming_uniform normal orthogonal sparse uniform xavier_normal
    xavier_uniform
    """,
    "fft": "fftfreq rfftfreq",
}


def _root() -> Any:
    return importlib.import_module(__name__.partition(".")[0])


@functools.cache
def get_ignored_functions() -> set[Callable[..., Any]]:
    """Public functions that no argument can override."""
    found = set()
    for place, words in _IGNORED.items():
        owner = functools.reduce(getattr, place.split("."), _root()) if place else _root()
        found |= {getattr(owner, name) for name in words.split() if hasattr(owner, name)}
    return found


@functools.cache
def _overridable() -> tuple[dict[Any, list[Callable[..., Any]]], dict[Any, str]]:
    root = _root()
    ignored = get_ignored_functions()
    found: dict[Any, list[Callable[..., Any]]] = {}
    names: dict[Any, str] = {}
    for text, path in _NAMESPACES:
        namespace = (
            root.Tensor
            if text == "torch.Tensor"
            else importlib.import_module(f"{root.__name__}.{path}")
            if path
            else root
        )
        listed = []
        for name in dir(namespace):
            if text == "torch" and name in _SUBMODULES:
                continue
            if (name.startswith("_") and text != "torch.Tensor") or name in (
                "__class__",
                "__dict__",
                "__new__",
                "__init__",
                "__torch_function__",
            ):
                continue
            value = namespace.__dict__.get(name) if text == "torch.Tensor" else None
            try:
                value = value if isinstance(value, property) else getattr(namespace, name, None)
            except (ImportError, NotImplementedError):
                continue
            if isinstance(value, property):
                value = value.__get__
                names[value] = f"{text}.{name}.__get__"
            elif callable(value) and not isinstance(value, type) and value not in ignored:
                names.setdefault(value, f"{text}.{name}")
            else:
                continue
            listed.append(value)
        found[namespace] = listed
    return found, names


def get_overridable_functions() -> dict[Any, list[Callable[..., Any]]]:
    """The functions that `__torch_function__` can override, by namespace."""
    return _overridable()[0]


def get_testing_overrides() -> dict[Callable[..., Any], Callable[..., Any]]:
    """For every overridable function one that takes what it takes and returns -1."""
    return {
        function: lambda *args, **kwargs: -1
        for functions in get_overridable_functions().values()
        for function in functions
    }


def resolve_name(f: Any) -> str | None:
    """The public name of a function that is given to `__torch_function__` ("torch.Tensor.add"); None if it has none."""
    found = _overridable()[1].get(f)
    return found if found is not None else None


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether `func`, as given to `__torch_function__`, belongs to Tensor."""
    return (
        func in set(get_overridable_functions()[_root().Tensor]) or getattr(func, "__name__", "") == "__get__"
    )


class _Reentrant:
    def __enter__(self) -> None:
        self.before = _modes.torch_function
        _modes.torch_function = True

    def __exit__(self, *exception: object) -> None:
        _modes.torch_function = self.before


def enable_reentrant_dispatch() -> Any:
    """A context in which a handler's own calls are dispatched again."""
    return _Reentrant()
