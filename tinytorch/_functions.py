"""Public functions of `torch` that are not operators: construction from data, questions about tensors, settings."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._core import dtypes
from ._core import promotion as _promotion
from ._core.device import device as _device
from ._core.device import device_in_force, device_of
from ._core.dtypes import defaults, dtype
from ._core.numbers import number_type
from ._core.overrides import dispatch_function, has_override
from ._core.storage import UntypedStorage
from ._core.tensor import Tensor
from ._core.warning import Once
from .autograd._functions import is_grad_enabled, is_inference_mode_enabled  # noqa: F401


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a tensor."""
    return isinstance(obj, Tensor)


def _assert(condition: Any, message: Any) -> Any:
    """`assert` as a function, which tracing can write down. Raises AssertionError with the message."""
    if type(condition) is not Tensor and has_override((condition,), {}):
        return dispatch_function(_assert, (condition, message), {}, "_assert")
    assert condition, message
    return None


def is_storage(obj: Any) -> bool:
    """Whether `obj` is a storage."""
    from ._core.storage import TypedStorage

    return isinstance(obj, UntypedStorage | TypedStorage)


def _require(function: str, value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        from ._core.sealed import type_name

        raise TypeError(f"{function}(): argument 'input' (position 1) must be Tensor, not {type_name(value)}")
    return value


def is_floating_point(input: Any) -> bool:
    """Whether the element type is a floating one."""
    return _require("is_floating_point", input).is_floating_point()


def is_complex(input: Any) -> bool:
    """Whether the element type is complex."""
    return _require("is_complex", input).is_complex()


def is_nonzero(input: Any) -> bool:
    """Whether the only element differs from zero."""
    value = _require("is_nonzero", input)
    if value.numel() != 1:
        text = "no values" if not value.numel() else "more than one value"
        raise RuntimeError(f"Boolean value of Tensor with {text} is ambiguous")
    return bool(value)


def is_inference(input: Any) -> bool:
    return _require("is_inference", input).is_inference()


def is_conj(input: Any) -> bool:
    return _require("is_conj", input).is_conj()


def is_neg(input: Any) -> bool:
    return _require("is_neg", input).is_neg()


def numel(input: Any) -> int:
    """The number of elements."""
    return _require("numel", input).numel()


def is_same_size(input: Any, other: Any) -> bool:
    return bool(_require("is_same_size", input).is_same_size(other))


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether values of one type may be stored as the other. Source: torch's documentation, torch.can_cast."""
    return _promotion.can_cast(need_dtype("can_cast", "from_", 1, from_), need_dtype("can_cast", "to", 2, to))


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest type that holds both. Raises RuntimeError for float8 and wide unsigned types. Source: torch's documentation."""
    return _promotion.promote_types(
        need_dtype("promote_types", "type1", 1, type1), need_dtype("promote_types", "type2", 2, type2)
    )


_complex = complex  # this module publishes a function of the name
_PYTHON_TYPES = {float: dtypes.float64, int: dtypes.int64, bool: dtypes.bool_, _complex: dtypes.complex128}


def need_dtype(function: str, name: str, position: int, value: Any) -> dtype:
    if isinstance(value, dtype):
        return value
    if isinstance(value, type) and value in _PYTHON_TYPES:
        return _PYTHON_TYPES[value]
    from ._core.sealed import type_name

    raise TypeError(
        f"{function}(): argument '{name}' (position {position}) must be torch.dtype, not {type_name(value)}"
    )


def result_type(*args: Any) -> dtype:
    """result_type(tensor1, tensor2): the type that an operation on both, tensors or numbers, would compute in."""
    operands: list[tuple[dtype, str]] = []
    if len(args) != 2 or not all(
        isinstance(value, Tensor | int | float | _complex | np.generic) for value in args
    ):
        from ._core.sealed import type_name

        got = ", ".join(type_name(value) for value in args)
        forms = (
            "(Tensor tensor, Tensor other)",
            "(Number scalar, Tensor tensor)",
            "(Tensor tensor, Number other)",
            "(Number scalar1, Number scalar2)",
        )
        raise TypeError(
            f"result_type() received an invalid combination of arguments - got ({got}), but expected one of:\n"
            + "".join(f" * {form}\n{_misfit(form, args)}" for form in forms)
        )
    tensor1, tensor2 = args
    for value in (tensor1, tensor2):
        if isinstance(value, Tensor):
            operands.append((value.dtype, "dim" if value.dim() else "zero_dim"))
        else:
            operands.append((number_type(value), "wrapped"))
    return _promotion.result_type_of(operands, defaults.dtype)  # type: ignore[arg-type]


def _misfit(form: str, args: tuple[Any, ...]) -> str:
    """The line of torch's report that marks the arguments a form cannot take."""
    from ._core.sealed import type_name

    if len(args) != 2:
        return ""
    shown = []
    for value, wanted in zip(args, form[1:-1].split(", "), strict=True):
        fits = isinstance(
            value, Tensor if wanted.startswith("Tensor") else int | float | _complex | np.generic
        )
        shown.append(type_name(value) if fits else f"!{type_name(value)}!")
    return f"      didn't match because some of the arguments have invalid types: ({', '.join(shown)})\n"


def get_default_dtype() -> dtype:
    """The type of floating tensors made without naming one."""
    return defaults.dtype


def set_default_dtype(d: dtype) -> None:
    """Change the type of floating tensors made without naming one. Raises TypeError for other types."""
    if not isinstance(d, dtype):
        raise TypeError("invalid dtype object: only floating-point types are supported as the default type")
    if not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    if d in dtypes.FLOAT8:
        raise TypeError(f"couldn't find storage object {_promotion.SCALAR_TYPE_NAMES[d]}Storage")
    defaults.set(d)


def set_default_tensor_type(t: Any) -> None:
    """Legacy form of `set_default_dtype`."""
    from ._core.tensor_properties import legacy_dtype

    set_default_dtype(legacy_dtype(t))


_default_device: list[Any] = []


def set_default_device(device: Any) -> None:
    """Where factories put tensors from now on."""
    stack = _device._stack.devices  # type: ignore[attr-defined]
    if _default_device:
        stack.remove(_default_device.pop())
    if device is not None:
        place = _device(device)
        stack.insert(0, place)
        _default_device.append(place)


def get_default_device() -> Any:
    """Where factories put tensors. Raises what making one raises if the device has no number and is not there."""
    place = device_in_force() or device_of("cpu")
    if place.index is None and place.type not in ("cpu", "meta"):
        from ._creation import tensor

        return tensor([]).device
    return place


def typename(obj: Any) -> str:
    """The name torch uses for the type of `obj`."""
    if isinstance(obj, Tensor):
        return obj.type()  # type: ignore[no-any-return]
    cls = obj if isinstance(obj, type) else type(obj)
    module = getattr(obj, "__module__", "") or cls.__module__ or ""
    name = getattr(obj, "__qualname__", "") or cls.__qualname__
    return name if module in ("", "builtins") else f"{module}.{name}"


class _Settings:
    """Process-wide switches that change nothing here but are remembered."""

    threads = 0
    interop = 0
    deterministic = False
    deterministic_warn = False
    precision = "highest"


def get_num_threads() -> int:
    """Threads torch would use inside operators; remembered only."""
    import os

    return _Settings.threads or int(os.environ.get("OMP_NUM_THREADS", 0) or 0) or os.cpu_count() or 1


def set_num_threads(int: int) -> None:
    """Remember a number of threads. Raises RuntimeError unless positive."""
    if int <= 0:
        raise RuntimeError("set_num_threads expects a positive integer")
    _Settings.threads = int


def get_num_interop_threads() -> int:
    return _Settings.interop or get_num_threads()


def set_num_interop_threads(int: int) -> None:
    _Settings.interop = int


def are_deterministic_algorithms_enabled() -> bool:
    return _Settings.deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    return _Settings.deterministic_warn


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Every algorithm here is deterministic; the switch is remembered."""
    _Settings.deterministic = mode
    _Settings.deterministic_warn = warn_only


def get_deterministic_debug_mode() -> int:
    return 0 if not _Settings.deterministic else 1 if _Settings.deterministic_warn else 2


def set_deterministic_debug_mode(debug_mode: Any) -> None:
    level = {"default": 0, "warn": 1, "error": 2}.get(debug_mode, debug_mode)
    use_deterministic_algorithms(level > 0, warn_only=level == 1)


def is_warn_always_enabled() -> bool:
    return Once.always


def set_warn_always(b: bool) -> None:
    Once.always = b


def get_float32_matmul_precision() -> str:
    return _Settings.precision


def set_float32_matmul_precision(precision: str) -> None:
    """Remember a precision; products are always computed in full."""
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(f"Unknown matmul precision: {precision}")
    _Settings.precision = precision


def is_anomaly_enabled() -> bool:
    from ._core.modes import modes

    return modes.anomaly


def is_anomaly_check_nan_enabled() -> bool:
    from ._core.modes import modes

    return modes.anomaly_nan


def is_vulkan_available() -> bool:
    return False


def set_flush_denormal(mode: bool) -> bool:
    return False


def detach(input: Any) -> Any:
    """The same elements without history."""
    return _require("detach", input).detach()


def detach_(input: Any) -> Any:
    """Forget the history in place."""
    return _require("detach_", input).detach_()


def get_device(input: Any) -> int:
    """The number of the accelerator; -1 in host memory."""
    return int(_require("get_device", input).get_device())


def is_signed(input: Any) -> bool:
    """Whether the element type has negative numbers."""
    return bool(_require("is_signed", input).is_signed())


def cudnn_is_acceptable(input: Any) -> bool:
    """False: there is no cuDNN."""
    _require("cudnn_is_acceptable", input)
    return False


def _has_compatible_shallow_copy_type(input: Any, other: Any) -> bool:
    """Whether one tensor's memory could take the place of the other's: of one layout, and both with or both without data."""
    return bool(input.layout is other.layout and input.is_meta == other.is_meta)


def is_distributed(input: Any) -> bool:
    """False: no tensor is."""
    _require("is_distributed", input)
    return False


def get_device_module(device: Any = None) -> Any:
    """The module of a kind of device, `torch.cpu` for the CPU. Raises RuntimeError where there is none."""
    import tinytorch

    if device is None:
        kind = "cpu"
    elif isinstance(device, _device):
        kind = device.type
    elif isinstance(device, str):
        kind = _device(device).type
    else:
        raise RuntimeError(f"Invalid value of device '{device}', expect torch.device, str, or None")
    module = getattr(tinytorch, kind, None)
    if module is None:
        raise RuntimeError(
            f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'."
        )
    return module


def get_file_path(*path_components: str) -> str:
    """The path of a file that stands beside this package."""
    import os

    return os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), *path_components)


def einsum(*args: Any) -> Tensor:
    """Sums of products in Einstein's notation. Source: torch's documentation, torch.einsum."""
    from ._operators.einsum import einsum as run

    return run(*args)
