"""The default generator: seeding it, saving and restoring its state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ._core.generator import Generator, default_generator

__all__ = [
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
    "thread_safe_generator",
]


def manual_seed(seed: Any) -> Generator:
    """Restart the default generator from `seed`, -2^63 to 2^64 - 1, and return it.

    Raises ValueError for numbers outside. Source: torch's documentation, torch.manual_seed.
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Restart the default generator from the system's entropy; returns the 64-bit seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """The state of the default generator, a (5056,) uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Continue the default generator from a state. Raises TypeError or RuntimeError for what is none."""
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(
    devices: Any = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str | None = None,
) -> Iterator[None]:
    """A block after which the default generator is where it was before. With enabled=False, nothing is restored.

    Raises what the accelerator's module raises where `devices` names accelerators. Source: torch's documentation,
    torch.random.fork_rng.
    """
    if device_type == "meta":
        yield
        return
    from . import device as device_class

    module = _accelerator(device_class(device_type or "cuda").type)
    if not enabled:
        yield
        return
    places = range(module.device_count()) if devices is None and module is not None else list(devices or ())
    before = get_rng_state()
    states = [module.get_rng_state(place) for place in places]
    try:
        yield
    finally:
        set_rng_state(before)
        for place, state in zip(places, states, strict=True):
            module.set_rng_state(state, place)


def _accelerator(kind: str) -> Any:
    """The module of a kind of device, which counts its devices and keeps their states; None where there is none."""
    import importlib

    if kind not in ("cuda", "mps", "xpu", "mtia"):
        return None
    return importlib.import_module(f"{__package__}.{kind}")


def thread_safe_generator() -> Generator | None:
    """The generator of a data loader's worker thread; None elsewhere, which stands for the default generator."""
    from .utils.data import get_worker_info

    worker = get_worker_info()
    if worker is not None and getattr(worker, "worker_method", None) == "thread" and worker.rng is not None:
        generator: Generator = worker.rng.torch_generator
        return generator
    return None
