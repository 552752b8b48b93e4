"""``torch.cuda`` of a build without CUDA: the questions have answers, and whatever needs a device raises torch's error."""

from __future__ import annotations

import importlib
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, NoReturn

from ._device_only import *  # noqa: F403  (every name, as torch publishes them)

# As in torch: cards that tinytorch will never see.
default_generators: tuple[Any, ...] = ()
has_half = True
has_magma = False


class OutOfMemoryError(RuntimeError):
    """Raised where a device is out of memory; here so that programs can name it in ``except``."""

    __module__ = "torch"


class CudaError(RuntimeError):
    """An error code of the CUDA runtime."""

    __module__ = "torch.cuda"


class DeferredCudaCallError(Exception):
    """A call queued before CUDA was initialised failed."""

    __module__ = "torch.cuda"


def _lazy_init() -> NoReturn:
    raise AssertionError("Torch not compiled with CUDA enabled")


def _absent(name: str) -> NoReturn:
    """What a build without CUDA answers where its Python half calls a native half that was left out."""
    raise AttributeError(f"module 'torch._C' has no attribute '{name}'")


def _device_index(device_argument: Any, optional: bool = False) -> int | None:
    """The index in an int, a string or a ``torch.device``, with torch's errors."""
    if isinstance(device_argument, int):
        return device_argument
    argument = device_argument
    if isinstance(argument, str):
        from tinytorch._core.device import device as parse

        argument = parse(argument)
    index = None
    if hasattr(argument, "type") and hasattr(argument, "index"):
        if argument.type != "cuda":
            raise ValueError(f"Expected a cuda device, but got: {argument}")
        index = argument.index
    elif hasattr(argument, "idx"):
        index = argument.idx
    if index is None and not optional:
        raise ValueError(
            f"Expected a torch.device with a specified index or an integer, but got:{device_argument}"
        )
    return index


def is_available() -> bool:
    """False: there is no CUDA."""
    return False


def is_initialized() -> bool:
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    return False


def is_tf32_supported() -> bool:
    return False


def device_count() -> int:
    return 0


def get_arch_list() -> list[str]:
    return []


def get_gencode_flags() -> str:
    return ""


def init() -> None:
    _lazy_init()


def synchronize(device: Any = None) -> None:
    _lazy_init()


def current_device() -> int:
    _lazy_init()


def set_device(device: Any) -> None:
    index = _device_index(device)
    if index is not None and index >= 0:
        _absent("_cuda_setDevice")


def get_device_name(device: Any = None) -> str:
    _lazy_init()


def get_device_capability(device: Any = None) -> tuple[int, int]:
    _lazy_init()


def get_device_properties(device: Any = None) -> Any:
    _lazy_init()


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    _lazy_init()


# ----- random numbers: seeding is remembered for a device that never comes up, so it does nothing


def manual_seed(seed: int) -> None:
    int(seed)


def manual_seed_all(seed: int) -> None:
    int(seed)


def seed() -> None:
    """Nothing to seed."""


def seed_all() -> None:
    """Nothing to seed."""


def initial_seed() -> int:
    _lazy_init()


def get_rng_state(device: Any = "cuda") -> Any:
    _lazy_init()


def get_rng_state_all() -> list[Any]:
    return []


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Nothing to set."""


def set_rng_state_all(new_states: Iterable[Any]) -> None:
    """Nothing to set: there is no device for any of the states."""


# ----- memory


def empty_cache() -> None:
    """Nothing is cached."""


def ipc_collect() -> None:
    _lazy_init()


def memory_allocated(device: Any = None) -> int:
    return 0


def max_memory_allocated(device: Any = None) -> int:
    return 0


def memory_reserved(device: Any = None) -> int:
    return 0


def max_memory_reserved(device: Any = None) -> int:
    return 0


def memory_stats(device: Any = None) -> OrderedDict[str, Any]:
    return OrderedDict()


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    raise KeyError("allocated_bytes.all.current")


def mem_get_info(device: Any = None) -> tuple[int, int]:
    _lazy_init()


def reset_peak_memory_stats(device: Any = None) -> None:
    _absent("_cuda_resetPeakMemoryStats")


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    _lazy_init()


# ----- devices and streams


class device:
    """``with torch.cuda.device(index)``: entering it raises, except for a negative index, which means "leave it as it is"."""

    __module__ = "torch.cuda"

    def __init__(self, device: Any) -> None:
        self.idx = _device_index(device, optional=True)
        self.prev_idx = -1

    def __enter__(self) -> None:
        if self.idx is None:
            raise TypeError("'<' not supported between instances of 'NoneType' and 'int'")
        if self.idx >= 0:
            raise RuntimeError("PyTorch was compiled without CUDA support")

    def __exit__(self, type: Any, value: Any, traceback: Any) -> None:
        """Nothing was entered."""


class device_of(device):
    """``with torch.cuda.device_of(tensor)``: nothing, since no tensor is on a CUDA device."""

    __module__ = "torch.cuda"

    def __init__(self, obj: Any) -> None:
        super().__init__(-1)


class StreamContext:
    """``with torch.cuda.stream(stream)``; ``None`` is the only stream there can be."""

    __module__ = "torch.cuda"

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        if self.stream is not None:
            _lazy_init()

    def __exit__(self, type: Any, value: Any, traceback: Any) -> None:
        """Nothing was entered."""


def stream(stream: Any) -> StreamContext:
    return StreamContext(stream)


def set_stream(stream: Any) -> None:
    if stream is not None:
        _lazy_init()


def current_stream(device: Any = None) -> Any:
    _lazy_init()


def default_stream(device: Any = None) -> Any:
    _lazy_init()


class Stream:
    """Cannot be made."""

    __module__ = "torch.cuda.streams"

    def __new__(cls, *arguments: Any, **named: Any) -> NoReturn:
        raise RuntimeError("torch.cuda.Stream requires CUDA support")


class Event:
    """Cannot be made."""

    __module__ = "torch.cuda.streams"

    def __new__(cls, *arguments: Any, **named: Any) -> NoReturn:
        raise RuntimeError("Tried to instantiate dummy base class Event")


class CUDAGraph:
    """Cannot be made."""

    __module__ = "torch.cuda.graphs"

    def __new__(cls, *arguments: Any, **named: Any) -> NoReturn:
        raise RuntimeError("Tried to instantiate dummy base class CUDAGraph")


def _tensor_type(name: str) -> type:
    def refuse(cls: type, *arguments: Any, **named: Any) -> NoReturn:
        raise TypeError(f"type torch.cuda.{name} not available. Torch not compiled with CUDA enabled.")

    return type(name, (), {"__module__": "torch.cuda", "__new__": refuse})


# The types of tensors on a CUDA device. Programs ask `isinstance(x, torch.cuda.FloatTensor)`: never.
BFloat16Tensor = _tensor_type("BFloat16Tensor")
BoolTensor = _tensor_type("BoolTensor")
ByteTensor = _tensor_type("ByteTensor")
CharTensor = _tensor_type("CharTensor")
DoubleTensor = _tensor_type("DoubleTensor")
FloatTensor = _tensor_type("FloatTensor")
HalfTensor = _tensor_type("HalfTensor")
IntTensor = _tensor_type("IntTensor")
LongTensor = _tensor_type("LongTensor")
ShortTensor = _tensor_type("ShortTensor")


def __getattr__(name: str) -> Any:
    if name == "amp":
        return importlib.import_module(".amp", __name__)
    raise AttributeError(f"module 'torch.cuda' has no attribute '{name}' (tinytorch lacks it)")
