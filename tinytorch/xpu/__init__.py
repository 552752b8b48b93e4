"""``torch.xpu`` of a build without it: the questions have answers, and whatever needs a device raises torch's error."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, NoReturn

default_generators: tuple[Any, ...] = ()


def _lazy_init() -> NoReturn:
    raise AssertionError("Torch not compiled with XPU enabled")


def is_available() -> bool:
    return False


def is_initialized() -> bool:
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    return False


def device_count() -> int:
    return 0


def get_arch_list() -> list[str]:
    return []


def init() -> None:
    _lazy_init()


def synchronize(device: Any = None) -> None:
    _lazy_init()


def current_device() -> int:
    _lazy_init()


def set_device(device: Any) -> None:
    _lazy_init()


def get_device_name(device: Any = None) -> str:
    _lazy_init()


def get_device_capability(device: Any = None) -> dict[str, Any]:
    _lazy_init()


def get_device_properties(device: Any = None) -> Any:
    _lazy_init()


def current_stream(device: Any = None) -> Any:
    _lazy_init()


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


def get_rng_state(device: Any = "xpu") -> Any:
    _lazy_init()


def get_rng_state_all() -> list[Any]:
    return []


def set_rng_state(new_state: Any, device: Any = "xpu") -> None:
    """Nothing to set."""


def set_rng_state_all(new_states: Iterable[Any]) -> None:
    """Nothing to set."""


def empty_cache() -> None:
    """Nothing is cached."""


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


def mem_get_info(device: Any = None) -> tuple[int, int]:
    _lazy_init()


class Stream:
    """Cannot be made."""

    __module__ = "torch.xpu.streams"

    def __new__(cls, *arguments: Any, **named: Any) -> NoReturn:
        raise RuntimeError("Tried to instantiate dummy base class Stream")


class Event:
    """Cannot be made."""

    __module__ = "torch.xpu.streams"

    def __new__(cls, *arguments: Any, **named: Any) -> NoReturn:
        raise RuntimeError("Tried to instantiate dummy base class Event")
