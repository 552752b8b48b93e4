"""``torch.mps`` of a machine without Metal: nothing is there, and using it raises torch's error."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = [
    "current_allocated_memory",
    "device_count",
    "driver_allocated_memory",
    "empty_cache",
    "get_rng_state",
    "is_available",
    "manual_seed",
    "recommended_max_memory",
    "seed",
    "set_per_process_memory_fraction",
    "set_rng_state",
    "synchronize",
]


def _refuse(call: str) -> NoReturn:
    raise RuntimeError(f"Cannot execute {call}() without MPS backend.")


def is_available() -> bool:
    return False


def device_count() -> int:
    return 0


def manual_seed(seed: int) -> None:
    int(seed)


def seed() -> None:
    _refuse("getDefaultGenerator")


def get_rng_state(device: Any = "mps") -> Any:
    _refuse("getDefaultGenerator")


def set_rng_state(new_state: Any, device: Any = "mps") -> None:
    _refuse("getDefaultGenerator")


def synchronize() -> None:
    _refuse("deviceSynchronize")


def empty_cache() -> None:
    _refuse("emptyCache")


def set_per_process_memory_fraction(fraction: float) -> None:
    _refuse("setMemoryFraction")


def current_allocated_memory() -> int:
    _refuse("getCurrentAllocatedMemory")


def driver_allocated_memory() -> int:
    _refuse("getDriverAllocatedMemory")


def recommended_max_memory() -> int:
    _refuse("getRecommendedMaxMemory")
